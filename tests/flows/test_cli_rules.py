"""Changing the rules from the command line: compare, begin, check."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from audit_rules.audit import audit
from audit_rules.examples import parse_example
from audit_rules.rulebook import load_rulebook
from flows.settings import load_settings
from warehouse.connect import open_writer
from warehouse.load import load, store_rulebook
from warehouse.publish import publish
from warehouse.tables import AuditedCall

CALLS = {
    "C-1": "[0-3] C: This is ridiculous.\n[4-7] A: I hear you. I am so sorry about it.",
    "C-2": "[0-3] C: This is ridiculous.\n[4-7] A: Account number please.",
}
APOLOGY = """\
- id: apology.given
  asks: Does the agent apologise?
  why: It costs nothing.
  sources: [A3]
  applies: upset
  expect: {any_of: [PHRASE]}
  examples: {met: 'C: This is ridiculous.', missed: 'A: no'}
"""


def transcript(call_id, text):
    made = parse_example(text).transcript
    about = msgspec.structs.replace(made.call, call_id=call_id, agent_name="Ann Lee")
    return msgspec.structs.replace(made, call=about)


@pytest.fixture(scope="session")
def shipped():
    return load_rulebook()


@pytest.fixture
def audited(installation, shipped):
    """Two tense calls, judged by the shipped rules, stored and published."""
    settings = load_settings(installation.settings)
    con = open_writer(settings.warehouse)
    store_rulebook(con, shipped, loaded_at=datetime(2026, 3, 9, tzinfo=UTC))
    transcripts = [transcript(i, text) for i, text in CALLS.items()]
    load(con, [AuditedCall(t, audit(t, shipped)) for t in transcripts], run_id="R1")
    publish(con, settings.published)
    return installation


def rules(installation, phrase, folder="rules"):
    path = installation.root / folder
    path.mkdir(exist_ok=True)
    (path / "apology.yaml").write_text(APOLOGY.replace("PHRASE", phrase))
    return path


def test_a_rulebook_does_not_differ_from_itself(audited):
    assert "say the same" in audited.callaudit("rules", "diff", "shipped", ".").stdout


def test_a_changed_rule_shows_each_flip_with_its_sentence_and_the_sums(audited):
    rules(audited, "account number")

    done = audited.callaudit("rules", "diff", "shipped", ".", check=1)

    assert "verdicts flipped on 2 calls" in done.stdout
    assert "apology.given  met -> missed" in done.stdout
    assert "0:04 agent: “I am so sorry about it.”" in done.stdout
    assert "0:04 agent: “Account number please.”" in done.stdout
    by_rule, by_agent = done.stdout.split("By rule")[1].split("By agent")
    assert "apology.given met -> missed 1" in " ".join(by_rule.split())
    assert "Ann Lee" in by_agent


def test_two_folders_are_compared_as_json(audited):
    old, new = rules(audited, "sorry", "old"), rules(audited, "apologies", "new")

    told = json.loads(audited.callaudit("rules", "diff", str(old), str(new), "--json", check=1).stdout)

    assert (told["calls"], told["golden"]) == (2, 0)
    assert told["old"] != told["new"]
    (flip,) = [f for f in told["flips"] if f["rule_id"] == "apology.given"]
    assert (flip["call_id"], flip["after"], flip["words"]["quote"]) == ("C-1", "missed", "sorry")


@pytest.mark.slow
def test_golden_verdicts_decide_whether_a_change_may_pass(audited):
    rules(audited, "account number")
    golden = audited.root / "golden.csv"
    golden.write_text("call_id,rule_id,verdict\nC-1,apology.given,missed\nC-9,apology.given,met\n")

    holds = audited.callaudit("rules", "diff", "shipped", ".", "--golden", str(golden))
    assert "1 of 1 golden verdicts hold." in holds.stdout
    assert "C-9 is not stored" in holds.stdout

    golden.write_text("call_id,rule_id,verdict\nC-1,apology.given,met\n")
    breaks = audited.callaudit("rules", "diff", "shipped", ".", "--golden", str(golden), check=3)
    assert "C-1 apology.given must be met, is missed" in breaks.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("C-9,apology.given,met", "no golden verdict"),
        ("C-1,apology.gven,met", "Did you mean “apology.given”?"),
        ("C-1,apology.given,yes", "golden.csv:2: “yes” is no verdict"),
    ],
)
def test_a_golden_file_that_checks_nothing_is_an_error(audited, line, said):
    golden = audited.root / "golden.csv"
    golden.write_text(f"call_id,rule_id,verdict\n{line}\n")
    assert said in audited.callaudit("rules", "diff", "shipped", ".", "--golden", str(golden), check=4).stderr


@pytest.mark.slow
def test_a_folder_without_rules_and_a_warehouse_without_calls_are_named(installation):
    assert "“nowhere” is no folder" in installation.callaudit("rules", "diff", "shipped", "nowhere", check=4).stderr
    assert "“inbox” holds no rules" in installation.callaudit("rules", "diff", "inbox", ".", check=4).stderr
    assert "nothing is published" in installation.callaudit("rules", "diff", "shipped", ".", check=4).stderr


@pytest.mark.slow
def test_a_new_rule_is_a_form_that_passes_lint_and_says_what_to_fill_in(installation):
    done = installation.callaudit("rules", "new", "apology.offers_remedy")
    assert "rules/apology.yaml" in done.stdout
    assert (installation.root / "rules" / "rule.schema.json").exists()

    lint = installation.callaudit("rules", "lint").stdout
    assert "apology.offers_remedy still to be filled in: asks" in lint
    assert "1 warning." in lint
    installation.callaudit("rules", "lint", "--strict", check=3)
    assert "2 of 2 examples pass" in installation.callaudit("rules", "test", "apology.offers_remedy").stdout

    again = installation.callaudit("rules", "new", "apology.offers_remedy", check=4)
    assert "already" in again.stderr
    assert "is no id" in installation.callaudit("rules", "new", "Apology", check=4).stderr


def test_without_rules_of_ones_own_there_is_nothing_of_ones_own_to_warn_about(installation):
    (installation.root / "rules").mkdir()
    assert "no problems" in installation.callaudit("rules", "lint", "--strict").stdout


def test_the_schema_is_printed_for_editors(installation):
    told = json.loads(installation.callaudit("rules", "schema").stdout)
    assert set(told["$defs"]["Rule"]["required"]) == {"id", "asks", "why", "sources", "examples"}
