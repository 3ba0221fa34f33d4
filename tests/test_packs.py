"""Packs of law: dated limits and rules, options, and the day and the knowledge they go by."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.audit.transfer import ExportFile, export, imported
from repurchase.audit.verify import verify
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import RuleFileError, Tampering, UsageError
from repurchase.domain.events import Event
from repurchase.domain.terms import Validity
from repurchase.evaluation.step import Decided, step
from repurchase.evaluation.wording import worded
from repurchase.intake.fields import event
from repurchase.journal.desk import Desk
from repurchase.journal.queries import adoption, adoptions, story
from repurchase.journal.records import digest
from repurchase.journal.rule_texts import RuleText, rule_text
from repurchase.journal.store import Journal
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.rulebook import library
from repurchase.rulebook.editions import Editions, load, load_text
from repurchase.rulebook.life import Life, life
from repurchase.rulebook.lint import lint_findings
from repurchase.rulebook.packs import kept, shipped_pack
from test_audit import changed
from test_cli import run

RULES: Final = """
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1111", venues: [XTKS]}
  ads: {symbol: ACME, venues: [XNAS], currency: USD, per_share: 2}
terms:
  max_shares: {value: "4,000 shares"}
include: [INCLUDED]
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
"""
PACK: Final = """
repurchase: 1
pack: own
title: A law of these tests
limits:
  most:
    - {value: "100 shares", until: 2008-11-13, cite: First Act}
    - {value: "200 shares", from: 2008-11-14, cite: Second Act}
    - {value: "50 shares", from: 2008-11-20, until: 2008-11-25, known: 2008-11-22, cite: Third Act}
options:
  doubled: {title: Twice as much, cite: Fourth Act}
rules:
  - {id: size, require: trade.shares <= limits.most, without: doubled, cite: Section 1}
  - {id: size-doubled, require: trade.shares <= 2 * limits.most, option: doubled}
  - {id: named, effect: review, unverified: seen nowhere, require: trade.broker == Nomura}
