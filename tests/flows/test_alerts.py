"""What people are told of a night, when they are not, and that telling them never breaks a run."""

import email
import json
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st

from callaudit.flows.alerts import Alert, Night, failure, night_alerts, nights, tell
from callaudit.flows.auditing.ledger import RunSummary
from callaudit.flows.settings import AlertSettings, MailSettings, Settings, load_settings, webhook_header
from callaudit.transcription.errors import InputError, LockedError, SetupError
from callaudit.warehouse.published import open_published

TODAY = date(2026, 3, 9)  # A Monday.
AT_ONCE = (0.0, 0.0)


def summary(*, audited: int = 0, quarantined: int = 0) -> RunSummary:
    counts = dict.fromkeys(
        ("quarantined_before", "already", "duplicates", "unsettled", "erased", "tense_calls", "rules_met"), 0
    )
    return RunSummary(
        run_id="R1", found=audited + quarantined, audited=audited, quarantined=quarantined, **counts,
        audio_seconds=0.0, elapsed_seconds=1.0, rules_judged=0, critical_misses=0, notice="",
    )  # fmt: skip


def mondays(*audited: int) -> list[Night]:
    """Earlier Mondays, the last of them a week ago, and Tuesdays that must not count."""
    days = [TODAY - timedelta(weeks=len(audited) - n) for n in range(len(audited))]
    return [
        night
        for day, n in zip(days, audited, strict=True)
        for night in (Night(day, n, n), Night(day + timedelta(1), 0, 0))
    ]


def alerts(*, audited: int = 0, quarantined: int = 0, failed: int = 0, before: list[Night] | None = None) -> list[str]:
    tonight = Night(TODAY, audited + quarantined + failed, audited)
    found = night_alerts(
        summary(audited=audited, quarantined=quarantined),
        run="audit",
        failed=failed,
        history=[*(before or []), tonight],
        today=TODAY,
        settings=AlertSettings(),
    )
    return [alert.kind for alert in found]


def test_an_ordinary_night_says_nothing():
    assert alerts(audited=100, quarantined=2, before=mondays(100, 90, 110, 105)) == []


def test_nothing_arrived_is_told_unless_nothing_ever_arrives_on_that_weekday():
    assert alerts() == ["nothing-arrived"]
    assert alerts(before=mondays(100, 90, 110, 105)) == ["nothing-arrived"]
    assert alerts(before=mondays(0, 0, 3, 0)) == []


def test_a_second_start_in_one_night_finds_nothing_and_that_says_nothing():
    found = night_alerts(
        summary(), run="audit", failed=0, history=[*mondays(90, 90, 90, 90), Night(TODAY, 95, 95)], today=TODAY,
        settings=AlertSettings(),
    )  # fmt: skip
    assert found == []


def test_too_many_failed_needs_a_share_and_a_number():
    assert alerts(audited=100, quarantined=12) == ["too-many-failed"]
    assert alerts(audited=100, quarantined=6, failed=6) == ["too-many-failed"]
    assert alerts(audited=100, quarantined=11) == []  # Under a tenth of all.
    assert alerts(audited=1, quarantined=4) == []  # Four of five, and still only four.


def test_coverage_fell_compares_with_the_same_weekday_and_waits_for_enough_of_them():
    assert alerts(audited=49, before=mondays(100, 90, 110, 100)) == ["coverage-fell"]
    assert alerts(audited=50, before=mondays(100, 90, 110, 100)) == []
    assert alerts(audited=1, before=mondays(100, 90, 110)) == []  # Three Mondays are too few.
    assert alerts(audited=49, before=mondays(100, 100, 100, 5000)) == ["coverage-fell"]  # A backlog is no measure.


@given(audited=st.integers(0, 500), quarantined=st.integers(0, 500), before=st.lists(st.integers(0, 500), max_size=3))
def test_too_little_history_accuses_no_night_of_bringing_too_little(audited, quarantined, before):
    assert "coverage-fell" not in alerts(audited=audited, quarantined=quarantined, before=mondays(*before))


def test_nights_are_counted_by_the_sites_clock_and_a_night_of_two_runs_is_one(installation):
    installation.say("D-1", "A: Hello.", "C: Hello.", started_at="2026-03-05T10:15:00+00:00")
    installation.run(at=datetime(2026, 3, 7, 3, tzinfo=UTC))  # Still the 6th in New York.
    installation.say("D-2", "A: Hello.", "C: Good day.", started_at="2026-03-05T10:15:00+00:00")
    installation.run(at=datetime(2026, 3, 7, 4, tzinfo=UTC))
    installation.run(at=datetime(2026, 3, 8, 4, tzinfo=UTC))
    with open_published(load_settings(installation.settings).published) as published:
        assert nights(published, zone="America/New_York") == [
            Night(date(2026, 3, 6), 2, 2),
            Night(date(2026, 3, 7), 0, 0),
        ]


# How it is told.

ALERT = Alert(kind="too-many-failed", run="audit 2026-03-09 02:00", says="9 of 20.", next_step="look", counts={"n": 9})


