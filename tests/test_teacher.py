import pytest
import torch
from safetensors.torch import save_file

from conftest import cached, smooth_photo
from srgan_hub.data.distilled import Distilled
from srgan_hub.models.srresnet.network import SRGANGenerator
from srgan_hub.training.teacher import Filling, Teacher


def test_a_file_of_another_architecture_is_a_teacher(esrgan):
    teacher, lr = Teacher(esrgan, 4), torch.rand(2, 3, 12, 20)
    sr = teacher(lr)
    assert sr.shape == (2, 3, 48, 80)
    assert sr.min() >= 0 and sr.max() <= 1
    assert not teacher.training and not any(p.requires_grad for p in teacher.parameters())


def test_weights_have_a_digest_of_their_own(esrgan):
    assert Teacher(esrgan, 4).digest() == Teacher(esrgan, 4).digest() != Teacher("srresnet-x4-lite", 4).digest()


def test_what_is_no_teacher_is_a_sentence(esrgan, tmp_path):
    with pytest.raises(ValueError, match=r"esrgan.safetensors enlarges 4 times, the generator 2 times"):
        Teacher(esrgan, 2)
    with pytest.raises(ValueError, match=r"there is no file .*nowhere.safetensors"):
        Teacher(str(tmp_path / "nowhere.safetensors"), 4)
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"torn\.safetensors cannot be loaded"):
        Teacher(str(tmp_path / "torn.safetensors"), 4)
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors contains no network"):
        Teacher(str(tmp_path / "other.safetensors"), 4)
    SRGANGenerator(width=4, blocks=1, scale=2).save_pretrained(tmp_path / "two")
    with pytest.raises(ValueError, match="enlarges 2 times"):
        Teacher(str(tmp_path / "two"), 4)


def test_a_mistake_of_the_thread_is_told_and_the_end_of_the_block_stops_it(tmp_path):
    photos = cached([smooth_photo(240, 240)], tmp_path)
    distilled = Distilled(tmp_path, photos, [0], count=3, scale=4, seed=0, settings={})

    def broken(stop):
        raise RuntimeError("no memory")

    with Filling(distilled, broken) as filling, pytest.raises(ValueError, match="cannot be computed: no memory"):
        filling.wait(1, print)

    def endless(stop):
        while not stop():
            pass

    with Filling(distilled, endless) as filling:
        assert filling.thread.is_alive()
        with pytest.raises(ValueError, match="stopped before the first update; the 0 patches"):
            filling.wait(1, print, lambda: True)
    assert not filling.thread.is_alive()
