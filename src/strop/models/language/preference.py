"""How does a model learn which of two answers is preferred? A step at a time, by any loss of a margin."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from strop.errors import StropError
from strop.models.language.reading import Reader
from strop.models.language.rows import Group
from strop.models.language.stepping import State, Stepper

Objective = Callable[[Tensor, Tensor, Tensor], Tensor]  # (chosen, rejected: (n,) log-ratios; the pairs' places) -> (n,)


class PreferenceLearner:
    """Learns from groups of a prompt with (chosen, rejected) by sum(w l) / sum(w), l = objective(log-ratios).

    reference: (n, 2) log-probabilities of the answers by the model that was there before; weights: (n,) >= 0, ones for
    None. An epoch of `training.fit` is one step, on `batch` pairs; each pass over the pairs has an order of its own, from
    (seed, pass). A loss may couple the pairs of a batch: scores come first, the loss second, and gradients go back through
    the rows; beyond `held` tokens a row at a time, which reads each row once more and changes nothing else.
    Errors: S301 settings, S214 lengths, S601 by the loop.
    """

    def __init__(
        self,
        reader: Reader,
        groups: Sequence[Group],
        reference: Tensor,
        *,
        objective: Objective,
        weights: Tensor | None = None,
        batch: int = 4,
        rate: Callable[[int], float] | float = 5e-5,
        clip: float = 1.0,
        held: int = 4096,
        shuffled: bool = True,
        seed: int = 0,
    ) -> None:
        if batch < 1 or held < 1:
            raise StropError("S301", f"batch {batch}, held {held}", "at least 1")
        self.weights = torch.ones(len(groups)) if weights is None else weights
        if reference.shape != (len(groups), 2) or self.weights.shape != (len(groups),):
            raise StropError(
                "S214", f"{len(groups)} pairs, reference {tuple(reference.shape)}, weights {tuple(self.weights.shape)}"
            )
        self.reader, self.groups, self.reference, self.objective = reader, groups, reference, objective
        self.batch, self.held, self.seed, self.shuffled = batch, held, seed, shuffled
        self.rate = rate if callable(rate) else lambda _: rate
        self.stepper = Stepper(reader.model, clip=clip)
        self.said: dict[str, float] = {}

    def epoch(self, number: int) -> float:
        """One step; the mean loss before it."""
        which = self.batch_of(number)
        weights = self.weights[which]
        if not float(weights.sum()) > 0:
            return 0.0
        groups = [self.groups[i] for i in which]
        rows, count = self.reader.rows(groups), 2 * len(which)
        self.reader.model.train()

        def loss_of(sums: Tensor) -> Tensor:
            ratios = sums.view(-1, 2) - self.reference[which].to(sums.device)
            losses = self.objective(ratios[:, 0], ratios[:, 1], torch.as_tensor(which))
            self._say(sums.detach().view(-1, 2), ratios.detach())
            return (weights * losses).sum() / weights.sum()

        if sum(row.tokens.shape[1] for row in rows) <= self.held:
            loss = loss_of(torch.stack([self.reader.sums(row, count) for row in rows]).sum(0))
            loss.backward()
        else:
            with torch.no_grad():
                sums = torch.stack([self.reader.sums(row, count) for row in rows]).sum(0)
            loss = loss_of(sums.requires_grad_())
            (slopes,) = torch.autograd.grad(loss, sums)
            for row in rows:
                self.reader.sums(row, count).backward(slopes)
        self.said["gradient"] = self.stepper.step(self.rate(number))
        return float(loss.detach())

    def batch_of(self, number: int) -> list[int]:
        """The pairs of a step."""
        a_pass = -(-len(self.groups) // self.batch)
        order = np.arange(len(self.groups))
        if self.shuffled:
            order = np.random.default_rng([self.seed, number // a_pass]).permutation(len(self.groups))
        start = number % a_pass * self.batch
        return [int(i) for i in order[start : start + self.batch]]

    def _say(self, sums: Tensor, ratios: Tensor) -> None:
        """What is watched: both log-probabilities apart, for a falling chosen is hidden by a growing margin."""
        chosen, rejected = ratios.mean(0).tolist()
        self.said = {
            "chosen": float(sums[:, 0].mean()),
            "rejected": float(sums[:, 1].mean()),
            "chosen over reference": chosen,
            "rejected over reference": rejected,
            "accuracy": float((ratios[:, 0] > ratios[:, 1]).float().mean()),
        }

    def state(self) -> State:
        return self.stepper.state()

    def load(self, state: State) -> None:
        self.stepper.load(state)

    def scorer(self) -> Any:
        return self.reader.model
