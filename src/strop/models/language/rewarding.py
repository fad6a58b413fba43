"""How good is an answer, as one number? A linear head on a language model's last hidden state of each answer."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from strop.models.language.linear import quicken
from strop.models.language.rows import Group, Row, rows


class RewardReader:
    """Rewards of answers by an `AutoModelForSequenceClassification` with one label: each prompt is read once.

    The reward of an answer is the head's output at its last token. budget: tokens a row. Errors: none of its own.
    """

    def __init__(self, model: Any, *, budget: int = 256) -> None:
        self.model, self.budget = model, budget
        quicken(model)

    def rows(self, groups: Sequence[Group]) -> list[Row]:
        """The groups laid out."""
        return rows(groups, budget=self.budget)

    def sums(self, row: Row, count: int) -> Tensor:
        """(count,): the reward of every answer, 0 for those in other rows."""
        where = next(self.model.parameters()).device
        given = {"input_ids": row.tokens, "position_ids": row.places, "attention_mask": row.mask}
        body = self.model.base_model
        hidden = body(use_cache=False, **{k: v.to(where) for k, v in given.items() if v is not None}).last_hidden_state[
            0
        ]
        rewards = self.model.score(hidden[row.ends.to(where)])[:, 0].float()
        return rewards.new_zeros(count).index_add(0, row.numbers.to(where), rewards)
