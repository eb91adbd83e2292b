"""How well the rules agree with people: precision, recall and F1 on labelled utterances."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import yaml

from callaudit.audit_rules.acts.recognise import recognise
from callaudit.audit_rules.acts.said import Certainty, Place
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.episode import upset_turns
from callaudit.audit_rules.evaluation.estimates import (
    Estimate,
    Floats,
    f1_interval,
    percentiles,
    resampled_sums,
    wilson,
)
from callaudit.audit_rules.finding import EvidenceKind
from callaudit.audit_rules.matchers.timing import interruptions
from callaudit.audit_rules.rule_files.yaml_document import suggest
from callaudit.audit_rules.rulebook import SHIPPED, Rulebook
from callaudit.transcription.errors import InputError, SetupError
from callaudit.transcription.transcript import (
    Call,
    Provenance,
    RolesFrom,
    Seconds,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
)
from callaudit.transcription.turns import Turn, is_listening_signal

_NAMED = re.compile(r"^[A-Za-z]{0,2}\d*: ")
_LABELLED = Provenance(engine="written", model="labelled", weights_hash="", settings_hash="")


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rules or acts answer a label; predicted where one of them is found.

    A `cue` answers a label that no rule's words do: words that show upset, an utterance that is nothing but a listening
    signal, or one that by its times interrupts the utterance before it, as `listen.lets_customer_finish` judges it.
    """

    rules: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    cue: Literal["upset", "signal", "interruption"] | None = None


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """An utterance with a person's label, and the lines before it as "agent: ..." or "customer: ...".

    `sample` is "random" where the utterance was drawn blindly; only such rows tell how often the rule is right in
    everyday calls, because the others were picked for their words. `start`, `end` and the `context_spans` of the lines
    before it are seconds from the start of the recording.
    """

    conversation_id: str
    turn: int
    speaker: str
    text: str
    label: Literal[0, 1]
    context: tuple[str, ...] = ()
    sample: str = ""
    customer_name: str | None = None
    agent_name: str | None = None
    start: Seconds | None = None
    end: Seconds | None = None
    context_spans: tuple[tuple[Seconds, Seconds], ...] = ()


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled utterance with what the rules say of it."""

    check: str
    conversation_id: str
    turn: int
    label: int
    predicted: int
    evidence: str
    text: str
    sample: str = ""


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one check and what follows from them; the intervals are of 95 %."""

    check: str
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def precision(self) -> float:
        """Share of the predicted that people labelled; 0 where nothing was predicted."""
        found = self.true_positive + self.false_positive
        return self.true_positive / found if found else 0.0

    @property
    def recall(self) -> float:
        """Share of the labelled that were predicted."""
        labelled = self.true_positive + self.false_negative
        return self.true_positive / labelled if labelled else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = 2 * self.true_positive + self.false_positive + self.false_negative
        return 2 * self.true_positive / both if both else 0.0

    @property
    def precision_interval(self) -> tuple[float, float]:
        """Wilson's interval."""
        return wilson(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall_interval(self) -> tuple[float, float]:
        """Wilson's interval."""
        return wilson(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1_interval(self) -> tuple[float, float]:
        """See `audit_rules.evaluation.estimates.f1_interval`."""
        return f1_interval(self.true_positive, self.false_positive, self.false_negative)


def load_checks(path: Path = SHIPPED / "evaluation.yaml") -> dict[str, Check]:
    """The mapping from labels to rules. Raises SetupError where the file is not such a mapping."""
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), dict[str, Check])
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        example = "apology: {rules: [apology.given]}"
        raise SetupError(
            f"{path} does not map checks to rules", why=str(error), tries=(f"a line such as {example}",)
        ) from error


