"""What people read of findings and refusals: written last, from their facts.

`en.toml` holds every sentence; another language is another such file. The warehouse's views write the same sentences
from the same file (`warehouse/sentences.py`).
"""

import string
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from callaudit.audit_rules.finding import Evidence, Facts, Finding, Reason, Unit

Variants = tuple[str, ...]
"""Ways to say one thing: the first one counts of which every fact is known."""


class Language(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of sentences, by the codes of `audit_rules.finding`."""

    reasons: Mapping[str, Variants]
    nearest: Mapping[str, Variants]
    notes: Mapping[str, Variants]
    refusals: Mapping[str, str]
    since: Mapping[str, str]
    within: Mapping[str, str]


@cache
def language(name: str = "en") -> Language:
    """The sentences of a language."""
    text = (Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Language)


def reason_of(finding: Finding, told_in: Language | None = None) -> str:
    """Why the rule came to its verdict, in a sentence or two."""
    words = told_in or language()
    known = _known(finding.facts, words)
    said = [_first(words.reasons[finding.reason], known)]
    if finding.reason is Reason.NOT_HEARD and finding.miss and finding.miss in words.nearest:
        said.append(_first(words.nearest[finding.miss], known))
    return " ".join(said)


def note_of(evidence: Evidence, finding: Finding, told_in: Language | None = None) -> str:
    """What a piece of evidence of the finding shows; empty where its kind says it."""
    words = told_in or language()
    if evidence.note is None:
        return ""
    length = None if evidence.start is None or evidence.end is None else evidence.end - evidence.start
    return _first(words.notes[evidence.note], _known(msgspec.structs.replace(finding.facts, seconds=length), words))


def pieces(sentence: str) -> list[tuple[str, str, str]]:
    """A sentence in parts: text, then the fact that follows it ("" at the end) and how it is formatted."""
    return [(text, fact or "", form or "") for text, fact, form, _ in string.Formatter().parse(sentence)]


def _first(variants: Sequence[str], known: Mapping[str, object]) -> str:
    told = (v.format_map(known) for v in variants if all(not fact or fact in known for _, fact, _ in pieces(v)))
    return next(told, "")


def _known(facts: Facts, words: Language) -> dict[str, object]:
    one = facts.limit_unit is Unit.AGENT_TURNS and facts.limit == 1
    within = words.within.get("agent_turn" if one else facts.limit_unit or "")
    known = {
        "seconds": facts.seconds,
        "hours": None if facts.seconds is None else facts.seconds / 3600,
        "how_many": facts.how_many,
        "many": facts.how_many if (facts.how_many or 0) > 1 else None,
        "limit": facts.limit,
        "limit_hours": None if facts.limit is None else facts.limit / 3600,
        "within": None if within is None or facts.limit is None else within.format(limit=facts.limit),
        "since": words.since.get(facts.since or ""),
        "confidence": facts.confidence,
        "percent": None if facts.confidence is None else 100 * facts.confidence,
        "named": ", ".join(facts.named) or None,
        "other_call": facts.other_call or None,
    }
    return {name: value for name, value in known.items() if value is not None}
