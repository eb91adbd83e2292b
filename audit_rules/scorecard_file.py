"""The file of a scorecard, `scorecards/<name>.yaml`: a whole card, or what one's own does differently from another.

name: acme_care
extends: house                  # all that is not written here stays as it is there, also after an update
off: [personal, apology.is_not_a_reflex]      # steps or rules left out
steps:
  - id: apology
    rules: {apology.given: 4}   # another weight, or one more rule
  - id: opening                 # a new step needs a title; it comes last, or before the step it names
    title: Read the opening
    before: listen
    rules: {opening.says_recorded: 1}
"""

from collections.abc import Collection, Mapping
from typing import TypeVar

import msgspec

from callaudit.audit_rules.rule import Block, CallExample, Scorecard, Step, TeamTargets
from callaudit.audit_rules.rule_files.yaml_document import Document, suggest

T = TypeVar("T")


class StepFile(Block, frozen=True, kw_only=True):
    """A step as written: of a step that stands in the extended card only what is changed."""

    id: str
    title: str | None = None
    rules: dict[str, float] = msgspec.field(default_factory=dict)
    target: float | None = None
    before: str | None = None


class CardFile(Block, frozen=True, kw_only=True):
    """A scorecard as written. A key that is left out stays as in the card that it `extends`."""

    name: str
    title: str | None = None
    extends: str | None = None
    off: tuple[str, ...] = ()
    steps: tuple[StepFile, ...] = ()
    critical: tuple[str, ...] = ()
    critical_fails_call: bool | None = None
    target: float | None = None
    least_calls: int | None = None
    bands: dict[str, float] | None = None
    teams: dict[str, TeamTargets] = msgspec.field(default_factory=dict)
    examples: tuple[CallExample, ...] = ()


class Written(msgspec.Struct, frozen=True):
    """A card with the file it stands in."""

    file: CardFile
    document: Document


def resolved(layers: Mapping[str, list[Written]], rules: Collection[str]) -> dict[str, Scorecard]:
    """The cards by name, with all that is wrong in them noted in their documents.

    `layers` holds for each name the files that bear it, the shipped one first; the last counts, and one that extends
    its own name changes the one before. `rules` are the ids there are. Of a card that extends one with mistakes, or
    itself by way of others, nothing is made.
    """
    return _Resolving(layers, rules).all()


class _Resolving:
    def __init__(self, layers: Mapping[str, list[Written]], rules: Collection[str]) -> None:
        self.layers = layers
        self.rules = rules
        self._cards: dict[tuple[str, int], Scorecard | None] = {}

    def all(self) -> dict[str, Scorecard]:
        cards = {name: self._card(name, len(files) - 1) for name, files in self.layers.items()}
        return {name: card for name, card in cards.items() if card is not None}

    def _card(self, name: str, layer: int, asked_by: tuple[str, ...] = ()) -> Scorecard | None:
        if (name, layer) not in self._cards:
            self._cards[name, layer] = self._made(self.layers[name][layer], layer, asked_by)
        return self._cards[name, layer]

    def _made(self, written: Written, layer: int, asked_by: tuple[str, ...]) -> Scorecard | None:
        file, document = written.file, written.document
        if file.extends is None:
            _check_whole(file, document)
            base = Scorecard(name=file.name, title=file.title or "", steps=())
        else:
            found = self._base(file, document, layer, (*asked_by, file.name))
            if found is None:
                return None
            base = found
        _check(file, document, base, self.rules)
        return _changed(base, file)

    def _base(self, file: CardFile, document: Document, layer: int, way: tuple[str, ...]) -> Scorecard | None:
        name = file.extends or ""
        if name == file.name:
            if layer > 0:
                return self._card(name, layer - 1, way)
            document.problem(("extends",), f"there is no earlier scorecard {name} to extend")
        elif name in way:
            document.problem(("extends",), f"the scorecard extends itself: {' > '.join((*way, name))}")
        elif name not in self.layers:
            document.problem(("extends",), f"there is no scorecard {name}{suggest(name, self.layers)}")
        else:
            return self._card(name, len(self.layers[name]) - 1, way)
        return None


def _check_whole(file: CardFile, document: Document) -> None:
    if file.title is None:
        document.problem((), "“title” is missing here")
    if "steps" not in (document.value or {}):
        document.problem((), "“steps” is missing here; a card that changes another says which by “extends”")
    if file.off:
        document.problem(("off",), "“off” leaves out what another card has: say which by “extends”")


