"""Answers for people: their order and length, their width, and what each of them names."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from rich.console import Console, RenderableType

from repurchase.cli.commands.demo import SCENES
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import ENGINE
from repurchase.replay.run import Program, Reader, replay
from repurchase.report.decisions import decision_view
from repurchase.report.explained import authorization_view, own_findings_view, pack_view
from repurchase.report.summaries import Denials, summary_view
from repurchase.rulebook.editions import load
from repurchase.rulebook.library import pack_names, rule_names, rule_path, sample_path
from repurchase.rulebook.life import Life
from repurchase.rulebook.packs import shipped_pack
from test_cli import Run, run

ORDER: Final[dict[str, Any]] = {
    "kind": "order",
    "id": "o-1",
    "time": "2009-01-30T15:30:00-05:00",
    "symbol": "IIJI",
    "side": "buy",
    "quantity": 4000,
    "price": 2.65,
    "fx": 90,
}
CHECK: Final = ("check", "--rules", "iij-2008", "--event", "-")
IN_TIME: Final = {"time": "2008-11-14T10:00:00-05:00", "quantity": 400, "fx": 96}


def asked(*more: str, **changes: Any) -> list[str]:
    """Return the lines of the answer of `check` on the order with *changes*."""
    ended = run(*CHECK, *more, stdin=json.dumps(ORDER | changes))
    assert ended.err == ""
    return [line.rstrip() for line in ended.out.splitlines()]


def groups(lines: list[str]) -> list[str]:
    """Return the headings, which alone are neither indented nor sentences."""
    return [line for line in lines if line[:1] != " " and not line.endswith(".")]


# -- check ----------------------------------------------------------------------------------------


def test_denied_order_is_answered_as_the_model_has_it() -> None:
    """A sentence, what failed, what is flagged, one line for the rest, and what remains."""
    assert asked() == [
        "DENIED  order o-1: on 2009-01-31 in Tokyo, one day after the last day, 2009-01-30.",
        "Fails",
        (
            "  window                   last day it can execute: 2009-01-31;"
            " must be 2009-01-30 or earlier   “to January 30, 2009”"
        ),
        "  jp-companies-act.period  the same; Companies Act, Article 156(1)(iii)",
        "Flags: not a reason to deny",
        (
            "  us-10b-18.closing        outside the safe harbour: minutes to the close: 30;"
            " must be more than 30"
        ),
        "  us-10b-18.one-broker     undecided: add the event field `broker`",
        (
            "  us-10b-18.price          undecided: supply `market.best_independent_bid` and"
            " `market.last_independent_price` (--market quotes and --market trades)"
        ),
        (
            "  us-10b-18.volume         undecided: supply `averages.adv_us_4_weeks`"
            " (--market daily bars)"
        ),
        "10 rules pass; 12 do not apply. --all lists them.",
        (
            "Remaining: 4,000 shares, JPY 400,000,000."
            " No --log or --journal: the program is assumed unused."
        ),
    ]


def test_all_lists_the_rules_that_pass_and_do_not_apply() -> None:
    """Each of the 28 rules has its row; a pass shows its value of its limit, a window both ends."""
    lines = asked("--all")
    assert groups(lines) == ["Fails", "Flags: not a reason to deny", "Passes", "Not applicable"]
    rules = [line.split()[0] for line in lines if line.startswith("  ")]
    findings = json.loads(run(*CHECK, "--json", stdin=json.dumps(ORDER)).out)["findings"]
    assert sorted(rules) == [one["rule"] for one in findings]
    passes = lines[lines.index("Passes") + 1 : lines.index("Not applicable")]
    assert not any("must" in line for line in passes)
    shown = " ".join(line for line in passes)
    assert "money spent and on order: JPY 954,000 of 400,000,000 " in shown
    assert "day at the venue: 2009-01-30; from 2008-11-14 to 2009-01-30 " in shown


def test_approved_order_opens_with_the_tightest_use() -> None:
    """The cap that is used most stands first; what is flagged is counted."""
    lines = asked(**IN_TIME, **{"market.last_independent_price": 2.66})
    assert lines[0] == (
        "APPROVED  order o-1: with it, JPY 101,760 of 400,000,000 (0.03%) and 1 of 4,000 shares"
        " (0.03%) are used. Flagged by 2 rules."
    )
    assert groups(lines) == ["Flags: not a reason to deny"]
    (price,) = (
        one
        for one in asked("--all", **IN_TIME, **{"market.last_independent_price": 2.66})
        if "us-10b-18.price" in one
    )
    assert price.endswith(
        "price: USD 2.65; at most USD 2.66 (best independent bid or last independent price)"
    )


def test_undecided_order_names_the_field_that_decides_it() -> None:
    """The first line says it, and the group of what is undecided has it once for each rule."""
    lines = asked(**IN_TIME | {"fx": None})
    assert lines[0] == "DENIED  order o-1: undecided: add the event field `fx`."
    assert groups(lines)[0] == "Undecided"
    assert lines[2].split("  ")[1:] == ["amount-cap", *lines[2].split("  ")[2:]]
    assert "undecided" not in lines[2]


@pytest.mark.parametrize("width", [80, 100])
def test_no_answer_is_wider_than_its_terminal(width: int) -> None:
    """Every decision and summary of the shipped logs, and every shipped file, fits."""
    views: list[RenderableType] = [own_findings_view()]
    views += [pack_view(shipped_pack(name)) for name in pack_names()]
    views += [authorization_view(load(rule_path(name)).authorization) for name in rule_names()]
    for scene in SCENES:
        program = Program(load(rule_path(scene.rules)), every_rule=True)
        reader, denials = Reader(scene.options.reading(), program.editions), Denials()
        with scene.options.open(str(sample_path(scene.log))) as log:
            for decided in replay(log, program, reader):
                denials.add(decided)
                views.append(decision_view(decided, every_rule=True))
        views.append(summary_view(program, program.summary(), denials, scene.title))
    for view in views:
        for line in drawn(view, width).splitlines():
            assert len(line) <= width, line


def drawn(view: RenderableType, width: int) -> str:
    """Return *view* as a terminal of *width* columns shows it."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(view, crop=False)
    return captured.get()


