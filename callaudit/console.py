"""What the terminal shows: errors, progress, scorecards. The only file of this folder that knows rich."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table

from callaudit.audit_rules.acts.said import Witness
from callaudit.audit_rules.finding import Audit, Evidence, EvidenceKind, Finding, Upset, Verdict
from callaudit.audit_rules.rulebook import Rulebook
from callaudit.audit_rules.scorecard import CallScore
from callaudit.audit_rules.sentences import reason_of
from callaudit.flows.telemetry.events import LOGGER, Busy, Event, Refused, Started, Stored, Transcribed
from callaudit.transcription.errors import CallauditError
from callaudit.transcription.inbox import Preview, Source
from callaudit.transcription.inbox.metadata import printable
from callaudit.transcription.transcript import Call, Transcript

if TYPE_CHECKING:  # It brings numpy, which only one command needs.
    from callaudit.audit_rules.evaluation.labelled_utterances import Errors
    from callaudit.doctor import Check

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_MARK = {
    Verdict.MISSED: "[bold red]Missed[/]",
    Verdict.UNSURE: "[bold yellow]Unsure: a person should listen[/]",
    Verdict.MET: "[bold green]Met[/]",
    Verdict.NOT_ASSESSABLE: "[bold yellow]The recording cannot show[/]",
}


def show_error(error: CallauditError) -> None:
    """What is wrong, why, and what to try."""
    err.print(f"[bold red]Error:[/] [bold]{escape(error.what)}[/]")
    for line in error.why.splitlines():
        _below(escape(line), console=err)
    for step in error.tries:
        err.print(f"  [cyan]try:[/] {escape(step)}")


def _below(text: str, *, indent: int = 2, console: Console = out) -> None:
    """A line that belongs to the one above; on a terminal what has no room goes on below its own start."""
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent), expand=False), soft_wrap=False)
    else:
        console.print(f"{' ' * indent}{text}")


def show_checks(found: "Iterable[Check]") -> "list[Check]":
    """A line for each check as soon as it is made, then what to try; a long line goes on below its own text."""
    colour = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}
    checks: list[Check] = []
    with out.status("checking ..."):
        for check in found:
            checks.append(check)
            if not out.is_terminal:
                out.print(f"{check.state:<4} {check.name:<16} {escape(check.says)}")
                continue
            line = Table.grid(padding=(0, 1, 0, 0))
            line.add_column(no_wrap=True, width=4)
            line.add_column(no_wrap=True, min_width=16)
            line.add_column(overflow="fold")
            line.add_row(f"[{colour[check.state]}]{check.state}[/]", check.name, escape(check.says))
            out.print(line)
    problems = [c for c in checks if c.state == "FAIL"]
    warnings = [c for c in checks if c.state == "warn"]
    counts = ((len(problems), "problem"), (len(warnings), "warning"))
    out.print("\n" + ", ".join(f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in counts) + ".")
    for step in dict.fromkeys(step for c in (*problems, *warnings) for step in c.tries):
        out.print(f"  [cyan]try:[/] {escape(step)}")
    return checks


class RunDisplay(logging.Handler):
    """Shows a run's events: a bar on a terminal, a line for each call elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__()
        self.quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._began = time.monotonic()
        # Of sound: all there is, what is done with, and what was heard just now.
        self._total_seconds = self._done_seconds = self._heard_seconds = 0.0
        self._calls = self._exports = self._done = self._refused = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Show one event."""
        event = getattr(record, "event", None)
        if isinstance(event, Event) and not self.quiet:
            self._show(event)

    def stop(self) -> None:
        """Take the bar away. Not `close`: whoever sets up logging, as Prefect does, closes every handler there is."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show(self, event: Event) -> None:
        match event:
            case Started():
                self._start(event)
            case Transcribed():
                self._done += 1
                self._done_seconds += event.audio_seconds
                self._heard_seconds += 0.0 if event.reused else event.audio_seconds
                if not event.imported:
                    again = ", finished earlier" if event.reused else ""
                    self._line(f"  [dim]{escape(event.file)}  {_clock(event.audio_seconds)}{again}[/]", always=False)
            case Refused() if not event.again:
                self._refused += 1
                self._line(f"  [red]refused[/] {escape(event.reason)}; the run goes on")
            case Busy():
                out.print(f"[dim]{escape(event.what)}[/]")
            case Stored() if self._exports:
                # A line for each of 100,000 transcripts would take longer than reading them.
                self._line(f"  [dim]{event.calls} calls stored[/]", always=False)
            case _:
                pass
        if self._bar is not None and self._task is not None:
            done = self._done_seconds if self._total_seconds else self._done
            self._bar.update(self._task, completed=done, state=self._state())

    def _start(self, event: Started) -> None:
        self._calls, self._total_seconds, self._began = event.calls, event.audio_seconds, time.monotonic()
        self._exports = event.exports
        self._refused = 0  # What was refused before is not among these calls.
        if not event.calls:
            return
        heard = [f"{_hours(event.audio_seconds)} of audio", event.engine] if event.calls > event.exports else []
        read = [f"{event.exports} as transcripts"] if event.exports else []
        calls = f"[bold]{event.calls} new calls[/], {', '.join([*heard[:1], *read])}"
        out.print("  ".join([f"Run {event.run_id}", calls, *heard[1:], f"{event.rules} rules"]))
        if event.notice:
            out.print(f"[bold yellow]Note:[/] {escape(event.notice)}")
        if out.is_terminal:
            self._bar = Progress(
                SpinnerColumn(), TextColumn("Calls"), BarColumn(bar_width=28), TextColumn("{task.fields[state]}"),
                console=out, transient=True,
            )  # fmt: skip
            self._bar.start()
            waits_for = "starting the recogniser" if event.calls > event.exports else ""
            self._task = self._bar.add_task("calls", total=event.audio_seconds or event.calls, state=waits_for)

    def _state(self) -> str:
        """“[green]2/6[/]  0.2 h of 0.6 h  4.1x real time  left 5:03, done 16:40:12”, as far as it is known."""
        elapsed = max(time.monotonic() - self._began, 1e-6)
        speed = self._heard_seconds / elapsed
        parts = [f"[green]{self._done + self._refused}/{self._calls}[/]"]
        if self._total_seconds:
            heard = f"{_hours(self._done_seconds)} of {_hours(self._total_seconds)}"
            parts += [heard, f"{speed:.1f}x real time"] if speed else [heard]
        if self._refused:
            parts.append(f"{self._refused} refused")
        left = (self._total_seconds - self._done_seconds) / speed if speed else 0.0
        if left > 0:
            finish = datetime.now().astimezone() + timedelta(seconds=left)
            parts.append(f"left {_clock(left)}, done {finish:%H:%M:%S %Z}")
        return "  ".join(parts)

    def _line(self, text: str, *, always: bool = True) -> None:
        if self._bar is not None:
            if always:
                self._bar.console.print(text)
        else:
            out.print(f"{text}  {self._state()}" if self._calls and not always else text)


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[None]:
    """Show the events of a run while the block lasts."""
    display = RunDisplay(quiet=quiet)
    level, propagate = LOGGER.level, LOGGER.propagate
    LOGGER.addHandler(display)
    LOGGER.setLevel(logging.INFO)
    # Prefect prints what reaches the root logger.
    LOGGER.propagate = False
    try:
        yield
    finally:
        LOGGER.removeHandler(display)
        LOGGER.setLevel(level)
        LOGGER.propagate = propagate
        display.stop()


