"""How fast the rules are: phrases against plain `re`, whole audits, and memory.

    python benchmarks/rules_speed.py [calls]

Reads ../shared/eval/conversations.jsonl beside the project, repeats it to 20,000 calls with ids of their own and
prints medians of one run on one core. Nothing remembers a text from one call to the next except single words.
"""

import json
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from callaudit.audit_rules.audit import audit_each
from callaudit.audit_rules.phrases.language import ANY, NUMBER, STARS, InOrder, Node, OneOf, Phrase, Repeated
from callaudit.audit_rules.phrases.normalise import NUMBER_WORDS, normalise
from callaudit.audit_rules.rule import Speaker
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.transcription.transcript import Call, Provenance, RolesFrom, SpeakerRole, Transcript, Utterance
from callaudit.transcription.turns import turns_of

CONVERSATIONS = Path(__file__).parents[2] / "shared" / "eval" / "conversations.jsonl"
BATCH = 500
ROLES = {"agent": SpeakerRole.AGENT, "customer": SpeakerRole.CUSTOMER}


def main() -> None:
    """Print the figures, or why there are none."""
    if not CONVERSATIONS.exists():
        print(f"skipped: no conversations at {CONVERSATIONS}")
        return
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rulebook = load_rulebook()
    originals = [as_transcript(json.loads(line)) for line in CONVERSATIONS.read_text(encoding="utf-8").splitlines()]
    words = sum(len(u.text.split()) for t in originals for u in t.utterances) / len(originals)
    turns = sum(len(t.utterances) for t in originals) / len(originals)
    print(
        f"{len(originals)} conversations, {turns:.0f} turns and {words:.0f} words each; {len(rulebook.compiled)} rules"
    )
    phrases(rulebook, originals)
    audits(rulebook, originals, wanted)


def as_transcript(row: dict[str, Any]) -> Transcript:
    """A labelled conversation as a transcript without times."""
    return Transcript(
        call=Call(
            call_id=str(row["conversation_id"]), source="eval", customer_name=str(row.get("customer_name") or "")
        ),
        utterances=tuple(
            Utterance(role=ROLES.get(t["speaker"], SpeakerRole.SYSTEM), text=t["text"]) for t in row["turns"]
        ),
        provenance=Provenance(engine="written", model="eval", weights_hash="", settings_hash=""),
        roles_from=RolesFrom.LABELS,
    )


def phrases(rulebook: Rulebook, transcripts: list[Transcript]) -> None:
    """All phrases over all turns: `re`, one pattern after the other, against all at once."""
    turns = [[(t.role, normalise(t.text)) for t in turns_of(call)] for call in transcripts]
    said = {speaker: [text for call in turns for r, text in call if r is role] for speaker, role in ROLES.items()}
    index = rulebook.index
    # As one would write them without the machinery: a word boundary, spaces between words.
    plain = {
        speaker: [re.compile(written(index.language.read(p))) for p, by in index.phrases.items() if speaker in by]
        for speaker in ROLES
    }
    whose: dict[SpeakerRole, Speaker] = {SpeakerRole.AGENT: "agent", SpeakerRole.CUSTOMER: "customer"}
    batches = [turns[n : n + 100] for n in range(0, len(turns), 100)]

    def one_by_one() -> int:
        return sum(len(list(p.finditer(text))) for speaker in ROLES for text in said[speaker] for p in plain[speaker])

    def at_once() -> int:
        return sum(
            len(places)
            for batch in batches
            for found in index.find([[(whose.get(r), text.split(" ")) for r, text in call] for call in batch])
            for places in found.values()
        )

    first = seconds(at_once, times=1)
    slow, fast = seconds(one_by_one, times=1), seconds(at_once, times=9)
    calls = len(transcripts)
    print(f"{len(index.phrases)} phrases, each with its place")
    print(f"  re, one by one      {calls / slow:10,.0f} calls/s")
    print(f"  all at once         {calls / fast:10,.0f} calls/s   {slow / fast:.0f} times as fast")
    print(f"  the first time      {calls / first:10,.0f} calls/s   {slow / first:.0f} times as fast, still learning")


def written(phrase: Phrase) -> str:
    """A phrase as one regular expression over normalised text."""
    return (r"(?:^|(?<=[.?] ))" if phrase.begins else r"(?<![^ ])") + node_written(phrase.node)


def node_written(node: Node) -> str:
    """A part of a phrase as a regular expression; every word takes its space along."""
    if isinstance(node, InOrder):
        return "".join(map(node_written, node.parts))
    if isinstance(node, OneOf):
        return f"(?:{'|'.join(map(node_written, node.branches))})"
    if isinstance(node, Repeated):
        return f"(?:{node_written(node.what)}){{{node.least},{'' if node.most is None else node.most}}}"
    if node == ANY:
        return "[^ .?][^ ]* "
    if node == NUMBER:
        return rf"(?:\d[^ ]*|{'|'.join(NUMBER_WORDS)}) "
    return re.escape(node[:-1]) + "[^ ]* " if node.endswith(STARS) else re.escape(node) + " "


def audits(rulebook: Rulebook, transcripts: list[Transcript], wanted: int) -> None:
    """Whole audits with evidence, in batches; the median batch stands for the run."""
    calls = cycled(transcripts, wanted)
    rates: list[float] = []
    memory: list[float] = []
    findings = 0
    while batch := [call for _, call in zip(range(BATCH), calls, strict=False)]:
        started = time.process_time()
        findings += sum(len(audited.findings) for audited in audit_each(batch, rulebook))
        rates.append(len(batch) / (time.process_time() - started))
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(f"{wanted:,} audits, {findings:,} findings")
    print(f"  whole audit         {statistics.median(rates):10,.0f} calls/s")
    print(f"  memory, most used   {memory[len(memory) // 4]:,.0f} MB after a quarter, {memory[-1]:,.0f} MB at the end")


def cycled(transcripts: list[Transcript], wanted: int) -> Iterator[Transcript]:
    """That many calls, each with an id of its own."""
    for n in range(wanted):
        original = transcripts[n % len(transcripts)]
        call = msgspec.structs.replace(original.call, call_id=f"{original.call.call_id}-{n}")
        yield msgspec.structs.replace(original, call=call)


def seconds(work: Callable[[], int], *, times: int) -> float:
    """Median processor time of the work: other programs on the machine take no part in it."""
    taken: list[float] = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
