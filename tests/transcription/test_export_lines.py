"""Captions, plain text and JSON lines: every line has its speaker, or the file is refused with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.transcription.errors import Unreadable
from callaudit.transcription.exports import SHAPES, read_export, shape_of
from callaudit.transcription.exports.marks import pieces_of
from callaudit.transcription.transcript import Call, SpeakerRole

CALL = Call(call_id="41", source="inbox")
OURS = Path(__file__).parents[1] / "exports"


def read(tmp_path: Path, name: str, content: str | bytes, *, agent: str = "Agent") -> list[tuple[str, str]]:
    """Role and words of each utterance."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    transcript = read_export(path, call=CALL, speakers={agent: SpeakerRole.AGENT})
    return [(u.role.value, u.text) for u in transcript.utterances]


def refused(tmp_path: Path, name: str, content: str) -> Unreadable:
    with pytest.raises(Unreadable) as error:
        read(tmp_path, name, content)
    return error.value


def srt(*cues: str, gap: int = 1) -> str:
    """Cues of two seconds; `gap` seconds between them."""
    return "\n".join(
        f"{n + 1}\n00:00:{n * (2 + gap):02},000 --> 00:00:{n * (2 + gap) + 2:02},000\n{cue}\n"
        for n, cue in enumerate(cues)
    )


@pytest.mark.parametrize(
    ("agent", "customer"),
    [
        ("[SPEAKER_00]: ", "[SPEAKER_01]: "),
        ("[SPEAKER_00] ", "[SPEAKER_01] "),
        ("(speaker 0) ", "(speaker 1) "),
        ("Speaker 0: ", "Speaker 1: "),
        ("Dana Reyes: ", "+15550100199: "),
        ("Dana Reyes: ", "1: "),
        ("[Dana Reyes] ", "[Tom Weir] "),
        ("[DANA REYES] ", "[TOM WEIR] "),
        ("(Dana Reyes)\n", "(Tom Weir)\n"),
        (">> Dana Reyes: ", ">> Tom Weir: "),
        ("- Dana: ", "- Tom: "),
    ],
)
def test_every_way_to_mark_a_speaker_names_them_and_is_no_word(tmp_path: Path, agent: str, customer: str):
    text = srt(f"{agent}Hello there.", f"{customer}My lamp is broken.", f"{agent}I am sorry.", f"{customer}Well.")

    said = read(tmp_path, "a.srt", text, agent=agent.strip(" []():->\n"))

    assert said == [
        ("agent", "Hello there."), ("customer", "My lamp is broken."), ("agent", "I am sorry."), ("customer", "Well."),
    ]  # fmt: skip


def test_noises_and_masks_in_brackets_are_nobody(tmp_path: Path):
    text = srt("Agent: Hello.", "[laughter] Customer", "[NAME] speaking", "[laughter] Yes", "[NAME] again")

    assert {role for role, _ in read(tmp_path, "a.srt", text)} == {"agent", "unknown"}


def test_of_very_many_speakers_a_few_are_told_of(tmp_path: Path):
    path = tmp_path / "a.srt"
    path.write_text(srt(*(f"Speaker {n}: Hello." for n in range(19))))

    (warning,) = read_export(path, call=CALL).warnings

    assert "“Speaker 0”" in warning
    assert "and 11 more: roles unknown" in warning.replace(" is:", ":")


def test_each_speaker_may_speak_but_once(tmp_path: Path):
    assert read(tmp_path, "a.srt", srt("Dana: Hello.", "Tom: Hi."), agent="Dana") == [
        ("agent", "Hello."), ("customer", "Hi."),
    ]  # fmt: skip


def test_a_cue_without_a_label_is_nobodys_where_labels_are_repeated(tmp_path: Path):
    text = srt("Agent: One.", "Agent: Two.", "Three.", "Customer: Four.")

    assert read(tmp_path, "a.srt", text)[2] == ("unknown", "Three.")


@pytest.mark.parametrize(
    "words",
    [
        "I was asked at 00:01:02,500 to wait",
        "Hello 00:00:05.000 --> there",
        "Hello. Customer: My lamp is broken.",
        "Hello. [Customer] My lamp is broken.",
        "Hello. >> My lamp is broken.",
    ],
)
def test_a_time_code_or_a_name_inside_the_words_is_refused_and_never_taken_for_words(tmp_path: Path, words: str):
    error = refused(tmp_path, "a.srt", srt(f"Agent: {words}", "Customer: Yes."))

    assert error.code == "export_unparsable"
    assert error.tries


