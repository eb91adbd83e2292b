"""Kills the writer at random moments and looks each time whether what is left is whole.

    python benchmarks/kill_rounds.py [ROUNDS] [SEED]     20 rounds unless told otherwise

A child opens the warehouse (every fourth time with one more migration to apply), loads batches over former ones
and publishes, again and again, until it is killed with SIGKILL. Then another child opens what is left and looks:
every call is there whole and once or not at all, every batch is of one loading, every migration is applied whole
or not at all, the published copy opens and is whole too. Ends with exit code 1 at the first round that is not so.
"""

import mmap
import os
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import duckdb

from audit_rules.finding import Audit, Evidence, EvidenceKind, Finding, Measures, Verdict
from transcription.transcript import Call, Provenance, Recording, RolesFrom, SpeakerRole, Transcript, Utterance
from warehouse.connect import MIGRATIONS, newest_generation, open_published, open_writer
from warehouse.load import load, store_rulebook
from warehouse.publish import publish
from warehouse.tables import AuditedCall

BATCHES, CALLS = 4, 60
STAGES = ("starting", "opening or migrating", "loading", "publishing")


def audited(call_id: str, stamp: str) -> AuditedCall:
    """A call every row of which carries the stamp of its loading; later loadings have other numbers of rows."""
    size = 3 + int(stamp) % 3
    transcript = Transcript(
        call=Call(call_id=call_id, source="main", agent_id=stamp),
        utterances=tuple(Utterance(role=SpeakerRole.AGENT, text=f"{stamp} {n}") for n in range(size)),
        provenance=Provenance(engine="whisper", model="base.en", weights_hash="w", settings_hash=stamp),
        recording=Recording(
            path=f"{call_id}.wav", sha256=f"{call_id} {stamp}", size=1, codec="pcm_s16le", sample_rate=8000, channels=1,
            duration=1.0,
        ),
        roles_from=RolesFrom.CHANNELS,
    )  # fmt: skip
    findings = tuple(
        Finding(
            rule_id=f"rule{n}", verdict=Verdict.MET, reason=stamp,
            evidence=(Evidence(kind=EvidenceKind.MET, turn=0, quote=stamp),),
        )
        for n in range(size)
    )  # fmt: skip
    measures = Measures(turns_agent=int(stamp), turns_customer=size, words_agent=0, words_customer=0)
    audit = Audit(
        call_id=call_id, rulebook_version="v1", findings=findings, episodes=(), promises=(), measures=measures
    )
    return AuditedCall(transcript, audit)


# Rows that a call must have if it is there, told from its own stamp.
BROKEN = """
with found as (
    select call_id, agent_id as stamp, 3 + agent_id::int % 3 as size, split_part(call_id, '-', 1) as batch from core.calls
),
seen as (
    select
        f.*,
        (select count(*) from core.recordings r where r.call_id = f.call_id and r.sha256 = f.call_id || ' ' || stamp) as recordings,
        (select count(*) from core.transcripts t where t.call_id = f.call_id and t.settings_hash = stamp) as transcripts,
        (select count(*) from core.call_measures m where m.call_id = f.call_id and m.turns_agent = stamp::int) as measures,
        (select count(*) from core.utterances u where u.call_id = f.call_id and u.text = stamp || ' ' || u.position) as utterances,
        (select count(*) from core.utterances u where u.call_id = f.call_id) as all_utterances,
        (select count(*) from core.findings x
         where x.call_id = f.call_id and x.reason = stamp and x.evidence[1].quote = stamp) as findings,
        (select count(*) from core.findings x where x.call_id = f.call_id) as all_findings
    from found f
)
select 'call ' || call_id from seen
where (recordings, transcripts, measures, utterances, all_utterances, findings, all_findings)
    <> (1, 1, 1, size, size, size, size)
union all
select 'call twice ' || call_id from core.calls group by call_id having count(*) > 1
union all
select 'batch ' || batch from found group by batch having count(distinct stamp) > 1 or count(*) <> $calls
union all
select 'orphan ' || call_id from (
    select call_id from core.recordings union all select call_id from core.transcripts
    union all select call_id from core.call_measures union all select call_id from core.utterances
    union all select call_id from core.findings
) anti join core.calls using (call_id)
"""  # noqa: E501  A table.

