"""How well the rules agree with a reader of written calls that stand in a folder with their key.

    python benchmarks/spoken_calls.py corpus_es/S1 --language es
    python benchmarks/spoken_calls.py corpus/K2

The folder holds tagged calls (`CALL.txt`), `key.csv` (call_id, rule_id, verdict, reviewer) and `calls.csv`, which says
who was upset. Turns get times at an even pace, and the gaps that the calls name: nobody spoke, nothing was transcribed.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from callaudit.audit_rules.acts.corpus import TaggedCall, read_corpus
from callaudit.audit_rules.audit import audit_each
from callaudit.audit_rules.evaluation.reviewed_calls import compare, read_reviews
from callaudit.audit_rules.finding import Upset, Verdict
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.transcription.transcript import (
    Call,
    Provenance,
    RolesFrom,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
)

# Seconds a word takes, and between two turns where the call names no gap.
_WORD, _GAP = 0.35, 0.4
_WRITTEN = Provenance(engine="tagged", model="corpus", weights_hash="", settings_hash="")


def spoken(call: TaggedCall, language: str) -> Transcript:
    """A written call as if each party had been recorded on a channel of their own."""
    said: list[Utterance] = []
    end = 0.0
    for turn in call.turns:
        start = max(0.0, end + (_GAP if turn.gap is None else turn.gap))
        role = SpeakerRole.AGENT if turn.speaker == "agent" else SpeakerRole.CUSTOMER
        words = [Word(w, start + n * _WORD, start + (n + 1) * _WORD, 0.9) for n, w in enumerate(turn.text.split())]
        said.append(Utterance.of_words(tuple(words), role=role))
        end = words[-1].end
    return Transcript(
        call=Call(call_id=call.call_id, source="corpus"),
        utterances=tuple(said),
        provenance=_WRITTEN,
        language=language,
        roles_from=RolesFrom.LABELS,
        speech={
            role: tuple(Span(u.start or 0.0, u.end or 0.0) for u in said if u.role is role)
            for role in (SpeakerRole.AGENT, SpeakerRole.CUSTOMER)
        },
    )


def main() -> None:
    """Print the agreement with the key, by rule and over all, and who was heard to be upset."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--language", default="en", help="the code of the language that the calls are in")
    asked.add_argument("--show", action="store_true", help="every verdict that is not the reader's")
    given = asked.parse_args()
    rulebook = load_rulebook()
    tags = {act.tag for act in rulebook.acts.values()}
    audits = [*audit_each((spoken(c, given.language) for c in read_corpus(given.folder, tags)), rulebook)]
    findings = {(a.call_id, f.rule_id): f for a in audits for f in a.findings}
    key = read_reviews(given.folder / "key.csv")
    pairs = [(r, findings[r.call_id, r.rule_id]) for r in key if (r.call_id, r.rule_id) in findings]

    for one in compare(key, {at: f.verdict for at, f in findings.items()}):
        print(f"{one.rule_id:32s} {one.agreed:3d} of {one.judgements:3d} agree, {one.unsure:2d} unsure")
    print(_summary((r.verdict, f.verdict) for r, f in pairs))
    with (given.folder / "calls.csv").open(encoding="utf-8", newline="") as file:
        upset = {row["call_id"]: row["upset"] == "yes" for row in csv.DictReader(file)}
    for was, said in ((True, "upset"), (False, "calm")):
        heard = Counter(a.measures.upset for a in audits if upset[a.call_id] is was)
        print(f"{said} by the key {heard.total()}: " + ", ".join(f"{heard[u]} {u.value}" for u in Upset if heard[u]))
    for review, finding in pairs if given.show else ():
        if review.verdict is not finding.verdict:
            quoted = finding.evidence[0].quote if finding.evidence else ""
            print(f"{review.call_id} {review.rule_id}: {review.verdict} by the key, {finding.verdict} here, “{quoted}”")


def _summary(pairs: Iterable[tuple[Verdict, Verdict]]) -> str:
    """Agreement over all verdicts, as docs/accuracy.md tells it."""
    told = Counter(pairs)
    by_key, here = Counter[Verdict](), Counter[Verdict]()
    for (wanted, found), count in told.items():
        by_key[wanted] += count
        here[found] += count
    agreed = sum(count for (wanted, found), count in told.items() if wanted is found)
    share = agreed / max(told.total(), 1)
    lines = [f"all: {agreed} of {told.total()} agree ({share:.2f}), {here[Verdict.UNSURE]} unsure"]
    for verdict in (Verdict.MET, Verdict.MISSED, Verdict.NOT_APPLICABLE):
        right, unsure = told[verdict, verdict], told[verdict, Verdict.UNSURE]
        lines.append(
            f"{verdict}: right {right} of {here[verdict]}, found {right} of {by_key[verdict]}"
            f" (and {unsure} of them unsure)"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
