"""The rows that the weekly report asks for; each field is a column of its question in `reports.weekly.queries`."""

from datetime import datetime

import msgspec

from callaudit.reports.reviews.accuracy import Reviewed
from callaudit.transcription.transcript import Seconds

Quartiles = tuple[float, float, float]
"""The lower quartile, the median, the upper quartile."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Of what was called for: how much was met, judged (met or missed) and unsure, and how much applied at all."""

    met: int = 0
    judged: int = 0
    unsure: int = 0
    applicable: int = 0


class WeekCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The audited calls of a week; `tense_judged_calls` are those of which it could be told."""

    iso_week: str
    calls: int
    tense_judged_calls: int
    tense_calls: int
    calmed_calls: int
    perhaps_tense_calls: int
    duration_s: Seconds | None


class WeekStep(Judged, frozen=True, kw_only=True):
    """One step in one week."""

    iso_week: str
    step: str


class StepOfOne(msgspec.Struct, frozen=True, kw_only=True):
    """One step in one week, of `who`: an agent, or one call where no two agents are named."""

    iso_week: str
    step: str
    who: str
    met: int
    judged: int


class RuleCounts(Judged, frozen=True, kw_only=True):
    """One rule in the week; the `own_` counts are of its own verdicts, before any person's."""

    rule_id: str
    rate: float | None = None
    own_met: int = 0
    own_judged: int = 0


class ScorecardRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule in a step of a scorecard of the rulebook in force."""

    rule_id: str
    scorecard_title: str
    step: str
    step_number: int
    step_title: str
    critical: bool
    asks: str
    status: str
    milestone: str | None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What is aimed at, 0 to 100: for a step, or the mean score ("" as `step`); of one team, or all ("" as `team`)."""

    team: str
    step: str
    target: float
    least_calls: int


class ScorecardCounts(Judged, frozen=True, kw_only=True):
    """One scorecard on the week's calls, with their mean score, 0 to 100."""

    scorecard: str
    scorecard_title: str
    score: float | None


class StepLoss(msgspec.Struct, frozen=True, kw_only=True):
    """One step in the week and the weight that was lost on it."""

    step: str
    step_title: str
    misses: int
    judged: int
    lost: float


class CriticalRule(msgspec.Struct, frozen=True, kw_only=True):
    """A critical rule and on how many calls of the week it was missed; `missed` says so in words, where it does."""

    rule_id: str
    missed: str | None
    step_title: str
    calls: int


class MissCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often a rule was missed in one way."""

    miss_kind: str
    rule_id: str
    misses: int


class CalmedCount(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's tense calls on which a rule was met, or was not, and how many of them were calmed."""

    agent_id: str
    rule_id: str
    met: bool
    calls: int
    calmed: int


class WeekMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured in a week: each median between its quartiles, each count, and the calls that tell it."""

    iso_week: str
    timed: int
    shared: int
    silent: int
    held: int
    over: int
    duration: Quartiles | None
    talk: Quartiles | None
    silence: Quartiles | None
    with_hold: int
    with_overlap: int


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """An agent by id and name."""

    agent_id: str
    agent_name: str | None


class Agent(Named, frozen=True, kw_only=True):
    """An agent over four weeks; `team` is the last one, "" where none is known."""

    team: str
    calls: int
    met: int
    judged: int


class AgentWeek(msgspec.Struct, frozen=True, kw_only=True):
    """An agent in one week."""

    agent_id: str
    iso_week: str
    calls: int
    met: int
    judged: int


class AgentStep(Judged, frozen=True, kw_only=True):
    """An agent on one step, over four weeks."""

    agent_id: str
    step: str


class AgentCall(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of one call."""

    call_id: str
    met: int
    judged: int


class Quoted(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with the words that show it."""

    call_id: str
    rule_id: str
    asks: str
    verdict: str
    reason: str
    quote: str
    quote_speaker: str | None
    at_s: Seconds | None
    agent_id: str | None
    agent_name: str | None
    critical: bool


class QuotedOfAgent(Quoted, frozen=True, kw_only=True):
    """One of the newest of its agent, step and verdict; `other_call_id` is a call that the reason names."""

    agent_id: str
    step: str
    other_call_id: str | None


class QuotedOfWeek(Quoted, frozen=True, kw_only=True):
    """One of the week; `score` is the call's, `weight` the rule's on the scorecard."""

    other_call_id: str | None
    quote_kind: str
    weight: float
    score: float | None


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """A call with its score; None of what could not be told."""

    call_id: str
    agent_id: str | None
    started_local: datetime | None
    duration_s: Seconds | None
    upset: str
    tense: bool | None
    calmed: bool | None
    score: float | None
    critical_misses: int | None


class CallOfWeek(CallRow, frozen=True, kw_only=True):
    """A call of the week; what is of the scorecard is None where the call was not judged by it."""

    agent_name: str | None
    team: str | None
    queue: str | None
    rules_judged: int | None
    rules_met: int | None
    rules_unsure: int | None
    coverage: float | None
    steps_met: int | None
    steps_judged: int | None


class WhoseCalls(msgspec.Struct, frozen=True, kw_only=True):
    """The calls in one week of an agent, or one call where no two agents are named."""

    iso_week: str
    tense_calls: int
    calmed_calls: int
    critical_judged_calls: int
    calls_with_critical_miss: int


class Milestone(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a tense call met the rule of a milestone."""

    call_id: str
    rule_id: str
    met: bool


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that applied in the week, and the calls that could not show all of them."""

    applicable: int
    judged: int
    unsure: int
    calls_roles_unknown: int
    calls_roles_guessed: int
    calls_without_times: int


class NotAudited(msgspec.Struct, frozen=True, kw_only=True):
    """Files of a week that could not be audited, for one reason."""

    counted_week: str
    code: str
    files: int
    next_step: str | None


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of the week that were erased."""

    kind: str
    calls: int


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """What wrote the words of some of the week's calls, with its notice ("" if none) and mean confidence."""

    engine: str
    model: str
    notice: str
    calls: int
    confidence: float | None


class Unheard(msgspec.Struct, frozen=True, kw_only=True):
    """The week's calls with speech in which no words were understood, and how much of it."""

    calls: int
    seconds: Seconds


class CallHeardAgain(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was heard a second time, in which `way`, and what of its verdicts flipped or turned round."""

    call_id: str
    way: str
    judged: int
    flipped: int
    turned: int


class WeekVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A rulebook that judged calls of a week."""

    iso_week: str
    rulebook_version: str


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a rulebook changed of a rule against the one before it; `first_week` has its first calls, "" if none."""

    rulebook_version: str
    previous_version: str
    rule_id: str
    change: str
    what: str
    asks: str
    first_week: str


class ReviewedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that a person judged."""

    call_id: str
    rule_id: str


class ReviewedAtRandom(Reviewed, frozen=True, kw_only=True):
    """The same of a call in the random sample."""

    call_id: str
