"""How a judgement was distorted on its way to us: planted, estimated, and undone in two ways."""

from strop.channels.estimates import Estimate
from strop.channels.exposure import Exposure, power_propensity
from strop.channels.flips import Channel, ConstantFlips, CovariateFlips, GroupFlips

__all__ = ["Channel", "ConstantFlips", "CovariateFlips", "Estimate", "Exposure", "GroupFlips", "power_propensity"]
