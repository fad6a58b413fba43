"""Can the confidence in a file of answers be trusted, is a free one as good, and what would mend it? One page about one file."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits import calibration as found_in
from strop.audits.calibration import (
    Calibration,
    Map,
    calibration,
    compared,
    cross_fitted,
    isotonic_map,
    temperature_map,
)
from strop.audits.intervals import bootstrap_mean, holm
from strop.audits.kept import Keeping, keeping
from strop.audits.sureness import in_blocks
from strop.decoding.gating import Gating, gating, looks_up
from strop.errors import StropError
from strop.experiments import answer_advice, answer_tables
from strop.experiments.running import peak_megabytes, versions
from strop.feedback.answers import AnswersReading
from strop.feedback.columns import plain
from strop.records import Answers, Arm, Difference, Figure, Result

Array = npt.NDArray[Any]
FREE = ("agreement", "consistency", "token", "logprob", "probability", "prob", "ptrue", "entropy")
SHARE = 0.9  # right among the kept
MANY, FEWER = 20_000, 400  # answers beyond which so many draws do
DEFINITIONS = {
    "ECE after a map": "The confidence is passed through a rising map (isotonic), or its log-odds are divided by one number (temperature), fitted on one half of the questions and measured on the other, both ways.",
    "AUROC over another": "Both confidences on the same answers, the same questions drawn again for both; p for all of a kind of figure together (Holm).",
    "threshold": "The lowest confidence from which on so many are right, chosen on one half of the questions and measured on the other, both ways; the number shown is that of all.",
    "gated retrieval": "Where the confidence is below the threshold, or there is none, the answer with retrieval counts; the threshold is chosen on one half and measured on the other. Random: as many looked up, drawn at random, expected exactly. Oracle: looked up where it helps.",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Gated:
    """Retrieval gated by one confidence. cost: of a look-up, in shares of right answers, that the threshold was chosen with.

    right: of what is then answered; over_random, over_always, over_never: differences, on questions the threshold was not chosen on.
    """

    curve: Gating
    threshold: float
    rate: float
    right: Figure
    over_random: Figure
    over_always: Figure
    over_never: Figure


@dataclass(frozen=True, eq=False)
class Measured:
    """One confidence and what was found about it; maps and their ECE only where they can be fitted, `unfitted` says why not."""

    name: str
    values: Array
    told: Calibration
    by_mass: Figure
    keeping: Keeping
    maps: dict[str, Map] = field(default_factory=dict)
    crossed: dict[str, Array] = field(default_factory=dict)
    after: dict[str, Calibration] = field(default_factory=dict)
    unfitted: str = ""
    gated: Gated | None = None

    @property
    def best(self) -> str:
        """The map with the smaller Brier on questions it was not fitted on; "" where none was fitted."""
        return min(self.after, key=lambda how: self.after[how].brier.value or 0.0, default="")

    @property
    def free(self) -> bool:
        """Whether the name says that it is had without training or asking: agreement, token probability, P(True)."""
        return any(word in plain(self.name) for word in FREE)


@dataclass(frozen=True, eq=False)
class Found:
    """What the page is made of: the confidences, the one that is judged first, and that one against each other one."""

    answers: Answers
    prompts: list[str]
    measured: tuple[Measured, ...]
    against: dict[str, dict[str, tuple[Figure, float | None]]]
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Measured:
        """The confidence that the verdict is about."""
        return self.measured[0]


def ordered(names: list[str]) -> list[str]:
    """The confidence that was stated first: of that name, then what is not free, as they stand in the file."""
    stated = [name for name in names if plain(name) in ("stated", "statedconfidence", "confidence", "verbalised")]
    rest = [name for name in names if name not in stated]
    return stated + sorted(rest, key=lambda name: any(word in plain(name) for word in FREE))


def measure(name: str, answers: Answers, *, retrieved: Array | None, seed: int, draws: int) -> Measured:
    """All that is told of one confidence. Errors: as `calibration`."""
    c, y, groups = answers.confidences[name], answers.right, answers.questions
    same: dict[str, Any] = {"clusters": groups, "seed": seed, "draws": draws}
    told = calibration(c, y, **same)
    by_mass = calibration(c, y, **(same | {"draws": min(draws, 200)}), scheme="mass").ece
    kept = keeping(c, y, share=SHARE, clusters=groups, seed=seed)
    gate = None if retrieved is None else gated(c, y, retrieved, groups, seed=seed, draws=draws)
    found = Measured(name, c, told, replace(by_mass, name="ECE of equal groups, error"), kept, gated=gate)
    try:
        fits = {"isotonic": isotonic_map, "temperature": temperature_map}
        maps = {how: fit(c, y) for how, fit in fits.items()}
        crossed = {how: cross_fitted(fit, c, y, clusters=groups, seed=seed) for how, fit in fits.items()}
    except StropError as error:
        return replace(found, unfitted=error.message)
    after = {how: calibration(values, y, **same) for how, values in crossed.items()}
    return replace(found, maps=maps, crossed=crossed, after=after)


def gated(c: Array, closed: Array, retrieved: Array, groups: Array, *, seed: int, draws: int = 1000) -> Gated | None:
    """The threshold curve, and the chosen threshold on the questions it was not chosen on; None where no answer has both verdicts."""
    known = ~np.isnan(closed) & ~np.isnan(retrieved)
    if not known.any():
        return None
    c, a, b, groups = c[known], closed[known], retrieved[known], np.unique(groups[known], return_inverse=True)[1]
    half = (np.random.default_rng([seed, 0x6A7E]).permutation(int(groups.max()) + 1) % 2)[groups]
    looked, rate = np.zeros(len(c), bool), np.zeros(len(c))
    for part in (0, 1):
        fit, told = half != part, half == part
        if not fit.any() or not told.any():
            return None
        chosen = gating(c[fit], a[fit], b[fit]).choose()
        looked[told] = looks_up(c[told], threshold=chosen)
        rate[told] = looked[told].mean()
    right, blocks = np.where(looked, b, a), in_blocks(groups)

    def figure(name: str, values: Array) -> Figure:
        if groups.max() < 1:
            return Figure(name, float(values.mean()), n=len(values))
        return Figure(name, *bootstrap_mean(values, clusters=blocks, seed=seed, draws=draws), len(values))

    curve = gating(c, a, b)
    return Gated(
        curve,
        curve.choose(),
        float(looked.mean()),
        figure("right when gated, share", right),
        figure("gated over random look-ups, share", (looked - rate) * (b - a)),
        figure("gated over always looking up, share", right - b),
        figure("gated over never looking up, share", right - a),
    )


def gather(reading: AnswersReading, *, seed: int, draws: int) -> Found:
    """Everything the page is made of. Errors: S202 no answer is judged, or no judged one has a confidence."""
    answers, measured, left = reading.answers, [], []
    draws = draws if len(answers) <= MANY else min(draws, FEWER)
    names = ordered(list(answers.confidences))
    judged = ~np.isnan(answers.right)
    for name in names:
        if judged.any() and np.isnan(answers.confidences[name][judged]).all() and len(names) > 1:
            left.append(f"{name}: no judged answer has one, left out")
            continue
        measured.append(measure(name, answers, retrieved=reading.retrieved, seed=seed, draws=draws))
    if not measured:
        raise StropError(
            "S202", "no judged answer has a confidence", "right and a confidence in the same rows", answers.name
        )
    if not judged.all():
        left.append(f"{int((~judged).sum()):,} answers without a verdict are left out")
    first, against = measured[0], {}
    for other in measured[1:]:
        both = judged & ~np.isnan(first.values) & ~np.isnan(other.values)
        if both.any():
            same: dict[str, Any] = {"clusters": answers.questions, "seed": seed, "draws": draws}
            against[other.name] = compared(first.values, other.values, answers.right, **same)
    return Found(answers, reading.prompts, tuple(measured), against, tuple(left))


def differences(found: Found) -> tuple[Difference, ...]:
    """The first confidence minus each other one, p adjusted (Holm) over the others, figure by figure."""
    made = []
    for name in ("AUROC", "ECE, error", "Brier, error", "AURC, error"):
        rows = [(other, *told[name]) for other, told in found.against.items() if told[name][0].value is not None]
        for (other, figure, _), p in zip(rows, holm([p for *_, p in rows]), strict=True):
            made.append(Difference(found.first.name, other, figure, None if np.isnan(p) else float(p)))
    return tuple(made)


def audit_answers(
    reading: AnswersReading,
    *,
    seed: int = 0,
    draws: int = 1000,
    notes: tuple[str, ...] = (),
    files: Path | None = None,
) -> Result:
    """Says whether the confidence is as high as the answers are right, whether it orders them, and whether a free one does as well.

    reading: of `read_answers`; files: a folder for the answers with calibrated confidences. Errors: S202 nothing to judge, S503 files.
    """
    found = gather(reading, seed=seed, draws=draws)
    written = () if files is None else answer_tables.write(files, found)
    answers = found.answers
    return Result(
        "audit",
        f"audit of the confidence in {answers.name}",
        answer_advice.verdict(found),
        arms=tuple(arm_of(one) for one in found.measured),
        differences=differences(found),
        figures=figures_of(found),
        advice=tuple(answer_advice.advice(found)),
        tables=tuple(answer_tables.tables(found)),
        curves=answer_tables.curves(found),
        definitions=found_in.DEFINITIONS | DEFINITIONS,
        settings={"bins": 10, "draws": draws if len(answers) <= MANY else min(draws, FEWER), "kept share right": SHARE},
        data={"name": answers.name, "answers": len(answers), "questions": len(np.unique(answers.questions))},
        versions=versions(),
        cost={"peak_megabytes": peak_megabytes()},
        notes=(
            *notes,
            *found.notes,
            *(f"{one.name}: {note}" for one in found.measured for note in one.told.notes),
            *written,
        ),
        seed=seed,
    )


def arm_of(one: Measured) -> Arm:
    """A confidence's row in the table."""
    told = one.told
    after = [replace(kind.ece, name=f"ECE after {how}, error") for how, kind in one.after.items()]
    figures = (told.auroc, told.ece, told.gap, told.brier, told.aurc, *after, told.mean, told.parse_rate, one.by_mass)
    note = "free: needs no training" if one.free else ""
    return Arm(one.name, (*figures, told.by_chance), note=note)


def figures_of(found: Found) -> tuple[Figure, ...]:
    """What stands under the verdict first, then all that is told of the first confidence."""
    one, kept = found.first, found.first.keeping
    told = one.told
    figures = [told.mean, told.accuracy, told.ece, told.auroc, told.gap, told.by_chance, one.by_mass]
    figures += [told.brier, *told.parts, told.aurc, told.mce, told.parse_rate, *told.as_zero]
    figures += [replace(kind.ece, name=f"ECE after {how}, error") for how, kind in one.after.items()]
    figures += [
        Figure(f"threshold that keeps {kept.wanted:.0%} right", kept.threshold, n=kept.right.n),
        kept.right,
        kept.covered,
    ]
    if (gate := one.gated) is not None:
        n = gate.right.n
        figures += [
            Figure("threshold below which to look up", gate.threshold if gate.threshold <= 1 else None, n=n),
            Figure("looked up, share", gate.rate, n=n),
        ]
        figures += [gate.right, gate.over_random, gate.over_always, gate.over_never]
        figures.append(Figure("right when looked up where it helps, share", gate.curve.best, n=n))
    return tuple(figures)
