"""Personal data in what was stored, by shape alone: no cue, no context, so that it also holds for a quote or a page."""

import re
from collections.abc import Iterator

from transcription.redaction.numbers import luhn

_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}", re.IGNORECASE)
_SOCIAL = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
# No part of a hash or of a longer number; a full stop may follow.
_LONG = re.compile(r"(?<![^\W_])(?<!\d\.)[2-6](?:[ -]?\d){12,18}(?![^\W_]|\.\d)")

CANDIDATES = r"@|\d{3}-\d{2}-\d{4}|[2-6]([ -]?\d){12}"
"""Found by RE2 in every text that `kinds_left` finds something in, and in others."""


def kinds_left(text: str) -> Iterator[str]:
    """The kind of each card number, social security number and e-mail address that is written in the text."""
    yield from ("email" for _ in _EMAIL.finditer(text))
    yield from ("ssn" for _ in _SOCIAL.finditer(text))
    yield from ("card" for m in _LONG.finditer(text) if luhn(re.sub(r"\D", "", m[0])))
