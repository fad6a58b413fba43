"""Drawings: points where arithmetic puts them, well-formed for any input, told to those who cannot see them."""

import xml.etree.ElementTree as ET

import pytest
import result_examples as examples
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.records import Arm, Difference, DoseCurve, Figure
from strop.report import figures, lines, page, svg

SVG = "{http://www.w3.org/2000/svg}"


def kind(root, name):
    return [one for one in root.iter() if name in one.get("class", "").split()]


def numbers(one, *names):
    return [float(one.get(name)) for name in names]


def two_arms():
    return [
        Arm("a", (Figure("recall@20", 0.30, 0.28, 0.32), Figure("reo@20", 1.0, 0.8, 1.2))),
        Arm("b", (Figure("recall@20", 0.40, 0.38, 0.42), Figure("reo@20", 2.0, 1.8, 2.2))),
    ]


def test_a_scatter_of_two_arms_by_hand():
    """reo runs from 0.8 to 2.2: (2.2 - 0.8) / 4 = 0.35, round step 0.5, axis 0.5 to 2.5 on units 46 to 330: 142 a unit.

    x(1.0) = 46 + 0.5 * 142 = 117, x(2.0) = 46 + 1.5 * 142 = 259; bar of a: x(0.8) = 88.6 to x(1.2) = 145.4.
    recall runs from 0.28 to 0.42: step 0.05, axis 0.25 to 0.45 on units 238 to 30: 1040 a unit.
    y(0.30) = 238 - 0.05 * 1040 = 186, y(0.40) = 82; bar of a: y(0.32) = 165.2 to y(0.28) = 206.8.
    """
    root = ET.fromstring(figures.tradeoff(two_arms(), across="reo@20", up="recall@20"))
    circle, square = kind(root, "m")
    assert numbers(circle, "cx", "cy") == [117, 186]
    x, y, w, h = numbers(square, "x", "y", "width", "height")
    assert [x + w / 2, y + h / 2] == pytest.approx([259, 82])
    bars = [numbers(one, "x1", "y1", "x2", "y2") for one in kind(root, "bar")]
    assert bars[:2] == [[88.6, 186, 145.4, 186], [117, 165.2, 117, 206.8]]
    ticks = [one.text for one in kind(root, "q")]
    assert ticks[:5] == ["0.25", "0.30", "0.35", "0.40", "0.45"]
    assert ticks[5:10] == ["0.5", "1.0", "1.5", "2.0", "2.5"]
    assert ticks[10] == "0 is on neither axis."


def test_zero_is_on_the_axis_where_it_is_near():
    arms = [
        Arm("a", (Figure("recall@20", 0.1), Figure("reo@20", 0.3))),
        Arm("b", (Figure("recall@20", 0.4), Figure("reo@20", 3.0))),
    ]
    root = ET.fromstring(figures.tradeoff(arms, across="reo@20", up="recall@20"))
    assert len(kind(root, "zero")) == 2
    assert "0 is not" not in "".join(root.itertext())


def test_undefined_arms_are_named_not_drawn():
    arms = [*two_arms(), Arm("c", (Figure("recall@20", None), Figure("reo@20", 1.0))), Arm("d", ())]
    root = ET.fromstring(figures.tradeoff(arms, across="reo@20", up="recall@20"))
    assert len(kind(root, "m")) == 2
    assert "Undefined, not drawn: c, d" in "".join(root.itertext())


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12))
def test_a_scale_covers_its_values_in_round_steps(values):
    """Law: all values lie between the ends; few ticks, evenly apart; the ends are ticks; larger values lie further on."""
    scale = svg.scale(values, 0, 100)
    slack = 1e-6 * (scale.high - scale.low)
    assert all(scale.low - slack <= value <= scale.high + slack for value in values)
    assert 2 <= len(scale.ticks) <= 8
    steps = [b - a for a, b in zip(scale.ticks, scale.ticks[1:])]
    assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-3)
    assert (scale(scale.low), scale(scale.high)) == pytest.approx((0, 100))
    assert scale.low < scale.high


numbers_or_none = st.none() | st.floats(-1e4, 1e4)


@st.composite
def any_figure(draw, name):
    value = draw(numbers_or_none)
    half = draw(st.none() | st.floats(0, 100))
    if value is None or half is None:
        return Figure(name, value)
    return Figure(name, value, value - half, value + half, 10)


