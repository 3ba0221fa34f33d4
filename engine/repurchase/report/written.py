"""Answers for programs: JSON on one line, and files that are written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import structs

from repurchase.domain.decisions import Decision
from repurchase.domain.errors import Problem, UsageError, reason
from repurchase.domain.events import Event
from repurchase.domain.moments import Moment
from repurchase.domain.quantities import written
from repurchase.report.outputs import is_file_to_be, new_partial, open_direct

if TYPE_CHECKING:
    from repurchase.evaluation.step import Decided

_NOT_PRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


def json_text(value: object) -> str:
    """Return *value* as one line of JSON, without a character that a terminal could obey."""
    try:
        text = msgspec.json.encode(value, enc_hook=_text_of).decode()
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, enc_hook=_text_of)
        text = msgspec.json.encode(_encodable(plain)).decode()
    return text if text.isprintable() else _NOT_PRINTABLE.sub(_escaped, text)


def log_line(at: datetime, what: str, fields: Mapping[str, object]) -> bytes:
    """Return the line of a log that says *what* happened *at* a moment, with all that is known."""
    known = {name: value for name, value in fields.items() if value is not None}
    found = {"at": at.isoformat(timespec="milliseconds"), "what": what, **known}
    return f"{json_text(found)}\n".encode()


def _text_of(value: object) -> str:
    if isinstance(value, Moment):
        return value.isoformat()
    # msgspec expects this of a hook that knows no answer.
    raise NotImplementedError


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    if character.isprintable():
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _encodable(value: object) -> object:
    """Return *value* with each character escaped that UTF-8 lacks; a path may hold one."""
    if isinstance(value, dict):
        return {_encodable(name): _encodable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(one) for one in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


class DecisionLine(Decision, frozen=True, omit_defaults=True):
    """A decision with what its event states: the moment, the venue, the units and their price."""

    time: str | None = None
    date: str | None = None
    venue: str | None = None
    venues: tuple[str, ...] = ()
    quantity: str | None = None
    price: str | None = None


class LiveDecision(DecisionLine, frozen=True, omit_defaults=True):
    """A decision with what the desk says beside it; see `Decided`."""

    repeated: bool = False
    order_state: str | None = None
    to_cancel: tuple[str, ...] = ()
    stopped: tuple[object, ...] = ()
    one_person: bool = False
    is_drill: bool = False
    record: int | None = None
    hash: str | None = None
    next: object = None


_AT_THE_DESK: Final = (
    *("repeated", "order_state", "to_cancel", "stopped"),
    *("one_person", "is_drill"),
)


def decision_object(decided: Decided, following: object = None) -> Decision:
    """Return a decision as programs read it: with its findings in words, and what its event states.

    *following* is what to do next, if that is known.
    """
    # Here, because an error is written as JSON also if the engine cannot be loaded.
    from repurchase.evaluation.wording import worded

    decision = decided.decision
    # Most events of a log pass: without findings there is nothing to put in words.
    found = worded(decision, decided.life, decided.event) if decision.findings else decision
    line = DecisionLine(*structs.astuple(found), *_stated(decided.event))
    at_the_desk = {name: getattr(decided, name) for name in _AT_THE_DESK if getattr(decided, name)}
    if decided.receipt is not None:
        at_the_desk |= structs.asdict(decided.receipt)
    if following is None and not at_the_desk:
        return line
    return LiveDecision(**structs.asdict(line), **at_the_desk, next=following)


def _stated(event: Event | None) -> tuple[Any, ...]:
    """Return what *event* states, in the order of the fields that `DecisionLine` adds."""
    if event is None:
        return ()
    time, date, price = event.time, event.date, event.price
    return (
        None if time is None else time.isoformat(),
        None if date is None else date.isoformat(),
        event.venue,
        event.venues,
        None if event.quantity is None else str(event.quantity),
        None if price is None else written(price),
    )


@contextmanager
def whole_file(path: Path, noun: str) -> Iterator[Callable[[str], None]]:
    """Yield a function that adds a line to the file *path*, as `whole_bytes` does with bytes.

    A line that was read with `surrogateescape` is written as the bytes that it was.
    """
    with whole_bytes(path, noun) as add:
        yield lambda line: add(f"{line}\n".encode(errors="surrogateescape"))


@contextmanager
def whole_bytes(path: Path, noun: str) -> Iterator[Callable[[bytes], None]]:
    """Yield a function that adds bytes to the file *path*, which is written whole or not at all.

    Until the end, they are in `NAME.partial`; they stay there if an exception ends the block.
    The file is its owner's alone. Raise UsageError, which calls the file *noun*, if it cannot be
    written, if it is a link, or if another process is writing it.
    """
    with _refused(noun, path):
        is_replaced = is_file_to_be(path)
    partial = path.with_name(f"{path.name}.partial") if is_replaced else path
    with _refused(noun, partial):
        descriptor = new_partial(partial) if is_replaced else open_direct(path)
        file = os.fdopen(descriptor, "wb")

    def add(content: bytes) -> None:
        with _refused(noun, partial):
            file.write(content)

    try:
        yield add
        with _refused(noun, partial):
            file.flush()
            if is_replaced:
                os.fsync(descriptor)
                # Before the lock on it ends, or another process could take it for a leftover.
                partial.replace(path)
            file.close()
    finally:
        with suppress(OSError):
            file.close()


@contextmanager
def _refused(noun: str, path: Path) -> Iterator[None]:
    """Raise UsageError if the system refuses to write *noun* to *path*."""
    try:
        yield
    except OSError as error:
        problem = Problem(f"{noun} cannot be written: {reason(error)}", file=str(path))
        raise UsageError(problem) from error
