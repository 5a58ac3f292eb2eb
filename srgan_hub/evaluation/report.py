"""What must stand beside measured numbers, so that others can recompute them: protocol, engines, hashes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from srgan_hub import __version__
from srgan_hub.data.benchmarks import BenchmarkSet, Pair, compared, hashes
from srgan_hub.evaluation import features, published
from srgan_hub.evaluation.benchmark import Measure
from srgan_hub.evaluation.methods import Method
from srgan_hub.evaluation.metrics import blocks
from srgan_hub.evaluation.niqe import niqe_of_result
from srgan_hub.evaluation.tables import COLUMNS, cell, means

PROTOCOL = {
    "PSNR-Y, SSIM-Y": "on Y (BT.601, MATLAB rgb2ycbcr), {scale} px cut from each border",
    "SSIM": "Wang et al. 2004, Gaussian window 11x11",
    "PSNR-RGB": "all three channels, the same border",
    "NIQE": "of the result's Y, the same border; lower looks more natural",
    "feature distance": "EfficientNet-Lite0 (not LPIPS); lower is more alike",
    "LPIPS": "version 0.1, AlexNet, no border cut; lower is more alike",
    "DISTS": "no border cut; lower is more alike",
    "LR consistency": "PSNR-RGB between the result, shrunk again by MATLAB's bicubic, and LR",
    "colour shift": "of the mean of red, green or blue, whichever is most, in grey levels",
    "detail": "energy of Y beyond LR's frequencies over HR's, dB; 0 is as much, less is smoother",
    "grid": "a pattern of one LR pixel's period over the whole result, standard deviation in grey levels",
    "blocks": "steps across the borders of the enlarged 8x8 blocks of JPEG over steps across their middles; 1 is none",
    "means": "over images; s: seconds an image",
}
ONLY_WITH = {  # measures that not all have
    "feature_distance": "feature distance", "lpips": "LPIPS", "dists": "DISTS", "blocks": "blocks",
}  # fmt: skip
IN_CARDS = ("psnr", "ssim", "niqe", "feature_distance")


def perceptual_measures() -> dict[str, Measure]:
    """NIQE; the feature distance where its packages are installed; LPIPS and DISTS where their weights are on this machine."""
    measures = {"niqe": niqe_of_result}
    if features.available():
        measures["feature_distance"] = features.FeatureDistance()
    return measures | {name: published.published(name) for name in published.BACKBONES if published.available(name)}


def new_report(methods: Sequence[Method], scale: int, measures: dict[str, Measure]) -> dict:
    """What all sets have in common, as JSON takes it; "words" is the protocol as a line of text."""
    absent = {words for key, words in ONLY_WITH.items() if key not in measures}
    known = {words: text.format(scale=scale) for words, text in PROTOCOL.items() if words not in absent}
    engines = sorted({method.about["engine"] for method in methods})
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = "; ".join(f"{key}: {text}" for key, text in known.items()) + f". Computed by {' and '.join(engines)} on {date[:10]}."
    return {
        "protocol": {**known, "words": words, "scale": scale, "date": date, "srgan_hub": __version__},
        "methods": {method.name: method.about for method in methods},
        "sets": {},
    }


def set_report(
    one: BenchmarkSet, loaded: Sequence[Pair], by_method: dict[str, list[dict]], scale: int = 4, quality: int | None = None
) -> dict:
    """Of one set: the values, the hashes of its images, and as "note" how many they are, whether they are ours, where LR is
    from, and how natural the originals are; quality: of the JPEG files that LR was saved as."""
    sha256 = hashes(one)
    source = "LR made from HR by MATLAB-compatible bicubic" if one.lr is None else "LR as given"
    originals = [{"niqe": niqe_of_result(hr, hr), "blocks": blocks(hr, scale)} for _, _, hr in loaded]
    facts = [f"{len(loaded)} images", compared(one.name, sha256), source, f"NIQE of HR: {cell(originals, 'niqe')}"]
    if quality:
        facts[2] += f", saved as JPEG of quality {quality} by Pillow"
        facts.append(f"blocks of HR: {cell(originals, 'blocks')}")
    results = {method: {"mean": means(rows), "images": rows} for method, rows in by_method.items()}
    return {"note": "; ".join(filter(None, facts)) + ".", "sha256": sha256, "results": results}


def index_entry(rows: list[dict]) -> dict[str, tuple[str, float]]:
    """{metric: (its name, value as the tables round it)} for a card's model-index, which takes finite numbers only."""
    known = {key: value for key, value in means(rows).items() if key in IN_CARDS and math.isfinite(value)}
    return {key: (COLUMNS[key][0].removesuffix(", dB"), float(format(v, COLUMNS[key][1]))) for key, v in known.items()}
