"""Does reverse BPR forget as training again would, at once? One split of the receipt: every way to forget, measured beside the retrained model."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from strop.audits.measure import paired
from strop.audits.membership import forgotten_recall, gap_to_held_out, gap_to_retrained, list_overlap, pair_auc
from strop.audits.outcome import measured
from strop.audits.ranking import per_user, top_k
from strop.experiments.requests import Forget
from strop.experiments.running import train
from strop.experiments.unlearning import Masked, Plan, fine_tune, gradient_ascent, reverse_bpr, sharded
from strop.experiments.worlds import planted_likes
from strop.feedback import datasets
from strop.feedback.splits import split
from strop.losses.pairwise import logistic
from strop.models.recommend import ease_update
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.models.recommend.unlearning import UnlearningLearner, fallen_back
from strop.protocols import Scorer
from strop.records import Clicks, Split

FIGURES = ("recall@20", "ndcg@20")
FORGOTTEN = "forgotten recall@20"
DRAWS = 2000


def request_of(train_part: Clicks, about: dict[str, Any], seed: int) -> Forget:
    """A share of the interactions, or of the users with their whole history, drawn at random."""
    generator = np.random.default_rng([seed, 77])
    if about["forget"] == "users":
        chosen = generator.choice(train_part.n_users, round(about["share"] * train_part.n_users), replace=False)
        return Forget(users=tuple(int(user) for user in chosen))
    rows = generator.choice(len(train_part), round(about["share"] * len(train_part)), replace=False)
    pairs = zip(train_part.users[rows].tolist(), train_part.items[rows].tolist(), strict=True)
    return Forget(pairs=tuple(pairs))


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """Trains once on everything, forgets in every way, trains again without: a row of plain values for the receipt."""
    about = rule["data"][data_name]
    clicks = datasets.load(about["name"], k_core=about["k_core"]).clicks
    data = split(clicks, seed=seed, shares=tuple(about["shares"]))
    remaining, gone = request_of(data.train, about, seed).parted(data)
    arms, seconds, notes = models_of(rule, data, remaining, gone, seed)
    gold = arms["gold"]
    found = {name: measured(model, remaining) for name, model in arms.items()}
    figures: dict[str, dict[str, float | None]] = {}
    halves: dict[str, dict[str, float]] = {}
    for name, model in arms.items():
        figures[name] = {f: found[name].value(f) for f in FIGURES}
        figures[name] |= _membership(model, gold, data, remaining, gone)
        figures[name] |= {"cpu seconds": seconds[name], "share of gold's time": seconds[name] / seconds["gold"]}
        if name != "gold":
            steps = paired(found[name], found["gold"], names=FIGURES, draws=DRAWS)
            halves[f"{name} - gold"] = {f.name: (f.high - f.low) / 2 for f in steps if f.low is not None and f.high}
            halves[f"{name} - gold"] |= _forgotten_half(model, gold, remaining, gone)
    return {
        "data": data_name,
        "seed": seed,
        "checksum": data.train.checksum,
        "settings": {"reverse_bpr": rule["arms"]["reverse_bpr"], "notes": notes},
        "figures": figures,
        "half widths": halves,
    }


def models_of(
    rule: dict[str, Any], data: Split, remaining: Split, gone: Clicks, seed: int
) -> tuple[dict[str, Scorer], dict[str, float], list[str]]:
    """Each arm's model, and the CPU seconds from the request to it."""
    hidden, left = data.without_test(), remaining.without_test()
    plan = Plan(patience=1, **rule["arms"]["reverse_bpr"])  # what the receipt was run with
    base = _bpr(hidden, seed)
    parts = sharded(hidden, shards=rule["arms"]["shards"]["shards"], seed=seed)
    notes: list[str] = []

    def reverse() -> Scorer:
        model, said = reverse_bpr(base, left, gone, plan=plan, seed=seed)
        notes.extend(said)
        return model

    def tuned(epochs: int) -> Scorer:
        return fine_tune(fallen_back(base, left.train, gone), left.train, epochs=epochs, plan=plan, seed=seed)

    ways: dict[str, Callable[[], Scorer]] = {
        "gold": lambda: fallen_back(_bpr(left, seed), left.train, gone),
        "gold, another start": lambda: fallen_back(_bpr(left, seed + 1000), left.train, gone),
        "original": lambda: base,
        "reverse_bpr": reverse,
        "fine_tune": lambda: tuned(rule["arms"]["fine_tune"]["epochs"]),
        "fine_tune long": lambda: tuned(rule["arms"]["fine_tune long"]["epochs"]),
        "gradient_ascent": lambda: gradient_ascent(base, left, gone, plan=plan, seed=seed)[0],
        "shards": lambda: fallen_back(parts.without(left, gone)[0].scorer(), left.train, gone),
        "masking": lambda: Masked(base, gone),
    }
    arms, seconds = {}, {}
    for name, way in ways.items():
        start = time.process_time()
        arms[name] = way()
        seconds[name] = time.process_time() - start
    return arms, seconds, notes


