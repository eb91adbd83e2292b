"""A whole audit: honest where the recording cannot show it, the same bytes every time, unhurt by strange calls."""

import time
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.finding import Audit, Verdict
from callaudit.audit_rules.rulebook import SHIPPED, Rulebook, load_rulebook
from callaudit.audit_rules.sentences import reason_of
from callaudit.transcription.transcript import RolesFrom, Span, SpeakerRole, Transcript, Utterance, Word
from tests.support.rules import GATE, RulebookOf, block

TENSE = "C: This is ridiculous, the third time I have called.\nA: I am so sorry about that, Dana.\nC: Thank you.\n"


@pytest.fixture(scope="module")
def shipped() -> Rulebook:
    return load_rulebook()


def call(text: str = TENSE, **more: object) -> Transcript:
    return msgspec.structs.replace(parse_example(text).transcript, **more)


def verdicts(found: Audit) -> set[Verdict]:
    return {f.verdict for f in found.findings}


def test_every_rule_that_is_not_retired_has_one_finding(shipped: Rulebook) -> None:
    found = audit(call(), shipped)

    assert [f.rule_id for f in found.findings] == [r.id for r in shipped.rules if r.status != "retired"]
    assert found.rulebook_version == shipped.version


@pytest.mark.parametrize(
    ("transcript", "reason"),
    [
        (call("U: This is ridiculous.\nU: Sorry."), "Agent and customer cannot be told apart in this recording."),
        (call(roles_from=RolesFrom.GUESSED, role_confidence=0.79), "Who is the agent is too uncertain (79%)."),
        (call(roles_from=RolesFrom.GUESSED), "Who is the agent is too uncertain (0%)."),
        (call("C: This is ridiculous.\nA: "), "No words of the agent were understood."),
        (call("C: This is ridiculous."), "No words of the agent were understood."),
        (call("A: Hello there.\nC: ..."), "No words of the customer were understood."),
        (call("") , "No words of the agent were understood."),
        (call(language="de"), "This call is in German; the rules have no words in it."),
        (call(language="xq"), "This call is in xq; the rules have no words in it."),
    ],
)  # fmt: skip
def test_what_the_recording_cannot_show_is_never_the_agents_fault(
    shipped: Rulebook, transcript: Transcript, reason: str
) -> None:
    found = audit(transcript, shipped)

    assert verdicts(found) == {Verdict.NOT_ASSESSABLE}
    assert {reason_of(f) for f in found.findings} == {reason}


def test_a_guess_that_is_sure_enough_is_judged(shipped: Rulebook) -> None:
    found = audit(call(roles_from=RolesFrom.GUESSED, role_confidence=0.8), shipped)

    assert Verdict.MET in verdicts(found)


@pytest.mark.parametrize("language", ["en", None])
def test_a_call_in_english_or_in_nobody_knows_what_is_judged(shipped: Rulebook, language: str | None) -> None:
    assert audit(call(language=language), shipped) == audit(call(), shipped)
    assert Verdict.MET in verdicts(audit(call(language=language), shipped))


def test_an_agent_who_only_says_yes_was_understood(shipped: Rulebook) -> None:
    assert audit(call("C: This is ridiculous.\nA: Okay."), shipped).findings[0].verdict != Verdict.NOT_ASSESSABLE


def test_rules_that_need_times_abstain_without_them(rulebook_of: RulebookOf) -> None:
    rulebook = rulebook_of(apology=block("needs_times: true\nexpect: {any_of: [sorry]}"))

    assert audit(call(), rulebook).findings[0].verdict is Verdict.NOT_ASSESSABLE
    one_side = call(speech={SpeakerRole.AGENT: (Span(0, 1),)})
    assert audit(one_side, rulebook).findings[0].verdict is Verdict.NOT_ASSESSABLE


