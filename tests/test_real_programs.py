"""Real programs whose days and prices a rule file says as the company did, with cases.

Each is lint clean and proved, and its cases stand on both sides of what it says of days and prices.
What else these programs limit, such as averages, is tested elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from test_cli import run

# GEA Group, first tranche of 2017: a pause over Easter, said in the notice of the tranche.
PAUSE: Final = (
    """\
repurchase: 1
authorization: pause
timezone: Europe/Berlin
currency: EUR
unlimited: [shares]
instruments:
  share: {symbol: G1A, venues: [XETR]}
terms:
  max_amount: {value: "EUR 225,000,000", quote: "maximal EUR 225 Mio.", figure: "225 Mio."}
  first_day: {value: 2017-03-08}
  last_day: {value: 2017-08-31}
  pauses: {value: 2017-04-14..2017-04-20}
rules:
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: pause, require: trade.date..trade.last_date not in terms.pauses}
  - {id: buys-only, require: trade.side == buy}
""",
    """\
usual: {date: 2017-03-08, symbol: G1A, side: buy, quantity: 100, price: 37.30, order_type: limit}
cases:
  - {name: first day, event: {kind: order}, expect: approved}
  - {name: eve, event: {kind: order, date: 2017-04-13}, expect: approved}
  - {name: lasts into it, event: {kind: order, date: 2017-04-13, expires: 2017-04-14},
     expect: denied, rules: [pause]}
  - {name: lasts over it, event: {kind: order, date: 2017-04-13, expires: 2017-04-24},
     expect: denied, rules: [pause]}
  - {name: last day of it, event: {kind: order, date: 2017-04-20}, expect: denied, rules: [pause]}
  - {name: day after, event: {kind: order, date: 2017-04-21, expires: 2017-08-31}, expect: approved}
""",
)
# Xixiangfeng, general mandate of 2025: a tenth of the issued shares, until the next meeting.
MEETING: Final = (
    """\
repurchase: 1
authorization: meeting
timezone: Asia/Hong_Kong
currency: HKD
instruments:
  share: {symbol: "2473", venues: [XHKG]}
terms:
  issued: {value: "1,550,000,000 shares"}
  mandate: {value: 10% * terms.issued}
  max_amount: {value: "HKD 100,000,000"}
  first_day: {value: 2025-06-30}
  last_day: [{value: none}, {value: 2026-06-18, known: 2026-04-27}]
rules:
  - {id: share-cap, require: program.shares_after <= terms.mandate}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: buys-only, require: trade.side == buy}
""",
    """\
usual: {date: 2025-07-02, symbol: "2473", side: buy, quantity: 2000, price: 0.5, order_type: limit}
cases:
  - {name: last share, given: {executed_shares: "154,998,000"}, event: {kind: order},
     expect: approved}
  - {name: a share more, given: {executed_shares: "154,998,001"}, event: {kind: order},
     expect: denied, rules: [share-cap]}
  - {name: no end is known, event: {kind: order, date: 2026-04-26, expires: 2027-01-04},
     expect: approved}
  - {name: by then it is known, event: {kind: order, date: 2026-04-27, expires: 2026-06-19},
     expect: denied, rules: [window]}
  - {name: to the meeting, event: {kind: order, date: 2026-04-27, expires: 2026-06-18},
     expect: approved}
""",
)
# Fox Corporation, 2022: no end.
ENDLESS: Final = (
    """\
repurchase: 1
authorization: endless
timezone: America/New_York
currency: USD
unlimited: [shares]
instruments:
  class_a: {symbol: FOXA, venues: [XNAS]}
  class_b: {symbol: FOX, venues: [XNAS]}
terms:
  max_amount: {value: "USD 4,000,000,000", quote: "$4 billion"}
  last_day: none
rules:
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: buys-only, require: trade.side == buy}
""",
    """\
usual: {date: 2022-11-01, symbol: FOXA, side: buy, quantity: 100, price: 30, order_type: limit}
cases:
  - {name: last dollar, given: {executed_amount: "3,999,997,000"}, event: {kind: order},
     expect: approved}
  - {name: a cent more, given: {executed_amount: "3,999,997,000.01"}, event: {kind: order},
     expect: denied, rules: [amount-cap]}
  - {name: years later, event: {kind: order, date: 2031-11-03, symbol: FOX, expires: 2032-01-02},
     expect: approved}
""",
)
# Oji Holdings, 2025: a year from the day after the resolution; one purchase at one price outside
# the auction, on the fifth session after it.
ONE_DAY: Final = (
    """\
