"""What one misheard word in a phrase gains and costs: labelled utterances with words misheard on purpose.

    python benchmarks/word_tolerance.py [DIR] [--check apology]

DIR holds labelled utterances as `callaudit rules evaluate` takes them; without it the few lines of the tests are used.
In each utterance (not in the lines before it) a share of the words is misheard: four of five become another word of
all utterances, drawn as often as it is said there, and one of five is lost; the same words on every run. Each check is
judged twice, by the rules as they are and with `tolerance: 1` in every list of phrases of the rule; shown are true and
false findings and what the tolerance adds.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from callaudit.audit_rules.evaluation.labelled_utterances import (
    Agreement,
    Labelled,
    agreement_of,
    judge_rows,
    load_checks,
    read_rows,
)
from callaudit.audit_rules.rule import Phrases, Rule
from callaudit.audit_rules.rule_files.checks import phrase_lists
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook

UNPREPARED = Path(__file__).parents[1] / "tests" / "audit_rules" / "unprepared"
SHARES = (0.0, 0.05, 0.1, 0.2)
LOST = 0.2

Rows = list[tuple[str, Labelled]]


def misheard(rows: Rows, share: float) -> Rows:
    """The rows with that share of their words replaced or lost."""
    said = [word for _, row in rows for word in row.text.split()]
    chance = random.Random(1)  # noqa: S311 - the same words on every run; no secret

    def heard(text: str) -> Iterator[str]:
        for word in text.split():
            if chance.random() >= share:
                yield word
            elif chance.random() >= LOST:
                yield chance.choice(said)

    return [(check, msgspec.structs.replace(row, text=" ".join(heard(row.text)) or "uh")) for check, row in rows]


def tolerant(rule: Rule, only: Sequence[str] | None) -> Rule:
    """The rule with tolerance in each of its lists of phrases; itself where it has none or is not among `only`."""
    if only is not None and rule.id not in only:
        return rule
    changed = {}
    for keys, phrases in phrase_lists(rule):
        block = getattr(rule, keys[0])
        if len(keys) == 1 and isinstance(block, Phrases):
            changed[keys[0]] = msgspec.structs.replace(phrases, tolerance=1)
    return msgspec.structs.replace(rule, **changed)


def with_tolerance(rulebook: Rulebook, only: Sequence[str] | None = None) -> Rulebook:
    """The rulebook with tolerance in these rules, or in all."""
    rules = {r.id: tolerant(r, only) for r in rulebook.rules}
    return Rulebook(rules, dict(rulebook.words), rulebook.cues, rulebook.scorecards)


def measured(rows: Rows, rulebook: Rulebook) -> dict[str, Agreement]:
    """The agreement of each check."""
    return {a.check: a for a in agreement_of(judge_rows(rows, rulebook, load_checks()))}


def main() -> None:
    """Print a table for each share of misheard words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labelled", type=Path, nargs="?", default=UNPREPARED)
    parser.add_argument("--check", action="append")
    arguments = parser.parse_args()
    checks = {name for name, check in load_checks().items() if check.rules}
    wanted = set(arguments.check or (c for c in checks if not c.startswith("pub_")))
    rows = [row for row in read_rows(arguments.labelled) if row[0] in wanted & checks]
    if not rows:
        parser.error(f"{arguments.labelled} has no utterances of {', '.join(sorted(wanted))}")
    plain = load_rulebook()
    loose = with_tolerance(plain)
    print(f"{'check':<22}{'misheard':>9}{'found':>7}{'wrongly':>9}{'+ found':>9}{'+ wrongly':>11}")
    for share in SHARES:
        at_share = misheard(rows, share)
        before, after = measured(at_share, plain), measured(at_share, loose)
        for check, exact in before.items():
            more = after[check].true_positive - exact.true_positive
            worse = after[check].false_positive - exact.false_positive
            print(f"{check:<22}{share:>9.0%}{exact.true_positive:>7}{exact.false_positive:>9}{more:>9}{worse:>11}")
        found = sum(a.true_positive for a in before.values())
        positives = sum(a.true_positive + a.false_negative for a in before.values())
        more = sum(a.true_positive for a in after.values()) - found
        wrong = sum(a.false_positive for a in before.values())
        worse = sum(a.false_positive for a in after.values()) - wrong
        recall = f"recall {found / positives:.3f} to {(found + more) / positives:.3f}"
        right, all_found = found + more, found + more + wrong + worse
        print(
            f"all, {share:.0%} misheard: {recall}, precision {found / (found + wrong):.3f} to {right / all_found:.3f}\n"
        )


if __name__ == "__main__":
    main()
