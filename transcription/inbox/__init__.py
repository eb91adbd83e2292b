"""Recordings and their metadata, found in a folder or an object store; what cannot be used is quarantined.

A call is known by the sha256 of its recording. Metadata come from a sidecar file beside the recording
(`call.wav` + `call.wav.json` or `call.json`), a table, or the file's name. A time that cannot be read quarantines
the call: it is never the file's own time and never "now".
"""

from transcription.inbox.arrival import Arrival, Inbox, Quarantined, at_hand
from transcription.inbox.fingerprints import Fingerprints
from transcription.inbox.scan import Preview, arrival_of, preview, scan
from transcription.inbox.source import SIDECARS, Source, check_format, presets
from transcription.inbox.storage import sha256_of

__all__ = [
    "SIDECARS",
    "Arrival",
    "Fingerprints",
    "Inbox",
    "Preview",
    "Quarantined",
    "Source",
    "arrival_of",
    "at_hand",
    "check_format",
    "presets",
    "preview",
    "scan",
    "sha256_of",
]
