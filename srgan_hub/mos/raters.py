"""Which raters count, by rules that a study's key holds from the beginning, and how consistent they are."""

from __future__ import annotations

import numpy as np

from srgan_hub.mos.study import HR, NEAREST


def faults(scores: dict[str, int], repeated: list[tuple[int, int]], methods: dict[str, str], rules: dict) -> list[str]:
    """Why a rater is not counted, in words; empty if nothing is wrong.

    scores: {item: 1..5}, first ratings; repeated: (first, second) rating of the same picture; methods: {item: method}."""
    found = []
    if len(scores) < (fewest := min(rules["fewest_ratings"], len(methods))):
        found.append(f"{len(scores)} ratings, fewer than {fewest}")
    elif len(set(scores.values())) == 1:
        found.append(f"always {next(iter(scores.values()))}")
    nearest, hr = ([score for item, score in scores.items() if methods[item] == method] for method in (NEAREST, HR))
    if min(len(nearest), len(hr)) >= rules["fewest_extremes"] and np.mean(nearest) >= np.mean(hr):
        found.append(f"nearest {np.mean(nearest):.2f}, not below HR, {np.mean(hr):.2f}")
    if len(repeated) >= rules["fewest_repeats"] and (apart := difference(repeated)) > rules["largest_difference"]:
        found.append(f"second ratings differ by {apart:.2f}, more than {rules['largest_difference']}")
    return found


def difference(repeated: list[tuple[int, int]]) -> float:
    """Mean |first - second rating| of the same picture by the same rater, in points; nan without any."""
    return float(np.mean([abs(first - second) for first, second in repeated])) if repeated else float("nan")


def agreement(scores: dict[str, int], others: list[dict[str, int]]) -> float:
    """Correlation of a rater with the mean of the others over the pictures that both rated; nan without spread or overlap."""
    means = {item: np.mean(given) for item in scores if (given := [other[item] for other in others if item in other])}
    own, theirs = [scores[item] for item in means], list(means.values())
    if len(means) < 3 or np.ptp(own) == 0 or np.ptp(theirs) == 0:
        return float("nan")
    return float(np.corrcoef(own, theirs)[0, 1])
