"""`callaudit calls`: find calls, see why one was refused, make a call's page."""

from typing import Annotated

import typer

from callaudit.cli.app import given, one_of

commands = typer.Typer(
    name="calls", help="Find calls, see why one was refused, open a call's page.", no_args_is_help=True
)


@commands.command("list")
def calls_list(
    *,
    week: Annotated[str, typer.Option(help="Only this ISO week: 2026-W10.")] = "",
    agent: Annotated[str, typer.Option(help="Only calls of this agent, by id or name.")] = "",
    team: Annotated[str, typer.Option(help="Only calls of this team.")] = "",
    queue: Annotated[str, typer.Option(help="Only calls of this queue.")] = "",
    step: Annotated[str, typer.Option(help="Only calls in which this step was called for: empathy.")] = "",
    verdict: Annotated[
        str, typer.Option(help="Only calls with this verdict on the step (or on any): met, missed, unsure ...")
    ] = "",
    tense: Annotated[bool, typer.Option("--tense", help="Only tense calls.")] = False,
    scorecard: Annotated[str, typer.Option(help="Score and steps by this one. Default: the settings' own.")] = "",
    sort: Annotated[str, typer.Option(help="worst, best, newest, oldest or longest first.")] = "worst",
    limit: Annotated[int, typer.Option(min=1, help="So many calls at most.")] = 50,
) -> None:
    """One line per call, the worst first: failed calls, then the lowest score.

    Example: callaudit calls list --week 2026-W10 --team Billing --step empathy --verdict missed
    """
    from typing import get_args

    from callaudit.audit_rules.finding import Verdict
    from callaudit.console import out, show_rows
    from callaudit.flows.settings import load_settings
    from callaudit.warehouse.call_list import Asked, Order, list_calls
    from callaudit.warehouse.published import open_published

    settings = load_settings(given.config)
    asked = Asked(
        scorecard=scorecard or settings.report.scorecard,
        week=week,
        agent=agent,
        team=team,
        queue=queue,
        step=step,
        verdict=one_of("verdict", verdict.replace(" ", "_"), tuple(Verdict)) if verdict else None,
        tense=tense,
        order=one_of("sort", sort, get_args(Order)),
        limit=limit,
    )
    with open_published(settings.published) as published:
        rows, count = list_calls(published, asked)
    show_rows(rows, empty="No calls.")
    if count > len(rows) and not given.quiet:
        out.print(f"\n{len(rows)} of {count:,} calls, {sort} first: --limit for more.")


@commands.command("refused")
def calls_refused() -> None:
    """The files that could not be audited, with the reason and the next step."""
    from callaudit.console import show_refused
    from callaudit.flows.settings import load_settings
    from callaudit.warehouse.published import open_published

    with open_published(load_settings(given.config).published) as published:
        show_refused(published.rows("select path, code, reason, next_step from not_audited order by path"))


@commands.command("show")
def calls_show(
    call_id: Annotated[str, typer.Argument(help="As `callaudit calls list` shows it.")],
) -> None:
    """Make a call's page and say where it is."""
    from callaudit.console import out
    from callaudit.flows.report_files import render_call
    from callaudit.flows.settings import load_settings
    from callaudit.warehouse.published import open_published

    settings = load_settings(given.config)
    with open_published(settings.published) as published:
        out.print(str(render_call(settings, published, call_id)))
