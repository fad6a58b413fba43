"""Which recipe is best on these clicks, chosen fairly? The same splits, seeds and tuning budget for every arm."""

import itertools
import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from strop.audits import intervals
from strop.audits.measure import Measured, definitions, measure, paired_with_p
from strop.audits.outcome import arm, measured
from strop.catalogue import parameters, recipe_constants
from strop.errors import StropError
from strop.experiments.running import ANCHORS, check_recipe, peak_megabytes, run_arm, search_of, train, versions
from strop.records import Arm, Difference, Figure, Result, Split

log = logging.getLogger("strop.compare")
MAIN = ("recall@20", "ndcg@20", "reo@20", "di@20 gamma=1.0")
KEPT = 0.99  # an arm that lowers bias may cost at most this share of its own unpenalised recall on validation


@dataclass(frozen=True)
class Trial:
    """One setting tried: its figures on validation, or why it could not be run."""

    settings: dict[str, Any]
    recall: float | None
    ndcg: float | None
    reo: float | None
    note: str = ""


def candidates(search: dict[str, list[Any]], *, trials: int, seed: int) -> list[dict[str, Any]]:
    """At most `trials` settings from the product of the values: the defaults first, then others in a seeded order."""
    grid = [dict(zip(search, values, strict=True)) for values in itertools.product(*search.values())]
    order = np.random.default_rng([seed, 5]).permutation(len(grid) - 1) + 1 if len(grid) > 1 else []
    return [grid[0], *(grid[i] for i in order)][: max(trials, 1)]


def _tried(name: str, data: Split, settings: dict[str, Any], fixed: dict[str, Any], seed: int) -> Trial:
    try:
        found = measured(train(name, data, seed=seed, settings={**fixed, **settings})[0].scorer, data.without_test())
    except StropError as error:
        if error.code not in ("S502", "S601"):
            raise
        return Trial(settings, None, None, None, error.message)
    return Trial(settings, *(found.values[f] for f in ("recall@20", "ndcg@20", "reo@20")))


def chosen(trials: list[Trial], reference: Trial | None, *, kept_share: float = KEPT) -> Trial:
    """The best NDCG@20; for an arm that lowers bias the lowest REO whose recall keeps `kept_share` of the reference's."""
    ran = [t for t in trials if t.ndcg is not None]
    if not ran:
        raise StropError("S601", trials[0].note or "no trial could be run", "other settings, or leave this arm out")
    if reference is None or reference.recall is None:
        return max(ran, key=lambda t: t.ndcg or 0.0)
    kept = [t for t in ran if (t.recall or 0) >= kept_share * reference.recall]
    if not kept:
        return max(ran, key=lambda t: t.recall or 0.0)
    return min(kept, key=lambda t: np.inf if t.reo is None or np.isnan(t.reo) else t.reo)


def tune(
    name: str, data: Split, *, trials: int, seed: int, fixed: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[Trial]]:
    """The settings that validation chose among `trials`, and all that was tried; the test part is out of reach.

    A recipe with a constant AIM lowers bias: {"off": settings without its effect}; the others go by NDCG@20.
    """
    fixed = fixed or {}
    aim = recipe_constants(name).get("AIM")
    settings = candidates({k: v for k, v in search_of(name).items() if k not in fixed}, trials=trials, seed=seed)
    tried = []
    for number, one in enumerate(settings):
        tried.append(_tried(name, data, one, fixed, seed))
        log.info("%s: trial %d of %d", name, number + 1, len(settings), extra={"share": (number + 1) / len(settings)})
    off = _tried(name, data, aim["off"], fixed, seed) if aim else None
    return {**fixed, **chosen(tried, off).settings}, tried + ([off] if off else [])


