"""Azure Speech: batch transcription, and the fast transcription that answers at once.

Source: Azure AI Speech, "Get batch transcription results" and "Use the fast transcription API". Times are ticks of
100 ns or milliseconds, by version. A phrase has its channel, and a speaker (counted from 1) only where diarization was
asked for; the best of its hypotheses comes first. Words are those of the lexical form, so punctuation is in `display`.
"""

import msgspec

from callaudit.transcription.exports.shape import (
    Export,
    Flaw,
    Known,
    Said,
    Shape,
    Share,
    Token,
    numbered,
    of_json,
    timed,
)
from callaudit.transcription.language import shared
from callaudit.transcription.transcript import Seconds

_TICKS = 10_000_000
_HEARD = {"Success", "0"}
_NOTHING = {"NoMatch", "InitialSilenceTimeout", "BabbleTimeout", "EndOfDictation"}


class _Timed(msgspec.Struct, rename="camel"):
    offset_in_ticks: float | None = None
    duration_in_ticks: float | None = None
    offset_milliseconds: float | None = None
    duration_milliseconds: float | None = None

    @property
    def times(self) -> tuple[Seconds | None, Seconds | None]:
        """Start and end in seconds."""
        if self.offset_milliseconds is not None and self.duration_milliseconds is not None:
            start, length = self.offset_milliseconds / 1000, self.duration_milliseconds / 1000
        elif self.offset_in_ticks is not None and self.duration_in_ticks is not None:
            start, length = self.offset_in_ticks / _TICKS, self.duration_in_ticks / _TICKS
        else:
            return None, None
        if start < 0 or length < 0:
            raise Flaw("export_unparsable", f"expected times from the start, found an offset of {start:g} s")
        return round(start, 3), round(start + length, 3)


class _Word(_Timed, rename="camel"):
    word: str = ""
    text: str = ""
    display_text: str = ""
    confidence: Share | None = None


class _Best(msgspec.Struct, rename="camel"):
    display: str = ""
    lexical: str = ""
    confidence: Share | None = None
    words: list[_Word] | None = None
    display_words: list[_Word] | None = None


class _Phrase(_Timed, rename="camel"):
    recognition_status: str | int = "Success"
    channel: int = 0
    speaker: int | None = None
    n_best: list[_Best] = []
    locale: str | None = None
    # The fast transcription has one hypothesis, and it stands in the phrase itself.
    text: str = ""
    confidence: Share | None = None
    words: list[_Word] | None = None


class _File(msgspec.Struct, rename="camel"):
    recognized_phrases: list[_Phrase] | None = None
    phrases: list[_Phrase] | None = None
    duration_in_ticks: float | None = None
    duration_milliseconds: float | None = None


def _read(file: _File, _: Known) -> Export:
    phrases = [p for p in (file.recognized_phrases or file.phrases or []) if _was_heard(p)]
    several = len({phrase.channel for phrase in phrases}) > 1
    length = file.duration_milliseconds
    if length is None and file.duration_in_ticks is not None:
        length = 1000 * file.duration_in_ticks / _TICKS
    return Export(
        said=tuple(_said(phrase, several) for phrase in phrases),
        own_channels=several,
        duration=None if length is None else length / 1000,
        language=shared([phrase.locale for phrase in phrases]) if phrases else None,
    )


def _was_heard(phrase: _Phrase) -> bool:
    status = str(phrase.recognition_status)
    if status not in _HEARD | _NOTHING:
        raise Flaw(
            "export_failed",
            f"a phrase could not be recognised: its recognitionStatus is {status!r}",
            tries=("transcribe the recording again there, or bring the recording itself",),
        )
    return status in _HEARD


def _said(phrase: _Phrase, several: bool) -> Said:
    best = phrase.n_best[0] if phrase.n_best else None
    spoken = (best.display_words or best.words if best else phrase.words) or []
    start, end = phrase.times
    return Said(
        speaker=numbered(phrase.channel if several else phrase.speaker),
        text=(best.display or best.lexical) if best else phrase.text,
        start=start,
        end=end,
        words=timed([Token(w.display_text or w.word or w.text, *w.times, w.confidence) for w in spoken]),
        confidence=best.confidence if best else phrase.confidence,
    )


AZURE = Shape(
    name="Azure Speech",
    known_by="JSON with recognizedPhrases, or with combinedPhrases and phrases",
    recognises=lambda c: c.has("recognizedPhrases") or c.has("combinedPhrases", "phrases"),
    read=of_json(_File, _read),
    piece=("recognitionStatus", "nBest"),
    around=(b'{"recognizedPhrases":[', b"]}"),
)
