"""The chance of an answer's tokens, and of yes behind a question about it: against the model read one text at a time."""

import numpy as np
import pytest
import torch

from strop.errors import StropError
from strop.models.language.reading import Reader
from strop.models.language.self_judging import says_yes, token_chances
from strop.models.language.tiny import character_tokenizer, small_llama, word_tokenizer


@pytest.fixture(scope="module")
def reader():
    return Reader(small_llama(character_tokenizer("abcdefgh?yn"), hidden=16, seed=3), budget=64)


def by_hand(model, prompt, answer):
    with torch.no_grad():
        shares = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0].log_softmax(-1)
    return [float(shares[len(prompt) - 1 + i, token]) for i, token in enumerate(answer)]


def test_the_chance_of_an_answer_by_another_road(reader):
    groups = [([4, 5, 6], [[7, 8], [9]]), ([5], [[6, 6, 6, 6]])]
    found = token_chances(reader, groups)
    for n, (prompt, answer) in enumerate((p, a) for p, answers in groups for a in answers):
        values = by_hand(reader.model, prompt, answer)
        assert found.mean[n] == pytest.approx(np.exp(np.mean(values)), rel=1e-4)
        assert found.whole[n] == pytest.approx(np.exp(np.sum(values)), rel=1e-4)


def test_p_true_by_another_road(reader):
    """exp(yes) / (exp(yes) + exp(no)), of the first token of either word."""
    found = says_yes(reader, [[4, 5, 11], [6, 11]], yes=[12, 4], no=[13, 4])
    for n, prompt in enumerate(([4, 5, 11], [6, 11])):
        yes, no = (np.exp(by_hand(reader.model, prompt, [word])[0]) for word in (12, 13))
        assert found[n] == pytest.approx(yes / (yes + no), rel=1e-4)


def test_what_cannot_be_judged_is_refused(reader):
    for groups in ([], [([4], [[]])]):
        with pytest.raises(StropError, match="S202"):
            token_chances(reader, groups)
    with pytest.raises(StropError, match="S202"):
        says_yes(reader, [], yes=[12], no=[13])
    with pytest.raises(StropError, match="S301"):
        says_yes(reader, [[4]], yes=[12, 4], no=[12, 5])


def test_words_are_tokens_the_longest_first():
    tokenizer = word_tokenizer(["a1", "a12", "\n### Confidence: ", "0.1", "0"])
    text = "a12a1\n### Confidence: 0.10"
    found = tokenizer(text)["input_ids"]
    assert [tokenizer.decode([one]) for one in found] == ["a12", "a1", "\n### Confidence: ", "0.1", "0"]
    assert tokenizer.decode(found) == text
    assert tokenizer("?")["input_ids"] == [tokenizer.unk_token_id]
    for words in ([], ["a", ""]):
        with pytest.raises(StropError, match="S301"):
            word_tokenizer(words)