def _over_seeds(runs: list[tuple[Arm, Measured]], trials: int) -> Arm:
    """One arm from its seeds: the mean of each figure, with the wider of the users' and the seeds' intervals."""
    first = runs[0][0]
    figures = tuple(_mean(figure, [found.values[figure.name] for _, found in runs])[0] for figure in first.figures)
    cost = {name: float(np.mean([arm.cost[name] for arm, _ in runs])) for name in first.cost}
    return replace(first, figures=figures, cost=cost, trials=trials)


def _mean(figure: Figure, by_seed: list[float]) -> tuple[Figure, float | None]:
    """The seeds' mean of a figure whose interval is over users, with the wider interval, and the p of the seeds."""
    if figure.value is None or not np.isfinite(by_seed).all():
        return figure, None
    mean, low, high, p = intervals.paired_t(by_seed)
    shift = mean - figure.value
    known = []
    if figure.low is not None and figure.high is not None:
        known.append((figure.low + shift, figure.high + shift))
    if low is not None and high is not None:
        known.append((low, high))
    bounds = intervals.wider(known[0], known[-1]) if known else (None, None)
    return Figure(figure.name, mean, *bounds, figure.n), p


def differences(
    runs: dict[str, list[Measured]], *, baseline: str, names: tuple[str, ...] = MAIN, draws: int = 2000
) -> tuple[Difference, ...]:
    """Each arm minus the baseline, paired by user and by seed, with the wider interval; p adjusted (Holm) over all."""
    found: list[Difference] = []
    for name, ours in runs.items():
        if name == baseline:
            continue
        theirs = runs[baseline]
        for figure, p in paired_with_p(ours[0], theirs[0], names=names, draws=draws):
            steps = [a.values[figure.name] - b.values[figure.name] for a, b in zip(ours, theirs, strict=True)]
            averaged, p_seeds = _mean(figure, steps)
            found.append(
                Difference(name, baseline, averaged, max((x for x in (p, p_seeds) if x is not None), default=None))
            )
    adjusted = intervals.holm([one.p for one in found])
    return tuple(replace(one, p=None if np.isnan(p) else float(p)) for one, p in zip(found, adjusted, strict=True))


def compare(
    data: Split,
    arms: tuple[str, ...] = ("bpr", "ials", "ease", "ipl"),
    *,
    baseline: str = "bpr",
    trials: int = 20,
    seeds: int = 10,
    seed: int = 0,
    draws: int = 2000,
    lists: dict[str, Any] | None = None,
) -> Result:
    """Trains all arms on the same split and seeds, each tuned with the same number of trials, and sets them side by side.

    lists: name -> (n_users, k) top lists made by other tools, measured in the same way. Popularity, EASE and iALS are
    always there. Errors: S102 unknown recipe, S301 seeds or trials below 1.
    """
    if trials < 1 or seeds < 1:
        raise StropError("S301", f"trials {trials}, seeds {seeds}", "at least one of each")
    names = tuple(dict.fromkeys([*_continued(arms), *arms, baseline, *ANCHORS]))
    check_recipe(baseline)
    made: dict[str, Arm] = {}
    runs: dict[str, list[Measured]] = {}
    notes = []
    for name in names:
        try:
            settings, tried = tune(name, data, trials=trials, seed=seed, fixed=_inherited(name, made))
        except StropError as error:
            if name in arms or error.code not in ("S502", "S601"):
                raise
            notes.append(error.message)
            continue
        per_seed = [
            run_arm(name, data, seed=seed + i, settings=settings, draws=0 if i else draws)[:2] for i in range(seeds)
        ]
        runs[name] = [found for _, found in per_seed]
        made[name] = _over_seeds(per_seed, len(tried))
        log.info("%s: done", name)
    for name, top in (lists or {}).items():
        made[name], found = outside(name, top, data, draws)
        runs[name] = [found] * seeds
    gaps = differences(runs, baseline=baseline, draws=draws)
    verdict = verdict_of(list(made.values()), gaps, baseline)
    return Result(
        "comparison",
        f"{len(made)} arms on {data.train.name}",
        verdict,
        arms=tuple(made.values()),
        differences=gaps,
        definitions=definitions(),
        settings={"trials": trials, "seeds": seeds, "baseline": baseline, "draws": draws, "split": data.kind},
        data=about(data),
        versions=versions(),
        cost={"peak_megabytes": peak_megabytes()},
        notes=(
            *data.notes,
            *notes,
            f"chosen on validation by NDCG@20; arms that lower bias by the lowest REO that keeps {KEPT:.0%} of recall",
        ),
        seed=seed,
    )


