import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT
from srgan_hub.ui.server import fresh_folder, keep_swept, sweep

CODE = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from srgan_hub.ui.server import fresh_folder, own_folder
home = own_folder()
(fresh_folder() / "photo_x4.png").write_bytes(b"result")
print(home, flush=True)
time.sleep({})
"""


def test_each_result_has_a_folder_where_gradio_serves_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "temporary"))
    one, other = fresh_folder(), fresh_folder()
    assert one != other
    assert one.parent == other.parent == tmp_path / "temporary"


@pytest.mark.parametrize("end", ["by itself", signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_behind(tmp_path, end):
    code = CODE.format(0 if end == "by itself" else 60)
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path)}
    running = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               cwd=ROOT, env=environment)  # fmt: skip
    home = Path(running.stdout.readline().strip())
    assert home.parent == tmp_path
    if end != "by itself":
        time.sleep(0.2)
        running.send_signal(end)
    running.wait(20)
    running.stdout.close()
    assert not list(tmp_path.iterdir())


def test_what_nobody_fetched_is_deleted_and_what_the_page_shows_stays(tmp_path):
    for name in ("half an upload", "hash/example.png", "job/photo_x4.png", "empty/"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_bytes(b"x")
    standing = {str(tmp_path / "hash" / "example.png")}
    sweep(tmp_path, 60, standing)
    assert len(list(tmp_path.rglob("*"))) == 6  # all are new
    time.sleep(0.05)
    sweep(tmp_path, 0.04, standing)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "example.png", "hash", "job"]
    time.sleep(0.1)
    sweep(tmp_path, 0.04, standing)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["example.png", "hash"]


def test_it_is_swept_while_the_program_runs(tmp_path):
    keep_swept(tmp_path, 0.05, set)
    (tmp_path / "left").write_bytes(b"x")
    for _ in range(100):
        time.sleep(0.02)
        if not list(tmp_path.iterdir()):
            break
    assert not list(tmp_path.iterdir())
