"""Channels by hand, their estimates on planted flips, and how the two corrections fail when a rate is wrong."""

import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from strop.channels import ConstantFlips, CovariateFlips, Exposure, GroupFlips, power_propensity
from strop.errors import StropError
from strop.records import Judgements

N = 2000


def test_backward_and_forward_by_hand():
    """Rates (0.1, 0.3), h = log 3, l(h) = 0.287682, l(-h) = 1.386294.

    Seen positive: own 0.1, other 0.3: [0.7 * 0.287682 - 0.1 * 1.386294] / 0.6 = 0.104580; forward
    -log(0.9 * 3/4 + 0.3 * 1/4) = -log 0.75 = 0.287682. Seen negative: [0.9 * 0.287682 - 0.3 * 1.386294] / 0.6 =
    -0.261624; forward -log(0.7 * 3/4 + 0.1 * 1/4) = -log 0.55 = 0.597837.
    """
    channel, h = ConstantFlips(0.1, 0.3), torch.full((2,), math.log(3.0), dtype=torch.float64)
    seen = Judgements(np.array([True, False]))
    assert channel.backward(h, seen).tolist() == pytest.approx([0.104580, -0.261624], abs=1e-6)
    assert channel.forward(h, seen).tolist() == pytest.approx([0.287682, 0.597837], abs=1e-6)


def test_rates_by_hand():
    """s(0) / 2 = 1/4; s(log 3) / 2 = 3/8 at length e with slope log 3. Shown: (25 / 100)**0.5 = 1/2."""
    margins = Judgements(np.ones(2, bool), {"margin": np.array([1.0, -1.0]), "length": np.array([1.0, math.e])})
    assert CovariateFlips("margin", -2.0, 2.0).rates(margins)[0].tolist() == [0.25, 0.25]
    assert CovariateFlips("length", 0.0, math.log(3.0)).rates(margins)[1].tolist() == pytest.approx([0.25, 0.375])
    shown = Judgements(np.ones(2, bool), {"popularity": np.array([25, 100])})
    missed, invented = Exposure(100.0).rates(shown)
    assert missed.tolist() == [0.5, 0.0] and invented.tolist() == [0.0, 0.0]
    groups = Judgements(np.ones(3, bool), {"rater": np.array([1, 0, 1])})
    assert GroupFlips("rater", np.array([0.1, 0.2]), np.array([0.3, 0.4])).rates(groups)[1].tolist() == [0.4, 0.3, 0.4]


def test_exposure_is_rel_mf_backward_and_esmm_forward():
    """t = 1/2. Seen: l(h) - h in backward, -log(s/2) in forward. Not seen (h toward no): l(h), and -log(1 - s(-h)/2)."""
    seen = Judgements(np.array([True, False]), {"popularity": np.array([25, 25])})
    h = torch.tensor([0.7, 0.7], dtype=torch.float64)
    s, plain = torch.sigmoid(h), -torch.log(torch.sigmoid(h))
    channel = Exposure(100.0)
    torch.testing.assert_close(channel.backward(h, seen), plain - torch.tensor([0.7, 0.0], dtype=torch.float64))
    torch.testing.assert_close(channel.forward(h, seen), -torch.log(torch.stack([s[0] / 2, 1 - (1 - s[1]) / 2])))


def verdicts(chance, rate, *, repeats=0, truth=None, covariates=None, channel=None):
    """(truth, what was seen) of N records, with further verdicts on each."""
    truth = chance.random(N) < 0.6 if truth is None else truth
    clear = Judgements(truth, covariates or {}, repeats=np.tile(truth[:, None], (1, repeats)) if repeats else None)
    return truth, (channel or ConstantFlips(rate, rate)).corrupt(clear, seed=chance)


def checked(chance, false_negative, false_positive):
    truth, seen = verdicts(chance, 0, channel=ConstantFlips(false_negative, false_positive))
    known = {"false_negative_rate": false_negative, "false_positive_rate": false_positive}
    if false_negative == false_positive:
        known["flip_rate"] = false_negative
    return ConstantFlips.estimate(Judgements(seen.positive, truth=truth)), known


def repeated(chance, rate, repeats):
    return ConstantFlips.estimate(verdicts(chance, rate, repeats=repeats)[1]), {"flip_rate": rate}


def checked_raters(chance, rates):
    rater, rates = chance.integers(0, len(rates), N), np.array(rates)
    truth, seen = verdicts(chance, 0, covariates={"rater": rater}, channel=GroupFlips("rater", rates, rates))
    found = GroupFlips.estimate(Judgements(seen.positive, {"rater": rater}, truth=truth), by="rater")
    return found, {f"rater {i}": rate for i, rate in enumerate(rates)}


