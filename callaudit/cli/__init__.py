"""The command line: parse, call, print. Every command imports what it needs, so that --help answers at once."""

import atexit
import os
import sys
from contextlib import suppress
from pathlib import Path

import typer

from callaudit.cli import (
    acts,
    calls,
    coaching,
    daily,
    fragile,
    models,
    reading,
    review,
    rules,
    runs,
    schedule,
    scorecards,
    setting_up,
)
from callaudit.cli.app import DAILY, READING, SETUP, STOPPED, app, given
from callaudit.transcription.errors import CallauditError

# Listed by `callaudit --help` in this order.
app.add_typer(setting_up.commands)
app.add_typer(daily.commands)
app.add_typer(schedule.commands)
app.add_typer(schedule.schedule_commands, rich_help_panel=DAILY)
app.add_typer(reading.commands)
app.add_typer(fragile.commands)
app.add_typer(rules.commands, rich_help_panel=DAILY)
app.add_typer(scorecards.commands, rich_help_panel=DAILY)
app.add_typer(acts.commands, rich_help_panel=DAILY)
app.add_typer(review.commands, rich_help_panel=DAILY)
app.add_typer(coaching.commands, rich_help_panel=DAILY)
app.add_typer(runs.commands, rich_help_panel=DAILY)
app.add_typer(calls.commands, rich_help_panel=READING)
app.add_typer(models.commands, rich_help_panel=SETUP)


def main() -> None:
    """The `callaudit` command: errors become a sentence and a next step, never a trace."""
    code = _run_command()
    # Prefect's threads keep DuckDB's module alive, whose binding then reports every object of its own as leaked
    # when the interpreter is torn down. Everything is closed by now, so that step is left out.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run_command() -> int:
    try:
        app()
    except SystemExit as left:
        if left.code == STOPPED:  # Typer turns a Ctrl-C into this, without a word.
            typer.echo("\nStopped.", err=True)
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except CallauditError as error:
        from callaudit.console import show_error

        show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        typer.echo("\nStopped.", err=True)
        return STOPPED
    except BrokenPipeError:
        # The reader of a pipe (head, less) has seen enough; there is nobody left to flush to.
        os._exit(0)
    except Exception as error:
        return _broke_down(error)
    return 0


def _broke_down(error: Exception) -> int:
    """One line for the person, and the trace in a file for who mends it."""
    from datetime import UTC, datetime

    from callaudit.flows.settings import load_settings
    from callaudit.flows.telemetry.error_log import write_down
    from callaudit.flows.telemetry.handlers import BROKE_DOWN
    from callaudit.transcription.errors import disk_full, is_disk_full, trace_of
    from callaudit.transcription.inbox.metadata import printable

    if isinstance(error, OSError) and is_disk_full(error):
        from callaudit.console import show_error

        full = disk_full("callaudit", "a disk", error)
        show_error(full)
        return full.exit_code
    home: Path | None = None
    with suppress(Exception):
        home = load_settings(given.config).home
    trace = trace_of(error)
    file = write_down(trace, home=home, at=datetime.now(UTC))
    said = printable(str(error).partition("\n")[0][:200])
    typer.echo(f"Error: callaudit broke down: {type(error).__name__}: {said} ({trace.reference} in {file})", err=True)
    return BROKE_DOWN
