"""What is measured of every call and never scored."""

import re
from statistics import median

import msgspec

from callaudit.audit_rules.conversation import HOLD_FROM, Conversation
from callaudit.audit_rules.episode import UpsetTurns
from callaudit.audit_rules.finding import Measures, Pause, PauseKind, Upset
from callaudit.audit_rules.matchers.timing import answer_gaps
from callaudit.transcription.speech import overlaps
from callaudit.transcription.transcript import SpeakerRole
from callaudit.transcription.turns import Turn

# As a person counts: what stands between spaces and is more than a sign.
_WORD = re.compile(r"\S*\w\S*")


def measures_of(call: Conversation, *, upset: UpsetTurns, transfers: int) -> Measures:
    """The measures of one call; None where the recording cannot show it."""
    agent, customer = call.agent_turns, call.customer_turns
    words = {role: sum(len(_WORD.findall(t.text)) for t in call.turns if t.role is role) for role in SpeakerRole}
    upset_turns = set(upset.opened_by) if upset.degree is Upset.CLEAR else set[int]()
    known = upset.degree is not Upset.UNKNOWN
    base = Measures(
        turns_agent=len(agent),
        turns_customer=len(customer),
        words_agent=words[SpeakerRole.AGENT],
        words_customer=words[SpeakerRole.CUSTOMER],
        transfers=transfers if known else None,
        upset=upset.degree,
        upset_at_start=any(t.index in upset_turns for t in customer[:2]) if known else None,
        upset_at_end=(any(t.index in upset_turns for t in customer[-2:]) if len(customer) > 2 else bool(upset_turns))
        if known
        else None,
        calmed=_calmed(call, customer, upset_turns),
    )
    if not call.transcript.has_times:
        return base
    agent_speech = call.transcript.speech[SpeakerRole.AGENT]
    customer_speech = call.transcript.speech[SpeakerRole.CUSTOMER]
    spoken_agent = sum(s.duration for s in agent_speech)
    spoken = spoken_agent + sum(s.duration for s in customer_speech)
    both = overlaps(agent_speech, customer_speech)
    starts_agent = {s.start for s in agent_speech}
    by_agent = sum(o.start in starts_agent for o in both)
    waits = answer_gaps(call)
    dead = [s.duration for s in call.dead_air]
    return msgspec.structs.replace(
        base,
        talk_share_agent=_round(spoken_agent / spoken) if spoken else None,
        words_per_minute_agent=_round(60 * base.words_agent / spoken_agent) if spoken_agent else None,
        overlaps_by_agent=by_agent,
        overlaps_by_customer=len(both) - by_agent,
        overlap_seconds=_round(sum(o.duration for o in both)),
        silence_seconds=_round(sum(s.duration for s in call.silences)),
        holds=len(call.holds),
        hold_seconds=_round(sum(h.duration for h in call.holds)),
        median_answer_gap=_round(median(w.duration for w in waits)) if waits else None,
        longest_dead_air=_round(max(dead, default=0.0)),
    )


def pauses_of(call: Conversation) -> tuple[tuple[Pause, ...], tuple[Pause, ...]]:
    """The holds of a call, and its other long silences; none where times are not known."""
    holds = tuple(Pause(kind=call.hold_kind(h), start=h.start, end=h.end) for h in call.holds)
    silences = tuple(
        Pause(kind=PauseKind.DEAD_AIR if s in call.dead_air else PauseKind.EXCUSED, start=s.start, end=s.end)
        for s in call.silences
        if s.duration >= HOLD_FROM and s not in call.holds
    )
    return holds, silences


def _calmed(call: Conversation, customer: tuple[Turn, ...], upset: set[int]) -> bool | None:
    # Only a tense call can be calmed, and only if it ends accepted or thanked and the last words show no upset.
    if not call.episodes:
        return None
    return call.episodes[-1].closed_by != "call_end" and customer[-1].index not in upset


def _round(value: float) -> float:
    return round(value, 3)
