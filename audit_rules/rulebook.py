"""Rule files in, a rulebook out: checked, compiled, and named by a hash of what it says.

A folder holds `<step>.yaml` files (lists of rule blocks), `words.yaml` (word lists for `<name>`),
`episodes.yaml` (cues) and `scorecards/<name>.yaml`. Later folders add to earlier ones and override by id.
"""

import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from audit_rules.episode import EpisodeCues
from audit_rules.index import Index
from audit_rules.matchers import Build, Matcher
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
from audit_rules.phrases import PhraseError
from audit_rules.rule import MATCHERS, Block, Cues, Phrases, Rule, Scorecard
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
_ID = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")


class Problem(msgspec.Struct, frozen=True, order=True):
    """What is wrong in a rule file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.message}"


class RulebookError(SetupError):
    """A rulebook with problems; `problems` lists all of them, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
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


class Rulebook:
    """All rules, compiled. Two rulebooks that say the same have the same `version`."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        words: Mapping[str, tuple[str, ...]],
        cues: Cues,
        scorecards: Mapping[str, Scorecard],
    ) -> None:
        self.rules = tuple(rules.values())
        self.words = words
        self.cues = cues
        self.scorecards = dict(scorecards)
        self.index = Index(words)
        self.episode_cues = EpisodeCues(cues, self.index)
        self.compiled = tuple(
            CompiledRule(
                rule,
                _BUILD[rule.matcher](rule.id, getattr(rule, rule.matcher), self.index),
                self.index.add(rule.when) if rule.when else None,
                self.index.add(rule.only_if) if rule.only_if else None,
            )
            for rule in self.rules
            if rule.status != "retired"
        )
        self.index.compile()
        self.sources = {c.rule.id: c.matcher for c in self.compiled}
        self.version = _version(self.rules, words, cues, self.scorecards)

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id; raises SetupError with the nearest ids."""
        found = next((r for r in self.rules if r.id == rule_id), None)
        if found is None:
            near = difflib.get_close_matches(rule_id, [r.id for r in self.rules], n=2)
            tries = tuple(f"callaudit rules show {n}" for n in near) or ("callaudit rules list",)
            raise SetupError(f"no rule is called “{rule_id}”", tries=tries)
        return found


def load_rulebook(*folders: Path) -> Rulebook:
    """The shipped rules with those of the folders added; raises RulebookError naming every problem."""
    rulebook, problems = read_rulebook(*folders)
    if rulebook is None or problems:
        raise RulebookError(problems)
    return rulebook


def read_rulebook(*folders: Path) -> tuple[Rulebook | None, list[Problem]]:
    """As `load_rulebook`, but hands the problems over; the rulebook is None where it cannot be built."""
    problems: list[Problem] = []
    rules: dict[str, Rule] = {}
    places: dict[str, _Document] = {}
    words: dict[str, tuple[str, ...]] = {}
    scorecards: dict[str, Scorecard] = {}
    cues: Cues | None = None
    for folder in (
        SHIPPED / "rules",
        SHIPPED / "scorecards",
        *(f for folder in folders for f in (folder, folder / "scorecards")),
    ):
        seen: dict[str, str] = {}
        for path in sorted(folder.glob("*.yaml")):
            document = _Document(path, problems)
            if document.value is None:
                continue
            if folder.name == "scorecards":
                card = document.convert(Scorecard)
                scorecards |= {card.name: card} if card else {}
            elif path.name == "words.yaml":
                words |= document.convert(dict[str, tuple[str, ...]]) or {}
            elif path.name == "episodes.yaml":
                cues = document.convert(Cues) or cues
            else:
                for at, rule in document.rules():
                    if rule.id in seen:
                        document.problem(at + ("id",), f"the id {rule.id} is already used in {seen[rule.id]}")
                    seen[rule.id] = path.name
                    rules[rule.id] = rule
                    places[rule.id] = document
                    document.rule_paths[rule.id] = at
    for rule in rules.values():
        _check(rule, rules, words, places[rule.id])
    for card in scorecards.values():
        for step in card.steps:
            problems.extend(
                Problem(
                    f"scorecards/{card.name}.yaml", 1, 1, f"step {step.id} names no live rule {r}{_suggest(r, rules)}"
                )
                for r in step.rules
                if r not in rules
            )
    if problems or cues is None:
        return None, problems
    return Rulebook(rules, words, cues, scorecards), problems


