"""Model cards: a template with {placeholders} and facts -> Markdown; measured tables stand between markers."""

from __future__ import annotations

import re

START, END = "<!-- results: written by `srgan-hub benchmark --card` -->", "<!-- end of results -->"


def fill(template: str, **facts: str) -> str:
    """The template with every {name} replaced. Raises KeyError for a placeholder without a fact."""
    return re.sub(r"\{(\w+)\}", lambda match: facts[match[1]], template)


def with_results(card: str, results: str) -> str:
    """The card with what stands between the results markers replaced; the rest is the owner's and stays as it is."""
    before, start, rest = card.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"the card has no place for results: a line {START!r} and a line {END!r}")
    return f"{before}{START}\n\n{results}\n\n{END}{after}"
