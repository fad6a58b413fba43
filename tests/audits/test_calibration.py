"""Calibration figures by hand, by law, by scikit-learn, and in worlds whose calibration is planted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.audits.calibration import calibration, compared, cross_fitted, isotonic_map, temperature_map
from strop.audits.sureness import bins_of
from strop.errors import StropError

quick = settings(derandomize=True, deadline=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)
few = {"draws": 50}


def world(seed, n=400, *, shift=0.0, levels=None):
    """(confidence, right): right with probability confidence - shift."""
    rng = np.random.default_rng(seed)
    c = rng.beta(4, 2, n)
    c = c if levels is None else np.round(c * levels) / levels
    return c, (rng.random(n) < np.clip(c - shift, 0, 1)).astype(float)


def test_by_hand():
    """Confidences 0.9 right, 0.9 wrong, 0.6 right, 0.2 wrong, 0 wrong.

    Bins of width 0.1: 0.9: |1.8 - 1| = 0.8; 0.6: 0.4; 0.2: 0.2; 0: 0; ECE = 1.4 / 5 = 0.28; MCE: 0.4, of 0.8 / 2 and 0.4.
    Brier: (0.01 + 0.81 + 0.16 + 0.04 + 0) / 5 = 0.204. AUROC: rights 0.9, 0.6 against wrongs 0.9, 0.2, 0: 0.5 + 1 + 1 and
    0 + 1 + 1 = 4.5 of 6. AURC: the k surest are wrong by 1/2, 1/2 (a tie), 1/3, 2/4, 3/5: sum 2.4333, mean 0.48667.
    """
    found = calibration(np.array([0.9, 0.9, 0.6, 0.2, 0.0]), np.array([1, 0, 1, 0, 0]), **few)
    assert found.ece.value == pytest.approx(0.28) and found.mce.value == pytest.approx(0.4)
    assert found.brier.value == pytest.approx(0.204) and found.auroc.value == pytest.approx(0.75)
    assert found.aurc.value == pytest.approx((1 / 2 + 1 / 2 + 1 / 3 + 2 / 4 + 3 / 5) / 5)
    assert found.gap.value == pytest.approx(0.52 - 0.4) and [len(found.bins), found.bins[0].says] == [4, 0.0]


def test_zero_stands_in_the_first_bin_and_a_tenth_too():
    """Ten zeros with three right: the released code's bins (lo, hi] leave them out and say 0.0; it is 0.3."""
    found = calibration(np.zeros(10), np.r_[np.ones(3), np.zeros(7)], **few)
    assert found.ece.value == pytest.approx(0.3)
    edges = np.array([0.0, 0.1, 0.3, 0.7, 0.70001, 1.0])
    assert bins_of(edges, np.ones(6), bins=10, scheme="width").tolist() == [0, 0, 2, 6, 7, 9]


def test_unread_confidences_are_counted_apart_and_scored_as_0():
    """1.0 right, two unread of which one is right: ECE 0 without them; as 0: the bin of 0 is off by |0 - 1| / 3."""
    found = calibration(np.array([1.0, np.nan, np.nan]), np.array([1.0, 1.0, 0.0]), **few)
    assert found.parse_rate.value == pytest.approx(1 / 3) and found.ece.value == 0 and found.auroc.value is None
    zero = {f.name: f.value for f in found.as_zero}
    assert zero["ECE with unread as 0, error"] == pytest.approx(1 / 3)
    assert zero["AUROC with unread as 0"] == pytest.approx(0.75)
    assert "2 answers without a confidence" in found.notes[0]
    assert calibration(np.array([0.5, 0.5]), np.array([1, 0]), **few).as_zero == ()


def test_answers_without_a_verdict_are_left_out():
    c, y = world(0, 60)
    told = calibration(np.r_[c, 0.1, 0.9], np.r_[y, np.nan, np.nan], **few)
    assert told.ece == calibration(c, y, **few).ece and told.parse_rate.n == 60


