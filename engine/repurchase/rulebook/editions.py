"""Editions: the terms and rules in force on a date, as known at a moment, compiled as a unit.

An edition is identified by the hash of its resolved content. A decision names that hash, so that
years later its exact rules can be found.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.averages import ALL, LISTING, Average
from repurchase.domain.calendars import TZDATA_VERSION, day_at, start_of, zone
from repurchase.domain.clocks import days_across, days_shown, end_of_day
from repurchase.domain.counters import Counter
from repurchase.domain.errors import Problem, RuleFileError, Wrong
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, written
from repurchase.domain.terms import (
    CountingRules,
    Figure,
    Instrument,
    Listing,
    Validity,
    Version,
    in_force,
)
from repurchase.domain.venues import country_of, market_of
from repurchase.language.expression import counted_in_sessions, on_one_line
from repurchase.language.linear import (
    FALSE,
    TRUE,
    Constants,
    Form,
    Linear,
    all_of,
    any_of,
    check_size,
    expanded,
    form,
    negated,
)
from repurchase.ledger.position import Position
from repurchase.rulebook.build import read_authorization
from repurchase.rulebook.caps import (
    LIMITED,
    Bounds,
    Cap,
    Of,
    Window,
    bounds_of,
    tightest,
    unbounded,
    window_of,
)
from repurchase.rulebook.kinds import FORMAT
from repurchase.rulebook.model import Authorization, Check, Pack, Rule
from repurchase.rulebook.packs import PackDocument, is_pack_file, pack_alone
from repurchase.rulebook.schema import NO_CURRENCY
from repurchase.rulebook.yaml_reader import Document, open_document, read_document

UNKNOWN_WORD: Final = 0
_OF_VENUE: Final = frozenset(f"trade.venue_{of}" for of in ("country", "area", "market"))
EDITIONS_MAX: Final = 1_000
# Both clocks show a day within two days of its midnight in UTC.
_AROUND: Final = timedelta(days=2)
_SECOND: Final = timedelta(seconds=1)


class RuleInForce(msgspec.Struct, frozen=True):
    """A rule in the engine's form: when it passes, when it fails, when it does not apply.

    *bounds* is what it bounds.
    """

    rule: Rule
    passes: Form
    fails: Form
    not_applicable: Form
    bounds: Bounds = Bounds()

    @property
    def facts(self) -> frozenset[str]:
        """Return the names of the facts that the rule reads."""
        return self.rule.facts


class Edition(msgspec.Struct, frozen=True, dict=True):
    """Terms and rules in force on one date as known at one moment, compiled.

    *terms* maps `terms.x` and `pack.limits.x` to the version in force, `None` if there is none.
    *facts* lists the names of the facts that its rules read. *content* is the canonical JSON that
    *hash* is computed from. *caps* are what its rules bound; *max_shares* and *max_amount* are the
    tightest that always bind the program, `None` without them. *unbounded* says whether none binds
    its shares, or its amount. *judges_money* is whether a rule of the file, of any day, reads an
    amount. *window* are the days that its rules leave. *rates* are the lowest and the highest `fx`
    of each instrument that bounds it.
    """

    hash: str
    authorization: Authorization
    counting: CountingRules
    terms: Mapping[str, Version | None]
    constants: Constants
    rules: tuple[RuleInForce, ...]
    facts: tuple[str, ...]
    content: str
    caps: tuple[Cap, ...]
    max_shares: Exact | None
    max_amount: Exact | None
    unbounded: frozenset[Of]
    judges_money: bool
    window: Window
    rates: Mapping[str, tuple[Exact, Exact]]

    @cached_property
    def by_name(self) -> Mapping[str, Rule]:
        """Return its rules by their names."""
        return {one.rule.id: one.rule for one in self.rules}

    @cached_property
    def kept(self) -> dict[tuple[str, str], Any]:
        """Return what sentences about it need again and again, by the name of a rule and a result.

        Whoever words a finding adds to it.
        """
        return {}


class Turn(NamedTuple):
    """An edition that comes into force on *day*, on the authorization's clock."""

    day: date
    edition: Edition