def labelled_files(path: Path, *, only: Sequence[str] = ()) -> list[Path]:
    """The .jsonl file, or every one in the folder, in order of their names, which are the checks'.

    Raises:
        InputError: there is none, or none of a name in `only`; suggests the nearest.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        raise InputError(f"no labelled utterances at {path}", tries=("give a .jsonl file or a folder of them",))
    names = [file.stem for file in files]
    for name in only:
        if name not in names:
            raise InputError(
                f"no labelled utterances for “{name}” at {path}{suggest(name, names)}",
                why=f"There are: {', '.join(names)}.",
            )
    return [file for file in files if not only or file.stem in only]


def read_rows(path: Path) -> Iterator[tuple[str, Labelled]]:
    """The labelled utterances of a .jsonl file or of every one in a folder, with the check's name (the file's).

    Raises:
        InputError: nothing is there, a line is not JSON, or misses a field; names file, line and field.
    """
    decoder = msgspec.json.Decoder(Labelled)
    for file in labelled_files(path):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            if not line.strip():
                continue
            try:
                yield file.stem, decoder.decode(line)
            except msgspec.ValidationError as error:
                raise InputError(f"{file.name}:{number} is not a labelled utterance", why=f"{error}.") from error
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InputError(f"{file.name}:{number} is not JSON", why=str(error)) from error


def judge_rows(
    rows: Iterable[tuple[str, Labelled]], rulebook: Rulebook, checks: Mapping[str, Check]
) -> Iterator[Judged]:
    """What the rules find in each utterance, read in its context; rows of unmapped checks are left out."""
    for name, row in rows:
        check = checks.get(name)
        if check is None:
            continue
        predicted, evidence = _predicted(row, check, rulebook)
        yield Judged(
            check=name,
            conversation_id=row.conversation_id,
            turn=row.turn,
            label=row.label,
            predicted=int(predicted),
            evidence=evidence,
            text=row.text,
            sample=row.sample,
        )


def _predicted(row: Labelled, check: Check, rulebook: Rulebook) -> tuple[bool, str]:
    """Whether the label is predicted, and the words that speak for it."""
    if check.cue == "signal":
        signal = is_listening_signal(_unnamed(row.text))
        return signal, row.text if signal else ""
    if check.cue == "interruption":
        interrupts = bool(interruptions(_timed(row, rulebook)))
        return interrupts, row.text if interrupts else ""
    call, turn, offset = _in_context(row, rulebook, check)
    places = [p for p in _found(check, call, rulebook) if _inside(call, p, turn, offset)]
    excused = any(_inside(call, p, turn, offset) for rule in check.unless for p in call.events(rule))
    return bool(places) and not excused, call.quote(places[0]) if places else ""


def _unnamed(text: str) -> str:
    """The text without a speaker's short name before it ("me018: uhhuh")."""
    return _NAMED.sub("", text)


def _timed(row: Labelled, rulebook: Rulebook) -> Conversation:
    """The utterance as an agent's and the lines before it as a customer's, each with its time.

    Raises:
        InputError: the row has no times.
    """
    if row.start is None or row.end is None or not row.context_spans:
        raise InputError(
            f"an utterance of {row.conversation_id} has no times",
            why="Whether one party interrupts the other shows in start, end and context_spans (seconds).",
        )
    customer, agent = SpeakerRole.CUSTOMER, SpeakerRole.AGENT
    heard = tuple(sorted(Span(*span) for span in row.context_spans))
    said = Utterance(role=agent, text=_unnamed(row.text), start=row.start, end=row.end)
    transcript = Transcript(
        call=Call(call_id=row.conversation_id, source="labelled"),
        utterances=(*(Utterance(role=customer, text="...", start=s.start, end=s.end) for s in heard), said),
        provenance=_LABELLED,
        roles_from=RolesFrom.LABELS,
        speech={customer: heard, agent: (Span(row.start, row.end),)},
    )
    return Conversation(transcript, rulebook.sources)


def agreement_of(judged: Iterable[Judged]) -> list[Agreement]:
    """The counts of each check, in order of their names."""
    counts: dict[str, list[int]] = {}
    for j in judged:
        counts.setdefault(j.check, [0, 0, 0, 0])[2 * j.label + j.predicted] += 1
    return [
        Agreement(check=check, true_negative=tn, false_positive=fp, false_negative=fn, true_positive=tp)
        for check, (tn, fp, fn, tp) in sorted(counts.items())
    ]


