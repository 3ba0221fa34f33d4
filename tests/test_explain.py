"""What `explain` shows: facts, rules, figures and packs, each with an example that holds."""

from __future__ import annotations

import io
import json
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, reject, settings
from rich.console import Console

from repurchase.domain.decisions import Finding
from repurchase.domain.errors import RuleFileError
from repurchase.domain.sessions import sessions
from repurchase.domain.terms import known_dimensions
from repurchase.evaluation.step import step
from repurchase.facts.fact import Fact
from repurchase.facts.table import TABLE
from repurchase.intake.fields import READERS
from repurchase.intake.objects import event_from_json
from repurchase.language.expression import Names, parse
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.market.feed import CLOSE
from repurchase.market.sessions import MINUTES
from repurchase.report.examples import VALUES, example
from repurchase.report.explained import views_of
from repurchase.report.written import json_text
from repurchase.rulebook.editions import Editions, load, load_text
from repurchase.rulebook.library import pack_names, rule_names, rule_path
from repurchase.rulebook.life import Life
from repurchase.rulebook.model import Pack, Rule
from repurchase.rulebook.packs import shipped_pack
from strategies import RuleFile, conditions, rule_files
from test_cli import Run, run

# -- facts ----------------------------------------------------------------------------------------


def names() -> Names:
    """Return what a rule file with every known term, and the usual instruments, may name."""
    constants = {f"terms.{name}": each for name, each in known_dimensions("JPY").items()}
    return Names(constants, ("common", "ads"), "JPY")


@pytest.mark.parametrize("fact", TABLE.values(), ids=lambda fact: fact.name)
def test_example_of_a_fact_is_a_condition_that_reads_it(fact: Fact) -> None:
    """It parses, its dimensions fit, and the fact is among those that it reads."""
    assert fact.name in parse(fact.example, names()).facts


@pytest.mark.parametrize("fact", TABLE.values(), ids=lambda fact: fact.name)
def test_explain_shows_the_example_of_a_fact(fact: Fact) -> None:
    """Meaning, dimension, fields and example stand there, a line each."""
    lines = run("explain", fact.name).out.splitlines()
    assert lines[:2] == [fact.name, fact.meaning]
    assert f"example: require: {fact.example}" in lines


# -- rules ----------------------------------------------------------------------------------------

INCLUDING: Final = """
repurchase: 1
authorization: acme
timezone: {zone}
currency: JPY
instruments: {{common: {{symbol: ACME, venues: [{venue}]}}}}
terms:
  max_shares: {{value: "4,000 shares"}}
  max_amount: {{value: "JPY 4,000,000"}}
  first_day: {{value: {day}}}
  last_day: {{value: {day}}}
  trading_unit: {{value: 100 shares}}
include: [{{pack: {pack}, options: [{options}]}}]
"""
ZONES: Final = {"XTKS": "Asia/Tokyo", "XNAS": "America/New_York", "XLON": "Europe/London"}

OF_PACKS: Final = [
    pytest.param(pack, rule, options, id=rule.id)
    for pack in map(shipped_pack, pack_names())
    for rules, options in ((pack.rules, ""), (pack.off, ", ".join(o.name for o in pack.options)))
    for rule in rules
]
OF_FILES: Final = [
    pytest.param(judged_by, rule, id=f"{name} {rule.id}")
    for name in rule_names()
    for judged_by in [load(rule_path(name))]
    for rule in judged_by.authorization.rules
]


def found(rule: Rule, judged_by: Editions, said: dict[str, object]) -> Finding:
    """Return what *rule* comes to for the event that *said* is, a program's first."""
    asked = event_from_json(json_text(said))
    position = counting(Position(), judged_by.authorization.kept())
    edition = judged_by.of(asked, position)
    decision = step(asked, position, Life(edition), every_rule=True).decision
    (finding,) = (one for one in decision.findings if one.rule == rule.id)
    return finding


@pytest.mark.parametrize(("pack", "rule", "options"), OF_PACKS)
def test_example_of_a_rule_of_law_meets_it(pack: Pack, rule: Rule, options: str) -> None:
    """The event says all that the rule reads, on a day and at a venue where it applies."""
    said = example(rule, pack)
    venue, day = str(said.get("venue", "XTKS")), datetime.fromisoformat(str(said["time"])).date()
    zone = ZONES.get(venue, "Europe/Berlin")
    text = INCLUDING.format(zone=zone, venue=venue, day=day, pack=pack.name, options=options)
    assert found(rule, load_text(text.encode(), "acme.yaml"), said).result == "pass"


