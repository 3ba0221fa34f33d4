"""A program's journal for a terminal: where it stands, its stories and its adoptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repurchase.audit.verify import Verified
from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import shown
from repurchase.evaluation.wording import worded
from repurchase.journal.queries import Adopted, AdoptedThen, OrderLine, Overview, StoryLine
from repurchase.report.changes import changed_view
from repurchase.report.decisions import halted_line, heading, outcome, remaining
from repurchase.report.tables import counted, moment_shown, plain_table
from repurchase.rulebook.editions import Edition

_NAMED: Final = frozenset(("kind", "id"))


def position_view(found: Overview, edition: Edition) -> RenderableType:
    """Return where a program stands, for a terminal."""
    parts: list[RenderableType] = [
        Text.assemble((plain(found.authorization), "bold"), f", {found.records:,} records"),
        _standing(found, edition),
    ]
    if found.latest is not None:
        parts.append(Text(f"the latest day is {found.latest}: a request is of that day or later"))
    if found.position.halted is not None:
        parts.append(halted_line(found.position.halted))
    if found.unknown:
        named = ", ".join(plain(name) for name in found.unknown)
        parts.append(Text(f"shares or money of these fills are unknown: {named}", style="red"))
    parts.append(_orders(found.orders) if found.orders else Text("no order is open or held"))
    return Group(*parts)


def _standing(found: Overview, edition: Edition) -> Table:
    now, currency = found.position, edition.authorization.currency
    executed = unit(now.executed_shares, "shares"), unit(now.executed_amount, currency)
    reserved = unit(now.reserved_shares, "shares"), unit(now.reserved_amount, currency)
    left = remaining(now, edition, "no cap")
    rows = zip(("shares", "money"), executed, reserved, left, strict=True)
    return plain_table("", "executed", "reserved", "left", rows=rows)


def _orders(orders: Iterable[OrderLine]) -> Text:
    headings = ("order", "instrument", "open", "at most", "shares", "last day", "")
    rows = [
        (
            plain(one.id),
            plain(" ".join(part for part in (one.symbol, one.venue) if part)),
            _open(one),
            "" if one.price is None else shown(Fraction(one.price)),
            shown(Fraction(one.reserved_shares)),
            str(one.last_date),
            ", ".join(_remarks_on(one)),
        )
        for one in orders
    ]
    # There may be thousands, and a table of rich takes a millisecond for each.
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    lines = (
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        )
        for row in (headings, *rows)
    )
    return Text("\n".join(line.rstrip() for line in lines))


def _open(order: OrderLine) -> str:
    of = f"{order.open_quantity:,} of {order.quantity:,}"
    return of if order.replace_quantity is None else f"{of} or {order.replace_quantity:,}"


def _remarks_on(order: OrderLine) -> Iterator[str]:
    if order.state == "held":
        yield "held until it is released"
    if order.replace_quantity is not None:
        yield "a replace waits for the venue"
    if order.replace_is_held:
        yield "a replace waits for its release"
    if order.is_past:
        yield "past its last day: submit its expire"


def story_view(records: Iterable[StoryLine]) -> RenderableType:
    """Return the records of one event and all that is about it, in their order, for a terminal."""
    parts: list[RenderableType] = []
    for one in records:
        decision = worded(one.decision, one.edition)
        fields = {name: value for name, value in one.event.items() if name not in _NAMED}
        parts += [
            heading(decision, f"  record {one.sequence}, {moment_shown(one.at)}"),
            Text(_fields(fields)),
        ]
        if one.outside:
            parts.append(Text(f"told besides: {_fields(one.outside)}"))
        parts += [*outcome(decision, one.edition), Text()]
    return Group(*parts[:-1])


def _fields(values: Mapping[str, object]) -> str:
    return plain(", ".join(f"{name}: {value}" for name, value in values.items()))


def story_object(records: Iterable[StoryLine]) -> list[dict[str, Any]]:
    """Return the same as programs read it, the findings in words."""
    return [
        {
            "record": one.sequence,
            "at": one.at,
            "event": one.event,
            "outside": one.outside,
            "decision": worded(one.decision, one.edition),
        }
        for one in records
    ]


def adoptions_view(found: Iterable[AdoptedThen]) -> RenderableType:
    """Return the rule files that a program went by, for a terminal."""
    rows = (
        (
            str(one.record),
            moment_shown(one.at),
            one.by or "nobody named",
            one.reason or "",
            Text("\n".join((one.rule_file, *_packs(one)))),
        )
        for one in found
    )
    return plain_table("record", "when", "by", "why", "rule file and packs (SHA-256)", rows=rows)


def _packs(adopted: AdoptedThen) -> Iterator[str]:
    return (f"{hash_} {plain(name)}" for name, hash_ in sorted(adopted.packs.items()))


def adoption_view(found: Adopted, edition: Edition, *, is_done: bool) -> RenderableType:
    """Return what a program goes by and whether what it has used fits, for a terminal.

    If it is not done, that is what it would go by.
    """
    goes, approved = ("goes", "is") if is_done else ("would go", "would be")
    caps = (edition.max_shares, edition.max_amount)
    left = zip(remaining(found.position, edition), caps, strict=True)
    limited = [text for text, cap in left if cap is not None]
    left_under_it = f"left under it: {', '.join(limited) or 'no cap'}"
    if not found.fits:
        past = "use is past a cap or not known"
        left_under_it += f"; {past}, and nothing {approved} approved until that changes"
    goes_by = Text.assemble(
        (plain(found.authorization), "bold"), f" {goes} by {found.rule_file[:12]}..."
    )
    return Group(
        goes_by,
        changed_view(found.changed),
        Text(left_under_it, style="" if found.fits else "bold red"),
    )


def unadopted_view() -> RenderableType:
    """Return that nothing of what was shown is done, for a terminal."""
    return Text.assemble(("NOT ADOPTED", "bold"), ": nothing was written to the journal")


def verified_view(verified: Verified) -> RenderableType:
    """Return what a journal was found to be, for a terminal, and what there is to note down."""
    known = verified.checkpoint
    records = counted(verified.records, "record")
    parts = [
        Text.assemble(
            ("verified", "green"), f"  {plain(verified.program)}: {records}, each judged again"
        ),
        Text(f"recorded from {moment_shown(verified.first)} to {moment_shown(verified.last)}"),
        *(Text(plain(remark)) for remark in verified.remarks),
    ]
    if known is not None:
        to = f"the checkpoint of {moment_shown(known.time)} to record {known.records:,}"
        parts.append(Text(f"confirmed by {to}"))
    parts.append(Text(f"{records}, head {verified.head}, {verified.last:%Y-%m-%d}"))
    if known is None:
        parts[-1] = Text.assemble("note down: ", parts[-1])
        parts.append(Text("consistent with itself; nothing outside confirms it"))
    return Group(*parts)
