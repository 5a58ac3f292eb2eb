"""Model cards: a template with {placeholders} and facts -> Markdown; measured tables stand between markers."""

from __future__ import annotations

import re

START, END = "<!-- results: written by `srgan-hub benchmark --card` -->", "<!-- end of results -->"


def fill(template: str, **facts: str) -> str:
    """The template with every {name} replaced. Raises KeyError for a placeholder without a fact."""
    return re.sub(r"\{(\w+)\}", lambda match: facts[match[1]], template)


def with_results(card: str, results: str, start: str = START, end: str = END) -> str:
    """The card with what stands between two markers replaced; the rest is the owner's and stays as it is."""
    before, found_start, rest = card.partition(start)
    _, found_end, after = rest.partition(end)
    if not found_start or not found_end:
        raise ValueError(f"the card has no place for results: a line {start!r} and a line {end!r}")
    return f"{before}{start}\n\n{results}\n\n{end}{after}"
