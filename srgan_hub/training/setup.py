"""What a run starts with: its folder, its networks and its photos."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator

from srgan_hub.data.cache import MARGIN, PhotoCache, default_folder
from srgan_hub.data.distilled import Distilled, DistilledPatches
from srgan_hub.data.held_out import HeldOut, open_photos, open_streamed
from srgan_hub.data.patches import Degraded, Patches
from srgan_hub.data.stream import StreamPatches
from srgan_hub.hub.push import DISCRIMINATOR, FILES
from srgan_hub.imaging.degradations import DEGRADATIONS
from srgan_hub.inference.backends import open_engine
from srgan_hub.losses import LossConfig
from srgan_hub.models.discriminator import SRGANDiscriminator
from srgan_hub.models.features import STAGES, LiteFeatures, VGGFeatures
from srgan_hub.models.generator import DEFAULT, Generator
from srgan_hub.models.registry import ARCHITECTURES
from srgan_hub.training import checkpoint
from srgan_hub.training.color import SAMPLES
from srgan_hub.training.push import RECORD
from srgan_hub.training.teacher import Filling, Teacher

SHAPE = ("scale", "width", "blocks", "norm", "growth")  # options that a generator's constructor may take


def starting_point(config, output: Path, checkpoints: Path) -> Path | None:
    """The checkpoint to resume; None for a fresh run. Makes the folders. Raises ValueError if runs would be lost or mixed up."""
    for folder in (output, checkpoints):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"{folder} cannot be used for the run: {error.strerror}; choose another --output_dir") from error
    photos = Path(os.path.expanduser(config.dataset))
    if photos.is_dir() and output.resolve().is_relative_to(photos.resolve()):
        raise ValueError(f"{output} lies in the dataset {photos}: its samples would be trained on; choose another --output_dir")
    there = checkpoint.exists(checkpoints)
    taken = [name for name in FILES if (output / name).exists()]
    if taken and not there and not (config.resume and RECORD in taken):
        raise ValueError(f"{output} holds {', '.join(taken)}, which the run would overwrite; choose another --output_dir")
    if not config.resume or (config.resume == "auto" and not there):
        if there:
            raise ValueError(f"{checkpoints} holds another run; add --resume latest, or choose another --output_dir")
        return None
    found = checkpoint.find(checkpoints, "latest" if config.resume == "auto" else config.resume)
    before = checkpoint.configuration(found)["variant"]
    if before != config.variant:
        raise ValueError(f"{found} is a run of --variant {before}, not {config.variant}; start a new run with --pretrained")
    return found


def new_generator(config, adversarial: bool) -> Generator:
    """The generator to start with: pretrained, or a new one. adversarial: whether the result can be blended with it."""
    asked = {name: getattr(config, name) for name in SHAPE if getattr(config, name) is not None}
    if config.pretrained:
        generator = Generator.from_pretrained(config.pretrained)
        here = Path(config.pretrained).exists()  # a local path, which means nothing to others
        if adversarial and not generator.partner and not here:
            generator = Generator.from_pretrained(config.pretrained, partner=config.pretrained)
        given = {"architecture": generator.architecture, **generator.shape}
        for name, value in {"architecture": config.architecture or generator.architecture, **asked}.items():
            if value != given.get(name):
                raise ValueError(
                    f"--pretrained {config.pretrained} has {name} {given.get(name)}, not {value}; leave out --{name}"
                )
        return generator.train()
    name = config.architecture or DEFAULT
    if name not in ARCHITECTURES:
        raise ValueError(f"--architecture must be one of {', '.join(ARCHITECTURES)}, got {name!r}")
    taken = inspect.signature(ARCHITECTURES[name]).parameters
    if unknown := [option for option in asked if option not in taken]:
        raise ValueError(f"--architecture {name} has no {unknown[0]}; leave out --{unknown[0]}")
    generator = ARCHITECTURES[name](**asked)
    generator.initialize()
    return generator


def new_discriminator(config) -> SRGANDiscriminator:
    """The discriminator to start with: that of the pretrained checkpoint, or a new one."""
    if not config.pretrained_discriminator:
        return SRGANDiscriminator(crop=config.crop)
    if not config.pretrained:
        raise ValueError("--pretrained_discriminator belongs to a checkpoint: give that with --pretrained")
    discriminator = SRGANDiscriminator.from_pretrained(config.pretrained, subfolder=DISCRIMINATOR).train()
    if discriminator.crop != config.crop:
        raise ValueError(f"the discriminator of {config.pretrained} needs another crop size: give --crop {discriminator.crop}")
    return discriminator


class Data(NamedTuple):
    pairs: Degraded | DistilledPatches  # what the batches are made of
    photographs: int | str              # how many there are to train on
    held_out: HeldOut
    samples: list[np.ndarray]           # photos whose mean color the result should have
    filling: Filling | None             # what computes a teacher's patches beside the updates


def open_data(
    config, weights: LossConfig, scale: int, teacher: Teacher | None, accelerator: Accelerator, streams: list
) -> Data:
    """The photos to train on and those held out. streams: where each process's stream stood when the run was stopped."""
    source = dict(
        split=config.split, validation=config.validation, count=config.validation_count, scale=scale,
        cache_dir=config.cache_dir,
        config=config.dataset_config, data_files=config.data_files, column=config.image_column,
    )  # fmt: skip
    margin = 2 * scale if config.degradation == "bicubic" else MARGIN // scale * scale
    cut = dict(
        crop=config.crop, margin=margin, batch_size=config.batch_size,
        seed=config.seed, rank=accelerator.process_index, world=accelerator.num_processes,
    )  # fmt: skip

    def degraded(patches: Patches | StreamPatches) -> Degraded:
        return Degraded(patches, DEGRADATIONS[config.degradation], scale, accelerator.device, recolour=config.recolour)

    if config.streaming:
        accelerator.print("streaming: photos are decoded as they arrive, nothing is cached")
        stream, held_out = open_streamed(config.dataset, **source)
        states = streams or [None] * accelerator.num_processes
        if len(states) != accelerator.num_processes:
            raise ValueError(f"a stream must be resumed with as many processes as before: {len(states)}")
        patches = StreamPatches(stream, **cut, state=states[accelerator.process_index])
        return Data(degraded(patches), "a stream of", held_out, [], None)
    cache, numbers, held_out = open_photos(config.dataset, **source)
    at = accelerator.device if config.data_on_device and fits(cache.pixels.nbytes, accelerator) else "cpu"
    patches, samples = Patches(cache, numbers, **cut, device=at), []
    if weights.adversarial or config.teacher_patches:
        samples = [cache[number] for number in numbers[:: -(-len(numbers) // SAMPLES)]]
    if not config.teacher_patches:
        return Data(degraded(patches), len(patches.photos), held_out, samples, None)
    distilled, filling = distilled_patches(config, cache, numbers, teacher, scale, accelerator)
    pairs = DistilledPatches(distilled, crop=config.crop, batch_size=config.batch_size, seed=config.seed,
                             rank=accelerator.process_index)  # fmt: skip
    return Data(pairs, len(distilled.photos), held_out, samples, filling)


def feature_network(config, layers: tuple[str, ...]) -> torch.nn.Module:
    """The network of the content loss."""
    if set(layers) <= set(STAGES):
        return LiteFeatures(layers)
    network = VGGFeatures(layers, config.vgg_weights)
    network.stored_as({"bf16": torch.bfloat16, "fp16": torch.float16, "no": torch.float32}[config.mixed_precision])
    return network


def distilled_patches(
    config, cache: PhotoCache, photos: list[int], teacher: Teacher, scale: int, accelerator: Accelerator
) -> tuple[Distilled, Filling]:
    """The patches with the teacher's results, and what computes them alongside the updates."""
    clean = Teacher(config.clean_teacher, scale) if config.clean_teacher else None
    made_of = dict(
        photographs=cache.key, teacher=teacher.digest(), clean_teacher=clean and clean.digest(), clean_below=config.clean_below,
        degradation=config.degradation, recolour=config.recolour,
    )  # fmt: skip
    root = Path(config.cache_dir or default_folder()).expanduser() / "distilled"
    distilled = Distilled(root, cache, photos, count=config.teacher_patches, scale=scale, seed=config.seed, settings=made_of)

    def fill(stop: Callable[[], bool]) -> None:
        teach, teach_clean = (one and open_engine(one.network, device=accelerator.device) for one in (teacher, clean))
        distilled.fill(DEGRADATIONS[config.degradation], teach, teach_clean, config.clean_below, config.recolour, stop)

    return distilled, Filling(distilled, fill)


def fits(size: int, accelerator: Accelerator) -> bool:
    """Whether `size` bytes of photos leave half of the GPU's free memory; prints a message if not."""
    if accelerator.device.type != "cuda":
        return False
    free = torch.cuda.mem_get_info(accelerator.device)[0]
    if size > free / 2:
        accelerator.print(f"the photos stay in main memory: {size / 1e9:.1f} GB, the GPU has only {free / 1e9:.1f} GB free")
    return size <= free / 2
