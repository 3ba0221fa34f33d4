"""Files that are made to harm a reader, and how the command that reads each of them ends.

Called as a program, this runs the calls of a list, each in a process of its own, and measures its
memory and its time of the processor. The processes are forked, since imports take most of a call.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import signal
import socket
import sqlite3
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from repurchase.__main__ import main as command

# A guard against a reader that hangs: nothing is measured by it.
HANGS_AFTER_SECONDS: Final = 120

Make = Callable[[Path], object]


def written(content: bytes) -> Make:
    """Return what writes *content* into a file."""
    return lambda path: path.write_bytes(content)


def _link(target: str) -> Make:
    return lambda path: path.symlink_to(target)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


def _socket(path: Path) -> None:
    # The name of a socket has at most a hundred characters.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as one:
        one.execute("CREATE TABLE records (body)")


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a", b"\0" * 10_000_000)
    return made.getvalue()


def _laughs() -> bytes:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()


_DEEP: Final = 120_000
HOSTILE: Final[Mapping[str, Make]] = {
    "nothing": written(b""),
    "a NUL": written(b"\0"),
    "a megabyte of NULs": written(b"\0" * 1_000_000),
    "gigabytes of NULs": _sparse,
    "spaces": written(b" " * 10_000_000),
    "line feeds": written(b"\n" * 5_000_000),
    "carriage returns": written(b"a\r" * 100_000),
    "a line of 20 MB": written(b"a" * 20_000_000),
    "a line of digits": written(b"9" * 1_000_000),
    "lists in lists": written(b"[" * _DEEP + b"]" * _DEEP),
    "open lists": written(b"[" * 900_000),
    "objects in objects": written(b'{"a":' * _DEEP + b"1" + b"}" * _DEEP),
    "mappings in mappings": written(b"{a: " * _DEEP),
    "dashes in dashes": written(b"- " * _DEEP),
    "indents in indents": written(b"\n".join(b" " * n + b"a:" for n in range(1_300))),
    "question marks": written(b"? " * _DEEP),
    "aliases of aliases": written(_laughs()),
    "an alias of itself": written(b"repurchase: &a [*a]\n"),
    "a tag that runs code": written(b'repurchase: !!python/object/apply:os.system ["id"]\n'),
    "many documents": written(b"---\na: 1\n" * 50_000),
    "a merge of a merge": written(b"a: &a {b: 1}\nc: {<<: *a}\n"),
    "one key often": written(b"a: 1\n" * 100_000),
    "many keys": written(b"".join(b"k%d: 1\n" % n for n in range(80_000))),
    "a key of 500 kB": written(b"k" * 500_000 + b": 1\n"),
    "a quote that stays open": written(b'"' + b"a,\n" * 100_000),
    "quotes": written(b'"' * 1_000_001),
    "30,000 columns": written(b",".join(b"c%d" % n for n in range(10_000)) + b"\n1\n"),
    "commas": written(b"," * 2_000_000),
    "an object with one name often": written(b"{" + b'"id":1,' * 9_000 + b'"id":1}'),
    "an object of many names": written(
        b"{" + b",".join(b'"n%d":1' % n for n in range(5_000)) + b"}"
    ),
    "many objects of many names": written(
        (b"{" + b",".join(b'"quantit%d":1' % n for n in range(499)) + b"}\n") * 100
    ),
    "a number without an end": written(b'{"quantity": 1' + b"0" * 60_000 + b"}"),
    "a number beyond all": written(b'{"quantity": 1e999999999, "price": NaN, "fx": -Infinity}'),
    "half of a surrogate": written(rb'{"id": "\ud800", "kind": "\udfff"}'),
    "UTF-8 of a surrogate": written(b'{"id": "\xed\xa0\x80"}\n'),
    "not UTF-8": written(b"\xff\xfe\xfd" * 1_000),
    "UTF-16": written("id,kind\n1,fill\n".encode("utf-16")),
    "a byte-order mark": written(b"\xef\xbb\xbf"),
    "orders to a terminal": written(b"\x1b[2J\x1b]0;gone\x07" * 1_000),
    "letters that turn the line": written("\u202eid\u2066\u200b: a\n".encode() * 100),
    "gzip of zeros": written(gzip.compress(b"\0" * 30_000_000)),
    "a zip": written(_zip()),
    "the start of Parquet": written(b"PAR1" + b"\0" * 1_000 + b"PAR1"),
    "Parquet with a long footer": written(b"PAR1" + b"\xff" * 1_000 + b"\xff\xff\xff\x7fPAR1"),
    "a program": written(b"\x7fELF\x02\x01\x01" + b"\0" * 5_000),
    "a certificate of nothing": written(b"-----BEGIN PUBLIC KEY-----\nMAA=\n" * 20_000),
    "a key without an end": written(b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 2_000_000),
    "chance": written(random.Random(17).randbytes(1_000_000)),
    "a database": _database,
    "a folder": Path.mkdir,
    "a pipe without a writer": os.mkfifo,
    "a socket": _socket,
    "a link to nothing": _link("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a folder": _link("."),
    "a link to zeros": _link("/dev/zero"),
    "a link to chance": _link("/dev/urandom"),
    "a link to a full device": _link("/dev/full"),
}


def damaged(content: bytes, count: int, seed: int = 17) -> Iterator[bytes]:
    """Yield *count* files that were *content* once: cut, repeated, or with other bytes in them."""
    chance = random.Random(seed)
    for number in range(count):
        at = chance.randrange(len(content))
        end = min(len(content), at + chance.randrange(1, 40))
        match number % 4:
            case 0:
                yield content[:at]
            case 1:
                yield content[:at] + chance.randbytes(end - at) + content[end:]
            case 2:
                yield content[:at] + content[at:end] * 20_000 + content[end:]
            case _:
                yield content[:at] + content[end:]


def main(calls: list[dict[str, Any]], modules: list[str]) -> None:
    """Run *calls* one after the other, and write how each ended as a line of JSON."""
    for module in modules:
        import_module(module)
    for call in calls:
        sys.stdout.write(json.dumps(_ended(call)) + "\n")
        sys.stdout.flush()


def _ended(call: dict[str, Any]) -> dict[str, object]:
    child = os.fork()
    if not child:
        _become(call)
    _, status, used = os.wait4(child, 0)
    unit = 1 if sys.platform == "darwin" else 1_024
    return {
        "name": call["name"],
        "code": os.waitstatus_to_exitcode(status),
        "megabytes": used.ru_maxrss * unit // 1_000_000,
        "seconds": round(used.ru_utime + used.ru_stime, 2),
    }


def _become(call: dict[str, Any]) -> None:
    """Run the command of *call* in this process, and end with its code."""
    code = 70
    try:
        signal.alarm(HANGS_AFTER_SECONDS)
        os.chdir(call["folder"])
        os.dup2(os.open(call["stdin"], os.O_RDONLY | os.O_NONBLOCK), 0)
        os.set_blocking(0, True)
        for stream, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        sys.argv = ["repurchase", *call["arguments"]]
        with suppress(SystemExit):
            code = command()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8") as _file:
        main(json.load(_file), sys.argv[2:])
