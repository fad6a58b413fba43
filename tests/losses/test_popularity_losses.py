"""Are the penalties on popularity the formulas they say, with gradients that hold up?"""

import numpy as np
import pytest
import torch

from strop.errors import StropError
from strop.losses.popularity import interaction_spread, squared_correlation
from strop.models.recommend.clicked import ClickTable
from strop.records import Clicks


def test_spread_by_hand():
    """Counts (1, 3, 2), popularity (2, 4, 8): gamma 1: (.5, .75, .25), deviations 0, .25, -.25: sqrt(.125 / 2) = .25.

    gamma 2: (1, 3, 2): deviations -1, 1, 0: sqrt(2 / 2) = 1. A fourth item without clicks is left out.
    """
    counts, popularity = torch.tensor([1.0, 3, 2, 5]), torch.tensor([2.0, 4, 8, 0])
    assert interaction_spread(counts, popularity).item() == pytest.approx(0.25)
    assert interaction_spread(counts, popularity, gamma=2.0).item() == pytest.approx(1)
    r = np.array([1, 3, 2]) / np.array([2, 4, 8]) ** 0.7
    assert interaction_spread(counts, popularity, gamma=1.3).item() == pytest.approx(r.std(ddof=1))


def test_proportional_counts_have_no_spread_and_a_finite_gradient():
    popularity = torch.tensor([1.0, 4, 9])
    counts = (0.3 * popularity).requires_grad_()
    spread = interaction_spread(counts, popularity)
    spread.backward()
    assert spread.item() == pytest.approx(0, abs=1e-7) and torch.isfinite(counts.grad).all()


@pytest.mark.parametrize("gamma", [0.99, 2.01, float("nan")])
def test_gamma_outside_1_to_2(gamma):
    with pytest.raises(StropError) as caught:
        interaction_spread(torch.ones(3), torch.ones(3), gamma=gamma)
    assert caught.value.code == "S301"


@pytest.mark.parametrize("popularity", [[0, 0, 0], [0, 5, 0]])
def test_fewer_than_two_items_with_clicks(popularity):
    with pytest.raises(StropError) as caught:
        interaction_spread(torch.ones(3), torch.tensor(popularity).float())
    assert caught.value.code == "S209"


def spread_of(table, clicks, gamma):
    popularity = torch.from_numpy(clicks.popularity).double()

    def spread(left, right):
        clicked = torch.sigmoid(table.scores(left, right))
        counts = torch.zeros(clicks.n_items, dtype=left.dtype).index_add(0, table.items, clicked)
        return interaction_spread(counts, popularity.to(left.dtype), gamma=gamma)

    return spread


@pytest.mark.parametrize("gamma", [1.0, 1.3, 2.0])
def test_the_gradient_of_the_spread_is_that_of_finite_differences(gamma):
    """Central differences of 1e-6 in float64, through the table of clicks: relative error of the whole below 1e-4."""
    generator = np.random.default_rng(0)
    cells = generator.random((12, 9)) < 0.4
    cells[:, 4] = False
    clicks = Clicks(*np.nonzero(cells), np.arange(12), np.arange(9))
    sides = [torch.from_numpy(generator.standard_normal((n, 3))).requires_grad_() for n in (12, 9)]
    spread = spread_of(ClickTable(clicks), clicks, gamma)
    spread(*sides).backward()
    for side in sides:
        slow = torch.zeros_like(side)
        for place in np.ndindex(*side.shape):
            ends = []
            for step in (1e-6, -1e-6):
                with torch.no_grad():
                    side[place] += step
                    ends.append(spread(*sides))
                    side[place] -= step
            slow[place] = (ends[0] - ends[1]) / 2e-6
        assert ((side.grad - slow).norm() / slow.norm()).item() < 1e-4


def test_squared_correlation():
    """Against numpy; 1 for a line, 0 where one side does not vary; the gradient is 0 there, not undefined."""
    generator = np.random.default_rng(1)
    scores, popularity = generator.standard_normal(40), generator.integers(1, 9, 40).astype(float)
    found = squared_correlation(torch.from_numpy(scores), torch.from_numpy(popularity))
    assert found.item() == pytest.approx(np.corrcoef(scores, popularity)[0, 1] ** 2)
    line = torch.arange(5.0)
    assert squared_correlation(3 - 2 * line, line).item() == pytest.approx(1)
    flat = torch.ones(5, requires_grad=True)
    value = squared_correlation(flat, line)
    value.backward()
    assert value.item() == 0 and (flat.grad == 0).all()
    assert squared_correlation(line, torch.ones(5)).item() == 0
