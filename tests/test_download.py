"""What can go wrong on the way from the Hub, each a sentence or no matter; the clients are real, the Hub is on loopback."""

import json
import os

import pytest

from conftest import LOAD, checkpoint_files, client
from srgan_hub.hub.download import CheckpointError, fetch


def told(hub, *sources: str, **environment: str) -> list[int | str]:
    """What loading the networks of these Python arguments, in turn, gives: their width, or the error."""
    loads = ", ".join(f"width({source})" for source in sources)
    done = client(hub, "-c", f"{LOAD}\nprint(json.dumps([{loads}]))", **environment)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert not [answer for answer in answers if isinstance(answer, str) and "\n" in answer]
    return answers


def test_bytes_that_changed_on_the_way_are_told_removed_and_fetched_anew(hub):
    weights = f"user/weights/resolve/{hub.seed('model', 'user/weights', checkpoint_files())}/model.safetensors"
    hub.seed("model", "user/config", checkpoint_files())
    hub.flip_next(1, weights)
    hub.flip_next(1, "user/config/resolve/main/config.json")
    first, again, other, anew = told(hub, "'user/weights'", "'user/weights'", "'user/config'", "'user/config'")
    end = "does not match the hash on the Hub and was removed from the cache; download it again"
    assert first == f"user/weights: model.safetensors {end}"
    assert other == f"user/config: config.json {end}"
    assert again == anew == 4
    assert hub.requests.count(f"GET /{weights}") == 2


def test_bytes_that_changed_on_the_disk_are_found_without_the_hub(hub):
    hub.seed("model", "user/net", checkpoint_files())
    assert told(hub, "'user/net'") == [4]
    (link,) = (hub.home / "hub").rglob("model.safetensors")
    data = bytearray(link.read_bytes())
    data[-1] ^= 1
    link.resolve().write_bytes(data)
    offline, gone = told(hub, "'user/net'", "'user/net'", HF_HUB_OFFLINE="1")
    assert "model.safetensors does not match the hash" in offline
    assert "model.safetensors is not in the cache and cannot be downloaded offline" in gone
    assert not os.path.lexists(link)
    assert told(hub, "'user/net'") == [4]


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
    assert "model.safetensors is not in the cache and the Hub at " in broken and "cannot be reached (" in broken
    assert down == "user/down: config.json is not in the cache and the Hub answered 503; try again later, or give a folder"
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
    missing, secret, revision, gated, stranger, wrong, name, both = told(
        hub,
        "'user/none'",
        "'user/secret', token=False",
        "'user/net', revision='v9'",
        "'user/gated'",
        "'user/gated', token=False",
        "'user/net', token='hf_wrong'",
        "'user/my net'",
        "'user/new', force_download=True, local_files_only=True",
    )
    assert missing.startswith("no checkpoint 'user/none': no such folder here, and the Hub has no such model (or it is private: ")
    assert secret == missing.replace("none", "secret")
    assert revision == "user/net has no revision 'v9': use one of its branches, tags or commits"
    assert gated == stranger
    assert gated.endswith(f"terms: do so at {hub.url}/user/gated, then log in with `hf auth login`")
    assert wrong == "user/net: the Hub rejected the token (401): run `hf auth login`, or set a new HF_TOKEN"
    assert name.startswith("'user/my net' is neither a local folder nor a Hub id: ")
    assert "at the same time" in both
    assert set(hub.take_strays()) == {"HEAD /user/secret/resolve/main/config.json: no token"}


def test_no_network_and_no_hub_are_told(hub):
    (unreachable,) = told(hub, "'user/net'", HF_ENDPOINT="http://127.0.0.1:9")
    assert "config.json is not in the cache and the Hub at http://127.0.0.1:9 cannot be reached (" in unreachable
    hub.fail_next(1, 200, "user/net/")  # as a hotel's login page answers everything
    (no_hub,) = told(hub, "'user/net'")
    assert f"the Hub at {hub.url} cannot be reached (" in no_hub


def test_a_folder_is_taken_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert fetch(str(tmp_path), "config.json", revision="v1") == str(tmp_path / "config.json")
    with pytest.raises(CheckpointError, match=r"holds no model\.safetensors"):
        fetch(str(tmp_path), "model.safetensors")


def test_a_cache_that_takes_nothing_is_told(hub, tmp_path):
    hub.seed("model", "user/net", checkpoint_files())
    (tmp_path / "file").write_text("no folder")
    (said,) = told(hub, f"'user/net', cache_dir={str(tmp_path / 'file' / 'cache')!r}")
    assert "config.json cannot be stored in the cache" in said and "free some space, or use another cache_dir" in said
