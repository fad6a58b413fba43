"""How is a factorisation learned from single labels whose flip rates differ from pair to pair? One compiled pass."""

import numpy as np
from numba import njit

from strop.models.recommend.kernel import FLAGS, LOSS_SAMPLE
from strop.models.recommend.kernel_points import ONE, _loss, _product, _slope, _step


@njit(**FLAGS)
def learn_rated(drawn, kind, rates, factors, sums, rate, l2):
    """One step a label of `drawn`, in order, as `kernel_points.learn_points` without biases.

    kind: 2 forward, 0 backward (the logistic loss with the slope that undoes the flips). rates:
    (n_users, n_items, 3), side by side so that one read fetches them: how often a like of that pair shows as none, how
    often the other way round, and what is added to the score of the pair. Returns the sampled sum of weight x loss and of weights, and how many items not
    clicked there were.
    """
    users, items, rivals, weights = drawn
    left, right = factors
    told = np.empty((len(users), 1 + len(rivals), 3), np.float32)
    for place in range(len(users)):  # first all of them, so that the waits for far memory overlap
        for turn in range(1 + len(rivals)):
            i = items[place] if turn == 0 else rivals[turn - 1, place]
            for k in range(3):
                told[place, turn, k] = rates[users[place], max(i, 0), k]
    total, total_weight, others = 0.0, 0.0, 0
    for place in range(len(users)):
        u, weight = users[place], weights[place]
        for turn in range(1 + len(rivals)):
            if turn == 0:
                i, sign = items[place], ONE
                own, other = told[place, 0, 0], told[place, 0, 1]
            else:
                i, sign = rivals[turn - 1, place], -ONE
                if i < 0:
                    continue
                others += 1
                own, other = told[place, turn, 1], told[place, turn, 0]
            if kind == 0:
                own, other = -own / (ONE - own - other), np.float32(0)
            score, squares = _product(left, right, u, i)
            h = sign * (score + told[place, turn, 2])
            if place % LOSS_SAMPLE == 0 or total_weight == 0:
                total += weight * _loss(kind, h, own, other)
                total_weight += weight
            g = -sign * weight * _slope(kind, h, own, other)
            _step(left, right, sums, u, i, g, squares, rate, weight * l2)
    return total, total_weight, others
