"""Are answers checked at the door?"""

import numpy as np
import pytest

from strop.errors import StropError
from strop.records import Answers

NAN = float("nan")


def some(**others: object) -> Answers:
    """Three answers to two questions; the last has no verdict."""
    given = {"questions": np.array([0, 0, 1]), "texts": ["a", "b", "c"], "right": np.array([1, 0, NAN])}
    return Answers(**given | others)  # type: ignore[arg-type]


def test_what_is_left_out_is_not_known() -> None:
    found = some()
    assert list(found.results) == [None, None, None]
    assert list(found.finished) == ["", "", ""]
    assert found.tokens.tolist() == [0, 0, 0]


def test_take_keeps_every_column_with_its_answer() -> None:
    found = some(
        results=["1", None, "3"],
        finished=["end", "length", "end"],
        tokens=np.array([5, 6, 7]),
        confidences={"said": np.array([0.1, NAN, 0.9])},
        rows=np.array([2, 3, 4]),
    ).take(np.array([2, 0]))
    assert (list(found.texts), list(found.results), found.tokens.tolist()) == (["c", "a"], ["3", "1"], [7, 5])
    assert found.questions.tolist() == [1, 0] and found.rows.tolist() == [4, 2]
    assert found.confidences["said"].tolist() == [0.9, 0.1] and np.isnan(found.right[0])
    assert len(some().take(np.array([False, True, False]))) == 1


@pytest.mark.parametrize(
    ("others", "code", "told"),
    [
        ({"right": np.array([1, 0, 2])}, "S211", "2.0 is outside its range"),
        ({"confidences": {"said": np.array([0, 95.0, 1])}, "rows": np.array([7, 8, 9])}, "S211", "95.0 is outside"),
        ({"confidences": {"said": np.array([0, 1.0])}}, "S214", "said has 2 rows"),
        ({"finished": ["end", "stop", ""]}, "S211", "stop is outside"),
        ({"tokens": np.array([0, -1, 0])}, "S211", "-1 is outside"),
        ({"questions": np.array([0, 1, -1])}, "S211", "-1 is outside"),
        ({"texts": []}, "S202", "no answer"),
    ],
)
def test_what_cannot_be_is_refused(others: dict[str, object], code: str, told: str) -> None:
    with pytest.raises(StropError, match=told) as error:
        some(**others)
    assert error.value.code == code
    if "rows" in others:
        assert error.value.row == 8 and error.value.column == "said"


def test_none_cannot_be_taken() -> None:
    with pytest.raises(StropError, match="no answer"):
        some().take(np.zeros(3, bool))


def test_a_confidence_is_added_beside_the_others() -> None:
    found = some(confidences={"said": np.zeros(3)}).with_confidence("agreement", np.ones(3))
    assert list(found.confidences) == ["said", "agreement"]
    with pytest.raises(StropError, match=r"1\.5 is outside"):
        found.with_confidence("agreement", np.array([0, 1.5, 0]))