"""


SHIPPED: Final = {name: library.pack_path(name).read_bytes() for name in library.pack_names()}


@cache
def editions(pack: str = PACK, included: str = "./own", known_at: date | None = None) -> Editions:
    """Return the editions of a rule file that includes *pack*."""
    text = RULES.replace("INCLUDED", included).encode()
    return load_text(text, "acme.yaml", known_at, packs=kept(SHIPPED | {"./own": pack.encode()}))


def decided(judged_by: Editions, **changes: object) -> Decided:
    """Return the answer to an order with *changes*."""
    fields: dict[str, object] = {"kind": "order", "id": "o", "symbol": "1111", "side": "buy"}
    fields |= {"time": "2008-11-14T10:00:00+09:00", "quantity": 1, "price": 100, "broker": "Nomura"}
    fields |= changes
    asked = event({name: str(value) for name, value in fields.items() if value is not None})
    position = counting(Position(), judged_by.authorization.kept())
    its = Life(judged_by.of(asked, position))
    return Decided(step(asked, position, its).decision, its)


def stopped(decision: Decision) -> list[str]:
    """Return the rules that do not pass."""
    return [finding.rule for finding in decision.findings]


# -- the first program's law, on the days that it changes ---------------------------------------


@pytest.mark.parametrize(
    ("day", "known_at", "outcome"),
    [
        ("2008-10-10", None, "denied"),
        ("2008-10-13", None, "denied"),
        ("2008-10-14", None, "approved"),
        ("2008-12-30", None, "approved"),
        ("2009-01-15", date(2008, 11, 14), "denied"),
        ("2009-01-15", date(2008, 12, 25), "denied"),
        ("2009-01-15", date(2008, 12, 26), "approved"),
        ("2009-01-15", None, "approved"),
        ("2009-04-01", None, "denied"),
        ("2013-05-01", None, "approved"),
        ("2013-09-02", None, "approved"),
    ],
)
def test_volume_limit_is_that_of_the_day_as_it_was_known(
    day: str, known_at: date | None, outcome: str
) -> None:
    """The same order of 60 shares, beside an average of 100: by 25 %, or by all of it."""
    judged_by = editions(included="jp-order-59", known_at=known_at)
    answer = decided(judged_by, time=f"{day}T10:00:00+09:00", quantity="60", **MARKET)
    volume = {"jp-order-59.daily-volume", "jp-order-59.daily-volume-2007"}
    assert answer.decision.outcome == outcome
    assert bool(volume & set(stopped(answer.decision))) is (outcome == "denied")


MARKET: Final = {
    "order_type": "limit",
    "method": "auction",
    "averages.adv_jp_4_weeks": "100",
    "market.minutes_from_open": "60",
    "market.minutes_to_close": "60",
    "market.day_high": "100",
    "market.last_price": "100",
}


@pytest.mark.parametrize(
    ("day", "changes", "rules"),
    [
        # Exactly the limit does not exceed it.
        ("2008-10-10", {"quantity": 25}, []),
        ("2008-10-10", {"quantity": 26}, ["daily-volume-2007"]),
        ("2008-10-14", {"quantity": 100}, []),
        ("2008-10-14", {"quantity": 101}, ["daily-volume-2007"]),
        # From half an hour before the end to the end, and not before.
        ("2008-10-10", {"market.minutes_to_close": 31}, []),
        ("2008-10-10", {"market.minutes_to_close": 30}, ["last-half-hour"]),
        ("2008-10-14", {"market.minutes_to_close": 0}, []),
        ("2008-10-14", {"market.minutes_to_close": None}, []),
        ("2008-10-10", {"market.minutes_to_close": None}, ["last-half-hour"]),
        ("2009-01-15", {"market.minutes_to_close": 1}, []),
        # Prices: the last of yesterday before the session, the highest of today within it.
        ("2008-11-14", {"price": 101}, ["above-last-price", "price-in-session"]),
        ("2008-11-14", {"market.last_price": 99}, ["above-last-price"]),
        (
            "2008-11-14",
            {"market.minutes_from_open": -1, "market.previous_close": 100, "market.day_high": None},
            [],
        ),
        (
            "2008-11-14",
            {"market.minutes_from_open": -1, "market.previous_close": 99},
            ["price-before-open"],
        ),
        ("2008-11-14", {"market.day_high": None}, ["price-in-session"]),
        (
            "2008-11-14",
            {"order_type": "market"},
            ["above-last-price", "limit-order", "price-in-session"],
        ),
        ("2008-11-14", {"method": "block"}, ["method"]),
        ("2008-11-14", {"method": "off_auction"}, ["announced-price", "announced-shares"]),
        (
            "2008-11-14",
            {"method": None},
            [
                *("announced-first", "announced-price", "announced-shares"),
                *("daily-volume-2007", "method"),
            ],
        ),
        ("2008-11-14", {"broker": None}, ["one-broker"]),
        ("2008-11-14", {"expires": "2008-11-14"}, []),
        ("2008-11-14", {"expires": "2008-11-17"}, ["day-order"]),
        # A fact that no source gives is named, and denied.
        ("2008-11-14", {"averages.adv_jp_4_weeks": None}, ["daily-volume-2007"]),
    ],
)  # fmt: skip
def test_order_59_on_both_sides_of_each_limit(
    day: str, changes: dict[str, Any], rules: list[str]
) -> None:
    """Each rule of the Order stops what passes its limit, and nothing that does not."""
    order = {"time": f"{day}T10:00:00+09:00", **MARKET} | changes
    answer = decided(editions(included="jp-order-59"), **order)
    assert stopped(answer.decision) == [f"jp-order-59.{rule}" for rule in rules]
    stopping = set(rules) - {"above-last-price"}
    assert answer.decision.outcome == ("denied" if stopping else "approved")


SMALL: Final = {"time": "2013-09-02T10:00:00+09:00", **MARKET, "averages.adv_jp_4_weeks": "8"}


@pytest.mark.parametrize(
    ("monthly", "daily", "most"),
    [
        # Units of 1 share. By months: 400 and more, at least 200, fewer; the larger limit counts.
        (400, 8, 8),
        (400, 2, 3),
        (400, 100, 100),
        (399, 8, 8),
        (399, 2, 3),
        (200, 4, 4),
        (199, 1, 3),
        (199, 50, 50),
    ],
)
def test_small_volume_is_the_larger_of_two_limits(monthly: int, daily: int, most: int) -> None:
    """An issuer with little trading may buy a few units, whatever its average is."""
    text = RULES.replace("INCLUDED", "jp-order-59").replace(
        "terms:", "terms:\n  trading_unit: {value: 1 share}"
    )
    judged_by = load_text(text.encode(), "acme.yaml")
    facts = {"averages.adv_jp_4_weeks": daily, "averages.amv_jp_6_months": monthly}
    exactly = decided(judged_by, **SMALL | facts | {"quantity": most})
    over = decided(judged_by, **SMALL | facts | {"quantity": most + 1})
    assert (exactly.decision.outcome, over.decision.outcome) == ("approved", "denied")
    assert stopped(over.decision) == ["jp-order-59.daily-volume"]


def test_second_broker_of_a_day_is_the_one_that_breaks_the_rule() -> None:
    """The first broker's orders stand; that of the second is denied, and so on another day not."""
    judged_by = editions(included="jp-order-59")
    position = counting(Position(), judged_by.authorization.kept())
    answers = []
    for number, (day, broker) in enumerate([(14, "A"), (14, "A"), (14, "B"), (17, "B")]):
        fields = {"kind": "order", "id": f"o-{number}", "symbol": "1111", "side": "buy"}
        fields |= {"quantity": "1", "price": "100", "broker": broker, **MARKET}
        asked = event(fields | {"time": f"2008-11-{day}T10:00:00+09:00"})
        taken = step(asked, position, life(judged_by, asked, position))
        position = taken.position
        answers.append(taken.decision.outcome)
    assert answers == ["approved", "approved", "denied", "approved"]


