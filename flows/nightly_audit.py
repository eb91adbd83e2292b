"""The nightly audit: every recording that is not audited yet, in one Prefect flow.

The tasks wrap the steps of `flows.auditing.audit_run.AuditRun`, which knows nothing of Prefect. DuckDB, not Prefect,
remembers what is done: a run that died is simply run again.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from callaudit.flows.alerts import tell_of_night
from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.auditing.batch_audit import Audited
from callaudit.flows.auditing.ledger import RunSummary
from callaudit.flows.erasure.retention import retain
from callaudit.flows.scheduling.unattended import BACK_OFF, is_scheduled, run_name, tell_failure
from callaudit.flows.settings import Settings, load_settings, sources_of, with_scheduler
from callaudit.flows.staging.batches import Batch
from callaudit.flows.telemetry.handlers import watched
from callaudit.reports.page import INDEX
from callaudit.transcription.errors import LockedError, SetupError
from callaudit.transcription.inbox import Arrival

_SEARCH_LIMIT = 2 * 3600.0
"""Seconds after which looking through the sources is given up: a store that neither answers nor fails."""
_BATCH_LIMIT = 6 * 3600.0
"""The same for one batch, which is minutes of work: a recogniser that hangs."""


@flow(
    name="nightly-audit",
    flow_run_name=lambda: run_name("audit"),
    on_failure=[tell_failure],
    on_crashed=[tell_failure],
    # The warehouse is the store of record.
    persist_result=False,
)
def nightly_audit(
    config: str | None = None,
    folders: list[str] | None = None,
    retry_failed: bool = False,
    wait_for_lock: bool = False,
    scheduler: str | None = None,
) -> RunSummary:
    """Audit every recording that is not audited yet, then publish a fresh copy for the readers.

    Args:
        config: the settings file; without it `CALLAUDIT_CONFIG` or `callaudit.toml` in the current folder.
        folders: look only here instead of in the configured sources.
        retry_failed: also try again what is in quarantine for its audio.
        wait_for_lock: while another run holds the warehouse, wait for it instead of failing at once.
        scheduler: the Dask scheduler whose workers audit, "" for this machine alone; without it as the settings say.
    """
    settings = load_settings(Path(config) if config else None)
    if scheduler is not None:
        settings = with_scheduler(settings, scheduler)
    sources_of(settings, *map(Path, folders or []))
    opened = open_warehouse if wait_for_lock else open_warehouse.with_options(retries=0)
    with watched(settings), opened(settings) as run:
        return _audit_all(run, find_recordings(run, folders or [], retry_failed))


def audit_now(run: AuditRun, found: list[Arrival] | None, folders: Sequence[Path], *, retry_failed: bool) -> RunSummary:
    """The same flow for a run that holds the warehouse already; what it `found`, or None where it must look again."""
    started = run.started_at.astimezone(ZoneInfo(run.settings.site.timezone))

    @flow(name="nightly-audit", flow_run_name=f"audit {started:%Y-%m-%d %H:%M %Z}", persist_result=False)
    def audit_found() -> RunSummary:
        return _audit_all(run, find_recordings(run, [*map(str, folders)], retry_failed) if found is None else found)

    return audit_found()


def _audit_all(run: AuditRun, arrivals: list[Arrival]) -> RunSummary:
    """Audit and store what was found, publish, let go of the warehouse, and keep to the retention."""
    failed: list[Exception] = []
    left = 0
    with run:
        for batch in with_progress(run.batches(arrivals)):
            try:
                audited = audit.with_options(task_run_name=f"audit batch {batch.number}")(run, batch)
                store.with_options(task_run_name=f"store batch {batch.number}")(run, audited, batch)
            except (SetupError, LockedError):
                raise
            except Exception as error:
                # One bad batch must not keep the others from being audited, tonight and every night after.
                failed.append(error)
                run.give_up(batch, error)
                left += len(batch.arrivals)
        summary = settle_and_publish(run)
    keep_to_retention(run.settings)
    table = summary_table(summary, run.settings, failed=left)
    create_markdown_artifact(key="nightly-audit", markdown=table, description="What the run did")
    if is_scheduled():
        alert(run.settings, summary, left)
    if failed:
        raise failed[0]
    return summary


@task(
    **{**BACK_OFF, "retries": 40, "retry_delay_seconds": [30, 60, 120, 300, *[600] * 36]},
    cache_policy=NO_CACHE,
    persist_result=False,
)
def open_warehouse(settings: Settings) -> AuditRun:
    """Take the warehouse's writing lock; tried again for some six hours while another run holds it."""
    return AuditRun(settings)


