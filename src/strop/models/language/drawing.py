"""Which token comes next? The likeliest, or one drawn where a chance falls among the shares of all."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from strop.errors import StropError

RUN = 1024  # entries of the vocabulary whose shares are summed together; of the likeliest, so many are sorted first


def draw(
    logits: Tensor,
    chances: npt.NDArray[np.float64],
    *,
    temperature: float,
    top_p: float,
    end: int,
    barred: npt.NDArray[np.bool_],
    live: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """A token a row, where its chance in [0, 1) falls among the shares of all, and its log-probability; logits are used up.

    logits (rows, vocabulary); barred: rows that may not take `end`; live: rows that anybody reads. Errors: S601 logits that
    are not finite in one of these.
    """
    closed, ends = torch.from_numpy(barred).to(logits.device), None
    if barred.any():
        ends = logits[:, end].clone()
        logits[:, end].masked_fill_(closed, -torch.inf)
    top = logits.amax(1, keepdim=True)
    picked = _likeliest(logits, top) if temperature == 0 else None
    apart = logits.sub_(top)
    scaled = None if temperature in (0, 1) else (apart / temperature).exp_()
    shares = apart.exp_() if scaled is None else apart.exp()
    totals = shares.sum(1).log_()
    if ends is not None:
        totals = torch.where(closed, torch.logaddexp(totals, ends - top[:, 0]), totals)  # the model's own, with the end
    if not bool((totals + top[:, 0]).isfinite()[torch.from_numpy(live).to(logits.device)].all()):
        raise StropError("S601", "the model's logits are not finite", "is the model damaged?")
    if picked is None:
        given = torch.from_numpy(chances).to(logits.device)[:, None]
        among = shares if scaled is None else scaled
        picked = _pick(among, given) if top_p == 1 else _pick_among_likeliest(among, given, top_p)
    found = apart.gather(1, picked[:, None])[:, 0]
    values = (found if scaled is not None else found.log_()) - totals
    return picked.cpu().numpy(), values.cpu().numpy()


def _likeliest(logits: Tensor, top: Tensor) -> Tensor:
    """(rows,): logits.argmax(1), where top is its maximum: torch's goes entry by entry, so its block comes first."""
    if logits.shape[1] <= RUN:
        return logits.argmax(1)
    number = (_by_block(torch.amax, logits) == top).to(torch.uint8).argmax(1, keepdim=True)
    places = _places(number, logits.shape[1])
    return places.gather(1, (logits.gather(1, places) == top).to(torch.uint8).argmax(1, keepdim=True))[:, 0]


def _by_block(reduce: Callable[[Tensor, int], Tensor], values: Tensor) -> Tensor:
    """(rows, blocks): each block of RUN entries, and those that are over, in one figure."""
    whole = values.shape[1] // RUN * RUN
    found = reduce(values[:, :whole].unflatten(1, (-1, RUN)), 2)
    return found if whole == values.shape[1] else torch.cat([found, reduce(values[:, None, whole:], 2)], 1)


def _places(number: Tensor, of: int) -> Tensor:
    """(rows, RUN): the entries of a block a row; those behind the last are the last again."""
    return (number * RUN + torch.arange(RUN, device=number.device)).clamp_(max=of - 1)


def _pick(shares: Tensor, chances: Tensor) -> Tensor:
    """(rows,): the first place at which the running sum of shares is above the chance's part of all; first its block, then there.

    A sum of all in float64 would cost as much as the model's head.
    """
    count = shares.shape[1]
    if count <= RUN:
        return _fall(shares, chances)
    sums = _by_block(torch.sum, shares).double().cumsum(1)
    wanted = chances * sums[:, -1:]
    number = torch.searchsorted(sums, wanted, right=True).clamp_(max=sums.shape[1] - 1)
    below = torch.where(number > 0, sums.gather(1, (number - 1).clamp(min=0)), 0.0)
    part = (wanted - below) / (sums.gather(1, number) - below)  # a block's sum is rounded in another way than inside
    places = _places(number, count)
    inside = shares.gather(1, places)
    inside[:, 1:].masked_fill_(places[:, 1:] == places[:, :-1], 0.0)
    return places.gather(1, _fall(inside, part)[:, None])[:, 0]


def _fall(shares: Tensor, chances: Tensor) -> Tensor:
    """`_pick` where all are few."""
    sums = shares.double().cumsum(1)
    return torch.searchsorted(sums, chances * sums[:, -1:], right=True).clamp_(max=shares.shape[1] - 1)[:, 0]


def _pick_among_likeliest(shares: Tensor, chances: Tensor, top_p: float) -> Tensor:
    """`_pick` from the fewest that have the share top_p together."""
    least = top_p * shares.sum(1)
    kept, names = shares.topk(min(RUN, shares.shape[1]))
    if bool((kept.sum(1) < least).any()):
        kept, names = shares.sort(descending=True)
    kept = kept.where(kept.cumsum(1) - kept < least[:, None], 0.0)
    return names.gather(1, _pick(kept, chances)[:, None])[:, 0]
