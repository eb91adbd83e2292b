"""What people's reviews say of how surely acts are heard, and which verdicts would change by it.

A reviewed verdict that rests on a recognised act says whether the act was done: who leaves "met" standing heard it, who
overturns an accusation did not. From these each act's offset is moved (`levels.shift`); phrases and the
recogniser's own weights stay.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec
import numpy as np

from callaudit.audit_rules.acts.inventory import Levels
from callaudit.audit_rules.acts.levels import shift
from callaudit.audit_rules.finding import Verdict


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that rests on one recognised act, and what a person said of it.

    `probability` is the act's, 0 to 1; `forbidden` says whether the rule asks for the act not to be done.
    """

    call_id: str
    rule_id: str
    act: str
    probability: float
    rule_verdict: Verdict
    verdict: Verdict
    forbidden: bool
    quote: str = ""

    @property
    def was_done(self) -> bool:
        """Whether the act was done, by the person."""
        return self.verdict is (Verdict.MISSED if self.forbidden else Verdict.MET)


class Change(msgspec.Struct, frozen=True):
    """A verdict that a person overturned, and what it would be by the levels that were learnt."""

    reviewed: Reviewed
    would_be: Verdict


class Learnt(msgspec.Struct, frozen=True):
    """Levels by act; the share of held-back reviews that verdicts agree with before and after; what was overturned."""

    levels: dict[str, Levels]
    before: float
    after: float
    measured_on: int
    overturned: tuple[Change, ...]


def learn_from_reviews(reviews: Sequence[Reviewed], now: Mapping[str, Levels]) -> Learnt:
    """Levels from all reviews, and how good it is to learn so: half of the calls teach, the other half measures.

    Which half a call is in depends on its id alone. Raises ValueError where either half is empty.
    """
    halves: tuple[list[Reviewed], list[Reviewed]] = ([], [])
    for one in reviews:
        halves[sha256(one.call_id.encode()).digest()[0] % 2].append(one)
    teaching, measuring = halves
    if not teaching or not measuring:
        raise ValueError("too few reviewed calls to learn from some and measure on others")
    half = _moved(teaching, now)
    whole = _moved(reviews, now)
    return Learnt(
        levels=whole,
        before=_agreement(measuring, now, now),
        after=_agreement(measuring, now, half),
        measured_on=len(measuring),
        overturned=tuple(
            Change(one, _verdict(one, now, whole)) for one in reviews if one.verdict is not one.rule_verdict
        ),
    )


def _moved(reviews: Sequence[Reviewed], now: Mapping[str, Levels]) -> dict[str, Levels]:
    levels = dict(now)
    for act in sorted({one.act for one in reviews}):
        mine = [one for one in reviews if one.act == act]
        odds = np.array([_log_odds(one.probability) for one in mine])
        moved = shift(odds, np.array([float(one.was_done) for one in mine]))
        levels[act] = msgspec.structs.replace(now[act], offset=round(now[act].offset + moved, 3))
    return levels


def _agreement(reviews: Sequence[Reviewed], now: Mapping[str, Levels], then: Mapping[str, Levels]) -> float:
    return sum(_verdict(one, now, then) is one.verdict for one in reviews) / len(reviews)


def _verdict(one: Reviewed, now: Mapping[str, Levels], then: Mapping[str, Levels]) -> Verdict:
    """What the finding would be if its act were all that was heard."""
    levels = then[one.act]
    p = 1 / (1 + np.exp(-(_log_odds(one.probability) + levels.offset - now[one.act].offset)))
    if one.forbidden:
        return Verdict.MISSED if p >= levels.sure else Verdict.UNSURE if p >= levels.possible else Verdict.MET
    return Verdict.MET if p >= levels.likely else Verdict.UNSURE if p >= levels.possible else Verdict.MISSED


def _log_odds(probability: float) -> float:
    held = min(max(probability, 1e-3), 1 - 1e-3)
    return float(np.log(held / (1 - held)))
