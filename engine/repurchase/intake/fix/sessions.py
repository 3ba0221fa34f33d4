"""The sequence numbers of FIX sessions: which messages are repeats, and which are missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from repurchase.domain.errors import Problem, Wrong
from repurchase.intake.fix.messages import Message

_LOGON: Final = "A"
_SEQUENCE_RESET: Final = "4"
_DIGITS_MAX: Final = 18

# A late message fills a gap: the messages before it in the log came after it.
Turn = Literal["new", "late", "repeat"]


class Gap(msgspec.Struct, frozen=True):
    """The sequence numbers from *first* to *last*, missing before the message on *line*."""

    first: int
    last: int
    line: int


class _Direction(msgspec.Struct):
    """One direction of a session: the number expected next, and the day of its last message."""

    expected: int
    first: int
    day: str
    last: bytes = b""
    gaps: list[Gap] = msgspec.field(default_factory=list)
    # The gaps of sessions that have ended, which nothing can fill any more.
    lost: list[Gap] = msgspec.field(default_factory=list)


class Sessions:
    """The directions of all sessions in a log, by sender (49) and target (56)."""

    def __init__(self) -> None:
        self._directions: dict[tuple[str, str], _Direction] = {}

    def turn(self, message: Message) -> Turn:
        """Return whether *message* is new, late or a repeat; raise Wrong if its number cannot be.

        A repeat is a message with PossDupFlag (43) whose number was read before, or the same bytes
        once more.
        """
        fields = message.fields
        number, sender, target, day = _header(fields)
        one = self._directions.get((sender, target))
        if one is None:
            one = self._directions[sender, target] = _Direction(number, number, day)
        turn = self._turn(one, number, day, message)
        if turn == "new":
            one.day, one.last = day, message.raw
        if fields["35"] == _SEQUENCE_RESET:
            _reset(one, number, fields)
        return turn

    def has_gap(self, message: Message) -> bool:
        """Return whether a late message may still come in the direction of *message*."""
        fields = message.fields
        return bool(self._directions[fields["49"], fields["56"]].gaps)

    def missing(self, file: str) -> Iterator[Problem]:
        """Yield a problem for each gap that no later message filled."""
        for (sender, target), one in self._directions.items():
            for gap in (*one.lost, *one.gaps):
                numbers = f"{gap.first}" if gap.first == gap.last else f"{gap.first} to {gap.last}"
                what = f"the messages 34={numbers} from {sender} to {target} are missing"
                hint = "add them to the log: they may be orders or fills"
                yield Problem(what, hint, file, gap.line)

    def _turn(self, one: _Direction, number: int, day: str, message: Message) -> Turn:
        is_dup = message.fields.get("43") == "Y"
        if number >= one.expected:
            if number > one.expected:
                one.gaps.append(Gap(one.expected, number - 1, message.line))
            one.expected = number + 1
            return "new"
        if any(gap.first <= number <= gap.last for gap in one.gaps):
            _close(one, number, number)
            return "late"
        if is_dup and number < one.first:
            return "late"
        kind = message.fields["35"]
        if is_dup or kind == _SEQUENCE_RESET or message.raw == one.last:
            return "repeat"
        if day < one.day or (kind != _LOGON and day == one.day):
            what = f"MsgSeqNum (34) goes back from {one.expected - 1} to {number}"
            raise Wrong(what, "only a Logon, a new day or PossDupFlag (43) allows that")
        one.lost += one.gaps
        one.gaps = [] if number == 1 else [Gap(1, number - 1, message.line)]
        one.expected, one.first = number + 1, 1
        return "new"


def _header(fields: dict[str, str]) -> tuple[int, str, str, str]:
    """Return the number, sender, target and day of a message; raise Wrong if one is missing."""
    for tag, name in {
        "35": "MsgType",
        "34": "MsgSeqNum",
        "49": "SenderCompID",
        "56": "TargetCompID",
        "52": "SendingTime",
    }.items():
        if not fields.get(tag):
            raise Wrong(f"{name} ({tag}) is missing")
    number = fields["34"]
    if not (number.isascii() and number.isdigit() and len(number) <= _DIGITS_MAX):
        raise Wrong("MsgSeqNum (34) is not a number")
    return int(number), fields["49"], fields["56"], fields["52"][:8]


def _reset(one: _Direction, number: int, fields: dict[str, str]) -> None:
    """Let *one* go on at the NewSeqNo (36) of a SequenceReset; what that fills is not missing."""
    following = fields.get("36", "")
    if not (following.isascii() and following.isdigit() and len(following) <= _DIGITS_MAX):
        raise Wrong("NewSeqNo (36) is missing or is not a number")
    _close(one, number, int(following) - 1)
    one.expected = max(one.expected, int(following))


def _close(one: _Direction, first: int, last: int) -> None:
    """Take the numbers from *first* to *last* out of the gaps of *one*."""
    rest = []
    for gap in one.gaps:
        rest.append(Gap(gap.first, min(gap.last, first - 1), gap.line))
        rest.append(Gap(max(gap.first, last + 1), gap.last, gap.line))
    one.gaps = [gap for gap in rest if gap.first <= gap.last]
