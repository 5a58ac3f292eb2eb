"""Checkpoints to the Hub on loopback: by the command, by push_to_hub, and by a run as it goes on."""

import hashlib
import json
import shutil

import pytest
import yaml

from conftest import client
from srgan_hub import SRGANDiscriminator, SRGANGenerator
from srgan_hub.hub.card import EARLIER, RESULTS, USE, block, with_block, with_model_index
from srgan_hub.hub.push import FILES

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
    loaded = client(hub, "-c", "from srgan_hub import SRGANGenerator; print(SRGANGenerator.from_pretrained('user/mine').width)")
    assert loaded.stdout.strip() == "4", loaded.stderr


def test_push_that_never_works_costs_no_run(hub, photo_folder, tmp_path):
    hub.fail_next(100)
    out = tmp_path / "out"
    options = ["--max_train_steps", "2", "--push_to_hub", "user/mine", "--private"]
    done = train(hub, photo_folder, out, *options)
    assert done.returncode == 1
    assert "the result is complete in" in done.stderr
    assert "Traceback" not in done.stderr
    assert (out / "model.safetensors").is_file()
    hub.fail_next(0)
    again = train(hub, photo_folder, out, *options, "--resume", "latest")
    assert again.returncode == 0, again.stderr
    assert hub.files("model", "user/mine")["model.safetensors"] == (out / "model.safetensors").read_bytes()
    assert hub.repos["models", "user/mine"].private


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


def push(hub, *arguments) -> tuple[int, str]:
    return pushes(hub, arguments)[0]


def front_matter(card: bytes) -> dict:
    return yaml.safe_load(card.decode().split("---\n")[1])


def psnr(card: bytes) -> dict:
    (model,) = front_matter(card)["model-index"]
    return {result["dataset"]["name"]: result["metrics"][0]["value"] for result in model["results"]}


LOAD = """
import sys
from srgan_hub import SRGANGenerator
print(SRGANGenerator.from_pretrained(sys.argv[1], **eval(sys.argv[2])).width)
"""


def test_pushed_it_loads_shows_and_says_what_was_measured(hub, checkpoint):
    status, said = push(hub, checkpoint, "user/mine")
    assert (status, said.startswith(f"{hub.url}/user/mine/commit/")) == (0, True)
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
    loaded = client(hub, "-c", LOAD, "user/mine", "{}")
    assert loaded.stdout.strip() == "4", loaded.stderr


def test_pushed_again_nothing_of_the_owners_and_no_number_is_lost(hub, checkpoint):
    assert push(hub, checkpoint, "user/mine")[0] == 0
    card = hub.files("model", "user/mine")["README.md"].decode()
    card = card.replace("## Limits", "My cat is called Mia.\n\n## Limits")
    card = card.replace("license: other", "license: mit\nthumbnail: a.png")
    hub.seed("model", "user/mine", {"README.md": card.encode(), "cat.png": b"cat", "int8.safetensors": b"of the weights before"})
    SRGANGenerator(width=4, blocks=1).save_pretrained(checkpoint)  # other weights
    measured(checkpoint, "2026-03-01", Set5=31.0)
    assert push(hub, checkpoint, "user/mine")[0] == 0
    files = hub.files("model", "user/mine")
    assert files["cat.png"] == b"cat"
    assert "int8.safetensors" not in files, "it fits no other weights"
    again = files["README.md"].decode()
    assert "My cat is called Mia." in again
    front = front_matter(files["README.md"])
    assert (front["license"], front["thumbnail"]) == ("mit", "a.png")
    assert psnr(files["README.md"]) == {"Set5": 31.0, "Set14": 27.0}
    results = block(again, RESULTS)
    assert "| net | 31.0 |" in results and "| net | 27.0 |" in results
    assert results.count(EARLIER) == 1
    commits = len(hub.repos["models", "user/mine"].commits)
    pushes(hub, [checkpoint, "user/mine"], [checkpoint, "user/mine", "--replace-text"])
    assert len(hub.repos["models", "user/mine"].commits) == commits + 1, "what is the same makes no commit"
    replaced = hub.files("model", "user/mine")["README.md"].decode()
    assert "Mia" not in replaced and psnr(replaced.encode()) == {"Set5": 31.0, "Set14": 27.0}


def test_branch_and_tag_are_revisions(hub, checkpoint):
    first, again = pushes(
        hub, [checkpoint, "user/mine", "--branch", "trial", "--tag", "v1"], [checkpoint, "user/mine", "--tag", "v1"]
    )
    assert first[0] == 0
    assert again[0] == 2 and "already has a tag 'v1'" in again[1]
    assert hub.files("model", "user/mine").keys() == set()
    assert "model.safetensors" in hub.files("model", "user/mine", "trial")
    for revision in ("trial", "v1"):
        loaded = client(hub, "-c", LOAD, "user/mine", repr({"revision": revision}))
        assert loaded.stdout.strip() == "4", loaded.stderr


def test_private_is_seen_with_a_token_only(hub, checkpoint):
    private, public, refused = pushes(
        hub, [checkpoint, "user/mine", "--private"], [checkpoint, "user/open"], [checkpoint, "user/open", "--private"]
    )
    assert private[0] == public[0] == 0
    assert hub.repos["models", "user/mine"].private and not hub.repos["models", "user/open"].private
    assert (refused[0], refused[1].count("\n")) == (2, 1)
    assert "already exists and is public" in refused[1]
    without = client(hub, "-c", LOAD, "user/mine", "{'token': False}")
    assert "has no such model (or it is private" in without.stderr
    assert hub.take_strays()


