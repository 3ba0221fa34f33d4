"""What readers open: files, and pipes that have a writer; and how much they keep of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb
import pytest

from repurchase.domain.errors import InputError, UsageError, Wrong
from repurchase.intake import lines
from repurchase.intake.lines import Lines
from repurchase.intake.sources import NotAFile, open_file, open_stream
from repurchase.market import bar_files, issuer_files, kinds, tape_files
from repurchase.market.feed import read_feed
from test_cli import LOG, RULES, run

BARS: Final = "date,symbol,venue,volume\n"
TRADES: Final = "time,symbol,venue,price\n"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """Return a named pipe without a writer."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.fixture
def writer(pipe: Path) -> Iterator[int]:
    """Give a descriptor that writes into the pipe; the test need not close it."""
    descriptor = os.open(pipe, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def test_pipe_without_a_writer_is_not_waited_for(pipe: Path) -> None:
    """To open it would wait without end."""
    with pytest.raises(OSError, match="nobody writes into this pipe; start the writer first"):
        open_stream(pipe)
    with pytest.raises(NotAFile, match="this is not a regular file"):
        open_file(pipe)


def test_pipe_is_read_from_its_first_byte(pipe: Path, writer: int) -> None:
    """What was read to see whether there is a writer is not lost, however much it is."""
    content = bytes(range(256)) * 200
    os.write(writer, content)
    with open_stream(pipe) as stream:
        assert stream.peek(4)[:4] == content[:4]
        assert stream.read(len(content)) == content
        os.write(writer, b"more\n")
        assert stream.readline() == b"more\n"


def test_pipe_that_has_ended_with_data_in_it_is_read(pipe: Path) -> None:
    """Its writer may have written all before the reader came."""
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pipe.open("wb") as file:
        file.write(b"all of it\n")
    with open_stream(pipe) as stream:
        assert stream.read() == b"all of it\n"
    os.close(reader)


def test_pipe_whose_writer_has_written_nothing_is_waited_for(pipe: Path, writer: int) -> None:
    """A writer that is there may take its time."""
    with open_stream(pipe) as stream:
        os.write(writer, b"late\n")
        assert stream.readline() == b"late\n"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/random", "/dev/tty"])
def test_device_is_not_read(device: str, tmp_path: Path) -> None:
    """Neither by its name nor through a link."""
    if not Path(device).is_char_device():
        pytest.skip(f"this system has no {device}")
    (tmp_path / "link").symlink_to(device)
    for path in (Path(device), tmp_path / "link"):
        with pytest.raises(NotAFile, match="this is a device or a socket, not a file; give -"):
            open_stream(path)


def test_commands_do_not_wait_for_a_pipe(tmp_path: Path, pipe: Path) -> None:
    """Each reader of a file says it in its own words, and none hangs."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    what = "nobody writes into this pipe; start the writer first, or give - and standard input"
    for arguments, noun in (
        (("replay", pipe, "--rules", "rules.yaml"), "log"),
        (("check", "--rules", "rules.yaml", "--event", pipe), "event"),
        (("replay", "log.csv", "--rules", "rules.yaml", "--market", pipe), "file"),
        (("import", pipe, "--journal", "new.db"), "file"),
        (("lint", "rules.yaml", "--source", pipe), "source"),
    ):
        ended = run(*arguments, cwd=tmp_path)
        assert (ended.code, ended.out) == (2, "")
        assert ended.lines[-1] == f"{pipe}: the {noun} cannot be read: {what}"


# --- how much is kept


def test_line_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of gigabytes in one line is no text, and no more of it is read."""
    monkeypatch.setattr(lines, "SKIPPED_BYTES_MAX", 1_000_000)
    read = 0

    class Endless:
        """A file that has no line feed."""

        def readline(self, size: int) -> bytes:
            nonlocal read
            read += size
            return b"a" * size

    found = Lines(Endless())
    with pytest.raises(OSError, match="line 1 is longer than 1000000 bytes"):
        next(iter(found))
    assert read < 1_200_000


def wrong(tmp_path: Path, text: str) -> list[str]:
    """Return what is wrong with the market file *text*."""
    path = tmp_path / "market.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_feed([path])
    return [f"{one.line}: {one.what}" for one in caught.value.problems]


def test_market_rows_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all files together, since all of their rows are kept; reading stops there."""
    assert (bar_files.BARS.rows_max, issuer_files.ISSUER.rows_max) == (500_000, 100_000)
    assert (tape_files.TRADES.rows_max, tape_files.QUOTES.rows_max) == (4_000_000, 4_000_000)
    monkeypatch.setattr(kinds, "INSTRUMENTS_MAX", 2)
    rows = "".join(f"2026-05-14,{symbol},XTKS,1\n" for symbol in "123")
    assert wrong(tmp_path, BARS + rows) == ["4: there are more than 2 instruments"]
    monkeypatch.setattr(tape_files, "PRICES_MAX", 2)
    rows = "".join(
        f"2026-05-14T10:0{n}:00+09:00,1,XTKS,{price}\n" for n, price in enumerate("5565")
    )
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(TRADES + rows, encoding="utf-8")
    read_feed([first])
    row = "2026-05-14T10:09:00+09:00,1,XTKS,7\n"
    second.write_text(TRADES + row, encoding="utf-8")
    with pytest.raises(InputError, match=r"second\.csv:2: there are more than 2 different prices"):
        read_feed([first, second])


@pytest.mark.slow
def test_market_rows_beyond_the_bound_end_the_reading(tmp_path: Path) -> None:
    """It is one problem, not one for each of a million rows."""
    rows = (
        f"2026-05-14T10:00:00.{n:09d}+09:00,2026-05-14T10:00:00.{n + 1:09d}+09:00,yes\n"
        for n in range(100_001)
    )
    said = wrong(tmp_path, "from,until,closed_period\n" + "".join(rows))
    assert said == ["100002: there are more than 100,000 rows of issuer facts"]


@pytest.mark.parametrize("header", [BARS, TRADES])
def test_symbol_is_bounded(tmp_path: Path, header: str) -> None:
    """It is kept for each instrument."""
    day, last = ("2026-05-14", "1") if header == BARS else ("2026-05-14T10:00:00+09:00", "5")
    assert wrong(tmp_path, f"{header}{day},{'x' * 201},XTKS,{last}\n") == [
        "2: `symbol` has 201 characters"
    ]
    with pytest.raises(Wrong, match="`symbol` is empty"):
        kinds.instrument({"symbol": "", "venue": "XTKS"}, ())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("select", "rows", "said"),
    [
        ("repeat('x', 1000000) || i", 300, "needs more than 128MB of memory at once"),
        ("repeat('x', 150000000)", 1, "needs more than 128MB of memory at once"),
        ("repeat('x', 1000000)", 1_500, "`symbol` has 1000 characters"),
    ],
)
def test_parquet_that_unpacks_beyond_its_bound_is_refused(
    tmp_path: Path, select: str, rows: int, said: str
) -> None:
    """A few kilobytes can hold a column that no memory does."""
    path = tmp_path / "bars.parquet"
    query = f"SELECT '2026-05-14' AS date, {select} AS symbol, 'XTKS' AS venue, 1 AS volume"
    query = f"COPY ({query} FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
    duckdb.sql(query)
    assert path.stat().st_size < 200_000
    with pytest.raises(InputError, match=said):
        read_feed([path])


def test_parquet_does_not_come_through_a_pipe(pipe: Path, writer: int) -> None:
    """Its reader goes back and forth in the file."""
    os.write(writer, b"PAR1" + bytes(100))
    with pytest.raises(UsageError, match="a table in this format cannot come through a pipe"):
        read_feed([pipe])
