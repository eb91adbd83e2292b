"""`callaudit scan`: personal data that is left in what was stored; says where, never what."""

import html
import re
from collections.abc import Iterator
from itertools import groupby

import msgspec

from flows.recognition import read_staged
from flows.settings import Settings
from transcription.redaction import find
from transcription.redaction.leftovers import kinds_left
from transcription.transcript import SpeakerRole, Transcript, Utterance
from warehouse.connect import Published, newest_generation, open_published

_UTTERANCES = "select call_id, turn, role, text from core.utterances order by call_id, position"
_QUOTES = """
    select call_id, rule_id as place, e.quote as text from (select *, unnest(evidence) as e from core.findings)
    where e.quote is not null
    union all select call_id, 'promise', quote from core.promises where quote is not null
    order by all
"""
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class Leftover(msgspec.Struct, frozen=True, order=True):
    """Something that should have been masked: in which call or file, at which place of it, and of what kind."""

    where: str
    place: str
    kind: str


def leftovers(settings: Settings) -> list[Leftover]:
    """What is left in the published copy, in transcripts that wait to be loaded, and in the report pages.

    Transcripts are searched as they are before storage; quotes and pages for what is personal by its shape alone.
    """
    found: set[Leftover] = set()
    if newest_generation(settings.published) is not None:
        with open_published(settings.published) as published:
            found.update(_in_published(published))
    for staged in sorted(settings.staging.glob("*.json")):
        transcript = read_staged(staged)
        if transcript is not None:
            found.update(_in_transcript(transcript))
    for page in sorted(settings.reports.rglob("*.html")):
        text = html.unescape(_TAG.sub(" ", page.read_text(encoding="utf-8", errors="replace")))
        found.update(Leftover(str(page), "page", kind) for kind in kinds_left(text))
    return sorted(found)


def _in_published(published: Published) -> Iterator[Leftover]:
    for call_id, rows in groupby(published.rows(_UTTERANCES), key=lambda row: str(row["call_id"])):
        said = list(rows)
        utterances = [Utterance(role=SpeakerRole(row["role"]), text=row["text"]) for row in said]
        yield from _left(call_id, utterances, [int(row["turn"]) for row in said])
    for row in published.rows(_QUOTES):
        yield from (Leftover(row["call_id"], f"quote of {row['place']}", kind) for kind in kinds_left(row["text"]))


def _in_transcript(transcript: Transcript) -> Iterator[Leftover]:
    utterances = list(transcript.utterances)
    yield from _left(transcript.call.call_id, utterances, list(range(len(utterances))))


def _left(call_id: str, utterances: list[Utterance], turns: list[int]) -> Iterator[Leftover]:
    for one in find(utterances):
        yield Leftover(call_id, f"turn {turns[one.utterance]}", one.kind)
    for turn, utterance in zip(turns, utterances, strict=True):
        yield from (Leftover(call_id, f"turn {turn}", kind) for kind in kinds_left(utterance.text))
