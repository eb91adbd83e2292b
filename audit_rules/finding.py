"""What an audit says: verdicts with evidence, episodes, promises and measures of one call.

Everything is a fact: codes, numbers, places. The sentences that people read are written from them last, by
`audit_rules.sentences`.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from callaudit.audit_rules.acts.said import Certainty, Witness
from callaudit.transcription.transcript import Seconds, SpeakerRole


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


class Reason(StrEnum):
    """Why a rule came to its verdict; with `Facts` it is all that a sentence needs."""

    # The call cannot be judged
    OTHER_LANGUAGE = "other_language"
    NOT_IN_LANGUAGE = "not_in_language"
    ROLES_UNKNOWN = "roles_unknown"
    ROLES_UNCERTAIN = "roles_uncertain"
    AGENT_NOT_HEARD = "agent_not_heard"
    CUSTOMER_NOT_HEARD = "customer_not_heard"
    NO_TIMES = "no_times"
    SPEECH_NOT_UNDERSTOOD = "speech_not_understood"
    WORDS_UNCERTAIN = "words_uncertain"
    # Nothing to judge
    NEVER_UPSET = "never_upset"
    NOT_CALLED_FOR = "not_called_for"
    AGENT_SILENT = "agent_silent"
    CALL_ENDED = "call_ended"
    # A person should listen
    PERHAPS_UPSET = "perhaps_upset"
    NEAR_ENOUGH = "near_enough"
    MAYBE_SAID = "maybe_said"
    # Something is to be said
    HEARD = "heard"
    NOT_HEARD = "not_heard"
    SAID_TOO_SELDOM = "said_too_seldom"
    SAID_WHEN_UNKNOWN = "said_when_unknown"
    # Something is not to be said, or not so often
    NEVER_SAID = "never_said"
    SAID = "said"
    MADE_GOOD = "made_good"
    SAID_OF_LIMIT = "said_of_limit"
    SAID_WITH_SPECIFIC = "said_with_specific"
    NOTHING_ASKED_TWICE = "nothing_asked_twice"
    ASKED_AGAIN = "asked_again"
    # One thing before another
    NOTHING_BEFORE = "nothing_before"
    RIGHT_ORDER = "right_order"
    NO_ORDER = "no_order"
    NEAR_ENOUGH_FIRST = "near_enough_first"
    WITHOUT_FIRST = "without_first"
    WRONG_ORDER = "wrong_order"
    # The customer's words and name
    SAID_BACK = "said_back"
    NOT_SAID_BACK = "not_said_back"
    NAME_USED = "name_used"
    NAME_UNDERSTOOD = "name_understood"
    NAME_NOT_KNOWN = "name_not_known"
    NAME_MASKED = "name_masked"
    NAME_NOT_USED = "name_not_used"
    # Holds
    NO_HOLD = "no_hold"
    HOLD_HANDLED = "hold_handled"
    HOLD_NOT_ASKED = "hold_not_asked"
    HOLD_WITHOUT_REASON = "hold_without_reason"
    HOLD_WITHOUT_DURATION = "hold_without_duration"
    HOLD_TOO_LONG = "hold_too_long"
    HOLD_WITHOUT_THANKS = "hold_without_thanks"
    # Who speaks when
    LET_FINISH = "let_finish"
    SPOKE_OVER = "spoke_over"
    NO_LONG_TURN = "no_long_turn"
    SHOWED_LISTENING = "showed_listening"
    MAYBE_ACKNOWLEDGED = "maybe_acknowledged"
    SOUND_WITHOUT_WORDS = "sound_without_words"
    NO_SIGNAL = "no_signal"
    DEAD_AIR = "dead_air"
    NO_ANSWERS = "no_answers"
    SLOW_ANSWERS = "slow_answers"
    PROMPT_ANSWERS = "prompt_answers"
    # Promises to contact the customer
    NO_PROMISE = "no_promise"
    CONTACTS_UNKNOWN = "contacts_unknown"
    CONTACT_CAME = "contact_came"
    CONTACT_NOT_DUE = "contact_not_due"
    NO_CONTACT = "no_contact"
    CONTACT_ERASED = "contact_erased"
    CONTACT_WITHOUT_DIRECTION = "contact_without_direction"
    CONTACT_IN_SAME_CONVERSATION = "contact_in_same_conversation"
    CONTACT_MAYBE_IN_WRITING = "contact_maybe_in_writing"
    PROMISED_IN_WRITING = "promised_in_writing"


class Miss(StrEnum):
    """In which way a rule was missed."""

    NEVER = "never"
    TOO_LATE = "too_late"
    TOO_EARLY = "too_early"
    OUT_OF_PLACE = "out_of_place"
    TOO_FEW = "too_few"
    NOT_SPECIFIC = "not_specific"
    BY_THE_OTHER = "by_the_other"
    FORBIDDEN = "forbidden"
    WRONG_ORDER = "wrong_order"
    TIMING = "timing"
    HOLD = "hold"
    BROKEN_PROMISE = "broken_promise"


class Since(StrEnum):
    """What a rule looks from."""

    START = "start"
    UPSET = "upset"
    PROBLEM = "problem"
    TRIGGER = "trigger"


class Unit(StrEnum):
    """What a limit counts."""

    SECONDS = "seconds"
    AGENT_TURNS = "agent_turns"
    TIMES = "times"


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a reason tells besides its code; a reason has those that concern it.

    `seconds` is how long, or how long after what `since` names; `how_many` how often, or how many turns were searched;
    `limit` what was allowed or asked for, in `limit_unit`. `confidence` (0 to 1) is that of words or of roles. `named`
    are words that the reason names: the customer's own, their name, what was asked for, the language.
    `other_call` is the call that kept a promise, or the next one after it was made.
    """

    seconds: Seconds | None = None
    how_many: int | None = None
    limit: float | None = None
    limit_unit: Unit | None = None
    since: Since | None = None
    confidence: float | None = None
    named: tuple[str, ...] = ()
    other_call: str = ""


