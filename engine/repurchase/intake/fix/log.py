"""A FIX log as rows: verified messages, in turn, as events with their lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from repurchase.domain.errors import InputError, Problem, Wrong
from repurchase.domain.events import Event
from repurchase.intake.fields import Fault, decode, problems
from repurchase.intake.fix.messages import Bad, Message
from repurchase.intake.fix.orders import Orders, is_settable
from repurchase.intake.fix.sessions import Sessions
from repurchase.intake.fix.states import Found, Order
from repurchase.intake.fix.words import IGNORABLE

LISTED_MAX: Final = 20

# Takes the bytes of a message that cannot be read.
Quarantine = Callable[[bytes], None]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event of the message on *line*, or the *problems* that keep it from being read.

    *symbol* and *currency* are those of its order; the currency may be empty.
    """

    line: int
    event: Event | None
    problems: tuple[Problem, ...] = ()
    symbol: str | None = None
    currency: str = ""


class Named(msgspec.Struct, frozen=True):
    """An order or a fill by its *id*, with its *symbol*."""

    id: str
    symbol: str


class Noted:
    """What a log says beside its events: repeats, fields not read, and what was quarantined.

    *problems* are the first ones of the messages *quarantined* and of the *differences*, which are
    gaps and reports that contradict the log. *others* counts further remarks.
    """

    def __init__(self) -> None:
        self.repeats = 0
        self.quarantined = 0
        self.differences = 0
        self.others: Counter[str] = Counter()
        self.problems: list[Problem] = []
        # The orders that are open at the end of a FIX log, and the fills that the desk disputes.
        self.open: list[Named] | None = None
        self.disputed: list[Named] = []

    def remarks(self, file: str) -> Iterator[Problem]:
        """Yield what a person must know of the log *file* before relying on its summary."""
        yield from self.problems
        more = self.quarantined + self.differences + len(self.disputed) - len(self.problems)
        if more > 0:
            yield Problem(f"{more:,} more such faults are not shown", file=file)
        if self.quarantined:
            what = f"{_messages(self.quarantined)} could not be read and are in quarantine"
            yield Problem(f"{what}: the summary does not count what they say", file=file)
        if self.repeats:
            yield Problem(_repeated(self.repeats), file=file)
        for remark, count in self.others.items():
            yield Problem(f"{remark}: {_messages(count)}", file=file)


