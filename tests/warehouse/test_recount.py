"""Every published weekly figure of a made-up quarter, counted again from the core tables by other code.

The quarter holds a year's end, a clock change, metadata of many offsets, undated calls, calls that could not be judged,
two rulebooks, a re-audit, late reviews and refused files. Nothing here reads a view but to compare with it.
"""

import math
import random
import shutil
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pandas as pd
import pytest

from callaudit.audit_rules.acts.said import Certainty, Witness
from callaudit.audit_rules.finding import Medium, Upset, Verdict
from callaudit.audit_rules.rule import Scorecard, Step
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.queries import read
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import add_audits, load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.quarantine import quarantine
from callaudit.warehouse.reviews import Review, add_reviews
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.runs import Run, record_run
from callaudit.warehouse.site_clock import keep_clock

ZONE = "Europe/Athens"
FIRST = datetime(2025, 12, 8, 6, tzinfo=UTC)
VERDICTS = ("met",) * 6 + ("missed",) * 4 + ("unsure", "unsure", "not_applicable", "not_applicable", "not_assessable")


def book_of(builders, version, **changes):
    """The house card, and one in which a rule stands in two steps and another outweighs the rest."""
    book = builders.rulebook(version, **changes)
    given, specific, blame, urgency = (rule.id for rule in book.rules)
    steps = (
        Step(id="own", title="Own it", rules={blame: 3.0, given: 1.0, urgency: 1.5}),
        Step(id="sorry", title="Sorry", rules={given: 1.0, specific: 1.0}),
    )
    book.scorecards["other"] = Scorecard(name="other", title="Other", steps=steps, critical=(blame, urgency))
    return book


@pytest.fixture(scope="module")
def quarter(empty_warehouse, builders, tmp_path_factory):
    """The published copy of the quarter, and the warehouse's core tables as pandas frames."""
    home = tmp_path_factory.mktemp("quarter")
    con = open_writer(Path(shutil.copy(empty_warehouse, home)))
    keep_clock(con, ZONE)
    draw = random.Random(20251208)
    store_rulebook(con, book_of(builders, "v1"))
    rules = [rule.id for rule in book_of(builders, "v1").rules]
    old = [_call(builders, draw, rules, number, "v1") for number in range(130)]
    load(con, old, run_id="R1")
    store_rulebook(con, book_of(builders, "v2", statuses={rules[1]: "trial"}, critical=(rules[0], rules[2])))
    load(con, [_call(builders, draw, rules, number, "v2") for number in range(130, 260)], run_id="R2")
    again = [a for a in old if draw.random() < 0.3]
    add_audits(con, [_judged_by(builders, draw, rules, a, "v2") for a in again], run_id="R3")
    for run, at in (("R1", FIRST + timedelta(days=50)), ("R2", FIRST + timedelta(days=104, hours=17))):
        record_run(con, Run(run_id=run, kind="nightly", state="finished", started_at=at))
        quarantine(con, [_refused(draw, run, n) for n in range(15)], run_id=run)
    add_reviews(con, [_review(draw, rules, n) for n in range(90)])
    tables = ("calls", "recordings", "transcripts", "call_measures", "findings", "reviews", "rules", "rulebooks",
              "scorecard_steps", "quarantine", "runs", "promises")  # fmt: skip
    core = SimpleNamespace(**{name: con.sql(f"from core.{name}").to_arrow_table().to_pandas() for name in tables})
    publish(con, home / "published")
    with open_published(home / "published") as copy:
        yield SimpleNamespace(copy=copy, core=core, **_recounted(core))


# ---------- what is made up


def _call(builders, draw, rules, number, version):
    # Many lie near midnight and Monday; the last fall on the Sunday on which clocks go forward.
    at = FIRST + timedelta(days=draw.randrange(112), hours=draw.choice((0, 1, 2, 3, 15, 16, 17)), minutes=number % 60)
    offset = timezone(timedelta(hours=draw.choice((-8, -5, 0, 1, 2, 3, 9))))
    agent = draw.choice((None, "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"))
    upset = draw.choice((Upset.CLEAR, Upset.CLEAR, Upset.NONE, Upset.NONE, Upset.PERHAPS, Upset.UNKNOWN))
    return builders.audited(
        f"C{number:03}",
        _verdicts(draw, rules, upset),
        version=version,
        quotes=False,
        started_at=None if draw.random() < 0.05 else at.astimezone(offset),
        agent_id=agent,
        # An agent changes teams at the year's end.
        team="red" if agent in ("a1", "a2", "a3") or (agent == "a4" and at.year == 2026) else "blue",
        customer_id=draw.choice((None, "k1", "k2", "k3", "k4", "k5")),
        direction=draw.choice(("inbound", "outbound", None)),
        interaction_id=draw.choice((None, "I1", "I2", "I3")),
        promises=draw.choice(((), (), (30.0,), (400.0, 4000.0))),
        medium=draw.choice(tuple(Medium)),
        upset=upset,
        calmed=draw.random() < 0.5 if upset is Upset.CLEAR else None,
    )


