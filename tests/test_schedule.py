import math
from itertools import pairwise

from srgan_hub.training.optimizers import learning_rate


def test_rises_then_falls_to_the_floor():
    rates = [learning_rate(step, peak=1e-3, total=1000) for step in range(1001)]
    assert math.isclose(rates[0], 1e-5)
    assert math.isclose(max(rates), 1e-3)
    assert rates.index(max(rates)) in (99, 100)
    assert all(a < b for a, b in pairwise(rates[:100]))
    assert all(a > b for a, b in pairwise(rates[100:]))
    assert math.isclose(rates[-1], 1e-6)
    assert math.isclose(rates[550], (1e-3 + 1e-6) / 2)


def test_run_shorter_than_the_warm_up_is_defined():
    assert math.isclose(learning_rate(9, peak=1e-3, total=10), 1e-4)
