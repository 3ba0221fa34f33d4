"""What the rules of an edition bound: the caps on sums, and the window of days.

A rule bounds a sum by what it requires; the names of terms mean nothing. Only a `deny` rule that
evaluates orders bounds anything: a fill counts in any case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Final, Literal

import msgspec

from repurchase.domain.quantities import NO_DAY, Exact, simplest
from repurchase.facts.counters import counter_of, facts_of
from repurchase.facts.table import TABLE
from repurchase.language.bounds import ENDLESS, Reach, is_moving, least, most
from repurchase.language.linear import Constants, Form, form
from repurchase.rulebook.model import Rule

Of = Literal["shares", "amount"]
# What the board limits: the program's shares, and its money. Each with the fact that sums it.
LIMITED: Final[Mapping[Of, str]] = {
    "shares": "program.shares_after",
    "amount": "program.amount_after",
}
# In words, for people.
CALLED: Final[Mapping[Of, str]] = {"shares": "the shares", "amount": "the money"}
# No sum exceeds that of its parts: the shares of a request are no less than what it adds.
_PARTS: Final = {
    "program.shares": ("program.executed_shares", "program.reserved_shares"),
    "program.amount": ("program.executed_amount", "program.reserved_amount"),
    "program.shares_after": ("program.shares", "trade.shares"),
    "program.amount_after": ("program.amount", "trade.amount"),
    "program.reserved_shares_after": ("program.reserved_shares", "trade.shares"),
    "program.reserved_amount_after": ("program.reserved_amount", "trade.amount"),
    "day.shares_after": ("day.shares", "trade.shares"),
    "day.amount_after": ("day.amount", "trade.amount"),
}
_SUMS: Final = tuple(name for name in TABLE if name.endswith("_after"))
_FIRST: Final = ("trade.date", "trade.venue_date")
_LAST: Final = ("trade.last_date", "trade.venue_last_date", *_FIRST)


class Cap(msgspec.Struct, frozen=True):
    """A limit that the rule *rule* sets on the sum *fact*.

    *figure* is the most that the sum can be; `None` if other facts, such as a volume, move it.
    *when* is the condition under which the rule applies; `None` if it always does. *of_pack* says
    whether the rule is a pack's, whose caps may come and go.
    """

    fact: str
    rule: str
    figure: Exact | None
    when: str | None
    of_pack: bool

    @property
    def is_standing(self) -> bool:
        """Return whether the file itself always caps the program's shares or money by it."""
        is_of_program = self.fact in LIMITED.values()
        return is_of_program and not self.of_pack and self.figure is not None and self.when is None


class Window(msgspec.Struct, frozen=True):
    """The first and the last day on which the rules allow trades, as numbers; `None`: no end."""

    first: Exact | None
    last: Exact | None

    def is_open(self, first: date, last: date) -> bool:
        """Return whether one of the days from *first* to *last* is in it."""
        return (self.first is None or last.toordinal() >= self.first) and (
            self.last is None or first.toordinal() <= self.last
        )


class Bounds(msgspec.Struct, frozen=True):
    """What one rule bounds: *caps*, and how far it always lets the program and its days go.

    *shares* and *amount* are the most that the sums can be; *last* is the last day, and *first* the
    first, negated. A rule that never passes lets nothing go anywhere.
    """

    caps: tuple[Cap, ...] = ()
    shares: Reach = ENDLESS
    amount: Reach = ENDLESS
    first: Reach = ENDLESS
    last: Reach = ENDLESS

    @property
    def is_limiting(self) -> bool:
        """Return whether the rule always caps the program, or bounds the days of its trades."""
        return min(self.shares, self.amount, self.first, self.last) != ENDLESS


_NO_BOUNDS: Final = Bounds()


