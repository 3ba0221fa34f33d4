"""Write the table of letters that look alike from the `confusable-homoglyphs` package.

`make lookalikes` runs it; the release is pinned in lookalikes.in. Unicode's security data (UTS 39)
says which letters look alike. Each row has what stands for a group of letters, and the group.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).parents[1] / "engine" / "repurchase" / "domain" / "lookalikes.tsv"


def main() -> None:
    """Write the table anew."""
    TABLE.write_text(table(), encoding="utf-8", newline="\n")


def table() -> str:
    """Return the text of the table: a row a group, what stands for it first."""
    groups: dict[str, set[str]] = {}
    for one, other in pairs():
        both = groups.get(one, {one}) | groups.get(other, {other})
        groups |= dict.fromkeys(both, both)
    rows = {_standing_for(group): group for group in groups.values()}
    lines = (f"{name}\t{''.join(sorted(rows[name] - {name}))}\n" for name in sorted(rows))
    return "".join((*lines, *(f"{text}\t{one}\n" for one, text in sorted(spelled()))))


def pairs() -> Iterator[tuple[str, str]]:
    """Yield each pair of single letters or digits that look alike."""
    return ((one, other) for one, other in _confusables() if _is_sign(one) and _is_sign(other))


def spelled() -> Iterator[tuple[str, str]]:
    """Yield each letter that looks like several ASCII letters, and these."""
    for one, other in _confusables():
        if _is_sign(one) and len(other) > 1 and other.isascii() and other.isalpha():
            yield one, other


def _confusables() -> Iterator[tuple[str, str]]:
    found = json.loads((files("confusable_homoglyphs") / "confusables.json").read_text("utf-8"))
    return ((one, other["c"]) for one, others in found.items() for other in others)


def _is_sign(text: str) -> bool:
    """Return whether *text* is one letter or digit that no other text stands for already."""
    return len(text) == 1 and text.isalnum() and unicodedata.normalize("NFKC", text) == text


def _standing_for(group: set[str]) -> str:
    return min(group, key=lambda sign: (not sign.isascii(), sign))


if __name__ == "__main__":
    main()
