"""A drafted mapping as YAML, with its open questions, and the first rows as it reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from repurchase.domain.events import Event
from repurchase.intake.draft import Answer, Draft, Question, flow
from repurchase.intake.mapping import OPEN
from repurchase.journal.records import event_object

_ORDER: Final = (
    *("encoding", "separator", "sheet", "header", "numbers", "dates", "columns", "set", "ignore"),
    "rows",
    "tolerances",
    "expect",
)
_UNSHOWN: Final = ("kind", "id")


def mapping_text(draft: Draft, answers: Mapping[str, str]) -> str:
    """Return *draft* as a mapping file, with *answers* by the keys of its questions, and others."""
    values: dict[str, Any] = {**draft.values}
    open_ = [one for one in draft.questions if not one.is_answered(answers)]
    paths = {one.key: one.path for one in draft.questions}
    for one in open_:
        _put(values, one.path, Answer(f'"{OPEN}"'))
    for key, answer in answers.items():
        _put(values, paths.get(key) or key.split("."), Answer(answer))
    lines = ["mapping: 1"]
    for key in (name for name in _ORDER if name in values):
        lines += [f"# {line}" for one in open_ if one.path[0] == key for line in _asked(one)]
        lines += _entry(key, values[key])
    return "\n".join(lines) + "\n"


def _asked(one: Question) -> Iterator[str]:
    yield f"QUESTION {one.key}: {one.what}"
    if one.candidates:
        yield f"  candidates: {', or '.join(one.candidates)}"


def _put(values: Any, path: Sequence[str], value: str) -> None:
    """Set the value at *path* within nested *values*; a list is of rows by their label."""
    first, *rest = path
    if isinstance(values, list):
        values = next(one for one in values if one.get("row") == first)
        first, *rest = rest
    if not rest:
        values[first] = value
        return
    inner = values.get(first)
    if not isinstance(inner, dict | list):
        values[first] = {} if inner is None else {"column": inner}
    _put(values[first], rest, value)


def _entry(key: str, value: Any) -> Iterator[str]:
    """Yield *key* with its *value*: a mapping of several keys line by line, the rest on one."""
    if key in ("columns", "rows") and isinstance(value, dict):
        yield f"{key}:"
        for name, inner in value.items():
            yield f"  {name}: {flow(inner)}"
    else:
        yield f"{key}: {flow(value)}"


def open_lines(draft: Draft, answers: Mapping[str, str]) -> Iterator[str]:
    """Yield what settled the draft, and each question without an answer, line by line."""
    for one in draft.settled:
        yield f"settled: {one}"
    for question in draft.questions:
        if question.is_answered(answers):
            continue
        yield f"question {question.key}: {question.what}"
        for candidate in question.candidates:
            yield f"  --answer '{question.key}={candidate}'"


def preview_lines(rows: Sequence[tuple[int, str, Event | None, str]]) -> Iterator[str]:
    """Yield the first *rows*, each as it stands and, below, as it is read or why it is not."""
    for line, text, event, wrong in rows:
        yield f"line {line}: {text}"
        yield f"  is read as: {wrong if event is None else _read(event)}"


def _read(event: Event) -> str:
    fields = event_object(event)
    return ", ".join(f"{key} {of}" for key, of in fields.items() if key not in _UNSHOWN)
