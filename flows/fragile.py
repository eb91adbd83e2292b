"""`callaudit fragile`: a random sample of calls heard a second time in another way, and the verdicts that flip."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callaudit.audit_rules.audit import audit_each
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.flows.auditing.batch_audit import contacts_in
from callaudit.flows.auditing.transcription_pool import choose_engine, refusal
from callaudit.flows.settings import EngineSettings, Settings
from callaudit.flows.telemetry.error_log import write_down
from callaudit.reports.statistics import Rate
from callaudit.transcription.engines import Engine, EngineName, EngineUnavailable
from callaudit.transcription.errors import InputError, Trace
from callaudit.transcription.inbox import Arrival, Source
from callaudit.transcription.inbox.arrival import fetched_path
from callaudit.transcription.inbox.storage import is_remote, storage_of
from callaudit.transcription.transcribe import glossary_of, provenance_of, transcribe
from callaudit.transcription.transcript import Transcript
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.heard_again import HeardAgain, Sampled, sample, store
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.stored_calls import StoredCalls, calls_in

_COUNTED = (Verdict.MET, Verdict.MISSED)


class Fragile(msgspec.Struct, frozen=True, kw_only=True):
    """What a second hearing of a sample found.

    - `way`: what heard again, for a person.
    - `judged`: every live rule that said met or missed of the stored words, beside what it says of the others.
    - `lost`: calls of the sample whose recording is gone, has changed, or is out of reach.
    - `broken`: calls of the sample on which callaudit broke down; errors.log says where.
    """

    way: str
    judged: tuple[HeardAgain, ...]
    lost: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def calls(self) -> int:
        """How many calls were heard again and had something judged."""
        return len({one.call_id for one in self.judged})

    @property
    def flips(self) -> tuple[HeardAgain, ...]:
        """Those of `judged` that came out otherwise."""
        return tuple(one for one in self.judged if one.verdict is not one.verdict_again)

    @property
    def rate(self) -> Rate:
        """The share of them; the verdicts of one call are alike, so its range is told from calls."""
        flipped = Counter(one.call_id for one in self.flips)
        judged = Counter(one.call_id for one in self.judged)
        return Rate.clustered([(flipped[call_id], count) for call_id, count in sorted(judged.items())])


def another_way(settings: EngineSettings) -> tuple[Engine, Engine, str]:
    """The engine of the settings, one that hears otherwise, and what the other one is, for a person.

    The other engine with the same model where it is installed and has the weights; else the same one with its 8-bit
    setting turned. Raises EngineUnavailable where nothing can write words.
    """
    own = choose_engine(settings, fetch=False)
    name: EngineName = "whisper" if own.provenance.engine == "faster-whisper" else "faster-whisper"
    try:
        other = choose_engine(msgspec.structs.replace(settings, name=name, model=own.model), fetch=False)
    except EngineUnavailable:
        same = msgspec.convert(own.provenance.engine, EngineName)
        turned = msgspec.structs.replace(settings, name=same, model=own.model, quantise=not settings.quantise)
        other = choose_engine(turned, fetch=False)
        return own, other, f"{same} {other.provenance.model} with quantise = {str(turned.quantise).lower()}"
    return own, other, f"{name} {other.provenance.model}"


def hear_again(
    settings: Settings, *, size: int, week: str = "", tell: Callable[[str], None], at: datetime | None = None
) -> Fragile:
    """Hear a random sample of stored calls in another way, judge both by the same rules, and store what came of it.

    `week` is an ISO week, "" for all; `tell` hears how far it is. What was heard is stored also where it is stopped.
    Nothing of the stored words and verdicts is changed. Recordings in an object store are fetched for as long as they
    are heard.

    Raises:
        InputError: nothing is published, or no call was transcribed by the settings' engine and judged by its rules.
        EngineUnavailable: nothing can write words.
        LockedError: a run holds the warehouse when the sample was heard.
    """
    rulebook = load_rulebook(*settings.rule_folders, recogniser=settings.run.acts, hours=settings.business_time)
    own, other, way = another_way(settings.engine)
    with open_published(settings.published) as published:
        drawn = sample(
            published.connection,
            size=size,
            week=week,
            engine=own.provenance.engine,
            model=own.provenance.model,
            rulebook_version=rulebook.version,
        )
        if not drawn:
            raise InputError(
                "there is no call to hear again",
                why=f"None{f' of {week}' if week else ''} has words by {own.provenance.engine} {own.provenance.model} "
                "and verdicts by the rules as they are.",
                tries=("callaudit run", "callaudit reaudit --all"),
            )
        calls = calls_in(published.connection, [one.call_id for one in drawn])
        stored = {transcript.call.call_id: transcript for transcript in calls.transcripts}
    sources = {source.name: source for source in settings.inbox_sources()}
    judged: list[HeardAgain] = []
    lost: list[str] = []
    broken: dict[str, Trace] = {}
    try:
        for number, one in enumerate(drawn, start=1):
            tell(f"{number} of {len(drawn)}: {one.call_id}")
            arrival = _arrival(one, stored[one.call_id], sources, settings=settings)
            try:
                heard = transcribe(arrival, other, settings=settings.transcription, spill=settings.decoded)
            except Exception as error:
                why = refusal(arrival, error)  # What concerns every call is raised.
                if why.trace is None:
                    lost.append(one.call_id)
                else:
                    broken[one.call_id] = why.trace
                continue
            p = provenance_of(other, settings.transcription, glossary_of(arrival), arrival.source.announcements)
            judged += [
                HeardAgain(
                    call_id=one.call_id,
                    rule_id=rule_id,
                    rulebook_version=rulebook.version,
                    transcript_hash=one.transcript_hash,
                    engine=p.engine,
                    model=p.model,
                    settings_hash=p.settings_hash,
                    verdict=verdict,
                    verdict_again=again,
                    heard_at=at or datetime.now(UTC),
                )
                for rule_id, verdict, again in _both(stored[one.call_id], heard, rulebook, calls)
            ]
    finally:
        for trace in dict.fromkeys(broken.values()):
            write_down(trace, home=settings.home, at=datetime.now(UTC))
        if judged:
            with closing(open_writer(settings.warehouse)) as con:
                store(con, judged)
                publish(con, settings.published, mode=settings.access.published_mode)
    live = {rule.id for rule in rulebook.rules if rule.status == "live"}
    return Fragile(
        way=way,
        judged=tuple(one for one in judged if one.rule_id in live and one.verdict in _COUNTED),
        lost=tuple(lost),
        broken=tuple(broken),
    )


def _arrival(one: Sampled, stored: Transcript, sources: dict[str, Source], *, settings: Settings) -> Arrival:
    """The recording as the run found it, with the metadata that are stored."""
    path, key = Path(one.path), ""
    # A folder that was named on the command line is no source of the settings.
    source = sources.get(one.source) or Source(
        name=one.source, folder=path.parent, zone=settings.site.timezone, metadata="optional"
    )
    if is_remote(source):
        path, key = fetched_path(settings.fetched, one.path), one.path.removeprefix(storage_of(source).place(""))
    return Arrival(path=path, sha256=one.sha256, size=0, call=stored.call, source=source, key=key)


def _both(
    stored: Transcript, heard: Transcript, rulebook: Rulebook, calls: StoredCalls
) -> Iterator[tuple[str, Verdict, Verdict]]:
    """Each rule with its verdict on the stored words and on the others; both are judged now, by what is known now."""
    before, after = audit_each(
        [stored, heard],
        rulebook,
        contacts_of=lambda t: contacts_in(calls.contacts, t),
        known_until=calls.known_until,
    )
    again = {finding.rule_id: finding.verdict for finding in after.findings}
    return ((finding.rule_id, finding.verdict, again[finding.rule_id]) for finding in before.findings)
