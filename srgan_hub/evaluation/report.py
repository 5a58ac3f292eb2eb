"""What must accompany measured numbers, so that others can reproduce them: protocol, engines, hashes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from srgan_hub import __version__
from srgan_hub.data.benchmarks import BenchmarkSet, Pair, compared, hashes
from srgan_hub.evaluation.benchmark import Measure, Method, mean
from srgan_hub.evaluation.metrics import blocks, niqe_of_result, perceptual_measures

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
ONLY_WITH = {  # measures that are not always available
    "feature_distance": "feature distance", "lpips": "LPIPS", "dists": "DISTS", "blocks": "blocks",
}  # fmt: skip
IN_CARDS = ("psnr", "ssim", "niqe", "feature_distance")


def all_measures(scale: int = 4) -> dict[str, Measure]:
    """NIQE; the feature distance if its packages are installed; LPIPS and DISTS if their weights are on this machine."""
    return perceptual_measures(scale) | {name: published(name) for name in BACKBONES if has_backbone(name)}


def new_report(methods: Sequence[Method], scale: int, measures: dict[str, Measure]) -> dict:
    """What all sets have in common, ready for JSON; "words" is the protocol as one line of text."""
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
    """The report of one set: its values, the hashes of its images, and a "note". The note says how many images there are, whether
    they are the files we measure on, where LR comes from, and how natural the originals are. quality: of the JPEG files that LR
    was saved as."""
    sha256 = hashes(one)
    source = "LR made from HR by MATLAB-compatible bicubic" if one.lr is None else "LR as given"
    originals = [{"niqe": niqe_of_result(hr, hr, scale), "blocks": blocks(hr, scale)} for _, _, hr in loaded]
    facts = [f"{len(loaded)} images", compared(one.name, sha256), source, f"NIQE of HR: {cell(originals, 'niqe')}"]
    if quality:
        facts[2] += f", saved as JPEG of quality {quality} by Pillow"
        facts.append(f"blocks of HR: {cell(originals, 'blocks')}")
    results = {method: {"mean": means(rows), "images": rows} for method, rows in by_method.items()}
    return {"note": "; ".join(filter(None, facts)) + ".", "sha256": sha256, "results": results}


def index_entry(rows: list[dict]) -> dict[str, tuple[str, float]]:
    """{metric: (its name, value rounded as in the tables)} for a card's model-index, which takes only finite numbers."""
    known = {key: value for key, value in means(rows).items() if key in IN_CARDS and math.isfinite(value)}
    return {key: (COLUMNS[key][0].removesuffix(", dB"), float(format(v, COLUMNS[key][1]))) for key, v in known.items()}


# Tables: rows of measures -> Markdown with one table per set, and all values as JSON or CSV.


COLUMNS = {  # measure: heading, number format
    "psnr": ("PSNR-Y, dB", ".2f"),
    "ssim": ("SSIM-Y", ".4f"),
    "psnr_rgb": ("PSNR-RGB, dB", ".2f"),
    "niqe": ("NIQE", ".2f"),
    "feature_distance": ("feature distance", ".4f"),
    "lpips": ("LPIPS", ".4f"),
    "dists": ("DISTS", ".4f"),
    "lr_consistency": ("LR consistency, dB", ".2f"),
    "colour_shift": ("colour shift", ".2f"),
    "detail": ("detail, dB", ".2f"),
    "grid": ("grid", ".2f"),
    "blocks": ("blocks", ".3f"),
    "seconds": ("s", ".2f"),
}

Results = dict[str, dict[str, list[dict]]]  # set -> method -> rows of `measure`


def means(rows: list[dict]) -> dict[str, float]:
    """The mean of every measure, and as "speed" all megapixels divided by all seconds."""
    found = {name: mean(rows, name) for name in COLUMNS if name in rows[0]}
    seconds = sum(row["seconds"] for row in rows)
    return {**found, "speed": sum(row["megapixels"] for row in rows) / seconds if seconds else math.inf}


