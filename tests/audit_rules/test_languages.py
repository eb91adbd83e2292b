"""Another language: heard by its own phrases alone, silent where it has none, and no word of difference to English."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.spoken_calls import spoken
from callaudit.audit_rules.acts.corpus import TaggedCall, TaggedTurn, read_corpus
from callaudit.audit_rules.acts.evaluation import conversation_of
from callaudit.audit_rules.acts.recognise import recognise
from callaudit.audit_rules.acts.said import Certainty, Witness
from callaudit.audit_rules.audit import audit, audit_each
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.authoring.lint import own_wordings, wording_advice
from callaudit.audit_rules.evaluation.reviewed_calls import read_reviews
from callaudit.audit_rules.finding import Finding, Reason, Upset, Verdict
from callaudit.audit_rules.phrases.normalise import without_accents
from callaudit.audit_rules.rulebook import SHIPPED, Rulebook, load_rulebook, read_rulebook
from callaudit.audit_rules.sentences import reason_of
from callaudit.transcription.transcript import Transcript

CALLS = Path(__file__).parents[2] / "corpus_es" / "S1"
COVERED = {
    "agreement.customer_accepts", "apology.given", "apology.is_specific", "apology.is_not_a_reflex",
    "empathy.acknowledges_feeling", "empathy.is_specific", "empathy.takes_their_side", "follow_up.checks_satisfaction",
    "follow_up.promises_contact", "hold.asks_first", "hold.gives_reason", "hold.gives_duration", "hold.returns_in_time",
    "pace.shows_urgency",
}  # fmt: skip
TENSE = "C: Estoy harta de esperar.\nA: Lamento mucho que no le hayamos avisado.\nC: Ya. Gracias.\nA: Hasta luego."


@pytest.fixture(scope="module")
def shipped() -> Rulebook:
    return load_rulebook(recogniser=False)


@pytest.fixture(scope="module")
def calls(shipped: Rulebook) -> list[Transcript]:
    return [spoken(call, "es") for call in read_corpus(CALLS, {act.tag for act in shipped.acts.values()})]


def spanish(text: str) -> Transcript:
    return msgspec.structs.replace(parse_example(text).transcript, language="es")


def finding(rulebook: Rulebook, transcript: Transcript, rule_id: str) -> Finding:
    return next(f for f in audit(transcript, rulebook).findings if f.rule_id == rule_id)


def heard_in(turn: str, act: str, rulebook: Rulebook) -> Certainty | None:
    """How surely an act is heard in a turn of the act's speaker."""
    spoken_in = rulebook.spoken_in("es")
    assert spoken_in is not None
    told = TaggedCall(
        call_id="", author="", quality=3, upset="no", turns=(TaggedTurn(rulebook.acts[act].who, turn, frozenset()),)
    )
    call, _ = conversation_of(told, accents=False)
    recognise([call], spoken_in.index, spoken_in.witnesses, spoken_in.act_phrases, spoken_in.near)
    return max((said.certainty for said in call.acts[act]), default=None)


def test_each_spanish_wording_hears_its_examples_and_is_not_sure_of_its_near_misses(shipped: Rulebook) -> None:
    for act, wording in shipped.wordings["es"].acts.items():
        assert {line: heard_in(line, act, shipped) for line in wording.examples} == dict.fromkeys(
            wording.examples, Certainty.SURE
        )
        assert Certainty.SURE not in {heard_in(line, act, shipped) for line in wording.near_misses}, act


def test_the_rules_that_listen_for_what_has_spanish_words_judge_and_all_others_say_why_not(shipped: Rulebook) -> None:
    found = {f.rule_id: f for f in audit(spanish(TENSE), shipped).findings}
    silent = {r: f for r, f in found.items() if f.reason is Reason.NOT_IN_LANGUAGE}

    assert found.keys() - silent.keys() == COVERED
    assert {f.verdict for f in silent.values()} == {Verdict.NOT_ASSESSABLE}
    assert {reason_of(f) for f in silent.values()} == {
        "This call is in Spanish, and what this rule listens for has no words in it."
    }


def test_a_spanish_customer_who_is_upset_opens_the_gate(shipped: Rulebook) -> None:
    calm = TENSE.replace("Estoy harta de esperar.", "Quería saber el horario.")

    assert audit(spanish(TENSE), shipped).measures.upset is Upset.CLEAR
    assert finding(shipped, spanish(TENSE), "apology.is_specific").verdict is Verdict.MET
    assert finding(shipped, spanish(calm), "apology.is_specific").verdict is Verdict.NOT_APPLICABLE


def test_words_that_may_be_it_are_unsure_and_never_a_miss(shipped: Rulebook) -> None:
    stock = TENSE.replace("Lamento mucho que no le hayamos avisado.", "{}")

    vague = finding(shipped, spanish(stock.format("Ay, de verdad, lamentable.")), "apology.given")
    assert (vague.verdict, vague.certainty, vague.witness) == (Verdict.UNSURE, Certainty.POSSIBLE, Witness.PHRASES)
    assert finding(shipped, spanish(stock.format("Bueno, ¿su número?")), "apology.given").verdict is Verdict.MISSED


def test_a_customer_who_is_only_perhaps_upset_makes_nobody_miss_an_apology(shipped: Rulebook) -> None:
    mild = "C: Otra vez estoy llamando.\nA: ¿Su número?\nC: El cuatro.\nA: Hasta luego."

    assert audit(spanish(mild), shipped).measures.upset is Upset.PERHAPS
    assert finding(shipped, spanish(mild), "apology.given").verdict is Verdict.UNSURE


