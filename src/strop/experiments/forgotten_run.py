"""How does a finished run forget? A new run folder: the model without the clicks, and a split that no longer holds them."""

from dataclasses import replace
from pathlib import Path

from strop.checkpoints import save_arrays
from strop.errors import StropError
from strop.experiments import run_folder
from strop.experiments.forgetting import CAN, forget
from strop.experiments.requests import Forget
from strop.experiments.run_folder import Run
from strop.experiments.unlearning import Plan
from strop.feedback.writers import read_split
from strop.models.recommend import saved
from strop.protocols import Scorer
from strop.records import Result, Split

LEFT = (
    "the old folder still holds these clicks: remove it yourself, its checkpoints too",
    "the table of names in the new folder still names every user and item; a retired user has no click there",
)


def open_finished(folder: Path) -> tuple[Run, Scorer, Split]:
    """A finished run with its model and split. Errors: S302 no run, unfinished or damaged; S307 its model cannot forget."""
    run, scorer = run_folder.open_run(folder), run_folder.load_model(folder)
    data = read_split(folder / run_folder.SPLIT)
    if run.recipe not in ("ease", "bpr") or run.settings.get("loss", "logistic") != "logistic":
        raise StropError("S307", f"a {run.recipe} model has no way to forget here", CAN, str(folder))
    return run, scorer, data


def forgotten(
    run: Run, scorer: Scorer, data: Split, request: Forget, *, seed: int, command: str
) -> tuple[Run, Scorer, Split, Result]:
    """The run, its model, its split and its result after the request. Errors: as `forgetting.forget`."""
    settings = run.settings
    steps = {name: float(settings[name]) for name in ("rate", "l2", "bias_rate") if name in settings}
    ridge = float(settings.get("regularisation", 400.0))
    after, result = forget(scorer, data, request, regularisation=ridge, plan=Plan(**steps), seed=seed)
    remaining, _ = request.parted(data)
    now = replace(run, command=command, pins=run_folder.pins_of(remaining), versions=run_folder.versions())
    told = replace(
        result,
        title=f"{run.recipe} on {data.train.name}, after forgetting",
        command=command,
        settings={"recipe": run.recipe, **settings, "source": run.source, **run.reading},
        notes=(*result.notes, *LEFT),
    )
    return now, after, remaining, told


def write(folder: Path, run: Run, scorer: Scorer, remaining: Split, titles: dict[str, str]) -> None:
    """The new folder but for its result, which is written last. Errors: S501, S503, S702."""
    run_folder.begin(folder, run, remaining, titles)
    save_arrays(folder / run_folder.MODEL, scorer.state(), {"kind": saved.save_kind(scorer), "recipe": run.recipe})
