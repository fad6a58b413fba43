"""Does it help, where clicks are not all meant, to know users and items again when shaken? The receipt of SimGCL."""

from typing import Any

from strop.experiments.claims import contrasts


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """One row: see `contrasts.one_split`."""
    return contrasts.one_split(rule, data_name, seed)


def exact(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """With strength 0 the noise leaves no trace: the same bytes whatever its length."""
    data = contrasts.small_world()
    same = contrasts.states("simgcl", data, strength=0.0, epsilon=0.5) == contrasts.states("simgcl", data, strength=0.0)
    return [
        {"name": "0: strength 0 without trace of noise", "text": "the same bytes", "value": float(same), "met": same}
    ]
