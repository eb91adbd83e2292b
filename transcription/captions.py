"""Transcripts for people and players: WebVTT, SRT, plain text. JSON is the transcript's own form."""

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from callaudit.transcription.errors import InputError
from callaudit.transcription.transcript import Seconds, SpeakerRole, Transcript, Utterance

Format = Literal["json", "vtt", "srt", "text"]

_NAMES = {
    SpeakerRole.AGENT: "Agent",
    SpeakerRole.CUSTOMER: "Customer",
    SpeakerRole.SYSTEM: "System",
    SpeakerRole.UNKNOWN: "Speaker",
}
# Players drop a cue that lasts no time at all.
_SHORTEST_CUE: Seconds = 0.001


def written(transcript: Transcript, form: Format) -> str:
    """The transcript in one of the forms of `Format`, ending in a line break.

    Raises InputError where a form needs times and the transcript has none.
    """
    return _FORMS[form](transcript)


def as_json(transcript: Transcript) -> str:
    """All that is known of the call, words and confidences included; `Transcript` says what the fields mean."""
    return msgspec.json.format(msgspec.json.encode(transcript)).decode() + "\n"


def as_webvtt(transcript: Transcript) -> str:
    """WebVTT (W3C, "WebVTT: The Web Video Text Tracks Format"), one cue an utterance, in the speaker's voice."""
    cues = (
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n<v {_NAMES[u.role]}>{_escaped(_one_line(u.text))}</v>\n"
        for u, start, end in _timed(transcript)
    )
    return "\n".join(["WEBVTT\n", *cues])


def as_srt(transcript: Transcript) -> str:
    """SubRip: numbered cues, the speaker's name before the words."""
    cues = (
        f"{n}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_NAMES[u.role]}: {_one_line(u.text)}\n"
        for n, (u, start, end) in enumerate(_timed(transcript), start=1)
    )
    return "\n".join(cues)


def as_text(transcript: Transcript) -> str:
    """One line an utterance: when it starts (if known), who speaks, the words."""
    return "".join(f"{_stamp(u)}{_NAMES[u.role]}: {_one_line(u.text)}\n" for u in transcript.utterances)


_FORMS: dict[Format, Callable[[Transcript], str]] = {
    "json": as_json,
    "vtt": as_webvtt,
    "srt": as_srt,
    "text": as_text,
}


def _timed(transcript: Transcript) -> Iterator[tuple[Utterance, Seconds, Seconds]]:
    for utterance in transcript.utterances:
        if utterance.start is None:
            raise InputError(
                f"the call {transcript.call.call_id} has no times",
                why="Captions need them: a chat or a plain transcript does not say when its words were spoken.",
                tries=("--format text", "--format json"),
            )
        end = utterance.start if utterance.end is None else utterance.end
        yield utterance, utterance.start, max(end, utterance.start + _SHORTEST_CUE)


def _clock(seconds: Seconds, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"


def _one_line(text: str) -> str:
    """A blank line would end the cue, and "-->" would begin another."""
    return " ".join(text.split()).replace("-->", "->")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(utterance: Utterance) -> str:
    return "" if utterance.start is None else f"[{_clock(utterance.start, '.')}] "