def _verdicts(draw, rules, upset):
    if upset is Upset.UNKNOWN:
        return dict.fromkeys(rules, "not_assessable")
    return {rule: draw.choice(VERDICTS) for rule in rules}


def _judged_by(builders, draw, rules, audited, version):
    verdicts = _verdicts(draw, rules, audited.audit.measures.upset)
    judged = builders.audit(audited.audit.call_id, verdicts, version=version, quotes=False)
    judged = msgspec.structs.replace(judged, measures=audited.audit.measures, promises=audited.audit.promises)
    # The recogniser alone makes no miss critical.
    findings = tuple(
        msgspec.structs.replace(f, witness=draw.choice((None, *Witness)), certainty=Certainty.SURE)
        for f in judged.findings
    )
    return msgspec.structs.replace(audited, audit=msgspec.structs.replace(judged, findings=findings))


def _refused(draw, run, number):
    at = FIRST + timedelta(days=draw.randrange(112), hours=draw.randrange(24))
    return SimpleNamespace(
        path=f"{run}-{number}", sha256=f"{run}-{number}", size=1, code=draw.choice(("not_audio", "truncated")),
        reason="r", next_step="n", source="main", started_at=draw.choice((None, at)),
    )  # fmt: skip


def _review(draw, rules, number):
    return Review(
        review_id=f"V{number:02}",
        call_id=f"C{draw.randrange(260):03}",
        rule_id=draw.choice(rules[:2]),
        verdict=Verdict(draw.choice(("met", "missed", "not_applicable", "unsure"))),
        reviewer=draw.choice(("ann", "bob")),
        # Months late, and not in the order in which they are stored.
        reviewed_at=FIRST + timedelta(days=draw.randrange(200)),
    )


# ---------- the recount


def _recounted(core):
    """Calls, verdicts that count, and steps and scorecards of calls, as lists of plain dicts."""
    began = {row.call_id: row.started_at for row in core.calls.itertuples()}
    local = {i: None if pd.isna(at) else at.tz_convert(ZONE).to_pydatetime() for i, at in began.items()}
    age = dict(zip(core.rulebooks.rulebook_version, core.rulebooks.load_number, strict=True))
    counts = {}
    for row in core.call_measures.itertuples():
        if row.call_id not in counts or age[counts[row.call_id].rulebook_version] < age[row.rulebook_version]:
            counts[row.call_id] = row
    said = {}
    for row in core.reviews.sort_values(["reviewed_at", "review_id"]).itertuples():
        said[row.call_id, row.rule_id] = row.verdict
    calls = {
        row.call_id: {
            "call_id": row.call_id, "iso_week": _week(local[row.call_id]), "day": local[row.call_id],
            "agent_id": row.agent_id if isinstance(row.agent_id, str) else None, "team": row.team,
            "upset": counts[row.call_id].upset, "version": counts[row.call_id].rulebook_version,
            "calmed": bool(counts[row.call_id].calmed),
        }
        for row in core.calls.itertuples()
    }  # fmt: skip
    findings = [
        {
            "call": calls[row.call_id], "rule_id": row.rule_id, "rule_verdict": row.verdict,
            "verdict": said.get((row.call_id, row.rule_id), row.verdict),
            "is_proven": (row.call_id, row.rule_id) in said or pd.isna(row.witness) or row.witness == "both",
        }
        for row in core.findings.itertuples()
        if row.rulebook_version == calls[row.call_id]["version"]
    ]  # fmt: skip
    steps = _steps(core, findings)
    return {"calls": list(calls.values()), "findings": findings, "steps": steps, "scorecards": _scorecards(steps)}


def _week(day):
    return None if day is None else f"{day.isocalendar().year}-W{day.isocalendar().week:02}"