def test_speech_about_an_agent_is_no_mark(tmp_path: Path):
    text = srt("Agent: You can ask the agent: he knows at 10:30.", "Customer: Yes.")

    assert read(tmp_path, "a.srt", text)[0][1] == "You can ask the agent: he knows at 10:30."


def test_words_that_are_said_twice_are_two_cues_and_highlighted_ones_are_one(tmp_path: Path):
    said_twice = srt("Agent: No.", "Agent: No.", gap=0)
    shown_twice = srt("Agent: <u>No</u> way.", "Agent: No <u>way.</u>", "Agent: <u>No</u> way.", gap=0)

    assert len(read(tmp_path, "a.srt", said_twice)) == 2
    assert len(read(tmp_path, "b.srt", shown_twice)) == 2


WORDS = st.lists(st.sampled_from(["yes", "no", "lamp", "42", "okay"]), min_size=1, max_size=6).map(" ".join)


@given(st.lists(st.tuples(st.sampled_from(["Agent", "Customer"]), WORDS), min_size=1, max_size=12), st.data())
def test_no_word_is_lost_wherever_a_cue_breaks_its_lines(said: list[tuple[str, str]], data: Any):
    cues = []
    for label, text in said:
        words = text.split()
        at = data.draw(st.integers(1, len(words)))
        lines = [f"{label}: {' '.join(words[:at])}", " ".join(words[at:])]
        cues.append([line for line in lines if line])

    pieces = [piece for cue in pieces_of(cues, frozenset({"agent", "customer"})) for piece in cue]

    assert pieces == said


# ---------------------------------------------------------------- plain text


def test_plain_text_with_a_name_on_each_line_is_a_transcript(tmp_path: Path):
    text = (
        "Agent: Hello there.\nHow can I help?\n\n[00:00:07] Customer: My lamp is broken.\nAgent (00:12): I am sorry.\n"
    )

    assert read(tmp_path, "a.txt", text) == [
        ("agent", "Hello there."), ("agent", "How can I help?"), ("customer", "My lamp is broken."),
        ("agent", "I am sorry."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["Dear colleagues,\nplease look at this.\n", "Date: 2026-03-02\nAgent: Ana\nQueue: billing\n", "Agent: Hi\n"],
)
def test_a_text_that_is_no_transcript_says_so(tmp_path: Path, text: str):
    error = refused(tmp_path, "note.txt", text)

    assert error.code == "no_transcript"
    assert "Agent: Hello" in error.tries[0]


# ---------------------------------------------------------------- JSON lines, and what is no JSON


def turns(name: str) -> tuple[list[Any], list[str]]:
    """The turns of one of our exports, and the same as they are read from the whole file."""
    content = json.loads((OURS / name).read_text(encoding="utf-8"))
    inside = {
        "whisper_agent.json": lambda c: c["segments"],
        "contact_lens_older.json": lambda c: c["Transcript"],
        "transcribe_calls.json": lambda c: c["Transcript"],
        "transcribe_channels.json": lambda c: c["results"]["items"],
        "deepgram.json": lambda c: c["results"]["utterances"],
        "assemblyai.json": lambda c: c["utterances"],
        "twilio.json": lambda c: c["sentences"],
    }[name](content)
    whole = read_export(OURS / name, call=CALL)
    return inside, [u.text for u in whole.utterances]


@pytest.mark.parametrize(
    "name",
    [
        "whisper_agent.json", "contact_lens_older.json", "transcribe_calls.json", "transcribe_channels.json",
        "deepgram.json", "assemblyai.json", "twilio.json",
    ],
)  # fmt: skip
def test_a_turn_on_each_line_is_the_same_transcript(tmp_path: Path, name: str):
    pieces, texts = turns(name)

    said = read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, pieces)))

    assert [text for _, text in said] == texts


