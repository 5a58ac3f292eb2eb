"""Means over raters and images, and their intervals. Arrays are (raters, images); nan: not rated.

An interval is about a method's mean over all raters and all images like these: rating = mean + rater + image + residual, all
three random. The variance of the observed mean is a sum of three parts, estimated by moments (Gao and Owen 2016,
arXiv:1610.08088; for complete arrays this is the analysis of variance), with Student's distribution and Satterthwaite's degrees
of freedom. docs/opinion-scores.md shows how often such intervals cover the truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FEWEST = 3          # raters, and images; with fewer, nothing is said about a spread
# Student's t that stays below the second number with probability 0.95, by degrees of freedom; between them, by their inverse
FREEDOM, LIMITS = np.array([
    (np.inf, 1.960), (60, 2.000), (24, 2.064), (12, 2.179), (8, 2.306), (6, 2.447), (5, 2.571), (4, 2.776), (3, 3.182),
    (2, 4.303), (1, 12.706),
]).T  # fmt: skip


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
        freedom = np.maximum(variance**2 / spread, 1)  # an estimate too: it can be off
    return Estimate(mean, np.sqrt(variance) if variance > 0 else np.nan, freedom)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of scores, or of differences between scores; nan where `estimate` has no error.

    For differences of two methods, rated by the same raters on the same images, 0 lies outside as often as the quasi-F test that
    Clark 1973, doi:10.1016/S0022-5371(73)80014-3, asks for when raters and images are both samples calls them different."""
    mean, error, freedom = estimate(values)
    reach = error * np.interp(1 / freedom, 1 / FREEDOM, LIMITS)
    return float(mean - reach), float(mean + reach)
