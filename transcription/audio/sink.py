"""Where decoded sound goes: into memory, or, of long calls, into a file below the home folder."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from callaudit.transcription.audio.refusals import Absurd, too_long
from callaudit.transcription.errors import is_disk_full
from callaudit.transcription.possible import LONGEST
from callaudit.transcription.transcript import Seconds

if TYPE_CHECKING:
    import av

Samples = npt.NDArray[np.float32]


# Recorders that drop silent packets leave holes in the clock; shorter ones are rounding.
_HOLE: Seconds = 0.1
_LONGEST_HOLE: Seconds = 6 * 3600.0


_RATES = range(1_000, 768_001)
MOST_CHANNELS = 8


# Longer sound is kept in a file, which is written in portions.
HELD_IN_MEMORY: Seconds = 300.0
WRITTEN_AT_ONCE: Seconds = 30.0
# Bytes that are left to whoever else writes there.
_LEFT_FREE = 64 << 20


class Kept:
    """Sound taken block by block: in memory while it is short, else in a nameless temporary file that is mapped.

    Pages of a mapped file are the system's to take back, so that memory does not grow with the length of a call.
    `spill` is the folder of that file; `expected` is how long the sound will be, where that is known.
    """

    def __init__(self, sample_rate: int, *, spill: Path | None = None, expected: Seconds | None = None) -> None:
        self.sample_rate = sample_rate
        self._folder = spill or Path(tempfile.gettempdir())
        self._expected = expected or 0.0
        self._blocks: list[Samples] = []
        self._file: IO[bytes] | None = None
        self._waiting = 0
        self._n = 0

    def take(self, block: npt.NDArray[Any]) -> None:
        """Keep float32 [channels, n]. Raises `Absurd` beyond `LONGEST`, and OSError where the disk has no room."""
        if not block.shape[1]:
            return
        self._n += block.shape[1]
        if self._n > LONGEST * self.sample_rate:
            raise too_long(self._n / self.sample_rate)
        self._blocks.append(block)
        self._waiting += block.shape[1]
        if self._file is None and self._n > HELD_IN_MEMORY * self.sample_rate:
            seconds = max(self._expected, self._n / self.sample_rate)
            # Closed once it is mapped.
            self._file = self._nameless(4 * block.shape[0] * self.sample_rate * seconds)
        if self._file is not None and self._waiting >= WRITTEN_AT_ONCE * self.sample_rate:
            self._write(self._file)

    def take_silence(self, channels: int, seconds: Seconds) -> None:
        """Keep silence of that length."""
        silence = np.zeros((channels, round(WRITTEN_AT_ONCE * self.sample_rate)), np.float32)
        for left in range(round(seconds * self.sample_rate), 0, -silence.shape[1]):
            self.take(silence[:, :left])

    def close(self, channels: int) -> Samples:
        """All that was taken, float32 [channels, n]."""
        if not self._n:
            return np.zeros((channels, 0), np.float32)
        if self._file is None:
            return np.concatenate(self._blocks, axis=1)
        self._write(self._file)
        # One sample of each channel after the other; the channels are views with a stride.
        mapped = np.asarray(np.memmap(self._file, np.float32, mode="r", shape=(self._n, channels)))
        self._file.close()
        return mapped.T

    def _nameless(self, needed: float) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._folder).free < needed + _LEFT_FREE:
            raise self._full()
        return tempfile.TemporaryFile(prefix="callaudit-", dir=self._folder)

    def _write(self, file: IO[bytes]) -> None:
        if not self._blocks:
            return
        try:
            file.write(np.concatenate(self._blocks, axis=1).T.astype(np.float32, order="C").data)
            file.flush()
        except OSError as error:
            # The file has no name; its folder does.
            if is_disk_full(error):
                raise self._full() from error
            raise
        self._blocks, self._waiting = [], 0

    def _full(self) -> OSError:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))


class Sink:
    """Takes decoded frames, resampled, with silence where the recorder's clock jumped.

    `first` is when its sound begins on the file's own clock; `mixed` makes one channel of all.
    """

    def __init__(self, kept: Kept, *, mixed: bool = False) -> None:
        self._kept = kept
        self._mixed = mixed
        self.source_rate = 0
        self.holes: Seconds = 0.0
        self._resampler: av.AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._layout: av.AudioLayout | None = None
        self.first: Seconds | None = None
        self._clock: Seconds = 0.0

    def add(self, frame: "av.AudioFrame") -> None:
        """Take one decoded frame, after silence where the recorder's clock jumped."""
        import av  # noqa: PLC0415  Only who needs it waits for it.

        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if frame.sample_rate not in _RATES:
            raise Absurd("not_audio", f"its header says {frame.sample_rate:,} samples a second")
        if self._layout is None:
            if frame.layout.nb_channels > MOST_CHANNELS:
                found = frame.layout.nb_channels
                raise Absurd("unsupported_channels", f"{found} channels; a call has at most {MOST_CHANNELS}")
            self._layout = av.AudioLayout("mono") if self._mixed else frame.layout
            self.source_rate = frame.sample_rate
        if frame.time is not None:
            self.first = frame.time if self.first is None else self.first
            hole = frame.time - self.first - self._clock
            if _HOLE < hole < _LONGEST_HOLE:
                if self._clock + hole > LONGEST:
                    raise too_long(self._clock + hole)
                self._drain()
                self._kept.take_silence(self._layout.nb_channels, hole)
                self._clock += hole
                self.holes += hole
        if self._resampler is None or shape != self._shape:
            self._drain()
            self._shape = shape
            self._resampler = av.AudioResampler("fltp", self._layout, self._kept.sample_rate)
        self._clock += frame.samples / frame.sample_rate
        frame.pts = None
        for ready in self._resampler.resample(frame):
            self._kept.take(ready.to_ndarray())

    def close(self) -> Samples:
        """All sound taken so far, float32 [channels, n]."""
        self._drain()
        return self._kept.close(0 if self._layout is None else self._layout.nb_channels)

    def _drain(self) -> None:
        if self._resampler is not None:
            for ready in self._resampler.resample(None):
                self._kept.take(ready.to_ndarray())
            self._resampler = None
