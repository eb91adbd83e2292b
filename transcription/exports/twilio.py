"""Twilio Conversational Intelligence, sentences of a transcript, API version 2.

Source: Twilio's OpenAPI description, `twilio_intelligence_v2.json`. Times and confidences are text and may be null.
The sentences come in pages: a file is one page, or a JSON list of all of them. Channels are numbered from 0 or from 1
and say nothing of roles. Personal data are masked by default, and the file does not say whether they are.
"""

from itertools import pairwise

import msgspec

from callaudit.transcription.exports.shape import (
    Content,
    Export,
    Flaw,
    Known,
    Said,
    Shape,
    Token,
    numbered,
    seconds,
    share,
    timed,
)


class _Word(msgspec.Struct, gc=False):
    word: str
    start_time: str | float | None = None
    end_time: str | float | None = None


class _Sentence(msgspec.Struct):
    transcript: str
    media_channel: int | None = None
    sentence_index: int | None = None
    start_time: str | float | None = None
    end_time: str | float | None = None
    confidence: str | float | None = None
    words: list[_Word] | None = None


class _Meta(msgspec.Struct):
    page: int | None = None
    next_page_url: str | None = None
    previous_page_url: str | None = None


class _Page(msgspec.Struct):
    sentences: list[_Sentence]
    meta: _Meta | None = None


_PAGE = msgspec.json.Decoder(_Page)
_PAGES = msgspec.json.Decoder(list[_Page])


def _read(content: Content, _: Known) -> Export:
    pages = _PAGES.decode(content.text) if content.is_list else [_PAGE.decode(content.text)]
    pages = sorted(pages, key=lambda p: (p.meta.page or 0) if p.meta else 0)
    first, last = pages[0].meta, pages[-1].meta
    numbers = [p.meta.page for p in pages if p.meta and p.meta.page is not None]
    gap = any(after != before + 1 for before, after in pairwise(numbers))
    if gap or (last is not None and last.next_page_url) or (first is not None and first.page):
        raise Flaw(
            "export_incomplete",
            "some pages of the sentences are missing: meta names further pages",
            tries=(
                "fetch every page (follow meta.next_page_url)",
                "put the pages into one file as a JSON list: jq -s . page*.json > call.json",
            ),
        )
    sentences = [sentence for page in pages for sentence in page.sentences]
    said = tuple(_said(s, f"sentences[{n}]") for n, s in enumerate(sentences))
    return Export(said=said, own_channels=len({s.media_channel for s in sentences} - {None}) > 1)


def _said(sentence: _Sentence, place: str) -> Said:
    starts, ends = f"{place}.words.start_time", f"{place}.words.end_time"
    words = [Token(w.word, seconds(w.start_time, starts), seconds(w.end_time, ends)) for w in sentence.words or ()]
    return Said(
        speaker=numbered(sentence.media_channel),
        text=sentence.transcript,
        start=seconds(sentence.start_time, f"{place}.start_time"),
        end=seconds(sentence.end_time, f"{place}.end_time"),
        words=timed(words),
        confidence=share(sentence.confidence, f"{place}.confidence"),
    )


TWILIO = Shape(
    name="Twilio",
    known_by="JSON with sentences that have a media_channel, or a list of such pages",
    recognises=lambda c: c.has("sentences") and (c.has("meta") or c.inside("sentences", "media_channel")),
    read=_read,
    in_pages=True,
    piece=("media_channel", "transcript"),
    around=(b'{"sentences":[', b"]}"),
)
