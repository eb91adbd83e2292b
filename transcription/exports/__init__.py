"""Transcripts that other systems wrote: one file per shape of export, told apart by their content.

`shape_of` recognises a shape, `read_export` makes the transcript. What an export does not say stays unknown: roles,
times and confidences are never made up.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from callaudit.transcription import announcements, redaction
from callaudit.transcription.encoding import text_of
from callaudit.transcription.engines import settings_hash
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.exports.assemblyai import ASSEMBLYAI
from callaudit.transcription.exports.azure import AZURE
from callaudit.transcription.exports.captions import SRT, WEBVTT
from callaudit.transcription.exports.contact_lens import CONTACT_LENS
from callaudit.transcription.exports.contact_lens_live import CONTACT_LENS_LIVE
from callaudit.transcription.exports.deepgram import DEEPGRAM
from callaudit.transcription.exports.hugging_face import HUGGING_FACE
from callaudit.transcription.exports.plain import PLAIN
from callaudit.transcription.exports.rev_ai import REV_AI
from callaudit.transcription.exports.roles import Roles, names_of, roles_of
from callaudit.transcription.exports.shape import Content, Export, Flaw, Known, Said, Shape
from callaudit.transcription.exports.transcribe import TRANSCRIBE
from callaudit.transcription.exports.transcribe_calls import TRANSCRIBE_CALLS
from callaudit.transcription.exports.twilio import TWILIO
from callaudit.transcription.exports.whisper import WHISPER
from callaudit.transcription.exports.whisper_cpp import WHISPER_CPP
from callaudit.transcription.language import code_of, shared
from callaudit.transcription.possible import check_length
from callaudit.transcription.speakers.naming import Named, name_two, wording_of_texts
from callaudit.transcription.speech import union
from callaudit.transcription.transcript import (
    EXPORT,
    Call,
    Provenance,
    Recording,
    RolesFrom,
    Seconds,
    Span,
    Spans,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
    by_start,
)

# Changed whenever the code of this room starts to read other words, roles, times or languages from the same file.
VERSION = 5

SHAPES = (
    CONTACT_LENS, CONTACT_LENS_LIVE, TRANSCRIBE_CALLS, TRANSCRIBE, DEEPGRAM, ASSEMBLYAI, TWILIO, AZURE, REV_AI,
    WHISPER_CPP, HUGGING_FACE, WHISPER, WEBVTT, SRT, PLAIN,
)  # fmt: skip
"""Every shape that is known, the most particular ones first: the first that recognises a file reads it."""

# Silences of a word's own: the closure of a "p" or "t" is shorter than a pause.
_CLOSURE: Seconds = 0.3

# Words that end before they start by less are out of order; by more their times are wrong.
_STEP_BACK: Seconds = 1.0

# So many equal words on two channels are one mix on both.
_SAME_MIX = 5

# Speakers whose role is unknown are told of, but not a page of them.
_TOLD_OF = 8
_LONGEST_LABEL = 60


def looks_like_text(head: bytes) -> bool:
    """Whether a file that begins so may be an export at all."""
    try:
        return _TEXT_START.match(text_of(head[: len(head) // 2 * 2], windows=True)) is not None
    except UnicodeDecodeError:
        return False


def shape_of(content: bytes) -> Shape | None:
    """The shape of export that a file's bytes are in; None for every other file."""
    try:
        return _seen(content)[0]
    except Flaw:
        return None


def looked_for() -> str:
    """What every shape is known by, for the person whose file is none of them."""
    return "; ".join(f"{shape.name} ({shape.known_by})" for shape in SHAPES)


