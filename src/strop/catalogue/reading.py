"""What is in the house: every method, model, loss, weight, channel, metric and error code, read from source.

Nothing is imported: names, signatures and docstrings are taken from the files' syntax trees.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Parameter:
    """One argument; default is a plain value, or source text where it is not one (`literal` is False then)."""

    name: str
    annotation: str
    required: bool
    default: Any = None
    literal: bool = True
    text: str = ""


@dataclass(frozen=True)
class Entry:
    """One thing with a name that can be explained; code: its name in the module `place`, where it has one."""

    name: str
    room: str
    text: str
    place: str
    code: str = ""
    signature: str = ""
    parameters: tuple[Parameter, ...] = ()

    @property
    def summary(self) -> str:
        """The first paragraph of the text, on one line."""
        return " ".join(self.text.split("\n\n")[0].split())


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _sources(room: str) -> list[Path]:
    """The Python files of a room (one file, or a folder with all below it), private ones left out."""
    single = ROOT / f"{room}.py"
    return [p for p in ([single] if single.exists() else sorted((ROOT / room).rglob("*.py"))) if p.stem[0] != "_"]


def _place(path: Path) -> str:
    return ".".join(("strop", *path.relative_to(ROOT).with_suffix("").parts))


def _named(path: Path, name: str) -> list[ast.FunctionDef]:
    """The file's top-level functions of that name: one or none."""
    return [n for n in _tree(path).body if isinstance(n, ast.FunctionDef) and n.name == name]


def _assigned(node: ast.stmt) -> tuple[ast.expr, ast.expr] | None:
    """(target, value) of an assignment, annotated or not."""
    if isinstance(node, ast.Assign):
        return node.targets[0], node.value
    return (node.target, node.value) if isinstance(node, ast.AnnAssign) and node.value is not None else None


def literal(node: ast.expr) -> tuple[Any, bool]:
    """(value, True) where the source is a plain value, else (its text, False)."""
    try:
        return ast.literal_eval(node), True
    except ValueError:
        return ast.unparse(node), False


def constants(body: list[ast.stmt]) -> dict[str, Any]:
    """The names in a module's or class's body that hold plain values: numbers, text, lists, dicts of them."""
    found = {}
    for pair in filter(None, map(_assigned, body)):
        value, plain = literal(pair[1])
        if plain and isinstance(pair[0], ast.Name):
            found[pair[0].id] = value
        elif plain and isinstance(pair[0], ast.Tuple):
            found.update(zip(map(ast.unparse, pair[0].elts), value))
    return found


def _parameter(arg: ast.arg, default: ast.expr | None, docs: str) -> Parameter:
    annotation = "" if arg.annotation is None else ast.unparse(arg.annotation)
    told = re.search(rf"^ *(?:\w+, )*{arg.arg}(?:, \w+)*: (.+?)(?=\n *\n|\n *[\w, ]+: |\Z)", docs, re.M | re.S)
    text = " ".join(told[1].split()) if told else ""
    value, plain = (None, True) if default is None else literal(default)
    return Parameter(arg.arg, annotation, default is None, value, plain, text)


def _parameters(function: ast.FunctionDef, docs: str) -> tuple[Parameter, ...]:
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(given.defaults)), *given.defaults]
    pairs = [*zip(plain, defaults), *zip(given.kwonlyargs, given.kw_defaults)]
    return tuple(_parameter(arg, default, docs) for arg, default in pairs if arg.arg not in ("self", "cls"))


def _function(room: str, path: Path, node: ast.FunctionDef) -> Entry:
    docs = ast.get_docstring(node) or ""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = f"{node.name}({ast.unparse(node.args)}){returns}"
    return Entry(node.name, room, docs, _place(path), node.name, signature, _parameters(node, docs))


def _functions(room: str, folder: str) -> Iterator[Entry]:
    for path in _sources(folder):
        for node in _tree(path).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield _function(room, path, node)


def _recipes() -> Iterator[Entry]:
    """One a file: its text is the file's docstring, then that of `run`."""
    for path in _sources("recipes"):
        for run in _named(path, "run"):
            entry, about = _function("recipe", path, run), ast.get_docstring(_tree(path)) or ""
            yield replace(entry, name=path.stem, code="", text=f"{about}\n\n{entry.text}".strip())


