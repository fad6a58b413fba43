"""Traces: gone on with to the same bytes, judged by their last result, sorted out and counted; selections of equal size."""

import json

import numpy as np
import pytest

from strop.errors import StropError
from strop.feedback import traces
from strop.feedback.results import Marked, check_judge
from strop.feedback.selecting import select
from strop.feedback.traces import collect_traces, first_results, read_traces, reasons_of, usable
from strop.models.language.writing import Written
from strop.records import Answers, Questions
from strop.sandbox.verifiers import Verifier

ASKED = Questions([f"{n}+1=" for n in range(200)], [str(n + 1) for n in range(200)])


class Scripted:
    """Writes "n+1 is A..." to question n: right for even n; which draw it was is told; dies before block `dies`."""

    def __init__(self, *, dies=99, seed=0):
        self.settings, self.seed, self.dies, self.blocks = {"most_tokens": 9, "temperature": 1.0}, seed, dies, 0

    def write(self, prompts, *, count=1, places=None):
        if self.blocks == self.dies:
            raise KeyboardInterrupt
        self.blocks += 1
        return [
            [
                Written(f"{prompt[0]}+1 is A{prompt[0] + 1 + prompt[0] % 2}", 3 + number + places[0], "end", -0.5)
                for number in range(count)
            ]
            for prompt in prompts
        ]


def collected(file, writer=None, questions=ASKED, count=2, **changed):
    given = {"prompts": [[n] for n in range(len(questions))], "teacher": "t", "about": {"mark": "A"}} | changed
    with Verifier("numeric") as verifier:
        judge = Marked(verifier, mark="A").of(questions)
        return collect_traces(writer or Scripted(), questions, judge, file=file, count=count, **given)


def test_collected_read_and_gone_on_with(tmp_path):
    whole = collected(tmp_path / "a.jsonl")
    assert len(whole) == 400 and whole.right.tolist() == [1, 1, 0, 0] * 100
    assert whole.results[:3] == ["1", "1", "3"] and whole.writer == "t"
    assert whole.confidences["probability"] == pytest.approx(np.exp(-0.5))
    line = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[2])
    assert (line["prompt"], line["trace"], line["verdict"], line["finished"]) == ("1+1=", "1+1 is A3", "wrong", "end")
    with pytest.raises(KeyboardInterrupt):
        collected(tmp_path / "b.jsonl", Scripted(dies=3))
    half = (tmp_path / "b.jsonl").read_bytes()
    assert half.count(b"\n") == 3 * 64 and len(read_traces(tmp_path / "b.jsonl", ASKED)) == 192
    for torn in (half[:-7], half + b'{"place": 96, "tr', half[: half.rindex(b"\n", 0, -1) + 1]):
        (tmp_path / "b.jsonl").write_bytes(torn)
        writer = Scripted()
        again = collected(tmp_path / "b.jsonl", writer)
        assert (tmp_path / "b.jsonl").read_bytes() == (tmp_path / "a.jsonl").read_bytes()
        assert again.texts == whole.texts and writer.blocks in (4, 5)
    still = Scripted(dies=0)
    assert collected(tmp_path / "b.jsonl", still).texts == whole.texts and still.blocks == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"count": 3}, "count was 2 and is 3"),
        ({"teacher": "u"}, "teacher"),
        ({"about": {"mark": "B"}}, "mark"),
        ({"writer": Scripted(seed=1)}, "seed"),
        ({"questions": ASKED.take(np.arange(199, -1, -1))}, "questions was"),
        ({"questions": ASKED.take(np.arange(100))}, "questions was"),
    ],
)
def test_traces_of_other_settings_are_refused(changed, said, tmp_path):
    collected(tmp_path / "a.jsonl")
    with pytest.raises(StropError, match="S304") as caught:
        collected(tmp_path / "a.jsonl", **changed)
    assert said in caught.value.message


