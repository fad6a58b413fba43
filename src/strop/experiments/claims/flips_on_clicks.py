"""Does undoing flips pay, and what do wrongly stated rates cost? Clicks seen through channels that we know.

Train is seen through three channels (constant, by popularity, by margin); validation and test are as they were. Each
correction is told the rates as they are, half of them, twice them, and as a checked slice of pairs estimates them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from strop.attacks.flips import LIMIT, Flipped, flipped
from strop.audits import intervals
from strop.audits.measure import Measured
from strop.audits.outcome import measured, validator
from strop.channels import estimated_rates, sampled_rates
from strop.errors import StropError
from strop.experiments.running import train
from strop.feedback import datasets
from strop.feedback.splits import split
from strop.models.recommend.matrix_factorisation import Draws, PairwiseLearner
from strop.models.recommend.points import PointwiseLearner
from strop.models.recommend.rated import RatedLearner
from strop.protocols import Learner, Scorer
from strop.records import Clicks, Judgements, Split
from strop.training import fit

Array = npt.NDArray[Any]
FIGURES = ("recall@20", "ndcg@20")
DRAWS = 2000
TOLD = {"as they are": 1.0, "half": 0.5, "double": 2.0}
GCE = 0.7  # the paper's q


def split_of(rule: dict[str, Any], data_name: str, seed: int) -> Split:
    """The split of one data set and seed, as the rule says."""
    about = rule["data"][data_name]
    clicks = datasets.load(about["name"], k_core=about["k_core"]).clicks
    return split(clicks, seed=seed, shares=tuple(about["shares"]))


def stated(world: Flipped, clean: Split, told: str, *, checked: int, seed: int) -> tuple[Array, Array]:
    """The rates of every pair, (missed, invented), as a learner is told them."""
    if told == "estimated":
        return checked_rates(world, clean, checked=checked, seed=seed)
    missed, invented = TOLD[told] * world.missed, TOLD[told] * world.invented
    share = np.minimum(1.0, LIMIT / np.maximum(missed + invented, LIMIT))
    return missed * share, invented * share


def checked_rates(world: Flipped, clean: Split, *, checked: int, seed: int) -> tuple[Array, Array]:
    """One rate of missed likes, and one share of false clicks, from as many checked clicks as checked other pairs.

    What is asked about is never a pair of validation or test. The false share becomes a rate for each user: false
    clicks come in proportion to clicks.
    """
    shown = world.data.train
    state = np.zeros((shown.n_users, shown.n_items), np.int8)
    state[shown.users, shown.items] = 1
    for part in (clean.validation, clean.test):
        if part is not None:
            state[part.users, part.items] = -1
    liked = np.zeros(state.shape, bool)
    liked[clean.train.users, clean.train.items] = True
    generator = np.random.default_rng([seed, 29])
    asked = [generator.choice(np.flatnonzero(state == of), checked // 2, replace=False) for of in (1, 0)]
    rows = np.concatenate(asked)
    judgements = Judgements(state.ravel()[rows] == 1, truth=liked.ravel()[rows])
    told = estimated_rates(judgements, clicks=len(shown), others=int((state == 0).sum()))
    clicks = np.diff(shown.indptr)[:, None]
    odds = told.value("false share of clicks") * clicks / (1 - told.value("liked share of the rest"))
    odds = odds / (shown.n_items - clicks)
    invented = odds / (1 + odds)
    return np.minimum(told.value("missed"), LIMIT - invented), invented


def learner_of(arm: str, clicks: Clicks, rates: tuple[Array, Array] | None, settings: dict[str, Any]) -> Learner:
    """What an arm learns with; rates: of every pair, for the two corrections."""
    if arm == "bpo":
        return PointwiseLearner(clicks, **settings)
    if arm in ("nbpo", "unflip"):
        assert rates is not None
        n = np.diff(clicks.indptr)[:, None]
        ratio = np.maximum(clicks.n_items - n, 1) / np.maximum(n, 1)  # one item not clicked is drawn beside each click
        missed, invented, shift = sampled_rates(*rates, ratio=ratio)
        loss: Any = {"nbpo": "forward", "unflip": "backward"}[arm]
        return RatedLearner(clicks, loss=loss, missed=missed, invented=invented, shift=shift, **settings)
    if arm == "gce":
        return PairwiseLearner(clicks, loss="generalised_cross_entropy", parameter=GCE, **settings)
    hardest = {"bpr": 1, "bpr hardest of 4": 4}[arm]
    return PairwiseLearner(clicks, draws=Draws(clicks, hardest=hardest, seed=settings["seed"]), **settings)


class Arms:
    """Trains arms on one train part and keeps the best trial of each."""

    def __init__(self, rule: dict[str, Any], data: Split, seed: int) -> None:
        self.rule, self.data, self.seed = rule, data.without_test(), seed
        self.validate = validator(self.data)

    def model(self, arm: str, l2: float, rates: tuple[Array, Array] | None) -> tuple[float, Scorer]:
        """(validation NDCG@20, the model of the best epoch); minus infinity and the start where it diverged."""
        about = self.rule["fit"]
        settings = {"dimensions": about["dimensions"], "rate": about["rate"], "l2": l2, "seed": self.seed}
        learner = learner_of(arm, self.data.train, rates, settings)
        start = learner.scorer()
        try:
            done = fit(
                learner,
                epochs=about["epochs"],
                patience=about["patience"],
                validate=self.validate,
                validate_every=about["validated every"],
            )
        except StropError as error:
            if error.code != "S601":
                raise
            return -np.inf, start
        return done.best, done.scorer

    def tuned(self, arm: str, rates: tuple[Array, Array] | None = None) -> tuple[float, Scorer]:
        """(the l2 of the best validation NDCG@20, its model)."""
        tried = [(*self.model(arm, l2, rates), l2) for l2 in self.rule["arms"][arm]["l2"]]
        best = max(tried, key=lambda one: one[0])
        return best[2], best[1]


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """Tunes on validation, then measures on the test part: a row of plain values for the receipt."""
    clean = split_of(rule, data_name, seed)
    found: dict[str, Measured] = {}
    settings: dict[str, Any] = {}
    arms = Arms(rule, clean, seed)
    for arm in rule["clean arms"]:
        settings[f"{arm}, clean"], scorer = arms.tuned(arm)
        found[f"{arm}, clean"] = measured(scorer, clean)
    for law, strength in rule["flips"]["laws"].items():
        planted = {"missed": rule["flips"]["missed"], "invented": rule["flips"]["invented"]}
        world = flipped(clean, **planted, by=law, strength=strength, seed=seed)
        for name, (l2, scorer) in corrected(rule, world, clean, seed).items():
            settings[f"{name}, {law}"], found[f"{name}, {law}"] = l2, measured(scorer, world.data)
        for name in rule["anchors"]:
            scorer = train(name, world.data, seed=seed, settings={})[0].scorer
            found[f"{name}, {law}"] = measured(scorer, world.data)
    laws = tuple(rule["flips"]["laws"])
    return {
        "data": data_name,
        "seed": seed,
        "checksum": clean.train.checksum,
        "settings": {name: {"l2": l2} for name, l2 in settings.items()},
        "figures": figures_of(found, laws),
        "half widths": half_widths(found, laws),
    }


def corrected(rule: dict[str, Any], world: Flipped, clean: Split, seed: int) -> dict[str, tuple[float, Scorer]]:
    """Every arm on one flipped train part; wrong and estimated rates take the l2 that the true rates were given."""
    arms = Arms(rule, world.data, seed)
    out = {arm: arms.tuned(arm) for arm in rule["arms"] if arm not in ("nbpo", "unflip")}
    for told in (*TOLD, "estimated"):
        rates = stated(world, clean, told, checked=rule["checked pairs"], seed=seed)
        for arm in ("nbpo", "unflip"):
            if told == "as they are":
                out[f"{arm} {told}"] = arms.tuned(arm, rates)
            else:
                l2 = out[f"{arm} as they are"][0]
                out[f"{arm} {told}"] = (l2, arms.model(arm, l2, rates)[1])
    return out


def cost(found: dict[str, Measured], arm: str, law: str, figure: str) -> Array:
    """(users,): what stating half and double the rates loses to the rates as they are, on average of the two."""
    values = {t: found[f"{arm} {t}, {law}"].per_user[figure.split("@")[0]] for t in TOLD}
    lost: Array = values["as they are"] - (values["half"] + values["double"]) / 2
    return lost


def figures_of(found: dict[str, Measured], laws: tuple[str, ...]) -> dict[str, dict[str, float | None]]:
    """Levels, the drop against the same arm (bpo for the corrections) on clean clicks, and what wrong rates cost."""
    out = {name: {f: one.value(f) for f in FIGURES} for name, one in found.items()}
    for name, values in out.items():
        arm, _, law = name.rpartition(", ")
        before = out.get(f"{'bpo' if arm.startswith(('nbpo', 'unflip')) else arm}, clean")
        if law == "clean" or before is None:
            continue
        drops: dict[str, float | None] = {}
        for f in FIGURES:
            now, then = values[f], before[f]
            drops[f"robustness drop of {f}"] = None if not then or now is None else (then - now) / then
        values |= drops
    for law in laws:
        for arm in ("nbpo", "unflip"):
            costs = {f"{f} lost": float(cost(found, arm, law, f).mean()) for f in FIGURES}
            out[f"{arm} told wrong, {law}"] = costs
    return out


def half_widths(found: dict[str, Measured], laws: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Half widths of the user bootstrap of each difference that a condition asks for."""
    out = {}
    for law in laws:
        for name in ("nbpo as they are", "nbpo estimated", "unflip as they are", "bpr", "gce"):
            one, base = found[f"{name}, {law}"], found[f"bpo, {law}"]
            out[f"{name}, {law} - bpo, {law}"] = {
                f: _half(one.per_user[f.split("@")[0]] - base.per_user[f.split("@")[0]]) for f in FIGURES
            }
        out[f"unflip told wrong, {law} - nbpo told wrong, {law}"] = {
            f"{f} lost": _half(cost(found, "unflip", law, f) - cost(found, "nbpo", law, f)) for f in FIGURES
        }
    return out


def _half(values: Array) -> float:
    _, low, high = intervals.bootstrap_mean(values, draws=DRAWS)
    return (high - low) / 2
