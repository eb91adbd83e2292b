"""What drives misses: where points are lost, in which way steps are missed, on which calls. Counts, not causes."""

from collections.abc import Callable, Iterable

import msgspec

from callaudit.reports import charts
from callaudit.reports.statistics import LEVEL, Rate, common_difference, sidak
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rates import FEW, shown
from callaudit.reports.weekly.rows import CallOfWeek, MissCount
from callaudit.reports.wording import clock, points

SHAPES = {
    "never": "Never heard",
    "too_late": "Said, but too late",
    "too_early": "Said before it was called for",
    "out_of_place": "Said, but before what it answers",
    "too_few": "Said, but not often enough",
    "not_specific": "Said, but without naming the issue",
    "by_the_other": "Said by the other party only",
    "forbidden": "Said what should not be said",
    "wrong_order": "In the wrong order",
    "timing": "By timing: interruptions, slow answers, no sign of listening",
    "hold": "On hold: not asked, explained, timed or ended as it should be",
    "broken_promise": "A promised contact did not come",
    "by_a_person": "Judged as missed by a person",
}
"""The ways of missing a rule, as `miss_kind` names them."""


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """One step's part in all points lost in the week."""

    title: str
    misses: int
    share: float
    bar: float


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One way of missing, over all live rules of the scorecard; `mostly` is the rule missed so most often."""

    name: str
    misses: int
    share: float
    bar: float
    mostly: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Steps followed on some of the calls."""

    name: str
    calls: int
    rate: Rate
    value: str
    bar: charts.RangeBar
    few: bool


class Calming(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that goes with calmed calls, and by how much oftener they are calmed where it is met."""

    asks: str
    amount: str
    bar: charts.ChangeBar
    calls: int


class Drivers(msgspec.Struct, frozen=True, kw_only=True):
    """The section; what is too thin is empty. `groups` are titled."""

    lost: tuple[Lost, ...]
    shapes: tuple[Shape, ...]
    groups: tuple[tuple[str, tuple[Group, ...]], ...]
    calming: tuple[Calming, ...]
    calming_note: str

    def __bool__(self) -> bool:
        return bool(self.lost or self.shapes or self.groups)


def drivers(readings: Readings) -> Drivers:
    """What the warehouse knows of the week's misses, and of the calmed calls of four weeks."""
    calming, note = _calming(readings)
    return Drivers(
        lost=_lost(readings), shapes=_shapes(readings), groups=_groups(readings), calming=calming, calming_note=note
    )


def _lost(readings: Readings) -> tuple[Lost, ...]:
    rows = [row for row in readings.step_losses if row.lost > 0]
    total = sum(row.lost for row in rows)
    most = max((row.lost for row in rows), default=0.0)
    rows.sort(key=lambda row: (-row.lost, row.step))
    return tuple(
        Lost(
            title=row.step_title,
            misses=row.misses,
            share=row.lost / total,
            bar=_bar(row.lost / most),
        )
        for row in rows
    )


def _shapes(readings: Readings) -> tuple[Shape, ...]:
    asks = {row.rule_id: row.asks for row in readings.scorecard_rules}
    by_shape: dict[str, list[MissCount]] = {}
    for row in readings.misses:
        by_shape.setdefault(row.miss_kind, []).append(row)
    counts = {shape: sum(row.misses for row in rows) for shape, rows in by_shape.items()}
    total, most = sum(counts.values()), max(counts.values(), default=0)
    ordered = sorted(counts, key=lambda shape: (-counts[shape], shape))
    return tuple(
        Shape(
            name=SHAPES[shape],
            misses=counts[shape],
            share=counts[shape] / total,
            bar=_bar(counts[shape] / most),
            mostly=asks[min(by_shape[shape], key=lambda row: (-row.misses, row.rule_id)).rule_id],
        )
        for shape in ordered
    )


def _bar(share: float) -> float:
    return round(100 * share, 1)


def _groups(readings: Readings) -> tuple[tuple[str, tuple[Group, ...]], ...]:
    judged = [row for row in readings.calls if row.steps_judged]
    wanted: list[tuple[str, tuple[Group, ...]]] = [
        ("By team", _by_name(readings, judged, lambda call: call.team or "")),
        ("By queue", _by_name(readings, judged, lambda call: call.queue or "")),
        ("By length of call", _by_length(readings, judged)),
        ("By mood", _grouped(readings, judged, _mood, ("tense", "friendly"))),
    ]
    return tuple((title, groups) for title, groups in wanted if len(groups) > 1)


_MOST_GROUPS = 12


def _by_name(readings: Readings, calls: list[CallOfWeek], name_of: Callable[[CallOfWeek], str]) -> tuple[Group, ...]:
    """One group for each team or queue; in order of name, and those with the most calls where there are many."""
    counts: dict[str, int] = {}
    for call in calls:
        if name := name_of(call):
            counts[name] = counts.get(name, 0) + 1
    kept = sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_GROUPS]
    return _grouped(readings, calls, name_of, sorted(kept))


