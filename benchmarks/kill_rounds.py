"""Kills the writer at random moments and looks each time whether what is left is whole.

    python benchmarks/kill_rounds.py [ROUNDS] [SEED]     20 rounds unless told otherwise

A child opens the warehouse (every fourth time with one more migration to apply), loads a batch over a former one,
publishes, and erases one customer of a batch, again and again, until it is killed with SIGKILL. An erasure that was
cut off is then completed as the next command would, and every second time that is killed too before it may end.
Another child looks at what is left: every call is there whole and once or not at all, every batch is of one loading,
every migration is applied whole or not at all, the published copy opens and is whole too; of an erased customer no
table, no older copy, no backup and no file has a trace. Ends with exit code 1 at the first round that is not so.
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
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import duckdb

from callaudit.audit_rules.finding import Audit, Evidence, EvidenceKind, Facts, Finding, Measures, Reason, Verdict
from callaudit.flows.erasure import erase
from callaudit.flows.erasure.file_search import files_that_name
from callaudit.flows.erasure.removal import Outcome, Removal, complete
from callaudit.flows.settings import Paths, Settings
from callaudit.transcription.transcript import (
    Call,
    Provenance,
    Recording,
    RolesFrom,
    SpeakerRole,
    Transcript,
    Utterance,
)
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import Writer, open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import newest_generation, open_published
from callaudit.warehouse.rulebooks import store_rulebook
from callaudit.warehouse.schema import MIGRATIONS
from callaudit.warehouse.search import databases, tables_that_name

BATCHES, CALLS = 4, 60
# Every tenth call of a batch is of one customer.
THEIRS = CALLS // 10
STAGES = (
    "starting", "opening", "migrating", "loading", "publishing", "planning an erasure", "erasing",
    "searching afterwards", "completing an erasure",
)  # fmt: skip
STARTING, OPENING, MIGRATING, LOADING, PUBLISHING, PLANNING, ERASING, SEARCHING, COMPLETING = range(len(STAGES))


def customer(batch: str) -> str:
    """The customer of every tenth call of a batch: a name that stands nowhere else."""
    return f"customer-zorblatt-{batch}"


def audited(call_id: str, stamp: str) -> AuditedCall:
    """A call every row of which carries the stamp of its loading; later loadings have other numbers of rows."""
    size = 3 + int(stamp) % 3
    batch, _, number = call_id.partition("-")
    transcript = Transcript(
        call=Call(
            call_id=call_id, source="main", agent_id=stamp,
            customer_id=customer(batch) if int(number) % 10 == 0 else None,
        ),
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
            rule_id=f"rule{n}", verdict=Verdict.MET, reason=Reason.HEARD,
            facts=Facts(named=(stamp,)),
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
         where x.call_id = f.call_id and x.named = [stamp] and x.evidence[1].quote = stamp) as findings,
        (select count(*) from core.findings x where x.call_id = f.call_id) as all_findings
    from found f
)
select 'call ' || call_id from seen
where (recordings, transcripts, measures, utterances, all_utterances, findings, all_findings)
    <> (1, 1, 1, size, size, size, size)
union all
select 'call twice ' || call_id from core.calls group by call_id having count(*) > 1
union all
select 'batch ' || batch from found
group by batch having count(distinct stamp) > 1 or count(*) not in ($calls, $calls - $theirs)
union all
select 'customer ' || customer_id from core.calls where customer_id is not null
group by customer_id having count(*) <> $theirs
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


class Progress:
    """What the writer is at, shared with who kills it and who looks afterwards."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 2 + BATCHES + 8)

    @property
    def stage(self) -> int:
        """Its place in `STAGES`."""
        return self._memory[0]

    @stage.setter
    def stage(self, stage: int) -> None:
        self._memory[0] = stage

    @property
    def once_through(self) -> float:
        """Seconds from opening to the end of the erasure, the last time; 0 before."""
        return float(struct.unpack("d", self._memory[2 + BATCHES :])[0])

    @once_through.setter
    def once_through(self, seconds: float) -> None:
        self._memory[2 + BATCHES :] = struct.pack("d", seconds)

    def erasing(self, batch: int) -> None:
        """From now on the customer of this batch may be gone."""
        self._memory[1] = batch

    @property
    def last_erased(self) -> int:
        """The batch whose customer was erased last, or is being erased."""
        return self._memory[1]

    def gone(self, batch: int, *, is_gone: bool) -> None:
        """The customer of this batch was erased to the end, or may be there again."""
        self._memory[2 + batch] = is_gone

    def all_gone(self) -> list[int]:
        """The batches whose customer must not be found."""
        return [batch for batch in range(BATCHES) if self._memory[2 + batch]]


def house(home: Path) -> Settings:
    """A home with everything an erasure looks after; the migrations are those of `home`, which grow."""
    open_writer.__kwdefaults__["migrations"] = home / "migrations"
    return Settings(root=home, paths=Paths(home=Path(), reports=Path("reports")))


