"""From ratings to tables: mean opinion scores with intervals, paired tests, raters. Only people's ratings are opinions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from srgan_hub.mos.raters import agreement, difference, faults
from srgan_hub.mos.ratings import Rating, latest
from srgan_hub.mos.statistics import holm, interval, paired_p
from srgan_hub.mos.study import Key

NOT_RATED = "not rated"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Score:
    votes: tuple[int, ...]              # how often 1, 2, 3, 4, 5, by the raters that count
    mean: float                         # nan without votes
    low: float                          # 95 % interval; nan if there are too few
    high: float

    @property
    def count(self) -> int:
        return sum(self.votes)


@dataclass(frozen=True)
class Comparison:
    set: str
    one: str
    other: str
    difference: float                   # other - one, over what the same raters rated of both
    p: float
    corrected: float                    # Holm, over all comparisons of the study


@dataclass(frozen=True)
class Rater:
    name: str
    ratings: int
    repeats: int
    difference: float                   # mean |first - second rating| of the same picture
    agreement: float                    # correlation with the mean of the others that count
    faults: tuple[str, ...]             # why excluded; empty if the rater counts


@dataclass(frozen=True)
class Analysis:
    scores: dict[tuple[str, str], Score]    # by set and method
    comparisons: list[Comparison]
    raters: list[Rater]


def analyse(key: Key, ratings: Iterable[Rating]) -> Analysis:
    """Of the study's ratings, whoever gave them: what may be shown as opinions is for `report` to choose.

    A rater's first look at a picture makes the scores; the second one measures consistency. Ratings of other studies are not
    looked at."""
    methods = {item: method for item, (_, _, method) in key.items.items()}
    first, second = {}, {}
    for (rater, item, repeat), rating in latest(r for r in ratings if r.study == key.version and r.item in key.items).items():
        (second if repeat else first).setdefault(rater, {})[item] = rating.score
    repeated = {
        rater: [(scores[item], again) for item, again in second.get(rater, {}).items() if item in scores]
        for rater, scores in first.items()
    }
    wrong = {rater: faults(scores, repeated[rater], methods, key.rules) for rater, scores in first.items()}
    counted = sorted(rater for rater in first if not wrong[rater])
    raters = [
        Rater(
            rater, len(scores), len(repeated[rater]), difference(repeated[rater]),
            agreement(scores, [first[other] for other in counted if other != rater]), tuple(wrong[rater]),
        ) for rater, scores in sorted(first.items())
    ]  # fmt: skip
    scores, comparisons = {}, []
    for name in key.sets:
        tables = tables_of(key, name, [first[rater] for rater in counted])
        for method, table in tables.items():
            votes = Counter(table[~np.isnan(table)].astype(int).tolist())
            mean = float(np.nanmean(table)) if votes else math.nan
            scores[name, method] = Score(tuple(votes[score] for score in range(1, 6)), mean, *interval(table))
        for one, other in combinations(key.methods, 2):
            apart = tables[other] - tables[one]
            mean = float(np.nanmean(apart)) if (~np.isnan(apart)).any() else math.nan
            comparisons.append(Comparison(name, one, other, mean, paired_p(tables[one], tables[other]), math.nan))
    corrected = holm(np.array([comparison.p for comparison in comparisons]))
    comparisons = [replace(comparison, corrected=float(p)) for comparison, p in zip(comparisons, corrected, strict=True)]
    return Analysis(scores, comparisons, raters)


def tables_of(key: Key, name: str, raters: list[dict[str, int]]) -> dict[str, np.ndarray]:
    """{method: (raters, images of the set) scores, nan where not rated}; images in one order for all methods."""
    items = {(image, method): item for item, (of, image, method) in key.items.items() if of == name}
    images = sorted({image for image, _ in items})
    return {
        method: np.array([[scores.get(items[image, method], math.nan) for image in images] for scores in raters], float)
        .reshape(len(raters), len(images))
        for method in key.methods
    }  # fmt: skip


def report(key: Key, ratings: list[Rating], torn: int = 0) -> tuple[str, Analysis | None]:
    """The report in Markdown, and the analysis behind it: of people's ratings alone. Without any: "not rated", and None."""
    human = [rating for rating in ratings if not rating.simulated and rating.study == key.version and rating.item in key.items]
    analysis = analyse(key, human) if human else None
    simulated = sum(rating.simulated for rating in ratings)
    left_out = {
        "given by a program": simulated, "of another study": len(ratings) - len(human) - simulated, "unreadable": torn,
    }  # fmt: skip
    lines = ["# Mean opinion scores", "", f"Study {key.version}; scores from 1 (bad) to 5 (excellent)."]
    if any(left_out.values()):
        lines += ["", "Left out: " + ", ".join(f"{count} {why}" for why, count in left_out.items() if count) + "."]
    lines += ["", *score_table(key, analysis)]
    if analysis is None:
        return "\n".join([*lines, "", f"{NOT_RATED[0].upper() + NOT_RATED[1:]}: no person has given a rating.", ""]), None
    return "\n".join([*lines, *explained(analysis), ""]), analysis


def score_table(key: Key, analysis: Analysis | None) -> list[str]:
    """One row a set, one column a method: mean, 95 % interval, number of ratings; or "not rated"."""
    lines = ["| | images | " + " | ".join(key.methods) + " |", "| --- | --- |" + " --- |" * len(key.methods)]
    for name in key.sets:
        images = len({image for of, image, _ in key.items.values() if of == name})
        cells = [score_cell(analysis.scores[name, method]) if analysis else NOT_RATED for method in key.methods]
        lines.append(f"| {name} | {images} | " + " | ".join(cells) + " |")
    return lines


def score_cell(score: Score) -> str:
    if not score.count:
        return NOT_RATED
    sure = "" if math.isnan(score.low) else f" [{score.low:.2f}, {score.high:.2f}]"
    return f"{score.mean:.2f}{sure} ({score.count})"


def explained(analysis: Analysis) -> list[str]:
    """What the numbers are, the comparisons and the raters, as Markdown."""
    counted = [rater for rater in analysis.raters if not rater.faults]
    lines = [
        "", f"Mean [95 % interval] (ratings) of {len(counted)} raters; the interval is a bootstrap over raters and pictures. "
        "No interval: fewer than 3 raters or pictures, or no two ratings differ.",
        "", "## Differences", "",
        "| | | | difference | p | p, Holm | |", "| --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for c in analysis.comparisons:
        verdict = "significant" if c.corrected < SIGNIFICANT else ""
        lines.append(
            f"| {c.set} | {c.one} | {c.other} | {number(c.difference, '+.2f')} | {probability(c.p)} "
            f"| {probability(c.corrected)} | {verdict} |"
        )
    lines += [
        "", "Paired over raters and pictures, both taken as samples; Holm's correction over all rows. –: cannot be tested.",
        "", "## Raters", "",
        "| rater | ratings | seen twice | mean difference | agreement | |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for rater in analysis.raters:
        verdict = "excluded: " + "; ".join(rater.faults) if rater.faults else ""
        lines.append(
            f"| {rater.name.replace('|', ' ')} | {rater.ratings} | {rater.repeats} | {number(rater.difference, '.2f')} "
            f"| {number(rater.agreement, '.2f')} | {verdict} |"
        )
    return [*lines, "", "Agreement: correlation with the mean of the other raters that count."]


def number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def probability(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else number(p, ".4f")
