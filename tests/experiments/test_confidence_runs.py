"""A run of conqord: what is stated beside what is free, maps fitted on validation, and a verdict that names a better free one first."""

from pathlib import Path

import numpy as np
import pytest

from strop.audits.rated import pooled_auc
from strop.experiments import confidence_runs, question_runs, run_folder, text_runs
from strop.experiments.confidence_asking import ask, probe_of
from strop.experiments.confidence_runs import Part, advice, arm_of, auroc_gap, verdict
from strop.experiments.fact_tables import LINE
from strop.feedback.answers import read_answers
from strop.feedback.confidence import LEVELS, best_guess
from strop.feedback.questions import split_questions
from strop.feedback.results import Marked
from strop.models.language.learning import AnswerLearner
from strop.models.language.opening import keep_model, open_model
from strop.models.language.reading import Reader
from strop.models.language.tiny import small_llama, word_tokenizer
from strop.records import Difference, Figure, Questions
from strop.sandbox.verifiers import Verifier

WORDS = [*"0123456789+=", LINE, *LEVELS]
SETTINGS = {
    "prompt": "{question}", "most_tokens": 5, "window": 32, "format_rate": 2e-2, "format_steps": 30, "rate": 5e-4, "steps": 2,
    "batch": 16, "count": 4,
}  # fmt: skip


def sums():
    pairs = [(a, b) for a in range(10) for b in range(10)]
    return Questions([f"{a}+{b}=" for a, b in pairs], [str((a + b) % 10) for a, b in pairs])


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model that knows sums that begin with 6 or less by heart, and not the others."""
    tokenizer, asked = word_tokenizer(WORDS), sums()
    reader = Reader(small_llama(tokenizer, hidden=32, layers=1, spread=0.16, seed=1))
    groups = [
        (list(tokenizer(prompt)["input_ids"]), [[tokenizer(reference)["input_ids"][0], tokenizer.eos_token_id]])
        for prompt, reference in zip(asked.prompts[:70], asked.references[:70], strict=True)
    ]
    learner = AnswerLearner(reader, groups, objective=lambda v, _: -v[:, 0], batch=35, rate=5e-3, coupled=False)
    for step in range(60):
        learner.epoch(step)
    return str(keep_model(reader.model, tokenizer, tmp_path_factory.mktemp("m") / "model"))


def run_of(base):
    data = split_questions(sums())
    run = run_folder.Run(
        "conqord", run_folder.settings_of("conqord", SETTINGS | {"model": base}), 0, "sums.jsonl", {}, "strop run conqord",
        confidence_runs.pins_of(data), run_folder.versions(),
    )  # fmt: skip
    return run, data


@pytest.fixture(scope="module")
def result(base):
    run, data = run_of(base)
    return confidence_runs.complete(run, data, folder=None)


def test_a_resumed_run_asks_nothing_again(base, result, tmp_path, monkeypatch):
    """Stopped where it learns, it goes on with what was said before, and ends as one that was not stopped."""
    run, data = run_of(base)
    with monkeypatch.context() as stopped:
        stopped.setattr(confidence_runs, "train_texts", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            confidence_runs.complete(run, data, folder=tmp_path)
    monkeypatch.setattr(confidence_runs, "probe_of", None)  # would raise
    again = confidence_runs.complete(run, data, folder=tmp_path)
    assert (again.arms, again.differences, again.notes) == (result.arms, result.differences, result.notes)


def test_strop_run_conqord_is_run_by_this_module():
    assert text_runs.runs_of("conqord") is confidence_runs and text_runs.runs_of("grpo") is question_runs


def test_what_is_stated_stands_beside_what_is_free(result):
    names = [arm.name for arm in result.arms]
    assert names == ["conqord", "before", "token probability", "agreement", "token probability after"]
    accuracy = {arm.name: arm.figure("accuracy").value for arm in result.arms}
    assert accuracy["before"] == accuracy["token probability"] == accuracy["agreement"]  # the same answers
    assert accuracy["conqord"] == accuracy["token probability after"]
    assert next(a for a in result.arms if a.name == "before").figure("parse rate, share").value == 0
    assert result.arms[0].figure("parse rate, share").value > 0.5
    assert any("P(True) was not asked" in note for note in result.notes)  # its words are not in this vocabulary
    assert [d.baseline for d in result.differences] == [*names[1:], "before"]


def test_free_confidences_by_another_road(base):
    """The chance of the answer's one token from the model itself, and how often it is drawn again."""
    import torch

    model, tokenizer = open_model(base)
    asked = sums().take(np.arange(12))
    settings = {"prompt": "{question}", "form": "text", "most_tokens": 3, "window": 32}
    with Verifier("numeric") as judge:
        found = ask(model, tokenizer, asked, Marked(judge), settings, seed=0, free=True)
    for i, prompt in enumerate(asked.prompts):
        with torch.no_grad():
            shares = model(input_ids=torch.tensor([tokenizer(prompt)["input_ids"]])).logits[0, -1].softmax(-1)
        assert found.answers.confidences["token probability"][i] == pytest.approx(float(shares.max()), rel=1e-3)
        assert found.answers.right[i] == float(tokenizer.decode([int(shares.argmax())]) == asked.references[i])
    chance = found.answers.confidences["token probability"]
    assert (
        chance.min() < 0.8 and chance.max() > 0.9
    )  # and an answer of one token is drawn again as often as it is likely
    assert found.answers.confidences["agreement"].mean() == pytest.approx(chance.mean(), abs=0.1)


