"""What can be wrong with a rule that is well-formed YAML: found before anything is compiled."""

import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from callaudit.audit_rules.acts.inventory import Act
from callaudit.audit_rules.phrases.language import Language, PhraseError
from callaudit.audit_rules.rule import MATCHERS, Gate, Phrases, Rule, Speaker
from callaudit.audit_rules.rule_files.yaml_document import Document, Keys, suggest
from callaudit.audit_rules.window import parse_window

Words = Mapping[str, tuple[str, ...]]

RULE_ID = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")
PHRASE_KEYS = frozenset(
    {
        "any_of",
        "unless",
        "lead",
        "says_so",
        "asks",
        "gives",
        "heard",
        "made",
        "acknowledged_by",
        "asked",
        "addressed",
        "announces",
    }
)


def check_rule(
    rule: Rule,
    at: Keys,
    document: Document,
    *,
    rules: Mapping[str, Rule],
    acts: Mapping[str, Act],
    unreadable: Collection[str],
    language: Language,
) -> None:
    """Note every problem of one rule; `unreadable` are ids whose blocks have a problem of their own."""
    if not RULE_ID.fullmatch(rule.id):
        document.problem((*at, "id"), f"“{rule.id}” is no id; write step.criterion in small letters")
    elif rule.step != document.path.stem:
        document.problem((*at, "id"), f"{rule.id} belongs in {rule.step}.yaml: the id begins with the file's name")
    matchers = [m for m in MATCHERS if getattr(rule, m) is not None]
    if len(matchers) != 1:
        found = " and ".join(matchers) or "none"
        document.problem(at, f"{rule.id} needs exactly one of {', '.join(MATCHERS)}; found {found}")
        return
    if not rule.sources:
        document.problem((*at, "sources"), f"{rule.id} names no source")
    for keys, event in _events(rule):
        _check_event(event, (*at, *keys), document, rules, unreadable)
    for keys, phrases in phrase_lists(rule):
        if not phrases.any_of and not phrases.events and not phrases.acts:
            document.problem((*at, *keys), f"“{keys[-1]}” needs acts, any_of or events: it has nothing to look for")
        for key in ("acts", "unless_acts"):
            _check_acts(getattr(phrases, key), (*at, *keys, key), document, acts, speaker=phrases.speaker)
    for keys, within in _windows(rule):
        try:
            parse_window(within)
        except ValueError as error:
            document.problem((*at, *keys), str(error))
    check_phrases(msgspec.to_builtins(rule), at, document, language)
    cycle = _cycle(rule.id, rules)
    if cycle:
        document.problem(at, f"the events of {rule.id} refer back to itself: {' > '.join(cycle)}")


def check_act(act: Act, document: Document, acts: Mapping[str, Act], language: Language) -> None:
    """Note a name that is not its file's, a parent that is no act of the same party, phrases that cannot be read."""
    if act.name != document.path.stem:
        document.problem(("name",), f"{act.name} belongs in {act.name}.yaml: the name is the file's")
    if act.parent is not None:
        _check_acts((act.parent,), ("parent",), document, acts, speaker=act.who)
    for key in ("phrases", "unless", "near"):
        check_list(getattr(act, key), (key,), document, language)


def check_gate(
    gate: Gate,
    document: Document,
    *,
    acts: Mapping[str, Act],
    rules: Mapping[str, Rule],
    unreadable: Collection[str],
    language: Language,
) -> None:
    """Note what gate.yaml names and is no act of the one whose acts are asked for, no rule, or no phrase.

    `unreadable` are ids of rules whose blocks have a problem of their own.
    """
    for key in ("upset", "clearly", "elsewhere", "accepted", "thanked", "persists", "problem"):
        _check_acts(getattr(gate, key), (key,), document, acts, speaker="customer")
    for key in ("acts", "unless_acts"):
        _check_acts(getattr(gate.transfers, key), ("transfers", key), document, acts, speaker=gate.transfers.speaker)
    for key in ("any_of", "unless"):
        check_list(getattr(gate.transfers, key), ("transfers", key), document, language)
    for n, event in enumerate(gate.transfers.events):
        _check_event(event, ("transfers", "events", n), document, rules, unreadable)


