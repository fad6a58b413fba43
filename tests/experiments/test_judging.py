"""Do verdicts follow a rule's conditions: means, intervals, Holm, margins, and what cannot be told?"""

import numpy as np
import pytest

from strop.experiments.claims import judging

GAIN = {"name": "1", "text": "better", "data": "d", "arm": "new", "against": "old", "figure": "recall@20",
        "kind": "gain", "relative": True, "margin": 0.04, "part of the verdict": True}  # fmt: skip


def rows(new, old=0.4, *, half=0.0, seeds=5, wobble=0.002, **anchors):
    found = []
    for seed in range(1, seeds + 1):
        shake = wobble * np.sin(seed * 2.0)
        arms = {"new": new + shake, "old": old, **anchors}
        found.append({"data": "d", "seed": seed, "checksum": "0" * 64, "settings": {},
                      "figures": {arm: {"recall@20": value} for arm, value in arms.items()},
                      "half widths": {"new - old": {"recall@20": half}}})  # fmt: skip
    return found


def judged(found, conditions=(GAIN,), *, exact=(), scope="small"):
    rule = {"method": "m", "paper": "p2020", "claim": "c", "scope": scope, "data": {"d": {}}, "designs tried": [],
            "conditions": list(conditions)}  # fmt: skip
    return judging.judge(rule, found, list(exact), commit="x", cost={}, command="strop evidence m")


def test_a_difference_by_hand():
    """Ours 0.44, 0.42, 0.40 against 0.40: relative +10 %, +5 %, 0: mean 5 %, s 5 %, t(2) 4.3027: half 0.1242."""
    found = rows(0.44, seeds=3)
    for row, value in zip(found, (0.44, 0.42, 0.40), strict=True):
        row["figures"]["new"]["recall@20"] = value
    figure, p = judging.difference(found, GAIN)
    assert figure.value == pytest.approx(0.05)
    assert figure.high - figure.value == pytest.approx(4.30265 * 0.05 / np.sqrt(3), rel=1e-4)
    assert p == pytest.approx(0.2254, abs=1e-3)
    wide, p_users = judging.difference([{**r, "half widths": {"new - old": {"recall@20": 0.08}}} for r in found], GAIN)
    assert wide.high - wide.value == pytest.approx(0.2)  # 0.08 / 0.4: the users' interval is the wider one
    assert p_users == pytest.approx(0.624, abs=1e-3)  # z = 0.05 / 0.2 * 1.96 = 0.49


@pytest.mark.parametrize(
    ("new", "half", "verdict"),
    [
        (0.42, 0.001, "holds"),
        (0.41, 0.001, "not here"),  # surely better, and surely by less than 4 %
        (0.42, 0.05, "cannot tell"),  # users alone could have made it
        (0.38, 0.001, "not here"),
    ],
)
def test_a_gain(new, half, verdict):
    assert judged(rows(new, half=half)).verdict == verdict


def test_no_worse_is_about_the_bound_not_the_mean():
    kept = GAIN | {"kind": "kept", "margin": 0.01, "relative": False}
    assert judged(rows(0.398, half=0.002), [kept]).verdict == "holds"
    assert judged(rows(0.398, half=0.012), [kept]).verdict == "cannot tell"
    assert judged(rows(0.36, half=0.002), [kept]).verdict == "not here"


def test_at_most_of_an_arm_alone():
    gap = GAIN | {"kind": "below", "margin": 0.5, "relative": False, "against": ""}
    assert judged(rows(0.4), [gap]).verdict == "holds"
    assert judged(rows(0.6), [gap]).verdict == "not here"


def test_some_met_is_in_part_and_what_is_only_told_does_not_count():
    other = GAIN | {"name": "2", "margin": 0.2}
    assert judged(rows(0.42), [GAIN, other]).verdict == "in part"
    assert judged(rows(0.42), [GAIN, other | {"part of the verdict": False}]).verdict == "holds"
    assert judged(rows(0.42), [GAIN], scope="mechanism").verdict == "mechanism shown"
    assert judged(rows(0.38), [GAIN], scope="mechanism").verdict == "not shown"


def test_an_exact_check_that_fails_settles_it():
    check = {"name": "e", "text": "same bytes", "value": 0.0, "met": False}
    told = judged(rows(0.42), exact=[check])
    assert told.verdict == "cannot tell" and "Not met: e" in told.sentence


def test_two_seeds_or_undefined_figures_tell_nothing():
    assert judged(rows(0.42, seeds=2)).verdict == "cannot tell"
    found = rows(0.42)
    for row in found[:3]:
        row["figures"]["new"]["recall@20"] = None
    told = judged(found)
    assert told.verdict == "cannot tell" and told.conditions[0]["value"] is None


def test_holm_counts_all_gains():
    """p of about 0.02 alone is a gain; among five of its like it is not."""
    found = rows(0.42, half=0.0168)
    assert judged(found).verdict == "holds"
    more = [GAIN | {"name": str(i), "text": f"better {i}"} for i in range(5)]
    assert judged(found, more).verdict == "cannot tell"


def test_a_better_free_anchor_is_said_first():
    told = judged(rows(0.42, ease=0.5, popular=0.1))
    assert told.sentence.startswith("Ease is better than new on d (recall@20 +0.08")
    assert "popular" not in told.sentence


def test_a_sentence_carries_three_misses_and_each_figure_once():
    told = judged(rows(0.38), [GAIN | {"name": str(i), "text": f"better {i}"} for i in range(5)])
    assert told.sentence.endswith("Not met: 0: better 0; 1: better 1; 2: better 2; and 2 more.")
    assert told.sentence.count("recall@20") == 1
