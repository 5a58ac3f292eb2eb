"""The commands of docs/publish.md, run one after another against the Hub on loopback, on pictures and networks of a blink."""

import re
import shlex

import yaml

from conftest import ROOT, client, smooth_photo
from srgan_hub.hub.card import RESULTS, USE, block

COMMANDS = re.search(r"```sh\n(.*?)```", (ROOT / "docs" / "publish.md").read_text(), flags=re.DOTALL)[1].splitlines()
SMALL = "--max_train_steps 2 --crop 32 --batch_size 2 --report_to none --validation none --checkpoint_every 2 --threads 1"


def smaller(words: list[str]) -> list[str]:
    """Arguments of Python for a command, with sizes of a blink; VGG19 is not downloaded."""
    if words[0] == "srgan-hub":
        return ["-m", "srgan_hub", *words[1:]]
    assert words[:4] == ["accelerate", "launch", "-q", "train_accelerate.py"]
    shape = [] if "--pretrained" in words else ["--width", "4", "--blocks", "1"]
    words = [word.replace("srgan-plus", "srgan-mse") for word in words[4:]]
    return [str(ROOT / "train_accelerate.py"), *words, *shape, *SMALL.split()]


def test_from_photographs_to_a_live_space_in_ten_commands(hub, photo_folder, tmp_path):
    assert len(COMMANDS) == 10
    smooth_photo(24, 20).save(tmp_path / "photo.jpg")
    for kind, side in (("HR", 96), ("LR_x4", 24)):
        (tmp_path / "sets" / "Mine" / kind).mkdir(parents=True)
        smooth_photo(96, 96).resize((side, side)).save(tmp_path / "sets" / "Mine" / kind / "a.png")
    assert COMMANDS[0] == "hf auth login"  # the environment has a token here
    for line in COMMANDS[1:]:
        done = client(hub, *smaller(shlex.split(line)), cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
        assert done.returncode == 0, (line, done.stderr)
    assert hub.repos["datasets", "user/photos"].private
    files = hub.files("model", "user/srgan")
    assert {"model.safetensors", "int8.safetensors", "discriminator/model.safetensors", "srgan_hub-figure.png"} <= files.keys()
    card = files["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["base_model"] == "user/srresnet"
    assert front["datasets"] == ["user/photos"]
    assert front["model-index"][0]["results"][0]["dataset"]["name"] == "Mine"
    assert 'from_pretrained("user/srgan")' in block(card, USE)
    assert "### Mine" in block(card, RESULTS)
    assert str(tmp_path) not in card
    assert b'"partner": "user/srresnet"' in files["config.json"]
    assert (tmp_path / "photo_x4.png").is_file()
    space = hub.files("space", "user/enlarge")
    assert space.keys() == {str(path.relative_to(tmp_path / "look")) for path in (tmp_path / "look").rglob("*") if path.is_file()}
    assert set(yaml.safe_load(space["README.md"].decode().split("---\n")[1])["models"]) == {"user/srgan", "user/srresnet"}