def _check(rule: Rule, rules: Mapping[str, Rule], words: Mapping[str, tuple[str, ...]], document: "_Document") -> None:
    at = document.rule_paths[rule.id]
    if not _ID.fullmatch(rule.id):
        document.problem((*at, "id"), f"“{rule.id}” is no id; write step.criterion in small letters")
    elif rule.step != document.path.stem:
        document.problem((*at, "id"), f"{rule.id} belongs in {rule.step}.yaml: the id begins with the file's name")
    matchers = [m for m in MATCHERS if getattr(rule, m) is not None]
    if len(matchers) != 1:
        found = "none" if not matchers else " and ".join(matchers)
        document.problem(at, f"{rule.id} needs exactly one of {', '.join(MATCHERS)}; found {found}")
        return
    if not rule.sources:
        document.problem((*at, "sources"), f"{rule.id} names no source")
    for path, phrases in _phrase_lists(rule, at):
        for event in phrases.events:
            if event not in rules:
                document.problem((*path, "events"), f"there is no rule {event}{_suggest(event, rules)}")
    for event in rule.restates.during if rule.restates else ():
        if event not in rules:
            document.problem((*at, "restates", "during"), f"there is no rule {event}{_suggest(event, rules)}")
    for path, phrase in _all_phrases(msgspec.to_builtins(rule), at):
        try:
            Index(words).add(Phrases(any_of=(phrase,)))
        except PhraseError as error:
            document.problem(path, f"in “{phrase}”: {error}", error.column)
    cycle = _cycle(rule.id, rules)
    if cycle:
        document.problem(at, f"the events of {rule.id} refer back to itself: {' > '.join(cycle)}")


def _phrase_lists(rule: Rule, at: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Phrases]]:
    for key in ("when", "only_if", "expect", "never", "at_most"):
        value = getattr(rule, key)
        if isinstance(value, Phrases):
            yield (*at, key), value
    if rule.never and rule.never.followed_by:
        yield (*at, "never", "followed_by"), rule.never.followed_by
    if rule.at_most and rule.at_most.unless_said:
        yield (*at, "at_most", "unless_said"), rule.at_most.unless_said
    if rule.kept_promise:
        yield (*at, "kept_promise"), Phrases(events=rule.kept_promise.events)
    if rule.order:
        yield (*at, "order", "first"), rule.order.first
        yield (*at, "order", "then"), rule.order.then


_PHRASE_KEYS = frozenset({"any_of", "unless", "lead", "asks", "gives", "heard", "made", "acknowledged_by"})


