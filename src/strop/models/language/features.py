"""What can a linear head see of an answer: the words and letters that stand in it, or a model's last hidden state?"""

import re
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor

from strop.models.language.reading import Reader
from strop.models.language.rows import Group
from strop.records import Pairs
from strop.records.pairs import Text, plain

Array = npt.NDArray[Any]
WORD = re.compile(r"\w+")
COLUMNS = 1 << 18  # more than most files have different words: few share a column
SPREAD = np.uint32(2654435761)  # Knuth's multiplier: neighbours in letters are no neighbours in columns


def ngram_differences(pairs: Pairs) -> sparse.csr_matrix:
    """(n, d): chosen minus rejected in words and in three bytes in a row, each log(1 + count) times its rarity.

    rarity: log of answers over answers that have it, so that what stands in all says nothing. Without a model: it sees which
    words are used, and nothing of what they mean. Columns are hashed; those of one answer alone are left out. Ours.
    """
    texts = [*pairs.chosen, *pairs.rejected]
    found = [_counts(text) for text in texts]
    sizes = [len(columns) for columns, _ in found]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    columns, counts = (np.concatenate(side) for side in zip(*found, strict=True))
    table = sparse.csr_matrix((counts, columns, starts), shape=(len(texts), COLUMNS))
    holding = np.bincount(columns, minlength=COLUMNS)
    kept = np.flatnonzero((holding > 1) & (holding < len(texts)))
    table = table[:, kept].multiply(np.log(len(texts) / holding[kept])).tocsr()
    difference = table[: len(pairs)] - table[len(pairs) :]
    difference.eliminate_zeros()
    return difference.tocsr()


def _counts(text: Text) -> tuple[Array, Array]:
    """The columns of an answer, each once and in order, and log(1 + how often)."""
    words = " ".join(plain(text).casefold().split())
    letters = np.frombuffer(f" {words} ".encode(errors="replace"), np.uint8).astype(np.uint32)
    threes = ((letters[:-2] << 16) | (letters[1:-1] << 8) | letters[2:]) * SPREAD >> 14
    whole = np.array([crc32(word.encode(errors="replace")) for word in WORD.findall(words)], np.uint32) % COLUMNS
    columns, counts = np.unique(np.concatenate([threes, whole]), return_counts=True)
    return columns.astype(np.int32), np.log1p(counts)


@torch.no_grad()
def answer_features(reader: Reader, groups: Sequence[Group]) -> Array:
    """(answers, d) float32: the model's last hidden state at the last token of every answer of every group, in their order.

    Rows of the reader's own budget; nothing is kept for learning. Errors: none of its own.
    """
    found: Array | None = None
    count = sum(len(answers) for _, answers in groups)
    for row in reader.rows(groups):
        states = reader.hidden(row)[row.ends.to(reader.device)].float().cpu().numpy()
        if found is None:
            found = np.zeros((count, states.shape[1]), np.float32)
        found[row.numbers.numpy()] = states
    return np.zeros((0, 0), np.float32) if found is None else found


@torch.no_grad()
def answer_sums(reader: Reader, groups: Sequence[Group]) -> tuple[Tensor, Tensor]:
    """(answers, d) float64: the last hidden states summed over the places from which each answer's tokens are predicted.

    Those are the prompt's last token and all of the answer's but its last. Also (answers,): how many they are, so that sums
    over counts are means. On the CPU; rows of the reader's own budget, each prompt read once. Errors: none of its own.
    """
    count = sum(len(answers) for _, answers in groups)
    sums, tokens = torch.zeros(0, 0, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    for row in reader.rows(groups):
        places = row.sources[: len(row.owners)].to(reader.device)
        states = reader.hidden(row)[places].double().cpu()
        if not len(sums):
            sums = states.new_zeros(count, states.shape[1])
        sums.index_add_(0, row.owners, states)
        tokens.index_add_(0, row.owners, torch.ones(len(row.owners), dtype=torch.float64))
    return sums, tokens


@torch.no_grad()
def answer_states(reader: Reader, groups: Sequence[Group]) -> Array:
    """(answers, 2 d) float32: the last hidden state at each answer's last token, beside the mean that `answer_sums` sums; read once.

    What is known of an answer when it is done, and while it was chosen. Errors: none of its own.
    """
    count = sum(len(answers) for _, answers in groups)
    found: Array | None = None
    for row in reader.rows(groups):
        states = reader.hidden(row).float().cpu()
        if found is None:
            found = np.zeros((count, 2 * states.shape[1]), np.float32)
        sums, tokens = states.new_zeros(count, states.shape[1]), torch.bincount(row.owners, minlength=count)
        sums.index_add_(0, row.owners, states[row.sources[: len(row.owners)]])
        these = row.numbers.numpy()
        found[these, : states.shape[1]] = states[row.ends].numpy()
        found[these, states.shape[1] :] = (sums / tokens.clamp(min=1)[:, None])[row.numbers].numpy()
    return np.zeros((0, 0), np.float32) if found is None else found