NO_FACTS = Facts()


class Note(StrEnum):
    """What a piece of evidence shows, where its kind does not say it; how long is in its times."""

    SEARCHED = "searched"
    MAY_BE_IT = "may_be_it"
    ASKED_AGAIN = "asked_again"
    GIVEN_HERE = "given_here"
    FIRST = "first"
    THEN = "then"
    CAME_FIRST = "came_first"
    CAME_AFTER = "came_after"
    PROMISED = "promised"
    MUSIC_ON_HOLD = "music_on_hold"
    BOTH_SILENT = "both_silent"
    WAIT = "wait"
    SPEAKS_OVER = "speaks_over"
    WAS_SPEAKING = "was_speaking"
    SPOKE_LONG = "spoke_long"
    DEAD_AIR = "dead_air"
    SLOWEST_ANSWER = "slowest_answer"


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A quote or a stretch of time that a person can check.

    `turn` is an index into `turns_of(transcript)`; `char_start` and `char_end` delimit the words that decided in that
    turn's text, and `quote` is the clause they stand in. Timing evidence has times and a `note` but may have no words.
    Where the words were recognised as an act, `act` names it, `probability` (0 to 1) says how surely, and `like` is the
    nearest known line of the corpus where the words alone did not tell.
    """

    kind: EvidenceKind
    turn: int | None = None
    role: SpeakerRole | None = None
    start: Seconds | None = None
    end: Seconds | None = None
    quote: str = ""
    char_start: int | None = None
    char_end: int | None = None
    note: Note | None = None
    act: str = ""
    probability: float | None = None
    like: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule's verdict on one call, and why: `reason` with its `facts`, and of a missed rule in which way.

    `certainty` and `witness` say how surely, and by what, the words that decided were recognised as the act the rule
    asks for; None where no act decided.
    """

    rule_id: str
    verdict: Verdict
    reason: Reason
    facts: Facts = NO_FACTS
    miss: Miss | None = None
    evidence: tuple[Evidence, ...] = ()
    certainty: Certainty | None = None
    witness: Witness | None = None

    @property
    def is_proven(self) -> bool:
        """Whether a miss may be critical: where one witness alone accuses it is not, until a person confirms."""
        return self.witness in {None, Witness.BOTH}


class Upset(StrEnum):
    """Whether the customer was upset with the company, as far as their acts tell; unknown where no act can be."""

    NONE = "none"
    PERHAPS = "perhaps"
    CLEAR = "clear"
    UNKNOWN = "unknown"


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


class Medium(StrEnum):
    """How a contact was promised: calls show only whether a call came."""

    CALL = "call"
    WRITING = "writing"
    ANY = "any"


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's side said it would contact the customer; `within_hours` is how soon, `medium` how.

    `due_at` is the moment by which, None for a call without a date: so many hours from its start, or where the site has
    business hours as `BusinessTime.due` moves it. Whoever asks whether it was kept asks this, in Python and in SQL.
    """

    turn: int
    start: Seconds | None
    quote: str
    within_hours: float
    medium: Medium = Medium.CALL
    due_at: datetime | None = None


class PauseKind(StrEnum):
    """What a pause of a call is."""

    MUSIC = "music"
    """A hold that music fills."""
    SILENT = "silent"
    """A hold in which both are silent."""
    SPOKEN = "spoken"
    """A hold told by words: asked for before it, come back from after it."""
    DEAD_AIR = "dead_air"
    """Silence that was the agent's to fill."""
    EXCUSED = "excused"
    """Silence that was announced, or the customer's to end."""


class Pause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stretch of a call in which the two do not talk with each other."""

    kind: PauseKind
    start: Seconds
    end: Seconds


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
    transfers: int | None = 0
    upset: Upset = Upset.NONE
    upset_at_start: bool | None = False
    upset_at_end: bool | None = False
    calmed: bool | None = None

    @property
    def tense(self) -> bool | None:
        """Whether the call was tense; None where it was only perhaps so, or could not be judged."""
        return {Upset.CLEAR: True, Upset.NONE: False}.get(self.upset)


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one rulebook says about one call. Same transcript and rulebook, same bytes."""

    call_id: str
    rulebook_version: str
    findings: tuple[Finding, ...]
    holds: tuple[Pause, ...] = ()
    silences: tuple[Pause, ...] = ()
    """Other silences of both parties that are as long as a hold may be."""
    episodes: tuple[Episode, ...]
    promises: tuple[Promise, ...]
    measures: Measures
