import pytest
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import httpx

from srgan_hub.hub.push import check_id, hub_errors


@pytest.mark.parametrize("wrong", ["photos", "a/b/c", "user/my photos", "", "user/..", "user/-"])
def test_an_id_that_nobody_can_own_is_refused_by_its_kind(wrong):
    with pytest.raises(ValueError, match="is not a valid space id"):
        check_id(wrong, "space")


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
