"""Calls whose turns people tagged with what they do: what the recogniser learns from and is measured on.

One file a call, one folder an author:

    # accent: Cork | industry: broadband | quality: 3 | upset: mild | note: ...
    A[greet]: Good morning, Fernlight, Niamh speaking
    C[prob again]: hiya, it's about me router, I rang on Monday

`A` is the agent, `C` the customer; the tags are the acts' short names, several or none. `{gap 2.5}` before the text
starts the turn 2.5 s after the one before, `{over 1.2}` that much before its end.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from callaudit.audit_rules.rule import Speaker
from callaudit.audit_rules.rule_files.yaml_document import suggest
from callaudit.transcription.errors import InputError

_TURN = re.compile(
    r"(?P<who>[AC])\[(?P<tags>[a-zA-Z0-9 ]*)\]:\s*(?:\{(?P<apart>gap|over)\s+(?P<seconds>[\d.]+)\}\s*)?(?P<text>\S.*)"
)
_WHO: dict[str, Speaker] = {"A": "agent", "C": "customer"}
Degree = Literal["no", "mild", "clear"]


class TaggedTurn(msgspec.Struct, frozen=True):
    """A turn with the tags of all its acts; `gap` is how long after the one before it starts, where that is told."""

    speaker: Speaker
    text: str
    tags: frozenset[str]
    gap: float | None = None


class TaggedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the corpus; `quality` (1 to 5) and `upset` are its author's."""

    call_id: str
    author: str
    quality: int
    upset: Degree
    turns: tuple[TaggedTurn, ...]


def read_corpus(folder: Path, tags: Collection[str]) -> list[TaggedCall]:
    """All calls below a folder, by name; raises InputError naming file and line of the first mistake."""
    paths = sorted(folder.rglob("*.txt"))
    if not paths:
        raise InputError(f"there are no tagged calls in {folder}", tries=("write FOLDER/AUTHOR/CALL.txt",))
    return [read_call(path, tags) for path in paths]


def read_call(path: Path, tags: Collection[str]) -> TaggedCall:
    """One file of the corpus; raises InputError naming the line that cannot be read."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    about = dict(_about(lines[0])) if lines else {}
    if about.get("quality") not in {*"12345"} or about.get("upset") not in {"no", "mild", "clear"}:
        raise InputError(
            f"{path}:1: the first line must give the call's quality and upset",
            tries=("# accent: ... | industry: ... | quality: 1-5 | upset: no/mild/clear",),
        )
    turns = [_turn(path, n, line, tags) for n, line in enumerate(lines[1:], 2) if line.strip()]
    return TaggedCall(
        call_id=path.stem,
        author=path.parent.name,
        quality=int(about["quality"]),
        upset=msgspec.convert(about["upset"], Degree),
        turns=tuple(turns),
    )


def _about(line: str) -> Sequence[tuple[str, str]]:
    pairs = (part.partition(":") for part in line.lstrip("# ").split(" | "))
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def _turn(path: Path, number: int, line: str, tags: Collection[str]) -> TaggedTurn:
    match = _TURN.fullmatch(line.strip())
    if match is None:
        raise InputError(f"{path}:{number}: “{line[:60]}” is no turn", tries=("A[tags]: text", "C[tags]: text"))
    found = frozenset(match["tags"].split())
    for tag in sorted(found - set(tags)):
        raise InputError(f"{path}:{number}: there is no act with the tag {tag}{suggest(tag, tags)}")
    gap = float(match["seconds"]) * (1 if match["apart"] == "gap" else -1) if match["apart"] else None
    return TaggedTurn(_WHO[match["who"]], match["text"], found, gap)
