"""Is a setting inside the range in which the method is defined, and does the method fit its memory?"""

import math

from strop.errors import StropError


def check_least(name: str, value: float, low: float) -> None:
    """S301 where a setting is below its least value, or not a number."""
    if not (value >= low and math.isfinite(value)):
        raise StropError("S301", f"{name} is {value}", f"{name} must be a finite number of at least {low}")


def check_above(name: str, value: float, low: float) -> None:
    """S301 where a setting is not above a bound, or not a number."""
    if not (value > low and math.isfinite(value)):
        raise StropError("S301", f"{name} is {value}", f"{name} must be a finite number above {low}")


def check_budget(method: str, *, need: int, budget: int, n_items: int) -> None:
    """S502 where a method needs more bytes than it may take."""
    if need > budget:
        raise StropError(
            "S502",
            f"{method} not run, needs {need / 1e9:.1f} GB for {n_items:,} items; its budget is {budget / 1e9:.1f} GB",
            "allow more memory, keep fewer items (k-core), or take ials, whose memory grows with items, not their square",
        )
