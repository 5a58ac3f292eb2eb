"""From ratings to a report in Markdown: mean opinion scores with intervals, differences, raters.

Only ratings by people are opinions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations

import numpy as np

from srgan_hub.data.benchmarks import in_order
from srgan_hub.evaluation.opinion.ratings import Rating
from srgan_hub.evaluation.opinion.statistics import estimate, interval
from srgan_hub.evaluation.opinion.study import BEST, HR, NEAREST, WORST, Key

SCORES = range(WORST, BEST + 1)


def report(key: Key, ratings: list[Rating]) -> str:
    """Scores of every method, differences between methods, and raters."""
    human = [rating for rating in ratings if not rating.simulated and rating.study == key.version and rating.item in key.items]
    scores = {}  # rater -> item -> score; if a rater changed their mind, the last rating counts
    for rating in sorted(human, key=lambda rating: (rating.rater, rating.time)):
        scores.setdefault(rating.rater, {})[rating.item] = rating.score
    excluded = {rater: faults(key, given) for rater, given in scores.items()}
    counted = [scores[rater] for rater, found in excluded.items() if not found]
    tables = {name: tables_of(key, name, counted) for name in sorted({of for of, _, _ in key.items.values()}, key=in_order)}
    simulated = sum(rating.simulated for rating in ratings)
    lines = [
        "# Mean opinion scores", "",
        f"Study {key.version}; scores from {WORST} (bad) to {BEST} (excellent) by {len(counted)} raters. "
        f"Left out: {simulated} ratings given by a program, {len(ratings) - len(human) - simulated} of another study.",
        "", *markdown(["set", "method", "mean", "95 % interval", "ratings", *SCORES], score_rows(tables)),
    ]  # fmt: skip
    if not human:
        return "\n".join([*lines, "", "Not rated: no person has given a rating.", ""])
    raters = ([rater, len(given), "; ".join(excluded[rater])] for rater, given in scores.items())
    lines += [
        "", "The interval is for all raters and all images like these. –: fewer than 3 raters or images, or all ratings alike.",
        "", "## Differences", "",
        *markdown(["set", "", "", "difference", "95 % interval"], difference_rows(tables)),
        "", "On the images that the same raters rated for both. Of many such intervals, 1 in 20 misses the truth by chance.",
        "", "## Raters", "", *markdown(["rater", "ratings", "excluded"], raters), "",
    ]  # fmt: skip
    return "\n".join(lines)


def faults(key: Key, scores: dict[str, int]) -> list[str]:
    """Why a rater is not counted by the key's rules, in words; empty if nothing is wrong. scores: {item: 1..5}."""
    rules, found = key.rules, []
    if len(scores) < (fewest := min(rules["fewest_ratings"], len(key.items))):
        found.append(f"{len(scores)} ratings, fewer than {fewest}")
    nearest, hr = ([score for item, score in scores.items() if key.items[item][2] == method] for method in (NEAREST, HR))
    if min(len(nearest), len(hr)) >= rules["fewest_extremes"] and np.mean(hr) - np.mean(nearest) < rules["least_difference"]:
        found.append(f"HR {np.mean(hr):.2f}, not {rules['least_difference']} above nearest, {np.mean(nearest):.2f}")
    return found


def tables_of(key: Key, name: str, raters: list[dict[str, int]]) -> dict[str, np.ndarray]:
    """{method: (raters, images of the set) scores, nan where not rated}; images in the same order for all methods."""
    items = {(image, method): item for item, (of, image, method) in key.items.items() if of == name}
    images = sorted({image for image, _ in items})
    return {
        method: np.array([[scores.get(items[image, method], math.nan) for image in images] for scores in raters], float)
        .reshape(len(raters), len(images))
        for method in key.methods
    }  # fmt: skip


def score_rows(tables: dict[str, dict[str, np.ndarray]]) -> Iterable[list]:
    for name, by_method in tables.items():
        for method, scores in by_method.items():
            votes = [int((scores == score).sum()) for score in SCORES]
            mean = number(estimate(scores).mean) if sum(votes) else "not rated"
            yield [name, method, mean, limits(np.clip(interval(scores), WORST, BEST)), sum(votes), *votes]


def difference_rows(tables: dict[str, dict[str, np.ndarray]]) -> Iterable[list]:
    """Every pair of methods within a set, on the images that the same raters rated for both."""
    for name, by_method in tables.items():
        for one, other in combinations(by_method, 2):
            apart = by_method[other] - by_method[one]
            yield [name, one, other, number(estimate(apart).mean, "+.2f"), limits(interval(apart), "+.2f")]


def number(value: float, form: str = ".2f") -> str:
    return "–" if math.isnan(value) else format(value, form)


def limits(interval: Iterable[float], form: str = ".2f") -> str:
    low, high = interval
    return number(low) if math.isnan(low) else f"{low:{form}} to {high:{form}}"


def markdown(heading: list, rows: Iterable[list]) -> list[str]:
    return ["| " + " | ".join(map(str, row)) + " |" for row in (heading, ["---"] * len(heading), *rows)]
