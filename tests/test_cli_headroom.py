"""`repurchase headroom`, by the installed command: both questions, what is told, wrong calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from test_cli import Run, run
from test_cli_desk import EVENTS, LATER, MARKET, answers, lines

TOLD: Final = tuple(f"{name}={value}" for name, value in MARKET.items())
AT: Final = "time=2008-11-14T10:00:00+09:00"
# A share cap, and from the eleventh share and above 50 each a review; money has no cap.
SMALL: Final = """
repurchase: 1
authorization: small
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1111", venues: [XTKS]}
terms:
  max_shares: {value: "20 shares"}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: large, effect: review, require: trade.units <= 10 or trade.units == 13}
  - {id: dear, effect: flag, require: trade.price_per_share <= JPY 50}
  - {id: lot, require: trade.units >= 3}
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Return a journal with an open order, a fill of it, and a replace that was denied."""
    path = tmp_path / "desk.db"
    run("submit", "-", "--journal", path, "--rules", "iij-2008", stdin=lines(*EVENTS))
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a journal that goes by the small rule file, with 5 shares bought."""
    (tmp_path / "small.yaml").write_text(SMALL)
    begun = {"kind": "brought_forward", "id": "b", "shares": 5, "amount": 100}
    said = ("submit", "-", "--journal", "small.db", "--rules", "small.yaml")
    assert run(*said, cwd=tmp_path, stdin=json.dumps(begun)).code == 0
    return tmp_path / "small.db"


def ask(journal: Path, *fields: str) -> Run:
    """Return what the command says of an order with *fields* at a moment that the tests know."""
    return run("headroom", *fields, AT, "--journal", journal)


def submitted(journal: Path, id_: str, **fields: Any) -> str:
    """Return the outcome of the order *id_* with *fields*, now recorded."""
    order = {**LATER, "time": "2008-11-14T10:00:00+09:00", "id": id_, **fields}
    ended = run("submit", "-", "--journal", journal, "--json", stdin=lines(order))
    ((_, outcome),) = answers(ended.out)
    return outcome


def test_headroom_is_what_passes_next(journal: Path) -> None:
    """The quantity that headroom names is approved when it is submitted, and no more than it."""
    said = ("symbol=3774", "price=100000", *TOLD)
    found = ask(journal, *said, "--json").json
    assert (found["quantity"], found["price"], found["tick"]) == ("3940", "100000", None)
    rules = ["amount-cap", "jp-companies-act.amount", "jp-companies-act.number", "share-cap"]
    assert [one["rule"] for one in found["stopped"]["findings"]] == found["binding"] == rules
    assert submitted(journal, "o-3", quantity=3_941) == "denied"
    assert submitted(journal, "o-2", quantity=3_940) == "approved"
    none = ask(journal, *said)
    assert (none.code, none.out.splitlines()[0]) == (1, "0 units of 3774")


@pytest.mark.parametrize(
    ("tick", "price", "more"),
    [(None, "131296.23", "131296.24"), ("1000", "131000", "132000"), ("0.5", "131296", "131296.5")],
)
def test_highest_price_is_what_passes_next(
    journal: Path, tick: str | None, price: str, more: str
) -> None:
    """The price that headroom names is approved when it is submitted, and no tick more."""
    said = ("symbol=3774", "quantity=3001", *TOLD, *(("--tick", tick) if tick else ()))
    found = ask(journal, *said, "--json").json
    assert (found["price"], found["quantity"]) == (price, "3001")
    assert found["tick"] == (tick or "0.01")
    assert found["binding"] == ["amount-cap", "jp-companies-act.amount"]
    assert found["proof"][0]["first"] == more
    assert submitted(journal, "o-3", quantity=3_001, price=more) == "denied"
    assert submitted(journal, "o-2", quantity=3_001, price=price) == "approved"


