"""Writes docs/reproduction.md: the paper's Tables 1 and 2 beside the results of our checkpoints, row by row.

    python -m benchmarks.reproduction

Our numbers are from docs/results.json and docs/paper.json, which `srgan-hub benchmark --json` writes."""

from __future__ import annotations

import json
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
REPORTS = ("results.json", "paper.json")
# PSNR in dB, SSIM, mean opinion score, as printed in the paper
TABLE_1 = {
    "Set5": {"SRResNet-MSE": (32.05, 0.9019, 3.37), "SRResNet-VGG22": (30.51, 0.8803, 3.46), "SRGAN-MSE": (30.64, 0.8701, 3.77),
             "SRGAN-VGG22": (29.84, 0.8468, 3.78), "SRGAN-VGG54": (29.40, 0.8472, 3.58)},
    "Set14": {"SRResNet-MSE": (28.49, 0.8184, 2.98), "SRResNet-VGG22": (27.19, 0.7807, 3.15), "SRGAN-MSE": (26.92, 0.7611, 3.43),
              "SRGAN-VGG22": (26.44, 0.7518, 3.57), "SRGAN-VGG54": (26.02, 0.7397, 3.72)},
}  # fmt: skip
TABLE_2 = {
    "Set5": {"nearest": (26.26, 0.7552, 1.28), "bicubic": (28.43, 0.8211, 1.97), "SRCNN": (30.07, 0.8627, 2.57),
             "SelfExSR": (30.33, 0.872, 2.65), "DRCN": (31.52, 0.8938, 3.26), "ESPCN": (30.76, 0.8784, 2.89),
             "SRResNet": (32.05, 0.9019, 3.37), "SRGAN": (29.40, 0.8472, 3.58), "HR": (float("inf"), 1, 4.32)},
    "Set14": {"nearest": (24.64, 0.7100, 1.20), "bicubic": (25.99, 0.7486, 1.80), "SRCNN": (27.18, 0.7861, 2.26),
              "SelfExSR": (27.45, 0.7972, 2.34), "DRCN": (28.02, 0.8074, 2.84), "ESPCN": (27.66, 0.8004, 2.52),
              "SRResNet": (28.49, 0.8184, 2.98), "SRGAN": (26.02, 0.7397, 3.72), "HR": (float("inf"), 1, 4.32)},
    "BSD100": {"nearest": (25.02, 0.6606, 1.11), "bicubic": (25.94, 0.6935, 1.47), "SRCNN": (26.68, 0.7291, 1.87),
               "SelfExSR": (26.83, 0.7387, 1.89), "DRCN": (27.21, 0.7493, 2.12), "ESPCN": (27.02, 0.7442, 2.01),
               "SRResNet": (27.58, 0.7620, 2.29), "SRGAN": (25.16, 0.6688, 3.56), "HR": (float("inf"), 1, 4.46)},
}  # fmt: skip
OURS = {  # row of the paper: our method, and a remark beside it
    "nearest": ("nearest", "Pillow's"),
    "bicubic": ("bicubic", "Pillow's"),
    "SRResNet": ("srresnet-x4", "its card says how long it was trained"),
    "SRResNet-MSE": ("srresnet-x4", "its card says how long it was trained"),
    "SRResNet-VGG22": ("srresnet-vgg22", "from srresnet-x4, 300 updates; stand-in for VGG19"),
    "SRGAN-MSE": ("srgan-mse", "from srresnet-x4, 330 updates"),
    "SRGAN-VGG22": ("srgan-vgg22", "from srresnet-x4, 330 updates; stand-in for VGG19"),
    "SRGAN-VGG54": ("srgan-vgg54", "from srresnet-x4, 330 updates; stand-in for VGG19"),
    "SRGAN": ("srgan-x4", "another loss, with a stand-in for VGG19, then EfficientNet-Lite2, and less of it: its card"),
}
OTHERS = {"SRCNN", "SelfExSR", "DRCN", "ESPCN"}  # networks that we do not train


def page(*reports: dict) -> str:
    """The page, from the reports of `srgan-hub benchmark`."""
    lines = [
        "# The paper's tables, and ours",
        "",
        "Ledig et al. 2017, arXiv:1609.04802, Tables 1 and 2, four times enlarged: PSNR in dB / SSIM, and the mean opinion",
        "score. Ours are measured by `srgan-hub benchmark` on the stored weights (docs/results.json and, for Table 1,",
        "docs/paper.json have every image and hash).",
        "",
        "The paper's SSIM comes from another package (daala), about .009 higher on Set5 than the usual one of Wang et al. with a",
        "Gaussian window, which ours is: PSNRs can be compared across, SSIMs cannot. Our interpolations are Pillow's.",
        "",
        "The opinion scores are the paper's 26 raters'. Ours: not rated ([opinion-scores.md](opinion-scores.md)).",
    ]
    for title, table in (("Table 1: what the loss does", TABLE_1), ("Table 2: beside other methods", TABLE_2)):
        lines += ["", f"## {title}"]
        for name, rows in table.items():
            lines += ["", f"### {name}", "", "| | paper | paper's MOS | ours | our MOS | |", "| --- |" + " --- |" * 5]
            results = {method: one for report in reports for method, one in report["sets"][name]["results"].items()}
            lines += [line(row, numbers, results) for row, numbers in rows.items()]
    return "\n".join(lines) + "\n"


def line(row: str, numbers: tuple[float, float, float], results: dict) -> str:
    psnr, ssim, mos = numbers
    paper = f"{psnr:.2f} / {ssim:.4f}"
    if row == "HR":
        return f"| HR | {paper} | {mos:.2f} | inf / 1.0000 | not rated | |"
    if row in OTHERS:
        return f"| {row} | {paper} | {mos:.2f} | - | - | not part of this project |"
    name, words = OURS[row]
    mean = results[name]["mean"]
    return f"| {row} | {paper} | {mos:.2f} | {mean['psnr']:.2f} / {mean['ssim']:.4f} | not rated | {name}: {words} |"


def main() -> None:
    reports = [json.loads((DOCS / name).read_text()) for name in REPORTS]
    (DOCS / "reproduction.md").write_text(page(*reports), encoding="utf-8")


if __name__ == "__main__":
    main()
