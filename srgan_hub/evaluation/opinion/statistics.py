"""Means over raters and images, their intervals, and tests of differences. Arrays are (raters, images); nan: not rated.

An interval is about a method's mean over all raters and all images like these: rating = mean + rater + image + residual, all
three random. The variance of the observed mean is a sum of three parts, estimated by moments (Gao and Owen 2016,
arXiv:1610.08088; for complete arrays this is the analysis of variance), with Student's distribution and Satterthwaite's degrees
of freedom. docs/opinion-scores.md shows how often such intervals cover the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
FEWEST = 3          # raters, and images; with fewer, nothing is said about a spread


class Estimate(NamedTuple):
    mean: float         # nan: nothing is rated
    error: float        # standard error; nan: too few raters or images, or all values are equal
    freedom: float      # degrees of freedom of its square: Satterthwaite 1946, doi:10.2307/3002019


def estimate(values: np.ndarray) -> Estimate:
    """The mean of an array of scores, or of differences between scores."""
    known = ~np.isnan(values)
    values = values[known.any(1)][:, known.any(0)]
    known = ~np.isnan(values)
    rows, columns, n = known.sum(1), known.sum(0), known.sum()  # ratings by each rater, of each image, in all
    mean = np.nanmean(values) if n else np.nan
    if min(values.shape) < FEWEST:
        return Estimate(mean, np.nan, np.nan)
    y = np.where(known, values - mean, 0)
    squares = (y**2).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        # mean squares within rows (picture + rest) and within columns (rater + rest)
        picture_rest = (squares - (y.sum(1) ** 2 / rows).sum()) / (n - len(rows))
        rater_rest = (squares - (y.sum(0) ** 2 / columns).sum()) / (n - len(columns))
        # n squares = rater (n^2 - rr) + picture (n^2 - cc) + rest (n^2 - n) on average; n^2 / rr raters in a complete array
        rr, cc = (rows**2).sum(), (columns**2).sum()
        rest = max((n * squares - rater_rest * (n**2 - rr) - picture_rest * (n**2 - cc)) / (rr + cc - n**2 - n), 0)
        of_raters = max(rater_rest - rest, 0) * rr / n**2
        of_pictures = max(picture_rest - rest, 0) * cc / n**2
        variance = of_raters + of_pictures + rest / n
        raters, pictures = n**2 / rr - 1, n**2 / cc - 1  # degrees of freedom
        spread = (of_raters + rest / n) ** 2 / raters + (of_pictures + rest / n) ** 2 / pictures
        spread += (rest / n) ** 2 / (raters * pictures)
        freedom = np.clip(variance**2 / spread, 1, 1e4)  # an estimate too: it can be off; 1e4 is the normal distribution
    return Estimate(mean, np.sqrt(variance) if variance > 0 else np.nan, freedom)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of scores in 1..5, clipped to that range; nan where `estimate` has no error."""
    mean, error, freedom = estimate(values)
    reach = error * student_limit(freedom)
    return float(np.clip(mean - reach, 1, 5)), float(np.clip(mean + reach, 1, 5))


def paired_p(one: np.ndarray, other: np.ndarray) -> float:
    """Two-sided p that two methods, rated by the same raters on the same images, differ only by chance; nan as for `interval`.

    t is the mean difference over its crossed standard error: the quasi-F that Clark 1973, doi:10.1016/S0022-5371(73)80014-3,
    asks for when raters and images are both samples. So Set5 can be significant, which is impossible with its five images as the
    only units (1/16 at best)."""
    mean, error, freedom = estimate(other - one)
    return student_p(mean / error, freedom)


def student_p(t: float, freedom: float) -> float:
    """P(|T| > |t|) in Student's distribution."""
    angles, beyond = student(freedom)
    return float(np.interp(np.arctan(abs(t) / np.sqrt(freedom)), angles, beyond))


def student_limit(freedom: float) -> float:
    """The t that |T| stays below with probability LEVEL."""
    angles, beyond = student(freedom)
    return float(np.sqrt(freedom) * np.tan(np.interp(LEVEL, 1 - beyond, angles)))


def student(freedom: float) -> tuple[np.ndarray, np.ndarray]:
    """Angles, and P(|T| > sqrt(freedom) tan(angle)): the integral of cos^(freedom - 1) from the angle to pi / 2."""
    angles = np.linspace(0, np.pi / 2, 10_001)
    density = np.cos(angles) ** (freedom - 1)
    below = np.concatenate([[0], ((density[1:] + density[:-1]) / 2).cumsum()])
    return angles, 1 - below / below[-1]


def holm(p: Sequence[float]) -> np.ndarray:
    """p-values (K,) corrected for their number: the chance of any false positive stays below the level. nan is left out.

    Holm 1979, "A simple sequentially rejective multiple test procedure"."""
    p = np.asarray(p, float)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]     # nan last
    corrected = np.full(p.shape, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return corrected
