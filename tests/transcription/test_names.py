"""Names are put right by a second hearing with a prompt; what that hearing leaves out costs no word."""

from collections.abc import Sequence

import numpy as np
import pytest

from callaudit.transcription.engines import Channel, Written
from callaudit.transcription.names import with_names
from callaudit.transcription.transcript import Provenance, Span, Word


def said(text: str, *, start: float = 0.0, each: float = 0.4, confidence: float = 0.9) -> list[Word]:
    return [Word(w, start + n * each, start + (n + 1) * each, confidence) for n, w in enumerate(text.split())]


class Hearing:
    """An engine that writes one thing without a prompt and another with one; it remembers the prompts."""

    provenance = Provenance(engine="hearing", model="script", weights_hash="0", settings_hash="0")
    model, batch, takes_glossary = "script", 1, True

    def __init__(self, plain: list[Word], prompted: list[Word]) -> None:
        self.plain, self.prompted = plain, prompted
        self.prompts: list[tuple[str, ...]] = []

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        self.prompts += [c.glossary for c in heard]
        return [Written(self.prompted if c.glossary else self.plain, "en") for c in heard]


def channel(*glossary: str) -> Channel:
    return Channel(
        samples=np.zeros(16000 * 9, np.float32), sample_rate=16000, spans=(Span(0.0, 9.0),), glossary=glossary
    )


@pytest.mark.parametrize(
    ("plain", "prompted", "written"),
    [
        ("this is donna from accounts", "This is Dana", "this is Dana from accounts"),
        ("my akme rooter is broken now", "My Acme Router", "my Acme Router is broken now"),
        ("the con tozo home is loud", "The Contoso home", "the Contoso home is loud"),
        ("this is jack from accounts", "This is Sam from", "this is jack from accounts"),
        ("this is Dana's phone", "This is Dana", "this is Dana's phone"),
    ],
)
def test_a_name_takes_the_place_of_what_is_like_it_and_nothing_else_changes(plain: str, prompted: str, written: str):
    engine = Hearing(said(plain), said(prompted))

    (heard,) = with_names([channel("Dana", "Sam", "Acme Router", "Contoso")], engine)

    assert " ".join(w.text for w in heard.words) == written


def test_a_name_that_is_heard_at_another_time_changes_nothing():
    engine = Hearing(said("this is donna"), said("Dana", start=5.0))

    assert with_names([channel("Dana")], engine)[0].words == engine.plain


def test_without_names_a_channel_is_heard_once_and_without_a_prompt():
    engine = Hearing(said("this is donna"), [])

    with_names([channel()], engine)

    assert engine.prompts == [()]
