"""Train SRResNet or SRGAN (Ledig et al. 2017, arXiv:1609.04802) with Hugging Face Accelerate.

    accelerate launch -q train_accelerate.py --variant srresnet-mse --dataset FOLDER_OR_HUB_ID --output_dir runs/srresnet
    accelerate launch -q train_accelerate.py --variant srgan-vgg54 --pretrained runs/srresnet --dataset ... --output_dir ...

The result, an ordinary checkpoint folder (config.json, model.safetensors, README.md), is the exponential moving average
of the generator's weights."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, set_seed
from safetensors import SafetensorError
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from srgan_hub.data.cache import MARGIN, PhotoCache, default_folder
from srgan_hub.data.distilled import Distilled, DistilledPatches
from srgan_hub.data.held_out import HeldOut, open_photos, open_streamed
from srgan_hub.data.patches import Degraded, Loader, Patches
from srgan_hub.data.stream import StreamPatches
from srgan_hub.evaluation.benchmark import validation_pairs
from srgan_hub.evaluation.figures import specimen
from srgan_hub.hub.push import DISCRIMINATOR, FILES, PICTURE
from srgan_hub.imaging.degradations import DEGRADATIONS
from srgan_hub.inference.upscaler import Upscaler
from srgan_hub.losses import (
    TERMS,
    Compared,
    LossConfig,
    blocks_loss,
    comparable,
    discriminator_loss,
    random_colors,
    relativistic_loss,
)
from srgan_hub.models.discriminator import SRGANDiscriminator
from srgan_hub.models.features import STAGES, LiteFeatures, VGGFeatures
from srgan_hub.models.interpolation import interpolate
from srgan_hub.models.srresnet.initialization import pass_through
from srgan_hub.models.srresnet.network import SRGANGenerator
from srgan_hub.training import checkpoint
from srgan_hub.training.color import SAMPLES, centre_colour
from srgan_hub.training.config import parse_options, seconds, weights_of
from srgan_hub.training.launch import Stop, any_process, keep_memory, make_accelerator, speed_up, threads_each
from srgan_hub.training.monitor import Health, TrainingLog, Validation, check_tracker, refuse_infinite
from srgan_hub.training.optimizers import Muon, learning_rate
from srgan_hub.training.push import RECORD, Pusher, finished, public, training_card, write_result
from srgan_hub.training.teacher import Filling, Teacher


@dataclass(frozen=True)
class Config:
    """Every option. Batch size, crop, Adam's beta1 and the weights of the terms are the paper's (section 3.2)."""

    # Data
    dataset: str = "goodfellowliu/DIV2K"  # Hub id, local folder of HR images or parquet shards, or DIV2K folder or zip
    dataset_config: str | None = None     # configuration of a Hub dataset that has several
    split: str = "train"                  # split of the dataset to train on
    data_files: str | None = None         # pattern of the files to use, if a dataset mixes HR with others
    image_column: str | None = None       # column of HR images; found by itself if it is the only one, or named hr, HR or image
    streaming: bool = False               # read the dataset as it arrives, if it does not fit on the disk; no cache
    cache_dir: str | None = None          # where decoded photos are stored; default ~/.cache/srgan_hub
    data_on_device: bool = False          # keep all decoded photos on the GPU, if they fit
    degradation: str = "bicubic"          # how LR is made: bicubic, or realistic (blur, noise, JPEG) for real-world photos
    recolour: float = 0.0                 # share of patches that get colors rarely found in photos
    validation: str = "auto"              # auto (validation split, else one photo in 20), none, a split, or a folder
    validation_count: int = 16            # maximum number of photos measured: a validation should take seconds, not minutes
    # Generator
    variant: str = "srresnet-mse"         # srresnet-mse, srresnet-vgg22, srgan-mse, srgan-vgg22, srgan-vgg54 or srgan-plus
    pretrained: str | None = None         # generator to start from: bundled name, folder or Hub id
    scale: int = 4                        # enlargement factor: 2, 4 or 8
    width: int = 64                       # channels of the generator
    blocks: int = 16                      # residual blocks of the generator
    norm: str = "batch"                   # normalization of the generator: batch or none
    growth: int = 0                       # channels that each convolution of a dense block adds; 0: residual blocks
    freeze_norm: bool = False             # BatchNorm keeps the pretrained statistics and trains with them
    teacher: str | None = None            # network to distill from, instead of HR: name, folder, Hub id, or file for spandrel
    teacher_patches: int = 0              # patches whose teacher results are computed once and kept; 0: computed every update
    clean_teacher: str | None = None      # replaces the teacher for kept patches whose LR is nearly clean; default: HR
    clean_below: float = 2.0              # LR is nearly clean up to this distance from clean LR: gray levels, root mean square
    # Loss; each weight's default is the variant's
    vgg_weights: str | None = None        # safetensors of a VGG19 or VGG16; default: torchvision's VGG19, downloaded
    pixel_weight: float | None = None     # weight of the squared error
    coarse_weight: float | None = None    # weight of the squared error of the images shrunk by the scale
    grid_weight: float | None = None      # weight of the squared error of what repeats with every LR pixel, like a checkerboard
    grid_side: int | None = None          # LR pixels per side of the squares searched for that: small ones find short rows
    flat_weight: float | None = None      # weight of the squared error of surfaces of one color
    content_weight: float | None = None   # weight of the distance between feature maps
    content_layers: str | None = None     # feature maps: of VGG, as vgg22,vgg54, or of EfficientNet-Lite2, as stage1,stage2
    tv_weight: float | None = None        # weight of total variation
    blocks_weight: float | None = None    # weight of the distance of the blocks from those of a teacher with as many blocks
    adversarial_weight: float | None = None  # weight of the adversarial loss
    gan: str | None = None                # form of the adversarial loss: standard or relativistic
    # Updates
    max_train_steps: int = 100_000        # updates of each network
    pretrained_discriminator: bool = False  # start from the discriminator beside the pretrained generator, if it was pushed
    d_warmup: int | None = None           # initial updates of the discriminator alone, for a generator that comes without one
    batch_size: int = 16                  # patches per batch, in each process
    gradient_accumulation_steps: int = 1  # batches per update: a larger batch in the same memory
    crop: int = 96                        # HR pixels per side of a patch
    optimizer: str = "adam"               # for the generator: adam, or muon, with which SRResNet learns more in as many updates
    lr: float | None = None               # Adam's peak learning rate; default: the variant's
    d_lr: float | None = None             # the discriminator's peak learning rate; default: the variant's, or lr if it has none
    beta2: float = 0.99                   # Adam's second beta: .999 forgets too slowly for short schedules
    max_grad_norm: float = 0.0            # gradients are clipped to this norm; 0: no clipping, as in the paper
    ema_decay: float = 0.999              # decay of the averaged generator, which is the result
    keep: float = 0.0                     # share of the pretrained weights in the result, so that fine-tuning forgets less
    mixed_precision: str = "bf16"         # bf16, fp16 (GPUs only) or no; bf16 is 1.8 times as fast on CPUs that support it
    compile: bool = False                 # torch.compile: takes minutes at the start, then updates are faster on a GPU
    sync_batchnorm: bool = False          # BatchNorm over the patches of all GPUs, instead of each process's own
    seed: int = 0                         # seed of the initialization and of every patch
    # The run
    output_dir: str = "runs/srgan"        # the result, log.jsonl, samples/, and checkpoints/ beside it
    checkpoint_dir: str | None = None     # where the run's state is kept; default: OUTPUT_DIR/checkpoints
    log_every: int = 50                   # updates between lines of losses
    validate_every: int = 1000            # updates between validations
    checkpoint_every: int = 500           # updates between checkpoints; the result so far is written with each
    keep_checkpoints: int = 2             # number of newest checkpoints to keep: if one is damaged, another is left
    resume: str | None = None             # latest, auto (latest if there is one) or a checkpoint folder: continue exactly there
    max_train_time: str | None = None     # 90m, 1h30m: stop cleanly after this time, including decoding
    report_to: str = "tensorboard"        # trackers, separated by commas: tensorboard, wandb, ... (Accelerate's names), or none
    push_to_hub: str | None = None        # user/name: push the result there at the end
    push_every: int = 0                   # updates between pushes during the run; 0: only at the end
    private: bool = False                 # make the pushed repository private
    threads: int = 0                      # CPU threads per process; 0: all cores, shared among the processes
    cpu: bool = False                     # train on the CPU even if there is a GPU


def d_step(discriminator, optimizer, sr: Tensor, hr: Tensor, weights: LossConfig, accelerator: Accelerator, clip: float) -> dict:
    """One update of the discriminator. Returns its loss and the mean probabilities it gives HR and SR of being a photo."""
    hr_logits, sr_logits = discriminator(hr, sr.detach()).split([len(hr), len(sr)])
    hr_odds, sr_odds = hr_logits, sr_logits
    if weights.gan == "relativistic":  # a probability only exists relative to the others
        hr_odds, sr_odds = hr_logits - sr_logits.mean(), sr_logits - hr_logits.mean()
    loss = (relativistic_loss if weights.gan == "relativistic" else discriminator_loss)(hr_logits, sr_logits)
    norm = descend(loss, discriminator, optimizer, accelerator, clip)
    return {"d_loss": loss, "D(hr)": hr_odds.sigmoid().mean(), "D(sr)": sr_odds.sigmoid().mean(), "d_norm": norm}


def g_step(compared: Compared, taught: Tensor | None, network, optimizer, accelerator: Accelerator, clip: float) -> dict:
    """One update of the generator `network`; returns every term, unweighted. taught: (N,) which images are trained only on
    their blocks and on their colors."""
    of_images = compared
    if compared.blocks is not None:
        sr, hr = compared.sr, compared.hr
        sr, hr = (sr[:1], sr[:1].detach()) if taught.all() else (sr[~taught], hr[~taught])  # no image: distances are 0
        of_images = compared._replace(sr=sr, hr=hr)
    terms, loss = {}, 0.0
    for name, term in TERMS.items():
        weight = getattr(compared.config, name)
        if weight or name == "pixel":  # logged even if its weight is 0, and then every parameter has a gradient
            found = term.compute(compared if term.of_all else of_images)
            found = found if isinstance(found, dict) else {name: found}
            loss = loss + weight * sum(found.values())
            terms |= found
    return {**terms, "g_norm": descend(loss, network, optimizer, accelerator, clip)}


def descend(loss: Tensor, network, optimizer, accelerator: Accelerator, clip: float) -> Tensor | None:
    """Compute the gradients of a loss and, after the last batch of an update, take the step; returns the gradients' norm then."""
    accelerator.backward(loss)
    norm = None
    if accelerator.sync_gradients:
        accelerator.unscale_gradients(optimizer)  # only its own: Accelerate's clip_grad_norm_ would include the other network's
        norm = torch.nn.utils.get_total_norm([parameter.grad for parameter in network.parameters()])
        if clip:
            torch.nn.utils.clip_grads_with_norm_(network.parameters(), clip, norm)
        if accelerator.scaler:  # an fp16 overflow is not divergence: the step is skipped, the next loss scaled less
            norm = norm.nan_to_num(0, 0, 0)
    optimizer.step()
    optimizer.zero_grad()
    return norm


