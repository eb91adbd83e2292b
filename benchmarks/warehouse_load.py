"""How fast audited calls go into the warehouse, and how much memory that takes.

    python benchmarks/warehouse_load.py          10,000 calls
    python benchmarks/warehouse_load.py 100000   the size the warehouse is built for

Each call has 40 utterances, 45 findings and 8 pieces of evidence; first with ten timed words to each utterance, then
with its text alone, as chats and most exports come. Making the calls is not counted. `arrow` is the time of turning
them into Arrow tables; DuckDB takes in the former part meanwhile, on the other core. `again` loads the same calls
again, whose words have not changed and are left as they are; `anew` loads them as heard with other settings, which
takes every row out and puts it in anew.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec

from callaudit.audit_rules.finding import (
    Audit,
    Evidence,
    EvidenceKind,
    Facts,
    Finding,
    Measures,
    Promise,
    Reason,
    Since,
    Upset,
    Verdict,
)
from callaudit.audit_rules.rule import Examples, Rule, Scorecard, Step
from callaudit.transcription.transcript import (
    Call,
    Provenance,
    Recording,
    RolesFrom,
    Span,
    SpeakerRole,
    Transcript,
    Utterance,
    Word,
)
from callaudit.warehouse import load as loading
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer

UTTERANCES, WORDS, RULES, EVIDENCE = 40, 10, 45, 8
BATCH = 5_000
COMMON = "i am so sorry that this happened to you today and i will put it right before the end of the week".split()
# Of every four words three are among the commonest; the rest comes from a vocabulary of some thousand.
RARE = [
    a + b + c
    for a in ("ba", "co", "di", "fe", "gu", "le", "mo", "ni", "pa", "ru")
    for b in ("ra", "ston", "ver", "ling", "to", "mer", "cal", "ny", "ges", "sol")
    for c in ("s", "ed", "ing", "er", "ly", "ment", "tion", "ness", "al", "ous")
]
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def rulebook() -> SimpleNamespace:
    """Forty-five rules in nine steps."""
    ids = [f"step{n % 9}.rule{n}" for n in range(RULES)]
    rules = tuple(
        Rule(id=i, asks=f"{i}?", why="Because.", sources=("A3",), status="live", examples=Examples(met="A: x"))
        for i in ids
    )
    steps = tuple(
        Step(id=f"step{s}", title=f"Step {s}", rules={i: 1.0 for i in ids if i.startswith(f"step{s}.")})
        for s in range(9)
    )
    house = Scorecard(name="house", title="House", steps=steps, critical=(ids[0],))
    return SimpleNamespace(version="v1", rules=rules, scorecards={"house": house})


def calls(numbers: range, settings: str = "s", *, timed: bool = True) -> list[AuditedCall]:
    """Calls whose every word, time and id is an object of its own, as they come from the pipeline."""
    return [_call(n, settings, timed) for n in numbers]


def _said(n: int, u: int, w: int) -> str:
    at = n * 7919 + u * 104_729 + w * 1_299_709
    # Joined anew: words that came out of a file are not one object each time they are said.
    return "".join((RARE[at % len(RARE)] if at % 4 == 0 else COMMON[at // 4 % len(COMMON)], ""))


def _call(n: int, settings: str, timed: bool) -> AuditedCall:
    call_id = f"call-{n:08d}"
    utterances, at = [], 0.0
    for u in range(UTTERANCES):
        words = tuple(
            Word(
                _said(n, u, w),
                round(at + w * 0.3, 2),
                round(at + w * 0.3 + 0.25, 2),
                0.5 + (n * 31 + w * 7 + u) % 50 / 100,
            )
            for w in range(WORDS)
        )
        role = (SpeakerRole.CUSTOMER, SpeakerRole.AGENT)[u % 2]
        utterance = Utterance.of_words(words, role=role, channel=u % 2)
        utterances.append(utterance if timed else msgspec.structs.replace(utterance, words=()))
        at += 3.5
    transcript = Transcript(
        call=Call(
            call_id=call_id, source="main", started_at=MONDAY + timedelta(seconds=n * 37), agent_id=f"a{n % 200}",
            agent_name=f"Agent {n % 200}", team=f"team {n % 10}", customer_id=f"k{n % 50_000}", queue="billing",
            direction="inbound",
        ),
        utterances=tuple(utterances),
        provenance=Provenance(engine="whisper", model="base.en", weights_hash="w" * 32, settings_hash=settings * 32),
        recording=Recording(
            path=f"inbox/2026/{call_id}.wav", sha256=f"{n:064x}", size=2_400_000 + n, codec="pcm_s16le",
            sample_rate=8000, channels=2, duration=at,
        ),
        roles_from=RolesFrom.CHANNELS,
        speech={
            role: tuple(Span(s * 7.0 + offset, s * 7.0 + offset + 3.0) for s in range(UTTERANCES // 2))
            for role, offset in ((SpeakerRole.CUSTOMER, 0.0), (SpeakerRole.AGENT, 3.5))
        },
    )  # fmt: skip
    verdicts = tuple(Verdict)
    findings = tuple(
        Finding(
            rule_id=f"step{r % 9}.rule{r}",
            verdict=verdicts[(n * 13 + r * 7) % 4],
            reason=Reason.HEARD,
            facts=Facts(seconds=(n + r) % UTTERANCES, since=Since.UPSET),
            evidence=(
                Evidence(
                    kind=EvidenceKind.MET, turn=(n + r) % UTTERANCES, role=SpeakerRole.AGENT, start=r * 3.5,
                    end=r * 3.5 + 2.0, quote=utterances[(n + r) % UTTERANCES].text[3:31], char_start=3, char_end=31,
                ),
            )
            if r < EVIDENCE
            else (),
        )
        for r in range(RULES)
    )  # fmt: skip
    measures = Measures(
        turns_agent=20, turns_customer=20, words_agent=200, words_customer=200, talk_share_agent=0.5,
        overlap_seconds=1.0, silence_seconds=9.0, holds=0, hold_seconds=0.0,
        upset=Upset.CLEAR if n % 3 == 0 else Upset.NONE, calmed=n % 2 == 0,
    )  # fmt: skip
    promise = Promise(
        turn=3,
        start=12.0,
        quote="i will call you back",
        within_hours=24.0,
        due_at=MONDAY + timedelta(seconds=n * 37, hours=24),
    )
    audit = Audit(
        call_id=call_id, rulebook_version="v1", findings=findings, episodes=(),
        promises=(promise,) if n % 10 == 0 else (), measures=measures,
    )  # fmt: skip
    return AuditedCall(transcript, audit)


class Clock:
    """Seconds spent inside the measured calls: on the wall, and of all this process's cores."""

    def __init__(self, cpu_clock: Callable[[], float] = time.process_time) -> None:
        self.wall = self.cpu = 0.0
        self._cpu_clock = cpu_clock

    def __enter__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), self._cpu_clock()

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter() - self._wall
        self.cpu += self._cpu_clock() - self._cpu


