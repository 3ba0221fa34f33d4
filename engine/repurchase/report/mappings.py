"""A drafted mapping as YAML, with its open questions, and the first rows as it reads them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from repurchase.domain.errors import plain
from repurchase.domain.events import Event
from repurchase.intake.draft.answers import put
from repurchase.intake.draft.draft import Draft
from repurchase.intake.draft.questions import Question, flow, flow_key
from repurchase.intake.mapping import OPEN
from repurchase.journal.records import event_object

_ORDER: Final = (
    *("title", "encoding", "separator", "sheet", "header", "numbers", "dates", "columns", "set"),
    *("ignore", "rows", "tolerances", "expect"),
)
_UNSHOWN: Final = ("kind", "id")


def mapping_text(drafted: Mapping[str, Any], questions: Sequence[Question] = ()) -> str:
    """Return the values *drafted* as a mapping file, with *questions* as comments."""
    values: dict[str, Any] = copy.deepcopy({**drafted})
    for one in questions:
        put(values, one.path, OPEN)
    lines = ["mapping: 1"]
    for key in (*(name for name in _ORDER if name in values), *(values.keys() - {*_ORDER})):
        lines += [f"# {line}" for one in questions if one.path[0] == key for line in _asked(one)]
        lines += _entry(key, values[key])
    return "\n".join(lines) + "\n"


def _asked(one: Question) -> Iterator[str]:
    # What stands in the file must not end the comment: the next line would be a key.
    yield plain(f"QUESTION {one.key}: {one.what}")
    if one.candidates:
        yield plain(f"  candidates: {', or '.join(one.candidates)}")


def _entry(key: str, value: Any) -> Iterator[str]:
    """Yield *key* with its *value*: a mapping of several keys line by line, the rest on one."""
    if key in ("columns", "rows") and isinstance(value, dict):
        yield f"{key}:"
        for name, inner in value.items():
            yield f"  {flow_key(name)}: {flow(inner)}"
    else:
        yield f"{flow_key(key)}: {flow(value)}"


def open_lines(draft: Draft) -> Iterator[str]:
    """Yield what settled the draft, and each open question, line by line."""
    for one in draft.settled:
        yield f"settled: {one}"
    for question in draft.questions:
        yield f"question {question.key}: {question.what}"
        for candidate in question.candidates:
            pasted = f"{question.key}={candidate}".replace("'", "'\\''")
            yield f"  --answer '{pasted}'"


def preview_lines(rows: Sequence[tuple[int, str, Event | None, str]]) -> Iterator[str]:
    """Yield the first *rows*, each as it stands and, below, as it is read or why it is not."""
    for line, text, event, wrong in rows:
        yield f"line {line}: {text}"
        yield f"  is read as: {wrong if event is None else _read(event)}"


def _read(event: Event) -> str:
    fields = event_object(event)
    return ", ".join(f"{key} {of}" for key, of in fields.items() if key not in _UNSHOWN)
