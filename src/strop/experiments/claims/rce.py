"""Does it help, where clicks are not all meant, that labels which the model believes count more? The receipt of R-CE."""

from typing import Any

from strop.experiments.claims import denoising


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """One row: see `denoising.one_split`."""
    return denoising.one_split(rule, data_name, seed)


def exact(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """With an exponent of 0 it is bpo, bit for bit."""
    same = denoising.identical("rce", {"exponent": 0.0})
    return [{"name": "2: exponent 0 is bpo", "text": "the same bytes", "value": float(same), "met": same}]
