"""How well rules agree with people: counts, intervals, and what of an utterance counts."""

import json
from pathlib import Path

import pytest

from callaudit.audit_rules.evaluation.estimates import wilson
from callaudit.audit_rules.evaluation.labelled_utterances import (
    Agreement,
    Check,
    Judged,
    Labelled,
    agreement_of,
    judge_rows,
    load_checks,
    read_rows,
)
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.transcription.errors import InputError
from tests.support.rules import RulebookOf, block

CHECKS = {
    "apology": Check(rules=("apology.given",)),
    "plain": Check(rules=("apology.given",), unless=("apology.fine",)),
}


@pytest.fixture
def rulebook(rulebook_of: RulebookOf) -> Rulebook:
    fine = block("expect: {any_of: [so sorry]}", rule_id="apology.fine")
    return rulebook_of(apology=block("expect: {any_of: [sorry, forgive me]}") + fine)


def row(text: str, label: int = 1, *, speaker: str = "agent", context: tuple[str, ...] = ()) -> Labelled:
    return Labelled(conversation_id="c", turn=0, speaker=speaker, text=text, label=label, context=context)


def line(text: str) -> str:
    return json.dumps({"conversation_id": "c", "turn": 0, "speaker": "agent", "context": [], "text": text, "label": 1})


def judged(rulebook: Rulebook, row: Labelled, check: str = "apology") -> Judged:
    (found,) = judge_rows([(check, row)], rulebook, CHECKS)
    return found


def test_words_of_the_utterance_are_found_with_their_quote(rulebook: Rulebook) -> None:
    found = judged(rulebook, row("I am Sorry."))

    assert (found.predicted, found.evidence) == (1, "Sorry")


def test_words_of_the_context_do_not_count(rulebook: Rulebook) -> None:
    for said_before in ("agent: Sorry!", "customer: Sorry!", "other: Sorry!"):
        assert judged(rulebook, row("Account number?", context=(said_before,))).predicted == 0


def test_the_customers_words_are_not_the_agents(rulebook: Rulebook) -> None:
    assert judged(rulebook, row("Sorry.", speaker="customer")).predicted == 0


def test_an_exception_takes_a_prediction_away(rulebook: Rulebook) -> None:
    assert judged(rulebook, row("Sorry."), "plain").predicted == 1
    assert judged(rulebook, row("So sorry."), "plain").predicted == 0


def test_upset_is_read_from_the_customers_cues(rulebook: Rulebook) -> None:
    (found,) = judge_rows([("upset", row("This is ridiculous.", speaker="x"))], rulebook, {"upset": Check(cue="upset")})

    assert found.predicted == 1


def test_rows_of_an_unmapped_check_are_left_out(rulebook: Rulebook) -> None:
    assert list(judge_rows([("other", row("Sorry."))], rulebook, CHECKS)) == []


def test_agreement_counts_the_four_cases(rulebook: Rulebook) -> None:
    rows = [
        ("apology", row(t, label)) for t, label in (("Sorry.", 1), ("Sorry.", 0), ("No.", 1), ("No.", 0), ("No.", 0))
    ]

    (found,) = agreement_of(judge_rows(rows, rulebook, CHECKS))

    assert found == Agreement(check="apology", true_positive=1, false_positive=1, false_negative=1, true_negative=2)
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)


def test_shares_of_nothing_are_nought() -> None:
    empty = Agreement(check="x", true_positive=0, false_positive=0, false_negative=0, true_negative=3)

    assert (empty.precision, empty.recall, empty.f1) == (0, 0, 0)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 0, 0, 1), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (5, 10, 0.2366, 0.7634), (24, 65, 0.2624, 0.4907)],
)
def test_the_interval_is_wilsons(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-4)


def test_rows_are_read_from_a_file_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(f"{line('1')}\n{line('2')}\n", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text(f"{line('0')}\n\n", encoding="utf-8")

    assert [(name, r.text) for name, r in read_rows(tmp_path)] == [("a", "0"), ("b", "1"), ("b", "2")]
    assert len(list(read_rows(tmp_path / "b.jsonl"))) == 2


def test_a_missing_file_and_a_broken_line_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no labelled utterances"):
        list(read_rows(tmp_path / "none.jsonl"))
    (tmp_path / "b.jsonl").write_text(f"{line('1')}\nno\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"b\.jsonl:2 is not JSON"):
        list(read_rows(tmp_path))


def test_every_mapped_rule_and_act_exists() -> None:
    rulebook = load_rulebook(recogniser=False)
    known = {r.id for r in rulebook.rules}

    assert {r for check in load_checks().values() for r in (*check.rules, *check.unless)} <= known
    assert {a for check in load_checks().values() for a in check.acts} <= rulebook.acts.keys()


def test_an_utterance_that_is_only_a_signal_answers_the_label_of_one(rulebook) -> None:
    rows = [
        ("s", Labelled(conversation_id="c", turn=n, speaker="other", text=t, label=1))
        for n, t in enumerate(("me018: uhhuh .", "B: Right.", "Yeah, but I paid.", "Um."))
    ]
    judged = judge_rows(rows, rulebook, {"s": Check(cue="signal")})

    assert [j.predicted for j in judged] == [1, 1, 0, 1]


def test_an_interruption_is_judged_by_times(rulebook) -> None:
    def row(text: str, start: float, end: float) -> tuple[str, Labelled]:
        before = {"context": ("me: and then",), "context_spans": ((0.0, 5.0),)}
        return "i", Labelled(
            conversation_id="c", turn=1, speaker="b", text=text, label=1, start=start, end=end, **before
        )

    rows = [row("b: But that is", 3.0, 9.0), row("b: uhhuh .", 3.0, 9.0), row("b: But that is", 5.5, 9.0)]

    assert [j.predicted for j in judge_rows(rows, rulebook, {"i": Check(cue="interruption")})] == [1, 0, 0]


def test_an_interruption_without_times_is_refused(rulebook) -> None:
    row = Labelled(conversation_id="c7", turn=1, speaker="b", text="but", label=1)
    with pytest.raises(InputError, match="c7 has no times"):
        list(judge_rows([("i", row)], rulebook, {"i": Check(cue="interruption")}))
