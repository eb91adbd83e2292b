"""Nights with faults: `callaudit run` over calls of which one in twenty is ill, while things go wrong around it.

    python benchmarks/soak.py            600 calls
    python benchmarks/soak.py 3000       what docs/operations.md tells of

One call in fifty comes as a recording, the others as exports. One in twenty is faulty: cut off, empty, not what its
name says, without metadata; gone before it is read; the end of whatever process opens it (SIGKILL, as by the kernel
when memory is out); an exception of the recogniser's or the reader's own. Around them the disk is full for a while,
another program holds the warehouse for a while, and workers are killed at random. The command is run again until it
comes to an end and finds nothing new. Then every call must be audited or in quarantine with its reason, exactly once,
with nothing else there. Exit code 1 where that is not so. Must be root for the full disk (a tmpfs); without, that
fault is left out, and the output says so.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from night import make_night

from callaudit.transcription.audio import Audio, decode, write_copy
from callaudit.warehouse.connect import look_into
from callaudit.warehouse.published import open_published

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples" / "recordings"
SETTINGS = """[site]
timezone = "America/New_York"
[engine]
name = "faster-whisper"
model = "tiny.en"
[paths]
home = "disk/home"
[run]
workers = 2
calls_per_batch = 100
[watch]
log = "log.jsonl"
[[sources]]
folder = "inbox"
speakers = { "Deepgram 0" = "agent", "Deepgram 1" = "customer" }
"""

# Loaded by every Python that the command starts: a file whose name says so ends or breaks the process that reads it for
# its words, be it a worker or the run itself.
ILL_FILES = """
import os, signal, sys

