"""errors.log: where callaudit broke down, so that it can be mended.

An entry holds files, lines and kinds of errors, never what an error says: that may quote a call. Its reference stands
in the quarantine, in `callaudit runs` or on the terminal, wherever somebody is told of the error.
"""

import tempfile
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from callaudit.flows.access import keep_private
from callaudit.transcription.errors import Trace

FILE_NAME = "errors.log"


def write_down(trace: Trace, *, home: Path | None, at: datetime) -> Path:
    """Add an entry to errors.log in `home`; returns the file.

    Where `home` is not known or cannot be written, the file is in the folder for temporary files.
    """
    keep_private()
    when = f"{at.astimezone():%Y-%m-%d %H:%M:%S %z}"
    entry = f"{trace.reference}  {when}  callaudit {version('call-audit')}\n{trace.frames}\n"
    for folder in (home, Path(tempfile.gettempdir())):
        if folder is None:
            continue
        file = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as log:
                log.write(entry)
        except OSError:
            continue
        return file
    return Path(FILE_NAME)