@pytest.mark.parametrize(("judged_by", "rule"), OF_FILES)
def test_example_of_a_rule_of_an_authorization_meets_it(judged_by: Editions, rule: Rule) -> None:
    """The event is of an instrument of the file, and lies within its period."""
    assert found(rule, judged_by, example(rule, judged_by.authorization)).result == "pass"


@pytest.mark.parametrize("fact", TABLE.values(), ids=lambda fact: fact.name)
def test_example_values_can_give_every_fact(fact: Fact) -> None:
    """A rule may read any fact, and for each there is a field with a value that is read."""
    fields = [name for name in fact.given_by if name in VALUES]
    assert fields
    said = json.loads(json_text(VALUES), parse_int=str)
    assert all(READERS[name](said[name]) is not None for name in fields)


OWN: Final = """
repurchase: 1
pack: desk
title: Limits of our own desk
rules:
  - {id: size, require: trade.shares <= terms.most and trade.side == buy}
  - {id: pace, at: fill, require: trade.units < 50, from: 2030-01-05, known: 2029-01-01}
  - id: late
    until: 2020-02-02
    when: trade.venue == XLON
    require: market.minutes_to_close <= 5.5
  - {id: firm, require: not issuer.closed_period and issuer.undisclosed_material_fact}
  - {id: money, require: trade.amount <= terms.share * JPY 5}
"""


def test_example_holds_to_what_a_rule_says_of_its_fields(tmp_path: Path) -> None:
    """Words and figures that a condition writes are met; a day lies where the rule is in force."""
    (tmp_path / "desk.yaml").write_text(OWN)
    said = {
        name: json.loads(line.removeprefix("Example: "))
        for name in ("size", "pace", "late", "firm", "money")
        for line in run("explain", "desk.yaml", name, cwd=tmp_path).out.splitlines()
        if line.startswith("Example: ")
    }
    assert said["pace"]["kind"] == "fill"
    assert said["pace"]["time"] == "2030-01-07T10:00:00+09:00"
    assert said["late"]["time"] == "2020-01-31T10:00:00+00:00"
    assert (said["late"]["venue"], said["late"]["market.minutes_to_close"]) == ("XLON", "5.5")
    assert (said["firm"]["issuer.closed_period"], said["size"]["side"]) == (False, "buy")
    assert said["firm"]["issuer.undisclosed_material_fact"] is True


@given(rule_files(3, conditions(1)))
@settings(max_examples=40)
def test_every_part_of_any_file_is_explained(drawn: RuleFile) -> None:
    """Whatever its conditions are, each part is drawn, and each example is an event."""
    try:
        authorization = load_text(drawn.text(), "f.yaml").authorization
    except RuleFileError:
        # Some drawn files have figures past what is taken, and are told so.
        reject()
    console = Console(file=io.StringIO())
    views = views_of(authorization)
    assert len(views) == len(authorization.rules) + len(authorization.terms)
    for view in views.values():
        console.print(view())
    for rule in authorization.rules:
        asked = event_from_json(json_text(example(rule, authorization)))
        kinds = {"fill": ("fill",), "order": ("order", "prepaid"), "both": ("order", "fill")}
        assert asked.kind in kinds[rule.at]


@pytest.mark.parametrize(("at", "kind"), [("order", "prepaid"), ("both", "fill"), ("fill", "fill")])
def test_example_of_what_is_paid_ahead_is_no_order(at: str, kind: str) -> None:
    """An order pays nothing ahead: a payment does, and what is delivered for it is a fill."""
    rule = f"rules:\n  - {{id: ahead, at: {at}, require: trade.method == prepaid}}\n"
    text = INCLUDING.format(
        zone="Asia/Tokyo", venue="XTKS", day="2024-06-03", pack="uk", options=""
    )
    file = load_text((text + rule).encode(), "ahead.yaml")
    (own,) = (one for one in file.authorization.rules if one.id == "ahead")
    said = event_from_json(json_text(example(own, file.authorization)))
    assert said.kind == kind


def test_example_bears_what_no_table_has(tmp_path: Path) -> None:
    """A venue without sessions, a limit that is compared and a condition in pieces do no harm."""
    (tmp_path / "odd.yaml").write_text(
        OWN.split("rules:")[0]
        + "limits: {most: {value: 5}}\nrules:\n  - id: odd\n"
        + "    require: limits.most == 5 and trade.venue == XTAI and trade.symbol in [A, B]\n"
    )
    ended = run("explain", "odd.yaml", "odd", cwd=tmp_path)
    (line,) = (line for line in ended.out.splitlines() if line.startswith("Example: "))
    said = json.loads(line.removeprefix("Example: "))
    assert (said["venue"], said["symbol"]) == ("XTAI", "A")
    assert said["time"] == "2024-06-03T10:00:00+08:00"