def test_a_probe_learns_from_verdicts_on_train(base):
    """To this judge a model is right wherever it says 4 or less: its states tell, of sums that the probe never saw."""
    model, tokenizer = open_model(base)
    asked, settings = sums(), {"prompt": "{question}", "form": "text", "most_tokens": 3, "window": 32}
    odd = np.arange(100) % 2 == 1
    with Verifier("exact") as judge:
        said = ask(model, tokenizer, asked, Marked(judge), settings, seed=0, free=False).answers.texts
        judged = Questions(asked.prompts, [text if text[:1] < "5" else f"not {text}" for text in said])
        train, rest = judged.take(np.flatnonzero(odd)), judged.take(np.flatnonzero(~odd))
        probe, notes = probe_of(model, tokenizer, train, Marked(judge), settings, seed=0)
        assert probe is not None and not notes
        told = ask(model, tokenizer, rest, Marked(judge), settings, seed=0, free=False, probe=probe).get("probe")
        assert told is not None and pooled_auc(told[0], told[1] > 0) > 0.9
        none, why = probe_of(model, tokenizer, train.take(np.arange(9)), Marked(judge), settings, seed=0)
        assert none is None and why[0].startswith("no probe: ")


def test_a_better_free_confidence_is_named_first():
    """Planted: what is stated is a coin, the free one is right; and the other way round."""
    rng = np.random.default_rng(0)
    right = rng.integers(0, 2, 200).astype(float)
    told, coin = np.where(right > 0, 0.9, 0.1), rng.random(200)
    keys = np.arange(200)
    run = run_folder.Run("conqord", {}, 0, "", {}, "", {}, {})
    for stated, free, first in ((coin, told, True), (told, coin, False)):
        parts = {
            "conqord": Part((stated, right), (stated, right)),
            "before": Part((coin, right), (coin, right)),
            "agreement": Part((free, right), (free, right)),
        }
        arms = tuple(arm_of(name, part, keys, run) for name, part in parts.items())
        gaps = tuple(Difference("conqord", n, auroc_gap(parts["conqord"], parts[n], keys, 0)) for n in list(parts)[1:])
        lost = Difference("conqord", "before", gaps[0].figure)
        said = verdict("conqord", arms, gaps, lost)
        assert said.startswith("A free confidence is better: agreement") is first
        isotonic = arms[0].figure("ECE, isotonic, error").value
        assert isotonic < 0.05 or first


def test_a_coin_is_said_to_be_one():
    """A confidence that tells nothing is warned of, one that does is not."""
    rng = np.random.default_rng(0)
    right = rng.integers(0, 2, 300).astype(float)
    run = run_folder.Run("conqord", {}, 0, "", {}, "", {}, {})
    for stated, warned in ((rng.random(300), True), (np.zeros(300), True), (np.where(right > 0, 0.7, 0.4), False)):
        arm = arm_of("conqord", Part((stated, right), None), np.arange(300), run)
        told = advice((arm,), (), Difference("conqord", "before", Figure("accuracy", None)))
        assert any("no better than chance" in one.text for one in told) is warned


def test_one_kind_of_answer_has_no_order_and_no_map():
    part = Part((np.linspace(0, 1, 30), np.ones(30)), (np.linspace(0, 1, 30), np.ones(30)))
    run = run_folder.Run("conqord", {}, 0, "", {}, "", {}, {})
    arm = arm_of("conqord", part, np.arange(30), run)
    assert arm.figure("AUROC").value is None and arm.figure("ECE, isotonic, error").value is None
    assert arm.note == "no map: all 30 answers are right"
    assert auroc_gap(part, part, np.arange(30), 0).value is None


def test_two_guesses():
    text = "Guess 1: Lyon\nConfidence 1: 0.2\nGuess 2: Paris\nConfidence 2: 70%\n"
    assert best_guess(text) == ("Paris", (0.7, "", 1))
    assert best_guess("Guess 1: Lyon\nConfidence 1: high")[0] == "Lyon"
    assert best_guess("Paris") == ("Paris", (None, "no line", 0))


def test_it_is_kept_and_can_be_gone_on_with(base, tmp_path):
    """From the folder alone: the questions, and the model when it is done."""
    data = split_questions(sums())
    run = run_folder.Run(
        "conqord", run_folder.settings_of("conqord", SETTINGS | {"model": base, "steps": 1}), 0, "s", {}, "c", {}, {}
    )
    confidence_runs.begin(tmp_path, run, data)
    found = confidence_runs.complete(run, confidence_runs.read_parts(tmp_path), folder=tmp_path)
    assert (Path(tmp_path) / "model" / "config.json").exists() and found.seed == 0
    kept = read_answers(tmp_path / "answers-after.jsonl").answers
    assert len(kept) == 10 and {"token probability"} <= set(kept.confidences)
