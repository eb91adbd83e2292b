from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from callaudit.reports import charts
from callaudit.reports.statistics import Interval, wilson
from callaudit.transcription.transcript import Span


def point(share: float | None, n: int = 50, *, breaks: bool = False) -> charts.TrendPoint:
    interval = wilson((share or 0) * n, n)
    return charts.TrendPoint(label="2 Mar", share=share, interval=interval, n=n, breaks=breaks)


shares = st.none() | st.floats(0, 1)


@given(st.lists(st.builds(point, shares, st.integers(1, 400)), min_size=1, max_size=13), st.booleans())
def test_a_trend_stays_inside_its_frame(points, small):
    chart = charts.trend(points, width=360, height=120, small=small)

    for mark in (*chart.marks, *chart.faint_marks):
        assert chart.left <= mark.x <= chart.right
        assert 0 <= mark.y <= chart.base
    assert all(0 <= row.at <= chart.base for row in chart.rows)


def test_a_missing_week_breaks_the_line():
    chart = charts.trend([point(0.5), point(0.6), point(None), point(0.7), point(0.7)])

    assert len(chart.lines) == 2


def test_a_week_of_changed_rules_starts_a_new_line_and_is_marked():
    chart = charts.trend([point(0.5), point(0.6), point(0.2, breaks=True), point(0.2)])

    assert len(chart.lines) == 2
    assert len(chart.breaks) == 1


def test_a_lone_week_has_a_whisker_in_place_of_a_band():
    chart = charts.trend([point(0.5), point(None), point(0.6)])

    assert not chart.bands
    assert len(chart.whiskers) == 2


@given(st.floats(0, 1), st.floats(0, 0.5))
def test_a_range_bar_keeps_its_order(share, spread):
    bar = charts.range_bar(share, Interval(max(0.0, share - spread), min(1.0, share + spread)))

    assert bar.dot is not None
    assert 0 < bar.low <= bar.dot <= bar.high < 100


@given(st.floats(-1, 1), st.floats(0, 1))
def test_a_change_bar_never_leaves_its_track(difference, spread):
    bar = charts.change_bar(difference, Interval(difference - spread, difference + spread))

    assert 0 < bar.low <= bar.dot <= bar.high < 100
    assert bar.cut_high == (difference + spread > 0.3)


@given(st.lists(st.floats(0, 300), max_size=40), st.floats(1, 300))
def test_markers_of_one_row_never_touch(times, duration):
    placed = charts.pins(list(enumerate(times, start=1)), duration, width=3.0)

    assert sorted(pin.number for pin in placed) == list(range(1, len(times) + 1))
    for row in {pin.row for pin in placed}:
        lefts = sorted(pin.left for pin in placed if pin.row == row)
        assert all(b - a >= 2.99 for a, b in pairwise(lefts))


@given(st.lists(st.tuples(st.floats(-5, 400), st.floats(0, 60)), max_size=20), st.floats(0, 300))
def test_a_timeline_cuts_what_lies_beyond_the_end(spans, duration):
    chart = charts.timeline(
        duration, lanes=[("Agent", [Span(a, a + d) for a, d in spans])], tense=[], overlaps=[], holds=[]
    )

    assert all(0 <= block.x <= 1000 for block in chart.lanes[0].blocks)
    assert 1 <= len(chart.ticks) <= 12


def test_few_calls_are_dots_and_many_are_bars():
    assert len(charts.scores([(71.0, "C1", "x")] * 5).dots) == 5
    assert sum(bar.count for bar in charts.scores([(71.0, "C1", "x")] * 500).bars) == 500


def test_dots_of_equal_scores_stack():
    dots = charts.scores([(71.0, "a", ""), (71.0, "b", ""), (100.0, "c", "")]).dots

    assert len({(dot.x, dot.y) for dot in dots}) == 3


def test_a_funnel_shows_what_is_left_of_all_calls():
    chart = charts.funnel([("Tense calls", 389), ("Feeling named", 243)])

    assert [bar.text for bar in chart.bars] == ["389 (100%)", "243 (62%)"]
