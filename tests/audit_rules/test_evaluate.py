"""Intervals and agreement against published values; what counts as an error; reviews of whole calls."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.evaluation.estimates import Counts, cohens_kappa, f1_interval, krippendorffs_alpha
from callaudit.audit_rules.evaluation.labelled_utterances import (
    Agreement,
    Judged,
    agreement_of,
    labelled_files,
    load_checks,
    macro_f1,
    read_rows,
    worst_errors,
)
from callaudit.audit_rules.evaluation.reviewed_calls import Review, check_rules, compare, read_reviews
from callaudit.audit_rules.finding import Verdict
from callaudit.transcription.errors import InputError, SetupError

MET, MISSED = Verdict.MET, Verdict.MISSED


def one_call_each(table: Sequence[Sequence[int]]) -> Counts:
    """A table of two judges as calls that each were judged once by both."""
    cells = np.eye(len(table) ** 2, dtype=np.int64).reshape(-1, len(table), len(table))
    return np.repeat(cells, np.ravel(table), axis=0)


def judged(label: int, predicted: int, *, turn: int = 0, of: str = "c", said: str = "", sample: str = "") -> Judged:
    return Judged(
        check="x",
        conversation_id=of,
        turn=turn,
        label=label,
        predicted=predicted,
        evidence=said,
        text="text",
        sample=sample,
    )


def review(call_id: str, verdict: Verdict, reviewer: str = "ann", rule_id: str = "apology.given") -> Review:
    return Review(call_id=call_id, rule_id=rule_id, verdict=verdict, reviewer=reviewer, place="r.csv:2")


# Estimates


@pytest.mark.parametrize(
    ("table", "kappa", "half"),
    [
        # Fleiss, Cohen and Everitt 1969, 200 subjects; half an interval by the standard error of Cohen 1960.
        ([[106, 10, 4], [22, 28, 10], [2, 12, 6]], 0.429, 0.121),
        # Cohen 1960.
        ([[88, 14, 18], [10, 40, 10], [2, 6, 12]], 0.492, 0.104),
        ([[20, 5], [10, 15]], 0.4, 0.25),
    ],
)
def test_kappa_is_the_published_one(table: list[list[int]], kappa: float, half: float) -> None:
    found = cohens_kappa(one_call_each(table))

    assert found is not None
    assert found.interval is not None
    assert found.value == pytest.approx(kappa, abs=5e-4)
    assert (found.interval[1] - found.interval[0]) / 2 == pytest.approx(half, rel=0.1)


def test_alpha_is_the_published_one() -> None:
    """Krippendorff 2011, “Computing Krippendorff's alpha-reliability”, example C: four judges, gaps, alpha 0.743."""
    judges = "123321412...", "1233224125.3", ".3332342251.", "12332441251."
    units = [[judge[n] for judge in judges] for n in range(12)]
    found = krippendorffs_alpha(np.array([[unit.count(v) for v in "12345"] for unit in units]))

    assert found is not None
    assert found.value == pytest.approx(0.743, abs=5e-4)


def test_agreement_beyond_chance_is_undefined_where_all_say_the_same() -> None:
    assert cohens_kappa(one_call_each([[9, 0], [0, 0]])) is None
    assert krippendorffs_alpha(np.array([[2, 0], [2, 0]])) is None
    assert krippendorffs_alpha(np.array([[1, 0], [0, 1]])) is None


def test_full_agreement_on_a_few_is_not_taken_for_certain() -> None:
    few, many = cohens_kappa(one_call_each([[8, 0], [0, 2]])), cohens_kappa(one_call_each([[160, 0], [0, 40]]))

    assert few is not None
    assert many is not None
    assert few.value == many.value == 1
    assert few.interval is not None
    assert many.interval is not None
    assert few.interval[0] < 0.3 < 0.9 < many.interval[0] < 1
    assert few.interval[1] == many.interval[1] == 1


def test_the_range_of_kappa_ends_where_kappa_does() -> None:
    found = cohens_kappa(one_call_each([[0, 1], [3, 12]]))

    assert found is not None
    assert found.interval is not None
    assert -1 <= found.interval[0] <= found.value <= found.interval[1] <= 1


