"""How does pairwise matrix factorisation learn as fast as memory allows? One compiled pass a loss, records drawn in blocks.

The one exception to "one loop": a record at a time, row-wise Adagrad, single-threaded, so that the same seed gives the
same bytes. Everything random is a hash of (seed, epoch, position): the state of a run is its arrays and one integer.
A block first draws its records, then learns from them: the random reads of the draw overlap, and the learning reads in order.
"""

from typing import Any

import numpy as np
from numba import njit

BLOCK = 8192  # records drawn before they are learned from: their buffers fit the first cache
GROUP = 16  # records that stay together: a cache line of int32
LOSS_SAMPLE = 16  # the loss is averaged over every 16th record: its logarithm would cost a fifth of the epoch
HALF = np.float32(0.5)
TRIES = 100  # draws before a record of a user who clicked nearly everything is passed over
# no `nnan`, `ninf`: a diverged run must be seen, and exp may overflow to infinity on its way to a gradient of 0
FLAGS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz", "arcp", "afn"},
}
_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)


@njit(inline="always")
def _hash(state):
    """64 well-mixed bits of a counter (SplitMix64's finaliser)."""
    state = (state ^ (state >> _30)) * _FIRST
    state = (state ^ (state >> _27)) * _SECOND
    return state ^ (state >> _31)


@njit(inline="always")
def _below(bits, bound):
    """An integer in [0, bound) from the upper half of 64 random bits; bound < 2**32."""
    return np.int64(((bits >> _32) * np.uint64(bound)) >> _32)


@njit(**FLAGS)
def permute(order, seed):
    """Writes a permutation of 0..n-1 into `order` (Fisher-Yates, from a hash of the seed)."""
    for position in range(len(order)):
        order[position] = position
    state = _hash(np.uint64(seed))
    for position in range(len(order) - 1, 0, -1):
        state += _STEP
        other = _below(_hash(state), position + 1)
        order[position], order[other] = order[other], order[position]


@njit(inline="always")
def _clicked(bitmap, indptr, items, user, item):
    """Whether the user clicked the item: one bit where there is a bit map, else a search in the user's sorted items."""
    if len(bitmap):
        return (bitmap[user, item >> 3] >> (item & 7)) & 1 == 1
    low, high = indptr[user], indptr[user + 1]
    while low < high:
        middle = (low + high) >> 1
        if items[middle] < item:
            low = middle + 1
        else:
            high = middle
    return low < indptr[user + 1] and items[low] == item


