"""A Llama that is written by our own step says what the model itself says: its logits, and generate's greedy answers."""

import gc
import weakref

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from strop.errors import StropError
from strop.models.language.decoding_step import LlamaSteps, agrees
from strop.models.language.drawing import RUN, _likeliest
from strop.models.language.llama_weights import SEEN, Laid, is_plain, laid_out
from strop.models.language.opening import with_adapter
from strop.models.language.sampling import AGREED, sample
from strop.models.language.stepping import Stepper

SMALL = {"vocab_size": 29, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 56}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}  # fmt: skip
PLAIN = {
    "as SmolLM2: tied, one head of keys for three": (
        "Llama",
        {"hidden_size": 48, "num_attention_heads": 6, "num_key_value_heads": 2, "tie_word_embeddings": True},
    ),
    "untied, a head of keys for each": ("Llama", {"num_key_value_heads": 4}),
    "one head of keys for all, wide heads": ("Llama", {"num_key_value_heads": 1, "head_dim": 16}),
    "biases": ("Llama", {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 2}),
    "another rotation": ("Llama", {"rope_parameters": LLAMA3}),
    "Qwen2": ("Qwen2", {"num_key_value_heads": 2}),
    "Mistral without a window": ("Mistral", {"num_key_value_heads": 2, "sliding_window": None}),
}
OTHER = {
    "a window": ("Mistral", {"num_key_value_heads": 2, "sliding_window": 3}),
    "another activation": ("Llama", {"hidden_act": "gelu"}),
    "angles that depend on the length": ("Llama", {"rope_parameters": {**LLAMA3, "rope_type": "dynamic"}}),
    "norms of queries": ("Qwen3", {"num_key_value_heads": 2}),
}
END = 1
LENGTHS = 1, 9, 4, 30, 17, 2, 5


def model_of(name, settings):
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**{**SMALL, **settings})
    found = getattr(transformers, f"{name}ForCausalLM")(config).eval()
    for p in found.parameters():
        nn.init.normal_(p, std=0.3)
    return found


def plain():
    return model_of(*PLAIN["biases"])


def prompts(seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(2, 29, n).tolist() for n in LENGTHS]


def generated(model, prompt, most):
    tokens = torch.tensor([prompt])
    settings = {"do_sample": False, "max_new_tokens": most, "eos_token_id": END, "pad_token_id": 0}
    with torch.no_grad():
        return model.generate(tokens, attention_mask=torch.ones_like(tokens), **settings)[0, len(prompt) :].tolist()


@pytest.mark.parametrize("name", PLAIN)
def test_greedy_answers_are_generate_s(name):
    """Prompts of unequal lengths read together; rows that begin later, take the next answer, move, and are dropped."""
    model = model_of(*PLAIN[name])
    assert is_plain(model)
    theirs = [generated(model, p, 11) for p in prompts()]
    for width in (3, 9):
        found = sample(model, prompts(), count=1, most_tokens=11, end=END, temperature=0, width=width)
        assert [a[0] for a in found.answers] == theirs
    assert model in AGREED


@pytest.mark.parametrize("name", OTHER)
def test_any_other_model_writes_by_its_own_forward(name):
    model = model_of(*OTHER[name])
    assert not is_plain(model)
    found = sample(model, prompts(), count=1, most_tokens=6, end=END, temperature=0, width=4)
    assert [a[0] for a in found.answers] == [generated(model, p, 6) for p in prompts()]


def test_what_is_changed_from_outside_is_not_plain():
    hooked, typed, patched = plain(), plain(), plain()
    assert is_plain(hooked)
    handle = hooked.model.layers[0].mlp.register_forward_hook(lambda *_: None)
    assert not is_plain(hooked)
    handle.remove()
    assert is_plain(hooked)
    assert not is_plain(typed.to(torch.bfloat16))
    patched.model.norm.forward = lambda x: x
    assert not is_plain(patched)
    pytest.importorskip("peft")
    assert not is_plain(with_adapter(plain(), rank=2).get_base_model())


