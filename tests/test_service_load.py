"""Many senders, services that are killed at any moment, and a record of each answer, once."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sys
from collections import Counter
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from desk_events import PROGRAM, RULES
from fleets import Fleet
from repurchase.api.answers import Decision
from repurchase.audit.verify import verify
from repurchase.client import AsyncClient
from repurchase.domain.errors import JournalError
from repurchase.journal.records import read_record
from services import fill, order
from stores import Store

# So many events are submitted, over so many connections.
EVENTS: Final = int(os.environ.get("EVENTS", "2000"))
CONNECTIONS: Final = 64
# A service is killed after about so many answers.
KILLED_AFTER: Final = max(EVENTS // 20, 300)
# So often an answer is lost on its way, and the same events are sent again.
LOST: Final = 1 / 20
SERVICES: Final = {"sqlite": 1, "postgres": 3}


def capped(shares: int) -> str:
    """Return rules under which *shares* may be bought in all, for more money than they cost."""
    text = RULES.replace("value: 40 shares", f"value: {shares} shares")
    return text.replace("JPY 50,000", "JPY 9,000,000,000")


class Load:
    """What is sent to a fleet, and what was answered, by the kind and ID of each event."""

    answers: dict[tuple[str, str], Decision]
    kills: int

    def __init__(self, fleet: Fleet, chance: random.Random) -> None:
        self._fleet = fleet
        self._chance = chance
        self._numbers = itertools.count(1)
        self.answers = {}
        self.kills = 0

    async def run(self) -> None:
        """Send EVENTS events over all connections, while services are killed; then use all up."""
        killing = asyncio.create_task(self._kill())
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._send())
        killing.cancel()
        await asyncio.wait([killing])
        async with _connection() as http:
            while (await self._submitted(http, "trader", self._order(1)))[0].outcome != "denied":
                pass

    async def _kill(self) -> None:
        """Kill a service, time and again, as soon as so many more events were answered."""
        after = 0
        while True:
            after += self._chance.randrange(KILLED_AFTER // 2, KILLED_AFTER)
            while len(self.answers) < after:
                await asyncio.sleep(0)
            await asyncio.to_thread(self._fleet.restart, self._chance.randrange(self._fleet.size))
            self.kills += 1

    async def _send(self) -> None:
        async with _connection() as http:
            while len(self.answers) < EVENTS:
                sizes = (self._chance.randint(1, 5) for _ in range(self._chance.randint(1, 3)))
                sent = [self._order(size) for size in sizes]
                for of, one in zip(sent, await self._submitted(http, "trader", *sent), strict=True):
                    if one.outcome == "approved":
                        await self._end(http, of)

    def _order(self, size: int) -> dict[str, Any]:
        return order(f"o-{next(self._numbers)}", size)

    async def _end(self, http: httpx.AsyncClient, of: dict[str, Any]) -> None:
        """Fill the approved order *of*, cancel it, or leave it open."""
        what, name = self._chance.randrange(3), of["id"]
        cancel = {"kind": "cancel", "id": f"x-{name}", "order": name, "date": of["date"]}
        report = fill(f"f-{name}", name, of["quantity"]) if what else cancel
        if what < 2:
            (found,) = await self._submitted(http, "operations", report)
            assert found.outcome in ("approved", "recorded")

    async def _submitted(
        self, http: httpx.AsyncClient, role: str, *events: dict[str, Any]
    ) -> tuple[Decision, ...]:
        """Return the decisions on *events*: of another service, if the first does not answer."""
        found = None
        while found is None:
            url = self._chance.choice(self._fleet.urls())
            client = AsyncClient(url, self._fleet.tokens[role], tries=1, http=http)
            with suppress(JournalError):
                found = await client.submit_all(events)
                if self._chance.random() < LOST:
                    again = await client.submit_all(events)
                    assert [one.receipt for one in again] == [one.receipt for one in found]
            await asyncio.sleep(0)
        for event, one in zip(events, found, strict=True):
            key = event["kind"], event["id"]
            assert key not in self.answers
            self.answers[key] = one
        return found


def _connection() -> httpx.AsyncClient:
    # To read the certificates of the authorities takes longer than a hundred calls.
    return httpx.AsyncClient(timeout=None, verify=False, trust_env=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVICES)
def test_caps_are_exactly_used_and_each_answer_is_recorded_once(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Whatever is killed: no share too many, no answer without its record, and none twice."""
    store: Store = request.getfixturevalue(kind)
    chance = random.Random(os.environ.get("SEED", "0"))
    with Fleet(tmp_path, store.url, SERVICES[kind], capped(EVENTS)) as fleet:
        load = Load(fleet, chance)
        asyncio.run(load.run())
    assert load.kills > 0
    found: dict[tuple[str, str], tuple[int, str]] = {}
    uses: list[tuple[Fraction, str | None]] = []
    with store.journal() as journal:
        # It raises Tampering if a record is not what its event gives.
        assert verify(journal, PROGRAM).records == journal.head(PROGRAM).sequence
        for stored in journal.records(PROGRAM):
            record = read_record(stored.body)
            if record.event is None or record.answer is None:
                continue
            key = record.event["kind"], record.event["id"]
            assert key not in found
            found[key] = stored.sequence, stored.hash
            assert record.answer.outcome in ("approved", "denied", "recorded")
            assert load.answers[key].outcome == record.answer.outcome
            now = record.answer.position
            used = Fraction(now.executed_shares or 0) + Fraction(now.reserved_shares or 0)
            uses.append((used, now.remaining_shares))
    assert max(used for used, _ in uses) == EVENTS
    assert uses[-1] == (Fraction(EVENTS), "0")
    told = {
        key: (one.receipt.record, one.receipt.hash)
        for key, one in load.answers.items()
        if one.receipt is not None
    }
    assert told == found
    assert len(found) >= EVENTS
    outcomes = Counter(one.outcome for one in load.answers.values())
    assert min(outcomes["approved"], outcomes["denied"], outcomes["recorded"]) > 0
    text = f"\n{kind}: {len(found):,} events, {load.kills} services killed, {dict(outcomes)}\n"
    sys.stderr.write(text)
