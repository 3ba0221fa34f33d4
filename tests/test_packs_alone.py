"""A pack file by itself: `lint` and `explain` read it, and whatever judges says that it cannot."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings

from repurchase.rulebook.library import pack_names, pack_path
from repurchase.rulebook.packs import pack_alone
from test_cli import Run, errors_of, order, run
from test_cli_rules import mutated

PACK: Final = """\
repurchase: 1
pack: desk
title: Limits of our own desk
sources:
  manual: {title: Desk manual}
limits:
  most:
    - {value: "500 shares", quote: "no more than 500 shares", until: 2008-12-31}
    - {value: "300 shares", from: 2009-01-01}
options:
  calm: {title: Half as much}
rules:
  - {id: size, require: trade.shares <= limits.most, without: calm}
  - {id: size-calm, require: trade.shares <= 50% * limits.most, option: calm}
"""
RULES: Final = """\
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
unlimited: [shares, amount]
instruments:
  common: {symbol: "3774", venues: [XTKS]}
include: [./desk]
rules:
  - {id: last, require: trade.last_date <= 2030-12-31}
"""
SOUND: Final = Run(0, "", "the file has no errors or gaps\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a pack, and a rule file that includes it."""
    (tmp_path / "desk.yaml").write_text(PACK)
    (tmp_path / "acme.yaml").write_text(RULES)
    return tmp_path


def linted(folder: Path, old: str, new: str, name: str = "desk.yaml") -> Run:
    """Return what `lint` says of the file *name* once *old* of the pack is *new*."""
    assert old in PACK
    (folder / "desk.yaml").write_text(PACK.replace(old, new, 1))
    return run("lint", name, cwd=folder)


@pytest.mark.parametrize("name", ["desk.yaml", "./desk.yaml", "acme.yaml"])
def test_sound_pack_lints_clean(folder: Path, name: str) -> None:
    """Alone as in the rule file that includes it, nothing is wrong with it."""
    assert run("lint", name, cwd=folder) == SOUND


@pytest.mark.parametrize("name", pack_names())
def test_shipped_pack_lints_clean(name: str) -> None:
    """It is named as `explain` names it, or by its path."""
    assert run("lint", name) == SOUND
    assert run("lint", pack_path(name)) == SOUND


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: Limits", "titel: Limits", "3:1: unknown key `titel`; did you mean `title`?"),
        ("limits.most, w", "limits.mot, w", "13:41: unknown limit `limits.mot`; did you mean"),
        (
            "trade.shares <= limits.most, w",
            "trade.price <= limits.most, w",
            "13:40: price and shares do not fit together",
        ),
        ("option: calm", "option: clam", "14:73: the pack has no option `clam`; did you mean"),
        ("options:", "  least: {value: 3}\noptions:", "10:3: no rule reads the limit `least`"),
        ("50% * limits.most", "limits.most / 0", "14:5: rule `desk.size-calm` cannot be used"),
        ("pack: desk", "pack: engine", "2:7: the name `engine` is reserved for built-in findings"),
        ("id: size-calm", "id: size", "14:10: the id `size` is used twice"),
    ],
)
def test_error_of_a_pack_is_told_with_its_place(
    folder: Path, old: str, new: str, said: str
) -> None:
    """`lint` of the pack names file, line and column; so does `explain`, which ends with 2."""
    ended = linted(folder, old, new)
    assert (ended.code, ended.out) == (1, "")
    assert any(line.startswith(f"desk.yaml:{said}") for line in ended.lines), ended.err
    assert run("explain", "desk.yaml", cwd=folder) == (2, "", ended.err)


def test_error_that_compiling_finds_is_placed_in_the_pack(folder: Path) -> None:
    """A rule of an included pack that cannot be used stands in the file of the pack."""
    ended = linted(folder, "<= limits.most,", "/ 0 <= limits.most,", "acme.yaml")
    assert [line.split(": ")[0] for line in ended.lines] == ["desk.yaml:13:5"]


GAPS: Final = [
    ("no more than 500", "no more than 50", "8:36: the quote does not contain its figure, `500`"),
    (
        'quote: "no more than 500 shares"',
        'quote: "no more", figure: "five hundred"',
        "8:36: the quote does not contain the words of its `figure`, `five hundred`",
    ),
    (
        "  calm: {title: Half as much}",
        "  calm: {title: Half as much}\n  spare: {title: Nothing}",
        "12:3: the option `spare` turns no rule of the pack on or off; name it",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), GAPS)
@pytest.mark.parametrize("name", ["desk.yaml", "acme.yaml"])
def test_gap_of_a_pack_is_told_with_its_place(
    folder: Path, name: str, old: str, new: str, said: str
) -> None:
    """The pack alone, and each rule file that includes it, is told what the pack leaves open."""
    ended = linted(folder, old, new, name)
    assert (ended.code, len(ended.lines)) == (1, 1)
    assert ended.err.startswith(f"desk.yaml:{said}")


def test_gap_of_a_pack_does_not_stop_a_decision(folder: Path) -> None:
    """Who judges by a rule file hears of it on standard error, and gets the answer."""
    (folder / "desk.yaml").write_text(PACK.replace("no more than 500", "no more than 50"))
    asked = order(date="2008-12-01", symbol="3774")
    arguments = ("check", "--rules", "acme.yaml", "--event", "-", "--json")
    ended = run(*arguments, stdin=asked, cwd=folder)
    assert (ended.code, ended.json["outcome"]) == (0, "approved")
    assert ended.err.startswith("desk.yaml:8:36: the quote does not contain")


