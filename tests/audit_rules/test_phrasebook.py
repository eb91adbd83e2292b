"""The phrasebook: what people say on the phone, written before a rule was tuned, checked against the rule.

Each file is named after a check of `audit_rules/evaluation.yaml` and holds positive and negative lines: an
utterance of the agent, or a short call of "A:" and "C:" lines whose last is judged. `upset.yaml` holds
customers. They are no training set: a rule may miss some of them, but not many, and a wrong accusation is worse
than a miss. They are typed lines and guard the phrases, which are sure there; what the recogniser of acts adds is
measured on whole calls (`docs/accuracy.md`).
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from callaudit.audit_rules.evaluation.labelled_utterances import (
    Agreement,
    Judged,
    Labelled,
    agreement_of,
    judge_rows,
    load_checks,
    read_rows,
)
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook

UNPREPARED = Path(__file__).parent / "unprepared"
PHRASEBOOK = sorted((Path(__file__).parent / "phrasebook").glob("*.yaml"))


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return load_rulebook(recogniser=False)


def row(text: str, label: int, check: str) -> tuple[str, Labelled]:
    """The line as a labelled utterance with what was said before it."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if not lines[-1].startswith(("A: ", "C: ")):
        speaker = "customer" if check == "upset" else "agent"
        return check, _labelled(speaker, text, label)
    said = [({"A": "agent", "C": "customer"}[line[0]], line[3:]) for line in lines]
    context = [f"{who}: {what}" for who, what in said[:-1]]
    return check, _labelled(*said[-1], label, context)


def _labelled(speaker: str, text: str, label: int, context: Sequence[str] = ()) -> Labelled:
    return Labelled(conversation_id="", turn=0, speaker=speaker, text=text, label=label, context=tuple(context))


def judged(path: Path, rulebook: Rulebook) -> list[Judged]:
    checks = load_checks()
    lines: dict[str, list[str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = [row(text, label, path.stem) for label, side in ((1, "positive"), (0, "negative")) for text in lines[side]]
    return list(judge_rows(rows, rulebook, checks))


@pytest.mark.parametrize("path", PHRASEBOOK, ids=lambda p: p.stem)
def test_a_rule_hears_what_people_say_and_accuses_nobody_wrongly(path: Path, rulebook: Rulebook) -> None:
    lines = judged(path, rulebook)
    agreement: Agreement = agreement_of(lines)[0]
    wrong = [f"{'missed' if j.label else 'wrongly heard'}: {j.text}" for j in lines if j.label != j.predicted]
    assert agreement.precision >= 0.9, wrong
    assert agreement.recall >= 0.8, wrong


def test_words_that_no_rule_was_prepared_for_are_seldom_heard_wrongly(rulebook: Rulebook) -> None:
    """Lines of `unprepared` never mended a rule and never may; most of them go unheard (docs/accuracy.md)."""
    lines = list(judge_rows(read_rows(UNPREPARED), rulebook, load_checks()))
    found = [j for j in lines if j.predicted]
    right = sum(j.label for j in found)
    assert right / len(found) >= 0.9, [f"wrongly heard: {j.text}" for j in found if not j.label]
    assert right / sum(j.label for j in lines) >= 0.2