def _all_phrases(value: object, at: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _PHRASE_KEYS and isinstance(inner, list | tuple):
                yield from (((*at, key, n), phrase) for n, phrase in enumerate(inner))
            elif key != "examples":
                yield from _all_phrases(inner, (*at, key))


def _cycle(rule_id: str, rules: Mapping[str, Rule], path: tuple[str, ...] = ()) -> tuple[str, ...]:
    if rule_id in path:
        return (*path, rule_id)
    if rule_id not in rules:
        return ()
    rule = rules[rule_id]
    refers = {e for _, phrases in _phrase_lists(rule, ()) for e in phrases.events} | set(
        rule.restates.during if rule.restates else ()
    )
    return next((c for e in sorted(refers) if (c := _cycle(e, rules, (*path, rule_id)))), ())


def _suggest(word: str, known: Mapping[str, object] | list[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f". Did you mean “{near[0]}”?" if near else ""


def _version(rules: tuple[Rule, ...], words: object, cues: Cues, scorecards: object) -> str:
    # Examples and prose may be mended without changing a verdict, but they are part of what was agreed.
    said = msgspec.json.encode([sorted(rules, key=lambda r: r.id), words, cues, scorecards], order="sorted")
    return hashlib.sha256(said).hexdigest()[:12]


T = TypeVar("T")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `(?P<path>[^`]*)`)?")
_AT = re.compile(r"(?P<message>.*?)(?: - at `(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


class _Document:
    """A YAML file with the line and column of everything in it."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = problems
        self.marks: dict[tuple[str | int, ...], tuple[int, int]] = {(): (0, 0)}
        self.rule_paths: dict[str, tuple[str | int, ...]] = {}
        self.value: Any = None
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
            self.value = self._plain(node, ()) if node else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            problems.append(Problem(self._name, line, column, f"this is not YAML: {error.problem}"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            problems.append(Problem(self._name, 1, 1, f"this is not YAML: {error}"))

    @property
    def _name(self) -> str:
        return str(self.path.relative_to(SHIPPED) if self.path.is_relative_to(SHIPPED) else self.path)

    def _plain(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:
        self.marks[path] = (node.start_mark.line, node.start_mark.column)
        if isinstance(node, yaml.MappingNode):
            out: dict[str, Any] = {}
            for key, value in node.value:
                here = (*path, key.value)
                if key.value in out:
                    self.marks[here] = (key.start_mark.line, key.start_mark.column)
                    self.problem(here, f"“{key.value}” stands here twice")
                out[key.value] = self._plain(value, here)
                if not isinstance(value, yaml.ScalarNode):
                    self.marks[here] = (key.start_mark.line, key.start_mark.column)
            return out
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(value, (*path, n)) for n, value in enumerate(node.value)]
        return yaml.SafeLoader.construct_object(_CONSTRUCTOR, node)

    def problem(self, at: tuple[str | int, ...], message: str, column: int = 0) -> None:
        """Add a problem at the nearest place that the file names."""
        while at not in self.marks:
            at = at[:-1]
        line, start = self.marks[at]
        self.problems.append(Problem(self._name, line + 1, start + column + 1, message))

    def rules(self) -> Iterator[tuple[tuple[str | int, ...], Rule]]:
        """The rule blocks that can be read, each with its path."""
        if not isinstance(self.value, list):
            self.problem((), "a rule file is a list: begin each rule with “- id: ...”")
            return
        for n, block in enumerate(self.value):
            rule = self.convert(Rule, block, (n,))
            if rule is not None:
                yield (n,), rule

    def convert(self, shape: type[T], value: Any = None, at: tuple[str | int, ...] = ()) -> T | None:
        """The value as that struct, or None with a problem noted."""
        try:
            return msgspec.convert(self.value if value is None else value, shape)
        except msgspec.ValidationError as error:
            unknown = _UNKNOWN.fullmatch(str(error))
            if unknown:
                path = (*at, *_path(unknown["path"]))
                keys = _keys_at(shape, _path(unknown["path"]))
                self.problem(
                    (*path, unknown["key"]), f"“{unknown['key']}” is not a key here{_suggest(unknown['key'], keys)}"
                )
            else:
                match = _AT.fullmatch(str(error))
                assert match is not None
                self.problem((*at, *_path(match["path"])), match["message"])
            return None


_CONSTRUCTOR = yaml.SafeLoader("")


def _path(text: str | None) -> tuple[str | int, ...]:
    steps = _STEP.findall(text or "")
    return tuple(name or (int(number) if number.isdigit() else 0) for name, number in steps)


def _keys_at(shape: type, path: tuple[str | int, ...]) -> list[str]:
    blocks = _subclasses(Block)
    if not path:
        return [f.encode_name for f in msgspec.structs.fields(shape)] if issubclass(shape, Block) else []
    names = {f.encode_name for b in blocks for f in msgspec.structs.fields(b)}
    return sorted(names)


def _subclasses(cls: type[Block]) -> Iterator[type[Block]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)
