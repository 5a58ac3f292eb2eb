"""The command `srgan-hub`: one function a subcommand."""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

from tqdm import tqdm

from srgan_hub import __version__
from srgan_hub.card import with_results
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.data.publish import push_dataset, write_dataset
from srgan_hub.evaluation.benchmark import PROTOCOL, bicubic, markdown, measure
from srgan_hub.files import FORMATS, BadInput, Job, enlarge_file, plan
from srgan_hub.loading import bundled
from srgan_hub.mos import command as mos
from srgan_hub.pipeline import TILE, Upscaler

DEFAULT_MODEL = "srgan-x4"


def upscale(options: argparse.Namespace) -> int:
    """Enlarge files and folders; every bad file gets one line, the others are still done."""
    upscaler = Upscaler.from_pretrained(options.model, tile=options.tile, overlap=options.overlap)
    jobs, faults = plan(options.inputs, options.output, upscaler.scale, options.format, options.force)
    for fault in faults:
        print(f"srgan-hub: {fault}", file=sys.stderr)
    done, pixels, start = 0, 0, time.perf_counter()
    bar = tqdm(total=len(jobs), disable=None, bar_format="{l_bar}{bar}| {elapsed} {postfix}")
    for number, job in enumerate(jobs):

        def show(tiles: int, of: int, number: int = number, job: Job = job) -> None:
            bar.n = number + tiles / of
            bar.set_postfix_str(f"{job.source.name} {tiles}/{of}")

        try:
            pixels += enlarge_file(job, partial(upscaler, progress=show), upscaler.scale)
            done += 1
        except BadInput as error:
            faults.append(str(error))
            bar.write(f"srgan-hub: {error}", file=sys.stderr)
    bar.close()
    seconds = time.perf_counter() - start
    if done:
        megapixels = pixels / 1e6
        print(
            f"{done} enlarged x{upscaler.scale} with {options.model}: {megapixels:.1f} megapixels "
            f"in {seconds:.1f} s, {megapixels / seconds:.2f} megapixels/s"
        )
    return 2 if faults else 0


def benchmark(options: argparse.Namespace) -> int:
    """Measure a model beside bicubic on Set5, Set14, BSD100 or sets of the same layout."""
    upscaler = Upscaler.from_pretrained(options.model)
    scale = upscaler.scale
    card = Path(options.card) if options.card else None
    if card:
        with_results(card.read_text(), "")  # before minutes of work: is there a place for the results?
    if options.json and not Path(options.json).absolute().parent.is_dir():
        raise ValueError(f"{options.json} cannot be written: there is no folder {Path(options.json).parent}")
    label = Path(options.model).name
    results = {}
    for folder in find_sets(options.data, scale):
        loaded = list(pairs(folder, scale))
        results[folder.resolve().name] = {
            "bicubic": measure(bicubic(scale), loaded, scale),
            label: measure(upscaler, tqdm(loaded, desc=folder.name, leave=False, disable=None), scale),
        }
    protocol = PROTOCOL.format(scale=scale)
    table = f"PSNR in dB / SSIM. {protocol}.\n\n{markdown(results)}"
    print(table)
    if options.json:
        report = {"protocol": protocol, "scale": scale, "model": options.model, "results": results}
        Path(options.json).write_text(json.dumps(report, indent=2) + "\n")
    if card:
        card.write_text(with_results(card.read_text(), table))
    return 0


def dataset_push(options: argparse.Namespace) -> int:
    """Push photographs to the Hub as a dataset that load_dataset and the trainer take: parquet shards and a card."""
    with tqdm(unit=" images", disable=None) as bar:

        def show(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        keywords = dict(shards=options.shards, license=options.license, progress=show)
        try:
            if options.dry_run:
                counts = write_dataset(options.source, options.dry_run, options.repo_id, **keywords)
                report = " and ".join(f"{count} {split}" for split, count in counts.items())
                report += f" images are in {options.dry_run}, with the card README.md; nothing was pushed"
            else:
                report = push_dataset(options.source, options.repo_id, private=options.private, **keywords)
        except KeyboardInterrupt:
            print("srgan-hub: stopped; nothing was committed", file=sys.stderr)
            return 130
    print(report)
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="srgan-hub", description="Enlarge photographs with SRGAN, and measure it.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    model_help = f"bundled checkpoint ({', '.join(bundled())}), folder, or Hub id user/name"

    command = commands.add_parser("upscale", help="enlarge pictures", description=upscale.__doc__)
    command.set_defaults(run=upscale)
    add = command.add_argument
    add("inputs", nargs="+", metavar="IN", type=Path, help="picture, or folder (the pictures directly in it)")
    add("-o", "--output", required=True, type=Path, metavar="OUT_OR_FOLDER",
        help="file, for a single picture; otherwise folder, where photo.jpg becomes photo_x4.png")  # fmt: skip
    add("--model", default=DEFAULT_MODEL, metavar="NAME", help=f"{model_help} [{DEFAULT_MODEL}]")
    add("--tile", type=positive, default=TILE, metavar="N",
        help=f"largest piece, in pixels of IN; less takes less memory [{TILE}]")  # fmt: skip
    add("--overlap", type=natural, metavar="N",
        help="surroundings that a piece sees, in pixels of IN [as far as the network reaches, which is exact: 40]")  # fmt: skip
    add("--format", choices=sorted(FORMATS), help="png and webp are lossless, jpg is quality 95 [png, or as OUT is named]")
    add("--force", action="store_true", help="overwrite existing files (never an input)")

    command = commands.add_parser("benchmark", help="measure a model on benchmark sets", description=benchmark.__doc__)
    command.set_defaults(run=benchmark)
    add = command.add_argument
    add("--data", required=True, metavar="FOLDER", help="folder of sets: SET/HR/*.png and SET/LR_x4/*.png")
    add("--model", default=DEFAULT_MODEL, metavar="NAME", help=f"{model_help} [{DEFAULT_MODEL}]")
    add("--json", metavar="FILE", help="write the value of every image there")
    add("--card", metavar="FILE", help="put the table into this model card, between its results markers")

    group = commands.add_parser("dataset", help="share photographs to train on", description="Datasets on the Hub.")
    command = group.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "push", help="push photographs to the Hub", description=dataset_push.__doc__
    )
    command.set_defaults(run=dataset_push)
    add = command.add_argument
    add("source", metavar="SOURCE",
        help="folder of images (train/ and validation/ in it become splits), of parquet shards, or a DIV2K download")  # fmt: skip
    add("repo_id", metavar="user/name", help="the dataset on the Hub; made if need be, its earlier shards replaced")
    add("--private", action="store_true", help="make it one that only you, or the members of the organisation, see")
    add("--shards", type=positive, metavar="N", help="parquet files of the train split [one for every 128 MB]")
    add("--license", metavar="ID", help="licence of the photographs, as the Hub names it, such as cc-by-4.0 [not stated]")
    add("--dry-run", metavar="FOLDER", help="write what would be pushed there instead; needs no network and no token")

    mos.add_to(commands)
    return parser


def positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def natural(text: str) -> int:
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {value}")
    return value


def main(arguments: list[str] | None = None) -> int:
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options)
    except (ValueError, OSError) as error:
        print(f"srgan-hub: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("srgan-hub: stopped; finished pictures are kept", file=sys.stderr)
        return 130

