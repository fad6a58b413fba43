"""Does it help, where clicks are not all meant, to know users and items again with clicks left out? The receipt of SGL."""

from typing import Any

from strop.experiments.claims import contrasts


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """One row: see `contrasts.one_split`."""
    return contrasts.one_split(rule, data_name, seed)


def exact(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """With strength 0 it is lightgcn, bit for bit."""
    data = contrasts.small_world()
    same = contrasts.states("sgl", data, strength=0.0, rho=0.3) == contrasts.states("lightgcn", data)
    return [{"name": "0: strength 0 is lightgcn", "text": "the same bytes", "value": float(same), "met": same}]
