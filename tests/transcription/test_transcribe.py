"""The way from a recording to a transcript, with an engine that says what the test wrote down."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.transcription.audio import decode
from callaudit.transcription.engines import Channel, Written
from callaudit.transcription.errors import SetupError, Unreadable
from callaudit.transcription.hallucinations import in_speech
from callaudit.transcription.inbox import Arrival, arrival_of
from callaudit.transcription.speech import union
from callaudit.transcription.transcribe import TranscriptionSettings, provenance_of, transcribe
from callaudit.transcription.transcript import Provenance, RolesFrom, Span, SpeakerRole, Transcript, Word, at_pauses
from tests.support.sound import spoken, write_sound


class Prompter:
    """An engine that says its next list of words for each channel it is given."""

    provenance = Provenance(engine="prompter", model="script", weights_hash="0", settings_hash="0")
    takes_glossary = True
    batch = 1

    def __init__(self, *channels: list[Word], languages: Sequence[str | None] = ("en",) * 4) -> None:
        self.channels = list(channels)
        self.languages = languages

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        said = [self.channels.pop(0) if self.channels else [] for _ in heard]
        return [Written(words, self.languages[n % len(self.languages)]) for n, words in enumerate(said)]


def words(text: str, start: float, *, each: float = 0.3, confidence: float | None = 0.9) -> list[Word]:
    return [Word(w, start + n * each, start + (n + 1) * each, confidence) for n, w in enumerate(text.split())]


AGENT = spoken([(0.5, 3.0), (6.0, 8.0)], seconds=10.0)
CUSTOMER = spoken([(3.5, 5.5)], seconds=10.0, which=1)


def arrival(path: Path, *, agent_channel: int | None = 0) -> Arrival:
    return arrival_of(path, zone="UTC", agent_channel=agent_channel)


@pytest.fixture
def call(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "s16.wav", AGENT, CUSTOMER)


def lines(transcript: Transcript) -> list[tuple[str, str]]:
    return [(u.role.value, u.text) for u in transcript.utterances]


def test_two_channels_become_a_dialogue_in_order_of_time(call: Path):
    engine = Prompter(words("good morning", 0.6) + words("i am sorry", 6.2), words("i am fed up", 3.6))

    transcript = transcribe(arrival(call), engine)

    assert lines(transcript) == [("agent", "good morning"), ("customer", "i am fed up"), ("agent", "i am sorry")]
    assert transcript.roles_from is RolesFrom.CHANNELS
    assert transcript.has_times
    assert [round(s.start) for s in transcript.speech[SpeakerRole.AGENT]] == [0, 6]
    assert transcript.recording is not None
    assert (transcript.recording.sample_rate, transcript.recording.channels) == (8000, 2)
    assert abs(transcript.recording.duration - 10.0) < 0.01


@pytest.mark.parametrize(
    ("written", "language"), [(("de", "de"), "de"), (("de", "en"), None), (("de", None), None), ((None, None), None)]
)
def test_the_language_of_a_call_is_the_one_that_all_its_channels_have(
    call: Path, written: tuple[str | None, str | None], language: str | None
):
    assert transcribe(arrival(call), Prompter(languages=written)).language == language


def test_the_agent_sits_on_the_channel_that_the_source_names(call: Path):
    transcript = transcribe(arrival(call, agent_channel=1), Prompter(words("help", 0.6), words("sure", 3.6)))

    assert lines(transcript) == [("customer", "help"), ("agent", "sure")]


def test_without_a_named_channel_nobody_is_the_agent(call: Path):
    transcript = transcribe(arrival(call, agent_channel=None), Prompter(words("help", 0.6), words("sure", 3.6)))

    assert lines(transcript) == [("unknown", "help"), ("unknown", "sure")]
    assert not transcript.has_roles
    assert transcript.speech == {}
    assert transcript.warnings


def test_a_channel_that_cannot_be_stops_the_run(call: Path):
    with pytest.raises(SetupError, match="agent_channel = 2"):
        transcribe(arrival(call, agent_channel=2), Prompter())


def test_mono_has_words_but_no_roles_and_no_speech_times(tmp_path: Path):
    path = write_sound(tmp_path / "s16.wav", AGENT + CUSTOMER)

    transcript = transcribe(arrival(path), Prompter(words("hello", 0.6)))

    assert lines(transcript) == [("unknown", "hello")]
    assert (transcript.roles_from, transcript.speech) == (RolesFrom.UNKNOWN, {})


def test_the_same_mix_on_both_channels_is_heard_once_and_as_mono(tmp_path: Path):
    path = write_sound(tmp_path / "s16.wav", AGENT + CUSTOMER, AGENT + CUSTOMER)

    transcript = transcribe(arrival(path), Prompter(words("hello", 0.6), words("hello", 0.6)))

    assert lines(transcript) == [("unknown", "hello")]
    assert "both channels carry the same mix" in transcript.warnings[0]


def test_a_silent_channel_leaves_the_roles_open(tmp_path: Path):
    path = write_sound(tmp_path / "s16.wav", AGENT + CUSTOMER, np.zeros_like(AGENT))

    transcript = transcribe(arrival(path), Prompter(words("hello", 0.6)))

    assert lines(transcript) == [("unknown", "hello")]
    assert "the right channel is silent" in transcript.warnings[0]


def test_a_call_without_speech_is_an_empty_transcript(tmp_path: Path):
    path = write_sound(tmp_path / "s16.wav", spoken([], seconds=10.0), spoken([], seconds=10.0))

    assert transcribe(arrival(path), Prompter()).utterances == ()


def test_a_clip_without_speech_is_too_short_to_be_a_call(tmp_path: Path):
    path = write_sound(tmp_path / "s16.wav", spoken([], seconds=1.0))

    with pytest.raises(Unreadable) as refused:
        transcribe(arrival(path), Prompter())

    assert refused.value.code == "too_short"
    transcribe(arrival(path), Prompter(), settings=TranscriptionSettings(shortest_call=0.5))


def test_words_that_were_heard_in_silence_are_dropped_and_counted(call: Path):
    engine = Prompter(words("thank you", 8.9) + words("hello", 9.3), words("i am fed up", 3.6))

    transcript = transcribe(arrival(call), engine)

    assert lines(transcript) == [("customer", "i am fed up")]
    assert transcript.dropped_words == 3
    assert transcript.warnings == ("3 of 7 words were dropped: 3 in silence",)


def test_uncertain_words_are_dropped_at_the_floor_that_is_set(call: Path):
    engine = Prompter(words("maybe", 0.6, confidence=0.2) + words("surely", 1.2) + words("so", 2.0, confidence=None))

    transcript = transcribe(arrival(call), engine, settings=TranscriptionSettings(min_confidence=0.5))

    assert [u.text for u in transcript.utterances] == ["surely so"]
    assert transcript.dropped_words == 1


def test_word_times_move_into_the_speech_they_belong_to():
    spans = (Span(1.0, 2.0), Span(4.0, 5.0))

    kept = in_speech([Word("a", 0.7, 1.3), Word("b", 1.8, 2.4), Word("c", 3.9, 6.0), Word("d", 5.15, 5.3)], spans)

    assert [(w.text, w.start, w.end) for w in kept] == [
        ("a", 1.0, 1.3),
        ("b", 1.8, 2.0),
        ("c", 4.0, 5.0),
        ("d", 5.0, 5.0),
    ]


def test_a_pause_of_seven_tenths_of_a_second_ends_an_utterance():
    said = words("one two", 0.0) + words("three", 1.2) + words("four", 2.3)

    assert [[w.text for w in piece] for piece in at_pauses(said, 0.7)] == [["one", "two", "three"], ["four"]]


def test_personal_numbers_are_masked_in_the_text_and_muted_in_the_copy(call: Path, tmp_path: Path):
    number = words("five five five oh one nine nine", 0.6, each=0.2)

    transcript = transcribe(arrival(call), Prompter(number), audio_copy=tmp_path / "copy.webm")

    assert lines(transcript) == [("agent", "[number]")]
    assert transcript.redactions == 1
    copy = decode(tmp_path / "copy.webm").samples
    assert np.abs(copy[0, int(0.7 * 16000) : int(1.9 * 16000)]).max() < 0.01
    assert np.abs(copy[0, int(6.5 * 16000) : int(7.5 * 16000)]).max() > 0.1


def test_a_number_is_masked_across_the_pauses_between_its_groups(call: Path):
    agent = words("one two three four", 0.6, each=0.2) + words("five six seven eight", 6.1, each=0.2)

    transcript = transcribe(arrival(call), Prompter(agent))

    assert lines(transcript) == [("agent", "[number]"), ("agent", "[number]")]
    assert transcript.redactions == 1


def test_every_setting_that_changes_words_changes_the_key_of_the_transcript():
    engine = Prompter()
    settings = [
        TranscriptionSettings(),
        TranscriptionSettings(pause=1.0),
        TranscriptionSettings(min_confidence=0.3),
        TranscriptionSettings(redact=False),
    ]

    assert len({provenance_of(engine, s).settings_hash for s in settings}) == len(settings)
    assert provenance_of(engine, TranscriptionSettings(shortest_call=9.0)) == provenance_of(engine, settings[0])


def test_names_that_a_recogniser_was_told_are_part_of_the_key_and_only_where_it_listens_to_them():
    listening, deaf = Prompter(), Prompter()
    deaf.takes_glossary = False

    keys = {provenance_of(listening, TranscriptionSettings(), names).settings_hash for names in [(), ("Acme",), ("Z",)]}

    assert len(keys) == 3
    assert len({provenance_of(deaf, TranscriptionSettings(), n).settings_hash for n in [(), ("Acme",)]}) == 1


def test_the_same_recording_gives_the_same_bytes(call: Path):
    script = words("good morning", 0.6), words("i am fed up", 3.6)

    once, again = (msgspec.json.encode(transcribe(arrival(call), Prompter(*script))) for _ in range(2))

    assert once == again


def test_a_recording_that_is_cut_off_never_becomes_a_transcript(call: Path):
    call.write_bytes(call.read_bytes()[:-50_000])

    with pytest.raises(Unreadable) as refused:
        transcribe(arrival(call), Prompter())

    assert refused.value.code == "truncated"


@pytest.mark.parametrize("name", ["s16.wav", "tagged.mp3", "call.flac", "call.ogg", "call.m4a"])
def test_the_format_does_not_matter(tmp_path: Path, name: str):
    path = write_sound(tmp_path / name, AGENT, CUSTOMER)

    transcript = transcribe(arrival(path), Prompter(words("good morning", 0.8), words("i am fed up", 3.8)))

    assert lines(transcript) == [("agent", "good morning"), ("customer", "i am fed up")]


TENTHS = st.integers(0, 200).map(lambda n: n / 10)
PAIRS = st.lists(st.tuples(TENTHS, TENTHS).map(sorted).filter(lambda p: p[0] < p[1]), max_size=12)


@given(PAIRS, PAIRS)
def test_kept_words_stay_in_order_and_inside_speech(said: list[list[float]], spoken: list[list[float]]):
    spans = union(Span(*p) for p in spoken)

    kept = in_speech([Word("x", *p) for p in sorted(said)], spans)

    assert all(any(s.start <= w.start <= w.end <= s.end for s in spans) for w in kept)
    assert len(kept) <= len(said)
