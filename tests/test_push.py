"""A run that pushes, against the Hub on loopback."""

import json

from conftest import client
from srgan_hub.training.push import FILES

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
TINY = "--width 4 --blocks 1 --crop 32 --batch_size 2 --report_to none --validation none --log_every 1 --checkpoint_every 2"


def train(hub, photos, output, *more):
    options = ["--dataset", str(photos), "--output_dir", str(output), *TINY.split(), *more]
    return client(hub, "-c", RUN, *options, XDG_CACHE_HOME=str(output.parent))


def test_run_pushes_as_it_goes_and_a_failed_push_is_tried_again(hub, photo_folder, tmp_path):
    hub.fail_next(1)
    done = train(hub, photo_folder, tmp_path / "out", "--max_train_steps", "6", "--push_to_hub", "user/mine", "--push_every", "2")
    assert done.returncode == 0, done.stderr
    assert "push of update 2 to user/mine failed (1 of 3)" in done.stderr
    files = hub.files("model", "user/mine")
    assert files.keys() >= set(FILES)
    for name in FILES:
        assert files[name] == (tmp_path / "out" / name).read_bytes()
    record = json.loads(files["training.json"])
    assert record["updates"] == 6
    assert str(tmp_path) not in json.dumps(record)
    assert str(tmp_path) not in files["README.md"].decode()
    assert 'from_pretrained("user/mine")' in files["README.md"].decode()
    loaded = client(hub, "-c", "from srgan_hub import SRGANGenerator; print(SRGANGenerator.from_pretrained('user/mine').width)")
    assert loaded.stdout.strip() == "4", loaded.stderr


def test_push_that_never_works_costs_no_run(hub, photo_folder, tmp_path):
    hub.fail_next(100)
    out = tmp_path / "out"
    options = ["--max_train_steps", "2", "--push_to_hub", "user/mine", "--private"]
    done = train(hub, photo_folder, out, *options)
    assert done.returncode == 1
    assert "the result is whole in" in done.stderr
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