class Editions:
    """The editions of one authorization, each compiled on first use, and kept.

    The board's terms and rules are those of the day on the authorization's clock; a pack's limits
    and rules are those of the day at the venue. *known_at* is the knowledge date; without it, each
    edition is as known on its own day. Rules that are identical in *like* are not compiled again.
    """

    zone: ZoneInfo

    def __init__(
        self,
        authorization: Authorization,
        known_at: date | None = None,
        like: Editions | None = None,
    ) -> None:
        self.authorization = authorization
        self.known_at = known_at
        self.zone = zone(authorization.timezone)
        self._by_day: dict[tuple[date, date], Edition] = {}
        self._by_key: dict[tuple[object, ...], Edition] = {}
        self.made: dict[tuple[object, ...], RuleInForce] = {} if like is None else {**like.made}
        self._validities = tuple(_validities(authorization))
        self._pack_validities = tuple(_pack_validities(authorization))
        self._own_days = _effect_days(self._validities)
        self._pack_days = _effect_days(self._pack_validities)
        # The moments within days at which a figure comes into or goes out of effect, in order.
        hours = (one.hours for one in (*self._validities, *self._pack_validities) if one.hours)
        self._minutes = tuple(sorted({moment for pair in hours for moment in pair}))
        changes = {day.toordinal() for day in (*self._own_days, *self._pack_days)}
        changes |= {moment.astimezone(UTC).toordinal() for moment in self._minutes}
        self._days_of_change = (*sorted(changes), date.max.toordinal() + 3)
        self._all: tuple[Edition, ...] | None = None
        self._limited: frozenset[Of] | None = None

    def first_day(self) -> date:
        """Return the earliest `first_day` of any version; an event without a day gets it."""
        days = [
            date.fromordinal(int(version.figure.value))
            for term in self.authorization.terms
            if term.name == "first_day"
            for version in term.versions
        ]
        return min(days, default=date.min)

    def day_of(self, event: Event) -> date:
        """Return the day of *event* on the authorization's clock.

        Only a brought_forward event may have no day; then it is the first day of the window.
        """
        if event.time is not None:
            return day_at(event.time, self.zone)
        return event.date or self.first_day()

    def of(self, event: Event, position: Position) -> Edition:
        """Return the edition that evaluates *event* at *position*."""
        day = self.day_of(event)
        venue_day = self.venue_day(event, position) if self._pack_validities else None
        return self.on(day, venue_day, moment=event.time)

    def on(
        self, day: date, venue_day: date | None = None, *, moment: datetime | None = None
    ) -> Edition:
        """Return the edition for *day*; *venue_day* is the day at the venue if it differs.

        With a *moment*, figures that are in effect for part of the day are those of then; without
        one, none is. Raise RuleFileError if the edition does not compile.
        """
        days = (day, venue_day or day)
        if moment is not None and self._minutes:
            return self._compiled(*days, self.known_at or day, moment)
        found = self._by_day.get(days)
        if found is None:
            found = self._by_day[days] = self._compiled(*days, self.known_at or day)
        return found

    def named(self, hash_: str, day: date) -> Edition:
        """Return the edition with *hash_*, which judged an event of *day* and has the words for it.

        If there is none, for example because time zones have changed, return that of the day.
        """
        # Citations are not hashed, so the edition of the day itself comes first.
        of_days = (self.on(day, at_venue) for at_venue in (day, _before(day), _next(day)))
        found = (one for one in chain(of_days, self.all()) if one.hash == hash_)
        return next(found, self.on(day))

    def all(self) -> tuple[Edition, ...]:
        """Return every edition that any day and any knowledge date can have, each once."""
        if self._all is None:
            self._all = tuple({one.hash: one for one in self._each()}.values())
        return self._all

    def _each(self) -> Iterator[Edition]:
        days = _change_days(self._days())
        moments = self.knowledge_days()
        parts_of_days = tuple(self.parts_of_days())
        count = (len(days) + len(parts_of_days)) * len(moments)
        if count > EDITIONS_MAX:
            what = f"its dates make {count:,} editions"
            hint = f"use fewer dates: at most {EDITIONS_MAX:,} editions are allowed"
            raise RuleFileError(Problem(what, hint, self.authorization.file))
        venues = {
            zone(self.authorization.zone_of(venue))
            for instrument in self.authorization.instruments
            for venue in instrument.venues
        }
        for day in days:
            # At the border, the day at a venue can be on the other side of it.
            pairs = ((day, day), *(days_across(day, self.zone, venues) if venues else ()))
            yield from (self._compiled(*pair, known_at) for known_at in moments for pair in pairs)
        for here, there, moment in parts_of_days:
            yield from (self._compiled(here, there, known_at, moment) for known_at in moments)

    @property
    def minutes(self) -> tuple[datetime, ...]:
        """Return the moments within days at which a figure comes into effect or goes out of it."""
        return self._minutes

    def parts_of_days(
        self, minutes: Sequence[datetime] | None = None
    ) -> Iterator[tuple[date, date, datetime]]:
        """Yield a moment of each part of a day between *minutes*; without any, between its own.

        With it come the day on the authorization's clock, and that on the clock of a venue.
        """
        authorization = self.authorization
        venues = {
            zone(authorization.zone_of(venue))
            for instrument in authorization.instruments
            for venue in instrument.venues
        }
        for begin, end in pairwise(self._minutes if minutes is None else minutes):
            for venue in sorted(venues or {self.zone}, key=lambda one: one.key):
                for one in days_shown(self.zone, venue, begin, end - _SECOND):
                    yield one.here, one.there, max(one.first, begin)

    def change_days(self) -> list[date]:
        """Return the first day of each period with one edition in force, in order.

        What is known on a day is what was public by then.
        """
        return _change_days(chain(self._days(), self._moments()))

    def limited(self) -> frozenset[Of]:
        """Return which of shares and amount a rule of the file, not of a pack, ever always caps."""
        if self._limited is None:
            facts = {cap.fact for edition in self.all() for cap in edition.caps if cap.is_standing}
            self._limited = frozenset(of for of, fact in LIMITED.items() if fact in facts)
        return self._limited

    def later(
        self,
        first: tuple[date, date],
        last: tuple[date, date],
        venue: ZoneInfo,
        known_at: date,
        life: tuple[datetime | None, datetime | None] = (None, None),
    ) -> Iterator[Turn]:
        """Yield each edition that comes into force after *first*, until *last*, in order.

        Each is a day on the authorization's clock with the day at the *venue*. The editions are as
        known on *known_at*, unless all are as known on one day. *life* are the moments from and
        to which it matters, if they are known; the editions of parts of days come last.
        """
        yield from self._later_days(first, last, venue, known_at, life)
        if self._minutes:
            yield from self._later_minutes(first, last, venue, self.known_at or known_at, life)

    def _later_minutes(
        self,
        first: tuple[date, date],
        last: tuple[date, date],
        venue: ZoneInfo,
        known_at: date,
        life: tuple[datetime | None, datetime | None],
    ) -> Iterator[Turn]:
        """Yield the editions that parts of a day bring, from the first moment to the last."""
        clocks = (self.zone, venue)
        begins, ends = map(start_of, first, clocks), map(end_of_day, last, clocks)
        # Of an event without a time, all parts of its day count, on either clock.
        begin = life[0] or min(begins)
        end = life[1] or (max(ends) if life[0] is None else min(ends))
        for moment in (begin, *(one for one in self._minutes if begin < one <= end)):
            here, there = (day_at(moment, clock) for clock in clocks)
            yield Turn(here, self._compiled(here, there, known_at, moment))

    def _later_days(
        self,
        first: tuple[date, date],
        last: tuple[date, date],
        venue: ZoneInfo,
        known_at: date,
        life: tuple[datetime | None, datetime | None],
    ) -> Iterator[Turn]:
        own = _between(self._own_days, first[0], last[0])
        changes = sorted({*own, *_between(self._pack_days, first[1], last[1])})
        if not changes:
            return
        known_at = self.known_at or known_at
        begin = max(start_of(first[0], self.zone), start_of(first[1], venue))
        end = min(end_of_day(last[0], self.zone), end_of_day(last[1], venue))
        if self._minutes:
            begin, end = max(begin, life[0] or begin), min(end, life[1] or end)
        for change in changes:
            midnight = datetime.combine(change, time.min, UTC)
            around = (max(begin, midnight - _AROUND), min(end, midnight + _AROUND))
            for one in days_shown(self.zone, venue, *around):
                yield Turn(one.here, self._compiled(one.here, one.there, known_at, one.first))

    @property
    def has_minutes(self) -> bool:
        """Return whether a figure is in effect for part of a day only."""
        return bool(self._minutes)

    def is_settled(self, first: date, last: date) -> bool:
        """Return whether no edition comes into force from *first* to *last*, on any clock."""
        # Two clocks can be two days apart.
        at = bisect_left(self._days_of_change, first.toordinal() - 2)
        return self._days_of_change[at] > last.toordinal() + 2

    def is_own_settled(self, day: date) -> bool:
        """Return whether no term and no rule of the file itself changes after *day*."""
        if self._minutes and self._minutes[-1].astimezone(UTC).date() + _AROUND > day:
            return False
        return not self._own_days or self._own_days[-1] <= day

    def knowledge_days(self) -> list[date]:
        """Return the first day of each period in which nothing becomes known, in order."""
        return _change_days(self._moments())

    def _days(self) -> Iterator[date | None]:
        """Yield the days on which something comes into effect, or is no longer in effect."""
        yield from (*self._own_days, *self._pack_days)

    def _moments(self) -> Iterator[date | None]:
        """Yield the days on which something became known."""
        return (validity.known for validity in (*self._validities, *self._pack_validities))

    def _compiled(
        self, day: date, venue_day: date, known_at: date, moment: datetime | None = None
    ) -> Edition:
        # Days on which the same versions and rules are in effect share one edition.
        key = (
            *(one.holds(day, known_at, moment) for one in self._validities),
            *(one.holds(venue_day, known_at, moment) for one in self._pack_validities),
        )
        found = self._by_key.get(key)
        if found is None:
            days = (day, venue_day, known_at)
            found = compile_edition(self.authorization, *days, self.made, moment)
            self._by_key[key] = found
        return found

    def venue_day(self, event: Event, position: Position) -> date | None:
        """Return the day of *event* on its venue's clock; `None` if clock or time is unknown."""
        if event.time is None:
            return None
        own = position.orders.get(event.order or "")
        fill = position.fills.get(event.fill or "")
        about = own.terms.event if own is not None else fill.event if fill is not None else event
        symbol = event.symbol or about.symbol
        # An order with several venues is asked about at the first; `life` asks about the others.
        venue = event.at_venues[0] or about.at_venues[0]
        # The instrument in force on its day names the venue, if the event does not.
        listing = self.on(self.day_of(event)).counting.listings.get((symbol or "", venue))
        return None if listing is None else day_at(event.time, listing.zone)


