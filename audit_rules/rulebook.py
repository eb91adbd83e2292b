"""Rule files in, a rulebook out: checked, compiled, and named by a hash of what it says.

A folder holds `<step>.yaml` files (lists of rule blocks), `words.yaml` (word lists for `<name>`), `gate.yaml` (when a
call is tense), `acts/<name>.yaml`, `acts/<language>/` (what a language has words for: `audit_rules/wording.py`) and
`scorecards/<name>.yaml`; scorecards may also be a folder of their own. Later folders add to earlier ones and override
by id; a scorecard of one's own stands in one of them only, and no file is read twice. A rule or act that begins with
`extends:` instead changes the earlier one of that id: what it says counts, its lists are added, and all else stays,
also after an update.
"""

import difflib
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec

from callaudit.audit_rules.acts.inventory import Act, Levels
from callaudit.audit_rules.acts.recogniser import Recogniser, shipped_recogniser
from callaudit.audit_rules.acts.witnesses import Witnesses, levels_version, read_levels
from callaudit.audit_rules.business_time import BusinessTime
from callaudit.audit_rules.matchers import Answer, Build, Matcher
from callaudit.audit_rules.matchers.asks_again import AsksAgainMatcher
from callaudit.audit_rules.matchers.at_most import AtMostMatcher
from callaudit.audit_rules.matchers.expect import ExpectMatcher
from callaudit.audit_rules.matchers.hold import HoldMatcher
from callaudit.audit_rules.matchers.kept_promise import KeptPromiseMatcher
from callaudit.audit_rules.matchers.never import NeverMatcher
from callaudit.audit_rules.matchers.order import OrderMatcher
from callaudit.audit_rules.matchers.restates import RestatesMatcher
from callaudit.audit_rules.matchers.timing import TimingMatcher
from callaudit.audit_rules.matchers.uses_name import UsesNameMatcher
from callaudit.audit_rules.phrases.durations import Durations
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.phrases.language import language_of
from callaudit.audit_rules.rule import Examples, Gate, Phrases, Rule, Scorecard
from callaudit.audit_rules.rule_files.checks import Words, check_act, check_gate, check_phrases, check_rule, check_words
from callaudit.audit_rules.rule_files.yaml_document import Document, Keys, Problem, suggest
from callaudit.audit_rules.scorecard_file import CardFile, Written, resolved
from callaudit.audit_rules.wording import (
    ENGLISH,
    Wording,
    Wordings,
    check_wording,
    plain,
    plain_phrases,
    reworded,
    silent_rules,
    without_phrases,
    worded,
)
from callaudit.transcription.errors import SetupError
from callaudit.transcription.language import NAMES

