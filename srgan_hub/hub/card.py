"""Model cards: Markdown with front matter. This project only changes what lies between its markers and under its keys; the rest
is the owner's."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

from huggingface_hub import RepoCard

TEMPLATE = Path(__file__).parents[1] / "model_card.md"
Block = tuple[str, str]  # the lines before and after generated text
USE: Block = ("<!-- use: written by `srgan-hub push` -->", "<!-- end of use -->")
TRAINING: Block = ("<!-- training: written by train_accelerate.py -->", "<!-- end of training -->")
RESULTS: Block = ("<!-- results: written by `srgan-hub benchmark --write-card` -->", "<!-- end of results -->")
UNSTATED = "the terms of the photographs they were trained on govern them; these were not stated, so ask before using them."
UNKNOWN = "How it was trained is not stated."
UNMEASURED = "Not measured yet."
EARLIER = "*Measured on earlier weights.*"
BLOCKS = (USE, TRAINING, RESULTS)
UNITED = ("tags", "datasets", "metrics")  # lists to which the owner may have added entries
RENEWED = ("library_name", "pipeline_tag", "base_model")  # a push knows these better; any other existing key is kept

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
    training: str = UNKNOWN,
    terms: str = UNSTATED,
    datasets: tuple[str, ...] = (),
    base_model: str = "",
) -> str:
    """The card of a checkpoint that has not been measured yet.

    source: what from_pretrained takes; generator: what it is, in words; variant: of the loss; datasets, base_model: Hub ids."""
    facts = dict(name=name, scale=str(scale), generator=generator, variant=f", trained as `{variant}`" if variant else "")
    lists = dict(datasets=f"[{', '.join(datasets)}]", base_model=base_model)
    words = dict(usage=usage(source, scale), training=training, terms=terms)
    card = parsed(fill(TEMPLATE.read_text(encoding="utf-8"), **words, **facts, **lists))
    card.data = type(card.data)(**{key: value for key, value in card.data.to_dict().items() if value})
    return str(card)


def fill(template: str, **facts: str) -> str:
    """The template with every {name} replaced. Raises KeyError for a placeholder without a fact."""
    return re.sub(r"\{([a-z_]+)\}", lambda match: facts[match[1]], template)


def usage(source: str, scale: int, picture: str | None = None) -> str:
    """Three lines of code that enlarge a photo with the checkpoint `source`. picture: an image file beside the card to show."""
    shown = fill(PICTURE, scale=str(scale), file=picture) if picture else ""
    return (fill(USAGE, source=source, scale=str(scale)) + shown).strip()


def parsed(card: str) -> RepoCard:
    """The front matter unchanged (huggingface_hub's ModelCard would drop unknown parts of a model-index), and the text.

    Raises ValueError if the front matter is no YAML."""
    try:
        return RepoCard(card if _has_front_matter(card) else f"---\n{{}}\n---\n{card}", ignore_metadata_errors=True)
    except Exception as error:  # PyYAML's own errors, or a ValueError
        raise ValueError(f"the card's front matter is no YAML; mend it first: {' '.join(str(error).split())}") from error


def _has_front_matter(card: str) -> bool:
    return card.lstrip().startswith("---")


def block(card: str, which: Block) -> str | None:
    """The text between two markers; None if the card lacks them."""
    _, found, rest = card.partition(which[0])
    text, end, _ = rest.partition(which[1])
    return text.strip() if found and end else None


def with_block(card: str, which: Block, text: str) -> str:
    """The card with the text between two markers replaced. Raises ValueError unless each marker is there exactly once."""
    _check_markers(card, (which,))
    if block(card, which) is None:
        raise ValueError(f"the card has no place for this: a line {which[0]!r} and a line {which[1]!r}")
    before, _, rest = card.partition(which[0])
    return f"{before}{_enclosed(which, text)}{rest.partition(which[1])[2]}"


def with_model_index(
    card: str, name: str, scale: int, measured: dict[str, dict[str, tuple[str, float]]], date: str, weights: str
) -> str:
    """The card with {set: {metric: (its name, value)}} in its front matter; other numbers and keys there are kept.

    name: of the model; date: of the measurement, ISO 8601; weights: the SHA-256 of what was measured, stored shortened. A card
    without front matter, such as a project's README, is left unchanged."""
    if not _has_front_matter(card):
        return card
    new = {}
    for dataset, values in measured.items():
        what = _description({
            "task": {"type": "image-to-image", "name": f"super-resolution x{scale}"},
            "dataset": {"name": dataset, "type": dataset.lower()},
        })  # fmt: skip
        for metric, (words, value) in values.items():
            args = {"date": date, "weights": weights[:16]}
            new[name, what, metric, words] = {"type": metric, "value": value, "name": words, "args": args}
    card = parsed(card)
    card.data["model-index"] = _model_index(_latest(_numbers(card), new))
    return str(card)


def merged(new: str, old: str, weights: str, keep_text: bool = True) -> str:
    """The new card, with everything from the old one that must not be lost.

    For each dataset and metric the latest measurement is kept, and for each set the latest table. Tables measured on other
    weights than these (a SHA-256) say so. Front-matter keys that we do not know keep their old values; lists are merged.
    keep_text: text outside the markers comes from the old card, otherwise from the new one. Raises ValueError for front matter
    that is not YAML or has a model-index of another form, and for markers that do not pair up."""
    mine, theirs = parsed(new), parsed(old)
    for card in (mine, theirs):
        _check_markers(card.text, BLOCKS)
    numbers, old_numbers = _numbers(mine), _numbers(theirs)
    results = _results_merged(mine, theirs, weights)
    there = [which for which in BLOCKS if block(theirs.text, which) is not None]
    ours = bool(there) or theirs.data.get("library_name") == "srgan_hub"
    if keep_text:
        text = theirs.text
        for which in BLOCKS:
            if (written := results if which == RESULTS else block(mine.text, which)) is None:
                continue
            if which in there:
                if (which, written) != (TRAINING, UNKNOWN):  # keep what was known about the training
                    text = with_block(text, which, written)
            elif not ours:  # from a card of ours, the owner has removed the block
                text = f"{text.rstrip()}\n\n{_enclosed(which, written)}\n"
    else:
        text = mine.text if block(mine.text, RESULTS) is None else with_block(mine.text, RESULTS, results)
    data = theirs.data.to_dict()
    licensed = "license" in data
    for key, value in mine.data.to_dict().items():
        if key in UNITED:
            there_already = _listed(data.get(key))
            data[key] = there_already + [one for one in _listed(value) if one not in there_already]
        elif key in RENEWED or (key not in data and not (key == "license_name" and licensed)):
            data[key] = value
    if numbers or old_numbers:
        data["model-index"] = _model_index(_latest(old_numbers, numbers))
    mine.text = text
    mine.data = type(mine.data)(**data)
    return str(mine)


def _check_markers(text: str, blocks: tuple[Block, ...]) -> None:
    """Raise ValueError unless each block is there at most once, its first line followed by its last."""
    found = re.findall("|".join(re.escape(line) for which in blocks for line in which), text)
    pairs = list(zip(found[::2], found[1::2], strict=False))
    if len(found) % 2 or len(set(pairs)) < len(pairs) or not set(pairs) <= set(blocks):
        raise ValueError(
            "the card's markers do not pair up: every <!-- ... written by ... --> once, followed by its <!-- end of ... -->; "
            "mend that first, or take out a block with both its lines"
        )


def _enclosed(which: Block, text: str) -> str:
    return f"{which[0]}\n\n{text}\n\n{which[1]}"


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value] if value else []


