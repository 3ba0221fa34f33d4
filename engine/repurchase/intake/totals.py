"""Totals as part of the input: what a file prints, or a person expects, beside what it adds up to.

Nothing is rounded: a difference is told as it is, with what could explain it, unless a tolerance
that was given allows it.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import msgspec

from repurchase.domain.errors import Problem, UsageError, short
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, exact, quotient, written
from repurchase.intake.mapping import Checks, Expected, Mapped, Of, Tolerance, plain

# The rows that are looked through for one that explains a difference.
LOOKED_THROUGH: Final = 100_000
# An opening balance that stands after trades cannot be taken from the file.
# The average price of a total is rounded, and so is what it comes to: to a part of so many.
_NEAR: Final = 1_000
_A_TOTAL: Final = "if it is a total, name it under `rows`; if not, give what you `expect`"
_DOUBLED: Final = "if the file is not doubled, give what you `expect`"
# The differences that are listed; of the others, the number.
DIFFERENCES_MAX: Final = 20
_GIVE_IT: Final = "give it with --brought-forward SHARES,AMOUNT"
_HALF: Final = Fraction(1, 2)


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
        what = f"{self.of}: {self.printed}, but the rows come to {self.found}"
        return Problem(what, self.why, file, self.line)


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
        self._rows: deque[tuple[int, Exact | None]] = deque(maxlen=LOOKED_THROUGH)
        self._marks = array("q")
        # Those of the last rows, to tell a total from one more trade at the same price.
        self._prices: deque[Exact | None] = deque(maxlen=3)
        self._differing: list[Difference] = []
        self._more = 0
        self._sum_like: Difference | None = None
        self.opening: Mapped | None = None
        # The rows that the mapping names and that the file does not have.
        self.lacking: tuple[str, ...] = ()

    def trade(self, row: Mapped, event: Event) -> None:
        """Add a *row* that is the trade *event*; compare its amount with price times quantity."""
        quantity, price, amount = event.quantity or 0, event.price, event.amount
        product = None if price is None else price * quantity
        if product is not None and amount is not None and product != amount:
            self._compare_row(row, product, amount)
        amount = product if amount is None else amount
        self._prices.append(price)
        self._look_at(row, quantity, amount)
        self._rows.append((row.number, amount))
        self.add(quantity, amount)
        if self._asked:
            day = str(event.date or event.time)[:10]
            if day in self._asked:
                self._days.setdefault(day, _Sum()).add(quantity, amount)

    def _look_at(self, row: Mapped, quantity: Exact, amount: Exact | None) -> None:
        """Note whether *row* looks like a total of the rows before it, and what it was like."""
        if len(self._marks) < LOOKED_THROUGH:
            self._marks.append(hash(tuple(row.values.items())))
        since = self._since
        if since.count > 1 and quantity == since.shares and self._is_sum(amount, since):
            what = f"`{short(row.label)}`, which is what the rows before it come to"
            twice = written(since.shares + quantity)
            self._sum_like = Difference(what, written(quantity), twice, row.number, _A_TOTAL)

    def _is_sum(self, amount: Exact | None, since: _Sum) -> bool:
        """Return whether *amount* is that of the rows *since*, or is so but for a rounded price."""
        if amount is None or since.amount is None:
            return amount == since.amount
        apart = Fraction(amount) - since.amount
        # Of few rows at one price, the third is often as large as the other two.
        is_at_one_price = len({*self._prices}) == 1
        return abs(apart) * _NEAR <= since.amount and not (is_at_one_price and since.count == 2)

    def _suspicious(self) -> Iterator[Difference]:
        """Yield what may count twice: a row that adds up those before it, and a doubled file."""
        if self._sum_like is not None:
            yield self._sum_like
        half, odd = divmod(len(self._marks), 2)
        is_whole = self._all.count == len(self._marks) and not odd
        if not is_whole or len({*self._marks}) == 1:
            return
        marks, shares = self._marks, self._all.shares
        for what, one, other in (
            ("the second half of the rows, which repeats the first", marks[:half], marks[half:]),
            ("each second row, which repeats the one before", marks[::2], marks[1::2]),
        ):
            if one != other or not half:
                continue
            yield Difference(what, written(quotient(shares, 2)), written(shares), None, _DOUBLED)

    def add(self, quantity: Exact, amount: Exact | None) -> None:
        """Add what was bought to all sums but those of a day."""
        for sum_ in (self._since, self._all):
            sum_.add(quantity, amount)

    def _compare_row(self, row: Mapped, product: Exact, amount: Exact) -> None:
        label = plain(row.label)
        is_known = any(label.startswith(begin) for begin, _ in self._checks.known)
        if is_known or self._checks.row.allows(product, amount):
            return
        if len(self._differing) == DIFFERENCES_MAX:
            self._more += 1
            return
        what = f"the amount of `{short(row.label)}`, by its price and quantity"
        self._differing.append(Difference(what, written(amount), written(product), row.number))

    def total(self, row: Mapped) -> None:
        """Take a *row* that prints a total, to be compared when all are read."""
        assert row.total is not None, "it is a total"
        sum_ = self._since if row.total.of == "rows" else self._all
        self._printed.append((row, _Sum(sum_.shares, sum_.amount, sum_.count)))
        if row.total.of == "rows":
            self._since = _Sum()

    def differences(self, opened: Event | None = None) -> tuple[Difference, ...]:
        """Return where figures differ, given what was brought forward before the first row."""
        before = _Sum() if opened is None else _Sum(opened.shares or 0, opened.amount or 0)
        found = [*self._of_opening(before)]
        for row, sum_ in self._printed:
            assert row.total is not None, "it is a total"
            found += self._of_row(row, _with(sum_, before, row.total.of))
        for one in self._checks.expected:
            sum_ = self._all if one.day is None else self._days.get(one.day, _Sum())
            found += self._of_expected(one, _with(sum_, before, "rows" if one.day else "program"))
        # A total that agrees says that nothing counts twice.
        is_confirmed = not found and bool(self._printed or self._checks.expected)
        for begin in self.lacking:
            found.append(Difference(f"a row that begins with `{short(begin)}`", "named", "none"))
        rows = [*self._differing, *([] if is_confirmed else self._suspicious())]
        if self._more:
            rows.append(Difference("the amounts of more rows", f"{self._more:,}", "others"))
        return (*rows, *found)

    def _of_opening(self, before: _Sum) -> Iterator[Difference]:
        """Yield how the opening balance that the file prints differs from what was taken."""
        if self.opening is None:
            return
        called = f"in `{short(self.opening.label)}`"
        for name, figure in (("quantity", before.shares), ("amount", before.amount)):
            printed = _number(self.opening, name)
            if printed is not None and printed != figure:
                what = f"what was bought before, the {name} {called}"
                yield Difference(
                    what, written(printed), written(figure or 0), self.opening.number, _GIVE_IT
                )

    def _of_row(self, row: Mapped, sum_: _Sum) -> Iterator[Difference]:
        called = f"in `{short(row.label)}`"
        shares, amount, price = (_number(row, one) for one in ("quantity", "amount", "price"))
        if shares is not None and shares != sum_.shares:
            yield self._difference(f"the shares {called}", shares, sum_.shares, row.number)
        if amount is not None:
            yield from self._money(f"the money {called}", amount, sum_, row.number)
        if price is not None:
            text = str(row.values["price"])
            yield from self._price(f"the price {called}", price, text, sum_, row.number)

    def _of_expected(self, one: Expected, sum_: _Sum) -> Iterator[Difference]:
        called = "expected" if one.day is None else f"expected of {one.day}"
        if one.shares is not None and one.shares != sum_.shares:
            yield self._difference(f"the shares {called}", one.shares, sum_.shares, None)
        if one.amount is not None:
            yield from self._money(f"the money {called}", one.amount, sum_, None)
        if one.vwap is not None:
            text = written(one.vwap)
            yield from self._price(f"the price {called}", one.vwap, text, sum_, None)

    def _money(
        self, what: str, printed: Exact, sum_: _Sum, line: int | None
    ) -> Iterator[Difference]:
        if sum_.amount is None:
            yield Difference(what, written(printed), "unknown", line)
        elif not self._checks.amount.allows(sum_.amount, printed):
            yield self._difference(what, printed, sum_.amount, line, sum_.count)

    def _price(
        self, what: str, printed: Exact, text: str, sum_: _Sum, line: int | None
    ) -> Iterator[Difference]:
        vwap = sum_.vwap()
        decimals = len(text.partition(".")[2])
        rounding = Tolerance(Fraction(1, 2 * 10**decimals))
        if vwap is None:
            yield Difference(what, text, "unknown", line)
        elif not (rounding.allows(vwap, printed) or self._checks.price.allows(vwap, printed)):
            yield Difference(what, text, written(vwap), line)

    def _difference(
        self, of: str, printed: Exact, found: Exact, line: int | None, count: int = 0
    ) -> Difference:
        return Difference(
            of, written(printed), written(found), line, self._why(found - printed, count)
        )

    def _why(self, apart: Exact, count: int) -> str | None:
        """Return what could explain that the rows come to so much more than what is printed."""
        for number, amount in self._rows:
            if amount is not None and amount in (apart, -apart):
                often = "read twice, or not printed" if apart > 0 else "not read"
                return f"row {number} comes to just that: is it {often}?"
        if count and -count * _HALF <= apart <= count * _HALF:
            return f"{count} figures, each rounded to a whole, can differ by so much"
        return None


def expected(text: str | None) -> Expected:
    """Return the totals that *text* gives, as `shares=6875,amount=434324.02,vwap=63.1744`.

    Raise UsageError if *text* is not of this form.
    """
    found: dict[str, Exact] = {}
    for part in () if text is None else text.split(","):
        name, _, figure = part.partition("=")
        try:
            if name not in ("shares", "amount", "vwap") or name in found:
                raise ValueError
            found[name] = exact(figure)
        except ValueError:
            what = f"`--expect {short(text or '')}` is not NAME=VALUE,.."
            hint = "name shares, amount or vwap, each once, and write numbers without grouping"
            raise UsageError(Problem(what, hint)) from None
    return Expected(found.get("shares"), found.get("amount"), found.get("vwap"))


def compared(one: Expected, shares: Exact | None, amount: Exact | None) -> tuple[Difference, ...]:
    """Return where the totals *shares* and *amount* differ from those expected; `None`: unknown."""
    sums = Totals(Checks(expected=(one,)))
    sums.add(shares or 0, amount)
    found = sums.differences()
    if shares is None and one.shares is not None:
        return (Difference("the shares expected", written(one.shares), "unknown"), *found)
    return found


def _with(sum_: _Sum, before: _Sum, of: Of) -> _Sum:
    if of == "rows" or sum_.amount is None or before.amount is None:
        amount = sum_.amount
    else:
        amount = sum_.amount + before.amount
    shares = sum_.shares + (before.shares if of == "program" else 0)
    return _Sum(shares, amount, sum_.count)


def _number(row: Mapped, name: str) -> Exact | None:
    text = row.values.get(name)
    return None if text is None else exact(str(text))
