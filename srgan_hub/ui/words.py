"""What the page says about a result, as HTML; text from file names is escaped."""

from __future__ import annotations

from html import escape

from srgan_hub.ui.enlarge import Result
from srgan_hub.ui.view import CLEAR, Doubts

READABLE = 600  # pixels that the names beside a view need to fit on one line, however small the image


def facts(result: Result) -> str:
    """A table of the numbers, and sentences about what was left out."""
    rows = {"Size": f"{by(result.given)} → {by(result.size)} pixels"}
    if result.count > 1:
        rows = {"Photos": str(result.count)}
    elif result.taken != result.given:
        rows["Enlarged from"] = f"{by(result.taken)} pixels"
    rows["File"] = f"{result.file.name}, {result.file.stat().st_size / 1e6:.1f} MB"
    rows["Time"] = f"{result.seconds:.1f} s"
    rows["Computed by"] = result.engine
    if result.profile:
        rows["Color profile"] = "kept"
    if result.lost:
        rows["Losses"] = "; ".join(result.lost)
    table = "".join(f"<tr><th scope=row>{name}</th><td>{escape(text)}</td></tr>" for name, text in rows.items())
    faults = "".join(f"<li>{escape(fault)}</li>" for fault in result.faults)
    missing = f'<div class="notice"><p>Not enlarged:</p><ul>{faults}</ul></div>' if faults else ""
    return f'<table class="facts">{table}</table>{missing}'


def names(left: str, right: str, size: tuple[int, int]) -> str:
    """What is on which side of the view."""
    pixels = f"<span>{by(size)} pixels of the result, shown 1:1</span>"
    fitting = no_wider("#pair, #sample", size[0]) + no_wider(".names", max(size[0], READABLE))
    return f'{fitting}<div class="names"><div>◀ {escape(left)}</div>{pixels}<div>{escape(right)} ▶</div></div>'


def no_wider(places: str, width: int) -> str:
    """Keeps these images from being stretched to the column's width: they are to be seen pixel by pixel."""
    return f"<style>:is({places}) {{ max-width: {width}px; margin: 0 auto; }}</style>"


def doubted(doubts: Doubts) -> str:
    """Where detail was invented, in plain words."""
    if doubts.invented is None:
        first = (
            "This model has no faithful partner to compare it with, so what it invented cannot be shown. Any detail may be a "
            "guess: faces, number plates and words are not evidence."
        )
    else:
        first = (
            "<b>The darker the map, the more was invented.</b> The model's faithful partner saw the same small photo and shows "
            "the mean of everything that could have been there; the map shows what this model adds to it. The result may look "
            "right and still be wrong: faces, number plates and words in dark areas are not evidence. Here the model adds "
            f"{doubts.mean:.1f} gray levels on average, and {CLEAR} or more in {doubts.clearly:.0%} of the region. In light "
            "areas the two agree, but both may be wrong."
        )
        if doubts.weak:
            first += (
                " <b>For this quick model the map is a weak sign:</b> how much the result differs from plain enlargement says "
                "about as much about where it is wrong (see the slider, with bicubic on the left)."
            )
    second = (
        f"Shrunk again, this region differs from your photo by {doubts.changed_mean:.1f} gray levels on average (of 219): that "
        "part was not invented but changed."
    )
    return f"<p>{first}</p><p>{second}</p>"


def by(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
