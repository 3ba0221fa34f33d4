"""The nouns of an answer: results, findings, outcomes, and the position that is reported."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

Result = Literal["pass", "fail", "indeterminate", "not_applicable"]
Outcome = Literal["approved", "denied", "held", "recorded", "refused"]
Effect = Literal["deny", "review", "flag"]

EFFECTS: Final = ("deny", "review", "flag")

_CHOICE: Final = re.compile(r'(?:^|, )(?:"((?:[^"]|"")*)"|([^",]+))')


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What one rule found: the two sides of the comparison that decided it, as exact strings.

    *limit* is what `listed` makes of the choices, where there are several or words. *missing*
    names the facts without which it could not be decided, and then the fields that the event
    would give them by. A finding of the program itself, such as `engine.overrun`, has no
    dimension where it compares nothing.
    """

    rule: str
    result: Result
    effect: Effect
    observed: str | None = None
    limit: str | None = None
    dimension: str | None = None
    missing: tuple[str, ...] = ()


class PositionReport(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a program has used and has left, as exact strings; `None` where it is not known.

    *halted* is the id of what halted it, and is left out of JSON where nothing did.
    """

    executed_shares: str | None
    reserved_shares: str | None
    executed_amount: str | None
    reserved_amount: str | None
    remaining_shares: str | None
    remaining_amount: str | None
    halted: str | None = None


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The answer to one event: its outcome, why, where that leaves the program, by which rules."""

    id: str
    kind: str
    outcome: Outcome
    findings: tuple[Finding, ...]
    position: PositionReport
    edition: str


def listed(choices: Iterable[str]) -> str:
    """Return *choices* as one text from which `choices_of` tells them apart again."""
    return ", ".join(map(_quoted, choices))


def choices_of(limit: str) -> tuple[str, ...]:
    """Return the choices that `listed` made *limit* of."""
    found = (one.group(1, 2) for one in _CHOICE.finditer(limit))
    return tuple(bare or quoted.replace('""', '"') for quoted, bare in found)


def _quoted(choice: str) -> str:
    # A comma or a quote within a word would look like the end of it.
    if choice and "," not in choice and '"' not in choice:
        return choice
    doubled = choice.replace('"', '""')
    return f'"{doubled}"'