class Counters:
    """What else a resumed run needs to continue."""

    def __init__(self):
        self.step, self.seconds = 0, 0.0        # finished updates, seconds of training
        self.validation: dict[str, float] = {}  # results of the last one
        self.streams: list[dict] = []           # the state of each process's stream
        self.distilled: list = []               # how many of a teacher's patches were used, and from which batch on

    def state_dict(self) -> dict:
        return dict(vars(self))

    def load_state_dict(self, state: dict) -> None:
        vars(self).update(state)


def train(config: Config) -> Path:
    """Run the training that `config` describes; returns the result's folder. Raises ValueError if it cannot be done."""
    started = time.monotonic()
    weights = weights_of(config)
    output = Path(config.output_dir)
    checkpoints = Path(config.checkpoint_dir) if config.checkpoint_dir else output / "checkpoints"
    start_from = starting_point(config, output, checkpoints)
    accelerator = make_accelerator(
        cpu=config.cpu,
        mixed_precision=config.mixed_precision,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        log_with=check_tracker(config.report_to),
        project_dir=str(output / "logs"),
    )
    on_cpu = accelerator.device.type == "cpu"
    if on_cpu and (config.mixed_precision == "fp16" or config.sync_batchnorm):
        raise ValueError(
            "--mixed_precision fp16 and --sync_batchnorm need GPUs; on a CPU, use bf16 or no, and leave out --sync_batchnorm"
        )
    torch.set_num_threads(config.threads or threads_each())
    set_seed(config.seed)
    pusher = Pusher(config.push_to_hub, output, config.private) if config.push_to_hub and accelerator.is_main_process else None
    if pusher:
        pusher.check()

    # Generator, its average, discriminator, features
    generator = new_generator(config)
    scale, pretrained = generator.scale, copy.deepcopy(generator) if config.keep else None
    if config.crop % scale or config.crop == scale:
        raise ValueError(f"--crop must be a multiple of the scale {scale}, and larger than it, got {config.crop}")
    discriminator = perceptual = d_optimizer = None
    adam = dict(betas=(0.9, config.beta2), fused=True)  # fused is six times as fast on a CPU
    if weights.adversarial:
        discriminator = prepared(new_discriminator(config), config)
        d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=weights.d_lr, **adam)
        discriminator, d_optimizer = accelerator.prepare(discriminator, d_optimizer)
    if weights.content:
        perceptual = feature_network(config, weights.layers).to(accelerator.device, memory_format=torch.channels_last)
    teacher = Teacher(config.teacher, scale) if config.teacher else None
    blocks_of = teacher.network if weights.blocks else None
    if weights.blocks and not comparable(generator, blocks_of):
        raise ValueError(
            f"--blocks_weight: {config.teacher} must be a generator of {generator.blocks} blocks of {generator.width} channels, "
            "like this one; srgan-hub convert makes both"
        )
    generator = prepared(generator, config)
    if on_cpu:
        keep_memory()
        if not config.compile:  # torch.compile finds such ways itself, and stops at ours
            speed_up(generator)
    average = AveragedModel(  # of the network before `prepare`: it is measured in float32, as it is used
        generator, device=accelerator.device, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=True
    )
    if config.optimizer == "muon":
        optimizer = Muon(generator, lr=weights.lr, **adam)
    else:
        optimizer = torch.optim.Adam(generator.parameters(), lr=weights.lr, **adam)
    generator, optimizer = accelerator.prepare(generator, optimizer)
    counters = Counters()
    accelerator.register_for_checkpointing(average, counters)
    networks = {"generator": generator, "discriminator": discriminator, "perceptual": perceptual}
    if config.compile:
        networks = {name: torch.compile(network) if network else None for name, network in networks.items()}

    # Where to start
    if start_from:
        before = checkpoint.configuration(start_from)
        for name, value in dataclasses.asdict(config).items():
            if before.get(name) != value and name not in ("resume", "output_dir", "checkpoint_dir", "max_train_time"):
                accelerator.print(f"resumed with a different {name}: {value!r} instead of {before.get(name)!r}")
        checkpoint.load(accelerator, start_from)
        accelerator.print(f"resumed {start_from} at update {counters.step}")

    # Data
    data = open_data(config, weights, scale, teacher, accelerator, counters.streams)
    teacher = None if data.filling else teacher and teacher.to(accelerator.device)  # it runs beside the updates, or in them
    blocks_of = blocks_of.to(accelerator.device) if blocks_of else None
    pairs, photographs, held_out, samples, filling = data
    loader = Loader(pairs, accelerator.device)
    measured = held_out.pairs + validation_pairs(held_out.photos, scale)
    validation = Validation(measured, scale, accelerator.device)
    measured_on = f"{len(validation)} photographs, {held_out.words}" if len(validation) else "nothing"
    parts = config.gradient_accumulation_steps
    accelerator.init_trackers("srgan_hub", {k: v for k, v in public(config).items() if v is not None})
    accelerator.print(
        f"{config.variant}, {sum(p.numel() for p in generator.parameters()):,} parameters: {photographs} photographs; "
        f"held out: {measured_on}; updates {counters.step} to {config.max_train_steps} of {config.batch_size} x {parts} x "
        f"{accelerator.num_processes} patches\n{accelerator.num_processes} process(es), {accelerator.distributed_type.value}, "
        f"on {device_name(accelerator)}, {torch.get_num_threads()} CPU threads each, {config.mixed_precision}"
    )

    def record() -> dict:
        facts = dict(updates=counters.step, seconds=counters.seconds, validation=counters.validation, held_out=measured_on)
        return {**facts, "photographs": photographs, "generator": average.module.shape, "config": public(config)}

    def result() -> SRGANGenerator:
        mixed = interpolate(average.module, pretrained.to(accelerator.device), config.keep) if pretrained else average.module
        return centre_colour(mixed, samples) if samples else mixed

    def validate() -> None:
        if not len(validation) or not accelerator.is_main_process:
            return
        upscaler = Upscaler(result(), engine="pytorch", precision="fp32", device=accelerator.device)
        counters.validation = validation(upscaler)
        words = ", ".join(f"{name} {value:.4f}" for name, value in counters.validation.items())
        print(f"update {counters.step}: validation {words} ({measured_on})", flush=True)
        log.record(counters.step, {f"validation/{name}": value for name, value in counters.validation.items()})
        grid = validation.grid(upscaler)
        log.picture(counters.step, "LR | bicubic | SR | HR", grid)
        (output / "samples").mkdir(exist_ok=True)
        grid.save(output / "samples" / f"update-{counters.step:07d}.png")

    def write() -> None:
        if accelerator.is_main_process:
            facts = record()
            card = training_card(config, weights, facts, perceptual.network if perceptual else None)
            write_result(output, result(), card, facts)

    def show() -> None:
        """Draw the image that a pushed card shows."""
        upscaler = Upscaler(result(), engine="pytorch", precision="fp32", device=accelerator.device)
        specimen(upscaler, pusher.repo_id.rpartition("/")[2]).save(output / PICTURE)

    log = TrainingLog(accelerator, output, config.max_train_steps, config.batch_size * parts * accelerator.num_processes)
    health, kept = Health(), f"the checkpoint of update {counters.step} is kept" if start_from else "there is no checkpoint yet"
    batches = loader.batches(counters.step * parts, config.max_train_steps * parts)
    with Stop(accelerator, seconds(config.max_train_time), started) as stop, filling or nullcontext():
        if filling:
            wanted = counters.distilled[-1][1] if counters.distilled else first_patches(config)
            filling.wait(wanted, accelerator.print, lambda: bool(stop.reason))
            pairs.stretches = counters.distilled
            if not pairs.stretches:
                pairs.look()
        for number, batch in enumerate(batches, start=counters.step * parts):
            lr, hr = (image.to(memory_format=torch.channels_last).float() / 255 for image in (batch.lr, batch.hr))  # [0, 1]
            warm = counters.step < weights.d_warmup
            alone = weights.d_warmup
            rate = learning_rate(max(0, counters.step - alone), peak=weights.lr, total=config.max_train_steps - alone)
            set_rate(optimizer, rate)

            with accelerator.accumulate(*filter(None, (generator, discriminator))), accelerator.autocast():
                hr = teacher(lr) if teacher and weights.images else hr
                generator.train(not (warm or config.freeze_norm))
                blocks, taught = None, batch.taught
                if weights.blocks and not warm:
                    taught = taught if weights.images else torch.ones(len(lr), dtype=bool, device=lr.device)
                    blocks = torch.zeros((), device=lr.device)
                    if taught.any():
                        blocks = blocks_loss(accelerator.unwrap_model(generator), blocks_of, lr[taught])
                    if not weights.coarse:  # images that only train the blocks are not enlarged
                        images = ~taught
                        images[0] |= bool(taught.all())
                        lr, hr, taught = lr[images], hr[images], taught[images]
                with torch.set_grad_enabled(not warm):
                    sr, hr = shifted((networks["generator"](lr), hr), scale, config.seed, number)
                terms = {}
                if discriminator is not None:
                    set_rate(d_optimizer, learning_rate(counters.step, peak=weights.d_lr, total=config.max_train_steps))
                    terms |= d_step(networks["discriminator"], d_optimizer, sr, hr, weights, accelerator, config.max_grad_norm)
                if not warm:
                    rng = np.random.default_rng((config.seed, accelerator.process_index, number, 3))
                    compared = Compared(
                        sr, hr, accelerator.unwrap_model(generator), blocks, random_colors(rng, accelerator.device),
                        networks["perceptual"], discriminator and accelerator.unwrap_model(discriminator), weights,
                    )  # fmt: skip
                    terms |= g_step(compared, taught, generator, optimizer, accelerator, config.max_grad_norm)
            log.add(terms, batch.waited)
            if not accelerator.sync_gradients:
                continue  # the update needs another batch
            if not warm:
                average.update_parameters(accelerator.unwrap_model(generator))
            counters.step += 1

            step = counters.step
            last = step == config.max_train_steps
            stopping = stop.requested(step) and not last
            saving = last or stopping or step % config.checkpoint_every == 0
            pushing = bool(config.push_to_hub and config.push_every) and step % config.push_every == 0 and not last
            if step % config.log_every == 0 or saving or pushing:
                means = log.means()
                weight = sum(p.detach().float().sum() for p in generator.parameters())
                refuse_infinite({**means, "weights": float(weight)}, step, kept, lambda flag: any_process(accelerator, flag))
            counters.seconds += log.updated()
            if step % config.log_every == 0 or last:
                for sentence in health.warnings(means, log.updates):
                    accelerator.print(f"warning: {sentence}")
                log.line(step, means, rate)
            if last or step % config.validate_every == 0:
                validate()
            if saving:
                if filling:  # only here, so that a resumed run uses as many patches as this one
                    filling.check()
                    pairs.look(number + 2)  # the next batch has already been made
                    counters.distilled = pairs.stretches
                counters.streams = gather_object([batch.state])
                checkpoint.save(accelerator, checkpoints, step, dataclasses.asdict(config), config.keep_checkpoints)
                kept = f"the checkpoint of update {step} is kept"
            if saving or pushing:
                write()
            if pusher and pushing:
                show()
                pusher.start(step)
            log.leave_out_pause()
            if stopping:
                accelerator.print(f"stopped after update {step} ({stop.reason or 'another process'}); --resume latest continues")
                accelerator.end_training()
                return output

    if not finished(output, config.max_train_steps):
        write()
    if discriminator is not None and accelerator.is_main_process:
        accelerator.unwrap_model(discriminator).save_pretrained(output / DISCRIMINATOR)
    accelerator.end_training()
    accelerator.print(f"{output} has finished its {counters.step} updates, in {counters.seconds / 60:.1f} minutes of training")
    if pusher:
        show()
    if pusher and not pusher.finish(counters.step):
        raise ValueError(f"the result is complete in {output}, but not pushed; the same command with --resume latest tries again")
    return output


