"""The command `srgan-hub`: one function per subcommand."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from srgan_hub import __version__
from srgan_hub.data.benchmarks import find_sets, images, open_hub_set, pairs, read
from srgan_hub.data.cache import decode, lr_pictures
from srgan_hub.data.publish import push_dataset
from srgan_hub.data.sources import open_splits
from srgan_hub.evaluation.benchmark import BASELINES, measure, open_methods, validation_pairs
from srgan_hub.evaluation.figures import comparison, specimen
from srgan_hub.evaluation.metrics import TABLE, metrics_for
from srgan_hub.evaluation.opinion import ratings, scores
from srgan_hub.evaluation.opinion.study import KEY, PUBLIC, Key, Study, make_study
from srgan_hub.evaluation.report import as_json, index_entry, markdown, new_report, set_report
from srgan_hub.hub.card import RESULTS, with_block, with_model_index
from srgan_hub.hub.load import bundled, hub_name, locate
from srgan_hub.hub.push import CARD, DISCRIMINATOR, PICTURE, push
from srgan_hub.hub.push import FILES as PUSHED
from srgan_hub.hub.space import push_space, write_space
from srgan_hub.imaging.io import FORMATS, ImageError
from srgan_hub.imaging.resize import Target
from srgan_hub.imaging.tiles import Box
from srgan_hub.inference.backends import ENGINES, PRECISIONS
from srgan_hub.inference.batch import Job, enlarge_files, plan
from srgan_hub.inference.export import export
from srgan_hub.inference.quantization import FILE as INT8
from srgan_hub.inference.quantization import calibrate, in_eight_bits, save
from srgan_hub.inference.upscaler import FAR_OVERLAP, OVERLAP, TILE, Upscaler
from srgan_hub.models.discriminator import SRGANDiscriminator
from srgan_hub.models.generator import Generator
from srgan_hub.models.interpolation import transfer
from srgan_hub.models.srresnet.network import SRGANGenerator
from srgan_hub.signals import status_of
from srgan_hub.training.color import SAMPLES, center_color

DEFAULT_MODEL = "srgan-x4"
NAMED = 8      # files named in a summary
EXAMPLES = 20  # calibration photos of a study, as in the paper


def upscale(options: argparse.Namespace) -> int:
    """Enlarge files and folders. Every file that fails is reported in one line; the others are still enlarged."""
    names = ("faithful", "texture", "tile", "overlap", "engine", "precision")
    upscaler = Upscaler.from_pretrained(options.model, **{name: getattr(options, name) for name in names})
    target = Target(options.scale, options.to)
    label = target.label(upscaler.scale)
    jobs, faults, there = plan(options.inputs, options.output, label, options.format, options.force)
    return enlarge(jobs, upscaler, target, options.model, faults, there)


def enlarge(
    jobs: list[Job], upscaler: Upscaler, target: Target, model: str, faults: list[str], there: int, quiet: bool = False
) -> int:
    """Do the jobs and tell how it went; returns the exit status. model: its name; faults, there: as in a Plan; quiet: no bar."""
    for fault in faults:
        print(f"srgan-hub: {fault}", file=sys.stderr)
    done, pixels, losses, engines, start = 0, 0, {}, {}, time.perf_counter()
    bar = tqdm(total=len(jobs), disable=quiet or None, bar_format="{l_bar}{bar}| {elapsed}, {remaining} left {postfix}")
    numbers = {job: number for number, job in enumerate(jobs)}

    def show(job: Job, tiles: int, of: int) -> None:
        bar.n = numbers[job] + tiles / of
        bar.set_postfix_str(f"{job.source.name} {tiles}/{of}")

    for job, found in enlarge_files(jobs, upscaler, target, show):
        if isinstance(found, ImageError):
            faults.append(str(found))
            bar.write(f"srgan-hub: {found}", file=sys.stderr)
        else:
            done, pixels = done + 1, pixels + found.pixels
            engines[str(upscaler.engine_for(found.deep))] = None
            for loss in found.losses:
                losses.setdefault(loss, []).append(str(job.source))
    bar.close()
    seconds = time.perf_counter() - start
    if done:
        megapixels = pixels / 1e6
        print(
            f"{done} enlarged {'to ' * bool(target.longest)}{target.label(upscaler.scale)} with {model}: "
            f"{megapixels:.1f} megapixels in {seconds:.1f} s, {megapixels / seconds:.2f} megapixels/s ({'; '.join(engines)})"
        )
    for loss, names in losses.items():
        print(f"{loss}: {', '.join(names[:NAMED])}" + f" and {len(names) - NAMED} more" * (len(names) > NAMED))
    if there:
        print(f"{there} {'was' if there == 1 else 'were'} skipped because the output already exists")
    return 2 if faults else 0


def benchmark(options: argparse.Namespace) -> int:
    """Measure checkpoints and interpolations side by side on benchmark sets: one table per set."""
    cards = [Path(name) / "README.md" if Path(name).is_dir() else Path(name) for name in options.write_card]
    for card in cards:  # fails here, before minutes of work, if there is no place for the results
        with_block(card.read_text(encoding="utf-8"), RESULTS, "")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
    methods, scale = open_methods(options.models, options.engine, options.precision, options.faithful)
    for folder in filter(os.path.isdir, options.write_card):
        if Path(folder).resolve().name not in {method.name for method in methods}:
            raise ValueError(f"--write-card {folder}: this checkpoint is not measured; add it to --models")
    if hub_name(options.data):
        sets = [open_hub_set(options.data, scale, options.config, options.split)]
    else:
        sets = find_sets(options.data, scale, bare=True)
    metrics = metrics_for(TABLE)
    report = new_report(methods, scale, metrics)
    for one in sets:
        loaded, by_method = list(pairs(one, scale)), {}
        for method in methods:
            bar = tqdm(loaded, desc=f"{one.name}, {method.name}", leave=False, disable=None)
            by_method[method.name] = measure(method.upscale, bar, scale, metrics)
        report["sets"][one.name] = set_report(one, loaded, by_method, scale)
    table = markdown(report)
    print(table)
    if options.json:
        options.json.write_text(as_json(report), encoding="utf-8")
    for card in cards:
        text = with_block(card.read_text(encoding="utf-8"), RESULTS, table)
        label = card.resolve().parent.name
        results = {name: entry["results"] for name, entry in report["sets"].items()}
        if index := {name: index_entry(found[label]["images"]) for name, found in results.items() if label in found}:
            weights = report["methods"][label].get("weights_sha256", "")
            text = with_model_index(text, label, scale, index, report["protocol"]["date"], weights)
        card.write_text(text, encoding="utf-8")
    return 0


def figure(options: argparse.Namespace) -> int:
    """Draw one photo under several methods: the whole photo with a box, the contents of the box, PSNR and SSIM."""
    photo = np.asarray(read(options.image, options.image))
    methods, scale = open_methods(options.models)
    if min(photo.shape[:2]) < scale:
        raise ValueError(f"{options.image} is {photo.shape[1]}x{photo.shape[0]}: too small to be shrunk {scale} times")
    box = None
    if options.box:
        x, y, side = options.box
        box = Box(x, y, x + side, y + side)
    sheet = comparison(photo, methods, scale, box)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.output)
    return 0


def export_checkpoint(options: argparse.Namespace) -> int:
    """Write a checkpoint as an ONNX file for other programs."""
    about = export(options.checkpoint, options.output)
    print(f"{options.output}: {about['checkpoint']}, x{about['scale']}; {about['input']}; {about['output']}")
    return 0


def quantize(options: argparse.Namespace) -> int:
    """Quantize a checkpoint to 8 bits: write int8.safetensors into its folder, where the precisions auto and mixed find it."""
    folder = Path(locate(options.checkpoint))
    if not folder.is_dir():
        raise ValueError(f"{options.checkpoint} is on the Hub; give a folder to write {INT8} into (hf download fetches one)")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{folder} cannot be written to; copy the checkpoint into a folder of your own")
    generator = SRGANGenerator.from_pretrained(options.checkpoint)
    pictures = lr_pictures(options.calibration, generator.scale, options.pictures)
    quantization, change = calibrate(generator, pictures)
    save(quantization, folder)
    of = sum(step.kind == "conv" for step in in_eight_bits(generator))
    print(f"{folder / INT8}: {len(quantization.ranges)} of {of} convolutions in 8 bits, by {len(pictures)} photos; the mean "
          f"squared change of luma is {change:.2f} gray levels")  # fmt: skip
    return 0


def transfer_texture(options: argparse.Namespace) -> int:
    """Give a faithful model the texture of a GAN that was fine-tuned from its sibling: add what that fine-tuning changed."""
    if options.output.exists():
        raise ValueError(f"{options.output} already exists; choose another -o")
    base, gan = (Generator.from_pretrained(name) for name in (options.base, options.gan))
    partner = None if Path(options.base).exists() else options.base  # a path means nothing to others
    result = transfer(base, gan, options.share, partner)
    if options.photos:
        splits = open_splits(options.photos)
        photos = splits.get("train") or next(iter(splits.values()))
        result = center_color(result, [decode(photos[number]) for number in range(0, len(photos), -(-len(photos) // SAMPLES))])
    result.save_pretrained(options.output)
    print(f"{options.output}: {options.base} plus {options.share:g} of what {options.gan} learned beyond {gan.partner}")
    return 0


def push_checkpoint(options: argparse.Namespace) -> int:
    """Push a checkpoint to the Hub: weights, card with an image, settings. Pushing again keeps results and the owner's text."""
    generator = Generator.from_pretrained(options.checkpoint)  # fails here, before anything is sent, if it does not load
    folder = Path(locate(options.checkpoint))
    if not folder.is_dir():
        raise ValueError(f"{options.checkpoint} is already on the Hub; to copy it, download it first: hf download {folder}")
    beside = SRGANDiscriminator.from_pretrained(folder, subfolder=DISCRIMINATOR) if options.discriminator else None
    with tempfile.TemporaryDirectory(prefix="srgan_hub-") as copy:
        for name in PUSHED:  # only contents: a read-only folder would make a read-only copy
            if (folder / name).is_file():
                shutil.copyfile(folder / name, Path(copy) / name)
        if beside:
            beside.save_pretrained(Path(copy) / DISCRIMINATOR)
        if not (folder / CARD).exists():
            generator.generate_model_card(options.repo_id).save(Path(copy) / CARD)
        upscaler = Upscaler(generator, engine="pytorch", precision="fp32")
        specimen(upscaler, options.repo_id.rpartition("/")[2]).save(Path(copy) / PICTURE)
        print(push(copy, options.repo_id, private=options.private, discriminator=options.discriminator))
    return 0


