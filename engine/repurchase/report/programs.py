"""A program's journal for a terminal: its position, its events and its adoptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repurchase.audit.repair import Lost, Remains
from repurchase.audit.verify import Verified
from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import shown
from repurchase.evaluation.wording import WordedDecision, worded
from repurchase.journal.queries import (
    Adopted,
    AdoptedThen,
    FillLine,
    HaltLine,
    OrderLine,
    Overview,
    Proposed,
    ReconciledThen,
    StoryLine,
)
from repurchase.journal.records import event_of
from repurchase.report.changes import changed_view
from repurchase.report.decisions import halted_line, opening, reasons, remainder, remaining
from repurchase.report.tables import counted, moment_shown, plain_table
from repurchase.rulebook.editions import Edition

_LISTED: Final = 20
_NAMED: Final = frozenset(("kind", "id"))


def position_view(found: Overview, edition: Edition) -> RenderableType:
    """Return the position of a program, for a terminal."""
    parts: list[RenderableType] = [
        Text.assemble((plain(found.authorization), "bold"), f", {found.records:,} records"),
        _standing(found, edition),
        *([_counters(found, edition)] if found.counters else []),
    ]
    if found.latest is not None:
        parts.append(Text(f"Latest day: {found.latest}. Date each request that day or later."))
    parts += _halts(found)
    if found.unknown:
        named = ", ".join(plain(name) for name in found.unknown)
        text = f"The shares or the money of these fills are unknown: {named}."
        parts.append(Text(text, style="red"))
    parts.append(_orders(found.orders) if found.orders else Text("No order is open or held."))
    parts += _unfit([one for one in found.orders if one.unfit])
    parts.append(Text(_checked(found), style="dim"))
    return Group(*parts)


def _checked(found: Overview) -> str:
    """Return what was checked before this was shown, and what was not."""
    records = counted(found.records - found.since, "record")
    since = f", from the position checked at record {found.since:,}" if found.since else ""
    checked = f"Checked: {records}, each against the one before{since}."
    return f"{checked} `repurchase verify` evaluates the rules again."


def _halts(found: Overview) -> Iterator[Text]:
    """Yield what halts the program, which of its orders are not cancelled yet, and what waits."""
    if found.halts:
        yield halted_line(one.id for one in found.halts)
    for one in found.halts:
        yield Text(plain(f"  {_cause(one)}"))
        left = [of.order for of in one.orders if not of.is_closed]
        if left:
            yield Text(plain(f"    cancel at the venue: {', '.join(left)}"), style="bold red")
        elif one.orders:
            yield Text(f"    its {counted(len(one.orders), 'order')} are all closed")
    for waiting in found.proposals:
        what = (
            "a resume"
            if waiting.rule_file is None
            else f"the rule file {waiting.rule_file[:12]}..."
        )
        text = f"{waiting.id} waits for a second person's `confirm`: {what}, by {waiting.by}"
        if waiting.rule_file is not None:
            text += f"; see `repurchase show {waiting.id}`"
        yield Text(plain(text), style="bold yellow")
    if found.one_person:
        yield Text("This program has one person: nobody else confirms what loosens.")


def _cause(one: HaltLine) -> str:
    """Return what halted the program, when, and why."""
    why = f"failed {', '.join(one.rules)}" if one.rules else (one.reason or "")
    scope = ", ".join(f"{name} {value}" for name, value in one.scope.items())
    parts = (
        one.id,
        f"{one.kind} of {one.at}",
        scope and f"only {scope}",
        one.by and f"by {one.by}",
        why,
    )
    return ", ".join(part for part in parts if part)


def _unfit(orders: Sequence[OrderLine]) -> Iterator[Text]:
    """Yield which open *orders* no longer fit, why, and what to do, if there are any."""
    if not orders:
        return
    yield Text("These open orders no longer fit: cancel them, or replace them.", style="bold red")
    for one in orders:
        why = "; ".join(dict.fromkeys(f"{found.rule}: {found.message}" for found in one.unfit))
        yield Text(plain(f"  {one.id}  {why}"))


def _standing(found: Overview, edition: Edition) -> Table:
    now, currency = found.position, edition.authorization.currency
    executed = unit(now.executed_shares, "shares"), unit(now.executed_amount, currency)
    reserved = unit(now.reserved_shares, "shares"), unit(now.reserved_amount, currency)
    left = remaining(now, edition, "no cap")
    rows = zip(("shares", "money"), executed, reserved, left, strict=True)
    return plain_table("", "executed", "reserved", "remaining", rows=rows)


def _counters(found: Overview, edition: Edition) -> Table:
    """Return what each counter has counted in its period of now; the names of its figures first."""
    currency = edition.authorization.currency
    rows = (
        (
            plain(one.name),
            unit(one.shares, "shares"),
            unit(one.amount, currency),
            str(one.orders),
            str(one.messages),
            str(one.open_orders),
        )
        for one in found.counters
    )
    headings = ("counter", "shares", "money", "orders", "messages", "open orders")
    return plain_table(*headings, rows=rows)


def _orders(orders: Iterable[OrderLine]) -> Text:
    headings = ("order", "instrument", "open", "at most", "shares", "last day", "")
    rows = [
        (
            plain(one.id),
            plain(" ".join(part for part in (one.symbol, one.venue, *one.venues) if part)),
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
    of = f"{_units(order.open_quantity)} of {_units(order.quantity)}"
    new = order.replace_quantity
    return of if new is None else f"{of} or {_units(new)}"


def _units(value: int | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _remarks_on(order: OrderLine) -> Iterator[str]:
    if order.state == "held":
        yield "held for second approval"
    if order.replace_quantity is not None:
        yield "a replace waits for the venue"
    if order.replace_is_held:
        yield "a replace is held for second approval"
    if order.is_past:
        yield "past its last day: submit an expire"
    if order.unfit:
        yield "NO LONGER FITS"


def story_view(records: Iterable[StoryLine]) -> RenderableType:
    """Return the records of one event and of what it is about, in order, for a terminal."""
    parts: list[RenderableType] = []
    for one in records:
        decision, event = _worded(one), event_of(one.event)
        fields = {name: value for name, value in one.event.items() if name not in _NAMED}
        place = f" (record {one.sequence}, {moment_shown(one.at)})"
        edition = one.life.edition
        parts += [opening(decision, one.life, event, place), Text(f"Event: {_fields(fields)}")]
        if one.outside:
            supplied = {name: _known(value) for name, value in one.outside.items()}
            parts.append(Text(f"Supplied beside the event: {_fields(supplied)}"))
        if one.feeds:
            parts.append(Text(f"From market files with the SHA-256 {', '.join(one.feeds)}"))
        parts += [*reasons(decision, edition), remainder(decision, edition), Text()]
    text = "Checked: the chain of records. `repurchase verify` evaluates the rules again."
    parts.append(Text(text, style="dim"))
    return Group(*parts)


def _known(value: object) -> object:
    return "nothing (only a feed may)" if value is None else value


def _worded(one: StoryLine) -> WordedDecision:
    return worded(one.decision, one.life, event_of(one.event))


def _fields(values: Mapping[str, object]) -> str:
    said = ((name, " ".join(of) if isinstance(of, list) else of) for name, of in values.items())
    return plain(", ".join(f"{name}: {value}" for name, value in said))


def story_object(records: Iterable[StoryLine]) -> list[dict[str, Any]]:
    """Return the same as programs read it, with the findings in words."""
    return [
        {
            "record": one.sequence,
            "at": one.at,
            "event": one.event,
            "outside": one.outside,
            "feeds": one.feeds,
            "decision": _worded(one),
        }
        for one in records
    ]


def adoptions_view(found: Iterable[AdoptedThen]) -> RenderableType:
    """Return the rule files that a program adopted, for a terminal."""
    rows = (
        (
            str(one.record),
            moment_shown(one.at),
            one.by or "not named",
            one.standing,
            _reason(one),
            Text("\n".join((one.rule_file, *_packs(one)))),
        )
        for one in found
    )
    columns = "record", "when", "by", "standing", "reason", "rule file and packs (SHA-256)"
    return plain_table(*columns, rows=rows)


def reconciliations_view(found: Iterable[ReconciledThen]) -> RenderableType:
    """Return the recorded comparisons with files, for a terminal."""
    rows = []
    for one in found:
        told = one.reconciliation
        counts = (told.matched, told.different, told.missing_in_journal, told.missing_in_file)
        days = f"{told.first or 'the first'} to {told.last or 'the last'}"
        texts = (f"{one.record:,}", moment_shown(one.at), told.by, days)
        rows.append((*texts, *(f"{count:,}" for count in counts), told.file))
    columns = ("record", "when", "by", "days", "matched", "different")
    more = ("missing in journal", "missing in file", "file (SHA-256)")
    return plain_table(*columns, *more, rows=rows, right=(4, 5, 6, 7))


def proposed_view(found: Proposed) -> RenderableType:
    """Return the rule file of a proposal, what it changes and its standing, for a terminal."""
    one = found.adoption
    text = f"{one.pending}, proposed by {one.by or 'nobody named'}: {one.standing}"
    hint = f"For its text: repurchase show {one.pending} --json"
    return Group(
        Text(plain(text), style="bold"),
        Text(plain(f"Reason: {one.reason}; at {moment_shown(one.at)}, record {one.record:,}")),
        Text("\n".join((f"rule file {one.rule_file}", *map("pack {}".format, _packs(one))))),
        changed_view(found.changed),
        Text(plain(hint), style="dim"),
    )


def _reason(adopted: AdoptedThen) -> str:
    why = adopted.reason or ""
    if adopted.pending is not None:
        return f"{why} (proposed as {plain(adopted.pending)})".strip()
    if adopted.of is None:
        return why
    return f"{why} ({plain(adopted.of)}, confirmed by {plain(str(adopted.confirmed_by))})".strip()


def _packs(adopted: AdoptedThen) -> Iterator[str]:
    return (f"{hash_} {plain(name)}" for name, hash_ in sorted(adopted.packs.items()))


def adoption_view(found: Adopted, edition: Edition, *, is_done: bool) -> RenderableType:
    """Return which rule file a program uses and whether its use is within the caps, for a terminal.

    If not *is_done*, return what an adoption would come to.
    """
    uses, exceed, approved = (
        ("uses", "exceed", "is") if is_done else ("would use", "would exceed", "would be")
    )
    caps = (edition.max_shares, edition.max_amount)
    left = zip(remaining(found.position, edition), caps, strict=True)
    limited = [text for text, cap in left if cap is not None]
    rest = f"Remaining: {', '.join(limited) or 'no cap'}."
    if not found.use_fits:
        rest += (
            f" The shares or the money used {exceed} a new cap or are unknown:"
            f" nothing {approved} approved until that changes."
        )
    title = Text.assemble(
        (plain(found.authorization), "bold"), f" {uses} the rule file {found.rule_file[:12]}..."
    )
    return Group(
        title,
        changed_view(found.changed),
        Text(rest, style="" if found.use_fits else "bold red"),
        *_unfit(found.unfit),
        *_fills(found.fills),
        *_lapsed(found.lapsed, is_done=is_done),
    )


def _lapsed(names: Sequence[str], *, is_done: bool) -> Iterator[Text]:
    """Yield which proposals of other rule files lapse with this adoption, if any do."""
    if names:
        lapse = "has lapsed" if is_done else "would lapse"
        text = f"What waited for a second person {lapse}: {', '.join(names)}. Propose it again."
        yield Text(plain(text), style="yellow")


def _fills(fills: Sequence[FillLine]) -> Iterator[Text]:
    """Yield what the new rules make of the *fills* of open orders: one line for all approved."""
    halting = [one for one in fills if one.halts]
    if halting:
        text = "Fills of these open orders would halt the program: cancel the orders."
        yield Text(text, style="bold red")
        yield from map(_fill, halting)
    denied = [one for one in fills if one.outcome == "denied" and not one.halts]
    if denied:
        yield Text("Fills of these open orders would be denied as undecided:", style="yellow")
        yield from map(_fill, denied)
    approved = len(fills) - len(halting) - len(denied)
    if approved:
        yield Text(f"Fills of {counted(approved, 'open order')} would be approved.")


def _fill(one: FillLine) -> Text:
    stopping = (of for of in one.findings if of.result in ("fail", "indeterminate"))
    why = "; ".join(dict.fromkeys(f"{of.rule}: {of.message}" for of in stopping))
    return Text(plain(f"  {one.order}  {one.day}: {why}"))


def unadopted_view(pending: str | None = None) -> RenderableType:
    """Return that nothing that was shown is done, or not yet, for a terminal."""
    if pending is not None:
        text = f": another person must confirm it: repurchase confirm {pending} --by NAME"
        return Text.assemble(("PENDING", "bold yellow"), text)
    return Text.assemble(("NOT ADOPTED", "bold"), ": nothing was written to the journal")


def remains_view(found: Remains) -> RenderableType:
    """Return what is left of a damaged program, what is lost, and the way back, for a terminal."""
    name = Text(plain(found.program), style="bold")
    if not found.problems:
        whole = counted(found.whole, "record")
        return Text.assemble(name, f": all {whole} are whole; nothing is lost")
    until = "" if found.last is None else f", until {moment_shown(found.last)}"
    parts: list[RenderableType] = [
        Text(plain(one.what), style="bold red") for one in found.problems
    ]
    parts.append(Text.assemble(name, f": the first {found.whole:,} records are whole{until}"))
    lost = found.lost[:_LISTED]
    parts += (Text(plain(f"  lost: record {one.record}, {_lost(one)}")) for one in lost)
    if len(found.lost) > _LISTED:
        parts.append(Text(f"  and {len(found.lost) - _LISTED:,} more"))
    parts.append(
        Text(
            "To restore: stop the desk and keep this file. Take a copy of it or import the last"
            " export into a new journal, whichever has more records. Check that against a"
            " checkpoint kept elsewhere. Then submit again all events after its last record: those"
            " that are recorded are answered again, and counted once."
        )
    )
    return Group(*parts)


def _lost(one: Lost) -> str:
    return "which cannot be read" if one.kind is None else f"{one.kind} {one.id}"


def verified_view(verified: Verified) -> RenderableType:
    """Return that a journal was verified, for a terminal, and the head to note down."""
    known = verified.checkpoint
    records = counted(verified.records, "record")
    parts = [
        Text.assemble(
            ("verified", "green"), f"  {plain(verified.program)}: {records}, each re-evaluated"
        ),
        Text(f"Recorded from {moment_shown(verified.first)} to {moment_shown(verified.last)}"),
        *(Text(plain(remark)) for remark in verified.remarks),
        *(
            Text(plain(f"Reports by {person} that took purchases back: {count:,}"))
            for person, count in verified.taken_back.items()
        ),
    ]
    if known is not None:
        to = f"the checkpoint of {moment_shown(known.time)} to record {known.records:,}"
        parts.append(Text(f"Confirmed by {to}"))
    if verified.receipts:
        parts.append(Text(f"Confirmed by {counted(verified.receipts, 'receipt')}"))
    parts.append(Text(f"{records}, head {verified.head}, {verified.last:%Y-%m-%d}"))
    if known is None:
        parts[-1] = Text.assemble("Note down: ", parts[-1])
    if known is None and not verified.receipts:
        parts.append(Text("The journal is consistent; nothing outside confirms it."))
    return Group(*parts)
