"""A party does or says something, in a window after what called for it.

    expect: {acts: [apologises], within: 2 agent turns}
    expect: {any_of: [this call may be recorded]}

Met by the first hit inside the window that is likely. Something that is only possibly it makes the answer `unsure`:
"missed" is said only where nothing near was heard, with the nearest miss: said too late, said before the upset, or said
by the other party. With `specific` a hit must name the issue (see `audit_rules/specificity.py`).
"""

from collections.abc import Sequence

import msgspec

from callaudit.audit_rules.acts.said import Place, Said
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import Evidence, EvidenceKind, Facts, Finding, Miss, Note, Reason, Unit
from callaudit.audit_rules.matchers import Answer, Scope, answering_turns, in_time, inside
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.rule import Expect
from callaudit.audit_rules.specificity import names_the_issue
from callaudit.audit_rules.window import parse_window
from callaudit.transcription.transcript import Seconds


class ExpectMatcher:
    """Judges a rule that asks for something to be said or done."""

    def __init__(self, rule_id: str, spec: Expect, index: Index) -> None:
        self.spec = spec
        self.phrases = index.add(spec, by_both=True)
        self.preceding = index.add(spec.after) if spec.after else None
        self.window = parse_window(spec.within)
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Every hit that counts."""
        hits = call.hits(self.phrases)
        return [p for p in hits if names_the_issue(call, p)] if self.spec.specific else hits

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """Met by enough hits inside the window, unsure where something near was heard, else missed."""
        turns = answering_turns(call, scope, self.window, self.spec.speaker)
        # Who was upset in their last words had no chance to accept anything.
        if not turns or (self.spec.speaker == "customer" and scope.trigger and turns[-1] == scope.trigger.turn):
            return self.answer.not_applicable(Reason.CALL_ENDED, *_trigger(call, scope))
        later = [p for p in inside(self.events(call), turns) if _after(p, scope)]
        candidates = [p for p in later if self._preceded(call, p, scope)]
        timely = [(p, in_time(call, p, scope.trigger, self.window)) for p in candidates]
        hits = [p for p, soon in timely if soon]
        if len(hits) >= self.spec.at_least:
            return self._met(call, hits, scope)
        if any(soon is None for _, soon in timely):
            said = next(p for p, soon in timely if soon is None)
            evidence = call.evidence(EvidenceKind.NEAR_MISS, said)
            return self.answer.not_assessable(Reason.SAID_WHEN_UNKNOWN, evidence, facts=self._asked(scope))
        near_enough = self._near_enough(call, turns, scope)
        if near_enough is not None:
            evidence = call.evidence(EvidenceKind.NEAR_MISS, near_enough.place, Note.MAY_BE_IT, near_enough)
            return self.answer.unsure(Reason.NEAR_ENOUGH, evidence, *_trigger(call, scope), said=near_enough)
        return self._missed(call, scope, hits)

    def _met(self, call: Conversation, hits: Sequence[Place], scope: Scope) -> Finding:
        surest = [(p, call.best(self.phrases, p.turn)) for p in hits]
        surest.sort(key=lambda hit: (hit[1] is not None and -hit[1].certainty, hit[0]))
        quoted = surest[: max(self.spec.at_least, 1)]
        return self.answer.met(
            Reason.HEARD,
            *(call.evidence(EvidenceKind.MET, p, said=said) for p, said in quoted),
            *_trigger(call, scope),
            facts=Facts(seconds=_after_trigger(call, quoted[0][0], scope), since=scope.since),
            said=quoted[0][1],
        )

    def _near_enough(self, call: Conversation, turns: Sequence[int], scope: Scope) -> Said | None:
        """What was possibly said in time; of several the likeliest."""
        near = [
            s
            for s in call.said(self.phrases)
            if s.place.turn in turns
            and _after(s.place, scope)
            and self._preceded(call, s.place, scope)
            and in_time(call, s.place, scope.trigger, self.window)
        ]
        return max(near, key=lambda s: (s.certainty, s.probability or 0.0), default=None)

    def _preceded(self, call: Conversation, place: Place, scope: Scope) -> bool:
        """Whether what must come first came between the trigger and the place."""
        if self.preceding is None:
            return True
        return any(_after(p, scope) and p < place for p in call.hits(self.preceding))

    def _missed(self, call: Conversation, scope: Scope, hits: Sequence[Place]) -> Finding:
        """With the nearest that was said, which tells in which way the rule was missed."""
        miss, nearest = self._nearest(call, scope, hits)
        reason, facts = Reason.NOT_HEARD, self._asked(scope)
        if miss is Miss.TOO_FEW:
            reason = Reason.SAID_TOO_SELDOM
            facts = Facts(how_many=len(hits), limit=float(self.spec.at_least), limit_unit=Unit.TIMES)
        elif miss is Miss.TOO_LATE and nearest is not None:
            facts = msgspec.structs.replace(facts, seconds=_after_trigger(call, nearest, scope))
        near = () if nearest is None else (call.evidence(EvidenceKind.NEAR_MISS, nearest),)
        return self.answer.missed(reason, miss, *_trigger(call, scope), *near, facts=facts)

    def _nearest(self, call: Conversation, scope: Scope, hits: Sequence[Place]) -> tuple[Miss, Place | None]:
        if hits:
            return Miss.TOO_FEW, hits[0]
        if self.spec.specific:
            bare = [p for p in call.hits(self.phrases) if _after(p, scope)]
            if bare:
                return Miss.NOT_SPECIFIC, bare[0]
        events = self.events(call)
        later = [p for p in events if _after(p, scope)]
        if later:
            return Miss.OUT_OF_PLACE if self.window.unit == "rest" else Miss.TOO_LATE, later[0]
        if events and scope.trigger is not None:
            return Miss.TOO_EARLY, events[-1]
        theirs = call.said_by_other(self.phrases)
        return (Miss.BY_THE_OTHER, theirs[0]) if theirs else (Miss.NEVER, None)

    def _asked(self, scope: Scope) -> Facts:
        """Since when and within what the rule asks for it."""
        unit = _UNITS.get(self.window.unit)
        return Facts(since=scope.since, limit=None if unit is None else float(self.window.size), limit_unit=unit)


_UNITS = {"turns": Unit.AGENT_TURNS, "seconds": Unit.SECONDS}


def _after_trigger(call: Conversation, place: Place, scope: Scope) -> Seconds | None:
    """How long after the trigger a place comes; None where a time is not known or nothing triggered."""
    asked = call.time(scope.trigger)[1] if scope.trigger is not None else None
    said = call.time(place)[0]
    return None if asked is None or said is None or said < asked else said - asked


def _after(place: Place, scope: Scope) -> bool:
    return scope.trigger is None or place > scope.trigger


def _trigger(call: Conversation, scope: Scope) -> tuple[Evidence, ...]:
    return () if scope.trigger is None else (call.evidence(EvidenceKind.TRIGGER, scope.trigger),)