@pytest.mark.parametrize("width", ["40", "100"])
def test_json_does_not_depend_on_the_width(width: str) -> None:
    """A line of JSON is one line, however narrow the terminal."""
    text = json.dumps(ORDER)
    assert run(*CHECK, "--json", stdin=text, COLUMNS=width) == run(*CHECK, "--json", stdin=text)


# -- demo -----------------------------------------------------------------------------------------


def test_demo_fits_on_one_screen() -> None:
    """Three programs with counts and figures, each denied order in a line, and what to try next."""
    lines = [line.rstrip() for line in run("demo").out.splitlines()]
    assert 26 <= len(lines) <= 35
    assert max(map(len, lines)) <= 100
    titles = [line for line in lines if re.match(r"\d  ", line)]
    assert [title[0] for title in titles] == ["1", "2", "3"]
    assert all(re.search(r"\((jp-2017|jp-2023|iij-2008)\)$", title) for title in titles)
    counts = [line for line in lines if " events: " in line]
    figures = [line for line in lines if " shares (" in line and "· JPY " in line]
    assert (len(counts), len(figures)) == (3, 3)
    first = lines.index(next(line for line in lines if line.startswith("   denied order")))
    denied = lines[first + 1 : first + 16]
    assert "15 denied" in counts[2]
    assert all(len(re.split(r"\s{2,}", line.strip())) == 3 for line in denied)
    assert lines[first + 16].startswith(
        "   Outside the us-10b-18 safe harbour: 2008-11-20 (closing)"
    )
    assert lines[-4] == "Next:"
    assert all(line.startswith("   repurchase ") for line in lines[-3:])


# -- what each answer names -----------------------------------------------------------------------

DESK: Final = """\
repurchase: 1
authorization: desk
timezone: Asia/Tokyo
currency: JPY
unlimited: [amount]
instruments: {common: {symbol: "1", venues: [XTKS]}}
terms: {max_shares: {value: 100 shares}}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: last-day, require: trade.last_date <= 2099-12-31}
  - {id: large, effect: review, at: order, require: trade.units <= 10}
"""


def event(kind: str, name: str, **fields: Any) -> str:
    """Return an event of the desk as a line of JSON."""
    usual: dict[str, Any] = {"kind": kind, "id": name, "time": "2008-11-14T09:30:00+09:00"}
    if kind in ("order", "fill", "correct"):
        usual |= {"symbol": "1", "side": "buy", "quantity": 5, "price": 10}
    return json.dumps(usual | fields) + "\n"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Give a journal with a held order of Sato's."""
    (tmp_path / "desk.yaml").write_text(DESK)
    held = event("order", "o-1", quantity=20, by="Sato")
    rules = ("--rules", str(tmp_path / "desk.yaml"))
    assert run("submit", "-", "--journal", tmp_path / "desk.db", *rules, stdin=held).code == 1
    return tmp_path / "desk.db"


def submitted(desk: Path, *events: str) -> Run:
    """Return the answers to *events*."""
    return run("submit", "-", "--journal", desk, stdin="".join(events))


