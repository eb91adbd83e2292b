"""Forms for a new rule and a new scorecard: whole and working, with every part explained.

The form of a rule is valid from the start, on trial and with words that nobody says, because a run that starts while
somebody is still writing must neither stop nor find anything. `lint.advice` names what is left to fill in. That of a
scorecard scores as the one it extends until something is changed.
"""

import os
import re
from pathlib import Path
from textwrap import indent

import msgspec
import yaml

from callaudit.audit_rules.authoring.lint import FILL_IN
from callaudit.audit_rules.rule import MATCHERS, Rule
from callaudit.audit_rules.rule_files.checks import RULE_ID
from callaudit.audit_rules.rule_files.schema import SCHEMA_NAME, rule_schema
from callaudit.audit_rules.rulebook import Rulebook
from callaudit.transcription.errors import InputError

EDITOR_LINE = f"# yaml-language-server: $schema={SCHEMA_NAME}"
# These files of a rules folder hold something else than rules.
_TAKEN = {"words": "the word lists", "gate": "when a call is tense"}
_ITEM = re.compile(r"^( *)- ", re.MULTILINE)

_FORM = f"""\
- id: {{rule_id}}
  # A question about the agent. Yes is good: “met” must never be bad news.
  asks: "{FILL_IN}: Does the agent ...?"
  # One sentence for the agent who missed it: what does it do for the customer?
  why: "{FILL_IN}"
  # Where this comes from: a step of your process, a book, a page.
  sources: ["{FILL_IN}"]
  # trial: judged and shown. Put it into a scorecard and make it live when it is right; retired when it is given up.
  status: trial
  # upset: only where the customer is upset with the company, from then on. always: in every call.
  applies: upset
  # A rule about the customer's feeling is left to a person where they are only perhaps upset.
  # feeling: true
  # What calls for it. Leave it out if every such call does.
  # when:
  #   speaker: customer
  #   any_of:
  #     - (still|again) (broken|not working)
  # How it is judged: exactly one of {{matchers}}.
  # `callaudit rules list` names rules for each; `callaudit rules show ID` prints one to copy from.
  expect:
    speaker: agent
    # Or “2 agent turns”, “30 s”: how soon after what called for it.
    within: rest of call
    # What is done, however it is worded: `callaudit acts list` names all acts, `callaudit acts show NAME` explains one.
    # acts: [apologises, takes_their_side]
    # A turn that also does one of these does not count.
    # unless_acts: [blames]
    # Or fixed wording, such as a text to be read out.
    # Words in this order; capitals, commas and apostrophes do not matter.
    #   (i|we) understand   a choice            frustrat*      a word that begins so
    #   (very )?sorry       may be missing      how _3 feel    up to three words between
    #   # days              a number            <very> sorry   a list of words.yaml
    any_of:
      - {FILL_IN} what the agent says
    # The same words where they do not count: what overlaps one of these is no hit.
    # unless:
    #   - sorry what
    # 1 where a recogniser may have misheard one small word inside a phrase of four words or more.
    # tolerance: 1
  # The rule's own tests, one “A: ...” (agent) or “C: ...” (customer) a line. Run: callaudit rules test {{rule_id}}
  examples:
    met:
      - |
        C: This is ridiculous. It is the third time I have called.
        A: {FILL_IN} what the agent says.
    missed:
      - |
        C: This is ridiculous. It is the third time I have called.
        A: Account number?
    # Looks missed and is met; looks met and nothing called for it.
    # near_miss:
    # not_applicable:
"""


def form(rule_id: str) -> str:
    """The block to fill in, as text of a rule file."""
    return _FORM.format(rule_id=rule_id, matchers=", ".join(MATCHERS))


def new_rule(folder: Path, rule_id: str, rulebook: Rulebook) -> Path:
    """Add the form to the folder's file for that step, and the schema for editors beside it; returns the file.

    Nothing that stands in the file is changed. Raises InputError for an id that is malformed or known to the
    rulebook (ids are never reused, not even of retired rules), and for a file that is no list of rules.
    """
    _check_id(rule_id, rulebook)
    step = rule_id.partition(".")[0]
    short = folder / f"{step}.yml"
    path = short if short.exists() else folder / f"{step}.yaml"
    try:
        before = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
        text = _added(before, rule_id, path)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / SCHEMA_NAME, rule_schema())
        _write(path, text.encode())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the rule cannot be written to {path}", why=str(error)) from error
    return path


