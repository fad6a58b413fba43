"""Single completions make pairs of right and wrong ones, of one prompt each."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.feedback.unpaired import crossed, read_unpaired
from strop.records import Message


def rows(*told):
    return [{"prompt": p, "completion": c, "label": label} for p, c, label in told]


def test_all_right_x_wrong_of_a_prompt():
    """p: 2 right x 2 wrong = 4; q: one right only; r: 1 x 1. The row is that of the right completion."""
    found = read_unpaired(
        rows(("p", "a", True), ("p", "b", 1), ("p", "x", "false"), ("p", "y", 0), ("q", "a", 1), ("r", "z", 0), ("r", "c", 1))
    )  # fmt: skip
    pairs = found.pairs
    assert set(zip(pairs.chosen, pairs.rejected)) == {("a", "x"), ("b", "y"), ("a", "y"), ("b", "x"), ("c", "z")}
    assert pairs.rows.tolist() == [1, 2, 1, 2, 7] and pairs.prompts[-1] == "r"
    assert "2 of 3 prompts have both a right and a wrong completion" in found.notes


def test_few_pairs_a_prompt_use_every_completion_first():
    """3 right, 3 wrong, 3 pairs: each stands in one pair; said in the notes."""
    told = [("p", text, label) for label, texts in ((1, "abc"), (0, "xyz")) for text in texts]
    found = read_unpaired(rows(*told), most=3)
    assert sorted(found.pairs.chosen) == ["a", "b", "c"] and sorted(found.pairs.rejected) == ["x", "y", "z"]
    assert "3 pairs of a right and a wrong completion, at most 3 a prompt" in found.notes


@settings(derandomize=True, max_examples=80)
@given(st.lists(st.tuples(st.sampled_from("pq"), st.sampled_from("abc"), st.booleans()), max_size=9))
def test_without_a_bound_it_is_the_product_of_both(told):
    a, b = crossed([p for p, _, _ in told], [c for _, c, _ in told], np.array([r for _, _, r in told], bool))
    expected = {
        (i, j)
        for i, j in product(range(len(told)), repeat=2)
        if told[i][0] == told[j][0] and told[i][2] and not told[j][2] and told[i][1] != told[j][1]
    }
    assert set(zip(a.tolist(), b.tolist())) == expected and len(a) == len(expected)


def test_conversations_authors_and_questions_come_along():
    def one(text, label, author):
        turns = [{"role": "assistant", "content": text}]
        ask = [{"role": "user", "content": "?"}]
        return {"prompt": ask, "completion": turns, "label": label, "model": author, "prompt_id": "q"}

    pairs = read_unpaired([one("a", 1, "m"), one("b", 0, "n")]).pairs
    assert pairs.chosen == [(Message("assistant", "a"),)] and pairs.covariates["question"].tolist() == ["q"]
    assert pairs.covariates["chosen_author"].tolist() == ["m"]
    assert pairs.covariates["rejected_author"].tolist() == ["n"]


BAD = [
    (rows(("p", "a", 1), ("p", "b", "good")), {}, "S211", 2, '"good" is neither right nor wrong'),
    (rows(("p", "a", 1), ("p", "b", None)), {}, "S211", 2, "neither right nor wrong"),
    (rows(("p", "a", 1), ("p", " ", 0)), {}, "S218", 2, "the completion is empty"),
    (rows(("p", "a", 1), ("p", None, 0)), {}, "S218", 2, "the completion is empty"),
    (rows(("p", "a", 1), ("", "b", 0)), {}, "S211", 2, "the prompt is empty"),
    (rows(("p", "a", 1), ("p", 7, 0)), {}, "S211", 2, "neither text nor"),
    (rows(("p", "a", 1), ([{"role": "user", "content": "p"}], [{"role": "assistant", "content": "b"}], 0)), {}, "S211", 2, "mixed"),
    (rows(("p", "a", 1), ("q", "b", 0)), {}, "S209", None, "no prompt of 2"),
    ([{"prompt": "p", "complexion": "a", "label": 1}], {}, "S204", None, 'did you mean "complexion"'),
    (rows(("p", "a", 1)), {"most": 0}, "S301", None, "most is 0"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "arguments", "code", "row", "told"), BAD)
def test_bad_input(source, arguments, code, row, told):
    with pytest.raises(StropError) as caught:
        read_unpaired(source, **arguments)
    assert (caught.value.code, caught.value.row) == (code, row)
    assert told in caught.value.message and caught.value.help


def test_bad_rows_are_skipped_and_counted():
    found = read_unpaired(rows(("p", "a", 1), ("p", "b", 0), ("p", "c", "?")), bad_rows="skip")
    assert len(found.pairs) == 1 and any("1 row dropped [S211]" in note for note in found.notes)
