"""What an edit would have changed in a log: direct changes of outcome, and knock-on changes."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import desk_events
from desk_events import Draft, drafts
from repurchase.domain.decisions import Decision
from repurchase.domain.events import Event
from repurchase.evaluation.step import apply, step
from repurchase.evaluation.wording import ENGINE
from repurchase.intake.log import open_log
from repurchase.replay.run import Program, Reader, Reading
from repurchase.replay.run import replay as replayed
from repurchase.replay.what_if import WhatIf
from repurchase.report.outcomes import changes_object
from repurchase.report.written import json_text
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.library import rule_path
from repurchase.rulebook.life import life
from strategies import History, histories
from test_cli import LOG, RULES, run
from test_cli_logs import BAD_ROWS, GOOD, HEADER, NO_LOG, row
from test_orderings import as_csv
from test_real_logs import EACH, Real, command
from test_verdicts import loaded

# Edits after which shares, money and days are counted as before.
ALIKE: Final = (
    ("{value: 40 shares,", "{value: 20 shares,"),
    ("{value: 40 shares,", "{value: 44 shares,"),
    ("{value: 60 shares,", "{value: 30 shares,"),
    ("JPY 50,000", "JPY 20,000"),
    ("JPY 50,000", "JPY 90,000"),
    ("first_day: {value: 2008-11-14}", "first_day: {value: 2008-11-18}"),
    ("last_day: {value: 2009-01-30}", "last_day: {value: 2008-12-01}"),
    ("  - {id: share-cap, require: program.shares_after <= terms.max_shares}\n", ""),
    ("require: trade.side == buy}", "effect: flag, require: trade.side == buy}"),
    ('"trade.share_class in [common, ads]"', "trade.share_class == common"),
    ("effect: review, at: order", "at: order"),
    ("effect: review, at: order", "effect: flag, at: order"),
    ("effect: flag, require: trade.broker", "effect: review, require: trade.broker"),
    ("effect: flag, require: trade.broker", "require: trade.broker"),
    ("rules:\n", "rules:\n  - {id: small, at: order, require: trade.shares <= 3 shares}\n"),
    ("rules:\n", "rules:\n  - {id: dear, effect: flag, require: trade.amount <= JPY 99}\n"),
    ("rules:\n", "rules:\n  - {id: a-day, require: day.ordered_shares_after <= 9 shares}\n"),
)
SMALL_DAY: Final = """\
counters:
  small: {per: day}
rules:
  - {id: small-day, at: order, require: counters.small.shares_after <= 9 shares}
"""
# Edits after which the same events come to other shares, money or days.
OTHERWISE: Final = (
    ("per_share: 4", "per_share: 1"),
    ("per_share: 4", "per_share: [{value: 4, until: 2008-11-17}, {value: 2, from: 2008-11-18}]"),
    ("fx_margin: 2%", "fx_margin: 50%"),
    ("amount_basis: with_fees", "amount_basis: contract"),
    ("timezone: Asia/Tokyo", "timezone: America/New_York"),
    ("  ads: {symbol: ACME,", "  ads: {symbol: ACM,"),
    ("rules:\n", SMALL_DAY),
)
# Without what stops a program for long, so that more is approved.
BUSY: Final = ("order", "order", "fill", "fill", "replace", "replaced", "cancel", "bust", "correct")
# In order of time: a request for an earlier day would be denied by both.
PLANS: Final = st.one_of(
    *(
        st.lists(drafts(kinds), min_size=10, max_size=30).map(
            lambda plan: sorted(plan, key=lambda draft: draft.day)
        )
        for kinds in (desk_events.KINDS, BUSY)
    )
)


@st.composite
def edits(draw: st.DrawFn, *found: tuple[str, str]) -> str:
    """Draw the rule file of the desk's tests after one or two of the edits *found*."""
    text = desk_events.RULES
    for before, after in draw(
        st.lists(st.sampled_from(found), min_size=1, max_size=2, unique=True)
    ):
        text = text.replace(before, after)
    return text


@cache
def editions(text: str) -> Editions:
    return load_text(text.encode(), "rules.yaml")


def programs(new: str, old: str = desk_events.RULES) -> tuple[Program, Program]:
    return Program(editions(old)), Program(editions(new))


def events_of(plan: Iterable[Draft]) -> list[Event]:
    """Return the events of *plan*, each as makes sense where the old file leaves the program."""
    program, found = Program(editions(desk_events.RULES)), []
    for number, draft in enumerate(plan):
        found.append(draft.event(f"e{number}", program.position))
        program.decide(found[-1])
    return found


