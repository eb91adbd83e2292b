"""What was not understood may be what a rule asks for: nobody is accused of not having said it."""

from callaudit.audit_rules.conversation import SPEAKER, Conversation
from callaudit.audit_rules.finding import Facts, Finding, Reason, Verdict
from callaudit.audit_rules.matchers import Answer, Matcher, Scope, answering_turns
from callaudit.audit_rules.matchers.expect import ExpectMatcher
from callaudit.audit_rules.matchers.hold import HoldMatcher
from callaudit.audit_rules.matchers.order import OrderMatcher
from callaudit.audit_rules.matchers.restates import RestatesMatcher
from callaudit.audit_rules.matchers.uses_name import UsesNameMatcher
from callaudit.transcription.speech import overlaps, total
from callaudit.transcription.transcript import Seconds, Span, SpeakerRole

# Rules that say "missed" because words were not heard. The others accuse by what was heard, or by times.
_ASK_FOR_WORDS = (ExpectMatcher, HoldMatcher, OrderMatcher, RestatesMatcher, UsesNameMatcher)


def unless_unheard(finding: Finding, matcher: Matcher, call: Conversation, scope: Scope, answer: Answer) -> Finding:
    """The finding; `not_assessable` where it says "missed" for want of words and speech there was not understood."""
    if finding.verdict is not Verdict.MISSED or not call.transcript.unheard or not isinstance(matcher, _ASK_FOR_WORDS):
        return finding
    speaker = matcher.spec.speaker if isinstance(matcher, ExpectMatcher) else SPEAKER[SpeakerRole.AGENT]
    searched = _searched(matcher, call, scope)
    unheard = total(
        part
        for role, spans in call.transcript.unheard.items()
        if SPEAKER.get(role, speaker) == speaker
        for part in overlaps(spans, [searched])
    )
    if not unheard:
        return finding
    return answer.not_assessable(Reason.SPEECH_NOT_UNDERSTOOD, *finding.evidence, facts=Facts(seconds=unheard))


def _searched(matcher: Matcher, call: Conversation, scope: Scope) -> Span:
    """When the words would have counted: until somebody else speaks after the last turn in which they do."""
    asked = call.time(scope.trigger)[0] if scope.trigger else None
    last: int = scope.last_turn
    until: Seconds | None = None
    if isinstance(matcher, ExpectMatcher):
        if matcher.window.unit == "seconds" and scope.trigger is not None and asked is not None:
            until = (call.time(scope.trigger)[1] or asked) + matcher.window.size
        elif matcher.window.unit == "turns":
            last = answering_turns(call, scope, matcher.window, matcher.spec.speaker)[-1]
    if until is None and last < len(call.turns) - 1:
        until = call.turns[last + 1].start
    return Span(asked or 0.0, float("inf") if until is None else until)
