"""A small authorization with everything that makes a difference, and live events of every kind."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Final

from hypothesis import strategies as st
from msgspec import structs

from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, simplest
from repurchase.journal.rule_texts import RuleText, rule_text
from repurchase.journal.store import Stored
from repurchase.ledger.orders import Order
from repurchase.ledger.position import Position

PROGRAM: Final = "acme-2008"
FIRST: Final = date(2008, 11, 14)
LAST: Final = date(2009, 1, 30)
# From here on more may be bought: another edition of the same rule file.
AMENDED: Final = date(2008, 12, 1)
MAX_AMOUNT: Final = 50_000
RATIO: Final = Fraction(1, 4)
MARGIN: Final = Fraction(2, 100)
DAYS: Final = (
    date(2008, 11, 17),
    date(2008, 11, 17),
    date(2008, 11, 18),
    AMENDED - timedelta(1),
    AMENDED,
    LAST - timedelta(1),
    LAST,
    FIRST - timedelta(1),
    LAST + timedelta(1),
)
RULES: Final = """\
repurchase: 1
authorization: acme-2008
issuer: Acme K.K.
timezone: Asia/Tokyo
currency: JPY
amount_basis: with_fees
instruments:
  common: {symbol: "9999", venues: [XTKS]}
  ads: {symbol: ACME, venues: [XNAS, BATS], currency: USD, per_share: 4, fx_margin: 2%}
terms:
  max_shares:
    - {value: 40 shares, until: 2008-11-30}
    - {value: 60 shares, from: 2008-12-01, known: 2008-11-20}
  max_amount: {value: "JPY 50,000"}
  first_day: {value: 2008-11-14}
  last_day: {value: 2009-01-30}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - id: window-at-venue
    require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day
  - {id: share-class, require: "trade.share_class in [common, ads]"}
  - {id: buys-only, require: trade.side == buy}
  - {id: no-blocks, effect: review, at: order, require: trade.method == auction}
  - {id: one-broker, effect: flag, require: trade.broker == north}
"""
OTHER_RULES: Final = RULES + "  - {id: named, effect: flag, require: trade.broker == south}\n"


@cache
def rules() -> RuleText:
    """Return the rule file that the tests' program begins with."""
    return rule_text(RULES.encode(), "acme-2008.yaml")


@cache
def other_rules() -> RuleText:
    """Return the rule file that it may adopt later."""
    return rule_text(OTHER_RULES.encode(), "acme-2008-amended.yaml")


@cache
def roomy_rules() -> RuleText:
    """Return a rule file under which several processes have something to share."""
    return rule_text(RULES.replace("40 shares", "400 shares").encode(), "acme-2008.yaml")


def max_shares(day: date) -> int:
    """Return the cap in shares on *day*."""
    return 40 if day < AMENDED else 60


def name_of(stored: Stored) -> str:
    """Return the id of the event that *stored* holds, which is found by its key."""
    assert stored.key is not None
    return stored.key.partition(" ")[2]


def clock() -> Callable[[], datetime]:
    """Return a clock that moves on by a second each time it is read."""
    seconds = itertools.count()
    return lambda: datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(seconds=next(seconds))


def order(name: str, quantity: int = 1, price: Exact = 10, **fields: object) -> Event:
    """Return an order for common shares that every rule lets pass, while there is room for it."""
    plain = Event(
        kind="order",
        id=name,
        date=date(2008, 11, 17),
        symbol="9999",
        venue="XTKS",
        side="buy",
        quantity=quantity,
        price=price,
        fees=0,
        broker="north",
        method="auction",
        by="ann",
    )
    return structs.replace(plain, **fields)


def about(kind: str, name: str, **fields: object) -> Event:
    """Return an event of *kind* on the day of `order`, by a person and with a reason."""
    plain = Event(kind=kind, id=name, date=date(2008, 11, 17), by="bob", reason="it is so")
    return structs.replace(plain, **fields)


@dataclass(frozen=True, slots=True)
class Draft:
    """What an event is to be; which order or fill it is about is settled when it is sent."""

    kind: str
    pick: int
    is_ads: bool
    quantity: int | None
    price: Exact
    fx: Exact
    fees: Exact
    day: date
    timed: bool
    method: str | None
    broker: str | None
    by: str | None
    lasting: int
    slip: str | None
    reuse: int = 0

    def event(self, name: str, position: Position) -> Event:
        """Return it as an event called *name*, at *position*; mostly one that makes sense there."""
        kind = self.kind if self.pick == 0 else _sensible(self.kind, position)
        made = self if kind == self.kind else replace(self, kind=kind)
        return _MADE.get(kind, _about_order)(made, name, position)

    def when(self) -> dict[str, object]:
        """Return its day, or a moment that is on that day in Tokyo and at both venues."""
        if self.timed:
            moment = datetime(self.day.year, self.day.month, self.day.day, 14, 30, tzinfo=UTC)
            return {"time": moment}
        return {"date": self.day}


