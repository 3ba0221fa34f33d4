"""The domains: which values each event field and each fact can have.

The readers of events, logs and market files refuse a value outside its domain. The prover assumes
these domains of what they read, and no others. How many digits a number may have, and how it is
written, is not a matter of its domain: `quantities` says it for all numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from repurchase.domain.calendars import HOURS_MAX, HOURS_MIN, OFFSETS, YEAR_MAX, YEAR_MIN
from repurchase.domain.events import KINDS, METHODS, ORDER_TYPES, PHASES, SIDES
from repurchase.domain.quantities import DIGITS_MAX, Exact, date_number


class Numbers(msgspec.Struct, frozen=True):
    """A domain of numbers; *said* completes the sentence "it must be".

    A number is at least *least*, above *above*, at most *most* and below *below*, each if given,
    and whole if *is_whole*. A date is the number of its day, a time of day is in seconds from
    midnight, and a yes/no fact is 1 for yes and 0 for no.
    """

    said: str
    least: Exact | None = None
    above: Exact | None = None
    most: Exact | None = None
    below: Exact | None = None
    is_whole: bool = False

    def __contains__(self, value: Exact) -> bool:
        """Return whether *value* is in this domain."""
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
            and (not self.is_whole or value.denominator == 1)
        )


class Words(msgspec.Struct, frozen=True):
    """A domain of texts: one of *words*, or any text if there are none; see `Numbers`."""

    said: str
    words: tuple[str, ...] = ()

    def __contains__(self, value: str) -> bool:
        """Return whether *value* is in this domain."""
        return not self.words or value in self.words


class Moments(msgspec.Struct, frozen=True):
    """A domain of times, each on a day of *days* and with an offset of *hours*; see `Numbers`.

    With *or_day*, a day without a time is in the domain too.
    """

    said: str
    days: Numbers
    hours: Numbers
    or_day: bool = False


Domain = Numbers | Words | Moments


def one_of(words: tuple[str, ...]) -> Words:
    """Return the domain of *words*, a closed vocabulary of at least two."""
    *first, last = (f"`{word}`" for word in words)
    return Words(f"{', '.join(first)} or {last}", words)


def _days(first: date, last: date) -> Numbers:
    return Numbers(
        f"from {first} to {last}",
        least=date_number(first),
        most=date_number(last),
        is_whole=True,
    )


ABOVE_ZERO: Final = Numbers("above zero", above=0)
ZERO_OR_MORE: Final = Numbers("zero or more", least=0)
COUNTED: Final = Numbers("a whole number, zero or more", least=0, is_whole=True)
YES_OR_NO: Final = Numbers("true or false", least=0, most=1, is_whole=True)
TIME_OF_DAY: Final = Numbers("from 00:00 to before 24:00", least=0, below=86_400)
# A session opens and closes on one day, and the event is on that day too. A fraction of a minute
# counts. Before the opening, and after the close, the number is below zero.
# A split of more units than this for one is a slip.
RATIO_PART: Final = Numbers(
    "a whole number from 1 to 1,000,000", least=1, most=10**6, is_whole=True
)
MINUTES: Final = Numbers("more than -1,440 and less than 1,440", above=-1440, below=1440)
TEXT: Final = Words("a text")
TEXTS: Final = Words("one or more texts, each once")
VENUES: Final = Words("one or more venues, each once")

_DAY: Final = _days(date(YEAR_MIN, 1, 1), date(YEAR_MAX, 12, 31))
_HOURS: Final = Numbers(OFFSETS, least=HOURS_MIN, most=HOURS_MAX)
_MOMENT: Final = f"a time {_DAY.said}, with an offset {_HOURS.said}"
# From one offset to another, a clock can show a time up to 26 hours earlier or later: two days.
DAY_SHOWN: Final = _days(date(YEAR_MIN - 1, 12, 30), date(YEAR_MAX + 1, 1, 2))

# The domain of each event field. An event has `market.` and `issuer.` facts too.
FIELDS: Final[Mapping[str, Domain]] = {
    "kind": one_of(KINDS),
    "id": TEXT,
    "authorization": TEXT,
    "time": Moments(_MOMENT, _DAY, _HOURS),
    "date": _DAY,
    "symbol": TEXT,
    "venue": TEXT,
    "venues": VENUES,
    "side": one_of(SIDES),
    "quantity": Numbers(
        "a whole number above zero",
        above=0,
        most=10**DIGITS_MAX - 1,
        is_whole=True,
    ),
    "price": ABOVE_ZERO,
    "amount": ZERO_OR_MORE,
    "fees": ZERO_OR_MORE,
    "fx": ABOVE_ZERO,
    "order": TEXT,
    "fill": TEXT,
    "expires": Moments(f"a date {_DAY.said}, or {_MOMENT}", _DAY, _HOURS, or_day=True),
    "order_type": one_of(ORDER_TYPES),
    "broker": TEXT,
    "method": one_of(METHODS),
    "phase": one_of(PHASES),
    "solicited": YES_OR_NO,
    "counterparty": TEXT,
    "by": TEXT,
    "reason": TEXT,
    "shares": ZERO_OR_MORE,
    "person": TEXT,
    "causes": TEXTS,
    "of": TEXT,
    "drill": YES_OR_NO,
    "new": RATIO_PART,
    "old": RATIO_PART,
}
# The domain of a field of one kind, if it is narrower. The amount brought forward may be zero; the
# amount paid for a fill may not, unless it was paid before.
OF_KIND: Final[Mapping[tuple[str, str], Numbers]] = {
    ("fill", "amount"): ABOVE_ZERO,
    ("prepaid", "amount"): ABOVE_ZERO,
    ("correct", "amount"): ABOVE_ZERO,
}
