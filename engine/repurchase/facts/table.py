"""The table of facts: every quantity that a rule may read, defined once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from repurchase.facts import averages, counters, day, outside, program, trade
from repurchase.facts.fact import Fact


class _Table(dict[str, Fact]):
    """The facts that every file has. Looked up by its name, there is any that a file declares."""

    def __missing__(self, name: str) -> Fact:
        """Return the fact *name* of a counter or an average; raise KeyError if it is neither."""
        if name.startswith(f"{averages.FAMILY}."):
            return averages.average_fact(name)
        return counters.counter_fact(name)


TABLE: Final[Mapping[str, Fact]] = _Table(
    {fact.name: fact for family in (trade, program, day, outside) for fact in family.FACTS}
)


def present(name: str) -> str:
    """Return the present name of the fact *name*, if that is a former one."""
    return name if name in TABLE else counters.present(averages.present(name))
