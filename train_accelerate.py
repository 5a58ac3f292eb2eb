"""Train SRResNet or SRGAN (Ledig et al. 2017, arXiv:1609.04802) with Hugging Face Accelerate.

    accelerate launch -q train_accelerate.py --variant srresnet-mse --dataset FOLDER_OR_HUB_ID --output_dir runs/srresnet
    accelerate launch -q train_accelerate.py --variant srgan-vgg54 --pretrained runs/srresnet --dataset ... --output_dir ...

The result, an ordinary checkpoint folder (config.json, model.safetensors, README.md), is the exponential moving average
of the generator's weights."""

from __future__ import annotations

import copy
import dataclasses
import logging
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, set_seed
from safetensors import SafetensorError
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from srgan_hub.data.patches import Batch, Loader
from srgan_hub.evaluation.benchmark import validation_pairs
from srgan_hub.evaluation.figures import specimen
from srgan_hub.hub.push import DISCRIMINATOR, PICTURE
from srgan_hub.inference.upscaler import Upscaler
from srgan_hub.losses import D_LOSSES, TERMS, Compared, LossConfig, blocks_loss, comparable, random_colors
from srgan_hub.models.generator import Generator
from srgan_hub.models.interpolation import interpolate
from srgan_hub.training import checkpoint
from srgan_hub.training.color import center_color
from srgan_hub.training.config import parse_options, seconds, weights_of
from srgan_hub.training.launch import Stop, any_process, keep_memory, make_accelerator, speed_up, threads_each
from srgan_hub.training.monitor import Health, TrainingLog, Validation, check_tracker, refuse_infinite
from srgan_hub.training.optimizers import Muon, learning_rate
from srgan_hub.training.push import Pusher, finished, public, training_card, write_result
from srgan_hub.training.setup import feature_network, new_discriminator, new_generator, open_data, starting_point
from srgan_hub.training.teacher import Teacher


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
    architecture: str | None = None       # srresnet or rrdb (ESRGAN's generator); default: srresnet, or the pretrained one's
    scale: int | None = None              # enlargement factor: 2, 4 or 8, of rrdb also 3; default: 4
    width: int | None = None              # channels of the generator; default: the architecture's, as for the next three
    blocks: int | None = None             # residual blocks of the generator, or groups of dense blocks
    norm: str | None = None               # normalization of srresnet: batch or none
    growth: int | None = None             # channels that each convolution of a dense block adds; 0: residual blocks
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
    loss = D_LOSSES[weights.gan](hr_logits, sr_logits)
    norm = optimizer_step(loss, discriminator, optimizer, accelerator, clip)
    return {"d_loss": loss, "D(hr)": hr_odds.sigmoid().mean(), "D(sr)": sr_odds.sigmoid().mean(), "d_norm": norm}


def g_step(compared: Compared, network, optimizer, accelerator: Accelerator, clip: float) -> dict:
    """One update of the generator `network`; returns every term, unweighted."""
    terms, loss = {}, 0.0
    for name, term in TERMS.items():
        weight = getattr(compared.config, name)
        if weight or name == "pixel":  # logged even if its weight is 0, and then every parameter has a gradient
            found = term.compute(compared)
            found = found if isinstance(found, dict) else {name: found}
            loss = loss + weight * sum(found.values())
            terms |= found
    return {**terms, "g_norm": optimizer_step(loss, network, optimizer, accelerator, clip)}


def optimizer_step(loss: Tensor, network, optimizer, accelerator: Accelerator, clip: float) -> Tensor | None:
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