# The numbers of a model-index, one by one: {(model, what was measured, metric, its name): the metric as it stands there}.


Numbers = dict[tuple[str, str, str, str], dict]


def _description(result: dict) -> str:
    """What an entry of a model-index measured (task, dataset, and whatever else it states), in a form that can be compared."""
    return json.dumps({key: value for key, value in result.items() if key != "metrics"}, default=str)


def _numbers(card: RepoCard) -> Numbers:
    """Raises ValueError if there is a model-index that does not have the Hub's form."""
    try:
        return {
            (model["name"], _description(result), metric["type"], metric.get("name", "")): metric
            for model in card.data.get("model-index") or []
            for result in model["results"] or []
            for metric in result["metrics"] or []
            if result["task"]["type"] and result["dataset"]["name"]
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("the card's model-index does not have the form that the Hub wants; mend it first") from error


def _latest(old: Numbers, new: Numbers) -> Numbers:
    """All numbers of both; of those measured twice, the later one. A card's only model takes the new name."""
    names, new_names = ({model for model, *_ in numbers} for numbers in (old, new))
    if len(names) == len(new_names) == 1:
        old = {(*new_names, *what): metric for (_, *what), metric in old.items()}
    return old | {key: metric for key, metric in new.items() if key not in old or _measured(metric) >= _measured(old[key])}


def _measured(metric: dict) -> tuple[str, str]:
    """(date, weights) of a measurement; empty if not stated."""
    args = metric.get("args")
    return (str(args.get("date", "")), str(args.get("weights", ""))) if isinstance(args, dict) else ("", "")


def _model_index(numbers: Numbers) -> list[dict]:
    index: dict[str, dict[str, list[dict]]] = {}
    for (model, what, *_), metric in numbers.items():
        index.setdefault(model, {}).setdefault(what, []).append(metric)
    return [
        {"name": model, "results": [json.loads(what) | {"metrics": metrics} for what, metrics in results.items()]}
        for model, results in index.items()
    ]


def _results_merged(mine: RepoCard, theirs: RepoCard, weights: str) -> str:
    """The text of the results: one table per set, the latest measured. Those measured on other weights say so."""
    head, tables = _tables(block(mine.text, RESULTS) or UNMEASURED)
    old_head, old_tables = _tables(block(theirs.text, RESULTS) or UNMEASURED)
    when, old_when = _last_measured(mine), _last_measured(theirs)
    head = head if tables else old_head
    for name, table in old_tables.items():
        if name not in tables or when[name] < old_when[name]:
            tables[name], when[name] = table, old_when[name]
    for name, table in tables.items():
        title, _, rest = table.replace(f"\n\n{EARLIER}\n", "\n", 1).partition("\n")
        _, measured_on = when[name]
        sentence = "" if weights.startswith(measured_on) else f"\n{EARLIER}\n"
        tables[name] = f"{title}\n{sentence}{rest}"
    return "\n\n".join([head, *tables.values()])


def _tables(results: str) -> tuple[str, dict[str, str]]:
    """The text before the first "### SET", and {SET: the text from its heading on}."""
    head, *tables = re.split(r"^(?=### )", results, flags=re.MULTILINE)
    return head.strip(), {table.splitlines()[0][4:].strip(): table.strip() for table in tables}


def _last_measured(card: RepoCard) -> dict[str, tuple[str, str]]:
    """{set: (date, weights) of its latest number}, empty strings for a set without dated numbers."""
    found = defaultdict(lambda: ("", ""))
    for (_, what, *_), metric in _numbers(card).items():
        name = json.loads(what)["dataset"]["name"]
        found[name] = max(found[name], _measured(metric))
    return found