def _steps(core, findings):
    live = {(r.rulebook_version, r.rule_id) for r in core.rules.itertuples() if r.status == "live"}
    places = [p for p in core.scorecard_steps.itertuples() if (p.rulebook_version, p.rule_id) in live]
    by_call = defaultdict(dict)
    for f in findings:
        by_call[f["call"]["call_id"]][f["rule_id"]] = f
    steps = []
    for of_call in by_call.values():
        call = next(iter(of_call.values()))["call"]
        cells = defaultdict(list)
        for p in places:
            if p.rulebook_version == call["version"] and p.rule_id in of_call:
                cells[p.scorecard, p.step_number, p.step].append((p, of_call[p.rule_id]))
        steps += [{"call": call, "scorecard": k[0], "step": k[2], **_step(pairs)} for k, pairs in cells.items()]
    return steps


def _step(placed):
    pairs = [(p, f["verdict"]) for p, f in placed]
    proven = {p.rule_id for p, f in placed if f["is_proven"]}
    verdicts = [verdict for _, verdict in pairs]
    met, judged = (sum(p.weight for p, v in pairs if v in kinds) for kinds in (("met",), ("met", "missed")))
    heaviest = [p.rule_id for p, _ in pairs if p.weight == max(p.weight for p, _ in pairs)]
    failed = any(v == "missed" and ((p.critical and p.rule_id in proven) or heaviest == [p.rule_id]) for p, v in pairs)
    called = [(p, v) for p, v in pairs if v != "not_applicable"]
    if not called:
        verdict = "not_applicable"
    elif judged == 0:
        verdict = "unsure" if "unsure" in verdicts else "not_assessable"
    else:
        verdict = "missed" if failed or met < judged / 2 else "met"
    return {
        "verdict": verdict, "met": met, "judged": judged, "called": sum(p.weight for p, _ in called),
        "rules_met": verdicts.count("met"), "rules_missed": verdicts.count("missed"),
        "rules_unsure": verdicts.count("unsure"), "rules_applicable": len(called),
        "critical": {(p.rule_id, v, p.rule_id in proven) for p, v in called if p.critical},
    }  # fmt: skip


def _scorecards(steps):
    cells = defaultdict(list)
    for step in steps:
        cells[step["call"]["call_id"], step["scorecard"]].append(step)
    return [_scorecard(of_card) for of_card in cells.values()]


def _scorecard(steps):
    critical = set().union(*(s["critical"] for s in steps))
    judged, called = sum(s["judged"] for s in steps), sum(s["called"] for s in steps)
    share = judged / called if called else None
    return {
        "call": steps[0]["call"],
        "scorecard": steps[0]["scorecard"],
        "score": 100 * sum(s["met"] for s in steps) / judged if judged and share >= 0.5 else None,
        "critical_misses": None
        if critical and all(v not in ("met", "missed") for _, v, _ in critical)
        else sum(v == "missed" and proven for _, v, proven in critical),
        "verdicts": [s["verdict"] for s in steps],
        **{k: sum(s[k] for s in steps) for k in ("rules_met", "rules_missed", "rules_unsure", "rules_applicable")},
    }


def grouped(rows, *keys):
    """The rows of dated calls by their keys, which a row or its call holds."""
    cells = defaultdict(list)
    for row in rows:
        if row["call"]["iso_week"] is not None:
            cells[tuple(row[k] if k in row else row["call"][k] for k in keys)].append(row)
    return cells


def of_verdicts(verdicts):
    met, missed, unsure = (verdicts.count(v) for v in ("met", "missed", "unsure"))
    called = len(verdicts) - verdicts.count("not_applicable")
    return {
        "applicable": called, "judged": met + missed, "met": met, "missed": missed, "unsure": unsure,
        "rate": met / (met + missed) if met + missed else None, "unsure_share": unsure / called if called else None,
    }  # fmt: skip


def of_rows(rows):
    return of_verdicts([row["verdict"] for row in rows])


def same(quarter, view, keys, wanted, *, where="true"):
    """Whether a view holds exactly these rows, by key, in the columns that are counted."""
    names = [*keys, *next(iter(wanted.values()))]
    rows = quarter.copy.rows(f"select {', '.join(names)} from {view} where {where}")
    found = {tuple(row[k] for k in keys): {n: row[n] for n in names[len(keys) :]} for row in rows}
    assert found.keys() == wanted.keys()
    assert len(rows) == len(wanted)
    for key, row in wanted.items():
        for name, value in row.items():
            there = found[key][name]
            both = isinstance(there, float) and value is not None
            alike = math.isclose(there, value, abs_tol=1e-8) if both else there == value
            assert alike, (view, key, name, there, value)