def bounds_of(rule: Rule, passes: Form, constants: Constants) -> Bounds:
    """Return what *rule* bounds if it passes under the form *passes*."""
    if rule.effect != "deny" or rule.at == "fill":
        return _NO_BOUNDS
    names = [name for name in _sums(rule) if not rule.require.facts.isdisjoint(_read(name))]
    return Bounds(
        tuple(cap for name in names for cap in _caps(rule, passes, constants, name)),
        most(passes, LIMITED["shares"], _PARTS),
        most(passes, LIMITED["amount"], _PARTS),
        min(least(passes, name) for name in _FIRST),
        min(most(passes, name, {}) for name in _LAST),
    )


def tightest(caps: Iterable[Cap], of: Of) -> Exact | None:
    """Return the smallest figure that always bounds the shares or the amount, `None` without."""
    figures = (cap.figure for cap in caps if cap.fact == LIMITED[of] and cap.when is None)
    return min((figure for figure in figures if figure is not None), default=None)


def whole(caps: Iterable[Cap], fact: str) -> Exact | None:
    """Return what is all of the sum *fact*: the smallest figure that a rule sets; `None` without.

    One that a rule sets under a condition counts only if no rule always sets one.
    """
    figures = ((c.when is not None, c.figure) for c in caps if c.fact == fact)
    return min(((when, one) for when, one in figures if one is not None), default=(True, None))[1]


def how_to_cap(of: Of) -> str:
    """Return what to do if nothing limits the shares or the amount."""
    rule = f"add a rule that requires `{LIMITED[of]} <= ` a figure"
    return f"{rule}, or write `unlimited: [{of}]`"


def unbounded(bounds: Collection[Bounds]) -> frozenset[Of]:
    """Return which of shares and amount none of the rules with these *bounds* always caps."""
    shares = min((one.shares for one in bounds), default=ENDLESS)
    amount = min((one.amount for one in bounds), default=ENDLESS)
    ends: tuple[tuple[Of, Reach], ...] = (("shares", shares), ("amount", amount))
    return frozenset(of for of, end in ends if end == ENDLESS)


def window_of(bounds: Collection[Bounds]) -> Window:
    """Return the window that *bounds* leave, on whichever clock they are the tightest."""
    first = _figure(min((one.first for one in bounds), default=ENDLESS))
    last = _figure(min((one.last for one in bounds), default=ENDLESS))
    return Window(None if first is None else -first, None if last == NO_DAY else last)


def _sums(rule: Rule) -> Iterator[str]:
    """Yield the sums that *rule* may bound: those of every file, and those of its counters."""
    yield from _SUMS
    read = {name for fact in rule.require.facts if (name := counter_of(fact)) is not None}
    yield from (name for one in sorted(read) for name in facts_of(one) if name.endswith("_after"))


def _parts(name: str) -> Mapping[str, tuple[str, str]]:
    """Return the sums that are no more than their parts: those of every file, and *name*."""
    before = name.removesuffix("_after")
    more = f"trade.{before.rpartition('.')[2]}"
    if counter_of(name) is None or more not in TABLE:
        return _PARTS
    return {**_PARTS, name: (before, more)}


def _read(name: str) -> set[str]:
    """Return the facts of which a rule on the sum *name* reads at least one."""
    return {name, *_parts(name).get(name, ())}


def _caps(rule: Rule, passes: Form, constants: Constants, name: str) -> Iterator[Cap]:
    """Yield the cap that *rule* sets on the sum *name*, if it sets one."""
    required, when = passes, None
    if rule.when is not None and most(passes, name, _parts(name)) == ENDLESS:
        required, when = form(rule.require.root, constants), rule.when.text
    figure = _figure(most(required, name, _parts(name)))
    if figure is not None or is_moving(required, name, _parts(name)):
        # Only the rules of a pack have its name before theirs.
        yield Cap(name, rule.id, figure, when, of_pack="." in rule.id)


def _figure(reach: Reach) -> Exact | None:
    return simplest(reach.value) if reach.rank == 0 else None
