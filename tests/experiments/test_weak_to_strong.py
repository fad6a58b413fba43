"""A whole weak-to-strong run on models of a few thousand weights: its arms, its stages after a kill, its words; what is wrong is one line."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from strop.audits.recovery import Recovery
from strop.cli import status_of
from strop.errors import StropError
from strop.experiments import weak_to_strong, weak_to_strong_lessons, weak_to_strong_said
from strop.experiments.procedural import chained_addition, problems
from strop.experiments.weak_to_strong_stages import LABELS, Found, Stages
from strop.feedback.results import Marked
from strop.models.language.learning import AnswerLearner
from strop.models.language.opening import keep_model, open_model
from strop.models.language.reading import Reader
from strop.models.language.tiny import character_tokenizer, small_llama
from strop.models.language.writing import fingerprint
from strop.records import Answers, Arm, Figure, Questions
from strop.report import store
from strop.sandbox.verifiers import Verifier

FAMILY = chained_addition(terms=2, modulus=9)
SMALL = ("--prompt", "{question}", "--mark", "A", "--most-tokens", 12, "--window", 24, "--rate", 5e-3, "--passes", 3)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A teacher that has seen some solutions, a fresh student, 80 problems with a solution each."""
    folder, made = tmp_path_factory.mktemp("weak"), problems(FAMILY, sizes={"all": 80}, seed=0)["all"]
    tokenizer = character_tokenizer(FAMILY.alphabet)
    model = small_llama(tokenizer, hidden=32, layers=1, seed=1)
    keep_model(small_llama(tokenizer, hidden=32, layers=1, seed=2), tokenizer, folder / "student")
    groups = [
        (tokenizer(p.question)["input_ids"], [[*tokenizer(p.solution)["input_ids"], tokenizer.eos_token_id]])
        for p in made
    ]
    learner = AnswerLearner(Reader(model), groups, objective=lambda v, _: -v[:, 0], batch=8, rate=1e-2, coupled=False)
    for step in range(70):
        learner.epoch(step)
    keep_model(model, tokenizer, folder / "teacher")
    rows = [{"question": p.question, "answer": p.answer, "solution": p.solution} for p in made]
    write(folder / "q.jsonl", rows)
    write(folder / "bare.jsonl", [{"question": row["question"], "answer": row["answer"]} for row in rows])
    write(folder / "some.jsonl", rows[:60])
    write(folder / "rest.jsonl", rows[60:])
    write(folder / "leaks.jsonl", rows[58:])
    write(
        folder / "wrong.jsonl",
        [row | {"answer": "9999"} if n % 2 else row | {"answer": "8888"} for n, row in enumerate(rows)],
    )
    return folder


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def ran(room, *words, source="q.jsonl", teacher="teacher"):
    models = ("--teacher", room / teacher, "--student", room / "student")
    return status_of([str(one) for one in ("run", "w2sr", room / source, *models, *SMALL, *words, "-q")])


def plain(result):
    """All of a result but what it cost."""
    arms = [(arm.name, arm.figures, arm.curve) for arm in result.arms]
    tables = [one for one in result.tables if one.title != "What each arm took"]
    return arms, result.differences, result.figures, result.advice, tables, result.verdict, result.notes


def weights(folder):
    return torch.cat([p.flatten() for p in open_model(folder / "model")[0].parameters()])


