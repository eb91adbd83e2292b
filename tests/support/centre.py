"""A call centre of made-up agents, calls and rules, and the warehouse that holds their audits."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec

from callaudit.audit_rules.finding import (
    NO_FACTS,
    Audit,
    Episode,
    Evidence,
    EvidenceKind,
    Facts,
    Finding,
    Measures,
    Miss,
    Note,
    Pause,
    PauseKind,
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
from callaudit.transcription.turns import turns_of
from callaudit.warehouse.agreements import Agreement, keep_agreement
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.heard_again import HeardAgain, store
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import Published, open_published
from callaudit.warehouse.quarantine import quarantine
from callaudit.warehouse.reviews import Review, add_reviews
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.runs import Run, record_run
from tests.support.empty_warehouse import put_empty_warehouse

_ROLES = {"A": SpeakerRole.AGENT, "C": SpeakerRole.CUSTOMER, "?": SpeakerRole.UNKNOWN, "S": SpeakerRole.SYSTEM}
STEPS = {
    "listen": (
        "Let the customer finish",
        {
            "lets_customer_finish": "Does the agent let the customer finish while venting?",
            "gives_listening_signals": "Is there a small listening signal in a long turn?",
            "avoids_calm_down": "Does the agent never tell the customer to calm down?",
        },
    ),
    "composure": (
        "Stay civil",
        {
            "stays_civil": "Is the agent free of rude or sarcastic words?",
            "does_not_argue": "Does the agent avoid arguing about who is right?",
        },
    ),
    "empathy": (
        "Name the feeling",
        {
            "acknowledges_feeling": "Does the agent acknowledge the customer's feelings soon after the upset?",
            "is_specific": "Is that acknowledgement tied to this case?",
        },
    ),
    "apology": ("Say sorry for it", {"given": "Does the agent apologise?", "is_specific": "Does it name the issue?"}),
    "ownership": (
        "Take ownership",
        {
            "takes_responsibility": "Does the agent promise to act, in the first person?",
            "avoids_blame": "Does the agent put the blame on nobody?",
        },
    ),
    "clarify": ("Say the problem back", {"mirrors": "Does the agent say the problem back in their own words?"}),
    "solution": ("Offer a way out", {"is_offered": "Does the agent offer a concrete remedy or step?"}),
    "agreement": (
        "Agree on it",
        {
            "customer_accepts": "Does the customer accept the solution?",
            "explains_next_steps": "Does the agent say what happens next?",
        },
    ),
    "hold": ("Handle holds", {"asks_first": "Is a hold asked for before the silence?"}),
    "follow_up": ("Check that it is settled", {"checks_satisfaction": "Does the agent ask whether it is settled?"}),
}


MILESTONES = {
    "empathy.acknowledges_feeling": "Feeling named",
    "clarify.mirrors": "Problem said back",
    "solution.is_offered": "Solution offered",
    "agreement.customer_accepts": "Customer accepted",
}


class Rulebook(msgspec.Struct):
    """What the warehouse keeps of a rulebook."""

    version: str
    rules: tuple[Rule, ...]
    scorecards: dict[str, Scorecard]


def rulebook(version: str = "v1", *, reworded: Iterable[str] = ()) -> Rulebook:
    rules = tuple(
        Rule(
            id=f"{step}.{name}",
            asks=asks,
            why="It is in the protocol.",
            sources=("A1",),
            missed="blamed the customer" if name == "avoids_blame" else "",
            status="trial" if name == "gives_listening_signals" else "live",
            applies="upset",
            milestone=MILESTONES.get(f"{step}.{name}", ""),
            never=Never(any_of=("changed",) if f"{step}.{name}" in set(reworded) else ("x",)),
            examples=Examples(met="A: Hello."),
        )
        for step, (_, asked) in STEPS.items()
        for name, asks in asked.items()
    )
    house = Scorecard(
        name="house",
        title="House scorecard",
        steps=tuple(
            Step(id=step, title=title, rules={f"{step}.{name}": 1.0 for name in asked})
            for step, (title, asked) in STEPS.items()
        ),
        critical=("listen.avoids_calm_down", "composure.stays_civil", "ownership.avoids_blame"),
    )
    tips = Scorecard(
        name="five_tips",
        title="Five tips",
        steps=(
            Step(id="D1", title="Listen", rules={"listen.lets_customer_finish": 1.0, "apology.given": 1.0}),
            Step(id="D5", title="Present a solution", rules={"solution.is_offered": 1.0}),
        ),
    )
    return Rulebook(version, rules, {"house": house, "five_tips": tips})


RULES = tuple(f"{step}.{name}" for step, (_, asked) in STEPS.items() for name in asked)


Line = tuple[float, float, str, str]
"""Start, end, "A" or "C" or "?", words."""


ANGRY: tuple[Line, ...] = (
    (0.4, 4.5, "A", "Thank you for calling Northgate, my name is Anton. How can I help?"),
    (
        5.0,
        10.9,
        "C",
        "Yes, hello. This is the third time I've called about the same parcel. It was meant to come Tuesday.",
    ),
    (11.2, 13.4, "A", "Okay. Can I take the order number?"),
    (13.8, 21.4, "C", "I have given it twice already. This is ridiculous, I took a day off work for this!"),
    (19.8, 23.0, "A", "Right, sir, let me stop you there, I need to"),
    (22.4, 28.0, "C", "No, you let me finish! Nobody ever lets me finish. I am really angry about this."),
    (
        28.6,
        35.3,
        "A",
        "I can hear how frustrating this has been, three calls and a lost day. I'm sorry we let it get this far.",
    ),
    (35.6, 38.3, "C", "Well. Yes. It's not good enough, is it."),
    (38.6, 45.0, "A", "So the parcel was promised for Tuesday, you stayed at home, and it never came. Is that right?"),
    (45.4, 46.8, "C", "Yes. Exactly."),
    (47.2, 51.4, "A", "May I put you on hold for one minute while I look at the depot's notes?"),
    (51.8, 53.0, "C", "Fine. One minute."),
    (
        94.5,
        101.9,
        "A",
        "Thanks for holding. The depot marked it as refused. You should have checked the tracking page.",
    ),
    (102.3, 105.0, "C", "I was at home all day! Nobody came to the door!"),
    (105.9, 113.0, "A", "I understand. I can send a new one by courier, or refund it now. Which would you prefer?"),
    (113.5, 114.9, "C", "Send a new one. When?"),
    (115.3, 118.2, "A", "As fast as we can. Somebody will be in touch."),
    (118.8, 122.7, "C", "Hmm. All right. The card is still the one ending [card]."),
    (123.2, 128.7, "A", "Thank you. I'll take this on myself and see it through. Does that settle it for you today?"),
    (129.1, 131.3, "C", "If it comes, yes. Thank you."),
)


ANGRY_VERDICTS: dict[str, tuple[str, Reason, str]] = {
    # rule: verdict, reason, quote
    "listen.lets_customer_finish": ("missed", Reason.SPOKE_OVER, "let me stop you there"),
    "listen.gives_listening_signals": ("not_applicable", Reason.NO_LONG_TURN, ""),
    "listen.avoids_calm_down": ("met", Reason.NEVER_SAID, ""),
    "composure.stays_civil": ("met", Reason.NEVER_SAID, ""),
    "composure.does_not_argue": (
        "missed",
        Reason.SAID,
        "You should have checked the tracking page.",
    ),
    "empathy.acknowledges_feeling": (
        "met",
        Reason.HEARD,
        "I can hear how frustrating this has been",
    ),
    "empathy.is_specific": (
        "met",
        Reason.HEARD,
        "how frustrating this has been, three calls and a lost day",
    ),
    "apology.given": ("met", Reason.HEARD, "I'm sorry we let it get this far."),
    "apology.is_specific": ("missed", Reason.NOT_HEARD, "I'm sorry we let it get this far."),
    "ownership.takes_responsibility": (
        "met",
        Reason.HEARD,
        "I'll take this on myself and see it through.",
    ),
    "ownership.avoids_blame": ("missed", Reason.SAID, "You should have checked the tracking page."),
    "clarify.mirrors": (
        "met",
        Reason.SAID_BACK,
        "So the parcel was promised for Tuesday, you stayed at home, and it never came.",
    ),
    "solution.is_offered": ("met", Reason.HEARD, "I can send a new one by courier, or refund it now."),
    "agreement.customer_accepts": ("met", Reason.HEARD, "Send a new one."),
    "agreement.explains_next_steps": (
        "missed",
        Reason.NOT_HEARD,
        "Somebody will be in touch.",
    ),
    "hold.asks_first": ("met", Reason.HOLD_HANDLED, "May I put you on hold for one minute"),
    "follow_up.checks_satisfaction": ("met", Reason.HEARD, "Does that settle it for you today?"),
}


def transcript(
    call: Call,
    lines: Iterable[Line],
    *,
    roles_from: RolesFrom = RolesFrom.CHANNELS,
    speech: bool = True,
    notice: str = "",
    confidences: Callable[[int], float | None] = lambda i: 0.3 if i % 37 == 5 else 0.9,
) -> Transcript:
    utterances = []
    spans: dict[SpeakerRole, list[Span]] = {SpeakerRole.AGENT: [], SpeakerRole.CUSTOMER: []}
    n = 0
    for start, end, who, text in lines:
        words = text.split()
        step = (end - start) / len(words)
        made = []
        for i, word in enumerate(words):
            made.append(Word(word, round(start + i * step, 3), round(start + (i + 1) * step, 3), confidences(n)))
            n += 1
        role = _ROLES[who]
        utterances.append(Utterance.of_words(tuple(made), role=role, channel=0 if who == "A" else 1))
        if role in spans:
            spans[role].append(Span(start, end))
    last = max(u.end or 0 for u in utterances)
    return Transcript(
        call=call,
        utterances=tuple(utterances),
        provenance=Provenance(engine="demo", model="small", weights_hash="w", settings_hash="s", notice=notice),
        recording=Recording(
            path=f"/inbox/{abs(hash(call.call_id)) % 1000}.wav",
            sha256=f"sha-{call.call_id}",
            size=1,
            codec="pcm",
            sample_rate=8000,
            channels=2 if speech else 1,
            duration=last + 3,
        ),
        roles_from=roles_from,
        role_confidence=0.8 if roles_from is RolesFrom.GUESSED else None,
        role_evidence="says “thank you for calling”" if roles_from is RolesFrom.GUESSED else "",
        speech={role: tuple(found) for role, found in spans.items()} if speech else {},
    )


def evidence(heard: Transcript, quote: str, kind: EvidenceKind, *, exact: bool = True) -> Evidence:
    for turn in turns_of(heard):
        at = turn.text.find(quote)
        if at >= 0:
            return Evidence(
                kind=kind,
                turn=turn.index,
                role=turn.role,
                start=turn.start,
                end=turn.end,
                quote=quote,
                char_start=at if exact else None,
                char_end=at + len(quote) if exact else None,
            )
    raise AssertionError(f"{quote!r} is not in the call")


def audit(
    heard: Transcript,
    verdicts: dict[str, tuple[str, Reason, str]],
    *,
    version: str = "v1",
    tense: bool | None = True,
    calmed: bool | None = True,
    hold: Span | None = None,
    opened_by: str = "This is ridiculous",
    silence: Span | None = None,
    facts: Facts = NO_FACTS,
) -> Audit:
    turns = turns_of(heard)
    findings = []
    for rule in RULES:
        verdict, reason, quote = verdicts.get(rule, ("not_applicable", Reason.NOT_CALLED_FOR, ""))
        kind = EvidenceKind.MET if verdict == "met" else EvidenceKind.AGAINST
        found = [evidence(heard, quote, kind)] if quote else []
        if rule.startswith("hold.") and hold:
            found.append(Evidence(kind=EvidenceKind.TRIGGER, start=hold.start, end=hold.end, note=Note.BOTH_SILENT))
        findings.append(
            Finding(
                rule_id=rule,
                verdict=Verdict(verdict),
                reason=reason,
                facts=facts,
                evidence=tuple(found),
                miss=Miss.NEVER if verdict == "missed" else None,
            )
        )
    opening = next((t for t in turns if opened_by in t.text), None) if tense else None
    return Audit(
        call_id=heard.call.call_id,
        rulebook_version=version,
        findings=tuple(findings),
        holds=(Pause(kind=PauseKind.SILENT, start=hold.start, end=hold.end),) if hold else (),
        silences=(Pause(kind=PauseKind.DEAD_AIR, start=silence.start, end=silence.end),) if silence else (),
        episodes=(
            Episode(
                number=1, first_turn=opening.index, last_turn=max(opening.index, len(turns) - 2), start=opening.start,
                end=turns[-2].end, opened_by=opened_by, closed_by="accepted" if calmed else "call_end",
            ),
        )
        if opening
        else (),
        promises=(),
        measures=Measures(
            turns_agent=sum(t.role is SpeakerRole.AGENT for t in turns),
            turns_customer=sum(t.role is SpeakerRole.CUSTOMER for t in turns),
            words_agent=90,
            words_customer=70,
            talk_share_agent=0.6 if heard.has_times else None,
            overlaps_by_agent=1 if heard.has_times else None,
            holds=1 if hold else 0,
            upset={True: Upset.CLEAR, False: Upset.NONE, None: Upset.UNKNOWN}[tense],
            calmed=calmed if tense else None,
        ),
    )  # fmt: skip


def named_call(call_id: str, when: datetime | None, agent: int = 0, **others: str | None) -> Call:
    names = (
        "Anton Martin",
        "Chloe Brown",
        "Emil Rao",
        "Grace Silva",
        "Ivan Haddad",
        "Kavya Novak",
        "Marco Lee",
        "Priya Costa",
    )
    teams = ("Retention", "Billing")
    fields: dict[str, object] = {
        "agent_id": f"a{agent}",
        "agent_name": names[agent % len(names)],
        "team": teams[agent % len(teams)],
        "customer_id": "c1",
        **others,
    }
    return Call(call_id=call_id, source="main", started_at=when, **fields)  # type: ignore[arg-type]  # Fields by name.


MINUS_FIVE = timezone(timedelta(hours=-5))


def angry_call(
    call_id: str = "C015358", when: datetime | None = None, agent: int = 0, **others: str | None
) -> AuditedCall:
    heard = transcript(
        named_call(call_id, when or datetime(2026, 3, 5, 14, 7, tzinfo=MINUS_FIVE), agent, **others), ANGRY
    )
    return AuditedCall(heard, audit(heard, ANGRY_VERDICTS, hold=Span(53.0, 94.5)))


def random_calls(
    weeks: int,
    calls_a_week: int,
    *,
    agents: int = 8,
    seed: int = 7,
    skill: Callable[[int, int, str], float] | None = None,
) -> list[AuditedCall]:
    """Calls of `weeks` weeks up to 2026-W10, each verdict drawn with the agent's skill on the step."""
    draw = random.Random(seed)
    lines = ANGRY[:7]
    base = {step: 0.35 + 0.06 * i for i, step in enumerate(STEPS)}
    made = []
    for week in range(weeks):
        for n in range(calls_a_week):
            agent = n % agents
            start = datetime(2026, 3, 2, 9, tzinfo=MINUS_FIVE) - timedelta(weeks=weeks - 1 - week)
            start += timedelta(days=n % 5, minutes=7 * n)
            heard = transcript(named_call(f"C{week:02d}{n:04d}", start, agent), lines)
            tense = draw.random() < 0.6
            verdicts: dict[str, tuple[str, Reason, str]] = {}
            for rule in RULES:
                step = rule.partition(".")[0]
                chance = min(0.97, skill(week, agent, step) if skill else base[step] + 0.05 * (agent % 4 - 1.5))
                if rule in ("listen.avoids_calm_down", "composure.stays_civil", "ownership.avoids_blame"):
                    chance = 0.985
                if (step == "hold" and draw.random() < 0.8) or (not tense and draw.random() < 0.5):
                    continue
                quote = "I can hear how frustrating this has been" if step == "empathy" else ""
                met = draw.random() < chance
                verdicts[rule] = (
                    ("met", Reason.HEARD, quote)
                    if met
                    else (
                        "missed",
                        Reason.NOT_HEARD,
                        "let me stop you there" if step == "listen" else "",
                    )
                )
            made.append(AuditedCall(heard, audit(heard, verdicts, tense=tense, calmed=draw.random() < 0.6)))
    return made


class Quarantined(msgspec.Struct):
    path: str
    sha256: str | None
    size: int
    code: str
    reason: str
    next_step: str
    source: str = "main"
    started_at: datetime | None = None


Publisher = Callable[..., Published]


def fill_warehouse(
    folder: Path,
    calls: Iterable[AuditedCall],
    *,
    rulebooks: Iterable[Rulebook] = (),
    refused: Iterable[Quarantined] = (),
    reviews: Iterable[Review] = (),
    again: Iterable[HeardAgain] = (),
    agreed: Iterable[Agreement] = (),
) -> Published:
    con = open_writer(put_empty_warehouse(folder))
    for book in rulebooks or (rulebook(),):
        store_rulebook(con, book)
    record_run(con, Run(run_id="r1", kind="nightly", state="finished", started_at=datetime(2026, 3, 6, 2, tzinfo=UTC)))
    load(con, list(calls), run_id="r1")
    quarantine(con, list(refused), run_id="r1")
    add_reviews(con, reviews)
    store(con, again)
    for one in agreed:
        keep_agreement(con, one, at=datetime(2026, 3, 6, tzinfo=UTC))
    publish(con, folder / "published")
    return open_published(folder / "published")
