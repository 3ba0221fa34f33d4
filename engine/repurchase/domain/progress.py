"""How long-running work passes its items to a display of its progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Watch(Protocol):
    """Passes items on one by one, and may show the progress."""

    def __call__(self, items: Iterator[T], total: int, /) -> Iterable[T]:
        """Return *items*, of which *total* are expected, one by one."""


def unwatched(items: Iterator[T], _: int, /) -> Iterator[T]:
    """Return *items* unchanged, and show nothing."""
    return items