def test_the_same_call_and_rules_give_the_same_bytes(shipped: Rulebook) -> None:
    example = parse_example(TENSE + "known until: 60 h\nlater call: outbound after 3 h\n")
    more = {"contacts": example.contacts, "known_until": example.known_until}

    first = msgspec.json.encode(audit(example.transcript, shipped, **more))

    assert msgspec.json.encode(audit(example.transcript, shipped, **more)) == first
    assert msgspec.json.encode(audit(example.transcript, load_rulebook(), **more)) == first
    assert msgspec.json.encode(msgspec.json.decode(first, type=Audit)) == first


def test_every_quote_is_the_turns_own_words(shipped: Rulebook) -> None:
    from callaudit.transcription.turns import turns_of

    transcript = call(
        "C: It’s RIDICULOUS 😡, the 3rd time I’ve called!\nA: I’m… um, so sorry — that must be awful. 🙏\n"
    )
    turns = turns_of(transcript)
    evidence = [e for f in audit(transcript, shipped).findings for e in f.evidence if e.turn is not None]

    assert evidence
    for e in evidence:
        assert turns[e.turn].text[e.char_start : e.char_end] in e.quote
        assert e.quote in turns[e.turn].text
        assert e.role is turns[e.turn].role


def test_evidence_has_the_times_of_its_words(rulebook_of: RulebookOf) -> None:
    words = tuple(Word(w, n, n + 0.5) for n, w in enumerate("well I'm so sorry about that".split()))
    first = Utterance.of_words(words[:3], role=SpeakerRole.AGENT)
    second = Utterance.of_words(words[3:], role=SpeakerRole.AGENT)
    customer = Utterance(role=SpeakerRole.CUSTOMER, text="Hello.", start=9, end=10)
    rulebook = rulebook_of(apology=block("expect: {any_of: [i am so sorry]}"))

    (finding,) = audit(call(utterances=(first, second, customer)), rulebook).findings

    assert (finding.evidence[0].start, finding.evidence[0].end) == (1, 3.5)


def test_evidence_across_utterances_without_words_ends_with_the_last(rulebook_of: RulebookOf) -> None:
    rulebook = rulebook_of(apology=block("expect: {any_of: [i am so sorry]}"))

    (finding,) = audit(call("[0-2] A: I am\n[3-4] A: so sorry\n[5-6] C: Hello."), rulebook).findings

    assert (finding.evidence[0].start, finding.evidence[0].end) == (0, 4)


