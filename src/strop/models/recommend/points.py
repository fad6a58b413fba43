"""Which items fit a user, learned from single labels (a click is a 1, an item not clicked a 0) that may be wrong?"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.models.recommend import kernel, kernel_points
from strop.models.recommend.matrix_factorisation import START, Draws, MatrixFactorisation, initial_vectors
from strop.models.recommend.settings import check_above, check_least
from strop.protocols import Scorer
from strop.records import Clicks

Array = npt.NDArray[Any]


class PointDraws(Draws):
    """As Draws, with `unlabelled` items that were not clicked beside each click: rivals are (unlabelled, n).

    The first of them are those of Draws with the same seed. Errors: as Draws.
    """

    def __init__(
        self,
        clicks: Clicks,
        *,
        unlabelled: int = 1,
        negatives: Literal["uniform", "popularity"] = "uniform",
        seed: int = 0,
    ) -> None:
        check_least("unlabelled", unlabelled, 1)
        super().__init__(clicks, negatives=negatives, seed=seed)
        self.unlabelled = unlabelled

    def blocks(self, epoch: int, size: int, factors: tuple[Array, Array]) -> Any:
        """(users, items, rivals, weights) of each block of `size` clicks; the buffers are used again."""
        base = (self.seed << 20) + epoch
        kernel.permute(self._order, base)
        users, items = np.empty(size, np.int32), np.empty(size, np.int32)
        weights = np.empty(size, np.float32)
        for start in range(0, len(self), size):
            n = min(size, len(self) - start)
            rivals = np.empty((self.unlabelled, n), np.int32)
            for which in range(self.unlabelled):
                out = (users[:n], items[:n], rivals[which], weights[:n])
                kernel.draw(
                    self.records, self._order, start, self.known, self.negatives, factors, base + (which << 44), out
                )
            yield users[:n], items[:n], rivals, weights[:n]


class PointwiseLearner:
    """Matrix factorisation from clicks (1) and drawn items that were not clicked (0), in compiled passes.

    One label at a time: row-wise Adagrad on left[u] and right[i], L2 on the rows that a label touches. With the margin
    h = +score for a click and -score for the others, r how often this label is turned round and q the other one:
    logistic: softplus(-h). forward: strop.losses.pairwise.forward_flip. backward: logistic with the slope that undoes
    the flips, -r / (1 - r - q); clipped: the same, at least 0. reweighted: s(h)**exponent, held, times logistic.
    missed: r of likes, a number or (n_items,), in [0, 1); invented: r of the others; their sum below 1. learned_l2: not
    None: missed is learned for each pair, and only starts at the (single) value given; l2 of what is learned.
    drop: of each batch of `batch` clicks with the items beside them, this share of all its labels is passed over: the
    clicks of largest loss as the batch begins. It grows from 0 over `ramp` epochs.
    With missed, invented, exponent and drop at 0 every loss learns the same bytes.
    Errors: S209 nobody has an item left that is not clicked, S214 lengths, S301 settings.
    """

    def __init__(
        self,
        clicks: Clicks,
        *,
        loss: Literal["logistic", "forward", "backward", "clipped", "reweighted"] = "logistic",
        missed: float | Array = 0.0,
        invented: float = 0.0,
        learned_l2: float | None = None,
        exponent: float = 0.0,
        drop: float = 0.0,
        ramp: float = 0.0,
        batch: int = kernel.BLOCK,
        dimensions: int = 64,
        rate: float = 0.05,
        l2: float = 0.01,
        bias_rate: float = 0.0,
        draws: PointDraws | None = None,
        seed: int = 0,
    ) -> None:
        for name, value, low in (("dimensions", dimensions, 1), ("bias_rate", bias_rate, 0), ("l2", l2, 0)):
            check_least(name, value, low)
        for name, value, low in (("exponent", exponent, 0), ("ramp", ramp, 0), ("batch", batch, 1)):
            check_least(name, value, low)
        check_above("rate", rate, 0)
        self.draws = draws or PointDraws(clicks, seed=seed)
        check_share(drop, self.draws.unlabelled)
        self.table = _table(loss, np.asarray(missed, float), invented, exponent, clicks.n_items)
        self.kind = kernel_points.LOSSES["logistic" if loss == "backward" else loss]
        self.drop, self.ramp, self.batch = drop, ramp, batch
        self.rates, self.l2 = (np.float32(rate), np.float32(bias_rate)), np.float32(l2)
        self.left, self.right = initial_vectors(clicks, dimensions=dimensions, seed=seed)
        self.bias = np.zeros(clicks.n_items, np.float32)
        sizes = (clicks.n_users, clicks.n_items, clicks.n_items)
        self.sums = tuple(np.full(size, START, np.float32) for size in sizes)
        self.flips = _flips(clicks, missed, invented, learned_l2, dimensions, seed)

    def epoch(self, number: int) -> float:
        total = np.zeros(3)
        factors = (self.left, self.right, self.bias)
        for place, drawn in enumerate(self.draws.blocks(number, self.batch, factors[:2])):
            dropped = self.dropped(drawn, number + place * self.batch / len(self.draws))
            total += kernel_points.learn_points(
                drawn, dropped, self.kind, self.table, factors, self.sums, self.rates, self.l2, self.flips
            )
        if total[2] == 0:
            raise StropError(
                "S209", "no user has an item left that they did not click", "keep more items, or fewer clicks"
            )
        finite = all(np.isfinite(a).all() for a in self.state().values())
        return float(total[0] / total[1]) if finite else float("nan")

    def dropped(self, drawn: tuple[Array, Array, Array, Array], time: float) -> Array:
        """(n,) uint8: which clicks of a batch are passed over after `time` epochs: the worst, one at least is kept."""
        users, items, rivals, _ = drawn
        flags = np.zeros(len(users), np.uint8)
        share = self.drop * min(1.0, time / self.ramp) if self.ramp else self.drop
        labels = len(users) * (1 + len(rivals))
        count = min(labels - int((1 - share) * labels), len(users) - 1) if share > 0 else 0
        if count > 0:
            margins = np.empty(len(users), np.float32)
            kernel_points.click_margins(users, items, (self.left, self.right, self.bias), margins)
            flags[np.argpartition(margins, count)[:count]] = 1
        return flags

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        names = ("left_sum", "right_sum", "bias_sum")
        flips = (*self.flips[:2], *self.flips[2])
        flip_names = ("flip_left", "flip_right", "flip_left_sum", "flip_right_sum")
        learned = dict(zip(flip_names, flips, strict=True)) if len(self.flips[0]) else {}
        sums = dict(zip(names, self.sums, strict=True))
        return {"left": self.left, "right": self.right, "bias": self.bias, **sums, **learned}

    def load(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        for name, array in self.state().items():
            array[...] = state[name]

    def scorer(self) -> Scorer:
        return MatrixFactorisation(self.left.copy(), self.right.copy(), self.bias.copy())


def check_share(drop: float, unlabelled: int) -> None:
    """S301 for a share of a batch's labels that is not in [0, share of its clicks)."""
    most = 1 / (1 + unlabelled)
    if not 0 <= drop < most:
        raise StropError(
            "S301", f"drop is {drop}", f"a share of all labels of a batch, of which {most:g} are clicks: [0, {most:g})"
        )


