import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

from conftest import smooth_photo
from srgan_hub import CheckpointError, SRGANGenerator, Upscaler
from srgan_hub.cli import main
from srgan_hub.hub.load import bundled
from srgan_hub.inference import backends
from srgan_hub.inference import quantization as module
from srgan_hub.inference.backends import EngineError, has_int8, open_engine
from srgan_hub.inference.quantization import (
    Quantization,
    calibrate,
    compute,
    find,
    fingerprint,
    fitted,
    from_steps,
    in_eight_bits,
    on_steps,
    read,
    save,
    sums_kept,
    tops,
)
from srgan_hub.models.srresnet.graph import inference_graph, run

QUANTIZED = [name for name in bundled() if name != "srgan-x4-photo-large"]  # which has no 8 bits
NEEDS_INT8 = pytest.mark.skipif(not has_int8(), reason="needs a processor with instructions for int8 (VNNI or AMX)")


@pytest.fixture
def pictures():
    photos = (smooth_photo(24, 20, seed=seed) for seed in range(3))
    return [torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None] / 255 for photo in photos]


@pytest.fixture
def no_limits(monkeypatch):
    """Any change is allowed."""
    for name in ("ALLOWED", "FLAT"):
        monkeypatch.setattr(module, name, 1e9)


@pytest.fixture
def checkpoint(random_generator, tmp_path):
    random_generator.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def convolutions(generator) -> list[int]:
    return [number for number, step in enumerate(inference_graph(generator)) if step.kind == "conv"]


@pytest.mark.parametrize("limits", [(-0.3, 1.1), (0.0, 0.7), (-2.0, 0.0), (0.0, 0.0), (-5.0, 5.0)])
def test_a_range_has_zero_among_its_values_and_hardly_moves(limits):
    low, high = on_steps(*limits)
    step = (high - low) / 255
    assert step > 0 and abs(low / step - round(low / step)) < 1e-6 and low <= 0 <= high
    assert abs(low - limits[0]) <= step and abs(high - limits[1]) <= max(step, 1e-5)


def test_more_may_change_more_convolutions_are_in_8_bits(random_generator, pictures, no_limits, monkeypatch):
    every, most = calibrate(random_generator, pictures)
    assert list(every.ranges) == convolutions(random_generator)
    monkeypatch.setattr(module, "ALLOWED", most / 2)
    some, changed = calibrate(random_generator, pictures)
    assert set(some.ranges) < set(every.ranges) and 0 < changed < most and some.fits.keys() == every.fits.keys() & some.ranges
    monkeypatch.setattr(module, "ALLOWED", 0)
    none, unchanged = calibrate(random_generator, pictures)
    assert none.ranges == {} and unchanged == 0


def test_fingerprint_is_of_the_weights(random_generator):
    before = fingerprint(random_generator)
    assert before == fingerprint(random_generator)
    copied = SRGANGenerator(width=random_generator.width, blocks=random_generator.blocks)
    copied.load_state_dict(random_generator.state_dict())
    assert fingerprint(copied) == before
    random_generator.body[-1].running_mean[0] += 1
    assert fingerprint(random_generator) != before
    assert fingerprint(copied) == before


@NEEDS_INT8
@pytest.mark.parametrize(("scale", "with_picture"), [(2, True), (4, False)])
def test_the_engine_rounds_as_the_calibration_does(scale, with_picture, pictures, no_limits, monkeypatch):
    monkeypatch.setattr(module, "SHOWS", 0)  # every input that it helps is divided
    generator = SRGANGenerator(scale=scale, width=8, blocks=2).eval()
    if with_picture:
        generator.initialize()
    quantization, _ = calibrate(generator, pictures)
    assert quantization.divisors
    steps = in_eight_bits(generator)
    exact, expected = run(steps, pictures[0]).detach(), compute(steps, pictures[0], quantization)
    found = open_engine(generator, "openvino", "mixed", "cpu", quantization)(pictures[0])
    errors = [(one - exact).square().mean().sqrt() for one in (expected, found)]
    assert errors[0] / 2 < errors[1] < 2 * errors[0]  # the engine rounds the rest to bf16 besides


def test_ranges_are_kept_and_found_again(random_generator, checkpoint, pictures):
    quantization, _ = calibrate(random_generator, pictures)
    assert find(checkpoint) is None
    save(quantization, checkpoint)
    found = find(checkpoint)
    assert found[:2] == quantization[:2]
    assert found.fits.keys() == quantization.fits.keys() != set()
    assert all(torch.equal(found.fits[number], fit) for number, fit in quantization.fits.items())
    assert found.divisors.keys() == quantization.divisors.keys()
    assert all(torch.equal(found.divisors[number], divisor) for number, divisor in quantization.divisors.items())


RANGE = torch.tensor([0.0, 1.0])


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"0.range": RANGE}, None), ({"range": RANGE}, {"weights": "a"}), ({"0.other": RANGE}, {"weights": "a"}),
        ({"0.range": torch.tensor([0.5, 1.0])}, {"weights": "a"}), ({"0.range": torch.tensor(1.0)}, {"weights": "a"}),
        ({"0.range": torch.tensor([0.0, torch.inf])}, {"weights": "a"}),
    ],
)  # fmt: skip
def test_a_file_that_is_something_else_is_a_sentence(tmp_path, tensors, metadata):
    save_file(tensors, tmp_path / "int8.safetensors", metadata)
    with pytest.raises(CheckpointError, match="recreate it"):
        read(tmp_path / "int8.safetensors")


