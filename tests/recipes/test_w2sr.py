"""A student learns a teacher's way from its traces; every option counts or is refused; stopped, it goes on to the same bytes."""

import json
from importlib.util import find_spec

import pytest
import torch

from strop.errors import StropError
from strop.experiments.procedural import chained_addition, problems
from strop.feedback.questions import split_questions
from strop.models.language.learning import AnswerLearner
from strop.models.language.opening import keep_model
from strop.models.language.reading import Reader
from strop.models.language.tiny import character_tokenizer, small_llama
from strop.recipes import w2sr
from strop.records import Message, Questions, QuestionSplit

FAMILY = chained_addition(terms=2, modulus=5)
SMALL = {"prompt": "{question}", "mark": "A", "most_tokens": 12, "window": 24, "passes": 1, "batch": 8, "rate": 3e-3}


def teacher_of(folder, made):
    """One that has seen a third of the solutions some forty times: right now and then."""
    tokenizer = character_tokenizer(FAMILY.alphabet)
    model = small_llama(tokenizer, hidden=32, layers=1, seed=1)
    keep_model(small_llama(tokenizer, hidden=32, layers=1, seed=2), tokenizer, folder / "student")
    text = {p.question: p.solution for p in made}
    groups = [
        (tokenizer(q)["input_ids"], [[*tokenizer(s)["input_ids"], tokenizer.eos_token_id]]) for q, s in text.items()
    ]
    learner = AnswerLearner(Reader(model), groups, objective=lambda v, _: -v[:, 0], batch=8, rate=1e-2, coupled=False)
    for step in range(60):
        learner.epoch(step)
    keep_model(model, tokenizer, folder / "teacher")


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("w2sr")
    teacher_of(folder, made())
    return folder


def made():
    return problems(FAMILY, sizes={"all": 25}, seed=0)["all"]


def asked(reference=None):
    return split_questions(
        Questions([p.question for p in made()], [reference or p.answer for p in made()]), seed=0
    ).without_test()


def weights(trained):
    return torch.cat([p.detach().flatten() for p in trained.scorer.parameters()])


def taught(room, data=None, **changed):
    models = {"teacher": str(room / "teacher"), "student": str(room / "student")}
    return w2sr.run(data or asked(), **models | SMALL | changed)


@pytest.fixture(scope="module")
def base(room):
    return weights(taught(room, select="all"))


def test_it_says_what_it_learned_from(room, tmp_path):
    trained = taught(room, passes=30, folder=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "traces.jsonl").read_text().splitlines()]
    right = sum(one["verdict"] == "right" for one in lines)
    assert len(lines) == len(asked().train) and 0 < right < len(lines)
    told = " ".join(trained.notes)
    assert f": {right} right, {len(lines) - right} wrong" in told and f"; {right} learned from (correct)" in told
    assert f"learned from {right} texts" in told
    assert trained.curve[-1][1] < 0.75 * trained.curve[0][1]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1}, {"select": "correct"}, {"select": "incorrect"}, {"match": "count"}, {"match": "tokens"},
        {"temperature": 1.5}, {"rate": 1e-3}, {"batch": 5}, {"passes": 2}, {"prompt": "0+{question}"}, {"teacher": "STUDENT"},
    ],
)  # fmt: skip
def test_every_option_counts(change, room, base):
    if change.get("teacher"):
        change = {"teacher": str(room / "student"), "temperature": 1.0, "count": 8, "most_tokens": 20, "window": 40}
    other = weights(taught(room, **{"select": "all"} | change))
    assert not torch.equal(base, other)


