"""One table of domains: what every reader accepts, what the prover assumes, what facts come to."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, Final

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

import desk_events
from desk_events import Draft, drafts
from repurchase.api.events import event_of
from repurchase.domain.errors import InputError
from repurchase.domain.events import Event
from repurchase.domain.quantities import NUMBER, Exact, date_number, written
from repurchase.evaluation.step import step
from repurchase.facts.averages import is_average
from repurchase.facts.domains import FIELDS, OF_KIND, Domain, Moments, Numbers, Words
from repurchase.facts.fact import Situation
from repurchase.facts.table import TABLE
from repurchase.intake.fields import READERS
from repurchase.intake.log import open_log
from repurchase.intake.objects import event_from_json
from repurchase.ledger.fold import after
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, trade
from repurchase.market.feed import read_feed
from repurchase.proof.diff import diff
from repurchase.proof.fields import OTHER
from repurchase.proof.model import Request, any_sums, from_zero
from repurchase.proof.proof import proved
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life
from test_prove import SHARES, SOUND

OUTSIDE: Final = tuple(name for name in TABLE if name.startswith(("market.", "issuer.")))
# An event of each kind that gives numbers, with all that it needs.
ORDER: Final = {
    "kind": "order", "id": "e", "date": "2008-12-02", "symbol": "1111", "quantity": "1",
}  # fmt: skip
EVENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "order": ORDER,
    "fill": ORDER | {"kind": "fill"},
    "brought_forward": {"kind": "brought_forward", "id": "e", "shares": "1", "amount": "1"},
    "halt": {"kind": "halt", "id": "e", "date": "2008-11-17"},
    "split": {
        "kind": "split",
        "id": "e",
        "date": "2008-12-02",
        "symbol": "1111",
        "new": "7",
        "old": "9",
    },
    "prepaid": ORDER | {"kind": "prepaid", "amount": "1", "by": "Ann", "reason": "agreed"},
    "confirm": {"kind": "confirm", "id": "e", "date": "2008-11-17", "of": "r", "by": "Ann"},
}
# Each number that an event can give, with the kind of event that gives it.
NUMBERS: Final = (
    *(("order", name) for name in ("quantity", "price", "fees", "fx")),
    *(("order", name) for name in OUTSIDE if TABLE[name].dimension.kind != "flag"),
    *((kind, "amount") for kind in ("fill", "prepaid")),
    *(("split", name) for name in ("new", "old")),
    *(("brought_forward", name) for name in ("shares", "amount")),
)


def domain_of(kind: str, name: str) -> Domain:
    return OF_KIND.get((kind, name)) or FIELDS.get(name) or TABLE[name].domain


def test_every_field_has_a_domain() -> None:
    """The table has the fields of an event, and each fact from outside is a field too."""
    fields = [name for name in Event.__struct_fields__ if name != "outside"]
    assert list(FIELDS) == fields
    assert list(READERS) == [*fields, *OUTSIDE]


# -- the readers of events ------------------------------------------------------------------------


def is_number(name: str, text: str) -> bool:
    return NUMBER.fullmatch(text) is not None and FIELDS.get(name) is not FIELDS["symbol"]


def from_object(values: Mapping[str, str]) -> None:
    event_from_json(json.dumps(values))


def from_bare_numbers(values: Mapping[str, str]) -> None:
    named = (
        f"{json.dumps(name)}: {text if is_number(name, text) else json.dumps(text)}"
        for name, text in values.items()
    )
    event_from_json(f"{{{', '.join(named)}}}")


def from_row(values: Mapping[str, str]) -> None:
    text = f"{','.join(values)}\n{','.join(values.values())}\n"
    (row,) = open_log(io.BytesIO(text.encode()), "log.csv").rows()
    if row.problems:
        raise InputError(row.problems)


def from_mapping(values: Mapping[str, str]) -> None:
    event_of(
        {name: Decimal(text) if is_number(name, text) else text for name, text in values.items()}
    )


EVENT_READERS: Final = (from_object, from_bare_numbers, from_row, from_mapping)


def complaint(read: Callable[[], object]) -> str | None:
    """Return what *read* refuses, `None` if it accepts."""
    try:
        read()
    except InputError as error:
        return str(error)
    return None


def check_readers(kind: str, name: str, text: str, *, is_inside: bool, said: str) -> None:
    """Assert that all readers of events accept *text* as *name* if it *is_inside* its domain.

    Else each must refuse it with what is *said* of the domain.
    """
    values = {**EVENTS[kind], name: text}
    if name == "time":
        del values["date"]
    for read in EVENT_READERS:
        found = complaint(lambda read=read: read(values))  # type: ignore[misc]
        if is_inside:
            assert found is None, read.__name__
        else:
            assert found is not None, read.__name__
            assert f"`{name}` is `" in found, read.__name__
            assert said in found, read.__name__


def texts(domain: Domain) -> st.SearchStrategy[str]:
    """Draw a number that an event can write, mostly near an end of *domain*."""
    assert isinstance(domain, Numbers)
    ends = [
        end for end in (domain.least, domain.above, domain.most, domain.below) if end is not None
    ]
    steps = (Fraction(0), *(Fraction(sign, size) for sign in (1, -1) for size in (1, 2, 10**12)))
    near = [written(end + step) for end in ends for step in steps]
    anywhere = st.integers(-(10**18) + 1, 10**18 - 1).map(str) | st.decimals(
        -2000, 2000, places=3
    ).map(lambda number: format(number, "f"))
    return st.sampled_from([text for text in near if NUMBER.fullmatch(text)]) | anywhere


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_readers_of_events_accept_the_domain_of_a_number(kind: str, name: str) -> None:
    """An object, a row and a mapping are read alike, at both sides of each end of a domain."""
    domain = domain_of(kind, name)

    @given(text=texts(domain))
    def each(text: str) -> None:
        is_inside = Fraction(text) in domain  # type: ignore[operator]
        check_readers(kind, name, text, is_inside=is_inside, said=f"must be {domain.said}")

    # The amount of a fill has a narrower domain than the field, which is read first.
    if (kind, name) in OF_KIND:
        check_readers(kind, name, "0", is_inside=False, said="must be above zero")
        check_readers(kind, name, "0.000000000001", is_inside=True, said="")
        check_readers(kind, name, "-1", is_inside=False, said="must be zero or more")
    else:
        each()


@pytest.mark.parametrize("name", ["side", "order_type", "method", "phase"])
def test_readers_of_events_accept_the_words_of_a_vocabulary(name: str) -> None:
    """No other word, and no other writing of one, is read."""
    domain = FIELDS[name]
    assert isinstance(domain, Words)
    for word in domain.words:
        check_readers("fill", name, word, is_inside=True, said="")
        check_readers("fill", name, word.upper(), is_inside=False, said=domain.said)
        check_readers("fill", name, word[:-1], is_inside=False, said=domain.said)


@given(text=st.from_regex(r"[a-z][a-zA-Z .-]{0,20}", fullmatch=True))
@pytest.mark.parametrize(
    "name", [name for name, domain in FIELDS.items() if domain is FIELDS["by"] and name != "fill"]
)
def test_readers_of_events_accept_any_text(name: str, text: str) -> None:
    """A symbol, a venue or a name can be any text."""
    kind = {"order": "fill", "person": "halt", "of": "confirm"}.get(name, "order")
    check_readers(kind, name, text, is_inside=True, said="")


@pytest.mark.parametrize("name", [name for name in OUTSIDE if name not in dict(NUMBERS).values()])
def test_flag_is_true_or_false(name: str) -> None:
    """Nothing else answers a question."""
    if TABLE[name].dimension.kind != "flag":
        return
    for text in ("true", "false"):
        check_readers("order", name, text, is_inside=True, said="")
    for text in ("yes", "1", "0"):
        check_readers("order", name, text, is_inside=False, said="not true or false")


FIRST: Final = date(1900, 1, 1)
LAST: Final = date(2199, 12, 31)
DAYS: Final = st.sampled_from(
    [end + timedelta(step) for end in (FIRST, LAST) for step in (-366, -1, 0, 1, 366)]
) | st.dates(date(1850, 1, 1), date(2250, 1, 1))


@given(day=DAYS)
@pytest.mark.parametrize("name", ["date", "expires"])
def test_readers_of_events_accept_days_of_three_centuries(name: str, day: date) -> None:
    """A day before or after them is not read: clocks there are not known."""
    is_inside = FIRST <= day <= LAST
    check_readers("order", name, str(day), is_inside=is_inside, said="the years 1900 to 2199")


@given(
    day=DAYS,
    minutes=st.sampled_from([-721, -720, -719, 839, 840, 841]) | st.integers(-1439, 1439),
    seconds=st.integers(0, 86_399),
)
@pytest.mark.parametrize("name", ["time", "expires"])
def test_readers_of_events_accept_offsets_that_exist(
    name: str, day: date, minutes: int, seconds: int
) -> None:
    """A time is of a day that exists, with an offset that a clock has had."""
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    clock = (datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).time()
    text = f"{day}T{clock}{sign}{hours:02}:{rest:02}"
    domain = FIELDS[name]
    assert isinstance(domain, Moments)
    is_of_day = date_number(day) in domain.days
    is_offset = Fraction(minutes, 60) in domain.hours
    said = domain.hours.said if is_of_day else "the years 1900 to 2199"
    check_readers("order", name, text, is_inside=is_of_day and is_offset, said=said)


# -- the readers of market files ------------------------------------------------------------------

BARS: Final = "date,symbol,venue,close,volume,off_auction\n2008-12-02,1111,XTKS,"
# The column that gives each fact, the domain of which it must be in, and a file with its value.
FILES: Final[Mapping[str, tuple[str, str]]] = {
    "market.previous_close": ("close", BARS + "{},1,0\n"),
    "averages.volume": ("volume", BARS + "1,{},0\n"),
    "averages.auctioned": ("off_auction", BARS + "1,999999999999999999.9,{}\n"),
    "averages.turnover": ("turnover", BARS.replace("close,", "turnover,") + "{},1,0\n"),
    **dict.fromkeys(
        ("market.last_price", "market.last_independent_price", "market.day_high"),
        ("price", "time,symbol,venue,price\n2008-12-02T10:00:00+09:00,1111,XTKS,{}\n"),
    ),
    "market.best_independent_bid": (
        "bid",
        "time,symbol,venue,bid\n2008-12-02T10:00:00+09:00,1111,XTKS,{}\n",
    ),
    "market.best_ask": (
        "ask",
        "time,symbol,venue,bid,ask\n2008-12-02T10:00:00+09:00,1111,XTKS,1,{}\n",
    ),
    "issuer.announced_shares": (
        "announced_shares",
        "from,until,announced_shares\n2008-12-02,2008-12-02,{}\n",
    ),
}


def test_every_fact_of_a_file_is_tried() -> None:
    """Minutes come from the tables of sessions, and yes/no facts are words."""
    others = {name for name in OUTSIDE if TABLE[name].dimension.kind in ("flag", "count")}
    averages = {name for name in FILES if is_average(name)}
    assert {*FILES} - averages | others == {*OUTSIDE}


@pytest.mark.parametrize("name", FILES)
def test_readers_of_market_files_accept_the_domain(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A price of zero and a volume below zero are refused, with the column and the domain."""
    column, content = FILES[name]
    domain, path = TABLE[name].domain, tmp_path_factory.mktemp("market") / "file.csv"

    @given(text=texts(domain))
    def each(text: str) -> None:
        path.write_text(content.format(text))
        found = complaint(lambda: read_feed([path]))
        if Fraction(text) in domain:  # type: ignore[operator]
            assert found is None
        else:
            assert found is not None
            assert f"2: `{column}` is `{text}`, but must be {domain.said}" in found

    each()


