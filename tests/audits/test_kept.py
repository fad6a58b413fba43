"""The threshold that keeps enough right: by hand, by a loop, and where it is planted."""

import numpy as np
import pytest

from strop.audits.kept import keeping, kept_curve, least_threshold
from strop.errors import StropError


def test_by_hand():
    """30 at 0.9 with 27 right, 10 at 0.5 with 5 right: from 0.9 on 90 %, from 0.5 on 32 of 40, 80 %."""
    c = np.r_[np.full(30, 0.9), np.full(10, 0.5)]
    y = np.r_[np.ones(27), np.zeros(3), np.ones(5), np.zeros(5)]
    assert [least_threshold(c, y, share=s) for s in (0.8, 0.81, 0.9, 0.91)] == [0.5, 0.9, 0.9, None]
    assert least_threshold(c[12:], y[12:], share=0.7) == 0.5  # 20 of 28
    assert least_threshold(c[12:30], y[12:30], share=0.7) is None  # 15 of 18, and 18 are too few to tell by
    points = kept_curve(c, y)
    assert [(x, figure.value) for x, figure in points] == [(0.75, 0.9), (1.0, 0.8)]
    unread = kept_curve(np.r_[c, np.full(10, np.nan)], np.r_[y, np.ones(10)])
    assert [x for x, _ in unread] == [0.6, 0.8]


def test_the_curve_is_a_loop_over_thresholds():
    rng = np.random.default_rng(0)
    c, y = np.round(rng.random(500), 2), rng.integers(0, 2, 500).astype(float)
    points = kept_curve(c, y)
    assert len(points) <= 20 and points[-1][0] == 1
    for covered, figure in points:
        kept = np.argsort(-c, kind="stable")[: round(covered * 500)]
        assert c[kept].min() > np.delete(c, kept).max(initial=-1) and figure.value == pytest.approx(y[kept].mean())


def test_a_planted_threshold_and_its_honest_share():
    """Right with probability c uniform: from t on (1 + t) / 2 is right, 0.9 from 0.8, which keeps 0.2. 40 worlds of 1,000.

    On the answers it was chosen on the share would be 0.9 or more in every world; on others it is about 0.9 in the mean.
    """
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        c = rng.random(1000)
        found.append(keeping(c, (rng.random(1000) < c).astype(float), seed=seed))
    shares = [one.right.value for one in found]
    assert np.mean(shares) == pytest.approx(0.9, abs=0.015) and min(shares) < 0.9
    assert np.mean([one.threshold for one in found]) == pytest.approx(0.8, abs=0.06)
    assert np.mean([one.covered.value for one in found]) == pytest.approx(0.2, abs=0.05)
    assert sum(one.right.low <= 0.9 <= one.right.high for one in found) >= 32


def test_where_it_is_not_reached():
    c = np.linspace(0, 1, 100)
    none = keeping(c, np.zeros(100))
    assert none.threshold is None and none.right.value is None and none.covered.value is None
    assert keeping(c, np.ones(100)).threshold == 0
    assert keeping(np.array([0.5, np.nan]), np.array([1.0, 0.0])).threshold is None
    for share in (0.0, 1.0):
        with pytest.raises(StropError, match="S301"):
            keeping(c, np.ones(100), share=share)
    with pytest.raises(StropError, match="S202"):
        kept_curve(np.full(3, np.nan), np.ones(3))
