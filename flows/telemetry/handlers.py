"""A run that tells programs how it goes: JSON lines and Prometheus, as far as the settings ask for them."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from callaudit.flows.settings import Settings
from callaudit.flows.telemetry.events import LOGGER, Ended, tell
from callaudit.transcription.errors import CallauditError

BROKE_DOWN = 70
"""The exit code of any error that is not one of ours: EX_SOFTWARE of sysexits.h, taken for no other."""


@contextmanager
def watched(settings: Settings) -> Iterator[None]:
    """Hear the events of a run while the block lasts, and tell its end: also that of a run that never began.

    Raises SetupError where a log or a file of metrics is asked for that cannot be written.
    """
    handlers = _handlers(settings)
    level = LOGGER.level
    for handler in handlers:
        LOGGER.addHandler(handler)
    if handlers:
        LOGGER.setLevel(logging.INFO)
    began = time.monotonic()
    try:
        yield
        tell(Ended(state="finished", seconds=time.monotonic() - began))
    except BaseException as error:
        code = error.exit_code if isinstance(error, CallauditError) else BROKE_DOWN
        # Only the kind: what an error says may name a file.
        tell(Ended(state="failed", seconds=time.monotonic() - began, error_kind=type(error).__name__, exit_code=code))
        raise
    finally:
        LOGGER.setLevel(level)
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()


def _handlers(settings: Settings) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    if settings.watch.log:
        from callaudit.flows.telemetry.json_log import Journal  # noqa: PLC0415  Only where it is asked for.

        handlers.append(Journal(settings.log))
    if settings.metrics is not None:
        from callaudit.flows.telemetry.prometheus import Metrics  # noqa: PLC0415  Only where it is asked for.

        handlers.append(Metrics(settings.metrics))
    return handlers
