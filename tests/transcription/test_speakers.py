"""Who speaks: channels, voices, and the words that name them."""

from collections.abc import Sequence
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.audit import ROLES_FROM_CONFIDENCE, audit
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.transcription import speech
from callaudit.transcription.audio import Audio, Samples, decode
from callaudit.transcription.speakers import cast_of, layout_of, parties_of
from callaudit.transcription.speakers.naming import SURE, name_several, name_two, wording_of
from callaudit.transcription.speakers.voices import told_apart
from callaudit.transcription.transcribe import transcribe
from callaudit.transcription.transcript import RolesFrom, Span, SpeakerRole, Transcript, Word
from tests.support.sound import RATE, spoken, write_sound
from tests.transcription.test_transcribe import Prompter, arrival, lines

AGENT, CUSTOMER, UNKNOWN = SpeakerRole.AGENT, SpeakerRole.CUSTOMER, SpeakerRole.UNKNOWN

# Each line lasts four seconds of a call, with half a second after it.
SERVICE = (
    "thank you for calling how can i help you today",
    "let me check your account for you",
    "i am sorry about that we can send you another one",
    "is there anything else i can do for you",
    "you are welcome have a good day",
)
COMPLAINT = (
    "hello i ordered a lamp last week and it was broken",
    "i called you yesterday and nobody told me why",
    "no i want my money back",
    "no that is all",
    "yes thank you bye",
)
LINE, STEP = 4.0, 4.5
SECONDS = STEP * 2 * len(SERVICE) + 0.5


def times(first: int) -> list[tuple[float, float]]:
    return [(0.5 + n * STEP, 0.5 + n * STEP + LINE) for n in range(first, 2 * len(SERVICE), 2)]


def said(texts: Sequence[str], first: int) -> list[Word]:
    return [
        Word(
            word,
            round(start + (end - start) * n / len(text.split()), 3),
            round(start + (end - start) * (n + 1) / len(text.split()), 3),
            0.9,
        )
        for (start, end), text in zip(times(first), texts, strict=True)
        for n, word in enumerate(text.split())
    ]


HELPER, CALLER = said(SERVICE, 0), said(COMPLAINT, 1)
LEFT = spoken(times(0), seconds=SECONDS)
RIGHT = spoken(times(1), seconds=SECONDS, which=1)
BOTH = sorted([*HELPER, *CALLER], key=lambda w: w.start)


def write_many(path: Path, *channels: Samples) -> Path:
    """A WAV of any number of channels at `RATE`."""
    layout = {3: "3.0", 4: "4.0"}[len(channels)]
    pcm = np.ascontiguousarray((np.clip(np.stack(channels), -1, 1).T.reshape(1, -1) * 32_767).astype(np.int16))
    with av.open(path, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout=layout)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def heard(path: Path, *words: list[Word], agent_channel: int | None = 0) -> Transcript:
    return transcribe(arrival(path, agent_channel=agent_channel), Prompter(*words))


def roles_of_lines(transcript: Transcript) -> dict[str, str]:
    """Who said each line, where all of it is one utterance."""
    return {text: role for role, text in lines(transcript)}


EVERY_LINE = dict.fromkeys(SERVICE, "agent") | dict.fromkeys(COMPLAINT, "customer")


# Two channels.


def test_swapped_channels_are_said_and_the_right_person_is_judged(tmp_path: Path):
    path = write_sound(tmp_path / "s16.wav", LEFT, RIGHT)

    call = heard(path, HELPER, CALLER, agent_channel=1)

    assert roles_of_lines(call) == EVERY_LINE
    assert call.roles_from is RolesFrom.GUESSED
    assert call.role_confidence is not None
    assert call.role_confidence > 0.99
    (warning,) = call.warnings
    assert warning.startswith("the channels seem swapped: the left one says “")
    assert call.role_evidence.startswith("the agent says “")
    assert [round(s.start) for s in call.speech[AGENT]][:2] == [0, 9]


