"""Whisper's checkpoints: where they are on disk, whether they are what they say, how they are fetched."""

import ast
import importlib.util
import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pickle import UnpicklingError

import msgspec

from callaudit.transcription.engines import EngineUnavailable, tiny
from callaudit.transcription.engines import weights as weights_file
from callaudit.transcription.transcript import Seconds


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint on disk: its model's `name`, the file, and the published size it is, or "" for one's own.

    `notice` is a sentence that every reader of its words must see, or "". `made_from` is the sha256 of the file that
    the checkpoint was made from, where it was not published as it lies here.
    """

    name: str
    path: Path
    published: str = ""
    notice: str = ""
    made_from: str = ""

    @property
    def sha256(self) -> str:
        """What tells these weights from all others."""
        return self.made_from or weights_file.sha256_of(self.path)


def obtain(model: str, weights_folder: Path | None = None, *, download_timeout: Seconds = 0.0) -> Weights:
    """The checkpoint of `model`: a published size, the name of one in `weights_folder`, or a path to one.

    Missing weights of a published size are fetched if `download_timeout` is above 0. Raises `EngineUnavailable`.
    """
    check_installed()
    found = find(model, weights_folder)
    if found is None and download_timeout > 0 and model in _published():
        fetch(model, weights_folder, timeout=download_timeout)
        found = find(model, weights_folder)
    if found is None:
        raise _missing(model, weights_folder)
    return found


def find(model: str, weights_folder: Path | None = None) -> Weights | None:
    """The checkpoint of `model` on disk, or None; tiny.en also from its package (`transcription.engines.tiny`).

    A published size whose sha256 is wrong raises `EngineUnavailable`.
    """
    if model.endswith(".pt"):
        path = next((p for p in (Path(model), *_in(weights_folder, model)) if p.is_file()), None)
        return Weights(name=path.stem, path=path) if path else None
    url = _published().get(model)
    if url is None:
        path = _on_disk(weights_folder, f"{model}.pt")
        return Weights(name=model, path=path) if path else None
    path = _on_disk(weights_folder, _file_name(url))
    if path is None:
        return _packaged(weights_folder) if model == tiny.MODEL else None
    if not _is_published(path, url):
        raise EngineUnavailable(
            f"the Whisper weights {path.name} are not the published ones",
            why=f"{path}: another sha256; a download that was cut off looks like this",
            tries=(
                f"remove the file, then callaudit models fetch {model}",
                "give a checkpoint of your own another name, and set model to it",
            ),
        )
    return Weights(name=model, path=path, published=model)


def _packaged(weights_folder: Path | None) -> Weights | None:
    path = tiny.checkpoint(weights_folder or _caches() / "callaudit")
    if path is None:
        return None
    return Weights(name=tiny.MODEL, path=path, published=tiny.MODEL, notice=tiny.NOTICE, made_from=tiny.SHA256)


def fetch(model: str, weights_folder: Path | None = None, *, timeout: Seconds | None = None) -> Path:
    """Download the weights of a published size unless they are there; see `weights.fetch`."""
    check_installed()
    url = _published().get(model)
    if url is None:
        raise EngineUnavailable(
            f"no Whisper weights are called {model!r}",
            why=f"there are {', '.join(_published())}",
            tries=("callaudit models fetch base.en",),
        )
    found = _on_disk(weights_folder, _file_name(url))
    if found and _is_published(found, url):
        return found
    target = found or (weights_folder or _cache()) / _file_name(url)
    return weights_file.fetch(url, target, expected=_published_sha256(url), timeout=timeout)


def weights_on_disk(weights_folder: Path | None = None) -> dict[str, Path | None]:
    """Every published size and where its weights are; None where they are missing or not the published ones."""
    check_installed()
    where: dict[str, Path | None] = {}
    for model, url in _published().items():
        path = _on_disk(weights_folder, _file_name(url))
        where[model] = path if path and _is_published(path, url) else None
    return where


def check_checkpoint(path: Path) -> None:
    """A checkpoint of one's own must be in Whisper's format; only tensors are read, never code."""
    import torch  # noqa: PLC0415  Only who needs it waits for it.

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        complete = {"dims", "model_state_dict"} <= set(checkpoint)
    except (RuntimeError, UnpicklingError, OSError, EOFError, TypeError, ValueError) as error:
        raise _no_checkpoint(path, str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    if not complete:
        raise _no_checkpoint(path, "dims and model_state_dict are not in it")


def _no_checkpoint(path: Path, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{path.name} is no Whisper checkpoint",
        why=f"{path}: {why}",
        tries=("callaudit models fetch base.en",),
    )


def check_installed() -> None:
    """Raise `EngineUnavailable` unless torch and openai-whisper can be imported."""
    missing = [name for name in ("torch", "whisper") if importlib.util.find_spec(name) is None]
    if not missing:
        try:
            installed_version()
        except PackageNotFoundError:
            missing = ["openai-whisper (another package is called whisper here)"]
    if missing:
        raise EngineUnavailable(
            "Whisper is not installed",
            why=f"missing: {', '.join(missing)}",
            tries=("pip install 'call-audit[whisper]'", 'engine = "faster-whisper"'),
        )


def _missing(model: str, weights_folder: Path | None) -> EngineUnavailable:
    published = model in _published()
    looked = ", ".join(str(p.parent) for p in _in(weights_folder, model))
    fetching = f"callaudit models fetch {model}" if published else "callaudit models list  (the sizes there are)"
    return EngineUnavailable(
        f"no Whisper weights for model {model!r}",
        why=f"looked in {looked}",
        tries=(fetching, "set weights_folder to where they are", f'model = "{tiny.MODEL}" for a demo'),
    )


def _in(weights_folder: Path | None, name: str) -> tuple[Path, ...]:
    return tuple(folder / name for folder in (weights_folder, _cache()) if folder is not None)


def _on_disk(weights_folder: Path | None, name: str) -> Path | None:
    return next((path for path in _in(weights_folder, name) if path.is_file()), None)


def _is_published(path: Path, url: str) -> bool:
    return weights_file.sha256_of(path) == _published_sha256(url)


def _cache() -> Path:
    return _caches() / "whisper"


def _caches() -> Path:
    # Where openai-whisper itself looks.
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@cache
def _published() -> dict[str, str]:
    """The addresses of the published sizes, read from the source of openai-whisper: importing it takes four seconds."""
    spec = importlib.util.find_spec("whisper")
    if spec is None or spec.origin is None:
        return {}
    for statement in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="_MODELS")], value=models):
                return dict(ast.literal_eval(models))
    return {}


def _published_sha256(url: str) -> str:
    """The published address holds it as the folder of the file."""
    return url.split("/")[-2]


def _file_name(url: str) -> str:
    return url.rsplit("/", maxsplit=1)[-1]


def installed_version() -> str:
    """The version of openai-whisper that is installed."""
    return version("openai-whisper")