def test_trade_elsewhere_is_spared() -> None:
    """A purchase in New York is none on an exchange in Japan."""
    answer = decided(editions(included="jp-order-59"), symbol="ACME", fx="100", time=NEW_YORK)
    assert (answer.decision.outcome, stopped(answer.decision)) == ("approved", [])


NEW_YORK: Final = "2008-11-13T10:00:00-05:00"


# -- how packs are read and kept apart ------------------------------------------------------------


def test_pack_goes_by_the_day_at_the_venue() -> None:
    """It is the 14th in Tokyo and the 13th in New York: the law is that of the venue."""
    moment = "2008-11-14T02:00:00+09:00"
    there = decided(editions(), symbol="ACME", fx="100", quantity="202", time=moment)
    assert stopped(there.decision) == ["own.size"]
    assert there.decision.findings[0].limit == "100"
    here = decided(editions(), quantity="101", time=moment)
    assert (here.decision.outcome, stopped(here.decision)) == ("approved", [])


@pytest.mark.parametrize(
    ("day", "known_at", "limit"),
    [
        (13, None, 100),
        (14, None, 200),
        (20, None, 200),
        (21, None, 200),
        (22, None, 50),
        (25, None, 50),
        (26, None, 200),
        (20, date(2008, 11, 22), 50),
        (25, date(2008, 11, 21), 200),
    ],
)
def test_limit_changes_exactly_from_its_day(day: int, known_at: date | None, limit: int) -> None:
    """The version known last holds, from the day on which it is known and in force."""
    judged_by = editions(known_at=known_at)
    time = f"2008-11-{day}T10:00:00+09:00"
    exactly = decided(judged_by, time=time, quantity=limit)
    over = decided(judged_by, time=time, quantity=limit + 1)
    assert (exactly.decision.outcome, stopped(over.decision)) == ("approved", ["own.size"])


def test_finding_names_where_its_limit_stands() -> None:
    """Whoever reads the denial sees the section and the act of the day."""
    over = decided(editions(), quantity=201)
    (found,) = worded(over.decision, Life(over.edition)).findings
    assert (found.rule, found.cite) == ("own.size", "Section 1; Second Act")
    assert found.message == "shares of this event: 201 shares; must be at most 200 shares"


