"""How is BPR fitted first, and then continued in batches with weights or a penalty added? What debiasing recipes share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from strop.errors import StropError
from strop.losses.pairwise import logistic
from strop.models.recommend.matrix_factorisation import Draws, Factors, MatrixFactorisation, PairwiseLearner
from strop.protocols import Scorer
from strop.records import Clicks, Trained
from strop.training import Penalty, fit, fit_pairs, pairwise


@dataclass(frozen=True)
class Schedule:
    """A BPR model (dimensions, rate, l2, epochs, patience: as in the recipe bpr) and its continuation with Adam.

    folder: where both parts keep their checkpoints. Errors: S301 settings out of range.
    """

    dimensions: int
    rate: float
    l2: float
    epochs: int
    patience: int
    extra_epochs: int
    extra_rate: float
    batch: int
    seed: int
    folder: Path | None = None
    save_seconds: float = 5.0

    def __post_init__(self) -> None:
        if self.extra_epochs < 0 or self.batch < 1 or not self.extra_rate > 0:
            raise StropError(
                "S301",
                f"extra_epochs is {self.extra_epochs}, batch {self.batch}, extra_rate {self.extra_rate}",
                "extra_epochs >= 0, batch >= 1, extra_rate > 0",
            )

    def base(self, train: Clicks, *, validate: Callable[[Scorer], float]) -> Trained:
        """BPR, at its best validated epoch."""
        learner = PairwiseLearner(train, dimensions=self.dimensions, rate=self.rate, l2=self.l2, seed=self.seed)
        done = fit(
            learner,
            epochs=self.epochs,
            validate=validate,
            patience=self.patience,
            folder=self.folder and Path(self.folder) / "base",
            save_seconds=self.save_seconds,
            name="bpr",
        )
        return Trained(done.scorer, done.curve, done.skipped)

    def further(
        self,
        base: Trained,
        train: Clicks,
        *,
        penalty: Penalty | None = None,
        weights: npt.NDArray[Any] | None = None,
        name: str,
    ) -> Trained:
        """The base continued to its last epoch: what a penalty does is not to be undone by choosing an early one."""
        assert isinstance(base.scorer, MatrixFactorisation)
        done = fit_pairs(
            Factors(base.scorer),
            Draws(train, weights=weights, seed=self.seed + 1),
            objective=pairwise(logistic),
            penalty=penalty,
            epochs=self.extra_epochs,
            rate=self.extra_rate,
            l2=self.l2,
            batch=self.batch,
            folder=self.folder and Path(self.folder) / "continued",
            save_seconds=self.save_seconds,
            name=name,
        )
        last = float(base.curve[-1][0] or 0)
        curve = tuple((last + float(epoch or 0), *rest) for epoch, *rest in done.curve)
        return Trained(done.scorer, base.curve + curve, base.notes + done.skipped)
