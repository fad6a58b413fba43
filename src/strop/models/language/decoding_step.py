"""How does a Llama read prompts and write a token to each of many rows? Over tables of keys and values that do not grow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from strop.models.language.llama_weights import Laid

STRIDE = 64  # tokens of prompts are read at a multiple of it: a product keeps code for each shape that it has met
PROBE = (3, 5, 7, 4), (6,), (5, 4, 8)  # texts whose next tokens must be what the model itself says


class LlamaSteps:
    """Answers that are written by `Laid` weights, a row each: all rows end at the same place, `used`.

    A row begins where its prompt does (`place` says where); `first`: the place from which on anybody looks.
    """

    def __init__(self, laid: Laid, *, rows: int, used: int, capacity: int) -> None:
        self.laid, self.rows, self.first, self.used, self.capacity = laid, rows, used, used, capacity
        shape = len(laid.layers), rows * laid.kept
        (
            self.keys,
            self.values,
        ) = (  # keys stand on end, as their product reads them; numpy's zeros cost nothing until touched
            torch.from_numpy(np.zeros((*shape, *of), np.float32))
            for of in ((laid.width, capacity), (capacity, laid.width))
        )
        self.turns = laid.turns(capacity + 1)
        self.places, self.mask = torch.zeros(rows, dtype=torch.long), None

    def read(self, prompts: Sequence[Sequence[int]]) -> list[Any]:
        """What each prompt leaves behind: (its place among those of its length, keys and values of all these)."""
        laid, lengths = self.laid, sorted({len(prompt) for prompt in prompts})
        groups = [[p for p in prompts if len(p) == n] for n in lengths]
        tokens = [token for group in groups for prompt in group for token in prompt]
        spread = [torch.arange(n).repeat(len(group)) for n, group in zip(lengths, groups, strict=True)]
        strays = -len(tokens) % STRIDE
        x = laid.words[torch.tensor(tokens + [0] * strays)]
        turn = self.turns[torch.cat([*spread, torch.zeros(strays, dtype=torch.long)])]
        sizes = [len(group) * n for group, n in zip(groups, lengths, strict=True)]
        shape = 2, len(laid.layers)
        kept = [x.new_empty(*shape, len(g), laid.kept, n, laid.width) for g, n in zip(groups, lengths, strict=True)]
        for number, layer in enumerate(laid.layers):
            queries, both = laid.split(layer, x, turn)
            seen, start = x.new_zeros(len(x), laid.heads * laid.width), 0
            for past, size in zip(kept, sizes, strict=True):
                part = slice(start, start + size)
                past[:, number] = both[part].unflatten(0, (past.shape[2], -1)).permute(2, 0, 3, 1, 4)
                seen[part] = _within(queries[part], past[:, number])
                start += size
            if number + 1 < len(laid.layers):  # of the last one nobody reads more
                x = laid.after(layer, x, seen)
        numbers = dict.fromkeys(lengths, 0)
        found = []
        for prompt in prompts:
            n = len(prompt)
            found.append((numbers[n], kept[lengths.index(n)]))
            numbers[n] += 1
        return found

    def put(self, rows: Sequence[int], pasts: Sequence[Any]) -> None:
        """The past of rows: what was read."""
        groups: dict[int, tuple[Tensor, list[int], list[int]]] = {}
        for row, (number, past) in zip(rows, pasts, strict=True):
            _, these, numbers = groups.setdefault(id(past), (past, [], []))
            these.append(row)
            numbers.append(number)
        for past, these, numbers in groups.values():
            keys, values = self._tables(self.used - past.shape[4], self.used)
            keys[:, these], values[:, these] = past[0][:, numbers].transpose(3, 4), past[1][:, numbers]

    def _tables(self, first: int, end: int) -> tuple[Tensor, Tensor]:
        """Keys (layers, rows, kept, width, places) and values (layers, rows, kept, places, width) of these places."""
        keys, values = (table.unflatten(1, (-1, self.laid.kept)) for table in (self.keys, self.values))
        return keys[..., first:end], values[:, :, :, first:end]

    def keep(self, rows: Sequence[int]) -> None:
        """These rows alone, in this order; cheap where most stay where they are."""
        moved = [(new, old) for new, old in enumerate(rows) if new != old]
        if moved:
            new, old = ([pair[n] for pair in moved] for n in range(2))
            for table in self._tables(self.first, self.used):
                table[:, new] = table[:, old]
        self.rows = len(rows)

    def shift(self, by: int) -> None:
        """All rows so many places to the left: what stood there is no longer needed."""
        into = self._tables(self.first - by, self.used - by)
        for table, moved in zip(into, self._tables(self.first, self.used), strict=True):
            table.copy_(moved.clone())
        self.first, self.used = self.first - by, self.used - by

    def place(self, starts: npt.NDArray[np.int64]) -> None:
        """Where each row begins."""
        begins = torch.from_numpy(starts)
        self.places = (self.used - begins).clamp_(0, len(self.turns) - 1)
        self.mask = None
        if int(starts.max()) > self.first:
            before = torch.arange(self.capacity) < begins[:, None]
            self.mask = torch.zeros(self.rows, 1, self.capacity).masked_fill_(before[:, None], -torch.inf)

    def logits(self, tokens: npt.NDArray[np.int64]) -> Tensor:
        """(rows, vocabulary): of the token behind each row's last, which is read."""
        laid, rows = self.laid, self.rows
        keys, values = self.keys[:, : rows * laid.kept], self.values[:, : rows * laid.kept]
        first, end = self.first, self.used + 1
        seen = zip(keys[..., first:end].unbind(0), values[:, :, first:end].unbind(0), strict=True)
        here = (of.unflatten(1, (rows, -1)).unbind(0) for of in (keys[..., self.used], values[:, :, self.used]))
        mask = None if self.mask is None else self.mask[:, :, self.first : self.used + 1]
        x = laid.words.index_select(0, torch.from_numpy(tokens))
        turn = self.turns.index_select(0, self.places)
        for layer, (key, value), new_key, new_value in zip(laid.layers, seen, *here, strict=True):
            queries, both = laid.split(layer, x, turn)
            new_key.copy_(both[:, 0])
            new_value.copy_(both[:, 1])
            scores = torch.bmm(queries.reshape(rows * laid.kept, -1, laid.width), key)
            if mask is not None:
                scores.view(rows, laid.heads, -1).add_(mask)
            found = torch.bmm(scores.softmax(-1), value)
            x = laid.after(layer, x, found.view(rows, -1))
        self.used += 1
        self.places.add_(1).clamp_(max=len(self.turns) - 1)
        return laid.logits(x)


