"""Losses of single labels and of clicks that exposure hides: by hand, by law, by enumeration."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.losses.pairwise import logistic, slope_of_unflipping
from strop.losses.pointwise import exposed, squared_sigmoid


def test_by_hand():
    """Score 0: d1 = d0 = 1/4. Score log 3: s = 3/4, d1 = 1/16, d0 = 9/16; a click with t = 1/2 weighs 2 and -1: -7/16."""
    score = torch.tensor([0.0, 3.0, 3.0, 3.0]).double()
    score[1:] = score[1:].log()
    d1, d0 = squared_sigmoid(score), squared_sigmoid(-score)
    assert d1.tolist() == pytest.approx([1 / 4, 1 / 16, 1 / 16, 1 / 16])
    clicked, propensity = torch.tensor([0.0, 1, 0, 1]), torch.tensor([0.0, 0.5, 0.5, 1.0])
    assert exposed(d1, d0, clicked, propensity).tolist() == pytest.approx([1 / 4, -7 / 16, 9 / 16, 1 / 16])
    clipped = exposed(d1, d0, clicked, propensity, clip=0.8)  # 1 / 0.8 = 5/4: (5 - 9 * 1) / 64
    assert clipped[1].item() == pytest.approx(5 / 64 - 9 / 64)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.floats(-20, 20), st.floats(0.05, 1))
def test_a_click_in_log_loss_is_the_linear_correction_of_its_flips(score, propensity):
    """(1/t) l(s) + (1 - 1/t) l(-s) = l(s) - (1 - t)/t s: the slope that undoes a flip rate of 1 - t."""
    s, t = torch.tensor([score]).double(), torch.tensor([propensity]).double()
    ours = exposed(logistic(s), logistic(-s), torch.ones(1).double(), t)
    slope = float(slope_of_unflipping(1 - t[0].item(), 0.0))
    assert ours.item() == pytest.approx(logistic(s, slope=slope).item(), rel=1e-9, abs=1e-9)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0.01, 1))
def test_clip_1_and_propensity_1_take_clicks_for_likes(scores, propensity):
    d1, d0 = squared_sigmoid(torch.tensor(scores)), squared_sigmoid(-torch.tensor(scores))
    clicked = torch.tensor([1.0, 0.0, 1.0])
    naive = torch.where(clicked > 0, d1, d0)
    assert torch.equal(exposed(d1, d0, clicked, torch.full((3,), propensity), clip=1.0), naive)
    assert torch.equal(exposed(d1, d0, clicked, torch.ones(3)), naive)


def moments(clip, d1, d0, like, shown):
    """Mean and variance of the estimator over all draws of what is shown and what is liked."""
    mean = square = 0.0
    for draw in product((0.0, 1.0), repeat=2 * like.numel()):
        o, r = torch.tensor(draw).double().view(2, *like.shape)
        chance = ((shown * o + (1 - shown) * (1 - o)) * (like * r + (1 - like) * (1 - r))).prod().item()
        value = exposed(d1, d0, o * r, shown, clip=clip).mean().item()
        mean, square = mean + chance * value, square + chance * value**2
    return mean, square - mean**2


@pytest.mark.parametrize("loss", [squared_sigmoid, logistic])
def test_unbiased_by_enumeration_and_the_clip_s_bias_is_the_computed_one(loss):
    """2 x 2 pairs, 256 draws. Off by mean((t / M - 1) g (d1 - d0)) over the pairs below M; the variance falls with M."""
    generator = torch.Generator().manual_seed(3)
    like, shown = (torch.rand(2, 2, generator=generator).double() * 0.8 + 0.1 for _ in range(2))
    score = torch.randn(2, 2, generator=generator).double()
    d1, d0 = loss(score), loss(-score)
    ideal = (like * d1 + (1 - like) * d0).mean().item()
    mean, variance = moments(0.0, d1, d0, like, shown)
    assert mean == pytest.approx(ideal, abs=1e-9)
    for clip in (0.5, 0.7, 1.0):
        off = ((shown / shown.clamp(min=clip) - 1) * like * (d1 - d0)).mean().item()
        found, less = moments(clip, d1, d0, like, shown)
        assert found == pytest.approx(ideal + off, abs=1e-9) and abs(off) > 1e-4
        assert less < variance
        variance = less


@pytest.mark.parametrize(
    ("propensity", "clip", "code"),
    [
        ([0.0, 1.0], 0.0, "S211"),
        ([1.2, 1.0], 0.0, "S211"),
        ([-0.1, 1.0], 0.5, "S211"),
        ([float("nan"), 1.0], 0.5, "S211"),
    ]
    + [([0.5, 1.0], clip, "S301") for clip in (-0.1, 1.1, float("nan"))],
)
def test_what_makes_no_sense_is_refused(propensity, clip, code):
    d = torch.ones(2)
    with pytest.raises(StropError) as error:
        exposed(d, d, torch.tensor([1.0, 0.0]), torch.tensor(propensity), clip=clip)
    assert error.value.code == code


def test_what_is_never_shown_is_harmless_without_a_click_or_with_a_clip():
    d1, d0 = torch.full((2,), 3.0), torch.full((2,), 5.0)
    assert exposed(d1, d0, torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])).tolist() == [5, 3]
    assert exposed(d1, d0, torch.tensor([1.0, 1.0]), torch.tensor([0.0, 1.0]), clip=0.5).tolist() == [2 * 3 - 5, 3]
