import json
import math
import re
import shutil

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from torchvision.models import vgg16

import train_accelerate
from benchmarks import smaller_esrgan
from benchmarks.smaller_esrgan import narrowed, of_esrgan
from conftest import encoded, equal, smooth_photo, state_of, train, untrained_vgg, write_files
from srgan_hub import SRGANGenerator, losses
from srgan_hub.losses import VARIANTS, constant_color_loss, random_colors
from srgan_hub.models.registry import load_network
from srgan_hub.training import checkpoint, setup
from train_accelerate import Config, parse


@pytest.fixture
def small(monkeypatch):
    """The trainer with a discriminator that trains in a blink; its code is otherwise as it is."""

    class Small(setup.SRGANDiscriminator):
        def __init__(self, crop: int = 96, width: int = 2):
            super().__init__(crop, width)

    monkeypatch.setattr(setup, "SRGANDiscriminator", Small)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    untrained_vgg(vgg16, path, std=0.03)
    return path


def configuration(photo_folder, output, **changes):
    sizes = dict(max_train_steps=4, batch_size=2, crop=32, checkpoint_every=2, log_every=1, width=4, blocks=1, report_to="none")
    return Config(**{"dataset": str(photo_folder), "output_dir": str(output), **sizes, **changes})


def gan(vgg_file):
    return dict(variant="srgan-vgg54", vgg_weights=str(vgg_file), pixel_weight=0.1)


def same_weights(one, two):
    a, b = load_file(one / "model.safetensors"), load_file(two / "model.safetensors")
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("variant", ["srresnet-mse", "srgan-vgg54"])
def test_two_plus_two_updates_are_four(small, photo_folder, tmp_path, vgg_file, variant):
    options = gan(vgg_file) if variant == "srgan-vgg54" else {}
    train(configuration(photo_folder, tmp_path / "whole", **options))
    second = configuration(
        photo_folder, tmp_path / "resumed", resume=str(tmp_path / "whole" / "checkpoints" / "checkpoint-0000002"), **options
    )
    train(second)
    assert same_weights(tmp_path / "whole", tmp_path / "resumed")
    different = configuration(photo_folder, tmp_path / "other", seed=1, **options)
    train(different)
    assert not same_weights(tmp_path / "whole", tmp_path / "other")


def test_discriminator_is_kept_and_trained_on(small, photo_folder, tmp_path):
    options = dict(variant="srgan-mse", validation="none", max_train_steps=2)
    train(configuration(photo_folder, tmp_path / "first", **options))
    kept = load_file(tmp_path / "first" / "discriminator" / "model.safetensors")
    assert equal(kept, load_file(tmp_path / "first" / "checkpoints" / "checkpoint-0000002" / "model.safetensors"))
    again = dict(options, pretrained=str(tmp_path / "first"), pretrained_discriminator=True, lr=1e-12)
    train(configuration(photo_folder, tmp_path / "second", **again))
    second = load_file(tmp_path / "second" / "discriminator" / "model.safetensors")
    weights = [name for name, tensor in kept.items() if tensor.is_floating_point() and "running" not in name]
    assert all(torch.allclose(kept[name], second[name], atol=1e-6) for name in weights)
    with pytest.raises(ValueError, match="give --crop 32"):
        train(configuration(photo_folder, tmp_path / "third", crop=48, **again))
    with pytest.raises(ValueError, match="give that with --pretrained"):
        train(configuration(photo_folder, tmp_path / "fourth", pretrained_discriminator=True, **options))
    shutil.rmtree(tmp_path / "first" / "discriminator")
    with pytest.raises(ValueError, match=r"holds no discriminator/config\.json"):
        train(configuration(photo_folder, tmp_path / "fifth", **again))


