"""Rule files in, a rulebook out: checked, compiled, and named by a hash of what it says.

A folder holds `<step>.yaml` files (lists of rule blocks), `words.yaml` (word lists for `<name>`), `gate.yaml` (when a
call is tense), `acts/<name>.yaml` and `scorecards/<name>.yaml`. Later folders add to earlier ones and override by id.
"""

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from audit_rules.acts.inventory import Act, Levels
from audit_rules.acts.recogniser import Recogniser, shipped_recogniser
from audit_rules.acts.witnesses import Witnesses, levels_version, read_levels
from audit_rules.checks import Words, check_act, check_gate, check_rule, check_scorecard, check_words
from audit_rules.document import Document, Keys, Problem
from audit_rules.index import Index
from audit_rules.matchers import Answer, Build, Matcher
from audit_rules.matchers.asks_again import AsksAgainMatcher
from audit_rules.matchers.at_most import AtMostMatcher
from audit_rules.matchers.expect import ExpectMatcher
from audit_rules.matchers.hold import HoldMatcher
from audit_rules.matchers.kept_promise import KeptPromiseMatcher
from audit_rules.matchers.never import NeverMatcher
from audit_rules.matchers.order import OrderMatcher
from audit_rules.matchers.restates import RestatesMatcher
from audit_rules.matchers.timing import TimingMatcher
from audit_rules.matchers.uses_name import UsesNameMatcher
from audit_rules.phrases import language_of
from audit_rules.rule import Gate, Phrases, Rule, Scorecard
from transcription.errors import SetupError

SHIPPED = Path(str(files("audit_rules")))
_BUILD: dict[str, Build] = {
    "expect": ExpectMatcher,
    "never": NeverMatcher,
    "at_most": AtMostMatcher,
    "order": OrderMatcher,
    "restates": RestatesMatcher,
    "uses_name": UsesNameMatcher,
    "asks_again": AsksAgainMatcher,
    "hold": HoldMatcher,
    "timing": TimingMatcher,
    "kept_promise": KeptPromiseMatcher,
}


class RulebookError(SetupError):
    """A rulebook with problems; `problems` lists all of them, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        count = len(problems)
        super().__init__(
            f"the rules are not valid: {count} problem{'' if count == 1 else 's'}",
            why="\n  ".join(str(p) for p in self.problems[:20]),
            tries=("callaudit rules lint", "callaudit rules show ID  (an example of a rule that works)"),
        )


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule with its matcher and, where it has a trigger of its own, the trigger's matcher."""

    rule: Rule
    matcher: Matcher
    when: Any  # PhraseList | None; msgspec would otherwise try to decode it.
    only_if: Any
    answer: Answer


class Rulebook:
    """All rules and acts, compiled. Two rulebooks that say the same have the same `version`.

    Without a `recogniser` acts are heard by their phrases alone.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        words: Mapping[str, tuple[str, ...]],
        acts: Mapping[str, Act],
        gate: Gate,
        scorecards: Mapping[str, Scorecard],
        *,
        recogniser: Recogniser | None = None,
        levels: Mapping[str, Levels] | None = None,
    ) -> None:
        self.rules = tuple(rules.values())
        self.words = words
        self.acts = dict(acts)
        self.gate = gate
        self.scorecards = dict(scorecards)
        self.index = Index(words)
        self.witnesses = Witnesses(acts, recogniser, levels or {})
        self.act_phrases = {
            name: self.index.add(Phrases(speaker=act.who, any_of=act.phrases, unless=act.unless), by_both=True)
            for name, act in acts.items()
        }
        # A retired rule judges no more, but the rules that build on its words go on finding them.
        self.sources = {r.id: _BUILD[r.matcher](r.id, getattr(r, r.matcher), self.index) for r in self.rules}
        self.compiled = tuple(
            CompiledRule(
                rule,
                self.sources[rule.id],
                self.index.add(rule.when) if rule.when else None,
                self.index.add(rule.only_if) if rule.only_if else None,
                Answer(rule.id),
            )
            for rule in self.rules
            if rule.status != "retired"
        )
        self.transfers = self.index.add(gate.transfers)
        self.index.compile()
        heard_by = [recogniser.version, levels_version(levels or {})] if recogniser else []
        self.version = _version([sorted(self.rules, key=lambda r: r.id), words, acts, gate, self.scorecards, heard_by])

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id; raises SetupError with the nearest ids."""
        found = next((r for r in self.rules if r.id == rule_id), None)
        if found is None:
            near = difflib.get_close_matches(rule_id, [r.id for r in self.rules], n=2)
            tries = tuple(f"callaudit rules show {n}" for n in near) or ("callaudit rules list",)
            raise SetupError(f"no rule is called “{rule_id}”", tries=tries)
        return found


def load_rulebook(*folders: Path, shipped: bool = True, recogniser: bool = True) -> Rulebook:
    """The shipped rules with those of the folders added; raises RulebookError naming every problem.

    Without the `recogniser` acts are heard by phrases alone: many times as fast, and deaf to unforeseen wording.
    """
    rulebook, problems = read_rulebook(*folders, shipped=shipped, recogniser=recogniser)
    if rulebook is None:
        raise RulebookError(problems)
    return rulebook


