"""Bad rule files through the command: the place, the exit code, and nothing decided by them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_cli import GAPPY, RULES, errors_of, order, run

CAP: Final = "program.shares_after <= terms.max_shares"
TOO_EARLY: Final = "the expression ends too early"


def changed(old: str, new: str) -> Callable[[], bytes]:
    """Return what writes the rule file with its first *old* replaced."""
    assert old in RULES, old
    return lambda: RULES.replace(old, new, 1).encode()


Case = tuple[str, Callable[[], bytes], list[str]]
ALIASES: Final = """\
repurchase: 1
a: &a [x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b]
"""
MINIMA: Final = " + ".join(["min(trade.units, 1)"] * 90)
BAD: Final[list[Case]] = [
    ("empty", lambda: b"", ["1:1: the file is empty"]),
    ("blank", lambda: b"\n  \n# nothing\n", ["1:1: the file is empty"]),
    ("zero byte", lambda: b"repurchase: 1\nissuer: \0\n", ["2:9: a zero byte is not allowed"]),
    ("binary", lambda: bytes(range(256)), ["2:118: the file is not UTF-8"]),
    ("not UTF-8", lambda: b"repurchase: 1\nissuer: caf\xe9\n", ["2:12: the file is not UTF-8"]),
    ("UTF-16", lambda: RULES.encode("utf-16"), ["1:1: the file is not UTF-8"]),
    (
        "byte-order mark",
        lambda: b"\xef\xbb\xbf" + RULES.encode(),
        ["1:1: a byte-order mark is not allowed"],
    ),
    ("a list", lambda: b"- a\n", ["1:1: the file is a list, not a mapping of keys"]),
    ("a text", lambda: b"repurchase\n", ["1:1: the file is text, not a mapping of keys"]),
    ("no YAML", lambda: b"a: [b\n", ["2:1: this is not YAML"]),
    ("tabs", lambda: b"a:\n\tb: c\n", ["2:1: this is not YAML"]),
    (
        "200,000 brackets",
        lambda: b"issuer: " + b"[" * 200_000,
        ["1:28: values are nested more than 20 levels deep"],
    ),
    ("200,000 braces", lambda: b"a: " + b"{a: " * 200_000, ["1:80: values are nested more"]),
    ("200,000 dashes", lambda: b"a:\n " + b"- " * 200_000, ["2:40: values are nested more"]),
    (
        "too long",
        lambda: RULES.encode() + b"#" * 1_000_000,
        ["the file is longer than 1,000,000 bytes"],
    ),
    (
        "duplicate key",
        changed("currency: JPY", "currency: JPY\ncurrency: USD"),
        ["4:1: the key `currency` is given twice; remove one: the first is at 3:1"],
    ),
    (
        "duplicate rule",
        changed("id: last-day", "id: share-cap"),
        ["12:9: "],
    ),
    ("alias bomb", ALIASES.encode, ["3:8: the alias `*a` is not allowed"]),
    (
        "python tag",
        changed("currency: JPY", "currency: !!python/name:os JPY"),
        ["3:11: the tag `!!python/name:os` is not allowed; remove it"],
    ),
    (
        "python call",
        changed("currency: JPY", "currency: !!python/object/apply:os.system [id]"),
        ["3:11: the tag `!!python/object/apply:os.system`"],
    ),
    (
        "no",
        changed("authorization: tiny", "authorization: no"),
        ["2:16: `no` is not text to every"],
    ),
    ("12:30", changed("authorization: tiny", "authorization: 12:30"), ["2:16: `12:30` is not"]),
    ("010", changed("authorization: tiny", "authorization: 010"), ["2:16: `010` is not"]),
    ("no shares", changed('"100 shares"', "no"), ["8:23: `no` is not a figure"]),
    ("12:30 shares", changed('"100 shares"', "12:30"), ["8:23: `12:30` is not text to every"]),
    ("010 shares", changed('"100 shares"', "010"), ["8:23: `010` begins with a zero"]),
    (
        "1e5 shares",
        changed('"100 shares"', '"1e5 shares"'),
        ["8:23: `1e5` has an exponent"],
    ),
    ("wrong group", changed('"100 shares"', '"1,00 shares"'), ["8:23: "]),
    ("figure of 19 digits", changed('"100 shares"', f'"{10**18} shares"'), ["8:23: "]),
    ("cap of zero", changed('"100 shares"', '"0 shares"'), ["8:"]),
    ("yen for shares", changed('"100 shares"', '"JPY 100"'), ["8:23: `max_shares` takes a number"]),
    (
        "unknown key",
        changed("currency: JPY", "curency: JPY"),
        ["3:1: unknown key `curency`; did you mean `currency`?"],
    ),
    (
        "unknown key of a rule",
        changed("    require: trade.last_date", "    requires: trade.last_date"),
        ["14:5: unknown key `requires`; did you mean `require`?"],
    ),
    ("unknown effect", changed("effect: flag", "effect: flags"), ["13:13: "]),
    ("unknown venue", changed("XTKS", "XTKZ"), ["6:46: "]),
    ("unknown timezone", changed("Asia/Tokyo", "Asia/Tokio"), ["4:11: "]),
    (
        "unknown fact",
        changed("program.shares_after", "program.share_after"),
        ["11:14: unknown fact `program.share_after`; did you mean `program.shares_after`?"],
    ),
    (
        "shares against yen",
        changed(CAP, "program.amount_after <= terms.max_shares"),
        ["11:38: JPY and shares do not fit together"],
    ),
    ("open brackets", changed(CAP, "(((("), [f"11:18: {TOO_EARLY}"]),
    ("2,000 open brackets", changed(CAP, "(" * 2000), ["11:46: brackets are nested too deep"]),
    (
        "5,000 terms",
        changed(CAP, "1 + " * 5000 + "1 <= trade.units"),
        ["11:2014: the expression has 20,016 characters; write at most 2,000"],
    ),
    (
        "minima",
        changed(CAP, f"{MINIMA} <= 5"),
        [f"11:14: the expression expands to {2**90} comparisons"],
    ),
    (
        "25 comparisons",
        changed(CAP, " and ".join([f"trade.units <= {n}" for n in range(25)])),
        ["11:14: the expression expands to 25 comparisons"],
    ),
    ("no condition", changed(CAP, "trade.shares"), ["11:14: this is a quantity, not a condition"]),
    ("division by zero", changed(CAP, "trade.shares / 0 <= 1 shares"), ["10:5: rule `share-cap`"]),
    ("no fact", changed(CAP, "5 <= 6"), ["11:14: the rule does not read any fact"]),
    (
        "window the wrong way round",
        changed(
            "terms:\n",
            "terms:\n  first_day: {value: 2026-05-15}\n  last_day: {value: 2026-05-14}\n",
        ),
        ["8:22: `first_day` 2026-05-15 is after `last_day` 2026-05-14"],
    ),
    ("day that is none", changed("2026-12-31", "2026-02-30"), ["14:33: `2026-02-30` is no day"]),
    ("second document", lambda: RULES.encode() + b"---\na: b\n", ["22:1: a second document"]),
    ("bidi mark", changed("authorization: tiny", "authorization: ti\u202eny"), ["2:18: the char"]),
    (
        "escape",
        lambda: RULES.encode() + b"# \x1b[2J\n",
        ["22:3: the character U+001B is invisible"],
    ),
]
IDS: Final = [name for name, _, _ in BAD]


@pytest.mark.parametrize(("name", "write", "expected"), BAD, ids=IDS)
def test_bad_rule_file_is_told_with_its_place(
    tmp_path: Path, name: str, write: Callable[[], bytes], expected: list[str]
) -> None:
    """`lint` names file, line and column of what is wrong, and ends with 1."""
    (tmp_path / "rules.yaml").write_bytes(write())
    ended = run("lint", "rules.yaml", cwd=tmp_path)
    said = [line.removeprefix("rules.yaml:").lstrip() for line in ended.lines]
    assert (ended.code, ended.out) == (1, ""), name
    assert all(line.startswith("rules.yaml:") for line in ended.lines)
    for start in expected:
        assert any(line.startswith(start) for line in said), said


@pytest.mark.parametrize(("name", "write", "expected"), BAD[::7], ids=IDS[::7])
def test_bad_rule_file_decides_nothing(
    tmp_path: Path, name: str, write: Callable[[], bytes], expected: list[str]
) -> None:
    """Every other command ends with 2, says the same, and gives no outcome."""
    (tmp_path / "rules.yaml").write_bytes(write())
    (tmp_path / "log.csv").write_text("date,symbol,quantity\n", encoding="utf-8")
    linted = run("lint", "rules.yaml", cwd=tmp_path)
    for arguments in (
        ("check", "--rules", "rules.yaml", "--event", "-"),
        ("replay", "log.csv", "--rules", "rules.yaml"),
        ("explain", "rules.yaml"),
    ):
        ended = run(*arguments, stdin=order(), cwd=tmp_path)
        assert (ended.code, ended.out, ended.err) == (2, "", linted.err), (name, expected)


@pytest.mark.parametrize(("name", "write", "expected"), BAD[::9], ids=IDS[::9])
def test_bad_rule_file_is_told_as_json(
    tmp_path: Path, name: str, write: Callable[[], bytes], expected: list[str]
) -> None:
    """The machine-readable form has the same errors, on standard output alone."""
    (tmp_path / "rules.yaml").write_bytes(write())
    plain = run("lint", "rules.yaml", cwd=tmp_path)
    as_json = run("lint", "rules.yaml", "--json", cwd=tmp_path)
    assert (as_json.code, as_json.err) == (1, ""), (name, expected)
    told = []
    for error in errors_of(as_json):
        place = ":".join(str(error[key]) for key in ("file", "line", "column") if error[key])
        hint = f"; {error['hint']}" if error["hint"] else ""
        told.append(f"{place}: {error['what']}{hint}")
    assert told == plain.lines


@pytest.mark.parametrize("command", ["check", "replay"])
def test_bad_rule_file_is_told_as_json_by_other_commands(tmp_path: Path, command: str) -> None:
    """Who asks for JSON gets the errors of the rule file as JSON, and 2."""
    (tmp_path / "rules.yaml").write_text("- a\n", encoding="utf-8")
    (tmp_path / "log.csv").write_text("date,symbol,quantity\n", encoding="utf-8")
    arguments = {"check": ("--event", "-"), "replay": ("log.csv",)}[command]
    ended = run(command, *arguments, "--rules", "rules.yaml", "--json", stdin=order(), cwd=tmp_path)
    (error,) = errors_of(ended)
    assert (ended.code, ended.err) == (2, "")
    assert (error["file"], error["line"], error["column"]) == ("rules.yaml", 1, 1)


def test_all_errors_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """Nobody mends a file one error at a time."""
    text = RULES.replace("currency: JPY", "curency: JPY").replace("effect: flag", "effect: flags")
    (tmp_path / "rules.yaml").write_text(text.replace(CAP, "(((("), encoding="utf-8")
    ended = run("lint", "rules.yaml", cwd=tmp_path)
    assert [line.split(":")[1] for line in ended.lines][-1] == "13"
    assert len(ended.lines) >= 3


@pytest.mark.parametrize(
    ("quote", "figure", "code"),
    [
        ("up to 100 shares", "", 0),
        ("up to a hundred shares", "", 1),
        ("up to a hundred shares", "a hundred", 0),
        ("up to 1,000 shares", "", 1),
        ("up to 100", "", 0),
    ],
)
def test_quote_that_lacks_its_figure_is_a_gap(
    tmp_path: Path, quote: str, figure: str, code: int
) -> None:
    """A quote says its figure, in digits or in the words that are named."""
    named = f', figure: "{figure}"' if figure else ""
    text = RULES.replace('quote: "up to 100 shares"', f'quote: "{quote}"{named}')
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    ended = run("lint", "rules.yaml", cwd=tmp_path)
    said = [line.split(":")[0] for line in ended.lines]
    told = "rules.yaml" if code else "the file has no errors or gaps"
    assert (ended.code, said) == (code, [told])


def test_gap_does_not_stop_a_decision(tmp_path: Path) -> None:
    """What has gaps loads: the answer stands on standard output, the gap beside it."""
    (tmp_path / "rules.yaml").write_text(GAPPY, encoding="utf-8")
    ended = run(
        "check", "--rules", "rules.yaml", "--event", "-", "--json", stdin=order(), cwd=tmp_path
    )
    assert (ended.code, ended.json["outcome"], len(ended.lines)) == (0, "approved", 2)


# --- explain

DATED: Final = """\
  max_shares:
    - {value: "100 shares", quote: "up to 100 shares", until: 2026-12-31}
    - {value: "120 shares", from: 2027-01-01, known: 2026-11-05}
