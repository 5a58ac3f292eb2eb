"""The real clients, in subprocesses, do with the loopback Hub what they do with the Hub."""

import base64
import hashlib
import io
import json
import zipfile

import pyarrow
import pyarrow.parquet
import pytest
from huggingface_hub.utils import httpx

from conftest import client, smooth_photo
from loopback_hub import card_faults, git_oid


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
    assert hub.take_strays() == ["GET /api/datasets/user/thing: no token"]


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


def test_branches_and_tags_are_made_once_and_lead_where_they_were_made(hub):
    first = hub.seed("model", "user/thing", {"a.txt": b"one"})
    hub.seed("model", "user/thing", {"a.txt": b"two"})
    script = REPOSITORIES + f"""
read = lambda revision: pathlib.Path(hf_hub_download("user/thing", "a.txt", revision=revision)).read_text()
api.create_branch("user/thing", branch="old", revision={first!r})
api.create_branch("user/thing", branch="old", exist_ok=True)
api.create_tag("user/thing", tag="v1", revision="old")
api.upload_file(repo_id="user/thing", path_or_fileobj=b"three", path_in_repo="a.txt", revision="old")
print(json.dumps([
    [read(revision) for revision in ("main", "old", "v1", {first!r})],
    kind_of_refusal(lambda: api.create_branch("user/thing", branch="old")),
    kind_of_refusal(lambda: api.create_tag("user/thing", tag="v1")),
    kind_of_refusal(lambda: api.create_tag("user/thing", tag="v2", revision="none")),
    kind_of_refusal(lambda: api.create_branch("user/none", branch="b")),
    kind_of_refusal(lambda: HfApi(token="hf_read").create_branch("user/thing", branch="b")),
]))
"""
    contents, *refused = run(hub, script)
    assert contents == ["two", "three", "one", "one"]
    assert refused == [
        ["HfHubHTTPError", 409],
        ["HfHubHTTPError", 409],
        ["RevisionNotFoundError", 404],
        ["RepositoryNotFoundError", 404],
        ["HfHubHTTPError", 403],
    ]


IMPATIENT = REPOSITORIES + """
import time
time.sleep = lambda seconds: None  # between the client's tries, which stay as many
"""


def test_server_errors_are_tried_again_or_reported_and_what_arrived_is_not_sent_twice(hub):
    hub.seed("model", "user/thing", {})
    batch, commit = "/user/thing.git/info/lfs/objects/batch", "/api/models/user/thing/commit/main"
    put = f"/lfs/{hashlib.sha256(b'one').hexdigest()}"
    hub.fail_next(2, 500, batch)
    hub.fail_next(1, 503, put)
    hub.fail_next(1, 500, commit)
    script = IMPATIENT + """
upload = lambda: api.upload_file(repo_id="user/thing", path_or_fileobj=b"one", path_in_repo="a.bin")
print(json.dumps([kind_of_refusal(upload), kind_of_refusal(upload)]))
"""
    assert run(hub, script) == [["HfHubHTTPError", 500], None]
    assert hub.files("model", "user/thing") == {"a.bin": b"one"}
    counts = [hub.requests.count(line) for line in (f"POST {batch}", f"PUT {put}", f"POST {commit}")]
    assert counts == [4, 2, 2]  # batch: three and one; PUT: two and none


def test_an_interrupted_upload_goes_on_where_it_was(hub, tmp_path):
    contents = {f"{name}.safetensors": name.encode() * 300_000 for name in ("first", "second")}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    first, second = (f"/lfs/{hashlib.sha256(data).hexdigest()}" for data in contents.values())
    hub.cut_next(7, second)  # six tries, and one more
    script = IMPATIENT + f"""
said = []
for again in range(2):
    try:
        api.create_repo("user/thing", exist_ok=True)
        api.upload_folder(repo_id="user/thing", folder_path={str(tmp_path)!r})
        said.append("done")
    except RuntimeError as error:
        said.append("broken")
print(json.dumps([said, api.list_repo_files("user/thing")]))
"""
    said, files = run(hub, script)
    assert said == ["broken", "done"]
    assert sorted(files) == ["first.safetensors", "second.safetensors"]
    assert hub.files("model", "user/thing") == contents
    assert hub.requests.count(f"PUT {first}") == 1
    assert hub.requests.count(f"PUT {second}") == 8  # the last one whole


