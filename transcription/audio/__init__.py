"""Recordings of every container: decoded whole and to the end, or refused with the reason."""

from callaudit.transcription.audio.decoding import Audio, declared_duration, decode
from callaudit.transcription.audio.playable_copy import write_copy
from callaudit.transcription.audio.sink import Samples

__all__ = ["Audio", "Samples", "declared_duration", "decode", "write_copy"]
