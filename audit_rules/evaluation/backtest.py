"""What a change of the rules does to calls that were audited before: every verdict that flips, and why."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import tee

import msgspec

from callaudit.audit_rules.audit import audit_each
from callaudit.audit_rules.conversation import Contact
from callaudit.audit_rules.evaluation.golden_verdicts import Golden
from callaudit.audit_rules.finding import Evidence, EvidenceKind, Finding, Verdict
from callaudit.audit_rules.rulebook import Rulebook
from callaudit.audit_rules.scorecard import CallScore, ScoresCompared, compared, score, unproven, verdicts_of
from callaudit.audit_rules.sentences import reason_of
from callaudit.transcription.transcript import Seconds, SpeakerRole, Transcript
from callaudit.transcription.turns import turns_of

_SENTENCE_END = re.compile(r"[.?!…]+(?=\s|$)")
# What decides comes before what called for it, and that before what was only near.
_TELLING = (
    (EvidenceKind.MET, EvidenceKind.AGAINST),
    (EvidenceKind.TRIGGER,),
    (EvidenceKind.NEAR_MISS,),
)


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What was said: `quote` is what the rule found, `sentence` the one it stands in."""

    quote: str
    sentence: str
    role: SpeakerRole | None = None
    start: Seconds | None = None


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that the new rules change. `words` is the evidence that only one side has, if it has words."""

    call_id: str
    agent: str
    rule_id: str
    before: Verdict
    after: Verdict
    reason: str
    words: Words | None = None


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A golden verdict that the new rules do not give; `found` is None where no rule of that id is judged.

    `held_before` says whether the old rules gave it.
    """

    golden: Golden
    found: Verdict | None
    held_before: bool
    reason: str = ""


