import numpy as np
import pytest
from scipy import stats

from benchmarks.opinion_intervals import PICTURE, RATER, REST, covered, scores, true_mean, two_methods
from simulated_raters import OPINIONS
from srgan_hub.evaluation.opinion.statistics import estimate, holm, interval, paired_p, student_limit, student_p


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


def test_interval_would_not_cover_if_pictures_were_taken_as_given():
    """The check above can fail: raters alone, as often reported, cover 70 % or so."""
    rng = np.random.default_rng(0)
    truth, hits = true_mean(3.4), 0
    for _ in range(500):
        means = scores(rng, 3.4, 26, 14).mean(1)
        hits += abs(means.mean() - truth) <= 2.06 * means.std(ddof=1) / np.sqrt(26)
    assert hits / 500 < 0.85


def test_interval_stays_on_the_scale():
    values = scores(np.random.default_rng(3), 1.0, 8, 6)
    low, high = interval(values)
    assert 1 <= low < values.mean() < high <= 5


@pytest.mark.parametrize("values", [np.full((9, 9), 2.0), np.ones((0, 4)), np.eye(2) + 1, np.full((3, 9), np.nan)])
def test_no_interval_and_no_test_where_nothing_can_be_said(values):
    assert np.isnan(interval(values)).all()
    assert np.isnan(paired_p(values, values))


@pytest.mark.parametrize("pictures", [5, 14])
def test_equal_methods_differ_in_5_of_100_tests_at_most_and_better_ones_are_found(pictures):
    rng = np.random.default_rng(4)
    p = np.array([paired_p(*two_methods(rng, 26, pictures, 0)) for _ in range(1000)])
    assert 0.02 <= (p < 0.05).mean() <= 0.065
    assert (p < 0.01).mean() <= 0.018
    assert np.mean([paired_p(*two_methods(rng, 26, pictures, 1.2)) < 0.05 for _ in range(100)]) > 0.9


def test_holm_by_hand():
    corrected = holm([0.01, np.nan, 0.04, 0.03, 0.6])
    assert corrected == pytest.approx([0.04, np.nan, 0.09, 0.09, 0.6], nan_ok=True)


@pytest.mark.parametrize("freedom", [1, 2.5, 30, 1e4])
def test_student_matches_scipy(freedom):
    assert student_limit(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-4)
    for t in (0, 0.3, 1.96, 4, 9):
        assert student_p(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), abs=2e-5)
