"""What a scorecard aims at, and whether a week's figures reach it."""

import msgspec

from callaudit.reports.statistics import Rate
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rows import Target
from callaudit.reports.wording import percent


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """A target for a step, 0 to 1, and how this week's rate stands to it in words."""

    target: float
    words: str


def step_aim(readings: Readings, step: str, rate: Rate) -> Aim | None:
    """The target of a step, the team's own before everybody's, and how the rate stands to it; None without a target.

    That it is missed is said only where the whole likely range lies below it: a few calls prove no miss.
    """
    row = _row(readings, step)
    if row is None:
        return None
    target = row.target / 100
    if rate.share is None or rate.n < row.least_calls:
        stands = f"fewer than {row.least_calls} calls"
    elif rate.share >= target:
        stands = "reached"
    elif rate.interval().high < target:
        stands = "clearly missed"
    else:
        stands = "not reached, but within the likely range"
    return Aim(target=target, words=f"Target {percent(target)}: {stands}")


def score_target(readings: Readings) -> str:
    """`target 75` for the mean score of the report's scorecard, "" where none is set."""
    row = _row(readings, "")
    return "" if row is None else f"target {row.target:g}"


def _row(readings: Readings, step: str) -> Target | None:
    theirs = [row for row in readings.targets if row.step == step]
    return max(theirs, key=lambda row: bool(row.team), default=None)
