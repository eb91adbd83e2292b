"""One's own scorecards and rules: what is written counts, all else stays as in what is extended."""

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callaudit.audit_rules.authoring.examples import run_card_examples
from callaudit.audit_rules.authoring.lint import card_advice
from callaudit.audit_rules.authoring.new_rule import new_scorecard
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rule import CallExample, Scorecard, Step, TeamTargets
from callaudit.audit_rules.rule_files.yaml_document import Document, Problem
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook, read_rulebook
from callaudit.audit_rules.scorecard import score
from callaudit.audit_rules.scorecard_file import CardFile, Written, resolved
from callaudit.audit_rules.written import card_text, rule_text
from callaudit.transcription.errors import InputError
from tests.support.rules import RulebookOf, WriteRules, act, block

BASE = """\
name: base
title: The base
steps:
  - {id: hear, title: Hear, rules: {apology.given: 1, apology.named: 2}}
  - {id: mend, title: Mend, rules: {solution.given: 3}}
critical: [apology.named]
"""
RULES = {
    "apology": block("expect: {any_of: [i am sorry]}") + block("expect: {any_of: [for the]}", rule_id="apology.named"),
    "solution": block("expect: {any_of: [i will]}", rule_id="solution.given"),
}


@pytest.fixture
def card_of(rulebook_of: RulebookOf):
    """The card `own` of this text, which may extend `base`, and its rulebook."""

    def make(text: str):
        rulebook = rulebook_of(**RULES, cards_base=BASE, cards_own=dedent(text))
        return rulebook.scorecard("own"), rulebook

    return make


def test_a_card_that_changes_nothing_scores_as_the_one_it_extends(card_of) -> None:
    own, rulebook = card_of("name: own\nextends: base")
    base = rulebook.scorecard("base")

    assert (own.title, own.steps, own.critical) == (base.title, base.steps, base.critical)


def test_a_weight_changes_a_rule_comes_in_and_a_step_finds_its_place(card_of) -> None:
    own, _ = card_of("""\
        name: own
        extends: base
        steps:
          - {id: mend, target: 80, rules: {solution.given: 5, apology.given: 1}}
          - {id: open, title: Open, before: hear, rules: {apology.given: 1}}
          - {id: last, title: Last, rules: {apology.given: 2}}
        """)

    assert [step.id for step in own.steps] == ["open", "hear", "mend", "last"]
    assert own.steps[2] == Step(id="mend", title="Mend", rules={"solution.given": 5, "apology.given": 1}, target=80.0)


def test_what_is_off_is_gone_with_its_place_among_the_critical(card_of) -> None:
    own, _ = card_of("name: own\nextends: base\noff: [mend, apology.named]")

    assert own.steps == (Step(id="hear", title="Hear", rules={"apology.given": 1.0}),)
    assert own.critical == ()


def test_a_step_of_which_every_rule_is_off_is_off(card_of) -> None:
    assert [s.id for s in card_of("name: own\nextends: base\noff: [solution.given]")[0].steps] == ["hear"]


def test_cards_may_extend_one_another_and_a_shipped_card_itself(write_rules: WriteRules) -> None:
    more = "name: more\nextends: house\ntarget: 70\noff: [hold]"
    house = "name: house\nextends: house\ncritical_fails_call: true\ncritical: [apology.given]"
    own = write_rules(cards_house=house, cards_more=more)

    shipped = load_rulebook(recogniser=False).scorecard("house")
    cards = load_rulebook(own, recogniser=False).scorecards

    assert cards["house"].steps == shipped.steps
    assert cards["house"].critical == (*shipped.critical, "apology.given")
    assert (cards["more"].critical_fails_call, cards["more"].target) == (True, 70.0)
    assert [s.id for s in cards["more"].steps] == [s.id for s in shipped.steps if s.id != "hold"]


def test_scorecards_may_be_a_folder_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own\nextends: house\n")

    assert load_rulebook(tmp_path, recogniser=False).scorecard("own").title == "House scorecard"


