"""results.md from results.jsonl: tokens a CPU second of both arms, and their ratio.

usage: table.py
"""

import json
import statistics
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROWS = [json.loads(line) for line in (HERE / "results.jsonl").read_text().splitlines()]
MODELS = {
    "smollm2": "SmolLM2-135M",
    "tiny17m": "17 M",
    "characters": "2 layers of 64",
    "characters, 1,024 answers": "2 layers of 64, 1,024 answers",
}
TASKS = {
    "greedy": "greedy",
    "one length": "8 answers a prompt, one length",
    "own ends": "8 answers a prompt, own ends",
}
ASKED = 2


def speed(row: dict[str, Any]) -> float:
    return float(row["tokens"]) / float(row["seconds"])


def best(arm: str, model: str, task: str, round: int, products: str = "float32") -> dict[str, Any] | None:
    """The fastest way of one round."""
    found = [
        row
        for row in ROWS
        if (row.get("arm"), row.get("model"), row["figure"], row.get("round")) == (arm, model, task, round)
        and row.get("products", products) == products
    ]
    return max(found, key=speed, default=None)


def line(model: str, task: str, products: str = "float32") -> str | None:
    pairs = [
        (ours, theirs)
        for n in sorted({row.get("round", 1) for row in ROWS if row.get("model") == model})
        if (ours := best("strop", model, task, n, products)) and (theirs := best("transformers", model, task, n))
    ]
    if not pairs:
        return None
    ratios = sorted(speed(ours) / speed(theirs) for ours, theirs in pairs)
    ratio = statistics.median(ratios)
    ours, theirs = (statistics.median(speed(pair[n]) for pair in pairs) for n in range(2))
    ways = f"{pairs[-1][1]['rows']} rows, {pairs[-1][1]['cache']}", f"{pairs[-1][0]['width']} rows"
    agreed = ""
    if task == "greedy":
        of = pairs[-1][0]
        agreed = f"{of['equal_answers']:,} of {of['of_answers']:,}, {100 * of['equal_tokens']:.2f} % of tokens"
    verdict = f"{ASKED}x {'met' if ratio >= ASKED else '**missed**'}" if products == "float32" else ""
    name = TASKS[task] + ("" if products == "float32" else ", products of bfloat16")
    return (
        f"| {MODELS[model]} | {name} | {theirs:,.0f} ({ways[0]}) | {ours:,.0f} ({ways[1]}) | "
        f"{ratio:.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f}, {len(ratios)}) | {agreed} | {verdict} |"
    )


def main() -> None:
    machine = next(row for row in ROWS if row["figure"] == "machine")
    versions = {row["arm"]: row["version"] for row in ROWS if row["figure"] == "start"}
    failed = [f"{row['arm']} {row['task']} ({row['model']})" for row in ROWS if row["figure"] == "failed"]
    lines = [
        line(model, task, products)
        for model in MODELS
        for task in TASKS
        for products in (("float32", "bfloat16") if task == "greedy" else ("float32",))
    ]
    told = [
        "# Answers: tokens a CPU second beside transformers' generate\n",
        f"`make bench-language`, {machine['date']}, {machine['cores']} cores under a load of {machine['load']:.0f}; strop "
        f"{versions['strop']}, transformers {versions['transformers']}, torch 2.13.0, one thread, float32. The median over the rounds, "
        "each round by each arm's fastest way of those that it tries (generate: batches padded to the left, sorted by length, with a "
        "dynamic or a static cache, in inference mode; strop: its width), and the smallest and largest ratio of a round and how many there were. Equal "
        "answers: greedy ones, token by token, with generate's first way; their tokens are counted up to the first that differs."
        + (f" Failed: {'; '.join(failed)}." if failed else "")
        + "\n",
        "| model | work | transformers | strop | faster | equal answers | asked |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(text for text in lines if text),
        "",
    ]
    (HERE / "results.md").write_text("\n".join(told))
    print("\n".join(told))


if __name__ == "__main__":
    main()