def agreeing_raters(chance, rates):
    truth = chance.random(N) < 0.6
    seen = [verdicts(chance, rate, truth=truth)[1].positive for rate in rates]
    found = GroupFlips.estimate(Judgements(seen[0], repeats=np.column_stack(seen[1:])))
    return found, {f"rater {i}": rate for i, rate in enumerate(rates)}


def by_covariate(chance, by, intercept, slope, repeats):
    x = chance.normal(0, 2, N) if by == "margin" else np.exp(chance.normal(4, 1, N))
    channel = CovariateFlips(by, intercept, slope)
    truth, seen = verdicts(chance, 0, repeats=repeats, covariates={by: x}, channel=channel)
    judged = seen if repeats else Judgements(seen.positive, {by: x}, truth=truth)
    known = {"intercept": intercept, "slope": slope, "flip_rate": channel.rates(judged)[0].mean()}
    return CovariateFlips.estimate(judged, by=by), known


def exposed(chance, power):
    popularity = np.ceil(np.minimum(1000, np.exp(chance.normal(4, 1.5, N))))
    truth, seen = verdicts(chance, 0, covariates={"popularity": popularity}, channel=Exposure(1000.0, power))
    judged = Judgements(seen.positive, {"popularity": popularity}, truth=truth)
    return Exposure.estimate(judged, most=1000.0), {"power": power}


WORLDS = {  # what is planted, and the draws it takes (at least 200; 2,000 where a draw is cheap)
    "checked, 5 %": (checked, (0.05, 0.05), 2000),
    "checked, 20 %": (checked, (0.2, 0.2), 2000),
    "checked, 40 %": (checked, (0.4, 0.4), 2000),
    "checked, by class": (checked, (0.1, 0.3), 2000),
    "two verdicts, 5 %": (repeated, (0.05, 1), 2000),
    "two verdicts, 20 %": (repeated, (0.2, 1), 2000),
    "two verdicts, 35 %": (repeated, (0.35, 1), 2000),
    "three verdicts, 40 %": (repeated, (0.4, 2), 2000),
    "five verdicts, 20 %": (repeated, (0.2, 4), 2000),
    "checked raters": (checked_raters, ((0.05, 0.2, 0.4),), 1000),
    "three raters": (agreeing_raters, ((0.1, 0.2, 0.3),), 1000),
    "four raters": (agreeing_raters, ((0.05, 0.1, 0.3, 0.35),), 600),
    "three raters, two of them poor": (agreeing_raters, ((0.05, 0.3, 0.3),), 1000),
    "four raters, one at chance": (agreeing_raters, ((0.1, 0.1, 0.2, 0.5),), 1000),
    "margin, checked": (by_covariate, ("margin", 1.0, -1.0, 0), 600),
    "margin, two verdicts": (by_covariate, ("margin", 1.0, -1.0, 1), 600),
    "length, three verdicts": (by_covariate, ("length", -3.0, 0.5, 2), 600),
    "popularity, checked": (by_covariate, ("popularity", 1.0, -0.5, 0), 600),
    "exposure": (exposed, (0.5,), 600),
}
RATE_FIGURES = ("flip_rate", "false_negative_rate", "false_positive_rate", "rater")


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_an_interval_earns_its_coverage(name):
    """Of the draws, the share whose 95 % interval holds the planted value is in 93 to 97 %, within binomial error.

    That is: within [0.93, 0.97] widened by 1.64 standard errors of a share of 0.95 over these draws (2,000: 0.8 points,
    600: 1.5), so that an interval whose true coverage is outside fails more often than not. Every rate's median width
    is at most 0.10 at n = 2,000.
    """
    plant, planted, draws = WORLDS[name]
    held, widths = defaultdict(int), defaultdict(list)
    for seed in range(draws):
        found, known = plant(np.random.default_rng([seed, 7]), *planted)
        for figure in (f for f in found.figures if f.name in known):
            held[figure.name] += figure.low <= known[figure.name] <= figure.high
            widths[figure.name].append(figure.high - figure.low)
    reach = 1.64 * math.sqrt(0.95 * 0.05 / draws)
    assert widths and all(len(w) == draws for w in widths.values())
    for figure, count in held.items():
        assert 0.93 - reach <= count / draws <= 0.97 + reach, (figure, count / draws)
        if figure.startswith(RATE_FIGURES):
            assert np.median(widths[figure]) <= 0.10, figure