SHIPPED = Path(__file__).parent
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

    Without a `recogniser` acts are heard by their phrases alone; without `hours` promises are due at any time.
    `wordings` are what other languages have words for, by their codes.
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
        hours: BusinessTime | None = None,
        wordings: Mapping[str, Wordings] | None = None,
        durations: Durations | None = None,
    ) -> None:
        self.language = ENGLISH
        self.silent: frozenset[str] = frozenset()
        """Ids of the rules that the calls of `language` cannot be judged by."""
        self.hours = hours
        self.wordings = dict(wordings or {})
        self._spoken_in: dict[str, Rulebook] = {}
        self.rules = tuple(rules.values())
        self.words = words
        self.acts = dict(acts)
        self.gate = gate
        self.scorecards = dict(scorecards)
        self.index = Index(words, durations=durations)
        self.witnesses = Witnesses(acts, recogniser, levels or {})
        self.act_phrases = {
            name: self.index.add(Phrases(speaker=act.who, any_of=act.phrases, unless=act.unless), by_both=True)
            for name, act in acts.items()
        }
        self.near = {
            name: self.index.add(Phrases(speaker=act.who, any_of=act.near, unless=act.unless))
            for name, act in acts.items()
            if act.near
        }
        # A retired rule judges no more, but the rules that build on its words go on finding them.
        self.sources = {r.id: _BUILD[r.matcher](r.id, getattr(r, r.matcher), self.index) for r in self.rules}
        for source in self.sources.values():
            if isinstance(source, KeptPromiseMatcher):
                source.hours = hours
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
        heard_by = [recogniser.version, levels_version(levels or {})] if recogniser else []
        cards = {name: _scoring(card) for name, card in self.scorecards.items()}
        said = [sorted(self.rules, key=lambda r: r.id), words, acts, gate, cards, heard_by, self.wordings]
        self.version = _version(said if hours is None else [*said, hours])

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of the languages whose calls are judged, English first."""
        return (ENGLISH, *sorted(self.wordings))

    def spoken_in(self, language: str | None) -> "Rulebook | None":
        """These rules as they listen to calls in a language, None where they have no words in it.

        A call whose language is not known is taken for English. In other languages nothing but phrases listens, and
        `silent` names the rules that listen for what has none.
        """
        if language is None or language == self.language:
            return self
        if language not in self.wordings:
            return None
        if language not in self._spoken_in:
            self._spoken_in[language] = self._worded(language)
        return self._spoken_in[language]

    def _worded(self, language: str) -> "Rulebook":
        wordings = self.wordings[language]
        spoken = Rulebook(
            {rule.id: msgspec.convert(reworded(rule, wordings), Rule) for rule in self.rules},
            wordings.words,
            worded(self.acts, wordings),
            msgspec.convert(without_phrases(self.gate), Gate),
            self.scorecards,
            hours=self.hours,
            durations=wordings.durations,
        )
        spoken.language, spoken.version = language, self.version
        spoken.silent = silent_rules(self.rules, self.acts, wordings)
        return spoken

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id. Raises SetupError with the nearest ids."""
        found = next((r for r in self.rules if r.id == rule_id), None)
        if found is None:
            near = difflib.get_close_matches(rule_id, [r.id for r in self.rules], n=2)
            tries = tuple(f"callaudit rules show {n}" for n in near) or ("callaudit rules list",)
            raise SetupError(f"no rule is called “{rule_id}”", tries=tries)
        return found

    def scorecard(self, name: str) -> Scorecard:
        """The scorecard of that name. Raises SetupError naming those there are."""
        if name not in self.scorecards:
            near = suggest(name, self.scorecards).removeprefix(". ")
            raise SetupError(
                f"no scorecard is called “{name}”",
                why=f"There are: {', '.join(self.scorecards)}. {near}".strip(),
                tries=("callaudit scorecards list",),
            )
        return self.scorecards[name]


def load_rulebook(
    *folders: Path, shipped: bool = True, recogniser: bool = True, hours: BusinessTime | None = None
) -> Rulebook:
    """The shipped rules with those of the folders added; raises RulebookError naming every problem.

    Without the `recogniser` acts are heard by phrases alone: many times as fast, and deaf to unforeseen wording.
    `hours` are those of the site, by which promises are due.
    """
    rulebook, problems = read_rulebook(*folders, shipped=shipped, recogniser=recogniser, hours=hours)
    if rulebook is None:
        raise RulebookError(problems)
    return rulebook


def read_rulebook(
    *folders: Path, shipped: bool = True, recogniser: bool = True, hours: BusinessTime | None = None
) -> tuple[Rulebook | None, list[Problem]]:
    """As `load_rulebook`, but hands the problems over, sorted; the rulebook is None where there are any.

    `shipped=False` leaves the shipped rules out, so that a folder stands for itself.
    """
    read = _Reader()
    # Acts are the language that rules are written in, so they are there even for a folder that stands for itself.
    read.acts_of(SHIPPED / "acts")
    if shipped:
        read.folder(SHIPPED / "rules", {})
        read.scorecards_of(SHIPPED / "scorecards", {})
    own_cards: dict[str, Path] = {}
    for folder in folders:
        read.acts_of(folder / "acts")
        read.folder(folder, own_cards)
        read.scorecards_of(folder / "scorecards", own_cards)
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
        hours=hours,
        wordings=read.wordings,
    ), []


def shipped_acts() -> Mapping[str, Act]:
    """The acts that come with the program, by name."""
    return _shipped().acts


def shipped_words() -> Words:
    """The word lists that the phrases of the shipped acts and rules name."""
    return _shipped().words


@cache
def _shipped() -> "_Reader":
    read = _Reader()
    read.acts_of(SHIPPED / "acts")
    return read


def shipped_wordings() -> Mapping[str, Wordings]:
    """What the acts that come with the program have words for in other languages, by the languages' codes."""
    return _shipped().wordings