class Run:
    """The networks of a run and their optimizers, its photos, and what has become of them so far."""

    def __init__(self, config: Config, weights: LossConfig, accelerator: Accelerator, start_from: Path | None):
        self.config, self.weights, self.accelerator = config, weights, accelerator
        self.output, self.counters = Path(config.output_dir), Counters()
        self.discriminator = self.features = self.d_optimizer = None
        generator = new_generator(config, adversarial=bool(weights.adversarial))
        self.scale, self.pretrained = generator.scale, copy.deepcopy(generator) if config.keep else None
        if config.crop % self.scale or config.crop == self.scale:
            raise ValueError(f"--crop must be a multiple of the scale {self.scale}, and larger than it, got {config.crop}")
        adam = dict(betas=(0.9, config.beta2), fused=True)  # fused is six times as fast on a CPU
        if weights.adversarial:
            discriminator = self.prepared(new_discriminator(config))
            d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=weights.d_lr, **adam)
            self.discriminator, self.d_optimizer = accelerator.prepare(discriminator, d_optimizer)
        if weights.content:
            self.features = feature_network(config, weights.layers).to(accelerator.device, memory_format=torch.channels_last)
        teacher = Teacher(config.teacher, self.scale) if config.teacher else None
        self.blocks_of = teacher.network if weights.blocks else None
        if weights.blocks and not comparable(generator, self.blocks_of):
            raise ValueError(
                f"--blocks_weight: {config.teacher} must be a generator with as many blocks and channels as this one; "
                "benchmarks/smaller_esrgan.py makes both"
            )
        generator = self.prepared(generator)
        if accelerator.device.type == "cpu":
            keep_memory()
            if not config.compile:  # torch.compile finds such ways itself, and stops at ours
                speed_up(generator)
        self.average = AveragedModel(  # of the network before `prepare`: it is measured in float32, as it is used
            generator, device=accelerator.device, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=True
        )
        if config.optimizer == "muon":
            optimizer = Muon(generator, lr=weights.lr, **adam)
        else:
            optimizer = torch.optim.Adam(generator.parameters(), lr=weights.lr, **adam)
        self.generator, self.optimizer = accelerator.prepare(generator, optimizer)
        accelerator.register_for_checkpointing(self.average, self.counters)
        compiled = torch.compile if config.compile else lambda network: network
        self.enlarge, self.tell, self.perceive = (
            network and compiled(network) for network in (self.generator, self.discriminator, self.features)
        )
        if start_from:
            self.resume(start_from)
        self.data = open_data(config, weights, self.scale, teacher, accelerator, self.counters.streams)
        # it computes beside the updates, or in them
        self.teacher = None if self.data.filling else teacher and teacher.to(accelerator.device)
        self.blocks_of = self.blocks_of and self.blocks_of.to(accelerator.device)
        held_out = self.data.held_out
        pairs = held_out.pairs + validation_pairs(held_out.photos, self.scale)
        self.validation = Validation(pairs, self.scale, accelerator.device)
        self.measured_on = f"{len(pairs)} photographs, {held_out.words}" if pairs else "nothing"

    def prepared(self, network: torch.nn.Module) -> torch.nn.Module:
        if self.config.sync_batchnorm:
            network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return network.to(memory_format=torch.channels_last)

    def resume(self, start_from: Path) -> None:
        before = checkpoint.configuration(start_from)
        for name, value in dataclasses.asdict(self.config).items():
            if before.get(name) != value and name not in ("resume", "output_dir", "checkpoint_dir", "max_train_time"):
                self.accelerator.print(f"resumed with a different {name}: {value!r} instead of {before.get(name)!r}")
        checkpoint.load(self.accelerator, start_from)
        self.accelerator.print(f"resumed {start_from} at update {self.counters.step}")

    def update(self, batch: Batch, number: int) -> dict[str, Tensor]:
        """Both networks' steps for the `number`-th batch; with several batches per update, the last one's step counts. Returns
        the terms of the losses. During the discriminator's warm-up, the generator is not changed."""
        config, weights, accelerator, step = self.config, self.weights, self.accelerator, self.counters.step
        lr, hr = (image.to(memory_format=torch.channels_last).float() / 255 for image in (batch.lr, batch.hr))  # [0, 1]
        warm, terms = step < weights.d_warmup, {}
        set_rate(self.optimizer, self.rate())
        with accelerator.accumulate(*filter(None, (self.generator, self.discriminator))), accelerator.autocast():
            hr = self.teacher(lr) if self.teacher and weights.images else hr
            self.generator.train(not (warm or config.freeze_norm))
            blocks = None
            if weights.blocks:
                blocks = blocks_loss(accelerator.unwrap_model(self.generator), self.blocks_of, lr)
                lr, hr = lr[:1], hr[:1]  # one image is enlarged, with weight 0, so that every parameter has a gradient
            with torch.set_grad_enabled(not warm):
                sr, hr = random_roll((self.enlarge(lr), hr), self.scale, config.seed, number)
            if self.discriminator is not None:
                set_rate(self.d_optimizer, learning_rate(step, peak=weights.d_lr, total=config.max_train_steps))
                terms |= d_step(self.tell, self.d_optimizer, sr, hr, weights, accelerator, config.max_grad_norm)
            if not warm:
                rng = np.random.default_rng((config.seed, accelerator.process_index, number, 3))
                compared = Compared(
                    sr, hr, accelerator.unwrap_model(self.generator), blocks, random_colors(rng, accelerator.device),
                    self.perceive, self.discriminator and accelerator.unwrap_model(self.discriminator), weights,
                )  # fmt: skip
                terms |= g_step(compared, self.generator, self.optimizer, accelerator, config.max_grad_norm)
        if accelerator.sync_gradients and not warm:
            self.average.update_parameters(accelerator.unwrap_model(self.generator))
        return terms

    def rate(self) -> float:
        """The generator's learning rate in the next update."""
        alone, total = self.weights.d_warmup, self.config.max_train_steps
        return learning_rate(max(0, self.counters.step - alone), peak=self.weights.lr, total=total - alone)

    def result(self) -> Generator:
        found = self.average.module
        if self.pretrained:
            found = interpolate(found, self.pretrained.to(self.accelerator.device), self.config.keep)
        return center_color(found, self.data.samples) if self.data.samples else found

    def upscaler(self) -> Upscaler:
        return Upscaler(self.result(), engine="pytorch", precision="fp32", device=self.accelerator.device)

    def validate(self, log: TrainingLog) -> None:
        if not len(self.validation) or not self.accelerator.is_main_process:
            return
        upscaler, step = self.upscaler(), self.counters.step
        self.counters.validation = self.validation(upscaler)
        words = ", ".join(f"{name} {value:.4f}" for name, value in self.counters.validation.items())
        print(f"update {step}: validation {words} ({self.measured_on})", flush=True)
        log.record(step, {f"validation/{name}": value for name, value in self.counters.validation.items()})
        grid = self.validation.grid(upscaler)
        log.picture(step, "LR | bicubic | SR | HR", grid)
        (self.output / "samples").mkdir(exist_ok=True)
        grid.save(self.output / "samples" / f"update-{step:07d}.png")

    def write(self) -> None:
        """Write the result so far, with its card and record, to the output folder."""
        if not self.accelerator.is_main_process:
            return
        generator, counters = self.result(), self.counters
        facts = dict(
            updates=counters.step, seconds=counters.seconds, validation=counters.validation, held_out=self.measured_on,
            photographs=self.data.photographs, generator=generator.shape, config=public(self.config),
        )  # fmt: skip
        card = training_card(self.config, self.weights, generator, facts, self.features.network if self.features else None)
        write_result(self.output, generator, card, facts)

    def save(self, folder: Path, batch: Batch, number: int) -> None:
        """Write a checkpoint, from which a run continues after this batch."""
        if self.data.filling:  # only here, so that a resumed run uses as many patches as this one
            self.data.filling.check()
            self.data.pairs.look(number + 2)  # the next batch has already been made
            self.counters.distilled = self.data.pairs.stretches
        self.counters.streams = gather_object([batch.state])
        settings = dataclasses.asdict(self.config)
        checkpoint.save(self.accelerator, folder, self.counters.step, settings, self.config.keep_checkpoints)

    def check_finite(self, means: dict[str, float], kept: str) -> None:
        """Raise Diverged unless these means of the losses and the generator's weights are finite."""
        weight = sum(p.detach().float().sum() for p in self.generator.parameters())
        agree = lambda flag: any_process(self.accelerator, flag)  # noqa: E731
        refuse_infinite({**means, "weights": float(weight)}, self.counters.step, kept, agree)

    def await_patches(self, stop: Stop) -> None:
        """Wait until the teacher has computed as many patches as the run starts with, or used before it was stopped."""
        pairs, used = self.data.pairs, self.counters.distilled
        wanted = used[-1][1] if used else min(pairs.distilled.count, max(self.config.batch_size, pairs.distilled.count // 20))
        self.data.filling.wait(wanted, self.accelerator.print, lambda: bool(stop.reason))
        pairs.stretches = used
        if not used:
            pairs.look()

    def announce(self) -> None:
        config, accelerator = self.config, self.accelerator
        parameters = sum(p.numel() for p in self.generator.parameters())
        patches = f"{config.batch_size} x {config.gradient_accumulation_steps} x {accelerator.num_processes} patches"
        on = torch.cuda.get_device_name(accelerator.device) if accelerator.device.type == "cuda" else str(accelerator.device)
        accelerator.print(
            f"{config.variant}, {parameters:,} parameters: {self.data.photographs} photographs; held out: {self.measured_on}; "
            f"updates {self.counters.step} to {config.max_train_steps} of {patches}\n{accelerator.num_processes} process(es), "
            f"{accelerator.distributed_type.value}, on {on}, {torch.get_num_threads()} CPU threads each, {config.mixed_precision}"
        )


def train(config: Config) -> Path:
    """Run the training that `config` describes; returns the result's folder. Raises ValueError if it cannot be done."""
    started = time.monotonic()
    weights = weights_of(config)
    output = Path(config.output_dir)
    checkpoints = Path(config.checkpoint_dir) if config.checkpoint_dir else output / "checkpoints"
    start_from = starting_point(config, output, checkpoints)
    parts, total = config.gradient_accumulation_steps, config.max_train_steps
    accelerator = make_accelerator(
        cpu=config.cpu, mixed_precision=config.mixed_precision, gradient_accumulation_steps=parts,
        log_with=check_tracker(config.report_to), project_dir=str(output / "logs"),
    )  # fmt: skip
    if accelerator.device.type == "cpu" and (config.mixed_precision == "fp16" or config.sync_batchnorm):
        raise ValueError(
            "--mixed_precision fp16 and --sync_batchnorm need GPUs; on a CPU, use bf16 or no, and leave out --sync_batchnorm"
        )
    torch.set_num_threads(config.threads or threads_each())
    set_seed(config.seed)
    pusher = Pusher(config.push_to_hub, output, config.private) if config.push_to_hub and accelerator.is_main_process else None
    if pusher:
        pusher.check()
    run = Run(config, weights, accelerator, start_from)
    counters, filling = run.counters, run.data.filling
    accelerator.init_trackers("srgan_hub", {k: v for k, v in public(config).items() if v is not None})
    run.announce()

    def push() -> None:
        specimen(run.upscaler(), pusher.repo_id.rpartition("/")[2]).save(output / PICTURE)  # the image that the card shows

    log = TrainingLog(accelerator, output, total, config.batch_size * parts * accelerator.num_processes)
    health, kept = Health(), f"the checkpoint of update {counters.step} is kept" if start_from else "there is no checkpoint yet"
    first = counters.step * parts
    batches = Loader(run.data.pairs, accelerator.device).batches(first, total * parts)
    with Stop(accelerator, seconds(config.max_train_time), started) as stop, filling or nullcontext():
        if filling:
            run.await_patches(stop)
        for number, batch in enumerate(batches, start=first):
            rate = run.rate()
            log.add(run.update(batch, number), batch.waited)
            if not accelerator.sync_gradients:
                continue  # the update needs another batch
            counters.step += 1

            step = counters.step
            last = step == total
            stopping = stop.requested(step) and not last
            saving = last or stopping or step % config.checkpoint_every == 0
            pushing = bool(config.push_to_hub and config.push_every) and step % config.push_every == 0 and not last
            if step % config.log_every == 0 or saving or pushing:
                means = log.means()
                run.check_finite(means, kept)
            counters.seconds += log.updated()
            if step % config.log_every == 0 or last:
                for sentence in health.warnings(means, log.updates):
                    accelerator.print(f"warning: {sentence}")
                log.line(step, means, rate)
            if last or step % config.validate_every == 0:
                run.validate(log)
            if saving:
                run.save(checkpoints, batch, number)
                kept = f"the checkpoint of update {step} is kept"
            if saving or pushing:
                run.write()
            if pusher and pushing:
                push()
                pusher.start(step)
            log.leave_out_pause()
            if stopping:
                accelerator.print(f"stopped after update {step} ({stop.reason or 'another process'}); --resume latest continues")
                accelerator.end_training()
                return output

    if not finished(output, total):
        run.write()
    if run.discriminator is not None and accelerator.is_main_process:
        accelerator.unwrap_model(run.discriminator).save_pretrained(output / DISCRIMINATOR)
    accelerator.end_training()
    accelerator.print(f"{output} has finished its {counters.step} updates, in {counters.seconds / 60:.1f} minutes of training")
    if pusher:
        push()
        if not pusher.finish(counters.step):
            raise ValueError(f"the result is complete in {output}, but not pushed; --resume latest tries again")
    return output


def random_roll(images: tuple[Tensor, ...], scale: int, seed: int, number: int) -> tuple[Tensor, ...]:
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
    return parse_options(Config, sys.argv[1:] if arguments is None else arguments, __doc__)


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