def test_draws_count(room):
    drawn = {"select": "all", "temperature": 1.5}
    one = weights(taught(room, **drawn))
    for change in ({"count": 2}, {"top_p": 0.5}, {"seed": 3}):
        assert not torch.equal(one, weights(taught(room, **drawn | change)))
    assert torch.equal(one, weights(taught(room, **drawn)))


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({"count": 0}, "S301", "count 0"),
        ({"count": 2}, "S301", "--temperature 1"),
        ({"passes": 0}, "S301", "passes 0"),
        ({"most_tokens": 24}, "S301", "most_tokens < window"),
        ({"batch": 0}, "S301", "batch is 0"),
        ({"rate": -1.0}, "S301", "rate is -1"),
        ({"temperature": -1.0}, "S301", "temperature -1"),
        ({"top_p": 0.0}, "S301", "top_p"),
        ({"window": 14, "most_tokens": 12}, "S219", "the prompt has 4 tokens"),
        ({"prompt": "think"}, "S301", "{question} 0 times"),
        ({"prompt": "think: {question}"}, "S301", "does not know"),
        ({"teacher": ""}, "S101", "no teacher"),
        ({"teacher": "none/such/place"}, "S201", "none/such/place"),
        ({"student": "none/such/place"}, "S201", "none/such/place"),
        ({"form": "chat"}, "S301", "no chat template"),
        ({"form": "talk"}, "S301", "form"),
        ({"verifier": "gym"}, "S301", "gym:TASK"),
        ({"verifier": "numerical"}, "S301", "did you mean"),
        ({"select": "right"}, "S301", "correct"),
        ({"match": "size"}, "S301", "match"),
        ({"mark": "Z"}, "S202", "without a result"),
        ({"most_tokens": 3}, "S202", "cut at the most tokens"),
        ({"window": 12, "most_tokens": 7}, "S202", "cut at the most tokens"),
        ({"verifier": "exact", "mark": "="}, "S202", "no trace is right"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, code, said, room):
    if settings.get("verifier") == "gym" and find_spec("reasoning_gym") is None:
        pytest.skip("reasoning-gym is not installed")
    with pytest.raises(StropError, match=code) as caught:
        taught(room, **settings)
    assert said in f"{caught.value} {caught.value.help}"


def test_nothing_right_or_nothing_wrong_is_refused_with_counts(room):
    with pytest.raises(StropError, match="S202") as caught:
        taught(room, asked("9999"))
    assert "no trace is right: 0 right" in caught.value.message
    with pytest.raises(StropError, match="S211"):
        taught(room, asked("seven"))


def test_a_teacher_without_a_stop_token(room, tmp_path):
    from strop.models.language.opening import open_model

    model, tokenizer = open_model(room / "teacher")
    tokenizer.eos_token = None
    keep_model(model, tokenizer, tmp_path / "endless")
    with pytest.raises(StropError, match="S301") as caught:
        taught(room, teacher=str(tmp_path / "endless"))
    assert "stop token" in caught.value.message or "end token" in caught.value.message


def test_self_training_is_labelled(room):
    drawn = {"teacher": str(room / "student"), "temperature": 1.0, "count": 8, "most_tokens": 20, "window": 40}
    assert any("self-training" in note for note in taught(room, select="all", **drawn).notes)
    assert not any("self-training" in note for note in taught(room, select="all").notes)


def test_a_question_is_asked_once(room):
    data = asked()
    twice = QuestionSplit(data.train.take([*range(len(data.train)), 0, 1]), data.validation)
    trained = taught(room, twice, select="all")
    assert any(note.startswith("2 rows with a question that stood before") for note in trained.notes)


def test_conversations_are_asked_in_their_last_turn(room):
    from strop.feedback.eliciting import elicited

    talk = (Message("system", "s"), Message("user", "1+1?"))
    found = elicited(Questions([talk], ["2"]), "{question} Think.")
    assert found.prompts[0] == (Message("system", "s"), Message("user", "1+1? Think."))
    plain = elicited(Questions(["1+1?"], ["2"]), "{question} Think.", form="chat")
    assert plain.prompts[0] == (Message("user", "1+1? Think."),)


def test_stopped_it_goes_on_to_the_same_bytes(room, tmp_path, monkeypatch):
    """Killed while it collects, and killed while it learns."""
    whole = weights(taught(room, select="all", passes=3))
    drawn = {"select": "all", "passes": 3, "folder": tmp_path / "a", "save_seconds": 0.0}
    monkeypatch.setattr("strop.feedback.traces.BLOCK", 6)
    from strop.models.language.writing import Writer

    write, epoch, calls = Writer.write, AnswerLearner.epoch, []

    def dies(self, *given, **named):
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write(self, *given, **named)

    monkeypatch.setattr(Writer, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        taught(room, **drawn)
    assert (tmp_path / "a" / "traces.jsonl").read_bytes().count(b"\n") == 12

    def killed(self, number):
        if number == 4:
            raise KeyboardInterrupt
        return epoch(self, number)

    monkeypatch.setattr(AnswerLearner, "epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        taught(room, **drawn)
    monkeypatch.setattr(AnswerLearner, "epoch", epoch)
    assert torch.equal(weights(taught(room, **drawn)), whole)


def test_the_rate_by_hand():
    """20 steps: two up, then half a cosine: at step 11 of 18 behind them (9/18) it is half."""
    of = w2sr.cosine(1.0, 20)
    assert [of(0), of(1), of(2)] == [0.5, 1.0, 1.0] and of(11) == pytest.approx(0.5) and 0 < of(19) < 0.01
    assert w2sr.cosine(1.0, 1)(0) == 1.0
