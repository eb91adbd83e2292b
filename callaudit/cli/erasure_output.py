"""What the terminal shows of erasures and of retention."""

from collections.abc import Sequence

from rich.markup import escape

from callaudit.console import out, show_rows
from callaudit.flows.erasure.erase import Erased
from callaudit.flows.erasure.own_files import OwnFiles
from callaudit.flows.erasure.removal import Outcome, Removal
from callaudit.flows.erasure.retention import Retained
from callaudit.flows.settings import RetentionSettings
from callaudit.transcription.inbox.metadata import printable

_NAMED = 4


def show_removal(removal: Removal, own: OwnFiles) -> None:
    """What an erasure would take, by kind, and what is the owner's to delete."""
    gone = removal.gone
    kinds = (
        ("audited calls", gone.calls),
        ("files known by their hash", gone.recordings),
        ("pages", [page.path for page in removal.pages]),
        ("made by other commands", removal.made_elsewhere),
    )
    rows = [
        {"what": what, "number": len(which), "which": "" if which is gone.recordings else _some(which)}
        for what, which in kinds
    ]
    show_rows(rows, empty="")
    _name_own(gone.places, own)
    _name_shared(removal.shared)


def show_erased(done: Erased) -> None:
    """What an erasure took, what is the owner's to delete, and what a search afterwards found."""
    out.print(f"[bold]Erased:[/] {done.calls} calls, {done.files} files known by their hash, every older copy.")
    _show_outcome(done.outcome)
    _name_own(done.places, done.own)
    _name_shared(done.shared)
    if not done.rows_left and not done.files_left:
        other = " other" if done.places or done.own.files else ""
        out.print(f"A search of all tables and files found the ids and names in no{other} place.")
        return
    out.print("[bold yellow]Still found[/] (an id or a name may also be a word of somebody else):")
    for table, rows in done.rows_left:
        out.print(f"  {table}: {rows} rows")
    for file in done.files_left:
        out.print(f"  {escape(printable(file))}")


def show_retained(found: Retained, kept: RetentionSettings) -> None:
    """What is, or was, past its age, by kind."""
    due = found.due
    kinds = (
        ("audio copies", kept.audio_days, due.audio),
        ("words of calls", kept.transcripts_days, due.words),
        ("whole calls", kept.findings_days, due.calls),
    )
    show_rows(
        [
            {
                "what": what,
                "kept for": f"{days} days" if days else "ever",
                "past it": len(calls),
                "oldest": str(min((call.day for call in calls), default="")),
                "which": _some([call.call_id for call in calls]),
            }
            for what, days, calls in kinds
        ],
        empty="",
    )
    if due.staged:
        out.print(f"\nAlso {len(due.staged)} transcripts that old which were never loaded.")
    if due.refused:
        out.print(f"\nAlso {len(due.refused)} files that old which were refused.")
    if not due:
        out.print("\nNothing is past its age.")
    elif found.outcome is None:
        out.print("\nNothing was changed. Next: [bold]callaudit retain[/]")
    else:
        out.print("\nRemoved.")
        _show_outcome(found.outcome)


def _show_outcome(outcome: Outcome) -> None:
    if outcome.made:
        out.print(f"Made again without it: {escape(_some(outcome.made))}")
    if outcome.taken:
        out.print(f"Taken away: {escape(_some(outcome.taken))}")
    for command in outcome.again:
        out.print(f"  [cyan]to make it again:[/] {escape(command)}")


def _name_own(places: Sequence[str], own: OwnFiles) -> None:
    if places:
        out.print("\n[bold]Yours to delete[/] (not audited again, whatever their name):")
        for place in places:
            out.print(f"  {escape(printable(place))}")
    named = [file for file in own.files if file.place not in places]
    if named:
        out.print("\n[bold]Yours to delete[/], as they hold an id or a name:")
        for file in named:
            lines = f", line {', '.join(map(str, file.lines))}" if file.lines else ""
            out.print(f"  {escape(printable(file.place))}{lines}")
    for place in own.not_searched:
        out.print(f"\n[bold yellow]Not looked through:[/] {escape(printable(place))}")


def _name_shared(shared: Sequence[str]) -> None:
    if shared:
        names = escape(printable(", ".join(shared)))
        out.print(f"\nNot searched for alone, as others are called so too: {names}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return printable(", ".join(names[:_NAMED]) + more)
