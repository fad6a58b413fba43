"""What does each task cost in Cornac? usage: arm_cornac.py TASKS; started by compare.py."""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import cornac
import numpy as np
from cornac.data import Dataset
from cornac.eval_methods.base_method import ranking_eval
from cornac.models.bpr import recom_bpr
from measuring import DIMENSIONS, SEED, UNKNOWN, WORK, Array, Laps, answer, cpu, matrix, peak_mb, tell

QUIET = recom_bpr.trange


@cache
def _dataset(data: str, part: str, known: Dataset | None = None) -> Dataset:
    """Its own table; not part of any time. known: the data set whose names of users and items are kept."""
    rows = matrix(data, part).tocoo()
    triples = list(zip(rows.row.tolist(), rows.col.tolist(), [1.0] * rows.nnz, strict=True))
    if known is None:
        return Dataset.from_uir(triples, seed=SEED)
    return Dataset.build(
        triples,
        global_uid_map=known.uid_map,
        global_iid_map=known.iid_map,
        seed=SEED,
        exclude_unknowns=True,
    )


def _bpr(epochs: int, *, rate: float = 0.01, l2: float = 0.01) -> Any:
    return cornac.models.BPR(
        k=DIMENSIONS, max_iter=epochs, learning_rate=rate, lambda_reg=l2, num_threads=1, verbose=False, seed=SEED
    )


def _places(train: Dataset, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Where each user and item of the shared table stands in its own, -1 where it was not shown."""
    maps = (train.uid_map, train.iid_map)
    users, items = (np.array([names.get(v, -1) for v in range(n)]) for names, n in zip(maps, shape, strict=True))
    return users, items


def _factors(model: Any, places: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    users, items = places
    bias = np.where(items >= 0, model.i_biases[items], UNKNOWN).astype(np.float32)
    return model.u_factors[users], model.i_factors[items], bias


class _Epochs:
    """Stands in for its progress bar: what it iterates over tells when an epoch is done."""

    def __init__(self, model: Any, laps: Laps, places: tuple[Array, Array]) -> None:
        self.model, self.laps, self.places = model, laps, places

    def __call__(self, epochs: int, **_: Any) -> "_Epochs":
        self.epochs = epochs
        return self

    def __enter__(self) -> "_Epochs":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[int]:
        for epoch in range(self.epochs):
            yield epoch
            self.laps.done(lambda: _factors(self.model, self.places))

    def set_postfix(self, *_: object) -> None:
        pass


def _fit(model: Any, train: Dataset, laps: Laps, places: tuple[Array, Array]) -> None:
    recom_bpr.trange = _Epochs(model, laps, places)
    try:
        model.fit(train)
    finally:
        recom_bpr.trange = QUIET


def speed(data: str, *, epochs: int) -> None:
    """Epochs of BPR. A draw that hits a liked item is passed over, not drawn again: it counts as a sample here."""
    train, laps = _dataset(data, "train"), Laps()
    _fit(_bpr(epochs), train, laps, (np.empty(0), np.empty(0)))
    tell(figure="speed", arm="logistic", epoch=laps.an_epoch(), samples=train.num_ratings / laps.an_epoch())


def search(data: str, *, trials: list[dict[str, float]], checkpoints: list[int]) -> None:
    """Fits with each setting, saving the factors at the checkpoints."""
    train = _dataset(data, "fit")
    places = _places(train, matrix(data, "fit").shape)
    for number, trial in enumerate(trials):
        laps = Laps(tuple(checkpoints), f"{data}.cornac.{number}")
        _fit(_bpr(max(checkpoints), **trial), train, laps, places)
        tell(figure="search", trial=number, after=laps.after)


def timed(data: str, *, rate: float, l2: float, epochs: int) -> None:
    """One fit, from its data set to the model."""
    train = _dataset(data, "fit")
    model = _bpr(epochs, rate=rate, l2=l2)
    start = time.perf_counter()
    spent, _ = cpu(lambda: model.fit(train))
    wall = time.perf_counter() - start
    left, right, bias = _factors(model, _places(train, matrix(data, "fit").shape))
    np.savez(WORK / f"{data}.timed.npz", left=left, right=right, bias=bias)
    tell(figure="timed", cpu=spent, wall=wall)


def rank(data: str) -> None:
    """Its evaluation, which ranks by itself: recall, NDCG, precision and hit rate at 20."""
    train = _dataset(data, "train")
    truth = _dataset(data, "test", train)
    model = _bpr(2)
    model.fit(train)
    before = peak_mb()
    metrics = [
        kind(k=20)
        for kind in (cornac.metrics.Recall, cornac.metrics.NDCG, cornac.metrics.Precision, cornac.metrics.HitRatio)
    ]
    both, _ = cpu(lambda: ranking_eval(model, metrics, train, truth, rating_threshold=0.5, exclude_unknowns=True))
    tell(figure="rank", both=both, figures=len(metrics), peak_before=before, peak_plain=peak_mb())


def ease(data: str, *, regularisation: float) -> None:
    """EASE, from its data set to the weights."""
    train = _dataset(data, "train")
    model = cornac.models.EASE(lamb=regularisation, posB=False, verbose=False, seed=SEED)
    spent, _ = cpu(lambda: model.fit(train))
    peak, shape = peak_mb(), matrix(data, "train").shape
    users, items = _places(train, shape)
    scores = np.stack([np.ravel(model.score(user)) for user in users])
    np.save(WORK / f"{data}.ease.npy", np.where(items >= 0, scores[:, items], UNKNOWN).astype(np.float32))
    tell(figure="ease", cpu=spent, peak_mb=peak)


if __name__ == "__main__":
    answer({"speed": speed, "search": search, "timed": timed, "rank": rank, "ease": ease}, cornac.__version__)
