"""What `callaudit acts` does: explain a turn, measure acts on tagged calls, learn from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from callaudit.audit_rules.acts.corpus import TaggedCall, TaggedTurn, read_corpus
from callaudit.audit_rules.acts.evaluation import ActAgreement, agreement, conversation_of, macro_f1, observe
from callaudit.audit_rules.acts.inventory import Act, Levels
from callaudit.audit_rules.acts.levels import calibrated
from callaudit.audit_rules.acts.recognise import recognise
from callaudit.audit_rules.acts.recogniser import Recogniser
from callaudit.audit_rules.acts.reviewed import Learnt, Reviewed, learn_from_reviews
from callaudit.audit_rules.acts.said import Certainty
from callaudit.audit_rules.acts.witnesses import LEVELS
from callaudit.audit_rules.rule_files.checks import phrase_lists
from callaudit.audit_rules.rule_files.yaml_document import suggest
from callaudit.audit_rules.rulebook import Rulebook
from callaudit.audit_rules.wording import ENGLISH
from callaudit.flows.settings import Settings
from callaudit.transcription.errors import InputError, SetupError
from callaudit.warehouse.published import open_published


def act_called(rulebook: Rulebook, name: str) -> Act:
    """The act of that name or tag; raises SetupError with the nearest."""
    found = rulebook.acts.get(name) or next((a for a in rulebook.acts.values() if a.tag == name), None)
    if found is None:
        raise SetupError(f"no act is called “{name}”{suggest(name, rulebook.acts)}", tries=("callaudit acts list",))
    return found


def rules_asking_for(rulebook: Rulebook, act: str) -> list[str]:
    """Ids of the rules whose lists name the act."""
    return [r.id for r in rulebook.rules if any(act in phrases.acts for _, phrases in phrase_lists(r))]


def explain(
    turn: str, rulebook: Rulebook, *, customer: bool = False, before: Sequence[str] = (), language: str = ENGLISH
) -> list[dict[str, object]]:
    """One row an act recognised in a turn, surest first; `before` are the lines said before, as “A: ...” or “C: ...”.

    Raises:
        InputError: a line before does not say who speaks, or the rules have no words in the `language`.
    """
    spoken = rulebook.spoken_in(language)
    if spoken is None:
        raise InputError(
            f"the rules have no words in “{language}”",
            why=f"There are: {', '.join(rulebook.languages)}.",
            tries=("--language es",),
        )
    turns = [_line(line) for line in before]
    turns.append(TaggedTurn("customer" if customer else "agent", turn, frozenset()))
    told = TaggedCall(call_id="explained", author="", quality=3, upset="no", turns=tuple(turns))
    call, _ = conversation_of(told, accents=spoken.language == ENGLISH)
    recognise([call], spoken.index, spoken.witnesses, spoken.act_phrases, spoken.near)
    last = call.turns[-1].index
    said = {(s.act, s.place): s for several in call.acts.values() for s in several if s.place.turn == last}
    found = sorted(said.values(), key=lambda s: (-s.certainty, -(s.probability or 0), s.act))
    return [
        {
            "act": s.act,
            "certainty": Certainty(s.certainty).name.lower(),
            "probability": "" if s.probability is None else f"{s.probability:.0%}",
            "witness": s.witness.value,
            "words": call.quote(s.place),
            "like": call.like(s),
        }
        for s in found
    ]


def _line(line: str) -> TaggedTurn:
    who, _, text = line.partition(":")
    if who not in ("A", "C") or not text.strip():
        raise InputError(f"“{line}” does not say who speaks", tries=("C: nobody rang me back", "A: good morning"))
    return TaggedTurn("agent" if who == "A" else "customer", text.strip(), frozenset())


def evaluate(folder: Path, rulebook: Rulebook) -> tuple[list[ActAgreement], float]:
    """How well each act is recognised in tagged calls, worst first, and the mean F1.

    Raises:
        InputError: there are no tagged calls, or a line of one cannot be read.
        SetupError: the rulebook has no recogniser.
    """
    recogniser = _recogniser_of(rulebook)
    observed = observe(read_corpus(folder, recogniser.tags), recogniser, rulebook)
    levels = rulebook.witnesses.levels
    found = sorted(agreement(observed, levels), key=lambda a: (a.f1, a.act))
    return found, macro_f1(observed, levels)


def learn(
    folder: Path, rulebook: Rulebook, rules: Path, *, switch_on: bool = False
) -> tuple[float, float, Path | None]:
    """Fit the levels of all acts on half of the tagged calls; mean F1 on the other half before and after.

    With `switch_on` the levels are fitted on all calls and written to `rules/acts/levels.json`, which is used from then
    on; its path is the third of the answer.

    Raises:
        InputError: there are fewer than four tagged calls, or a line of one cannot be read.
        SetupError: the rulebook has no recogniser.
    """
    recogniser = _recogniser_of(rulebook)
    calls = read_corpus(folder, recogniser.tags)
    if len(calls) < 4:
        raise InputError(f"{folder} has {len(calls)} tagged calls; to learn and to measure takes at least 4")
    now = rulebook.witnesses.levels
    teaching, measuring = calls[::2], calls[1::2]
    learnt = _fitted(teaching, rulebook, recogniser, now)
    held_back = observe(measuring, recogniser, rulebook)
    before, after = macro_f1(held_back, now), macro_f1(held_back, learnt)
    if not switch_on:
        return before, after, None
    return before, after, _switch_on(_fitted(calls, rulebook, recogniser, now), rules)


def learn_from_people(settings: Settings, rulebook: Rulebook, *, switch_on: bool = False) -> tuple[Learnt, Path | None]:
    """What the reviews of the published copy teach, and the path of the levels where they were switched on.

    Only findings of the rulebook as it is now count: a probability means something only by the levels it came from.

    Raises:
        InputError: nothing is published, or too few reviewed calls rest on a recognised act.
        SetupError: the rulebook has no recogniser.
    """
    _recogniser_of(rulebook)
    forbidding = {rule.id for rule in rulebook.rules if rule.never}
    with open_published(settings.published) as published:
        rows = published.rows(_REVIEWED, {"version": rulebook.version})
    reviews = [msgspec.convert(row | {"forbidden": row["rule_id"] in forbidding}, Reviewed) for row in rows]
    try:
        learnt = learn_from_reviews([r for r in reviews if r.act in rulebook.acts], rulebook.witnesses.levels)
    except ValueError as error:
        raise InputError(
            str(error),
            why=f"{len(reviews)} reviewed findings rest on an act as rulebook {rulebook.version} hears it.",
            tries=("callaudit review sample", "callaudit reaudit --all  (calls judged by an earlier rulebook)"),
        ) from error
    return learnt, _switch_on(learnt.levels, settings.rules) if switch_on else None


_REVIEWED = """
select r.call_id, r.rule_id, f.act, f.probability, r.rule_verdict, r.verdict, coalesce(f.quote, '') as quote
from reviews r
join findings f on f.call_id = r.call_id and f.rule_id = r.rule_id and f.rulebook_version = r.rulebook_version
where f.act is not null and f.probability is not null and f.rulebook_version = $version
  and r.verdict in ('met', 'missed') and r.rule_verdict in ('met', 'missed', 'unsure')
qualify row_number() over (partition by r.call_id, r.rule_id order by r.reviewed_at desc, r.review_id) = 1
order by r.call_id, r.rule_id
"""


def _switch_on(levels: Mapping[str, Levels], rules: Path) -> Path:
    path = rules / "acts" / LEVELS
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(levels)) + b"\n")
    unfinished.replace(path)
    return path


def _fitted(
    calls: list[TaggedCall], rulebook: Rulebook, recogniser: Recogniser, now: dict[str, Levels]
) -> dict[str, Levels]:
    observed = observe(calls, recogniser, rulebook)
    # Each act keeps the levels it has; only the way from odds to probabilities is learnt.
    return now | {act: calibrated(one, now[act]) for act, one in observed.items()}


def _recogniser_of(rulebook: Rulebook) -> Recogniser:
    if rulebook.witnesses.recogniser is None:
        raise SetupError("the recogniser of acts is switched off", tries=("acts = true  under [run]",))
    return rulebook.witnesses.recogniser
