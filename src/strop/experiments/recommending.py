"""What does a finished run recommend: to a user, to somebody new, beside an item?"""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.ranking import top_k
from strop.errors import StropError, suggestion
from strop.experiments import run_folder
from strop.feedback.writers import read_split, replacing
from strop.protocols import Scorer
from strop.records import Clicks, Split

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Recommender:
    """A trained model with the names of its users and items, and who clicked what in any part of the split."""

    scorer: Scorer
    data: Split
    titles: dict[str, str]

    @cached_property
    def _users(self) -> dict[str, int]:
        return {str(name): place for place, name in enumerate(self.data.train.user_ids.tolist())}

    @cached_property
    def _items(self) -> dict[str, int]:
        return {str(name): place for place, name in enumerate(self.data.train.item_ids.tolist())}

    @cached_property
    def _clicked(self) -> list[Clicks]:
        return [part for part in (self.data.train, self.data.validation, self.data.test) if part is not None]

    def for_user(self, user: str, *, k: int = 10) -> list[str]:
        """The best items that this user never clicked, best first. Errors: S216."""
        place = _place(user, self._users, "user")
        k = min(k, self.scorer.n_items)
        return self._names(top_k(self.scorer, self._clicked, k=k, users=np.array([place]))[0])

    def for_items(self, items: list[str], *, k: int = 10) -> list[str]:
        """The best items for somebody new who clicked these. Errors: S101 an empty list, S216."""
        places = np.array([_place(item, self._items, "item") for item in dict.fromkeys(items)], np.int64)
        if not len(places):
            raise StropError("S101", "the list of items is empty", "--items a,b,c")
        return self._best(self.scorer.score_list(places), places, k)

    def similar(self, item: str, *, k: int = 10) -> list[str]:
        """The items nearest to this one. Errors: S216."""
        place = _place(item, self._items, "item")
        return self._best(self.scorer.similar(place), np.array([place]), k)

    def write_all(self, path: Path, *, k: int = 10) -> int:
        """user, item, rank for every user, as csv; how many rows. Errors: S501, S503."""
        top = top_k(self.scorer, self._clicked, k=min(k, self.scorer.n_items))
        users, items = self.data.train.user_ids.tolist(), self.data.train.item_ids.tolist()
        with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("user", "item", "rank"))
            for user, row in zip(users, top.tolist(), strict=True):
                writer.writerows((user, items[i], rank) for rank, i in enumerate(row, 1) if i >= 0)
        return int((top >= 0).sum())

    def _best(self, scores: Any, without: Array, k: int) -> list[str]:
        values = scores.numpy().copy()  # some models hand out a view of their own numbers
        values[without] = -np.inf
        best = np.argsort(-values, kind="stable")[:k]
        return self._names(best[values[best] > -np.inf])

    def _names(self, places: Array) -> list[str]:
        return [str(self.data.train.item_ids[place]) for place in places if place >= 0]


def open_recommender(folder: Path) -> Recommender:
    """The recommender that a finished run left. Errors: S302 no run, unfinished or damaged, S207, S217 its split."""
    scorer = run_folder.load_model(folder)
    data = read_split(folder / run_folder.SPLIT)
    if (scorer.n_users, scorer.n_items) != (data.train.n_users, data.train.n_items):
        raise StropError("S302", "the model and the split are of different tables", "run it again", str(folder))
    return Recommender(scorer, data, run_folder.titles_of(folder))


def _place(name: str, places: dict[str, int], what: str) -> int:
    if name not in places:
        near = suggestion(name, list(places)[:20_000])
        raise StropError(
            "S216", f'no {what} "{name}" in this run{near}', f"as the file that was read names its {what}s"
        )
    return places[name]
