"""Model cards: Markdown with front matter. What this project writes stands between markers and under keys that it knows;
all else is the owner's."""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import RepoCard

TEMPLATE = Path(__file__).with_name("model_card.md")
Block = tuple[str, str]  # the lines between which something generated stands
USE: Block = ("<!-- use: written by `srgan-hub push` -->", "<!-- end of use -->")
TRAINING: Block = ("<!-- training: written by train_accelerate.py -->", "<!-- end of training -->")
RESULTS: Block = ("<!-- results: written by `srgan-hub benchmark --write-card` -->", "<!-- end of results -->")
UNSTATED = "the terms of the photographs they were trained on govern them; these were not stated, so ask before using them."
UNMEASURED = "Not measured yet."
EARLIER = "*Measured on earlier weights.*"
UNITED = ("tags", "datasets", "metrics")  # lists to which the owner may have added
RENEWED = ("library_name", "pipeline_tag", "base_model")  # what a push knows better; any other key that is there stays

USAGE = """
```python
from PIL import Image
from srgan_hub import Upscaler

Upscaler.from_pretrained("{source}")(Image.open("photo.jpg")).save("photo_x{scale}.png")
```
"""
PICTURE = """
![A photograph made {scale} times smaller and enlarged again: nearest, bicubic, this model, and the original]({file})

*What is in the red box, made {scale} times smaller and enlarged again; PSNR and SSIM of the whole picture.*
"""


def new_card(
    name: str,
    source: str,
    scale: int,
    generator: str,
    *,
    variant: str = "",
    training: str = "How it was trained is not stated.",
    terms: str = UNSTATED,
    datasets: tuple[str, ...] = (),
    base_model: str = "",
) -> str:
    """The card of a checkpoint that nobody has measured yet.

    source: what from_pretrained takes; generator: its shape in words; variant: of the loss; datasets, base_model: Hub ids."""
    facts = dict(name=name, scale=str(scale), generator=generator, variant=f", trained as `{variant}`" if variant else "")
    lists = dict(datasets=f"[{', '.join(datasets)}]", base_model=base_model)
    words = dict(usage=usage(source, scale), training=training, terms=terms)
    parsed = _parsed(fill(TEMPLATE.read_text(encoding="utf-8"), **words, **facts, **lists))
    parsed.data = type(parsed.data)(**{key: value for key, value in parsed.data.to_dict().items() if value})
    return str(parsed)


def fill(template: str, **facts: str) -> str:
    """The template with every {name} replaced. Raises KeyError for a placeholder without a fact."""
    return re.sub(r"\{([a-z_]+)\}", lambda match: facts[match[1]], template)


def usage(source: str, scale: int, picture: str | None = None) -> str:
    """Three lines that enlarge a photograph with the checkpoint `source`; picture: a file beside the card that shows it."""
    shown = fill(PICTURE, scale=str(scale), file=picture) if picture else ""
    return (fill(USAGE, source=source, scale=str(scale)) + shown).strip()


def block(card: str, which: Block) -> str | None:
    """What stands between two markers; None for a card without them."""
    _, found, rest = card.partition(which[0])
    text, end, _ = rest.partition(which[1])
    return text.strip() if found and end else None


def with_block(card: str, which: Block, text: str) -> str:
    """The card with what stands between two markers replaced. Raises ValueError for a card without them."""
    if block(card, which) is None:
        raise ValueError(f"the card has no place for this: a line {which[0]!r} and a line {which[1]!r}")
    before, _, rest = card.partition(which[0])
    return f"{before}{_enclosed(which, text)}{rest.partition(which[1])[2]}"


def with_model_index(
    card: str, name: str, scale: int, measured: dict[str, dict[str, tuple[str, float]]], date: str, weights: str
) -> str:
    """The card with {set: {metric: (its name, value)}} in its front matter; other numbers and keys of it are kept.

    name: of the model; date: of the measurement, YYYY-MM-DD; weights: the SHA-256 of what was measured, which stands
    there shortened. A card without
    front matter, as a project's README, stays as it is."""
    if not re.match(r"---\r?\n", card):
        return card
    when = {"date": date, "weights": weights[:16]}
    results = [
        {
            "task": {"type": "image-to-image", "name": f"super-resolution x{scale}"},
            "dataset": {"name": dataset, "type": dataset.lower()},
            "metrics": [
                {"type": metric, "value": value, "name": words, "args": dict(when)} for metric, (words, value) in values.items()
            ],
        }
        for dataset, values in measured.items()
    ]
    parsed = _parsed(card)
    parsed.data["model-index"] = _index_merged([{"name": name, "results": results}], parsed.data.get("model-index"))
    return str(parsed)


