"""How loud a call is over its time, for the picture on its page: measured once and kept beside the playable copy."""

from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from callaudit.reports.page import complete
from callaudit.transcription.audio import decode
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.transcript import Seconds, Span

PIECES = 500
"""So many pieces of equal length a call is cut into."""

Loudness = tuple[tuple[int, ...], ...]
"""For each channel the loudness of each piece, 0 to 100 of the loudest piece of all."""


def loudness(copy: Path) -> Loudness:
    """What the copy holds; () where it cannot be read, for the page is worth reading without.

    The loudness of a piece is its root mean square. What was measured lies beside the copy and goes with it.
    """
    kept = copy.with_suffix(".loudness")
    try:
        if kept.stat().st_mtime_ns >= copy.stat().st_mtime_ns:
            return msgspec.json.decode(kept.read_bytes(), type=Loudness)
    except (OSError, msgspec.DecodeError):
        pass
    try:
        sound = decode(copy, sample_rate=8000).samples
    except (OSError, Unreadable):
        return ()
    pieces = [np.array_split(channel, PIECES) for channel in sound]
    heard = np.array([[np.sqrt(np.mean(piece**2)) if piece.size else 0.0 for piece in own] for own in pieces])
    loudest = float(heard.max()) or 1.0
    found: Loudness = tuple(tuple(round(100 * value / loudest) for value in own) for own in heard.tolist())
    # Who may only read the copies measures anew each time.
    with suppress(OSError), complete(kept, mode=0o600) as partial:
        partial.write_bytes(msgspec.json.encode(found))
    return found


def within(own: tuple[int, ...], spans: tuple[Span, ...], duration: Seconds) -> tuple[int, ...]:
    """The pieces in which one of the spans is, the others silent: who speaks on a channel that two share."""
    length = duration / len(own) if own else 0.0
    heard = [False] * len(own)
    for span in spans:
        for piece in range(max(0, int(span.start / length)), min(len(own), int(span.end / length) + 1)):
            heard[piece] = True
    return tuple(value if on else 0 for value, on in zip(own, heard, strict=True))
