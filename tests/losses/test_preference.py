"""Objectives for preference pairs that may be wrong: what each row of their table promises, one test a promise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from strop.errors import StropError
from strop.losses.denoising import distributionally_robust, trimmed
from strop.losses.pairwise import generalised_cross_entropy, hinge, logistic, slope_of_unflipping
from strop.losses.preference import davidson, hardened, log_confidence, rao_kupper
from strop.training import weighted_mean

H = torch.tensor([-3.0, -0.5, 0.0, 1.5, 8.0], dtype=torch.float64)
YES, NO = torch.ones(5, dtype=torch.bool), torch.zeros(5, dtype=torch.bool)
margins = st.lists(st.floats(-50, 50), min_size=2, max_size=30).map(lambda h: torch.tensor(h, dtype=torch.float64))
lawful = settings(derandomize=True, deadline=None, max_examples=60)


def slopes(loss, h):
    h = h.clone().requires_grad_()
    return torch.autograd.grad(loss(h), h)[0]


# DPO, cDPO, rDPO and a rate a pair


@given(h=margins, e=st.floats(0, 0.45))
@lawful
def test_rdpo_mean_over_flips_is_the_clean_loss(h, e):
    unflipped = lambda m: logistic(m, slope=slope_of_unflipping(e))  # noqa: E731
    torch.testing.assert_close((1 - e) * unflipped(h) + e * unflipped(-h), logistic(h), rtol=1e-9, atol=1e-9)


@given(h=margins, e=st.floats(0, 0.45))
@lawful
def test_rdpo_weight_of_the_gradient(h, e):
    """-[(1 - e) s(-h) + e s(h)] / (1 - 2e)."""
    found = slopes(lambda m: logistic(m, slope=slope_of_unflipping(e)).sum(), h)
    torch.testing.assert_close(found, -((1 - e) * torch.sigmoid(-h) + e * torch.sigmoid(h)) / (1 - 2 * e))


@pytest.mark.parametrize("e", [0.05, 0.2, 0.4])
def test_cdpo_is_best_where_the_model_agrees_as_often_as_labels_are_right(e):
    one = lambda h: torch.tensor([h], dtype=torch.float64)  # noqa: E731
    best = minimize_scalar(lambda h: logistic(one(h), slope=e).item(), bounds=(-20, 20), method="bounded").x
    assert 1 / (1 + math.exp(-best)) == pytest.approx(1 - e, abs=1e-5)


@pytest.mark.parametrize("slope", [lambda e: e, slope_of_unflipping], ids=["cDPO", "rDPO"])
def test_a_rate_a_pair_is_the_constant_one_where_it_is_constant(slope):
    assert torch.equal(logistic(H, slope=slope(torch.full_like(H, 0.2))), logistic(H, slope=slope(0.2)))
    alone = [logistic(H[i], slope=slope(r)).item() for i, r in enumerate((0.0, 0.1, 0.2, 0.3, 0.4))]
    rates = torch.tensor([0.0, 0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    assert logistic(H, slope=slope(rates)).tolist() == pytest.approx(alone)


def test_graded_labels_ask_for_a_margin():
    """l(h - m): m = 0 is DPO; at h = m it is log 2."""
    assert torch.equal(logistic(H - 0), logistic(H))
    assert logistic(H - H).tolist() == pytest.approx([math.log(2)] * 5)


# hinge and generalised cross-entropy


def test_the_hinge_asks_nothing_beyond_its_width():
    assert slopes(lambda m: hinge(m).sum(), H).tolist() == [-1, -1, -1, 0, 0]


@given(h=margins, e=st.floats(0, 0.45))
@lawful
def test_the_bounded_loss_keeps_its_best_model_under_flips(h, e):
    """At q = 1: l(h) + l(-h) = 1, so the mean over flips is (1 - 2e) l(h) + e, which orders models as l does."""
    bounded = lambda m: generalised_cross_entropy(m, q=1.0)  # noqa: E731
    torch.testing.assert_close((1 - e) * bounded(h) + e * bounded(-h), (1 - 2 * e) * bounded(h) + e)


# Dr. DPO


def scalar(losses, b, record=None):
    """-b log mean exp(-l / b), or with record weights v: -b log(sum v exp(-l / b) / sum v)."""
    v = torch.ones_like(losses) if record is None else record
    return -b * (torch.logsumexp(v.log() - losses / b, 0) - v.sum().log())


def test_dr_dpo_by_hand():
    """Losses 0 and log 3 at b = 1: exp(-l) is 1 and 1/3, so the weights are 2 * 3/4 and 2 * 1/4."""
    assert distributionally_robust(torch.tensor([0.0, math.log(3)]), temperature=1.0).tolist() == pytest.approx(
        [1.5, 0.5]
    )


@given(h=margins, b=st.floats(0.05, 50), seed=st.integers(0, 99))
@lawful
def test_dr_dpo_has_the_gradient_of_its_scalar(h, b, seed):
    """Also with record weights, which multiply."""
    v = torch.rand(len(h), generator=torch.Generator().manual_seed(seed), dtype=h.dtype) + 0.1

    def ours(m):
        losses = logistic(m)
        return weighted_mean(losses, v * distributionally_robust(losses, temperature=b))

    expected = slopes(lambda m: scalar(logistic(m), b, v), h)
    torch.testing.assert_close(slopes(ours, h), expected, rtol=1e-8, atol=1e-12)


def test_dr_dpo_is_the_mean_at_infinity_and_drops_the_worst_near_0():
    losses = logistic(H)
    assert (distributionally_robust(losses, temperature=math.inf) == 1).all()
    torch.testing.assert_close(
        distributionally_robust(losses, temperature=1e7), torch.ones(5, dtype=losses.dtype), rtol=0, atol=1e-6
    )
    assert distributionally_robust(losses, temperature=1e-3).tolist() == pytest.approx([0, 0, 0, 0, 5])


@given(h=margins, b=st.floats(0.1, 10))
@lawful
def test_dr_dpo_is_the_least_over_mixtures(h, b):
    """mean of p's losses + b KL(p, even) is the scalar at these weights, and no smaller at the even ones."""
    losses = logistic(h)
    p = distributionally_robust(losses, temperature=b) / len(h)
    kl = torch.special.xlogy(p, p * len(h)).sum()
    assert ((p * losses).sum() + b * kl).item() == pytest.approx(scalar(losses, b).item(), rel=1e-9, abs=1e-9)
    assert scalar(losses, b) <= losses.mean() + 1e-9


