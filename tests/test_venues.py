"""Orders of a smart router: with several venues of one instrument, and filled at any of them.

An order is judged at each venue that it names as an order at that venue alone would be, and it
reserves once. A fill at another listed venue counts, takes its part of the order, and is flagged.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.api.events import event_of as event_from
from repurchase.domain.counters import Kept, When
from repurchase.domain.errors import InputError
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.evaluation.headroom import headroom
from repurchase.evaluation.open_fills import fills_under
from repurchase.evaluation.step import Step, step
from repurchase.evaluation.wording import sentence
from repurchase.facts.fact import Value
from repurchase.intake import fields
from repurchase.journal.outside import NotedMarket, RecordedMarket
from repurchase.journal.records import event_object, event_of
from repurchase.journal.snapshot import position_bytes, read_position
from repurchase.ledger.fold import counting
from repurchase.ledger.halts import to_cancel
from repurchase.ledger.position import NO_DAY, Day, Position
from repurchase.ledger.trades import Trade
from repurchase.rulebook.editions import Editions, load, load_text
from repurchase.rulebook.life import life
from repurchase.rulebook.packs import shipped_counters
from test_cli import run

RULES: Final = """\
repurchase: 1
authorization: routed
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "3774", venues: [XTKS, XNAS, BATS]}
  ads: {symbol: IIJI, venues: [XNAS], shares_each: 2}
terms:
  max_shares: {value: "1,000 shares"}
  max_amount: {value: "JPY 100,000"}
  first_day: {value: 2008-11-14}
  last_day: {value: 2009-01-30}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: buys-only, require: trade.side == buy}
