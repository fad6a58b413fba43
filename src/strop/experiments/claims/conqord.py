"""Does CONQORD's order reward make a stated confidence follow what a model knows, and is that more than its own chances tell for nothing?

A model learns a table of facts by heart, some told often and some never, in texts that end in a confidence drawn at random; then
it answers questions about the things of train and is rewarded. All figures are of things of test, whose answers nobody ever
rewarded: what is learned about single facts while rewards come in cannot show in them.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from strop.decoding.gating import gating
from strop.errors import StropError
from strop.experiments.claims.fact_lab import FactLab, Judge, Told, chosen, figures, half_widths, judge_of, mapped
from strop.experiments.fact_tables import fact_table
from strop.losses.confidence import dual_reward, order_preserving_reward
from strop.models.language.reading import Reader
from strop.records import DoseCurve, Figure, Receipt

Array = npt.NDArray[Any]
Row = dict[str, Any]
BINS = 10
RETRIEVER = 43  # the stream of what the simulated retriever finds
Confidence = tuple[Array, Array]  # (confidence, right) of a part


def one_split(rule: Row, data_name: str, seed: int) -> Row:
    """A table, a model that knows part of it, every arm's copy of that model, and what each says of things of test."""
    about = rule["data"][data_name]
    lab, base, before, settings, known = begun(rule, data_name, seed)
    found: dict[str, tuple[Confidence, Confidence]] = {}  # by arm: test, validation
    if known:
        found = free(lab, base, before, rule["samples"])
        for arm in about["arms"]:
            trained, settings[arm] = tuned(lab, base, rule, arm, before["validation"])
            found[arm] = both(trained)
            if arm == "order":
                found["token probability after order"] = tuple((t.chance, t.right) for t in trained)  # type: ignore[assignment]
        for name, judge in rule["noise"].items() if about["noise"] else ():
            reader = lab.taught(base, rule["learn"], reward="order", **settings["order"], judge=judge_of(judge))
            found[f"order, {name}"] = both((lab.answers(reader, "test"), lab.answers(reader, "validation")))
    told = figures_of(rule, found, seed)
    if {"order", "quality"} <= set(told):
        limit = told["order"]["ECE"], told["quality"]["ECE"]
        told["order"]["ECE above 0.75 of quality only's"] = limit[0] - 0.75 * limit[1]
    row = {"data": data_name, "seed": seed, "checksum": lab.table.checksum, "settings": settings}
    return row | kept(rule, data_name, found, told, arms_of(rule, about))


class Begun(NamedTuple):
    """A table's models before any arm; known: whether the base's accuracy is within the gate."""

    lab: FactLab
    base: Reader
    before: dict[str, Told]
    settings: Row
    known: bool


def begun(rule: Row, data_name: str, seed: int) -> Begun:
    """The table of a seed, its base, and what that answers."""
    lab = FactLab(fact_table(**rule["data"][data_name]["table"], seed=seed), rule["model"], seed=seed)
    base, passes = lab.base(rule["base"])
    before = {part: lab.answers(base, part) for part in ("validation", "test")}
    low, high = rule["gate"]
    known = bool(low <= before["test"].right.mean() <= high)
    return Begun(lab, base, before, {"base": {"passes": passes}}, known)


def figures_of(rule: Row, found: dict[str, tuple[Confidence, Confidence]], seed: int) -> Row:
    """Every figure of every arm, with the bins of those that are drawn."""
    told = {arm: measured(*parts, rule["retriever"], seed) for arm, parts in found.items()}
    for arm in rule["drawn"] if found else ():
        told[arm] |= binned(*found[arm][0])
    return told


def kept(rule: Row, data_name: str, found: dict[str, tuple[Confidence, Confidence]], told: Row, arms: list[str]) -> Row:
    """What a row holds of its figures; None for all where the gate was shut."""
    return {
        "figures": {arm: told.get(arm, dict.fromkeys(rule["figures"])) for arm in arms},
        "half widths": widths(rule, data_name, found, len(rule["data"][data_name]["seeds"])),
    }