def test_ranges_of_other_weights_are_not_used(random_generator, monkeypatch):
    monkeypatch.setattr(backends, "has_int8", lambda: True)
    monkeypatch.setattr(backends, "fast_precision", lambda device: "fp32")
    other = Quantization("0" * 64, {2: (0.0, 1.0)}, {}, {})
    assert open_engine(random_generator, "openvino", "auto", "cpu", other).choice.precision == "fp32"
    with pytest.raises(EngineError, match="no quantization ranges exist for these weights"):
        open_engine(random_generator, "openvino", "mixed", "cpu", other)


def test_a_quantized_checkpoint_is_computed_in_8_bits(checkpoint, photo_folder, photo, capsys, monkeypatch):
    assert main(["quantize", str(checkpoint), "--calibration", str(photo_folder), "--pictures", "3"]) == 0
    assert "7 of 7 convolutions in 8 bits, by 3 photos; the mean squared" in capsys.readouterr().out
    monkeypatch.setattr(backends, "has_int8", lambda: True)
    upscaler = Upscaler.from_pretrained(checkpoint, engine="openvino")
    assert upscaler.engine.choice.precision == "mixed" and " int8 and " in str(upscaler.engine)
    assert upscaler(photo).size == (160, 112)
    monkeypatch.setattr(backends, "has_int8", lambda: False)
    assert Upscaler.from_pretrained(checkpoint, engine="openvino").engine.choice.precision in ("bf16", "fp32")


@pytest.mark.parametrize(("model", "words"), [("user/model", "is on the Hub"), ("nothing", "no checkpoint 'nothing'")])
def test_what_cannot_be_quantized_is_a_sentence(model, words, capsys):
    assert main(["quantize", model, "--calibration", "."]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", QUANTIZED)
def test_bundled_ranges_are_for_the_bundled_weights(name):
    quantization = find(name)
    assert quantization.weights == fingerprint(SRGANGenerator.from_pretrained(name))
    assert len(quantization.ranges) > 15 and 0 not in quantization.ranges  # the first shows too much


@NEEDS_INT8
@pytest.mark.parametrize(
    "name", [name if name in ("srgan-x4", "srgan-x4-lite") else pytest.param(name, marks=pytest.mark.soak) for name in QUANTIZED]
)
def test_eight_bits_show_neither_on_a_flat_color_nor_as_bands_in_a_gradient(name):
    """Beside the precision that the other convolutions have, no flat color moves by more than 3 gray levels, at the frame too;
    no value of a gradient by more than 4, and no mean of 16x16 by 1.25."""
    def opened(precision):
        return Upscaler.from_pretrained(name, engine="openvino", precision=precision)

    ramp = np.tile(np.linspace(60, 180, 96), (64, 1)) + np.linspace(0, 30, 64)[:, None]
    gradient = Image.fromarray(np.stack([ramp, ramp, ramp + 10], -1).round().astype(np.uint8))
    flat = [Image.new("RGB", (40, 40), color) for color in ("white", "black", "gray", (200, 30, 60))]
    exact, close, eight = opened("fp32"), opened(backends.fast_precision("cpu")), opened("mixed")
    for picture in flat:
        assert abs(np.asarray(eight(picture)).astype(int) - np.asarray(exact(picture))).max() <= 3
    change = np.asarray(eight(gradient)).astype(float) - np.asarray(close(gradient))
    assert abs(change).max() <= 4
    assert abs(change.reshape(16, 16, 24, 16, 3).mean((1, 3))).max() < 1.25


# Rounding.


@pytest.fixture
def weight():
    return torch.randn(4, 6, 3, 3, generator=torch.Generator().manual_seed(1))


def test_sums_of_kernels_are_kept_within_half_a_step(weight):
    steps = sums_kept(weight)
    step = tops(weight) / 127
    assert steps.dtype == torch.int8
    assert ((from_steps(steps, weight) - weight).sum((2, 3)).abs() <= step[..., 0, 0] / 2 + 1e-6).all()
    assert ((from_steps(steps, weight) - weight).abs() <= 1.001 * step).all()


def test_fitted_weights_change_less_on_inputs_like_those_they_were_fitted_to(weight):
    def smooth(seed):  # neighbours alike, and channels
        noise = torch.randn(1, 6, 40, 40, generator=torch.Generator().manual_seed(seed))
        return F.avg_pool2d(noise + 2 * noise.mean(1, keepdim=True), 5, 1, 2)

    columns = F.unfold(smooth(0), 3)[0].T
    steps = fitted(weight, columns.T @ columns / len(columns))
    exact = F.conv2d(smooth(1), weight)
    errors = [(F.conv2d(smooth(1), from_steps(s, weight)) - exact).square().mean() for s in (steps, sums_kept(weight))]
    assert steps.dtype == torch.int8 and steps.shape == weight.shape
    assert errors[0] < 0.7 * errors[1]


def test_a_channel_of_zeros_stays_one(weight):
    weight[2] = 0
    for steps in (sums_kept(weight), fitted(weight, torch.eye(54))):
        assert not from_steps(steps, weight)[2].any()
