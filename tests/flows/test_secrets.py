"""Secrets come from the environment or a file, and go nowhere: not into files, not onto the screen."""

import pytest

pytestmark = pytest.mark.slow

ENVIRONMENT = {
    "CALLAUDIT_MAIL__PASSWORD": "sEcReT-of-the-mail",
    "CALLAUDIT_ALERTS__WEBHOOK_HEADER": "Authorization: Bearer sEcReT-of-the-hook",
    "AWS_SECRET_ACCESS_KEY": "sEcReT-of-the-store",
    "AWS_SESSION_TOKEN": "sEcReT-of-the-session",
}


def test_a_run_with_secrets_leaves_them_in_no_file_and_no_output(installation, monkeypatch):
    for name, secret in ENVIRONMENT.items():
        monkeypatch.setenv(name, secret)
    password = installation.root / "mail-password"
    password.write_text("sEcReT-of-the-file\n")
    with installation.settings.open("a") as file:
        file.write(
            '[mail]\nhost = "127.0.0.1"\nport = 1\nsecurity = "tls"\nfrom = "a@b.c"\nto = ["d@e.f"]\nuser = "u"\n'
            'password_file = "mail-password"\n[watch]\nlog = "run.jsonl"\nmetrics = "run.prom"\n'
        )
    installation.say("T-1", "C: Hello", "A: Hello", started_at="2026-03-03T10:15:00-05:00")
    (installation.inbox / "broken.wav").write_text("not a sound")
    shown = [installation.callaudit(*command, check=code) for command, code in ((["run"], 5), (["doctor"], 0))]

    written = [p for p in installation.root.rglob("*") if p.is_file() and p != password]
    assert {"warehouse.duckdb", "run.jsonl", "run.prom"} <= {p.name for p in written}
    assert [p for p in written if b"sEcReT" in p.read_bytes()] == []
    assert [done.args for done in shown if "sEcReT" in done.stdout + done.stderr] == []
