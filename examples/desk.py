"""Keep a journal: each decision is on disk before it is returned."""

import tempfile
from pathlib import Path

import repurchase

order = {
    "kind": "order",
    "id": "o-1",
    "time": "2008-11-14T10:00:00-05:00",
    "symbol": "IIJI",
    "side": "buy",
    "quantity": 400,
    "price": "2.65",
    "fx": 96,
}
with tempfile.TemporaryDirectory() as folder:
    journal = Path(folder, "desk.db")
    # The first submission adopts the rules. Later the journal knows them.
    with repurchase.Desk(journal, repurchase.Rules("iij-2008"), by="Tanaka") as desk:
        print(desk.submit(order).outcome)
    with repurchase.Desk(journal) as desk:
        print(desk.submit(order).repeated, desk.position.reserved_shares)
        try:
            desk.submit({**order, "id": "o-2", "price": 2.65})
        except repurchase.InputError as error:
            print(error)
