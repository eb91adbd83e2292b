"""How lengths of time are said, so that a promise of minutes can be held against the clock."""

import re
from collections.abc import Mapping
from functools import cached_property

import msgspec

from callaudit.transcription.transcript import Seconds


class Durations(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """`numbers` are words that stand for one, `units` the beginnings of words for so many seconds.

    `between` are words that may stand between the two ("a couple of more minutes").
    """

    numbers: Mapping[str, float] = {}
    units: Mapping[str, float] = {}
    between: tuple[str, ...] = ()

    def said_in(self, text: str) -> list[tuple[float, Seconds, int, int]]:
        """Every length in a normalised text: its number, its seconds, its first character and the one after it."""
        found: list[tuple[float, Seconds, int, int]] = []
        for m in self._pattern.finditer(text):
            number = float(self.numbers.get(m[1], m[1]))
            found.append((number, number * self.units[m[2]], m.start(), m.end()))
        return found

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        numbers = "|".join([r"\d+(?:\.\d+)?", *map(re.escape, self.numbers)])
        between = "".join(f"(?:{re.escape(word)} )?" for word in self.between)
        units = "|".join(map(re.escape, self.units)) or "(?!)"
        return re.compile(rf"(?:^|(?<= ))({numbers}) {between}({units})")
