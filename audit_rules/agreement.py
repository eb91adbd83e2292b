"""How well the rules agree with people: precision, recall and F1 on labelled utterances."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from audit_rules.conversation import Conversation
from audit_rules.finding import EvidenceKind
from audit_rules.phrases import Place
from audit_rules.rulebook import SHIPPED, Rulebook
from transcription.errors import InputError
from transcription.transcript import Call, Provenance, RolesFrom, SpeakerRole, Transcript, Utterance
from transcription.turns import Turn

_LABELLED = Provenance(engine="written", model="labelled", weights_hash="", settings_hash="")


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rules answer a label; predicted where one of `rules` finds its words and none of `unless` does."""

    rules: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    cue: Literal["upset"] | None = None


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
    """Counts of one check and what follows from them."""

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


def load_checks(path: Path = SHIPPED / "evaluation.yaml") -> dict[str, Check]:
    """The mapping from labels to rules."""
    return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), dict[str, Check])


def read_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The labelled utterances of a .jsonl file or of every one in a folder, with the check's name (the file's)."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise InputError(f"no labelled utterances at {path}", tries=("give a .jsonl file or a folder of them",))
    for file in files:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield file.stem, json.loads(line)
                except ValueError as error:
                    raise InputError(f"{file.name}:{number} is not JSON", why=str(error)) from error


def judge_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]], rulebook: Rulebook, checks: Mapping[str, Check]
) -> Iterator[Judged]:
    """What the rules find in each utterance, read in its context; rows of unmapped checks are left out."""
    for name, row in rows:
        check = checks.get(name)
        if check is None:
            continue
        call, turn, offset = _in_context(row, rulebook, check)
        places = [p for p in _found(check, call, rulebook) if _inside(call, p, turn, offset)]
        excused = any(_inside(call, p, turn, offset) for rule in check.unless for p in call.events(rule))
        yield Judged(
            check=name,
            conversation_id=str(row.get("conversation_id", "")),
            turn=int(row.get("turn", 0)),
            label=int(row["label"]),
            predicted=int(bool(places) and not excused),
            evidence=call.evidence(EvidenceKind.MET, places[0]).quote if places else "",
            text=str(row["text"]),
            sample=str(row.get("sample", "")),
        )


def agreement_of(judged: Iterable[Judged]) -> list[Agreement]:
    """The counts of each check, in order of their names."""
    counts: dict[str, list[int]] = {}
    for j in judged:
        counts.setdefault(j.check, [0, 0, 0, 0])[2 * j.label + j.predicted] += 1
    return [
        Agreement(check=check, true_negative=tn, false_positive=fp, false_negative=fn, true_positive=tp)
        for check, (tn, fp, fn, tp) in sorted(counts.items())
    ]


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927); (0, 1) for no trials."""
    if trials == 0:
        return 0.0, 1.0
    p = successes / trials
    middle = p + z * z / (2 * trials)
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def _in_context(row: Mapping[str, Any], rulebook: Rulebook, check: Check) -> tuple[Conversation, Turn, int]:
    own = SpeakerRole.CUSTOMER if check.cue or row["speaker"] == "customer" else SpeakerRole.AGENT
    other = SpeakerRole.AGENT if own is SpeakerRole.CUSTOMER else SpeakerRole.CUSTOMER
    utterances: list[Utterance] = []
    for line in row["context"]:
        who, _, text = line.partition(": ")
        role = SpeakerRole(who) if who in ("agent", "customer") else other
        utterances.append(Utterance(role=role, text=text))
    utterances.append(Utterance(role=own, text=row["text"]))
    transcript = Transcript(
        call=Call(
            call_id=str(row.get("conversation_id", "")),
            source="labelled",
            customer_name=row.get("customer_name"),
            agent_name=row.get("agent_name"),
        ),
        utterances=tuple(utterances),
        provenance=_LABELLED,
        roles_from=RolesFrom.LABELS,
    )
    call = Conversation(transcript, rulebook.index, rulebook.sources)
    last = len(utterances) - 1
    turn = next(t for t in call.turns if last in t.utterances)
    offset = sum(len(utterances[i].text) + 1 for i in turn.utterances if i != last)
    return call, turn, offset


def _found(check: Check, call: Conversation, rulebook: Rulebook) -> list[Place]:
    if check.cue == "upset":
        return rulebook.episode_cues.upset(call)
    return [p for rule in check.rules if rule in rulebook.sources for p in call.events(rule)]


def _inside(call: Conversation, place: Place, turn: Turn, offset: int) -> bool:
    if place.turn != turn.index:
        return False
    end = call.evidence(EvidenceKind.MET, place).char_end
    return end is not None and end > offset
