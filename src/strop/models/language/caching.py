"""Where do the keys and values of answers that are being written stand? In tables that do not grow, row by row."""

from collections.abc import Sequence
from functools import partial
from inspect import signature
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

STRIDE = 32  # prompts are read at a multiple of it: a product keeps code for each shape that it has met
KNOWN: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


class _Layer(DynamicLayer):  # type: ignore[misc]
    """One layer's tables: (rows, heads, capacity, width); a forward writes at `used` and sees from `first` on."""

    def __init__(self, owner: "Places") -> None:
        super().__init__()
        self.owner = owner

    def lazy_initialization(self, keys: Tensor, values: Tensor) -> None:
        rows, capacity = self.owner.rows, self.owner.capacity
        self.keys = keys.new_zeros(rows, keys.shape[1], capacity, keys.shape[3])
        self.values = values.new_zeros(rows, values.shape[1], capacity, values.shape[3])
        self.is_initialized = True

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(keys, values)
        first, used = self.owner.first, self.owner.used
        self.keys[:, :, used : used + 1] = keys
        self.values[:, :, used : used + 1] = values
        return self.keys[:, :, first : used + 1], self.values[:, :, first : used + 1]

    def get_seq_length(self) -> int:
        return self.owner.used - self.owner.first


class Places(Cache):  # type: ignore[misc]
    """A cache in which all rows end at the same place, `used`, and begin where their prompt does.

    What a row sees is its last places alone: the caller masks what stands before its beginning. Keys and values in full: a
    model that looks through a window masks them itself. Every forward is of one token a row.
    """

    def __init__(self, rows: int, *, used: int, capacity: int) -> None:
        super().__init__(layer_class_to_replicate=partial(_Layer, self))
        self.rows, self.first, self.used, self.capacity = rows, used, used, capacity

    def put(self, row: int, read: DynamicCache, number: int, length: int) -> None:
        """A row's past: the first `length` places of the text of this number among those that were read."""
        for place, theirs in enumerate(read.layers):
            if place == len(self.layers):
                self.layers.append(_Layer(self))
            ours = self.layers[place]
            if not ours.is_initialized:
                ours.lazy_initialization(theirs.keys, theirs.values)
            ours.keys[row, :, self.used - length : self.used] = theirs.keys[number, :, :length]
            ours.values[row, :, self.used - length : self.used] = theirs.values[number, :, :length]

    def keep(self, rows: list[int]) -> None:
        """These rows alone, in this order."""
        self.batch_select_indices(torch.tensor(rows))
        self.rows = len(rows)

    def shift(self, by: int) -> None:
        """All rows so many places to the left: what stood there is no longer needed."""
        for layer in self.layers:
            for table in (layer.keys, layer.values):
                table[:, :, : self.used - by] = table[:, :, by : self.used].clone()
        self.first, self.used = self.first - by, self.used - by


class OwnSteps:
    """Answers that are written by a model's own forward, whatever it is, a row each; see LlamaSteps, which does the same."""

    def __init__(self, model: Any, *, rows: int, used: int, capacity: int) -> None:
        self.model, self.cache = model, Places(rows, used=used, capacity=capacity)
        self.placed = "position_ids" in signature(model.forward).parameters
        self.starts = torch.zeros(rows, 1, dtype=torch.long)

    @property
    def rows(self) -> int:
        """How many answers are written at once."""
        return self.cache.rows

    @property
    def used(self) -> int:
        """Where all rows end."""
        return self.cache.used

    @property
    def capacity(self) -> int:
        """The places that there are."""
        return self.cache.capacity

    @property
    def first(self) -> int:
        """From where on anybody looks."""
        return self.cache.first

    @first.setter
    def first(self, place: int) -> None:
        self.cache.first = place

    def read(self, prompts: Sequence[Sequence[int]]) -> list[Any]:
        """What each prompt leaves behind: (its number among those of about its length, their cache, its length).

        Stray tokens stand behind a text: none of it sees them.
        """
        found: list[Any] = [None] * len(prompts)
        lengths = [-(-len(prompt) // STRIDE) * STRIDE for prompt in prompts]
        for length in sorted(set(lengths)):
            these, cache = [n for n, one in enumerate(lengths) if one == length], DynamicCache()
            given = [[*prompts[n], *[0] * (length - len(prompts[n]))] for n in these]
            self.model.base_model(
                input_ids=torch.tensor(given, device=self.model.device), past_key_values=cache, use_cache=True
            )
            for number, n in enumerate(these):
                found[n] = number, cache, len(prompts[n])
        return found

    def put(self, rows: Sequence[int], pasts: Sequence[Any]) -> None:
        """The past of rows: what was read."""
        for row, (number, cache, length) in zip(rows, pasts, strict=True):
            self.cache.put(row, cache, number, length)

    def keep(self, rows: Sequence[int]) -> None:
        """These rows alone, in this order."""
        self.cache.keep(list(rows))

    def shift(self, by: int) -> None:
        """All rows so many places to the left: what stood there is no longer needed."""
        self.cache.shift(by)

    def place(self, starts: npt.NDArray[np.int64]) -> None:
        """Where each row begins."""
        self.starts = torch.from_numpy(starts).to(self.model.device)[:, None]

    def logits(self, tokens: npt.NDArray[np.int64]) -> Tensor:
        """(rows, vocabulary): of the token behind each row's last, which is read."""
        cache, where = self.cache, self.model.device
        given: dict[str, Tensor] = {"input_ids": torch.from_numpy(tokens).to(where)[:, None]}
        starts = self.starts.clamp(cache.first, cache.used)
        if self.placed:
            given["position_ids"] = cache.used - starts
        if bool((starts > cache.first).any()):
            given["attention_mask"] = (torch.arange(cache.first, cache.used + 1, device=where) >= starts).long()
        found: Tensor = self.model(**given, past_key_values=cache, use_cache=True).logits[:, -1].float()
        cache.used += 1
        return found


def keeps_keys(model: Any) -> bool:
    """Whether a model remembers what it read in keys and values of every layer, and in nothing else: a state cannot be shared out."""
    if model not in KNOWN:  # found out once: answers are drawn at every step
        KNOWN[model] = _keeps_keys(model)
    return KNOWN[model]


@torch.no_grad()
def _keeps_keys(model: Any) -> bool:
    cache = DynamicCache()
    try:
        model.base_model(input_ids=torch.zeros(1, 2, dtype=torch.long, device=model.device), past_key_values=cache)
    except (AttributeError, IndexError, TypeError, ValueError, RuntimeError):  # a cache of its own kind
        return False
    kept = [getattr(layer, "keys", None) for layer in cache.layers]
    return bool(kept) and all(keys is not None and keys.shape[-2] == 2 for keys in kept)
