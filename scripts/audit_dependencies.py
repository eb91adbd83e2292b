"""Ask the package registry whether a pinned dependency has a known vulnerability.

python scripts/audit_dependencies.py      exit 1 and the list if one has; 0 if none has or nobody could be asked

Only the registry is asked (PyPI's own advisories, through pip-audit), no other service. Some registries that companies
run for themselves do not hand advisories on: one pin is asked for first, and where that is not answered, the rest is
left alone and the output says "not audited".
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
SECONDS = 55.0
# Advisories that were looked at and do not concern callaudit, each with the reason.
ACCEPTED: dict[str, str] = {}


def asked(pins: list[str], *, seconds: float) -> list[dict[str, Any]]:
    """What pip-audit says of each pin; nothing where it could not ask."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "pins.txt"
        listed.write_text("\n".join(pins) + "\n", encoding="utf-8")
        command = [
            sys.executable, "-m", "pip_audit", "--vulnerability-service", "pypi", "--requirement", str(listed),
            "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "10",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds)
            return msgspec.json.decode(done.stdout)["dependencies"]  # type: ignore[no-any-return]  # pip-audit's own shape.
        except (subprocess.TimeoutExpired, msgspec.DecodeError, KeyError, TypeError):
            return []


def verdict(told: list[dict[str, Any]]) -> tuple[int, str]:
    """Exit code and words for what pip-audit told; what was skipped is said."""
    answered = [one for one in told if "skip_reason" not in one]
    found = [
        f"  {one['name']} {one['version']}: {flaw['id']}, mended in {' '.join(flaw['fix_versions']) or 'none yet'}"
        for one in answered
        for flaw in one["vulns"]
        if flaw["id"] not in ACCEPTED
    ]
    if not answered:
        return 0, "Dependencies: not audited, as this package registry hands on no advisories."
    silent = f"; {len(told) - len(answered)} not audited" if len(told) > len(answered) else ""
    if found:
        return 1, "\n".join([f"Dependencies: {len(found)} known vulnerabilities{silent}.", *found])
    return 0, f"Dependencies: no known vulnerability in {len(answered)} pins{silent}."


def main() -> int:
    """Ask for one pin, then, if that is answered, for all."""
    pins = [line for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines() if "==" in line]
    told = asked(pins[:1], seconds=20.0)
    if any("skip_reason" not in one for one in told):
        told = asked(pins, seconds=SECONDS)
    code, says = verdict(told)
    print(says)
    return code


if __name__ == "__main__":
    sys.exit(main())
