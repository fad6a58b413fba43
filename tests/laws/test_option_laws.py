"""Every option of every loss changes its value, and a value that it cannot have is refused: none is kept and ignored."""

import importlib
import inspect
import math

import pytest
import torch

from strop import catalogue
from strop.errors import StropError

H = torch.tensor([-2.0, -0.3, 0.4, 1.7], dtype=torch.float64)
LOSSES = torch.tensor([0.2, 2.0, 0.9, 0.4], dtype=torch.float64)
YES, MIXED = torch.ones(4, dtype=torch.bool), torch.tensor([True, False, True, False])
COUNTS = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
REWARDS = torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
RATES = torch.tensor([[0.1, 0.1, 0.3, 0.3]], dtype=torch.float64)
VIEW = torch.eye(4, 3, dtype=torch.float64) + 0.1

# loss -> its data, and for each option two values that must differ and one that must be refused (None: all are allowed)
OPTIONS = {
    "logistic": ((H,), {"slope": (0.0, 0.2, None)}),
    "clipped_logistic": ((H,), {"slope": (-1.0, -2.0, None), "floor": (0.0, -0.5, 0.5)}),
    "slope_of_unflipping": ((0.1,), {}),
    "hinge": ((H,), {"width": (1.0, 2.0, 0.0)}),
    "squared": ((H,), {"target": (1.0, 2.0, 0.0)}),
    "generalised_cross_entropy": ((H,), {"q": (0.7, 1.0, 1.1)}),
    "forward_flip": ((H,), {"flip_rate": (0.1, 0.2, 1.1), "other_rate": (None, 0.3, -0.1)}),
    "squared_sigmoid": ((H,), {}),
    "exposed": ((LOSSES, H, MIXED.double(), COUNTS / 5), {"clip": (0.0, 0.5, 1.1)}),
    "info_nce": ((VIEW, VIEW.flip(0)), {"temperature": (0.2, 0.5, 0.0)}),
    "interaction_spread": ((COUNTS, COUNTS.flip(0)), {"gamma": (1.0, 1.5, 2.5)}),
    "squared_correlation": ((H, COUNTS), {}),
    "truncated": ((LOSSES, YES), {"drop": (0.0, 0.5, 1.0)}),
    "reweighted": ((H, MIXED), {"exponent": (0.0, 0.5, -1.0)}),
    "trimmed": ((LOSSES,), {"drop": (0.0, 0.5, 1.0)}),
    "distributionally_robust": ((LOSSES,), {"temperature": (1.0, 2.0, 0.0)}),
    "rao_kupper": ((H, MIXED), {"tie": (0.5, 1.0, 0.0)}),
    "davidson": ((H, MIXED), {"tie": (0.5, 1.0, 0.0)}),
    "hardened": ((H, COUNTS / 5), {}),
    "log_confidence": ((H, COUNTS / 5), {"confidence": (0.0, 0.5, 1.1)}),
    "log_ratio_margin": ((H, -H), {"beta": (0.1, 0.2, 0.0)}),
    "per_token_margin": ((H, -H, COUNTS, COUNTS), {"beta": (0.1, 0.2, 0.0)}),
    "positive_margin": ((H, -H), {"beta": (0.1, 0.2, 0.0), "penalty": (0.0, 5.0, -1.0)}),
    "unpaired_margin": ((H, MIXED), {"beta": (0.1, 0.2, 0.0), "anchor": (0.0, 1.0, None)}),
    "mean_centred": ((REWARDS,), {}),
    "leave_one_out": ((REWARDS,), {}),
    "standardised": ((REWARDS,), {}),
    "virtual_best": ((REWARDS,), {"best": (1.0, 2.0, math.nan)}),
    "sign_weighted": ((H,), {"positive": (1.0, 0.1, -1.0), "negative": (1.0, 2.0, -1.0)}),
    "verifier_corrected": ((REWARDS,), {"false_pass": (0.1, 0.2, 1.1), "false_fail": (0.1, 0.2, -0.1)}),
    "standardised_of_corrected": (
        (REWARDS,),
        {"false_pass": (RATES, RATES.flip(1), 1.1), "false_fail": (RATES, RATES.flip(1), RATES * 10)},
    ),
    "clipped_ratio": ((H, 0 * H, H - 1), {"low": (0.2, 0.1, 1.1), "high": (0.2, 0.3, -0.1)}),
    "reference_kl": ((H, -H), {}),
    "order_preserving_reward": (
        (COUNTS / 5, COUNTS.flip(0)),
        {"reduce": ("mean", "sum", "median"), "standardise": (True, False, None)},
    ),
    "dual_reward": ((COUNTS / 5, MIXED.double()), {"reward": ("order", "brier", "linear"), "alpha": (10.0, 1.0, -1.0)}),
    "proper_score_reward": ((COUNTS / 5, MIXED.double()), {"kind": ("brier", "log", "linear")}),
    "probability_weighted": ((-LOSSES,), {"exponent": (1.0, 0.0, -1.0)}),
    "forward_kl": ((VIEW, VIEW.flip(0)), {}),
}
LOSS_ENTRIES = {e.name: e for e in catalogue.entries() if e.room == "loss"}
EACH = [(name, option) for name, (_, options) in OPTIONS.items() for option in options]


def function(name):
    return getattr(importlib.import_module(LOSS_ENTRIES[name].place), name)


def value(name, **changed):
    """The loss, and its other options as their first values."""
    data, options = OPTIONS[name]
    found = function(name)(*data, **({option: values[0] for option, values in options.items()} | changed))
    return found.values if isinstance(found, tuple) else torch.as_tensor(found)


def test_no_option_is_left_out():
    keywords = {
        (name, option)
        for name in LOSS_ENTRIES
        for option, parameter in inspect.signature(function(name)).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert (set(OPTIONS), set(EACH)) == (set(LOSS_ENTRIES), keywords)


@pytest.mark.parametrize(("name", "option"), EACH)
def test_an_option_changes_the_loss(name, option):
    one, other, _ = OPTIONS[name][1][option]
    assert not torch.allclose(value(name, **{option: one}), value(name, **{option: other}), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "option"), [(n, o) for n, o in EACH if OPTIONS[n][1][o][2] is not None])
def test_a_value_that_an_option_cannot_have_is_refused(name, option):
    with pytest.raises(StropError) as error:
        value(name, **{option: OPTIONS[name][1][option][2]})
    assert error.value.code == "S301"