def test_result_is_a_checkpoint_with_its_card(small, photo_folder, tmp_path, capsys):
    train(configuration(photo_folder, tmp_path / "out"))
    generator = SRGANGenerator.from_pretrained(tmp_path / "out")
    assert generator(torch.rand(1, 3, 5, 5)).shape == (1, 3, 20, 20)
    card = (tmp_path / "out" / "README.md").read_text()
    printed = capsys.readouterr().out
    numbers = r"validation psnr (\d+\.\d+), ssim (\d\.\d+), feature_distance (\d\.\d+), grid (\d+\.\d\d)\d\d"
    measured = re.search(numbers + r" \(2 photographs, split validation\)", printed)
    assert f"PSNR-Y {float(measured[1]):.2f} dB, SSIM-Y {measured[2]}, feature distance {measured[3]}, grid " in card
    assert "--width 4 --blocks 1 --max_train_steps 4 --batch_size 2 --crop 32" in card
    assert not re.search(r"\{[a-z_]+\}", card)
    assert "ema_decay: 0.999" in card  # every setting, the defaults too
    assert str(tmp_path) not in card
    terms = r"update 4/4  pixel \d\.\d+  g_norm \d+\.\d+  lr \S+  \d+\.\d+ updates/s"
    assert re.search(terms + r"  \d+ images/s  waiting for data \S+%  0:00:00 left", printed)


def test_card_says_when_the_perceptual_network_is_a_stand_in(small, photo_folder, tmp_path, vgg_file, capsys):
    train(configuration(photo_folder, tmp_path / "out", max_train_steps=1, **gan(vgg_file)))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "a stand-in, vgg16.safetensors" in card
    assert "not the paper's VGG19" in card
    line = capsys.readouterr().out
    assert all(term in line for term in ("d_loss", "D(hr)", "D(sr)", "pixel", "vgg54", "adversarial", "updates/s"))


def test_content_loss_may_be_of_efficientnet(small, photo_folder, tmp_path):
    options = dict(variant="srgan-plus", content_layers="stage2,stage3", adversarial_weight=0.0, max_train_steps=1)
    train(configuration(photo_folder, tmp_path / "out", validation="none", **options))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "EfficientNet-Lite2, ImageNet's; it is not the paper's VGG19" in card
    assert "stage2 + stage3 of EfficientNet-Lite2 (after the ReLU, images on [-1, 1];" in card
    row = json.loads((tmp_path / "out" / "log.jsonl").read_text().splitlines()[0])
    assert row["stage2"] > 0 and row["stage3"] > 0 and not [name for name in row if name.startswith("vgg")]


def test_every_network_moves(small, photo_folder, tmp_path, vgg_file):
    """Both networks and every loss term reach the weights: none is detached or forgotten."""
    for number, changes in enumerate([{}, {"content_weight": 2.0}, {"adversarial_weight": 0.5}, {"pixel_weight": 3.0}]):
        options = {**gan(vgg_file), **changes}
        train(configuration(photo_folder, tmp_path / str(number), max_train_steps=2, **options))
    assert not any(same_weights(tmp_path / "0", tmp_path / str(n)) for n in (1, 2, 3))
    states = tmp_path / "0" / "checkpoints" / "checkpoint-0000002"
    discriminators = [load_file(p) for p in states.glob("model*.safetensors")]
    first = setup.SRGANDiscriminator(crop=32).state_dict()
    moved = [s for s in discriminators if s.keys() == first.keys()]
    assert len(moved) == 1
    assert moved[0]["features.3.num_batches_tracked"] == 6  # HR and SR in its own step, SR in the generator's; twice


def test_average_follows_the_formula(small, photo_folder, tmp_path):
    """EMA after n updates: decay times the last average plus (1 - decay) times the new weights; the first is a copy."""
    decay = 0.7
    train(configuration(photo_folder, tmp_path / "out", max_train_steps=3, checkpoint_every=1, ema_decay=decay))
    checkpoints = sorted((tmp_path / "out" / "checkpoints").iterdir())
    assert [c.name for c in checkpoints] == ["checkpoint-0000002", "checkpoint-0000003"]  # the newest two are kept
    raws = [load_file(c / "model.safetensors")["tail.weight"] for c in checkpoints]
    averages = [
        torch.load(c / "custom_checkpoint_0.pkl", weights_only=True)["module.tail.weight"] for c in checkpoints
    ]
    assert torch.allclose(averages[1], decay * averages[0] + (1 - decay) * raws[1], atol=1e-7)
    assert not torch.equal(averages[1], raws[1])


