"""Ctrl-C and SIGTERM in a run from the command line: everything stops at once, and no worker outlives its run.

Left alone, Prefect would report the stop to its server and wait for it. Nothing needs a farewell: DuckDB keeps a
transaction whole or not at all, a finished transcript is renamed into place, and the server ends with the run.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from threading import Thread
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stops_at_once() -> Iterator[None]:
    """While the block lasts, a signal ends this process and its workers.

    The exit code is 128 + the signal's number, as a shell reports it: 130 for Ctrl-C.
    """
    before = {number: signal.signal(number, _stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    for worker in multiprocessing.active_children():
        worker.terminate()
    os.write(2, b"\nStopped. What was finished is safe; callaudit run goes on from there.\n")
    os._exit(128 + number)


def stop(pool: ProcessPoolExecutor | None) -> None:
    """End a pool's processes whatever they are at."""
    if pool is not None:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def stay_with_the_run() -> None:
    """In a worker: leave Ctrl-C to the run, which then stops its workers, and end when the run was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_run, daemon=True).start()


def _end_with_the_run() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