"""
SIDE: Final = "  - {id: buys-only, require: trade.side == buy}\n"
NOON: Final = datetime(2008, 12, 1, 15, tzinfo=UTC)
DAY: Final = NOON.date()
BOTH: Final = ("XNAS", "BATS")
OTHER: Final = "engine.other-venue"
VENUES: Final = (*BOTH, "XTKS")
_ids: Final = itertools.count()


def editions(*more: str) -> Editions:
    """Return the editions of RULES with *more* rules."""
    return load_text((RULES + "".join(f"  - {one}\n" for one in more)).encode(), "routed.yaml")


PLAIN: Final = editions()


def event(kind: str, **given: Any) -> Event:
    usual: dict[str, Any] = {"kind": kind, "id": f"{kind}-{next(_ids)}", "time": NOON}
    return Event(**(usual | given))


def order(*venues: str, quantity: int = 10, price: Exact = 5, **given: Any) -> Event:
    usual: dict[str, Any] = {"symbol": "3774", "side": "buy", "by": "ann", "id": "o"}
    usual |= {"venues": venues, "quantity": quantity, "price": price, "method": "auction"}
    return event("order", **(usual | given))


def fill(venue: str | None, quantity: int = 4, **given: Any) -> Event:
    return event("fill", **({"order": "o", "venue": venue, "quantity": quantity} | given))


class Desk:
    """A desk in memory: each event is decided live, at the position that the earlier ones left.

    It counts what is bought off the auction, whether a rule reads that or not.
    """

    def __init__(self, by: Editions = PLAIN) -> None:
        self.editions = by
        listed = [("common", venue) for venue in VENUES]
        off_auction = [part for one in shipped_counters() for part in one.parts(listed)]
        self.position = counting(Position(), Kept(tuple(off_auction)))

    def send(self, *events: Event) -> Step:
        """Return the step of the last of *events*."""
        steps = [self._sent(one) for one in events]
        return steps[-1]

    def _sent(self, one: Event) -> Step:
        its = life(self.editions, one, self.position)
        found = step(one, self.position, its, live=True)
        self.position = found.position
        return found

    def day(self, venue: str, day: date = DAY) -> Day:
        return self.position.days.get(("common", venue, day), NO_DAY)

    def off_auction(self, venue: str) -> Exact:
        """Return the shares bought off the auction at *venue* on DAY, and those on order."""
        found = self.position.counters[f"day_off_auction common {venue}"].of(When(DAY))
        assert found is not None
        return found.shares


def rules_of(found: Step) -> list[str]:
    return [one.rule for one in found.decision.findings]


def used(position: Position) -> tuple[Exact, Exact, Exact, Exact]:
    return (
        position.executed_shares,
        position.executed_amount,
        position.reserved_shares,
        position.reserved_amount,
    )


# -- reading --------------------------------------------------------------------------------------

ROW: Final = {"kind": "order", "id": "o", "date": "2008-12-01", "symbol": "A", "quantity": "1"}


@pytest.mark.parametrize(
    "said",
    [["XNAS", "BATS"], "XNAS BATS", "XNAS;BATS", " XNAS; BATS ;"],
    ids=["an array", "blanks", "semicolons", "both"],
)
def test_venues_are_an_array_or_a_text(said: object) -> None:
    """JSON has arrays, and a cell of a CSV has a text."""
    assert fields.event(ROW | {"venues": said}).venues == BOTH


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"venues": []}, "`venues` names 0 venues"),
        ({"venues": ["XNAS", "XNAS"]}, "`venues` names `XNAS` twice"),
        ({"venues": ["XNAS", 5]}, "`venues` is `5`, not text"),
        ({"venues": [["XNAS"]]}, "not text"),
        ({"venues": ["x"] * 51}, "`venues` names 51 venues"),
        ({"venues": ["XNAS"], "venue": "XNAS"}, "`venue` and `venues` are both given"),
        ({"symbol": ["A"]}, "`symbol` is an object or an array"),
    ],
)
def test_wrong_venues_are_refused(row: dict[str, object], what: str) -> None:
    """Each is named with what would be right."""
    with pytest.raises(InputError, match=what):
        fields.event(ROW | row)


@pytest.mark.parametrize("kind", ["fill", "replace"])
def test_only_an_order_names_several_venues(kind: str) -> None:
    """A fill was at one venue, and a replace changes none."""
    row = {"kind": kind, "id": "x", "date": "2008-12-01", "order": "o", "quantity": "1"}
    with pytest.raises(InputError, match="`venues` is not a field of a"):
        fields.event(row | {"venues": "XNAS BATS"})


def test_venues_come_back_from_records_python_and_snapshots() -> None:
    """Whatever holds an event holds its venues, in their order."""
    asked = order(*BOTH)
    assert event_object(asked)["venues"] == list(BOTH)
    assert event_of(json.loads(json.dumps(event_object(asked)))) == asked
    assert "venues" not in event_object(order(venue="XNAS"))
    assert event_from(ROW | {"venues": list(BOTH)}).venues == BOTH
    assert event_from(ROW | {"venues": BOTH}).venues == BOTH
    desk = Desk()
    desk.send(asked, fill("BATS"))
    assert read_position(position_bytes(desk.position)) == desk.position


# -- the order ------------------------------------------------------------------------------------


def test_order_reserves_once_and_counts_at_each_of_its_venues() -> None:
    """It may fill wholly at any of them, so the day of each counts it in full."""
    desk = Desk()
    assert desk.send(order(*BOTH)).decision.outcome == "approved"
    assert used(desk.position) == (0, 0, 10, 50)
    assert [desk.day(one).ordered_shares for one in BOTH] == [10, 10]
    assert desk.day("XTKS").ordered_shares == 0


@pytest.mark.parametrize("venues", [BOTH, BOTH[::-1]])
def test_order_is_denied_if_one_of_its_venues_is(venues: tuple[str, ...]) -> None:
    """The worst result of each rule counts, and says at which venue, if not at the first."""
    by = editions("{id: nasdaq, require: trade.venue == XNAS}")
    found = Desk(by).send(order(*venues))
    (finding,) = found.decision.findings
    assert (found.decision.outcome, finding.rule) == ("denied", "nasdaq")
    assert finding.venue == ("BATS" if venues == BOTH else None)
    its = life(by, order(*venues), Position())
    assert sentence(finding, its).endswith(" (at BATS)") == (venues == BOTH)


def test_one_venue_in_a_list_is_as_one_venue() -> None:
    """A router with one venue says the same as a desk that names it."""
    for venue in ("XNAS", "BATS"):
        listed, named = Desk(), Desk()
        listed.send(order(venue), fill(None))
        named.send(order(venue=venue), fill(None))
        assert used(listed.position) == used(named.position) == (4, 20, 6, 30)


@pytest.mark.parametrize("venues", [("XNAS", "XNYS"), ("XNYS", "XNAS"), ("XTKS", "nowhere")])
def test_venues_that_do_not_all_list_the_instrument_are_denied(venues: tuple[str, ...]) -> None:
    """Nobody may route an order to a venue that the file does not list."""
    assert "engine.unknown-instrument" in rules_of(Desk().send(order(*venues)))


def test_venues_of_two_instruments_with_one_symbol_are_denied() -> None:
    """The same symbol can be another class of shares elsewhere."""
    text = RULES.replace("{symbol: IIJI, venues: [XNAS]", '{symbol: "3774", venues: [XNYS]')
    by = load_text(text.encode(), "routed.yaml")
    assert Desk(by).send(order("XNAS", "BATS")).decision.outcome == "approved"
    assert "engine.unknown-instrument" in rules_of(Desk(by).send(order("XNAS", "XNYS")))


def test_wrong_venue_is_told_with_those_that_are_listed() -> None:
    """Whoever names the symbol alone, or another venue, reads where it is listed."""
    findings = Desk().send(order("XNAS", "XNYS")).decision.findings
    (found,) = (one for one in findings if one.rule == "engine.unknown-instrument")
    assert (found.observed, found.limit) == ("3774", "BATS, XNAS, XTKS")


def test_days_are_those_of_each_venue() -> None:
    """At 15:00 UTC it is the next day in Tokyo; the last day is the latest of all venues."""
    by = editions("{id: early, require: trade.venue_time < 12:00}")
    # Midnight in Tokyo, ten in the morning in New York: at neither is it noon.
    assert Desk(by).send(order("XTKS", "XNAS")).decision.outcome == "approved"
    late = order("XTKS", "XNAS", time=NOON + timedelta(hours=3))
    (finding,) = Desk(by).send(late).decision.findings
    assert (finding.rule, finding.venue) == ("early", "XNAS")
    desk = Desk()
    desk.send(order("XTKS", "XNAS", time=NOON - timedelta(hours=1)))
    terms = desk.position.orders["o"].terms
    assert (terms.last_date, terms.venue_last_date) == (date(2008, 12, 2), date(2008, 12, 1))


def test_last_day_of_any_venue_must_be_in_the_window() -> None:
    """An order that ends with the window in Tokyo can fill after it in New York."""
    end = datetime(2009, 1, 30, 3, tzinfo=UTC)
    assert Desk().send(order("XTKS", time=end)).decision.outcome == "approved"
    found = Desk().send(order("XTKS", "XNAS", time=end, expires=date(2009, 1, 30)))
    (finding,) = found.decision.findings
    assert (finding.rule, finding.venue) == ("window", "XNAS")


def test_pack_of_the_day_at_another_venue_judges_too(tmp_path: Path) -> None:
    """A limit of a pack that changes at midnight in Tokyo binds an order that may fill there."""
    pack = """\