def _sensible(kind: str, position: Position) -> str:
    """Return *kind*, or what must come before it is possible at *position*."""
    orders = position.orders.values()
    possible = {
        "brought_forward": not position.started,
        "replaced": any(one.asked is not None for one in orders),
        "rejected": any(one.asked is not None for one in orders),
        "release": any(one.held is not None or one.state == "held" for one in orders),
        "bust": any(not fill.settled for fill in position.fills.newer.values()),
        "correct": any(not fill.settled for fill in position.fills.newer.values()),
        "halt": False,
        "confirm": bool(position.proposals),
    }
    if position.proposals:
        return kind if kind == "cancel" else "confirm"
    if position.halts:
        return kind if kind in ("cancel", "halt") else "resume"
    if possible.get(kind, any(one.is_open for one in orders)):
        return kind
    return "replace" if kind == "replaced" and any(one.is_open for one in orders) else "order"


# Orders and fills more often than the rest.
KINDS: Final = (
    *("order", "order", "order", "order", "fill", "fill", "fill", "fill"),
    *("replace", "replace", "replace", "replaced", "rejected", "cancel", "expire"),
    *("bust", "correct", "correct", "release", "release", "halt", "resume", "resume", "confirm"),
    "brought_forward",
)


def drafts(kinds: tuple[str, ...] = KINDS) -> st.SearchStrategy[Draft]:
    """Generate drafts of events, most of them sound."""
    return st.builds(
        Draft,
        kind=st.sampled_from(kinds),
        pick=st.integers(0, 5),
        is_ads=st.booleans(),
        # `None` is what is left, to the last unit.
        quantity=st.sampled_from((2, 1, 3, 4, 8, 20, None, 41)),
        price=st.sampled_from((10, Fraction(199, 2), 1_000, 1_001)),
        fx=st.sampled_from((100, 98, Fraction(1003, 10))),
        fees=st.sampled_from((0, 0, 5, Fraction(1, 2))),
        day=st.sampled_from((*DAYS[:2] * 4, *DAYS[:6], *DAYS)),
        timed=st.booleans(),
        method=st.sampled_from(("auction", "auction", "auction", "block", None)),
        broker=st.sampled_from(("north", "north", "south", None)),
        by=st.sampled_from(("ann", "bob", " ANN ", "\uff22ob", "\u0430nn", "dora", None)),
        lasting=st.sampled_from((0, 0, 1, 3, 90)),
        slip=st.sampled_from((*[None] * 24, "symbol", "side", "order", "fx", "price", "fees")),
        # Some come under an id that was used before.
        reuse=st.sampled_from((*[0] * 12, 1, 2, 3, 5, 8)),
    )


def _order(draft: Draft, name: str, position: Position) -> Event:
    quantity = draft.quantity
    if quantity is None:
        left = max_shares(draft.day) - position.executed_shares - position.reserved_shares
        quantity = max(int(left / (RATIO if draft.is_ads else 1)), 1)
    event = Event(
        kind="order",
        id=name,
        symbol="ACME" if draft.is_ads else "9999",
        venue=(None if draft.pick == 1 else "XNAS") if draft.is_ads else "XTKS",
        venues=("XNAS", "BATS") if draft.is_ads and draft.pick == 1 else (),
        side="buy",
        quantity=quantity,
        price=simplest(draft.price / Fraction(100)) if draft.is_ads else draft.price,
        fx=draft.fx if draft.is_ads else None,
        fees=draft.fees,
        broker=draft.broker,
        method=draft.method,
        by=draft.by,
        expires=draft.day + timedelta(draft.lasting) if draft.lasting else None,
        **draft.when(),  # type: ignore[arg-type]
    )
    return _slipped(event, draft.slip)


