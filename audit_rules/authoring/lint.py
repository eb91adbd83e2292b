"""What is allowed in rules and acts but seldom meant: phrases that do nothing or too much, rules shown one-sidedly."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from callaudit.audit_rules.acts.inventory import Act
from callaudit.audit_rules.authoring.examples import examples_of, parse_example
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.phrases.automaton import PhraseSet
from callaudit.audit_rules.phrases.language import language_of
from callaudit.audit_rules.phrases.normalise import normalise
from callaudit.audit_rules.phrases.tolerance import SHORTEST, with_one_misheard
from callaudit.audit_rules.rule import Rule, Scorecard, Speaker
from callaudit.audit_rules.rule_files.checks import PHRASE_KEYS, Words, phrase_lists
from callaudit.audit_rules.rulebook import Rulebook, shipped_acts, shipped_wordings, shipped_words
from callaudit.audit_rules.wording import Wordings
from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcript import SpeakerRole

_GROUP = re.compile(r"\(([^()]*)\)([?*]?)")
_LIST = re.compile(r"<([a-z_]+)>")
_NOT_SAID = re.compile(r"\*|_\d+|\^")
_EVERYWHERE = frozenset(
    "a an and am are as at be but can do for have i in is it me my not of on or so that the to we you".split()
)
# Stands in a form (`new_rule`) wherever the author's own words belong.
FILL_IN = "FILL-IN"
# A phrase that says more than this in different ways is not looked through.
_MOST_READINGS = 200
_FEWEST_LINES = 20
_NEVER = "“{}” can never match: texts are without repetitions and fillers"
_ROLE: dict[Speaker, SpeakerRole] = {"agent": SpeakerRole.AGENT, "customer": SpeakerRole.CUSTOMER}


class Advice(msgspec.Struct, frozen=True, order=True):
    """Something to look at in a rule, or in an act, which `rule_id` then names; it works as it is."""

    rule_id: str
    message: str


def advice(rulebook: Rulebook) -> list[Advice]:
    """All advice on the rules that are not retired and on the acts and word lists that are not shipped.

    In order of their names; a word list is named as its phrases do: `<name>`, an act's wording in another language with
    it: "es/apologises".
    """
    said = {speaker: _example_lines(rulebook, role) for speaker, role in _ROLE.items()}
    shipped = shipped_acts()
    return sorted(
        [
            *(
                Advice(rule.id, message)
                for rule in rulebook.rules
                if rule.status != "retired"
                for message in (
                    *_on_form(rule),
                    *_on_examples(rule),
                    *_on_phrases(rule, rulebook.words, said),
                    *_on_other_phrases(rule, rulebook.words),
                )
            ),
            *(
                Advice(name, message)
                for name, act in rulebook.acts.items()
                if act != shipped.get(name)
                for message in _on_act(act, rulebook.words, said)
            ),
            *(
                Advice(at, message)
                for at in own_wordings(rulebook)
                for message in wording_advice(rulebook.wordings[at.split("/")[0]], at.split("/")[1])
            ),
            *(
                Advice(f"<{name}>", "replaces the shipped word list, also in shipped phrases: is another name meant?")
                for name, entries in shipped_words().items()
                if rulebook.words.get(name, entries) != entries
            ),
        ]
    )


def own_wordings(rulebook: Rulebook) -> set[str]:
    """The acts' wordings in other languages that are not shipped, as "es/apologises"."""
    shipped = shipped_wordings()
    return {
        f"{language}/{name}"
        for language, wordings in rulebook.wordings.items()
        for name, wording in wordings.acts.items()
        if language not in shipped or wording != shipped[language].acts.get(name)
    }


def wording_advice(wordings: Wordings, act: str) -> Iterator[str]:
    """What is seldom meant in the phrases that a language has for an act."""
    wording = wordings.acts[act]
    nobody: dict[Speaker, Sequence[str]] = {"agent": (), "customer": ()}
    yield from _on_list(wording.phrases, "agent", wordings.words, nobody)
    yield from _never_found((*wording.unless, *wording.near), wordings.words)


def card_advice(rulebook: Rulebook) -> list[Advice]:
    """All advice on the scorecards, each named in `rule_id`, in order of their names."""
    return sorted(Advice(card.name, said) for card in rulebook.scorecards.values() for said in _on_card(card, rulebook))


def _on_card(card: Scorecard, rulebook: Rulebook) -> Iterator[str]:
    status = {rule.id: rule.status for rule in rulebook.rules}
    for rule_id in card.rules:
        if status[rule_id] != "live":
            yield f"{rule_id} is {'on trial' if status[rule_id] == 'trial' else 'retired'}: it does not count"
    for step in card.steps:
        if not any(status[r] == "live" for r in step.rules):
            yield f"no rule that counts stands in the step {step.id}"
    for rule_id in card.critical:
        if rule_id not in card.rules:
            yield f"the critical rule {rule_id} stands in no step, so no call can miss it here"
    if card.critical_fails_call and not card.critical:
        yield "“critical_fails_call” does nothing: no rule is critical"
    if card.bands and min(card.bands.values()) > 0:
        yield f"no band names scores below {min(card.bands.values()):g}: give the lowest one 0"
    for example in card.examples:
        try:
            parse_example(example.call)
        except SetupError as error:
            yield f"an example cannot be read: {error.what}"


