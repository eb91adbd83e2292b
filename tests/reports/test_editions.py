"""Reports of one team, queue or agent, and reports in which nobody is named."""

import csv
import re
from pathlib import Path

import msgspec
import pytest

from callaudit.audit_rules.finding import Evidence, EvidenceKind
from callaudit.reports.formats.all_formats import write_formats
from callaudit.reports.page import weekly_file_name, write_page
from callaudit.reports.weekly.edition import WHOLE, Edition, choose_edition
from callaudit.reports.weekly.names import names_one_of
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.pseudonyms import pseudonymised
from callaudit.reports.weekly.queries import read
from callaudit.transcription.errors import InputError
from callaudit.warehouse.arrow_tables import AuditedCall

WEEK = "2026-W10"
KEY = bytes(range(32))
BILLING = ("Chloe Brown", "Grace Silva", "Kavya Novak", "Priya Costa")
RETENTION = ("Anton Martin", "Emil Rao", "Ivan Haddad", "Marco Lee")


@pytest.fixture(scope="module")
def store(published, centre):
    """Nine weeks of eight agents in two teams and two queues; Grace Silva says nothing back to anybody."""

    def skill(week, agent, step):
        return 0.05 if agent == 3 and step == "clarify" else 0.7

    def in_a_queue(n, call):
        known = msgspec.structs.replace(call.transcript.call, queue=("refunds", "parcels")[n % 3 == 0])
        heard = msgspec.structs.replace(call.transcript, call=known)
        findings = tuple(_named_in_one_quote(n, finding) for finding in call.audit.findings)
        return AuditedCall(heard, msgspec.structs.replace(call.audit, findings=findings))

    return published(in_a_queue(n, call) for n, call in enumerate(centre.random_calls(9, 64, skill=skill)))


def _named_in_one_quote(n, finding):
    """One call in five has an evidence in which a colleague is named."""
    if finding.rule_id != "solution.is_offered" or finding.verdict != "met" or n % 5:
        return finding
    said = Evidence(kind=EvidenceKind.MET, turn=0, start=1.0, quote="I will put you through to Emil, he can refund it")
    return msgspec.structs.replace(finding, evidence=(said,))


_READ = {}


def of(store, key=None, **wanted):
    """The readings of an edition, asked for once."""
    known = (id(store), *wanted.items())
    if known not in _READ:
        edition = choose_edition(store, **wanted)
        _READ[known] = store, read(store, week=WEEK, scorecard="house", edition=edition)
    readings = _READ[known][1]
    return readings if key is None else pseudonymised(readings, key)


def test_a_team_s_report_counts_its_calls_only(store):
    page = weekly(of(store, team="Billing"))
    row = store.rows("select count(*) as n from calls where iso_week = '2026-W10' and team = 'Billing'")[0]

    assert page.summary.startswith(f"{row['n']} calls audited")
    assert page.title == "De-escalation quality, team Billing: 2 to 8 March 2026"
    assert [team.name for team in page.teams] == ["Billing"]
    assert [f.name for f in page.figures] == ["Steps followed", "Tense calls calmed", "Calls with a critical miss"]
    assert {call.agent for call in page.calls} <= set(BILLING)


def test_editions_add_up_to_the_whole(store):
    whole = of(store)
    for parts in (
        [of(store, team=t) for t in ("Billing", "Retention")],
        [of(store, queue=q) for q in ("refunds", "parcels")],
    ):
        for step in {s for _, s in whole.verdicts.counts}:
            judged = [sum(n for _, n in r.verdicts.of(WEEK, step=step)) for r in (whole, *parts)]
            assert judged[0] == sum(judged[1:])
        assert sum(len(r.calls) for r in parts) == len(whole.calls)
        assert sum(row.misses for r in parts for row in r.misses) == sum(row.misses for row in whole.misses)


def test_an_agent_is_read_against_the_team_and_no_colleague_is_named(store, tmp_path):
    page = weekly(of(store, agent="a3"))
    html = write_page(tmp_path / "weekly.html", "weekly/weekly.html.j2", page=page).read_text()

    assert choose_edition(store, agent="Grace Silva") == page.edition
    assert page.edition.agent_team == "Billing"
    assert {s.title: s.reading for s in page.own_steps}["Say the problem back"] == "clearly below"
    assert [s.tone for s in page.own_steps if s.title != "Say the problem back"] == [""] * 9
    assert "Grace Silva" in html
    assert not [name for name in (*BILLING, *RETENTION) if name != "Grace Silva" and name in html]
    assert "Emil" not in html
    assert all(call.agent == "Grace Silva" for call in page.calls)


def test_a_pair_is_not_compared_because_the_team_s_rate_would_be_the_colleague_s(published, centre):
    pair = published(centre.random_calls(1, 40, agents=4))

    page = weekly(of(pair, agent="a1"))

    assert {step.team for step in page.own_steps} == {""}
    assert {step.reading for step in page.own_steps} <= {"nobody to compare", "too few to tell", "did not apply"}


def test_an_unknown_name_is_answered_with_those_spelled_alike(store):
    with pytest.raises(InputError, match="no team is called “Biling”") as error:
        choose_edition(store, team="Biling")
    assert "Spelled alike: Billing." in str(error.value)
    with pytest.raises(InputError, match="Spelled alike: Grace Silva"):
        choose_edition(store, agent="grace silvia")
    with pytest.raises(InputError, match="There are: parcels, refunds"):
        choose_edition(store, queue="xyz")
    assert choose_edition(store, team="billing").team == "Billing"


