"""What has a weak-to-strong run done already, so that a stage that is there is not done again?"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from strop.checkpoints import read_json, write_json
from strop.decoding.voting import majority
from strop.errors import StropError
from strop.experiments.text_runs import keep
from strop.feedback.results import Marked
from strop.feedback.traces import first_results, read_traces
from strop.models.language.opening import open_model
from strop.models.language.writing import Writer, fingerprint
from strop.recipes.w2sr import written
from strop.records import Answers, Questions, Trained

log = logging.getLogger("strop.w2sr")
Array = npt.NDArray[Any]
DRAWN: dict[str, float] = {"temperature": 0.6, "top_p": 0.95}  # of what is voted on: the paper's evaluation
STREAM = 0x35  # of draws for measuring: none that taught
ABOUT, COSTS, MODELS = "taught.json", "costs.json", "models.json"


LABELS = {
    "correct": "w2sr, correct traces",
    "all": "w2sr, all traces",
    "incorrect": "w2sr, incorrect traces",
    "student": "student, same prompt",
    "plain": "student, bare question",
    "vote": "student's vote",
    "self": "self-training",
    "answers": "answers only",
    "labels": "weak labels",
    "structure": "structure only",
    "oracle": "oracle traces",
    "grpo": "GRPO",
    "teacher": "teacher",
    "teacher vote": "teacher's vote",
}


class Taught(NamedTuple):
    """A model that an arm made: where it is, how many texts it learned from, tokens written for them and read, curve, notes."""

    place: Path
    texts: int
    written: int
    read: int
    curve: tuple[tuple[float | None, ...], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """What a model answers to the test questions: its likeliest answers, verdicts on their first results, and drawn answers."""

    answers: Answers
    first: Array
    drawn: Answers | None = None

    @property
    def right(self) -> Array:
        """(questions,): 1, 0 or NaN of the likeliest answers."""
        return self.answers.right

    def groups(self) -> Array:
        """(questions, k): verdicts on the drawn answers. Errors: S305 nothing was drawn."""
        if self.drawn is None:
            raise StropError("S305", "no answers were drawn", "--vote 8")
        return self.drawn.right.reshape(len(self.answers), -1)

    def voted(self) -> tuple[Array, Array]:
        """(questions,) each: whether the result of most drawn answers is right, 0 where none has one; and their agreement."""
        groups = self.groups()
        assert self.drawn is not None
        vote = majority(self.drawn.results, self.drawn.questions)
        return np.where(vote.first < 0, 0.0, groups.ravel()[vote.first]), vote.share


class Stages:
    """A run's folder, in which each stage is kept when it is done: answers/, students/, what each took."""

    def __init__(self, folder: Path, settings: dict[str, Any], seed: int, marked: Marked) -> None:
        self.folder, self.settings, self.seed, self.marked = folder, settings, seed, marked
        self.costs: dict[str, float] = read_json(folder / COSTS) if (folder / COSTS).exists() else {}

    def scaled(self, factor: float) -> "Stages":
        """The same folder and costs, the rates so many times as high."""
        rates = {name: self.settings[name] * factor for name in ("rate", "grpo_rate")}
        found = Stages(self.folder, self.settings | rates, self.seed, self.marked)
        found.costs = self.costs
        return found

    def pin(self, sources: dict[str, str]) -> dict[str, str]:
        """Twelve letters of each model's weights, as they were when the run began. Errors: S304 a model is another one now."""
        now = {name: fingerprint(open_model(source)[0]) for name, source in sources.items()}
        path = self.folder / MODELS
        then = read_json(path) if path.exists() else now
        for name, letters in now.items():
            if then.get(name) != letters:
                told = f"the {name}'s weights were {then.get(name)} and are {letters}"
                raise StropError("S304", told, "put the model back, or run it again in another folder", sources[name])
        if not path.exists():
            write_json(path, now)
        return now

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Adds the CPU seconds of what is inside to those of the stage, also where it is interrupted."""
        begun = time.process_time()
        log.info("%s", name)
        try:
            yield
        finally:
            self.costs[name] = self.costs.get(name, 0.0) + time.process_time() - begun
            write_json(self.folder / COSTS, self.costs)

    def measured(self, name: str, source: Path | str, asked: Questions, *, draws: int = 0) -> Found:
        """The model's answers to questions as they are asked, judged: the likeliest of each, and so many drawn ones."""
        files = [self.folder / "answers" / f"{name}{kind}.jsonl" for kind in ("", "-drawn")]
        wanted = [(files[0], 1), *([(files[1], draws)] if draws else [])]
        if not all(lines_of(file) == len(asked) * count for file, count in wanted):
            with self.timed(f"measuring {name}"):
                self._measure(name, source, asked, wanted)
        greedy, *drawn = (read_traces(file, asked) for file, _ in wanted)
        return Found(greedy, first_results(files[0]), drawn[0] if drawn else None)

    def _measure(self, name: str, source: Path | str, asked: Questions, wanted: list[tuple[Path, int]]) -> None:
        model, tokenizer = open_model(source)
        called = f"{name}@{fingerprint(model)}"
        for number, (file, count) in enumerate(wanted):
            drawn = DRAWN if number else {"temperature": 0.0, "top_p": 1.0}
            seed = self.seed * 1000 + STREAM
            writer = Writer(model, tokenizer, most_tokens=self.settings["most_tokens"], seed=seed, **drawn)
            written(writer, asked, self.marked, file=file, count=count, window=self.settings["window"], name=called)

    def taught(self, name: str, make: Callable[[Path], tuple[Trained, int, int, int]], tokenizer_of: str, *, main: bool) -> Taught:  # fmt: skip
        """The model that `make` trains in a folder, or the one that is there; the main arm's lies where all runs keep theirs.

        make: from where checkpoints go to (what was trained, texts, tokens written, tokens read).
        """
        place = self.folder if main else self.folder / "students" / name
        if not (place / "model").exists():
            place.mkdir(parents=True, exist_ok=True)
            with self.timed(f"teaching {name}"):
                trained, *counts = make(place / "checkpoints")
                told = {"counts": counts, "curve": trained.curve, "notes": trained.notes}
                write_json(place / ABOUT, told)
                keep(trained.scorer, open_model(tokenizer_of)[1], place)
        told = read_json(place / ABOUT)
        curve = tuple(tuple(row) for row in told["curve"])
        return Taught(place / "model", *told["counts"], curve, tuple(told["notes"]))


def lines_of(file: Path) -> int:
    """How many whole lines a file holds; 0 where it is not there."""
    return file.read_bytes().count(b"\n") if file.exists() else 0


def kept_as_main(place: Path, folder: Path) -> Path:
    """A student's folder copied to where all runs keep their model, in one step. Errors: S501, S503."""
    kept = folder / "model"
    if not kept.exists():
        unfinished = folder / ".model.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            shutil.copytree(place, unfinished)
            unfinished.rename(kept)
        except OSError as error:
            full = error.errno == 28
            told = f"cannot write the model: {error.strerror or error}"
            mend = "make room, then strop resume" if full else "another folder"
            raise StropError("S501" if full else "S503", told, mend, str(kept)) from None
    return kept
