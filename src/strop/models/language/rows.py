"""How are prompts and their answers laid out so that nothing is computed twice and nothing is padded?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

STEP = 64  # a product of matrices keeps code for each shape that it has met: few shapes, little code
Group = tuple[Sequence[int], Sequence[Sequence[int]]]  # a prompt's tokens, and those of each of its answers


@dataclass(frozen=True, eq=False)
class Row:
    """Several groups behind one another: an answer sees its own prompt and its own past, and nothing else.

    tokens, places: (1, N), places count from the prompt's start; mask: (1, 1, N, N), 0 where one may look, else the lowest
    float; None: one text alone, read as the model reads any. sources: (T,) where in the row each answer token is predicted
    from; targets: (T,) that token; owners: (t,) the number of its answer among all answers of all rows. ends: (answers,) where
    each answer's last token stands; numbers: (answers,) which answers they are. Up to a multiple of STEP there are stray
    tokens behind the last group, which see themselves alone, and stray places behind the t that count.
    """

    tokens: Tensor
    places: Tensor
    mask: Tensor | None
    sources: Tensor
    targets: Tensor
    owners: Tensor
    ends: Tensor
    numbers: Tensor


def rows(groups: Sequence[Group], *, budget: int = 1024, first: int = 0) -> list[Row]:
    """The groups in rows of at most `budget` tokens, longest first; a group above the budget has a row of its own.

    first: the number of the first answer.
    """
    sizes = [len(prompt) + sum(map(len, answers)) for prompt, answers in groups]
    numbers = [first]
    for _, answers in groups:
        numbers.append(numbers[-1] + len(answers))
    bins: list[tuple[int, list[int]]] = []
    for number in sorted(range(len(groups)), key=lambda n: (-sizes[n], n)):
        place = next((i for i, (used, _) in enumerate(bins) if used + sizes[number] <= budget), None)
        if place is None:
            bins.append((sizes[number], [number]))
        else:
            used, held = bins[place]
            bins[place] = used + sizes[number], [*held, number]
    return [_row((groups[n], numbers[n]) for n in sorted(held)) for _, held in bins]


def _row(groups: Iterable[tuple[Group, int]]) -> Row:
    tokens: list[int] = []
    places: list[int] = []
    sources: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    ends: list[int] = []
    numbers: list[int] = []
    spans: list[tuple[int, int, int, int]] = []  # start and stop of a stretch, and of the prompt that it may look at
    for (prompt, answers), number in groups:
        base, begun = len(tokens), len(tokens) + len(prompt)
        tokens += prompt
        places += range(len(prompt))
        spans.append((base, begun, base, base))
        for answer in answers:
            start = len(tokens)
            tokens += answer
            places += range(len(prompt), len(prompt) + len(answer))
            spans.append((start, len(tokens), base, begun))
            sources += [begun - 1, *range(start, len(tokens) - 1)]
            targets += answer
            owners += [number] * len(answer)
            ends.append(len(tokens) - 1)
            numbers.append(number)
            number += 1
    strays, empty = -len(tokens) % STEP, -len(owners) % STEP
    size = len(tokens) + strays
    mask = torch.full((size, size), torch.finfo(torch.float32).min)
    mask.fill_diagonal_(0)
    for start, stop, base, begun in spans:
        mask[start:stop, start:stop].triu_(1)
        mask[start:stop, base:begun] = 0
    return Row(
        torch.tensor([tokens + [0] * strays]),
        torch.tensor([places + [0] * strays]),
        mask[None, None],
        torch.tensor(sources + [0] * empty),
        torch.tensor(targets + [0] * empty),
        torch.tensor(owners),
        torch.tensor(ends),
        torch.tensor(numbers),
    )
