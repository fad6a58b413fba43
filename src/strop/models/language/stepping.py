"""One step of AdamW on all that a model learns, with its gradient's length held: in place, in one pass."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from strop.models.language.linear import gradient_of

State = dict[str, npt.NDArray[np.generic]]


def together() -> tuple[int, int]:
    """(this process's number, how many learn together): (0, 1) unless torch.distributed was begun, as accelerate does."""
    import torch.distributed as others

    return (others.get_rank(), others.get_world_size()) if others.is_available() and others.is_initialized() else (0, 1)


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes, in place."""
    if together()[1] > 1:
        torch.distributed.all_reduce(tensor)
    return tensor


class Stepper:
    """AdamW (0.9, 0.999, 1e-8) for the parameters of a model that require a gradient.

    rate: of a step; clip: the largest length of the whole gradient, infinite for none; decay: of the weights, decoupled.
    Gradients stay allocated and are zeroed after each step; those of several processes are summed.
    """

    def __init__(self, model: nn.Module, *, clip: float = 1.0, decay: float = 0.0) -> None:
        self.named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.moments = [[torch.zeros_like(p) for p in self.named.values()] for _ in range(2)]
        self.clip, self.decay, self.steps = clip, decay, torch.zeros(())

    def step(self, rate: float) -> float:
        """Takes it, and returns the gradient's length before it was held; 0 says that nothing moved."""
        if together()[1] > 1:  # a process without a row of its own takes the step all the same
            for p in self.named.values():
                summed(gradient_of(p))
        learned = [p for p in self.named.values() if p.grad is not None]
        places = [n for n, p in enumerate(self.named.values()) if p.grad is not None]
        if not learned:
            return 0.0
        gradients: list[Tensor] = [p.grad for p in learned if p.grad is not None]
        lengths = torch.stack([torch.linalg.vector_norm(g, dtype=torch.float32).cpu() for g in gradients])
        length = float(torch.linalg.vector_norm(lengths))
        if length > self.clip:
            torch._foreach_mul_(gradients, self.clip / (length + 1e-6))
        self.steps += 1
        means, squares = ([of[n] for n in places] for of in self.moments)
        with torch.no_grad():
            torch._fused_adamw_(
                [p.data for p in learned],
                gradients,
                means,
                squares,
                [],
                [self.steps.to(p.device).clone() for p in learned],
                lr=rate,
                beta1=0.9,
                beta2=0.999,
                weight_decay=self.decay,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )
            torch._foreach_zero_(gradients)
        return length

    def state(self) -> State:
        """Parameters, moments and the number of steps."""
        found: State = {"steps": self.steps.numpy()}
        for (name, p), mean, square in zip(self.named.items(), *self.moments, strict=True):
            found |= {name: p.detach().numpy(), f"{name}.mean": mean.numpy(), f"{name}.square": square.numpy()}
        return found

    def load(self, state: State) -> None:
        """Puts a state back."""
        for name, array in self.state().items():
            array[...] = state[name]
