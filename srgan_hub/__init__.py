"""SRGAN: `Upscaler.from_pretrained("srgan-x4")(image)`. Names are imported on first use."""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {
    "CheckpointError": "hub.load",
    "SRGANDiscriminator": "models.discriminator",
    "SRGANGenerator": "models.srresnet.network",
    "Upscaler": "inference.upscaler",
    "VGGFeatures": "models.features",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
