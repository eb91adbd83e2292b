"""The words that say what a number is: "the security code?" - "three one two"; "order number 4471".

The nearest cue before a number counts, whoever said it.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from transcription.redaction.conversation import Conversation

_NUMBER = "(?:number|numbers|no|nr|num|id|digits|code|#)"
_LAST_FOUR = r"last (?:four|4)(?: digits| numbers| ones)?"
_SOCIAL = (
    r"social security|social insurance"
    r"|(?:my|your|his|her|their|the|of|full) social(?! \w*(?:event|media|work|serv|net))"
    r"|ssn|s s n|national insurance|n i number|ni number|nino|itin|tax (?:id|identification|file|payer)"
    r"|passport|driver'?s? licen[sc]e"
)

# Kind, pattern over lower-case words, and how many words after it the number may begin.
# The order counts where two begin at the same word; a kind in `KEPT` says that the number is nobody's secret.
CUES: tuple[tuple[str, str, int], ...] = (
    ("ssn", rf"{_LAST_FOUR} (?:of|on|in|from) (?:{_SOCIAL})(?: {_NUMBER})?", 25),
    ("ending", rf"(?:{_LAST_FOUR}|final (?:four|4)(?: digits)?)(?: (?:of|on|for))?(?: (?:the|that|your|my))?(?: \w+)? ?"
     r"(?:card)?", 14),
    ("ending", r"(?:card |cards |visa |mastercard |amex )?(?:ending|ends|ended)(?: in| with)?", 3),
    ("code", r"security (?:code|number|digits)|cvv2?|cvc2?|c v v2?|c v c2?|card verification"
     r"|(?:last )?(?:three|four|3|4) ?(?:digits?|numbers?)?(?: security)?(?: code)? (?:on|from|at) the (?:back|front)"
     r"(?: of (?:the|your|my) (?:\w+ )?card)?|(?:three|four|3|4) digit (?:security )?code"
     r"|(?:code|number|digits) (?:on|from|at) the back(?: of (?:the|your|my) (?:\w+ )?card)?", 16),
    ("code", r"(?:verification|access|authentication|log ?in|sms|text|six digit|6 digit|one time|onetime) "
     r"(?:pass ?)?(?:code|password|pin)|pass ?code|otp|pin (?:number|code)|(?:my|your|the) pin\b", 16),
    ("kept", r"(?:promo|promotion|voucher|coupon|discount|gift|error|area|dial(?:ling)?|country|product|item)"
     r"(?: card)? codes?", 8),
    ("kept", r"(?:order|booking|reservation|reference|ref|confirmation|ticket|case|tracking|invoice|item|serial|model"
     r"|part|product|sku|claim|job|incident|shipment|delivery|parcel|batch|article|complaint|purchase|quote|flight|po"
     rf"|version|request|error) (?:reference )?{_NUMBER}", 20),
    ("kept", r"order|invoice|ticket|case|reference|ref|tracking|flight|item|serial|model|part|sku|version|extension"
     r"|room|step|seat|error|voucher|booking reference|meter(?: reading)?|meter reads", 2),
    ("card", r"(?:credit |debit |bank |payment )?cards?(?: (?:number|no|details|is))?|visa|master ?card|amex"
     r"|american express|maestro|discover card|long number|sixteen digit(?: number| code)?s?|16 digits?", 60),
    ("ssn", rf"(?:{_SOCIAL})(?: {_NUMBER})?", 25),
    ("account", r"(?:account|acct|policy|membership|member|customer|client|patient|subscriber|contract|loyalty"
     rf"|insurance|routing|transit|medical record) {_NUMBER}|sort code|iban", 25),
    ("account", r"account|policy|routing", 2),
    ("postcode", r"zip(?: ?code)?|post ?code|postal code", 12),
    ("phone", r"(?:phone|telephone|mobile|cell|cellphone|landline|contact|call ?back|call back|fax|whatsapp|home|work"
     r"|daytime|best|office) number|(?:my|your|her|his|their|what|good|best) number"
     r"|numbers? to (?:call|reach|ring|text)|(?:call|ring|reach|text|phone|contact) (?:me|us|you|him|her|them)"
     r"|phone|mobile|cell|landline|telephone", 30),
    ("birthdate", r"date of birth|birth ?date|birthday|dob|d o b|born", 14),
    ("address", r"(?:delivery |home |billing |shipping |postal |street )?address"
     r"|(?:i|we|she|he|they) lives? (?:at|on|in)|(?:deliver|ship|send|moved|move|come) (?:it |them )?to"
     r"|where should we (?:deliver|send)|live at|living at", 12),
    ("email", r"e-?mails?(?: address)?|e mail(?: address)?", 16),
)  # fmt: skip
# The boundary stands once, outside: inside a word nothing is tried at all.
_PATTERN = re.compile(
    r"\b(?:" + "|".join(rf"(?P<c{n}>(?:{pattern})(?!\w))" for n, (_, pattern, _) in enumerate(CUES)) + ")"
)

# The words that a cue begins with: everywhere else none is looked for, which is most of the work of masking.
_FIRST = frozenset(
    """16 3 4 6 access account acct address american amex area article authentication bank batch best billing birth
    birthdate birthday booking born branch c call callback card cards case cell cellphone claim client code come
    complaint confirmation contact contract country coupon credit customer cvc cvc2 cvv cvv2 d date daytime debit
    deliver delivery dial dialling digits discount discover dob driver drivers e email emails ended ending ends
    error extension fax final flight four full gift good he her his home i iban incident insurance invoice item itin
    job landline last live lives living log login long loyalty maestro master mastercard medical member membership
    meter mobile model move moved my n national ni nino number numbers of office one onetime order otp our parcel
    part pass passcode passport patient payment phone pin po policy post postal postcode product promo promotion
    purchase quote reach ref reference request reservation ring room routing s seat security send serial she ship
    shipment shipping six sixteen sku sms social sort ssn step street subscriber tax telephone text the their they
    three ticket tracking transit verification version visa voucher we what whatsapp where work your zip
    zipcode""".split()
)
_PIECE = re.compile(r"\w+")


@lru_cache(maxsize=1 << 16)
def begin_in(word: str) -> tuple[int, ...]:
    """The characters of a word at which a cue may begin."""
    # "3digits" is one word, and begins one.
    return tuple(
        [m.start() for m in _PIECE.finditer(word) if m[0] in _FIRST or m[0].startswith(("3", "4", "three", "four"))]
    )


# Said after the number: "three one two is the security code".
_AFTER = 5
_SAID_AFTER = frozenset({"code", "ssn", "account", "card", "kept"})
_SAYS_SO = re.compile(r"^(?:,? ?(?:it|that|this|which))?'? ?(?:is|was|are)? ?(?:on )?(?:my|the|your|our|his|her)? ?$")


class Cue(NamedTuple):
    """What the words from token `first` to `last` announce; `reach` is in words."""

    kind: str
    first: int
    last: int
    reach: int


class Cues:
    """The cues of a conversation by their place."""

    def __init__(self, call: Conversation) -> None:
        self._call = call
        starts = [*accumulate([len(word) + 1 for word in call.plain], initial=0)]
        begin = [
            starts[n] + offset for n, word in enumerate(call.plain) if (offsets := begin_in(word)) for offset in offsets
        ]
        found: list[Cue] = []
        end = 0
        for at in begin:
            match = _PATTERN.match(call.said, at) if at >= end else None
            if match is not None:
                end = match.end()
                kind, _, reach = CUES[int(str(match.lastgroup)[1:])]
                last = at + len(match[0].rstrip()) - 1
                found.append(Cue(kind, _token_at(starts, at), _token_at(starts, last), reach))
        self.all = tuple(found)

    def before(self, token: int, *kinds: str) -> Cue | None:
        """The nearest cue (of these kinds) that ends before the token and reaches it."""
        at = bisect_left(self.all, token, key=lambda cue: cue.last)
        for cue in reversed(self.all[max(0, at - 12) : at]):
            if token - cue.last <= cue.reach and (not kinds or cue.kind in kinds):
                return cue
        return None

    def after(self, token: int) -> Cue | None:
        """The cue that says what was read out up to this token, in the same utterance."""
        at = bisect_left(self.all, token + 1, key=lambda cue: cue.first)
        for cue in self.all[at : at + 1]:
            same = self._call.utterance[cue.first] == self._call.utterance[token]
            between = " ".join(self._call.plain[token + 1 : cue.first])
            if cue.kind in _SAID_AFTER and same and cue.first - token <= _AFTER and between and _SAYS_SO.match(between):
                return cue
        return None


def _token_at(starts: Sequence[int], character: int) -> int:
    return bisect_left(starts, character + 1) - 1
