import os
import signal
import subprocess
import sys

import pytest

from conftest import ROOT
from simulated_raters import small_study
from srgan_hub.evaluation.opinion import ratings
from srgan_hub.evaluation.opinion.ratings import Rating, Sessions, append, new_secret, rater_of, read

GIVEN = [Rating("study", "anna", f"{number:016x}", 1 + number % 5, "now", simulated=True) for number in range(3)]
RATE = """
import sys
from pathlib import Path
from srgan_hub.evaluation.opinion.ratings import Rating, append
for number in range(1000):
    append(Path(sys.argv[1]), Rating("study", "anna", f"{number:016x}", 3, "now"))
    print(flush=True)
"""


def write(path, given):
    for rating in given:
        append(path, rating)
    return path


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_writer_loses_nothing_acknowledged(tmp_path, kills, report):
    acknowledged = 0
    for round in range(kills):
        path = tmp_path / f"{round}.jsonl"
        process = subprocess.Popen([sys.executable, "-c", RATE, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(20 + round):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        told = 20 + round + len(process.stdout.read().splitlines())  # communicate() would leave out what was read ahead
        process.communicate()
        assert 0 <= len(read([path])) - told <= 1
        acknowledged += told
    report(kills=kills, acknowledged=acknowledged)


@pytest.mark.parametrize("cut", [1, 2, 40, 100])
def test_a_torn_line_is_passed_over(tmp_path, cut):
    """Cut by 1 only the end of the line is missing, and the rating is there."""
    path = write(tmp_path / "new" / "r", GIVEN)
    assert read([path]) == GIVEN
    path.write_bytes(path.read_bytes()[:-cut])
    assert read([path]) == GIVEN[: 3 - (cut > 1)]


def test_a_whole_line_that_is_no_rating_is_named(tmp_path):
    good = write(tmp_path / "r", GIVEN[:1]).read_text()
    for bad in ("[1]", "{}", good.replace('"score": 1', '"score": 9'), good.replace('"score": 1', '"score": "3"')):
        (tmp_path / "r").write_text(good + bad.strip() + "\n")
        with pytest.raises(ValueError, match="line 2 is not a rating"):
            read([tmp_path / "r"])


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path / "study", images=1)[1]


def test_examples_come_first_then_every_picture_in_the_raters_order(study, tmp_path):
    sessions = Sessions(study, tmp_path)
    turns = [sessions.turn("me", number) for number in range(4)]
    assert [(turn.score, turn.number, turn.of) for turn in turns] == [(1, 1, 4), (5, 2, 4), (1, 3, 4), (5, 4, 4)]
    for number, item in enumerate(study.order("me")):
        assert sessions.turn("me", 4) == (item, None, number + 1, 8)
        sessions.rate("me", item, 1 + number % 5)
    assert sessions.turn("me", 4).item is None
    ratings = read([sessions.file])
    assert [rating.score for rating in ratings] == [1, 2, 3, 4, 5, 1, 2, 3] and not any(rating.simulated for rating in ratings)


def test_after_a_restart_raters_go_on_where_they_stopped(study, tmp_path):
    first = Sessions(study, tmp_path)
    for item in study.order("me")[:2]:
        first.rate("me", item, 3)
    second = Sessions(study, tmp_path)
    assert second.turn("me", 0).item == study.order("me")[2]
    assert second.turn("you", 4).item == study.order("you")[0]
    second.rate("me", study.order("me")[2], 3)
    assert len(read([first.file])) == 2 and len(read([second.file])) == 1


def test_one_rating_for_what_a_rater_was_shown(study, tmp_path):
    sessions = Sessions(study, tmp_path)
    item = sessions.turn("me", 4).item
    sessions.rate("me", item, 4)
    sessions.rate("me", item, 1)
    assert [rating.score for rating in read([sessions.file])] == [4]
    for other in ("foreign", study.calibration[0][0]):
        with pytest.raises(ValueError, match="no such picture"):
            sessions.rate("me", other, 4)


def test_what_is_kept_of_a_rater_is_no_key_to_their_ratings():
    secret = new_secret()
    assert secret != new_secret()
    assert rater_of(secret) == rater_of(secret)
    assert rater_of(rater_of(secret)) != rater_of(secret)  # who reads the one in a file is somebody else
    for other in ("", "../../etc/passwd", "a" * 31, "A" * 32, "a" * 32 + "\n", "é" * 32, None, 7, ["a" * 32], {"a": 1}):
        with pytest.raises(ValueError, match="not issued by this page"):
            rater_of(other)


def test_raters_are_so_many_and_no_more(study, tmp_path, monkeypatch):
    monkeypatch.setattr(ratings, "RATERS", 3)
    sessions = Sessions(study, tmp_path)
    for name in "abc":
        sessions.rate(name, study.order(name)[0], 3)
    for again in (sessions, Sessions(study, tmp_path)):  # another process counts them too
        with pytest.raises(ValueError, match="as many raters"):
            again.rate("d", study.order("d")[0], 3)
    sessions.rate("a", study.order("a")[1], 3)  # who has begun goes on
    assert len(read([sessions.file])) == 4
