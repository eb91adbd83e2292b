"""What an audit says: verdicts with evidence, episodes, promises and measures of one call."""

from enum import StrEnum

import msgspec

from audit_rules.acts.said import Certainty, Witness
from transcription.transcript import Seconds, SpeakerRole


class Verdict(StrEnum):
    """The five honest answers. Only MET and MISSED count in a score; coverage shows the rest.

    UNSURE says that something near enough was said, that one witness alone heard it, or that the customer was perhaps
    upset: a person should listen.
    """

    MET = "met"
    MISSED = "missed"
    UNSURE = "unsure"
    NOT_APPLICABLE = "not_applicable"
    NOT_ASSESSABLE = "not_assessable"


class EvidenceKind(StrEnum):
    """Why a piece of evidence stands in a finding."""

    MET = "met"
    """The words or times that earned `met`."""
    AGAINST = "against"
    """The words or times that cost it."""
    TRIGGER = "trigger"
    """What called for the rule."""
    NEAR_MISS = "near_miss"
    """The closest the call came to meeting it."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A quote or a stretch of time that a person can check.

    `turn` is an index into `turns_of(transcript)`; `char_start` and `char_end` delimit `quote` in that
    turn's text. Timing evidence has times and a `note` but may have no words. Where the quote was recognised as an act,
    `act` names it, `probability` (0 to 1) says how surely, and `like` is the nearest known line of the corpus where the
    words alone did not tell.
    """

    kind: EvidenceKind
    turn: int | None = None
    role: SpeakerRole | None = None
    start: Seconds | None = None
    end: Seconds | None = None
    quote: str = ""
    char_start: int | None = None
    char_end: int | None = None
    note: str = ""
    act: str = ""
    probability: float | None = None
    like: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule's verdict on one call; `reason` is a sentence for the person it concerns.

    `certainty` and `witness` say how surely, and by what, the words that decided were recognised as the act the rule
    asks for; None where no act decided.
    """

    rule_id: str
    verdict: Verdict
    reason: str
    evidence: tuple[Evidence, ...] = ()
    certainty: Certainty | None = None
    witness: Witness | None = None


class Upset(StrEnum):
    """Whether the customer was upset with the company, as far as their acts tell."""

    NONE = "none"
    PERHAPS = "perhaps"
    CLEAR = "clear"


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A tense stretch: from the customer's first upset words until acceptance, thanks or the end.

    Turn numbers are inclusive; `closed_by` is "accepted", "thanked" or "call_end".
    """

    number: int
    first_turn: int
    last_turn: int
    start: Seconds | None
    end: Seconds | None
    opened_by: str
    closed_by: str


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's side said it would contact the customer; `within_hours` is how soon."""

    turn: int
    start: Seconds | None
    quote: str
    within_hours: float


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """Shown for every call, never scored. None where the recording cannot show it."""

    turns_agent: int
    turns_customer: int
    words_agent: int
    words_customer: int
    talk_share_agent: float | None = None
    words_per_minute_agent: float | None = None
    overlaps_by_agent: int | None = None
    overlaps_by_customer: int | None = None
    overlap_seconds: float | None = None
    silence_seconds: float | None = None
    holds: int | None = None
    hold_seconds: float | None = None
    median_answer_gap: float | None = None
    longest_dead_air: float | None = None
    transfers: int = 0
    upset: Upset = Upset.NONE
    tense: bool = False
    upset_at_start: bool = False
    upset_at_end: bool = False
    calmed: bool | None = None


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one rulebook says about one call. Same transcript and rulebook, same bytes."""

    call_id: str
    rulebook_version: str
    findings: tuple[Finding, ...]
    episodes: tuple[Episode, ...]
    promises: tuple[Promise, ...]
    measures: Measures
