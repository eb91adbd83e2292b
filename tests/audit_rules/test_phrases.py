"""What a phrase finds, what it refuses, and where in the original words it was found."""

import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.phrases import automaton
from callaudit.audit_rules.phrases.automaton import PhraseSet
from callaudit.audit_rules.phrases.language import (
    ANY,
    NUMBER,
    InOrder,
    Language,
    Node,
    OneOf,
    PhraseError,
    Repeated,
    lists_in,
)
from callaudit.audit_rules.phrases.normalise import NUMBER_WORDS, Spoken, normalise

WORDS = {"we": ("i", "we"), "upset": ("upset*", "fed up", "(really|very) cross"), "loop": ("<loop>",)}


LANGUAGE = Language(WORDS)


def places(phrases: PhraseSet, text: str) -> list[tuple[int, int]]:
    """Where anything is found in a normalised text, one place after the other, each as long as can be."""
    hits = phrases.find([text.split(" ")])
    found: list[tuple[int, int]] = []
    for start, end in zip(hits.starts, hits.ends, strict=True):
        if not found or start >= found[-1][1]:
            found.append((start, end))
    return found


def finds(phrase: str, text: str) -> list[str]:
    """The pieces of the normalised text that the phrase finds."""
    normal = normalise(text)
    return [normal[a:b] for a, b in places(PhraseSet([LANGUAGE.read(phrase)]), normal)]


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("i am sorry", "I’m sorry!", ["i am sorry"]),
        ("i am sorry", "I am, um, so sorry", []),
        ("(i|we) understand", "We understand. I understand.", ["we understand", "i understand"]),
        ("(very )?sorry", "very sorry, sorry", ["very sorry"]),
        ("(so |very )*sorry", "so very so sorry", ["so very so sorry"]),
        ("frustrat*", "frustrating, frustrated; frustum", ["frustrating", "frustrated"]),
        ("how _3 feel", "how you must really feel", ["how you must really feel"]),
        ("how _2 feel", "how you must really feel", []),
        ("how _3 feel", "how? You feel", []),
        ("pay _2 today", "pay 50.00 dollars today", ["pay 50.00 dollars today"]),
        ("order #", "order 12,345 and order twenty two", ["order 12,345", "order twenty two"]),
        ("anything else ?", "Anything else? Anything else.", ["anything else ?"]),
        ("sorry .", "Sorry. Sorry, yes", ["sorry ."]),
        ("<we> are <upset>", "we are very cross; I are fed up", ["we are very cross", "i are fed up"]),
        ("third time", "the 3rd time", ["third time"]),
        ("e-mail*", "Emails, e mails", ["e mails"]),
        ("it is ridiculous", "its ridiculous", ["it is ridiculous"]),
        ("apologis*", "apologising, apologized", ["apologizing", "apologized"]),
        ("im*", "I'm impatient", ["impatient"]),
        ("no no", "no, no, no", ["no"]),
        ("sorry", "sorry sorrys asorry", ["sorry"]),
        ("a b", "a b a b", ["a b", "a b"]),
        ("über", "das Über", ["über"]),
        ("ve", "naïve", []),
        ("сожалею", "Я сожалею", ["сожалею"]),
        ("mr smith", "Mr. Smith", ["mr smith"]),
    ],
)
def test_a_phrase_finds_what_it_says(phrase: str, text: str, found: list[str]) -> None:
    assert finds(phrase, text) == found


@pytest.mark.parametrize(
    ("phrase", "column", "message"),
    [
        ("sorry (about", 6, "never closed"),
        ("sorry about)", 11, "closes nothing"),
        ("sorry _x", 6, "no meaning"),
        ("how _0 you", 4, "1 to 20"),
        ("how _21 you", 4, "1 to 20"),
        ("<upse> now", 0, "no word list <upse> (near it: upset)"),
        ("<nobody> is", 0, "there is no word list <nobody>"),
        ("is <loop>", 3, "refers to itself"),
        ("um", 0, "can never match"),
        ("say um", 4, "can never match"),
        ("(sorry)?", 0, "match nothing at all"),
        ("a|", 0, "match nothing at all"),
        ("", 0, "match nothing at all"),
        ("_3 you", 0, "begin or end with a gap"),
        ("you _3", 0, "begin or end with a gap"),
        ("sorry + you", 6, "a sign"),
        ("?*", 1, "stands right after"),
        ("((a)?)*b", 6, "may be missing already"),
        ("(" * 21 + "a" + ")" * 21, 20, "more than 20 deep"),
    ],
)
def test_a_phrase_that_cannot_be_read_is_refused_at_its_column(phrase: str, column: int, message: str) -> None:
    with pytest.raises(PhraseError) as refused:
        LANGUAGE.read(phrase)

    assert message in str(refused.value)
    assert refused.value.column == column