def test_option_is_off_until_it_is_named() -> None:
    """A pack's option changes nothing for who does not ask for it."""
    on = editions(included="{pack: ./own, options: [doubled]}")
    assert stopped(decided(editions(), quantity=201).decision) == ["own.size"]
    assert stopped(decided(on, quantity=400).decision) == []
    assert stopped(decided(on, quantity=401).decision) == ["own.size-doubled"]
    assert on.authorization.packs[0].options[0].on
    assert [rule.id for rule in on.authorization.packs[0].off] == ["own.size"]


SCOPED: Final = PACK.replace(
    "rules:\n", "when: trade.venue == XTKS or trade.broker == Daiwa\nrules:\n"
).replace("without: doubled,", "without: doubled, when: trade.side == buy,")


def test_rules_of_a_pack_apply_where_the_pack_does() -> None:
    """What holds for all of them is said once, and each adds its own."""
    there = {"symbol": "ACME", "quantity": 402, "fx": 100}
    assert stopped(decided(editions(), **there).decision) == ["own.size"]
    assert stopped(decided(editions(SCOPED), **there).decision) == []
    assert stopped(decided(editions(SCOPED), quantity=201).decision) == ["own.size"]
    both = stopped(decided(editions(SCOPED), **there, broker="Daiwa").decision)
    assert both == ["own.named", "own.size"]
    sold = stopped(decided(editions(SCOPED), quantity=201, side="sell").decision)
    assert sold == ["engine.sale"]
    (size, *_) = editions(SCOPED).authorization.packs[0].rules
    assert size.when is not None
    said = "(trade.venue == XTKS or trade.broker == Daiwa) and trade.side == buy"
    assert size.when.text == said


def test_what_is_unverified_holds_at_most() -> None:
    """A rule that is not certain to be the law waits for a person."""
    assert decided(editions(), broker="Daiwa").decision.outcome == "held"
    certain = PACK.replace("effect: review, unverified", "unverified")
    with pytest.raises(RuleFileError, match="the rule is `unverified`, so it cannot deny"):
        editions(certain)


@pytest.mark.parametrize(
    ("change", "included", "said"),
    [
        (("", ""), "jp-order-95", "the pack `jp-order-95` is not stored with the rule file"),
        (("", ""), "./other", "the pack `./other` is not stored with the rule file"),
        (("", ""), "./own, ./own", "the pack `own` is included twice"),
        (("", ""), "{pack: ./own, options: [double]}", "no option `double`; did you mean"),
        (("option: doubled", "option: trebled"), "./own", "the pack has no option `trebled`"),
        (("limits.most,", "limits.least,"), "./own", "unknown limit `limits.least`"),
        (("2 * limits.most", "100 shares"), "./own", None),
        (("pack: own", "pack: Own"), "./own", "`Own` is not a valid name"),
        (("pack: own", "pack: engine"), "./own", "`engine` is reserved for"),
        (("title: A law of these tests", "titel: A"), "./own", "unknown key `titel`"),
        (("options:\n", "limit: 3\noptions:\n"), "./own", "unknown key `limit`"),
        (("without: doubled", "unless: doubled"), "./own", "unknown key `unless`"),
        (("  most:", "  unread: {value: 3}\n  most:"), "./own", "no rule reads the limit `unread`"),
        (("id: named", "id: size"), "./own", "the id `size` is used twice"),
        (("rules:\n", "when: trade.venu == XTKS\nrules:\n"), "./own", "did you mean `trade.venue`"),
        (
            ("rules:\n", "when: trade.venue == XLNO\nrules:\n"),
            "./own",
            "`trade.venue` cannot be `XLNO`",
        ),
        (("rules:\n", "when: limits.least > 3\nrules:\n"), "./own", "unknown limit `limits.least`"),
        (("trade.broker == Nomura", "terms.most > 3"), "./own", "unknown term `terms.most`"),
    ],
)
def test_pack_that_is_wrong_is_told(
    change: tuple[str, str], included: str, said: str | None
) -> None:
    """Each mistake in a pack, or in asking for one, is told with its place."""
    pack = PACK.replace(*change) if change[0] else PACK
    if said is None:
        editions(pack, included)
        return
    with pytest.raises(RuleFileError) as caught:
        editions(pack, included)
    assert said in str(caught.value)
    assert all(problem.line is not None for problem in caught.value.problems)