def test_damaged_files_are_one_error(tmp_path):
    file = tmp_path / "a.jsonl"
    collected(file)
    sound = file.read_bytes()
    lines = sound.splitlines(keepends=True)
    for bad, said in (
        (sound.replace(b'"place":3', b'"place":', 1), "damaged line"),
        (b"".join([*lines[:5], *lines[6:]]), "out of place"),
        (b"[]\n" + sound, "damaged line"),
    ):
        file.write_bytes(bad)
        with pytest.raises(StropError, match="S207") as caught:
            collected(file)
        assert said in caught.value.message and "made again" in caught.value.help
    (tmp_path / "a.jsonl.json").write_text("{")
    with pytest.raises(StropError, match="S207"):
        collected(file)
    (tmp_path / "a.jsonl.json").unlink()
    with pytest.raises(StropError, match="S304"):
        collected(file)
    with pytest.raises(StropError, match="S201"):
        read_traces(tmp_path / "none.jsonl", ASKED)


def test_a_full_disk_leaves_whole_blocks(tmp_path, monkeypatch):
    file, calls = tmp_path / "a.jsonl", []

    def full(number):
        calls.append(number)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(traces.os, "fsync", full)
    with pytest.raises(StropError, match="S501"):
        collected(file)
    assert file.read_bytes().count(b"\n") == 64
    assert len(collected(file)) == 400


def test_results_in_one_form():
    with Verifier("numeric") as verifier:
        plain, marked = Marked(verifier), Marked(verifier, mark="A")
        assert plain.results(r"so \boxed{7} or \boxed{07.0}, no: \boxed{\frac{1}{2}} #### 1,234") == [
            "7",
            "7",
            "2",
            "1234",
        ]
        assert (
            plain.results("3 and 4 are 7") == ["7"]
            and plain.results("none") == []
            and plain.results(r"\boxed{7") == ["7"]
        )
        assert marked.results("3+5=1;A2\nA 3") == ["2", "3"] and marked.results("3+5=1") == []
        assert plain.judge("#### 7\nQ: next\n#### 9", "#### 9").outcome == "right"
        assert plain.reference(r"so \boxed{9}") == "9" and marked.reference("1+2=3;A3") == "3"
        for one in (plain, marked):
            assert one.results(one.rendered("3+4=7 #### 7", boxed=False)) == ["7"]
        assert plain.rendered("7", boxed=True) == r"\boxed{7}"
        judge = marked.of(Questions(["a"], ["2"]))
        assert judge(0, "A2A3") == ("wrong", "3", "right", "two different results")
        assert judge(0, "A2A02") == ("right", "2", "right", "") and judge(0, "2") == (
            "wrong",
            None,
            "wrong",
            "no result",
        )
    with Verifier("exact") as verifier:
        assert Marked(verifier).results(" Paris. ") == ["paris"] and Marked(verifier).results(" ") == []


class Always:
    """A verifier that says one thing."""

    def __init__(self, outcome):
        self.kind, self.outcome = "exact", outcome

    def judge(self, answer, reference="", *, made=None):
        from strop.sandbox.verdicts import Verdict

        return Verdict(self.outcome)


def test_a_verifier_that_accepts_everything_is_refused():
    with pytest.raises(StropError, match="S301") as caught:
        check_judge(Marked(Always("right")), ASKED)
    assert "accepts everything: 40 of 40" in caught.value.message
    assert check_judge(Marked(Always("wrong")), ASKED) == ()
    with Verifier("numeric") as verifier:
        assert check_judge(Marked(verifier), ASKED) == ()
        same = Questions([f"{n}" for n in range(9)], ["7"] * 8 + ["8"])
        assert 'one answer, "7", is right for 89%' in check_judge(Marked(verifier), same)[0]
        with pytest.raises(StropError, match="S211") as caught:
            check_judge(Marked(verifier), Questions(["a"], ["seven"]))
        assert "--verifier exact" in caught.value.help
    with Verifier("exact") as verifier, pytest.raises(StropError, match="S301"):
        judge = Marked(verifier)
        judge.kind = "gym"
        check_judge(judge, ASKED)


def made(rows):
    """Answers of (question, text, finished, reason)."""
    questions, texts, finished, reasons = zip(*rows, strict=True)
    return Answers(np.array(questions), texts, np.ones(len(rows)), finished=finished), reasons