def test_datasets_meets_errors_and_broken_downloads(hub):
    hub.seed("dataset", "user/secret", {"train/0.png": png(0)}, private=True)
    hub.fail_next(1, 500, "/datasets/user/pushed.git/info/lfs/objects/batch")
    hub.cut_next(1, "/data/train-00000-of-00001.parquet")
    script = IMPATIENT + """
from datasets import Dataset, load_dataset
from datasets.exceptions import DatasetNotFoundError

def refused(*arguments, **options):
    try:
        load_dataset(*arguments, **options)
    except DatasetNotFoundError as error:
        return str(error).split(" on the Hub")[0]

Dataset.from_dict({"n": list(range(50_000))}).push_to_hub("user/pushed")
found = sum(load_dataset("user/pushed", split="train")["n"])
told = [refused("user/none"), refused("user/secret", token=False), len(load_dataset("user/secret", token="hf_test")["train"])]
print(json.dumps([found, *told]))
"""
    found, none, secret, rows = run(hub, script, HF_TOKEN="hf_test")
    assert found == sum(range(50_000))
    assert none == "Dataset 'user/none' doesn't exist"
    assert secret == "Dataset 'user/secret' doesn't exist"
    assert rows == 1
    assert hub.requests.count("POST /datasets/user/pushed.git/info/lfs/objects/batch") == 2
    parquet = [line for line in hub.requests if line.startswith("GET ") and line.endswith("/data/train-00000-of-00001.parquet")]
    assert len(parquet) == 2
    assert all(stray.endswith(": no token") and "/user/secret" in stray for stray in hub.take_strays())


def ask(hub, method: str, path: str, token: str | None = "hf_test", **request):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.request(method, hub.url + path, headers=headers | request.pop("headers", {}), trust_env=False, **request)


def lines(*items: tuple[str, dict]) -> dict:
    content = b"\n".join(json.dumps({"key": key, "value": value}).encode() for key, value in items)
    return {"content": content, "headers": {"content-type": "application/x-ndjson"}}


def regular(path: str, data: bytes) -> tuple[str, dict]:
    return "file", {"path": path, "encoding": "base64", "content": base64.b64encode(data).decode()}


HEADER = ("header", {"summary": "s"})
THING = "/api/models/user/thing"
PREUPLOAD = {"path": "a.bin", "sample": base64.b64encode(b"abc").decode(), "size": 4}
BATCH = "/user/thing.git/info/lfs/objects/batch"
LFS = {"accept": "application/vnd.git-lfs+json", "content-type": "application/vnd.git-lfs+json"}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("GET", f"{THING}/likers"), "no such route"),
        (("POST", f"{THING}/refs"), "no such route"),
        (("DELETE", THING), "no such route"),
        (("POST", f"{THING}/branch/b", None), "no token"),
        (("GET", "/api/whoami-v2", None), "no token"),
        (("GET", "/user/secret/resolve/main/a.txt", None), "no token"),
        (("PUT", f"/lfs/{hashlib.sha256(b'abc').hexdigest()}", None, {"content": b"abd"}), "what came is not ba7816bf"),
        (("PUT", f"/lfs/{hashlib.sha256(b'abc').hexdigest()}", "hf_test", {"content": b"abc"}), "a token for the file store"),
        (("POST", f"{THING}/preupload/main", "hf_test", {"json": {"files": [PREUPLOAD]}}), "a sample of 3 bytes of a.bin"),
        (("POST", BATCH, "hf_test", {"json": {}}), "accept: */*"),
        (("POST", BATCH, "hf_test", {"content": b"x", "headers": LFS}), "the loopback Hub failed"),
        (("POST", f"{THING}/commit/main", "hf_test", {"content": b""}), "content-type: None"),
        (("POST", f"{THING}/commit/main", "hf_test", lines(HEADER, regular("a.bin", b"abc"))), "a.bin must go to LFS"),
        (("POST", f"{THING}/commit/main", "hf_test", lines(HEADER, ("movedFile", {}))), "movedFile is not known in a commit"),
    ],
)
def test_what_no_client_should_send_is_kept_for_the_test_to_fail(hub, asked, why):
    hub.seed("model", "user/thing", {})
    hub.seed("model", "user/secret", {"a.txt": b"a"}, private=True)
    method, path, token, request = (*asked, "hf_test", {})[:4] if len(asked) == 2 else (*asked, {})[:4]
    assert ask(hub, method, path, token, **request).status_code >= 400
    (stray,) = hub.take_strays()
    assert stray.startswith(f"{method} {path}: {why}")


