"""Every state of an order and of a fill by every kind of event: what is decided and what changes.

The tables are data, to be read beside section 5 of the design: they were written from it. What is
sent goes through `step` on a small rule file, and nothing else of the engine is called.
"""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

import pytest
from msgspec.structs import replace as changed

from repurchase.domain.decisions import Decision
from repurchase.domain.events import KINDS, Event
from repurchase.evaluation.step import step
from repurchase.ledger.position import FILLS_REMEMBERED, Counted, Fills, Position
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life

HEAD: Final = """\
repurchase: 1
authorization: steps
currency: JPY
timezone: Asia/Tokyo
instruments:
  common: {symbol: "3774", venues: [XTKS]}
  ads: {symbol: IIJI, venues: [XNAS], currency: USD, per_share: 2}
terms:
  max_shares: {value: "1,000 shares"}
  max_amount: {value: "JPY 100,000"}
  first_day: {value: 2008-11-14}
  last_day: {value: 2009-01-30}
rules:
  - id: share-cap
    require: program.shares_after <= terms.max_shares
  - id: amount-cap
    require: program.amount_after <= terms.max_amount
  - id: window
    require: terms.first_day <= trade.date and trade.last_date <= terms.last_day
  - id: buys-only
    require: trade.side == buy
  - id: share-class
    require: trade.share_class in [common, ads]
  - id: to-be-seen
    require: trade.amount <= JPY 2,000
    effect: review
    at: order
"""
EDITIONS: Final[Editions] = load_text(HEAD.encode(), "steps.yaml")
WITH_FEES: Final[Editions] = load_text(
    HEAD.replace("timezone", "amount_basis: with_fees\ntimezone").encode(), "steps.yaml"
)
NOON: Final = datetime(2008, 11, 14, 3, tzinfo=UTC)
DAY: Final = timedelta(days=1)
_ids: Final = itertools.count()


def event(kind: str, **fields: Any) -> Event:
    """Return an event of *kind* on the first day, with a name of its own."""
    given: dict[str, Any] = {"kind": kind, "id": f"{kind}-{next(_ids)}", "time": NOON}
    return Event(**(given | fields))


def order(quantity: int = 10, price: Any = 100, **fields: Any) -> Event:
    """Return the order `o`, of 10 at 100 by ann, but for *fields*."""
    given: dict[str, Any] = {"symbol": "3774", "venue": "XTKS", "side": "buy", "by": "ann"}
    given |= {"id": "o", "quantity": quantity, "price": price}
    return event("order", **(given | fields))


def replace(quantity: int | None = None, price: Any = None, **fields: Any) -> Event:
    """Return a replace of the order `o` by ann."""
    given = {"order": "o", "quantity": quantity, "price": price, "by": "ann"}
    return event("replace", **(given | fields))


def fill(quantity: int, price: Any = None, name: str = "f", **fields: Any) -> Event:
    """Return the fill *name* of the order `o`."""
    given = {"order": "o", "id": name, "quantity": quantity, "price": price}
    return event("fill", **(given | fields))


def told(kind: str, **fields: Any) -> Event:
    """Return what the venue says of the order `o`."""
    return event(kind, order="o", **fields)


def bust(name: str = "f") -> Event:
    """Return the bust of the fill *name*."""
    return event("bust", fill=name)


def correct(quantity: int | None, price: Any = None, name: str = "f", **fields: Any) -> Event:
    """Return a correct of the fill *name*."""
    return event("correct", **({"fill": name, "quantity": quantity, "price": price} | fields))


def release(by: str = "bob", **fields: Any) -> Event:
    """Return the release of what is held of the order `o`."""
    return event("release", order="o", by=by, reason="seen", **fields)


def sent(
    events: list[Event], editions: Editions = EDITIONS, *, live: bool = False
) -> tuple[Decision | None, Position, Position]:
    """Return the decision of the last of *events*, and the positions before it and after it."""
    decision, before, position = None, Position(), Position()
    for one in events:
        taken = step(one, position, life(editions, one, position), live=live)
        before, position, decision = position, taken.position, taken.decision
    return decision, before, position


def answer(decision: Decision | None) -> str:
    """Return the outcome with the findings that are not of a rule that passes."""
    assert decision is not None
    found = [one.rule.removeprefix("engine.") for one in decision.findings]
    return " ".join([decision.outcome, *sorted(found)])


def figures(position: Position) -> dict[str, tuple[Any, Any]]:
    """Return what is reserved and what is executed, `None` where it is not known."""
    return {
        "reserved": (position.reserved_shares, position.known_reserved_amount()),
        "executed": (position.known_executed_shares(), position.known_executed_amount()),
    }


def after(events: list[Event], editions: Editions = EDITIONS, *, live: bool = False) -> str:
    """Return the answer to the last of *events*, and the figures then, as a table has them."""
    decision, _, position = sent(events, editions, live=live)
    written = [
        f"{name} {' '.join('?' if one is None else str(one) for one in pair)}"
        for name, pair in figures(position).items()
    ]
    halted = ["halted"] if position.halts else []
    return ", ".join([answer(decision), *written, *halted])


def change(events: list[Event]) -> str:
    """Return the answer to the last of *events*, and how it changed each figure."""
    decision, before, position = sent(events)
    then, now = figures(before), figures(position)
    written = [answer(decision)]
    for name, (shares, amount) in now.items():
        moved = (shares - then[name][0], amount - then[name][1])
        if moved != (0, 0):
            written.append(f"{name} {moved[0]:+} {moved[1]:+}")
    return ", ".join(written)


