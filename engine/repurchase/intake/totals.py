"""Totals as part of the input: what a file prints, or a person expects, beside what it adds up to.

Nothing is rounded: a difference is told as it is, with what could explain it, unless a tolerance
that was given allows it.
"""

from __future__ import annotations

import re
from array import array
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from repurchase.domain.errors import Problem, UsageError, Wrong, short
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, exact, quotient, shown, written
from repurchase.intake.mapping import Checks, Expected, Mapped, Of, Tolerance, plain

# The rows that are looked through for one that explains a difference.
LOOKED_THROUGH: Final = 100_000
# The average price of a total is rounded, and so is what it comes to: to a part of so many.
_NEAR: Final = 1_000
_A_TOTAL: Final = "if it is a total, name it under `rows`; if not, give what you `expect`"
# Of fewer rows, the first is often as large as the others.
_AFTER_MIN: Final = 3
_DOUBLED: Final = "if the file is not doubled, give what you `expect`"
# So many differences are listed, and the others are counted.
DIFFERENCES_MAX: Final = 20
# An opening balance that stands after trades cannot be taken from the file.
_GIVE_IT: Final = "give it to `replay` with --brought-forward SHARES,AMOUNT"
_HALF: Final = Fraction(1, 2)
# What is found instead of a row that is not there, and instead of figures that are not listed.
_ABSENT: Final = "none"
_MORE: Final = "others"
_PERCENT: Final = re.compile(r"([0-9.]+)%")
_PERCENT_MAX: Final = 10
_DECIMALS_MAX: Final = 24
_PLAIN: Final = re.compile(r"(-?)([0-9]+)((?:\.[0-9]+)?)")


class Difference(msgspec.Struct, frozen=True):
    """A figure that differs from what the rows come to: *printed* and *found*, as exact strings.

    *of* says which figure it is, *line* where it is printed, and *why* what could explain it.
    """

    of: str
    printed: str
    found: str
    line: int | None = None
    why: str | None = None

    def problem(self, file: str) -> Problem:
        """Return it as a problem of the log *file*."""
        printed, found = readable(self.printed), readable(self.found)
        what = f"{self.of}: {printed}, but the rows come to {found}"
        if self.found == _ABSENT:
            what = f"the file does not have {self.of}, which the mapping names"
        elif self.found == _MORE:
            what = f"the amounts of {printed} more rows differ from price times quantity"
        return Problem(what, self.why, file, self.line)


class Compared(msgspec.Struct, frozen=True):
    """A total that was compared: as *printed*, and as *found* in the rows, as exact strings.

    *difference* is by how much the rows come to more. It is `None`, as *found* is, if the rows do
    not say it. The *tolerance* is what it may be: a number, or a percentage of what is printed.
    """

    of: str
    printed: str
    found: str | None
    difference: str | None
    tolerance: str
    line: int | None = None


class RowsCompared(msgspec.Struct, frozen=True):
    """How price times quantity and the amount compare, in the *rows* that state all three.

    *equal* of them are the same, and *within* differ by no more than the *tolerance*; *largest* is
    the largest such difference, as an exact string.
    """

    rows: int
    equal: int
    within: int
    largest: str
    tolerance: str


class KnownRow(msgspec.Struct, frozen=True):
    """A *row* that differs by more than the tolerance, and that the mapping names, saying *why*."""

    row: str
    line: int
    printed: str
    found: str
    why: str


class Comparison(msgspec.Struct, frozen=True):
    """What was compared: *totals*, the *rows* if one states all three, and the *known* rows."""

    totals: tuple[Compared, ...] = ()
    rows: RowsCompared | None = None
    known: tuple[KnownRow, ...] = ()


class _Check(msgspec.Struct, frozen=True):
    """A figure of a *kind*, as *printed*, in *text*, and as *found*; `None` if that is unknown.

    *count* is the number of amounts that were added, and *hint* what to do about a difference.
    """

    kind: Literal["shares", "amount", "price"]
    of: str
    printed: Exact
    text: str
    found: Exact | None
    line: int | None
    tolerance: Tolerance = Tolerance()
    count: int = 0
    hint: str | None = None

    def is_allowed(self) -> bool:
        """Return whether what was found may stand for what is printed."""
        return self.found is not None and self.tolerance.allows(self.found, self.printed)

    def compared(self) -> Compared:
        """Return it as it stands in an answer."""
        found = apart = None
        if self.found is not None:
            found, apart = written(self.found), written(self.found - self.printed)
        return Compared(self.of, self.text, found, apart, self.tolerance.text, self.line)


