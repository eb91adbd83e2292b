"""`callaudit rules evaluate` as a QA lead meets it."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.rulebooks import store_rulebook


def write_rows(file: Path, *rows: tuple[str, int, str]) -> None:
    lines = [
        {
            "conversation_id": f"c{n}",
            "turn": n,
            "speaker": "agent",
            "context": [],
            "text": text,
            "label": label,
            "sample": sample,
        }
        for n, (text, label, sample) in enumerate(rows)
    ]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    folder = tmp_path / "labelled"
    folder.mkdir()
    write_rows(
        folder / "apology.jsonl",
        ("I am so sorry about that.", 1, "random"),
        ("I apologize for the delay.", 1, "net"),
        ("Sorry, what was the number?", 0, "net"),
        ("Please accept our regrets.", 1, "net"),
        ("The parcel is on its way.", 0, "random"),
    )
    write_rows(folder / "pub_apology_words.jsonl", ("I am sorry.", 1, ""))
    write_rows(folder / "wit.jsonl", ("A joke.", 1, ""))
    return folder


def test_utterances_are_measured_and_what_is_not_mapped_is_said(installation, labelled):
    done = installation.callaudit("rules", "evaluate", str(labelled), "--show-errors", "3")

    assert "Skipped: wit.jsonl" in done.stdout
    header, row = (line for line in done.stdout.splitlines() if line.startswith(("check ", "apology ")))
    assert header.split()[:4] == ["check", "n", "positives", "precision"]
    assert row.split()[1:3] == ["5", "3"]
    assert "1.000 (0.207 to 1.000) of 1" in row
    assert "Mean F1 of the 1 hand-labelled checks" in done.stdout
    assert "labelled, not found\n    Please accept our regrets.  c3:3" in done.stdout

    done = installation.callaudit("rules", "evaluate", str(labelled), "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(r["check"], r["label"], r["predicted"]) for r in rows][:2] == [("apology", 1, 1), ("apology", 1, 1)]
    assert len(rows) == 6
    assert "Skipped: wit.jsonl" in done.stderr


def test_errors_cannot_be_listed_among_rows(installation, labelled):
    done = installation.callaudit("rules", "evaluate", str(labelled), "--json", "--show-errors", "3", check=2)

    assert "--show-errors" in done.stderr
    assert done.stdout == ""


def test_a_misspelt_check_and_an_unmapped_one_are_answered(installation, labelled):
    done = installation.callaudit("rules", "evaluate", str(labelled), "--check", "apolgy", check=4)
    assert "Did you mean “apology”?" in done.stderr
    done = installation.callaudit("rules", "evaluate", str(labelled), "--check", "wit", check=4)
    assert "no rule answers the labels of wit" in done.stderr
    assert "--mapping FILE" in done.stderr


def test_a_check_of_ones_own_is_mapped_to_rules(installation, labelled):
    mapping = installation.root / "mapping.yaml"
    mapping.write_text("wit: {rules: [apology.givn]}\n")
    arguments = ("rules", "evaluate", str(labelled / "wit.jsonl"), "--mapping", str(mapping))
    assert "apology.given" in installation.callaudit(*arguments, check=3).stderr
    mapping.write_text("wit: {rules: [apology.given]}\n")
    assert "wit" in installation.callaudit(*arguments).stdout


def test_without_anything_to_measure_it_says_what_to_give(installation):
    assert "--calls FILE" in installation.callaudit("rules", "evaluate", check=2).stderr


@pytest.fixture
def audited(installation):
    """Two calls in the published copy: an apology, and none where one was due."""
    rulebook = load_rulebook()
    calls = []
    for call_id, answer in (("C1", "I am so sorry about that."), ("C2", "Next.")):
        heard = parse_example(f"C: This is the third time I have called, this is ridiculous.\nA: {answer}").transcript
        heard = replace(heard, call=replace(heard.call, call_id=call_id))
        calls.append(AuditedCall(heard, audit(heard, rulebook)))
    home = installation.root / "callaudit-home"
    con = open_writer(home / "warehouse.duckdb")
    store_rulebook(con, rulebook)
    load(con, calls, run_id="r1")
    publish(con, home / "published")
    return installation


def test_whole_calls_are_compared_with_the_rules_verdicts(audited):
    reviews = audited.root / "reviews.csv"
    lines = ["call_id,rule_id,verdict,reviewer", "C1,apology.given,met,ann", "C2,apology.given,missed,ann"]
    lines += ["C1,apology.given,met,bob", "C2,apology.given,met,bob", "C9,apology.given,met,ann"]
    reviews.write_text("\n".join(lines) + "\n")
    done = audited.callaudit("rules", "evaluate", "--calls", str(reviews))

    assert "calls that the rules have not judged: C9" in done.stdout
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("apology.given"))
    assert row.split()[1:6] == ["2", "2", "4", "0", "0.750"]
    assert audited.callaudit("rules", "evaluate", "--calls", str(reviews)).stdout == done.stdout


def test_whole_calls_can_be_had_as_one_row_for_each_call_and_rule(audited):
    reviews = audited.root / "reviews.csv"
    lines = ["call_id,rule_id,verdict,reviewer", "C2,apology.given,met,ann", "C2,apology.given,missed,bob"]
    reviews.write_text("\n".join([*lines, "C1,apology.given,met,ann", "C9,apology.given,met,ann"]) + "\n")
    done = audited.callaudit("rules", "evaluate", "--calls", str(reviews), "--json")

    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["call_id"], first["rule_verdict"], first["reviews"]) == ("C1", "met", {"ann": "met"})
    assert (second["call_id"], second["reviews"]) == ("C2", {"ann": "met", "bob": "missed"})
    assert second["rule_id"] == "apology.given"
    assert second["reason"]


def test_a_review_by_a_misspelt_rule_is_answered_with_the_nearest_one(audited):
    reviews = audited.root / "reviews.csv"
    reviews.write_text("call_id,rule_id,verdict,reviewer\nC1,apology.givn,met,ann\n")
    done = audited.callaudit("rules", "evaluate", "--calls", str(reviews), check=4)
    assert "reviews.csv:2: no rule is called “apology.givn”. Did you mean “apology.given”?" in done.stderr


def test_whole_calls_without_a_published_run_say_what_to_do(installation):
    reviews = installation.root / "reviews.csv"
    reviews.write_text("call_id,rule_id,verdict,reviewer\nC1,apology.given,met,ann\n")
    done = installation.callaudit("rules", "evaluate", "--calls", str(reviews), check=4)
    assert "try: callaudit run" in done.stderr
