"""Binary verdicts, whatever was judged, with what a channel may depend on."""

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from strop.errors import StropError

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Judgements:
    """Binary verdicts, whatever was judged: films, answers, edges.

    positive: (n,) bool; covariates: what a channel may depend on, each (n,), by name: margin, length, rater, popularity,
    record; repeats: (n, r) bool, further verdicts on the same records, or None; truth: (n,) bool of a checked slice, with
    `checked` its mask, or None. Errors: S214.
    """

    positive: Array
    covariates: dict[str, Array] = field(default_factory=dict)
    repeats: Array | None = None
    truth: Array | None = None
    checked: Array | None = None

    def __post_init__(self) -> None:
        n = len(self.positive)
        others = dict(self.covariates, repeats=self.repeats, truth=self.truth, checked=self.checked)
        for name, values in others.items():
            if values is not None and len(values) != n:
                raise StropError("S214", f"{name} has {len(values)} rows, the verdicts {n}")
