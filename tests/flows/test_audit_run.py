"""One run without Prefect: nothing is paid for twice, nothing is lost."""

import os
import signal
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from callaudit.flows.auditing.audit_run import AuditRun
from callaudit.flows.erasure.erase import erase_now
from callaudit.flows.settings import load_settings
from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcript import SpeakerRole, Transcript, Utterance
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.published import open_published

pytestmark = pytest.mark.slow

STARTED = {"call_id": "T-1", "started_at": "2026-03-03T10:15:00-05:00", "customer": {"id": "K-1"}}


def run_once(settings, *, at=datetime(2026, 3, 9, 2, tzinfo=UTC), stop_before_storing=False):
    with AuditRun(settings, started_at=at) as run:
        arrivals = run.find()
        for batch in run.batches(arrivals):
            audited = run.audit(batch)
            if stop_before_storing:
                return None
            run.store(audited, batch)
        run.settle_promises()
        return run.finish()


def test_a_run_that_dies_after_transcribing_pays_for_nothing_twice(installation, clip):
    installation.add(clip, "one", **STARTED)
    settings = load_settings(installation.settings)
    run_once(settings, stop_before_storing=True)
    (staged,) = settings.staging.glob("*.json")
    # A mark in the staged transcript shows that the next run used it and did not listen again.
    transcript = msgspec.json.decode(staged.read_bytes(), type=Transcript)
    staged.write_bytes(msgspec.json.encode(msgspec.structs.replace(transcript, warnings=("kept",))))
    summary = run_once(settings)
    assert summary.audited == 1
    assert list(settings.staging.glob("*")) == []
    with open_published(settings.published) as published:
        assert published.rows("select warnings from calls") == [{"warnings": ["kept"]}]


def test_a_staged_transcript_that_is_half_written_is_made_again(installation, clip):
    installation.add(clip, "one", **STARTED)
    settings = load_settings(installation.settings)
    run_once(settings, stop_before_storing=True)
    (staged,) = settings.staging.glob("*.json")
    staged.write_bytes(staged.read_bytes()[:100])
    assert run_once(settings).audited == 1


def test_another_recording_under_a_known_call_id_is_refused(installation, clip):
    installation.add(clip, "one", **STARTED)
    settings = load_settings(installation.settings)
    assert run_once(settings).audited == 1
    other = installation.add(clip, "two", **STARTED)
    other.write_bytes(other.read_bytes() + b"\0")
    second = run_once(settings, at=datetime(2026, 3, 10, 2, tzinfo=UTC))
    assert (second.audited, second.quarantined) == (0, 1)


def test_the_same_recording_under_two_names_is_audited_once(installation, clip):
    installation.add(clip, "one", **STARTED)
    installation.add(clip, "two", **STARTED)
    summary = run_once(load_settings(installation.settings))
    assert (summary.audited, summary.duplicates) == (1, 1)


def test_a_known_recording_that_comes_as_another_call_is_a_conflict(installation):
    installation.say("T-1", "A: Hello.", "C: Hi.", started_at=STARTED["started_at"])
    settings = load_settings(installation.settings)
    assert run_once(settings).audited == 1
    installation.say("T-2", "A: Hello.", "C: Hi.", started_at=STARTED["started_at"])

    second = run_once(settings, at=datetime(2026, 3, 10, 2, tzinfo=UTC))

    assert (second.audited, second.quarantined, second.already) == (0, 1, 1)


def test_two_runs_over_the_same_recordings_find_the_same(installation, clip, tmp_path_factory):
    installation.add(clip, "one", **STARTED)
    settings = load_settings(installation.settings)
    found = []
    for home in ("first", "second"):
        here = msgspec.structs.replace(settings, paths=msgspec.structs.replace(settings.paths, home=home))
        run_once(here)
        with open_published(here.published) as published:
            found.append(published.rows("select * from findings order by rule_id"))
    assert found[0] == found[1]


def test_a_promise_is_open_until_a_later_call_keeps_it(installation, clip, other_clip):
    installation.add(clip, "one", **STARTED)
    settings = load_settings(installation.settings)
    run_once(settings, stop_before_storing=True)
    (staged,) = settings.staging.glob("*.json")
    transcript = msgspec.json.decode(staged.read_bytes(), type=Transcript)
    words = (
        Utterance(role=SpeakerRole.CUSTOMER, text="this is ridiculous i am very angry", start=0.5, end=3.0),
        Utterance(role=SpeakerRole.AGENT, text="i am sorry i will call you back tomorrow", start=3.5, end=6.0),
    )
    staged.write_bytes(msgspec.json.encode(msgspec.structs.replace(transcript, utterances=words)))
    run_once(settings)
    assert promise_verdict(settings) == "not_assessable"

    installation.add(
        other_clip,
        "two",
        call_id="T-2",
        started_at="2026-03-04T11:00:00-05:00",
        customer={"id": "K-1"},
        direction="outbound",
    )
    run_once(settings, at=datetime(2026, 3, 10, 2, tzinfo=UTC))
    assert promise_verdict(settings) == "met"


SPEAKERS = 'folder = "inbox"\nspeakers = { "A" = "agent", "C" = "customer" }'
FED_UP = ("C: This is ridiculous, I am fed up.", "A: I am sorry. I will call you back tomorrow.")
NIGHT = datetime(2026, 3, 9, 2, tzinfo=UTC)


