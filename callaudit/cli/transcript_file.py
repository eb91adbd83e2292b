"""`callaudit transcribe`: one recording or export as a transcript."""

from pathlib import Path

from callaudit.flows.auditing.transcription_pool import choose_engine, read_arrival
from callaudit.flows.settings import load_settings
from callaudit.transcription.captions import Format
from callaudit.transcription.inbox import arrival_of
from callaudit.transcription.transcribe import transcribe
from callaudit.transcription.transcript import SpeakerRole, Transcript

FORMATS: dict[str, Format] = {"text": "text", "txt": "text", "json": "json", "vtt": "vtt", "srt": "srt"}
"""The formats by what a person calls them or a file's name ends in."""


def transcript_of(file: Path, *, config: Path | None, agent_channel: int = 0, agent: str = "") -> Transcript:
    """The transcript of one recording or export, by the engine and with the masking that the settings name.

    Raises `InputError` for a file that is not there and `Unreadable` for one that cannot be read.
    """
    settings = load_settings(config)
    speakers = {agent: SpeakerRole.AGENT} if agent else {}
    arrival = arrival_of(file, zone=settings.site.timezone, agent_channel=agent_channel, speakers=speakers)
    if arrival.export:
        return read_arrival(arrival, settings=settings.transcription)
    engine = choose_engine(settings.engine, fetch=True)
    return transcribe(arrival, engine, settings=settings.transcription, spill=settings.decoded)