# --- every state of an order by every kind -----------------------------------------------------

LATER: Final = NOON + DAY
# How the order `o` comes to be as the table says.
STATES: Final[dict[str, list[Event]]] = {
    "none": [],
    "open": [order()],
    "partly": [order(), fill(4)],
    "asked": [order(), replace(12)],
    "held-more": [order(), replace(30)],
    "held": [order(price=250)],
    "denied": [order(2_000)],
    "filled": [order(), fill(10)],
    "cancelled": [order(), told("cancel")],
    "expired": [order(), told("expire")],
    "refused": [order(), told("rejected")],
    "late": [order()],
    "forgotten": [order(), told("cancel")],
}
# The next event in these states is of a day after the order's last.
WHEN: Final = {"late": LATER, "forgotten": NOON + 29 * DAY}
WHOLE: Final[dict[str, Any]] = {"symbol": "3774", "venue": "XTKS", "side": "buy"}
EVENTS: Final[dict[str, Event]] = {
    "brought_forward": event("brought_forward", shares=1, amount=100),
    "order": order(5, id="p"),
    "replace": replace(12),
    "replaced": told("replaced"),
    "rejected": told("rejected"),
    "cancel_requested": told("cancel_requested"),
    "cancel": told("cancel"),
    "expire": told("expire"),
    "fill": fill(3, 90, "g", **WHOLE),
    "bust": bust(),
    "correct": correct(2, 90, **WHOLE),
    "release": release(),
    "halt": event("halt"),
    "resume": event("resume"),
    "confirm": event("confirm", of="nothing", by="Bob"),
    "prepaid": event("prepaid", symbol="3774", quantity=5, amount=500, by="ann", reason="deal"),
    "split": event("split", symbol="3774", new=2, old=1, date=date(2008, 11, 15)),
}
# The caps of the file are in old units, and its other instrument may have split, too.
FLAGS: Final = "split-caps split-others"
OPEN: Final = "open partly asked held-more late"
CLOSED: Final = "denied filled cancelled expired refused"
ORDERS: Final[tuple[tuple[str, str, str], ...]] = (
    # kind              in the states                       answer and change
    ("brought_forward", "none", "recorded, executed +1 +100"),
    ("brought_forward", f"{OPEN} {CLOSED} held forgotten", "denied not-first"),
    ("order", f"none {OPEN} {CLOSED} held forgotten", "approved, reserved +5 +500"),
    ("replace", "none forgotten", "denied unknown-order"),
    ("replace", "open partly", "approved, reserved +2 +200"),
    ("replace", "late", "denied order-ended"),
    ("replace", "asked held-more", "denied replace-pending"),
    ("replace", f"{CLOSED} held", "denied order-closed"),
    ("replaced", "none forgotten", "denied unknown-order"),
    ("replaced", "open partly held-more late", "denied no-replace"),
    ("replaced", "asked", "recorded"),
    ("replaced", f"{CLOSED} held", "denied order-closed"),
    ("rejected", "none forgotten", "denied unknown-order"),
    ("rejected", "open held-more late", "recorded, reserved -10 -1000"),
    ("rejected", "partly", "denied no-replace"),
    ("rejected", "asked", "recorded, reserved -2 -200"),
    ("rejected", f"{CLOSED} held", "denied order-closed"),
    ("cancel_requested", f"none {OPEN} {CLOSED} held forgotten", "recorded"),
    ("cancel expire", "none forgotten", "denied unknown-order"),
    ("cancel expire", "open held-more late", "recorded, reserved -10 -1000"),
    ("cancel expire", "partly", "recorded, reserved -6 -600"),
    ("cancel expire", "asked", "recorded, reserved -12 -1200"),
    ("cancel expire", "held", "recorded"),
    ("cancel expire", CLOSED, "denied order-closed"),
    ("fill", "none forgotten", "denied unknown-order, executed +3 +270"),
    ("fill", "open partly asked held-more", "approved, reserved -3 -300, executed +3 +270"),
    ("fill", "late", "denied overrun, reserved -3 -300, executed +3 +270"),
    ("fill", "filled", "denied overrun, executed +3 +270"),
    (
        "fill",
        "held denied cancelled expired refused",
        "denied order-closed, executed +3 +270",
    ),
    ("bust", "partly", "recorded, executed -4 -400"),
    ("bust", "filled", "recorded, executed -10 -1000"),
    (
        "bust",
        "none open asked held-more held denied cancelled expired refused late forgotten",
        "denied unknown-fill",
    ),
    ("correct", "partly", "approved, executed -2 -220"),
    ("correct", "filled", "approved, executed -8 -820"),
    (
        "correct",
        "none open asked held-more held denied cancelled expired refused late forgotten",
        "denied unknown-fill, executed +2 +180",
    ),
    ("release", "none forgotten", "denied unknown-order"),
    ("release", "held", "approved to-be-seen, reserved +10 +2500"),
    ("release", "held-more", "approved to-be-seen, reserved +20 +2000"),
    ("release", f"open partly asked late {CLOSED}", "denied not-held"),
    ("halt resume", f"none {OPEN} {CLOSED} held forgotten", "recorded"),
    ("confirm", f"none {OPEN} {CLOSED} held forgotten", "denied unknown-proposal"),
    (
        "prepaid",
        f"none {OPEN} {CLOSED} held forgotten",
        "approved, reserved +5 +0, executed +0 +500",
    ),
    ("split", "none held denied cancelled expired refused forgotten", f"recorded {FLAGS}"),
    ("split", "open held-more late", f"recorded {FLAGS}, reserved +10 +0"),
    ("split", "asked", f"recorded {FLAGS}, reserved +12 +0"),
    ("split", "partly", f"recorded {FLAGS}, reserved +6 +0, executed +4 +0"),
    ("split", "filled", f"recorded {FLAGS}, executed +10 +0"),
)
CELLS: Final = [
    pytest.param(state, kind, expected, id=f"{state}-{kind}")
    for kinds, states, expected in ORDERS
    for kind in kinds.split()
    for state in states.split()
]