def test_a_phrase_too_large_to_search_for_is_refused() -> None:
    many = {"many": tuple(f"word{n} _20 end{n}" for n in range(3000))}

    with pytest.raises(PhraseError, match="too large"):
        Language(many).read("<many> <many> <many> <many>")


def test_a_mistake_in_a_word_list_is_told_where_the_list_is_used() -> None:
    with pytest.raises(PhraseError, match=re.escape("in “a (b” of the word list <broken>")) as refused:
        Language({"broken": ("a (b",)}).read("we are <broken>")

    assert refused.value.column == 7


@pytest.mark.parametrize(
    ("spoken", "normal"),
    [
        ("It's, um, I I'm I'm sorry", "it is i am sorry "),
        ("Can't? Won't! Shan't… don’t", "can not ? will not . shall not do not "),
        ("Mr. Smith paid $50.00 on 5/6 at 10:30 a.m.", "mr smith paid 50.00 on 5 6 at 10:30 a . m . "),
        ("What?!", "what ? "),
        ("the customer's order", "the customer s order "),
        ("", ""),
        ("… um ...", ""),
        ("😡", ""),
        ("ok alright", "okay all right "),
    ],
)
def test_normal_text_is_plain_words(spoken: str, normal: str) -> None:
    assert normalise(spoken) == normal


spoken = st.lists(
    st.sampled_from(
        "I'm sorry we can't don't understand it's how you feel order 12 50.00 Mr. Smith 3rd e-mail café um uh "
        "customer's . ? ! … , 😡 🇩🇪 مرحبا שלום naïve Straße O'Brien y'all \x00 \x07 \u200f \u0301 ½ २ no".split(" ")
    ),
    max_size=30,
).map(" ".join)
anything = st.one_of(spoken, st.text(max_size=200))


@given(spoken)
def test_case_does_not_matter(text: str) -> None:
    assert normalise(text.upper()) == normalise(text) == normalise(text.lower())


@given(spoken)
def test_the_kind_of_apostrophe_does_not_matter(text: str) -> None:
    for curly in "’‘ʼ`´":
        assert normalise(text.replace("'", curly)) == normalise(text)


@pytest.mark.parametrize("text", "I'm it's that's don't can't won't you're they've we've let's what's isn't".split())
def test_a_missing_apostrophe_does_not_matter(text: str) -> None:
    assert normalise(text.replace("'", "")) == normalise(text)


@given(st.lists(st.sampled_from("i am so sorry about your order".split()), max_size=12))
def test_fillers_and_commas_do_not_matter(words: list[str]) -> None:
    assert normalise(", um, ".join(words)) == normalise(" ".join(words))


@given(spoken)
def test_a_stammer_does_not_matter(text: str) -> None:
    doubled = " ".join(f"{w} {w}" for w in text.split(" ") if w not in ("50.00", "e-mail", "Mr."))

    assert normalise(doubled) == normalise(" ".join(w for w in text.split(" ") if w not in ("50.00", "e-mail", "Mr.")))


@given(st.text("cafénaïve u", max_size=30))
def test_an_accent_may_be_written_either_way(text: str) -> None:
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(unicodedata.normalize("NFC", text))


@given(st.text(string.ascii_letters + string.digits + " '.,?!", max_size=80))
def test_normal_text_is_normal_already(text: str) -> None:
    once = normalise(text)

    assert normalise(once) == once


@given(anything)
def test_normal_text_is_words_each_followed_by_one_space(text: str) -> None:
    normal = normalise(text)

    assert normal == "" or re.fullmatch(r"(?:[^ ]+ )+", normal)
    assert not re.search(r"(?:^| )([^ ]+) \1 ", normal)


@given(anything)
def test_every_word_leads_back_to_what_was_said(text: str) -> None:
    spoken = Spoken(text)
    at = before = 0
    for word in spoken.normal.split(" ")[:-1]:
        start, end = spoken.original(at, at + len(word))
        assert before <= start < end <= len(text)
        # Read alone, the original piece says this word, perhaps among others ("I'm" says "i" and "am").
        assert f" {word} " in " " + normalise(text[start:end])
        at, before = at + len(word) + 1, start


def test_a_quote_is_exactly_what_was_said_between_emoji_and_other_scripts() -> None:
    text = "😡😡 שלום I’m — um — so, so SORRY\x07 about that 🇩🇪"
    spoken = Spoken(text)
    at = spoken.normal.index("i am so sorry")
    start, end = spoken.original(at, at + len("i am so sorry"))

    assert text[start:end] == "I’m — um — so, so SORRY"


phrase_texts = st.recursive(
    st.sampled_from(["sorry", "i", "am", "frustrat*", "#", "really", "<we>", "about that"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda p: f"({'|'.join(p)})"),
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=2).map(" _2 ".join),
        inner.map(lambda p: f"sorry ({p})? i"),
    ),
    max_leaves=8,
)


