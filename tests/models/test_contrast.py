"""Are the two views those of the papers, their gradients right, and is the rest LightGCN to the bit?"""

from functools import partial

import numpy as np
import pytest
import torch
from small_worlds import clicks_of, random_table, two_clusters

from strop.errors import StropError
from strop.losses.contrastive import info_nce
from strop.losses.pairwise import logistic
from strop.models.recommend.contrast import Contrast, DroppedEdges, NoisyLayers, distinct
from strop.models.recommend.lightgcn import Graph
from strop.models.recommend.matrix_factorisation import Draws
from strop.training import PairLearner, fit, pairwise

EVERY = pytest.mark.parametrize("kind", [DroppedEdges, NoisyLayers])


def table():
    """With a user and an item that have no click."""
    found = random_table(9, 7, share=0.5, seed=1)
    found[4], found[:, 3] = 0, 0
    return found


def operator(clicked, layers, *, first):
    """(users + items) squared: the mean over first..layers of (D^-1/2 A D^-1/2)^l of a dense table."""
    users, items = clicked.shape
    whole = np.block([[np.zeros((users, users)), clicked], [clicked.T, np.zeros((items, items))]])
    half = np.diag(1 / np.sqrt(np.maximum(whole.sum(1), 1)))
    step = half @ whole @ half
    powers = [np.linalg.matrix_power(step, n) for n in range(first, layers + 1)]
    return torch.from_numpy(sum(powers) / len(powers)).float()


def learner_of(kind, clicks, *, strength, batch=64, **settings):
    graph = kind(clicks, dimensions=4, seed=0, **settings)
    contrast = Contrast(graph, Draws(clicks, seed=1), pairs=pairwise(logistic), alike=info_nce, strength=strength)
    return PairLearner(graph, contrast, objective=contrast.objective, rate=0.01, l2=0.01, batch=batch)


def bytes_of(learner):
    return b"".join(a.tobytes() for _, a in sorted(learner.state().items()))


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_each_view_of_sgl_is_lightgcn_on_the_clicks_that_are_left(layers):
    """Two views that differ, a share near rho dropped, the same for a seed and epoch and new in the next."""
    clicked = table()
    graph = DroppedEdges(clicks_of(clicked), rho=0.3, dimensions=5, layers=layers, seed=2)
    graph.begin(5)
    free = torch.cat([graph.left, graph.right]).detach()
    left, right = graph.vectors()
    views = [torch.cat([of[side] for of in graph.views]) for side in range(2)]
    kept = [ways[0].to_dense().numpy() > 0 for ways in graph.dropped]
    assert (kept[0] != kept[1]).any() and all((k <= (clicked > 0)).all() for k in kept)
    torch.testing.assert_close(torch.cat([left, right]), operator(clicked, layers, first=0) @ free)
    for view, k in zip(views, kept, strict=True):
        torch.testing.assert_close(view, operator(k.astype(float), layers, first=0) @ free)
    again = DroppedEdges(clicks_of(clicked), rho=0.3, dimensions=5, layers=layers, seed=2)
    for epoch, same in ((5, True), (6, False)):
        again.begin(epoch)
        assert ((again.dropped[0][0].to_dense().numpy() > 0) == kept[0]).all() == same
    large = DroppedEdges(clicks_of(random_table(200, 100, seed=3)), rho=0.3)
    large.begin(0)
    shares = [float((values.values() == 0).float().mean()) for ways in large.dropped for values in ways]
    assert max(abs(s - 0.3) for s in shares) < 0.03


def test_who_loses_every_click_in_a_view_keeps_the_share_of_its_free_vector():
    """Three users with one click each; nearly all are dropped: such a vector is its free one over layers + 1."""
    graph = DroppedEdges(clicks_of(np.eye(3)), rho=0.97, dimensions=4, layers=2)
    graph.begin(0)
    graph.vectors()
    for number, side in enumerate(graph.views[0]):
        lost = graph.dropped[number][0].to_dense().sum(1) == 0
        assert lost.any()
        torch.testing.assert_close(side[lost], graph.left.detach()[lost] / 3)


