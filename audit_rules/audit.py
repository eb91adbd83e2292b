"""One transcript and one rulebook in, every rule's finding out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from callaudit.audit_rules.acts.recognise import recognise
from callaudit.audit_rules.acts.said import Certainty
from callaudit.audit_rules.conversation import Contact, Conversation
from callaudit.audit_rules.episode import UpsetTurns, episodes, upset_turns
from callaudit.audit_rules.finding import NO_FACTS, Audit, Facts, Finding, Reason, Since, Upset, Verdict
from callaudit.audit_rules.matchers import Scope
from callaudit.audit_rules.matchers.kept_promise import KeptPromiseMatcher
from callaudit.audit_rules.measures import measures_of, pauses_of
from callaudit.audit_rules.rulebook import CompiledRule, Rulebook
from callaudit.audit_rules.unheard import unless_unheard
from callaudit.audit_rules.wording import ENGLISH
from callaudit.transcription.language import NAMES
from callaudit.transcription.transcript import RolesFrom, SpeakerRole, Transcript
from callaudit.transcription.turns import is_listening_signal

# Below this the guess of who is who is worth less than saying nothing.
ROLES_FROM_CONFIDENCE = 0.8
# Enough for array operations to pay, few enough to stay in the processor's cache.
_AT_ONCE = 100
Scopes = dict[str, list[Scope]]
_WORST_FIRST = (Verdict.MISSED, Verdict.UNSURE, Verdict.MET, Verdict.NOT_ASSESSABLE, Verdict.NOT_APPLICABLE)


def audit(
    transcript: Transcript,
    rulebook: Rulebook,
    *,
    contacts: Sequence[Contact] = (),
    known_until: datetime | None = None,
) -> Audit:
    """Judge every rule that is not retired.

    `contacts` are the customer's other calls and `known_until` until when calls are known: the clock of the run, and
    not after the newest known call. Without them a promise to call back is `not_assessable`. The result depends on
    nothing else.
    """
    spoken = _spoken(transcript, rulebook)
    call = _conversation(transcript, spoken, contacts, known_until)
    _recognise([call], spoken)
    return _audit(call, spoken)


def audit_each(
    transcripts: Iterable[Transcript],
    rulebook: Rulebook,
    *,
    contacts_of: Callable[[Transcript], Sequence[Contact]] = lambda _: (),
    known_until: datetime | None = None,
) -> Iterator[Audit]:
    """The same as `audit` of each transcript, in their order, several times as fast."""
    waiting = iter(transcripts)
    while some := [*islice(waiting, _AT_ONCE)]:
        spoken = [_spoken(t, rulebook) for t in some]
        calls = [_conversation(t, by, contacts_of(t), known_until) for t, by in zip(some, spoken, strict=True)]
        for one in dict.fromkeys(spoken):
            _recognise([call for call, by in zip(calls, spoken, strict=True) if by is one], one)
        yield from (_audit(call, by) for call, by in zip(calls, spoken, strict=True))


def _spoken(transcript: Transcript, rulebook: Rulebook) -> Rulebook:
    """The rulebook in the call's language; the English one where there is none, which then judges nothing."""
    return rulebook.spoken_in(transcript.language) or rulebook


def _conversation(
    transcript: Transcript, rulebook: Rulebook, contacts: Sequence[Contact], known_until: datetime | None
) -> Conversation:
    accents = rulebook.language == ENGLISH
    return Conversation(transcript, rulebook.sources, contacts=contacts, known_until=known_until, accents=accents)


def _recognise(calls: Sequence[Conversation], rulebook: Rulebook) -> None:
    recognise(calls, rulebook.index, rulebook.witnesses, rulebook.act_phrases, rulebook.near)


def _audit(call: Conversation, rulebook: Rulebook) -> Audit:
    transcript = call.transcript
    unassessable = _cannot_be_judged(transcript, call, rulebook.language)
    unworded = Reason.NOT_IN_LANGUAGE, Facts(named=(NAMES[rulebook.language],))
    upset = upset_turns(call, rulebook.gate) if unassessable is None else UpsetTurns(Upset.UNKNOWN, {})
    call.upset = upset.degree
    call.episodes = episodes(call, upset, rulebook.gate)
    scopes = _scopes_of(call, upset, rulebook)
    silent = rulebook.silent
    findings = tuple(
        _judge(c, call, scopes, unassessable or (unworded if c.rule.id in silent else None)) for c in rulebook.compiled
    )
    promising = [
        c.matcher for c in rulebook.compiled if isinstance(c.matcher, KeptPromiseMatcher) and c.rule.id not in silent
    ]
    holds, silences = pauses_of(call)
    return Audit(
        call_id=transcript.call.call_id,
        rulebook_version=rulebook.version,
        findings=findings,
        holds=holds,
        silences=silences,
        episodes=call.episodes,
        promises=tuple(p for matcher in promising for p in matcher.promises(call)) if unassessable is None else (),
        measures=measures_of(call, upset=upset, transfers=len(call.hits(rulebook.transfers))),
    )