def batches(count: int, settings: str, *, timed: bool) -> Iterator[list[AuditedCall]]:
    """The calls in the portions they are stored in, the last one smaller."""
    for first in range(0, count, BATCH):
        yield calls(range(first, min(first + BATCH, count)), settings, timed=timed)


def load_all(count: int, *, timed: bool) -> None:
    """Load, load again, load anew, and say what it took."""
    arrow = Clock(time.thread_time)
    made = loading.arrow_parts

    def clocked(*arguments: object, **options: object) -> Iterator[object]:
        parts = made(*arguments, **options)
        while True:
            with arrow:
                part = next(parts, None)
            if part is None:
                return
            yield part

    loading.arrow_parts = clocked
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "warehouse.duckdb"
        con = open_writer(path)
        con.execute("set threads = 2")
        loading.store_rulebook(con, rulebook())
        words = f"{UTTERANCES * WORDS} timed words" if timed else "no timed words"
        print(f"{count:,} calls of {UTTERANCES} utterances, {words}, {RULES} findings, {EVIDENCE} pieces of evidence")
        for turn, settings in (("first", "s"), ("again", "s"), ("anew ", "t")):
            whole = Clock()
            arrow.wall = arrow.cpu = 0.0
            waiting = batches(count, settings, timed=timed)
            while (batch := next(waiting, None)) is not None:
                with whole:
                    loading.load(con, batch, run_id="R1")
                # The next ones are made only when these are gone.
                del batch
            with whole:
                con.execute("checkpoint")
            print(
                f"{turn}  {whole.wall:6.1f} s ({whole.cpu:.1f} s of CPU; {count / whole.wall:,.0f} calls a second):"
                f"  arrow {arrow.wall:.1f} s ({arrow.cpu:.1f}), insert ({whole.cpu - arrow.cpu:.1f});"
                f"  file {path.stat().st_size / 1e6:,.0f} MB",
                flush=True,
            )
        (stored,) = con.execute("select count(*) from core.findings").fetchone()
        if stored != count * RULES:
            raise SystemExit(f"{stored} findings stored")
        con.close()
    loading.arrow_parts = made
    print(f"memory  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most, calls included")


def main(count: int) -> None:
    """With the times of words, and without."""
    load_all(count, timed=True)
    load_all(count, timed=False)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
