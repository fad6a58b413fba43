"""How are a few tables moved along their gradients? Adam without autograd, for models that know their gradients."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch


class Adam:
    """Tables that are changed in place, with the running means of their gradients and of their squares."""

    def __init__(self, tables: dict[str, torch.Tensor]) -> None:
        self.tables = tables
        self.moments = {name: (torch.zeros_like(t), torch.zeros_like(t)) for name, t in tables.items()}
        self.steps = np.zeros(1, np.int64)

    def step(self, gradients: dict[str, torch.Tensor], *, rates: dict[str, float]) -> None:
        """One step with the usual 0.9, 0.999 and 1e-8; a table whose rate is 0 stays as it is."""
        self.steps += 1
        step = int(self.steps[0])
        for name, gradient in gradients.items():
            if not rates[name]:
                continue
            mean, square = self.moments[name]
            mean.lerp_(gradient, 0.1)
            square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            scale = (square / (1 - 0.999**step)).sqrt_().add_(1e-8)
            self.tables[name].addcdiv_(mean, scale, value=-rates[name] / (1 - 0.9**step))

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Tables, means and squares by name, and the number of steps."""
        state: dict[str, npt.NDArray[np.generic]] = {"steps": self.steps}
        for name, table in self.tables.items():
            for suffix, tensor in zip(("", ".mean", ".square"), (table, *self.moments[name]), strict=True):
                state[name + suffix] = tensor.numpy()
        return state

    def load(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Puts a state back."""
        for name, array in self.state().items():
            array[...] = state[name]

    def finite(self) -> bool:
        """Whether every table still is."""
        return all(bool(torch.isfinite(t).all()) for t in self.tables.values())
