"""Which model does a saved state belong to? An explicit list, so that nothing in a file chooses what is run."""

from importlib import import_module
from typing import Any

import numpy.typing as npt

from strop.errors import StropError, suggestion
from strop.protocols import Scorer

HOMES = {
    "adjusted_factorisation": "strop.models.recommend.adjusted.AdjustedFactorisation",
    "autoencoder": "strop.models.recommend.autoencoder.Autoencoder",
    "chance": "strop.models.recommend.chance.Chance",
    "ease": "strop.models.recommend.ease.Ease",
    "ials": "strop.models.recommend.ials.Ials",
    "item_neighbours": "strop.models.recommend.item_neighbours.ItemNeighbours",
    "lightgcn": "strop.models.recommend.lightgcn.LightGCN",
    "matrix_factorisation": "strop.models.recommend.matrix_factorisation.MatrixFactorisation",
    "popular": "strop.models.recommend.popular.Popular",
    "rated_factorisation": "strop.models.recommend.explicit.RatedFactorisation",
    "rp3beta": "strop.models.recommend.rp3beta.Rp3Beta",
    "slim": "strop.models.recommend.slim.Slim",
}


def save_kind(model: Scorer) -> str:
    """The name under which a model's state is saved. Errors: S102 for a model that is not in the list."""
    kind = getattr(model, "KIND", type(model).__name__)
    if kind not in HOMES:
        raise StropError("S102", f'no model "{kind}" that can be saved', "known: " + ", ".join(HOMES))
    return str(kind)


def load(kind: str, state: dict[str, npt.NDArray[Any]]) -> Scorer:
    """The model of that kind with this state. Errors: S102 unknown kind, S302 a state of another kind."""
    if kind not in HOMES:
        raise StropError("S102", f'no model "{kind}"{suggestion(kind, list(HOMES))}', "known: " + ", ".join(HOMES))
    module, name = HOMES[kind].rsplit(".", 1)
    model = getattr(import_module(module), name)
    try:
        return model.from_state(state)  # type: ignore[no-any-return]
    except KeyError as missing:
        raise StropError("S302", f"the saved {kind} model has no array {missing}", "train it again") from None
