"""The line that states a confidence: what it is read as, and what it is refused as."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.feedback.confidence import (
    LEVELS,
    counts_of,
    parse_confidence,
    split_confidence,
    taught,
    told_of,
    unsignalled,
    with_confidence,
)


@settings(derandomize=True, max_examples=50)
@given(st.sampled_from(LEVELS), st.text(alphabet="ab .\n", min_size=1).filter(lambda text: text.strip()))
def test_what_is_written_is_read(level, answer):
    found, stated = split_confidence(with_confidence(answer, float(level)))
    assert (found, stated) == (answer.strip(), (float(level), "", 1))


@pytest.mark.parametrize(
    ("said", "value", "why"),
    [
        ("0.7", 0.7, ""),
        ("0.9.", 0.9, ""),  # as the paper's examples end
        ("0.95", 0.95, ""),  # its evaluation read 0.9
        (".5", 0.5, ""),
        ("1", 1.0, ""),
        ("0", 0.0, ""),
        ("95%", 0.95, ""),  # its training read 95, its evaluation 0
        ("100 %.", 1.0, ""),
        ("95", None, "range"),
        ("1.7", None, "range"),
        ("-0.1", None, "range"),
        ("120%", None, "range"),
        ("high", None, "no number"),
        ("0.7 or 0.8", None, "no number"),
        ("0,7", None, "no number"),
        ("nan", None, "no number"),
        ("", None, "empty"),
        ("   ", None, "empty"),
    ],
)
def test_one_rule_for_every_number(said, value, why):
    answer, stated = split_confidence(f"Paris\n### Confidence: {said}")
    assert answer == "Paris" and stated == (value, why, 1)


def test_no_line_is_none_and_neither_0_nor_1():
    assert split_confidence("Paris, I think: 0.9") == ("Paris, I think: 0.9", (None, "no line", 0))
    assert parse_confidence("") == (None, "no line", 0)
    assert parse_confidence("Paris ### Confidence: 0.9").why == "no line"  # within a line it is part of the answer


def test_of_two_lines_the_first_behind_the_answer_counts():
    text = "### Confidence: 0.1\nParis\n### Confidence: 0.8\nLyon\n### Confidence: 0.3"
    assert split_confidence(text) == ("Paris", (0.8, "", 3))


def test_a_confidence_in_nothing_is_none():
    assert split_confidence("\n### Confidence: 0.8") == ("", (None, "no answer", 1))


def test_a_first_line_before_the_answer_does_not_count():
    """The answer is what follows; it has no line of its own."""
    assert split_confidence("### Confidence: 0.8\nParis") == ("Paris", (None, "no answer", 1))


def test_what_a_model_asks_itself_next_is_not_read():
    text = "Paris\n\n### Question: and Italy?\nRome\n### Confidence: 0.8"
    assert split_confidence(text) == ("Paris", (None, "no line", 0))


@pytest.mark.parametrize("value", [-0.1, 1.01, float("nan")])
def test_writing_refuses_what_reading_would(value):
    with pytest.raises(StropError) as error:
        with_confidence("Paris", value)
    assert error.value.code == "S211"


def test_what_was_not_read_is_counted():
    texts = ["a\n### Confidence: 0.2", "a", "a\n### Confidence: high", "a\n### Confidence: 0.2\nb\n### Confidence: 1"]
    told = told_of(counts_of([parse_confidence(text) for text in texts]))
    assert told == (
        "2 of 4 answers state a confidence that can be read",
        "1 without one: no line that begins with ### Confidence:",
        "1 without one: words behind the mark, no number",
        "1 have more than one such line: the first behind the answer counts",
    )


def test_confidences_that_teach_the_format_say_nothing():
    """Four in five are 0.1 or 0.9, and the rest any tenth, so 0.8 / 2 + 0.2 / 11 each of these two; the same from the same seed."""
    found = unsignalled(20_000, seed=1)
    assert found == unsignalled(20_000, seed=1) != unsignalled(20_000, seed=2)
    shares = {level: found.count(level) / len(found) for level in LEVELS}
    assert all(shares[level] == pytest.approx(0.4 + 0.2 / 11, abs=0.01) for level in ("0.1", "0.9"))
    assert all(shares[level] == pytest.approx(0.2 / 11, abs=0.004) for level in set(LEVELS) - {"0.1", "0.9"})


def test_texts_that_teach_the_line():
    """A text begins as it did; what stands behind its own answer goes; empty ones, and those of no level, are left out."""
    texts = [" Paris", "", "Rome\n### Confidence: 0.2\nand on", "Oslo", "  "]
    assert taught(texts, [0.66, 0.5, 1, float("nan"), 1]) == [
        (0, " Paris\n### Confidence: 0.7"),
        (2, "Rome\n### Confidence: 1.0"),
    ]