def test_the_quarter_holds_what_is_hard(quarter):
    weeks = {c["iso_week"] for c in quarter.calls}
    assert {"2026-W01", "2026-W13", None} <= weeks
    assert {c["version"] for c in quarter.calls} == {"v1", "v2"}
    assert any(c["day"] and c["day"].date().isoformat() == "2026-03-29" for c in quarter.calls)
    moved = [
        c for c, row in zip(quarter.calls, quarter.core.calls.itertuples(), strict=True)
        if c["day"] and _week(c["day"]) != _week(row.started_at)
    ]  # fmt: skip
    assert moved
    assert sum(f["verdict"] != f["rule_verdict"] for f in quarter.findings) > 20
    assert any(s["critical_misses"] is None for s in quarter.scorecards)


def test_weeks(quarter):
    counted = defaultdict(lambda: dict.fromkeys(("calls", "not_audited", *_OF_WEEK), 0))
    agents = defaultdict(set)
    for call in quarter.calls:
        if (week := call["iso_week"]) is None:
            continue
        for name, holds in _OF_WEEK.items():
            counted[week][name] += holds(call)
        counted[week]["calls"] += 1
        agents[week] |= {call["agent_id"]} - {None}
    runs = dict(zip(quarter.core.runs.run_id, quarter.core.runs.started_at, strict=True))
    for row in quarter.core.quarantine.itertuples():
        at = runs[row.first_run_id] if pd.isna(row.started_at) else row.started_at
        counted[_week(at.tz_convert(ZONE))]["not_audited"] += 1
    same(quarter, "weeks", ["iso_week"], {(w,): row | {"agents": len(agents[w])} for w, row in counted.items()})


_OF_WEEK = {
    "tense_judged_calls": lambda c: c["upset"] in ("clear", "none"),
    "tense_calls": lambda c: c["upset"] == "clear",
    "calmed_calls": lambda c: c["calmed"],
    "perhaps_tense_calls": lambda c: c["upset"] == "perhaps",
}


def test_steps_and_rules_by_week(quarter):
    keys = ("iso_week", "scorecard", "step")
    wanted = {k: {"calls": len(v), **of_rows(v)} for k, v in grouped(quarter.steps, *keys).items()}
    same(quarter, "steps_by_week", keys, wanted)
    keys = ("iso_week", "rule_id")
    wanted = {k: {"calls": len(v), **of_rows(v)} for k, v in grouped(quarter.findings, *keys).items()}
    same(quarter, "rules_by_week", keys, wanted)


def of_cards(cards):
    """What scorecards of calls come to: steps of calls, scores, critical misses."""
    scores = [c["score"] for c in cards if c["score"] is not None]
    known = [c["critical_misses"] for c in cards if c["critical_misses"] is not None]
    steps = of_verdicts([v for c in cards for v in c["verdicts"]])
    return {
        "calls": len(cards), "calls_scored": len(scores), "score": sum(scores) / len(scores) if scores else None,
        "critical_judged_calls": len(known), "calls_with_critical_miss": sum(n > 0 for n in known), **steps,
    }  # fmt: skip


def test_scorecards_by_week_are_the_sum_of_their_steps(quarter):
    keys = ("iso_week", "scorecard")
    wanted = {}
    for key, cards in grouped(quarter.scorecards, *keys).items():
        judged = sum(c["rules_met"] + c["rules_missed"] for c in cards)
        called = sum(c["rules_applicable"] for c in cards)
        wanted[key] = of_cards(cards) | {"rules_judged": judged, "coverage": judged / called if called else None}
    same(quarter, "scorecards_by_week", keys, wanted)
    same(
        quarter,
        "(select iso_week, scorecard, sum(met) as met, sum(judged) as judged from steps_by_week group by all)",
        keys,
        {key: {"met": row["met"], "judged": row["judged"]} for key, row in wanted.items()},
    )
    covered = {key: {"coverage": row["coverage"], "calls": row["calls"]} for key, row in wanted.items()}
    same(quarter, "coverage", keys, covered, where="iso_week is not null")


