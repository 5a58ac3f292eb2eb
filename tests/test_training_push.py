import json

import pytest

from srgan_hub import SRGANGenerator
from srgan_hub.losses import VARIANTS, describe
from srgan_hub.training.push import changed_options, finished, public, training_card, write_result
from train_accelerate import Config

RECORD = dict(
    updates=7, seconds=61.0, validation={"psnr": 25.125, "ssim": 0.75}, held_out="3 photographs, split validation",
    photographs=9, generator=dict(scale=2, width=4, blocks=1, norm="none"), config={"lr": None},
)  # fmt: skip


def test_result_is_a_checkpoint_with_card_and_record(tmp_path):
    generator = SRGANGenerator(width=4, blocks=1)
    write_result(tmp_path, generator, "the card", RECORD)
    assert SRGANGenerator.from_pretrained(tmp_path).width == 4
    assert (tmp_path / "README.md").read_text() == "the card"
    assert json.loads((tmp_path / "training.json").read_text()) == RECORD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "config.json", "model.safetensors", "training.json"]


def test_finished_is_what_has_had_all_its_updates(tmp_path):
    assert not finished(tmp_path, 7)
    write_result(tmp_path, SRGANGenerator(width=4, blocks=1), "", RECORD)
    assert finished(tmp_path, 7)
    assert not finished(tmp_path, 8)
    (tmp_path / "model.safetensors").unlink()
    assert not finished(tmp_path, 7)
    (tmp_path / "training.json").write_text("{")
    assert not finished(tmp_path, 7)


def test_card_tells_what_was_trained_how_and_how_good_it_is(tmp_path):
    config = Config(output_dir="runs/mine", dataset=str(tmp_path), lr=3e-4, scale=2, cache_dir="somewhere")
    card = training_card(config, VARIANTS["srgan-mse"], SRGANGenerator(scale=2, width=4), RECORD, None)
    assert "enlarges a photo 2 times" in card
    assert f"--dataset {tmp_path.name} --scale 2 --lr 0.0003 --output_dir runs/mine`" in card
    assert "| updates | 7 of 100000, 1 minutes |" in card
    assert "PSNR-Y 25.12 dB, SSIM-Y 0.7500; 3 photographs, split validation" in card
    assert "1 x pixel (mean squared error, images on [-1, 1]) + 0.001 x adversarial (standard" in card
    assert str(tmp_path) not in card


def test_what_lies_on_this_machine_is_named_without_its_place(tmp_path):
    config = Config(dataset=str(tmp_path), pretrained="user/name")
    assert public(config)["dataset"] == tmp_path.name
    assert changed_options(config) == {"dataset": tmp_path.name, "pretrained": "user/name"}


def test_places_that_are_no_longer_there_are_not_told_either():
    """A checkpoint that was resumed is gone after two newer ones; a pattern never was a file."""
    places = dict(resume="/home/me/runs/a/checkpoints/checkpoint-0000001", cache_dir="~/mine", data_files="/home/me/p/*.png",
                  validation="../secret/photos")  # fmt: skip
    shown = public(Config(**places, dataset="user/name", output_dir="runs/a"))
    assert [shown[name] for name in places] == ["checkpoint-0000001", "mine", "*.png", "photos"]
    assert (shown["dataset"], shown["output_dir"]) == ("user/name", "runs/a")


def test_card_names_what_others_can_load():
    def card(**where):
        return training_card(Config(**where), VARIANTS["srresnet-mse"], SRGANGenerator(width=4), RECORD, None)

    assert 'from_pretrained("runs/a")' in card(output_dir="runs/a")
    assert 'from_pretrained("user/name")' in card(output_dir="runs/a", push_to_hub="user/name")
    private = card(output_dir="/home/me/runs/a")
    assert "--output_dir a`" in private
    assert "/home/me" not in private


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_put_in_words_with_range_and_layer(name):
    words = describe(VARIANTS[name], "vgg19")
    variant = VARIANTS[name]
    assert ("[-1, 1]" in words) == bool(variant.pixel)
    assert all(layer in words for layer in variant.layers)
    assert ("after the ReLU" in words) == bool(variant.content)
    assert ("2e-08 x total variation" in words) == (name == "srresnet-vgg22")