def test_proof_can_be_checked_by_asking_again(small: Path) -> None:
    """Each range follows the one before, and both of its ends get the outcome that it says."""
    found = ask(small, "symbol=1111", "price=60", "--json").json
    assert (found["quantity"], found["binding"]) == ("13", ["large"])
    assert found["passing"]["findings"][0]["rule"] == "dear"
    assert found["proof"] == [
        {"first": "14", "last": "14", "outcome": "held", "rules": ["large"]},
        {"first": "15", "last": "15", "outcome": "held", "rules": ["large"]},
        {"first": "16", "last": "9" * 18, "outcome": "denied", "rules": ["large", "share-cap"]},
    ]
    order = {"kind": "order", "id": "o", "time": AT.removeprefix("time="), "side": "buy"}
    for one in found["proof"]:
        for end in ("first", "last"):
            asked = {**order, "symbol": "1111", "price": 60, "quantity": one[end]}
            checked = ("check", "--event", "-", "--journal", small, "--json")
            assert run(*checked, stdin=json.dumps(asked)).json["outcome"] == one["outcome"]


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        (
            ("price=60",),
            0,
            """\
13 units of 1111
Flags: not a reason to deny
  dear  price of one share: JPY 60; must be at most JPY 50
Remaining: 2 shares, no cap on money.
One unit more is held:
Review: another person must release it
  large  quantity: 14 units; must be at most 10 units; or quantity must be 13 units
Every larger quantity is denied or held: 3 ranges {RANGES}
""",
        ),
        (
            ("quantity=16",),
            1,
            """\
no price that is a multiple of 0.01 is approved for 16 units of 1111
The lowest, JPY 0.01, is denied:
Fails
  share-cap  shares bought and on order: 21 shares; must be at most 20 shares
Review: another person must release it
  large      quantity: 16 units; must be at most 10 units; or quantity must be 13 units
Every price is denied: 1 range {RANGES}
""",
        ),
        (
            ("quantity=3", "--tick", "0.25"),
            0,
            """\
JPY 999,999,999,999,999,999.75 a unit for 3 units of 1111
Flags: not a reason to deny
  dear  price of one share: JPY 999,999,999,999,999,999.75; must be at most JPY 50
Remaining: 12 shares, no cap on money.
No rule denies or holds more: an event cannot have a larger price.
""",
        ),
        (
            ("quantity=1",),
            1,
            """\
no price that is a multiple of 0.01 is approved for 1 unit of 1111
The lowest, JPY 0.01, is denied:
Fails
  lot  quantity: 1 unit; must be at least 3 units
Every price is denied: 1 range {RANGES}
""",
        ),
    ],
)
def test_answer_is_told_plainly(small: Path, fields: tuple[str, ...], code: int, said: str) -> None:
    """The answer stands first, then what binds it in words, then that nothing larger passes."""
    ended = ask(small, "symbol=1111", *fields)
    assert ended.code == code
    assert "".join(f"{line.rstrip()}\n" for line in ended.out.splitlines()) == said.replace(
        "{RANGES}", "in which no rule changes its result, evaluated at both ends."
    )


def test_quantity_of_a_market_order_can_be_asked_for(small: Path) -> None:
    """No price binds it, so none need be given; nothing else than quantity is left to ask for."""
    found = ask(small, "symbol=1111", "order_type=market", "--json").json
    assert (found["quantity"], found["price"], found["tick"]) == ("13", None, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("price",), "is not a field of an order"),
        (("authorization=x",), "`authorization` is not a field to ask with"),
        (("price=1", "price=2"), "`price` is given twice"),
        (("price=1", "quantity=2"), "both given; leave one out"),
        (("symbol=1111",), "give `price` for the largest quantity, or `quantity` for the"),
        (("quantity=2", "order_type=market"), "a market order has no limit price"),
        (("quantity=2", "--tick", "0"), "the tick `0` is not a tick size; write a number above"),
        (("quantity=2", "--tick=-1"), "the tick `-1` is not a tick size"),
        (("quantity=2", "--tick", "1e-2"), "the tick `1e-2` is not a tick size"),
        (("quantity=2", "--tick", "1" * 19), "at most 18 digits and 12 decimals"),
        (("quantity=2", "--tick", "1", "--tick", "2"), "`--tick` is given 2 times"),
        (("price=1", "--tick", "1"), "give `quantity` instead of `price`"),
        (("quantity=2",), "`symbol` is missing"),
        (("symbol=1111", "quantity=0"), "`quantity` is `0`, but must be a whole number above zero"),
        (("symbol=1111", "quantity=2", "amount=9"), "`amount` is not a field of an `order` event"),
    ],
)
def test_wrong_question_is_told_and_decides_nothing(
    small: Path, arguments: tuple[str, ...], said: str
) -> None:
    """A question that cannot be answered ends with 2 and a reason, also where JSON is asked for."""
    ended = ask(small, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    (problem,) = ask(small, *arguments, "--json").json["errors"]
    assert said in f"{problem['what']}; {problem['hint']}"