class Hook:
    """A webhook's other end; `answers` are given first."""

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, str], dict[str, object]]] = []
        self.answers: list[int] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.told.append((dict(self.headers), json.loads(body)))
                self.send_response(hook.answers.pop(0) if hook.answers else 204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Nothing on the terminal."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.settings = Settings(alerts=AlertSettings(webhook=f"http://127.0.0.1:{self.server.server_port}/hook"))


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()


@pytest.fixture(autouse=True)
def events(monkeypatch) -> list[dict[str, object]]:
    """What would go to a Prefect server; there is none here."""
    emitted: list[dict[str, object]] = []
    monkeypatch.setattr("callaudit.flows.alerts.emit_event", lambda **event: emitted.append(event))
    return emitted


def test_prefect_gets_an_event_that_automations_can_wait_for(events):
    tell(Settings(), ALERT)
    (event,) = events
    assert event["event"] == "callaudit.too-many-failed"
    assert event["payload"] == {"says": "9 of 20.", "n": 9}


def test_the_webhook_gets_counts_as_json_with_its_secret(hook, monkeypatch):
    monkeypatch.setenv("CALLAUDIT_ALERTS__WEBHOOK_HEADER", "Authorization: Bearer sesame")
    tell(hook.settings, ALERT)
    ((headers, told),) = hook.told
    assert headers["Authorization"] == "Bearer sesame"
    assert told == {
        "event": "callaudit.too-many-failed",
        "kind": "too-many-failed",
        "run": "audit 2026-03-09 02:00",
        "says": "9 of 20.",
        "next_step": "look",
        "counts": {"n": 9},
        "text": "9 of 20. look",
    }


def test_a_webhook_that_is_busy_is_tried_again_and_one_that_refuses_is_not(hook):
    hook.answers = [503, 429]
    tell(hook.settings, ALERT, waits=AT_ONCE)
    assert len(hook.told) == 3
    hook.told.clear()
    hook.answers = [401, 204]
    tell(hook.settings, ALERT, waits=AT_ONCE)
    assert len(hook.told) == 1


def test_a_webhook_that_is_gone_breaks_nothing_and_the_log_does_not_repeat_the_secret(hook, monkeypatch, caplog):
    hook.server.shutdown()
    hook.server.server_close()
    monkeypatch.setenv("CALLAUDIT_ALERTS__WEBHOOK_HEADER", "Authorization: Bearer sesame")
    caplog.set_level(logging.WARNING)
    logging.getLogger("prefect").addHandler(caplog.handler)
    try:
        tell(hook.settings, ALERT, waits=AT_ONCE)
    finally:
        logging.getLogger("prefect").removeHandler(caplog.handler)
    assert "The webhook about too-many-failed could not be sent: ConnectError" in caplog.text
    assert "sesame" not in caplog.text


def test_the_secret_is_a_header_or_an_error_that_does_not_show_it(monkeypatch):
    settings = Settings(alerts=AlertSettings(webhook="http://127.0.0.1:9/"))
    assert webhook_header(settings) is None
    for wrong in ("sesame", "A b: sesame", "Authorization: sesame\r\nX: y", "Authorization:"):
        monkeypatch.setenv("CALLAUDIT_ALERTS__WEBHOOK_HEADER", wrong)
        with pytest.raises(SetupError) as error:
            webhook_header(settings)
        assert "sesame" not in str(error.value)
    monkeypatch.setenv("CALLAUDIT_ALERTS__WEBHOOK_HEADER", "X-Key:  sesame ")
    assert webhook_header(settings) == ("X-Key", "sesame")


def test_the_secret_is_no_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("CALLAUDIT_ALERTS__WEBHOOK_HEADER", "X-Key: sesame")
    (tmp_path / "callaudit.toml").write_text("", encoding="utf-8")
    assert "sesame" not in repr(load_settings(tmp_path / "callaudit.toml"))


def test_a_mail_says_what_and_what_next():
    taken: list[bytes] = []

    class Post:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd calls it so.
            taken.append(envelope.original_content)
            return "250 taken"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Post(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        mail = MailSettings(
            host="127.0.0.1", port=port, security="none", sender="Audit <a@example.com>", to=("q@example.com",)
        )
        tell(Settings(mail=mail, alerts=AlertSettings(mail_to=("ops@example.com",))), ALERT)
    finally:
        controller.stop()
    (letter,) = map(email.message_from_bytes, taken)
    assert letter["To"] == "ops@example.com"
    assert letter["Subject"] == "callaudit: too many failed (audit 2026-03-09 02:00)"
    assert letter.get_payload().replace("\r\n", "\n") == "9 of 20.\n\nNext: look\n\nn: 9\n"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (LockedError("the warehouse is held by process 4711"), "the warehouse is held by process 4711"),
        (SetupError("there is no callaudit.toml"), "there is no callaudit.toml"),
        (InputError("K-4711_Mrs_Miller.wav: no such call"), "InputError"),
        (ValueError("Mrs Miller"), "ValueError"),
    ],
)
def test_a_failure_is_told_without_anything_of_a_call(error, says):
    told = failure("audit 2026-03-09 02:00", error)
    assert told.says == f"The run “audit 2026-03-09 02:00” failed: {says}."
    assert "Miller" not in str(told)
