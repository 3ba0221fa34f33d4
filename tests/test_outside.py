"""What feeds tell at the desk stands on the record, apart from the event that was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from repurchase.domain.sessions import sessions
from repurchase.evaluation.step import Decided
from repurchase.facts.table import TABLE
from repurchase.intake.objects import event_from_json
from repurchase.journal.desk import Desk
from repurchase.journal.records import Record, event_object, sealed
from repurchase.journal.rule_texts import rule_text
from repurchase.journal.store import Journal
from repurchase.market.feed import Feed, read_feed
from test_audit import NAME, bodies, forged, found, verified
from test_cli import run

RULES: Final = """
repurchase: 1
authorization: acme-2026
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1111", venues: [XTKS]}
terms:
  max_shares: {value: "1,000 shares"}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: volume, at: order, require: trade.shares <= 50% * averages.adv_jp_4_weeks}
  - {id: close, at: order, effect: flag, require: market.minutes_to_close > 30}
  - {id: closed, at: order, effect: flag, require: not issuer.closed_period}
"""
DAY: Final = date(2026, 3, 3)
NOW: Final = datetime(2026, 3, 3, 6, tzinfo=UTC)
ORDER: Final = {
    "kind": "order", "id": "o-1", "time": "2026-03-03T10:00:00+09:00", "symbol": "1111",
    "side": "buy", "quantity": 33, "price": 100,
}  # fmt: skip


def bars(folder: Path, volume: int, *, lacking: date | None = None) -> Path:
    """Return a file of bars of the two months before, of which one may be *lacking*."""
    tokyo = sessions("XTKS")
    assert tokyo is not None
    days = tokyo.between(DAY - timedelta(60), DAY)
    rows = [f"{day},1111,XTKS,100,{volume},0\n" for day in days or () if day != lacking]
    path = folder / f"bars-{volume}.csv"
    path.write_text("date,symbol,venue,close,volume,off_auction\n" + "".join(rows))
    return path


def answered(
    url: str, feed: Feed | None, *orders: dict[str, Any], text: str = RULES
) -> list[Decided]:
    """Return the answers of a desk that reads *feed*, under the rule file *text*."""
    events = [event_from_json(json.dumps(order).encode()) for order in orders]
    with closing(Journal(url, create=True)) as journal:
        desk = Desk(journal, NAME, lambda: NOW, rule_text(text.encode(), "acme.yaml"), feed=feed)
        return desk.answer(events)


@pytest.fixture
def tall(tmp_path: Path) -> Feed:
    """Give a feed whose average is 66 and two thirds: 17 sessions of 70, and one of 10."""
    path = bars(tmp_path, 70)
    day = "2026-02-10,1111,XTKS,100,"
    path.write_text(path.read_text().replace(f"{day}70", f"{day}10"))
    return read_feed([path])


def test_desk_judges_by_what_its_feed_tells(store_url: str, tall: Feed) -> None:
    """An order is approved by an average of bars, and its record says which it was."""
    (decided,) = answered(store_url, tall, ORDER)
    assert decided.decision.outcome == "approved"
    (record,) = (one for one in bodies(store_url) if one.event is not None)
    assert record.outside == {"averages.adv_jp_4_weeks": "200/3", "market.minutes_to_close": "330"}
    # What was sent is as it was sent.
    assert record.event == event_object(event_from_json(json.dumps(ORDER).encode()))
    assert verified(store_url).records == len(bodies(store_url))


def test_event_sent_again_is_the_same_whatever_the_feed_tells_by_then(
    store_url: str, tall: Feed, tmp_path: Path
) -> None:
    """An answer that was given stays, also where other bars would have given another."""
    (first,) = answered(store_url, tall, ORDER)
    other = read_feed([bars(tmp_path, 2)])
    (again,) = answered(store_url, other, ORDER)
    assert (again.repeated, again.decision) == (True, first.decision)
    (fresh,) = answered(store_url, other, ORDER | {"id": "o-2"})
    assert fresh.decision.outcome == "denied"
    assert verified(store_url).records == len(bodies(store_url))


def test_what_no_feed_tells_is_denied_and_named(store_url: str, tmp_path: Path) -> None:
    """Without the bar of one session the average is not known; sessions are, from their tables."""
    feed = read_feed([bars(tmp_path, 70, lacking=date(2026, 2, 12))])
    for number, given in enumerate((feed, None)):
        (decided,) = answered(store_url, given, ORDER | {"id": f"o-{number}"})
        assert decided.decision.outcome == "denied"
        missing = {one.rule: one.missing for one in decided.decision.findings}
        assert missing == {
            "volume": ("averages.adv_jp_4_weeks",),
            "closed": ("issuer.closed_period",),
        }
    told = [one.outside for one in bodies(store_url) if one.event is not None]
    assert told == [{"market.minutes_to_close": "330"}] * 2
    assert verified(store_url).records == len(told) + 1


def test_what_an_event_states_too_is_read_from_the_feed(store_url: str, tall: Feed) -> None:
    """A fact that only the event states is read from it; another, and its value differs, denies."""
    carried = {"averages.adv_jp_4_weeks": 80, "issuer.closed_period": False}
    (decided,) = answered(store_url, tall, ORDER | carried)
    assert decided.decision.outcome == "denied"
    assert [one.rule for one in decided.decision.findings] == ["engine.contradicted"]
    (record,) = (one for one in bodies(store_url) if one.event is not None)
    assert record.outside == {"averages.adv_jp_4_weeks": "200/3", "market.minutes_to_close": "330"}


def _with(**outside: object) -> Callable[[Record], Record]:
    return lambda record: replace(record, outside=outside or None)


FORGERIES: Final = {
    "another figure": (
        "re-evaluated, the outcome is denied, but the record says approved",
        _with(**{"averages.adv_jp_4_weeks": "10", "market.minutes_to_close": "330"}),
    ),
    "one left out": (
        "re-evaluated, the outcome is denied, but the record says approved",
        _with(**{"market.minutes_to_close": "330"}),
    ),
    "all left out": ("re-evaluated, the outcome is denied, but the record says approved", _with()),
    "one that is not read": (
        "its `outside` holds facts that its rules do not read",
        _with(
            **{
                "averages.adv_jp_4_weeks": "200/3",
                "market.minutes_to_close": "330",
                "market.day_high": "1",
            }
        ),
    ),
    "one written otherwise": (
        "its `outside` holds facts that its rules do not read",
        _with(**{"averages.adv_jp_4_weeks": "400/6", "market.minutes_to_close": "330"}),
    ),
    "a number for a text": (
        "the facts in its `outside` cannot be read",
        _with(**{"averages.adv_jp_4_weeks": 70, "market.minutes_to_close": "330"}),
    ),
    "a flag for a number": (
        "the facts in its `outside` cannot be read",
        _with(**{"averages.adv_jp_4_weeks": True, "market.minutes_to_close": "330"}),
    ),
    "no fact": ("the facts in its `outside` cannot be read", _with(**{"market.weather": "1"})),
}


@pytest.mark.parametrize(("said", "change"), FORGERIES.values(), ids=FORGERIES)
def test_facts_that_were_changed_are_found(
    store_url: str, tall: Feed, said: str, change: Callable[[Record], Record]
) -> None:
    """Who makes the chain anew with other facts has another verdict, or facts that nobody read."""
    answered(store_url, tall, ORDER)
    records = bodies(store_url)
    whole = [change(one) if one.event is not None else one for one in records]
    assert whole != records
    forged(store_url, whole)
    assert said in found(store_url).replace("record 2: ", "")


def test_facts_beside_no_event_are_found(store_url: str, tall: Feed) -> None:
    """An adoption rests on no fact of the market."""
    answered(store_url, tall, ORDER)
    told = _with(**{"market.minutes_to_close": "330"})
    forged(store_url, [told(one) if one.event is None else one for one in bodies(store_url)])
    assert "it is not an event with a decision, an adoption or a reconciliation" in found(store_url)


def test_record_without_such_facts_is_written_as_before() -> None:
    """What feeds do not tell leaves no trace in the bytes that are hashed."""
    record = Record(1, "0" * 64, NOW, "1", {"id": "e"}, None, None, None, None)
    said = '","at":"2026-03-03T06:00:00Z","version":"1","event":{"id":"e"}}'
    assert sealed(record).body == b'{"sequence":1,"previous":"' + b"0" * 64 + said.encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the rule file, the order, and bars."""
    (tmp_path / "acme.yaml").write_text(RULES)
    (tmp_path / "order.json").write_text(json.dumps(ORDER) + "\n")
    bars(tmp_path, 70)
    return tmp_path