def load(path: Path | str, known_at: date | None = None) -> Editions:
    """Return the editions of the rule file at *path*.

    Every edition is compiled and every check decided at once. Raise UsageError if the file cannot
    be opened, RuleFileError with every fault in it.
    """
    return load_document(open_document(path), known_at)


def load_text(
    data: bytes, name: str, known_at: date | None = None, *, packs: PackDocument | None = None
) -> Editions:
    """Return the editions of the rule file with the content *data*, called *name* in messages.

    *packs* returns each pack that it includes; the default finds shipped packs and packs beside it.
    Raise RuleFileError with every fault.
    """
    return load_document(read_document(data, name), known_at, packs=packs)


def load_document(
    document: Document,
    known_at: date | None = None,
    *,
    packs: PackDocument | None = None,
    like: Editions | None = None,
) -> Editions:
    """Return the editions of the rule file in *document*, as `load` does.

    *packs* returns each pack that it includes; the default finds shipped packs and packs beside it.
    Rules that it shares with *like* are not compiled again.
    """
    return _sound(Editions(read_authorization(document, packs), known_at, like=like))


def load_file(path: Path | str) -> Editions | Pack:
    """Return the editions of the rule file *path*, or the pack in it, all compiled.

    Raise UsageError if the file cannot be opened, RuleFileError with every fault in it.
    """
    return load_pack(path) if is_pack_file(path) else load(path)


