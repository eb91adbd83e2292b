"""What is tried again when nobody watches, and what is not."""

import errno

import pytest
from prefect.states import exception_to_failed_state
from prefect.utilities.asyncutils import run_coro_as_sync

from callaudit.flows.nightly_audit import audit, find_recordings, open_warehouse, settle_and_publish, store
from callaudit.flows.scheduling.unattended import error_of
from callaudit.transcription.errors import InputError, LockedError, SetupError, Unreadable, can_heal


def raised(error: Exception, cause: BaseException | None = None) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "heals"),
    [
        (OSError(errno.EIO, "the share is away"), True),
        (TimeoutError("the store does not answer"), True),
        (raised(InputError("the bucket cannot be listed"), OSError("curl: no route")), True),
        (raised(RuntimeError("outer"), raised(InputError("inner"), ConnectionError())), True),
        (LockedError("another run holds the warehouse"), True),
        (raised(SetupError("the disk is full"), OSError(errno.ENOSPC, "No space left")), True),
        (raised(SetupError("the password cannot be read"), FileNotFoundError(errno.ENOENT, "no such file")), False),
        (SetupError("a mistake in the settings"), False),
        (InputError("no source of recordings is set"), False),
        (Unreadable("not_audio", "x.wav: not audio"), False),
        (ValueError("a mistake of ours"), False),
        (None, False),
    ],
)
def test_storage_and_locks_heal_and_mistakes_do_not(error, heals):
    assert can_heal(error) is heals


def test_the_error_is_found_in_the_state_that_prefect_makes_of_it():
    error = InputError("the bucket cannot be listed")
    assert error_of(run_coro_as_sync(exception_to_failed_state(error))) is error


@pytest.mark.parametrize("task", [find_recordings, audit, store, settle_and_publish, open_warehouse])
def test_second_tries_wait_longer_each_time_and_never_all_at_once(task):
    waits = task.retry_delay_seconds
    assert len(waits) == task.retries >= 4
    assert waits == sorted(waits)
    assert waits[1] > waits[0] > 0
    assert task.retry_jitter_factor > 0
    assert task.retry_condition_fn is not None


def test_a_run_waits_for_the_warehouse_for_hours_but_not_for_ever():
    assert 5 * 3600 < sum(open_warehouse.retry_delay_seconds) < 8 * 3600


def test_nothing_is_stored_a_second_time_by_prefect():
    from callaudit.flows.nightly_audit import nightly_audit
    from callaudit.flows.weekly_report import weekly_report

    assert nightly_audit.persist_result is weekly_report.persist_result is False
    assert all(task.persist_result is not True for task in (find_recordings, audit, store, settle_and_publish))