def unknown_shape(path: Path, content: bytes) -> Unreadable:
    """The error for a file that looks like an export and is none that is known."""
    try:
        _seen(content)
    except Flaw as flaw:
        why = f"{path}: {flaw.why}" if flaw.why else str(path)
        return Unreadable(flaw.code, f"{path.name}: {flaw.what}", why=why, tries=flaw.tries)
    if path.suffix.lower() == ".txt":
        return Unreadable(
            "no_transcript",
            f"{path.name}: a text that is no transcript",
            why=f"{path}: its lines do not say who speaks",
            tries=("write each turn on a line of its own: “Agent: Hello”", "remove the file if it holds no transcript"),
        )
    return Unreadable(
        "export_unknown",
        f"{path.name}: no export of a known shape",
        why=f"{path}: looked for {looked_for()}",
        tries=("export the transcript in one of these shapes", "remove the file if it holds no transcript"),
    )


def contact_of(path: Path) -> str:
    """The contact's own id in an export, "" where it has none. Raises `Unreadable` as `read_export` does."""
    shape, seen = _export_in(path, _bytes(path))
    with _with_place(path, shape):
        return shape.contact(seen)


def read_export(
    path: Path,
    *,
    call: Call,
    speakers: Mapping[str, SpeakerRole] | None = None,
    by_speaker: Sequence[tuple[str, Path]] = (),
    announced: Sequence[str] = (),
    pause: Seconds = 0.7,
    redact: bool = True,
) -> Transcript:
    """The transcript in an export.

    - `speakers`: the role behind each label that exports of this source use; see `exports.roles`.
    - `by_speaker`: label and file of each party where a call came as one export for each of them; `path` is the first.
    - `announced`: sentences that the source's recordings say; see `announcements`.
    - `pause`: seconds of silence that end an utterance where the export marks none.
    - `redact`: mask personal data in the words.

    Speech times are given where each party was transcribed on a channel of their own, from the words' times there,
    else from the turns'. A text is kept as the export has it; its words only where they are the words of that text.

    Raises `Unreadable`, with the file and the field, for a file of no known shape or one that cannot be used.
    """
    speakers = speakers or {}
    files = tuple(by_speaker) or (("", path),)
    contents = [_bytes(file) for _, file in files]
    known = Known(pause=pause, names=names_of(call, speakers))
    shapes: list[str] = []
    exports: list[Export] = []
    for (label, file), content in zip(files, contents, strict=True):
        shape, seen = _export_in(file, content)
        with _with_place(file, shape):
            export = shape.read(seen, known)
        shapes.append(shape.name)
        exports.append(_labelled(export, label) if label else export)
    said = [_forward(path, piece) for export in exports for piece in export.said if piece.text.split()]
    if not said:
        raise Unreadable(
            "no_words",
            f"{path.name}: the export holds no words",
            why=str(path),
            tries=("check whether the call was answered", "transcribe the recording again"),
        )
    check_length(
        [*(e.duration for e in exports), *(t for p in said for t in (p.start, p.end, *(w.end for w in p.words)))],
        name=path.name,
        place=str(path),
    )
    own_channels = all(export.own_channels for export in exports)
    roles, warnings = _roles(said, shapes[0], call, speakers, apart=own_channels or bool(by_speaker))
    labels, in_order = sorted({piece.speaker for piece in said}), [said[n] for n in by_start(said)]
    guess = _named_by_words(in_order, labels) if not roles.by_label else None
    if guess is not None:
        roles, warnings = Roles(by_label=dict(zip(labels, guess.roles, strict=True)), unknown=()), []
    channels = {label: n for n, label in enumerate(labels)} if own_channels else {}
    utterances = tuple([_utterance(piece, roles, channels.get(piece.speaker)) for piece in in_order])
    redacted = redaction.redact(utterances) if redact else redaction.Redacted(utterances, 0, ())
    is_known = not roles.unknown
    timed = own_channels and is_known
    if any(export.masked for export in exports):
        warnings.append("the exporting system masked personal data: names may be missing from the words")
    if timed:
        warnings.append(f"when each party speaks is taken from the times in the {shapes[0]} export, not from sound")
    transcript = Transcript(
        call=call,
        utterances=redacted.utterances,
        provenance=Provenance(
            engine=shapes[0],
            model=next((export.model for export in exports if export.model), ""),
            weights_hash="",
            settings_hash=settings_hash(
                {
                    "versions": [VERSION, announcements.VERSION, redaction.VERSION],
                    "pause": pause,
                    "redact": redact,
                    "speakers": {label: role.value for label, role in speakers.items()},
                    **({"announcements": sorted(announced)} if announced else {}),
                }
            ),
        ),
        recording=Recording(
            path=str(path),
            sha256=digest_of(contents),
            size=sum(map(len, contents)),
            codec=EXPORT,
            sample_rate=None,
            channels=None,
            duration=_duration(exports),
        ),
        language=shared([code_of(export.language) for export in exports]),
        roles_from=RolesFrom.GUESSED if guess else RolesFrom.LABELS if is_known else RolesFrom.UNKNOWN,
        role_confidence=round(guess.confidence, 3) if guess else 1.0 if is_known else None,
        role_evidence=guess.evidence if guess else "",
        speech=_speech(said, roles) if timed else {},
        redactions=redacted.times,
        warnings=tuple(warnings),
    )
    return announcements.marked(transcript, announced)


