"""Commands about past runs: list them, show one."""

from typing import TYPE_CHECKING, Annotated

import typer

from callaudit.cli.app import given
from callaudit.transcription.errors import InputError

if TYPE_CHECKING:
    from callaudit.warehouse.history import History, PastRun

commands = typer.Typer(name="runs", help="List past runs with what became of them; show one.")


@commands.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="So many, the newest first.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List past runs with what became of them; `callaudit runs show ID` tells more of one.

    A run that ended without a word, as by a power cut, is shown as died; the next run goes on where it stopped.
    """
    if context.invoked_subcommand is not None:
        return
    from callaudit.cli.run_history import past_runs, run_row
    from callaudit.console import out, show_rows

    found, zone = past_runs(given.config)
    shown = found.runs[:last]
    if json:
        _print_json(found, shown)
        return
    show_rows([run_row(one, zone) for one in shown], empty="No run yet: callaudit run")
    if found.held_by:
        out.print(f"\nAt work now: {found.held_by}.", markup=False)


@commands.command("show")
def show_run(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="As `callaudit runs` shows it.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Everything that is known of a run."""
    from callaudit.cli.run_history import past_runs, run_facts
    from callaudit.console import show_rows

    found, zone = past_runs(given.config)
    one = next((one for one in found.runs if one.run.run_id == run_id), None)
    if one is None:
        newest = tuple(f"callaudit runs show {past.run.run_id}" for past in found.runs[:1])
        raise InputError(f"no run is called “{run_id}”", tries=("callaudit runs", *newest))
    if json:
        _print_json(found, (one,))
        return
    show_rows([{"": name, " ": value} for name, value in run_facts(one, zone).items()], empty="")


def _print_json(found: "History", runs: "tuple[PastRun, ...]") -> None:
    import msgspec

    rows = [{**msgspec.to_builtins(one.run), "refused_by_reason": one.refused} for one in runs]
    told = {"runs": rows, "held_by": found.held_by}
    typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
