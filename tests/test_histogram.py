import numpy as np

from srgan_hub.evaluation.opinion.statistics import AXIS, GAP, LEFT, MARGIN, PANEL, TITLE, Analysis, Score, fitting, histograms


def score(*votes):
    mean = np.average(range(1, 6), weights=votes) if sum(votes) else np.nan
    return Score(votes, float(mean), np.nan, np.nan)


def inside(figure, row, column):
    """The pixels of one panel, below the words above the mark."""
    top, left = MARGIN + TITLE + row * (PANEL[1] + AXIS + GAP), LEFT + column * (PANEL[0] + GAP)
    return np.asarray(figure).astype(int)[top + 18 : top + PANEL[1] - 1, left : left + PANEL[0]]


def heights(panel):
    """Of the blue bars at each score, in pixels; where the mean's line is, its red counts too."""
    blue = (panel[..., 2] > panel[..., 0] + 20).sum(0)
    return [int(np.median(blue[round((k - 0.75) * PANEL[0] / 5) : round((k - 0.55) * PANEL[0] / 5)])) for k in range(1, 6)]


def test_bars_are_centred_on_the_scores_and_the_mark_on_the_mean():
    methods = [score(8, 2, 0, 0, 0), score(0, 2, 4, 2, 0), score(0, 0, 0, 5, 5), score(0, 0, 0, 0, 0)]
    figure = histograms(Analysis({("Set5", str(number)): found for number, found in enumerate(methods)}, [], []))
    tallest = None
    for column, found in enumerate(methods):
        panel = inside(figure, 0, column)
        red = (panel[..., 0] > 200) & (panel[..., 1] < 60)
        if not found.count:
            assert not red.any()
            continue
        columns = np.flatnonzero(red[40:].sum(0) > 60)
        assert abs(columns.mean() + 0.5 - (found.mean - 0.5) * PANEL[0] / 5) <= 1
        tallest = tallest or heights(panel)[0] / 0.8
        assert np.allclose(heights(panel), [tallest * votes / found.count for votes in found.votes], atol=2)


def test_the_figure_grows_with_sets_and_methods():
    few = histograms(Analysis({("A", m): score(1, 1, 1, 1, 1) for m in "xyz"}, [], []))
    many = histograms(Analysis({(s, m): score(1, 1, 1, 1, 1) for s in "AB" for m in "vwxyz"}, [], []))
    assert many.width - few.width == 2 * (PANEL[0] + GAP)
    assert many.height - few.height == PANEL[1] + AXIS + GAP


def test_long_names_are_cut():
    assert fitting("short", lambda words: len(words) <= 8) == "short"
    assert fitting("quite long", lambda words: len(words) <= 8) == "quite..."
