"""What came of learning from verdicts: how many held-out questions are answered rightly, before and after?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.intervals import bootstrap_mean
from strop.audits.pairs import clustered_share
from strop.experiments.run_folder import Run
from strop.experiments.running import peak_megabytes, versions
from strop.experiments.text_runs import begin_texts, keep, parts_kept, pins_of_texts, train_texts
from strop.feedback.gym import MARK, gym_questions
from strop.feedback.questions import question_numbers, read_questions, split_questions, write_questions
from strop.models.language.encoding import prompts_of
from strop.models.language.opening import open_model
from strop.models.language.sampling import sample
from strop.records import Advice, Arm, Difference, Figure, Questions, QuestionSplit, Result
from strop.sandbox.verifiers import Verifier

Array = npt.NDArray[Any]
MOST_QUESTIONS = 500  # of the test part: each is answered twice, and a verdict on more says little more
MOST_DRAWN = 1000  # answers beside the likeliest ones, before and after: pass@k beyond it is left out
STREAM = 53  # of the draws of the measurement: none that taught
DEFINITIONS = {
    "accuracy": "Share of held-out questions whose likeliest answer (a token at a time) is right; those without a verdict are left out. Intervals by question.",
    "pass@k": "Share of held-out questions with a right answer among k that are drawn at the run's temperature.",
    "right when drawn": "Share of right ones among all drawn answers.",
    "not scored, share": "Held-out answers without a verdict: the verifier failed or took too long, or the right answer cannot be read.",
    "ended, share": "Held-out answers that the model ended itself, and were not cut at most_tokens.",
    "tokens an answer": "Mean length of the likeliest answers.",
}  # fmt: skip


def read(source: str, *, format: str | None, bad_rows: Any, split_seed: int) -> tuple[QuestionSplit, tuple[str, ...]]:
    """The questions of a file, or of gym:TASK[:SIZE], in their parts. Errors: as their readers and split_questions."""
    if source.startswith(MARK):
        found = gym_questions(source, seed=split_seed)
    else:
        found = read_questions(source, format=format, bad_rows=bad_rows)
    return split_questions(found.questions, seed=split_seed), found.notes


def pins_of(data: QuestionSplit) -> dict[str, str]:
    """What must not differ between the parts of a run."""
    parts = (data.train, data.validation, data.test)
    return pins_of_texts(
        [
            None if part is None else [part.prompts, part.references, [part.made(i) for i in range(len(part))]]
            for part in parts
        ]
    )


def begin(folder: Path, run: Run, data: QuestionSplit) -> None:
    """Writes the questions of each part, and what was asked for. Errors: S501, S503."""
    begin_texts(folder, run, data, name="questions", write=write_questions)


def read_parts(folder: Path) -> QuestionSplit:
    """The questions that `begin` wrote. Errors: S302; as read_questions."""
    return QuestionSplit(*parts_kept(folder, name="questions", read=lambda path: read_questions(path).questions))


@dataclass(frozen=True, eq=False)
class Measured:
    """right: (questions,) 1, 0 or NaN of the likeliest answers; drawn: (questions, k) the same of drawn ones; lengths; ended."""

    right: Array
    drawn: Array
    lengths: Array
    ended: Array


def complete(run: Run, data: QuestionSplit, *, folder: Path | None, notes: tuple[str, ...] = ()) -> Result:
    """Answers, trains, or goes on from the newest checkpoint, answers again; keeps the model in folder/model.

    The result is returned, not written. Errors: as the recipe; S501, S503.
    """
    judged = data.test if data.test is not None else data.validation
    asked, less = some(judged, seed=run.seed)
    opened, tokenizer = open_model(run.settings["model"])
    prompts = prompts_of(tokenizer, asked, room=run.settings["window"] - run.settings["most_tokens"])
    with Verifier(run.settings["verifier"]) as judge:
        before = measure(opened, tokenizer, prompts, asked, judge, run)
        del opened  # the recipe opens its own
        trained = train_texts(run, data, folder)
        after = measure(trained.scorer, tokenizer, prompts, asked, judge, run)
    keep(trained.scorer, tokenizer, folder)
    keys = question_numbers(asked)
    arms = (
        Arm(run.recipe, shares(after, keys), run.settings, curve=trained.curve, unit="step"),
        Arm("before", shares(before, keys), note="the same model without learning"),
    )
    gap = difference("accuracy", after.right, before.right, keys, seed=run.seed)
    gaps = [gap]
    if after.drawn.size:
        gaps.append(difference("right when drawn", after.drawn.mean(1), before.drawn.mean(1), keys, seed=run.seed))
    return Result(
        "run",
        f"{run.recipe} on {judged.name}",
        verdict(arms, gap),
        run.command,
        arms,
        tuple(Difference(run.recipe, "before", one) for one in gaps),
        figures=figures(after),
        advice=advice(gaps, after, before),
        definitions=DEFINITIONS,
        settings={"recipe": run.recipe, **run.settings, "source": run.source, **run.reading},
        data={
            "name": judged.name,
            "train questions": len(data.train),
            "validation questions": len(data.validation),
            "test questions": len(asked),
        },
        versions=versions(),
        cost={"peak_megabytes": peak_megabytes()},
        notes=(
            *data.notes,
            *less,
            *trained.notes,
            *notes,
        ),
        seed=run.seed,
    )


def some(part: Questions, *, seed: int, most: int = MOST_QUESTIONS) -> tuple[Questions, tuple[str, ...]]:
    """At most so many of a part, drawn at random, in their order; and what to say where some are left."""
    order = np.random.default_rng([seed, STREAM]).permutation(len(part))
    taken, left = part.take(np.sort(order[:most])), len(part) - most
    if left <= 0:
        return taken, ()
    return taken, (f"measured on {most:,} of the test questions, drawn at random; {left:,} are left",)


def measure(
    model: Any, tokenizer: Any, prompts: list[list[int]], asked: Questions, judge: Verifier, run: Run
) -> Measured:
    """Verdicts on the likeliest answer to each question, and on as many drawn ones as the run's groups have."""
    settings = {"most_tokens": run.settings["most_tokens"], "end": tokenizer.eos_token_id}

    def rewards(answers: list[list[list[int]]]) -> Array:
        texts = [tokenizer.batch_decode(group, skip_special_tokens=True) for group in answers]
        return np.array(
            [
                [judge.judge(text, asked.references[i], made=asked.made(i)).reward for text in group]
                for i, group in enumerate(texts)
            ]
        )

    likeliest = sample(model, prompts, count=1, temperature=0.0, **settings)
    count = run.settings["count"]
    drawn = np.zeros((len(prompts), 0))
    if count * len(prompts) <= MOST_DRAWN:
        of_run = {name: run.settings[name] for name in ("temperature", "top_p")}
        drawn = rewards(sample(model, prompts, count=count, seed=[run.seed, STREAM], **of_run, **settings).answers)
    return Measured(
        rewards(likeliest.answers)[:, 0],
        drawn,
        np.array([len(group[0]) for group in likeliest.answers], float),
        np.array([group[0] == "end" for group in likeliest.finished], float),
    )