# trimmed


def test_trimmed_by_hand():
    """Ten losses, a share of 0.2: the 9 and the 8 go. Of equal losses the last go. 0.29 of 100 is 29, not 28."""
    losses = torch.tensor([9.0, 1, 8, 5, 2, 1, 1, 1, 4, 0])
    assert trimmed(losses, drop=0.2).tolist() == [0, 1, 0, 1, 1, 1, 1, 1, 1, 1]
    assert trimmed(torch.ones(4), drop=0.5).tolist() == [1, 1, 0, 0]
    assert trimmed(torch.rand(100), drop=0.29).sum() == 71
    assert trimmed(torch.ones(3), drop=0.999).tolist() == [1, 0, 0]
    assert trimmed(torch.ones(3), drop=0.0).tolist() == [1, 1, 1]


@given(h=margins, drop=st.floats(0, 0.99), seed=st.integers(0, 99))
@lawful
def test_trimmed_is_the_mean_of_the_lowest(h, drop, seed):
    """By sorting; whatever the order of the records."""
    losses = logistic(h)
    kept = len(h) - min(math.floor(drop * len(h) + 1e-9), len(h) - 1)
    expected = losses.sort().values[:kept].mean().item()
    order = torch.randperm(len(h), generator=torch.Generator().manual_seed(seed))
    for found in (losses, losses[order]):
        assert weighted_mean(found, trimmed(found, drop=drop)).item() == pytest.approx(expected, rel=1e-9)


@given(h=st.lists(st.floats(-5, 5), min_size=10, max_size=10), bad=st.floats(1e3, 1e8))
@lawful
def test_trimmed_breaks_down_at_its_share_and_not_before(h, bad):
    """Three of ten as wrong as can be: the mean stays below the right ones' largest loss. With a fourth it does not."""
    losses = logistic(torch.tensor(h, dtype=torch.float64))
    for wrong in (3, 4):
        seen = losses.clone()
        seen[:wrong] = bad
        mean = weighted_mean(seen, trimmed(seen, drop=0.3)).item()
        assert (mean <= losses[wrong:].max().item() + 1e-12) == (wrong == 3)


# ties


def test_ties_by_hand():
    """Rao-Kupper, h = log 3, theta = 2: win 3 / (3 + 2) = 0.6, loss 1 / (1 + 6) = 1/7, tie the rest: 9/35.

    Davidson, h = log 4, tie 1.5: 2, 1/2 and 1.5 of 4: win 0.5, loss 0.125, tie 0.375.
    """
    one, tie, no = torch.tensor([math.log(3.0)]), torch.tensor([True]), torch.tensor([False])
    assert rao_kupper(one, no, tie=math.log(2)).item() == pytest.approx(-math.log(0.6), abs=1e-6)
    assert rao_kupper(-one, no, tie=math.log(2)).item() == pytest.approx(-math.log(1 / 7), abs=1e-6)
    assert rao_kupper(one, tie, tie=math.log(2)).item() == pytest.approx(-math.log(9 / 35), abs=1e-6)
    two = torch.tensor([math.log(4.0)])
    assert davidson(two, no, tie=1.5).item() == pytest.approx(-math.log(0.5), abs=1e-6)
    assert davidson(-two, no, tie=1.5).item() == pytest.approx(-math.log(0.125), abs=1e-6)
    assert davidson(two, tie, tie=1.5).item() == pytest.approx(-math.log(0.375), abs=1e-6)