def dataset_push(options: argparse.Namespace) -> int:
    """Push photos to the Hub as a dataset that load_dataset and the trainer accept: parquet shards and a card."""
    print(push_dataset(options.source, options.repo_id, private=options.private, license=options.license))
    return 0


def space_push(options: argparse.Namespace) -> int:
    """Push the page to the Hub as a Space that builds itself: app.py, the package, pinned requirements, README.md."""
    if options.dry_run:
        count = write_space(options.dry_run, options.repo_id, options.model)
        print(f"{count} files are in {options.dry_run}; nothing was pushed")
    else:
        print(push_space(options.repo_id, options.model, private=options.private))
    return 0


def mos_plan(options: argparse.Namespace) -> int:
    """Make a blind study of image sets: nearest, bicubic, the models and HR, for people to rate from 1 to 5."""
    methods, scale = open_methods(["bicubic", *options.models])
    sets = {
        one.name: tqdm(list(pairs(one, scale)), desc=one.name, leave=False, disable=None)
        for one in find_sets(options.data, scale)
    }
    photos = [np.asarray(read(path, path)) for path in list(images(options.calibration).values())[:EXAMPLES]]
    if not (examples := validation_pairs(photos, scale)):
        raise ValueError(f"{options.calibration} holds no pictures to calibrate raters with")
    make_study(options.output, sets, {method.name: method.upscale for method in methods}, examples)
    study = Study.load(options.output / PUBLIC)
    print(
        f"study {study.version}: {len(study.items)} pictures per rater. Raters may see {study.folder}; no rater may see "
        f"{options.output / KEY}, which is needed to read the ratings"
    )
    return 0


