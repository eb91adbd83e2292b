"""Amazon Transcribe, standard jobs: with channel identification or with speaker labels.

Source: Amazon Transcribe developer guide, "Transcribing multi-channel audio" and "Partitioning speakers". Times and
confidences are text, times in seconds. There are no turns, only items; punctuation items have no times. `ch_0` and
`spk_0` say nothing of roles.
"""

import msgspec

from transcription.exports.shape import Content, Export, Known, Shape, failed, said_in_words, seconds, share, unfinished
from transcription.transcript import Seconds, Word


class _Alternative(msgspec.Struct):
    content: str
    confidence: str | float | None = None


class _Item(msgspec.Struct):
    alternatives: list[_Alternative]
    type: str
    start_time: str | float | None = None
    end_time: str | float | None = None
    channel_label: str | None = None
    speaker_label: str | None = None


class _Speech(msgspec.Struct):
    start_time: str | float
    speaker_label: str
    items: list["_Labelled"] = []


class _Labelled(msgspec.Struct):
    start_time: str | float
    speaker_label: str


class _Speakers(msgspec.Struct):
    segments: list[_Speech] = []


class _Output(msgspec.Struct):
    items: list[_Item]
    language_code: str | None = None
    speaker_labels: _Speakers | None = None


class _File(msgspec.Struct):
    results: _Output
    status: str = "COMPLETED"


_DECODER = msgspec.json.Decoder(_File)


def _read(content: Content, known: Known) -> Export:
    file = _DECODER.decode(content.text)
    if file.status == "FAILED":
        raise failed("its status is 'FAILED'")
    if file.status != "COMPLETED":
        raise unfinished(file.status)
    by_channel: dict[str, list[tuple[str, Word]]] = {}
    labels = _labels(file.results.speaker_labels)
    for speaker, channel, word in _words(file.results.items, labels):
        by_channel.setdefault(channel, []).append((speaker, word))
    said = [piece for words in by_channel.values() for piece in said_in_words(words, known.pause)]
    return Export(said=tuple(said), own_channels=len(by_channel) > 1, language=file.results.language_code)


def _words(items: list[_Item], labels: dict[Seconds | None, str]) -> list[tuple[str, str, Word]]:
    """Speaker, channel and word; punctuation hangs on the word before it."""
    words: list[tuple[str, str, Word]] = []
    last_of: dict[str, int] = {}
    for n, item in enumerate(items):
        if not item.alternatives:
            continue
        place, best = f"results.items[{n}]", item.alternatives[0]
        channel = item.channel_label or ""
        start, end = seconds(item.start_time, f"{place}.start_time"), seconds(item.end_time, f"{place}.end_time")
        if item.type == "punctuation":
            if channel in last_of:
                at = last_of[channel]
                speaker, _, word = words[at]
                words[at] = (speaker, channel, Word(word.text + best.content, word.start, word.end, word.confidence))
        elif start is not None and end is not None:
            speaker = channel or item.speaker_label or labels.get(start, "")
            last_of[channel] = len(words)
            confidence = share(best.confidence, f"{place}.alternatives[0].confidence")
            words.append((speaker, channel, Word(best.content, start, end, confidence)))
    return words


def _labels(speakers: _Speakers | None) -> dict[Seconds | None, str]:
    """Who speaks the word that starts then: older files say it only beside the items."""
    return {
        seconds(item.start_time, "results.speaker_labels.segments.items.start_time"): item.speaker_label
        for piece in (speakers.segments if speakers else ())
        for item in piece.items
    }


TRANSCRIBE = Shape(
    name="Transcribe",
    known_by="JSON with results, and in them transcripts and items",
    recognises=lambda c: c.inside("results", "transcripts") and c.inside("results", "items"),
    read=_read,
)
