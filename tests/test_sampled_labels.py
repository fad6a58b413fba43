"""Rates among drawn labels: by enumeration, by hand and by law; and rates from a checked slice, planted and covered."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.channels import ConstantFlips, GroupFlips, estimated_rates, sampled_rates
from strop.errors import StropError
from strop.records import Judgements

rates = st.floats(0, 0.49)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(rates, rates, st.floats(0.05, 200), st.floats(0.001, 0.999))
def test_among_drawn_labels_the_channel_is_a_channel(a, b, k, p):
    """Every (like, click) by enumeration: chance p or 1 - p, times the flip, times how often such a label is drawn."""
    drawn = {}
    for like, click in itertools.product((True, False), repeat=2):
        flip = a if like else b
        drawn[like, click] = (p if like else 1 - p) * (flip if like != click else 1 - flip) * (k if click else 1.0)
    like = drawn[True, True] + drawn[True, False]
    total = sum(drawn.values())
    missed, invented, shift = sampled_rates(a, b, ratio=k)
    assert missed == pytest.approx(drawn[True, False] / like, abs=1e-12)
    assert invented == pytest.approx(drawn[False, True] / (total - like), abs=1e-12)
    assert math.log(p / (1 - p)) + math.log(k) + shift == pytest.approx(math.log(like / (total - like)), abs=1e-9)
    assert missed + invented < 1


def test_sampled_rates_by_hand():
    """a 0.2, b 0.01, 20 not clicked a click: A = 16.2, B = 1.19; 0.2/16.2, 0.2/1.19, log(16.2/1.19/20)."""
    found = sampled_rates(0.2, 0.01, ratio=20)
    assert [float(x) for x in found] == pytest.approx([0.012346, 0.168067, -0.384674], abs=1e-6)
    assert [float(x) for x in sampled_rates(0.0, 0.0, ratio=7)] == [0.0, 0.0, 0.0]
    same = sampled_rates(0.2, 0.1, ratio=1)
    assert [float(x) for x in same] == pytest.approx([0.2, 0.1, 0.0])


@pytest.mark.parametrize("form", ["forward", "backward"])
def test_both_corrections_find_the_likes_where_the_shift_is_kept_and_not_without_it(form):
    """Two items, likes 0.3 and 0.25, the first's likes missed twice as often: uncorrected clicks put the second first.

    The expected loss over (click, draw) is minimised over the score of each item; without the shift the order stays wrong.
    """
    p, a, b, k = np.array([0.3, 0.25]), np.array([0.6, 0.3]), np.array([0.01, 0.01]), 10.0
    click = (1 - a) * p + b * (1 - p)
    assert click[1] > click[0]
    missed, invented, shift = sampled_rates(a, b, ratio=k)
    channel = GroupFlips("record", np.tile(missed, 2), np.tile(invented, 2))
    seen = Judgements(np.array([True, True, False, False]), {"record": np.arange(4)})
    weight = torch.from_numpy(np.concatenate([k * click, 1 - click]))
    sign = torch.tensor([1.0, 1.0, -1.0, -1.0], dtype=torch.float64)

    def best(added):
        score = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        step = torch.optim.LBFGS(
            [score], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
        )

        def loss():
            step.zero_grad()
            value = (weight * getattr(channel, form)(sign * (score + torch.from_numpy(added)).repeat(2), seen)).sum()
            value.backward()
            return value

        step.step(loss)
        return score.detach().numpy()

    np.testing.assert_allclose(best(shift), np.log(p / (1 - p)) + math.log(k), atol=1e-5)
    without = best(np.zeros(2))
    assert without[1] > without[0]


def checked_slice(a, b, *, likes=4000, others=60000, n=250, seed=0):
    """What a world's clicks and the rest look like, and a checked slice of n of each."""
    chance = np.random.default_rng(seed)
    truth = np.arange(likes + others) < likes
    seen = ConstantFlips(a, b).corrupt(Judgements(truth), seed=chance).positive
    checked = np.zeros(len(truth), bool)
    for side in (seen, ~seen):
        checked[chance.choice(np.flatnonzero(side), n, replace=False)] = True
    return Judgements(seen, truth=truth, checked=checked), {"clicks": int(seen.sum()), "others": int((~seen).sum())}


