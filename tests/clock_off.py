"""Run as a program, it is `repurchase` on a machine whose clock is off.

The file named first says by how many seconds, and may change while it runs.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from repurchase.cli import journal_options
from repurchase.service import live

FILE = Path(sys.argv.pop(1))


def now() -> datetime:
    """Return the moment that the clock shows."""
    return datetime.now(UTC) + timedelta(seconds=int(FILE.read_text(encoding="utf-8")))


# All that asks the clock asks it by one of these two names.
journal_options.now = live.now = now

if __name__ == "__main__":
    from repurchase.cli.main import main

    main()