def shares(found: Measured, keys: Array) -> tuple[Figure, ...]:
    """Accuracy, and of drawn answers the share that is right and pass@k, over what was scored."""
    scored = ~np.isnan(found.right)
    told = [clustered_share("accuracy", found.right[scored], keys[scored])]
    many = found.drawn.shape[1]
    whole = ~np.isnan(found.drawn).any(1)
    if many and whole.any():
        groups = found.drawn[whole]
        told += [
            clustered_share("right when drawn", groups.mean(1), keys[whole]),
            clustered_share(f"pass@{many}", groups.max(1), keys[whole]),
        ]
    return tuple(told)


def figures(found: Measured) -> tuple[Figure, ...]:
    """What else a reader should know of the answers after learning."""
    n = len(found.right)
    values = {
        "not scored, share": np.isnan(found.right),
        "ended, share": found.ended,
        "tokens an answer": found.lengths,
    }
    return tuple(Figure(name, float(value.mean()), n=n) for name, value in values.items())


def difference(name: str, after: Array, before: Array, keys: Array, *, seed: int) -> Figure:
    """The mean of after - before over the questions scored both times; its interval by resampling questions."""
    gained = after - before
    both = ~np.isnan(gained)
    if len(np.unique(keys[both])) < 2:
        return Figure(name, float(gained[both].mean()) if both.any() else None, n=int(both.sum()))
    return Figure(name, *bootstrap_mean(gained[both], seed=seed, clusters=keys[both]), int(both.sum()))


