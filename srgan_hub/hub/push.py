"""A checkpoint folder -> a model repository on the Hub, in one commit. Pushing again loses nothing of the owner's."""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, CommitScheduler, HfApi, get_token, hf_hub_download
from huggingface_hub.errors import RemoteEntryNotFoundError
from huggingface_hub.utils import validate_repo_id

from srgan_hub.hub.card import USE, block, merged, usage, with_block
from srgan_hub.hub.download import CONFIG, WEIGHTS, hub_errors

CARD, PICTURE = "README.md", "srgan_hub-figure.png"  # the image is ours; an owner's image has another name
INT8 = "int8.safetensors"
BESIDE = (INT8, "training.json", PICTURE)  # optional files of a checkpoint folder
FILES = (CONFIG, WEIGHTS, CARD, *BESIDE)
DISCRIMINATOR = "discriminator"                          # folder of its weights, for fine-tuning


def check_push(repo_id: str, private: bool | None = None, token: str | None = None) -> None:
    """Make the repository before hours of work. A ValueError says in a sentence if it cannot be made or is public despite
    `private`."""
    check_id(repo_id, "model")
    api = HfApi(token=token)
    with hub_errors(repo_id):
        check_token(api)
        make_repo(api, repo_id, "model", private)


def push(
    folder: str | Path, repo_id: str, *, private: bool | None = None, token: str | None = None,
    commit_message: str = "Push a checkpoint", discriminator: bool = False,
) -> str:  # fmt: skip
    """Push a folder written by save_pretrained or the trainer to "user/name"; returns the commit's address.

    A card that is already there keeps its text; generated parts and all numbers are merged. discriminator: push the folder's
    discriminator/ too. Raises ValueError, in a sentence that says what to do, if anything is refused; nothing is committed
    then.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS, CARD, *([DISCRIMINATOR] if discriminator else [])):
        if not (folder / name).exists():
            raise ValueError(f"{folder} holds no {name}; push what save_pretrained or train_accelerate.py wrote")
    check_push(repo_id, private, token)
    api = HfApi(token=token)
    with hub_errors(repo_id):
        before = api.model_info(repo_id)
        there = {file.rfilename for file in before.siblings or ()}
        card = (folder / CARD).read_text(encoding="utf-8")
        if block(card, USE) is not None:
            scale = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("scale", 4)
            pictured = PICTURE in there or (folder / PICTURE).exists()
            card = with_block(card, USE, usage(repo_id, scale, PICTURE if pictured else None))
        if old := card_on_hub(repo_id, "model", before.sha, token):
            card = merged(card, old)
        beside = [f"{DISCRIMINATOR}/{name}" for name in (CONFIG, WEIGHTS)] if discriminator else []
        files = [name for name in (CONFIG, WEIGHTS, *BESIDE, *beside) if (folder / name).exists()]
        operations = [CommitOperationAdd(CARD, card.encode()), *(CommitOperationAdd(name, folder / name) for name in files)]
        # of other weights; the image and the record of an earlier push are kept, since they describe that push
        operations += [CommitOperationDelete(INT8)] if INT8 in there and INT8 not in files else []
        # the parent commit keeps a push or an edit of the card made meanwhile from being overwritten
        return api.create_commit(repo_id, operations, commit_message=commit_message, parent_commit=before.sha).commit_url


# Shared by all pushes: id and token are checked first.


def check_id(repo_id: str, kind: str) -> None:
    """Raise ValueError unless this can be the id of a repository that somebody owns; kind: model, dataset or space."""
    try:
        validate_repo_id(repo_id)
        _, _ = repo_id.split("/")
    except ValueError as error:
        raise ValueError(
            f"{repo_id!r} is not a valid {kind} id: use user/name, with your Hub name or an organization's, and only letters, "
            "digits, and . _ - between them"
        ) from error


def check_token(api: HfApi) -> None:
    """Raise an error unless the Hub is reachable and accepts the token; within `hub_errors` it becomes a ValueError."""
    if not (api.token or get_token()):
        raise ValueError("there is no token for the Hub: run `hf auth login`, or set HF_TOKEN to one with write access")
    api.whoami()


def make_repo(api: HfApi, repo_id: str, kind: str, private: bool | None, **more) -> str:
    """Make a repository if there is none; returns its address. Raises ValueError if it is public despite `private`."""
    url = str(api.create_repo(repo_id, repo_type=kind, private=private or None, exist_ok=True, **more))
    if private and not api.repo_info(repo_id, repo_type=kind).private:
        raise ValueError(f"{repo_id} already exists and is public; make it private on its page, or choose another name")
    return url


def card_on_hub(repo_id: str, kind: str, revision: str | None = None, token: str | None = None) -> str | None:
    """README.md of a repository; None if it has none."""
    try:
        path = hf_hub_download(repo_id, CARD, repo_type=kind, revision=revision, token=token)
    except RemoteEntryNotFoundError:
        return None
    return Path(path).read_text(encoding="utf-8-sig")


def check_empty(folder: Path) -> None:
    """Raise ValueError unless the folder is empty or does not exist."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not an empty folder; choose another")


# Ratings of a study -> a private dataset on the Hub, every few minutes while the page runs and once more when it ends.


RATINGS = "*.jsonl"  # the files that are sent; others beside them, such as locks, are not


def collect(folder: Path, repo_id: str, minutes: float = 5) -> CommitScheduler:
    """Keep uploading the ratings in `folder`, present and future, to the dataset "user/name".

    The dataset is private, since ratings name raters, if only by a number. Several pages may share it if each writes a file of
    its own name. If a commit fails, the next one makes up for it. `.trigger().result()` sends what is there at once. Raises
    ValueError, in a sentence that says what to do, if the Hub refuses.
    """
    check_id(repo_id, "dataset")
    folder.mkdir(parents=True, exist_ok=True)
    api = HfApi()
    with hub_errors(repo_id):
        check_token(api)
        make_repo(api, repo_id, "dataset", private=True)
        return CommitScheduler(
            repo_id=repo_id, repo_type="dataset", folder_path=folder, path_in_repo="data", every=minutes, private=True,
            allow_patterns=RATINGS, hf_api=api,
        )  # fmt: skip