@pytest.mark.parametrize("other", ["rules/own.yaml", "rules/scorecards/own.yaml"])
def test_a_card_stands_once_in_ones_own_folders(tmp_path: Path, other: str) -> None:
    for name in (other, "scorecards/own.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("name: own\nextends: house\n")

    _, problems = read_rulebook(tmp_path / "rules", tmp_path / "scorecards", recogniser=False)

    at = tmp_path / "scorecards" / "own.yaml"
    assert [str(p) for p in problems] == [f"{at}:1:7 the scorecard own already stands in {tmp_path / other}"]


@pytest.mark.parametrize("cards", ["rules", "rules/scorecards"])
def test_a_folder_that_is_named_twice_is_read_once(tmp_path: Path, cards: str) -> None:
    (tmp_path / cards).mkdir(parents=True)
    (tmp_path / cards / "house.yaml").write_text("name: house\nextends: house\noff: [hold]\n")

    rulebook = load_rulebook(tmp_path / "rules", tmp_path / cards, recogniser=False)

    assert "hold" not in {step.id for step in rulebook.scorecard("house").steps}


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("extends: bass", ["2:10 there is no scorecard bass. Did you mean “base”?"]),
        ("extends: own", ["2:10 there is no earlier scorecard own to extend"]),
        ("extends: base\noff: [mende]", ["3:7 base has no step or rule mende. Did you mean “mend”?"]),
        ("extends: base\nsteps:\n- {id: new, rules: {}}", ["4:3 “title” is missing here: new is a new step"]),
        ("extends: base\nsteps:\n- {id: mend, before: heer}", ["4:22 there is no step heer. Did you mean “hear”?"]),
        ("extends: base\noff: [hear]\nsteps:\n- {id: new, title: New, before: hear}",
         ["5:33 the step hear is off here"]),
        ("extends: base\noff: [mend]\nsteps:\n- {id: mend, rules: {}}", ["5:3 “title” is missing here: mend is a new"]),
        ("extends: base\ntarget: 101", ["3:9 101 is outside 0 to 100"]),
        ("extends: base\nbands: {good: -1}", ["3:15 -1 is outside 0 to 100"]),
        ("extends: base\nteams: {Red: {target: 50, steps: {hare: 3}}}", ["3:41 there is no step hare. Did you mean"]),
        ("title: Own\noff: [mend]\nsteps: []", ["3:1 “off” leaves out what another card has"]),
        ("title: Own", ["1:1 “steps” is missing here"]),
        ("extend: base\ntargt: 3\nleast_calls: many",
         ["2:9 “extend” is not a key here. Did you mean “extends”?", "3:8 “targt” is not a key here",
          "4:14 Expected a whole number"]),
        ("extends: base\nsteps:\n- {id: 1, rules: {apology.given: x}}\n- {rules: []}",
         ["4:8 Expected text, got a whole number", "4:34 Expected a number, got text", "5:3 “id” is missing here",
          "5:4 Expected a mapping"]),
    ],
)  # fmt: skip
def test_every_mistake_of_a_card_is_named_with_its_place(write_rules, text: str, problems: list[str]) -> None:
    folder = write_rules(**RULES, cards_base=BASE, cards_own=f"name: own\n{text}")

    _, found = read_rulebook(folder, shipped=False, recogniser=False)

    said = [str(p).partition("scorecards/own.yaml:")[2] for p in found]
    assert len(said) == len(problems), said
    assert all(s.startswith(p) for s, p in zip(said, problems, strict=True)), said


def test_cards_that_extend_each_other_are_told_by_their_way(write_rules) -> None:
    folder = write_rules(cards_a="name: a\nextends: b", cards_b="name: b\nextends: a")

    _, found = read_rulebook(folder, shipped=False, recogniser=False)

    assert [p.message for p in found] == ["the scorecard extends itself: a > b > a"]