class _Reader:
    """What has been read of the folders so far, and where it stands."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.rules: dict[str, Rule] = {}
        self.words: dict[str, tuple[str, ...]] = {}
        self.acts: dict[str, Act] = {}
        self.gate = Gate()
        self.scorecards: dict[str, Scorecard] = {}
        self._read: set[Path] = set()
        self._blocks: dict[str, dict[str, Any]] = {}
        self._places: dict[str, tuple[Keys, Document]] = {}
        self._word_files: list[tuple[Document, Words]] = []
        self._gate_file: Document | None = None
        self._act_blocks: dict[str, dict[str, Any]] = {}
        self._act_files: dict[str, Document] = {}
        self.wordings: dict[str, Wordings] = {}
        self._wording_files: dict[str, list[Document]] = defaultdict(list)
        self._card_files: dict[str, list[Written]] = {}
        self._unreadable: set[str] = set()
        self._broken: list[tuple[object, Keys, Document]] = []

    def folder(self, folder: Path, cards: dict[str, Path]) -> None:
        """Add the rules, words, gate and scorecards of one folder; the same id twice in one folder is a mistake.

        `cards` are the scorecards that may not stand there again, with their files; those of the folder are added.
        """
        seen: dict[str, str] = {}
        for document in self._documents(folder):
            if document.path.stem == "words":
                self._word_list(document)
            elif document.path.stem == "gate":
                self._gate(document)
            elif isinstance(document.value, dict) and _CARD_KEYS & document.value.keys():
                self._scorecard(document, cards)
            else:
                self._rules(document, seen)

    def _word_list(self, document: Document) -> None:
        own = document.convert(document.value, dict[str, tuple[str, ...]]) or {}
        self.words |= own
        self._word_files.append((document, own))

    def _gate(self, document: Document) -> None:
        gate = document.convert(document.value, Gate)
        if gate is not None:
            # Transfers have nothing to do with when a call is tense: a gate that does not speak of them leaves them.
            silent = "transfers" not in document.value
            self.gate = msgspec.structs.replace(gate, transfers=self.gate.transfers) if silent else gate
        self._gate_file = document

    def _rules(self, document: Document, seen: dict[str, str]) -> None:
        for at, block in document.blocks():
            whole = self._extended(block, at, document, "id", self._blocks)
            rule = None if whole is _NOTHING else document.convert(whole, Rule, at)
            if rule is None:
                named = block.get("id", block.get("extends")) if isinstance(block, dict) else None
                self._unreadable |= {str(named)} if named is not None else set()
                self._broken.append((block, at, document))
                continue
            if rule.id in seen:
                at_id = "extends" if isinstance(block, dict) and "extends" in block else "id"
                document.problem((*at, at_id), f"the id {rule.id} is already used in {seen[rule.id]}")
            seen[rule.id] = document.path.name
            self.rules[rule.id] = rule
            self._blocks[rule.id] = cast("dict[str, Any]", whole)
            self._places[rule.id] = (at, document)

    def _extended(
        self, block: object, at: Keys, document: Document, key: str, earlier: Mapping[str, dict[str, Any]]
    ) -> object:
        """The block with what it extends, or `_NOTHING` where that cannot be; one that extends nothing as it is."""
        if not isinstance(block, dict) or "extends" not in block:
            return block
        name = block["extends"]
        if key in block:
            document.problem((*at, key), f"a block that extends {name} keeps its {key}: leave “{key}” out")
        elif isinstance(name, str) and name in earlier:
            return added(earlier[name], {k: v for k, v in block.items() if k != "extends"})
        elif name not in self._unreadable:
            document.problem((*at, "extends"), f"there is no earlier one called {name}{suggest(str(name), earlier)}")
        return _NOTHING

    def acts_of(self, folder: Path) -> None:
        """Add the acts of one folder, the word lists that stand beside them, and the other languages' folders in it."""
        for document in self._documents(folder):
            if document.path.stem == "words":
                self._word_list(document)
                continue
            whole = self._extended(document.value, (), document, "name", self._act_blocks)
            act = None if whole is _NOTHING else document.convert(whole, Act)
            if act is not None:
                self.acts[act.name] = act
                self._act_blocks[act.name] = cast("dict[str, Any]", whole)
                self._act_files[act.name] = document

        for inside in sorted(folder.iterdir()) if folder.is_dir() else ():
            if inside.is_dir() and inside.name in NAMES and inside.name != ENGLISH:
                self._language_of(inside)

    def _language_of(self, folder: Path) -> None:
        """Add what one folder says of a language; the same act, list or rule replaces an earlier one."""
        known = self.wordings.get(folder.name, Wordings())
        for document in self._documents(folder):
            self._wording_files[folder.name].append(document)
            if document.path.stem == "words":
                words = document.convert(document.value, dict[str, tuple[str, ...]]) or {}
                known = msgspec.structs.replace(known, words={**known.words, **plain(words)})
            elif document.path.stem == "rules":
                rules = document.convert(document.value, dict[str, dict[str, Any]]) or {}
                known = msgspec.structs.replace(known, rules={**known.rules, **plain(rules)})
            elif document.path.stem == "durations":
                said = document.convert(plain(document.value), Durations)
                known = msgspec.structs.replace(known, durations=said or known.durations)
            elif (wording := document.convert(document.value, Wording)) is not None:
                known = msgspec.structs.replace(known, acts={**known.acts, wording.name: plain_phrases(wording)})
        self.wordings[folder.name] = known

    def scorecards_of(self, folder: Path, cards: dict[str, Path]) -> None:
        """Add the scorecards of one folder, and their files to `cards`; one that stands there is a mistake."""
        for document in self._documents(folder):
            self._scorecard(document, cards)

    def _scorecard(self, document: Document, cards: dict[str, Path]) -> None:
        card = document.convert(document.value, CardFile)
        if card is None:
            return
        if card.name in cards:
            document.problem(("name",), f"the scorecard {card.name} already stands in {cards[card.name]}")
            return
        cards[card.name] = document.path
        self._card_files.setdefault(card.name, []).append(Written(card, document))

    def _documents(self, folder: Path) -> Iterator[Document]:
        for path in sorted(p for ending in ("*.yaml", "*.yml") for p in folder.glob(ending)):
            # Cards may lie in a folder within that of the rules, which is then named twice.
            file = path.resolve()
            if file in self._read:
                continue
            self._read.add(file)
            shown = str(path.relative_to(SHIPPED) if path.is_relative_to(SHIPPED) else path)
            document = Document(path, shown, self.problems)
            if document.value is not None:
                yield document

    def check(self) -> None:
        """Note what is wrong with all that was read; a rule that was overridden is not looked at."""
        language = language_of(self.words)
        for document, own in self._word_files:
            check_words(own, document, language)
        for block, at, document in self._broken:
            check_phrases(block, at, document, language)
        for act in self.acts.values():
            check_act(act, self._act_files[act.name], self.acts, language)
        for code, documents in self._wording_files.items():
            for document in documents:
                # A folder that stands for itself has the shipped acts, and not the shipped rules.
                elsewhere = None if document.path.is_relative_to(SHIPPED) else self._unreadable
                check_wording(document, self.wordings[code], acts=self.acts, rules=self.rules, elsewhere=elsewhere)
        if self._gate_file is not None:
            check_gate(
                self.gate,
                self._gate_file,
                acts=self.acts,
                rules=self.rules,
                unreadable=self._unreadable,
                language=language,
            )
        for rule in self.rules.values():
            at, document = self._places[rule.id]
            check_rule(
                rule, at, document, rules=self.rules, acts=self.acts, unreadable=self._unreadable, language=language
            )
        self.scorecards = resolved(self._card_files, {*self.rules, *self._unreadable})