def markdown(results: Results, notes: dict[str, str] | None = None) -> str:
    """One table per set; notes: a line under each set's name. "(n)" follows a mean over fewer images than the set has."""
    parts = []
    for name, by_method in results.items():
        first = next(iter(by_method.values()))
        shown = [measure for measure in COLUMNS if measure in first[0]]
        headings = [COLUMNS[measure][0] for measure in shown]
        lines = [f"### {name}", "", (notes or {}).get(name, f"{len(first)} images."), ""]
        lines += ["| " + " | ".join(["method", *headings, "megapixels/s"]) + " |", "| --- |" + " --- |" * (len(shown) + 1)]
        for method, rows in by_method.items():
            cells = [cell(rows, measure) for measure in shown] + [f"{means(rows)['speed']:.2f}"]
            lines.append("| " + " | ".join([method, *cells]) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def cell(rows: list[dict], measure: str) -> str:
    have = sum(not math.isnan(row[measure]) for row in rows)
    if not have:
        return "-"
    text = format(mean(rows, measure), COLUMNS[measure][1])
    return text if have == len(rows) else f"{text} ({have})"


def as_json(report: dict) -> str:
    """JSON that every reader accepts: an infinite number is the word "inf", a missing one is null."""
    return json.dumps(_plain(report), indent=2, allow_nan=False) + "\n"


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    return value


def from_json(value: float | str | None) -> float:
    """A number as it was before `as_json`."""
    return math.nan if value is None else float(value)


# LPIPS and DISTS, if their published weights are on this machine: nothing is downloaded, nothing is replaced.
#
# LPIPS: Zhang et al. 2018 (arXiv:1801.03924), version 0.1 on AlexNet. DISTS: Ding et al. 2020 (arXiv:2004.07728), on VGG16. The
# package torchmetrics contains both with the authors' learned weights. Their ImageNet networks are torchvision's, in torch's
# download folder.


LEARNED = {  # files in torchmetrics, identical to those of lpips 0.1.4 and DISTS_pytorch 0.1, and their sha256
    "lpips": ("lpips_models/alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
    "dists": ("dists_models/weights.pt", "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218"),
}
BACKBONES = {  # torchvision's file, and the start of its sha256
    "lpips": ("alexnet-owt-7be5be79.pth", "7be5be79"),
    "dists": ("vgg16-397923af.pth", "397923af"),
}
SMALLEST = 32  # pixels a side: AlexNet needs 31


def has_backbone(name: str) -> bool:
    """Whether "lpips" or "dists" can be measured here."""
    return find_spec("torchmetrics") is not None and backbone(name).is_file()


def backbone(name: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / BACKBONES[name][0]


def published(name: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """"lpips" or "dists" as a function of two (H, W, 3) uint8 RGB images of one size: 0 if they are equal, smaller is more
    alike, nan below 32 pixels a side. No border is cut. The networks are loaded once.

    Raises ValueError if the package or a file is missing, or if a file has the wrong content."""
    if not find_spec("torchmetrics"):
        raise ValueError(f"{name.upper()} needs another package: pip install 'srgan-hub[lpips]'")
    if not backbone(name).is_file():
        raise ValueError(f"{name.upper()} needs torchvision's {backbone(name).name} in {backbone(name).parent}")
    from torchmetrics.functional.image import lpips

    file, sha256 = LEARNED[name]
    check(Path(lpips.__file__).parent / file, sha256)
    check(backbone(name), BACKBONES[name][1])
    network = networks()[name]().eval().requires_grad_(False)

    @torch.inference_mode()
    def distance(sr: np.ndarray, hr: np.ndarray) -> float:
        if min(sr.shape[:2]) < SMALLEST:
            return float("nan")
        sr, hr = (torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None] for image in (sr, hr))
        return float(network(sr, hr))

    return distance


def networks() -> dict[str, Callable[[], torch.nn.Module]]:
    """Makers of networks: (N, 3, H, W) images in [0, 1] -> distance. The package is imported here because that takes seconds."""
    from torchmetrics.functional.image.dists import DISTSNetwork
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    return {"lpips": lambda: LearnedPerceptualImagePatchSimilarity("alex", normalize=True), "dists": DISTSNetwork}


def check(path: Path, sha256: str) -> None:
    """Raises ValueError if the file's sha256 does not begin with `sha256`."""
    if not (found := hashlib.sha256(path.read_bytes()).hexdigest()).startswith(sha256):
        raise ValueError(f"{path} is not the published file: its sha256 begins {found[:8]}, not {sha256[:8]}; fetch it again")
