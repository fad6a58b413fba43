"""How sure is a model of an answer without being asked to say so? What it cost to write, and whether it would call it right."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from strop.errors import StropError
from strop.models.language.reading import Reader
from strop.models.language.rows import Group

Array = npt.NDArray[Any]


class Chances(NamedTuple):
    """mean: (answers,) exp of the mean log-probability of a token; whole: exp of their sum, the chance of the answer itself."""

    mean: Array
    whole: Array


def token_chances(reader: Reader, groups: Sequence[Group]) -> Chances:
    """How likely the model finds answers that are there, from 0 to 1: free, where they were written by it.

    groups: a prompt and its answers, as tokens, WITHOUT what states a confidence; all are read together. mean does not fall with an
    answer's length, whole does. Errors: S202 no answer, or an empty one; S601 as Reader. Paper: calibration2017
    """
    lengths = np.array([len(answer) for _, answers in groups for answer in answers])
    if not len(lengths) or not lengths.min():
        raise StropError("S202", "no answer, or one without a token", "leave empty answers out")
    sums = reader.log_probs(groups).double().numpy()
    return Chances(np.exp(np.minimum(sums / lengths, 0.0)), np.exp(np.minimum(sums, 0.0)))


def says_yes(reader: Reader, prompts: Sequence[Sequence[int]], *, yes: Sequence[int], no: Sequence[int]) -> Array:
    """(n,) P(True): the share of `yes` in the chances of `yes` and `no` behind a prompt that asks whether an answer is right.

    prompts: tokens, the question, its answer and the asking in each; yes, no: the tokens of the two words, as they follow a
    prompt. Errors: S202 nothing to read, S301 two words that begin alike. Paper: ptrue2022
    """
    if not prompts or not yes or not no:
        raise StropError("S202", "nothing to judge, or no word to judge by")
    if yes[0] == no[0]:
        raise StropError("S301", "yes and no begin with the same token", "two words that differ from the first on")
    found = reader.log_probs([(prompt, [yes[:1], no[:1]]) for prompt in prompts]).view(-1, 2).double()
    return torch.sigmoid(found[:, 0] - found[:, 1]).numpy()
