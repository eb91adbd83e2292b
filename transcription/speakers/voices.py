"""Two voices on one channel told apart by how they sound; that there are two is tested, not supposed.

The classical way of telephone diarisation, without a trained network: cepstra of the telephone band, pieces of one
breath grouped in two, then a Gaussian for each voice and a chain of two states that changes seldom within a breath and
often at a pause (S. E. Tranter and D. A. Reynolds, "An overview of automatic speaker diarization systems", IEEE
Transactions on Audio, Speech, and Language Processing 14 (5), 2006). `docs/speakers.md` has the figures.
"""

from collections.abc import Sequence
from math import exp, log

import msgspec
import numpy as np
import numpy.typing as npt

from callaudit.transcription.audio import Samples
from callaudit.transcription.transcript import Seconds, Span, Spans

Matrix = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# 20 ms apart, 32 ms long, in the band that every telephone carries; the loudness itself (the 0th) is left out.
_HOP: Seconds = 0.02
_WINDOW: Seconds = 0.032
_LOWEST, _HIGHEST = 200.0, 3700.0
_BANDS, _CEPSTRA = 26, 19
_AT_ONCE = 4096

# Softer frames of speech are closures and breath, in which all voices are alike (dB below the loud ones).
_TOO_SOFT = 25.0

_PIECE: Seconds = 1.0
_FEWEST_FRAMES = 12

# Neighbouring frames say much the same: this share of what they say together is new.
_NEW = 0.3
_TURN: Seconds = 3.0
_CHANGE_AT_PAUSE = 0.3
_ROUNDS = 12
_SETTLED = 0.002

# That there are two voices, see `told_apart`; measured in docs/speakers.md.
_FEWEST_PIECES = 24
_SAME_IN_A_BREATH = 0.6
_CERTAIN = 0.985
# Of what the chain is unsure about, this many times as much is wrong.
_OVERCONFIDENT = 4.0


class Voices(msgspec.Struct, frozen=True, kw_only=True):
    """When each of two voices speaks, the one that is heard first first: sorted, disjoint spans. Empty for no two.

    - `right`: the share of the speech that is expected to be with the right voice.
    - `why`: why two voices were not told apart, for a person to read.
    """

    spans: tuple[Spans, ...] = ()
    right: float = 0.0
    why: str = ""


def told_apart(samples: Samples, sample_rate: int, spans: Sequence[Span]) -> Voices:
    """The two voices in the speech (`spans`) of one channel, float32 [n].

    Two voices are claimed where

    - at least 24 pieces of speech, of a second each, are there to compare,
    - pieces of one breath sound alike: the covariance of neighbours' scores is 0.6 of the variance or more
      (one voice divided by chance: 0 to 0.5), and
    - the chain is sure of 98.5 % of the frames,

    and where neither voice can be divided in two again by the same test. Speech of both at once goes to the louder.
    """
    cepstra, level = _cepstra(samples, sample_rate)
    divided = _Heard.of(cepstra, level, spans).divided()
    if isinstance(divided, str):
        return Voices(why=divided)
    for voice in divided.spans:
        if not isinstance(_Heard.of(cepstra, level, voice).divided(), str):
            return Voices(why="more than two voices seem to speak on one channel")
    return divided


