"""Checkpoints to the Hub on loopback: by the command, by push_to_hub, and by a run as it goes on; ratings too."""

import hashlib
import json
import shutil

import pytest
import yaml

from conftest import client
from srgan_hub import SRGANDiscriminator, SRGANGenerator
from srgan_hub.hub.card import EARLIER, RESULTS, USE, block, with_block, with_model_index
from srgan_hub.hub.push import FILES, check_id

RUN = """
import sys, logging
from srgan_hub.training import push
import train_accelerate
push.WAIT = 0.05
logging.basicConfig(format="%(message)s")
try:
    train_accelerate.train(train_accelerate.parse(sys.argv[1:]))
except ValueError as error:
    sys.exit(f"train_accelerate.py: {error}")
"""
TINY = (
    "--width 4 --blocks 1 --crop 32 --batch_size 2 --report_to none --validation none --log_every 1 --checkpoint_every 2"
    " --threads 1"
)


def train(hub, photos, output, *more):
    options = ["--dataset", str(photos), "--output_dir", str(output), *TINY.split(), *more]
    return client(hub, "-c", RUN, *options, XDG_CACHE_HOME=str(output.parent))


def test_run_pushes_as_it_goes_and_a_failed_push_is_tried_again(hub, photo_folder, tmp_path):
    hub.fail_next(1)
    done = train(hub, photo_folder, tmp_path / "out", "--max_train_steps", "6", "--push_to_hub", "user/mine", "--push_every", "2")
    assert done.returncode == 0, done.stderr
    assert "push of update 2 to user/mine failed (1 of 3)" in done.stderr
    files = hub.files("model", "user/mine")
    sent = set(FILES) - {"int8.safetensors"}
    assert files.keys() == sent
    for name in sent - {"README.md"}:
        assert files[name] == (tmp_path / "out" / name).read_bytes()
    record = json.loads(files["training.json"])
    assert record["updates"] == 6
    assert str(tmp_path) not in json.dumps(record)
    assert str(tmp_path) not in files["README.md"].decode()
    assert 'from_pretrained("user/mine")' in files["README.md"].decode()
    assert "(srgan_hub-figure.png)" in block(files["README.md"].decode(), USE)
    written = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [data for data in [done.stdout.encode(), done.stderr.encode(), *written] if b"hf_test" in data], "the token"


def test_push_that_never_works_costs_no_run(hub, photo_folder, tmp_path):
    hub.fail_next(100)
    out = tmp_path / "out"
    done = train(hub, photo_folder, out, "--max_train_steps", "2", "--push_to_hub", "user/mine", "--private")
    assert done.returncode == 1
    assert "the result is complete in" in done.stderr
    assert "Traceback" not in done.stderr
    assert (out / "model.safetensors").is_file()


def test_repository_that_cannot_be_made_is_found_out_before_the_training(hub, photo_folder, tmp_path):
    done = train(hub, photo_folder, tmp_path / "out", "--max_train_steps", "2", "--push_to_hub", "somebody/else")
    assert done.returncode == 1
    assert "--push_to_hub somebody/else: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "update 1" not in done.stdout


@pytest.fixture
def checkpoint(tiny_generator, tmp_path):
    """A folder with a card that has results and the words of an owner."""
    folder = tmp_path / "net"
    tiny_generator.save_pretrained(folder)
    measured(folder, "2026-02-01", Set5=30.0, Set14=27.0)
    return folder


def measured(folder, date, **sets):
    """Write results into a checkpoint's card, as `srgan-hub benchmark --write-card` does."""
    card = folder / "README.md"
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    tables = "\n\n".join(f"### {name}\n\n| net | {value} |" for name, value in sets.items())
    text = with_block(card.read_text(), RESULTS, f"protocol\n\n{tables}")
    numbers = {name: {"psnr": ("PSNR-Y", value)} for name, value in sets.items()}
    card.write_text(with_model_index(text, folder.name, 4, numbers, date, weights))


PUSHES = """
import contextlib, io, json, os, sys
from srgan_hub.cli import main
from srgan_hub import SRGANGenerator

for token, command in json.loads(sys.argv[1]):
    os.environ["HF_TOKEN"] = token
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(said):
        if command[0] == "push_to_hub":
            status = 0
            SRGANGenerator.from_pretrained(command[1]).push_to_hub(command[2])
        else:
            status = main(["push", *command])
    print(json.dumps([status, said.getvalue()]))
"""


