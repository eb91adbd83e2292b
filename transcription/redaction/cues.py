"""The words that say what a number is: "the security code?" - "three one two"; "order number 4471".

The nearest cue before a number counts, whoever said it.
"""

import re
from bisect import bisect_left
from itertools import accumulate, compress
from typing import NamedTuple

from callaudit.transcription.redaction.conversation import Conversation
from callaudit.transcription.redaction.spelling import OfEachWord

_NUMBER = "(?:number|numbers|no|nr|num|id|digits|code|#)"
_LAST_FOUR = r"last (?:four|4)(?: digits| numbers| ones)?"
_SOCIAL = (
    r"social security|social insurance"
    r"|(?:my|your|his|her|their|the|of|full) social(?! \w*(?:event|media|work|serv|net))"
    r"|ssn|s s n|national insurance|n i number|ni number|nino|itin|tax (?:id|identification|file|payer)"
    r"|passport|driver'?s? licen[sc]e"
)

KEPT = frozenset({"kept", "thing", "barcode", "meeting"})
"""Cues that say that a number is nobody's secret; "thing" is a bare word ("item 4412"), which says it less surely."""

# Kind, pattern over lower-case words, and how many words after it the number may begin.
# The order counts where two begin at the same word.
CUES: tuple[tuple[str, str, int], ...] = (
    ("ssn", rf"{_LAST_FOUR} (?:of|on|in|from) (?:(?:the|my|your|his|her) )?(?:{_SOCIAL})(?: {_NUMBER})?", 25),
    ("ending", rf"(?:{_LAST_FOUR}|final (?:four|4)(?: digits)?)(?: (?:of|on|for))?(?: (?:the|that|your|my))?(?: \w+)? ?"
     r"(?:card)?", 14),
    ("ending", r"(?:card |cards |visa |mastercard |amex )?(?:ending|ends|ended)(?: in| with)?", 3),
    ("code", r"security (?:code|number|digits)|cvv2?|cvc2?|c v v2?|c v c2?|card verification"
     r"|(?:last )?(?:three|four|3|4) ?(?:digits?|numbers?)?(?: security)?(?: code)?"
     r" (?:on|from|at|by|near|behind|next to) (?:the|your|my) (?:back|front|signature|strip)"
     r"(?: of (?:the|your|my) (?:\w+ )?card)?|(?:three|four|3|4) digit (?:security )?code"
     r"|(?:code|number|digits) (?:on|from|at) the back(?: of (?:the|your|my) (?:\w+ )?card)?", 16),
    ("code", r"(?:verification|access|authentication|log ?in|sms|text|six digit|6 digit|one time|onetime) "
     r"(?:pass ?)?(?:code|password|pin)|pass ?code|otp|pin (?:number|code)", 16),
    ("sent code", r"(?:(?<=\bthe )|(?<=\ba )|(?<=\byour )|(?<=\bmy )|(?<=\bthat )|(?<=\bthis ))codes?"
     r"(?! (?:of|for|red|on the (?:back|front|page|screen|box|label|site))\b)", 8),
    ("code", r"(?:my|your|her|his|card|the) pin\b(?! (?:it|that|this|on|down|to|board|badge|in|up|of|fell|for|holding"
     r"|keeps?|broke|came|has|drop|hole|cushion|point)\b)", 6),
    ("barcode", r"isbn(?: 1[03])?|bar ?codes?|upc|ean|gtin|imei|vin (?:number|is)|vehicle identification number"
     rf"|(?:isbn|upc|ean|gtin|imei|bar ?code) {_NUMBER}", 12),
    ("meeting", rf"(?:(?:zoom|teams|webex|conference|video) )?(?:meeting|webinar|conference|bridge) {_NUMBER}"
     r"|zoom (?:id|link|call)|meeting(?= is \d)", 12),
    ("kept", r"(?:promo|promotion|voucher|coupon|discount|gift|error|product|item|status"
     r"|stop|fault|reason|department|dept|store|date|batch|lot|trip|tariff|tax|colou?r|paint|style)(?: card)?"
     r" codes?", 8),
    ("kept", r"(?:order|booking|reservation|reference|ref|confirmation|ticket|case|tracking|invoice|item|serial|model"
     r"|part|product|sku|claim|job|incident|shipment|delivery|parcel|batch|article|complaint|purchase|quote|flight|po"
     r"|version|request|error|lot|build|firmware|release|revision|return|rma|exchange|receipt|transaction|waybill|awb"
     r"|consignment|package|docket|service|report|bug|issue|change|asset|catalog(?:ue)?|style|design|pattern|drawing"
     r"|registration|recipe|page|meter|train|bus|container|pallet|bin|locker|seat|gate|room|table|queue|position"
     rf"|warranty|inventory|stock|barcode|document|form|file|vin|spec|certificate|permit|docket|lottery|raffle)"
     rf" (?:order |request |reference |tag |log )?{_NUMBER}", 20),
    ("kept", r"(?:order|booking|tracking|case|complaint|claim|return) (?:ref|reference|confirmation)s?"
     r"|tracking(?: link| details)?(?= (?:is|says|it's) \d)", 8),
    ("thing", r"(?:orders?|invoices?|tickets?|case|reference|ref|tracking|flight|item|serial|model|part|sku|version"
     r"|extension|room|step|seat|error|voucher|booking|meter(?: reading)?|meter reads|lot|build|batch|firmware|release"
     r"|docket|rma|receipt|parcel|package|shipment|consignment|waybill|claim|incident|transaction"
     r"|confirmation|complaint|quote|ext)"
     r"(?: (?:is|was) number)?", 3),
    ("card", r"(?:credit |debit |bank |payment )?cards?(?: (?:number|no|details|is))?|visa|master ?card|amex"
     r"|american express|maestro|discover card|long number|sixteen digit(?: number| code)?s?|16 digits?", 60),
    ("ssn", rf"(?:{_SOCIAL})(?: {_NUMBER})?", 25),
    ("account", r"(?:account|acct|policy|membership|member|customer|client|patient|subscriber|contract|loyalty"
     rf"|insurance|routing|transit|medical record) {_NUMBER}|sort code|iban", 25),
    ("account", r"account|policy|routing", 2),
    ("postcode", r"zip(?: ?codes?)|post ?codes?|postal codes?"
     r"|zip(?! (?:on|of|up|in|at|ties?|files?|fly|drive|lock|line|it|them|my|broke|broken|jammed|got|came|pull|pocket"
     r"|keeps?|was|has|is (?:\w+ )?(?:broken|stuck|jammed))\b)", 12),
    ("phone", r"(?:phone|telephone|mobile|cell|cellphone|landline|contact|call ?back|call back|fax|whatsapp|home|work"
     r"|daytime|best|office) number|(?:my|your|her|his|their|what|good|best) number"
     r"|numbers? to (?:call|reach|ring|text)|(?:call|ring|reach|text|phone|contact) (?:me|us|you|him|her|them)"
     r"|phone|mobile|cell|landline|telephone|(?:area|dial(?:ling)?|country) codes?", 30),
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
    """16 3 4 6 access account acct address american amex area article asset authentication awb bank bar barcode
    barcodes batch best billing bin birth birthdate birthday booking born branch bridge bug build bus c call
    callback card cards case catalog catalogue cell cellphone certificate change claim client code color colour come
    complaint conference confirmation consignment contact container contract country coupon credit customer cvc cvc2
    cvv cvv2 d date daytime debit deliver delivery department dept design dial dialling digits discount discover dob
    docket document drawing driver drivers e ean email emails ended ending ends error exchange ext extension fault
    fax file final firmware flight form four full gate gift good gtin he her his home i iban imei incident insurance
    inventory invoice invoices isbn issue item itin job landline last live lives living locker log login long lot
    lottery loyalty maestro master mastercard medical meeting member membership meter mobile model move moved my n
    national ni nino number numbers of office one onetime order orders otp our package page paint pallet parcel part
    pass passcode passport patient pattern payment permit phone pin po policy position post postal postcode product
    promo promotion purchase queue quote raffle reach reason receipt recipe ref reference registration release
    report request reservation return revision ring rma room routing s seat security send serial she ship shipment
    shipping six sixteen sku sms social sort spec ssn status step stock stop store street style subscriber table
    tariff tax teams telephone text the their they three ticket tickets tracking train transaction transit trip upc
    v vehicle verification version video vin visa voucher warranty waybill we webex webinar what whatsapp where work
    your zip zipcode zipcodes postcodes service zoom this that""".split()
)
_PIECE = re.compile(r"\w+")
_GLUED = re.compile(r"(?:3|4|three|four)(?:digit|number)")