def outcomes(decisions: Iterable[Decision]) -> list[str]:
    return [decision.outcome for decision in decisions]


# -- laws -----------------------------------------------------------------------------------------


@pytest.mark.slow
@given(plan=PLANS, text=st.one_of(edits(*ALIKE, *OTHERWISE), st.just(desk_events.RULES)))
def test_file_against_itself_changes_nothing(plan: list[Draft], text: str) -> None:
    """No outcome and no finding changes, whatever the file and the events."""
    what_if = WhatIf(*programs(text, text))
    compared = [what_if.decide(event) for event in events_of(plan)]
    changes = what_if.changes()
    assert {(one.direct, one.differing) for one in compared} == {(None, ())}
    assert (changes.changed, changes.edited, changes.other_findings.events) == (0, 0, 0)
    assert (changes.first, changes.by_direction, changes.old) == (None, (), changes.new)


@pytest.mark.slow
@given(plan=PLANS, text=edits(*ALIKE, *OTHERWISE))
def test_changes_are_what_two_replays_decide_differently(plan: list[Draft], text: str) -> None:
    """Each program decides as it does alone; each change is counted once, by its direction."""
    events = events_of(plan)
    alone = programs(text)
    expected = [[program.decide(event).decision for event in events] for program in alone]
    what_if = WhatIf(*programs(text))
    compared = [what_if.decide(event, line) for line, event in enumerate(events)]
    assert [one.old.decision for one in compared] == expected[0]
    assert [one.new.decision for one in compared] == expected[1]
    pairs = list(zip(*map(outcomes, expected), strict=True))
    assert [one.line for one in compared if one.direct is not None] == [
        line for line, (old, new) in enumerate(pairs) if old != new
    ]
    changes = what_if.changes()
    assert [json_text(one) for one in (changes.old, changes.new)] == [
        json_text(program.summary()) for program in alone
    ]
    assert {(one.old, one.new): one.direct + one.knock_on for one in changes.by_direction} == (
        Counter(pair for pair in pairs if pair[0] != pair[1])
    )
    assert changes.direct == sum(one.direct is True for one in compared)
    assert changes.knock_on == sum(one.direct is False for one in compared)
    assert (changes.changed, changes.events) == (changes.direct + changes.knock_on, len(events))


@pytest.mark.slow
@given(plan=PLANS, text=edits(*ALIKE))
def test_direct_change_is_one_from_the_position_of_the_old_file(
    plan: list[Draft], text: str
) -> None:
    """Where both files count alike, the new one is asked from where the old one stands."""
    old, new = programs(text)
    what_if = WhatIf(old, new)
    for event in events_of(plan):
        before = old.position
        assert what_if.retraced == before
        asked = step(event, before, life(new.editions, event, before)).decision
        compared = what_if.decide(event)
        if compared.direct is not None:
            assert compared.direct is (asked.outcome != compared.old.decision.outcome)


@pytest.mark.slow
@given(plan=PLANS, text=edits(*ALIKE, *OTHERWISE))
def test_direct_change_is_one_even_if_no_outcome_had_changed(plan: list[Draft], text: str) -> None:
    """The new file is asked from the fold of all before by the old file's decisions.

    So the first change is direct, even if the accounting bases differ.
    """
    old, new = programs(text)
    what_if, position, found = WhatIf(old, new), new.position, []
    for event in events_of(plan):
        its = life(new.editions, event, position)
        asked = step(event, position, its).decision
        compared = what_if.decide(event)
        if compared.direct is not None:
            found.append(compared)
            assert compared.direct is (asked.outcome != compared.old.decision.outcome)
        position = apply(event, compared.old.decision, position, its, live=False).position
    assert [one.direct for one in found[:1]] == [True][: len(found)]
    assert what_if.changes().first == (found[0] if found else None)


def test_counter_that_only_the_new_file_has_counts_what_the_old_file_approved() -> None:
    """The old file approves 4 of the day, and so would the new one: what it denies follows."""
    new = desk_events.RULES.replace("rules:\n", SMALL_DAY)
    old = desk_events.RULES.replace("value: 40 shares", "value: 5 shares")
    what_if = WhatIf(*programs(new, old))
    found = [what_if.decide(desk_events.order(f"o{size}", size)) for size in (8, 4)]
    decided = [(one.old.decision.outcome, one.new.decision.outcome, one.direct) for one in found]
    assert decided == [("denied", "approved", True), ("approved", "denied", False)]