def show_scorecard(file: str, transcript: Transcript, audit: Audit, scored: CallScore, rulebook: Rulebook) -> None:
    """One call's scorecard with reasons and times: what was missed first, then what a person should listen to."""
    card = scored.scorecard
    value = "no score" if scored.score.value is None else f"{scored.score.value:.0f} of 100"
    share = scored.score.judged_share
    said = [f"[bold]{'failed, ' if scored.failed else ''}{value}[/]"]
    said += [escape(band)] if scored.score.value is not None and (band := card.band(scored.score.value)) else []
    said += [] if share is None else [f"{share:.0%} of what applies was judged"]
    said += [f"{scored.score.unsure_share:.0%} is unsure"] if scored.score.unsure_share else []
    out.print(f"[bold]{escape(file)}[/]  {escape(transcript.call.call_id)}")
    out.print(f"{escape(card.title)}: {', '.join(said)}; {_TENSE[audit.measures.upset]}")
    if transcript.provenance.notice:
        out.print(f"[bold yellow]Note:[/] {escape(transcript.provenance.notice)}")
    for warning in transcript.warnings:
        out.print(f"[yellow]Warning:[/] {escape(warning)}")
    asks = {r.id: r.asks for r in rulebook.rules}
    found = {f.rule_id: f for f in audit.findings}
    placed = [(step.title, found[r]) for step in card.steps for r in step.rules if r in found]
    for verdict in (Verdict.MISSED, Verdict.UNSURE, Verdict.MET, Verdict.NOT_ASSESSABLE):
        # A rule that stands in two steps is told once.
        those = {f.rule_id: (title, f) for title, f in reversed(placed) if f.verdict is verdict}
        if those:
            out.print(f"\n{_MARK[verdict]} ({len(those)})")
        for title, finding in reversed(those.values()):
            critical = " [bold red]critical[/]" if finding.rule_id in scored.critical_misses else ""
            _below(f"{escape(asks[finding.rule_id])}{critical}")
            _below(f"[dim]{escape(reason_of(finding))}  {finding.rule_id}, {escape(title)}[/]", indent=6)
            _show_evidence(finding)


def _show_evidence(finding: Finding) -> None:
    for evidence in finding.evidence:
        if evidence.kind is not EvidenceKind.TRIGGER and evidence.quote:
            at = "" if evidence.start is None else f"{_clock(evidence.start)} "
            _below(f"{at}“{escape(_short(evidence.quote))}”{escape(_understood(evidence, finding))}", indent=6)