def pushes(hub, *commands, tokens=None, **environment) -> list[tuple[int, str]]:
    """(exit status, what was said) of `srgan-hub push`, or push_to_hub, for each list of arguments; all in one process."""
    calls = [[token, list(map(str, c))] for token, c in zip(tokens or ["hf_test"] * len(commands), commands, strict=True)]
    done = client(hub, "-c", PUSHES, json.dumps(calls), **environment)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def front_matter(card: bytes) -> dict:
    return yaml.safe_load(card.decode().split("---\n")[1])


def psnr(card: bytes) -> dict:
    (model,) = front_matter(card)["model-index"]
    return {result["dataset"]["name"]: result["metrics"][0]["value"] for result in model["results"]}


def test_pushed_it_says_how_to_use_it_and_what_was_measured(hub, checkpoint):
    hub.fail_next(1, 400)
    refused, (status, said), lite = pushes(
        hub, [checkpoint, "user/mine"], [checkpoint, "user/mine"], ["srgan-x4-lite", "user/lite"]
    )
    assert (refused[0], refused[1].count("\n")) == (2, 1)
    assert "do the same again" in refused[1]
    assert (status, said.startswith(f"{hub.url}/user/mine/commit/")) == (0, True)
    assert len(hub.repos["models", "user/mine"].commits) == 2, "the initial one and the second try's"
    files = hub.files("model", "user/mine")
    assert files.keys() == {"README.md", "config.json", "srgan_hub-figure.png", "model.safetensors"}
    for name in ("config.json", "model.safetensors"):
        assert files[name] == (checkpoint / name).read_bytes()
    use = block(files["README.md"].decode(), USE)
    assert 'from_pretrained("user/mine")' in use and "(srgan_hub-figure.png)" in use
    front = front_matter(files["README.md"])
    assert psnr(files["README.md"]) == {"Set5": 30.0, "Set14": 27.0}
    assert (front["license"], front["library_name"], front["pipeline_tag"]) == ("other", "srgan_hub", "image-to-image")
    assert "srgan_hub-figure.png" not in {path.name for path in checkpoint.iterdir()}, "the folder is left as it was"
    assert lite[0] == 0
    files = hub.files("model", "user/lite")
    assert "int8.safetensors" in files
    assert set(psnr(files["README.md"])) == {"Set5", "Set14", "BSD100"}


def test_pushed_again_nothing_of_the_owners_and_no_number_is_lost(hub, checkpoint):
    assert pushes(hub, [checkpoint, "user/mine"])[0][0] == 0
    card = hub.files("model", "user/mine")["README.md"].decode()
    card = card.replace("## Limits", "My cat is called Mia.\n\n## Limits")
    card = card.replace("license: other", "license: mit\nthumbnail: a.png")
    hub.seed("model", "user/mine", {"README.md": card.encode(), "cat.png": b"cat", "int8.safetensors": b"of the weights before"})
    SRGANGenerator(width=4, blocks=1).save_pretrained(checkpoint)  # other weights
    measured(checkpoint, "2026-03-01", Set5=31.0)
    commits = len(hub.repos["models", "user/mine"].commits)
    pushes(hub, *2 * [[checkpoint, "user/mine"]])
    assert len(hub.repos["models", "user/mine"].commits) == commits + 1, "what is the same makes no commit"
    files = hub.files("model", "user/mine")
    assert files["cat.png"] == b"cat"
    assert "int8.safetensors" not in files, "it fits no other weights"
    assert "My cat is called Mia." in files["README.md"].decode()
    front = front_matter(files["README.md"])
    assert (front["license"], front["thumbnail"]) == ("mit", "a.png")
    assert psnr(files["README.md"]) == {"Set5": 31.0, "Set14": 27.0}
    results = block(files["README.md"].decode(), RESULTS)
    assert "| net | 31.0 |" in results and "| net | 27.0 |" in results
    assert results.count(EARLIER) == 1


