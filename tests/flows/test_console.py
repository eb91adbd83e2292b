"""What a run shows of its progress where nobody sits at a terminal, and what is laid out where somebody does."""

import io
import logging.config
import re

import pytest
from rich.console import Console

from callaudit import console
from callaudit.console import show_error, show_refused, show_rows, shown
from callaudit.flows.telemetry.events import Refused, Started, Transcribed, tell
from callaudit.transcription.errors import InputError


def lines_of(capsys, *events):
    with shown():
        for event in events:
            tell(event)
    return capsys.readouterr().out.splitlines()


def started(*, calls, hours=0.0, exports=0):
    return Started(
        run_id="R1", calls=calls, audio_seconds=3600 * hours, exports=exports, engine="whisper base.en", notice="",
        rules=47, already=0,
    )  # fmt: skip


def heard(name, *, hours=0.5, reused=False, imported=False):
    return Transcribed(call_id=name, file=name, audio_seconds=3600 * hours, reused=reused, imported=imported)


def test_each_call_is_a_line_with_hours_speed_and_the_time_it_will_be_done(capsys):
    first, one, two, three = lines_of(
        capsys, started(calls=3, hours=2.0), heard("a.wav"), heard("b.wav"), heard("c.wav", hours=1.0)
    )
    assert "3 new calls" in first
    assert "2.0 h of audio" in first
    assert re.search(r"a\.wav +30:00 +1/3 +30 min of 2\.0 h +\d+\.\dx real time +left [\d:]+, done \d\d:\d\d:\d\d", one)
    assert re.search(r"b\.wav +30:00 +2/3 +1\.0 h of 2\.0 h", two)
    assert three.strip().startswith("c.wav")
    assert "left" not in three


def test_words_of_an_earlier_run_say_nothing_of_this_ones_speed(capsys):
    _, line = lines_of(capsys, started(calls=2, hours=1.0), heard("a.wav", reused=True))
    assert "finished earlier" in line
    assert "real time" not in line
    assert "done" not in line


def test_a_refused_call_is_counted_and_told_with_its_reason(capsys):
    refused = Refused(file="x.wav", code="not_audio", reason="x.wav: not audio", next_step="", again=False)
    _, said, line = lines_of(capsys, started(calls=2, hours=1.0), refused, heard("a.wav"))
    assert "x.wav: not audio; the run goes on" in said
    assert "2/2" in line
    assert "1 refused" in line


@pytest.fixture
def terminal(monkeypatch):
    """A terminal 60 columns wide; what it shows is its `file`'s."""
    made = Console(
        file=io.StringIO(), force_terminal=True, color_system=None, width=60, highlight=False, soft_wrap=True
    )
    for name in ("out", "err"):
        monkeypatch.setattr(console, name, made)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    return made


def test_the_bar_stays_when_another_library_sets_up_logging(terminal):
    with shown():
        tell(started(calls=2, hours=1.0))
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        tell(heard("a.wav"))
        seen = terminal.file.getvalue()

    assert "Calls" in seen
    assert "a.wav" not in seen  # A line for each call is for where there is no bar.


def test_what_has_no_room_goes_on_below_its_own_start(terminal):
    show_error(InputError("it is not there", why="word " * 20, tries=("callaudit doctor",)))

    what, *why, step = terminal.file.getvalue().splitlines()
    assert what == "Error: it is not there"
    assert len(why) > 1
    assert all(line.startswith("  word") for line in why)
    assert step == "  try: callaudit doctor"


def test_ids_stay_whole_where_words_can_give_them_room(terminal):
    show_rows([{"rule": "listen.lets_customer_finish", "quote": "let me stop you there, " * 3, "n": None}], empty="")

    shown_lines = terminal.file.getvalue().splitlines()
    assert "listen.lets_customer_finish" in shown_lines[1]
    assert len(shown_lines) > 2
    assert all(len(line) <= 60 for line in shown_lines)


def test_on_a_terminal_too_narrow_for_ids_they_fold_and_nothing_is_lost(terminal):
    name = "a_very_long_name_" * 5
    show_rows([{"rule": name, "n": 7}], empty="")

    assert (
        "".join(line[: line.find(" ") if " " in line else None] for line in terminal.file.getvalue().splitlines()[1:])
        == name
    )


def test_a_refused_file_is_told_as_an_error_is(capsys):
    reason = "metadata cannot be read: expected a time, found 'last Tuesday'"
    show_refused([{"path": "in/a.flac", "code": "metadata_unparsable", "reason": reason, "next_step": "correct it"}])

    assert capsys.readouterr().out.splitlines() == [
        "in/a.flac  metadata_unparsable", f"  {reason}", "  try: correct it"
    ]  # fmt: skip