def load_pack(path: Path | str) -> Pack:
    """Return the pack in the file *path*, after checking that all its rules compile.

    The check includes rules that options turn on or off. Raise UsageError if the file cannot be
    opened, RuleFileError with every fault in it.
    """
    pack = pack_alone(path)
    whole = msgspec.structs.replace(pack, rules=(*pack.rules, *pack.off), off=())
    alone = Authorization(pack.name, "UTC", NO_CURRENCY, (), packs=(whole,), file=pack.file)
    _sound(Editions(alone))
    return pack


def _sound(editions: Editions) -> Editions:
    """Return *editions* if all of them compile and no check fails; else raise RuleFileError."""
    problems = dict.fromkeys(_unsound(editions))
    if problems:
        raise RuleFileError(problems)
    return editions


def _unsound(editions: Editions) -> Iterator[Problem]:
    authorization = editions.authorization
    # A check is undecided in an edition without a term that it reads; some edition must decide it.
    undecided = {check.id: check for check in authorization.checks}
    try:
        for edition in editions.all():
            for check in authorization.checks:
                holds, why = _decided(check, edition.constants)
                if holds is not None:
                    undecided.pop(check.id, None)
                if holds is False:
                    yield _unmet(authorization, check, why)
    except RuleFileError as error:
        yield from error.problems
        return
    for check in undecided.values():
        why = "cannot be decided, because its terms are never in force together"
        yield _unmet(authorization, check, why)