"""


def test_explain_tells_what_holds_on_some_days_only(tmp_path: Path) -> None:
    """Each version of a term and each rule is told with its days, and the facts of all rules."""
    once = '  max_shares: {value: "100 shares", quote: "up to 100 shares"}\n'
    text = RULES.replace(once, DATED).replace("id: last-day", "id: last-day\n    from: 2026-06-01")
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    told = [line.split() for line in run("explain", "rules.yaml", cwd=tmp_path).out.splitlines()]
    named = ("max_shares", "last-day", "requires", "second-pair-of-eyes", "applies")
    rows = [" ".join(line) for line in told if line and line[0] in named]
    assert rows == [
        "max_shares 100 shares, until 2026-12-31 “up to 100 shares”",
        "max_shares 120 shares, from 2027-01-01, known 2026-11-05",
        "requires program.shares_after <= terms.max_shares",
        "last-day flag, from 2026-06-01",
        "requires trade.last_date <= 2026-12-31",
        "second-pair-of-eyes review at order",
        "requires trade.order_type == limit",
        "applies if trade.shares >= 50 shares",
        "requires trade.last_date <= 2099-12-31",
    ]
    assert any(line[:1] == ["trade.last_date"] for line in told)


# --- what is no file

NOT_REGULAR: Final = "this is not a regular file"


@pytest.mark.parametrize("command", ["lint", "check", "replay", "explain", "test"])
@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "socket", "device"])
def test_rule_file_that_is_no_file_is_refused(tmp_path: Path, command: str, kind: str) -> None:
    """A pipe as rule file does not hang, and nothing but a regular file is read."""
    path = tmp_path / "rules.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        path.symlink_to("/dev/null/nothing")
    elif kind == "device":
        path.symlink_to("/dev/zero")
    (tmp_path / "rules.cases.yaml").write_text("cases: []\n", encoding="utf-8")
    arguments = {
        "lint": ["rules.yaml"],
        "check": ["--rules", "rules.yaml", "--event", "-"],
        "replay": ["-", "--rules", "rules.yaml"],
        "explain": ["rules.yaml"],
        "test": ["rules.yaml"],
    }[command]
    ended = run(command, *arguments, stdin=order(), cwd=tmp_path)
    expected = {
        "missing": "the file does not exist",
        "socket": "the file cannot be opened: not a directory",
    }
    said = expected.get(kind, NOT_REGULAR)
    if kind == "folder" and command in ("lint", "test"):
        said = "the folder has no rule file, pack or cases file; name another folder, or a file"
    assert (ended.code, ended.out, ended.err) == (2, "", f"rules.yaml: {said}\n")


def test_rule_file_without_permission_is_refused(tmp_path: Path) -> None:
    """What may not be read is not guessed at."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    path.chmod(0)
    ended = run("lint", path)
    assert ended == (2, "", f"{path}: the file cannot be opened: permission denied\n")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("lint", "the file cannot be opened: file name too long"),
        ("test", "the file cannot be opened: file name too long"),
        ("init", "the files cannot be written: file name too long"),
        ("explain", "is not a fact, a finding, a pack or a rule file"),
    ],
)
def test_file_name_that_is_too_long_is_refused(tmp_path: Path, command: str, said: str) -> None:
    """A name that no file can have is told like another."""
    ended = run(command, "a" * 300, cwd=tmp_path)
    assert (ended.code, ended.out, said in ended.err) == (2, "", True)
    assert "the answer cannot be written" not in ended.err


