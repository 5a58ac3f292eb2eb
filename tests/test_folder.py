import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT
from srgan_hub.ui.folder import fresh_folder

CODE = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from srgan_hub.ui.folder import fresh_folder, own_folder
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
