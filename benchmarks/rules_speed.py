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

from audit_rules.audit import audit
from audit_rules.phrases import by_lines, normalise
from audit_rules.rulebook import Rulebook, load_rulebook
from transcription.transcript import Call, Provenance, RolesFrom, SpeakerRole, Transcript, Utterance
from transcription.turns import turns_of

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
    """All phrases over all turns: `re`, one pattern after the other, against RE2's set with places confirmed."""
    texts = {
        speaker: [normalise(t.text) for call in transcripts for t in turns_of(call) if t.role is role]
        for speaker, role in ROLES.items()
    }
    patterns = {speaker: rulebook.index.patterns(speaker) for speaker in ROLES}
    # As one would write them without the machinery: a word boundary, spaces between words.
    plain = {
        speaker: [
            re.compile(by_lines(p).replace("(?m)^", r"\b").replace(r"(?m)(?:\A|^", r"(?:\A|").replace("\n", " "))
            for p in found
        ]
        for speaker, found in patterns.items()
    }

    def one_by_one() -> int:
        return sum(len(list(p.finditer(text))) for speaker in ROLES for text in texts[speaker] for p in plain[speaker])

    def at_once() -> int:
        return sum(
            len(phrase_set.places(number, text))
            for speaker in ROLES
            for phrase_set in (rulebook.index.sets[speaker],)
            for text in texts[speaker]
            for number in phrase_set.candidates(text)
        )

    found = at_once()
    slow, fast = seconds(one_by_one, times=1), seconds(at_once, times=9)
    calls = len(transcripts)
    print(f"{sum(map(len, patterns.values()))} phrases, {found} places")
    print(f"  re, one by one      {calls / slow:10,.0f} calls/s")
    print(f"  RE2 set, confirmed  {calls / fast:10,.0f} calls/s   {slow / fast:.0f} times as fast")


def audits(rulebook: Rulebook, transcripts: list[Transcript], wanted: int) -> None:
    """Whole audits with evidence, in batches; the median batch stands for the run."""
    calls = cycled(transcripts, wanted)
    rates: list[float] = []
    memory: list[float] = []
    findings = 0
    while batch := [call for _, call in zip(range(BATCH), calls, strict=False)]:
        started = time.process_time()
        findings += sum(len(audit(call, rulebook).findings) for call in batch)
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
