"""The weekly report and its call pages, in one Prefect flow; as a schedule runs it, the mail goes out with them."""

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from callaudit.flows.mailing.weekly_mail import Posted, mail_formats, send_weekly
from callaudit.flows.nightly_audit import links
from callaudit.flows.report_files import Report, ReportFiles, make_report
from callaudit.flows.scheduling.unattended import BACK_OFF, run_name, tell_failure
from callaudit.flows.settings import Settings, load_settings


@flow(
    name="weekly-report",
    flow_run_name=lambda: run_name("weekly report"),
    on_failure=[tell_failure],
    on_crashed=[tell_failure],
    persist_result=False,
)
def weekly_report(
    config: str | None = None, week: str = "last", scorecard: str | None = None, mail: bool = False
) -> ReportFiles:
    """Make the weekly page and its call pages from the published copy.

    Args:
        config: the settings file; without it `CALLAUDIT_CONFIG` or `callaudit.toml` in the current folder.
        week: "last" (the last full ISO week), "newest" (the newest with calls) or an ISO week, "2026-W10".
        scorecard: the frame of the report; without it the settings' own.
        mail: also mail it, where a mail server and recipients are set; nobody gets the same week twice.
    """
    settings = load_settings(Path(config) if config else None)
    frame = scorecard or settings.report.scorecard
    mailed = mail and bool(settings.mail.host and settings.mail.to)
    report = render_pages(settings, week, frame, mailed)
    told = links(settings, report.files.weekly.name)
    if mailed:
        posted = post(settings, report, frame)
        told += f"\n\nMailed to {len(posted.sent)}, before to {len(posted.already)}."
    create_markdown_artifact(
        key="weekly-report", markdown=f"# Week {report.files.week}\n\n{told}\n", description="The weekly page"
    )
    return report.files


@task(**BACK_OFF, cache_policy=NO_CACHE)
def render_pages(settings: Settings, week: str, scorecard: str, mailed: bool) -> Report:
    """Write the pages, and the forms that the mail takes with it."""
    formats = mail_formats(settings) if mailed else ()
    return make_report(settings, week=week, scorecard=scorecard, formats=formats)


@task(cache_policy=NO_CACHE)
def post(settings: Settings, report: Report, scorecard: str) -> Posted:
    """Mail the report. The mail is tried again in there, where it is known what may be sent twice."""
    return send_weekly(settings, week=report.files.week, scorecard=scorecard, report=report)