def test_a_whole_export_on_one_line_is_that_export_and_two_are_two_calls(tmp_path: Path):
    line = json.dumps(json.loads((OURS / "transcribe_calls.json").read_text(encoding="utf-8")))

    assert len(read(tmp_path, "a.jsonl", f"{line}\n")) == 5
    assert refused(tmp_path, "b.jsonl", f"{line}\n{line}\n").code == "several_calls"


def test_a_broken_line_is_refused(tmp_path: Path):
    lines = ['{"start": 0, "end": 1, "text": "a"}', '{"start": 1, "end"']

    assert refused(tmp_path, "a.jsonl", "\n".join(lines)).code == "export_unparsable"


def test_numbers_that_json_has_not_are_unknown_and_the_same_letters_in_words_are_words(tmp_path: Path):
    text = '{"text": "x", "segments": [{"start": 0, "end": 1, "text": "NaN is no Infinity", "avg_logprob": -Infinity}]}'

    assert read(tmp_path, "a.json", text) == [("unknown", "NaN is no Infinity")]


@pytest.mark.parametrize("content", [b"[" * 3000, b'{"a":' * 3000, b"[1", b'{"a": 1}{', b"\x81 Agent: Hello"])
def test_what_cannot_be_read_is_no_shape_and_ends_in_a_reason(tmp_path: Path, content: bytes):
    assert shape_of(content) is None
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(Unreadable) as error:
        read_export(path, call=CALL)
    assert error.value.tries


def test_a_step_back_of_a_second_is_refused_and_a_smaller_one_is_put_in_order(tmp_path: Path):
    cue = "1\n00:00:0{},000 --> 00:00:0{},500\nAgent: Hello.\n"

    assert read(tmp_path, "a.srt", cue.format(3, 2)) == [("agent", "Hello.")]
    assert "end before they start" in refused(tmp_path, "b.srt", cue.format(4, 2)).what


# ---------------------------------------------------------------- shapes

WHISPER_CPP = {
    "model": {"type": "base"}, "result": {"language": "en"},
    "transcription": [
        {"timestamps": {"from": "00:00:00,000"}, "offsets": {"from": 0, "to": 900}, "text": " Hello.", "speaker": "0"},
        {"offsets": {"from": 1000, "to": 1900}, "text": " My lamp.", "speaker": "1"},
        {"offsets": {"from": 2000, "to": 2900}, "text": " Sorry.", "speaker": "?"},
    ],
}  # fmt: skip
HUGGING_FACE = {
    "text": "Hello. My lamp.",
    "chunks": [{"timestamp": [0.0, 0.9], "text": " Hello."}, {"timestamp": [1.0, None], "text": " My lamp."}],
}
INSANELY_FAST = {
    **HUGGING_FACE,
    "speakers": [
        {"timestamp": [0.0, 0.9], "text": " Hello.", "speaker": "0"},
        {"timestamp": [1.0, 1.9], "text": " My lamp.", "speaker": "1"},
    ],
}
AZURE = {
    "durationInTicks": 19_000_000,
    "combinedRecognizedPhrases": [{"channel": 0, "display": "Hello."}, {"channel": 1, "display": "My lamp."}],
    "recognizedPhrases": [
        {
            "recognitionStatus": "Success", "channel": 0, "offsetInTicks": 0.0, "durationInTicks": 9_000_000.0,
            "nBest": [{"confidence": 0.9, "display": "Hello.", "lexical": "hello", "words": [
                {"word": "hello", "offsetInTicks": 0.0, "durationInTicks": 9_000_000.0, "confidence": 0.9}]}],
        },
        {
            "recognitionStatus": "Success", "channel": 1, "offsetInTicks": 10_000_000.0, "durationInTicks": 9_000_000.0,
            "nBest": [{"confidence": 0.8, "display": "My lamp."}],
        },
    ],
}  # fmt: skip
AZURE_FAST = {
    "durationMilliseconds": 1900,
    "combinedPhrases": [{"text": "Hello. My lamp."}],
    "phrases": [
        {"channel": 0, "offsetMilliseconds": 0, "durationMilliseconds": 900, "text": "Hello.", "confidence": 0.9},
        {"channel": 1, "offsetMilliseconds": 1000, "durationMilliseconds": 900, "text": "My lamp.", "confidence": 0.8},
    ],
}
REV_AI = {
    "monologues": [
        {"speaker": 0, "elements": [
            {"type": "text", "value": "Hello", "ts": 0.0, "end_ts": 0.9, "confidence": 0.9},
            {"type": "punct", "value": "."},
        ]},
        {"speaker": 1, "elements": [
            {"type": "text", "value": "My", "ts": 1.0, "end_ts": 1.4}, {"type": "punct", "value": " "},
            {"type": "text", "value": "lamp", "ts": 1.5, "end_ts": 1.9}, {"type": "punct", "value": "."},
        ]},
    ]
}  # fmt: skip


