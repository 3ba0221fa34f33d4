"""Writes docs/constraints.txt from .ci/locked.txt: what users install, without the tools of here.

The locked file says for each package what asks for it (`# via`). Whatever this package asks for, or
one of those, is part of an installation with all extras. `make lock` calls this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
LOCKED: Final = ROOT / ".ci" / "locked.txt"
WRITTEN: Final = ROOT / "docs" / "constraints.txt"
OURSELVES: Final = "repurchase (pyproject.toml)"
HEAD: Final = """\
# What an installation of repurchase with all extras consists of, as it was tested: each version and
# the hashes of its files, for Python 3.11 on Linux. How to install by it: SECURITY.md. `make lock`
# writes this file.
"""
_BEGIN: Final = re.compile(r"([a-z0-9][a-z0-9._-]*)==\S+ \\")


def constraints(locked: str) -> str:
    """Return the part of *locked*, the text of a locked file, that users need."""
    packages = dict(_packages(locked.splitlines()))
    wanted = {OURSELVES}
    while more := {name for name, (_, via) in packages.items() if via & wanted} - wanted:
        wanted |= more
    lines = (line for name, (pinned, _) in packages.items() if name in wanted for line in pinned)
    return HEAD + "".join(f"{line}\n" for line in lines)


def _packages(lines: list[str]) -> Iterator[tuple[str, tuple[list[str], set[str]]]]:
    """Yield each package with the lines that pin it, and with what asks for it."""
    starts = [at for at, line in enumerate(lines) if _BEGIN.fullmatch(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        block = lines[start:end]
        pinned = [line for line in block if not line.lstrip().startswith("#")]
        notes = (line.strip(" #") for line in block if line.lstrip().startswith("#"))
        via = {note.removeprefix("via").strip() for note in notes} - {""}
        yield block[0].partition("==")[0], (pinned, via)


if __name__ == "__main__":
    WRITTEN.write_text(constraints(LOCKED.read_text("utf-8")), "utf-8")
