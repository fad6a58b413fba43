"""What a model writes as text, the same for the same block; what is learned holds the whole of it."""

import math

import pytest
import torch

from strop.errors import StropError
from strop.models.language.encoding import asked_plainly
from strop.models.language.sampling import sample
from strop.models.language.tiny import character_tokenizer, small_llama
from strop.models.language.writing import Writer, check_rendered, fingerprint, learnable

TOKENIZER = character_tokenizer("0123456789+= <think/>")
MODEL = small_llama(TOKENIZER, hidden=32, window=40)
PROMPTS = [[3, 9, 4], [5], [8, 8, 3]]


def test_what_is_written_is_what_is_sampled():
    writer = Writer(MODEL, TOKENIZER, most_tokens=5, temperature=1.0, seed=4)
    found = writer.write(PROMPTS, count=2, places=[7, 8, 9])
    drawn = sample(MODEL, PROMPTS, count=2, most_tokens=5, end=TOKENIZER.eos_token_id, seed=[4, 7])
    for group, answers, values in zip(found, drawn.answers, drawn.log_probs, strict=True):
        for one, answer, value in zip(group, answers, values, strict=True):
            assert one.tokens == len(answer) and one.log_prob == pytest.approx(sum(value) / len(value))
            assert one.text == TOKENIZER.decode(answer, skip_special_tokens=True)
            assert one.finished == ("end" if answer[-1] == TOKENIZER.eos_token_id else "length")
    assert (
        writer.write(PROMPTS, count=2, places=[7, 8, 9]) == found != writer.write(PROMPTS, count=2, places=[8, 9, 10])
    )
    greedy = Writer(MODEL, TOKENIZER, most_tokens=5)
    assert greedy.write(PROMPTS) == greedy.write(PROMPTS, places=[3, 4, 5])


def test_a_model_without_a_stop_token_is_refused():
    endless = character_tokenizer("01")
    endless.eos_token = None
    with pytest.raises(StropError, match="S301") as caught:
        Writer(MODEL, endless, most_tokens=5)
    assert "without a stop token" in caught.value.message


def test_a_fingerprint_tells_one_weight_apart():
    other = small_llama(TOKENIZER, hidden=32, window=40)
    assert fingerprint(other) == fingerprint(MODEL)
    with torch.no_grad():
        other.lm_head.weight[3, 3] = math.nextafter(float(other.lm_head.weight[3, 3]), 1.0) + 1e-6
    assert fingerprint(other) != fingerprint(MODEL)


def test_what_is_too_long_or_unknown_is_left_out_and_counted():
    """A prompt of 3 tokens and a window of 8: four letters and the end still fit."""
    found = learnable(TOKENIZER, [[3, 4, 5]] * 4, ["1+2=", "1+2=3", "1?2", ""], window=8)
    assert (found.kept, found.longer, found.unknown) == ([0, 3], 1, 1)
    assert found.groups[0] == ([3, 4, 5], [[*TOKENIZER("1+2=")["input_ids"], TOKENIZER.eos_token_id]])
    assert "1 texts longer than the window" in found.notes[0] and "not know" in found.notes[1]
    with pytest.raises(StropError, match="S202"):
        learnable(TOKENIZER, [[3]], ["123456789"], window=5)


def test_the_whole_trace_is_learned_from_or_nothing():
    """R1's template drops what stands before </think>: the trace is written behind the prompt without it."""
    TOKENIZER.chat_template = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1] }}"
        "{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    text = "<think>1+1=2</think>2"
    learned = learnable(TOKENIZER, [[3]], [text], window=40).groups[0][1][0]
    assert TOKENIZER.decode(learned, skip_special_tokens=True) == text
    turns = [{"role": "assistant", "content": text}]
    rendered = TOKENIZER.apply_chat_template(turns, tokenize=True, return_dict=False)
    with pytest.raises(StropError, match="S301") as caught:
        check_rendered(TOKENIZER, rendered, text)
    assert '"<think>1+1=2' in caught.value.message and "</think>" in caught.value.help


def test_a_model_made_for_conversations_is_not_asked_in_plain_text_unsaid(caplog):
    tokenizer = character_tokenizer("ab")
    assert asked_plainly(tokenizer, chat=False, name="m") == ()
    tokenizer.chat_template = "{{ messages }}"
    assert asked_plainly(tokenizer, chat=True, name="m") == ()
    (note,) = asked_plainly(tokenizer, chat=False, name="m")
    assert note.startswith("m has a chat template") and "--form chat" in note
    assert note in caplog.text
