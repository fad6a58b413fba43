"""Is InfoNCE a softmax over cosines, with its gradient, at every size and scale?"""

from math import exp, log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.losses import contrastive
from strop.losses.contrastive import info_nce

DOUBLE = torch.float64


def rows(n, d, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, d, generator=generator, dtype=DOUBLE)


def plain(one, other, temperature):
    """The formula, by torch's own functions."""
    cosines = torch.nn.functional.cosine_similarity(one[:, None], other[None], dim=2)
    return torch.nn.functional.cross_entropy(cosines / temperature, torch.arange(len(one)), reduction="none")


def test_by_hand():
    """one: along x, along y. other: along x, halfway (cosines .6 and .8). t = .5.

    Row 0: log(e^2 + e^1.2) - 2 = log(1 + e^-.8); row 1: log(e^0 + e^1.6) - 1.6 = log(1 + e^-1.6).
    """
    found = info_nce(torch.tensor([[2.0, 0], [0, 9]]), torch.tensor([[1.0, 0], [3, 4]]), temperature=0.5)
    assert found.tolist() == pytest.approx([log(1 + exp(-0.8)), log(1 + exp(-1.6))], abs=1e-6)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.floats(0.01, 3), st.integers(0, 99))
def test_the_formula_and_its_gradient_by_torch(n, d, temperature, seed):
    """Also where blocks are smaller than the whole, and where rows count differently."""
    one, other = (rows(n, d, seed + i).requires_grad_() for i in range(2))
    weights = rows(n, 1, seed + 2)[:, 0]
    whole = contrastive.CELLS
    try:
        contrastive.CELLS = 3 * n
        found = info_nce(one, other, temperature=temperature)
        ours = torch.autograd.grad(found @ weights, (one, other))
    finally:
        contrastive.CELLS = whole
    wanted = plain(one, other, temperature)
    theirs = torch.autograd.grad(wanted @ weights, (one, other))
    torch.testing.assert_close(found, wanted)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-6)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(0, 99))
def test_laws(n, seed):
    """Rows in another order give the same losses; lengths do not count; a higher own cosine costs less; bounds hold."""
    one, other = rows(n, 4, seed), rows(n, 4, seed + 1)
    found, order = info_nce(one, other), torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(info_nce(one[order], other[order]), found[order])
    torch.testing.assert_close(info_nce(7 * one, other * torch.arange(1, n + 1)[:, None]), found)
    assert (found >= 0).all() and (found <= log(n) + 2 / 0.2).all()
    assert (info_nce(one, torch.cat([one[:1], other[1:]]))[0] <= found[0] + 1e-12).all()


@pytest.mark.parametrize("n", [1, 2, 7])
def test_rows_that_are_all_alike_cost_log_n(n):
    one = rows(1, 5, 0).repeat(n, 1)
    torch.testing.assert_close(info_nce(one, 3 * one), torch.full((n,), log(n), dtype=DOUBLE))


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("temperature", [1e-6, 0.2, 1e6])
def test_finite_at_any_scale_and_temperature(scale, temperature):
    """float32, whose squares overflow at 1e20; among the rows one of zeros, whose cosines are 0."""
    one, other = (rows(6, 4, i).float().mul(scale) for i in range(2))
    one[2] = other[3] = 0
    one.requires_grad_()
    found = info_nce(one, other, temperature=temperature)
    wanted = plain(*(t.double().detach() / scale for t in (one, other)), temperature)
    torch.testing.assert_close(found, wanted.float(), rtol=1e-3, atol=1e-5 * max(1, 1 / temperature))
    found.sum().backward()
    assert one.grad.isfinite().all()


def test_bad_input():
    good = torch.ones(3, 2)
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(StropError) as caught:
            info_nce(good, good, temperature=bad)
        assert caught.value.code == "S301"
    for bad in (good[:2], good[:, :1], good[0]):
        with pytest.raises(StropError) as caught:
            info_nce(good, bad)
        assert caught.value.code == "S214"
    assert info_nce(good[:0], good[:0]).shape == (0,)