def test_judgements_that_are_alike_within_calls_say_less() -> None:
    apart = cohens_kappa(one_call_each([[24, 6], [6, 24]]))
    within = cohens_kappa(np.array([[[4, 0], [0, 4]]] * 6 + [[[0, 2], [2, 0]]] * 3))

    assert apart is not None
    assert within is not None
    assert within.value == pytest.approx(apart.value)
    assert within.interval is not None
    assert apart.interval is not None
    assert within.interval[0] < apart.interval[0] - 0.1


def test_a_single_call_gives_no_interval() -> None:
    kappa, alpha = cohens_kappa(np.array([[[1, 1], [0, 1]]])), krippendorffs_alpha(np.array([[2, 1]]))

    assert kappa is not None
    assert alpha is not None
    assert (kappa.interval, alpha.interval) == (None, None)


def test_the_same_judgements_give_the_same_interval() -> None:
    tables = one_call_each([[20, 5], [10, 15]])

    assert cohens_kappa(tables) == cohens_kappa(tables)


def test_alpha_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "krippendorff", None)

    with pytest.raises(SetupError, match=r"pip install 'call-audit\[agreement\]'"):
        krippendorffs_alpha(np.array([[2, 1], [1, 2]]))


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_the_interval_of_f1_holds_f1_and_has_a_width(right: int, wrong: int, missed: int) -> None:
    agreement = Agreement(check="x", true_positive=right, false_positive=wrong, false_negative=missed, true_negative=0)
    low, high = agreement.f1_interval

    assert 0 <= low <= agreement.f1 + 1e-9
    assert agreement.f1 - 1e-9 <= high <= 1
    assert low < high


def test_the_interval_of_f1_is_wilsons_carried_over() -> None:
    # F* is 1 of 2, Wilson's interval of which is 0.0945 to 0.9055.
    assert f1_interval(1, 1, 0) == pytest.approx((0.1727, 0.9504), abs=5e-4)


# Labelled utterances


def test_the_mean_f1_counts_each_check_alike() -> None:
    rows = [judged(1, 1, of="a"), judged(1, 1, of="b"), judged(0, 1, of="c")]
    other = [Judged(check="y", conversation_id="a", turn=1, label=1, predicted=0, evidence="", text="")]
    mean = macro_f1([*rows, *other])

    assert mean is not None
    assert mean.value == pytest.approx((0.8 + 0) / 2)
    assert mean.value == pytest.approx(np.mean([a.f1 for a in agreement_of([*rows, *other])]))
    assert mean.interval is not None
    assert mean.interval[0] < mean.value <= mean.interval[1]
    assert macro_f1([]) is None


def test_the_words_that_mislead_most_come_first_then_the_random_sample() -> None:
    found = worst_errors(
        [
            judged(0, 1, turn=1, said="once"),
            judged(0, 1, turn=2, said="Often"),
            judged(0, 1, turn=3, said="often", sample="random"),
            judged(1, 0, turn=4),
            judged(1, 0, turn=5, sample="random"),
            judged(1, 1, turn=6, said="right"),
        ],
        2,
    )

    assert [j.turn for j in found.wrongly_found] == [3, 2]
    assert [j.turn for j in found.not_found] == [5, 4]


