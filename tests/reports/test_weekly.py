import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from callaudit.audit_rules.acts.said import Witness
from callaudit.audit_rules.finding import Verdict
from callaudit.reports.statistics import Rate, wilson
from callaudit.reports.weekly import render
from callaudit.reports.weekly.moments import funnel_chart
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.queries import read
from callaudit.transcription.errors import InputError
from callaudit.transcription.transcript import RolesFrom, Span, SpeakerRole
from callaudit.warehouse.arrow_tables import AuditedCall, transcript_hash
from callaudit.warehouse.heard_again import HeardAgain
from callaudit.warehouse.reviews import Review

WEEK = "2026-W10"


class _Text(HTMLParser):
    """Checks that what is opened is closed, and keeps the text that is shown."""

    VOID = frozenset("meta link br img input hr line path circle rect".split())

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.shown: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script", "title"} & set(self.open):
            self.shown.append(data)


def text_of(page: Path) -> str:
    parser = _Text()
    parser.feed(page.read_text(encoding="utf-8"))
    assert parser.open == []
    return re.sub(r"\s+", " ", " ".join(parser.shown))


def on(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.fixture(scope="module")
def few(published, centre):
    """Nine calls in two weeks, as a first try of the product has them."""
    calls = [centre.angry_call(f"w9-{i}", on(2) - timedelta(days=3, hours=i), i % 3) for i in range(4)]
    calls += [centre.angry_call(f"w10-{i}", on(3, 9 + i), i % 3) for i in range(5)]
    return published(calls)


@pytest.fixture(scope="module")
def many(published, centre):
    return published(centre.random_calls(3, 60))


def test_few_calls_are_counted_and_not_turned_into_noise(few, tmp_path):
    page = text_of(render(few, week=WEEK, out=tmp_path / "weekly.html"))

    assert "De-escalation quality: 2 to 8 March 2026" in page
    assert "5 calls audited, 5 of them tense. Compared with the week of 23 February (4 calls)." in page
    assert "Too few calls to compare weeks: 5 this week, 4 the week before." in page
    assert "5 of 5" in page
    assert "In 5 calls the agent blamed the customer, a critical miss. Listen to these first." in page
    assert "Too few to tell" in page
    assert "No clear change" not in page
    assert "above team" not in page
    assert "below team" not in page


def test_the_headline_is_the_share_of_steps_followed_with_its_range(few):
    page = weekly(read(few, week=WEEK, scorecard="house"))
    # Of ten steps one, ownership, is missed on every call; of three agents two have two calls.
    interval = Rate.clustered([(18, 20), (18, 20), (9, 10)]).interval()

    assert page.figures[0].value == "90%"
    assert interval.low < wilson(45, 50).low
    assert page.figures[0].likely == f"likely {interval.low:.0%} to {interval.high:.0%}"
    assert [f.value for f in page.figures[1:]] == ["5 of 5", "5 of 5", "5 of 5"]


def test_a_full_count_has_no_likely_range(few):
    figures = {f.name: f for f in weekly(read(few, week=WEEK, scorecard="house")).figures}

    assert figures["Calls audited"].likely == "all recordings counted"
    assert all(f.likely.startswith("likely ") for name, f in figures.items() if name != "Calls audited")


def test_how_far_tense_calls_get_is_told_of_those_that_were_judged_on_every_stage(few):
    readings = read(few, week=WEEK, scorecard="house")
    whole = funnel_chart(readings)
    # As if one stage of one call could not be judged: that call stands in no bar.
    fewer = funnel_chart(msgspec.structs.replace(readings, funnel=readings.funnel[1:]))

    assert (whole.bars[0].count, fewer.bars[0].count) == (5, 4)


def test_steps_and_rules_tell_what_the_views_say(many):
    page = weekly(read(many, week=WEEK, scorecard="house"))
    views = many.rows(
        "select step_title, judged, met from steps_by_week where iso_week = $week and scorecard = 'house' "
        "order by step_number",
        {"week": WEEK},
    )

    assert [(s.title, s.count) for s in page.steps] == [(row["step_title"], str(row["judged"])) for row in views]
    for step, row in zip(page.steps, views, strict=True):
        if row["judged"] >= 10:
            assert abs(int(step.value.rstrip("%")) - 100 * row["met"] / row["judged"]) <= 0.5 or step.value in (
                "1%",
                "99%",
            )
    rules = {rule.rule_id: rule for step in page.steps for rule in step.rules}
    assert rules["ownership.avoids_blame"].critical
    assert rules["listen.gives_listening_signals"].trial


def test_every_call_with_a_critical_miss_is_listened_to_first_under_its_agent(few):
    first = weekly(read(few, week=WEEK, scorecard="house")).first
    heard = {agent: [m.call_id for m in found] for agent, found in first.by_agent}

    assert sorted(call for calls in heard.values() for call in calls) == [f"w10-{i}" for i in range(5)]
    assert heard["Anton Martin"] == ["w10-0", "w10-3"]
    assert first.more == 0


def test_where_the_recogniser_alone_accuses_no_miss_is_called_critical(published, centre):
    proven, accused = centre.angry_call("proven", on(3), 0), centre.angry_call("accused", on(4), 1)
    alone = tuple(msgspec.structs.replace(f, witness=Witness.RECOGNISER) for f in accused.audit.findings)
    accused = AuditedCall(accused.transcript, msgspec.structs.replace(accused.audit, findings=alone))

    page = weekly(read(published([proven, accused]), week=WEEK, scorecard="house"))

    assert {f.name: f.value for f in page.figures}["Calls with a critical miss"] == "1 of 2"
    assert any(known.point.startswith("In 1 call the agent blamed the customer") for known in page.know)
    first = [moment for _, moments in page.first.by_agent for moment in moments]
    assert (first[0].call_id, first[0].critical) == ("proven", True)
    assert "accused" in {moment.call_id for moment in first}
    assert not any(moment.critical for moment in first if moment.call_id == "accused")
    assert page.first.more == 0


def test_the_worst_step_is_named_the_same_wherever_one_is(many):
    page = weekly(read(many, week=WEEK, scorecard="house"))
    (known,) = [known for known in page.know if known.point.startswith("Most points were lost")]

    assert page.drivers.lost[0].title in known.point
    assert f"missed on {page.drivers.lost[0].misses} of the" in known.detail


def test_a_step_that_collapsed_is_called_worse_and_the_others_are_not(published, centre):
    def skill(week: int, agent: int, step: str) -> float:
        return 0.1 if step == "solution" and week == 1 else 0.85

    page = weekly(read(published(centre.random_calls(2, 150, skill=skill)), week=WEEK, scorecard="house"))

    assert {step.title: step.change.tone for step in page.steps if step.change.tone} == {"Offer a way out": "bad"}
    assert any(known.point == "Offer a way out: worse" for known in page.know)
    assert any(known.point == "Most points were lost on “Offer a way out”:" for known in page.know)


def test_an_agent_clearly_below_the_team_is_read_so_and_nobody_else(published, centre):
    def skill(week: int, agent: int, step: str) -> float:
        return 0.2 if agent == 3 else 0.75

    page = weekly(read(published(centre.random_calls(2, 120, skill=skill)), week=WEEK, scorecard="house"))

    readings = {agent.name: agent.reading for team in page.teams for agent in team.agents}
    assert readings.pop("Grace Silva") == "below team"
    assert "below team" not in readings.values()
    assert page.heat is not None
    assert any(
        cell.flag for team in page.heat.teams for row in team.rows if row.name == "Grace Silva" for cell in row.cells
    )


def test_agents_stand_in_order_of_name_because_a_ranking_would_show_luck(many):
    page = weekly(read(many, week=WEEK, scorecard="house"))

    assert [team.name for team in page.teams] == ["Billing", "Retention"]
    for team in page.teams:
        names = [agent.name for agent in team.agents]
        assert names == sorted(names)


def test_a_notice_of_the_engine_stands_above_everything(published, centre, tmp_path):
    call = centre.angry_call(when=on(4))
    provenance = msgspec.structs.replace(
        call.transcript.provenance, notice="words by Whisper tiny.en, the smallest model"
    )
    call = AuditedCall(msgspec.structs.replace(call.transcript, provenance=provenance), call.audit)

    page = text_of(render(published([call]), week=WEEK, out=tmp_path / "weekly.html"))

    notice = "Please note: Words by Whisper tiny.en, the smallest model."
    assert page.index(notice) < page.index("What to know this week")


def test_calls_without_a_notice_show_no_banner(few, tmp_path):
    assert "Please note" not in text_of(render(few, week=WEEK, out=tmp_path / "weekly.html"))


def test_what_was_not_audited_is_counted_by_reason(published, centre, tmp_path):
    refused = [
        centre.Quarantined("a.wav", "1", 0, "empty_file", "The file is empty.", "copy it again"),
        centre.Quarantined("b.wav", "2", 0, "empty_file", "The file is empty.", "copy it again"),
        centre.Quarantined("c.txt", "3", 9, "not_audio", "Not audio.", "move it out of the inbox"),
    ]
    page = text_of(
        render(published([centre.angry_call(when=on(4))], refused=refused), week=WEEK, out=tmp_path / "w.html")
    )

    assert "1 of 4 recordings audited" in page
    assert "empty file 2 (week before 0). Copy it again." in page
    assert "not audio 1 (week before 0). Move it out of the inbox." in page
    assert "3 recordings of 4 could not be audited." in page


def test_a_reason_that_a_newer_callaudit_wrote_is_counted_under_its_own_word(published, centre):
    refused = [centre.Quarantined("a.wav", "1", 0, "empty_file", "The file is empty.", "copy it again")]
    readings = read(published([centre.angry_call(when=on(4))], refused=refused), week=WEEK, scorecard="house")
    unknown = [msgspec.structs.replace(row, code="too_quiet") for row in readings.not_audited]

    page = weekly(msgspec.structs.replace(readings, not_audited=unknown))

    assert [fact.name for fact in page.not_audited] == ["too quiet"]


def test_undated_calls_and_guessed_speakers_are_told(published, centre, tmp_path):
    guessed = centre.transcript(
        centre.named_call("guessed", on(4)), centre.ANGRY, roles_from=RolesFrom.GUESSED, speech=False
    )
    undated = centre.transcript(centre.named_call("undated", None), centre.ANGRY)
    calls = [AuditedCall(t, centre.audit(t, centre.ANGRY_VERDICTS)) for t in (guessed, undated)]

    page = text_of(render(published(calls), week=WEEK, out=tmp_path / "weekly.html"))

    assert "1 call audited" in page
    assert "Undated 1 call in the warehouse without a date" in page
    assert "Speakers guessed 1 call" in page


def test_speech_without_words_is_part_of_the_data_quality(published, centre):
    call = centre.angry_call("gap", on(4))
    heard = msgspec.structs.replace(call.transcript, unheard={SpeakerRole.AGENT: (Span(3.0, 4.5), Span(8.0, 9.5))})

    page = weekly(read(published([AuditedCall(heard, call.audit)]), week=WEEK, scorecard="house"))

    (fact,) = (fact for fact in page.quality if fact.name == "Not understood")
    assert fact.value.startswith("3 s of speech without words, in 1 call: ")


def test_how_many_verdicts_hang_on_the_recogniser_is_part_of_the_data_quality(published, centre):
    calls = [centre.angry_call(f"again-{n}", on(4)) for n in range(3)]
    again = [
        HeardAgain(
            call_id=call.audit.call_id, rule_id=finding.rule_id, rulebook_version=call.audit.rulebook_version,
            transcript_hash=transcript_hash(call.transcript), engine="faster-whisper", model="tiny.en",
            settings_hash="s", verdict=finding.verdict, heard_at=on(9),
            verdict_again=Verdict.UNSURE if n == 0 and finding.verdict is Verdict.MET else finding.verdict,
        )
        for n, call in enumerate(calls) for finding in call.audit.findings
    ]  # fmt: skip
    met = sum(finding.verdict is Verdict.MET for finding in calls[0].audit.findings)
    judged = sum(one.verdict in (Verdict.MET, Verdict.MISSED) for one in again)

    page = weekly(read(published(calls, again=again), week=WEEK, scorecard="house"))

    (fact,) = (fact for fact in page.quality if fact.name == "Heard again")
    assert met
    assert fact.value.startswith(
        f"3 calls of four weeks, drawn at random, by faster-whisper tiny.en: {met} of {judged} verdicts met or missed "
        "came out otherwise (likely "
    )


def test_an_agent_without_a_name_is_in_no_table_of_agents(published, centre):
    call = centre.angry_call("anonymous", on(4), agent_id=None, agent_name=None, team=None)

    page = weekly(read(published([call]), week=WEEK, scorecard="house"))

    assert page.teams == ()
    assert page.heat is None
    assert any(fact.name == "Agent not named" for fact in page.quality)


def test_a_changed_rule_is_never_compared_with_the_one_before(published, centre):
    old, new = centre.rulebook("v1"), centre.rulebook("v2", reworded=["solution.is_offered"])
    calls = [
        AuditedCall(
            call.transcript,
            msgspec.structs.replace(call.audit, rulebook_version="v2")
            if call.transcript.call.started_at >= on(2, 0)
            else call.audit,
        )
        for call in centre.random_calls(2, 60)
    ]

    page = weekly(read(published(calls, rulebooks=[old, new]), week=WEEK, scorecard="house"))

    changes = {step.title: step.change.words for step in page.steps}
    assert changes.pop("Offer a way out") == "Rule changed: not comparable"
    assert "Rule changed: not comparable" not in changes.values()
    assert [change.point for change in page.rule_changes] == ["Does the agent offer a concrete remedy or step?"]
    assert page.trend.wide is not None
    assert len(page.trend.wide.breaks) == 1
    assert any("left out of the comparison" in known.detail for known in page.know)


def test_verdicts_that_were_picked_out_are_counted_and_tell_no_rate(published, centre):
    reviews = [
        Review(
            review_id=f"r{n}",
            call_id="C015358",
            rule_id=rule,
            verdict=verdict,
            reviewer="qa",
            reviewed_at=on(6),
        )
        for n, (rule, verdict) in enumerate([("apology.given", Verdict.MET), ("clarify.mirrors", Verdict.MISSED)])
    ]

    page = weekly(read(published([centre.angry_call()], reviews=reviews), week=WEEK, scorecard="house"))

    assert [f.value for f in page.quality if f.name == "Checked by people"] == [
        "2 verdicts re-heard, none of them drawn at random"
    ]


def test_moments_lead_into_the_call_at_the_second(few, tmp_path):
    html = render(few, week=WEEK, out=tmp_path / "weekly.html").read_text()

    assert "You should have checked the tracking page." in html
    assert re.search(r'href="calls/w10-\d\.html#t=94\.5"', html)


def test_a_call_is_linked_by_its_safe_name(published, centre, tmp_path):
    html = render(published([centre.angry_call("a/b c", on(4))]), week=WEEK, out=tmp_path / "w.html").read_text()

    assert 'href="calls/a%3D2Fb%3D20c.html' in html


def test_hostile_names_stay_text(published, centre, tmp_path):
    evil = '"><script>alert(1)</script>'
    call = centre.angry_call(f"id{evil}", on(4), agent_name=f"Ann{evil}", team=f"Team{evil}")

    html = render(published([call]), week=WEEK, out=tmp_path / "weekly.html").read_text()

    assert html.count("<script") == 1, "the page's own, and no other"
    assert "<script>alert" not in html
    assert "Ann&#34;&gt;&lt;script&gt;" in html


def test_every_scorecard_can_be_reported_and_an_unknown_one_is_named(few, tmp_path):
    page = text_of(render(few, week=WEEK, scorecard="five_tips", out=tmp_path / "weekly.html"))
    assert "scorecard: Five tips" in page
    assert "The two steps" in page

    with pytest.raises(InputError, match="No scorecard 'four_tips'") as error:
        render(few, week=WEEK, scorecard="four_tips", out=tmp_path / "other.html")
    assert "five_tips" in str(error.value)
    assert not (tmp_path / "other.html").exists()


def test_a_week_without_calls_says_so(few, tmp_path):
    page = text_of(render(few, week="2026-W20", out=tmp_path / "weekly.html"))

    assert "No calls of this week were audited." in page


def test_the_same_warehouse_gives_the_same_bytes(many, tmp_path):
    one, two = (render(many, week=WEEK, out=tmp_path / name).read_bytes() for name in ("a.html", "b.html"))

    assert one == two


def test_nothing_is_asked_of_the_network(many, tmp_path):
    html = render(many, week=WEEK, out=tmp_path / "weekly.html").read_text()

    assert not re.search(r"https?:|src=|@import|url\((?!#)", html)
    assert len(html) < 150_000


def test_a_mark_has_a_literal_colour_where_styles_are_stripped(many, tmp_path):
    html = render(many, week=WEEK, out=tmp_path / "weekly.html").read_text()

    for mark in re.findall(r"<(?:rect|circle|path|text|line) [^>]*>", html):
        assert re.search(r'(fill|stroke)="(#[0-9a-f]{6}|url\(#hatch\))"', mark), mark
