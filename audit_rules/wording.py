"""What a language other than English has words for: the same rules over the same acts, heard by phrases alone.

A folder `acts/<code>/` ("es") holds `<act>.yaml`, an act's phrases in that language; `words.yaml`, its word lists;
`rules.yaml`, the phrases of rules that have their own; and `durations.yaml`, how a length of time is said. What is not
there is not judged: a rule is silent in a language until everything it listens for has words in it.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from callaudit.audit_rules.acts.inventory import Act, with_children
from callaudit.audit_rules.phrases.durations import Durations
from callaudit.audit_rules.phrases.language import language_of
from callaudit.audit_rules.phrases.normalise import without_accents
from callaudit.audit_rules.rule import Block, Rule
from callaudit.audit_rules.rule_files.checks import PHRASE_KEYS, check_list, check_phrases, check_words
from callaudit.audit_rules.rule_files.yaml_document import Document, suggest

ENGLISH = "en"
"""The language of the acts' and rules' own phrases, and of the recogniser."""
# These read English words by themselves, or take listening signals for what they are in English.
_PHRASES_OF_ACT = ("phrases", "unless", "near")
_IN_ENGLISH_ONLY = frozenset({"restates", "uses_name", "asks_again", "timing", "kept_promise"})


class Wording(Block, frozen=True, kw_only=True):
    """An act in another language; `near` are words that may be it and show no more than that."""

    name: str
    phrases: tuple[str, ...]
    unless: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    examples: tuple[str, ...]
    near_misses: tuple[str, ...] = ()


class Wordings(msgspec.Struct, frozen=True, kw_only=True):
    """All that one language has words for; phrases are without accents."""

    acts: Mapping[str, Wording] = {}
    words: Mapping[str, tuple[str, ...]] = {}
    rules: Mapping[str, Mapping[str, Any]] = {}
    durations: Durations = Durations()


def plain_phrases(wording: Wording) -> Wording:
    """The wording with its phrases without accents; its examples stay as people say them."""
    return msgspec.structs.replace(
        wording, **{key: tuple(map(without_accents, getattr(wording, key))) for key in _PHRASES_OF_ACT}
    )


def plain(value: Any) -> Any:  # noqa: ANN401  Whatever a YAML file holds.
    """The same with every text below it without accents, as texts of these languages are searched."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(inner) for inner in value)
    return without_accents(value) if isinstance(value, str) else value


def worded(acts: Mapping[str, Act], wordings: Wordings) -> dict[str, Act]:
    """The acts with that language's phrases, and with none where it has none; nothing recognises them besides."""
    found: dict[str, Act] = {}
    for name, act in acts.items():
        own = wordings.acts.get(name)
        found[name] = msgspec.structs.replace(
            act,
            phrases=own.phrases if own else (),
            unless=own.unless if own else (),
            near=own.near if own else (),
            tag="",
            names_the_issue=False,
        )
    return found


def reworded(rule: Rule, wordings: Wordings) -> dict[str, Any]:
    """The rule's block without its English phrases, with what the language's `rules.yaml` says of it."""
    return _joined(msgspec.to_builtins(rule), wordings.rules.get(rule.id, {}))


def silent_rules(rules: Collection[Rule], acts: Mapping[str, Act], wordings: Wordings) -> frozenset[str]:
    """Ids of the rules that listen for something which the language has no words for."""
    counting_as = with_children(acts)
    heard = {name for name, names in counting_as.items() if any(n in wordings.acts for n in names)}
    silent = {
        rule.id
        for rule in rules
        if rule.matcher in _IN_ENGLISH_ONLY
        or not heard.issuperset(_named(msgspec.to_builtins(rule), ("acts", "unless_acts")))
        or not _phrased(rule) <= _phrased(msgspec.convert(reworded(rule, wordings), Rule))
    }
    events = {rule.id: {*_named(msgspec.to_builtins(rule), ("events",))} for rule in rules}
    while more := {r for r, built_on in events.items() if r not in silent and not silent.isdisjoint(built_on)}:
        silent |= more
    return frozenset(silent)


def without_phrases(block: Block) -> dict[str, Any]:
    """A block as YAML gives it, without its English phrases."""
    return _joined(msgspec.to_builtins(block), {})


def check_wording(
    document: Document,
    wordings: Wordings,
    *,
    acts: Mapping[str, Act],
    rules: Mapping[str, Rule],
    elsewhere: Collection[str] | None,
) -> None:
    """Note everything wrong with one file of a language's folder: names that are none, phrases that cannot be read.

    A rule may be one of `elsewhere` and not be there; with None it may be any.
    """
    language = language_of(wordings.words)
    value, stem = document.value, document.path.stem
    if not isinstance(value, dict) or stem == "durations":
        return  # Said already, when the file was read.
    if stem == "words":
        check_words(
            {name: tuple(said) for name, said in plain(value).items() if isinstance(said, list)}, document, language
        )
    elif stem == "rules":
        for rule_id, block in value.items():
            if rule_id not in rules:
                if elsewhere is not None and rule_id not in elsewhere:
                    document.problem((rule_id,), f"there is no rule {rule_id}{suggest(rule_id, rules)}")
                continue
            rule = document.convert(reworded(rules[rule_id], wordings), Rule, (rule_id,))
            if rule is not None:
                check_phrases(plain(block), (rule_id,), document, language)
    else:
        name = value.get("name")
        if name != stem:
            document.problem(("name",), f"{name} belongs in {name}.yaml: the name is the file's")
        elif name not in acts:
            document.problem(("name",), f"there is no act {name}{suggest(stem, acts)}")
        for key in _PHRASES_OF_ACT:
            phrases = value.get(key)
            check_list(plain(phrases) if isinstance(phrases, list) else (), (key,), document, language)


def _named(value: object, keys: tuple[str, ...]) -> Iterator[str]:
    """Every name in the lists that stand under these keys anywhere in a block."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key in keys:
            yield from inner
        elif key != "examples":
            yield from _named(inner, keys)


def _phrased(rule: Rule) -> set[tuple[str, ...]]:
    """Where in a rule phrases stand."""
    return set(_phrase_places(msgspec.to_builtins(rule), ()))


def _phrase_places(value: object, at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key in PHRASE_KEYS:
            # What would excuse a phrase is part of how a language words it.
            yield from [(*at, key)] if inner and key != "unless" else []
        elif key != "examples":
            yield from _phrase_places(inner, (*at, key))


def _without_phrases(value: Any) -> Any:  # noqa: ANN401  A block as YAML gives it.
    if not isinstance(value, dict):
        return value
    return {
        key: [] if key in PHRASE_KEYS and isinstance(inner, list | tuple) else _without_phrases(inner)
        for key, inner in value.items()
    }


def _joined(block: Any, change: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401  A block as YAML gives it.
    """A block without its English phrases and with these; what is no mapping is replaced."""
    joined = dict(_without_phrases(block or {}))
    for key, value in change.items():
        joined[key] = _joined(joined.get(key), value) if isinstance(value, Mapping) else value
    return joined
