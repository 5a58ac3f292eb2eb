import re

import numpy as np
import pytest

from benchmarks.opinion_intervals import true_mean
from simulated_raters import OPINIONS, counted_ids, rate, small_study
from srgan_hub.evaluation.opinion.statistics import analyse, explained, report, score_table


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    with counted_ids():
        key, study = small_study(tmp_path_factory.mktemp("mos") / "study", images=10)
    return key, rate(key, study, raters=12)


def test_programs_are_never_shown_as_opinions(rated):
    key, ratings = rated
    assert all(rating.simulated for rating in ratings)
    for given in (ratings, []):
        text, analysis = report(key, given)
        assert analysis is None
        rows = [line for line in text.splitlines() if line.startswith(("| Set5", "| Mine"))]
        assert [cell.strip() for row in rows for cell in row.split("|")[3:-1]] == ["not rated"] * 8
        assert not re.search(r"\d\.\d\d", text)
    assert f"{len(ratings)} given by a program" in report(key, ratings)[0]


def test_one_person_among_programs_is_alone(rated):
    """What the programs said changes no number beside a person's."""
    key, ratings = rated
    person = [rating._replace(simulated=False) for rating in ratings if rating.rater == "r0"]
    alone, mixed = report(key, person), report(key, [r for r in ratings if r.rater != "r0"] + person)
    assert str(alone[1]) == str(mixed[1])
    assert [rater.name for rater in mixed[1].raters] == ["r0"]


def test_means_are_those_of_the_first_looks(rated):
    key, ratings = rated
    analysis = analyse(key, ratings)
    for (name, method), score in analysis.scores.items():
        votes = [r.score for r in ratings if not r.repeat and key.items[r.item][0] == name and key.items[r.item][2] == method]
        assert score.mean == pytest.approx(np.mean(votes))
        assert score.count == len(votes) == 120
        assert score.votes == tuple(votes.count(value) for value in range(1, 6))
        assert score.low < score.mean < score.high
        assert abs(score.mean - true_mean(OPINIONS[method])) < 0.6


def test_order_of_lines_and_other_studies_change_nothing(rated):
    key, ratings = rated
    other = [ratings[0]._replace(study="another", score=5), ratings[1]._replace(item="unknown")]
    assert str(analyse(key, ratings[::-1] + other)) == str(analyse(key, ratings))


def test_excluded_raters_are_named_and_left_out(rated):
    key, ratings = rated
    bored = [rating._replace(rater="bored", score=3) for rating in ratings if rating.rater == "r1"]
    swapped = [rating._replace(rater="swapped", score=6 - rating.score) for rating in ratings if rating.rater == "r2"]
    analysis, without = analyse(key, ratings + bored + swapped), analyse(key, ratings)
    assert str(analysis.scores) == str(without.scores)
    faults = {rater.name: rater.faults for rater in analysis.raters if rater.faults}
    assert faults.keys() == {"bored", "swapped"}
    text = "\n".join(explained(analysis))
    assert "of 12 raters" in text
    assert "excluded: always 3; nearest 3.00, not below HR, 3.00" in text


def test_all_pairs_are_compared_and_corrected_together(rated):
    key, ratings = rated
    comparisons = analyse(key, ratings).comparisons
    assert len(comparisons) == 2 * 6
    assert all(c.corrected >= c.p for c in comparisons)
    extreme = next(c for c in comparisons if (c.set, c.one, c.other) == ("Set5", "nearest", "HR"))
    assert extreme.corrected < 0.001
    assert extreme.difference == pytest.approx(true_mean(OPINIONS["HR"]) - true_mean(OPINIONS["nearest"]), abs=0.8)


def test_consistency_is_of_the_same_picture(rated):
    key, ratings = rated
    exact = [r for r in ratings if not r.repeat]
    scores = {(r.rater, r.item): r.score for r in exact}
    same = exact + [r._replace(score=scores[r.rater, r.item]) for r in ratings if r.repeat]
    assert {rater.difference for rater in analyse(key, same).raters} == {0}
    assert all(0.3 < rater.difference < 1.2 and rater.repeats == 20 for rater in analyse(key, ratings).raters)
    assert all(rater.agreement > 0.5 for rater in analyse(key, ratings).raters)


def test_half_finished_raters_count(rated):
    key, ratings = rated
    half = [rating for number, rating in enumerate(ratings) if int(rating.rater[1:]) < 6 or number % 2]
    analysis = analyse(key, half)
    assert not any(rater.faults for rater in analysis.raters)
    assert {score.count for score in analysis.scores.values()} != {120}
    assert all(np.isfinite([score.low, score.high]).all() for score in analysis.scores.values())


def test_tables_say_what_is_not_known(rated):
    key, ratings = rated
    analysis = analyse(key, [r for r in ratings if r.rater == "r0"])
    lines = score_table(key, analysis)
    assert re.fullmatch(r"\| Set5 \| 10 \|( \d\.\d\d \(10\) \|){4}", lines[2])  # one rater: no interval
    assert "| – | – |" in "\n".join(explained(analysis))
    none = analyse(key, [r for r in ratings if r.rater == "r0"][:5])  # excluded: too few
    assert "not rated" in score_table(key, none)[2]
    assert "excluded: 5 ratings, fewer than 20" in "\n".join(explained(none))
