"""Personal data masked before anything is stored: card and other long numbers, e-mail addresses.

A first net, on purpose wider than needed: seven digits in a row are masked whatever they are, because a lost order
number harms no audit and a stored card number does. Numbers count whether written ("4111-1111") or spoken
("double five", "oh", "forty two").
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from transcription.transcript import Seconds, Span, Utterance, Word

VERSION = 1

_DIGITS = {
    **{word: str(n) for n, word in enumerate("zero one two three four five six seven eight nine".split())},
    **{word: str(n) for n, word in enumerate("ten eleven twelve thirteen fourteen fifteen sixteen".split(), 10)},
    **{word: str(n) for n, word in enumerate("seventeen eighteen nineteen".split(), 17)},
    **dict.fromkeys("oh o nought naught nil".split(), "0"),
}
_TENS = {word: str(n) for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_TIMES = {"double": 2, "triple": 3, "treble": 3}

# What people say between digits; a recogniser hears "to" and "for" as well.
_BETWEEN = frozenset("um uh er erm ah and dash hyphen space then okay ok".split())
_MISHEARD = {"to": "2", "too": "2", "for": "4", "won": "1", "ate": "8"}

_LONGEST_KEPT = 6
_CARD = range(13, 20)

_DOMAIN_END = frozenset("com org net edu gov co uk io info biz us ca de fr au nz ie".split())
_WRITTEN_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(\.[\w-]+)+")
_WRITTEN_NUMBER = re.compile(r"\+?\(?\d[\d().\-/]*")
_EDGES = ".,;:!?\"'“”()"


class Masked(NamedTuple):
    """Words after masking, how many runs were masked, and the times they took."""

    words: tuple[Word, ...]
    times: int
    spans: tuple[Span, ...]


class _Run(NamedTuple):
    first: int
    last: int
    mask: str


def redact(utterance: Utterance) -> tuple[Utterance, int]:
    """The utterance with each run of personal data replaced by one mask, and the number of runs.

    A mask takes the time from the first to the last word of its run. An utterance without words (an imported
    transcript, a chat) is masked in its text.
    """
    if utterance.words:
        masked = redact_words(utterance.words)
        if not masked.times:
            return utterance, 0
        text = " ".join(w.text for w in masked.words)
        return msgspec.structs.replace(utterance, words=masked.words, text=text), masked.times
    texts = utterance.text.split()
    runs = _runs(texts)
    if not runs:
        return utterance, 0
    return msgspec.structs.replace(utterance, text=" ".join(_apply(texts, runs))), len(runs)


def redact_words(words: Sequence[Word], *, pause: Seconds = 8.0) -> Masked:
    """The words of one channel, masked across utterances.

    People read a number in groups and wait for "okay" after each, so a run may pause up to `pause` seconds.
    """
    breaks = frozenset(i for i in range(1, len(words)) if words[i].start - words[i - 1].end > pause)
    runs = _runs([w.text for w in words], breaks)
    masked: list[Word] = []
    spans: list[Span] = []
    at = 0
    for run in runs:
        masked += words[at : run.first]
        inside = words[run.first : run.last + 1]
        known = [w.confidence for w in inside if w.confidence is not None]
        spans.append(Span(inside[0].start, inside[-1].end))
        masked.append(Word(run.mask, inside[0].start, inside[-1].end, sum(known) / len(known) if known else None))
        at = run.last + 1
    return Masked((*masked, *words[at:]), len(runs), tuple(spans))


def _apply(texts: Sequence[str], runs: Sequence[_Run]) -> list[str]:
    masked: list[str] = []
    at = 0
    for run in runs:
        masked += [*texts[at : run.first], run.mask]
        at = run.last + 1
    return [*masked, *texts[at:]]


def _runs(texts: Sequence[str], breaks: frozenset[int] = frozenset()) -> list[_Run]:
    plain = [t.lower().strip(_EDGES) for t in texts]
    found = _emails(plain)
    taken = {i for run in found for i in range(run.first, run.last + 1)}
    return sorted([*found, *_numbers(plain, breaks, taken)])


def _numbers(plain: Sequence[str], breaks: frozenset[int], taken: set[int]) -> list[_Run]:
    found: list[_Run] = []
    first = last = -1
    digits = ""

    def close() -> None:
        nonlocal digits, first
        if len(digits) > _LONGEST_KEPT:
            found.append(_Run(first, last, "[card]" if len(digits) in _CARD and _luhn(digits) else "[number]"))
        digits, first = "", -1

    i = 0
    while i < len(plain):
        if i in breaks or i in taken:
            close()
        piece, used = ("", 1) if i in taken else _spoken(plain, i, inside=bool(digits))
        if piece:
            first = i if first < 0 else first
            last = i + used - 1
            digits += piece
        elif plain[i] not in _BETWEEN:
            close()
        i += used
    close()
    return found


def _spoken(plain: Sequence[str], i: int, *, inside: bool) -> tuple[str, int]:
    """The digits said at position i and how many words they take; "" for none."""
    word = plain[i]
    following = plain[i + 1] if i + 1 < len(plain) else ""
    next_digit = _digit(following)
    if word in _TIMES and len(next_digit) == 1:
        return next_digit * _TIMES[word], 2
    if word in _TENS and len(next_digit) == 1 and next_digit != "0":
        return _TENS[word] + next_digit, 2
    if word in _TENS:
        return _TENS[word] + "0", 1
    if inside and word in _MISHEARD and (next_digit or following in _TENS or following in _TIMES):
        return _MISHEARD[word], 1
    if _WRITTEN_NUMBER.fullmatch(word):
        return re.sub(r"\D", "", word), 1
    return _DIGITS.get(word, ""), 1


def _digit(word: str) -> str:
    return _DIGITS.get(word, word if word.isascii() and word.isdigit() else "")


def _emails(plain: Sequence[str]) -> list[_Run]:
    found = [_Run(i, i, "[email]") for i, word in enumerate(plain) if _WRITTEN_EMAIL.search(word)]
    for at in (i for i, word in enumerate(plain) if word == "at" and i > 0):
        end = _domain_end(plain, at + 1)
        if end:
            found.append(_Run(_local_start(plain, at - 1), end, "[email]"))
    return found


def _domain_end(plain: Sequence[str], start: int) -> int:
    """Where the spoken domain ("gmail dot com", "my shop dot co dot uk") that starts here ends; 0 for none."""
    end = 0
    for i in range(start + 1, min(start + 4, len(plain) - 1)):
        if plain[i] in {"dot", "period"} and plain[i + 1] in _DOMAIN_END:
            end = i + 1
            break
    while end and end + 2 < len(plain) and plain[end + 1] in {"dot", "period"} and plain[end + 2] in _DOMAIN_END:
        end += 2
    return end


_JOINTS = frozenset("dot period underscore dash hyphen".split())


def _local_start(plain: Sequence[str], i: int) -> int:
    """Where the spoken local part that ends at i starts: one word, more after a joint, and all spelt letters."""
    while i > 0:
        joined = plain[i] in _JOINTS or plain[i - 1] in _JOINTS
        if not joined and not (_is_spelt(plain[i]) and _is_spelt(plain[i - 1])):
            break
        i -= 1
    return i


def _is_spelt(word: str) -> bool:
    return len(word) == 1 or bool(_digit(word))


def _luhn(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
