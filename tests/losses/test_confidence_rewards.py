"""Rewards for stated confidence: the order within a batch, and proper scores."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.losses.confidence import order_preserving_reward, proper_score_reward


def pairs_loop(confidence, quality):
    """By another road: the double loop over pairs."""
    return [
        sum((c - d) * (q - p) for d, p in zip(confidence, quality, strict=True))
        for c, q in zip(confidence, quality, strict=True)
    ]


BATCHES = st.lists(st.tuples(st.integers(0, 10), st.floats(-5, 5)), min_size=2, max_size=12)


def columns(rows):
    return (torch.tensor(column, dtype=torch.float64) for column in ([c / 10 for c, _ in rows], [q for _, q in rows]))


def test_by_hand():
    """c = .9, .1, .5; q = 1, 0, 0: the first: .8 * 1 + .4 * 1 = 1.2; the second: .8 * 1 + 0 = .8; the third: .4 * 1 = .4."""
    c, q = torch.tensor([0.9, 0.1, 0.5]), torch.tensor([1.0, 0.0, 0.0])
    found = order_preserving_reward(c, q, reduce="sum", standardise=False)
    assert torch.allclose(found, torch.tensor([1.2, 0.8, 0.4]))


@settings(derandomize=True, max_examples=80)
@given(BATCHES)
def test_the_closed_form_is_the_double_loop(rows):
    c, q = columns(rows)
    found = order_preserving_reward(c, q, reduce="sum", standardise=False)
    assert torch.allclose(found, torch.tensor(pairs_loop(c.tolist(), q.tolist()), dtype=torch.float64), atol=1e-9)


@settings(derandomize=True, max_examples=60)
@given(BATCHES, st.floats(-3, 3), st.booleans())
def test_laws(rows, shift, standardise):
    """Translation of quality changes nothing; reversed quality, or reversed confidence, turns the sign; sum = B x mean."""
    c, q = columns(rows)

    def reward(c, q, reduce="mean"):
        return order_preserving_reward(c, q, reduce=reduce, standardise=standardise)

    known = reward(c, q)
    spread = float(q.max() - q.min())
    if not standardise or spread > 1e-6:
        assert torch.allclose(reward(c, q + shift), known, atol=1e-6)
    assert torch.allclose(reward(c, -q), -known, atol=1e-9)
    assert torch.allclose(reward(1 - c, q), -known, atol=1e-9)
    assert torch.allclose(reward(c, q, "sum"), len(c) * known, atol=1e-9)
    order = torch.arange(len(c)).flip(0)
    assert torch.allclose(reward(c[order], q[order]), known[order], atol=1e-9)


def test_standardised_quality_has_no_scale():
    c, q = torch.tensor([0.1, 0.8, 0.4, 0.9]).double(), torch.tensor([0.0, 1.0, 0.0, 1.0]).double()
    assert torch.allclose(order_preserving_reward(c, 7 * q - 2), order_preserving_reward(c, q))
    plain = [order_preserving_reward(c, scale * q, standardise=False) for scale in (1, 7)]
    assert torch.allclose(plain[1], 7 * plain[0])


def test_its_slope_in_a_confidence_is_the_batch_s_mean_against_its_quality():
    """Not a proper score: d(sum form)/dc_i = B (q_i - mean q), whatever c_i is, so the best c is 0 or 1."""
    q = torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0]).double()

    def first(c):
        values = torch.tensor([c, 0.2, 0.9, 0.4, 0.3]).double()
        return float(order_preserving_reward(values, q, reduce="sum", standardise=False)[0])

    slopes = [(first(c + 0.1) - first(c)) / 0.1 for c in (0.0, 0.5, 0.9)]
    assert slopes == pytest.approx([5 * (1 - 0.6)] * 3)


def test_equal_qualities_give_nothing_and_no_nan():
    for value in (0.0, 1.0, 0.1, 1e6 / 3):
        found = order_preserving_reward(torch.tensor([0.1, 0.5, 0.9]), torch.full((3,), value))
        assert found.tolist() == [0, 0, 0]
    assert order_preserving_reward(torch.full((4,), 0.9), torch.arange(4.0)).abs().max() < 1e-6  # equal confidences


def test_micro_batches_gathered_equal_one_batch_and_apart_they_do_not():
    rng = np.random.default_rng(0)
    c, q = torch.from_numpy(rng.random(32)), torch.from_numpy(rng.normal(size=32))
    whole = order_preserving_reward(c, q)
    gathered = order_preserving_reward(torch.cat(c.split(8)), torch.cat(q.split(8)))
    apart = torch.cat([order_preserving_reward(*part) for part in zip(c.split(8), q.split(8), strict=True)])
    assert torch.equal(gathered, whole) and not torch.allclose(apart, whole)
    groups = torch.arange(32) // 8
    assert torch.allclose(order_preserving_reward(c, q, groups), apart)


def test_what_was_not_stated_takes_no_part():
    c, q = torch.tensor([0.9, math.nan, 0.1, 0.5]), torch.tensor([1.0, 5.0, 0.0, 0.0])
    found = order_preserving_reward(c, q, reduce="sum", standardise=False)
    assert math.isnan(found[1]) and torch.allclose(found[[0, 2, 3]], torch.tensor([1.2, 0.8, 0.4]))
    assert math.isnan(proper_score_reward(c, torch.tensor([1.0, 1.0, 0.0, 0.0]))[1])


@pytest.mark.parametrize("confidence", [[0.5], [0.5, math.nan, math.nan], []])
def test_a_batch_of_one_is_refused(confidence):
    with pytest.raises(StropError, match="stated confidence") as error:
        order_preserving_reward(torch.tensor(confidence), torch.ones(len(confidence)))
    assert error.value.code == "S209" and "batch of one" in error.value.help


def test_a_group_of_one_is_refused():
    with pytest.raises(StropError, match="in a group"):
        order_preserving_reward(torch.rand(3), torch.rand(3), torch.tensor([0, 0, 1]))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("reward", [order_preserving_reward, proper_score_reward])
def test_a_quality_that_is_no_number_is_refused_with_its_row(bad, reward):
    with pytest.raises(StropError) as error:
        reward(torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1.0, 0.0, bad]))
    assert (error.value.code, error.value.row) == ("S211", 3)


def test_a_confidence_out_of_range_is_refused_with_its_row():
    with pytest.raises(StropError) as error:
        order_preserving_reward(torch.tensor([0.1, 95.0]), torch.tensor([1.0, 0.0]))
    assert (error.value.code, error.value.row) == ("S211", 2)


def test_shapes_that_differ_are_refused():
    for columns in ((torch.rand(2), torch.rand(3)), (torch.rand(2, 2), torch.rand(2, 2))):
        with pytest.raises(StropError) as error:
            order_preserving_reward(*columns)
        assert error.value.code == "S214"


def test_proper_scores_by_hand():
    """brier: -(.8 - 1)^2 = -.04, -(.8 - 0)^2 = -.64; log: log .8, log .2, and 0 and 1 as .01 and .99."""
    c, r = torch.tensor([0.8, 0.8, 0.0, 1.0]).double(), torch.tensor([1.0, 0.0, 1.0, 1.0]).double()
    assert proper_score_reward(c, r).tolist() == pytest.approx([-0.04, -0.64, -1, 0])
    expected = [math.log(0.8), math.log(0.2), math.log(0.01), math.log(0.99)]
    assert proper_score_reward(c, r, kind="log").tolist() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["brier", "log"])
@pytest.mark.parametrize("chance", [0.1, 0.3, 0.6, 0.9])
def test_a_proper_score_is_highest_at_the_chance_of_being_right_and_the_order_reward_at_its_end(kind, chance):
    """By law: the mean over right and wrong of each reward, on the eleven levels."""
    levels = torch.arange(11).double() / 10
    one = torch.ones(11).double()
    mean = chance * proper_score_reward(levels, one, kind=kind)
    mean = mean + (1 - chance) * proper_score_reward(levels, 0 * one, kind=kind)
    assert float(levels[mean.argmax()]) == pytest.approx(chance)


def test_verdicts_alone_have_a_proper_score():
    with pytest.raises(StropError) as error:
        proper_score_reward(torch.tensor([0.1, 0.2]), torch.tensor([1.0, 0.4]))
    assert (error.value.code, error.value.row) == ("S211", 2)