@pytest.mark.slow
@given(plan=PLANS, text=edits(*ALIKE, *OTHERWISE))
def test_other_findings_are_no_changes_of_outcome(plan: list[Draft], text: str) -> None:
    """An event with the same outcome counts once for each rule that found otherwise there."""
    what_if = WhatIf(*programs(text))
    others = [one for one in map(what_if.decide, events_of(plan)) if one.direct is None]
    changed = [one for one in others if results(one.old.decision) != results(one.new.decision)]
    counts: dict[str, Counter[str]] = {"old": Counter(), "new": Counter()}
    for one in changed:
        found = {"old": results(one.old.decision), "new": results(one.new.decision)}
        for side, other in (("old", "new"), ("new", "old")):
            counts[side].update({rule for rule, _, _ in found[side] - found[other]})
    answer = what_if.changes().other_findings
    assert (answer.events, answer.first) == (len(changed), changed[0] if changed else None)
    assert {rule: (count.old, count.new) for rule, count in answer.by_rule.items()} == {
        rule: (counts["old"][rule], counts["new"][rule])
        for rule in {*counts["old"], *counts["new"]}
    }


def results(decision: Decision) -> set[tuple[str, str, str]]:
    return {(one.rule, one.result, one.effect) for one in decision.findings}


def flagged(history: History) -> History:
    """Return *history* under a file that flags what its own denies, and denies what it flags."""
    effects = {None: "flag", "deny": "flag", "review": "deny", "flag": "deny"}
    file = history.file
    changed = [replace(rule, effect=effects[rule.effect]) for rule in file.rules]
    return replace(history, file=replace(file, rules=tuple(changed)))


@pytest.mark.slow
@given(history=histories())
def test_log_is_read_once_for_both(history: History) -> None:
    """From the text of a log both come to what `replay` tells of each, row by row."""
    texts = [one.file.text() for one in (history, flagged(history))]
    if loaded(history.file) is None:
        return
    rows = as_csv(history.rows, sorted({name for one in history.rows for name in one}))
    alone = [Program(load_text(text, "random.yaml")) for text in texts]
    decisions = []
    for program in alone:
        with open_log(io.BytesIO(rows), "log", form="csv") as log:
            decisions.append(
                [
                    one.decision
                    for one in replayed(log, program, Reader(Reading(), program.editions))
                ]
            )
    old, new = (Program(load_text(text, "random.yaml")) for text in texts)
    what_if = WhatIf(old, new)
    with open_log(io.BytesIO(rows), "log", form="csv") as log:
        compared = list(what_if.compared(log))
    assert [one.line for one in compared] == list(range(2, len(compared) + 2))
    assert [[one.old.decision for one in compared], [one.new.decision for one in compared]] == (
        decisions
    )
    answer = json.loads(json_text(changes_object(what_if.changes())))
    assert [json.dumps(answer[side]) for side in ("old", "new")] == [
        json.dumps(json.loads(json_text(program.summary()))) for program in alone
    ]


# -- examples -------------------------------------------------------------------------------------

# The first order takes up what the second then has no room for.
ORDERS: Final = """\
kind,id,date,symbol,side,quantity,price,order,order_type
order,o-1,2026-05-15,1,buy,70,5,,limit
order,o-2,2026-05-15,1,buy,40,5,,limit
cancel,c-1,2026-05-18,,,,,o-1,
order,o-3,2026-05-18,1,buy,10,5,,limit
order,o-4,2026-05-19,1,buy,65,5,,limit
"""
USED: Final = "shares bought and on order: "
WHAT_IF: Final = ("what-if", "log.csv", "--rules", "new.yaml", "--against", "rules.yaml")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a log, its rule file, and an edit of it with a lower cap."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "new.yaml").write_text(edited("100 shares", "60 shares"), encoding="utf-8")
    (tmp_path / "log.csv").write_text(ORDERS, encoding="utf-8")
    return tmp_path


def edited(before: str, after: str) -> str:
    """Return the rule file with *after* in the place of each *before*."""
    assert before in RULES
    return RULES.replace(before, after)


