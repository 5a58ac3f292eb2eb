"""Means over raters and images, their intervals, and tests of differences. Arrays are (raters, images); nan: not rated.

An interval is about a method's mean over all raters and all images like these: rating = mean + rater + image + residual, all
three random. The variance of the observed mean is a sum of three parts, estimated by moments (Gao and Owen 2016,
arXiv:1610.08088; for complete arrays this is the analysis of variance). Resampling raters and images counts the residual three
times (McCullagh 2000, quoted in Owen and Eckles 2012, arXiv:1106.2125). So each resampled mean is divided by its own standard
error, which the same formula overestimates equally (bootstrap-t). Its limits for t reflect the skewness of scores near 1 or 5,
but are too narrow for the five images of Set5; Student's are wide and ignore skewness. We use the mean of both, chosen by
simulation; docs/opinion-scores.md shows its coverage."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srgan_hub.evaluation.opinion.ratings import Rating, agreement, difference, faults, latest
from srgan_hub.evaluation.opinion.study import Key

LEVEL = 0.95
RESAMPLES = 1999
FEWEST = 3          # raters, and images; with fewer, nothing is said about a spread


class Mean(NamedTuple):
    """All of shape (B,), one value for each weighting."""

    value: np.ndarray
    error: np.ndarray       # standard error
    freedom: np.ndarray     # degrees of freedom of its square: Satterthwaite 1946, doi:10.2307/3002019


def crossed(values: np.ndarray, raters: np.ndarray, pictures: np.ndarray) -> Mean:
    """Mean of (R, C) values, with row r counted raters[b, r] times and column c counted pictures[b, c] times, b = 0..B-1."""
    known = ~np.isnan(values)
    y = np.where(known, values, 0.0)
    z = known.astype(float)
    in_row, in_column = pictures @ z.T, raters @ z                          # (B, R), (B, C): ratings
    n = (raters * in_row).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (raters * (pictures @ y.T)).sum(1) / n
        squares = (raters * (pictures @ (y * y).T)).sum(1)
        # mean squares within rows (picture + rest) and within columns (rater + rest), and the total
        within_row = squares - (raters * (pictures @ y.T) ** 2 / np.maximum(in_row, 1)).sum(1)
        within_column = squares - (pictures * (raters @ y) ** 2 / np.maximum(in_column, 1)).sum(1)
        picture_rest = within_row / (n - (raters * (in_row > 0)).sum(1))
        rater_rest = within_column / (n - (pictures * (in_column > 0)).sum(1))
        total = n * (squares - n * mean**2)
        # total = rater (n^2 - rr) + picture (n^2 - cc) + rest (n^2 - n) on average; rr / n^2 = 1 / R in a complete array
        rr, cc = (raters * in_row**2).sum(1), (pictures * in_column**2).sum(1)
        rest = (total - rater_rest * (n**2 - rr) - picture_rest * (n**2 - cc)) / (rr + cc - n**2 - n)
        rest = np.maximum(rest, 0)
        of_raters = np.maximum(rater_rest - rest, 0) * rr / n**2
        of_pictures = np.maximum(picture_rest - rest, 0) * cc / n**2
        rest = rest / n
        variance = of_raters + of_pictures + rest
        rows, columns = n**2 / rr - 1, n**2 / cc - 1
        spread = (of_raters + rest) ** 2 / rows + (of_pictures + rest) ** 2 / columns + rest**2 / (rows * columns)
        return Mean(mean, np.sqrt(variance), variance**2 / spread)


def once(values: np.ndarray) -> Mean:
    """`crossed` of the array as it is, without weighting, as scalars."""
    rows, columns = values.shape
    return Mean(*(float(of[0]) for of in crossed(values, np.ones((1, rows)), np.ones((1, columns)))))


def enough(values: np.ndarray) -> bool:
    known = ~np.isnan(values)
    return min(known.any(1).sum(), known.any(0).sum()) >= FEWEST


def interval(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of (R, C) scores in 1..5, clipped to that range; nan if there are too few or all are equal."""
    if not enough(values):
        return float("nan"), float("nan")
    middle = np.nanmean(values)     # subtracted first: sums of squares lose digits far from 0
    centred = values - middle
    mean, error, freedom = once(centred)
    if not error > 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    weights = [rng.multinomial(size, np.full(size, 1 / size), resamples).astype(float) for size in values.shape]
    drawn = crossed(centred, *weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.sort((drawn.value - mean) / drawn.error)     # infinite where only one image was drawn; nan last
    t = t[~np.isnan(t)]
    cut = max(round((1 - LEVEL) / 2 * (len(t) + 1)), 1)
    student = student_limit(freedom)
    low, high = (middle + mean - error * (limit + own) / 2 for limit, own in ((t[-cut], student), (t[cut - 1], -student)))
    return float(np.clip(low, 1, 5)), float(np.clip(high, 1, 5))


def paired_p(one: np.ndarray, other: np.ndarray) -> float:
    """Two-sided p that two methods, rated by the same raters on the same images, (R, C) each, differ only by chance.

    t is the mean difference over its crossed standard error: the quasi-F that Clark 1973, doi:10.1016/S0022-5371(73)80014-3,
    asks for when raters and images are both samples. So Set5 can be significant, which is impossible with its five images as the
    only units (1/16 at best). nan if fewer than 3 raters or images have both methods, or if all differences are equal."""
    apart = other - one
    if not enough(apart):
        return float("nan")
    mean, error, freedom = once(apart)
    return student_p(mean / error, freedom) if error > 0 else float("nan")


quadrature = cache(partial(np.polynomial.legendre.leggauss, 400))  # takes a tenth of a second: not at every start of a command


def student_p(t: float, freedom: float) -> float:
    """P(|T| > |t|) in Student's distribution: the integral of cos^(freedom - 1), with T = sqrt(freedom) tan(angle)."""
    freedom = min(max(freedom, 1), 1e4)     # beyond that, it equals the normal distribution to 4 digits
    nodes, weights = quadrature()

    def beyond(start: float) -> float:
        half = (np.pi / 2 - start) / 2
        return half * (weights * np.cos(start + half * (nodes + 1)) ** (freedom - 1)).sum()

    return float(beyond(np.arctan(abs(t) / np.sqrt(freedom))) / beyond(0))


def student_limit(freedom: float) -> float:
    """The t that |T| stays below with probability LEVEL, by bisection."""
    low, high = 1.9, 12.8   # limits for very many degrees of freedom, and for one
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, freedom) > 1 - LEVEL else (low, middle)
    return low


