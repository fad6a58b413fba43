"""What does an audit find in answers whose confidence we planted ourselves? A writer who is too sure, and signs that are not."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
ANSWERS, SAMPLES = 2000, 10
SURE, SLOPE = 0.8, 0.35  # what is said where nothing is known, and how much of what is known is heard in it
LOOKED_UP = 0.7  # right after a look-up, whatever was known before: what was surely known is better left alone


@dataclass(frozen=True, eq=False)
class Planted:
    """rows: as somebody would find them; chance: (n,) of each answer to be right; said: (n,) what each states."""

    rows: list[dict[str, object]]
    chance: Array
    said: Array


def planted(*, seed: int = 0) -> Planted:
    """2,000 sums in a writer's head: the longer, the less surely right; it says some 0.9 of nearly all, its samples agree as often as they are right.

    Ours, for show: what an audit finds here it was given.
    """
    rng = np.random.default_rng([seed, 0xA25E5])
    chance = rng.beta(1.2, 1.0, ANSWERS)
    right = rng.random(ANSWERS) < chance
    said = np.clip(np.round(SURE + SLOPE * (chance - 0.5) + rng.normal(0, 0.06, ANSWERS), 2), 0, 1)
    agreement = rng.binomial(SAMPLES, 0.08 + 0.9 * chance) / SAMPLES
    looked_up = rng.random(ANSWERS) < LOOKED_UP
    rows: list[dict[str, object]] = []
    for number in range(ANSWERS):
        a, b = (int(one) for one in rng.integers(100, 1000, 2))
        wrong = a + b + int(rng.choice([-100, -10, -1, 1, 10, 100]))
        rows.append(
            {
                "question": f"{number + 1}. What is {a} + {b}?",
                "answer": str(a + b if right[number] else wrong),
                "right": bool(right[number]),
                "confidence": float(said[number]),
                "agreement": float(agreement[number]),
                "retrieved_right": bool(looked_up[number]),
            }
        )
    return Planted(rows, chance, said)
