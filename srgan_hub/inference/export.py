"""A checkpoint as a file for other programs: ONNX (opset 18) or OpenVINO's .xml and .bin, for any height and width."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from srgan_hub import __version__
from srgan_hub.hub.load import WEIGHTS, fetch, locate
from srgan_hub.imaging.io import ImageError, atomic_write
from srgan_hub.inference.backends import import_openvino, onnx_model, openvino_model
from srgan_hub.models.srresnet.network import SRGANGenerator

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}


def export(checkpoint: str, form: str, target: Path) -> dict[str, str]:
    """Write the checkpoint as `target`; returns the metadata written into it.

    checkpoint: bundled name, folder or Hub id; form: "onnx" or "openvino". Raises ValueError if the target does not have the
    form's suffix or its folder does not exist; CheckpointError and EngineError as described in their modules."""
    if target.suffix != SUFFIXES[form]:
        raise ValueError(f"{target}: the file name must end in {SUFFIXES[form]}")
    if not target.absolute().parent.is_dir():
        raise ValueError(f"{target} cannot be written: there is no folder {target.parent}")
    generator = SRGANGenerator.from_pretrained(checkpoint)
    about = {
        "made_by": f"srgan_hub {__version__}",
        "checkpoint": Path(checkpoint).name,
        "weights_sha256": hashlib.sha256(Path(fetch(locate(checkpoint), WEIGHTS)).read_bytes()).hexdigest(),
        "scale": str(generator.scale),
        "input": "lr: (N, 3, H, W) float32 RGB in [0, 1]",
        "output": "sr: (N, 3, scale * H, scale * W) float32 RGB, nominally in [0, 1], not clamped",
        "border": "mirror 8 pixels around the image, edge pixels included, and crop them off again, or its borders are wrong",
    }
    steps = generator.to_graph()
    if form == "onnx":
        model = onnx_model(steps)
        for key, value in about.items():
            model.metadata_props.add(key=key, value=value)
        with atomic_write(target) as unfinished:
            unfinished.write_bytes(model.SerializeToString())
    else:
        model = openvino_model(steps)
        for key, value in about.items():
            model.set_rt_info(value, ["srgan_hub", key])
        save_openvino(model, target)
    return about


def save_openvino(model, target: Path) -> None:
    """Write both files, completely or not at all. Raises OSError, or ImageError if OpenVINO cannot write them."""
    with tempfile.TemporaryDirectory(prefix=".", dir=target.absolute().parent) as folder:
        draft = Path(folder, target.name)
        try:
            import_openvino().save_model(model, draft, compress_to_fp16=False)
        except RuntimeError as error:
            raise ImageError(f"{target} cannot be written ({' '.join(str(error).split())})") from error
        for suffix in (".bin", ".xml"):  # the second refers to the first
            draft.with_suffix(suffix).replace(target.with_suffix(suffix))
