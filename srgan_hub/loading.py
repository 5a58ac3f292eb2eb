"""How every network of this package is stored and found again: config.json and model.safetensors, whole or not at all.

huggingface_hub's mixin, left to itself, loads with `strict=False` (a missing layer stays random without a word), takes
a missing config.json for defaults, and falls back to a pickle. None of that happens here."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import torch
from huggingface_hub import PyTorchModelHubMixin, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError
from safetensors.torch import load_file

BUNDLED = Path(__file__).parent / "pretrained"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
HUB = ("revision", "token", "cache_dir", "force_download", "local_files_only")  # huggingface_hub's keywords
WANTED = f"a checkpoint is {CONFIG} and {WEIGHTS} (safetensors only)"


class CheckpointError(ValueError):
    """A checkpoint that cannot be found or does not fit; the message says what to do."""


def bundled() -> list[str]:
    """Names of the checkpoints that come with the package."""
    return sorted(config.parent.name for config in BUNDLED.glob(f"*/{CONFIG}"))  # none in a Space that offers others


class StrictHubMixin(PyTorchModelHubMixin):
    """`save_pretrained`, `push_to_hub` and a `from_pretrained` that is exact about what it loads."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs):
        """Load a bundled checkpoint by name, a folder that `save_pretrained` wrote, or a Hub id "user/name".

        Takes huggingface_hub's keywords (revision, token, cache_dir, force_download, local_files_only, map_location)
        and returns the network in eval mode. Raises CheckpointError if anything is missing, extra or misshapen.
        """
        source = locate(str(pretrained_model_name_or_path))
        hub = {name: kwargs[name] for name in HUB if name in kwargs}
        check_config(fetch(source, CONFIG, **hub), cls, source)  # the mixin would take a missing one for "all defaults"
        return super().from_pretrained(source, **kwargs)

    @classmethod
    def _from_pretrained(
        cls, *, model_id, revision, cache_dir, force_download, local_files_only, token, map_location="cpu", **model_kwargs
    ):
        path = fetch(
            model_id,
            WEIGHTS,
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
        )
        try:
            tensors = load_file(path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{model_id}: {WEIGHTS} is not a whole safetensors file ({error}); fetch it again") from error
        try:
            with torch.device("meta"):
                check_tensors(cls(**model_kwargs), tensors, model_id)  # before any memory is taken
        except (TypeError, ValueError) as error:
            raise CheckpointError(str(error) if isinstance(error, CheckpointError) else f"{model_id}: {error}") from error
        model = cls(**model_kwargs)
        model.load_state_dict(tensors)
        return model.to(torch.device(map_location)).eval()


def check_config(path: str, cls: type, source: str) -> None:
    """Raise CheckpointError unless the file is a JSON object whose keys `cls` takes."""
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{source}: {CONFIG} is not JSON ({error})") from error
    known = inspect.signature(cls.__init__).parameters.keys() - {"self"}
    if not isinstance(config, dict):
        raise CheckpointError(f"{source}: {CONFIG} must hold an object, got {type(config).__name__}")
    if unknown := sorted(config.keys() - known):
        raise CheckpointError(f"{source} is not a {cls.__name__}: its {CONFIG} has unknown keys: {', '.join(unknown)}")


def is_hub_id(source: str) -> bool:
    """Whether this has the form of one: user/name."""
    return source.count("/") == 1 and not source.startswith((".", "/", "~"))


def locate(source: str) -> str:
    """The folder of a bundled name; folders and Hub ids ("user/name") pass as they are."""
    source = source.rstrip("/") or source
    if source in bundled():
        return str(BUNDLED / source)
    if (source and Path(source).is_dir()) or is_hub_id(source):
        return source
    raise CheckpointError(
        f"no checkpoint {source!r}: it is neither a folder, nor a Hub id (user/name), nor one of the bundled checkpoints: "
        + (", ".join(bundled()) or "none")
    )


def fetch(source: str, filename: str, **hub) -> str:
    """Path of one file of a checkpoint, downloaded (or found in the cache) when `source` is a Hub id."""
    if Path(source).is_dir():
        path = Path(source) / filename
        if not path.is_file():
            raise CheckpointError(f"{source} holds no {filename}; {WANTED}")
        return str(path)
    try:
        return hf_hub_download(repo_id=source, filename=filename, **hub)
    except HFValidationError as error:
        raise CheckpointError(f"{source!r} is neither a folder here nor a Hub id: {error}") from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(
            f"no checkpoint {source!r}: no such folder here, and the Hub has no such model (or it is private: `hf auth login`)"
        ) from error
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{source} has no revision {hub.get('revision')!r}") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise CheckpointError(
            f"{source}: {filename} is not in the cache and the Hub cannot be reached; go online once, or name a folder"
        ) from error
    except EntryNotFoundError as error:
        raise CheckpointError(f"{source} holds no {filename}; {WANTED}") from error
    except HfHubHTTPError as error:
        raise CheckpointError(f"{source}: the Hub answered {error}") from error


def check_tensors(model: torch.nn.Module, tensors: dict[str, torch.Tensor], source: str) -> None:
    """Raise CheckpointError, naming them, if tensors are missing, extra, of another shape or kind, or not finite."""
    own = model.state_dict()
    wanted = {name: tuple(tensor.shape) for name, tensor in own.items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    faults = [f"missing {name} {wanted[name]}" for name in wanted.keys() - found.keys()]
    faults += [f"extra {name} {found[name]}" for name in found.keys() - wanted.keys()]
    both = wanted.keys() & found.keys()
    faults += [f"{n} is {found[n]}, wanted {wanted[n]}" for n in both if wanted[n] != found[n]]
    for name in both:
        if own[name].is_floating_point() != tensors[name].is_floating_point():
            faults.append(f"{name} holds {tensors[name].dtype}")
        elif not tensors[name].isfinite().all():
            faults.append(f"{name} holds numbers that are not finite")
    if faults:
        shown = "; ".join(sorted(faults)[:8]) + (f"; and {len(faults) - 8} more" if len(faults) > 8 else "")
        raise CheckpointError(f"{source} does not fit {type(model).__name__}({CONFIG}): {shown}")
