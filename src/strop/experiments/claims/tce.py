"""Does passing over the clicks that are fitted worst help where clicks are not all meant? The receipt of T-CE."""

from typing import Any

from strop.experiments.claims import denoising


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """One row: see `denoising.one_split`."""
    return denoising.one_split(rule, data_name, seed)


def exact(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """With nothing dropped it is bpo, bit for bit."""
    same = denoising.identical("tce", {"drop": 0.0})
    return [{"name": "2: drop 0 is bpo", "text": "the same bytes", "value": float(same), "met": same}]
