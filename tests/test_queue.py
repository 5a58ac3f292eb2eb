"""The queue by itself, and on a page that is really there."""

import gc
import time
import weakref

import pytest
from gradio_client import Client, handle_file

import app
from benchmarks.clients import ask, at_once
from conftest import smooth_photo
from srgan_hub.ui.models import Limits
from srgan_hub.ui.queue import Line, Step, Stopped, duration, steps

MODEL = "srgan-x4-lite"
FULL = "The queue is full (2 waiting). Please try again in a minute or two."


def test_steps_come_one_by_one_and_last_the_result_or_the_error():
    def work(report):
        for number in range(3):
            report(Step(f"step {number}", number / 3))
        return "done"

    def mistaken(report):
        work(report)
        raise ValueError("no good")

    assert [getattr(news, "words", news) for news in steps(work)] == ["step 0", "step 1", "step 2", "done"]
    running = steps(mistaken)
    assert [next(running).words for _ in range(3)] == ["step 0", "step 1", "step 2"]
    with pytest.raises(ValueError, match="no good"):
        next(running)


def test_closing_ends_the_work_and_frees_at_once_what_was_computed():
    """Not when Python next looks for circles, which may be after hundreds of megabytes."""
    ended, kept = [], []

    class Pixels:
        pass

    def work(report):
        pixels = Pixels()
        kept.append(weakref.ref(pixels))
        try:
            while True:
                report(Step("", 0))
                time.sleep(0.01)
        except Stopped:
            ended.append(True)
            raise

    gc.disable()
    try:
        running = steps(work)
        next(running)
        running.close()
        assert ended == [True]
        assert kept[0]() is None
    finally:
        gc.enable()


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr("srgan_hub.ui.queue.PATIENCE", 0.01)


def work(result="done"):
    def step_by_step(report):
        for number in range(2):
            report(Step(f"step {number}", number / 2))
        return result

    return step_by_step


def words(running):
    return next(running).words


def ended(running):
    return list(running)[-1]


def test_who_comes_first_is_first_and_the_others_hear_their_place(hasty):
    line = Line(2)
    first, second, third = (line.steps(work(name)) for name in "abc")
    assert words(first) == "step 0"
    assert words(second) == "You are number 1 of 1 in the queue"
    assert words(third) == "You are number 2 of 2 in the queue"
    assert ended(first) == "a"
    assert words(third).startswith("You are number 1 of 1 in the queue, about 1 s to go")
    assert words(second) == "step 0"
    assert ended(second) == "b"
    assert ended(third) == "c"


def test_the_time_to_wait_is_that_of_those_before():
    line = Line(9)
    line.usual, line.there = 20.0, list("abcd")
    assert line.words(1) == "You are number 1 of 3 in the queue, about 20 s to go"
    assert line.words(3) == "You are number 3 of 3 in the queue, about 60 s to go"
    assert [duration(seconds) for seconds in (0.2, 89, 100, 5400)] == ["1 s", "89 s", "2 min", "1.5 h"]


def test_whose_turn_comes_while_nobody_looks_begins_at_once():
    line = Line(2)
    first, second = line.steps(work()), line.steps(work())
    assert words(first) == "step 0"
    assert words(second) == "You are number 1 of 1 in the queue"
    ended(first)
    start = time.monotonic()
    assert words(second) == "step 0"
    assert time.monotonic() - start < 2


def test_who_leaves_or_fails_gives_a_place(hasty):
    def mistaken(report):
        raise ValueError("wrong")

    line = Line(2)
    first, second, third = (line.steps(one) for one in (work(), work(), mistaken))
    next(first), next(second), next(third)
    second.close()  # while waiting
    first.close()  # while working
    with pytest.raises(ValueError, match="wrong"):
        next(third)
    assert not line.there


def test_a_stop_ends_the_jobs_of_one_owner(hasty):
    line = Line(2)
    mine, other, waiting = line.steps(work(), "me"), line.steps(work("b"), "you"), line.steps(work(), "me")
    next(mine), next(other), next(waiting)
    line.stop("me")
    for job in (mine, waiting):
        with pytest.raises(Stopped):
            next(job)
    assert ended(other) == "b"
    assert not line.there


def test_a_stopped_job_has_no_result():
    line = Line(2)
    last = line.steps(work(), "me")
    next(last), next(last)
    line.stop("me")
    with pytest.raises(Stopped):
        next(last)


def test_every_request_is_answered_or_refused_in_a_sentence(tmp_path, monkeypatch, hasty):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    page = app.build(Limits(queue=2))
    page.launch(prevent_thread_lock=True, quiet=True)
    smooth_photo(1200, 1200).save(tmp_path / "large.jpg")
    smooth_photo(16, 16).save(tmp_path / "small.png")
    clients = [Client(page.local_url, verbose=False) for _ in range(5)]

    def submitted(client, name):
        job = client.submit(handle_file(tmp_path / name), MODEL, api_name="/upscale")
        while not job.outputs():  # it computes, or waits
            time.sleep(0.02)
        return job

    try:
        first = submitted(clients[0], "large.jpg")
        jobs = [submitted(client, "small.png") for client in clients[1:3]]
        assert jobs[1].outputs()[0][1]["words"] == "You are number 2 of 2 in the queue"
        answers = at_once(clients[3:], str(tmp_path / "small.png"), model=MODEL)
        assert [(answer.kind, answer.words) for answer in answers] == 2 * [("refused", FULL)]
        first.cancel()
        assert all(job.result(timeout=30) for job in jobs)
        assert ask(clients[3], str(tmp_path / "small.png"), model=MODEL).kind == "answered"
    finally:
        page.close()