def test_a_name_that_two_agents_have_needs_an_id(published, centre):
    calls = [centre.angry_call(f"c{i}", None, i, agent_id=f"a{i}", agent_name="Kim Lee") for i in range(2)]

    with pytest.raises(InputError, match="Their ids: a0, a1"):
        choose_edition(published(calls), agent="kim lee")


def test_the_file_name_tells_the_edition_and_is_safe():
    assert weekly_file_name(WEEK, "house", WHOLE.suffix) == "weekly-2026-W10-house.html"
    assert weekly_file_name(WEEK, "a/b") == "weekly-2026-W10-a=2Fb.html"
    strange = Edition(team="../Süd", agent="a/1", pseudonyms=True).suffix
    assert weekly_file_name(WEEK, "house", strange) == (
        "weekly-2026-W10-house-team-=2E=2E=2FS=C3=BCd-agent-a=2F1-pseudonyms.html"
    )


@pytest.fixture(scope="module")
def hidden(store, tmp_path_factory):
    """Every text form of the report under pseudonyms, of all and of one agent."""
    folder = tmp_path_factory.mktemp("hidden")
    written = []
    for wanted in ({}, {"agent": "a3"}):
        readings = of(store, KEY, **wanted)
        out = folder / weekly_file_name(WEEK, readings.scorecard, readings.edition.suffix)
        written += write_formats(readings, weekly(readings), ("csv", "markdown", "xlsx"), out=out)
    return written


def test_under_pseudonyms_no_name_id_call_or_key_is_on_the_page_or_in_any_form(store, hidden):
    people = store.rows("select distinct agent_id, agent_name from calls")
    calls = [row["call_id"] for row in store.rows("select call_id from calls")]
    words = {word for row in people for word in row["agent_name"].split()}

    for path in hidden:
        text = path.name + (path.read_text(errors="replace") if path.suffix != ".xlsx" else _sheets(path))
        text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
        assert not [word for word in words if re.search(rf"\b{word}\b", text)]
        assert not re.search(r"\ba[0-7]\b", text)
        assert not [call for call in calls if call in text]
        assert "calls/" not in text
        assert KEY.hex() not in text


def _sheets(path: Path) -> str:
    import zipfile

    with zipfile.ZipFile(path) as packed:
        names = [n for n in packed.namelist() if n.endswith(".xml") and "styles" not in n]
        strings = packed.read("xl/sharedStrings.xml").decode()
        return strings + "".join(n for n in names if "rels" in n)


def test_pseudonyms_stay_the_same_under_one_key_and_change_with_it(store):
    def names(readings):
        return {row.agent_name for row in readings.agents}

    assert names(of(store, KEY)) == names(of(store, KEY))
    assert names(of(store, KEY, team="Billing")) < names(of(store, KEY))
    assert not names(of(store, KEY)) & names(of(store, b"\1" * 32))


def test_pseudonyms_change_no_figure(store):
    named, hidden = (weekly(of(store, key)) for key in (None, KEY))

    assert [f.value for f in named.figures] == [f.value for f in hidden.figures]
    assert [s.value for s in named.steps] == [s.value for s in hidden.steps]
    assert sorted(a.value for t in named.teams for a in t.agents) == sorted(
        a.value for t in hidden.teams for a in t.agents
    )


def test_the_order_under_pseudonyms_does_not_show_the_order_of_names(store):
    page = weekly(of(store, KEY))

    for team in page.teams:
        assert [a.name for a in team.agents] == sorted(a.name for a in team.agents)
        assert all(re.fullmatch(r"Agent [A-Z2-7]{4}-[A-Z2-7]{4}", a.name) for a in team.agents)


def test_a_small_team_is_not_named_because_it_would_name_the_person(published, centre):
    calls = centre.random_calls(2, 40, agents=4)
    pairs = published(calls)

    page = weekly(of(pairs, KEY))

    assert all(re.fullmatch(r"small team [A-Z2-7]{4}-[A-Z2-7]{4}", team.name) for team in page.teams)
    with pytest.raises(InputError, match="a pseudonym would hide nobody in team “Billing”"):
        of(pairs, KEY, team="Billing")


def test_a_reason_that_names_another_call_is_cut(store):
    readings = of(store)
    moment = msgspec.structs.replace(readings.moments[0], quote="I will call you back", verdict="missed")
    for other, reason in (("C09", "Contacted again after 4 h, in call C09."), (None, "Not heard in this call.")):
        told = msgspec.structs.replace(moment, reason=reason, other_call_id=other)
        hidden = pseudonymised(msgspec.structs.replace(readings, moments=[told]), KEY)
        assert hidden.moments[0].reason == ("" if other else reason)


def test_a_name_is_found_as_a_word_of_its_own():
    assert names_one_of(frozenset({"rao"}), "Mr. RAO will help")
    assert not names_one_of(frozenset({"rao"}), "extraordinary")


def test_filters_hold_in_csv_too(store, tmp_path):
    readings = of(store, queue="parcels")
    write_formats(readings, weekly(readings), ("csv",), out=tmp_path / "weekly.html")

    with (tmp_path / "weekly-calls.csv").open(encoding="utf-8-sig", newline="") as file:
        calls = {row["Call"] for row in csv.DictReader(file)}
    rows = store.rows("select call_id from calls where iso_week = '2026-W10' and queue = 'parcels'")
    assert calls == {row["call_id"] for row in rows}
