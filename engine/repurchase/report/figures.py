"""The figures of a log by day, venue or instrument: a table, JSON, or CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.errors import plain
from repurchase.domain.quantities import Exact, rounded, shown, written
from repurchase.replay.figures import Figures, Row
from repurchase.report.tables import plain_table

# One cell of a row: a text, a whole number, or nothing.
Cell = str | int | None

# What a spreadsheet takes for a formula, and a fraction, which it takes for a date.
_TAKEN_OTHERWISE: Final = re.compile(r"[=+\-@]|[0-9]+/[0-9]+")
_SUMS: Final = ("shares", "amount", "cumulative_shares", "cumulative_amount")
_PRICES: Final = ("average", "high", "low")
_HEADINGS: Final = {
    "price_currency": "prices in",
    "cumulative_shares": "shares so far",
    "cumulative_amount": "amount so far",
    "shares_used_percent": "% of shares",
    "amount_used_percent": "% of money",
    "capital_percent": "% of capital",
}


def figures_object(found: Figures, decimals: int | None) -> dict[str, Any]:
    """Return *found* as programs read it: exact strings, or with so many *decimals*.

    Shares are always exact. A value is `None` if it is unknown, and a percentage also if there is
    no cap or no capital.
    """
    return {
        "by": found.parts,
        "decimals": decimals,
        "rounding": None if decimals is None else "half up",
        "currency": found.currency,
        "brought_forward": {
            "shares": written(found.forward_shares),
            "amount": _figure(decimals)(found.forward_amount),
        },
        "rows": [_cells(found, row, decimals) for row in found.rows],
        "total": _cells(found, found.total, decimals),
    }


def _figure(decimals: int | None) -> Callable[[Exact], str]:
    return written if decimals is None else partial(rounded, decimals=decimals)


def _cells(found: Figures, row: Row, decimals: int | None) -> dict[str, Cell]:
    """Return the cells of *row* by name: its key, if it has one, and then its figures."""
    figure, prices = _figure(decimals), row.prices
    used = (
        ("shares_used_percent", row.cumulative_shares, row.max_shares),
        ("amount_used_percent", row.cumulative_amount, row.max_amount),
        ("capital_percent", row.cumulative_shares, row.capital),
    )
    return {
        **dict(zip(found.parts, row.key, strict=False)),
        "trades": row.trades,
        "shares": _written(row.shares, written),
        "amount": _written(row.amount, figure),
        "price_currency": None if prices is None else prices.currency,
        "average": None if prices is None else figure(prices.average),
        "high": None if prices is None else figure(prices.high),
        "low": None if prices is None else figure(prices.low),
        "cumulative_shares": _written(row.cumulative_shares, written),
        "cumulative_amount": _written(row.cumulative_amount, figure),
        **{name: _written(_percent(part, whole), figure) for name, part, whole in used},
    }


def _written(value: Exact | None, figure: Callable[[Exact], str]) -> str | None:
    return None if value is None else figure(value)


def _percent(part: Exact | None, whole: Exact | None) -> Exact | None:
    return None if part is None or not whole else Fraction(part) / whole * 100


def figures_view(found: Figures, decimals: int | None) -> RenderableType:
    """Return *found* as a table for a terminal, with the total below it.

    A column that is empty in every row is left out.
    """
    rows = [_cells(found, row, decimals) for row in (*found.rows, found.total)]
    names = [name for name in rows[-1] if any(row[name] is not None for row in rows)]
    keys = [*(tuple(map(_name, row.key)) for row in found.rows), _total_key(found)]
    texts = [
        (*key, *(_seen(name, row[name], decimals) for name in names))
        for key, row in zip(keys, rows, strict=True)
    ]
    headings = (*found.parts, *(_heading(name, found.currency) for name in names))
    right = range(len(found.parts), len(headings))
    table = plain_table(*headings, rows=texts, right=right)
    return Group(table, *_remarks(found, decimals))


def _total_key(found: Figures) -> tuple[str, ...]:
    return ("total", *("" for _ in found.parts[1:]))


def _heading(name: str, currency: str) -> str:
    heading = _HEADINGS.get(name, name)
    return f"{heading} {currency}" if "amount" in heading else heading


def _name(name: str | None) -> str:
    return "unknown" if name is None else name


def _seen(name: str, cell: Cell, decimals: int | None) -> str:
    """Return the *cell* of the column *name* as people see it: with at most four decimals."""
    if cell is None:
        return "unknown" if name in _SUMS else "-"
    if isinstance(cell, str) and not cell[:1].isdigit():
        return cell
    if decimals is None or isinstance(cell, int):
        # What is used never looks less than it is.
        return shown(Fraction(cell), up=name not in _PRICES)
    whole, point, rest = cell.partition(".")
    return f"{int(whole):,}{point}{rest}"


def _remarks(found: Figures, decimals: int | None) -> Iterator[Text]:
    if decimals is None:
        yield Text(
            "After four decimals prices are cut off, and all else is rounded up. --round N rounds"
            " half up; --json is exact."
        )
    else:
        yield Text(f"Money, prices and percentages are rounded half up to {decimals} decimals.")
    if found.forward_shares or found.forward_amount:
        what = f"{shown(found.forward_shares)} shares and {found.currency}"
        yield Text(f"Before these rows: {what} {shown(found.forward_amount)}, brought forward.")
    if any(row.prices is None for row in found.rows):
        yield Text(
            "A row has no prices if one of them is unknown, or if it holds several instruments or"
            " ratios: add `instrument` to --by."
        )


def figures_lines(found: Figures, decimals: int | None) -> Iterator[list[Cell]]:
    """Yield the names of the columns, then the cells of each row, and those of the total.

    The key of the total is `total`. Cells are as in `figures_object`.
    """
    names = [*found.parts, *_cells(found, found.total, decimals)]
    yield [*names]
    for row in found.rows:
        yield [_cells(found, row, decimals)[name] for name in names]
    yield [*_total_key(found), *_cells(found, found.total, decimals).values()]


def figures_csv(found: Figures, decimals: int | None) -> str:
    """Return *found* as CSV, with `'` before what a spreadsheet would take for something else."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [_guarded(cell) for cell in line] for line in figures_lines(found, decimals)
    )
    return text.getvalue()


def _guarded(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    text = plain(cell)
    return f"'{text}" if _TAKEN_OTHERWISE.match(text) else text