@pytest.mark.parametrize(
    "text",
    [
        "[9-2] C: This is ridiculous.\n[1-0] A: Sorry.\n[5-5] C: Well.",
        "[0-90] C: This is ridiculous.\n[1-80] A: Sorry.\n[2-70] C: Well.\n[3-60] A: Hold on.",
        "[0-9] C: This is ridiculous.\nA: Sorry, hold on for 0 minutes.\n[1-2] C: Well.",
        "C: \x00\x07\u202e😡\nA: 🇩🇪\u200f\nC: مرحبا\nA: שלום",
        "C: " + "(((( a? ) _3 * # <x> |" * 20 + "\nA: ((a+)+)+$",
        "C: No.\n" * 3 + "A: Mm hmm.\n" * 3,
        "[0-0] C: This is ridiculous.\n[0-0] A: Sorry.",
    ],
)
def test_strange_calls_are_judged_without_complaint(shipped: Rulebook, text: str) -> None:
    found = audit(call(text), shipped, known_until=datetime(2026, 5, 1, tzinfo=UTC))

    assert len(found.findings) == len(shipped.compiled)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "C: This is ridiculous.\nA: Well, I am sorry.\n" * 5_000,
        "C: It still does not work.\nA: What is your order number?\nC: Thank you, 4711.\nA: Please restart.\n" * 2_500,
        "\n".join(f"[{n}-{n + 1.2}] {'CA'[n % 2]}: This is ridiculous, sorry." for n in range(10_000)),
    ],
    ids=["upset", "triggers", "overlaps"],
)
def test_ten_thousand_turns_take_seconds(text: str) -> None:
    # The recogniser takes its few milliseconds for each turn; what could be more than linear is judged here.
    phrases_alone = load_rulebook(recogniser=False)
    began = time.process_time()

    found = audit(call(text), phrases_alone)

    assert len(found.findings) == len(phrases_alone.compiled)
    assert time.process_time() - began < 20


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["I am so sorry about it. ", "sorry ", "a b c d e ", "this is ridiculous and "])
def test_a_line_of_a_hundred_kilobytes_takes_seconds(piece: str) -> None:
    phrases_alone = load_rulebook(recogniser=False)
    line = piece * (100_000 // len(piece))
    began = time.process_time()

    audit(call(f"C: This is ridiculous. {line}\nA: {line}"), phrases_alone)

    assert time.process_time() - began < 20


def test_measures_count_words_and_turns(shipped: Rulebook) -> None:
    measures = audit(call("C: One, two. Three?\nA: It's 50.00.\nC: Okay then."), shipped).measures

    assert (measures.words_customer, measures.words_agent) == (5, 2)
    assert (measures.turns_customer, measures.turns_agent) == (2, 1)
    assert measures.talk_share_agent is None


def test_measures_of_time_come_from_the_channels(shipped: Rulebook) -> None:
    measures = audit(
        call(
            "[0-4] C: This is ridiculous.\n[3-7] A: So sorry for that.\n"
            "[8-9] C: Well.\n[20-22] A: Thank you for waiting."
        ),
        shipped,
    ).measures

    assert (measures.overlaps_by_agent, measures.overlaps_by_customer, measures.overlap_seconds) == (1, 0, 1.0)
    assert (measures.holds, measures.hold_seconds, measures.silence_seconds) == (1, 11.0, 12.0)
    assert measures.talk_share_agent == round(6 / 11, 3)
    assert measures.longest_dead_air == 1.0


lines = st.lists(
    st.tuples(
        st.sampled_from("AC"),
        st.sampled_from(
            ["This is ridiculous.", "I am sorry.", "Well then.", "Thank you.", "Refund.", "Calm down.", "That works."]
        ),
    ),
    min_size=1,
    max_size=10,
)
WINDOWED = (
    block("applies: upset\nexpect: {within: 2 agent turns, any_of: [sorry]}", rule_id="apology.a")
    + block("when: {speaker: customer, any_of: [well then]}\nexpect: {within: 1 agent turn, any_of: [refund]}",
            rule_id="apology.b")
    + block("never: {any_of: [calm down], followed_by: {any_of: [sorry]}, within: 1 agent turn}", rule_id="apology.c")
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines)
def test_what_is_said_after_every_window_changes_no_verdict(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str]]
) -> None:
    rulebook = _windowed(tmp_path_factory)
    # Two turns of the agent close every window of these rules.
    closed = [*said, ("A", "One."), ("C", "Two."), ("A", "Three."), ("C", "Four."), ("A", "Five.")]
    text = "\n".join(f"{who}: {what}" for who, what in closed)

    before = audit(call(text), rulebook)
    after = audit(call(f"{text}\nC: The weather is nice.\nA: It is."), rulebook)

    assert [(f.rule_id, f.verdict) for f in after.findings] == [(f.rule_id, f.verdict) for f in before.findings]


_BUILT: list[Rulebook] = []


def _windowed(tmp_path_factory: pytest.TempPathFactory) -> Rulebook:
    if not _BUILT:
        folder = tmp_path_factory.mktemp("windowed")
        (folder / "apology.yaml").write_text(WINDOWED, encoding="utf-8")
        (folder / "gate.yaml").write_text(
            (SHIPPED / "rules" / "gate.yaml").read_text(encoding="utf-8"), encoding="utf-8"
        )
        _BUILT.append(load_rulebook(folder, shipped=False, recogniser=False))
    return _BUILT[0]


def test_transfers_are_counted_by_the_gate_whatever_the_rules_are(rulebook_of: RulebookOf) -> None:
    gate = f"{GATE['gate']}transfers: {{any_of: [call (billing|sales)], unless: [do not call billing]}}"
    book = rulebook_of(gate=gate, apology=block("never: {any_of: [calm down]}"))
    call = parse_example("C: It broke.\nA: You need to call billing.\nC: Oh.\nA: Or call sales, do not call billing.")

    assert audit(call.transcript, book).measures.transfers == 2