# -- the prover -----------------------------------------------------------------------------------


@cache
def asked() -> Request:
    """Return an arbitrary order under a sound file of two clocks."""
    return Request(editions(SOUND).on(date(2008, 12, 2)), any_sums("s"), "r")


@cache
def editions(text: str) -> Editions:
    return load_text(text.encode(), "acme.yaml")


@cache
def solver(*, is_full: bool) -> Any:
    """Return a solver that knows what the proof of a property assumes; if *is_full*, all ties."""
    found = z3.Solver()
    found.add(*([*asked().ties, *from_zero(any_sums("s"))] if is_full else asked().assumed))
    return found


def can_be(*conditions: Any, is_full: bool = False) -> bool:
    return bool(solver(is_full=is_full).check(*conditions) == z3.sat)


def exactly(term: Any, value: Exact) -> Any:
    return term == z3.RealVal(f"{value.numerator}/{value.denominator}")


def facts_read() -> Iterator[tuple[str, Domain, Any, Any]]:
    """Yield each number that readers give the prover: its domain, its term, and if it is known."""
    fields = {"quantity": "trade.units", "price": "trade.price"}
    days = [name for name, fact in TABLE.items() if fact.dimension.kind == "date"]
    for name, fact in {
        **fields,
        **{one: one for one in (*days, "trade.venue_time", *OUTSIDE)},
    }.items():
        yield name, TABLE[fact].domain, asked().facts[fact].value, asked().facts[fact].present
    yield "fees", FIELDS["fees"], asked().fees, z3.BoolVal(True)
    # Its price times its quantity times its rate, which are all above zero.
    for name, term in (("amount", asked().cost), ("price_per_share", asked().paid)):
        yield name, TABLE[f"trade.{name}"].domain, term, z3.BoolVal(True)


