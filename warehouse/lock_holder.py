"""Who holds the warehouse, told by the process that the lock names."""

import os
import re
from datetime import datetime
from pathlib import Path

# Only the command is told: what follows it may be a customer's id.
_COMMAND = re.compile(r"^[a-z]+$")
_PROC = Path("/proc")


def described(pid: int, *, now: datetime | None = None) -> str:
    """“process 32123 (callaudit run, since 01:00)”, or as much of it as the system tells; times are the machine's."""
    told = [_command(pid), _since(pid, now or datetime.now().astimezone())]
    said = ", ".join(text for text in told if text)
    return f"process {pid} ({said})" if said else f"process {pid}"


def _command(pid: int) -> str:
    try:
        words = (_PROC / str(pid) / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return ""
    for number, word in enumerate(words):
        if word == "callaudit.cli" or Path(word).name == "callaudit" or word.endswith("/callaudit/cli/__main__.py"):
            return " ".join(["callaudit", *_first_command(words[number + 1 :])])
    if "prefect.engine" in words or any(Path(word).name == "prefect" for word in words):
        return "a scheduled run"
    return Path(words[0]).name


def _first_command(words: list[str]) -> list[str]:
    takes_value = False
    for word in words:
        if takes_value:
            takes_value = False
        elif word in ("--config", "-c", "--log-json"):
            takes_value = True
        elif _COMMAND.match(word):
            return [word]
    return []


def _since(pid: int, now: datetime) -> str:
    """When the process began: the 22nd field of its `stat`, in ticks since the machine was started (proc(5))."""
    try:
        ticks = int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
        (booted,) = re.findall(r"^btime (\d+)$", (_PROC / "stat").read_text(), re.MULTILINE)
    except (OSError, ValueError, IndexError):
        return ""
    began = datetime.fromtimestamp(int(booted) + ticks / os.sysconf("SC_CLK_TCK"), now.tzinfo)
    return f"since {began:%H:%M %Z}" if began.date() == now.date() else f"since {began:%Y-%m-%d %H:%M %Z}"
