"""`callaudit models`: Whisper's weights."""

from typing import Annotated

import typer

from callaudit.cli.app import given

commands = typer.Typer(name="models", help="List or fetch Whisper weights.", no_args_is_help=True)


@commands.command("list")
def models_list() -> None:
    """The Whisper weights that are here, and the sizes there are."""
    from callaudit.console import show_rows
    from callaudit.flows.settings import load_settings
    from callaudit.transcription.engines.checkpoints import weights_on_disk

    folder = load_settings(given.config).engine.weights_folder
    rows = [{"model": name, "file": str(path or "")} for name, path in weights_on_disk(folder).items()]
    show_rows(rows, empty="No sizes are known.")


@commands.command("fetch")
def models_fetch(model: Annotated[str, typer.Argument(help="A size, such as base.en.")]) -> None:
    """Download Whisper weights once, checked by their sha256."""
    from callaudit.console import out
    from callaudit.flows.settings import load_settings
    from callaudit.transcription.engines.checkpoints import fetch

    with out.status(f"fetching {model} ..."):
        path = fetch(model, load_settings(given.config).engine.weights_folder)
    out.print(f"{path}")