_TENSE = {
    Upset.NONE: "not a tense call",
    Upset.PERHAPS: "perhaps a tense call",
    Upset.CLEAR: "tense call",
    Upset.UNKNOWN: "whether it was tense cannot be told",
}


def _understood(evidence: Evidence, finding: Finding) -> str:
    """What the recogniser took the quote for, how surely, and like which known line; "" where it had no say."""
    if not evidence.act or finding.witness not in (Witness.RECOGNISER, Witness.BOTH):
        return ""
    sure = "" if evidence.probability is None else f" ({evidence.probability:.0%})"
    like = f", like “{_short(evidence.like)}”" if evidence.like else ""
    return f" understood as: {evidence.act.replace('_', ' ')}{sure}{like}"


def show_source(source: Source, seen: Preview) -> None:
    """What lies in a source, and how each of its first files would be understood."""
    counts = [f"{seen.recordings} {'file' if seen.recordings == 1 else 'files'} to audit"]
    named = (("sidecars", seen.sidecars), ("tables", seen.tables), ("skipped", seen.skipped))
    counts += [f"{number} {name}" for name, number in named if number]
    counts += [f"{seen.young} touched in the last seconds"] if seen.young else []
    out.print(f"\n[bold]{escape(source.name)}[/]  {escape(str(source.folder))}  {', '.join(counts)}", soft_wrap=True)
    for one in seen.first:
        name = escape(printable(one.place.rpartition("/")[2]))
        if one.refused is not None:
            out.print(f"  [red]refused[/] {name}: {escape(one.refused.what)}", soft_wrap=True)
            _below(escape(one.refused.why), indent=10)
            for step in one.refused.tries:
                _below(f"[cyan]try:[/] {escape(step)}", indent=10)
        elif one.call is not None:
            out.print(f"  [green]read[/]    {name}  [dim]by {escape(printable(one.told_by))}[/]", soft_wrap=True)
            _below(escape(_described(one.call)), indent=10)


def show_refused(rows: Sequence[Mapping[str, object]]) -> None:
    """Files with their `path`, the `code` and `reason` of the refusal, and the `next_step`."""
    if not rows:
        out.print("Nothing is in quarantine.")
    for row in rows:
        out.print(f"[bold]{escape(printable(str(row['path'])))}[/]  [dim]{row['code']}[/]")
        _below(escape(printable(str(row["reason"]))))
        _below(f"[cyan]try:[/] {escape(str(row['next_step']))}")


def _described(call: Call) -> str:
    """Every field of a call that is known, and those that a report misses where they are not."""
    fields = {
        "call": call.call_id,
        "of": call.interaction_id,
        "started": call.started_at.isoformat(sep=" ") if call.started_at else "unknown",
        "agent": " ".join(filter(None, (call.agent_id, call.agent_name))) or "unknown",
        "team": call.team or "unknown",
        "customer": " ".join(filter(None, (call.customer_id, call.customer_name))) or "unknown",
        "queue": call.queue,
        "direction": call.direction,
    }
    return "; ".join(f"{name} {printable(text)}" for name, text in fields.items() if text)


def show_errors_of(check: str, errors: "Errors") -> None:
    """Where a check and the people differ, with the words that misled."""
    if not errors.wrongly_found and not errors.not_found:
        return
    out.print(f"\n[bold]{escape(check)}[/]")
    for kind, rows in (("found, not labelled", errors.wrongly_found), ("labelled, not found", errors.not_found)):
        if rows:
            out.print(f"  [red]{kind}[/]")
        for row in rows:
            words = f"“{escape(row.evidence)}” in: " if row.evidence else ""
            drawn = ", random sample" if row.sample == "random" else ""
            out.print(f"    {words}{escape(row.text)}  [dim]{escape(row.conversation_id)}:{row.turn}{drawn}[/]")


def show_rows(rows: Sequence[Mapping[str, object]], *, empty: str, file: TextIO | None = None) -> None:
    """A table of rows, on the terminal or in a file; on a narrow terminal columns fold instead of vanishing."""
    console = out if file is None and sys.stdout.isatty() else Console(width=200, highlight=False, file=file)
    if not rows:
        console.print(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False, show_edge=False)
    # Ids and numbers stay whole where the columns of words can give them the room.
    cells = {name: [_cell(row[name]) for row in rows] for name in rows[0]}
    widths = {name: max(map(len, (str(name), *texts))) for name, texts in cells.items()}
    whole = {name for name, texts in cells.items() if " " not in "".join(texts)}
    least = sum(width if name in whole else min(width, _LEAST_WORDS) for name, width in widths.items())
    fits = least + 2 * len(cells) <= console.width
    for name in cells:
        known = [row[name] for row in rows if row[name] is not None]
        numeric = known and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in known)
        table.add_column(
            str(name), justify="right" if numeric else "left", overflow="fold", no_wrap=fits and name in whole
        )
    for texts in zip(*cells.values(), strict=True):
        table.add_row(*map(escape, texts))
    console.print(table)


_LEAST_WORDS = 10


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M %Z}".rstrip()
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
