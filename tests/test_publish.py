import hashlib
import json
import shutil

import pytest
from pyarrow.parquet import ParquetFile

from conftest import NEEDS_THE_HUB, client, smooth_photo
from srgan_hub.data import publish
from srgan_hub.data.sources import open_splits


@pytest.fixture
def photos(photo_folder):
    """Six PNG and one JPEG to train on, two to validate; another PNG ends half-way."""
    smooth_photo(30, 20).save(photo_folder / "train" / "portrait.jpg", quality=90)
    whole = (photo_folder / "train" / "0.png").read_bytes()
    (photo_folder / "train" / "half.png").write_bytes(whole[: len(whole) // 2])
    return photo_folder


def contents(folder, split):
    """{stem: bytes} of the images of a split that are whole."""
    return {file.stem: file.read_bytes() for file in (folder / split).iterdir() if file.stem != "half"}


def test_every_form_of_a_source_gives_the_same_files(photos, tmp_path):
    for split, stem in (("train", "DIV2K_train_HR"), ("validation", "DIV2K_valid_HR")):
        shutil.copytree(photos / split, tmp_path / "folders" / stem)
        (tmp_path / "zips").mkdir(exist_ok=True)
        shutil.make_archive(str(tmp_path / "zips" / stem), "zip", tmp_path / "folders", stem)
    smooth_photo(8, 8).save(tmp_path / "folders" / "DIV2K_train_LR_x4.png")  # beside the HR folders: not theirs
    for source in (photos, tmp_path / "folders", tmp_path / "zips", tmp_path / "photos-shards"):
        out = tmp_path / f"{source.name}-shards"
        out.mkdir()
        splits = open_splits(str(source))
        counts = {split: publish.write_shards(images, out, split) for split, images in splits.items()}
        assert counts == {"train": 7, "validation": 2}
        for split in splits:
            rows = ParquetFile(out / "data" / f"{split}-00000-of-00001.parquet").read().to_pylist()
            assert {row["name"]: row["hr"]["bytes"] for row in rows} == contents(photos, split), source


PUSH = """
import contextlib, io, json, os, sys
from srgan_hub.cli import main
from srgan_hub.data import publish

def push(*arguments, token="hf_test"):
    os.environ["HF_TOKEN"] = token
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(said):
        status = main(["dataset", "push", *arguments])
    return [status, said.getvalue().splitlines()]
"""


def test_pushed_dataset_is_loaded_whole_and_streamed(hub, photos):
    command = NEEDS_THE_HUB[0]
    script = PUSH + f"""
import hashlib
from huggingface_hub import HfApi
said = [push(*{command.split()[3:]!r})]
card = HfApi().hf_hub_download("user/photos", "README.md", repo_type="dataset")
changed = open(card).read().replace("# photos", "# Our photographs").replace("license: other", "license: mit")
HfApi().upload_file(repo_id="user/photos", repo_type="dataset", path_or_fileobj=changed.encode(), path_in_repo="README.md")
publish.SHARD = 3
said.append(push("photos", "user/photos"))
from datasets import Image, load_dataset
found = {{"said": said, "rows": []}}
for options in ({{}}, {{"streaming": True}}):
    for split, rows in load_dataset("user/photos", **options).items():
        rows = rows.cast_column("hr", Image(decode=False))
        found["rows"].append([split, {{row["name"]: hashlib.sha256(row["hr"]["bytes"]).hexdigest() for row in rows}}])
print(json.dumps(found), flush=True)
os._exit(0)  # a stream of datasets leaves threads that can abort the interpreter's own way out
"""
    done = client(hub, "-c", script, cwd=photos.parent, TMPDIR=str(photos.parent))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    warning = "left out 1 damaged images: half"
    assert found["said"] == [[0, [warning, f"{hub.url}/datasets/user/photos"]]] * 2
    digests = {s: {n: hashlib.sha256(d).hexdigest() for n, d in contents(photos, s).items()} for s in ("train", "validation")}
    assert found["rows"] == [[split, digests[split]] for split in ("train", "validation")] * 2
    files = hub.files("dataset", "user/photos")
    assert sorted(files) == [
        "README.md",
        "data/train-00000-of-00003.parquet",
        "data/train-00001-of-00003.parquet",
        "data/train-00002-of-00003.parquet",
        "data/validation-00000-of-00001.parquet",
    ]  # the shard of the first push is gone
    card = files["README.md"].decode()
    assert "# Our photographs" in card
    assert "`mit`, as stated by the uploader" in card
    assert "not stated" not in card
    assert not list(photos.parent.glob("srgan-hub-*"))


def test_refused_push_is_one_sentence(hub, photos):
    (photos / "train" / "half.png").unlink()
    for folder in ("empty", "damaged"):
        (photos.parent / folder).mkdir()
    (photos.parent / "damaged" / "a.png").write_bytes(b"no picture")
    hub.seed("dataset", "user/public", {})
    hub.seed("dataset", "user/broken", {"README.md": b"---\na: [\n---\n"})
    hub.fail_next(1)
    script = PUSH + """
print(json.dumps([
    push("photos", "user/photos"),
    push("photos", "user/photos", token="hf_wrong"),
    push("photos", "user/photos", token="hf_read"),
    push("photos", "google/photos"),
    push("photos", "user/public", "--private"),
    push("photos", "user/photos", "--license", "mine"),
    push("photos", "user/broken"),
    push("photos", "photos"),
    push("photos", "user/my photos"),
    push("nowhere", "user/photos"),
    push("empty", "user/photos"),
    push("damaged", "user/photos"),
    push("photos", "user/secret", "--private", "--license", "mit"),
]))
"""
    done = client(hub, "-c", script, cwd=photos.parent, TMPDIR=str(photos.parent))
    assert done.returncode == 0, done.stderr
    *refused, pushed = json.loads(done.stdout.splitlines()[-1])
    namespace = "google/photos: the token does not allow this (403)"
    sentences = ["(403)", "(401)", "(403)", namespace, "exists and is public", "license", "no YAML", "use user/name",
                 "is not a valid dataset id", "there is no nowhere", "empty", "no readable image in the split train"]  # fmt: skip
    for (status, said), sentence in zip(refused, sentences, strict=True):
        assert status == 2
        assert sentence in said[-1] and len([line for line in said if line.startswith("srgan-hub:")]) == 1, said
    assert hub.files("dataset", "user/photos") == hub.files("dataset", "user/public") == {}
    assert pushed[0] == 0
    assert hub.repos["datasets", "user/secret"].private
    assert not list(photos.parent.glob("srgan-hub-*"))


def test_push_that_breaks_off_is_finished_by_the_same_command(hub, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "SHARD", 3)
    publish.write_shards(open_splits(str(photos))["train"], tmp_path, "train")
    shards = [path.read_bytes() for path in sorted((tmp_path / "data").glob("train-*"))]
    puts = [f"/lfs/{hashlib.sha256(shard).hexdigest()}" for shard in shards]
    hub.cut_next(6, puts[1])
    script = PUSH + """
import time
time.sleep = lambda seconds: None  # between the client's tries, which stay as many
publish.SHARD = 3
print(json.dumps([push("photos", "user/photos") for again in range(2)]))
"""
    done = client(hub, "-c", script, cwd=photos.parent, TMPDIR=str(photos.parent))
    assert done.returncode == 0, done.stderr
    (broken, said), (finished, _) = json.loads(done.stdout.splitlines()[-1])
    assert (broken, finished) == (2, 0)
    assert "check the network, then do the same again: nothing is transferred twice" in said[-1]
    assert [hub.requests.count(f"PUT {put}") for put in puts] == [1, 7, 1]
    files = hub.files("dataset", "user/photos")
    assert [files[path] for path in sorted(files) if path.startswith("data/train-")] == shards
