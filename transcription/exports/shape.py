"""What every export is read into, whatever system wrote it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec

from callaudit.transcription.transcript import Seconds, SpeakerRole, Word, mean_confidence

Time = Annotated[float, msgspec.Meta(ge=0)]
"""Seconds from the start, as JSON's own number."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A confidence, as JSON's own number."""
Millis = Annotated[int, msgspec.Meta(ge=0)]
"""Milliseconds from the start."""

_File = TypeVar("_File")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of speech of one speaker, as the export has it.

    - `speaker`: the export's own label for who speaks ("ch_1", "2", "Dana Reyes"), "" where it has none.
    - `role`: only where the export itself says which party that is.
    - `text`: what is kept; `words` lend it their times.
    - `start`, `end`, `confidence`: None where the export gives none.
    """

    text: str
    speaker: str = ""
    role: SpeakerRole | None = None
    start: Seconds | None = None
    end: Seconds | None = None
    words: tuple[Word, ...] = ()
    confidence: float | None = None


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One export, read.

    - `model`: the recogniser or the version of the export's format, as the export names it.
    - `own_channels`: each speaker was recorded and timed on a channel of their own.
    - `duration`: length of the sound, where the export says it.
    - `language`: of the words, as the export writes it.
    - `masked`: the exporting system has replaced personal data in the words.
    """

    said: tuple[Said, ...]
    model: str = ""
    own_channels: bool = False
    duration: Seconds | None = None
    language: str | None = None
    masked: bool = False


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A file's content as far as its shape can be told from it.

    `keys` are the fields of the JSON object it holds (of the first one of a list), undecoded; none for other text.
    """

    text: bytes
    keys: Mapping[str, msgspec.Raw]
    is_list: bool = False

    def has(self, *names: str) -> bool:
        """Whether the JSON object has all these fields."""
        return all(name in self.keys for name in names)

    def inside(self, field: str, name: str) -> bool:
        """Whether an object somewhere below a field has a field of that name."""
        # An unescaped quote cannot stand inside a JSON text, so this is a name or a whole text.
        return field in self.keys and f'"{name}"'.encode() in bytes(self.keys[field])


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known from elsewhere when an export is read.

    - `pause`: seconds of silence that end an utterance where the export marks none.
    - `names`: names of people who may speak in the call, in `comparable` form.
    """

    pause: Seconds = 0.7
    names: frozenset[str] = frozenset()


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor's way to write a transcript down.

    `known_by` says in words what `recognises` looks for. `read` raises `Flaw` for what cannot be used and
    msgspec.ValidationError for a field that is missing or of another kind. `contact` is the contact's own id, for
    the shapes that have one. `in_pages`: a list of such files is one transcript. `piece` are fields that each of its
    turns has where a file holds but those, one a line; `around` makes the whole of them.
    """

    name: str
    known_by: str
    recognises: Callable[[Content], bool]
    read: Callable[[Content, Known], Export]
    contact: Callable[[Content], str] = lambda _: ""
    in_pages: bool = False
    piece: tuple[str, ...] = ()
    around: tuple[bytes, bytes] = (b"", b"")


def of_json(form: type[_File], read: Callable[[_File, Known], Export]) -> Callable[[Content, Known], Export]:
    """The `read` of a shape in JSON: `form` has the fields that are read, and `read` makes the export of them."""
    decoder = msgspec.json.Decoder(form)
    return lambda content, known: read(decoder.decode(content.text), known)


class Flaw(Exception):
    """An export of a known shape that cannot be used; `code` is what reports count by, `why` says more than `what`."""

    def __init__(self, code: str, what: str, *, why: str = "", tries: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.why = why
        self.tries = tries


def comparable(label: str) -> str:
    """A label or a name as it is compared: case and spaces do not matter."""
    return " ".join(label.casefold().split())


def numbered(speaker: int | None) -> str:
    """The label of a speaker or a channel that has a number, "" where it has none."""
    return "" if speaker is None else str(speaker)


def unfinished(status: str) -> Flaw:
    """The exporting system had not finished when the file was written."""
    return Flaw(
        "export_unfinished",
        f"the transcription was not finished: its status is {status!r}",
        tries=("export the transcript again once its job has completed",),
    )


def failed(why: str) -> Flaw:
    """The exporting system could not transcribe the call."""
    return Flaw(
        "export_failed",
        f"the exporting system could not transcribe the call: {why}",
        tries=("transcribe the recording again there, or bring the recording itself",),
    )


def seconds(written: str | float | None, place: str) -> Seconds | None:
    """A time in seconds to the millisecond; None for none. Raises `Flaw` for what is no time."""
    if written is None or written == "":
        return None
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise Flaw("export_unparsable", f"{place}: expected seconds from the start, found {written!r}", tries=_MENDED)
    return round(value, 3)


def from_millis(written: int) -> Seconds:
    """Milliseconds as seconds."""
    return written / 1000


def share(written: str | float | None, place: str) -> float | None:
    """A confidence from 0 to 1; None for none, never a guess. Raises `Flaw` for what is no such number."""
    if written is None or written == "":
        return None
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise Flaw("export_unparsable", f"{place}: expected a confidence from 0 to 1, found {written!r}", tries=_MENDED)
    return value


_MENDED = ("export the transcript again",)


class Token(msgspec.Struct, frozen=True, gc=False):
    """A word of an export that may leave its times out."""

    text: str
    start: Seconds | None = None
    end: Seconds | None = None
    confidence: float | None = None


def said_in_words(words: Iterable[tuple[str, Token | Word]], pause: Seconds) -> list[Said]:
    """Words with their speakers as pieces of speech, cut where the speaker changes or `pause` seconds pass.

    Who speaks never depends on a word's times: a word without them stays where it stands.
    """
    pieces: list[tuple[str, list[Token | Word]]] = []
    until: Seconds | None = None
    for speaker, word in words:
        waited = word.start is not None and until is not None and word.start - until >= pause
        if pieces and pieces[-1][0] == speaker and not waited:
            pieces[-1][1].append(word)
        else:
            pieces.append((speaker, [word]))
            until = None
        until = word.end if word.end is not None else until
    return [of_words(spoken, speaker=speaker) for speaker, spoken in pieces]


def of_words(words: Sequence[Token | Word], *, speaker: str) -> Said:
    """One piece of speech made of its words alone (at least one); it has words only where all of them have times."""
    return Said(
        speaker=speaker,
        text=" ".join(w.text for w in words),
        start=next((w.start for w in words if w.start is not None), None),
        end=next((w.end for w in reversed(words) if w.end is not None), None),
        words=timed(words),
        confidence=mean_confidence(w.confidence for w in words),
    )


def timed(words: Sequence[Token | Word]) -> tuple[Word, ...]:
    """The words with their times; none where one of them lacks its own, as the others could not be placed by it."""
    placed = [Word(w.text, w.start, w.end, w.confidence) for w in words if w.start is not None and w.end is not None]
    return tuple(placed) if len(placed) == len(words) else ()