def test_three_raters_by_hand():
    """200 records. Rater 0 says yes to all, rater 1 to the first 130, rater 2 to the first 90: m_01 = 0.3, m_02 = -0.1,
    m_12 = 0.6. m_01 m_02 is below 0, so the others are taken as alike, c = sqrt(0.6) each: (0.3 - 0.1) / (2 sqrt(0.6)) =
    0.1291, e = 0.4355. With 110 for 90: m_02 = 0.1, m_12 = 0.8: c = sqrt(0.03 / 0.8) = 0.1936, e = 0.4032.
    """
    row, yes = np.arange(200), np.ones(200, bool)
    for second, rate in ((90, 0.4355), (110, 0.4032)):
        found = GroupFlips.estimate(Judgements(yes, repeats=np.column_stack([row < 130, row < second])))
        assert found.value("rater 0") == pytest.approx(rate, abs=1e-4)


def test_a_rater_who_says_the_opposite_is_seen_and_the_others_are_left_untold():
    """Planted 0.1, 0.2, 0.3 and 0.8: the others agree among themselves, and with c = 0.8, 0.6, 0.4, -0.6 no other trio's
    sum (0.8 * 0.6 + 0.6 * -0.6 + 0.8 * -0.6 < 0, and so on) tells them from chance."""
    found, _ = agreeing_raters(np.random.default_rng(5), (0.1, 0.2, 0.3, 0.8))
    assert [f.value is None for f in found.figures] == [True, True, True, False]
    assert found.value("rater 3") == pytest.approx(0.8, abs=0.03)


def test_single_verdicts_identify_nothing():
    lone = Judgements(
        np.ones(5, bool), {"margin": np.arange(5.0), "popularity": np.arange(1, 6), "rater": np.zeros(5, int)}
    )
    for found in (
        ConstantFlips.estimate(lone),
        GroupFlips.estimate(lone),
        GroupFlips.estimate(lone, by="record"),
        CovariateFlips.estimate(lone, by="margin"),
        Exposure.estimate(lone, most=5.0),
    ):
        assert not found.identified and all(f.value is None for f in found.figures)
        assert str(found).startswith("not identified: ")
    with pytest.raises(StropError) as error:
        ConstantFlips.estimate(lone).value("flip_rate")
    assert error.value.code == "S305"


def test_a_class_that_was_never_checked_has_no_rate():
    """Of ten checked positives two are wrong: 0.2, Wilson [0.057, 0.510]; no negative was checked."""
    judged = Judgements(np.arange(12) >= 2, truth=np.ones(12, bool), checked=np.arange(12) < 10)
    found = ConstantFlips.estimate(judged)
    missed = found.figures[1]
    assert (missed.value, missed.n) == (0.2, 10)
    assert (missed.low, missed.high) == pytest.approx((0.0567, 0.5098), abs=1e-4)
    assert found.figures[2].value is None
    assert found.value("flip_rate") == 0.2
    with pytest.raises(StropError) as error:
        found.value("false_positive_rate")
    assert error.value.code == "S305"


def test_two_verdicts_by_hand():
    """68 of 100 pairs agree: 2a - 1 = 0.36, so e = (1 - 0.6) / 2 = 0.2."""
    first = np.ones(100, bool)
    found = ConstantFlips.estimate(Judgements(first, repeats=(np.arange(100) < 68)[:, None]))
    assert found.value("flip_rate") == pytest.approx(0.2)


def test_two_raters_or_verdicts_that_contradict_tell_nothing():
    chance = np.random.default_rng(0)
    one = chance.random(500) < 0.5
    assert not GroupFlips.estimate(Judgements(one, repeats=one[:, None])).identified
    assert not ConstantFlips.estimate(Judgements(one, repeats=~one[:, None])).identified
    noise = chance.random((500, 2)) < 0.5
    assert not GroupFlips.estimate(Judgements(one, repeats=noise)).identified


def test_a_law_needs_flips_and_a_covariate_that_varies():
    truth = np.random.default_rng(0).random(300) < 0.5
    varied = Judgements(truth, {"length": np.arange(1.0, 301)}, truth=truth)
    assert "too few" in CovariateFlips.estimate(varied, by="length").reason
    same = Judgements(~truth, {"length": np.full(300, 7.0)}, truth=truth)
    assert "one value" in CovariateFlips.estimate(same, by="length").reason
    hopeless = Judgements(np.roll(truth, 1), {"length": np.arange(1.0, 301)}, truth=truth)
    found = CovariateFlips.estimate(hopeless, by="length")
    assert not found.identified or found.figures[2].high > 0.48


