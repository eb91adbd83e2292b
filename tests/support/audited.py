"""Rulebooks, transcripts and audits in a few lines, as the warehouse stores them."""

from datetime import datetime, timedelta, timezone
from inspect import signature
from types import SimpleNamespace

from callaudit.audit_rules.finding import (
    Audit,
    Episode,
    Evidence,
    EvidenceKind,
    Finding,
    Measures,
    Medium,
    Miss,
    Promise,
    Reason,
    Upset,
    Verdict,
)
from callaudit.audit_rules.rule import Examples, Never, Rule, Scorecard, Step
from callaudit.transcription.transcript import (
    Call,
    Provenance,
    Recording,
    RolesFrom,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
)
from callaudit.warehouse.arrow_tables import AuditedCall

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=timezone(timedelta(hours=1)))


def rulebook_of(version="v1", *, statuses=None, asks=None, critical=("apology.given",), applies="always", **card):
    """Four rules; the house card has three steps, `ownership.avoids_blame` weighs double."""
    statuses, asks = statuses or {}, asks or {}
    ids = ("apology.given", "apology.is_specific", "ownership.avoids_blame", "pace.shows_urgency")
    rules = tuple(
        Rule(
            id=i,
            asks=asks.get(i, f"{i}?"),
            why="Because.",
            sources=("A3",),
            status=statuses.get(i, "live"),
            applies=applies,
            never=Never(any_of=("x",)),
            examples=Examples(met="A: x"),
        )
        for i in ids
    )
    house = Scorecard(
        name="house",
        title="House",
        steps=(
            Step(id="apology", title="Say sorry", rules={"apology.given": 1.0, "apology.is_specific": 1.0}),
            Step(id="ownership", title="Own it", rules={"ownership.avoids_blame": 2.0}),
            Step(id="pace", title="Be quick", rules={"pace.shows_urgency": 1.0}),
        ),
        critical=critical,
        **card,
    )
    return SimpleNamespace(version=version, rules=rules, scorecards={"house": house})


def transcript_of(
    call_id="C1",
    *,
    started_at=MONDAY,
    agent_id="a1",
    team="red",
    customer_id=None,
    queue=None,
    direction="inbound",
    interaction_id=None,
    text="i am so sorry",
    sha256=None,
    path=None,
    roles_from=RolesFrom.CHANNELS,
):
    words = tuple(Word(w, 1.0 + n, 1.5 + n, 0.9) for n, w in enumerate(text.split()))
    return Transcript(
        call=Call(
            call_id=call_id,
            source="main",
            started_at=started_at,
            agent_id=agent_id,
            agent_name=f"Agent {agent_id}" if agent_id else None,
            team=team,
            customer_id=customer_id,
            queue=queue,
            direction=direction,
            interaction_id=interaction_id,
        ),
        utterances=(
            Utterance(role=SpeakerRole.CUSTOMER, text="i am fed up", start=0.0, end=0.9, channel=1),
            Utterance.of_words(words, role=SpeakerRole.AGENT, channel=0),
        ),
        provenance=Provenance(engine="whisper", model="base.en", weights_hash="w", settings_hash="s"),
        recording=Recording(
            path=path or f"inbox/{call_id}.wav",
            sha256=sha256 or f"sha-{call_id}",
            size=10,
            codec="pcm_s16le",
            sample_rate=8000,
            channels=2,
            duration=60.0,
        ),
        language="en",
        roles_from=roles_from,
        speech={SpeakerRole.AGENT: (Span(1.0, 4.5),), SpeakerRole.CUSTOMER: (Span(0.0, 0.9),)},
    )


def audit_of(
    call_id="C1",
    verdicts=None,
    *,
    version="v1",
    quotes=True,
    promises=(),
    medium=Medium.CALL,
    tense=True,
    calmed=None,
    upset=None,
    started_at=MONDAY,
    hours=None,
):
    def due(after):
        plain = started_at and started_at + timedelta(hours=after)
        return hours.due(plain) if hours and plain else plain

    findings = tuple(
        Finding(
            rule_id=rule_id,
            verdict=Verdict(verdict),
            reason=Reason.HEARD if verdict == "met" else Reason.NOT_HEARD,
            miss=Miss.NEVER if verdict == "missed" else None,
            evidence=(
                Evidence(
                    kind=EvidenceKind.TRIGGER, turn=0, role=SpeakerRole.CUSTOMER, start=0.0, end=0.9, quote="fed up"
                ),
                Evidence(kind=EvidenceKind.MET, turn=1, role=SpeakerRole.AGENT, start=1.0, end=4.5, quote="so sorry"),
            )
            if quotes and verdict == "met"
            else (),
        )
        for rule_id, verdict in (verdicts or {"apology.given": "met"}).items()
    )
    return Audit(
        call_id=call_id,
        rulebook_version=version,
        findings=findings,
        episodes=(
            Episode(number=1, first_turn=0, last_turn=1, start=0.0, end=4.5, opened_by="fed up", closed_by="call_end"),
        ),
        promises=tuple(
            Promise(turn=1, start=2.0, quote="i will call you", within_hours=h, medium=medium, due_at=due(h))
            for h in promises
        ),
        measures=Measures(
            turns_agent=1,
            turns_customer=1,
            words_agent=4,
            words_customer=4,
            upset=upset or (Upset.CLEAR if tense else Upset.NONE),
            calmed=calmed,
        ),
    )


# When the call began is the call's to say.
_OF_AUDIT = signature(audit_of).parameters.keys() - {"started_at"}


def audited_of(call_id="C1", verdicts=None, **given):
    """A call and its audit; what `audit_of` does not take is the call's."""
    transcript = transcript_of(call_id, **{name: value for name, value in given.items() if name not in _OF_AUDIT})
    told = {name: value for name, value in given.items() if name in _OF_AUDIT}
    return AuditedCall(transcript, audit_of(call_id, verdicts, started_at=transcript.call.started_at, **told))
