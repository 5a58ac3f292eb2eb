"""How networks are stored and loaded: config.json and model.safetensors, completely or not at all.

On its own, huggingface_hub's mixin loads with `strict=False` (a missing layer silently stays random), replaces a missing
config.json by defaults, and falls back to a pickle. This one does none of that."""

from __future__ import annotations

import inspect
import json
import os
import re
import tempfile
from pathlib import Path

import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors import SafetensorError
from safetensors.torch import load_file

from srgan_hub.hub.download import CONFIG, WEIGHTS, CheckpointError, fetch
from srgan_hub.hub.push import push

BUNDLED = Path(__file__).parents[1] / "pretrained"
FORMAT = 1  # of config.json, stored there beside the constructor's arguments; files without it have format 1
LARGEST_CONFIG = 100_000  # bytes; of larger files no more is read
HUB = ("revision", "token", "cache_dir", "force_download", "local_files_only")  # huggingface_hub's keywords
NO_TENSORS = (
    "is not a complete safetensors file: it may be a part of one, a Git LFS pointer (run `git lfs pull`), or a renamed pickle, "
    "which is never opened"
)


def bundled() -> list[str]:
    """Names of the checkpoints that come with the package."""
    return sorted(config.parent.name for config in BUNDLED.glob(f"*/{CONFIG}"))  # none in a Space that offers other checkpoints


class StrictHubMixin(PyTorchModelHubMixin):
    """`save_pretrained`, `push_to_hub`, and a `from_pretrained` that is strict about what it loads."""

    def save_pretrained(
        self, save_directory: str | Path, *, config: dict | None = None, model_card_kwargs: dict | None = None, **kwargs
    ) -> str | None:
        """Like huggingface_hub's own. In addition, config.json states its format and the card names the folder."""
        config = (config or self._hub_mixin_config) | {"format": FORMAT}
        card = {"source": Path(save_directory).name} | (model_card_kwargs or {})
        return super().save_pretrained(save_directory, config=config, model_card_kwargs=card, **kwargs)

    def push_to_hub(
        self, repo_id: str, *, commit_message: str = "Push a network", private: bool | None = None, token: str | None = None
    ) -> str:
        """Push the network to "user/name" as `srgan-hub push` does, with a card; returns the commit's address.

        Results and the owner's text in an existing card are kept. Raises ValueError if the push is refused.
        """
        with tempfile.TemporaryDirectory(prefix="srgan_hub-") as folder:
            self.save_pretrained(folder, model_card_kwargs={"source": repo_id})
            return push(folder, repo_id, commit_message=commit_message, private=private, token=token)

    @classmethod
    def named(cls, architecture: str | None, source: str) -> type:
        """The class for a checkpoint whose config.json names this architecture."""
        return cls

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | Path, *, map_location: str | torch.device = "cpu", subfolder: str = "", **kwargs
    ):
        """Load a bundled checkpoint by name, a folder written by `save_pretrained`, or a Hub id "user/name".

        Takes huggingface_hub's keywords (revision, token, cache_dir, force_download, local_files_only) and the constructor's
        arguments, which override config.json. subfolder: where in the source the checkpoint is. Returns the network in eval
        mode. Raises CheckpointError if anything is missing, extra, misshapen or damaged. A pickle is never opened.
        """
        source = locate(str(pretrained_model_name_or_path))
        hub = {name: kwargs.pop(name) for name in HUB if name in kwargs}
        inside = f"{subfolder.strip('/')}/" if subfolder else ""
        path = Path(fetch(source, f"{inside}{CONFIG}", **hub))
        cls, config = read_config(path, cls, source)
        config |= kwargs
        if not Path(source).is_dir() and re.fullmatch(r"[0-9a-f]{40}", commit := path.parents[inside.count("/")].name):
            hub["revision"] = commit  # weights of the same commit, even if somebody pushes meanwhile
        tensors = read_tensors(fetch(source, f"{inside}{WEIGHTS}", **hub), source)
        try:
            with torch.device("meta"):
                check_tensors(cls(**config), tensors, source)  # before any memory is allocated
        except (TypeError, ValueError) as error:
            raise CheckpointError(str(error) if isinstance(error, CheckpointError) else f"{source}: {error}") from error
        model = cls(**config)
        model.load_state_dict(tensors)
        return model.to(torch.device(map_location)).eval()


