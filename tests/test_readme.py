"""What the README tells people to run, run."""

import json
import re
import shlex

import pytest
from accelerate.commands.launch import launch_command_parser

from conftest import NEEDS_THE_HUB, ROOT, smooth_photo
from srgan_hub import SRGANGenerator
from srgan_hub.cli import main
from srgan_hub.training.config import weights_of
from train_accelerate import parse

README = (ROOT / "README.md").read_text()
BLOCKS = dict(python=[], sh=[])
for language, block in re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL):
    BLOCKS[language].append(block)
COMMANDS = [line for block in BLOCKS["sh"] for line in block.splitlines()]
PAGES = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]
TRAININGS = [line for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
             for line in block.splitlines() if "accelerate launch" in line]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place that holds what the commands name."""
    monkeypatch.chdir(tmp_path)
    smooth_photo(30, 20).save("photo.jpg")
    smooth_photo(96, 64).save("photo.png")
    numbers = {"bicubic": {"psnr": 26.1, "niqe": 7.4}, "srgan-x4": {"psnr": 26.0, "niqe": 4.1}}
    results = {name: {"mean": mean} for name, mean in numbers.items()}
    (tmp_path / "report.json").write_text(json.dumps({"sets": {"Mine": {"results": results}}}))
    for name, size in (("photos", 24), ("sets/Mine/HR", 96), ("sets/Mine/LR_x4", 24)):
        (tmp_path / name).mkdir(parents=True)
        smooth_photo(96, 96).resize((size, size)).save(tmp_path / name / "a.png")
    SRGANGenerator.from_pretrained("srresnet-x4").save_pretrained("runs/mine")
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS["python"])
def test_python_block_runs(block, folder):
    exec(compile(block, "README.md", "exec"), {})


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.startswith("srgan-hub ") and c not in NEEDS_THE_HUB])
def test_command_runs(line, folder):
    assert main(shlex.split(line)[1:]) == 0


@pytest.mark.parametrize("line", TRAININGS)
def test_training_command_is_understood(line):
    """By accelerate launch and by the trainer. Not run: it trains for days. test_launch.py runs each form on small settings."""
    words = [word for word in shlex.split(line) if word != "ACCELERATE_USE_CPU=true"]
    assert words[:3] == ["accelerate", "launch", "-q"]
    launch = launch_command_parser().parse_args(words[2:])
    assert launch.training_script == "train_accelerate.py"
    weights_of(parse(launch.training_script_args))
    assert bool(launch.multi_gpu) == ((launch.num_processes or 1) > 1)  # or one process would start without a word


def test_every_command_is_tested_or_listed():
    assert set(NEEDS_THE_HUB) <= set(COMMANDS)
    by_make = {"make demo": "test_browser.py starts the same app", "make test": "runs this test"}
    rest = [c.split("#")[0].strip() for c in COMMANDS if not c.startswith(("srgan-hub ", "accelerate "))]
    assert set(rest) == by_make.keys()
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"\n{command.split()[1]}:" in makefile for command in by_make)


def test_tree_names_only_what_is_there():
    tree = re.search(r"```\napp\.py.*?```", README, flags=re.DOTALL)[0]
    for name in re.findall(r"[\w/]+\.(?:py|md)|\w+/", tree):
        assert (ROOT / name).exists() or (ROOT / "srgan_hub" / name).exists(), name
