"""How likely each moment holds a human voice: Silero VAD, computed with numpy.

The network and its weights are Silero's (https://github.com/snakers4/silero-vad, MIT; `voice_weights.LICENSE`),
taken from the official wheel by `scripts/make_voice_weights.py`. The packages that run it need torch, or a runtime
of 68 MB, or take one 32 ms frame at a time; numpy is here anyway and runs many frames at once. `docs/decisions`
has the figures, `benchmarks/speech_activity.py` makes them.
"""

from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from callaudit.transcription.audio import Samples
from callaudit.transcription.transcript import Seconds

Probabilities = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000

# Silero hears 32 ms at a time, with 4 ms of what came before and 4 ms mirrored at the end.
_FRAME = 512
_CONTEXT = 64
FRAME: Seconds = _FRAME / SAMPLE_RATE
_WINDOW = 256
_HOP = 128

# Frames encoded at once: 16 s of two channels keep memory flat and fill the matrix products.
_AT_ONCE = 512
_HIDDEN = 128


def voice_probabilities(samples: Samples) -> Probabilities:
    """The probability of a voice in each 32 ms of float32 [channels, n] at 16 kHz, as [channels, frames].

    The last frame is filled with silence. Every channel is heard on its own, from the start, in order;
    memory beside the answer does not grow with the length.
    """
    channels, length = samples.shape
    frames = -(-length // _FRAME)
    found = np.zeros((channels, frames), np.float32)
    network = _network()
    hidden = np.zeros((channels, _HIDDEN), np.float32)
    cell = np.zeros((channels, _HIDDEN), np.float32)
    for first in range(0, frames, _AT_ONCE):
        last = min(first + _AT_ONCE, frames)
        encoded = network.encoded(_framed(samples, first, last))
        for number in range(last - first):
            hidden, cell = network.step(encoded[:, number], hidden, cell)
            encoded[:, number, :_HIDDEN] = hidden
        found[:, first:last] = network.probability(encoded[:, :, :_HIDDEN])
    return found


def at_rate(samples: Samples, sample_rate: int) -> Samples:
    """Sound at another rate as `voice_probabilities` takes it, linear between samples; `audio.decode` gives it so."""
    if sample_rate == SAMPLE_RATE or not samples.shape[1]:
        return samples
    places = np.arange(round(samples.shape[1] * SAMPLE_RATE / sample_rate)) * (sample_rate / SAMPLE_RATE)
    known = np.arange(samples.shape[1])
    return np.stack([np.interp(places, known, one) for one in samples]).astype(np.float32)


def _framed(samples: Samples, first: int, last: int) -> Samples:
    """[channels, frames, 640]: each frame with what came before it, and its end mirrored."""
    start, end = first * _FRAME - _CONTEXT, last * _FRAME
    piece = samples[:, max(0, start) : end]
    before = max(0, -start)
    piece = np.pad(piece, ((0, 0), (before, end - start - before - piece.shape[1])))
    strides = (piece.strides[0], _FRAME * piece.strides[1], piece.strides[1])
    framed = np.lib.stride_tricks.as_strided(piece, (len(piece), last - first, _FRAME + _CONTEXT), strides)
    mirrored = framed[:, :, -_CONTEXT - 1 : -1][:, :, ::-1]
    return np.concatenate([framed, mirrored], axis=2)


class _Network:
    """Silero VAD 6.2 for 16 kHz: spectrum, four convolutions, one recurrent layer, one probability."""

    def __init__(self, weights: dict[str, npt.NDArray[np.float32]]) -> None:
        angle = 2 * np.pi * np.outer(np.arange(_WINDOW), np.arange(_WINDOW // 2 + 1)) / _WINDOW
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
        # [256, 258]: cosines, then sines.
        self._spectrum = (hann[:, None] * np.hstack([np.cos(angle), np.sin(angle)])).astype(np.float32)
        self._kernels = [weights[f"encoder_{n}_weight"].transpose(2, 1, 0).copy() for n in range(4)]
        self._biases = [weights[f"encoder_{n}_bias"] for n in range(4)]
        # sigmoid(x) is (1 + tanh(x / 2)) / 2, so that one tanh serves all four gates: input, output, forget, cell.
        half = np.repeat(np.array([0.5, 0.5, 0.5, 1.0], np.float32), _HIDDEN)
        self._from_input = (weights["lstm_input"].T * half).copy()
        self._from_hidden = (weights["lstm_recurrent"].T * half).copy()
        bias = weights["lstm_bias"].reshape(2, -1).sum(axis=0)
        self._gate_bias = bias * half
        self._output = weights["output_weight"]
        self._output_bias = weights["output_bias"]

    def encoded(self, framed: Samples) -> npt.NDArray[np.float32]:
        """What the recurrent layer is given for each frame: [channels, frames, 640] to [channels, frames, 512]."""
        channels, frames, width = framed.shape
        flat = framed.reshape(-1, width)
        places = (width - _WINDOW) // _HOP + 1
        strides = (flat.strides[0], _HOP * flat.strides[1], flat.strides[1])
        windows = np.lib.stride_tricks.as_strided(flat, (len(flat), places, _WINDOW), strides)
        waves = windows.reshape(-1, _WINDOW) @ self._spectrum
        half = _WINDOW // 2 + 1
        heard = np.sqrt(waves[:, :half] ** 2 + waves[:, half:] ** 2).reshape(len(flat), places, half)
        for layer, stride in enumerate((1, 2, 2, 1)):
            heard = self._convolved(heard, layer, stride)
        gates = heard[:, 0] @ self._from_input + self._gate_bias
        return np.asarray(gates.reshape(channels, frames, -1))

    def _convolved(self, heard: npt.NDArray[np.float32], layer: int, stride: int) -> npt.NDArray[np.float32]:
        """A convolution of width 3 along the places, zeros beyond the ends, then what is positive."""
        kernel = self._kernels[layer]
        places = -(-heard.shape[1] // stride)
        answer = np.empty((len(heard), places, kernel.shape[2]), np.float32)
        for place in range(places):
            centre = place * stride
            taps = range(max(0, 1 - centre), min(3, heard.shape[1] - centre + 1))
            around = heard[:, centre - 1 + taps.start : centre - 1 + taps.stop].reshape(len(heard), -1)
            answer[:, place] = around @ kernel[taps.start : taps.stop].reshape(-1, kernel.shape[2])
        answer += self._biases[layer]
        return np.maximum(answer, 0.0, out=answer)

    def step(
        self, gates: npt.NDArray[np.float32], hidden: npt.NDArray[np.float32], cell: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The recurrent layer's state after one frame: [channels, 512] and the state before."""
        opened = np.tanh(gates + hidden @ self._from_hidden)
        at = opened[:, : 3 * _HIDDEN] * 0.5 + 0.5
        cell = np.asarray(at[:, 2 * _HIDDEN :] * cell + at[:, :_HIDDEN] * opened[:, 3 * _HIDDEN :])
        return np.asarray(at[:, _HIDDEN : 2 * _HIDDEN] * np.tanh(cell)), cell

    def probability(self, hidden: npt.NDArray[np.float32]) -> Probabilities:
        """[channels, frames, 128] to [channels, frames]."""
        return np.asarray(1.0 / (1.0 + np.exp(-(np.maximum(hidden, 0.0) @ self._output + self._output_bias))))


@cache
def _network() -> _Network:
    with resources.files(__package__).joinpath("voice_weights.npz").open("rb") as file, np.load(file) as weights:
        return _Network({name: weights[name] for name in weights.files})