@njit(**FLAGS)
def draw(records, order, start, known, negatives, factors, seed, out):
    """Fills out = (users, items, rivals, weights) for the positions from `start` on, with rivals that were never clicked.

    records = (users, items, weights), shuffled once; order: which GROUP of neighbouring records comes when, so that a
    cache line that was fetched is used up. known = (bitmap, indptr, sorted items, n_items) tells what was clicked.
    negatives = (by_popularity, hardest): 1 draws rivals as often as they are clicked, 0 uniformly; m > 1 keeps the best
    scored of m rivals by the factors (left, right) as they are now. A rival of -1: none was found in TRIES draws.
    """
    users, items, weights = records
    bitmap, indptr, sorted_items, n_items = known
    by_popularity, hardest = negatives
    left, right = factors
    users_out, items_out, rivals_out, weights_out = out
    for place in range(len(users_out)):
        row = start + place
        if row < len(order) * GROUP:  # the last few records that fill no group stay last
            row = order[row // GROUP] * GROUP + row % GROUP
        user = users[row]
        users_out[place], items_out[place] = user, items[row]
        weights_out[place] = weights[row] if len(weights) > 1 else weights[0]
        state = _hash(np.uint64(seed)) + np.uint64(start + place) * _STEP
        best, best_score = -1, np.float32(0)
        for _ in range(hardest):
            found = -1
            for _ in range(TRIES):
                state = _hash(state)
                rival = items[_below(state, len(items))] if by_popularity else _below(state, n_items)
                if not _clicked(bitmap, indptr, sorted_items, user, rival):
                    found = rival
                    break
            if hardest == 1:
                best = found
            elif found >= 0:
                score = np.float32(0)
                for k in range(left.shape[1]):
                    score += left[user, k] * right[found, k]
                if best < 0 or score > best_score:
                    best, best_score = found, score
        rivals_out[place] = best


# The losses of strop.losses.pairwise, by number: as an argument a compiled function would defeat numba's cache, and a
# number costs one well-predicted branch a record.
LOSSES = {"logistic": 0, "hinge": 1, "squared": 2, "generalised_cross_entropy": 3}


@njit(inline="always")
def _loss(kind, h, x):
    """The loss of one margin h; x is the loss's parameter (slope, width, target, q)."""
    if kind == 1:
        return max(x - h, np.float32(0))
    if kind == 2:
        return (h - x) * (h - x)
    softplus = max(-h, np.float32(0)) + np.log1p(np.exp(-abs(h)))
    if kind == 3:
        return (np.float32(1) - np.exp(-x * softplus)) / x
    return softplus + x * h


@njit(inline="always")
def _slope(kind, h, x):
    """The derivative of `_loss` in h."""
    if kind == 1:
        return np.float32(-1) if h < x else np.float32(0)
    if kind == 2:
        return np.float32(2) * (h - x)
    wrong = np.float32(1) / (np.float32(1) + np.exp(h))
    if kind == 3:
        return -wrong * (np.float32(1) - wrong) ** x
    return x - wrong


@njit(**FLAGS)
def learn(drawn, kind, x, factors, sums, rates, l2):
    """One step of row-wise Adagrad a record of `drawn`, in order; returns the sampled sum of weight x loss and of weights.

    factors = (left, right, bias); sums = their sums of squared gradients, a row each; rates = (rate, bias_rate): a
    bias_rate of 0 leaves the biases alone. The gradient of a record is weight * slope; weight * l2 decays the rows it
    touches, with the same step, but takes no more than half of a row: where a row had next to no gradient the step is huge.
    """
    users, items, rivals, weights = drawn
    left, right, bias = factors
    left_sum, right_sum, bias_sum = sums
    rate, bias_rate = rates
    dimensions = left.shape[1]
    share = np.float32(1) / np.float32(dimensions)
    total, total_weight = 0.0, 0.0
    for place in range(len(users)):
        u, i, j = users[place], items[place], rivals[place]
        if j < 0:
            continue
        margin, user_square, gap_square = bias[i] - bias[j], np.float32(0), np.float32(0)
        for k in range(dimensions):
            p, gap = left[u, k], right[i, k] - right[j, k]
            margin += p * gap
            user_square += p * p
            gap_square += gap * gap
        if place % LOSS_SAMPLE == 0 or total_weight == 0:  # a short or passed-over block has a loss too
            total += weights[place] * _loss(kind, margin, x)
            total_weight += weights[place]
        g = -weights[place] * _slope(kind, margin, x)
        square = g * g * share
        left_sum[u] += square * gap_square
        right_sum[i] += square * user_square
        right_sum[j] += square * user_square
        rate_u = rate / np.sqrt(left_sum[u])
        rate_i = rate / np.sqrt(right_sum[i])
        rate_j = rate / np.sqrt(right_sum[j])
        decay = weights[place] * l2
        keep_u = max(np.float32(1) - rate_u * decay, HALF)
        keep_i = max(np.float32(1) - rate_i * decay, HALF)
        keep_j = max(np.float32(1) - rate_j * decay, HALF)
        rate_u, rate_i, rate_j = rate_u * g, rate_i * g, rate_j * g
        for k in range(dimensions):
            p, a, b = left[u, k], right[i, k], right[j, k]
            left[u, k] = keep_u * p + rate_u * (a - b)
            right[i, k] = keep_i * a + rate_i * p
            right[j, k] = keep_j * b - rate_j * p
        if bias_rate > 0:
            bias_sum[i] += g * g
            bias_sum[j] += g * g
            bias[i] += bias_rate / np.sqrt(bias_sum[i]) * (g - decay * bias[i])
            bias[j] -= bias_rate / np.sqrt(bias_sum[j]) * (g + decay * bias[j])
    return total, total_weight