def test_starts_from_a_pretrained_generator(small, photo_folder, tmp_path):
    SRGANGenerator(width=3, blocks=2).save_pretrained(tmp_path / "start")
    start = dict(pretrained=str(tmp_path / "start"), width=None, blocks=None)
    train(configuration(photo_folder, tmp_path / "out", max_train_steps=1, **start))
    with pytest.raises(ValueError, match="has blocks 2, not 5; leave out --blocks"):
        train(configuration(photo_folder, tmp_path / "other", **{**start, "blocks": 5}))
    assert json.loads((tmp_path / "out" / "config.json").read_text())["blocks"] == 2


def test_runs_are_not_mixed_up(small, photo_folder, tmp_path, vgg_file):
    train(configuration(photo_folder, tmp_path / "out"))
    with pytest.raises(ValueError, match="holds another run; add --resume latest"):
        train(configuration(photo_folder, tmp_path / "out"))
    with pytest.raises(ValueError, match="is a run of --variant srresnet-mse"):
        train(configuration(photo_folder, tmp_path / "out", resume="latest", **gan(vgg_file)))
    with pytest.raises(ValueError, match="OUTPUT_DIR/checkpoints"):
        train(configuration(photo_folder, tmp_path / "new", resume=str(tmp_path / "out")))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="cannot be used"):
        train(configuration(photo_folder, tmp_path / "file"))


@pytest.mark.parametrize("other", [dict(width=8), dict(adversarial_weight=0.0)])
def test_checkpoint_of_other_networks_is_one_sentence(small, photo_folder, tmp_path, other):
    options = dict(variant="srgan-mse", max_train_steps=1, validation="none")
    train(configuration(photo_folder, tmp_path / "out", **options))
    with pytest.raises(ValueError, match="checkpoint-0000001 does not fit the networks of these options; give the") as caught:
        train(configuration(photo_folder, tmp_path / "out", resume="latest", **{**options, **other}))
    assert "\n" not in str(caught.value)


def test_run_that_turns_back_leaves_the_later_checkpoints_behind(small, photo_folder, tmp_path):
    """Else `latest` would go on with those that the user has turned away from."""
    options = dict(max_train_steps=4, checkpoint_every=1, keep_checkpoints=3, validation="none")
    train(configuration(photo_folder, tmp_path / "out", **options))
    second = tmp_path / "out" / "checkpoints" / "checkpoint-0000002"
    train(configuration(photo_folder, tmp_path / "out", resume=str(second), seed=1, max_train_time="0s", **options))
    names = sorted(path.name for path in (tmp_path / "out" / "checkpoints").iterdir())
    assert names == ["checkpoint-0000002", "checkpoint-0000003"]
    assert checkpoint.configuration(checkpoint.find(tmp_path / "out" / "checkpoints", "latest"))["seed"] == 1


def test_first_update_of_a_resumed_run_is_whole(photo_folder, tmp_path):
    """Whatever was accumulated before: the counter of batches that Accelerate keeps is no multiple of the new number."""
    plain = dict(norm="none", mixed_precision="no", max_train_steps=4, lr=0.02, validation="none")
    train(configuration(photo_folder, tmp_path / "out", gradient_accumulation_steps=3, checkpoint_every=3, **plain))
    third = str(tmp_path / "out" / "checkpoints" / "checkpoint-0000003")
    for name, parts, size in (("one", 1, 4), ("two", 2, 2)):
        sizes = dict(gradient_accumulation_steps=parts, batch_size=size)
        train(configuration(photo_folder, tmp_path / name, resume=third, **plain, **sizes))
    one, two = (state_of(tmp_path / name)["model.safetensors"] for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], rtol=0, atol=1e-5) for name in one)


def test_nothing_is_overwritten_that_no_run_has_made(small, photo_folder, tmp_path):
    SRGANGenerator(width=4, blocks=1).save_pretrained(tmp_path / "mine")
    mine = str(tmp_path / "mine")
    for resume in (None, "auto"):
        with pytest.raises(ValueError, match=r"holds config.json, model.safetensors.*, which the run would overwrite"):
            train(configuration(photo_folder, mine, pretrained=mine, resume=resume))
    afresh = dict(max_train_steps=1, validation="none", checkpoint_dir=str(tmp_path / "lent"), resume="auto")
    train(configuration(photo_folder, tmp_path / "out", **afresh))
    shutil.rmtree(tmp_path / "lent")  # with the machine that it was on: documented
    train(configuration(photo_folder, tmp_path / "out", **afresh))