BARS: Final = ("--market", "bars-70.csv")


def commands() -> Iterable[tuple[str, ...]]:
    """Yield each command on a journal that judges an order, but for its bars."""
    yield ("check", "--event", "order.json", "--journal", "j.db", "--json")
    yield (
        *("headroom", "symbol=1111", "price=100", "time=2026-03-03T10:00:00+09:00"),
        *("--journal", "j.db", "--json"),
    )
    yield ("submit", "order.json", "--journal", "j.db", "--json")


def test_commands_at_the_desk_take_files_of_the_market(folder: Path) -> None:
    """`submit`, `check` and `headroom` judge by bars, and `show` says what they told."""
    begun = {"kind": "brought_forward", "id": "bf", "shares": 1, "amount": 1}
    started = ("submit", "-", "--journal", "j.db", "--rules", "acme.yaml")
    assert run(*started, cwd=folder, stdin=json.dumps(begun)).code == 0
    check, headroom, submit = commands()
    assert run(*check, cwd=folder).json["outcome"] == "denied"
    assert run(*check, *BARS, cwd=folder).json["outcome"] == "approved"
    assert run(*headroom, cwd=folder).json["quantity"] == "0"
    assert run(*headroom, *BARS, cwd=folder).json["quantity"] == "35"
    assert run(*submit, *BARS, cwd=folder).json["outcome"] == "approved"
    shown = run("show", "o-1", "--journal", "j.db", "--json", cwd=folder).json
    outside = {"averages.adv_jp_4_weeks": "70", "market.minutes_to_close": "330"}
    assert [one["outside"] for one in shown] == [outside]
    story = run("show", "o-1", "--journal", "j.db", cwd=folder).out
    assert (
        "Supplied beside the event: averages.adv_jp_4_weeks: 70, market.minutes_to_close: 330"
        in story
    )
    assert run("verify", "--journal", "j.db", cwd=folder).code == 0


def test_unreadable_file_of_the_market_begins_no_journal(folder: Path) -> None:
    """What cannot be read is told before anything is recorded."""
    said = ("submit", "order.json", "--journal", "j.db", "--rules", "acme.yaml")
    ended = run(*said, "--market", "none.csv", cwd=folder)
    assert (ended.code, "none.csv" in ended.err) == (2, True)
    assert not (folder / "j.db").exists()


def test_facts_from_outside_are_numbers_and_flags() -> None:
    """That is what a record can hold: a word among them would need its own form."""
    outside = {name: fact for name, fact in TABLE.items() if fact.given_by == (name,)}
    assert {fact.dimension.kind for fact in outside.values()} == {
        "price",
        "shares",
        "count",
        "flag",
    }
