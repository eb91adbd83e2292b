"""The words of a call in lines, with what happened between turns and the places that evidence marks."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from callaudit.reports.call_page.marked_text import Highlight, Piece, Tone, pieces, uncertain_words
from callaudit.reports.call_page.queries import EvidenceRow, Readings, TurnRow
from callaudit.reports.wording import (
    clock,
    long_time,
)
from callaudit.transcription.transcript import Seconds, Span

KINDS: dict[str, Tone] = {"met": "met", "against": "missed", "near_miss": "near"}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the transcript: a turn, or something that happened between turns."""

    kind: Literal["turn", "tense", "calm", "hold", "silence"]
    css: str = ""
    anchor: str = ""
    at: str = ""
    start: Seconds | None = None
    end: Seconds | None = None
    speaker: str = ""
    over: bool = False
    signal: bool = False
    pieces: tuple[Piece, ...] = ()
    text: str = ""
    quote: str = ""


def is_marked(row: EvidenceRow) -> bool:
    """Whether evidence is a place to look at: "never said, searched 8 turns" is none."""
    return row.kind in KINDS and bool(row.quote or (row.kind != "met" and row.start_s is not None))


def transcript_lines(
    readings: Readings,
    numbers: dict[str, int],
    *,
    holds: Sequence[Span],
    overlapped: Sequence[Span],
) -> tuple[Line, ...]:
    """The turns in order, with tense and calm, holds and long silences where they were."""
    pauses = _pauses(readings, holds)
    opened = {row.first_turn: row for row in readings.episodes}
    closed = {row.last_turn: row for row in readings.episodes if row.closed_by != "call_end"}
    lines: list[Line] = []
    for turn in readings.turns:
        while pauses and turn.start_s is not None and pauses[0].start is not None and pauses[0].start < turn.start_s:
            lines.append(pauses.pop(0))
        lines += _turn_lines(readings, turn, numbers, overlapped)
        if turn.turn in opened:
            episode = opened[turn.turn]
            lines.append(
                Line(
                    kind="tense",
                    at=_at(episode.start_s),
                    start=episode.start_s,
                    text="The call becomes tense:",
                    quote=episode.opened_by,
                )
            )
        if turn.turn in closed:
            how = "accepts" if closed[turn.turn].closed_by == "accepted" else "says thanks"
            lines.append(
                Line(kind="calm", at=_at(turn.end_s), start=turn.end_s, text=f"Calm again: the customer {how}.")
            )
    return (*lines, *pauses)


def _turn_lines(readings: Readings, turn: TurnRow, numbers: dict[str, int], overlapped: Sequence[Span]) -> list[Line]:
    """One line for a turn; one for each utterance where nobody knows who speaks and a turn means nothing."""
    own = [row for row in readings.utterances if row.turn == turn.turn]
    role, text = turn.speaker, turn.text
    highlights, uncertain = _highlights(readings, turn, numbers), uncertain_words(own)
    parts = [(0, len(text), turn.start_s, turn.end_s)]
    if role == "unknown" and own:
        parts = [(row.char_offset, row.char_offset + len(row.text), row.start_s, row.end_s) for row in own]
    return [
        Line(
            kind="turn",
            css=role,
            anchor=f"turn-{turn.turn}" if number == 0 else f"turn-{turn.turn}-{number}",
            at=_at(start_s),
            start=start_s,
            end=end_s,
            speaker={"agent": "Agent", "customer": "Customer", "system": "System"}.get(role, "Speaker"),
            over=number == 0 and _talks_over(turn, overlapped),
            signal=turn.is_signal,
            pieces=pieces(
                text[start:end],
                [msgspec.structs.replace(h, start=h.start - start, end=h.end - start) for h in highlights],
                [(a - start, b - start) for a, b in uncertain],
            ),
        )
        for number, (start, end, start_s, end_s) in enumerate(parts)
    ]


def _highlights(readings: Readings, turn: TurnRow, numbers: dict[str, int]) -> list[Highlight]:
    verdicts = {row.rule_id: row.verdict for row in readings.findings}
    text = turn.text
    found = []
    for row in readings.evidence:
        if row.turn != turn.turn or not is_marked(row) or row.rule_id not in numbers:
            continue
        start, end = row.char_start, row.char_end
        if start is None or end is None:
            start = text.find(row.quote) if row.quote else -1
            end = start + len(row.quote or "")
        # A person's reversal counts: then the words are marked as what they were found to be.
        tone = KINDS[row.kind]
        if verdicts[row.rule_id] == "unsure":
            tone = "near"
        elif tone != "near":
            tone = "met" if verdicts[row.rule_id] == "met" else "missed"
        if start >= 0:
            found.append(Highlight(number=numbers[row.rule_id], tone=tone, start=start, end=end))
    return found


def _talks_over(turn: TurnRow, overlapped: Sequence[Span]) -> bool:
    """Whether this turn began while the other party still spoke."""
    start = turn.start_s
    return start is not None and any(abs(span.start - start) < 0.5 for span in overlapped)


def _pauses(readings: Readings, holds: Sequence[Span]) -> list[Line]:
    lines = [
        Line(
            kind="hold",
            at=_at(hold.start),
            start=hold.start,
            end=hold.end,
            text=f"On hold for {long_time(hold.duration)}",
        )
        for hold in holds
    ]
    silences = [Span(row.start_s, row.end_s) for row in readings.silences]
    lines += [
        Line(kind="silence", at=_at(s.start), start=s.start, end=s.end, text=f"{long_time(s.duration)} of silence")
        for s in silences
    ]
    return sorted(lines, key=lambda line: line.start or 0.0)


def _at(seconds: Seconds | None) -> str:
    return "" if seconds is None else clock(seconds)
