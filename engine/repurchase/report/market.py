"""What market files supply at a moment, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import value_written
from repurchase.facts.averages import is_average
from repurchase.market.averages import Lack, Measured
from repurchase.market.sessions import MINUTES
from repurchase.market.supplied import AtVenue, Supplied
from repurchase.report.tables import counted, plain_table

# So many missing bars are listed; `--json` lists all.
_LACKS_MAX: Final = 3


def market_view(found: Iterable[AtVenue], at: str) -> RenderableType:
    """Return a table of facts for each instrument at each venue, for a terminal."""
    parts: list[RenderableType] = []
    for one in found:
        rows = (
            (of.fact, _value(of, one), "yes" if of.is_read else "no", _from(of)) for of in one.facts
        )
        parts.append(Text(plain(f"{one.listing.symbol} at {one.listing.venue}, {at}"), "bold"))
        parts.append(plain_table("fact", "value", "read by a rule", "from", rows=rows))
    return Group(*parts)


def market_object(found: Iterable[AtVenue]) -> list[dict[str, Any]]:
    """Return what programs read of each instrument at each venue."""
    return [
        {
            "instrument": one.listing.instrument,
            "symbol": one.listing.symbol,
            "venue": one.listing.venue,
            "venue_date": one.day.isoformat(),
            "facts": [dict(_fact(of)) for of in one.facts],
        }
        for one in found
    ]


def is_lacking(found: Iterable[AtVenue]) -> bool:
    """Return whether an average that a rule reads is unknown."""
    return any(
        of.is_read and of.value is None and is_average(of.fact) for one in found for of in one.facts
    )


def _fact(of: Supplied) -> Iterator[tuple[str, Any]]:
    yield "fact", of.fact
    yield "value", None if of.value is None else value_written(of.value, of.dimension)
    yield "dimension", str(of.dimension)
    yield "source", of.source
    yield "files", of.files
    yield "is_read", of.is_read
    if of.measured is not None:
        yield "sessions", [day.isoformat() for day in sorted(of.measured.days)]
        yield (
            "missing",
            [
                {"date": lack.day.isoformat(), "venue": lack.venue, "column": lack.what}
                for lack in of.measured.lacks
            ],
        )
        yield "why", of.measured.why


def _value(of: Supplied, at: AtVenue) -> str:
    if of.value is None:
        return "unknown"
    dimension = str(of.dimension)
    own = f"{at.listing.currency} a share or unit" if of.dimension.kind == "price" else dimension
    return unit(value_written(of.value, of.dimension), own)


def _from(of: Supplied) -> str:
    """Return what *of* comes from, or why it is unknown."""
    if of.measured is not None:
        return _bars(of.measured)
    if of.source is None:
        return "events alone state it"
    kind = of.source.removeprefix("--market ")
    if of.value is None and not of.files:
        return f"not known by {of.source}" if of.fact in MINUTES else f"no file of {kind} is given"
    return ", ".join(of.files) or of.source


def _bars(measured: Measured) -> str:
    if measured.why is not None:
        return measured.why
    if measured.lacks:
        more = len(measured.lacks) - _LACKS_MAX
        lacks = [_lacking(lack) for lack in measured.lacks[:_LACKS_MAX]]
        return "; ".join((*lacks, *([f"{more:,} more are missing"] if more > 0 else [])))
    first, last = min(measured.days), max(measured.days)
    days = f"from {first} to {last}" if first < last else f"of {first}"
    return f"{counted(len(measured.days), 'session')} {days}"


def _lacking(lack: Lack) -> str:
    what = "no bar" if lack.what is None else f"no {lack.what} in the bar"
    return f"{what} of {lack.day} at {lack.venue}"