class RuleSum(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """How many calls of a rule went from one verdict to another."""

    rule_id: str
    before: Verdict
    after: Verdict
    calls: int


class AgentSum(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The flips of one agent, and how many of them are now missed, now met or now unsure."""

    agent: str
    flips: int
    now_missed: int
    now_met: int
    now_unsure: int


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """Two rulebooks on the same calls.

    `added` and `removed` are the rules that only one of them judges, with the verdicts it gives; they are no flips.
    `not_stored` are golden verdicts on calls that were not among the transcripts, so nothing is known of them.
    `scores` are those of a scorecard that both have.
    """

    old: str
    new: str
    calls: int
    flips: tuple[Flip, ...]
    by_rule: tuple[RuleSum, ...]
    by_agent: tuple[AgentSum, ...]
    added: dict[str, dict[Verdict, int]]
    removed: dict[str, dict[Verdict, int]]
    golden: int
    broken: tuple[Broken, ...]
    not_stored: tuple[Golden, ...]
    scores: ScoresCompared | None = None


def backtest(
    transcripts: Iterable[Transcript],
    old: Rulebook,
    new: Rulebook,
    *,
    scorecard: str = "",
    golden: Iterable[Golden] = (),
    contacts: Mapping[str, Sequence[Contact]] | None = None,
    known_until: datetime | None = None,
) -> Backtest:
    """Judge each call by both rulebooks and compare.

    `contacts` holds the calls of each customer id and `known_until` until when calls are known, as in `audit`.
    `scorecard` names the one whose scores are compared, where both have it. Transcripts are read once, one at a time.
    """
    must: dict[str, list[Golden]] = {}
    for verdict in golden:
        must.setdefault(verdict.call_id, []).append(verdict)
    asked = tuple(g for gs in must.values() for g in gs)
    calls = 0
    flips: list[Flip] = []
    broken: list[Broken] = []
    scores: list[tuple[str, str, CallScore, CallScore]] = []
    cards = [book.scorecards.get(scorecard) for book in (old, new)]
    lone: tuple[dict[str, Counter[Verdict]], dict[str, Counter[Verdict]]] = ({}, {})

    def others(transcript: Transcript) -> list[Contact]:
        call = transcript.call
        return [c for c in (contacts or {}).get(call.customer_id or "", ()) if c.call_id != call.call_id]

    # Each reads a few calls ahead, so only those few are kept.
    judged, by_old, by_new = tee(transcripts, 3)
    befores = audit_each(by_old, old, contacts_of=others, known_until=known_until)
    afters = audit_each(by_new, new, contacts_of=others, known_until=known_until)
    for transcript, then, now in zip(judged, befores, afters, strict=True):
        calls += 1
        call = transcript.call
        before = {f.rule_id: f for f in then.findings}
        after = {f.rule_id: f for f in now.findings}
        flips += _flips(transcript, before, after)
        if cards[0] and cards[1]:
            was, now_is = (
                score(verdicts_of(judged_by.findings), book, card, unproven=unproven(judged_by.findings))
                for judged_by, book, card in ((then, old, cards[0]), (now, new, cards[1]))
            )
            scores.append((call.call_id, call.agent_name or call.agent_id or "", was, now_is))
        _count_lone(lone[0], after, before)
        _count_lone(lone[1], before, after)
        broken += _broken(must.pop(call.call_id, ()), before, after)
    flips.sort(key=lambda f: (f.rule_id, f.after, f.before, f.call_id))
    return Backtest(
        old=old.version,
        new=new.version,
        calls=calls,
        flips=tuple(flips),
        by_rule=sums_by_rule(flips),
        by_agent=sums_by_agent(flips),
        added=_in_order(lone[0]),
        removed=_in_order(lone[1]),
        golden=len(asked),
        broken=tuple(sorted(broken, key=lambda b: b.golden)),
        not_stored=tuple(sorted(g for gs in must.values() for g in gs)),
        scores=compared(scorecard, scorecard, scores) if all(cards) else None,
    )


def sums_by_rule(flips: Iterable[Flip]) -> tuple[RuleSum, ...]:
    """How often each rule went from which verdict to which, in order of the rules."""
    counts = Counter((f.rule_id, f.before, f.after) for f in flips)
    return tuple(RuleSum(rule_id=r, before=b, after=a, calls=n) for (r, b, a), n in sorted(counts.items()))


def sums_by_agent(flips: Iterable[Flip]) -> tuple[AgentSum, ...]:
    """The flips of each agent, the one with the most first."""
    of: dict[str, list[Verdict]] = {}
    for flip in flips:
        of.setdefault(flip.agent, []).append(flip.after)
    sums = (
        AgentSum(
            agent=agent,
            flips=len(after),
            now_missed=after.count(Verdict.MISSED),
            now_met=after.count(Verdict.MET),
            now_unsure=after.count(Verdict.UNSURE),
        )
        for agent, after in of.items()
    )
    return tuple(sorted(sums, key=lambda s: (-s.flips, s.agent)))


def _flips(transcript: Transcript, before: Mapping[str, Finding], after: Mapping[str, Finding]) -> list[Flip]:
    call = transcript.call
    return [
        Flip(
            call_id=call.call_id,
            agent=call.agent_name or call.agent_id or "",
            rule_id=rule_id,
            before=before[rule_id].verdict,
            after=finding.verdict,
            reason=reason_of(finding),
            words=_words(transcript, before[rule_id], finding),
        )
        for rule_id, finding in after.items()
        if rule_id in before and before[rule_id].verdict is not finding.verdict
    ]


def _words(transcript: Transcript, before: Finding, after: Finding) -> Words | None:
    evidence = _what_changed(before, after)
    if evidence is None or evidence.turn is None:
        return None
    text = turns_of(transcript)[evidence.turn].text
    sentence = _sentence(text, evidence.char_start or 0, evidence.char_end)
    found = text[evidence.char_start : evidence.char_end]
    return Words(quote=found, sentence=sentence, role=evidence.role, start=evidence.start)


def _what_changed(before: Finding, after: Finding) -> Evidence | None:
    """The most telling words that one finding has and the other has not; those of the new one first."""
    for kinds in _TELLING:
        for has, lacks in ((after, before), (before, after)):
            known = {_place(e) for e in lacks.evidence}
            for evidence in has.evidence:
                if evidence.kind in kinds and evidence.quote and _place(evidence) not in known:
                    return evidence
    return None


def _place(evidence: Evidence) -> tuple[object, ...]:
    return evidence.kind, evidence.turn, evidence.char_start, evidence.char_end


def _sentence(text: str, start: int, end: int | None) -> str:
    last = max(start, (end or len(text)) - 1)
    ends = [m.end() for m in _SENTENCE_END.finditer(text)]
    begins_at = max((e for e in ends if e <= start), default=0)
    ends_at = min((e for e in ends if e > last), default=len(text))
    return text[begins_at:ends_at].strip()


def _count_lone(
    counts: dict[str, Counter[Verdict]], ours: Mapping[str, Finding], theirs: Mapping[str, Finding]
) -> None:
    for rule_id in ours.keys() - theirs.keys():
        counts.setdefault(rule_id, Counter())[ours[rule_id].verdict] += 1


def _in_order(counts: Mapping[str, Counter[Verdict]]) -> dict[str, dict[Verdict, int]]:
    return {rule_id: {v: counts[rule_id][v] for v in Verdict if counts[rule_id][v]} for rule_id in sorted(counts)}


def _broken(golden: Sequence[Golden], before: Mapping[str, Finding], after: Mapping[str, Finding]) -> list[Broken]:
    broken = []
    for must in golden:
        old, new = before.get(must.rule_id), after.get(must.rule_id)
        if new is None or new.verdict is not must.verdict:
            broken.append(
                Broken(
                    golden=must,
                    found=new.verdict if new else None,
                    held_before=old is not None and old.verdict is must.verdict,
                    reason=reason_of(new) if new else "No rule of that id is judged.",
                )
            )
    return broken
