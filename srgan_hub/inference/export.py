"""A checkpoint as a file for other programs: ONNX (opset 18), for any height and width. OpenVINO reads such files too."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from srgan_hub import __version__
from srgan_hub.hub.load import WEIGHTS, fetch, locate
from srgan_hub.imaging.io import atomic_write
from srgan_hub.models.srresnet.graph import Step
from srgan_hub.models.srresnet.network import SRGANGenerator

OPSET = 18  # ONNX Runtime reads it from 1.14 on
OPERATORS = {"conv": "Conv", "prelu": "PRelu", "scale": "Mul", "add": "Add", "concat": "Concat", "shuffle": "DepthToSpace"}


def export(checkpoint: str, target: Path) -> dict[str, str]:
    """Write the checkpoint as `target`; returns the metadata written into it.

    checkpoint: bundled name, folder or Hub id. Raises CheckpointError, and ValueError for another suffix or if the
    package onnx is missing."""
    if target.suffix.lower() != ".onnx":
        raise ValueError(f"{target}: the name must end in .onnx; other formats are not written")
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
    model = onnx_model(generator.to_graph())
    for key, value in about.items():
        model.metadata_props.add(key=key, value=value)
    with atomic_write(target) as unfinished:
        unfinished.write_bytes(model.SerializeToString())
    return about


def onnx_model(steps: list[Step]):
    """The steps as an onnx.ModelProto: input "lr", output "sr", all sizes dynamic."""
    if not find_spec("onnx"):
        raise ValueError("writing ONNX files needs the package onnx: pip install 'srgan-hub[onnx]'")
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], []
    name = ["lr", *(f"v{number}" for number in range(1, len(steps))), "sr"]
    for number, step in enumerate(steps, start=1):
        inputs = [name[value] for value in step.inputs]
        for kind in ("weight", "bias"):
            if (tensor := getattr(step, kind)) is not None:
                tensor = tensor.view(-1, 1, 1) if step.kind == "prelu" else tensor
                weights.append(numpy_helper.from_array(tensor.numpy(), f"{kind}{number}"))
                inputs.append(f"{kind}{number}")
        if step.kind == "conv":
            attributes = {"pads": [step.weight.shape[-1] // 2] * 4}
        else:
            attributes = {"concat": {"axis": 1}, "shuffle": {"blocksize": 2, "mode": "CRD"}}.get(step.kind, {})
        nodes.append(helper.make_node(OPERATORS[step.kind], inputs, [name[number]], **attributes))
    shape = [["batch", 3, f"{kind}_height", f"{kind}_width"] for kind in ("lr", "sr")]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(("lr", "sr"), shape, strict=True)]
    graph = helper.make_graph(nodes, "srgan", values[:1], values[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
