from hypothesis import given
from hypothesis import strategies as st

from callaudit.reports.call_page.marked_text import Highlight, pieces, uncertain_words
from callaudit.reports.call_page.queries import UtteranceRow, WordRow

spans = st.tuples(st.integers(-3, 40), st.integers(-3, 45))
highlights = st.builds(
    lambda number, tone, span: Highlight(number=number, tone=tone, start=span[0], end=span[1]),
    st.integers(1, 9),
    st.sampled_from(["met", "missed", "near"]),
    spans,
)


@given(st.text(alphabet="ab [card]", max_size=40), st.lists(highlights, max_size=6), st.lists(spans, max_size=4))
def test_whatever_overlaps_no_word_is_lost_or_said_twice(text, marks, uncertain):
    assert "".join(piece.text for piece in pieces(text, marks, uncertain)) == text


def test_two_pieces_of_evidence_share_the_words_they_share():
    marks = [Highlight(number=3, tone="met", start=0, end=9), Highlight(number=4, tone="missed", start=5, end=12)]

    made = pieces("I can see why you say so", marks)

    assert [(p.text, p.numbers, p.tone) for p in made[:3]] == [
        ("I can", (3,), "met"),
        (" see", (3, 4), "missed"),
        (" wh", (4,), "missed"),
    ]
    assert [p.ends for p in made[:3]] == [(), (3,), (4,)]


def test_masked_words_are_one_piece_with_what_stood_there():
    assert [p.masked for p in pieces("[laughs] well", [])] == [""]
    made = pieces("ending [card number], yes", [])

    assert [(p.text, p.masked) for p in made] == [("ending ", ""), ("[card number]", "card number"), (", yes", "")]


def test_uncertain_words_are_found_by_their_place_in_the_turn():
    words = (WordRow(text="good", confidence=0.9), WordRow(text="moaning", confidence=0.2))

    def utterance(at, said):
        return UtteranceRow(
            call_id="C",
            turn=0,
            speaker="agent",
            channel=0,
            start_s=None,
            end_s=None,
            text="",
            char_offset=at,
            words=said,
        )

    utterances = [utterance(0, words), utterance(13, (WordRow(text="sir", confidence=None),)), utterance(17, None)]

    assert uncertain_words(utterances) == [(5, 12)]
