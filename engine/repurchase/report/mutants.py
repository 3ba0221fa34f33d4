"""The fates of the mutants of rule files and packs, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.errors import Problem, plain
from repurchase.report.checked import Checked
from repurchase.report.tables import counted, plain_table
from repurchase.tester.mutation import Fate, Mutation, Tried

_FATES: Final[tuple[Fate, ...]] = ("invalid", "killed", "equivalent", "survived")
_SHOWN: Final[tuple[tuple[Fate, str], ...]] = (("survived", "bold red"), ("equivalent", ""))


def mutation_view(found: Sequence[Mutation]) -> RenderableType:
    """Return the mutants that survive or are equivalent, and the number of each fate."""
    parts: list[RenderableType] = [
        Text(f"{_line(one, tried)}, {fate}", style=style)
        for fate, style in _SHOWN
        for one, tried in _come_to(found, fate)
    ]
    table = plain_table("file", "mutants", *_FATES)
    for one in found:
        counts = (len(one.tried), *(len(one.come_to(fate)) for fate in _FATES))
        row = (plain(one.tested.file.file), *(f"{count:,}" for count in counts))
        table.add_row(*map(Text, row))
    survivors = sum(len(one.come_to("survived")) for one in found)
    if survivors:
        verdict = Text.assemble(("SURVIVED", "bold red"), f": {counted(survivors, 'mutant')}")
    else:
        verdict = Text.assemble(("KILLED", "bold green"), ": no mutant survived")
    return Group(*parts, table, verdict)


def mutation_json(found: Sequence[Mutation], *, is_proved: bool) -> dict[str, Any]:
    """Return the same for programs; *is_proved* is whether a prover looked for equivalent ones."""
    answer: dict[str, Any] = {"mutants": sum(len(one.tried) for one in found)}
    for fate in _FATES:
        answer[fate] = [_fields(one, tried) for one, tried in _come_to(found, fate)]
    return answer if is_proved else answer | {"equivalent": None}


def mutation_checks(found: Sequence[Mutation]) -> list[Checked]:
    """Return a check for each valid mutant, which fails if the mutant survives."""
    return [_checked(one, tried) for fate in _FATES[1:] for one, tried in _come_to(found, fate)]


def _checked(one: Mutation, tried: Tried) -> Checked:
    file, mutant = one.tested.file.file, tried.mutant
    survived = Problem(f"survived: {mutant.what}", "add a case", file, mutant.line, mutant.column)
    problems = (survived,) if tried.fate == "survived" else ()
    return Checked(file, f"mutant: {mutant.what}", mutant.line, problems)


def _come_to(found: Sequence[Mutation], fate: Fate) -> Iterator[tuple[Mutation, Tried]]:
    return ((one, tried) for one in found for tried in one.come_to(fate))


def _line(one: Mutation, tried: Tried) -> str:
    mutant = tried.mutant
    return str(Problem(mutant.what, None, one.tested.file.file, mutant.line, mutant.column))


def _fields(one: Mutation, tried: Tried) -> dict[str, Any]:
    mutant = tried.mutant
    place = {"file": one.tested.file.file, "line": mutant.line, "column": mutant.column}
    killer = {} if tried.case is None else {"case": tried.case.name}
    return place | {"what": mutant.what} | killer
