"""A form for a new rule: valid from the start, honest about what is left to fill in."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from callaudit.audit_rules.authoring.examples import run_examples
from callaudit.audit_rules.authoring.lint import advice
from callaudit.audit_rules.authoring.new_rule import EDITOR_LINE, new_rule
from callaudit.audit_rules.rule_files.schema import rule_schema
from callaudit.audit_rules.rulebook import SHIPPED, load_rulebook
from callaudit.transcription.errors import InputError
from tests.support.rules import RulebookOf, block


@pytest.fixture
def few(rulebook_of: RulebookOf):
    """A rulebook of one rule, quick to load."""
    return rulebook_of(apology=block("expect: {any_of: [sorry]}"))


def test_the_form_is_a_rule_on_trial_whose_examples_pass(tmp_path, few) -> None:
    new_rule(tmp_path, "solution.offers_a_choice", few)

    rulebook = load_rulebook(tmp_path, recogniser=False)

    assert rulebook.rule("solution.offers_a_choice").status == "trial"
    outcomes = list(run_examples(rulebook, "solution.offers_a_choice"))
    assert len(outcomes) == 2
    assert all(o.passed for o in outcomes)


def test_lint_says_what_is_left_to_fill_in_and_is_content_when_it_is_done(tmp_path, few) -> None:
    path = new_rule(tmp_path, "solution.offers_a_choice", few)
    (left,) = advice(load_rulebook(tmp_path, shipped=False, recogniser=False))
    assert left.message == "still to be filled in: asks, why, sources, expect.any_of, examples.met"

    path.write_text(path.read_text().replace("FILL-IN", "you can choose"))

    assert advice(load_rulebook(tmp_path, shipped=False, recogniser=False)) == []


@pytest.mark.parametrize("name", ["apology", "Apology.given", "apology.", "apology.given.twice", "a b.c", "../x.y", ""])
def test_a_malformed_id_is_refused_and_nothing_is_written(tmp_path, few, name: str) -> None:
    with pytest.raises(InputError, match="is no id of a rule"):
        new_rule(tmp_path / "new", name, few)
    assert not (tmp_path / "new").exists()


def test_an_id_that_is_taken_is_refused_even_if_its_rule_is_retired(tmp_path, rulebook_of: RulebookOf) -> None:
    live = block("expect: {any_of: [sorry]}")
    for rule, why in ((live, "there is a rule"), (live.replace("  why:", "  status: retired\n  why:"), "never reused")):
        with pytest.raises(InputError, match=why):
            new_rule(tmp_path / "new", "apology.given", rulebook_of(apology=rule))


@pytest.mark.parametrize("step", ["words", "gate"])
def test_a_step_whose_file_holds_something_else_is_refused(tmp_path, few, step: str) -> None:
    with pytest.raises(InputError, match="cannot be a step"):
        new_rule(tmp_path, f"{step}.new_one", few)


@pytest.mark.parametrize(
    "before",
    [
        "- id: apology.own\n  asks: x # kept\n",
        "# Ours.\n\n  - id: apology.own\n    asks: x",
        "- id: apology.own\r\n  asks: x\r\n",
        "# Nothing yet.\n",
        "",
        f"{EDITOR_LINE}\n- id: apology.own\n",
    ],
)
def test_what_stands_in_the_file_is_kept_to_the_letter(tmp_path, few, before: str) -> None:
    path = tmp_path / "apology.yaml"
    path.write_bytes(before.encode())

    assert new_rule(tmp_path, "apology.offers_remedy", few) == path

    after = path.read_bytes().decode()
    assert before in after
    assert after.count("yaml-language-server") == 1
    assert ("\r\n" in before) == ("\r\n" in after)
    assert "\n" not in after.replace("\r\n", "") or "\r\n" not in before
    rules = yaml.safe_load(after)
    assert rules[:-1] == (yaml.safe_load(before) or [])
    assert rules[-1]["id"] == "apology.offers_remedy"


@pytest.mark.parametrize("before", ["id: apology.own\n", "[{id: apology.own}]\n", "- id: [\n"])
def test_a_file_to_which_nothing_can_be_added_is_left_alone(tmp_path, few, before: str) -> None:
    path = tmp_path / "apology.yaml"
    path.write_text(before)

    with pytest.raises(InputError, match="cannot be added"):
        new_rule(tmp_path, "apology.offers_remedy", few)

    assert path.read_text() == before
    assert [p.name for p in tmp_path.glob("*.y*")] == ["apology.yaml"]


def test_the_form_points_editors_to_the_schema_beside_it(tmp_path, few) -> None:
    path = new_rule(tmp_path, "solution.offers_a_choice", few)

    first, _, _ = path.read_text().partition("\n")

    assert first == "# yaml-language-server: $schema=rule.schema.json"
    assert (tmp_path / "rule.schema.json").read_bytes() == rule_schema()


def rules_of(path: Path) -> object:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(rule_schema())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_every_shipped_rule_file_and_the_form_fit_the_schema(tmp_path, few, validator) -> None:
    files = [p for p in SHIPPED.glob("rules/*.yaml") if p.stem not in ("words", "gate")]
    files.append(new_rule(tmp_path, "solution.offers_a_choice", few))

    assert len(files) > 10
    assert {p.name: [e.message for e in validator.iter_errors(rules_of(p))] for p in files} == {
        p.name: [] for p in files
    }


@pytest.mark.parametrize(
    "mistake",
    [
        block("expect: {any_off: [sorry]}"),
        block("expect: {any_of: [sorry]}\nnever: {any_of: [sorry]}"),
        block("applies: always"),
        block("status: lively\nexpect: {any_of: [sorry]}"),
        block("expect: {any_of: [sorry]}", rule_id="Apology"),
    ],
)
def test_a_mistake_does_not_fit_the_schema(validator, mistake: str) -> None:
    assert not validator.is_valid(yaml.safe_load(mistake))
