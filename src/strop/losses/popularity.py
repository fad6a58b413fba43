"""How unevenly does a model serve popular and unpopular items? Penalties over a whole table: each is one scalar."""

import torch

from strop.errors import StropError


def interaction_spread(soft_counts: torch.Tensor, popularity: torch.Tensor, *, gamma: float = 1.0) -> torch.Tensor:
    """Standard deviation (n - 1) over items of soft_counts / popularity^(2 - gamma): one scalar for the whole table.

    soft_counts (n_items,): the interactions that each item gets, softly: the sum of sigmoid(score) over the users who
    clicked it; popularity (n_items,): clicks in train. Items without clicks are left out. gamma in [1, 2]: 1 takes the
    counts for the likes, 2 takes all items as equally liked.
    Errors: S301 gamma outside [1, 2], S209 fewer than two items with clicks.
    Paper: ipl2023, eq. of the regulariser; the sum over clicking users as in the authors' code.
    Not for: a test of fairness; the spread also falls when every count shrinks, so watch recall.
    """
    if not 1 <= gamma <= 2:
        raise StropError("S301", f"gamma is {gamma}", "gamma lies in [1, 2]")
    clicked = popularity > 0
    if int(clicked.sum()) < 2:
        raise StropError("S209", "fewer than two items have clicks", "a spread needs at least two items")
    return (soft_counts[clicked] / popularity[clicked] ** (2 - gamma)).std()


def squared_correlation(scores: torch.Tensor, popularity: torch.Tensor) -> torch.Tensor:
    """Squared Pearson correlation of the scores of clicked pairs with their items' popularity: one scalar in [0, 1].

    scores, popularity (n,), a pair a row; 0 where one of them does not vary.
    Paper: popularity_opportunity2021, the regularisation method.
    Not for: data in which popular items are clicked because they are better liked.
    """
    x, y = scores - scores.mean(), popularity - popularity.mean()
    power = x.square().sum() * y.square().sum()
    if not power > 0:
        return scores.sum() * 0
    return (x * y).sum().square() / power
