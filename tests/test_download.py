"""What can go wrong on the way from the Hub, each a sentence or no matter; the clients are real, the Hub is on loopback."""

import json

import pytest
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import httpx

from conftest import LOAD, checkpoint_files, client
from srgan_hub.hub.download import CheckpointError, fetch, hub_errors


def told(hub, *sources: str, **environment: str) -> list[int | str]:
    """What loading the networks of these Python arguments, in turn, gives: their width, or the error."""
    loads = ", ".join(f"width({source})" for source in sources)
    done = client(hub, "-c", f"{LOAD}\nprint(json.dumps([{loads}]))", **environment)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert not [answer for answer in answers if isinstance(answer, str) and "\n" in answer]
    return answers


def test_downloads_that_break_off_go_on_or_are_told(hub):
    once = f"user/once/resolve/{hub.seed('model', 'user/once', checkpoint_files())}/model"
    always = f"user/always/resolve/{hub.seed('model', 'user/always', checkpoint_files())}/model"
    hub.cut_next(1, once)
    hub.cut_next(100, always)
    hub.fail_next(3, 500, "user/busy/")
    hub.seed("model", "user/busy", checkpoint_files())
    hub.fail_next(100, 503, "user/down/")
    hub.seed("model", "user/down", checkpoint_files())
    resumed, broken, busy, down = told(hub, "'user/once'", "'user/always'", "'user/busy'", "'user/down'")
    assert resumed == busy == 4
    assert broken.startswith("user/always, model.safetensors: ") and "cannot be reached (" in broken
    assert "it is not in the cache; the Hub answered 503" in down
    assert sum(line.startswith(f"GET /{once}") for line in hub.requests) == 2


def test_an_outage_is_no_matter_to_what_is_in_the_cache(hub):
    hub.seed("model", "user/net", checkpoint_files())
    assert told(hub, "'user/net'") == [4]
    hub.fail_next(100, 500, "user/net/")
    assert told(hub, "'user/net'") == [4]
    assert told(hub, "'user/net'", HF_ENDPOINT="http://127.0.0.1:9") == [4]


def test_who_may_not_read_and_what_is_not_there_are_told(hub):
    hub.seed("model", "user/net", checkpoint_files())
    hub.seed("model", "user/secret", checkpoint_files(), private=True)
    hub.seed("model", "user/gated", checkpoint_files(), gated=True)
    missing, secret, revision, gated, stranger, wrong, name, offline = told(
        hub,
        "'user/none'",
        "'user/secret', token=False",
        "'user/net', revision='v9'",
        "'user/gated'",
        "'user/gated', token=False",
        "'user/net', token='hf_wrong'",
        "'user/my net'",
        "'user/new', local_files_only=True",
    )
    assert missing.startswith("user/none, config.json: ") and "Hub (or a private one: `hf auth login`)" in missing
    assert secret == missing.replace("none", "secret")
    assert "no such revision" in revision
    assert gated == stranger
    assert "accept its terms" in gated
    assert "the Hub rejected the token (401): run `hf auth login`" in wrong
    assert "user/my net" in name
    assert "it is not in the cache" in offline
    assert set(hub.take_strays()) == {"HEAD /user/secret/resolve/main/config.json: no token"}


def test_no_network_and_no_hub_are_told(hub):
    (unreachable,) = told(hub, "'user/net'", HF_ENDPOINT="http://127.0.0.1:9")
    assert "it is not in the cache; the Hub at http://127.0.0.1:9 cannot be reached (" in unreachable
    hub.fail_next(1, 200, "user/net/")  # as a hotel's login page answers everything
    (no_hub,) = told(hub, "'user/net'")
    assert "not seem to be served by a Hugging Face Hub" in no_hub


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE"),
        (httpx.ConnectError("refused"), "check the network"),
        (ValueError("first line\n - second"), "^first line - second$"),
    ],
)
def test_what_goes_wrong_is_one_sentence(error, says):
    with pytest.raises(ValueError, match=says) as caught, hub_errors("user/net"):
        raise error
    assert "\n" not in str(caught.value)


def test_a_folder_is_taken_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert fetch(str(tmp_path), "config.json", revision="v1") == str(tmp_path / "config.json")
    with pytest.raises(CheckpointError, match=r"holds no model\.safetensors"):
        fetch(str(tmp_path), "model.safetensors")