def _opened(event, told):
    if event != "open" or not isinstance(told[0], str) or not ("deadly" in told[0] or "breaking" in told[0]):
        return
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name not in ("read_export", "prepare"):
        frame = frame.f_back
    if frame is None:
        return
    if "deadly" in told[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    raise RuntimeError("it broke down")

sys.addaudithook(_opened)
"""

# Of the faulty calls, so many of each kind.
SHARES = {"cut": 4, "empty": 2, "not what it says": 3, "no metadata": 3, "gone": 9, "deadly": 3, "breaking": 2}
LONG_AGO = 1_770_000_000
MOST_RUNS = 12


def make_place(root: Path, calls: int) -> dict[str, str]:
    """Exports, recordings and settings; returns the path of each call's file by its id."""
    (root / "callaudit.toml").write_text(SETTINGS, encoding="utf-8")
    (root / "ill").mkdir()
    (root / "ill" / "sitecustomize.py").write_text(ILL_FILES, encoding="utf-8")
    heard = calls // 50
    make_night(root / "inbox", calls - heard)
    for metadata in (root / "inbox").glob("*/*.json.json"):
        metadata.rename(metadata.with_name(metadata.name.replace(".json.json", ".meta")))
    files = {p.stem: p for p in sorted((root / "inbox").glob("*/*.json"))}
    for metadata in (root / "inbox").glob("*/*.meta"):
        metadata.rename(metadata.with_suffix(".json.json"))
    folder = root / "inbox" / "heard"
    folder.mkdir()
    audio = decode(next(SAMPLES.glob("*C-1004*.flac")))
    first = np.ascontiguousarray(audio.samples[:, : 4 * audio.sample_rate])
    sound = Audio(samples=first, sample_rate=audio.sample_rate, codec=audio.codec, source_rate=audio.source_rate)
    write_copy(root / "sound.ogg", sound)
    for number in range(heard):
        path = folder / f"H-{number:05d}.ogg"
        # Free bytes behind the last page make it another recording.
        path.write_bytes((root / "sound.ogg").read_bytes() + b"\0" * number)
        told = {"call_id": path.stem, "started_at": f"2026-03-03T10:00:{number % 60:02}-05:00"}
        path.with_suffix(".json").write_text(json.dumps(told))
        for file in (path, path.with_suffix(".json")):
            os.utime(file, (LONG_AGO, LONG_AGO))
        files[path.stem] = path
    return {call: str(path) for call, path in files.items()}


def make_faults(files: dict[str, str], chance: random.Random) -> dict[str, str]:
    """Spoil one call in twenty; returns the kind of fault by call id. Changes `files` where one is renamed."""
    ill = chance.sample(sorted(files), len(files) // 20)
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    faults = {call: kinds[n % len(kinds)] for n, call in enumerate(ill)}
    for call, kind in faults.items():
        path = Path(files[call])
        sidecar = path.with_suffix(".json") if path.suffix == ".ogg" else path.with_name(f"{path.name}.json")
        match kind:
            case "cut":
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            case "empty":
                path.write_bytes(b"")
            case "not what it says":
                path.write_text(f"call me back, {call}")
            case "no metadata":
                sidecar.write_text("{")
                os.utime(sidecar, (LONG_AGO, LONG_AGO))
            case "deadly" | "breaking":
                named = path.with_name(f"{kind}-{path.name}")
                path.rename(named)
                path = named
                other = named.with_suffix(".json") if path.suffix == ".ogg" else named.with_name(f"{named.name}.json")
                sidecar.rename(other)
                files[call] = str(named)
        os.utime(path, (LONG_AGO, LONG_AGO))
    return faults


class Night:
    """One `callaudit run`, and what its log says meanwhile."""

    def __init__(self, root: Path) -> None:
        self.log = root / "log.jsonl"
        self.seen = self.log.stat().st_size if self.log.exists() else 0
        # Into a file: a pipe that nobody empties while faults are made would stop the run.
        self.output_file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  Open as long as the run.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "callaudit.cli", "run"],
            cwd=root,
            stdout=self.output_file,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": f"{root / 'ill'}{os.pathsep}{ROOT}",
                "PREFECT_HOME": str(root / "prefect"),
            },
            start_new_session=True,
        )

    def told(self) -> list[dict[str, object]]:
        """The events of this run so far."""
        if not self.log.exists():
            return []
        lines = self.log.read_bytes()[self.seen :].splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def wait_for(self, event: str, times: int = 1) -> bool:
        """Whether the run told of it so often before it ended."""
        while self.process.poll() is None:
            if sum(told["event"] == event for told in self.told()) >= times:
                return True
            time.sleep(0.2)
        return False

    def end(self) -> int:
        """Its exit code, once it has ended."""
        self.process.wait()
        with self.output_file as file:
            file.seek(0)
            self.output = file.read()
        return self.process.returncode

    def workers(self) -> list[int]:
        """The processes that it started for its batches."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                command = stat.with_name("cmdline").read_bytes()
            except OSError:
                continue
            if parent == self.process.pid and b"spawn_main" in command:
                found.append(int(stat.parent.name))
        return found


@contextmanager
def small_disk(root: Path, megabytes: int) -> Iterator[bool]:
    """A disk of its own for the home; False where this user may not make one."""
    disk = root / "disk"
    disk.mkdir()
    made = not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)], check=False, capture_output=True
    ).returncode
    try:
        yield made
    finally:
        if made:
            # Lazily: a run that was cut short may still have files there.
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


def night_with_a_full_disk(root: Path) -> int:
    """Fill the disk once something is stored; make room again when the run has ended."""
    night = Night(root)
    night.wait_for("stored")
    filler = root / "disk" / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65536)
    code = night.end()
    filler.unlink(missing_ok=True)
    print(f"  the disk was full: exit {code}: {said(night.output)}")
    return code


def night_with_a_lock(root: Path) -> int:
    """Another program holds the warehouse all the while."""
    code = "from callaudit.warehouse.connect import open_writer; import pathlib, sys\n"
    code += "con = open_writer(pathlib.Path('disk/home/warehouse.duckdb')); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        night = Night(root)
        exit_code = night.end()
        holder.stdin.close()
    print(f"  the warehouse was held: exit {exit_code}: {said(night.output)}")
    return exit_code


def night_with_losses(root: Path, gone: list[str], kills: int, chance: random.Random) -> int:
    """Files go once they were found, and workers are killed now and then."""
    night = Night(root)
    if night.wait_for("started"):
        for path in gone:
            Path(path).unlink(missing_ok=True)
    killed = 0
    while night.process.poll() is None:
        time.sleep(chance.uniform(1.0, 4.0))
        workers = night.workers()
        if workers and killed < kills:
            with_luck = chance.choice(workers)
            try:
                os.kill(with_luck, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
    code = night.end()
    print(f"  {len(gone)} files gone, {killed} workers killed: exit {code}: {said(night.output)}")
    return code


def said(output: str) -> str:
    """The line that tells what became of a run."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("Error:", "Nothing new")) or "calls audited" in line]
    # Python's own last words come after what broke the run.
    broke = [line for line in lines if line[:1].isupper() and "Error" in line.partition(":")[0]]
    return (telling or broke or lines or ["without a word"])[-1]


