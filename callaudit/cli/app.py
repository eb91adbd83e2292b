"""What all commands share: the app, the options before a command, exit codes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from callaudit.flows.access import keep_private
from callaudit.transcription.errors import InputError

if TYPE_CHECKING:
    from callaudit.audit_rules.rulebook import Rulebook

T = TypeVar("T")

app = typer.Typer(
    name="callaudit",
    help="Audit call recordings for de-escalation steps and report on them.\n\n"
    "\bStart:   callaudit init  then  callaudit doctor  then  callaudit audit call.wav\n"
    "Nightly: callaudit run\n"
    "Weekly:  callaudit report --week last",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
SETUP, DAILY, READING = "Setting up", "Daily work", "Reading results"
FLIPPED = 1
SOMETHING_LEFT = 1
SOME_FAILED = 5
STOPPED = 130


class Given:
    """What came before the command."""

    config: Path | None = None
    quiet: bool = False


given = Given()


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"callaudit {version('call-audit')}")
        raise typer.Exit


@app.callback()
def options(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            envvar="CALLAUDIT_CONFIG",
            help="Use this file instead of ./callaudit.toml.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    log_json: Annotated[
        Path | None,
        typer.Option("--log-json", metavar="FILE", help="Add a JSON line for each event of a run; - is stderr."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that come before the command."""
    given.config = config
    given.quiet = quiet
    keep_private()
    if log_json is not None:
        # A flow reads its own settings, and this is one of them.
        os.environ["CALLAUDIT_WATCH__LOG"] = "-" if str(log_json) == "-" else str(log_json.absolute())


def counted(number: int, noun: str) -> str:
    """“1 call”, “2 calls”."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def one_of(option: str, given: str, known: Sequence[T]) -> T:
    """What was given, which must be one of those known. Raises InputError naming them."""
    for one in known:
        if one == given:
            return one
    raise InputError(f"--{option} is “{given}”", why=f"It is one of {', '.join(map(str, known))}.")


def current_rulebook(*, recogniser: bool = True) -> "Rulebook":
    """The shipped rules with those of the settings; without the `recogniser` quicker, for what judges no call."""
    from callaudit.audit_rules.rulebook import load_rulebook
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    return load_rulebook(*settings.rule_folders, recogniser=recogniser and settings.run.acts)
