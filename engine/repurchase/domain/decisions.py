"""The data types of a decision: results, findings, outcomes, and the reported position."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Final, Literal, get_args

import msgspec

Result = Literal["pass", "fail", "indeterminate", "not_applicable"]
Outcome = Literal["approved", "denied", "held", "recorded", "refused"]
Effect = Literal["deny", "review", "flag"]

EFFECTS: Final = ("deny", "review", "flag")
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

_CHOICE: Final = re.compile(r'(?:^|, )(?:"((?:[^"]|"")*)"|([^",]+))')


class Finding(msgspec.Struct, frozen=True, gc=False):
    """The result of one rule, with both sides of the comparison that decided it.

    *observed* and *limit* are exact strings. If there are several choices, or words, *limit* is the
    text that `listed` returns for them. If the result is indeterminate, *missing* names the facts
    that were missing, and then the event fields that would supply them. A built-in finding, such as
    `engine.overrun`, has no *dimension* if it compares nothing. *since* is the day from which the
    edition that made the finding is in force; `None` for the edition of the event's own moment.
    *venue* is the venue of the finding, if the order names several and this is not the first.
    """

    rule: str
    result: Result
    effect: Effect
    observed: str | None = None
    limit: str | None = None
    dimension: str | None = None
    missing: tuple[str, ...] = ()
    since: date | None = None
    venue: str | None = None


class Judge(msgspec.Struct, frozen=True, gc=False):
    """A later edition that judged a request, by its hash, and the day *since* which it holds."""

    since: date
    edition: str


class PositionReport(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a program has used and what remains, as exact strings; `None` if unknown.

    Shares are ordinary-share equivalents, amounts are in the program's currency.
    """

    executed_shares: str | None
    reserved_shares: str | None
    executed_amount: str | None
    reserved_amount: str | None
    remaining_shares: str | None
    remaining_amount: str | None


class Decision(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The decision on one event: its outcome, the findings, the position after it, the edition.

    *editions* are the later ones that judged it, too, since what it asks for can still fill then.
    *halted_by* are the IDs of the events that halt the program, the oldest first. If *pending*, the
    event only proposes, and waits for a second person.
    """

    id: str
    kind: str
    outcome: Outcome
    findings: tuple[Finding, ...]
    position: PositionReport
    edition: str
    editions: tuple[Judge, ...] = ()
    halted_by: tuple[str, ...] = ()
    pending: bool = False


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """Which record of a journal holds a decision: its number, and its hash."""

    record: int
    hash: str


def listed(choices: Iterable[str]) -> str:
    """Return *choices* as one text, which `choices_of` can split again."""
    return ", ".join(map(_quoted, choices))


def choices_of(limit: str) -> tuple[str, ...]:
    """Return the choices from which `listed` made *limit*."""
    found = (one.group(1, 2) for one in _CHOICE.finditer(limit))
    return tuple(bare or quoted.replace('""', '"') for quoted, bare in found)


def _quoted(choice: str) -> str:
    # A comma or a quote inside a word would look like its end.
    if choice and "," not in choice and '"' not in choice:
        return choice
    doubled = choice.replace('"', '""')
    return f'"{doubled}"'
