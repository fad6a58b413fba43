"""What does a run leave in its folder, so that it can be stopped, gone on with to the same bytes, and asked later?"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from strop.audits.measure import definitions
from strop.catalogue import parameters
from strop.checkpoints import Store, load_arrays, read_json, save_arrays, write_json
from strop.errors import StropError
from strop.experiments.compare import about, differences
from strop.experiments.running import anchors, peak_megabytes, run_arm, versions
from strop.feedback.writers import read_split, write_split
from strop.models.recommend import saved
from strop.protocols import Scorer
from strop.records import Arm, Difference, Result, Split

RUN, RESULT, MODEL, SPLIT, TITLES = "run.json", "result.json", "model.safetensors", "split", "titles.json"
WHERE = ("folder", "save_seconds")  # keywords that say where and how often to save, not what is learned
SAID = {"ease": "EASE", "ials": "iALS", "popular": "popularity"}


@dataclass(frozen=True)
class Run:
    """What was asked for, and what its bytes depend on (pins: data, strop, torch, threads, device)."""

    recipe: str
    settings: dict[str, Any]
    seed: int
    source: str
    reading: dict[str, Any]
    command: str
    pins: dict[str, str]
    versions: dict[str, str]
    save_seconds: float = 5.0


def settings_of(recipe: str, given: dict[str, Any]) -> dict[str, Any]:
    """All settings of a recipe, those not given at their defaults; the seed and WHERE left out."""
    return {p.name: given.get(p.name, p.default) for p in parameters(recipe) if p.name not in ("seed", *WHERE)}


def pins_of(data: Split) -> dict[str, str]:
    """What must not differ between the parts of a run."""
    sums = [part.checksum for part in (data.train, data.validation, data.test) if part is not None]
    now = versions()
    return {"data": hashlib.sha256("".join(sums).encode()).hexdigest()} | {
        name: now[name] for name in ("strop", "torch", "threads", "device")
    }


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the folder for this process alone, whatever the recipe saves. Errors: S701, S501, S503."""
    with Store(folder).lock():
        yield


def begin(folder: Path, run: Run, data: Split, titles: dict[str, str]) -> None:
    """Writes the split, the titles, and last run.json: from then on the run can be resumed. Errors: S501, S503, S702."""
    if not _same_split(folder / SPLIT, run):
        write_split(data, folder / SPLIT)
    if titles:
        known = set(map(str, data.train.item_ids.tolist()))
        write_json(folder / TITLES, {item: title for item, title in titles.items() if item in known})
    write_json(folder / RUN, asdict(run))


def _same_split(folder: Path, run: Run) -> bool:
    """Whether a run that was killed before its run.json left this very split."""
    try:
        return pins_of(read_split(folder))["data"] == run.pins["data"]
    except StropError:
        return False


def open_run(folder: Path) -> Run:
    """What run.json says. Errors: S302 no run, or a damaged one."""
    if not (folder / RUN).is_file():
        raise StropError("S302", "no run is kept here: it has no run.json", "strop run RECIPE FILE -o DIR", str(folder))
    try:
        return msgspec.convert(read_json(folder / RUN), Run)
    except msgspec.ValidationError as wrong:
        message = f"damaged: {wrong}"
        raise StropError("S302", message, "put the original back, or run it again", str(folder / RUN)) from None


def finished(folder: Path) -> bool:
    """Whether the run came to its end: its result is written last."""
    return (folder / RESULT).is_file()


def changes(folder: Path, run: Run, *, allowed: tuple[str, ...]) -> tuple[Split, list[str]]:
    """The run's split, and what changed since it was started, a sentence each. Errors: S302, S304 what is not allowed."""
    try:
        data = read_split(folder / SPLIT)
    except StropError as error:
        code = "S304" if error.code == "S217" else "S302"
        raise StropError(code, f"data: {error.message}", "put the files back, or run it again", error.file) from None
    return data, changed(run, pins_of(data), folder, allowed=allowed)


def changed(run: Run, now: dict[str, str], folder: Path, *, allowed: tuple[str, ...]) -> list[str]:
    """Which pins differ from the run's, a sentence each. Errors: S304 what is not allowed."""
    names = [name for name in now if run.pins.get(name) != now[name]]
    told = {name: f"{name} was {run.pins.get(name, '?')[:12]} and is {now[name][:12]}" for name in names}
    refused = [name for name in names if name not in allowed]
    if refused:
        ways = " ".join(f"--allow-change {name}" for name in refused)
        raise StropError(
            "S304", "; ".join(told[name] for name in refused), f"{ways} goes on, not bit-exact", str(folder)
        )
    return list(told.values())


