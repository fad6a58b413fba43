"""How does a fitted factorisation forget some of its clicks? Its training goes on with those clicks turned round."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from strop.models.recommend import kernel
from strop.models.recommend.matrix_factorisation import Draws, MatrixFactorisation, PairwiseLearner
from strop.models.recommend.settings import check_least
from strop.protocols import Scorer
from strop.records import Clicks

Array = npt.NDArray[Any]
NEXT_TO_NOTHING = np.float32(1e-30)  # a bias rate of 0 would leave the biases' sums alone
RARE_SHARE = 0.1


class UnlearningLearner:
    """Continues BPR on the clicks that stay, in alternation with a pass over those to forget, weighted by `strength`.

    Formula: sum over retain of l(h) + strength * sum over forget of l(-h) (reverse), or of -l(h) (ascent), with
    l(h) = softplus(-h) and rivals that the user never clicked in either set. In the paper's form of means, alpha =
    strength |F| / (|D| + strength |F|). strength 0 is fine-tuning on what stays, bit for bit.
    The steps' lengths are not saved with a model: they are taken as if the last `history` epochs had had the gradients of
    a pass over the retained clicks that moves nothing.
    Errors: S209 nothing stays, S301 settings. Paper: mmrecun2024; reverse BPR is softplus(h), the logistic loss of slope 1.
    Not for: ascent, but as a baseline (it has no bound).
    """

    def __init__(
        self,
        model: MatrixFactorisation,
        retain: Clicks,
        forget: Clicks,
        *,
        strength: float = 1.0,
        push: Literal["reverse", "ascent"] = "reverse",
        rate: float = 0.05,
        l2: float = 0.02,
        bias_rate: float = 0.0,
        history: float = 20.0,
        seed: int = 0,
    ) -> None:
        check_least("strength", strength, 0)
        check_least("history", history, 1)
        dimensions = model.right.shape[1]
        self.base = PairwiseLearner(retain, dimensions=dimensions, rate=rate, l2=l2, bias_rate=bias_rate, seed=seed)
        self.push, self.strength = push, np.float32(strength)
        self.forget = Draws(forget, seed=seed + 1) if strength > 0 and len(forget) else None
        if self.forget is not None:  # its rivals are clicked in neither set
            self.forget.known = Draws(joined(retain, forget)).known
        sums = self._settled(model, history)
        names = ("left_sum", "right_sum", "bias_sum")
        self.base.load({**model.state(), **dict(zip(names, sums, strict=True))})

    def _settled(self, model: MatrixFactorisation, history: float) -> tuple[Array, ...]:
        factors = tuple(array.copy() for array in model.state().values())
        sums = tuple(np.zeros_like(s) + s for s in self.base.sums)
        still = (np.float32(0), NEXT_TO_NOTHING if self.base.rates[1] > 0 else np.float32(0))
        for drawn in self.base.draws.blocks(0, kernel.BLOCK, factors[:2]):
            kernel.learn(drawn, kernel.LOSSES["logistic"], np.float32(0), factors, sums, still, self.base.l2)
        return tuple(s * np.float32(history) for s in sums)

    def epoch(self, number: int) -> float:
        """One pass over both sets, in alternation; the mean loss of what stays."""
        base = self.base
        if self.forget is None:
            return base.epoch(number)
        factors, total = (base.left, base.right, base.bias), np.zeros(2)
        turns = -(-len(base.draws) // kernel.BLOCK)
        back = self.forget.blocks(number, -(-len(self.forget) // turns), factors[:2])
        for drawn in base.draws.blocks(number, kernel.BLOCK, factors[:2]):
            total += kernel.learn(drawn, base.loss, base.parameter, factors, base.sums, base.rates, base.l2)
            for *places, weights in (turned for turned in [next(back, None)] if turned is not None):
                self._back((*places, weights), factors)
        finite = all(np.isfinite(a).all() for a in factors)
        return float(total[0] / total[1]) if finite and total[1] else float("nan")

    def _back(self, drawn: tuple[Array, ...], factors: tuple[Array, ...]) -> None:
        *places, weights = drawn
        sign, slope = (1, 1) if self.push == "reverse" else (-1, 0)
        weights *= sign * self.strength
        # no decay: these rows are held small by the other pass, and ascent's weights are below 0
        base, logistic = self.base, kernel.LOSSES["logistic"]
        kernel.learn((*places, weights), logistic, np.float32(slope), factors, base.sums, base.rates, np.float32(0))

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        return self.base.state()

    def load(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        self.base.load(state)

    def scorer(self) -> Scorer:
        return self.base.scorer()


def joined(one: Clicks, other: Clicks) -> Clicks:
    """The clicks of two disjoint parts of one table. Errors: S212 a pair in both."""
    pairs = (np.concatenate([one.users, other.users]), np.concatenate([one.items, other.items]))
    return Clicks(*pairs, one.user_ids, one.item_ids, name=one.name)


def fallen_back(model: MatrixFactorisation, retain: Clicks, forget: Clicks) -> MatrixFactorisation:
    """The model in which rows left without any click by the forgetting say nothing of what they were.

    Such a user gets the mean vector of the users with clicks; such an item the mean vector and bias of the tenth of the
    items with the fewest clicks. Ours.
    """
    state = {name: array.copy() for name, array in model.state().items()}
    clicked = np.bincount(retain.users, minlength=retain.n_users) > 0
    users = np.setdiff1d(forget.users, np.flatnonzero(clicked))
    state["left"][users] = state["left"][clicked].mean(axis=0)
    alive = np.flatnonzero(retain.popularity)
    rare = alive[np.argsort(retain.popularity[alive], kind="stable")][: max(1, round(RARE_SHARE * len(alive)))]
    items = np.setdiff1d(forget.items, alive)
    for name in ("right", "bias"):
        state[name][items] = state[name][rare].mean(axis=0)
    return MatrixFactorisation.from_state(state)