def test_the_networks_own_push_makes_the_same_card(hub, tiny_generator, tmp_path):
    net = tmp_path / "net"
    tiny_generator.save_pretrained(net)
    pushes(hub, ["push_to_hub", net, "user/mine"], [net, "user/other"])
    plain = hub.files("model", "user/mine")
    assert plain.keys() == {"README.md", "config.json", "model.safetensors"}
    other = hub.files("model", "user/other")["README.md"].decode()
    by_command = with_block(other, USE, "").replace("# net\n", "# mine\n")
    assert with_block(plain["README.md"].decode(), USE, "") == by_command
    card = plain["README.md"].decode().replace("## Limits", "Mine.\n\n## Limits")
    hub.seed("model", "user/mine", {"README.md": card.encode()})
    pushes(hub, ["push_to_hub", net, "user/mine"])
    assert "Mine." in hub.files("model", "user/mine")["README.md"].decode()


def test_discriminator_goes_beside_it(hub, checkpoint):
    SRGANDiscriminator(crop=16, width=1).save_pretrained(checkpoint / "discriminator")
    plain, beside, without = pushes(
        hub,
        [checkpoint, "user/plain"],
        [checkpoint, "user/mine", "--discriminator"],
        ["srgan-x4-lite", "user/lite", "--discriminator"],
    )
    assert plain[0] == beside[0] == 0
    assert without[0] == 2 and "holds no discriminator" in without[1]
    assert not any(name.startswith("discriminator/") for name in hub.files("model", "user/plain"))
    files = hub.files("model", "user/mine")
    for name in ("config.json", "model.safetensors"):
        assert files[f"discriminator/{name}"] == (checkpoint / "discriminator" / name).read_bytes()


def test_what_cannot_be_pushed_is_one_sentence_and_nothing_is_made(hub, checkpoint, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(checkpoint, damaged)
    (damaged / "model.safetensors").write_bytes(b"short")
    wrong = {
        "is not a valid model id": ("hf_test", checkpoint, "mine"),
        "refuses to write": ("hf_test", checkpoint, "other/mine"),
        "no token": ("", checkpoint, "user/mine"),
        "rejected the token": ("hf_wrong", checkpoint, "user/mine"),
        "no checkpoint 'none'": ("hf_test", "none", "user/mine"),
        "not a complete safetensors file": ("hf_test", damaged, "user/mine"),
    }
    done = pushes(hub, *(case[1:] for case in wrong.values()), tokens=[case[0] for case in wrong.values()])
    done += pushes(hub, [checkpoint, "user/mine"], HF_HUB_OFFLINE="1")
    for says, (status, said) in zip([*wrong, "HF_HUB_OFFLINE"], done, strict=True):
        assert (status, said.count("\n")) == (2, 1), said
        assert says in said
    assert not hub.repos


def test_other_networks_and_wrong_names_are_refused(hub, checkpoint):
    SRGANDiscriminator(crop=16, width=1).save_pretrained(checkpoint / "discriminator")
    (checkpoint / "discriminator" / "model.safetensors").write_bytes(b"\x80\4no weights")
    hub.seed("model", "user/other", {"config.json": b'{"crop": 96, "width": 64}'})
    other, tag, branch, pickle = pushes(
        hub,
        [checkpoint, "user/other"],
        [checkpoint, "user/mine", "--tag", "a b"],
        [checkpoint, "user/mine", "--branch", "a..b"],
        [checkpoint, "user/mine", "--discriminator"],
    )
    sentences = ("another network", "'a b' is not a valid", "'a..b' is not a valid", "is a renamed pickle")
    for (status, said), says in zip((other, tag, branch, pickle), sentences, strict=True):
        assert (status, said.count("\n")) == (2, 1), said
        assert says in said
    assert list(hub.repos) == [("models", "user/other")]


def test_tables_of_other_weights_say_so_at_once(hub, checkpoint):
    SRGANGenerator(width=4, blocks=1).save_pretrained(checkpoint)  # after they were measured
    assert push(hub, checkpoint, "user/mine")[0] == 0
    assert block(hub.files("model", "user/mine")["README.md"].decode(), RESULTS).count(EARLIER) == 2


def test_refused_commit_is_a_sentence_and_the_same_command_mends_it(hub, checkpoint):
    hub.fail_next(1, 400)
    refused, done = pushes(hub, [checkpoint, "user/mine"], [checkpoint, "user/mine"])
    assert (refused[0], refused[1].count("\n")) == (2, 1)
    assert "run the same command again" in refused[1]
    assert done[0] == 0
    assert len(hub.repos["models", "user/mine"].commits) == 2, "the initial one and the second try's"


def test_bundled_checkpoint_goes_with_its_numbers_and_its_8_bits(hub):
    assert push(hub, "srgan-x4-lite", "user/lite")[0] == 0
    files = hub.files("model", "user/lite")
    assert {"int8.safetensors", "srgan_hub-figure.png"} <= files.keys()
    assert set(psnr(files["README.md"])) == {"Set5", "Set14", "BSD100"}
    assert 'from_pretrained("user/lite")' in files["README.md"].decode()
