"""Which facts does a small model know by heart, some well and some not at all? A table that is told unevenly often."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.feedback.confidence import LEVELS, MARK

Array = npt.NDArray[Any]
LINE = f"\n{MARK} "
STREAM = 0xFAC7  # not the numbers that a model with the same seed begins with


@dataclass(frozen=True, eq=False)
class FactTable:
    """prompts, answers: (n,) texts; told: (n,) how often each fact is told; parts: places by name, a thing in one part alone.

    words: what a tokenizer needs to know, the line of a confidence and its tenths among them.
    """

    prompts: list[str]
    answers: list[str]
    told: Array
    parts: dict[str, Array]
    words: list[str]

    @property
    def checksum(self) -> str:
        """Of all facts, in hexadecimal."""
        told = "\n".join(map("".join, zip(self.prompts, self.answers, strict=True)))
        return hashlib.sha256(told.encode()).hexdigest()


def fact_table(
    *, things: Mapping[str, int], relations: int = 1, values: int = 10, never: float, most: int, seed: int
) -> FactTable:
    """`relations` facts of each thing, each with one of `values` answers of its own; some told never, others up to `most` times.

    things: how many there are in each part; a fact is told 0 times with the chance `never`, else floor(exp(u log(most + 1))),
    u uniform. How often depends on nothing that a prompt shows: names and numbers are drawn. Errors: S301 settings.
    """
    if relations < 1 or values < 2 or most < 1 or not 0 <= never < 1 or not things or min(things.values()) < 1:
        told = f"relations {relations}, values {values}, most {most}, never {never}, things {dict(things)}"
        raise StropError("S301", told, "at least 1, 2 and 1; never in [0, 1); a thing in each part")
    generator = np.random.default_rng([seed, STREAM])
    total = sum(things.values())
    names, asked = [f"<t{t}>" for t in range(total)], [f"<r{r}>" for r in range(relations)] if relations > 1 else [""]
    known = [[f"<{r}.{v}>" for v in range(values)] for r in range(relations)]
    shape = total, relations
    told = np.floor(np.exp(generator.random(shape) * np.log(most + 1))).astype(np.int64)
    told[generator.random(shape) < never] = 0
    answers = generator.integers(values, size=shape)
    order = generator.permutation(total)
    ends = np.cumsum(list(things.values()))
    parts = {
        name: np.sort((of[:, None] * relations + np.arange(relations)).ravel())
        for name, of in zip(things, np.split(order, ends[:-1]), strict=True)
    }
    return FactTable(
        [relation + name for name in names for relation in asked],
        [known[r][answers[t, r]] for t in range(total) for r in range(relations)],
        told.ravel(),
        parts,
        [*names, *filter(None, asked), *(word for one in known for word in one), LINE, *LEVELS],
    )
