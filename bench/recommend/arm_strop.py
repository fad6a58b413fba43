"""What does each task cost in strop? usage: arm_strop.py TASKS; started by compare.py."""

import os
import time
from functools import partial
from typing import Any

import numpy as np
import torch
from measuring import DATA, DIMENSIONS, SEED, WORK, Array, Laps, answer, cpu, pairs, peak_mb, tell

import strop
from strop.audits.measure import measure
from strop.audits.ranking import top_k
from strop.experiments.claims import relmf as relmf_claim
from strop.feedback import datasets
from strop.feedback.splits import split
from strop.losses.contrastive import info_nce
from strop.losses.pairwise import logistic
from strop.models.recommend import ease, ials
from strop.models.recommend.contrast import Contrast, Contrasted, DroppedEdges, NoisyLayers
from strop.models.recommend.lightgcn import Graph
from strop.models.recommend.matrix_factorisation import Draws, MatrixFactorisation, PairwiseLearner
from strop.protocols import PairModel, PairSource, Scorer
from strop.recipes import ipl, relmf
from strop.records import Clicks
from strop.training import Objective, PairLearner, fit, pairwise

LOSSES: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("logistic", {}, False),
    ("logistic, weighted", {}, True),
    ("logistic with slope 0.1, weighted", {"parameter": 0.1}, True),
    ("hinge, weighted", {"loss": "hinge", "parameter": 1.0}, True),
    ("squared, weighted", {"loss": "squared", "parameter": 1.0}, True),
    ("generalised cross entropy, weighted", {"loss": "generalised_cross_entropy", "parameter": 0.7}, True),
)


def clicks(data: str, part: str) -> Clicks:
    n_users, n_items = (int(v) for v in (WORK / data / "shape").read_text().split())
    users, items = pairs(data, part).T
    return Clicks(users, items, np.arange(n_users), np.arange(n_items), name=part)


def speed(data: str, *, epochs: int) -> None:
    """Epochs with each loss, without and with weights."""
    train = clicks(data, "train")
    weights = np.random.default_rng(SEED).uniform(0.1, 2.0, len(train))
    for name, settings, weighted in LOSSES:
        draws = Draws(train, weights=weights if weighted else None, seed=SEED)
        laps = Laps()
        learner = PairwiseLearner(train, dimensions=DIMENSIONS, draws=draws, seed=SEED, **settings)
        for number in range(epochs):
            learner.epoch(number)
            laps.done(lambda: ())
        tell(figure="speed", arm=name, epoch=laps.an_epoch(), samples=len(train) / laps.an_epoch())


def search(data: str, *, trials: list[dict[str, float]], checkpoints: list[int]) -> None:
    """Fits with each setting, saving the factors at the checkpoints."""
    train = clicks(data, "fit")
    for number, trial in enumerate(trials):
        laps = Laps(tuple(checkpoints), f"{data}.strop.{number}")
        learner = PairwiseLearner(train, dimensions=DIMENSIONS, seed=SEED, **trial)
        for epoch in range(max(checkpoints)):
            learner.epoch(epoch)
            laps.done(lambda learner=learner: (learner.left, learner.right, learner.bias))
        tell(figure="search", trial=number, after=laps.after)


def timed(data: str, *, rate: float, l2: float, epochs: int) -> None:
    """One fit, from the clicks to the model: compilation or the reading of its cache included."""
    train = clicks(data, "fit")

    def work() -> Scorer:
        learner = PairwiseLearner(train, dimensions=DIMENSIONS, rate=rate, l2=l2, seed=SEED)
        return fit(learner, epochs=epochs).scorer

    start = time.perf_counter()
    spent, model = cpu(work)
    wall = time.perf_counter() - start
    state = model.state()  # type: ignore[attr-defined]
    np.savez(WORK / f"{data}.timed.npz", **state)
    tell(figure="timed", cpu=spent, wall=wall)


def _factors(train: Clicks) -> MatrixFactorisation:
    learner = PairwiseLearner(train, dimensions=DIMENSIONS, seed=SEED)
    for number in range(2):
        learner.epoch(number)
    model = learner.scorer()
    assert isinstance(model, MatrixFactorisation)
    return model


def rank(data: str) -> None:
    """Full ranking, then every figure, then the same with 1,000 bootstrap draws."""
    train, truth = clicks(data, "train"), clicks(data, "test")
    model = _factors(train)
    before = peak_mb()
    ranking, top = cpu(lambda: top_k(model, [train], k=20), repeats=5)
    telling, _ = cpu(lambda: measure(top, train=train, truth=truth, k=20).figures(draws=0), repeats=5)
    plain = peak_mb()
    drawn, figures = cpu(lambda: measure(top, train=train, truth=truth, k=20).figures(draws=1000), repeats=3)
    tell(figure="rank", lists=ranking, both=ranking + telling, draws=drawn - telling, figures=len(figures),
         peak_before=before, peak_plain=plain)  # fmt: skip


