"""Decide every row of a polars frame: a pandas frame or a DuckDB relation works the same way."""

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

import repurchase

opening = datetime(2008, 11, 14, 10, 0, tzinfo=ZoneInfo("America/New_York"))
orders = pl.DataFrame(
    {
        "oid": ["a", "b"],
        "at": [opening, opening.replace(minute=5)],
        "shares": [400, 2_000_000],
        "limit": ["2.65", "2.70"],
    }
)
decisions = (
    repurchase.Rules("iij-2008")
    .program()
    .replay(
        orders,
        columns={"id": "oid", "time": "at", "quantity": "shares", "price": "limit"},
        constants={"kind": "order", "symbol": "IIJI", "side": "buy", "fx": 96},
    )
)
for row in pl.DataFrame(decisions).select("id", "outcome", "denied_by").iter_rows():
    print(*row)