def starting_point(config: Config, output: Path, checkpoints: Path) -> Path | None:
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


def new_generator(config: Config) -> SRGANGenerator:
    """The generator to start with: pretrained, or a new one that computes bilinear enlargement."""
    if not config.pretrained:
        generator = SRGANGenerator(
            scale=config.scale, width=config.width, blocks=config.blocks, norm=config.norm, growth=config.growth
        )
        pass_through(generator)
        return generator
    generator = SRGANGenerator.from_pretrained(config.pretrained)
    here = Path(config.pretrained).exists()  # a local path, which means nothing to others
    if weights_of(config).adversarial and not generator.partner and not here:
        generator = SRGANGenerator.from_pretrained(config.pretrained, partner=config.pretrained)
    generator.train()
    for name, value in generator.shape.items():
        asked = getattr(config, name)
        if asked not in (value, getattr(Config, name)):
            raise ValueError(f"--pretrained {config.pretrained} has {name} {value}, not {asked}; leave out --{name}")
    return generator


def new_discriminator(config: Config) -> SRGANDiscriminator:
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
    config: Config, weights: LossConfig, scale: int, teacher: Teacher | None, accelerator: Accelerator, streams: list
) -> Data:
    """The photos to train on and those held out. streams: where each process's stream stood when the run was stopped."""
    source = dict(
        split=config.split, validation=config.validation, count=config.validation_count, scale=scale,
        cache_dir=config.cache_dir, report=accelerator.print,
        config=config.dataset_config, data_files=config.data_files, column=config.image_column,
    )  # fmt: skip
    cut = dict(
        crop=config.crop, margin=2 * scale if config.degradation == "bicubic" else MARGIN, batch_size=config.batch_size,
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
                             rank=accelerator.process_index, mixed=bool(weights.blocks))  # fmt: skip
    return Data(pairs, len(distilled.photos), held_out, samples, filling)


