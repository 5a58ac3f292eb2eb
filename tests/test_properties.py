"""What holds for any picture: Hypothesis chooses them. A few in `make test`, many in `make soak`."""

import json
import resource
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from conftest import smooth_photo
from picture_zoo import MODES, RESULT, in_mode
from srgan_hub import CheckpointError, SRGANGenerator, Upscaler
from srgan_hub.hub.load import bundled
from srgan_hub.models.discriminator import SRGANDiscriminator

CLEAR = 40  # LR pixels from the border at which a full network's result no longer feels it (SRGANGenerator.reach is 39.5)


def check(examples: int, *strategies):
    """Run the function with that many examples, the same ones each time."""
    chosen = settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    return lambda holds: chosen(given(*strategies)(holds))()


@cache
def upscaler(scale: int, tile: int, faithful: bool) -> Upscaler:
    torch.manual_seed(scale)
    generator = SRGANGenerator(scale=scale, width=4, blocks=1)
    return Upscaler(generator, tile=tile, overlap=3, faithful=faithful, engine="pytorch", precision="fp32")


@cache
def full(name: str) -> Upscaler:
    return Upscaler.from_pretrained(name, precision="fp32")


@pytest.mark.parametrize("examples", [12, pytest.param(1000, marks=pytest.mark.soak)])
def test_size_mode_and_values(examples, report, one_thread):
    sizes = st.one_of(st.integers(1, 40), st.sampled_from([1, 2, 15, 16, 17, 31, 32, 33]))
    networks = st.sampled_from([2, 4, 8]), st.sampled_from([16, 32]), st.booleans()

    @check(examples, st.sampled_from(MODES), sizes, sizes, *networks, st.data())
    def holds(mode, width, height, scale, tile, faithful, data):
        image = in_mode(mode, width, height)
        longest = data.draw(st.one_of(st.none(), st.integers(max(width, height), scale * max(width, height))))
        result = upscaler(scale, tile, faithful)(image, longest=longest)
        share = 1 if longest is None else longest / (scale * max(width, height))
        assert result.size == tuple(max(1, round(scale * side * share)) for side in (width, height))
        assert result.mode == RESULT.get(mode, "RGB")
        values = np.asarray(result)
        assert values.dtype == {"I;16": np.uint16}.get(result.mode, np.uint8)

    report(examples=examples)


def checkpoints(few: int, many: int):
    """Parametrise by bundled checkpoint and number of examples: a few of the small networks', many of all."""
    quick = [(name, few) for name in bundled() if name.endswith("-lite")]
    return pytest.mark.parametrize(
        ("name", "examples"), quick + [pytest.param(name, many, marks=pytest.mark.soak) for name in bundled()]
    )


@checkpoints(few=2, many=100)
def test_a_flat_color_is_flat_to_the_edge(name, examples, report):
    """Flat within 2 gray levels: no pixel of the result, wherever it lies, is further from its color."""
    away, uneven = [], []

    sides = st.sampled_from([1, 2, 7, 24])  # few: an engine prepares itself for each new size

    @check(examples, st.tuples(*3 * [st.integers(0, 255)]), sides, sides)
    def holds(color, width, height):
        result = np.asarray(full(name)(Image.new("RGB", (width, height), color))).astype(int)
        away.append(np.abs(result - color).max())
        assert away[-1] <= 2
        uneven.append(np.ptp(result, axis=(0, 1)).max())

    report(examples=len(away), most_levels_away=int(max(away)), most_uneven_levels=int(max(uneven)))


@checkpoints(few=1, many=20)
def test_a_shifted_picture_gives_the_shifted_result(name, examples, report):
    @check(examples, st.integers(0, 3), st.integers(0, 3), st.integers(0, 1000))
    def holds(right, down, seed):
        side = 2 * CLEAR + 4
        scene = torch.from_numpy(np.asarray(smooth_photo(side + 3, side + 3, seed)).copy()).permute(2, 0, 1)[None] / 255
        cuts = (scene[..., y : y + side, x : x + side].contiguous() for y, x in ((0, 0), (down, right)))
        there, moved = map(full(name).engine, cuts)
        y, x = (slice(4 * (CLEAR + shift), 4 * (side - CLEAR)) for shift in (down, right))
        again = moved[..., slice(y.start - 4 * down, y.stop - 4 * down), slice(x.start - 4 * right, x.stop - 4 * right)]
        assert there[..., y, x].numel() and (there[..., y, x] - again).abs().max() <= 1e-4

    report(examples=examples)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 20), st.integers(), st.sampled_from([10**9, 2**63, -(10**30), 10**4000]),
    st.floats(), st.text(max_size=20), st.sampled_from(["batch", "none", "4", "x" * 10**5, "\x1b[31m\n"]),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
KEYS = st.one_of(st.sampled_from(["scale", "width", "blocks", "norm", "partner", "format", "crop"]), st.text(max_size=8))


@pytest.mark.parametrize("examples", [40, pytest.param(3000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("network", [SRGANGenerator(width=4, blocks=1), SRGANDiscriminator(width=1, crop=16)])
def test_any_config_is_the_networks_own_or_a_line(network, examples, tmp_path, report):
    """Whatever config.json says, the network is loaded as it was saved, or refused before memory is taken for it."""
    network.save_pretrained(tmp_path)
    own = json.loads((tmp_path / "config.json").read_text())
    type(network).from_pretrained(tmp_path)  # what it imports
    before, refused = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []

    @check(examples, st.dictionaries(KEYS, VALUES, max_size=4), st.booleans())
    def holds(changes, bare):
        (tmp_path / "config.json").write_text(json.dumps(changes if bare else own | changes))
        try:
            loaded = type(network).from_pretrained(tmp_path)
        except CheckpointError as error:
            refused.append(str(error))
        else:
            assert loaded.state_dict().keys() == network.state_dict().keys()
            assert all(loaded._hub_mixin_config[key] == own[key] for key in own.keys() - {"format", "partner"})

    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert refused and grown < 500  # a network of 1024 channels takes 1.2 GB
    assert all(line.isprintable() and len(line) < 1100 for line in refused)
    report(examples=examples, refused=len(refused), megabytes=round(grown))