def _cannot_be_judged(transcript: Transcript, call: Conversation, language: str) -> tuple[Reason, Facts] | None:
    spoken = transcript.language
    if spoken not in {None, language}:
        return Reason.OTHER_LANGUAGE, Facts(named=(NAMES.get(spoken, spoken),))
    if not transcript.has_roles:
        return Reason.ROLES_UNKNOWN, NO_FACTS
    guessed = transcript.roles_from is RolesFrom.GUESSED
    if guessed and (transcript.role_confidence or 0.0) < ROLES_FROM_CONFIDENCE:
        return Reason.ROLES_UNCERTAIN, Facts(confidence=transcript.role_confidence or 0.0)
    speaking = {t.role for t in call.turns if call.texts[t.index] or is_listening_signal(t.text)}
    if SpeakerRole.AGENT not in speaking:
        return Reason.AGENT_NOT_HEARD, NO_FACTS
    if SpeakerRole.CUSTOMER not in speaking:
        return Reason.CUSTOMER_NOT_HEARD, NO_FACTS
    return None


def _judge(
    compiled: CompiledRule, call: Conversation, applying: Scopes, unassessable: tuple[Reason, Facts] | None
) -> Finding:
    rule = compiled.rule
    answer = compiled.answer
    if unassessable is not None:
        reason, facts = unassessable
        return answer.not_assessable(reason, facts=facts)
    scopes = _narrowed(compiled, call, applying[rule.applies])
    if not scopes and compiled.only_if is not None and compiled.when is None:
        # What was surely done counts, also where nothing was heard that the rule is about.
        judged = (compiled.matcher.judge(call, scope) for scope in applying[rule.applies])
        done = next((f for f in judged if f.verdict is Verdict.MET and f.certainty is Certainty.SURE), None)
        if done is not None:
            return done
    if not scopes:
        never_upset = rule.applies == "upset" and not call.episodes
        return answer.never_upset if never_upset else answer.not_called_for
    if rule.needs_times and not call.transcript.has_times:
        return answer.not_assessable(Reason.NO_TIMES)
    # One finding a call: a miss anywhere is the one to hear about, then what was met.
    judged = (unless_unheard(compiled.matcher.judge(call, s), compiled.matcher, call, s, answer) for s in scopes)
    finding = min(judged, key=lambda f: _WORST_FIRST.index(f.verdict))
    perhaps = rule.applies == "upset" and call.upset is Upset.PERHAPS
    return _without_accusing(rule.feeling, finding, compiled) if perhaps else finding


def _without_accusing(feeling: bool, finding: Finding, compiled: CompiledRule) -> Finding:
    """What a rule for upset customers says where the customer was only perhaps upset."""
    judged = finding.verdict in (Verdict.MET, Verdict.MISSED)
    if finding.verdict is Verdict.MISSED or (feeling and judged):
        return compiled.answer.unsure(Reason.PERHAPS_UPSET, *finding.evidence)
    return finding


def _scopes_of(call: Conversation, upset: UpsetTurns, rulebook: Rulebook) -> Scopes:
    """Where a rule applies before its own conditions narrow it.

    What calms a customer may be said long after they were upset, so a rule for upset customers looks from the first
    sign of it to the end of the call. An answer to the report of the problem counts: upset is seldom heard at once.
    """
    last = len(call.turns) - 1
    scopes: Scopes = {"always": [Scope(trigger=None, last_turn=last, since=Since.START)], "upset": []}
    if upset.opened_by:
        first = min(s.place for s in upset.opened_by.values())
        signs = [s.place for act in rulebook.gate.problem for s in call.acts.get(act, ()) if s.place < first]
        trigger = min([first, *signs])
        since = Since.UPSET if upset.degree is Upset.CLEAR and trigger == first else Since.PROBLEM
        scopes["upset"] = [Scope(trigger=trigger, last_turn=last, since=since)]
    return scopes


def _narrowed(compiled: CompiledRule, call: Conversation, scopes: list[Scope]) -> list[Scope]:
    if compiled.only_if is not None and scopes:
        heard = call.hits(compiled.only_if)
        scopes = [s for s in scopes if any(s.first_turn <= p.turn <= s.last_turn for p in heard)]
    if compiled.when is None or not scopes:
        return scopes
    return [
        Scope(trigger=p, last_turn=s.last_turn, since=Since.TRIGGER)
        for s in scopes
        for p in call.hits(compiled.when)
        if s.first_turn <= p.turn <= s.last_turn
    ]
