"""Kills `callaudit run` with SIGKILL at random moments, Prefect included, and puts it through other hardships.

    python benchmarks/night_kills.py [KILLS] [SEED] [FILES] [MINUTES]     4 kills and 300 files, without end

    python benchmarks/night_kills.py 300 1 20000      what the project asks of itself: an hour or two on two cores
    python benchmarks/night_kills.py 300 7 0 5        five minutes of it, kills only

Every round runs the real command in a process of its own, over an inbox of exports. One in 25 begins from nothing and
starts a Prefect server of its own; the others are forked from a process that has imported Python's modules, and speak
to one server, which spares most of a round's time. Two rounds of five are killed while a batch is being stored, or
while the copy for readers is made and put in its place, the others at any time from the first moment on. After each,
nobody may be left running, the warehouse opens, every call in it is whole, and the copy for readers opens as well. When
a run comes to its end, its rows are compared with those of a quiet run, one by one, and a new night begins.

Before, each told in a line: a clock set back by a year between two runs; a file replaced while it is read; a home that
cannot be written; a look through FILES files. Without FILES there is none of that; MINUTES ends the kills early, and
what was done is said, no more. Exit code 1 at the first thing that is not so.
"""

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from night import make_night

from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.settings import Settings, load_settings
from callaudit.transcription.inbox import Arrival
from callaudit.warehouse.connect import look_into
from callaudit.warehouse.history import history
from callaudit.warehouse.published import newest_generation, open_published

EXPORTS = 24
SETTINGS = """[site]
timezone = "America/New_York"
[run]
workers = 1
calls_per_batch = 4
acts = false
[watch]
log = "log.jsonl"
[[sources]]
folder = "inbox"
speakers = { "Deepgram 0" = "agent", "Deepgram 1" = "customer" }
"""
LOST_PATIENCE = 900.0
ANEW, FORKED = multiprocessing.get_context("spawn"), multiprocessing.get_context("forkserver")
# Every so many rounds one begins from nothing, which takes so many times as long.
FROM_NOTHING, ITS_START = 25, 4
# Where such a server keeps its history.
OF_ITS_OWN = "of_its_own"

# Whatever a run finds, without which run found it and when.
COMPARED = {
    "calls": "*", "recordings": "*", "transcripts": "*", "utterances": "*", "speech_spans": "*", "findings": "*",
    "episodes": "*", "promises": "*", "call_measures": "* exclude (run_id)",
    "quarantine": "* exclude (first_run_id, last_run_id, resolved_run_id)",
}  # fmt: skip

HALVES = """
select call_id from core.calls anti join core.transcripts using (call_id)
union all select call_id from core.calls anti join core.call_measures using (call_id)
union all select call_id from core.calls anti join core.findings using (call_id)
union all select call_id from core.utterances anti join core.calls using (call_id)
union all select call_id from core.findings anti join core.calls using (call_id)
"""


class Wrong(Exception):
    """Something that must not be."""


def place(root: Path, exports: int) -> Settings:
    """A folder with settings and an inbox."""
    (root / "callaudit.toml").write_text(SETTINGS, encoding="utf-8")
    make_night(root / "inbox", exports)
    return load_settings(root / "callaudit.toml")


def start(root: Path, *, anew: bool = False) -> BaseProcess:
    """The command as a person would give it; what it says of errors is in the file `said`."""
    run = (ANEW if anew else FORKED).Process(target=_command, args=(root, anew))
    run.start()
    return run


