"""Intervals and p values: by hand, against scipy, and planted coverage."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from strop.audits import intervals as I
from strop.errors import StropError


def test_resamples_are_the_same_in_any_block_and_sum_to_n(monkeypatch):
    whole = np.concatenate(list(I.resampled_counts(50, draws=130, seed=3)), axis=1)
    monkeypatch.setattr(I, "BLOCK_BYTES", 24 * 50 * 7)
    parts = list(I.resampled_counts(50, draws=130, seed=3))
    assert [p.shape[1] for p in parts] == [7] * 18 + [4]
    assert np.array_equal(whole, np.concatenate(parts, axis=1))
    assert (whole.sum(axis=0) == 50).all() and whole.var() == pytest.approx(1 - 1 / 50, abs=0.05)
    assert next(I.resampled_counts(1 << 15, draws=1, seed=0)).dtype == np.int32


def test_the_middle_of_the_draws_and_draws_that_are_moved():
    """Draws 1..1000 (mean 500.5): the middle 95 % is 25.975 to 975.025; moved to 0: -474.525 to 474.525."""
    draws = np.arange(1.0, 1001.0)
    assert I.middle(draws) == pytest.approx((25.975, 975.025))
    assert I.middle(I.moved(0.0, draws)) == pytest.approx((-474.525, 474.525))
    draws[:25] = np.nan
    assert I.middle(draws) is not None and np.nanmean(I.moved(3.0, draws)) == pytest.approx(3)
    draws[25] = np.nan
    assert I.middle(draws) is None and I.two_sided_p(draws) is None
    assert I.middle(I.moved(1.0, np.full(100, np.nan))) is None


def test_the_p_value_by_hand_and_beside_the_interval():
    """Of 999 draws -19..979, 20 lie at or below 0: p = 2 * 21 / 1000, and 0 lies outside the middle. Of -498..500 the
    smaller side has 499: p = 1. All above 0: 2 / 1000."""
    draws = np.arange(-19.0, 980.0)
    assert I.two_sided_p(draws) == I.two_sided_p(-draws) == pytest.approx(0.042)
    assert I.middle(draws)[0] > 0 > I.middle(-draws)[1]
    assert I.two_sided_p(np.arange(-498.0, 501.0)) == 1
    assert I.two_sided_p(np.arange(1.0, 1000.0)) == pytest.approx(0.002)
    assert I.two_sided_p(np.zeros(100)) == 1


def test_bootstrap_of_a_mean_is_near_the_normal_interval():
    values = np.random.default_rng(0).normal(3, 2, size=400)
    mean, low, high = I.bootstrap_mean(values)
    half = 1.96 * values.std() / 20
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.03)
    assert I.bootstrap_mean(values, seed=1) != I.bootstrap_mean(values) == I.bootstrap_mean(values)


def test_clusters_of_copies_count_once_each():
    """400 records, each five times: by records the interval is sqrt(5) too narrow, by clusters it is that of the 400."""
    values = np.random.default_rng(0).normal(size=400)
    _, low, high = I.bootstrap_mean(values)
    copies, owners = np.repeat(values, 5), np.repeat([f"q{i}" for i in range(400)], 5)
    _, low5, high5 = I.bootstrap_mean(copies, clusters=owners)
    assert high5 - low5 == pytest.approx(high - low, rel=0.05)
    _, low1, high1 = I.bootstrap_mean(copies)
    assert high1 - low1 == pytest.approx((high - low) / np.sqrt(5), rel=0.05)


def test_the_mean_over_clusters_of_unequal_size_is_over_records():
    assert I.bootstrap_mean(np.array([1.0, 1, 1, 5]), clusters=np.array([0, 0, 0, 1]))[0] == 2


@pytest.mark.parametrize(
    ("code", "values", "clusters"),
    [
        ("S202", [1.0], None),
        ("S202", [1.0, 2.0], [0, 0]),
        ("S203", [1.0, np.nan], None),
        ("S214", [1.0, 2.0], [0]),
    ],
)
def test_a_mean_that_has_no_interval(code, values, clusters):
    with pytest.raises(StropError) as caught:
        I.bootstrap_mean(np.array(values), clusters=clusters)
    assert caught.value.code == code


def test_paired_t_equals_scipy():
    differences = np.random.default_rng(1).normal(0.3, 1, size=10)
    theirs = stats.ttest_1samp(differences, 0)
    bounds = theirs.confidence_interval(0.95)
    assert I.paired_t(differences) == pytest.approx((differences.mean(), bounds.low, bounds.high, theirs.pvalue))


def test_paired_t_by_hand_and_at_its_edges():
    """1 2 3: mean 2, s 1, t(2, 0.975) = 4.302653, half-width 4.302653 / sqrt(3) = 2.484138; t = 2 sqrt(3): p 0.07418."""
    assert I.paired_t([1, 2, 3]) == pytest.approx((2, -0.484138, 4.484138, 0.074180), abs=1e-5)
    assert I.paired_t([0.5]) == (0.5, None, None, None)
    assert I.paired_t([0.5, 0.5]) == (0.5, 0.5, 0.5, 0)
    assert I.paired_t([0, 0]) == (0, 0, 0, 1)
    for bad, code in (([], "S202"), ([1.0, np.inf], "S203")):
        with pytest.raises(StropError, match=code):
            I.paired_t(bad)


def test_holm_by_hand():
    """0.01 0.04 0.03 0.005: sorted 0.005 0.01 0.03 0.04 times 4 3 2 1 = 0.02 0.03 0.06 0.04, never falling: 0.06 last."""
    assert I.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert I.holm([0.01, None, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert I.holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert len(I.holm([])) == 0
    with pytest.raises(StropError, match="S211"):
        I.holm([1.2])


def test_holm_makes_one_false_call_in_twenty_families():
    """2,000 families of 8 true nulls: a share 1 - 0.95^... of at most 0.05 has a call; binomial sd 0.005, three of them."""
    p = np.random.default_rng(2).random((2000, 8))
    called = np.mean([(I.holm(family) < 0.05).any() for family in p])
    assert 0.035 < called < 0.065


def test_wider_non_inferior_and_detectable():
    """Half-width 0.2 is 1.959964 standard errors; power 0.8 takes 2.801585: 0.2 * 2.801585 / 1.959964 = 0.285881."""
    assert I.wider((0.1, 0.2), (0.0, 0.3)) == (0.0, 0.3)
    assert I.wider((0.0, 0.3), (0.1, 0.2)) == (0.0, 0.3)
    assert I.wider((0.0, 0.1), (0.2, 0.3)) == (0.0, 0.1)
    assert I.non_inferior(-0.009, 0.01) is True
    assert I.non_inferior(-0.011, 0.01) is False
    assert I.non_inferior(None, 0.01) is None
    assert I.minimum_detectable(0.1, 0.5) == pytest.approx(0.285881, abs=1e-6)
    assert I.minimum_detectable(0.1, 0.5, power=0.5) == pytest.approx(0.2)
    assert I.minimum_detectable(None, 0.5) is None
    for call in (lambda: I.non_inferior(0.1, 0), lambda: I.minimum_detectable(0, 1, power=1.0)):
        with pytest.raises(StropError, match="S301"):
            call()


def test_the_detectable_difference_is_found_eight_times_in_ten():
    """Means of 100 standard normals: half-width 0.196, detectable 0.280. Of 2,000 samples with that true mean 80 % have
    an interval above 0; binomial sd 0.9 %, three of them."""
    true = I.minimum_detectable(-0.1959964, 0.1959964)
    means = np.random.default_rng(3).normal(true, 0.1, size=2000)
    assert np.mean(means > 0.1959964) == pytest.approx(0.8, abs=0.027)


def test_scipy_stats_is_not_imported():
    code = (
        "import sys; from strop.audits import intervals as I; I.paired_t([1., 2.]); print('scipy.stats' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
