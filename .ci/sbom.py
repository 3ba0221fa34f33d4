"""Completes the list of `make sbom` with the hashes that the packages were installed by."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

_BLOCK: Final = re.compile(
    r"^([a-z0-9][a-z0-9._-]*)==\S+ \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE
)
_PROPERTY: Final = "repurchase:file:sha256"
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def completed(bom: dict[str, Any], constraints: str) -> dict[str, Any]:
    """Return *bom* with the hashes that *constraints* allows for each package.

    Raise KeyError if it lists a package that is not among them, other than this one.
    """
    hashes = {name: _HASH.findall(block) for name, block in _BLOCK.findall(constraints)}
    for one in bom["components"]:
        if one["name"] == "repurchase":
            # The wheel's place on the machine that listed it.
            one.pop("externalReferences", None)
            continue
        found = hashes[re.sub(r"[-_.]+", "-", one["name"]).lower()]
        one["properties"] = sorted(
            [*one.get("properties", ()), *({"name": _PROPERTY, "value": each} for each in found)],
            key=lambda each: (each["name"], each["value"]),
        )
    return bom


if __name__ == "__main__":
    _listed = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    _whole = completed(_listed, Path(sys.argv[2]).read_text("utf-8"))
    sys.stdout.write(json.dumps(_whole, indent=2, sort_keys=True) + "\n")
