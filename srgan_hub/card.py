"""Model cards: a template with {placeholders} and facts -> Markdown; what was measured stands between markers and in the
front matter's model-index."""

from __future__ import annotations

import re

from huggingface_hub import EvalResult, ModelCard

START, END = "<!-- results: written by `srgan-hub benchmark --write-card` -->", "<!-- end of results -->"


def fill(template: str, **facts: str) -> str:
    """The template with every {name} replaced. Raises KeyError for a placeholder without a fact."""
    return re.sub(r"\{(\w+)\}", lambda match: facts[match[1]], template)


def with_results(card: str, results: str, start: str = START, end: str = END) -> str:
    """The card with what stands between two markers replaced; the rest is the owner's and stays as it is.

    Raises ValueError for a card without the markers."""
    before, found_start, rest = card.partition(start)
    _, found_end, after = rest.partition(end)
    if not found_start or not found_end:
        raise ValueError(f"the card has no place for results: a line {start!r} and a line {end!r}")
    return f"{before}{start}\n\n{results}\n\n{end}{after}"


def with_model_index(card: str, name: str, scale: int, measured: dict[str, dict[str, tuple[str, float]]]) -> str:
    """The card with {set: {metric: (its name, value)}} in its front matter; other numbers and keys of it are kept.

    name: of the model. A card without front matter, as a project's README, stays as it is."""
    if not re.match(r"---\r?\n", card):
        return card
    parsed = ModelCard(card)
    task = f"super-resolution x{scale}"
    new = [
        EvalResult(task_type="image-to-image", task_name=task, dataset_type=dataset.lower(), dataset_name=dataset,
                   metric_type=metric, metric_name=words, metric_value=value)
        for dataset, values in measured.items() for metric, (words, value) in values.items()
    ]  # fmt: skip
    replaced = {(result.dataset_type, result.metric_type) for result in new}
    old = [result for result in parsed.data.eval_results or [] if (result.dataset_type, result.metric_type) not in replaced]
    parsed.data.model_name = name
    parsed.data.eval_results = old + new
    return str(parsed)
