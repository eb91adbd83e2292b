"""The weekly report and its call pages, in one Prefect flow."""

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.pages import ReportFiles, make_report
from flows.settings import Settings, load_settings


@flow(name="weekly-report", flow_run_name="report of week {week}")
def weekly_report(config: str | None = None, week: str = "last", scorecard: str | None = None) -> ReportFiles:
    """Make the weekly page and its call pages from the published copy.

    Args:
        config: the settings file; without it `CALLAUDIT_CONFIG` or `callaudit.toml` in the current folder.
        week: "last" (the last full ISO week), "newest" (the newest with calls) or an ISO week, "2026-W10".
        scorecard: the frame of the report; without it the settings' own.
    """
    settings = load_settings(Path(config) if config else None)
    files = render_pages(settings, week, scorecard or settings.report.scorecard)
    create_markdown_artifact(
        key="weekly-report",
        markdown=f"[{files.week}]({files.weekly.resolve().as_uri()})",
        description="The weekly page",
    )
    return files


@task(cache_policy=NO_CACHE)
def render_pages(settings: Settings, week: str, scorecard: str) -> ReportFiles:
    """Write the pages."""
    return make_report(settings, week=week, scorecard=scorecard).files
