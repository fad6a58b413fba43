"""How are inner products turned into scores that take popularity in, or leave it out?"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from strop.models.recommend.matrix_factorisation import MatrixFactorisation

Array = npt.NDArray[Any]


class AdjustedFactorisation(MatrixFactorisation):
    """Scores (bend(left . right) + offset) * scale[item], bend = elu or nothing, chosen by `bent` (1.0 or 0.0).

    PD and PDA: bent, offset 1, scale 1 or popularity^gamma; MACR: not bent, offset -c, scale the item's own probability.
    Paper: pda2021, eq. 7; macr2021, eq. 8. Not for: scores that are read as probabilities.
    """

    KIND = "adjusted_factorisation"

    def __init__(self, left: Array, right: Array, scale: Array, offset: float, bent: float) -> None:
        super().__init__(left, right, np.zeros(len(right), np.float32))
        self.scale = torch.from_numpy(np.ascontiguousarray(scale, np.float32))
        self.offset, self.bent = float(offset), float(bent)

    def _adjusted(self, scores: torch.Tensor) -> torch.Tensor:
        bent = torch.nn.functional.elu(scores) if self.bent else scores
        return (bent + self.offset) * self.scale

    def score(self, users: Array) -> torch.Tensor:
        """(len(users), n_items)."""
        return self._adjusted(super().score(users))

    def score_list(self, items: Array) -> torch.Tensor:
        """(n_items,) for a new user who clicked these items."""
        return self._adjusted(super().score_list(items))

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        rest = {"scale": self.scale.numpy(), "settings": np.array([self.offset, self.bent])}
        return {"left": self.left.numpy(), "right": self.right.numpy(), **rest}

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        return cls(state["left"], state["right"], state["scale"], *(float(x) for x in state["settings"]))