def test_held_order_says_who_must_release_it(desk: Path) -> None:
    """The first line says why it is held; without `by` the answer says what to submit."""
    shown = submitted(desk, event("order", "o-2", quantity=20))
    lines = [line.rstrip() for line in shown.out.splitlines()]
    assert lines[:2] == [
        (
            "HELD  order o-2: quantity 20 units; must be at most 10 units;"
            " another person must release it."
        ),
        "Review: another person must release it",
    ]
    assert ENGINE["engine.requester-missing"] in shown.out


def test_release_that_is_denied_does_not_show_the_waived_review_as_a_failure(desk: Path) -> None:
    """Only that the approver is the requester denies it; the review rule is not a reason."""
    lines = submitted(
        desk, event("release", "r-1", order="o-1", by="Sato", reason="fine")
    ).out.splitlines()
    assert lines[0].startswith("DENIED  release r-1: the requester and the approver are the same")
    shown = groups([line.rstrip() for line in lines])
    assert shown[:2] == ["Fails", "Review: not a reason to deny"]
    fails = lines[lines.index("Fails") + 1 : lines.index("Review: not a reason to deny")]
    assert not any("large" in line for line in fails)


def test_correct_of_an_unknown_fill_counts_in_full_and_halts(desk: Path) -> None:
    """It is a breach: it counts on top, the program halts, and its bust is denied."""
    shown = submitted(desk, event("correct", "c-1", fill="gone", quantity=7)).out
    assert shown.startswith(f"DENIED  correct c-1: {ENGINE['engine.unknown-fill']}.")
    assert "Halted by c-1" in shown
    assert run("position", "--journal", desk, "--json").json["position"]["executed_shares"] == "7"
    bust = submitted(desk, event("bust", "b-1", fill="gone")).out
    assert bust.startswith(f"DENIED  bust b-1: {ENGINE['engine.unknown-fill']}.")


def test_repeated_event_names_its_record(desk: Path) -> None:
    """The same event has the decision of its record; another one with its id names it, too."""
    order = event("order", "o-1", quantity=20, by="Sato")
    assert submitted(desk, order).out.startswith("HELD  order o-1 (decided before, record 2): ")
    other = submitted(desk, event("order", "o-1", quantity=21, by="Sato")).out
    assert other.startswith("REFUSED  order o-1 (its id was used before, record 2): this `id`")
    asked_again = run("check", "--journal", desk, "--event", "-", stdin=order).out
    assert asked_again.startswith("HELD  order o-1 (decided before, record 2): ")


def test_repeated_event_names_its_line_of_the_log(tmp_path: Path) -> None:
    """`check` names the line, and `replay` the lines of the events that it left out."""
    (tmp_path / "desk.yaml").write_text(DESK)
    order = event("order", "o-1")
    log = tmp_path / "log.jsonl"
    log.write_text(event("order", "o-0") + order + order)
    rules = ("--rules", "desk.yaml")
    shown = run("check", *rules, "--log", "log.jsonl", "--event", "-", stdin=order, cwd=tmp_path)
    assert shown.out.startswith("APPROVED  order o-1 (decided before, line 2 of log.jsonl): ")
    ended = run("replay", "log.jsonl", *rules, cwd=tmp_path)
    assert ended.err == "log.jsonl:3: the event `o-1` is repeated; it counts once\n"


def test_decided_without_an_event_has_no_currency_of_the_instrument() -> None:
    """A decision whose event is not at hand is shown by its findings alone."""
    program = Program(load(rule_path("iij-2008")), every_rule=True)
    scene = SCENES[2]
    reader = Reader(scene.options.reading(), program.editions)
    with scene.options.open(str(sample_path(scene.log))) as log:
        first = next(iter(replay(log, program, reader)))
    text = drawn(decision_view(Decided(first.decision, Life(first.edition))), 160)
    assert text.startswith(f"{first.decision.outcome.upper()}  order {first.decision.id}")


# -- explain --------------------------------------------------------------------------------------


def test_explain_engine_lists_every_built_in_finding() -> None:
    """Each has its row, and `explain engine.NAME` shows one alone."""
    rows = {line.split("  ")[0] for line in run("explain", "engine").out.splitlines()}
    assert set(ENGINE) <= rows
    alone = run("explain", "engine.backdated").out.splitlines()
    assert alone[:2] == ["engine.backdated", ENGINE["engine.backdated"]]


def test_explain_of_a_file_groups_its_rules_by_pack() -> None:
    """The condition that all rules of a pack share stands once, above them."""
    lines = [line.rstrip() for line in run("explain", "iij-2008").out.splitlines()]
    shared = "applies if trade.venue_country == JP"
    assert lines.count(shared) == 1
    place = lines.index(shared)
    assert lines[place + 1 : place + 4] == [
        "jp-order-59.method  deny",
        "    In the auction, or off it as announced beforehand",
        "    requires trade.method in [auction, off_auction]",
    ]