def _check_event(
    event: str, at: Keys, document: Document, rules: Mapping[str, Rule], unreadable: Collection[str]
) -> None:
    if event not in rules and event not in unreadable:
        document.problem(at, f"there is no rule {event}{suggest(event, rules)}")


def _check_acts(
    names: Collection[str], at: Keys, document: Document, acts: Mapping[str, Act], *, speaker: Speaker
) -> None:
    for n, name in enumerate(names):
        if name not in acts:
            document.problem((*at, n), f"there is no act {name}{suggest(name, acts)}")
        elif acts[name].who != speaker:
            document.problem((*at, n), f"{name} is an act of the {acts[name].who}, and the {speaker}'s are asked for")


def check_words(own: Words, document: Document, language: Language) -> None:
    """Note every entry of a words.yaml that cannot be read; `own` are this file's lists, `language` knows all."""
    for name, phrases in own.items():
        if not re.fullmatch(r"[a-z_]+", name):
            document.problem((name,), f"“{name}” cannot be referred to; name a list in small letters")
        if not phrases:
            document.problem((name,), f"the word list <{name}> is empty")
        check_list(phrases, (name,), document, language)


def check_phrases(value: object, at: Keys, document: Document, language: Language) -> None:
    """Note every phrase anywhere in a rule that cannot be read."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key in PHRASE_KEYS and isinstance(inner, list | tuple):
            check_list(inner, (*at, key), document, language)
        elif key != "examples":
            check_phrases(inner, (*at, key), document, language)


def check_list(phrases: Collection[object], at: Keys, document: Document, language: Language) -> None:
    """Note every phrase of a list that cannot be read."""
    for n, phrase in enumerate(phrases):
        if not isinstance(phrase, str):
            continue  # Said already, when the block was read.
        try:
            language.read(phrase)
        except PhraseError as error:
            document.problem((*at, n), f"in “{phrase}”: {error}", error.column)


def phrase_lists(rule: Rule) -> Iterator[tuple[Keys, Phrases]]:
    """The lists of phrases and events in a rule, and where in the rule they stand."""
    for key in ("when", "only_if", "expect", "never", "at_most"):
        value = getattr(rule, key)
        if isinstance(value, Phrases):
            yield (key,), value
    if rule.expect and rule.expect.after:
        yield ("expect", "after"), rule.expect.after
    if rule.never and rule.never.followed_by:
        yield ("never", "followed_by"), rule.never.followed_by
    if rule.at_most and rule.at_most.unless_said:
        yield ("at_most", "unless_said"), rule.at_most.unless_said
    if rule.order:
        yield ("order", "first"), rule.order.first
        yield ("order", "then"), rule.order.then
    if rule.kept_promise:
        yield ("kept_promise",), Phrases(any_of=rule.kept_promise.made, events=rule.kept_promise.events)


def _events(rule: Rule) -> Iterator[tuple[Keys, str]]:
    """The ids of the rules that a rule builds on, and where it names them."""
    for keys, phrases in phrase_lists(rule):
        yield from (((*keys, "events", n), event) for n, event in enumerate(phrases.events))
    if rule.restates:
        yield from ((("restates", "during", n), event) for n, event in enumerate(rule.restates.during))
        yield from ((("restates", "events", n), event) for n, event in enumerate(rule.restates.events))


def _windows(rule: Rule) -> Iterator[tuple[Keys, str]]:
    if rule.expect:
        yield ("expect", "within"), rule.expect.within
    if rule.never:
        yield ("never", "within"), rule.never.within


def _cycle(rule_id: str, rules: Mapping[str, Rule], path: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The way from a rule through the events it names back to itself, or nothing."""
    last = path[-1] if path else rule_id
    for event in sorted({e for _, e in _events(rules[last])}):
        if event == rule_id:
            return (*(path or (rule_id,)), rule_id)
        if event in rules and event not in path:
            found = _cycle(rule_id, rules, (*(path or (rule_id,)), event))
            if found:
                return found
    return ()
