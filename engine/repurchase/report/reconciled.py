"""A reconciliation for a terminal and for programs: what differs, and the totals of both sides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.decisions import Receipt
from repurchase.domain.errors import plain
from repurchase.domain.quantities import Exact, shown, written
from repurchase.intake.totals import Difference
from repurchase.replay.reconcile import Fill, Reconciled, Total
from repurchase.report.tables import counted, plain_table


class Asked(msgspec.Struct, frozen=True):
    """What was compared: the *program*, the *file*, how far times may be apart, and which days.

    *receipt* names the record of the result, if it is recorded. *differences* are the figures that
    the file prints and that its rows do not come to.
    """

    program: str
    file: str
    within_seconds: int
    first: date | None
    last: date | None
    receipt: Receipt | None = None
    differences: tuple[Difference, ...] = ()


def reconciled_object(found: Reconciled, asked: Asked) -> dict[str, Any]:
    """Return *found* as programs read it, with exact strings for quantities."""
    return {
        "authorization": asked.program,
        "file": asked.file,
        "within_seconds": asked.within_seconds,
        "from": asked.first,
        "until": asked.last,
        "matched": found.matched,
        "different": [
            {"journal": _fill(one.journal), "file": _fill(one.file), "fields": one.fields}
            for one in found.different
        ],
        "missing_in_journal": [_fill(one) for one in found.missing_in_journal],
        "missing_in_file": [_fill(one) for one in found.missing_in_file],
        "not_compared": found.not_compared,
        "differences": asked.differences,
        "totals": {
            name: {"journal": _total(ours), "file": _total(theirs)}
            for name, (ours, theirs) in found.totals.items()
        },
        **({} if asked.receipt is None else msgspec.structs.asdict(asked.receipt)),
    }


def _fill(fill: Fill) -> dict[str, Any]:
    """Return what *fill* states, by name."""
    stated = {
        "id": fill.id,
        "line": fill.line,
        "time": None if fill.time is None else fill.time.isoformat(),
        "date": fill.day.isoformat() if fill.time is None else None,
        "instrument": fill.instrument,
        "side": fill.side,
        "venue": fill.venue,
        "quantity": str(fill.quantity),
        "price": _written(fill.price),
        "amount": _written(fill.amount),
    }
    return {name: value for name, value in stated.items() if value is not None}


def _total(total: Total) -> dict[str, Any]:
    return {
        "fills": total.fills,
        "quantity": str(total.quantity),
        "amount": _written(total.amount),
    }


def _written(value: Exact | None) -> str | None:
    return None if value is None else written(value)


def reconciled_view(found: Reconciled, asked: Asked) -> RenderableType:
    """Return *found* for a terminal: the counts, what differs, and the totals."""
    days = "" if asked.first is None else f" from {asked.first}"
    days += "" if asked.last is None else f" until {asked.last}"
    title = Text(plain(f"{asked.program}: the journal and {asked.file}{days}"), style="bold")
    counts = [f"{found.matched:,} matched"]
    for name in ("different", "missing_in_journal", "missing_in_file"):
        some = getattr(found, name)
        if some:
            counts.append(f"{len(some):,} {name.replace('_', ' ')}")
    apart = counted(asked.within_seconds, "second")
    times = f"may be {apart} apart" if asked.within_seconds else "must be equal"
    text = f"{', '.join(counts)}. Times of one trade {times}."
    style = "bold red" if found.differences or asked.differences else "green"
    parts: list[RenderableType] = [title, Text(text, style=style), *_differences(found)]
    if found.not_compared:
        each = (f"{name} ({count:,})" for name, count in found.not_compared.items())
        text = f"Not compared, because a side does not state it (trades): {', '.join(each)}."
        parts.append(Text(text, style="yellow"))
    if not (found.matched or found.differences):
        text = f"Neither the journal nor the file has a fill{days or ' that counts'}."
        parts.append(Text(text, style="yellow"))
    parts.append(_totals(found))
    if asked.receipt is not None:
        told = f"Receipt: record {asked.receipt.record:,}, {asked.receipt.hash}"
        parts.append(Text(told, style="dim"))
    return Group(*parts)


def _differences(found: Reconciled) -> Iterator[RenderableType]:
    rows = [
        (
            "different",
            _named(one.journal),
            _named(one.file),
            f"{field.name}",
            field.journal,
            field.file,
        )
        for one in found.different
        for field in one.fields
    ]
    rows += [
        ("missing in journal", "", _named(one), "fill", "", _said(one))
        for one in found.missing_in_journal
    ]
    rows += [
        ("missing in file", _named(one), "", "fill", _said(one), "")
        for one in found.missing_in_file
    ]
    if rows:
        headings = ("what", "journal's id", "file's id", "field", "journal", "file")
        yield plain_table(*headings, rows=rows)


def _named(fill: Fill) -> str:
    return fill.id if fill.line is None else f"{fill.id} (line {fill.line:,})"


def _said(fill: Fill) -> str:
    """Return what *fill* is, on one line."""
    price = "an unknown price" if fill.price is None else shown(fill.price, up=False)
    when = fill.day.isoformat() if fill.time is None else fill.time.isoformat()
    venue = "" if fill.venue is None else f" {fill.venue}"
    return f"{when}{venue} {fill.side} {fill.quantity:,} {fill.instrument} at {price}"


def _totals(found: Reconciled) -> RenderableType:
    rows = []
    for name, sides in found.totals.items():
        for side, total in zip(("journal", "file"), sides, strict=True):
            amount = "unknown" if total.amount is None else shown(total.amount)
            rows.append((name, side, f"{total.fills:,}", f"{total.quantity:,}", amount))
        rows.append((name, "difference", *_apart(*sides)))
    headings = ("instrument", "side", "fills", "quantity", "amount")
    return plain_table(*headings, rows=rows, right=(2, 3, 4))


def _apart(ours: Total, theirs: Total) -> tuple[str, str, str]:
    """Return by how much the file exceeds the journal."""
    amount = "unknown"
    if ours.amount is not None and theirs.amount is not None:
        amount = shown(theirs.amount - ours.amount)
    return (
        f"{theirs.fills - ours.fills:,}",
        f"{theirs.quantity - ours.quantity:,}",
        amount,
    )
