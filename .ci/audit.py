"""Says what a report of pip-audit means, for `make audit`: silence about a package is no answer."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_PINNED: Final = re.compile(r"^([a-z0-9][a-z0-9._-]*)==", re.MULTILINE)


def known(report: dict[str, Any]) -> list[str]:
    """Return a line for each vulnerability that *report* names."""
    return [
        f"{one['name']} {one['version']}: {each['id']}; fixed in"
        f" {', '.join(each['fix_versions']) or 'no version'}"
        for one in report["dependencies"]
        for each in one.get("vulns", ())
    ]


def unanswered(report: dict[str, Any], constraints: str) -> Iterator[str]:
    """Yield the name of each package of *constraints* on which *report* has no answer."""
    answered = {one["name"] for one in report["dependencies"] if "vulns" in one}
    yield from (name for name in _PINNED.findall(constraints) if name not in answered)


def main(report_file: Path, constraints_file: Path) -> int:
    """Return 0 if no vulnerability is known, 1 if one is, 2 if not every package was answered."""
    constraints = constraints_file.read_text("utf-8")
    text = report_file.read_text("utf-8") if report_file.exists() else ""
    report = json.loads(text or '{"dependencies": []}')
    missing = list(unanswered(report, constraints))
    for line in known(report):
        sys.stdout.write(f"{line}\n")
    if missing:
        what = f"no data on {len(missing)} packages could be reached: {', '.join(missing)}"
        sys.stderr.write(f"error: {what}; nothing is known of them, so try again\n")
    if known(report):
        return 1
    if not missing:
        count = len(report["dependencies"])
        sys.stdout.write(f"no vulnerability is known of any of the {count} packages\n")
    return 2 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
