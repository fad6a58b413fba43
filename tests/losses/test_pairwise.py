"""The losses of one margin: by hand, by another road, by planted truth."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch.nn.functional import binary_cross_entropy_with_logits, margin_ranking_loss, softplus

from strop.errors import StropError
from strop.losses.pairwise import (
    clipped_logistic,
    forward_flip,
    generalised_cross_entropy,
    hinge,
    logistic,
    slope_of_unflipping,
    squared,
)

H = torch.tensor([-3.0, -0.5, 0.0, 1.5, 8.0], dtype=torch.float64)


def one(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


def test_by_hand():
    """s(log 3) = 3/4 and s(-log 3) = 1/4.

    logistic: -log(3/4) = 0.287682; slope 1/2 adds log(3) / 2 = 0.549306: 0.836988.
    generalised, q = 1/2: (1 - sqrt(3/4)) / (1/2) = 0.267949. forward, r = 0.2, q = 0.1: -log(0.8 * 3/4 + 0.1 * 1/4)
    = -log(0.625) = 0.470004. hinge, width 2: 2 - 1.098612 = 0.901388. squared, target 1: 0.098612**2 = 0.009724.
    """
    h = one(math.log(3.0))
    assert logistic(h).item() == pytest.approx(0.287682, abs=1e-6)
    assert logistic(h, slope=0.5).item() == pytest.approx(0.836988, abs=1e-6)
    assert generalised_cross_entropy(h, q=0.5).item() == pytest.approx(0.267949, abs=1e-6)
    assert forward_flip(h, flip_rate=0.2, other_rate=0.1).item() == pytest.approx(0.470004, abs=1e-6)
    assert hinge(h, width=2.0).item() == pytest.approx(0.901388, abs=1e-6)
    assert squared(h).item() == pytest.approx(0.009724, abs=1e-6)


def test_slopes_by_hand():
    """Robust DPO at 0.2: -0.2 / 0.6 = -1/3. Rel-MF at t = 0.25: -(0.75) / 0.25 = -3. (0.1, 0.3): -0.1 / 0.6 = -1/6."""
    assert slope_of_unflipping(0.2) == pytest.approx(-1 / 3)
    assert slope_of_unflipping(0.75, 0.0) == pytest.approx(-3)
    assert slope_of_unflipping(0.1, 0.3) == pytest.approx(-1 / 6)
    rates = torch.tensor([0.0, 0.1, 0.4], dtype=torch.float64)
    torch.testing.assert_close(slope_of_unflipping(rates), -rates / (1 - 2 * rates))


def test_by_another_road():
    """torch's own: cross entropy of soft labels is smoothing, its margin ranking loss is the hinge."""
    smoothed = binary_cross_entropy_with_logits(H, torch.full_like(H, 0.9), reduction="none")
    torch.testing.assert_close(logistic(H, slope=0.1), smoothed)
    ranked = margin_ranking_loss(H, torch.zeros_like(H), torch.ones_like(H), margin=1.0, reduction="none")
    torch.testing.assert_close(hinge(H), ranked)
    torch.testing.assert_close(logistic(H, slope=1.0), softplus(H))
    torch.testing.assert_close(generalised_cross_entropy(H, q=1.0), 1 - torch.sigmoid(H))
    torch.testing.assert_close(generalised_cross_entropy(H, q=1e-9), logistic(H), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("slope", [0.1, 0.3, 0.7])
def test_smoothing_has_a_finite_best_margin(slope):
    best = minimize_scalar(lambda h: logistic(one(h), slope=slope).item(), bounds=(-20, 20), method="bounded").x
    assert best == pytest.approx(math.log((1 - slope) / slope), abs=1e-4)


def test_a_negative_slope_is_unbounded_and_a_floor_stops_it():
    """At h = 1000 and slope -1/3 the loss is -333.3; clipped at -0.5 it is -0.5 with no gradient, but untouched below."""
    h = torch.tensor([-5.0, 0.0, 1000.0], dtype=torch.float64, requires_grad=True)
    free = logistic(h, slope=-1 / 3)
    assert free[2].item() == pytest.approx(-1000 / 3)
    clipped = clipped_logistic(h, slope=-1 / 3, floor=-0.5)
    assert clipped[2].item() == -0.5
    torch.testing.assert_close(clipped[:2], free[:2])
    (slopes,) = torch.autograd.grad(clipped.sum(), h)
    assert slopes[2].item() == 0.0
    assert slopes[0].item() == pytest.approx(-1 / 3 - 1 / (1 + math.exp(-5.0)))


def test_what_flips_do_to_the_best_margin_and_how_each_correction_restores_it():
    """Truth P(right) = 0.8, flips 0.25: seen right 0.65. Plain learns log(0.65/0.35) = 0.619, both others log 4 = 1.386."""
    right, e = 0.8, 0.25
    seen = right * (1 - e) + (1 - right) * e

    def best(loss):
        risk = lambda h: seen * loss(one(h)).item() + (1 - seen) * loss(one(-h)).item()  # noqa: E731
        return minimize_scalar(risk, bounds=(-10, 10), method="bounded").x

    assert best(logistic) == pytest.approx(0.619, abs=1e-3)
    assert best(lambda h: logistic(h, slope=slope_of_unflipping(e))) == pytest.approx(math.log(4), abs=1e-3)
    assert best(lambda h: forward_flip(h, flip_rate=e)) == pytest.approx(math.log(4), abs=1e-3)


def test_a_bounded_loss_gives_up_flipped_records_and_the_logistic_does_not():
    """Scores of 900 right and 100 flipped records under one weight w, |x| = 4 on the flipped ones: see who follows them."""
    x = torch.tensor([1.0] * 900 + [-40.0] * 100, dtype=torch.float64)

    def best(loss):
        return minimize_scalar(lambda w: loss(w * x).mean().item(), bounds=(-0.5, 0.5), method="bounded").x

    assert best(logistic) < 0.05
    grid = np.linspace(-3, 3, 601)
    assert grid[np.argmin([generalised_cross_entropy(w * x).mean().item() for w in grid])] > 2


@pytest.mark.parametrize(
    "call",
    [
        lambda: hinge(H, width=0.0),
        lambda: squared(H, target=-1.0),
        lambda: generalised_cross_entropy(H, q=0.0),
        lambda: generalised_cross_entropy(H, q=1.5),
        lambda: forward_flip(H, flip_rate=1.2),
        lambda: forward_flip(H, flip_rate=0.1, other_rate=-0.1),
        lambda: clipped_logistic(H, slope=-1.0, floor=0.5),
        lambda: slope_of_unflipping(0.5),
        lambda: slope_of_unflipping(0.7, 0.3),
        lambda: slope_of_unflipping(torch.tensor([0.1, 0.5])),
        lambda: slope_of_unflipping(float("nan")),
    ],
)
def test_a_setting_out_of_its_range_is_refused(call):
    with pytest.raises(StropError) as error:
        call()
    assert error.value.code == "S301"
