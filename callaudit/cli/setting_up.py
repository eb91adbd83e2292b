"""Commands that set an installation up and look at it: init, doctor, inbox."""

from pathlib import Path
from typing import Annotated

import typer

from callaudit.cli.app import SETUP, given
from callaudit.transcription.errors import InputError, SetupError

commands = typer.Typer()


@commands.command(rich_help_panel=SETUP)
def init(
    show: Annotated[bool, typer.Option("--show", help="Print the example instead of writing it.")] = False,
    preset: Annotated[
        str, typer.Option(help="The recorder: amazon-connect, asterisk, genesys-cloud, puzzel, twilio, twilio-flex.")
    ] = "",
) -> None:
    """Make callaudit.toml, an inbox, folders for your rules and scorecards, and the warehouse."""
    from callaudit.console import out
    from callaudit.flows.settings import EXAMPLE, FILE_NAME, load_settings
    from callaudit.transcription.inbox import presets
    from callaudit.warehouse.connect import open_writer

    example = EXAMPLE.read_text(encoding="utf-8")
    if preset:
        if preset not in presets():
            raise InputError(f"there is no preset “{preset}”", why=f"There are: {', '.join(presets())}.")
        example = example.replace('# preset = ""  ', f'preset = "{preset}"', 1)
    if show:
        typer.echo(example)
        return
    file = given.config or Path(FILE_NAME)
    if file.exists():
        raise SetupError(f"{file} is already there", tries=("callaudit doctor", "callaudit init --show  (an example)"))
    file.write_text(example, encoding="utf-8")
    settings = load_settings(file)
    for folder in (settings.root / "inbox", settings.rules, settings.scorecards):
        folder.mkdir(exist_ok=True)
    open_writer(settings.warehouse).close()
    out.print(f"Wrote {file}, inbox/, rules/, scorecards/ and {settings.warehouse}.")
    out.print("Next: [bold]callaudit doctor[/]   then put recordings into inbox/ and   [bold]callaudit run[/]")


@commands.command(rich_help_panel=SETUP)
def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for a monitor.")] = False,
) -> None:
    """Check that everything a run needs is in place; nothing is changed.

    Exit code 0: a run can start, with or without warnings; 3: something is missing.
    """
    from callaudit.console import show_checks
    from callaudit.doctor import examine

    if json:
        import msgspec

        checks = [*examine(given.config)]
        typer.echo(msgspec.json.format(msgspec.json.encode(checks)))
    else:
        checks = show_checks(examine(given.config))
    if any(check.state == "FAIL" for check in checks):
        raise typer.Exit(SetupError.exit_code)


@commands.command(name="inbox", rich_help_panel=SETUP)
def look_into_inbox(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Look only here. Without it, in every source of callaudit.toml."),
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="How many files of each source to explain.")] = 5,
) -> None:
    """Show what each source holds and how its files would be understood; nothing is audited or stored.

    Example: callaudit inbox --show 20
    """
    from callaudit.console import out, show_source
    from callaudit.flows.settings import load_settings
    from callaudit.transcription.inbox import preview

    sources = load_settings(given.config).inbox_sources(*(folders or ()))
    if not sources:
        raise InputError("no source of recordings is set", tries=("callaudit inbox FOLDER", "callaudit init --show"))
    refused = 0
    for source in sources:
        seen = preview(source, show=show)
        show_source(source, seen)
        refused += sum(one.refused is not None for one in seen.first)
    out.print("\nHow to describe a source: docs/inbox.md" if refused else "\nNext: [bold]callaudit run[/]")


@commands.command(rich_help_panel=SETUP)
def announcements(
    write: Annotated[bool, typer.Option("--write", help="Name them in callaudit.toml.")] = False,
) -> None:
    """Find recorded sentences: those that stored calls repeat word for word in the same time.

    Read them first: a sentence named in callaudit.toml is nobody's in calls audited from then on.

    Example: callaudit announcements --write
    """
    from callaudit.cli.app import counted
    from callaudit.console import out, show_rows
    from callaudit.flows.announced import announced_in, name_in_settings
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    found = announced_in(settings)
    rows = [{"source": one.source, "calls": one.calls, "sentence": one.sentence} for one in found]
    show_rows(rows, empty="No sentence is repeated as only a recording repeats it.")
    if found and write:
        added = name_in_settings(settings, found)
        out.print(f"\n{counted(len(added), 'sentence')} named in {settings.file}.", markup=False)
    elif found:
        out.print("\nNext, if they are recordings: [bold]callaudit announcements --write[/]")
