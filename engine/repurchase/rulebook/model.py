"""The nouns of a rule file: an authorization, its rules and checks, and the cases beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Final, Literal

import msgspec

from repurchase.domain.decisions import Effect
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import Instrument, Quote, Source, Term, Validity
from repurchase.language.expression import Expression

At = Literal["order", "fill", "both"]
Expected = Literal["approved", "denied", "held"]

ATS: Final = ("order", "fill", "both")
JUDGED: Final = ("by_trade", "by_day")
EXPECTED: Final = ("approved", "denied", "held")


class Rule(msgspec.Struct, frozen=True):
    """One condition that an event must meet, if *when* holds and at the moments of *at*.

    One of a pack is called by both names, `jp-order-59.daily-volume`; *unverified* says why it is
    not certain that it is the law.
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
        """Return the names of the facts that it reads."""
        return self.require.facts | (self.when.facts if self.when is not None else frozenset())

    @property
    def constants(self) -> frozenset[str]:
        """Return the names of the terms and limits that it reads."""
        when = self.when
        return self.require.constants | (when.constants if when is not None else frozenset())

    @property
    def words(self) -> frozenset[str]:
        """Return the words with which it compares facts."""
        return self.require.words | (self.when.words if self.when is not None else frozenset())


class Check(msgspec.Struct, frozen=True):
    """One condition over terms alone, which is decided when the file is loaded."""

    id: str
    require: Expression
    title: str | None = None
    cite: str | None = None
    why: str | None = None
    quote: Quote | None = None
    line: int = 0
    column: int = 0


class Option(msgspec.Struct, frozen=True):
    """What whoever includes a pack may turn on, and whether it is *on*.

    *turns* are the ids of the rules that are in force only with it, or only without it.
    """

    name: str
    title: str
    cite: str | None
    on: bool
    turns: tuple[str, ...] = ()
    line: int = 0
    column: int = 0


class Pack(msgspec.Struct, frozen=True):
    """Rules and dated limits of one body of law, as an authorization includes it.

    *included* is the name by which it was asked for; *rules* are those that its options leave in
    force, *off* the others. *by_day* is whether one purchase that fails taints its whole day.
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


class Authorization(msgspec.Struct, frozen=True):
    """What the board granted, as its rule file states it.

    *file* is the name by which the file was read, *text* its content to the letter.
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
    file: str = ""
    text: str = ""

    def all_rules(self) -> tuple[Rule, ...]:
        """Return its own rules and those of its packs."""
        return (*self.rules, *(rule for pack in self.packs for rule in pack.rules))

    def text_hash(self) -> str:
        """Return the SHA-256 of its text, by which a journal names the rule file too."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def pack_texts(self) -> dict[str, bytes]:
        """Return the packs that it includes, by the name by which it asks for each."""
        return {pack.included: pack.text.encode() for pack in self.packs}


class Under(msgspec.Struct, frozen=True):
    """The rule file by which cases of a pack are judged: its path from that of the cases."""

    path: str
    line: int = 0
    column: int = 0


class Case(msgspec.Struct, frozen=True):
    """One event and the answer that is expected of it, after what is *given*.

    The fields of events stay text: they are read as the rows of a log are. What is *usual* each
    event says that can, unless it says otherwise; nothing, if it has an empty text. *rules* are
    exactly those that do not pass, `None` if the case does not say, and *effects* what they are
    to have for effects, if it does. A pack judges nothing alone: its cases are judged *under* a
    rule file that includes it.
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
        """Return what it calls the rule file that it is under, if it is under one."""
        return None if self.under is None else self.under.path
