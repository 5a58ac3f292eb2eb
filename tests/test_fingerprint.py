import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from conftest import encoded, smooth_photo
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.data.cache import BITS, SAME, benchmark_image, distance, known_hashes, perceptual_hash

CHANGES = {
    "nothing": lambda image: image,
    "mirror": ImageOps.mirror,
    "JPEG 30": lambda image: Image.open(io.BytesIO(encoded(image, "JPEG", quality=30))),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "darker": lambda image: image.point(lambda value: 0.7 * value),
    "a lost row and column": lambda image: image.crop((0, 0, image.width - 1, image.height - 1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_the_same_picture(change):
    for seed in range(4):
        image = smooth_photo(203, 154, seed)
        hashes = [perceptual_hash(np.asarray(picture.convert("RGB"))) for picture in (image, CHANGES[change](image))]
        assert distance(*hashes) <= SAME


def test_other_pictures_are_not():
    hashes = [perceptual_hash(np.asarray(smooth_photo(200, 150, seed))) for seed in range(30)]
    distances = [distance(one, other) for i, one in enumerate(hashes) for other in hashes[:i]]
    assert min(distances) > SAME and max(distances) <= BITS


def test_mirroring_is_of_the_picture_and_not_of_every_bit():
    image = np.asarray(smooth_photo(200, 150))
    one, mirrored, upended = (perceptual_hash(x) for x in (image, image[:, ::-1], image[::-1]))
    assert one != mirrored and distance(one, mirrored) == 0 and distance(one, upended) > SAME


def test_every_benchmark_image_is_known_also_small_cut_and_compressed(benchmark_sets):
    for one in find_sets(benchmark_sets):
        for name, lr, hr in pairs(one):
            is_it = "Set5 head" if name == "face" else f"{one.name} {name}"  # Set14's face is Set5's head
            compressed = Image.open(io.BytesIO(encoded(Image.fromarray(hr), "JPEG", quality=30)))
            for copy in (hr, np.asarray(lr.convert("RGB")), hr[:-3, :-3], np.asarray(compressed)):
                assert benchmark_image(perceptual_hash(np.ascontiguousarray(copy))) == is_it
    assert len(known_hashes()) == 119


def test_an_unknown_picture_is_none_of_them():
    assert benchmark_image(perceptual_hash(np.asarray(smooth_photo(200, 150)))) is None
