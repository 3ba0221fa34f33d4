"""Replay of a log as a broker prints it, by a mapping, beside the same log in our own names."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import time
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from bench_replay import MEASURED
from generate import RULES, write_log

from test_workbooks import workbook as made

ROWS: Final = int(os.environ.get("ROWS", "1000000"))
SHEET_ROWS: Final = min(ROWS, 100_000)
TOKYO: Final = ZoneInfo("Asia/Tokyo")
HEAD: Final = ("Nr", "Datum", "Zeit", "Stück", "Kurs")
MAPPING: Final = """\
mapping: 1
separator: ";"
numbers: {decimal: ",", thousands: "."}
columns:
  id: Nr
  time: {columns: [Datum, Zeit], pattern: "dd.MM.yyyy HH:mm:ss", zone: Asia/Tokyo}
  quantity: Stück
  price: Kurs
set: {symbol: "9999", venue: XTKS, side: buy, order_type: limit}
"""


def test_rate_and_memory_with_a_mapping(tmp_path: Path) -> None:
    """Report the rate with a mapping as a part of that without, and the peak of both."""
    (tmp_path / "generated.yaml").write_text(RULES)
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
    written(tmp_path, ROWS)
    plain, own = replayed(tmp_path, "own.csv")
    mapped, peak = replayed(tmp_path, "theirs.csv", "--mapping", str(tmp_path / "m.yaml"))
    print(f"\n{ROWS:,} fills: {ROWS / plain:,.0f} a second, {own} MB at the peak")
    print(
        f"by a mapping: {ROWS / mapped:,.0f} a second, {plain / mapped:.2f} of that rate;"
        f" {peak} MB at the peak"
    )


def test_rate_and_memory_of_a_workbook(tmp_path: Path) -> None:
    """Report the same of a workbook of 100,000 rows."""
    (tmp_path / "generated.yaml").write_text(RULES)
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
    written(tmp_path, SHEET_ROWS)
    workbook(tmp_path / "theirs.csv", tmp_path / "theirs.xlsx")
    seconds, peak = replayed(tmp_path, "theirs.xlsx", "--mapping", str(tmp_path / "m.yaml"))
    rate = SHEET_ROWS / seconds
    print(f"\n{SHEET_ROWS:,} rows of a workbook: {rate:,.0f} a second, {peak} MB at the peak")


def written(folder: Path, rows: int) -> None:
    """Write the fills of a generated log in our own names, and as a broker prints them."""
    write_log(folder / "all.csv", rows * 3)
    count = 0
    with (
        (folder / "all.csv").open(newline="") as source,
        (folder / "own.csv").open("w", newline="") as ours,
        (folder / "theirs.csv").open("w", newline="", encoding="utf-8") as theirs,
    ):
        own = csv.writer(ours)
        own.writerow(("id", "time", "symbol", "venue", "side", "quantity", "price", "order_type"))
        printed = csv.writer(theirs, delimiter=";")
        printed.writerow(HEAD)
        for row in csv.DictReader(source):
            if row["kind"] != "fill" or count == rows:
                continue
            count += 1
            price = row["price"] or "1100.5"
            fields = (row["id"], row["time"], "9999", "XTKS", "buy", row["quantity"], price)
            own.writerow((*fields, "limit"))
            shown = datetime.fromisoformat(row["time"]).astimezone(TOKYO)
            whole, _, part = price.partition(".")
            figure = f"{int(whole):,}".replace(",", ".") + (f",{part}" if part else "")
            printed.writerow(
                (row["id"], f"{shown:%d.%m.%Y}", f"{shown:%H:%M:%S}", row["quantity"], figure)
            )
    assert count == rows


def replayed(folder: Path, log: str, *options: str) -> tuple[float, int]:
    """Return the seconds that a replay of *log* takes, and its peak memory in MB."""
    arguments = ["replay", str(folder / log), "--rules", str(folder / "generated.yaml"), *options]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    assert done.returncode in (0, 1), done.stderr
    return seconds, int(done.stderr.split()[-2]) // 1024


def workbook(source: Path, path: Path) -> None:
    """Write the rows of *source* as texts into the only sheet of a workbook."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    data = made({"Blatt": rows})
    assert zipfile.is_zipfile(io.BytesIO(data))
    path.write_bytes(data)
