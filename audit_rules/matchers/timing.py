"""Who speaks when: interruptions, listening signals, answer gaps.

    timing: {aspect: interruption}
    timing: {aspect: signal, longest_turn: 15, acknowledged_by: [i see]}
    timing: {aspect: answer_gap, median_gap: 3, longest_silence: 10}

Times come from each channel's speech, never from the recogniser's words.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import median

import msgspec

from callaudit.audit_rules.acts.said import Place
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.finding import Evidence, EvidenceKind, Facts, Finding, Miss, Note, Reason, Unit
from callaudit.audit_rules.matchers import Answer, Scope, searched
from callaudit.audit_rules.phrases.index import Index
from callaudit.audit_rules.rule import Phrases, Timing
from callaudit.transcription.transcript import Seconds, Span, SpeakerRole
from callaudit.transcription.turns import Turn, is_listening_signal

# The customer must have been under way, and must still be talking, for a start to be an interruption and not
# an answer that came a little early; the agent must then hold the floor (Schegloff 2000 on overlap resolution).
_UNDER_WAY: Seconds = 1.0
_STILL_TALKING: Seconds = 0.5
_HOLDS_FLOOR: Seconds = 0.5
# Talking over someone this long with more than a signal is an interruption even if the agent then gives way.
_TALKS_OVER: Seconds = 1.5


class TimingMatcher:
    """Judges one aspect of who spoke when."""

    def __init__(self, rule_id: str, spec: Timing, index: Index) -> None:
        self.spec = spec
        self.acknowledged = index.add(Phrases(any_of=spec.acknowledged_by, acts=spec.acts))
        self.answer = Answer(rule_id)

    def events(self, call: Conversation) -> Sequence[Place]:
        """Timing has no words of its own."""
        return ()

    def judge(self, call: Conversation, scope: Scope) -> Finding:
        """By the measure the rule names."""
        if self.spec.aspect == "interruption":
            return self._interruption(call, scope)
        if self.spec.aspect == "signal":
            return self._signal(call, scope)
        return self._answer_gap(call)

    def _interruption(self, call: Conversation, scope: Scope) -> Finding:
        from_time = call.turns[scope.first_turn].start or 0.0
        until = call.turns[scope.last_turn].end
        found = [
            (agent, customer)
            for agent, customer in interruptions(call)
            if agent.start >= from_time and (until is None or agent.start <= until)
        ]
        if not found:
            turns = [t.index for t in call.agent_turns if scope.first_turn <= t.index <= scope.last_turn]
            return self.answer.met(Reason.LET_FINISH, searched(call, turns), facts=Facts(how_many=len(turns)))
        agent, customer = found[0]
        spoken_over = min(agent.end, customer.end) - agent.start
        return self.answer.missed(
            Reason.SPOKE_OVER,
            Miss.TIMING,
            *(self._words(call, a, SpeakerRole.AGENT, EvidenceKind.AGAINST) for a, _ in found),
            self._words(call, customer, SpeakerRole.CUSTOMER, EvidenceKind.TRIGGER),
            facts=Facts(seconds=spoken_over, how_many=len(found)),
        )

    def _words(self, call: Conversation, span: Span, role: SpeakerRole, kind: EvidenceKind) -> Evidence:
        turn = next(
            (
                t
                for t in call.turns
                if t.role is role
                and t.start is not None
                and t.end is not None
                and t.start < span.end
                and span.start < t.end
            ),
            None,
        )
        if turn is None:
            return Evidence(kind=kind, role=role, start=span.start, end=span.end)
        note = Note.SPEAKS_OVER if kind is EvidenceKind.AGAINST else Note.WAS_SPEAKING
        return msgspec.structs.replace(call.turn_evidence(kind, turn, note), start=span.start, end=span.end)

    def _signal(self, call: Conversation, scope: Scope) -> Finding:
        venting = [
            t
            for t in call.customer_turns
            if scope.first_turn <= t.index <= scope.last_turn and _duration(t) >= self.spec.longest_turn
        ]
        if not venting:
            limit = Facts(limit=self.spec.longest_turn, limit_unit=Unit.SECONDS)
            return self.answer.not_applicable(Reason.NO_LONG_TURN, facts=limit)
        # Taking the floor from someone is no sign of listening to them.
        cut_in = {agent for agent, _ in interruptions(call)}
        sounds = [s for s in call.transcript.speech.get(SpeakerRole.AGENT, ()) if s not in cut_in]
        # A sound without a word of the agent may be a cough, or the rest of an echo.
        agent_speech = [s for s in sounds if _has_words(call, s)]
        acknowledged = {p.turn: p for p in reversed(call.hits(self.acknowledged))}
        evidence: list[Evidence] = []
        for turn in venting:
            start, end = turn.start or 0.0, turn.end or 0.0
            signal = next((s for s in agent_speech if start < s.start < end), None)
            reply = next((t for t in call.turns[turn.index + 1 :] if t.role is SpeakerRole.AGENT), None)
            vent = call.turn_evidence(EvidenceKind.TRIGGER, turn, Note.SPOKE_LONG)
            if signal is not None:
                evidence += [self._words(call, signal, SpeakerRole.AGENT, EvidenceKind.MET), vent]
            elif reply is not None and (reply.index in acknowledged or is_listening_signal(reply.text)):
                place = acknowledged.get(reply.index)
                kind = EvidenceKind.MET
                evidence += [call.turn_evidence(kind, reply) if place is None else call.evidence(kind, place), vent]
            elif reply is not None and (near := call.best(self.acknowledged, reply.index)) is not None:
                evidence = [call.evidence(EvidenceKind.NEAR_MISS, near.place, said=near), vent]
                return self.answer.unsure(Reason.MAYBE_ACKNOWLEDGED, *evidence)
            elif any(start < s.start < end for s in sounds):
                return self.answer.not_assessable(Reason.SOUND_WITHOUT_WORDS, vent)
            else:
                vented = Facts(seconds=_duration(turn))
                return self.answer.missed(Reason.NO_SIGNAL, Miss.TIMING, vent, facts=vented)
        return self.answer.met(Reason.SHOWED_LISTENING, *evidence)

    def _answer_gap(self, call: Conversation) -> Finding:
        waits = answer_gaps(call)
        dead = [s for s in call.dead_air if s.duration > self.spec.longest_silence]
        if dead:
            longest = max(s.duration for s in dead)
            return self.answer.missed(
                Reason.DEAD_AIR,
                Miss.TIMING,
                *(Evidence(kind=EvidenceKind.AGAINST, start=s.start, end=s.end, note=Note.DEAD_AIR) for s in dead),
                facts=Facts(
                    seconds=longest, how_many=len(dead), limit=self.spec.longest_silence, limit_unit=Unit.SECONDS
                ),
            )
        if not waits:
            return self.answer.not_applicable(Reason.NO_ANSWERS)
        typical = median(s.duration for s in waits)
        slowest = max(waits, key=lambda s: s.duration)
        late = typical > self.spec.median_gap
        kind = EvidenceKind.AGAINST if late else EvidenceKind.MET
        waited = Evidence(kind=kind, start=slowest.start, end=slowest.end, note=Note.SLOWEST_ANSWER)
        facts = Facts(seconds=typical, limit=self.spec.median_gap, limit_unit=Unit.SECONDS)
        if late:
            return self.answer.missed(Reason.SLOW_ANSWERS, Miss.TIMING, waited, facts=facts)
        return self.answer.met(Reason.PROMPT_ANSWERS, waited, facts=facts)


def interruptions(call: Conversation) -> list[tuple[Span, Span]]:
    """Agent speech that starts while the customer talks and is no signal, with the customer's speech it cut.

    It takes the floor (goes on after the customer has stopped), or talks over the customer for `_TALKS_OVER`.
    """
    customers = call.transcript.speech.get(SpeakerRole.CUSTOMER, ())
    signals = [
        Span(u.start, u.end)
        for u in call.transcript.utterances
        if u.role is SpeakerRole.AGENT and u.start is not None and u.end is not None and is_listening_signal(u.text)
    ]
    found: list[tuple[Span, Span]] = []
    for agent in call.transcript.speech.get(SpeakerRole.AGENT, ()):
        # Spans of one party do not overlap, so only the last one begun can be under way.
        at = bisect_right(customers, agent.start - _UNDER_WAY, key=_start) - 1
        if at < 0:
            continue
        customer = customers[at]
        talked_over = min(agent.end, customer.end) - agent.start
        took_floor = talked_over >= _STILL_TALKING and agent.end >= customer.end + _HOLDS_FLOOR
        if (took_floor or talked_over >= _TALKS_OVER) and not any(
            s.start <= agent.end and agent.start <= s.end for s in signals
        ):
            found.append((agent, customer))
    return found


def answer_gaps(call: Conversation) -> list[Span]:
    """How long the customer waited for each answer, without holds, recordings and what the customer asked for.

    An answer that begins before the customer ends is no wait: its span is empty.
    """
    agents = call.transcript.speech.get(SpeakerRole.AGENT, ())
    customers = call.transcript.speech.get(SpeakerRole.CUSTOMER, ())
    recorded = call.transcript.speech.get(SpeakerRole.SYSTEM, ())
    others = [*recorded, *(s for s in call.silences if s not in call.dead_air)]
    found: list[Span] = []
    for n, customer in enumerate(customers):
        at = bisect_left(agents, customer.end, key=_start)
        if at and agents[at - 1].end > customer.end:
            found.append(Span(customer.end, customer.end))
            continue
        resumed_at = customers[n + 1].start if n + 1 < len(customers) else None
        if at == len(agents) or (resumed_at is not None and resumed_at < agents[at].start):
            continue
        gap = Span(customer.end, agents[at].start)
        if not any(s.start < gap.end and gap.start < s.end for s in others):
            found.append(gap)
    return found


def _has_words(call: Conversation, span: Span) -> bool:
    return any(
        u.role is SpeakerRole.AGENT
        and u.start is not None
        and u.end is not None
        and u.start < span.end
        and span.start < u.end
        for u in call.transcript.utterances
    )


def _start(span: Span) -> Seconds:
    return span.start


def _duration(turn: Turn) -> Seconds:
    return 0.0 if turn.start is None or turn.end is None else turn.end - turn.start
