"""Which items complete a user's list, when a network learned to write whole lists from half of them?"""

from typing import Any, ClassVar, Self, final

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix

from strop.errors import StropError
from strop.models.recommend.adam import Adam
from strop.models.recommend.item_weights import click_table
from strop.models.recommend.settings import check_above, check_budget, check_least
from strop.protocols import Scorer
from strop.records import Clicks

Array = npt.NDArray[Any]
Tensor = torch.Tensor
BYTES = 512 << 20
CELL_BYTES = 12  # a batch's scores, their softmax and what stands between, float32 each
TABLES = ("into", "into_bias", "out", "out_bias")


@final
class Autoencoder:
    """A list of clicks, made one vector, is written out as a score for every item.

    Formula: s(u) = out . tanh(sum over the n clicks j of into[j] / sqrt(n) + into_bias) + out_bias.
    into, out (n_items, d), into_bias (d,), out_bias (n_items,), float32. Nothing is stored of a user but the clicks: a
    new list is scored as a known one. Without clicks: what the biases alone give.
    Not for: lists of one or two clicks, of which dropout leaves nothing. Paper: multivae2018, section 2 (Multi-DAE)
    """

    KIND: ClassVar[str] = "autoencoder"

    def __init__(self, clicks: csr_matrix, tables: dict[str, Tensor]) -> None:
        self.clicks, self.tables = clicks, tables
        self.n_users, self.n_items = clicks.shape

    def score(self, users: Array) -> Tensor:
        """(len(users), n_items) float32: logarithms of chances, up to a constant of the user's."""
        rows = unit_rows(self.clicks[users])
        return written(hidden(rows, self.tables), self.tables)

    def score_list(self, items: Array) -> Tensor:
        """(n_items,) float32: as for a user who clicked these items, each counted once."""
        chosen = np.unique(items).astype(np.int32)
        row = csr_matrix((np.ones(len(chosen), np.float32), chosen, [0, len(chosen)]), shape=(1, self.n_items))
        return written(hidden(unit_rows(row), self.tables), self.tables)[0]

    def similar(self, item: int) -> Tensor:
        """(n_items,) float32: cosine of the vectors that items are written with."""
        unit = torch.nn.functional.normalize(self.tables["out"], dim=1)
        return unit @ unit[item]

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """The clicks as CSR arrays, and the four tables."""
        tables = {name: self.tables[name].numpy() for name in TABLES}
        return {"click_offsets": self.clicks.indptr, "click_items": self.clicks.indices, **tables}

    @classmethod
    def from_state(cls, state: dict[str, npt.NDArray[Any]]) -> Self:
        """The model that gave this state."""
        tables = {name: torch.from_numpy(state[name]) for name in TABLES}
        return cls(click_table(state["click_offsets"], state["click_items"], len(state["out"])), tables)


def unit_rows(rows: csr_matrix) -> csr_matrix:
    """Rows of ones divided by their length sqrt(n); a row without clicks stays empty."""
    counts = np.diff(rows.indptr)
    values = np.repeat(1 / np.sqrt(np.maximum(counts, 1), dtype=np.float32), counts)
    return csr_matrix((values, rows.indices, rows.indptr), shape=rows.shape)


def hidden(rows: csr_matrix, tables: dict[str, Tensor]) -> Tensor:
    """(rows, d): each row's list as one vector, entries in (-1, 1)."""
    return torch.tanh(torch.from_numpy(rows @ tables["into"].numpy()) + tables["into_bias"])


def written(vectors: Tensor, tables: dict[str, Tensor]) -> Tensor:
    """(rows, n_items): the scores of all items."""
    return torch.addmm(tables["out_bias"], vectors, tables["out"].T)