def test_law_that_applies_to_everything_bounds_a_program() -> None:
    """A cap that only a pack reads is read; with a `when`, it is not where that does not hold."""
    text = RULES.replace("INCLUDED", "./own").replace("terms.max_shares}", "4000 shares}")
    law = PACK.replace("trade.shares <= limits.most, without", "LAW, without")
    law = law.replace("LAW", "program.shares_after <= terms.max_shares")

    def told(pack: str) -> list[str]:
        packs = kept({"./own": pack.encode()})
        judged_by = load_text(text.encode(), "acme.yaml", packs=packs)
        return [problem.what for problem in lint_findings(judged_by)]

    unread = "no rule that denies orders reads `terms.max_shares`, so it limits no order"
    assert unread not in told(law)
    assert unread in told(law.replace("rules:\n", "when: trade.venue == XTKS\nrules:\n"))
    assert unread in told(law.replace("id: size,", "id: size, effect: flag,"))
    assert unread in told(law.replace("id: size,", "id: size, until: 2009-01-01,"))


def test_mistakes_of_file_and_pack_are_told_together() -> None:
    """One reading finds all that is wrong, each with its own file."""
    text = RULES.replace("INCLUDED", "./own").replace("terms.max_shares", "terms.max_share")
    packs = kept({"./own": PACK.replace("limits.most,", "limits.moost,").encode()})
    with pytest.raises(RuleFileError) as caught:
        load_text(text.encode(), "acme.yaml", packs=packs)
    files = dict.fromkeys(problem.file for problem in caught.value.problems)
    assert list(files) == ["acme.yaml", "the pack ./own"]


def test_own_pack_lies_beside_its_file(tmp_path: Path) -> None:
    """A user's pack is found beside the rule file, and named as such where it is missing."""
    rules = tmp_path / "acme.yaml"
    rules.write_text(RULES.replace("INCLUDED", "./own"))
    with pytest.raises(
        RuleFileError, match=r"the pack `\./own` cannot be read: the file does not exist"
    ):
        load(rules)
    (tmp_path / "own.yaml").write_text(PACK)
    assert load(rules).authorization.packs[0].file == str(tmp_path / "own.yaml")
    rules.write_text(RULES.replace("INCLUDED", "own"))
    with pytest.raises(RuleFileError, match=r"for the pack beside this file, write `\./own`"):
        load(rules)


# -- on the record --------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a rule file and the pack that it includes."""
    (tmp_path / "acme.yaml").write_text(RULES.replace("INCLUDED", "./own, jp-order-59"))
    (tmp_path / "own.yaml").write_text(PACK)
    return tmp_path


def adopted(folder: Path) -> RuleText:
    """Return the rules of *folder* as a program adopts them."""
    path = folder / "acme.yaml"
    return rule_text(path.read_bytes(), str(path))


def an_order(name: str, **changes: object) -> Event:
    """Return an order that passes on 2008-11-14."""
    fields: dict[str, object] = {"kind": "order", "id": name, "symbol": "1111", "side": "buy"}
    fields |= {"time": "2008-11-14T10:00:00+09:00", "quantity": 1, "price": 100, "broker": "Nomura"}
    # At a desk, the tables of sessions supply the minutes.
    stated = {name: value for name, value in MARKET.items() if "minutes" not in name}
    return event({key: str(value) for key, value in (fields | stated | changes).items()})


def now() -> datetime:
    return datetime(2026, 3, 2, tzinfo=UTC)


