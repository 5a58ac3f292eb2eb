"""Train SRResNet or SRGAN (Ledig et al. 2017, arXiv:1609.04802) with Hugging Face Accelerate.

    accelerate launch -q train_accelerate.py --variant srresnet-mse --dataset FOLDER_OR_HUB_ID --output_dir runs/srresnet
    accelerate launch -q train_accelerate.py --variant srgan-vgg54 --pretrained runs/srresnet --dataset ... --output_dir ...

The result, an ordinary checkpoint folder (config.json, model.safetensors, README.md), is the exponential moving average
of the generator's weights."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Subset

from srgan_hub.card import fill
from srgan_hub.data.patches import Patches
from srgan_hub.data.photos import load_photos, splits
from srgan_hub.discriminator import SRGANDiscriminator
from srgan_hub.evaluation.benchmark import mean, measure, validation_pairs
from srgan_hub.generator import SRGANGenerator
from srgan_hub.imaging.resize import downsample
from srgan_hub.loading import WEIGHTS
from srgan_hub.losses import adversarial_loss, content_loss, discriminator_loss, pixel_loss
from srgan_hub.pipeline import Upscaler
from srgan_hub.training import checkpoint
from srgan_hub.training.initialization import pass_through
from srgan_hub.training.schedule import learning_rate
from srgan_hub.vgg import VGGFeatures


class Variant(NamedTuple):
    """What the generator is trained on; the weights of the terms are those of Config."""

    pixel: float        # weight of the squared error on [-1, 1]
    content: float      # weight of the VGG loss (features already rescaled by 1/12.75)
    layer: str          # feature map of the VGG loss
    adversarial: float  # weight of the adversarial loss; 0: no discriminator
    lr: float           # Adam's peak rate


VARIANTS = {
    # lr 1e-3 is ten times the paper's: stable with pass-through initialisation and BatchNorm, while 2e-3 learns less
    "srresnet-mse": Variant(pixel=1.0, content=0.0, layer="", adversarial=0.0, lr=1e-3),
    "srgan-vgg54": Variant(pixel=0.0, content=1.0, layer="vgg54", adversarial=1e-3, lr=1e-4),
}


@dataclass(frozen=True)
class Config:
    """Every option; batch, crop, Adam's beta1 and the weights of the terms are the paper's (section 3.2)."""

    dataset: str = "goodfellowliu/DIV2K"  # Hub id or local folder of HR images or parquet shards
    output_dir: str = "runs/srgan"        # the result, and checkpoints/ beside it
    variant: str = "srresnet-mse"         # what the generator is trained on: srresnet-mse or srgan-vgg54
    pretrained: str = ""                  # generator to start from: bundled name, folder or Hub id
    vgg_weights: str = ""                 # safetensors of a VGG19 or VGG16; empty: torchvision's VGG19 is downloaded
    max_train_steps: int = 100_000        # updates of each network
    batch_size: int = 16                  # patches an update, on each process
    crop: int = 96                        # HR pixels a side of a patch
    lr: float = 0.0                       # Adam's peak rate; 0: the variant's own
    beta2: float = 0.99                   # Adam's second beta: .999 forgets too slowly for short schedules
    pixel_weight: float = -1.0            # of the pixel loss; negative: the variant's own
    content_weight: float = -1.0          # of the VGG loss; negative: the variant's own
    adversarial_weight: float = -1.0      # of the adversarial loss; negative: the variant's own
    ema_decay: float = 0.999              # of the averaged generator, which is the result
    mixed_precision: str = "bf16"         # "bf16" or "no"; on CPUs with bf16 instructions 1.8 times as fast
    seed: int = 0                         # of the initialisation and of every patch
    log_every: int = 50                   # updates between two lines of losses
    validate_every: int = 1000            # updates between two validations, where the dataset has a validation split
    checkpoint_every: int = 500           # updates between two checkpoints, of which the last two are kept
    resume: str = ""                      # "latest" or a checkpoint folder, all else unchanged: continue exactly there
    threads: int = 0                      # CPU threads of each process; 0: all cores, shared
    cpu: bool = False                     # train on the CPU even where there is a GPU


def d_step(discriminator, optimizer, sr: Tensor, hr: Tensor, accelerator: Accelerator) -> dict[str, Tensor]:
    """One update of the discriminator; returns its loss and the mean probabilities that it gives HR and SR."""
    hr_logits, sr_logits = discriminator(hr), discriminator(sr.detach())
    loss = discriminator_loss(hr_logits, sr_logits)
    optimizer.zero_grad(set_to_none=True)
    accelerator.backward(loss)
    optimizer.step()
    return {"d_loss": loss.detach(), "D(hr)": hr_logits.detach().sigmoid().mean(), "D(sr)": sr_logits.detach().sigmoid().mean()}


def g_step(sr: Tensor, hr: Tensor, weights: Variant, vgg, discriminator, optimizer, accelerator: Accelerator) -> dict:
    """One update of the generator that made `sr`; returns every term, unweighted."""
    terms = {"pixel": pixel_loss(sr, hr)}  # logged even where its weight is 0
    loss = weights.pixel * terms["pixel"]
    if weights.content:
        with torch.no_grad():
            hr_features = vgg(hr)
        terms[weights.layer] = content_loss(vgg(sr), hr_features)
        loss = loss + weights.content * terms[weights.layer]
    if weights.adversarial:
        discriminator.requires_grad_(False)
        terms["adversarial"] = adversarial_loss(discriminator(sr))
        discriminator.requires_grad_(True)
        loss = loss + weights.adversarial * terms["adversarial"]
    optimizer.zero_grad(set_to_none=True)
    accelerator.backward(loss)
    optimizer.step()
    return {name: term.detach() for name, term in terms.items()}


class Counters:
    """What else a resumed run continues from: finished updates, seconds of training."""

    def __init__(self):
        self.step, self.seconds = 0, 0.0

    def state_dict(self) -> dict:
        return dict(vars(self))

    def load_state_dict(self, state: dict) -> None:
        vars(self).update(state)


def train(config: Config) -> Path:
    """Run the training that `config` describes; returns the checkpoint folder. Raises ValueError for what cannot be done."""
    weights = weights_of(config)
    output = Path(config.output_dir)
    checkpoints = output / "checkpoints"
    start_from = starting_point(config, checkpoints)
    accelerator = Accelerator(mixed_precision=config.mixed_precision, cpu=config.cpu)
    torch.set_num_threads(config.threads or max(1, cores() // accelerator.num_processes))
    set_seed(config.seed)

    # Generator, its average, discriminator, features
    generator = SRGANGenerator()
    if config.pretrained:
        generator = SRGANGenerator.from_pretrained(config.pretrained).train()
    else:
        pass_through(generator)
    generator = generator.to(memory_format=torch.channels_last)
    scale = generator.scale
    adam = dict(lr=weights.lr, betas=(0.9, config.beta2))
    discriminator = vgg = d_optimizer = None
    if weights.adversarial:
        discriminator = SRGANDiscriminator(crop=config.crop).to(memory_format=torch.channels_last)
        d_optimizer = torch.optim.Adam(discriminator.parameters(), **adam)
        discriminator, d_optimizer = accelerator.prepare(discriminator, d_optimizer)
    if weights.content:
        vgg = VGGFeatures(weights.layer, config.vgg_weights or None)
        vgg = vgg.to(accelerator.device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(generator.parameters(), **adam)
    generator, optimizer = accelerator.prepare(generator, optimizer)
    average = AveragedModel(
        accelerator.unwrap_model(generator), multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=True
    )
    counters = Counters()
    accelerator.register_for_checkpointing(average, counters)

    # Where to start
    if start_from:
        accelerator.load_state(str(start_from))
        for name, value in dataclasses.asdict(config).items():
            before = checkpoint.configuration(start_from).get(name)
            if before != value and name not in ("resume", "output_dir"):
                accelerator.print(f"resumed with another {name}: {value!r} instead of {before!r}")
        accelerator.print(f"resumed {start_from} at update {counters.step}")
        if counters.step >= config.max_train_steps and (output / WEIGHTS).is_file():
            accelerator.print(f"nothing to do: it has had its {config.max_train_steps} updates")
            return output

    # Data: batch k is patches k * batch .. of the run, whatever happened before
    photos = load_photos(config.dataset)
    patches = Patches(photos, downsample, crop=config.crop, scale=scale, seed=config.seed)
    per_update = config.batch_size * accelerator.num_processes
    remaining = Subset(patches, range(counters.step * per_update, config.max_train_steps * per_update))
    batches = accelerator.prepare(DataLoader(remaining, batch_size=config.batch_size, drop_last=True))
    held_out = []
    if "validation" in splits(config.dataset):
        held_out = validation_pairs(load_photos(config.dataset, "validation"), scale)
    accelerator.print(
        f"{config.variant}: {len(patches.pairs)} photographs, {len(held_out)} held out; updates {counters.step} to "
        f"{config.max_train_steps}; {accelerator.num_processes} process(es) on {accelerator.device}, "
        f"{torch.get_num_threads()} CPU threads, {config.mixed_precision}"
    )

    def validate() -> float:
        psnr = mean(measure(Upscaler(average.module, device=accelerator.device), held_out, scale), "psnr")
        print(f"update {counters.step}: validation PSNR {psnr:.3f} dB on {len(held_out)} photographs", flush=True)
        return psnr

    log_line = LogLine(accelerator, config, counters)
    with StopSignal() as stop:
        for lr, hr in batches:
            lr, hr = (image.to(memory_format=torch.channels_last).float() / 255 for image in (lr, hr))  # [0, 1]
            rate = learning_rate(counters.step, peak=weights.lr, total=config.max_train_steps)
            set_rate(optimizer, rate)
            sr, hr = shifted((generator(lr), hr), config.seed, counters.step)

            terms = {}
            with accelerator.autocast():
                if discriminator is not None:
                    set_rate(d_optimizer, rate)
                    terms |= d_step(discriminator, d_optimizer, sr, hr, accelerator)
                terms |= g_step(sr, hr, weights, vgg, discriminator, optimizer, accelerator)
            average.update_parameters(accelerator.unwrap_model(generator))

            counters.step += 1
            log_line(terms, rate)
            last = counters.step == config.max_train_steps
            if last or stop.requested or counters.step % config.checkpoint_every == 0:
                checkpoint.save(accelerator, checkpoints, counters.step, dataclasses.asdict(config))
            if held_out and accelerator.is_main_process and not last and counters.step % config.validate_every == 0:
                validate()
            log_line.leave_out_pause()
            if stop.requested and not last:
                accelerator.print(f"stopped after update {counters.step}; continue with --resume latest")
                return output

    if accelerator.is_main_process:
        validation = validate() if held_out else None
        average.module.save_pretrained(output)
        (output / "README.md").write_text(training_card(config, weights, counters, validation, vgg, len(patches.pairs)))
        print(f"wrote {output} after {counters.step} updates, {counters.seconds / 60:.1f} minutes")
    return output


def weights_of(config: Config) -> Variant:
    """The variant's weights with the overrides of the configuration; ValueError for options that make no sense."""
    if config.variant not in VARIANTS:
        raise ValueError(f"--variant must be one of {', '.join(VARIANTS)}, got {config.variant!r}")
    if config.mixed_precision not in ("bf16", "no"):
        raise ValueError(f"--mixed_precision must be bf16 or no, got {config.mixed_precision!r}")
    for name in ("max_train_steps", "batch_size", "crop", "log_every", "validate_every", "checkpoint_every"):
        if getattr(config, name) < 1:
            raise ValueError(f"--{name} must be at least 1, got {getattr(config, name)}")
    for name, low, high in (("lr", 0, 1), ("beta2", 0, 1), ("ema_decay", 0, 1), ("threads", 0, 4096)):
        if not low <= getattr(config, name) < high:
            raise ValueError(f"--{name} must be from {low} to below {high}, got {getattr(config, name)}")
    variant = VARIANTS[config.variant]
    given = {term: getattr(config, f"{term}_weight") for term in ("pixel", "content", "adversarial")}
    weights = variant._replace(**{term: value for term, value in given.items() if value >= 0})
    if weights.content and not weights.layer:
        raise ValueError(f"--variant {config.variant} has no VGG layer; --content_weight goes with srgan-vgg54")
    return weights._replace(lr=config.lr or variant.lr)


