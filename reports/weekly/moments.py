"""Where to listen: moments, calls, scores, and how far tense calls get."""

from collections.abc import Collection, Sequence

import msgspec

from callaudit.reports import charts
from callaudit.reports.page import call_link, weekly_file_name
from callaudit.reports.statistics import Interval
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.rates import week_row
from callaudit.reports.weekly.rows import CallOfWeek, CallRow, Quoted, QuotedOfWeek
from callaudit.reports.wording import NOTHING, clock, counted, sentence
from callaudit.transcription.transcript import Seconds

_MOMENTS = 4
_MOST_CRITICAL = 24
"""So many calls with a critical miss are listened to first; a link says where the others are."""

CALLS_SHOWN = 20
"""A week with more calls than this lists the ones to start with."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a call that is worth hearing."""

    quote: str
    said_by: str
    asks: str
    reason: str
    agent: str
    call_id: str
    at: str
    href: str
    critical: bool
    met: bool


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the week; `started` and `length` order what `when` and `duration` say."""

    call_id: str
    href: str
    when: str
    started: str
    agent: str
    team: str
    queue: str
    duration: str
    length: Seconds
    mood: str
    score: str
    bar: charts.RangeBar | None
    critical: str
    critical_misses: int


class First(msgspec.Struct, frozen=True, kw_only=True):
    """What to listen to first, by agent; `more` critical calls are not among them."""

    by_agent: tuple[tuple[str, tuple[Moment, ...]], ...]
    more: int


def listen_first(readings: Readings) -> First:
    """A moment of every call with a critical miss, filled up with the gravest others, each agent's together."""
    missed, _ = all_moments(readings)
    critical: dict[str, QuotedOfWeek] = {}
    for row in missed:
        if row.critical:
            critical.setdefault(row.call_id, row)
    shown = list(critical.values())[:_MOST_CRITICAL]
    chosen = [week_moment(readings, row) for row in shown]
    if len(chosen) < _MOMENTS:
        others = [row for row in missed if row.call_id not in critical]
        chosen += _spread(readings, others)[: _MOMENTS - len(chosen)]
    by_agent: dict[str, list[Moment]] = {}
    for moment in chosen:
        by_agent.setdefault(moment.agent, []).append(moment)
    calls = sum(1 for row in readings.calls if row.critical_misses)
    return First(
        by_agent=tuple((agent, tuple(found)) for agent, found in by_agent.items()), more=max(0, calls - len(shown))
    )


def worth_playing(readings: Readings) -> tuple[Moment, ...]:
    """What is worth playing to the team."""
    return _spread(readings, all_moments(readings)[1])


def all_moments(readings: Readings) -> tuple[list[QuotedOfWeek], list[QuotedOfWeek]]:
    """Every quoted finding of the week: the misses, the gravest first, and what agents did well, the rarest first."""
    rows = readings.moments
    missed = [row for row in rows if row.verdict == "missed"]
    met = [row for row in rows if row.verdict == "met" and row.quote_speaker != "customer"]
    rate = {row.rule_id: row.rate for row in readings.rules}
    missed.sort(
        key=lambda row: (
            not row.critical,
            row.quote_kind != "against",
            -row.weight,
            row.score if row.score is not None else 100.0,
            row.call_id,
            row.rule_id,
        )
    )
    # The rarer a step is followed, the more a team can learn from hearing it done; long quotes say more.
    met.sort(key=lambda row: (rate.get(row.rule_id) or 0.0, -len(row.quote), row.call_id, row.rule_id))
    return missed, [row for row in met if len(row.quote.split()) >= 4]


def _spread(readings: Readings, rows: Sequence[QuotedOfWeek]) -> tuple[Moment, ...]:
    """The first few: each rule and each call once before any comes twice, no words twice."""
    chosen: list[QuotedOfWeek] = []
    for allowed in (0, 1):
        for row in rows:
            same = sum(c.rule_id == row.rule_id or c.call_id == row.call_id for c in chosen)
            repeated = any(c.quote == row.quote for c in chosen)
            if len(chosen) < _MOMENTS and row not in chosen and same <= allowed and not repeated:
                chosen.append(row)
    chosen.sort(key=rows.index)
    return tuple(week_moment(readings, row) for row in chosen)


def week_moment(readings: Readings, row: Quoted) -> Moment:
    """A quoted finding of the weekly page as a place to listen to."""
    return moment_of(row, href=_link(readings, row, at=row.at_s))


def moment_of(row: Quoted, *, href: str) -> Moment:
    """A quoted finding as a place to listen to; `href` is its place on a call's page, "" where it has none."""
    return Moment(
        quote=_cut(row.quote),
        said_by="Customer" if row.quote_speaker == "customer" else "",
        asks=row.asks,
        reason=sentence(row.reason),
        agent=row.agent_name or row.agent_id or "agent not named",
        call_id=row.call_id,
        at=clock(row.at_s) if row.at_s is not None else "",
        href=href,
        critical=row.critical,
        met=row.verdict == "met",
    )