READ: Final = (
    *("quantity", "price", "fees", "amount", "price_per_share", "trade.venue_time", *OUTSIDE),
    *(name for name, fact in TABLE.items() if fact.dimension.kind == "date"),
)


@pytest.mark.parametrize("name", READ)
def test_prover_assumes_exactly_the_domain(name: str) -> None:
    """A value is possible in the proof of a property if, and only if, the readers accept it."""
    ((domain, term, present),) = (rest for one, *rest in facts_read() if one == name)

    @given(text=texts(domain))
    def each(text: str) -> None:
        value = Fraction(text)
        assert can_be(present, exactly(term, value)) == (value in domain)

    each()


WORDS: Final = tuple(
    f"trade.{one}" for one in ("side", "order_type", "method", "phase", "broker", "counterparty")
)


@pytest.mark.parametrize("name", WORDS)
def test_prover_assumes_exactly_the_words(name: str) -> None:
    """A closed vocabulary has its words, and any other text is one that no rule names."""
    word, domain = asked().words[name], TABLE[name].domain
    assert isinstance(domain, Words)
    assert (word.choices == domain.words) if domain.words else (OTHER in word.choices)
    # -1 stands for a missing word.
    possible = [at for at in range(-3, len(word.choices) + 2) if can_be(word.chosen == at)]
    assert possible == list(range(-1, len(word.choices)))


