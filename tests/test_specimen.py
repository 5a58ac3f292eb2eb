import numpy as np

from conftest import read
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.evaluation.figures import FACE, PHOTO, specimen
from srgan_hub.models.srresnet.initialization import pass_through


def test_the_photograph_holds_the_box_at_every_scale():
    width, height = read(PHOTO).size
    assert width % 8 == height % 8 == 0
    assert FACE.x + FACE.side <= width and FACE.y + FACE.side <= height


def test_the_checkpoint_shows_beside_interpolations_and_original(tiny_generator):
    other = SRGANGenerator(scale=2, width=4, blocks=1)
    pass_through(other)
    pictures = [np.asarray(specimen(Upscaler(network, engine="pytorch"), "net")) for network in (tiny_generator, other)]
    assert pictures[0].shape == pictures[1].shape
    assert 1200 < pictures[0].shape[1] < 1600
    assert not np.array_equal(*pictures), "twice is easier than four times"