def digest_of(contents: Sequence[bytes]) -> str:
    """The identity of a call's export: the sha256 of its file, or of the sha256 of its files in order."""
    return joined_digest([sha256(content).hexdigest() for content in contents])


def joined_digest(digests: Sequence[str]) -> str:
    """One sha256 for several files, in their order; that of a single file is its own."""
    return digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(
            "not_readable",
            f"{path.name}: cannot be read",
            why=f"{path}: {error.strerror or error}",
            tries=("give the account that runs callaudit the right to read it",),
        ) from error


def _forward(path: Path, piece: Said) -> Said:
    """The piece with its times in order: recognisers step back by parts of a second. Raises `Unreadable` for more."""
    if any(word.end < word.start for word in piece.words):
        words = [Word(w.text, *_in_order_of_time(path, w.text, w.start, w.end), w.confidence) for w in piece.words]
        piece = msgspec.structs.replace(piece, words=tuple(words))
    if piece.start is not None and piece.end is not None and piece.end < piece.start:
        start, end = _in_order_of_time(path, piece.text, piece.start, piece.end)
        piece = msgspec.structs.replace(piece, start=start, end=end)
    return piece


def _in_order_of_time(path: Path, text: str, start: Seconds, end: Seconds) -> tuple[Seconds, Seconds]:
    if start - end >= _STEP_BACK:
        raise Unreadable(
            "export_unparsable",
            f"{path.name}: words that end before they start",
            why=f"{path}: “{text[:60]}” from {start:g} to {end:g} s",
            tries=("export the transcript again",),
        )
    return min(start, end), max(start, end)


_TEXT_START = re.compile(r"\s*[\[{]|\s*WEBVTT|\s*(?:\d+\s*\n\s*)?\d+:\d")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
# A text, or one of the numbers that JSON has not and Python writes all the same.
_NO_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b')


def _seen(content: bytes) -> tuple[Shape | None, Content]:
    """A file's content and the shape that it is in, None for none that is known.

    Raises `Flaw` for what is no text, and for broken JSON.
    """
    try:
        text = text_of(content, windows=True)
    except UnicodeDecodeError as error:
        what = "neither UTF-8, UTF-16 nor Windows-1252 text"
        raise Flaw("export_unparsable", f"{what}: byte {error.start + 1} is none", tries=_AGAIN) from error
    if not text.lstrip().startswith(("{", "[")):
        return _recognised(Content(text=text.encode("utf-8", "surrogatepass"), keys={}))
    if "NaN" in text or "Infinity" in text:
        text = _NO_NUMBER.sub(lambda found: found[0] if found[0].startswith('"') else "null", text)
    try:
        return _seen_json(text.strip().encode("utf-8", "surrogatepass"))
    except RecursionError as error:
        raise Flaw("export_unparsable", "JSON that is nested too deeply to be read", tries=_AGAIN) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # A bracket also begins a line of plain text: "[00:00:05] Agent: Hello".
        shape, seen = _recognised(Content(text=text.encode("utf-8", "surrogatepass"), keys={}))
        if shape is not None:
            return shape, seen
        what = "broken JSON, neither an export nor metadata"
        raise Flaw("export_unparsable", what, why=str(error), tries=_AGAIN) from error


