"""How long proofs take: of each shipped file, and what packs of law add to it.

Reported as times of this machine, and as a ratio between two of the same run.
"""

from __future__ import annotations

import platform
import re
import time
from statistics import median

from repurchase.edition import load_text
from repurchase.prove import proved
from repurchase.shipped import rule_names, rule_path

ROUNDS = 3


def test_time_of_proofs() -> None:
    """Print the time of each proof; of a file with packs also without them."""
    print(f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for name in rule_names():
        text = rule_path(name).read_text()
        bare = re.sub(r"(?m)^include: .*\n", "", text)
        whole = _seconds(text)
        said = f"{name:12}{whole:8.2f} s"
        if bare != text:
            without = _seconds(bare)
            said += (
                f", without packs {without:.2f} s: with them {whole / without:.1f} times as long"
            )
        print(said)


def _seconds(text: str) -> float:
    editions = load_text(text.encode(), "measured.yaml")
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        assert proved(editions, time.monotonic_ns, 600_000).holds
        found.append(time.perf_counter() - start)
    return median(found)