class FixLog:
    """The entries of a log called *name*, whose *messages* come one after the other.

    *columns* give the tag for an event field and *constants* its value in all messages; the tags to
    *ignore* are not read. With *quarantine*, messages that cannot be read go there, and the rest of
    the log is read.
    """

    noted: Noted

    def __init__(
        self,
        messages: Iterable[Message | Bad],
        name: str,
        columns: Mapping[str, str],
        constants: Mapping[str, str],
        ignore: frozenset[str] = frozenset(),
        quarantine: Quarantine | None = None,
    ) -> None:
        self.noted = Noted()
        self._messages = messages
        self._name = name
        self._quarantine = quarantine
        self._sessions = Sessions()
        self._orders = Orders(columns, constants, ignore)
        # Orders with other fills than the log has, as long as late messages may bring these.
        self._lost: dict[str, tuple[Order, Problem]] = {}
        faults = list(_layout_faults(columns, constants, ignore))
        if faults:
            raise InputError(problems(faults, file=name))

    def entries(self) -> Iterator[Entry]:
        """Yield the events of the log, and what cannot be read; at the end the gaps."""
        for message in self._messages:
            if isinstance(message, Bad):
                yield from self._bad(message, message.number, [message.wrong])
                continue
            try:
                turn = self._sessions.turn(message)
                found = None
                if turn == "repeat":
                    self._orders.check_repeat(message)
                else:
                    found = self._orders.found(message, is_late=turn == "late")
            except Wrong as wrong:
                yield from self._bad(message, message.number, [wrong])
                continue
            if found is None or found.is_repeat:
                self.noted.repeats += found is not None or message.fields["35"] in "DFG89"
            else:
                yield from self._read(message, found)
        lost = (problem for order, problem in self._lost.values() if order.unexplained)
        for problem in (*lost, *self._sessions.missing(self._name)):
            yield from self._different(problem)
        self.noted.open = [_named(order, order.id) for order in self._orders.open()]
        for one in self._orders.disputes():
            named = _named(one.fill.order, str(one.fill.event["id"]))
            self.noted.disputed.append(named)
            what = f"the desk disputes the fill `{named.id}` (DontKnowTrade, Q)"
            hint = "the fill counts, because no bust or correction of it follows"
            self._list(Problem(what, hint, self._name, one.line))

    def _read(self, message: Message, found: Found) -> Iterator[Entry]:
        """Yield the events *found* in *message*, and what contradicts them."""
        for wrong in found.differences:
            yield from self._different(self._problem(message, message.number, wrong))
        if found.lost is not None and found.order is not None:
            problem = self._problem(message, message.number, found.lost)
            if self._sessions.has_gap(message):
                self._lost.setdefault(found.order.id, (found.order, problem))
            else:
                yield from self._different(problem)
        self.noted.others.update(found.remarks)
        for values in found.events:
            event, faults = decode(values)
            if event is None:
                number = message.number
                wrongs = [Wrong(f"`{name}` {wrong.what}", wrong.hint) for name, wrong in faults]
                yield from self._bad(message, number, wrongs)
                return
            symbol, currency = _traits(found.order)
            yield Entry(message.line, event, (), symbol, currency)

    def _bad(self, message: Message | Bad, number: str, wrongs: Iterable[Wrong]) -> Iterator[Entry]:
        """Put *message* into quarantine, or yield its problems if there is none."""
        found = tuple(self._problem(message, number, wrong) for wrong in wrongs)
        if self._quarantine is None:
            yield Entry(message.line, None, found)
            return
        self._quarantine(message.raw)
        self.noted.quarantined += 1
        self._list(found[0])

    def _different(self, problem: Problem) -> Iterator[Entry]:
        """Note *problem*, or yield it if there is no quarantine."""
        if self._quarantine is None:
            yield Entry(problem.line or 0, None, (problem,))
            return
        self.noted.differences += 1
        self._list(problem)

    def _list(self, problem: Problem) -> None:
        if len(self.noted.problems) < LISTED_MAX:
            self.noted.problems.append(problem)

    def _problem(self, message: Message | Bad, number: str, wrong: Wrong) -> Problem:
        what = f"message 34={number}: {wrong.what}"
        return Problem(what, wrong.hint, self._name, message.line)


def _named(order: Order, name: str) -> Named:
    return Named(name, str(order.event["symbol"]))


def _traits(order: Order | None) -> tuple[str | None, str]:
    return (None, "") if order is None else (str(order.event["symbol"]), order.currency)


def _layout_faults(
    columns: Mapping[str, str], constants: Mapping[str, str], ignore: frozenset[str]
) -> Iterator[Fault]:
    """Yield the faults that the layout has for a FIX log."""
    for name in (*columns, *constants):
        if not is_settable(name) or (name == "symbol" and name in constants):
            yield name, Wrong("is given by the messages of a FIX log", "leave the option out")
    for name, tag in columns.items():
        if not (tag.isascii() and tag.isdigit()):
            yield name, Wrong(f"is column `{tag}`", "write the tag of a FIX field: symbol=48")
    for tag in sorted(ignore.difference(IGNORABLE)):
        yield tag, Wrong("cannot be ignored in a FIX log", f"{', '.join(IGNORABLE)} can")


def _repeated(count: int) -> str:
    if count == 1:
        return "1 message repeats another; it counts once"
    return f"{_messages(count)} repeat others; each counts once"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count:,} messages"
