"""The search for benchmark images in training data finds what is planted, and nothing else."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from benchmarks.near_duplicates import ALIKE, search
from conftest import smooth_photo


def scene(seed: int, width: int = 480, height: int = 320) -> Image.Image:
    """Large shapes at random places, as photographs have them."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    large = small.resize((width, height), Image.Resampling.BICUBIC)
    return Image.blend(large, smooth_photo(width, height, seed), 0.5)


def arrays(*pictures: Image.Image) -> list[np.ndarray]:
    return [np.asarray(picture) for picture in pictures]


HIDDEN = {
    "mirrored": lambda image, photo: ImageOps.mirror(image),
    "in the middle of another": lambda image, photo: (photo.paste(image.resize((320, 214)), (91, 55)), photo)[1],
    "cut on two sides": lambda image, photo: image.crop((140, 90, 480, 320)),
}


@pytest.mark.parametrize("way", HIDDEN)
def test_a_planted_image_is_found(way):
    image, others = scene(1), [scene(seed) for seed in (2, 3, 4)]
    planted = HIDDEN[way](image, scene(5)).convert("RGB")
    (found,) = search({"mine": np.asarray(image)}, arrays(*others[:2], planted, others[2]))
    assert found.photo == 2 and found.near, found


def test_other_pictures_are_not_near():
    findings = search({str(seed): np.asarray(scene(seed)) for seed in (1, 2)}, arrays(*(scene(seed) for seed in range(3, 9))))
    assert not [found for found in findings if found.near] and max(found.correlation for found in findings) < ALIKE
