"""The checkpoints of a run: the newest two stay, the newest sound one is found, and only the holder writes."""

import os

import numpy as np
import pytest

from strop.checkpoints import Store
from strop.errors import StropError


def state(step):
    return {
        "weights": np.full((3, 2), step, np.float32),
        "clock": np.array(step),
        "stream": np.array([2**64 - step], np.uint64),
    }


def saved(folder, *steps, keep=2):
    store = Store(folder, keep=keep)
    with store.lock():
        for step in steps:
            store.save(step, state(step), {"epoch": step})
    return store


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


def test_the_newest_comes_back_as_it_was_saved(tmp_path):
    found = saved(tmp_path / "run" / "here", 1, 2, 3).newest()
    assert (found.step, found.facts, found.skipped) == (3, {"epoch": 3}, ())
    for name, array in state(3).items():
        assert found.state[name].dtype == array.dtype and np.array_equal(found.state[name], array)
    assert found.state["clock"].shape == ()
    found.state["weights"] += 1  # a learner may go on in the very array


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_the_newest_few_stay(tmp_path, keep):
    saved(tmp_path, *range(1, 8), keep=keep)
    assert names(tmp_path) == [f"checkpoint-{step:08d}" for step in range(8 - keep, 8)]


def test_steps_are_ordered_as_numbers(tmp_path):
    assert saved(tmp_path, 99_999_999, 100_000_000).newest().step == 100_000_000


def test_there_is_none_before_the_first_save(tmp_path):
    assert Store(tmp_path).newest() is None
    assert Store(tmp_path / "missing").newest() is None
    (tmp_path / "checkpoint-draft").mkdir()
    assert Store(tmp_path).newest() is None


def test_the_same_step_once_more_is_the_newer(tmp_path):
    """As after Ctrl-C right behind a save: the first one is not touched before the second is there."""
    store = saved(tmp_path, 1, 2)
    with store.lock():
        for wall in (1.5, 2.5):
            store.save(2, state(2), {"seconds": wall})
    assert store.newest().facts == {"seconds": 2.5}
    assert names(tmp_path) == ["checkpoint-00000002-1", "checkpoint-00000002-2"]
    saved(tmp_path, 3)
    assert names(tmp_path) == ["checkpoint-00000002-2", "checkpoint-00000003"]


def test_damaged_ones_give_way_to_what_is_saved_after_them(tmp_path):
    store = saved(tmp_path, 1, 2, 3, 4, keep=4)
    for step in (3, 4):
        (tmp_path / f"checkpoint-{step:08d}" / "state.safetensors").unlink()
    found = store.newest()
    assert found.step == 2 and [s.split()[0] for s in found.skipped] == ["checkpoint-00000004", "checkpoint-00000003"]
    assert "state.safetensors: No such file" in found.skipped[0]
    with store.lock():
        store.save(3, state(3), {})
    assert names(tmp_path) == ["checkpoint-00000001", "checkpoint-00000002", "checkpoint-00000003-1"]
    assert store.newest().skipped == ()


def test_a_copy_under_another_step_is_damaged(tmp_path):
    store = saved(tmp_path, 1, 2)
    (tmp_path / "checkpoint-00000002").rename(tmp_path / "checkpoint-00000009")
    found = store.newest()
    assert found.step == 1 and "speaks of step 2" in found.skipped[0]


def test_progress_is_not_thrown_away_by_starting_over(tmp_path):
    store = saved(tmp_path, 5)
    with store.lock(), pytest.raises(RuntimeError, match="ahead of step 1"):
        store.save(1, state(1), {})
    assert names(tmp_path) == ["checkpoint-00000005"]


def test_only_the_holder_saves(tmp_path):
    store = saved(tmp_path, 1)
    with pytest.raises(RuntimeError, match="lock"):
        store.save(2, state(2), {})


def test_a_second_holder_is_turned_away_and_the_first_keeps_its_lock(tmp_path):
    (tmp_path / "lock").write_text("12345678901234567\n")  # of a holder long dead
    first, second = Store(tmp_path), Store(tmp_path)
    with first.lock():
        with pytest.raises(StropError) as caught, second.lock():
            raise AssertionError("two holders")
        assert (caught.value.code, caught.value.exit_status) == ("S701", 8)
        assert f"process {os.getpid()} " in str(caught.value) and str(tmp_path) in str(caught.value)
        first.save(1, state(1), {})
    with second.lock():
        second.save(2, state(2), {})


def test_what_cannot_be_saved_leaves_nothing(tmp_path):
    store = saved(tmp_path, 1)
    with store.lock():
        for bad, facts in ((state(2), {"loss": float("nan")}), ({"a": np.array(["x"])}, {}), (state(2), {1: 2})):
            with pytest.raises((ValueError, TypeError)):
                store.save(2, bad, facts)
    assert names(tmp_path) == ["checkpoint-00000001"]


def test_a_run_folder_that_is_a_file_is_S503(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StropError) as caught, Store(tmp_path / "file").lock():
        pass
    assert caught.value.code == "S503"


def test_at_least_one_is_kept(tmp_path):
    with pytest.raises(StropError, match="keep is 0"):
        Store(tmp_path, keep=0)
