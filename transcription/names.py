"""Names that a recogniser cannot guess, put right without losing a word.

A prompt of names makes Whisper spell them as they are written, and stop early: of one real call it left out up to two
fifths of a party's words. So a call is heard without a prompt, and once more with it; of the second hearing only the
names count, and each only where the first one has something like it.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

import msgspec

from callaudit.transcription.engines import Channel, Engine, Written
from callaudit.transcription.transcript import Seconds, Word

# Two hearings time the same word about this differently.
_BESIDE: Seconds = 0.5
# How alike the letters must be, by difflib's ratio: "Donna" is 0.67 of "Dana", "Jack" 0.0 of "Sam".
_ALIKE = 0.5
# Shorter words ("of" in a company's name) are no names.
_SHORTEST = 3


def with_names(channels: Sequence[Channel], engine: Engine) -> list[Written]:
    """What the engine writes for each channel without its glossary, with the names of the glossary put right."""
    written = engine.transcribe([msgspec.structs.replace(channel, glossary=()) for channel in channels])
    named = [n for n, channel in enumerate(channels) if engine.takes_glossary and channel.glossary]
    if named:
        language = [written[n].language or "" for n in named]
        prompted = engine.transcribe([
            msgspec.structs.replace(channels[n], language=code) for n, code in zip(named, language, strict=True)
        ])  # fmt: skip
        for n, said in zip(named, prompted, strict=True):
            corrected = _corrected(written[n].words, said.words, channels[n].glossary)
            written[n] = Written(corrected, written[n].language)
    return written


def _corrected(words: Sequence[Word], prompted: Sequence[Word], glossary: Sequence[str]) -> list[Word]:
    """The words, with each name of the prompted hearing in place of the word most like it at the same time."""
    names = {_plain(part) for name in glossary for part in name.split()}
    corrected = list(words)
    for heard in prompted:
        name = _plain(heard.text)
        if len(name) < _SHORTEST or name not in names:
            continue
        near = [
            n for n, w in enumerate(corrected) if w.start < heard.end + _BESIDE and w.end > heard.start - _BESIDE
        ]  # fmt: skip
        if any(_plain(corrected[n].text) == name for n in near):
            continue
        # One word, or a name that was heard as two.
        runs = [corrected[n : n + width] for n in near for width in (1, 2) if n + width <= len(corrected)]
        likeness = [SequenceMatcher(None, name, "".join(_plain(w.text) for w in run)).ratio() for run in runs]
        best = max(range(len(runs)), key=lambda r: likeness[r], default=None)
        if best is None or likeness[best] < _ALIKE:
            continue
        run = runs[best]
        at = next(n for n in near if corrected[n] is run[0])
        corrected[at : at + len(run)] = [Word(heard.text, run[0].start, run[-1].end, heard.confidence)]
    return corrected


def _plain(text: str) -> str:
    return "".join(c for c in text.lower().removesuffix("'s") if c.isalnum())