def test_a_run_and_what_is_left_of_it_after_a_kill(room, tmp_path, monkeypatch, capsys):
    """Three arms beside the student; then the same run killed between its stages, and gone on with."""
    words = ("--arms", "oracle,answers,vote", "--vote", 3)
    assert ran(room, *words, "-o", tmp_path / "a") == 0, capsys.readouterr().err
    found = store.read(tmp_path / "a" / "result.json")
    names = [arm.name for arm in found.arms]
    assert names == [LABELS[one] for one in ("correct", "student", "vote", "answers", "oracle")]
    ours, base = found.arms[:2]
    gap = next(one for one in found.differences if one.arm == ours.name)
    assert gap.figure.value == pytest.approx(ours.figure("accuracy").value - base.figure("accuracy").value)
    assert gap.baseline == LABELS["student"] and "held-out questions answered rightly" in found.verdict
    assert {figure.name for figure in ours.figures} >= {"stopped, share", "not looping, share", "pass@3"}
    assert (tmp_path / "a" / "report.html").exists() and len(found.tables) >= 2
    assert not any(note.startswith("GRPO") for note in found.notes)  # nobody asked for it
    lines = [json.loads(one) for one in (tmp_path / "a" / "traces.jsonl").read_text().splitlines()]
    assert all(one["teacher"].startswith(str(room / "teacher")) for one in lines)

    taught, calls = Stages.taught, []

    def dies(self, name, *given, **named):
        calls.append(name)
        if name == "oracle":
            raise KeyboardInterrupt
        return taught(self, name, *given, **named)

    monkeypatch.setattr(Stages, "taught", dies)
    assert ran(room, *words, "-o", tmp_path / "b") == 130
    monkeypatch.setattr(Stages, "taught", taught)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "b").rglob("*.jsonl")}
    (tmp_path / "b" / "answers" / "answers.jsonl").unlink()  # a stage of its own
    assert status_of(["resume", str(tmp_path / "b"), "-q"]) == 0
    assert plain(store.read(tmp_path / "b" / "result.json")) == plain(found)
    assert torch.equal(weights(tmp_path / "b"), weights(tmp_path / "a"))
    again = [path for path, time in kept.items() if path.stat().st_mtime_ns != time]
    assert [path.name for path in again] == ["answers.jsonl"]

    (tmp_path / "b" / "result.json").unlink()
    about = json.loads((tmp_path / "b" / "models.json").read_text())
    (tmp_path / "b" / "models.json").write_text(json.dumps(about | {"teacher": "other"}))
    capsys.readouterr()
    assert status_of(["resume", str(tmp_path / "b"), "-q"]) == 4
    assert "the teacher's weights were other" in capsys.readouterr().err


def test_the_main_arm_is_what_the_recipe_makes(room, tmp_path):
    from strop.recipes import w2sr

    assert ran(room, "--arms", "grpo", "--vote", 0, "--select", "all", "-o", tmp_path / "a") == 0
    settings = {"prompt": "{question}", "mark": "A", "most_tokens": 12, "window": 24, "rate": 5e-3, "passes": 3}
    data, _ = weak_to_strong.read(str(room / "q.jsonl"), format=None, bad_rows="refuse", split_seed=0)
    models = {"teacher": str(room / "teacher"), "student": str(room / "student")}
    trained = w2sr.run(data.without_test(), select="all", **models, **settings)
    assert torch.equal(torch.cat([p.detach().flatten() for p in trained.scorer.parameters()]), weights(tmp_path / "a"))


def test_every_other_arm_and_self_training(room, tmp_path, capsys):
    """The teacher as its own student: every arm that is left, GRPO for two steps; what cannot be is left out and said."""
    words = (
        "--arms",
        "every",
        "--vote",
        2,
        "--grpo-steps",
        2,
        "--grpo-rate",
        1e-3,
        "--passes",
        1,
        "--temperature",
        1.3,
    )
    models = ("--teacher", room / "teacher", "--student", room / "teacher", *SMALL)
    line = ("run", "w2sr", "--data", room / "bare.jsonl", *models, *words, "-q", "-o", tmp_path / "a")
    assert status_of([str(one) for one in line]) == 0, capsys.readouterr().err
    found = store.read(tmp_path / "a" / "result.json")
    names = {arm.name for arm in found.arms}
    assert names >= {LABELS[one] for one in ("correct", "all", "incorrect", "self", "answers", "labels", "structure")}
    told = " ".join(found.notes)
    assert "this is self-training" in told and "oracle traces: left out: 0 of 64 questions have a solution" in told
    assert "student, bare question: left out: the prompt is the bare question" in told
    assert "teacher: left out: it is the student" in told
    assert ("GRPO" in names) or "GRPO: left out: " in told
    ratio = next(figure for figure in found.figures if figure.name == "RGR against oracle traces")
    assert ratio.value is None and "was not run" in found.tables[0].note


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--arms", "oracel"), 2, 'did you mean "oracle"'),
        (("--vote", 1), 4, "vote 1"),
        (("--grpo-steps", -1), 4, "grpo_steps -1"),
        (("--test", "LEAKS"), 3, "2 of 22 test questions stand in"),
        (("--test", "gone.jsonl"), 3, "gone.jsonl"),
        (("--count", 3), 4, "--temperature 1"),
        (("SOURCE", "wrong.jsonl"), 3, "no trace is right: 0 right, 64 wrong"),
        (("--mark", "Z"), 3, "without a result"),
        (("--most-tokens", 2), 3, "cut at the most tokens"),
        (("--prompt", "think"), 4, "{question} 0 times"),
        (("--student", "./no/such"), 3, "no/such"),
    ],
)
def test_mistakes_are_one_line(words, status, said, room, capsys):
    source = "some.jsonl" if "LEAKS" in words else "q.jsonl"
    if words[0] == "SOURCE":
        source, words = words[1], ()
    words = [room / "leaks.jsonl" if one == "LEAKS" else one for one in words]
    assert ran(room, *words, source=source) == status
    out, err = capsys.readouterr()
    assert out == "" and said in err and "error[" in err and "Traceback" not in err