def _fill(draft: Draft, name: str, position: Position) -> Event:
    """Return a fill of an open order: within it, or by a little beyond; or one of no order."""
    chosen = _picked([one for one in position.orders if position.orders[one].is_open], draft.pick)
    if chosen is None or draft.slip == "order":
        named = draft.slip == "order"
        return structs.replace(_order(draft, name, position), kind="fill", by=None, **_of(named))
    own = position.orders[chosen]
    whole = own.open_quantity
    event = structs.replace(
        own.terms.event,
        kind="fill",
        id=name,
        order=chosen,
        time=None,
        date=None,
        expires=None,
        order_type=None,
        quantity={1: whole, 2: whole + 1, 3: (whole + 1) // 2}.get(draft.pick, min(whole, 1)),
        fees=simplest(Fraction(own.fees_left or 0)) if draft.fees else 0,
    )
    event = structs.replace(event, venues=(), **draft.when())
    if event.symbol == "ACME" and (event.venue is None or draft.pick == 4):
        # At a venue that the order names, or only the instrument has.
        event = structs.replace(event, venue="BATS")
    if draft.pick == 5:
        # It says as little as it may, and takes the rest from its order.
        return structs.replace(event, symbol=None, venue=None, side=None, fx=None, price=None)
    return _slipped(event, draft.slip)


def _of(named: bool) -> dict[str, object]:
    return {"order": "nobody" if named else None, "expires": None}


def _slipped(event: Event, slip: str | None) -> Event:
    """Return *event* with what may be wrong with one."""
    slips: dict[str | None, dict[str, object]] = {
        "symbol": {"symbol": "1111"},
        "side": {"side": "sell"},
        "fx": {"fx": None if event.fx is not None else 2},
        "price": {"price": None} if event.kind == "order" else {"price": 2_000},
        "fees": {"fees": None},
    }
    return structs.replace(event, **slips.get(slip, {}))


def _about_order(draft: Draft, name: str, position: Position) -> Event:
    orders = position.orders
    known = [one for one in orders if _fits(draft.kind, orders[one])] or list(orders)
    chosen = "nobody" if draft.slip == "order" else _picked(known, draft.pick)
    event = about(draft.kind, name, order=chosen or "nobody", date=None, by=draft.by or "cid")
    return structs.replace(event, **draft.when())


def _fits(kind: str, order: Order) -> bool:
    if kind == "replaced":
        return order.asked is not None
    if kind == "release":
        return order.state == "held" or order.held is not None
    return order.is_open


def _replace(draft: Draft, name: str, position: Position) -> Event:
    event = _about_order(draft, name, position)
    return structs.replace(
        event,
        reason=None,
        quantity=draft.quantity,
        price=draft.price if draft.pick % 2 else None,
        fees=draft.fees if draft.slip == "fees" else None,
        expires=draft.day + timedelta(draft.lasting) if draft.lasting > 1 else None,
    )


def _about_fill(draft: Draft, name: str, position: Position) -> Event:
    fills = position.fills.newer
    known = [one for one in fills if not fills[one].settled or draft.slip == "order"]
    event = about(draft.kind, name, fill=_picked(known, draft.pick) or "nobody", date=None)
    event = structs.replace(event, **draft.when())
    if draft.kind == "bust":
        return event
    return structs.replace(
        event,
        quantity=draft.quantity if draft.pick % 2 else None,
        price=draft.price if draft.pick % 3 == 0 else None,
        fx=draft.fx if draft.is_ads and draft.pick == 4 else None,
        fees=draft.fees if draft.slip == "fees" else None,
    )


def _about_program(draft: Draft, name: str, position: Position) -> Event:
    event = structs.replace(about(draft.kind, name, date=None), **draft.when())
    if draft.kind == "brought_forward":
        return structs.replace(event, shares=draft.quantity or 1, amount=draft.price)
    if draft.kind == "halt":
        scope = _SCOPES.get(draft.pick, {})
        return structs.replace(event, drill=True if draft.slip == "order" else None, **scope)
    if draft.kind == "resume" and draft.pick % 2:
        named = sorted(set(position.halted_by))[: draft.pick]
        return structs.replace(event, causes=tuple(named) or ("nothing",))
    return event


_SCOPES: Final[dict[int, dict[str, object]]] = {
    1: {"symbol": "9999"},
    2: {"broker": "north"},
    3: {"person": "Ann"},
    4: {"venue": "XNAS"},
}


def _confirm(draft: Draft, name: str, position: Position) -> Event:
    waiting = _picked(list(position.proposals), draft.pick) or "nothing"
    by = (draft.pick == 1 and draft.by) or "cid"
    event = about("confirm", name, date=None, of=waiting, by=by)
    return structs.replace(event, **draft.when())


def _picked(names: list[str], pick: int) -> str | None:
    return sorted(names)[pick % len(names)] if names else None


_MADE: Final[dict[str, Callable[[Draft, str, Position], Event]]] = {
    "order": _order,
    "fill": _fill,
    "replace": _replace,
    "bust": _about_fill,
    "correct": _about_fill,
    "halt": _about_program,
    "resume": _about_program,
    "confirm": _confirm,
    "brought_forward": _about_program,
}
