"""`callaudit coaching`: what was agreed with an agent, and whether it changed."""

from datetime import datetime
from typing import Annotated

import typer

from callaudit.cli.app import given

commands = typer.Typer(name="coaching", help="Keep what was agreed with agents.", no_args_is_help=True)


@commands.command("agree")
def coaching_agree(
    *,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="An id, or a name that only one agent has.")],
    step: Annotated[str, typer.Argument(metavar="STEP", help="A step of the scorecard, by id or title.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who agreed it with the agent.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="What was agreed.")] = "",
    on: Annotated[
        datetime | None, typer.Option(metavar="DAY", formats=["%Y-%m-%d"], help="The day. Default: the site's today.")
    ] = None,
    moment: Annotated[
        list[str] | None,
        typer.Option(metavar="CALL@M:SS", help="A moment listened to; may be given several times."),
    ] = None,
) -> None:
    """Keep a step that an agent is to work on; the agent's page says whether it changed since.

    Example: callaudit coaching agree "Grace Silva" apology --by "Lea Roth" --note "say what for" --moment C-1004@1:38
    """
    from callaudit.console import out
    from callaudit.flows.coaching import agree
    from callaudit.flows.settings import load_settings
    from callaudit.reports.page import agent_link

    settings = load_settings(given.config)
    day = on.date() if on else None
    kept = agree(settings, agent, step, by=by, on=day, note=note, moments=moment or ())
    out.print(f"Kept: {kept.step}, agreed on {kept.agreed_on}.")
    out.print(f"The agent's page: [bold]{settings.reports / agent_link(kept.agent_id)}[/]")


@commands.command("list")
def coaching_list(
    agent: Annotated[str, typer.Argument(metavar="[AGENT]", help="Only this agent, by id or name.")] = "",
) -> None:
    """What was agreed, the newest first; `callaudit query "from agreements" --out FILE` exports it."""
    from callaudit.console import show_rows
    from callaudit.flows.settings import load_settings
    from callaudit.reports.weekly.edition import choose_edition
    from callaudit.warehouse.published import open_published

    settings = load_settings(given.config)
    with open_published(settings.published) as published:
        whom = choose_edition(published, agent=agent).agent
        rows = published.rows(
            """
            select left(agreement_id, 8) as id, agreed_on as "on", coalesce(agent_name, agent_id) as agent, step,
                agreed_by as by, note, len(moments) as moments
            from agreements where $agent in ('', agent_id) order by agreed_on desc, agent_id, step
            """,
            {"agent": whom},
        )
    show_rows(rows, empty="Nothing was agreed yet.")


@commands.command("remove")
def coaching_remove(
    agreement: Annotated[str, typer.Argument(metavar="ID", help="As `coaching list` shows it.")],
) -> None:
    """Take back what was agreed; it leaves the agent's page too.

    Example: callaudit coaching remove 3f9a01bc
    """
    from callaudit.console import out
    from callaudit.flows.coaching import withdraw
    from callaudit.flows.settings import load_settings

    gone = withdraw(load_settings(given.config), agreement)
    out.print(f"Removed: {gone.step}, agreed on {gone.agreed_on}.")
