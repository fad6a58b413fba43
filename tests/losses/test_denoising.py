"""Weights taken from the model's own losses: worked by hand, and by law."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.losses.denoising import reweighted, truncated

BATCH = st.lists(st.tuples(st.floats(0, 50), st.booleans()), min_size=2, max_size=40)


def test_truncated_by_hand():
    """Ten labels, a share of 0.2: the two clicks of loss 9 and 5; the item not clicked of loss 8 stays."""
    losses = torch.tensor([9.0, 1, 8, 5, 2, 1, 1, 1, 4, 0])
    clicked = torch.tensor([1, 1, 0, 1, 0, 0, 0, 0, 1, 0], dtype=torch.bool)
    assert truncated(losses, clicked, drop=0.2).tolist() == [0, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    assert truncated(losses, clicked, drop=0.9).tolist() == [0, 1, 1, 0, 1, 1, 1, 1, 0, 1]  # one click is kept


def test_a_batch_without_a_click_keeps_all():
    assert truncated(torch.ones(4), torch.zeros(4, dtype=torch.bool), drop=0.5).tolist() == [1] * 4


@settings(max_examples=60, derandomize=True, deadline=None)
@given(BATCH, st.floats(0, 0.99))
def test_truncation_drops_clicks_alone_and_the_worst_of_them(batch, drop):
    losses, clicked = (torch.tensor(column) for column in zip(*batch, strict=True))
    weights = truncated(losses, clicked, drop=drop)
    gone, kept = weights == 0, clicked & (weights == 1)
    assert (weights[~clicked] == 1).all()
    assert int(gone.sum()) == max(0, min(len(losses) - int((1 - drop) * len(losses)), int(clicked.sum()) - 1))
    if gone.any():
        assert losses[gone].min() >= losses[kept].max()
    assert (truncated(losses, clicked, drop=0.0) == 1).all()


def test_reweighted_by_hand():
    """s(0) = 1/2 and s(log 4) = 4/5: at an exponent of 2 clicks count 1/4 and 16/25, an item not clicked 1/25."""
    weights = reweighted(torch.tensor([1.0, 4, 4]).log(), torch.tensor([True, True, False]), exponent=2.0)
    torch.testing.assert_close(weights, torch.tensor([1 / 4, 16 / 25, 1 / 25]))


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.lists(st.floats(-90, 90), min_size=2, max_size=20), st.floats(0.01, 3))
def test_belief_counts_more_without_a_gradient(scores, exponent):
    s = torch.tensor(sorted(scores), dtype=torch.float64, requires_grad=True)
    clicked = torch.ones(len(s), dtype=torch.bool)
    weights, others = (reweighted(s, labels, exponent=exponent) for labels in (clicked, ~clicked))
    assert not weights.requires_grad
    assert (weights.diff() >= 0).all() and (others.diff() <= 0).all()
    assert (weights > 0).all() and (weights <= 1).all() and (others > 0).all() and (others <= 1).all()
    assert (reweighted(s, clicked, exponent=0.0) == 1).all()


@pytest.mark.parametrize("drop", [-0.1, 1.0, float("nan")])
def test_shares_that_cannot_be_dropped(drop):
    with pytest.raises(StropError, match="drop"):
        truncated(torch.ones(4), torch.ones(4, dtype=torch.bool), drop=drop)


@pytest.mark.parametrize("exponent", [-0.1, float("inf"), float("nan")])
def test_exponents_that_cannot_be(exponent):
    with pytest.raises(StropError, match="exponent"):
        reweighted(torch.ones(4), torch.ones(4), exponent=exponent)
