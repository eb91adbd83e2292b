"""The gate for times and lengths: what no call can be is refused, whatever brought it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.transcription.errors import Unreadable
from callaudit.transcription.possible import AHEAD, EARLIEST, LONGEST, check, check_length, check_start
from callaudit.transcription.transcript import (
    Call,
    Provenance,
    Recording,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
)

NOW = datetime(2026, 3, 9, 2, tzinfo=UTC)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS))
def test_exactly_the_starts_from_1990_to_a_day_after_now_pass(started_at):
    # Of the clock, then of the offset: years 1 and 9999 have no place in UTC.
    since = started_at.replace(tzinfo=UTC) - EARLIEST - started_at.utcoffset()
    possible = timedelta(0) <= since <= NOW + AHEAD - EARLIEST
    if possible:
        check_start(started_at, place="here", now=NOW)
    else:
        with pytest.raises(Unreadable) as refused:
            check_start(started_at, place="here", now=NOW)
        assert refused.value.code == "metadata_impossible"
        assert f"{started_at:%m-%d}" in refused.value.what


def test_a_call_without_a_date_passes():
    check_start(None, place="here")


@pytest.mark.parametrize("seconds", [LONGEST + 1, 1.7e12, 2.0**62, float("inf"), float("nan")])
def test_a_length_beyond_the_longest_recording_is_refused(seconds):
    with pytest.raises(Unreadable) as refused:
        check_length([None, 3.0, seconds], name="call", place="here")
    assert refused.value.code == "too_long"


def test_the_longest_recording_itself_passes():
    check_length([LONGEST, None], name="call", place="here")


def transcript(*, started_at=NOW, duration=60.0, said=10.0, word=10.0, spoken=10.0):
    words = (Word("hello", 1.0, word),)
    return Transcript(
        call=Call(call_id="T-1", source="main", started_at=started_at),
        utterances=(Utterance(role=SpeakerRole.AGENT, text="hello", start=1.0, end=said, words=words),),
        provenance=Provenance(engine="whisper", model="m", weights_hash="w", settings_hash="s"),
        recording=Recording(
            path="T-1.wav", sha256="0", size=1, codec="c", sample_rate=8000, channels=1, duration=duration
        ),
        speech={SpeakerRole.AGENT: (Span(1.0, spoken),)},
    )


def test_a_usual_transcript_passes():
    check(transcript(), now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"started_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"started_at": datetime(9999, 12, 31, tzinfo=UTC)},
        {"duration": 1.7e12},
        {"said": 1.7e12},
        {"word": 2.0**62},
        {"spoken": 2.0**62},
    ],
)
def test_every_time_of_a_transcript_is_looked_at(wrong):
    with pytest.raises(Unreadable):
        check(transcript(**wrong), now=NOW)
