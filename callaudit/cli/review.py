"""`callaudit review`: people judge findings, and are compared with the rules."""

from pathlib import Path
from typing import Annotated

import typer

from callaudit.cli.app import counted, given
from callaudit.transcription.errors import InputError

commands = typer.Typer(
    name="review", help="Have people judge findings, and compare them with the rules.", no_args_is_help=True
)


@commands.command("sample")
def review_sample(
    *,
    week: Annotated[str, typer.Option(help="last, newest, or an ISO week such as 2026-W10.")] = "newest",
    random: Annotated[int, typer.Option("--random", min=0, metavar="N", help="Findings drawn at random.")] = 40,
    targeted: Annotated[int, typer.Option("--targeted", min=0, metavar="M", help="Doubtful findings.")] = 20,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="Draw at random from these rules only.")
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind/--not-blind", help="Hide the rule's verdict in the random sample.")
    ] = True,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The form: .xlsx, .html or .json."),
    ] = None,
) -> None:
    """Draw findings for people to judge and write a form.

    Rates of mistakes come from the random sample alone; the targeted findings are the ones most likely wrong.

    Example: callaudit review sample --week 2026-W10 --random 60 --targeted 0 --out review.xlsx

    Example: callaudit review sample --out review-2026-W10.html
    """
    from callaudit.console import out
    from callaudit.flows.review import sample
    from callaudit.flows.settings import load_settings

    drawn = sample(
        load_settings(given.config),
        week=week, random=random, targeted=targeted, out=out_file, rules=rule or (), blind=blind,
    )  # fmt: skip
    out.print(f"Wrote {drawn.path}: {drawn.random} findings of {drawn.week} at random, {drawn.targeted} targeted.")
    if drawn.path.suffix.lower() == ".html":
        filled = drawn.path.with_suffix(".json").name
        out.print(f"Next: judge them in a browser and save; then   [bold]callaudit review import {filled}[/]")
        return
    out.print(f"Next: judge them, then   [bold]callaudit review import {drawn.path} --reviewer NAME[/]")


@commands.command("import")
def review_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A form, or what a call's page saved.")],
    reviewer: Annotated[str, typer.Option(metavar="NAME", help="Who judged; else as the form says.")] = "",
) -> None:
    """Take judgements back: all rows or none. They change the scores; what the rule found stays on record.

    Example: callaudit review import review.xlsx --reviewer "Eva Lind"
    """
    from callaudit.console import out
    from callaudit.flows.review import import_reviews
    from callaudit.flows.settings import load_settings

    taken = import_reviews(load_settings(given.config), file, reviewer=reviewer)
    out.print(
        f"{counted(taken.new, 'new review')} by {taken.reviewer}, {taken.known} known, {taken.empty} left empty.",
        markup=False,
    )
    out.print("Next: [bold]callaudit review report[/]")


@commands.command("report")
def review_report(
    week: Annotated[str, typer.Option(help="Only calls of this ISO week.")] = "",
    since: Annotated[str, typer.Option(help="Only calls of this ISO week and later.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How far people agree with the rules and with each other, and what is disputed."""
    import msgspec
    from rich.markup import escape

    from callaudit.console import out, show_rows
    from callaudit.flows.review import report as compare
    from callaudit.flows.settings import load_settings

    found = compare(load_settings(given.config), week=week, since=since)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    for title, rows in found.tables.items():
        out.print(f"\n[bold]{title}[/]")
        show_rows(rows, empty="Nothing yet.")
    for sentence in found.advice:
        out.print(f"\n[bold]{escape(sentence)}[/]")
    out.print(f"\n{counted(found.reviews, 'review')} in all. In brackets: 95% intervals. See docs/reviews.md.")


@commands.command("dispute")
def review_dispute(
    call_id: Annotated[str, typer.Argument(metavar="CALL")],
    rule_id: Annotated[str, typer.Argument(metavar="RULE")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who disputes the finding.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why.")],
) -> None:
    """Contest a finding. Its verdict stays until the dispute is resolved.

    Example: callaudit review dispute C-1007 apology.given --by "Ana Ruiz" --note "said at 2:10"
    """
    from callaudit.console import out
    from callaudit.flows.review import dispute
    from callaudit.flows.settings import load_settings

    dispute(load_settings(given.config), call_id, rule_id, by=by, note=note)
    out.print("The dispute is open.")
    out.print(f"Next: [bold]callaudit review resolve {call_id} {rule_id} --by NAME --verdict ...[/]")


@commands.command("resolve")
def review_resolve(
    call_id: Annotated[str, typer.Argument(metavar="CALL")],
    rule_id: Annotated[str, typer.Argument(metavar="RULE")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who decides.")],
    verdict: Annotated[
        str, typer.Option(help="What it should be: met, missed, not applicable or cannot tell. Without it: upheld.")
    ] = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
) -> None:
    """Close a dispute: the verdict is upheld, or overturned by a review that counts from now on."""
    from callaudit.console import out
    from callaudit.flows.review import resolve
    from callaudit.flows.settings import load_settings
    from callaudit.reports.reviews.form import SAID

    if verdict and verdict not in SAID:
        raise InputError(f"“{verdict}” is no verdict", tries=tuple(f'--verdict "{word}"' for word in SAID))
    decided = SAID[verdict] if verdict else None
    state = resolve(load_settings(given.config), call_id, rule_id, by=by, verdict=decided, note=note)
    out.print(f"The finding is {state}.")
