"""How are named arrays kept as bytes? As safetensors, which holds numbers and nothing that could be run."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from strop.checkpoints.files import JSON, parse, read_bytes, sealed, unsealed, write_bytes
from strop.errors import StropError

State = dict[str, npt.NDArray[np.generic]]


def save_arrays(path: Path, arrays: State, metadata: dict[str, JSON]) -> None:
    """Writes a model as one safetensors file, with the metadata as JSON in its header; whole, or not at all.

    Errors: S501, S503; ValueError for arrays of text or objects.
    """
    note = sealed({"metadata": metadata, "sha256": checksum(arrays)})
    write_bytes(path, pack(arrays, {"strop": note}))


def load_arrays(path: Path) -> tuple[State, dict[str, JSON]]:
    """The arrays and metadata that `save_arrays` wrote. Errors: S201 unreadable; S302 damaged, or not written by strop."""
    data = read_bytes(path)
    try:
        arrays = unpack(data)
        header = parse(data[8 : 8 + int.from_bytes(data[:8], "little")])
        note = (header.get("__metadata__") or {}).get("strop")
        if note is None:
            raise ValueError("strop did not write it")
        body = unsealed(note.encode(), {"metadata": dict, "sha256": str})
        if checksum(arrays) != body["sha256"]:
            raise ValueError("the arrays differ from their sha256")
    except ValueError as reason:
        raise StropError("S302", f"not a sound model: {reason}", "train it again", str(path)) from None
    return arrays, body["metadata"]


def pack(arrays: State, metadata: dict[str, str] | None = None) -> bytes:
    """A safetensors file; ValueError for arrays of text or objects."""
    # safetensors reads raw memory: a transposed or strided array would be saved scrambled without asarray
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    try:
        return safetensors.save(dense, metadata)
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def unpack(data: bytes) -> State:
    """The arrays of a safetensors file, writable; ValueError says what is wrong with it."""
    try:
        return safetensors.load(data)
    except (SafetensorError, KeyError) as error:  # KeyError: a kind of number that numpy lacks
        raise ValueError(f"no safetensors file ({error})") from None


def checksum(arrays: State) -> str:
    """sha256 of the names, kinds, shapes and values: equal for equal states."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        array = np.asarray(array)
        digest.update(f"{name}\n{array.dtype.name}{array.shape}\n".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()
