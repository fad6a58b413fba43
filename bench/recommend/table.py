"""Which figures does the benchmark's table show, and which targets were met? Writes results.md from results.jsonl."""

import json
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROWS: list[dict[str, Any]] = [json.loads(line) for line in (HERE / "results.jsonl").read_text().splitlines()]
PEERS = ("implicit", "cornac", "recbole")
NAMES = {"implicit": "implicit", "cornac": "Cornac", "recbole": "RecBole", "strop": "strop"}
DATA = {"ml100k": "ML-100K", "synth": "synthetic 1 M"}
DIMENSIONS, NUMBER = 64, 4
# Three vectors, three sums of squares and two biases are read and written; the drawn record (user, item, rival, weight) is
# written and read; the stored record (user, item), its group's place and a byte of the bit map are read.
BYTES = 2 * NUMBER * (3 * DIMENSIONS + 3) + 2 * NUMBER + 2 * 4 * NUMBER + 2 * NUMBER + NUMBER / 16 + 1


def pick(figure: str, **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["figure"] == figure and all(row.get(k) == v for k, v in wanted.items())]


def shown(values: Iterable[float], digits: int = 3, scale: float = 1.0) -> str:
    """The median and the range, to so many significant digits."""
    found = sorted(v * scale for v in values)
    if not found:
        return "failed"

    def text(value: float) -> str:
        return f"{float(f'{value:.{digits}g}'):g}"

    middle = text(statistics.median(found))
    return middle if len(found) == 1 else f"{middle} ({text(found[0])} to {text(found[-1])})"


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    columns = head.split(" | ")
    lines = [" | ".join(columns), " | ".join("---" for _ in columns), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def by_round(rows: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> dict[int, float]:
    return {row["round"]: value(row) for row in rows}


def ratios(ours: dict[int, float], theirs: list[dict[int, float]], best: Callable[..., float]) -> list[float]:
    """Ours over the best of theirs, within each round."""
    return [ours[r] / best(t[r] for t in theirs if r in t) for r in ours if any(r in t for t in theirs)]


def speed_section() -> tuple[str, list[str]]:
    lines, verdicts = [], []
    for data in DATA:
        peers = {p: by_round(pick("speed", data=data, library=p), lambda r: r["samples"]) for p in PEERS}
        arms = list(dict.fromkeys(r["arm"] for r in pick("speed", data=data, library="strop")))
        all_ratios = []
        for arm in arms:
            rows = pick("speed", data=data, library="strop", arm=arm)
            ours = by_round(rows, lambda r: r["samples"])
            over = ratios(ours, list(peers.values()), max)
            all_ratios.append(statistics.median(over))
            peak = shown([rows[0]["peak_mb"]])
            lines.append((DATA[data], "strop", arm, shown(ours.values(), scale=1e-6), shown(over, 2), peak))
        for peer, found in peers.items():
            rows = pick("speed", data=data, library=peer)
            over = ratios(found, list(peers.values()), max)
            peak = shown([r["peak_mb"] for r in rows[:1]])
            lines.append((DATA[data], NAMES[peer], "logistic", shown(found.values(), scale=1e-6), shown(over, 2), peak))
        least, most = min(all_ratios), max(all_ratios)
        verdicts.append(target(f"pairwise learning, {DATA[data]}: samples over the fastest peer's, with every loss and weight",
                               ">= 2", f"{least:.2g} to {most:.2g} (median of rounds, by loss)", least >= 2))  # fmt: skip
    head = "data | library | loss | M samples / CPU s | over the fastest peer of the round | peak MB"
    return table(head, lines), verdicts


def bound_section() -> str:
    lines = []
    for data in DATA:
        rows = pick("bytes", data=data)
        ours = by_round(pick("speed", data=data, library="strop", arm="logistic"), lambda r: r["samples"])
        for way, name in (("ordered", "in a row"), ("random", "vectors at random")):
            moved = by_round(rows, lambda r, way=way: r[way])
            bound = {r: v / BYTES for r, v in moved.items()}
            share = [ours[r] / bound[r] for r in bound if r in ours]
            size = f"{rows[0]['table'] / 1e6:.2f} MB"
            lines.append((DATA[data], size, name, shown(moved.values(), scale=1e-9), shown(bound.values(), scale=1e-6),
                          shown(share, 2)))  # fmt: skip
    return table("data | factors | way | GB/s, read + written | samples it allows, M/s | strop's share of it", lines)


def quality_section() -> tuple[str, list[str]]:
    lines, verdicts = [], []
    for data in DATA:
        _level, peers = (pick("target", data=data)[0][k] for k in ("level", "peers"))
        best = {r["library"]: r for r in pick("best", data=data)}
        reached: dict[str, float] = {}
        for row in dict.fromkeys((r["library"], r["arm"]) for r in pick("timed", data=data)):
            library, label = row
            found = pick("timed", data=data, library=library, arm=label)
            settings, spent = found[0]["settings"], [r["cpu"] for r in found]
            top = best[library]
            if "target" in label:
                reached[label if library == "strop" else library] = statistics.median(spent)
            said = {
                "target": "target" + (", warm cache" if library == "strop" else ""),
                "own best": "not reached; 99 % of its own best",
            }
            lines.append((DATA[data], NAMES[library], said.get(label, label), f"{found[0]['level']:.4f}",
                          shown([r["ndcg"] for r in found[:1]], 4), shown(spent),
                          f"rate {settings['rate']:g}, l2 {settings['l2']:g}, {settings['epochs']} epochs",
                          f"{top['ndcg']:.4f}", f"{top['test']['recall']:.4f} / {top['test']['ndcg']:.4f}",
                          shown([found[0]["peak_mb"]])))  # fmt: skip
        others = {k: v for k, v in reached.items() if k in PEERS}
        ours = reached.get("target, cold")
        text = "not reached" if ours is None else f"{ours:.2g} CPU s cold, {reached['target']:.2g} warm; "
        text += "; ".join(f"{NAMES[k]} {v:.2g}" for k, v in others.items()) or "no peer reaches it"
        met = ours is not None and all(ours < v for v in others.values())
        verdicts.append(target(f"BPR, {DATA[data]}: CPU seconds to 99 % of the best validation NDCG@20, compilation included",
                               "fewest", text, met))  # fmt: skip
        level_row = pick("timed", data=data, arm="peers' best, cold")
        if level_row:
            own = [statistics.median(r["cpu"] for r in pick("timed", data=data, library=p)) for p in PEERS
                   if pick("timed", data=data, library=p) and best[p]["ndcg"] * 0.99 >= peers - 1e-9]  # fmt: skip
            text = f"{statistics.median(r['cpu'] for r in level_row):.2g} CPU s cold; the peer {min(own):.2g}"
            met = statistics.median(r["cpu"] for r in level_row) < min(own)
            verdicts.append(target(f"BPR, {DATA[data]}: the same to 99 % of the best peer's best ({peers:.4f})", "fewest",
                                   text, met))  # fmt: skip
    head = "data | library | goal | NDCG@20 to reach | reached | CPU s of the fit | setting that gets there soonest | best validation NDCG@20 | test Recall / NDCG@20 there | peak MB"
    return table(head, lines), verdicts


def rank_section() -> tuple[str, list[str]]:
    lines = []
    for library in ("strop", *PEERS):
        rows = pick("rank", library=library)
        if not rows:
            lines.append((NAMES[library], *["failed"] * 5))
            continue
        lists = shown([r["lists"] for r in rows if "lists" in r]) if "lists" in rows[0] else "-"
        draws = shown([r["draws"] for r in rows if "draws" in r]) if "draws" in rows[0] else "none"
        more = shown([r["peak_plain"] - r["peak_before"] for r in rows], 2)
        lines.append((NAMES[library], lists, shown(r["both"] for r in rows), str(rows[0]["figures"]), draws, more))
    ours = pick("rank", library="strop")
    both, draws = (statistics.median(r[k] for r in ours) for k in ("both", "draws"))
    head = "library | top-20 lists | lists and figures | figures | 1,000 bootstrap draws more | MB more at the peak"
    verdicts = [
        target("full ranking, 6,000 x 4,000, all figures", "<= 0.15 CPU s", f"{both:.2g}", both <= 0.15),
        target("1,000 bootstrap draws more", "<= 0.5 CPU s", f"{draws:.2g}", draws <= 0.5),
    ]
    return table(head, lines), verdicts


def graph_section() -> tuple[str, list[str]]:
    epochs = {
        (name, library): by_round(pick(name, library=library), lambda r: r["epoch"])
        for name in ("lightgcn", "sgl", "simgcl")
        for library in ("strop", "recbole")
    }
    titles = {"lightgcn": "LightGCN", "sgl": "SGL, edges dropped", "simgcl": "SimGCL"}
    ours = epochs["lightgcn", "strop"]
    lines, verdicts = [], []
    for (name, library), found in epochs.items():
        if found:
            peak = shown([pick(name, library=library)[0]["peak_mb"]])
            over = ratios(found, [epochs["lightgcn", library]], min)
            lines.append((titles[name], NAMES[library], shown(found.values()), shown(over, 2), peak))
    for name, title in (("lightgcn", "LightGCN epoch"), ("sgl", "SGL-ED epoch")):
        over = ratios(epochs[name, "strop"], [epochs[name, "recbole"]], min)
        verdicts.append(
            target(f"{title}, ML-100K, over RecBole's", "<= 0.33", shown(over, 2), statistics.median(over) <= 1 / 3)
        )
    over = ratios(epochs["simgcl", "strop"], [ours], min)
    verdicts.append(
        target("SimGCL epoch, ML-100K, over our LightGCN's", "<= 3", shown(over, 2), statistics.median(over) <= 3)
    )
    spent = [r["cpu"] for r in pick("relmf")]
    text = shown(spent) + " CPU s" if spent else "not run: STROP_DATA is not set"
    verdicts.append(target("Rel-MF fit on Coat", "< 20 CPU s", text, bool(spent) and statistics.median(spent) < 20))
    said = table("model | library | CPU s an epoch | over the library's own LightGCN | peak MB", lines)
    for row in pick("graphs alone"):
        said += f"\nMeasured apart from the rest (`run_all.sh graphs`), {row['date']}, {row['rounds']} rounds; load {row['load'][0]:.1f} before, {row['load'][1]:.1f} after.\n"
    return said, verdicts


def whole_section() -> tuple[str, list[str]]:
    process, imports = pick("whole"), pick("import")
    parts = [
        ("imports", "imported"),
        ("after reading", "read"),
        ("after training", "fitted"),
        ("at the end", "peak_mb"),
    ]
    lines = [(name, shown([r[key] for r in process])) for name, key in parts]
    text = "Peak memory of the training process, MB:\n\n" + table("until | peak MB", lines)
    rows = [
        (r["arm"], shown([r["wall"]]), shown([r["cpu"]]), str(r["epochs"]), shown([r["peak_mb"]])) for r in pick("ipl")
    ]
    text += "\nA whole IPL fine-tuning, its base and the validation of every fifth epoch included:\n\n"
    text += table("arm | wall s | CPU s | epochs of both parts | peak MB", rows)
    starts = []
    for library in ("strop", *PEERS):
        found = pick("start", library=library)
        starts.append((NAMES[library], found[0]["version"], shown(r["cpu"] for r in found)))
    text += "\nStart of an arm's process and all its imports, in none of the times above:\n\n"
    text += table("library | version | CPU s", starts)
    two = next(r for r in pick("ipl") if r["arm"].startswith("2"))
    peak, wall = (statistics.median(v) for v in ([r["peak_mb"] for r in process], [r["wall"] for r in imports]))
    held = process[0]["bytes_a_click"]
    verdicts = [
        target("IPL fine-tuning, ML-100K, 2 threads", "< 60 s", f"{two['wall']:.2g} s wall, {two['cpu']:.2g} CPU s", two["wall"] < 60),
        target("training process on ML-100K", "< 420 MB", f"{peak:.0f} MB", peak < 420),
        target("memory of a click", "12 bytes", f"{held:g} bytes", held <= 12),
        target("import strop", "< 0.1 s", f"{wall:.2g} s", wall < 0.1),
    ]  # fmt: skip
    for r in pick("audit"):
        said = f"{r['wall']:.0f} s wall, {r['cpu']:.0f} CPU s"
        verdicts.append(target(f"strop audit of {r['clicks']:,} clicks", "< 300 s", said, r["wall"] < 300))
        verdicts.append(target("memory of that audit", "< 2,000 MB", f"{r['peak_mb']:,.0f} MB", r["peak_mb"] < 2000))
    return text, verdicts


def solved_section() -> str:
    lines = []
    for data in DATA:
        for figure in ("als", "ease"):
            for library in ("strop", *PEERS):
                rows = pick(figure, data=data, library=library)
                if not rows:
                    continue
                settings = ", ".join(f"{k} {v:g}" for k, v in rows[0].get("settings", {"lambda": 400}).items())
                lines.append((DATA[data], {"als": "iALS, 64", "ease": "EASE"}[figure], NAMES[library], settings,
                              shown(r["epoch"] for r in rows) if figure == "als" else "-", shown(r["cpu"] for r in rows),
                              shown([rows[0]["peak_mb"]]),
                              f"{rows[0]['test']['recall']:.4f} / {rows[0]['test']['ndcg']:.4f}"))  # fmt: skip
    head = "data | model | library | setting | CPU s an epoch | CPU s of the fit | peak MB | test Recall / NDCG@20"
    return table(head, lines)


def target(what: str, wanted: str, measured: str, met: bool) -> str:
    return f"| {what} | {wanted} | {measured} | {'met' if met else '**missed**'} |"


def main() -> None:
    machine, end = pick("machine")[0], pick("end")[0]
    speed, v1 = speed_section()
    quality, v2 = quality_section()
    rank, v3 = rank_section()
    graph, v4 = graph_section()
    whole, v5 = whole_section()
    loads = ", ".join(f"{row['load'][0]:.1f}" for row in [machine, *pick("load"), end])
    failed = [f"{r['library']} {'/'.join(r['tasks'])} ({DATA.get(r['data'], '')})" for r in pick("failed")]
    parts = [
        "# Recommenders: speed and memory, side by side\n",
        f"`make bench-recommend` (`bash bench/recommend/run_all.sh`), {machine['date']}, {machine['cores']} cores of {machine['model']}; "
        f"{machine['rounds']} rounds in {end['seconds'] / 60:.0f} minutes. One-minute load average at the start, before each round and at the end: {loads}.\n",
        "CPU seconds of one thread, unless it says otherwise: the median of the rounds (least to most). What is measured, and how: README.md. "
        "Every line behind it: results.jsonl." + (f" Failed: {'; '.join(failed)}." if failed else "") + "\n",
        "## Targets\n",
        "\n".join(["| what | target | measured | |", "| --- | --- | --- | --- |", *v1, *v2, *v3, *v4, *v5]) + "\n",
        "## Pairwise matrix factorisation, 64 dimensions\n",
        speed,
        f"\n### The machine's bound\n\nA sample touches {BYTES:.0f} bytes. Tables of the same size were updated in place, one product a number:\n",
        bound_section(),
        "\n## BPR: CPU seconds to quality\n",
        quality,
        "\n## Full ranking, 6,000 x 4,000\n",
        rank,
        "\n## LightGCN and its kin, 2 layers, batches of 2,048, ML-100K\n",
        graph,
        "\n## iALS and EASE\n",
        solved_section(),
        "\n## A whole run\n",
        whole,
    ]
    (HERE / "results.md").write_text("\n".join(parts))
    print((HERE / "results.md").read_text())


if __name__ == "__main__":
    main()
