"""Measures of a result beside its original: PSNR and SSIM as in the super-resolution literature (on Y, `scale` pixels cut from
every border), NIQE, the feature distance, and others."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from srgan_hub.imaging.color import luma
from srgan_hub.imaging.resize import downsample, shrunk_exactly
from srgan_hub.models.features import MEAN, STD, classifier, installed, stages

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5     # Wang et al. 2004, doi:10.1109/TIP.2003.819861
SSIM_K1, SSIM_K2 = 0.01, 0.03
JPEG_BLOCK = 8  # pixels a side


def inside_border(sr: np.ndarray, hr: np.ndarray, border: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Both images without the border: (H, W, 3) uint8 RGB -> (H - 2 border, W - 2 border, 3).

    Raises ValueError if the sizes differ or nothing is left."""
    if sr.shape != hr.shape:
        raise ValueError(f"the images differ in size: {sr.shape[1]}x{sr.shape[0]} and {hr.shape[1]}x{hr.shape[0]}")
    if min(sr.shape[:2]) <= 2 * border:
        raise ValueError(f"an image of {sr.shape[1]}x{sr.shape[0]} has nothing left inside a border of {border} pixels")
    inside = slice(border, -border or None)
    return sr[inside, inside], hr[inside, inside]


def measured_area(sr: np.ndarray, hr: np.ndarray, border: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Y in [16, 235] of both images inside the border."""
    sr, hr = inside_border(sr, hr, border)
    return luma(sr), luma(hr)


def psnr(sr: np.ndarray, hr: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two images of one shape, in [0, 255]; infinite if they are equal."""
    mse = np.mean((sr.astype(np.float64) - hr.astype(np.float64)) ** 2)
    return float("inf") if mse == 0 else float(10 * np.log10(255**2 / mse))


def ssim(sr: np.ndarray, hr: np.ndarray) -> float:
    """Structural similarity of two (H, W) images in [0, 255]: Wang et al. 2004, 11x11 Gaussian window, whole windows only.

    nan for an image smaller than the window. The paper's own figures come from another package (daala) and are about .009
    higher on Set5: do not compare the two.
    """
    if min(sr.shape) < SSIM_WINDOW:
        return float("nan")
    x, y = (torch.from_numpy(np.asarray(image, dtype=np.float64))[None, None] for image in (sr, hr))
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    gauss = torch.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    gauss = gauss / gauss.sum()

    def mean(image):
        return F.conv2d(F.conv2d(image, gauss.view(1, 1, -1, 1)), gauss.view(1, 1, 1, -1))

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
    c1, c2 = (SSIM_K1 * 255) ** 2, (SSIM_K2 * 255) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return float(similarity.mean())


def lr_consistency(sr: np.ndarray, lr: np.ndarray, scale: int = 4) -> float:
    """PSNR in dB over RGB between the result, shrunk the way LR images are made, and the LR image it came from.

    (scale H, scale W, 3) and (H, W, 3) uint8. It tells how much was added to the given image or left out of it."""
    return psnr(downsample(torch.from_numpy(sr.transpose(2, 0, 1).copy()), scale).permute(1, 2, 0).numpy(), lr)


def colour_shift(sr: np.ndarray, hr: np.ndarray) -> float:
    """By how many gray levels the mean of a channel is off, for the worst of red, green and blue; (H, W, 3) uint8 each."""
    return float(np.abs(sr.mean(axis=(0, 1)) - hr.mean(axis=(0, 1))).max())


def detail(sr: np.ndarray, hr: np.ndarray, scale: int = 4) -> float:
    """Energy of the frequencies that an LR image cannot hold, relative to the original, in dB; (H, W) each. 0: as much as the
    original; below 0: smoother.

    These are the frequencies of the Fourier transform beyond LR's highest, across or down. A Hann window keeps the borders out.
    nan if the original has no energy there."""
    rows, columns = (np.abs(np.fft.fftfreq(side)) for side in hr.shape)
    beyond = (rows[:, None] > 0.5 / scale) | (columns > 0.5 / scale)
    window = np.hanning(hr.shape[0])[:, None] * np.hanning(hr.shape[1])
    own, original = (float((np.abs(np.fft.fft2((y - y.mean()) * window)) ** 2)[beyond].sum()) for y in (sr, hr))
    nothing = 1e-12 * hr.size  # rounding error
    return float(10 * np.log10(max(own, nothing) / original)) if original > nothing else float("nan")


def grid(sr: np.ndarray, scale: int = 4) -> float:
    """Strength of a pattern over the whole image that repeats with every LR pixel, in gray levels; .1 to .25 after bicubic.

    (H, W, 3) uint8. Y is averaged at each of the scale x scale places within an LR pixel; the result is the standard deviation
    of these means. Sub-pixel convolutions cause the pattern. PSNR hardly notices it, but eyes do on smooth surfaces."""
    y = luma(sr[: sr.shape[0] // scale * scale, : sr.shape[1] // scale * scale])
    return float(y.reshape(-1, scale, y.shape[1] // scale, scale).mean(axis=(0, 2)).std())


def blocks(sr: np.ndarray, scale: int = 4) -> float:
    """How much is left of the 8x8 blocks of a JPEG file after enlargement, (H, W, 3) uint8: the mean step of Y across their
    borders divided by that across their middles. 1: nothing is left. A sharp image is divided by more and so gets a lower value.
    nan below 3 blocks."""
    y, side = luma(sr), JPEG_BLOCK * scale
    if min(y.shape) < 3 * side:
        return float("nan")
    borders, middles = [], []
    for image in (y, y.T):
        steps = np.abs(image[:, scale:] - image[:, :-scale])  # over one LR pixel
        centre = np.arange(side, image.shape[1] - side, side) - scale // 2
        borders.append(steps[:, centre].mean())
        middles.append(steps[:, centre + side // 2].mean())
    return float(np.sum(borders) / max(np.sum(middles), 1e-12))


# NIQE: how natural an image looks, without its original. Lower is better; photos have about 2 to 5.
#
# Mittal, Soundararajan and Bovik 2013, "Making a completely blind image quality analyzer", doi:10.1109/LSP.2012.2227726. The
# statistics of natural images in niqe.safetensors are those that the authors released with their MATLAB code.


NATURAL = Path(__file__).with_name("niqe.safetensors")
BLOCK = 96                            # pixels a side; at least two blocks are needed for a covariance
WINDOW, SIGMA = 7, 7 / 6
SHAPES = torch.arange(0.2, 10.0005, 0.001, dtype=torch.float64)  # of the generalized Gaussians that are tried
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def niqe(image: np.ndarray, border: int = 4) -> float:
    """NIQE of the Y of an (H, W, 3) uint8 RGB image without its border; at least two blocks of 96x96 must be left.

    Raises ValueError for a smaller image."""
    inside = slice(border, -border or None)
    y = torch.from_numpy(luma(image[inside, inside])).round()
    rows, columns = (side // BLOCK for side in y.shape)
    if rows * columns < 2:
        raise ValueError(
            f"NIQE needs two blocks of {BLOCK}x{BLOCK} pixels inside the border of {border}, "
            f"got an image of {image.shape[1]}x{image.shape[0]}"
        )
    y = y[: rows * BLOCK, : columns * BLOCK]
    found = torch.cat([features(y, BLOCK), features(shrunk_exactly(y, 2), BLOCK // 2)], dim=1)
    whole = found[found.isfinite().all(dim=1)]  # blocks without any contrast have no statistics
    if len(whole) < 2:
        return float("nan")
    mean, covariance = natural()
    apart = mean - found.nanmean(dim=0)
    return float((apart @ torch.linalg.pinv((covariance + whole.T.cov()) / 2) @ apart).sqrt())


def niqe_of_result(sr: np.ndarray, hr: np.ndarray, scale: int = 4) -> float:
    """NIQE as one measure among others (benchmark.py), without a border of `scale` pixels. HR is ignored, and an image that is
    too small gets nan."""
    try:
        return niqe(sr, scale)
    except ValueError:
        return float("nan")


@functools.cache
def natural() -> tuple[Tensor, Tensor]:
    """Mean (36,) and covariance (36, 36) of the features of natural photos."""
    tensors = load_file(NATURAL)
    return tensors["mean"], tensors["covariance"]


def features(y: Tensor, block: int) -> Tensor:
    """(H, W) -> (blocks, 18): the distribution of the normalized luminance and of its products with four neighbors."""
    blocks = normalised(y).unfold(0, block, block).unfold(1, block, block).flatten(0, 1)
    shape, left, right = generalised_gaussian(blocks)
    columns = [shape, (left + right) / 2]
    for shift in NEIGHBOURS:
        shape, left, right = generalised_gaussian(blocks * blocks.roll(shift, dims=(1, 2)))
        mean = (right - left) * (torch.lgamma(2 / shape) - torch.lgamma(1 / shape)).exp()
        columns += [shape, mean, left, right]
    return torch.stack(columns, dim=1)


def normalised(y: Tensor) -> Tensor:
    """(H, W) -> every pixel minus the mean of its surroundings, divided by their standard deviation plus 1."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    gauss = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    gauss = gauss / gauss.sum()

    def around(image: Tensor) -> Tensor:
        padded = F.pad(image[None, None], [WINDOW // 2] * 4, mode="replicate")
        return F.conv2d(F.conv2d(padded, gauss.view(1, 1, -1, 1)), gauss.view(1, 1, 1, -1))[0, 0]

    mean = around(y)
    return (y - mean) / ((around(y * y) - mean**2).abs().sqrt() + 1)


def generalised_gaussian(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shape, left and right scale (each (N,)) of the asymmetric generalized Gaussian closest to each of (N, h, w) blocks."""
    values = blocks.flatten(1)
    left, right = (root_mean_square(values, values < 0), root_mean_square(values, values > 0))
    ratio = left / right
    spread = values.abs().mean(dim=1) ** 2 / (values**2).mean(dim=1)
    wanted = spread * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    logs = 2 * torch.lgamma(2 / SHAPES) - torch.lgamma(1 / SHAPES) - torch.lgamma(3 / SHAPES)
    shape = SHAPES[(logs.exp() - wanted[:, None]).abs().argmin(dim=1)]
    scale = ((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2).exp()
    return shape, left * scale, right * scale


def root_mean_square(values: Tensor, where: Tensor) -> Tensor:
    """For each row of (N, M) values, over those where the mask is set; nan if it never is."""
    return ((values**2 * where).sum(dim=1) / where.sum(dim=1)).sqrt()


# Feature distance: how different two images are to an image classifier that no loss uses.
#
# The network is EfficientNet-Lite0. The comparison is that of Zhang et al. 2018 (arXiv:1801.03924, equation 1) without learned
# weights, so do not call the result LPIPS. A content loss may use EfficientNet-Lite2 (`--content_layers stage1`), which was
# trained on the same photos: a generator trained with it may look better here than to another judge.


NETWORK = "lite0"
SMALLEST = 32  # pixels a side: one position at the deepest level


def has_feature_distance() -> bool:
    """Whether the network's packages are installed; does not import them."""
    return installed(NETWORK)


class FeatureDistance:
    """Distance between two images, 0 if they are equal and 2 at most; smaller is more alike. Symmetric. Loads the network once.

    Five feature maps, one at each stride 2, 4, 8, 16 and 32: the input of the next strided convolution, or at the last stride
    the input of the classifier's pooling; all after a ReLU6. Channel vectors are scaled to unit length, squared distances are
    averaged over positions, and the five levels are averaged. Deeper levels differ more: the last is about half of the result.

    What it is good for: it tells which of two versions of an image has less blur, noise or JPEG damage. Unlike PSNR, it forgives
    a sharp image whose details are a pixel off.
    Where it fails: invented texture costs nearly as much as missing texture, so a soft image can score better than a sharp one
    that people would choose. On average, Real-ESRGAN lies between SRResNet and bicubic. Compare only means over the same images,
    because values depend on what an image shows. Small images have few positions at the deep levels (128x128 pixels give 16 at
    the last), and there the network's zero padding affects the result.

    Raises ValueError if the packages are not installed or the weights are not the ones expected.
    """

    def __init__(self, device: str | torch.device = "cpu"):
        self.device = torch.device(device)
        self.network = classifier(NETWORK).to(self.device)

    @torch.inference_mode()
    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        """Distance between two (H, W, 3) uint8 RGB images of one size, at least 32 pixels a side. No border is cut.

        Raises ValueError for images of another shape or type, of different sizes, or too small."""
        for image in (sr, hr):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueError(f"expected (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
        if sr.shape != hr.shape:
            raise ValueError(f"the images differ in size: {sr.shape[1]}x{sr.shape[0]} and {hr.shape[1]}x{hr.shape[0]}")
        if min(sr.shape[:2]) < SMALLEST:
            raise ValueError(
                f"the feature distance needs at least {SMALLEST}x{SMALLEST} pixels, got {sr.shape[1]}x{sr.shape[0]}"
            )
        pairs = zip(*(self.levels(self.scaled(image)) for image in (sr, hr)), strict=True)
        return float(np.mean([unit_distance(x, y).item() for x, y in pairs]))

    def levels(self, x: Tensor) -> Iterator[Tensor]:
        """(N, 3, H, W) from `scaled` -> the maps to compare."""
        return stages(self.network, x)

    def scaled(self, image: np.ndarray) -> Tensor:
        """(H, W, 3) uint8 -> (1, 3, H, W) in [-1, 1], as the network was trained."""
        pixels = torch.from_numpy(image.astype(np.float32)).to(self.device)
        return ((pixels - MEAN) / STD).permute(2, 0, 1)[None]


def unit_distance(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance between the channel vectors of two (N, C, H, W) maps, each scaled to unit length; in [0, 4], or in
    [0, 2] for maps without negative values."""
    return (F.normalize(x, dim=1) - F.normalize(y, dim=1)).square().sum(dim=1).mean()


def perceptual_measures(
    scale: int = 4, device: str | torch.device = "cpu"
) -> dict[str, Callable[[np.ndarray, np.ndarray], float]]:
    """The measures of (SR, HR) beside PSNR and SSIM: NIQE, and the feature distance if its packages are installed."""
    found = {"niqe": functools.partial(niqe_of_result, scale=scale)}
    return found | {"feature_distance": FeatureDistance(device)} if has_feature_distance() else found


# Invented detail: how far a GAN's result is from that of its faithful partner for the same LR image.
#
# The partner minimizes the squared error, so it shows the mean of all likely originals (Ledig et al. 2017, section 2.1); texture
# beyond that is the GAN's choice. benchmarks/invented_detail.py measures how well this shows where a result is wrong. From the LR
# image alone, nothing can tell whether a single hair is right.


SPREAD = 4.0    # pixels, standard deviation; chosen on photos held out from training (docs/page.md)
STRONG = 12.0   # gray levels, of the 219 between black and white, from which the map is saturated
# from nothing to strong; stronger is both darker and redder, so that the map can be read without color vision
COLOURS = np.array([[255, 255, 255], [254, 217, 118], [253, 141, 60], [227, 26, 28], [104, 0, 16]], np.float64)


def invented(sr: np.ndarray, mean: np.ndarray, spread: float = SPREAD) -> np.ndarray:
    """(H, W, 3) uint8 of the GAN and of its partner -> (H, W) gray levels of Y by which they differ around each pixel.

    spread: how far "around" reaches, in pixels. Raises ValueError if the sizes differ."""
    if sr.shape != mean.shape:
        raise ValueError(f"the images differ in size: {sr.shape[1]}x{sr.shape[0]} and {mean.shape[1]}x{mean.shape[0]}")
    return smoothed(np.abs(luma(sr) - luma(mean)), spread)


def lr_error(sr: np.ndarray, lr: np.ndarray, scale: int = 4) -> np.ndarray:
    """(scale H, scale W, 3) and (H, W, 3) uint8 -> (H, W) gray levels of Y by which the result, shrunk again, differs from LR."""
    again = downsample(torch.from_numpy(sr.transpose(2, 0, 1).copy()), scale).permute(1, 2, 0).numpy()
    return np.abs(luma(again) - luma(lr))


def smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """(H, W) filtered by a Gaussian with this standard deviation in pixels; the borders are mirrored."""
    reach = round(3 * sigma)
    kernel = torch.exp(-torch.arange(-reach, reach + 1, dtype=torch.float64).square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = torch.from_numpy(np.pad(values, reach, mode="symmetric"))[None, None]
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))[0, 0].numpy()


def coloured(levels: np.ndarray) -> np.ndarray:
    """(H, W) gray levels -> (H, W, 3) uint8: white for 0, through yellow and red, to dark red for STRONG and more."""
    place = np.clip(levels / STRONG, 0, 1) * (len(COLOURS) - 1)
    lower = np.minimum(place.astype(int), len(COLOURS) - 2)
    share = (place - lower)[..., None]
    return ((1 - share) * COLOURS[lower] + share * COLOURS[lower + 1]).round().astype(np.uint8)
