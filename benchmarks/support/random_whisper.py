"""Whisper models with random weights that end their text, close sentences and doubt themselves as a test wants."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import whisper

# Width, heads, layers and places for text of the published sizes, and of two that are quick to hear. Text can never be
# longer than half the places, which is what ends it where a model never ends it itself.
SIZES = {
    "toy": (64, 2, 1, 64),
    "toy with room": (64, 2, 1, 448),
    "tiny": (384, 6, 4, 448),
    "base": (512, 8, 6, 448),
    "small": (768, 12, 12, 448),
}


def random_model(
    *,
    seed: int,
    size: str = "toy",
    says: int = 8,
    stamps: Mapping[int, float] | None = None,
    sure: float = 1.0,
    languages: int = 0,
) -> Any:  # noqa: ANN401  Whisper has no types.
    """A model of one of `SIZES`: `says` tokens a window, time stamps (in seconds) at the places of `stamps`.

    The higher `sure`, the more probable is each of its tokens. `languages` = 99 makes it multilingual.
    """
    width, heads, layers, places = SIZES[size]
    dims = whisper.model.ModelDimensions(
        n_mels=80,
        n_audio_ctx=1500,
        n_audio_state=width,
        n_audio_head=heads,
        n_audio_layer=layers,
        n_vocab=51865 if languages else 51864,
        n_text_ctx=places,
        n_text_state=width,
        n_text_head=heads,
        n_text_layer=layers,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = whisper.model.Whisper(dims).eval()
        state = model.state_dict()
        embedding, place = state["decoder.token_embedding.weight"], state["decoder.positional_embedding"]
        # Drawn here, because Whisper leaves it as the memory happens to be. A token is written at a place by
        # putting its embedding there: the logits are the product with all embeddings.
        place.copy_(torch.randn(place.shape))
        embedding *= sure
        tokens = whisper.tokenizer.get_tokenizer(
            model.is_multilingual, num_languages=model.num_languages, language="en", task="transcribe"
        )
        place[says:] += 4 * embedding[tokens.eot] / sure
        for at, seconds in (stamps or {}).items():
            place[at] += 4 * embedding[tokens.timestamp_begin + round(seconds / 0.02)] / sure
        model.load_state_dict(state)
    return model


def save_checkpoint(path: Path, model: Any) -> Path:  # noqa: ANN401  Whisper has no types.
    """The model in Whisper's own format."""
    torch.save({"dims": dataclasses.asdict(model.dims), "model_state_dict": model.state_dict()}, path)
    return path
