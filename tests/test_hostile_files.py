"""Files that are made to harm: each reader ends with a sentence, in little time and memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import pytest

from hostile import HOSTILE, damaged, written
from test_cli import LOG, RULES, order, run

HERE: Final = Path(__file__).parent
MEGABYTES_MAX: Final = 300
DAMAGED: Final = 4
# How many kinds of hostile files each reader is given; `make long` gives all.
KINDS: Final = int(os.environ.get("HOSTILE", "51"))
CHECK: Final = ("check", "--rules", "rules.yaml", "--event", "order.json")
CASES: Final = """\
cases:
  - name: ten fit
    event: {kind: order, date: 2026-05-15, symbol: "1", side: buy, quantity: 10, price: 5}
    expect: approved
"""
PACK: Final = """\
pack: own
rules:
  - {id: own.ten, require: trade.shares <= 10}
"""
EVENT: Final = order().replace("\n", " ").strip() + "\n"
BARS: Final = "date,symbol,venue,volume,close\n2026-05-14,1,XTKS,1000,5\n2026-05-13,1,XTKS,900,5\n"
TRADES: Final = (
    "time,symbol,venue,price,own\n2026-05-14T10:00:00+09:00,1,XTKS,5,no\n"
    "2026-05-14T11:00:00+09:00,1,XTKS,6,yes\n"
)
QUOTES: Final = "time,symbol,venue,bid,own\n2026-05-14T10:00:00+09:00,1,XTKS,5,no\n"
ISSUER: Final = "from,until,closed_period\n2026-05-01,2026-05-31,no\n"
PRINTED: Final = "Tag;Nr;Stück;Kurs\n14.05.2026;f1;1.000;5,5\nSumme;;1.000;\n"
MAPPING: Final = """\
mapping: 1
separator: ";"
numbers: {decimal: ",", thousands: "."}
dates: {pattern: dd.MM.yyyy}
columns: {date: Tag, id: Nr, quantity: Stück, price: Kurs}
set: {symbol: "1", side: buy}
rows: {totals: [{row: Summe}]}
"""
FIX_LOG: Final = (HERE.parent / "examples" / "fix" / "day.fix").read_text("ascii")
REPLAY: Final = ("replay", "--rules", "rules.yaml")


class Reader(NamedTuple):
    """A reader: how it is called, under which name it gets its file, and a file that it takes."""

    arguments: tuple[str, ...]
    file: str
    whole: str | None
    uses: str = "repurchase.report.decisions"


KEYED: Final = ("verify", "--journal", "../kept/journal.db", "--checkpoint")
READERS: Final = {
    "rule file": Reader(("lint", "x.yaml"), "x.yaml", RULES),
    "rule file that evaluates": Reader(("check", "--rules", "x.yaml", *CHECK[3:]), "x.yaml", RULES),
    "rule file that is adopted": Reader(
        ("submit", "order.json", "--journal", "new.db", "--rules", "x.yaml"),
        "x.yaml",
        RULES,
        "repurchase.journal.desk",
    ),
    "pack": Reader(("lint", "uses.yaml"), "own.yaml", PACK),
    "cases": Reader(("test", "rules.yaml"), "rules.cases.yaml", CASES),
    "event": Reader((*CHECK[:4], "x.json"), "x.json", EVENT),
    "event from standard input": Reader((*CHECK[:4], "-"), "-", EVENT),
    "log of JSON lines": Reader(
        ("replay", "x.jsonl", "--rules", "rules.yaml"), "x.jsonl", EVENT, "repurchase.replay.run"
    ),
    "log in CSV": Reader(
        ("replay", "x.csv", "--rules", "rules.yaml"), "x.csv", LOG, "repurchase.replay.run"
    ),
    "log from standard input": Reader(
        ("replay", "-", "--rules", "rules.yaml"), "-", LOG, "repurchase.replay.run"
    ),
    "mapped log": Reader(
        ("replay", "x", "--rules", "rules.yaml", "--column", "quantity=n", "--ignore", "c1"),
        "x",
        LOG.replace("quantity", "n", 1),
        "repurchase.replay.run",
    ),
    "workbook": Reader(
        (*REPLAY, "x.xlsx", "--mapping", "mapping.yaml"), "x.xlsx", None, "python_calamine"
    ),
    "compressed log": Reader(
        (*REPLAY, "x.csv.gz", "--mapping", "mapping.yaml"), "x.csv.gz", None, "zstandard"
    ),
    "mapping": Reader(
        (*REPLAY, "printed.csv", "--mapping", "x.yaml"), "x.yaml", MAPPING, "repurchase.replay.run"
    ),
    "log that is to be mapped": Reader(("map", "x.csv"), "x.csv", PRINTED),
    "FIX log": Reader(
        (*REPLAY, "x.fix", "--quarantine", "bad.fix"), "x.fix", FIX_LOG, "repurchase.replay.run"
    ),
    "events of a desk": Reader(
        ("submit", "x.jsonl", "--journal", "new.db", "--rules", "rules.yaml", "--by", "Ann"),
        "x.jsonl",
        EVENT,
        "repurchase.journal.desk",
    ),
    "daily bars": Reader((*CHECK, "--market", "x.csv"), "x.csv", BARS),
    "trades": Reader((*CHECK, "--market", "x.csv"), "x.csv", TRADES),
    "quotes": Reader((*CHECK, "--market", "x.csv"), "x.csv", QUOTES),
    "issuer facts": Reader((*CHECK, "--market", "x.csv"), "x.csv", ISSUER),
    "Parquet": Reader((*CHECK, "--market", "x.parquet"), "x.parquet", None, "duckdb"),
    "source": Reader(("lint", "rules.yaml", "--source", "x.txt"), "x.txt", None),
    "certificate": Reader(
        ("lint", "rules.yaml", "--certificate", "x.json"),
        "x.json",
        None,
        "repurchase.proof.certificate",
    ),
    "checkpoint": Reader(
        (*KEYED, "x.json", "--public-key", "../kept/key.pub"),
        "x.json",
        "../kept/checkpoint.json",
        "repurchase.audit.signatures",
    ),
    "public key": Reader(
        (*KEYED, "../kept/checkpoint.json", "--public-key", "x.pub"),
        "x.pub",
        "../kept/key.pub",
        "repurchase.audit.signatures",
    ),
    "earlier checkpoint": Reader(
        (
            *("checkpoint", "--journal", "../kept/journal.db", "--key", "../kept/key"),
            *("--previous", "x.json"),
        ),
        "x.json",
        "../kept/checkpoint.json",
        "repurchase.audit.signatures",
    ),
    "receipts": Reader(
        ("verify", "--journal", "../kept/journal.db", "--receipts", "x.jsonl"),
        "x.jsonl",
        "../kept/receipts.jsonl",
        "repurchase.audit.verify",
    ),
    "evidence": Reader(
        (
            *("evidence", "--check", "x.json", "--checkpoint", "../kept/checkpoint.json"),
            *("--public-key", "../kept/key.pub"),
        ),
        "x.json",
        "../kept/evidence.json",
        "repurchase.audit.evidence",
    ),
    "private key": Reader(
        ("checkpoint", "--journal", "../kept/journal.db", "--key", "x.key", "--first"),
        "x.key",
        "../kept/key",
        "repurchase.audit.signatures",
    ),
    "export": Reader(
        ("import", "x.jsonl", "--journal", "new.db"),
        "x.jsonl",
        "../kept/export.jsonl",
        "repurchase.audit.transfer",
    ),
    "export from standard input": Reader(
        ("import", "-", "--journal", "new.db"),
        "-",
        "../kept/export.jsonl",
        "repurchase.audit.transfer",
    ),
}


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a journal, its export, a key pair and a checkpoint in `kept`."""
    top = tmp_path_factory.mktemp("hostile")
    kept = top / "kept"
    kept.mkdir()
    furnish(kept)
    journal = ("--journal", "journal.db")
    calls = (
        ("submit", "order.json", *journal, "--rules", "rules.yaml", "--by", "Ann"),
        ("checkpoint", "--new-key", "key"),
        ("checkpoint", *journal, "--key", "key", "--first", "--output", "checkpoint.json"),
        ("export", *journal, "--output", "export.jsonl"),
        (
            *("evidence", "1", *journal, "--checkpoint", "checkpoint.json"),
            *("--public-key", "key.pub", "--output", "evidence.json"),
        ),
    )
    for call in calls:
        ended = run(*call, cwd=kept)
        assert ended.code == 0, ended
    again = run("submit", "order.json", *journal, "--json", cwd=kept)
    (kept / "receipts.jsonl").write_text(again.out, encoding="utf-8")
    return top