def test_a_rule_is_added_to_without_being_copied(write_rules: WriteRules) -> None:
    change = dedent("""\
        - extends: apology.given
          status: trial
          expect: {any_of: [forgive us]}
          examples: {missed: "A: no"}
        """)
    first = write_rules("first", **RULES)
    second = write_rules("second", apology=change)

    rule = load_rulebook(first, second, shipped=False, recogniser=False).rule("apology.given")

    assert set(rule.expect.any_of) == {"i am sorry", "forgive us"}
    assert (rule.asks, rule.status) == ("Is it so?", "trial")
    assert (rule.examples.met, rule.examples.missed) == ("A: yes", "A: no")

    write_rules("first", apology=RULES["apology"].replace("i am sorry", "i am so sorry"))
    mended = load_rulebook(first, second, shipped=False, recogniser=False).rule("apology.given")
    assert set(mended.expect.any_of) == {"i am so sorry", "forgive us"}


def test_how_a_miss_is_said_is_replaced_and_an_example_of_one_is_added(write_rules: WriteRules) -> None:
    base = RULES["apology"].replace("why:", "missed: was rude\n  why:", 1).replace("{met:", "{missed: 'A: no', met:", 1)
    change = "- {extends: apology.given, missed: was impolite, examples: {missed: 'A: never'}}"
    folders = write_rules("first", apology=base), write_rules("second", apology=change)

    rule = load_rulebook(*folders, shipped=False, recogniser=False).rule("apology.given")

    assert (rule.missed, rule.examples.missed) == ("was impolite", ("A: never", "A: no"))


def test_an_act_is_added_to_without_being_copied(write_rules: WriteRules) -> None:
    first = write_rules("first", **act("waves", "hello"))
    second = write_rules("second", acts_waves="extends: waves\nphrases: [hi there]")

    waves = load_rulebook(first, second, shipped=False, recogniser=False).acts["waves"]

    assert (set(waves.phrases), waves.means) == ({"hello", "hi there"}, "It.")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("- extends: apology.gven", "1:12 there is no earlier one called apology.gven. Did you mean “apology.given”?"),
        ("- {extends: apology.given, id: apology.mine}", "1:32 a block that extends apology.given keeps its id"),
        ("- extends: apology.given\n  expect: {any_of: [forgive us, (a]}", "2:33 in “(a”: this “(” is never closed"),
        ("- extends: apology.given\n  never: {any_of: [no]}", "1:3 apology.given needs exactly one of"),
        ("- extends: apology.given\n- extends: apology.given", "2:12 the id apology.given is already used"),
        ("- extends: apology.given\n  whi: no", "2:8 “whi” is not a key here. Did you mean “why”?"),
    ],
)
def test_a_mistake_in_a_change_stands_where_the_change_is_written(write_rules, change: str, problem: str) -> None:
    first, second = write_rules("first", **RULES), write_rules("second", apology=change)

    _, found = read_rulebook(first, second, shipped=False, recogniser=False)

    assert [str(p).partition("second/apology.yaml:")[2][: len(problem)] for p in found] == [problem]


def test_every_mistake_of_a_rule_is_named(write_rules: WriteRules) -> None:
    text = dedent("""\
        - id: apology.given
          ask: Is it so?
          sources: A1
          status: alive
          expect: {any_off: [a], any_of: ['(b', 3], at_least: x}
          examples: {met: "A: yes"}
        """)

    _, found = read_rulebook(write_rules(apology=text), shipped=False, recogniser=False)

    assert [(p.line, p.column, p.message.split(".")[0].split(":")[0]) for p in found] == [
        (1, 3, "“asks” is missing here"), (1, 3, "“why” is missing here"), (2, 8, "“ask” is not a key here"),
        (3, 12, "Expected a list, got text"), (4, 11, "“alive” is not one of live, retired, trial"),
        (5, 12, "“any_off” is not a key here"), (5, 36, "in “(b”"), (5, 41, "Expected text, got a whole number"),
        (5, 55, "Expected a whole number, got text"),
    ]  # fmt: skip


def test_what_is_aimed_at_and_how_scores_are_called_changes_no_version(write_rules: WriteRules) -> None:
    def version(more: str) -> str:
        folder = write_rules(**RULES, cards_base=BASE + more)
        return load_rulebook(folder, shipped=False, recogniser=False).version

    plain = version("")
    aims = "target: 70\nleast_calls: 9\nbands: {good: 80}\nteams: {Red: {target: 60}}\nexamples: [{call: 'A: hi'}]\n"
    assert version(aims) == plain
    assert version("critical_fails_call: true\n") != plain