def _check(file: CardFile, document: Document, base: Scorecard, rules: Collection[str]) -> None:
    if file.name != document.path.stem:
        document.problem(("name",), f"{file.name} belongs in {file.name}.yaml: the name is the file's")
    on_base = {*(step.id for step in base.steps), *base.rules}
    for n, name in enumerate(file.off if file.extends else ()):
        if name not in on_base:
            document.problem(("off", n), f"{base.name} has no step or rule {name}{suggest(name, on_base)}")
    _check_steps(file, document, base, rules)
    for n, rule_id in enumerate(file.critical):
        _check_known(rule_id, ("critical", n), document, rules)
    _check_percent(file.target, ("target",), document)
    for name, lowest in (file.bands or {}).items():
        _check_percent(lowest, ("bands", name), document)
    steps = {step.id for step in base.steps} | {step.id for step in file.steps}
    for team, asked in file.teams.items():
        _check_percent(asked.target, ("teams", team, "target"), document)
        for step_id, target in asked.steps.items():
            at = ("teams", team, "steps", step_id)
            if step_id not in steps:
                document.problem(at, f"there is no step {step_id}{suggest(step_id, steps)}")
            _check_percent(target, at, document)


def _check_steps(file: CardFile, document: Document, base: Scorecard, rules: Collection[str]) -> None:
    off = set(file.off)
    before = {step.id for step in base.steps} - off
    seen: set[str] = set()
    for n, step in enumerate(file.steps):
        if step.id in seen:
            document.problem(("steps", n, "id"), f"the step {step.id} stands here twice")
        seen.add(step.id)
        if step.title is None and step.id not in before:
            document.problem(("steps", n), f"“title” is missing here: {step.id} is a new step")
        if step.before is not None and step.before not in (before | seen) - {step.id}:
            none = f"there is no step {step.before}{suggest(step.before, before)}"
            said = f"the step {step.before} is off here" if step.before in off else none
            document.problem(("steps", n, "before"), said)
        for rule_id, weight in step.rules.items():
            at = ("steps", n, "rules", rule_id)
            _check_known(rule_id, at, document, rules, f"step {step.id}: ")
            if not 0 < weight < float("inf"):
                document.problem(at, f"step {step.id}: the weight of {rule_id} must be above 0")
        _check_percent(step.target, ("steps", n, "target"), document)


def _check_known(
    rule_id: str, at: tuple[str | int, ...], document: Document, rules: Collection[str], where: str = ""
) -> None:
    if rule_id not in rules:
        document.problem(at, f"{where}there is no rule {rule_id}{suggest(rule_id, rules)}")


def _check_percent(value: float | None, at: tuple[str | int, ...], document: Document) -> None:
    if value is not None and not 0 <= value <= 100:
        document.problem(at, f"{value:g} is outside 0 to 100")


def _changed(base: Scorecard, file: CardFile) -> Scorecard:
    off = set(file.off)
    steps = {step.id: _less(step, off) for step in base.steps if step.id not in off}
    for change in file.steps:
        was = steps.get(change.id)
        step = Step(
            id=change.id,
            title=_or(change.title, was.title if was else change.id),
            rules=(was.rules if was else {}) | change.rules,
            target=_or(change.target, was.target if was else None),
        )
        steps = _placed(steps, step, change.before)
    kept = tuple(step for step in steps.values() if step.rules or step.id in {s.id for s in file.steps})
    on_it = {rule_id for step in kept for rule_id in step.rules}
    return Scorecard(
        name=file.name,
        title=_or(file.title, base.title),
        steps=kept,
        critical=tuple(dict.fromkeys((*(r for r in base.critical if r in on_it), *file.critical))),
        critical_fails_call=_or(file.critical_fails_call, base.critical_fails_call),
        target=_or(file.target, base.target),
        least_calls=_or(file.least_calls, base.least_calls),
        bands=_or(file.bands, base.bands),
        teams=base.teams | file.teams,
        examples=file.examples if file.name != base.name else (*base.examples, *file.examples),
    )


def _less(step: Step, off: Collection[str]) -> Step:
    return msgspec.structs.replace(step, rules={r: w for r, w in step.rules.items() if r not in off})


def _placed(steps: dict[str, Step], step: Step, before: str | None) -> dict[str, Step]:
    if before is None or before not in steps:
        return steps | {step.id: step}
    rest = {name: other for name, other in steps.items() if name != step.id}
    return {
        key: value
        for name, other in rest.items()
        for key, value in ([(step.id, step)] if name == before else []) + [(name, other)]
    }


def _or(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value
