"""Learning from groups of rewards: the gradient is a plain loop's, a planted reward is learned, and what teaches nothing is said."""

from functools import partial

import numpy as np
import pytest
import torch

from strop.errors import StropError
from strop.losses.policy import clipped_ratio, mean_centred, reference_kl, standardised
from strop.models.language.groups import GroupLearner, by_answers, by_constant, by_tokens, of_texts
from strop.models.language.reading import Reader
from strop.models.language.sampling import sample
from strop.models.language.tiny import character_tokenizer, small_llama
from strop.training import fit

TOKENIZER = character_tokenizer("0123456789+= ")
END, SEVEN = TOKENIZER.eos_token_id, TOKENIZER("7")["input_ids"][0]
PROMPTS = [[3, 9, 4, 4, 7], [5], [8, 8, 3], [6, 7]]


def sevens(which, answers):
    """The share of an answer's tokens that are 7."""
    return [[answer.count(SEVEN) / len(answer) for answer in group] for group in answers]


def learner(*, reward=sevens, advantages=mean_centred, seed=0, **settings):
    settings = {"count": 6, "most_tokens": 8, "batch": 2, "rate": 1e-3, **settings}
    reader = Reader(small_llama(TOKENIZER, seed=seed))
    return GroupLearner(reader, PROMPTS, reward=reward, advantages=advantages, end=END, **settings)


def weights_of(one):
    return torch.cat([p.detach().flatten() for p in one.reader.model.parameters()])


def with_gaps(which, answers):
    """One answer was not scored; all of the second prompt's are worth the same."""
    found = np.array(sevens(which, answers)) + np.arange(6) / 10
    found[0, 2] = np.nan
    found[1] = 0.5
    return found


def plain_share(kind, lengths):
    if kind == "tokens":
        return [1 / sum(lengths)] * len(lengths)
    return [1 / ((n if kind == "answers" else 8) * sum(m > 0 for m in lengths)) if n else 0 for n in lengths]


@pytest.mark.parametrize(
    ("kind", "share", "loss", "kl"),
    [
        ("tokens", by_tokens, None, 0.0),
        ("answers", by_answers, clipped_ratio, 0.3),
        ("constant", partial(by_constant, tokens=8), None, 0.0),
    ],
)
def test_the_gradient_is_that_of_a_plain_loop(kind, share, loss, kl, monkeypatch):
    """Autograd over one text at a time: A log p (the ratio is 1), and k3 written out; gaps count nowhere."""
    reference = Reader(small_llama(TOKENIZER, seed=3))
    settings = {"kl": kl, "divergence": reference_kl, "reference": reference} if kl else {}
    ours = learner(reward=with_gaps, share=share, loss=loss, shuffled=False, **settings)
    model = small_llama(TOKENIZER, seed=0)
    drawn = sample(model, PROMPTS[:2], count=6, most_tokens=8, end=END, seed=[0, 0])
    rewards = with_gaps([0, 1], drawn.answers)
    scored = ~np.isnan(rewards)
    lengths = [len(a) * int(ok) for group, row in zip(drawn.answers, scored, strict=True) for a, ok in zip(group, row)]
    total, number, shares = torch.zeros(()), 0, plain_share(kind, lengths)
    for prompt, group, row in zip(PROMPTS, drawn.answers, rewards, strict=False):
        for answer, value in zip(group, row, strict=True):
            advantage = 0.0 if np.isnan(value) else value - np.nanmean(row)
            tokens, places = torch.tensor([[*prompt, *answer]]), torch.tensor(answer)[:, None]
            found, theirs = (
                m(input_ids=tokens).logits[0, len(prompt) - 1 : -1].log_softmax(-1).gather(1, places)[:, 0]
                for m in (model, reference.model)
            )
            gap = theirs.detach() - found
            total = total + shares[number] * (-advantage * found + kl * (gap.exp() - gap - 1)).sum() * (
                not np.isnan(value)
            )
            number += 1
    total.backward()
    seen = {}

    def kept(_):
        seen.update({name: p.grad.clone() for name, p in ours.stepper.named.items()})
        return 1.0

    monkeypatch.setattr(ours.stepper, "step", kept)
    ours.epoch(0)
    for name, p in model.named_parameters():
        torch.testing.assert_close(seen[name], p.grad, atol=2e-6, rtol=1e-3)
    assert ours.counted == dict(zip(ours.counted, [1, 0, 2, 1, 12, 1], strict=True))
    assert ours.said["kl"] >= 0 and ours.said["reward"] == pytest.approx(np.nanmean(rewards))


