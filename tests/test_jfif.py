import io

import numpy as np
import pytest
from PIL import Image

from srgan_hub.imaging.color import to_image
from srgan_hub.imaging.encoders import write_jpeg
from srgan_hub.imaging.io import FORMATS

SETTINGS = FORMATS["jpg"][1]


def saved(image, **settings):
    file = io.BytesIO()
    image.save(file, "JPEG", **SETTINGS, **settings)
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("heights", [(1,), (64,), (63, 2), (128, 1), (40, 700, 9)])
def test_strips_make_the_file_of_the_whole_picture(channels, heights):
    noise = np.random.default_rng(0).integers(0, 256, (sum(heights), 37, channels), dtype=np.uint8)
    file, parts = io.BytesIO(), np.split(noise, np.cumsum(heights)[:-1])
    write_jpeg(file, parts, sum(heights), b"a profile", **SETTINGS)
    image = to_image(noise)
    assert file.getvalue() == saved(image, restart_marker_rows=1, icc_profile=b"a profile")
    plain = Image.open(io.BytesIO(saved(image)))
    assert np.array_equal(Image.open(file), plain) and len(file.getvalue()) < len(saved(image)) + sum(heights) + 100
