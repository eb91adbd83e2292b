"""`callaudit fragile`: which verdicts hang on the recogniser."""

from typing import Annotated

import typer

from callaudit.cli.app import READING, counted, given

commands = typer.Typer()


@commands.command(rich_help_panel=READING)
def fragile(
    size: Annotated[int, typer.Option("--sample", min=1, metavar="N", help="Calls to hear again.")] = 50,
    week: Annotated[str, typer.Option(help="Only calls of this ISO week.")] = "",
) -> None:
    """Hear a random sample of calls in another way and show which verdicts flip, and how often.

    By the other engine where it is installed with the same model, else with `quantise` turned. Takes as long as hearing
    them once. Stored words and verdicts stay; the weekly report tells the rate.

    Example: callaudit fragile --sample 50 --week 2026-W10
    """
    from callaudit.console import out, show_rows
    from callaudit.flows.fragile import hear_again
    from callaudit.flows.settings import load_settings
    from callaudit.reports.wording import between, percent

    settings = load_settings(given.config)
    with out.status("hearing again ...") as status:
        found = hear_again(settings, size=size, week=week, tell=lambda what: status.update(f"hearing again {what} ..."))
    show_rows(
        [
            {"call": one.call_id, "rule": one.rule_id, "verdict": one.verdict, "heard again": one.verdict_again}
            for one in sorted(found.flips, key=lambda one: (one.rule_id, one.call_id))
        ],
        empty="No verdict flipped.",
    )
    rate = found.rate
    share = "" if rate.share is None else f" ({percent(rate.share)}, likely {between(rate.interval())})"
    out.print(
        f"\n{counted(found.calls, 'call')} heard again by {found.way}: [bold]{len(found.flips)} of "
        f"{counted(len(found.judged), 'verdict')}[/] met or missed came out otherwise{share}.",
    )
    if found.lost:
        out.print(f"Not heard again, recording gone, changed or out of reach: {', '.join(found.lost)}.", markup=False)
    if found.broken:
        out.print(f"Could not be heard again, errors.log says why: {', '.join(found.broken)}.", markup=False)
