"""Digests of decisions: `make recorded` compares, and `make recorded ARGS=--write` writes them.

A change that should alter no decision must give the same ones for the two real logs, the invented
one, every case, a generated log of 50,000 rows, random events under the packs, and a journal of
every kind of event.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from generate import RULES, write_log

import desk_events
import pack_events
from repurchase.rulebook.library import pack_names, pack_path, rule_names, rule_path, sample_path
from repurchase.tester.cases import run

HERE: Final = Path(__file__).parent
DIGESTS: Final = HERE / "recorded.json"
ROWS: Final = 50_000
DAILY: Final = (
    *("--column", "quantity=shares", "--column", "amount=amount_jpy"),
    *("--set", "symbol=common", "--set", "side=buy", "--brought-forward"),
)
LOGS: Final = {
    "jp-2017-08.csv": ("jp-2017", *DAILY, "1671100,1809601097"),
    "jp-2023-11.csv": ("jp-2023", *DAILY, "2524200,1999981370"),
    "iij-2008-invented.csv": ("iij-2008",),
}


def digests() -> dict[str, str]:
    """Return the digest of the decisions of each scenario, by its name."""
    return {name: hashlib.sha256(said).hexdigest() for name, said in _scenarios()}


def _scenarios() -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for log, (rules, *options) in LOGS.items():
            yield log, _replayed(folder, sample_path(log), rules, *options, "--findings", "all")
        generated = folder / "generated.yaml"
        generated.write_text(RULES)
        write_log(folder / "generated.csv", ROWS)
        yield f"{ROWS:,} rows", _replayed(folder, folder / "generated.csv", str(generated))
        yield "every kind", _submitted(folder)
    for name in rule_names():
        yield f"{name}.cases", _cases(rule_path(name))
    for name in pack_names():
        yield f"packs/{name}.cases", _cases(pack_path(name))
    for name in pack_events.PACKS:
        yield f"random events of {name}", "\n".join(pack_events.outcomes(name)).encode()


def _replayed(folder: Path, log: Path, rules: str, *options: str) -> bytes:
    """Return every decision on *log*, and the summary without what names the rules."""
    out = folder / "out.jsonl"
    said = _said("replay", str(log), "--rules", rules, "--decisions", str(out), "--json", *options)
    summary = json.loads(said)
    del summary["rule_file"]
    return out.read_bytes() + json.dumps(summary).encode()


def _submitted(folder: Path) -> bytes:
    """Return the answers of a desk to every kind of event, and what its journal says of them."""
    rules, journal = folder / "acme-2008.yaml", folder / "desk.db"
    rules.write_text(desk_events.RULES)
    at = ("--journal", str(journal))
    said = _said("submit", str(HERE / "every_kind.jsonl"), "--rules", str(rules), "--json", *at)
    # Each record has a salt, and so its hash is another each time.
    said = re.sub(rb',"hash":"[0-9a-f]{64}"', b"", said)
    records = map(json.loads, _said("export", *at).splitlines())
    kept = [[one.get(part) for part in ("event", "outside", "answer")] for one in records]
    return said + json.dumps(kept).encode()


def _cases(rules: Path) -> bytes:
    """Return the decision on each case beside *rules*."""
    found = run(rules, rules.with_suffix(".cases.yaml"))
    return b"\n".join(msgspec.json.encode(one.decision) for one in found)


def _said(*arguments: str) -> bytes:
    command = [sys.executable, "-m", "repurchase", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr.decode())
    return done.stdout


def main() -> int:
    """Compare with what was recorded, or record it anew; return 1 where something differs."""
    found = digests()
    if "--write" in sys.argv:
        DIGESTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return 0
    recorded = json.loads(DIGESTS.read_text(encoding="utf-8"))
    differing = [name for name in {**recorded, **found} if recorded.get(name) != found.get(name)]
    for name in differing:
        sys.stdout.write(f"{name}: other decisions than recorded\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
