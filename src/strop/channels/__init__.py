"""How a judgement was distorted on its way to us: planted, estimated, and undone in two ways."""

from strop.channels.estimates import Estimate
from strop.channels.exposure import Exposure, item_propensity, power_propensity
from strop.channels.flips import Channel, ConstantFlips, CovariateFlips, GroupFlips
from strop.channels.sampled import estimated_rates, sampled_rates

__all__ = [
    "Channel",
    "ConstantFlips",
    "CovariateFlips",
    "Estimate",
    "Exposure",
    "GroupFlips",
    "estimated_rates",
    "item_propensity",
    "power_propensity",
    "sampled_rates",
]
