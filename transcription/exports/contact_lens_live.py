"""Amazon Connect Contact Lens, real-time analysis: its segments as the API or the Kinesis stream gives them.

Source: Amazon Connect API reference, `ListRealtimeContactAnalysisSegments`; administrator guide, "Kinesis data stream
schema". Times are milliseconds. Segments come in pages or events, a JSON list or a line each; what concerns no words
(categories, summaries, the events STARTED and COMPLETED) is passed over. An `Utterance` is a part of a turn that comes
whole later, as a `Transcript`; the same turn may come more than once, under the same id.
"""

import msgspec

from callaudit.transcription.exports.amazon import Turn, check_is_voice
from callaudit.transcription.exports.shape import Content, Export, Flaw, Known, Shape, failed


class _Turn(Turn, rename="pascal", kw_only=True):
    id: str
    participant_id: str = ""
    participant_role: str = ""


class _Segment(msgspec.Struct, rename="pascal"):
    transcript: _Turn | None = None


class _Page(msgspec.Struct, rename="pascal"):
    segments: list[_Segment] = []
    channel: str = "VOICE"
    event_type: str = ""
    contact_id: str = ""
    language_code: str | None = None
    next_token: str | None = None


_PAGE = msgspec.json.Decoder(_Page)
_PAGES = msgspec.json.Decoder(list[_Page])


def _pages(content: Content) -> list[_Page]:
    return _PAGES.decode(content.text) if content.is_list else [_PAGE.decode(content.text)]


def _read(content: Content, _: Known) -> Export:
    pages = _pages(content)
    if len({page.contact_id for page in pages if page.contact_id}) > 1:
        raise Flaw("several_calls", "the segments of several contacts in one file", tries=("make a file of each",))
    if any(page.event_type == "FAILED" for page in pages):
        raise failed("one of its events is FAILED")
    if pages[-1].next_token:
        raise Flaw(
            "export_incomplete",
            "some pages of the segments are missing: NextToken names further ones",
            tries=("fetch every page (follow NextToken)", "put the pages into one file as a JSON list"),
        )
    for page in pages:
        check_is_voice(page.channel)
    turns = {s.transcript.id: s.transcript for page in pages for s in page.segments if s.transcript is not None}
    return Export(
        said=tuple(turn.said(turn.participant_role or turn.participant_id) for turn in turns.values()),
        own_channels=True,
        language=next((page.language_code for page in pages if page.language_code), None),
    )


CONTACT_LENS_LIVE = Shape(
    name="Contact Lens real-time",
    known_by="JSON with Segments that have a Transcript, or a list of such pages or events",
    recognises=lambda c: c.inside("Segments", "Transcript") or c.has("EventType", "ContactId"),
    read=_read,
    contact=lambda content: next((page.contact_id for page in _pages(content) if page.contact_id), ""),
    in_pages=True,
    piece=("Transcript",),
    around=(b'{"Segments":[', b"]}"),
)