_AGAIN = ("export or copy the file again; it may have been cut off",)


def _seen_json(text: bytes) -> tuple[Shape | None, Content]:
    if text.startswith(b"["):
        return _seen_pieces([bytes(item) for item in _LIST.decode(text)])
    try:
        return _recognised(Content(text=text, keys=_OBJECT.decode(text)))
    except msgspec.DecodeError:
        lines = [line for line in text.split(b"\n") if line.strip()]
        if len(lines) == 1 or not lines[0].rstrip().endswith(b"}"):
            raise
        try:
            _OBJECT.decode(lines[0])
        except msgspec.DecodeError:
            lines = []
        if not lines:
            raise
    for line in lines:
        _OBJECT.decode(line)
    return _seen_pieces(lines)


def _seen_pieces(pieces: Sequence[bytes]) -> tuple[Shape | None, Content]:
    """A JSON list or a file with an object on each line: the pages of a transcript, or its turns."""
    if not pieces or not pieces[0].lstrip().startswith(b"{"):
        return None, Content(text=b"", keys={})
    first = Content(text=pieces[0], keys=_OBJECT.decode(pieces[0]))
    shape, _ = _recognised(first)
    joined = b",".join(pieces)
    if shape is not None:
        return shape, Content(text=b"[" + joined + b"]", keys=first.keys, is_list=True)
    for shape in SHAPES:
        if shape.piece and first.has(*shape.piece):
            whole = joined.join(shape.around)
            return shape, Content(text=whole, keys=_OBJECT.decode(whole))
    return None, first


def _recognised(seen: Content) -> tuple[Shape | None, Content]:
    return next((shape for shape in SHAPES if shape.recognises(seen)), None), seen


def _export_in(path: Path, content: bytes) -> tuple[Shape, Content]:
    """Shape and content of an export. Raises `Unreadable`."""
    try:
        shape, seen = _seen(content)
    except Flaw:
        shape, seen = None, Content(text=b"", keys={})
    if shape is None:
        raise unknown_shape(path, content)
    if seen.is_list and not shape.in_pages:
        pieces = _LIST.decode(seen.text)
        if len(pieces) > 1:
            raise Unreadable(
                "several_calls",
                f"{path.name}: {len(pieces)} {shape.name} exports in one file",
                why=f"{path}: one file is one call",
                tries=("make a file of each",),
            )
        return shape, Content(text=bytes(pieces[0]), keys=seen.keys)
    return shape, seen


@contextmanager
def _with_place(path: Path, shape: Shape) -> Iterator[None]:
    """Turns what is wrong inside an export into `Unreadable` that names its file and its shape."""
    try:
        yield
    except Flaw as flaw:
        raise Unreadable(
            flaw.code, f"{path.name}: {flaw.what}", why=f"{path}, read as {shape.name}", tries=flaw.tries
        ) from flaw
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(
            "export_unparsable",
            f"{path.name}: the {shape.name} export cannot be read",
            why=f"{path}: {error}",
            tries=("export the transcript again",),
        ) from error


def _labelled(export: Export, label: str) -> Export:
    """The export of one party's channel: whatever it calls its speakers, all of it is that party's."""
    said = tuple(msgspec.structs.replace(piece, speaker=label, role=None) for piece in export.said)
    return msgspec.structs.replace(export, said=said)


