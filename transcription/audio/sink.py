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
from callaudit.transcription.possible import LONGEST
from callaudit.transcription.transcript import Seconds

if TYPE_CHECKING:
    import av

Samples = npt.NDArray[np.float32]


# Recorders that drop silent packets leave holes in the clock; shorter ones are rounding.
HOLE: Seconds = 0.1
_LONGEST_HOLE: Seconds = 6 * 3600.0


_RATES = range(1_000, 768_001)
_MOST_CHANNELS = 8


# Longer sound is kept in a file, which is written in portions.
HELD_IN_MEMORY: Seconds = 300.0
WRITTEN_AT_ONCE: Seconds = 30.0
# Bytes that are left to whoever else writes there.
_LEFT_FREE = 64 << 20


class Sink:
    """Collects resampled sound: in memory while it is short, else in a nameless temporary file that is mapped.

    `first` is when its sound begins on the file's own clock; `mixed` makes one channel of all.

    Pages of a mapped file are the system's to take back, so that memory does not grow with the length of a call.
    """

    def __init__(
        self, sample_rate: int, *, mixed: bool = False, spill: Path | None = None, expected: Seconds | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self._mixed = mixed
        self.spill = spill
        self.expected = expected
        self.source_rate = 0
        self.holes: Seconds = 0.0
        self._resampler: av.AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._layout: av.AudioLayout | None = None
        self.first: Seconds | None = None
        self._clock: Seconds = 0.0
        self._blocks: list[Samples] = []
        self._file: IO[bytes] | None = None
        self._waiting = 0
        self._n = 0

    def add(self, frame: "av.AudioFrame") -> None:
        """Take one decoded frame, after silence where the recorder's clock jumped."""
        import av  # noqa: PLC0415  Only who needs it waits for it.

        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if frame.sample_rate not in _RATES:
            raise Absurd("not_audio", f"its header says {frame.sample_rate:,} samples a second")
        if self._layout is None:
            if frame.layout.nb_channels > _MOST_CHANNELS:
                found = frame.layout.nb_channels
                raise Absurd("unsupported_channels", f"{found} channels; a call has at most {_MOST_CHANNELS}")
            self._layout = av.AudioLayout("mono") if self._mixed else frame.layout
            self.source_rate = frame.sample_rate
        if frame.time is not None:
            self.first = frame.time if self.first is None else self.first
            hole = frame.time - self.first - self._clock
            if HOLE < hole < _LONGEST_HOLE:
                if self._clock + hole > LONGEST:
                    raise too_long(self._clock + hole)
                self._drain()
                silence = np.zeros((self._layout.nb_channels, round(WRITTEN_AT_ONCE * self.sample_rate)), np.float32)
                for left in range(round(hole * self.sample_rate), 0, -silence.shape[1]):
                    self._append(silence[:, :left])
                self._clock += hole
                self.holes += hole
        if self._resampler is None or shape != self._shape:
            self._drain()
            self._shape = shape
            self._resampler = av.AudioResampler("fltp", self._layout, self.sample_rate)
        self._clock += frame.samples / frame.sample_rate
        frame.pts = None
        for ready in self._resampler.resample(frame):
            self._append(ready.to_ndarray())

    def close(self) -> Samples:
        """All sound taken so far, float32 [channels, n]."""
        self._drain()
        if self._layout is None or not self._n:
            return np.zeros((0 if self._layout is None else self._layout.nb_channels, 0), np.float32)
        if self._file is None:
            return np.concatenate(self._blocks, axis=1)
        self._spill()
        # One sample of each channel after the other; the channels are views with a stride.
        shape = (self._n, self._layout.nb_channels)
        mapped = np.asarray(np.memmap(self._file, np.float32, mode="r", shape=shape))
        self._file.close()
        return mapped.T

    def _drain(self) -> None:
        if self._resampler is not None:
            for ready in self._resampler.resample(None):
                self._append(ready.to_ndarray())
            self._resampler = None

    def _append(self, block: npt.NDArray[Any]) -> None:
        if not block.shape[1]:
            return
        self._n += block.shape[1]
        if self._n > LONGEST * self.sample_rate:
            raise too_long(self._n / self.sample_rate)
        self._blocks.append(block)
        self._waiting += block.shape[1]
        if self._file is None and self._n > HELD_IN_MEMORY * self.sample_rate:
            seconds = max(self.expected or 0.0, self._n / self.sample_rate)
            # Closed once it is mapped.
            self._file = nameless(self.spill, 4 * block.shape[0] * self.sample_rate * seconds)
        if self._file is not None and self._waiting >= WRITTEN_AT_ONCE * self.sample_rate:
            self._spill()

    def _spill(self) -> None:
        if self._file is not None and self._blocks:
            write(self._file, np.concatenate(self._blocks, axis=1), self.spill)
            self._blocks, self._waiting = [], 0


def nameless(spill: Path | None, needed: float) -> IO[bytes]:
    """A file without a name, for sound. Raises OSError where its disk has no room for so many bytes."""
    folder = spill or Path(tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < needed + _LEFT_FREE:
        raise _full(folder)
    return tempfile.TemporaryFile(prefix="callaudit-", dir=folder)


def write(file: IO[bytes], sound: Samples, spill: Path | None) -> None:
    """Write float32 [channels, n], one sample of each channel after the other. Raises OSError where no room is left."""
    try:
        file.write(sound.T.astype(np.float32, order="C").data)
        file.flush()
    except OSError as error:
        # The file has no name; its folder does.
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(spill or Path(tempfile.gettempdir())) from error
        raise


def _full(folder: Path) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
