"""Amazon Transcribe, standard jobs: with channel identification or with speaker labels.

Source: Amazon Transcribe developer guide, "Transcribing multi-channel audio" and "Partitioning speakers". Times and
confidences are text, times in seconds. There are no turns, only items; punctuation items have no times. `ch_0` and
`spk_0` say nothing of roles.
"""

import msgspec

from callaudit.transcription.exports.shape import (
    Export,
    Known,
    Shape,
    Token,
    failed,
    of_json,
    said_in_words,
    seconds,
    share,
    unfinished,
)


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


class _Channel(msgspec.Struct):
    channel_label: str
    items: list[_Item] = []


class _Channels(msgspec.Struct):
    channels: list[_Channel] = []


class _Output(msgspec.Struct):
    items: list[_Item] = []
    channel_labels: _Channels | None = None
    language_code: str | None = None
    speaker_labels: _Speakers | None = None


class _File(msgspec.Struct):
    results: _Output
    status: str = "COMPLETED"


def _read(file: _File, known: Known) -> Export:
    if file.status == "FAILED":
        raise failed("its status is 'FAILED'")
    if file.status != "COMPLETED":
        raise unfinished(file.status)
    by_channel: dict[str, list[tuple[str, Token]]] = {}
    for speaker, channel, word in _words(_items(file.results), file.results.speaker_labels):
        by_channel.setdefault(channel, []).append((speaker, word))
    said = [piece for words in by_channel.values() for piece in said_in_words(words, known.pause)]
    return Export(said=tuple(said), own_channels=len(by_channel) > 1, language=file.results.language_code)


def _items(results: _Output) -> list[_Item]:
    """All items with their channel: older files have them channel by channel, and beside that once without it."""
    channels = results.channel_labels.channels if results.channel_labels else []
    if any(item.channel_label for item in results.items) or not any(channel.items for channel in channels):
        return results.items
    return [
        msgspec.structs.replace(item, channel_label=channel.channel_label)
        for channel in channels
        for item in channel.items
    ]


def _words(items: list[_Item], speakers: _Speakers | None) -> list[tuple[str, str, Token]]:
    """Speaker, channel and word; punctuation hangs on the word before it."""
    labels = _labels(items, speakers)
    words: list[tuple[str, str, Token]] = []
    last_of: dict[str, int] = {}
    for n, item in enumerate(items):
        if not item.alternatives:
            continue
        place, best = f"results.items[{n}]", item.alternatives[0]
        channel = item.channel_label or ""
        start, end = seconds(item.start_time, f"{place}.start_time"), seconds(item.end_time, f"{place}.end_time")
        if item.type == "punctuation" and channel in last_of:
            at = last_of[channel]
            speaker, _, word = words[at]
            words[at] = (speaker, channel, Token(word.text + best.content, word.start, word.end, word.confidence))
        elif item.type != "punctuation":
            last_of[channel] = len(words)
            confidence = share(best.confidence, f"{place}.alternatives[0].confidence")
            speaker = channel or item.speaker_label or labels.get(n, "")
            words.append((speaker, channel, Token(best.content, start, end, confidence)))
    return words


def _labels(items: list[_Item], speakers: _Speakers | None) -> dict[int, str]:
    """Who speaks each item, by its number: older files say it only beside the items, once for each word in order."""
    beside = [item for piece in (speakers.segments if speakers else ()) for item in piece.items]
    spoken = [n for n, item in enumerate(items) if item.type != "punctuation"]
    if len(beside) == len(spoken):
        return {n: item.speaker_label for n, item in zip(spoken, beside, strict=True)}
    place = "results.speaker_labels.segments.items.start_time"
    at = {seconds(item.start_time, place): item.speaker_label for item in beside}
    starts = {n: seconds(items[n].start_time, f"results.items[{n}].start_time") for n in spoken}
    # Of a word without a time nobody knows then who says it.
    return {n: at[start] for n, start in starts.items() if start is not None and start in at}


TRANSCRIBE = Shape(
    name="Transcribe",
    known_by="JSON with results, and in them transcripts and items",
    recognises=lambda c: c.inside("results", "transcripts") and c.inside("results", "items"),
    read=of_json(_File, _read),
    piece=("alternatives", "type"),
    around=(b'{"results":{"transcripts":[],"items":[', b"]}}"),
)
