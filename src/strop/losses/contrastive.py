"""What does it cost that two views of the same thing are no nearer to each other than to the others?"""

import math
from typing import Any

import torch
from torch import Tensor

from strop.errors import StropError

CELLS = 1 << 17  # similarities a block: half a megabyte, which stays in the cache between the product and the softmax
PLAIN = 1 / 32  # from this temperature on exp(cosine / t) is a plain number in float32: no largest need be taken out


class _InfoNce(torch.autograd.Function):
    """The loss with its own gradient: similarities are written once, block by block, and kept as exponentials."""

    @staticmethod
    def forward(ctx: Any, one: Tensor, other: Tensor, temperature: float) -> Tensor:
        (one, one_length), (other, other_length) = _directions(one), _directions(other)
        scaled = one * (math.log2(math.e) / temperature)  # 2 to a power takes a quarter of the time of e to one
        raised, loss = one.new_empty(len(one), len(one)), (one * other).sum(1).div_(-temperature)
        totals, of_one = one.new_empty(len(one), 1), torch.empty_like(one)
        size = max(1, CELLS // max(1, len(one)))
        for start in range(0, len(one), size):
            rows = slice(start, start + size)
            block = torch.mm(scaled[rows], other.T, out=raised[rows])
            if temperature < PLAIN:
                largest = block.amax(1, keepdim=True)
                block.sub_(largest)
                loss[rows] += math.log(2) * largest[:, 0]
            torch.sum(block.exp2_(), 1, keepdim=True, out=totals[rows])
            torch.mm(block, other, out=of_one[rows])  # while the block is in the cache
        loss += totals.log()[:, 0]
        of_one.div_(totals).sub_(other)
        ctx.save_for_backward(one, one_length, other, other_length, raised, totals, of_one)
        ctx.temperature = temperature
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        one, one_length, other, other_length, raised, totals, of_one = ctx.saved_tensors
        scale = gradients[0][:, None] / ctx.temperature
        of_other = torch.addmm(scale * one, raised.T, scale / totals * one, beta=-1)
        return _through(of_one * scale, one, one_length), _through(of_other, other, other_length), None


def _directions(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of length 1, and the lengths they had; zeros stay, with length 1. No square overflows: the largest entry is 1."""
    largest = rows.abs().amax(1, keepdim=True)
    largest = largest.where(largest > 0, 1.0)
    rows = rows / largest
    lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp(min=0.5)  # 1 and above, or of zeros
    return rows / lengths, largest * lengths


def _through(gradient: Tensor, directions: Tensor, lengths: Tensor) -> Tensor:
    """The gradient of rows from that of their directions: what is across the row, over its length."""
    return (gradient - directions * (gradient * directions).sum(1, keepdim=True)).div_(lengths)


def info_nce(one: Tensor, other: Tensor, *, temperature: float = 0.2) -> Tensor:
    """-log(exp(c_ii / t) / sum_j exp(c_ij / t)), c_ij the cosine of one's row i and other's row j: a softmax over rows.

    one, other: (n, d), row i of both a view of the same thing, each thing once: one that stands twice would be held apart
    from itself. temperature: t, above 0; the lower, the more the nearest rows count. Returns (n,), in
    [0, log(n) + 2 / t]; log(n) where all rows are alike. A row of zeros has cosine 0 to all.
    Derivative in c_ij: (softmax(c_i / t)_j - [i = j]) / t.
    Not for: few rows, against which little is told apart; views that leave nothing alike, or that change nothing.
    Errors: S301 temperature, S214 shapes. Paper: cpc2018, eq. 4; sgl2021, eq. 10
    """
    if not 0 < temperature < math.inf:
        raise StropError("S301", f"temperature is {temperature}", "a finite number above 0")
    if one.ndim != 2 or one.shape != other.shape:
        raise StropError("S214", f"views of shapes {tuple(one.shape)} and {tuple(other.shape)}", "(n, d) for both")
    found: Tensor = _InfoNce.apply(one, other, temperature)  # type: ignore[no-untyped-call]
    return found
