import numpy as np
import pytest
from scipy import stats

from benchmarks.opinion_intervals import PICTURE, RATER, REST, covered, different, two_methods
from simulated_raters import OPINIONS
from srgan_hub.evaluation.opinion.statistics import FREEDOM, LIMITS, estimate, interval


def test_complete_arrays_are_analysis_of_variance():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(7, 1)) + rng.normal(size=9) + rng.normal(size=(7, 9))
    rows, columns = values - values.mean(0), values - values.mean(1, keepdims=True)
    of_rows, of_columns = 9 * values.mean(1).var(ddof=1), 7 * values.mean(0).var(ddof=1)
    rest = ((rows + columns - values + values.mean()) ** 2).sum() / (6 * 8)
    found = estimate(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.error**2 == pytest.approx((of_rows + of_columns - rest) / 63)
    together = of_rows**2 / 6 + of_columns**2 / 8 + rest**2 / 48
    assert found.freedom == pytest.approx((of_rows + of_columns - rest) ** 2 / together)


def test_variance_is_right_on_average_when_half_is_missing():
    """The estimate's mean against the spread of the mean itself, over 3000 arrays without rounding."""
    rng = np.random.default_rng(2)
    means, squares = [], []
    for _ in range(3000):
        values = RATER * rng.normal(size=(10, 1)) + PICTURE * rng.normal(size=8) + REST * rng.normal(size=(10, 8))
        values[rng.random(values.shape) < 0.5] = np.nan
        found = estimate(values)
        means.append(found.mean)
        squares.append(found.error**2)
    assert np.nanmean(squares) == pytest.approx(np.var(means), rel=0.08)


@pytest.mark.parametrize(("raters", "pictures"), [(26, 5), (26, 14)])
def test_interval_covers_the_truth_in_95_of_100_studies(raters, pictures):
    """300 simulated studies of four methods; 26 raters with Set5 or Set14 are the paper's numbers."""
    rng = np.random.default_rng(0)
    hits = np.array([[covered(rng, opinion, raters, pictures) for opinion in OPINIONS.values()] for _ in range(300)])
    assert 0.925 <= hits.mean() <= 0.97
    assert (abs(hits.mean(0) - 0.95) < 0.045).all(), hits.mean(0)  # 3.5 standard errors of one method's 300


@pytest.mark.parametrize("values", [np.full((9, 9), 2.0), np.ones((0, 4)), np.eye(2) + 1, np.full((3, 9), np.nan)])
def test_no_interval_where_nothing_can_be_said(values):
    assert np.isnan(interval(values)).all()


@pytest.mark.parametrize("pictures", [5, 14])
def test_equal_methods_differ_in_5_of_100_studies_at_most_and_better_ones_are_found(pictures):
    rng = np.random.default_rng(4)
    assert 0.02 <= np.mean([different(*two_methods(rng, 26, pictures, 0)) for _ in range(1000)]) <= 0.065
    assert np.mean([different(*two_methods(rng, 26, pictures, 1.2)) for _ in range(100)]) > 0.9


def test_limits_are_students():
    assert pytest.approx(stats.t.ppf(0.975, FREEDOM), rel=1e-3) == LIMITS
