"""What the terminal shows of erasures and of retention."""

from collections.abc import Sequence

from rich.markup import escape

from flows.console import out, show_rows
from flows.removing.erasure import Erased
from flows.removing.removal import Outcome, Removal
from flows.removing.retention import Retained
from flows.settings import RetentionSettings
from transcription.inbox.metadata import printable

_NAMED = 4


def show_removal(removal: Removal) -> None:
    """What an erasure would take, by kind."""
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
    _name_recordings(gone.places)


def show_erased(done: Erased) -> None:
    """What an erasure took, what is the owner's to delete, and what a search afterwards found."""
    out.print(f"[bold]Erased:[/] {done.calls} calls, {done.files} files known by their hash, every older copy.")
    _show_outcome(done.outcome)
    _name_recordings(done.places)
    if not done.rows_left and not done.files_left:
        out.print("A search of all tables and files found the ids and names nowhere.")
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


def _name_recordings(places: Sequence[str]) -> None:
    if places:
        out.print("\n[bold]Yours to delete[/] (not audited again, whatever their name):")
        for place in places:
            out.print(f"  {escape(printable(place))}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return printable(", ".join(names[:_NAMED]) + more)
