import gc
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from srgan_hub.ui.jobs import Stopped, steps


def drained(iterator):
    seen = []
    while True:
        try:
            seen.append(next(iterator))
        except StopIteration as stop:
            return seen, stop.value


def test_reports_come_one_by_one_and_the_result_last():
    def work(report):
        for number in range(3):
            report(number, 3)
        return "done"

    assert drained(steps(work)) == ([(0, 3), (1, 3), (2, 3)], "done")


def test_nothing_is_computed_while_nobody_asks():
    done = []

    def work(report):
        for number in range(5):
            done.append(number)
            report(number)

    running = steps(work)
    assert next(running) == (0,)
    time.sleep(0.1)
    assert done == [0]
    running.close()


def test_closing_ends_the_work():
    ended = []

    def work(report):
        try:
            while True:
                report()
        except Stopped:
            ended.append(True)
            raise

    running = steps(work)
    next(running)
    running.close()
    assert ended == [True]


def test_what_was_computed_until_then_is_free_at_once():
    """Not when Python next looks for circles, which may be after hundreds of megabytes."""

    class Pixels:
        pass

    def work(report):
        pixels = Pixels()
        report(weakref.ref(pixels))
        report()

    gc.disable()
    try:
        running = steps(work)
        (pixels,) = next(running)
        running.close()
        assert pixels() is None
    finally:
        gc.enable()


def test_an_iterator_that_never_began_does_not_stay_behind():
    running = steps(lambda report: report())
    running.close()
    assert list(running) == []


def test_errors_come_out():
    def work(report):
        report(1)
        raise ValueError("no good")

    running = steps(work)
    next(running)
    with pytest.raises(ValueError, match="no good"):
        next(running)


def test_each_step_may_be_asked_for_by_another_thread():
    def work(report):
        report(1)
        return 2

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        running = steps(work)
        assert one.submit(next, running).result() == (1,)
        assert other.submit(lambda: next(running, "end")).result() == "end"
