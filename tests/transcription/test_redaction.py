import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.redaction import redact, redact_words
from transcription.transcript import SpeakerRole, Utterance, Word


def said(text: str) -> Utterance:
    return Utterance(role=SpeakerRole.CUSTOMER, text=text)


def spoken(text: str, *, gap: float = 0.1) -> tuple[Word, ...]:
    return tuple(Word(w, n * (0.4 + gap), n * (0.4 + gap) + 0.4, 0.5) for n, w in enumerate(text.split()))


ONES = " ".join(["one"] * 15)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("it is 4111111111111111 thanks", "it is [card] thanks"),
        ("4111 1111 1111 1111", "[card]"),
        ("4111-1111-1111-1111.", "[card]"),
        (f"my card is four {ONES} okay", "my card is [card] okay"),
        (f"four um {ONES}", "[card]"),
        ("five five double five triple five four four four four four four four four four", "[number]"),
        ("call me on 212-555-0199 please", "call me on [number] please"),
        ("it's double five oh three two one nine", "it's [number]"),
        ("seven three to nine for eight two one", "[number]"),
        ("forty two nineteen sixty three fifty", "[number]"),
        ("one two three dash four five dash six seven eight nine", "[number]"),
        ("a.person@shop.example.com, yes", "[email] yes"),
        ("john dot smith at gmail dot com thanks", "[email] thanks"),
        ("it's j o h n at my shop dot co dot uk", "it's [email]"),
    ],
)
def test_personal_numbers_and_addresses_are_masked(text: str, masked: str):
    utterance, times = redact(said(text))

    assert utterance.text == masked
    assert times == 1


@pytest.mark.parametrize(
    "text",
    [
        "i paid one hundred and forty two dollars twice",
        "your order one two three four five six",
        "between two and four on the twenty third",
        "it took from nine to five for two people",
        "nineteen ninety nine",
        "he is at the shop",
        "i am at home dot dot dot",
        "five or six times in two weeks",
    ],
)
def test_prices_times_and_short_numbers_are_kept(text: str):
    utterance = said(text)

    assert redact(utterance) == (utterance, 0)


def test_a_mask_takes_the_time_of_the_words_it_stands_for():
    words = spoken(f"card four {ONES} yes")

    masked = redact_words(words)

    assert [w.text for w in masked.words] == ["card", "[card]", "yes"]
    assert (masked.words[1].start, masked.words[1].end) == (words[1].start, words[16].end)
    assert [(s.start, s.end) for s in masked.spans] == [(words[1].start, words[16].end)]
    assert masked.times == 1


def test_a_number_read_in_groups_with_pauses_is_one_number():
    groups = [spoken("four one one one"), *([spoken("one one one one")] * 3)]
    words = [Word(w.text, w.start + 6.0 * n, w.end + 6.0 * n) for n, group in enumerate(groups) for w in group]

    assert [w.text for w in redact_words(words).words] == ["[card]"]


def test_numbers_said_far_apart_are_not_one_number():
    words = [*spoken("one two three four"), *(Word(w, 60.0, 60.4) for w in ("five", "six", "seven"))]

    assert redact_words(words).times == 0


def test_an_utterance_with_words_keeps_text_and_words_in_step():
    utterance = Utterance.of_words(spoken("mail a@b.com now"), role=SpeakerRole.AGENT)

    masked, _ = redact(utterance)

    assert masked.text == " ".join(w.text for w in masked.words) == "mail [email] now"
    assert (masked.start, masked.end) == (utterance.start, utterance.end)


@given(st.lists(st.sampled_from("zero one two three four five six seven eight nine".split()), min_size=7, max_size=30))
def test_seven_or_more_spoken_digits_never_remain(digits: list[str]):
    masked, times = redact(said(" ".join(["it", "is", *digits, "thanks"])))

    assert times == 1
    assert masked.text in {"it is [card] thanks", "it is [number] thanks"}


@given(st.text(alphabet="abc 0123456789.-@", max_size=60))
def test_masking_twice_changes_nothing_more(text: str):
    once, _ = redact(said(text))

    assert redact(once) == (once, 0)
