"""Does a user like an item, learned from ratings that users chose to give, each with a weight?"""

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch

from strop.errors import StropError
from strop.models.recommend.adam import Adam
from strop.models.recommend.matrix_factorisation import MatrixFactorisation, initial_vectors
from strop.models.recommend.settings import check_above, check_budget, check_least
from strop.protocols import Scorer
from strop.records import Ratings

Array = npt.NDArray[Any]
Tables = dict[str, torch.Tensor]
BUDGET_BYTES = 1 << 30
CELL_BYTES = 24  # of a pair: its score, its imputed label, their gradients and what stands between


class RatedFactorisation(MatrixFactorisation):
    """Log-odds of a like: left[user] . right[item] + user_bias[user] + bias[item].

    A user's bias does not change the order of their items, but it does that of pairs of different users. A new user's
    list is scored as in matrix_factorisation, without a bias of their own. Paper: schnabel2016.
    Not for: clicks alone; it needs ratings on both sides of the threshold.
    """

    KIND = "rated_factorisation"

    def __init__(self, left: Array, right: Array, user_bias: Array, bias: Array) -> None:
        super().__init__(left, right, bias)
        self.user_bias = torch.from_numpy(np.ascontiguousarray(user_bias, np.float32))

    def score(self, users: Array) -> torch.Tensor:
        """(len(users), n_items)."""
        return super().score(users) + self.user_bias[torch.from_numpy(np.asarray(users, np.int64))][:, None]

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        return {**super().state(), "user_bias": self.user_bias.numpy()}

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        return cls(state["left"], state["right"], state["user_bias"], state["bias"])


class _Tables:
    """User and item vectors and biases, moved by Adam along the slopes of the scores; without biases those stay 0."""

    def __init__(
        self, ratings: Ratings, weights: Array, *, dimensions: int, biases: str, rate: float, l2: float, seed: int
    ) -> None:
        left, right = initial_vectors(ratings.clicks(), dimensions=dimensions, seed=seed)
        sizes = {"user_bias": len(left), "bias": len(right), "offset": 1}
        arrays = {"left": left, "right": right} | {name: np.zeros(size, np.float32) for name, size in sizes.items()}
        self.named: Tables = {name: torch.from_numpy(a) for name, a in arrays.items()}
        self.adam = Adam(self.named)
        self.rates = {name: 0.0 if biases == "none" and name in sizes else rate for name in arrays}
        self.users, self.items = (torch.from_numpy(side.astype(np.int64)) for side in (ratings.users, ratings.items))
        share = torch.from_numpy((l2 * weights / weights.sum()).astype(np.float32))
        of_users = torch.bincount(self.users, share, minlength=len(left))
        of_items = torch.bincount(self.items, share, minlength=len(right))
        self.pull = {"left": of_users[:, None], "right": of_items[:, None], "user_bias": of_users, "bias": of_items}

    def scores(self) -> torch.Tensor:
        """(n,) of the rated pairs."""
        t = self.named
        found = (t["left"][self.users] * t["right"][self.items]).sum(1)
        return found + t["user_bias"][self.users] + t["bias"][self.items] + t["offset"]

    def all_scores(self) -> torch.Tensor:
        """(n_users, n_items)."""
        t = self.named
        return t["left"] @ t["right"].T + t["user_bias"][:, None] + t["bias"] + t["offset"]

    def gradients(self, slopes: torch.Tensor, everywhere: torch.Tensor | None = None) -> Tables:
        """Of sum(slope x score) over the rated pairs (n,), and over all pairs (n_users, n_items), with l2."""
        t = self.named
        found = {name: torch.zeros_like(table) for name, table in t.items()}
        found["left"].index_add_(0, self.users, slopes[:, None] * t["right"][self.items])
        found["right"].index_add_(0, self.items, slopes[:, None] * t["left"][self.users])
        found["user_bias"].index_add_(0, self.users, slopes)
        found["bias"].index_add_(0, self.items, slopes)
        found["offset"] += slopes.sum()
        if everywhere is not None:
            found["left"].addmm_(everywhere, t["right"])
            found["right"].addmm_(everywhere.T, t["left"])
            found["user_bias"] += everywhere.sum(1)
            found["bias"] += everywhere.sum(0)
            found["offset"] += everywhere.sum()
        for name, pull in self.pull.items():
            found[name] += pull * t[name]
        return found


