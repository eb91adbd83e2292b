"""The demo calls: they show what samples/README.md says they show."""

import json
import re
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from callaudit.transcription import speech
from callaudit.transcription.audio import Audio, decode
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.inbox import Source, scan
from callaudit.transcription.transcript import Span

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / "samples" / "recordings"
NEW_YORK = ZoneInfo("America/New_York")

sys.path.insert(0, str(ROOT / "scripts"))

import make_samples  # noqa: E402  The path or a skip comes first.

DIALOGUES = make_samples.read_dialogues()
CAST = make_samples.read_cast()
SOUND = {stem: d for stem, d in DIALOGUES.items() if d.fault is None}


def path_of(call_id):
    stem = next(s for s, d in DIALOGUES.items() if d.call_id == call_id)
    return make_samples.recording_path(stem, DIALOGUES[stem], RECORDINGS)


def sidecar_of(call_id):
    return json.loads(path_of(call_id).with_suffix(".json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sounds() -> dict[str, Audio]:
    return {d.call_id: decode(path_of(d.call_id)) for d in SOUND.values()}


def spans(audio: Audio) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    agent, customer = speech.speech_by_channel(audio.samples, audio.sample_rate)
    return agent, customer


def silences(audio: Audio, shortest: float) -> tuple[Span, ...]:
    return speech.both_silent(*spans(audio), duration=audio.duration, shortest=shortest)


def test_every_dialogue_has_its_recording_and_metadata_and_nothing_else_lies_there():
    expected = {make_samples.recording_path(stem, d, RECORDINGS) for stem, d in DIALOGUES.items()}

    assert set(RECORDINGS.iterdir()) == expected | {p.with_suffix(".json") for p in expected}


def test_the_metadata_on_disk_is_what_the_dialogues_and_the_cast_say():
    for dialogue in DIALOGUES.values():
        written = path_of(dialogue.call_id).with_suffix(".json").read_bytes()

        assert written == make_samples.metadata(dialogue, CAST)


def test_the_inbox_takes_every_sound_call_and_refuses_the_one_without_a_date():
    inbox = scan(Source(name="samples", folder=RECORDINGS, zone="America/New_York"))

    cut_off = "C-1014"  # Its metadata are good; only decoding finds the missing half.
    assert {a.call.call_id for a in inbox.arrivals} == {d.call_id for d in SOUND.values()} | {cut_off}
    assert [(Path(q.path).name, q.code) for q in inbox.quarantined] == [(path_of("C-1015").name, "metadata_unparsable")]


def test_the_cut_off_recording_is_refused_as_truncated():
    with pytest.raises(Unreadable) as refused:
        decode(path_of("C-1014"))

    assert refused.value.code == "truncated"


def test_the_recording_without_a_date_is_itself_sound():
    assert decode(path_of("C-1015")).duration > 10


def test_times_are_new_york_times_in_two_iso_weeks_and_a_call_is_on_the_day_the_clocks_change():
    started = [datetime.fromisoformat(d.started_at) for d in SOUND.values()]

    assert {t.isocalendar()[:2] for t in started} == {(2026, 10), (2026, 11)}
    assert all(t.utcoffset() == t.replace(tzinfo=NEW_YORK).utcoffset() for t in started)
    assert "2026-03-08" in {t.date().isoformat() for t in started}


def test_file_names_say_the_local_date_and_the_call():
    for stem, dialogue in SOUND.items():
        assert stem.startswith(f"{dialogue.started_at[:10]}_{dialogue.call_id}_")
        assert re.fullmatch(r"[\w-]+", stem)


def test_four_agents_in_two_teams_speak_in_several_queues_both_ways():
    agents = {d.agent for d in SOUND.values()}

    assert len(agents) == 4
    assert {CAST.agents[a].team for a in agents} == {"North", "South"}
    assert len({d.queue for d in SOUND.values()}) >= 4
    assert {d.direction for d in SOUND.values()} == {"inbound", "outbound"}


def test_most_calls_have_two_channels_two_are_mono_and_two_are_telephone_wav(sounds):
    channels = [audio.channels for audio in sounds.values()]
    codecs = [audio.codec for audio in sounds.values()]

    assert channels.count(2) >= 8
    assert channels.count(1) == 2
    assert (codecs.count("pcm_mulaw"), codecs.count("pcm_alaw")) == (1, 1)
    assert {a.source_rate for a in sounds.values() if a.codec.startswith("pcm")} == {8000}


def test_calls_last_between_45_and_120_seconds(sounds):
    durations = {call: round(audio.duration) for call, audio in sounds.items()}

    assert {call: d for call, d in durations.items() if not 45 <= d <= 120} == {}


def test_everything_together_is_small():
    assert sum(p.stat().st_size for p in RECORDINGS.iterdir()) < 12_000_000


def test_no_recording_is_digital_silence_where_nobody_speaks(sounds):
    for audio in sounds.values():
        quietest_second = min(
            float(np.abs(part).max())
            for channel in audio.samples
            for part in np.array_split(channel, int(audio.duration))
        )

        assert 0 < quietest_second < 0.01


@pytest.mark.parametrize(("call_id", "at_least"), [("C-1004", 2), ("C-1012", 1)])
def test_the_bad_agents_talk_over_the_customer(sounds, call_id, at_least):
    agent, customer = spans(sounds[call_id])
    cut = [a for a in agent for c in customer if c.start + 1.0 < a.start and min(a.end, c.end) - a.start > 1.6]

    assert len(cut) >= at_least


@pytest.mark.parametrize("call_id", ["C-1002", "C-1009"])
def test_a_long_complaint_holds_short_signals_of_the_agent(sounds, call_id):
    agent, customer = spans(sounds[call_id])
    vent = max(speech.union(customer, gap=2.0), key=lambda s: s.duration)
    signals = [a for a in agent if vent.start < a.start and a.end < vent.end]

    assert vent.duration >= 15
    assert len(signals) == 2
    assert all(s.duration < 1.0 for s in signals)


def test_the_long_complaint_of_the_computer_call_holds_no_signal_until_it_is_cut_short(sounds):
    agent, customer = spans(sounds["C-1012"])
    vent = max(speech.union(customer, gap=0.3), key=lambda s: s.duration)

    assert [a for a in agent if vent.start < a.start < vent.start + 15] == []
    assert vent.duration > 15


@pytest.mark.parametrize(("call_id", "seconds"), [("C-1002", 13), ("C-1006", 16), ("C-1011", 18)])
def test_a_hold_is_silence_on_both_channels(sounds, call_id, seconds):
    holds = silences(sounds[call_id], shortest=8.0)

    assert [round(h.duration) for h in holds] == [seconds]


def test_calls_without_a_hold_have_no_long_silence(sounds):
    held = {"C-1002", "C-1006", "C-1011"}
    two_channel = {call: a for call, a in sounds.items() if a.channels == 2 and call not in held}

    assert {call for call, audio in two_channel.items() if silences(audio, shortest=6.0)} == set()


def test_the_kept_promise_is_a_call_to_the_same_customer_the_next_day():
    promised, kept = sidecar_of("C-1002"), sidecar_of("C-1003")

    assert kept["direction"] == "outbound"
    assert kept["customer"]["id"] == promised["customer"]["id"]
    assert (datetime.fromisoformat(kept["started_at"]) - datetime.fromisoformat(promised["started_at"])).days == 1


def test_nobody_calls_the_customer_of_the_broken_promise_though_later_calls_are_known():
    promised = sidecar_of("C-1005")
    later = [d for d in SOUND.values() if d.started_at > promised["started_at"]]
    to_this_customer = [d for d in later if d.customer == promised["customer"]["id"]]

    assert len(later) >= 5
    assert [(d.call_id, d.direction) for d in to_this_customer] == [("C-1009", "inbound")]


def test_a_line_waits_for_the_floor_and_a_signal_does_not_take_it():
    line = make_samples.Line
    second = np.ones(make_samples.RATE, dtype=np.float32)
    lines = [line(customer="one"), line(agent="I see.", signal=True, over=0.5), line(customer="two", after=0.2)]

    first, signal, then = make_samples.place(lines, [second] * 3, usual_gap=0.4)

    assert signal.start == first.end - make_samples.RATE // 2
    assert then.start == first.end + make_samples.RATE // 5


def test_a_line_of_two_speakers_is_refused():
    with pytest.raises(ValueError, match="exactly one"):
        make_samples.Line(agent="a", customer="b")


@pytest.mark.parametrize("dialogue", DIALOGUES.values(), ids=lambda d: d.call_id)
def test_the_page_names_who_speaks_in_each_call(dialogue):
    page = (ROOT / "samples" / "README.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| {dialogue.call_id} |"))

    assert f"{CAST.agents[dialogue.agent].name}, {CAST.customers[dialogue.customer].name}" in row
    assert ("outbound" in row) == (dialogue.direction == "outbound")
    assert ("mono" in row) == (dialogue.layout == "mono")