@final
class AutoencoderLearner:
    """Learns to write a user's whole list from what is left of it after dropout, in batches of users, with Adam.

    The mean over a batch's users of -(sum over their clicks of log softmax(s)) + l2 / 2 (|into|^2 + |out|^2). dropout:
    the chance with which an input click is left out, anew every epoch; what stays is divided by 1 - dropout. Users
    without clicks teach nothing and are passed over. batch: users a step; memory_bytes: what its scores may take.
    Errors: S209 no click, S301 settings, S502 no room for a batch.
    """

    def __init__(
        self,
        clicks: Clicks,
        *,
        dropout: float = 0.5,
        dimensions: int = 64,
        rate: float = 1e-3,
        l2: float = 0.0,
        batch: int = 128,
        seed: int = 0,
        memory_bytes: int = BYTES,
    ) -> None:
        if not 0 <= dropout < 1:
            raise StropError(
                "S301", f"dropout is {dropout}", "allowed: [0, 1), the chance that an input click is left out"
            )
        check_least("dimensions", dimensions, 1)
        check_above("rate", rate, 0)
        check_least("l2", l2, 0)
        check_least("batch", batch, 1)
        if not len(clicks):
            raise StropError("S209", "there is no click to learn from")
        self.users = np.flatnonzero(np.diff(clicks.indptr))
        self.batch = min(batch, len(self.users))
        need = CELL_BYTES * self.batch * clicks.n_items
        check_budget(f"a batch of {self.batch} users", need=need, budget=memory_bytes, n_items=clicks.n_items)
        self.clicks, self.dropout, self.l2, self.seed = clicks.matrix(), dropout, l2, seed
        generator = np.random.default_rng([seed, 1])
        shape = (clicks.n_items, dimensions)
        scale = np.float32(np.sqrt(2 / sum(shape)))  # Glorot's: as much comes out as goes in
        into, out = (generator.standard_normal(shape, np.float32) * scale for _ in range(2))
        found = (into, np.zeros(dimensions, np.float32), out, np.zeros(clicks.n_items, np.float32))
        self.tables = {name: torch.from_numpy(a) for name, a in zip(TABLES, found, strict=True)}
        self.rates = dict.fromkeys(TABLES, rate)
        self.adam = Adam(self.tables)

    def epoch(self, number: int) -> float:
        """One pass over the users in a new order. Returns the mean loss a user, without l2."""
        generator = np.random.default_rng([self.seed, 5, number])
        order, total = generator.permutation(self.users), 0.0
        for start in range(0, len(order), self.batch):
            rows = self.clicks[order[start : start + self.batch]]
            left = unit_rows(rows)
            if self.dropout:
                left.data *= (generator.random(rows.nnz) >= self.dropout) / np.float32(1 - self.dropout)
            loss, gradients = self.gradients(rows, left)
            self.adam.step(gradients, rates=self.rates)
            total += loss * rows.shape[0]
        return total / len(order) if self.adam.finite() else float("nan")

    def gradients(self, rows: csr_matrix, left: csr_matrix) -> tuple[float, dict[str, Tensor]]:
        """The mean loss of some users without l2, and its gradients with l2. rows: whole lists; left: the input, distorted.

        By hand: with n clicks the loss falls in a score by n * softmax - click.
        """
        vectors = hidden(left, self.tables)
        scores = written(vectors, self.tables)
        counts = torch.from_numpy(np.diff(rows.indptr).astype(np.float32))
        users = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        cells = torch.from_numpy(users * rows.shape[1] + rows.indices)
        every = torch.logsumexp(scores, 1)
        loss = float((counts * every).sum() - scores.view(-1)[cells].sum()) / rows.shape[0]
        slopes = scores.sub_(every[:, None]).exp_().mul_(counts[:, None])
        slopes.view(-1)[cells] -= 1
        slopes /= rows.shape[0]
        inner = (slopes @ self.tables["out"]).mul_(1 - vectors.square())
        of_into = torch.from_numpy(left.T @ inner.numpy()).add_(self.tables["into"], alpha=self.l2)
        of_out = (slopes.T @ vectors).add_(self.tables["out"], alpha=self.l2)
        return loss, dict(zip(TABLES, (of_into, inner.sum(0), of_out, slopes.sum(0)), strict=True))

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        return self.adam.state()

    def load(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        self.adam.load(state)

    def scorer(self) -> Scorer:
        return Autoencoder(self.clicks, {name: table.clone() for name, table in self.tables.items()})
