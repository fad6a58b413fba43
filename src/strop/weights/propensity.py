"""How much should a click on something rarely shown count?"""

from typing import Any

import numpy as np
import numpy.typing as npt

from strop.channels import power_propensity
from strop.errors import StropError

Array = npt.NDArray[Any]


def inverse_popularity(popularity: Array, *, power: float = 0.5, clip: float = 10.0) -> Array:
    """min(1 / p, clip) with p = (popularity / largest)**power: one over the assumed chance of being shown.

    popularity: (n,), of each record's item, above 0, all records at once (the largest is taken over them).
    power: 0 all alike, 0.5 as in relmf2020, 1 in proportion; clip: at least 1; 10 bites below a hundredth of the largest
    at power 0.5. Returns (n,), in [1, clip]. Errors: S211 popularity not above 0, S202 no record, S301.
    Not for: clicks whose exposure was logged (use that); the few clicks on rare items being mistakes, which it multiplies.
    Paper: schnabel2016; relmf2020
    """
    if not len(popularity):
        raise StropError("S202", "no record to weight")
    if not clip >= 1:
        raise StropError("S301", f"clip is {clip}", "allowed: 1 and above; 1 gives equal weights")
    largest = float(np.max(popularity))
    return np.minimum(1 / power_propensity(popularity, power=power, most=largest), clip)
