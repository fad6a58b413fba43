"""Which ways are there to make a factorisation forget, from training again to only hiding, and what does each leave behind?"""

from dataclasses import dataclass, replace
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt
import torch

from strop.audits.ranking import per_user, top_k
from strop.errors import StropError
from strop.experiments.running import train
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.models.recommend.settings import check_least
from strop.models.recommend.unlearning import UnlearningLearner, fallen_back
from strop.protocols import Scorer
from strop.records import Clicks, Split
from strop.training import Fitted, fit

Array = npt.NDArray[Any]
K = 20
FEW = 20  # fewer never-seen clicks of the same users than this say nothing: then those of all users are taken


@dataclass(frozen=True)
class Plan:
    """How reverse BPR is run: its strength against a retained click, at most so many reverse epochs, then retain epochs.

    rate, l2, bias_rate: as the model was trained; history: how many epochs' gradients its steps are as small as after;
    patience: reverse epochs without a smaller gap before they stop, more than 1 where few clicks make it noisy.
    strength 0.5, 15 and 3 epochs and history 20 were chosen on ML-100K (seeds 101 to 103, validation clicks only).
    """

    strength: float = 0.5
    reverse_epochs: int = 15
    retain_epochs: int = 3
    history: float = 20.0
    rate: float = 0.05
    l2: float = 0.02
    bias_rate: float = 0.0
    push: Literal["reverse", "ascent"] = "reverse"
    patience: int = 4

    def __post_init__(self) -> None:
        check_least("reverse_epochs", self.reverse_epochs, 1)
        check_least("retain_epochs", self.retain_epochs, 0)
        check_least("patience", self.patience, 1)

    def learner(
        self, model: MatrixFactorisation, retain: Clicks, forget: Clicks, *, strength: float, seed: int
    ) -> UnlearningLearner:
        """The learner that goes on from this model; strength 0 for fine-tuning."""
        steps = {"rate": self.rate, "l2": self.l2, "bias_rate": self.bias_rate, "history": self.history}
        return UnlearningLearner(model, retain, forget, strength=strength, push=self.push, seed=seed, **steps)


def reverse_bpr(
    model: MatrixFactorisation, data: Split, forget: Clicks, *, plan: Plan | None = None, seed: int = 0
) -> tuple[MatrixFactorisation, tuple[str, ...]]:
    """The model made to forget, approximately: reverse passes until its lists hold the clicks as if never trained on.

    data: what stays (its train part without `forget`; its validation part sets the level). A model retrained without the
    clicks would find them as often as other clicks of the same users that it never saw: so the passes stop at
    the first where recall@20 of the forgotten clicks is not above that of these users' validation clicks; then retain epochs follow.
    A user or item left without any click loses its own vector instead (`fallen_back`).
    Returns the model and what was done, a sentence each. Errors: S305 no validation click to tell the level by.
    Paper: mmrecun2024; the stop rule is ours. Not for: a promise that no trace is left, for which only training again is.
    """
    plan = plan or Plan()
    start = fallen_back(model, data.train, forget)
    live = _live(forget, data.train)
    notes = [f"{_whole(forget, data.train)} without a click left: the own vector gives way to a mean of others"] * (
        len(live) < len(forget)
    )
    if not len(live):
        return fine_tune(start, data.train, epochs=plan.retain_epochs, plan=plan, seed=seed), tuple(notes)
    if not len(data.validation):
        raise StropError("S305", "without validation clicks the level to stop at cannot be told", "train again instead")
    same = comparable(data.validation, live)
    learner = plan.learner(start, data.train, live, strength=plan.strength, seed=seed)
    if _gap(start, live, same, data.train) > 0:
        done = fit(
            learner,
            epochs=plan.reverse_epochs,
            validate=lambda scorer: -max(0.0, _gap(scorer, live, same, data.train)),
            validate_every=1,
            patience=plan.patience,
            name="reverse bpr",
        )
        notes.append(_said(done, plan, len(same)))
    else:
        notes.append("no reverse pass: the lists hold these clicks no more than never-seen ones")
    return _tuned(learner, data.train, epochs=plan.retain_epochs, plan=plan, seed=seed), tuple(notes)


def _said(done: Fitted, plan: Plan, n: int) -> str:
    epochs = f"{done.best_epoch} reverse epoch{'s' * (done.best_epoch != 1)}"
    level = f"the level of {n:,} never-trained clicks (recall@{K})"
    way = f"until {level} was met" if done.best == 0 else f"which ended {-done.best:.3f} above {level}"
    return f"{epochs}, {way}; then {plan.retain_epochs} on what stays"


def _tuned(learner: UnlearningLearner, retain: Clicks, *, epochs: int, plan: Plan, seed: int) -> MatrixFactorisation:
    """The learner's model after retain epochs, with its step lengths kept."""
    model = _factorisation(learner.scorer())
    further = plan.learner(model, retain, retain.take(slice(0)), strength=0, seed=seed + 2)
    further.load(learner.state())
    return model if epochs == 0 else _factorisation(fit(further, epochs=epochs, name="on what stays").scorer)


def fine_tune(
    model: MatrixFactorisation, retain: Clicks, *, epochs: int, plan: Plan | None = None, seed: int = 0
) -> MatrixFactorisation:
    """BPR continued on what stays: the clicks to forget become possible rivals, and nothing else happens to them.

    Ours: a control. Not for: forgetting; in few epochs it forgets next to nothing.
    """
    plan = plan or Plan()
    learner = plan.learner(model, retain, retain.take(slice(0)), strength=0, seed=seed)
    return model if epochs == 0 else _factorisation(fit(learner, epochs=epochs, name="fine-tuning").scorer)


