"""Groups of rewards: worked by hand, by the identities of their families, and with a verifier's planted errors."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.losses.policy import (
    clipped_ratio,
    leave_one_out,
    mean_centred,
    reference_kl,
    sign_weighted,
    standardised,
    standardised_of_corrected,
    verifier_corrected,
    virtual_best,
)

NAN = math.nan
lawful = settings(derandomize=True, deadline=None, max_examples=60)
groups = st.lists(st.lists(st.floats(-9, 9), min_size=4, max_size=4), min_size=1, max_size=5).map(
    lambda r: torch.tensor(r, dtype=torch.float64)
)
verdicts = st.lists(st.booleans(), min_size=2, max_size=12).map(lambda r: torch.tensor([r]))
every = pytest.mark.parametrize("advantages", [mean_centred, leave_one_out, standardised])


def table(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_by_hand():
    """Rewards 1, 2, 6: mean 3, so -2, -1, 3; leave one out 3/2 times that; deviation sqrt(14/3) = 2.160247."""
    rewards = table([1, 2, 6])
    assert mean_centred(rewards).values.tolist() == [[-2, -1, 3]]
    assert leave_one_out(rewards).values.tolist() == [[-3, -1.5, 4.5]]
    assert standardised(rewards).values[0].tolist() == pytest.approx([-0.925820, -0.462910, 1.388730], abs=1e-6)
    assert sign_weighted(table([-2, 0, 3]), positive=0.5, negative=2.0).tolist() == [[-4, 0, 1.5]]


@given(r=verdicts)
@lawful
def test_identity_6_grpo_of_verdicts(r):
    """sqrt((1 - p) / p) where right, -sqrt(p / (1 - p)) where wrong; nothing where all are alike."""
    p = r.double().mean().item()
    found = standardised(r)
    if p in (0, 1):
        assert not found.values.any() and not found.informative.any()
        return
    expected = torch.where(r, math.sqrt((1 - p) / p), -math.sqrt(p / (1 - p)))
    torch.testing.assert_close(found.values, expected, rtol=1e-5, atol=1e-6)
    right = sign_weighted(found.values, positive=1.0, negative=0.0)
    wrong = sign_weighted(found.values, positive=0.0, negative=1.0)
    assert (right[~r] == 0).all() and (wrong[r] == 0).all()
    assert torch.equal(right + wrong, found.values)


@given(r=groups)
@lawful
def test_identity_6_leave_one_out_is_mean_centred_up_to_a_factor(r):
    """4 / 3 here; and it is the reward less the mean of the others, by a loop."""
    one_out, centred = leave_one_out(r), mean_centred(r)
    torch.testing.assert_close(one_out.values, centred.values * 4 / 3)
    for row, found, known in zip(r, one_out.values, one_out.informative, strict=True):
        loop = [(row[i] - (row.sum() - row[i]) / 3).item() for i in range(4)]
        assert found.tolist() == pytest.approx(loop if known else [0] * 4, abs=1e-9)


@pytest.mark.parametrize("size", [1, 2, 8])
def test_identity_6_the_virtual_best_of_an_all_wrong_group(size):
    """-1 / sqrt(G), where GRPO has 0; an all-right group stays at 0, and is told."""
    found = virtual_best(torch.cat([torch.zeros(1, size), torch.ones(1, size)]))
    assert found.values[0].tolist() == pytest.approx([-1 / math.sqrt(size)] * size, rel=1e-6)
    assert not found.values[1].any() and found.informative.tolist() == [True, False]
    assert found.values.shape == found.scored.shape == (2, size)


def test_the_virtual_best_counts_in_every_group():
    """1, 0 with a third of 1: mean 2/3, deviation sqrt(2)/3: 1/sqrt(2) and -sqrt(2)."""
    assert virtual_best(table([1, 0])).values[0].tolist() == pytest.approx([1 / math.sqrt(2), -math.sqrt(2)])
    assert virtual_best(table([0, 0]), best=5.0).values[0].tolist() == pytest.approx([-1 / math.sqrt(2)] * 2)


@every
@given(r=groups, scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
@lawful
def test_what_a_change_of_scale_does(advantages, r, scale, shift):
    """Standardised: nothing, so that constant verifier errors cancel; the others are scaled."""
    clear = r.round(decimals=2)
    plain, changed = advantages(clear), advantages(clear * scale + shift)
    expected = plain.values if advantages is standardised else plain.values * scale
    assert torch.equal(plain.informative, changed.informative)
    torch.testing.assert_close(changed.values, expected, rtol=1e-8, atol=1e-8)
    assert plain.values.sum(1).abs().max() < 1e-9


@every
def test_an_answer_that_was_not_scored_is_left_out_and_never_a_zero(advantages):
    """The others of its group get what they would without it; groups with one or no score are told, and get 0."""
    found = advantages(table([1, NAN, 2, 6], [NAN, NAN, 5, NAN], [NAN, NAN, NAN, NAN]))
    alone = advantages(table([1, 2, 6]))
    torch.testing.assert_close(found.values[0, [0, 2, 3]], alone.values[0])
    assert found.values[0, 1] == 0 and not found.scored[0, 1] and found.scored.sum() == 4
    assert found.informative.tolist() == [True, False, False]
    assert not found.values[1:].any() and found.values.isfinite().all()


@every
def test_a_group_without_variance_gets_nothing_and_is_told(advantages):
    """Also where equal rewards differ by rounding alone: 0.1 + 0.2 and 0.3. One that differs little is kept."""
    found = advantages(table([0.3, 0.1 + 0.2, 0.3], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0 + 1e-9]))
    assert found.informative.tolist() == [False, False, True]
    assert not found.values[:2].any() and found.values[2].all()


def test_standardised_of_tiny_and_huge_rewards():
    """No square vanishes or overflows: 1e-200 and 1e200 in place of 1."""
    for size in (1e-200, 1e200):
        assert standardised(table([0, size])).values[0].tolist() == pytest.approx([-1, 1])


# verifier errors


@given(f0=st.floats(0, 0.49), f1=st.floats(0, 0.49))
@lawful
def test_the_mean_over_the_verifier_s_errors_is_the_true_reward(f0, f1):
    """Right: passes with 1 - f1; wrong: passes with f0. [1, 0] are the corrected verdicts."""
    passed, failed = verifier_corrected(table([1, 0]), false_pass=f0, false_fail=f1)[0].tolist()
    assert (1 - f1) * passed + f1 * failed == pytest.approx(1, abs=1e-9)
    assert f0 * passed + (1 - f0) * failed == pytest.approx(0, abs=1e-9)


def test_verifier_corrected_by_hand():
    """f0 0.1, f1 0.3: (1 - 0.1) / 0.6 = 1.5, (0 - 0.1) / 0.6 = -1/6. By answer: f0 0 leaves (1 / 0.7)."""
    found = verifier_corrected(table([1, 0, NAN]), false_pass=0.1, false_fail=0.3)[0].tolist()
    assert found[:2] == pytest.approx([1.5, -1 / 6]) and math.isnan(found[2])
    by_answer = verifier_corrected(table([1, 1]), false_pass=table([0.1, 0.0]), false_fail=0.3)
    assert by_answer[0].tolist() == pytest.approx([1.5, 1 / 0.7])


def test_constant_rates_cancel_where_rewards_are_standardised_and_are_refused_there():
    """By number, by prompt, or by answer but alike among the scored: nothing would change. By answer: it does."""
    r = table([1, 0, 1, 0], [1, 1, 0, 0])
    by_prompt = torch.tensor([[0.1], [0.3]], dtype=torch.float64)
    corrected = verifier_corrected(r, false_pass=by_prompt, false_fail=0.2)
    torch.testing.assert_close(standardised(corrected).values, standardised(r).values)
    assert not torch.allclose(mean_centred(corrected).values, mean_centred(r).values)
    unscored = table([1, 0, 1, NAN])
    alike = table([0.1, 0.1, 0.1, 0.4])
    for rewards, rate in ((r, 0.1), (r, by_prompt), (r, by_prompt.expand(2, 4)), (unscored, alike)):
        with pytest.raises(StropError) as error:
            standardised_of_corrected(rewards, false_pass=rate, false_fail=0.2)
        assert error.value.code == "S305" and "mean_centred" in error.value.help
    by_answer = table([0.1, 0.1, 0.4, 0.4])
    found = standardised_of_corrected(r, false_pass=by_answer, false_fail=0.2)
    assert not torch.allclose(found.values, standardised(r).values)
    torch.testing.assert_close(
        found.values, standardised(verifier_corrected(r, false_pass=by_answer, false_fail=0.2)).values
    )
    assert standardised_of_corrected(r, false_pass=0.1, false_fail=by_answer).informative.all()


@pytest.mark.parametrize("size", [4, 64])
def test_planted_verifier_errors_that_differ_by_the_kind_of_answer(size):
    """Half the answers are long: the verifier passes 60 % of the wrong long ones, none of the short. True rates 0.3.

    Over 64 000 answers the advantage of long above short, truly 0, is seen as 0.7 * 0.6 = 0.42; mean-centred and corrected
    within 0.03 of 0 in groups of any size. Standardised it is above 0.8 as seen; corrected, within 0.05 in groups of 64,
    but above 0.3 in groups of 4: the deviation goes with the verifier's errors.
    """
    generator = torch.Generator().manual_seed(5)
    draw = lambda: torch.rand(64_000 // size, size, generator=generator, dtype=torch.float64)  # noqa: E731
    long = (torch.arange(size) % 2 == 0).expand(64_000 // size, size)
    rate = torch.where(long, 0.6, 0.0).double()
    seen = (draw() < 0.3) | (draw() < rate)
    gap = lambda a: (a.values[long].mean() - a.values[~long].mean()).item()  # noqa: E731
    corrected = verifier_corrected(seen, false_pass=rate, false_fail=0.0)
    assert gap(mean_centred(seen)) == pytest.approx(0.42, abs=0.03)
    assert gap(mean_centred(corrected)) == pytest.approx(0, abs=0.03)
    assert gap(standardised(seen)) > 0.8
    left = gap(standardised_of_corrected(seen, false_pass=rate, false_fail=0.0))
    assert abs(left) < 0.05 if size == 64 else left > 0.3


# steps


def test_clipped_ratio_by_hand():
    """low 0.2, high 0.3. Ratio 2: A = 1 is held at 1.3, A = -1 is not (-(-2) = 2). Ratio 1/2: 0.5 and held at 0.8."""
    old = torch.zeros(4)
    new = torch.tensor([2.0, 2.0, 0.5, 0.5]).log().requires_grad_()
    advantage = torch.tensor([1.0, -1.0, 1.0, -1.0])
    loss = clipped_ratio(new, old, advantage, low=0.2, high=0.3)
    assert loss.tolist() == pytest.approx([-1.3, 2.0, -0.5, 0.8])
    assert torch.autograd.grad(loss.sum(), new)[0].tolist() == pytest.approx([0, 2.0, -0.5, 0])


@given(x=st.lists(st.floats(-60, 60), min_size=1, max_size=9), a=st.floats(-3, 3))
@lawful
def test_clipped_ratio_is_finite_and_on_policy_it_is_the_policy_gradient(x, a):
    new = torch.tensor(x, dtype=torch.float32, requires_grad=True)
    advantage = torch.full_like(new.detach(), a)
    far = clipped_ratio(new, -new, advantage)
    assert torch.isfinite(clipped_ratio(new, torch.zeros_like(new), advantage)).all()
    assert far.shape == new.shape
    (found,) = torch.autograd.grad(clipped_ratio(new, new, advantage).sum(), new)
    torch.testing.assert_close(found, -advantage)


def test_reference_kl_is_unbiased_and_its_gradient_is_that_of_the_other_kl():
    """Over all 4 tokens, weighed by the policy: the mean is KL(policy || reference); the mean of the gradients
    is the gradient of KL(reference || policy)."""
    logits = torch.tensor([0.3, -1.0, 2.0, 0.5], dtype=torch.float64, requires_grad=True)
    reference = torch.tensor([1.0, 0.0, 0.5, -0.7], dtype=torch.float64).log_softmax(0)
    policy = logits.log_softmax(0)
    values = reference_kl(policy, reference)
    p = policy.exp().detach()
    assert (values >= 0).all() and (reference_kl(policy, policy) == 0).all()
    assert (p * values).sum().item() == pytest.approx((p * (policy - reference)).sum().item())
    (found,) = torch.autograd.grad((p * values).sum(), logits, retain_graph=True)
    (expected,) = torch.autograd.grad((reference.exp() * (reference - policy)).sum(), logits)
    torch.testing.assert_close(found, expected)


def test_reference_kl_near_0():
    """d**2 / 2: at 1e-8 that is 5e-17, which exp(d) - d - 1 would round to 0."""
    one = torch.tensor([0.0], dtype=torch.float64)
    assert reference_kl(one, one + 1e-8).item() == pytest.approx(5e-17, rel=1e-6, abs=0)


R = table([1, 0])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: standardised(table([1], [0])), "S301"),
        (lambda: leave_one_out(table([1])), "S301"),
        (lambda: mean_centred(table([1])), "S301"),
        (lambda: standardised(R[0]), "S214"),
        (lambda: virtual_best(R[0]), "S214"),
        (lambda: mean_centred(table([1, math.inf])), "S211"),
        (lambda: virtual_best(table([1, 2])), "S211"),
        (lambda: virtual_best(R, best=NAN), "S301"),
        (lambda: sign_weighted(R, positive=-1.0, negative=1.0), "S301"),
        (lambda: sign_weighted(R, positive=0.0, negative=0.0), "S301"),
        (lambda: verifier_corrected(R, false_pass=0.5, false_fail=0.5), "S301"),
        (lambda: verifier_corrected(R, false_pass=-0.1, false_fail=0.0), "S301"),
        (lambda: verifier_corrected(R, false_pass=torch.tensor([0.1, 0.9]), false_fail=0.3), "S301"),
        (lambda: clipped_ratio(R, R, R, low=1.2), "S301"),
        (lambda: clipped_ratio(R, R, R, high=-0.1), "S301"),
    ],
)
def test_what_is_refused(call, code):
    with pytest.raises(StropError) as error:
        call()
    assert error.value.code == code and error.value.help
