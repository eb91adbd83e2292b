"""The words that say what a number is: "the security code?" - "three one two"; "order number 4471".

The nearest cue before a number counts, whoever said it.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from transcription.redaction.conversation import Token

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
_CUES: tuple[tuple[str, str, int], ...] = (
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
    r"\b(?:" + "|".join(rf"(?P<c{n}>(?:{pattern})(?!\w))" for n, (_, pattern, _) in enumerate(_CUES)) + ")"
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

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        starts: list[int] = []
        length = 0
        for token in tokens:
            starts.append(length)
            length += len(token.plain) + 1
        said = "".join(
            t.plain + ("\n" if n + 1 < len(tokens) and tokens[n + 1].utterance != t.utterance else " ")
            for n, t in enumerate(tokens)
        )
        found: list[Cue] = []
        for match in _PATTERN.finditer(said):
            kind, _, reach = _CUES[int(str(match.lastgroup)[1:])]
            last = match.start() + len(match[0].rstrip()) - 1
            found.append(Cue(kind, _token_at(starts, match.start()), _token_at(starts, last), reach))
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
            same = self._tokens[cue.first].utterance == self._tokens[token].utterance
            between = " ".join(t.plain for t in self._tokens[token + 1 : cue.first])
            if cue.kind in _SAID_AFTER and same and cue.first - token <= _AFTER and between and _SAYS_SO.match(between):
                return cue
        return None


def _token_at(starts: Sequence[int], character: int) -> int:
    return bisect_left(starts, character + 1) - 1