def _classes(room: str) -> Iterator[tuple[Path, ast.ClassDef, str]]:
    for path in _sources(room):
        for node in _tree(path).body:
            if isinstance(node, ast.ClassDef):
                yield path, node, ast.get_docstring(node) or ""


def _models() -> Iterator[Entry]:
    """The classes that say their KIND, with their file's `fit`, which makes them."""
    for path, node, docs in _classes("models"):
        if kind := constants(node.body).get("KIND"):
            made = [_function("model", path, fit) for fit in _named(path, "fit")]
            entry = made[0] if made else Entry("", "model", "", _place(path))
            yield replace(entry, name=str(kind), code=node.name, text=f"{docs}\n\n{entry.text}".strip())


def _channels() -> Iterator[Entry]:
    """The classes built on Channel, with their fields."""
    for path, node, docs in _classes("channels"):
        if "Channel" in map(ast.unparse, node.bases):
            fields = [i for i in node.body if isinstance(i, ast.AnnAssign)]
            parts = tuple(_parameter(ast.arg(ast.unparse(i.target), i.annotation), i.value, docs) for i in fields)
            signature = f"{node.name}({', '.join(ast.unparse(i) for i in fields)})"
            yield Entry(node.name, "channel", docs, _place(path), node.name, signature, parts)


def _definitions() -> Iterator[Entry]:
    """The figures that a file of audits explains in its table DEFINITIONS: name -> sentence."""
    for path in _sources("audits"):
        for name, text in constants(_tree(path).body).get("DEFINITIONS", {}).items():
            yield Entry(name, "metric", text, _place(path))


def _codes() -> Iterator[Entry]:
    """The table CODES of errors.py: name -> Code(exit, title, text)."""
    path = ROOT / "errors.py"
    exits = constants(_tree(path).body)
    for pair in filter(None, map(_assigned, _tree(path).body)):
        if ast.unparse(pair[0]) == "CODES" and isinstance(pair[1], ast.Dict):
            for key, code in zip(pair[1].keys, pair[1].values):
                if isinstance(key, ast.Constant) and isinstance(code, ast.Call):
                    status, title, text = (literal(part)[0] for part in code.args)
                    text = f"{title}\n\n{text}\nExit status {exits.get(status, status)}."
                    yield Entry(str(key.value), "error code", text, _place(path))


@cache
def entries() -> tuple[Entry, ...]:
    """Everything with a name, room by room."""
    return (
        *_recipes(),
        *_models(),
        *_functions("loss", "losses"),
        *_functions("weight", "weights"),
        *_channels(),
        *_functions("metric", "audits"),
        *_definitions(),
        *_codes(),
    )


def _unknown(what: str, name: str, known: list[str]) -> LookupError:
    spelt = {word.lower(): word for word in known}
    near = get_close_matches(name.lower(), spelt, n=1, cutoff=0.6)
    return LookupError(f'{what} "{name}"' + (f'; did you mean "{spelt[near[0]]}"?' if near else ""))


def matches(name: str) -> list[Entry]:
    """All entries of that name, in any case, recipes first. LookupError with a suggestion where there is none."""
    found = [e for e in entries() if name and name.lower() in (e.name.lower(), e.code.lower())]
    if not found:
        raise _unknown("nothing is called", name, [e.name for e in entries()])
    return found


def find(name: str) -> Entry:
    """The first of `matches`."""
    return matches(name)[0]


def _recipe(name: str) -> Path:
    known = {path.stem: path for path in _sources("recipes")}
    if name not in known:
        raise _unknown("no recipe is called", name, list(known))
    return known[name]


def recipe_constants(recipe: str) -> dict[str, Any]:
    """A recipe's top-level plain values, such as SEARCH. LookupError with a suggestion."""
    return constants(_tree(_recipe(recipe)).body)


def parameters(recipe: str) -> tuple[Parameter, ...]:
    """The keywords of a recipe's `run`, its data left out. LookupError; ValueError for a default that is no plain value."""
    run = _named(_recipe(recipe), "run")
    found = _parameters(run[0], ast.get_docstring(run[0]) or "")[1:] if run else ()
    if not run or not all(p.literal for p in found):
        odd = [p.name for p in found if not p.literal]
        raise ValueError(f"recipes/{recipe}.py: no function run, or no plain value as default: {', '.join(odd)}")
    return found
