"""An approval holds for the whole life of an order: every edition in it judges the request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import lives
from repurchase.domain.calendars import zone
from repurchase.domain.clocks import end_of_day
from repurchase.domain.decisions import Decision
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.domain.venues import zone_name
from repurchase.evaluation.headroom import Grid, headroom
from repurchase.evaluation.standing import unfit
from repurchase.evaluation.step import step
from repurchase.evaluation.wording import worded
from repurchase.intake.fields import event
from repurchase.ledger import trades
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade
from repurchase.rulebook import library
from repurchase.rulebook import life as module
from repurchase.rulebook.editions import Editions, load, load_text
from repurchase.rulebook.life import Later, life
from test_cli import run

HEAD = """\
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
unlimited: [amount]
instruments:
  common: {symbol: "1111", venues: [XTKS]}
  ads: {symbol: ADS, venues: [XNAS], shares_each: [RATIOS]}
"""
ONE = "{value: 2}"


def rules(terms: str, *conditions: str, ratios: str = ONE, head: str = HEAD) -> Editions:
    """Return the editions of a file with these *terms* and rules."""
    text = head.replace("RATIOS", ratios) + f"terms:\n{terms}rules:\n"
    text += "".join(f"  - {{id: r{at}, {one}}}\n" for at, one in enumerate(conditions))
    return load_text(text.encode(), "acme.yaml")


def order(id_: str = "o", **fields: Any) -> dict[str, str]:
    usual = {"kind": "order", "id": id_, "date": "2020-01-06", "symbol": "1111", "side": "buy"}
    said = {**usual, "quantity": "10", "price": "1", **fields}
    return {of: str(value) for of, value in said.items() if value is not None}


def decisions(editions: Editions, *events: dict[str, str]) -> list[Decision]:
    """Return the decisions on *events*, one after another."""
    position, found = Position(), []
    for one in map(event, events):
        taken = step(one, position, life(editions, one, position))
        position = taken.position
        found.append(taken.decision)
    return found


def stopped(decision: Decision) -> list[tuple[str, str | None]]:
    """Return the rules that do not pass, each with the day of the edition that says so."""
    return [(one.rule, None if one.since is None else str(one.since)) for one in decision.findings]


CAP = "require: program.shares_after <= terms.cap"
BUYS = "require: trade.side == buy"
FALLS = "  cap: [{value: 50 shares}, {value: 40 shares, from: 2020-02-01, known: 2020-01-10}]\n"


def test_cap_that_is_known_to_fall_binds_an_order_that_can_fill_then() -> None:
    """Fifty shares fit until January ends; asked for until February, forty do."""
    editions = rules(FALLS, CAP)
    asked: dict[str, Any] = {"date": "2020-01-20", "quantity": 45}
    ends = {"2020-01-31": [], "2020-02-01": [("r0", "2020-02-01")]}
    for end, found in ends.items():
        (decision,) = decisions(editions, order(**asked, expires=end))
        assert (stopped(decision), decision.outcome == "approved") == (found, not found)
        assert len(decision.editions) == len(found)


def test_what_is_not_yet_known_does_not_bind() -> None:
    """The lower cap becomes known on the tenth; before that, nobody could go by it."""
    editions = rules(FALLS, CAP)
    for day, found in (("2020-01-09", []), ("2020-01-10", [("r0", "2020-02-01")])):
        (decision,) = decisions(editions, order(date=day, quantity=45, expires="2020-02-10"))
        assert stopped(decision) == found


def test_window_that_is_known_to_close_earlier_binds() -> None:
    """The day from which the end is nearer judges the orders that last until then."""
    end = "{value: 2020-03-31}, {value: 2020-02-10, from: 2020-02-05, known: 2020-01-05}"
    editions = rules(f"  end: [{end}]\n", "require: trade.last_date <= terms.end")
    for last, found in (("2020-02-04", []), ("2020-02-20", [("r0", "2020-02-05")])):
        assert stopped(decisions(editions, order(expires=last))[0]) == found


def test_rule_that_begins_later_judges_what_lasts_until_then() -> None:
    """A rule with `from` is one of the edition of that day."""
    editions = rules(
        "  cap: {value: 50 shares}\n", CAP, "from: 2020-02-01, require: trade.units <= 5"
    )
    assert stopped(decisions(editions, order(expires="2020-01-31"))[0]) == []
    assert stopped(decisions(editions, order(expires="2020-02-01"))[0]) == [("r1", "2020-02-01")]


def test_day_without_a_cap_that_other_days_have_approves_nothing() -> None:
    """Neither a request of that day nor one that can fill on it is approved."""
    editions = rules("  cap: {value: 50 shares, until: 2020-01-31}\n", f"until: 2020-01-31, {CAP}")
    asked = {"date": "2020-02-01"}, {"expires": "2020-02-01"}, {"expires": "2020-01-31"}
    found = [stopped(decisions(editions, order(**one))[0]) for one in asked]
    assert found == [
        [("engine.no-cap", None), ("engine.no-rule", None)],
        [("engine.no-cap", "2020-02-01"), ("engine.no-rule", "2020-02-01")],
        [],
    ]


def test_cap_of_a_pack_may_come_and_go(tmp_path: Path) -> None:
    """The law may cap a year and leave the next one free; the file itself says that it is free."""
    pack = "repurchase: 1\npack: law\ntitle: Law\nrules:\n"
    pack += "  - {id: year, until: 2020-12-31, require: program.shares_after <= 50 shares}\n"
    (tmp_path / "law.yaml").write_text(pack)
    text = HEAD.replace("RATIOS", ONE).replace("[amount]", "[amount, shares]")
    text += "include: [./law]\nrules:\n  - {id: buys, require: trade.side == buy}\n"
    (tmp_path / "acme.yaml").write_text(text)
    editions = load_text(text.encode(), str(tmp_path / "acme.yaml"))
    found = decisions(
        editions, order("a", date="2020-12-01", quantity=51), order(date="2021-01-05")
    )
    assert [one.outcome for one in found] == ["denied", "approved"]


def test_fill_is_judged_by_its_own_day_alone() -> None:
    """It happened: what holds later does not make it a breach."""
    editions = rules(FALLS, CAP)
    found = decisions(
        editions,
        order(date="2020-01-20", quantity=45),
        {"kind": "fill", "id": "f", "order": "o", "date": "2020-01-20", "quantity": "45"},
    )
    assert [one.outcome for one in found] == ["approved", "approved"]


def test_worst_case_counts_by_the_largest_ratio_of_its_life() -> None:
    """A unit that is two shares now and five from February on can be five."""
    ratios = "{value: 2, until: 2020-01-31}, {value: 5, from: 2020-02-01}"
    editions = rules("  cap: {value: 50 shares}\n", CAP, ratios=ratios)
    ads = {"symbol": "ADS", "venue": "XNAS"}
    for quantity, end, reserved in ((25, "2020-01-30", "50"), (10, "2020-02-01", "50")):
        asked = order(**ads, quantity=quantity, expires=end)
        (decision,) = decisions(editions, asked)
        assert (decision.outcome, decision.position.reserved_shares) == ("approved", reserved)
        more = asked | {"quantity": str(quantity + 1)}
        assert decisions(editions, more)[0].outcome == "denied"


def test_price_of_a_share_is_that_of_each_edition() -> None:
    """A unit at six costs three a share while it is two shares, and six when it is one."""
    ratios = "{value: 2, until: 2020-01-31}, {value: 1, from: 2020-02-01}"
    editions = rules(
        "  cap: {value: 50 shares}\n",
        CAP,
        'require: "trade.price_per_share <= JPY 5"',
        ratios=ratios,
    )
    asked = order(symbol="ADS", venue="XNAS", price=6)
    assert stopped(decisions(editions, asked)[0]) == []
    late = asked | {"expires": "2020-02-05"}
    assert stopped(decisions(editions, late)[0]) == [("r1", "2020-02-01")]


def test_replace_over_a_split_counts_both_terms_as_units_count_now() -> None:
    """Ten units of two shares, replaced after the split by twenty of one, are twenty shares."""
    ratios = "{value: 2, until: 2020-01-31}, {value: 1, from: 2020-02-01}"
    editions = rules("  cap: {value: 50 shares}\n", CAP, ratios=ratios)
    ads = order(symbol="ADS", venue="XNAS", price=6, expires="2020-02-20")
    more = {"kind": "replace", "id": "r", "order": "o", "date": "2020-02-03", "quantity": "20"}
    told = {"kind": "replaced", "id": "a", "order": "o", "date": "2020-02-03"}
    found = decisions(editions, ads, more, told)
    assert [one.position.reserved_shares for one in found] == ["20", "20", "20"]


def test_later_order_leaves_room_for_one_that_lasts_longer() -> None:
    """What fills in January counts in February, too: with it, the older order would not fit."""
    editions = rules(FALLS, CAP)
    longer = order("a", date="2020-01-20", quantity=30, expires="2020-02-10")
    for quantity, found in ((10, []), (11, [("r0", "2020-02-01")])):
        last = decisions(editions, longer, order("b", date="2020-01-20", quantity=quantity))[-1]
        assert stopped(last) == found


def test_replace_adds_what_the_old_terms_count_more_by_now() -> None:
    """A ratio that rises under the order became known: the replace is judged with both terms."""
    ratios = "{value: 1}, {value: 2, from: 2020-01-15, known: 2020-01-08}"
    asked = order(symbol="ADS", venue="XNAS", quantity=100, expires="2020-01-20")
    dearer = {"kind": "replace", "id": "r", "order": "o", "date": "2020-01-08", "quantity": "10"}
    dearer |= {"price": "2", "expires": "2020-01-08"}
    for form in ("program.shares + trade.shares", "program.shares_after"):
        editions = rules(
            "  cap: {value: 150 shares}\n", f"require: {form} <= terms.cap", ratios=ratios
        )
        found = decisions(editions, asked, dearer)
        assert [one.outcome for one in found] == ["approved", "denied"]
        assert found[-1].position.reserved_shares == "100"


def test_fill_that_no_order_covers_needs_a_cap_that_day() -> None:
    """In a log of fills, too, nothing is approved on a day without the cap of other days."""
    editions = rules(
        "  cap: {value: 50 shares, until: 2020-01-31}\n", f"until: 2020-01-31, {CAP}", BUYS
    )
    fill = {
        "kind": "fill",
        "id": "f",
        "symbol": "1111",
        "side": "buy",
        "quantity": "5",
        "price": "1",
    }
    for day, found in (("2020-01-31", []), ("2020-02-01", [("engine.no-cap", None)])):
        assert stopped(decisions(editions, fill | {"date": day})[0]) == found


def test_order_that_counts_more_by_a_ratio_known_later_no_longer_fits() -> None:
    """It reserves what was known, and is named once more is known."""
    ratios = "{value: 1}, {value: 2, from: 2020-01-15, known: 2020-01-08}"
    editions = rules("  cap: {value: 150 shares}\n", CAP, ratios=ratios)
    asked = event(order(symbol="ADS", venue="XNAS", quantity=100, expires="2020-01-20"))
    position = step(asked, Position(), life(editions, asked, Position())).position
    for day, rules_ in ((7, None), (8, ["r0"])):
        found = unfit(position.orders["o"], position, editions, date(2020, 1, day))
        assert (found and [one.rule for one in found.findings]) == rules_


def test_replace_that_waits_counts_more_by_a_ratio_known_later_too() -> None:
    """Of two terms in play, those count anew that last until the ratio rises."""
    ratios = "{value: 1}, {value: 2, from: 2020-01-15, known: 2020-01-08}"
    editions = rules("  cap: {value: 150 shares}\n", CAP, ratios=ratios)
    short = order(symbol="ADS", venue="XNAS", quantity=60, expires="2020-01-10")
    longer = {"kind": "replace", "id": "r", "order": "o", "date": "2020-01-06", "quantity": "80"}
    position = Position()
    for one in map(event, (short, longer | {"expires": "2020-01-20"})):
        position = step(one, position, life(editions, one, position)).position
    assert position.reserved_shares == 80
    for day, observed in ((7, None), (8, "160")):
        found = unfit(position.orders["o"], position, editions, date(2020, 1, day))
        assert (found and found.findings[0].observed) == observed


def test_order_that_fits_a_cap_on_a_sum_of_parts_fits_once() -> None:
    """What it reserves is not counted twice."""
    asked = event(order(quantity=40))
    for form in ("program.shares + trade.shares", "program.shares_after"):
        editions = rules("  cap: {value: 50 shares}\n", f"require: {form} <= terms.cap")
        position = step(asked, Position(), life(editions, asked, Position())).position
        assert unfit(position.orders["o"], position, editions, date(2020, 1, 6)) is None


def test_headroom_asks_caps_of_other_orders_days_as_the_judge_does() -> None:
    """Of an edition that only another order lives to see, only the caps bind."""
    falls = "  cap: [{value: 50 shares}, {value: 40 shares, from: 2020-02-01, known: 2020-01-01}]\n"
    ratios = "{value: 1, until: 2020-01-31}, {value: 3, from: 2020-02-01}"
    both = 'require: "program.shares_after <= terms.cap and trade.price_per_share <= JPY 9"'
    editions = rules(falls, both, ratios=ratios)
    longer = event(order("a", quantity=30, expires="2020-02-10"))
    position = step(longer, Position(), life(editions, longer, Position())).position
    asked = event(order(symbol="ADS", venue="XNAS", price=6))
    found = headroom(asked, position, life(editions, asked, position), grid=Grid("quantity", 1, 99))
    assert found.largest == 10


def test_release_is_judged_by_what_is_known_then() -> None:
    """Between the order and its release, a lower cap became known."""
    review = 'effect: review, require: "trade.units <= 5"'
    editions = rules(FALLS, CAP, review)
    asked = order(quantity=45, expires="2020-02-10", by="Ann")
    release = {"kind": "release", "id": "r", "order": "o", "by": "Bob", "reason": "seen"}
    for day, outcome in (("2020-01-09", "approved"), ("2020-01-10", "denied")):
        found = decisions(editions, asked, release | {"date": day})
        assert [one.outcome for one in found] == ["held", outcome]


def test_last_moment_counts_on_either_clock() -> None:
    """A day order in New York lasts into the next day in Tokyo, by whose clock the cap falls."""
    falls = "  cap: [{value: 50 shares}, {value: 40 shares, from: 2020-01-07, known: 2020-01-01}]\n"
    ads: dict[str, Any] = {"symbol": "ADS", "venue": "XNAS", "quantity": 25, "date": "2020-01-06"}
    assert stopped(decisions(rules(falls, CAP), order(**ads))[0]) == [("r0", "2020-01-07")]
    here = order(quantity=50, date="2020-01-06")
    assert stopped(decisions(rules(falls, CAP), here)[0]) == []


def test_rules_of_a_pack_judge_by_the_day_at_the_venue(tmp_path: Path) -> None:
    """The law of New York begins there, not when its day begins in Tokyo."""
    pack = "repurchase: 1\npack: law\ntitle: Law\nrules:\n"
    pack += "  - {id: small, from: 2020-01-07, require: trade.units <= 5}\n"
    (tmp_path / "law.yaml").write_text(pack)
    text = HEAD.replace("RATIOS", ONE) + "include: [./law]\nrules:\n"
    text += "  - {id: cap, require: program.shares_after <= 50 shares}\n"
    editions = load_text(text.encode(), str(tmp_path / "acme.yaml"))
    ads = order(symbol="ADS", venue="XNAS")
    assert stopped(decisions(editions, ads)[0]) == []
    until = ads | {"expires": "2020-01-07"}
    assert stopped(decisions(editions, until)[0]) == [("law.small", "2020-01-07")]


def test_instrument_in_force_names_the_venue_of_an_event_that_names_none(tmp_path: Path) -> None:
    """Two instruments share a symbol, and one has ended: the other's clock tells the day."""
    pack = "repurchase: 1\npack: law\ntitle: Law\nrules:\n"
    pack += "  - {id: old, until: 2019-12-31, require: trade.units <= 5}\n"
    pack += "  - {id: new, from: 2020-01-01, require: trade.units <= 50}\n"
    (tmp_path / "law.yaml").write_text(pack)
    text = HEAD.replace("RATIOS", ONE).replace('"1111"', "ADS")
    text = text.replace("[XTKS]}", "[XTKS], shares_each: [{value: 1, until: 2019-12-31}]}")
    text += "include: [./law]\nrules:\n  - {id: cap, require: program.shares_after <= 50 shares}\n"
    editions = load_text(text.encode(), str(tmp_path / "acme.yaml"))
    # In Tokyo the year has begun, in New York it has not.
    moment: dict[str, Any] = {"date": None, "time": "2020-01-01T09:00:00+09:00", "symbol": "ADS"}
    for venue in ({}, {"venue": "XNAS"}):
        (decision,) = decisions(editions, order(**moment, **venue))
        assert "law.old" in [one.rule for one in decision.findings]


