"""Ratings of a study -> a private dataset on the Hub, every few minutes while the page runs and once more at its end."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import CommitScheduler, HfApi

from srgan_hub.hub.client import check_id, check_token, hub_errors, make_repo

RATINGS = "*.jsonl"  # what is sent; whatever else lies beside, as locks, stays


def collect(folder: Path, repo_id: str, minutes: float = 5) -> CommitScheduler:
    """Keep the ratings that lie in `folder`, and those yet to come, in the dataset "user/name" too.

    The dataset is made private: ratings name raters, if only by a number. Several pages may share it if each writes a file
    of its own name. A commit that fails is made up for by the next. `.trigger().result()` sends what is there at once.
    Raises ValueError, in a sentence that says what to do, if the Hub refuses.
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
