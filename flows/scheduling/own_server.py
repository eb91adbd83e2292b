"""A Prefect server of our own, for this machine only, that cannot outlive who started it.

It holds one end of a pipe whose other end is ours: the system closes that when we end, however that comes about, and
the server ends. So a run that is killed leaves nothing running.
"""

import os
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import cast

from callaudit import ENVIRONMENT
from callaudit.transcription.errors import SetupError

_START_LIMIT = 300.0
# As Prefect starts a server for one run by itself: nothing is scheduled in it, and it shows no pages.
_FOR_ONE_RUN = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


@contextmanager
def some_server(meanwhile: Callable[[], object] = bool) -> Iterator[str]:
    """The Prefect server that PREFECT_API_URL names, or one of our own while the block lasts; its URL.

    `meanwhile` is done while ours starts, which takes seconds, as importing Prefect does: importing the flow, say.

    Raises SetupError where the one that is named does not answer, ours does not start, or either goes away meanwhile.
    """
    import httpx  # noqa: PLC0415  Ours is started before anything else is imported.

    url = named_server()
    try:
        if url:
            if not answers(url):
                raise SetupError(
                    f"the Prefect server at {url} does not answer",
                    why="PREFECT_API_URL, or Prefect's profile, names it.",
                    tries=("start it", "unset PREFECT_API_URL  (callaudit run needs no server of yours)"),
                )
            meanwhile()
            yield url
            return
        with _for_one_run(meanwhile) as url:
            from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415  As above.

            with temporary_settings({PREFECT_API_URL: url}):
                yield url
    except httpx.HTTPError as error:
        raise SetupError(
            f"the Prefect server at {url} does not answer any more",
            why=f"{type(error).__name__}. What was stored is safe.",
            tries=("callaudit run  (it goes on where it stopped)",),
        ) from error


def named_server() -> str | None:
    """The server that the environment or a file of Prefect's settings names; without such a file nobody is asked."""
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    files = (home / "profiles.toml", Path("prefect.toml"), Path("pyproject.toml"), Path(".env"))
    if "PREFECT_API_URL" not in os.environ and not any(file.exists() for file in files):
        return None
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415  It takes a second to import.

    return cast("str | None", PREFECT_API_URL.value())


@contextmanager
def _for_one_run(meanwhile: Callable[[], object]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = ["uvicorn", "prefect.server.api.server:create_app", "--factory", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--log-level", "error", "--lifespan", "on"]
    with started(command, port=port, environment=_FOR_ONE_RUN, meanwhile=meanwhile) as url:
        yield url


@contextmanager
def started(
    command: list[str],
    *,
    port: int,
    environment: dict[str, str] | None = None,
    meanwhile: Callable[[], object] = bool,
) -> Iterator[str]:
    """The server that a module of Python and its arguments start on a port, while the block lasts; its URL.

    Raises SetupError where it does not answer in time.
    """
    url = f"http://127.0.0.1:{port}/api"
    # In a session of its own: Ctrl-C is for us, and the server must outlive the runs that report to it.
    own = subprocess.Popen(  # noqa: S603  Words of our own, and no shell.
        [sys.executable, "-m", __name__, *command],
        env={**ENVIRONMENT, **os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        meanwhile()
        _wait_for(own, url, port)
        yield url
    finally:
        own.terminate()
        try:
            own.wait(timeout=10)
        except subprocess.TimeoutExpired:
            own.kill()
            own.wait()


def answers(url: str) -> bool:
    """Whether a Prefect server is there."""
    import httpx  # noqa: PLC0415  As above.

    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == httpx.codes.OK
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _wait_for(own: "subprocess.Popen[bytes]", url: str, port: int) -> None:
    until = time.monotonic() + _START_LIMIT
    while time.monotonic() < until and own.poll() is None:
        if listens(port) and answers(url):
            return
        time.sleep(0.05)
    import prefect  # noqa: PLC0415  As above.

    raise SetupError(
        f"Prefect's server did not start on port {port}",
        why=f"PREFECT_HOME, where it keeps its history, is {prefect.settings.get_current_settings().home}.",
        tries=("callaudit prefect server start  (says why)", "check that PREFECT_HOME can be written"),
    )


def listens(port: int) -> bool:
    """Whether some program of this machine listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end_with_who_started_it() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


if __name__ == "__main__":
    Thread(target=_end_with_who_started_it, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
