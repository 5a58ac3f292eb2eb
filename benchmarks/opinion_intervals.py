"""How good the intervals of opinion scores are, on simulated raters whose true means are known.

    python -m benchmarks.opinion_intervals

prints the tables of docs/opinion-scores.md."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from srgan_hub.evaluation.opinion.statistics import interval

RATER, PICTURE, REST = 0.35, 0.4, 0.7     # standard deviations, in points, before rounding
STUDIES = 1000                            # per cell


def scores(rng: np.random.Generator, opinion: float, raters: int, pictures: int) -> np.ndarray:
    """(raters, pictures) whole scores: opinion + rater + picture + rest, all normal, rounded, clipped to 1..5."""
    tastes = RATER * rng.normal(size=(raters, 1)) + PICTURE * rng.normal(size=pictures)
    return np.clip(np.round(opinion + tastes + REST * rng.normal(size=(raters, pictures))), 1, 5)


def true_mean(opinion: float) -> float:
    """Mean of `scores` over all raters and images: 1 plus the probabilities of exceeding each of 1.5, 2.5, 3.5, 4.5."""
    spread = math.sqrt(2 * (RATER**2 + PICTURE**2 + REST**2))
    return 1 + sum(math.erfc((cut - opinion) / spread) / 2 for cut in (1.5, 2.5, 3.5, 4.5))


def two_methods(rng: np.random.Generator, raters: int, pictures: int, gain: float) -> Iterator[np.ndarray]:
    """Scores of the same raters on the same images; each method has images and raters that suit it."""
    shared = RATER * rng.normal(size=(raters, 1)) + PICTURE * rng.normal(size=pictures)
    for opinion in (3, 3 + gain):
        own = 0.3 * rng.normal(size=pictures) + 0.2 * rng.normal(size=(raters, 1)) + REST * rng.normal(size=(raters, pictures))
        yield np.clip(np.round(opinion + shared + own), 1, 5)


def covered(rng: np.random.Generator, opinion: float, raters: int, pictures: int) -> bool:
    low, high = interval(scores(rng, opinion, raters, pictures))
    return low <= true_mean(opinion) <= high


def different(one: np.ndarray, other: np.ndarray) -> bool:
    low, high = interval(other - one)
    return low > 0 or high < 0


def main() -> None:
    rng = np.random.default_rng(0)
    opinions = (1, 2, 3.4, 4.4)
    print("| raters, pictures | " + " | ".join(f"opinion {opinion}" for opinion in opinions) + " |")
    print("| --- |" + " --- |" * len(opinions))
    for raters, pictures in ((26, 5), (26, 14), (12, 30), (8, 5)):
        shares = [np.mean([covered(rng, opinion, raters, pictures) for _ in range(STUDIES)]) for opinion in opinions]
        print(f"| {raters}, {pictures} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |")
    for pictures in (5, 14):
        found = np.mean([different(*two_methods(rng, 26, pictures, 0)) for _ in range(STUDIES)])
        print(f"\ntwo equal methods, 26 raters, {pictures} pictures: called different in {100 * found:.1f} of 100 studies")


if __name__ == "__main__":
    main()