def test_channels_as_they_are_set_are_certain(tmp_path: Path):
    call = heard(write_sound(tmp_path / "s16.wav", LEFT, RIGHT), HELPER, CALLER)

    assert roles_of_lines(call) == EVERY_LINE
    assert (call.roles_from, call.role_confidence, call.warnings) == (RolesFrom.CHANNELS, 1.0, ())


def test_words_that_contradict_the_setting_weakly_change_nothing(tmp_path: Path):
    a_line = [Word("please", 0.6, 1.0, 0.9)]
    another = [Word("why", 5.2, 5.6, 0.9)]

    call = heard(write_sound(tmp_path / "s16.wav", LEFT, RIGHT), another[:0] + a_line, another, agent_channel=1)

    assert (call.roles_from, call.warnings) == (RolesFrom.CHANNELS, ())
    assert lines(call) == [("customer", "please"), ("agent", "why")]


def test_where_no_channel_is_set_the_words_say_who_is_the_agent_and_timing_is_known(tmp_path: Path):
    call = heard(write_sound(tmp_path / "s16.wav", RIGHT, LEFT), CALLER, HELPER, agent_channel=None)

    assert roles_of_lines(call) == EVERY_LINE
    assert call.roles_from is RolesFrom.GUESSED
    assert call.has_times
    assert round(call.speech[AGENT][0].start) == 0


def test_a_weak_guess_abstains_and_says_how_weak_it_is(tmp_path: Path):
    call = heard(
        write_sound(tmp_path / "s16.wav", LEFT, RIGHT),
        [Word("please", 0.6, 1.0, 0.9)],
        [Word("okay", 5.2, 5.6, 0.9)],
        agent_channel=None,
    )

    assert {u.role for u in call.utterances} == {UNKNOWN}
    assert (call.roles_from, call.role_confidence, call.speech) == (RolesFrom.UNKNOWN, None, {})
    assert "do not say clearly who is the agent (6" in call.role_evidence


# More than two channels.


def test_a_third_channel_that_is_silent_is_no_reason_to_lose_a_call(tmp_path: Path):
    path = write_many(tmp_path / "c.wav", np.zeros_like(LEFT), LEFT, RIGHT)

    call = heard(path, HELPER, CALLER, agent_channel=1)

    assert roles_of_lines(call) == EVERY_LINE
    assert call.roles_from is RolesFrom.CHANNELS
    assert call.warnings == ("of 3 channels 0 is silent",)
    assert call.has_times


def test_a_copy_of_a_channel_is_heard_once(tmp_path: Path):
    call = heard(write_many(tmp_path / "c.wav", LEFT, RIGHT, RIGHT), HELPER, CALLER)

    assert roles_of_lines(call) == EVERY_LINE
    assert call.warnings == ("channel 2 is a copy of channel 1",)


def test_the_mix_of_two_parties_is_no_third_one(tmp_path: Path):
    call = heard(write_many(tmp_path / "c.wav", LEFT / 4, RIGHT / 4, (LEFT + RIGHT) / 8), HELPER, CALLER)

    assert roles_of_lines(call) == EVERY_LINE
    assert call.warnings == ("channel 2 is the mix of the other two",)


def test_three_parties_are_named_by_words_and_a_stranger_stays_unknown(tmp_path: Path):
    third = spoken([(1.0, 2.0)], seconds=SECONDS, which=1)

    call = heard(
        write_many(tmp_path / "c.wav", third, LEFT, RIGHT),
        [Word("hmm", 1.2, 1.6, 0.9)],
        HELPER,
        CALLER,
        agent_channel=None,
    )

    assert roles_of_lines(call) == EVERY_LINE | {"hmm": "unknown"}
    assert call.roles_from is RolesFrom.GUESSED
    assert "who speaks on channel 0 is not known" in call.warnings
    # While a stranger may be speaking, nobody can tell a silence.
    assert call.speech == {}


