"""Percentages of use: what is sent of them is what a recount finds, once a period."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import test_counters
from desk_events import AMENDED, RULES, Draft, about, order
from repurchase.domain.errors import RuleFileError
from repurchase.domain.events import Event
from repurchase.journal.book import Book
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.report.thresholds import History, Sent, Use, news
from repurchase.rulebook.changes import changes
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.lint import lint_findings
from test_counters import HOURS, Declared, Recount, counters, decided, kept_by, varied

AT: Final = (10, 50, 80, 100)
# The cap on each sum, before and from the day of the amendment.
WHOLE: Final = (20, 30)
# Many, because few of them use a counter in two of its periods.
MORE: Final = settings(max_examples=2 * settings().max_examples)


def with_notify(notify: str, declared: str = "", rules: str = "", text: str = RULES) -> Editions:
    """Return *text* with the section *notify*, the counters *declared*, and more *rules*."""
    sections = f"counters:\n{declared}" if declared else ""
    body = text.replace("rules:\n", f"{sections}notify:\n{notify}rules:\n{rules}", 1)
    return load_text(body.encode(), "acme.yaml")


def watched(declared: list[Declared]) -> Editions:
    """Return a file that watches the shares of each counter *declared*, and of the program.

    Their caps bind blocks alone, so that they are passed.
    """
    names = ["program.shares", *(f"counters.{one.name}.shares" for one in declared)]
    caps = "".join(
        f"  - {{id: cap-{number}, when: trade.method == block, require: {name}_after"
        " <= terms.most}\n"
        for number, name in enumerate(names)
    )
    before, later = WHOLE
    text = test_counters.OPEN_RULES.replace(
        "  max_amount:",
        f"  most:\n    - {{value: {before} shares, until: 2008-11-30}}\n"
        f"    - {{value: {later} shares, from: {AMENDED}}}\n  max_amount:",
    )
    notify = "".join(f"  {name}: {[*AT]}\n" for name in names)
    own = "".join(f"{one.text()}\n" for one in declared)
    return with_notify(notify, own, caps + test_counters.SEEN, text)


def again(sent: History) -> History:
    """Return what was *sent* as a notifier reads it after a restart."""
    return msgspec.json.decode(msgspec.json.encode(sent), type=dict[str, dict[str, Sent]])


# --- by a recount


class Model:
    """What must be sent of *part*, said a second time."""

    def __init__(self, part: Declared) -> None:
        self._part = part
        self._sent: dict[str | None, tuple[int, set[int]]] = {}
        self._unknown: set[str | None] = set()

    def due(self, event: Event, after: Position, brought: Iterable[Event]) -> list[Any]:
        """Return the percentages that *event* makes due, each with its period and the use."""
        recount, found = Recount(self._part, after, brought), list[Any]()
        counted = after.fills.get(event.id)
        own = event if counted is None else counted.event
        today = after.today if after.started else self._part.day_of(own, None)
        whole = WHOLE[today >= AMENDED]
        for day in self._days(own, after):
            used, period = recount.of(day), self._named(day)
            key = None if self._part.is_rolling else period
            if after.unknown_shares and key not in self._unknown:
                found.append((None, period, used))
            self._unknown = self._unknown | {key} if after.unknown_shares else self._unknown - {key}
            reached = {one for one in AT if 100 * used >= whole * one}
            old, had = self._sent.get(key, (whole, set()))
            found += [(one, period, used) for one in sorted(reached - had)]
            is_kept = old == whole and not self._part.is_rolling
            self._sent[key] = whole, reached | (had if is_kept else set())
        return found

    def _days(self, own: Event, after: Position) -> list[date]:
        """Return the first days of the periods that *own* is in; of windows, the latest."""
        is_clear = own.time is None or not self._part.at_venue
        days = {self._part.day_of(own, one) for one in ((None,) if is_clear else HOURS)}
        if self._part.is_rolling:
            newest = after.counters[self._part.name].newest
            days = {max(day, date.fromordinal(newest or 1)) for day in days}
        return sorted({self._part.period(one): one for one in sorted(days)}.values())

    def _named(self, day: date) -> str | None:
        per = self._part.per
        calendar = {"week": day.strftime("%G-W%V"), "month": day.strftime("%Y-%m")}
        return None if per is None else calendar.get(per, day.isoformat())


@MORE
@given(counters(), st.lists(varied(), min_size=2, max_size=12))
def test_percentages_sent_are_those_of_a_recount(
    declared: list[Declared], events: list[tuple[Draft, bool]]
) -> None:
    """Of each part of a counter, in each period, and of the program; after restarts, too."""
    editions = watched(declared)
    parts = [
        (f"counters.{one.name}.shares", one.name, part) for one in declared for part in one.parts()
    ]
    parts.append(("program.shares", "", Declared("", 0)))
    models = [(name, part.name.removeprefix(one).strip(), Model(part)) for name, one, part in parts]
    brought: tuple[Event, ...] = ()
    sent: History = {}
    for event, _, taken in test_counters.told(editions, events):
        if event.kind == "brought_forward" and taken.decision.outcome == "recorded":
            brought = (event,)
        after = taken.position
        found, sent = news(Book(position=after, editions=editions), event, again(sent))
        for name, apart, model in models:
            own = [one for one in found if (one.name, one.part or "") == (name, apart)]
            shown = [(one.percent, one.period, Fraction(one.used)) for one in own]
            assert shown == model.due(event, after, brought)
            assert all(one.is_known is not bool(after.unknown_shares) for one in own)


# --- by example


class Desk:
    """What is sent of events, one after the other."""

    def __init__(self, editions: Editions) -> None:
        """Begin a program by *editions*."""
        self.sent: History = {}
        self.book = Book(position=counting(Position(), kept_by(editions)), editions=editions)

    def news(self, *events: Event) -> list[list[Use]]:
        """Return what is sent of each of *events*."""
        return [self._one(one) for one in events]

    def adopted(self, editions: Editions) -> list[Use]:
        """Return what is sent once *editions* are adopted."""
        position = counting(self.book.position, kept_by(editions))
        self.book = structs.replace(self.book, position=position, editions=editions)
        return self._sent(None)

    def _one(self, event: Event) -> list[Use]:
        assert self.book.editions is not None
        position = decided(self.book.editions, event, self.book.position).position
        self.book = structs.replace(self.book, position=position)
        return self._sent(event)

    def _sent(self, event: Event | None) -> list[Use]:
        found, self.sent = news(self.book, event, again(self.sent))
        return found


def shown(found: list[list[Use]]) -> list[list[Any]]:
    return [[(one.percent, one.part, one.period) for one in each] for each in found]


def percents(found: list[list[Use]]) -> list[list[int | None]]:
    return [[one.percent for one in each] for each in found]


def test_percentage_is_sent_on_its_side_of_the_limit_and_once() -> None:
    """One share less than half is below it, half is at it; bought again, it is no news."""
    desk = Desk(with_notify("  program.shares: [50]\n"))
    cancel = about("cancel", "c", order="two", reason=None)
    events = order("one", 19), order("two", 1), order("three", 1), cancel
    later = about("cancel", "d", order="three", reason=None), order("four", 1), order("five", 1)
    assert percents(desk.news(*events, *later)) == [[], [50], [], [], [], [], []]


def test_all_percentages_that_one_event_reaches_are_sent() -> None:
    """In ascending order, each once, however the file orders them."""
    (found,) = Desk(with_notify("  program.shares: [80, 50, 80, 95]\n")).news(order("one", 33))
    assert [(one.percent, one.used, one.whole, one.share) for one in found] == [
        (50, "33", "40", "82.5"),
        (80, "33", "40", "82.5"),
    ]


def test_what_a_raised_cap_leaves_below_is_sent_again() -> None:
    """From December on the cap is 60: half of it is not news, but four fifths of it are."""
    desk = Desk(with_notify("  program.shares: [50, 80]\n"))
    before, after = order("one", 32), order("two", 1, date=AMENDED)
    fifths = order("three", 14, date=AMENDED), order("four", 1, date=AMENDED)
    assert percents(desk.news(before, after, *fifths)) == [[50, 80], [], [], [80]]


def test_split_is_no_news_if_the_cap_follows_and_is_if_it_does_not() -> None:
    """Two shares for one: the use is twice as much, of the same cap or of one twice as large."""
    split = about("split", "s", date=AMENDED, symbol="9999", new=2, old=1, reason=None)
    followed = RULES.replace(
        "value: 60 shares, from: 2008-12-01, known: 2008-11-20",
        "value: 80 shares, from: 2008-12-01",
    )
    stayed = followed.replace("80 shares", "40 shares")
    for text, sent in ((followed, []), (stayed, [80])):
        desk = Desk(with_notify("  program.shares: [50, 80]\n", text=text))
        assert percents(desk.news(order("one", 20, expires=date(2008, 12, 5)), split)) == [
            [50],
            sent,
        ]


def test_part_and_period_are_named() -> None:
    """An order at two venues counts at each; each week has its own use; a message in a second."""
    caps = (
        "  - {id: w, require: counters.week.shares_after <= 10 shares}\n"
        "  - {id: a, require: counters.apart.orders_after <= 1}\n"
    )
    notify = "  counters.week.shares: [50]\n  counters.apart.orders: [100]\n"
    desk = Desk(with_notify(notify, "  week: {per: week}\n  apart: {each: [venue]}\n", caps))
    lasting = order("one", 5, expires=date(2008, 11, 28))
    several = order("two", 1, symbol="ACME", venue=None, venues=("XNAS", "BATS"), fx=100, price=1)
    monday = order("three", 100, date=date(2008, 11, 24))
    assert shown(desk.news(lasting, several, monday)) == [
        [(50, None, "2008-W47"), (100, "XTKS", None)],
        [(100, "XNAS", None), (100, "BATS", None)],
        [(50, None, "2008-W48")],
    ]
    moment = datetime(2008, 11, 20, 3, tzinfo=UTC)
    fast = [order(name, 100, date=None, time=moment) for name in ("three", "four", "five")]
    burst = with_notify(
        "  counters.b.messages: [100]\n",
        "  b: {per: second}\n",
        "  - {id: b, require: counters.b.messages_after <= 2}\n",
    )
    found = shown(Desk(burst).news(*fast))
    assert found == [[], [(100, None, "2008-11-20T03:00:00Z")], []]


def test_correction_counts_in_the_period_of_its_fill() -> None:
    """A fill of Monday that is corrected on Wednesday is more of Monday, and news of that day."""
    desk = Desk(
        with_notify(
            "  counters.daily.shares: [50, 80]\n",
            "  daily: {per: day}\n",
            "  - {id: d, require: counters.daily.shares_after <= 10 shares}\n",
        )
    )
    monday, wednesday = date(2008, 11, 17), date(2008, 11, 19)
    fill = about("fill", "f", date=monday, order="one", quantity=5, price=10, fees=0)
    correct = about("correct", "c", date=wednesday, fill="f", quantity=8, price=10, fees=0)
    bust = about("bust", "b", date=wednesday, fill="c", reason=None)
    anew = about(
        "fill",
        "g",
        date=monday,
        symbol="9999",
        venue="XTKS",
        side="buy",
        quantity=9,
        price=10,
        fees=0,
    )
    events = (
        order("one", 5, date=monday),
        fill,
        order("two", 5, date=wednesday),
        correct,
        bust,
        anew,
    )
    assert shown(desk.news(*events)) == [
        [(50, None, "2008-11-17")], [], [(50, None, "2008-11-19")],
        [(80, None, "2008-11-17")], [], [],
    ]  # fmt: skip


def test_window_is_sent_again_after_a_fall() -> None:
    """It has no period to be sent once in: half is news until it is gone, and then again."""
    desk = Desk(
        with_notify(
            "  counters.two.shares: [50]\n",
            "  two: {per: 2 days}\n",
            "  - {id: d, require: counters.two.shares_after <= 10 shares}\n",
        )
    )
    events = []
    for day, quantity in ((17, 5), (18, 1), (19, 1), (20, 4)):
        on = date(2008, 11, day)
        buys = {"symbol": "9999", "venue": "XTKS", "side": "buy", "price": 10, "fees": 0}
        events.append(about("fill", f"f-{day}", date=on, quantity=quantity, **buys))
    assert shown(desk.news(*events)) == [
        [(50, None, "2008-11-17")],
        [],
        [],
        [(50, None, "2008-11-20")],
    ]


def test_cap_under_a_condition_counts_only_without_another() -> None:
    """The program has a cap at all times; a counter that has one only for blocks has that one."""
    rules = (
        "  - {id: p, when: trade.method == block, require: program.shares_after <= 5 shares}\n"
        "  - {id: c, when: trade.method == block, require: counters.all.shares_after <= 5 shares}\n"
    )
    editions = with_notify(
        "  program.shares: [50]\n  counters.all.shares: [80]\n", "  all: {}\n", rules
    )
    (found,) = Desk(editions).news(order("one", 4))
    assert [(one.name, one.whole) for one in found] == [("counters.all.shares", "5")]


def test_unknown_use_is_sent_once_and_never_as_below() -> None:
    """A fill whose money is unknown; what is known still reaches a percentage, later all does."""
    ads = {"symbol": "ACME", "venue": "XNAS", "fees": 0}
    notify = "  program.amount: [1, 50, 80]\n  counters.all.amount: [50]\n"
    notify += "  counters.all.brokers: [50]\n"
    cap = "  - {id: all, require: 'counters.all.amount_after <= JPY 50,000'}\n"
    cap += "  - {id: brokers, require: counters.all.brokers_after <= 2}\n"
    desk = Desk(with_notify(notify, "  all: {}\n", cap))
    unknown = about("fill", "f", side="buy", quantity=4, price=30, **ads, reason=None)
    more = about("fill", "g", side="buy", quantity=4, price=70, fx=100, **ads, reason=None)
    settled = about("correct", "h", fill="f", quantity=4, price=30, fx=100, **ads)
    found = desk.news(unknown, more, settled)
    assert [
        [(one.name, one.percent, one.is_known, one.used) for one in each] for each in found
    ] == [
        [
            ("program.amount", None, False, "0"),
            ("counters.all.amount", None, False, "0"),
            ("counters.all.brokers", None, False, "0"),
        ],
        [
            ("program.amount", 1, False, "28000"),
            ("program.amount", 50, False, "28000"),
            ("counters.all.amount", 50, False, "28000"),
        ],
        [("program.amount", 80, True, "40000")],
    ]


def test_percentage_that_an_adoption_adds_is_sent_with_it() -> None:
    """What is past it already would otherwise never be sent; what was sent is not sent again."""
    declared, cap = "  all: {}\n", "  - {id: a, require: counters.all.shares_after <= 20 shares}\n"
    old = "  program.shares: [20]\n  counters.all.shares: [20]\n"
    desk = Desk(with_notify(old, declared, cap))
    desk.news(order("one", 20))
    new = "  program.shares: [20, 40, 60]\n  counters.all.shares: [20, 90]\n"
    found = desk.adopted(with_notify(new, declared, cap))
    assert [(one.name, one.percent) for one in found] == [
        ("program.shares", 40),
        ("counters.all.shares", 90),
    ]
    assert desk.adopted(load_text(RULES.encode(), "acme.yaml")) == []
    assert desk.news(order("two", 20)) == [[]]


# --- in the rule file


@pytest.mark.parametrize(
    ("notify", "what"),
    [
        ("  program.shares: {at: [50]}\n", "a list"),
        ("  shares: [50]\n", "`shares` is not a valid sum"),
        ("  counters.all.fills: [50]\n", "`counters.all.fills` is not a valid sum"),
        ("  program.shares: [101]\n", "no whole number of percent"),
        ("  program.shares: [0]\n", "no whole number of percent"),
        ("  program.shares: [2.5]\n", "no whole number of percent"),
        ("  program.shares: [50%]\n", "no whole number of percent"),
        ("  program.shares: []\n", "the list is empty"),
    ],
)
def test_fault_of_notify_is_named(notify: str, what: str) -> None:
    """Each is named at its place."""
    with pytest.raises(RuleFileError) as caught:
        with_notify(notify, "  all: {}\n")
    (problem,) = caught.value.problems
    assert what in problem.what
    assert problem.line is not None


def test_sum_that_no_rule_caps_is_a_gap() -> None:
    """Nothing would ever be sent of it; a word that is nearly one with a cap is named."""
    notify = (
        "  counters.al.shares: [50]\n  counters.all.shares: [50]\n  counters.all.orders: [50]\n"
    )
    cap = "  - {id: all, require: counters.all.shares_after <= 20 shares}\n"
    found = lint_findings(with_notify(notify, "  all: {}\n", cap))
    assert [(one.line, one.what, one.hint) for one in found if "notify" in one.what] == [
        (
            20,
            "no rule caps `counters.al.shares_after`, so `notify` sends nothing of it",
            "did you mean `counters.all.shares`?",
        ),
        (
            22,
            "no rule caps `counters.all.orders_after`, so `notify` sends nothing of it",
            "did you mean `counters.all.shares`?",
        ),
    ]


def test_notify_changes_no_decision_and_is_compared() -> None:
    """The editions are the same; `diff` says what is sent otherwise."""
    old, new, more = (
        load_text(f"{RULES}{notify}".encode(), "a.yaml")
        for notify in (
            "",
            "notify: {program.shares: [50]}\n",
            "notify: {program.shares: [50, 80]}\n",
        )
    )
    assert [one.hash for one in old.all()] == [one.hash for one in new.all()]
    found = [
        *changes(old.authorization, new.authorization),
        *changes(new.authorization, more.authorization),
    ]
    assert [(one.name, one.before, one.after) for one in found] == [
        ("notify program.shares", None, "50%"),
        ("notify program.shares", "50%", "50%, 80%"),
    ]
