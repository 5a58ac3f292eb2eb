"""What somebody has who installs the package elsewhere, without this folder."""

import os
import shutil
import subprocess
import sys
import zipfile

from conftest import ROOT, read, smooth_photo
from srgan_hub.hub.load import bundled


def test_the_wheel_holds_the_package_and_works_elsewhere(tmp_path):
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    unneeded = shutil.ignore_patterns("__pycache__", *(set(bundled()) - {"srgan-x4-lite"}))  # 100 MB of weights
    shutil.copytree(ROOT / "srgan_hub", source / "srgan_hub", ignore=unneeded)
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "train_accelerate.py"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("srgan_hub-*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    package = {path.relative_to(source) for path in (source / "srgan_hub").rglob("*") if path.is_file()}
    assert package <= {path.relative_to(site) for path in site.rglob("*")}
    assert (site / "train_accelerate.py").is_file()
    smooth_photo(20, 14).save(tmp_path / "photo.png")
    command = [sys.executable, "-m", "srgan_hub", "upscale", "photo.png", "-o", "photo_x4.png", "--model", "srgan-x4-lite"]
    environment = os.environ | {"PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "photo_x4.png").size == (80, 56)