def test_samples_do_not_become_photographs(small, photo_folder, tmp_path):
    with pytest.raises(ValueError, match=r"lies in the dataset .*; choose another --output_dir"):
        train(configuration(photo_folder, photo_folder / "run"))


def test_finished_run_keeps_its_card(small, photo_folder, tmp_path, capsys):
    train(configuration(photo_folder, tmp_path / "out"))
    card = tmp_path / "out" / "README.md"
    card.write_text("the owner's words")
    (tmp_path / "out" / "checkpoints" / "checkpoint-0000004-mine").mkdir()
    train(configuration(photo_folder, tmp_path / "out", resume="latest"))
    assert card.read_text() == "the owner's words"
    assert "has finished its 4 updates" in capsys.readouterr().out
    weights = tmp_path / "out" / "model.safetensors"
    before = weights.read_bytes()
    weights.unlink()  # stopped before the result was written
    train(configuration(photo_folder, tmp_path / "out", resume="latest"))
    assert weights.read_bytes() == before


def test_tiny_validation_photo_stops_nothing(small, photo_folder, tmp_path, capsys):
    smooth_photo(16, 16).save(photo_folder / "validation" / "tiny.png")
    smooth_photo(31, 31).save(photo_folder / "validation" / "small.png")  # large enough for SSIM, not for the feature distance
    train(configuration(photo_folder, tmp_path / "out", max_train_steps=1))
    assert "2 photographs" in capsys.readouterr().out


def test_every_option_is_explained(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = capsys.readouterr().out
    assert all(f"--{name}" in text for name in Config.__dataclass_fields__)
    assert parse(["--lr", "2e-4", "--cpu"]) == Config(lr=2e-4, cpu=True)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_and_logs_its_terms(small, photo_folder, tmp_path, vgg_file, variant):
    weights = VARIANTS[variant]
    alone = 1 if weights.adversarial else None
    options = dict(variant=variant, vgg_weights=str(vgg_file), d_warmup=alone, max_train_steps=2, validation="none")
    train(configuration(photo_folder, tmp_path / "out", **options))
    rows = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    expected = {"pixel", "g_norm", *weights.layers, *(name for name in losses.TERMS if getattr(weights, name))} - {"content"}
    expected |= {"d_loss", "D(hr)", "D(sr)", "d_norm"} if weights.adversarial else set()
    assert rows[-1].keys() - {"update", "lr", "images/s", "waiting"} == expected
    assert "pixel" not in rows[0] or not alone


def test_images_are_rolled_alike_and_meet_every_place_of_an_lr_pixel():
    marked = torch.zeros(16, 1, 96, 96)
    marked[:, :, 40, 40] = 1
    other = marked + 1
    for number in range(3):
        one, two = train_accelerate.random_roll([marked, other], 4, seed=5, number=number)
        assert torch.equal(two, one + 1)
        places = one.flatten(1).argmax(1)
        rows, columns = places // 96 - 40, places % 96 - 40
        assert len({(int(y % 4), int(x % 4)) for y, x in zip(rows, columns, strict=True)}) == 16
        assert rows.min() >= 0 and max(rows.max(), columns.max()) < 16 and max(rows.max(), columns.max()) > 4
    assert not torch.equal(one, train_accelerate.random_roll([marked, other], 4, seed=5, number=7)[0])
    assert [len(rolled) for rolled in train_accelerate.random_roll([marked[:5], other[:5]], 4, 5, 0)] == [5, 5]


def test_generator_waits_while_the_discriminator_warms_up(small, photo_folder, tmp_path):
    """A published generator comes without its discriminator: until a new one knows something, it must not teach."""
    start = SRGANGenerator(width=4, blocks=1)
    start.save_pretrained(tmp_path / "start")
    options = dict(variant="srgan-mse", pretrained=str(tmp_path / "start"), max_train_steps=4, checkpoint_every=3, d_warmup=3)
    train(configuration(photo_folder, tmp_path / "out", **options))
    warm, after = (tmp_path / "out" / "checkpoints" / f"checkpoint-{n:07d}" for n in (3, 4))
    kept = start.state_dict()
    generators = [load_file(folder / "model_1.safetensors") for folder in (warm, after)]  # prepared after the discriminator
    averages = [torch.load(folder / "custom_checkpoint_0.pkl", weights_only=True) for folder in (warm, after)]
    assert all(torch.equal(kept[name], generators[0][name]) for name in kept)  # statistics of BatchNorm too
    assert all(torch.equal(kept[name], averages[0][f"module.{name}"]) for name in kept)
    assert not torch.equal(kept["tail.weight"], generators[1]["tail.weight"])


def test_accumulated_batches_are_one_large_batch(photo_folder, tmp_path):
    plain = dict(norm="none", mixed_precision="no", max_train_steps=3, lr=0.02, validation="none")
    train(configuration(photo_folder, tmp_path / "whole", batch_size=6, **plain))
    train(configuration(photo_folder, tmp_path / "parts", batch_size=2, gradient_accumulation_steps=3, **plain))
    a, b = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.allclose(a[name], b[name], rtol=0, atol=1e-5) for name in a)
    start = SRGANGenerator(width=4, blocks=1, norm="none").state_dict()
    assert max(float((a[name] - start[name]).abs().max()) for name in a) > 1e-3  # they have moved