@st.composite
def any_arm(draw):
    maybe = st.none() | st.floats(0, 1)
    return Arm(
        draw(st.text(max_size=30)),
        tuple(draw(any_figure(name)) for name in ("recall@20", "reo@20")),
        curve=tuple((float(e), draw(numbers_or_none), draw(numbers_or_none)) for e in range(draw(st.integers(0, 4)))),
        points=tuple((float(i), *draw(st.tuples(maybe, maybe, maybe, maybe))) for i in range(draw(st.integers(0, 4)))),
    )


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(any_arm(), min_size=1, max_size=12))
def test_every_drawing_is_well_formed_and_inside_itself(arms):
    """Law: any arms, undefined, equal or negative figures: XML that parses, a title, a description, marks inside."""
    drawn = [figures.tradeoff(arms, across="reo@20", up="recall@20"), lines.validation(arms)]
    drawn += [*lines.exposure(arms), *lines.losses(arms)]
    drawn += figures.forest([Difference(arm.name, "base", one, None) for arm in arms for one in arm.figures])
    for one in filter(None, drawn):
        assert "nan" not in one.replace("nan</", "") or any("nan" in arm.name for arm in arms)
        root = ET.fromstring(one)
        assert root.get("role") == "img"
        assert [child.tag for child in root[:2]] == [SVG + "title", SVG + "desc"]
        assert root.get("aria-labelledby").split() == [child.get("id") for child in root[:2]]
        _, _, across, down = map(float, root.get("viewBox").split())
        for mark in root.iter(SVG + "circle"):
            x, y = numbers(mark, "cx", "cy")
            assert 0 <= x <= across
            assert 0 <= y <= down


@pytest.mark.parametrize("value", [0.0, 0.35, -2.0])
def test_identical_values(value):
    arms = [Arm(f"arm{i}", (Figure("recall@20", value), Figure("reo@20", value))) for i in range(12)]
    root = ET.fromstring(figures.tradeoff(arms, across="reo@20", up="recall@20"))
    assert len(kind(root, "m")) == len(kind(root, "halo")) == 12


def test_twelve_arms_are_told_apart_by_colour_and_shape():
    marks = [svg.marker(0, 0, i) for i in range(12)]
    assert len(set(marks)) == 12


def test_exposure_by_hand():
    """Two groups at x 40 and 250; shares up to 0.8, axis 0 to 0.8 in steps of 0.5: 0 to 1 on units 140 to 28.

    y(0.2) = 140 - 0.2 * 112 = 117.6, y(0.8) = 50.4; likes 0.4 and 0.6: 95.2 and 72.8.
    """
    arm = Arm("a", (), points=((2.0, 0.3, 0.2, 0.4, 0.1), (90.0, 0.7, 0.8, 0.6, 0.75)))
    root = ET.fromstring(lines.exposure([arm])[0])
    assert kind(root, "shown")[0].get("d") == "M40 117.6 L250 50.4"
    assert kind(root, "likes")[0].get("d") == "M40 140 L40 95.2 L250 72.8 L250 140 Z"
    assert kind(root, "hits")[0].get("d") == "M40 128.8 L250 56"
    assert root[1].text == "The most popular group gets 80.0% of the recommendations and 60.0% of the likes."
    assert [one.text for one in kind(root, "q")][-2:] == ["rare (2.0)", "popular (90)"]


def test_without_likes_the_clicks_stand_in_and_it_is_said():
    root = ET.fromstring(lines.exposure([Arm("a", (), points=((2.0, 0.3, 0.2), (90.0, 0.7, 0.8)))])[0])
    assert kind(root, "likes")[0].get("d") == "M40 140 L40 106.4 L250 61.6 L250 140 Z"
    assert not kind(root, "hits")
    assert root[1].text.endswith("of the clicks.")


def test_a_dose_curve_has_a_line_and_its_intervals_for_each_method_and_skips_what_is_undefined():
    """Three points with intervals, one undefined: a path with one step, two upright bars."""
    points = (
        (0.0, Figure("recall@20", 0.3, 0.2, 0.4)),
        (0.1, Figure("recall@20", None)),
        (0.2, Figure("recall@20", 0.2, 0.1, 0.3)),
    )
    drawn = lines.dose(
        DoseCurve("cost", "share added", {"plain": points, "never": ((0.0, Figure("recall@20", None)),)})
    )
    root = ET.fromstring(drawn)
    (curve,) = kind(root, "curve")
    assert curve.get("d").count("L") == 1
    bars = kind(root, "bar")
    assert [float(b.get("y2")) < float(b.get("y1")) for b in bars] == [True, True]
    assert "plain ends at 0.200 (share added 20.0%)" in drawn and "never" not in drawn
    assert lines.dose(DoseCurve("cost", "share", {})) == ""


