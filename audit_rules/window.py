"""How long after its trigger a rule goes on looking."""

import re
from typing import Literal

import msgspec

_FORM = re.compile(r"(?:(?P<turns>\d+) agent turns?|(?P<seconds>\d+(?:\.\d+)?) s|(?P<rest>rest of call))")


class Window(msgspec.Struct, frozen=True):
    """So many agent turns or seconds after the trigger, or to the end of the call."""

    unit: Literal["turns", "seconds", "rest"]
    size: float = 0.0


def parse_window(text: str) -> Window:
    """Read "2 agent turns", "30 s" or "rest of call"; raises ValueError for anything else."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"“{text}” is no window; write “2 agent turns”, “30 s” or “rest of call”")
    if match["turns"]:
        return Window("turns", float(match["turns"]))
    if match["seconds"]:
        return Window("seconds", float(match["seconds"]))
    return Window("rest")