def test_the_logits_of_every_step_are_the_model_s():
    """Two rows, one of which begins four places later, over three steps; and a step of other weights is seen to disagree."""
    model = plain()
    laid = Laid(model, rows=2)
    texts = [[3, 4, 5, 6, 7, 8, 9], [10, 11, 12]]
    steps = LlamaSteps(laid, rows=2, used=6, capacity=9)
    steps.put([0, 1], steps.read([text[:-1] for text in texts]))
    steps.first = 0
    steps.place(np.array([0, 4]))
    for token in (13, 14, 15):
        found = steps.logits(np.array([text[-1] for text in texts]))
        for row, text in zip(found, texts, strict=True):
            with torch.no_grad():
                truth = model(input_ids=torch.tensor([text])).logits[0, -1]
            torch.testing.assert_close(row, truth, atol=1e-4, rtol=1e-4)
            text.append(token)
    assert agrees(model, laid)
    laid.head_scale = laid.head_scale * 1.01
    assert not agrees(model, laid)


def adamw(model):
    stepper = Stepper(model)
    for p in stepper.named.values():
        p.grad = torch.ones_like(p)
    stepper.step(0.05)


def torchs(model):
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    torch.optim.SGD(model.parameters(), 0.05).step()


def behind_the_back(model):
    model.model.layers[1].mlp.up_proj.weight.data[3, 4] += 5.0


def loaded(model):
    model.load_state_dict({name: 0.9 * of for name, of in model.state_dict().items()})


@pytest.mark.parametrize("changed", [adamw, torchs, behind_the_back, loaded])
def test_weights_that_were_laid_out_are_renewed(changed):
    """They are kept from the second call on; after a step the answers are those of a new model with the new weights."""
    model = plain()
    settings = {"count": 2, "most_tokens": 8, "end": END, "width": 4}
    before = [sample(model, prompts(), **settings) for _ in range(3)]
    assert before[0].log_probs == before[1].log_probs == before[2].log_probs
    kept = SEEN[model][1]
    assert kept is not None and laid_out(model, rows=4) is kept
    changed(model)
    after, new = sample(model, prompts(), **settings), plain()
    assert SEEN[model][1] is None  # nothing is held twice while a model learns
    new.load_state_dict(model.state_dict())
    assert after.log_probs == sample(new, prompts(), **settings).log_probs != before[0].log_probs


def test_what_is_kept_goes_with_its_model():
    model = plain()
    kept = weakref.ref(laid_out(model, rows=2)), weakref.ref(laid_out(model, rows=2)), weakref.ref(model)
    assert kept[0]() is None and kept[1]() is not None
    del model
    gc.collect()
    assert kept[1]() is None and kept[2]() is None


def test_rounded_products():
    """bfloat16 changes the figures by less than its rounding allows, the choice of the product alone counts, a name is checked."""
    model = plain()
    settings = {"count": 1, "most_tokens": 1, "end": END, "temperature": 0}
    exact = sample(model, prompts(), **settings)
    rounded = sample(model, prompts(), products="bfloat16", **settings)
    for ours, theirs in zip(exact.log_probs, rounded.log_probs, strict=True):
        assert 0 < abs(ours[0][0] - theirs[0][0]) < 0.3
    assert exact.log_probs == sample(model, prompts(), **settings).log_probs
    other = model_of(*OTHER["another activation"])
    assert (
        sample(other, prompts(), products="bfloat16", **settings).log_probs
        != sample(other, prompts(), **settings).log_probs
    )
    with pytest.raises(StropError, match="S301"):
        sample(model, prompts(), products="int8", **settings)


@pytest.mark.parametrize("size", [5, RUN, RUN + 1, 3 * RUN, 3 * RUN + 100])
def test_the_likeliest_of_many(size):
    """As argmax; of equals the first, whichever block it is in."""
    logits = torch.randn(7, size, generator=torch.Generator().manual_seed(0))
    logits[0] = 0.0
    logits[1, -1] = logits[1, size // 2] = 9.0
    logits[2, -1] = 9.0
    assert torch.equal(_likeliest(logits, logits.amax(1, keepdim=True)), logits.argmax(1))
    assert int(logits[1].argmax()) == size // 2