def _continued(arms: tuple[str, ...]) -> list[str]:
    """The recipes that some of these continue: tuned first, and shown beside them."""
    for name in arms:
        check_recipe(name)
    return [base for name in arms if (base := recipe_constants(name).get("CONTINUES"))]


def _inherited(name: str, made: dict[str, Arm]) -> dict[str, Any]:
    """The chosen settings of the recipe that this one continues, as far as it has them."""
    base = made.get(recipe_constants(name).get("CONTINUES", ""))
    known = {p.name for p in parameters(name)}
    return {} if base is None else {k: v for k, v in base.settings.items() if k in known}


def outside(name: str, top: Any, data: Split, draws: int) -> tuple[Arm, Measured]:
    truth = data.validation if data.test is None else data.test
    found = measure(top, train=data.train, truth=truth)
    return arm(name, found, draws=draws, note="lists made by another tool"), found


def recall_of(arm: Arm) -> Figure:
    """An arm's recall@20."""
    return arm.figure("recall@20")


def about(data: Split) -> dict[str, Any]:
    """What a result says of its data."""
    table = {"name": data.train.name, "users": data.train.n_users, "items": data.train.n_items}
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    sizes = {name: len(part) for name, part in parts.items() if part is not None}
    return {**table, **sizes, "split": data.kind, "split seed": data.seed, "checksum of train": data.train.checksum}


def verdict_of(arms: list[Arm], gaps: tuple[Difference, ...], baseline: str) -> str:
    """One or two sentences with their figures: who is most accurate, what the baseline is worth, what lowering bias cost."""
    by_name = {arm.name: arm for arm in arms}
    best = max(arms, key=lambda arm: arm.figure("recall@20").value or 0.0)
    top = best.figure("recall@20")
    words = [f"{best.name} recommends best here: recall@20 {top.value:.3f}" + _range(top) + "."]
    ease, base = by_name.get("ease"), by_name.get(baseline)
    below = [
        arm.name
        for arm in arms
        if ease
        and arm.name not in ANCHORS
        and (arm.figure("recall@20").high or 0) < (ease.figure("recall@20").value or 0)
    ]
    if below:
        words.append(f"Below EASE: {', '.join(below)}.")
    if base:
        for arm in arms:
            if arm.name in (baseline, *ANCHORS) or not recipe_has_aim(arm.name):
                continue
            words.append(_traded(arm, base, gaps))
    return " ".join(words)


def recipe_has_aim(name: str) -> bool:
    """Whether a recipe is one that lowers popularity bias."""
    try:
        return "AIM" in recipe_constants(name)
    except LookupError:
        return False


def _range(figure: Figure) -> str:
    return "" if figure.low is None else f" [{figure.low:.3f}, {figure.high:.3f}]"


def _traded(arm: Arm, base: Arm, gaps: tuple[Difference, ...]) -> str:
    changes = {d.figure.name: d.figure for d in gaps if d.arm == arm.name}
    words = []
    for name, said in (("reo@20", "the popularity gap in hits (REO)"), ("recall@20", "recall@20")):
        start, change = base.figure(name).value, changes.get(name)
        if not start or change is None or change.value is None:
            continue
        sure = change.low is not None and (change.low > 0 or (change.high or 0) < 0)
        direction = "lower" if change.value < 0 else "higher"
        words.append(f"{said} is {abs(change.value) / start:.1%} {direction}" + ("" if sure else " (within chance)"))
    return f"{arm.name} against {base.name}: " + ", ".join(words) + "." if words else ""
