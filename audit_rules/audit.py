"""One transcript and one rulebook in, every rule's finding out."""

from collections.abc import Sequence
from datetime import datetime

from audit_rules.conversation import Contact, Conversation
from audit_rules.finding import Audit, Finding, Verdict
from audit_rules.matchers import Answer, Scope
from audit_rules.matchers.kept_promise import KeptPromiseMatcher
from audit_rules.measures import measures_of
from audit_rules.phrases import Place
from audit_rules.rulebook import CompiledRule, Rulebook
from transcription.transcript import RolesFrom, Transcript

# Below this the guess of who is who is worth less than saying nothing.
ROLES_FROM_CONFIDENCE = 0.8
_WORST_FIRST = (Verdict.MISSED, Verdict.MET, Verdict.NOT_ASSESSABLE, Verdict.NOT_APPLICABLE)


def audit(
    transcript: Transcript,
    rulebook: Rulebook,
    *,
    contacts: Sequence[Contact] = (),
    known_until: datetime | None = None,
) -> Audit:
    """Judge every rule that is not retired.

    `contacts` are the customer's other calls and `known_until` the start of the newest known call; without
    them a promise to call back is `not_assessable`. The result depends on nothing else.
    """
    call = Conversation(transcript, rulebook.index, rulebook.sources, contacts=contacts, known_until=known_until)
    upset = rulebook.episode_cues.upset(call)
    call.episodes = rulebook.episode_cues.episodes(call, upset)
    openings: dict[int, Place] = {}
    for place in upset:
        openings.setdefault(place.turn, place)
    unassessable = _cannot_be_judged(transcript, call)
    findings = tuple(_judge(compiled, call, openings, unassessable) for compiled in rulebook.compiled)
    promising = [c.matcher for c in rulebook.compiled if isinstance(c.matcher, KeptPromiseMatcher)]
    bouncing = rulebook.sources.get("ownership.avoids_bouncing")
    return Audit(
        call_id=transcript.call.call_id,
        rulebook_version=rulebook.version,
        findings=findings,
        episodes=call.episodes,
        promises=tuple(p for matcher in promising for p in matcher.promises(call)),
        measures=measures_of(call, upset=upset, transfers=len(bouncing.events(call)) if bouncing else 0),
    )


def _cannot_be_judged(transcript: Transcript, call: Conversation) -> str:
    if not transcript.has_roles:
        return "Agent and customer cannot be told apart in this recording."
    guessed = transcript.roles_from is RolesFrom.GUESSED
    if guessed and (transcript.role_confidence or 0.0) < ROLES_FROM_CONFIDENCE:
        return f"Who is the agent is too uncertain ({transcript.role_confidence or 0.0:.0%})."
    if not call.agent_turns:
        return "No words of the agent were understood."
    if not call.customer_turns:
        return "No words of the customer were understood."
    return ""


def _judge(compiled: CompiledRule, call: Conversation, openings: dict[int, Place], unassessable: str) -> Finding:
    rule = compiled.rule
    answer = Answer(rule.id)
    if unassessable:
        return answer.not_assessable(unassessable)
    scopes = _scopes(compiled, call, openings)
    if not scopes:
        never_upset = rule.applies == "episode" and not call.episodes
        called_for = "The customer was never upset." if never_upset else "Nothing called for it."
        return answer.not_applicable(called_for)
    if rule.needs_times and not call.transcript.has_times:
        return answer.not_assessable("The recording does not show when each party speaks.")
    findings = [compiled.matcher.judge(call, scope) for scope in scopes]
    # One finding a call: a miss anywhere is the one to hear about, then what was met.
    return min(findings, key=lambda f: _WORST_FIRST.index(f.verdict))


def _scopes(compiled: CompiledRule, call: Conversation, openings: dict[int, Place]) -> list[Scope]:
    rule = compiled.rule
    last = call.turns[-1].index
    if rule.applies == "episode":
        # What calms a customer may be said after the thanks that end an episode, so the window stays open.
        scopes = [
            Scope(trigger=openings[e.first_turn], last_turn=_until(call, e.number, last), called_for_by="the upset")
            for e in call.episodes
        ]
    else:
        scopes = [Scope(trigger=None, last_turn=last, called_for_by="the start")]
    if compiled.only_if is not None:
        heard = call.hits(compiled.only_if)
        scopes = [s for s in scopes if any(s.first_turn <= p.turn <= s.last_turn for p in heard)]
    if compiled.when is None:
        return scopes
    triggers = call.hits(compiled.when)
    return [
        Scope(trigger=p, last_turn=last, called_for_by="it was called for")
        for p in triggers
        if any(s.first_turn <= p.turn <= s.last_turn for s in scopes)
    ]


def _until(call: Conversation, number: int, last: int) -> int:
    later = [e.first_turn for e in call.episodes if e.number == number + 1]
    return later[0] - 1 if later else last