def arms_of(rule: Row, about: Row) -> list[str]:
    """All that a row has figures of."""
    swept = [f"order, {name}" for name in rule["noise"]] if about["noise"] else []
    return [*rule["free"], *about["arms"], "token probability after order", *swept]


def free(lab: FactLab, base: Reader, before: dict[str, Told], count: int) -> dict[str, tuple[Confidence, Confidence]]:
    """What costs no training: the confidence as first stated, the answer's chance, agreement of samples, and how often it was told."""

    def pair(values: Any) -> tuple[Confidence, Confidence]:
        return (values("test"), before["test"].right), (values("validation"), before["validation"].right)

    most = max(1, int(lab.table.told.max()))
    return {
        "before": pair(lambda part: before[part].stated),
        "token probability": pair(lambda part: before[part].chance),
        "agreement": pair(lambda part: lab.agreement(base, part, count=count)),
        "times told": pair(lambda part: lab.table.told[lab.table.parts[part]] / most),
    }


def both(parts: tuple[Told, Told]) -> tuple[Confidence, Confidence]:
    """What is stated on test, and on validation."""
    test, validation = parts
    return (test.stated, test.right), (validation.stated, validation.right)


def tuned(lab: FactLab, base: Reader, rule: Row, arm: str, before: Told) -> tuple[tuple[Told, Told], Row]:
    """(what the chosen trial says on test and validation, its settings): every arm has as many trials, chosen alike."""
    trials: list[tuple[Row, Reader, Told]] = []
    for trial in rule["arms"][arm]:
        reader = lab.taught(base, rule["learn"], reward=arm, **trial, judge=Judge())
        trials.append((trial, reader, lab.answers(reader, "validation")))
    best = trials[chosen(trials, before, lost=rule["lost"])]
    return (lab.answers(best[1], "test"), best[2]), best[0]


def measured(test: Confidence, validation: Confidence, retriever: float, seed: int) -> dict[str, float | None]:
    """Every figure of one confidence on test; maps and the threshold of retrieval are of validation."""
    told = figures(*test) | mapped(*test, validation)
    seen, asked = (np.random.default_rng([seed, RETRIEVER, n]).random(len(part[1])) < retriever for n, part in enumerate((validation, test)))  # fmt: skip
    threshold = gating(validation[0], validation[1], seen.astype(float)).choose()
    found = gating(test[0], test[1], asked.astype(float))
    at = found.at(threshold)
    return told | {
        "unread": 1.0 - float(told["parse rate"] or 0.0),
        "retrieval over random": float(found.accuracy[at] - found.random[at]),
        "retrieval rate": float(found.rate[at]),
        "retrieval over always": float(found.accuracy[at] - found.always),
        "accuracy with retrieval": float(found.accuracy[at]),
    }


def widths(rule: Row, data_name: str, found: dict[str, tuple[Confidence, Confidence]], sets: int) -> Row:
    """Half widths of what the conditions compare."""
    told = {}
    for one in rule["conditions"]:
        arm, against = one["arm"], one["against"]
        if one["data"] == data_name and arm in found and (not against or against in found):
            name = f"{arm} - {against}" if against else arm
            told[name] = half_widths(found[arm][0], found[against][0] if against else None, sets=sets)
    return told


def binned(confidence: Array, right: Array) -> dict[str, float | None]:
    """Of ten bins of equal width, 0 in the first: the share of the answers, what they say, and how often they are right."""
    c = np.nan_to_num(confidence)
    where = np.searchsorted(np.arange(1, BINS) / BINS, c, side="left")
    told: dict[str, float | None] = {}
    for b in range(BINS):
        of = where == b
        told[f"bin {b + 1}, share"] = float(of.mean())
        told[f"bin {b + 1}, says"] = float(c[of].mean()) if of.any() else None
        told[f"bin {b + 1}, right"] = float(right[of].mean()) if of.any() else None
    return told