@pytest.mark.parametrize("more", [
    dict(gradient_accumulation_steps=2), dict(streaming=True), dict(degradation="realistic"), dict(optimizer="muon"),
    dict(recolour=0.5, coarse_weight=1.0, grid_weight=1.0, flat_weight=1.0),
])
def test_resume_is_exact_with(small, photo_folder, tmp_path, more):
    gan = dict(variant="srgan-mse", max_train_steps=8, checkpoint_every=5, validation="none", **more)
    train(configuration(photo_folder, tmp_path / "whole", **gan))
    fifth = tmp_path / "whole" / "checkpoints" / "checkpoint-0000005"
    train(configuration(photo_folder, tmp_path / "again", resume=str(fifth), **gan))
    one, two = (state_of(tmp_path / name) for name in ("whole", "again"))
    assert equal(one, two)


def test_the_option_for_accumulation_outranks_the_environment(photo_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "3")  # as some configurations of accelerate launch do
    train(configuration(photo_folder, tmp_path / "out", max_train_steps=3, validation="none"))
    assert json.loads((tmp_path / "out" / "training.json").read_text())["updates"] == 3


def test_gradients_are_clipped_to_the_norm_asked_for(photo_folder, tmp_path):
    plain = dict(norm="none", mixed_precision="no", max_train_steps=1, validation="none")
    train(configuration(photo_folder, tmp_path / "free", **plain))
    train(configuration(photo_folder, tmp_path / "clipped", max_grad_norm=1e-4, **plain))

    def moment(name):  # Adam's first moment after one update: a tenth of the gradient
        state = torch.load(tmp_path / name / "checkpoints" / "checkpoint-0000001" / "optimizer.bin", weights_only=True)["state"]
        return torch.cat([values["exp_avg"].flatten() for values in state.values()])

    assert 10 * moment("clipped").norm() == pytest.approx(1e-4, rel=1e-3)
    norm = json.loads((tmp_path / "free" / "log.jsonl").read_text().splitlines()[0])["g_norm"]
    assert 10 * moment("free").norm() == pytest.approx(norm, rel=1e-3)
    assert norm > 1e-3


def test_not_a_number_stops_the_run_and_is_neither_kept_nor_pushed(small, photo_folder, tmp_path, monkeypatch):
    pushed = []
    monkeypatch.setattr(train_accelerate.Pusher, "check", lambda self: None)
    monkeypatch.setattr(train_accelerate.Pusher, "start", lambda self, step: pushed.append(step))
    real = losses.pixel_loss
    calls = iter(range(100))
    monkeypatch.setattr(losses, "pixel_loss", lambda sr, hr: real(sr, hr) * (1 if next(calls) < 3 else math.nan))
    rare = dict(max_train_steps=20, log_every=100, push_to_hub="user/name", push_every=2)
    with pytest.raises(ValueError, match=r"update 4: pixel nan, .*; the checkpoint of update 2 is kept"):
        train(configuration(photo_folder, tmp_path / "out", **rare))
    assert pushed == [2]
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["checkpoint-0000002"]
    assert all(tensor.isfinite().all() for tensor in load_file(tmp_path / "out" / "model.safetensors").values())


