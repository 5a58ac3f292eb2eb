"""Rows of measures -> a table a set in Markdown, every value as JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import math

from srgan_hub.evaluation.benchmark import mean

COLUMNS = {  # measure: heading, form of a number
    "psnr": ("PSNR-Y, dB", ".2f"),
    "ssim": ("SSIM-Y", ".4f"),
    "psnr_rgb": ("PSNR-RGB, dB", ".2f"),
    "niqe": ("NIQE", ".2f"),
    "feature_distance": ("feature distance", ".4f"),
    "lpips": ("LPIPS", ".4f"),
    "dists": ("DISTS", ".4f"),
    "lr_consistency": ("LR consistency, dB", ".2f"),
    "colour_shift": ("colour shift", ".2f"),
    "detail": ("detail, dB", ".2f"),
    "grid": ("grid", ".2f"),
    "blocks": ("blocks", ".3f"),
    "seconds": ("s", ".2f"),
}

Results = dict[str, dict[str, list[dict]]]  # set -> method -> rows of `measure`


def means(rows: list[dict]) -> dict[str, float]:
    """The mean of every measure, and all megapixels over all seconds as "speed"."""
    found = {name: mean(rows, name) for name in COLUMNS if name in rows[0]}
    seconds = sum(row["seconds"] for row in rows)
    return {**found, "speed": sum(row["megapixels"] for row in rows) / seconds if seconds else math.inf}


def markdown(results: Results, notes: dict[str, str] | None = None) -> str:
    """One table a set; notes: a line under a set's name. "(n)" stands behind a mean over fewer images than the set has."""
    parts = []
    for name, by_method in results.items():
        first = next(iter(by_method.values()))
        shown = [measure for measure in COLUMNS if measure in first[0]]
        headings = [COLUMNS[measure][0] for measure in shown]
        lines = [f"### {name}", "", (notes or {}).get(name, f"{len(first)} images."), ""]
        lines += ["| " + " | ".join(["method", *headings, "megapixels/s"]) + " |", "| --- |" + " --- |" * (len(shown) + 1)]
        for method, rows in by_method.items():
            cells = [cell(rows, measure) for measure in shown] + [f"{means(rows)['speed']:.2f}"]
            lines.append("| " + " | ".join([method, *cells]) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def cell(rows: list[dict], measure: str) -> str:
    have = sum(not math.isnan(row[measure]) for row in rows)
    if not have:
        return "-"
    text = format(mean(rows, measure), COLUMNS[measure][1])
    return text if have == len(rows) else f"{text} ({have})"


def as_json(report: dict) -> str:
    """JSON that every reader takes: an infinite number is the word "inf", one that is missing is null."""
    return json.dumps(_plain(report), indent=2, allow_nan=False) + "\n"


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    return value


def from_json(value: float | str | None) -> float:
    """A number of `as_json` as it was."""
    return math.nan if value is None else float(value)


def as_csv(results: Results) -> str:
    """One line an image: set, method, image, and its measures; empty where there is none."""
    file = io.StringIO()
    first = next(iter(next(iter(results.values())).values()))[0]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["set", "method", *first])
    for name, by_method in results.items():
        for method, rows in by_method.items():
            for row in rows:
                values = ["" if isinstance(value, float) and math.isnan(value) else value for value in row.values()]
                writer.writerow([name, method, *values])
    return file.getvalue()
