"""The properties to prove: what the rules of an edition promise of every approved request.

They are read from the rules. What a term is called means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final, Literal, NamedTuple

import msgspec

from repurchase.domain.quantities import DATE, NO_DAY, Exact, simplest, value_written, written
from repurchase.language.linear import atoms
from repurchase.rulebook.caps import LIMITED, Cap
from repurchase.rulebook.editions import Edition

# What a proof assumes, and what it does not cover. Every answer and every certificate says it.
ASSUMPTIONS: Final = (
    (
        "The readers of events, logs and market files refuse values outside the domains of their"
        " fields, and the proof assumes exactly these domains."
    ),
    (
        "Each request is evaluated by what is known on its own day. The proof does not cover"
        " --known-at."
    ),
    (
        "An overrun, a fill that no open order covers, a correct upwards, a split and a"
        " brought_forward count in full, even beyond a cap. No fill or correct is of a day before a"
        " split that was reported."
    ),
    (
        "An adoption, or a version that becomes known later, can lower a cap, shorten a window or"
        " raise a share ratio under open orders. The proof does not cover their fills."
    ),
    (
        "A cap that other facts move, such as a volume, holds at the approval. So does one on what"
        " fills or denied requests raise, such as what was ordered."
    ),
    (
        "A market or issuer fact can have any value, whoever supplies it. The facts that an event"
        " of a counterexample states are those that its feeds would supply."
    ),
    "Events state what happened. A fill that nobody reports is not counted.",
)


# What a rule should limit: the program's shares and money, and the days on which it trades.
Sum = Literal["shares", "amount", "days"]


class Bound(NamedTuple):
    """A condition of a property: *fact* is known, and within *limit* or equal to that word."""

    fact: str
    operator: Literal["<=", ">=", "=="]
    limit: Exact | str


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A property of each request that an edition approves.

    A `cap`: the *sum*, a fact, is at most *figure*, an exact number, by the rule *rule*. Without a
    *figure*, it is within what the rule requires at the approval, because other facts move that.
    *when* is the condition under which the rule applies; `None` if it always does.

    A `window`: the days of the request are from *first* to *last*, on the authorization's clock; a
    `window-at-venue`: on the venue's. `buys`: its side is buy.
    """

    kind: Literal["cap", "window", "window-at-venue", "buys"]
    sum: str | None = None
    figure: str | None = None
    rule: str | None = None
    when: str | None = None
    first: str | None = None
    last: str | None = None

    @property
    def name(self) -> str:
        """Return the name of the property, which no other of its edition has."""
        return self.kind if self.sum is None else f"{self.sum} by {self.rule}"


def claims(edition: Edition) -> tuple[Claim, ...]:
    """Return the properties to prove of *edition*."""
    window = edition.window
    first, last = (
        None if day is None else value_written(day, DATE) for day in (window.first, window.last)
    )
    is_bounded = first is not None or last is not None
    return (
        *map(_of_cap, edition.caps),
        *(Claim(kind, first=first, last=last) for kind in _CLOCKS if is_bounded),
        Claim("buys"),
    )


_LASTING: Final = tuple(
    f"{name}_after"
    for name in ("shares", "amount", "reserved_shares", "reserved_amount", "orders", "open_orders")
)
# The day of a request and the last day on which it can fill, by clock.
_CLOCKS: Final[dict[Literal["window", "window-at-venue"], tuple[str, str]]] = {
    "window": ("trade.date", "trade.last_date"),
    "window-at-venue": ("trade.venue_date", "trade.venue_last_date"),
}


def _of_cap(cap: Cap) -> Claim:
    figure = None if cap.figure is None else written(cap.figure)
    return Claim("cap", cap.fact, figure, cap.rule, cap.when)


def bounds(claim: Claim, edition: Edition) -> Iterator[Bound]:
    """Yield the conditions of *claim*, of *edition*, that are bounds by a constant."""
    if claim.kind == "buys":
        yield Bound("trade.side", "==", "buy")
    elif claim.kind != "cap":
        begins, ends = _CLOCKS[claim.kind]
        window = edition.window
        if window.first is not None:
            yield Bound(begins, ">=", window.first)
        if window.last is not None:
            yield Bound(ends, "<=", window.last)
    elif claim.sum is not None and claim.figure is not None:
        yield Bound(claim.sum, "<=", simplest(Fraction(claim.figure)))


def left_open(edition: Edition) -> tuple[Sum, ...]:
    """Return what no rule of *edition* limits: the shares, the money, or the days.

    The days are among them only if the file states `first_day` or `last_day` and no rule keeps to
    it. A file may have no last day; one that states it means it.
    """
    stated, kept = edition.constants.terms, edition.window
    ends = (("terms.first_day", kept.first), ("terms.last_day", kept.last))
    found: list[Sum] = sorted(edition.unbounded)
    if any(day is None and stated.get(name) not in (None, NO_DAY) for name, day in ends):
        found.append("days")
    return tuple(found)


def widest(edition: Edition, of: Sum) -> Bound | None:
    """Return the widest limit that a rule of *edition* names for *of*, if only in some cases.

    No rule may always keep to it; all rules together may. Return `None` if none names a figure.
    """
    name = "" if of == "days" else LIMITED[of]
    figures = [
        Fraction(atom.constant) / by
        for rule in edition.rules
        if rule.rule.effect == "deny" and rule.rule.at != "fill"
        for atom in atoms(rule.passes)
        if atom.operator in ("<=", "<", "==")
        for fact, by in atom.terms
        if fact == name and by > 0 and len(atom.terms) == 1
    ]
    return Bound(name, "<=", simplest(max(figures))) if figures else None


def is_lasting(claim: Claim) -> bool:
    """Return whether the cap *claim* still holds after what follows the approval.

    Only a request that is approved raises these sums. Fills raise what was executed or ordered,
    and requests that are denied raise the messages.
    """
    return claim.sum is None or claim.sum.rpartition(".")[2] in _LASTING


def is_for_all(claim: Claim) -> bool:
    """Return whether *claim* is a cap on the whole program that always applies."""
    return claim.sum in LIMITED.values() and claim.when is None
