"""Audits recorded customer-service calls: the command, and the rooms of the house below one name of their own.

In a checkout the rooms are links to the folders beside this one; an installation holds the folders themselves.
"""

import os

ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "DO_NOT_TRACK": "1",
}
"""What Prefect is told wherever callaudit starts it, a run, a server or a worker.

Nothing leaves the machine, no browser is sent for assets, and a slow disk may take its time to start.
"""

HEART_BEAT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
"""What scheduled runs are told besides: a machine that died is known by this pulse stopping.

It is in seconds; Prefect allows no quicker one.
"""

# Set before Prefect is first imported: it reads prefect.toml only from the current folder.
for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

# A process that is killed leaves its semaphores to Python's resource tracker, which removes them and then complains.
_SILENT = "ignore:resource_tracker:UserWarning"
if _SILENT not in os.environ.get("PYTHONWARNINGS", ""):
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), _SILENT)))