def holm(p: np.ndarray) -> np.ndarray:
    """p-values (K,) corrected for their number: the chance of any false positive stays below the level. nan is left out.

    Holm 1979, "A simple sequentially rejective multiple test procedure"."""
    p = np.asarray(p, float)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]     # nan last
    corrected = np.full(p.shape, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return corrected


# From ratings to tables: mean opinion scores with intervals, paired tests, raters. Only ratings by people are opinions.


NOT_RATED = "not rated"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Score:
    votes: tuple[int, ...]              # how often 1, 2, 3, 4, 5, by the raters who count
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
    difference: float                   # other - one, over what the same raters rated for both
    p: float
    corrected: float                    # Holm, over all comparisons of the study


@dataclass(frozen=True)
class Rater:
    name: str
    ratings: int
    repeats: int
    difference: float                   # mean |first - second rating| of the same image
    agreement: float                    # correlation with the mean of the others who count
    faults: tuple[str, ...]             # why excluded; empty if the rater counts


@dataclass(frozen=True)
class Analysis:
    scores: dict[tuple[str, str], Score]    # by set and method
    comparisons: list[Comparison]
    raters: list[Rater]


def analyse(key: Key, ratings: Iterable[Rating]) -> Analysis:
    """Analyze the study's ratings, whoever gave them; `report` chooses what may be shown as opinions.

    A rater's first look at an image gives the score; the second measures consistency. Ratings of other studies are ignored."""
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
    """{method: (raters, images of the set) scores, nan where not rated}; images in the same order for all methods."""
    items = {(image, method): item for item, (of, image, method) in key.items.items() if of == name}
    images = sorted({image for image, _ in items})
    return {
        method: np.array([[scores.get(items[image, method], math.nan) for image in images] for scores in raters], float)
        .reshape(len(raters), len(images))
        for method in key.methods
    }  # fmt: skip


def report(key: Key, ratings: list[Rating], torn: int = 0) -> tuple[str, Analysis | None]:
    """The report in Markdown and the analysis behind it, from people's ratings only. Without any: "not rated", and None."""
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
    """One row per set, one column per method: mean, 95 % interval, number of ratings; or "not rated"."""
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
    """What the numbers mean, the comparisons, and the raters, as Markdown."""
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


# The paper's figure of opinion scores (its Figure 5): how often each method got 1, 2, 3, 4, 5, and its mean in red.


PANEL, GAP, MARGIN, TITLE, AXIS = (176, 150), 20, 28, 30, 26      # pixels of the finished figure
LEAST = 540                                                         # for the caption below
LEFT = 96                                                           # for the names of the sets
FINER = 2                                                           # drawn this much larger, then reduced, for smooth edges
INK, GREY, BAR, RED = "#222222", "#cccccc", "#8fa8c8", "#d62728"


def histograms(analysis: Analysis) -> Image.Image:
    """One row per set, one column per method. Bars are centered on the scores and show shares of the votes, on one scale for all
    panels."""
    sets, methods = (list(dict.fromkeys(pair[i] for pair in analysis.scores)) for i in (0, 1))
    width = max(LEFT + len(methods) * (PANEL[0] + GAP) + MARGIN - GAP, LEAST)
    height = MARGIN + TITLE + len(sets) * (PANEL[1] + AXIS + GAP) + MARGIN
    figure = Image.new("RGB", (FINER * width, FINER * height), "white")
    draw = ImageDraw.Draw(figure)
    most = max((max(s.votes) / s.count for s in analysis.scores.values() if s.count), default=1)

    def text(x: float, y: float, words: str, anchor: str, size: int = 14, colour: str = INK, room: float = math.inf) -> None:
        """Draw the words with their anchor at (x, y), cut to `room` pixels."""
        font = ImageFont.load_default(FINER * size)
        draw.text((FINER * x, FINER * y), fitting(words, lambda w: font.getlength(w) <= FINER * room), colour, font, anchor)

    for column, method in enumerate(methods):
        middle = LEFT + column * (PANEL[0] + GAP) + PANEL[0] / 2
        text(middle, MARGIN + TITLE / 2 - 6, method, "mm", 15, room=PANEL[0] + GAP / 2)
    for row, name in enumerate(sets):
        top = MARGIN + TITLE + row * (PANEL[1] + AXIS + GAP)
        text(LEFT - 14, top + PANEL[1] / 2, name, "rm", 15, room=LEFT - 22)
        for column, method in enumerate(methods):
            panel(draw, text, LEFT + column * (PANEL[0] + GAP), top, analysis.scores[name, method], most)
    caption = "bars: share of the ratings for each score, 1 (bad) to 5 (excellent); red: mean"
    text(LEFT + (width - LEFT - MARGIN) / 2, height - MARGIN, caption, "mm", 14)
    return figure.reduce(FINER)


def fitting(words: str, fits: Callable[[str], bool]) -> str:
    """As much of the words as fits, with an ellipsis for the rest."""
    if fits(words):
        return words
    while words and not fits(words + "..."):
        words = words[:-1]
    return words + "..."


def panel(draw: ImageDraw.ImageDraw, text: Callable, left: float, top: float, score: Score, most: float) -> None:
    """A histogram whose highest possible bar, `most` of the votes, leaves room for the mean above it."""
    step, bottom, tallest = PANEL[0] / 5, top + PANEL[1], PANEL[1] - 34

    def place(value: float) -> float:
        return left + (value - 0.5) * step  # a score's bin is centered on it, from -0.5 to +0.5

    def box(corners: tuple[float, ...], colour: str) -> None:
        draw.rectangle([round(FINER * corner) for corner in corners], colour)

    for value, votes in enumerate(score.votes, 1):
        if votes:
            high = max(tallest * votes / score.count / most, 1)
            box((place(value) - 0.46 * step, bottom - high, place(value) + 0.46 * step, bottom), BAR)
        text(place(value), bottom + 13, str(value), "mm", 13)
    box((left, bottom, left + PANEL[0], bottom + 1), GREY)
    if not score.count:
        text(left + PANEL[0] / 2, top + PANEL[1] / 2, "not rated", "mm", 14)
        return
    x = place(score.mean)
    box((x - 1.5, top + 24, x + 1.5, bottom), RED)
    draw.polygon([(FINER * (x + dx), FINER * (top + dy)) for dx, dy in ((-6, 17), (6, 17), (0, 27))], RED)
    text(min(max(x, left + 16), left + PANEL[0] - 16), top + 8, f"{score.mean:.2f}", "mm", 14, RED)
