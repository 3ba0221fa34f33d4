"""The table of facts: every quantity that a rule may read, defined once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from repurchase.facts import day, outside, program, trade
from repurchase.facts.fact import Fact

TABLE: Final[Mapping[str, Fact]] = {
    fact.name: fact for family in (trade, program, day, outside) for fact in family.FACTS
}
