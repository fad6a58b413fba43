"""Small worlds for the audits' tests, and every figure in plain loops."""

from math import log2, sqrt

import numpy as np
import torch

from strop.records import Clicks


def clicks(rows, n_users, n_items, name="clicks"):
    """Clicks from one collection of items a user."""
    users = [user for user, items in enumerate(rows) for _ in items]
    flat = [item for items in rows for item in sorted(items)]
    return Clicks(np.array(users, int), np.array(flat, int), np.arange(n_users), np.arange(n_items), name=name)


class Fixed:
    """A Scorer whose scores are a matrix."""

    def __init__(self, scores):
        self.scores = torch.as_tensor(scores, dtype=torch.float32)
        self.n_users, self.n_items = self.scores.shape

    def score(self, users):
        return self.scores[torch.from_numpy(users)]


def some_world(seed, *, n_users=25, n_items=30, k=5):
    """(top, train, truth): random disjoint parts; cold items, users without likes, short lists and an empty one."""
    rng = np.random.default_rng(seed)
    train, truth, top = [], [], np.full((n_users, k + 2), -1)
    for user in range(n_users):
        order = np.argsort(np.arange(n_items) * 0.15 + rng.gumbel(size=n_items))
        seen, liked = rng.integers(1, 8), rng.integers(0, 6)
        train.append(set(order[:seen]))
        truth.append(set(order[seen : seen + liked]))
        length = 0 if user == 3 else rng.integers(2, k + 3)
        top[user, :length] = rng.permutation(np.setdiff1d(order[: 2 * k + 12], list(train[-1])))[:length]
    return top, clicks(train, n_users, n_items), clicks(truth, n_users, n_items)


def _spread(rates):
    if len(rates) < 2 or sum(rates) == 0:
        return None
    mean = sum(rates) / len(rates)
    return sqrt(sum((r - mean) ** 2 for r in rates) / len(rates)) / mean


def _information(rates, sizes, edges):
    cells = [(min(int(10 * r + 1e-9), 9), sum(q >= e for e in edges)) for r, q in zip(rates, sizes)]
    n = len(cells)
    count = {c: cells.count(c) for c in cells}
    rows, columns = [c[0] for c in cells], [c[1] for c in cells]
    return sum(v / n * np.log(v * n / (rows.count(c[0]) * columns.count(c[1]))) for c, v in count.items())


def reference(top, train, truth, *, k, gammas, groups, head, times=None):
    """Every figure in loops over users and items; times: how often each user counts; None where undefined."""
    n_users, n_items = train.n_users, train.n_items
    times = [1] * n_users if times is None else [int(t) for t in times]
    lists = [[int(i) for i in row[:k]] for row in top]
    likes = [set(map(int, truth.items_of(u))) for u in range(n_users)]
    sums = dict.fromkeys(("recall", "ndcg", "map", "mrr", "hit_rate", "precision", "arp", "likers", "listed"), 0.0)
    c, q, slots = ([0] * n_items for _ in range(3))
    for u in range(n_users):
        w, hit = times[u], [i in likes[u] for i in lists[u]]
        for i in likes[u]:
            q[i] += w
        shown = [i for i in lists[u] if i >= 0]
        for i in shown:
            slots[i] += w
            c[i] += w * (i in likes[u])
        if shown:
            sums["listed"] += w
            sums["arp"] += w * sum(int(train.popularity[i]) for i in shown) / len(shown)
        if likes[u]:
            ranks = [r + 1 for r, h in enumerate(hit) if h]
            best = sum(1 / log2(r + 1) for r in range(1, min(k, len(likes[u])) + 1))
            sums["likers"] += w
            sums["recall"] += w * len(ranks) / len(likes[u])
            sums["ndcg"] += w * sum(1 / log2(r + 1) for r in ranks) / best
            sums["map"] += w * sum((n + 1) / r for n, r in enumerate(ranks)) / len(likes[u])
            sums["mrr"] += w * (1 / ranks[0] if ranks else 0)
            sums["hit_rate"] += w * bool(ranks)
            sums["precision"] += w * len(ranks) / k
    accuracy = ("recall", "ndcg", "map", "mrr", "hit_rate", "precision")
    found = {name: sums[name] / sums["likers"] if sums["likers"] else None for name in accuracy}
    liked = [i for i in range(n_items) if q[i] and train.popularity[i]]
    for gamma in gammas:
        found[f"di gamma={gamma}"] = _spread([c[i] / q[i] ** (2 - gamma) for i in liked])
    in_all = [int(n) for i, n in enumerate(truth.popularity) if n and train.popularity[i]]
    edges = [np.quantile(in_all, b / 10) for b in range(1, 10)] if in_all else []
    found["mi"] = _information([c[i] / q[i] for i in liked], [q[i] for i in liked], edges) if liked else None
    members = [[i for i in range(n_items) if groups[i] == g] for g in range(max(groups) + 1)]
    pairs = [
        sum(times[u] * (i not in set(train.items_of(u))) for u in range(n_users) for i in group) for group in members
    ]
    found["reo"] = _spread([sum(c[i] for i in g) / sum(q[i] for i in g) for g in members if sum(q[i] for i in g)])
    found["rsp"] = _spread([sum(slots[i] for i in g) / n for g, n in zip(members, pairs) if n])
    total, ascending = sum(slots), sorted(slots)
    found["arp"] = sums["arp"] / sums["listed"] if sums["listed"] else None
    found["coverage"] = sum(s > 0 for s in slots) / n_items if total else None
    gaps = sum(abs(x - y) for x in ascending for y in ascending)
    found["gini"] = gaps / (2 * n_items * total) if total else None
    found["head_share"] = sum(slots[i] for i in range(n_items) if head[i]) / total if total else None
    return found