def test_shares_by_hand():
    """Answers of 2, 4 and 2 tokens; the last was not scored: 6 tokens, 2 answers."""
    lengths = torch.tensor([[2.0, 4.0, 0.0]])
    assert by_tokens(lengths)[0, :2].tolist() == pytest.approx([1 / 6, 1 / 6])
    assert by_answers(lengths)[0, :2].tolist() == pytest.approx([1 / 4, 1 / 8])
    assert by_constant(lengths, tokens=5)[0, :2].tolist() == pytest.approx([1 / 10, 1 / 10])


@pytest.mark.parametrize("settings", [{}, {"loss": clipped_ratio, "passes": 3}])
def test_a_planted_reward_is_learned(settings):
    """A sixteenth of what a fresh model writes is a 7; after forty steps at least half is."""
    one = learner(advantages=standardised, rate=5e-3, count=8, **settings)
    before = []
    for step in range(40):
        one.epoch(step)
        before.append(one.said["reward"])
    assert np.mean(before[:5]) < 0.2 and np.mean(before[-5:]) > 0.5


def test_several_passes_count_from_the_draw():
    """The first finds the log-probabilities of the draw again; the second those of a model that has moved, the old as they were."""
    seen = []

    def spy(log_prob, old, advantage):
        seen.append((log_prob.detach(), old, advantage))
        return clipped_ratio(log_prob, old, advantage)

    one, two = learner(loss=clipped_ratio), learner(loss=spy, passes=2)
    start = weights_of(one).clone()
    for each in (one, two):
        each.epoch(0)
    torch.testing.assert_close(seen[0][0], seen[0][1], atol=1e-5, rtol=1e-5)
    assert torch.equal(seen[0][1], seen[1][1]) and (seen[1][0] - seen[1][1]).abs().max() > 0.01
    gained = ((seen[1][0] - seen[0][0]) * seen[0][2]).sum()
    assert gained > 0 and (weights_of(two) - start).norm() > 1.3 * (weights_of(one) - start).norm()


def test_equal_rewards_move_nothing_and_say_so():
    one = learner(reward=lambda which, answers: np.full((2, 6), 0.7))
    before = weights_of(one).clone()
    assert one.epoch(0) == 0.0 and one.said["gradient"] == 0.0 and one.said["groups of equal rewards"] == 2
    assert torch.equal(weights_of(one), before) and one.counted["steps that moved nothing"] == 1
    with pytest.raises(StropError, match="S601"):
        one.check()
    one.reward = sevens
    one.epoch(1)
    one.check()
    assert not torch.equal(weights_of(one), before)
    moved = weights_of(one).clone()
    one.reward = lambda which, answers: np.full((2, 6), np.nan)
    one.epoch(2)  # the moments of the step before are not followed either
    assert torch.equal(weights_of(one), moved) and one.counted["answers not scored"] == 12
    assert np.isnan(one.said["reward"])


def test_an_answer_that_was_not_scored_is_as_if_it_were_not_there():
    """Of six answers the last is not scored; its tokens may be anything, its reward too."""

    def gap(which, answers):
        found = np.array(sevens(which, answers)) + np.arange(6)
        found[:, 5] = np.nan
        return found

    one, other = learner(reward=gap, advantages=standardised), learner(advantages=standardised, count=5)
    other.reward = lambda which, answers: gap(which, [[*group, [3]] for group in answers])[:, :5]
    losses = [each.epoch(0) for each in (one, other)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert one.said["gradient"] == pytest.approx(other.said["gradient"], rel=1e-4) and one.said["gradient"] > 0


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path):
    whole = learner()
    fit(whole, epochs=5)
    first = learner()
    fit(first, epochs=3, folder=tmp_path, save_seconds=0)
    second = learner(seed=1)  # other weights: all come from the checkpoint
    fit(second, epochs=5, folder=tmp_path, save_seconds=0)
    assert torch.equal(weights_of(second), weights_of(whole)) and second.counted == whole.counted


def test_rows_that_are_read_alone_make_the_same_step():
    one, other = learner(count=3), learner(count=3)
    other.reader.shared = False
    assert len(other.reader.rows([(PROMPTS[0], [[3], [4]])])) == 2
    losses = [each.epoch(0) for each in (one, other)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert one.said["gradient"] == pytest.approx(other.said["gradient"], rel=1e-4)


def test_rewards_of_texts():
    reward = of_texts(TOKENIZER, lambda place, text: None if "9" in text else place + len(text))
    tokens = [[TOKENIZER(text)["input_ids"] + [END] for text in ("12", "9")], [TOKENIZER("1+1=")["input_ids"]] * 2]
    np.testing.assert_array_equal(np.array(reward([4, 7], tokens)), [[6.0, np.nan], [11.0, 11.0]])


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"batch": 0}, "S301"), ({"passes": 2}, "S301"), ({"kl": 0.1}, "S301"), ({"reward": lambda w, a: [1.0]}, "S214")],
)
def test_settings_that_cannot_be(settings, code):
    with pytest.raises(StropError, match=code):
        learner(**settings).epoch(0)