def read_rulebook(
    *folders: Path, shipped: bool = True, recogniser: bool = True
) -> tuple[Rulebook | None, list[Problem]]:
    """As `load_rulebook`, but hands the problems over, sorted; the rulebook is None where there are any.

    `shipped=False` leaves the shipped rules out, so that a folder stands for itself.
    """
    read = _Reader()
    # Acts are the language that rules are written in, so they are there even for a folder that stands for itself.
    read.acts_of(SHIPPED / "acts")
    if shipped:
        read.folder(SHIPPED / "rules")
        read.scorecards_of(SHIPPED / "scorecards")
    for folder in folders:
        read.acts_of(folder / "acts")
        read.folder(folder)
        read.scorecards_of(folder / "scorecards")
    read.check()
    if read.problems:
        return None, sorted(read.problems)
    return Rulebook(
        read.rules,
        read.words,
        read.acts,
        read.gate,
        read.scorecards,
        recogniser=shipped_recogniser() if recogniser else None,
        levels=read_levels(*folders) if recogniser else None,
    ), []


@cache
def shipped_acts() -> Mapping[str, Act]:
    """The acts that come with the program, by name."""
    read = _Reader()
    read.acts_of(SHIPPED / "acts")
    return read.acts


class _Reader:
    """What has been read of the folders so far, and where it stands."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.rules: dict[str, Rule] = {}
        self.words: dict[str, tuple[str, ...]] = {}
        self.acts: dict[str, Act] = {}
        self.gate = Gate()
        self.scorecards: dict[str, Scorecard] = {}
        self._places: dict[str, tuple[Keys, Document]] = {}
        self._word_files: list[tuple[Document, Words]] = []
        self._gate_file: Document | None = None
        self._act_files: dict[str, Document] = {}
        self._card_files: dict[str, Document] = {}
        self._unreadable: set[str] = set()

    def folder(self, folder: Path) -> None:
        """Add the rules, words and gate of one folder; the same id twice in one folder is a mistake."""
        seen: dict[str, str] = {}
        for document in self._documents(folder):
            if document.path.stem == "words":
                self._word_list(document)
            elif document.path.stem == "gate":
                self.gate = document.convert(document.value, Gate) or self.gate
                self._gate_file = document
            else:
                self._rules(document, seen)

    def _word_list(self, document: Document) -> None:
        own = document.convert(document.value, dict[str, tuple[str, ...]]) or {}
        self.words |= own
        self._word_files.append((document, own))

    def _rules(self, document: Document, seen: dict[str, str]) -> None:
        for at, block in document.blocks():
            rule = document.convert(block, Rule, at)
            if rule is None:
                self._unreadable |= {str(block["id"])} if isinstance(block, dict) and "id" in block else set()
                continue
            if rule.id in seen:
                document.problem((*at, "id"), f"the id {rule.id} is already used in {seen[rule.id]}")
            seen[rule.id] = document.path.name
            self.rules[rule.id] = rule
            self._places[rule.id] = (at, document)

    def acts_of(self, folder: Path) -> None:
        """Add the acts of one folder, and the word lists that stand beside them."""
        for document in self._documents(folder):
            if document.path.stem == "words":
                self._word_list(document)
                continue
            act = document.convert(document.value, Act)
            if act is not None:
                self.acts[act.name] = act
                self._act_files[act.name] = document

    def scorecards_of(self, folder: Path) -> None:
        """Add the scorecards of one folder."""
        for document in self._documents(folder):
            card = document.convert(document.value, Scorecard)
            if card is not None:
                self.scorecards[card.name] = card
                self._card_files[card.name] = document

    def _documents(self, folder: Path) -> Iterator[Document]:
        for path in sorted(p for ending in ("*.yaml", "*.yml") for p in folder.glob(ending)):
            shown = str(path.relative_to(SHIPPED) if path.is_relative_to(SHIPPED) else path)
            document = Document(path, shown, self.problems)
            if document.value is not None:
                yield document

    def check(self) -> None:
        """Note what is wrong with all that was read; a rule that was overridden is not looked at."""
        language = language_of(self.words)
        for document, own in self._word_files:
            check_words(own, document, language)
        for act in self.acts.values():
            check_act(act, self._act_files[act.name], self.acts, language)
        if self._gate_file is not None:
            check_gate(self.gate, self._gate_file, self.acts)
        for rule in self.rules.values():
            at, document = self._places[rule.id]
            check_rule(
                rule, at, document, rules=self.rules, acts=self.acts, unreadable=self._unreadable, language=language
            )
        known = {*self.rules, *self._unreadable}
        for card in self.scorecards.values():
            check_scorecard(card, self._card_files[card.name], known)


# Raised whenever the matchers or the phrase language begin to judge the same rules differently.
_JUDGING = 3


def _version(said: list[object]) -> str:
    # Examples and prose may be mended without changing a verdict, but they are part of what was agreed.
    return hashlib.sha256(msgspec.json.encode([_JUDGING, *said], order="sorted")).hexdigest()[:12]
