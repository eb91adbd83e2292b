"""E-mail addresses, written ("a.person@shop.example") or spoken ("jane dot doe at gmail dot com")."""

import re
from bisect import bisect_right
from collections.abc import Sequence

from callaudit.transcription.redaction.conversation import Conversation, Stream
from callaudit.transcription.redaction.cues import Cues
from callaudit.transcription.redaction.kinds import Place
from callaudit.transcription.redaction.spelling import DIGITS, TEENS, TENS

_WRITTEN = re.compile(r"[\w+%'-]@(?=[\w.-]{0,63}[^\W\d_])[\w-]")
# In a call without any of these no address is looked for.
_ANYWHERE = re.compile(r"@|[ \n]dot[ \n]|[ \n](?:period|point)[ \n]|[^\W\d_]\.[a-z]")
_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?P<end>[a-z]{2,})")
_ENDS = frozenset(
    """com org net edu gov co uk io info biz us ca de fr au nz ie me eu it es nl ch at se no dk in example app dev shop
    store online site studio design agency email cloud tech xyz pro tv cc fm be pl pt cz fi gr jp za mx br scot wales
    london photography consulting solutions services media works health church academy school""".split()
)
_DOTS = frozenset({"dot", "period", "point"})
_JOINTS = _DOTS | {"underscore", "dash", "hyphen", "plus", "minus"}
_PROVIDERS = frozenset(
    """gmail googlemail yahoo hotmail outlook icloud aol proton protonmail live msn gmx btinternet comcast
    verizon""".split()
)
# Before "at" and the name of a shop these make a sentence, not an address: "I ordered it at northbay dot com".
_SENTENCE = frozenset(
    """it this that them one me us you him her is was are be look looked looking order ordered bought buy get got shop
    shopping found find see saw page website site online here there now available only visit item items stuff things
    store working work works""".split()
)
_SPELT = re.compile(r"[a-z]|\d+")
_LONGEST_NAME = 3
_EMAIL_WORDS = frozenset("email e-mail mail emails address".split())
_SAID_AFTER = 8
# "The email is shop at ...": what is named at once is the name, whatever word it is.
_AT_ONCE = 3


def emails(call: Conversation, stream: Stream, cues: Cues) -> list[Place]:
    """The e-mail addresses in a stream."""
    if _ANYWHERE.search(call.said) is None:
        return []
    plain = stream.plain
    found: list[Place] = []
    for at in [i for i, word in enumerate(plain) if word == "at" or "@" in word]:
        if plain[at] not in {"at", "@"}:
            if _WRITTEN.search(plain[at]):
                found.append(Place(at, at, "email"))
            continue
        if not 0 < at < len(plain) - 1:
            continue
        cue = cues.before(stream.at[at], "email")
        end = _domain_end(plain, at + 1, anywhere=cue is not None or _says_email(plain, at))
        if not end:
            continue
        first = _local_start(plain, at - 1)
        joined = first < at - 1
        known = any(word.partition(".")[0] in _PROVIDERS for word in plain[at + 1 : end + 1])
        named = cue is not None or _says_email(plain, end)
        if not (
            plain[at] == "@"
            or known
            or joined
            or (named and plain[at - 1] not in _SENTENCE)
            or (cue and stream.at[at] - cue.last <= _AT_ONCE)
        ):
            continue
        if cue and not joined:
            first = max(first - _LONGEST_NAME + 1, *_last_known(stream, cue.last, at))
        found.append(Place(first, end, "email"))
    return found


def _says_email(plain: Sequence[str], i: int) -> bool:
    """Whether it is called an e-mail address after it: "maria at gomez dot photography is my email"."""
    return not _EMAIL_WORDS.isdisjoint(plain[i + 1 : i + 2 + _SAID_AFTER])


def _last_known(stream: Stream, cue: int, at: int) -> tuple[int, int]:
    """After "my email is" all words up to the "at" are the name, but none before a word of the sentence."""
    after_cue = bisect_right(stream.at, cue)
    for i in range(at - 2, max(after_cue, at - _LONGEST_NAME - 1) - 1, -1):
        if stream.plain[i] in _NOT_A_NAME or i in stream.breaks:
            return after_cue, i + 1
    return after_cue, after_cue


_NOT_A_NAME = _SENTENCE | frozenset("and or to for the a an my your its it's that's address email yes um uh so".split())


def _domain_end(plain: Sequence[str], start: int, *, anywhere: bool) -> int:
    """Where the domain ("gmail.com", "my shop dot co dot uk") that starts here ends; 0 for none.

    Where it is called an e-mail address it may end `anywhere`: ".photography" is a domain too.
    """
    match = _DOMAIN.fullmatch(plain[start])
    if match and (anywhere or match["end"] in _ENDS):
        return start
    end = 0
    for i in range(start + 1, min(start + 6, len(plain) - 1)):
        if plain[i] in _DOTS and (plain[i + 1] in _ENDS or (anywhere and plain[i + 1].isalpha())):
            end = i + 1
            break
    while end and end + 2 < len(plain) and plain[end + 1] in _DOTS and plain[end + 2] in _ENDS:
        end += 2
    return end


def _local_start(plain: Sequence[str], i: int) -> int:
    """Where the spoken local part that ends at i starts: one word, more after a joint, and all spelt out."""
    while i > 0:
        if i > 1 and plain[i - 1] in {"for", "as"} and len(plain[i - 2]) == 1 and plain[i].startswith(plain[i - 2]):
            i -= 2  # "b for bravo"
            continue
        joined = plain[i] in _JOINTS or plain[i - 1] in _JOINTS
        spelt = _is_spelt(plain[i]) and (_is_spelt(plain[i - 1]) or _is_number(plain[i]))
        if not joined and not (spelt and (_is_spelt_there(plain, i - 1) or plain[i - 1] not in _NOT_A_NAME | {"is"})):
            break
        i -= 1
    return i


def _is_spelt_there(plain: Sequence[str], i: int) -> bool:
    """Whether the word is a number, or an "a" among letters: "s a m"."""
    return _is_number(plain[i]) or (plain[i] == "a" and i > 0 and len(plain[i - 1]) == len(plain[i + 1]) == 1)


def _is_number(word: str) -> bool:
    return word in DIGITS or word in TEENS or word in TENS or word.isdigit()


def _is_spelt(word: str) -> bool:
    return bool(_SPELT.fullmatch(word)) or _is_number(word)