def test_private_repositories_and_the_discriminator(hub, checkpoint):
    SRGANDiscriminator(crop=16, width=1).save_pretrained(checkpoint / "discriminator")
    private, public, refused, beside, without = pushes(
        hub,
        [checkpoint, "user/secret", "--private"],
        [checkpoint, "user/open"],
        [checkpoint, "user/open", "--private"],
        [checkpoint, "user/both", "--discriminator"],
        ["srgan-x4-lite", "user/lite", "--discriminator"],
    )
    assert private[0] == public[0] == beside[0] == 0
    assert hub.repos["models", "user/secret"].private and not hub.repos["models", "user/open"].private
    assert refused[0] == 2 and "already exists and is public" in refused[1]
    assert not any(name.startswith("discriminator/") for name in hub.files("model", "user/open"))
    files = hub.files("model", "user/both")
    for name in ("config.json", "model.safetensors"):
        assert files[f"discriminator/{name}"] == (checkpoint / "discriminator" / name).read_bytes()
    assert without[0] == 2 and "holds no discriminator" in without[1]


def test_the_networks_own_push_makes_the_same_card(hub, tiny_generator, tmp_path):
    net = tmp_path / "net"
    tiny_generator.save_pretrained(net)
    pushes(hub, ["push_to_hub", net, "user/mine"], [net, "user/other"])
    plain = hub.files("model", "user/mine")
    assert plain.keys() == {"README.md", "config.json", "model.safetensors"}
    other = hub.files("model", "user/other")["README.md"].decode()
    by_command = with_block(other, USE, "").replace("# net\n", "# mine\n")
    assert with_block(plain["README.md"].decode(), USE, "") == by_command


def test_what_cannot_be_pushed_is_one_sentence_and_nothing_is_made(hub, checkpoint, tmp_path):
    damaged, pickled = tmp_path / "damaged", tmp_path / "pickled"
    for folder in (damaged, pickled):
        shutil.copytree(checkpoint, folder)
    (damaged / "model.safetensors").write_bytes(b"short")
    SRGANDiscriminator(crop=16, width=1).save_pretrained(pickled / "discriminator")
    (pickled / "discriminator" / "model.safetensors").write_bytes(b"\x80\4no weights")
    wrong = {
        "is not a valid model id": ("hf_test", checkpoint, "mine"),
        "(403)": ("hf_test", checkpoint, "other/mine"),
        "no token": ("", checkpoint, "user/mine"),
        "(401)": ("hf_wrong", checkpoint, "user/mine"),
        "no checkpoint 'none'": ("hf_test", "none", "user/mine"),
        "not a complete safetensors file": ("hf_test", damaged, "user/mine"),
        "a renamed pickle": ("hf_test", pickled, "user/mine", "--discriminator"),
    }
    done = pushes(hub, *(case[1:] for case in wrong.values()), tokens=[case[0] for case in wrong.values()])
    for says, (status, said) in zip(wrong, done, strict=True):
        assert (status, said.count("\n")) == (2, 1), said
        assert says in said
    assert not hub.repos


@pytest.mark.parametrize("wrong", ["photos", "a/b/c", "user/my photos", "", "user/..", "user/-"])
def test_an_id_that_nobody_can_own_is_refused_by_its_kind(wrong):
    with pytest.raises(ValueError, match="is not a valid space id"):
        check_id(wrong, "space")


PAGE = """
import json, sys, time
from pathlib import Path
from srgan_hub.hub.push import collect
from srgan_hub.evaluation.opinion.ratings import Rating, append

def rate(name, score):
    append(Path("ratings") / name, Rating("study", "rater", "item", score, "2026-01-01"))

folder = Path("ratings")
folder.mkdir()
rate("one.jsonl", 1)
scheduler = collect(folder, "user/ratings", minutes=60)
scheduler.trigger().result()
rate("one.jsonl", 2)
rate("two.jsonl", 3)
"""


def test_every_rating_is_there_at_the_end_also_after_a_failed_commit(hub, tmp_path):
    hub.fail_next(1, 403)
    done = client(hub, "-c", PAGE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert hub.repos["datasets", "user/ratings"].private
    files = {path: data.splitlines() for path, data in hub.files("dataset", "user/ratings").items() if path.startswith("data/")}
    found = {path: [json.loads(line)["score"] for line in lines] for path, lines in files.items()}
    assert found == {"data/one.jsonl": [1, 2], "data/two.jsonl": [3]}
