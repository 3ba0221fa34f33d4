"""A mapping: how one person's file expresses events, and what it comes to row by row.

A mapping is kept beside the rule file and read by `rulebook.mapping_file`. Here it is applied: to
rows of cells, each with the number of its line, from whatever format they come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, zip_longest
from typing import Final, Literal

import msgspec

from repurchase.domain.errors import InputError, Problem, Wrong, nearest, short
from repurchase.domain.quantities import Exact, written
from repurchase.intake.fields import Fault
from repurchase.intake.printed import Reader, Typed

# A column by its name, or by its place from 1 on.
Column = str | int
Cells = Sequence[str]
# The rows that a total is of: those since the last such total, or all with the opening balance.
Of = Literal["rows", "program"]

# Spaces that Python does not take for any.
_UNSEEN: Final = re.compile("[\u200b\ufeff]")
_EAST_ASIAN: Final = "\u2e80"
_NO_FIGURE: Final = Wrong("is missing in this total", "correct the mapping")
# A selected section is a form: a few rows, of which each figure is one.
SECTION_ROWS_MAX: Final = 1_000
HEADER_WITHIN: Final = 1_000
_TITLE_CELLS_MAX: Final = 3
ALL: Final = "all"
# The value of what a draft leaves open.
OPEN: Final = "?"
# What a total may print.
FIGURES: Final = ("quantity", "price", "amount")
# What separates the cells of a text file, by how a mapping names it.
SEPARATORS: Final = {";": ";", "tab": "\t", "|": "|", ",": ","}


class Field(msgspec.Struct, frozen=True):
    """Where an event field stands, and how its text is read.

    *columns* are joined by a blank. With a *title*, the text begins with what a row above says: its
    group is that text. *read* returns the value, or `None` for none; it raises Wrong.
    """

    columns: tuple[Column, ...]
    read: Reader | None = None
    title: re.Pattern[str] | None = None


class TotalRow(msgspec.Struct, frozen=True):
    """A row that prints a total: how it begins, what it is a total *of*, and what it leaves out."""

    begins: str
    of: Of
    without: frozenset[str] = frozenset()


class Rows(msgspec.Struct, frozen=True):
    """Which rows of a file are not trades, by how their first cell begins.

    *filled_down* are the columns whose empty cells repeat the one above. If *transposed*, each
    column of the file is a row. If *skips_lone*, a row with only one filled cell is a heading, or
    the number of a page. *select* is how the title of the section begins that is read alone.
    *words* says by the text of a column whether a row is read or skipped.
    """

    skip: tuple[str, ...] = ()
    opening: str | None = None
    totals: tuple[TotalRow, ...] = ()
    filled_down: tuple[Column, ...] = ()
    transposed: bool = False
    skips_lone: bool = False
    select: str | None = None
    words: tuple[tuple[Column, dict[str, bool]], ...] = ()


class Tolerance(msgspec.Struct, frozen=True):
    """How far figures may differ: by *absolute*, or by *relative* of what was printed."""

    absolute: Exact = 0
    relative: Exact = 0

    def allows(self, found: Exact, printed: Exact) -> bool:
        """Return whether *found* may stand for *printed*."""
        apart, whole = Fraction(found) - printed, Fraction(printed)
        return abs(apart) <= max(Fraction(self.absolute), self.relative * abs(whole))

    @property
    def text(self) -> str:
        """Return it as a mapping writes it: a number, or a percentage."""
        return f"{written(self.relative * 100)}%" if self.relative else written(self.absolute)


class Expected(msgspec.Struct, frozen=True):
    """Totals that the file must come to, of one *day* or of all, with the opening balance.

    *decimals* are those with which the average *vwap* is stated.
    """

    shares: Exact | None = None
    amount: Exact | None = None
    vwap: Exact | None = None
    day: str | None = None
    decimals: int = 0


class Checks(msgspec.Struct, frozen=True):
    """What the figures of a file are compared with, and by how much they may differ.

    *row* bounds the difference of price times quantity and amount in each row. *known* are rows
    that may differ by more, each by its first cell, with the reason.
    """

    row: Tolerance = Tolerance()
    amount: Tolerance = Tolerance()
    price: Tolerance = Tolerance()
    known: tuple[tuple[str, str], ...] = ()
    expected: tuple[Expected, ...] = ()


class Mapping(msgspec.Struct, frozen=True):
    """How one person's file expresses events.

    *header* is the number of the row with the names of the columns, 0 if there is none. *fields*
    are keyed by event field, *constants* too. *ignored* are columns, or ALL the others.
    """

    fields: dict[str, Field]
    constants: dict[str, str]
    ignored: frozenset[Column] | Literal["all"] = frozenset()
    header: int = 1
    encoding: str = "utf-8"
    separator: str = ","
    sheet: str | None = None
    rows: Rows = Rows()
    checks: Checks = Checks()


class Mapped(msgspec.Struct, frozen=True, gc=False):
    """One row as the mapping reads it: its *values* by event field, and what is wrong with them.

    *label* is its first cell. A row that is not a trade is the *opening* balance or a *total*.
    *price* is the text of a total's price, whose decimals say how it was rounded.
    """

    number: int
    values: dict[str, object]
    faults: list[Fault]
    label: str = ""
    opening: bool = False
    total: TotalRow | None = None
    says_none: bool = False
    price: str = ""

    def is_empty(self) -> bool:
        """Return whether nothing was traded: the row prints a word for none, and no figure."""
        return (
            self.says_none and not self.faults and not any(name in self.values for name in FIGURES)
        )


def plain(text: str) -> str:
    """Return *text* in small letters and with single blanks: case and space do not count."""
    return single(text).casefold()


def single(text: str) -> str:
    """Return *text* with single blanks for all spaces, and with none around it."""
    seen = text if text.isascii() else _UNSEEN.sub(" ", text)
    return " ".join(seen.split())


def begins(text: str, sign: str) -> bool:
    """Return whether *text* begins with the whole words *sign*: `Total` does not begin `Totals`.

    Both are `plain`. Words of East Asia have no blanks between them.
    """
    if not text.startswith(sign):
        return False
    beyond = text[len(sign) : len(sign) + 1]
    is_within = beyond.isalnum() and sign[-1:].isalnum() and sign[-1] < _EAST_ASIAN
    return not is_within


def filled(cells: Cells) -> int:
    """Return how many of *cells* are not blank."""
    return sum(bool(cell) and not cell.isspace() for cell in cells)


def title_of(cells: Cells) -> str:
    """Return the text of *cells* if they can be a title: at most a few are filled."""
    texts = [cell for cell in cells if cell and not cell.isspace()]
    return single(" ".join(texts)) if len(texts) <= _TITLE_CELLS_MAX else ""


def first_filled(cells: Cells) -> str:
    """Return the first of *cells* that is not blank."""
    return next((cell for cell in cells if cell and not cell.isspace()), "")


def turned(rows: Sequence[Cells]) -> list[Cells]:
    """Return the columns of *rows* as rows; cells that a row lacks are empty."""
    return list(zip_longest(*rows, fillvalue=""))


def joined(texts: Cells) -> str:
    """Return *texts* with blanks between them; typed if all are."""
    text = " ".join(texts)
    return Typed(text) if all(isinstance(one, Typed) for one in texts) else text


Cell = Callable[[Cells], str]
# The number of a line with its cells, or what is wrong with the line.
Lines = Iterable[tuple[int, Cells | Problem]]


class Sheet:
    """The rows of a file *name*, read by *mapping*."""

    def __init__(self, name: str, lines: Lines, mapping: Mapping) -> None:
        """Read the header; raise InputError if it is not there or lacks a column."""
        self._name = name
        self._mapping = mapping
        self._lines = iter(lines)
        self._skip = tuple(map(plain, mapping.rows.skip))
        self._totals = tuple((plain(one.begins), one) for one in mapping.rows.totals)
        opening = mapping.rows.opening
        self._opening = None if opening is None else plain(opening)
        self._titles: dict[str, str] = {}
        self._is_fresh = False
        # How the rows begin that print totals, of those that were there.
        self.met: set[str] = set()
        # The lines of the rows that `skip` names although they read as trades.
        self.skipped: list[int] = []
        self._above: dict[int, str] = {}
        self._texts = {
            name: field.title for name, field in mapping.fields.items() if field.title is not None
        }
        self._header: Cells = self._found_header()
        if mapping.rows.transposed:
            self._turn()
        self._names = [plain(one) for one in self._header]
        self._begin = plain(first_filled(self._header))
        self._width = len(self._header)
        # Columns without a name, which must be empty.
        self._unread: list[int] = []
        faults = list(self._faults())
        if faults:
            raise InputError(self._problem(mapping.header or 1, wrong) for wrong in faults)
        self._down = tuple(self._place(one) for one in mapping.rows.filled_down)
        self._words = tuple((self._place(one), words) for one, words in mapping.rows.words)
        self._readers = [
            (name, self._cell(name, field), field.read) for name, field in mapping.fields.items()
        ]

    def rows(self) -> Iterator[Mapped | tuple[int, Problem]]:
        """Yield each row that is a trade, the opening balance or a total, or that is unreadable."""
        for number, cells in self._lines:
            if isinstance(cells, Problem):
                yield number, cells
                continue
            label = first_filled(cells)
            begin = plain(label)
            if not begin:
                continue
            if begin == self._begin and self._is_head(cells):
                self._forget()
                continue
            found = self._row(number, cells, label, begin)
            if found is not None:
                yield found

    def _row(
        self, number: int, cells: Cells, label: str, begin: str
    ) -> Mapped | tuple[int, Problem] | None:
        if begin.startswith(self._skip) and any(begins(begin, one) for one in self._skip):
            if len(cells) == self._width and self._has_trade(self._read(number, cells, label)):
                self.skipped.append(number)
            return None
        if self._texts and self._is_title(cells):
            return None
        if (self._mapping.rows.skips_lone or self._texts) and filled(cells) == 1:
            return self._lone(number)
        cells = self._filled(cells)
        if len(cells) != self._width:
            what = f"has {len(cells)} cells, but the header has {self._width}"
            return number, self._problem(number, Wrong(what, "skip it under `rows`, or correct it"))
        return self._wide(number, cells, label, begin)

    def _has_trade(self, row: Mapped) -> bool:
        """Return whether *row* has a day of its own and a quantity, and nothing wrong with them."""
        own = row.values.keys() - self._texts.keys() - self._mapping.constants.keys()
        return not row.faults and "quantity" in own and not own.isdisjoint(("date", "time"))

    def _lone(self, number: int) -> tuple[int, Problem] | None:
        """Return what is wrong with a row of one cell if it must be a known title."""
        if not self._mapping.rows.skips_lone:
            what = "has one cell, and is not a title that the mapping knows"
            return number, self._problem(number, Wrong(what, "name it under `rows`"))
        # It may be the title of what follows, in other words.
        self._titles.clear()
        return None

    def _wide(
        self, number: int, cells: Cells, label: str, begin: str
    ) -> Mapped | tuple[int, Problem] | None:
        total = next((one for sign, one in self._totals if begins(begin, sign)), None)
        if total is not None:
            return self._read(number, cells, label, total=total)
        self._is_fresh = False
        if self._opening is not None and begins(begin, self._opening):
            return self._read(number, cells, label, opening=True)
        for at, words in self._words:
            is_read = words.get(plain(cells[at]))
            if is_read is None:
                what = f"has `{short(cells[at])}`, which `words` under `rows` does not list"
                return number, self._problem(number, Wrong(what, "write `read` or `skip` for it"))
            if not is_read:
                return None
        for at in self._unread:
            if cells[at] and not cells[at].isspace():
                what = f"has `{short(cells[at])}` in column {at + 1}, which is not read"
                hint = f"name it as {at + 1} under `columns` or `ignore` of the mapping"
                return number, self._problem(number, Wrong(what, hint))
        return self._read(number, cells, label)

    def _read(
        self,
        number: int,
        cells: Cells,
        label: str,
        *,
        opening: bool = False,
        total: TotalRow | None = None,
    ) -> Mapped:
        is_trade = not opening and total is None
        left_out = total.without if total is not None else ()
        values: dict[str, object] = dict(self._mapping.constants) if is_trade else {}
        faults: list[Fault] = []
        says_none = False
        for name, cell, read in self._readers:
            if not is_trade and (name not in FIGURES or name in left_out):
                continue
            text = cell(cells)
            try:
                value = text if read is None else read(text)
            except Wrong as wrong:
                faults.append((name, wrong))
                continue
            if value:
                values[name] = value
            elif name in FIGURES:
                says_none |= bool(text.strip())
        if total is not None:
            self.met.add(total.begins)
            if not values and not faults:
                faults.append(("quantity", _NO_FIGURE))
        texts = (cell(cells) for name, cell, _ in self._readers if name == "price")
        price = "" if total is None else next(texts, "")
        return Mapped(number, values, faults, label, opening, total, says_none, price)

    # --- the shape of the file -------------------------------------------------------------------

    def _found_header(self) -> Cells:
        """Return the names of the columns, and pass over the rows before them and of them."""
        at, mapping = self._mapping.header, self._mapping
        if at == 0:
            places = [one for field in mapping.fields.values() for one in field.columns]
            widest = max((one for one in places if isinstance(one, int)), default=1)
            return self._unnamed(widest)
        for number, cells in self._lines:
            if isinstance(cells, Problem):
                if number >= at:
                    raise InputError(cells)
            elif number >= at:
                return cells
            else:
                self._is_title(cells)
        raise InputError(self._problem(None, Wrong(f"has no row {at}", "correct `header`")))

    def _unnamed(self, least: int) -> Cells:
        """Return as many empty names as the first row has cells, but at least so many."""
        first = next(self._lines, None)
        if first is None:
            raise InputError(self._problem(None, Wrong("is blank")))
        self._lines = chain([first], self._lines)
        cells = first[1]
        return [""] * max(least, 0 if isinstance(cells, Problem) else len(cells))

    def _turn(self) -> None:
        """Make each column of the selected section a row."""
        self._header, *rows = turned([self._header, *self._section()])
        self._lines = iter(enumerate(rows, 2))

    def _section(self) -> Iterator[Cells]:
        """Yield the rows of the section that `select` names, its title too; of all without one."""
        select = self._mapping.rows.select
        begun = select is None
        for number, cells in self._lines:
            if isinstance(cells, Problem):
                raise InputError(cells)
            if select is not None and filled(cells) == 1:
                if begun:
                    return
                begun = begins(plain(first_filled(cells)), plain(select))
                self._is_title(cells)
            elif begun:
                yield cells
            if number > SECTION_ROWS_MAX:
                raise InputError(self._problem(number, Wrong("is beyond the most rows of a form")))
        if not begun:
            what = f"has no section that begins with `{short(select or '')}`"
            raise InputError(self._problem(None, Wrong(what, "correct `select`")))

    def _is_title(self, cells: Cells) -> bool:
        """Return whether *cells* are a title that gives values to the rows below; keep them."""
        bare, is_title = title_of(cells), False
        for name, pattern in self._texts.items():
            found = pattern.fullmatch(bare)
            if found is not None:
                self._titles[name] = found[1]
                is_title = self._is_fresh = True
        return is_title

    def _forget(self) -> None:
        """Forget the titles at the head of a table, unless they stand right above it."""
        if not self._is_fresh:
            self._titles.clear()

    def _is_head(self, cells: Cells) -> bool:
        """Return whether *cells* repeat the header, as each printed page does."""
        return self._mapping.header > 0 and [plain(one) for one in cells] == self._names

    def _filled(self, cells: Cells) -> Cells:
        """Return *cells* as wide as the header, with those of merged cells filled down."""
        extra = len(cells) - self._width
        if extra < 0:
            cells = [*cells, *[""] * -extra]
        elif extra > 0 and not any(cell.strip() for cell in cells[self._width :]):
            cells = cells[: self._width]
        if not self._down or len(cells) != self._width:
            return cells
        filled = list(cells)
        for at in self._down:
            if filled[at].strip():
                self._above[at] = filled[at]
            else:
                filled[at] = self._above.get(at, "")
        return filled

    # --- its columns -----------------------------------------------------------------------------

    def _faults(self) -> Iterator[Wrong]:
        """Yield what is wrong with the columns: one that is not there, or that nothing reads."""
        read: set[int] = set()
        named = [one for field in self._mapping.fields.values() for one in field.columns]
        by_words = [column for column, _ in self._mapping.rows.words]
        ignored = self._mapping.ignored
        others = () if ignored == ALL else ignored
        for column in (*named, *self._mapping.rows.filled_down, *by_words, *others):
            try:
                read.add(self._place(column))
            except Wrong as wrong:
                yield wrong
        if ignored == ALL:
            return
        for at, name in enumerate(self._header):
            if at not in read and name.strip():
                what = f"the column `{short(name)}` is neither read nor ignored"
                yield Wrong(what, "name it under `columns` or `ignore` of the mapping")
            elif at not in read:
                self._unread.append(at)

    def _place(self, column: Column) -> int:
        """Return the place of *column* from 0 on; raise Wrong if there is none, or several."""
        if isinstance(column, int):
            if not 1 <= column <= len(self._header):
                raise Wrong(f"the mapping reads column {column}, but there are {len(self._header)}")
            return column - 1
        sought = plain(column)
        names = [plain(one) for one in self._header]
        count = names.count(sought)
        if count == 1:
            return names.index(sought)
        if count:
            what = f"the column `{short(column)}` is there {count} times"
            raise Wrong(what, "name it by its place, such as 3")
        what = f"the header has no column `{short(column)}`"
        raise Wrong(what, nearest(column, [one for one in self._header if one.strip()]))

    def _cell(self, name: str, field: Field) -> Cell:
        """Return what gives the text of *field* in a row."""
        places = [self._place(one) for one in field.columns]
        if field.title is not None:
            return lambda cells: joined([self._titles.get(name, ""), *(cells[at] for at in places)])
        if len(places) == 1:
            at = places[0]
            return lambda cells: cells[at]
        return lambda cells: joined([cells[at] for at in places])

    def _problem(self, number: int | None, wrong: Wrong) -> Problem:
        subject = "the file " if number is None else ""
        if wrong.what.startswith(("has ", "is ")) and number is not None:
            subject = "the row "
        return Problem(f"{subject}{wrong.what}", wrong.hint, self._name, number)