def exact(rule: Row) -> list[Row]:
    """What must hold to the last digit before any figure counts."""
    closed, off, alone = closed_form_error(), alpha_error(), refuses_one()
    return [
        {"name": "closed form", "text": "the reward in O(B) is the double loop over pairs, to 1e-9", "value": closed, "met": closed < 1e-9},
        {"name": "alpha 0", "text": "CONQORD with alpha 0 is quality only, exactly", "value": off, "met": off == 0},
        {"name": "batch of one", "text": "is refused, not 0 in silence", "value": float(alone), "met": alone},
    ]  # fmt: skip


def closed_form_error() -> float:
    """The largest difference over a hundred batches."""
    rng = np.random.default_rng(3)
    worst = 0.0
    for _ in range(100):
        c, q = rng.integers(0, 11, 17) / 10, rng.normal(size=17)
        loop = ((c[:, None] - c) * (q[:, None] - q)).sum(1)
        found = order_preserving_reward(torch.from_numpy(c), torch.from_numpy(q), reduce="sum", standardise=False)
        worst = max(worst, float(np.abs(found.numpy() - loop).max()))
    return worst


def alpha_error() -> float:
    """The largest difference of a reward."""
    rng = np.random.default_rng(4)
    c, q = torch.from_numpy(rng.integers(0, 11, 64) / 10), torch.from_numpy(rng.integers(0, 2, 64).astype(float))
    return float(
        (dual_reward(c, q, reward="order", alpha=0.0) - dual_reward(c, q, reward="quality", alpha=0.0)).abs().max()
    )


def refuses_one() -> bool:
    """Whether a batch of one raises."""
    try:
        order_preserving_reward(torch.tensor([0.5]), torch.tensor([1.0]))
    except StropError:
        return True
    return False


def curves(rule: Row, receipt: Receipt) -> dict[str, DoseCurve]:
    """The reliability diagram, and AUROC as the judge gets worse, from the receipt's own figures."""
    known = {figure.name: figure for figure in receipt.figures}
    name = next(iter(rule["data"]))
    told = sureness(rule, receipt)
    for kind, of in (("flips", "flips"), ("noise", "deviation")):
        doses = {0.0: "order"} | {one[of]: f"order, {n}" for n, one in rule["noise"].items() if of in one}
        points = tuple((dose, known.get(f"{name}: {arm}, AUROC", Figure("AUROC", None))) for dose, arm in doses.items())
        what = "verdicts turned, share" if kind == "flips" else "deviation of noise on verdicts"
        told[kind] = DoseCurve(f"Stated confidence under {kind}", what, {"order": tuple((d, replace(p, name="AUROC")) for d, p in points)})  # fmt: skip
    return told


def sureness(rule: Row, receipt: Receipt) -> dict[str, DoseCurve]:
    """The reliability diagram of the arms that a rule draws, on its first data."""
    known = {figure.name: figure for figure in receipt.figures}
    name, about = next(iter(rule["data"].items()))
    facts = len(about["seeds"]) * about["table"]["things"]["test"] * about["table"]["relations"]
    shown = {arm: reliability(known, f"{name}: {arm}, ", facts) for arm in rule["drawn"]}
    title = "Confidence against what is right"
    return {"reliability": DoseCurve(title, "confidence", shown, up="right, share", form="reliability")}


def reliability(known: dict[str, Figure], arm: str, facts: int) -> tuple[tuple[float, Figure], ...]:
    """(what is said, how often that is right) of each bin that holds one answer in two hundred at least."""
    points = []
    for b in range(1, BINS + 1):
        says, right, share = (known.get(f"{arm}bin {b}, {what}") for what in ("says", "right", "share"))
        if says and right and share and says.value is not None and (share.value or 0.0) >= 0.005:
            ends = {
                e: None if v is None else min(max(v, 0.0), 1.0) for e, v in (("low", right.low), ("high", right.high))
            }
            n = round(facts * (share.value or 0.0))
            points.append(
                (says.value, replace(right, name="right, share", n=n, **ends))
            )  # an interval over seeds may pass 1
    return tuple(points)