def test_what_is_no_good_to_learn_from_is_counted():
    rows = [
        (0, "a 1", "end", ""), (0, "a 1", "end", ""), (1, "a 1", "end", ""), (1, "b", "length", ""),
        (1, "c", "end", "no result"), (0, "d", "end", "two different results"), (0, " ", "end", ""), (1, "e", "end", "time"),
    ]  # fmt: skip
    found = usable(*made(rows), ASKED)
    assert found.kept.tolist() == [True, False, True, False, False, False, False, True] and found.warnings == ()
    assert len(found.left_out) == 5 and all(one.startswith("1 of 8 traces are ") for one in found.left_out)
    with pytest.raises(StropError, match="S202") as caught:
        usable(*made(rows[3:6]), ASKED)
    assert "1 of 3 traces are cut" in caught.value.message and "--most-tokens" in caught.value.help
    strange = usable(*made([(0, "是 1", "end", ""), (1, "a 1", "end", ""), (0, "π×−", "end", "")]), ASKED)
    assert "67% of the traces hold letters of another script" in strange.warnings[0]
    foreign = Questions(["Wie groß?"], ["1"])
    assert usable(*made([(0, "groß", "end", "")]), foreign).warnings == ()


def test_first_results_are_kept(tmp_path):
    class Twice(Scripted):
        def write(self, prompts, *, count=1, places=None):
            return [[Written(f"A{p[0] + 1} A0", 3, "end", -1.0)] * count for p in prompts]

    found = collected(tmp_path / "a.jsonl", Twice(), count=1)
    assert found.right.sum() == 0 and first_results(tmp_path / "a.jsonl").all()
    assert set(reasons_of(tmp_path / "a.jsonl")) == {"two different results"}


def pool():
    """3 right of 10 tokens, 5 wrong of 20, 2 without a verdict of 5."""
    right = np.array([1.0] * 3 + [0.0] * 5 + [np.nan] * 2)
    return Answers(np.arange(10), ["t"] * 10, right, tokens=np.array([10] * 3 + [20] * 5 + [5] * 2))


def test_selections_and_their_match_by_hand():
    """count: 3 of each; tokens: 30 of each, so the 3 right ones, and of the wrong ones 2 (40) or 1 (20): the first as near."""
    sizes = {kind: len(select(pool(), kind, seed=0)) for kind in ("all", "correct", "incorrect")}
    assert sizes == {"all": 10, "correct": 3, "incorrect": 5}
    for seed in range(5):
        for kind in sizes:
            assert len(select(pool(), kind, match="count", seed=seed)) == 3
            tokens = int(np.sum(select(pool(), kind, match="tokens", seed=seed).tokens))
            assert abs(tokens - 30) <= 10 and (kind != "correct" or tokens == 30)
    chosen = [tuple(select(pool(), "all", match="count", seed=seed).questions.tolist()) for seed in range(8)]
    assert len(set(chosen)) > 3 and all(list(one) == sorted(one) for one in chosen)
    assert chosen[2] == tuple(select(pool(), "all", match="count", seed=2).questions.tolist())
    assert (select(pool(), "incorrect", seed=0).right == 0).all()


def test_an_empty_kind_is_refused_with_counts():
    for right, kind, said in (
        (np.zeros(4), "correct", "no trace is right: 0 right, 4 wrong"),
        (np.array([1.0, 1.0, np.nan]), "incorrect", "no trace is wrong: 2 right, 0 wrong, 1 without a verdict"),
    ):
        answers = Answers(np.arange(len(right)), ["t"] * len(right), right)
        with pytest.raises(StropError, match="S202") as caught:
            select(answers, kind, seed=0)
        assert said in caught.value.message and "--select" in caught.value.help
        assert len(select(answers, "all", match="count", seed=0)) > 0
    for kind, match, code in (("right", "none", "S301"), ("all", "size", "S301"), ("all", "tokens", "S305")):
        with pytest.raises(StropError, match=code):
            select(Answers(np.arange(2), ["t"] * 2, np.array([1.0, 0.0])), kind, match=match, seed=0)
