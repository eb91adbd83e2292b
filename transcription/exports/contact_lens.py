"""Amazon Connect Contact Lens, post-call analysis of voice contacts.

Source: Amazon Connect administrator guide, "Example Contact Lens output files for a call". Times are milliseconds.
Who speaks is in `Participants`: newer files give each a UUID, older ones "AGENT" and "CUSTOMER"; there may be a
SYSTEM. Turns have neither words nor confidences.
"""

import msgspec

from callaudit.transcription.exports.amazon import Analysis, Turn, role_of
from callaudit.transcription.exports.shape import Content, Export, Known, Shape, of_json


class _Participant(msgspec.Struct, rename="pascal"):
    participant_role: str
    participant_id: str = ""


class _Turn(Turn, rename="pascal", kw_only=True):
    participant_id: str


class _File(Analysis, rename="pascal", kw_only=True):
    participants: list[_Participant]
    transcript: list[_Turn]
    version: str = ""


class _Customer(msgspec.Struct, rename="pascal"):
    contact_id: str = ""


class _Contact(msgspec.Struct, rename="pascal"):
    customer_metadata: _Customer | None = None


def _read(file: _File, _: Known) -> Export:
    roles = {p.participant_id: role_of(p.participant_role) for p in file.participants}
    turns = file.transcript
    return file.export((t.said(t.participant_id, role=roles.get(t.participant_id)) for t in turns), model=file.version)


def _contact(content: Content) -> str:
    customer = msgspec.json.decode(content.text, type=_Contact).customer_metadata
    return customer.contact_id if customer else ""


CONTACT_LENS = Shape(
    name="Contact Lens",
    known_by="JSON with Participants, and a Transcript whose turns have a ParticipantId",
    recognises=lambda c: c.has("Participants", "Transcript") and not c.inside("Transcript", "ParticipantRole"),
    read=of_json(_File, _read),
    contact=_contact,
    piece=("ParticipantId", "BeginOffsetMillis", "Content"),
    around=(b'{"Participants":[],"Transcript":[', b"]}"),
)
