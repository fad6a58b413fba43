"""Margins from log-ratios: worked by hand, and what each of them leaves unchanged."""

import math

import pytest
import torch

from strop.errors import StropError
from strop.losses.log_ratios import log_ratio_margin, per_token_margin, positive_margin, unpaired_margin
from strop.losses.pairwise import generalised_cross_entropy, logistic, squared

C = torch.tensor([2.0, -1.0], dtype=torch.float64)
R = torch.tensor([-1.0, -4.0], dtype=torch.float64)
GOOD = torch.tensor([True, False])


def test_by_hand():
    """beta 0.5: 0.5 (2 + 1) = 1.5 and 0.5 (-1 + 4) = 1.5, though the second chosen answer fell.

    Per token (4 and 2; 1 and 8): 0.5 (2/4 + 1/2) = 0.5, 0.5 (-1 + 4/8) = -0.25. Positive, penalty 2: 1.5 as nothing
    fell, 1.5 - 0.5 * 2 * 1 = 0.5. Alone, anchor 1: 0.5 (2 - 1) = 0.5, and a bad one 0.5 (1 + 1) = 1.
    """
    assert log_ratio_margin(C, R, beta=0.5).tolist() == [1.5, 1.5]
    tokens = torch.tensor([4, 1]), torch.tensor([2, 8])
    assert per_token_margin(C, R, *tokens, beta=0.5).tolist() == [0.5, -0.25]
    assert positive_margin(C, R, beta=0.5, penalty=2.0).tolist() == [1.5, 0.5]
    assert unpaired_margin(C, GOOD, beta=0.5, anchor=1.0).tolist() == [0.5, 1.0]


def test_dpo_starts_at_log_2():
    """At the reference both log-ratios are 0: every logistic form begins at 0.693147."""
    zero = torch.zeros(3)
    for margin in (log_ratio_margin(zero, zero, beta=0.1), positive_margin(zero, zero, beta=0.1)):
        assert logistic(margin).tolist() == pytest.approx([math.log(2)] * 3)


def test_dpo_positive_penalises_a_chosen_answer_that_falls():
    """Both fall by 1, then by 2: the plain margin stays, the positive one goes down; above the reference they are one.

    Per unit: beta (1 + penalty) in the chosen, -beta in the rejected.
    """
    falls = torch.tensor([0.0, -1.0, -2.0], dtype=torch.float64, requires_grad=True)
    rejected = (falls.detach() - 3).requires_grad_()
    assert log_ratio_margin(falls, rejected, beta=0.1).diff().abs().max() < 1e-12
    held = positive_margin(falls, rejected, beta=0.1, penalty=5.0)
    assert held.diff().tolist() == pytest.approx([-0.5, -0.5])
    of_chosen, of_rejected = torch.autograd.grad(held.sum(), (falls, rejected))
    assert of_chosen.tolist()[1:] == pytest.approx([0.6, 0.6]) and of_rejected.tolist() == pytest.approx([-0.1] * 3)
    risen = torch.tensor([0.5, 3.0])
    assert torch.equal(positive_margin(risen, risen - 1, beta=0.1), log_ratio_margin(risen, risen - 1, beta=0.1))


def test_ipo_in_both_normalisations_has_a_bounded_optimum():
    """tau 0.25: the target is 2. Per sequence c - r = 2; per token the means differ by 2, the sums by 20 at 10 tokens each.

    With a share e of the labels flipped the least squares are at (1 - 2e) 2: 1.2 at e = 0.2.
    """
    one, ten = torch.ones(1), torch.full((1,), 10)
    assert squared(log_ratio_margin(one, -one, beta=1.0), target=1 / (2 * 0.25)).item() == 0
    assert squared(per_token_margin(10 * one, -10 * one, ten, ten, beta=1.0), target=2.0).item() == 0
    grid = torch.linspace(0, 3, 301)
    risk = 0.8 * squared(grid, target=2.0) + 0.2 * squared(-grid, target=2.0)
    assert grid[risk.argmin()].item() == pytest.approx(1.2, abs=0.005)


def test_per_token_a_repeated_answer_stays_as_it_is():
    n, m = torch.tensor([3, 5]), torch.tensor([2, 9])
    once = per_token_margin(C, R, n, m, beta=0.3)
    torch.testing.assert_close(per_token_margin(7 * C, 7 * R, 7 * n, 7 * m, beta=0.3), once)


def test_answers_judged_alone():
    """KTO's value 1 - s(beta (c - z)), or 1 - s(beta (z - c)); a pair without an anchor, summed, is the pair's margin."""
    beta, z = 0.2, torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    kto = generalised_cross_entropy(unpaired_margin(C, GOOD, beta=beta, anchor=z), q=1.0)
    expected = [1 - 1 / (1 + math.exp(-0.2 * (2 - 0.7))), 1 - 1 / (1 + math.exp(-0.2 * (0.7 + 1)))]
    assert kto.tolist() == pytest.approx(expected)
    assert not kto.requires_grad  # the anchor is held
    both = unpaired_margin(C, GOOD | True, beta=beta) + unpaired_margin(R, GOOD & False, beta=beta)
    torch.testing.assert_close(both, log_ratio_margin(C, R, beta=beta))


def test_bad_answers_alone_are_enough():
    """Negative-only: the loss is finite, and each step lowers the answer; NPO is 2 / beta softplus(beta c)."""
    c = C.clone().requires_grad_()
    bad = torch.zeros(2, dtype=torch.bool)
    loss = generalised_cross_entropy(unpaired_margin(c, bad, beta=0.1), q=1.0)
    assert loss.isfinite().all() and (torch.autograd.grad(loss.sum(), c)[0] > 0).all()
    npo = 2 / 0.1 * logistic(unpaired_margin(C, bad, beta=0.1))
    torch.testing.assert_close(npo, 2 / 0.1 * torch.log1p(torch.exp(0.1 * C)))


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: log_ratio_margin(C, R, beta=0.0), "S301"),
        (lambda: log_ratio_margin(C, R, beta=math.inf), "S301"),
        (lambda: per_token_margin(C, R, GOOD, C, beta=-1.0), "S301"),
        (lambda: per_token_margin(C, R, torch.tensor([1, 0]), torch.tensor([1, 1]), beta=1.0), "S211"),
        (lambda: positive_margin(C, R, beta=math.nan), "S301"),
        (lambda: positive_margin(C, R, beta=0.1, penalty=-1.0), "S301"),
        (lambda: unpaired_margin(C, GOOD, beta=0.0), "S301"),
        (lambda: unpaired_margin(C, GOOD[:1], beta=0.1), "S214"),
    ],
)
def test_what_is_refused(call, code):
    with pytest.raises(StropError) as error:
        call()
    assert error.value.code == code and error.value.help
