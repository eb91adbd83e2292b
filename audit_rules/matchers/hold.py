"""Holds: asked for, explained, limited, kept.

    hold: {aspect: asked, any_of: [may i (put|place) you on hold]}
    hold: {aspect: returns, any_of: [thank you for (holding|waiting)], longest: 120}

A hold is a silence of both parties that was announced, asked for or filled with music (`Conversation.holds`); every
other silence is dead air, which `timing` judges. What is said about a hold is looked for in the agent's two turns
before it, what is said on return in the first one after it.
"""

from collections.abc import Sequence

from callaudit.audit_rules.acts.said import Place, Said
from callaudit.audit_rules.conversation import EARLY, Conversation
from callaudit.audit_rules.finding import Evidence, EvidenceKind, Facts, Finding, Miss, Note, PauseKind, Reason, Unit
from callaudit.audit_rules.matchers import Answer, Scope, inside
from callaudit.audit_rules.phrases.durations import Durations
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.rule import Hold, Phrases
from callaudit.transcription.transcript import Seconds, Span, SpeakerRole

_MISSING = {
    "asked": Reason.HOLD_NOT_ASKED,
    "reason": Reason.HOLD_WITHOUT_REASON,
    "duration": Reason.HOLD_WITHOUT_DURATION,
}
_NOTES = {
    PauseKind.MUSIC: Note.MUSIC_ON_HOLD,
    PauseKind.SILENT: Note.BOTH_SILENT,
    PauseKind.SPOKEN: Note.WAIT,
}
# Faults for want of words; the others are the clock's.
_UNHEARD = {*_MISSING.values(), Reason.HOLD_WITHOUT_THANKS}
_Fault = tuple[Reason, Facts]
_IN_ENGLISH = Durations(
    numbers={w: n for n, w in enumerate("zero one two three four five six seven eight nine ten".split())}
    | {"a": 1, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "sixty": 60, "couple": 2, "few": 3},
    units={"second": 1, "minute": 60},
    between=("of", "more"),
)
_SHORTEST_PROMISE: Seconds = 10.0


class HoldMatcher:
    """Judges one aspect of how the agent handled the holds of a call."""

    def __init__(self, rule_id: str, spec: Hold, index: Index) -> None:
        self.spec = spec
        self.phrases = index.add(Phrases(any_of=spec.any_of, unless=spec.unless, acts=spec.acts), by_both=True)
        self.announces = index.add(Phrases(any_of=spec.announces), by_both=True)
        self.durations = index.durations or _IN_ENGLISH
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Every hit, whether a hold follows or not."""
        return call.hits(self.phrases)

    def announcements(self, call: Conversation) -> Sequence[Place]:
        """What either party says before a silence, by the rule that looks for the asking."""
        if self.spec.aspect != "asked":
            return ()
        # Customers ask for a moment in the same words.
        lists = (self.phrases, self.announces, *(call.act_phrases[a] for a in self.spec.acts if a in call.act_phrases))
        return [p for one in lists for p in (*call.hits(one), *call.said_by_other(one))]

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Every hold must pass."""
        if not call.holds:
            return self.answer.not_applicable(Reason.NO_HOLD)
        evidence: list[Evidence] = []
        faults: list[_Fault] = []
        unsure: list[Said] = []
        for hold in call.holds:
            fault, found = self._returns(call, hold) if self.spec.aspect == "returns" else self._announced(call, hold)
            evidence += found
            near = self._near_enough(call, hold) if fault and fault[0] in _UNHEARD else None
            unsure += [near] if near else []
            faults += [fault] if fault and not near else []
        if unsure and not faults:
            said = unsure[0]
            near_miss = call.evidence(EvidenceKind.NEAR_MISS, said.place, Note.MAY_BE_IT, said)
            return self.answer.unsure(Reason.NEAR_ENOUGH, near_miss, *evidence, said=said)
        if faults:
            reason, facts = faults[0]
            return self.answer.missed(reason, Miss.HOLD, *evidence, facts=facts)
        return self.answer.met(Reason.HOLD_HANDLED, *evidence, facts=Facts(how_many=len(call.holds)))

    def _near_enough(self, call: Conversation, hold: Span) -> Said | None:
        """What may be it about a hold; asked for only where phrases alone listen, as they hear little."""
        if call.heard:
            return None
        if self.spec.aspect == "returns":
            after = next((t for t in call.agent_turns if t.end is not None and t.end > hold.end), None)
            turns = [after.index] if after is not None else []
        else:
            turns = [t.index for t in call.turns_before(hold, SpeakerRole.AGENT)]
        return next((s for s in call.said(self.phrases) if s.place.turn in turns), None)

    def _announced(self, call: Conversation, hold: Span) -> tuple[_Fault | None, list[Evidence]]:
        before = [t.index for t in call.turns_before(hold, SpeakerRole.AGENT)]
        said = call.hits(self.phrases)
        if hold.duration <= self.spec.announced_up_to:
            said = sorted({*said, *call.hits(self.announces)})
        hits = [p for p in inside(said, before) if call.is_said_before(p, hold)]
        silence = _silence(call, hold)
        if hits:
            return None, [call.evidence(EvidenceKind.MET, hits[-1]), silence]
        return (_MISSING[self.spec.aspect], Facts(seconds=hold.duration)), [silence]

    def _returns(self, call: Conversation, hold: Span) -> tuple[_Fault | None, list[Evidence]]:
        limit, promised = self._limit(call, hold)
        evidence = [_silence(call, hold), *promised]
        # A promise in whole minutes is rounded by the speaker, so a few seconds over are on time.
        if hold.duration > limit * 1.1 + 2:
            facts = Facts(seconds=hold.duration, limit=limit, limit_unit=Unit.SECONDS)
            return (Reason.HOLD_TOO_LONG, facts), evidence
        after = next((t for t in call.agent_turns if t.end is not None and t.end > hold.end), None)
        said = inside(call.hits(self.phrases), [after.index]) if after is not None else []
        # The same turn may hold what was said before the silence.
        thanks = [p for p in said if _ends(call, p) > hold.end - EARLY]
        if not thanks:
            return (Reason.HOLD_WITHOUT_THANKS, Facts(seconds=hold.duration)), evidence
        return None, [call.evidence(EvidenceKind.MET, thanks[0]), *evidence]

    def _limit(self, call: Conversation, hold: Span) -> tuple[Seconds, list[Evidence]]:
        for turn in reversed(call.turns_before(hold, SpeakerRole.AGENT)):
            for number, seconds, first, last in self.durations.said_in(call.texts[turn.index]):
                place = Place(turn.index, first, last)
                # "Just a second" and "one minute" are manners of speaking, not promises.
                if number > 1 and seconds >= _SHORTEST_PROMISE and call.is_said_before(place, hold):
                    return seconds, [call.evidence(EvidenceKind.TRIGGER, place, Note.PROMISED)]
        return self.spec.longest, []


def _ends(call: Conversation, place: Place) -> Seconds:
    _, end = call.time(place)
    return float("inf") if end is None else end


def _silence(call: Conversation, hold: Span) -> Evidence:
    note = _NOTES[call.hold_kind(hold)]
    return Evidence(kind=EvidenceKind.TRIGGER, start=hold.start, end=hold.end, note=note)
