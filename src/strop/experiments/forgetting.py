"""How is a fitted model made to forget users, items or clicks, what proves it, and what does it cost?"""

import time
from dataclasses import replace

import numpy as np

from strop.audits.measure import definitions
from strop.audits.membership import forgotten_recall, gap_to_held_out, pair_auc
from strop.audits.outcome import arm, measured
from strop.errors import StropError
from strop.experiments.compare import about
from strop.experiments.requests import Forget
from strop.experiments.running import train, versions
from strop.experiments.unlearning import Plan, reverse_bpr
from strop.models.recommend import ease, ease_update
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.protocols import Scorer
from strop.records import Advice, Clicks, Figure, Result, Split

CAN = "ease forgets exactly, bpr (logistic loss) approximately; for any other model train it again without these clicks"


def forget(
    scorer: Scorer,
    data: Split,
    request: Forget,
    *,
    regularisation: float = 400.0,
    plan: Plan | None = None,
    seed: int = 0,
    draws: int = 2000,
) -> tuple[Scorer, Result]:
    """The model without what was asked for, and what was done with its proof: EASE exactly, BPR's factorisation by reverse BPR.

    data: the split that the model was trained on, `request.parted(data)` has what stays. regularisation: that EASE was
    fitted with; plan: of reverse BPR. An empty request changes nothing, and says so. The figures hold the forgotten
    clicks against clicks that were never trained on: where the gap's interval leaves out 0 they can still be told apart.
    Errors: S216, S301 not this EASE, S305, S307 as `Forget.parted`, and a model that cannot forget.
    """
    if not isinstance(scorer, ease.Ease | MatrixFactorisation):
        kind = getattr(scorer, "KIND", type(scorer).__name__)
        raise StropError("S307", f"a model of the kind {kind} has no way to forget", CAN)
    remaining, gone = request.parted(data)
    start = time.perf_counter()
    if not len(gone):
        after, how, notes = scorer, "nothing", ("no train click is meant: the model is as it was",)
    elif isinstance(scorer, ease.Ease):
        kept, said = ease_update.recovered(scorer, data.train, regularisation=regularisation).without(gone)
        after, how, notes = kept.model(), "exactly", (said,)
    else:
        after, notes = reverse_bpr(scorer, replace(remaining, test=None), gone, plan=plan, seed=seed)
        how = "approximately"
    seconds = time.perf_counter() - start
    return after, _result(scorer, after, data, remaining, gone, request, how, notes, seconds, seed, draws)


def _held_out(data: Split, gone: Clicks, request: Forget) -> Clicks:
    """Never-trained clicks like the forgotten ones: of the same items where only items were named, else of the same users."""
    held_out = data.validation
    if request.items and not request.users and not request.pairs:
        return held_out.take(np.isin(held_out.items, request.items))
    return held_out.take(np.isin(held_out.users, gone.users))


def _result(
    before: Scorer,
    after: Scorer,
    data: Split,
    remaining: Split,
    gone: Clicks,
    request: Forget,
    how: str,
    notes: tuple[str, ...],
    seconds: float,
    seed: int,
    draws: int,
) -> Result:
    truth = remaining.validation if remaining.test is None else remaining.test
    arms = ()
    if len(truth):
        pair = (("before", before), ("after", after))
        arms = tuple(arm(name, measured(one, remaining), draws=draws) for name, one in reversed(pair))
    figures = _proof(before, after, data, remaining, gone, request, draws) if len(gone) else ()
    others = [(n, len(a) - len(b)) for n, a, b in _parts(data, remaining) if len(a) > len(b)]
    taken = [f"{count:,} clicks were taken out of the {name} part" for name, count in others]
    return Result(
        "run",
        f"forgetting on {data.train.name}",
        _verdict(gone, how, figures),
        arms=arms,
        figures=figures,
        advice=_advice(figures, how),
        definitions=definitions(),
        data=about(remaining),
        versions=versions(),
        cost={"seconds to forget": seconds},
        notes=(*notes, *taken),
        seed=seed,
    )


def _parts(data: Split, remaining: Split) -> list[tuple[str, Clicks, Clicks]]:
    pairs = [("validation", data.validation, remaining.validation)]
    if data.test is not None and remaining.test is not None:
        pairs.append(("test", data.test, remaining.test))
    return pairs


def _proof(
    before: Scorer, after: Scorer, data: Split, remaining: Split, gone: Clicks, request: Forget, draws: int
) -> tuple[Figure, ...]:
    same = _held_out(data, gone, request)
    seen = [part for part in (remaining.train, data.validation, data.test) if part is not None]
    found = []
    for name, model in (("before", before), ("after", after)):
        figures = (
            forgotten_recall(model, gone, [remaining.train], draws=draws),
            pair_auc(model, gone, seen, draws=draws),
            gap_to_held_out(model, gone, same, seen, draws=draws),
        )
        found += [replace(one, name=f"{one.name}, {name}") for one in figures]
    level = forgotten_recall(after, same, [remaining.train], draws=draws)
    return (*found, replace(level, name="recall@20 of never-trained clicks, after"))


