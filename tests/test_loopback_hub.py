"""The real clients, in subprocesses, do with the loopback Hub what they do with the Hub."""

import hashlib
import io
import json
import zipfile

import pyarrow
import pyarrow.parquet

from conftest import client, smooth_photo


def run(hub, script: str, **environment) -> dict:
    """What the script prints as its last line, JSON."""
    done = client(hub, "-c", script, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def png(seed: int) -> bytes:
    smooth_photo(12, 8, seed=seed).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


REPOSITORIES = """
import json, pathlib, sys
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

api, here = HfApi(), pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None

def kind_of_refusal(call):
    try:
        call()
    except HfHubHTTPError as error:
        return type(error).__name__, error.response.status_code
"""


def test_a_repository_is_made_filled_read_and_removed(hub, tmp_path):
    (tmp_path / "up" / "deep").mkdir(parents=True)
    (tmp_path / "up" / "README.md").write_text("---\nlicense: other\n---\n# Card\n")
    (tmp_path / "up" / "empty.txt").write_text("")
    (tmp_path / "up" / "deep" / "weights.safetensors").write_bytes(bytes(range(256)) * 100)
    script = REPOSITORIES + f"""
up = pathlib.Path({str(tmp_path / "up")!r})
told = {{"who": api.whoami()["name"]}}
for kind in ("model", "dataset", "space"):
    sdk = {{"space_sdk": "gradio"}} if kind == "space" else {{}}
    url = api.create_repo("user/thing", repo_type=kind, private=kind == "dataset", **sdk)
    assert api.create_repo("user/thing", repo_type=kind, exist_ok=True, **sdk) == url
    first = api.upload_folder(repo_id="user/thing", repo_type=kind, folder_path=up)
    again = api.upload_folder(repo_id="user/thing", repo_type=kind, folder_path=up)  # nothing changed: no commit
    assert first.oid == again.oid
    api.upload_file(repo_id="user/thing", repo_type=kind, path_or_fileobj=b"later", path_in_repo="a b%2F.txt")
    info = api.repo_info("user/thing", repo_type=kind, files_metadata=True)
    assert info.sha != first.oid and info.private == (kind == "dataset") and info.card_data.license == "other"
    weights, = [s for s in info.siblings if s.lfs]
    assert (weights.rfilename, weights.size) == ("deep/weights.safetensors", 25600)
    assert sorted(api.list_repo_files("user/thing", repo_type=kind)) == sorted(s.rfilename for s in info.siblings)
    assert [c.title for c in api.list_repo_commits("user/thing", repo_type=kind)][-1] == "initial commit"
    folder = pathlib.Path(snapshot_download("user/thing", repo_type=kind))
    for path in up.rglob("*.*"):
        assert (folder / path.relative_to(up)).read_bytes() == path.read_bytes()
    assert open(hf_hub_download("user/thing", "a b%2F.txt", repo_type=kind)).read() == "later"
    found = api.get_paths_info("user/thing", ["deep", "none", "README.md"], repo_type=kind)
    assert [entry.path for entry in found] == ["README.md", "deep"]
assert [e.path for e in api.list_repo_tree("user/thing")] == ["README.md", "a b%2F.txt", "deep", "empty.txt"]
assert ModelCard.load("user/thing").data.license == "other"

api.create_tag("user/thing", tag="v1")
api.create_branch("user/thing", branch="next/try", revision="v1")
operations = [CommitOperationDelete("deep/"), CommitOperationAdd("new.bin", b"0" * 9)]
told["branch"] = api.create_commit("user/thing", operations, commit_message="move", revision="next/try").oid
request = api.upload_file(repo_id="user/thing", path_or_fileobj=b"x", path_in_repo="x.txt", create_pr=True)
told["request"] = request.pr_revision
refs = api.list_repo_refs("user/thing", include_pull_requests=True)
told["refs"] = [[ref.ref for ref in refs] for refs in (refs.branches, refs.tags, refs.pull_requests)]
told["missing"] = [
    kind_of_refusal(lambda: api.model_info("user/none")),
    kind_of_refusal(lambda: api.model_info("user/thing", revision="none")),
    kind_of_refusal(lambda: hf_hub_download("user/thing", "none")),
    kind_of_refusal(lambda: api.create_repo("google/thing")),
    kind_of_refusal(lambda: api.create_repo("user/thing")),
    kind_of_refusal(lambda: HfApi(token="hf_wrong").whoami()),
    kind_of_refusal(lambda: HfApi(token="hf_read").upload_file(repo_id="user/thing", path_or_fileobj=b"", path_in_repo="y")),
    kind_of_refusal(lambda: HfApi(token=False).dataset_info("user/thing")),
    kind_of_refusal(lambda: api.get_paths_info("user/thing", "x", revision="refs/pr/9")),
]
try:
    api.upload_file(repo_id="user/thing", path_or_fileobj=b"---\\na: [\\n---\\n", path_in_repo="README.md")
except ValueError as error:
    told["card"] = str(error).splitlines()[0]
api.delete_repo("user/thing", repo_type="space")
api.delete_branch("user/thing", branch="next/try")
api.delete_tag("user/thing", tag="v1")
print(json.dumps(told))
"""
    told = run(hub, script)
    assert told["who"] == "user"
    assert told["request"] == "refs/pr/1"
    assert told["refs"] == [["refs/heads/main", "refs/heads/next/try"], ["refs/tags/v1"], ["refs/pr/1"]]
    assert told["missing"] == [
        ["RepositoryNotFoundError", 404],
        ["RevisionNotFoundError", 404],
        ["RemoteEntryNotFoundError", 404],
        ["HfHubHTTPError", 403],
        ["HfHubHTTPError", 409],
        ["HfHubHTTPError", 401],
        ["HfHubHTTPError", 403],
        ["RepositoryNotFoundError", 401],
        ["RevisionNotFoundError", 404],
    ]
    assert told["card"] == "Invalid metadata in README.md."
    assert hub.files("model", "user/thing")["deep/weights.safetensors"] == bytes(range(256)) * 100
    assert hub.files("model", "user/thing", told["branch"]).keys() == {"README.md", "empty.txt", "a b%2F.txt", "new.bin"}
    assert hub.repos["models", "user/thing"].refs.keys() == {"refs/heads/main", "refs/pr/1"}
    assert hub.files("model", "user/thing", "refs/pr/1")["x.txt"] == b"x"
    assert ("spaces", "user/thing") not in hub.repos


def test_refused_commits_are_counted_and_what_was_seeded_stays(hub):
    hub.seed("model", "user/weights", {"a.bin": b"one"})
    hub.fail_next(2)
    script = REPOSITORIES + """
upload = lambda: api.upload_file(repo_id="user/weights", path_or_fileobj=b"two", path_in_repo="a.bin")
print(json.dumps([kind_of_refusal(upload), kind_of_refusal(upload), kind_of_refusal(upload)]))
"""
    assert run(hub, script) == [["HfHubHTTPError", 403], ["HfHubHTTPError", 403], None]
    assert hub.files("model", "user/weights") == {"a.bin": b"two"}
    assert sum(line == "POST /api/models/user/weights/commit/main" for line in hub.requests) == 3


def test_a_network_is_pushed_and_loaded_by_its_mixin(hub):
    script = """
import json, torch
from srgan_hub import SRGANGenerator
generator = SRGANGenerator(width=4, blocks=1)
generator.push_to_hub("user/tiny", private=True)
same = SRGANGenerator.from_pretrained("user/tiny").state_dict()
print(json.dumps(all(torch.equal(same[name], tensor) for name, tensor in generator.state_dict().items())))
"""
    assert run(hub, script)
    assert {"README.md", "config.json", "model.safetensors"} == hub.files("model", "user/tiny").keys()
    assert hub.repos["models", "user/tiny"].private


def test_datasets_go_there_and_back(hub):
    pictures = {f"{number}.png": png(number) for number in range(4)}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name, data in pictures.items():
            packed.writestr(name, data)
    hub.seed("dataset", "user/zips", {"HR.zip": archive.getvalue(), "LR.zip": archive.getvalue()})
    hub.seed("dataset", "user/loose", {f"{split}/{n}": d for split in ("train", "validation") for n, d in pictures.items()})
    script = """
import hashlib, json
from datasets import Dataset, Image, load_dataset

def digests(rows):
    return sorted(hashlib.sha256(row["image"]["bytes"]).hexdigest() for row in rows)

loaded = load_dataset("user/loose")
found = {"splits": [len(rows) for rows in loaded.values()], "labels": "label" in loaded["train"].features}
zips = dict(data_files={"train": "HR.zip"}, drop_labels=True)
pictures = load_dataset("user/zips", **zips)["train"]
found["size"] = [picture["image"].size for picture in pictures]
found["zip streamed"] = [row["image"].size for row in load_dataset("user/zips", streaming=True, **zips)["train"]]
pictures.push_to_hub("user/pushed", num_shards=2)
for options in ({}, {"streaming": True}):
    rows = load_dataset("user/pushed", split="train", **options).cast_column("image", Image(decode=False))
    found["pushed " + str(options)] = digests(rows)
export = {"revision": "refs/convert/parquet", "data_dir": "default"}
for options in ({}, {"streaming": True}):
    found["export " + str(options)] = [row["n"] for row in load_dataset("user/script", split="train", **export, **options)]
print(json.dumps(found))
"""
    pyarrow.parquet.write_table(pyarrow.table({"n": [1, 2, 3]}), file := io.BytesIO())
    hub.seed("dataset", "user/script", {"script.py": b"raise SystemExit"})
    hub.seed("dataset", "user/script", {"default/train/0000.parquet": file.getvalue()}, "refs/convert/parquet")
    found = run(hub, script)
    digests = sorted(hashlib.sha256(data).hexdigest() for data in pictures.values())
    assert found["splits"] == [4, 4]
    assert found["size"] == found["zip streamed"] == [[12, 8]] * 4
    assert found["pushed {}"] == found["pushed {'streaming': True}"] == digests
    assert found["export {}"] == found["export {'streaming': True}"] == [1, 2, 3]
    elsewhere = {line.split()[1].split("/")[2] for line in hub.requests if "://" in line}
    assert elsewhere <= {f"datasets-server.{hub.url.removeprefix('http://')}"}  # the viewer, which datasets does without
    assert {"data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"} < hub.files("dataset", "user/pushed").keys()


def test_a_space_is_made_and_described_as_the_hub_wants_it(hub):
    wrong = "---\nsdk: shiny\ncolorFrom: mauve\nemoji: x\nshort_description: " + 61 * "a" + "\n---\n"
    script = REPOSITORIES + f"""
found = [kind_of_refusal(lambda: api.create_repo("user/a", repo_type="space", space_sdk="streamlit"))]  # gone
api.create_repo("user/a", repo_type="space", space_sdk="gradio")
found.append(kind_of_refusal(lambda: api.add_space_variable("user/a", "KEY", "value")))  # no such route here
assert api.get_space_variables("user/a") == {{}}
try:
    api.upload_file(repo_id="user/a", repo_type="space", path_or_fileobj={wrong!r}.encode(), path_in_repo="README.md")
except ValueError as error:
    found.append(str(error))
print(json.dumps(found))
"""
    sdk, unknown, faults = run(hub, script)
    assert (sdk[1], unknown[1]) == (400, 404)
    assert all(f'"{key}" must be' in faults for key in ("sdk", "colorFrom", "emoji", "short_description"))
