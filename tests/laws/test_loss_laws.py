"""What holds for every loss of a margin, and the identities that make them one family."""

import math
from collections.abc import Callable
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from strop import catalogue
from strop.losses.pairwise import (
    clipped_logistic,
    forward_flip,
    generalised_cross_entropy,
    hinge,
    logistic,
    slope_of_unflipping,
    squared,
)
from strop.losses.pointwise import squared_sigmoid
from strop.losses.preference import davidson, rao_kupper

WRONG = [-60.0, -1e4]
EXTREME = [*WRONG, 60.0, 1e4]
lawful = settings(derandomize=True, deadline=None, max_examples=60)
margins = st.lists(st.floats(-700, 700), min_size=1, max_size=20).map(lambda h: torch.tensor(h, dtype=torch.float64))
rates = st.floats(0.0, 0.49)


def s(h: float) -> float:
    """The sigmoid in plain floats, as a compiled loop would have it."""
    return 1 / (1 + math.exp(-h)) if h >= 0 else math.exp(h) / (1 + math.exp(h))


def flip_slope(h: float, r: float, q: float) -> float:
    """The derivative of forward_flip, divided by the larger of s(h) and s(-h)."""
    if h >= 0:
        return -(1 - r - q) * s(-h) / ((1 - r) + q * math.exp(-h))
    return -(1 - r - q) * s(h) / ((1 - r) * math.exp(h) + q) if q else -s(-h)


def davidson_parts(h: float, nu: float) -> tuple[float, float, float]:
    """P(win), P(tie), P(loss), each divided by the largest term before it is summed."""
    terms = [h / 2, math.log(nu), -h / 2]
    raised = [math.exp(term - max(terms)) for term in terms]
    return tuple(x / sum(raised) for x in raised)