def _command(root: Path, anew: bool) -> None:
    if anew:
        del os.environ["PREFECT_API_URL"]
        os.environ["PREFECT_HOME"] += f"/{OF_ITS_OWN}"
    from callaudit.cli import main  # noqa: PLC0415  Its environment comes first.

    os.chdir(root)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(root / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.argv = ["callaudit", "--quiet", "--config", str(root / "callaudit.toml"), "run"]
    main()


def ended(run: BaseProcess) -> int | None:
    """The exit code of a run that has come to its end; None for one that has not in all that time."""
    run.join(LOST_PATIENCE)
    return run.exitcode


def told(root: Path) -> list[dict[str, object]]:
    """The events that the run has logged."""
    log = root / "log.jsonl"
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def at(root: Path) -> str:
    """What a run is at, by what it told last."""
    events = told(root)
    steps = [str(e["step"]) for e in events if e["event"] == "step_done"]
    if not events:
        return "starting"
    if not steps or steps[-1] == "find":
        return "finding" if not steps else "reading and judging"
    if steps[-1] == "settle promises":
        return "publishing"
    if steps[-1] == "publish":
        return "ending"
    return {"audit": "storing", "store": "reading and judging"}[steps[-1]]


def below(pid: int) -> set[int]:
    """The processes below one, all the way down (Linux)."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = {int(child) for child in task.read_text().split()}
        except OSError:
            continue
        found |= children.union(*map(below, children))
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there and not only its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(what: Callable[[], bool], seconds: float, *, every: float = 0.05) -> bool:
    """Whether it comes to be so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(every)
    return False


def audited(root: Path) -> int:
    """How many batches a run has read and judged."""
    return sum(event["event"] == "step_done" and event["step"] == "audit" for event in told(root))


def kill_one(root: Path, chance: random.Random, aim: str, length: float, *, anew: bool) -> str:
    """Start the command and kill it; returns what it was at, "" where it had come to its end before."""
    run = start(root, anew=anew)
    if aim:
        # The stage is known when the one before it has ended; then some of its own time passes.
        batch = chance.randint(1, 3) if aim == "storing" else 0
        until(lambda: not run.is_alive() or (at(root) == aim and audited(root) >= batch), LOST_PATIENCE, every=0.005)
        time.sleep(chance.uniform(0.0, 0.6 if aim == "publishing" else 0.15))
    else:
        until(lambda: not run.is_alive(), chance.uniform(0.0, length))
    others = below(run.pid or 0)
    stage = at(root)
    run.kill()
    if code := ended(run):
        if code > 0:
            raise Wrong(f"a run ended with {code}: {(root / 'said').read_text()[:500]}")
    else:
        return ""
    if not until(lambda: not any(map(is_running, others)), 60):
        raise Wrong(f"{sum(map(is_running, others))} processes of a killed run are still there")
    return stage


def look(settings: Settings) -> None:
    """Raise if anything that is left is not whole."""
    if newest_generation(settings.published) is not None:
        with open_published(settings.published) as copy:
            _whole(copy.connection, "the published copy")
    if settings.warehouse.exists():
        with look_into(settings.warehouse) as con:
            if con.execute("select 1 from duckdb_tables() where table_name = 'calls'").fetchall():
                _whole(con, "the warehouse")


def _whole(con: object, where: str) -> None:
    halves = con.execute(HALVES).fetchall()  # type: ignore[attr-defined]  # DuckDB's connection.
    if halves:
        raise Wrong(f"{where} is not whole: {halves[:5]}")


def fingerprint(settings: Settings) -> dict[str, str]:
    """A hash for each table over its rows in a fixed order."""
    with look_into(settings.warehouse) as con:
        return {
            table: hashlib.sha256(
                repr(con.execute(f"select {kept} from core.{table} order by all").fetchall()).encode()
            ).hexdigest()
            for table, kept in COMPARED.items()
        }


def forget(root: Path, settings: Settings) -> None:
    """A new night: nothing is audited yet."""
    shutil.rmtree(settings.home)
    (root / "log.jsonl").unlink(missing_ok=True)


def kills(root: Path, count: int, seed: int, minutes: float) -> None:
    """Kill, look, go on, compare."""
    chance = random.Random(seed)  # noqa: S311  When to kill is no secret.
    settings = place(root, EXPORTS)
    began = time.monotonic()
    if ended(start(root)) != 0:
        raise Wrong(f"the quiet run failed: {(root / 'said').read_text()[:500]}")
    length = time.monotonic() - began
    print(f"a quiet run takes {length:.0f} s", flush=True)
    expected = fingerprint(settings)
    forget(root, settings)
    killed: Counter[str] = Counter()
    from_nothing = nights = 0
    began = time.monotonic()
    end = began + 60 * minutes if minutes else float("inf")
    while killed.total() < count and time.monotonic() < end:
        aim = {0: "storing", 1: "publishing"}.get(killed.total() % 5, "")
        anew = killed.total() % FROM_NOTHING == FROM_NOTHING - 1
        (root / "log.jsonl").unlink(missing_ok=True)
        stage = kill_one(root, chance, aim, length * (ITS_START if anew else 1), anew=anew)
        if stage:
            killed[stage] += 1
            from_nothing += anew
            look(settings)
            continue
        compare(settings, expected, f"after kill {killed.total()} (seed {seed})")
        nights += 1
        forget(root, settings)
    # What the last kill left must come to its end as well.
    if ended(start(root)) != 0:
        raise Wrong(f"after the last kill (seed {seed}): {(root / 'said').read_text()[:500]}")
    compare(settings, expected, f"after the last kill (seed {seed})")
    took = time.monotonic() - began
    print(
        f"{killed.total()} of {count} kills in {took:.0f} s, {from_nothing} of them of a run with a server of its own;"
    )
    print(f"{nights + 1} nights came to their end with the rows of the quiet run. Nobody was left running, nothing was")
    print("halved. Killed while:")
    for stage, number in sorted(killed.items()):
        print(f"  {stage:22s}{number:4d}", flush=True)


def compare(settings: Settings, expected: dict[str, str], when: str) -> None:
    """Raise if the rows are not those of the quiet run."""
    differing = [name for name, digest in fingerprint(settings).items() if digest != expected[name]]
    if differing:
        raise Wrong(f"{when}: {', '.join(differing)} differ")


def quiet_run(settings: Settings, *, started_at: datetime, meanwhile: Callable[[], None] = lambda: None) -> AuditRun:
    """The steps of a run without Prefect; `meanwhile` happens between looking and reading."""
    with AuditRun(settings, started_at=started_at) as run:
        batches = run.batches(run.find())
        meanwhile()
        for batch in batches:
            run.store(run.audit(batch), batch)
        run.settle_promises()
        run.finish()
    return run


def clock_set_back(root: Path) -> None:
    """The second run begins a year before the first: both are known, in the order in which they were."""
    settings = place(root, 4)
    now = datetime.now(UTC)
    first = quiet_run(settings, started_at=now)
    late = root / "inbox" / "0000" / "N-0000000.json"
    late.with_name("N-late.json").write_text(late.read_text().replace("N-0000000", "N-late") + " ")
    sidecar = json.loads(late.with_name("N-0000000.json.json").read_text())
    late.with_name("N-late.json.json").write_text(json.dumps({**sidecar, "call_id": "N-late"}))
    second = quiet_run(settings, started_at=now - timedelta(days=365))
    runs = {one.run.run_id: one.run.audited for one in history(settings.warehouse, settings.published).runs}
    if not first.run_id < second.run_id or runs != {first.run_id: 4, second.run_id: 1}:
        raise Wrong(f"a clock set back: {runs}")
    print("a clock set back by a year: both runs are known, in their order", flush=True)


def replaced(root: Path) -> None:
    """A file that is another one when it is read is refused, and taken as it is by the next run."""
    settings = place(root, 4)
    file, other = (root / "inbox" / "0000" / f"N-000000{n}.json" for n in (0, 3))
    quiet_run(settings, started_at=datetime.now(UTC), meanwhile=lambda: _replace(file, other.read_bytes() + b" "))
    codes = _refused(settings)
    quiet_run(settings, started_at=datetime.now(UTC) + timedelta(hours=1))
    if codes != ["failed_changed"] or _refused(settings):
        raise Wrong(f"a file replaced while it was read: {codes}, then {_refused(settings)}")
    print("a file replaced while it is read: refused, and audited as it is by the next run", flush=True)


def _replace(file: Path, content: bytes) -> None:
    part = file.with_suffix(".part")
    part.write_bytes(content)
    part.replace(file)


def _refused(settings: Settings) -> list[str]:
    with open_published(settings.published) as copy:
        return [row["code"] for row in copy.rows("select code from not_audited order by code")]


def read_only(root: Path) -> None:
    """A home that cannot be written ends the run with exit code 3 and one error."""
    settings = place(root, 2)
    home = settings.home
    if os.geteuid() == 0:
        # Root may write everywhere but where the system itself says no.
        home = Path("/sys/callaudit-home")
        with (root / "callaudit.toml").open("a") as file:
            file.write(f'[paths]\nhome = "{home}"\n')
    else:
        home.mkdir(mode=0o500)
    code = ended(start(root, anew=True))
    said = (root / "said").read_text()
    if code != 3 or said.count("Error:") != 1 or str(home) not in said:
        raise Wrong(f"a home that cannot be written: {code}, {said[:500]}")
    print(f"a home that cannot be written: {said.splitlines()[0]}", flush=True)


def many(root: Path, files: int) -> None:
    """An inbox of very many files is looked through, twice."""
    settings = place(root, 0)
    for n in range(files):
        file = root / "inbox" / f"{n % 100:02}" / f"M-{n}.srt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"1\n00:00:01,000 --> 00:00:02,000\nAgent: Hello, this is call {n}.\n")
        told = {"call_id": f"M-{n}", "started_at": "2026-03-02T09:15:00-05:00"}
        file.with_name(f"{file.name}.json").write_text(json.dumps(told))
    for what in ("for the first time", "again, knowing them by size and date"):
        began = time.monotonic()
        with AuditRun(settings) as run:
            arrivals: list[Arrival] = run.find()
        if len(arrivals) != files:
            raise Wrong(f"{len(arrivals)} of {files} files were found")
        took = time.monotonic() - began
        print(f"{files:,} exports with as many sidecars looked through {what}: {took:.0f} s", flush=True)


def main(count: int, seed: int, files: int, minutes: float) -> int:
    """Everything in its turn; returns the exit code."""
    hardships: list[Callable[[Path], None]] = []
    if files:
        hardships = [clock_set_back, replaced, read_only, lambda root: many(root, files)]
    if count:
        hardships.append(lambda root: kills(root, count, seed, minutes))
    try:
        for hardship in hardships:
            with tempfile.TemporaryDirectory() as folder:
                hardship(Path(folder))
    except Wrong as wrong:
        print(wrong)
        return 1
    return 0


if __name__ == "__main__":
    count, seed, files, minutes, *_ = [*sys.argv[1:], *("4", "1", "300", "0")[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as prefect:
        # Before Prefect is imported, here and in what the rounds are forked from.
        os.environ |= {"PREFECT_HOME": os.environ.get("PREFECT_HOME", prefect), "PREFECT_LOGGING_LEVEL": "CRITICAL"}
        Path(os.environ["PREFECT_HOME"], OF_ITS_OWN).mkdir(parents=True, exist_ok=True)
        from callaudit.flows.scheduling.own_server import some_server

        with some_server() as os.environ["PREFECT_API_URL"]:
            FORKED.set_forkserver_preload(
                ["__main__", "callaudit.cli", "callaudit.flows.nightly_audit", "callaudit.flows.scheduling.own_server"]
            )
            code = main(int(count), int(seed), int(files), float(minutes))
    sys.exit(code)