def read_config(path: Path, cls: type, source: str) -> tuple[type, dict]:
    """The network's class, `cls` or the subclass that the file names, and the arguments of its constructor.

    Raises CheckpointError unless the file is a JSON object whose keys the class accepts."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_CONFIG + 1)
    except OSError as error:
        raise CheckpointError(f"{source}: {CONFIG} cannot be read ({error.strerror})") from error
    if len(text) > LARGEST_CONFIG:
        raise CheckpointError(f"{source}: {CONFIG} has more than {LARGEST_CONFIG} bytes, too much for one of srgan_hub")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{source}: {CONFIG} is not JSON ({error})") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{source}: {CONFIG} must hold an object, got {type(config).__name__}")
    cls = cls.named(config.pop("architecture", None), source)
    known = inspect.signature(cls.__init__).parameters.keys() - {"self"}
    if type(form := config.pop("format", FORMAT)) is not int or form != FORMAT:
        raise CheckpointError(f"{source} has format {form!r}, but this srgan_hub reads format {FORMAT}: update srgan_hub")
    if unknown := sorted(config.keys() - known):
        raise CheckpointError(f"{source} is not a {cls.__name__}: its {CONFIG} has unknown keys: {', '.join(unknown)}")
    return cls, config


def read_tensors(path: str, source: str) -> dict[str, torch.Tensor]:
    """Every tensor of a safetensors file. Raises CheckpointError if it is not one."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{source}: {WEIGHTS} {NO_TENSORS} ({error})") from error


def is_hub_id(source: str) -> bool:
    """Whether this has the form of a Hub id: user/name."""
    return source.count("/") == 1 and not source.startswith((".", "/", "~"))


def hub_name(checkpoint: str | None) -> str | None:
    """The checkpoint if it is a Hub id; None for bundled ones, folders and files."""
    return checkpoint if checkpoint and is_hub_id(checkpoint) and not Path(checkpoint).exists() else None


def locate(source: str) -> str:
    """The folder of a bundled name; folders and Hub ids ("user/name") are returned as they are."""
    source = source.rstrip("/") or source
    if source in bundled():
        return str(BUNDLED / source)
    if os.path.isdir(source) or (is_hub_id(source) and not os.path.isfile(source)):  # pathlib's raise for too long a name
        return source
    raise CheckpointError(
        f"no checkpoint {source!r}: it is neither a folder with {CONFIG} and {WEIGHTS}, nor a Hub id (user/name), nor one of the "
        f"bundled checkpoints: {', '.join(bundled()) or 'none'}"
    )


def check_tensors(model: torch.nn.Module, tensors: dict[str, torch.Tensor], source: str) -> None:
    """Raise CheckpointError, naming the tensors, if any are missing, extra, of the wrong shape or kind, or not finite."""
    own = model.state_dict()
    wanted, found = ({name: tuple(tensor.shape) for name, tensor in every.items()} for every in (own, tensors))
    faults = [
        f"{name} is {found.get(name, 'missing')}, expected {wanted.get(name, 'none')}"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]
    for name in wanted.keys() & found.keys():
        if own[name].is_floating_point() != tensors[name].is_floating_point():
            faults.append(f"{name} holds {tensors[name].dtype}")
        elif not tensors[name].float().isfinite().all():  # float8 has no isfinite of its own
            faults.append(f"{name} holds numbers that are not finite")
    if faults:
        raise CheckpointError(f"{source} does not fit {type(model).__name__}({CONFIG}): {'; '.join(faults)}")
