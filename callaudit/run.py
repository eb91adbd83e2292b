"""`callaudit run`: recordings are looked for first, and Prefect is started only where there are some.

Prefect and a server of its own take ten seconds to start, and most looks into an inbox find nothing new.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.auditing.ledger import RunSummary
from callaudit.flows.erasure.retention import retain
from callaudit.flows.settings import Settings
from callaudit.flows.telemetry.events import Busy, tell
from callaudit.flows.telemetry.handlers import watched
from callaudit.transcription.errors import can_heal, is_disk_full
from callaudit.transcription.inbox import Arrival


def run_now(settings: Settings, folders: Sequence[Path] = (), *, retry_failed: bool = False) -> RunSummary:
    """Audit every recording of the folders, or of the settings' sources, that is not audited yet, and publish.

    Raises the errors of `AuditRun`, and SetupError where Prefect's server does not answer.
    """
    with watched(settings):
        with AuditRun(settings) as run:
            found: list[Arrival] | None = None
            try:
                found = run.find(*folders, retry_failed=retry_failed)
            except Exception as error:
                if not can_heal(error) or is_disk_full(error):
                    raise
                # Storage that does not answer is asked again by the flow, and later once more.
            if found != []:
                return _as_flow(run, found, folders, retry_failed=retry_failed)
            run.settle_promises()
            summary = run.finish()
        retain(settings)
        return summary


def _as_flow(run: AuditRun, found: list[Arrival] | None, folders: Sequence[Path], *, retry_failed: bool) -> RunSummary:
    tell(Busy(what="starting Prefect ..."))
    from callaudit.flows.scheduling.own_server import some_server  # noqa: PLC0415  Where nothing is found, not needed.

    with some_server(meanwhile=lambda: import_module("callaudit.flows.nightly_audit")):
        from callaudit.flows.nightly_audit import audit_now  # noqa: PLC0415  It was imported while the server started.

        return audit_now(run, found, folders, retry_failed=retry_failed)