_LONGEST_QUOTE = 180


def _cut(quote: str) -> str:
    return quote if len(quote) <= _LONGEST_QUOTE else quote[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + " …"


def _link(readings: Readings, row: Quoted | CallRow, *, at: Seconds | None = None) -> str:
    """The call's page; none from under a pseudonym, because the page says who it is."""
    return "" if readings.edition.pseudonyms else call_link(row.call_id, at=at)


def _when(readings: Readings, row: CallOfWeek) -> str:
    if row.started_local is None:
        return "" if readings.edition.pseudonyms else "no date"
    return f"{row.started_local:%a} {row.started_local:%H:%M}"


def call_lines(readings: Readings) -> tuple[CallLine, ...]:
    """The calls of the week, or those to start with where there are many; all of them in an agent's own edition."""
    if not calls_are_many(readings):
        return tuple(_call_line(readings, row, _link(readings, row)) for row in readings.calls)
    return tuple(_call_line(readings, row, _link(readings, row)) for row in _worst_first(readings)[:CALLS_SHOWN])


def calls_are_many(readings: Readings) -> bool:
    """Whether the weekly page lists only the calls to start with, and all of them stand on a page of their own."""
    return len(readings.calls) > CALLS_SHOWN and not readings.edition.agent


class AllCalls(msgspec.Struct, frozen=True, kw_only=True):
    """The page of all calls of the week; `back` is the weekly page it belongs to."""

    lines: tuple[CallLine, ...]
    back: str


def all_calls(readings: Readings, with_pages: Collection[str]) -> AllCalls:
    """Every call of the week, the worst first; those `with_pages` are linked to theirs."""
    return AllCalls(
        lines=tuple(
            _call_line(readings, row, _link(readings, row) if row.call_id in with_pages else "")
            for row in _worst_first(readings)
        ),
        back=weekly_file_name(readings.week, readings.scorecard, readings.edition.suffix),
    )


def _worst_first(readings: Readings) -> list[CallOfWeek]:
    return sorted(
        readings.calls,
        key=lambda r: (-(r.critical_misses or 0), r.score if r.score is not None else 101.0, r.call_id),
    )


def _call_line(readings: Readings, row: CallOfWeek, href: str) -> CallLine:
    return CallLine(
        call_id=row.call_id,
        href=href,
        when=_when(readings, row),
        started=f"{row.started_local:%Y-%m-%dT%H:%M:%S}" if row.started_local else "",
        agent=row.agent_name or row.agent_id or "not named",
        team=row.team or "",
        queue=row.queue or "",
        duration=clock(row.duration_s),
        length=round(row.duration_s or 0.0, 1),
        mood=mood(row),
        score=NOTHING if row.score is None else f"{row.score:.0f}",
        bar=None
        if row.score is None
        else charts.range_bar(row.score / 100, Interval(row.score / 100, row.score / 100)),
        critical=counted(row.critical_misses, "critical miss", "critical misses") if row.critical_misses else "",
        critical_misses=row.critical_misses or 0,
    )


def calls_title(readings: Readings) -> str:
    """What the list of calls is."""
    if calls_are_many(readings):
        return "Calls to start with"
    return "The calls"


def mood(row: CallRow) -> str:
    """Tense, perhaps tense or friendly, calmed or not, in words."""
    if row.upset == "unknown":
        return "cannot tell"
    if row.upset == "perhaps":
        return "perhaps tense"
    if not row.tense:
        return "friendly"
    return "tense, calmed" if row.calmed else "tense, not calmed"


def funnel_chart(readings: Readings) -> charts.Funnel | None:
    """How far the tense calls got of which every stage could be judged; None without such calls."""
    judged = {row.rule_id for row in readings.rules}
    stages = {row.rule_id: row.milestone for row in readings.scorecard_rules if row.milestone and row.rule_id in judged}
    met = {(row.call_id, row.rule_id): row.met for row in readings.funnel}
    left = {call for call, _ in met if all((call, rule) in met for rule in stages)}
    if not left:
        return None
    bars = [("Tense, all judged", len(left))]
    for rule, label in stages.items():
        left = {call for call in left if met[call, rule]}
        bars.append((label, len(left)))
    return charts.funnel(bars)


def funnel_note(readings: Readings) -> str:
    """What the bars are of, and how many tense calls are not in them."""
    row = week_row(readings, readings.week)
    return (
        f"Of the week's {counted(row.tense_calls if row else 0, 'tense call')} those in which every one "
        "of these could be judged. Each bar keeps the calls that did everything above it."
    )


def score_chart(readings: Readings) -> charts.Scores | None:
    """The calls by score; None where none was scored."""
    scored = [(row, row.score) for row in readings.calls if row.score is not None]
    if not scored:
        return None
    return charts.scores([(score, f"{row.call_id}: {score:.0f} of 100", _link(readings, row)) for row, score in scored])
