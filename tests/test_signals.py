"""Commands that are told to stop, while they import, compute and write."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from conftest import ROOT, read, smooth_photo

STOPS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]


def start(*arguments, before: str = "") -> subprocess.Popen:
    """`python -m srgan_hub`, after what `before` does; Ctrl-C reaches it although the tests may run in the background."""
    code = f"import runpy, signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{before}\n"
    code += "sys.argv[0] = 'srgan-hub'\nrunpy.run_module('srgan_hub', run_name='__main__')"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stop(process, kind) -> tuple[int, str, str, float]:
    """The status, what was told on stdout and said on stderr, and the seconds until the end."""
    process.send_signal(kind)
    begun = time.monotonic()
    told, said = process.communicate(timeout=60)
    return process.returncode, told, said, time.monotonic() - begun


WRITES = """
import time
from pathlib import Path
write = Path.write_bytes
def endless(self, *arguments):
    write(self, *arguments)
    print("writing", flush=True)
    time.sleep(1000)
Path.write_bytes = endless
"""


IMPORTS = """
import builtins
real = builtins.__import__
def slow(name, *rest, **more):
    if name == "torch":
        import time
        print("importing", flush=True)
        time.sleep(100)
    return real(name, *rest, **more)
builtins.__import__ = slow
"""


@pytest.mark.parametrize(("kind", "status"), [STOPS[1], pytest.param(*STOPS[0], marks=pytest.mark.soak)])
def test_a_stop_waits_for_no_writer_and_leaves_nothing(kind, status, tmp_path, tiny_generator):
    tiny_generator.save_pretrained(tmp_path / "model")
    smooth_photo(8, 8).save(tmp_path / "a.png")
    arguments = ["upscale", tmp_path / "a.png", "-o", tmp_path / "out", "--model", tmp_path / "model", "--format", "webp"]
    process = start(*arguments, before=WRITES)
    assert process.stdout.readline() == "writing\n"
    assert len(os.listdir(tmp_path / "out")) == 1
    ended, _, said, seconds = stop(process, kind)
    assert ended == status and "stopped; what was finished is kept" in said and "Traceback" not in said
    assert seconds < 3 and os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize(("kind", "status"), STOPS)
def test_a_stop_while_it_is_imported_is_no_traceback(kind, status):
    process = start("upscale", "a.png", "-o", "b.png", before=IMPORTS)
    assert process.stdout.readline() == "importing\n"
    ended, _, said, seconds = stop(process, kind)
    assert (ended, said) == (status, "") and seconds < 3


@pytest.mark.soak
def test_stops_at_random_moments(tmp_path, report):
    """With a bundled network, a folder of pictures and each kind of stop: three seconds, the status, whole pictures alone."""
    (tmp_path / "in").mkdir()
    for number in range(30):
        smooth_photo(150, 120, number).save(tmp_path / "in" / f"{number:02d}.png")
    moments, slowest = random.Random(0), 0.0
    for number in range(20):
        out = tmp_path / f"out{number}"
        kind, status = STOPS[number % 3]
        process = start("upscale", tmp_path / "in", "-o", out, "--model", "srgan-x4", before="print('begun', flush=True)")
        assert process.stdout.readline() == "begun\n"  # before that it is Python, not the program, that is stopped
        time.sleep(moments.uniform(0.3, 12))
        ended, told, said, seconds = stop(process, kind)
        if "30 enlarged" not in told:  # else Python itself was stopped, while it closed
            assert ended == status and "Traceback" not in said, (ended, told, said)
        slowest = max(slowest, seconds)
        for path in out.iterdir() if out.exists() else ():
            assert path.suffix == ".png" and read(path).size == (600, 480)
    assert slowest < 3
    report(stops=20, slowest_seconds=round(slowest, 2))
