"""Figures as text: their digits, their direction, and strings that cannot harm a terminal or a page."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.records import Arm, Difference, Figure
from strop.report.wording import (
    cell,
    cells,
    clean,
    direction,
    exact,
    names_of,
    number,
    p_value,
    sense,
    setting,
    shorten,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.36314, "0.363"),
        (1.4751, "1.48"),
        (206.4, "206"),
        (97953.0, "97,953"),
        (0.0, "0"),
        (-0.0146, "−0.0146"),
        (0.00001234, "1.23e-05"),
        (1.5e12, "1.50e+12"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_three_significant_digits(value, text):
    assert number(value) == text


def test_a_column_has_one_number_of_decimals():
    """The largest, 1.475, takes three digits as 1.48: two decimals for all, the small one and the bounds too."""
    column = [Figure("reo@20", 1.475, 1.4, 1.55), Figure("reo@20", 0.0312, None, None), Figure("reo@20", None)]
    assert [tuple(one) for one in cells(column)] == [("1.48", "[1.40, 1.55]"), ("0.03", ""), ("–", "")]


def test_shares_are_percentages_and_others_are_not():
    assert cell(Figure("coverage@20", 0.4121, 0.401, 0.423)) == ("41.2%", "[40.1, 42.3]")
    assert cell(Figure("head share of clicks", 0.5)) == ("50.0%", "")
    assert cell(Figure("recall@20", 0.4121)) == ("0.412", "")


def test_a_rounded_zero_has_no_sign():
    assert cell(Figure("a", -0.00001, -0.5, 0.5), sign="+") == ("0.000", "[−0.500, +0.500]")


@settings(derandomize=True, max_examples=300)
@given(st.floats(-1e8, 1e8))
def test_the_text_is_near_the_value(value):
    """Law: read back, the text is within half a unit of the third digit."""
    back = float(number(value).replace("−", "-").replace(",", ""))
    assert abs(back - value) <= 0.00501 * abs(value) or abs(back - value) <= 0.5e-9


def test_p_values_and_chosen_numbers():
    assert [p_value(p) for p in (None, 0.0004, 0.001, 0.41)] == ["–", "<0.001", "0.001", "0.410"]
    assert [exact(x) for x in (-0.08, 1, None, "at least")] == ["−0.08", "1", "–", "at least"]


def test_direction_follows_the_name():
    assert direction("recall@20") == direction("coverage@20") == "higher is better"
    assert direction("calibration_error") == direction("oracle gap") == "lower is better"
    assert direction("di@20 gamma=1.3") == direction("reo@20") == "lower is less bias"


@pytest.mark.parametrize(
    ("name", "value", "low", "high", "p", "said"),
    [
        ("recall@20", 0.1, 0.05, 0.15, 0.01, "better"),
        ("recall@20", -0.1, -0.15, -0.05, None, "worse"),
        ("reo@20", -0.1, -0.15, -0.05, 0.01, "less bias"),
        ("reo@20", 0.1, 0.05, 0.15, 0.01, "more bias"),
        ("recall@20", 0.1, -0.05, 0.25, 0.01, "cannot tell"),
        ("recall@20", 0.1, 0.0, 0.2, 0.01, "cannot tell"),
        ("recall@20", 0.1, 0.05, 0.15, 0.06, "cannot tell"),
        ("recall@20", None, None, None, None, ""),
        ("recall@20", 0.1, None, None, 0.01, ""),
    ],
)
def test_a_difference_says_no_more_than_it_shows(name, value, low, high, p, said):
    assert sense(Difference("a", "b", Figure(name, value, low, high), p)) == said


def test_main_figures_come_first_and_each_once():
    arms = [
        Arm("a", (Figure("map@20", 1.0), Figure("di@20 gamma=1.0", 1.0), Figure("recall@20", 1.0))),
        Arm("b", (Figure("di@20 gamma=1.3", 1.0), Figure("reo@20", 1.0))),
    ]
    assert names_of(arms) == ["recall@20", "reo@20", "di@20 gamma=1.0", "map@20", "di@20 gamma=1.3"]


@settings(derandomize=True, max_examples=300)
@given(st.text())
def test_clean_text_is_one_harmless_line(text):
    """Law: no control code, no direction override, no lone surrogate; printable text stays."""
    done = clean(text)
    assert len(done) == len(text)
    assert not [
        one for one in done if ord(one) < 32 or 127 <= ord(one) < 160 or one in "\u202a\u202e\u2066\u2028\u2029"
    ]
    done.encode("utf-8")
    assert clean("naïve 映画 🎬 <b>") == "naïve 映画 🎬 <b>"


def test_settings_are_short_and_hold_no_table():
    assert setting(True) == "yes"
    assert setting(None) == "none"
    assert setting(0.005) == "0.005"
    assert setting({"a": 1, "b": [1, 2.5]}) == "a 1, b 1, 2.5"
    assert setting([f"user{i}" for i in range(13)]) == "13 entries"
    assert setting({f"user{i}": i for i in range(500)}) == "500 entries"
    assert shorten("abcdef", 4) == "abc…"


def test_counts_are_written_as_counts_and_measured_ones_keep_their_digits():
    assert cell(Figure("accounts", 29.0)).value == "29"
    assert cell(Figure("share of accounts", 1.0)).value == "100%"
    assert cell(Figure("weight", 1.0, 0.5, 1.5)).value == "1.00"
    assert [one.value for one in cells([Figure("arp@20", 3.0), Figure("arp@20", 2.5)])] == ["3.00", "2.50"]