def test_estimated_rates_by_hand():
    """100 clicks checked, 20 false; 100 others, 5 liked; 1,000 clicks, 19,000 others.

    missed: odds .05 * 19 / .8 = 1.1875, rate .542857; invented: odds .2 / 19 / .95 = .011080, rate .010959.
    """
    truth = np.concatenate([np.arange(100) < 80, np.arange(100) < 5])
    told = estimated_rates(Judgements(np.arange(200) < 100, truth=truth), clicks=1000, others=19000)
    assert told.value("missed") == pytest.approx(0.542857, abs=1e-6)
    assert told.value("invented") == pytest.approx(0.010959, abs=1e-6)
    assert told.value("false share of clicks") == 0.2 and told.value("liked share of the rest") == 0.05
    low, high = told.figures[0].low, told.figures[0].high
    assert 0.3 < low < 0.45 < 0.65 < high < 0.8 and "missed 0.543" in str(told)


def test_bounds_of_the_ratio_solve_the_equation_they_come_from():
    """At a bound r of x / y the interval of x - r y ends at 0: (x - r y)**2 is the sum of the two squared half widths."""
    truth = np.concatenate([np.arange(100) < 80, np.arange(150) < 9])
    judgements = Judgements(np.arange(250) < 100, truth=truth)
    missed, invented, false, liked = estimated_rates(judgements, clicks=1000, others=19000).figures
    for rate, top, other, scale in ((missed, liked, false, 19.0), (invented, false, liked, 1 / 19)):
        low, high = (bound / (1 - bound) / scale for bound in (rate.low, rate.high))
        x, y = top.value, 1 - other.value
        assert low < x / y < high
        assert (x - low * y) ** 2 == pytest.approx((x - top.low) ** 2 + low**2 * (other.value - other.low) ** 2)
        assert (x - high * y) ** 2 == pytest.approx((top.high - x) ** 2 + high**2 * (other.high - other.value) ** 2)


@pytest.mark.parametrize(("a", "b", "n"), [(0.5, 0.02, 250), (0.3, 0.03, 1000), (0.6, 0.005, 300)])
def test_intervals_cover_the_planted_rates(a, b, n):
    """300 draws; 95 % intervals: between 92 and 98 % of them (sd 1.3 points)."""
    hit = np.zeros(2)
    for seed in range(300):
        judgements, counts = checked_slice(a, b, n=n, seed=seed)
        figures = estimated_rates(judgements, **counts).figures
        hit += [f.low <= rate <= f.high for f, rate in zip(figures[:2], (a, b), strict=True)]
    assert (np.abs(hit / 300 - 0.95) <= 0.03).all(), hit / 300


def test_clicks_alone_are_not_enough():
    seen = np.arange(40) < 20
    told = estimated_rates(Judgements(seen), clicks=20, others=20)
    assert not told.identified and "clicks alone" in str(told)
    told = estimated_rates(Judgements(seen, truth=np.arange(40) < 15, checked=seen), clicks=20, others=20)
    assert told.value("false share of clicks") == 0.25
    for name in ("missed", "invented", "liked share of the rest"):
        with pytest.raises(StropError) as caught:
            told.value(name)
        assert caught.value.code == "S305" and "pairs without one" in caught.value.help


def test_no_like_among_the_rest_is_a_rate_of_0_with_an_upper_bound():
    told = estimated_rates(Judgements(np.arange(200) < 100, truth=np.arange(200) < 90), clicks=100, others=1000)
    missed = told.figures[0]
    assert missed.value == missed.low == 0 and 0.2 < missed.high < 0.5


@pytest.mark.parametrize(
    ("a", "b", "k"), [(0.6, 0.4, 1.0), (-0.1, 0.0, 1.0), (0.1, 0.1, 0.0), (0.1, 0.1, math.inf), (math.nan, 0.1, 1.0)]
)
def test_rates_that_cannot_be_are_refused(a, b, k):
    with pytest.raises(StropError) as caught:
        sampled_rates(a, b, ratio=k)
    assert caught.value.code == "S301"
    with pytest.raises(StropError):
        estimated_rates(Judgements(np.ones(2, bool)), clicks=0, others=2)