def _roles(
    said: Sequence[Said], shape: str, call: Call, speakers: Mapping[str, SpeakerRole], *, apart: bool
) -> tuple[Roles, list[str]]:
    """The role of each label, and what a reader should know about it; `apart`: each label is a channel of its own."""
    stated = {piece.speaker: piece.role for piece in said if piece.role is not None}
    found = roles_of((p.speaker for p in said if p.role is None), shape=shape, call=call, speakers=speakers)
    roles = Roles(by_label={**found.by_label, **stated}, unknown=found.unknown)
    if apart and _is_one_mix(said):
        labels = tuple(sorted({piece.speaker for piece in said}))
        return Roles(by_label={}, unknown=labels), ["both channels carry the same words: roles unknown"]
    if not roles.unknown:
        return roles, []
    others = [label for label in roles.unknown if label]
    named = ", ".join(f"“{label[:_LONGEST_LABEL]}”" for label in others[:_TOLD_OF])
    if len(others) > _TOLD_OF:
        named += f" and {len(others) - _TOLD_OF:,} more"
    unsaid = [f"it is not known which party {named} is"] if named else []
    unnamed = ["the export does not say who speaks everywhere"] if "" in roles.unknown else []
    return roles, [f"{' and '.join([*unsaid, *unnamed])}: roles unknown; see speakers in the source's settings"]


def _named_by_words(said: Sequence[Said], labels: Sequence[str]) -> Named | None:
    """The roles of exactly two speakers of whom nothing is known, where their words are sure enough."""
    if len(labels) != 2 or "" in labels:
        return None
    first, second = (wording_of_texts((p.text, p.start) for p in said if p.speaker == label) for label in labels)
    named = name_two(first, second)
    return None if SpeakerRole.UNKNOWN in named.roles else named


def _is_one_mix(said: Sequence[Said]) -> bool:
    """Whether two channels hold the same words: the export of a recording with one mix on both."""
    words: dict[str, list[str]] = {}
    for piece in said:
        words.setdefault(piece.speaker, []).extend(piece.text.casefold().split())
    heard = list(words.values())
    return len(heard) == 2 and heard[0] == heard[1] and len(heard[0]) >= _SAME_MIX


def _utterance(piece: Said, roles: Roles, channel: int | None) -> Utterance:
    texts = piece.text.split()
    words = piece.words
    if texts != [word.text for word in words]:
        # Words as many as the text has are that text in another spelling ("i" for "I"); others are not its words.
        spelt = zip(texts, words, strict=True) if len(texts) == len(words) else ()
        words = tuple([Word(text, w.start, w.end, w.confidence) for text, w in spelt])
    return Utterance(
        role=roles.by_label.get(piece.speaker, SpeakerRole.UNKNOWN),
        text=" ".join(texts),
        start=_to_millis(piece.start if piece.start is not None or not words else words[0].start),
        end=_to_millis(piece.end if piece.end is not None or not words else words[-1].end),
        channel=channel,
        words=words,
        confidence=piece.confidence,
    )


def _to_millis(time: Seconds | None) -> Seconds | None:
    return None if time is None else round(time, 3)


def _speech(said: Sequence[Said], roles: Roles) -> dict[SpeakerRole, Spans]:
    """When each party speaks, where every piece of both has a time; nothing otherwise."""
    spans: dict[SpeakerRole, list[Span]] = {}
    for piece in said:
        own = spans.setdefault(roles.by_label[piece.speaker], [])
        if piece.words:
            own += [Span(word.start, word.end) for word in piece.words]
        elif piece.start is None or piece.end is None:
            return {}
        else:
            own.append(Span(piece.start, piece.end))
    return {
        role: union(spans[role], gap=_CLOSURE) for role in (SpeakerRole.AGENT, SpeakerRole.CUSTOMER) if role in spans
    }


def _duration(exports: Sequence[Export]) -> Seconds | None:
    """As the export says it, else the end of the last words that have one."""
    stated = [export.duration for export in exports if export.duration is not None]
    ends = [piece.end for export in exports for piece in export.said if piece.end is not None]
    return max(stated) if stated else max(ends, default=None)