def furnish(folder: Path) -> None:
    """Put into *folder* what readers need beside their file."""
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    uses = RULES.replace("rules:\n", "include: [./own]\nrules:\n", 1)
    (folder / "uses.yaml").write_text(uses, encoding="utf-8")
    (folder / "order.json").write_text(EVENT, encoding="utf-8")
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    (folder / "printed.csv").write_text(PRINTED, encoding="utf-8")


def calls(reader: Reader, top: Path) -> Iterator[dict[str, Any]]:
    """Make each hostile file for *reader* in a folder of its own, and yield the call on it."""
    names = Random(reader.file).sample(sorted(HOSTILE), min(KINDS, len(HOSTILE)))
    makes = {name: HOSTILE[name] for name in names}
    if reader.whole is not None:
        kept = top / "kept" / reader.whole.removeprefix("../kept/")
        whole = kept.read_bytes() if reader.whole.startswith("..") else reader.whole.encode()
        for number, content in enumerate(damaged(whole, DAMAGED)):
            makes[f"damaged {number}"] = written(content)
    for number, (name, make) in enumerate(makes.items()):
        folder = top / f"{number}"
        folder.mkdir()
        furnish(folder)
        path = folder / ("stdin" if reader.file == "-" else reader.file)
        make(path)
        if path.is_file() and not path.is_symlink():
            # Otherwise a private key would be refused for its mode alone.
            path.chmod(0o600)
        # Python itself ends at once if its standard input is a folder.
        is_read = reader.file == "-" and not (path.is_socket() or path.is_dir() or broken(path))
        stdin = str(path) if is_read else os.devnull
        arguments = list(reader.arguments)
        yield {"name": name, "folder": str(folder), "stdin": stdin, "arguments": arguments}


