"""A change of the rules on calls that were audited before."""

import json
from datetime import timedelta
from textwrap import dedent

import msgspec
import pytest

from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.conversation import Contact
from callaudit.audit_rules.evaluation.backtest import Flip, backtest, sums_by_agent, sums_by_rule
from callaudit.audit_rules.evaluation.golden_verdicts import Golden, read_golden
from callaudit.audit_rules.finding import Verdict
from callaudit.transcription.errors import InputError
from callaudit.transcription.transcript import Transcript
from tests.support.rules import RulebookOf, block

GOOD = "C: My lamp broke.\nA: Hello there. I am so sorry about the lamp. One moment."
COLD = "C: My lamp broke.\nA: Account number?"


def call(call_id: str, text: str, *, agent: str = "Ann Lee") -> Transcript:
    transcript = parse_example(dedent(text)).transcript
    about = msgspec.structs.replace(transcript.call, call_id=call_id, agent_name=agent)
    return msgspec.structs.replace(transcript, call=about)


@pytest.fixture
def sorry(rulebook_of: RulebookOf):
    """A rulebook whose one rule expects these phrases."""
    return lambda phrases, **more: rulebook_of(apology=block(f"expect: {{any_of: [{phrases}]}}"), **more)


def test_a_rulebook_compared_with_itself_flips_nothing(sorry) -> None:
    found = backtest([call("C-1", GOOD)], sorry("sorry"), sorry("sorry"))

    assert (found.calls, found.flips, found.by_rule, found.by_agent) == (1, (), (), ())


def test_a_phrase_taken_away_is_shown_by_the_sentence_that_no_longer_counts(sorry) -> None:
    (flip,) = backtest([call("C-1", GOOD), call("C-2", COLD)], sorry("so sorry"), sorry("apologies")).flips

    assert (flip.call_id, flip.agent, flip.rule_id) == ("C-1", "Ann Lee", "apology.given")
    assert (flip.before, flip.after) == (Verdict.MET, Verdict.MISSED)
    assert flip.words is not None
    assert (flip.words.quote, flip.words.sentence) == ("so sorry", "I am so sorry about the lamp.")


def test_a_phrase_put_in_is_shown_by_the_sentence_that_now_counts(sorry) -> None:
    (flip,) = backtest([call("C-1", GOOD)], sorry("apologies"), sorry("one moment")).flips

    assert (flip.before, flip.after) == (Verdict.MISSED, Verdict.MET)
    assert flip.words is not None
    assert (flip.words.role, flip.words.sentence) == ("agent", "One moment.")


def test_a_wider_trigger_is_shown_by_what_now_calls_for_the_rule(rulebook_of: RulebookOf) -> None:
    def when(phrase: str):
        body = f"when: {{speaker: customer, any_of: [{phrase}]}}\nexpect: {{any_of: [sorry]}}"
        return rulebook_of(apology=block(body))

    (flip,) = backtest([call("C-1", COLD)], when("refund"), when("broke")).flips

    assert (flip.before, flip.after) == (Verdict.NOT_APPLICABLE, Verdict.MISSED)
    assert flip.words is not None
    assert flip.words.quote == "broke"


def test_flips_are_summed_by_rule_and_by_agent(sorry) -> None:
    calls = [call("C-1", GOOD), call("C-2", GOOD, agent="Bo Ek"), call("C-3", COLD), call("C-4", GOOD)]

    found = backtest(calls, sorry("sorry"), sorry("account number"))

    assert [(s.rule_id, s.before, s.after, s.calls) for s in found.by_rule] == [
        ("apology.given", "met", "missed", 3),
        ("apology.given", "missed", "met", 1),
    ]
    assert [(s.agent, s.flips, s.now_missed, s.now_met) for s in found.by_agent] == [
        ("Ann Lee", 3, 2, 1),
        ("Bo Ek", 1, 1, 0),
    ]


def test_verdicts_that_become_unsure_are_flips_of_their_own() -> None:
    was = {"C-1": Verdict.MISSED, "C-2": Verdict.MISSED, "C-3": Verdict.MET}
    flips = [
        Flip(call_id=c, agent="Ann Lee", rule_id="apology.given", before=v, after=Verdict.UNSURE, reason="")
        for c, v in was.items()
    ]

    assert [(s.before, s.after, s.calls) for s in sums_by_rule(flips)] == [
        ("met", "unsure", 1),
        ("missed", "unsure", 2),
    ]
    assert [(s.flips, s.now_missed, s.now_met, s.now_unsure) for s in sums_by_agent(flips)] == [(3, 0, 0, 3)]


def test_a_rule_that_only_one_rulebook_judges_is_told_apart_from_flips(sorry) -> None:
    more = {"pace": block("expect: {any_of: [one moment]}", rule_id="pace.shows_urgency")}
    calls = [call("C-1", GOOD), call("C-2", COLD)]

    added = backtest(calls, sorry("sorry"), sorry("sorry", **more))
    retired = sorry("sorry", pace=more["pace"].replace("  why:", "  status: retired\n  why:"))
    removed = backtest(calls, sorry("sorry", **more), retired)

    assert added.flips == removed.flips == ()
    assert added.added == removed.removed == {"pace.shows_urgency": {"met": 1, "missed": 1}}


