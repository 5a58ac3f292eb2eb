"""What somebody has who installs the package elsewhere, without this folder."""

import os
import subprocess
import sys
import sysconfig
import venv

import pytest

from conftest import ROOT, smooth_photo


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(folder of programs, empty folder): a virtual environment with the wheel; its dependencies are those of the tests."""
    home = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    source = home / "source"  # setuptools leaves build/ in the folder that it builds
    subprocess.run(["git", "clone", "-q", ROOT, source], check=True)
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", home, source], check=True)
    venv.create(home / "env", with_pip=False)
    programs = home / "env" / "bin"
    (wheel,) = home.glob("srgan_hub-*.whl")
    subprocess.run([*pip, "--python", programs / "python", "install", "--no-deps", wheel], check=True)
    (site,) = (home / "env" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (home / "elsewhere").mkdir()
    return programs, home / "elsewhere"


def run(installed, program, *arguments):
    programs, folder = installed
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run([programs / program, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def test_every_bundled_checkpoint_loads_and_types_are_there(installed):
    code = """
import srgan_hub, pathlib
from srgan_hub.hub.load import bundled
home = pathlib.Path(srgan_hub.__file__).parent
print(home, (home / "py.typed").exists(), len([srgan_hub.SRGANGenerator.from_pretrained(name) for name in bundled()]))
"""
    done = run(installed, "python", "-c", code)
    home, typed, count = done.stdout.split() or pytest.fail(done.stderr)
    assert home.startswith(str(installed[0].parent))
    assert (typed, count) == ("True", str(len(list((ROOT / "srgan_hub" / "pretrained").rglob("model.safetensors")))))


def test_commands_work(installed):
    smooth_photo(20, 14).save(installed[1] / "photo.png")
    done = run(installed, "srgan-hub", "upscale", "photo.png", "-o", "photo_x4.png", "--model", "srgan-x4-lite")
    assert done.returncode == 0, done.stderr
    assert (installed[1] / "photo_x4.png").is_file()


def test_trainer_is_a_module(installed):
    done = run(installed, "python", "-m", "train_accelerate", "--help")
    assert done.returncode == 0, done.stderr
    assert "--pretrained_discriminator" in done.stdout
