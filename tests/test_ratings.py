import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from conftest import ROOT
from simulated_raters import small_study
from srgan_hub.evaluation.opinion.ratings import append, latest, left, read
from srgan_hub.evaluation.opinion.study import Presentation

RATE = """
import sys
from srgan_hub.evaluation.opinion.ratings import append
from srgan_hub.evaluation.opinion.study import Study
study = Study.load(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for turn in range(int(sys.argv[4])):
    for shown in study.order(sys.argv[3]):
        append(sys.argv[2], study, sys.argv[3], shown, 1 + turn % 5, simulated=True)
        print(flush=True)
"""


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path / "study", images=3)[1]


def rater(study, path, name, turns):
    """A process of its own that is ready and, told to, rates everything so many times: a line for every acknowledged rating."""
    command = [sys.executable, "-c", RATE, str(study.folder), str(path), name, str(turns)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def start(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_what_is_appended_is_read(study, tmp_path):
    path = tmp_path / "new" / "ratings.jsonl"
    shown = study.order("anna")[:3]
    given = [append(path, study, "anna", each, score, simulated=True) for each, score in zip(shown, (1, 3, 5), strict=True)]
    assert read(path) == (given, 0)
    line = json.loads(path.read_text().splitlines()[1])
    assert line == {"study": study.version, "rater": "anna", "item": shown[1].item, "repeat": False, "score": 3,
                    "time": given[1].time, "simulated": True}  # fmt: skip
    assert read(tmp_path / "none.jsonl") == ([], 0)


def test_a_person_is_not_marked_and_a_program_is(study, tmp_path):
    append(tmp_path / "r", study, "anna", study.order("anna")[0], 2)
    assert "simulated" not in json.loads((tmp_path / "r").read_text())
    assert not read(tmp_path / "r")[0][0].simulated


@pytest.mark.parametrize("score", [0, 6, 2.5, 3.0, True, "3", None])
def test_only_whole_scores_from_1_to_5(study, tmp_path, score):
    with pytest.raises(ValueError, match="whole number from 1 to 5"):
        append(tmp_path / "r", study, "anna", study.order("anna")[0], score)
    assert not (tmp_path / "r").exists()


def test_only_what_the_study_shows(study, tmp_path):
    repeated = {shown.item for shown in study.order("anna") if shown.repeat}
    once = next(item for item in study.items if item not in repeated)
    example = study.calibration[0].item
    for shown in (Presentation("unknown", False), Presentation(once, True), Presentation(example, False)):
        with pytest.raises(ValueError, match="has no picture"):
            append(tmp_path / "r", study, "anna", shown, 3)
    for name in ("", "x" * 101, None):
        with pytest.raises(ValueError, match="1 to 100 characters"):
            append(tmp_path / "r", study, name, study.order("anna")[0], 3)


def test_two_processes_at_once_lose_nothing(study, tmp_path):
    """Every acknowledged rating of three writers is there, whole; and their writing did overlap."""
    path = tmp_path / "ratings.jsonl"
    processes = [rater(study, path, name, 8) for name in ("anna", "ben", "cleo")]
    for process in processes:
        start(process)
    acknowledged = [len(process.communicate(timeout=120)[0].splitlines()) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    ratings, torn = read(path)
    assert torn == 0
    for name, count in zip(("anna", "ben", "cleo"), acknowledged, strict=True):
        own = [(r.item, r.repeat) for r in ratings if r.rater == name]
        assert count == len(own) == 8 * len(study.order(name))
        assert own == list(study.order(name)) * 8
    names = [r.rater for r in ratings]
    assert sum(a != b for a, b in pairwise(names)) > 5


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_writer_loses_nothing_acknowledged(study, tmp_path, kills, report):
    path, acknowledged = tmp_path / "ratings.jsonl", 0
    for round in range(kills):
        process = rater(study, path, f"r{round}", 1000)
        start(process)
        for _ in range(20 + round):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read()  # communicate() would leave out what readline() has read ahead
        process.communicate()
        own = [r for r in read(path)[0] if r.rater == f"r{round}"]
        acknowledged += 20 + round + len(rest.splitlines())
        assert 0 <= len(own) - (20 + round + len(rest.splitlines())) <= 1
    begun = time.monotonic()
    append(path, study, "anna", study.order("anna")[0], 4, simulated=True)  # no lock is left behind
    assert time.monotonic() - begun < 5
    report(kills=kills, acknowledged=acknowledged, torn=read(path)[1])


@pytest.mark.parametrize("cut", [1, 2, 40, 120])
def test_a_torn_line_is_passed_over_and_the_next_rating_is_whole(study, tmp_path, cut):
    """Cut by 1 only the end of the line is missing, and the rating is there."""
    path = tmp_path / "r"
    shown = study.order("anna")
    given = [append(path, study, "anna", each, 3, simulated=True) for each in shown[:2]]
    path.write_bytes(path.read_bytes()[:-cut])
    torn = int(cut > 1)
    assert read(path) == (given[: 2 - torn], torn)
    more = append(path, study, "anna", shown[2], 5, simulated=True)
    assert read(path) == ([*given[: 2 - torn], more], torn)


def test_a_whole_line_that_is_no_rating_is_named(study, tmp_path):
    path = tmp_path / "r"
    append(path, study, "anna", study.order("anna")[0], 4, simulated=True)
    good = path.read_text()
    for bad in ("[1]", "{}", good.replace('"score": 4', '"score": 9'), good.replace('"anna"', "7"), good.replace("time", "date")):
        path.write_text(good + bad.strip() + "\n")
        with pytest.raises(ValueError, match="line 2 is not a rating"):
            read(path)


def test_a_changed_mind_replaces_the_same_look_only(study, tmp_path):
    order = study.order("anna")
    again = next(shown for shown in order if shown.repeat)
    first = Presentation(again.item, False)
    for shown, score in ((first, 1), (again, 2), (first, 5)):
        append(tmp_path / "r", study, "anna", shown, score, simulated=True)
    found = latest(read(tmp_path / "r")[0])
    assert {key[1:]: rating.score for key, rating in found.items()} == {first: 5, again: 2}


def test_who_comes_back_goes_on(study, tmp_path):
    order = study.order("anna")
    for shown in order[:4]:
        append(tmp_path / "r", study, "anna", shown, 3, simulated=True)
    append(tmp_path / "r", study, "ben", order[5], 3, simulated=True)
    assert left(study, "anna", read(tmp_path / "r")[0]) == order[4:]
