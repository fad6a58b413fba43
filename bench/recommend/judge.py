"""How good is what an arm saved? One evaluator for all: strop's full ranking, with its mask and its ties."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from measuring import WORK, Array, pairs

from strop.audits.ranking import per_user, top_k, top_k_of_scores
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.records import Clicks

torch.set_num_threads(1)


@cache
def _clicks(data: str, part: str) -> Clicks:
    n_users, n_items = (int(v) for v in (WORK / data / "shape").read_text().split())
    users, items = pairs(data, part).T
    return Clicks(users, items, np.arange(n_users), np.arange(n_items), name=part)


def _figures(top: Array, data: str, part: str) -> dict[str, float]:
    found = per_user(top, _clicks(data, part), k=20)[1]
    return {name: float(found[name].mean()) for name in ("recall", "ndcg")}


def of_factors(path: Path, data: str, *, seen: tuple[str, ...], part: str) -> dict[str, float]:
    """Recall and NDCG at 20 on a part; the parts that were seen are not ranked."""
    with np.load(path) as saved:
        model = MatrixFactorisation(saved["left"], saved["right"], saved["bias"])
    return _figures(top_k(model, [_clicks(data, name) for name in seen], k=20), data, part)


def of_scores(path: Path, data: str) -> dict[str, float]:
    """The same of a matrix of scores of a model trained on train, on the test part."""
    return _figures(top_k_of_scores(np.load(path), [_clicks(data, "train")], k=20), data, "test")