@task(**BACK_OFF, cache_policy=NO_CACHE, timeout_seconds=_SEARCH_LIMIT)
def find_recordings(run: AuditRun, folders: list[str], retry_failed: bool) -> list[Arrival]:
    """Look through the sources."""
    return run.find(*map(Path, folders), retry_failed=retry_failed)


@task(**BACK_OFF, cache_policy=NO_CACHE, tags=["recognition"], timeout_seconds=_BATCH_LIMIT)
def audit(run: AuditRun, batch: Batch) -> Audited:
    """Read or hear a batch and judge it; finished transcripts are not made again when this is retried."""
    return run.audit(batch)


@task(**BACK_OFF, cache_policy=NO_CACHE)
def store(run: AuditRun, audited: Audited, batch: Batch) -> None:
    """Load what became of the batch."""
    run.store(audited, batch)


@task(**BACK_OFF, cache_policy=NO_CACHE)
def settle_and_publish(run: AuditRun) -> RunSummary:
    """Judge open promises again and publish the read-only copy."""
    run.settle_promises()
    return run.finish()


@task(cache_policy=NO_CACHE)
def keep_to_retention(settings: Settings) -> None:
    """Take away what is past its age."""
    retain(settings)


@task(cache_policy=NO_CACHE)
def alert(settings: Settings, summary: RunSummary, failed: int) -> None:
    """Tell people that nothing arrived, too much failed, or far fewer calls came than on such days before."""
    tell_of_night(settings, summary, run=str(flow_run.name), failed=failed)


def with_progress(batches: Sequence[Batch]) -> Iterator[Batch]:
    """The batches, with a bar on Prefect's page of the run that moves after each, audited or not."""
    done, calls = 0, sum(len(batch.arrivals) for batch in batches)
    bar = create_progress_artifact(0.0, description=f"0 of {calls} calls") if calls else None
    for batch in batches:
        yield batch
        done += len(batch.arrivals)
        # Outside of a coroutine it is no coroutine.
        if isinstance(bar, UUID):
            update_progress_artifact(bar, 100 * done / calls, description=f"{done} of {calls} calls")


def summary_table(summary: RunSummary, settings: Settings, *, failed: int = 0) -> str:
    """The run in a Markdown table, for Prefect's page; `failed` calls were neither audited nor refused."""
    rows = {
        "audited": f"{summary.audited} of {summary.audited + summary.quarantined + failed}",
        "quarantined": str(summary.quarantined),
        "failed, tried again next time": str(failed),
        "audited before": str(summary.already),
        "audio": f"{summary.audio_seconds / 3600:.2f} h, {summary.times_real_time:.1f} x real time",
        "tense calls": str(summary.tense_calls),
        "critical misses": str(summary.critical_misses),
    }
    notice = f"\n\n**Note:** {summary.notice}" if summary.notice else ""
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"# Run {summary.run_id}\n\n| | |\n|---|---|\n{table}{notice}\n\n{links(settings)}\n"


def links(settings: Settings, page: str = "") -> str:
    """Where all reports, and the weekly `page` where one is given, are: at their web address, else on disk."""
    where = settings.report.url.rstrip("/") or settings.reports.resolve().as_uri()
    if not (page or (settings.reports / INDEX).exists()):
        return f"No weekly report has been made yet; it will be in {where}"
    newest = f"[Weekly report]({where}/{page}) · " if page else ""
    return f"{newest}[all reports]({where}/{INDEX})"
