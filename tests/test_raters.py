import math

import numpy as np
import pytest

from simulated_raters import counted_ids, rate, small_study
from srgan_hub.evaluation.opinion.ratings import agreement, difference, faults
from srgan_hub.evaluation.opinion.study import RULES

METHODS = {f"{method}{number}": method for method in ("nearest", "HR", "model") for number in range(10)}
CAREFUL = {item: {"nearest": 1, "model": 3, "HR": 5}[method] for item, method in METHODS.items()}


def test_careful_raters_count():
    assert faults(CAREFUL, [(3, 4), (2, 2)] * 10, METHODS, RULES) == []


def test_each_rule_is_told_by_its_reason():
    few = dict(list(CAREFUL.items())[:5])
    swapped = {item: 6 - score for item, score in CAREFUL.items()}
    assert faults(few, [], METHODS, RULES) == ["5 ratings, fewer than 20"]
    assert faults(dict.fromkeys(CAREFUL, 3), [], METHODS, RULES) == ["always 3", "nearest 3.00, not below HR, 3.00"]
    assert faults(swapped, [], METHODS, RULES) == ["nearest 5.00, not below HR, 1.00"]
    assert faults(CAREFUL, [(1, 3)] * 10, METHODS, RULES) == ["second ratings differ by 2.00, more than 1.3"]
    assert faults(CAREFUL, [(1, 3)] * 9, METHODS, RULES) == []  # too few repeats to be judged by them
    assert faults(CAREFUL, [(1, 3)] * 10, METHODS, RULES | {"largest_difference": 2.5}) == []


def test_dice_are_found_out_and_careful_raters_are_not(tmp_path):
    with counted_ids():
        key, study = small_study(tmp_path / "study", images=8, repeats=20)
    methods = {item: names[2] for item, names in key.items.items()}

    def excluded(ratings, name):
        first = {r.item: r.score for r in ratings if r.rater == name and not r.repeat}
        again = [(first[r.item], r.score) for r in ratings if r.rater == name and r.repeat]
        return bool(faults(first, again, methods, key.rules))

    ratings = rate(key, study, raters=60)
    rng = np.random.default_rng(0)
    dice = [rating._replace(score=int(rng.integers(1, 6))) for rating in ratings]
    assert sum(excluded(ratings, f"r{number}") for number in range(60)) <= 1
    assert sum(excluded(dice, f"r{number}") for number in range(60)) >= 50


def test_difference_and_agreement():
    assert difference([(1, 3), (4, 4)]) == 1
    assert math.isnan(difference([]))
    own = {"a": 1, "b": 3, "c": 5}
    assert agreement(own, [{"a": 2, "b": 3, "c": 4}, {"a": 1, "c": 5}]) == pytest.approx(1)
    assert agreement(own, [{"a": 5, "b": 3, "c": 1}]) == pytest.approx(-1)
    assert math.isnan(agreement(own, []))
    assert math.isnan(agreement({"a": 3, "b": 3, "c": 3}, [own]))
