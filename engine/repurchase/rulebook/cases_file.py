"""Cases beside a rule file or a pack: an event, what came before it, the answer expected."""

from __future__ import annotations

import os
import pathlib
from typing import Final

from repurchase.domain.quantities import Exact
from repurchase.domain.terms import Figure
from repurchase.rulebook.model import Case, Under
from repurchase.rulebook.parts import usable
from repurchase.rulebook.schema import CaseFields, CasesFileFields, GivenFields
from repurchase.rulebook.yaml_reader import Document, Path, read_bytes, read_document

CASES: Final = ".cases.yaml"


def cases_path(path: pathlib.Path) -> pathlib.Path:
    """Return where the cases of the rule file or pack *path* lie: `NAME.cases.yaml` beside it."""
    return path.parent / (path.stem + CASES)


def read_cases(path: str | os.PathLike[str]) -> tuple[Case, ...]:
    """Return the cases in the file *path*.

    Raise UsageError where it cannot be opened, RuleFileError with all that is wrong in it.
    """
    return read_cases_text(read_bytes(path), os.fspath(path))


def read_cases_text(data: bytes, name: str) -> tuple[Case, ...]:
    """Return the cases that *data* writes; *name* is the file in messages."""
    document = read_document(data, name, "cases:")
    fields, _, _ = usable(CasesFileFields, document)
    cases: tuple[Case, ...] = ()
    if fields is not None:
        under = _under(document, (), fields.under)
        cases = tuple(
            _case(document, index, each, fields.usual, under)
            for index, each in enumerate(fields.cases)
        )
    if document.problems:
        document.refuse()
    return cases


def _case(
    document: Document, index: int, fields: CaseFields, usual: dict[str, str], under: Under | None
) -> Case:
    path: Path = ("cases", index)
    shares = amount = None
    events: tuple[dict[str, str], ...] = ()
    if isinstance(fields.given, GivenFields):
        given = (*path, "given")
        shares = _given(document, (*given, "executed_shares"), fields.given.executed_shares)
        amount = _given(document, (*given, "executed_amount"), fields.given.executed_amount)
    elif fields.given is not None:
        events = tuple(fields.given)
    place = document.place(path)
    return Case(
        name=fields.name,
        event=fields.event,
        usual=usual,
        expect=fields.expect,
        given_shares=shares,
        given_amount=amount,
        given_events=events,
        rules=None if fields.rules is None else tuple(fields.rules),
        effects=fields.rules if isinstance(fields.rules, dict) else {},
        under=_under(document, path, fields.under) or under,
        line=place.line,
        column=place.column,
    )


def _under(document: Document, path: Path, written: str | None) -> Under | None:
    if written is None:
        return None
    place = document.place((*path, "under"))
    return Under(written, place.line, place.column)


def _given(document: Document, path: Path, figure: Figure | None) -> Exact | None:
    if figure is None:
        return None
    # The program's currency stands in the rule file, so an amount is given without one.
    fitting = ("number", "shares") if path[-1] == "executed_shares" else ("number",)
    if figure.dimension.kind not in fitting:
        what = f"`{path[-1]}` is a figure without a unit"
        document.problems.append(document.problem(document.place(path), what, "such as `3,999`"))
    return figure.value
