"""What can enlarge a picture, by name: Pillow's interpolations and checkpoints, side by side in a table or a figure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from srgan_hub.evaluation.benchmark import BASELINES, Upscale, interpolation
from srgan_hub.loading import WEIGHTS, fetch, locate
from srgan_hub.pipeline import Upscaler


class Method(NamedTuple):
    name: str               # as a table shows it
    upscale: Upscale        # PIL picture -> PIL picture, `scale` times as wide and high
    about: dict[str, str]   # what computed it, and the sha256 of the weights


def open_methods(
    names: Sequence[str], scale: int | None = None, engine: str = "pytorch", precision: str = "fp32", faithful: bool = False
) -> tuple[list[Method], int]:
    """The methods of these names, and their common scale (without a checkpoint: `scale`, or 4).

    names: of BASELINES, bundled checkpoints, folders and Hub ids; engine, precision, faithful: as Upscaler takes them.
    Raises ValueError for checkpoints of several scales, and for a name that comes twice."""
    if twice := sorted({name for name in names if list(names).count(name) > 1}):
        raise ValueError(f"{', '.join(twice)}: named twice")
    compute = dict(engine=engine, precision=precision, faithful=faithful)
    upscalers = {name: Upscaler.from_pretrained(name, **compute) for name in names if name not in BASELINES}
    scales = {name: upscaler.scale for name, upscaler in upscalers.items()}
    if len({*scales.values(), *([scale] if scale else [])}) > 1:
        wanted = [f"{name} enlarges {factor} times" for name, factor in scales.items()]
        wanted += [f"{scale} was asked for"] if scale else []
        raise ValueError(f"one table is for one scale, but {', '.join(wanted)}; measure them apart")
    scale = next(iter(scales.values()), scale or 4)
    short = [Path(name).name for name in names]
    methods = []
    for name, last in zip(names, short, strict=True):
        label = last if short.count(last) == 1 else name
        if name in BASELINES:
            about = {"engine": f"Pillow {version('pillow')}"}
            methods.append(Method(label, interpolation(name, scale), about))
        else:
            weights = Path(fetch(locate(name), WEIGHTS)).read_bytes()
            about = {
                "engine": str(upscalers[name].engine) + ", back-projected" * faithful,
                "weights_sha256": hashlib.sha256(weights).hexdigest(),
            }
            methods.append(Method(label, upscalers[name], about))
    return methods, scale
