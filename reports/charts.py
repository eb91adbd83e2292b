"""Where the ink goes: every position of every chart, so that a template only writes numbers down.

`charts.html.j2` holds one macro per chart here. Coordinates are in the chart's own viewBox.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from callaudit.reports.statistics import Interval
from callaudit.reports.wording import between, percent
from callaudit.transcription.transcript import Seconds, Span


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A label on an axis at `at`."""

    at: float
    label: str


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A dot of a line with the words a pointer shows."""

    x: float
    y: float
    title: str


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One week of a trend; `share` is None where nothing was counted.

    `breaks` starts a new line: what came before was counted by other rules. `faint` marks a share on too few calls.
    """

    label: str
    share: float | None
    interval: Interval
    n: int
    breaks: bool = False
    faint: bool = False


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """A line over weeks with the band of its ranges."""

    width: float
    height: float
    left: float
    right: float
    base: float
    bands: tuple[str, ...]
    lines: tuple[str, ...]
    marks: tuple[Mark, ...]
    faint_marks: tuple[Mark, ...]
    whiskers: tuple[tuple[float, float, float], ...]
    breaks: tuple[float, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    last: Mark | None
    last_share: str
    last_range: str
    label_x: float
    label_y: float


def trend(
    points: Sequence[TrendPoint],
    *,
    width: float = 1000,
    height: float = 250,
    labels: int = 7,
    small: bool = False,
    domain: tuple[float, float] | None = None,
    written: Callable[[float | None], str] = percent,
    noun: str = "checks",
) -> Trend:
    """A share over weeks. The axis runs in tens around what is shown and never spans less than forty points.

    `small` is one of many panels: no dates, two lines to read the height by, a dot at the end. Panels that are read
    beside each other have one `domain`. `written` says a share in words, where it stands for something measured.
    """
    left, right = (44.0, width - 52.0) if small else (44.0, width - (96.0 if width < 500 else 130.0))
    top, base = (8.0, height - 10.0) if small else (14.0, height - 30.0)
    bottom_share, top_share = domain or domain_of(points)
    step = (right - left) / max(1, len(points) - 1)
    # One week alone stands in the middle: on the left edge it would look like the start of a cut-off line.
    xs = [(left + right) / 2] if len(points) == 1 else [left + i * step for i in range(len(points))]

    def y(share: float) -> float:
        return _tidy(base - (share - bottom_share) / (top_share - bottom_share) * (base - top))

    runs: list[list[int]] = []
    for i, point in enumerate(points):
        if point.share is None:
            runs.append([])
        elif runs and runs[-1] and not point.breaks:
            runs[-1].append(i)
        else:
            runs.append([i])
    long_runs = [run for run in runs if len(run) > 1]
    seen = [i for run in runs for i in run]
    marks = {i: Mark(x=_tidy(xs[i]), y=y(points[i].share or 0.0), title=_told(points[i], written, noun)) for i in seen}
    every = math.ceil(len(points) / labels)
    tall = round((top_share - bottom_share) * 10)
    step_of_rows = tall if small else 1 if tall <= 5 else 2
    last = marks[seen[-1]] if seen else None
    return Trend(
        width=width,
        height=height,
        left=left,
        right=right,
        base=base,
        bands=tuple(
            _closed(
                [(xs[i], y(points[i].interval.high)) for i in run],
                [(xs[i], y(points[i].interval.low)) for i in reversed(run)],
            )
            for run in long_runs
        ),
        lines=tuple(_path([(xs[i], marks[i].y) for i in run]) for run in long_runs),
        marks=tuple(marks[i] for i in (seen[-1:] if small else seen) if not points[i].faint),
        faint_marks=tuple(marks[i] for i in seen if points[i].faint),
        whiskers=tuple(
            (_tidy(xs[run[0]]), y(points[run[0]].interval.low), y(points[run[0]].interval.high))
            for run in runs
            if len(run) == 1
        ),
        breaks=tuple(_tidy(xs[i] - (step / 2 if i else 0)) for i, p in enumerate(points) if p.breaks),
        rows=tuple(
            Tick(at=y(tens / 10), label=written(tens / 10))
            for tens in range(round(bottom_share * 10), round(top_share * 10) + 1)
            if (tens - round(bottom_share * 10)) % step_of_rows == 0
        ),
        columns=()
        if small
        else tuple(
            Tick(at=_tidy(xs[i]), label=points[i].label)
            for i in range(len(points))
            if (len(points) - 1 - i) % every == 0
        ),
        last=last,
        last_share=written(points[seen[-1]].share) if seen else "",
        last_range=between(points[seen[-1]].interval) if seen and not small else "",
        label_x=_tidy(last.x + (7 if small else 12)) if last else right,
        label_y=(last.y + 5 if small else min(max(last.y, top + 12), base - 14)) if last else top,
    )


class RangeBar(msgspec.Struct, frozen=True, kw_only=True):
    """A share on a track up to 100 %: bar, range and dot, in per cent of its width, so that it fits any column.

    `reference` is a tick to compare with, or None.
    """

    bar: float | None
    dot: float | None
    low: float
    high: float
    reference: float | None
    label: str


def range_bar(
    share: float | None, interval: Interval, *, reference: float | None = None, bar: bool = True, start: float = 0.0
) -> RangeBar:
    """Where a share and its range lie between `start` and 100 per cent."""

    def x(value: float) -> float:
        return _tidy(_EDGE + max(0.0, (value - start) / (1 - start)) * (100 - 2 * _EDGE))

    return RangeBar(
        bar=_tidy(x(share) - _EDGE) if share is not None and bar else None,
        dot=None if share is None else x(share),
        low=x(interval.low),
        high=x(interval.high),
        reference=None if reference is None else x(reference),
        label="nothing counted" if share is None else f"{percent(share)}, likely {between(interval)}",
    )


def track_start(lows: Iterable[float]) -> float:
    """The tens of per cent to begin a track at so that every range is on it; at most a half is left out."""
    return min(0.5, math.floor(10 * min(lows, default=0.0)) / 10)


class ChangeBar(msgspec.Struct, frozen=True, kw_only=True):
    """A difference on a track with zero in the middle, in per cent; `cut_...` says that the range runs on."""

    dot: float
    low: float
    high: float
    cut_low: bool
    cut_high: bool
    label: str


def change_bar(difference: float, interval: Interval, *, reach: float = 0.3) -> ChangeBar:
    """Where a difference and its range lie between `-reach` and `+reach`."""

    def x(value: float) -> float:
        return _tidy(50 + max(-1.0, min(1.0, value / reach)) * (50 - 2 * _EDGE))

    return ChangeBar(
        dot=x(difference),
        low=x(interval.low),
        high=x(interval.high),
        cut_low=interval.low < -reach,
        cut_high=interval.high > reach,
        label=f"{100 * difference:+.0f} points, from {100 * interval.low:+.0f} to {100 * interval.high:+.0f}",
    )


# Room for half a dot at both ends of a track, in per cent.
_EDGE = 2.5


class Spark(msgspec.Struct, frozen=True, kw_only=True):
    """A share over weeks as a bare line, 120 by 22; `end` is its last point, None where there is no line."""

    lines: tuple[str, ...]
    end: tuple[float, float] | None
    label: str


def spark(shares: Sequence[float | None], *, low: float, high: float, label: str) -> Spark:
    """The shares from left to right between `low` and `high`, with a gap where one is None."""
    step = 112 / max(1, len(shares) - 1)
    reach = max(high - low, 0.01)
    at = [
        None if share is None else (_tidy(4 + i * step), _tidy(19 - 16 * (share - low) / reach))
        for i, share in enumerate(shares)
    ]
    runs: list[list[tuple[float, float]]] = [[]]
    for place in at:
        if place is None:
            runs.append([])
        else:
            runs[-1].append(place)
    drawn = [run for run in runs if run]
    return Spark(
        lines=tuple(_path(run) for run in drawn if len(run) > 1), end=drawn[-1][-1] if drawn else None, label=label
    )


class FunnelBar(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the funnel: how many calls came this far."""

    label: str
    count: int
    y: float
    width: float
    text: str
    opacity: str


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """Bars that keep only the calls which did everything above them."""

    height: float
    bars: tuple[FunnelBar, ...]
    label: str


def funnel(stages: Sequence[tuple[str, int]]) -> Funnel:
    """The stages from all calls down, as bars of their counts."""
    first = max(1, stages[0][1])
    bars = tuple(
        FunnelBar(
            label=label,
            count=count,
            y=6 + 38 * i,
            width=_tidy(176 * count / first),
            text=f"{count:,} ({percent(count / first)})",
            opacity=f"{max(0.4, 0.9 - 0.12 * i):.2f}",
        )
        for i, (label, count) in enumerate(stages)
    )
    return Funnel(height=38.0 * len(stages) + 6, bars=bars, label="; ".join(f"{bar.label}: {bar.text}" for bar in bars))


class ScoreDot(msgspec.Struct, frozen=True, kw_only=True):
    """One call in the picture of scores; `href` is "" where it has no page to go to."""

    x: float
    y: float
    title: str
    href: str


class ScoreBar(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one band of scores."""

    x: float
    y: float
    width: float
    height: float
    count: int
    title: str


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Call scores 0 to 100: a dot a call where calls are few, else a bar each ten points."""

    height: float
    base: float
    dots: tuple[ScoreDot, ...]
    bars: tuple[ScoreBar, ...]
    ticks: tuple[Tick, ...]


_MOST_DOTS = 60


def scores(calls: Sequence[tuple[float, str, str]]) -> Scores:
    """The calls' scores; each call is (score of 100, what to show, link)."""
    width, base = 400.0, 150.0

    def x(score: float) -> float:
        return _tidy(10 + score / 100 * width)

    ticks = tuple(Tick(at=x(score), label=str(score)) for score in range(0, 101, 20))
    if len(calls) <= _MOST_DOTS:
        heights: dict[int, int] = {}
        dots = []
        for score, title, href in sorted(calls):
            column = min(32, int(score / 100 * 33))
            heights[column] = heights.get(column, 0) + 1
            dots.append(
                ScoreDot(
                    x=_tidy(10 + (column + 0.5) * width / 33), y=base - 14 * heights[column] + 4, title=title, href=href
                )
            )
        return Scores(height=base + 28, base=base, dots=tuple(dots), bars=(), ticks=ticks)
    counts = [0] * 10
    for score, _, _ in calls:
        counts[min(9, int(score // 10))] += 1
    tallest = max(counts)
    bars = tuple(
        ScoreBar(
            x=x(10 * i) + 2,
            width=width / 10 - 4,
            height=_tidy(120 * count / tallest),
            y=_tidy(base - 120 * count / tallest),
            count=count,
            title=f"{10 * i} to {10 * i + 10}: {count} calls",
        )
        for i, count in enumerate(counts)
    )
    return Scores(height=base + 28, base=base, dots=(), bars=bars, ticks=ticks)


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a timeline."""

    x: float
    width: float


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One speaker's row of a timeline; `y` is its middle, `wave` the outline of how loud it was, "" where not known."""

    name: str
    y: float
    blocks: tuple[Block, ...]
    wave: str = ""


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A numbered marker above the lanes. `left` is in per cent of the width, `row` counts up from the lanes."""

    number: int
    left: float
    row: int
    at: Seconds


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A call from left to right, 1000 wide."""

    height: float
    lanes: tuple[Lane, ...]
    tense: tuple[Block, ...]
    overlaps: tuple[Block, ...]
    holds: tuple[Block, ...]
    ticks: tuple[Tick, ...]
    ticks_narrow: tuple[Tick, ...]


_LANE_STEP = 54.0
# A marker is about this share of the width on a screen of 1100 pixels; closer ones go up a row.
_PIN_WIDTH = 2.4


def timeline(
    duration: Seconds,
    *,
    lanes: Sequence[tuple[str, Sequence[Span]]],
    waves: Mapping[str, Sequence[int]] = MappingProxyType({}),
    tense: Sequence[Span],
    overlaps: Sequence[Span],
    holds: Sequence[Span],
) -> Timeline:
    """Speech of each lane with what happened around it; spans beyond the end are cut.

    `waves` is how loud a lane was in pieces of equal length, 0 to 100: then its outline is drawn in place of blocks.
    """
    length = max(duration, 0.001)

    def block(span: Span) -> Block:
        start, end = min(max(span.start, 0.0), length), min(max(span.end, 0.0), length)
        # Half a unit keeps a short word visible.
        return Block(x=_tidy(1000 * start / length), width=_tidy(max(1.2, 1000 * (end - start) / length)))

    def ticks(most: int) -> tuple[Tick, ...]:
        step = _tick_step(length, most)
        return tuple(
            Tick(at=_tidy(100 * t / length), label=f"{t // 60}:{t % 60:02d}")
            for t in range(0, int(length) + 1, step)
            if t == 0 or t <= length - step * 0.25
        )

    return Timeline(
        height=_LANE_STEP * len(lanes) + 14,
        lanes=tuple(
            Lane(
                name=name,
                y=_tidy(_LANE_STEP * i + 34),
                blocks=() if waves.get(name) else tuple(block(s) for s in spans),
                wave=_wave(waves.get(name, ()), _LANE_STEP * i + 34),
            )
            for i, (name, spans) in enumerate(lanes)
        ),
        tense=tuple(block(s) for s in tense),
        overlaps=tuple(block(s) for s in overlaps),
        holds=tuple(block(s) for s in holds),
        ticks=ticks(11),
        ticks_narrow=ticks(5),
    )


_LOUDEST = 19.0


def _wave(levels: Sequence[int], y: float) -> str:
    """The outline of a lane: as high above its middle as below. Quiet words are to be seen beside loud ones."""
    if not levels:
        return ""
    step = 1000 / len(levels)
    heights = [_LOUDEST * math.sqrt(level / 100) for level in levels]
    above = [((i + 0.5) * step, y - height) for i, height in enumerate(heights)]
    below = [((i + 0.5) * step, y + height) for i, height in reversed(list(enumerate(heights)))]
    return _closed(above, below)


def pins(times: Sequence[tuple[int, Seconds]], duration: Seconds, *, width: float = _PIN_WIDTH) -> tuple[Pin, ...]:
    """Markers (number, time) in rows that keep neighbours apart, earliest first; `width` is a marker's, in per cent."""
    length = max(duration, 0.001)
    taken: list[float] = []
    placed = []
    for number, at in sorted(times, key=lambda pin: (pin[1], pin[0])):
        left = min(99.0, max(1.0, 100 * at / length))
        row = next((i for i, edge in enumerate(taken) if left >= edge), len(taken))
        if row == len(taken):
            taken.append(0.0)
        taken[row] = left + width
        placed.append(Pin(number=number, left=round(left, 2), row=row, at=at))
    return tuple(placed)


def _tick_step(length: Seconds, most: int) -> int:
    for step in (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600):
        if length / step <= most:
            return step
    return 7200


def domain_of(points: Iterable[TrendPoint]) -> tuple[float, float]:
    """The tens around the ranges of all points, at least forty points apart."""
    shown = [p.interval for p in points if p.share is not None]
    if not shown:
        return 0.0, 1.0
    low = math.floor(min(interval.low for interval in shown) * 10) / 10
    high = math.ceil(max(interval.high for interval in shown) * 10) / 10
    while high - low < 0.4:
        high, low = min(1.0, high + 0.1), max(0.0, low - 0.1)
    return low, high


def _told(point: TrendPoint, written: Callable[[float | None], str], noun: str) -> str:
    span = f"{written(point.interval.low)} to {written(point.interval.high)}"
    likely = "likely " if written is percent else ""
    return f"Week of {point.label}: {written(point.share)}, {likely}{span}, {point.n:,} {noun}"


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_tidy(x):g},{_tidy(y):g}" for x, y in points)


def _closed(there: Sequence[tuple[float, float]], back: Sequence[tuple[float, float]]) -> str:
    return _path([*there, *back]) + "Z"


def _tidy(value: float) -> float:
    return round(value, 1)
