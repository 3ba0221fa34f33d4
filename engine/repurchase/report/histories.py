"""Lists of events that show something: their lines, the last in words, and the place of a rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from repurchase.domain.errors import plain
from repurchase.domain.quantities import exact, shown
from repurchase.report.written import json_text
from repurchase.rulebook.model import Authorization


def log_lines(events: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """Yield *events* as the lines of a log, never broken or cut, so that they can be replayed."""
    for event in events:
        yield Text(plain(json_text(event)), no_wrap=True, overflow="ignore")


def last_asked(events: Sequence[Mapping[str, Any]], authorization: Authorization) -> str:
    """Return the last of *events* in words, with the terms of the order or fill it is about."""
    last = events[-1]
    named = (last.get("order"), last.get("fill"))
    event: dict[str, Any] = {}
    for one in events[:-1]:
        # An order that was replaced has the terms of its replacement.
        if one["id"] in named or (one["kind"] == "replace" and one["order"] in named):
            event |= one
    event |= last
    listed = (one for one in authorization.instruments if one.symbol == event.get("symbol"))
    currency = next((one.currency for one in listed), authorization.currency)
    price = f" at {currency} {shown(exact(event['price']))}" if "price" in event else ""
    side = f"{event['side']} " if "side" in event else ""
    is_lasting = "expires" in event and last["kind"] != "fill"
    lasting = f", until {event['expires']}" if is_lasting else ""
    when = event.get("time") or event.get("date")
    # A prepayment can leave open how many shares it is for.
    units = f"{event['quantity']:,} of " if "quantity" in event else ""
    terms = f"{side}{units}{event['symbol']}{price}, {when}{lasting}"
    return plain(f"{last['kind']} {last['id']} ({terms})")


def place(rule: str, authorization: Authorization) -> str:
    """Return the place of *rule*, `file:line`; for a built-in finding the file alone."""
    for pack in authorization.packs:
        for one in pack.rules:
            if one.id == rule:
                return plain(f"{pack.file}:{one.line}")
    line = next((one.line for one in authorization.rules if one.id == rule), 0)
    return plain(f"{authorization.file}:{line}" if line else authorization.file)