def test_agents_by_week_and_over_a_month(quarter):
    keys = ("iso_week", "scorecard", "agent_id")
    cards = [c for c in quarter.scorecards if c["call"]["agent_id"]]
    wanted = {}
    for key, of_agent in grouped(cards, *keys).items():
        row = of_cards(of_agent) | {n: sum(holds(c["call"]) for c in of_agent) for n, holds in _OF_WEEK.items()}
        wanted[key] = {name: value for name, value in row.items() if name != "applicable"}
    same(quarter, "agents_by_week", keys, wanted)
    steps = [s for s in quarter.steps if s["call"]["agent_id"]]
    keys = ("iso_week", "scorecard", "agent_id", "step")
    by_week = grouped(steps, *keys)
    same(quarter, "agent_steps_by_week", keys, {k: of_rows(v) for k, v in by_week.items()})
    weeks = {week for week, *_ in by_week}
    wanted = defaultdict(list)
    for (week, *who), rows in by_week.items():
        monday = date.fromisocalendar(int(week[:4]), int(week[-2:]), 1)
        for ends in {_week(monday + timedelta(weeks=later)) for later in range(4)} & weeks:
            wanted[ends, *who] += rows
    same(quarter, "agent_step_month", keys, {k: of_rows(v) for k, v in wanted.items()})


def test_scorecards_of_calls(quarter):
    wanted = {
        (c["call"]["call_id"], c["scorecard"]): {
            name: c[name] for name in ("score", "critical_misses", "rules_met", "rules_missed", "rules_unsure")
        }
        | {"tense": {"clear": True, "none": False}.get(c["call"]["upset"])}
        for c in quarter.scorecards
    }
    same(quarter, "call_scorecards", ("call_id", "scorecard"), wanted)


def test_refused_files_by_week(quarter):
    runs = dict(zip(quarter.core.runs.run_id, quarter.core.runs.started_at, strict=True))
    wanted = defaultdict(int)
    for row in quarter.core.quarantine.itertuples():
        week = None if pd.isna(row.started_at) else _week(row.started_at.tz_convert(ZONE))
        wanted[week, _week(runs[row.first_run_id].tz_convert(ZONE)), row.code] += 1
    keys = ("iso_week", "found_week", "code")
    same(quarter, "not_audited_by_week", keys, {k: {"files": n} for k, n in wanted.items()})


def test_promises(quarter):
    calls = {row.call_id: row for row in quarter.core.calls.itertuples()}
    current = {c["call_id"]: c for c in quarter.calls}
    now = min(quarter.core.runs.started_at.max(), quarter.core.calls.started_at.max())
    wanted = {}
    for p in quarter.core.promises.itertuples():
        if p.rulebook_version == current[p.call_id]["version"]:
            wanted[p.call_id, p.promise] = {"outcome": _outcome(p, calls, current[p.call_id]["upset"], now)}
    assert {"kept", "broken", "open", "unknown"} == {row["outcome"] for row in wanted.values()}
    same(quarter, "promises", ("call_id", "promise"), wanted)


def _outcome(promise, calls, upset, now):
    of = calls[promise.call_id]
    if pd.isna(of.started_at) or not isinstance(of.customer_id, str):
        return "unknown"
    if upset == "unknown" or promise.medium == "writing":
        return "unknown"
    due = of.started_at + timedelta(hours=promise.within_hours)
    others = [
        c for c in calls.values()
        if c.customer_id == of.customer_id and of.started_at < c.started_at <= due and c.direction != "inbound"
    ]  # fmt: skip
    apart = [c for c in others if not (isinstance(of.interaction_id, str) and c.interaction_id == of.interaction_id)]
    if any(c.direction == "outbound" for c in apart):
        return "kept"
    if due > now:
        return "open"
    return "unknown" if others or promise.medium != "call" else "broken"


def test_the_weekly_page_shows_the_same_figures(quarter):
    week = max(c["iso_week"] for c in quarter.calls if c["iso_week"])
    for card in ("house", "other"):
        page = weekly(read(quarter.copy, week=week, scorecard=card))
        own = [c for c in quarter.scorecards if c["call"]["iso_week"] == week and c["scorecard"] == card]
        followed, calmed, critical, audited = ((f.rate.hits, f.rate.n) for f in page.figures)
        counted = of_cards(own)
        assert followed == (counted["met"], counted["judged"])
        assert critical == (counted["calls_with_critical_miss"], counted["critical_judged_calls"])
        in_week = [c for c in quarter.calls if c["iso_week"] == week]
        assert calmed == (sum(c["calmed"] for c in in_week), sum(c["upset"] == "clear" for c in in_week))
        assert audited[0] == len(in_week)
        of_steps = grouped(quarter.steps, "iso_week", "scorecard", "step")
        for line in page.steps:
            step = of_rows(of_steps[week, card, line.step])
            assert (line.rate.hits, line.rate.n) == (step["met"], step["judged"])
            assert line.unsure.share.share == step["unsure_share"]
        assert sum(line.rate.hits for line in page.steps) == followed[0]
