"""Is the head what scipy and sklearn would fit, does it never see what it judges, and is what it reads what stands there?"""

import numpy as np
import pytest
import torch
from pair_texts import text_world
from scipy import sparse

from strop.audits.pairs import question
from strop.experiments.pair_head import FOLDS, ROBUST, accuracy, fit, fitted_head, folds
from strop.losses.pairwise import logistic
from strop.models.language.features import ngram_differences
from strop.records import Pairs


def drawn(n=200, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_words_and_letters_by_hand():
    """ "aa b" against "aa c" and the like: what all have says nothing, what one answer alone has is left out, "b" counts against "c".

    Of 4 answers b stands in two and c in two: rarity log 2, count 1, so log 2 x log 2 in each column.
    """
    pairs = Pairs(["x", "y"], ["aa b", "aa c"], ["aa c", "aa b"])
    found = ngram_differences(pairs).toarray()
    assert np.allclose(found[0], -found[1]) and found.shape[1] >= 2
    assert np.allclose(np.abs(found[found != 0]), np.log(2) ** 2)
    assert (found[0] > 0).sum() == (found[0] < 0).sum()


def test_turned_pairs_have_turned_features():
    pairs = text_world(1, n=40)[0]
    turned = np.arange(40) % 3 == 0
    a, b = ngram_differences(pairs).toarray(), ngram_differences(pairs.turned(turned)).toarray()
    assert np.allclose(b, np.where(turned, -1, 1)[:, None] * a)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_the_plain_head_by_another_road(form):
    """sklearn's logistic regression on both orders of each pair, each at half weight: C = 1 / strength."""
    linear = pytest.importorskip("sklearn.linear_model")
    x, signs = drawn() + 0.3, np.where(np.arange(200) % 7 == 0, -1.0, 1.0)
    ours = fit(form(x), signs=signs, strength=0.5)
    both = np.concatenate([x, -x]) * np.tile(signs, 2)[:, None]
    theirs = linear.LogisticRegression(C=2.0, fit_intercept=False, tol=1e-10).fit(
        both, np.repeat([1, 0], 200), sample_weight=np.full(400, 0.5)
    )
    assert np.allclose(ours, theirs.coef_[0], atol=2e-3)


@pytest.mark.parametrize("name", list(ROBUST))
def test_every_loss_ends_where_its_own_slope_is_flat(name):
    x, signs = drawn(d=3) + 0.4, np.where(np.arange(200) % 7 == 0, -1.0, 1.0)
    start = fit(x, signs=signs, strength=1.0)
    w = torch.tensor(fit(x, signs=signs, strength=1.0, loss=ROBUST[name], start=start)).requires_grad_()
    value = ROBUST[name](torch.tensor(signs) * (torch.tensor(x) @ w)).sum() + w @ w / 2
    (slope,) = torch.autograd.grad(value, w)
    flat = 4.0 if name == "trimmed" else 0.2  # which pairs are dropped changes by the step: a kink is no flat place
    assert float(slope.abs().max()) < flat


def test_no_question_judges_itself_and_noise_scores_chance():
    """Features that say nothing: with a pair's own label seen it would be far above one half."""
    clusters = np.repeat(np.arange(150), 2)
    head = fitted_head(drawn(300, 40), clusters, seed=0)
    assert all(len(set(head.parts[clusters == c])) == 1 for c in range(150))
    assert len(set(folds(clusters, seed=0))) == FOLDS
    assert head.accuracy.low < 0.5 < head.accuracy.high
    rest = head.parts != 0
    w = fit(head.x[rest], signs=np.ones(rest.sum()), strength=head.strength, loss=logistic)
    assert np.allclose(head.x[~rest] @ w, head.margins[~rest], atol=1e-2)


def test_a_head_of_turned_labels_is_the_head_turned():
    x, clusters = drawn(300, 4) + 0.2, np.arange(300)
    head = fitted_head(x, clusters, seed=0)
    assert np.allclose(head.turned(-np.ones(300)).margins, -head.margins, atol=1e-6)
    half = head.only(np.arange(300) < 150)
    assert not np.allclose(half.margins, head.margins) and accuracy(half.margins, clusters).value > 0.5


def test_what_can_be_read_is_learned():
    pairs, _ = text_world(2, n=600)
    head = fitted_head(ngram_differences(pairs), question(pairs), seed=0)
    assert head.accuracy.low > 0.9