def _on_form(rule: Rule) -> Iterator[str]:
    left = dict.fromkeys(_left(msgspec.to_builtins(rule)))
    if left:
        yield f"still to be filled in: {', '.join(left)}"


def _left(value: object, at: str = "") -> Iterator[str]:
    """The keys of what still holds the form's mark."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _left(inner, f"{at}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _left(inner, at)
    elif isinstance(value, str) and FILL_IN in value:
        yield at


def _on_examples(rule: Rule) -> Iterator[str]:
    kinds = set()
    for kind, text in examples_of(rule):
        kinds.add(kind)
        try:
            parse_example(text)
        except SetupError as error:
            yield f"an example cannot be read: {error.what}"
    if Verdict.MISSED not in kinds:
        yield "no example shows it missed"


def _on_phrases(rule: Rule, words: Words, said_by: Mapping[Speaker, Sequence[str]]) -> Iterator[str]:
    for _, phrases in phrase_lists(rule):
        if phrases.tolerance and all(with_one_misheard(p) == p for p in phrases.any_of):
            yield f"“tolerance” does nothing: no phrase has {SHORTEST} words or more and a small one inside"
        yield from _on_list(phrases.any_of, phrases.speaker, words, said_by)


def _on_act(act: Act, words: Words, said_by: Mapping[Speaker, Sequence[str]]) -> Iterator[str]:
    yield from _on_list(act.phrases, act.who, words, said_by)
    yield from _never_found(act.unless, words)


def _on_list(
    phrases: Sequence[str], speaker: Speaker, words: Words, said_by: Mapping[Speaker, Sequence[str]]
) -> Iterator[str]:
    said = said_by[speaker]
    found = _searched(phrases, words)
    in_lines = found.candidates(said)
    for number, (phrase, (readings, hits)) in enumerate(_tried(phrases, found, words)):
        if not any(number in h for h in hits):
            yield _NEVER.format(phrase)
        elif any(len(r.split()) == 1 and r.strip() in _EVERYWHERE for r in readings):
            yield f"“{phrase}” is a word of every sentence"
        elif len(readings) <= _MOST_READINGS:
            others = set.intersection(*hits) - {number}
            if others:
                yield f"“{phrase}” finds nothing that “{phrases[min(others)]}” does not"
        lines = sum(number in line for line in in_lines)
        if len(said) >= _FEWEST_LINES and lines > len(said) / 2:
            yield f"“{phrase}” is found in {lines} of the {len(said)} {speaker}'s lines of all examples"


def _on_other_phrases(rule: Rule, words: Words) -> Iterator[str]:
    """What excuses or leads in may be covered by another phrase and still do its part; it must only be possible."""
    judged = {phrases.any_of for _, phrases in phrase_lists(rule)}
    for phrases in dict.fromkeys(_lists(msgspec.to_builtins(rule))):
        if phrases not in judged:
            yield from _never_found(phrases, words)


def _never_found(phrases: Sequence[str], words: Words) -> Iterator[str]:
    for number, (phrase, (_, hits)) in enumerate(_tried(phrases, _searched(phrases, words), words)):
        if not any(number in h for h in hits):
            yield _NEVER.format(phrase)


def _lists(value: object) -> Iterator[tuple[str, ...]]:
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key in PHRASE_KEYS and isinstance(inner, list | tuple):
            yield tuple(inner)
        elif key != "examples":
            yield from _lists(inner)


def _searched(phrases: Sequence[str], words: Words) -> PhraseSet:
    language = language_of(words)
    return PhraseSet([language.read(p) for p in phrases])


def _tried(
    phrases: Sequence[str], found: PhraseSet, words: Words
) -> Iterator[tuple[str, tuple[list[str], list[set[int]]]]]:
    """Each phrase with texts that it is meant for, and what is found in each.

    There is at most one text more than are looked through.
    """
    readings = [list(islice(_readings(phrase, words), _MOST_READINGS + 1)) for phrase in phrases]
    # A phrase for the beginning of a sentence finds less than one for anywhere in it.
    texts = [
        ("" if p.startswith("^") else "x ") + text for p, own in zip(phrases, readings, strict=True) for text in own
    ]
    hits = iter(found.candidates(texts))
    for phrase, own in zip(phrases, readings, strict=True):
        yield phrase, (own, [next(hits) for _ in own])


def _readings(phrase: str, words: Words) -> Iterator[str]:
    """Texts that the phrase is meant for, normalised: each choice taken, options left out and put in, no gaps."""
    group = _GROUP.search(phrase)
    if group is not None:
        for choice in ([""] if group[2] else []) + group[1].split("|"):
            yield from _readings(f"{phrase[: group.start()]} {choice} {phrase[group.end() :]}", words)
    elif "|" in phrase:
        for choice in phrase.split("|"):
            yield from _readings(choice, words)
    elif (listed := _LIST.search(phrase)) is not None:
        for entry in words[listed[1]]:
            yield from _readings(f"{phrase[: listed.start()]} ({entry}) {phrase[listed.end() :]}", words)
    else:
        yield normalise(_NOT_SAID.sub(" ", phrase).replace("#", " 5 "))


def _example_lines(rulebook: Rulebook, role: SpeakerRole) -> list[str]:
    lines: list[str] = []
    for rule in rulebook.rules:
        for _, text in examples_of(rule):
            try:
                utterances = parse_example(text).transcript.utterances
            except SetupError:
                continue
            lines += [normalise(u.text) for u in utterances if u.role is role]
    return lines
