"""What counts as a turn: one speaker's floor, as a listener would count it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.transcription.transcript import SpeakerRole
from callaudit.transcription.turns import Turn, is_listening_signal, turns_of


def turns(call: str) -> list[str]:
    return [f"{t.role.value[0].upper()}{'~' if t.is_signal else ':'} {t.text}" for t in spoken(call)]


def spoken(call: str) -> tuple[Turn, ...]:
    return turns_of(parse_example(call).transcript)


def test_pieces_of_one_speaker_are_one_turn() -> None:
    assert turns("C: My lamp\nC: is broken.\nA: Oh.\nA: I see.") == ["C: My lamp is broken.", "A: Oh. I see."]


def test_a_listening_signal_does_not_end_the_speakers_turn() -> None:
    assert turns("""
        [0-4] C: It came on Monday
        [4.1-4.4] A: mm hmm
        [4.6-8] C: and it was broken.
        [9-10] A: I see.
    """) == ["C: It came on Monday and it was broken.", "A~ mm hmm", "A: I see."]


def test_after_a_pause_longer_than_a_breath_the_speaker_begins_a_new_turn() -> None:
    assert turns("""
        [0-4] C: It came on Monday
        [4.1-4.4] A: mm hmm
        [6.5-8] C: and it was broken.
    """) == ["C: It came on Monday", "A: mm hmm", "C: and it was broken."]


def test_a_pause_of_exactly_a_breath_is_still_one_turn() -> None:
    assert len(turns("[0-4] C: It came\n[4.1-4.4] A: yes\n[6.0-8] C: on Monday.")) == 2


def test_an_answer_to_a_question_is_a_turn() -> None:
    assert turns("A: Is that right?\nC: Yes.\nA: Good.") == ["A: Is that right?", "C: Yes.", "A: Good."]


def test_without_times_a_signal_between_statements_is_a_signal() -> None:
    assert turns("C: It came on Monday\nA: okay\nC: and it was broken.")[1] == "A~ okay"


def test_more_than_a_signal_takes_the_floor() -> None:
    assert turns("C: It came\nA: okay let me stop you there\nC: on Monday.")[1] == "A: okay let me stop you there"


def test_turns_stand_in_order_of_their_start() -> None:
    assert turns("[5-6] A: Second.\n[0-4] C: First.") == ["C: First.", "A: Second."]


def test_a_piece_without_a_time_stays_behind_the_one_before_it() -> None:
    assert turns("[5-6] A: One.\nC: Two.\n[7-8] A: Three.\n[9-10] C: Four.") == [
        "A: One.", "C: Two.", "A: Three.", "C: Four.",
    ]  # fmt: skip


def test_a_turn_lasts_from_its_first_start_to_its_latest_end() -> None:
    (turn,) = spoken("[1-9] C: One.\n[2-3] C: Two.")

    assert (turn.start, turn.end, turn.utterances) == (1.0, 9.0, (0, 1))


def test_no_utterances_are_no_turns() -> None:
    assert spoken("") == ()


@pytest.mark.parametrize("text", ["Mm-hmm.", "uh huh", "I see.", "OK", "yeah, yeah", "Right...", "oh I see", "Got it!"])
def test_these_are_listening_signals(text: str) -> None:
    assert is_listening_signal(text)


@pytest.mark.parametrize("text", ["", "...", "I see the problem", "no", "okay okay okay okay", "yes please", "I"])
def test_these_are_not(text: str) -> None:
    assert not is_listening_signal(text)


calls = st.lists(
    st.tuples(
        st.sampled_from("AC"),
        st.sampled_from(["mm hmm", "okay", "my lamp is broken", "is it?", "no"]),
        st.floats(0, 60).map(lambda x: round(x, 1)),
        st.floats(0, 9).map(lambda x: round(x, 1)),
        st.booleans(),
    ),
    max_size=12,
).map(
    lambda lines: "\n".join(
        f"{f'[{start}-{round(start + length, 1)}] ' if timed else ''}{who}: {text}"
        for who, text, start, length, timed in lines
    )
)


@given(calls)
def test_every_utterance_is_in_one_turn_of_its_speaker(call: str) -> None:
    transcript = parse_example(call).transcript
    found = turns_of(transcript)

    assert sorted(u for t in found for u in t.utterances) == list(range(len(transcript.utterances)))
    assert [t.index for t in found] == list(range(len(found)))
    for turn in found:
        said = [transcript.utterances[u] for u in turn.utterances]
        assert {u.role for u in said} == {turn.role}
        assert turn.text == " ".join(u.text for u in said)


@given(calls)
def test_two_turns_of_one_speaker_have_the_others_words_between_them(call: str) -> None:
    floor = [t for t in turns_of(parse_example(call).transcript) if not t.is_signal]

    assert all(a.role is not b.role for a, b in pairwise(floor))
    assert all(t.role in (SpeakerRole.AGENT, SpeakerRole.CUSTOMER) for t in floor)
