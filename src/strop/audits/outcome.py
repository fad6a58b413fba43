"""How does a trained model do on a part of a split, as an arm that can be compared and drawn?"""

from collections.abc import Callable
from typing import Any

from strop.audits.measure import GAMMAS, Measured, measure
from strop.audits.ranking import per_user, top_k
from strop.errors import StropError
from strop.protocols import Scorer
from strop.records import Arm, Split

K = 20


def validator(data: Split, *, k: int = K) -> Callable[[Scorer], float]:
    """NDCG@K on the validation part, by full ranking: what every selection in the house goes by. Ours: a rule.

    Errors: S209 nobody likes anything there.
    """
    if not len(data.validation):
        raise StropError("S209", "the validation part has no click", "give it a larger share, or more data")

    def figure(scorer: Scorer) -> float:
        top = top_k(scorer, [data.train], k=k)
        return float(per_user(top, data.validation, k=k)[1]["ndcg"].mean())

    return figure


def measured(scorer: Scorer, data: Split, *, k: int = K, gammas: tuple[float, ...] = GAMMAS) -> Measured:
    """The model's lists against the test part, or against validation where there is none.

    Train is masked, and validation too where the test part is measured. Ours: full ranking as in audits.ranking.
    """
    if data.test is None:
        return measure(top_k(scorer, [data.train], k=k), train=data.train, truth=data.validation, k=k, gammas=gammas)
    top = top_k(scorer, [data.train, data.validation], k=k)
    return measure(top, train=data.train, truth=data.test, k=k, gammas=gammas)


def arm(
    name: str,
    found: Measured,
    *,
    draws: int = 2000,
    settings: dict[str, Any] | None = None,
    curve: tuple[tuple[float | None, ...], ...] = (),
    cost: dict[str, float] | None = None,
    trials: int = 0,
    note: str = "",
) -> Arm:
    """A measured model with its figures, its exposure by popularity and what it took. Ours: a record."""
    figures = found.figures(draws=draws)
    return Arm(name, figures, settings or {}, curve, found.points(), cost or {}, trials, note)
