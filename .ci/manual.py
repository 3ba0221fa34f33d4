"""Write the tables of the manual from the program: `make manual`.

Each text has one place: facts and findings in their tables, keys in the schema of rule files, the
law in its pack. `tests/test_docs.py` keeps the manual what this would write.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from repurchase.domain.decisions import EFFECTS
from repurchase.evaluation.wording import ENGINE
from repurchase.facts.table import TABLE
from repurchase.rulebook.library import pack_names
from repurchase.rulebook.packs import shipped_pack
from repurchase.rulebook.schema import PackFields, PackRuleFields, RuleFields, RuleFileFields

MANUAL = Path(__file__).parents[1] / "rules" / "README.md"

Rows = Iterator[tuple[str, ...]]


def main() -> None:
    """Write the manual anew."""
    MANUAL.write_text(rewritten(MANUAL.read_text(encoding="utf-8")), encoding="utf-8")


def rewritten(manual: str) -> str:
    """Return the text of the *manual* with each table as the program has it.

    Raise ValueError where one of them is missing.
    """
    for heading, rows in TABLES.items():
        start = manual.index(heading)
        # A table ends at an empty line, or with the file.
        end = manual.find("\n\n", start)
        rest = manual[end:] if end >= 0 else "\n"
        lines = [heading, "|---" * heading.count(" | ") + "|---|", *map(_row, rows())]
        manual = manual[:start] + "\n".join(lines) + rest
    return manual


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def facts() -> Rows:
    """Yield each fact: its name, its dimension, what it means, and the fields that give it."""
    for fact in TABLE.values():
        of = ", program currency" if fact.dimension.currency == "program" else ""
        given_by = ", ".join(f"`{name}`" for name in fact.given_by)
        yield f"`{fact.name}`", f"{fact.dimension.kind}{of}", fact.meaning, given_by


def findings() -> Rows:
    """Yield each finding of the program itself, and what it means."""
    for name, said in ENGINE.items():
        yield f"`{name}`", said


def packs() -> Rows:
    """Yield each shipped pack: its name, the law, and how many rules it has of each effect."""
    for name in pack_names():
        pack = shipped_pack(name)
        effects = [rule.effect for rule in (*pack.rules, *pack.off)]
        counts = (f"{effects.count(one)} `{one}`" for one in EFFECTS if one in effects)
        yield f"`{name}`", pack.title, ", ".join(counts)


def keys(model: type[BaseModel], *, own: bool = False) -> Callable[[], Rows]:
    """Return what yields each key that *model* has, its *own* alone or first, and what it says."""

    def rows() -> Rows:
        families = (model,) if own else model.__mro__
        for name in (name for one in families for name in inspect.get_annotations(one)):
            field = model.model_fields.get(name)
            if field is not None:
                usual = f" Default: `{field.default}`." if type(field.default) is str else ""
                yield f"`{field.alias or name}`", f"{field.description}{usual}"

    return rows


TABLES: Final[Mapping[str, Callable[[], Rows]]] = {
    "| key of a file | what |": keys(RuleFileFields),
    "| key of a rule | what |": keys(RuleFields),
    "| pack | law | its rules |": packs,
    "| key of a pack | what |": keys(PackFields),
    "| key of a rule of a pack | what |": keys(PackRuleFields, own=True),
    "| finding | meaning |": findings,
    "| fact | dimension | meaning | given by |": facts,
}

if __name__ == "__main__":
    main()
