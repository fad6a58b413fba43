"""Are LightGCN's vectors the mean of the normalised graph's powers, and do gradients flow back the same way?"""

import numpy as np
import pytest
import torch
from small_worlds import clicks_of, random_table, two_clusters

from strop.errors import StropError
from strop.losses.pairwise import logistic
from strop.models.recommend.lightgcn import Graph, LightGCN
from strop.models.recommend.matrix_factorisation import Draws
from strop.training import fit_pairs, pairwise


def dense_operator(table, layers):
    """(users + items) squared: the mean over 0..layers of (D^-1/2 A D^-1/2)^l."""
    users, items = table.shape
    whole = np.block([[np.zeros((users, users)), table], [table.T, np.zeros((items, items))]])
    half = np.diag(1 / np.sqrt(np.maximum(whole.sum(1), 1)))
    step = half @ whole @ half
    return torch.from_numpy(sum(np.linalg.matrix_power(step, n) for n in range(layers + 1)) / (layers + 1)).float()


def world(layers):
    """A graph with a user and an item that have no click, and its dense operator."""
    table = random_table(9, 7, share=0.4, seed=1)
    table[4], table[:, 3] = 0, 0
    return Graph(clicks_of(table), dimensions=5, layers=layers, seed=2), dense_operator(table, layers)


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_vectors_are_the_mean_of_the_powers_of_the_normalised_graph(layers):
    graph, operator = world(layers)
    before = [t.detach().clone() for t in (graph.left, graph.right)]
    wanted = operator @ torch.cat(before)
    torch.testing.assert_close(torch.cat(graph.vectors()), wanted, atol=1e-6, rtol=1e-5)
    assert all((a == b).all() for a, b in zip(before, (graph.left, graph.right), strict=True)), "written to"
    scorer = graph.scorer()
    torch.testing.assert_close(scorer.score(np.arange(9)), wanted[:9] @ wanted[9:].T, atol=1e-5, rtol=1e-5)
    again = LightGCN.from_state(scorer.state())
    assert (again.score(np.arange(9)) == scorer.score(np.arange(9))).all()


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_the_gradient_is_autograds_of_the_dense_graph(layers):
    """Of the scores of some pairs, of a plain sum (a gradient that is one number), and of the users' side alone."""
    graph, operator = world(layers)
    outcomes = [
        lambda left, right: torch.sigmoid((left[[0, 2, 8]] * right[[1, 1, 6]]).sum(1)).sum(),
        lambda left, right: left.sum() - 2 * right.sum(),
        lambda left, right: left[5].square().sum(),
    ]
    for outcome in outcomes:
        graph.left.grad = graph.right.grad = None
        outcome(*graph.vectors()).backward()
        free = torch.cat([graph.left, graph.right]).detach().requires_grad_()
        smooth = operator @ free
        outcome(smooth[:9], smooth[9:]).backward()
        torch.testing.assert_close(torch.cat([graph.left.grad, graph.right.grad]), free.grad, atol=1e-6, rtol=1e-5)


def test_settings():
    clicks = clicks_of(np.eye(3))
    for bad in ({"layers": -1}, {"dimensions": 0}):
        with pytest.raises(StropError) as caught:
            Graph(clicks, **bad)
        assert caught.value.code == "S301"


def test_planted_clusters_are_found():
    """Trained on two clusters, a user's own cluster scores higher for at least 95 % of users; by chance 50 %."""
    clicks = clicks_of(two_clusters(users=100))
    graph = Graph(clicks, dimensions=8, layers=2, seed=0)
    done = fit_pairs(graph, Draws(clicks, seed=0), objective=pairwise(logistic), epochs=15, rate=0.02, batch=256)
    scores = done.scorer.score(np.arange(100))
    gap = scores[:, :15].mean(1) - scores[:, 15:].mean(1)
    assert ((gap > 0).numpy() == (np.arange(100) % 2 == 0)).mean() >= 0.95
