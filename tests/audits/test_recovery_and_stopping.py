"""How much of a gap was closed, by hand and planted; whether a model stopped, looped, and changed its mind."""

import numpy as np
import pytest

from strop.audits.recovery import rgr
from strop.audits.stopping import loops, stopping
from strop.errors import StropError
from strop.records import Answers


def answered(share, n, seed):
    return (np.random.default_rng(seed).random(n) < share).astype(float)


def test_by_hand():
    """10 problems: base right on 2, ours on 5, the reference on 8: 3 of the 6 that were to be gained."""
    base, ours, reference = (np.array([1.0] * k + [0.0] * (10 - k)) for k in (2, 5, 8))
    found = rgr(base, ours, reference, seed=0)
    assert found.value == pytest.approx(0.5) and found.n == 10
    assert (found.gained[0], found.gap[0]) == (pytest.approx(0.3), pytest.approx(0.6))
    assert found.low < 0.5 < found.high


def test_planted():
    """Of 20,000 problems the base is right on 20 %, the reference on 80 %, ours on half of what lies between."""
    chance = np.random.default_rng(0).random(20_000)
    base, reference = (chance < 0.2).astype(float), (chance < 0.8).astype(float)
    found = rgr(base, (chance < 0.5).astype(float), reference, seed=1)
    assert found.low < 0.5 < found.high and found.high - found.low < 0.03


def test_no_gap_no_ratio():
    """A gap of noise has a ratio, anything from below 0 to 9: none is given, and it is said why."""
    base, ours, reference = (answered(share, 600, seed) for seed, share in enumerate((0.10, 0.11, 0.11)))
    found = rgr(base, ours, reference, seed=0)
    assert found.value is None and "none cannot be ruled out" in found.reason and "points" in found.reason
    lost = rgr(reference + 0, ours, np.zeros(600), seed=0)
    assert lost.value is None and "it lost" in lost.reason
    same = rgr(base, base, base, seed=0)
    assert same.value is None and "+0.0" in same.reason


def test_above_one_below_nought_and_the_ends():
    """The reference itself is 1 and the base 0, whatever is drawn; more than the reference is more than 1."""
    base, reference = np.array([0.0] * 70 + [1.0] * 30), np.array([0.0] * 20 + [1.0] * 80)
    assert rgr(base, reference, reference, seed=0)[:3] == (1.0, 1.0, 1.0)
    assert rgr(base, base, reference, seed=0)[:3] == (0.0, 0.0, 0.0)
    assert (
        rgr(base, np.ones(100), reference, seed=0).value > 1 and rgr(base, np.zeros(100), reference, seed=0).value < 0
    )


def test_clusters_and_what_has_no_verdict():
    base, ours, reference = (answered(share, 200, seed) for seed, share in enumerate((0.2, 0.4, 0.8)))
    alone = rgr(base, ours, reference, seed=0)
    twice = rgr(*(np.tile(one, 2) for one in (base, ours, reference)), clusters=np.tile(np.arange(200), 2), seed=0)
    assert twice.value == pytest.approx(alone.value) and twice.high - twice.low == pytest.approx(alone.high - alone.low)
    base[:10], ours[5:15] = np.nan, np.nan
    left = rgr(base, ours, reference, seed=0)
    assert left.n == 185 and left.value == pytest.approx(rgr(base[15:], ours[15:], reference[15:], seed=0).value)
    assert "too few" in rgr(np.full(5, np.nan), ours[:5], reference[:5], seed=0).reason
    assert "too few" in rgr(base[20:], ours[20:], reference[20:], clusters=np.zeros(180), seed=0).reason
    with pytest.raises(StropError, match="S214"):
        rgr(base, ours[:-1], reference, seed=0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1+1=2;" * 3, True),
        ("what? " + "so so so so so so", True),
        ("1+1=2;" * 2, False),
        ("000000000000", True),
        ("00000000000", False),
        ("3+5=1;1+6=0;0+2=2;A2", False),
        ("1+1=2;1+1=2;1+1=2;1+1=2;then it ends well", False),
        ("", False),
        ("abcdefg" * 40 + "abc", True),
    ],
)
def test_a_loop_is_three_times_the_same_up_to_the_end(text, found):
    assert loops(text) is found


def test_a_loop_by_another_road():
    """For texts of three letters: some period p whose last 3 p letters, 12 at least, are the same shifted by p."""
    random = np.random.default_rng(0)

    def slowly(text):
        return any(
            text[-size:][p:] == text[-size:][:-p]
            for p in range(1, len(text) // 3 + 1)
            for size in range(max(3 * p, 12), len(text) + 1)
        )

    texts = ["".join(random.choice(list("aab"), size=random.integers(10, 22))) for _ in range(300)]
    texts += [text[:6] + text[-3:] * 5 for text in texts[:50]]
    assert [loops(text) for text in texts] == [slowly(text) for text in texts]


def test_stopping_by_hand():
    """Four answers: right, wrong where the first result was right, cut in a loop, cut without one."""
    answers = Answers(
        np.arange(4), ["A1", "A1\nA2", "so " * 9, "so it goes on"], np.array([1.0, 0.0, 0.0, np.nan]),
        finished=["end", "end", "length", "length"],
    )  # fmt: skip
    found = stopping(answers, first=np.array([1.0, 1.0, 0.0, np.nan]))
    values = [one.value for one in found]
    assert values == [pytest.approx(1 / 3), pytest.approx(2 / 3), 0.5, 0.75] and found.last.n == 3
    assert stopping(answers).first.value == pytest.approx(1 / 3)
    unknown = stopping(Answers(np.arange(2), ["a", "b"], np.ones(2)))
    assert unknown.stopped.value is None and unknown.last.value == 1
    with pytest.raises(StropError, match="S214"):
        stopping(answers, first=np.ones(3))
