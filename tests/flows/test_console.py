"""What a run shows of its progress where nobody sits at a terminal."""

import re

from callaudit.console import shown
from callaudit.flows.telemetry.events import Refused, Started, Transcribed, tell


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
