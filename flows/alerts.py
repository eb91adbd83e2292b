"""What a scheduled run tells people when something is wrong: a Prefect event, a webhook, a mail.

Every alert holds counts, dates and run ids, never anything of a call. None of them can break the run that sends it.
Nobody's expectation of how many calls there should be is asked for or guessed: a night is compared with the nights
of the same weekday before it, and while there are too few of those nothing is said.
"""

import email.utils
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from email import policy
from email.message import EmailMessage
from statistics import median
from typing import Literal
from zoneinfo import ZoneInfo

import httpx
import msgspec
from prefect.events import emit_event
from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger

from callaudit.flows.auditing.ledger import RunSummary
from callaudit.flows.mailing.smtp import deliver
from callaudit.flows.settings import AlertSettings, Settings, mail_password, webhook_header
from callaudit.reports.mail import address_of
from callaudit.transcription.errors import CallauditError, LockedError, SetupError
from callaudit.warehouse.published import Published, open_published

WAITS = (1.0, 5.0, 20.0)
"""Seconds between one try of the webhook and the next, a little more or less."""

_TIMEOUT = 10.0
_MAIL_WAITS = (5.0, 30.0)


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person should look at. `says` is a sentence, `next_step` a command."""

    kind: Literal["nothing-arrived", "too-many-failed", "coverage-fell", "run-failed"]
    run: str
    says: str
    next_step: str
    counts: dict[str, float] = {}


class Night(msgspec.Struct, frozen=True):
    """What the runs that started on one local day found and audited, all of them together."""

    day: date
    arrived: int
    audited: int


def nights(published: Published, *, zone: str) -> list[Night]:
    """Every day on which a nightly run started, by the site's clock, oldest first."""
    rows = published.rows(
        """
        select (started_at at time zone $zone)::date as day,
               sum(found + quarantined)::int as arrived, sum(audited)::int as audited
        from runs where kind = 'nightly' group by all order by day
        """,
        {"zone": zone},
    )
    return [Night(day=row["day"], arrived=row["arrived"], audited=row["audited"]) for row in rows]


def night_alerts(
    summary: RunSummary, *, run: str, failed: int, history: Sequence[Night], today: date, settings: AlertSettings
) -> list[Alert]:
    """What is wrong with a night, tonight's runs being in `history` already.

    A run that is started twice on one day is one night: the second finds nothing, and that says nothing.
    """
    tonight = next((night for night in history if night.day == today), Night(today, 0, 0))
    before = [n for n in history if n.day < today and n.day.weekday() == today.weekday()]
    alerts = []
    enough = len(before) >= settings.weeks_of_history
    if tonight.arrived == 0:
        # A contact centre that is closed on Sundays need not hear of it every Monday.
        if not (enough and median(n.arrived for n in before) == 0):
            says = f"Nothing arrived: no new recording was found on {today}."
            alerts.append(Alert(kind="nothing-arrived", run=run, says=says, next_step="callaudit inbox"))
        return alerts
    bad = summary.quarantined + failed
    if bad >= settings.failed_at_least and bad > settings.failed_share * (summary.audited + bad):
        alerts.append(
            Alert(
                kind="too-many-failed",
                run=run,
                says=f"{bad} of {summary.audited + bad} recordings could not be audited.",
                next_step="callaudit calls refused",
                counts={"audited": summary.audited, "refused": summary.quarantined, "failed": failed},
            )
        )
    usual = median(n.audited for n in before) if enough else 0
    if tonight.audited < settings.coverage_fell * usual:
        alerts.append(
            Alert(
                kind="coverage-fell",
                run=run,
                says=f"{tonight.audited} calls were audited on {today}; on the {len(before)} days of that weekday "
                f"before it was {usual:g} in the middle.",
                next_step="callaudit inbox",
                counts={"audited": tonight.audited, "usual": usual},
            )
        )
    return alerts