def wins(h: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(h, dtype=torch.bool)


def ties(h: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(h, dtype=torch.bool)


class Case(NamedTuple):
    """A loss with settings; its derivative as its docstring has it; the slope it keeps when badly wrong."""

    loss: Callable[[torch.Tensor], torch.Tensor]
    derivative: Callable[[float], float]
    when_wrong: float | None


CASES = {
    "logistic": Case(logistic, lambda h: -s(-h), -1.0),
    "logistic, smoothed": Case(lambda h: logistic(h, slope=0.2), lambda h: 0.2 - s(-h), -0.8),
    "logistic, unflipped": Case(lambda h: logistic(h, slope=-1 / 3), lambda h: -1 / 3 - s(-h), -4 / 3),
    "logistic, reversed": Case(lambda h: logistic(h, slope=1.0), lambda h: 1 - s(-h), 0.0),
    "clipped_logistic": Case(
        lambda h: clipped_logistic(h, slope=-1 / 3, floor=-1.0),
        lambda h: (-1 / 3 - s(-h)) * (math.log1p(math.exp(-abs(h))) + max(-h, 0) - h / 3 >= -1.0),
        -4 / 3,
    ),
    "hinge": Case(lambda h: hinge(h, width=1.5), lambda h: -1.0 * (h < 1.5), -1.0),
    "squared": Case(squared, lambda h: 2 * (h - 1), None),
    "squared_sigmoid": Case(squared_sigmoid, lambda h: -2 * s(-h) ** 2 * s(h), 0.0),
    "generalised_cross_entropy": Case(generalised_cross_entropy, lambda h: -(s(h) ** 0.7) * s(-h), 0.0),
    "forward_flip": Case(lambda h: forward_flip(h, flip_rate=0.2), lambda h: flip_slope(h, 0.2, 0.2), 0.0),
    "forward_flip, one class": Case(
        lambda h: forward_flip(h, flip_rate=0.3, other_rate=0.0), lambda h: flip_slope(h, 0.3, 0.0), -1.0
    ),
    "rao_kupper": Case(lambda h: rao_kupper(h, wins(h), tie=0.5), lambda h: -s(0.5 - h), -1.0),
    "rao_kupper, tied": Case(lambda h: rao_kupper(h, ties(h), tie=0.5), lambda h: s(h + 0.5) - s(0.5 - h), -1.0),
    "davidson": Case(
        lambda h: davidson(h, wins(h), tie=3.0),
        lambda h: -(davidson_parts(h, 3.0)[2] + davidson_parts(h, 3.0)[1] / 2),
        -1.0,
    ),
    "davidson, tied": Case(
        lambda h: davidson(h, ties(h), tie=3.0),
        lambda h: (davidson_parts(h, 3.0)[0] - davidson_parts(h, 3.0)[2]) / 2,
        -0.5,
    ),
}
each = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def slopes(case: Case, h: torch.Tensor) -> torch.Tensor:
    h = h.clone().requires_grad_()
    return torch.autograd.grad(case.loss(h).sum(), h)[0]


def test_every_loss_of_a_margin_stands_under_these_laws():
    known = {
        e.name
        for e in catalogue.entries()
        if e.room == "loss" and e.parameters[:1] and e.parameters[0].name == "margin"
    }
    assert known == {name.split(",")[0] for name in CASES}


@each
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_finite_far_out(case, kind):
    h = torch.tensor(EXTREME, dtype=kind)
    assert case.loss(h).isfinite().all() and slopes(case, h).isfinite().all()
    assert case.loss(h).dtype == kind


@each
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_slope_when_badly_wrong(case, kind):
    """The convex ones keep it, the squared one's grows, the bounded ones give the record up, as they say."""
    found = slopes(case, torch.tensor(WRONG, dtype=kind)).tolist()
    expected = [2 * (h - 1) for h in WRONG] if case.when_wrong is None else [case.when_wrong] * 2
    assert found == pytest.approx(expected, abs=1e-6)


@each
@given(h=margins)
@lawful
def test_the_derivative_is_the_one_in_the_docstring(case, h):
    assert slopes(case, h).tolist() == pytest.approx([case.derivative(x) for x in h.tolist()], rel=1e-9, abs=1e-12)


@each
@given(h=margins, seed=st.integers(0, 99))
@lawful
def test_one_value_a_record_whatever_the_others_are(case, h, seed):
    whole, order = case.loss(h), torch.randperm(len(h), generator=torch.Generator().manual_seed(seed))
    assert whole.shape == h.shape
    assert torch.equal(case.loss(h[order]), whole[order])
    assert whole[0].item() == pytest.approx(case.loss(h[:1]).item(), rel=1e-12, abs=1e-300)


def test_shuffled_with_slopes_a_record():
    h, slope = torch.linspace(-3, 3, 7), torch.linspace(-1, 1, 7)
    alone = torch.stack([logistic(h[i], slope=slope[i].item()) for i in range(7)])
    torch.testing.assert_close(logistic(h, slope=slope), alone)


@given(h=margins, e=rates)
@lawful
def test_identity_1_every_linear_correction_is_a_slope(h, e):
    """l(-h) = l(h) + h; so smoothing, unflipping, the click's correction and reverse BPR are slopes."""
    close = lambda a, b: torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)  # noqa: E731
    plain, turned, t = logistic(h), logistic(-h), 1 - e
    close(turned, plain + h)
    close(logistic(h, slope=e), (1 - e) * plain + e * turned)
    close(logistic(h, slope=slope_of_unflipping(e)), ((1 - e) * plain - e * turned) / (1 - 2 * e))
    close(logistic(h, slope=slope_of_unflipping(1 - t, 0.0)), plain / t + (1 - 1 / t) * turned)
    close(logistic(h, slope=1.0), turned)


@given(gap=margins)
@lawful
def test_identity_2_one_loss_for_items_rewards_and_log_ratios(gap):
    """-log of Bradley-Terry's exp(a) / (exp(a) + exp(b)), whatever a and b are scores of."""
    a, b = gap / 3 + 1, 1 - 2 * gap / 3
    expected = -(a - torch.logsumexp(torch.stack([a, b]), 0))
    torch.testing.assert_close(logistic(a - b), expected, rtol=1e-9, atol=1e-9)


@given(h=margins, r=rates, q=rates)
@lawful
def test_identity_3_the_mean_over_flips_is_the_clean_loss(h, r, q):
    """Truly this label: kept with 1 - r, seen turned with r (where own and other change places)."""
    kept = logistic(h, slope=slope_of_unflipping(r, q))
    turned = logistic(-h, slope=slope_of_unflipping(q, r))
    torch.testing.assert_close((1 - r) * kept + r * turned, logistic(h), rtol=1e-9, atol=1e-9)


@given(h=st.floats(-30, 30), r=rates, q=rates)
@lawful
def test_identity_4_forward_is_the_likelihood_of_what_was_seen(h, r, q):
    """By brute force over the true label; both labels' probabilities sum to 1; no flips: the plain loss."""
    margin = torch.tensor([h], dtype=torch.float64)
    seen = forward_flip(margin, flip_rate=r, other_rate=q)
    assert seen.item() == pytest.approx(-math.log(s(h) * (1 - r) + s(-h) * q), rel=1e-9, abs=1e-12)
    unseen = forward_flip(-margin, flip_rate=q, other_rate=r)
    assert (torch.exp(-seen) + torch.exp(-unseen)).item() == pytest.approx(1.0, abs=1e-12)
    torch.testing.assert_close(forward_flip(margin, flip_rate=0.0), logistic(margin))


@given(h=st.floats(-600, 600), e=st.floats(0.01, 0.49))
@lawful
def test_forward_is_bounded_where_backward_is_not(h, e):
    """Between -log(1 - e) and -log(e) for every margin; backward falls by e / (1 - 2e) a unit for ever."""
    margin = torch.tensor([h], dtype=torch.float64)
    assert -math.log1p(-e) - 1e-12 <= forward_flip(margin, flip_rate=e).item() <= -math.log(e) + 1e-12
    far = torch.tensor([1e4, 1e4 + 1], dtype=torch.float64)
    fall = logistic(far, slope=slope_of_unflipping(e)).diff().item()
    assert fall == pytest.approx(-e / (1 - 2 * e), rel=1e-6)


@given(h=margins, tie=st.floats(0.01, 30))
@lawful
@pytest.mark.parametrize("loss", [rao_kupper, davidson])
def test_win_tie_and_loss_are_all_there_is(loss, h, tie):
    """Their chances sum to 1, a tie's is the same from both sides, and a tie is likeliest between equals."""
    win, tied, lost = (loss(m, t(h), tie=tie) for m, t in ((h, wins), (h, ties), (-h, wins)))
    torch.testing.assert_close((-win).exp() + (-tied).exp() + (-lost).exp(), torch.ones_like(h), rtol=0, atol=1e-12)
    torch.testing.assert_close(loss(-h, ties(h), tie=tie), tied, rtol=1e-9, atol=1e-12)
    assert (tied >= loss(0 * h, ties(h), tie=tie) - 1e-12).all()


@given(h=margins)
@lawful
@pytest.mark.parametrize("loss", [rao_kupper, davidson])
def test_without_ties_it_is_the_logistic_loss(loss, h):
    torch.testing.assert_close(loss(h, wins(h), tie=0.0), logistic(h), rtol=1e-12, atol=1e-300)
