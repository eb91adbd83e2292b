import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.support.masking import REPEATED
from callaudit.audit_rules.content_words import content_stems
from callaudit.audit_rules.phrases.automaton import PhraseSet
from callaudit.audit_rules.phrases.language import Language
from callaudit.audit_rules.phrases.normalise import normalise
from callaudit.transcription.redaction import redact
from callaudit.transcription.redaction.cues import CUES, begin_in
from callaudit.transcription.redaction.net import kinds_left
from callaudit.transcription.transcript import Span, SpeakerRole, Utterance, Word

SPELLINGS = (Path(__file__).parents[1] / "cases" / "spellings_to_mask.txt").read_text(encoding="utf-8").splitlines()
ONES = " ".join(["one"] * 15)


def talk(*lines: str) -> list[Utterance]:
    """Utterances without times: "A: ..." by the agent, else by the customer."""
    roles = {"A": SpeakerRole.AGENT, "C": SpeakerRole.CUSTOMER}
    return [Utterance(role=roles[who], text=text) for who, _, text in (line.partition(": ") for line in lines)]


def after(*lines: str) -> list[str]:
    return [u.text for u in redact(talk(*lines)).utterances]


def spoken(text: str, *, start: float = 0.0, channel: int = 1) -> Utterance:
    """One utterance, half a second for each word."""
    words = tuple(Word(w, start + 0.5 * n, start + 0.5 * n + 0.4, 0.5) for n, w in enumerate(text.split()))
    role = SpeakerRole.CUSTOMER if channel else SpeakerRole.AGENT
    return Utterance.of_words(words, role=role, channel=channel)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("it is 4111111111111111 thanks", "it is [card] thanks"),
        ("4111 1111 1111 1111", "[card]"),
        ("4111-1111-1111-1111.", "[card]."),
        (f"my card is four {ONES} okay", "my card is [card] okay"),
        (f"four um {ONES}", "[card]"),
        ("five five double five triple five four four four four four four four four four", "[number]"),
        ("call me on 212-555-0199 please", "call me on [phone] please"),
        ("it's double five oh three two one nine", "it's [number]"),
        ("seven three to nine for eight two one", "[number]"),
        ("forty two nineteen sixty three fifty", "[number]"),
        ("one two three dash four five dash six seven eight nine", "[number]"),
        ("a.person@shop.example.com, yes", "[email], yes"),
        ("john dot smith at gmail dot com thanks", "[email] thanks"),
        ("it's j o h n at my shop dot co dot uk", "it's [email]"),
    ],
)
def test_personal_numbers_and_addresses_are_masked(text: str, masked: str):
    redacted = redact(talk(f"C: {text}"))

    assert redacted.utterances[0].text == masked
    assert redacted.times == 1


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
    utterances = tuple(talk(f"C: {text}"))

    assert redact(utterances) == (utterances, 0, ())


def test_what_a_number_is_was_often_said_by_the_other_party():
    assert after("A: What's the security code?", "C: Three one two.") == ["What's the security code?", "[code]."]
    assert after("A: What's the house number?", "C: Three one two.")[1] == "Three one two."


def test_a_number_read_out_over_several_turns_is_masked_in_each():
    masked = redact(talk("C: four one one one", "A: okay", "C: one one one one", "A: go on", "C: one one one one"))

    assert [u.text for u in masked.utterances] == ["[number]", "okay", "[number]", "go on", "[number]"]
    assert masked.times == 1


def test_the_agent_who_says_the_number_back_is_masked_too():
    lines = after("A: The security code?", "C: 4 0 9", "A: 4 0 9, thank you. That is 409 then.")

    assert lines[2] == "[code], thank you. That is [code] then."


def test_the_last_four_digits_of_a_card_stay_and_those_of_a_social_security_number_do_not():
    assert after("C: the card ending in 4 4 4 4") == ["the card ending in 4 4 4 4"]
    assert after("C: the last four of my social are 4 4 1 9") == ["the last four of my social are [ssn]"]


def test_an_order_number_stays_unless_it_can_be_a_card():
    assert after("C: order number 88124455 please") == ["order number 88124455 please"]
    assert after("C: order number 4111 1111 1111 1111") == ["order number [card]"]


def test_a_phone_number_after_an_order_number_is_not_an_order_number():
    assert after("C: order number 88124455 and I am usually in after six in the evening 415 555 0132")[0].endswith(
        "evening [phone]"
    )


def test_a_mask_takes_the_time_of_the_words_it_stands_for():
    utterance = spoken(f"card four {ONES} yes")

    masked = redact([utterance])

    words = masked.utterances[0].words
    assert [w.text for w in words] == ["card", "[card]", "yes"]
    assert (words[1].start, words[1].end) == (utterance.words[1].start, utterance.words[16].end)
    assert masked.spans == (Span(utterance.words[1].start, utterance.words[16].end),)


def test_what_lies_between_the_groups_of_a_number_is_silenced_too():
    said = [
        spoken("four one one one"),
        spoken("four one one one okay", start=2.5, channel=0),
        spoken(" ".join(["one"] * 12), start=6.0),
    ]

    masked = redact(said)

    assert [u.text for u in masked.utterances] == ["[card]", "[card] okay", "[card]"]
    assert masked.spans[0] == Span(0.0, said[2].words[-1].end)


def test_numbers_said_far_apart_are_not_one_number():
    said = (spoken("one two three four"), spoken("five six seven", start=60.0))

    assert redact(said).times == 0


