import re
from datetime import datetime, timedelta, timezone
from html import unescape
from pathlib import Path

import msgspec
import numpy as np
import pytest
from markupsafe import escape

from callaudit.audit_rules.finding import Facts, Reason, Verdict
from callaudit.reports.call_page import render
from callaudit.reports.call_page.loudness import loudness, within
from callaudit.reports.call_page.page import CallPage, call_page
from callaudit.reports.call_page.queries import read
from callaudit.reports.page import call_file_name
from callaudit.transcription.audio import Audio, write_copy
from callaudit.transcription.errors import InputError
from callaudit.transcription.transcript import RolesFrom, Span, SpeakerRole
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.published import Published
from callaudit.warehouse.reviews import Review

MARCH = datetime(2026, 3, 5, 14, 7, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def page_of(published: Published, call_id: str, scorecard: str = "house") -> CallPage:
    return call_page(read(published, call_id), scorecard)


def shown(html: str) -> str:
    body = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.fixture(scope="module")
def angry(published, centre):
    return published([centre.angry_call("C015358", MARCH)])


def test_the_head_says_who_when_and_how_it_ended(angry):
    page = page_of(angry, "C015358")

    assert page.title == "Call C015358"
    assert page.who == "Anton Martin, Retention"
    assert page.when == "Thursday 5 March 2026, 08:37 (UTC), 2:14 long"
    assert page.outcome == "Tense, calmed by the end."
    assert (page.score, page.score_note, page.critical) == ("69", "11 of 16 rules met", "1 critical miss")
    assert page.week_href == "../weekly-2026-W10-house.html"


def test_every_rule_stands_once_on_the_house_scorecard(angry, centre):
    card = page_of(angry, "C015358").scorecards[0]
    rules = [line.rule_id for step in card.steps for line in step.rules]
    rules += [line.rule_id for _, lines in card.folded for line in lines]

    assert card.title == "House scorecard"
    assert sorted(rules) == sorted(centre.RULES)
    assert [told for told, _ in card.folded] == ["1 rule not needed on this call"]


def test_a_number_means_the_same_on_scorecard_timeline_and_transcript(angry):
    page = page_of(angry, "C015358")
    by_number = {line.number: line for step in page.scorecards[0].steps for line in step.rules if line.number}
    in_words = {number for line in page.lines for piece in line.pieces for number in piece.numbers}

    assert set(by_number) == in_words == {pin.number for pin in page.pins}
    blame = next(n for n, line in by_number.items() if line.rule_id == "ownership.avoids_blame")
    marked = "".join(p.text for line in page.lines for p in line.pieces if blame in p.numbers)
    assert marked == "You should have checked the tracking page."
    assert next(pin for pin in page.pins if pin.number == blame).css == "missed"


def test_another_scorecard_can_open_the_page(angry):
    page = page_of(angry, "C015358", "five_tips")

    assert [card.name for card in page.scorecards] == ["five_tips", "house"]
    assert page.score_note == "2 of 3 rules met"


def test_the_transcript_shows_tension_overlap_hold_and_calm_where_they_were(angry):
    lines = page_of(angry, "C015358").lines
    kinds = [line.kind for line in lines]

    tense = kinds.index("tense")
    assert lines[tense].quote == "This is ridiculous"
    assert "This is ridiculous" in "".join(p.text for p in lines[tense - 1].pieces)
    assert [line.text for line in lines if line.kind == "hold"] == ["On hold for 42 s"]
    assert kinds[-2:] == ["calm", "turn"]
    over = [line for line in lines if line.over]
    assert [line.at for line in over] == ["0:19", "0:22"]


def test_an_unexplained_silence_is_a_row_too(published, centre):
    heard = centre.transcript(centre.named_call("quiet", MARCH), centre.ANGRY)
    quiet = AuditedCall(heard, centre.audit(heard, centre.ANGRY_VERDICTS, silence=Span(53.0, 94.5)))

    lines = page_of(published([quiet]), "quiet").lines

    assert [line.text for line in lines if line.kind == "silence"] == ["42 s of silence"]


def test_words_of_little_confidence_are_dotted_and_masks_are_named(angry):
    pieces = [piece for line in page_of(angry, "C015358").lines for piece in line.pieces]

    assert [p.masked for p in pieces if p.masked] == ["card"]
    assert any(p.uncertain for p in pieces)


def test_a_verdict_that_hangs_on_an_uncertain_word_says_so(published, centre):
    words = [word for *_, text in centre.ANGRY for word in text.split()]

    def hangs_on(uncertain):
        heard = centre.transcript(
            centre.named_call("doubt", MARCH), centre.ANGRY,
            confidences=lambda n: 0.3 if words[n] in uncertain else 0.9,
        )  # fmt: skip
        page = page_of(published([AuditedCall(heard, centre.audit(heard, centre.ANGRY_VERDICTS))]), "doubt")
        return {line.rule_id: line.hangs_on for step in page.scorecards[0].steps for line in step.rules}

    # "You should have checked the tracking page."
    assert {rule for rule, word in hangs_on({"tracking"}).items() if word == "tracking"} >= {"composure.does_not_argue"}
    assert set(hangs_on(set()).values()) == {""}


def test_one_channel_with_guessed_speakers_says_what_it_cannot_show(published, centre):
    heard = centre.transcript(
        centre.named_call("mono", MARCH), centre.ANGRY, roles_from=RolesFrom.GUESSED, speech=False
    )
    page = page_of(published([AuditedCall(heard, centre.audit(heard, centre.ANGRY_VERDICTS))]), "mono")

    assert "Speakers guessed from the words (80% sure): says “thank you for calling”." in page.heard
    assert page.timeline_note.startswith("Both parties are on one channel: interruptions, holds")
    assert not any(line.over for line in page.lines)
    assert page.timeline is not None
    assert [lane.name for lane in page.timeline.lanes] == ["Agent", "Customer"]


def test_why_nobody_could_be_named_is_said_once(published, centre):
    heard = centre.transcript(centre.named_call("who", MARCH), centre.ANGRY, roles_from=RolesFrom.UNKNOWN, speech=False)
    why = "two voices too alike to tell apart"
    heard = msgspec.structs.replace(heard, role_evidence=why, warnings=(f"{why}: roles unknown", "a noisy line"))
    page = page_of(published([AuditedCall(heard, centre.audit(heard, {}, tense=False))]), "who")

    assert f"Who speaks could not be told ({why}), so rules" in page.heard
    assert page.heard.count(why) == 1
    assert "A noisy line." in page.heard


def test_speech_without_words_is_told(published, centre):
    heard = centre.transcript(centre.named_call("gap", MARCH), centre.ANGRY)
    heard = msgspec.structs.replace(heard, unheard={SpeakerRole.AGENT: (Span(3.0, 4.5), Span(8.0, 9.0))})
    page = page_of(published([AuditedCall(heard, centre.audit(heard, centre.ANGRY_VERDICTS))]), "gap")

    assert "No words were understood in 2.5 s of speech." in page.heard


def test_an_imported_transcript_says_that_its_times_are_its_own(published, centre):
    heard = centre.transcript(centre.named_call("imp", MARCH), centre.ANGRY, roles_from=RolesFrom.LABELS, speech=False)
    heard = msgspec.structs.replace(heard, recording=msgspec.structs.replace(heard.recording, codec="export"))
    page = page_of(published([AuditedCall(heard, centre.audit(heard, centre.ANGRY_VERDICTS))]), "imp")

    assert page.timeline_note.startswith("Times are the transcript's: interruptions")


def test_unknown_speakers_leave_no_score_and_no_claim(published, centre):
    lines = [(start, end, "?", text) for start, end, _, text in centre.ANGRY]
    heard = centre.transcript(centre.named_call("who", MARCH), lines, roles_from=RolesFrom.UNKNOWN, speech=False)
    verdicts = dict.fromkeys(centre.RULES, ("not_assessable", Reason.ROLES_UNKNOWN, ""))
    page = page_of(published([AuditedCall(heard, centre.audit(heard, verdicts, tense=None))]), "who")

    assert not page.scored
    assert page.score_note == "Not enough could be judged"
    assert page.outcome == "Whether it was tense cannot be told."
    assert {line.speaker for line in page.lines} == {"Speaker"}
    assert len(page.lines) == len(centre.ANGRY)
    assert [told for told, _ in page.scorecards[0].folded] == ["17 rules could not be judged"]


def test_a_chat_without_times_has_no_timeline_and_still_reads(published, centre, tmp_path):
    heard = centre.transcript(centre.named_call("chat", None), centre.ANGRY, roles_from=RolesFrom.LABELS, speech=False)
    bare = tuple(msgspec.structs.replace(u, start=None, end=None, words=()) for u in heard.utterances)
    heard = msgspec.structs.replace(heard, recording=None, utterances=bare)
    store = published([AuditedCall(heard, centre.audit(heard, centre.ANGRY_VERDICTS))])

    page = page_of(store, "chat")
    html = render(store, "chat", out=tmp_path / "chat.html").read_text()

    assert page.timeline is None
    assert page.when == "No date in the metadata, no times"
    assert page.week_href == ""
    assert 'class="player"' not in html
    assert "I can hear how frustrating this has been" in shown(html)


def test_a_call_of_silence_has_a_page(published, centre):
    heard = centre.transcript(centre.named_call("silent", MARCH), centre.ANGRY[:1])
    heard = msgspec.structs.replace(heard, utterances=(), speech={})
    silent = AuditedCall(heard, centre.audit(heard, {}, tense=False))

    page = page_of(published([silent]), "silent")

    assert page.lines == ()
    assert not page.scored
    assert page.outcome == "No words were heard."
    assert page.timeline is None
    assert page.heard == "Demo small heard no words."


def test_a_person_who_reversed_a_verdict_is_named_and_the_words_follow(published, centre):
    review = Review(
        review_id="r1",
        call_id="C015358",
        rule_id="ownership.avoids_blame",
        verdict=Verdict.MET,
        reviewer="Dana",
        reviewed_at=MARCH,
        note="said of the depot",
    )
    page = page_of(published([centre.angry_call("C015358", MARCH)], reviews=[review]), "C015358")
    line = next(x for s in page.scorecards[0].steps for x in s.rules if x.rule_id == "ownership.avoids_blame")

    assert line.css == "met"
    assert line.override == "Dana reversed this (the rule said missed): said of the depot."
    assert page.critical == ""


def test_audio_is_named_by_a_relative_path(angry, tmp_path):
    audio = tmp_path / "home" / "audio" / "call 1.ogg"
    out = tmp_path / "reports" / "calls" / call_file_name("C015358")

    with_audio = render(angry, "C015358", out=out, audio=audio).read_text()
    without = render(angry, "C015358", out=out).read_text()

    assert 'src="../../home/audio/call%201.ogg"' in with_audio
    assert "<audio" not in without
    assert "No playable copy of the audio." in shown(without)


EVIL = "a/b\"'><script>alert(1)</script>&\N{RIGHT-TO-LEFT OVERRIDE} é\N{GRINNING FACE}"


def test_hostile_words_and_names_stay_text(published, centre, tmp_path):
    lines = [
        *centre.ANGRY[:6],
        (28.6, 35.3, "A", f"I hear {EVIL}"),
        (36.0, 37.0, "C", "\N{HEBREW LETTER ALEF} \N{GRINNING FACE}"),
    ]
    call = centre.named_call(EVIL, MARCH, agent_name=EVIL, team="<b>")
    heard = centre.transcript(call, lines)
    audited = AuditedCall(
        heard,
        centre.audit(heard, {"clarify.mirrors": ("met", Reason.SAID_BACK, f"hear {EVIL}")}, facts=Facts(named=(EVIL,))),
    )
    audio = tmp_path / EVIL.replace("/", "") / 'x".ogg'

    html = render(published([audited]), EVIL, out=tmp_path / call_file_name(EVIL), audio=audio).read_text()

    assert html.count("<script") == 1  # The page's own.
    assert "alert(1)" not in re.sub(
        r"&lt;script&gt;alert\(1\)&lt;/script&gt;|%3Cscript%3Ealert%281%29%3C/script%3E", "", html
    )
    assert EVIL.replace("\N{RIGHT-TO-LEFT OVERRIDE}", "") in shown(html)
    assert f'data-call="{escape(EVIL)}"' in html
    assert "onerror" not in html


def test_the_page_reads_without_its_script(angry, tmp_path):
    html = render(angry, "C015358", out=tmp_path / "c.html", audio=tmp_path / "c.ogg").read_text()
    body = re.sub(r"<script>.*?</script>", "", html, flags=re.S)

    assert '<audio id="audio" controls' in body
    targets = set(re.findall(r'id="(turn-\d+)"', body))
    linked = set(re.findall(r'href="#(turn-\d+)"', body))
    assert linked
    assert linked <= targets


def test_an_unknown_call_is_named(angry, tmp_path):
    with pytest.raises(InputError, match="No call 'nobody'"):
        render(angry, "nobody", out=tmp_path / "c.html")


def test_the_same_call_gives_the_same_bytes(angry, tmp_path):
    one, two = (render(angry, "C015358", out=tmp_path / name).read_bytes() for name in ("a.html", "b.html"))

    assert one == two


def test_a_hold_is_hatched_on_the_timeline(angry):
    page = page_of(angry, "C015358")

    assert page.timeline is not None
    assert len(page.timeline.holds) == 1
    assert page.holds == "53.00,94.50"
    assert Span(53.0, 94.5).duration == 41.5


def test_pages_ask_nothing_of_the_network(angry, tmp_path: Path):
    html = render(angry, "C015358", out=tmp_path / "c.html").read_text()

    assert not re.search(r"https?:|@import|url\((?!#)|fetch\(|XMLHttp", html)


def test_how_loud_each_party_was_is_drawn_from_its_own_channel_and_measured_once(angry, tmp_path):
    copy = tmp_path / "sound.webm"
    hiss = np.random.default_rng(3).normal(0, 0.1, (2, 8000 * 134)).astype(np.float32)
    hiss[0, 8000 * 67 :] = 0  # The agent is silent in the second half.
    hiss[1] = 0
    write_copy(copy, Audio(samples=hiss, sample_rate=8000, codec="pcm", source_rate=8000))

    heard = loudness(copy)
    page = call_page(read(angry, "C015358"), "house", heard)

    agent, customer = heard
    assert min(agent[5:240]) > 50
    assert max(agent[260:]) <= 1
    assert max(customer) <= 1
    assert all(lane.wave for lane in page.timeline.lanes)
    assert not any(lane.blocks for lane in page.timeline.lanes)
    kept = copy.with_suffix(".loudness")
    kept.write_text("[[1],[2]]")
    assert loudness(copy) == ((1,), (2,))


def test_without_a_copy_that_can_be_read_the_timeline_shows_when_each_spoke(angry, tmp_path):
    spoiled = tmp_path / "sound.webm"
    spoiled.write_text("no sound")
    page = call_page(read(angry, "C015358"), "house", loudness(spoiled))

    assert all(lane.blocks and not lane.wave for lane in page.timeline.lanes)


def test_on_one_channel_each_is_as_loud_as_the_channel_while_they_speak():
    assert within((9, 8, 7, 6), (Span(0.0, 0.9), Span(2.5, 2.9)), 4.0) == (9, 0, 7, 0)
