"""A program's journal for a terminal: where it stands, its stories and its adoptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

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
from repurchase.report.decisions import MARKS, findings_table, halted_line, left_after
from repurchase.report.tables import counted, moment_shown, plain_table
from repurchase.report.written import json_text
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
    table = plain_table("", "executed", "reserved", "left")
    now, currency = found.position, edition.authorization.currency
    rows = (
        ("shares", now.executed_shares, now.reserved_shares, now.remaining_shares, "shares"),
        ("money", now.executed_amount, now.reserved_amount, now.remaining_amount, currency),
    )
    for (name, executed, reserved, left, dimension), cap in zip(
        rows, (edition.max_shares, edition.max_amount), strict=True
    ):
        remaining = "no cap" if cap is None else unit(left, dimension)
        table.add_row(name, unit(executed, dimension), unit(reserved, dimension), remaining)
    return table


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


def story_view(lines: Iterable[StoryLine]) -> RenderableType:
    """Return the records of one event and all that is about it, in their order, for a terminal."""
    parts: list[RenderableType] = []
    for one in lines:
        decision = worded(one.decision, one.edition)
        word, style = MARKS[decision.outcome]
        recorded = f"  record {one.sequence}, {one.at:%Y-%m-%d %H:%M:%S %Z}"
        parts.append(
            Text.assemble(
                (word, style), plain(f" {decision.kind} {decision.id}"), (recorded, "dim")
            )
        )
        said = (f"{name}: {value}" for name, value in one.event.items() if name not in _NAMED)
        parts.append(Text(plain(", ".join(said))))
        if one.outside:
            facts = (f"{name}: {value}" for name, value in one.outside.items())
            parts.append(Text(plain(f"told besides: {', '.join(facts)}")))
        if decision.findings:
            parts.append(findings_table(decision))
        parts += [left_after(decision, one.edition), Text()]
    return Group(*parts[:-1])


def story_json(lines: Iterable[StoryLine]) -> str:
    """Return the same as one line of JSON, the findings in words."""
    return json_text(
        [
            {
                "record": one.sequence,
                "at": one.at,
                "event": one.event,
                "outside": one.outside,
                "decision": worded(one.decision, one.edition),
            }
            for one in lines
        ]
    )


def adoptions_view(found: Iterable[AdoptedThen]) -> RenderableType:
    """Return the rule files that a program went by, for a terminal."""
    table = plain_table("record", "when", "by", "why", "rule file and packs (SHA-256)")
    for one in found:
        by, why = one.by or "nobody named", one.reason or ""
        packs = (f"{hash_} {plain(name)}" for name, hash_ in sorted(one.packs.items()))
        texts = (str(one.record), moment_shown(one.at), plain(by), plain(why))
        table.add_row(*map(Text, texts), Text("\n".join((one.rule_file, *packs))))
    return table


def adoption_view(found: Adopted, edition: Edition, *, is_done: bool) -> RenderableType:
    """Return what a program goes by and whether what it has used fits, for a terminal.

    Where it is not done, that is what it would go by.
    """
    currency = edition.authorization.currency
    left = (
        unit(found.position.remaining_shares, "shares") if edition.max_shares is not None else "",
        unit(found.position.remaining_amount, currency) if edition.max_amount is not None else "",
    )
    goes, approved = ("goes", "is") if is_done else ("would go", "would be")
    said = f"left under it: {', '.join(part for part in left if part) or 'no cap'}"
    if not found.fits:
        past = "use is past a cap or not known"
        said += f"; {past}, and nothing {approved} approved until that changes"
    heading = Text.assemble(
        (plain(found.authorization), "bold"), f" {goes} by {found.rule_file[:12]}..."
    )
    return Group(
        heading, changed_view(found.changed), Text(said, style="" if found.fits else "bold red")
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
