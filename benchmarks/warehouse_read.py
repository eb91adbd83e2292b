"""How fast the warehouse answers, against the same tables in SQLite and in pandas over Parquet.

    python benchmarks/warehouse_read.py            20,000 calls
    python benchmarks/warehouse_read.py 1000000    the size the warehouse is built for; some minutes
    python benchmarks/warehouse_read.py 1000000 20000    and the comparison with fewer calls, which it names

Each call has 45 findings, every sixth with a piece of evidence. The calls are made inside DuckDB, in bulk: loading a
million objects is another benchmark's work. DuckDB works on two cores. Publishing counts all weeks the first time, and
after a night of 1,000 calls only the weeks that they fall in. Best of three, except for publishing. SQLite and pandas
answer the weekly question from the findings.
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd

from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published

RULES = """
insert into core.rulebooks values ('v1', 1, null);
insert into core.rules select 'v1', 'rule' || range, 'step' || range % 9, 'asks', 'why', [], 'live', 'always', '{}' from range(45);
insert into core.scorecard_steps select 'v1', 'house', 'House', range % 9, 'step' || range % 9, 'Step', 'rule' || range, 1, range = 0, false
    from range(45);
"""  # noqa: E501  A table.
FILL = """
insert into core.calls by name select format('call-{:08d}', range) as call_id, 'main' as source,
    timestamptz '2026-01-05 08:00:00+00' + to_seconds(cast(range * 31449600 // $calls as bigint)) as started_at, 0 as utc_offset_s,
    cast(started_at as date) as local_date, strftime(started_at, '%G-W%V') as iso_week, 'a' || hash(range) % 500 as agent_id,
    'Agent' as agent_name, 'team' || hash(range) % 20 as team, 'billing' as queue from range($first, $last);
insert into core.transcripts by name select call_id, 'h' as transcript_hash, 'whisper' as engine, 'base.en' as model,
    'w' as weights_hash, 's' as settings_hash, '' as notice, 'channels' as roles_from, '' as role_evidence,
    ['agent', 'customer'] as speech_roles, 0 as dropped_words, 0 as redactions, [] as warnings
    from core.calls where call_id >= format('call-{:08d}', $first);
insert into core.call_measures by name select call_id, 'v1' as rulebook_version, 'h' as transcript_hash, 'R' as run_id,
    20 as turns_agent, 20 as turns_customer, 200 as words_agent, 200 as words_customer, 0 as transfers,
    if(hash(call_id) % 3 = 0, 'clear', 'none') as upset, false as upset_at_start, false as upset_at_end, true as calmed
    from core.calls where call_id >= format('call-{:08d}', $first);
insert into core.findings (call_id, rulebook_version, rule_id, verdict, reason_code, shown, evidence) select call_id, 'v1', 'rule' || r.range,
    ['met', 'missed', 'not_applicable', 'not_assessable'][1 + cast((hash(call_id) % 4 + r.range * 7) % 4 as integer)], 'heard',
    case when r.range % 6 = 0 then 1 end, case when r.range % 6 = 0 then [
        {'kind': 'met', 'turn': 3, 'role': 'agent', 'start_s': 12.5, 'end_s': 14.0, 'quote': 'i am so sorry that happened',
         'char_start': 0, 'char_end': 27, 'note': null}] else [] end
    from core.calls, range(45) r where call_id >= format('call-{:08d}', $first) and call_id < format('call-{:08d}', $last)
    order by call_id, r.range;
"""  # noqa: E501  A table.
NIGHT = 1_000
VIEWS = (
    "scorecards_by_week", "steps_by_week", "rules_by_week", "agents_by_week", "agent_steps_by_week",
    "agent_step_month", "coverage", "weeks",
)  # fmt: skip
WEEKLY = """
select c.iso_week, f.rule_id, count(*) as calls, sum(f.verdict = 'met') as met, sum(f.verdict = 'missed') as missed
from findings f join calls c on c.call_id = f.call_id group by 1, 2
"""


def fill(con: duckdb.DuckDBPyConnection, calls: int) -> None:
    """Calls over a year, of 500 agents in 20 teams, ordered by id as the loader leaves them."""
    con.execute(RULES)
    for first in range(0, calls, 50_000):
        add(con, calls, first, min(first + 50_000, calls))


def add(con: duckdb.DuckDBPyConnection, calls: int, first: int, last: int) -> None:
    """The calls of these numbers, spread as `calls` of them fill a year."""
    for statement in FILL.split(";\n"):
        if statement.strip():
            wanted = {"calls": calls, "first": first, "last": last}
            con.execute(statement, {name: n for name, n in wanted.items() if f"${name}" in statement})


def best(work: Callable[[], object], times: int = 3, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the fastest of some runs, on the wall unless another clock is given."""
    taken = []
    for _ in range(times):
        began = clock()
        work()
        taken.append(clock() - began)
    return min(taken)


def timed(work: Callable[[], object]) -> str:
    """What one run took."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return f"{time.perf_counter() - wall:.1f} s ({time.process_time() - cpu:.1f} s of CPU)"


def compare(folder: Path, calls: int) -> None:
    """One weekly question and one call's scorecard, in the three."""
    con = open_writer(folder / "small.duckdb")
    con.execute("set threads = 2")
    fill(con, calls)
    frame = con.sql("select call_id, rule_id, verdict, reason from core.findings").df()
    heads = con.sql("select call_id, iso_week, agent_id from core.calls").df()
    publish(con, folder / "small")
    frame.to_parquet(folder / "findings.parquet")
    heads.to_parquet(folder / "calls.parquet")
    lite = sqlite3.connect(folder / "small.sqlite")
    frame.to_sql("findings", lite, index=False)
    heads.to_sql("calls", lite, index=False)
    lite.execute("create index of_call on findings (call_id)")
    lite.execute("create index by_id on calls (call_id)")

    def weekly_in_pandas() -> object:
        f = pd.read_parquet(folder / "findings.parquet", columns=["call_id", "rule_id", "verdict"])
        f = f.merge(pd.read_parquet(folder / "calls.parquet", columns=["call_id", "iso_week"]), on="call_id")
        return f.groupby(["iso_week", "rule_id", "verdict"]).size().unstack()

    def call_in_pandas() -> object:
        return pd.read_parquet(folder / "findings.parquet", filters=[("call_id", "==", f"call-{calls // 2:08d}")])

    one = f"call-{calls // 2:08d}"
    uncounted = WEEKLY.replace("findings f", "core.findings f").replace("sum(", "count_if(")
    with open_published(folder / "small") as published:
        print(f"compared, with {calls:,} calls ({calls * 45:,} findings):")
        print(f"{'':26s}{'DuckDB':>10s}{'SQLite':>10s}{'pandas':>10s}")
        rows = (
            (
                "rules by week",
                best(lambda: published.rows("from rules_by_week")),
                best(lambda: lite.execute(WEEKLY).fetchall(), 1),
                best(weekly_in_pandas, 1),
            ),
            (
                "the same, not pre-counted",
                best(lambda: published.rows(uncounted)),
                float("nan"),
                float("nan"),
            ),
            (
                "one call's findings",
                best(lambda: published.rows("from findings where call_id = ?", [one])),
                best(lambda: lite.execute("select * from findings where call_id = ?", [one]).fetchall()),
                best(call_in_pandas),
            ),
        )
    for name, *seconds in rows:
        print(f"{name:26s}" + "".join(f"{s * 1000:7.1f} ms" if s == s else f"{'':>10s}" for s in seconds))  # noqa: PLR0124  Only NaN differs from itself.


def main(calls: int, compared: int) -> None:
    """Fill, publish, ask."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        con = open_writer(folder / "warehouse.duckdb")
        con.execute("set threads = 2")
        filled = timed(lambda: fill(con, calls))
        con.execute("checkpoint")
        size = (folder / "warehouse.duckdb").stat().st_size
        print(f"{calls:,} calls, {calls * 45:,} findings: {size / 1e6:,.0f} MB, made in {filled}", flush=True)
        print(f"publishing, all weeks counted: {timed(lambda: publish(con, folder / 'published'))}", flush=True)
        con = open_writer(folder / "warehouse.duckdb")
        con.execute("set threads = 2")
        add(con, calls, calls, calls + NIGHT)
        print(f"publishing after a night of {NIGHT:,} calls: {timed(lambda: publish(con, folder / 'published'))}")
        opening = [
            best(lambda: open_published(folder / "published").close(), clock=c)
            for c in (time.perf_counter, time.process_time)
        ]
        print(f"{'opening':22s}{opening[0] * 1000:8.0f} ms{opening[1] * 1000:8.0f} ms of CPU")
        with open_published(folder / "published") as published:
            one = f"call-{calls // 2:08d}"
            asked = {view: f"from {view}" for view in VIEWS}
            asked |= {"scorecard of one call": f"from scorecard('{one}')"}
            asked |= {"steps of one call": f"from call_steps where call_id = '{one}'"}
            for name, sql in asked.items():
                rows = len(published.arrow(sql))
                wall = best(lambda s=sql: published.arrow(s))
                cpu = best(lambda s=sql: published.arrow(s), clock=time.process_time)
                print(f"{name:22s}{wall * 1000:8.0f} ms{cpu * 1000:8.0f} ms of CPU{rows:10,} rows", flush=True)
        (folder / "warehouse.duckdb").unlink()
        compare(folder, compared)


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    main(wanted, int(sys.argv[2]) if len(sys.argv) > 2 else min(wanted, 20_000))