def _within(queries: Tensor, past: Tensor) -> Tensor:
    """(tokens, heads x width): what the tokens of texts of one length see of their own beginnings."""
    texts, kept, length, width = past.shape[1:]
    heads = queries.shape[1]
    query = queries.view(texts, length, heads, width).transpose(1, 2)
    key, value = past[:, :, :, None].expand(2, texts, kept, heads // kept, length, width).flatten(2, 3)
    found = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=1.0)
    return found.transpose(1, 2).reshape(texts * length, -1)


@torch.no_grad()
def agrees(model: Any, laid: Laid) -> bool:
    """Whether the next tokens of a few short texts are the model's own, read at once and after one step."""
    texts = [[token % len(laid.words) for token in text] for text in PROBE]
    longest = max(map(len, texts))
    steps = LlamaSteps(laid, rows=len(texts), used=longest - 1, capacity=longest + 1)
    long = [row for row, text in enumerate(texts) if len(text) > 1]
    try:
        steps.put(long, steps.read([texts[row][:-1] for row in long]))
        steps.first, starts = 0, np.array([longest - len(text) for text in texts])
        steps.place(starts)
        for extra in (texts[0][:0], texts[0][:1]):
            found = steps.logits(np.array([(text + extra)[-1] for text in texts]))
            for row, text in zip(found, texts, strict=True):
                truth = model(input_ids=torch.tensor([text + extra]), use_cache=False).logits[0, -1]
                if not bool(((row - truth).abs() <= 1e-3 * (1 + truth.abs())).all()):
                    return False
    except (AttributeError, TypeError, ValueError, RuntimeError):  # a shape that is not what it says
        return False
    return True
