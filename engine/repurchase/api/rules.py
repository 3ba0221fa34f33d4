"""Rule files from Python: load one, check an event by it, test, compare and prove it."""

from __future__ import annotations

from datetime import date, datetime
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from repurchase.api.answers import Decision, answer_of
from repurchase.api.events import EventLike, Files, event_of
from repurchase.api.program import Program
from repurchase.domain.calendars import day_at, zone
from repurchase.domain.errors import Problem, UsageError
from repurchase.evaluation.step import Decided
from repurchase.market.feed import Feed, read_feed
from repurchase.replay.run import Program as Run
from repurchase.replay.run import Question, Reading
from repurchase.rulebook.build import read_text
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.library import rule_file
from repurchase.rulebook.lint import lint_findings
from repurchase.rulebook.model import Authorization
from repurchase.rulebook.yaml_reader import read_bytes

if TYPE_CHECKING:
    from repurchase.api.proving import Diff, Proof


class CaseResult(msgspec.Struct, frozen=True):
    """What came of one test case.

    *name* and *line* are the case's in its file; *expected* is the outcome that it asks for.
    *wrong* says how the decision differs from what the case expects, `None` if it does not.
    *decision* is the one on the case's last event.
    """

    name: str
    line: int
    expected: str
    wrong: str | None
    decision: Decision

    @property
    def passed(self) -> bool:
        """Return whether the decision is what the case expects."""
        return self.wrong is None


class Rules:
    """A rule file with its packs, read and checked once; safe to share between threads.

    >>> import repurchase
    >>> rules = repurchase.Rules("iij-2008")
    >>> rules.name, rules.findings
    ('iij-2008', ())
    >>> order = {"kind": "order", "id": "o-1", "time": "2009-01-30T15:30:00-05:00"}
    >>> order |= {"symbol": "IIJI", "side": "buy", "quantity": 4000, "price": "2.65", "fx": 90}
    >>> decision = rules.check(order)
    >>> decision.outcome, decision.denied_by
    ('denied', ('jp-companies-act.period', 'window'))
    """

    def __init__(self, file: str | PathLike[str], *, known_at: date | None = None) -> None:
        """Load *file*: the path of a rule file, or the name of one that comes with the package.

        Events are evaluated by what was known on the day *known_at*, or at that moment if it is a
        datetime with its zone; without it, by what was known on the event's own day. Raise
        UsageError if the file cannot be opened, RuleFileError with all that is wrong in it.
        """
        self._keep(opened(file, known_at))

    @property
    def editions(self) -> Editions:
        """Return the rules as the inner rooms read them: not a part of the public API."""
        return self._editions

    @property
    def name(self) -> str:
        """Return the name of the authorization."""
        return self._editions.authorization.name

    @property
    def path(self) -> Path:
        """Return the path of the rule file."""
        return Path(self._editions.authorization.file)

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the rule file's text, by which a journal names it too."""
        return self._editions.authorization.text_hash()

    @property
    def findings(self) -> tuple[Problem, ...]:
        """Return the gaps that `repurchase lint` lists: terms that no rule reads, and the like."""
        return lint_findings(self._editions)

    def check(self, event: EventLike, *, market: Files = ()) -> Decision:
        """Return the decision on *event* alone, with the finding of every rule.

        The program is assumed unused; `program` keeps what events before it used. *market* names
        files of prices, volumes or issuer facts. Raise InputError for an event that cannot be read.
        """
        feed = feed_of(market) if market else self._feed
        run = Run(self._editions, every_rule=True, feed=feed)
        return answer_of(Question(event_of(event), run, Reading()).answer())

    def program(self, *, market: Files = (), every_rule: bool = False) -> Program:
        """Return a program that has used nothing yet, and goes by these rules.

        *market* names files of prices, volumes or issuer facts. With *every_rule* its decisions
        also list the rules that pass or do not apply.
        """
        feed = feed_of(market) if market else self._feed
        return Program(self._editions, feed, every_rule=every_rule)

    def test(self, cases: str | PathLike[str] | None = None) -> tuple[CaseResult, ...]:
        """Return what comes of each test case in the file *cases*.

        Without *cases* it is NAME.cases.yaml beside NAME.yaml. Both files are read anew. Raise
        UsageError if a file cannot be opened, RuleFileError if one has errors.
        """
        from repurchase.rulebook.cases_file import cases_path
        from repurchase.tester.cases import run

        found = run(self.path, cases_path(self.path) if cases is None else Path(cases))
        return tuple(
            CaseResult(
                one.case.name,
                one.case.line,
                one.case.expect,
                one.wrong,
                answer_of(Decided(one.decision, one.steps[-1].life)),
            )
            for one in found
        )

    def diff(self, new: Rules | str | PathLike[str], *, seconds: int = 60) -> Diff:
        """Return what the rule file *new* changes beside this one, for every event that can be.

        Look no longer than *seconds*: what is neither proved nor shown by then is `undecided`.
        Raise UsageError unless `repurchase[prove]` is installed.
        """
        from repurchase.api.proving import compared_rules

        other = new if isinstance(new, Rules) else Rules(new)
        return compared_rules(self._editions, other.editions, seconds)

    def prove(self, *, seconds: int = 60) -> Proof:
        """Return what holds of every sequence of events under these rules.

        Look no longer than *seconds*: what is not proved by then is not proved. Raise UsageError
        unless `repurchase[prove]` is installed.
        """
        from repurchase.api.proving import proved_rules

        return proved_rules(self._editions, seconds)

    def __repr__(self) -> str:
        return f"Rules({self.name!r})"

    def __getstate__(self) -> tuple[Authorization, date | None]:
        return self._editions.authorization, self._editions.known_at

    def __setstate__(self, state: tuple[Authorization, date | None]) -> None:
        self._keep(Editions(*state))

    def _keep(self, editions: Editions) -> None:
        self._editions = editions
        self._feed = read_feed(())


def opened(file: str | PathLike[str], known_at: date | None = None) -> Editions:
    """Return the editions of the rule file called *file*, or of the shipped one of that name.

    *known_at* may be a moment: which day that is, the authorization's clock says. Raise UsageError
    if the file cannot be opened, RuleFileError with all that is wrong in it.
    """
    # The name of a shipped one is a text: a path is always one of the caller's own files.
    path = rule_file(file) if isinstance(file, str) else Path(file)
    data, name = read_bytes(path), fspath(path)
    if isinstance(known_at, datetime):
        if known_at.utcoffset() is None:
            what = f"`known_at` is {known_at} without its zone"
            raise UsageError(Problem(what, "give it a zone, or give a date"))
        known_at = day_at(known_at, zone(read_text(data, name).timezone))
    return load_text(data, name, known_at)


def feed_of(market: Files) -> Feed:
    """Return what the files *market* supply, and the tables of sessions.

    Raise UsageError for a file that cannot be read, InputError for one with a wrong row.
    """
    if isinstance(market, str | PathLike):
        return read_feed((Path(market),))
    return read_feed(Path(one) for one in market)
