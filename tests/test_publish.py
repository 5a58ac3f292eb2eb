import hashlib
import json
import shutil

import datasets
import pytest
from huggingface_hub import DatasetCard
from pyarrow.parquet import ParquetFile

from conftest import NEEDS_THE_HUB, client, smooth_photo
from srgan_hub.cli import main
from srgan_hub.data import publish
from srgan_hub.data.publish import write_dataset


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


def three_shards(photos) -> int:
    """The size of a shard with which the train split has three."""
    return int(2.5 * (photos / "train" / "0.png").stat().st_size)


def test_dry_run_loads_to_the_very_files(photos, tmp_path, capsys, caplog, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(publish, "SHARD", three_shards(photos))
    monkeypatch.setattr(publish, "ROW_GROUP", 1)
    assert main(["dataset", "push", str(photos), "user/photos", "--dry-run", str(out)]) == 0
    assert "7 train and 2 validation images" in capsys.readouterr().out
    assert [record.message for record in caplog.records] == [f"left out 1 damaged images of {photos}: half"]
    assert sorted(str(file.relative_to(out)) for file in out.rglob("*.*")) == [
        "README.md",
        "data/train-00000-of-00003.parquet",
        "data/train-00001-of-00003.parquet",
        "data/train-00002-of-00003.parquet",
        "data/validation-00000-of-00001.parquet",
    ]
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].features == {"hr": datasets.Image(), "name": datasets.Value("string")}
    assert loaded["train"][0]["hr"].size == (64, 48)
    for split in ("train", "validation"):
        rows = loaded[split].cast_column("hr", datasets.Image(decode=False))
        assert {row["name"]: row["hr"]["bytes"] for row in rows} == contents(photos, split)
    for shard in (ParquetFile(path) for path in (out / "data").glob("train-*")):
        assert shard.metadata.num_row_groups == shard.metadata.num_rows


def test_every_form_of_a_source_gives_the_same_files(photos, tmp_path):
    for split, stem in (("train", "DIV2K_train_HR"), ("validation", "DIV2K_valid_HR")):
        shutil.copytree(photos / split, tmp_path / "folders" / stem)
        (tmp_path / "zips").mkdir(exist_ok=True)
        shutil.make_archive(str(tmp_path / "zips" / stem), "zip", tmp_path / "folders", stem)
    smooth_photo(8, 8).save(tmp_path / "folders" / "DIV2K_train_LR_x4.png")  # beside the HR folders: not theirs
    write_dataset(photos, tmp_path / "shards")
    for form in ("folders", "zips", "shards"):
        assert write_dataset(tmp_path / form, tmp_path / "out" / form) == {"train": 7, "validation": 2}
        for split in ("train", "validation"):
            rows = ParquetFile(tmp_path / "out" / form / "data" / f"{split}-00000-of-00001.parquet").read().to_pylist()
            assert {row["name"]: row["hr"]["bytes"] for row in rows} == contents(photos, split), form


def test_card_says_what_it_is_and_under_which_terms(photos, tmp_path):
    write_dataset(photos, tmp_path / "unstated", "user/photos")
    write_dataset(photos, tmp_path / "stated", "user/photos", license="cc-by-4.0")
    (tmp_path / "DIV2K").mkdir()
    shutil.copytree(photos / "train", tmp_path / "DIV2K" / "DIV2K_train_HR")
    write_dataset(tmp_path / "DIV2K", tmp_path / "div2k", "user/div2k")
    cards = {name: DatasetCard.load(tmp_path / name / "README.md") for name in ("unstated", "stated", "div2k")}
    data = cards["unstated"].data.to_dict()
    assert data["license"] == "other"
    assert data["task_categories"] == ["image-to-image"]
    assert "| train | 7 |" in cards["unstated"].text
    assert "other: not stated" in cards["unstated"].text
    assert 'load_dataset("user/photos", split="train")' in cards["unstated"].text
    assert "train_accelerate.py --variant srresnet-mse --dataset user/photos " in cards["unstated"].text
    assert cards["stated"].data.license == "cc-by-4.0"
    assert "`cc-by-4.0`, as stated" in cards["stated"].text
    assert "academic research only" in cards["div2k"].text
    assert "Do not push it publicly without the right to" in cards["div2k"].text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["photos", "photos"], "use user/name"),
        (["photos", "user/my photos"], "is not a valid dataset id"),
        (["nowhere", "user/photos"], "there is no nowhere"),
        (["empty", "user/photos"], "empty"),
        (["damaged", "user/photos"], "holds no readable image in its split train"),
        (["photos", "user/photos", "--dry-run", "photos"], "not an empty folder"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(photos, tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "damaged"):
        (tmp_path / folder).mkdir()
    (tmp_path / "damaged" / "a.png").write_bytes(b"no picture")
    dry = [] if "--dry-run" in arguments else ["--dry-run", "out"]
    assert main(["dataset", "push", *arguments, *dry]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("srgan-hub:")]
    assert len(error) == 1
    assert sentence in error[0]
    assert not (tmp_path / "out").exists()


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
publish.SHARD = {three_shards(photos)}
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
    warning = "left out 1 damaged images of photos: half"
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
    push("photos", "user/secret", "--private", "--license", "mit"),
]))
"""
    done = client(hub, "-c", script, cwd=photos.parent, TMPDIR=str(photos.parent))
    assert done.returncode == 0, done.stderr
    *refused, pushed = json.loads(done.stdout.splitlines()[-1])
    namespace = "google/photos: the token does not allow this (403)"
    sentences = ["(403)", "(401)", "(403)", namespace, "exists and is public", "license", "no YAML"]
    for (status, said), sentence in zip(refused, sentences, strict=True):
        assert status == 2
        assert len(said) == 1, said
        assert sentence in said[0]
    assert hub.files("dataset", "user/photos") == hub.files("dataset", "user/public") == {}
    assert pushed[0] == 0
    assert hub.repos["datasets", "user/secret"].private
    assert not list(photos.parent.glob("srgan-hub-*"))


def test_push_that_breaks_off_is_finished_by_the_same_command(hub, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "SHARD", three_shards(photos))
    write_dataset(photos, tmp_path / "dry")
    shards = [path.read_bytes() for path in sorted((tmp_path / "dry" / "data").glob("train-*"))]
    puts = [f"/lfs/{hashlib.sha256(shard).hexdigest()}" for shard in shards]
    hub.cut_next(6, puts[1])
    script = PUSH + f"""
import time
time.sleep = lambda seconds: None  # between the client's tries, which stay as many
publish.SHARD = {publish.SHARD}
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
