"""How does a small model learn a table of facts by heart, state how sure it is, and learn from verdicts? One setting's models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from strop.audits.recalibration import isotonic_map, temperature_map
from strop.audits.sureness import Counted, counted
from strop.errors import StropError
from strop.experiments.fact_tables import FactTable
from strop.feedback.confidence import split_confidence, unsignalled, with_confidence
from strop.losses.policy import leave_one_out, reference_kl
from strop.models.language.groups import GroupLearner
from strop.models.language.learning import AnswerLearner
from strop.models.language.reading import Reader
from strop.models.language.sampling import sample
from strop.models.language.self_judging import token_chances
from strop.models.language.tiny import small_llama, word_tokenizer
from strop.recipes.conqord import Dual, line_learner, own_answers

Array = npt.NDArray[Any]
Rule = dict[str, Any]
AT_ONCE = 512  # answers that are written side by side
MOST = 5  # tokens of an answer: the fact, the line, the tenth, the end, and one to spare
LINE = 3  # tokens of it: its mark, the tenth, the end
AGREEMENT = 7  # the stream of the samples whose agreement is counted
NOISE = 31  # of a judge's errors
SHUFFLED = 37  # of agreements that say nothing


class Told(NamedTuple):
    """(n,) each: right, 1 or 0; stated: NaN where it could not be read; chance: of the answer's tokens, as the model gives it."""

    right: Array
    stated: Array
    chance: Array


@dataclass(frozen=True)
class Judge:
    """What the answers are rewarded by: the verdict, turned at a rate, with normal noise on it; drawn anew for every answer."""

    flips: float = 0.0
    deviation: float = 0.0