class ExplicitLearner:
    """Matrix factorisation of likes (a rating of at least `threshold`): one step of Adam on all ratings an epoch.

    loss "weighted": sum(w e) / total, e the log loss of a rating; "doubly robust": mean over all pairs of f + sum(w (e - f))
    / total, f the loss against an imputed label, which a second factorisation gives; it takes a step of its own each
    epoch towards sum(w (e - f)^2). weights: (n,) >= 0 in the order of the ratings, ones for None; total: what the weighted
    sum is divided by: the sum of the weights for None (self-normalised, SNIPS), users x items for IPS. l2: per rating and
    weighted with it (to mean 1), half the squares of the vectors and biases it touches. biases: of users and items, with an offset.
    Errors: S209 no rating, or all on one side of the threshold; S211, S214 weights; S301; S502 all pairs over 1 GB.
    Not for: ratings in the millions (every epoch passes over all); doubly robust for a large table.
    Paper: schnabel2016; dr_joint2019
    """

    def __init__(
        self,
        ratings: Ratings,
        *,
        threshold: float,
        weights: Array | None = None,
        total: float | None = None,
        loss: Literal["weighted", "doubly robust"] = "weighted",
        biases: Literal["none", "users and items"] = "users and items",
        dimensions: int = 4,
        rate: float = 0.02,
        l2: float = 0.01,
        seed: int = 0,
    ) -> None:
        check_least("dimensions", dimensions, 1)
        check_above("rate", rate, 0)
        check_least("l2", l2, 0)
        self.labels = torch.from_numpy((ratings.values >= threshold).astype(np.float32))
        if not 0 < float(self.labels.sum()) < len(ratings):
            raise StropError(
                "S209", f"no rating, or all on one side of {threshold}, in {ratings.name}", "another threshold"
            )
        w = _checked(weights, len(ratings))
        if total is not None:
            check_above("total", total, 0)
        self.share = torch.from_numpy((w / (w.sum() if total is None else total)).astype(np.float32))
        settings: dict[str, Any] = {"dimensions": dimensions, "biases": biases, "rate": rate, "l2": l2}
        self.model = _Tables(ratings, w, seed=seed, **settings)
        self.imputed = None
        if loss == "doubly robust":
            shape = len(ratings.user_ids), len(ratings.item_ids)
            need = CELL_BYTES * shape[0] * shape[1]
            check_budget("a doubly robust loss", need=need, budget=BUDGET_BYTES, n_items=shape[1])
            self.imputed = _Tables(ratings, w, seed=seed + 1, **settings)

    def epoch(self, number: int) -> float:
        """One step over all ratings (and all pairs); the loss before it, without l2."""
        if self.imputed is not None:
            self.imputed.adam.step(self.imputed_gradients()[1], rates=self.imputed.rates)
        value, gradients = self.gradients()
        self.model.adam.step(gradients, rates=self.model.rates)
        return value if self.model.adam.finite() else float("nan")

    def gradients(self) -> tuple[float, Tables]:
        """The loss, and its gradients with l2."""
        scores = self.model.scores()
        softplus = torch.nn.functional.softplus
        if self.imputed is None:
            slopes = self.share * (torch.sigmoid(scores) - self.labels)
            value = self.share @ (softplus(scores) - self.labels * scores)
            return float(value), self.model.gradients(slopes)
        every, guess = self.model.all_scores(), torch.sigmoid(self.imputed.all_scores())
        off = self.share * (torch.sigmoid(self.imputed.scores()) - self.labels)
        value = (softplus(every) - guess * every).mean() + off @ scores
        return float(value), self.model.gradients(off, (torch.sigmoid(every) - guess) / every.numel())

    def imputed_gradients(self) -> tuple[float, Tables]:
        """sum(w (e - f)^2) / total with e - f = (imputed label - label) x score, and its gradients with l2."""
        assert self.imputed is not None
        guess = torch.sigmoid(self.imputed.scores())
        off = (guess - self.labels) * self.model.scores().square()
        slopes = 2 * self.share * off * guess * (1 - guess)
        return float(self.share @ (off * (guess - self.labels))), self.imputed.gradients(slopes)

    def losses(self) -> Array:
        """(n,) the log loss of every rating as the model is now."""
        scores = self.model.scores()
        return np.asarray((torch.nn.functional.softplus(scores) - self.labels * scores).numpy())

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        second = {} if self.imputed is None else self.imputed.adam.state()
        return self.model.adam.state() | {f"imputed.{name}": array for name, array in second.items()}

    def load(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        for name, array in self.state().items():
            array[...] = state[name]

    def scorer(self) -> Scorer:
        t = {name: table.numpy().copy() for name, table in self.model.named.items()}
        return RatedFactorisation(t["left"], t["right"], t["user_bias"] + t["offset"], t["bias"])


def _checked(weights: Array | None, n: int) -> Array:
    """The weights as float64. Errors: S211, S214."""
    w = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    if w.shape != (n,):
        raise StropError("S214", f"weights of shape {w.shape} for {n} ratings", "a weight for each, in their order")
    if not (np.isfinite(w).all() and w.min() >= 0 and w.max() > 0):
        raise StropError("S211", "a weight is below 0 or not finite, or all are 0", "weights lie in [0, inf)")
    return w
