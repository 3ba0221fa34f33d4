"""Random rule files of several editions, and random events: whatever the readers accept.

Each event is a row of texts, which the reader of events reads. Numbers are often at the ends of
what it accepts, days around midnight on some clock, and much is left out.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from random import Random
from typing import Final, NamedTuple

from refinement import Refinement
from repurchase.domain.calendars import YEAR_MAX, YEAR_MIN, day_at, zone
from repurchase.domain.counters import DAY_APART, Kept
from repurchase.domain.errors import InputError, RuleFileError
from repurchase.domain.quantities import Exact, exact, written
from repurchase.domain.venues import zone_name
from repurchase.evaluation.step import step
from repurchase.facts.domains import Numbers
from repurchase.facts.table import TABLE
from repurchase.intake import fields
from repurchase.ledger.fold import counting
from repurchase.ledger.orders import Order
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.life import life
from repurchase.rulebook.model import fact_in
from repurchase.rulebook.packs import shipped_averages

SPAN: Final = 40
AVERAGES: Final = ("averages.avg_close_5_days", "averages.adv_jp_4_weeks")
OUTSIDE: Final = (*(name for name in TABLE if name.startswith(("market.", "issuer."))), *AVERAGES)
LARGEST: Final = "9" * 18
SMALLEST: Final = "0.000000000001"


class Place(NamedTuple):
    """Where a program is: its clock, its first day, and two venues."""

    clock: str
    begin: date
    home: str
    away: str


PLACES: Final = (
    Place("Asia/Tokyo", date(2008, 11, 10), "XTKS", "XNAS"),
    # The ends of the years that are read.
    Place("Asia/Tokyo", date(YEAR_MIN, 1, 1), "XTKS", "XNAS"),
    Place("Pacific/Kiritimati", date(YEAR_MAX, 11, 20), "XTKS", "XNYS"),
    Place("Asia/Tokyo", date(2008, 11, 10), "XTKS", "XNAS"),
    # Clocks are set forward and back: in New York, London, and at midnight in Toronto.
    Place("America/New_York", date(2024, 3, 1), "XNYS", "XTKS"),
    Place("America/New_York", date(2024, 10, 15), "XNAS", "XLON"),
    Place("America/Toronto", date(1919, 3, 10), "XTSE", "XTKS"),
    Place("Europe/London", date(1924, 4, 1), "XLON", "XNYS"),
    # Samoa had no 30 December; and the clocks that are furthest ahead and behind.
    Place("Pacific/Apia", date(2011, 12, 10), "XASX", "XTSE"),
    Place("Pacific/Kiritimati", date(2009, 1, 5), "XTKS", "XNYS"),
    Place("Etc/GMT+12", date(2009, 1, 5), "XASX", "XHEL"),
)

# Conditions, each with how often its rule denies. `{}` stands for a figure.
_CAPS: Final = (
    "program.shares_after <= terms.max_shares",
    "program.shares + trade.shares <= terms.max_shares",
    "program.executed_shares + program.reserved_shares + trade.shares <= terms.max_shares",
    "trade.units < 100,000 and 2 * program.shares_after <= 2 * terms.max_shares",
    "program.amount_after <= terms.max_amount",
    "program.amount + trade.amount <= terms.max_amount",
)
_OTHERS: Final = (
    "terms.first_day <= trade.date and trade.last_date <= terms.last_day",
    "terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day",
    "trade.side == buy",
    "trade.share_class in [common, ads]",
    "trade.price <= market.last_price",
    "trade.price <= 105% * market.avg_close_5_days",
    "day.ordered_shares_after <= 25% * market.adv_jp_4_weeks",
    "day.executed_shares_after <= 100 shares",
    "day.ordered_shares_after - day.ordered_shares <= trade.shares",
    "day.brokers_after <= 1",
    "day.blocks_after <= 1",
    "day.blocks < 2",
    "day.off_auction_shares_after <= issuer.announced_shares",
    "day.auction_ordered_shares_after <= 30 shares",
    "day.auction_ordered_shares <= day.ordered_shares",
    "trade.method == auction",
    "trade.venue_time < 14:30",
    "not issuer.closed_period",
    "market.minutes_to_close > 30",
    "trade.amount <= 10% * terms.max_amount",
    "trade.price_per_share <= JPY 1,500",
    "trade.order_type == limit",
    "trade.broker in [north, south]",
    "trade.units <= 30",
    "trade.symbol == ADS",
    "trade.venue in [XTKS, XNAS]",
    "trade.date == trade.venue_date",
    "trade.venue_last_date == trade.venue_date",
    "program.reserved_shares + trade.shares <= 40 shares",
    "program.executed_amount + program.reserved_amount <= terms.max_amount",
)
_BOUNDS: Final = ("", "", ", fx_between: [97.5, 100]", ", fx_between: [50, 200]")
_WHEN: Final = (
    "trade.share_class == ads",
    "trade.method == block",
    "trade.side == buy",
    "trade.broker == north",
    "trade.units > 5",
)


def _dates(chance: Random, begin: date, rate: float) -> str:
    """Return dates of a version or of a rule, or none."""

    def some(name: str, first: int, last: int) -> str:
        if chance.random() > rate:
            return ""
        return f", {name}: {begin + timedelta(chance.randrange(first, last))}"

    middle = SPAN // 2
    return some("from", 0, middle) + some("until", middle, SPAN) + some("known", 0, middle)


def _versions(
    chance: Random, begin: date, values: tuple[str, ...], counts: tuple[int, ...] = (0, 0, 1)
) -> str:
    """Return a list of versions: the first always holds, or ends before the others."""
    turns = sorted(chance.sample(range(2, SPAN), chance.choice(counts)))
    found = []
    for at, turn in enumerate([0, *turns]):
        dates = "" if at == 0 else f", from: {begin + timedelta(turn)}"
        if chance.random() < 0.3:
            dates += f", known: {begin + timedelta(max(turn + chance.randrange(-15, 4), 0))}"
        elif at < len(turns):
            dates += f", until: {begin + timedelta(turns[at] - 1)}"
        found.append(f'{{value: "{chance.choice(values)}"{dates}}}')
    return f"[{', '.join(found)}]"


def draw_file(chance: Random, place: Place) -> str:
    """Return a rule file of *place* whose terms, ratios and rules change by date."""
    begin, end = place.begin, place.begin + timedelta(SPAN + 20)
    last = min(end, date(YEAR_MAX, 12, 31))
    ratios = ("2", "2", "5", "0.25", "1", "0.333")
    ads = f"[{{value: {chance.choice(ratios)}}}]"
    if chance.random() < 0.7:
        ads = _versions(chance, begin, ratios, (1, 1, 2, 2)).replace('"', "")
    if chance.random() < 0.15:
        # It is listed only from some day on.
        ads = f"[{{value: 2, from: {begin + timedelta(chance.randrange(10))}}}]"
    margin = chance.choice(("0%", "2%", "0.333%", "100%"))
    # Drawn beside the rest, which stays what it was before rates had bounds.
    beside = Random(f"{begin} {ads} {margin}")
    bounds = beside.choice(_BOUNDS)
    turn = begin + timedelta(beside.randrange(2, SPAN))
    split = f"[{{value: 3, until: {turn}}}, {{value: 4, from: {turn + timedelta(1)}}}]"
    twin = split if beside.random() < 0.3 else "3"
    conditions = [chance.choice(_CAPS[:4])] if chance.random() < 0.9 else []
    conditions += [chance.choice(_CAPS[4:])] if chance.random() < 0.6 else []
    conditions += chance.sample(_OTHERS, chance.randrange(1, 7))
    rules = "".join(
        f'  - {{id: r{at}, require: "{one}"{_of_rule(chance, begin, one)}}}\n'
        for at, one in enumerate(conditions)
    )
    shares = ("60 shares", "1,000 shares", "9,999,999 shares", "999,999,999,999 shares")
    amounts = ("JPY 500", "JPY 9,999,999", "JPY 999,999,999,999")
    return f"""\
