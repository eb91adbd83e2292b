"""Kills a run with SIGKILL at random moments, over and over, and compares what is there at last with a quiet run.

    python benchmarks/resume_rounds.py [KILLS] [SEED]     6 kills unless told otherwise; 100 take some 20 minutes

The night is 45 exports, which a worker process reads and judges, and 3 recordings of four seconds, which Whisper
tiny.en hears. (Workers are otherwise for nights of more than 300 exports: here they begin at 20.) A child makes the run
as `callaudit run` does, without Prefect's server, which knows nothing that is needed. It is killed at a moment drawn
evenly from the length of a quiet run; the next child goes on; when one comes to its end, the warehouse is compared and
a new night begins. Exit code 1 at the first of these:

- calls, words, findings with their evidence, episodes, promises or quarantine differ in one byte from a quiet run's;
- a recording is heard again although its transcript was finished or stored when the run was killed;
- a process of a killed run is still there a minute later.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from night import make_night

from callaudit.flows.auditing import execution
from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.settings import Settings, load_settings
from callaudit.flows.telemetry.handlers import watched
from callaudit.transcription.audio import Audio, decode, write_copy
from callaudit.warehouse.connect import look_into

SAMPLES = Path(__file__).parents[1] / "samples" / "recordings"
EXPORTS, RECORDINGS, SECONDS = 45, 3, 4
SETTINGS = """[site]
timezone = "America/New_York"
[engine]
name = "faster-whisper"
model = "tiny.en"
[run]
workers = 1
calls_per_batch = 15
[watch]
log = "log.jsonl"
[[sources]]
folder = "inbox"
speakers = { "Deepgram 0" = "agent", "Deepgram 1" = "customer" }
"""

# Whatever a run finds, without which run found it and when.
COMPARED = {
    "calls": "*", "recordings": "*", "transcripts": "*", "utterances": "*", "speech_spans": "*", "music_spans": "*",
    "unheard_spans": "*",
    "findings": "*", "holds": "*", "silences": "*", "episodes": "*", "promises": "*",
    "call_measures": "* exclude (run_id)",
    "quarantine": "* exclude (first_run_id, last_run_id, resolved_run_id)",
}  # fmt: skip


def make_place(root: Path) -> Settings:
    """A folder with settings and an inbox of exports and recordings."""
    (root / "callaudit.toml").write_text(SETTINGS, encoding="utf-8")
    make_night(root / "inbox", EXPORTS)
    heard = root / "inbox" / "heard"
    heard.mkdir()
    long_ago = 1_770_000_000
    recordings = [p for p in sorted(SAMPLES.iterdir()) if p.suffix in {".flac", ".ogg", ".wav", ".opus", ".mp3"}]
    for number in range(RECORDINGS):
        audio = decode(recordings[number])
        first = np.ascontiguousarray(audio.samples[:, : SECONDS * audio.sample_rate])
        sound = Audio(
            samples=first, sample_rate=audio.sample_rate, codec=audio.codec, source_rate=audio.source_rate
        )  # fmt: skip
        path = heard / f"rec{number}.ogg"
        write_copy(path, sound)
        told = {"call_id": f"H-{number}", "started_at": f"2026-03-03T10:{number:02}:00-05:00", "customer": {"id": "K"}}
        path.with_suffix(".json").write_text(json.dumps(told))
        for file in (path, path.with_suffix(".json")):
            os.utime(file, (long_ago, long_ago))
    return load_settings(root / "callaudit.toml")


def run(settings: Settings) -> None:
    """The steps of `flows.nightly_audit`, one after the other."""
    with watched(settings), AuditRun(settings) as at_work:
        for batch in at_work.batches(at_work.find()):
            at_work.store(at_work.audit(batch), batch)
        at_work.settle_promises()
        at_work.finish()


def started(settings: Settings) -> int:
    """Process id of a child that makes a run, in a group of its own: a fork knows the imports already."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        execution.FEW = 20
        run(settings)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def fingerprint(settings: Settings) -> dict[str, str]:
    """A hash for each table over its rows in a fixed order."""
    with look_into(settings.warehouse) as con:
        rows = {
            table: con.execute(f"select {kept} from core.{table} order by all").fetchall()
            for table, kept in COMPARED.items()
        }
    return {table: hashlib.sha256(repr(found).encode()).hexdigest() for table, found in rows.items()}