@given(phrase_texts, spoken)
def test_candidates_are_the_phrases_that_have_places(phrase: str, text: str) -> None:
    read = [LANGUAGE.read(phrase), LANGUAGE.read("sorry")]
    normal = normalise(text)

    assert PhraseSet(read).candidates([normal])[0] == {n for n in (0, 1) if places(PhraseSet([read[n]]), normal)}


def ends(node: Node, words: list[str], at: int) -> set[int]:
    """Where a phrase may end that begins at a word: the language's definition, tried out word by word."""
    if isinstance(node, InOrder):
        places = {at}
        for part in node.parts:
            places = {end for place in places for end in ends(part, words, place)}
        return places
    if isinstance(node, OneOf):
        return {end for branch in node.branches for end in ends(branch, words, at)}
    if isinstance(node, Repeated):
        reached, new = ({at} if node.least == 0 else set()), {at}
        for _ in range(node.most or len(words)):
            new = {end for place in new for end in ends(node.what, words, place)} - reached
            reached |= new
        return reached
    if at >= len(words):
        return set()
    word = words[at]
    is_word = word not in (".", "?")
    found = (
        is_word
        if node == ANY
        else (word[0].isdigit() or word in NUMBER_WORDS)
        if node == NUMBER
        else word.startswith(node[:-1])
        if node.endswith("*")
        else word == node
    )
    return {at + 1} if found else set()


@given(phrase_texts, spoken)
def test_a_phrase_is_found_wherever_its_definition_says_so_and_as_long_as_can_be(phrase: str, text: str) -> None:
    words = normalise(text).split()
    hits = PhraseSet([LANGUAGE.read(phrase)]).find([[*words, ""]])
    longest: dict[int, int] = {}
    for start, end in zip(hits.starts, hits.ends, strict=True):
        longest.setdefault(start, end)
    at = 0
    for number, word in enumerate(words):
        stops = ends(LANGUAGE.read(phrase).node, words, number)
        expected = len(" ".join(words[: max(stops)])) if stops else None
        assert longest.get(at) == expected
        at += len(word) + 1


@given(st.lists(st.tuples(phrase_texts, spoken), max_size=4))
def test_phrases_and_texts_searched_together_find_what_each_finds_alone(pairs: list[tuple[str, str]]) -> None:
    read = [LANGUAGE.read(phrase) for phrase, _ in pairs]
    texts = [normalise(text) for _, text in pairs]
    phrases = PhraseSet(read)
    found = {
        (turn, start, end, label)
        for turn, start, end, labels in zip(*phrases.find([text.split(" ") for text in texts]), strict=True)
        for label in phrases.label_sets[labels]
    }

    assert found == {
        (turn, start, end, label)
        for label, phrase in enumerate(read)
        for turn, text in enumerate(texts)
        for _, start, end, _ in zip(*PhraseSet([phrase]).find([text.split(" ")]), strict=True)
    }


def test_what_was_forgotten_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "_MOST_STATES", 3)
    phrases = PhraseSet([LANGUAGE.read("how _3 feel"), LANGUAGE.read("(i|we) understand")])
    texts = [
        normalise(t).split(" ") for t in ("I understand how you must feel", "we understand", "how do you all feel")
    ]

    assert [phrases.find(texts) for _ in range(3)] == [phrases.find(texts)] * 3


@given(phrase_texts)
def test_a_place_is_whole_words(phrase: str) -> None:
    normal = normalise("i am really sorry i am so frustrated about that really 12 i am sorry about that i am")

    for start, end in places(PhraseSet([LANGUAGE.read(phrase)]), normal):
        assert start == 0 or normal[start - 1] == " "
        assert normal[end] == " "


def test_no_phrases_find_nothing() -> None:
    assert PhraseSet([]).candidates(["sorry "]) == [set()]


def test_time_is_linear_in_the_text_whatever_is_written() -> None:
    nasty = PhraseSet([LANGUAGE.read("(a*|a a*|a _20 a)* _20 (a|a a|a*)? _20 b")])

    assert places(nasty, "aa " * 30_000) == []


def test_a_phrase_may_ask_for_the_beginning_of_a_sentence() -> None:
    phrases = PhraseSet([LANGUAGE.read("^ relax")])
    text = normalise("Relax, it is a parcel. You relax? Relax.")
    assert [text[start:end] for start, end in places(phrases, text)] == ["relax", "relax"]
    assert phrases.candidates([normalise("You can relax now")]) == [set()]
    with pytest.raises(PhraseError, match="beginning of a phrase"):
        LANGUAGE.read("please ^ relax")


def test_the_word_lists_of_phrases_are_those_they_name_and_those_that_these_name() -> None:
    words = {"upset": ["cross", "<very> sad"], "very": ["so"], "we": ["i"]}

    assert lists_in(["how <upset> you are", "<very> sorry"], words) == ["upset", "very"]
