"""Files of answers with a planted confidence: too sure, calibrated, turned round, or with a better free one beside it."""

import numpy as np


def rows(kind, n=600, *, seed=0, samples=1, free=None, retrieval=False):
    """A list of dicts. Each question has its own chance p of a right answer.

    over: says 0.9 to 1, a little more where p is high; calibrated: says p; inverted: says 1 - p; constant: 0.8; free: the noise
    of a token_probability about p in log-odds, None for no such column; retrieval: right with 0.75 whatever p.
    """
    rng = np.random.default_rng([seed, 17])
    found = []
    for place in range(n // samples):
        p = float(rng.beta(2.2, 1.4))
        for _ in range(samples):
            right = bool(rng.random() < p)
            says = {"over": 0.9 + 0.1 * p, "calibrated": p, "inverted": 1 - p, "constant": 0.8}[kind]
            row = {
                "question": f"What is {place} plus 3?",
                "answer": str(place + 3 if right else place + 4 + rng.integers(9)),
                "right": right,
                "confidence": round(says, 3),
            }
            if free is not None:
                row["token_probability"] = float(1 / (1 + (1 - p) / p * np.exp(-rng.normal(0, free))))
            if retrieval:
                row["right_with_retrieval"] = bool(rng.random() < 0.75)
            found.append(row)
    return found
