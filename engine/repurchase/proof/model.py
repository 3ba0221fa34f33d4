"""An arbitrary request and the position before it, as z3 terms.

Whatever the position does not fix is a free variable, and may be missing. What is proved here
therefore holds for every event that can arrive. Days are numbers, with 0001-01-01 as day 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from repurchase.domain.terms import Validity
from repurchase.facts.counters import counter_of
from repurchase.facts.table import TABLE
from repurchase.proof.fields import (
    FILLS,
    OF_VENUE,
    REPLACES,
    Counted,
    Kind,
    Scope,
    code,
    scope_of,
)
from repurchase.proof.free import (
    KnownSums,
    any_counters,
    any_day,
    any_days,
    any_limits_of_day,
    any_outside,
)
from repurchase.proof.logic import Fact, Facts, chosen, free, inside, number
from repurchase.proof.solver import Term, z3
from repurchase.rulebook.editions import Edition
from repurchase.rulebook.periods import Period

_ALWAYS: Final = z3.BoolVal(True)
# Facts that may or may not be known without a listed instrument.
_MAY_BE: Final = (
    *(f"trade.{name}" for name in ("last_date", "venue_date", "venue_last_date", "venue_time")),
    *(f"trade.{name}" for name in ("shares", "amount")),
    *(name for name in TABLE if name.startswith("program.")),
)
# Facts that an edition which does not list the instrument has from one that does.
_BY_ANOTHER_RATIO: Final = (
    "trade.shares",
    "trade.amount",
    "program.shares_after",
    "program.amount_after",
    "program.reserved_shares_after",
    "program.reserved_amount_after",
)
_OF_A_QUANTITY: Final = ("trade.units", "trade.shares", "trade.price_per_share")


class Sums(msgspec.Struct, frozen=True):
    """The four sums of a position.

    *shares_known* and *amount_known* say whether the shares and amounts of all fills are known,
    *bounded* whether the money of every open order can be computed.
    """

    executed_shares: Term
    executed_amount: Term
    reserved_shares: Term
    reserved_amount: Term
    shares_known: Term = _ALWAYS
    amount_known: Term = _ALWAYS
    bounded: Term = _ALWAYS


def any_sums(name: str) -> Sums:
    """Return the sums of an arbitrary position, with *name* in the names of its variables."""
    reals = (z3.Real(f"{name}.{one}") for one in ("es", "ea", "rs", "ra"))
    known = (z3.Bool(f"{name}.{one}") for one in ("sk", "ak", "bk"))
    return Sums(*reals, *known)


def known_sums(before: Sums, after: Sums) -> KnownSums:
    """Return whether the shares, and the amount, are known *before* an event and *after* it."""
    return {
        "shares": (before.shares_known, after.shares_known),
        "amount": (
            z3.And(before.amount_known, before.bounded),
            z3.And(after.amount_known, after.bounded),
        ),
    }


def from_zero(sums: Sums) -> list[Term]:
    """Return the conditions that each of *sums* is in its domain, which begins at zero.

    The proof of a property does not need them. They hold because the fold keeps them, not because a
    reader does.
    """
    return [
        condition
        for name in ("executed_shares", "executed_amount", "reserved_shares", "reserved_amount")
        for condition in inside(TABLE[f"program.{name}"].domain, getattr(sums, name))
    ]


class Request(Counted):
    """An arbitrary event that rules evaluate, with the sums before and after it, and its facts.

    *more* are the shares and the money that it adds to executed plus reserved. *ties* are the
    conditions that every such event meets. *assumed* are those that the proof of a property
    assumes: the domains of what the readers accept, the days that two clocks can show, and what an
    event of this kind can add. The others hold because the fold keeps them.

    *own* marks the variables that differ between two editions if share ratios change by date.
    *exact* computes the facts of the day and of the counters; without it, they are free variables.
    Without a *scope*, the event's scope is that of the edition.
    """

    ties: list[Term]
    assumed: tuple[Term, ...]
    shares: Term
    more: tuple[Term, Term]
    before: Sums
    after: Sums
    facts: dict[str, Fact]

    def __init__(
        self,
        edition: Edition,
        before: Sums,
        name: str,
        kind: Kind = "order",
        *,
        scope: Scope | None = None,
        own: str = "",
        exact: Callable[[Request, Sums], Facts] | None = None,
    ) -> None:
        super().__init__(edition, scope or scope_of([edition]), name, kind)
        self.more = self._more(before, own)
        self.before = before if exact is not None else self._with_own(before, own)
        before = self.before
        self.after = self._after(before)
        self.facts = {
            **self._of_trade(),
            **_program(before, ""),
            **_program(self.after, "_after"),
            **self._reserved_after(own),
            **dict(any_days(self, self.ties)),
            **dict(any_outside(self, self.ties)),
        }
        self.assumed = tuple(self.ties)
        self.ties += self._kept()
        self.facts |= self._any_use() if exact is None else exact(self, self.before)

    def _any_use(self) -> dict[str, Fact]:
        known = known_sums(self.before, self.after)
        return {
            **dict(any_day(self, self.ties)),
            **dict(any_limits_of_day(self, known, self.ties)),
            **dict(any_counters(self, self.facts, known, self.ties)),
        }

    def day(self, name: str) -> Term:
        """Return the value of the day `trade.NAME`, a number."""
        return self.facts[f"trade.{name}"].value

    def _more(self, before: Sums, own: str) -> tuple[Term, Term]:
        """Return the shares and the money that the event adds to executed plus reserved.

        An order adds all that it requests, and a replace what it raises. A fill of an order adds
        nothing, because its shares were reserved, unless a share ratio changed. A correct may
        reduce the sums.
        """
        name, ties = self.name, self.ties
        if self.kind in REPLACES:
            raised = z3.Real(f"{name}{own}.raised")
            dearer, fees = z3.Reals(f"{name}.dearer {name}.fees_more")
            ties.append(raised <= self.units)
            if not self.edition.counting.dated:
                # By another share ratio, the order may have reserved more shares than it may now.
                ties.append(raised >= 0)
            ties.append(
                z3.Implies(self.amount_present, z3.And(dearer <= self.cost, fees <= self.fees))
            )
            worse = self.reserved(dearer, fees)
            shares = self.shares_of(raised)
            if self.edition.counting.dated:
                # The old terms can count more by now, too: the replace then adds that as well.
                shares = z3.Real(f"{name}{own}.raised_shares")
                self.shares = z3.If(shares > self.shares, shares, self.shares)
            return shares, z3.If(worse > 0, worse, 0)
        if self.kind == "fill":
            fewer, freed = z3.Reals(f"{name}{own}.fewer {name}{own}.freed")
            ties.append(fewer <= 0 if self.edition.counting.dated else fewer == 0)
            # Fees past the order's and a rate past its rate are within the order if its money
            # pays for them. The order's money is unbounded if the rules do not know it.
            ties.append(freed >= 0)
            ties.append(
                z3.Implies(z3.And(before.bounded, self.amount_present), self.amount <= freed)
            )
            cost = z3.If(self.amount_present, self.amount, 0)
            return fewer, z3.If(before.bounded, cost - freed, cost)
        if self.kind == "correct":
            shares, money = z3.Reals(f"{name}{own}.more_s {name}{own}.more_a")
            ties.append(shares <= self.shares)
            ties.append(z3.Implies(self.amount_present, money <= self.amount))
            return shares, money
        return self.shares, z3.If(self.amount_present, self.amount, 0)

    def _kept(self) -> list[Term]:
        """Return the conditions on what the order of a replace reserves: it is never below zero."""
        if self.kind not in REPLACES:
            return []
        return [z3.Real(f"{self.name}.own_{one}") >= 0 for one in ("cost", "fees")]

    def _with_own(self, rest: Sums, own: str) -> Sums:
        """Return the sums before a replace or a fill: *rest* plus what its order reserves."""
        name = self.name
        if self.kind == "fill":
            money = z3.Real(f"{name}{own}.freed")
        elif self.kind in REPLACES:
            money = self.reserved(z3.Real(f"{name}.own_cost"), z3.Real(f"{name}.own_fees"))
        else:
            return rest
        return msgspec.structs.replace(rest, reserved_amount=rest.reserved_amount + money)

    def _reserved_after(self, own: str) -> dict[str, Fact]:
        """Return what open orders reserve after the event: a fill takes out what was its own."""
        found = {}
        for at, (name, known, used) in enumerate(
            (
                ("shares", self.has_units, self.shares),
                ("amount", self.after.bounded, z3.If(self.amount_present, self.amount, 0)),
            )
        ):
            before = getattr(self.before, f"reserved_{name}")
            after = before + self.more[at]
            if self.kind == "correct":
                # It may stand for a fill beyond its order.
                after = z3.Real(f"{self.name}{own}.reserved_{name}_after")
                self.ties += [after >= 0, after <= before]
            elif self.kind in FILLS:
                after -= used
            elif name == "amount":
                # What is paid ahead is spent at once.
                after = z3.If(self.ahead, before, after)
            found[f"program.reserved_{name}_after"] = Fact(known, after)
        return found

    def _of_trade(self) -> dict[str, Fact]:
        """Return the facts of the trade that are not days."""
        edition = self.edition
        found = {
            "trade.venue_time": Fact(self.timed, self.seconds),
            "trade.seconds_since_same": Fact(
                z3.And(self.timed, z3.BoolVal(self.kind not in FILLS)),
                free(
                    TABLE["trade.seconds_since_same"].domain, f"{self.name}.since_same", self.ties
                ),
            ),
            "trade.units": Fact(self.has_units, z3.ToReal(self.units)),
            "trade.shares": Fact(self.has_units, self.shares),
            "trade.price": Fact(self.has_price, self.price),
            "trade.price_per_share": Fact(
                z3.And(self.priced, z3.Not(self.ahead)),
                self.by_listing(lambda of: self.paid / number(of.shares_each), self.paid),
            ),
            "trade.amount": Fact(self.amount_present, self.amount),
            "trade.share_class": Fact(
                self.listed,
                self.by_listing(lambda of: code(edition, of.instrument), code(edition, "")),
            ),
        }
        symbols = [code(edition, symbol) for symbol, _ in self.scope.pairs]
        found["trade.symbol"] = Fact(_ALWAYS, chosen(self.listing, symbols))
        venues = [
            venue if one is None else one.venue
            for (_, venue), one in zip(self.scope.pairs, self.listings, strict=True)
        ]
        for name, of_venue in OF_VENUE.items():
            words = [None if venue is None else of_venue(venue) for venue in venues]
            found[name] = Fact(
                chosen(self.listing, [z3.BoolVal(word is not None) for word in words]),
                chosen(self.listing, [code(edition, word or "") for word in words]),
            )
        for fact, word in self.words.items():
            codes = [code(edition, one) for one in word.choices]
            found[fact] = Fact(word.chosen >= 0, chosen(word.chosen, codes))
        return found

    def _after(self, before: Sums) -> Sums:
        """Return the sums after the event: a fill adds to executed, a request to reserved."""
        bounded, is_fill = self.amount_present, self.kind in FILLS
        stays = before.bounded
        if self.kind in ("fill", "correct"):
            # The fill may have closed the only order whose money could not be computed. A correct
            # stands for a fill beyond its order, too.
            stays = z3.Or(stays, z3.Bool(f"{self.name}.closes"))
        shares_known, amount_known = before.shares_known, before.amount_known
        if self.kind == "correct":
            # The correct may have settled the only fill with an unknown value.
            shares_known = z3.Or(shares_known, z3.Bool(f"{self.name}.settles_s"))
            amount_known = z3.Or(amount_known, z3.Bool(f"{self.name}.settles_a"))
        if not is_fill:
            shares_known = z3.And(shares_known, self.has_units)
            # What is paid ahead is executed, and reserves nothing.
            amount_known = z3.And(amount_known, z3.Implies(self.ahead, bounded))
            bounded = z3.Or(bounded, self.ahead)
        if is_fill:
            # A sell fill counts nothing.
            is_sale = self.words["trade.side"].is_one("sell")
            amount_known = z3.And(amount_known, z3.Or(bounded, is_sale))
        executed, reserved = (self.more, (0, 0)) if is_fill else ((0, 0), self.more)
        return Sums(
            before.executed_shares + executed[0],
            before.executed_amount + executed[1],
            before.reserved_shares + reserved[0],
            before.reserved_amount + reserved[1],
            shares_known,
            amount_known,
            stays if is_fill else z3.And(stays, bounded),
        )


def unlisted(asked: Request) -> Facts:
    """Return the facts of the event if its instrument is unlisted: many facts are then missing.

    A later edition of a request's life may not list an instrument that the edition of its own day
    lists. The days, the shares and the money that the first edition computed stay known.
    """
    name, edition = asked.name, asked.edition
    found = {}
    # Without dates, an instrument that one edition lists is listed by all.
    is_dated = any(
        version.validity != Validity()
        for instrument in edition.authorization.instruments
        for version in instrument.shares_each
    )
    for fact, of in asked.facts.items():
        is_there, value = of.present, of.value
        if fact in _MAY_BE or counter_of(fact) is not None:
            is_there = z3.Bool(f"{name}.{fact}??")
        elif _is_of_instrument(fact):
            is_there = z3.BoolVal(False)
        if is_dated and fact in _BY_ANOTHER_RATIO:
            other = z3.Real(f"{name}.{fact}!")
            value = z3.If(z3.And(inside(TABLE[fact].domain, other)), other, value)
        found[fact] = Fact(is_there, value)
    # Both are texts: the words that rules name, and one that no rule names, stand for all.
    codes = [code(edition, one) for one in asked.scope.words]
    for fact in ("trade.symbol", *OF_VENUE):
        word = z3.Int(f"{name}.other.{fact}")
        # An index outside the words stands for a missing word.
        is_there = z3.And(word >= 0, word < len(codes))
        found[fact] = Fact(is_there, chosen(word, codes))
    return found


def _is_of_instrument(fact: str) -> bool:
    """Return whether *fact* needs a listed instrument."""
    return {"symbol", "venue"} <= {*TABLE[fact].given_by} and fact not in OF_VENUE


def unquantified(facts: Facts, name: str) -> Facts:
    """Return *facts* of a correct called *name* that states no quantity, and names no known fill.

    Such a correct is denied, but rules evaluate it. Its shares are unknown, and may leave the sums
    and the day unknown; its amount is known only if it states one.
    """
    found = dict(facts)
    for fact, of in facts.items():
        if fact in _OF_A_QUANTITY:
            found[fact] = Fact(z3.BoolVal(False), of.value)
        elif fact == "trade.amount" or fact.endswith("_after"):
            found[fact] = Fact(z3.Bool(f"{name}.{fact}?!"), of.value)
    return found


def states_same(one: Request, own: Request) -> list[Term]:
    """Return the conditions that *one* has the yes/no facts of *own*, which it is about."""
    now, then = one.facts["trade.solicited"], own.facts["trade.solicited"]
    return [now.present == then.present, now.value == then.value]


def _program(sums: Sums, suffix: str) -> dict[str, Fact]:
    """Return the facts of the program at *sums*; without *suffix*, also the four single sums."""
    money = z3.And(sums.amount_known, sums.bounded)
    found = {
        f"program.shares{suffix}": Fact(
            sums.shares_known, sums.executed_shares + sums.reserved_shares
        ),
        f"program.amount{suffix}": Fact(money, sums.executed_amount + sums.reserved_amount),
    }
    if not suffix:
        found |= {
            "program.executed_shares": Fact(sums.shares_known, sums.executed_shares),
            "program.reserved_shares": Fact(_ALWAYS, sums.reserved_shares),
            "program.executed_amount": Fact(sums.amount_known, sums.executed_amount),
            "program.reserved_amount": Fact(sums.bounded, sums.reserved_amount),
        }
    return found


def within(period: Period, one: Request) -> Iterator[Term]:
    """Yield the conditions that *one* is dated within *period*, on both clocks."""
    yield one.day("date") >= period.first.toordinal()
    yield one.day("date") <= period.last.toordinal()
    if period.venue_day is not None:
        yield one.day("venue_date") == period.venue_day.toordinal()


def lives_in(period: Period, one: Request) -> Iterator[Term]:
    """Yield the conditions that *one* can fill on a day of *period*, on both clocks."""
    yield one.day("date") <= period.last.toordinal()
    yield one.day("last_date") >= period.first.toordinal()
    if period.venue_day is not None:
        yield one.day("venue_date") <= period.venue_day.toordinal()
        yield one.day("venue_last_date") >= period.venue_day.toordinal()