def test_time_that_is_up_ends_with_a_checkpoint(small, photo_folder, tmp_path, capsys):
    train(configuration(photo_folder, tmp_path / "out", max_train_steps=100_000, max_train_time="1s", checkpoint_every=10_000))
    (found,) = (tmp_path / "out" / "checkpoints").iterdir()
    step = int(found.name.removeprefix("checkpoint-"))
    assert f"stopped after update {step} (the time is up)" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "training.json").read_text())["updates"] == step
    assert SRGANGenerator.from_pretrained(tmp_path / "out").width == 4  # usable as it is


@pytest.mark.parametrize("shape", [dict(scale=2, norm="none"), dict(scale=8, width=1, blocks=2)])
def test_other_generators_train_by_flags(photo_folder, tmp_path, shape):
    train(configuration(photo_folder, tmp_path / "out", max_train_steps=1, **shape))
    made = SRGANGenerator.from_pretrained(tmp_path / "out")
    assert all(getattr(made, name) == value for name, value in shape.items())
    scale = shape.get("scale", 4)
    assert made(torch.rand(1, 3, 5, 6)).shape == (1, 3, 5 * scale, 6 * scale)


def test_validation_without_a_split_holds_photographs_back(small, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for number in range(40):
        smooth_photo(64, 48, seed=number).save(tmp_path / "photos" / f"{number:02d}.png")
    train(configuration(tmp_path / "photos", tmp_path / "out", max_train_steps=2, validate_every=1))
    shown = capsys.readouterr().out
    assert "38 photographs; held out: 2 photographs, kept from training" in shown
    assert sorted(path.name for path in (tmp_path / "out" / "samples").iterdir()) == ["update-0000001.png", "update-0000002.png"]
    rows = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    measured = [row for row in rows if "validation/psnr" in row]
    assert [row["update"] for row in measured] == [1, 2]
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["validation"]["psnr"] == measured[-1]["validation/psnr"]


def test_fp16_on_a_cpu_is_refused(small, photo_folder, tmp_path):
    """Accelerate would train in float32 without a word."""
    with pytest.raises(ValueError, match="fp16 and --sync_batchnorm need GPUs"):
        train(configuration(photo_folder, tmp_path / "out", mixed_precision="fp16", cpu=True))


def test_fp16_unscales_each_network_by_itself_and_survives_an_overflow(monkeypatch):
    """Two networks share a loss scale, and gradients are accumulated: what a GPU does, with the scaler of the CPU."""
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    monkeypatch.setattr(accelerator.state, "_mixed_precision", "fp16")
    accelerator.native_amp = True
    networks = [torch.nn.Linear(1, 1, bias=False) for _ in range(2)]
    for network in networks:
        network.weight.data.zero_()
    steps = [accelerator.prepare(torch.optim.SGD(network.parameters(), lr=1.0)) for network in networks]
    norms = []
    for factor in (1.0, 3.0, 1.0, math.inf):  # two updates of two batches; the last one overflows
        with accelerator.accumulate(*networks):
            for network, step in zip(networks, steps, strict=True):
                norms.append(train_accelerate.optimizer_step(factor * network.weight.sum(), network, step, accelerator, clip=0))
    assert [network.weight.item() for network in networks] == [-2.0, -2.0]
    assert [norm and norm.item() for norm in norms] == [None, None, 2.0, 2.0, None, None, 0.0, 0.0]


def test_average_is_measured_as_it_is_used(photo_folder, tmp_path, monkeypatch):
    """In float32: under autocast the card's numbers would not be those of the stored weights."""
    measured = []
    real = train_accelerate.Validation.__call__
    monkeypatch.setattr(train_accelerate.Validation, "__call__", lambda self, up: measured.append(up.engine) or real(self, up))
    train(configuration(photo_folder, tmp_path / "out", max_train_steps=1))
    made, lr = SRGANGenerator.from_pretrained(tmp_path / "out"), torch.rand(1, 3, 12, 12)
    assert torch.allclose(measured[0](lr), made(lr), rtol=0, atol=1e-5)


def test_memory_that_is_not_enough_is_one_sentence(monkeypatch):
    def full(config):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(train_accelerate, "train", full)
    monkeypatch.setattr("sys.argv", ["train_accelerate.py"])
    with pytest.raises(SystemExit, match="out of memory; a smaller --batch_size"):
        train_accelerate.main()


def test_bf16_gradients_agree_with_float32(photo_folder, tmp_path):
    for precision in ("no", "bf16"):
        train(configuration(photo_folder, tmp_path / precision, mixed_precision=precision, max_train_steps=1, validation="none"))
    norms = [json.loads((tmp_path / p / "log.jsonl").read_text().splitlines()[0]) for p in ("no", "bf16")]
    assert norms[1]["pixel"] == pytest.approx(norms[0]["pixel"], rel=0.02)
    assert norms[1]["g_norm"] == pytest.approx(norms[0]["g_norm"], rel=0.05)


def test_kept_share_of_the_pretrained_weights_is_in_the_result(photo_folder, tmp_path):
    SRGANGenerator(width=4, blocks=1).save_pretrained(tmp_path / "start")
    start = dict(pretrained=str(tmp_path / "start"), lr=0.02, max_train_steps=3, validation="none")
    train(configuration(photo_folder, tmp_path / "all", **start))
    train(configuration(photo_folder, tmp_path / "half", keep=0.5, **start))
    first, trained, half = (load_file(tmp_path / name / "model.safetensors") for name in ("start", "all", "half"))
    assert torch.allclose(half["tail.weight"], (first["tail.weight"] + trained["tail.weight"]) / 2, atol=1e-7)
    assert equal(state_of(tmp_path / "all"), state_of(tmp_path / "half"))  # the run itself is the same


@pytest.mark.parametrize(("variant", "partner"), [("srgan-plus", "srresnet-x4"), ("srresnet-mse", None)])
def test_a_gan_names_the_network_it_was_trained_on_from(variant, partner):
    assert setup.new_generator(Config(pretrained="srresnet-x4"), variant == "srgan-plus").partner == partner
    again = setup.new_generator(Config(pretrained="srgan-x4-vivid"), True)
    assert again.partner == "srresnet-x4"


def test_a_folder_that_others_do_not_have_is_no_partner(tmp_path):
    SRGANGenerator(width=4, blocks=1).save_pretrained(tmp_path)
    assert setup.new_generator(Config(pretrained=str(tmp_path)), True).partner is None


def test_what_a_teacher_does_is_learned(photo_folder, tmp_path):
    """The teacher itself has nothing to learn from it, but from HR."""
    teacher = SRGANGenerator(width=4, blocks=1, norm="none")
    torch.nn.init.normal_(teacher.tail.weight, std=0.05)
    teacher.save_pretrained(tmp_path / "teacher")
    start = dict(pretrained=str(tmp_path / "teacher"), norm="none", max_train_steps=1, lr=1e-6, validation="none", log_every=1)
    lost = []
    for name, more in (("hr", {}), ("taught", dict(teacher=str(tmp_path / "teacher")))):
        train(configuration(photo_folder, tmp_path / name, **start, **more))
        lost.append(json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[0])["pixel"])
    assert lost[1] < lost[0] / 20
    assert "teacher's results in place of HR" in (tmp_path / "taught" / "README.md").read_text()