def test_finding_of_a_later_edition_says_from_which_day_it_holds() -> None:
    """In words, and as a date of its own."""
    editions = rules(FALLS, CAP)
    asked = event(order(date="2020-01-20", quantity=45, expires="2020-02-10"))
    its = life(editions, asked, Position())
    decision = step(asked, Position(), its).decision
    (found,) = worded(decision, its, asked).findings
    assert found.message.endswith("must be at most 40 shares (from 2020-02-01 on)")
    assert (found.since, found.limit) == (date(2020, 2, 1), "40")


@given(quantity=st.integers(1, 60), first=st.integers(1, 60), later=st.integers(1, 60))
def test_headroom_is_the_largest_by_all_editions(quantity: int, first: int, later: int) -> None:
    """One unit more is denied by the edition that allows the least."""
    falls = f"  cap: [{{value: {first} shares}}, "
    falls += f"{{value: {later} shares, from: 2020-02-01, known: 2020-01-01}}]\n"
    editions = rules(falls, CAP)
    asked = event(order(quantity=quantity, expires="2020-02-10"))
    grid = Grid("quantity", 1, 1_000)
    found = headroom(asked, Position(), life(editions, asked, Position()), grid=grid)
    assert found.largest == min(first, later)


IIJ: Final = load(library.rule_file("iij-2008"))
CLOCKS: Final = st.sampled_from([UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")])
MOMENTS: Final = st.builds(
    lambda minutes, clock: (
        datetime(2008, 10, 1, tzinfo=UTC).astimezone(clock) + timedelta(minutes=minutes)
    ),
    st.integers(0, 3 * 365 * 24 * 60),
    CLOCKS,
)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    begin=MOMENTS,
    days=st.integers(0, 90),
    is_timed=st.booleans(),
    venue=st.sampled_from([("3774", "XTKS"), ("IIJI", "XNAS")]),
)
def test_life_has_every_edition_that_a_moment_of_it_has(
    begin: datetime, days: int, is_timed: bool, venue: tuple[str, str]
) -> None:
    """Half an hour by half an hour, by the days that both clocks show."""
    clock = zone(zone_name(venue[1]))
    end = begin + timedelta(days, hours=5)
    asked = Event(
        kind="order",
        id="o",
        time=begin,
        symbol=venue[0],
        venue=venue[1],
        side="buy",
        quantity=1,
        price=1,
        expires=end if is_timed else end.astimezone(clock).date(),
    )
    its = life(IIJ, asked, Position())
    if not is_timed:
        end = end_of_day(end.astimezone(clock).date(), clock)
    known = begin.astimezone(IIJ.zone).date()
    then = Editions(IIJ.authorization, known, like=IIJ)
    found = set()
    moment = begin.astimezone(UTC)
    while moment <= end:
        found.add(then.on(*(moment.astimezone(one).date() for one in (IIJ.zone, clock))).hash)
        moment += timedelta(minutes=30)
    assert found == set(its.hashes)


# -- every history ---------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 1 << 30))
def test_no_approved_history_passes_a_limit_in_force_on_a_day_it_can_fill(seed: int) -> None:
    """Whatever falls, rises, lapses or becomes known, reckoned by hand day by day."""
    lives.run(seed, 8, of_a_file=8)


@pytest.mark.slow
def test_many_histories_pass_no_limit_and_try_all_there_is() -> None:
    """Each kind of event comes often, and later editions deny often."""
    seen = lives.run(20, 3_000, of_a_file=60)
    kinds = "order approved|order denied|replace approved|fill approved|replaced recorded"
    assert all(seen[kind] > 50 for kind in kinds.split("|"))
    assert seen["by a later edition"] > 500


Patch = pytest.MonkeyPatch


def none_later(patch: Patch) -> None:
    """Only the edition of the request judges it."""
    patch.setattr(module, "_judging", lambda *_: {})


def none_for_others(patch: Patch) -> None:
    """Nobody asks what other orders may still do."""
    whole = module._judging  # noqa: SLF001 # the very function that is weakened

    def own(*of: object) -> dict[str, Later]:
        found = whole(*of)  # type: ignore[arg-type]
        return {name: one for name, one in found.items() if one.is_own}

    patch.setattr(module, "_judging", own)


def ratio_of_the_day(patch: Patch) -> None:
    """A unit counts as on the day of the request."""
    patch.setattr(trades, "_most_each", lambda listing, *_: listing.shares_each)


def days_without_a_cap(patch: Patch) -> None:
    """A day on which nothing caps is a day like others."""
    patch.setattr(Editions, "limited", lambda _: frozenset())


def all_known(patch: Patch) -> None:
    """Later editions are as known when the program begins."""
    whole = Editions.later

    def later(self: Editions, *of: object) -> Iterator[object]:
        return whole(self, *of[:-1], lives.BEGIN)  # type: ignore[arg-type, call-arg]

    patch.setattr(Editions, "later", later)


def new_terms_alone(patch: Patch) -> None:
    """A replace is judged until its own end, while the old order can fill for longer."""
    whole = module._judging  # noqa: SLF001 # as above

    def judging(editions: Editions, asked: Trade, *of: object) -> dict[str, Later]:
        order = asked.order
        if order is not None and order.asked is not None:
            asked = replace(asked, order=replace(order, terms=order.asked))
        return whole(editions, asked, *of)  # type: ignore[arg-type]

    patch.setattr(module, "_judging", judging)


def end_at_the_venue(patch: Patch) -> None:
    """The last day is that at the venue, though Tokyo is a day ahead by then."""
    whole: Callable[..., tuple[date, date | None]] = trades._until  # noqa: SLF001 # as above

    def until(*of: object) -> tuple[date, date | None]:
        last, there = whole(*of)
        return there or last, there

    patch.setattr(trades, "_until", until)


WEAK = (
    none_later,
    none_for_others,
    ratio_of_the_day,
    days_without_a_cap,
    all_known,
    new_terms_alone,
    end_at_the_venue,
)


@pytest.mark.slow
@pytest.mark.parametrize("weaken", WEAK, ids=lambda one: one.__name__)
def test_judge_that_forgets_part_of_a_life_fails(
    monkeypatch: pytest.MonkeyPatch, weaken: Callable[[Patch], None]
) -> None:
    """The property sees each of these."""
    weaken(monkeypatch)
    with pytest.raises(AssertionError, match="authorization: drawn"):
        lives.run(6, 6_000, events=16, of_a_file=60)


# -- the desk --------------------------------------------------------------------------------------

DESK = (
    HEAD.replace("RATIOS", ONE)
    + """\
terms:
  cap: {value: 4000 shares}
  end: {value: 2150-01-30}
rules:
  - {id: share-cap, require: program.shares_after <= terms.cap}
  - {id: window, require: trade.last_date <= terms.end}
"""
)


def desk(here: Path, *events: dict[str, str]) -> tuple[str, str]:
    """Return the arguments of a journal in *here* in which *events* were submitted."""
    (here / "acme.yaml").write_text(DESK)
    lines = "".join(f"{one}\n".replace("'", '"') for one in events)
    begin = ("submit", "-", "--rules", "acme.yaml", "--journal", "j.db", "--one-person")
    run(*begin, stdin=lines, cwd=here)
    return "--journal", "j.db"


def lower(here: Path, cap: Exact, end: str = "2150-01-30") -> str:
    (here / "less").mkdir()
    text = DESK.replace("4000 shares", f"{cap} shares").replace("2150-01-30", end)
    (here / "less" / "acme.yaml").write_text(text)
    return "less/acme.yaml"


@pytest.mark.slow
def test_adoption_names_the_orders_that_no_longer_fit(tmp_path: Path) -> None:
    """It is recorded all the same, and exits 1: the orders are to be cancelled."""
    long, short = (
        order(name, date="2026-11-02", quantity=100, expires=end)
        for name, end in (("long", "2149-01-05"), ("short", "2140-01-05"))
    )
    journal = desk(tmp_path, long, short)
    less = lower(tmp_path, 300, "2145-01-01")
    dry = run("adopt", less, *journal, "--dry-run", "--seconds", "1", cwd=tmp_path)
    told = "These open orders no longer fit: cancel them, or replace them."
    assert (dry.code, told in dry.out) == (1, True)
    adopted = run(
        "adopt", less, *journal, "--by", "Ann", "--reason", "r", "--seconds", "1", cwd=tmp_path
    )
    (line,) = [one for one in adopted.out.splitlines() if one.startswith("  long")]
    assert (adopted.code, "window" in line, "\n  short" in adopted.out) == (1, True, False)
    position = run("position", *journal, cwd=tmp_path)
    assert position.out.count("NO LONGER FITS") == 1
    assert run("verify", *journal, cwd=tmp_path).code == 0


def test_orders_over_a_lower_cap_are_all_named(tmp_path: Path) -> None:
    """Together they pass it, so each may be the one to cancel."""
    orders = [
        order(name, date="2026-11-02", quantity=200, expires="2140-01-05") for name in ("a", "b")
    ]
    journal = desk(tmp_path, *orders)
    found = run(
        "adopt",
        lower(tmp_path, 300),
        *journal,
        "--dry-run",
        "--seconds",
        "1",
        "--json",
        cwd=tmp_path,
    )
    assert [one["id"] for one in found.json["unfit"]] == ["a", "b"]
    assert {one["rule"] for each in found.json["unfit"] for one in each["unfit"]} == {"share-cap"}
