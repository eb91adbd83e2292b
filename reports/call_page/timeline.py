"""What a call page draws along the time of the call: who spoke, episodes, holds, and a pin for each finding."""

from collections.abc import Sequence

import msgspec

from callaudit.reports import charts
from callaudit.reports.call_page.loudness import Loudness, within
from callaudit.reports.call_page.queries import Readings
from callaudit.reports.call_page.scorecards import VERDICTS
from callaudit.reports.call_page.transcript import is_marked
from callaudit.reports.wording import (
    clock,
)
from callaudit.transcription.transcript import Seconds, Span


class TimelinePin(msgspec.Struct, frozen=True, kw_only=True):
    """A marker on the timeline, at its place in a wide and in a narrow window."""

    number: int
    css: str
    label: str
    seconds: Seconds
    left: float
    row: int
    narrow_row: int
    href: str


def speech_of(readings: Readings, role: str) -> tuple[Span, ...]:
    """When a party spoke, by the sound of its own channel."""
    return tuple(Span(row.start_s, row.end_s) for row in readings.speech if row.speaker == role)


def lanes_of(readings: Readings) -> list[tuple[str, tuple[Span, ...]]]:
    """A row for each party from its own channel; else from the times of the words, one row where roles are unknown."""
    if readings.call.has_times:
        return [("Agent", speech_of(readings, "agent")), ("Customer", speech_of(readings, "customer"))]
    spoken = {
        name: tuple(
            Span(row.start_s, row.end_s)
            for row in readings.utterances
            if row.speaker == role and row.start_s is not None and row.end_s is not None
        )
        for role, name in (("agent", "Agent"), ("customer", "Customer"), ("system", "System"), ("unknown", "Speech"))
    }
    return [(name, spans) for name, spans in spoken.items() if spans]


def waves_of(
    readings: Readings, lanes: Sequence[tuple[str, tuple[Span, ...]]], loud: Loudness, duration: Seconds
) -> dict[str, tuple[int, ...]]:
    """How loud each party was: on its own channel, or on the one that all share while it spoke."""
    if not loud:
        return {}
    waves = {}
    for name, spans in lanes:
        channels = [row.channel for row in readings.utterances if row.speaker == name.lower()]
        channel = max(set(channels), key=channels.count) if channels else None
        if readings.call.has_times and channel is not None and 0 <= channel < len(loud) > 1:
            waves[name] = loud[channel]
        elif len(loud) == 1:
            waves[name] = within(loud[0], spans, duration)
    return waves


def episode_spans(readings: Readings, duration: Seconds) -> tuple[Span, ...]:
    """When the call was tense; an episode without an end lasts to the call's."""
    return tuple(
        Span(row.start_s, row.end_s if row.end_s is not None else duration)
        for row in readings.episodes
        if row.start_s is not None
    )


def hold_spans(readings: Readings) -> tuple[Span, ...]:
    """When the customer was on hold."""
    return tuple(Span(row.start_s, row.end_s) for row in readings.holds)


def pins_of(readings: Readings, numbers: dict[str, int], duration: Seconds) -> tuple[tuple[TimelinePin, ...], int, int]:
    """The marked findings on the timeline, and how many rows they take in a wide and in a narrow window."""
    if not duration:
        return (), 0, 0
    findings = {row.rule_id: row for row in readings.findings}
    places: dict[str, tuple[Seconds, int | None]] = {}
    for row in readings.evidence:
        if is_marked(row) and row.start_s is not None and row.rule_id in numbers:
            places.setdefault(row.rule_id, (row.start_s, row.turn))
    times = [(numbers[rule], start) for rule, (start, _) in places.items()]
    rules = {number: rule for rule, number in numbers.items()}
    wide = charts.pins(times, duration)
    narrow = {pin.number: pin.row for pin in charts.pins(times, duration, width=5.6)}
    made = tuple(
        TimelinePin(
            number=pin.number,
            css=findings[rules[pin.number]].verdict,
            label=f"{pin.number}. {findings[rules[pin.number]].asks} "
            f"{VERDICTS[findings[rules[pin.number]].verdict]}, at {clock(pin.at)}",
            seconds=pin.at,
            left=pin.left,
            row=pin.row,
            narrow_row=narrow[pin.number],
            href=f"#turn-{places[rules[pin.number]][1]}",
        )
        for pin in wide
    )
    return made, max((pin.row + 1 for pin in made), default=0), max((pin.narrow_row + 1 for pin in made), default=0)