def _epochs(figure: str, model: PairModel, source: PairSource, objective: Objective, epochs: int) -> None:
    learner = PairLearner(model, source, objective=objective, rate=5e-3, l2=1e-3, batch=2048)
    laps = Laps()
    for number in range(epochs):
        learner.epoch(number)
        laps.done(lambda: ())
    tell(figure=figure, epoch=laps.an_epoch())


def lightgcn(data: str, *, epochs: int) -> None:
    """Epochs of two layers in batches of 2,048."""
    train = clicks(data, "train")
    model = Graph(train, dimensions=DIMENSIONS, layers=2, seed=SEED)
    _epochs("lightgcn", model, Draws(train, seed=SEED), pairwise(logistic), epochs)


def _contrasted(figure: str, model: Contrasted, train: Clicks, strength: float, epochs: int) -> None:
    alike = partial(info_nce, temperature=0.2)
    source = Contrast(model, Draws(train, seed=SEED), pairs=pairwise(logistic), alike=alike, strength=strength)
    _epochs(figure, model, source, source.objective, epochs)


def sgl(data: str, *, epochs: int) -> None:
    """The same with two views of a tenth of the edges dropped."""
    train = clicks(data, "train")
    model = DroppedEdges(train, rho=0.1, dimensions=DIMENSIONS, layers=2, seed=SEED)
    _contrasted("sgl", model, train, 0.1, epochs)


def simgcl(data: str, *, epochs: int) -> None:
    """The same with two views of added noise."""
    train = clicks(data, "train")
    model = NoisyLayers(train, epsilon=0.1, dimensions=DIMENSIONS, layers=2, seed=SEED)
    _contrasted("simgcl", model, train, 0.5, epochs)


def relmf_recipe(data: str) -> None:
    """The recipe relmf on Coat's likes, with validation, at its defaults."""
    ratings = datasets.load(data).ratings
    assert ratings is not None
    found = relmf_claim.cut(ratings.clicks(4.0), share=0.2, seed=SEED)
    spent, trained = cpu(lambda: relmf.run(found, seed=SEED))
    tell(figure="relmf", cpu=spent, epochs=len(trained.curve))


def als(data: str, *, part: str, epochs: int, trials: list[dict[str, float]]) -> None:
    """iALS with each setting; the factors are saved at the end."""
    train = clicks(data, part)
    for number, trial in enumerate(trials):
        laps = Laps((epochs,), f"{data}.als.strop.{number}")
        learner = ials.IalsLearner(train, dimensions=DIMENSIONS, seed=SEED, **trial)
        for epoch in range(epochs):
            learner.epoch(epoch)
            laps.done(lambda learner=learner: _als_factors(learner))
        tell(figure="als", trial=number, epoch=laps.an_epoch(), cpu=laps.after[-1])


def _als_factors(learner: ials.IalsLearner) -> tuple[Array, Array, Array]:
    left, right = learner.state().values()
    return np.asarray(left), np.asarray(right), np.zeros(len(right), np.float32)


def closed_form(data: str, *, regularisation: float) -> None:
    """EASE, from the clicks to the weights."""
    train = clicks(data, "train")
    spent, model = cpu(lambda: ease.fit(train, regularisation=regularisation))
    peak = peak_mb()
    np.save(WORK / f"{data}.ease.npy", model.score(np.arange(train.n_users)).numpy())
    tell(figure="ease", cpu=spent, peak_mb=peak)


def ipl_recipe(data: str) -> None:
    """The recipe ipl with its base, as a user runs it: split, BPR with validation, continuation with the penalty."""
    found = split(datasets.ml_100k(cache=DATA / "cache").clicks, seed=SEED)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    start = time.perf_counter()
    spent, trained = cpu(lambda: ipl.run(found, seed=SEED))
    wall = time.perf_counter() - start
    tell(figure="ipl", wall=wall, cpu=spent, epochs=len(trained.curve), threads=torch.get_num_threads())


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    tasks = {"speed": speed, "search": search, "timed": timed, "rank": rank, "lightgcn": lightgcn, "als": als}
    tasks |= {"ease": closed_form, "ipl": ipl_recipe, "sgl": sgl, "simgcl": simgcl, "relmf": relmf_recipe}
    answer(tasks, strop.__version__)
