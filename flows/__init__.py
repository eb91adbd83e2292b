"""Prefect flows, settings and the command line. The only importer of prefect."""

import os

# Set before Prefect is first imported: it reads prefect.toml only from the current folder.
# Nothing leaves the machine, no browser is sent for assets, and a slow disk may take its time to start.
for _name, _value in {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "DO_NOT_TRACK": "1",
}.items():
    os.environ.setdefault(_name, _value)