def tell_of_night(settings: Settings, summary: RunSummary, *, run: str, failed: int) -> None:
    """Compare the night that has just been published with those before it, and send what is wrong with it."""
    zone = settings.site.timezone
    try:
        with open_published(settings.published) as published:
            history = nights(published, zone=zone)
    except CallauditError as error:
        _logger().warning("Earlier nights could not be read: %s", error.what)
        return
    today = datetime.now(ZoneInfo(zone)).date()
    for alert in night_alerts(summary, run=run, failed=failed, history=history, today=today, settings=settings.alerts):
        tell(settings, alert)


def tell(settings: Settings, alert: Alert, *, waits: Sequence[float] = WAITS) -> None:
    """Send an alert every way that is set up; what cannot be sent is logged, and that is all."""
    ways: dict[str, Callable[[], None]] = {
        "event": lambda: _emit(alert),
        "webhook": lambda: _post(settings, alert, waits),
        "mail": lambda: _mail(settings, alert),
    }
    _logger().warning("%s Next: %s", alert.says, alert.next_step)
    for name, way in ways.items():
        try:
            way()
        except Exception as error:
            # Only the kind: a server's answer may repeat the header it was sent.
            why = error.what if isinstance(error, CallauditError) else type(error).__name__
            _logger().warning("The %s about %s could not be sent: %s", name, alert.kind, why)


def failure(run: str, error: BaseException | None) -> Alert:
    """That a run failed. An error's words are told only where they cannot be about a call."""
    says = f"The run “{run}” ended before it was done."
    if error is not None:
        reason = error.what if isinstance(error, SetupError | LockedError) else type(error).__name__
        says = f"The run “{run}” failed: {reason}."
    return Alert(kind="run-failed", run=run, says=says, next_step="callaudit doctor")


def _emit(alert: Alert) -> None:
    emit_event(
        event=f"callaudit.{alert.kind}",
        resource={"prefect.resource.id": f"callaudit.{alert.kind}", "prefect.resource.name": alert.run},
        payload={"says": alert.says, **alert.counts},
    )


def _post(settings: Settings, alert: Alert, waits: Sequence[float]) -> None:
    """POST the alert as JSON; again after each wait where the connection or the server failed.

    `text` is what Slack, Mattermost and Teams show.
    """
    if not settings.alerts.webhook:
        return
    secret = webhook_header(settings)
    told = {"event": f"callaudit.{alert.kind}", **msgspec.to_builtins(alert), "text": f"{alert.says} {alert.next_step}"}
    with httpx.Client(timeout=_TIMEOUT, headers=dict([secret]) if secret else {}) as client:
        for wait in (*waits, None):
            try:
                answer = client.post(settings.alerts.webhook, json=told)
            except httpx.TransportError:
                if wait is None:
                    raise
            else:
                passes = answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS
                if wait is None or not passes:
                    answer.raise_for_status()
                    return
            time.sleep((wait or 0.0) * random.uniform(0.8, 1.2))  # noqa: S311  Apart from others, not secret.


def _mail(settings: Settings, alert: Alert) -> None:
    recipients = settings.alerts.mail_to or settings.mail.to
    if not (settings.mail.host and settings.mail.sender and recipients):
        return
    letter = EmailMessage(policy=policy.SMTP)
    letter["From"] = settings.mail.sender
    letter["To"] = ", ".join(recipients)
    letter["Subject"] = f"callaudit: {alert.kind.replace('-', ' ')} ({alert.run})"
    letter["Date"] = email.utils.format_datetime(datetime.now(ZoneInfo(settings.site.timezone)))
    letter["Message-ID"] = email.utils.make_msgid(domain=address_of(settings.mail.sender).domain)
    letter.set_content(f"{alert.says}\n\nNext: {alert.next_step}\n\n{_counts(alert.counts)}")
    outcome = deliver(
        letter.as_bytes(),
        server=settings.mail,
        password=mail_password(settings),
        sender=address_of(settings.mail.sender).addr_spec,
        recipients=[address_of(one).addr_spec for one in recipients],
        waits=_MAIL_WAITS,
    )
    if left := [box for box, delivery in outcome.items() if delivery.state != "taken"]:
        raise CallauditError(f"the server did not take it for {len(left)} of {len(outcome)}")


def _counts(counts: Mapping[str, float]) -> str:
    return "\n".join(f"{name}: {value:g}" for name, value in counts.items())


def _logger() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("callaudit")
