"""The data types of a rule file: an authorization, its rules, checks, packs and cases."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Final, Literal

import msgspec

from repurchase.domain.averages import Average
from repurchase.domain.counters import DAY_APART, Counter, Kept
from repurchase.domain.decisions import Effect
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import LATE_DAYS, Instrument, Quote, Source, Term, Validity
from repurchase.domain.venues import zone_name
from repurchase.facts.averages import average_fact, average_of
from repurchase.facts.day import OF_DAY
from repurchase.facts.fact import Fact
from repurchase.facts.table import TABLE
from repurchase.facts.trade import SECONDS_SINCE_SAME
from repurchase.language.expression import Expression

At = Literal["order", "fill", "both"]
Expected = Literal["approved", "denied", "held"]

ATS: Final = ("order", "fill", "both")
JUDGED: Final = ("by_trade", "by_day")
EXPECTED: Final = ("approved", "denied", "held")


class Rule(msgspec.Struct, frozen=True):
    """One condition that an event must meet, if *when* is true and the event is of the kind *at*.

    The *id* of a rule of a pack begins with the name of the pack, as in `jp-order-59.daily-volume`.
    *unverified* says why it is not certain that the rule is the law.
    """

    id: str
    require: Expression
    when: Expression | None = None
    effect: Effect = "deny"
    at: At = "both"
    validity: Validity = Validity()
    title: str | None = None
    cite: str | None = None
    why: str | None = None
    quote: Quote | None = None
    unverified: str | None = None
    line: int = 0
    column: int = 0

    @property
    def facts(self) -> frozenset[str]:
        """Return the names of the facts that the rule reads."""
        return self.require.facts | (self.when.facts if self.when is not None else frozenset())

    @property
    def constants(self) -> frozenset[str]:
        """Return the names of the terms and limits that the rule reads."""
        when = self.when
        return self.require.constants | (when.constants if when is not None else frozenset())

    @property
    def quoted(self) -> frozenset[str]:
        """Return the currencies of the prices a share that it compares with those of units."""
        return self.require.quoted | (self.when.quoted if self.when is not None else frozenset())

    @property
    def words(self) -> frozenset[str]:
        """Return the words with which the rule compares facts."""
        return self.require.words | (self.when.words if self.when is not None else frozenset())


class Check(msgspec.Struct, frozen=True):
    """One condition over terms only, which is decided when the file is loaded."""

    id: str
    require: Expression
    title: str | None = None
    cite: str | None = None
    why: str | None = None
    quote: Quote | None = None
    line: int = 0
    column: int = 0


class Option(msgspec.Struct, frozen=True):
    """An option of a pack, which an authorization that includes the pack may turn *on*.

    *turns* holds the IDs of the rules that are in force only with it, or only without it.
    """

    name: str
    title: str
    cite: str | None
    on: bool
    turns: tuple[str, ...] = ()
    line: int = 0
    column: int = 0


class Watched(msgspec.Struct, frozen=True):
    """The sum *name*, whose use is sent at each of the percentages *at* of its cap, in their order.

    A rule reads `_after` behind the name.
    """

    name: str
    at: tuple[int, ...]
    line: int = 0
    column: int = 0


class Declared(msgspec.Struct, frozen=True):
    """An average as a file declares it, and where."""

    average: Average
    file: str
    line: int
    column: int


class Pack(msgspec.Struct, frozen=True):
    """Rules and dated limits of one body of law, as an authorization includes it.

    *included* is the name by which the authorization includes it. *rules* holds the rules that its
    options leave in force, *off* the others. If *by_day*, one purchase that fails a rule puts all
    purchases of its day outside the safe harbour. *feed_only* names the facts that only a feed may
    supply. *averages* are all those that its rules may read, by their names.
    """

    name: str
    included: str
    title: str
    by_day: bool
    sources: tuple[Source, ...]
    limits: tuple[Term, ...]
    options: tuple[Option, ...]
    rules: tuple[Rule, ...]
    off: tuple[Rule, ...]
    file: str
    text: str
    feed_only: tuple[str, ...] = ()
    counters: tuple[Counter, ...] = ()
    averages: Mapping[str, Declared] = {}

    def own_averages(self) -> dict[str, Declared]:
        """Return the averages that the pack declares, by their names."""
        return {name: one for name, one in self.averages.items() if one.file == self.file}


class Authorization(msgspec.Struct, frozen=True):
    """What the board granted, as its rule file states it.

    *unlimited* says which of shares and amount it does not limit on purpose, and *late_days* for
    how many days it keeps an order that has ended. *feed_only* names the facts that only a feed may
    supply. *venues* are those that it adds, each with its time zone. *counters* are the sums over
    part of it that it declares, or that rules of its packs read. *averages* are all those that its
    rules may read, by their names: its own, those of its packs, and those that every file has.
    *notify* are the sums whose use is sent; they change no decision.
    *file* is the name by which the file was read, *text* its exact content.
    """

    name: str
    timezone: str
    currency: str
    instruments: tuple[Instrument, ...]
    issuer: str | None = None
    resolved: date | None = None
    announced: date | None = None
    basis: str | None = None
    sources: tuple[Source, ...] = ()
    with_fees: bool = False
    terms: tuple[Term, ...] = ()
    checks: tuple[Check, ...] = ()
    rules: tuple[Rule, ...] = ()
    packs: tuple[Pack, ...] = ()
    unlimited: tuple[str, ...] = ()
    late_days: int = LATE_DAYS
    feed_only: tuple[str, ...] = ()
    venues: Mapping[str, str] = {}
    counters: tuple[Counter, ...] = ()
    averages: Mapping[str, Declared] = {}
    notify: tuple[Watched, ...] = ()
    file: str = ""
    text: str = ""

    def all_rules(self) -> tuple[Rule, ...]:
        """Return the rules of the file, and then the rules of its packs."""
        return (*self.rules, *(rule for pack in self.packs for rule in pack.rules))

    def kept(self) -> Kept:
        """Return what its positions keep: its counters and, if a rule reads it, more."""
        read = self._facts()
        days = () if read.isdisjoint(OF_DAY) else DAY_APART.parts(self._listed())
        return Kept((*self.parts(), *days), requests=SECONDS_SINCE_SAME in read)

    def parts(self) -> tuple[Counter, ...]:
        """Return its counters, each part that one of them counts apart by itself."""
        return tuple(part for one in self.counters for part in one.parts(self._listed()))

    def _listed(self) -> list[tuple[str, str]]:
        return [(one.name, venue) for one in self.instruments for venue in one.venues]

    def _facts(self) -> set[str]:
        return {name for rule in self.all_rules() for name in rule.facts}

    @property
    def judges_money(self) -> bool:
        """Return whether a rule of the file or of a pack, of any day, reads an amount of money.

        If none does, an amount that is not known decides nothing.
        """
        return any(TABLE[name].dimension.kind == "money" for name in self._facts())

    def own_averages(self) -> dict[str, Declared]:
        """Return the averages that the file and its packs declare, by their names."""
        files = {self.file, *(pack.file for pack in self.packs)}
        return {name: one for name, one in self.averages.items() if one.file in files}

    def average(self, fact: str) -> Average | None:
        """Return the average that *fact* is, by its declaration; `None` if it is not one."""
        return average_in(self.averages, fact)

    def fact(self, name: str) -> Fact:
        """Return the fact *name*; if it is an average, as it is declared."""
        return fact_in(self.averages, name)

    def all_feed_only(self) -> frozenset[str]:
        """Return the facts that only a feed may supply, by the file or by one of its packs."""
        return frozenset(self.feed_only).union(*(pack.feed_only for pack in self.packs))

    def zone_of(self, venue: str) -> str:
        """Return the name of the time zone of *venue*; raise Wrong if nothing says it."""
        return self.venues[venue] if venue in self.venues else zone_name(venue)

    def text_hash(self) -> str:
        """Return the SHA-256 of its text, in hexadecimal; a journal names the rule file by it."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def pack_texts(self) -> dict[str, bytes]:
        """Return the text of each pack that it includes, by the name by which it includes it."""
        return {pack.included: pack.text.encode() for pack in self.packs}


