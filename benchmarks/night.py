"""A whole night of imported transcripts: `callaudit run` over a folder of exports, its speed, memory and profile.

    python benchmarks/night.py                    2,000 calls
    python benchmarks/night.py 100000 [WORKERS]   the night that docs/scaling.md tells of

Each call has 16 to 64 turns of varied words, a fifth of them from the rules' own examples, with numbers to mask; every
third export is Deepgram's, with the time of each word, the others Amazon Contact Lens', with turns only. Each
has a sidecar with its metadata. Making them is not counted. Memory is that of all processes together, looked at four
times a second: shared pages count once (PSS). Processor time is told by step, that of the workers included.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event, Thread

from callaudit.audit_rules.rulebook import load_rulebook

SETTINGS = """[site]
timezone = "America/New_York"
[run]
workers = {workers}
[watch]
log = "log.jsonl"
[[sources]]
folder = "inbox"
speakers = {{ "Deepgram 0" = "agent", "Deepgram 1" = "customer" }}
"""

SMALL_TALK = (
    "thank you for calling northbay this is {agent} how can i help you today",
    "i am calling about order number {number} that was meant to come last week",
    "sure let me look that up could you tell me the number we can reach you at",
    "yes it is {phone} and the card ends in {four}",
    "it should arrive within {days} working days and you will get a message when it leaves",
    "one moment please while i open your account",
    "my name is {name} and my account number is {account}",
    "so what happens with the {thing} that i sent back",
    "i will send you a confirmation to {name} at example dot com within {days} hours",
    "okay that works for me thank you very much for sorting out the {thing}",
    "is there anything else that i can do for you",
    "no that was all about the {thing} have a good day",
    "i put the {thing} on the shelf over there next to the other one from last year",
    "could you spell that for me please",
    "sure {name} as in {agent} then {number}",
    "our opening hours are from eight in the morning until six in the evening",
    "and does that also go for the {thing} or only for the {thing} of my neighbour",
    "let me read that back to you so that i have got it right",
    "i can see here that the {thing} left our warehouse {days} days ago",
)
NAMES = "anna ben carla dmitri elena farid grace hugo ines jonas kira lionel mara nadia omar petra".split()
THINGS = "router kettle invoice refund mattress subscription parcel headset printer charger delivery booking".split()


def dialogues_of_rules(*kinds: str) -> list[list[str]]:
    """Short dialogues from the examples of the rules, without who says them."""
    dialogues = []
    for rule in load_rulebook().rules:
        for text in (getattr(rule.examples, kind) for kind in kinds):
            for dialogue in [text] if isinstance(text, str) else text:
                said = [line.split(":", 1)[1].strip() for line in dialogue.splitlines() if ":" in line]
                dialogues.append([line for line in said if line])
    return [dialogue for dialogue in dialogues if dialogue]


def said_in(draw: random.Random, calm: list[list[str]], tense: list[list[str]]) -> list[str]:
    """The turns of one call, agent first; three in ten calls are tense in parts."""
    turns: list[str] = []
    length, examples = draw.randint(16, 64), tense if draw.random() < 0.3 else calm
    while len(turns) < length:
        if draw.random() < 0.2:
            turns += draw.choice(examples)
        else:
            turns.append(
                draw.choice(SMALL_TALK).format(
                    agent=draw.choice(NAMES), name=draw.choice(NAMES), thing=draw.choice(THINGS),
                    number=draw.randint(10_000, 99_999),
                    phone=f"555 {draw.randint(100, 999)} {draw.randint(1000, 9999)}",
                    four=draw.randint(1000, 9999), account=draw.randint(10**7, 10**8), days=draw.randint(2, 9),
                )
            )  # fmt: skip
    return turns


def contact_lens(call_id: str, turns: list[str]) -> dict[str, object]:
    """Turns with times."""
    at, told = 0, []
    for n, text in enumerate(turns):
        length = 300 * len(text.split())
        told.append(
            {"ParticipantId": "AC"[n % 2], "Id": str(n), "Content": text, "BeginOffsetMillis": at,
             "EndOffsetMillis": at + length}
        )  # fmt: skip
        at += length + 400
    roles = [{"ParticipantId": "A", "ParticipantRole": "AGENT"}, {"ParticipantId": "C", "ParticipantRole": "CUSTOMER"}]
    return {
        "JobStatus": "COMPLETED", "Participants": roles, "Transcript": told, "Version": "1.1.0",
        "LanguageCode": "en-US",        "CustomerMetadata": {"ContactId": call_id},
    }  # fmt: skip


def deepgram(call_id: str, turns: list[str]) -> dict[str, object]:
    """Turns on two channels, each word with its time and confidence."""
    at, utterances = 0.0, []
    for n, text in enumerate(turns):
        words = []
        for word in text.split():
            words.append(
                {"word": word, "punctuated_word": word, "confidence": 0.98, "start": round(at, 3),
                 "end": round(at + 0.25, 3)}
            )  # fmt: skip
            at += 0.3
        utterances.append(
            {"start": words[0]["start"], "end": words[-1]["end"], "confidence": 0.98, "channel": n % 2,
             "transcript": text, "words": words, "id": f"{call_id}-{n}"}
        )  # fmt: skip
        at += 0.4
    channels = [
        {"alternatives": [{"words": [w for u in utterances[channel::2] for w in u["words"]]}]}  # type: ignore[attr-defined]  # A literal of mixed lists.
        for channel in (0, 1)
    ]
    return {"metadata": {"duration": at}, "results": {"channels": channels, "utterances": utterances}}


def make_night(inbox: Path, calls: int, seed: int = 7) -> int:
    """Write the exports with their sidecars, a thousand calls a folder; returns their bytes."""
    draw = random.Random(seed)  # noqa: S311  What is said is no secret.
    calm, tense = dialogues_of_rules("not_applicable"), dialogues_of_rules("met", "missed", "near_miss")
    began = datetime(2026, 3, 2, 8, tzinfo=timezone(timedelta(hours=-5)))
    long_ago, written = 1_770_000_000, 0
    for n in range(calls):
        folder = inbox / f"{n // 1000:04d}"
        if n % 1000 == 0:
            folder.mkdir(parents=True)
        call_id = f"N-{n:07d}"
        shape = deepgram if n % 3 == 0 else contact_lens
        export = json.dumps(shape(call_id, said_in(draw, calm, tense)))
        told = {
            "call_id": call_id,
            "started_at": (began + timedelta(seconds=draw.randrange(12 * 3600))).isoformat(),
            "agent": {"id": f"A{n % 300}", "name": NAMES[n % len(NAMES)].title(), "team": f"team {n % 12}"},
            "customer": {"id": f"K{draw.randrange(max(calls // 2, 1))}"},
            "direction": "outbound" if n % 9 == 0 else "inbound",
        }
        for file, text in ((folder / f"{call_id}.json", export), (folder / f"{call_id}.json.json", json.dumps(told))):
            file.write_text(text, encoding="utf-8")
            # Files of the last seconds would be looked at twice.
            os.utime(file, (long_ago, long_ago))
        written += len(export)
    return written


def memory_of(root: int) -> tuple[int, dict[str, int]]:
    """Bytes of a process and everything below it, and those of each process by what it is."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    total, each, waiting = 0, {}, [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            size = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, StopIteration):
            continue
        kind = "the run" if pid == root else "Prefect's server" if "prefect" in command else f"worker {pid}"
        total += size
        each[kind] = each.get(kind, 0) + size
    return total, each


