"""The line by itself, and at a page that is really there."""

import time

import pytest
from gradio_client import Client, handle_file

import app
from benchmarks.clients import ask, at_once
from conftest import smooth_photo
from srgan_hub.ui.enlarge import Step
from srgan_hub.ui.models import Limits
from srgan_hub.ui.queue import Full, Line

MODEL = "srgan-x4-lite"
FULL = "The queue is full (2 waiting). Please try again in a minute or two."


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr("srgan_hub.ui.queue.PATIENCE", 0.01)


def work(result="done", steps=2):
    for number in range(steps):
        yield Step(f"step {number}", number / steps)
    return result


def words(running):
    return next(running).words


def ended(running):
    while True:
        try:
            next(running)
        except StopIteration as end:
            return end.value


def test_who_comes_first_is_first_and_the_others_hear_their_place():
    line = Line(1, 2)
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
    line = Line(2, 9)
    line.usual, line.there = 20.0, list("abcde")
    assert line.words(0) == "You are number 1 of 3 in the queue, about 20 s to go"
    assert line.words(2) == "You are number 3 of 3 in the queue, about 40 s to go"


def test_whose_turn_comes_while_nobody_looks_begins_at_once(monkeypatch):
    monkeypatch.setattr("srgan_hub.ui.queue.PATIENCE", 10)
    line = Line(1, 2)
    first, second = line.steps(work()), line.steps(work())
    assert words(first) == "step 0"
    assert words(second) == "You are number 1 of 1 in the queue"
    ended(first)
    start = time.monotonic()
    assert words(second) == "step 0"
    assert time.monotonic() - start < 5


def test_one_too_many_is_told_and_who_leaves_gives_a_place():
    line = Line(1, 2)
    running = [line.steps(work(number)) for number in range(4)]
    for one in running[:3]:
        next(one)
    with pytest.raises(Full, match=r"The queue is full \(2 waiting\)"):
        next(running[3])
    running[1].close()  # while waiting
    running[0].close()  # while working
    assert words(running[2]) == "step 0"
    assert len(line.there) == 1


def test_a_mistake_leaves_the_line():
    def mistaken():
        raise ValueError("wrong")
        yield

    line = Line(1, 1)
    with pytest.raises(ValueError, match="wrong"):
        next(line.steps(mistaken()))
    assert not line.there


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    page = app.build(Limits(queue=2))
    page.launch(prevent_thread_lock=True, quiet=True)
    yield page
    page.close()


def test_every_request_is_answered_or_refused_in_a_sentence(page, tmp_path):
    smooth_photo(1200, 1200).save(tmp_path / "large.jpg")
    smooth_photo(16, 16).save(tmp_path / "small.png")
    clients = [Client(page.local_url, verbose=False) for _ in range(6)]

    def submitted(client, name):
        job = client.submit(handle_file(tmp_path / name), MODEL, api_name="/upscale")
        while not job.outputs():  # it computes, or waits
            time.sleep(0.02)
        return job

    first = submitted(clients[0], "large.jpg")
    jobs = [submitted(client, "small.png") for client in clients[1:3]]
    assert jobs[1].outputs()[0][1]["words"] == "You are number 2 of 2 in the queue"
    answers = at_once(clients[3:], str(tmp_path / "small.png"), model=MODEL)
    assert [(answer.kind, answer.words) for answer in answers] == 3 * [("refused", FULL)]
    first.cancel()
    assert all(job.result(timeout=30) for job in jobs)
    assert ask(clients[3], str(tmp_path / "small.png"), model=MODEL).kind == "answered"
