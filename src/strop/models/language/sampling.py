"""What does a model answer? Several answers to each of many prompts, drawn at once, each from a seed of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakSet

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from strop.errors import StropError
from strop.models.language.drawing import draw
from strop.models.language.opening import without_adapter
from strop.models.language.products import Prepared, type_of

SPARE = 64  # places behind the longest text, so that rows that were taken up later seldom move all
BLOCK = 8  # rows are dropped so many at a time, and an eighth: a product keeps code for each shape that it has met
READ = 1024  # tokens of prompts that are read together
AGREED: WeakSet[Any] = WeakSet()  # models whose next tokens were seen to be those of LlamaSteps


@dataclass(frozen=True, eq=False)
class Sampled:
    """answers: of each prompt, as tokens, the end token with them; finished: "end", or "length" where it was cut.

    log_probs: of each of these tokens, as the model itself gives them: at temperature 1, all tokens allowed.
    """

    answers: list[list[list[int]]]
    finished: list[list[str]]
    log_probs: list[list[list[float]]]


@torch.no_grad()
def sample(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    count: int,
    most_tokens: int,
    end: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int | Sequence[int] = 0,
    least_tokens: int = 0,
    width: int = 32,
    products: str = "float32",
) -> Sampled:
    """`count` answers to each prompt, of at most `most_tokens` and at least `least_tokens` tokens, closed by the token `end`.

    temperature: 0 takes the likeliest token; top_p: draw from the fewest likeliest tokens that have this share together;
    seed: an answer depends on (seed, its prompt's number, its own number), not on what else is drawn, but for the rounding of
    the model's products; width: rows at once; products: "bfloat16" rounds what is multiplied. Each prompt is read once. On a
    CPU in float32 the weights are held a second time meanwhile, as its products like them best; a plain Llama is then
    written by LlamaSteps, any other by its own forward. A window ends answers too.
    Errors: S301 settings, S403 no bfloat16, or a model with a recurrent state; S202 an empty prompt, S219 a prompt that fills the window, S601 logits that are not numbers.
    """
    _check(count, most_tokens, temperature, top_p, least_tokens, width)
    inner = without_adapter(model)
    window = getattr(inner.config, "max_position_embeddings", None) or 1 << 62
    for number, prompt in enumerate(prompts):
        if not prompt:
            raise StropError(
                "S202", "the prompt is empty", "a first token, such as the tokenizer's bos_token", row=number + 1
            )
        if len(prompt) >= window:
            told = f"the prompt has {len(prompt):,} tokens, the window {window:,}"
            raise StropError(
                "S219", told, "shorter prompts (words around the question count), or another model", row=number + 1
            )
    shape = [[[] for _ in range(count)] for _ in prompts]
    found = Sampled(shape, [["length"] * count for _ in prompts], [[[] for _ in range(count)] for _ in prompts])
    if not prompts:
        return found
    seeds = [seed] if isinstance(seed, int) else list(seed)
    most = [min(most_tokens, window - len(prompt)) for prompt in prompts]
    longest, rows = max(map(len, prompts)) - 1, min(width, count * len(prompts))
    room = longest + max(most) + (SPARE if rows < count * len(prompts) else 0)
    trained = inner.training
    inner.eval()
    try:
        with _steps(inner, rows, longest, room, type_of(products)) as steps:
            _Desk(steps, prompts, found, most, seeds).write(end, temperature, top_p, least_tokens)
    finally:
        inner.train(trained)
    return found


def _check(count: int, most: int, temperature: float, top_p: float, least: int, width: int) -> None:
    if min(count, most, width) < 1 or not 0 <= least <= most:
        raise StropError(
            "S301",
            f"count {count}, most_tokens {most}, least_tokens {least}, width {width}",
            "at least 1; least_tokens between 0 and most_tokens",
        )
    if not (0 <= temperature < float("inf") and 0 < top_p <= 1):
        raise StropError(
            "S301", f"temperature {temperature}, top_p {top_p}", "temperature 0 and above, top_p in (0, 1]"
        )


class _Steps(Protocol):
    """What writes a token to each row: LlamaSteps, or OwnSteps where a model is anything else."""

    @property
    def rows(self) -> int: ...
    @property
    def used(self) -> int: ...
    @property
    def capacity(self) -> int: ...

    first: int

    def read(self, prompts: Sequence[Sequence[int]]) -> list[Any]: ...
    def put(self, rows: Sequence[int], pasts: Sequence[Any]) -> None: ...
    def keep(self, rows: Sequence[int]) -> None: ...
    def shift(self, by: int) -> None: ...
    def place(self, starts: npt.NDArray[np.int64]) -> None: ...
    def logits(self, tokens: npt.NDArray[np.int64]) -> Tensor: ...


@contextmanager
def _steps(model: Any, rows: int, used: int, capacity: int, as_type: torch.dtype | None) -> Iterator[_Steps]:
    """The faster of both that says what the model says. Errors: S301 a model with a recurrent state."""
    from strop.models.language.caching import OwnSteps, keeps_keys
    from strop.models.language.decoding_step import LlamaSteps, agrees
    from strop.models.language.llama_weights import Laid, is_plain, laid_out

    if is_plain(model):
        laid = laid_out(model, rows=rows, as_type=as_type)
        if model not in AGREED and agrees(model, Laid(model, rows=rows) if as_type else laid):
            AGREED.add(model)
        if model in AGREED:
            yield LlamaSteps(laid, rows=rows, used=used, capacity=capacity)
            return
    if not keeps_keys(model):
        told = f"{type(model).__name__} keeps a state in place of keys and values: its answers cannot be drawn together"
        raise StropError("S301", told, "a model with attention in every layer")
    with _packed(model, rows, as_type):
        yield OwnSteps(model, rows=rows, used=used, capacity=capacity)


class _Desk:
    """The answers that are being written, a row each; a row that is done takes the next answer in turn."""

    def __init__(self, steps: _Steps, prompts: Any, found: Sampled, most: list[int], seeds: list[int]) -> None:
        self.steps, self.prompts, self.found, self.most, self.seeds = steps, prompts, found, most, seeds
        self.waiting = [(p, a) for p in range(len(prompts)) for a in range(len(found.answers[0]))][::-1]
        self.longest, rows = steps.used, steps.rows
        self.owners: list[tuple[int, int] | None] = [None] * rows
        self.live = np.zeros(rows, dtype=bool)
        self.starts, self.tokens, self.done, self.limits = (np.zeros(rows, dtype=np.int64) for _ in range(4))
        self.starts += steps.used
        self.chances = np.zeros((rows, max(most)))
        self.written, self.values = np.zeros((rows, max(most)), np.int64), np.zeros((rows, max(most)), np.float32)
        self.pasts: dict[int, Any] = {}  # of prompts that were read and are still to be answered

    def write(self, end: int, temperature: float, top_p: float, least: int) -> None:
        """Until all are done."""
        self._seat()
        while self.live.any():
            rows = np.arange(len(self.owners))
            done = np.minimum(self.done, self.chances.shape[1] - 1)  # nobody reads what else a free row says
            picked, values = draw(
                self.steps.logits(self.tokens),
                self.chances[rows, done],
                temperature=temperature,
                top_p=top_p,
                end=end,
                barred=self.live & (self.done < least),
                live=self.live,
            )
            self.tokens = picked
            self.written[rows, done], self.values[rows, done] = picked, values
            self.done += 1
            closed = self.live & ((picked == end) | (self.done == self.limits))
            if closed.any():
                for row in closed.nonzero()[0].tolist():
                    self._close(row, end)
                self._seat()
            elif self.steps.used == self.steps.capacity:
                self._make_room()

    def _close(self, row: int, end: int) -> None:
        owner, count = self.owners[row], self.done[row]
        assert owner is not None
        prompt, number = owner
        self.found.answers[prompt][number] = self.written[row, :count].tolist()
        self.found.log_probs[prompt][number] = self.values[row, :count].tolist()
        if self.tokens[row] == end:
            self.found.finished[prompt][number] = "end"
        self.owners[row], self.live[row] = None, False

    def _seat(self) -> None:
        """Gives free rows to waiting answers, and drops rows that nobody needs."""
        steps, free = self.steps, (~self.live).nonzero()[0].tolist()
        taken = free[: len(self.waiting)]
        for row in taken:
            prompt, number = self.owners[row] = self.waiting.pop()
            self.starts[row], self.tokens[row] = steps.used - len(self.prompts[prompt]) + 1, self.prompts[prompt][-1]
            self.limits[row] = self.most[prompt]
            chances = np.random.default_rng([*self.seeds, prompt, number]).random(self.most[prompt])
            self.chances[row, : len(chances)] = chances
        self.live[taken], self.done[taken] = True, 0
        self._put([row for row in taken if self.starts[row] < steps.used])
        spare = len(free) - len(taken)
        if not self.live.any():
            return
        if spare >= max(BLOCK, len(self.owners) // BLOCK):
            self._drop(spare // BLOCK * BLOCK)
        steps.first = int(self.starts[self.live].min())
        self._make_room()
        steps.place(self.starts)

    def _put(self, rows: list[int]) -> None:
        """Pasts of rows whose prompt is longer than a token, many prompts read together."""
        numbers = [owner[0] for row in rows if (owner := self.owners[row]) is not None]
        needed = [n for n in dict.fromkeys(numbers) if n not in self.pasts]
        if needed:
            ahead, size = list(needed), sum(len(self.prompts[n]) for n in needed)
            for n in range(max(needed) + 1, len(self.prompts)):
                size += len(self.prompts[n])
                if size > READ:
                    break
                if len(self.prompts[n]) > 1:
                    ahead.append(n)
            while ahead:
                count, size = 0, 0
                while count < len(ahead) and (not count or size + len(self.prompts[ahead[count]]) <= READ):
                    size += len(self.prompts[ahead[count]])
                    count += 1
                part, ahead = ahead[:count], ahead[count:]
                self.pasts |= zip(part, self.steps.read([self.prompts[n][:-1] for n in part]), strict=True)
        self.steps.put(rows, [self.pasts[n] for n in numbers])
        following = self.waiting[-1][0] if self.waiting else len(self.prompts)
        self.pasts = {n: past for n, past in self.pasts.items() if n >= following}

    def _drop(self, count: int) -> None:
        """So many free rows fewer; rows behind the new end move to free ones before it."""
        size = len(self.owners) - count
        behind = [row for row in range(size, len(self.owners)) if self.live[row]]
        kept = [row if self.live[row] or not behind else behind.pop() for row in range(size)]
        self.steps.keep(kept)
        self.owners = [self.owners[row] for row in kept]
        self.live, self.starts, self.tokens, self.done, self.limits = (
            of[kept] for of in (self.live, self.starts, self.tokens, self.done, self.limits)
        )
        self.chances, self.written, self.values = (of[kept] for of in (self.chances, self.written, self.values))

    def _make_room(self) -> None:
        """Where the tables are full, all that is still seen moves to their beginning."""
        steps = self.steps
        if steps.used == steps.capacity:
            by = min(steps.first, steps.used - self.longest)
            steps.shift(by)
            self.starts -= by
            steps.place(self.starts)


@contextmanager
def _packed(model: nn.Module, rows: int, as_type: torch.dtype | None) -> Iterator[None]:
    """The linear layers with their weights as the processor's products like them best, which spares turning them over each time."""
    changed = []
    for module in model.modules():
        if (
            isinstance(module, nn.Linear)
            and module.weight.dtype == torch.float32
            and module.weight.device.type == "cpu"
        ):
            module.forward = Prepared(module.weight, module.bias, rows=rows, as_type=as_type)  # type: ignore[method-assign]
            changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            del module.forward