class _Heard(msgspec.Struct, frozen=True):
    """The frames of the speech on a channel.

    - `at`: which frame of the channel each is; `after_pause`: whether a breath begins with it.
    - `cepstra`: [frames, 19]; `loud`: frames in which a voice can be told.
    - `pieces`: the loud frames of each second; `neighbours`: pairs of pieces in one breath.
    """

    at: npt.NDArray[np.int64]
    after_pause: Flags
    cepstra: Matrix
    loud: Flags
    pieces: list[npt.NDArray[np.int64]]
    neighbours: npt.NDArray[np.int64]

    @classmethod
    def of(cls, cepstra: Matrix, level: Matrix, spans: Sequence[Span]) -> "_Heard":
        bounds = [(round(s.start / _HOP), min(len(level), round(s.end / _HOP))) for s in spans]
        bounds = [(start, end) for start, end in bounds if start < end]
        at = np.concatenate([np.arange(*b) for b in bounds]) if bounds else np.zeros(0, np.int64)
        level = level[at]
        loud = level > np.percentile(level, 90) - _TOO_SOFT if len(level) else np.zeros(0, np.bool_)
        after_pause = np.zeros(len(at), np.bool_)
        pieces: list[npt.NDArray[np.int64]] = []
        neighbours: list[tuple[int, int]] = []
        first = 0
        for start, end in bounds:
            after_pause[first] = True
            edges = np.linspace(0, end - start, max(1, round((end - start) * _HOP / _PIECE)) + 1).astype(np.int64)
            last = -1
            for a, b in zip(edges[:-1] + first, edges[1:] + first, strict=True):
                frames = np.arange(a, b)[loud[a:b]]
                if len(frames) < _FEWEST_FRAMES:
                    last = -1
                    continue
                if last >= 0:
                    neighbours.append((last, len(pieces)))
                last = len(pieces)
                pieces.append(frames)
            first += end - start
        pairs = np.array(neighbours, np.int64).reshape(-1, 2)
        return cls(at, after_pause, cepstra[at], loud, pieces, pairs)

    def divided(self) -> Voices | str:
        """Two voices, or why there are none."""
        if len(self.pieces) < _FEWEST_PIECES or not len(self.neighbours):
            return "too little speech on one channel to tell voices apart"
        one = "one channel, on which two voices cannot be told apart"
        within = _within(self.cepstra, self.pieces)
        groups = _grouped(self.cepstra, self.pieces, self.neighbours, within)
        second = np.full(len(self.at), 0.5)
        for frames, group in zip(self.pieces, groups, strict=True):
            second[frames] = float(group)
        change = np.where(self.after_pause, _CHANGE_AT_PAUSE, _HOP / _TURN)
        says = self._says_second(second, within)
        for _ in range(_ROUNDS):
            if says is None:
                return one
            before, second = second, _chained(_NEW * says, change)
            if np.abs(second - before).mean() < _SETTLED:
                break
            says = self._says_second(second, within)
        if says is None:
            return one
        certain = float(np.maximum(second, 1 - second).mean())
        score = np.array([says[frames].mean() for frames in self.pieces])
        score -= score.mean()
        together = float((score[self.neighbours[:, 0]] * score[self.neighbours[:, 1]]).mean())
        alike = together / max(float(score.var()), 1e-9)
        if certain < _CERTAIN or alike < _SAME_IN_A_BREATH or not 0 < (second > 0.5).sum() < len(second):
            return one
        voices = [self._spans(second <= 0.5), self._spans(second > 0.5)]
        return Voices(spans=tuple(sorted(voices)), right=1.0 - _OVERCONFIDENT * (1.0 - certain))

    def _says_second(self, second: Matrix, within: Matrix) -> Matrix | None:
        """By how much each frame is likelier from the second voice, given the probability that each is so far."""
        likely = []
        for share in (1.0 - second, second):
            weight = share * self.loud
            if weight.sum() < _FEWEST_FRAMES:
                return None
            away = self.cepstra - weight @ self.cepstra / weight.sum()
            # A little of the common spread keeps a voice of few frames from fitting them exactly.
            spread = (away * weight[:, None]).T @ away / weight.sum() + 0.05 * np.diag(np.diag(within))
            root = np.linalg.cholesky(spread)
            likely.append(-0.5 * (np.linalg.solve(root, away.T) ** 2).sum(axis=0) - np.log(np.diag(root)).sum())
        return np.where(self.loud, np.clip(likely[1] - likely[0], -20.0, 20.0), 0.0)

    def _spans(self, mine: Flags) -> Spans:
        spans: list[Span] = []
        for frame, begins in zip(self.at[mine].tolist(), self.after_pause[mine].tolist(), strict=True):
            start, end = round(frame * _HOP, 3), round((frame + 1) * _HOP, 3)
            if spans and spans[-1].end == start and not begins:
                spans[-1] = Span(spans[-1].start, end)
            else:
                spans.append(Span(start, end))
        return tuple(spans)


