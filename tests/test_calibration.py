import numpy as np
import pytest
import torch

from conftest import smooth_photo
from srgan_hub.data.cache import lr_pictures
from srgan_hub.imaging.resize import shrunk


def test_pictures_are_the_middles_of_shrunk_photographs(photo_folder):
    pictures = lr_pictures(str(photo_folder), 4, 99)
    assert [tuple(picture.shape) for picture in pictures] == [(1, 3, 12, 16)] * 6  # the train split, whole
    large = photo_folder.parent / "large"
    large.mkdir()
    photo = smooth_photo(400, 360)
    photo.save(large / "a.png")
    lr = np.asarray(shrunk(np.asarray(photo), 4)[0])
    (picture,) = lr_pictures(str(large), 4, 1)
    assert torch.equal(picture[0], torch.tensor(lr[13:77, 18:82]).permute(2, 0, 1) / 255)


def test_photographs_are_evenly_chosen_and_tiny_or_damaged_ones_left_out(photo_folder):
    three = lr_pictures(str(photo_folder), 4, 3)
    every = lr_pictures(str(photo_folder), 4, 6)
    assert len(three) == 3 and torch.equal(three[0], every[0]) and torch.equal(three[2], every[5])
    smooth_photo(3, 40).save(photo_folder / "train" / "0.png")
    (photo_folder / "train" / "1.png").write_bytes(b"damaged")
    assert len(lr_pictures(str(photo_folder), 4, 6)) == 4


def test_a_dataset_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="nowhere"):
        lr_pictures(str(tmp_path / "nowhere"), 4, 3)
