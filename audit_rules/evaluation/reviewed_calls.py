"""How well the rules agree with people who judged whole calls, and people among themselves."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from callaudit.audit_rules.evaluation.estimates import Counts, Estimate, cohens_kappa, krippendorffs_alpha, wilson
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rule_files.yaml_document import suggest
from callaudit.transcription.errors import InputError

_VERDICTS = {verdict: n for n, verdict in enumerate(Verdict)}
_FIELDS = ("call_id", "rule_id", "verdict", "reviewer")

Findings = Mapping[tuple[str, str], Verdict]
"""The rules' own verdicts by call and rule, before any reviewer put them right."""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One person's verdict on one call by one rule; `place` is where it was read."""

    call_id: str
    rule_id: str
    verdict: Verdict
    reviewer: str
    place: str = ""


class RuleAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far people and one rule agree.

    `agreed` of `judgements` are the rule's own verdict. Where the rule itself is unsure there is nothing to agree with:
    those are counted in `unsure` and in nothing else. `kappa` pairs each judgement with the rule's verdict; `alpha`
    takes the rule as one more judge beside the reviewers; `alpha_people` leaves it out: no rule can be expected to
    agree better with people than they do with each other.
    """

    rule_id: str
    calls: int
    reviewers: int
    judgements: int
    agreed: int
    unsure: int
    kappa: Estimate | None
    alpha: Estimate | None
    alpha_people: Estimate | None

    @property
    def agreement(self) -> Estimate | None:
        """The share of judgements that are the rule's verdict, with Wilson's interval; None of no judgement."""
        if not self.judgements:
            return None
        return Estimate(self.agreed / self.judgements, wilson(self.agreed, self.judgements))


def read_reviews(path: Path) -> list[Review]:
    """The reviews of a .csv (with a head line) or .jsonl file.

    Raises:
        InputError: the file is not there or cannot be read, a line misses a field, a verdict is none, or somebody
            judged the same call by the same rule twice; names file, line and field.
    """
    reviews: dict[tuple[str, str, str], Review] = {}
    for place, fields in _lines(path):
        for name in _FIELDS:
            if not fields.get(name):
                raise InputError(f"{place} has no {name}", why=f"A review has the fields {', '.join(_FIELDS)}.")
        call_id, rule_id, verdict, reviewer = (str(fields[name]).strip() for name in _FIELDS)
        if verdict.lower() not in _VERDICTS:
            raise InputError(
                f"{place}: “{verdict}” is no verdict{suggest(verdict.lower(), _VERDICTS)}",
                why=f"The field verdict is one of {', '.join(_VERDICTS)}.",
            )
        key = call_id, rule_id, reviewer
        if key in reviews:
            raise InputError(
                f"{place} judges {call_id} by {rule_id} again",
                why=f"{reviewer} did so at {reviews[key].place}.",
                tries=("keep one of the two lines",),
            )
        reviews[key] = Review(
            call_id=call_id, rule_id=rule_id, verdict=Verdict(verdict.lower()), reviewer=reviewer, place=place
        )
    if not reviews:
        raise InputError(f"no reviews in {path}", why=f"A review has the fields {', '.join(_FIELDS)}.")
    return list(reviews.values())


def check_rules(reviews: Iterable[Review], known: Sequence[str]) -> None:
    """Raises InputError for the first review of a rule that is not known; suggests the nearest."""
    rules = frozenset(known)
    for review in reviews:
        if review.rule_id not in rules:
            raise InputError(f"{review.place}: no rule is called “{review.rule_id}”{suggest(review.rule_id, known)}")


def compare(reviews: Iterable[Review], findings: Findings) -> list[RuleAgreement]:
    """How far people and rules agree, by rule; reviews of what no rule has judged are left out.

    Raises:
        SetupError: the package krippendorff is not installed.
    """
    by_rule: dict[str, dict[str, list[Review]]] = {}
    for review in reviews:
        if (review.call_id, review.rule_id) in findings:
            by_rule.setdefault(review.rule_id, {}).setdefault(review.call_id, []).append(review)
    return [_agreement(rule_id, calls, findings) for rule_id, calls in sorted(by_rule.items())]


class AgreementOfTwo(msgspec.Struct, frozen=True, kw_only=True):
    """How far two people agree on what both judged; the interval of `kappa` resamples calls."""

    both: int
    agreed: int
    kappa: Estimate | None


def agreement_of_two(one: Findings, other: Findings) -> AgreementOfTwo | None:
    """Two people's verdicts by call and rule; None where they judged nothing in common."""
    common = sorted(one.keys() & other.keys())
    if not common:
        return None
    calls = {call: n for n, call in enumerate(dict.fromkeys(call for call, _ in common))}
    tables: Counts = np.zeros((len(calls), len(_VERDICTS), len(_VERDICTS)), dtype=np.int64)
    for call, rule in common:
        tables[calls[call], _VERDICTS[one[call, rule]], _VERDICTS[other[call, rule]]] += 1
    return AgreementOfTwo(both=len(common), agreed=int(np.trace(tables.sum(axis=0))), kappa=cohens_kappa(tables))


def _agreement(rule_id: str, calls: Mapping[str, Sequence[Review]], findings: Findings) -> RuleAgreement:
    clear = [call_id for call_id in sorted(calls) if findings[call_id, rule_id] is not Verdict.UNSURE]
    pairs: Counts = np.zeros((len(clear), len(_VERDICTS), len(_VERDICTS)), dtype=np.int64)
    for n, call_id in enumerate(clear):
        for review in calls[call_id]:
            pairs[n, _VERDICTS[findings[call_id, rule_id]], _VERDICTS[review.verdict]] += 1
    people: Counts = pairs.sum(axis=1)
    rule: Counts = (pairs.sum(axis=2) > 0).astype(np.int64)
    return RuleAgreement(
        rule_id=rule_id,
        calls=len(clear),
        reviewers=len({r.reviewer for reviews in calls.values() for r in reviews}),
        judgements=int(pairs.sum()),
        agreed=int(np.trace(pairs.sum(axis=0))),
        unsure=sum(len(reviews) for reviews in calls.values()) - int(pairs.sum()),
        kappa=cohens_kappa(pairs) if clear else None,
        alpha=krippendorffs_alpha(people + rule) if clear else None,
        alpha_people=krippendorffs_alpha(people) if clear else None,
    )


def _lines(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read {path}", why=str(error), tries=("give a .csv or .jsonl file in UTF-8",)
        ) from error
    if path.suffix.lower() == ".jsonl":
        yield from _json_lines(path, text)
        return
    table = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    missing = [name for name in _FIELDS if name not in (table.fieldnames or ())]
    if missing:
        raise InputError(f"{path.name}:1 has no column {', '.join(missing)}", why=f"It needs {', '.join(_FIELDS)}.")
    try:
        for row in table:
            yield f"{path.name}:{table.line_num}", row
    except csv.Error as error:
        raise InputError(f"{path.name}:{table.line_num} is not CSV", why=str(error)) from error


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"{path.name}:{number}", msgspec.json.decode(line, type=dict[str, object])
        except msgspec.ValidationError as error:
            raise InputError(f"{path.name}:{number} is not a review", why=f"{error}.") from error
        except msgspec.DecodeError as error:
            raise InputError(f"{path.name}:{number} is not JSON", why=str(error)) from error
