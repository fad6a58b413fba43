"""Does the drawing of recovered gaps say every figure, every interval, and why a panel has none?"""

import re

from strop.records import Figure, Recovered
from strop.report.recovery import recovered


def test_every_arm_stands_at_its_value_between_base_and_reference():
    """0.25 and 0.75 of the way from the base's line to the reference's; the interval from 0.5 to 1 ends at the line."""
    rows = (Figure("correct", 0.75, 0.5, 1.0, 5), Figure("all", 0.25, None, None, 5))
    drawn = recovered(Recovered("Share", {"right traces": rows}))
    (reference,) = re.findall(r'<line x1="([\d.]+)"[^>]*class="limit"', drawn)
    base = re.findall(r'<line x1="([\d.]+)"[^>]*class="zero"', drawn)[0]
    middle = (float(base) + float(reference)) / 2
    found = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawn)]
    quarter = (float(reference) - float(base)) / 4
    assert found == [middle + quarter, middle - quarter]
    ((left, right),) = re.findall(r'<line x1="([\d.]+)"[^>]*x2="([\d.]+)"[^>]*class="span c0"', drawn)
    assert float(left) == middle and right == reference
    assert "correct 0.75" in drawn and "all 0.25" in drawn


def test_a_panel_without_figures_says_why():
    drawn = recovered(Recovered("Share", {"GRPO": (), "else": ()}, {"GRPO": "its gain may be <nothing>"}))
    assert drawn.count("its gain may be &lt;nothing&gt;") == 2 and drawn.count("no figure") == 2