repurchase: 1
authorization: one-day
resolved: 2025-12-16
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "3861", venues: [XTKS]}
terms:
  max_shares: {value: "82,000,000 shares"}
  max_amount: {value: "JPY 50,000,000,000"}
  first_day: {value: terms.resolved + 1 day}
  last_day: {value: terms.resolved + 1 year}
  off_auction_day: {value: terms.resolved + 5 sessions}
  off_auction_price: {value: "JPY 847.1 a share"}
  off_auction_shares: {value: "7,000,000 shares"}
counters:
  off_auction: {methods: [off_auction]}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - id: off-auction-day
    when: trade.method == off_auction
    require: trade.date..trade.last_date in terms.off_auction_day..terms.off_auction_day
  - id: off-auction-price
    when: trade.method == off_auction
    require: trade.price == terms.off_auction_price
  - id: off-auction-amount
    require: counters.off_auction.amount_after <= terms.off_auction_shares * terms.off_auction_price
  - {id: buys-only, require: trade.side == buy}
""",
    """\
usual: {date: 2025-12-23, symbol: "3861", side: buy, quantity: 1000, price: 847.1,
  order_type: limit, method: off_auction}
cases:
  - {name: all of it, event: {kind: order, quantity: 7000000}, expect: approved}
  - {name: one share more, event: {kind: order, quantity: 7000001}, expect: denied,
     rules: [off-auction-amount]}
  - {name: in two halves, given: [{kind: order, id: o-1, quantity: 3500001}],
     event: {kind: order, quantity: 3500000}, expect: denied, rules: [off-auction-amount]}
  - {name: another price, event: {kind: order, price: 847}, expect: denied,
     rules: [off-auction-price]}
  - {name: another day, event: {kind: order, date: 2025-12-24}, expect: denied,
     rules: [off-auction-day]}
  - {name: lasts into the next day, event: {kind: order, expires: 2025-12-24}, expect: denied,
     rules: [off-auction-day]}
  - {name: last day, event: {kind: order, date: 2026-12-16, method: auction}, expect: approved}
  - {name: day after, event: {kind: order, date: 2026-12-17, method: auction}, expect: denied,
     rules: [window]}
""",
)
# GlobalData, 2024: a lowest price, and no more than 105% of a price, on the tick.
LOWEST: Final = (
    """\
repurchase: 1
authorization: lowest
announced: 2024-09-23
timezone: Europe/London
currency: GBP
instruments:
  ordinary: {symbol: DATA, venues: [XLON], tick: 0.005}
terms:
  max_amount: {value: "GBP 20,000,000"}
  max_shares: {value: "84,502,770 shares"}
  first_day: {value: terms.announced}
  last_day: {value: 2025-01-17}
  lowest: {value: "GBP 0.0001 a share"}
  reference: {value: "GBP 2.017 a share"}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: lowest, require: trade.price >= terms.lowest}
  - {id: highest, require: trade.price <= down_to_tick(105% * terms.reference)}
  - {id: buys-only, require: trade.side == buy}
""",
    """\
usual: {date: 2024-10-01, symbol: DATA, side: buy, quantity: 1000, price: 2, order_type: limit}
cases:
  - {name: lowest, event: {kind: order, price: 0.0001}, expect: approved}
  - {name: below it, event: {kind: order, price: 0.00009}, expect: denied, rules: [lowest]}
  - {name: highest on the tick, event: {kind: order, price: 2.115}, expect: approved}
  - {name: between the tick and 105%, event: {kind: order, price: 2.117}, expect: denied,
     rules: [highest]}
  - {name: first day, event: {kind: order, date: 2024-09-23}, expect: approved}
  - {name: day before, event: {kind: order, date: 2024-09-22}, expect: denied, rules: [window]}
""",
)
PROGRAMS: Final = {
    "pause": PAUSE,
    "meeting": MEETING,
    "endless": ENDLESS,
    "one-day": ONE_DAY,
    "lowest": LOWEST,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_is_said_and_its_cases_pass(name: str, tmp_path: Path) -> None:
    """`lint` finds no gap, and an order on either side of each limit is decided as it should be."""
    rules, cases = PROGRAMS[name]
    (tmp_path / f"{name}.yaml").write_text(rules)
    (tmp_path / f"{name}.cases.yaml").write_text(cases)
    linted = run("lint", f"{name}.yaml", cwd=tmp_path)
    assert linted.code == 0, linted.err
    tested = run("test", f"{name}.yaml", cwd=tmp_path)
    assert tested.code == 0, tested.out


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_is_proved(name: str, tmp_path: Path) -> None:
    """Nothing that can arrive exceeds its caps or leaves its window."""
    (tmp_path / f"{name}.yaml").write_text(PROGRAMS[name][0])
    found = run("prove", f"{name}.yaml", cwd=tmp_path)
    assert found.code == 0, found.out