def merged(new: str, old: str, weights: str, keep_text: bool = True) -> str:
    """The card of what is pushed, with what must not get lost of the one that is there.

    Every number of a dataset and metric is the one that was measured last, and so is every table of a set; those of other
    weights than these (a SHA-256) say so. Front-matter keys that we do not know are the old ones, lists are united.
    keep_text: what stands outside the markers is the old card's, otherwise the new one's. Raises ValueError for front
    matter that is no YAML."""
    mine, theirs = _parsed(new), _parsed(old)
    results = _tables_merged(mine, theirs, weights)
    there = [which for which in (USE, TRAINING, RESULTS) if block(theirs.text, which) is not None]
    if keep_text:
        text = theirs.text
        for which in (USE, TRAINING, RESULTS):
            if (written := results if which == RESULTS else block(mine.text, which)) is None:
                continue
            if which in there:
                text = with_block(text, which, written)
            elif not there:  # a card of other origin; from one of ours the owner has taken the block out
                text = f"{text.rstrip()}\n\n{_enclosed(which, written)}\n"
    else:
        text = with_block(mine.text, RESULTS, results) if block(mine.text, RESULTS) is not None else mine.text
    data = theirs.data.to_dict()
    for key, value in mine.data.to_dict().items():
        if key == "model-index":
            value = _index_merged(value, data.get(key))
        elif key in UNITED:
            value = list(dict.fromkeys([*_listed(data.get(key)), *_listed(value)]))
        elif key in data and key not in RENEWED:
            continue
        data[key] = value
    mine.text = text
    mine.data = type(mine.data)(**data)
    return str(mine)


def _enclosed(which: Block, text: str) -> str:
    return f"{which[0]}\n\n{text}\n\n{which[1]}"


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value] if value else []


def _parsed(card: str) -> RepoCard:
    """The front matter as it is (huggingface_hub's ModelCard would drop what it does not know of a model-index), and the text."""
    try:
        return RepoCard(card if re.match(r"---\r?\n", card) else f"---\n{{}}\n---\n{card}", ignore_metadata_errors=True)
    except Exception as error:  # PyYAML's own kinds, or a ValueError
        raise ValueError(f"the card's front matter is no YAML; mend it first: {' '.join(str(error).split())}") from error


def _identity(result: dict) -> tuple:
    dataset = result.get("dataset") or {}
    return ((result.get("task") or {}).get("type"), *(dataset.get(key) for key in ("type", "config", "split", "revision")))


def _measured(metric: dict) -> str:
    """When, as YYYY-MM-DD; "" where nobody said."""
    args = metric.get("args")
    return str(args.get("date", "")) if isinstance(args, dict) else ""


def _index_merged(new: list, old: list | None) -> list:
    """A model-index with every number of both, of two for the same dataset and metric the one that was measured last."""
    if not old:
        return new
    entry, *others = old
    results = [dict(result) for result in entry.get("results") or []]
    known = {_identity(result): result for result in results}
    for result in new[0]["results"]:
        if not (there := known.get(_identity(result))):
            results.append(result)
            continue
        metrics = {metric.get("type"): metric for metric in there.get("metrics") or []}
        for metric in result["metrics"]:
            if _measured(metric) >= _measured(metrics.get(metric["type"], {})):
                metrics[metric["type"]] = metric
        there["metrics"] = list(metrics.values())
    return [{"name": new[0]["name"], "results": results}, *others]


def _tables_merged(mine: RepoCard, theirs: RepoCard, weights: str) -> str:
    """The text of the results: a table a set, each the one that was measured last."""
    new, old = block(mine.text, RESULTS) or UNMEASURED, block(theirs.text, RESULTS) or UNMEASURED
    head, tables = _tables(new)
    old_head, old_tables = _tables(old)
    ours, others = _last_measured(mine), _last_measured(theirs)
    for name, table in old_tables.items():
        when, of = others.get(name, ("", ""))
        if name in tables and ours.get(name, ("", ""))[0] >= when:
            continue
        if not (of and weights.startswith(of)) and EARLIER not in table:
            title, _, rest = table.partition("\n")
            table = f"{title}\n\n{EARLIER}\n{rest}"
        tables[name] = table
    if not _tables(new)[1]:
        head = old_head
    return "\n\n".join([head, *tables.values()])


def _tables(results: str) -> tuple[str, dict[str, str]]:
    """What stands before the first "### SET", and {SET: from its heading on}."""
    head, *rest = re.split(r"^(?=### )", results, flags=re.MULTILINE)
    return head.strip(), {table.splitlines()[0][4:].strip(): table.strip() for table in rest}


def _last_measured(card: RepoCard) -> dict[str, tuple[str, str]]:
    """{set: (date, weights) of its newest number}."""
    found: dict[str, tuple[str, str]] = {}
    for entry in card.data.get("model-index") or []:
        for result in entry.get("results") or []:
            name = (result.get("dataset") or {}).get("name", "")
            for metric in result.get("metrics") or []:
                args = metric.get("args") if isinstance(metric.get("args"), dict) else {}
                found[name] = max(found.get(name, ("", "")), (_measured(metric), str(args.get("weights", ""))))
    return found