_CARD = """\
# What you write here counts. All else stays as in {extends}, also after an update of callaudit.
# To see it whole: callaudit scorecards show {name}
name: {name}
title: {title}
extends: {extends}

# Steps and rules that you do without: `callaudit scorecards show {extends}` names them.
# off: [{step}, {rule}]

# A rule weighs more, one of your own comes in, a step gets a target: the percentage of calls that should follow it.
# steps:
#   - id: {step}
#     target: 80
#     rules: {{{rule}: 3}}
#   - id: opening
#     title: Say that the call is recorded   # a new step needs a title
#     before: {step}                          # without this it comes last
#     rules: {{opening.says_recorded: 1}}     # callaudit rules new opening.says_recorded

# Rules whose miss is shown first and misses its whole step, besides those that {extends} has.
# critical: [{rule}]
# With this, a call that misses a critical rule has failed, and its score is 0.
# critical_fails_call: true

# What the mean score should reach, and from how many calls on a figure is held against a target.
# target: 75
# least_calls: 20
# Names for scores, each with the lowest score that bears it.
# bands: {{good: 85, fair: 70, poor: 0}}
# Teams of which something else is asked.
# teams:
#   Billing: {{target: 70, steps: {{{step}: 75}}}}

# Calls that you agree on and the limits of their scores. Run: callaudit scorecards test {name}
# examples:
#   - call: |
#       C: This is the third time I have called about my refund.
#       A: I am so sorry that you had to call again. I will send it today and ring you at five. Is that all right?
#     at_least: 60
"""


def new_scorecard(folder: Path, name: str, extends: str, rulebook: Rulebook) -> Path:
    """Write the form of a scorecard that extends another into the folder; returns the file.

    Raises InputError for a name that is malformed or taken and for a card without rules, SetupError where there is no
    card to extend.
    """
    base = rulebook.scorecard(extends)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise InputError(
            f"“{name}” is no name of a scorecard",
            why="A name has small letters, digits and underscores.",
            tries=("callaudit scorecards new acme_care",),
        )
    path = folder / f"{name}.yaml"
    if name in rulebook.scorecards or path.exists():
        raise InputError(
            f"there is a scorecard {name} already",
            tries=(f"callaudit scorecards show {name}", "or choose another name"),
        )
    step = next((s for s in base.steps if s.rules), None)
    if step is None:
        raise InputError(
            f"the scorecard {extends} has no rules",
            why="A card that extends it would have nothing to change.",
            tries=(f"callaudit scorecards new {name}", "callaudit scorecards list"),
        )
    text = _CARD.format(
        name=name, title=name.replace("_", " ").capitalize(), extends=extends, step=step.id, rule=next(iter(step.rules))
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, text.encode())
    except OSError as error:
        raise InputError(f"the scorecard cannot be written to {path}", why=str(error)) from error
    return path


def _check_id(rule_id: str, rulebook: Rulebook) -> None:
    if not RULE_ID.fullmatch(rule_id):
        raise InputError(
            f"“{rule_id}” is no id of a rule",
            why="An id is step.criterion in small letters and underscores, named so that “met” reads as good.",
            tries=("callaudit rules new solution.offers_a_choice",),
        )
    step = rule_id.partition(".")[0]
    if step in _TAKEN:
        raise InputError(f"“{step}” cannot be a step", why=f"{step}.yaml holds no rules but {_TAKEN[step]}.")
    known = next((r for r in rulebook.rules if r.id == rule_id), None)
    if known is not None:
        state = " (it is retired, and ids are never reused)" if known.status == "retired" else ""
        raise InputError(
            f"there is a rule {rule_id} already{state}",
            tries=(f"callaudit rules show {rule_id}", "or choose another name"),
        )


def _added(before: str, rule_id: str, path: Path) -> str:
    """The text of the file with the form at its end, in the file's own indentation and line ends."""
    first = _ITEM.search(before)
    block = indent(form(rule_id), first[1] if first else "")
    head = "" if "yaml-language-server:" in before else f"{EDITOR_LINE}\n\n"
    middle = before if not before or before.endswith("\n") else f"{before}\n"
    gap = "\n" if middle.strip() else ""
    newline = "\r\n" if "\r\n" in before else "\n"
    text = head.replace("\n", newline) + middle + (gap + block).replace("\n", newline)
    try:
        old, new = (yaml.load(t, Loader=yaml.CSafeLoader) or [] for t in (before, text))
        if isinstance(old, list) and new[:-1] == old and msgspec.convert(new[-1], Rule).id == rule_id:
            return text
    except (yaml.YAMLError, msgspec.ValidationError, TypeError):
        pass
    raise InputError(
        f"the rule cannot be added to {path}",
        why="What stands there is not a list of rules, each beginning with “- id: ...”.",
        tries=("callaudit rules lint",),
    )


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
