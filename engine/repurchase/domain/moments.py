"""Moments that are exact to the nanosecond, which Python's `datetime` alone does not hold."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final, Self

from repurchase.domain.quantities import Exact, quotient

NANOSECONDS: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_IN_A_MICROSECOND: Final = 1_000
# Where the digits after the microsecond stand in the text of a moment.
_FINE: Final = slice(len("2008-11-14T09:30:00.123456"), len("2008-11-14T09:30:00.123456789"))
_LENGTH: Final = len("2008-11-14T09:30:00.123456789+09:00")


class Moment(datetime):
    """A `datetime` that lies *nanosecond* nanoseconds, up to 999, after its microsecond.

    Only a time that has such nanoseconds needs this type; a plain `datetime` has none. The two
    compare with each other exactly. Whoever adds or subtracts a `timedelta` drops the nanoseconds.
    """

    __slots__ = ("nanosecond",)
    nanosecond: int

    def __new__(cls, *parts: Any, **named: Any) -> Self:
        """Return the moment of *parts*, as of a `datetime`, without nanoseconds."""
        made = super().__new__(cls, *parts, **named)
        made.nanosecond = 0
        return made

    @classmethod
    def after(cls, moment: datetime, nanosecond: int) -> Self:
        """Return the moment that lies *nanosecond* nanoseconds after the microsecond *moment*."""
        day, clock = moment.date(), moment.timetz()
        made = cls.combine(day, clock)
        made.nanosecond = nanosecond
        return made

    def astimezone(self, tz: tzinfo | None = None) -> Self:
        """Return this moment as the clock of *tz* shows it."""
        return self.after(super().astimezone(tz), self.nanosecond)

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        """Return the text of this moment, with nine digits of a second if it has nanoseconds."""
        if not self.nanosecond or timespec != "auto":
            return super().isoformat(sep, timespec)
        text = super().isoformat(sep, "microseconds")
        return f"{text[: _FINE.start]}{self.nanosecond:03d}{text[_FINE.start :]}"

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        """Return how to make this moment again from its pickle."""
        # The protocol of `datetime` itself would drop the nanoseconds.
        plain = datetime.combine(self.date(), self.timetz())
        return Moment.after, (plain, self.nanosecond)

    def __hash__(self) -> int:
        """Return the hash of the microsecond."""
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        """Return whether *other* is the same instant, to the nanosecond."""
        is_near = super().__eq__(other)
        return self.nanosecond == nanosecond_of(other) if is_near is True else is_near

    def __ne__(self, other: object) -> bool:
        """Return whether *other* is not the same instant."""
        # That of `datetime` does not ask `__eq__`.
        return not self == other

    def __lt__(self, other: date) -> bool:
        """Return whether this moment is before *other*."""
        return self._is_finer(other, operator.lt) or super().__lt__(other)  # type: ignore[operator]

    def __le__(self, other: date) -> bool:
        """Return whether this moment is before *other* or is the same instant."""
        return self == other or self.__lt__(other)

    def __gt__(self, other: date) -> bool:
        """Return whether this moment is after *other*."""
        return self._is_finer(other, operator.gt) or super().__gt__(other)  # type: ignore[operator]

    def __ge__(self, other: date) -> bool:
        """Return whether this moment is after *other* or is the same instant."""
        return self == other or self.__gt__(other)

    def _is_finer(self, other: date, compared: Callable[[int, int], bool]) -> bool:
        """Return whether *other* has this microsecond, and its nanoseconds are so *compared*."""
        return super().__eq__(other) is True and compared(self.nanosecond, nanosecond_of(other))


def nanosecond_of(moment: object) -> int:
    """Return the nanoseconds from the microsecond of *moment* to *moment* itself, up to 999."""
    return moment.nanosecond if isinstance(moment, Moment) else 0


def instant(moment: datetime) -> int:
    """Return *moment* in nanoseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND * _IN_A_MICROSECOND + nanosecond_of(moment)


def time_number(moment: datetime | time) -> Exact:
    """Return the seconds from midnight to the time of day of *moment*, to the nanosecond."""
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    nanoseconds = moment.microsecond * _IN_A_MICROSECOND + nanosecond_of(moment)
    return seconds + quotient(nanoseconds, NANOSECONDS) if nanoseconds else seconds


def moment_of(text: str) -> datetime:
    """Return the moment that `isoformat` wrote as *text*; raise ValueError for any other text."""
    if len(text) < _LENGTH:
        return datetime.fromisoformat(text)
    plain = datetime.fromisoformat(text[: _FINE.start] + text[_FINE.stop :])
    return Moment.after(plain, int(text[_FINE]))
