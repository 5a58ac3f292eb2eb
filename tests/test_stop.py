import os
import signal
import time

import pytest
from accelerate import Accelerator

from srgan_hub.training.launch import Stop


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stop(Accelerator(cpu=True), None, time.monotonic()) as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop.requested(1)
    finally:
        signal.signal(signal.SIGINT, before)


def test_signal_asks_once_and_the_second_ends_at_once(interruptible):
    before = signal.getsignal(signal.SIGINT)
    with Stop(Accelerator(cpu=True), None, time.monotonic()) as stop:
        assert not stop.requested(1)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested(1)
        assert stop.reason == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_time_that_is_up_counts_from_the_start_of_the_run():
    with Stop(Accelerator(cpu=True), 100.0, time.monotonic() - 99) as stop:
        assert not stop.requested(1)
    with Stop(Accelerator(cpu=True), 100.0, time.monotonic() - 101) as stop:
        assert stop.requested(1)
        assert stop.reason == "the time is up"
