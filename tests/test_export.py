import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch

from conftest import ROOT, smooth_photo
from srgan_hub import SRGANGenerator
from srgan_hub.cli import main
from srgan_hub.imaging.io import ImageError
from srgan_hub.inference.backends import OPSET, import_onnxruntime, openvino_core
from srgan_hub.inference.export import SUFFIXES, export


def compute(path, lr: np.ndarray) -> np.ndarray:
    if path.suffix == ".onnx":
        return import_onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"lr": lr})[0]
    return openvino_core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([lr])[0]


@pytest.mark.parametrize(("form", "name"), [("onnx", "model.onnx"), ("openvino", "model.xml")])
def test_file_computes_the_checkpoint_at_odd_sizes(tmp_path, capsys, form, name):
    assert main(["export", "srresnet-x4", "--format", form, "-o", str(tmp_path / name)]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / name}: srresnet-x4, x4; lr: (N, 3, H, W) float32 RGB in [0, 1]; sr: ")
    generator = SRGANGenerator.from_pretrained("srresnet-x4")
    for width, height in ((37, 23), (51, 65)):
        lr = np.asarray(smooth_photo(width, height)).transpose(2, 0, 1)[None].astype(np.float32) / 255
        with torch.inference_mode():
            expected = generator(torch.from_numpy(lr)).numpy()
        assert np.abs(compute(tmp_path / name, lr) - expected).max() <= 1e-4


def test_file_says_what_it_is(tmp_path):
    about = export("srgan-x4", "onnx", tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == about
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    sides = [side.dim_param or side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim]
    assert sides == ["batch", 3, "lr_height", "lr_width"]
    known = json.loads((ROOT / "docs" / "results.json").read_text())["methods"]["srgan-x4"]["weights_sha256"]
    assert about["weights_sha256"] == known and about["scale"] == "4"
    export("srgan-x4", "openvino", tmp_path / "model.xml")
    model = openvino_core().read_model(tmp_path / "model.xml")
    assert {key: model.get_rt_info(["srgan_hub", key]).value for key in about} == about
    assert model.input("lr").partial_shape.to_string() == "[?,3,?,?]" and model.output("sr")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["srgan-x4", "--format", "onnx", "-o", "model.xml"], "model.xml: the file name must end in .onnx"),
        (["nothing", "--format", "onnx", "-o", "model.onnx"], "no checkpoint 'nothing'"),
        (["srgan-x4", "--format", "onnx", "-o", "no/such/model.onnx"], "there is no folder no/such"),
        (["srgan-x4", "--format", "openvino", "-o", "no/such/model.xml"], "there is no folder no/such"),
    ],
)
def test_what_cannot_be_written_is_a_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments]) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err and captured.err.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_a_failure_leaves_what_was_there(tmp_path, tiny_generator, monkeypatch, form):
    tiny_generator.save_pretrained(tmp_path / "model")
    suffix = SUFFIXES[form]
    (tmp_path / f"a{suffix}").write_text("before")

    def fail(self, *arguments):
        raise OSError(28, "No space left on device") if form == "onnx" else RuntimeError("Can't open\nfile")

    place = "pathlib.Path.write_bytes" if form == "onnx" else "openvino.save_model"
    monkeypatch.setattr(place, lambda *arguments, **options: fail(None))
    with pytest.raises(ImageError, match="cannot be written"):
        export(str(tmp_path / "model"), form, tmp_path / f"a{suffix}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{suffix}", "model"]
    assert (tmp_path / f"a{suffix}").read_text() == "before"


def test_without_the_package_onnx_there_is_a_sentence(tmp_path):
    code = "import sys; sys.modules['onnx'] = None; from srgan_hub.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "export", "srgan-x4", "--format", "onnx", "-o", str(tmp_path / "model.onnx")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "pip install 'srgan-hub[onnx]'" in done.stderr and "Traceback" not in done.stderr