def test_stated_too_low_or_too_high_the_two_corrections_fail_differently():
    """Truth P(right) = 0.95, planted flips 0.1: seen right 0.86. Risk as a function of one shared margin.

    Stated 0 to 0.14 both settle at the same wrong margin. Stated 0.3, more than the data can hold: forward still has a
    finite least risk, reached as h grows; backward falls by a constant for ever:
    slope -e/(1-2e) = -0.75 on 0.86 of the records and -(-0.75) - 1 + 1 on the others: -0.75 * 0.72 + 0.14 = -0.40 a unit.
    """
    positive = np.arange(100) < 86
    seen = Judgements(positive)

    def risk(correct, h):
        margin = torch.tensor(np.where(positive, h, -h))
        return correct(margin, seen).mean().item()

    grid = np.linspace(0, 8, 801)
    low = ConstantFlips(0.05, 0.05)
    best = [grid[np.argmin([risk(correct, h) for h in grid])] for correct in (low.forward, low.backward)]
    assert best == pytest.approx([math.log(0.9 / 0.1)] * 2, abs=0.011)  # (0.86 - 0.05) / 0.9 = 0.9
    high = ConstantFlips(0.3, 0.3)
    forward, backward = ([risk(correct, h) for h in (10.0, 100.0, 1000.0)] for correct in (high.forward, high.backward))
    assert forward == pytest.approx([-0.86 * math.log(0.7) - 0.14 * math.log(0.3)] * 3, abs=1e-3)
    assert np.diff(backward) / [90, 900] == pytest.approx([-0.40, -0.40], abs=1e-3)


def test_undoing_flips_that_follow_popularity_restores_a_ranking_that_plain_training_loses():
    """Two things, liked by 70 and 60 %; the better one's likes are seen at rate 0.3 only. Plain learns the wrong order."""
    n = 4000
    better, truth = np.arange(n) % 2 == 0, np.random.default_rng(1).random(n)
    truth = truth < np.where(better, 0.7, 0.6)
    clear = Judgements(truth, {"popularity": np.where(better, 9, 100)})
    seen = Exposure(100.0).corrupt(clear, seed=2)

    def gap(loss):
        scores = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        toward = torch.tensor(np.where(seen.positive, 1.0, -1.0))
        optimiser = torch.optim.LBFGS([scores], max_iter=50)

        def closure():
            optimiser.zero_grad()
            total = loss(scores[torch.tensor(~better).long()] * toward).mean()
            total.backward()
            return total

        optimiser.step(closure)
        return (scores[0] - scores[1]).item()

    channel = Exposure(100.0)
    assert gap(lambda h: torch.nn.functional.softplus(-h)) < -1
    for correct in (channel.forward, channel.backward):
        assert gap(lambda h, f=correct: f(h, seen)) == pytest.approx(math.log(0.7 / 0.3 / (0.6 / 0.4)), abs=0.25)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: ConstantFlips(1.2, 0.0), "S301"),
        (lambda: ConstantFlips(float("nan"), 0.0), "S301"),
        (lambda: GroupFlips("rater", np.array([0.1]), np.array([-0.1])), "S301"),
        (lambda: GroupFlips("rater", np.array([0.1]), np.array([0.1, 0.2])), "S214"),
        (lambda: CovariateFlips("weight", 0.0, 1.0), "S301"),
        (lambda: CovariateFlips("length", math.inf, 1.0), "S301"),
        (lambda: Exposure(100.0, -1.0), "S301"),
        (lambda: Exposure(0.0), "S211"),
        (lambda: power_propensity(np.array([0, 5]), power=0.5, most=5.0), "S211"),
        (lambda: power_propensity(np.array([6]), power=0.5, most=5.0), "S211"),
        (lambda: GroupFlips("rater", RATE, RATE).rates(Judgements(ONE, {"rater": np.array([1])})), "S211"),
        (lambda: GroupFlips("rater", RATE, RATE).rates(Judgements(ONE)), "S301"),
        (lambda: CovariateFlips("length", 0.0, 1.0).rates(Judgements(ONE, {"length": np.array([0])})), "S211"),
        (lambda: ConstantFlips(0.5, 0.5).backward(torch.zeros(1), Judgements(ONE)), "S301"),
        (lambda: ConstantFlips(0.7, 0.3).backward(torch.zeros(1), Judgements(ONE)), "S301"),
    ],
)
def test_what_makes_no_sense_is_refused(call, code):
    with pytest.raises(StropError) as error:
        call()
    assert error.value.code == code


ONE, RATE = np.ones(1, bool), np.array([0.1])