def feature_network(config: Config, layers: tuple[str, ...]) -> torch.nn.Module:
    """The network of the content loss."""
    if set(layers) <= set(STAGES):
        return LiteFeatures(layers)
    network = VGGFeatures(layers, config.vgg_weights)
    network.stored_as({"bf16": torch.bfloat16, "fp16": torch.float16, "no": torch.float32}[config.mixed_precision])
    return network


def distilled_patches(
    config: Config, cache: PhotoCache, photos: list[int], teacher: Teacher, scale: int, accelerator: Accelerator
) -> tuple[Distilled, Filling]:
    """The patches with the teacher's results, and what computes them alongside the updates."""
    clean = Teacher(config.clean_teacher, scale) if config.clean_teacher else None
    made_of = dict(
        photographs=cache.key, teacher=teacher.digest(), clean_teacher=clean and clean.digest(), clean_below=config.clean_below,
        degradation=config.degradation, recolour=config.recolour,
    )  # fmt: skip
    root = Path(config.cache_dir or default_folder()).expanduser() / "distilled"
    distilled = Distilled(root, cache, photos, count=config.teacher_patches, scale=scale, seed=config.seed, settings=made_of)
    threads = max(1, torch.get_num_threads() // 2)

    def fill(stop: Callable[[], bool]) -> None:
        side = distilled.seen // scale
        teach = teacher.engine(side, accelerator.device, threads)
        teach_clean = clean and clean.engine(side, accelerator.device, threads)
        distilled.fill(DEGRADATIONS[config.degradation], teach, teach_clean, config.clean_below, config.recolour, stop)

    return distilled, Filling(distilled, fill)


def first_patches(config: Config) -> int:
    """How many of a teacher's patches a run waits for before it starts."""
    return min(config.teacher_patches, max(config.batch_size, config.teacher_patches // 20))


def prepared(network: torch.nn.Module, config: Config) -> torch.nn.Module:
    if config.sync_batchnorm:
        network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return network.to(memory_format=torch.channels_last)


def fits(size: int, accelerator: Accelerator) -> bool:
    """Whether `size` bytes of photos leave half of the GPU's free memory; prints a message if not."""
    if accelerator.device.type != "cuda":
        return False
    free = torch.cuda.mem_get_info(accelerator.device)[0]
    if size > free / 2:
        accelerator.print(f"the photos stay in main memory: {size / 1e9:.1f} GB, the GPU has only {free / 1e9:.1f} GB free")
    return size <= free / 2


def device_name(accelerator: Accelerator) -> str:
    return torch.cuda.get_device_name(accelerator.device) if accelerator.device.type == "cuda" else str(accelerator.device)


def shifted(images: tuple[Tensor, ...], scale: int, seed: int, number: int) -> tuple[Tensor, ...]:
    """(N, 3, H, W) batches, with image i of each rolled by the same few pixels, and each i by its own shift.

    The gradients of strided convolutions and poolings repeat every 2 to 16 pixels. If they fell on the same places in every
    update, or in a whole batch at once, sub-pixel convolutions would learn that grid. The pixel loss does not see the shift.
    Every place within an LR pixel comes up equally often, so what all images of a batch of scale^2 have in common cancels."""
    rng, count = np.random.default_rng((seed, number)), len(images[0])
    within = np.resize(rng.permutation(scale**2), count)
    cells = scale * rng.integers(0, 16 // scale, (count, 2))
    places = (cells + np.stack([within // scale, within % scale], axis=1)).tolist()
    return tuple(
        torch.stack([image.roll(place, dims=(1, 2)) for image, place in zip(batch, places, strict=True)]) for batch in images
    )


def set_rate(optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("times", 1)  # `times` is Muon's (training/optimizers.py)


def parse(arguments: list[str] | None = None) -> Config:
    return parse_options(Config, arguments, __doc__)


def main() -> None:
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        train(parse())
    except ValueError as error:
        sys.exit(f"train_accelerate.py: {error}")
    except (OSError, SafetensorError) as error:  # such as a full disk under the log or the result
        sys.exit(f"train_accelerate.py: {error}; the last checkpoint is kept, and --resume latest continues from it")
    except (torch.OutOfMemoryError, MemoryError):
        sys.exit("train_accelerate.py: out of memory; a smaller --batch_size with more --gradient_accumulation_steps takes less")
    except KeyboardInterrupt:
        sys.exit("train_accelerate.py: stopped at once; the last checkpoint is kept")


if __name__ == "__main__":
    main()
