"""Ratings to the Hub on loopback, by the real CommitScheduler."""

import json

from conftest import client

PAGE = """
import json, sys, time
from pathlib import Path
from srgan_hub.hub.push import collect
from srgan_hub.evaluation.opinion.ratings import write_line

folder = Path("ratings")
write_line(folder / "one.jsonl", json.dumps({"score": 1}))
try:
    scheduler = collect(folder, sys.argv[1], minutes=60)
except ValueError as error:
    sys.exit(str(error))
scheduler.trigger().result()
write_line(folder / "one.jsonl", json.dumps({"score": 2}))
write_line(folder / "two.jsonl", json.dumps({"score": 3}))
"""


def scores(data: bytes) -> list[int]:
    return [json.loads(line)["score"] for line in data.splitlines()]


def test_every_rating_is_there_at_the_end_and_none_but_ratings(hub, tmp_path):
    done = client(hub, "-c", PAGE, "user/ratings", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert hub.repos["datasets", "user/ratings"].private
    files = hub.files("dataset", "user/ratings")
    found = {path: scores(data) for path, data in files.items() if path.endswith(".jsonl")}
    assert found == {"data/one.jsonl": [1, 2], "data/two.jsonl": [3]}
    assert not [path for path in files if path.endswith(".lock")]


def test_commit_that_failed_is_made_up_for(hub, tmp_path):
    hub.fail_next(1, 403)
    done = client(hub, "-c", PAGE, "user/ratings", cwd=tmp_path)
    files = hub.files("dataset", "user/ratings")
    assert scores(files["data/one.jsonl"]) == [1, 2], done.stderr


def test_public_dataset_and_missing_token_are_refused_in_a_sentence(hub, tmp_path):
    hub.seed("dataset", "user/open", {})
    for repo, variables, says in (("user/open", {}, "is public"), ("user/new", {"HF_TOKEN": ""}, "no token")):
        done = client(hub, "-c", PAGE, repo, cwd=tmp_path, **variables)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert says in done.stderr
    assert ("datasets", "user/new") not in hub.repos