def test_a_teachers_patches_are_made_once_and_a_resumed_run_goes_on_with_them(tmp_path):
    photos = tmp_path / "photos"
    write_files(photos, {f"{n}.png": encoded(smooth_photo(260, 240, seed=n)) for n in range(3)})
    run = dict(teacher="srresnet-x4-lite", teacher_patches=6, degradation="realistic", batch_size=2, checkpoint_every=2, crop=32,
               validation="none", cache_dir=str(tmp_path / "cache"))  # fmt: skip
    train(configuration(photos, tmp_path / "first", **run))  # may have begun with fewer patches than the others
    (kept,) = (tmp_path / "cache" / "distilled").iterdir()
    assert 0 not in (kept / "done.bin").read_bytes()
    made = {file.name: file.stat().st_mtime_ns for file in kept.glob("*.bin")}
    train(configuration(photos, tmp_path / "whole", **run))
    train(configuration(photos, tmp_path / "part", **{**run, "max_train_time": "0s"}))
    train(configuration(photos, tmp_path / "part", **run, resume="latest"))
    assert same_weights(tmp_path / "whole", tmp_path / "part")
    assert {file.name: file.stat().st_mtime_ns for file in kept.glob("*.bin")} == made
    card = (tmp_path / "whole" / "README.md").read_text()
    assert "srresnet-x4-lite's results in place of HR in HR's colors, HR where LR is within 2.0 gray levels" in card


