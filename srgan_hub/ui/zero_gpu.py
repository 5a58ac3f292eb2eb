"""ZeroGPU: Spaces that lend a GPU to a function while it runs, in a process of its own.

The decorator is of the package `spaces`, which such a Space has; elsewhere it gives functions back as they are, and without the
package nothing is decorated at all. Not tried on ZeroGPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from functools import wraps
from inspect import isgeneratorfunction

from srgan_hub.ui.steps import told

try:
    from spaces import GPU
except ImportError:
    GPU = None

# There a model has to be in the page's own process before the first visitor: what a lent process loads is lost with it.
PLACED_FIRST = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def lent(function: Callable) -> Callable:
    """The function, computed where a GPU is lent; one that yields keeps its result too, and ValueErrors remain what they are.

    From the other process `spaces` brings no generator's result, and of errors only Gradio's own."""
    if GPU is None:
        return function

    @GPU
    @wraps(function)
    def there(*args, **kwargs) -> Generator[tuple]:
        try:
            if not isgeneratorfunction(function):
                yield "result", function(*args, **kwargs)
                return
            running = function(*args, **kwargs)
            try:
                while True:
                    yield "news", next(running)
            except StopIteration as end:
                yield "result", end.value
            finally:
                running.close()
        except ValueError as error:
            yield "error", error

    def steps(*args, **kwargs):
        running = there(*args, **kwargs)
        try:
            return (yield from told(running))
        finally:
            running.close()

    def result(*args, **kwargs):
        try:
            next(steps(*args, **kwargs))
        except StopIteration as end:
            return end.value

    return wraps(function)(steps if isgeneratorfunction(function) else result)
