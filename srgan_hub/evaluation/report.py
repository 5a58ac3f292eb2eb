"""What must accompany measured numbers, so that others can reproduce them (protocol, engines, hashes); tables, JSON, and a card's
index of results."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime

from srgan_hub import __version__
from srgan_hub.data.benchmarks import BenchmarkSet, Pair, compared, hashes
from srgan_hub.evaluation.benchmark import Method, mean
from srgan_hub.evaluation.metrics import CARD, METRICS, Metric, metrics_for
from srgan_hub.evaluation.niqe import niqe


def new_report(methods: Sequence[Method], scale: int, metrics: Sequence[Metric]) -> dict:
    """What all sets have in common, ready for JSON; "words" is the protocol as one line of text."""
    known = dict(metric.definition.format(scale=scale).split(": ", 1) for metric in metrics)
    engines = sorted({method.about["engine"] for method in methods})
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = "; ".join(f"{key}: {text}" for key, text in known.items()) + f". Computed by {' and '.join(engines)} on {date[:10]}."
    return {
        "protocol": {**known, "words": words, "scale": scale, "date": date, "srgan_hub": __version__},
        "methods": {method.name: method.about for method in methods},
        "sets": {},
    }


def set_report(one: BenchmarkSet, loaded: Sequence[Pair], by_method: dict[str, list[dict]], scale: int = 4) -> dict:
    """The report of one set: its values, the hashes of its images, and a "note". The note says how many images there are, whether
    they are the files we measure on, where LR comes from, and how natural the originals are."""
    sha256 = hashes(one)
    source = "LR made from HR by MATLAB-compatible bicubic" if one.lr is None else "LR as given"
    originals = [{"niqe": niqe(hr, scale)} for _, _, hr in loaded]
    facts = [f"{len(loaded)} images", compared(one.name, sha256), source, f"NIQE of HR: {cell(originals, 'niqe')}"]
    results = {method: {"mean": means(rows), "images": rows} for method, rows in by_method.items()}
    return {"note": "; ".join(filter(None, facts)) + ".", "sha256": sha256, "results": results}


def index_entry(rows: list[dict]) -> dict[str, tuple[str, float]]:
    """{metric: (its name, value rounded as in the tables)} for a card's model-index, which takes only finite numbers."""
    known = {metric.key: (metric, mean(rows, metric.key)) for metric in metrics_for(CARD) if metric.key in rows[0]}
    return {key: (m.name, float(format(value, m.form))) for key, (m, value) in known.items() if math.isfinite(value)}


def means(rows: list[dict]) -> dict[str, float]:
    """The mean of every metric, and as "speed" all megapixels divided by all seconds."""
    found = {key: mean(rows, key) for key in METRICS if key in rows[0]}
    seconds = sum(row["seconds"] for row in rows)
    return {**found, "speed": sum(row["megapixels"] for row in rows) / seconds if seconds else math.inf}


def markdown(report: dict) -> str:
    """The protocol, and one table per set. "(n)" follows a mean over fewer images than the set has."""
    parts = [report["protocol"]["words"]]
    for name, one in report["sets"].items():
        by_method = {method: result["images"] for method, result in one["results"].items()}
        shown = [metric for key, metric in METRICS.items() if key in next(iter(by_method.values()))[0]]
        headings = [metric.heading for metric in shown]
        lines = [f"### {name}", "", one["note"], ""]
        lines += ["| " + " | ".join(["method", *headings, "megapixels/s"]) + " |", "| --- |" + " --- |" * (len(shown) + 1)]
        for method, rows in by_method.items():
            cells = [cell(rows, metric.key) for metric in shown] + [f"{means(rows)['speed']:.2f}"]
            lines.append("| " + " | ".join([method, *cells]) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def cell(rows: list[dict], key: str) -> str:
    have = sum(not math.isnan(row[key]) for row in rows)
    if not have:
        return "-"
    text = format(mean(rows, key), METRICS[key].form)
    return text if have == len(rows) else f"{text} ({have})"


def as_json(report: dict) -> str:
    """JSON that every reader accepts: an infinite number is the word "inf", a missing one is null."""
    plain = json.loads(json.dumps(report), parse_constant=lambda name: None if name == "NaN" else "inf")
    return json.dumps(plain, indent=2) + "\n"
