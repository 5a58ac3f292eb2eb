import subprocess
import sys

import pytest

from conftest import ROOT
from srgan_hub.inference import backends
from srgan_hub.inference.backends import EngineError, import_openvino, onnx_model, openvino_model
from srgan_hub.models.srresnet.graph import inference_graph


def test_graphs_have_one_input_and_one_output_of_any_size(random_generator):
    steps = inference_graph(random_generator)
    openvino = openvino_model(steps)
    assert [(one.get_any_name(), one.partial_shape.to_string()) for one in (openvino.input(0), openvino.output(0))] == [
        ("lr", "[?,3,?,?]"), ("sr", "[?,3,4..,4..]"),
    ]  # fmt: skip
    onnx = onnx_model(steps)
    assert [value.name for value in (*onnx.graph.input, *onnx.graph.output)] == ["lr", "sr"]
    kinds = [node.op_type for node in onnx.graph.node]
    assert kinds.count("Conv") == 1 + 2 + 1 + 2 + 1 and kinds.count("DepthToSpace") == 2 and "BatchNormalization" not in kinds


def test_without_the_package_onnx_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"needs the package onnx: pip install 'srgan-hub\[onnx\]'"):
        onnx_model([])


def test_a_reporter_that_somebody_else_uses_stays():
    import openvino_telemetry

    import_openvino()
    assert sys.modules["openvino_telemetry"] is openvino_telemetry


def test_ctrl_c_is_heard_after_a_thread_dropped_an_engine():
    """OpenVINO handles the signals of the thread that opens it in memory of its own."""
    code = """
import os, signal, threading, time
from srgan_hub import SRGANGenerator
from srgan_hub.inference.backends import open_engine
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
engines = [open_engine(SRGANGenerator(width=4, blocks=1), "openvino", "fp32", "cpu")]
dropping = threading.Thread(target=engines.clear)
dropping.start()
dropping.join()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    print("heard")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr


def test_nothing_is_sent_anywhere(tmp_path):
    """Importing OpenVINO starts a thread that reports it, if one lets it; ONNX Runtime reports from inside of its library, which
    Python's sockets do not see, and first writes down a number for this machine."""
    code = """
import socket
tried = []
def refuse(*arguments):
    tried.append(arguments)
    raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = socket.getaddrinfo = refuse
import torch
from srgan_hub import SRGANGenerator
from srgan_hub.inference.backends import open_engine
for name in ("openvino", "onnxruntime"):
    open_engine(SRGANGenerator(width=4, blocks=1), name, "fp32", "cpu")(torch.rand(1, 3, 4, 4))
import sys, threading
print(tried, threading.active_count(), [name for name in sys.modules if name.startswith("openvino_telemetry")])
import openvino_telemetry  # others may still have it
"""
    home = {"HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=home, capture_output=True, text=True)
    assert done.stdout == "[] 1 []\n", done.stdout + done.stderr
    assert done.returncode == 0 and not (tmp_path / "intel").exists()
    assert not list(tmp_path.rglob("*onnxruntime*"))
