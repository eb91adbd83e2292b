"""Amazon Connect Contact Lens, post-call analysis of voice contacts.

Source: Amazon Connect administrator guide, "Example Contact Lens output files for a call". Times are milliseconds.
Who speaks is in `Participants`: newer files give each a UUID, older ones "AGENT" and "CUSTOMER"; there may be a
SYSTEM. Turns have neither words nor confidences.
"""

import msgspec

from callaudit.transcription.exports.shape import (
    Content,
    Export,
    Flaw,
    Known,
    Millis,
    Said,
    Shape,
    from_millis,
    unfinished,
)
from callaudit.transcription.transcript import SpeakerRole

ROLES = {"AGENT": SpeakerRole.AGENT, "CUSTOMER": SpeakerRole.CUSTOMER, "SYSTEM": SpeakerRole.SYSTEM}


class _Participant(msgspec.Struct, rename="pascal"):
    participant_role: str
    participant_id: str = ""


class _Turn(msgspec.Struct, rename="pascal"):
    participant_id: str
    begin_offset_millis: Millis
    end_offset_millis: Millis
    content: str


class _Characteristics(msgspec.Struct, rename="pascal"):
    total_conversation_duration_millis: Millis | None = None


class _Metadata(msgspec.Struct, rename="pascal"):
    output: str = ""


class _Customer(msgspec.Struct, rename="pascal"):
    contact_id: str = ""


class _Contact(msgspec.Struct, rename="pascal"):
    customer_metadata: _Customer | None = None


class _File(msgspec.Struct, rename="pascal"):
    participants: list[_Participant]
    transcript: list[_Turn]
    version: str = ""
    channel: str = "VOICE"
    job_status: str = "COMPLETED"
    language_code: str | None = None
    content_metadata: _Metadata | None = None
    conversation_characteristics: _Characteristics | None = None


_DECODER = msgspec.json.Decoder(_File)


def _read(content: Content, _: Known) -> Export:
    file = _DECODER.decode(content.text)
    if file.job_status != "COMPLETED":
        raise unfinished(file.job_status)
    if file.channel != "VOICE":
        raise Flaw(
            "export_unusable",
            f"Channel is {file.channel!r}: only voice contacts are calls",
            tries=("leave chats and e-mails out of the folder",),
        )
    roles = {p.participant_id: ROLES.get(p.participant_role) for p in file.participants}
    characteristics = file.conversation_characteristics
    length = characteristics.total_conversation_duration_millis if characteristics else None
    return Export(
        said=tuple(
            Said(
                speaker=turn.participant_id,
                role=roles.get(turn.participant_id) or ROLES.get(turn.participant_id),
                text=turn.content,
                start=from_millis(turn.begin_offset_millis),
                end=from_millis(turn.end_offset_millis),
            )
            for turn in file.transcript
        ),
        model=file.version,
        own_channels=True,
        duration=None if length is None else from_millis(length),
        language=file.language_code,
        masked=file.content_metadata is not None and file.content_metadata.output == "Redacted",
    )


def _contact(content: Content) -> str:
    customer = msgspec.json.decode(content.text, type=_Contact).customer_metadata
    return customer.contact_id if customer else ""


CONTACT_LENS = Shape(
    name="Contact Lens",
    known_by="JSON with Participants, and a Transcript whose turns have a ParticipantId",
    recognises=lambda c: c.has("Participants", "Transcript") and not c.inside("Transcript", "ParticipantRole"),
    read=_read,
    contact=_contact,
    piece=("ParticipantId", "BeginOffsetMillis", "Content"),
    around=(b'{"Participants":[],"Transcript":[', b"]}"),
)
