"""A market as an invented event states it, in a test case or in a counterexample of the prover."""

from __future__ import annotations

from repurchase.facts.fact import Market, Value
from repurchase.ledger.trades import Trade


class StatedMarket:
    """A market that supplies what the event states, and everything else from another market.

    An invented event has no feed. The facts that it states are what its feeds would supply.
    """

    def __init__(self, market: Market) -> None:
        """Supply from *market* what an event does not state."""
        self._market = market

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* as the event of *trade* states it, else at its moment."""
        stated = trade.event.outside.get(name)
        return self._market.fact(name, trade) if stated is None else stated

    def outside_session(self, _: Trade) -> None:
        """Return `None`: an invented event may be at any time."""

    def owns(self, _: str) -> bool:
        """Return `False`: what an event states here is used."""
        return False
