"""Acts: the same numbers alone or among others, honest levels, readable files, a quote for whatever is recognised."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callaudit.audit_rules.acts.corpus import read_corpus
from callaudit.audit_rules.acts.evaluation import macro_f1, observe
from callaudit.audit_rules.acts.inventory import Levels
from callaudit.audit_rules.acts.known_lines import shipped_lines
from callaudit.audit_rules.acts.levels import Observed, calibrated
from callaudit.audit_rules.acts.recogniser import shipped_recogniser
from callaudit.audit_rules.acts.said import Certainty, Witness
from callaudit.audit_rules.acts.witnesses import any_of
from callaudit.audit_rules.audit import audit, audit_each
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.phrases.normalise import normalise
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook, read_rulebook
from callaudit.transcription.errors import InputError

CORPUS = Path(__file__).parents[2] / "corpus"
LINES = st.lists(
    st.tuples(
        st.sampled_from("AC"),
        st.sampled_from(
            [
                "okay",
                "I'm so sorry the engineer never turned up on Tuesday",
                "that's the third time I've had to ring about this and nobody does a thing",
                "can I take your postcode?",
                "what I can do is send another one out today, would that suit?",
                "mm",
                "no. no, that is not what I was told, not at all, and I have it here in writing, " * 6,
                "£45.50 on the 3rd",
            ]
        ),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def shipped() -> Rulebook:
    return load_rulebook()


def call(lines: list[tuple[str, str]]) -> str:
    return "\n".join(f"{who}: {text}" for who, text in lines)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, min_size=2, max_size=5))
def test_a_call_is_judged_alike_alone_and_among_others(shipped: Rulebook, calls: list[list[tuple[str, str]]]) -> None:
    transcripts = [parse_example(call(lines)).transcript for lines in calls]

    assert [*audit_each(transcripts, shipped)] == [audit(t, shipped) for t in transcripts]


@settings(max_examples=25)
@given(LINES, LINES)
def test_the_recogniser_gives_a_call_the_same_bits_whatever_is_heard_with_it(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    recogniser = shipped_recogniser()
    spoken = [[("agent" if who == "A" else "customer", text.lower()) for who, text in lines] for lines in (one, other)]

    alone, among = recogniser.hear(spoken[:1])[0], recogniser.hear(spoken[::-1])[1]

    assert alone.odds.tobytes() == among.odds.tobytes()
    assert alone.at.tobytes() == among.at.tobytes()


def test_every_call_of_an_author_is_heard_alike_alone_and_all_together() -> None:
    recogniser = shipped_recogniser()
    calls = [
        [(turn.speaker, normalise(turn.text)) for turn in call.turns]
        for call in read_corpus(CORPUS / "K1", recogniser.tags)
    ]

    for call, among in zip(calls, recogniser.hear(calls), strict=True):
        alone = recogniser.hear([call])[0]
        assert alone.odds.tobytes() == among.odds.tobytes()
        assert alone.at.tobytes() == among.at.tobytes()
        assert alone.vectors.tobytes() == among.vectors.tobytes()


def test_what_is_said_at_the_end_of_a_very_long_turn_is_heard_and_found() -> None:
    recogniser = shipped_recogniser()
    # Twice as many word pieces as are heard at once.
    before, apology = "yes " * 256, "i am so sorry the engineer never came . "
    heard = recogniser.hear([[("agent", before + apology)]])[0]
    column = recogniser.tags.index("apolS")

    assert heard.odds[0, column] > 0
    assert len(before) <= heard.at[0, column] < len(before + apology)


def test_an_agent_does_no_act_of_the_customer_and_the_other_way_round() -> None:
    recogniser = shipped_recogniser()
    heard = recogniser.hear(
        [[("agent", "this is ridiculous . "), ("customer", "i am so sorry . "), (None, "hello . ")]]
    )[0]
    upset, apology = recogniser.tags.index("upset2"), recogniser.tags.index("apol")

    assert heard.odds[0, upset] < -20
    assert heard.odds[1, apology] < -20
    assert (heard.odds[2] < -20).all()


def test_unforeseen_wording_is_recognised_with_a_sentence_to_quote_and_a_known_line(shipped: Rulebook) -> None:
    text = (
        "C: I've sat in three days running for you lot and not a soul has come.\n"
        "A: Right, what I'll do is I'll walk over to the planners this minute. "
        "Three days of it, I'd have had steam coming out of my ears."
    )
    found = {f.rule_id: f for f in audit(parse_example(text).transcript, shipped).findings}
    empathy = found["empathy.acknowledges_feeling"]

    assert (empathy.verdict, empathy.witness) == (Verdict.MET, Witness.RECOGNISER)
    assert empathy.certainty is not None
    assert empathy.evidence[0].quote == "Three days of it, I'd have had steam coming out of my ears"
    assert empathy.evidence[0].act in {"acknowledges_feeling", "takes_their_side"}
    assert empathy.evidence[0].like


def test_a_parent_act_is_at_least_as_probable_as_its_likeliest_child() -> None:
    odds = np.array([[-3.0, 2.0], [0.5, 0.5], [-30.0, -30.0]], np.float32)

    either = any_of(odds, [0, 1])

    assert (either >= odds.max(axis=1) - 1e-6).all()
    assert np.isfinite(either).all()


@given(
    st.lists(st.tuples(st.floats(-6, 6), st.booleans(), st.booleans()), min_size=1, max_size=60),
)
def test_calibration_never_turns_a_witness_around(rows: list[tuple[float, bool, bool]]) -> None:
    odds, phrase, label = np.array(rows, np.float64).T

    levels = calibrated(Observed(odds, phrase, label), Levels())

    assert levels.slope > 0
    assert levels.phrase >= 0


def test_calibration_learns_that_a_recogniser_is_too_sure_of_itself() -> None:
    luck = np.random.default_rng(7)
    true_odds = luck.normal(0, 2, 4000)
    label = (luck.random(4000) < 1 / (1 + np.exp(-true_odds))).astype(float)

    levels = calibrated(Observed(2 * true_odds, np.zeros(4000), label), Levels())

    assert levels.slope == pytest.approx(0.5, abs=0.05)
    assert levels.offset == pytest.approx(0, abs=0.15)


def test_every_act_knows_lines_and_every_rule_asks_for_acts_that_exist(shipped: Rulebook) -> None:
    assert all(act.examples for act in shipped.acts.values())
    assert all(a.parent is None or a.parent in shipped.acts for a in shipped.acts.values())
    vector = np.zeros(384, np.float32)
    assert all(shipped_lines().nearest([a.tag], vector) for a in shipped.acts.values() if a.tag)


def test_the_examples_of_the_acts_are_recognised_and_their_near_misses_accuse_nobody(shipped: Rulebook) -> None:
    from callaudit.flows.acts import explain

    said = {
        (act.name, line): {
            str(row["act"]): str(row["certainty"]) for row in explain(line, shipped, customer=act.who == "customer")
        }
        for act in shipped.acts.values()
        for line in (*act.examples, *act.near_misses)
    }
    heard = [name in said[name, line] for name, act in shipped.acts.items() for line in act.examples]
    wrong = [said[name, line].get(name) == "sure" for name, act in shipped.acts.items() for line in act.near_misses]

    # Lines without a call around them are harder than life; most must be heard all the same.
    assert np.mean(heard) >= 0.75
    assert np.mean(wrong) <= 0.2


def test_without_the_recogniser_phrases_alone_are_sure() -> None:
    rulebook = load_rulebook(recogniser=False)
    found = audit(
        parse_example("C: This is ridiculous, I am furious.\nA: I am so sorry about that.").transcript, rulebook
    )
    apology = next(f for f in found.findings if f.rule_id == "apology.given")

    assert apology.verdict is Verdict.MET
    assert (apology.certainty, apology.witness) == (Certainty.SURE, Witness.PHRASES)
    assert rulebook.version != load_rulebook().version


def test_the_held_out_author_of_the_corpus_is_recognised_as_well_as_the_docs_say(shipped: Rulebook) -> None:
    recogniser = shipped_recogniser()
    held_out = [c for c in read_corpus(CORPUS, recogniser.tags) if c.author == "K1"]

    assert macro_f1(observe(held_out, recogniser, shipped), shipped.witnesses.levels) >= 0.7


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A[greet]: hello", "call.txt:1: the first line must give"),
        ("# quality: 3 | upset: no\nB[greet]: hello", "call.txt:2: “B[greet]: hello” is no turn"),
        ("# quality: 3 | upset: no\nA[gret]: hello", "there is no act with the tag gret. Did you mean “greet”?"),
    ],
)
def test_a_mistake_in_a_tagged_call_is_named_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "call.txt").write_text(text)

    with pytest.raises(InputError) as error:
        read_corpus(tmp_path, shipped_recogniser().tags)
    assert told in str(error.value)


def test_a_folder_may_add_an_act_and_a_rule_for_it(tmp_path: Path) -> None:
    (tmp_path / "acts").mkdir()
    (tmp_path / "acts" / "reads_disclosure.yaml").write_text(
        "name: reads_disclosure\nwho: agent\nmeans: Reads the firm's disclosure.\nis_not: Anything else.\n"
        "phrases: [this call is covered by]\nexamples: [This call is covered by the code.]\n"
    )
    (tmp_path / "legal.yaml").write_text(
        "- id: legal.discloses\n  asks: Is the disclosure read?\n  why: The law.\n  sources: [law]\n"
        "  expect: {acts: [reads_disclosure]}\n  examples: {met: 'A: This call is covered by the code.'}\n"
    )
    rulebook = load_rulebook(tmp_path)
    found = audit(parse_example("A: This call is covered by the code.\nC: Fine.").transcript, rulebook)

    assert next(f for f in found.findings if f.rule_id == "legal.discloses").verdict is Verdict.MET


def test_a_rule_that_names_no_act_or_the_wrong_partys_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "legal.yaml").write_text(
        "- id: legal.discloses\n  asks: Is it?\n  why: The law.\n  sources: [law]\n"
        "  expect: {acts: [apologizes, accepts]}\n  examples: {met: 'A: Hello.'}\n"
    )
    _, problems = read_rulebook(tmp_path, recogniser=False)

    assert [p.message for p in problems] == [
        "there is no act apologizes. Did you mean “apologises”?",
        "accepts is an act of the customer, and the agent's are asked for",
    ]
