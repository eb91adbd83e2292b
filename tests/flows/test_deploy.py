"""The files in deploy/: what systemd and Docker would say to them, and whether their commands exist."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main
import yaml

from callaudit.cli import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
SCHEDULING = (ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8")


def check_command(words: list[str]) -> None:
    """That `callaudit ...` names a command and only options that it has."""
    command = typer.main.get_command(app)
    words = words[1:]
    while words and (below := getattr(command, "commands", {}).get(words[0])):
        command, words = below, words[1:]
    assert not getattr(command, "commands", {}), f"no such command: {words}"
    if command.name == "prefect":
        return
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known, words


def commands_in(text: str) -> list[list[str]]:
    return [shlex.split(found) for found in re.findall(r"callaudit [a-z][^\n\"&`(]*", text)]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    # It wants the programs to be there; any will do.
    for source in UNITS:
        text = source.read_text(encoding="utf-8").replace("/opt/callaudit/bin/callaudit", "/bin/true")
        (tmp_path / source.name).write_text(text, encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
    )
    about_ours = [line for line in checked.stderr.splitlines() if "callaudit" in line]
    assert about_ours == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_commands_of_a_unit_exist(unit):
    started = re.findall(r"^ExecStart(?:Pre)?=/opt/callaudit/bin/(.+)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    assert started
    for line in started:
        check_command(shlex.split(line))


def test_the_compose_file_starts_a_server_and_a_worker_that_finds_it():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"server", "worker"}
    for service in services.values():
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        found = commands_in(service["command"])
        assert found
        for words in found:
            check_command(words)
    assert services["worker"]["depends_on"]["server"]["condition"] == "service_healthy"
    assert services["worker"]["environment"]["PREFECT_API_URL"] == "http://server:4200/api"
    assert all(port.startswith("127.0.0.1:") for port in services["server"]["ports"])


def test_the_commands_in_the_guide_exist():
    indented = "\n".join(re.findall(r"^ {4}(callaudit .+)$", SCHEDULING, re.MULTILINE))
    assert indented.count("callaudit") >= 8
    for words in commands_in(indented):
        check_command(words)
    for named in re.findall(r"deploy/[\w.-]+", SCHEDULING):
        assert (ROOT / named).is_file(), named
