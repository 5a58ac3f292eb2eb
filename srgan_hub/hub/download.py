"""Fetch one file of a checkpoint from a folder, the Hub or the cache: complete, or an error of one sentence that says what to do.

Over plain HTTP, huggingface_hub only compares a download's size with what the Hub states. Here every file from its cache is also
compared with the hash that the Hub stated. That hash is the file's name in the cache, so this needs no request."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx

CONFIG, WEIGHTS = "config.json", "model.safetensors"
WANTED = f"a checkpoint is {CONFIG} and {WEIGHTS} (safetensors only)"
LONGEST = 1000  # characters of a message, at most
AGAIN = "check the network and try again, or give a folder"


class CheckpointError(ValueError):
    """A checkpoint cannot be found or does not fit. The message says what to do, in one line of printable characters."""

    def __init__(self, message: str):
        line = "".join(letter if letter.isprintable() else " " for letter in message)  # names in a file may contain anything
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}")


def fetch(source: str, filename: str, **hub) -> str:
    """Path of one file of a checkpoint. If `source` is a Hub id, the file is downloaded, or found in the cache.

    hub: revision, token, cache_dir, force_download, local_files_only. Raises CheckpointError."""
    if Path(source).is_dir():
        path = Path(source) / filename
        if not path.is_file():
            raise CheckpointError(f"{source} holds no {filename}; {WANTED}")
        return str(path)
    try:
        path = hf_hub_download(repo_id=source, filename=filename, **hub)
    except (EntryNotFoundError, httpx.HTTPError, OSError, ValueError) as error:
        raise CheckpointError(_sentence(error, source, filename, hub)) from error
    _check_bytes(Path(path), source)
    return path


def _sentence(error: Exception, source: str, filename: str, hub: dict) -> str:
    cause = error.__cause__
    if isinstance(error, (LocalEntryNotFoundError, ValueError)) and isinstance(cause, (httpx.HTTPError, OSError)):
        error = cause  # why the Hub could not be asked; the cache could not help either
    absent = f"{source}: {filename} is not in the cache and"
    if isinstance(error, HFValidationError):
        return f"{source!r} is neither a local folder nor a Hub id: {_line(error)}"
    if isinstance(error, GatedRepoError):
        page = f"{constants.ENDPOINT}/{source}"
        return f"{source} requires that you accept its terms: do so at {page}, then log in with `hf auth login`"
    if isinstance(error, RepositoryNotFoundError):
        return f"no checkpoint {source!r}: no such folder here, and the Hub has no such model (or it is private: `hf auth login`)"
    if isinstance(error, RevisionNotFoundError):
        return f"{source} has no revision {hub.get('revision')!r}: use one of its branches, tags or commits"
    if isinstance(error, OfflineModeIsEnabled) or (isinstance(error, LocalEntryNotFoundError) and hub.get("local_files_only")):
        how = "local_files_only" if hub.get("local_files_only") else "HF_HUB_OFFLINE"
        return f"{absent} cannot be downloaded offline; load it once without {how}, or give a folder"
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        return f"{source} holds no {filename}; {WANTED}"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in (401, 403):
            return f"{source}: the Hub rejected the token ({status}): run `hf auth login`, or set a new HF_TOKEN"
        return f"{absent} the Hub answered {status}; try again later, or give a folder"
    if isinstance(error, (httpx.HTTPError, LocalEntryNotFoundError, FileMetadataError)):
        reason = _line(error) or type(error).__name__
        return f"{absent} the Hub at {constants.ENDPOINT} cannot be reached ({reason}); {AGAIN}"
    if isinstance(error, OSError) and error.errno is None:  # huggingface_hub's own: fewer or more bytes than stated
        return f"{source}: the download of {filename} was interrupted; {AGAIN}"
    if isinstance(error, OSError):
        return f"{source}: {filename} cannot be stored in the cache ({error}); free some space, or use another cache_dir"
    return f"{source}: {_line(error)}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _check_bytes(path: Path, source: str) -> None:
    """Raise CheckpointError, and remove the file from the cache, unless its content matches the hash that is its name there."""
    if not path.is_symlink():  # if links cannot be made, the cache does not know the hash
        return
    blob = path.parent / os.readlink(path)
    if len(blob.name) == 64:  # in LFS: the Hub's ETag is the SHA-256
        with blob.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    elif len(blob.name) == 40:  # in Git: Git's hash of the content
        data = blob.read_bytes()
        found = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    else:
        return
    if found == blob.name:
        return
    try:
        for bad in (path, blob.resolve(), blob):  # a blob may itself be a link into the store that repositories share
            bad.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"{source}: {blob} is damaged and cannot be removed ({error}); delete it and try again") from error
    raise CheckpointError(
        f"{source}: {path.name} does not match the hash on the Hub and was removed from the cache; download it again"
    )
