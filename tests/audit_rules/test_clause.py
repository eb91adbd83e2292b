"""A few words are quoted with the clause they stand in, so that a quote can be understood alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.clause import MOST_WORDS, clause_around


@pytest.mark.parametrize(
    ("text", "place", "clause"),
    [
        (
            "I'm sorry, Mr. Lane. Because the van broke down, we were late.",
            "Because the",
            "Because the van broke down",
        ),
        ("Oh no, sorry, I see it now.", "sorry", "Oh no, sorry, I see it now"),
        ("Yes, sorry.", "sorry", "Yes, sorry"),
        ("survey", "survey", "survey"),
        ("May I have your name, please, and your street?", "may i have your name", "May I have your name"),
        ("I am so very sorry - truly I am.", "sorry", "I am so very sorry"),
    ],
)
def test_the_clause_is_quoted_and_where_it_is_short_the_sentence(text, place, clause):
    start = text.casefold().index(place.casefold())
    begin, stop = clause_around(text, start, start + len(place))
    assert text[begin:stop] == clause


def test_of_a_sentence_without_end_the_nearest_words_are_quoted():
    text = " ".join(f"w{n}" for n in range(200))
    start = text.index("w100")
    begin, stop = clause_around(text, start, start + 4)
    said = text[begin:stop].split()
    assert len(said) == MOST_WORDS
    assert said[10:12] == ["w99", "w100"]


@given(st.text(alphabet="ab ,.?-\u2013\n", max_size=80), st.data())
def test_whatever_is_said_the_place_is_in_its_clause_and_no_word_is_cut(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    begin, stop = clause_around(text, start, end)
    assert 0 <= begin <= start <= end <= stop <= len(text)
    assert len(text[begin:stop].split()) <= max(MOST_WORDS + 2, len(text[start:end].split()))
    assert begin == start or begin == 0 or not text[begin - 1].isalpha()
    assert stop == end or stop == len(text) or not text[stop].isalpha()
