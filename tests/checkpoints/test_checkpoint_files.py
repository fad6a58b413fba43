"""Files that are whole or not there; JSON and models that come back equal, or say what is wrong."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strop.checkpoints import load_arrays, read_json, save_arrays, write_bytes, write_json
from strop.checkpoints.arrays import checksum, pack, unpack
from strop.checkpoints.files import parse, sealed, text, unsealed
from strop.errors import StropError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=12,
)
KINDS = [bool, *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float16", "float32", "float64"]
ARRAYS = st.sampled_from(KINDS).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


def same(a, b):
    return sorted(a) == sorted(b) and all(
        a[name].dtype == b[name].dtype and a[name].shape == b[name].shape and a[name].tobytes() == b[name].tobytes()
        for name in a
    )


@settings(derandomize=True, deadline=None)
@given(VALUES)
def test_json_comes_back_equal_and_the_same_bytes(value):
    assert parse(text(value).encode()) == value
    assert text(parse(text(value).encode())) == text(value)
    assert unsealed(sealed({"facts": {"v": value}}).encode(), {"facts": dict}) == {"facts": {"v": value}}


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.dictionaries(st.text(max_size=5).filter(lambda n: n != "__metadata__"), ARRAYS, max_size=4))
def test_arrays_come_back_equal_of_every_kind_and_shape(arrays):
    """0-d, empty, NaN with any bits, uint64 beyond int64: all are held as they are."""
    assert same(unpack(pack(arrays)), arrays)
    assert checksum(unpack(pack(arrays))) == checksum(arrays)


def test_arrays_in_another_memory_order_come_back_as_they_read():
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    arrays = {"transposed": table.T, "strided": table[:, ::2], "big": table.astype(">f4"), "scalar": np.float64(2.5)}
    back = unpack(pack(arrays))
    for name, array in arrays.items():
        assert np.array_equal(back[name], array) and back[name].shape == np.shape(array)
        assert back[name].flags.writeable
    assert checksum(back) == checksum(arrays)


def test_equal_arrays_make_equal_bytes_whatever_their_order(tmp_path):
    a, b = np.arange(3), np.ones((2, 2), np.float32)
    save_arrays(tmp_path / "one", {"a": a, "b": b}, {"seed": 1, "name": "é"})
    save_arrays(tmp_path / "two", {"b": b, "a": a}, {"seed": 1, "name": "é"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "other", [{"a": np.zeros(4)}, {"b": np.zeros(3)}, {"a": np.zeros((3, 1))}, {"a": np.zeros(3, int)}]
)
def test_the_checksum_sees_name_shape_kind_and_value(other):
    assert checksum({"a": np.zeros(3)}) != checksum(other)
    assert checksum({"a": np.zeros(3)}) != checksum({"a": np.array([0, 0, 1e-300])})


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": np.float64("nan")}])
def test_nan_is_not_written(tmp_path, value):
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [{1: "one"}, [{"a": {None: 1}}], {"a": {1, 2}}, {"a": np.int64(1)}, {"a": b"b"}])
def test_what_json_would_change_is_not_written(tmp_path, value):
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", value)


DAMAGED = {
    "empty": b"",
    "cut": b'{"a": [1, 2',
    "NaN": b'{"a": NaN}',
    "infinite": b'{"a": 1e400}',
    "twice": b'{"a": 1, "b": {"c": 1, "c": 2}}',
    "no UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "deep": b"[" * 200_000,
    "more after it": b'{"a": 1} {"b": 2}',
    "huge number": b"9" * 5_000,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_json_is_one_line_with_its_file(tmp_path, name):
    path = tmp_path / "run.json"
    path.write_bytes(DAMAGED[name])
    with pytest.raises(StropError) as caught:
        read_json(path)
    assert caught.value.code == "S302" and str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [read_json, load_arrays])
def test_unreadable_files_are_S201(tmp_path, read):
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(StropError) as caught:
            read(path)
        assert caught.value.code == "S201" and str(path) in str(caught.value)


def test_json_for_people_and_other_tools(tmp_path):
    write_json(tmp_path / "x.json", {"title": "Amélie \ud800", "rows": (1, 2.5)})
    assert json.loads((tmp_path / "x.json").read_text()) == {"title": "Amélie \ud800", "rows": [1, 2.5]}
    assert read_json(tmp_path / "x.json") == {"title": "Amélie \ud800", "rows": [1, 2.5]}


def test_a_seal_wants_exactly_its_names_and_kinds():
    kinds = {"n": int, "sha": str}
    assert unsealed(sealed({"n": 1, "sha": "a"}).encode(), kinds) == {"n": 1, "sha": "a"}
    for body in ({"n": True, "sha": "a"}, {"n": 1, "sha": 2}, {"n": 1}, {"n": 1, "sha": "a", "more": 0}):
        with pytest.raises(ValueError):
            unsealed(sealed(body).encode(), kinds)
    for data in (b"[]", b"3", b'{"n": 1, "sha": "a"}', b'{"n": 1, "sha": "a", "seal": 0}'):
        with pytest.raises(ValueError):
            unsealed(data, kinds)


def test_a_model_comes_back_with_its_metadata(tmp_path):
    arrays = {"users": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.array(7), "none": np.zeros((0, 3))}
    metadata = {"recipe": "bpr", "settings": {"rate": 0.1}, "items": ["é", "b"]}
    save_arrays(tmp_path / "model.safetensors", arrays, metadata)
    back, said = load_arrays(tmp_path / "model.safetensors")
    assert same(back, arrays) and said == metadata
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_other_tools_read_the_model(tmp_path):
    from safetensors import safe_open

    save_arrays(tmp_path / "m", {"a": np.arange(3)}, {"k": 1})
    with safe_open(tmp_path / "m", framework="np") as file:
        assert file.get_tensor("a").tolist() == [0, 1, 2]


def test_a_damaged_model_is_never_read_as_another(tmp_path):
    """300 single-bit flips and 20 cuts: refused with one line, or read as exactly what was written."""
    path, arrays = tmp_path / "m", {"a": np.arange(20.0), "b": np.array([2**64 - 1], np.uint64)}
    save_arrays(path, arrays, {"seed": 12, "rate": 1e5})
    whole, random, refused = path.read_bytes(), np.random.default_rng(0), 0
    places = [*range(64), *random.integers(64, 8 * len(whole), 236)]
    flipped = [
        whole[: b // 8] + bytes([whole[b // 8] ^ (1 << b % 8)]) + whole[b // 8 + 1 :] for b in (int(p) for p in places)
    ]
    for data in [*flipped, *(whole[: len(whole) * i // 20] for i in range(20)), whole + b"\0"]:
        path.write_bytes(data)
        try:
            back, said = load_arrays(path)
        except StropError as error:
            assert error.code == "S302" and "\n" not in str(error)
            refused += 1
        else:
            assert same(back, arrays) and said == {"seed": 12, "rate": 1e5}
    assert refused > 310


def test_a_stranger_s_safetensors_is_refused(tmp_path):
    (tmp_path / "m").write_bytes(pack({"a": np.arange(3)}))
    with pytest.raises(StropError, match="strop did not write it"):
        load_arrays(tmp_path / "m")


def test_a_folder_that_is_not_there_or_is_a_file_is_S503(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "missing" / "x", tmp_path / "file" / "x"):
        with pytest.raises(StropError) as caught:
            write_bytes(path, b"x")
        assert caught.value.code == "S503" and caught.value.exit_status == 6
    write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new" and [p.name for p in tmp_path.iterdir()] == ["file"]
