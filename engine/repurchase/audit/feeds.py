"""Comparison of records with the market files that an auditor gives.

A record names each market file that was asked for its facts, by the SHA-256 of its content, and
holds the facts. The files, read again, must supply exactly those facts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from repurchase.domain.errors import Problem, Tampering, UsageError, reason
from repurchase.facts.fact import Value
from repurchase.journal.outside import RecordedMarket
from repurchase.journal.records import Record
from repurchase.ledger.trades import Trade
from repurchase.market.feed import Feed, ProgramFeed, kind_of_file, read_feed
from repurchase.rulebook.model import Authorization

# A desk that gets new bars each day names other files each day: the last few feeds are kept.
_KEPT_MAX: Final = 8


class MarketFiles:
    """The market files given, by their SHA-256, and what the records say of them."""

    def __init__(self, paths: Iterable[Path] | None = None) -> None:
        """Take the files *paths*, in the order in which the desk read them.

        Compare nothing if *paths* is `None`. Raise UsageError if a file cannot be read.
        """
        self._are_given = paths is not None
        self._paths = {_hash(path): path for path in paths or ()}
        self._feeds: dict[tuple[str, ...], Feed] = {}
        self._used: set[str] = set()
        self._uncompared = 0

    def market(self, record: Record, authorization: Authorization) -> RecordedMarket | _Compared:
        """Return the market of *record*, an event's, under *authorization*.

        While it is read, it compares the recorded facts with the files that *record* names, if
        files are given. Raise Tampering if *record* names files wrongly, or one that is not given.
        """
        recorded = RecordedMarket(record.outside, authorization.all_feed_only())
        _check(record)
        if not self._are_given or not record.feeds:
            self._uncompared += bool(record.feeds)
            return recorded
        return _Compared(recorded, self._feed(record.feeds).of(authorization))

    def check(self, record: Record, asked: tuple[str, ...]) -> None:
        """Raise Tampering unless the files *asked* are those that *record* names.

        Without files to compare, nothing is asked.
        """
        if self._are_given and asked != record.feeds:
            raise Tampering(Problem("it names market files that its rules do not read"))

    def remarks(self) -> Iterator[str]:
        """Yield what people should know: the files that were not used, or not compared."""
        if self._uncompared:
            one = self._uncompared == 1
            records = "1 record names" if one else f"{self._uncompared:,} records name"
            yield f"{records} market files that were not compared; give them with --market"
        for hash_, path in self._paths.items():
            if hash_ not in self._used:
                yield f"no record used the market file {path} (SHA-256 {hash_})"

    def _feed(self, hashes: tuple[str, ...]) -> Feed:
        """Return the feed of the files with *hashes*; raise Tampering if one is not given."""
        feed = self._feeds.pop(hashes, None)
        if feed is None:
            missing = [one for one in hashes if one not in self._paths]
            if missing:
                what = f"it used a market file that is not given, with the SHA-256 {missing[0]}"
                hint = "give that file with --market; another text of it is another file"
                raise Tampering(Problem(what, hint))
            feed = read_feed(path for hash_, path in self._paths.items() if hash_ in hashes)
            self._used |= {*hashes}
        self._feeds[hashes] = feed
        if len(self._feeds) > _KEPT_MAX:
            del self._feeds[next(iter(self._feeds))]
        return feed


class _Compared:
    """The market of one record, which compares each fact with the files that the record names."""

    def __init__(self, recorded: RecordedMarket, feed: ProgramFeed) -> None:
        self._recorded = recorded
        self._feed = feed

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the recorded fact *name*; raise Tampering if the files supply another value."""
        value = self._recorded.fact(name, trade)
        # The tables of sessions are no files: another version of the package may have others.
        if kind_of_file(name) and self._feed.fact(name, trade) != value:
            raise Tampering(Problem(f"its market files supply another value of `{name}`"))
        return value

    def outside_session(self, _: Trade) -> None:
        """Return `None`: no record holds the sessions, which a later table may have otherwise."""

    def owns(self, name: str) -> bool:
        """Return whether only a feed might supply *name*; raise Tampering if the files differ."""
        owns = self._recorded.owns(name)
        if owns != self._feed.owns(name):
            what = f"by its market files, who may supply `{name}` differs from the record"
            raise Tampering(Problem(what))
        return owns

    def files(self, name: str, trade: Trade) -> frozenset[str]:
        """Return the SHA-256 of each file that was asked for the fact *name* of *trade*."""
        return self._feed.files(name, trade)


def _check(record: Record) -> None:
    """Raise Tampering if *record* has facts of market files, but names none, or not in order."""
    supplied = (key for key, value in (record.outside or {}).items() if value is not None)
    if not record.feeds and any(kind_of_file(key.partition("@")[0]) for key in supplied):
        raise Tampering(Problem("it holds facts of market files, but does not name the files"))
    if list(record.feeds) != sorted({*record.feeds}):
        raise Tampering(Problem("its market files are not in order, or named twice"))


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        what = f"the file cannot be read: {reason(error)}"
        raise UsageError(Problem(what, file=str(path))) from error
