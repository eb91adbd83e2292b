"""The re-audit: a changed rulebook over the stored transcripts, as one Prefect flow."""

from datetime import date
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from callaudit.flows.auditing.reaudit_run import Reaudited, audit_again
from callaudit.flows.settings import Settings, load_settings


@flow(name="reaudit")
def reaudit(config: str | None = None, since: date | None = None, week: str | None = None) -> Reaudited:
    """Judge stored calls by the settings' rulebook, beside what other rulebooks found, and publish.

    Args:
        config: the settings file; without it `CALLAUDIT_CONFIG` or `callaudit.toml` in the current folder.
        since: only calls from this day on.
        week: only calls of this ISO week, "2026-W10".
    """
    done = judge_store_publish(load_settings(Path(config) if config else None), since, week)
    create_markdown_artifact(
        key="reaudit",
        markdown=f"{done.calls} calls judged by rulebook {done.rulebook}; {done.verdicts_changed} verdicts turned.",
        description="What the re-audit did",
    )
    return done


@task(cache_policy=NO_CACHE)
def judge_store_publish(settings: Settings, since: date | None, week: str | None) -> Reaudited:
    """All of it: what is judged already is left alone when this is tried again."""
    return audit_again(settings, since=since, week=week)
