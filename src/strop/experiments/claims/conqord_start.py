"""What should the lines say that teach a model the line: any confidence, or the agreement of its own answers? And what do verdicts add?

As in the receipt of CONQORD a model learns a table of facts by heart, but in texts without a confidence; the line is taught by
`recipes.conqord` itself, on the model's own answers to things of train. All figures are of things of test.
"""

from typing import Any

from strop.errors import StropError
from strop.experiments.claims.conqord import Confidence, begun, both, figures_of, kept, sureness
from strop.experiments.claims.fact_lab import FactLab, Judge, Told, chosen
from strop.models.language.reading import Reader

Row = dict[str, Any]
curves = sureness  # what is drawn


def one_split(rule: Row, data_name: str, seed: int) -> Row:
    """A table, a model that knows part of it, and every arm's copy of that model."""
    lab, base, before, settings, known = begun(rule, data_name, seed)
    found: dict[str, tuple[Confidence, Confidence]] = {}  # by arm: test, validation
    if known:
        test, validation = before["test"], before["validation"]
        agreed = [lab.agreement(base, part, count=rule["samples"]) for part in ("test", "validation")]
        found["token probability"] = (test.chance, test.right), (validation.chance, validation.right)
        found["agreement of 10"] = (agreed[0], test.right), (agreed[1], validation.right)
        for arm in rule["arms"]:
            trained, settings[arm] = tuned(lab, base, rule, arm, validation)
            found[arm] = both(trained)
    row = {"data": data_name, "seed": seed, "checksum": lab.table.checksum, "settings": settings}
    return row | kept(rule, data_name, found, figures_of(rule, found, seed), arms_of(rule))


def arms_of(rule: Row) -> list[str]:
    """All that a row has figures of."""
    return [*rule["free"], *rule["arms"]]


def tuned(lab: FactLab, base: Reader, rule: Row, arm: str, before: Told) -> tuple[tuple[Told, Told], Row]:
    """(what the chosen trial says on test and validation, its settings): every arm has as many trials, chosen alike."""
    line, trials = rule["arms"][arm]["line"], []
    for trial in rule["arms"][arm]["trials"]:
        reader = lab.formed(base, rule["format"], line=line, rate=trial["format rate"])
        if "kl" in trial:
            about = {**rule["learn"], "rate": trial["rate"]}
            try:
                reader = lab.taught(reader, about, reward="order", alpha=rule["alpha"], kl=trial["kl"], judge=Judge())
            except StropError as error:
                if error.code != "S209":  # the line is not written yet: it stays as it is
                    raise
        trials.append((trial, reader, lab.answers(reader, "validation")))
    best = trials[chosen(trials, before, lost=rule["lost"])]
    return (lab.answers(best[1], "test"), best[2]), best[0]


def exact(rule: Row) -> list[Row]:
    """What must hold to the last digit before any figure counts."""
    equal = {len(about["trials"]) for about in rule["arms"].values()}
    return [{"name": "trials", "text": "every arm has as many", "value": float(len(equal)), "met": len(equal) == 1}]
