"""The examples in the rule files are the rules' own tests, and this runs them all."""

import pytest

from callaudit.audit_rules.authoring.examples import examples_of, parse_example, run_examples
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rule import Rule
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.audit_rules.sentences import reason_of
from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcript import RolesFrom, Span, SpeakerRole
from tests.support.rules import RulebookOf, block

SHIPPED = load_rulebook()
RULES = [pytest.param(rule, id=rule.id) for rule in SHIPPED.rules if rule.status != "retired"]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_of_its_examples_what_they_claim(rule: Rule) -> None:
    wrong = [
        f"{o.expected.value} was {o.finding.verdict.value} ({reason_of(o.finding)})\n{o.text}"
        for o in run_examples(SHIPPED, rule.id)
        if not o.passed
    ]
    assert wrong == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_the_examples_it_needs(rule: Rule) -> None:
    kinds = {verdict for verdict, _ in examples_of(rule)}

    assert {Verdict.MET, Verdict.MISSED} <= kinds
    if rule.applies == "upset" or rule.when or rule.only_if or rule.hold or rule.uses_name or rule.kept_promise:
        assert Verdict.NOT_APPLICABLE in kinds


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_reads_well(rule: Rule) -> None:
    assert rule.asks.endswith("?")
    assert rule.why.rstrip().endswith((".", "!"))


def test_an_example_has_roles_and_no_times() -> None:
    example = parse_example("C: Hello.\n\n  A: Hi, C: is a letter.")

    assert [(u.role.value, u.text) for u in example.transcript.utterances] == [
        ("customer", "Hello."), ("agent", "Hi, C: is a letter."),
    ]  # fmt: skip
    assert not example.transcript.has_times
    assert example.transcript.roles_from is RolesFrom.LABELS


def test_lines_with_times_are_speech_on_channels_of_their_own() -> None:
    transcript = parse_example("[0-4] C: One.\n[3-6] C: Two.\n[7.5-9] A: Three.").transcript

    assert transcript.speech == {SpeakerRole.CUSTOMER: (Span(0, 6),), SpeakerRole.AGENT: (Span(7.5, 9),)}


def test_one_line_without_times_leaves_the_call_without() -> None:
    assert parse_example("[0-4] C: One.\nA: Two.").transcript.speech == {}


def test_an_unknown_speaker_leaves_the_roles_unknown() -> None:
    assert parse_example("U: One.\nA: Two.").transcript.roles_from is RolesFrom.UNKNOWN


def test_later_calls_and_a_name_can_be_given() -> None:
    example = parse_example("customer name: Dana Ruiz\nC: Hi.\nlater call: outbound after 2.5 h\nknown until: 60 h")

    assert example.transcript.call.customer_name == "Dana Ruiz"
    (contact,) = example.contacts
    assert (contact.direction, (contact.started_at - example.transcript.call.started_at).total_seconds()) == (
        "outbound", 9000,
    )  # fmt: skip
    assert example.known_until is not None


@pytest.mark.parametrize("line", ["Hello.", "B: Hello.", "[1-x] A: Hello.", "[1] A: Hello.", "later call: soon"])
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(SetupError, match="is no line of an example"):
        parse_example(f"A: Hi.\n{line}")


def test_a_wrong_example_is_an_outcome_that_did_not_pass(rulebook_of: RulebookOf) -> None:
    rulebook: Rulebook = rulebook_of(apology=block("expect: {any_of: [sorry]}"))

    (outcome,) = run_examples(rulebook)

    assert not outcome.passed
    assert outcome.rule_id == "apology.given"
    assert outcome.expected is Verdict.MET