def test_by_another_road():
    from sklearn.metrics import brier_score_loss, roc_auc_score

    c, y = world(1, 700, shift=0.1, levels=20)
    found = calibration(c, y, **few)
    assert found.auroc.value == pytest.approx(roc_auc_score(y, c))
    assert found.brier.value == pytest.approx(brier_score_loss(y, c))
    miss, order, base = (one.value for one in found.parts)
    assert miss - order + base == pytest.approx(found.brier.value) and min(miss, order) > 0
    rng, draws = np.random.default_rng(0), []
    for _ in range(300):  # risk and coverage with the ties shuffled
        order = np.lexsort((rng.random(700), -c))
        draws.append((np.cumsum(1 - y[order]) / np.arange(1, 701)).mean())
    assert found.aurc.value == pytest.approx(np.mean(draws), abs=4 * np.std(draws) / 300**0.5)
    edges = np.digitize(c, np.arange(1, 10) / 10, right=True)
    loop = sum(abs((c - y)[edges == b].sum()) for b in range(10)) / 700
    assert found.ece.value == pytest.approx(loop)


def test_isotonic_by_another_road():
    from sklearn.isotonic import IsotonicRegression

    c, y = world(2, 300, shift=0.2, levels=30)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(c, y)
    new = np.linspace(0, 1, 101)
    assert isotonic_map(c, y)(new) == pytest.approx(theirs.predict(new))


@quick
@given(seeds, st.floats(0.2, 5))
def test_order_alone_is_what_auroc_and_aurc_mind(seed, power):
    c, y = world(seed, 60, levels=12)
    a, b = (calibration(one, y, **few) for one in (c, 0.1 + 0.8 * c**power))
    assert a.auroc.value == pytest.approx(b.auroc.value) and a.aurc.value == pytest.approx(b.aurc.value)
    bent = temperature_map(c, y) if 0 < y.sum() < 60 else None
    if bent is not None and bent.temperature < 100:
        assert calibration(bent(c), y, **few).auroc.value == pytest.approx(a.auroc.value)


@quick
@given(seeds)
def test_turned_right_and_wrong_turn_the_order(seed):
    c, y = world(seed, 80, levels=8)
    if 0 < y.sum() < 80:
        a, b = (calibration(one, y, **few).auroc.value for one in (c, 1 - c))
        assert a + b == pytest.approx(1)


@quick
@given(seeds)
def test_isotonic_rises_and_never_costs_on_its_own_part(seed):
    c, y = world(seed, 60, shift=0.3, levels=15)
    if 0 < y.sum() < 60:
        bent = isotonic_map(c, y)
        assert (np.diff(bent(np.linspace(0, 1, 200))) >= -1e-12).all()
        before, after = (calibration(one, y, **few) for one in (c, bent(c)))
        assert after.brier.value <= before.brier.value + 1e-12
        assert before.parts[0].value == pytest.approx(before.brier.value - after.brier.value)
        assert bent(c).mean() == pytest.approx(y.mean())


@quick
@given(seeds)
def test_the_order_of_answers_changes_nothing(seed):
    c, y = world(seed, 50)
    turn = np.random.default_rng(seed).permutation(50)
    a, b = (calibration(c[i], y[i], scheme="mass", **few) for i in (np.arange(50), turn))
    assert a.ece.value == pytest.approx(b.ece.value) and a.auroc.value == pytest.approx(b.auroc.value)


def test_a_calibrated_writer_shows_what_chance_shows_and_no_more():
    """20 planted worlds of 2,000: ECE near its simulated expectation, the interval down to 0 in most; off by 0.1 in none."""
    found = [calibration(*world(s, 2000), draws=80, seed=s) for s in range(20)]
    gaps = [one.ece.value - one.by_chance.value for one in found]
    assert abs(np.mean(gaps)) < 0.004 and sum(one.ece.low == 0 for one in found) >= 17
    assert sum(one.gap.low < 0 < one.gap.high for one in found) >= 17
    off = [calibration(*world(s, 2000, shift=0.1), draws=80, seed=s) for s in range(20)]
    assert all(one.ece.low > 0.04 for one in off) and sum(one.gap.low <= 0.098 <= one.gap.high for one in off) >= 16


def test_chance_is_larger_in_a_small_file():
    small, large = (calibration(*world(3, n), **few).by_chance for n in (30, 3000))
    assert small.value > 0.08 > 0.025 > large.value and small.low < small.value < small.high