def test_files_that_can_be_opened_are_told_beside_one_that_cannot(tmp_path: Path) -> None:
    """A file that is missing ends the command with 2, and keeps nobody from hearing of others."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("- a\n", encoding="utf-8")
    ended = run("lint", "a.yaml", "missing.yaml", "b.yaml", cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert [line.split(": ")[0] for line in ended.lines] == [
        "a.yaml:1:1",
        "missing.yaml",
        "b.yaml:1:1",
    ]
    assert run("lint", "b.yaml", "missing.yaml", "--json", cwd=tmp_path).code == 2


def test_cases_of_no_name_are_refused(tmp_path: Path) -> None:
    """A folder without one of our files is an error, and not a success."""
    said = ".: the folder has no rule file, pack or cases file; name another folder, or a file\n"
    for command in ("lint", "test"):
        assert run(command, ".", cwd=tmp_path) == (2, "", said)


# --- whatever stands in it


@st.composite
def mutated(draw: st.DrawFn, text: str = RULES) -> bytes:
    """Draw the file *text* with a few places cut out, doubled or overwritten."""
    data = text.encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        piece = draw(
            st.sampled_from(
                [b"", b":", b"- ", b"{", b"[", b"&a ", b"*a", b"!!x ", b"\xff", b"\0", b"((", b"\t"]
            )
            | st.binary(max_size=4)
            | st.just(data[start:end] * 2)
        )
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.slow
@given(mutated())
@settings(max_examples=40)
def test_any_rule_file_loads_or_is_told(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """A rule file that was good once lints with 0 or 1, and never in another way."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "mutated.yaml").write_bytes(data)
    ended = run("lint", "mutated.yaml", "--json", cwd=folder)
    assert (ended.code == 0) == (errors_of(ended) == [])
    checked = run(
        *("check", "--rules", "mutated.yaml", "--event", "-", "--json"), stdin=order(), cwd=folder
    )
    assert (checked.code == 2) == ("errors" in json.loads(checked.out))
