"""How much personal data is masked, by kind, with 95 % Wilson intervals, and how long endless talk takes by its length.

    python benchmarks/redaction.py

On the sentences in tests/transcription/personal: those the code was improved
on and those it was not. The words of `wrong` masks belong to the kind that was masked wrongly.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support.masking import REPEATED, measure
from callaudit.audit_rules.evaluation.estimates import wilson
from callaudit.transcription.redaction import redact
from callaudit.transcription.transcript import SpeakerRole, Utterance


def share(hits: int, of: int) -> str:
    """The share with its interval, or a dash where there is nothing to count."""
    if not of:
        return f"{'-':>18}"
    low, high = wilson(hits, of)
    return f"{hits:3d}/{of:<3d} {hits / of:.2f} ({low:.2f}-{high:.2f})"


def seconds(said: str, characters: int) -> float:
    """Processor time to mask one turn that says the same over and over, the least of three."""
    call = [Utterance(role=SpeakerRole.CUSTOMER, text=(said * (characters // len(said))).strip())]
    taken = []
    for _ in range(3):
        begun = time.process_time()
        redact(call)
        taken.append(time.process_time() - begun)
    return min(taken)


def main() -> None:
    """Print one table for each half, then the times; four times as long should take four times as much."""
    for name in ("tuned_on", "held_out"):
        counted = measure(name)
        print(f"{name}\n  {'kind':<10} {'found':<24} right masks")
        for kind in sorted({*counted.found, *counted.lost, *counted.wrong}):
            found, lost, wrong = counted.found[kind], counted.lost[kind], counted.wrong[kind]
            print(f"  {kind:<10} {share(found, found + lost):<24} {share(found, found + wrong)}")
        found, lost, wrong = counted.found.total(), counted.lost.total(), counted.wrong.total()
        print(f"  {'all':<10} {share(found, found + lost):<24} {share(found, found + wrong)}")
        print(f"  masked as the right kind: {counted.right_kind} of {found}\n")
    print("seconds for 20,000 and 80,000 characters")
    for said in REPEATED:
        short, long = (seconds(said, characters) for characters in (20_000, 80_000))
        print(f"  {said!r:28} {short:6.3f} {long:6.3f}  {long / short:4.1f} x")


if __name__ == "__main__":
    main()
