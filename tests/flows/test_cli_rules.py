"""Changing the rules from the command line: compare, begin, check."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.evaluation.backtest import backtest
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.cli.rules_diff import show_backtest
from callaudit.flows.settings import load_settings
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.rulebooks import store_rulebook

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


def test_scores_left_out_of_a_diff_are_to_be_had_by_an_option_that_it_has(tmp_path, capsys):
    books = []
    for phrase in ("so sorry", "account number"):
        folder = tmp_path / phrase
        folder.mkdir()
        (folder / "apology.yaml").write_text(APOLOGY.replace("PHRASE", phrase))
        (folder / "own.yaml").write_text("name: own\nextends: house\n")
        books.append(load_rulebook(folder, recogniser=False))
    calls = [transcript(f"C-{n}", CALLS["C-1"]) for n in range(22)]

    show_backtest(backtest(calls, *books, scorecard="own"))

    assert capsys.readouterr().out.splitlines()[-1] == "... and 2 more: --json"


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
    unused = installation.without_home()
    assert "nothing is published" in unused.callaudit("rules", "diff", "shipped", ".", check=4).stderr


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


def worked_example(root):
    """Writes the files that docs/scorecards.md shows."""
    page = (Path(__file__).parents[2] / "docs" / "scorecards.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def test_the_worked_example_of_the_guide_holds_and_its_scores_are_compared(audited):
    worked_example(audited.root)

    tested = audited.callaudit("scorecards", "test", "acme_care").stdout
    assert "2 of 2 example calls of acme_care pass." in tested

    told = json.loads(audited.callaudit("scorecards", "diff", "house", "acme_care", "--json").stdout)
    assert (told["old"], told["new"], told["calls"]) == ("house", "acme_care", 2)
    assert {c["call_id"]: c["after"] > c["before"] for c in told["changes"]}["C-1"]

    shown = audited.callaudit("scorecards", "diff", "house", "acme_care", "--limit", "1").stdout
    assert "scores change, house to acme_care; mean score " in shown
    assert "C-1" in shown


@pytest.mark.slow
def test_a_new_scorecard_is_listed_checked_and_shown(installation):
    assert "scorecards/acme.yaml" in installation.callaudit("scorecards", "new", "acme").stdout
    assert "acme already" in installation.callaudit("scorecards", "new", "acme", check=4).stderr

    (line,) = [x for x in installation.callaudit("scorecards", "list").stdout.splitlines() if x.startswith("acme ")]
    assert line.split() == ["acme", "Acme", "14", "47", "yours"]
    assert "6 scorecards, version " in installation.callaudit("scorecards", "lint", "--strict").stdout

    card = installation.root / "scorecards" / "acme.yaml"
    card.write_text("name: acme\nextends: house\nleast_calls: few\ntargt: 3\n")
    done = installation.callaudit("scorecards", "lint", check=3)
    assert "acme.yaml:3:14 Expected a whole number, got text" in done.stdout
    assert "acme.yaml:4:8 “targt” is not a key here. Did you mean “target”?" in done.stdout


@pytest.mark.parametrize("folder", ["rules", "rules/scorecards", "scorecards", "scorecards/scorecards"])
def test_a_card_is_listed_as_ones_own_wherever_it_lies(installation, folder):
    home = installation.root / folder
    home.mkdir(parents=True)
    (home / "acme.yaml").write_text("name: acme\nextends: house\n")
    (home / "house.yaml").write_text("name: house\nextends: house\ntarget: 70\n")

    lines = installation.callaudit("scorecards", "list").stdout.splitlines()

    assert next(x for x in lines if x.startswith("acme ")).rstrip().endswith("yours")
    assert "shipped, changed by you" in next(x for x in lines if x.startswith("house "))


@pytest.mark.slow
def test_what_show_prints_is_yaml_that_lint_takes(installation):
    (installation.root / "rules").mkdir()
    (installation.root / "scorecards").mkdir()
    shown = installation.callaudit("rules", "show", "apology.given").stdout
    (installation.root / "rules" / "apology.yaml").write_text(shown)
    card = installation.callaudit("scorecards", "show", "five_tips").stdout
    assert "apology.given: 1                        # Does the agent apologise?" in card
    (installation.root / "scorecards" / "mine.yaml").write_text(card.replace("name: five_tips", "name: mine"))

    assert "no problems" in installation.callaudit("rules", "lint", "--strict").stdout
    assert "no scorecard is called “min”" in installation.callaudit("scorecards", "show", "min", check=3).stderr


@pytest.mark.slow
def test_a_rule_that_weighs_differently_changes_scores_and_flips_nothing(audited):
    (audited.root / "scorecards").mkdir()
    change = "name: house\nextends: house\nsteps: [{id: apology, rules: {apology.given: 9}}]\n"
    (audited.root / "scorecards" / "house.yaml").write_text(change)

    done = audited.callaudit("rules", "diff", "shipped", ".")

    assert "0 verdicts flipped" in done.stdout
    assert "Scores by house" in done.stdout