def test_a_golden_verdict_that_the_new_rules_lose_is_named_with_whether_it_held_before(sorry) -> None:
    golden = [
        Golden(call_id="C-1", rule_id="apology.given", verdict=Verdict.MET),
        Golden(call_id="C-2", rule_id="apology.given", verdict=Verdict.MET),
        Golden(call_id="C-2", rule_id="apology.gone", verdict=Verdict.MET),
        Golden(call_id="C-9", rule_id="apology.given", verdict=Verdict.MET),
    ]

    found = backtest([call("C-1", GOOD), call("C-2", COLD)], sorry("sorry"), sorry("apologies"), golden=golden)

    assert [(b.golden.call_id, b.golden.rule_id, b.found, b.held_before) for b in found.broken] == [
        ("C-1", "apology.given", "missed", True),
        ("C-2", "apology.given", "missed", False),
        ("C-2", "apology.gone", None, False),
    ]
    assert (found.golden, [g.call_id for g in found.not_stored]) == (4, ["C-9"])


def test_golden_verdicts_that_hold_break_nothing_even_where_the_rulebooks_are_the_same(sorry) -> None:
    held = Golden(call_id="C-1", rule_id="apology.given", verdict=Verdict.MET)
    lost = Golden(call_id="C-2", rule_id="apology.given", verdict=Verdict.MET)

    found = backtest([call("C-1", GOOD), call("C-2", COLD)], sorry("sorry"), sorry("sorry"), golden=[held, lost])

    assert [b.golden for b in found.broken] == [lost]


def test_the_same_golden_verdicts_are_read_from_csv_and_from_json_lines(tmp_path) -> None:
    rows = [("C-1", "apology.given", "met"), ("C-2", "pace.shows_urgency", "not_applicable")]
    columns = ("call_id", "rule_id", "verdict")
    as_csv, as_json = tmp_path / "golden.csv", tmp_path / "golden.jsonl"
    as_csv.write_text("\ufeffcall_id, rule_id, note, verdict\n" + "".join(f"{c},{r},,{v}\n" for c, r, v in rows))
    as_json.write_text("\n".join(json.dumps(dict(zip(columns, row, strict=True))) for row in rows) + "\n\n")

    assert read_golden(as_csv) == read_golden(as_json)
    assert [(g.call_id, g.rule_id, g.verdict) for g in read_golden(as_csv)] == rows


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("call_id,rule_id,verdict\nC-1,a.b,mised\n", "golden:2: “mised” is no verdict"),
        ("call_id,rule_id\nC-1,a.b\n", "golden:2 has no verdict"),
        ("call_id,rule_id,verdict\nC-1,a.b,met\nC-1,a.b,missed\n", "golden:3: C-1 a.b is missed here and met"),
        ('{"call_id": "C-1", "rule_id": "a.b", "verdict": "met"}\n{broken\n', "golden:2 is not JSON"),
        ('{"call_id": "C-1"}\n[]\n', "golden:1 has no rule_id and no verdict"),
        ("", "golden holds no golden verdict"),
    ],
)
def test_a_golden_file_with_a_mistake_is_refused_by_its_line(tmp_path, text: str, what: str) -> None:
    path = tmp_path / "golden"
    path.write_text(text)

    with pytest.raises(InputError) as refused:
        read_golden(path)

    assert what in refused.value.what


def test_a_promise_is_judged_by_the_customers_other_calls_and_never_by_the_call_itself(rulebook_of) -> None:
    def promise(hours: int):
        body = f"kept_promise: {{made: [call you back], within_hours: {hours}}}"
        return rulebook_of(follow_up=block(body, rule_id="follow_up.keeps_promise"))

    promised = call("C-1", "C: My lamp broke.\nA: I will call you back.")
    start = promised.call.started_at
    assert start is not None
    later = Contact(call_id="C-2", started_at=start + timedelta(hours=20), direction="outbound")
    itself = Contact(call_id="C-1", started_at=start, direction="outbound")

    (flip,) = backtest(
        [promised],
        promise(48),
        promise(10),
        contacts={promised.call.customer_id or "": [itself, later]},
        known_until=start + timedelta(hours=90),
    ).flips

    assert (flip.before, flip.after) == (Verdict.MET, Verdict.MISSED)


def test_of_words_without_punctuation_the_whole_turn_is_the_sentence(sorry) -> None:
    heard = call("C-1", "C: my lamp broke\nA: i am so sorry about that one moment")

    (flip,) = backtest([heard], sorry("so sorry"), sorry("apologies")).flips

    assert flip.words is not None
    assert flip.words.sentence == "i am so sorry about that one moment"


def test_what_a_backtest_finds_can_be_written_as_json(sorry) -> None:
    more = block("expect: {any_of: [one moment]}", rule_id="pace.shows_urgency")
    found = backtest([call("C-1", GOOD)], sorry("sorry"), sorry("apologies", pace=more))

    told = json.loads(msgspec.json.encode(found))

    assert told["flips"][0]["words"]["sentence"] == "I am so sorry about the lamp."
    assert told["by_rule"] == [{"rule_id": "apology.given", "before": "met", "after": "missed", "calls": 1}]
    assert told["added"] == {"pace.shows_urgency": {"met": 1}}