def test_pack_without_a_rule_is_a_gap(folder: Path) -> None:
    """Including it would change nothing, which nobody means."""
    (folder / "desk.yaml").write_text("repurchase: 1\npack: desk\ntitle: None yet\nrules: []\n")
    ended = run("lint", "desk.yaml", cwd=folder)
    assert ended == (1, "", "desk.yaml: the pack has no rule and therefore no effect; add a rule\n")


@pytest.mark.parametrize(
    "condition",
    [
        "trade.shares <= terms.most",
        "trade.amount <= terms.most",
        "trade.amount <= JPY 500 and trade.price_per_share <= JPY 5",
        "trade.date <= terms.most",
        "trade.venue_time <= terms.most",
        "trade.shares <= terms.most * limits.most",
        "trade.shares <= terms.one * limits.most and trade.date < terms.two",
        "trade.shares <= terms.one * terms.max_shares",
        "day.brokers <= terms.most",
        "trade.units <= terms.a + terms.b + terms.c",
        "trade.shares <= terms.a + terms.b + terms.c + terms.d",
    ],
)
def test_pack_alone_may_read_any_term(folder: Path, condition: str) -> None:
    """A term is the authorization's, which is not there: it is taken for whatever would fit."""
    whole = "trade.shares <= limits.most, w"
    assert linted(folder, whole, f"trade.shares <= limits.most and {condition}, w") == SOUND


def test_dimensions_of_a_pack_alone_are_checked(folder: Path) -> None:
    """No kind of figure makes a date of money."""
    both = "trade.shares <= limits.most and trade.amount <= terms.most and trade.date <= terms.most"
    ended = linted(folder, "trade.shares <= limits.most, w", f"{both}, w")
    assert ended.code == 1
    assert "do not fit together" in ended.err


def test_pack_alone_is_in_the_money_that_it_writes(tmp_path: Path) -> None:
    """Its currency is that of its limits, or that which its conditions write."""
    for written in (
        "limits: {most: {value: CHF 500}}\nrules: [{id: a, require: trade.amount <= limits.most}]",
        "rules: [{id: a, require: trade.amount <= CHF 500}]",
    ):
        (tmp_path / "p.yaml").write_text(f"repurchase: 1\npack: p\ntitle: P\n{written}\n")
        (rule,) = pack_alone(tmp_path / "p.yaml").rules
        assert "CHF" in str(rule.require.root)


def test_name_of_a_pack_file_is_shown_as_plain_text(tmp_path: Path) -> None:
    """What a terminal could obey is escaped, also in the line that includes the pack."""
    (tmp_path / "a\x1b[2Jb.yaml").write_text(PACK)
    shown = run("explain", "a\x1b[2Jb.yaml", cwd=tmp_path)
    assert (shown.code, "\x1b" in shown.out, "{pack: ./a\\x1b[2Jb" in shown.out) == (0, False, True)


@pytest.mark.slow
@given(mutated(PACK))
@settings(max_examples=40)
def test_any_pack_loads_or_is_told(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """A pack that was good once lints with 0 or 1, and is explained or refused with 2."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "mutated-pack.yaml").write_bytes(data)
    ended = run("lint", "mutated-pack.yaml", "--json", cwd=folder)
    assert (ended.code == 0) == (errors_of(ended) == [])
    assert run("explain", "mutated-pack.yaml", cwd=folder).code in (0, 2)


# -- words of a source ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["desk.yaml", "acme.yaml"])
def test_quotes_of_a_pack_are_looked_for_in_its_source(folder: Path, name: str) -> None:
    """A document that a pack pins bears its quotes out, also for who includes the pack."""
    document = folder / "manual.txt"
    document.write_text("An order is of no more than 500 shares.")
    digest = hashlib.sha256(document.read_bytes()).hexdigest()
    pinned = f"manual: {{title: Desk manual, sha256: {digest}}}"
    (folder / "desk.yaml").write_text(PACK.replace("manual: {title: Desk manual}", pinned))
    asked = ("lint", name, "--source", "manual.txt")
    assert run(*asked, cwd=folder) == SOUND
    text = (folder / "desk.yaml").read_text()
    (folder / "desk.yaml").write_text(text.replace("no more than 500", "at most 500"))
    ended = run(*asked, cwd=folder)
    assert ended.err == ("desk.yaml:8:36: the quote `at most 500 shares` is not in `manual`\n")
    document.write_text("Another text.")
    assert f"; the sources are `manual` {digest}" in run(*asked, cwd=folder).err


# -- judging by it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--event", "-", "--rules"),
        ("replay", "log.csv", "--rules"),
        ("what-if", "log.csv", "--against", "jp-2017", "--rules"),
        ("submit", "-", "--journal", "j.db", "--by", "Ann", "--rules"),
    ],
)
def test_nothing_is_judged_by_a_pack_alone(folder: Path, arguments: tuple[str, ...]) -> None:
    """One sentence says why, and how the pack is judged by."""
    (folder / "log.csv").write_text("date,symbol,quantity\n2008-12-01,3774,1\n")
    ended = run(*arguments, "desk.yaml", stdin=order(), cwd=folder)
    said = "this is a rule pack, which cannot be evaluated alone; give a rule file that includes it"
    assert ended == (2, "", f"desk.yaml:2:1: {said} with `include: [./desk]`\n")
    ended = run(*arguments, "uk", stdin=order(), cwd=folder)
    assert ended == (2, "", f"uk: {said} with `include: [uk]`\n")
