"""What a rule is: one declarative block of YAML, readable without Python.

Every block asks one question and holds exactly one matcher, the key that says how the question is answered:

    expect        the agent says something, in a window after what called for it
    never         the agent never says something
    at_most       the agent says something no more often than
    order         one thing comes before another
    restates      the agent says back the customer's own words
    uses_name     the agent uses the customer's name
    asks_again    the agent asks for what was given already
    hold          a hold is asked for, explained, kept short
    timing        interruptions, listening signals, answer gaps
    kept_promise  a promised contact took place, across calls

The structs here are the file format; each matcher's meaning is in `audit_rules/matchers/<key>.py`.
"""

from typing import Literal

import msgspec

from callaudit.audit_rules.acts.said import Certainty

Speaker = Literal["agent", "customer"]
Status = Literal["live", "trial", "retired"]


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of a rule file; a key that it does not know is an error, never ignored."""


class Phrases(Block, frozen=True, kw_only=True):
    """Words of one speaker. A hit that overlaps a hit of `unless` does not count.

    `acts` adds where these acts were recognised (`callaudit acts list`), except in a turn that also does one of
    `unless_acts`. `events` adds whatever other rules found, by rule id, so that phrases are written once. With
    `tolerance: 1` one small word inside a phrase of four words or more may have been misheard (see
    `audit_rules/phrases/tolerance.py`).
    """

    speaker: Speaker = "agent"
    any_of: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    unless_acts: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    tolerance: Literal[0, 1] = 0


class Expect(Phrases, frozen=True, kw_only=True):
    """`within`: "2 agent turns", "30 s", or "rest of call" after the trigger; a whole call where nothing triggers.

    `specific` counts a hit only if it names the customer's issue; `at_least` counts distinct hits. With `after` a
    hit counts only once a hit of that was heard since the rule began to apply: acceptance follows an offer.
    """

    within: str = "rest of call"
    after: Phrases | None = None
    at_least: int = 1
    specific: bool = False


class Never(Phrases, frozen=True, kw_only=True):
    """`followed_by` excuses a hit when one of its hits stands in the same turn or follows within `within`."""

    followed_by: Phrases | None = None
    within: str = "2 agent turns"


class AtMost(Phrases, frozen=True, kw_only=True):
    """At most `times` hits, and no limit once a hit of `unless_said` is found."""

    times: int
    unless_said: Phrases | None = None


class Order(Block, frozen=True, kw_only=True):
    """Something of `first` comes before anything of `then`.

    `first` counts from where the rule begins to apply, or with `since: call` from the call's start: what was asked
    before the customer became upset need not be asked again.
    """

    first: Phrases
    then: Phrases
    since: Literal["trigger", "call"] = "trigger"


class Restates(Block, frozen=True, kw_only=True):
    """The agent says back what the customer said before.

    A sentence restates when `words` of its content words, and nearly all it has, were just said by the customer;
    when a `lead` phrase ("so you") is followed by one of the customer's words; or when a `says_so` phrase ("if i
    understand you correctly") is followed by any content word, for a paraphrase may share none. A phrase that
    overlaps a hit of `unless` does not count, and no sentence that has one restates by its words alone. With `asks`
    the agent must ask for confirmation in that sentence or the next, and then one shared word, or any content word
    after a `lead`, is enough. `events` adds whatever other rules found; `acts` adds what was recognised, and in speech
    that alone counts. With `during` only the turns in which those events happen count, and there `words` shared words
    are enough.
    """

    words: int = 3
    lead: tuple[str, ...] = ()
    says_so: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    during: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


class UsesName(Block, frozen=True, kw_only=True):
    """How a name that the metadata does not give is learnt.

    `heard` are the customer's words before it ("my name is"), `asked` the agent's question for it, answered in a few
    words, and `addressed` the agent's words before it ("thank you", "mr"). The `acts` hear a name that was misspelt.
    """

    heard: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    addressed: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()


class Slot(Block, frozen=True, kw_only=True):
    """One thing asked for: how the agent asks, how the customer gives it."""

    asks: tuple[str, ...]
    gives: tuple[str, ...] = ()


class AsksAgain(Block, frozen=True, kw_only=True):
    """`unless` are the repairs that make asking again fair ("I did not catch that").

    Whatever is asked for by one of `acts` was given already where the customer answers with one of `protests`, or with
    the same letters and digits as before.
    """

    slots: dict[str, Slot]
    acts: tuple[str, ...] = ()
    protests: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


class Hold(Block, frozen=True, kw_only=True):
    """`aspect` is what must be true of each hold; `longest` is the limit in seconds where none was promised.

    `announces` are words that ask for nothing but prepare the customer for a short silence ("let me check"); they do
    for a hold of up to `announced_up_to` seconds.
    """

    aspect: Literal["asked", "reason", "duration", "returns"]
    acts: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    announces: tuple[str, ...] = ()
    announced_up_to: float = 30.0
    longest: float = 120.0


class Timing(Block, frozen=True, kw_only=True):
    """`aspect` names the measure; the limits are in seconds."""

    aspect: Literal["interruption", "signal", "answer_gap"]
    longest_turn: float = 15.0
    median_gap: float = 3.0
    longest_silence: float = 10.0
    acts: tuple[str, ...] = ()
    acknowledged_by: tuple[str, ...] = ()


class KeptPromise(Block, frozen=True, kw_only=True):
    """`made` are the promises, `events` those that other rules find; `within_hours` applies where none is named."""

    made: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    within_hours: float = 48.0


class Examples(Block, frozen=True, kw_only=True):
    """The rule's own tests: short calls, one "A: ..." or "C: ..." line a turn.

    `[12.5-14.0] A: ...` gives a line times where the rule needs them. `near_miss` is met although it looks missed.
    """

    met: tuple[str, ...] | str
    missed: tuple[str, ...] | str = ()
    not_applicable: tuple[str, ...] | str = ()
    near_miss: tuple[str, ...] | str = ()
    not_assessable: tuple[str, ...] | str = ()


MATCHERS = (
    "expect", "never", "at_most", "order", "restates", "uses_name", "asks_again", "hold", "timing", "kept_promise",
)  # fmt: skip


class Rule(Block, frozen=True, kw_only=True):
    """One criterion. `id` is `step.criterion`, named so that "met" reads as good; ids are never reused.

    `applies` says where: in every call, or only where the customer is upset with the company, from then on. A rule
    about the customer's `feeling` is `unsure` where they are only perhaps upset. `when` opens a window at each of its
    hits. `only_if` opens none: it says which calls (or episodes) the rule is about, wherever in them it is heard; an
    act that was surely done counts in the others too, and none of them misses it. `milestone` says in a few words how
    far a tense call has come once the rule is met; reports show how far calls get. `missed` is a miss as people would
    say it of the agent, for the sentences of a report: "told the customer to calm down".
    """

    id: str
    asks: str
    why: str
    sources: tuple[str, ...]
    missed: str = ""
    status: Status = "live"
    applies: Literal["always", "upset"] = "always"
    feeling: bool = False
    needs_times: bool = False
    milestone: str = ""
    when: Phrases | None = None
    only_if: Phrases | None = None
    expect: Expect | None = None
    never: Never | None = None
    at_most: AtMost | None = None
    order: Order | None = None
    restates: Restates | None = None
    uses_name: UsesName | None = None
    asks_again: AsksAgain | None = None
    hold: Hold | None = None
    timing: Timing | None = None
    kept_promise: KeptPromise | None = None
    examples: Examples

    @property
    def matcher(self) -> str:
        """The key of this rule's matcher."""
        return next(m for m in MATCHERS if getattr(self, m) is not None)

    @property
    def speaker(self) -> Speaker:
        """Whose words and times earn or cost this rule's verdict."""
        looks_for = getattr(self, self.matcher)
        if isinstance(looks_for, Order):
            return looks_for.first.speaker
        return looks_for.speaker if isinstance(looks_for, Phrases) else "agent"

    @property
    def step(self) -> str:
        """The part of the id before the dot: the file it stands in."""
        return self.id.partition(".")[0]


