"""What a run did, for Prometheus: a text file that node_exporter's textfile collector reads.

A run ends before anything could ask it, so it leaves its figures in a file. Totals go on from what the file said
before; without the file they begin at 0, which Prometheus takes for a restart. The only importer of prometheus_client.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from callaudit.flows.telemetry.events import Ended, Event, Refused, StepDone, Stored, Transcribed
from callaudit.transcription.errors import SetupError

# Everybody may read it: it holds counts, and who collects it is another user.
_MODE = 0o644

_TOTALS = {
    "callaudit_calls_audited": "Calls audited and stored.",
    "callaudit_audio_seconds": "Seconds of audio heard by a recogniser.",
    "callaudit_runs": "Runs that ended, by outcome.",
    "callaudit_calls_refused": "Files put in quarantine, by reason.",
}
_LABEL = {"callaudit_runs": "outcome", "callaudit_calls_refused": "reason"}


class Metrics(logging.Handler, Collector):
    """Counts a run's events, and writes the file when the run ends.

    Raises SetupError where the file's folder is not there.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        if not file.parent.is_dir():
            raise SetupError(
                f"the metrics cannot be written to {file}",
                why=f"There is no folder {file.parent}.",
                tries=(f"mkdir -p {file.parent}", "or set [watch] metrics to another file"),
            )
        self._file = file
        self._totals, self._last_success = _told_before(file)
        self._steps: defaultdict[str, float] = defaultdict(float)
        self._audited = self._refused = 0
        self._ended: Ended | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Count one event."""
        event = getattr(record, "event", None)
        match event:
            case Stored():
                self._audited += event.calls
                self._totals["callaudit_calls_audited", ""] += event.calls
            case Transcribed() if not event.reused:
                self._totals["callaudit_audio_seconds", ""] += event.audio_seconds
            case Refused() if not event.again:
                self._refused += 1
                self._totals["callaudit_calls_refused", event.code] += 1
            case StepDone():
                self._steps[event.step] += event.seconds
            case Ended():
                self._end(event)
            case Event() | _:
                pass

    def collect(self) -> Iterator[Metric]:
        """The figures as Prometheus wants them."""
        for name, says in _TOTALS.items():
            label = _LABEL.get(name)
            if label is None:
                yield CounterMetricFamily(name, says, value=self._totals[name, ""])
                continue
            total = CounterMetricFamily(name, says, labels=[label])
            for (which, value), number in sorted(self._totals.items()):
                if which == name:
                    total.add_metric([value], number)
            yield total
        last: dict[str, tuple[str, float]] = {
            "callaudit_last_run_calls_audited": ("Calls that the last run audited.", self._audited),
            "callaudit_last_run_calls_refused": ("Files that the last run put in quarantine.", self._refused),
            "callaudit_last_run_seconds": ("How long the last run took.", self._ended.seconds if self._ended else 0),
            "callaudit_last_run_end_time_seconds": ("When the last run ended, seconds since 1970.", time.time()),
            "callaudit_last_success_time_seconds": ("When a run last finished; 0 for never.", self._last_success),
        }
        for name, (says, number) in last.items():
            yield GaugeMetricFamily(name, says, value=number)
        steps = GaugeMetricFamily(
            "callaudit_last_run_step_seconds", "Seconds of the last run by step.", labels=["step"]
        )
        for step, seconds in sorted(self._steps.items()):
            steps.add_metric([step], seconds)
        yield steps

    def _end(self, event: Ended) -> None:
        self._ended = event
        self._totals["callaudit_runs", event.state] += 1
        if event.state == "finished":
            self._last_success = time.time()
        registry = CollectorRegistry()
        registry.register(self)
        try:
            write_to_textfile(str(self._file), registry)
            self._file.chmod(_MODE)
        except OSError:
            # The calls are stored; a figure that is missing is no reason to lose a night.
            logging.getLogger("callaudit").warning("the metrics could not be written")


def _told_before(file: Path) -> tuple[defaultdict[tuple[str, str], float], float]:
    """The totals by metric and label, and the last success, as the former run wrote them; a broken file tells none."""
    totals: defaultdict[tuple[str, str], float] = defaultdict(float)
    last_success = 0.0
    try:
        families = list(text_string_to_metric_families(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return totals, last_success
    for family in families:
        for sample in family.samples:
            name = sample.name.removesuffix("_total")
            if name in _TOTALS:
                totals[name, "".join(sample.labels.values())] += sample.value
            elif name == "callaudit_last_success_time_seconds":
                last_success = sample.value
    return totals, last_success
