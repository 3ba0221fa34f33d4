"""Run a program in memory: each event once, in order of time, and what it has used."""

import pickle

import repurchase

program = repurchase.Rules("iij-2008").program()
order = {
    "kind": "order",
    "id": "o-1",
    "time": "2008-11-14T10:00:00-05:00",
    "symbol": "IIJI",
    "side": "buy",
    "quantity": 1_000_000,
    "price": "2.65",
    "fx": 96,
}
print(program.decide(order).outcome, program.position.remaining_shares)

# The same event again gets the same decision. Its ID with other content is refused.
print(program.decide(order).repeated, program.decide({**order, "quantity": 5}).outcome)

# A copy goes on from here, in another process too.
copy = pickle.loads(pickle.dumps(program))
print(copy.decide({**order, "id": "o-2"}).denied_by)
print(program.summary.approved, copy.summary.denied)
