"""Write the table of time zones from the `tzdata` package: `make zones`.

The release is pinned in dev.in. The table holds all that a release says of a zone: its kinds of
time, each change from one to another, and the rule for the years after the last change. Zones
that are equal in all of that share a row. `tests/test_zones.py` keeps the table what this writes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import tzdata

TABLE: Final = Path(__file__).parents[1] / "engine" / "repurchase" / "domain" / "zones.tsv"
COLUMNS: Final = ("zones", "kinds", "changes", "rule")

_HEADER: Final = struct.Struct(">4sc15x6l")
_KIND: Final = struct.Struct(">lBB")


class Zone(NamedTuple):
    """What a release says of a zone.

    *kinds* are its offsets from UTC in seconds, whether each is summer time, and their short
    names; *changes* the moments in seconds since 1970, each with the number of the kind that
    begins then; *rule* is written as POSIX writes a TZ variable.
    """

    kinds: tuple[tuple[int, bool, str], ...]
    changes: tuple[tuple[int, int], ...]
    rule: str


def main() -> None:
    """Write the table anew."""
    TABLE.write_text(table(), encoding="ascii", newline="\n")


def table() -> str:
    """Return the text of the table: the release, the names of the columns, and a row a zone."""
    shared: dict[Zone, list[str]] = {}
    for name, content in releases():
        shared.setdefault(parsed(content), []).append(name)
    rows = sorted((names, zone) for zone, names in shared.items())
    lines = [
        f"tzdata {tzdata.__version__}",
        "\t".join(COLUMNS),
        *("\t".join((" ".join(names), *_cells(zone))) for names, zone in rows),
    ]
    return "".join(f"{line}\n" for line in lines)


def releases() -> Iterator[tuple[str, bytes]]:
    """Yield the name of each zone of the release, in order, and its file."""
    root = files("tzdata") / "zoneinfo"
    for name in sorted((files("tzdata") / "zones").read_text("ascii").split()):
        yield name, root.joinpath(*name.split("/")).read_bytes()


def parsed(content: bytes) -> Zone:
    """Return the zone that a TZif file (RFC 9636) writes as *content*, by its 64-bit half.

    Raise ValueError if it has none, or corrects moments for leap seconds.
    """
    start = _start(content)
    magic, version, universal, standard, leaps, moments, count, letters = _HEADER.unpack_from(
        content, start
    )
    if magic != b"TZif" or version < b"2" or leaps:
        raise ValueError("not a file of a zone as this release writes them")
    at = start + _HEADER.size
    begins = struct.unpack_from(f">{moments}q", content, at)
    numbers = content[at + 8 * moments : at + 9 * moments]
    at += 9 * moments
    names = content[at + _KIND.size * count :][:letters]
    kinds = tuple(
        (offset, bool(is_summer), names[first:].partition(b"\0")[0].decode("ascii"))
        for offset, is_summer, first in _KIND.iter_unpack(content[at : at + _KIND.size * count])
    )
    footer = content[at + _KIND.size * count + letters + standard + universal :]
    return Zone(kinds, tuple(zip(begins, numbers, strict=True)), footer.decode("ascii").strip("\n"))


def _start(content: bytes) -> int:
    """Return where the second half begins: the first one serves 32-bit programs."""
    _, _, universal, standard, leaps, moments, count, letters = _HEADER.unpack_from(content)
    size = 5 * moments + _KIND.size * count + letters + 8 * leaps + standard + universal
    return _HEADER.size + int(size)


def _cells(zone: Zone) -> tuple[str, str, str]:
    """Return the cells of *zone*: a change is the seconds since the one before, and a letter."""
    kinds = " ".join(f"{name},{offset},{is_summer:d}" for offset, is_summer, name in zone.kinds)
    steps = (
        f"{moment - before}{chr(ord('a') + number)}"
        for (before, _), (moment, number) in pairwise([(0, 0), *zone.changes])
    )
    return kinds, "".join(steps), zone.rule


if __name__ == "__main__":
    main()
