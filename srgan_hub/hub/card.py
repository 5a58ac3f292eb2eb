"""Model cards: Markdown with front matter. This project only changes what lies between its markers and under its keys; the rest
is the owner's."""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import RepoCard
from huggingface_hub.repocard import REGEX_YAML_BLOCK

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
    parsed = _parsed(fill(TEMPLATE.read_text(encoding="utf-8"), **words, **facts, **lists))
    parsed.data = type(parsed.data)(**{key: value for key, value in parsed.data.to_dict().items() if value})
    return str(parsed)


def fill(template: str, **facts: str) -> str:
    """The template with every {name} replaced. Raises KeyError for a placeholder without a fact."""
    return re.sub(r"\{([a-z_]+)\}", lambda match: facts[match[1]], template)


def usage(source: str, scale: int, picture: str | None = None) -> str:
    """Three lines of code that enlarge a photo with the checkpoint `source`. picture: an image file beside the card to show."""
    shown = fill(PICTURE, scale=str(scale), file=picture) if picture else ""
    return (fill(USAGE, source=source, scale=str(scale)) + shown).strip()


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
    if not REGEX_YAML_BLOCK.search(card.removeprefix("\ufeff")):
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
    """The new card, with everything from the old one that must not be lost.

    For each dataset and metric the latest measurement is kept, and for each set the latest table. Tables measured on other
    weights than these (a SHA-256) say so. Front-matter keys that we do not know keep their old values; lists are merged.
    keep_text: text outside the markers comes from the old card, otherwise from the new one. Raises ValueError for front matter
    that is not YAML or has a model-index of another form, and for markers that do not pair up."""
    mine, theirs = _parsed(new), _parsed(old)
    for card in (mine, theirs):
        _check_markers(card.text, BLOCKS)
        _check_form(card.data.to_dict())
    results = _tables_merged(mine, theirs, weights)
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
    elif block(mine.text, RESULTS) is not None:
        text = with_block(mine.text, RESULTS, results)
    else:
        text = f"{mine.text.rstrip()}\n\n{_enclosed(RESULTS, results)}\n" if _tables(results)[1] else mine.text
    data = theirs.data.to_dict()
    licensed = "license" in data
    for key, value in mine.data.to_dict().items():
        if key == "model-index":
            value = _index_merged(value, data.get(key))
        elif key in UNITED:
            there_already = _listed(data.get(key))
            value = there_already + [one for one in _listed(value) if one not in there_already]
        elif (key == "license_name" and licensed) or (key in data and key not in RENEWED):
            continue
        data[key] = value
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


def _check_form(data: dict) -> None:
    """Raise ValueError if there is a model-index that does not have the Hub's form."""

    def every(values: object) -> list[dict]:
        if values is None:
            return []
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise ValueError("the card's model-index has not the form that the Hub wants; mend it first")
        return values

    for entry in every(data.get("model-index")):
        for result in every(entry.get("results")):
            every(result.get("metrics"))
            for part in every([result[key] for key in ("task", "dataset") if result.get(key)]):
                every([None] * any(isinstance(value, (list, dict)) for value in part.values()))


def _enclosed(which: Block, text: str) -> str:
    return f"{which[0]}\n\n{text}\n\n{which[1]}"


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value] if value else []


def _parsed(card: str) -> RepoCard:
    """The front matter unchanged (huggingface_hub's ModelCard would drop unknown parts of a model-index), and the text."""
    card = card.removeprefix("\ufeff")
    try:
        return RepoCard(card if REGEX_YAML_BLOCK.search(card) else f"---\n{{}}\n---\n{card}", ignore_metadata_errors=True)
    except Exception as error:  # PyYAML's own errors, or a ValueError
        raise ValueError(f"the card's front matter is no YAML; mend it first: {' '.join(str(error).split())}") from error


def _identity(result: dict) -> tuple:
    dataset = result.get("dataset") or {}
    return ((result.get("task") or {}).get("type"), *(dataset.get(key) for key in ("type", "config", "split", "revision")))


