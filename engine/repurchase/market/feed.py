"""The facts that the files of `--market` and the tables of sessions supply for a trade.

A fact that they supply is never taken from the event. An event may supply what they do not, unless
only a feed may. A fact that neither supplies is absent, and never guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from repurchase.domain.averages import ALL, LAST_PRICE, LISTING, Average
from repurchase.domain.calendars import zone
from repurchase.domain.currencies import factor, whole
from repurchase.domain.errors import InputError, Problem, Wrong
from repurchase.domain.moments import instant
from repurchase.domain.quantities import SHARES, Exact, quotient, simplest
from repurchase.domain.sessions import sessions
from repurchase.domain.terms import Listing, Validity
from repurchase.facts.averages import dimension_of, is_average
from repurchase.facts.fact import Value
from repurchase.facts.outside import AGES
from repurchase.intake.tables import open_table
from repurchase.ledger.orders import day_of
from repurchase.ledger.trades import Trade
from repurchase.market.averages import Bars, Measured, Place, measured, previous_close
from repurchase.market.bar_files import BARS, BarRows
from repurchase.market.intervals import through
from repurchase.market.issuer_files import FACTS, ISSUER, IssuerRows
from repurchase.market.kinds import PROBLEMS_MAX, Key, Kind, Row, kind_of, row_of
from repurchase.market.sessions import MINUTES, outside
from repurchase.market.tape import (
    FIRST_PRICE,
    QUOTE_FACTS,
    TAPE_FACTS,
    midnight,
    next_midnight,
)
from repurchase.market.tape_files import QUOTES, TRADES, QuoteRows, TradeRows
from repurchase.rulebook.model import Authorization

KINDS: Final = (BARS, TRADES, QUOTES, ISSUER)
_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_LAST: Final = "market.last_price"
# The fact that a bar states, as it is.
CLOSE: Final = "market.previous_close"
# The kind of file that supplies each fact; bars supply all averages.
_KIND_OF: Final[Mapping[str, Kind]] = {
    CLOSE: BARS,
    **dict.fromkeys(TAPE_FACTS, TRADES),
    **dict.fromkeys(QUOTE_FACTS, QUOTES),
    **dict.fromkeys(FACTS, ISSUER),
}


def kind_of_file(fact: str) -> Kind | None:
    """Return the kind of file that supplies *fact*; `None` if none does."""
    return BARS if is_average(fact) else _KIND_OF.get(fact)


def source_of(fact: str) -> str | None:
    """Return the source of *fact*, if an event may also state it."""
    if fact in MINUTES:
        return "the tables of sessions"
    kind = kind_of_file(fact)
    return None if kind is None else f"--market {kind.name}"


def is_by_kind(fact: str) -> bool:
    """Return whether, given a file of its kind, only that supplies *fact*, whatever rules say.

    An event cannot show how it counted an average.
    """
    return fact in FACTS or is_average(fact)


class Feed:
    """The facts that the files supply for all instruments; each average is computed once."""

    bars: BarRows
    trades: TradeRows
    quotes: QuoteRows
    issuer: IssuerRows

    def __init__(self) -> None:
        """Start without rows."""
        self.bars = BarRows()
        self.trades = TradeRows()
        self.quotes = QuoteRows()
        self.issuer = IssuerRows()
        self._takers = {
            BARS: self.bars.take,
            TRADES: self.trades.take,
            QUOTES: self.quotes.take,
            ISSUER: self.issuer.take,
        }
        # The SHA-256 of each file, by its name.
        self.hashes: dict[str, str] = {}
        # The names of the files with rows of an instrument, by their kind.
        self._files: dict[str, dict[Key, dict[str, None]]] = {kind.name: {} for kind in KINDS}
        self._rows = dict.fromkeys(KINDS, 0)
        self._known: dict[tuple[Average | None, tuple[Key, ...], date, date | None], Measured] = {}
        self._last: tuple[Authorization, ProgramFeed] | None = None

    def of(self, authorization: Authorization) -> ProgramFeed:
        """Return this feed as a source of facts for trades under *authorization*.

        Raise InputError if rows of issuer facts overlap on its clock.
        """
        # A desk calls this for each event, nearly always with the same rule file as before.
        last = self._last
        if last is None or last[0] is not authorization:
            last = self._last = authorization, ProgramFeed(self, authorization)
        return last[1]

    def measured(
        self,
        average: Average | None,
        keys: tuple[Key, ...],
        day: date,
        since: date | None = None,
    ) -> Measured:
        """Return *average* before *day* at all of *keys*, in the instrument's own units.

        `None` stands for the close of the session before. Bars before the day *since* have other
        units, so what needs one of them is unknown.
        """
        known = (average, keys, day, since)
        if known not in self._known:
            places = [Place(key[1], sessions(key[1]), self._bars(key, since)) for key in keys]
            self._known[known] = (
                previous_close(places[0], day)
                if average is None
                else measured(average, places, day)
            )
        return self._known[known]

    def _bars(self, key: Key, since: date | None) -> Bars:
        bars = self.bars.bars.get(key, {})
        return bars if since is None else {on: bar for on, bar in bars.items() if on >= since}

    def take(self, kind: Kind, row: Row, place: tuple[str, int]) -> None:
        """Add *row* of *kind*, from the file and line *place*; raise Wrong if it cannot be read.

        Raise InputError if it is one row too many to be kept in memory.
        """
        self._rows[kind] += 1
        if self._rows[kind] > kind.rows_max:
            what = f"there are more than {kind.rows_max:,} rows of {kind.name}"
            hint = "leave out the days and instruments that no event needs"
            raise InputError(Problem(what, hint, *place))
        self._takers[kind](row, place)
        key = (row.get("symbol", ""), row.get("venue", ""))
        self._files[kind.name].setdefault(key, {})[place[0]] = None

    def files(self, name: str, keys: Iterable[Key]) -> frozenset[str]:
        """Return the SHA-256 of each file that was asked for the fact *name* of an instrument.

        These are the files of its kind with rows of the instrument, at each of *keys*. If there are
        none for one of them, they are all files of that kind: what they leave out decides, too.
        """
        kind = kind_of_file(name)
        of_kind = {} if kind is None else self._files[kind.name]
        found = [of_kind.get(key, {}) for key in keys]
        names = chain.from_iterable(found if found and all(found) else of_kind.values())
        return frozenset(self.hashes[one] for one in names if one in self.hashes)

    def names(self, hashes: Collection[str]) -> tuple[str, ...]:
        """Return the names of the files whose SHA-256 is one of *hashes*, in the order read."""
        return tuple(name for name, hash_ in self.hashes.items() if hash_ in hashes)

    def published(self, name: str, key: Key, moment: int, day: int) -> Exact | None:
        """Return the fact *name* just before *moment*, on the day that began at *day*.

        Both are nanoseconds since 1970. Return `None` if no row supplies the fact, or if *moment*
        is after the last row of the file that would.
        """
        rows = self.quotes if name in QUOTE_FACTS else self.trades
        trades = rows.of.get(key)
        if trades is None or not rows.reaches(key, moment):
            return None
        if name in AGES:
            age = trades.rows.age(moment, day)
            return None if age is None else quotient(age, _SECOND)
        series = trades.series.get(name)
        if series is not None and name == FIRST_PRICE and not series.is_begun(moment, day):
            return 0
        return None if series is None else series.before(moment, day)


class ProgramFeed:
    """A feed as one authorization reads it, with its clock and its instruments."""

    def __init__(self, feed: Feed, authorization: Authorization) -> None:
        self._feed = feed
        self._clock = zone(authorization.timezone)
        self._authorization = authorization
        self._venues = {one.name: one.venues for one in authorization.instruments}
        self._issuer = feed.issuer.on(self._clock)
        # A rule file may add to what belongs to the feeds that are given, but takes nothing away.
        self._owned = {
            *authorization.all_feed_only(),
            *(FACTS if any(self._issuer.values()) else ()),
        }
        # An instrument whose ratio to ordinary shares changes has no averages: no bar says which
        # ratio its figures have.
        self._split = {
            one.symbol
            for one in authorization.instruments
            if [version.validity for version in one.shares_each] != [Validity()]
        }

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* at the moment of *trade*; `None` if it is unknown.

        Volumes are in ordinary-share equivalents, by the ratio on the day of the trade.
        """
        if name in FACTS:
            return self._of_issuer(name, trade)
        listing, day, moment = trade.listing, trade.venue_date, trade.event.time
        if listing is None or day is None:
            return None
        ago = self._ago(name)
        if ago is None and kind_of_file(name) is BARS:
            of_bars = self.measured(name, trade)
            return None if of_bars is None else of_bars.value
        if moment is None:
            return None
        if name in MINUTES:
            return _minutes(name, trade, listing)
        key, begin = self._keys(name, listing)[0], midnight(day, listing.zone)
        if ago is not None:
            return self._feed.published(_LAST, key, instant(moment) - ago, begin)
        price = self._feed.published(name, key, instant(moment), begin)
        return bool(price) if name == FIRST_PRICE and price is not None else price

    def _ago(self, name: str) -> int | None:
        """Return how long before a trade the price *name* was the last, if it is such a price."""
        average = self._authorization.average(name)
        if average is None or average.of != LAST_PRICE:
            return None
        return average.over.many * _MINUTE

    def outside_session(self, trade: Trade) -> tuple[str, str] | None:
        """Return when *trade* happened, and the sessions of that day, if it was in none of them.

        A trade off the auction, and one whose time is not known, needs only a day with a session.
        """
        listing, day = trade.listing, trade.venue_date
        if listing is None or day is None:
            return None
        is_auction = trade.event.method in (None, "auction")
        return outside(listing.venue, day, trade.venue_time if is_auction else None)

    def owns(self, name: str) -> bool:
        """Return whether only this feed may supply the fact *name*."""
        if name in self._owned or not is_average(name):
            return name in self._owned
        rows = self._feed.bars.bars if self._ago(name) is None else self._feed.trades.of
        return bool(rows)

    def files(self, name: str, trade: Trade) -> frozenset[str]:
        """Return the SHA-256 of each file that was asked for the fact *name* of *trade*."""
        listing = trade.listing
        keys = () if listing is None else self._keys(name, listing)
        return self._feed.files(self.stands_for(name), keys)

    def stands_for(self, name: str) -> str:
        """Return the fact whose source supplies *name*: the last price, if it is an earlier one."""
        return name if self._ago(name) is None else _LAST

    def measured(self, name: str, trade: Trade) -> Measured | None:
        """Return what the bars say of the fact *name* of *trade*; `None` if they say nothing of it.

        A volume is in ordinary-share equivalents, a turnover in the program's currency.
        """
        listing, average = trade.listing, self._authorization.average(name)
        if listing is None or trade.venue_date is None or (average is None and name != CLOSE):
            return None
        if self._ago(name) is not None:
            return None
        if listing.symbol in self._split:
            return Measured(None, why="the ratio of its units to ordinary shares changes")
        keys = self._keys(name, listing)
        traded = self._day_at(keys[0][1], trade, listing)
        day = traded if average is None else average.reference(traded)
        if day is None:
            return Measured(None, why="the day before which it is taken is not known, or to come")
        found = self._feed.measured(average, keys, day, trade.since)
        if average is None or found.value is None:
            return found
        return self._in_program(average, listing, found)

    def _of_issuer(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* at the moment of *trade*, or its one value throughout the day."""
        if trade.event.time is not None:
            first = instant(trade.event.time)
            return through(self._issuer[name], first, first + 1)
        first, end = midnight(trade.date, self._clock), next_midnight(trade.date, self._clock)
        return through(self._issuer[name], first, end)

    def _keys(self, name: str, listing: Listing) -> tuple[Key, ...]:
        """Return the instrument of *listing* at each venue that the fact *name* is taken from."""
        average = self._authorization.average(name)
        asked, own = average and average.venue, self._venues.get(listing.instrument, ())
        if asked == ALL:
            return tuple((listing.symbol, venue) for venue in own)
        venue = own[0] if asked == LISTING else asked or listing.venue
        return ((listing.symbol, venue),)

    def _day_at(self, venue: str, trade: Trade, listing: Listing) -> date:
        """Return the day of *trade* on the clock of *venue*."""
        assert trade.venue_date is not None, "a trade with a listing has a day at its venue"
        if venue == listing.venue:
            return trade.venue_date
        return day_of(trade.event, zone(self._authorization.zone_of(venue)))

    def _in_program(self, average: Average, listing: Listing, found: Measured) -> Measured:
        """Return what was *found*, in ordinary shares and in the money of the program."""
        assert found.value is not None, "only a value has units"
        dimension = dimension_of(average)
        if dimension == SHARES:
            return replace(found, value=found.value * listing.shares_each)
        if dimension.kind != "money":
            return found
        if whole(listing.currency) != self._authorization.currency:
            why = f"its turnover is in {whole(listing.currency)}, not in the program's currency"
            return replace(found, value=None, why=why)
        return replace(found, value=simplest(found.value * factor(listing.currency)))


def _minutes(name: str, trade: Trade, listing: Listing) -> Exact | None:
    table, day, moment = sessions(listing.venue), trade.venue_date, trade.venue_time
    if table is None or day is None or moment is None:
        return None
    if name == "market.minutes_from_open":
        return table.minutes_from_open(day, moment)
    return table.minutes_to_close(day, moment)


def read_feed(paths: Iterable[Path]) -> Feed:
    """Return the feed of all the files *paths* together.

    Raise UsageError if a file cannot be read, InputError with the first 20 rows that are wrong.
    """
    feed = Feed()
    problems: list[Problem] = []
    for path in paths:
        try:
            problems += islice(_read_into(feed, path), PROBLEMS_MAX - len(problems))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return feed


def _read_into(feed: Feed, path: Path) -> Iterator[Problem]:
    """Add the rows of the file *path* to *feed*, and yield a problem for each wrong row."""
    name, line = str(path), 0
    digest = hashlib.sha256()
    with open_table(path, digest) as table:
        try:
            kind = kind_of(table.header, KINDS)
        except Wrong as wrong:
            yield Problem(wrong.what, wrong.hint, name, 1)
            return
        for line, cells in table.rows:
            if isinstance(cells, Problem):
                yield cells
                continue
            try:
                feed.take(kind, row_of(table.header, cells), (name, line))
            except Wrong as wrong:
                yield Problem(wrong.what, wrong.hint, name, line)
        if not line:
            yield Problem("the file has no rows", None, name, 1)
    feed.hashes[name] = digest.hexdigest()