def test_the_teacher_must_be_named(room, capsys):
    assert status_of(["run", "w2sr", str(room / "q.jsonl"), "-q"]) == 2
    assert "--teacher PATH" in capsys.readouterr().err


def test_a_file_of_its_own_to_test(room):
    data, _ = weak_to_strong.read(
        str(room / "some.jsonl"), format=None, bad_rows="refuse", split_seed=0, test=str(room / "rest.jsonl")
    )
    assert len(data.train) + len(data.validation) == 60 and len(data.test) == 20
    assert "20 to test from" in data.notes[0] and len(data.train.covariates["solution"]) == len(data.train)


def stages(tmp_path, references, prompt="{question}", mark="A", **settings):
    verifier = Verifier("numeric")
    return Stages(tmp_path, {"prompt": prompt} | settings, 0, Marked(verifier, mark=mark))


def test_lessons_by_hand(tmp_path):
    asked = Questions(
        ["a", "b", "c"], ["7", r"so \boxed{8}", "3+6\n#### 9"], {"solution": np.array(["3+4=7", "", ""], object)}
    )
    free = stages(tmp_path, asked, mark="", prompt="{question} in \\boxed{}")
    made = [weak_to_strong_lessons.solution_of(free, asked, place) for place in range(3)]
    assert made == ["3+4=7", r"so \boxed{8}", "3+6\n#### 9"]
    assert [weak_to_strong_lessons.answer_text(free, one) for one in asked.references] == [
        rf"\boxed{{{n}}}" for n in (7, 8, 9)
    ]
    marked = stages(tmp_path, asked)
    made = [weak_to_strong_lessons.solution_of(marked, asked, place) for place in range(3)]
    assert made == ["3+4=7A7", r"so \boxed{8}A8", ""]
    bare = Questions(["a", "b", "c"], ["7", "8", "9"], {"solution": np.array(["3+4=7", " ", ""], object)})
    with pytest.raises(StropError, match="S305") as caught:
        weak_to_strong_lessons.oracle(marked, bare, 3)
    assert "1 of 3 questions have a solution" in caught.value.message
    assert weak_to_strong_lessons.answers_only(marked, asked, 9)[1][0] == "A7"
    chosen = Answers(np.array([2, 0]), ["3+4=17;A17", "no number"], np.ones(2))
    questions, texts = weak_to_strong_lessons.structure_only(asked, chosen, seed=0)
    assert questions.prompts == ["c", "a"] and texts[1] == "no number"
    assert len(texts[0]) == 10 and texts[0][1] == "+" and texts[0] != "3+4=17;A17" and texts[0][4] != "0"


def test_the_log_confidence_loss_by_hand():
    """Sums -4 over 2 tokens and -3 over 3: means 2 and 1; with a = 0.25 it is 0.75 x 2 + 0.25 x 1 = 1.75."""
    values, lengths = torch.tensor([[-4.0, -3.0]]), torch.tensor([[9.0, 9.0], [2.0, 3.0]])
    loss = weak_to_strong_lessons.log_confidence(values, torch.tensor([1]), lengths=lengths, confidence=0.25)
    assert loss.tolist() == [1.75]


def test_a_vote_by_hand():
    """Question 0: 7, 7, 8 and 7 is right; question 1: no result at all, so wrong; question 2: 1, 2, 2 and 2 is wrong."""
    drawn = Answers(
        np.repeat(np.arange(3), 3), ["t"] * 9, np.array([1.0, 1, 0, 0, 0, 0, 1, 0, 0]),
        ["7", "7", "8", None, None, None, "1", "2", "2"],
    )  # fmt: skip
    found = Found(drawn.take(np.array([0, 3, 6])), np.ones(3), drawn)
    right, share = found.voted()
    assert right.tolist() == [1, 0, 0] and share.tolist() == pytest.approx([2 / 3, 0, 2 / 3])
    figures = {one.name: one.value for one in weak_to_strong_said.of_answers(found, np.arange(3))}
    assert figures["pass@3"] == pytest.approx(2 / 3) and figures["right when drawn"] == pytest.approx(1 / 3)
    with pytest.raises(StropError, match="S305"):
        Found(drawn, np.ones(9)).groups()