def segment(number: str, role: str, text: str, begin: int) -> dict[str, object]:
    return {
        "Transcript": {
            "Id": number, "ParticipantId": role, "ParticipantRole": role, "Content": text,
            "BeginOffsetMillis": begin, "EndOffsetMillis": begin + 900,
        }
    }  # fmt: skip


LIVE = {
    "Segments": [segment("1", "AGENT", "Hello.", 0), {"Categories": {}}, segment("2", "CUSTOMER", "My lamp.", 1000)]
}
EVENTS = [
    {"EventType": "STARTED", "ContactId": "c", "Channel": "VOICE"},
    {"EventType": "SEGMENTS", "ContactId": "c", "Segments": [segment("1", "AGENT", "Hello.", 0)]},
    {"EventType": "SEGMENTS", "ContactId": "c", "Segments": [segment("2", "CUSTOMER", "My lamp.", 1000)]},
    {"EventType": "COMPLETED", "ContactId": "c"},
]


@pytest.mark.parametrize(
    ("shape", "content", "agent"),
    [
        ("whisper.cpp", WHISPER_CPP, "0"),
        ("Hugging Face", INSANELY_FAST, "0"),
        ("Azure Speech", AZURE, "0"),
        ("Azure Speech", AZURE_FAST, "0"),
        ("Rev.ai", REV_AI, "0"),
        ("Contact Lens real-time", LIVE, ""),
        ("Contact Lens real-time", EVENTS, ""),
    ],
)
def test_one_call_is_the_same_in_each_of_the_shapes(tmp_path: Path, shape: str, content: object, agent: str):
    path = tmp_path / "0815"
    path.write_text(json.dumps(content), encoding="utf-8")
    transcript = read_export(path, call=CALL, speakers={agent: SpeakerRole.AGENT} if agent else {})

    assert transcript.provenance.engine == shape
    assert [(u.text, u.start, u.end) for u in transcript.utterances[:2]] == [
        ("Hello.", 0.0, 0.9), ("My lamp.", 1.0, 1.9),
    ]  # fmt: skip
    if shape != "whisper.cpp":
        assert [u.role.value for u in transcript.utterances] == ["agent", "customer"]


def test_events_of_a_stream_are_one_call_on_lines_of_their_own(tmp_path: Path):
    said = read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, EVENTS)))

    assert said == [("agent", "Hello."), ("customer", "My lamp.")]


def test_both_as_loud_is_nobody_in_whisper_cpp(tmp_path: Path):
    said = read(tmp_path, "a.json", json.dumps(WHISPER_CPP), agent="0")

    assert said[2] == ("unknown", "Sorry.")


def test_the_last_chunk_of_hugging_face_has_no_end(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(HUGGING_FACE), encoding="utf-8")

    assert [u.end for u in read_export(path, call=CALL).utterances] == [0.9, None]


@pytest.mark.parametrize("next_to_it", ["SPEAKER_01", None])
def test_who_says_a_word_never_depends_on_its_times(tmp_path: Path, next_to_it: str | None):
    words = [
        {"word": "Hello.", "start": 0.0, "end": 0.9, "speaker": "SPEAKER_00"},
        {"word": "2014", "speaker": next_to_it},
        {"word": "twice", "start": 1.5, "end": 1.9, "speaker": "SPEAKER_01"},
    ]
    segment = {"start": 0.0, "end": 1.9, "text": "Hello. 2014 twice", "speaker": "SPEAKER_00", "words": words}

    said = read(tmp_path, "a.json", json.dumps({"segments": [segment], "text": ""}), agent="SPEAKER_00")

    assert said == [("agent", "Hello."), ("customer", "2014 twice")]


def test_every_shape_is_told_apart_from_every_other():
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) == 15
