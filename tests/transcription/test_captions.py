import html
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.transcription.captions import as_json, as_srt, as_text, as_webvtt
from callaudit.transcription.errors import InputError
from callaudit.transcription.transcript import Call, Provenance, SpeakerRole, Transcript, Utterance

SECONDS = st.floats(0, 360_000, allow_nan=False).map(lambda s: round(s, 3))


def transcript(*utterances: Utterance) -> Transcript:
    provenance = Provenance(engine="test", model="m", weights_hash="", settings_hash="")
    return Transcript(call=Call(call_id="C-1", source="inbox"), utterances=utterances, provenance=provenance)


CALL = transcript(
    Utterance(role=SpeakerRole.AGENT, text="Your phone number?", start=1.0, end=2.25),
    Utterance(role=SpeakerRole.CUSTOMER, text="[phone] & that's <all>", start=3661.5, end=3662.0),
    Utterance(role=SpeakerRole.UNKNOWN, text="bye", start=3663.0, end=3663.0),
)
CUE = re.compile(
    r"(?:\d+\n)?(\d+):(\d\d):(\d\d)[.,](\d{3}) --> (\d+):(\d\d):(\d\d)[.,](\d{3})\n"
    r"(?:<v (?P<voice>\w+)>(?P<said>.*)</v>|(?P<name>\w+): (?P<words>.*))\n(?:\n|\Z)"
)


def read_back(captions: str) -> list[tuple[str, float, float, str]]:
    cues = []
    for m in CUE.finditer(captions.removeprefix("WEBVTT\n\n")):
        h, minute, s, ms, h2, minute2, s2, ms2 = (int(x) for x in m.groups()[:8])
        times = ((h * 60 + minute) * 60 + s) + ms / 1000, ((h2 * 60 + minute2) * 60 + s2) + ms2 / 1000
        said = html.unescape(m["said"]) if m["voice"] else m["words"]
        cues.append((m["voice"] or m["name"], *times, said))
    return cues


def test_a_webvtt_cue_names_its_voice_and_escapes_what_would_be_a_tag():
    assert as_webvtt(CALL).startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.250\n<v Agent>Your phone number?</v>\n\n")
    assert "01:01:01.500 --> 01:01:02.000\n<v Customer>[phone] &amp; that's &lt;all&gt;</v>" in as_webvtt(CALL)


def test_an_srt_cue_is_numbered_and_begins_with_who_speaks():
    assert as_srt(CALL).startswith("1\n00:00:01,000 --> 00:00:02,250\nAgent: Your phone number?\n\n2\n01:01:01,500")


def test_plain_text_has_one_line_for_each_utterance():
    assert as_text(CALL).splitlines()[0] == "[00:00:01.000] Agent: Your phone number?"
    assert as_text(transcript(Utterance(role=SpeakerRole.AGENT, text="Hello"))) == "Agent: Hello\n"


def test_json_is_the_transcript_itself():
    assert msgspec.json.decode(as_json(CALL), type=Transcript) == CALL


def test_a_cue_without_length_lasts_a_moment_so_that_players_keep_it():
    assert "01:01:03.000 --> 01:01:03.001" in as_webvtt(CALL)


def test_captions_of_a_call_without_times_are_refused():
    with pytest.raises(InputError, match="no times"):
        as_srt(transcript(Utterance(role=SpeakerRole.AGENT, text="Hello")))


@given(st.lists(st.tuples(SECONDS, SECONDS, st.text(st.characters(codec="utf-8"), max_size=40)), max_size=5))
def test_what_is_written_reads_back_the_same(said: list[tuple[float, float, str]]):
    role = SpeakerRole.CUSTOMER
    call = transcript(*(Utterance(role=role, text=text, start=min(a, b), end=max(a, b) + 1) for a, b, text in said))
    wanted = [("Customer", u.start, u.end, " ".join(u.text.split()).replace("-->", "->")) for u in call.utterances]

    for captions in (as_webvtt(call), as_srt(call)):
        assert [(who, pytest.approx(a), pytest.approx(b), text) for who, a, b, text in read_back(captions)] == wanted