WRONG_MIGRATIONS = """
select coalesce(m.name, t.table_name)
from (select name, 'half' || number as made from core.migrations where number > 1000) m
full join (
    select t.table_name, t.estimated_size from duckdb_tables() t where t.table_name like 'half%'
) t on t.table_name = m.made
where m.name is null or t.table_name is null
"""


def write(home: Path, first_stamp: int, stage: mmap.mmap) -> None:
    """Open, load over what is there, publish, from the beginning again; until killed."""
    stamp = first_stamp
    while True:
        began = time.monotonic()
        stage[0] = 1
        con = open_writer(home / "warehouse.duckdb", migrations=home / "migrations")
        store_rulebook(con, SimpleNamespace(version="v1", rules=(), scorecards={}))
        stage[0] = 2
        for batch in random.sample(range(BATCHES), 1):
            load(con, [audited(f"{batch}-{n}", str(stamp)) for n in range(CALLS)], run_id="R")
            stamp += 1
        stage[0] = 3
        publish(con, home / "published")
        stage[1:] = struct.pack("d", time.monotonic() - began)


def look(home: Path) -> None:
    """Raise if anything that is left is not whole."""
    published = home / "published"
    if newest_generation(published) is not None:
        with open_published(published) as copy:
            _whole(copy.connection, "the published copy")
    con = open_writer(home / "warehouse.duckdb", migrations=home / "migrations")
    _whole(con, "the warehouse")
    con.close()


def _whole(con: duckdb.DuckDBPyConnection, where: str) -> None:
    wrong = [name for (name,) in con.execute(BROKEN, {"calls": CALLS}).fetchall()]
    wrong += [name for (name,) in con.execute(WRONG_MIGRATIONS).fetchall()]
    if wrong:
        raise SystemExit(f"{where} is not whole: {', '.join(wrong[:5])} ({len(wrong)} in all)")


def forked(work: Callable[[], None]) -> int:
    """Process id of a child that does the work: a fork knows the imports already, which take longer than a round."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def main(rounds: int, seed: int) -> int:
    """Kill, look, count; returns the exit code."""
    chance = random.Random(seed)  # noqa: S311 - when to kill is no secret
    killed: Counter[str] = Counter()
    # What the writer is at, and how long it took the last time from opening to published.
    stage = mmap.mmap(-1, 9)
    stage[1:] = struct.pack("d", 0.0)
    published_at = None
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(MIGRATIONS, home / "migrations")
        for number in range(rounds):
            if number % 4 == 0:
                name = 1001 + number
                (home / "migrations" / f"{name}_half.sql").write_text(
                    f"create table core.half{name} as select range as i from range(20000);\n"
                    f"alter table core.half{name} add column j integer default {number};\n"
                )
            random.seed(seed * 1_000_003 + number)
            stage[0] = 0
            writer = forked(lambda first=1000 * number: write(home, first, stage))
            if number == 0:
                # Something must be published for later kills to harm, and how long that takes sets their moments.
                while struct.unpack("d", stage[1:])[0] == 0.0:
                    time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 1.5 * struct.unpack("d", stage[1:])[0]))
            os.kill(writer, signal.SIGKILL)
            _, status = os.waitpid(writer, 0)
            if not os.WIFSIGNALED(status):
                print(f"round {number}: the writer ended by itself")
                return 1
            killed[STAGES[stage[0]]] += 1
            _, status = os.waitpid(forked(lambda: look(home)), 0)
            there = (home / "published" / "audit.duckdb").exists()
            if status or (published_at is not None and not there):
                print(f"round {number} (seed {seed}): killed while {STAGES[stage[0]]}, and what is left is not whole")
                return 1
            if there and published_at is None:
                published_at = number
    if published_at is None:
        print("nothing was ever published")
        return 1
    print(f"{rounds} rounds in {time.monotonic() - began:.0f} s, nothing lost, nothing halved; killed while:")
    for name in STAGES:
        print(f"  {name:22s}{killed[name]:4d}")
    print("the published copy could be opened after each")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
