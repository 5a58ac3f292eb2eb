"""Fetch one file of a checkpoint from a folder, the Hub or the cache; errors are one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants, errors, hf_hub_download
from huggingface_hub.utils import httpx

CONFIG, WEIGHTS = "config.json", "model.safetensors"
WANTED = f"a checkpoint is {CONFIG} and {WEIGHTS} (safetensors only)"
LONGEST = 1000  # characters of a message, at most
AGAIN = "check the network, then do the same again: nothing is transferred twice"
WORDS = (  # what huggingface_hub explains at length, in short; the first kind that fits counts
    (errors.GatedRepoError, "it requires that you accept its terms: do so on its page, then log in with `hf auth login`"),
    (errors.RepositoryNotFoundError, "no such folder here, no such repository on the Hub (or a private one: `hf auth login`)"),
    (errors.RevisionNotFoundError, "there is no such revision: use one of its branches, tags or commits"),
    (errors.RemoteEntryNotFoundError, f"there is no such file; {WANTED}"),
    (errors.OfflineModeIsEnabled, "the Hub cannot be reached while HF_HUB_OFFLINE is set: unset it"),
)


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
    with hub_errors(f"{source}, {filename}"):
        return hf_hub_download(repo_id=source, filename=filename, **hub)


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turn whatever the Hub, or the way to it, raises about `what` into a CheckpointError of one sentence."""
    try:
        yield
    except (errors.EntryNotFoundError, httpx.HTTPError, OSError) as error:
        raise CheckpointError(f"{what}: {_sentence(error)}") from error
    except (ValueError, RuntimeError) as error:  # ours, or huggingface_hub's, which may wrap the error of an upload
        more = f" {error.__cause__}; {AGAIN}" if isinstance(error.__cause__, (httpx.HTTPError, OSError)) else ""
        raise CheckpointError(_line(f"{error}{more}")) from error


def _sentence(error: Exception) -> str:
    if isinstance(error, errors.LocalEntryNotFoundError):
        return f"it is not in the cache; {_sentence(error.__cause__) if error.__cause__ else _line(error)}"
    for kind, words in WORDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        if status == 401:
            return "the Hub rejected the token (401): run `hf auth login`, or set a new HF_TOKEN"
        if status == 403:
            return "the token does not allow this (403): use another (`hf auth login`), or a name of your own"
        return f"the Hub answered {status}: {_line(error.server_message or error)}; {AGAIN}"
    if isinstance(error, (httpx.HTTPError, ConnectionError)):
        return f"the Hub at {constants.ENDPOINT} cannot be reached ({_line(error) or type(error).__name__}); {AGAIN}"
    return _line(error)


def _line(text: object) -> str:
    return " ".join(str(text).split())