def test_explain_shows_all_of_a_rule() -> None:
    """Title, condition, days, law, limits, facts and what is asked from outside stand there."""
    ended = run("explain", "jp-order-59.last-half-hour")
    assert (ended.code, ended.err) == (0, "")
    for said in (
        "No orders in the last half hour before the session is due to end",
        "requires limits.quiet_minutes == 0 or market.minutes_to_close > limits.quiet_minutes",
        "applies if trade.venue_country == JP",
        "effect: deny, at order",
        "0, from 2009-01-01, until 2009-03-31, known 2008-12-26",
        "minutes until the scheduled close",
        "market.minutes_to_close: from the tables of sessions; if it has no value, from the event",
    ):
        assert said in ended.out
    flagged = run("explain", "uk.closed-period").out
    assert "unverified: the text of Article 4" in flagged
    source = "from --market issuer facts; without such a file, from the event"
    assert f"issuer.closed_period: {source}" in flagged
    volume = run("explain", "jp-order-59.daily-volume").out
    assert "The rule file that includes it must have terms.trading_unit." in volume


def test_example_can_be_pasted(tmp_path: Path) -> None:
    """However long, it stands on one line, and `check` reads it."""
    (line,) = (
        line.removeprefix("Example: ")
        for line in run("explain", "jp-order-59.daily-volume").out.splitlines()
        if line.startswith("Example: ")
    )
    assert len(line) > 160
    text = INCLUDING.format(
        zone="Asia/Tokyo", venue="XTKS", day="2024-06-03", pack="jp-order-59", options=""
    )
    (tmp_path / "acme.yaml").write_text(text)
    answer = run(
        "check", "--rules", "acme.yaml", "--event", "-", "--json", stdin=line, cwd=tmp_path
    )
    results = {one["rule"]: one["result"] for one in answer.json["findings"]}
    assert results["jp-order-59.daily-volume"] == "pass"


def test_facts_that_bars_give_are_those_of_the_feed(tmp_path: Path) -> None:
    """What is said to come from `--market` does, and nothing else of the market."""
    of_market = [name for name in TABLE if name.startswith("market.")]
    rules = "".join(
        f"  - {{id: {name[7:].replace('_', '-')}, effect: flag, require: {TABLE[name].example}}}\n"
        for name in of_market
    )
    text = INCLUDING.replace("include: [{{pack: {pack}, options: [{options}]}}]\n", "rules:\n")
    filled = text.format(zone="Asia/Tokyo", venue="XTKS", day="2024-06-03")
    (tmp_path / "acme.yaml").write_text(filled + rules)
    table = sessions("XTKS")
    assert table is not None
    days = (date(2024, 6, 3) - timedelta(number) for number in range(1, 250))
    bars = "".join(f"{day},ACME,XTKS,1000,10000,0\n" for day in days if table.on(day) is not None)
    (tmp_path / "bars.csv").write_text(f"date,symbol,venue,close,volume,off_auction\n{bars}")
    said = {name: value for name, value in VALUES.items() if "." not in name}
    asked = ("check", "--rules", "acme.yaml", "--event", "-", "--market", "bars.csv", "--json")
    answer = run(*asked, stdin=json_text(said), cwd=tmp_path).json
    known = {
        name
        for name in of_market
        for one in answer["findings"]
        if one["rule"] == name[7:].replace("_", "-") and one["result"] != "indeterminate"
    }
    told_by = {CLOSE, *MINUTES}
    assert known == told_by


# -- figures, files and their parts ---------------------------------------------------------------


@cache
def told(*arguments: str) -> Run:
    """Return what `explain` says of *arguments*."""
    return run("explain", *arguments)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "us-10b-18.limits.quiet_minutes",
            ["quiet_minutes  30     17 CFR 240.10b-18(b)(2)(iii)", "Read by us-10b-18.closing."],
        ),
        (
            "iij-2008.terms.max_shares",
            [
                "max_shares  4,000 shares  “Up to 4,000 shares”",
                "Read by share-cap, jp-companies-act.number, the check stated-percentage.",
                "Example: share-cap requires program.shares_after <= terms.max_shares",
            ],
        ),
        ("iij-2008.terms.treasury_shares", ["Read by no rule."]),
        ("iij-2008.share-cap", ["max_shares  4,000 shares  “Up to 4,000 shares”"]),
        ("iij-2008.buys-only", ["quote: “repurchase its own shares”"]),
        ("iij-2008.stated-percentage", ["checked when the file is loaded"]),
        (
            "uk.limits.price_share",
            ["price_share  105%   LR 12.4.1, since renumbered", "Read by uk.listing-price."],
        ),
        (
            "jp-order-59",
            [
                "The rule file that includes it must have terms.trading_unit.",
                "To use it, write in a rule file: include: [jp-order-59]",
            ],
        ),
    ],
)
def test_explain_shows_a_figure_and_a_pack(name: str, lines: list[str]) -> None:
    """Each comes with its dates, with who reads it, and with an example."""
    ended = told(name)
    assert (ended.code, ended.err) == (0, "")
    assert set(lines) <= {line.rstrip() for line in ended.out.splitlines()}