def watched(root: int, done: Event) -> dict[str, int]:
    """The peak of all together ("all") and of each process until `done`."""
    peaks: Counter[str] = Counter()
    while not done.wait(0.25):
        total, each = memory_of(root)
        peaks["all"] = max(peaks["all"], total)
        for kind, size in each.items():
            peaks[kind] = max(peaks[kind], size)
    return peaks


def spent_by_step(log: Path) -> dict[str, float]:
    """Processor seconds by step, as the run's own log has them."""
    spent: dict[str, float] = {}
    for told in map(json.loads, log.read_text(encoding="utf-8").splitlines()):
        if "processor" in told:
            spent[told["step"]] = spent.get(told["step"], 0.0) + told["processor"]
    return spent


def main() -> None:
    """Make a night, run it, print what it took."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        size = make_night(home / "inbox", calls)
        print(f"{calls:,} exports, {size / calls / 1000:.0f} kB each, {len(os.sched_getaffinity(0))} cores")
        (home / "callaudit.toml").write_text(SETTINGS.format(workers=workers), encoding="utf-8")
        began, spent_before = time.monotonic(), os.times()
        run = subprocess.Popen(
            [sys.executable, "-m", "callaudit.cli", "run"],
            cwd=home,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root), "PREFECT_HOME": str(home / "prefect")},
        )
        done, peaks = Event(), {}
        watch = Thread(target=lambda: peaks.update(watched(run.pid, done)))
        watch.start()
        told, _ = run.communicate()
        elapsed, spent_after = time.monotonic() - began, os.times()
        done.set()
        watch.join()
        print(told.strip().splitlines()[-4] if run.returncode == 0 else told)
        processor = sum(spent_after[2:4]) - sum(spent_before[2:4])
        print(f"{elapsed:.0f} s, {calls / elapsed:,.0f} calls/s")
        print(f"peak memory {peaks['all'] / 2**20:,.0f} MB:")
        for kind, peak in sorted(peaks.items()):
            if kind != "all":
                print(f"  {kind:24}{peak / 2**20:8,.0f} MB")
        print(f"processor time {processor:.0f} s, {1000 * processor / calls:.1f} ms a call:")
        for step, seconds in spent_by_step(home / "log.jsonl").items():
            processor -= seconds
            print(f"  {step:24}{seconds:8.1f} s  {1000 * seconds / calls:6.2f} ms a call")
        print(f"  {'the rest: starting, Prefect':24}{processor:6.1f} s")
        print(f"the warehouse: {(home / 'callaudit-home' / 'warehouse.duckdb').stat().st_size / 2**20:,.0f} MB")


if __name__ == "__main__":
    main()
