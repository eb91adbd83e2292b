"""Recordings and their metadata, found in a folder or an object store; what cannot be used is quarantined.

A call is known by the sha256 of its recording. Metadata come from a sidecar file beside the recording
(`call.wav` + `call.wav.json` or `call.json`), a table, or the file's name. A time that cannot be read quarantines
the call: it is never the file's own time and never "now".
"""

from callaudit.transcription.inbox.arrival import Arrival, Inbox, Quarantined, local_copy
from callaudit.transcription.inbox.fingerprints import Fingerprints
from callaudit.transcription.inbox.scan import Preview, arrival_of, preview, scan
from callaudit.transcription.inbox.source import SIDECARS, Source, check_format, presets
from callaudit.transcription.inbox.storage import sha256_of

__all__ = [
    "SIDECARS",
    "Arrival",
    "Fingerprints",
    "Inbox",
    "Preview",
    "Quarantined",
    "Source",
    "arrival_of",
    "check_format",
    "local_copy",
    "presets",
    "preview",
    "scan",
    "sha256_of",
]