@pytest.mark.parametrize(
    ("line", "what", "why"),
    [
        ("{", "apology.jsonl:2 is not JSON", ""),
        ("[]", "apology.jsonl:2 is not a labelled utterance", "Expected `object`"),
        ({"label": None}, "apology.jsonl:2 is not a labelled utterance", "label"),
        ({"label": 2}, "apology.jsonl:2 is not a labelled utterance", "$.label"),
        ({"text": None}, "apology.jsonl:2 is not a labelled utterance", "text"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_field(
    tmp_path: Path, line: str | dict[str, object], what: str, why: str
) -> None:
    good = {"conversation_id": "c", "turn": 0, "speaker": "agent", "text": "Sorry.", "label": 1}
    if isinstance(line, dict):
        line = json.dumps({k: v for k, v in {**good, **line}.items() if v is not None})
    file = tmp_path / "apology.jsonl"
    file.write_text(f"{json.dumps(good)}\n{line}\n", encoding="utf-8")

    with pytest.raises(InputError) as error:
        list(read_rows(file))
    assert error.value.what == what
    assert why in error.value.why


def test_a_misspelt_check_is_answered_with_the_nearest_one(tmp_path: Path) -> None:
    for name in ("apology", "empathy"):
        (tmp_path / f"{name}.jsonl").touch()

    assert [file.stem for file in labelled_files(tmp_path, only=("empathy",))] == ["empathy"]
    with pytest.raises(InputError, match="Did you mean “apology”"):
        labelled_files(tmp_path, only=("apolgy",))


def test_a_mapping_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text("apology: {rule: [apology.given]}\n", encoding="utf-8")

    with pytest.raises(SetupError, match="does not map checks to rules"):
        load_checks(file)


# Whole calls


def test_where_the_rule_is_unsure_there_is_nothing_to_agree_with() -> None:
    findings = {("C1", "apology.given"): MET, ("C2", "apology.given"): Verdict.UNSURE}
    reviews = [review("C1", MET), review("C2", MISSED), review("C2", MET, "bob")]
    (found,) = compare(reviews, findings)
    (open_only,) = compare(reviews[1:], findings)

    assert (found.calls, found.judgements, found.agreed, found.unsure) == (1, 1, 1, 2)
    assert (open_only.judgements, open_only.unsure, open_only.agreement, open_only.kappa) == (0, 2, None, None)


def test_people_are_compared_with_the_rule_and_with_each_other() -> None:
    findings = {(f"C{n}", "apology.given"): MET if n < 3 else MISSED for n in range(5)}
    ann = [review(f"C{n}", MET if n < 2 else MISSED) for n in range(5)]
    bob = [review(f"C{n}", MET if n < 2 else MISSED, "bob") for n in range(4)]
    (found,) = compare([*ann, *bob, review("unknown", MET)], findings)

    assert (found.rule_id, found.calls, found.reviewers) == ("apology.given", 5, 2)
    assert (found.judgements, found.agreed) == (9, 7)
    # By hand: 7 of 9 agree; by chance (6 * 4 + 3 * 5) / 81 would.
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx((7 / 9 - 39 / 81) / (1 - 39 / 81))
    assert found.alpha is not None
    assert found.alpha_people is not None
    assert found.alpha.value < found.alpha_people.value == 1
    assert found.agreement is not None
    assert found.agreement.interval == pytest.approx((0.4526, 0.9368), abs=5e-4)


def test_reviews_are_read_from_csv_and_json_lines_alike(tmp_path: Path) -> None:
    table, lines = tmp_path / "r.csv", tmp_path / "r.jsonl"
    table.write_text("\ufeffreviewer,call_id,rule_id,verdict,note\nann,C1,apology.given,Met,\n", encoding="utf-8")
    fields = {"call_id": "C1", "rule_id": "apology.given", "verdict": "met", "reviewer": "ann"}
    lines.write_text(f"\n{json.dumps(fields)}\n", encoding="utf-8")

    expected = {"call_id": "C1", "rule_id": "apology.given", "verdict": MET, "reviewer": "ann"}
    assert read_reviews(table) == [Review(**expected, place="r.csv:2")]
    assert read_reviews(lines) == [Review(**expected, place="r.jsonl:2")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.csv", "call_id,rule_id,verdict\n", "r.csv:1 has no column reviewer"),
        ("r.csv", "call_id,rule_id,verdict,reviewer\n", "no reviews in"),
        ("r.csv", "call_id,rule_id,verdict,reviewer\nC1,r,,ann\n", "r.csv:2 has no verdict"),
        (
            "r.csv",
            "call_id,rule_id,verdict,reviewer\nC1,r,misst,ann\n",
            "r.csv:2: “misst” is no verdict. Did you mean “missed”?",
        ),
        ("r.csv", "call_id,rule_id,verdict,reviewer\nC1,r,met,ann\nC1,r,missed,ann\n", "r.csv:3 judges C1 by r again"),
        ("r.jsonl", '{"call_id": "C1"}\n', "r.jsonl:1 has no rule_id"),
        ("r.jsonl", "{\n", "r.jsonl:1 is not JSON"),
        ("r.jsonl", "[]\n", "r.jsonl:1 is not a review"),
    ],
)
def test_a_review_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(InputError) as error:
        read_reviews(tmp_path / name)
    assert error.value.what.startswith(message)


def test_a_review_by_an_unknown_rule_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r"r\.csv:2: no rule is called “apology.givn”. Did you mean “apology.given”\?"):
        check_rules([review("C1", MET, rule_id="apology.givn")], ["apology.given", "pace.shows_urgency"])