def begin_in(word: str) -> tuple[int, ...]:
    """The characters of a word at which a cue may begin; none in a mask."""
    if word[:1] == "[":
        return ()
    # "3digits" is one word, and begins one.
    return tuple([m.start() for m in _PIECE.finditer(word) if m[0] in _FIRST or _GLUED.match(m[0])])


_BEGINS = OfEachWord(begin_in)
_LOOKED_BACK = 12

# Said after the number: "three one two is the security code".
_AFTER = 5
_SAID_AFTER = frozenset({"code", "ssn", "account", "card", *KEPT})
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
        ends = [*accumulate(map(len, call.plain), initial=0)]
        found: list[Cue] = []
        end = 0
        for n in compress(range(len(call.plain)), map(_BEGINS.__getitem__, call.plain)):
            for offset in _BEGINS[call.plain[n]]:
                # A word stands behind as many blanks as there are words before it.
                at = ends[n] + n + offset
                match = _PATTERN.match(call.said, at) if at >= end else None
                if match is not None:
                    end = match.end()
                    kind, _, reach = CUES[int(str(match.lastgroup)[1:])]
                    said = match[0].rstrip()
                    found.append(Cue(kind, n, n + said.count(" ") + said.count("\n"), reach))
        self.all = tuple(found)
        self._firsts = [cue.first for cue in found]
        self._lasts = [cue.last for cue in found]

    def before(self, token: int, *kinds: str) -> Cue | None:
        """The nearest cue (of these kinds) that ends before the token and reaches it."""
        at = bisect_left(self._lasts, token)
        for n in range(at - 1, max(0, at - _LOOKED_BACK) - 1, -1):
            cue = self.all[n]
            if token - cue.last <= cue.reach and (not kinds or cue.kind in kinds):
                return cue
        return None

    def after(self, token: int) -> Cue | None:
        """The cue that says what was read out up to this token, in the same utterance."""
        at = bisect_left(self._firsts, token + 1)
        if at == len(self.all):
            return None
        cue = self.all[at]
        if cue.kind not in _SAID_AFTER or cue.first - token > _AFTER:
            return None
        if self._call.utterance[cue.first] != self._call.utterance[token]:
            return None
        between = " ".join(self._call.plain[token + 1 : cue.first])
        return cue if between and _SAYS_SO.match(between) else None