def complete(run: Run, data: Split, *, folder: Path | None, notes: tuple[str, ...] = ()) -> Result:
    """Trains, or goes on from the newest checkpoint; measures it beside popularity, EASE and iALS; saves the model.

    The result is returned, not written. Errors: as the recipe; S501, S503, S701.
    """
    takes = {p.name for p in parameters(run.recipe)}
    where = {"folder": folder / "checkpoints", "save_seconds": run.save_seconds} if folder and "folder" in takes else {}
    ours, measured, trained = run_arm(run.recipe, data, seed=run.seed, settings=run.settings | where)
    if folder is not None:
        metadata = {"kind": saved.save_kind(trained.scorer), "recipe": run.recipe}
        save_arrays(folder / MODEL, trained.scorer.state(), metadata)
    beside, left_out = anchors(data, seed=run.seed, skip=(run.recipe,))
    arms = [replace(ours, settings=run.settings), *(arm for arm, _ in beside)]
    runs = {run.recipe: [measured]} | {arm.name: [found] for arm, found in beside}
    baseline = next(name for name in SAID if name in runs and name != run.recipe)
    gaps = differences(runs, baseline=baseline)
    return Result(
        "run",
        f"{run.recipe} on {data.train.name}",
        verdict(arms, gaps, baseline),
        run.command,
        tuple(arms),
        gaps,
        definitions=definitions(),
        settings={"recipe": run.recipe, **run.settings, "source": run.source, **run.reading},
        data=about(data),
        versions=versions(),
        cost={"peak_megabytes": peak_megabytes()},
        notes=(*data.notes, *left_out, *notes),
        seed=run.seed,
    )


def verdict(arms: list[Arm], gaps: tuple[Difference, ...], baseline: str) -> str:
    """What the first arm finds, and whether it is surely above or below the baseline in recall@20."""
    ours, theirs = (next(a for a in arms if a.name == name).figure("recall@20") for name in (arms[0].name, baseline))
    if ours.value is None or theirs.value is None:
        return f"{arms[0].name} could not be measured: no user has an item to find."
    change = next(d.figure for d in gaps if d.arm == arms[0].name and d.figure.name == "recall@20")
    figures = f"({ours.value:.3f} against {theirs.value:.3f})"
    if change.low is not None and change.high is not None and (change.high < 0 or change.low > 0):
        stands = f"{'below' if change.high < 0 else 'above'} {SAID[baseline]} {figures}"
    else:
        stands = f"not told from {SAID[baseline]} {figures}"
    return f"{arms[0].name} finds {ours.value:.0%} of what users went on to click in its first 20; {stands}."


def load_model(folder: Path) -> Scorer:
    """The model that a finished run left. Errors: S302 no run, unfinished or damaged."""
    open_run(folder)
    if not finished(folder):
        raise StropError("S302", "this run is not finished", f"strop resume {folder}", str(folder))
    if not (folder / MODEL).is_file():
        raise StropError("S302", f"it has no {MODEL}", "run it again in another folder", str(folder))
    state, metadata = load_arrays(folder / MODEL)
    return saved.load(str(metadata.get("kind")), state)


def rough_megabytes(data: Split, settings: dict[str, Any]) -> float:
    """About how much memory a run takes: the libraries, the table, the vectors, EASE's matrix, a block of scores."""
    users, items = data.train.n_users, data.train.n_items
    clicks = len(data.train) + len(data.validation) + len(data.test or ())
    vectors = 24 * settings.get("dimensions", 64) * (users + items)
    ease = 24 * items**2 if 24 * items**2 <= 2_000_000_000 else 0
    return 450 + (200 * clicks + vectors + ease + 2 * min(4 * users * items, 256 << 20)) / 1e6


def titles_of(folder: Path) -> dict[str, str]:
    """Item (as text) -> title; empty where none were given. Errors: S302."""
    path = folder / TITLES
    if not path.is_file():
        return {}
    try:
        return msgspec.convert(read_json(path), dict[str, str])
    except msgspec.ValidationError as wrong:
        raise StropError("S302", f"damaged: {wrong}", "remove it to go without titles", str(path)) from None