COMPUTED: Final = tuple(
    name
    for name, fact in TABLE.items()
    if isinstance(fact.domain, Numbers) and name not in READ and name != "trade.units"
)


@pytest.mark.parametrize("name", COMPUTED)
def test_search_and_comparison_know_the_domains_of_what_is_computed(name: str) -> None:
    """The proof of a property assumes nothing of sums and days; they may guide a search."""
    fact, domain = asked().facts[name], TABLE[name].domain

    @given(text=texts(domain))
    def each(text: str) -> None:
        value = Fraction(text)
        if value not in domain:  # type: ignore[operator]
            assert not can_be(fact.present, exactly(fact.value, value), is_full=True)

    each()
    if name.startswith(("program.", "day.")):
        assert can_be(fact.present, exactly(fact.value, Fraction(-1)))


# A volume below zero, which no event can have, would turn a rule off.
NEGATIVE: Final = {
    "a volume": "when: market.adv_jp_4_weeks >= 0 shares",
    "what was announced": "when: issuer.announced_shares >= 0 shares",
    "a close": "when: market.previous_close < 2 * market.previous_close",
    "the minutes": "when: market.minutes_to_close < 1440",
}


@pytest.mark.parametrize("when", NEGATIVE.values(), ids=NEGATIVE)
def test_rule_that_every_value_of_a_domain_turns_on_is_proved(when: str) -> None:
    """The prover assumes it, and no event can show otherwise: every reader refuses it."""
    text = SOUND.replace(SHARES, SHARES.replace("require:", f"{when}, require:"))
    assert text != SOUND
    assert proved(editions(text), lambda: 0).holds


@pytest.mark.parametrize(
    "when",
    [
        "when: market.adv_jp_4_weeks > 0 shares",
        "when: market.previous_close != trade.price",
        "when: market.minutes_to_close >= -1439",
        "when: not issuer.closed_period",
        "when: trade.venue_time < 23:59:59",
    ],
)
def test_rule_that_a_value_of_a_domain_turns_off_is_not_proved(when: str) -> None:
    """A domain is not a value too small: a history is shown that the readers accept."""
    text = SOUND.replace(SHARES, SHARES.replace("require:", f"{when}, require:"))
    (gap,) = proved(editions(text), lambda: 0).gaps
    assert gap.of == "shares"
    assert gap.history is not None


@pytest.mark.slow
def test_files_that_differ_outside_a_domain_approve_the_same() -> None:
    """No reader accepts a volume below zero, so that it lets nothing pass.

    Without a volume, a fill past the cap is undecided by one file alone, which then halts nothing.
    """
    other = SHARES.replace("max_shares}", "max_shares or market.adv_jp_4_weeks < 0 shares}")
    found = diff(editions(SOUND), editions(SOUND.replace(SHARES, other)), time.monotonic_ns)
    verdicts = {one.kind: one.verdict for one in found.compared}
    assert verdicts == {
        "order": "equivalent",
        "replace": "equivalent",
        "fill": "looser",
        "fill-alone": "equivalent",
        "correct": "looser",
    }


# -- what is computed -----------------------------------------------------------------------------


@cache
def desk_rules() -> Editions:
    return load_text(desk_events.RULES.encode(), "acme.yaml")


@pytest.mark.slow
@given(plan=st.lists(drafts(), min_size=3, max_size=20))
def test_every_fact_of_a_history_is_in_its_domain(plan: list[Draft]) -> None:
    """From what readers accept, nothing else is computed, whatever happens in whatever order."""
    position = Position()
    for count, draft in enumerate(sorted(plan, key=lambda one: one.day)):
        event = draft.event(f"e-{count}", position)
        its = life(desk_rules(), event, position)
        if event.kind in ("order", "replace", "release", "fill", "correct"):
            found = trade(event, its.edition.counting, position, its.counting)
            if isinstance(found, Trade):
                check_facts(Situation(found, position, after(position, found)))
        position = step(event, position, its).position


def check_facts(situation: Situation) -> None:
    for name, fact in TABLE.items():
        value = fact.of(situation)
        assert value is None or value in fact.domain, (name, value)  # type: ignore[operator]
