"""How fast stored calls are judged again, against doing it call by call, and against a script with pandas and `re`.

    python benchmarks/reaudit_speed.py [CALLS]     4,000 calls unless told otherwise

Reads ../shared/eval/conversations.jsonl beside the project, loads that many calls, and changes one rule. Then, in one
run: `audit_again` as the command does it; the same work asked for one call at a time (on a part of the calls); and what
an analyst would write instead: all turns as a pandas frame and the phrase of the one changed rule as a regular
expression over it, which answers far less: one rule, no episode, no near miss, no place, nothing stored. Times are
processor seconds of all threads.
"""

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rules_speed import CONVERSATIONS, as_transcript, cycled
from callaudit.audit_rules.audit import audit, audit_each
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.flows.auditing.reaudit_run import audit_again
from callaudit.flows.settings import Settings
from callaudit.warehouse import load
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.transcripts import transcripts

BATCH = 500
CHANGED = """
- id: apology.given
  asks: Does the agent beg your pardon?
  why: House style.
  sources: [A3]
  applies: upset
  expect:
    speaker: agent
    any_of:
      - i beg your pardon
  examples:
    met: |
      C: I am fed up, this is ridiculous.
      A: I beg your pardon.
    missed: |
      C: I am fed up, this is ridiculous.
      A: I am sorry.
"""


def main() -> None:
    """Print the figures, or why there are none."""
    if not CONVERSATIONS.exists():
        print(f"skipped: no conversations at {CONVERSATIONS}")
        return
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(root=Path(folder))
        stored(settings, wanted)
        settings.rules.mkdir()
        (settings.rules / "apology.yaml").write_text(CHANGED, encoding="utf-8")
        changed = load_rulebook(*settings.rule_folders)
        few = max(wanted // 40, 20)
        scripted = seconds(lambda: by_script(settings)) / wanted
        single = seconds(lambda: one_by_one(settings, changed, few)) / few
        began = time.monotonic()
        whole = seconds(lambda: audit_again(settings, at=datetime(2026, 3, 9, tzinfo=UTC))) / wanted
        wall = (time.monotonic() - began) / wanted
        both(settings, wanted)
    print(f"{wanted:,} stored calls judged again by {len(changed.compiled)} rules, one of them changed")
    print(f"  callaudit reaudit --all     {1000 * whole:7.2f} ms a call, {1 / wall:,.0f} calls/s on the clock")
    print(f"  one call at a time          {1000 * single:7.2f} ms a call, {single / whole:.1f} times as long")
    print(f"  pandas and re, one phrase   {1000 * scripted:7.2f} ms a call")


def stored(settings: Settings, wanted: int) -> None:
    """Load the calls as judged by the shipped rules, and publish."""
    originals = [as_transcript(json.loads(line)) for line in CONVERSATIONS.read_text(encoding="utf-8").splitlines()]
    rulebook = load_rulebook()
    con = open_writer(settings.warehouse)
    store_rulebook(con, rulebook, loaded_at=datetime(2026, 3, 8, tzinfo=UTC))
    calls = cycled(originals, wanted)
    while batch := [call for _, call in zip(range(BATCH), calls, strict=False)]:
        load.load(con, [AuditedCall(t, a) for t, a in zip(batch, audit_each(batch, rulebook), strict=True)], run_id="R")
    publish(con, settings.published)


def one_by_one(settings: Settings, rulebook: Rulebook, few: int) -> None:
    """Read, judge and store each of a few calls for itself, in a copy of its own so that all are judged later."""
    con = open_writer(settings.warehouse)
    asked = con.execute("select call_id from core.calls order by all limit ?", [few]).fetchall()
    ids = [call_id for (call_id,) in asked]
    with tempfile.TemporaryDirectory() as folder:
        own = open_writer(Path(folder) / "own.duckdb")
        store_rulebook(own, rulebook)
        for call_id in ids:
            for transcript in transcripts(con, call_ids=[call_id]):
                load.load(own, [AuditedCall(transcript, audit(transcript, rulebook))], run_id="R")
        own.close()
    con.close()


def by_script(settings: Settings) -> int:
    """The calls whose agent never begs pardon, as a notebook would find them."""
    with open_published(settings.published) as published:
        turns = published.frame("select call_id, speaker, text from turns")
    agent = turns[turns.speaker == "agent"]
    said = agent.text.str.contains(re.compile(r"\bi beg your pardon\b", re.IGNORECASE))
    return int((~said.groupby(agent.call_id).any()).sum())


def both(settings: Settings, wanted: int) -> None:
    """Raise unless both rulebooks' findings are there, and each call counts once by the newer one."""
    with open_published(settings.published) as published:
        (told,) = published.rows(
            """
            select (select count(distinct rulebook_version)::int from core.call_measures) as versions,
                   (select count(*)::int from core.call_measures) as audits,
                   (select count(*)::int from calls) as calls,
                   (select count(distinct rulebook_version)::int from findings) as shown
            """
        )
    if told != {"versions": 2, "audits": 2 * wanted, "calls": wanted, "shown": 1}:
        raise SystemExit(f"not side by side: {told}")


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of this process, all threads: other programs take no part in it."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