def _measured(metric: dict) -> str:
    """Date of the measurement, ISO 8601; "" if not stated."""
    args = metric.get("args")
    return str(args.get("date", "")) if isinstance(args, dict) else ""


def _index_merged(new: list, old: list | None) -> list:
    """A model-index with every number of both; for the same dataset and metric, the latest measurement."""
    if not old:
        return new
    old = [dict(entry) for entry in old]
    for added in new:
        same = [entry for entry in old if entry.get("name") == added.get("name")] or (old if len(old) == len(new) == 1 else [])
        if not same:
            old.append(added)
            continue
        entry = same[0]
        entry["name"], entry["results"] = added.get("name"), _results_merged(added.get("results"), entry.get("results"))
    return old


def _results_merged(new: list | None, old: list | None) -> list:
    results = [dict(result) for result in old or []]
    for result in new or []:
        same = [there for there in results if _identity(there) == _identity(result) and _same_task(there, result)]
        if not same:
            results.append(result)
            continue
        for metric in result.get("metrics") or []:
            where = [(r, i) for r in same for i, m in enumerate(r.get("metrics") or []) if _is_same(m, metric)]
            if not where:
                same[0]["metrics"] = [*(same[0].get("metrics") or []), metric]
            for r, i in where:
                if _measured(metric) >= _measured(r["metrics"][i]):
                    r["metrics"] = [*r["metrics"][:i], metric, *r["metrics"][i + 1 :]]
    return results


def _same_task(old: dict, new: dict) -> bool:
    """Whether both results may be of the same scale, judging by the names of their tasks if both have one."""
    names = {name for result in (old, new) if (name := (result.get("task") or {}).get("name"))}
    return len(names) < 2


def _is_same(old: dict, new: dict) -> bool:
    return "type" in new and old.get("type") == new["type"] and old.get("name", new.get("name")) == new.get("name")


def _tables_merged(mine: RepoCard, theirs: RepoCard, weights: str) -> str:
    """The text of the results: one table per set, the latest measured."""
    new, old = block(mine.text, RESULTS) or UNMEASURED, block(theirs.text, RESULTS) or UNMEASURED
    head, tables = _tables(new)
    old_head, old_tables = _tables(old)
    ours, others = _last_measured(mine), _last_measured(theirs)
    tables = {name: _dated(table, ours.get(name), weights) for name, table in tables.items()}
    for name, table in old_tables.items():
        if name not in tables or ours.get(name, ("", ""))[0] < others.get(name, ("", ""))[0]:
            tables[name] = _dated(table, others.get(name), weights)
    if not _tables(new)[1]:
        head = old_head
    return "\n\n".join([head, *tables.values()])


def _dated(table: str, measured: tuple[str, str] | None, weights: str) -> str:
    """The table, with a sentence added if it was measured (date, weights) on other weights. One without numbers is the
    owner's."""
    table = table.replace(f"\n\n{EARLIER}\n", "\n", 1) if measured else table
    if not measured or (measured[1] and weights.startswith(measured[1])):
        return table
    title, _, rest = table.partition("\n")
    return f"{title}\n\n{EARLIER}\n{rest}"


def _tables(results: str) -> tuple[str, dict[str, str]]:
    """The text before the first "### SET", and {SET: the text from its heading on}."""
    head, *rest = re.split(r"^(?=### )", results, flags=re.MULTILINE)
    tables: dict[str, list[str]] = {}
    for table in rest:
        tables.setdefault(table.splitlines()[0][4:].strip(), []).append(table.strip())
    return head.strip(), {name: "\n\n".join(parts) for name, parts in tables.items()}


def _last_measured(card: RepoCard) -> dict[str, tuple[str, str]]:
    """{set: (date, weights) of its latest number}."""
    found: dict[str, tuple[str, str]] = {}
    for entry in card.data.get("model-index") or []:
        for result in entry.get("results") or []:
            name = (result.get("dataset") or {}).get("name", "")
            for metric in result.get("metrics") or []:
                args = metric.get("args") if isinstance(metric.get("args"), dict) else {}
                found[name] = max(found.get(name, ("", "")), (_measured(metric), str(args.get("weights", ""))))
    return found