def write(home: Path, first_stamp: int, progress: Progress, *, migrating: bool) -> None:
    """Open, load over what is there, publish, erase, from the beginning again; until killed."""
    settings = house(home)
    carried_out = erase.begin

    def begin(settings: Settings, removal: Removal, con: Writer) -> Outcome:
        progress.stage = ERASING
        outcome = carried_out(settings, removal, con)
        progress.stage = SEARCHING
        return outcome

    erase.begin = begin
    stamp = first_stamp
    while True:
        began = time.monotonic()
        progress.stage = MIGRATING if migrating else OPENING
        con = open_writer(settings.warehouse)
        migrating = False
        store_rulebook(con, SimpleNamespace(version="v1", rules=(), scorecards={}))
        progress.stage = LOADING
        batch = random.sample(range(BATCHES), 1)[0]
        progress.gone(batch, is_gone=False)
        calls = [audited(f"batch{batch}-{n}", str(stamp)) for n in range(CALLS)]
        load(con, calls, run_id="R")
        leave_traces(settings, calls)
        stamp += 1
        progress.stage = PUBLISHING
        publish(con, settings.published)
        progress.stage = PLANNING
        progress.erasing(batch)
        erase.erase_now(settings, customer_id=customer(f"batch{batch}"))
        progress.gone(batch, is_gone=True)
        progress.once_through = time.monotonic() - began


def leave_traces(settings: Settings, calls: list[AuditedCall]) -> None:
    """What runs and readers leave beside the warehouse of the customer's calls: pages, sound, an export."""
    for folder in (settings.reports / "calls", settings.audio, settings.export):
        folder.mkdir(parents=True, exist_ok=True)
    for one in calls:
        call, recording = one.transcript.call, one.transcript.recording
        if call.customer_id is not None and recording is not None:
            told = f"<p>{call.customer_id} {call.call_id}</p>"
            for former in settings.audio.glob(f"{call.call_id} *"):
                former.unlink()
            (settings.reports / "calls" / f"{call.call_id}.html").write_text(told)
            (settings.audio / f"{recording.sha256[:40]}.webm").write_text(told)
            (settings.export / f"{call.call_id}.csv").write_text(told)


def look(home: Path, progress: Progress) -> None:
    """Raise if anything that is left is not whole, or anything is left of who was erased."""
    settings = house(home)
    if newest_generation(settings.published) is not None:
        with open_published(settings.published) as copy:
            _whole(copy.connection, "the published copy")
    gone = {customer(f"batch{batch}") for batch in progress.all_gone()}
    if complete(settings) is not None:
        gone.add(customer(f"batch{progress.last_erased}"))
    con = open_writer(settings.warehouse)
    _whole(con, "the warehouse")
    there = {customer_id for (customer_id,) in con.execute("select distinct customer_id from core.calls").fetchall()}
    found = [f"{customer_id} in core.calls" for customer_id in gone & there]
    con.close()
    for database in databases(settings.warehouse, settings.published):
        found += [f"{database.name} {table}" for table, _ in tables_that_name(database, gone)]
    found += files_that_name(settings, tuple(gone))
    if found:
        raise SystemExit(f"something is left of who was erased: {', '.join(found[:5])} ({len(found)} in all)")


def _whole(con: duckdb.DuckDBPyConnection, where: str) -> None:
    wrong = [name for (name,) in con.execute(BROKEN, {"calls": CALLS, "theirs": THEIRS}).fetchall()]
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


def kill(child: int, after: float) -> bool:
    """Kill it some seconds from now; False where it had ended by then."""
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def moment(number: int, progress: Progress, chance: random.Random) -> float:
    """How many seconds from now to kill; some kills are aimed at a migration, which takes a hundredth of a round."""
    if number % 8 != 4:
        return chance.uniform(0.0, 1.5 * progress.once_through)
    while progress.stage == STARTING:
        time.sleep(0.001)
    return chance.uniform(0.0, 0.2)


def main(rounds: int, seed: int) -> int:
    """Kill, look, count; returns the exit code."""
    chance = random.Random(seed)  # noqa: S311 - when to kill is no secret
    killed: Counter[int] = Counter()
    cut_off = 0
    progress = Progress()
    published_at = None
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(MIGRATIONS, home / "migrations")
        removal = house(home).removal
        for number in range(rounds):
            migrating = number % 4 == 0
            if migrating:
                name = 1001 + number
                (home / "migrations" / f"{name}_half.sql").write_text(
                    f"create table core.half{name} as select range as i from range(20000);\n"
                    f"alter table core.half{name} add column j integer default {number};\n"
                )
            random.seed(seed * 1_000_003 + number)
            progress.stage = STARTING
            writer = forked(partial(write, home, 1000 * number, progress, migrating=migrating))
            if number == 0:
                # Something must be there for later kills to harm, and how long that takes sets their moments.
                while progress.once_through == 0.0:
                    time.sleep(0.01)
            if not kill(writer, after=moment(number, progress, chance)):
                print(f"round {number}: the writer ended by itself")
                return 1
            killed[progress.stage] += 1
            if removal.exists():
                cut_off += 1
                if number % 2 and kill(forked(lambda: _complete(home)), after=chance.uniform(0.0, 0.3)):
                    killed[COMPLETING] += 1
            _, status = os.waitpid(forked(lambda: look(home, progress)), 0)
            there = (home / "published" / "audit.duckdb").exists()
            if status or (published_at is not None and not there):
                print(f"round {number} (seed {seed}): killed while {STAGES[progress.stage]}: see above")
                return 1
            if there and published_at is None:
                published_at = number
    if published_at is None:
        print("nothing was ever published")
        return 1
    print(f"{rounds} rounds in {time.monotonic() - began:.0f} s, nothing lost, nothing halved; killed while:")
    for stage, name in enumerate(STAGES):
        print(f"  {name:22s}{killed[stage]:4d}")
    print(f"{cut_off} erasures were cut off and completed; the published copy could be opened after each round")
    return 0


def _complete(home: Path) -> None:
    complete(house(home))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
