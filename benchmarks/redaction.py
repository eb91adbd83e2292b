"""How much personal data is masked, by kind, with 95 % Wilson intervals.

    python benchmarks/redaction.py

On the sentences in tests/transcription/personal: those the code was improved
on and those it was not. The words of `wrong` masks belong to the kind that was masked wrongly.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support.masking import measure
from callaudit.audit_rules.evaluation.estimates import wilson


def share(hits: int, of: int) -> str:
    """The share with its interval, or a dash where there is nothing to count."""
    if not of:
        return f"{'-':>18}"
    low, high = wilson(hits, of)
    return f"{hits:3d}/{of:<3d} {hits / of:.2f} ({low:.2f}-{high:.2f})"


def main() -> None:
    """Print one table for each half."""
    for name in ("tuned_on", "held_out"):
        counted = measure(name)
        print(f"{name}\n  {'kind':<10} {'found':<24} right masks")
        for kind in sorted({*counted.found, *counted.lost, *counted.wrong}):
            found, lost, wrong = counted.found[kind], counted.lost[kind], counted.wrong[kind]
            print(f"  {kind:<10} {share(found, found + lost):<24} {share(found, found + wrong)}")
        found, lost, wrong = counted.found.total(), counted.lost.total(), counted.wrong.total()
        print(f"  {'all':<10} {share(found, found + lost):<24} {share(found, found + wrong)}")
        print(f"  masked as the right kind: {counted.right_kind} of {found}\n")


if __name__ == "__main__":
    main()