def compile_edition(
    authorization: Authorization,
    day: date,
    venue_day: date,
    known_at: date,
    made: dict[tuple[object, ...], RuleInForce],
    moment: datetime | None = None,
) -> Edition:
    """Return the edition of *authorization* for *day*, and for *venue_day* at the venue.

    It is as known on *known_at*. Figures for part of the day are those of *moment*. *made* caches
    compiled rules by the values that they read: most rules are the same in the next edition, and in
    a file with a small edit. Raise RuleFileError if a rule cannot be compiled.
    """
    terms = {
        f"terms.{term.name}": in_force(term.versions, day, known_at, moment)
        for term in authorization.terms
    }
    terms |= {
        f"ticks.{one.name}": in_force(one.tick, day, known_at)
        for one in authorization.instruments
        if one.tick
    }
    in_force_rules = [rule for rule in authorization.rules if rule.validity.holds(day, known_at)]
    for pack in authorization.packs:
        for limit in pack.limits:
            terms[f"{pack.name}.limits.{limit.name}"] = in_force(
                limit.versions, venue_day, known_at, moment
            )
        in_force_rules += (rule for rule in pack.rules if rule.validity.holds(venue_day, known_at))
    for name in {name for rule in in_force_rules for name in rule.constants} - terms.keys():
        # A pack may read a term that the authorization does not state.
        terms[name] = None
    constants = Constants(
        {name: one.figure.value if one is not None else None for name, one in terms.items()},
        word_codes(in_force_rules),
    )
    rules = compiled_rules(authorization, in_force_rules, constants, made)
    instruments = [_resolved(one, day, known_at) for one in authorization.instruments]
    content = canonical(
        {
            **_content(authorization, terms, instruments, in_force_rules),
            **_sessions_content(in_force_rules, constants),
        }
    )
    bounds = [of.bounds for of in rules]
    caps = tuple(cap for one in bounds for cap in one.caps)
    return Edition(
        hash=hashlib.sha256(content.encode()).hexdigest(),
        authorization=authorization,
        counting=_counting(authorization, instruments),
        terms=terms,
        constants=constants,
        rules=rules,
        facts=tuple(sorted({name for rule in rules for name in rule.facts})),
        content=content,
        caps=caps,
        max_shares=tightest(caps, "shares"),
        max_amount=tightest(caps, "amount"),
        unbounded=unbounded(bounds),
        judges_money=authorization.judges_money,
        window=window_of(bounds),
        rates={
            one.name: one.fx_between
            for one in authorization.instruments
            if one.fx_between is not None
        },
    )