def paid_for(settings: Settings) -> set[str]:
    """The sha256 (its first 40 digits) of every recording whose words are finished or stored."""
    staged = {path.name[:40] for path in settings.staging.glob("*.json")}
    if not settings.warehouse.exists():
        return staged
    with look_into(settings.warehouse) as con:
        if not con.execute("select 1 from duckdb_tables() where table_name = 'recordings'").fetchall():
            return staged
        return staged | {sha[:40] for (sha,) in con.execute("select sha256 from core.recordings").fetchall()}


def heard_in(log: Path) -> Iterator[str]:
    """The ids of the calls that a run listened to."""
    for line in log.read_text().splitlines() if log.exists() else ():
        told = json.loads(line)
        if told["event"] == "transcribed" and not told["reused"] and not told["imported"]:
            yield told["call_id"]


def stage_of(log: Path) -> str:
    """What a run had last done when it was killed."""
    lines = log.read_text().splitlines() if log.exists() else []
    told = [json.loads(line) for line in lines]
    if not told:
        return "starting"
    steps = [line["step"] for line in told if line["event"] == "step_done"]
    return f"after {steps[-1]}" if steps else "finding"


def nobody_is_left(group: int) -> bool:
    """Whether every process of the group ends within a minute: one that was just starting sees the end when it has."""
    for _ in range(600):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def main(kills: int, seed: int) -> int:
    """Kill, go on, compare; returns the exit code."""
    # What a killed process leaves is cleared away by Python's own tracker, which says so.
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning"
    chance = random.Random(seed)  # noqa: S311  When to kill is no secret.
    with tempfile.TemporaryDirectory() as folder:
        settings = make_place(Path(folder))
        began = time.monotonic()
        _, status = os.waitpid(started(settings), 0)
        length = time.monotonic() - began
        if status:
            print("the quiet run failed")
            return 1
        expected = fingerprint(settings)
        keys = _keys(settings)
        shutil.rmtree(settings.home)
        killed: Counter[str] = Counter()
        nights = attempts = heard = 0
        began = time.monotonic()
        log = Path(folder) / "log.jsonl"
        while sum(killed.values()) < kills or nights == 0:
            paid = paid_for(settings)
            log.unlink(missing_ok=True)
            child = started(settings)
            attempts += 1
            until = time.monotonic() + chance.uniform(0.0, length) if sum(killed.values()) < kills else float("inf")
            ended = 0
            while not ended and time.monotonic() < until:
                ended, status = os.waitpid(child, os.WNOHANG)
                time.sleep(0.02)
            if not ended:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                killed[stage_of(log)] += 1
                if not nobody_is_left(child):
                    print(f"kill {sum(killed.values())} (seed {seed}): a process of the killed run is still there")
                    return 1
            elif status:
                print(f"after kill {sum(killed.values())} (seed {seed}): the next run failed")
                return 1
            again = [call for call in heard_in(log) if keys[call] in paid]
            heard += sum(1 for _ in heard_in(log))
            if again:
                print(f"kill {sum(killed.values())} (seed {seed}): heard twice: {', '.join(again)}")
                return 1
            if ended:
                nights += 1
                differing = [name for name, digest in fingerprint(settings).items() if digest != expected[name]]
                if differing:
                    print(f"after kill {sum(killed.values())} (seed {seed}): {', '.join(differing)} differ")
                    return 1
                shutil.rmtree(settings.home)
    print(f"{sum(killed.values())} kills in {attempts} runs of {nights} nights, {time.monotonic() - began:.0f} s;")
    print(f"a quiet run takes {length:.0f} s. Each night ended with the rows of the quiet run, byte for byte;")
    print(f"{heard} recordings were heard, none whose words were finished. Killed:")
    for stage, number in sorted(killed.items()):
        print(f"  {stage:24s}{number:4d}")
    return 0


def _keys(settings: Settings) -> dict[str, str]:
    with look_into(settings.warehouse) as con:
        rows = con.execute("select call_id, sha256 from core.recordings").fetchall()
    return {call_id: sha256[:40] for call_id, sha256 in rows}


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 6, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