class Gate(Block, frozen=True, kw_only=True):
    """When a call is tense, and what of a call is counted, in terms of acts (`rules/gate.yaml`).

    A turn is upset where the probability that it does one of `upset` is `from_turn` or more, and clearly upset where
    that of `clearly` is `from_clear_turn` or more; both count less, the more probably it does one of `elsewhere`. One
    clearly upset turn, or `turns` upset ones, make a call tense; a single one, or `from_perhaps`, makes it perhaps
    tense, and it is judged from the `problem` on. `accepted` and `thanked` close an episode from the certainty
    `closes_from` on, unless the turn also does one of `persists`. What `transfers` finds is counted, never judged;
    a file without that key leaves it as it was.
    """

    upset: tuple[str, ...] = ()
    clearly: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    from_turn: float = 0.55
    from_clear_turn: float = 0.5
    from_perhaps: float = 0.45
    turns: int = 1
    accepted: tuple[str, ...] = ()
    thanked: tuple[str, ...] = ()
    persists: tuple[str, ...] = ()
    closes_from: Certainty = Certainty.LIKELY
    problem: tuple[str, ...] = ()
    transfers: Phrases = Phrases()


class Step(Block, frozen=True, kw_only=True):
    """A step of a framework and the rules that judge it, with their weights in its score.

    `target` is the share of calls, in percent, in which the step ought to be followed where it is called for.
    """

    id: str
    title: str
    rules: dict[str, float]
    target: float | None = None


class TeamTargets(Block, frozen=True, kw_only=True):
    """What is asked of one team instead: of the mean score, and of steps by their id."""

    target: float | None = None
    steps: dict[str, float] = {}


class CallExample(Block, frozen=True, kw_only=True):
    """A scorecard's own test: a short call as in a rule's examples, and the limits its score must keep to, 0 to 100."""

    call: str
    at_least: float = 0.0
    at_most: float = 100.0
    failed: bool = False


class Scorecard(Block, frozen=True, kw_only=True):
    """A form a QA team can choose: steps in order, and the rules whose miss is critical.

    With `critical_fails_call` a call that misses a critical rule has failed, and its score is 0. `target` is what the
    mean score ought to reach, and `teams` what is asked of single teams instead; a figure of fewer than `least_calls`
    calls is not held against a target. `bands` are names for scores, each with the lowest score that bears it.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    critical: tuple[str, ...] = ()
    critical_fails_call: bool = False
    target: float | None = None
    least_calls: int = 20
    bands: dict[str, float] = {}
    teams: dict[str, TeamTargets] = {}
    examples: tuple[CallExample, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of all rules on it, each once, in the order of the steps."""
        return tuple(dict.fromkeys(r for step in self.steps for r in step.rules))

    def band(self, score: float) -> str:
        """The name of the band that a score falls into; "" where no band reaches down to it."""
        reached = [(lowest, name) for name, lowest in self.bands.items() if score >= lowest]
        return max(reached)[1] if reached else ""
