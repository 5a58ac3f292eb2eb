import numpy as np
import pytest

from benchmarks.opinion_intervals import true_mean
from simulated_raters import OPINIONS, rate, small_study
from srgan_hub.evaluation.opinion.scores import faults, report
from srgan_hub.evaluation.opinion.study import RULES, Key


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """A study, and the ratings of twelve programs that pass for people here, and only here."""
    key, study = small_study(tmp_path_factory.mktemp("mos") / "study", images=10)
    return key, [rating._replace(simulated=False) for rating in rate(key, study, raters=12)]


def table(text, part):
    """The cells of the rows of one part's table."""
    rows = [line for line in text.split(part)[1].split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows[2:]]


def test_programs_are_never_shown_as_opinions(rated):
    key, ratings = rated
    programs = [rating._replace(simulated=True) for rating in ratings]
    for given in (programs, []):
        text = report(key, given)
        assert [row[2] for row in table(text, "# Mean")] == ["not rated"] * 8
        assert f"{len(given)} ratings given by a program" in text and "no person has given a rating" in text
    person = [rating for rating in ratings if rating.rater == "r0"]
    alone, mixed = report(key, person), report(key, programs[len(person) :] + person)
    assert alone.partition("| set")[2] == mixed.partition("| set")[2]


def test_means_and_votes_are_those_of_all_raters(rated):
    key, ratings = rated
    rows = table(report(key, ratings), "# Mean")
    assert [row[:2] for row in rows] == [[name, method] for name in ("Set5", "Mine") for method in OPINIONS]
    for name, method, mean, interval, count, *votes in rows:
        scores = [r.score for r in ratings if key.items[r.item][0] == name and key.items[r.item][2] == method]
        assert mean == f"{np.mean(scores):.2f}" and int(count) == len(scores) == 120
        assert [int(vote) for vote in votes] == [scores.count(value) for value in range(1, 6)]
        low, high = map(float, interval.split(" to "))
        assert 1 <= low < float(mean) < high <= 5 and abs(float(mean) - true_mean(OPINIONS[method])) < 0.6


def test_order_of_lines_and_other_studies_change_nothing(rated):
    key, ratings = rated
    other = [ratings[0]._replace(study="another", score=5), ratings[1]._replace(item="unknown")]
    assert report(key, ratings[::-1] + other) == report(key, ratings).replace("0 of another", "2 of another")
    changed = [ratings[0]._replace(time="9", score=score, rater="r0") for score in (1, 5)]
    assert report(key, ratings + changed) == report(key, [changed[1], *ratings[1:]])  # the last rating of a picture counts


def test_excluded_raters_are_named_and_left_out(rated):
    key, ratings = rated
    rng = np.random.default_rng(0)
    dice = [rating._replace(rater=f"d{rating.rater}", score=int(rng.integers(1, 6))) for rating in ratings]
    bored = [rating._replace(rater="dull", score=3) for rating in ratings if rating.rater == "r1"]
    text = report(key, ratings + dice + bored)
    excluded = {row[0]: row[2] for row in table(text, "## Raters") if row[2]}
    assert excluded["dull"] == "HR 3.00, not 1 above nearest, 3.00"
    assert len(excluded) > 10 and all(name.startswith("d") for name in excluded)
    assert f"by {25 - len(excluded)} raters" in text


def test_all_pairs_are_compared(rated):
    rows = {tuple(row[:3]): row[3:] for row in table(report(*rated), "## Differences")}
    assert len(rows) == 2 * 6
    difference, between = rows["Set5", "nearest", "HR"]
    low, high = map(float, between.split(" to "))
    assert 0 < low < float(difference) < high
    assert float(difference) == pytest.approx(true_mean(OPINIONS["HR"]) - true_mean(OPINIONS["nearest"]), abs=0.8)


def test_half_finished_raters_count_and_one_rater_has_no_interval(rated):
    key, ratings = rated
    half = [rating for number, rating in enumerate(ratings) if int(rating.rater[1:]) < 6 or number % 2]
    rows = table(report(key, half), "# Mean")
    assert all(60 < int(row[4]) < 120 and " to " in row[3] for row in rows)
    text = report(key, [rating for rating in ratings if rating.rater == "r0"])
    assert [row[3:5] for row in table(text, "# Mean")] == [["–", "10"]] * 8
    assert {row[4] for row in table(text, "## Differences")} == {"–"}


def test_each_rule_is_told_by_its_reason():
    methods = {f"{method}{number}": method for method in ("nearest", "HR", "model") for number in range(10)}
    key = Key("", RULES, ["nearest", "model", "HR"], {item: ("Set5", item, method) for item, method in methods.items()})
    careful = {item: {"nearest": 1, "model": 3, "HR": 5}[method] for item, method in methods.items()}
    assert faults(key, careful) == []
    assert faults(key, dict(list(careful.items())[:5])) == ["5 ratings, fewer than 20"]
    assert faults(key, {item: 6 - score for item, score in careful.items()}) == ["HR 1.00, not 1 above nearest, 5.00"]
    assert faults(key._replace(rules=RULES | {"least_difference": 5}), careful) == ["HR 5.00, not 5 above nearest, 1.00"]
