"""Do weights help where users chose what to rate, judged by ratings of uniformly drawn pairs? All ways side by side."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from math import erfc, sqrt
from typing import Any

import numpy as np

from strop.audits import intervals
from strop.audits.rated import DEFINITIONS, Rated, rated
from strop.errors import StropError, suggestion
from strop.experiments.rated_arms import WAYS, Learned, Plan, UniformCut, cut_uniform, learn
from strop.experiments.running import peak_megabytes, versions
from strop.models.recommend.settings import check_least
from strop.records import Advice, Arm, Difference, Figure, Ratings, Result

log = logging.getLogger("strop.ratings")
PLAIN, BIASED, WEIGHTED = "naive", "naive, biases", "ips naive bayes"
TOLD = ("auc", "ndcg@5")  # what differences are told of
Z = 1.959963984540054  # of a 95 % interval
Runs = dict[str, list[tuple[Learned, Rated]]]
BALANCE = {
    "balance gap": "Mean over the anchors of |kernel mean over all pairs - weighted kernel mean over the observed|, after balancing; 'before': with the weights that balancing starts from; 'elsewhere': at as many other, random pairs.",
    "effective ratings": "(sum w)^2 / sum w^2: how many equally weighted ratings the weighted ones are worth.",
}


def compare_ratings(
    train: Ratings,
    uniform: Ratings,
    *,
    threshold: float = 3.0,
    uniform_share: float = 0.05,
    seeds: int = 10,
    seed: int = 0,
    arms: Sequence[str] = tuple(WAYS),
    anchors: int = 100,
    draws: int = 2000,
) -> Result:
    """Ratings as users chose to give them, judged by uniformly drawn ones: plain, weighted, balanced, doubly robust.

    train, uniform: ratings over one table; a value of at least `threshold` is a like. uniform_share of the uniform labels
    goes to every arm that weights by it, and leaves the test, as pairs of train do. seeds: each draws that share, the
    validation part of train and the starts anew. arms: of rated_arms.WAYS; naive with and without biases are always there.
    anchors: of the kernel; draws: resamples of users. Errors: S102 arm, S202, S209, S214, S301, S305.
    """
    check_least("seeds", seeds, 1)
    for name in arms:
        if name not in WAYS:
            raise StropError("S102", f'no arm "{name}"{suggestion(name, list(WAYS))}', "all: " + "; ".join(WAYS))
    ways = {name: way for name, way in WAYS.items() if name in (*arms, PLAIN, BIASED)}
    plan = Plan(threshold=threshold, anchors=anchors)
    runs: Runs = {}
    notes: dict[str, None] = {}
    for number in range(seed, seed + seeds):
        cut = cut_uniform(train, uniform, share=uniform_share, seed=number)
        found, left_out = learn(ways, cut, plan=plan, seed=number)
        notes |= dict.fromkeys(left_out)
        for name, one in found.items():
            runs.setdefault(name, []).append((one, rated(one.scorer, cut.test, liked=threshold)))
        log.info("seed %d done, %d of %d", number, number - seed + 1, seeds)
    made = {name: _arm(name, of, plan, draws) for name, of in runs.items()}
    gaps = _differences(runs, draws)
    return Result(
        "comparison",
        f"{len(made)} ways to learn from the self-selected ratings of {train.name}",
        _verdict(made, gaps),
        arms=tuple(made.values()),
        differences=gaps,
        advice=_advice(made, gaps, len(train)),
        definitions=DEFINITIONS | BALANCE,
        settings={"seeds": seeds, "uniform_share": uniform_share, "draws": draws, **asdict(plan)},
        data=_about(cut),
        versions=versions(),
        cost={"peak_megabytes": peak_megabytes()},
        notes=(*_notes(cut, plan), *notes),
        seed=seed,
    )


def balance_figures(one: Learned) -> dict[str, float]:
    """What is known of an arm's weights: their effective size, and the gaps of balanced ones."""
    found = {"effective ratings": one.effective}
    if one.balanced is not None and one.held_out is not None:
        names = ("balance gap before", "balance gap", "balance gap elsewhere before", "balance gap elsewhere")
        found |= dict(zip(names, (one.balanced.gap_before, one.balanced.gap_after, *one.held_out), strict=True))
    return found


def _arm(name: str, of: list[tuple[Learned, Rated]], plan: Plan, draws: int) -> Arm:
    by_seed = [judged.figures(draws=draws) for _, judged in of]
    figures = [_over_seeds([seed[i] for seed in by_seed])[0] for i in range(len(by_seed[0]))]
    about = [balance_figures(one) for one, _ in of]
    figures += [_over_seeds([Figure(key, found[key]) for found in about])[0] for key in about[0]]
    settings = {"weights": WAYS[name].start, **asdict(WAYS[name]), "l2, seed by seed": [one.l2 for one, _ in of]}
    return Arm(name, tuple(figures), settings, trials=len(plan.l2))


def _over_seeds(figures: list[Figure]) -> tuple[Figure, float | None]:
    """The mean, with the wider of the users' mean half width and the t interval over seeds; the larger p of the two."""
    first, values = figures[0], [f.value for f in figures if f.value is not None]
    if len(values) < len(figures):
        return Figure(first.name, None, n=first.n), None
    mean, low, high, p = intervals.paired_t(values)
    known = [(low, high, p)] if low is not None and high is not None and p is not None else []
    halves = [(f.high - f.low) / 2 for f in figures if f.low is not None and f.high is not None]
    if any(halves):
        half = float(np.mean(halves))
        known.append((mean - half, mean + half, erfc(abs(mean) / half * Z / sqrt(2))))
    if not known:
        return Figure(first.name, mean, n=first.n), None
    low, high = intervals.wider(known[0][:2], known[-1][:2])
    return Figure(first.name, mean, low, high, first.n), max(p for _, _, p in known)


