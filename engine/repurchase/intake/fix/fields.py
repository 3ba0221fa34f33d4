"""The fields of one FIX message, each read exactly or refused by its name and number."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from operator import mul
from typing import Final

from repurchase.domain.errors import Wrong, short
from repurchase.domain.quantities import Exact, exact, written
from repurchase.intake.fix.messages import Message
from repurchase.intake.fix.words import (
    DISCRETION,
    LAST_DAY,
    LIMITED,
    MARKET,
    NAMES,
    OF_THE_DAY,
    ORDER_TYPES,
    SHARES,
    SIDES,
    UNTIL_CANCELLED,
    UNTIL_DATE,
)

_TIME: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})-([0-9:]{8}(?:\.[0-9]{1,9})?)", re.ASCII)
_DAY: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})", re.ASCII)
_AVERAGE: Final = re.compile(r"([0-9]{1,18})(?:\.([0-9]{0,24}))?", re.ASCII)
# Senders that compute with floating point write more decimals than they know.
_AVERAGE_DECIMALS_MAX: Final = 8
_CACHED: Final = 1 << 16
# In seconds: zones differ by whole half hours, at most by 14 hours. What happened is sent within
# some seconds, and never before. A few clocks differ by minutes.
_HALF_HOUR: Final = 1_800
_NEAR: Final = 5
_AHEAD: Final = 600
_LATEST: Final = 14 * 3_600 + _NEAR + 1


class Fields:
    """What a message gives: texts by their tags, and the values that several tags give together.

    *sender* and *target* are its two parties, the first being who sent it or who it is for.
    """

    __slots__ = ("_fields", "_ignore", "_message", "day", "sender", "target", "time")
    sender: tuple[str, str]
    target: tuple[str, str]
    time: str
    day: str

    def __init__(self, message: Message, ignore: frozenset[str] = frozenset()) -> None:
        """Take *message* without the fields whose tags are to *ignore*.

        Raise Wrong if a field that is read is given twice or is not ASCII, or if the time of the
        message (60; without one 52, or 122 if it is sent again) cannot be read or seems not to be
        in UTC.
        """
        self._message = message
        self._fields = message.fields
        self._ignore = ignore
        if ignore:
            kept = (pair for pair in message.fields.items() if pair[0] not in ignore)
            self._fields = dict(kept)
        if message.repeated or not message.raw.isascii():
            for tag in NAMES:
                self.once(tag)
        self.sender = (self.text("49"), self.text("56"))
        self.target = (self.sender[1], self.sender[0])
        sent = "122" if self.get("43") == "Y" and self.get("122") else "52"
        self.time = self._moment("60" if self.get("60") else sent)
        self.day = self.time[:10]
        # Clocks that differ by less than an hour are not those of two zones.
        if self._fields.get("60", "")[:11] not in ("", self._fields.get(sent, "")[:11]):
            self._check_clock(sent)

    def get(self, tag: str) -> str:
        """Return the text of *tag*, one of those in `NAMES`; empty without one."""
        return self._fields.get(tag, "")

    def once(self, tag: str) -> str:
        """Return the text of any *tag*; raise Wrong if it is given twice or is not ASCII."""
        text = self._fields.get(tag, "")
        if tag in self._message.repeated:
            raise Wrong(f"{_name(tag)} is given twice", "one message must give it once")
        if not text.isascii():
            raise Wrong(f"{_name(tag)} is not ASCII")
        return text

    def text(self, tag: str) -> str:
        """Return the text of *tag*; raise Wrong without one."""
        text = self.get(tag)
        if not text:
            raise Wrong(f"{_name(tag)} is missing")
        return text

    def number(self, tag: str) -> str:
        """Return the number of *tag* as events write it: without zeros at its end."""
        return _shortest(self.text(tag))

    def figure(self, tag: str) -> Exact:
        """Return the number of *tag*, exactly."""
        return self._exactly(tag, self.text(tag))

    def above_zero(self, tag: str) -> Exact:
        """Return the number of *tag*, which must be above zero."""
        figure = self.figure(tag)
        if figure <= 0:
            raise self.other(tag, "it must be above zero")
        return figure

    def other(self, tag: str, known: str) -> Wrong:
        """Return that *tag* is not what is *known*."""
        return Wrong(f"{_name(tag)} is `{short(self.get(tag))}`, but {known}")

    def id(self, name: str | None = None) -> str:
        """Return the ID of a report: its sender, its day, and its ExecID or *name*."""
        return f"{self.sender[0]}/{self.day}/{name or self.text('17')}"

    def side(self) -> str:
        """Return `buy` or `sell`."""
        side = SIDES.get(self.text("54"))
        if side is None:
            raise self.other("54", "1 (buy), 2, 5 and 6 (sell) are read")
        return side

    def check_share(self, *, is_named: bool) -> None:
        """Raise Wrong if the order may be for something else than a share called by Symbol (55).

        If another field names the instrument (*is_named*), the suffix of the symbol does not.
        """
        known_texts = (
            ("167", ("", *SHARES)),
            ("65", ("",)),
            ("231", ("", "1")),
            ("555", ("", "0")),
        )
        for tag, known in known_texts:
            if self.get(tag) not in known and not (is_named and tag == "65"):
                raise self.other(tag, "orders for shares named by one symbol are read")
        if self.get("461")[:1] not in ("", "E"):
            raise self.other("461", "orders for shares (E) are read")

    def check_units(self) -> None:
        """Raise Wrong if quantities may not be in units, or prices not of one unit."""
        if self.get("423") not in ("", "2"):
            raise self.other("423", "only prices of one unit (2) are read")
        if self.get("854") not in ("", "0"):
            raise self.other("854", "only quantities in units (0) are read")

    def check_executed(self) -> None:
        """Raise Wrong if what was executed is not a quantity of one share at one price."""
        self.check_units()
        if self.get("442") not in ("", "1"):
            raise self.other("442", "only reports of single securities (1) are read")
        if self.get("1362") in ("", "0"):
            return
        figures: dict[str, list[Exact]] = {"1364": [], "1365": []}
        for tag, text in self._message.pairs:
            if tag in figures:
                figures[tag].append(self._exactly(tag, text))
        value = sum(map(mul, figures["1364"], figures["1365"]))
        if (sum(figures["1365"]), value) != (
            self.figure("32"),
            self.figure("32") * self.figure("31"),
        ):
            what = "the fills (1362) do not add up to LastQty (32) at LastPx (31)"
            raise Wrong(what, "LastPx may be a rounded average of them")

    def limit(self) -> tuple[bool, str | None]:
        """Return whether the order is a market order, and else the highest price it may pay."""
        kind = self.text("40")
        self.check_units()
        for tag in DISCRETION:
            if self.get(tag) not in ("", "0"):
                raise self.other(tag, "an order that may pay more than its Price (44) is not read")
        if kind == MARKET:
            return True, None
        if kind not in LIMITED:
            called = ORDER_TYPES.get(kind, "a type that is not known")
            raise Wrong(
                f"OrdType (40) is `{short(kind)}`, {called}: no limit price bounds it",
                "market orders (1) and orders with a limit price are read",
            )
        self.above_zero("44")
        return False, self.number("44")

    def expires(self) -> str | None:
        """Return the last day or moment at which the order can fill; `None` for its own day."""
        kind = self.get("59")
        if (start := self.get("168")) and self._moment("168")[:10] != self.day:
            raise Wrong(f"EffectiveTime (168) is `{short(start)}`, on another day than the order")
        if kind in OF_THE_DAY:
            return None
        if kind not in (UNTIL_CANCELLED, UNTIL_DATE):
            raise self.other("59", "0 to 4, 6 and 7 are read")
        if self.get("126") or self.get("432"):
            return self._until()
        if kind == UNTIL_DATE:
            raise Wrong("ExpireDate (432) or ExpireTime (126) is missing")
        return LAST_DAY

    def _until(self) -> str:
        """Return what ExpireTime says, or else ExpireDate."""
        if self.get("126"):
            if "60" in self._ignore:
                what = "ExpireTime (126) may be in the clock of TransactTime (60), which is ignored"
                raise Wrong(what, "an order with ExpireDate (432) alone is read")
            return self._moment("126")
        found = _DAY.fullmatch(self.get("432"))
        if found is None:
            raise self.other("432", "it must be a date, such as 20240131")
        return "-".join(found.groups())

    def broker(self) -> str:
        """Return the executing broker: ExecBroker (76), or the party with that role (1)."""
        if text := self.get("76"):
            return text
        found, party = "", ""
        for tag, text in self._message.pairs if "452" in self._fields else ():
            if tag == "448":
                party = text
            elif tag == "452" and text == "1":
                if found:
                    raise Wrong("the parties (453) name two executing brokers")
                found = party
        return found

    def commission(self) -> Exact | None:
        """Return the commission, if it is an amount of money in the order's currency."""
        if self.get("12") and self.get("13") == "3" and not self._has_other_currency():
            return self.figure("12")
        return None

    def in_currency(self, amount: Exact, rate: object) -> str:
        """Return *amount* times the text *rate*, if there is one."""
        try:
            return written(amount * exact(str(rate))) if rate else written(amount)
        except ValueError:
            raise Wrong(f"the rate `{short(str(rate))}` is not a number") from None

    def remarks(self) -> tuple[str, ...]:
        """Return what the message lacks, or gives and is not read, that may matter for money."""
        found = []
        if self.get("12") and self.commission() is None and self.figure("12"):
            found.append(
                "Commission (12) is not an amount in the order's currency, and is not read"
            )
        if self._fields.get("136", "0") != "0":
            found.append("MiscFees (136) are not read")
        if self.text("35") == "8" and not self.get("14"):
            found.append("CumQty (14) is missing; the fills of the order are not compared with it")
        if self.text("35") == "D" and not self.get("15"):
            found.append("Currency (15) is missing; prices are taken in the instrument's currency")
        return tuple(found)

    def is_average(self, value: Exact, quantity: Exact) -> bool:
        """Return whether AvgPx (6) is *value* over *quantity*, rounded or cut, or is not given."""
        text = self.get("6")
        if not text:
            return True
        found = _AVERAGE.fullmatch(text)
        if found is None:
            return False
        decimals = found[2] or ""
        scale: int = 10 ** len(decimals)
        known: int = 10 ** min(len(decimals), _AVERAGE_DECIMALS_MAX)
        # The difference times the scale, and times what the average is divided by.
        divisor = value.denominator * quantity.numerator
        average = value.numerator * quantity.denominator * scale
        return abs(int(found[1] + decimals) * divisor - average) * known < divisor * scale

    def _has_other_currency(self) -> bool:
        return self.get("479") not in ("", self.get("15"))

    def _exactly(self, tag: str, text: str) -> Exact:
        """Return the number *text* of *tag*, exactly."""
        try:
            return _figure(text)
        except ValueError:
            what = f"{_name(tag)} is `{short(text)}`, but it must be a number, such as 100 or 12.5"
            raise Wrong(what) from None

    def _check_clock(self, sent: str) -> None:
        """Raise Wrong if TransactTime seems to be the local time of another zone than UTC.

        It is then later than the message was *sent*, or earlier by whole half hours.
        """
        try:
            was_sent = datetime.fromisoformat(self._moment(sent)[:19])
            late = (was_sent - datetime.fromisoformat(self.time[:19])).total_seconds()
        except ValueError:
            # The event has no such day, and says so.
            return
        apart = abs(late - round(late / _HALF_HOUR) * _HALF_HOUR)
        if late < -_AHEAD or (_AHEAD < late < _LATEST and apart <= _NEAR):
            what = f"TransactTime (60) is `{self.get('60')}`, but {_name(sent)} is"
            hint = "if TransactTime is local time, --ignore 60 reads SendingTime instead"
            raise Wrong(f"{what} `{self.get(sent)}`, and both must be in UTC", hint)

    def _moment(self, tag: str) -> str:
        found = _TIME.fullmatch(self.text(tag))
        if found is None:
            raise self.other(tag, "it must be a UTC time, such as 20240131-09:30:00.123")
        return f"{found[1]}-{found[2]}-{found[3]}T{found[4]}Z"


def _name(tag: str) -> str:
    """Return what messages call the field *tag*."""
    return f"{NAMES[tag]} ({tag})" if tag in NAMES else f"the field {short(tag)}"


def _shortest(text: str) -> str:
    """Return the number *text* without zeros at the end of its decimals."""
    return text.rstrip("0").rstrip(".") if "." in text else text


@lru_cache(_CACHED)
def _figure(text: str) -> Exact:
    return exact(_shortest(text))
