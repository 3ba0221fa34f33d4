"""Forms: files in which each trade is a column, and the first column names its fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from repurchase.intake.draft.columns import names_field
from repurchase.intake.draft.questions import Drafting, flow
from repurchase.intake.draft.rows import Row, Table, label
from repurchase.intake.draft.styles import is_number
from repurchase.intake.mapping import begins, filled, plain, turned

_ROWS_MAX: Final = 100
_NEEDED: Final = ("quantity", "price", "amount")


class Form(msgspec.Struct, frozen=True):
    """A form as a *table* of which each trade is a row, and the rows above that may be titles.

    The table is `None` if the file has several forms, and no answer selects one.
    """

    table: Table | None
    titles: tuple[Row, ...]


def form_of(drafting: Drafting, rows: Sequence[Row]) -> Form | None:
    """Return the form in *rows*, and say that it is one; `None` if they are a table by rows."""
    is_said = drafting.answers.get("rows", "each")
    wide = [row for row in rows if filled(row[1]) > 1]
    if is_said == "row" or not wide or (is_said is None and not _is_form(wide)):
        return None
    sections = _sections(rows)
    forms = [of for of in sections if _is_form(of[1:] if filled(of[0][1]) == 1 else of)]
    above = [of for of in sections if of not in forms][:1] if filled(rows[0][1]) > 1 else []
    selected = drafting.answers.get("rows", "select")
    if selected is not None:
        forms = [of for of in sections if begins(plain(label(of[0][1])), plain(str(selected)))]
    drafting.values["rows"] = {"each": "column"}
    if len(forms) > 1:
        named = dict.fromkeys(flow(label(of[0][1])) for of in forms)
        drafting.ask(("rows", "select"), f"the file has {len(forms)} forms; which is read?", named)
        return Form(None, ())
    found = forms[0] if forms else list(rows)
    if len(sections) > 1 and filled(found[0][1]) == 1 and above:
        drafting.values["rows"]["select"] = label(found[0][1])
        table = [above[0][0], *found[1:]]
        titles = [found[0]]
    else:
        table = [row for row in found if filled(row[1]) > 1]
        titles = [row for row in rows if row[0] < table[0][0]]
    if table[0][0] != 1:
        drafting.values["header"] = table[0][0]
    return Form(_turned(table), tuple(titles))


def _sections(rows: Sequence[Row]) -> list[list[Row]]:
    """Return *rows* in parts that begin with a row of one cell."""
    found: list[list[Row]] = []
    for row in rows:
        if filled(row[1]) == 1 or not found:
            found.append([])
        if filled(row[1]):
            found[-1].append(row)
    return [of for of in found if of]


def _is_form(rows: Sequence[Row]) -> bool:
    """Return whether the first cells of *rows* name the fields of a trade, and no row does."""
    if not 1 < len(rows) <= _ROWS_MAX:
        return False
    names = {names_field(label(cells)) for _, cells in rows if any(map(is_number, cells[1:]))}
    across = {names_field(cell) for cell in rows[0][1][1:]}
    return "quantity" in names and len(names & {*_NEEDED}) > 1 and not across & {*_NEEDED}


def _turned(rows: Sequence[Row]) -> Table:
    """Return the table whose rows are the columns of *rows*."""
    names, *body = turned([cells for _, cells in rows])
    trades = tuple((at, cells) for at, cells in enumerate(body, 2) if filled(cells))
    return Table(rows[0][0], tuple(names), tuple(names), trades)