def test_intervals_are_by_question():
    """Every answer four times over: the same figures, and the same intervals only where the copies are one question."""
    c, y = world(4, 150, shift=0.1)
    once = calibration(c, y, draws=400)
    apart, together = (
        calibration(np.tile(c, 4), np.tile(y, 4), clusters=clusters, draws=400)
        for clusters in (None, np.tile(np.arange(150), 4))
    )
    widths = [one.auroc.high - one.auroc.low for one in (once, apart, together)]
    assert widths[2] == pytest.approx(widths[0], rel=0.1) and widths[1] < 0.6 * widths[0]


def test_drawing_blocks_and_neighbours_changes_little(monkeypatch):
    """The same file with at most 60 blocks and 40 values told apart: the same figures, widths within a third."""
    c, y = world(10, 1500, shift=0.1)
    fine = calibration(c, y, draws=600)
    monkeypatch.setattr("strop.audits.sureness.MOST_BLOCKS", 60)
    monkeypatch.setattr("strop.audits.sureness.MOST_VALUES", 40)
    rough = calibration(c, y, draws=600)
    for name in ("ece", "brier", "auroc", "aurc", "gap"):
        a, b = getattr(fine, name), getattr(rough, name)
        assert a.value == b.value and b.high - b.low == pytest.approx(a.high - a.low, rel=0.33), name
        assert b.low + b.high == pytest.approx(a.low + a.high, abs=0.5 * (a.high - a.low))


def test_auroc_covers_its_truth():
    """c uniform, right with probability c: AUROC is 5/6. 100 worlds of 300: the 95 % interval holds it in 88 at least."""
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        c = rng.random(300)
        one = calibration(c, (rng.random(300) < c).astype(float), draws=200, seed=seed).auroc
        held += one.low <= 5 / 6 <= one.high
    assert held >= 88


def test_ece_covers_its_truth():
    """Right with probability c - 0.04: ECE is 0.04. 60 worlds of 1,000: the interval holds it in 52 at least, 0.06 wide at most.

    The draws as they are, which add the error of drawing twice, hold it in 47, and in none where ECE is 0.
    """
    found = [calibration(*world(s, 1000, shift=0.04), draws=100, seed=s).ece for s in range(60)]
    assert sum(one.low <= 0.04 <= one.high for one in found) >= 52
    assert np.mean([one.high - one.low for one in found]) < 0.06


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_one_class_has_no_order(right):
    c, _ = world(5, 40)
    found = calibration(c, np.full(40, right), **few)
    assert found.auroc.value is None and found.ece.value == pytest.approx(abs(c - right).mean(), abs=0.02)
    assert found.gap.low < found.gap.value < found.gap.high


def test_all_alike_few_and_one():
    alike = calibration(np.full(40, 0.8), np.tile([1.0, 0.0], 20), **few)
    assert alike.auroc.value == 0.5 and alike.auroc.low is None and alike.ece.value == pytest.approx(0.3)
    small = calibration(np.array([0.2, 0.9, 0.4]), np.array([0, 1, 0]), scheme="mass", **few)
    assert "3 answers in 10 bins" in small.notes[0] and len(small.bins) == 3
    one = calibration(np.array([0.7]), np.array([1.0]), **few)
    assert one.ece.value == pytest.approx(0.3) and one.ece.low is None and one.brier.low is None


def test_equal_values_stay_in_one_bin():
    found = calibration(np.r_[np.full(90, 0.9), np.full(10, 0.1)], np.ones(100), scheme="mass", **few)
    assert [len(found.bins), found.bins[1].right.n] == [2, 90] and "2 bins in place of 10" in found.notes[0]


def test_differences_are_paired():
    """A confidence beside the same with noise: the paired interval is narrower than two apart, and none with itself."""
    c, y = world(6, 500)
    noisy = np.clip(c + np.random.default_rng(0).normal(0, 0.15, 500), 0, 1)
    gap, p = compared(c, noisy, y, draws=500)["AUROC"]
    alone = [calibration(one, y, draws=500).auroc for one in (c, noisy)]
    assert gap.value == pytest.approx(alone[0].value - alone[1].value) and 0 < p <= 1
    assert gap.high - gap.low < alone[0].high - alone[0].low
    same, p = compared(c, c, y, draws=100)["Brier, error"]
    assert same.value == 0 and same.low is None and p is None
    part = np.where(np.arange(500) < 100, np.nan, noisy)
    assert compared(c, part, y, draws=100)["AUROC"][0].n == 400


