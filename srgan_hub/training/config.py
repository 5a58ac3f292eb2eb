"""Check the options of a run -> the weights of its loss."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import math
import os
import re
from pathlib import Path

import yaml

from srgan_hub.imaging.degradations import DEGRADATIONS
from srgan_hub.losses import D_LOSSES, TERMS, VARIANTS, LossConfig
from srgan_hub.models.features import LAYERS, STAGES


def weights_of(config) -> LossConfig:
    """The variant's weights with the overrides of the configuration. Raises ValueError for options that make no sense."""
    for name, known in (
        ("variant", VARIANTS), ("mixed_precision", ("bf16", "fp16", "no")), ("degradation", DEGRADATIONS),
        ("gan", (*D_LOSSES, None)), ("norm", ("batch", "none", None)), ("optimizer", ("adam", "muon")),
    ):  # fmt: skip
        if getattr(config, name) not in known:
            raise ValueError(f"--{name} must be one of {', '.join(filter(None, known))}, got {getattr(config, name)!r}")
    for name in ("max_train_steps", "batch_size", "gradient_accumulation_steps", "crop", "log_every", "validate_every",
                 "checkpoint_every", "keep_checkpoints"):  # fmt: skip
        if getattr(config, name) < 1:
            raise ValueError(f"--{name} must be at least 1, got {getattr(config, name)}")
    limits = [(name, 0, 1) for name in ("beta2", "ema_decay", "keep", "recolour", "lr", "d_lr")]
    limits += [("seed", 0, 2**32), ("clean_below", 0, 256)]
    limits += [(name, 0, math.inf) for name in ("threads", "push_every", "validation_count", "max_grad_norm", "d_warmup",
                                              "teacher_patches")]
    limits += [(f"{term}_weight", 0, math.inf) for term in TERMS]
    limits += [("grid_side", 1, math.inf)]
    for name, low, high in limits:
        value = getattr(config, name)
        if value is not None and not low <= value < high:
            raise ValueError(f"--{name} must be from {low} to below {high}, got {value}")
    if config.optimizer == "muon" and config.mixed_precision == "fp16":
        raise ValueError("--optimizer muon cannot skip steps, which fp16 requires; use --mixed_precision bf16")
    if config.keep and not config.pretrained:
        raise ValueError("--keep is a share of the pretrained weights; give them with --pretrained")
    if config.teacher_patches and (config.streaming or not config.teacher):
        raise ValueError(
            "--teacher_patches keeps a --teacher's results for photos that are not streamed; add --teacher, or drop --streaming"
        )
    if config.clean_teacher and not config.teacher_patches:
        raise ValueError("--clean_teacher needs patches that are kept; set their number with --teacher_patches")
    if config.freeze_norm and not config.pretrained:
        raise ValueError("--freeze_norm keeps pretrained statistics; give a generator that has them with --pretrained")
    seconds(config.max_train_time)
    variant = VARIANTS[config.variant]
    given = {term: getattr(config, f"{term}_weight") for term in TERMS}
    given |= {name: getattr(config, name) for name in ("gan", "grid_side", "lr", "d_lr", "d_warmup")}
    if config.content_layers:
        given["layers"] = tuple(config.content_layers.split(","))
        if unknown := set(given["layers"]).difference(LAYERS["vgg19"], STAGES):
            there = f"there are {', '.join(LAYERS['vgg19'])} and {', '.join(STAGES)}"
            raise ValueError(f"--content_layers: no layer {', '.join(sorted(unknown))}; {there}")
        if 0 < len(set(given["layers"]) & set(STAGES)) < len(set(given["layers"])):
            raise ValueError("--content_layers must be of one network: vgg12 to vgg54, or stage1 to stage5 of EfficientNet-Lite2")
        if config.vgg_weights and set(given["layers"]) <= set(STAGES):
            raise ValueError(f"--vgg_weights is not used for {config.content_layers}; leave it out, or choose VGG layers")
    weights = variant._replace(**{name: value for name, value in given.items() if value is not None})
    if weights.d_lr is None:
        weights = weights._replace(d_lr=weights.lr)
    if weights.content and not weights.layers:
        raise ValueError(f"--variant {config.variant} has no content layer; set --content_layers, such as vgg22,vgg54")
    if weights.content and config.crop < (least := max(map(stride, weights.layers))):
        raise ValueError(f"--crop must be at least {least} for {', '.join(weights.layers)}, got {config.crop}")
    if weights.blocks and not config.teacher:
        raise ValueError("--blocks_weight compares the blocks with a teacher's; give one with --teacher")
    if weights.blocks and weights.images:
        raise ValueError("--blocks_weight trains blocks, not images: set the weights of pixel, content, adversarial, ... to 0")
    if not (weights.images or weights.blocks):
        raise ValueError("every weight is 0, so there is nothing to learn; set one of --pixel_weight, --content_weight, ...")
    if not weights.adversarial:
        return weights._replace(d_warmup=0)
    if config.crop == 16 and config.batch_size == 1:
        raise ValueError("the discriminator's BatchNorm sees one pixel of one 16x16 crop; use a larger --crop or --batch_size")
    if weights.d_warmup >= config.max_train_steps:
        raise ValueError(f"the {weights.d_warmup} updates of --d_warmup leave none of {config.max_train_steps} for the generator")
    return weights


def stride(layer: str) -> int:
    """Stride of a feature map in pixels: VGG halves the size before its second stage, EfficientNet before its first."""
    return 2 ** int(layer[-1]) if layer in STAGES else 2 ** (int(layer[3]) - 1)


# A frozen dataclass of options -> command line, help and YAML file; every option is written once.
#
# The comment beside a field is its help text. `float | None` is an option without a default.


KINDS = {"str": os.path.expanduser, "int": int, "float": float}


def parse_options(options: type, arguments: list[str], description: str):
    """The command line as an instance of `options`. Values in `--config FILE.yaml` override the defaults.

    Raises ValueError for a file that cannot be read; a wrong option or value ends the program with a sentence."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--config", metavar="FILE.yaml", help="options in a file, one NAME: VALUE per line; flags override it")
    reasons = dict(re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(options), flags=re.MULTILINE))
    for field in dataclasses.fields(options):
        default = "" if field.default in (None, "", False) else f" [{field.default}]"
        settings = dict(default=argparse.SUPPRESS, help=(reasons[field.name] + default).replace("%", "%%"))
        kind = field.type.removesuffix(" | None")
        if kind == "bool":
            parser.add_argument(f"--{field.name}", action=argparse.BooleanOptionalAction, **settings)
        else:
            parser.add_argument(f"--{field.name}", type=KINDS[kind], metavar=kind.upper(), **settings)
    if file := parser.parse_args(arguments).config:
        arguments = [*from_file(Path(file)), *arguments]
    given = vars(parser.parse_args(arguments))
    del given["config"]
    return options(**given)


def from_file(path: Path) -> list[str]:
    """The options in a YAML file as on the command line; those that are null are left out."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # takes 1e-4 and no as they are written
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"--config {path} cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError(f"--config {path} must hold lines of NAME: VALUE")
    flags = {"true": "--", "false": "--no-"}
    given = [(name, value) for name, value in values.items() if value not in ("", "null")]
    return [flags[value] + name if value in flags else f"--{name}={value}" for name, value in given]


def seconds(duration: str | None) -> float | None:
    """ "90m", "1h30m", "45s" or "2h" -> seconds, None -> None; ValueError for anything else."""
    if duration is None:
        return None
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", duration.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"a duration must look like 90m, 1h30m or 45s, got {duration!r}")
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + rest
