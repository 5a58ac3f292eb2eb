"""The page as a Space: its files, collected from a clone of the project, are pushed in one commit or written into a folder.

A Space is built from these files alone: app.py, this package, pinned requirements, and a README.md whose front matter names the
versions of Gradio and Python."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import HfApi

from srgan_hub.hub.card import Block, block, fill, parsed, with_block
from srgan_hub.hub.download import CONFIG, fetch, hub_errors
from srgan_hub.hub.load import bundled, is_hub_id, locate
from srgan_hub.hub.push import CARD, card_on_hub, check_empty, check_id, check_token, make_repo

CLONE = Path(__file__).parents[2]  # of the project; an installed package has no app.py beside it
TAKEN = ("app.py", "LICENSE", "examples", "constraints.txt")  # from the clone; from constraints.txt, only the pins
# What app.py imports, directly or through the package, under the names in constraints.txt.
RUN_TIME = ("gradio", "huggingface_hub", "numpy", "openvino", "pillow", "safetensors", "tifffile", "torch")
MODELS = "models.txt"  # lists the checkpoints that the page offers, unless all bundled ones; app.py reads it
OURS = ("srgan_hub/*", MODELS)  # what a push deletes in the Space if it no longer has it
ABOUT_BLOCK: Block = ("<!-- about: written by `srgan-hub space push` -->", "<!-- end of about -->")
UNTOUCHED = "Check out the configuration reference at https://huggingface.co/docs/hub/spaces-config-reference"  # a new README.md

LOOKS = {
    "title": "SRGAN x4",
    "emoji": "🔎",
    "colorFrom": "indigo",
    "colorTo": "green",
    "short_description": "Enlarge a photo four times, compare with bicubic",  # 60 characters at most
    "license": "apache-2.0",
    "suggested_hardware": "cpu-basic",
    "tags": ["super-resolution", "srgan", "image-to-image"],
}
ABOUT = """
Upload a photograph, enlarge it four times, and compare it with bicubic interpolation under a slider: SRGAN (Ledig et al.
2017, [arXiv:1609.04802](https://arxiv.org/abs/1609.04802)), computed on the CPU. Detail that is not in the photograph is
invented: do not read text, faces or evidence from it.

## Checkpoints

{models}

The code is Apache-2.0; the terms of the photographs that a checkpoint was trained on govern its weights.

## Your own checkpoint

Duplicate this Space, and set its variable `SRGAN_MODELS` (Settings, Variables and secrets) to the id of your model on the
Hub, such as `user/mine`, or to several separated by spaces, the default first. It takes precedence over `models.txt`. A private
model also needs the secret `HF_TOKEN`, a token that may read it.

## At home

```sh
pip install -r requirements.txt
python app.py
```

On Linux, run `pip install -r pre-requirements.txt` first to get torch for CPUs instead of the CUDA build of several GB.

When the page is pushed again, its files are replaced, the whole folder `srgan_hub/` too; all others, and the text outside
this part of README.md, are kept.
"""
REQUIREMENTS = """\
# What app.py imports, in the versions that it was tested with. Their dependencies are not pinned: a Space installs gradio
# once more, with extras of its own, and exact versions could conflict with those.
"""
PRE_REQUIREMENTS = """\
# A Space installs this before requirements.txt: the torch for CPUs, since PyPI's for Linux is the CUDA build of several GB.
# Not in requirements.txt, because pip would ask this index for every package, and lose 8 s on each if it cannot be reached.
--extra-index-url https://download.pytorch.org/whl/cpu
"""


def push_space(repo_id: str, models: Iterable[str] = (), *, private: bool = False) -> str:
    """Push the page to the Space "user/space" in one commit; returns its address.

    models: the checkpoints to offer, bundled names or Hub ids, the default first [all bundled ones]. private: make a Space that
    only its owner sees. In an existing Space, our files are replaced, and those in srgan_hub/ that no longer exist are deleted.
    Other files, front matter about its looks, and text outside our markers are kept. Raises ValueError, in a sentence that says
    what to do, if anything is refused; nothing is committed then.
    """
    models = _checked(repo_id, models)
    api = HfApi()
    with hub_errors(repo_id), tempfile.TemporaryDirectory(prefix="srgan-hub-") as folder:
        check_token(api)
        for model in _on_hub(models):
            fetch(model, CONFIG)
        url = make_repo(api, repo_id, "space", private, space_sdk="gradio")
        about = api.space_info(repo_id)
        if about.sdk != "gradio":
            raise ValueError(f"{repo_id} already exists as a Space of {about.sdk}, not gradio; choose another name, or delete it")
        there = {sibling.rfilename for sibling in about.siblings or ()}
        if "app.py" in there and "srgan_hub/__init__.py" not in there:
            raise ValueError(
                f"{repo_id} holds another app: its app.py was not pushed by srgan-hub; choose another name, or delete that file"
            )
        _write(Path(folder), models, card_on_hub(repo_id, "space"))
        api.upload_folder(
            repo_id=repo_id, repo_type="space", folder_path=folder, delete_patterns=list(OURS), commit_message="Push the page",
            parent_commit=about.sha,
        )  # fmt: skip
    return url


def write_space(folder: str | Path, repo_id: str = "user/space", models: Iterable[str] = ()) -> int:
    """Write what `push_space` would push to a new Space into a new or empty folder; returns the number of files.

    Needs no network. Raises ValueError as `push_space` does, and then writes nothing.
    """
    models, folder = _checked(repo_id, models), Path(folder)
    check_empty(folder)
    _write(folder, models)
    return sum(path.is_file() for path in folder.rglob("*"))


def _checked(repo_id: str, models: Iterable[str]) -> list[str]:
    """The models without repetitions. Raises ValueError for what a Space cannot load: all but bundled names and Hub ids."""
    check_id(repo_id, "space")
    if missing := [name for name in TAKEN if not (CLONE / name).exists()]:
        raise ValueError(
            f"the installed package has no {missing[0]} to push: clone the project, run `pip install -e .` in it, and try again"
        )
    models = list(dict.fromkeys(models))
    for model in _on_hub(models):
        if not is_hub_id(model):
            raise ValueError(
                f"a Space cannot load {model!r}: use a Hub id (user/mine; `srgan-hub push` uploads a folder) or a bundled "
                f"checkpoint ({', '.join(bundled())})"
            )
        check_id(model, "model")
    return models


def _on_hub(models: list[str]) -> list[str]:
    return [model for model in models if model not in bundled()]


def _write(folder: Path, models: list[str], old: str | None = None) -> None:
    """old: an earlier README.md of the Space."""
    readme = _card(models, old)
    skipped = [name for name in bundled() if models and name not in models]
    unwanted = shutil.ignore_patterns("__pycache__", ".*", *skipped)
    for name in ("srgan_hub", "examples"):
        shutil.copytree(CLONE / name, folder / name, ignore=unwanted, copy_function=shutil.copyfile)
    for name in ("app.py", "LICENSE"):
        shutil.copyfile(CLONE / name, folder / name)
    pins = _pins()
    texts = {
        CARD: readme,
        "requirements.txt": REQUIREMENTS + "".join(f"{name}=={pins[name]}\n" for name in RUN_TIME),
        "pre-requirements.txt": PRE_REQUIREMENTS + f"torch=={pins['torch']}\n",
        MODELS: "".join(f"{model}\n" for model in models),
    }
    for name, text in texts.items():
        if text:
            (folder / name).write_text(text, encoding="utf-8")


def _pins() -> dict[str, str]:
    """{package: the version that the tests ran with}"""
    lines = (CLONE / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def _card(models: list[str], old: str | None) -> str:
    """README.md of the Space. The text and looks of an earlier one, and whatever else its owner added, are kept."""
    card = parsed(old or "")
    if card.text.strip() in ("", UNTOUCHED):
        card = parsed(f"# {LOOKS['title']}\n")
    if block(card.text, ABOUT_BLOCK) is None:
        card.text = f"{card.text.rstrip()}\n\n" + "\n".join(ABOUT_BLOCK) + "\n"
    shown = [f"- {LABELS[name]} (`{name}`)" for name in models or LABELS if name in LABELS]
    shown += [f"- [{model}](https://huggingface.co/{model})" for model in _on_hub(models)]
    card.text = with_block(card.text, ABOUT_BLOCK, fill(ABOUT, models="\n".join(shown)).strip())

    own = {
        "sdk": "gradio",
        "sdk_version": _pins()["gradio"],
        "python_version": "3.12",
        "app_file": "app.py",
        "models": _on_hub(models) or None,
    }
    card.data = type(card.data)(**LOOKS | card.data.to_dict() | own)
    return str(card)


# Which checkpoints the page offers: the bundled ones, or those named in SRGAN_MODELS, or in models.txt beside app.py.


LABELS = {
    "srgan-x4-photo-large": "Photo: for photos from phones and the web, including compressed ones",
    "srgan-x4-photo": "Photo, quicker: takes a quarter of the time, less sharp on damaged photos",
    "srresnet-x4-photo": "Photo, faithful: smoother, invents nothing",
    "srgan-x4-photo-lite": "Photo, quick: takes a twentieth of the time, for large photos",
    "srgan-x4": "Clean: for images without JPEG blocks or noise",
    "srgan-x4-vivid": "Clean, vivid: more texture, more of it invented",
    "srresnet-x4": "Clean, faithful: smoother, invents nothing",
    "srgan-x4-lite": "Clean, quick: takes a fifth of the time",
    "srresnet-x4-lite": "Clean, quick, faithful: takes a fifth of the time, smoother, invents nothing",
}
VARIABLE = "SRGAN_MODELS"
FILE = CLONE / MODELS  # exists only in a Space


def offered() -> list[str]:
    """The checkpoints of the page, the default first: those in SRGAN_MODELS, else in models.txt, else the bundled ones.

    Both hold bundled names, folders, files or Hub ids, separated by spaces, commas or line breaks.
    Raises CheckpointError for anything else; nothing is downloaded here."""
    named = os.environ.get(VARIABLE, "").strip() or (FILE.read_text(encoding="utf-8") if FILE.is_file() else "")
    names = named.replace(",", " ").split() or list(LABELS)
    for name in names:
        if not (name.lower().endswith((".safetensors", ".pth")) and Path(name).is_file()):
            locate(name)
    return list(dict.fromkeys(names))


def name_of(model: str) -> str:
    """What buttons and images call it: the first words of its label."""
    return LABELS.get(model, model).partition(": ")[0]


def line_of(model: str) -> str:
    """One line that describes it."""
    line = LABELS.get(model, model).partition(": ")[2] or LABELS.get(model, model)
    return line[:1].upper() + line[1:] + "."
