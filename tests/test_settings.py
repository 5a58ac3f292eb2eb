import pytest

from srgan_hub.losses import VARIANTS
from srgan_hub.training.config import weights_of
from train_accelerate import Config


def test_flags_override_the_variant():
    assert weights_of(Config(variant="srgan-vgg54")) == VARIANTS["srgan-vgg54"]._replace(d_lr=1e-4)  # the generator's
    same = dict(gan="relativistic", lr=3e-4, d_lr=1e-5)
    changed = weights_of(Config(variant="srgan-vgg54", content_layers="vgg22,vgg44", pixel_weight=0.5, **same))
    assert changed == VARIANTS["srgan-vgg54"]._replace(layers=("vgg22", "vgg44"), pixel=0.5, **same)
    assert weights_of(Config(variant="srgan-plus", adversarial_weight=0.0)).d_warmup == 0  # there is nobody to warm up


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (dict(variant="srgan"), "--variant must be one of srresnet-mse"),
        (dict(mixed_precision="fp8"), "--mixed_precision must be one of bf16, fp16, no"),
        (dict(ema_decay=2.0), "--ema_decay must be from 0 to below 1, got 2.0"),
        (dict(threads=-1), "--threads must be"),
        (dict(keep=0.5), "give them with --pretrained"),
        (dict(freeze_norm=True), "give a generator that has them with --pretrained"),
        (dict(grid_side=0), "--grid_side must be from 1"),
        (dict(batch_size=0), "--batch_size must be at least 1, got 0"),
        (dict(content_weight=1.0), "has no content layer"),
        (dict(content_layers="vgg22,vgg99"), "no layer vgg99; there are vgg12"),
        (dict(content_layers="vgg22,stage1"), "must be of one network"),
        (dict(content_layers="stage1", vgg_weights="vgg.safetensors"), "--vgg_weights is not used for stage1"),
        (dict(variant="srgan-plus", content_layers="stage2,stage5", crop=16), "--crop must be at least 32 for stage2, stage5"),
        (dict(pixel_weight=-1.0), "--pixel_weight must be from 0"),
        (dict(pixel_weight=0.0), "every weight is 0"),
        (dict(degradation="blurry"), "--degradation must be one of bicubic"),
        (dict(max_train_time="soon"), "90m, 1h30m or 45s, got 'soon'"),
        (dict(max_train_time=""), "90m, 1h30m or 45s, got ''"),
        (dict(seed=-1), "--seed must be from 0 to below 4294967296, got -1"),
        (dict(variant="srresnet-vgg22", content_layers="vgg22,vgg54", crop=8), "--crop must be at least 16 for vgg22, vgg54"),
        (dict(optimizer="sgd"), "--optimizer must be one of adam, muon, got 'sgd'"),
        (dict(optimizer="muon", mixed_precision="fp16"), "muon cannot skip steps"),
        (dict(variant="srgan-plus", max_train_steps=50), "leave none of 50 for the generator"),
    ],
)
def test_senseless_options_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        weights_of(Config(**changes))
