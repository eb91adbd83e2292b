"""Commands for readers: report, mail, query, export, dictionary."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callaudit.cli.app import READING, counted, given
from callaudit.transcription.errors import InputError

if TYPE_CHECKING:
    from callaudit.reports import Format

commands = typer.Typer()


@commands.command(rich_help_panel=READING)
def report(
    *,
    week: Annotated[str, typer.Option(help="last, newest, or an ISO week such as 2026-W10.")] = "last",
    scorecard: Annotated[str, typer.Option(help="The frame of the report. Default: the settings' own.")] = "",
    forms: Annotated[
        list[str] | None,
        typer.Option(
            "--format", "-f", help="Also xlsx, pdf, markdown (for chat), csv, parquet; may be given several times."
        ),
    ] = None,
    team: Annotated[str, typer.Option(help="Only calls of this team.")] = "",
    queue: Annotated[str, typer.Option(help="Only calls of this queue.")] = "",
    agent: Annotated[str, typer.Option(help="One agent, by id or name: their figures against the team.")] = "",
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="Name no agent: pseudonyms, no links to calls.")
    ] = False,
) -> None:
    """Make the weekly report and the pages of its calls; other forms are written beside it.

    Example: callaudit report --week 2026-W10 --format xlsx --format pdf

    Example: callaudit report --team Billing
    """
    from callaudit.console import out
    from callaudit.flows.report_files import Narrowed, make_report
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    with out.status("making the pages ..."):
        files = make_report(
            settings,
            week=week,
            scorecard=scorecard or settings.report.scorecard,
            formats=_formats(forms or []),
            narrowed=Narrowed(team=team, queue=queue, agent=agent, pseudonyms=pseudonyms),
        ).files
    out.print(f"Week {files.week}: [bold]{files.weekly}[/] and {counted(len(files.call_pages), 'call page')}.")
    for path in files.beside:
        out.print(f"         {path}", markup=False)


def _formats(given: "list[str]") -> "tuple[Format, ...]":
    from typing import get_args

    import msgspec

    from callaudit.reports import Format

    try:
        return msgspec.convert([one.lower() for one in given], tuple[Format, ...])
    except msgspec.ValidationError as error:
        raise InputError(
            f"“{', '.join(given)}” is no format of a report",
            tries=tuple(f"--format {one}" for one in get_args(Format)),
        ) from error


@commands.command(rich_help_panel=READING)
def mail(
    week: Annotated[str, typer.Option(help="last, newest, or an ISO week such as 2026-W10.")] = "last",
    scorecard: Annotated[str, typer.Option(help="The frame of the report. Default: the settings' own.")] = "",
    to: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="Send to these instead of those in the settings.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing: write the mail as an .eml file.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Send also to those who have this week's mail.")] = False,
) -> None:
    """Make the weekly report and mail it; nobody gets the same week twice.

    Example: callaudit mail --week last --dry-run
    """
    from callaudit.console import out
    from callaudit.flows.mailing.weekly_mail import send_weekly, write_draft
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    card = scorecard or settings.report.scorecard
    if dry_run:
        with out.status("writing the mail ..."):
            draft = write_draft(settings, week=week, scorecard=card, to=to or ())
        out.print(f"Nothing was sent. The mail is in {draft}", markup=False)
        return
    with out.status("making and sending the mail ..."):
        posted = send_weekly(settings, week=week, scorecard=card, to=to or (), again=again)
    if posted.sent:
        out.print(f"Week {posted.week} was mailed to {', '.join(posted.sent)}.", markup=False)
    if posted.already:
        changed = " The report has changed since." if posted.changed else ""
        out.print(
            f"Week {posted.week} had been mailed to {', '.join(posted.already)} before.{changed} "
            "To send it once more: callaudit mail --again",
            markup=False,
        )


@commands.command(rich_help_panel=READING)
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL|NAME", help="SQL, or the name of a saved query.")] = "",
    values: Annotated[
        list[str] | None, typer.Argument(metavar="VALUE=...", help="What to ask with: agent='Marco Lee'.")
    ] = None,
    *,
    output: Annotated[
        str, typer.Option("--output", "--format", "-f", help="table, csv, json, markdown or parquet.")
    ] = "",
    target: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here; the name's ending tells the format.")
    ] = None,
    show_saved: Annotated[bool, typer.Option("--list", help="List the saved queries and what they take.")] = False,
) -> None:
    """Ask the warehouse (read-only). Without SQL, list the saved queries.

    Example: callaudit query 'select call_id, score from call_scorecards order by score'

    Example: callaudit query one_agent agent='Marco Lee' --out marco.csv
    """
    from callaudit.cli.query_output import format_of, question, write_answer
    from callaudit.console import out, show_rows
    from callaudit.flows.settings import load_settings
    from callaudit.warehouse.published import open_published
    from callaudit.warehouse.queries import saved_queries

    if show_saved or not sql:
        rows = [
            {"name": q.name, "question": q.title, "values": ", ".join(v.name for v in q.values)}
            for q in saved_queries().values()
        ]
        show_rows(rows, empty="No saved queries.")
        out.print("\nNext: [bold]callaudit query NAME[/]   or   [bold]callaudit query 'from (show tables)'[/]")
        return
    form = format_of(output, target)
    with open_published(load_settings(given.config).published, on_site_clock=True) as published:
        asked, values_given = question(published, sql, values or ())
        count = write_answer(published, asked, values_given, output=form, target=target)
    if target is not None and not given.quiet:
        out.print(f"{target}: {counted(count, 'row')}.", markup=False)


@commands.command(rich_help_panel=READING)
def export(
    views: Annotated[
        list[str] | None, typer.Argument(metavar="VIEW", help="Only these views. Without it, all but the words.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Default: export/ beside the published copy.")
    ] = None,
) -> None:
    """Write the views as Parquet files by week, for pandas, Spark or a lake; a former export is replaced.

    Example: callaudit export --out ~/lake/calls
    """
    from callaudit.console import out, show_rows
    from callaudit.flows.settings import load_settings
    from callaudit.warehouse.export import export_views
    from callaudit.warehouse.published import open_published

    settings = load_settings(given.config)
    target = folder or settings.export
    with open_published(settings.published) as published:
        written = export_views(published, target, views=tuple(views or ()))
    if not given.quiet:
        show_rows([{"view": w.name, "rows": w.rows, "files": w.files} for w in written], empty="")
        out.print(f"\n{target}", markup=False)


@commands.command(rich_help_panel=READING)
def dictionary(
    target: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Default: dictionary.html beside the weekly reports."),
    ] = None,
) -> None:
    """Make a page that explains every view, table, column and macro, with sample queries run on your calls."""
    from callaudit.console import out
    from callaudit.flows.access import readable
    from callaudit.flows.settings import load_settings
    from callaudit.reports import dictionary as page
    from callaudit.warehouse.published import open_published

    settings = load_settings(given.config)
    mode = settings.access.reports_mode
    with (
        open_published(settings.published, on_site_clock=True) as published,
        readable(settings.reports, mode=mode),
    ):
        out.print(str(page.render(published, out=target or settings.reports / "dictionary.html")), markup=False)