def starting_point(config: Config, checkpoints: Path) -> Path | None:
    """The checkpoint to resume, None for a fresh run. Makes the folder; ValueError for what would lose or mix up runs."""
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--output_dir {config.output_dir} cannot be used: {error.strerror}") from error
    if not config.resume:
        if checkpoint.exists(checkpoints):
            raise ValueError(f"{checkpoints} holds another run; add --resume latest, or choose another --output_dir")
        return None
    found = checkpoint.latest(checkpoints) if config.resume == "latest" else Path(config.resume)
    before = checkpoint.configuration(found)
    if before["variant"] != config.variant:
        raise ValueError(f"{found} is a run of --variant {before['variant']}, not {config.variant}; start it with --pretrained")
    return found


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shifted(images: tuple[Tensor, ...], seed: int, step: int) -> tuple[Tensor, ...]:
    """All images rolled by the same few pixels, others in every update.

    The gradients of strided convolutions and poolings repeat every 2 to 16 pixels. Met at the same place in every update,
    sub-pixel convolutions learn that grid (2 grey levels after 500 updates); the pixel loss does not see the shift."""
    y, x = np.random.default_rng((seed, step)).integers(0, 16, 2).tolist()
    return tuple(image.roll((y, x), dims=(2, 3)) for image in images)