def test_curves_skip_epochs_without_validation_and_arms_without_curves():
    arm = Arm("a", (), curve=((1.0, 0.7, None), (2.0, 0.5, 0.2), (3.0, 0.4, None), (4.0, 0.3, 0.4)))
    root = ET.fromstring(lines.validation([Arm("closed", ()), arm]))
    (curve,) = kind(root, "curve")
    assert curve.get("d").count("L") == 1
    assert "c1" in curve.get("class"), "an arm keeps its colour in all drawings"
    (loss,) = lines.losses([Arm("closed", ()), arm])
    assert kind(ET.fromstring(loss), "curve")[0].get("d").count("L") == 3
    assert lines.validation([Arm("closed", ())]) == ""


def test_a_forest_by_hand():
    """-0.2 to 0.1 in steps of 0.1 on units 24 to 252: 760 a unit; zero at 24 + 0.2 * 760 = 176, -0.1 at 100."""
    rows = [
        Difference("ipl", "bpr", Figure("reo@20", -0.1, -0.2, -0.05), 0.01),
        Difference("ipl", "ease", Figure("reo@20", 0.02, -0.06, 0.1), 0.4),
    ]
    (one,) = figures.forest(rows)
    root = ET.fromstring(one)
    assert numbers(kind(root, "zero")[0], "x1", "x2") == [176, 176]
    good, flat = kind(root, "span")
    assert numbers(good, "x1", "x2") == [24, 138]
    assert good.get("class") == "span good"
    assert flat.get("class") == "span flat"
    assert numbers(kind(root, "m")[0], "cx", "cy") == [100, 66]
    words = [text.text for text in root.iter(SVG + "text")]
    assert {"ipl, compared with", "bpr", "ease", "less bias", "cannot tell", "−0.100"} <= set(words)


def test_a_receipt_stands_alone_with_both_themes():
    one = figures.receipt_svg(examples.receipt())
    root = ET.fromstring(one)
    assert "prefers-color-scheme: dark" in root.find(SVG + "style").text
    assert len(kind(root, "limit")) == 4, "the condition without a figure is not drawn"
    words = [text.text for text in root.iter(SVG + "text")]
    assert [words.count(word) for word in ("met", "not met", "cannot tell")] == [2, 1, 1]
    assert "| threshold −0.08" in words


def test_a_receipt_without_figures_in_its_conditions_draws_its_main_figures():
    from dataclasses import replace

    bare = replace(examples.receipt(), conditions=({"name": "x", "met": True},))
    root = ET.fromstring(figures.receipt_svg(bare))
    assert len(kind(root, "span")) == 2
    assert not kind(root, "limit")


def test_main_tradeoffs_are_recall_against_reo_and_di():
    arms = examples.comparison().arms
    assert figures.main_tradeoffs(arms) == [("reo@20", "recall@20"), ("di@20 gamma=1.0", "recall@20")]
    assert figures.main_tradeoffs([Arm("a", (Figure("recall@20", 0.1),))]) == []


def test_attributes_and_words_are_escaped():
    assert svg.element("a", {"b": "\"'<&>"}) == '<a b="&quot;&#x27;&lt;&amp;&gt;"/>'
    assert svg.text(1, 2, "<b>&\x00") == '<text x="1" y="2" class="t">&lt;b&gt;&amp;\ufffd</text>'


def test_conditions_that_are_no_numbers_are_undefined():
    from dataclasses import replace

    odd = ({"name": "x", "value": "abc", "met": ["y"]}, {"value": 1.0, "low": None, "high": {}, "threshold": "t"})
    words = "".join(ET.fromstring(figures.receipt_svg(replace(examples.receipt(), conditions=odd))).itertext())
    assert "threshold" not in words.split("}")[-1]
    assert page.render(replace(examples.receipt(), conditions=odd)).count("cannot tell") == 1