def test_differences_are_paired_and_adjusted():
    base, ours = np.array([0.0] * 30 + [1.0] * 10), np.array([0.0] * 10 + [1.0] * 30)
    none = np.full(40, np.nan)
    keys = np.arange(40)
    found = weak_to_strong_said.differences(
        {"student": base, "correct": ours, "plain": base, "all": none}, keys, seed=0
    )
    assert [one.arm for one in found] == [LABELS["correct"], LABELS["plain"]]
    assert found[0].figure.value == pytest.approx(0.5) and found[0].figure.low > 0.3 and found[0].p < 0.01
    assert found[1].figure.value == 0 and found[1].p == 1
    slight = base.copy()
    slight[:5] = 1.0
    alone, *others = weak_to_strong_said.differences(
        {"correct": slight, "student": base, "plain": slight, "all": slight, "self": slight}, keys, seed=0
    )
    assert [one.p for one in others] == pytest.approx([3 * alone.p] * 3)


def test_what_is_said_of_figures():
    """Sure, lost, unsure; with the gap that was recovered where there is one; and where there is no verdict at all."""
    from strop.records import Difference

    main = LABELS["correct"]
    arms = {
        main: Arm(main, (Figure("accuracy", 0.5, 0.4, 0.6, 90),)),
        LABELS["student"]: Arm(LABELS["student"], (Figure("accuracy", 0.3, 0.2, 0.4, 90),)),
    }
    ratio = {
        "oracle": Recovery(0.4, 0.3, 0.5, "", None, None, 90),
        "grpo": Recovery(None, None, None, "x", None, None, 0),
    }
    for low, high, said in (
        (0.1, 0.3, "surely more"),
        (-0.3, -0.1, "surely less"),
        (-0.1, 0.3, "not told from chance"),
    ):
        gaps = [Difference(main, LABELS["student"], Figure("accuracy", (low + high) / 2, low, high, 90))]
        told = weak_to_strong_said.verdict(arms, gaps, main, ratio)
        assert told.endswith(f"{said}; 0.40 [0.30, 0.50] of what oracle traces gain.")
        assert "50% [40%, 60%] of 90 held-out questions answered rightly, 30% before with the same prompt" in told
    assert "no held-out answer has a verdict" in weak_to_strong_said.verdict(arms, [], main, ratio)


def test_arms_by_name():
    settings = {"arms": "oracle, all", "select": "correct", "vote": 8, "grpo_steps": 5, "trials": 1}
    assert weak_to_strong.arms_of(settings) == ("correct", "all", "oracle", "grpo")
    assert weak_to_strong.arms_of(settings | {"arms": "every", "grpo_steps": 0}) == weak_to_strong.ARMS
    assert weak_to_strong.arms_of(settings | {"arms": "", "grpo_steps": 0}) == ("correct",)


def test_each_arm_takes_the_rate_that_validation_prefers(room, tmp_path, monkeypatch, capsys):
    """The main arm's model is its best trial's, here by verdicts that are given: 2, 5 and 5 of 8; all arms try as many rates."""
    measured = Stages.measured

    def given(self, name, *words, **named):
        found = measured(self, name, *words, **named)
        if not name.endswith("-validation"):
            return found
        right = np.arange(len(found.right)) < {"1": 2, "2": 5, "3": 5}[name.split("-")[1]]
        return replace(found, answers=replace(found.answers, right=right.astype(float)))

    monkeypatch.setattr(Stages, "measured", given)
    words = ("--arms", "answers", "--vote", 0, "--trials", 3, "-o", tmp_path / "a")
    assert ran(room, *words) == 0, capsys.readouterr().err
    found = store.read(tmp_path / "a" / "result.json")
    trials = {LABELS["correct"]: 3, LABELS["student"]: 0, LABELS["answers"]: 3}
    assert {arm.name: arm.trials for arm in found.arms} == trials
    told = [note for note in found.notes if "chosen by 8 validation questions" in note]
    assert len(told) == 2
    assert all("rate 0.015, " in one and "100%: 2, 300%: 5, 33%: 5" in one for one in told)
    assert torch.equal(weights(tmp_path / "a"), weights(tmp_path / "a" / "students" / "correct-2"))
    (tmp_path / "a" / "result.json").unlink()
    assert status_of(["resume", str(tmp_path / "a"), "-q"]) == 0
    assert plain(store.read(tmp_path / "a" / "result.json")) == plain(found)


def test_a_changed_model_is_another_one(room, tmp_path):
    one = stages(tmp_path, None)
    letters = one.pin({"student": str(room / "student")})
    assert (
        letters
        == one.pin({"student": str(room / "student")})
        == {"student": fingerprint(open_model(room / "student")[0])}
    )
    with pytest.raises(StropError, match="S304") as caught:
        one.pin({"student": str(room / "teacher")})
    assert "another folder" in caught.value.help