def test_program_is_judged_again_by_the_packs_it_adopted(folder: Path, tmp_path: Path) -> None:
    """The texts of packs are kept with the rule file: what is shipped later changes nothing."""
    with Journal(str(tmp_path / "j.db"), create=True) as journal:
        desk = Desk(journal, "acme", now, adopted(folder), "Ann")
        ads = {"symbol": "ACME", "fx": 100, "time": "2008-11-14T02:00:00+09:00"}
        events = [an_order("o-1"), an_order("o-2", quantity=201), an_order("o-3", **ads)]
        events.append(
            event(
                {"kind": "fill", "id": "f-3", "time": "2008-11-14T02:01:00+09:00"}
                | {"order": "o-3", "quantity": "1", "price": "100"}
            )
        )
        said = [desk.submit(one).decision.outcome for one in events]
        assert said == ["approved", "denied", "approved", "approved"]
        (folder / "own.yaml").unlink()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("repurchase.rulebook.packs.pack_names", tuple)
            assert verify(journal, "acme").records == 5
            assert [one.life.edition.hash for one in story(journal, "acme", "o-3")] == [
                desk.submit(events[2]).edition.hash,
                desk.submit(events[3]).edition.hash,
            ]
            _, lines = export(journal, "acme")
            file = ExportFile(io.BytesIO("".join(f"{line}\n" for line in lines).encode()), "x")
            with Journal(str(tmp_path / "copy.db"), create=True) as copy:
                assert imported(file, copy).head == journal.head("acme").hash
        assert [one.packs.keys() for one in adoptions(journal, "acme")] == [
            {"./own", "jp-order-59"}
        ]


def test_changed_pack_is_another_rule_file_until_it_is_adopted(folder: Path) -> None:
    """An edit of a pack alone is refused, then adopted on the record, and shown."""
    with Journal(str(folder / "j.db"), create=True) as journal:
        begun = Desk(journal, "acme", now, adopted(folder), "Ann", one_person=True)
        begun.submit(an_order("o-1"))
        (folder / "own.yaml").write_text(PACK.replace('"200 shares"', '"300 shares"'))
        edited = adopted(folder)
        desk = Desk(journal, "acme", now, edited)
        with pytest.raises(UsageError, match=r"another text of the pack `\./own`"):
            desk.submit(an_order("o-2"))
        taken = desk.adopt(edited, "Bob", "the manual was amended")
        named = [one.name for one in adoption(taken.before, taken.after, now()).changed]
        assert named == ["own.limits.most"]
        assert desk.submit(an_order("o-2", quantity=201)).decision.outcome == "denied"
        assert stopped(desk.submit(an_order("o-3", quantity=201)).decision) == [
            "jp-order-59.daily-volume-2007"
        ]
        assert verify(journal, "acme").records == 5


def test_pack_that_was_changed_behind_its_back_is_found(folder: Path) -> None:
    """The text of a pack is named by its hash like that of a rule file."""
    url = str(folder / "j.db")
    with Journal(url, create=True) as journal:
        begun = Desk(journal, "acme", now, adopted(folder), "Ann", one_person=True)
        begun.submit(an_order("o-1"))
    edited = PACK.replace('"200 shares"', '"900 shares"').encode()
    changed(
        url,
        "UPDATE texts SET body = :body WHERE hash = :hash",
        body=edited,
        hash=digest(PACK.encode()),
    )
    with Journal(url) as journal, pytest.raises(Tampering, match=r"the pack .* was changed"):
        verify(journal, "acme")
    changed(url, "DELETE FROM texts WHERE hash = :hash", hash=digest(PACK.encode()))
    with Journal(url) as journal, pytest.raises(Tampering, match=r"the pack .* is missing"):
        verify(journal, "acme")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("jp-order-59", "limit          value"),
        ("jp-order-59.daily-volume", "averages.amv_jp_6_months"),
        ("jp-order-59.limits.volume_share", "Order 26 of 2013"),
        ("jp-order-59.daily-volum", "did you mean `daily-volume`?"),
        ("jp-order-95", "did you mean `jp-order-59`?"),
    ],
)
def test_explain_shows_packs(name: str, said: str) -> None:
    """A pack, its rules and its limits are explained with their dates and citations."""
    ended = run("explain", name)
    assert said in ended.out + ended.err
    assert ended.code == (2 if "did you mean" in said else 0)


def test_explain_shows_the_packs_of_a_file(folder: Path) -> None:
    """Options are listed as on or off, and what they leave out is told."""
    shown = run("explain", folder / "acme.yaml").out
    assert "Option doubled is off: Twice as much" in shown
    assert "Switched off by its options:" in shown
    assert "Named" not in shown
    assert "own.named" in shown
    assert "(unverified)" in shown