def noisy_by_hand(step, free, layers, draws, epsilon):
    """The paper's pass: after each layer add sign(e) * r / |r| * epsilon; the mean of layers 1 on."""
    found, total = free, torch.zeros_like(free)
    for layer in range(layers):
        found = step @ found
        noise = torch.nn.functional.normalize(draws[layer], dim=1) * epsilon
        found = found + torch.sign(found) * noise
        total = total + found
    return total / layers


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_each_view_of_simgcl_is_a_noisy_pass(layers):
    """Users and items with clicks: the others' vectors are 0, whose sign is none."""
    clicked, epsilon = table(), 0.3
    graph = NoisyLayers(clicks_of(clicked), epsilon=epsilon, dimensions=5, layers=layers, seed=2)
    graph.begin(5)
    left, right = graph.vectors()
    bits = np.random.SFC64([2, 4, 5])

    def uniform(n):
        return torch.from_numpy(
            bits.random_raw((n * 5 + 7) // 8).view(np.uint8)[: n * 5].reshape(n, 5).astype(np.float32)
        )

    drawn = [[torch.cat([uniform(9), uniform(7)]) for _ in range(2)] for _ in range(layers)]
    free = torch.cat([graph.left, graph.right]).detach()
    step = operator(clicked, 1, first=1)
    busy = torch.from_numpy(np.concatenate([clicked.sum(1), clicked.sum(0)]) > 0)
    torch.testing.assert_close(torch.cat([left, right]), operator(clicked, layers, first=1) @ free)
    for side in range(2):
        wanted = noisy_by_hand(step, free, layers, [layer[side] for layer in drawn], epsilon)
        found = torch.cat([of[side] for of in graph.views])
        torch.testing.assert_close(found[busy], wanted[busy])
    graph.vectors()
    assert (torch.cat([of[0] for of in graph.views])[busy] != found[busy]).any(), "new noise at every step"


@EVERY
@pytest.mark.parametrize("layers", [1, 2])
def test_the_gradient_is_autograds_of_the_dense_operators(kind, layers):
    """Of an outcome of all three views at once; noise has no gradient."""
    clicked = table()
    graph = kind(clicks_of(clicked), dimensions=5, layers=layers, seed=2)
    graph.begin(0)
    first = 0 if kind is DroppedEdges else 1
    tables = [clicked] + (
        [w[0].to_dense().numpy() > 0 for w in graph.dropped] if kind is DroppedEdges else [clicked] * 2
    )
    left, right = graph.vectors()
    seen = [torch.cat([left, right]), *(torch.cat([of[side] for of in graph.views]) for side in range(2))]
    weights = torch.randn(3, 16, 5, generator=torch.Generator().manual_seed(0))
    ours = torch.autograd.grad(
        sum((w * s).sum() for w, s in zip(weights, seen, strict=True)), (graph.left, graph.right)
    )
    operators = [operator(np.asarray(t, float), layers, first=first) for t in tables]
    wanted = sum(o.T @ w for o, w in zip(operators, weights, strict=True))
    torch.testing.assert_close(torch.cat(ours), wanted, atol=1e-5, rtol=1e-5)


@EVERY
def test_what_is_added_is_the_contrast_of_each_distinct_user_and_item(kind):
    clicks = clicks_of(table())
    learner = learner_of(kind, clicks, strength=0.7)
    graph, contrast = learner.model, learner.source
    users, items, rivals, _ = (torch.from_numpy(a) for a in next(iter(contrast.blocks(0, 12, learner._factors()))))
    left, right = graph.vectors()
    found = contrast.objective(left, right, users, items, rivals)
    extra = 0.0
    for rows, (one, other) in zip((users, items), graph.views, strict=True):
        rows = sorted(set(rows.tolist()))
        extra = extra + info_nce(one[rows], other[rows]).mean()
    wanted = pairwise(logistic)(left, right, users, items, rivals) + 0.7 * extra
    torch.testing.assert_close(found, wanted)


def test_without_strength_sgl_is_lightgcn_to_the_bit():
    clicks = clicks_of(two_clusters(users=80))
    ours = learner_of(DroppedEdges, clicks, strength=0.0)
    plain = PairLearner(
        Graph(clicks, dimensions=4, seed=0),
        Draws(clicks, seed=1),
        objective=pairwise(logistic),
        rate=0.01,
        l2=0.01,
        batch=64,
    )
    for number in range(3):
        assert ours.epoch(number) == plain.epoch(number)
    assert bytes_of(ours) == bytes_of(plain)
    assert all(np.array_equal(a, plain.scorer().state()[name]) for name, a in ours.scorer().state().items())


class WithoutTheFirst:
    """LightGCN without layer 0, with a dense operator and autograd: another road to the same model."""

    def __init__(self, clicked, like, layers):
        self.left, self.right = (t.detach().clone().requires_grad_() for t in (like.left, like.right))
        self.operator = operator(clicked, layers, first=1)

    def parameters(self):
        return {"left": self.left, "right": self.right}

    def vectors(self):
        whole = self.operator @ torch.cat([self.left, self.right])
        return whole[: len(self.left)], whole[len(self.left) :]


def test_without_strength_simgcl_is_lightgcn_without_layer_0():
    clicked = two_clusters(users=60)
    clicks = clicks_of(clicked)
    ours = learner_of(NoisyLayers, clicks, strength=0.0)
    model = WithoutTheFirst(clicked, ours.model, 2)
    plain = PairLearner(model, Draws(clicks, seed=1), objective=pairwise(logistic), rate=0.01, l2=0.01, batch=64)
    for number in range(3):
        assert ours.epoch(number) == pytest.approx(plain.epoch(number), rel=1e-4)
    for a, b in zip(ours.model.vectors(), model.vectors(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=1e-2)


@EVERY
def test_a_stopped_run_goes_on_to_the_same_bytes(kind, tmp_path):
    """Stopped in its third epoch, and one whose state was put into another learner."""
    clicks = clicks_of(two_clusters(users=60))
    whole, half = (learner_of(kind, clicks, strength=0.5) for _ in range(2))
    for number in range(4):
        whole.epoch(number)
    for number in range(2):
        half.epoch(number)
    other = learner_of(kind, clicks, strength=0.5)
    other.epoch(9)
    other.load({name: array.copy() for name, array in half.state().items()})
    for number in range(2, 4):
        other.epoch(number)
    assert bytes_of(other) == bytes_of(whole)
    fit(learner_of(kind, clicks, strength=0.5), epochs=2, folder=tmp_path)
    done = fit(learner_of(kind, clicks, strength=0.5), epochs=4, folder=tmp_path)
    assert done.scorer.left.numpy().tobytes() == whole.scorer().left.numpy().tobytes()


@EVERY
def test_planted_clusters_are_found(kind):
    """A weak contrast, for it tells users of one cluster apart too: a user's own cluster scores higher for at least 95 % of users; by chance 50 %."""
    clicks = clicks_of(two_clusters(users=100))
    graph = kind(clicks, dimensions=8, seed=0)
    alike = partial(info_nce, temperature=0.2)
    contrast = Contrast(graph, Draws(clicks, seed=0), pairs=pairwise(logistic), alike=alike, strength=0.02)
    done = fit(PairLearner(graph, contrast, objective=contrast.objective, rate=0.02, batch=256), epochs=15)
    scores = done.scorer.score(np.arange(100))
    gap = scores[:, :15].mean(1) - scores[:, 15:].mean(1)
    assert ((gap > 0).numpy() == (np.arange(100) % 2 == 0)).mean() >= 0.95


def test_views_are_told_apart_better_by_who_learned_it():
    """InfoNCE of new views of all users, after 10 epochs: lower by at least 0.1 with strength 1 than with next to none."""
    clicks = clicks_of(two_clusters(users=100))
    losses = []
    for strength in (1e-9, 1.0):
        learner = learner_of(NoisyLayers, clicks, strength=strength)
        for number in range(10):
            learner.epoch(number)
        learner.model.begin(99)
        learner.model.vectors()
        losses.append(float(info_nce(*learner.model.views[0]).mean().detach()))
    assert losses[1] < losses[0] - 0.1


def test_distinct_rows():
    assert distinct(torch.tensor([5, 2, 5, 0], dtype=torch.int32), 7).tolist() == [0, 2, 5]


def test_settings():
    clicks = clicks_of(np.eye(3))
    for kind, bad in (
        (DroppedEdges, {"rho": 1.0}),
        (DroppedEdges, {"rho": -0.1}),
        (DroppedEdges, {"layers": -1}),
        (NoisyLayers, {"epsilon": -1.0}),
        (NoisyLayers, {"epsilon": float("nan")}),
        (NoisyLayers, {"layers": 0}),
    ):
        with pytest.raises(StropError) as caught:
            kind(clicks, **bad)
        assert caught.value.code == "S301"
    with pytest.raises(StropError) as caught:
        learner_of(NoisyLayers, clicks, strength=-1.0)
    assert caught.value.code == "S301"
