"""Is the hidden state of an answer's last token the one that a model reading that text alone has?"""

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from strop.models.language.features import answer_features, answer_states, answer_sums
from strop.models.language.reading import Reader
from strop.models.language.tiny import character_tokenizer, small_llama

GROUPS = [((3, 5, 7), ((4, 6, 8), (6, 9))), ((5, 4), ((7, 3, 9, 4),)), ((8,), ((3,), (4, 4), (9, 8, 7, 6)))]


@pytest.mark.parametrize("shared", [True, False])
def test_the_last_state_of_every_answer_read_alone(shared):
    model = small_llama(character_tokenizer("abcdefghij"), hidden=16, layers=2, heads=2, seed=3)
    reader = Reader(model, budget=12)
    assert reader.shared
    reader.shared = shared
    found = answer_features(reader, GROUPS)
    alone = []
    with torch.no_grad():
        for prompt, answers in GROUPS:
            for answer in answers:
                states = model.base_model(input_ids=torch.tensor([[*prompt, *answer]])).last_hidden_state
                alone.append(states[0, -1].numpy())
    assert found.dtype == np.float32 and np.allclose(found, np.stack(alone), atol=1e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_sums_of_the_states_that_predict_each_answer_read_alone(shared):
    """From the prompt's last token to the last but one of the answer: one text at a time, a plain loop."""
    reader = Reader(small_llama(character_tokenizer("abcdefghij"), hidden=16, layers=2, heads=2, seed=3), budget=12)
    reader.shared = shared
    sums, tokens = answer_sums(reader, GROUPS)
    alone, counts = [], []
    with torch.no_grad():
        for prompt, answers in GROUPS:
            for answer in answers:
                states = reader.model.base_model(input_ids=torch.tensor([[*prompt, *answer]])).last_hidden_state[0]
                alone.append(sum(states[len(prompt) - 1 + k] for k in range(len(answer))))
                counts.append(len(answer))
    torch.testing.assert_close(sums, torch.stack(alone).double(), atol=1e-5, rtol=1e-5)
    assert tokens.tolist() == counts


def test_states_are_both_of_them_read_once(monkeypatch):
    reader, read = (
        Reader(small_llama(character_tokenizer("abcdefghij"), hidden=16, layers=2, heads=2, seed=3), budget=12),
        [],
    )
    sums, tokens = answer_sums(reader, GROUPS)
    features, plain = answer_features(reader, GROUPS), reader.hidden
    monkeypatch.setattr(reader, "hidden", lambda row: read.append(row) or plain(row))
    found = answer_states(reader, GROUPS)
    assert np.allclose(found, np.concatenate([features, (sums / tokens[:, None]).numpy()], 1), atol=1e-5)
    assert len(read) == len(reader.rows(GROUPS)) > 1 and answer_states(reader, []).shape == (0, 0)
