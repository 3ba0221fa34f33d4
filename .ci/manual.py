"""Write the tables of the manual and of the page on proofs from the program: `make manual`.

Each text has one place: facts and findings in their tables, keys in the schema of rule files, the
law in its pack. `tests/test_docs.py` keeps the manual what this would write.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from repurchase.domain.decisions import EFFECTS
from repurchase.evaluation.wording import ENGINE
from repurchase.facts.counters import facts_of
from repurchase.facts.fact import Fact
from repurchase.facts.table import TABLE
from repurchase.rulebook.keys import Key
from repurchase.rulebook.library import pack_names
from repurchase.rulebook.packs import shipped_pack
from repurchase.rulebook.schema import (
    AVERAGE,
    COUNTER,
    DATED,
    OF_LAW,
    PACK,
    QUOTING,
    RULE,
    RULE_FILE,
)

ROOT = Path(__file__).parents[1]
MANUAL = ROOT / "rules" / "README.md"
PROOF = ROOT / "docs" / "proof.md"

Rows = Iterator[tuple[str, ...]]


def main() -> None:
    """Write both pages anew."""
    for page, tables in ((MANUAL, TABLES), (PROOF, OF_PROOFS)):
        text = rewritten(page.read_text(encoding="utf-8"), tables)
        page.write_text(text, encoding="utf-8")


def rewritten(manual: str, tables: Mapping[str, Callable[[], Rows]] | None = None) -> str:
    """Return the text of the *manual* with each of *tables* as the program has it.

    Without *tables*, they are those of the manual. Raise ValueError where one of them is missing.
    """
    for heading, rows in (TABLES if tables is None else tables).items():
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
    """Yield each fact: its name, dimension, domain and meaning, and the fields that give it."""
    yield from map(_fact, TABLE.values())


def facts_of_counter() -> Rows:
    """Yield each fact of a counter called `tranche`, as `facts` does."""
    yield from (_fact(TABLE[name]) for name in facts_of("tranche"))


def _fact(fact: Fact) -> tuple[str, ...]:
    of = ", program currency" if fact.dimension.currency == "program" else ""
    given_by = ", ".join(f"`{name}`" for name in fact.given_by)
    dimension = f"{fact.dimension.kind}{of}"
    return f"`{fact.name}`", dimension, fact.domain.said, fact.meaning, given_by


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


def trusted() -> Rows:
    """Yield each module that a proof rests on: its lines, and what it is for."""
    for name in TRUSTED:
        path = ROOT / "engine" / "repurchase" / f"{name}.py"
        text = path.read_text(encoding="utf-8")
        about = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
        yield f"`{name}`", f"{len(text.splitlines()):,}", about


def keys(*keys: Key) -> Callable[[], Rows]:
    """Return what yields each of *keys*: its name, what it means, and its default."""

    def rows() -> Rows:
        for key in keys:
            usual = isinstance(key.default, str) and not key.required
            default = f" Default: `{key.default}`." if usual else ""
            yield f"`{key.name}`", f"{key.meaning}{default}"

    return rows


OF_RULES = [key for key in RULE.keys if key not in (*DATED, *QUOTING)]

TABLES: Final[Mapping[str, Callable[[], Rows]]] = {
    "| key of a file | what |": keys(*RULE_FILE.keys),
    "| key of a rule | what |": keys(*OF_RULES, *DATED, *QUOTING),
    "| key of a counter | what |": keys(*COUNTER.keys),
    "| key of an average | what |": keys(*AVERAGE.keys),
    "| fact of a counter | dimension | domain | meaning | given by |": facts_of_counter,
    "| pack | law | its rules |": packs,
    "| key of a pack | what |": keys(*PACK.keys),
    "| key of a rule of a pack | what |": keys(*OF_LAW),
    "| finding | meaning |": findings,
    "| fact | dimension | domain | meaning | given by |": facts,
}

# What decides whether a file is proved; the search for histories is not among it.
TRUSTED: Final = (
    "language/linear",
    "language/bounds",
    "facts/domains",
    "domain/clocks",
    "rulebook/caps",
    "rulebook/periods",
    "rulebook/foreseen",
    "rulebook/editions",
    "rulebook/life",
    "proof/claims",
    "proof/fields",
    "proof/free",
    "proof/counted",
    "proof/model",
    "proof/logic",
    "proof/approval",
    "proof/obligations",
    "proof/questions",
    "proof/solver",
    "proof/proof",
    "evaluation/step",
    "ledger/trades",
    "ledger/orders",
    "ledger/fold",
    "ledger/counters",
    "facts/counters",
    "facts/averages",
    "domain/counters",
)
OF_PROOFS: Final[Mapping[str, Callable[[], Rows]]] = {
    "| module | lines | what it is for |": trusted
}

if __name__ == "__main__":
    main()