@pytest.mark.parametrize("loss", [rao_kupper, davidson])
def test_the_tie_parameter_is_found_again(loss):
    """20 000 comparisons planted with tie 0.8 and margins of deviation 1.5: learned within 0.05, from 0.3."""
    generator = np.random.default_rng(4)
    h = torch.from_numpy(generator.normal(0, 1.5, 20_000))
    tied, won = torch.ones(len(h), dtype=torch.bool), torch.zeros(len(h), dtype=torch.bool)
    chance = torch.stack([torch.exp(-loss(m, t, tie=0.8)) for m, t in ((h, won), (h, tied))]).cumsum(0).numpy()
    drawn = (generator.random(len(h)) > chance).sum(0)  # 0 won, 1 tied, 2 lost
    toward = torch.where(torch.from_numpy(drawn == 2), -h, h)
    log_tie = torch.tensor(math.log(0.3), dtype=h.dtype, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_tie], max_iter=30)

    def closure():
        optimiser.zero_grad()
        mean = loss(toward, torch.from_numpy(drawn == 1), tie=log_tie.exp()).mean()
        mean.backward()
        return mean

    optimiser.step(closure)
    assert log_tie.exp().item() == pytest.approx(0.8, abs=0.05)


# log-confidence


def test_log_confidence_by_hand():
    """Weak labels 0.9, 0.6, 0.2, 0.3 add up to 2: the two highest logits are hardened to 1, the third and the first.

    c = 0.5: the targets are 0.95, 0.3, 0.6, 0.15. At logit 2: log(1 + e^2) - 0.95 * 2 = 0.226928.
    """
    logits = torch.tensor([2.0, -1.0, 0.5, 0.0], dtype=torch.float64)
    weak = torch.tensor([0.9, 0.6, 0.2, 0.3], dtype=torch.float64)
    assert hardened(logits, weak).tolist() == [1, 0, 1, 0]
    losses = log_confidence(logits, weak, confidence=0.5)
    assert losses[0].item() == pytest.approx(0.226928, abs=1e-6)
    targets = torch.tensor([0.95, 0.3, 0.6, 0.15], dtype=torch.float64)
    torch.testing.assert_close(
        losses, torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    )
    assert hardened(torch.zeros(4), weak).tolist() == [1, 1, 0, 0]  # of equal ones the first


@given(pairs=st.lists(st.tuples(st.floats(-30, 30), st.floats(0, 1)), min_size=1, max_size=30), c=st.floats(0, 1))
@lawful
def test_log_confidence_keeps_the_balance_and_its_gradient(pairs, c):
    """As many yes as the weak labels add up to; c = 0 is the plain cross-entropy; the derivative is s - target."""
    logits, weak = (torch.tensor(column, dtype=torch.float64) for column in zip(*pairs, strict=True))
    own = hardened(logits, weak)
    assert own.sum().item() == round(weak.sum().item())
    assert not own.any() or own.all() or logits[own == 1].min() >= logits[own == 0].max()
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, weak, reduction="none")
    torch.testing.assert_close(log_confidence(logits, weak, confidence=0.0), plain, rtol=1e-9, atol=1e-9)
    found = slopes(lambda m: log_confidence(m, weak, confidence=c).sum(), logits)
    torch.testing.assert_close(found, torch.sigmoid(logits) - (1 - c) * weak - c * own, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: trimmed(H, drop=1.0), "S301"),
        (lambda: trimmed(H, drop=-0.1), "S301"),
        (lambda: trimmed(H, drop=math.nan), "S301"),
        (lambda: distributionally_robust(H, temperature=0.0), "S301"),
        (lambda: distributionally_robust(H, temperature=math.nan), "S301"),
        (lambda: rao_kupper(H, NO, tie=-0.1), "S301"),
        (lambda: rao_kupper(H, YES, tie=0.0), "S301"),
        (lambda: rao_kupper(H, YES[:2], tie=1.0), "S214"),
        (lambda: davidson(H, NO, tie=math.inf), "S301"),
        (lambda: davidson(H, YES, tie=torch.tensor(0.0)), "S301"),
        (lambda: log_confidence(H, H.sigmoid(), confidence=1.1), "S301"),
        (lambda: log_confidence(H, H, confidence=0.5), "S211"),
        (lambda: hardened(H, H[:2].sigmoid()), "S214"),
    ],
)
def test_what_is_refused(call, code):
    with pytest.raises(StropError) as error:
        call()
    assert error.value.code == code and error.value.help