def _differences(runs: Runs, draws: int) -> tuple[Difference, ...]:
    """Every arm against naive with biases, those without biases against naive, balanced ones against naive Bayes."""
    pairs = [(name, BIASED) for name in runs if name != BIASED]
    pairs += [(name, PLAIN) for name in runs if WAYS[name].biases == "none" and name != PLAIN]
    kernels = [name for name in runs if WAYS[name].anchors != "none" and WAYS[name].biases == "none"]
    pairs += [(name, WEIGHTED) for name in kernels if WEIGHTED in runs]
    found: list[Difference] = []
    for ours, base in pairs:
        steps = [a.minus(b, names=TOLD, draws=draws) for (_, a), (_, b) in zip(runs[ours], runs[base], strict=True)]
        for place in range(len(TOLD)):
            found.append(Difference(ours, base, *_over_seeds([step[place] for step in steps])))
    adjusted = intervals.holm([one.p for one in found])
    return tuple(
        Difference(one.arm, one.baseline, one.figure, None if np.isnan(p) else float(p))
        for one, p in zip(found, adjusted, strict=True)
    )


def _change(gaps: tuple[Difference, ...], arm: str, baseline: str) -> tuple[Figure, bool] | None:
    """The difference in AUC, and whether it is beyond chance."""
    for one in gaps:
        if (one.arm, one.baseline, one.figure.name) == (arm, baseline, "auc") and one.figure.value is not None:
            low, high = one.figure.low, one.figure.high
            apart = low is not None and high is not None and (low > 0 or high < 0)
            return one.figure, apart and (one.p or 0) < 0.05
    return None


def _words(change: tuple[Figure, bool]) -> str:
    figure, sure = change
    return (
        f"{figure.value:+.3f}"
        + ("" if figure.low is None else f" [{figure.low:+.3f}, {figure.high:+.3f}]")
        + ("" if sure else ", within chance")
    )


def _verdict(arms: dict[str, Arm], gaps: tuple[Difference, ...]) -> str:
    best = max(arms.values(), key=lambda arm: arm.figure("auc").value or 0.0)
    top = best.figure("auc")
    said = [
        f"{best.name} tells likes best: AUC {top.value:.3f}"
        + ("" if top.low is None else f" [{top.low:.3f}, {top.high:.3f}]")
        + "."
    ]
    if (change := _change(gaps, WEIGHTED, PLAIN)) is not None:
        said.append(f"Without biases, naive Bayes weights change the AUC by {_words(change)}.")
    kernels = [arm for arm in arms.values() if WAYS[arm.name].anchors != "none" and WAYS[arm.name].biases == "none"]
    if kernels and WEIGHTED in arms:
        kernel = max(kernels, key=lambda arm: arm.figure("auc").value or 0.0)
        change = _change(gaps, kernel.name, WEIGHTED)
        if change is not None:
            said.append(
                f"Balanced at its anchors to {_left(kernel):.0%} of the gap, the best kernel arm ({kernel.name}) changes "
                f"naive Bayes's AUC by {_words(change)}."
            )
    if (change := _change(gaps, PLAIN, BIASED)) is not None and change[0].value is not None:
        low, high = change[0].low, change[0].high
        turned = Figure("auc", -change[0].value, None if high is None else -high, None if low is None else -low)
        said.append(f"User and item biases alone change naive's by {_words((turned, change[1]))}.")
    return " ".join(said)


def _left(arm: Arm) -> float:
    """The share of the balance gap that is left."""
    return (arm.figure("balance gap").value or 0.0) / (arm.figure("balance gap before").value or 1.0)


def _advice(arms: dict[str, Arm], gaps: tuple[Difference, ...], n: int) -> tuple[Advice, ...]:
    found = []
    ahead = [name for name in arms if (c := _change(gaps, name, BIASED)) is not None and c[1] and (c[0].value or 0) > 0]
    if ahead:
        found.append(Advice(f"Beyond a model with biases are: {', '.join(ahead)}.", "auc", "good"))
    else:
        found.append(Advice("Give the model user and item biases before any weights: no arm is surely better.", "auc"))
    for arm in arms.values():
        effective = arm.figure("effective ratings").value or 0.0
        if effective < n / 2:
            found.append(
                Advice(f"{arm.name}: its weights leave {effective:,.0f} of {n:,} ratings.", "effective ratings", "warn")
            )
    return tuple(found)


def _about(cut: UniformCut) -> dict[str, Any]:
    parts = {"train": cut.train, "uniform sample": cut.sample, "test": cut.test}
    table = {"name": cut.train.name, "users": len(cut.train.user_ids), "items": len(cut.train.item_ids)}
    return {
        **table,
        **{name: len(part) for name, part in parts.items()},
        "checksum of train": cut.train.clicks().checksum,
    }


def _notes(cut: UniformCut, plan: Plan) -> tuple[str, ...]:
    return (
        f"likes: {np.mean(cut.train.values >= plan.threshold):.1%} of train, {np.mean(cut.test.values >= plan.threshold):.1%} of the uniform test",
        f"the naive Bayes arms and all built on them use {len(cut.sample)} uniform labels, which are not in the test; the last seed's test lost {cut.seen} pairs of train too",
        f"l2 of every arm by AUC on {plan.validation:.0%} of train, among {len(plan.l2)} values; then fitted on all of train",
        "naive Bayes weights add up to the number of all pairs, so IPS and SNIPS with them are the same; no weight is clipped",
        "the kernel is on the vectors of the naive model, user and item; weights are exponential in it (the paper learns low-rank ones)",
    )