def test_a_temperature_that_was_planted_is_found():
    rng = np.random.default_rng(0)
    p = rng.beta(2, 2, 20_000)
    y = (rng.random(20_000) < p).astype(float)
    odds = np.log(p / (1 - p))
    bent = temperature_map(1 / (1 + np.exp(-2 * odds)), y)
    assert bent.temperature == pytest.approx(2, rel=0.05)
    assert np.isnan(bent(np.array([np.nan]))[0]) and 0 < bent(np.array([0.0]))[0] < bent(np.array([1.0]))[0] < 1


def test_temperatures_at_their_ends():
    """Always on the right side: T is 0.01, its least. The surer, the more often wrong: infinite, one half for all."""
    c = np.tile([0.2, 0.9], 20)
    sure = temperature_map(c, np.tile([0.0, 1.0], 20))
    assert sure.temperature == pytest.approx(0.01) and sure(c) == pytest.approx(np.tile([0.0, 1.0], 20))
    for turned in (np.tile([1.0, 0.0], 20), np.r_[np.tile([1.0, 0.0], 19), 0.0, 1.0]):
        assert temperature_map(c, turned)(c) == pytest.approx(np.full(40, 0.5))


def test_maps_are_judged_on_questions_they_were_not_fitted_on():
    """With right by coin the isotonic map of the same answers looks calibrated and ordered; cross-fitted, it has no order."""
    rng = np.random.default_rng(1)
    c, y = rng.random(200), rng.integers(0, 2, 200).astype(float)
    own = calibration(isotonic_map(c, y)(c), y, **few)
    crossed = calibration(cross_fitted(isotonic_map, c, y), y, **few)
    assert own.ece.value < 1e-9 < 0.02 < crossed.ece.value and own.brier.value < 0.25 < crossed.brier.value
    c, y = world(7, 1000, shift=0.25)
    for fit, most in ((isotonic_map, 0.3), (temperature_map, 0.7)):  # no one temperature mends a shift
        after = calibration(cross_fitted(fit, c, y, clusters=np.arange(1000) // 2), y, **few)
        assert after.ece.value < most * calibration(c, y, **few).ece.value


def test_cross_fitting_parts_whole_questions():
    """Of 40 questions, 10 answers each: what a half is given depends on the other half's verdicts alone."""
    c, y = world(8, 400, levels=10)
    clusters = np.arange(400) // 10
    first = cross_fitted(isotonic_map, c, y, clusters=clusters)
    turned = np.where(clusters == 0, 1 - y, y)
    second = cross_fitted(isotonic_map, c, turned, clusters=clusters)
    assert first[:10] == pytest.approx(second[:10]) and (first != second).any()


@pytest.mark.parametrize(
    ("confidence", "right", "code"),
    [
        ([0.5, 95.0], [1, 0], "S211"),
        ([0.5, -0.1], [1, 0], "S211"),
        ([0.5, np.inf], [1, 0], "S211"),
        ([0.5, 0.6], [1, 2], "S211"),
        ([0.5], [1, 0], "S214"),
        ([np.nan, np.nan], [1, 0], "S202"),
        ([0.5, 0.6], [np.nan, np.nan], "S202"),
    ],
)
def test_bad_input_is_refused(confidence, right, code):
    with pytest.raises(StropError) as told:
        calibration(np.array(confidence), np.array(right))
    assert told.value.code == code


def test_maps_refuse_what_cannot_be_fitted():
    for fit in (isotonic_map, temperature_map):
        for n, right, code in ((19, None, "S209"), (40, 1.0, "S305"), (40, 0.0, "S305")):
            c, y = world(9, n)
            with pytest.raises(StropError) as told:
                fit(c, y if right is None else np.full(n, right))
            assert told.value.code == code
    bent = isotonic_map(*world(9, 40))
    with pytest.raises(StropError, match="outside"):
        bent(np.array([1.2]))
    with pytest.raises(StropError):
        calibration(*world(9, 40), bins=0)
    with pytest.raises(StropError):
        calibration(*world(9, 40), scheme="odd")
