"""What every push to the Hub needs beside huggingface_hub: ids, token and licence looked at first, errors as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import HfApi, ModelCard, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import httpx, validate_repo_id


def check_id(repo_id: str, kind: str) -> None:
    """Raise ValueError unless this may be the id of a repository that somebody owns; kind: model, dataset or space."""
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ValueError(f"{repo_id!r} is no id of a {kind}: {error}") from error
    if repo_id.count("/") != 1:
        raise ValueError(f"{repo_id!r} is no id of a {kind}: write user/name, with your name on the Hub or an organisation's")


def check_token(api: HfApi) -> None:
    """Raise an error, within `hub_errors` a ValueError, unless the Hub is there and takes the token."""
    if not (api.token or get_token()):
        raise ValueError("there is no token for the Hub: run `hf auth login`, or set HF_TOKEN to one that may write")
    api.whoami()


def make_repo(api: HfApi, repo_id: str, kind: str, private: bool | None, **more) -> str:
    """Make a repository where there is none; returns its address. ValueError for a public one that was to be private."""
    url = str(api.create_repo(repo_id, repo_type=kind, private=private or None, exist_ok=True, **more))
    if private and not api.repo_info(repo_id, repo_type=kind).private:
        raise ValueError(f"{repo_id} is there already and is public; make it private on its page, or choose another name")
    return url


def check_license(license: str | None, ask: bool) -> None:
    """Raise ValueError if this is no identifier of a licence, or, where the Hub is asked, none that it knows."""
    if license is None:
        return
    try:
        if not re.fullmatch(r"[a-z0-9.-]+", license):
            raise ValueError("no identifier")
        if ask:
            ModelCard(f"---\nlicense: {license}\n---\n").validate()
    except ValueError as error:
        raise ValueError(
            f"the Hub does not take {license!r} for a licence; the identifiers are listed at "
            "https://huggingface.co/docs/hub/repositories-licenses"
        ) from error


@contextmanager
def hub_errors(repo_id: str) -> Iterator[None]:
    """Whatever the Hub or the way to it raises becomes a ValueError of one sentence that says what to do."""
    again = "then run the same command again: what has been uploaded is not sent twice"
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise ValueError("the Hub cannot be reached while HF_HUB_OFFLINE is set: unset it") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            raise ValueError("the Hub does not take the token (401): run `hf auth login`, or set HF_TOKEN anew") from error
        if status == 403:
            raise ValueError(
                f"the Hub refuses to write to {repo_id} (403): use a token that may write (`hf auth login`), and your own name "
                "or an organisation's that you belong to"
            ) from error
        reason = (error.server_message or str(error)).strip().splitlines()[0]
        raise ValueError(f"the Hub answered {status} for {repo_id}: {reason}; mend that, {again}") from error
    except (httpx.HTTPError, ConnectionError, LocalEntryNotFoundError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"the Hub at {constants.ENDPOINT} cannot be reached ({reason}): check the network, {again}") from error
    except (ValueError, RuntimeError) as error:  # huggingface_hub raises both, some with lists below the first line
        sentence = " ".join(str(error).split())
        if isinstance(error.__cause__, (httpx.HTTPError, OSError)):  # an upload's, which the client wraps
            sentence += f" {' '.join(str(error.__cause__).split())}: check the network, {again}"
        raise ValueError(sentence) from error
