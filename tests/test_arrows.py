"""Which package may import which. Nothing imports a script."""

import ast
import subprocess
import sys

import pytest

from conftest import ROOT

# package or module: what else of the package it may import
ALLOWED = {
    "signals": "",
    "hub": "",
    "imaging": "signals",
    "data": "hub imaging",
    "models": "hub",
    "losses": "models",
    "inference": "__init__ hub imaging models",
    "evaluation": "__init__ data hub imaging inference models signals",
    "training": "data evaluation hub imaging inference losses models",
    "ui": "evaluation hub imaging inference models",
    "cli": "__init__ data evaluation hub imaging inference models signals training",
    "upscale_folder": "cli data imaging inference signals training",
    "__main__": "cli signals",
    "__init__": "",
}
PACKAGE = ROOT / "srgan_hub"


def imported(path):
    """What of ours a file imports: "data", "losses", "__init__"."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
        if isinstance(node, ast.ImportFrom | ast.Import):
            for name in [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]:
                assert name not in ("app", "train_accelerate"), f"{path.name} imports a script"
                if name.split(".")[0] == "srgan_hub":
                    yield [*name.split("."), "__init__"][1]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_import_is_allowed(path):
    package = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert set(imported(path)) <= {package, *ALLOWED[package].split()}


def test_no_file_is_a_grab_bag():
    assert not [p for p in ROOT.rglob("*.py") if p.stem in {"utils", "common", "helpers", "misc"} and ".venv" not in p.parts]


def test_importing_the_package_takes_no_heavy_library_with_it():
    code = (
        "import sys, srgan_hub; from srgan_hub import Upscaler, SRGANGenerator, SRGANDiscriminator, VGGFeatures; "
        "print([m for m in ('gradio', 'datasets', 'accelerate', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
