from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import simulate_statistics
from callaudit.reports.statistics import (
    Interval,
    Prior,
    Rate,
    beta_cdf,
    beta_quantile,
    change,
    design_effect,
    newcombe,
    shrink,
    sidak,
    team_prior,
    wilson,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(hits, n, low, high):
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3."""
    interval = wilson(hits, n)

    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("after", "before", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_newcombe_gives_the_published_intervals_of_a_difference(after, before, low, high):
    """Newcombe 1998, Statistics in Medicine 17:873, table II, method 10."""
    interval = newcombe(Rate.of(*after), Rate.of(*before))

    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_the_range_holds_the_share_and_stays_between_0_and_1(count):
    interval = wilson(*count)

    assert 0 <= interval.low <= count[0] / count[1] <= interval.high <= 1


@given(counts)
def test_misses_have_the_mirrored_range(count):
    hits, n = count

    assert wilson(n - hits, n).low == pytest.approx(1 - wilson(hits, n).high)


@given(counts, st.integers(2, 9))
def test_more_calls_narrow_the_range(count, times):
    hits, n = count
    few, many = wilson(hits, n), wilson(hits * times, n * times)

    assert many.high - many.low < few.high - few.low


@given(counts, counts)
def test_a_change_and_its_reverse_mirror_each_other(a, b):
    there, back = newcombe(Rate.of(*a), Rate.of(*b)), newcombe(Rate.of(*b), Rate.of(*a))

    assert (there.low, there.high) == (pytest.approx(-back.high), pytest.approx(-back.low))


@given(counts, counts, st.integers(2, 20))
def test_a_change_that_is_clear_among_many_is_clear_alone(a, b, comparisons):
    alone, among = change(Rate.of(*a), Rate.of(*b)), change(Rate.of(*a), Rate.of(*b), comparisons=comparisons)

    assert alone is not None
    assert among is not None
    assert alone.clear or not among.clear


def test_nothing_to_compare_is_no_change():
    assert change(Rate.of(3, 4), Rate.of(0, 0)) is None


def test_nothing_observed_leaves_everything_possible():
    assert wilson(0, 0) == Interval(0.0, 1.0)
    assert Rate.of(0, 0).share is None


def test_twelve_comparisons_need_99_6_percent_each():
    assert sidak(0.95, 12) == pytest.approx(0.99573, abs=1e-5)
    assert sidak(0.95, 12) ** 12 == pytest.approx(0.95)


def test_alike_verdicts_of_one_agent_widen_the_range():
    every_agent_all_or_nothing = [(10.0, 10.0), (0.0, 10.0)] * 5
    # Ten alike verdicts are worth one; 10/9 corrects for ten agents.
    effect = design_effect(every_agent_all_or_nothing)

    assert effect == pytest.approx(10 * 10 / 9)
    assert Rate.of(50, 100, design_effect=effect).interval().low < wilson(50, 100).low


def test_agents_that_agree_never_narrow_the_range():
    assert design_effect([(5.0, 10.0)] * 8) == 1.0


def test_a_few_agents_who_agree_are_not_taken_to_be_alike_for_certain_and_many_are():
    def low(agents):
        return Rate.clustered([(50.0, 100.0)] * agents).interval().low

    naive = {agents: wilson(50 * agents, 100 * agents).low for agents in (1, 2, 40)}
    assert low(1) < naive[1] - 0.1
    assert low(2) < naive[2] - 0.1
    assert naive[40] - 0.01 < low(40) < naive[40]


@pytest.mark.parametrize("clusters", [[], [(3.0, 5.0)], [(5.0, 5.0), (7.0, 7.0)]])
def test_one_agent_or_one_answer_says_nothing_about_likeness(clusters):
    assert design_effect(clusters) == 1.0


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.01, 0.99))
def test_the_beta_distribution_is_the_binomial_tail_for_whole_numbers(a, b, x):
    """DLMF 8.17.5."""
    n = a + b - 1
    tail = sum(comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1))

    assert beta_cdf(x, a, b) == pytest.approx(tail, abs=1e-10)


@given(st.floats(0.05, 0.95), st.floats(0.5, 300), st.floats(0.5, 300))
def test_the_beta_quantile_undoes_the_distribution(probability, a, b):
    assert beta_cdf(beta_quantile(probability, a, b), a, b) == pytest.approx(probability, abs=1e-7)


def test_few_calls_are_pulled_further_to_the_team_than_many():
    team = Prior(mean=0.7, strengths=((20.0, 1.0),))

    few, many = shrink(1, 4, team), shrink(25, 100, team)

    assert 0.25 < many.share < few.share < 0.7
    assert shrink(0, 0, team).share == pytest.approx(0.7)
    assert few.interval.low < few.share < few.interval.high


def test_a_team_of_equals_pulls_hard_and_a_mixed_one_hardly():
    equals = team_prior([(14.0, 20.0)] * 10)
    mixed = team_prior([(19.0, 20.0), (5.0, 20.0)] * 5)

    assert equals is not None
    assert mixed is not None
    assert equals.mean == pytest.approx(0.7)
    assert equals.strength > 10 * mixed.strength


def test_a_perfect_team_is_not_taken_for_certain():
    perfect = team_prior([(5.0, 5.0)] * 3)

    assert perfect is not None
    assert perfect.mean < 1
    assert not shrink(5, 5, perfect).interval.excludes(perfect.mean)


_COUNTED = st.integers(0, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.lists(_COUNTED, min_size=1, max_size=6))
def test_whoever_is_in_a_team_each_member_has_a_range_around_the_estimate(members):
    prior = team_prior(members)

    for hits, n in members if prior else ():
        found = shrink(hits, n, prior)
        assert 0 <= found.interval.low <= found.interval.high <= 1
        assert not found.interval.excludes(found.share)


def test_two_who_differ_are_no_team_to_tell_a_third_by():
    pair = team_prior([(9, 9), (0, 9)])

    assert pair is not None
    assert shrink(0, 0, pair).interval == Interval(0.0, 1.0)
    assert shrink(9, 9, pair).interval.low > 0.5


def test_no_calls_make_no_team():
    assert team_prior([(0.0, 0.0)]) is None


def test_intervals_that_touch_overlap():
    assert Interval(0.1, 0.3).overlaps(Interval(0.3, 0.5))
    assert not Interval(0.1, 0.2).overlaps(Interval(0.3, 0.5))


def test_the_simulated_weeks_are_read_by_the_page_as_it_is():
    centre, tally = simulate_statistics.CENTRES[-1], simulate_statistics.Tally()
    drawn = simulate_statistics.draw(centre, np.random.default_rng(1))
    simulate_statistics.observe(drawn, tally)
    simulate_statistics.observe_agents(drawn, tally)

    assert tally.counts[simulate_statistics.STEP_RANGE][1] == len(simulate_statistics.STEPS)
    assert tally.counts[simulate_statistics.AGENT_FLAGGED][1] == centre.agents