def changes_of(here: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return what `--changes` writes; there is something."""
    assert run(*WHAT_IF, *arguments, "--changes", "out.jsonl", cwd=here).code == 1
    lines = (here / "out.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_order_that_only_finds_room_is_told_apart(here: Path) -> None:
    """What is approved since an earlier order was denied, and its cancel, are knock-on changes."""
    found = [
        (one["line"], one["id"], one["direct"], one["old"]["outcome"], one["new"]["outcome"])
        for one in changes_of(here)
    ]
    assert found == [
        (2, "o-1", True, "approved", "denied"),
        (3, "o-2", False, "denied", "approved"),
        (4, "c-1", False, "recorded", "denied"),
        (6, "o-4", True, "approved", "denied"),
    ]


def test_answer_has_totals_directions_and_the_first_change(here: Path) -> None:
    """One JSON object tells it all, and holds the two summaries of `replay`."""
    ended = run(*WHAT_IF, "--json", cwd=here)
    answer = ended.json
    assert (ended.code, ended.err) == (1, "")
    counts = {name: answer[name] for name in ("events", "edited", "changed", "direct", "knock_on")}
    assert counts == {"events": 5, "edited": 5, "changed": 4, "direct": 2, "knock_on": 2}
    assert answer["by_direction"] == [
        {"old": "approved", "new": "denied", "direct": 2, "knock_on": 0},
        {"old": "denied", "new": "approved", "direct": 0, "knock_on": 1},
        {"old": "recorded", "new": "denied", "direct": 0, "knock_on": 1},
    ]
    first = answer["first"]
    assert (first["line"], first["id"], first["differing"]) == (2, "o-1", ["share-cap"])
    (finding,) = first["new"]["findings"]
    assert (first["old"]["findings"], finding["message"], finding["quote"]) == (
        [],
        f"{USED}70 shares; must be at most 60 shares",
        "up to 60 shares",
    )
    for side, rules in (("old", "rules.yaml"), ("new", "new.yaml")):
        alone = run("replay", "log.csv", "--rules", rules, "--json", cwd=here).out
        assert json.dumps(answer[side], separators=(",", ":"), ensure_ascii=False) + "\n" == alone


def test_terminal_tells_it_in_sentences(here: Path) -> None:
    """How many change, the first with its rule and words, both sorts apart, and the totals."""
    ended = run(*WHAT_IF, cwd=here)
    assert (ended.code, ended.err) == (1, "")
    expected = [
        "log.csv: OLD is rules.yaml, NEW is new.yaml",
        "4 of 5 events change outcome: 2 direct, 2 knock-on.",
        "The first is order o-1 on line 2, approved by the old file and denied by the new one.",
        f"new  share-cap  {USED}70 shares; must be at most 60 shares  “up to 60 shares”",
        "old       new       direct  knock-on",
        "approved  DENIED         2         0",
        "DENIED    approved       0         1",
        "recorded  DENIED         0         1",
        "2 direct changes:",
        "line  event      old       new",
        "   2  order o-1  approved  DENIED",
        f"                           share-cap: {USED}70 shares; must be at most 60 shares",
        "   6  order o-4  approved  DENIED",
        f"                           share-cap: {USED}115 shares; must be at most 60 shares",
        "2 knock-on changes, explained by an earlier change:",
        "line  event       old                                            new",
        "   3  order o-2   DENIED                                         approved",
        f"                  share-cap: {USED}110 shares; must be at most 100 shares",
        "   4  cancel c-1  recorded                                       DENIED",
        f"engine.order-closed: {ENGINE['engine.order-closed']}",
        "in all                  old        new",
        "approved                  3          2",
        "denied                    1          3",
        "recorded                  1          0",
        "shares executed    0 shares   0 shares",
        "money executed        JPY 0      JPY 0",
        "shares remaining  25 shares  10 shares",
        "money remaining      no cap     no cap",
    ]
    # Cells may be broken over lines, the order of the words stays.
    assert ended.out.split() == " ".join(expected).split()


def test_first_change_under_another_accounting_basis_is_direct() -> None:
    """What was bought may count for more, until an order exceeds the cap: no change came first."""
    old, new = programs(desk_events.RULES.replace("per_share: 4", "per_share: 1"))
    ads = desk_events.order("o-1", 20, 1, symbol="ACME", venue="XNAS", fx=100)
    what_if = WhatIf(old, new)
    compared = [what_if.decide(ads)]
    # Five shares and 25 are 30; twenty and 25 are past the cap of 40.
    order = desk_events.order("o-2", 25, 1)
    assert new.decided_at(order, old.position).decision.outcome == "approved"
    # Had that been approved all the same, 15 more would be too many; so they are, by the old file.
    compared += [what_if.decide(order), what_if.decide(desk_events.order("o-3", 15, 1))]
    found = [(one.old.decision.outcome, one.new.decision.outcome, one.direct) for one in compared]
    assert found == [
        ("approved", "approved", None),
        ("approved", "denied", True),
        ("denied", "approved", False),
    ]


def test_breach_in_a_log_halts_nothing_where_the_new_file_is_asked() -> None:
    """What happened in a log of the past stopped nobody, also where the files count otherwise."""
    old = desk_events.RULES.replace("effect: flag, require: trade.broker", "require: trade.broker")
    what_if = WhatIf(*programs(desk_events.RULES.replace("per_share: 4", "per_share: 8"), old))
    compared = [
        what_if.decide(event)
        for event in (
            desk_events.order("o-1", 20, broker="south"),
            desk_events.order("f-1", kind="fill", side="sell"),
            # Within the cap of 40 alone, and not beside the first.
            desk_events.order("o-2", 30),
        )
    ]
    found = [(one.old.decision.outcome, one.new.decision.outcome, one.direct) for one in compared]
    assert found == [
        ("denied", "approved", True),
        ("denied", "denied", None),
        ("approved", "denied", False),
    ]


def test_flag_that_is_raised_now_changes_no_outcome(here: Path) -> None:
    """The same outcome with other findings is counted apart, by rule, with the first."""
    text = edited(
        "require: trade.last_date <= 2026-12-31", "require: trade.last_date <= 2026-05-18"
    )
    (here / "new.yaml").write_text(text, encoding="utf-8")
    ended = run(*WHAT_IF, "--json", cwd=here)
    others = ended.json["other_findings"]
    assert (ended.code, ended.json["changed"], ended.json["first"]) == (0, 0, None)
    assert (others["events"], others["by_rule"]) == (1, {"last-day": {"old": 0, "new": 1}})
    assert (others["first"]["id"], others["first"]["direct"]) == ("o-4", None)
    shown = [line.rstrip() for line in run(*WHAT_IF, cwd=here).out.splitlines()]
    first = "The first is order o-4 on line 6, approved by both files."
    assert shown[1:6] == [
        "None of 5 events changes outcome.",
        f"1 event has the same outcome with other findings. {first}",
        "new  last-day (flag)  last day it can execute: 2026-05-19; must be 2026-05-18 or earlier",
        "different results  old  new",
        "last-day             0    1",
    ]


def test_rule_that_denies_in_the_place_of_another_changes_no_outcome(here: Path) -> None:
    """What is denied by both for different reasons has other findings by either."""
    text = edited("  - id: share-cap\n", "  - id: cap\n")
    (here / "new.yaml").write_text(text, encoding="utf-8")
    answer = run(*WHAT_IF, "--json", cwd=here).json
    assert (answer["changed"], answer["other_findings"]["by_rule"]) == (
        0,
        {"cap": {"old": 0, "new": 1}, "share-cap": {"old": 1, "new": 0}},
    )


def test_edit_that_is_not_in_force_in_the_log_is_told(here: Path) -> None:
    """A file against itself, or an edit for another year, is told why nothing changes."""
    said = "None of 5 events changes outcome: both files are the same on these days."
    same = ("--rules", "rules.yaml", "--against", "rules.yaml")
    ended = run("what-if", "log.csv", *same, cwd=here)
    assert (ended.code, ended.out.splitlines()[1]) == (0, said)
    later = '{value: "100 shares", until: 2026-12-31, quote: "up to 100 shares"}'
    text = edited('{value: "100 shares", quote: "up to 100 shares"}', f"[{later}]")
    (here / "new.yaml").write_text(text, encoding="utf-8")
    assert run(*WHAT_IF, cwd=here).out.splitlines()[1] == said


def test_swapped_files_change_the_other_way(here: Path) -> None:
    """Which is the old file decides the direction of each change."""
    swapped = ("--rules", "rules.yaml", "--against", "new.yaml")
    answer = run("what-if", "log.csv", *swapped, "--json", cwd=here).json
    assert answer["by_direction"] == [
        {"old": "approved", "new": "denied", "direct": 0, "knock_on": 1},
        {"old": "denied", "new": "approved", "direct": 1, "knock_on": 1},
        {"old": "denied", "new": "recorded", "direct": 0, "knock_on": 1},
    ]


@pytest.mark.parametrize(("count", "more"), [(20, 0), (21, 1), (1_020, 1_000)])
def test_terminal_lists_twenty_and_tells_how_many_more(here: Path, count: int, more: int) -> None:
    """Twenty changes are shown, then the number of the others; the file has all."""
    rows = "".join(f"g-{number},2026-05-18,1,buy,1,5\n" for number in range(count))
    (here / "log.csv").write_text(HEADER + rows, encoding="utf-8")
    roomy = RULES.replace("100 shares", "2000 shares")
    (here / "rules.yaml").write_text(roomy, encoding="utf-8")
    nothing = "  - {id: nothing, require: trade.shares < 1 share}\n"
    (here / "new.yaml").write_text(roomy + nothing, encoding="utf-8")
    lines = run(*WHAT_IF, "--changes", "out.jsonl", cwd=here).out.splitlines()
    listed = [line.split()[2] for line in lines if line.lstrip()[:1].isdigit() and "fill" in line]
    assert listed == [f"g-{number}" for number in range(20)]
    told = [line for line in lines if line.startswith("and ")]
    assert told == ([f"and {more:,} more; --changes writes all to a file"] if more else [])
    assert len((here / "out.jsonl").read_text(encoding="utf-8").splitlines()) == count


def test_long_reasons_are_shown_in_three_and_a_number(here: Path) -> None:
    """A file that denies by nine rules says so in a few lines; what denies comes first."""
    flag = "  - {id: a-flag, effect: flag, require: trade.shares < 1 share}\n"
    more = "".join(f"  - {{id: n-{one}, require: trade.shares < 1 share}}\n" for one in range(9))
    (here / "new.yaml").write_text(RULES + flag + more, encoding="utf-8")
    lines = [line.strip() for line in run(*WHAT_IF, cwd=here).out.splitlines()]
    first = lines.index("2  order o-1  approved  DENIED")
    assert lines[first + 1 : first + 6] == [
        *(
            f"n-{one}: shares of this event: 70 shares; must be less than 1 share"
            for one in range(3)
        ),
        "and 7 more findings",
        "5  order o-3  approved  DENIED",
    ]


# -- the log, its symbols and its options ---------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "options"),
    [
        *((data, ()) for _, data, _ in NO_LOG),
        *(((HEADER + GOOD + text).encode(errors="surrogateescape"), ()) for _, text, _ in BAD_ROWS),
        ((HEADER + 30 * row(quantity="1e5")).encode(), ()),
        (HEADER.encode(), ()),
        ((HEADER + GOOD.replace(",1,", ",2,")).encode(), ("--skip-other-symbols",)),
        (LOG.encode(), ("--column", "quantity")),
        (LOG.encode(), ("--brought-forward", "5")),
        (LOG.encode(), ("--ignore", "notes")),
        (LOG.encode(), ("--market", "none.csv")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_bad_log_is_told_as_by_replay(
    here: Path, data: bytes, options: tuple[str, ...], form: tuple[str, ...]
) -> None:
    """The same messages, exit code 2, and nothing concluded."""
    (here / "log.csv").write_bytes(data)
    ended = run(*WHAT_IF, *options, *form, cwd=here)
    alone = run("replay", "log.csv", "--rules", "rules.yaml", *options, *form, cwd=here)
    said = [text.replace("the rule file", "either rule file") for text in alone[1:]]
    assert (ended.code, alone.code, [ended.out, ended.err]) == (2, 2, said)


def test_changes_of_a_bad_log_stay_partial(here: Path) -> None:
    """One row that cannot be read, and OUT is not written."""
    (here / "log.csv").write_text(ORDERS + "order,o-5,2026-05-19,1,buy,x,5,,limit\n", "utf-8")
    ended = run(*WHAT_IF, "--changes", "out.jsonl", cwd=here)
    assert (ended.code, ended.out, ended.lines[0][:11]) == (2, "", "log.csv:7: ")
    partial = (here / "out.jsonl.partial").read_text(encoding="utf-8").splitlines()
    assert ([json.loads(line)["id"] for line in partial], (here / "out.jsonl").exists()) == (
        ["o-1", "o-2", "c-1", "o-4"],
        False,
    )


def test_rows_that_come_again_count_once_for_both(here: Path) -> None:
    """A duplicate and a row of a third symbol are counted by each file, and judged by none."""
    lines = ORDERS.splitlines()
    more = "\n".join([*lines, lines[1], lines[5].replace(",1,buy", ",3,buy").replace("o-4", "x")])
    (here / "log.csv").write_text(more + "\n", encoding="utf-8")
    answer = run(*WHAT_IF, "--skip-other-symbols", "--json", cwd=here).json
    assert (answer["events"], answer["changed"]) == (5, 4)
    assert {(answer[one]["duplicates"], answer[one]["skipped"]) for one in ("old", "new")} == {
        (1, 1)
    }


@pytest.mark.parametrize("skip", [(), ("--skip-other-symbols",)])
def test_symbol_of_one_file_alone_is_judged_by_both(here: Path, skip: tuple[str, ...]) -> None:
    """An instrument that is taken off the list is denied, and neither an error nor left out."""
    added = '"1", venues: [XTKS]}, other: {symbol: "2", venues: [XTKS]}'
    text = edited('"1", venues: [XTKS]}', added)
    (here / "rules.yaml").write_text(text, encoding="utf-8")
    (here / "new.yaml").write_text(RULES, encoding="utf-8")
    (here / "log.csv").write_text(ORDERS.replace("o-3,2026-05-18,1", "o-3,2026-05-18,2"), "utf-8")
    first, *_ = changes_of(here, *skip)
    assert (first["id"], first["direct"], first["differing"][0]) == (
        "o-3",
        True,
        "engine.unknown-instrument",
    )


def test_fills_that_cannot_be_counted_are_told(here: Path) -> None:
    """Where a file does not know what was bought, its figures are unknown, and it is said why."""
    other = 'other: {symbol: "2", venues: [XTKS]}'
    text = edited('"1", venues: [XTKS]}', f'"1", venues: [XTKS]}}, {other}')
    (here / "rules.yaml").write_text(text, encoding="utf-8")
    (here / "new.yaml").write_text(RULES, encoding="utf-8")
    (here / "log.csv").write_text(HEADER + GOOD + row(symbol="2"), encoding="utf-8")
    lines = [" ".join(line.split()) for line in run(*WHAT_IF, cwd=here).out.splitlines()]
    assert lines[-5:-3] == ["unknown fills 0 1", "shares executed 50 shares unknown"]


def test_files_of_two_authorizations_are_told(here: Path) -> None:
    """An event may name either, and no third; the reader is told that there are two."""
    (here / "new.yaml").write_text(RULES.replace("tiny", "small"), encoding="utf-8")
    rows = [f"{line},{name}" for line, name in zip(
        ORDERS.splitlines(), ("authorization", "tiny", "small", "", "", "other"), strict=True
    )]  # fmt: skip
    (here / "log.csv").write_text("\n".join(rows[:-1]) + "\n", encoding="utf-8")
    ended = run(*WHAT_IF, cwd=here)
    assert (
        ended.code,
        "The two files are of different authorizations, tiny and small." in ended.out,
    ) == (
        0,
        True,
    )
    (here / "log.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    ended = run(*WHAT_IF, cwd=here)
    assert ended.lines[0] == (
        "log.csv:6: the event is of authorization `other`; give events of `tiny` or `small`"
    )


def test_what_was_brought_forward_counts_for_both(here: Path) -> None:
    """It is an event of each, and its outcome never changes."""
    rows = ORDERS.splitlines(keepends=True)
    (here / "log.csv").write_text(rows[0] + rows[4], encoding="utf-8")
    answer = run(*WHAT_IF, "--brought-forward", "55,5", "--json", cwd=here).json
    assert (answer["events"], answer["changed"], answer["first"]["id"]) == (2, 1, "o-3")
    assert [answer[side]["executed_shares"] for side in ("old", "new")] == ["55", "55"]


def test_rows_are_sorted_for_both(here: Path) -> None:
    """A log that is out of order is put in order once, and each change keeps its line."""
    first, *rows = ORDERS.splitlines(keepends=True)
    (here / "log.csv").write_text("".join([first, *rows[3:], *rows[:3]]), encoding="utf-8")
    assert run(*WHAT_IF, cwd=here).code == 2
    found = changes_of(here, "--sort")
    assert [(one["line"], one["id"]) for one in found] == [
        (4, "o-1"),
        (5, "o-2"),
        (6, "c-1"),
        (3, "o-4"),
    ]


def test_both_are_judged_by_what_was_known(here: Path) -> None:
    """`--known-at` is for the old file as well as for the new one."""
    value = '{value: "100 shares", quote: "up to 100 shares"}'
    text = edited(value, f'[{value}, {{value: "60 shares", known: 2027-01-01}}]')
    for name in ("rules.yaml", "new.yaml"):
        (here / name).write_text(text, encoding="utf-8")
    left = []
    for options in ((), ("--known-at", "2027-01-01")):
        answer = run(*WHAT_IF, "--json", *options, cwd=here).json
        left.append([answer[side]["remaining_shares"] for side in ("old", "new")])
    assert left == [["25", "25"], ["10", "10"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["log.csv", "--rules", "new.yaml"], "Missing option '--against'"),
        (["log.csv", "--against", "rules.yaml"], "Missing option '--rules'"),
        (["--rules", "new.yaml", "--against", "rules.yaml"], "Missing argument 'LOG'"),
        (["log.csv", "--rules", "none.yaml", "--against", "rules.yaml"], "none.yaml: "),
        (["log.csv", "--rules", "new.yaml", "--against", "none.yaml"], "none.yaml: "),
        (["none.csv", *WHAT_IF[2:]], "none.csv: "),
        ([*WHAT_IF[1:], "--against", "new.yaml"], "`--against` is given 2 times; give it once"),
        ([*WHAT_IF[1:], "--changes", "-"], "the changes cannot go to standard output; give"),
        ([*WHAT_IF[1:], "--changes", "log.csv"], "log.csv: the changes would overwrite this file"),
        (
            [*WHAT_IF[1:], "--changes", "rules.yaml"],
            "rules.yaml: the changes would overwrite this file",
        ),
        (
            [*WHAT_IF[1:], "--changes", "new.yaml"],
            "new.yaml: the changes would overwrite this file",
        ),
        (
            [*WHAT_IF[1:], "--changes", "none/out"],
            "none/out.partial: the changes cannot be written",
        ),
    ],
)
def test_wrong_call_is_told(here: Path, arguments: list[str], said: str) -> None:
    """What is missing or cannot be ends with 2 and a sentence, and nothing is written over."""
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    ended = run("what-if", *arguments, cwd=here)
    assert (ended.code, ended.out, said in ended.err) == (2, "", True), ended.err
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


def test_command_needs_no_prover(here: Path) -> None:
    """Without the package z3-solver the answer is the same."""
    call = (
        "import sys; sys.modules['z3'] = None; from repurchase.__main__ import main; exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", call, *WHAT_IF], cwd=here, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout.decode(), done.stderr) == (
        1,
        run(*WHAT_IF, cwd=here).out,
        b"",
    )


def test_gaps_of_both_files_are_told(here: Path) -> None:
    """What `lint` would say of either stands on standard error."""
    for name in ("rules.yaml", "new.yaml"):
        text = edited("up to 100 shares", "up to a hundred shares")
        (here / name).write_text(text, encoding="utf-8")
    ended = run(*WHAT_IF, cwd=here)
    places = [line.split(" ")[0] for line in ended.lines]
    assert (ended.code, places) == (0, ["rules.yaml:8:44:", "new.yaml:8:44:"])


def test_text_of_a_log_is_shown_as_it_is(here: Path) -> None:
    """Neither markup nor what turns a line around does anything at a terminal."""
    (here / "log.csv").write_text(ORDERS.replace("o-1", "[red]o\u202e"), encoding="utf-8")
    for form in ((), ("--json",)):
        shown = run(*WHAT_IF, *form, cwd=here)
        written = ("[red]o\\u202e" in shown.out, "\u202e" in shown.out)
        assert (shown.code, written) == (1, (True, False))


@EACH
def test_real_log_under_a_lower_cap(real: Real, tmp_path: Path) -> None:
    """Each purchase from the first past the cap on is a direct change: it counts all the same."""
    before, most = int(real.before.split(",")[0]), f"{real.caps[0]:,} shares"
    cap = (before + real.shares) // 2
    path = rule_path(real.rules)
    assert path is not None
    lower = path.read_text(encoding="utf-8").replace(most, f"{cap:,} shares")
    (tmp_path / "lower.yaml").write_text(lower, encoding="utf-8")
    _, log, _, _, *options = command(real, "--json")
    ended = run(
        *("what-if", log, "--rules", tmp_path / "lower.yaml", "--against", real.rules), *options
    )
    # Counted by hand: the rows that fit below the cap.
    bought = [int(line.split(",")[1]) for line in Path(log).read_text("utf-8").splitlines()[1:]]
    fitting = sum(total <= cap for total in itertools.accumulate(bought, initial=before)) - 1
    answer = ended.json
    count = real.rows - fitting
    assert (ended.code, answer["changed"], answer["direct"]) == (1, count, count)
    assert (answer["first"]["line"], count > 1) == (fitting + 2, True)
    assert [answer[side]["executed_shares"] for side in ("old", "new")] == [str(real.shares)] * 2
