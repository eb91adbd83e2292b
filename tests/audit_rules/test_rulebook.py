"""Rule files: every mistake is named with its place, and what is right becomes one rulebook."""

from datetime import date
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest

from callaudit.audit_rules.rule import Gate
from callaudit.audit_rules.rule_files.yaml_document import Document, Problem
from callaudit.audit_rules.rulebook import RulebookError, load_rulebook, read_rulebook
from tests.support.rules import GATE, RulebookOf, WriteRules, act, block

GOOD = block("expect: {any_of: [i am sorry]}")


@pytest.fixture
def lint(write_rules: WriteRules):
    """The problems of these files as `file:line:column message`, the folder's name left out."""

    def problems(**files: str) -> list[str]:
        folder = write_rules(**files)
        rulebook, found = read_rulebook(folder, shipped=False, recogniser=False)
        assert (rulebook is None) == bool(found)
        return [str(p).removeprefix(f"{folder}/") for p in found]

    return problems


def test_a_good_folder_has_no_problems(lint) -> None:
    assert lint(apology=GOOD, **GATE) == []


RULE = dedent("""\
    - id: apology.given
      asks: Is it so?
      why: Because.
      sources: [A1]
      {body}
      examples: {{met: "A: yes"}}
    """)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("expect: {any_of: [sorry (now]}", "5:27 in “sorry (now”: this “(” is never closed"),
        ('expect: {any_of: [hi, "sorry (now"]}', "5:32 in “sorry (now”: this “(” is never closed"),
        ("expect: {any_of: [<weekdy>]}", "5:21 in “<weekdy>”: there is no word list <weekdy> (near it: weekday"),
        ("expect: {any_of: [um]}", "5:21 in “um”: “um” is left out of every text (a filler or a sign), so it can"
         " never match"),
        ("expect: {any_off: [sorry]}", "5:12 “any_off” is not a key here. Did you mean “any_of”?"),
        ("expects: {any_of: [sorry]}", "5:3 “expects” is not a key here. Did you mean “expect”?"),
        ("expect: {}", "5:3 “expect” needs acts, any_of or events: it has nothing to look for"),
        ("expect: {any_of: sorry}", "5:20 Expected a list, got text"),
        ("expect: {any_of: [3]}", "5:21 Expected text, got a whole number"),
        ("expect: {any_of: [sorry], speaker: Agent}", "5:38 “Agent” is not one of agent, customer. Did you mean"
         " “agent”?"),
        ("expect: {any_of: [sorry], within: soon}", "5:37 “soon” is no window; write “2 agent turns”, “30 s” or"
         " “rest of call”"),
        ("expect: {events: [apology.give]}", "5:21 there is no rule apology.give. Did you mean “apology.given”?"),
        ("expect: {events: [apology.given]}", "1:3 the events of apology.given refer back to itself:"
         " apology.given > apology.given"),
        ("expect: {acts: [apologizes]}", "5:19 there is no act apologizes. Did you mean “apologises”?"),
        ("expect: {acts: [apologises], unless_acts: [accepts]}", "5:46 accepts is an act of the customer, and the"
         " agent's are asked for"),
        ("expect: {speaker: customer, acts: [accepts, apologises]}", "5:47 apologises is an act of the agent, and the"
         " customer's are asked for"),
        ("applies: episode\n  expect: {any_of: [a]}", "5:12 “episode” is not one of always, upset"),
        ("restates: {during: [zebra.none]}", "5:23 there is no rule zebra.none"),
        ("never: {any_of: [no], followed_by: {}}", "5:25 “followed_by” needs acts, any_of or events: it has"
         " nothing to look for"),
        ("never: {any_of: [no], within: 2 turns}", "5:33 “2 turns” is no window; write “2 agent turns”, “30 s” or"
         " “rest of call”"),
        ("at_most: {any_of: [sorry]}", "5:3 “times” is missing here"),
        ("hold: {aspect: askd}", "5:18 “askd” is not one of asked, duration, reason, returns. Did you mean “asked”?"),
        ("asks_again: {slots: {name: {asks: [(your name]}}}", "5:38 in “(your name”: this “(” is never closed"),
        ("order: {first: {any_of: [sorry]}, then: {any_of: ['_2 x']}}", "5:54 in “_2 x”: a phrase may not begin or"
         " end with a gap"),
        ("status: live", "1:3 apology.given needs exactly one of expect, never, at_most, order, restates,"
         " uses_name, asks_again, hold, timing, kept_promise; found none"),
        ("expect: {any_of: [a]}\n  never: {any_of: [b]}", "1:3 apology.given needs exactly one of expect, never,"
         " at_most, order, restates, uses_name, asks_again, hold, timing, kept_promise; found expect and never"),
        ("status: alive\n  expect: {any_of: [a]}", "5:11 “alive” is not one of live, retired, trial. Did you mean"
         " “live”?"),
        ("expect: {any_of: [a]}\n  expect: {any_of: [b]}", "6:3 “expect” stands here twice"),
        ("needs_times: maybe\n  expect: {any_of: [a]}", "5:16 Expected true or false, got text"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_named_with_its_place(lint, body: str, problem: str) -> None:
    found = lint(apology=RULE.format(body=body))

    assert any(p.startswith(f"apology.yaml:{problem}") for p in found), found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- id: [", "2:1 this is not YAML"),
        ("- id: a\n  \tasks: b", "2:3 this is not YAML"),
        ("- &a [*a]", "1:1 this is not YAML"),
        ("- ? [a]\n  : b", "1:5 this is not YAML: a key must be a word"),
        ("- !!python/object:os.system {}", "1:3 “id” is missing here"),
        ("a: 1\n---\nb: 2", "2:1 this is not YAML"),
        ("bad \x07 sign", "1:1 this is not YAML"),
        ("id: apology.given", "1:1 a rule file is a list: begin each rule with “- id: ...”"),
        ("- ", "1:2 Expected a mapping (key: value), got nothing"),
        ("- text", "1:3 Expected a mapping (key: value), got text"),
        ("- id: apology.given", "1:3 “asks” is missing here"),
        (GOOD.replace("[A1]", "[]"), "4:3 apology.given names no source"),
        (GOOD.replace("apology.given", "apology.Given!"), "1:7 “apology.Given!” is no id; write step.criterion"),
        (GOOD.replace("apology.given", "sorrow.given"), "1:7 sorrow.given belongs in sorrow.yaml"),
        (GOOD + GOOD, "7:7 the id apology.given is already used in apology.yaml"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place(lint, text: str, problem: str) -> None:
    found = lint(apology=text)

    assert any(p.startswith(f"apology.yaml:{problem}") for p in found), found


def test_bytes_that_are_no_text_are_named(lint, write_rules: WriteRules) -> None:
    (write_rules() / "apology.yaml").write_bytes(b"- id: \xff")

    assert lint()[0].startswith("apology.yaml:1:1 this is not YAML")


def test_an_empty_file_is_no_mistake(lint) -> None:
    assert lint(apology="", words="# nothing yet\n") == []


def test_all_mistakes_are_named_in_order(lint) -> None:
    files = {
        "words": "loud: [um]\nempty: []\nBad: [a]\n",
        "gate": "upset: [upset, apologises]\nproblem: [upsett]\n",
        **act("waves", "hello (there"),
        "apology": block("expect: {any_of: ['(', ')']}"),
    }
    assert [p.partition(" ")[0] for p in lint(**files)] == [
        "acts/waves.yaml:5:17", "apology.yaml:5:22", "apology.yaml:5:27", "gate.yaml:1:16", "gate.yaml:2:11",
        "words.yaml:1:8", "words.yaml:2:1", "words.yaml:3:1",
    ]  # fmt: skip


def test_a_rule_that_cannot_be_read_is_not_also_reported_missing(lint) -> None:
    broken = block("expects: {}", rule_id="apology.broken")
    builds_on_it = block("expect: {events: [apology.broken]}")

    assert len(lint(apology=broken + builds_on_it)) == 1


def test_a_cycle_of_events_is_told_by_its_way(lint) -> None:
    a = block("expect: {events: [apology.b]}", rule_id="apology.a")
    b = block("restates: {during: [apology.c]}", rule_id="apology.b")
    c = block("order: {first: {events: [apology.a]}, then: {any_of: [x]}}", rule_id="apology.c")
    outside = block("expect: {events: [apology.a]}", rule_id="apology.outside")

    found = lint(apology=a + b + c + outside)

    assert len(found) == 3
    assert found[0].endswith("refer back to itself: apology.a > apology.b > apology.c > apology.a")


def test_words_for_yes_and_no_stay_words(rulebook_of: RulebookOf) -> None:
    rulebook = rulebook_of(apology=block("expect: {any_of: [no, yes, on, Off]}"))

    assert rulebook.rule("apology.given").expect.any_of == ("no", "yes", "on", "Off")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: wave", "1:7 wave belongs in wave.yaml: the name is the file's"),
        ("name: waves\nwho: robot", "2:6 “robot” is not one of agent, customer"),
        ("name: waves\nphrase: [hello]", "2:1 “phrase” is not a key here. Did you mean “phrases”?"),
        ("name: waves\nparent: upset", "2:9 upset is an act of the customer, and the agent's are asked for"),
        ("name: waves\nparent: greet", "2:9 there is no act greet. Did you mean “greets”?"),
        ("name: waves\nunless: ['hi (you']", "2:14 in “hi (you”: this “(” is never closed"),
    ],
)
def test_a_mistake_in_an_act_is_named_with_its_place(lint, text: str, problem: str) -> None:
    rest = {"who": "agent", "means": "It.", "is_not": "Else.", "examples": "[Hello.]"}
    told = "\n".join([text, *(f"{key}: {value}" for key, value in rest.items() if f"{key}:" not in text)])

    found = lint(acts_waves=told)

    assert any(p.startswith(f"acts/waves.yaml:{problem}") for p in found), found


@pytest.mark.parametrize("key", ["upset", "clearly", "elsewhere", "accepted", "thanked", "persists", "problem"])
def test_a_gate_may_only_name_acts_of_the_customer(lint, key: str) -> None:
    at = len(key) + 4
    assert lint(gate=f"{key}: [apologises]") == [
        f"gate.yaml:1:{at} apologises is an act of the agent, and the customer's are asked for"
    ]


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        ("transfers: {any_of: [hi, '((bad']}", "1:28 in “((bad”: this “(” is never closed"),
        ("transfers: {any_of: [hi], unless: [<no>]}", "1:36 in “<no>”: there is no word list <no>"),
        ("transfers: {events: [apology.gven]}", "1:22 there is no rule apology.gven. Did you mean “apology.given”?"),
        ("closes_from: sometimes", "1:14 Expected a whole number, got text"),
    ],
)
def test_a_mistake_in_a_gate_is_named_with_its_place_and_once(lint, gate: str, problem: str) -> None:
    (found,) = lint(apology=GOOD, gate=gate)

    assert found.startswith(f"gate.yaml:{problem}")


