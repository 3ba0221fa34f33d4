"""A first mapping of a file, drafted from what the file itself shows and from answers.

What the file does not settle is left as a question with its candidates: a mapping with an open
question does not load. An answer is taken as known, and the rest is drafted from it. A reading
that the figures settle says how: price times quantity is the amount, or printed totals agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from repurchase.domain.errors import Wrong
from repurchase.intake.draft.answers import Answers, places
from repurchase.intake.draft.clocks import draft_calendar, draft_title
from repurchase.intake.draft.columns import (
    MIC,
    SIDE_WORDS,
    SIDES,
    Column,
    Fields,
    column_called,
    columns_of,
    fields_of,
)
from repurchase.intake.draft.figures import draft_numbers, draft_units
from repurchase.intake.draft.forms import form_of
from repurchase.intake.draft.marks import (
    ask_lone,
    chosen,
    draft_marks,
    draft_merged,
    draft_states,
    section_of,
    without_total,
)
from repurchase.intake.draft.patterns import is_clock
from repurchase.intake.draft.questions import Drafting, Known, Question, flow, quoted
from repurchase.intake.draft.rows import Row, Table, label, sorted_rows, table_of
from repurchase.intake.mapping import filled, plain

_COLUMNS_MAX: Final = 200
_EXAMPLES: Final = 3
_ONE_EACH: Final = ("quantity", "price", "amount", "venue", "id", "side", "symbol", "broker")


class Draft(msgspec.Struct, frozen=True):
    """A first mapping: its *values* by key, what is still open, and what settled the rest."""

    values: dict[str, Any]
    questions: tuple[Question, ...]
    settled: tuple[str, ...]


def draft(
    rows: Sequence[Row], values: dict[str, Any], known: Known, answers: Answers | None = None
) -> Draft:
    """Return the mapping of a file with *rows*, read as *values* says already.

    Raise Wrong if the file has no table, or if an answer names a column that it does not have.
    """
    drafting = Drafting(values, known, answers or Answers({}))
    form = form_of(drafting, rows)
    if form is None:
        _draft_table(drafting, rows, table_of(rows, drafting.answers.header()))
    elif form.table is None:
        _draft_constants(drafting, {})
    else:
        _draft_table(drafting, form.titles, form.table)
    found = drafting.answers.over(drafting.values, drafting.calendar)
    return Draft(found, tuple(drafting.questions), tuple(drafting.settled))


def _draft_table(drafting: Drafting, rows: Sequence[Row], table: Table) -> None:
    """Draft the mapping of *table*, above which *rows* may be titles."""
    if len(table.names) > _COLUMNS_MAX:
        what = f"has a table of {len(table.names):,} columns"
        raise Wrong(what, f"a mapping is drafted of at most {_COLUMNS_MAX}")
    if table.line != 1 and "header" not in drafting.values:
        drafting.values["header"] = table.line or "none"
    table = section_of(drafting, rows, table)
    answers = drafting.answers
    rules = map(str, answers.get("rows", "skip") or ())
    found = sorted_rows(table.body, rules, answers.opening(), answers.totals())
    if not found.trades and found.openings:
        labels = [flow(label(cells)) for _, cells in found.openings]
        drafting.ask(("rows", "opening"), "which is what was bought before?", labels)
        found = msgspec.structs.replace(found, trades=found.openings, openings=())
    found = chosen(drafting, table, found)
    columns = columns_of(table, found.trades)
    fields = _fields(drafting, columns)
    values = draft_numbers(drafting, fields)
    found = without_total(drafting, found, fields)
    columns = columns_of(table, found.trades)
    fields = {name: [columns[one.at] for one in of] for name, of in fields.items()}
    _ask_which(drafting, fields, columns)
    if values is not None:
        trades = {name: of[: len(found.trades)] for name, of in values.items()}
        draft_units(drafting, fields, trades, columns)
    _draft_words(drafting, fields)
    titles = [row for row in rows if row[0] < table.line or filled(row[1]) == 1]
    title = draft_title(drafting, titles, fields)
    if title is None:
        draft_calendar(drafting, fields, columns)
    draft_states(drafting, columns)
    draft_merged(drafting, fields)
    draft_marks(drafting, found, table, fields)
    ask_lone(drafting, found.lone, title)
    _draft_constants(drafting, fields)
    placed = {name: of[0].called for name, of in fields.items() if name not in ("date", "time")}
    drafting.values["columns"] = placed | drafting.columns
    drafting.values = {name: of for name, of in drafting.values.items() if of or name != "rows"}
    _ask_ignored(drafting, columns)


def _fields(drafting: Drafting, columns: Sequence[Column]) -> Fields:
    """Return the columns that may hold each field: those that answers name, and others."""
    answers = drafting.answers
    given = {
        field: [column_called(columns, one) for one in of]
        for field, of in answers.columns().items()
    }
    used = {one.at for of in given.values() for one in of}
    free = [one for one in columns if one.at not in used and not drafting.is_named(one.called)]
    free = [one for one in free if one.called not in drafting.choosing]
    taken = {*answers.placed(), *(answers.get("set") or {})}
    found = fields_of(free, taken)
    if {"date", "time"} & taken:
        is_whole = any(isinstance(answers.get("columns", one), dict) for one in ("date", "time"))
        clocks = [one for one in found.get("time", ()) if is_clock(one.distinct())]
        found = {name: of for name, of in found.items() if name not in ("date", "time")}
        found |= {"time": clocks} if clocks and not is_whole and "time" not in given else {}
    return found | given


def _ask_which(drafting: Drafting, fields: Fields, columns: Sequence[Column]) -> None:
    """Ask which column a field is if several may be it, or if no name says so."""
    for field in _ONE_EACH:
        if len(fields.get(field, ())) > 1:
            what = f"{len(fields[field])} columns may be the {field}"
            drafting.ask_which(field, what, [one.called for one in fields[field]])
    read = {one.at for of in fields.values() for one in of}
    spare = [
        one.called
        for one in columns
        if one.at not in read and one.holds_numbers() and not drafting.is_ignored(one.called)
    ]
    _ask_currency(drafting, fields, columns)
    known = {*fields, *(drafting.answers.get("set") or {})}
    if "quantity" not in known:
        what = "the names do not say which column is the quantity"
        drafting.ask(("columns", "quantity"), what, map(flow, spare))
    if spare and not {"price", "amount"} & known:
        what = "the names do not say which column is the price; if none is, ignore these columns"
        drafting.ask(("columns", "price"), what, map(flow, spare))
    classes = [one for one in columns if one.names_instruments() and one.at not in read]
    classes = [one for one in classes if not drafting.is_ignored(one.called)]
    if classes and "symbol" not in known:
        texts = classes[0].distinct()[:_EXAMPLES]
        form = {"column": classes[0].called, "words": dict.fromkeys(texts, "SYMBOL")}
        what = f"`{classes[0].called}` names several instruments; answer in the form {flow(form)}"
        drafting.ask(("columns", "symbol"), what)
        drafting.columns["symbol"] = "?"


def _ask_currency(drafting: Drafting, fields: Fields, columns: Sequence[Column]) -> None:
    """Ask whether prices are read that the file has in another currency than the rule file."""
    field, known = "price" if "price" in fields else "amount", drafting.known.currencies
    found = fields.get(field, ())
    if not known or len(found) != 1:
        return
    beside = {code for one in columns if one.names_currencies() for code in one.currencies()}
    named = found[0].currencies() or beside
    if named and named.isdisjoint(known):
        what = f"`{found[0].called}` is in {' or '.join(sorted(named))}, but the rule file has"
        what += f" {' or '.join(known)}: is it the {field} of the instrument?"
        drafting.ask(("columns", field), what, [flow(found[0].called)])


def _draft_words(drafting: Drafting, fields: Fields) -> None:
    """Say what the words of sides, venues and symbols mean if that is known, and ask otherwise."""
    symbols = drafting.known.symbols
    for field, is_value, example in (
        ("side", SIDES.__contains__, "buy"),
        ("venue", MIC.fullmatch, "XLON"),
        ("symbol", symbols.__contains__ if symbols else bool, symbols[0] if symbols else ""),
    ):
        texts = fields[field][0].distinct() if len(fields.get(field, ())) == 1 else ()
        if all(is_value(text) for text in texts):
            continue
        drafting.columns[field] = {"column": fields[field][0].called}
        known = {text: SIDE_WORDS.get(plain(text)) for text in texts}
        if field == "side" and all(known.values()):
            drafting.columns[field]["words"] = known
            continue
        shown = quoted(texts[:_EXAMPLES])
        form = f"{{{flow(texts[0])}: {example}}}"
        what = f"what does each of {shown} mean? Answer as {form}"
        drafting.ask(("columns", field, "words"), what)


def _draft_constants(drafting: Drafting, fields: Fields) -> None:
    """Ask for what no column has: the side, the symbol and the venue, unless they are known."""
    known, placed = drafting.known, {*fields, *drafting.columns, *drafting.answers.placed()}
    if "side" not in placed:
        drafting.ask(("set", "side"), "no column has the side", ("buy", "sell"))
    if "symbol" not in placed and len(known.symbols) == 1:
        drafting.values["set"] = {"symbol": known.symbols[0]}
    elif "symbol" not in placed:
        drafting.ask(("set", "symbol"), "no column has the symbol", known.symbols)
    if "venue" not in placed and len(known.venues) > 1:
        what = "no column has the venue, and the rule file has several"
        drafting.ask(("set", "venue"), what, known.venues)


def _ask_ignored(drafting: Drafting, columns: Iterable[Column]) -> None:
    """Ask whether the columns that nothing reads may be ignored."""
    read = {one for value in drafting.values["columns"].values() for one in places(value)}
    read |= drafting.choosing | {*(drafting.answers.get("rows", "words") or {})}
    # Which of these is read is another question.
    read |= {one for of in drafting.rivals.values() for one in of}
    unread = [one for one in columns if one.called not in read]
    others = [one.called for one in unread if one.name or one.distinct()]
    if others:
        drafting.values["ignore"] = others
        what = f"nothing reads {quoted(others)}: may they say that a trade was cancelled, or was a"
        what += " sale?"
        drafting.ask(("ignore",), what, [flow(others)])
