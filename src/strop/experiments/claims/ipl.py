"""Does IPL lower popularity bias without loss of accuracy? One split of the receipt: everything that its rule asks for."""

import dataclasses
import itertools
import logging
from typing import Any

import numpy as np
import torch

from strop.audits import intervals
from strop.audits.measure import Measured, paired
from strop.audits.outcome import measured, validator
from strop.catalogue import parameters
from strop.continuing import Schedule
from strop.experiments.compare import Trial, candidates, chosen, tune
from strop.experiments.running import train
from strop.experiments.worlds import coat, planted_likes
from strop.feedback import datasets
from strop.feedback.splits import split
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.protocols import Scorer
from strop.recipes import ipl, log_popularity, popularity_correlation
from strop.records import Split
from strop.weights.propensity import inverse_popularity

log = logging.getLogger("strop.evidence")
FIGURES = (
    "recall@20",
    "ndcg@20",
    "reo@20",
    "di@20 gamma=1.0",
    "di@20 gamma=1.3",
    "di@20 gamma=1.826",
    "arp@20",
    "coverage@20",
)
DRAWS = 2000


def split_of(rule: dict[str, Any], data: str, seed: int) -> Split:
    """The split of one data set and seed, as the rule says."""
    about = rule["data"][data]
    if about["kind"] == "planted":
        return planted_likes(seed=seed)
    if about["kind"] == "coat":
        return coat(seed=seed)
    clicks = datasets.load(data, k_core=about["k_core"]).clicks
    return split(clicks, seed=seed, shares=tuple(about["shares"]))


class _Continued:
    """BPR with its chosen settings, fitted once for a split, and what continues or re-ranks it."""

    def __init__(self, data: Split, base: dict[str, Any], seed: int) -> None:
        defaults = {p.name: p.default for p in parameters("ipl")}
        fields = {f.name for f in dataclasses.fields(Schedule)}
        chosen_settings = {k: v for k, v in {**defaults, **base, "seed": seed}.items() if k in fields}
        self.schedule, self.data, self.seed = Schedule(**chosen_settings), data, seed
        self.base = self.schedule.base(data.train, validate=validator(data))
        self.control = self.further()

    def further(self, penalty: Any = None, weights: Any = None) -> MatrixFactorisation:
        scorer = self.schedule.further(
            self.base, self.data.train, penalty=penalty, weights=weights, name="continued"
        ).scorer
        assert isinstance(scorer, MatrixFactorisation)
        return scorer

    def model(self, arm: str, settings: dict[str, Any]) -> Scorer:
        """An arm's model: log_popularity re-ranks the control, three arms continue the base, the others start anew."""
        clicks = self.data.train
        if arm == "log_popularity":
            return log_popularity.rerank(self.control, clicks, **settings)
        if arm == "ipl":
            return self.further(penalty=ipl.penalty_of(clicks, **settings))
        if arm == "popularity_correlation":
            return self.further(penalty=popularity_correlation.penalty_of(clicks, **settings))
        if arm == "ips":
            return self.further(weights=inverse_popularity(clicks.popularity[clicks.items], **settings))
        return train(arm, self.data, seed=self.seed, settings=settings)[0].scorer


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """Tunes on validation, then measures on the test part: a row of plain values for the receipt."""
    data = split_of(rule, data_name, seed)
    hidden = data.without_test()
    trials = rule["base"]["trials"]
    base = tune("bpr", data, trials=trials, seed=seed)[0]
    continued = _Continued(hidden, base, seed)
    models: dict[str, Scorer] = {"control": continued.control}
    for name in rule["anchors"]:
        models[name] = train(name, data, seed=seed, settings={})[0].scorer
    settings: dict[str, Any] = {"base": base}
    reference = _trial({}, measured(continued.control, hidden))
    for arm, search in rule["arms"].items():
        tried, kept = [], {}
        for one in candidates(search, trials=trials, seed=seed):
            model = continued.model(arm, one)
            tried.append(_trial(one, measured(model, hidden)))
            kept[repr(one)] = model
        for level, share in rule["kept"].items():
            best = chosen(tried, reference, kept_share=share)
            settings[f"{arm} {level}"] = best.settings
            models[f"{arm} {level}"] = kept[repr(best.settings)]
        log.info("%s, seed %d: %s tuned", data_name, seed, arm)
    found = {name: measured(model, data) for name, model in models.items()}
    return {
        "data": data_name,
        "seed": seed,
        "checksum": data.train.checksum,
        "settings": settings,
        "figures": {name: _plain(one) for name, one in found.items()},
        "half widths": {name: _half_widths(one, found["control"]) for name, one in found.items() if name != "control"},
        "against ipl": _against_ipl(found, tuple(rule["kept"])),
        "matched": _matched(rule, data, continued) if rule["data"][data_name]["kind"] == "named" else {},
    }


def _trial(settings: dict[str, Any], found: Measured) -> Trial:
    return Trial(settings, *(float(found.values[name]) for name in ("recall@20", "ndcg@20", "reo@20")))


