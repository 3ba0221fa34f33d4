"""What the cases of rule files and packs notice of mutants, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.errors import Problem, plain
from repurchase.report.tables import counted, plain_table
from repurchase.tester.mutation import Fate, Mutation, Tried

_FATES: Final[tuple[Fate, ...]] = ("invalid", "killed", "equivalent", "survived")


def mutation_view(found: Sequence[Mutation]) -> RenderableType:
    """Return the mutants that no case notices, those set apart, and how many there are of each."""
    parts: list[RenderableType] = []
    for one, tried in _come_to(found, "survived"):
        parts.append(Text(f"{_said(one, tried)}, and no case notices", style="bold red"))
    for one, tried in _come_to(found, "equivalent"):
        parts.append(Text(f"{_said(one, tried)}, which comes to the same"))
    table = plain_table("file", "mutants", "invalid", "killed", "equivalent", "survived")
    for one in found:
        counts = (len(one.tried), *(len(one.come_to(fate)) for fate in _FATES))
        row = (plain(one.tested.file.file), *(f"{count:,}" for count in counts))
        table.add_row(*map(Text, row))
    left = sum(len(one.come_to("survived")) for one in found)
    if left:
        verdict = Text.assemble(("NOT NOTICED", "bold red"), f": {counted(left, 'mutant')}")
    else:
        verdict = Text.assemble(("NOTICED", "bold green"), ": all but those that come to the same")
    return Group(*parts, table, verdict)


def mutation_json(found: Sequence[Mutation], *, is_proved: bool) -> dict[str, Any]:
    """Return the same for programs; *is_proved* is whether equal ones could be looked for."""
    answer: dict[str, Any] = {"mutants": sum(len(one.tried) for one in found)}
    for fate in _FATES:
        answer[fate] = [_told(one, tried) for one, tried in _come_to(found, fate)]
    return answer if is_proved else answer | {"equivalent": None}


def _come_to(found: Sequence[Mutation], fate: Fate) -> Iterator[tuple[Mutation, Tried]]:
    return ((one, tried) for one in found for tried in one.come_to(fate))


def _said(one: Mutation, tried: Tried) -> str:
    mutant = tried.mutant
    return str(Problem(mutant.what, None, one.tested.file.file, mutant.line, mutant.column))


def _told(one: Mutation, tried: Tried) -> dict[str, Any]:
    mutant = tried.mutant
    place = {"file": one.tested.file.file, "line": mutant.line, "column": mutant.column}
    told = {**place, "what": mutant.what}
    return told if tried.case is None else {**told, "case": tried.case.name}
