"""Which pairs do single completions make, each called right or wrong?"""

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from strop.errors import StropError, suggestion
from strop.feedback import text_rows
from strop.feedback.conversations import answered
from strop.feedback.pairs import USUAL, PairsReading, named, place, problems_of, report, spoken, usual, verdicts
from strop.feedback.problems import SKIP
from strop.records import Pairs
from strop.records.pairs import Text

Array = npt.NDArray[Any]
COLUMNS = {
    "prompt": USUAL["prompt"],
    "completion": ("completion", "response answer output"),
    "label": ("label", "iscorrect correct desirable"),
    "question": ("questionid promptid",),
    "author": ("author model",),
}
NEEDED = ("prompt", "completion", "label")


def read_unpaired(
    source: Any,
    *,
    most: int = 4,
    format: str | None = None,
    separator: str | None = None,
    encoding: str = "utf-8",
    bad_rows: Literal["refuse", "skip"] = "refuse",
) -> PairsReading:
    """Pairs of a right and a wrong completion of one prompt, from rows of prompt, completion and label (KTO's form).

    label: true or 1 for a right completion, false or 0 for a wrong one; most: pairs a prompt. A pair has the row of its
    right completion. Errors: as `read_pairs`, S204 missing columns, S209 no prompt has both, S301 most.
    """
    if most < 1:
        raise StropError("S301", f"most is {most}", "allowed: 1 and above")
    file, name = place(source)
    problems = problems_of(file, bad_rows)
    rows = text_rows.load(source, format=format, separator=separator, encoding=encoding, problems=problems)
    columns = _find(rows.names, file)
    values = {role: rows.column(columns[role]) for role in columns}
    right, bad = verdicts(values["label"])
    bad |= np.isnan(right)
    help = "true or 1: right, false or 0: wrong"
    report(rows, bad, "S211", values["label"], "is neither right nor wrong", columns["label"], problems, help=help)
    prompts: list[Text] = []
    completions: list[Text] = []
    kept = []
    for i in np.flatnonzero(~bad):
        try:
            prompt, completion = answered(values["prompt"][i], values["completion"][i])
            if prompts and isinstance(prompt, str) is not isinstance(prompts[0], str):
                raise StropError("S211", "plain text and conversations are mixed", "one form for the whole file")
            prompts.append(prompt)
            completions.append(completion)
            kept.append(i)
        except StropError as error:
            column = columns.get(error.column, "")
            told, mend = error.message, error.help or SKIP
            problems.add(error.code, [rows.rows[i]], told, column=column, help=mend, kind=told[:12])
    dropped = problems.finish()
    a, b = crossed(prompts, completions, right[kept] == 1, most=most)
    if not len(a):
        what = f"no prompt of {len(set(prompts)):,} has a right and a wrong completion"
        raise StropError("S209", what, "label several completions of one prompt", file)
    covariates = {}
    if "question" in columns:
        covariates["question"] = named(values["question"])[kept][a]
    if "author" in columns:
        authors = named(values["author"])[kept]
        covariates |= {"chosen_author": authors[a], "rejected_author": authors[b]}
    pairs = Pairs(
        [prompts[i] for i in a], [completions[i] for i in a], [completions[i] for i in b], covariates,
        rows.rows[kept][a], name,
    )  # fmt: skip
    used = len({prompts[i] for i in a})
    told = (
        f"{len(pairs):,} pairs of a right and a wrong completion, at most {most} a prompt",
        f"{used:,} of {len(set(prompts)):,} prompts have both a right and a wrong completion",
    )
    return PairsReading(pairs, rows.format, columns, (*spoken(rows, columns), *dropped, *told))


def _find(names: list[str], file: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for role, tiers in COLUMNS.items():
        name = usual(names, role, tiers, set(found.values()), file)
        if name is not None:
            found[role] = name
    missing = [role for role in NEEDED if role not in found]
    if missing:
        near = next(filter(None, (suggestion(role, names) for role in missing)), "")
        there = "the columns are: " + ", ".join(name[:40] for name in names[:20])
        raise StropError("S204", f"no column looks like the {' or the '.join(missing)}{near}", there, file)
    return found


def crossed(
    prompts: Sequence[Hashable], completions: Sequence[Text], right: Array, *, most: int | None = None
) -> tuple[Array, Array]:
    """Positions of the right and of the wrong completion of each pair: all right x wrong of a prompt, at most `most`.

    Completions take turns, so that with few pairs a prompt no completion stands in two while another stands in none. A
    text called both right and wrong makes no pair with itself.
    """
    by_prompt: dict[Hashable, tuple[list[int], list[int]]] = {}
    for i, prompt in enumerate(prompts):
        by_prompt.setdefault(prompt, ([], []))[0 if right[i] else 1].append(i)
    found: list[tuple[int, int]] = []
    for good, wrong in by_prompt.values():
        turns = ((i, wrong[(place + turn) % len(wrong)]) for turn in range(len(wrong)) for place, i in enumerate(good))
        found += [(i, j) for i, j in turns if completions[i] != completions[j]][:most]
    both = np.array(found, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]
