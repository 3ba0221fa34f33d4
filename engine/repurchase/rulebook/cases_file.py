"""Cases beside a rule file or a pack: an event, what came before it, the expected outcome."""

from __future__ import annotations

import os
import pathlib
from typing import Final

from repurchase.domain.quantities import Exact
from repurchase.rulebook.keys import Part, Reading
from repurchase.rulebook.model import Case, Under
from repurchase.rulebook.schema import CASES_FILE
from repurchase.rulebook.yaml_reader import Document, open_document, read_document

_BEGINS: Final = "cases:"
CASES: Final = ".cases.yaml"


def cases_path(path: pathlib.Path) -> pathlib.Path:
    """Return the path of the cases of the rule file or pack *path*: `NAME.cases.yaml` beside it."""
    return path.parent / (path.stem + CASES)


def read_cases(path: str | os.PathLike[str]) -> tuple[Case, ...]:
    """Return the cases in the file *path*.

    Raise UsageError if it cannot be opened, RuleFileError with every fault in it.
    """
    return _cases(open_document(path, _BEGINS))


def read_cases_text(data: bytes, name: str) -> tuple[Case, ...]:
    """Return the cases in *data*, the content of the file that messages call *name*.

    Raise RuleFileError with every fault in it.
    """
    return _cases(read_document(data, name, _BEGINS))


def _cases(document: Document) -> tuple[Case, ...]:
    reading = Reading(document)
    file = reading.file(CASES_FILE)
    under = _under(document, file)
    cases = tuple(_case(reading, part, file["usual"], under) for part in file["cases"])
    reading.refuse_if_wrong()
    return cases


def _case(reading: Reading, part: Part, usual: dict[str, str], under: Under | None) -> Case:
    given, rules = part["given"], part["rules"]
    place = reading.document.place(part.path)
    return Case(
        name=part["name"],
        event=part["event"],
        usual=usual,
        expect=part["expect"],
        given_shares=_given(reading, given, "executed_shares", ("number", "shares")),
        # The rule file states the program's currency, so an amount here is given without one.
        given_amount=_given(reading, given, "executed_amount", ("number",)),
        given_events=tuple(given) if isinstance(given, list) else (),
        rules=None if rules is None else tuple(rules),
        effects=rules if isinstance(rules, dict) else {},
        under=_under(reading.document, part) or under,
        line=place.line,
        column=place.column,
    )


def _under(document: Document, part: Part) -> Under | None:
    if part["under"] is None:
        return None
    place = document.place((*part.path, "under"))
    return Under(part["under"], place.line, place.column)


def _given(reading: Reading, given: object, key: str, fitting: tuple[str, ...]) -> Exact | None:
    if not isinstance(given, Part) or given[key] is None:
        return None
    if given[key].dimension.kind not in fitting:
        what = f"`{key}` is not a plain number"
        reading.note((*given.path, key), what, "write it without a unit, such as `3,999`")
    value: Exact = given[key].value
    return value
