import json

import numpy as np
import onnx
import pytest
import torch

from conftest import ROOT, smooth_photo
from srgan_hub import SRGANGenerator
from srgan_hub.cli import main
from srgan_hub.imaging.io import ImageError
from srgan_hub.inference import export as module
from srgan_hub.inference.backends import openvino_core
from srgan_hub.inference.export import OPSET, export


def by_onnxruntime(path, lr: np.ndarray) -> np.ndarray:
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"lr": lr})[0]


def by_openvino(path, lr: np.ndarray) -> np.ndarray:
    return openvino_core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([lr])[0]


def test_other_programs_compute_the_checkpoint_at_odd_sizes(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    path = str(tmp_path / "model.onnx")
    assert main(["export", "srgan-x4-lite", "-o", path]) == 0
    assert f"{path}: srgan-x4-lite, x4; lr: (N, 3, H, W) float32 RGB in [0, 1]; sr: " in capsys.readouterr().out
    generator = SRGANGenerator.from_pretrained("srgan-x4-lite")
    for width, height in ((37, 23), (51, 65)):
        lr = np.asarray(smooth_photo(width, height)).transpose(2, 0, 1)[None].astype(np.float32) / 255
        with torch.inference_mode():
            expected = generator(torch.from_numpy(lr)).numpy()
        for compute in (by_onnxruntime, by_openvino):
            assert np.abs(compute(path, lr) - expected).max() <= 1e-4


def test_file_says_what_it_is(tmp_path):
    about = export("srgan-x4", tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == about
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    sides = [side.dim_param or side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim]
    assert sides == ["batch", 3, "lr_height", "lr_width"]
    known = json.loads((ROOT / "docs" / "results.json").read_text())["methods"]["srgan-x4"]["weights_sha256"]
    assert about["weights_sha256"] == known and about["scale"] == "4"


def test_what_cannot_be_written_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert main(["export", "srgan-x4-lite", "-o", "model.onnx"]) == 2
    assert "pip install 'srgan-hub[onnx]'" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_failure_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "a.onnx").write_text("before")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(ImageError, match="cannot be written"):
        export("srgan-x4-lite", tmp_path / "a.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"] and (tmp_path / "a.onnx").read_text() == "before"


def test_only_onnx_is_written(tmp_path, capsys):
    assert main(["export", "srgan-x4-lite", "-o", str(tmp_path / "a.pt")]) == 2
    assert "must end in .onnx" in capsys.readouterr().err and not list(tmp_path.iterdir())
    assert main(["export", "srgan-x4-lite", "--format", "onnx", "-o", str(tmp_path / "a.onnx")]) == 0