def verdict(arms: tuple[Arm, ...], gap: Figure) -> str:
    """What share is right, what it was before, and whether that is surely more."""
    ours, theirs = (arm.figure("accuracy") for arm in arms)
    if ours.value is None or theirs.value is None or gap.value is None:
        return f"{arms[0].name} could not be measured: no held-out answer has a verdict."
    interval = "" if ours.low is None else f" [{ours.low:.0%}, {ours.high:.0%}]"
    said = f"{arms[0].name} answers {ours.value:.0%}{interval} of {ours.n:,} held-out questions rightly, {theirs.value:.0%} before"
    return f"{said}: {change_in_words(gap)}."


def change_in_words(gap: Figure) -> str:
    """How many points a known difference is, and whether that is surely more or less."""
    if gap.value is None or gap.low is None or gap.high is None:
        return "too few questions to tell"
    points = f"{100 * gap.value:+.0f} points [{100 * gap.low:+.0f}, {100 * gap.high:+.0f}]"
    return f"{points}, {'surely more' if gap.low > 0 else 'surely less' if gap.high < 0 else 'not told from chance'}"


def advice(gaps: list[Figure], after: Measured, before: Measured) -> tuple[Advice, ...]:
    """What to do where the model did not gain, or was not measured well; gaps: in accuracy, and in drawn answers."""
    told, gap = [], gaps[0]
    ended, unscored = float(after.ended.mean()), float(np.isnan(after.right).mean())
    if ended < 0.8:
        text = "Many answers are cut before they end: a higher --most-tokens, or questions that ask for less"
        told.append(Advice(text, f"{ended:.0%} ended", "warn"))
    if unscored > 0.05:
        text = "Many answers have no verdict: look at the right answers in the file, or take another --verifier"
        told.append(Advice(text, f"{unscored:.0%} not scored", "warn"))
    if gap.low is not None and gap.low > 0:
        return (
            *told,
            Advice(
                "The gain holds on questions that were not learned from",
                f"{100 * (gap.value or 0):+.0f} points",
                "good",
            ),
        )
    if gap.high is not None and gap.high < 0:
        text = "The model lost: a lower --rate, or --kl 0.05 to hold it to what it was"
        return (*told, Advice(text, f"{100 * (gap.value or 0):+.0f} points", "warn"))
    if gaps[-1].low is not None and gaps[-1].low > 0:
        text = "Drawn answers are right more often, the likeliest ones not yet: more --steps, or draw when it is used"
        return (*told, Advice(text, f"{100 * (gaps[-1].value or 0):+.0f} points when drawn", "good"))
    known = before.drawn if before.drawn.size else before.right[:, None]
    reached = float((np.nan_to_num(known).max(1) > 0).mean())
    if reached < 0.1:
        text = "The model was hardly ever right before: nothing to follow. Easier questions, or strop run sft on right answers first"
        told.append(Advice(text, f"{reached:.0%} of the questions answered rightly once", "warn"))
    elif reached > 0.95 and float(np.nanmean(known)) > 0.9:
        told.append(
            Advice(
                "Nearly all was right before: harder questions leave more to learn", f"{np.nanmean(known):.0%}", "note"
            )
        )
    else:
        told.append(
            Advice(
                "No sure gain: more --steps, a larger --count, or a higher --rate",
                f"{100 * (gap.value or 0):+.0f} points",
            )
        )
    return tuple(told)
