"""Is a new user's vector the one that BPR's loss asks for, and does it rank as a known user's does?"""

import numpy as np
import torch

from strop.losses.pairwise import logistic
from strop.models.recommend.matrix_factorisation import FOLD_IN_L2, MatrixFactorisation


def model(seed=0):
    generator = np.random.default_rng(seed)
    return MatrixFactorisation(
        generator.normal(size=(5, 8)), generator.normal(size=(40, 8)), generator.normal(size=40) * 0.3
    )


def test_the_gradient_of_the_mean_loss_is_0_there():
    found, items = model(), np.array([3, 7, 30])
    vector = found._vector_of(torch.from_numpy(items)).requires_grad_()
    scores = found.right @ vector + found.bias
    rest = np.setdiff1d(np.arange(40), items)
    margins = scores[items][:, None] - scores[rest][None, :]
    loss = logistic(margins.reshape(-1)).mean() + FOLD_IN_L2 / 2 * vector.square().sum()
    loss.backward()
    assert float(vector.grad.abs().max()) < 1e-6


def test_the_list_rises_repeats_do_not_count_and_an_empty_list_is_the_bias():
    found = model()
    scores = found.score_list(np.array([3, 7]))
    rise = scores - found.bias
    assert float(rise[[3, 7]].min()) > float(rise.mean())
    assert torch.equal(scores, found.score_list(np.array([7, 3, 3])))
    assert torch.equal(found.score_list(np.array([], int)), found.bias)
