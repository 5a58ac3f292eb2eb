"""Model cards: Markdown with front matter. This project only changes what lies between its markers and under its keys; the rest
is the owner's."""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import EvalResult, RepoCard
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

TEMPLATE = Path(__file__).parents[1] / "model_card.md"
Block = tuple[str, str]  # the lines before and after generated text
USE: Block = ("<!-- use: written by `srgan-hub push` -->", "<!-- end of use -->")
TRAINING: Block = ("<!-- training: written by train_accelerate.py -->", "<!-- end of training -->")
RESULTS: Block = ("<!-- results: written by `srgan-hub benchmark --write-card` -->", "<!-- end of results -->")
UNSTATED = "the terms of the photographs they were trained on govern them; these were not stated, so ask before using them."
UNKNOWN = "How it was trained is not stated."
EARLIER = "*Measured for an earlier push.*"
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
![A photo made {scale} times smaller and enlarged again: nearest, bicubic, this model, and the original]({file})

*What is in the red box, made {scale} times smaller and enlarged again; PSNR and SSIM of the whole picture.*
"""


def new_card(
    name: str, source: str, scale: int, generator: str, *, variant: str = "", training: str = UNKNOWN, terms: str = UNSTATED,
    datasets: tuple[str, ...] = (), base_model: str = "",
) -> str:  # fmt: skip
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
    start, end = which
    before, _, rest = card.partition(start)
    if card.count(start) != 1 or card.count(end) != 1 or end not in rest:
        raise ValueError(f"the card needs one line {start!r}, and after it one line {end!r}; mend that first")
    return f"{before}{start}\n\n{text}\n\n{rest[rest.index(end) :]}"


def with_model_index(
    card: str, name: str, scale: int, measured: dict[str, dict[str, tuple[str, float]]], date: str, weights: str
) -> str:
    """The card with {set: {metric: (its name, value)}} in its front matter; other numbers and keys there are kept.

    name: of the model; date: of the measurement, ISO 8601; weights: the SHA-256 of what was measured, stored shortened. A card
    without front matter, such as a project's README, is left unchanged."""
    if not _has_front_matter(card):
        return card
    results = [
        EvalResult(
            task_type="image-to-image", task_name=f"super-resolution x{scale}",
            dataset_type=dataset.lower(), dataset_name=dataset,
            metric_type=metric, metric_name=words, metric_value=value, metric_args={"date": date, "weights": weights[:16]},
        )
        for dataset, values in measured.items()
        for metric, (words, value) in values.items()
    ]  # fmt: skip
    card = parsed(card)
    card.data["model-index"] = _model_index(card, eval_results_to_model_index(name, results))
    return str(card)


def merged(new: str, old: str) -> str:
    """The old card with what the new one says between our markers, and all numbers of both.

    A set that only the old card has keeps its table, which then says that it is of an earlier push. A block that the owner
    removed stays removed, if there is another one; a card without any gets the whole new text. Front-matter keys that we do
    not know keep their old values; lists are merged. Raises ValueError for front matter that is not YAML or has a model-index of
    another form, and for markers that do not pair up."""
    mine, theirs = parsed(new), parsed(old)
    there = [which for which in BLOCKS if block(theirs.text, which) is not None]
    text = theirs.text if there else f"{theirs.text.rstrip()}\n\n{mine.text.lstrip()}"
    for which in there:
        written = block(mine.text, which)
        if written is not None and (which, written) != (TRAINING, UNKNOWN):  # keep what was known about the training
            text = with_block(text, which, _tables_merged(written, block(text, which)) if which == RESULTS else written)
    data = theirs.data.to_dict()
    licensed = "license" in data
    for key, value in mine.data.to_dict().items():
        if key in UNITED:
            there_already = _listed(data.get(key))
            data[key] = there_already + [one for one in _listed(value) if one not in there_already]
        elif key in RENEWED or (key not in data and not (key == "license_name" and licensed)):
            data[key] = value
    if index := _model_index(theirs, mine.data.get("model-index") or []):
        data["model-index"] = index
    mine.text = text
    mine.data = type(mine.data)(**data)
    return str(mine)


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value] if value else []


def _tables_merged(new: str, old: str) -> str:
    """The text of the results: the new tables, and the old ones of other sets."""
    head, tables = _tables(new)
    old_head, old_tables = _tables(old)
    head = head if tables else old_head
    for name, table in old_tables.items():
        earlier = table if EARLIER in table else table.replace("\n", f"\n\n{EARLIER}\n", 1)
        tables.setdefault(name, earlier)
    return "\n\n".join([head, *tables.values()])


def _tables(results: str) -> tuple[str, dict[str, str]]:
    """The text before the first "### SET", and {SET: the text from its heading on}."""
    head, *tables = re.split(r"^(?=### )", results, flags=re.MULTILINE)
    return head.strip(), {table.splitlines()[0][4:].strip(): table.strip() for table in tables}


SAME = ("task_type", "task_name", "dataset_type", "dataset_name", "dataset_config", "dataset_split", "metric_type", "metric_name")


def _model_index(card: RepoCard, new: list[dict]) -> list[dict]:
    """All numbers of the card and of `new`; of those in both, the new ones. A card's only model takes the new name.

    Raises ValueError if the card has a model-index that does not have the Hub's form."""
    found: dict[str, dict[tuple, EvalResult]] = {}
    try:
        for model in [*(old := card.data.get("model-index") or []), *new]:
            name, results = model_index_to_eval_results([model])
            name = new[0]["name"] if len(old) == len(new) == 1 else name
            found.setdefault(name, {}).update({tuple(getattr(one, key) for key in SAME): one for one in results})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("the card's model-index does not have the form that the Hub wants; mend it first") from error
    return [model for name, of in found.items() for model in eval_results_to_model_index(name, list(of.values()))]