def test_a_score_bears_the_name_of_the_highest_band_it_reaches(card_of) -> None:
    own, _ = card_of("name: own\nextends: base\nbands: {fair: 60, good: 85}")

    assert [own.band(s) for s in (100, 85, 84.9, 60, 59)] == ["good", "good", "fair", "fair", ""]


def found(**verdicts: Verdict) -> dict[str, Verdict]:
    return {rule_id.replace("_", "."): verdict for rule_id, verdict in verdicts.items()}


@pytest.mark.parametrize(
    ("named", "value", "failed"),
    [(Verdict.MISSED, 0.0, True), (Verdict.UNSURE, 100.0, False), (Verdict.NOT_ASSESSABLE, 100.0, False)],
)
def test_a_critical_miss_fails_a_call_only_where_that_was_chosen(card_of, named, value, failed) -> None:
    verdicts = found(apology_given=Verdict.MET, apology_named=named, solution_given=Verdict.MET)
    own, rulebook = card_of("name: own\nextends: base\ncritical_fails_call: true")

    strict, lenient = (score(verdicts, rulebook, card) for card in (own, rulebook.scorecard("base")))

    assert (strict.score.value, strict.failed) == (value, failed)
    assert lenient.failed is False
    assert lenient.score.value != 0


def test_a_call_fails_for_what_is_known_even_where_little_was_judged(card_of) -> None:
    own, rulebook = card_of("name: own\nextends: base\ncritical_fails_call: true\ncritical: [apology.given]")
    verdicts = found(apology_given=Verdict.MISSED, solution_given=Verdict.UNSURE, apology_named=Verdict.UNSURE)

    assert score(verdicts, rulebook, own).score.value == 0.0
    assert score(verdicts, rulebook, rulebook.scorecard("base")).score.value is None


def test_a_critical_rule_that_stands_in_no_step_fails_no_call(card_of) -> None:
    critical = "critical_fails_call: true\ncritical: [apology.named]"
    own, rulebook = card_of(f"name: own\nextends: base\noff: [apology.named]\n{critical}")
    verdicts = found(apology_given=Verdict.MET, apology_named=Verdict.MISSED, solution_given=Verdict.MET)

    scored = score(verdicts, rulebook, own)

    assert (scored.failed, scored.critical_misses, scored.score.value) == (False, (), 100.0)


def test_a_cards_examples_are_held_to_their_limits(card_of) -> None:
    own, rulebook = card_of("""\
        name: own
        extends: base
        critical_fails_call: true
        examples:
          - {call: "C: It broke.\\nA: I am sorry for the trouble. I will mend it.", at_least: 100}
          - {call: "C: It broke.\\nA: I am sorry for the trouble.", at_least: 60}
          - {call: "C: It broke.\\nA: I will mend it.", failed: true}
          - {call: "C: It broke.\\nA: I will mend it.", at_least: 40}
        """)

    assert [o.passed for o in run_card_examples(rulebook, own)] == [True, False, True, False]


def test_what_is_seldom_meant_is_warned_of(card_of) -> None:
    _, rulebook = card_of("""\
        name: own
        title: Own
        steps: [{id: hear, title: Hear, rules: {apology.given: 1}}]
        critical: [solution.given]
        bands: {good: 80}
        examples: [{call: "B: hm"}]
        """)

    assert [a.message.partition(":")[0] for a in card_advice(rulebook) if a.rule_id == "own"] == [
        "an example cannot be read", "no band names scores below 80",
        "the critical rule solution.given stands in no step, so no call can miss it here",
    ]  # fmt: skip


def test_the_form_of_a_card_scores_as_the_one_it_extends(tmp_path: Path, shipped: Rulebook) -> None:
    path = new_scorecard(tmp_path, "acme_care", "six_step_process", shipped)

    own = load_rulebook(path.parent, recogniser=False).scorecard("acme_care")

    assert own.title == "Acme care"
    assert own.steps == shipped.scorecard("six_step_process").steps


