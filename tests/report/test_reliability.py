"""Reliability panels and lines over shares: points stand where the figures say, and what is undefined is not drawn."""

import re
import xml.etree.ElementTree as ET

import pytest

from strop.records import DoseCurve, Figure
from strop.report import reliability

SVG = "{http://www.w3.org/2000/svg}"
BINS = ((0.25, Figure("", 0.5, 0.3, 0.7, 10)), (0.75, Figure("", 0.25, 0.2, 0.3, 30)), (0.9, Figure("", None)))


def drawn(curve):
    return [ET.fromstring(one) for one in reliability.panels(curve)]


def all_of(tree, kind, **attributes):
    return [
        one.attrib for one in tree.iter(SVG + kind) if all(v in one.attrib.get(k, "") for k, v in attributes.items())
    ]


def test_a_panel_a_confidence_with_points_and_columns_where_they_belong():
    """Across 44 to 234, up 224 to 48: 0.25 says stands at 91.5; right 0.5 at 136; 30 answers are three times as high as 10."""
    lines = {"first": BINS, "second": BINS[:1], "unknown": BINS[2:]}
    first, second = drawn(DoseCurve("Sure?", "it says", lines, up="right", form="reliability"))
    circles = all_of(first, "circle")
    assert [(float(c["cx"]), float(c["cy"])) for c in circles] == [(91.5, 136), (186.5, 180)]
    bars = all_of(first, "line", **{"class": "bar"})
    assert [float(b[end]) for b in bars for end in ("y1", "y2")] == pytest.approx([171.2, 100.8, 188.8, 171.2])
    low, high = (float(one["height"]) for one in all_of(first, "rect", **{"class": "likes"}))
    assert high == pytest.approx(34) and low == pytest.approx(34 / 3, abs=0.01)
    (edge,) = drawn(DoseCurve("Sure?", "it says", {"a": ((0.9, Figure("", 1.0, n=4)),)}, form="reliability"))
    assert float(all_of(edge, "rect", **{"class": "likes"})[0]["x"]) == 44 + 190 * 0.85 - 7.5  # of (0.8, 0.9]
    assert "75%" in [one.text for one in first.iter(SVG + "text")]
    assert "says 0.25, right 0.50 of 10" in first.find(SVG + "desc").text
    assert len(all_of(second, "rect", **{"class": "m c1"})) == 1


def test_lines_over_shares_have_a_key_and_their_ends_in_words():
    lines = {"mine": ((0.0, Figure("", 0.9, 0.8, 1.0)), (1.0, Figure("", 0.6))), "at random": ((0.0, Figure("", 0.5)), (1.0, Figure("", 0.6)))}  # fmt: skip
    (tree,) = drawn(DoseCurve("Keep", "kept", lines, up="right", form="shares"))
    words = [one.text for one in tree.iter(SVG + "text")]
    assert {"mine", "at random"} <= set(words) and any("axis cut" in word for word in words)
    assert tree.find(SVG + "desc").text.startswith("mine: 0.900 at 0")
    paths = [re.findall(r"[\d.]+", one["d"]) for one in all_of(tree, "path", **{"class": "curve"})]
    assert [p[0] for p in paths] == ["46", "46"] and [p[-2] for p in paths] == ["326", "326"] and paths[0][-1] == paths[1][-1]  # fmt: skip
    assert reliability.panels(DoseCurve("Keep", "kept", {"none": BINS[2:]}, form="shares")) == []


def test_a_drawing_that_stands_alone_holds_all_panels():
    """Four panels: three in the first row, one below."""
    lines = dict.fromkeys("abcd", BINS)
    tree = ET.fromstring(
        reliability.alone(DoseCurve("Sure?", "it says", lines, up="right", form="reliability"), style="x")
    )
    assert tree.attrib["viewBox"] == "0 0 780 616" and len(all_of(tree, "circle")) >= 2
    assert [one["transform"] for one in all_of(tree, "g")][2:] == ["translate(520 0)", "translate(0 308)"]
    shares = reliability.alone(DoseCurve("Keep", "kept", lines, form="shares"), style="x")
    assert ET.fromstring(shares).find(SVG + "style").text == "x"
    assert reliability.alone(DoseCurve("Keep", "kept", {"none": BINS[2:]}, form="reliability"), style="x") == ""


def test_names_of_any_length_stay_inside():
    names = {f"{i} " + "a long name of a confidence" * 3: BINS[:2] for i in range(9)}
    for form in ("shares", "reliability"):
        for tree in drawn(DoseCurve("Keep", "kept" * 40, names, up="right" * 40, form=form)):
            width = float(tree.attrib["viewBox"].split()[2])
            assert all(len(one.text) * 4 < width for one in tree.iter(SVG + "text"))