def promised_and_called_back_in_a_file_that_cannot_be_read(installation):
    installation.settings.write_text(installation.settings.read_text().replace('folder = "inbox"', SPEAKERS))
    installation.say("T-1", *FED_UP, started_at=STARTED["started_at"], customer={"id": "K-1"}, direction="inbound")
    back = {"started_at": "2026-03-03T16:00:00-05:00", "customer": {"id": "K-1"}, "direction": "outbound"}
    path = installation.say("T-2", "A: I call you back.", **back)
    path.write_text(path.read_text() + "\n2\n90:00:00,000 --> 90:00:01,000\nC: Good.\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    # A call of somebody else: the promise is due by then.
    installation.say("T-9", "C: Hello.", "A: Hello.", started_at="2026-03-07T10:00:00-05:00")
    assert installation.run(at=NIGHT).quarantined == 1
    return load_settings(installation.settings)


def test_a_call_back_that_cannot_be_audited_never_turns_a_promise_to_a_broken_one(installation):
    settings = promised_and_called_back_in_a_file_that_cannot_be_read(installation)
    assert promise_verdict(settings) == "met"

    for night in (1, 2):
        installation.run(at=NIGHT + timedelta(days=night))

        assert promise_verdict(settings) == "not_assessable"
        with open_published(settings.published) as published:
            assert published.rows("select outcome from promises") == [{"outcome": "unknown"}]
            assert "T-2" in published.rows("select reason from findings where reason_code like 'contact%'")[0]["reason"]


def test_a_call_back_that_can_be_read_after_all_has_kept_the_promise(installation):
    settings = promised_and_called_back_in_a_file_that_cannot_be_read(installation)
    path = installation.inbox / "T-2.srt"
    path.write_text(path.read_text().partition("\n2\n90:")[0])
    os.utime(path, (1_700_000_000, 1_700_000_000))

    assert installation.run(at=NIGHT + timedelta(days=1)).audited == 1

    assert promise_verdict(settings) == "met"


def test_a_promise_is_not_broken_by_erasing_the_file_of_the_call_back(installation):
    settings = promised_and_called_back_in_a_file_that_cannot_be_read(installation)
    (installation.inbox / "T-2.srt").unlink()
    (installation.inbox / "T-2.srt.json").unlink()
    left = erase_now(settings, call_id="T-2")
    assert (left.rows_left, left.files_left) == ((), ())

    installation.run(at=NIGHT + timedelta(days=1))

    assert promise_verdict(settings) == "met"
    with open_published(settings.published) as published:
        assert published.rows("select outcome from promises") == [{"outcome": "unknown"}]


def promise_verdict(settings):
    with open_published(settings.published) as published:
        sql = "select verdict from findings where call_id = 'T-1' and rule_id = 'follow_up.keeps_promise'"
        (row,) = published.rows(sql)
    return row["verdict"]


def test_a_call_whose_worker_is_killed_is_transcribed_by_the_next_worker(installation, clip):
    installation.add(clip, "one", **STARTED)
    with AuditRun(load_settings(installation.settings)) as run:
        (batch,) = run.batches(run.find())
        pool = run.execution.here.recognition._start()
        pool.submit(os.getpid).result()
        for pid in list(pool._processes):
            os.kill(pid, signal.SIGKILL)
        assert run.audit(batch).tally.audited == 1


def test_a_run_that_breaks_is_written_down_with_its_reason(installation, clip):
    installation.add(clip, "one", **STARTED)
    settings = load_settings(installation.settings)

    def breaks() -> None:
        with AuditRun(settings) as run:
            run.find()
            raise OSError("the disk is away")

    with pytest.raises(OSError, match="the disk is away"):
        breaks()
    with open_writer(settings.warehouse) as con:
        ((state, found, message),) = con.execute("select state, found, message from core.runs").fetchall()
        # Of an error that is not ours only its kind is told: its words may hold what is personal.
        assert [(state, found, message.partition("; ")[0])] == [("failed", 1, "OSError")]


def test_a_call_has_the_team_that_its_agent_was_in_on_its_day_and_the_name_of_its_queue(installation):
    site = 'timezone = "America/New_York"'
    more = f'{site}\nroster = "roster.csv"\nqueues = {{ "4001" = "Returns" }}'
    installation.settings.write_text(installation.settings.read_text().replace(site, more))
    (installation.root / "roster.csv").write_text("agent_id,team,from\nA1,Billing,\nA1,Loans,2026-03-03\n")
    for day in (2, 3):
        installation.say(
            f"T-{day}",
            f"C: Hello, it is the {day} of March.",
            "A: Hello, how can I help?",
            started_at=f"2026-03-0{day}T23:15:00-05:00",
            queue="4001",
        )
    installation.run(at=datetime(2026, 3, 9, 2, tzinfo=UTC))

    with open_published(load_settings(installation.settings).published) as published:
        assert published.rows("select call_id, team, queue from calls order by call_id") == [
            {"call_id": "T-2", "team": "Billing", "queue": "Returns"},
            {"call_id": "T-3", "team": "Loans", "queue": "Returns"},
        ]
        assert [str(row["valid_to"]) for row in published.rows("from roster")] == ["2026-03-02", "None"]


def test_a_scorecard_that_is_not_there_is_told_before_anything_is_done(installation):
    text = installation.settings.read_text().replace("[report]", '[report]\nscorecard = "hose"')
    installation.settings.write_text(text)

    with pytest.raises(SetupError, match="no scorecard is called “hose”"):
        AuditRun(load_settings(installation.without_home().settings))
    assert not load_settings(installation.settings).home.exists()