repurchase: 1
authorization: drawn
timezone: {place.clock}
currency: JPY
amount_basis: {chance.choice(("contract", "with_fees"))}
instruments:
  common: {{symbol: "1111", venues: [{place.home}]}}
  ads:
    {{symbol: ADS, venues: [{place.away}], currency: USD, shares_each: {ads}, fx_margin: {margin}
      {bounds}}}
  twin: {{symbol: TWIN, venues: [{place.home}, {place.away}], shares_each: {twin}}}
terms:
  max_shares: {_versions(chance, begin, shares)}
  max_amount: {_versions(chance, begin, amounts)}
  first_day: {{value: {begin}}}
  last_day: {_versions(chance, begin, (str(last), str(begin + timedelta(SPAN // 2))))}
rules:
{rules}"""


def _of_rule(chance: Random, begin: date, condition: str) -> str:
    is_cap = condition in _CAPS
    more = _dates(chance, begin, 0.05 if is_cap else 0.06)
    if chance.random() < (0.1 if is_cap else 0.25):
        more += f', when: "{chance.choice(_WHEN)}"'
    rare = ("", "flag") if is_cap else (*["flag"] * 8, "review", "review", "")
    effect = chance.choice(rare)
    more += f", effect: {effect}" if effect else ""
    at = chance.choice(("", "", "", "", "order", "fill"))
    return more + (f", at: {at}" if at else "")


class Program:
    """A history by one rule file: each event is checked against the models before its step."""

    def __init__(self, refinement: Refinement, place: Place, chance: Random) -> None:
        self.refinement, self.editions = refinement, refinement.editions
        self.place, self.chance = place, chance
        self.clock = zone(place.clock)
        # The models have every fact, so the position keeps what any rule could read.
        authorization = self.editions.authorization
        listed = [(one.name, venue) for one in authorization.instruments for venue in one.venues]
        counters = (*authorization.parts(), *DAY_APART.parts(listed))
        self.position = counting(Position(), Kept(counters, requests=True))
        begin = datetime(place.begin.year, place.begin.month, place.begin.day, tzinfo=UTC)
        self.now = begin + timedelta(hours=chance.choice((15, 30)))
        self.count = 0
        # In a calm program, most orders are usual ones, which stay open over changes of the ratio.
        self.is_calm = chance.random() < 0.4
        self.rows: list[dict[str, str]] = []
        self.seen: Counter[str] = Counter()

    def run(self, events: int) -> None:
        """Send random events, and check each that the readers accept."""
        for _ in range(events):
            self.now += timedelta(hours=self.chance.choice((0, 0, 1, 1, 5, 24, 24, 70, 200, 200)))
            row = self._row()
            try:
                event = fields.event(row)
            except InputError:
                # A number has too many digits, or its day is outside the years that are read.
                self.seen["refused by the readers"] += 1
                continue
            self.rows.append(row)
            found = self.refinement.check(event, self.position)
            taken = step(event, self.position, life(self.editions, event, self.position))
            self.position = taken.position
            self.seen["events"] += 1
            for view in found:
                self.seen[f"{view.kind} {taken.decision.outcome}"] += 1
                self.seen["not listed"] += view.trade.listing is None
                self.seen["by a later edition"] += view.edition is not found[0].edition
                self.seen["at another venue"] += view.trade.other_venue is not None
                self.seen["filled elsewhere"] += view.trade.is_elsewhere
                self.seen["within, elsewhere"] += (
                    view.trade.is_elsewhere and view.trade.excess is None
                )

    def _row(self) -> dict[str, str]:
        """Return a row of a log: mostly an event that is possible at the position."""
        chance = self.chance
        orders = self.position.orders
        is_open = sorted(name for name, one in orders.items() if one.is_open)
        asked = [name for name in is_open if orders[name].asked is not None]
        held = sorted(
            name for name, one in orders.items() if one.state == "held" or one.held is not None
        )
        fills = sorted(self.position.fills.newer)
        kinds = ["order", "order", "fill"]
        kinds += [*["fill"] * 4, *["replace"] * 3, "cancel"] if is_open else []
        kinds += ["replaced", "replaced", "rejected"] * 2 if asked else []
        kinds += ["release"] * 3 if held else []
        kinds += ["correct", "bust"] if fills else []
        kind = chance.choice(kinds)
        self.count += 1
        if not self.position.halts and not self.position.started and chance.random() < 0.2:
            shares = chance.choice(("0", "100.5", LARGEST, SMALLEST))
            return {"kind": "brought_forward", "id": "b", "shares": shares, "amount": "4000.5"}
        row = {"kind": kind, "id": f"{kind}-{self.count}", **self._when(kind)}
        if kind == "order":
            order = row | self._order()
            # Drawn beside the rest, too.
            ahead = Random(f"{self.now} {sorted(order.items())} ahead")
            return _paid_ahead(order, ahead) if ahead.random() < 0.15 else order
        if kind == "fill":
            return row | self._fill(chance.choice(is_open) if is_open else None)
        if kind in ("correct", "bust"):
            row["fill"] = chance.choice(fills)
            return row | self._correct(row["fill"]) if kind == "correct" else row
        if kind == "release":
            signed = {"by": chance.choice(("bob", "bob", "ann")), "reason": "seen"}
            return row | signed | self._outside() | {"order": chance.choice(held)}
        row["order"] = chance.choice(asked if kind in ("replaced", "rejected") else is_open)
        return row | self._replace(orders[row["order"]]) if kind == "replace" else row

    # -- its days ---------------------------------------------------------------------------------

    def _when(self, kind: str) -> dict[str, str]:
        """Return a day or a moment, near midnight on some clock; fills may be reported late."""
        chance = self.chance
        if chance.random() < 0.3:
            day = day_at(self.now, self.clock)
            if kind == "fill" and chance.random() < 0.3:
                day -= timedelta(chance.randrange(30))
            return {"date": day.isoformat()}
        clock = chance.choice(
            (self.clock, *(zone(zone_name(one)) for one in (self.place.home, self.place.away)))
        )
        at = self.now
        if chance.random() < 0.4:
            # Around the next midnight there.
            tomorrow = day_at(at, clock) + timedelta(1)
            midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=clock)
            seconds = chance.choice((-1, 0, 1, 1800))
            at = midnight.astimezone(UTC) + timedelta(seconds=seconds)
            self.now = max(self.now, at)
        if kind == "fill" and chance.random() < 0.15:
            at -= timedelta(chance.randrange(30))
        at += timedelta(microseconds=chance.choice((0, 0, 1, 999_999)))
        hours = chance.choice((0, 9, -5, 14, -12))
        return {"time": at.astimezone(timezone(timedelta(hours=hours))).isoformat()}

    def _expires(self) -> str | None:
        chance = self.chance
        later = self.now + timedelta(chance.choice((-3, 0, 1, 4, 10, 25, 25, 400)))
        until = (None, day_at(later, self.clock).isoformat(), later.isoformat())
        return chance.choice((*until, *until, f"{YEAR_MAX}-12-31"))

    # -- its fields -------------------------------------------------------------------------------

    def _quantity(self) -> str:
        usual = [str(self.chance.randrange(1, 30)) for _ in range(20)]
        return self.chance.choice((*usual, "1", "40", "100", "1000001", LARGEST))

    def _price(self) -> str:
        rare = (SMALLEST, f"{LARGEST}.999999999999", "2000000")
        return self.chance.choice((*("1", "2", "3", "4", "99.75", "0.5", "100") * 3, *rare))

    def _fees(self) -> str | None:
        return self.chance.choice((None, "0", "0", "5", "0.5", "1000000", SMALLEST))

    def _outside(self) -> dict[str, str]:
        """Return some facts from outside, often at an end of their domains."""
        chance, found = self.chance, {}
        for name in chance.sample(OUTSIDE, chance.randrange(5)):
            domain = fact_in(shipped_averages(), name).domain
            assert isinstance(domain, Numbers), name
            texts = [SMALLEST, "0", "1", "30", "100", "-1439.999999999999", "1439.5", LARGEST]
            inside = [text for text in texts if exact(text) in domain]
            is_flag = TABLE[name].dimension.kind == "flag"
            found[name] = chance.choice(("true", "false")) if is_flag else chance.choice(inside)
        return found

    def _said(self, row: dict[str, str | None]) -> dict[str, str]:
        return {name: text for name, text in row.items() if text is not None} | self._outside()

    def _instrument(self) -> dict[str, str | None]:
        chance, place = self.chance, self.place
        named = [("1111", place.home), ("1111", None), ("ADS", place.away), ("ADS", None)]
        named += [("TWIN", place.home), ("TWIN", place.away), *[("ADS", place.away)] * 4]
        rare = [("TWIN", None), ("OTHER", place.home), ("1111", place.away), ("OTHER", None)]
        symbol, venue = chance.choice(named if chance.random() < 0.93 else rare)
        rates = (
            ("100", "97.5", "1", "100.3")
            if symbol == "ADS"
            else (None, None, None, None, None, None, "1", "2")
        )
        return {"symbol": symbol, "venue": venue, "fx": chance.choice((*rates, *rates, None))}

    def _words(self) -> dict[str, str | None]:
        chance = self.chance
        return {
            "broker": chance.choice(("north", "north", "south", "east", "Other", None)),
            "method": chance.choice(("auction", "auction", "off_auction", "block", "tender", None)),
            "order_type": chance.choice(("limit", "limit", "market", None, None)),
            "side": chance.choice((*["buy"] * 12, "sell", None)),
        }

    def _order(self) -> dict[str, str]:
        order = self._said(self._usual() if self.is_calm else self._any())
        # Drawn beside the rest, which stays what it was before an order could have several venues.
        routed = Random(f"{self.now} {sorted(order.items())}")
        if order.get("symbol") == "TWIN" and routed.random() < 0.5:
            order.pop("venue", None)
            names = routed.choice((("home", "away"), ("away", "home"), ("home",)))
            order["venues"] = " ".join(getattr(self.place, name) for name in names)
        return order

    def _usual(self) -> dict[str, str | None]:
        chance = self.chance
        end = self.now + timedelta(chance.choice((10, 25, 400)))
        return {
            "symbol": "ADS",
            "venue": self.place.away,
            "side": "buy",
            "quantity": str(chance.randrange(1, 8)),
            "price": chance.choice(("1", "2", "2", None)),
            "fx": "100",
            "fees": chance.choice(("0", "5")),
            "broker": "north",
            "method": chance.choice(("auction", "auction", "off_auction", None)),
            "expires": min(day_at(end, self.clock), date(YEAR_MAX, 12, 31)).isoformat(),
            "by": "ann",
        }

    def _any(self) -> dict[str, str | None]:
        return {
            **self._instrument(),
            **self._words(),
            "quantity": self._quantity(),
            "price": self.chance.choice((*(self._price() for _ in range(6)), None)),
            "fees": self._fees(),
            "expires": self._expires(),
            "by": self.chance.choice(("ann", "ann", None)),
        }

    def _fill(self, name: str | None) -> dict[str, str]:
        """Return a fill of the order *name*, mostly within it; or of no order."""
        chance = self.chance
        order = None if name is None else self.position.orders[name]
        if name is None or order is None or chance.random() < 0.15:
            usual = self._order()
            for field in ("expires", "by", "venues"):
                usual.pop(field, None)
            other = chance.choice((None, None, "nobody", *sorted(self.position.orders)))
            return usual | self._said({"order": other, "amount": self._amount()})
        found = self._said(
            {
                "order": name,
                **self._within(order),
                **(self._like(order) if chance.random() < 0.4 else {}),
                **self._rarely(),
            }
        )
        routed = Random(f"{self.now} {sorted(found.items())}")
        if order.terms.event.symbol == "TWIN" and routed.random() < 0.6:
            # Filled at either venue, whether the order names it or not.
            found["venue"] = routed.choice((self.place.home, self.place.away))
        return found

    def _within(self, order: Order) -> dict[str, str | None]:
        """Return numbers of a fill of *order*: its own, a little less, or more within its money."""
        chance = self.chance
        whole = order.open_quantity
        own = order.fill_defaults()
        return {
            "quantity": str(chance.choice((whole, whole, max(whole // 2, 1), 1, whole + 1))),
            "price": self._about(order.price, (1, 1, Fraction(1, 2), 2)),
            "fx": self._about(own.fx, (1, Fraction(101, 100), Fraction(1, 2), 3)),
            "fees": self._about(order.fees_left, (1, Fraction(1, 2), 2, 100), 1),
            "amount": chance.choice((None, None, None, self._amount())),
        }

    def _about(self, value: Exact | None, times: tuple[Exact, ...], more: Exact = 0) -> str | None:
        """Return *value* or a multiple of it as a text, or nothing."""
        chance = self.chance
        if value is None or chance.random() < 0.3:
            return None
        found = Fraction(value) * chance.choice(times) + chance.choice((0, more))
        return written(Fraction(round(found * 10**12), 10**12))

    def _like(self, order: Order) -> dict[str, str | None]:
        """Return the instrument and the words of *order*, which a fill need not repeat."""
        own = order.terms.event
        names = ("symbol", "venue", "side", "broker", "method", "order_type")
        return {name: getattr(own, name) for name in names}

    def _rarely(self) -> dict[str, str | None]:
        """Return fields in which a fill or a correct differs from what it is about."""
        chance = self.chance
        every = {**self._words(), **self._instrument()}
        return {name: text for name, text in every.items() if chance.random() < 0.08}

    def _amount(self) -> str | None:
        return self.chance.choice((None, None, "1", "100", "9999.99", SMALLEST, LARGEST))

    def _correct(self, name: str) -> dict[str, str]:
        chance = self.chance
        old = self.position.fills.get(name)
        assert old is not None, name
        own = old.event
        return self._said(
            {
                "quantity": chance.choice((None, *_around(own.quantity))),
                "price": self._about(own.price, (1, Fraction(1, 2), 2)),
                "fees": self._about(own.fees, (1, Fraction(1, 2), 2), 1),
                "fx": self._about(own.fx, (1, Fraction(101, 100))),
                "amount": chance.choice((None, None, None, self._amount())),
                **self._rarely(),
            }
        )

    def _replace(self, order: Order) -> dict[str, str]:
        chance, own = self.chance, order.terms
        filled = order.filled + chance.randrange(30)
        return self._said(
            {
                "quantity": chance.choice((None, str(own.quantity), str(max(filled, 1)))),
                "price": self._about(own.price, (1, Fraction(1, 2), 2, 2)),
                "fees": self._about(own.fees, (1, Fraction(1, 2), 2), 1),
                "fx": self._about(own.fx, (1, Fraction(101, 100))),
                "expires": self._expires(),
                "by": chance.choice(("ann", None)),
            }
        )


def _paid_ahead(order: dict[str, str], chance: Random) -> dict[str, str]:
    """Return *order* as a prepayment of its amount, some without a quantity."""
    dropped = {"side", "price", "order_type", "method", "venues"}
    dropped |= {"quantity"} if chance.random() < 0.5 else set()
    kept = {name: value for name, value in order.items() if name not in dropped}
    amount = order.get("price") or "5"
    return kept | {"kind": "prepaid", "amount": amount, "by": "ann", "reason": "agreed"}


def _around(quantity: int | None) -> tuple[str, ...]:
    """Return *quantity*, half of it and twice it, each as a text."""
    return () if quantity is None else tuple(map(str, (quantity, quantity // 2 or 1, 2 * quantity)))


def run(seed: int, files: Iterable[int], histories: int = 16, events: int = 14) -> Counter[str]:
    """Return what became of *histories* of *events* by the *files* of these numbers under *seed*.

    Raise AssertionError if a model lacks an event.
    """
    seen: Counter[str] = Counter()
    for number in files:
        chance = Random(f"{seed} {number}")
        place = PLACES[number % len(PLACES)]
        text = draw_file(chance, place)
        try:
            editions = load_text(text.encode(), "drawn.yaml")
        except RuleFileError:
            # Its dates contradict each other, and its author is told so.
            seen["files that do not load"] += 1
            continue
        seen["files"] += 1
        refinement = Refinement(editions)
        for _ in range(histories):
            program = Program(refinement, place, chance)
            try:
                program.run(events)
            except AssertionError as error:
                told = "\n".join(map(str, program.rows))
                raise AssertionError(f"{error}\n{text}\n{told}") from error
            seen += program.seen
    return seen


if __name__ == "__main__":
    for what, count in sorted(run(int(sys.argv[2]), range(int(sys.argv[1]))).items()):
        sys.stdout.write(f"{count:12,} {what}\n")
