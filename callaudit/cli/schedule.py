"""Commands that make runs start by themselves: schedule, serve, prefect."""

from typing import TYPE_CHECKING, Annotated

import typer

from callaudit.cli.app import DAILY, given

if TYPE_CHECKING:
    from callaudit.flows.settings import Settings

commands = typer.Typer()
schedule_commands = typer.Typer(
    name="schedule", help="Say when the nightly audit and the weekly report start by themselves.", no_args_is_help=True
)


@schedule_commands.command()
def nightly(
    at: Annotated[str, typer.Option(metavar="HH:MM", help="The time of day.")] = "",
    zone: Annotated[str, typer.Option(help="The time zone, such as America/New_York. Default: as set.")] = "",
    off: Annotated[bool, typer.Option("--off", help="No nightly run.")] = False,
) -> None:
    """Audit every night: writes callaudit.toml and prefect.yaml, and says what to start.

    Example: callaudit schedule nightly --at 02:00 --zone America/New_York
    """
    from callaudit.flows.scheduling.schedule import set_times
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    time = "" if off else at or settings.schedule.nightly or "02:00"
    _write(set_times(settings, nightly=time, **({"zone": zone} if zone else {})))


@schedule_commands.command()
def weekly(
    on: Annotated[str, typer.Option(metavar="WEEKDAY", help="The day.")] = "",
    at: Annotated[str, typer.Option(metavar="HH:MM", help="The time of day.")] = "",
    zone: Annotated[str, typer.Option(help="The time zone, such as America/New_York. Default: as set.")] = "",
    off: Annotated[bool, typer.Option("--off", help="No weekly run.")] = False,
) -> None:
    """Make and mail the report every week: writes callaudit.toml and prefect.yaml, and says what to start.

    Example: callaudit schedule weekly --on monday --at 07:00
    """
    from callaudit.flows.scheduling.schedule import checked_weekday, set_times
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    day, time = (settings.schedule.weekly or "monday 07:00").split()
    weekday = checked_weekday(on) if on else day
    _write(set_times(settings, weekly="" if off else f"{weekday} {at or time}", **({"zone": zone} if zone else {})))


@schedule_commands.command()
def show(
    count: Annotated[int, typer.Option("--next", min=1, max=100, help="How many times to show.")] = 5,
) -> None:
    """The next times of each run, in its own zone and in UTC."""
    from callaudit.console import out
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    _show(settings, count=count)
    out.print("\nThey start while [bold]callaudit serve[/] or a Prefect server with a worker runs: docs/scheduling.md")


@schedule_commands.command()
def deploy() -> None:
    """Hand the schedules to your Prefect server: work pool, deployments, and the rule that finds runs that died.

    Can be given again at any time; what is no longer scheduled is taken away.
    """
    from callaudit.console import out
    from callaudit.flows.scheduling.deployments import deploy as hand_over
    from callaudit.flows.scheduling.schedule import write_prefect_yaml
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    write_prefect_yaml(settings)
    with out.status("telling the Prefect server ..."):
        deployed = hand_over(settings)
    if not given.quiet:
        for line in deployed:
            out.print(line, markup=False)
        out.print(f"Next: [bold]callaudit prefect worker start --pool {settings.schedule.pool}[/]")


@commands.command(rich_help_panel=DAILY)
def serve(
    port: Annotated[
        int, typer.Option(help="The port of the Prefect server that is started, where none is set.")
    ] = 4200,
) -> None:
    """Run both schedules in this one process, until Ctrl-C; no server of yours is needed.

    A Prefect server for this machine only is started beside it, unless PREFECT_API_URL names one.
    """
    from callaudit.flows.settings import load_settings
    from callaudit.serve import serve as keep_schedules

    settings = load_settings(given.config)
    if not given.quiet:
        _show(settings, count=1)
    keep_schedules(settings, port=port, quiet=given.quiet)


@commands.command(
    "prefect",
    rich_help_panel=DAILY,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def run_prefect(context: typer.Context) -> None:
    """Prefect's own command, with nothing leaving this machine.

    Example: callaudit prefect server start
    """
    import os
    import sys

    from callaudit import ENVIRONMENT

    # Replaced, not started: signals and the exit code are Prefect's own.
    os.execve(  # noqa: S606  No shell; the words are the person's own.
        sys.executable, [sys.executable, "-m", "prefect", *context.args], {**ENVIRONMENT, **os.environ}
    )


def _write(settings: "Settings") -> None:
    from callaudit.console import out
    from callaudit.flows.scheduling.schedule import write_prefect_yaml

    path = write_prefect_yaml(settings)
    if given.quiet:
        return
    out.print(f"Wrote {settings.file} and {path}:\n", markup=False)
    _show(settings, count=1)
    out.print("\nNext, with everything in one process:  [bold]callaudit serve[/]")
    out.print("Or with a Prefect server and a worker, each in its own terminal or service (docs/scheduling.md):")
    out.print("  [bold]callaudit prefect server start[/]")
    out.print("  [bold]export PREFECT_API_URL=http://127.0.0.1:4200/api[/]")
    out.print(f"  [bold]callaudit schedule deploy && callaudit prefect worker start --pool {settings.schedule.pool}[/]")


def _show(settings: "Settings", *, count: int) -> None:
    from datetime import UTC, datetime

    from callaudit.console import out, show_rows
    from callaudit.flows.scheduling.schedule import fire_times, schedules

    asked = schedules(settings)
    rows = [
        {
            "run": schedule.name,
            "starts": f"{schedule.words}, {schedule.zone}",
            "next" if count == 1 else "local time": f"{time:%a %Y-%m-%d %H:%M %Z}",
            "in UTC": f"{time.astimezone(UTC):%a %Y-%m-%d %H:%M}",
        }
        for schedule in asked
        for time in fire_times(schedule, after=datetime.now(UTC), count=count)
    ]
    show_rows(rows, empty="No run is scheduled.")
    if not asked:
        out.print("Next: [bold]callaudit schedule nightly --at 02:00[/]")