repurchase: 1
pack: law
title: A law
limits:
  most:
    - {value: 100 shares, until: 2008-12-01}
    - {value: 5 shares, from: 2008-12-02}
rules:
  - {id: size, require: trade.shares <= limits.most}
"""
    (tmp_path / "law.yaml").write_text(pack, encoding="utf-8")
    path = tmp_path / "routed.yaml"
    path.write_text(RULES.replace("rules:", "include: [./law]\nrules:", 1), encoding="utf-8")
    by = load(path)
    # It is 2 December in Tokyo, and 1 December in New York.
    assert Desk(by).send(order("XNAS")).decision.outcome == "approved"
    assert rules_of(Desk(by).send(order("XTKS"))) == ["law.size"]
    assert rules_of(Desk(by).send(order("XNAS", "XTKS"))) == ["law.size"]
    assert rules_of(Desk(by).send(order("XTKS", "XNAS"))) == ["law.size"]


def test_replace_and_release_are_judged_at_each_venue() -> None:
    """The order keeps its venues, whoever changes or releases it."""
    by = editions(
        "{id: small, require: trade.venue != BATS or trade.units <= 20}",
        "{id: seen, require: trade.units <= 5, effect: review}",
    )
    desk = Desk(by)
    assert desk.send(order(*BOTH)).decision.outcome == "held"
    signed = {"order": "o", "by": "bob", "reason": "seen"}
    assert desk.send(event("release", **signed)).decision.outcome == "approved"
    found = desk.send(event("replace", order="o", quantity=21, by="ann"))
    assert found.decision.outcome == "denied"
    assert [(one.rule, one.venue) for one in found.decision.findings] == [
        ("seen", None),
        ("small", "BATS"),
    ]
    assert desk.send(event("replace", order="o", quantity=8)).decision.outcome == "recorded"
    assert desk.send(event("replaced", order="o")).position.reserved_shares == 8
    assert desk.position.orders["o"].terms.event.venues == BOTH


def test_cancel_gives_back_what_no_venue_can_fill_any_more() -> None:
    """Each venue counted it, and each gives back what is left of it."""
    desk = Desk()
    desk.send(order(*BOTH, method="off_auction"))
    assert [desk.off_auction(one) for one in BOTH] == [10, 10]
    desk.send(fill("BATS"))
    assert [desk.off_auction(one) for one in BOTH] == [6, 10]
    desk.send(event("cancel", order="o"))
    assert [desk.off_auction(one) for one in BOTH] == [0, 4]
    assert [desk.day(one).executed_shares for one in BOTH] == [0, 4]
    assert used(desk.position) == (4, 20, 0, 0)


def test_halt_of_one_of_its_venues_stops_an_order() -> None:
    """It may fill there, so it is denied, and an open one is among those to cancel."""
    desk = Desk()
    desk.send(order(*BOTH))
    halt = event("halt", venue="BATS", id="h")
    assert to_cancel(desk.send(halt).position, halt) == ("o",)
    assert "engine.halted" in rules_of(desk.send(order(*BOTH, id="p")))
    assert desk.send(order("XNAS", id="q")).decision.outcome == "approved"


# -- its fills ------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", BOTH)
def test_fill_at_a_named_venue_is_within_the_order(venue: str) -> None:
    """No finding, and nothing is ordered anew."""
    desk = Desk()
    found = desk.send(order(*BOTH), fill(venue))
    assert (found.decision.outcome, rules_of(found)) == ("approved", [])
    assert used(desk.position) == (4, 20, 6, 30)
    assert [desk.day(one).ordered_shares for one in BOTH] == [10, 10]


def test_fill_without_its_venue_is_at_an_unknown_one() -> None:
    """Of several venues nobody knows which: it counts as unknown, halts, and can be corrected."""
    desk = Desk()
    found = desk.send(order(*BOTH), fill(None, id="f"))
    assert "engine.unknown-instrument" in rules_of(found)
    assert desk.position.known_executed_shares() is None
    assert desk.position.reserved_shares == 10
    assert desk.position.halted_by == ("f",)
    desk.send(event("correct", fill="f", venue="BATS"))
    assert desk.position.known_executed_shares() == 4


def test_fill_at_another_listed_venue_counts_and_shrinks_the_order() -> None:
    """A router took another venue than the order names: flagged, and no share counts twice."""
    desk = Desk()
    found = desk.send(order("XNAS", quantity=1000), fill("BATS"))
    assert found.decision.outcome == "approved"
    assert rules_of(found) == [OTHER]
    (finding,) = found.decision.findings
    assert (finding.effect, finding.observed, finding.limit) == ("flag", "BATS", "XNAS")
    assert desk.position.halted_by == ()
    assert used(desk.position) == (4, 20, 996, 4980)
    # The venue where it filled had counted nothing of the order.
    assert desk.day("BATS").ordered_shares == desk.day("BATS").executed_shares == 4
    assert desk.day("XNAS").ordered_shares == 1000
    assert desk.send(event("cancel", order="o")).position.reserved_shares == 0


def test_fill_at_an_unlisted_venue_stays_an_overrun() -> None:
    """A venue that the file does not list is an unknown market."""
    desk = Desk()
    found = desk.send(order("XNAS"), fill("XNYS"))
    assert {"engine.overrun", "engine.unknown-instrument"} <= {*rules_of(found)}
    assert desk.position.halted_by
    assert desk.position.reserved_shares == 10


def test_fill_elsewhere_is_judged_by_all_rules_there_and_halts_if_one_fails() -> None:
    """Nobody approved a trade at that venue, so the rules for orders judge it, too."""
    by = editions("{id: nasdaq, require: trade.venue == XNAS, at: order}")
    desk = Desk(by)
    assert desk.send(order("XNAS"), fill("XNAS")).decision.outcome == "approved"
    found = desk.send(fill("BATS", 1))
    assert found.decision.outcome == "denied"
    assert rules_of(found) == [OTHER, "nasdaq"]
    assert desk.position.halted_by
    assert used(desk.position) == (5, 25, 5, 25)


@pytest.mark.parametrize(
    "given",
    [{"quantity": 11}, {"price": 6}, {"time": NOON + timedelta(9)}, {"symbol": "IIJI"}],
    ids=["too many", "too dear", "too late", "another instrument"],
)
def test_fill_elsewhere_beyond_its_order_is_an_overrun(given: dict[str, Any]) -> None:
    """The limits of the order hold at each venue."""
    found = Desk().send(order("XNAS"), fill("BATS", **given))
    assert "engine.overrun" in rules_of(found)
    assert found.position.halted_by


def test_block_elsewhere_is_another_block() -> None:
    """A block order counts one block at its venues; a fill elsewhere is one there."""
    desk = Desk()
    desk.send(order(*BOTH, method="block"), fill("BATS"))
    assert [desk.day(one).blocks for one in BOTH] == [1, 1]
    desk.send(fill("XTKS"))
    assert desk.day("XTKS", date(2008, 12, 2)).blocks == 1


# -- what asks about orders -----------------------------------------------------------------------


def test_headroom_is_that_of_the_venue_with_the_least() -> None:
    """Each venue has a limit of its own."""
    by = editions(
        "{id: bats, require: trade.units <= 30, when: trade.venue == BATS}",
        "{id: nasdaq, require: trade.units <= 50, when: trade.venue == XNAS}",
    )
    for venues, largest in ((BOTH, 30), (BOTH[::-1], 30), (("XNAS",), 50), (("XTKS",), 1000)):
        asked = order(*venues)
        found = headroom(asked, Position(), life(by, asked, Position()))
        assert found.largest == largest, venues


def test_adoption_tries_a_fill_at_each_venue() -> None:
    """A new file that denies one venue would halt there."""
    desk = Desk()
    desk.send(order(*BOTH))
    stricter = editions("{id: nasdaq, require: trade.venue == XNAS}")
    (found,) = fills_under(desk.position, stricter, DAY)
    assert found.halts
    (found,) = fills_under(desk.position, PLAIN, DAY)
    assert found.is_approved


class _ByVenue:
    """A market with another price at each venue."""

    prices: Final = {"XNAS": 5, "BATS": 4}

    def fact(self, name: str, trade: Trade) -> Value | None:
        assert trade.listing is not None
        return self.prices[trade.listing.venue] if name == "market.last_price" else None

    def outside_session(self, _: Trade) -> None:
        """Return `None`: no trade is outside a session."""

    def owns(self, _: str) -> bool:
        return False

    def files(self, name: str, _: Trade) -> frozenset[str]:
        return frozenset({"0" * 64} if name == "market.last_price" else ())


def test_feed_supplies_the_facts_of_each_venue_and_the_record_holds_them() -> None:
    """An order within the price at one venue only is denied, and so it is from its record."""
    by = editions("{id: last, require: trade.price <= market.last_price}")
    asked = order(*BOTH)
    noted = NotedMarket(_ByVenue())
    its = life(by, asked, Position())
    found = step(asked, Position(), its, market=noted)
    (finding,) = found.decision.findings
    assert (finding.rule, finding.venue, finding.limit) == ("last", "BATS", "4")
    stored = noted.outside()
    assert stored == {"market.last_price": "5", "market.last_price@BATS": "4"}
    assert noted.feeds() == ("0" * 64,)
    assert step(asked, Position(), its, market=RecordedMarket(stored)).decision == found.decision


# -- the command line -----------------------------------------------------------------------------


def test_journal_of_a_routed_order_is_verified(tmp_path: Path) -> None:
    """What the desk decided is decided again, and `position` names the venues."""
    (tmp_path / "routed.yaml").write_text(RULES, encoding="utf-8")
    when = {"time": "2008-12-01T10:00:00-05:00"}
    asked: dict[str, Any] = {
        "kind": "order",
        "id": "o",
        "symbol": "3774",
        "venues": ["XTKS", "BATS"],
        **when,
    }
    asked |= {"side": "buy", "quantity": 10, "price": 5, "by": "ann"}
    filled: dict[str, Any] = {
        "kind": "fill",
        "id": "f",
        "order": "o",
        "venue": "BATS",
        "quantity": 4,
        **when,
    }
    other: dict[str, Any] = {
        "kind": "fill",
        "id": "g",
        "order": "o",
        "venue": "XNAS",
        "quantity": 1,
        **when,
    }
    lines = "".join(f"{json.dumps(one)}\n" for one in (asked, filled, other))
    (tmp_path / "events.jsonl").write_text(lines, encoding="utf-8")
    journal = f"sqlite:///{tmp_path / 'journal.db'}"
    given = ["submit", tmp_path / "events.jsonl", "--rules", tmp_path / "routed.yaml"]
    assert run(*map(str, [*given, "--journal", journal])).code == 0
    assert run("verify", "--journal", journal).code == 0
    told = run("position", "--journal", journal, "--json").json
    (line,) = told["orders"]
    assert line["venues"] == ["XTKS", "BATS"]
    assert (line["filled"], line["reserved_shares"]) == (5, "5")


# -- in general -----------------------------------------------------------------------------------

SENT: Final = st.one_of(
    st.tuples(st.just("fill"), st.sampled_from(VENUES), st.integers(1, 6), st.integers(4, 6)),
    st.tuples(st.just("replace"), st.none(), st.integers(1, 20), st.integers(4, 6)),
    st.tuples(st.sampled_from(("replaced", "cancel")), st.none(), st.just(1), st.just(1)),
)
CHOSEN: Final = st.lists(st.sampled_from(VENUES), min_size=1, max_size=3, unique=True)
CAREFUL: Final = editions(
    "{id: nasdaq, require: trade.units <= 12, when: trade.venue == XNAS}",
    "{id: tokyo, require: trade.venue_time < 12:00, when: trade.venue == XTKS}",
    "{id: bats, require: day.ordered_shares_after <= 15, when: trade.venue == BATS, at: order}",
)


@given(venues=CHOSEN, hours=st.integers(0, 23), quantity=st.integers(1, 20))
def test_order_passes_exactly_if_it_passes_at_each_venue_alone(
    venues: list[str], hours: int, quantity: int
) -> None:
    """To name several venues opens no way past a rule, and closes none."""
    when: dict[str, Any] = {"quantity": quantity, "time": NOON + timedelta(hours=hours)}
    together = Desk(CAREFUL).send(order(*venues, **when)).decision
    alone = [Desk(CAREFUL).send(order(venue=one, **when)).decision for one in venues]
    assert (together.outcome == "approved") == all(one.outcome == "approved" for one in alone)
    failing = {finding.rule for one in alone for finding in one.findings}
    assert {finding.rule for finding in together.findings} == failing


@given(venues=CHOSEN, sent=st.lists(SENT, max_size=6))
def test_no_fill_within_its_order_raises_what_is_used(venues: list[str], sent: list[Any]) -> None:
    """At whichever venue it fills, executed and reserved rise by nothing but an overrun."""
    desk = Desk(CAREFUL)
    desk.send(order(*venues))
    for kind, venue, quantity, price in sent:
        before = desk.position
        given: dict[str, Any] = {"order": "o"}
        if kind in ("fill", "replace"):
            given |= {"quantity": quantity, "price": price}
        found = desk.send(event(kind, **given, **({} if venue is None else {"venue": venue})))
        after = desk.position
        is_judged = found.decision.outcome == "approved"
        is_over = kind == "fill" and any(
            one.rule in ("engine.overrun", "engine.order-closed") for one in found.decision.findings
        )
        if kind == "fill" and not is_over:
            assert (after.used_shares() or 0) == (before.used_shares() or 0)
            assert (after.used_amount() or 0) <= (before.used_amount() or 0)
            assert (OTHER in rules_of(found)) == (venue not in venues)
        elif kind != "replace" or not is_judged:
            assert is_over or (after.used_shares() or 0) <= (before.used_shares() or 0)
        assert all(desk.off_auction(one) >= 0 for one in VENUES)
