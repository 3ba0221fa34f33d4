"""The calls that the document of the service shows as examples, each with its answer.

They are made in their order, to a service whose program has not begun. `make calls` writes the
answers anew, and a test makes the calls again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from importlib.resources import files
from typing import Any, Final

import msgspec

_OK: Final = 200


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call of *role* to *path*, called *name* in the document, and the *answer* with *status*.

    *given* are the parameters, those in the path too, and *events* are the lines of the body: one
    line, which is no event, if a rule file is proposed. An answer in lines is a list. A text is
    only the beginning of an answer.
    """

    name: str
    path: str
    status: int = _OK
    method: str = "GET"
    role: str | None = None
    given: dict[str, str] = {}
    media: str | None = None
    events: tuple[dict[str, Any], ...] = ()
    answers: tuple[Any, ...] = ()

    @property
    def summary(self) -> str:
        """Return who makes the call."""
        return "without a key" if self.role is None else f"by `{self.role}`"

    def named(self, values: Iterable[Any]) -> dict[str, Any]:
        """Return *values*, one or a line each, as examples of the document."""
        every = tuple(values)
        names = (
            [self.name]
            if len(every) == 1
            else [f"{self.name}-{at + 1}" for at in range(len(every))]
        )
        return {
            name: {"summary": self.summary, "value": value}
            for name, value in zip(names, every, strict=True)
        }


class Calls(msgspec.Struct, frozen=True):
    """The *calls* in their order, and the text of the *rules* of their program."""

    rules: str
    calls: tuple[Call, ...]

    def of(self, method: str, path: str) -> Iterator[Call]:
        """Yield the calls of one route."""
        yield from (one for one in self.calls if (one.method, one.path) == (method, path))

    def events(self) -> dict[str, dict[str, Any]]:
        """Return the first event of each kind that was taken."""
        found: dict[str, dict[str, Any]] = {}
        for call in self.calls:
            for event in call.events if call.status == _OK else ():
                if "kind" in event:
                    found.setdefault(event["kind"], event)
        return found


def read_calls() -> Calls:
    """Return the calls."""
    file = files("repurchase.report").joinpath("calls.json")
    return msgspec.json.decode(file.read_bytes(), type=Calls)


def exemplified(operation: Mapping[str, Any], calls: Iterable[Call]) -> dict[str, Any]:
    """Return the *operation* of a document with *calls* as its examples."""
    found = deepcopy(dict(operation))
    for call in calls:
        responses = found["responses"]
        if call.status == _OK:
            _ask(found, call)
        answer = responses.get(str(call.status), responses["default"])["content"]
        # What comes in lines has a line in each example.
        media = call.media if call.status == _OK and call.media in answer else next(iter(answer))
        answer[media].setdefault("examples", {}).update(call.named(call.answers))
    return found


def _ask(operation: dict[str, Any], call: Call) -> None:
    """Add to *operation* what *call* asks."""
    if call.media is not None:
        content = operation["requestBody"]["content"][call.media]
        content.setdefault("examples", {}).update(call.named(call.events))
    for parameter in operation.get("parameters", ()):
        name, fields = parameter["name"], parameter["schema"].get("properties", {})
        if fields:
            asked: Any = {one: text for one, text in call.given.items() if one in fields}
        else:
            asked = call.given.get(name)
        if asked:
            is_number = parameter["schema"].get("type") == "integer"
            value = int(asked) if is_number else asked
            parameter.setdefault("examples", {}).update(call.named((value,)))
