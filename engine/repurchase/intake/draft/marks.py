"""The rows of a draft that are not trades: totals, the opening balance, headings, cancels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import msgspec

from repurchase.domain.errors import Wrong
from repurchase.intake.draft.answers import places
from repurchase.intake.draft.columns import Column, Fields, column_called, columns_of, days_of
from repurchase.intake.draft.figures import number_of
from repurchase.intake.draft.questions import Drafting, flow, quoted
from repurchase.intake.draft.rows import Row, Sorted, Table, at_place, label
from repurchase.intake.mapping import OPEN, plain, single
from repurchase.intake.printed import Reader

_EXAMPLES: Final = 3
_SECTION_MIN: Final = 3
_OF: Final = {"rows": "rows above", "program": "rows and the opening balance"}
_NOT: Final = re.compile(r"\b(?:un|not?\b|nicht\b|non\b)", re.IGNORECASE)
_READ: Final = re.compile(r"fill|trade|execut|partial|booked|done", re.IGNORECASE)
# Without a word of executions beside it, this is one.
_NEW: Final = re.compile(r"new|active", re.IGNORECASE)
_SKIPPED: Final = re.compile(r"cancel|bust|void|reject|annul|storn|expired|total", re.IGNORECASE)


def section_of(drafting: Drafting, rows: Sequence[Row], table: Table) -> Table:
    """Return the part of *table* with the trades, if each row begins with the name of a section."""
    if len(table.names) < _SECTION_MIN or plain(table.names[1]) != "header":
        return table
    section, kind = table.names[:2]
    inner = [row for row in table.body if plain(row[1][0]) == plain(section)]
    others = dict.fromkeys(single(cells[0]) for number, cells in rows if number > table.line)
    texts = dict.fromkeys(single(row[1][1]) for row in inner)
    words = {one: "read" if plain(one) == "data" else "skip" for one in texts}
    skip = [one for one in others if one and plain(one) != plain(section)]
    drafting.values["rows"] = ({"skip": skip} if skip else {}) | {
        "words": {section: {section: "read"}, kind: words}
    }
    drafting.settled.append(f"rows: those of `{single(section)}` with `Data` are trades")
    drafting.choosing |= {single(section), single(kind)}
    body = tuple(row for row in inner if plain(row[1][1]) == "data")
    return msgspec.structs.replace(table, body=body)


def chosen(drafting: Drafting, table: Table, found: Sorted) -> Sorted:
    """Return *found* without the trades that answers skip by what a column says.

    Raise Wrong if *table* does not have the column.
    """
    trades = found.trades
    for called, words in (drafting.answers.get("rows", "words") or {}).items():
        at = column_called(columns_of(table, ()), called).at
        skipped = {plain(text) for text, said in words.items() if said == "skip"}
        trades = tuple(row for row in trades if plain(at_place(row[1], at)) not in skipped)
    return msgspec.structs.replace(found, trades=trades)


def without_total(drafting: Drafting, found: Sorted, fields: Fields) -> Sorted:
    """Return *found* with its last trade as a total if it has no day and adds up the others."""
    days = days_of(fields)
    read, quantity = number_of(drafting), fields.get("quantity")
    if read is None or not quantity or not days or not found.trades[1:]:
        return found
    lone = [row for row in found.lone if row[0] > found.trades[-1][0]]
    trades = [*found.trades, *lone[:1]]
    last = trades.pop()
    if any(at_place(last[1], one.at).strip() for one in days):
        return found
    values = [_value(read, at_place(cells, quantity[0].at)) for _, cells in (*trades, last)]
    known = [one for one in values if one is not None]
    if len(known) < len(values) or sum(known[:-1]) != known[-1]:
        return found
    kept = tuple(row for row in found.lone if row is not last)
    totals = (*found.totals, last)
    return msgspec.structs.replace(found, trades=tuple(trades), totals=totals, lone=kept)


def draft_states(drafting: Drafting, columns: Sequence[Column]) -> None:
    """Ask which rows count by a column that may say of a row that it was cancelled."""
    placed = drafting.answers.read()
    for column in columns:
        called = column.called
        is_asked = column.says_state() or column.has_totals()
        if not is_asked or called in drafting.choosing or drafting.is_ignored(called):
            continue
        if column.says_state() and plain(str(called)) in placed:
            continue
        meant = _meanings(column.distinct())
        what = f"which rows count by `{called}`, which has {quoted(meant)}?"
        if None in meant.values():
            # Whoever copies the form must not drop, or count, what nobody has decided.
            form = {one: said or OPEN for one, said in meant.items()}
            what += f" Say `read` or `skip` of each: {flow(form)}"
        candidates = [] if None in meant.values() else [flow(meant)]
        drafting.ask(("rows", "words", str(called)), what, candidates)
        drafting.choosing.add(called)
        drafting.values.setdefault("rows", {}).setdefault("words", {})


def _meanings(texts: Sequence[str]) -> dict[str, str | None]:
    """Return whether rows with each of *texts* are read or skipped; `None` if it is not certain."""
    is_executed = any(map(_READ.search, texts))
    signs = [("skip", _SKIPPED), ("read", _READ)] + ([] if is_executed else [("read", _NEW)])
    found: dict[str, str | None] = {}
    for text in texts:
        said = {word for word, sign in signs if sign.search(text)}
        found[text] = said.pop() if len(said) == 1 and not _NOT.search(text) else None
    return found


def draft_merged(drafting: Drafting, fields: Fields) -> None:
    """Ask whether an empty cell repeats the one above, in a column that each trade needs."""
    read = {*places(drafting.columns.get(drafting.calendar))}
    needed = [one for one in days_of(fields) if one.called in read]
    needed += [one for name in ("side", "venue", "symbol") for one in fields.get(name, ())]
    found = [one.called for one in needed if one.has_gaps()]
    if found:
        what = f"do empty cells of {quoted(found)} repeat the cell above?"
        drafting.ask(("rows", "filled_down"), what, [flow(found)])


def draft_marks(drafting: Drafting, found: Sorted, table: Table, fields: Fields) -> None:
    """Name the totals and the opening balance; settle by their quantities what totals are of."""
    rows: dict[str, Any] = drafting.values.setdefault("rows", {})
    read, quantity = number_of(drafting), next(iter(fields.get("quantity", ())), None)
    sums: dict[str, set[str]] = {}
    if read is not None and quantity is not None and found.totals:
        sums = _sums(read, found, table, quantity.at)
    for name in dict.fromkeys(label(cells) for _, cells in found.totals):
        total, of = {"row": name}, sums.get(name, set())
        if of == {"program"}:
            total["of"] = "program"
        rows.setdefault("totals", []).append(total)
        if len(of) == 1:
            drafting.settled.append(f"rows: `{name}` is what the {_OF[min(of)]} add up to")
        else:
            what = f"is `{name}` a total of the rows since the last, or of the program?"
            what += " If of neither, name it in an answer rows.skip=[..]"
            drafting.ask(("rows", "totals", name, "of"), what, ("rows", "program"))
    _draft_opening(drafting, found.openings, fields)


def _draft_opening(drafting: Drafting, openings: Sequence[Row], fields: Fields) -> None:
    """Name the opening balance; ask if it has a day beside its name, as a trade has."""
    if not openings:
        return
    name = drafting.values["rows"]["opening"] = label(openings[0][1])
    cells = {single(at_place(row, one.at)) for _, row in openings for one in days_of(fields)}
    if cells - {"", *(label(cells) for _, cells in openings)}:
        what = f"`{name}` has a day, as a trade has: is it what was bought before?"
        what += " If it is a trade, answer rows.opening=none"
        drafting.ask(("rows", "opening"), what, [flow(name)])


def ask_lone(drafting: Drafting, lone: Sequence[Row], title: str | None) -> None:
    """Ask what the rows with one cell are that are not titles."""
    labels = dict.fromkeys(label(cells) for _, cells in lone)
    found = [one for one in labels if title is None or not one.startswith(title)]
    if found:
        shown = quoted(found[:_EXAMPLES])
        what = f"are rows with one cell, such as {shown}, headings or page numbers alone?"
        drafting.ask(("rows", "lone"), what, ("skip",))


def _sums(read: Reader, rows: Sorted, table: Table, at: int) -> dict[str, set[str]]:
    """Return what each total may be of, by its label: the quantity at the place *at* says it."""
    trades, totals, openings = (
        {number for number, _ in of} for of in (rows.trades, rows.totals, rows.openings)
    )
    since = every = before = Fraction(0)
    found: dict[str, set[str]] = {}
    for number, cells in table.body:
        name, value = label(cells), _value(read, at_place(cells, at))
        if value is None:
            continue
        if number in openings:
            before += value
        elif number in totals:
            is_of = {"rows": since == value, "program": every + before == value}
            fits = {of for of, is_one in is_of.items() if is_one}
            # Without an opening balance, a total of all rows is the total of the rows.
            fits = {"rows"} if fits == {"rows", "program"} else fits
            found[name] = found.get(name, fits) & fits
            since = Fraction(0) if fits == {"rows"} else since
        elif number in trades:
            since, every = since + value, every + value
    return found


def _value(read: Reader, text: str) -> Fraction | None:
    try:
        value = read(text)
    except Wrong:
        return None
    return None if value is None else Fraction(value)
