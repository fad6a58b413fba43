"""What the source says of itself is complete, read without an import, and printed within 100 columns."""

import ast
import subprocess
import sys

import pytest

from strop import catalogue, errors

RECIPE = '''
"""A paper's method in one sentence.

Formula: a + b. Paper: bpr2009
"""

SEARCH = {"rate": [0.1, 0.2], "width": [8]}
LIMIT = 3


def run(data, *, seed: int = 0, rate: float = 0.5, kind: Literal["a", "b"] = "a", top: int | None = None) -> "Result":
    """Learns.

    rate: how fast, above 0; as in
        the paper
    kind, top: two that
    go together
    Errors: S301
    """
'''


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A small tree in place of the real one."""
    files = {
        "recipes/small.py": RECIPE,
        "recipes/_part.py": "def run(data): ...\n",
        "recipes/odd.py": '"""Odd. Ours."""\ndef run(data, *, rate: float = 1 / 3):\n    """Runs."""\n',
        "losses/pair.py": 'def small(margin, *, width=1.0, f=max):\n    """A loss. Paper: bpr2009"""\ndef _hidden(): ...\n',
        "weights/w.py": "",
        "channels.py": 'class Channel: ...\nclass Turned(Channel):\n    """Turned. Ours."""\n    rate: float\n    n: int = 3\n',
        "models/recommend/m.py": ('class Net:\n    """A net."""\n    KIND: ClassVar[str] = "net"\nclass Part: ...\n'),
        "models/recommend/n.py": 'class Deep:\n    """Deep."""\n    KIND = "deep"\ndef fit(clicks, *, depth: int = 2):\n    """Fits."""\n',
        "audits/ranking.py": 'DEFINITIONS = {"Recall": "Hits over likes."}\ndef ndcg(lists):\n    """Gain. Ours."""\n',
        "errors.py": 'A, B = 2, 3\nCODES: dict[str, Code] = {"S101": Code(B, "wrong", "It is wrong.")}\n',
        "papers.toml": '[bpr2009]\ntitle = "T"\nauthors = "R"\nyear = 2009\nlink = "http"\n',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(catalogue.reading, "ROOT", tmp_path)
    for cached in (catalogue.entries, catalogue.papers):
        cached.cache_clear()
    yield tmp_path
    for cached in (catalogue.entries, catalogue.papers):
        cached.cache_clear()


def test_every_room_is_read(house):
    found = {(e.room, e.name) for e in catalogue.entries()}
    assert found == {
        ("recipe", "small"),
        ("recipe", "odd"),
        ("model", "net"),
        ("model", "deep"),
        ("loss", "small"),
        ("channel", "Turned"),
        ("metric", "ndcg"),
        ("metric", "Recall"),
        ("error code", "S101"),
    }


def test_a_recipe_s_keywords(house):
    seed, rate, kind, top = catalogue.parameters("small")
    assert (seed.name, seed.annotation, seed.default, seed.required) == ("seed", "int", 0, False)
    assert (rate.default, rate.text) == (0.5, "how fast, above 0; as in the paper")
    assert (kind.annotation, kind.text) == ("Literal['a', 'b']", "two that go together")
    assert (top.default, top.literal, top.text) == (None, True, kind.text)
    assert catalogue.recipe_constants("small") == {"SEARCH": {"rate": [0.1, 0.2], "width": [8]}, "LIMIT": 3}


def test_a_default_that_is_no_plain_value(house):
    """Refused in a recipe, whose defaults become flags; told as text elsewhere."""
    with pytest.raises(ValueError, match=r"recipes/odd.py.*rate"):
        catalogue.parameters("odd")
    loss = catalogue.matches("small")[1]
    assert [(p.default, p.literal, p.required) for p in loss.parameters] == [
        (None, True, True),
        (1.0, True, False),
        ("max", False, False),
    ]


def test_classes_tell_what_they_are_made_with(house):
    assert [(p.name, p.required) for p in catalogue.find("turned").parameters] == [("rate", True), ("n", False)]
    assert catalogue.find("Net").name == "net"
    deep = catalogue.find("deep")
    assert (deep.signature, deep.code, deep.text) == ("fit(clicks, *, depth: int=2)", "Deep", "Deep.\n\nFits.")


def test_an_unknown_name_gets_a_suggestion(house):
    for name, near in (("smal", "small"), ("S110", "S101"), ("recal", "Recall")):
        with pytest.raises(LookupError, match=f'did you mean "{near}"'):
            catalogue.find(name)
    with pytest.raises(LookupError, match=r'no recipe is called "tiny"$'):
        catalogue.parameters("tiny")


def test_explained_in_full(house):
    told = catalogue.explain("small")
    assert "small (recipe; strop.recipes.small)" in told and "small (loss; strop.losses.pair)" in told
    assert "  --rate float = 0.5" in told and "  small(margin, *, width=1.0, f=max)" in told
    assert "bpr2009: T. R, 2009. http" in told
    assert "Exit status 3." in catalogue.explain("s101")


def test_the_page_of_papers_says_what_rests_on_each(house):
    assert "- **bpr2009** T. R, 2009. http Used by `small` (recipe), `small` (loss)." in catalogue.papers_page()


def test_the_real_error_codes_are_those_of_the_code():
    found = {e.name: e.text for e in catalogue.entries() if e.room == "error code"}
    expected = {k: f"{c.title}\n\n{c.text}\nExit status {c.exit}." for k, c in errors.CODES.items()}
    assert found == expected


def test_nothing_of_the_house_and_nothing_heavy_is_imported():
    code = (
        "import sys; from strop import catalogue as c; c.listing(); c.explain('logistic'); c.papers_page();"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('strop', 'torch', 'numpy', 'polars', 'numba')))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert ast.literal_eval(out) == ["strop", "strop.catalogue", "strop.catalogue.pages", "strop.catalogue.reading"]


def test_every_line_fits_in_100_columns_but_for_links():
    pages = [catalogue.listing(), *(catalogue.explain(e.name) for e in catalogue.entries())]
    assert [line for page in pages for line in page.splitlines() if len(line) > 100 and "http" not in line] == []


def test_what_has_a_name_says_where_it_is_from_and_when_not_to_use_it():
    """Losses, weights, channels, metrics (functions) and recipes say `Paper: key` or `Ours`; all but metrics `Not for:`."""
    silent, unlimited = [], []
    for entry in catalogue.entries():
        if entry.room in ("loss", "weight", "channel", "recipe") or (entry.room == "metric" and entry.code):
            silent += [] if "Paper: " in entry.text or "Ours" in entry.text else [entry.name]
            unlimited += [] if "Not for:" in entry.text or entry.room == "metric" else [entry.name]
        elif entry.room != "error code" and not entry.text:
            silent.append(entry.name)
    assert (silent, unlimited) == ([], [])


def test_every_paper_that_is_named_is_in_the_bibliography():
    root = catalogue.reading.ROOT
    named = {
        key
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        for line in (ast.get_docstring(node) or "").splitlines()
        if "Paper: " in line
        for key in catalogue.cited(line.split("Paper: ")[1])
    }
    assert named - set(catalogue.papers()) == set()
    assert all({"title", "authors", "year", "link"} == set(paper) for paper in catalogue.papers().values())


def test_no_two_things_in_one_room_share_a_name():
    names = [(e.room, e.name.lower()) for e in catalogue.entries()]
    assert sorted(names) == sorted(set(names))
