"""Completes the list of `make sbom`: what it is a list of, and the hashes it was installed by."""

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
_OURSELVES: Final = "repurchase"
# Its metadata calls the licence by a name that no list knows.
_LICENCES: Final = {"z3-solver": "MIT"}


def completed(bom: dict[str, Any], constraints: str) -> dict[str, Any]:
    """Return *bom* as the list of what this package needs, with the hashes of *constraints*.

    Raise KeyError if it lists a package that is not among them.
    """
    (ourselves,) = (one for one in bom["components"] if one["name"] == _OURSELVES)
    # The place of the wheel on the machine that listed it.
    ourselves.pop("externalReferences", None)
    bom["metadata"]["component"] = ourselves | {"type": "application"}
    bom["components"] = [one for one in bom["components"] if one is not ourselves]
    hashes = {name: _HASH.findall(block) for name, block in _BLOCK.findall(constraints)}
    for one in bom["components"]:
        name = re.sub(r"[-_.]+", "-", one["name"]).lower()
        found = [{"name": _PROPERTY, "value": each} for each in sorted(hashes[name])]
        one["properties"] = [*one.get("properties", ()), *found]
        if name in _LICENCES and not one.get("licenses"):
            one["licenses"] = [{"license": {"id": _LICENCES[name]}}]
    return bom


if __name__ == "__main__":
    _listed = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    _whole = completed(_listed, Path(sys.argv[2]).read_text("utf-8"))
    sys.stdout.write(json.dumps(_whole, indent=2, sort_keys=True) + "\n")
