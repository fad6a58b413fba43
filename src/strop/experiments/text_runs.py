"""What does a run on texts keep in its folder, so that it can be gone on with, and its model be opened without strop?"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from strop.catalogue import entries
from strop.checkpoints import write_json
from strop.errors import StropError
from strop.experiments.run_folder import RUN, Run
from strop.experiments.running import versions
from strop.models.language.opening import keep_model

PARTS = ("train", "validation", "test")
RUNS = {
    "w2sr": "weak_to_strong",
    "conqord": "confidence_runs",
    "PairSplit": "pair_runs",
    "QuestionSplit": "question_runs",
}


def runs_of(recipe: str) -> Any:
    """The module that runs a recipe on texts: its own, or by what its signature says it learns from; None for clicks."""
    found = next(e for e in entries() if e.room == "recipe" and e.name == recipe)
    name = RUNS.get(recipe) or RUNS.get(found.parameters[0].annotation)
    return None if name is None else import_module(f"strop.experiments.{name}")


def pins_of_texts(texts: list[Any]) -> dict[str, str]:
    """What must not differ between the parts of a run: all its texts in their parts and order, and what computes."""
    now = versions()
    found = {"data": hashlib.sha256(json.dumps(texts).encode()).hexdigest()}
    return found | {name: now[name] for name in ("strop", "torch", "threads", "device")}


def begin_texts(folder: Path, run: Run, data: Any, *, name: str, write: Callable[[Any, Path], None]) -> None:
    """Writes each part of the data, and last run.json: from then on the run can be resumed. Errors: S501, S503."""
    (folder / name).mkdir(exist_ok=True)
    for one in PARTS:
        part = getattr(data, one)
        if part is not None:
            write(part, folder / name / f"{one}.jsonl")
    write_json(folder / RUN, asdict(run))


def parts_kept(folder: Path, *, name: str, read: Callable[[Path], Any]) -> tuple[Any, Any, Any]:
    """Train, validation and test (or None) as `begin_texts` wrote them. Errors: S302 they are gone; as the reader."""
    paths = [folder / name / f"{one}.jsonl" for one in PARTS]
    train, validation, test = (read(path) if path.exists() else None for path in paths)
    if train is None or validation is None:
        raise StropError("S302", f"its {name} are gone", "put the files back, or run it again", str(folder / name))
    return train, validation, test


def keep(model: Any, tokenizer: Any, folder: Path | None) -> None:
    """The model in folder/model; its checkpoints, three times its size, are done with. Errors: S501, S503."""
    if folder is not None and not (folder / "model").exists():
        keep_model(model, tokenizer, folder / "model")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def train_texts(run: Run, data: Any, folder: Path | None) -> Any:
    """What the recipe makes of the data without its test part. Errors: as the recipe."""
    where = {"folder": folder / "checkpoints", "save_seconds": run.save_seconds} if folder else {}
    recipe = import_module(f"strop.recipes.{run.recipe}")
    return recipe.run(data.without_test(), seed=run.seed, **run.settings, **where)
