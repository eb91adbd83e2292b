"""A small installation in a temporary folder, with short recordings cut from the samples."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np

from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.auditing.ledger import RunSummary
from callaudit.flows.settings import load_settings
from callaudit.transcription.audio import Audio, decode, write_copy
from tests.support.empty_warehouse import put_empty_warehouse

SAMPLES = Path(__file__).parents[2] / "samples" / "recordings"


def sample(call_id: str) -> Path:
    return next(p for p in sorted(SAMPLES.glob(f"*_{call_id}_*")) if p.suffix != ".json")


def cut(call_id: str, path: Path) -> Path:
    """The first ten seconds of a sample call: long enough for words, short enough for a test."""
    audio = decode(sample(call_id))
    samples = np.ascontiguousarray(audio.samples[:, : 10 * audio.sample_rate])
    sound = Audio(samples=samples, sample_rate=audio.sample_rate, codec=audio.codec, source_rate=audio.source_rate)
    write_copy(path, sound)
    return path


class Installation:
    """A folder with callaudit.toml, and the command as a user would call it."""

    def __init__(self, root: Path, server: Callable[[], str] | None = None) -> None:
        self.root = root
        # Gives the Prefect server that runs report to; without it each starts its own, as users' runs do.
        self._server = server
        self.inbox = root / "inbox"
        self.inbox.mkdir()
        put_empty_warehouse(root / "callaudit-home")
        self.settings = root / "callaudit.toml"
        self.settings.write_text(
            '[site]\ntimezone = "America/New_York"\n[[sources]]\nfolder = "inbox"\n'
            '[engine]\nname = "faster-whisper"\nmodel = "tiny.en"\n'
            '[run]\nworkers = 1\n[report]\ncall_pages = "all"\n',
            encoding="utf-8",
        )

    def without_home(self) -> "Installation":
        """As before the first run: nothing is kept yet."""
        shutil.rmtree(self.root / "callaudit-home")
        return self

    def add(self, recording: Path, name: str, **metadata: object) -> Path:
        """Put a copy of a recording into the inbox; each name makes its bytes its own."""
        path = self.inbox / f"{name}{recording.suffix}"
        path.write_bytes(recording.read_bytes())
        if metadata:
            (self.inbox / f"{name}.json").write_text(json.dumps(metadata), encoding="utf-8")
        old = 1_700_000_000
        for file in (path, self.inbox / f"{name}.json"):
            if file.exists():
                os.utime(file, (old, old))
        return path

    def say(self, call_id: str, *lines: str, name: str = "", **metadata: object) -> Path:
        """Put a call in as an export: "A: ..." is the agent, "C: ..." the customer."""
        said = (
            f"{n + 1}\n00:{n // 20:02}:{3 * n % 60:02},000 --> 00:{n // 20:02}:{3 * n % 60 + 2:02},500\n{line}\n"
            for n, line in enumerate(lines)
        )
        path = self.inbox / f"{name or call_id}.srt"
        path.write_text("\n".join(said), encoding="utf-8")
        told = {"call_id": call_id, "agent": {"id": "A1", "name": "Ines"}, **metadata}
        sidecar = self.inbox / f"{path.name}.json"
        sidecar.write_text(json.dumps(told), encoding="utf-8")
        for file in (path, sidecar):
            os.utime(file, (1_700_000_000, 1_700_000_000))
        return path

    def run(self, *, at: datetime) -> RunSummary:
        """One run without Prefect, of exports only: no engine is there."""
        with AuditRun(load_settings(self.settings), started_at=at) as run:
            for batch in run.batches(run.find()):
                run.store(run.audit(batch), batch)
            run.settle_promises()
            return run.finish()

    def callaudit(self, *arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run the command to its end; `check` is the exit code it must have."""
        run = self.start(*arguments, stderr=subprocess.PIPE)
        out, err = run.communicate(timeout=300)
        if check is not None:
            assert run.returncode == check, out + err
        return subprocess.CompletedProcess(run.args, run.returncode, out, err)

    def start(self, *arguments: str, stderr: int | None = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start the command in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [sys.executable, "-m", "callaudit.cli", "--config", str(self.settings), *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=self.root,
            env={
                **os.environ,
                "PREFECT_HOME": str(self.root / "prefect"),
                **({"PREFECT_API_URL": self._server()} if self._server and "run" in arguments else {}),
                "COLUMNS": "200",
                "PYTHONUNBUFFERED": "1",
            },
            start_new_session=True,
        )
