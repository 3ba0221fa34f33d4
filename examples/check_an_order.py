"""Check one order before it is sent, and print why it is denied."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import repurchase

# A rule file that comes with the package. Give the path of your own instead.
rules = repurchase.Rules("iij-2008")

decision = rules.check(
    {
        "kind": "order",
        "id": "o-1",
        "time": datetime(2009, 1, 30, 15, 30, tzinfo=ZoneInfo("America/New_York")),
        "symbol": "IIJI",
        "side": "buy",
        "quantity": 4000,
        "price": Decimal("2.65"),
        "fx": 90,
    }
)

print(decision.outcome)
for finding in decision.findings:
    if finding.rule in decision.denied_by:
        print(finding.rule, finding.observed, finding.limit)
