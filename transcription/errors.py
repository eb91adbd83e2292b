"""Errors a person can act on: what is wrong, where, why, and what to try.

    CallauditError           exit 1
    |-- SetupError           exit 3: settings, rules, weights, disk: nothing can run
    |-- InputError           exit 4: what was asked for is not there or cannot be read
    |   `-- Unreadable       one recording or its metadata: quarantined, the run goes on
    `-- LockedError          exit 6: another run holds the warehouse

Exit 2 is a wrong command line; exit 5 says that a run finished but some calls failed.
"""

from typing import ClassVar


class CallauditError(Exception):
    """One sentence saying what is wrong, with its place, its reason and the next steps.

    Shown by the command line as::

        Error: WHAT
          WHY (with the place)
          try: NEXT STEP
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str = "", tries: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.tries = tries

    def __str__(self) -> str:
        return "\n  ".join([self.what, *([self.why] if self.why else []), *(f"try: {t}" for t in self.tries)])


class SetupError(CallauditError):
    """Something every call needs is missing or wrong."""

    exit_code = 3


class InputError(CallauditError):
    """What was asked for does not exist or cannot be read."""

    exit_code = 4


class Unreadable(InputError):
    """One recording cannot become a transcript.

    `code` is a short stable word that reports count by: `empty_file`, `not_audio`, `no_samples`,
    `truncated`, `too_short`, `metadata_missing`, `metadata_unparsable`, `duplicate_call_id`, ...
    """

    def __init__(self, code: str, what: str, *, why: str = "", tries: tuple[str, ...] = ()) -> None:
        super().__init__(what, why=why, tries=tries)
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process boundaries by their positional arguments only.
        return _unreadable, (self.code, self.what, self.why, self.tries)


def _unreadable(code: str, what: str, why: str, tries: tuple[str, ...]) -> Unreadable:
    return Unreadable(code, what, why=why, tries=tries)


class LockedError(CallauditError):
    """Another process holds the warehouse's writing lock; `holder` says which, as far as it is known."""

    exit_code = 6

    def __init__(self, what: str, *, why: str = "", tries: tuple[str, ...] = (), holder: str = "") -> None:
        super().__init__(what, why=why, tries=tries)
        self.holder = holder
