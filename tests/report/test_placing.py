"""Labels: near what they name, inside the drawing, never on one another."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.report.placing import Box, fit, place, spread, width

AREA = Box(48, 22, 334, 236)
heights = st.lists(st.floats(0, 200), min_size=1, max_size=12)


def test_two_labels_move_apart_by_the_same_amount():
    """Wanted 10 and 12 with a gap of 8: their mean 11 stays, 11 - 4 = 7 and 11 + 4 = 15; 60 is far away and stays."""
    assert spread([12, 10, 60], gap=8, low=0, high=100) == [15, 7, 60]


@settings(derandomize=True, max_examples=200)
@given(heights)
def test_labels_keep_their_distance_their_order_and_their_bounds(wanted):
    """Law: neighbours at least the gap apart, all within the bounds, in the order of what was wanted."""
    got = spread(wanted, gap=14, low=0, high=200)
    low_to_high = sorted(got)
    assert all(b - a >= 14 - 1e-9 for a, b in pairwise(low_to_high))
    assert low_to_high[0] >= -1e-9
    assert low_to_high[-1] <= 200 + 1e-9
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    assert all(got[a] <= got[b] for a, b in pairwise(order))


@settings(derandomize=True, max_examples=100)
@given(heights)
def test_what_is_apart_already_stays(wanted):
    apart = [20 + 15.0 * i for i in range(len(wanted))]
    assert spread(apart, gap=15, low=0, high=400) == pytest.approx(apart)


def test_too_many_labels_share_the_room():
    assert spread([5.0] * 5, gap=14, low=0, high=40) == pytest.approx([0, 10, 20, 30, 40])


def test_least_squares_by_another_road():
    """scipy's minimiser finds the same places for a crowded case."""
    from scipy.optimize import minimize

    wanted, gap = [50.0, 52.0, 53.0, 90.0, 91.0], 10.0
    limits = [{"type": "ineq", "fun": lambda x, i=i: x[i + 1] - x[i] - gap} for i in range(4)]
    best = minimize(
        lambda x: sum((a - b) ** 2 for a, b in zip(x, wanted)), [0, 20, 40, 60, 80], constraints=limits, method="SLSQP"
    )
    assert spread(wanted, gap=gap, low=0, high=200) == pytest.approx(best.x, abs=1e-3)


points = st.lists(st.tuples(st.floats(48, 334), st.floats(30, 236)), min_size=1, max_size=12)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(points, st.sampled_from([20.0, 60.0, 90.0]))
def test_no_label_lies_on_another_or_leaves_the_drawing(where, wide):
    """Law: for up to twelve points anywhere, even in one place, all labels are drawn, inside, and apart."""
    boxes = place(where, [(wide, 13.0)] * len(where), area=AREA)
    assert None not in boxes
    assert all(box.within(AREA) for box in boxes)
    assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]


def test_twelve_points_in_one_place():
    boxes = place([(190.0, 130.0)] * 12, [(80.0, 13.0)] * 12, area=AREA)
    assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]
    assert max(abs(box.top - 130) for box in boxes) < 115


def test_a_lone_label_stands_to_the_right_of_its_point():
    assert place([(100.0, 100.0)], [(40.0, 12.0)], area=AREA) == [Box(108.0, 94.0, 148.0, 106.0)]
    assert place([(320.0, 100.0)], [(40.0, 12.0)], area=AREA) == [Box(272.0, 94.0, 312.0, 106.0)]


def test_a_label_avoids_the_error_bars_where_it_can():
    box = place([(100.0, 100.0)], [(40.0, 12.0)], area=AREA, avoid=[Box(60, 100, 140, 100), Box(100, 60, 100, 140)])[0]
    assert not box.overlaps(Box(60, 100, 140, 100))
    assert not box.overlaps(Box(100, 60, 100, 140))


@settings(derandomize=True, max_examples=200)
@given(st.text(max_size=60), st.floats(20, 200))
def test_a_cut_text_fits(text, room):
    assert width(fit(text, room=room), size=12) <= room or fit(text, room=room) == "…"
