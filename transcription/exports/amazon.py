"""What Contact Lens, its real-time analysis and Transcribe Call Analytics write alike.

Times are milliseconds. Who speaks a turn is said in three ways: by a role, by an id, or by either.
"""

from collections.abc import Iterable

import msgspec

from callaudit.transcription.exports.shape import Export, Flaw, Millis, Said, from_millis, unfinished
from callaudit.transcription.transcript import SpeakerRole, Word

_ROLES = {"AGENT": SpeakerRole.AGENT, "CUSTOMER": SpeakerRole.CUSTOMER, "SYSTEM": SpeakerRole.SYSTEM}


def role_of(participant: str) -> SpeakerRole | None:
    """The role that Amazon names so ("AGENT"); None for an id."""
    return _ROLES.get(participant)


class Turn(msgspec.Struct, rename="pascal", kw_only=True):
    """One turn, whoever speaks it."""

    begin_offset_millis: Millis
    end_offset_millis: Millis
    content: str

    def said(self, speaker: str, *, role: SpeakerRole | None = None, words: tuple[Word, ...] = ()) -> Said:
        """The turn as a piece of speech of `speaker`, whose role may be in that name."""
        return Said(
            speaker=speaker,
            role=role or role_of(speaker),
            text=self.content,
            start=from_millis(self.begin_offset_millis),
            end=from_millis(self.end_offset_millis),
            words=words,
        )


class _Characteristics(msgspec.Struct, rename="pascal"):
    total_conversation_duration_millis: Millis | None = None


class _Metadata(msgspec.Struct, rename="pascal"):
    output: str = ""


class Analysis(msgspec.Struct, rename="pascal", kw_only=True):
    """The file of an analysis that was made after the call, without its turns."""

    channel: str = "VOICE"
    job_status: str = "COMPLETED"
    language_code: str | None = None
    content_metadata: _Metadata | None = None
    conversation_characteristics: _Characteristics | None = None

    def export(self, said: Iterable[Said], *, model: str = "") -> Export:
        """The export with these pieces of speech. Raises `Flaw` for an unfinished analysis and for chats."""
        if self.job_status != "COMPLETED":
            raise unfinished(self.job_status)
        check_is_voice(self.channel)
        characteristics = self.conversation_characteristics
        length = characteristics.total_conversation_duration_millis if characteristics else None
        return Export(
            said=tuple(said),
            model=model,
            own_channels=True,
            duration=None if length is None else from_millis(length),
            language=self.language_code,
            masked=self.content_metadata is not None and self.content_metadata.output == "Redacted",
        )


def check_is_voice(channel: str) -> None:
    """Raises `Flaw` for contacts that are no calls."""
    if channel != "VOICE":
        raise Flaw(
            "export_unusable",
            f"Channel is {channel!r}: only voice contacts are calls",
            tries=("leave chats and e-mails out of the folder",),
        )