def test_an_utterance_that_has_times_but_no_words_is_silenced_whole():
    said = Utterance(role=SpeakerRole.CUSTOMER, text="my number is 415 555 0132 okay", start=3.0, end=7.0)

    assert redact([said]).spans == (Span(3.0, 7.0),)


def test_an_utterance_with_words_keeps_text_and_words_in_step():
    said = spoken("mail a@b.com now")

    masked = redact([said]).utterances[0]

    assert masked.text == " ".join(w.text for w in masked.words) == "mail [email] now"
    assert (masked.start, masked.end) == (said.start, said.end)


def test_a_rule_that_asks_for_a_number_sees_the_mask_as_one():
    language = Language({})
    phrases = PhraseSet([language.read("phone number is #"), language.read("phone number is phone")])

    assert phrases.candidates([normalise(after("C: my phone number is 415 555 0132.")[0])]) == [{0}]


def test_two_masks_are_nothing_in_common():
    assert "[card]" not in content_stems(normalise("my [card] was charged"))
    assert "card" not in content_stems(normalise("it is [card]"))


@given(st.lists(st.sampled_from("zero one two three four five six seven eight nine".split()), min_size=7, max_size=30))
def test_seven_or_more_spoken_digits_never_remain(digits: list[str]):
    masked = redact(talk(f"C: it is {' '.join(digits)} thanks"))

    assert masked.times == 1
    assert masked.utterances[0].text in {f"it is [{kind}] thanks" for kind in ("card", "number", "phone", "ssn")}


@given(st.text(alphabet="abc 0123456789.-@", max_size=60))
def test_masking_twice_changes_nothing_more(text: str):
    once = redact(talk(f"C: {text}")).utterances

    assert redact(once).utterances == once


@given(st.lists(st.text(alphabet="ab4159 .-@", max_size=30), max_size=6))
def test_only_words_are_masked_and_utterances_stay(texts: list[str]):
    said = [Utterance(role=SpeakerRole.UNKNOWN, text=text) for text in texts]

    masked = redact(said).utterances

    assert len(masked) == len(said)
    assert all(a.text == b.text or "[" in a.text for a, b in zip(masked, said, strict=True))


@given(st.one_of([st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True) for _, pattern, _ in CUES]))
def test_every_cue_is_looked_for_at_its_first_word(cue):
    assert 0 in begin_in(re.split(r"[ \n]", cue)[0])


# What may stay of a line is an order number, and digits of no one.
@pytest.mark.parametrize("line", SPELLINGS)
def test_whatever_signs_a_number_is_written_with_it_is_masked(line: str):
    masked = " / ".join(after(*line.split(" / "))).replace("114-3941689-8772232", "")

    assert re.search(r"\[(card|ssn|phone|email|number)\]", masked)
    assert not any(map(str.isdigit, masked))
    assert not re.search(r"(four|five|three|nine|eight)\b.*(four|five|three|nine|seven)\b|gomez", masked)


@pytest.mark.parametrize(
    "text",
    [
        "the zip on my coat",
        "Can I put you on hold?",
        "is monday a bank holiday",
        "pin it to the wall with 4 pins",
        "the zip on my coat broke. Can I put you on hold?",
        "my zip is stuck and it can not be put up",
    ],
)
def test_everyday_words_that_look_like_cues_mask_nothing(text: str):
    assert after(f"A: {text}", "C: Can I put you on hold?") == [text, "Can I put you on hold?"]


def valid(start: str, length: int, filled: str) -> str:
    """A card number with a right check digit."""
    digits = (start + filled)[: length - 1]
    doubled = [int(d) * (1 if n % 2 else 2) for n, d in enumerate(reversed(digits))]
    return digits + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


CARDS = st.builds(
    lambda kind, filled: valid(*kind, filled),
    st.sampled_from(
        [("4", 16), ("52", 16), ("34", 15), ("37", 15), ("6011", 16), ("3530", 16), ("36", 14), ("62", 19)]
    ),
    st.text(alphabet="0123456789", min_size=19, max_size=19),
)
SIGNS = [
    "",
    " ",
    "-",
    ".",
    ", ",
    "/",
    "_",
    "*",
    "+",
    "...",
    "~",
    "\u2014",
    " \u2013 ",
    "\u2011",
    "\u200b",
    "\u2009",
    "\u00ad",
]
BEFORE = ["order number ", "reference number is ", "it's ", "the ticket number was ", "card:", "<", "$", "see", "item "]


@given(CARDS, st.lists(st.integers(1, 6), min_size=19, max_size=19), st.sampled_from(SIGNS), st.sampled_from(BEFORE))
def test_a_card_is_masked_in_any_grouping_whatever_it_is_called(card: str, sizes: list[int], sign: str, before: str):
    groups, at = [], 0
    for size in sizes:
        groups.append(card[at : at + size])
        at += size
    said = f"{before}{sign.join(group for group in groups if group)} please"

    assert not any(map(str.isdigit, after(f"C: {said}")[0]))
    assert "card" in set(kinds_left(said))


@given(CARDS, st.integers(0x0660, 0x0660) | st.sampled_from([0x06F0, 0x0966, 0xFF10, 0x1D7CE]))
def test_digits_of_other_scripts_are_digits(card: str, zero: int):
    assert after("C: it is " + "".join(chr(zero + int(digit)) for digit in card)) == ["it is [card]"]


@pytest.mark.parametrize("said", REPEATED)
def test_what_is_said_without_end_is_masked_like_anything_else(said: str):
    """How long it takes by length: `benchmarks/redaction.py`."""
    masked = redact(talk(f"C: {said * (80_000 // len(said))}", "A: yes"))
    assert masked.utterances[1].text == "yes"
