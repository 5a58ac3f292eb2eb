"""Means of raters x pictures, how sure they are, and whether two methods differ. Arrays (raters, pictures), nan: not rated.

The truth that an interval is about is the method's mean over all raters and all pictures like these: rating = mean + rater +
picture + rest, all three at random. The variance of the observed mean is then a sum of three, estimated by moments (Gao and
Owen 2016, arXiv:1610.08088; for complete arrays it is the analysis of variance's). Resampling raters and pictures counts the
rest three times (McCullagh 2000, quoted in Owen and Eckles 2012, arXiv:1106.2125), so the spread of the resampled means is
not used as it is: each is divided by its own standard error, by the same formula, which is too large alike (bootstrap-t).
Its limits for t see that scores near 1 or 5 are skewed, but are short for the five pictures of Set5; Student's are long and
blind to skewness. The mean of the two was chosen by simulation; docs/opinion-scores.md says how well it covers."""

from __future__ import annotations

from functools import cache, partial
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
RESAMPLES = 1999
FEWEST = 3          # raters, and pictures, below which nothing is said about a spread


class Mean(NamedTuple):
    """All of shape (B,), one for each weighting."""

    value: np.ndarray
    error: np.ndarray       # standard error
    freedom: np.ndarray     # degrees of freedom of its square: Satterthwaite 1946, doi:10.2307/3002019


def crossed(values: np.ndarray, raters: np.ndarray, pictures: np.ndarray) -> Mean:
    """Mean of (R, C) values when row r is there raters[b, r] times and column c pictures[b, c] times, b = 0..B-1."""
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
    """`crossed` of the array as it is, with scalars."""
    rows, columns = values.shape
    return Mean(*(float(of[0]) for of in crossed(values, np.ones((1, rows)), np.ones((1, columns)))))


def enough(values: np.ndarray) -> bool:
    known = ~np.isnan(values)
    return min(known.any(1).sum(), known.any(0).sum()) >= FEWEST


def interval(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of (R, C) scores in 1..5, cut to that range; nan if too few, or all are the same."""
    if not enough(values):
        return float("nan"), float("nan")
    middle = np.nanmean(values)     # taken off first: sums of squares lose digits far from 0
    centred = values - middle
    mean, error, freedom = once(centred)
    if not error > 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    weights = [rng.multinomial(size, np.full(size, 1 / size), resamples).astype(float) for size in values.shape]
    drawn = crossed(centred, *weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.sort((drawn.value - mean) / drawn.error)     # infinite where one picture was drawn only; nan last
    t = t[~np.isnan(t)]
    cut = max(round((1 - LEVEL) / 2 * (len(t) + 1)), 1)
    student = student_limit(freedom)
    low, high = (middle + mean - error * (limit + own) / 2 for limit, own in ((t[-cut], student), (t[cut - 1], -student)))
    return float(np.clip(low, 1, 5)), float(np.clip(high, 1, 5))


def paired_p(one: np.ndarray, other: np.ndarray) -> float:
    """Two-sided p that two methods, rated by the same raters on the same pictures, (R, C) each, differ by chance only.

    t of the mean difference over its crossed standard error: the quasi-F that Clark 1973, doi:10.1016/S0022-5371(73)80014-3,
    asks for where raters and pictures are both samples. So Set5 can be significant, which five pictures as the only units
    cannot (1/16 at best). nan if fewer than 3 raters or pictures have both, or all differ alike."""
    apart = other - one
    if not enough(apart):
        return float("nan")
    mean, error, freedom = once(apart)
    return student_p(mean / error, freedom) if error > 0 else float("nan")


quadrature = cache(partial(np.polynomial.legendre.leggauss, 400))  # a tenth of a second: not at every start of a command


def student_p(t: float, freedom: float) -> float:
    """P(|T| > |t|), Student's distribution; integral of cos^(freedom - 1) after T = sqrt(freedom) tan(angle)."""
    freedom = min(max(freedom, 1), 1e4)     # beyond it is the normal one to 4 digits
    nodes, weights = quadrature()

    def beyond(start: float) -> float:
        half = (np.pi / 2 - start) / 2
        return half * (weights * np.cos(start + half * (nodes + 1)) ** (freedom - 1)).sum()

    return float(beyond(np.arctan(abs(t) / np.sqrt(freedom))) / beyond(0))


def student_limit(freedom: float) -> float:
    """The t that |T| stays below with probability LEVEL, by halving."""
    low, high = 1.9, 12.8   # limits for very many degrees of freedom, and for one
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, freedom) > 1 - LEVEL else (low, middle)
    return low


def holm(p: np.ndarray) -> np.ndarray:
    """p-values (K,) corrected for their number: the chance of any false one stays below the level. nan is left out.

    Holm 1979, "A simple sequentially rejective multiple test procedure"."""
    p = np.asarray(p, float)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]     # nan last
    corrected = np.full(p.shape, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return corrected
