"""One heap for all threads of the page.

The C library gives every few threads a heap of their own. A visitor's work goes through many threads, and what they take and give
back in turn leaves holes in each: the page grew by tens of kilobytes a request, with nothing in them."""

from __future__ import annotations

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8  # of glibc's malloc.h


def one_heap() -> None:
    """For threads that are yet to come; where the C library is not glibc, nothing."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
