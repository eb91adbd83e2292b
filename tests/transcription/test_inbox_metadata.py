"""What is said about a recording: beside it, in a table, in its name; and how it is understood."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.flows.settings import load_settings, settings_of
from callaudit.transcription.errors import SetupError
from callaudit.transcription.inbox import Inbox, Source, presets, preview, scan, sha256_of
from callaudit.transcription.inbox.metadata import printable, read_time
from callaudit.transcription.transcript import Call

STARTED = "2026-03-02T09:15:00+01:00"
CONTACT = "6fe40d2a-1a89-4d73-bfcf-5d9c33894f47"


def source(folder: Path, **changed: Any) -> Source:
    return Source(**{"name": "nice", "folder": folder, "zone": "Europe/Berlin", **changed})


def put(path: Path, content: bytes | str = b"RIFF sound") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def only_call(inbox: Inbox) -> Call:
    assert inbox.quarantined == ()
    (arrival,) = inbox.arrivals
    return arrival.call


def reason(inbox: Inbox) -> str:
    (item,) = inbox.quarantined
    assert item.code == "metadata_unparsable"
    return item.reason


def with_preset(folder: Path, settings: str) -> Source:
    put(folder / "callaudit.toml", f'[site]\ntimezone = "Europe/Berlin"\n[[sources]]\nfolder = "in"\n{settings}')
    (one,) = load_settings(folder / "callaudit.toml").inbox_sources()
    return one


def test_a_refused_file_tells_when_its_call_began_wherever_that_can_be_read(tmp_path: Path):
    told = {
        "sound": {"call_id": "1", "started_at": STARTED},
        "no id": {"started_at": STARTED},
        "no text": {"call_id": "3", "started_at": STARTED, "queue": ["a", "b"]},
        "no time": {"call_id": "4", "started_at": "yesterday"},
        "no date": {"call_id": "5", "started_at": "1970-01-01T00:00:00+00:00"},
    }
    for name, fields in told.items():
        put(tmp_path / f"{name}.wav", name)
        put(tmp_path / f"{name}.json", json.dumps(fields))
    put(tmp_path / "empty.wav", b"")
    put(tmp_path / "empty.json", json.dumps({"call_id": "6", "started_at": STARTED}))

    began = {Path(item.path).stem: item.started_at for item in scan(source(tmp_path)).quarantined}

    at = datetime.fromisoformat(STARTED)
    assert began == {"no id": at, "no text": at, "empty": at, "no time": None, "no date": None}


# ---------- sidecars


def test_a_csv_sidecar_is_a_header_and_one_row(tmp_path: Path):
    put(tmp_path / "a.wav")
    put(tmp_path / "a.csv", f"\ufeffcall_id;started_at;agent_id;queue\n7;{STARTED};ana;billing\n")

    call = only_call(scan(source(tmp_path)))

    assert (call.call_id, call.agent_id, call.queue) == ("7", "ana", "billing")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("call_id,started_at\n", "found 0 rows"),
        (f"call_id,started_at\n1,{STARTED}\n2,{STARTED}\n", "found 2 rows"),
        (f"call_id,started_at\n1,{STARTED},x\n", "a.csv: line 2"),
        (f'call_id,started_at\n"1,{STARTED}\n', "it is no CSV"),
        ("call_id,call_id\n1,2\n", "'call_id' stands there twice"),
        (b"call_id,started_at\n\xe4,x\n", "a.csv: line 2"),
    ],
)
def test_a_csv_sidecar_that_cannot_be_read_says_where(tmp_path: Path, content: bytes | str, found: str):
    put(tmp_path / "a.wav")
    put(tmp_path / "a.csv", content)

    assert found in reason(scan(source(tmp_path)))


def test_xml_metadata_lie_in_elements_and_attributes_at_any_depth(tmp_path: Path):
    put(tmp_path / "12_1.wav")
    put(
        tmp_path / "12_1.XML",
        f'<rec xmlns:p="u"><session id="12" start="{STARTED}"/>'
        "<p:agents><agent>Ana</agent><agent>Bo</agent></p:agents></rec>",
    )
    fields = {"call_id": "session.id", "started_at": "rec/session/@start", "agent_name": "agents.agent.1"}

    call = only_call(scan(source(tmp_path, fields=fields)))

    assert (call.call_id, call.agent_name) == ("12", "Bo")
    assert call.started_at == datetime.fromisoformat(STARTED)


def test_an_element_that_stands_there_twice_is_not_chosen_from(tmp_path: Path):
    put(tmp_path / "a.wav")
    put(tmp_path / "a.xml", f"<r><s>{STARTED}</s><a><n>1</n></a><a><n>2</n></a></r>")

    inbox = scan(source(tmp_path, fields={"call_id": "a.n", "started_at": "s"}))

    assert "2 of them before 'n'; write which" in reason(inbox)


@pytest.mark.parametrize(
    "bomb",
    [
        '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><r><call_id>&b;</call_id></r>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><r><call_id>&x;</call_id></r>',
        '<!DOCTYPE r SYSTEM "http://localhost/r.dtd"><r><call_id>1</call_id></r>',
    ],
)
def test_xml_with_a_document_type_is_refused_so_that_no_entity_expands(tmp_path: Path, bomb: str):
    put(tmp_path / "a.wav")
    put(tmp_path / "a.xml", bomb)

    assert "entities are refused" in reason(scan(source(tmp_path)))


@pytest.mark.parametrize("content", ["<r>", "", "<r></s>", '<?xml version="1.0" encoding="no-such"?><r/>'])
def test_broken_xml_is_refused(tmp_path: Path, content: str):
    put(tmp_path / "a.wav")
    put(tmp_path / "a.xml", content)

    assert "it is no XML" in reason(scan(source(tmp_path)))


def test_fields_lead_into_nested_json_and_then_no_other_is_read(tmp_path: Path):
    put(tmp_path / "a.wav")
    put(
        tmp_path / "a.json",
        json.dumps(
            {"call_id": "wrong", "c": {"id": 5}, "users": [{"n": "x"}, {"n": "Ana"}], "t": STARTED, "queue": {}}
        ),
    )
    fields = {"call_id": "c.id", "started_at": "t", "agent_name": "users.1.n", "team": "users.7.team"}

    call = only_call(scan(source(tmp_path, fields=fields)))

    assert (call.call_id, call.agent_name, call.team, call.queue) == ("5", "Ana", None, None)


def test_a_field_that_is_not_where_the_settings_say_is_named_with_its_place(tmp_path: Path):
    put(tmp_path / "a.wav")
    put(tmp_path / "a.json", json.dumps({"id": "1", "when": {"begun": STARTED}}))

    found = reason(scan(source(tmp_path, fields={"call_id": "id", "started_at": "when.began"})))

    assert "a.json: when.began: field 'started_at'" in found


def test_a_column_that_is_not_there_names_the_nearest(tmp_path: Path):
    put(tmp_path / "a.wav")
    put(tmp_path / "a.csv", f"Call ID,Start\n1,{STARTED}\n")

    assert "did you mean 'Start'?" in reason(
        scan(source(tmp_path, fields={"call_id": "Call ID", "started_at": "Strat"}))
    )


def test_name_and_sidecar_are_both_read_and_the_sidecar_goes_first(tmp_path: Path):
    put(tmp_path / "20260302-091500_C-1_old.wav")
    put(tmp_path / "20260302-091500_C-1_old.json", json.dumps({"agent_id": "new", "queue": "billing"}))
    pattern = r"(?P<started_at>\d{8}-\d{6})_(?P<call_id>[^_]+)_(?P<agent_id>.+)"

    call = only_call(scan(source(tmp_path, file_name=pattern, started_format="%Y%m%d-%H%M%S")))

    assert (call.call_id, call.agent_id, call.queue) == ("C-1", "new", "billing")
    assert call.started_at == datetime.fromisoformat(STARTED)


# ---------- tables

TABLE = {
    "table": "*.csv",
    "fields": {
        "recording": "File", "call_id": "RecordingId", "interaction_id": "Global Interaction ID",
        "started_at": "Start", "agent_id": "Login",
    },
}  # fmt: skip
HEADER = "File,RecordingId,Global Interaction ID,Start,Login\n"


def test_one_table_describes_a_whole_folder_by_path_name_or_stem(tmp_path: Path):
    for name in ("one.wav", "two.wav", "deep/three.wav"):
        put(tmp_path / name, name)
    rows = [f"one,R1,G,{STARTED},ana", f"two.wav,R2,G,{STARTED},bo", f"deep/three.wav,R3,H,{STARTED},cy"]
    put(tmp_path / "export.csv", HEADER + "\n".join(rows))

    inbox = scan(source(tmp_path, **TABLE))

    assert inbox.quarantined == ()
    assert {(a.call.call_id, a.call.interaction_id, a.call.agent_id) for a in inbox.arrivals} == {
        ("R1", "G", "ana"), ("R2", "G", "bo"), ("R3", "H", "cy")
    }  # fmt: skip


def test_two_rows_that_disagree_about_a_recording_refuse_it_and_equal_ones_do_not(tmp_path: Path):
    put(tmp_path / "one.wav")
    put(tmp_path / "a.csv", f"{HEADER}one,R1,G,{STARTED},ana\n")
    put(tmp_path / "b.csv", f"{HEADER}one,R1,G,{STARTED},ana\n")
    assert only_call(scan(source(tmp_path, **TABLE))).call_id == "R1"

    put(tmp_path / "b.csv", f"{HEADER}one,R1,G,{STARTED},bo\n")
    assert "stands there twice, and differently" in reason(scan(source(tmp_path, **TABLE)))


def test_no_column_that_is_read_may_stand_there_twice(tmp_path: Path):
    put(tmp_path / "one.wav")
    header, row = HEADER.strip(), f"one,R1,G,{STARTED},ana"
    twice = TABLE["fields"]["started_at"]
    put(tmp_path / "a.csv", f"{header},{twice}\n{row},2026-03-02T23:00:00+01:00\n")

    assert f"{twice!r} stands there twice" in reason(scan(source(tmp_path, **TABLE)))


@pytest.mark.parametrize(
    ("written", "direction"),
    [("INBOUND", "inbound"), ("Incoming", "inbound"), ("outbound-api", "outbound"), ("Out", "outbound"), ("?", "?")],
)
def test_who_called_whom_is_understood_as_recorders_write_it(tmp_path: Path, written: str, direction: str):
    put(tmp_path / "a.wav")
    put(tmp_path / "a.json", json.dumps({"call_id": "1", "started_at": STARTED, "direction": written}))

    assert only_call(scan(source(tmp_path))).direction == direction


def test_a_recording_that_no_row_names_is_refused(tmp_path: Path):
    put(tmp_path / "one.wav")
    put(tmp_path / "a.csv", HEADER)

    (item,) = scan(source(tmp_path, **TABLE)).quarantined

    assert item.code == "metadata_missing"
    assert "no row of *.csv names it" in item.reason


def test_a_broken_table_refuses_what_it_describes_and_crashes_nothing(tmp_path: Path):
    put(tmp_path / "one.wav")
    put(tmp_path / "two.wav", "2")
    put(tmp_path / "two.json", json.dumps({"RecordingId": "R2", "Start": STARTED}))
    put(tmp_path / "a.csv", f"{HEADER}one,R1\n")

    inbox = scan(source(tmp_path, **TABLE))

    assert [a.call.call_id for a in inbox.arrivals] == ["R2"]
    assert "a.csv: line 2" in reason(inbox)


def test_a_bad_row_refuses_its_own_recording_only(tmp_path: Path):
    for name in ("one", "two", "three", "four"):
        put(tmp_path / f"{name}.wav", name)
    lines = [
        f"one,R1,G,{STARTED},ana",
        "two,R2",
        f'three,"R3,G,{STARTED},cy',
        f"four,R4,G,{STARTED},dee",
    ]
    put(tmp_path / "export.csv", HEADER + "\n".join(lines))

    inbox = scan(source(tmp_path, **TABLE))

    assert {a.call.call_id for a in inbox.arrivals} == {"R1", "R4"}
    reasons = {Path(q.path).stem: q.reason for q in inbox.quarantined}
    assert "line 3" in reasons["two"]
    assert "expected 5 cells, found 2" in reasons["two"]
    assert "line 4" in reasons["three"]


@pytest.mark.parametrize(
    ("encoding", "around", "trailing"),
    [
        ("utf-8-sig", "{}", ""),
        ("utf-16", "{}", ";"),
        ("utf-16-le", "{}", ""),
        ("utf-8", "sep=;\n{}", ";;"),
        ("utf-8", "Recordings of March\n\n{}", ""),
        ("utf-8", "{}Total;2;;;\n", ";"),
        ("utf-8", "{}Total: 2\n", ""),
    ],
)
def test_a_table_is_read_as_spreadsheets_and_recorders_write_it(
    tmp_path: Path, encoding: str, around: str, trailing: str
):
    put(tmp_path / "one.wav")
    lines = [HEADER.strip().replace(",", ";"), f"one;R1;G;{STARTED};ana"]
    text = around.format("".join(f"{line}{trailing}\n" for line in lines)).replace("\n", "\r\n")
    put(tmp_path / "export.csv", text.encode(encoding))

    call = only_call(scan(source(tmp_path, **TABLE)))

    assert (call.call_id, call.agent_id) == ("R1", "ana")


@pytest.mark.parametrize("ending", ["json", "csv", "xml"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_every_sidecar_is_read_in_every_encoding(tmp_path: Path, ending: str, encoding: str):
    put(tmp_path / "a.wav")
    text = {
        "json": f'{{"call_id": "7", "started_at": "{STARTED}", "agent": {{"name": "Zo\u00eb"}}}}',
        "csv": f"call_id,started_at,agent_name\n7,{STARTED},Zo\u00eb\n",
        "xml": f'<?xml version="1.0" encoding="utf-16"?><c call_id="7" started_at="{STARTED}" agent_name="Zo\u00eb"/>',
    }[ending]
    put(tmp_path / f"a.{ending}", text.encode(encoding))

    assert only_call(scan(source(tmp_path))).agent_name == "Zo\u00eb"


@pytest.mark.parametrize(
    "written",
    [
        "One.WAV", "one", r"\\\\rec01\\share\\2026\\one.wav", "C:\\rec\\ONE.WAV", "/var/spool/one.wav",
        "https://rec.example/2026/one.wav?sig=abc%2F", "s3://bucket/deep/one.wav",
    ],
)  # fmt: skip
def test_a_recording_is_known_by_its_name_whatever_path_a_table_writes_before_it(tmp_path: Path, written: str):
    put(tmp_path / "deep" / "one.wav")
    put(tmp_path / "export.csv", f"{HEADER}{written},R1,G,{STARTED},ana\n")

    assert only_call(scan(source(tmp_path, **TABLE))).call_id == "R1"


def test_of_two_recordings_of_one_name_the_folder_tells_which_is_meant(tmp_path: Path):
    put(tmp_path / "a" / "one.wav", "1")
    put(tmp_path / "b" / "one.wav", "2")
    rows = f"D:/rec/a/one.wav,R1,G,{STARTED},ana\nD:/rec/b/one.wav,R2,G,{STARTED},bo\n"
    put(tmp_path / "export.csv", HEADER + rows)

    inbox = scan(source(tmp_path, **TABLE))

    assert {a.path.parent.name: a.call.call_id for a in inbox.arrivals} == {"a": "R1", "b": "R2"}


def test_a_broken_table_beside_a_sound_one_keeps_no_call_from_its_row(tmp_path: Path):
    put(tmp_path / "one.wav")
    put(tmp_path / "a.csv", b"\xff\x00\x01")
    put(tmp_path / "b.csv", f"{HEADER}one,R1,G,{STARTED},ana\n")

    assert only_call(scan(source(tmp_path, **TABLE))).call_id == "R1"


def test_a_table_must_say_which_column_names_the_recording(tmp_path: Path):
    with pytest.raises(SetupError, match="which column"):
        scan(source(tmp_path, table="*.csv"))


# ---------- times


@pytest.mark.parametrize(
    ("written", "started_format"),
    [
        ("2026-03-02T09:15:00+01:00", ""),
        (1772439300, "epoch"),
        ("1772439300", "epoch"),
        (1772439300000, "epoch_ms"),
        ("Mon, 02 Mar 2026 08:15:00 +0000", "rfc2822"),
        ("Mon, 02 Mar 2026 08:15:00 -0000", "rfc2822"),
        ("02.03.2026 09:15:00", "%d.%m.%Y %H:%M:%S"),
    ],
)
def test_one_time_reads_the_same_in_every_format(written: object, started_format: str):
    assert read_time(written, ZoneInfo("Europe/Berlin"), started_format) == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "started_format"),
    [
        (1772439300, ""),
        (1772439300, "epoch_ms"),
        (1772439300000, "epoch"),
        (True, "epoch"),
        ("nan", "epoch"),
        ("soon", "rfc2822"),
        ("", "rfc2822"),
        ("2026-03-29 02:30", "%Y-%m-%d %H:%M"),
    ],
)
def test_a_time_of_another_format_is_refused(written: object, started_format: str):
    with pytest.raises(ValueError, match=r"found|would be|does not exist"):
        read_time(written, ZoneInfo("Europe/Berlin"), started_format)


@given(
    st.integers(min_value=700_000_000, max_value=4_000_000_000),
    st.sampled_from(["UTC", "Asia/Kolkata", "Europe/Berlin"]),
)
def test_seconds_since_1970_are_kept_exactly_whatever_the_zone(seconds: int, zone: str):
    when = read_time(seconds, ZoneInfo(zone), "epoch")

    assert when.timestamp() == seconds
    assert when.utcoffset() == datetime.fromtimestamp(seconds, ZoneInfo(zone)).utcoffset()


# ---------- several recordings of one conversation


def test_two_recordings_of_one_interaction_without_ids_of_their_own_are_both_audited(tmp_path: Path):
    first = put(tmp_path / "a.wav", "1")
    second = put(tmp_path / "b.wav", "2")
    for name in ("a", "b"):
        put(tmp_path / f"{name}.json", json.dumps({"interaction_id": "I-1", "started_at": STARTED}))

    inbox = scan(source(tmp_path))

    assert inbox.quarantined == ()
    assert [a.call.interaction_id for a in inbox.arrivals] == ["I-1", "I-1"]
    assert [a.call.call_id for a in inbox.arrivals] == [f"I-1-{sha256_of(p)[:8]}" for p in (first, second)]
    second.unlink()
    (tmp_path / "b.json").unlink()
    assert only_call(scan(source(tmp_path))).call_id == inbox.arrivals[0].call.call_id, "the same id without the other"


# ---------- presets


def test_amazon_connect_names_hold_contact_and_start_and_the_agent_is_on_the_right(tmp_path: Path):
    for name in ("2026/03/02", "ivr/2026/03/02"):
        put(tmp_path / "in" / name / f"{CONTACT}_20260302T08:15_UTC.wav", name)
    put(tmp_path / "in" / "other.wav")

    inbox = scan(with_preset(tmp_path, 'preset = "amazon-connect"\n'))

    assert {a.call.interaction_id for a in inbox.arrivals} == {CONTACT}
    assert len({a.call.call_id for a in inbox.arrivals}) == 2
    assert {a.call.started_at for a in inbox.arrivals} == {datetime(2026, 3, 2, 8, 15, tzinfo=UTC)}
    assert {a.source.agent_channel for a in inbox.arrivals} == {1}
    assert [q.code for q in inbox.quarantined] == ["metadata_missing"]


def test_genesys_paths_hold_conversation_and_recording_and_the_start_is_left_to_the_settings(tmp_path: Path):
    folder = tmp_path / "in" / "org" / "year=2026" / "month=3" / "day=2" / "hour=8" / "conversation_id=conv-1"
    for recording in ("r1", "r2"):
        put(folder / f"{recording}.opus", recording)
        put(folder / f"{recording}.opus_metadata.json", json.dumps({"userIds": [f"u-{recording}"], "at": STARTED}))
    with pytest.raises(SetupError, match="started_at"):
        scan(with_preset(tmp_path, 'preset = "genesys-cloud"\n'))

    asked = 'preset = "genesys-cloud"\n[sources.fields]\nstarted_at = "at"\nagent_id = "userIds.0"\n'
    inbox = scan(with_preset(tmp_path, asked))

    assert inbox.quarantined == ()
    assert {(a.call.interaction_id, a.call.call_id, a.call.agent_id) for a in inbox.arrivals} == {
        ("conv-1", "r1", "u-r1"), ("conv-1", "r2", "u-r2")
    }  # fmt: skip


def test_the_hour_in_a_genesys_path_is_taken_where_the_settings_ask_for_it(tmp_path: Path):
    put(tmp_path / "in" / "org" / "year=2026" / "month=3" / "day=2" / "hour=8" / "conversation_id=c" / "r.opus")
    page = (Path(__file__).parents[2] / "docs" / "inbox.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith(("file_name", "started_format"))]

    call = only_call(scan(with_preset(tmp_path, 'preset = "genesys-cloud"\n' + "\n".join(lines))))

    assert (call.call_id, call.interaction_id, call.started_at) == ("r", "c", datetime(2026, 3, 2, 8, tzinfo=UTC))


def test_a_twilio_recording_resource_is_a_sidecar(tmp_path: Path):
    put(tmp_path / "in" / "RE1.wav")
    put(
        tmp_path / "in" / "RE1.json",
        json.dumps({"sid": "RE1", "call_sid": "CA1", "start_time": "Mon, 02 Mar 2026 08:15:00 +0000", "duration": "9"}),
    )

    flex = scan(with_preset(tmp_path, 'preset = "twilio-flex"\n'))
    plain = scan(with_preset(tmp_path, 'preset = "twilio"\n'))

    assert (only_call(flex).call_id, only_call(flex).interaction_id) == ("RE1", "CA1")
    assert only_call(flex).started_at == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
    assert (flex.arrivals[0].source.agent_channel, plain.arrivals[0].source.agent_channel) == (1, None)


def test_asterisk_names_hold_the_parties_only_of_outgoing_calls(tmp_path: Path):
    put(tmp_path / "in" / "out-0301234-204-20260302-091500-1772439300.12.wav", "1")
    put(tmp_path / "in" / "q-900-0301234-20260302-091500-1772439300.13.wav", "2")

    inbox = scan(with_preset(tmp_path, 'preset = "asterisk"\n'))

    calls = {a.call.call_id: a.call for a in inbox.arrivals}
    out, queued = calls["1772439300.12"], calls["1772439300.13"]
    assert (out.customer_id, out.agent_id) == ("0301234", "204")
    assert (queued.customer_id, queued.agent_id) == (None, None)
    assert out.started_at == queued.started_at == datetime.fromisoformat(STARTED)
    assert inbox.arrivals[0].source.agent_channel is None


def test_asterisk_ids_begin_with_the_name_of_the_system_where_it_has_one(tmp_path: Path):
    put(tmp_path / "in" / "out-0301234-204-20260302-091500-pbx-1-1772439300.12.wav", "1")

    call = only_call(scan(with_preset(tmp_path, 'preset = "asterisk"\n')))

    assert call.call_id == "pbx-1-1772439300.12"


@pytest.mark.parametrize("hours", [0, 1])
def test_the_epoch_in_an_asterisk_id_decides_in_the_hour_that_comes_twice(tmp_path: Path, hours: int):
    first = datetime.fromisoformat("2026-10-25T02:30:00+02:00").timestamp() + 3600 * hours
    put(tmp_path / "in" / f"out-0301234-204-20261025-023000-{first - 40:.0f}.7.wav", "1")

    call = only_call(scan(with_preset(tmp_path, 'preset = "asterisk"\n')))

    assert call.started_at is not None
    assert call.started_at.timestamp() == first


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("%Y-%m-%d %H:%M:%S %Z", "%Z reads a zone"),
        ("%Y-%m-%dT%H:%M:%SZ", "'Z' in it"),
        ("%d/%m/%Y %H:%M %p", "%p means nothing beside %H"),
        ("%d/%m/%Y %I:%M", "no hour"),
        ("%H:%M:%S", "no whole date"),
        ("%d.%m. %H:%M", "no whole date"),
        ("%Y-%m-%d", "no hour"),
        ("%Q", "no format"),
    ],
)
@pytest.mark.parametrize("key", ["started_format", "sidecar_started_format"])
def test_a_format_that_drops_part_of_a_time_is_refused_when_the_settings_are_read(
    tmp_path: Path, written: str, reason: str, key: str
):
    with pytest.raises(SetupError, match=reason):
        settings_of(f'[[sources]]\nfolder = "in"\n{key} = "{written}"\n', tmp_path / "callaudit.toml")


@pytest.mark.parametrize("written", ["%Y-%m-%dT%H:%M:%S%z", "%d/%m/%y %I:%M:%S %p", "%Y%m%dT%H", "%G-W%V-%u %H%M", ""])
def test_a_format_that_keeps_date_and_hour_is_taken(tmp_path: Path, written: str):
    text = f'[[sources]]\nfolder = "in"\nstarted_format = "{written}"\n'

    assert settings_of(text, tmp_path / "callaudit.toml").sources[0].started_format == written


def test_puzzel_xml_lies_beside_under_its_own_names(tmp_path: Path):
    put(tmp_path / "in" / "4711_1.mp3", "1")
    put(tmp_path / "in" / "4711_2.mp3", "2")
    for n in (1, 2):
        put(tmp_path / "in" / f"4711_{n}.XML", f"<Recording><Session><start>{STARTED}</start></Session></Recording>")

    inbox = scan(with_preset(tmp_path, 'preset = "puzzel"\n[sources.fields]\nstarted_at = "Session.start"\n'))

    assert [(a.call.call_id, a.call.interaction_id) for a in inbox.arrivals] == [("4711_1", "4711"), ("4711_2", "4711")]


def test_keys_beside_a_preset_go_first_and_fields_are_put_together(tmp_path: Path):
    made = with_preset(
        tmp_path,
        'preset = "twilio-flex"\nagent_channel = 0\n[sources.fields]\nagent_id = "worker"\nstarted_at = "at"\n',
    )

    assert made.agent_channel == 0
    assert made.fields == {"call_id": "sid", "interaction_id": "call_sid", "started_at": "at", "agent_id": "worker"}


def test_an_unknown_preset_names_the_nearest(tmp_path: Path):
    with pytest.raises(SetupError) as error:
        with_preset(tmp_path, 'preset = "amazon-conect"\n')

    assert "Did you mean “amazon-connect”?" in error.value.why


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_makes_a_source_that_a_recording_can_be_looked_for_in(tmp_path: Path, name: str):
    (tmp_path / "in").mkdir()

    assert scan(with_preset(tmp_path, f'preset = "{name}"\nmetadata = "optional"\n')).arrivals == ()


# ---------- what people are shown


def test_a_preview_tells_how_files_are_understood_without_reading_a_recording(tmp_path: Path):
    put(tmp_path / "a.wav", "1")
    put(tmp_path / "a.json", json.dumps({"interaction_id": "I", "started_at": STARTED}))
    put(tmp_path / "b.wav", "2")
    put(tmp_path / "ivr" / "c.wav", "3")

    seen = preview(source(tmp_path, skip=("ivr/*",)), show=5)

    assert (seen.recordings, seen.sidecars, seen.skipped) == (2, 1, 1)
    first, second = seen.first
    assert first.call is not None
    assert (first.call.call_id, first.told_by) == ("I-…", "a.json")
    assert second.refused is not None
    assert second.refused.code == "metadata_missing"


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=40))
def test_a_shown_name_stays_on_its_line_and_runs_one_way(name: str):
    assert printable(name).isprintable()