def test_three_channels_of_people_who_say_little_are_kept_without_roles(tmp_path: Path):
    third = spoken([(1.0, 2.0)], seconds=SECONDS, which=1)

    call = heard(write_many(tmp_path / "c.wav", third, LEFT, RIGHT), [Word("hmm", 1.2, 1.6, 0.9)], agent_channel=None)

    assert lines(call) == [("unknown", "hmm")]
    assert call.roles_from is RolesFrom.UNKNOWN


# One channel.


def test_two_voices_on_one_channel_are_told_apart_and_named(tmp_path: Path):
    call = heard(write_sound(tmp_path / "s16.wav", LEFT + RIGHT), BOTH)

    assert roles_of_lines(call) == EVERY_LINE
    assert call.roles_from is RolesFrom.GUESSED
    assert call.role_confidence is not None
    assert ROLES_FROM_CONFIDENCE < call.role_confidence < 1.0
    assert call.role_evidence.startswith("two voices on one channel, the agent says “")


def test_a_voice_told_apart_on_one_channel_has_no_times_so_interruptions_are_not_judged(tmp_path: Path):
    call = heard(write_sound(tmp_path / "s16.wav", LEFT + RIGHT), BOTH)
    rulebook = load_rulebook()
    timed = {c.rule.id for c in rulebook.compiled if c.rule.needs_times}
    verdicts = {f.rule_id: f.verdict for f in audit(call, rulebook).findings}

    assert not call.has_times
    assert timed
    assert {verdicts[rule] for rule in timed} <= {Verdict.NOT_ASSESSABLE, Verdict.NOT_APPLICABLE}
    assert Verdict.MET in verdicts.values()


def test_dual_mono_is_told_apart_like_mono(tmp_path: Path):
    call = heard(write_sound(tmp_path / "s16.wav", LEFT + RIGHT, LEFT + RIGHT), BOTH)

    assert roles_of_lines(call) == EVERY_LINE
    assert call.warnings[0] == "both channels carry the same mix: treated as mono"


def test_both_parties_beside_a_silent_channel_are_told_apart_like_mono(tmp_path: Path):
    call = heard(write_sound(tmp_path / "s16.wav", LEFT + RIGHT, np.zeros_like(LEFT)), BOTH)

    assert roles_of_lines(call) == EVERY_LINE
    assert call.warnings[0] == "the right channel is silent: the left one may hold both parties, treated as mono"


@pytest.mark.parametrize("which", [0, 1])
def test_one_voice_alone_is_nobodys_even_with_the_words_of_two(tmp_path: Path, which: int):
    alone = spoken([*times(0), *times(1)], seconds=SECONDS, which=which)

    call = heard(write_sound(tmp_path / "s16.wav", alone), BOTH)

    assert {u.role for u in call.utterances} == {UNKNOWN}
    assert call.roles_from is RolesFrom.UNKNOWN
    assert call.warnings == ("one channel, on which two voices cannot be told apart: roles unknown",)


def test_two_voices_whose_words_do_not_say_who_is_who_stay_unknown(tmp_path: Path):
    plain = [msgspec.structs.replace(w, text="okay") for w in BOTH]

    call = heard(write_sound(tmp_path / "s16.wav", LEFT + RIGHT), plain)

    assert {u.role for u in call.utterances} == {UNKNOWN}
    assert "do not say clearly" in call.role_evidence


def test_a_few_seconds_are_too_little_to_tell_voices_apart():
    voices = told_apart((LEFT + RIGHT)[: 15 * RATE], RATE, (Span(0.5, 4.5), Span(5.0, 9.0), Span(9.5, 13.5)))

    assert voices.spans == ()
    assert voices.why == "too little speech on one channel to tell voices apart"


def test_silence_has_no_voices():
    assert told_apart(np.zeros(RATE, np.float32), RATE, ()).spans == ()