@pytest.fixture
def dense(esrgan, tmp_path, monkeypatch):
    """Folders of a generator of two groups of dense blocks, and of the same with fewer channels."""
    monkeypatch.setattr(smaller_esrgan, "UPDATES", 2)
    wide = of_esrgan(load_network(esrgan).network, [0, 2], [torch.rand(1, 3, 16, 16)])
    wide.save_pretrained(tmp_path / "wide")
    narrowed(wide, 8, [torch.rand(1, 3, 16, 16)]).save_pretrained(tmp_path / "narrow")
    return dict(teacher=str(tmp_path / "wide"), pretrained=str(tmp_path / "narrow"), width=8, growth=8, norm="none", blocks=2)


def test_the_blocks_of_a_teacher_are_learned(dense, photo_folder, tmp_path):
    output = train(configuration(
        photo_folder, tmp_path / "run", **dense, degradation="realistic", blocks_weight=1.0, pixel_weight=0.0,
        max_train_steps=60, lr=3e-3, log_every=10, ema_decay=0.5, validation="none",
    ))  # fmt: skip
    lost = [row["blocks"] for row in map(json.loads, (output / "log.jsonl").read_text().splitlines()) if "blocks" in row]
    assert lost[-1] < 0.8 * lost[0]
    result, start = map(SRGANGenerator.from_pretrained, (output, dense["pretrained"]))
    for name in ("head", "upsample", "tail"):
        assert all(map(torch.equal, getattr(result, name).parameters(), getattr(start, name).parameters()))
    assert "1 x blocks (mean squared distance from the teacher's" in (output / "README.md").read_text()


@pytest.mark.parametrize(("more", "said"), [
    (dict(blocks_weight=1.0), "--blocks_weight compares the blocks with a teacher's"),
    (dict(blocks_weight=1.0, teacher="srresnet-x4-lite"), "trains blocks, not images"),
    (dict(blocks_weight=1.0, pixel_weight=0.0, teacher="srresnet-x4-lite"),
     "must be a generator with as many blocks"),
    (dict(teacher_patches=5), "keeps a --teacher's results"),
    (dict(teacher_patches=5, teacher="srresnet-x4-lite", streaming=True), "not streamed"),
    (dict(clean_teacher="srresnet-x4-lite"), "--clean_teacher needs patches that are kept"),
])  # fmt: skip
def test_options_of_a_teacher_that_make_no_sense_are_a_sentence(more, said, photo_folder, tmp_path):
    with pytest.raises(ValueError, match=said):
        train(configuration(photo_folder, tmp_path / "run", **more))


def test_surfaces_of_one_colour_are_learned_with_the_statistics_as_they_were(photo_folder, tmp_path):
    torch.manual_seed(0)
    start = SRGANGenerator(width=4, blocks=1)
    torch.nn.init.normal_(start.tail.weight, std=0.05)
    start.body[0].norm1.running_mean.fill_(0.1)
    start.save_pretrained(tmp_path / "start")
    run = dict(pretrained=str(tmp_path / "start"), teacher=str(tmp_path / "start"), freeze_norm=True, max_train_steps=50, lr=0.03,
               ema_decay=0.1, validation="none", log_every=30)  # fmt: skip
    lost = []
    for weight in (0.0, 1.0):
        train(configuration(photo_folder, tmp_path / f"{weight}", flat_weight=weight, **run))
        result = SRGANGenerator.from_pretrained(tmp_path / f"{weight}")
        lost.append(constant_color_loss(result, random_colors(np.random.default_rng(0))).item())
        assert torch.allclose(result.body[0].norm1.running_mean, torch.full((4,), 0.1))
    assert lost[1] < lost[0] / 4, lost
    assert "1 x flat (mean squared error of surfaces of one color" in (tmp_path / "1.0" / "README.md").read_text()