# -- what must hold of all packs ------------------------------------------------------------------

DAYS: Final = st.dates(date(2007, 1, 1), date(2014, 12, 31))
NEAR: Final = st.dates(date(2008, 11, 10), date(2008, 11, 30))
JAPANESE: Final = editions(included="jp-order-59, ./own")


# One that begins earlier than another and became known later.
RECENT: Final = PACK.replace(
    "cite: Third Act}\n",
    "cite: Third Act}\n"
    '    - {value: "70 shares", from: 2008-11-16, until: 2008-11-25, known: 2008-11-24}\n',
)
OF_RECENT: Final = editions(RECENT, "jp-order-59, ./own")


def said_on(validity: Validity, day: date, known: date) -> bool:
    """Return whether *validity* holds, told in the plainest way."""
    first, last = validity.first or date.min, validity.last or date.max
    return first <= day <= last and (validity.known or date.min) <= known


@pytest.mark.slow
@given(DAYS | NEAR, st.integers(-1, 1), st.none() | NEAR)
def test_each_day_has_one_edition(day: date, ahead: int, known_at: date | None) -> None:
    """Each figure has one version at most, the one known last, and each rule is in force or not."""
    venue_day, known = day + timedelta(days=ahead), known_at or day
    judged_by = OF_RECENT if known_at is None else Editions(OF_RECENT.authorization, known_at)
    found = judged_by.on(day, venue_day)
    asked = judged_by.authorization
    for pack in asked.packs:
        for limit in pack.limits:
            held = [one for one in limit.versions if said_on(one.validity, venue_day, known)]
            times = [one.validity.known or date.min for one in held]
            assert len(set(times)) == len(times)
            expected = held[times.index(max(times))] if held else None
            assert found.terms[f"{pack.name}.limits.{limit.name}"] == expected
    in_force = {rule.id for rule in asked.rules if said_on(rule.validity, day, known)}
    in_force |= {
        rule.id
        for pack in asked.packs
        for rule in pack.rules
        if said_on(rule.validity, venue_day, known)
    }
    assert {one.rule.id for one in found.rules} == in_force


@pytest.mark.slow
@given(DAYS, st.integers(-1, 1), st.none() | DAYS)
def test_edition_is_the_same_whoever_asks(day: date, ahead: int, known_at: date | None) -> None:
    """Asked twice, or by another, a day and what was known have the one edition."""
    text = RULES.replace("INCLUDED", "jp-order-59, ./own").encode()
    packs = kept(SHIPPED | {"./own": PACK.encode()})
    venue_day = day + timedelta(days=ahead)
    one, other = (load_text(text, "acme.yaml", known_at, packs=packs) for _ in range(2))
    found = one.on(day, venue_day)
    assert found is one.on(day, venue_day)
    assert found.hash == other.on(day, venue_day).hash


@given(DAYS, st.integers(1, 300))
def test_order_of_packs_changes_nothing(day: date, quantity: int) -> None:
    """Packs apply together: which is named first makes no difference."""
    turned = editions(included="./own, jp-order-59")
    assert turned.on(day).hash == JAPANESE.on(day).hash
    order = {"time": f"{day}T10:00:00+09:00", "quantity": quantity, **MARKET}
    assert decided(turned, **order).decision == decided(JAPANESE, **order).decision


@given(DAYS, st.integers(1, 300), st.sampled_from(["", "./own", "jp-order-59"]))
def test_pack_more_never_approves_more(day: date, quantity: int, included: str) -> None:
    """What passes with a pack passes without it."""
    order = {"time": f"{day}T10:00:00+09:00", "quantity": quantity, **MARKET}
    if decided(JAPANESE, **order).decision.outcome == "approved":
        assert decided(editions(included=included), **order).decision.outcome == "approved"


@pytest.mark.parametrize("name", library.pack_names())
def test_shipped_pack_is_sound(name: str) -> None:
    """Each pack that is shipped can be included, and each of its rules says what it is."""
    pack = shipped_pack(name)
    assert lint_findings(pack) == ()
    for rule in (*pack.rules, *pack.off):
        assert rule.title, rule.id
        assert rule.effect != "deny" or rule.unverified is None
