"""A Whisper model of openai-whisper's written as faster-whisper reads it, without the packages that usually do it."""

from pathlib import Path
from typing import Any

import tokenizers
import whisper
from ctranslate2.converters.utils import fuse_linear
from ctranslate2.specs import common_spec
from ctranslate2.specs.whisper_spec import WhisperSpec


def save_converted(folder: Path, model: Any, *, quantization: str | None = None) -> Path:
    """The folder with model.bin, config.json, vocabulary.json and tokenizer.json of the model."""
    folder.mkdir(parents=True)
    spec = WhisperSpec(
        model.dims.n_audio_layer, model.dims.n_audio_head, model.dims.n_text_layer, model.dims.n_text_head
    )
    _fill_encoder(spec.encoder, model.encoder)
    _fill_decoder(spec.decoder, model.decoder)
    tokens = whisper.tokenizer.get_tokenizer(
        model.is_multilingual, num_languages=model.num_languages, language="en", task="transcribe"
    )
    names = _names(tokens)
    spec.register_vocabulary(names)
    spec.config.alignment_heads = [
        (layer, head)
        for layer in range(model.dims.n_text_layer // 2, model.dims.n_text_layer)
        for head in range(model.dims.n_text_head)
    ]
    spec.config.lang_ids = list(tokens.all_language_tokens) if model.is_multilingual else []
    spec.config.suppress_ids = list(tokens.non_speech_tokens)
    spec.config.suppress_ids_begin = [*tokens.encode(" "), tokens.eot]
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))
    _tokenizer(tokens, names).save(str(folder / "tokenizer.json"))
    return folder


def _fill_encoder(spec: Any, module: Any) -> None:
    for name in ("conv1", "conv2"):
        _fill(getattr(spec, name), getattr(module, name))
    spec.position_encodings.encodings = module.positional_embedding.detach().numpy()
    _fill_norm(spec.layer_norm, module.ln_post)
    for layer, block in zip(spec.layer, module.blocks, strict=True):
        _fill_block(layer, block)


def _fill_decoder(spec: Any, module: Any) -> None:
    embeddings = module.token_embedding.weight.detach().numpy()
    spec.embeddings.weight = embeddings
    spec.projection.weight = embeddings
    spec.position_encodings.encodings = module.positional_embedding.detach().numpy()
    _fill_norm(spec.layer_norm, module.ln)
    for layer, block in zip(spec.layer, module.blocks, strict=True):
        _fill_block(layer, block)
        _fill_norm(layer.attention.layer_norm, block.cross_attn_ln)
        cross = block.cross_attn
        _fill(layer.attention.linear[0], cross.query)
        fuse_linear(layer.attention.linear[1], [_linear(cross.key), _linear(cross.value)])
        _fill(layer.attention.linear[2], cross.out)


def _fill_block(spec: Any, block: Any) -> None:
    _fill_norm(spec.self_attention.layer_norm, block.attn_ln)
    own = block.attn
    fuse_linear(spec.self_attention.linear[0], [_linear(own.query), _linear(own.key), _linear(own.value)])
    _fill(spec.self_attention.linear[1], own.out)
    _fill_norm(spec.ffn.layer_norm, block.mlp_ln)
    _fill(spec.ffn.linear_0, block.mlp[0])
    _fill(spec.ffn.linear_1, block.mlp[2])


def _linear(module: Any) -> Any:
    spec = common_spec.LinearSpec()
    _fill(spec, module)
    return spec


def _fill(spec: Any, module: Any) -> None:
    spec.weight = module.weight.detach().numpy()
    if module.bias is not None:
        spec.bias = module.bias.detach().numpy()


def _fill_norm(spec: Any, module: Any) -> None:
    spec.gamma, spec.beta = module.weight.detach().numpy(), module.bias.detach().numpy()


def _names(tokens: Any) -> list[str]:
    """Every token by its number; bytes as the printable characters that GPT-2's vocabularies have for them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    character = {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}
    texts = {number: "".join(character[b] for b in text) for text, number in tokens.encoding._mergeable_ranks.items()}
    named = texts | {number: name for name, number in tokens.special_tokens.items()}
    return [named[number] for number in range(len(named))]


def _tokenizer(tokens: Any, names: list[str]) -> Any:
    """It splits text into bytes, which are tokens too: without the merges, which only make text shorter."""
    first = min(tokens.special_tokens.values())
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab={name: number for number, name in enumerate(names[:first])}, merges=[])
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens([tokenizers.AddedToken(name, special=True) for name in names[first:]])
    return made
