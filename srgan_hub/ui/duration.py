"""How long something takes, in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """As "20 s", "3 min", "1.5 h"."""
    if seconds >= 3600:
        return f"{seconds / 3600:.2g} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, round(seconds))} s"
