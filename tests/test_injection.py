"""Text from files, events and arguments reaches no terminal as anything but plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_cli import RULES, Run, order, run
from test_cli_streams import at_a_terminal

HOSTILE: Final = {
    "color": "\x1b[31mapproved\x1b[0m",
    "one-byte-color": "\x9b31mapproved",
    "clear-screen": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "markup": "[bold red]x[/bold red]",
    "markup-link": "[link=http://evil.example]x[/link]",
    "broken-markup": "[/]",
    "emoji": ":skull:",
    "new-line": "a\nDENIED order b",
    "carriage-return": "a\rapproved",
    "erased": "denied\x08\x08\x08\x08\x08\x08approved",
    "right-to-left": "\u202edevorppa\u202c",
    "isolated": "\u2066devorppa\u2069",
    "zero-width": "app\u200bro\u200dved\ufeff",
    "next-line": "a\x85b",
    "line-separator": "a\u2028b\u2029c",
    "soft-hyphen": "ap\u00adproved",
    "delete": "a\x7fb",
    "vertical": "a\x0b\x0cb",
    "tag": "a\U000e0041\U000e0042",
    "variation": "a\u061cb\u200eb\u200fc",
}
ONE_BY_ONE: Final = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)

# Several at once take a fraction of the time, and must all be shown plain as well.
TOGETHER: Final = {
    "terminal": "color one-byte-color clear-screen title link",
    "lines": "new-line carriage-return erased next-line line-separator delete vertical",
    "unseen": "right-to-left isolated zero-width soft-hyphen tag variation",
    "rich": "markup markup-link broken-markup emoji",
}
EACH: Final = pytest.mark.parametrize(
    "text",
    ["".join(HOSTILE[name] for name in names.split()) for names in TOGETHER.values()],
    ids=TOGETHER,
)

# What rich itself sends to a terminal: colors, and for a progress bar the cursor and the line.
OWN_SEQUENCES: Final = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|2K|1A)|\r")


def unseen(text: str) -> list[str]:
    """Return the characters of *text* that are no plain text, by their numbers."""
    return sorted({f"U+{ord(one):04X}" for one in text if one != "\n" and not one.isprintable()})


def unseen_of(ended: Run) -> list[str]:
    return unseen(ended.out) + unseen(ended.err)


def is_one_decision(out: str) -> bool:
    """Return whether *out* shows exactly one outcome, at the beginning of a line."""
    outcome = re.compile(r"^(approved|denied|held)\b", re.IGNORECASE | re.MULTILINE)
    return len(outcome.findall(out)) == 1


def test_every_hostile_text_is_tried_together_with_others() -> None:
    """The groups leave none out."""
    assert sorted(" ".join(TOGETHER.values()).split()) == sorted(HOSTILE)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a rule file."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    return tmp_path


CHECK: Final = ("check", "--rules", "rules.yaml", "--event", "-", "--brought-forward", "5,5")


def commands_on_a_log(log: str) -> Iterator[tuple[str, ...]]:
    for more in ((), ("--json",), ("--sort",), ("--findings", "all", "--decisions", "out.jsonl")):
        yield ("replay", log, "--rules", "rules.yaml", *more)


# --- events


@ONE_BY_ONE
@pytest.mark.parametrize("field", ["id", "broker"])
def test_text_of_an_event_is_shown_plain(here: Path, field: str, text: str) -> None:
    """Whatever an event says, table and JSON hold printable characters alone."""
    asked = order(**{field: text})
    table = run(*CHECK, stdin=asked, cwd=here)
    as_json = run(*CHECK, "--json", stdin=asked, cwd=here)
    assert (unseen_of(table), unseen_of(as_json), table.code) == ([], [], as_json.code)
    assert table.code == 2 or is_one_decision(table.out)


@EACH
def test_every_text_of_an_event_is_shown_plain(here: Path, text: str) -> None:
    """So it is with each field of its own, where it is taken and where it is not."""
    for field in ("symbol", "venue", "side", "order_type", "method", "by", "reason"):
        for more in ((), ("--json",)):
            ended = run(*CHECK, *more, stdin=order(**{field: text}), cwd=here)
            assert (ended.code in (0, 1, 2), unseen_of(ended)) == (True, [])


@EACH
def test_number_and_name_of_an_event_are_shown_plain(here: Path, text: str) -> None:
    """Neither a wrong value nor an unknown name of an event reaches the terminal raw."""
    for changes in ({"quantity": text}, {"date": text}, {text: "x"}, {"kind": text}, {"fx": text}):
        for more in ((), ("--json",)):
            ended = run(*CHECK, *more, stdin=order(**changes), cwd=here)
            assert (ended.code, unseen_of(ended)) == (2, [])


def test_markup_is_shown_to_the_letter(here: Path) -> None:
    """Brackets and colons are text like other text."""
    asked = order(id="[bold red]x[/bold red] :skull:")
    ended = run(*CHECK, stdin=asked, cwd=here)
    assert ended.out.startswith("APPROVED  order [bold red]x[/bold red] :skull:: ")


def test_broken_text_of_an_event_is_refused_or_shown_plain(here: Path) -> None:
    """Half a character, which no encoding can write, breaks nothing."""
    for text in ('"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"'):
        asked = order(id="ID").replace('"ID"', text)
        for more in ((), ("--json",)):
            ended = run(*CHECK, *more, stdin=asked, cwd=here)
            assert (ended.code in (0, 2), unseen_of(ended)) == (True, [])


# --- logs


@EACH
def test_text_of_a_log_is_shown_plain(here: Path, text: str) -> None:
    """Ids and brokers of a log reach summary, decisions and errors as plain text."""
    row = {"kind": "fill", "date": "2026-05-15", "symbol": "1", "broker": text}
    rows = [{**row, "id": text, "quantity": 200}, {**row, "id": f"{text}2", "quantity": 1}]
    lines = "".join(json.dumps({**row, "side": "buy", "price": 5}) + "\n" for row in rows)
    (here / "log.jsonl").write_text(lines, encoding="utf-8")
    for arguments in commands_on_a_log("log.jsonl"):
        ended = run(*arguments, cwd=here)
        assert (ended.code in (1, 2), unseen_of(ended)) == (True, [])
    written = [path.read_text(encoding="utf-8") for path in here.glob("out.jsonl*")]
    assert [unseen(text) for text in written] == [[]]


@EACH
def test_text_of_a_bad_row_is_shown_plain(here: Path, text: str) -> None:
    """What is wrong with a row is told in printable characters."""
    row = {"kind": "fill", "id": text, "date": text, "symbol": text, "quantity": text, text: text}
    (here / "log.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    for arguments in commands_on_a_log("log.jsonl"):
        ended = run(*arguments, cwd=here)
        assert (ended.code, unseen_of(ended)) == (2, [])


@EACH
def test_name_of_a_column_is_shown_plain(here: Path, text: str) -> None:
    """A header is text from a file as well."""
    quoted = '"' + text.replace('"', '""') + '"'
    header = f"id,date,symbol,quantity,{quoted}\n"
    (here / "log.csv").write_text(f"{header}{quoted},{quoted},1,1,x\n", "utf-8", newline="")
    for more in ((), ("--json",), ("--ignore", text), ("--column", f"broker={text}")):
        ended = run("replay", "log.csv", "--rules", "rules.yaml", *more, cwd=here)
        assert (ended.code, unseen_of(ended)) == (2, [])


# --- rule files


@EACH
@pytest.mark.parametrize("key", ["title", "cite", "why", "quote"])
def test_text_of_a_rule_is_refused_or_shown_plain(here: Path, key: str, text: str) -> None:
    """What a rule file may say is shown plain, whatever it is; the rest does not load."""
    value = json.dumps(text)
    rules = RULES.replace("    effect: flag\n", f"    effect: flag\n    {key}: {value}\n", 1)
    (here / "rules.yaml").write_text(rules, encoding="utf-8")
    asked = order(date="2027-01-01")
    for arguments in (
        ("lint", "rules.yaml"),
        ("lint", "rules.yaml", "--json"),
        ("explain", "rules.yaml"),
        CHECK,
        (*CHECK, "--json"),
    ):
        ended = run(*arguments, stdin=asked, cwd=here)
        assert unseen_of(ended) == []
        assert ended.code in (0, 1, 2)


@EACH
def test_name_in_a_rule_file_is_refused_and_shown_plain(here: Path, text: str) -> None:
    """Names of a rule file have no room for such text, and the error does not repeat it raw."""
    value = json.dumps(text)
    for old, new in (
        ("authorization: tiny", f"authorization: {value}"),
        ("id: share-cap", f"id: {value}"),
        ("currency: JPY", f"currency: {value}"),
        ("currency: JPY", f"currency: JPY\n{value}: x"),
        ("Asia/Tokyo", value),
        ("XTKS", value),
        ('"100 shares"', value),
        ("trade.last_date <= 2026-12-31", json.dumps(f'trade.broker == "{text}" {text}')),
    ):
        (here / "rules.yaml").write_text(RULES.replace(old, new, 1), encoding="utf-8")
        for more in ((), ("--json",)):
            ended = run("lint", "rules.yaml", *more, cwd=here)
            assert (ended.code, unseen_of(ended)) == (1, []), new


@EACH
def test_word_of_a_rule_is_refused_or_shown_plain(here: Path, text: str) -> None:
    """A word that a rule compares with is shown as the limit, and shown plain."""
    require = json.dumps(f"trade.broker == '{text}'")
    rules = RULES.replace("trade.last_date <= 2026-12-31", require, 1)
    (here / "rules.yaml").write_text(rules, encoding="utf-8")
    for arguments in (("explain", "rules.yaml"), CHECK, (*CHECK, "--json")):
        ended = run(*arguments, stdin=order(broker=f"{text}!"), cwd=here)
        assert (ended.code in (0, 2), unseen_of(ended)) == (True, [])


@EACH
def test_name_of_a_case_is_refused_or_shown_plain(here: Path, text: str) -> None:
    """Cases that fail are told plain."""
    case = {"name": text, "event": {"kind": "order", "date": "2026-05-15", "symbol": text}}
    case["event"] |= {"quantity": "1", "price": "5"}  # type: ignore[operator]
    content = json.dumps({"cases": [{**case, "expect": "held", "rules": [text]}]})
    (here / "rules.cases.yaml").write_text(content, encoding="utf-8")
    for more in ((), ("--json",)):
        ended = run("test", "rules.yaml", *more, cwd=here)
        assert (ended.code in (1, 2), unseen_of(ended)) == (True, [])


# --- arguments and file names


@EACH
def test_argument_is_shown_plain(here: Path, text: str) -> None:
    """A wrong argument is told in printable characters."""
    (here / "log.csv").write_text("date,symbol,quantity,price\n", encoding="utf-8")
    replay = ("replay", "log.csv", "--rules", "rules.yaml")
    raw = []
    for arguments in (
        (text,),
        (f"--{text}",),
        ("lint", f"--{text}"),
        ("lint", text),
        ("lint", "rules.yaml", "--source", text),
        ("explain", text),
        ("explain", f"{text}.yaml"),
        ("completion", text),
        ("init", "a", text),
        ("test", text),
        ("check", "--rules", text, "--event", "-"),
        ("check", "--rules", "rules.yaml", "--event", text),
        ("replay", text, "--rules", "rules.yaml"),
        (*replay, text),
        (*replay, "--known-at", text),
        (*replay, "--findings", text),
        (*replay, "--column", text),
        (*replay, "--column", f"{text}=x"),
        (*replay, "--set", f"side={text}"),
        (*replay, "--set", f"{text}={text}"),
        (*replay, "--brought-forward", text),
        (*replay, "--decisions", f"none/{text}"),
    ):
        ended = run(*arguments, stdin=order(), cwd=here)
        as_json = run(*arguments, "--json", stdin=order(), cwd=here)
        if (unseen_of(ended), unseen_of(as_json), ended.code) != ([], [], 2):
            raw.append(arguments)
    assert raw == []


@EACH
def test_name_of_a_file_is_shown_plain(here: Path, text: str) -> None:
    """A file may be called anything, and is shown as plain text."""
    name = text.replace("/", "_")
    (here / f"{name}.yaml").write_text(RULES.replace("JPY", "JPYX"), encoding="utf-8")
    (here / f"{name}.cases.yaml").write_text("cases: [{}]\n", encoding="utf-8")
    (here / f"{name}.csv").write_text("date,symbol,quantity\n2026-05-15,1,x\n", encoding="utf-8")
    (here / f"{name}.good.csv").write_text("date,symbol,quantity\n", encoding="utf-8")
    (here / f"{name}.json").write_text("{}", encoding="utf-8")
    for arguments in (
        ("lint", f"{name}.yaml"),
        ("explain", f"{name}.yaml"),
        ("test", f"{name}.yaml"),
        ("test",),
        ("check", "--rules", "rules.yaml", "--event", f"{name}.json"),
        ("replay", f"{name}.csv", "--rules", "rules.yaml"),
        ("replay", f"{name}.good.csv", "--rules", "rules.yaml"),
        ("lint", "rules.yaml", "--source", f"{name}.yaml"),
        ("init", name),
        ("init", name),
    ):
        ended = run(*arguments, cwd=here)
        assert unseen_of(ended) == [], arguments


# --- at a terminal, and whatever the text


@pytest.mark.parametrize("kind", ["check", "denied", "replay", "explain", "lint", "usage"])
def test_terminal_gets_no_sequence_but_the_commands_own(here: Path, kind: str) -> None:
    """At a terminal nothing arrives but text and the colors that the command itself chose."""
    every = "".join(HOSTILE.values())[:150]
    (here / "order.json").write_text(order(id=every, broker=every), encoding="utf-8")
    (here / "bad.json").write_text(order(side=every, kind=every), encoding="utf-8")
    row = {"kind": "fill", "id": every, "date": "2026-05-15", "symbol": "1", "quantity": 200}
    (here / "log.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    text = HOSTILE["markup"] + HOSTILE["markup-link"] + HOSTILE["emoji"]
    titled = RULES.replace("effect: flag", f"effect: flag\n    title: {json.dumps(text)}", 1)
    (here / "rules.yaml").write_text(titled, encoding="utf-8")
    (here / "bad.yaml").write_text(RULES.replace("tiny", json.dumps(every)), encoding="utf-8")
    arguments = {
        "check": ("check", "--rules", "rules.yaml", "--event", "order.json"),
        "denied": ("check", "--rules", "rules.yaml", "--event", "bad.json"),
        "replay": ("replay", "log.jsonl", "--rules", "rules.yaml"),
        "explain": ("explain", "rules.yaml"),
        "lint": ("lint", "bad.yaml"),
        "usage": ("init", "a", every),
    }[kind]
    _, shown = at_a_terminal(here, *arguments)
    assert shown
    assert unseen(OWN_SEQUENCES.sub("", shown)) == []
    assert "\x1b]" not in shown


@pytest.mark.slow
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
@settings(max_examples=40)
def test_any_id_is_shown_plain(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """No character of an id is sent raw unless it can be printed."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    ended = run(*CHECK, stdin=order(id=text), cwd=folder)
    assert (unseen_of(ended), ended.code in (0, 2)) == ([], True)
    if ended.code == 0:
        assert is_one_decision(ended.out)
