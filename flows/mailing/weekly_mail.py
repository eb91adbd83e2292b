"""The weekly mail: the report is made, written as a mail, and handed to the server for each who has not had it."""

import email.utils
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from prefect import flow

from callaudit.flows.mailing.sent_log import Mailed, open_mailed
from callaudit.flows.mailing.smtp import WAITS, Delivery, deliver
from callaudit.flows.report_files import Report, make_report
from callaudit.flows.settings import Settings, load_settings, mail_password
from callaudit.reports import Format
from callaudit.reports.formats.all_formats import address
from callaudit.reports.mail import Letter, address_of, letter, message
from callaudit.reports.page import complete
from callaudit.transcription.errors import CallauditError, SetupError

_SUFFIXES = {
    "html": ".html",
    "xlsx": ".xlsx",
    "pdf": ".pdf",
    "markdown": ".md",
    "csv": ".csv",
    "parquet": ".parquet",
}


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """Who got the mail now, and who had got it before; `changed` says that what they got reads differently today."""

    week: str
    sent: tuple[str, ...]
    already: tuple[str, ...]
    changed: bool


@flow(name="weekly-mail", flow_run_name="mail of week {week}")
def weekly_mail(config: str | None = None, week: str = "last", scorecard: str | None = None) -> Posted:
    """Make the weekly report and mail it; nobody gets the same week twice.

    Args:
        config: the settings file; without it `CALLAUDIT_CONFIG` or `callaudit.toml` in the current folder.
        week: "last" (the last full ISO week), "newest" (the newest with calls) or an ISO week, "2026-W10".
        scorecard: the frame of the report; without it the settings' own.
    """
    settings = load_settings(Path(config) if config else None)
    return send_weekly(settings, week=week, scorecard=scorecard or settings.report.scorecard)


def write_draft(settings: Settings, *, week: str, scorecard: str, to: Sequence[str] = ()) -> Path:
    """Write the mail as it would be sent to an .eml file that only its owner can read."""
    recipients = _recipients(settings, to)
    report = make_report(settings, week=week, scorecard=scorecard, formats=mail_formats(settings))
    mail = message(_letter(settings, report), sender=settings.mail.sender, to=recipients, date=_now(settings))
    out = report.files.weekly.with_suffix(".eml")
    with complete(out, mode=0o600) as partial:
        partial.write_bytes(mail.as_bytes())
    return out


def send_weekly(
    settings: Settings,
    *,
    week: str,
    scorecard: str,
    to: Sequence[str] = (),
    again: bool = False,
    waits: Sequence[float] = WAITS,
    report: Report | None = None,
) -> Posted:
    """Mail the report to each of `to` (without any: the settings' own) who has not had this week's.

    At most once: a recipient is written down before the mail leaves. Where the connection broke at the very end, or a
    run was killed there, nobody can know whether the mail arrived; then it is not sent again without `again`.
    A `report` that is made already, in `mail_formats`, is not made again.

    Raises SetupError where a setting is wrong or the server refuses for good, CallauditError where it could not be
    reached or a mail's fate is not known.
    """
    recipients = _recipients(settings, to)
    if not settings.mail.host:
        raise SetupError(
            "no mail server is set", tries=("set [mail] host in callaudit.toml", "callaudit mail --dry-run")
        )
    if report is None:
        report = make_report(settings, week=week, scorecard=scorecard, formats=mail_formats(settings))
    written = _letter(settings, report)
    boxes = {address_of(one).addr_spec: one for one in recipients}
    with open_mailed(settings.mailed, week=written.week, scorecard=scorecard) as mailed:
        known = {box: mailed.of(box) for box in boxes}
        claimed = [box for box in boxes if mailed.claim(box, written.digest, again=again)]
        left = [box for box in boxes if box not in claimed]
        if claimed:
            repeated = max((claim.times for claim in known.values() if claim), default=0)
            mail = message(
                written, sender=settings.mail.sender, to=recipients, date=_now(settings), again=repeated
            ).as_bytes()
            _post(mail, settings, mailed, claimed, waits)
        open_claims = [box for box in left if (claim := mailed.of(box)) and claim.state == "sending"]
    if open_claims:
        raise CallauditError(
            f"whether {', '.join(open_claims)} got the mail of {written.week} is not known",
            why="An earlier run was cut off while it sent, or one is sending now; it is not sent twice unasked.",
            tries=(f"ask, and then  callaudit mail --week {written.week} --to {open_claims[0]} --again",),
        )
    changed = any(claim.digest != written.digest for box in left if (claim := known[box]))
    return Posted(week=written.week, sent=tuple(claimed), already=tuple(left), changed=changed)