@pytest.mark.parametrize(("state", "kind", "expected"), CELLS)
def test_event_meets_an_order(state: str, kind: str, expected: str) -> None:
    """Each kind of event at each state of an order is answered and counted as the table says."""
    now = changed(EVENTS[kind], time=WHEN.get(state, NOON))
    assert change([*STATES[state], now]) == expected


def test_every_state_meets_every_kind_once() -> None:
    """The table leaves nothing out and says nothing twice."""
    cells = [(str(cell.values[0]), str(cell.values[1])) for cell in CELLS]
    assert sorted(cells) == sorted(itertools.product(STATES, KINDS))


# --- histories: the events, the answer to the last, and the figures after it --------------------

# They move the program to the next day, and use nothing.
TOMORROW: Final = (
    order(id="tomorrow", time=LATER),
    event("cancel", order="tomorrow", time=LATER),
)
EVERY_RULE: Final = "amount-cap buys-only share-cap share-class to-be-seen"
NOTHING_PASSES: Final = "amount-cap share-cap share-class to-be-seen"
UNLISTED: Final = "unknown-amount unknown-instrument"
NOTHING_KNOWN: Final = "unknown-amount unknown-fill unknown-instrument"
UNKNOWN: Final = [order(), fill(4, fx=2)]
HISTORIES: Final[dict[str, tuple[list[Event], str]]] = {
    # A fill by bust and correct.
    "a bust does not open its order again": (
        [order(), fill(10), bust(), fill(1, name="g")],
        "denied overrun, reserved 0 0, executed 1 100",
    ),
    "a second bust": (
        [order(), fill(4), bust(), bust()],
        "denied fill-settled, reserved 6 600, executed 0 0",
    ),
    "a bust of what was corrected": (
        [order(), fill(4), correct(3, id="c"), bust()],
        "recorded, reserved 6 600, executed 0 0",
    ),
    "a bust of a correct": (
        [order(), fill(4), correct(3, id="c"), bust("c")],
        "recorded, reserved 6 600, executed 0 0",
    ),
    "a correct of a correct": (
        [order(), fill(4), correct(3, id="c"), correct(2, name="c")],
        "approved, reserved 6 600, executed 2 200",
    ),
    "a correct of what was busted counts in full": (
        [order(), fill(4), bust(), correct(3, 100, **WHOLE)],
        "denied fill-settled, reserved 6 600, executed 3 300",
    ),
    "a second correct replaces the first": (
        [order(), fill(4), correct(3), correct(2, 100, **WHOLE)],
        "approved, reserved 6 600, executed 2 200",
    ),
    "a correct of any link replaces the last": (
        [order(), fill(4), correct(3, id="c"), correct(2, id="d"), correct(1, name="c")],
        "approved, reserved 6 600, executed 1 100",
    ),
    "a correct of no known fill that says little": (
        [order(), correct(3)],
        f"denied {EVERY_RULE} {NOTHING_KNOWN}, reserved 10 1000, executed ? ?",
    ),
    "a correct by which nothing changes": (
        [order(), fill(4), correct(None)],
        "approved, reserved 6 600, executed 4 400",
    ),
    "a correct upwards within the caps": (
        [order(), fill(4), correct(5)],
        "approved, reserved 6 600, executed 5 500",
    ),
    "a correct upwards past a cap": (
        [order(), fill(4), correct(995)],
        "denied amount-cap share-cap to-be-seen, reserved 6 600, executed 995 99500",
    ),
    "a correct of fewer shares for more money": (
        [order(), fill(4), correct(3, 99_000)],
        "denied amount-cap to-be-seen, reserved 6 600, executed 3 297000",
    ),
    "a correct of what was paid for one quantity to another": (
        [order(), fill(4, amount=390), correct(5)],
        "denied amount-cap to-be-seen unknown-amount, reserved 6 600, executed 5 ?",
    ),
    "a correct of a price that was paid in one sum": (
        [order(), fill(4, amount=390), correct(None, 95)],
        "approved, reserved 6 600, executed 4 380",
    ),
    "a correct to a sale": (
        [order(), fill(4), correct(4, side="sell")],
        "denied buys-only sale, reserved 6 600, executed 4 400",
    ),
    "a correct on a later day is of the day of its fill": (
        [order(), fill(4), correct(4, time=datetime(2009, 2, 2, 3, tzinfo=UTC))],
        "approved, reserved 6 600, executed 4 400",
    ),
    "a fill of unknown amount": (
        UNKNOWN,
        "denied amount-cap unknown-amount wrong-rate, reserved 6 600, executed 4 ?",
    ),
    "a fill that names another instrument than its order": (
        [order(), fill(4, 1, symbol="IIJI", fx=100)],
        "denied overrun, reserved 10 1000, executed 2 400",
    ),
    "a correct to another instrument that says no rate": (
        [order(), fill(4), correct(4, 1, symbol="IIJI")],
        "denied amount-cap to-be-seen unknown-amount, reserved 6 600, executed 2 ?",
    ),
    "a fill to be seen": (
        [fill(30, 100, order=None, **WHOLE)],
        "approved to-be-seen, reserved 0 0, executed 30 3000",
    ),
    # What is asked for is asked now; what happened may be told late.
    "an order of an earlier day": (
        [*TOMORROW, order()],
        "denied backdated, reserved 0 0, executed 0 0",
    ),
    "a replace of an earlier day": (
        [order(expires=LATER), *TOMORROW, replace(4)],
        "denied backdated, reserved 10 1000, executed 0 0",
    ),
    "an order of an earlier day than one that was denied": (
        [order(id="p", time=LATER, quantity=9_999), order()],
        "approved, reserved 10 1000, executed 0 0",
    ),
    "an order of an earlier day than one that is held": (
        [order(id="p", time=LATER, price=250), order()],
        "denied backdated, reserved 0 0, executed 0 0",
    ),
    "a release of an earlier day than what it releases": (
        [order(time=LATER, price=250), release()],
        "denied backdated, reserved 0 0, executed 0 0",
    ),
    "an order of an earlier day than a sale": (
        [fill(4, order=None, id="p", time=LATER, **{**WHOLE, "side": "sell"}), order()],
        "approved, reserved 10 1000, executed 0 0",
    ),
    "an order of an earlier day than an answer to no order": (
        [event("cancel", order="none", time=LATER), order()],
        "approved, reserved 10 1000, executed 0 0",
    ),
    "a release of an earlier day": (
        [order(price=250), *TOMORROW, release()],
        "denied backdated, reserved 0 0, executed 0 0",
    ),
    "a fill of an earlier day": (
        [order(), *TOMORROW, fill(4)],
        "approved, reserved 6 600, executed 4 400",
    ),
    "a cancel of an earlier day": (
        [order(), event("resume", time=LATER), told("cancel")],
        "recorded, reserved 0 0, executed 0 0",
    ),
    "a release after the end of what is held": (
        [order(price=250, expires=NOON.date()), release(time=LATER)],
        "denied order-ended, reserved 0 0, executed 0 0",
    ),
    "a release on the last day of what is held": (
        [order(price=250, expires=LATER.date()), release(time=LATER)],
        "approved to-be-seen, reserved 10 2500, executed 0 0",
    ),
    "a release of a replace after the end of its order": (
        [order(), replace(30), release(time=LATER)],
        "denied order-ended, reserved 10 1000, executed 0 0",
    ),
    "a replace that lowers while another is held": (
        [order(), replace(30), replace(4)],
        "recorded, reserved 10 1000, executed 0 0",
    ),
    "a release after a replace that lowered": (
        [order(), replace(30), replace(4), release()],
        "denied not-held, reserved 10 1000, executed 0 0",
    ),
    "an order while an amount is unknown": (
        [*UNKNOWN, order(1, id="p")],
        "denied amount-cap, reserved 6 600, executed 4 ?",
    ),
    "a bust of what is unknown": (
        [*UNKNOWN, bust()],
        "recorded, reserved 6 600, executed 0 0",
    ),
    "a correct of what is unknown": (
        [*UNKNOWN, correct(None, fx=1)],
        "approved, reserved 6 600, executed 4 400",
    ),
    "a correct that leaves it unknown": (
        [*UNKNOWN, correct(3)],
        "denied amount-cap to-be-seen unknown-amount wrong-rate, reserved 6 600, executed 3 ?",
    ),
    "an order once it is settled": (
        [*UNKNOWN, bust(), order(1, id="p")],
        "approved, reserved 7 700, executed 0 0",
    ),
    # Halted or not, by what would raise what is used and by what would not.
    "an order while halted": (
        [order(), event("halt"), order(1, id="p")],
        "denied halted, reserved 10 1000, executed 0 0, halted",
    ),
    "a raising replace while halted": (
        [order(), event("halt"), replace(11)],
        "denied halted, reserved 10 1000, executed 0 0, halted",
    ),
    "a lowering replace while halted": (
        [order(), event("halt"), replace(9)],
        "recorded, reserved 10 1000, executed 0 0, halted",
    ),
    "a release while halted": (
        [order(price=250), event("halt"), release()],
        "denied halted to-be-seen, reserved 0 0, executed 0 0, halted",
    ),
    "a fill while halted": (
        [order(), event("halt"), fill(4)],
        "approved, reserved 6 600, executed 4 400, halted",
    ),
    "a correct while halted": (
        [order(), fill(4), event("halt"), correct(3)],
        "approved, reserved 6 600, executed 3 300, halted",
    ),
    "a bust while halted": (
        [order(), fill(4), event("halt"), bust()],
        "recorded, reserved 6 600, executed 0 0, halted",
    ),
    "a cancel while halted": (
        [order(), event("halt"), told("cancel")],
        "recorded, reserved 0 0, executed 0 0, halted",
    ),
    "a replaced while halted": (
        [order(), replace(5), event("halt"), told("replaced")],
        "recorded, reserved 5 500, executed 0 0, halted",
    ),
    "a halt while halted": (
        [event("halt"), event("halt")],
        "recorded, reserved 0 0, executed 0 0, halted",
    ),
    "an order once it is resumed": (
        [event("halt"), event("halt"), event("resume"), event("resume"), order()],
        "approved, reserved 10 1000, executed 0 0",
    ),
    "an order once one of two halts is lifted": (
        [event("halt"), event("halt"), event("resume"), order()],
        "denied halted, reserved 0 0, executed 0 0, halted",
    ),
    "an order once both halts are named": (
        [
            event("halt", id="h"),
            event("halt", id="i"),
            event("resume", causes=("i", "h")),
            order(),
        ],
        "approved, reserved 10 1000, executed 0 0",
    ),
    "a resume of what is no cause": (
        [event("halt", id="h"), event("resume", causes=("h", "i"))],
        "denied unknown-cause, reserved 0 0, executed 0 0, halted",
    ),
    "a halt of another symbol": (
        [event("halt", symbol="1111"), order()],
        "approved, reserved 10 1000, executed 0 0, halted",
    ),
    "a halt of the order's symbol": (
        [event("halt", symbol="3774"), order()],
        "denied halted, reserved 0 0, executed 0 0, halted",
    ),
    "a halt of a broker, and an order that names none": (
        [event("halt", broker="north"), order()],
        "denied halted, reserved 0 0, executed 0 0, halted",
    ),
    "a halt of a broker, and an order of another": (
        [event("halt", broker="north"), order(broker="south")],
        "approved, reserved 10 1000, executed 0 0, halted",
    ),
    "a halt of a person, and a replace by another": (
        [order(by="Ann"), event("halt", person="ANN"), replace(12, by="Bob")],
        "denied halted, reserved 10 1000, executed 0 0, halted",
    ),
    "an order after a drill": (
        [event("halt", drill=True), order()],
        "approved, reserved 10 1000, executed 0 0",
    ),
    "an order of an earlier day than a fill that was busted": (
        [order(expires=LATER), fill(4, time=LATER), changed(bust(), time=NOON), order(1, id="p")],
        "approved, reserved 7 700, executed 0 0",
    ),
    "an order of an earlier day than a fill": (
        [order(expires=LATER), fill(4, time=LATER), order(1, id="p")],
        "denied backdated, reserved 6 600, executed 4 400",
    ),
    # Who releases.
    "a release by who ordered": (
        [order(price=250), release("ann")],
        "denied same-person to-be-seen, reserved 0 0, executed 0 0",
    ),
    "a release by who ordered, written otherwise": (
        [order(price=250), release("  ANN ")],
        "denied same-person to-be-seen, reserved 0 0, executed 0 0",
    ),
    "a release by who ordered, in wide letters": (
        [order(price=250), release("\uff21\uff2e\uff2e")],
        "denied same-person to-be-seen, reserved 0 0, executed 0 0",
    ),
    "a release where nobody is said to have ordered": (
        [order(price=250, by=None), release()],
        "denied same-person to-be-seen, reserved 0 0, executed 0 0",
    ),
    "a release by another after one by who ordered": (
        [order(price=250), release("ann"), release("bob")],
        "approved to-be-seen, reserved 10 2500, executed 0 0",
    ),
    "a second release": (
        [order(price=250), release(), release()],
        "denied not-held, reserved 10 2500, executed 0 0",
    ),
    "a release of a replace by who asked for it": (
        [order(), replace(30, by="cyd"), release("Cyd")],
        "denied same-person to-be-seen, reserved 10 1000, executed 0 0",
    ),
    "a release of a replace by who ordered first": (
        [order(), replace(30, by="cyd"), release("ann")],
        "approved to-be-seen, reserved 30 3000, executed 0 0",
    ),
    "a release of a replace by nobody": (
        [order(), replace(30, by=None), release("ann")],
        "denied same-person to-be-seen, reserved 10 1000, executed 0 0",
    ),
    "a release is judged by the other rules, now": (
        [order(900, 100), order(200, 100, id="p"), release()],
        "approved to-be-seen, reserved 900 90000, executed 0 0",
    ),
    "a release past a cap": (
        [order(600, 100), order(15, 100, id="p"), fill(500, 100, order="p"), release()],
        "denied amount-cap share-cap to-be-seen, reserved 0 0, executed 500 50000",
    ),
    "a release of a day order on the next day": (
        [order(price=250), release(time=LATER)],
        "denied order-ended, reserved 0 0, executed 0 0",
    ),
    "a release after the moment at which it was to end": (
        [order(price=250, expires=NOON), release(time=NOON + timedelta(minutes=1))],
        "denied order-ended, reserved 0 0, executed 0 0",
    ),
    "a release at the moment at which it was to end": (
        [order(price=250, expires=NOON), release(time=NOON)],
        "approved to-be-seen, reserved 10 2500, executed 0 0",
    ),
    "an order that was to end the day before": (
        [order(expires=NOON.date() - DAY)],
        "denied order-ended, reserved 0 0, executed 0 0",
    ),
    "an order that was to end a minute before": (
        [order(expires=NOON - timedelta(minutes=1))],
        "denied order-ended, reserved 0 0, executed 0 0",
    ),
    "an order that ends at once": (
        [order(expires=NOON)],
        "approved, reserved 10 1000, executed 0 0",
    ),
    "a release of a replace below what has filled since": (
        [order(), replace(9, 300), fill(10), release()],
        "denied not-held, reserved 0 0, executed 10 1000",
    ),
    "a release of a cancelled order": (
        [order(price=250), told("cancel"), release()],
        "denied not-held, reserved 0 0, executed 0 0",
    ),
    "a release of a replace that a later one took the place of": (
        [order(), replace(30), replace(9), told("replaced"), release()],
        "denied not-held, reserved 9 900, executed 0 0",
    ),
    # A replace by what has filled and by what it asks for.
    "a replace below what has filled": (
        [order(), fill(4), replace(3)],
        "denied below-filled, reserved 6 600, executed 4 400",
    ),
    "a replace to what has filled": (
        [order(), fill(4), replace(4)],
        "recorded, reserved 6 600, executed 4 400",
    ),
    "a replace to what has filled, done": (
        [order(), fill(4), replace(4), told("replaced"), fill(1, name="g")],
        "denied overrun, reserved 0 0, executed 5 500",
    ),
    "a lower quantity": ([order(), replace(4)], "recorded, reserved 10 1000, executed 0 0"),
    "a lower price": ([order(), replace(None, 90)], "recorded, reserved 10 1000, executed 0 0"),
    "a replace by which nothing changes": (
        [order(), replace()],
        "recorded, reserved 10 1000, executed 0 0",
    ),
    "a lower quantity at a higher price": (
        [order(), replace(4, 300)],
        "approved, reserved 10 1800, executed 0 0",
    ),
    "a fill of a lower quantity at a higher price": (
        [order(), replace(4, 300), fill(4, 300)],
        "approved, reserved 6 600, executed 4 1200",
    ),
    "a higher quantity at a lower price": (
        [order(), replace(100, 10)],
        "approved, reserved 100 1900, executed 0 0",
    ),
    "a higher quantity at a lower price, done": (
        [order(), replace(100, 10), told("replaced")],
        "recorded, reserved 100 1000, executed 0 0",
    ),
    "a higher quantity at a lower price, refused": (
        [order(), replace(100, 10), told("rejected")],
        "recorded, reserved 10 1000, executed 0 0",
    ),
    "a price where there was a lower one": (
        [order(), replace(None, 101)],
        "approved, reserved 10 1010, executed 0 0",
    ),
    "a replace past a cap": (
        [order(), replace(1_001)],
        "denied amount-cap share-cap to-be-seen, reserved 10 1000, executed 0 0",
    ),
    "a replace to a cap": (
        [order(10, 1), replace(1_000)],
        "approved, reserved 1000 1000, executed 0 0",
    ),
    "a later end": (
        [order(), replace(expires=date(2009, 1, 30))],
        "approved, reserved 10 1000, executed 0 0",
    ),
    "an end past the window": (
        [order(), replace(expires=date(2009, 1, 31))],
        "denied window, reserved 10 1000, executed 0 0",
    ),
    "an end past the window while halted": (
        [order(), event("halt"), replace(expires=date(2009, 1, 31))],
        "denied halted window, reserved 10 1000, executed 0 0, halted",
    ),
    "a lower quantity of an order with an end": (
        [order(expires=date(2008, 11, 20)), replace(9, time=LATER)],
        "recorded, reserved 10 1000, executed 0 0",
    ),
    # What races a replace that the venue has not answered.
    "a fill of the old after the ask for less": (
        [order(), replace(4), fill(10)],
        "approved, reserved 0 0, executed 10 1000",
    ),
    "a fill of more than is left, in flight": (
        [order(), replace(4), fill(7), told("replaced")],
        "recorded, reserved 0 0, executed 7 700",
    ),
    "a fill of the old after the answer": (
        [order(), replace(4), told("replaced"), fill(7)],
        "denied overrun, reserved 0 0, executed 7 700",
    ),
    "a fill of the new before the answer": (
        [order(), replace(20), fill(15)],
        "approved, reserved 5 500, executed 15 1500",
    ),
    "a fill of the new before the answer, which is no": (
        [order(), replace(20), fill(15), told("rejected")],
        "recorded, reserved 0 0, executed 15 1500",
    ),
    "a fill after all has filled and the answer is no": (
        [order(), replace(20), fill(10), told("rejected"), fill(1, name="g")],
        "denied overrun, reserved 0 0, executed 11 1100",
    ),
    "a fill of all of the new": (
        [order(), replace(20), fill(20), told("replaced")],
        "denied order-closed, reserved 0 0, executed 20 2000",
    ),
    "a fill at the old price, then the rest at the new": (
        [order(), replace(100, 10), fill(10, 100), told("replaced"), fill(90, 10, "g")],
        "approved, reserved 0 0, executed 100 1900",
    ),
    "a fill in flight that says no price": (
        [order(), replace(None, 120), fill(4)],
        "approved, reserved 6 720, executed 4 480",
    ),
    "a cancel while a replace is pending": (
        [order(), replace(20), told("cancel"), told("replaced")],
        "denied order-closed, reserved 0 0, executed 0 0",
    ),
    "a fill after that cancel": (
        [order(), replace(20), told("cancel"), fill(1)],
        "denied order-closed, reserved 0 0, executed 1 100",
    ),
    "a second replace after the answer": (
        [order(), replace(20), told("replaced"), replace(15), told("replaced")],
        "recorded, reserved 15 1500, executed 0 0",
    ),
    "an order refused after its replace was": (
        [order(), replace(20), told("rejected"), told("rejected")],
        "recorded, reserved 0 0, executed 0 0",
    ),
    # A market order: what it says of a price binds nobody.
    "a market order with a price": (
        [order(order_type="market")],
        "denied amount-cap to-be-seen, reserved 0 0, executed 0 0",
    ),
    "a fill of a market order that says no price": (
        [order(order_type="market"), fill(4)],
        "denied amount-cap order-closed to-be-seen unknown-amount, reserved 0 0, executed 4 ?",
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_history_ends_as_the_table_says(name: str) -> None:
    """The last event of each history is answered, and leaves the figures, as the table says."""
    events, expected = HISTORIES[name]
    assert after(events) == expected


NO_MONEY_CAP: Final[Editions] = load_text(
    "\n".join(
        line for line in HEAD.splitlines() if "max_amount" not in line and "amount-cap" not in line
    )
    .replace("    effect: review\n    at: order", "    effect: flag")
    .encode(),
    "steps.yaml",
)
# Without a cap on it, the money of an order need not be bounded, and then no fill passes it.
UNBOUNDED: Final[dict[str, tuple[list[Event], str]]] = {
    "a fill of a market order": (
        [order(order_type="market"), fill(4, 70)],
        "approved, reserved 6 ?, executed 4 280",
    ),
    "a fill of an order without a rate": (
        [order(symbol="IIJI", venue="XNAS"), fill(4, fx=100)],
        "approved to-be-seen, reserved 3 ?, executed 2 40000",
    ),
    "too many units of a market order": (
        [order(order_type="market"), fill(11, 70)],
        "denied overrun, reserved 0 0, executed 11 770, halted",
    ),
    "a fill past the price of an order without a rate": (
        [order(symbol="IIJI", venue="XNAS"), fill(4, 101, fx=100)],
        "denied overrun to-be-seen, reserved 3 ?, executed 2 40400, halted",
    ),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_fill_passes_no_bound_that_its_order_has_not(name: str) -> None:
    """An order without a price or a rate bounds its fills by what it does say."""
    events, expected = UNBOUNDED[name]
    assert after(events, NO_MONEY_CAP, live=True) == expected


SPLIT: Final[Editions] = load_text(
    HEAD.replace(
        "venues: [XNAS], currency: USD, per_share: 2",
        "venues: [XNAS, XNYS], currency: USD, per_share: ["
        "{value: 2, until: 2008-11-14}, {value: 4, from: 2008-11-15}]",
    ).encode(),
    "steps.yaml",
)
ADS_FILL: Final = fill(100, 1, order=None, symbol="IIJI", venue="XNAS", side="buy", fx=1)
# Corrects of the day after, when a unit is half as many shares.
SPLIT_SINCE: Final[dict[str, tuple[list[Event], str]]] = {
    "a correct of nothing": (
        [ADS_FILL, correct(None, time=LATER)],
        "approved, reserved 0 0, executed 50 100",
    ),
    "a correct of the venue": (
        [ADS_FILL, correct(None, venue="XNYS", time=LATER)],
        "approved, reserved 0 0, executed 50 100",
    ),
    "a correct of a symbol that was unknown": (
        [changed(ADS_FILL, symbol="IJII"), correct(None, symbol="IIJI", time=LATER)],
        f"denied {NOTHING_PASSES} {UNLISTED}, reserved 0 0, executed ? ?",
    ),
    "a bust of it, and the fill anew": (
        [changed(ADS_FILL, symbol="IJII"), bust(), changed(ADS_FILL, id="g")],
        "approved, reserved 0 0, executed 50 100",
    ),
}


@pytest.mark.parametrize("name", SPLIT_SINCE)
def test_correct_keeps_the_ratio_of_its_fill(name: str) -> None:
    """A correct frees nothing by a split that came after its fill; it is unknown at the worst."""
    events, expected = SPLIT_SINCE[name]
    assert after(events, SPLIT) == expected


# Where fees count: what of them is reserved, before and after a replace.
FEES: Final[dict[str, tuple[list[Event], str]]] = {
    "higher fees": (
        [order(fees=30), replace(fees=40)],
        "approved, reserved 10 1040, executed 0 0",
    ),
    "lower fees": ([order(fees=30), replace(fees=20)], "approved, reserved 10 1030, executed 0 0"),
    "lower fees, done": (
        [order(fees=30), fill(4, fees=12), replace(fees=20), told("replaced")],
        "recorded, reserved 6 608, executed 4 412",
    ),
    "fees below what is used, done": (
        [order(fees=30), fill(4, fees=12), replace(fees=5), told("replaced")],
        "recorded, reserved 6 600, executed 4 412",
    ),
    "a fill that says no fees while others are asked for": (
        [order(fees=30), replace(fees=40), fill(4)],
        "approved, reserved 6 600, executed 4 440",
    ),
    "a correct of fees": (
        [order(fees=30), fill(4, fees=12), correct(None, fees=13)],
        "approved, reserved 6 618, executed 4 413",
    ),
}


@pytest.mark.parametrize("name", FEES)
def test_fees_of_a_replace_are_reserved_until_used(name: str) -> None:
    """The most of the old and the new fees stays reserved until the venue has answered."""
    events, expected = FEES[name]
    assert after(events, WITH_FEES) == expected


# At the desk a breach halts the program; what is indeterminate alone does not.
DESK: Final[dict[str, tuple[list[Event], str]]] = {
    "a fill within its order": (
        [order(), fill(4)],
        "approved, reserved 6 600, executed 4 400",
    ),
    "a fill beyond its order": (
        [order(), fill(11)],
        "denied overrun, reserved 0 0, executed 11 1100, halted",
    ),
    "a fill that names no order": (
        [fill(4, 100, order=None, **WHOLE)],
        "denied overrun, reserved 0 0, executed 4 400, halted",
    ),
    "a fill of no known order": (
        [fill(4, 100, **WHOLE)],
        "denied unknown-order, reserved 0 0, executed 4 400, halted",
    ),
    "a correct upwards within the caps": (
        [order(), fill(4), correct(5)],
        "approved, reserved 6 600, executed 5 500",
    ),
    "a correct past a cap": (
        [order(), fill(4), correct(1_000, 1)],
        "denied share-cap, reserved 6 600, executed 1000 1000, halted",
    ),
    "a fill of which too little is known": (
        [order(), fill(4, fx=2)],
        "denied amount-cap unknown-amount wrong-rate, reserved 6 600, executed 4 ?",
    ),
    "what is brought forward too late": (
        [order(), event("brought_forward", shares=1, amount=100)],
        "denied not-first, reserved 10 1000, executed 0 0, halted",
    ),
    "an order after a breach": (
        [order(), fill(11), order(1, id="p")],
        "denied halted, reserved 0 0, executed 11 1100, halted",
    ),
    "an order after a breach that was seen to": (
        [order(), fill(11), event("resume"), order(1, id="p")],
        "approved, reserved 1 100, executed 11 1100",
    ),
    "a correct of which nothing is known but too little": (
        [order(), fill(4), correct(None, fx=2)],
        "denied amount-cap to-be-seen unknown-amount wrong-rate, reserved 6 600, executed 4 ?",
    ),
    "an order that is denied": (
        [order(2_000)],
        "denied amount-cap share-cap to-be-seen, reserved 0 0, executed 0 0",
    ),
}


@pytest.mark.parametrize("name", DESK)
def test_breach_at_the_desk_halts_the_program(name: str) -> None:
    """A fill that breaks a rule or is an overrun halts; nothing else does but a halt."""
    events, expected = DESK[name]
    assert after(events, live=True) == expected


@pytest.mark.parametrize("name", DESK)
def test_breach_in_a_log_halts_nothing(name: str) -> None:
    """A replay halts only on the log's own halt."""
    _, _, position = sent(DESK[name][0])
    assert not position.halts


# --- what a day counts of a replace and a correct ------------------------------------------------


@pytest.mark.parametrize(
    ("events", "ordered", "executed"),
    [
        ([order(), replace(12)], 12, 0),
        ([order(), replace(4)], 10, 0),
        ([order(), replace(4), told("replaced"), replace(6)], 12, 0),
        ([order(), told("cancel")], 10, 0),
        ([order(), fill(4), bust()], 10, 0),
        ([order(), fill(4), correct(3)], 10, 3),
        ([order(), fill(4), correct(6)], 12, 6),
        ([order(price=250), release()], 10, 0),
        ([order(), replace(30)], 10, 0),
        ([order(), replace(30), release()], 30, 0),
        ([fill(4, 100, order=None, **WHOLE), correct(3)], 4, 3),
    ],
)
def test_day_counts_what_was_ordered_and_is_executed(
    events: list[Event], ordered: int, executed: int
) -> None:
    """What was ordered grows with each increase and never falls; what is executed does."""
    _, _, position = sent(events)
    (day,) = position.days.values()
    assert (day.ordered_shares, day.executed_shares) == (ordered, executed)


def test_correct_to_another_instrument_is_of_that_instruments_day() -> None:
    """Nothing of the other instrument was ordered by the fill that turns out to be of it."""
    to_ads = correct(4, 1, symbol="IIJI", venue="XNAS", fx=100)
    _, _, position = sent([order(), fill(4), to_ads])
    found = {
        key[0]: (day.ordered_shares, day.executed_shares) for key, day in position.days.items()
    }
    assert found == {"common": (10, 0), "ads": (2, 2)}


@pytest.mark.parametrize(
    ("asked", "first", "then", "blocks"),
    [
        ("auction", None, "block", 1),
        ("auction", "block", "block", 1),
        ("auction", "block", None, 1),
        ("block", None, "block", 1),
        ("auction", None, "auction", 0),
    ],
)
def test_correct_of_a_block_is_no_other_block(
    asked: str, first: str | None, then: str | None, blocks: int
) -> None:
    """A fill that turns out to be a block is one; one that was counted is not counted again."""
    _, _, position = sent([order(method=asked), fill(4, method=first), correct(3, method=then)])
    (day,) = position.days.values()
    assert day.blocks == blocks


# --- what is remembered -------------------------------------------------------------------------


def counted(amount: int | None) -> Counted:
    """Return a fill that was counted, of *amount*."""
    return Counted(fill(1), None, Fraction(1), amount, NOON.date(), None, None)


def test_fills_are_remembered_until_twice_as_many_came() -> None:
    """At least so many of the last fills can be busted, and those that nothing else settles."""
    fills = Fills().with_fill("unknown", counted(None)).with_fill("known", counted(1))
    one = counted(1)
    for number in range(2 * FILLS_REMEMBERED):
        fills = fills.with_fill(f"f{number}", one)
    last = 2 * FILLS_REMEMBERED - 1
    names = ("unknown", "known", f"f{last}", f"f{last - FILLS_REMEMBERED + 1}")
    assert [fills.get(name) is not None for name in names] == [True, False, True, True]


def test_settled_fill_is_not_kept_for_ever() -> None:
    """What a bust has settled leaves nothing unknown, so it goes as the others do."""
    unknown = counted(None)
    fills = Fills().with_fill("unknown", unknown)
    fills = fills.with_fill("unknown", changed(unknown, settled=True))
    one = counted(1)
    for number in range(2 * FILLS_REMEMBERED):
        fills = fills.with_fill(f"f{number}", one)
    assert fills.get("unknown") is None