def set_rate(optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


class LogLine:
    """Prints the mean of every term since the last line, updates a second and the time left; counts the seconds."""

    def __init__(self, accelerator: Accelerator, config: Config, counters: Counters):
        self.accelerator, self.config, self.counters = accelerator, config, counters
        self.sums: dict[str, Tensor] = {}
        self.updates, self.seconds, self.last = 0, 0.0, time.perf_counter()

    def leave_out_pause(self) -> None:
        """What passed since the last call (a validation, a checkpoint) is no training time."""
        self.last = time.perf_counter()

    def __call__(self, terms: dict[str, Tensor], rate: float) -> None:
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, 0) + term
        now = time.perf_counter()
        self.updates, self.seconds = self.updates + 1, self.seconds + now - self.last
        self.counters.seconds += now - self.last
        self.last = now
        if self.counters.step % self.config.log_every and self.counters.step != self.config.max_train_steps:
            return
        means = "  ".join(f"{name} {float(total) / self.updates:.5f}" for name, total in self.sums.items())
        left = (self.config.max_train_steps - self.counters.step) * self.seconds / self.updates
        self.accelerator.print(
            f"update {self.counters.step}/{self.config.max_train_steps}  {means}  lr {rate:.2e}  "
            f"{self.updates / self.seconds:.2f} updates/s  {time.strftime('%H:%M:%S', time.gmtime(left))} left",
            flush=True,
        )
        self.sums, self.updates, self.seconds = {}, 0, 0.0