def mos_report(options: argparse.Namespace) -> int:
    """Mean opinion scores and differences with 95 % intervals, votes, and raters. Without ratings by people: not rated."""
    print(scores.report(Key.load(options.study), ratings.read(options.ratings)), end="")
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="srgan-hub", description="Enlarge photos with SRGAN, and measure the results.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    model_help = f"bundled checkpoint ({', '.join(bundled())}), folder, or Hub id user/name"
    any_network = f"{model_help}, or .safetensors or .pth file of another network that spandrel loads"

    command = new(commands, "upscale", upscale, "enlarge images")
    add = command.add_argument
    add("inputs", nargs="+", metavar="IN", type=Path, help="image, or folder of images (without its subfolders)")
    add("-o", "--output", required=True, type=Path, metavar="OUT_OR_FOLDER",
        help="file, for a single image; otherwise a folder, where photo.jpg becomes photo_x4.png")  # fmt: skip
    add("--model", default=DEFAULT_MODEL, metavar="NAME", help=f"{any_network} [{DEFAULT_MODEL}]")
    size = command.add_mutually_exclusive_group()
    size.add_argument("--scale", type=float, metavar="FACTOR",
        help="enlargement factor, such as 2 or 1.5, up to the model's [the model's]")  # fmt: skip
    size.add_argument("--to", type=int, metavar="PIXELS", help="length of the longer side, such as 3840")
    add("--texture", type=float, default=1.0, metavar="SHARE",
        help="from 0, the faithful network that the model was trained from, to 1, the model itself [1]")  # fmt: skip
    add("--tile", type=int, default=TILE, metavar="N",
        help=f"largest tile, in pixels of IN; smaller tiles take less memory [{TILE}]")  # fmt: skip
    add("--overlap", type=int, metavar="N",
        help="context around each tile, in pixels of IN; 40 is exact (the reach of 16 blocks), 56 for the lite models "
             f"[{OVERLAP}; {FAR_OVERLAP} for networks that see further]")  # fmt: skip
    add("--faithful", action="store_true",
        help="make the result match IN when shrunk again: for evidence and science; costs little texture")  # fmt: skip
    add_engine(add, "auto", "auto")
    add("--format", choices=sorted(FORMATS), help="png, tif and webp are lossless, jpg is quality 95 [png, or the suffix of OUT]")
    add("--force", action="store_true", help="overwrite existing outputs (never an input)")

    add = new(commands, "benchmark", benchmark, "measure models on benchmark sets").add_argument
    add("--data", required=True, metavar="FOLDER_OR_ID",
        help="folder of sets: SET/HR and SET/LR_x4; without LR_x4, or for a folder of images, LR is made as in MATLAB; "
             "or Hub dataset with columns hr and lr")  # fmt: skip
    add("--config", metavar="NAME", help="configuration of a Hub dataset that has several")
    add("--split", metavar="NAME", help="split of a Hub dataset [the first it has of test, validation and train]")
    add("--models", nargs="+", default=["bicubic", *bundled()], metavar="NAME",
        help=f"{any_network}, or one of {', '.join(BASELINES)} [bicubic and every bundled checkpoint]")
    add_engine(add, "pytorch", "fp32")
    add("--faithful", action="store_true", help="as for upscale")
    add("--json", type=Path, metavar="FILE", help="write every value to this file, with the hashes of images and weights")
    add("--write-card", nargs="+", default=[], metavar="FOLDER",
        help="put the tables into this checkpoint's README.md, between its results markers, and its numbers into the front "
             "matter (or give a Markdown file)")  # fmt: skip

    add = new(commands, "figure", figure, "draw an image enlarged by several models").add_argument
    add("image", type=Path, metavar="IMAGE", help="the original; the small image is made from it")
    add("--models", nargs="+", default=["bicubic", *bundled()], metavar="NAME", help="as for benchmark")
    add("--box", nargs=3, type=int, metavar=("X", "Y", "SIDE"), help="part to show, in pixels [the most detailed]")
    add("-o", "--output", required=True, type=Path, metavar="FILE", help="image to write")

    add = new(commands, "export", export_checkpoint, "write a model for other programs").add_argument
    add("checkpoint", metavar="CHECKPOINT", help=model_help)
    add("-o", "--output", required=True, type=Path, metavar="FILE.onnx", help="file to write")
    add("--format", choices=("onnx",), help=argparse.SUPPRESS)  # there used to be another

    add = new(commands, "quantize", quantize, "prepare a model for 8 bits").add_argument
    add("checkpoint", metavar="CHECKPOINT", help=f"bundled checkpoint ({', '.join(bundled())}), or folder")
    add("--calibration", required=True, metavar="PHOTOGRAPHS",
        help="photos like those it was trained on: folder, parquet shards or Hub id, as for train_accelerate.py --dataset; "
             "they are shrunk first")  # fmt: skip
    add("--pictures", type=int, default=24, metavar="N", help="number of photos to use, evenly chosen [24]")

    add = new(commands, "transfer", transfer_texture, "give a model the texture of a GAN").add_argument
    add("base", metavar="BASE", help=f"the faithful model: {model_help}")
    add("gan", metavar="GAN", help="a GAN whose config.json names a partner; BASE must have been trained from that partner")
    add("--share", type=float, default=1.0, metavar="SHARE", help="share of what the GAN has learned [1]")
    add("--photos", metavar="PHOTOGRAPHS", help="photos to set the mean color by, as for quantize --calibration [unchanged]")
    add("-o", "--output", required=True, type=Path, metavar="FOLDER", help="new folder for the checkpoint")

    add = new(commands, "push", push_checkpoint, "push a model to the Hub").add_argument
    add("checkpoint", metavar="CHECKPOINT", help=f"folder, or bundled checkpoint ({', '.join(bundled())})")
    add("repo_id", metavar="user/name", help="the model on the Hub; created if needed")
    add("--private", action="store_true", help="make it private: only you, or the members of the organization, can see it")
    add("--discriminator", action="store_true", help="push CHECKPOINT's discriminator/ too, for others to fine-tune with")

    group = commands.add_parser("dataset", help="share photos to train on", description="Datasets on the Hub.")
    parts = group.add_subparsers(required=True, metavar="COMMAND")
    add = new(parts, "push", dataset_push, "push photos to the Hub").add_argument
    add("source", metavar="SOURCE",
        help="folder of images (train/ and validation/ in it become splits), of parquet shards, or a DIV2K download")  # fmt: skip
    add("repo_id", metavar="user/name", help="the dataset on the Hub; created if needed, earlier shards are replaced")
    add("--private", action="store_true", help="make it private: only you, or the members of the organization, can see it")
    add("--license", metavar="ID", help="license of the photos, a Hub identifier such as cc-by-4.0 [not stated]")

    group = commands.add_parser("space", help="share the page", description="The page as a Space on the Hub.")
    parts = group.add_subparsers(required=True, metavar="COMMAND")
    add = new(parts, "push", space_push, "push the page to the Hub").add_argument
    add("repo_id", metavar="user/space", help="the Space on the Hub; created if needed, what its owner added is kept")
    add("--model", nargs="+", action="extend", default=[], metavar="NAME",
        help="checkpoints to offer, bundled names or Hub ids user/name, the default first [all bundled ones]")  # fmt: skip
    add("--private", action="store_true", help="make it private: only you, or the members of the organization, can see it")
    add("--dry-run", metavar="FOLDER", help="write the files to this folder, push nothing; needs no network and no token")

    group = commands.add_parser("mos", help="have people rate the results", description="Mean opinion scores.")
    parts = group.add_subparsers(required=True, metavar="COMMAND")
    add = new(parts, "plan", mos_plan, "make a blind study").add_argument
    add("--data", required=True, metavar="FOLDER", help="folder of sets: SET/HR/*.png and SET/LR_x4/*.png")
    add("--models", required=True, nargs="+", metavar="NAME", help="bundled checkpoints, folders, or Hub ids user/name")
    add("--calibration", required=True, type=Path, metavar="FOLDER",
        help=f"photos that are in none of the sets, to show raters what 1 and 5 mean; the first {EXAMPLES} are used")  # fmt: skip
    add("-o", "--output", required=True, type=Path, metavar="STUDY", help="new folder")
    add = new(parts, "report", mos_report, "scores, differences, raters").add_argument
    add("study", type=Path, metavar="STUDY", help="folder made by `mos plan`, with its key")
    add("--ratings", required=True, nargs="+", type=Path, metavar="FILE", help="JSON lines, as the rating page writes them")
    return parser


def add_engine(add, engine: str, precision: str) -> None:
    add("--engine", choices=("auto", *ENGINES), default=engine,
        help=f"inference engine; auto: PyTorch on a GPU, OpenVINO on a CPU [{engine}]")  # fmt: skip
    add("--precision", choices=("auto", *PRECISIONS), default=precision,
        help=f"auto: mixed (int8 and bf16) if the model is quantized, bf16 or fp16, the first that the hardware supports "
             f"[{precision}]")  # fmt: skip


def new(commands: argparse._SubParsersAction, name: str, run: Callable, summary: str) -> argparse.ArgumentParser:
    """The parser of a command that calls `run`."""
    command = commands.add_parser(name, help=summary, description=run.__doc__)
    command.set_defaults(run=run)
    return command


def main(arguments: list[str] | None = None) -> int:
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options)
    except (ValueError, OSError) as error:
        print(f"srgan-hub: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print("srgan-hub: stopped; what was finished is kept", file=sys.stderr)
        return status_of(stop)

