"""Who may import whom: every file of the package, and what of ours it may reach. Nothing imports a door."""

import ast
import subprocess
import sys

import pytest

from conftest import ROOT

# file: what of the package it may import ("imaging" stands for all of imaging/)
ALLOWED = {
    "__init__": set(),
    "__main__": {"cli", "ending"},
    "blend": {"generator"},
    "card": set(),
    "batch": {"files", "imaging", "plan"},
    "cli": {"__init__", "batch", "blend", "card", "data", "discriminator", "engine", "ending", "evaluation", "export",
            "files", "generator", "hub/push", "hub/space", "imaging", "loading", "mos", "pipeline", "plan", "program",
            "quantization", "training/colour", "training/esrgan"},
    "discriminator": {"loading"},
    "efficientnet": set(),
    "ending": set(),
    "files": {"ending", "imaging"},
    "generator": {"card", "loading"},
    "loading": {"hub/download", "hub/push"},
    "losses": {"generator"},
    "pipeline": {"blend", "engine", "generator", "imaging", "quantization"},
    "engine": {"generator", "graphs", "program", "quantization"},
    "export": {"__init__", "files", "generator", "graphs", "loading", "program"},
    "graphs": {"program", "quantization", "rounding"},
    "plan": {"files"},
    "program": {"generator"},
    "quantization": {"files", "generator", "imaging", "loading", "program", "rounding"},
    "rounding": set(),
    "upscale_folder": {"batch", "data", "ending", "files", "imaging", "pipeline", "plan", "training/launch"},
    "vgg": set(),
    "data/__init__": set(),
    "data/benchmarks": {"data/fingerprint", "data/sources", "imaging"},
    "data/cache": {"data/fingerprint", "data/sources", "imaging"},
    "data/calibration": {"data/cache", "data/sources", "imaging"},
    "data/distilled": {"data/cache", "data/loader", "data/recolour", "imaging"},
    "data/fingerprint": {"imaging"},
    "data/held_out": {"data/benchmarks", "data/cache", "data/fingerprint", "data/remote", "data/sources"},
    "data/hub_sets": {"data/benchmarks", "data/remote", "data/shards", "data/sources"},
    "data/loader": {"data/recolour", "imaging"},
    "data/patches": {"data/cache"},
    "data/presets": set(),
    "data/recolour": set(),
    "data/remote": set(),
    "data/shards": set(),
    "data/sources": {"data/presets", "data/remote", "data/shards"},
    "data/stream": {"data/cache", "data/fingerprint", "data/patches", "data/remote"},
    "data/publish": {"card", "data/sources", "hub/client"},
    "evaluation/__init__": set(),
    "evaluation/benchmark": {"evaluation/features", "evaluation/metrics", "imaging"},
    "evaluation/features": {"efficientnet"},
    "evaluation/invented": {"imaging"},
    "evaluation/metrics": {"imaging"},
    "evaluation/niqe": {"imaging"},
    "evaluation/published": set(),
    "evaluation/figure": {"evaluation", "imaging"},
    "evaluation/methods": {"evaluation/benchmark", "loading", "pipeline"},
    "evaluation/report": {"__init__", "data/benchmarks", "evaluation"},
    "evaluation/specimen": {"evaluation", "pipeline"},
    "evaluation/tables": {"evaluation/benchmark"},
    "hub/__init__": set(),
    "hub/client": set(),
    "hub/collect": {"hub/client"},
    "hub/download": set(),
    "hub/push": {"card", "hub/client", "hub/download"},
    "hub/space": {"card", "hub/client", "hub/download", "loading", "ui/models"},
    "imaging/__init__": set(),
    "imaging/alpha": set(),
    "imaging/blur": set(),
    "imaging/color": set(),
    "imaging/convert": set(),
    "imaging/degrade": {"imaging"},
    "imaging/jfif": {"imaging/convert", "imaging/strips"},
    "imaging/jpeg": set(),
    "imaging/noise": set(),
    "imaging/png": set(),
    "imaging/region": set(),
    "imaging/project": {"imaging/resize"},
    "imaging/resize": set(),
    "imaging/shrink": {"imaging/convert", "imaging/resize", "imaging/strips"},
    "imaging/strips": set(),
    "imaging/target": set(),
    "imaging/tiff": {"imaging/strips"},
    "imaging/tiles": set(),
    "mos/__init__": set(),
    "mos/command": {"data", "ending", "evaluation", "mos"},
    "mos/histogram": {"mos/opinions"},
    "mos/session": {"mos/ratings", "mos/study"},
    "mos/raters": {"mos/study"},
    "mos/ratings": {"mos/study"},
    "mos/opinions": {"mos/raters", "mos/ratings", "mos/statistics", "mos/study"},
    "mos/statistics": set(),
    "mos/study": {"data/benchmarks"},
    "ui/__init__": set(),
    "ui/addresses": set(),
    "ui/arrivals": set(),
    "ui/duration": set(),
    "ui/enlarge": {"batch", "files", "imaging", "plan", "ui/duration", "ui/limits", "ui/photo", "ui/steps", "ui/upscalers",
                   "ui/zero_gpu"},
    "ui/endpoints": {"evaluation/benchmark", "files", "imaging", "ui"},
    "ui/enlarge_tab": {"imaging", "ui"},
    "ui/examples": set(),
    "ui/folder": set(),
    "ui/guard": {"ui/limits"},
    "ui/heap": set(),
    "ui/imports": set(),
    "ui/limits": {"loading", "ui/upscalers"},
    "ui/line": {"files", "ui/duration", "ui/enlarge"},
    "ui/mistakes": {"files", "loading", "ui/line"},
    "ui/models": {"loading"},
    "ui/rate_tab": {"hub/collect", "mos"},
    "ui/over_panel": {"imaging", "ui"},
    "ui/photo": {"files", "imaging", "ui/limits"},
    "ui/sharp": {"evaluation", "files", "imaging", "ui/enlarge", "ui/photo", "ui/steps", "ui/upscalers", "ui/view",
                 "ui/zero_gpu"},
    "ui/sharp_panel": {"imaging", "ui"},
    "ui/snippets": set(),
    "ui/steps": set(),
    "ui/style": set(),
    "ui/upscalers": {"generator", "loading", "pipeline", "ui/models"},
    "ui/use_tab": {"ui/models", "ui/snippets"},
    "ui/view": {"evaluation/invented", "files", "imaging", "ui/enlarge", "ui/examples", "ui/limits", "ui/models",
                "ui/photo", "ui/upscalers", "ui/zero_gpu"},
    "ui/view_panel": {"evaluation/benchmark", "files", "ui"},
    "ui/words": {"ui/enlarge", "ui/view"},
    "ui/zero_gpu": {"ui/steps"},
    "training/__init__": set(),
    "training/checkpoint": set(),
    "training/colour": {"generator", "imaging"},
    "training/flat": {"generator"},
    "training/cpu": {"generator", "program"},
    "training/health": set(),
    "training/launch": set(),
    "training/log": set(),
    "training/muon": set(),
    "training/options": set(),
    "training/push": {"hub/push"},
    "training/result": {"card", "efficientnet", "generator", "loading", "training/variants"},
    "training/settings": {"efficientnet", "imaging", "training/options", "training/variants", "vgg"},
    "training/stop": set(),
    "training/validation": {"evaluation"},
    "training/esrgan": {"efficientnet", "engine", "generator", "losses", "training/schedule"},
    "training/teacher": {"data/distilled", "engine", "generator", "graphs", "training/esrgan"},
    "training/variants": set(),
    "training/initialization": {"generator"},
    "training/schedule": set(),
}
FILES = sorted((ROOT / "srgan_hub").rglob("*.py"))


