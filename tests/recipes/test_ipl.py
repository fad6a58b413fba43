"""Is IPL with strength 0 BPR trained as long, and does the penalty do what it is for?"""

import numpy as np
import pytest
import torch

from strop.audits.outcome import validator
from strop.errors import StropError
from strop.losses.pairwise import logistic
from strop.losses.popularity import interaction_spread
from strop.models.recommend.matrix_factorisation import Draws, Factors, PairwiseLearner
from strop.recipes import ipl
from strop.records import Clicks, Split
from strop.training import PairLearner, fit, pairwise

SETTINGS = {"seed": 3, "dimensions": 8, "epochs": 15, "patience": 0, "extra_epochs": 4, "batch": 256}


@pytest.fixture(scope="module")
def split():
    """150 users and 40 items, some much more popular; a tenth of the clicks validates."""
    generator = np.random.default_rng(0)
    cells = generator.random((150, 40)) < np.geomspace(0.05, 0.6, 40)
    users, items = np.nonzero(cells)
    held = generator.random(len(users)) < 0.1
    train, validation = (Clicks(users[m], items[m], np.arange(150), np.arange(40)) for m in (~held, held))
    return Split(train, validation, None)


def parameters(trained):
    return [a.tobytes() for a in trained.scorer.state().values()]


def spread_of(scorer, clicks, gamma=1.0):
    """The penalty of a model, by the dense table of scores."""
    soft = torch.sigmoid(scorer.score(np.arange(clicks.n_users)))
    counts = (soft * torch.from_numpy(clicks.matrix().toarray())).sum(0)
    return interaction_spread(counts, torch.from_numpy(clicks.popularity).float(), gamma=gamma).item()


def test_strength_0_is_bpr_continued_with_the_same_seed(split):
    """The parts by hand: BPR's compiled passes, then as many epochs of Adam without a penalty: the same bytes."""
    base = fit(PairwiseLearner(split.train, dimensions=8, l2=0.02, seed=3), epochs=15, validate=validator(split))
    learner = PairLearner(
        Factors(base.scorer),
        Draws(split.train, seed=4),
        objective=pairwise(logistic),
        rate=2e-3,
        l2=0.02,
        batch=256,
    )
    for number in range(4):
        learner.epoch(number)
    found = ipl.run(split, strength=0.0, **SETTINGS)
    assert parameters(found) == [a.tobytes() for a in learner.scorer().state().values()]
    assert parameters(ipl.run(split, strength=0.3, **SETTINGS)) != parameters(found)


@pytest.mark.parametrize("gamma", [1.0, 1.3])
def test_the_penalty_lowers_the_spread(split, gamma):
    """Against as many epochs without it: at least 15 % less at strength 1, and the spread falls with the strength."""
    more = {**SETTINGS, "extra_epochs": 10, "extra_rate": 0.01}
    spreads = [
        spread_of(ipl.run(split, strength=s, gamma=gamma, **more).scorer, split.train, gamma) for s in (0.0, 0.3, 1)
    ]
    assert spreads[0] > spreads[1] > spreads[2] and spreads[2] < 0.85 * spreads[0], spreads


def test_the_road_goes_on_over_both_parts_and_resumes(split, tmp_path):
    whole = ipl.run(split, strength=0.3, **SETTINGS)
    assert [row[0] for row in whole.curve] == [*range(1, 20)]
    for _ in range(2):
        again = ipl.run(split, strength=0.3, folder=tmp_path, **SETTINGS)
        assert parameters(again) == parameters(whole) and again.curve == whole.curve
    unchanged = ipl.run(split, strength=0.3, **{**SETTINGS, "extra_epochs": 0})
    assert len(unchanged.curve) == 15


@pytest.mark.parametrize(
    "bad",
    [
        {"strength": -0.1},
        {"strength": float("nan")},
        {"strength": float("inf")},
        {"gamma": 0.9},
        {"gamma": 2.1},
        {"extra_epochs": -1},
        {"extra_rate": 0.0},
        {"batch": 0},
        {"l2": -1.0},
    ],
)
def test_bad_settings_are_refused_before_anything_is_learned(split, bad, monkeypatch):
    monkeypatch.setattr(PairwiseLearner, "epoch", lambda self, number: pytest.fail("it learned first"))
    with pytest.raises(StropError) as caught:
        ipl.run(split, **{**SETTINGS, **bad})
    assert caught.value.code == "S301"


def test_an_item_without_clicks_is_left_out_and_one_item_is_refused(split):
    users, items = split.train.users, split.train.items
    wider = [Clicks(p.users, p.items, np.arange(150), np.arange(41)) for p in (split.train, split.validation)]
    found = ipl.run(Split(*wider, None), strength=0.3, **SETTINGS)
    assert all(np.isfinite(a).all() for a in found.scorer.state().values())
    one = items == 39
    single = Clicks(users[one], items[one], np.arange(150), np.arange(40))
    with pytest.raises(StropError) as caught:
        ipl.run(Split(single, split.validation, None), strength=0.3, **SETTINGS)
    assert caught.value.code == "S209"