def _table(loss: str, missed: Array, invented: float, exponent: float, n_items: int) -> Array:
    """(n_items or 1, 4): what `learn_points` is told of a click and of an item not clicked."""
    if missed.shape not in ((), (n_items,)):
        raise StropError("S214", f"missed has shape {missed.shape}", f"a number, or one for each of {n_items} items")
    if not (0 <= invented < 1 and (missed >= 0).all() and (missed + invented < 1 - 1e-6).all()):
        message = f"missed goes from {missed.min()} to {missed.max()}, invented is {invented}"
        raise StropError("S301", message, "rates lie in [0, 1) and sum to less than 1: else a label says its opposite")
    missed = missed.reshape(-1)
    same, left = np.full_like(missed, invented), 1 - missed - invented
    columns = {
        "forward": (missed, same, same, missed),
        "backward": (-missed / left, 0 * same, -same / left, 0 * same),
        "reweighted": (np.full_like(missed, exponent), 0 * same, np.full_like(missed, exponent), 0 * same),
    }
    columns["clipped"] = columns["backward"]
    return np.column_stack(columns.get(loss, (0 * same,) * 4)).astype(np.float32)


def _flips(
    clicks: Clicks, missed: float | Array, invented: float, l2: float | None, dimensions: int, seed: int
) -> tuple[Any, ...]:
    """The factors of a learned rate; without rows where it is not learned, or starts (and then stays) at 0."""
    learned = l2 is not None and np.any(missed)
    if l2 is not None:
        check_least("learned_l2", l2, 0)
    if learned and np.ndim(missed):
        raise StropError("S301", "a learned rate starts at one value", "give missed as a number")
    left, right = initial_vectors(clicks, dimensions=dimensions, seed=seed + 1)
    share = float(missed) / (1 - invented) if learned else 0.5  # type: ignore[arg-type]
    rows = slice(None) if learned else slice(0)
    sums = tuple(np.full(len(a[rows]), START, np.float32) for a in (left, right))
    start = np.float32(np.log(share / (1 - share)))
    return left[rows], right[rows], sums, start, np.float32(l2 or 0.0)
