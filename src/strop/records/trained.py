"""What a recipe hands over: the model, and how it was come by."""

from dataclasses import dataclass

from strop.protocols import Scorer


@dataclass(frozen=True)
class Trained:
    """A fitted model with its road.

    curve: (epoch, loss, validation NDCG@20 or None) a row;
    notes: what a reader must know, a sentence each.
    """

    scorer: Scorer
    curve: tuple[tuple[float | None, ...], ...] = ()
    notes: tuple[str, ...] = ()
