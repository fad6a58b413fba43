"""CONQORD teaches a line and then its order; every option counts or is refused; a stopped run goes on to the same bytes."""

import re

import numpy as np
import pytest
import torch

from strop.errors import StropError
from strop.experiments.fact_tables import LINE
from strop.feedback.confidence import LEVELS
from strop.feedback.questions import split_questions
from strop.losses.confidence import dual_reward
from strop.losses.policy import leave_one_out
from strop.models.language.groups import GroupLearner
from strop.models.language.learning import AnswerLearner
from strop.models.language.opening import keep_model, open_model
from strop.models.language.reading import Reader
from strop.models.language.rewarding import rewarder
from strop.models.language.tiny import small_llama, word_tokenizer
from strop.recipes import conqord
from strop.records import Questions

WORDS = [*"0123456789+=", LINE, *LEVELS]
SMALL = {
    "prompt": "{question}", "most_tokens": 5, "window": 32, "format_rate": 2e-2, "format_steps": 15, "rate": 2e-3, "steps": 3,
    "batch": 16, "count": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model that answers sums with a digit, the right one now and then: it has hardly learned."""
    tokenizer = word_tokenizer(WORDS)
    reader = Reader(small_llama(tokenizer, hidden=32, layers=1, seed=1))
    rng = np.random.default_rng(1)
    asked = sums()
    groups = [
        (list(tokenizer(prompt)["input_ids"]), [[tokenizer(str(d))["input_ids"][0], tokenizer.eos_token_id]])
        for prompt, reference in zip(asked.prompts, asked.references, strict=True)
        for d in (int(reference), int(rng.integers(10)))
    ]
    learner = AnswerLearner(reader, groups, objective=lambda v, _: -v[:, 0], batch=32, rate=1e-2, coupled=False)
    for step in range(60):
        learner.epoch(step)
    return str(keep_model(reader.model, tokenizer, tmp_path_factory.mktemp("m") / "model"))


def sums():
    return Questions(
        [f"{a}+{b}=" for a in range(10) for b in range(10)], [str((a + b) % 10) for a in range(10) for b in range(10)]
    )


def taught(base, **changed):
    return conqord.run(split_questions(sums()).without_test(), model=base, **SMALL | changed)


def weights(trained):
    return torch.cat([p.detach().flatten() for p in trained.scorer.parameters()])


@pytest.fixture(scope="module")
def plain(base):
    return taught(base)


def test_the_line_is_written_and_counted(base):
    """Before the format stage no answer has one; after it, nearly all."""
    trained = taught(base, format_steps=25, steps=4)
    told = next(note for note in trained.notes if "that can be read" in note)
    read, answers = (int(word) for word in re.findall(r"\d+", told)[:2])
    assert answers == 4 * 16 and read > 0.8 * answers
    assert "of 64 answers while learning were right" in trained.notes[0]
    assert any(note.startswith("the line was taught on") for note in trained.notes)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1}, {"reward": "order_sum"}, {"reward": "quality"}, {"reward": "pre"}, {"reward": "brier"}, {"reward": "log"},
        {"alpha": 1.0}, {"kl": 0.0}, {"format_steps": 16}, {"format_rate": 1.5e-2}, {"steps": 4}, {"batch": 32}, {"count": 2},
        {"most_tokens": 6}, {"temperature": 0.8}, {"rate": 1e-3}, {"verifier": "exact"},
        {"prompt": "{question}="}, {"mark": "="}, {"format_confidence": "agreement"},
    ],
)  # fmt: skip
def test_every_option_counts(change, base, plain):
    if change in ({"verifier": "exact"}, {"mark": "="}):  # another reading of what is right
        other = conqord.run(split_questions(of_two()).without_test(), model=base, **SMALL | change)
        first = conqord.run(split_questions(of_two()).without_test(), model=base, **SMALL)
    else:
        other, first = taught(base, **change), plain
    ours, theirs = weights(other), weights(first)
    assert ours.shape != theirs.shape or not torch.equal(ours, theirs)


def test_a_tokenizer_that_cannot_write_the_line_is_told_of(tmp_path):
    """Before anything is drawn; nothing would be left of the line but its unknown words."""
    tokenizer = word_tokenizer([*"0123456789+=", *LEVELS])
    place = str(keep_model(small_llama(tokenizer, hidden=16, layers=1, seed=1), tokenizer, tmp_path / "model"))
    with pytest.raises(StropError, match="S301") as caught:
        taught(place)
    assert 'cannot write "### Confidence: 0.7"' in str(caught.value)


def test_agreement_takes_no_verdict(base, monkeypatch):
    """The lines say how many of the question's other answers have the same result; no reference is read, and no reward follows."""
    seen = []
    plain = conqord.line_learner
    monkeypatch.setattr(
        conqord, "line_learner", lambda reader, groups, **s: seen.extend(groups) or plain(reader, groups, **s)
    )
    monkeypatch.setattr(conqord.Marked, "judge", None)  # a verdict would raise
    trained = taught(base, format_confidence="agreement", steps=0, format_steps=6)
    assert len(trained.curve) == 6 and trained.notes[-1].startswith("the line was taught on 96 own answers; 0 ")
    tokenizer = word_tokenizer(WORDS)
    texts = [tokenizer.decode(answers[0], skip_special_tokens=True).split() for _, answers in seen]
    for start in range(0, len(texts), 4):
        said = [text[0] for text in texts[start : start + 4]]
        assert len({tuple(prompt) for prompt, _ in seen[start : start + 4]}) == 1
        assert [text[-1] for text in texts[start : start + 4]] == [f"{(said.count(one) - 1) / 3:.1f}" for one in said]


def of_two():
    """References of which each verifier makes something else: a whole sum, its last number right."""
    asked = sums()
    return Questions(asked.prompts, [f"{p}{r}" for p, r in zip(asked.prompts, asked.references, strict=True)])


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({"batch": 1, "count": 1}, "S301", "alone an answer has no order"),
        ({"batch": 4}, "S301", "8 or more"),
        ({"batch": 18}, "S301", "whole questions"),
        ({"count": 1}, "S301", "count 1"),
        ({"steps": 0}, "S301", "steps 0 only with lines that say something"),
        ({"steps": -1, "format_confidence": "agreement"}, "S301", "steps -1"),
        ({"format_steps": 0}, "S301", "format_steps 0"),
        ({"reward": "quality", "alpha": 1.0}, "S301", "alpha is 1.0 with quality"),
        ({"reward": "pre", "alpha": 1.0}, "S301", "have no weight"),
        ({"alpha": -1.0}, "S301", "alpha is -1.0"),
        ({"temperature": 0.0}, "S301", "temperature"),
        ({"most_tokens": 40}, "S301", "most_tokens 40"),
        ({"window": 8}, "S219", "tokens"),
        ({"kl": -1.0}, "S301", "kl"),
        ({"adapter": -1}, "S301", "rank"),
        ({"prompt": "no hole"}, "S301", "{question}"),
        ({"form": "chat"}, "S301", "chat template"),
        ({"reward": "brier", "reward_model": "x"}, "S305", "needs right or wrong"),
        ({"reward_model": "none/such"}, "S201", "none/such"),
        ({"format_rate": 1e-9}, "S209", "have a confidence that can be read"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, code, said, base):
    with pytest.raises(StropError, match=code) as caught:
        taught(base, **settings)
    assert said in f"{caught.value} {caught.value.help}"


def test_an_adapter_learns_alone(plain, tmp_path):
    """On a model that writes the line already: an adapter leaves the vocabulary as it is, and so teaches no new word."""
    place = str(keep_model(plain.scorer, word_tokenizer(WORDS), tmp_path / "model"))
    trained = taught(place, adapter=2, format_steps=1, steps=1)
    learned = [name for name, p in trained.scorer.named_parameters() if p.requires_grad]
    assert learned and all("lora" in name for name in learned)


def test_a_reward_model_reads_answers_without_their_line(base, tmp_path, monkeypatch):
    """Its scores are the quality; how they go with right and wrong is said first."""
    from transformers import AutoModelForCausalLM

    tokenizer = word_tokenizer(WORDS)
    model = rewarder(AutoModelForCausalLM.from_pretrained(base), tokenizer, seed=1)
    place = str(keep_model(model, tokenizer, tmp_path / "judge"))
    read = []
    plain = conqord.encode

    def seen(tokenizer, prompts, answers, **settings):
        read.extend(text for group in answers for text in group)
        return plain(tokenizer, prompts, answers, **settings)

    monkeypatch.setattr(conqord, "encode", seen)
    trained = taught(base, reward_model=place)
    assert trained.notes[0].startswith("AUROC of the reward model's scores against right or wrong: 0.")
    assert read and not any("Confidence" in text for text in read)


def test_a_stopped_run_goes_on_to_the_same_bytes(base, tmp_path, monkeypatch):
    """Stopped in the format stage, then among the rewards."""
    settings = {"steps": 4, "folder": tmp_path, "save_seconds": 0}
    whole = taught(base, steps=4)
    for learner, last in ((AnswerLearner, 7), (GroupLearner, 2)):
        plain = learner.epoch

        def stopped(self, number, plain=plain, last=last):
            if number == last:
                raise KeyboardInterrupt
            return plain(self, number)

        monkeypatch.setattr(learner, "epoch", stopped)
        with pytest.raises(KeyboardInterrupt):
            taught(base, **settings)
        monkeypatch.setattr(learner, "epoch", plain)
    again = taught(base, **settings)
    assert torch.equal(weights(again), weights(whole)) and (again.curve, again.notes) == (whole.curve, whole.notes)


def test_the_whole_step_is_one_batch_however_it_is_read(base):
    """Micro-batches: rows of few tokens and rows of many give one gradient, since the rewards of all answers come first."""
    slopes = []
    for budget in (8, 512):
        model, tokenizer = open_model(base)
        asked = sums()

        def earned(which, answers, asked=asked):  # an answer's first token says how sure it is
            right = [
                float(a[0] == 3 + int(asked.references[i]))
                for i, group in zip(which, answers, strict=True)
                for a in group
            ]
            sure = [(a[0] % 11) / 10 for group in answers for a in group]
            found = dual_reward(torch.tensor(sure).double(), torch.tensor(right).double(), reward="order", alpha=3.0)
            return found.view(len(answers), -1).numpy()

        learner = GroupLearner(
            Reader(model, budget=budget), [list(tokenizer(p)["input_ids"]) for p in asked.prompts], reward=earned,
            advantages=leave_one_out, end=tokenizer.eos_token_id, count=4, batch=4, most_tokens=3,
        )  # fmt: skip
        model.zero_grad()
        learner.stepper.step = lambda rate: 1.0
        learner.epoch(0)
        slopes.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert slopes[0].abs().max() > 0 and torch.allclose(slopes[0], slopes[1], atol=1e-5)


def test_what_is_not_scored_is_left_out_and_what_cannot_be_read_is_last():
    """By hand: q = 1, 0, none, 1; c = .9, .1, .5, unread; z of the first two: 1 and -1 (over 1, 0), order .4 each, alpha 1."""
    q = torch.tensor([1.0, 0.0, torch.nan, 1.0]).double()
    c = torch.tensor([0.9, 0.1, 0.5, torch.nan]).double()
    found = dual_reward(c, q, reward="order", alpha=1.0)
    assert found[:2].tolist() == pytest.approx([1 + 0.8, -1 + 0.8])
    assert torch.isnan(found[2]) and float(found[3]) == pytest.approx(-0.2)
