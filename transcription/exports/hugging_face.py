"""What the speech recognition pipeline of Hugging Face's transformers gives, and insanely-fast-whisper after it.

Source: transformers, `pipelines/automatic_speech_recognition.py`; Vaibhavs10/insanely-fast-whisper, `utils/result.py`.
A chunk has two times in seconds, the last of which may be null at the end of the sound; it is a segment, or with
`return_timestamps="word"` a word. Speakers are only in insanely-fast-whisper's `speakers`, which repeat the chunks.
"""

import msgspec

from callaudit.transcription.exports.shape import Content, Export, Known, Said, Shape, Time, Token, said_in_words

_Times = tuple[Time | None, Time | None]


class _Chunk(msgspec.Struct):
    text: str
    timestamp: _Times | None = None
    speaker: str | None = None
    language: str | None = None


class _File(msgspec.Struct):
    chunks: list[_Chunk] = []
    speakers: list[_Chunk] | None = None


_DECODER = msgspec.json.Decoder(_File)


def _read(content: Content, known: Known) -> Export:
    file = _DECODER.decode(content.text)
    chunks = file.speakers or file.chunks
    language = next((chunk.language for chunk in file.chunks if chunk.language), None)
    if chunks and all(len(chunk.text.split()) <= 1 for chunk in chunks):
        words = [(chunk.speaker or "", _word(chunk)) for chunk in chunks if chunk.text.strip()]
        return Export(said=tuple(said_in_words(words, known.pause)), language=language)
    return Export(said=tuple(_said(chunk) for chunk in chunks), language=language)


def _word(chunk: _Chunk) -> Token:
    start, end = chunk.timestamp or (None, None)
    return Token(chunk.text.strip(), start, end)


def _said(chunk: _Chunk) -> Said:
    start, end = chunk.timestamp or (None, None)
    return Said(speaker=chunk.speaker or "", text=chunk.text, start=start, end=end)


HUGGING_FACE = Shape(
    name="Hugging Face",
    known_by="JSON with text, and chunks that have a timestamp",
    recognises=lambda c: c.has("text") and c.inside("chunks", "timestamp"),
    read=_read,
    piece=("timestamp", "text"),
    around=(b'{"text":"","chunks":[', b"]}"),
)