def _plain(found: Measured) -> dict[str, float | None]:
    return {name: None if np.isnan(found.values[name]) else float(found.values[name]) for name in FIGURES}


def _half_widths(one: Measured, control: Measured) -> dict[str, float]:
    """Half width of the user bootstrap of each change, as a share of the control's value."""
    names = FIGURES[:4]
    found = paired(one, control, names=names, draws=DRAWS)
    return {
        f.name: (f.high - f.low) / 2 / control.values[f.name]
        for f in found
        if f.low is not None and f.high is not None and control.values[f.name] > 0
    }


def _against_ipl(found: dict[str, Measured], levels: tuple[str, ...]) -> dict[str, float]:
    """REO of each other arm minus IPL's, on the test part."""
    out = {}
    for level in levels:
        ours = found[f"ipl {level}"].values["reo@20"]
        others = [n for n in found if n.endswith(f" {level}") and not n.startswith("ipl ")]
        out.update({name: float(found[name].values["reo@20"] - ours) for name in others})
    return out


def _matched(rule: dict[str, Any], data: Split, continued: _Continued) -> dict[str, Any]:
    """REO at a matched recall, interpolated along each path from no strength on; None where a path never gets there."""
    out: dict[str, Any] = {}
    goal = rule["margins"]["matched recall"] * measured(continued.control, data).values["recall@20"]
    for arm, strengths in rule["paths"].items():
        path = []
        for strength in strengths:
            model = continued.model(arm, {"strength": strength})
            values = measured(model, data).values
            path.append((float(values["recall@20"]), float(values["reo@20"])))
        out[arm] = at_recall(path, goal)
        out[f"{arm} path"] = path
    return out


def at_recall(path: list[tuple[float, float]], goal: float) -> float | None:
    """REO where a path of (recall, REO) first falls to the goal, linear between its points; None where it never does."""
    for (before, reo_before), (after, reo_after) in itertools.pairwise(path):
        if before >= goal > after:
            share = (before - goal) / (before - after)
            return reo_before + share * (reo_after - reo_before)
    return None


def change(rows: list[dict[str, Any]], arm: str, name: str) -> tuple[float, float, float, float]:
    """(mean, low, high, p) over seeds of an arm's change against the control, as a share; the wider of the two intervals."""
    pairs = [(row["figures"][arm][name], row["figures"]["control"][name]) for row in rows]
    mean, low, high, p = intervals.paired_t([ours / theirs - 1 for ours, theirs in pairs])
    half = float(np.mean([row["half widths"][arm].get(name, np.nan) for row in rows]))
    if low is None or high is None or p is None:
        raise ValueError("a receipt needs two seeds at least")
    if np.isfinite(half) and half > (high - low) / 2:
        low, high = mean - half, mean + half
        p = max(p, _normal_p(mean, half))
    return mean, low, high, p


def _normal_p(mean: float, half: float) -> float:
    from math import erfc, sqrt

    return erfc(abs(mean) / (half / 1.96) / sqrt(2))


def identical_at_zero() -> bool:
    """Condition 2: strength 0 gives, bit for bit, what BPR continued without any penalty gives."""
    from strop.losses.pairwise import logistic
    from strop.models.recommend.matrix_factorisation import Draws, Factors, PairwiseLearner
    from strop.training import fit, fit_pairs, pairwise

    data = planted_likes(seed=0, users=200, items=100).without_test()
    ours = train("ipl", data, seed=3, settings={"strength": 0.0, "epochs": 5, "patience": 0})[0].scorer
    base = fit(PairwiseLearner(data.train, l2=0.02, seed=3), epochs=5).scorer
    plain = fit_pairs(
        Factors(base), Draws(data.train, seed=4), objective=pairwise(logistic), epochs=6, rate=2e-3, l2=0.02
    )
    return all(np.array_equal(a, plain.scorer.state()[name]) for name, a in ours.state().items())


def gradient_error() -> float:
    """Condition 5: the largest relative error of the penalty's gradient against finite differences, in float64."""
    data = planted_likes(seed=0, users=60, items=40)
    penalty = ipl.penalty_of(data.train, strength=1.0)
    generator = np.random.default_rng(0)
    left, right = (torch.from_numpy(generator.normal(size=(n, 4))).requires_grad_() for n in (60, 40))
    penalty(left, right).backward()
    worst, step = 0.0, 1e-6
    with torch.no_grad():
        for tensor in (left, right):
            gradient = tensor.grad
            assert gradient is not None
            scale = float(gradient.abs().max())
            for place in np.ndindex(*tensor.shape):
                start = float(tensor[place])
                tensor[place] = start + step
                up = float(penalty(left, right))
                tensor[place] = start - step
                down = float(penalty(left, right))
                tensor[place] = start
                worst = max(worst, abs((up - down) / (2 * step) - float(gradient[place])) / scale)
    return worst