def macro_f1(judged: Sequence[Judged]) -> Estimate | None:
    """The mean F1 of the checks, each counting alike; None for no checks.

    The interval resamples whole conversations, over all checks at once, because the same ones serve several checks.
    """
    checks = {name: n for n, name in enumerate(sorted({j.check for j in judged}))}
    if not checks:
        return None
    conversations = {c: n for n, c in enumerate(sorted({j.conversation_id for j in judged}))}
    # Per conversation and check: true positives, and false ones of either kind.
    counts = np.zeros((len(conversations), 2, len(checks)))
    for j in judged:
        if j.label or j.predicted:
            counts[conversations[j.conversation_id], int(j.label != j.predicted), checks[j.check]] += 1
    value = float(_mean_f1(counts.sum(axis=0, keepdims=True))[0])
    if len(conversations) < 2:
        return Estimate(value)
    return Estimate(value, percentiles(_mean_f1(resampled_sums(counts))))


def _mean_f1(counts: Floats) -> Floats:
    right, wrong = counts[:, 0], counts[:, 1]
    f1: Floats = (2 * right / np.maximum(2 * right + wrong, 1)).mean(axis=1)
    return f1


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """Where a check and the people differ, the worst first."""

    wrongly_found: tuple[Judged, ...]
    not_found: tuple[Judged, ...]


def worst_errors(judged: Iterable[Judged], most: int) -> Errors:
    """At most `most` errors of each kind.

    What was found wrongly is ordered by how often the same words misled; then, as for what was not found, utterances
    of the random sample come first, because everyday calls are like them.
    """
    wrong = sorted(
        (j for j in judged if j.label != j.predicted), key=lambda j: (j.sample != "random", j.conversation_id, j.turn)
    )
    misled = Counter(j.evidence.lower() for j in wrong if j.predicted)
    found = sorted((j for j in wrong if j.predicted), key=lambda j: -misled[j.evidence.lower()])
    return Errors(wrongly_found=tuple(found[:most]), not_found=tuple(j for j in wrong if j.label)[:most])


def _in_context(row: Labelled, rulebook: Rulebook, check: Check) -> tuple[Conversation, Turn, int]:
    own = SpeakerRole.CUSTOMER if check.cue or row.speaker == "customer" else SpeakerRole.AGENT
    other = SpeakerRole.AGENT if own is SpeakerRole.CUSTOMER else SpeakerRole.CUSTOMER
    utterances: list[Utterance] = []
    for line in row.context:
        who, _, text = line.partition(": ")
        role = SpeakerRole(who) if who in ("agent", "customer") else other
        utterances.append(Utterance(role=role, text=text))
    utterances.append(Utterance(role=own, text=row.text))
    transcript = Transcript(
        call=Call(
            call_id=row.conversation_id,
            source="labelled",
            customer_name=row.customer_name,
            agent_name=row.agent_name,
        ),
        utterances=tuple(utterances),
        provenance=_LABELLED,
        roles_from=RolesFrom.LABELS,
    )
    call = Conversation(transcript, rulebook.sources)
    recognise([call], rulebook.index, rulebook.witnesses, rulebook.act_phrases)
    last = len(utterances) - 1
    turn = next(t for t in call.turns if last in t.utterances)
    offset = sum(len(utterances[i].text) + 1 for i in turn.utterances if i != last)
    return call, turn, offset


def _found(check: Check, call: Conversation, rulebook: Rulebook) -> list[Place]:
    if check.cue == "upset":
        return [said.place for said in upset_turns(call, rulebook.gate).opened_by.values()]
    likely = [s.place for act in check.acts for s in call.acts.get(act, ()) if s.certainty >= Certainty.LIKELY]
    return [*likely, *(p for rule in check.rules if rule in rulebook.sources for p in call.events(rule))]


def _inside(call: Conversation, place: Place, turn: Turn, offset: int) -> bool:
    if place.turn != turn.index:
        return False
    end = call.evidence(EvidenceKind.MET, place).char_end
    return end is not None and end > offset