def broken(path: Path) -> bool:
    """Return whether *path* is a link that leads nowhere."""
    try:
        path.resolve(strict=True)
    except (OSError, RuntimeError):
        return True
    return False


def said(folder: Path) -> tuple[str, str]:
    """Return what a call in *folder* wrote to its two streams."""
    out, err = (
        (folder / name).read_bytes().decode(errors="backslashreplace") for name in ("out", "err")
    )
    return out, err


@pytest.mark.parametrize(
    ("reader", "hostile", "said"),
    [
        ("log in CSV", "a pipe without a writer", "nobody writes into this pipe"),
        ("log in CSV", "gigabytes of NULs", "the file contains NUL bytes"),
        ("event", "a link to zeros", "this is a device or a socket, not a file"),
        ("daily bars", "a socket", "this is a device or a socket, not a file"),
        ("rule file that evaluates", "lists in lists", "x.yaml:1:1"),
        ("certificate", "lists in lists", "this is not a certificate of this version"),
    ],
)
def test_installed_command_ends_with_a_sentence(
    tmp_path: Path, reader: str, hostile: str, said: str
) -> None:
    """So does the command itself, started anew, as whoever types it gets it."""
    furnish(tmp_path)
    HOSTILE[hostile](tmp_path / READERS[reader].file)
    ended = run(*READERS[reader].arguments, cwd=tmp_path, fresh=True)
    assert (ended.code in (1, 2), ended.out) == (True, "")
    assert said in ended.err


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.parametrize("name", READERS)
def test_reader_ends_with_a_sentence(name: str, top: Path) -> None:
    """No traceback, no fault of ours, no approval, and never more than 300 MB."""
    asked = [*calls(READERS[name], top)]
    (top / "calls.json").write_text(json.dumps(asked), encoding="utf-8")
    modules = ["repurchase.cli.main", "repurchase.api.rules", READERS[name].uses]
    done = subprocess.run(
        [sys.executable, HERE / "hostile.py", top / "calls.json", *modules],
        capture_output=True,
        text=True,
        check=False,
    )
    ended = [json.loads(line) for line in done.stdout.splitlines()]
    # A guard that ends the last call leaves fewer than were asked.
    pairs = zip(ended, asked, strict=False)
    found = [(one["name"], *fault(one, Path(call["folder"]))) for one, call in pairs]
    for call in asked:
        shutil.rmtree(call["folder"])
    assert ([one["name"] for one in ended], done.stderr) == ([one["name"] for one in asked], "")
    assert [one for one in found if len(one) > 1] == []
    assert len(ended) > 50


def fault(ended: dict[str, Any], folder: Path) -> list[Any]:
    """Return what is wrong with how a call ended, if anything is."""
    out, err = said(folder)
    is_harmless = ended["name"].startswith("damaged")
    words = ("Traceback", "fault of its own", "\x1b", "\u202e")
    wrong = [
        *([("code", ended["code"])] if ended["code"] not in (1, 2, *([0] * is_harmless)) else []),
        *([("megabytes", ended["megabytes"])] if ended["megabytes"] > MEGABYTES_MAX else []),
        *(["silent"] if ended["code"] == 2 and not err.strip() else []),
        *(word for word in words if word in out + err),
        *(["long"] if len(out + err) > 200_000 else []),
    ]
    return [*wrong, out[:200], err[-300:]] if wrong else []
