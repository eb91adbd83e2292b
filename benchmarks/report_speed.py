"""How fast the weekly report and call pages are made, against the same figures in pandas over the exported Parquet.

    python benchmarks/report_speed.py           50 agents, 1,200 calls a week, 13 weeks, 100 call pages
    python benchmarks/report_speed.py 300       300 calls a week
    python benchmarks/report_speed.py 1200 DIR  keep the warehouse in DIR, to look at it

The calls are invented inside DuckDB and judged by the shipped rulebook's rules: each agent has a skill for each step,
a third of the calls is tense, misses have their nearest miss. `wall` is what a user waits on a machine that does
nothing else; CPU is of all cores. The pandas script answers the page's main figures only: steps by week, rules of the
week, agents by step, scores, without ranges, sentences or a page.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd

from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.reports import call_page, weekly
from callaudit.reports.formats.all_formats import write_formats
from callaudit.reports.page import call_file_name
from callaudit.reports.weekly.page import weekly as figures
from callaudit.reports.weekly.queries import read
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.export import export_views
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import Published, open_published
from callaudit.warehouse.rulebooks import store_rulebook

WEEK = "2026-W10"
WEEKS, AGENTS, PAGES = 13, 50, 100
FIRST = "Amara Ben Chloe Dina Emil Farid Grace Hana Ivan Jonas".split()
LAST = "Okafor Reed Costa Demir Park".split()
TEAMS = "Billing Deliveries Retention Technical".split()
SAID = "i can see why that is upsetting and i am sorry we let it get this far let me put it right for you today".split()

FILL = """
create or replace temp macro chance(what) as (hash(what) % 1000003) / 1000003.0;
create or replace temp table agents as
    select range as n, 'a' || range as agent_id, $first[1 + range % 10] || ' ' || $last[1 + range // 10] as agent_name,
        $teams[1 + cast(floor(4 * pow(chance('team' || range), 1.3)) as integer)] as team from range($agents);
create or replace temp table invented as
    select format('C{:06d}', range) as call_id, range // $a_week as week, chance('tense' || range) < 0.34 as tense,
        cast(floor($agents * pow(chance('agent' || range), 1.2)) as integer) as n,
        180 + 600 * pow(chance('length' || range), 2) as duration_s from range($a_week * $weeks);
insert into core.calls by name
    select i.call_id, 'main' as source,
        timestamptz '2025-12-08 08:00:00+00' + to_days(cast(7 * i.week as integer)) + to_seconds(floor(388800 * chance('at' || i.call_id)))
            as started_at,
        0 as utc_offset_s, cast(started_at as date) as local_date, strftime(started_at, '%G-W%V') as iso_week,
        a.agent_id, a.agent_name, a.team, 'k' || hash(i.call_id) % 5000 as customer_id,
        ['refunds', 'parcels', 'new orders'][1 + cast(hash('q' || i.call_id) % 3 as integer)] as queue, 'inbound' as direction
    from invented i join agents a using (n) order by i.call_id;
insert into core.recordings by name
    select call_id, 'inbox/' || call_id || '.wav' as path, sha256(call_id) as sha256, 2400000 as size, 'pcm' as codec,
        8000 as sample_rate, 2 as channels, duration_s from invented order by call_id;
insert into core.transcripts by name
    select call_id, 'h' as transcript_hash, 'whisper' as engine, 'base.en' as model, 'w' as weights_hash, 's' as settings_hash,
        '' as notice, if(chance('mono' || call_id) < 0.08, 'guessed', 'channels') as roles_from, '' as role_evidence,
        ['agent', 'customer'] as speech_roles, 0.7 + 0.25 * chance('heard' || call_id) as confidence, 2 as dropped_words,
        1 as redactions, [] as warnings, 'en' as language from invented order by call_id;
insert into core.call_measures by name
    select call_id, $version as rulebook_version, 'h' as transcript_hash, 'R' as run_id, 20 as turns_agent,
        20 as turns_customer, 200 as words_agent, 200 as words_customer, 0.5 as talk_share_agent, 150 as words_per_minute_agent,
        1 as overlaps_by_agent, 1 as overlaps_by_customer, 1 as overlap_s, 9 as silence_s, 0 as holds, 0 as hold_s,
        1.1 as median_answer_gap_s, 4 as longest_dead_air_s, 0 as transfers,
        if(tense, 'clear', 'none') as upset, false as upset_at_start, false as upset_at_end,
        case when tense then chance('calmed' || call_id) < 0.63 end as calmed from invented order by call_id;
insert into core.episodes
    select call_id, $version, 1, 3, 30, 12.0, 100.0, 'this is the third time', 'accepted' from invented where tense order by call_id;
create or replace temp table judged as
    select i.call_id, r.rule_id, r.definition,
        case when (r.applies = 'episode' and not i.tense) or chance('asked' || i.call_id || r.rule_id) > 0.7 then 'not_applicable'
            when chance('seen' || i.call_id || r.rule_id) < 0.03 then 'not_assessable'
            when chance('met' || i.call_id || r.rule_id) < case
                when r.rule_id in (select rule_id from core.scorecard_steps where critical) then 0.985
                else greatest(0.05, least(0.97, 0.5 + 0.4 * chance(r.rule_id) + 0.3 * (chance(i.n || r.step) - 0.5))) end then 'met'
            else 'missed' end as verdict,
        chance('how' || i.call_id || r.rule_id) as how, 5 + 150 * chance('when' || i.call_id || r.rule_id) as at_s
    from invented i, core.rules r;
insert into core.findings (call_id, rulebook_version, rule_id, verdict, reason_code, miss_kind, shown, evidence)
    select call_id, $version, rule_id, verdict,
        case verdict when 'met' then 'heard' when 'missed' then 'not_heard' else 'not_called_for' end,
        case when verdict <> 'missed' then null when definition like '%"never"%' then 'forbidden' when how < 0.1 then 'by_the_other'
            when how < 0.2 then 'too_early' when how < 0.5 then 'too_late' else 'never' end,
        case when verdict = 'met' or (verdict = 'missed' and (how < 0.5 or definition like '%"never"%')) then 1 end,
        case when verdict = 'met' then
            [{'kind': 'met', 'turn': 5, 'role': 'agent', 'start_s': at_s, 'end_s': at_s + 2,
              'quote': 'i am so sorry that this happened to you', 'char_start': null, 'char_end': null, 'note': null}]
        when verdict = 'missed' and definition like '%"never"%' then
            [{'kind': 'against', 'turn': 7, 'role': 'agent', 'start_s': at_s, 'end_s': at_s + 2,
              'quote': 'you should have read the terms before you ordered', 'char_start': null, 'char_end': null, 'note': null}]
        when verdict = 'missed' and how < 0.5 then
            [{'kind': 'near_miss', 'turn': 9, 'role': if(how < 0.1, 'customer', 'agent'), 'start_s': at_s, 'end_s': at_s + 2,
              'quote': 'as fast as we can somebody will be in touch', 'char_start': null, 'char_end': null,
              'note': null}]
        else [] end
    from judged order by call_id, rule_id;
insert into core.utterances
    select call_id, u, u, if(u % 2 = 0, 'customer', 'agent'), u % 2, u * 4.0, u * 4.0 + 3.4, array_to_string($said[1 + u % 9:10 + u % 9], ' '),
        0, false, 0.9, list_transform(range(10), lambda w: u * 4 + w * 0.34), list_transform(range(10), lambda w: u * 4 + w * 0.34 + 0.3),
        list_transform(range(10), lambda w: 0.9), null
    from invented, range(40) t(u) where week = $weeks - 1 order by call_id, u;
insert into core.speech_spans
    select call_id, ['customer', 'agent'][1 + u % 2], u // 2, u * 4.0, u * 4.0 + 3.4 from invented, range(40) t(u)
    where week = $weeks - 1 order by 1, 2, 3;
"""  # noqa: E501  A table.


def fill(con: duckdb.DuckDBPyConnection, book: Rulebook, a_week: int) -> None:
    """Thirteen weeks of calls, the last of which is `WEEK`; only its calls have words."""
    known = {
        "first": FIRST, "last": LAST, "teams": TEAMS, "agents": AGENTS, "a_week": a_week, "weeks": WEEKS,
        "version": book.version, "said": SAID,
    }  # fmt: skip
    for statement in filter(str.strip, FILL.split(";\n")):
        con.execute(statement, {name: value for name, value in known.items() if f"${name}" in statement})


def in_pandas(folder: Path) -> None:
    """What an analyst would write for the page's main figures."""
    calls = pd.read_parquet(folder / "calls").astype({"iso_week": str})
    calls = calls[["call_id", "iso_week", "agent_id", "team", "queue", "tense", "calmed"]]
    card = pd.read_parquet(folder / "scorecard_rules")
    card = card[card.scorecard == "house"]
    findings = pd.read_parquet(folder / "findings", columns=["call_id", "rule_id", "verdict"])
    judged = findings[findings.verdict.isin(["met", "missed"])].merge(card[["rule_id", "step", "weight"]], on="rule_id")
    judged["met"] = (judged.verdict == "met") * judged.weight
    steps = judged.groupby(["call_id", "step"])[["met", "weight"]].sum()
    steps["followed"] = steps.met * 2 >= steps.weight
    steps = steps.reset_index().merge(calls, on="call_id")
    steps.groupby(["iso_week", "step"]).followed.agg(["mean", "size"])
    recent = steps[steps.iso_week > "2026-W06"]
    recent.groupby(["team", "agent_id", "step"]).followed.agg(["mean", "size"])
    recent.groupby(["queue"]).followed.agg(["mean", "size"])
    week = judged.merge(calls[calls.iso_week == WEEK], on="call_id")
    week.groupby("rule_id").met.agg(["sum", "size"])
    week.groupby("call_id").agg(met=("met", "sum"), of=("weight", "sum"))
    calls.groupby("iso_week")[["tense", "calmed"]].sum()


def timed(name: str, work: Callable[[], object], *, target: str = "") -> float:
    """Print and return the CPU seconds of the work; the wall beside it."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{name:44s}{cpu:8.2f} s CPU{wall:8.2f} s wall   {target}")
    return cpu


def pages(published: Published, folder: Path) -> None:
    """A page for each of the first tense calls of the week."""
    rows = published.rows(
        "select call_id from calls where iso_week = $week and tense order by call_id limit $pages",
        {"week": WEEK, "pages": PAGES},
    )
    call_page.render_calls(
        published, {row["call_id"]: (folder / "calls" / call_file_name(row["call_id"]), None) for row in rows}
    )


def main(a_week: int, home: Path) -> None:
    """Make the warehouse unless it is there, then the pages."""
    if not (home / "published").exists():
        con = open_writer(home / "warehouse.duckdb")
        con.execute("set threads = 2")
        book = load_rulebook()
        store_rulebook(con, book)
        fill(con, book, a_week)
        publish(con, home / "published")
        con.close()
    print(f"{AGENTS} agents, {a_week:,} calls a week, {WEEKS} weeks")
    with open_published(home / "published") as published:
        report = timed(
            "weekly report", lambda: weekly.render(published, week=WEEK, out=home / "weekly.html"), target="(<= 5 s)"
        )
        readings = read(published, week=WEEK, scorecard="house")
        timed("  of which asking the warehouse", lambda: read(published, week=WEEK, scorecard="house"))
        timed("  of which working out the page", lambda: figures(readings))
        forms = ("xlsx", "markdown", "csv")
        timed(
            "  and with XLSX, CSV and Markdown",
            lambda: write_formats(readings, figures(readings), forms, out=home / "all" / "weekly.html"),
        )
        timed(f"{PAGES} call pages", lambda: pages(published, home), target="(<= 10 s)")
        timed("export to Parquet", lambda: export_views(published, home / "export"))
    pandas = timed("the main figures in pandas", lambda: in_pandas(home / "export"))
    print(f"pandas / weekly report: {pandas / report:.1f}")
    print(f"the page: {(home / 'weekly.html').stat().st_size / 1000:,.0f} kB")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_200
    if len(sys.argv) > 2:
        Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
        main(wanted, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(wanted, Path(temporary))