def with_rules(edition: Edition, names: Container[str]) -> Edition:
    """Return *edition* with only those of its rules whose IDs are in *names*."""
    rules = tuple(one for one in edition.rules if one.rule.id in names)
    kept = [one.rule.id for one in rules]
    return msgspec.structs.replace(edition, rules=rules, hash=f"{edition.hash} {kept}")


def canonical(content: object) -> str:
    """Return *content* as canonical JSON, which is hashed: sorted keys, no white space."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def compiled_rules(
    authorization: Authorization,
    rules: list[Rule],
    constants: Constants,
    made: dict[tuple[object, ...], RuleInForce],
) -> tuple[RuleInForce, ...]:
    """Return *rules* compiled with *constants*, sorted by ID; reuse and extend *made*.

    Raise RuleFileError with every rule that cannot be compiled.
    """
    files = {rule.id: authorization.file for rule in authorization.rules}
    files |= {rule.id: pack.file for pack in authorization.packs for rule in pack.rules}
    compiled, problems = [], []
    for rule in sorted(rules, key=lambda rule: rule.id):
        read = (constants.terms[name] for name in sorted(rule.constants))
        key = (rule.id, *read, *(constants.words[word] for word in sorted(rule.words)))
        try:
            if key not in made or made[key].rule != rule:
                made[key] = compiled_rule(rule, constants)
            compiled.append(made[key])
        except Wrong as error:
            what = f"rule `{rule.id}` cannot be used: {error}"
            problems.append(Problem(what, None, files.get(rule.id), rule.line, rule.column))
    if problems:
        raise RuleFileError(problems)
    return tuple(compiled)


def compiled_rule(rule: Rule, constants: Constants) -> RuleInForce:
    """Return *rule* compiled with *constants*; raise Wrong if the engine cannot take it."""
    require = form(rule.require.root, constants)
    when = TRUE if rule.when is None else form(rule.when.root, constants)
    not_applicable = negated(when)
    passes, fails = any_of((not_applicable, require)), all_of((when, negated(require)))
    for shape in (passes, fails, not_applicable):
        check_size(shape)
    return RuleInForce(
        rule=rule,
        passes=passes,
        fails=fails,
        not_applicable=FALSE if rule.when is None else not_applicable,
        bounds=bounds_of(rule, passes, constants),
    )


def _decided(check: Check, constants: Constants) -> tuple[bool | None, str]:
    """Return whether *check* is true, `None` if it is undecided, and why it is not true."""
    try:
        shape = form(check.require.root, constants)
    except Wrong as error:
        return False, f"cannot be used, because {error}"
    holds = {TRUE: True, FALSE: False}.get(shape)
    return holds, "is false for these terms"


def _unmet(authorization: Authorization, check: Check, why: str) -> Problem:
    return Problem(
        f"check `{check.id}` {why}: `{check.require.text}`",
        file=authorization.file,
        line=check.line,
        column=check.column,
    )


def word_codes(rules: list[Rule]) -> Mapping[str, int]:
    """Return the code of each word that *rules* compare with; other words are `UNKNOWN_WORD`."""
    words = sorted({word for rule in rules for word in rule.words})
    return {word: code for code, word in enumerate(words, UNKNOWN_WORD + 1)}


def _resolved(instrument: Instrument, day: date, known_at: date) -> tuple[Instrument, Exact | None]:
    version = in_force(instrument.shares_each, day, known_at)
    return instrument, (version.figure.value if version is not None else None)


def _counting(
    authorization: Authorization, instruments: list[tuple[Instrument, Exact | None]]
) -> CountingRules:
    """Return how events are counted; an instrument without a ratio in force is not listed."""
    listings: dict[tuple[str, str | None], Listing] = {}
    shared: set[str] = set()
    for instrument, shares_each in instruments:
        for venue in instrument.venues:
            if shares_each is None:
                continue
            listing = Listing(
                instrument=instrument.name,
                symbol=instrument.symbol,
                venue=venue,
                zone=zone(authorization.zone_of(venue)),
                currency=instrument.currency,
                shares_each=shares_each,
                fx_margin=instrument.fx_margin,
            )
            listings[instrument.symbol, venue] = listing
            if listings.setdefault((instrument.symbol, None), listing) is not listing:
                shared.add(instrument.symbol)
    for symbol in shared:
        del listings[symbol, None]
    return CountingRules(
        zone=zone(authorization.timezone),
        currency=authorization.currency,
        with_fees=authorization.with_fees,
        listings=listings,
        dated=frozenset(one.name for one, _ in instruments if len(one.shares_each) > 1),
        late_days=authorization.late_days,
    )


def _content(
    authorization: Authorization,
    terms: Mapping[str, Version | None],
    instruments: list[tuple[Instrument, Exact | None]],
    rules: list[Rule],
) -> dict[str, Any]:
    return {
        "repurchase": FORMAT,
        "tzdata": TZDATA_VERSION,
        "authorization": authorization.name,
        "issuer": authorization.issuer,
        "resolved": authorization.resolved and authorization.resolved.isoformat(),
        "basis": authorization.basis,
        "sources": {
            source.name: {"title": source.title, "sha256": source.sha256, "url": source.url}
            for source in authorization.sources
        },
        "timezone": authorization.timezone,
        "currency": authorization.currency,
        "with_fees": authorization.with_fees,
        "late_days": authorization.late_days,
        "instruments": {
            instrument.name: {
                "symbol": instrument.symbol,
                "venues": {
                    venue: authorization.zone_of(venue) for venue in sorted(instrument.venues)
                },
                "currency": instrument.currency,
                "shares_each": None if shares_each is None else written(shares_each),
                "fx_margin": written(instrument.fx_margin),
                **_rates_content(instrument),
            }
            for instrument, shares_each in instruments
        },
        "terms": {
            name: None if version is None else _figure_content(version.figure)
            for name, version in terms.items()
        },
        "packs": {
            pack.name: {
                "title": pack.title,
                "options": {option.name: option.on for option in pack.options},
            }
            for pack in authorization.packs
        },
        "rules": {rule.id: _rule_content(rule) for rule in rules},
        **_feed_only_content(authorization),
        **_venues_content(authorization),
        **_counters_content(authorization),
        **_averages_content(authorization, rules),
        **_of_venues_content(authorization, rules),
    }


def _rates_content(instrument: Instrument) -> dict[str, list[str]]:
    """Return the bounds on the rate of *instrument*; nothing without them, as in older files."""
    bounds = instrument.fx_between
    return {} if bounds is None else {"fx_between": [written(rate) for rate in bounds]}


def _feed_only_content(authorization: Authorization) -> dict[str, list[str]]:
    """Return the facts that only a feed may supply; nothing without them, as in older files."""
    names = sorted(authorization.all_feed_only())
    return {"feed_only": names} if names else {}


def _venues_content(authorization: Authorization) -> dict[str, dict[str, str]]:
    """Return the venues that the file adds; nothing without them, as in older files."""
    return {"venues": dict(authorization.venues)} if authorization.venues else {}


def _counters_content(authorization: Authorization) -> dict[str, Any]:
    """Return the counters of the file; nothing without them, as in older files."""
    counters = {one.name: _counter_content(one) for one in authorization.counters}
    return {"counters": counters} if counters else {}


def _counter_content(counter: Counter) -> dict[str, Any]:
    return {
        "instruments": sorted(counter.instruments),
        "venues": sorted(counter.venues),
        "methods": sorted(counter.methods),
        "brokers": sorted(counter.brokers),
        "from": counter.first and counter.first.isoformat(),
        "until": counter.last and counter.last.isoformat(),
        "per": counter.per and str(counter.per),
        "clock": "venue" if counter.zone is None else "authorization",
        **({"each": sorted(counter.each)} if counter.each else {}),
    }


def _sessions_content(rules: list[Rule], constants: Constants) -> dict[str, Any]:
    """Return the dates that *rules* count in sessions; nothing without them.

    Their text alone would not say which days these are: the tables of sessions grow.
    """
    found = {}
    for rule in rules:
        trees = [one.root for one in (rule.require, rule.when) if one is not None]
        dates = [expanded(one, constants) for tree in trees for one in counted_in_sessions(tree)]
        if dates:
            found[rule.id] = [
                written(one.constant)
                for one in dates
                if isinstance(one, Linear) and not one.missing
            ]
    return {"sessions": found} if found else {}


def _averages_content(authorization: Authorization, rules: list[Rule]) -> dict[str, Any]:
    """Return the averages that *rules* read; nothing without them, as in older files."""
    read = sorted({name for rule in rules for name in rule.facts})
    firsts = {one.name: one.venues[0] for one in authorization.instruments}
    found = {
        name: _average_content(one, firsts) for name in read if (one := authorization.average(name))
    }
    return {"averages": found} if found else {}


def _average_content(average: Average, firsts: Mapping[str, str]) -> dict[str, Any]:
    """Return what *average* is; *firsts* are the first venue of each instrument."""
    # Nothing else of an edition says which venue of an instrument is its first.
    by_first = {"listings": dict(firsts)} if average.venue in (LISTING, ALL) else {}
    return {
        **by_first,
        "of": average.of,
        "over": str(average.over),
        "per": average.per,
        "venue": average.venue,
        "without": list(average.without),
        "before": average.before,
        "day": average.day and average.day.isoformat(),
    }


def _of_venues_content(authorization: Authorization, rules: list[Rule]) -> dict[str, Any]:
    """Return the country and the market of each venue, if *rules* read them; else nothing."""
    if not any(rule.facts & _OF_VENUE for rule in rules):
        return {}
    codes = {code for instrument in authorization.instruments for code in instrument.venues}
    return {"markets": {code: [country_of(code), market_of(code)] for code in sorted(codes)}}


def _figure_content(figure: Figure) -> dict[str, str]:
    return {"value": written(figure.value), "dimension": str(figure.dimension)}


def _rule_content(rule: Rule) -> dict[str, Any]:
    return {
        "require": on_one_line(rule.require.text),
        "when": rule.when and on_one_line(rule.when.text),
        "effect": rule.effect,
        "at": rule.at,
        "title": rule.title,
        "cite": rule.cite,
        "why": rule.why,
        "quote": rule.quote and rule.quote.text,
        "source": rule.quote and rule.quote.source,
        "unverified": rule.unverified,
    }


def _validities(authorization: Authorization) -> Iterator[Validity]:
    for term in authorization.terms:
        yield from (version.validity for version in term.versions)
    for instrument in authorization.instruments:
        yield from (version.validity for version in (*instrument.shares_each, *instrument.tick))
    yield from (rule.validity for rule in authorization.rules)


def _pack_validities(authorization: Authorization) -> Iterator[Validity]:
    for pack in authorization.packs:
        for limit in pack.limits:
            yield from (version.validity for version in limit.versions)
        yield from (rule.validity for rule in pack.rules)


def _between(days: Sequence[date], first: date, last: date) -> Sequence[date]:
    """Return those of *days*, which are in order, that come after *first*, until *last*."""
    return days[bisect_right(days, first) : bisect_right(days, last)]


def _effect_days(validities: Iterable[Validity]) -> list[date]:
    """Return the days on which one of *validities* comes into or goes out of effect, in order."""
    first = {one.first for one in validities}
    after = {_next(one.last) for one in validities if one.last not in (None, date.max)}
    return sorted(day for day in first | after if day is not None)


def _change_days(days: Iterator[date | None]) -> list[date]:
    """Return the first day of each period in which nothing changes, in order."""
    return sorted({date.min, *(day for day in days if day is not None)})


def _next(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def _before(day: date) -> date:
    return day if day == date.min else date.fromordinal(day.toordinal() - 1)