_NOTHING = object()
# A mapping with one of these is a scorecard; a list is rules.
_CARD_KEYS = frozenset({"name", "title", "steps", "extends"})
_EXAMPLES = frozenset(Examples.__struct_fields__)


def added(base: dict[str, Any], change: dict[str, Any], *, examples: bool = False) -> dict[str, Any]:
    """A block with the changes of another: mappings are merged, lists added to, all else replaced.

    What is added comes first, so that a place in a list of `change` is the same place in the result. Of a rule's
    `examples` a single one counts as a list of one.
    """
    result = dict(base)
    for key, value in change.items():
        was = base.get(key)
        if isinstance(was, dict) and isinstance(value, dict):
            result[key] = added(was, value, examples=key == "examples")
        elif was is not None and (isinstance(was, list) or isinstance(value, list) or (examples and key in _EXAMPLES)):
            own = _listed(value)
            result[key] = [*own, *(item for item in _listed(was) if item not in own)]
        else:
            result[key] = value
    return result


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _scoring(card: Scorecard) -> list[object]:
    # What a card says beside its score (targets, bands, its tests) may change without the calls being judged anew.
    return [card.title, [(s.id, s.title, s.rules) for s in card.steps], card.critical, card.critical_fails_call]


# Raised whenever the matchers or the phrase language begin to judge the same rules differently.
_JUDGING = 3


def _version(said: list[object]) -> str:
    # Examples and prose may be mended without changing a verdict, but they are part of what was agreed.
    return hashlib.sha256(msgspec.json.encode([_JUDGING, *said], order="sorted")).hexdigest()[:12]