def test_accents_that_are_missing_change_no_verdict(shipped: Rulebook, calls: list[Transcript]) -> None:
    bare = [
        msgspec.structs.replace(
            call,
            utterances=tuple(
                msgspec.structs.replace(
                    u,
                    text=without_accents(u.text),
                    words=tuple(msgspec.structs.replace(w, text=without_accents(w.text)) for w in u.words),
                )
                for u in call.utterances
            ),
        )
        for call in calls
    ]

    with_accents, without = ([*audit_each(some, shipped)] for some in (calls, bare))

    assert [[f.verdict for f in a.findings] for a in with_accents] == [[f.verdict for f in a.findings] for a in without]


@pytest.mark.parametrize("said", ["¡Lamento que no llegó el camión!", "Lamento que no llego\u0301 el camión."])
def test_a_quote_has_the_accents_that_were_said(shipped: Rulebook, said: str) -> None:
    found = finding(
        shipped, spanish(TENSE.replace("Lamento mucho que no le hayamos avisado.", said)), "apology.is_specific"
    )

    assert found.evidence[0].quote == said.rstrip(".")


@pytest.mark.parametrize(
    ("back", "verdict"), [(100, Verdict.MET), (200, Verdict.MISSED)], ids=["in three minutes", "later"]
)
def test_a_length_that_is_promised_in_spanish_is_held_against_the_clock(
    shipped: Rulebook, back: int, verdict: Verdict
) -> None:
    call = f"""[0-3] C: Se rompió la lámpara.
        [3.2-6] A: Espere en la línea dos minutos, por favor, mientras reviso.
        [{back}-{back + 3}] A: Gracias por la espera."""

    assert finding(shipped, spanish(call), "hold.returns_in_time").verdict is verdict


def test_calls_of_several_languages_are_judged_together_as_each_alone(
    shipped: Rulebook, calls: list[Transcript]
) -> None:
    english = parse_example("C: This is ridiculous.\nA: I am so sorry that nobody came.\nC: Thanks.").transcript
    german = msgspec.structs.replace(english, language="de")
    mixed = [calls[0], english, german, calls[1], english]

    assert [*audit_each(mixed, shipped)] == [audit(t, shipped) for t in mixed]


def test_a_spanish_phrase_of_your_own_counts_and_changes_the_version(shipped: Rulebook, tmp_path: Path) -> None:
    (tmp_path / "acts" / "es").mkdir(parents=True)
    own = tmp_path / "acts" / "es" / "apologises.yaml"
    own.write_text('name: apologises\nphrases: ["mil perdones señoría"]\nexamples: []\n', encoding="utf-8")
    theirs = load_rulebook(tmp_path, recogniser=False)
    call = spanish(TENSE.replace("Lamento mucho que no le hayamos avisado.", "Mil perdones, senoria."))

    assert theirs.languages == shipped.languages == ("en", "es")
    assert theirs.version != shipped.version
    assert finding(theirs, call, "apology.given").verdict is Verdict.MET
    assert own_wordings(theirs) == {"es/apologises"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("apologises", 'name: apologises\nphrases: ["perdón (por"]\nexamples: []\n', "2:19 in “perdon (por”"),
        ("apologises", "name: apologises\nphrases:\n  - perdón (por\nexamples: []\n", "3:12 in “perdon (por”"),
        ("apologizes", "name: apologizes\nphrases: [perdón]\nexamples: []\n", "1:7 there is no act apologizes"),
        ("words", "angry: []\n", "1:1 the word list <angry> is empty"),
        ("rules", "apology.givn: {expect: {any_of: [perdón]}}\n", "1:1 there is no rule apology.givn"),
        ("rules", "apology.given: {expect: {any: [perdón]}}\n", "1:26 “any” is not a key here"),
        ("rules", "apology.given: {expect: {any_of: [perdón (por]}}\n", "1:42 in “perdon (por”"),
        ("durations", "numbers: {dos: two}\n", "1:16 Expected a number"),
    ],
)
def test_a_mistake_in_a_language_is_told_with_its_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / "acts" / "es").mkdir(parents=True)
    (tmp_path / "acts" / "es" / f"{name}.yaml").write_text(text, encoding="utf-8")

    _, problems = read_rulebook(tmp_path, recogniser=False)

    assert len(problems) == 1
    assert f"acts/es/{name}.yaml:{said}" in str(problems[0])


def test_no_spanish_phrase_of_the_shipped_ones_can_never_match(shipped: Rulebook) -> None:
    wordings = shipped.wordings["es"]

    assert not [a for act in wordings.acts for a in wording_advice(wordings, act) if "never match" in a]
    assert not own_wordings(shipped)


def test_the_spanish_calls_are_judged_no_worse_than_the_docs_say(shipped: Rulebook, calls: list[Transcript]) -> None:
    judged = {(a.call_id, f.rule_id): f.verdict for a in audit_each(calls, shipped) for f in a.findings}
    key = {(r.call_id, r.rule_id): r.verdict for r in read_reviews(CALLS / "key.csv")}
    missed = [at for at, verdict in judged.items() if verdict is Verdict.MISSED and at in key]

    assert {rule_id for _, rule_id in key} == COVERED
    assert sum(judged[at] is verdict for at, verdict in key.items()) / len(key) >= 0.75
    assert sum(key[at] is Verdict.MISSED for at in missed) / len(missed) >= 0.9


def test_every_act_that_spanish_words_is_one_of_the_inventory(shipped: Rulebook) -> None:
    files = {path.stem for path in (SHIPPED / "acts" / "es").glob("*.yaml")} - {"words", "rules", "durations"}

    assert files == shipped.wordings["es"].acts.keys() <= shipped.acts.keys()
