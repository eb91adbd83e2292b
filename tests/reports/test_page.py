from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.reports import wording
from callaudit.reports.page import call_file_name, call_link, environment, link, write_page
from callaudit.reports.statistics import Interval
from callaudit.transcription.errors import InputError

ids = st.text(max_size=80) | st.text(alphabet="aA/\\.=%:é \x00\N{RIGHT-TO-LEFT OVERRIDE}", max_size=12)


@given(ids, ids)
def test_different_calls_never_share_a_file(one, other):
    assert (call_file_name(one) == call_file_name(other)) == (one == other)


@given(st.text(max_size=300))
def test_a_file_name_is_safe_on_every_system(call_id):
    stem, dot, ending = call_file_name(call_id).rpartition(".")

    assert (dot, ending) == (".", "html")
    assert stem
    assert len(stem) < 200
    assert all(c.isascii() and (c.isalnum() or c in "-_=") for c in stem)


@pytest.mark.parametrize(
    ("call_id", "name"),
    [
        ("C015358", "C015358.html"),
        ("../../etc/passwd", "=2E=2E=2F=2E=2E=2Fetc=2Fpasswd.html"),
        ("CON", "=43ON.html"),
        ("", "=.html"),
        ("a b", "a=20b.html"),
    ],
)
def test_ordinary_ids_stay_readable_and_others_stay_put(call_id, name):
    assert call_file_name(call_id) == name


def test_a_very_long_id_keeps_its_beginning_and_stays_apart():
    names = {call_file_name("x" * 500 + ending) for ending in "ab"}

    assert len(names) == 2
    assert all(name.startswith("xxx") for name in names)


@given(st.text(max_size=40))
def test_a_link_leads_to_the_file_of_the_call(call_id):
    assert unquote(call_link(call_id)) == f"calls/{call_file_name(call_id)}"


def test_a_link_names_the_second_in_the_call():
    assert call_link("C1", at=83.25) == "calls/C1.html#t=83.2"


def test_a_link_to_audio_is_relative_and_quoted(tmp_path: Path):
    audio = tmp_path / "home" / "audio" / 'a "b"#1?.ogg'

    assert link(audio, page=tmp_path / "reports" / "calls" / "x.html") == "../../home/audio/a%20%22b%22%231%3F.ogg"


def test_an_interrupted_page_leaves_the_old_one(tmp_path: Path):
    out = tmp_path / "page.html"
    out.write_text("old")

    with pytest.raises(Exception, match="page"):
        write_page(out, "weekly/weekly.html.j2")

    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_templates_escape_everything():
    assert environment().from_string("{{ x }}").render(x="<b>\"'&") == "&lt;b&gt;&#34;&#39;&amp;"


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.634, "63%"), (0.999, "99%"), (1.0, "100%"), (0.001, "1%"), (0.0, "0%"), (None, "\N{EN DASH}")],
)
def test_only_a_true_nothing_or_all_reads_as_such(share, written):
    assert wording.percent(share) == written


@pytest.mark.parametrize(
    ("week", "written"),
    [
        ("2026-W10", "2 to 8 March 2026"),
        ("2026-W09", "23 February to 1 March 2026"),
        ("2026-W01", "29 December 2025 to 4 January 2026"),
    ],
)
def test_a_week_names_month_and_year_only_where_they_differ(week, written):
    assert wording.week_dates(wording.week_start(week)) == written


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_a_day_lies_in_its_own_week(on):
    monday = wording.week_start(wording.iso_week(on))

    assert 0 <= (on - monday).days < 7


@pytest.mark.parametrize("week", ["2026-10", "2026-W54", "W10", "", "2026-W1x"])
def test_what_is_no_week_is_said_to_be_none(week):
    with pytest.raises(InputError, match="is not a week"):
        wording.week_start(week)


def test_figures_in_words():
    assert wording.clock(97.9) == "1:37"
    assert wording.clock(3729) == "1:02:09"
    assert wording.points(-0.006) == "\N{MINUS SIGN}1 pts"
    assert wording.points(0.0) == "\N{PLUS-MINUS SIGN}0 pts"
    assert wording.between(Interval(0.59, 0.681)) == "59% to 68%"
    assert wording.counted(1, "call") == "1 call"
    assert wording.counted(1248, "call") == "1,248 calls"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.sentence("nearest: “in touch.”") == "Nearest: “in touch.”"
    assert wording.sentence("not said") == "Not said."
    assert [wording.long_time(s) for s in (41, 780, 468_000)] == ["41 s", "13 min", "130 h"]
