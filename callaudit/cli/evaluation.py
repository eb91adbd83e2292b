"""Measures the rules against people: labelled utterances, and whole calls that people have judged."""

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import msgspec

from callaudit.audit_rules.evaluation.estimates import Estimate
from callaudit.audit_rules.evaluation.labelled_utterances import (
    Agreement,
    Check,
    Judged,
    agreement_of,
    judge_rows,
    labelled_files,
    load_checks,
    macro_f1,
    read_rows,
    worst_errors,
)
from callaudit.audit_rules.evaluation.reviewed_calls import check_rules, compare, read_reviews
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rule_files.yaml_document import suggest
from callaudit.audit_rules.rulebook import Rulebook
from callaudit.console import err, out, show_errors_of, show_rows
from callaudit.transcription.errors import InputError
from callaudit.warehouse.published import open_published

# Labels that came with a public data set; people of ours gave the others.
_PUBLIC = "pub_"


def evaluate_utterances(
    path: Path,
    rulebook: Rulebook,
    *,
    only: Sequence[str] = (),
    mapping: Path | None = None,
    json_lines: bool = False,
    errors: int = 0,
) -> None:
    """Judge labelled utterances and print how often the rules are right; with `json_lines` every judgement instead.

    Raises:
        InputError: there is nothing at `path`, nothing of it is mapped to rules, or a line cannot be read.
        SetupError: the mapping cannot be used.
    """
    checks = _checks(rulebook, mapping)
    files = labelled_files(path, only=only)
    mapped = [file for file in files if file.stem in checks]
    if not mapped:
        names = ", ".join(file.stem for file in files)
        raise InputError(
            f"no rule answers the labels of {names}{suggest(files[0].stem, checks)}",
            why="A file of labelled utterances has the name of its check.",
            tries=("give it the name of a check", "--mapping FILE  (with a line such as my_check: {rules: [RULE]})"),
        )
    for file in files:
        if file.stem not in checks:
            (err if json_lines else out).print(f"[yellow]Skipped:[/] {file.name}, because no rule is mapped to it.")
    with out.status("judging the utterances ..."):
        judged = [j for file in mapped for j in judge_rows(read_rows(file), rulebook, checks)]
    if json_lines:
        _print(judged)
        return
    found_blindly = {a.check: a for a in agreement_of(j for j in judged if j.sample == "random")}
    show_rows([_row(a, found_blindly.get(a.check)) for a in agreement_of(judged)], empty="There are no utterances.")
    own = [j for j in judged if not j.check.startswith(_PUBLIC)]
    mean = macro_f1(own)
    if mean is not None:
        count = len({j.check for j in own})
        hand = "hand-labelled " if len(own) < len(judged) else ""
        out.print(f"\nMean F1 of the {count} {hand}checks: [bold]{_shown(mean)}[/]. In brackets: 95% intervals.")
    if errors:
        for check, of_check in groupby(judged, key=lambda j: j.check):
            show_errors_of(check, worst_errors(of_check, errors))


class JudgedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call and rule: the rule's own verdict and reason beside what each reviewer says."""

    call_id: str
    rule_id: str
    rule_verdict: Verdict
    reason: str
    reviews: dict[str, Verdict]


def evaluate_calls(path: Path, published: Path, *, json_lines: bool = False) -> None:
    """Compare people's verdicts on whole calls with the rules' own, and print how far they agree.

    With `json_lines` it prints one `JudgedCall` for each call and rule that was reviewed and judged instead.

    Raises:
        InputError: nothing is published, a line cannot be read, or names a rule that is not known.
        SetupError: the package krippendorff is not installed.
    """
    reviews = read_reviews(path)
    with open_published(published) as copy:
        known = [row["rule_id"] for row in copy.rows("select distinct rule_id from findings order by rule_id")]
        check_rules(reviews, known)
        rows = copy.rows(
            """
            select call_id, rule_id, rule_verdict, reason from findings
            where list_contains($calls, call_id) and list_contains($rules, rule_id)
            """,
            {"calls": sorted({r.call_id for r in reviews}), "rules": sorted({r.rule_id for r in reviews})},
        )
    findings = {(row["call_id"], row["rule_id"]): Verdict(row["rule_verdict"]) for row in rows}
    unknown = sorted({r.call_id for r in reviews if (r.call_id, r.rule_id) not in findings})
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        (err if json_lines else out).print(
            f"[yellow]Skipped:[/] calls that the rules have not judged: {', '.join(unknown[:5])}{more}", markup=True
        )
    if json_lines:
        reasons = {(row["call_id"], row["rule_id"]): str(row["reason"]) for row in rows}
        by_finding: dict[tuple[str, str], dict[str, Verdict]] = {key: {} for key in sorted(findings)}
        for review in reviews:
            by_finding.get((review.call_id, review.rule_id), {})[review.reviewer] = review.verdict
        _print(
            [
                JudgedCall(
                    call_id=key[0], rule_id=key[1], rule_verdict=findings[key], reason=reasons[key], reviews=reviewed
                )
                for key, reviewed in by_finding.items()
                if reviewed
            ]
        )
        return
    with out.status("comparing ..."):
        agreements = compare(reviews, findings)
    show_rows(
        [
            {
                "rule": a.rule_id,
                "calls": a.calls,
                "reviewers": a.reviewers,
                "n": a.judgements,
                "rule unsure": a.unsure,
                "agreement": _shown(a.agreement),
                "Cohen's kappa": _shown(a.kappa),
                "Krippendorff's alpha": _shown(a.alpha),
                "alpha of people alone": _shown(a.alpha_people),
            }
            for a in agreements
        ],
        empty="None of these calls has been judged by the rules.",
    )
    if agreements:
        out.print("\nIn brackets: 95% intervals. “-”: not defined, as where all gave one and the same verdict.")


def _checks(rulebook: Rulebook, mapping: Path | None) -> dict[str, Check]:
    own = load_checks(mapping) if mapping else {}
    for check in own.values():
        for rule_id in (*check.rules, *check.unless):
            rulebook.rule(rule_id)
    return {**load_checks(), **own}


def _row(agreement: Agreement, blindly: Agreement | None) -> dict[str, object]:
    found = agreement.true_positive + agreement.false_positive
    positives = agreement.true_positive + agreement.false_negative
    row: dict[str, object] = {
        "check": agreement.check,
        "n": found + agreement.false_negative + agreement.true_negative,
        "positives": positives,
        "precision": _shown(Estimate(agreement.precision, agreement.precision_interval)) if found else "-",
        "recall": _shown(Estimate(agreement.recall, agreement.recall_interval)) if positives else "-",
        "F1": _shown(Estimate(agreement.f1, agreement.f1_interval)),
        "precision, random sample": "",
    }
    if blindly is not None:
        found = blindly.true_positive + blindly.false_positive
        share = _shown(Estimate(blindly.precision, blindly.precision_interval)) if found else "-"
        row["precision, random sample"] = f"{share} of {found}"
    return row


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    if estimate.interval is None:
        return f"{estimate.value:.3f}"
    low, high = estimate.interval
    return f"{estimate.value:.3f} ({low:.3f} to {high:.3f})"


def _print(judged: Sequence[Judged | JudgedCall]) -> None:
    sys.stdout.writelines(f"{msgspec.json.encode(one).decode()}\n" for one in judged)
