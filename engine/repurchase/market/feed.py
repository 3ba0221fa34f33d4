"""The facts that the files of `--market` and the tables of sessions supply for a trade.

A fact that they supply is never taken from the event. An event may supply what they do not, unless
only a feed may. A fact that neither supplies is absent, and never guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Final

from repurchase.domain.calendars import zone
from repurchase.domain.errors import InputError, Problem, Wrong
from repurchase.domain.moments import instant
from repurchase.domain.quantities import SHARES, Exact
from repurchase.domain.terms import Listing, Validity
from repurchase.facts.fact import Value
from repurchase.facts.table import TABLE
from repurchase.intake.tables import open_table
from repurchase.ledger.trades import Trade
from repurchase.market.averages import AVERAGES, MEANS
from repurchase.market.bar_files import BARS, BarRows
from repurchase.market.intervals import through
from repurchase.market.issuer_files import FACTS, ISSUER, IssuerRows
from repurchase.market.kinds import PROBLEMS_MAX, Key, Kind, Row, kind_of, row_of
from repurchase.market.sessions import MINUTES, outside, sessions
from repurchase.market.tape import QUOTE_FACTS, TAPE_FACTS, midnight, next_midnight
from repurchase.market.tape_files import QUOTES, TRADES, QuoteRows, TradeRows
from repurchase.rulebook.model import Authorization

KINDS: Final = (BARS, TRADES, QUOTES, ISSUER)
# The kind of file that supplies each fact.
KIND_OF: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(AVERAGES, BARS),
    **dict.fromkeys(TAPE_FACTS, TRADES),
    **dict.fromkeys(QUOTE_FACTS, QUOTES),
    **dict.fromkeys(FACTS, ISSUER),
}
# The source of each fact that an event may also state.
SOURCES: Final[Mapping[str, str]] = {
    **{name: f"--market {kind.name}" for name, kind in KIND_OF.items()},
    **dict.fromkeys(MINUTES, "the tables of sessions"),
}


# If a file of its kind is given, only that supplies these facts, whatever the rule file says.
BY_KIND: Final = MEANS | FACTS.keys()


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
        self._known: dict[tuple[str, Key, date, date | None], Exact | None] = {}
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

    def average(self, name: str, key: Key, day: date, since: date | None = None) -> Exact | None:
        """Return the fact *name* for *day*, in the instrument's own units; `None` if unknown.

        Bars before the day *since* have other units, so what needs one of them is unknown.
        """
        known = (name, key, day, since)
        if known not in self._known:
            table, bars = sessions(key[1]), self.bars.bars.get(key)
            if table is None or bars is None:
                return None
            if since is not None:
                bars = {on: bar for on, bar in bars.items() if on >= since}
            self._known[known] = AVERAGES[name](bars, table, day)
        return self._known[known]

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

    def files(self, name: str, key: Key | None) -> frozenset[str]:
        """Return the SHA-256 of each file that was asked for the fact *name* of an instrument.

        These are the files of its kind with rows of the instrument *key*. If there are none, they
        are all files of that kind: what they leave out decides, too.
        """
        kind = KIND_OF.get(name)
        of_kind = {} if kind is None else self._files[kind.name]
        names = of_kind.get(key or ("", "")) or chain.from_iterable(of_kind.values())
        return frozenset(self.hashes[one] for one in names if one in self.hashes)

    def published(self, name: str, key: Key, moment: int, day: int) -> Exact | None:
        """Return the fact *name* just before *moment*, on the day that began at *day*.

        Both are nanoseconds since 1970. Return `None` if no row supplies the fact, or if *moment*
        is after the last row of the file that would.
        """
        rows = self.quotes if name in QUOTE_FACTS else self.trades
        trades = rows.of.get(key)
        if trades is None or not rows.reaches(key, moment):
            return None
        series = trades.series.get(name)
        return None if series is None else series.before(moment, day)


class ProgramFeed:
    """A feed as one authorization reads it, with its clock and its instruments."""

    def __init__(self, feed: Feed, authorization: Authorization) -> None:
        self._feed = feed
        self._clock = zone(authorization.timezone)
        self._announced = authorization.announced
        self._issuer = feed.issuer.on(self._clock)
        # A rule file may add to what belongs to the feeds that are given, but takes nothing away.
        self._owned = {
            *authorization.all_feed_only(),
            *(FACTS if any(self._issuer.values()) else ()),
            *(MEANS if feed.bars.bars else ()),
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
        if name in AVERAGES:
            return self._average(name, listing, day, trade.since)
        if moment is None:
            return None
        if name in MINUTES:
            return _minutes(name, trade, listing)
        key, begin = (listing.symbol, listing.venue), midnight(day, listing.zone)
        return self._feed.published(name, key, instant(moment), begin)

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
        return name in self._owned

    def files(self, name: str, trade: Trade) -> frozenset[str]:
        """Return the SHA-256 of each file that was asked for the fact *name* of *trade*."""
        listing = trade.listing
        key = None if listing is None else (listing.symbol, listing.venue)
        return self._feed.files(name, key)

    def _of_issuer(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* at the moment of *trade*, or its one value throughout the day."""
        if trade.event.time is not None:
            first = instant(trade.event.time)
            return through(self._issuer[name], first, first + 1)
        first, end = midnight(trade.date, self._clock), next_midnight(trade.date, self._clock)
        return through(self._issuer[name], first, end)

    def _average(self, name: str, listing: Listing, day: date, since: date | None) -> Exact | None:
        by = self._day_of(name, day)
        if by is None or listing.symbol in self._split:
            return None
        found = self._feed.average(name, (listing.symbol, listing.venue), by, since)
        is_volume = TABLE[name].dimension == SHARES
        return found if found is None or not is_volume else found * listing.shares_each

    def _day_of(self, name: str, day: date) -> date | None:
        """Return the day that the average *name* of a trade on *day* refers to, if there is one."""
        if name != "market.adv_eu_month_before":
            return day
        # Before the disclosure, the month that will count may not have ended.
        disclosed = self._announced
        return disclosed if disclosed is not None and disclosed <= day else None


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
