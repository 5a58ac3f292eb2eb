"""The paper's variants as in its Table 1 (Ledig et al. 2017, sections 2.2 and 3.2)."""

from srgan_hub.losses import VARIANTS, LossConfig


def test_the_papers_variants_have_its_weights():
    assert VARIANTS["srresnet-mse"]._replace(lr=1e-4) == LossConfig(pixel=1.0)  # whose learning rate is ours
    assert VARIANTS["srresnet-vgg22"] == LossConfig(content=1.0, layers=("vgg22",), tv=2e-8)
    assert VARIANTS["srgan-mse"] == LossConfig(pixel=1.0, adversarial=1e-3)
    assert VARIANTS["srgan-vgg22"] == LossConfig(content=1.0, layers=("vgg22",), adversarial=1e-3)
    assert VARIANTS["srgan-vgg54"] == LossConfig(content=1.0, layers=("vgg54",), adversarial=1e-3)
