"""In which file do other trainers find these pairs, their order and every letter kept?"""

import csv
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from strop.errors import StropError
from strop.feedback.writers import replacing
from strop.records import Pairs

Array = npt.NDArray[Any]
KINDS = (".jsonl", ".parquet", ".csv")


def write_pairs(pairs: Pairs, path: str | Path, *, weights: Array | None = None) -> None:
    """prompt, chosen, rejected as TRL reads them, then the covariates and the weight, by the suffix .jsonl, .parquet or .csv.

    Conversations are lists of {role, content}, which csv cannot hold; an undefined number is empty. weights: (n,) in
    [0, inf), in the order of the pairs.
    Errors: S208 suffix, or conversations in csv; S211 a weight out of range; S214 lengths differ; S501, S503.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise StropError("S208", f'no format is known for "{kind}"', "end the name in " + ", ".join(KINDS), str(path))
    if kind == ".csv" and pairs.chat:
        raise StropError("S208", "csv cannot hold conversations", "end the name in .jsonl or .parquet", str(path))
    columns = _columns(pairs) | ({} if weights is None else {"weight": _checked(pairs, weights)})
    with replacing(path) as temporary:
        if kind == ".parquet":
            pl.DataFrame(columns).write_parquet(temporary)
            return
        rows = zip(*columns.values(), strict=True)
        if kind == ".jsonl":
            with temporary.open("wb") as lines:
                lines.writelines(msgspec.json.encode(dict(zip(columns, row))) + b"\n" for row in rows)
            return
        with temporary.open("w", encoding="utf-8", newline="") as table:
            writer = csv.writer(table)
            writer.writerow(columns)
            writer.writerows(rows)


def _columns(pairs: Pairs) -> dict[str, list[Any]]:
    texts = {"prompt": pairs.prompts, "chosen": pairs.chosen, "rejected": pairs.rejected}
    columns: dict[str, list[Any]] = {
        name: [text if isinstance(text, str) else [turn._asdict() for turn in text] for text in values]
        for name, values in texts.items()
    }
    for name, values in pairs.covariates.items():
        columns[name] = [None if value != value else value for value in np.asarray(values).tolist()]
    return columns


def _checked(pairs: Pairs, weights: Array) -> list[float]:
    weights = np.asarray(weights, np.float64)
    if weights.shape != (len(pairs),):
        raise StropError("S214", f"weights of shape {weights.shape} for {len(pairs)} pairs", "one weight a pair")
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        row = int(bad[0]) if pairs.rows is None else int(pairs.rows[bad[0]]) - 1
        raise StropError("S211", f"weight {weights[bad[0]]} is not in [0, inf)", "", pairs.name, row + 1, "weight")
    return [float(weight) for weight in weights]
