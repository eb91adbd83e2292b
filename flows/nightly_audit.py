"""The nightly audit: every recording that is not audited yet, in one Prefect flow.

The tasks wrap the steps of `flows.audit_run.AuditRun`, which knows nothing of Prefect. DuckDB, not Prefect,
remembers what is done: a run that died is simply run again.
"""

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.audit_run import AuditRun, RunSummary
from flows.batches import Batch
from flows.judging import Audited
from flows.retention import retain
from flows.settings import Settings, load_settings
from flows.watch import watched
from transcription.inbox import Arrival


@flow(name="nightly-audit", flow_run_name=lambda: f"audit {flow_run.scheduled_start_time:%Y-%m-%d %H:%M}")
def nightly_audit(
    config: str | None = None, folders: list[str] | None = None, retry_failed: bool = False
) -> RunSummary:
    """Audit every recording that is not audited yet, then publish a fresh copy for the readers.

    Args:
        config: the settings file; without it `CALLAUDIT_CONFIG` or `callaudit.toml` in the current folder.
        folders: look only here instead of in the configured sources.
        retry_failed: also try again what is in quarantine for its audio.
    """
    settings = load_settings(Path(config) if config else None)
    with watched(settings), AuditRun(settings) as run:
        arrivals = find_recordings(run, folders or [], retry_failed)
        for batch in run.batches(arrivals):
            audited = audit.with_options(task_run_name=f"audit batch {batch.number}")(run, batch)
            store.with_options(task_run_name=f"store batch {batch.number}")(run, audited, batch)
        summary = settle_and_publish(run)
    keep_to_retention(run.settings)
    create_markdown_artifact(key="nightly-audit", markdown=summary_table(summary), description="What the run did")
    return summary


@task(
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_condition_fn=lambda task, run, state: _can_heal(state),
    cache_policy=NO_CACHE,
)
def find_recordings(run: AuditRun, folders: list[str], retry_failed: bool) -> list[Arrival]:
    """Look through the sources."""
    return run.find(*map(Path, folders), retry_failed=retry_failed)


@task(
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_condition_fn=lambda task, run, state: _can_heal(state),
    cache_policy=NO_CACHE,
)
def audit(run: AuditRun, batch: Batch) -> Audited:
    """Read or hear a batch and judge it; finished transcripts are not made again when this is retried."""
    return run.audit(batch)


@task(cache_policy=NO_CACHE)
def store(run: AuditRun, audited: Audited, batch: Batch) -> None:
    """Load what became of the batch."""
    run.store(audited, batch)


@task(cache_policy=NO_CACHE)
def settle_and_publish(run: AuditRun) -> RunSummary:
    """Judge open promises again and publish the read-only copy."""
    run.settle_promises()
    return run.finish()


@task(cache_policy=NO_CACHE)
def keep_to_retention(settings: Settings) -> None:
    """Take away what is past its age."""
    retain(settings)


def summary_table(summary: RunSummary) -> str:
    """The run in a Markdown table, for Prefect's page."""
    rows = {
        "audited": f"{summary.audited} of {summary.found}",
        "in quarantine": str(summary.quarantined),
        "audited before": str(summary.already),
        "audio": f"{summary.audio_seconds / 3600:.2f} h, {summary.times_real_time:.1f} x real time",
        "tense calls": str(summary.tense_calls),
        "critical misses": str(summary.critical_misses),
    }
    notice = f"\n\n**Note:** {summary.notice}" if summary.notice else ""
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"# Run {summary.run_id}\n\n| | |\n|---|---|\n{table}{notice}\n"


def _can_heal(state: object) -> bool:
    """Storage that is away for a moment comes back; a mistake in the settings does not."""
    error = getattr(state, "data", None)
    return isinstance(error, OSError) or isinstance(getattr(error, "exception", None), OSError)