def test_a_gate_that_builds_on_an_unreadable_rule_is_no_second_mistake(lint) -> None:
    broken = block("expects: {}", rule_id="apology.broken")

    assert len(lint(apology=broken, gate="transfers: {events: [apology.broken]}")) == 1


def test_a_gate_that_does_not_speak_of_transfers_leaves_what_counts_as_one(write_rules: WriteRules) -> None:
    shipped = load_rulebook(recogniser=False).gate.transfers
    silent = write_rules("silent", gate="upset: [upset]")
    none = write_rules("none", gate="transfers: {}")

    assert shipped.acts
    assert load_rulebook(silent, recogniser=False).gate == Gate(upset=("upset",), transfers=shipped)
    assert load_rulebook(none, recogniser=False).gate == Gate()


class Dated(msgspec.Struct):
    on: date


def test_a_value_for_which_there_is_no_stand_in_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "dated.yaml"
    path.write_text("on: never\n")
    problems: list[Problem] = []
    document = Document(path, path.name, problems)

    assert document.convert(document.value, Dated) is None
    assert [str(p) for p in problems] == ["dated.yaml:1:5 Invalid RFC3339 encoded date"]


def test_an_act_of_a_folder_overrides_the_shipped_one_of_the_same_name(write_rules: WriteRules) -> None:
    own = write_rules(**act("upset", "hopeless", more="parent: is_sad"), **act("is_sad", "sad"))

    rulebook = load_rulebook(own, shipped=False, recogniser=False)

    assert rulebook.acts["upset"].phrases == ("hopeless",)
    assert rulebook.acts["upset"].parent == "is_sad"


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        ("name: house\ntitle: H\nsteps:\n- {id: a, title: A, rules: {apology.give: 1}}",
         "4:43 step a: there is no rule apology.give. Did you mean “apology.given”?"),
        ("name: house\ntitle: H\nsteps:\n- {id: a, title: A, rules: {apology.given: 0}}",
         "4:44 step a: the weight of apology.given must be above 0"),
        ("name: house\ntitle: H\nsteps:\n- {id: a, title: A, rules: {}}\n- {id: a, title: A, rules: {}}",
         "5:8 the step a stands here twice"),
        ("name: home\ntitle: H\nsteps: []", "1:7 home belongs in home.yaml: the name is the file's"),
        ("name: house\ntitle: H\nsteps: []\ncritical: [apology.gven]",
         "4:12 there is no rule apology.gven. Did you mean “apology.given”?"),
        ("name: house\ntitle: H", "1:1 “steps” is missing here; a card that changes another says which by “extends”"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_scorecard_is_named_with_its_place(lint, card: str, problem: str) -> None:
    found = lint(apology=GOOD, cards_house=card)

    assert [p.removeprefix("scorecards/house.yaml:") for p in found] == [problem]


def test_loading_a_broken_folder_raises_with_every_problem(write_rules: WriteRules) -> None:
    folder = write_rules(apology=block("expect: {any_of: ['(', ')']}"))

    with pytest.raises(RulebookError) as refused:
        load_rulebook(folder, shipped=False, recogniser=False)

    assert len(refused.value.problems) == 2
    assert all(isinstance(p, Problem) for p in refused.value.problems)
    assert "2 problems" in str(refused.value)
    assert refused.value.exit_code == 3


def test_an_unknown_id_is_answered_with_the_nearest(rulebook_of: RulebookOf) -> None:
    with pytest.raises(Exception, match=r"callaudit rules show apology\.given"):
        rulebook_of(apology=GOOD).rule("apology.gven")


def test_a_users_rule_overrides_the_one_of_the_same_id(write_rules: WriteRules) -> None:
    first = write_rules("first", apology=GOOD, **GATE)
    second = write_rules("second", apology=block("expect: {any_of: [forgive me]}"), words="mine: [a]")

    rulebook = load_rulebook(first, second, shipped=False, recogniser=False)

    assert [r.id for r in rulebook.rules] == ["apology.given"]
    assert rulebook.rule("apology.given").expect.any_of == ("forgive me",)
    assert rulebook.gate.clearly == ("is_angry",)


def test_an_overridden_rule_is_not_looked_at(write_rules: WriteRules) -> None:
    first = write_rules("first", apology=block("expect: {any_of: ['(']}"))
    second = write_rules("second", apology=GOOD)

    assert read_rulebook(first, second, shipped=False, recogniser=False)[1] == []


def test_a_users_folder_adds_to_the_shipped_rules(write_rules: WriteRules) -> None:
    own = write_rules(mine=block("expect: {any_of: [aloha]}", rule_id="mine.greets"))

    ids = {r.id for r in load_rulebook(own, recogniser=False).rules}

    assert "mine.greets" in ids
    assert {r.id for r in load_rulebook(recogniser=False).rules} == ids - {"mine.greets"}


def test_a_folder_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert load_rulebook(tmp_path / "none", recogniser=False).version == load_rulebook(recogniser=False).version


def test_a_yml_ending_is_read_too(write_rules: WriteRules) -> None:
    folder = write_rules(apology=GOOD)
    (folder / "apology.yaml").rename(folder / "apology.yml")

    assert len(load_rulebook(folder, shipped=False, recogniser=False).rules) == 1


def test_a_retired_rule_judges_no_more_but_lends_its_words(rulebook_of: RulebookOf) -> None:
    retired = GOOD.replace("why:", "status: retired\n  why:")
    builds_on_it = block("expect: {events: [apology.given]}", rule_id="apology.again")

    rulebook = rulebook_of(apology=retired + builds_on_it)

    assert [c.rule.id for c in rulebook.compiled] == ["apology.again"]
    assert "apology.given" in rulebook.sources


def version_of(folder: Path) -> str:
    return load_rulebook(folder, shipped=False, recogniser=False).version


def test_the_version_names_what_the_rules_say_and_nothing_else(write_rules: WriteRules) -> None:
    other = block("never: {any_of: [calm down]}", rule_id="listen.calm")
    version = version_of(write_rules("a", apology=GOOD, listen=other))

    same = write_rules("b", listen="# said otherwise\n" + other, apology=GOOD.replace("[A1]", '["A1"]'))
    assert version_of(same) == version
    for change in (("i am sorry", "i am so sorry"), ("Is it so?", "Is it?"), ("sources", "status: trial\n  sources")):
        changed = write_rules("c", apology=GOOD.replace(*change), listen=other)
        assert version_of(changed) != version


def test_words_acts_gate_and_scorecards_are_part_of_the_version(write_rules: WriteRules) -> None:
    card = "name: house\ntitle: H\nsteps: []"
    additions = [{}, {"words": "a: [b]"}, {"gate": "upset: [upset]"}, {"cards_house": card}, act("waves", "hello")]
    versions = [version_of(write_rules(str(n), apology=GOOD, **more)) for n, more in enumerate(additions)]

    assert len(set(versions)) == 5
