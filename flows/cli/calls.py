"""`callaudit calls`: find calls, see why one was refused, make a call's page."""

from typing import Annotated

import typer

from flows.cli.app import given

commands = typer.Typer(
    name="calls", help="Find calls, see why one was refused, open a call's page.", no_args_is_help=True
)


@commands.command("list")
def calls_list(
    week: Annotated[str, typer.Option(help="Only this ISO week.")] = "",
    tense: Annotated[bool, typer.Option("--tense", help="Only tense calls.")] = False,
) -> None:
    """One line per call, the lowest score first."""
    from flows.console import show_rows
    from flows.settings import load_settings
    from warehouse.connect import open_published

    settings = load_settings(given.config)
    with open_published(settings.published) as published:
        (site,) = published.rows("select site_timezone() as zone")
        rows = published.rows(
            f"""
            select c.call_id, c.started_local as "started ({site["zone"]})", c.agent_name as agent, c.queue,
                   case c.upset when 'clear' then 'tense' when 'none' then '' else c.upset::varchar end as tense,
                   round(s.score)::int as score, s.critical_misses as critical,
                   round(100 * s.judged_share)::int as "judged %", round(100 * s.unsure_share)::int as "unsure %"
            from calls c left join call_scorecards s on s.call_id = c.call_id and s.scorecard = $card
            where ($week = '' or c.iso_week = $week) and (c.tense or not $tense)
            order by s.score nulls last, c.call_id
            """,  # noqa: S608  The name of a zone.
            {"card": settings.report.scorecard, "week": week, "tense": tense},
        )
    show_rows(rows, empty="No calls.")


@commands.command("refused")
def calls_refused() -> None:
    """The files that could not be audited, with the reason and the next step."""
    from flows.console import show_rows
    from flows.settings import load_settings
    from warehouse.connect import open_published

    with open_published(load_settings(given.config).published) as published:
        rows = published.rows("select path as file, code, reason, next_step as try from not_audited order by path")
    show_rows(rows, empty="Nothing is in quarantine.")


@commands.command("show")
def calls_show(
    call_id: Annotated[str, typer.Argument(help="As `callaudit calls list` shows it.")],
) -> None:
    """Make a call's page and say where it is."""
    from flows.console import out
    from flows.pages import render_call
    from flows.settings import load_settings
    from warehouse.connect import open_published

    settings = load_settings(given.config)
    with open_published(settings.published) as published:
        out.print(str(render_call(settings, published, call_id)))
