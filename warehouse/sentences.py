"""The sentences of findings for SQL: macros made from the file that `audit_rules.sentences` writes them from."""

from collections.abc import Mapping

from callaudit.audit_rules.finding import Reason, Unit
from callaudit.audit_rules.sentences import Language, Variants, language, pieces

# What a sentence calls each fact, in terms of the columns of `core.findings`.
_FACTS = {
    "seconds": "seconds",
    "hours": "(seconds / 3600)",
    "how_many": "how_many",
    "many": "if(how_many > 1, how_many, null)",
    "limit": "limit_number",
    "limit_hours": "(limit_number / 3600)",
    "confidence": "confidence",
    "percent": "(100 * confidence)",
    "named": "nullif(array_to_string(named, ', '), '')",
    "other_call": "nullif(other_call_id, '')",
}
FINDING = (
    "reason_code", "miss_kind", "seconds", "how_many", "limit_number", "limit_unit", "since", "confidence", "named",
    "other_call_id",
)  # fmt: skip
"""The columns of `core.findings` that `reason_of` takes, in order."""


def macros(told_in: Language | None = None) -> str:
    """SQL that makes `reason_of(...)` and `note_of(note, seconds, how_many)`, which say what Python says of a finding.

    A note that is no code was written by an earlier callaudit, and stays as it was written.
    """
    words = told_in or language()
    facts = _FACTS | {
        "since": _chosen("since", {code: _text(said) for code, said in words.since.items()}),
        "within": _within(words),
    }
    reasons, nearest, notes = (
        {code: _first(variants, facts) for code, variants in said.items()}
        for said in (words.reasons, words.nearest, words.notes)
    )
    return f"""
    create or replace macro reason_of({", ".join(FINDING)}) as
        {_chosen("reason_code", reasons)}
        || if(reason_code = '{Reason.NOT_HEARD}', coalesce(' ' || {_chosen("miss_kind", nearest)}, ''), '');
    comment on macro reason_of is 'Why a rule came to its verdict, in a sentence written from the facts.';
    create or replace macro note_of(note, seconds, how_many) as {_chosen("note", notes, otherwise="note")};
    comment on macro note_of is 'What a piece of evidence shows, in words.';
    """


def _chosen(column: str, said: Mapping[str, str], *, otherwise: str = "null") -> str:
    whens = " ".join(f"when '{code}' then {sql}" for code, sql in said.items())
    return f"case {column} {whens} else {otherwise} end"


def _within(words: Language) -> str:
    forms = {code: _said(form, _FACTS) for code, form in words.within.items()}
    one = forms.pop("agent_turn")
    return f"if(limit_unit = '{Unit.AGENT_TURNS}' and limit_number = 1, {one}, {_chosen('limit_unit', forms)})"


def _first(variants: Variants, facts: Mapping[str, str]) -> str:
    # What lacks a fact is NULL, and so left to the next sentence.
    return f"coalesce({', '.join(_said(variant, facts) for variant in variants)})"


def _said(sentence: str, facts: Mapping[str, str]) -> str:
    parts = pieces(sentence)
    named = [facts[fact] for _, fact, _ in parts if fact]
    if not named:
        return _text(sentence)
    form = "".join(text + (f"{{:{how}}}" if fact else "") for text, fact, how in parts)
    return f"format({', '.join([_text(form), *named])})"


def _text(said: str) -> str:
    return "'" + said.replace("'", "''") + "'"