def test_explain_shows_how_a_pack_is_included_with_its_options() -> None:
    """What is shown is a line of a rule file, with all that may be turned on."""
    line = "include: [{pack: us-10b-18, options: [actively-traded]}]"
    assert f"To use it, write in a rule file: {line}\n" in told("us-10b-18").out


@pytest.mark.parametrize("name", [*pack_names(), *rule_names()])
def test_point_and_blank_name_the_same_part(name: str) -> None:
    """`explain uk.price` and `explain uk price` are one question."""
    part = "closed-period" if name in ("uk", "eu-mar") else None
    part = part or {"jp-order-59": "method", "us-10b-18": "volume"}.get(name, "share-cap")
    part = "number" if name == "jp-companies-act" else part
    assert told(f"{name}.{part}") == told(name, part)
    assert told(name, part).code == 0


def test_parts_of_own_files_are_explained(tmp_path: Path) -> None:
    """A rule file's own rules and those of its packs, and a pack file's, are named behind it."""
    text = INCLUDING.format(
        zone="Asia/Tokyo", venue="XTKS", day="2024-06-03", pack="./desk", options=""
    )
    most = "  most: {value: 30 shares}\n  share: {value: 5}\n"
    (tmp_path / "iij-2008.yaml").write_text(text.replace("include", f"{most}include"))
    (tmp_path / "desk.yaml").write_text(OWN)
    for arguments, said in (
        (("iij-2008.yaml", "desk.size"), "most  30 shares"),
        (("iij-2008.yaml", "terms.most"), "Read by desk.size."),
        (("iij-2008.yaml",), "Limits of our own desk"),
        (("./desk.yaml", "size"), "The rule file that includes it must have terms.most."),
        (("./desk.yaml", "desk.size"), "The rule file that includes it must have terms.most."),
        (("desk.yaml",), "To use it, write in a rule file: include: [./desk]"),
    ):
        ended = run("explain", *arguments, cwd=tmp_path)
        assert (ended.code, ended.err) == (0, ""), arguments
        assert said in ended.out, arguments


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("iij-2008.shar-cap",), "`iij-2008` has no rule, term or limit `shar-cap`; did you mean"),
        (
            ("iij-2008", "x"),
            "has no rule, term or limit `x`; `repurchase explain iij-2008` lists its",
        ),
        (("trade.date", "x"), "`trade.date` has no parts; write repurchase explain trade.date"),
        (("iij-2088.x",), "`iij-2088.x` is not a fact, a finding, a pack or a rule file"),
        (("iij-2088", "x"), "iij-2088: the file does not exist; did you mean `iij-2008`?"),
        (("./none.yaml", "x"), "none.yaml: the file does not exist"),
    ],
)
def test_part_that_is_none_is_told(arguments: tuple[str, ...], said: str) -> None:
    """A slip is met with what is near, or with where to look."""
    ended = told(*arguments)
    assert (ended.code, ended.out, said in ended.err) == (2, "", True), ended.err


# -- completion -----------------------------------------------------------------------------------


VENUE_FACTS = ("date", "last_date", "time", "country", "area", "market")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("trade.venue_", [f"trade.venue_{one}" for one in VENUE_FACTS]),
        ("engine.unknown-f", ["engine.unknown-fill"]),
        ("jp-o", ["jp-order-59"]),
        ("us-10b-18.clos", ["us-10b-18.closing", "us-10b-18.closing-active"]),
        ("iij-2008.terms.max", ["iij-2008.terms.max_shares", "iij-2008.terms.max_amount"]),
        ("iij-2008 shar", ["share-cap", "share-class"]),
        ("none.yaml x", []),
    ],
)
def test_shell_completes_names_and_parts(words: str, offered: list[str]) -> None:
    """What `explain` knows is offered, and for the rest the files that are there."""
    ended = run(
        COMP_WORDS=f"repurchase explain {words}",
        COMP_CWORD=str(1 + len(words.split())),
        _REPURCHASE_COMPLETE="bash_complete",
    )
    answers = [line.partition(",") for line in ended.out.splitlines()]
    assert [name for kind, _, name in answers if kind == "plain"] == offered
    assert any(kind == "file" for kind, _, _ in answers) == (" " not in words)
