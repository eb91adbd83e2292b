"""What the speech recognition pipeline of Hugging Face's transformers gives, and insanely-fast-whisper after it.

Source: transformers, `pipelines/automatic_speech_recognition.py`; Vaibhavs10/insanely-fast-whisper, `utils/result.py`.
A chunk has two times in seconds, the last of which may be null at the end of the sound; it is a segment, or with
`return_timestamps="word"` a word. Speakers are only in insanely-fast-whisper's `speakers`, which repeat the chunks.
"""

import msgspec

from callaudit.transcription.exports.shape import Export, Known, Said, Shape, Time, Token, of_json, said_in_words

_Times = tuple[Time | None, Time | None]


class _Chunk(msgspec.Struct):
    text: str
    timestamp: _Times | None = None
    speaker: str | None = None
    language: str | None = None


class _File(msgspec.Struct):
    chunks: list[_Chunk] = []
    speakers: list[_Chunk] | None = None


def _read(file: _File, known: Known) -> Export:
    language = next((chunk.language for chunk in file.chunks if chunk.language), None)
    chunks = [(c.speaker or "", c.text, *(c.timestamp or (None, None))) for c in file.speakers or file.chunks]
    if chunks and all(len(text.split()) <= 1 for _, text, _, _ in chunks):
        words = [(who, Token(text.strip(), start, end)) for who, text, start, end in chunks if text.strip()]
        return Export(said=tuple(said_in_words(words, known.pause)), language=language)
    said = tuple(Said(speaker=who, text=text, start=start, end=end) for who, text, start, end in chunks)
    return Export(said=said, language=language)


HUGGING_FACE = Shape(
    name="Hugging Face",
    known_by="JSON with text, and chunks that have a timestamp",
    recognises=lambda c: c.has("text") and c.inside("chunks", "timestamp"),
    read=of_json(_File, _read),
    piece=("timestamp", "text"),
    around=(b'{"text":"","chunks":[', b"]}"),
)
