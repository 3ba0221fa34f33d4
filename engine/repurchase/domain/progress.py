"""How long work hands on its items to whoever shows how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Watch(Protocol):
    """Hands on items one by one, and may show how far they have come."""

    def __call__(self, items: Iterator[T], total: int, /) -> Iterable[T]:
        """Hand on *items*, of which there are to be *total*."""


def unwatched(items: Iterator[T], _: int, /) -> Iterator[T]:
    """Hand *items* on."""
    return items
