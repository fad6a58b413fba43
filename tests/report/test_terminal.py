"""The terminal: words first, a table that fits, no control code unless asked."""

import re
from dataclasses import replace

import pytest
import result_examples as examples

from strop.records import Advice, Arm, Figure, Result, Table
from strop.report import terminal


def small():
    arms = (
        Arm("bpr", (Figure("recall@20", 0.3631, 0.3519, 0.3743), Figure("reo@20", 1.475, 1.404, 1.546))),
        Arm("ease", (Figure("recall@20", 0.3688, 0.3570, 0.3800), Figure("reo@20", None))),
    )
    return Result(
        "comparison", "t", "EASE is ahead.", arms=arms, advice=(Advice("Use EASE.", "recall@20 0.369", "good"),)
    )


def test_a_small_table_by_hand():
    """± is the longer half of the interval: 0.3688 - 0.3570 = 0.0118, not 0.0112."""
    assert terminal.table(small()) == (
        "EASE is ahead.\n"
        "\n"
        "method     recall@20      reo@20\n"
        "bpr     0.363 ±0.011  1.48 ±0.07\n"
        "ease    0.369 ±0.012           –\n"
        "\n"
        "+ Use EASE. (recall@20 0.369)\n"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("name", ["comparison", "audit", "run", "receipt"])
def test_no_line_is_wider_than_asked_and_the_verdict_is_first(name, width):
    result = getattr(examples, name)()
    lines = terminal.table(result, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].split()[0] == (result.method + ":" if name == "receipt" else result.verdict.split()[0])


def test_columns_that_do_not_fit_are_named():
    text = terminal.table(examples.comparison(), width=60)
    table, _, rest = text.partition("not shown for want of width: ")
    told = re.sub(r"\s+", " ", rest.split("ials: ")[0]).strip().split(", ")
    for one in examples.comparison().arms[0].figures:
        head = one.name.split(" ")[0]
        assert (one.name in told) != (head in table.split("bpr")[0] and one.name not in told), one.name
    assert "coverage@20" in told
    assert "recall@20" not in told


def test_all_columns_are_shown_where_there_is_room():
    assert "not shown" not in terminal.table(examples.comparison(), width=400)


def test_colour_only_when_asked():
    plain, coloured = terminal.table(examples.audit()), terminal.table(examples.audit(), colour=True)
    assert "\033" not in plain
    assert coloured.startswith("\033[1m")
    assert re.sub(r"\033\[\d+m", "", coloured) == plain


def test_differences_say_what_they_mean():
    text = terminal.table(examples.comparison(), width=120)
    assert "difference in reo@20, lower is less bias" in text
    assert re.search(r"ipl gamma=1\.0 strength=0\.5 - bpr +-0\.682 \[-0\.725, -0\.639\]  p 0\.001  less bias", text)


def test_a_receipt_lists_its_conditions():
    text = terminal.table(examples.receipt(), width=120)
    assert "+ met: reo@20 falls by 8 % on ml-100k: -0.139 [-0.162, -0.116], threshold -0.08\n" in text
    assert "! not met: recall@20 no worse than 1 % on lastfm" in text
    assert "- cannot tell: recall@20 no worse than 1 % on ml-100k" in text


def test_wide_letters_keep_the_columns_straight():
    arms = tuple(replace(arm, name=name) for arm, name in zip(small().arms, ["映画", "ab"]))
    rows = terminal.table(replace(small(), arms=arms)).splitlines()[3:5]
    assert rows[0].startswith("映画    0.363")
    assert rows[1].startswith("ab      0.369")


def test_a_table_shows_its_first_rows_in_columns_and_says_how_many_are_left():
    rows = tuple((f"u{i}", "i" * (i + 1)) for i in range(9))
    record = Result(
        kind="audit",
        title="t",
        verdict="v",
        tables=(Table("Clicks to check", ("user", "item"), rows, "At random: one in ten."),),
    )
    text = terminal.table(record, width=60)
    lines = text.splitlines()
    start = lines.index("Clicks to check. At random: one in ten.")
    assert lines[start + 1].split() == ["user", "item"]
    assert [line.split()[0] for line in lines[start + 2 : start + 7]] == ["u0", "u1", "u2", "u3", "u4"]
    assert lines[start + 7] == "and 4 more on the page"