def test_the_form_takes_its_examples_from_the_first_step_that_has_rules(tmp_path: Path, card_of) -> None:
    steps = "[{id: none, title: None, rules: {}}, {id: mend, title: Mend, rules: {solution.given: 1}}]"
    _, rulebook = card_of(f"name: own\ntitle: Own\nsteps: {steps}")

    assert "# off: [mend, solution.given]" in new_scorecard(tmp_path, "acme_care", "own", rulebook).read_text()


@pytest.mark.parametrize("steps", ["[]", "[{id: none, title: None, rules: {}}]"])
def test_a_form_cannot_extend_a_card_without_rules(tmp_path: Path, card_of, steps: str) -> None:
    _, rulebook = card_of(f"name: own\ntitle: Own\nsteps: {steps}")

    with pytest.raises(InputError, match="the scorecard own has no rules"):
        new_scorecard(tmp_path, "acme_care", "own", rulebook)

    assert not (tmp_path / "acme_care.yaml").exists()


def test_the_form_works_with_every_line_uncommented(tmp_path: Path, shipped: Rulebook) -> None:
    path = new_scorecard(tmp_path, "acme_care", "house", shipped)
    lines = path.read_text().splitlines()
    keys = [n for n, line in enumerate(lines) if line.startswith("#") and line[2:].partition(":")[0].isidentifier()]
    inside = [n for n, line in enumerate(lines) if line.startswith("#   ")]
    told = "\n".join(line[2:] if n in keys + inside else line for n, line in enumerate(lines))
    path.write_text(told.replace("off: [listen, listen.lets_customer_finish]", "off: [hold]"))
    rule = block("expect: {any_of: [this call is recorded]}", rule_id="opening.says_recorded")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "opening.yaml").write_text(rule)

    card = load_rulebook(tmp_path / "rules", tmp_path, recogniser=False).scorecard("acme_care")

    assert (card.target, card.least_calls, card.critical_fails_call) == (75.0, 20, True)
    assert card.steps[0].id == "opening"
    assert card.teams["Billing"].target == 70


@pytest.fixture(scope="module")
def shipped() -> Rulebook:
    return load_rulebook(recogniser=False)


def test_what_is_shown_says_the_same_when_it_is_read_again(tmp_path: Path, shipped: Rulebook) -> None:
    for rule in shipped.rules:
        with (tmp_path / f"{rule.step}.yaml").open("a") as file:
            file.write(rule_text(rule))
    (tmp_path / "scorecards").mkdir()
    for card in shipped.scorecards.values():
        text = card_text(card, {r.id: r.asks for r in shipped.rules})
        (tmp_path / "scorecards" / f"{card.name}.yaml").write_text(text)

    again = load_rulebook(tmp_path, recogniser=False)

    assert {r.id: r for r in again.rules} == {r.id: r for r in shipped.rules}
    assert again.scorecards == shipped.scorecards


percent = st.floats(0, 100) | st.integers(0, 100).map(float)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@settings(max_examples=50, deadline=None)
@given(
    target=st.none() | percent,
    weights=st.dictionaries(st.sampled_from(["apology.given", "apology.named"]), st.floats(1e-3, 1e6), min_size=1),
    bands=st.dictionaries(names, percent),
    fails=st.booleans(),
)
def test_any_card_that_is_shown_can_be_pasted(tmp_path_factory, target, weights, bands, fails) -> None:
    step = Step(id="a", title="A: b", rules=weights, target=target)
    card = Scorecard(
        name="base", title="no", steps=(step,), target=target, bands=bands, critical_fails_call=fails, least_calls=3,
        teams={"Red": TeamTargets(steps={"a": 3.0})}, examples=(CallExample(call="C: no\nA: yes\n", at_least=3.5),),
    )  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "base.yaml"
    path.write_text(card_text(card, {"apology.given": "Is it “so”? # really"}), encoding="utf-8")

    problems: list[Problem] = []
    document = Document(path, "base.yaml", problems)
    written = Written(document.convert(document.value, CardFile), document)

    assert resolved({"base": [written]}, weights) == {"base": card}
    assert problems == []