def _verdict(gone: Clicks, how: str, figures: tuple[Figure, ...]) -> str:
    if how == "nothing":
        return "Nothing was to be forgotten: the model is as it was."
    users, items = len(np.unique(gone.users)), len(np.unique(gone.items))
    counted = f"{_count(len(gone), 'click')} of {_count(users, 'user')} on {_count(items, 'item')}"
    if how == "exactly":
        return f"Forgot {counted} exactly: the weights are those of a fit without them."
    by_name = {one.name: one.value for one in figures}
    before, after, level = (
        by_name[name]
        for name in (
            "recall@20 of forgotten clicks, before",
            "recall@20 of forgotten clicks, after",
            "recall@20 of never-trained clicks, after",
        )
    )
    told = "" if level is None else f"; of clicks never trained on it finds {level:.0%}"
    return f"Forgot {counted} approximately: the lists found {before:.0%} of them, and now {after:.0%}{told}."


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _advice(figures: tuple[Figure, ...], how: str) -> tuple[Advice, ...]:
    gap = next((one for one in figures if one.name == "auc gap to held-out clicks, after"), None)
    if how != "approximately" or gap is None or gap.value is None or gap.low is None or gap.high is None:
        return ()
    shown = f"auc gap {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
    if gap.low > 0:
        return (
            Advice(
                "By scores the clicks can still be told from never-seen ones: train again where that matters",
                shown,
                "warn",
            ),
        )
    if gap.high < 0:
        return (
            Advice(
                "The clicks now stand below never-seen ones, which marks them too: train again where that matters",
                shown,
                "warn",
            ),
        )
    return (Advice("By scores the clicks cannot be told from never-seen ones", shown, "good"),)


def quote(data: Split, *, users: int = 3, seed: int = 0, bpr: tuple[Scorer, float] | None = None) -> tuple[Figure, ...]:
    """What forgetting one user costs here: EASE's exact update and BPR's approximate way, each beside training again.

    users: how many are tried, drawn at random, one at a time; CPU seconds and milliseconds of this machine. bpr: a model
    that was trained on these data already, and the CPU seconds it took. Errors: S209 nobody to forget, S301 users below 1.
    """
    active = np.flatnonzero(np.diff(data.train.indptr))
    if users < 1:
        raise StropError("S301", f"users is {users}", "at least 1")
    if len(active) < 2:
        raise StropError("S209", "fewer than two users have clicks")
    chosen = np.random.default_rng([seed, 9]).choice(active, min(users, len(active) - 1), replace=False)
    requests = [Forget(users=(int(user),)) for user in chosen]
    if bpr is None:
        trained, cost = train("bpr", data, seed=seed, settings={})
        bpr = trained.scorer, cost["cpu_seconds"]
    return (*_quote_ease(data, requests), *_quote_bpr(data, requests, seed, *bpr))


def _quote_ease(data: Split, requests: list[Forget]) -> tuple[Figure, ...]:
    kept, updates, refits, errors = ease_update.fit(data.train), [], [], []
    for request in requests:
        remaining, gone = request.parted(data)
        start = time.process_time()
        found, _ = kept.without(gone)
        middle = time.process_time()
        gold = ease_update.fit(remaining.train)
        refits.append(time.process_time() - middle)
        updates.append(middle - start)
        errors.append(float(np.abs(found.weights() - gold.weights()).max()))
    n = len(requests)
    return (
        Figure("ease: milliseconds to forget a user, cost", 1e3 * float(np.median(updates)), n=n),
        Figure("ease: milliseconds to fit again, cost", 1e3 * float(np.median(refits)), n=n),
        Figure("ease: largest error of a weight", max(errors), n=n),
    )


def _quote_bpr(data: Split, requests: list[Forget], seed: int, model: Scorer, again: float) -> tuple[Figure, ...]:
    seconds, kept, gaps = [], [], []
    assert isinstance(model, MatrixFactorisation)
    for request in requests:
        remaining, gone = request.parted(data)
        start = time.process_time()
        after, _ = reverse_bpr(model, replace(remaining, test=None), gone, seed=seed)
        seconds.append(time.process_time() - start)
        ours, theirs = (measured(one, remaining).values["recall@20"] for one in (after, model))
        kept.append(ours / theirs if theirs > 0 else np.nan)
        seen = [part for part in (remaining.train, data.validation, data.test) if part is not None]
        gap = gap_to_held_out(after, gone, data.validation.take(request.mask(data.validation)), seen, draws=2).value
        gaps.append(np.nan if gap is None else gap)
    n, share, gap_left = len(requests), float(np.mean(kept)), float(np.mean(gaps))
    return (
        Figure("bpr: seconds to forget a user, cost", float(np.median(seconds)), n=n),
        Figure("bpr: seconds to train again, cost", again, n=1),
        Figure("bpr: share of recall@20 kept", share if np.isfinite(share) else None, n=n),
        Figure(
            "bpr: auc gap of the forgotten clicks to held-out ones", gap_left if np.isfinite(gap_left) else None, n=n
        ),
    )