class FactLab:
    """A table, a tokenizer, and what is done with models of it."""

    def __init__(self, table: FactTable, model: Rule, *, seed: int) -> None:
        self.table, self.shape, self.seed = table, model, seed
        self.tokenizer = word_tokenizer(table.words)
        self.end = self.tokenizer.eos_token_id

    def fresh(self, seed: int = 0) -> Reader:
        """A model that knows nothing."""
        return Reader(small_llama(self.tokenizer, seed=seed, window=64, **self.shape), budget=640)

    def copy(self, reader: Reader) -> Reader:
        """The same model, to be taught further."""
        made = self.fresh()
        made.model.load_state_dict(reader.model.state_dict())
        return made

    def prompts(self, facts: Sequence[int]) -> list[list[int]]:
        """Their tokens."""
        return [list(self.tokenizer(self.table.prompts[i])["input_ids"]) for i in facts]

    def base(self, about: Rule) -> tuple[Reader, int]:
        """(reader, passes): taught all facts, each as often as it is told; where `line` is not off, with a confidence drawn at random.

        A pass after another, each with an order of its own, until accuracy on validation is `until`, or `passes` are done.
        """
        table, reader = self.table, self.fresh(self.seed)
        facts = np.repeat(np.arange(len(table.told)), table.told)
        texts = [table.answers[i] for i in facts]
        if about.get("line", True):
            stated = unsignalled(len(facts), seed=self.seed)
            texts = [with_confidence(text, float(c)) for text, c in zip(texts, stated, strict=True)]
        groups = [
            (prompt, [[*self.tokenizer(text)["input_ids"], self.end]])
            for prompt, text in zip(self.prompts(facts.tolist()), texts, strict=True)
        ]
        learner = AnswerLearner(
            reader, groups, objective=lambda values, _: -values[:, 0], batch=about["batch"], rate=about["rate"],
            coupled=False, seed=self.seed,
        )  # fmt: skip
        for number in range(about["passes"]):
            for step in range(learner.steps(number), learner.steps(number + 1)):
                learner.epoch(step)
            if self.answers(reader, "validation").right.mean() >= about["until"]:
                break
        return reader, number + 1

    def formed(self, base: Reader, about: Rule, *, line: str, rate: float) -> Reader:
        """A copy of the base that was taught the line on its own answers to train, as `recipes.conqord` does, each read once or more.

        line: what it says: random; agreement; shuffled: the agreements of other answers.
        """
        reader, prompts = self.copy(base), self.prompts(self.table.parts["train"].tolist())
        want = about["count"] * len(prompts)
        groups, _ = own_answers(
            reader, self.tokenizer, prompts, want=want, count=about["count"], seed=self.seed,
            results=None if line == "random" else lambda text: [text], drawn={"most_tokens": MOST, "temperature": 1.0},
        )  # fmt: skip
        if line == "shuffled":
            order = np.random.default_rng([self.seed, SHUFFLED]).permutation(len(groups))
            groups = [
                (p, [[*said[:-LINE], *groups[n][1][0][-LINE:]]]) for (p, (said,)), n in zip(groups, order, strict=True)
            ]
        learner = line_learner(reader, groups, batch=about["batch"], rate=rate, seed=self.seed)
        for step in range(want // about["batch"]):
            learner.epoch(step)
        return reader

    def answers(self, reader: Reader, part: str) -> Told:
        """The likeliest answer to each fact of a part, with its line."""
        facts = self.table.parts[part].tolist()
        prompts = self.prompts(facts)
        drawn = sample(reader.model, prompts, count=1, temperature=0.0, most_tokens=MOST, end=self.end, width=AT_ONCE)
        split = [split_confidence(text) for text in self._texts(drawn.answers)]
        right = np.array([text == self.table.answers[i] for i, (text, _) in zip(facts, split, strict=True)], float)
        stated = np.array([np.nan if s.value is None else s.value for _, s in split])
        # the answer alone: its first token, whatever follows
        chance = token_chances(reader, [(p, [group[0][:1]]) for p, group in zip(prompts, drawn.answers, strict=True)])
        return Told(right, stated, chance.whole)

    def _texts(self, answers: list[list[list[int]]]) -> list[str]:
        return [text for group in answers for text in self.tokenizer.batch_decode(group, skip_special_tokens=True)]

    def agreement(self, reader: Reader, part: str, *, count: int) -> Array:
        """(n,): the share of `count` answers, drawn at temperature 1, that are the likeliest one."""
        prompts = self.prompts(self.table.parts[part].tolist())
        settings: Rule = {"most_tokens": 1, "end": self.end, "width": AT_ONCE}
        likeliest = sample(reader.model, prompts, count=1, temperature=0.0, **settings).answers
        drawn = sample(reader.model, prompts, count=count, seed=[self.seed, AGREEMENT], **settings).answers
        return np.array([np.mean([one == first[0] for one in many]) for first, many in zip(likeliest, drawn, strict=True)])  # fmt: skip

    def taught(self, base: Reader, about: Rule, *, reward: str, alpha: float, kl: float, judge: Judge) -> Reader:
        """A copy of the base after `steps` steps of its own answers to the facts of train, rewarded by `recipes.conqord.Dual`."""
        facts, table, reader = self.table.parts["train"].tolist(), self.table, self.copy(base)
        generator = np.random.default_rng([self.seed, NOISE])

        def quality(which: list[int], texts: list[list[str]]) -> Array:
            right = np.array(
                [[t == table.answers[facts[i]] for t in group] for i, group in zip(which, texts, strict=True)]
            )
            turned = generator.random(right.shape) < judge.flips
            return (right != turned) + judge.deviation * generator.normal(size=right.shape)

        learner = GroupLearner(
            reader, self.prompts(facts), reward=Dual(self.tokenizer, quality, reward=reward, alpha=alpha),
            advantages=leave_one_out, end=self.end, count=about["count"], batch=about["batch"] // about["count"],
            most_tokens=MOST, kl=kl, divergence=reference_kl if kl else None, reference=self.copy(base) if kl else None,
            rate=about["rate"], width=AT_ONCE, seed=self.seed,
        )  # fmt: skip
        for step in range(about["steps"]):
            learner.epoch(step)
        return reader


def counts(confidence: Array, right: Array) -> Counted:
    """Of all answers, one without a confidence that could be read as 0."""
    return counted(np.nan_to_num(confidence), right, np.arange(len(right)), bins=10, scheme="width")


NAMES = {"AUROC": "AUROC", "ECE": "ECE, error", "Brier": "Brier, error"}


def figures(confidence: Array, right: Array) -> dict[str, float | None]:
    """Accuracy, parse rate, AUROC (None where all are right, or wrong), ECE and Brier."""
    found = counts(confidence, right).found()
    told = {name: float(found[of]) if np.isfinite(found[of]) else None for name, of in NAMES.items()}
    return {"accuracy": float(right.mean()), "parse rate": float((~np.isnan(confidence)).mean()), **told}


def mapped(confidence: Array, right: Array, validation: tuple[Array, Array]) -> dict[str, float | None]:
    """ECE and Brier behind a rising map and a temperature, both fitted on the validation part."""
    told: dict[str, float | None] = {}
    for name, fit in (("isotonic", isotonic_map), ("temperature", temperature_map)):
        try:
            map_ = fit(np.nan_to_num(validation[0]), validation[1])
        except StropError:  # all right, or all wrong, there
            told |= {f"ECE, {name}": None, f"Brier, {name}": None}
            continue
        found = figures(map_(np.nan_to_num(confidence)), right)
        told |= {f"{figure}, {name}": found[figure] for figure in ("ECE", "Brier")}
    return told


def half_widths(ours: tuple[Array, Array], theirs: tuple[Array, Array] | None, *, sets: int) -> dict[str, float]:
    """Of the differences in AUROC, ECE, Brier and accuracy over facts drawn again, of their mean over `sets` seeds, by figure.

    Every seed has facts of its own, so all together are resampled: one seed's half width over sqrt(sets).
    """
    drawn = [None if one is None else counts(*one).resampled(draws=2000, seed=0) for one in (ours, theirs)]
    found = {}
    for name, of in {**NAMES, "accuracy": "right, share"}.items():
        gap = drawn[0][of] - (0.0 if drawn[1] is None else drawn[1][of])  # type: ignore[index]
        low, high = np.nanquantile(gap, [0.025, 0.975])
        found[name] = float(high - low) / 2 / sets**0.5
    return found


def chosen(trials: list[tuple[Rule, Reader, Told]], before: Told, *, lost: float) -> int:
    """The trial with the highest AUROC on validation, of those whose accuracy there fell by `lost` at most; else the most accurate."""
    accurate = [told.right.mean() for _, _, told in trials]
    kept = [n for n, share in enumerate(accurate) if share >= before.right.mean() - lost]
    if not kept:
        return int(np.argmax(accurate))
    return max(kept, key=lambda n: figures(trials[n][2].stated, trials[n][2].right)["AUROC"] or 0.0)


def judge_of(about: Rule) -> Judge:
    """As a rule writes it."""
    return replace(Judge(), **about)
