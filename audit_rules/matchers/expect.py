"""A party does or says something, in a window after what called for it.

    expect: {acts: [apologises], within: 2 agent turns}
    expect: {any_of: [this call may be recorded]}

Met by the first hit inside the window that is likely. Something that is only possibly it makes the answer `unsure`:
"missed" is said only where nothing near was heard, with the nearest miss: said too late, said before the upset, or said
by the other party. With `specific` a hit must name the issue (see `audit_rules/issue.py`).
"""

from collections.abc import Sequence

from audit_rules.acts.said import Place, Said
from audit_rules.conversation import Conversation
from audit_rules.finding import Evidence, EvidenceKind, Finding
from audit_rules.index import Index
from audit_rules.issue import names_the_issue
from audit_rules.matchers import Answer, Scope, answering_turns, in_time, inside
from audit_rules.rule import Expect
from audit_rules.window import parse_window


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
            return self.answer.not_applicable("The call ended before there was a chance to.", *_trigger(call, scope))
        later = [p for p in inside(self.events(call), turns) if _after(p, scope)]
        candidates = [p for p in later if self._preceded(call, p, scope)]
        timely = [(p, in_time(call, p, scope.trigger, self.window)) for p in candidates]
        hits = [p for p, soon in timely if soon]
        if len(hits) >= self.spec.at_least:
            return self._met(call, hits, scope)
        if any(soon is None for _, soon in timely):
            said = next(p for p, soon in timely if soon is None)
            reason = f"Said, but the recording does not show whether within {self.window}."
            return self.answer.not_assessable(reason, call.evidence(EvidenceKind.NEAR_MISS, said))
        near_enough = self._near_enough(call, turns, scope)
        if near_enough is not None:
            evidence = call.evidence(EvidenceKind.NEAR_MISS, near_enough.place, "may be it", near_enough)
            reason = "Something near enough was said; a person should listen."
            return self.answer.unsure(reason, evidence, *_trigger(call, scope), said=near_enough)
        reason = self._not_heard(scope)
        near = self._near_miss(call, scope, hits)
        if near is not None:
            reason = f"{reason[:-1]}; nearest: {near.note}."
        return self.answer.missed(reason, *_trigger(call, scope), *([near] if near else []))

    def _met(self, call: Conversation, hits: Sequence[Place], scope: Scope) -> Finding:
        surest = [(p, call.best(self.phrases, p.turn)) for p in hits]
        surest.sort(key=lambda hit: (hit[1] is not None and -hit[1].certainty, hit[0]))
        quoted = surest[: max(self.spec.at_least, 1)]
        return self.answer.met(
            self._heard(call, quoted[0][0], scope),
            *(call.evidence(EvidenceKind.MET, p, said=said) for p, said in quoted),
            *_trigger(call, scope),
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

    def _heard(self, call: Conversation, place: Place, scope: Scope) -> str:
        if scope.trigger is not None:
            _, asked = call.time(scope.trigger)
            said, _ = call.time(place)
            if asked is not None and said is not None and said >= asked:
                return f"Heard {said - asked:.0f} s after {scope.called_for_by}."
            return f"Heard after {scope.called_for_by}."
        return "Heard."

    def _not_heard(self, scope: Scope) -> str:
        if scope.trigger is None:
            return "Not heard in this call."
        if self.window.unit == "rest":
            return f"Not heard after {scope.called_for_by}."
        return f"Not heard within {self.window} after {scope.called_for_by}."

    def _near_miss(self, call: Conversation, scope: Scope, hits: Sequence[Place]) -> Evidence | None:
        if hits:
            return call.evidence(EvidenceKind.NEAR_MISS, hits[0], f"said {len(hits)} of {self.spec.at_least} times")
        if self.spec.specific:
            bare = [p for p in call.hits(self.phrases) if _after(p, scope)]
            if bare:
                return call.evidence(EvidenceKind.NEAR_MISS, bare[0], "said without naming the issue")
        events = self.events(call)
        later = [p for p in events if _after(p, scope)]
        if later:
            return call.evidence(EvidenceKind.NEAR_MISS, later[0], self._late(call, later[0], scope))
        if events and scope.trigger is not None:
            return call.evidence(EvidenceKind.NEAR_MISS, events[-1], f"said before {scope.called_for_by}")
        theirs = call.said_by_other(self.phrases)
        if theirs:
            other = "customer" if self.spec.speaker == "agent" else "agent"
            return call.evidence(EvidenceKind.NEAR_MISS, theirs[0], f"said by the {other}")
        return None

    def _late(self, call: Conversation, place: Place, scope: Scope) -> str:
        asked = call.time(scope.trigger)[1] if scope.trigger else None
        said = call.time(place)[0]
        if asked is not None and said is not None:
            return f"said {said - asked:.0f} s after {scope.called_for_by}; limit {self.window}"
        return f"said later; limit {self.window}"


def _after(place: Place, scope: Scope) -> bool:
    return scope.trigger is None or place > scope.trigger


def _trigger(call: Conversation, scope: Scope) -> tuple[Evidence, ...]:
    return () if scope.trigger is None else (call.evidence(EvidenceKind.TRIGGER, scope.trigger),)
