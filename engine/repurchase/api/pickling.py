"""Copies of programs as bytes: Python does not pickle all that a position holds by itself."""

from __future__ import annotations

import io
import pickle
from typing import Any
from zoneinfo import ZoneInfo

from rpds import Queue

from repurchase.domain.calendars import zone


def pickled(value: object) -> bytes:
    """Return *value* as bytes, each time zone in it by its name."""
    stream = io.BytesIO()
    _Pickler(stream).dump(value)
    return stream.getvalue()


def unpickled(body: bytes) -> Any:
    """Return the value that `pickled` wrote as *body*: as safe as any pickle, and no safer."""
    return pickle.loads(body)  # noqa: S301


class _Pickler(pickle.Pickler):
    """Writes a time zone as the name by which the package's own table has it, and a queue whole."""

    def reducer_override(self, value: Any) -> Any:
        """Return how *value* is made again, `NotImplemented` if Python knows it."""
        if isinstance(value, ZoneInfo):
            return zone, (value.key,)
        if isinstance(value, Queue):
            return Queue, (list(value),)
        return NotImplemented