class _Sum(msgspec.Struct):
    """What some rows add up to; *amount* is `None` if a row has neither an amount nor a price."""

    shares: Exact = 0
    amount: Exact | None = 0
    count: int = 0

    def add(self, quantity: Exact, amount: Exact | None) -> None:
        self.shares += quantity
        self.amount = None if self.amount is None or amount is None else self.amount + amount
        self.count += 1

    def vwap(self) -> Exact | None:
        return (
            None if self.amount is None or not self.shares else quotient(self.amount, self.shares)
        )


class Totals:
    """The sums of the rows read so far, and the differences found."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self._since = _Sum()
        self._all = _Sum()
        self._days: dict[str, _Sum] = {}
        self._printed: list[tuple[Mapped, _Sum]] = []
        self._asked = {one.day for one in checks.expected if one.day is not None}
        self._rows: deque[tuple[int, Exact, Exact | None, Exact | None]]
        self._rows = deque(maxlen=LOOKED_THROUGH)
        self._count = 0
        self._marks = array("q")
        # Those of the last rows, to tell a total from one more trade at the same price.
        self._prices: deque[Exact | None] = deque(maxlen=3)
        self._differing: list[Difference] = []
        self._more = 0
        # The rows with price, quantity and amount: all, those alike, and those almost so.
        self._counts = [0, 0, 0]
        self._largest = Fraction()
        self._known: list[KnownRow] = []
        # The rows that may differ by more, each once.
        self._excused = list(checks.known)
        self._sum_like: Difference | None = None
        # The first row, which may be the total of all others.
        self._first: tuple[Mapped, Exact, Exact | None] | None = None
        self.opening: Mapped | None = None
        # The rows that the mapping names and that the file does not have.
        self.lacking: tuple[str, ...] = ()

    def trade(self, row: Mapped, event: Event) -> None:
        """Add a *row* that is the trade *event*; compare its amount with price times quantity."""
        self.compare(row.number, row.label, event)
        quantity, price, amount = event.quantity or 0, event.price, event.amount
        if amount is None and price is not None:
            amount = price * quantity
        self._prices.append(price)
        self._look_at(row, quantity, amount)
        self.add(quantity, amount)
        if self._asked:
            day = str(event.date or event.time)[:10]
            if day in self._asked:
                self._days.setdefault(day, _Sum()).add(quantity, amount)

    def _look_at(self, row: Mapped, quantity: Exact, amount: Exact | None) -> None:
        """Note whether *row* looks like a total of the rows before it, and what it was like."""
        if self._first is None:
            self._first = (row, quantity, amount)
        if len(self._marks) < LOOKED_THROUGH:
            self._marks.append(hash(tuple(row.values.items())))
        since = self._since
        if since.count > 1 and quantity == since.shares and self._is_sum(amount, since):
            self._sum_like = _like_total(row, quantity, "before")

    def _is_sum(self, amount: Exact | None, since: _Sum) -> bool:
        """Return whether *amount* is that of the rows *since*, or is so but for a rounded price."""
        if amount is None or since.amount is None:
            return amount == since.amount
        apart = Fraction(amount) - since.amount
        # Of few rows at one price, the third is often as large as the other two.
        is_at_one_price = len({*self._prices}) == 1
        return abs(apart) * _NEAR <= since.amount and not (is_at_one_price and since.count == 2)

    def _is_sum_of_rest(self, quantity: Exact, amount: Exact | None) -> bool:
        """Return whether the first row, of *quantity* and *amount*, adds up all others."""
        shares, money = self._all.shares - quantity, self._all.amount
        rest = None if amount is None or money is None else money - amount
        return quantity == shares and self._is_sum(amount, _Sum(shares, rest, len(self._marks)))

    def _suspicious(self) -> Iterator[Difference]:
        """Yield what may count twice: a row that adds up those before it, and a doubled file."""
        if self._sum_like is not None:
            yield self._sum_like
        half, odd = divmod(len(self._marks), 2)
        is_whole = self._all.count == len(self._marks)
        if is_whole and self._first is not None:
            row, quantity, amount = self._first
            if len(self._marks) > _AFTER_MIN and self._is_sum_of_rest(quantity, amount):
                yield _like_total(row, quantity, "after")
        if not is_whole or odd or len({*self._marks}) == 1:
            return
        marks, shares = self._marks, self._all.shares
        for what, one, other in (
            ("the second half of the rows, which repeats the first", marks[:half], marks[half:]),
            ("every second row, which repeats the row before", marks[::2], marks[1::2]),
        ):
            if one != other or not half:
                continue
            yield Difference(what, written(quotient(shares, 2)), written(shares), None, _DOUBLED)

    def add(self, quantity: Exact, amount: Exact | None) -> None:
        """Add what was bought to all sums but those of a day."""
        for sum_ in (self._since, self._all):
            sum_.add(quantity, amount)

    def note(self, number: int, event: Event) -> None:
        """Note what *event*, of the row *number*, comes to, so that it may explain a difference."""
        if event.quantity is not None and event.kind in ("fill", "correct"):
            self._rows.append((number, event.quantity, event.price, event.amount))
            self._count += 1

    def compare(self, number: int, label: str, event: Event) -> None:
        """Compare what *event*, of the row *number* called *label*, says that it cost.

        Nothing is compared unless it states a quantity, a price and an amount.
        """
        quantity, price, amount = event.quantity, event.price, event.amount
        if quantity is None or price is None or amount is None:
            return
        product = price * quantity
        self._counts[0] += 1
        if product == amount:
            self._counts[1] += 1
        elif self._checks.row.allows(product, amount):
            self._counts[2] += 1
            self._largest = max(self._largest, abs(Fraction(product) - amount))
        else:
            self._differs(number, label, event, product, amount)

    def _differs(
        self, number: int, label: str, event: Event, product: Exact, amount: Exact
    ) -> None:
        """Note that the row *number*, called *label*, differs by more than the tolerance."""
        bare, printed, found = plain(label), written(amount), written(product)
        known = next((one for one in self._excused if one[0] == bare), None)
        if known is not None:
            self._excused.remove(known)
            self._known.append(KnownRow(short(label), number, printed, found, known[1]))
        elif len(self._differing) == DIFFERENCES_MAX:
            self._more += 1
        else:
            why = _rounded(event, product, amount)
            if any(begin == bare for begin, _ in self._checks.known):
                why = "`known` excuses another row with this first cell; each entry excuses one row"
            what = f"the amount of `{short(label)}`, by its price and quantity"
            self._differing.append(Difference(what, printed, found, number, why))

    def total(self, row: Mapped) -> None:
        """Take a *row* that prints a total, to be compared when all are read."""
        assert row.total is not None, "it is a total"
        sum_ = self._since if row.total.of == "rows" else self._all
        self._printed.append((row, _Sum(sum_.shares, sum_.amount, sum_.count)))
        if row.total.of == "rows":
            self._since = _Sum()

    def comparison(self, opened: Event | None = None) -> Comparison:
        """Return what was compared, given what was brought forward before the first row."""
        rows, equal, within = self._counts
        compared = RowsCompared(rows, equal, within, written(self._largest), self._checks.row.text)
        return Comparison(
            tuple(one.compared() for one in self._checked(opened)),
            compared if rows else None,
            tuple(self._known),
        )

    def differences(self, opened: Event | None = None) -> tuple[Difference, ...]:
        """Return where figures differ, given what was brought forward before the first row."""
        found = [self._difference(one) for one in self._checked(opened) if not one.is_allowed()]
        # A total that agrees says that nothing counts twice.
        is_confirmed = not found and bool(self._printed or self._checks.expected)
        found += (
            Difference(f"a row that begins with `{short(begin)}`", "named", _ABSENT)
            for begin in self.lacking
        )
        rows = [*self._differing, *([] if is_confirmed else self._suspicious())]
        if self._more:
            rows.append(Difference("the amounts of more rows", str(self._more), _MORE))
        return (*rows, *found)

    def of_program(
        self, one: Expected, shares: Exact | None, amount: Exact | None
    ) -> tuple[tuple[Difference, ...], tuple[Compared, ...]]:
        """Return where the totals *shares* and *amount* differ from those expected, and all.

        They are those of a program after all rows were read, `None` if unknown.
        """
        sum_ = _Sum(shares or 0, amount if shares is not None else None, self._count)
        checks = [
            replace(each, found=None) if each.kind == "shares" and shares is None else each
            for each in self._of_expected(one, sum_)
        ]
        differing = tuple(self._difference(each) for each in checks if not each.is_allowed())
        return differing, tuple(each.compared() for each in checks)

    def _checked(self, opened: Event | None) -> Iterator[_Check]:
        """Yield each figure that is printed or expected, with what the rows come to."""
        before = _Sum() if opened is None else _Sum(opened.shares or 0, opened.amount or 0)
        yield from self._of_opening(before)
        for row, sum_ in self._printed:
            assert row.total is not None, "it is a total"
            yield from self._of_row(row, _with(sum_, before, row.total.of))
        for one in self._checks.expected:
            sum_ = self._all if one.day is None else self._days.get(one.day, _Sum())
            yield from self._of_expected(one, _with(sum_, before, "rows" if one.day else "program"))

    def _of_opening(self, before: _Sum) -> Iterator[_Check]:
        """Yield the opening balance that the file prints, beside the one that was taken."""
        if self.opening is None:
            return
        called = f"in `{short(self.opening.label)}`"
        line = self.opening.number
        shares, amount = (_number(self.opening, name) for name in ("quantity", "amount"))
        if shares is not None:
            what, text = f"what was bought before, the quantity {called}", written(shares)
            yield _Check("shares", what, shares, text, before.shares, line, hint=_GIVE_IT)
        if amount is not None:
            what, text = f"what was bought before, the amount {called}", written(amount)
            yield _Check("amount", what, amount, text, before.amount, line, hint=_GIVE_IT)

    def _of_row(self, row: Mapped, sum_: _Sum) -> Iterator[_Check]:
        called = f"in `{short(row.label)}`"
        shares, amount, price = (_number(row, one) for one in ("quantity", "amount", "price"))
        decimals = 0 if price is None else _decimals(row.price, price)
        printed = Expected(shares, amount, price, decimals=decimals)
        return self._of_figures(called, printed, sum_, row.number)

    def _of_expected(self, one: Expected, sum_: _Sum) -> Iterator[_Check]:
        called = "expected" if one.day is None else f"expected of {one.day}"
        return self._of_figures(called, one, sum_, None)

    def _of_figures(
        self, called: str, printed: Expected, sum_: _Sum, line: int | None
    ) -> Iterator[_Check]:
        """Yield the figures *printed* for the rows that *sum_* adds up."""
        shares, amount, vwap = printed.shares, printed.amount, printed.vwap
        if shares is not None:
            what, text = f"the shares {called}", written(shares)
            yield _Check("shares", what, shares, text, sum_.shares, line)
        if amount is not None:
            what, text, within = f"the money {called}", written(amount), self._checks.amount
            yield _Check("amount", what, amount, text, sum_.amount, line, within, sum_.count)
        if vwap is not None:
            what, text, found = f"the price {called}", written(vwap), sum_.vwap()
            within = self._of_average(found, vwap, printed.decimals)
            yield _Check("price", what, vwap, text, found, line, within)

    def _of_average(self, found: Exact | None, printed: Exact, decimals: int) -> Tolerance:
        """Return by how much an average of so many *decimals* may be off: as given, or rounded."""
        given = self._checks.price
        rounding = Tolerance(Fraction(1, 2 * 10**decimals))
        is_off = found is not None and not given.allows(found, printed)
        if given == Tolerance() or (is_off and rounding.allows(found or 0, printed)):
            return rounding
        return given

    def _difference(self, one: _Check) -> Difference:
        if one.found is None:
            return Difference(one.of, one.text, "unknown", one.line)
        why = one.hint
        if why is None and one.kind != "price":
            why = self._why(one.kind, one.found - one.printed, one.count)
        return Difference(one.of, one.text, written(one.found), one.line, why)

    def _why(self, kind: Literal["shares", "amount"], apart: Exact, count: int) -> str | None:
        """Return what could explain that the rows come to so much more than what is printed."""
        for number, quantity, price, amount in self._rows:
            figure: Exact | None = quantity
            if kind == "amount":
                figure = price * quantity if amount is None and price is not None else amount
            if figure is not None and figure in (apart, -apart):
                often = "read twice, or not printed" if apart > 0 else "not read"
                return f"row {number} comes to just that: is it {often}?"
        if count and -count * _HALF <= apart <= count * _HALF:
            return f"{count} figures, each rounded to a whole, can differ by so much"
        return None


def _like_total(row: Mapped, quantity: Exact, side: str) -> Difference:
    """Return that *row* looks like the total of the rows on a *side*: before it, or after it."""
    what = f"`{short(row.label)}`, which looks like the total of the rows {side} it"
    return Difference(what, written(quantity), written(2 * quantity), row.number, _A_TOTAL)


def expected(text: str | None) -> Expected:
    """Return the totals that *text* gives, as `shares=6875,amount=434324.02,vwap=63.1744`.

    Raise UsageError if *text* is not of this form.
    """
    found: dict[str, Exact] = {}
    decimals = 0
    for part in () if text is None else text.split(","):
        name, _, figure = part.partition("=")
        try:
            if name not in ("shares", "amount", "vwap") or name in found:
                raise ValueError
            found[name] = exact(figure)
            decimals = len(figure.partition(".")[2]) if name == "vwap" else decimals
        except ValueError:
            what = f"`--expect {short(text or '')}` is not NAME=VALUE,.."
            hint = "name shares, amount or vwap, each once, and write numbers without grouping"
            raise UsageError(Problem(what, hint)) from None
    shares, amount, vwap = (found.get(name) for name in ("shares", "amount", "vwap"))
    return Expected(shares, amount, vwap, decimals=decimals)


def tolerance(text: str) -> Tolerance:
    """Return the tolerance in *text*: a number, such as `0.5`, or a percentage; raise Wrong."""
    percent = _PERCENT.fullmatch(text)
    try:
        figure = Fraction(exact(text if percent is None else percent[1]))
    except ValueError:
        what = f"`{short(text)}` is not a tolerance"
        raise Wrong(what, "write a number such as `0.5`, or a percentage") from None
    if figure < 0 or (percent is not None and figure > _PERCENT_MAX):
        what = f"the tolerance `{short(text)}` compares nothing"
        raise Wrong(what, f"write a number, or at most {_PERCENT_MAX}%")
    return Tolerance(figure) if percent is None else Tolerance(relative=figure / 100)


def tolerances(text: str | None) -> Checks:
    """Return by how much figures may differ, as *text* says: `row=0.5,amount=1,price=0.1%`.

    Raise UsageError if *text* is not of this form.
    """
    found: dict[str, Tolerance] = {}
    for part in () if text is None else text.split(","):
        name, _, figure = part.partition("=")
        if name not in ("row", "amount", "price") or name in found:
            what = f"`--tolerance {short(text or '')}` is not NAME=VALUE,.."
            raise UsageError(Problem(what, "name row, amount or price, each once"))
        try:
            found[name] = tolerance(figure)
        except Wrong as wrong:
            raise UsageError(Problem(f"`--tolerance`: {wrong.what}", wrong.hint)) from None
    row, amount, price = (found.get(name, Tolerance()) for name in ("row", "amount", "price"))
    return Checks(row, amount, price)


def readable(figure: str | None) -> str:
    """Return the exact string *figure* for people: grouped, and cut if its decimals do not end."""
    if figure is None:
        return "unknown"
    if "/" in figure:
        return f"{shown(Fraction(figure), up=False)}…"
    found = _PLAIN.fullmatch(figure)
    return figure if found is None else f"{found[1]}{int(found[2]):,}{found[3]}"


def _with(sum_: _Sum, before: _Sum, of: Of) -> _Sum:
    if of == "rows" or sum_.amount is None or before.amount is None:
        amount = sum_.amount
    else:
        amount = sum_.amount + before.amount
    shares = sum_.shares + (before.shares if of == "program" else 0)
    return _Sum(shares, amount, sum_.count)


def _rounded(event: Event, product: Exact, amount: Exact) -> str | None:
    """Return that rounding can explain why *product* is not the *amount*, if it can."""
    price, quantity = event.price or 0, event.quantity or 0
    units = [Fraction(1, 10 ** len(written(one).partition(".")[2])) for one in (price, amount)]
    if abs(Fraction(product) - amount) > (units[0] * quantity + units[1]) / 2:
        return None
    return "rounding of the price can explain it; if so, allow it by the tolerance `row`"


def _decimals(text: str, value: Exact) -> int:
    """Return with how many decimals *text* prints *value*, in the unit of *value*.

    So `4.50` has two, and 450 pence have two of a pound.
    """
    digits = Fraction("".join(one for one in text if one.isdecimal()) or "0")
    for decimals in range(_DECIMALS_MAX):
        if digits == value * 10**decimals:
            return decimals
    return len(written(value).partition(".")[2])


def _number(row: Mapped, name: str) -> Exact | None:
    text = row.values.get(name)
    return None if text is None else exact(str(text))
