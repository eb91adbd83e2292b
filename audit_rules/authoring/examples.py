"""The short calls in rule files, as transcripts: a rule's examples are its tests.

One line a turn, "A:" for the agent and "C:" for the customer, optionally with times; a few other lines set
what a rule may need to know:

    [0.0-4.5] C: This is the third time I have called.
    [4.9-8.0] A: I can see why you are fed up after three calls.
    customer name: Dana Ruiz
    later call: outbound after 20 h
    known until: 60 h

Speech is taken to fill each line's times, so overlapping times are an overlap and a gap is silence.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from callaudit.audit_rules.audit import audit, audit_each
from callaudit.audit_rules.conversation import Contact
from callaudit.audit_rules.finding import Audit, Finding, Verdict
from callaudit.audit_rules.rule import CallExample, Rule, Scorecard
from callaudit.audit_rules.rulebook import Rulebook
from callaudit.audit_rules.scorecard import score, unproven, verdicts_of
from callaudit.transcription.errors import SetupError
from callaudit.transcription.speech import union
from callaudit.transcription.transcript import Call, Provenance, RolesFrom, Span, SpeakerRole, Transcript, Utterance

_LINE = re.compile(r"(?:\[(?P<start>[\d.]+)-(?P<end>[\d.]+)\] *)?(?P<who>[ACU]): *(?P<text>.*)")
_LATER = re.compile(r"later call: (?P<direction>inbound|outbound) after (?P<hours>[\d.]+) h")
_KNOWN = re.compile(r"known until: (?P<hours>[\d.]+) h")
_ROLE = {"A": SpeakerRole.AGENT, "C": SpeakerRole.CUSTOMER, "U": SpeakerRole.UNKNOWN}
_STARTED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EXAMPLE = Provenance(engine="written", model="example", weights_hash="", settings_hash="")


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A short call and what is known around it."""

    transcript: Transcript
    contacts: tuple[Contact, ...] = ()
    known_until: datetime | None = None


class CardOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One example call of a scorecard, scored."""

    scorecard: str
    example: CallExample
    score: float | None
    failed: bool

    @property
    def passed(self) -> bool:
        """Whether the score keeps to the example's limits, and the call fails or does not as it says."""
        kept = self.score is not None and self.example.at_least <= self.score <= self.example.at_most
        return kept and self.failed is self.example.failed


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One example of a rule, judged."""

    rule_id: str
    expected: Verdict
    text: str
    finding: Finding

    @property
    def passed(self) -> bool:
        """Whether the verdict is the one the example claims."""
        return self.finding.verdict is self.expected


def parse_example(text: str) -> Example:
    """Read the lines; raises SetupError naming the line that cannot be read."""
    utterances: list[Utterance] = []
    contacts: list[Contact] = []
    known_until: datetime | None = None
    name: str | None = None
    for line in filter(None, map(str.strip, text.splitlines())):
        if match := _LINE.fullmatch(line):
            start, end = (float(match["start"]), float(match["end"])) if match["start"] else (None, None)
            utterances.append(Utterance(role=_ROLE[match["who"]], text=match["text"], start=start, end=end))
        elif match := _LATER.fullmatch(line):
            at = _STARTED + timedelta(hours=float(match["hours"]))
            contacts.append(Contact(call_id=f"later-{len(contacts) + 1}", started_at=at, direction=match["direction"]))
        elif match := _KNOWN.fullmatch(line):
            known_until = _STARTED + timedelta(hours=float(match["hours"]))
        elif line.startswith("customer name:"):
            name = line.partition(":")[2].strip()
        else:
            raise SetupError(f"“{line}” is no line of an example; write “A: ...” or “C: ...”")
    known = all(u.role is not SpeakerRole.UNKNOWN for u in utterances)
    return Example(
        transcript=Transcript(
            call=Call(
                call_id="example", source="example", started_at=_STARTED, customer_id="example", customer_name=name
            ),
            utterances=tuple(utterances),
            provenance=EXAMPLE,
            roles_from=RolesFrom.LABELS if known else RolesFrom.UNKNOWN,
            speech=_speech(utterances),
        ),
        contacts=tuple(contacts),
        known_until=known_until,
    )


def _speech(utterances: list[Utterance]) -> dict[SpeakerRole, tuple[Span, ...]]:
    if not utterances or any(u.start is None or u.end is None for u in utterances):
        return {}
    return {
        role: union(
            Span(u.start, u.end) for u in utterances if u.role is role and u.start is not None and u.end is not None
        )
        for role in (SpeakerRole.AGENT, SpeakerRole.CUSTOMER)
    }


def examples_of(rule: Rule) -> Iterator[tuple[Verdict, str]]:
    """Each example with the verdict it claims."""
    claims = (
        (Verdict.MET, rule.examples.met),
        (Verdict.MET, rule.examples.near_miss),
        (Verdict.MISSED, rule.examples.missed),
        (Verdict.NOT_APPLICABLE, rule.examples.not_applicable),
        (Verdict.NOT_ASSESSABLE, rule.examples.not_assessable),
    )
    for verdict, texts in claims:
        for text in (texts,) if isinstance(texts, str) else texts:
            yield verdict, text


def run_examples(rulebook: Rulebook, *rule_ids: str) -> Iterator[Outcome]:
    """Judge every example of the named rules, or of all that are not retired. Raises SetupError as `parse_example`."""
    claims = [
        (rule.id, expected, text, parse_example(text))
        for rule in rulebook.rules
        if rule.status != "retired" and (not rule_ids or rule.id in rule_ids)
        for expected, text in examples_of(rule)
    ]
    for (rule_id, expected, text, _), found in zip(claims, _audited([c[3] for c in claims], rulebook), strict=True):
        finding = next(f for f in found.findings if f.rule_id == rule_id)
        yield Outcome(rule_id=rule_id, expected=expected, text=text, finding=finding)


def _audited(examples: Sequence[Example], rulebook: Rulebook) -> list[Audit]:
    """Each example's audit, those together that know of other calls until the same time."""
    contacts = {id(example.transcript): example.contacts for example in examples}
    found: dict[int, Audit] = {}
    for until in dict.fromkeys(example.known_until for example in examples):
        alike = {n: example.transcript for n, example in enumerate(examples) if example.known_until == until}
        audits = audit_each(
            alike.values(), rulebook, contacts_of=lambda transcript: contacts[id(transcript)], known_until=until
        )
        found.update(zip(alike, audits, strict=True))
    return [found[n] for n in range(len(examples))]


def run_card_examples(rulebook: Rulebook, card: Scorecard) -> Iterator[CardOutcome]:
    """Score every example call of a scorecard. Raises SetupError naming the line that cannot be read."""
    for example in card.examples:
        call = parse_example(example.call)
        found = audit(call.transcript, rulebook, contacts=call.contacts, known_until=call.known_until)
        scored = score(verdicts_of(found.findings), rulebook, card, unproven=unproven(found.findings))
        yield CardOutcome(scorecard=card.name, example=example, score=scored.score.value, failed=scored.failed)