def imported(path):
    """Our modules that a file imports, as "pipeline" or "imaging/resize"."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name == "srgan_hub":
                found.add("__init__")
            elif name.startswith("srgan_hub."):
                found.add(name.removeprefix("srgan_hub.").replace(".", "/"))
            assert name not in ("app", "train_accelerate"), f"{path.name} imports a door"
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT / "srgan_hub")))
def test_every_arrow_is_allowed(path):
    name = str(path.relative_to(ROOT / "srgan_hub").with_suffix(""))
    allowed = ALLOWED[name]
    wrong = {m for m in imported(path) if m not in allowed and m.split("/")[0] not in allowed}
    assert not wrong


def test_the_list_names_no_file_that_is_gone():
    assert {str(p.relative_to(ROOT / "srgan_hub").with_suffix("")) for p in FILES} == ALLOWED.keys()


def test_no_file_is_a_grab_bag():
    assert not [p for p in ROOT.rglob("*.py") if p.stem in {"utils", "common", "helpers", "misc"} and ".venv" not in p.parts]


def test_importing_the_package_takes_no_heavy_library_with_it():
    code = (
        "import sys, srgan_hub; from srgan_hub import Upscaler, SRGANGenerator, SRGANDiscriminator, VGGFeatures; "
        "print([m for m in ('gradio', 'datasets', 'accelerate', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_every_file_has_its_test():
    """But package markers, doors tested through the command line, a script for browsers, and downloads of one family."""
    shared = {"__init__", "__main__", "arrivals", "color", "files", "benchmarks"}
    tests = {p.stem.removeprefix("test_") for p in (ROOT / "tests").glob("test_*.py")}
    assert {p.stem for p in FILES} - shared - tests == set()