def _post(mail: bytes, settings: Settings, mailed: Mailed, claimed: Sequence[str], waits: Sequence[float]) -> None:
    """Send and write down what became of it; what surely did not leave is free to be tried again."""
    settled: set[str] = set()

    def done(box: str, delivery: Delivery) -> None:
        settled.add(box)
        if delivery.state == "taken":
            mailed.sent(box, delivery.reply)
        elif delivery.state != "unknown":
            mailed.release(box)

    try:
        outcome = deliver(
            mail,
            server=settings.mail,
            password=mail_password(settings),
            sender=address_of(settings.mail.sender).addr_spec,
            recipients=claimed,
            waits=waits,
            done=done,
        )
    except CallauditError:
        # Raised before anything of the mail was sent to those who are not settled.
        for box in claimed:
            if box not in settled:
                mailed.release(box)
        raise
    _complain(outcome, settings)


def _complain(outcome: dict[str, Delivery], settings: Settings) -> None:
    where = f"{settings.mail.host}:{settings.mail.port}"
    by_state = {
        state: [b for b, d in outcome.items() if d.state == state] for state in ("unknown", "refused", "postponed")
    }
    replies = "; ".join(f"{box}: {d.reply}" for box, d in outcome.items() if d.state != "taken")
    others = [box for box, d in outcome.items() if d.state == "taken"]
    why = f"{replies}." + (f" It was sent to {', '.join(others)}." if others else "")
    if boxes := by_state["unknown"]:
        raise CallauditError(
            f"whether {', '.join(boxes)} got the mail is not known: the connection to {where} broke at its end",
            why=f"{why} It is not sent twice unasked.",
            tries=("ask, and then  callaudit mail --again",),
        )
    if boxes := by_state["refused"]:
        raise SetupError(f"{where} refuses mail to {', '.join(boxes)}", why=why, tries=("check [mail] to",))
    if boxes := by_state["postponed"]:
        raise CallauditError(
            f"the mail to {', '.join(boxes)} could not be handed to {where}",
            why=why,
            tries=("callaudit mail  (later; who has it does not get it again)",),
        )


def _recipients(settings: Settings, to: Sequence[str]) -> tuple[str, ...]:
    recipients = tuple(to) or settings.mail.to
    for what, given in (("from", settings.mail.sender), ("to", recipients)):
        if not given:
            raise SetupError(f"[mail] {what} is not set", tries=("see docs/reports.md", "callaudit init --show"))
    for one in (settings.mail.sender, *recipients):
        address_of(one)
    return recipients


def mail_formats(settings: Settings) -> tuple[Format, ...]:
    """The forms of the report that a mail needs, and those that are made in any case."""
    return tuple(dict.fromkeys((*settings.report.formats, *settings.mail.attach, "html")))


def _letter(settings: Settings, report: Report) -> Letter:
    wanted = {_SUFFIXES[form] for form in settings.mail.attach}
    files = [path for path in (report.files.weekly, *report.files.beside) if path.suffix in wanted]
    link = address(settings.report.url, report.files.weekly.name)
    return letter(report.readings, report.page, link=link, attached=files)


def _now(settings: Settings) -> str:
    return email.utils.format_datetime(datetime.now(ZoneInfo(settings.site.timezone)))