def _bpr(data: Split, seed: int) -> MatrixFactorisation:
    scorer = train("bpr", data, seed=seed, settings={})[0].scorer
    assert isinstance(scorer, MatrixFactorisation)
    return scorer


def _membership(model: Scorer, gold: Scorer, data: Split, remaining: Split, gone: Clicks) -> dict[str, float | None]:
    assert data.test is not None
    seen = [remaining.train, data.validation, data.test]
    same = data.validation.take(np.isin(data.validation.users, gone.users))
    retained, draws = [remaining.train], 2
    own, theirs = (forgotten_recall(one, gone, retained, draws=draws).value for one in (model, gold))
    auc_gap = gap_to_retrained(model, gold, gone, seen, draws=draws).value
    lists = [top_k(one, [remaining.train, remaining.validation]) for one in (model, gold)]
    return {
        FORGOTTEN: own,
        "forgotten recall@20, gap to gold": None if own is None or theirs is None else abs(own - theirs),
        "forgotten auc": pair_auc(model, gone, seen, draws=draws).value,
        "forgotten auc, gap to gold": None if auc_gap is None else abs(auc_gap),
        "forgotten auc, gap to held-out": gap_to_held_out(model, gone, same, seen, draws=draws).value,
        "overlap with gold's lists": list_overlap(*lists, draws=draws).value,
    }


def _forgotten_half(model: Scorer, gold: Scorer, remaining: Split, gone: Clicks) -> dict[str, float]:
    """Half width, over resampled users, of the difference to gold in the recall of forgotten clicks."""
    from strop.audits.intervals import bootstrap_mean

    ours, theirs = (per_user(top_k(one, [remaining.train]), gone, k=20)[1]["recall"] for one in (model, gold))
    _, low, high = bootstrap_mean(ours - theirs, draws=DRAWS)
    return {FORGOTTEN: (high - low) / 2}


def exact(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """What must hold to the last digit before any figure counts."""
    found = []
    bits, error, away = float(same_at_zero()), reverse_error(), ease_error()
    found.append(
        {"name": "strength 0", "text": "the very bytes of BPR continued on what stays", "value": bits, "met": bits == 1}
    )
    found.append(
        {
            "name": "reverse loss",
            "text": "slope 1 is the loss of the turned margin, to 1e-12",
            "value": error,
            "met": error < 1e-12,
        }
    )
    found.append({"name": "ease", "text": "EASE's update equals the refit, to 1e-8", "value": away, "met": away < 1e-8})
    return found


def same_at_zero() -> bool:
    """Whether strength 0 with clicks to forget gives what fine-tuning gives, bit for bit."""
    data = planted_likes(seed=0, users=200, items=100).without_test()
    mask = np.arange(len(data.train)) % 20 == 0
    stay, gone = data.train.take(~mask), data.train.take(mask)
    model = train("bpr", data, seed=0, settings={"epochs": 5, "patience": 0})[0].scorer
    assert isinstance(model, MatrixFactorisation)
    learner = UnlearningLearner(model, stay, gone, strength=0, seed=3)
    for number in range(3):
        learner.epoch(number)
    plain = fine_tune(model, stay, epochs=3, plan=replace(Plan(), strength=0), seed=3)
    return all(np.array_equal(a, plain.state()[name]) for name, a in learner.scorer().state().items())


def reverse_error() -> float:
    """The largest |logistic(h, slope=1) - logistic(-h)|, over the larger of it and 1."""
    h = torch.linspace(-60, 60, 241, dtype=torch.float64)
    ours, turned = logistic(h, slope=1.0), logistic(-h)
    return float(((ours - turned).abs() / turned.clamp(min=1)).max())


def ease_error() -> float:
    """The largest difference of a weight between EASE's update and the refit, over ten users of a planted world."""
    clicks = planted_likes(seed=0, users=200, items=100).train
    kept = ease_update.fit(clicks, regularisation=20.0)
    worst = 0.0
    for user in range(10):
        updated, _ = kept.without(clicks.take(clicks.users == user))
        gold = ease_update.fit(clicks.take(clicks.users != user), regularisation=20.0)
        worst = max(worst, float(np.abs(updated.weights() - gold.weights()).max()))
    return worst
