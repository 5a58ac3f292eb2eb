"""The paper's figure of opinion scores (Figure 5 there): how often each method got 1, 2, 3, 4, 5, and its mean in red."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

from srgan_hub.mos.opinions import Analysis, Score

PANEL, GAP, MARGIN, TITLE, AXIS = (176, 150), 20, 28, 30, 26      # pixels of the finished figure
LEAST = 540                                                         # for the line below
LEFT = 96                                                           # for the names of the sets
FINER = 2                                                           # drawn larger and reduced, for smooth edges
INK, GREY, BAR, RED = "#222222", "#cccccc", "#8fa8c8", "#d62728"


def histograms(analysis: Analysis) -> Image.Image:
    """One row a set, one column a method; bars centred on the scores, as parts of the votes, on one scale for all panels."""
    sets, methods = (list(dict.fromkeys(pair[i] for pair in analysis.scores)) for i in (0, 1))
    width = max(LEFT + len(methods) * (PANEL[0] + GAP) + MARGIN - GAP, LEAST)
    height = MARGIN + TITLE + len(sets) * (PANEL[1] + AXIS + GAP) + MARGIN
    figure = Image.new("RGB", (FINER * width, FINER * height), "white")
    draw = ImageDraw.Draw(figure)
    most = max((max(s.votes) / s.count for s in analysis.scores.values() if s.count), default=1)

    def text(x: float, y: float, words: str, anchor: str, size: int = 14, colour: str = INK, room: float = math.inf) -> None:
        """With its anchor at (x, y), cut to `room` pixels."""
        font = ImageFont.load_default(FINER * size)
        draw.text((FINER * x, FINER * y), fitting(words, lambda w: font.getlength(w) <= FINER * room), colour, font, anchor)

    for column, method in enumerate(methods):
        middle = LEFT + column * (PANEL[0] + GAP) + PANEL[0] / 2
        text(middle, MARGIN + TITLE / 2 - 6, method, "mm", 15, room=PANEL[0] + GAP / 2)
    for row, name in enumerate(sets):
        top = MARGIN + TITLE + row * (PANEL[1] + AXIS + GAP)
        text(LEFT - 14, top + PANEL[1] / 2, name, "rm", 15, room=LEFT - 22)
        for column, method in enumerate(methods):
            panel(draw, text, LEFT + column * (PANEL[0] + GAP), top, analysis.scores[name, method], most)
    caption = "bars: share of the ratings for each score, 1 (bad) to 5 (excellent); red: mean"
    text(LEFT + (width - LEFT - MARGIN) / 2, height - MARGIN, caption, "mm", 14)
    return figure.reduce(FINER)


def fitting(words: str, fits: Callable[[str], bool]) -> str:
    """As much of the words as fits, an ellipsis for the rest."""
    if fits(words):
        return words
    while words and not fits(words + "..."):
        words = words[:-1]
    return words + "..."


def panel(draw: ImageDraw.ImageDraw, text: Callable, left: float, top: float, score: Score, most: float) -> None:
    """A histogram whose highest possible bar, `most` of the votes, leaves room for the mean above it."""
    step, bottom, tallest = PANEL[0] / 5, top + PANEL[1], PANEL[1] - 34

    def place(value: float) -> float:
        return left + (value - 0.5) * step  # a score's bin is centred on it, from -0.5 to +0.5

    def box(corners: tuple[float, ...], colour: str) -> None:
        draw.rectangle([round(FINER * corner) for corner in corners], colour)

    for value, votes in enumerate(score.votes, 1):
        if votes:
            high = max(tallest * votes / score.count / most, 1)
            box((place(value) - 0.46 * step, bottom - high, place(value) + 0.46 * step, bottom), BAR)
        text(place(value), bottom + 13, str(value), "mm", 13)
    box((left, bottom, left + PANEL[0], bottom + 1), GREY)
    if not score.count:
        text(left + PANEL[0] / 2, top + PANEL[1] / 2, "not rated", "mm", 14)
        return
    x = place(score.mean)
    box((x - 1.5, top + 24, x + 1.5, bottom), RED)
    draw.polygon([(FINER * (x + dx), FINER * (top + dy)) for dx, dy in ((-6, 17), (6, 17), (0, 27))], RED)
    text(min(max(x, left + 16), left + PANEL[0] - 16), top + 8, f"{score.mean:.2f}", "mm", 14, RED)
