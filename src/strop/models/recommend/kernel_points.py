"""How is a factorisation learned from single labels as fast as memory allows? A click is a 1, an item not clicked a 0.

As `kernel`: compiled, single-threaded, a record at a time, row-wise Adagrad, the same seed gives the same bytes.
"""

import numpy as np
from numba import njit

from strop.models.recommend.kernel import FLAGS, HALF, LOSS_SAMPLE

# Losses of the margin h: the score of a click, minus the score of an item not clicked. Each has two parameters a label,
# `own` and `other`: logistic and clipped: a slope, unused; forward: how often this label, and the other one, is turned
# round; reweighted: an exponent, unused.
LOSSES = {"logistic": 0, "clipped": 1, "forward": 2, "reweighted": 3}
ONE = np.float32(1)


@njit(inline="always")
def _loss(kind, h, own, other):
    """The loss of one margin; with `other` 0 or a large h, in forms in which nothing overflows."""
    tail = np.log1p(np.exp(-abs(h)))
    softplus = max(-h, np.float32(0)) + tail
    if kind == 2:
        if other == 0:
            return softplus - np.log(ONE - own)
        if h >= 0:
            return tail - np.log(ONE - own + other * np.exp(-h))
        return tail - np.log((ONE - own) * np.exp(h) + other)
    if kind == 3:
        return np.exp(-own * softplus) * softplus
    if kind == 1:
        return max(softplus + own * h, np.float32(0))
    return softplus + own * h


@njit(inline="always")
def _slope(kind, h, own, other):
    """The derivative of `_loss` in h; of `reweighted` with its weight held. With parameters 0 all are the same bits."""
    wrong = ONE / (ONE + np.exp(h))
    if kind == 2:
        invented = other * np.exp(-h) if other > 0 else np.float32(0)
        return -(ONE - own - other) * wrong / (ONE - own + invented)
    if kind == 3:
        return -wrong if own == 0 else -wrong * np.exp(-own * (max(-h, np.float32(0)) + np.log1p(np.exp(-abs(h)))))
    if kind == 1 and _loss(kind, h, own, other) == 0:
        return np.float32(0)
    return own - wrong


@njit(inline="always")
def _step(left, right, sums, u, i, g, squares, rate, decay):
    """Moves the rows u and i by g times each other, and towards 0; squares are their squared norms."""
    share = g * g / np.float32(left.shape[1])
    sums[0][u] += share * squares[1]
    sums[1][i] += share * squares[0]
    rate_u, rate_i = rate / np.sqrt(sums[0][u]), rate / np.sqrt(sums[1][i])
    keep_u, keep_i = max(ONE - rate_u * decay, HALF), max(ONE - rate_i * decay, HALF)
    rate_u, rate_i = rate_u * g, rate_i * g
    for k in range(left.shape[1]):
        p, a = left[u, k], right[i, k]
        left[u, k] = keep_u * p + rate_u * a
        right[i, k] = keep_i * a + rate_i * p


@njit(inline="always")
def _product(left, right, u, i):
    """The rows' inner product, and the square of each."""
    product, square_u, square_i = np.float32(0), np.float32(0), np.float32(0)
    for k in range(left.shape[1]):
        p, a = left[u, k], right[i, k]
        product += p * a
        square_u += p * p
        square_i += a * a
    return product, (square_u, square_i)


@njit(**FLAGS)
def click_margins(users, items, factors, out):
    """Writes the scores of the clicks as they are now."""
    left, right, bias = factors
    for place in range(len(out)):
        out[place] = bias[items[place]] + _product(left, right, users[place], items[place])[0]


@njit(**FLAGS)
def learn_points(drawn, dropped, kind, table, factors, sums, rates, l2, flips):
    """One step a label of `drawn`, in order: a click, then the items not clicked that were drawn beside it.

    Returns the sampled sum of weight x loss and of weights, and how many items not clicked there were. drawn = (users,
    items, rivals, weights), rivals (draws a click, n) with -1 for none; dropped: (n,) 1 for clicks that are passed over.
    table: (n_items or 1, 4) own and other of a click, own and other of an item not clicked. factors, sums, rates, l2:
    as in `kernel.learn`. flips = (left, right, sums, start, l2): factors of the rate at which a like is missed,
    (1 - b) s(start + left . right) with b the table's second column; none where they have no rows.
    """
    users, items, rivals, weights = drawn
    left, right, bias = factors
    rate, bias_rate = rates
    flip_left, flip_right, flip_sums, start, flip_l2 = flips
    total, total_weight, others = 0.0, 0.0, 0
    for place in range(len(users)):
        u, weight = users[place], weights[place]
        for turn in range(1 + len(rivals)):
            if turn == 0:
                if dropped[place]:
                    continue
                i, sign, column = items[place], ONE, 0
            else:
                i, sign, column = rivals[turn - 1, place], -ONE, 2
                if i < 0:
                    continue
                others += 1
            row = i if len(table) > 1 else 0
            own, other = table[row, column], table[row, column + 1]
            score, squares = _product(left, right, u, i)
            h = sign * (score + bias[i])
            if len(flip_left):
                most = ONE - table[row, 1]
                chance, flip_squares = _product(flip_left, flip_right, u, i)
                chance = ONE / (ONE + np.exp(-start - chance))
                missed = most * chance
                if turn == 0:
                    own, pull = missed, -missed * (ONE - chance) / (ONE - missed + other * np.exp(-h))
                else:
                    other, pull = missed, missed * (ONE - chance) / (missed + (ONE - own) * np.exp(h))
                _step(flip_left, flip_right, flip_sums, u, i, weight * pull, flip_squares, rate, weight * flip_l2)
            if place % LOSS_SAMPLE == 0 or total_weight == 0:
                total += weight * _loss(kind, h, own, other)
                total_weight += weight
            g = -sign * weight * _slope(kind, h, own, other)
            _step(left, right, sums, u, i, g, squares, rate, weight * l2)
            if bias_rate > 0:
                sums[2][i] += g * g
                bias[i] += bias_rate / np.sqrt(sums[2][i]) * (g - weight * l2 * bias[i])
    return total, total_weight, others