def _mood(call: CallOfWeek) -> str:
    return "" if call.tense is None else "tense" if call.tense else "friendly"


def _by_length(readings: Readings, calls: list[CallOfWeek]) -> tuple[Group, ...]:
    """The shorter, middle and longer third of the week's calls."""
    lengths = sorted(call.duration_s for call in calls if call.duration_s)
    if len(lengths) < 3 * FEW:
        return ()
    first, second = lengths[len(lengths) // 3], lengths[2 * len(lengths) // 3]
    if not lengths[0] < first < second:
        return ()
    names = (f"up to {clock(first)}", f"{clock(first)} to {clock(second)}", f"over {clock(second)}")

    def third(call: CallOfWeek) -> str:
        length = call.duration_s
        return names[(length > first) + (length > second)] if length else ""

    return _grouped(readings, calls, third, names)


def _grouped(
    readings: Readings, calls: list[CallOfWeek], name_of: Callable[[CallOfWeek], str], names: Iterable[str]
) -> tuple[Group, ...]:
    counts: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in names}
    number = dict.fromkeys(counts, 0)
    for call in calls:
        name = name_of(call)
        if name in counts:
            who = (call.agent_id or call.call_id) if readings.by_agent else call.call_id
            met, judged = counts[name].get(who, (0.0, 0.0))
            counts[name][who] = (met + (call.steps_met or 0), judged + (call.steps_judged or 0))
            number[name] += 1
    made = []
    for name, by_who in counts.items():
        if number[name]:
            rate, few = Rate.clustered(list(by_who.values())), number[name] < FEW
            made.append(
                Group(
                    name=name,
                    calls=number[name],
                    rate=rate,
                    value=shown(rate, few=few),
                    bar=charts.range_bar(rate.share, rate.interval()),
                    few=few,
                )
            )
    return tuple(made)


_CALMING_SHOWN = 6
_CALMING_CALLS = 40
"""Tense calls from which on it is asked which rules go with a calmed call."""


def _calming(readings: Readings) -> tuple[tuple[Calming, ...], str]:
    """Rules that were met clearly oftener on calls that ended calm, each agent's calls compared with their own."""
    asks = {row.rule_id: row.asks for row in readings.scorecard_rules}
    strata: dict[str, dict[str, dict[bool, tuple[float, float]]]] = {}
    for row in readings.calmed:
        of_rule = strata.setdefault(row.rule_id, {}).setdefault(row.agent_id, {})
        of_rule[bool(row.met)] = (row.calmed, row.calls)
    asked = {
        rule: calls
        for rule, agents in strata.items()
        if (calls := int(sum(n for by in agents.values() for _, n in by.values()))) >= _CALMING_CALLS
    }
    found = []
    for rule, calls in asked.items():
        pairs = [(by.get(True, (0.0, 0.0)), by.get(False, (0.0, 0.0))) for by in strata[rule].values()]
        strict, plain = common_difference(pairs, sidak(LEVEL, len(asked))), common_difference(pairs)
        if strict is not None and plain is not None and strict[1].low > 0:
            bar = charts.change_bar(plain[0], plain[1])
            found.append((plain[0], Calming(asks=asks[rule], amount=points(plain[0]), bar=bar, calls=calls)))
    found.sort(key=lambda each: (-each[0], each[1].asks))
    shown_ = tuple(each for _, each in found[:_CALMING_SHOWN])
    if not asked:
        return (), ""
    if not shown_:
        return (), f"None of {len(asked)} rules clearly goes with a calmed call over these four weeks."
    return shown_, (
        f"Four weeks, of {len(asked)} rules, on tense calls; each agent's calls are compared with their own. These go "
        "together, which does not show that one causes the other: easier calls allow more steps."
    )


def misses_note(readings: Readings) -> str:
    """What the section counts."""
    missed = sum(row.misses for row in readings.misses)
    return (
        f"{missed:,} verdicts “missed” of live rules this week. Teams and queues take different calls, so these are "
        "counts and ranges, not causes."
    )