class StopSignal:
    """Ctrl-C or SIGTERM asks for a stop after the running update; a second one stops at once."""

    def __enter__(self) -> StopSignal:
        self.requested = False
        self.previous = {kind: signal.signal(kind, self._request) for kind in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _request(self, kind, frame) -> None:
        self.requested = True
        signal.signal(kind, self.previous[kind])

    def __exit__(self, *exception) -> None:
        for kind, handler in self.previous.items():
            signal.signal(kind, handler)


def training_card(config: Config, weights: Variant, counters: Counters, validation: float | None, vgg, photographs: int) -> str:
    """README.md of the result: model_card.md filled with what this run did."""
    standard = dataclasses.asdict(Config())
    given = {k: v for k, v in dataclasses.asdict(config).items() if v != standard[k] and k not in ("resume", "output_dir")}
    command = "accelerate launch train_accelerate.py " + " ".join(
        f"--{name}" if value is True else f"--{name} {value}" for name, value in given.items()
    )
    loss = f"{weights.pixel:g} x pixel (squared error on [-1, 1])"
    if weights.content:
        loss += f" + {weights.content:g} x {weights.layer} ({vgg.network} features, squared distance, rescaled by 1/12.75)"
    if weights.adversarial:
        loss += f" + {weights.adversarial:g} x adversarial"
    perceptual = "none"
    if weights.content:
        perceptual = (
            f"a stand-in, {Path(config.vgg_weights).name} ({vgg.network} layout); it is not the paper's VGG19"
            if config.vgg_weights
            else "VGG19 with torchvision's ImageNet weights"
        )
    template = Path(__file__).with_name("model_card.md").read_text()
    return fill(
        template,
        name=Path(config.output_dir).name,
        source=config.output_dir,
        variant=config.variant,
        command=f"{command} --output_dir {config.output_dir}",
        updates=str(counters.step),
        minutes=f"{counters.seconds / 60:.0f}",
        photographs=str(photographs),
        dataset=Path(config.dataset).name if Path(config.dataset).exists() else config.dataset,
        loss=loss,
        perceptual=perceptual,
        pretrained=config.pretrained or "pass-through initialisation",
        validation="not measured" if validation is None else f"{validation:.2f} dB (PSNR on Y, the dataset's validation split)",
    )


def parse(arguments: list[str] | None = None) -> Config:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reasons = dict(re.findall(r"^    (\w+): .*?  # (.*)$", Path(__file__).read_text(), flags=re.MULTILINE))
    for field in dataclasses.fields(Config):
        text = f"{reasons[field.name]} [{field.default}]"
        if field.type == "bool":
            parser.add_argument(f"--{field.name}", action="store_true", help=text)
        else:
            kind = {"str": str, "int": int, "float": float}[field.type]
            parser.add_argument(f"--{field.name}", type=kind, default=field.default, help=text)
    return Config(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    try:
        train(parse())
    except ValueError as error:
        sys.exit(f"train_accelerate.py: {error}")
    except KeyboardInterrupt:
        sys.exit("train_accelerate.py: stopped at once; an earlier checkpoint is kept")