def settle(root: Path, files: dict[str, str], faults: dict[str, str]) -> int:
    """Whether every call is audited or refused, once; prints the sums. Returns the exit code."""
    with look_into(root / "disk" / "home" / "warehouse.duckdb") as con:
        audited = [call for (call,) in con.execute("select call_id from core.calls").fetchall()]
        halves = con.execute(
            """
            select call_id from core.calls left join
                (select call_id, count(distinct rule_id) as rules from core.findings group by all) using (call_id)
            where rules is distinct from (select count(distinct rule_id) from core.findings)
            """
        ).fetchall()
    with open_published(root / "disk" / "home" / "published") as copy:
        rows = copy.rows("select path, code, reason, next_step from not_audited")
        published = [row["call_id"] for row in copy.rows("select call_id from calls")]
    call_of = {str(Path(path).relative_to(root)): call for call, path in files.items()}
    sidecars = {f"{name}.json": call for name, call in call_of.items()}
    sidecars |= {str(Path(name).with_suffix(".json")): call for name, call in call_of.items() if name.endswith(".ogg")}
    named = [(call_of.get(row["path"].removeprefix(f"{root}/"), ""), row) for row in rows]
    # What lay beside a file that is gone is refused by itself: nothing tells whose it was.
    beside = [r for call, r in named if not call and faults.get(sidecars.get(r["path"].removeprefix(f"{root}/"), ""))]
    named = [(call, row) for call, row in named if row not in beside]
    refused = Counter(call or row["path"] for call, row in named)
    counted = Counter(audited)
    wrong = [call for call in files if counted[call] + refused[call] != 1]
    strangers = [one for one in (*counted, *refused) if one not in files]
    silent = [row["path"] for row in rows if not (row["code"] and row["reason"])]
    healthy = [call for call in files if call not in faults and not counted[call]]
    print(
        f"{len(files)} calls: {len(audited)} audited, {len(named)} in quarantine; {len(faults)} were made faulty. "
        f"{len(beside)} sidecars of files that were gone are in quarantine too"
    )
    kinds = Counter((faults.get(call, "none"), row["code"]) for call, row in named)
    for (kind, code), number in sorted(kinds.items()):
        print(f"  {kind:18s}{code:28s}{number:5d}")
    passed = Counter(faults[call] for call in faults if counted[call])
    for kind, number in sorted(passed.items()):
        print(f"  {kind:18s}{'audited all the same':28s}{number:5d}")
    for says, found in (
        ("neither or both", wrong), ("unknown", strangers), ("without a reason", silent),
        ("refused although nothing was wrong", healthy), ("without all their findings", halves),
        ("not in the published copy", sorted(set(audited) ^ set(published))),
    ):  # fmt: skip
        if found:
            print(f"WRONG: {len(found)} {says}: {found[:5]}")
            return 1
    print("every call is audited or in quarantine with its reason, once, and the counts add up")
    return 0


def main(calls: int, seed: int) -> int:
    """Make the calls, the faults and the nights; returns the exit code."""
    chance = random.Random(seed)  # noqa: S311  Which calls are ill is no secret.
    root = Path(tempfile.mkdtemp(prefix="soak"))
    began = time.monotonic()
    try:
        files = make_place(root, calls)
        faults = make_faults(files, chance)
        gone = [files[call] for call, kind in faults.items() if kind == "gone"]
        with small_disk(root, 400 + calls // 2) as made:
            runs = 0
            if made:
                night_with_a_full_disk(root)
                runs += 1
            else:
                print("  the disk was never full: only root may make one")
            if (root / "disk" / "home" / "warehouse.duckdb").exists():
                night_with_a_lock(root)
                runs += 1
            code = night_with_losses(root, gone, kills=max(2, calls // 300), chance=chance)
            runs += 1
            while runs < MOST_RUNS:
                night = Night(root)
                code = night.end()
                runs += 1
                print(f"  undisturbed: exit {code}: {said(night.output)}")
                if code in (0, 5) and not any(t["event"] == "stored" and t["calls"] for t in night.told()):
                    break
            print(f"{runs} runs in {time.monotonic() - began:.0f} s")
            return settle(root, files, faults)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 600, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