RECORDINGS = Path(__file__).parents[2] / "samples" / "recordings"


@pytest.mark.parametrize("call_id", ["C-1003", "C-1008", "C-1012"])
def test_a_demo_call_mixed_down_gives_each_moment_to_the_voice_of_its_channel(call_id: str):
    audio = decode(next(p for p in RECORDINGS.glob(f"*{call_id}*") if p.suffix != ".json"))
    truth = speech.speech_by_channel(audio.samples, audio.sample_rate)
    spans = speech.union(*truth)

    voices = told_apart(audio.samples.mean(axis=0), audio.sample_rate, spans)

    right = [
        sum(speech.total(speech.overlaps(a, b)) for a, b in zip(pair, truth, strict=True))
        for pair in (voices.spans, voices.spans[::-1])
    ]
    assert max(right) / speech.total([*truth[0], *truth[1]]) > 0.95


def test_the_same_sound_gives_the_same_voices():
    spans = tuple(Span(*t) for t in sorted([*times(0), *times(1)]))

    assert told_apart(LEFT + RIGHT, RATE, spans) == told_apart(LEFT + RIGHT, RATE, spans)


# Words.


def spoken_words(text: str) -> list[Word]:
    return [Word(w, float(n), n + 0.5) for n, w in enumerate(text.split())]


def test_the_evidence_is_what_was_said_and_when():
    named = name_two(
        wording_of(spoken_words("good morning Thank you for calling, how can I help you?")),
        wording_of(spoken_words("I’ve ordered a lamp, and my order never came")),
    )

    assert named.roles == (AGENT, CUSTOMER)
    assert named.evidence == "the agent says “how can i help” at 0:06, the customer says “i've ordered” at 0:00"


def test_naming_does_not_depend_on_who_comes_first():
    a, b = wording_of(HELPER), wording_of(CALLER)

    assert name_two(a, b).roles == name_two(b, a).roles[::-1]
    assert name_two(a, b).evidence == name_two(b, a).evidence


def test_nobody_is_named_by_silence():
    assert name_two(wording_of([]), wording_of([])).roles == (UNKNOWN, UNKNOWN)
    assert name_several([wording_of([])] * 3).roles == (UNKNOWN,) * 3


def test_two_who_both_speak_like_agents_are_not_an_agent_and_a_customer():
    named = name_several([wording_of(HELPER), wording_of(HELPER), wording_of([])])

    assert named.roles == (UNKNOWN,) * 3


PHRASES = st.lists(st.sampled_from([*SERVICE, *COMPLAINT, "okay", "one two three"]), max_size=4).map(" ".join)


@given(PHRASES, PHRASES)
def test_a_name_is_given_only_where_the_words_are_sure(first: str, second: str):
    named = name_two(wording_of(spoken_words(first)), wording_of(spoken_words(second)))

    assert 0.5 <= named.confidence <= 1.0
    assert (UNKNOWN in named.roles) == (named.confidence < SURE)
    assert set(named.roles) in ({UNKNOWN}, {AGENT, CUSTOMER})


@given(st.lists(st.tuples(st.floats(0, 44), st.floats(0, 1)), max_size=20))
def test_no_word_is_lost_or_doubled_between_two_voices(places: list[tuple[float, float]]):
    words = [Word(str(n), start, start + length) for n, (start, length) in enumerate(sorted(places))]

    parties = parties_of(MONO, [words])

    assert sorted((w for p in parties for w in p.words), key=lambda w: int(w.text)) == words
    assert len(cast_of(MONO, parties).roles) == 2


def _layout_of_mono():  # type: ignore[no-untyped-def]  # Tests are not typed.
    audio = Audio(samples=(LEFT + RIGHT)[None], sample_rate=RATE, source_rate=RATE, codec="none")
    spans = tuple(Span(*t) for t in sorted([*times(0), *times(1)]))
    return layout_of(audio, [speech.Heard(spans, ())])


MONO = _layout_of_mono()
