"""What does each task cost in implicit? usage: arm_implicit.py TASKS; started by compare.py."""

import time
from typing import Any

import implicit
import numpy as np
from implicit.evaluation import ranking_metrics_at_k
from measuring import DIMENSIONS, SEED, WORK, Array, Laps, answer, cpu, matrix, peak_mb, tell


def _bpr(epochs: int, *, rate: float = 0.01, l2: float = 0.01) -> Any:
    return implicit.bpr.BayesianPersonalizedRanking(
        factors=DIMENSIONS, learning_rate=rate, regularization=l2, iterations=epochs, num_threads=1, random_state=SEED
    )


def _factors(model: Any) -> tuple[Array, Array, Array]:
    """Its last column is the item's bias, and 1 for users."""
    return model.user_factors[:, :DIMENSIONS], model.item_factors[:, :DIMENSIONS], model.item_factors[:, DIMENSIONS]


def _fit(model: Any, train: Any, laps: Laps) -> None:
    model.fit(train, show_progress=False, callback=lambda *_: laps.done(lambda: _factors(model)))


def speed(data: str, *, epochs: int) -> None:
    """Epochs of BPR. A draw that hits a liked item is passed over, not drawn again: it counts as a sample here."""
    train = matrix(data, "train")
    laps = Laps()
    _fit(_bpr(epochs), train, laps)
    tell(figure="speed", arm="logistic", epoch=laps.an_epoch(), samples=train.nnz / laps.an_epoch())


def search(data: str, *, trials: list[dict[str, float]], checkpoints: list[int]) -> None:
    """Fits with each setting, saving the factors at the checkpoints."""
    train = matrix(data, "fit")
    for number, trial in enumerate(trials):
        laps = Laps(tuple(checkpoints), f"{data}.implicit.{number}")
        _fit(_bpr(max(checkpoints), **trial), train, laps)
        tell(figure="search", trial=number, after=laps.after)


def timed(data: str, *, rate: float, l2: float, epochs: int) -> None:
    """One fit, from the matrix to the model."""
    train = matrix(data, "fit")
    model = _bpr(epochs, rate=rate, l2=l2)
    start = time.perf_counter()
    spent, _ = cpu(lambda: model.fit(train, show_progress=False))
    wall = time.perf_counter() - start
    left, right, bias = _factors(model)
    np.savez(WORK / f"{data}.timed.npz", left=left, right=right, bias=bias)
    tell(figure="timed", cpu=spent, wall=wall)


def rank(data: str) -> None:
    """Full ranking, and its evaluation, which ranks by itself: precision, MAP, NDCG and AUC at 20."""
    train, truth = matrix(data, "train"), matrix(data, "test")
    model = _bpr(2)
    model.fit(train, show_progress=False)
    before, everybody = peak_mb(), np.arange(train.shape[0])
    model.num_threads = 1
    ranking, _ = cpu(lambda: model.recommend(everybody, train, N=20, filter_already_liked_items=True), repeats=5)
    both, found = cpu(
        lambda: ranking_metrics_at_k(model, train, truth, K=20, show_progress=False, num_threads=1), repeats=5
    )
    tell(figure="rank", lists=ranking, both=both, figures=len(found), peak_before=before, peak_plain=peak_mb())


def als(data: str, *, part: str, epochs: int, trials: list[dict[str, float]]) -> None:
    """Weighted ALS (conjugate gradients, its default) with each setting; the factors are saved at the end."""
    train = matrix(data, part)
    for number, trial in enumerate(trials):
        laps = Laps((epochs,), f"{data}.als.implicit.{number}")
        model = implicit.als.AlternatingLeastSquares(
            factors=DIMENSIONS, iterations=epochs, num_threads=1, random_state=SEED, **trial
        )

        def factors(model: Any = model) -> tuple[Array, Array, Array]:
            return model.user_factors, model.item_factors, np.zeros(train.shape[1], np.float32)

        model.fit(train, show_progress=False, callback=lambda *_, laps=laps, factors=factors: laps.done(factors))
        tell(figure="als", trial=number, epoch=laps.an_epoch(), cpu=laps.after[-1])


if __name__ == "__main__":
    answer({"speed": speed, "search": search, "timed": timed, "rank": rank, "als": als}, implicit.__version__)
