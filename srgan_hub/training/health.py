"""Is a run still learning? Means of the loss terms -> warnings, or an end before the damage is saved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

WON_UPDATES = 500               # updates in a row after which a discriminator has won for good
WON_HR, WON_SR = 0.98, 0.02     # mean probabilities beyond which it tells every image apart; healthy: .5 to .9 and .1 to .5


class Diverged(ValueError):
    """A loss term or a weight is no longer finite."""


class Health:
    """Watches the means of the terms of successive stretches of updates."""

    def __init__(self):
        self.won = 0
        self.warned = False

    def warnings(self, means: Mapping[str, float], updates: int) -> list[str]:
        """Sentences for whoever watches the run, after a stretch of `updates` with these mean terms."""
        if "D(sr)" not in means:
            return []
        wins = means["D(hr)"] > WON_HR and means["D(sr)"] < WON_SR
        self.won = self.won + updates if wins else 0
        if not wins:
            self.warned = False
        if self.won < WON_UPDATES or self.warned:
            return []
        self.warned = True
        return [
            f"the discriminator has told results from photographs without fail for {self.won} updates (D(hr) "
            f"{means['D(hr)']:.2f}, D(sr) {means['D(sr)']:.2f}; healthy: .5 to .9 and .1 to .5): the adversarial loss teaches "
            "little now; try --gan relativistic, a smaller --lr, or a larger --pixel_weight"
        ]


def refuse_infinite(terms: Mapping[str, float], step: int, kept: str, agree: Callable[[bool], bool] = bool) -> None:
    """Raise Diverged, naming the terms, unless all of them are finite. kept: what the run can go back to; agree: whether
    it is so in any process, for all of them must end."""
    bad = [f"{name} {value}" for name, value in terms.items() if not math.isfinite(value)]
    if agree(bool(bad)):
        raise Diverged(
            f"update {step}: {', '.join(bad) or 'not finite in another process'}; stopped, nothing of it was saved; {kept}. "
            "Try a smaller --lr, --max_grad_norm 1, or --mixed_precision no"
        )