def _within(cepstra: Matrix, pieces: Sequence[npt.NDArray[np.int64]]) -> Matrix:
    """The covariance of frames around the mean of their piece: how speech varies whoever speaks."""
    away = np.concatenate([cepstra[frames] - cepstra[frames].mean(axis=0) for frames in pieces])
    spread = away.T @ away / len(away)
    return np.asarray(spread + 0.1 * np.diag(np.diag(spread)))


def _grouped(
    cepstra: Matrix, pieces: Sequence[npt.NDArray[np.int64]], neighbours: npt.NDArray[np.int64], within: Matrix
) -> Flags:
    """The pieces in two groups: 2-means of their means where one voice varies alike in all directions.

    Begun along each of the three directions of the greatest variance; the tightest wins.
    """
    values, vectors = np.linalg.eigh(within)
    weight = np.array([len(frames) for frames in pieces], np.float64)
    places = np.array([cepstra[frames].mean(axis=0) for frames in pieces]) @ (vectors / np.sqrt(values))
    places -= weight @ places / weight.sum()
    _, directions = np.linalg.eigh((places * weight[:, None]).T @ places)
    best, tightest = np.zeros(len(pieces), np.bool_), np.inf
    for direction in directions.T[:-4:-1]:
        groups = places @ direction > 0
        for _ in range(30):
            if groups.all() or not groups.any():
                break
            centres = [weight[g] @ places[g] / weight[g].sum() for g in (~groups, groups)]
            away = np.array([((places - centre) ** 2).sum(axis=1) for centre in centres])
            moved = away[1] < away[0]
            spread = float(away.min(axis=0) @ weight)
            if spread < tightest:
                best, tightest = moved, spread
            if (moved == groups).all():
                break
            groups = moved
    return best


def _chained(says: Matrix, change: Matrix) -> Matrix:
    """The probability of the second voice at each frame: forward and backward through a chain of two states."""
    ahead, behind = np.empty(len(says)), np.empty(len(says))
    odds = 0.0
    for n, (new, moves) in enumerate(zip(says.tolist(), change.tolist(), strict=True)):
        odds = _bounded(_moved(odds, moves) + new)
        ahead[n] = odds
    odds = 0.0
    for n in range(len(says) - 1, -1, -1):
        behind[n] = odds
        odds = _moved(_bounded(odds + float(says[n])), float(change[n]))
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(ahead + behind, -30.0, 30.0))))


def _bounded(odds: float) -> float:
    return min(30.0, max(-30.0, odds))


def _moved(odds: float, change: float) -> float:
    share = 1.0 / (1.0 + exp(-odds))
    share = share * (1.0 - change) + (1.0 - share) * change
    return log(share / (1.0 - share))


def _cepstra(samples: Samples, sample_rate: int) -> tuple[Matrix, Matrix]:
    """[frames, 19] mel cepstra of a channel, and the level of each frame in dB."""
    hop, window = round(_HOP * sample_rate), round(_WINDOW * sample_rate)
    count = max(0, 1 + (len(samples) - window) // hop)
    bank = _mel_bank(sample_rate, window)
    cosines = np.cos(np.pi / _BANDS * np.outer(np.arange(_BANDS) + 0.5, np.arange(1, _CEPSTRA + 1)))
    taper = np.hanning(window).astype(np.float32)
    cepstra, level = np.empty((count, _CEPSTRA)), np.empty(count)
    for first in range(0, count, _AT_ONCE):
        last = min(count, first + _AT_ONCE)
        piece = samples[first * hop : (last - 1) * hop + window]
        framed = np.lib.stride_tricks.sliding_window_view(piece, window)[::hop]
        bands = np.abs(np.fft.rfft(framed * taper)) ** 2 @ bank
        cepstra[first:last] = np.log(bands + 1e-6) @ cosines
        level[first:last] = 10.0 * np.log10(bands.sum(axis=1) + 1e-9)
    return cepstra, level


def _mel_bank(sample_rate: int, window: int) -> Matrix:
    """[frequencies, bands]: overlapping triangles, evenly spaced in mel."""
    low, high = (1127.0 * log(1.0 + hertz / 700.0) for hertz in (_LOWEST, _HIGHEST))
    edges = 700.0 * np.expm1(np.linspace(low, high, _BANDS + 2) / 1127.0)
    hertz = np.fft.rfftfreq(window, 1.0 / sample_rate)[:, None]
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))
