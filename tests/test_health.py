import math

import pytest

from srgan_hub.training.monitor import WON_UPDATES, Diverged, Health, refuse_infinite

WINS = {"D(hr)": 0.999, "D(sr)": 0.001}
HEALTHY = {"D(hr)": 0.7, "D(sr)": 0.3}


def test_discriminator_that_wins_for_good_is_reported_once():
    health = Health()
    heard = [health.warnings(WINS, 100) for _ in range(WON_UPDATES // 100 + 5)]
    assert [bool(words) for words in heard] == [False] * (WON_UPDATES // 100 - 1) + [True] + [False] * 5
    assert "told results from photos without a mistake for 500 updates" in heard[WON_UPDATES // 100 - 1][0]


def test_discriminator_that_wins_now_and_then_is_not_reported():
    health = Health()
    for _ in range(10):
        assert not health.warnings(WINS, WON_UPDATES - 1)
        assert not health.warnings(HEALTHY, 50)


def test_winning_again_is_reported_again():
    health = Health()
    assert health.warnings(WINS, WON_UPDATES)
    health.warnings(HEALTHY, 50)
    assert health.warnings(WINS, WON_UPDATES)


def test_run_without_a_discriminator_has_nothing_to_say():
    assert Health().warnings({"pixel": 0.1}, 10_000) == []


def test_what_is_not_finite_is_named():
    refuse_infinite({"pixel": 1.0}, 5, "")
    with pytest.raises(Diverged, match=r"update 5: pixel nan, adversarial inf; .*the checkpoint of update 4 is kept"):
        refuse_infinite({"pixel": math.nan, "d": 1.0, "adversarial": math.inf}, 5, "the checkpoint of update 4 is kept")


def test_one_process_ends_all():
    with pytest.raises(Diverged, match="not finite in another process"):
        refuse_infinite({"pixel": 1.0}, 5, "", agree=lambda flag: True)