def test_a_file_that_is_not_what_was_announced_is_refused(hub):
    hub.seed("model", "user/thing", {})
    announced = {"path": "a.txt", "sample": base64.b64encode(b"abc").decode(), "size": 3}
    assert ask(hub, "POST", f"{THING}/preupload/main", json={"files": [announced]}).status_code == 200
    assert ask(hub, "POST", f"{THING}/commit/main", **lines(HEADER, regular("a.txt", b"abd"))).status_code == 400
    assert ask(hub, "PUT", f"/lfs/{hashlib.sha256(b'abc').hexdigest()}", None, content=b"abc").status_code == 200
    pointer = {"path": "a.bin", "algo": "sha256", "oid": hashlib.sha256(b"abc").hexdigest(), "size": 4}
    assert ask(hub, "POST", f"{THING}/commit/main", **lines(HEADER, ("lfsFile", pointer))).status_code == 400
    absent = pointer | {"oid": "0" * 64}
    assert ask(hub, "POST", f"{THING}/commit/main", **lines(HEADER, ("lfsFile", absent))).status_code == 400
    announced, sized = hub.take_strays()
    assert announced.endswith("a.txt is not what was announced")
    assert sized.endswith("is of 3 bytes")
    assert hub.files("model", "user/thing") == {}


def test_git_names_are_gits_own():
    assert git_oid(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"  # printf 'hello\n' | git hash-object --stdin


RESULT = """
model-index:
- name: net
  results:
  - task: {type: image-to-image}
    dataset: {type: set5, name: Set5}
    metrics:
    - {type: psnr, value: 30.5}
"""


@pytest.mark.parametrize(
    ("front", "fault"),
    [
        ("license: other" + RESULT, None),
        ("", None),
        ("license: my own", '"license" must be one of'),
        ("license: [mit", "expected ',' or ']'"),
        ("- license", "must be a mapping"),
        ("tags: srgan", '"tags" must be an array'),
        (RESULT.replace("name: net", "title: net"), '"model-index[0].name" is required'),
        (RESULT.replace("task:", "tasks:"), '"model-index[0].results[0].task" is required'),
        (RESULT.replace("name: Set5", "split: test"), '"model-index[0].results[0].dataset.name" is required'),
        (RESULT.replace("value: 30.5", "value: null"), 'metrics.value" is required'),
        (RESULT.replace("value: 30.5", "value: [30.5]"), 'metrics.value" must be a number'),
        (RESULT.replace("type: psnr", "name: PSNR"), 'metrics.type" is required'),
    ],
)
def test_cards_that_the_hub_would_not_take_are_refused(hub, front, fault):
    hub.seed("model", "user/thing", {})
    card = f"---\n{front}\n---\n# Card\n\n---\nA rule.\n"
    wrong = card_faults(card)
    assert (fault in "; ".join(wrong)) if fault else not wrong
    checked = ask(hub, "POST", "/api/validate-yaml", json={"content": card, "repoType": "model"})
    committed = ask(hub, "POST", f"{THING}/commit/main", **lines(HEADER, regular("README.md", card.encode())))
    assert checked.status_code == committed.status_code == (400 if fault else 200)


def test_a_card_whose_metadata_does_not_end_is_refused():
    assert "no end" in card_faults("---\nlicense: mit\n# Card\n")[0]


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
    assert (sdk[1], unknown[1]) == (400, 405)
    assert len(hub.take_strays()) == 1
    assert all(f'"{key}" must be' in faults for key in ("sdk", "colorFrom", "emoji", "short_description"))