def gradient_ascent(
    model: MatrixFactorisation, data: Split, forget: Clicks, *, plan: Plan | None = None, seed: int = 0
) -> tuple[MatrixFactorisation, tuple[str, ...]]:
    """`reverse_bpr` with BPR's own loss driven up in place of the reversed one: l(h) grows without bound as h falls.

    Ours: a baseline under the same schedule and stop rule. Not for: use.
    """
    return reverse_bpr(model, data, forget, plan=replace(plan or Plan(), push="ascent"), seed=seed)


def _factorisation(scorer: Scorer) -> MatrixFactorisation:
    assert isinstance(scorer, MatrixFactorisation)
    return scorer


def _live(forget: Clicks, retain: Clicks) -> Clicks:
    """The clicks whose user and item keep other clicks."""
    users = np.diff(retain.indptr)
    return forget.take((users[forget.users] > 0) & (retain.popularity[forget.items] > 0))


def _whole(forget: Clicks, retain: Clicks) -> str:
    users = int((np.diff(retain.indptr)[np.unique(forget.users)] == 0).sum())
    items = int((retain.popularity[np.unique(forget.items)] == 0).sum())
    return " and ".join(f"{n:,} {what}{'s' * (n != 1)}" for n, what in ((users, "user"), (items, "item")) if n)


def comparable(held_out: Clicks, forget: Clicks) -> Clicks:
    """The held-out clicks of the users of `forget`; of everybody where these are fewer than 20."""
    same = held_out.take(np.isin(held_out.users, np.unique(forget.users)))
    return same if len(same) >= FEW else held_out


def _gap(scorer: Scorer, forget: Clicks, same: Clicks, retain: Clicks) -> float:
    """recall@20 of the clicks to forget minus that of comparable never-trained ones, with only what stays masked."""
    users = np.union1d(forget.users, same.users)
    top = np.full((scorer.n_users, K), -1)
    top[users] = top_k(scorer, [retain], k=K, users=users)
    ours, theirs = (float(per_user(top, part, k=K)[1]["recall"].mean()) for part in (forget, same))
    return ours - theirs


@dataclass(frozen=True, eq=False)
class Shards:
    """Users parted at random, a BPR model for each part; forgetting trains only the touched parts again, exactly.

    models: one a shard, over all users and items; of_user: (n_users,) the shard of each. Each user is scored by their own.
    Paper: sisa2021. Not for: accuracy, as each part learns items from a share of the users; requests that touch all parts.
    """

    models: tuple[MatrixFactorisation, ...]
    of_user: Array
    seed: int
    settings: dict[str, Any]

    def scorer(self) -> MatrixFactorisation:
        """All shards as one model whose vectors lie side by side: a user's is 0 outside their own shard's part."""
        left = [model.left.numpy() * (self.of_user == s)[:, None] for s, model in enumerate(self.models)]
        right = [model.right.numpy() for model in self.models]
        return MatrixFactorisation(np.hstack(left), np.hstack(right), np.zeros(len(right[0]), np.float32))

    def without(self, data: Split, forget: Clicks) -> tuple["Shards", int]:
        """The same after `forget`, and how many shards were trained again. data: what stays."""
        touched = np.unique(self.of_user[forget.users])
        models = list(self.models)
        for shard in touched:
            models[shard] = _shard(data, self.of_user == shard, self.seed, self.settings)
        return replace(self, models=tuple(models)), len(touched)


def _shard(data: Split, users: Array, seed: int, settings: dict[str, Any]) -> MatrixFactorisation:
    parts = (part.take(users[part.users]) for part in (data.train, data.validation))
    own = Split(*parts, None)
    return _factorisation(train("bpr", own, seed=seed, settings=settings)[0].scorer)


def sharded(data: Split, *, shards: int = 5, seed: int = 0, settings: dict[str, Any] | None = None) -> Shards:
    """BPR in `shards` parts of the users, drawn at random. Errors: S301 fewer than 2. Paper: sisa2021. Not for: accuracy."""
    check_least("shards", shards, 2)
    of_user = np.random.default_rng([seed, 6]).permutation(data.train.n_users) % shards
    settings = settings or {}
    models = tuple(_shard(data, of_user == shard, seed, settings) for shard in range(shards))
    return Shards(models, of_user, seed, settings)


@final
class Masked:
    """A model that is served as it is, but never shows its users these clicks.

    Ours: a control. Not for: forgetting; the model still holds them, and what is missing from a list marks them.
    """

    def __init__(self, scorer: Scorer, hidden: Clicks) -> None:
        self.scorer, self.hidden = scorer, hidden
        self.n_users, self.n_items = scorer.n_users, scorer.n_items

    def score(self, users: Array) -> torch.Tensor:
        """(len(users), n_items) float32, -inf for what is hidden."""
        scores: torch.Tensor = self.scorer.score(users).clone()
        for row, user in enumerate(users):
            scores[row, torch.from_numpy(self.hidden.items_of(int(user)).astype(np.int64))] = -torch.inf
        return scores

    def score_list(self, items: Array) -> Any:
        """(n_items,): as the model under it."""
        return self.scorer.score_list(items)

    def similar(self, item: int) -> Any:
        """(n_items,): as the model under it."""
        return self.scorer.similar(item)

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """That of the model under it: nothing was forgotten."""
        return self.scorer.state()