def average_in(averages: Mapping[str, Declared], fact: str) -> Average | None:
    """Return the one of *averages* that *fact* is; `None` if it is not one."""
    declared = averages.get(average_of(fact) or "")
    return None if declared is None else declared.average


def fact_in(averages: Mapping[str, Declared], name: str) -> Fact:
    """Return the fact *name*; if it is an average, as *averages* declare it."""
    average = average_in(averages, name)
    return TABLE[name] if average is None else average_fact(name, average)


class Under(msgspec.Struct, frozen=True):
    """The rule file that evaluates cases of a pack; *path* is relative to the cases file."""

    path: str
    line: int = 0
    column: int = 0


class Case(msgspec.Struct, frozen=True):
    """One event and its expected outcome, after what is *given*.

    The fields of events stay text and are read like the rows of a log. *usual* gives default
    fields: an event takes each default that its kind allows, unless it sets the field itself; an
    empty text removes the default. *rules* names exactly the rules that do not pass; `None` if the
    case does not state them. *effects* gives their effects, if the case states them. A pack cannot
    be evaluated alone: its cases name, in *under*, a rule file that includes it.
    """

    name: str
    event: Mapping[str, str]
    expect: Expected
    given_shares: Exact | None = None
    given_amount: Exact | None = None
    given_events: tuple[Mapping[str, str], ...] = ()
    usual: Mapping[str, str] = {}
    rules: tuple[str, ...] | None = None
    effects: Mapping[str, Effect] = {}
    under: Under | None = None
    line: int = 0
    column: int = 0

    @property
    def by(self) -> str | None:
        """Return the path of the rule file in *under*; `None` if there is none."""
        return None if self.under is None else self.under.path
