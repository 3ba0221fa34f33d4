"""A fact that a feed supplies belongs to the feed: no event replaces it, and records hold both."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repurchase.audit.feeds import MarketFiles
from repurchase.audit.verify import audited
from repurchase.domain.decisions import Decision, Finding
from repurchase.domain.errors import RuleFileError, Tampering
from repurchase.domain.events import Event
from repurchase.domain.quantities import written
from repurchase.evaluation.step import step
from repurchase.facts.fact import Value
from repurchase.intake.objects import event_from_json
from repurchase.journal.desk import Desk
from repurchase.journal.outside import NotedMarket, RecordedMarket
from repurchase.journal.records import Record, event_object
from repurchase.journal.rule_texts import rule_text
from repurchase.journal.store import Journal
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade
from repurchase.market.feed import Feed, read_feed
from repurchase.proof.diff import diff
from repurchase.replay.run import Program
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.life import life
from test_audit import NAME, bodies, forged, verified
from test_cli import run
from test_outside import NOW, ORDER, bars

MATERIAL: Final = "issuer.undisclosed_material_fact"
VOLUME: Final = "averages.adv_us_4_weeks"
HIGH: Final = "market.day_high"
MINUTES: Final = "market.minutes_to_close"

HEAD: Final = """
repurchase: 1
authorization: acme-2026
timezone: Asia/Tokyo
currency: JPY
unlimited: [amount]
instruments:
  common: {symbol: "1111", venues: [XTKS]}
terms:
  max_shares: {value: "1,000 shares"}
"""
RULES: Final = f"""{HEAD}
rules:
  - {{id: share-cap, require: program.shares_after <= terms.max_shares}}
  - {{id: quiet, require: not {MATERIAL}}}
  - {{id: volume, at: order, require: trade.shares <= 50% * {VOLUME}}}
"""


def an_order(**changes: Any) -> dict[str, Any]:
    return ORDER | {"quantity": 20} | changes


def issuer(folder: Path, material: str) -> Path:
    """Return a file of issuer facts that says whether there is a *material* fact in March 2026."""
    path = folder / f"issuer-{material}.csv"
    path.write_text(f"from,until,undisclosed_material_fact\n2026-03-01,2026-03-31,{material}\n")
    return path


def written_by(events: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in events)


def read(fields: dict[str, Any]) -> Event:
    return event_from_json(json.dumps(fields).encode())


def at_desk(url: str, feed: Feed, *events: dict[str, Any], rules: str = RULES) -> list[Decision]:
    """Return the decisions of a desk that reads *feed*."""
    with closing(Journal(url, create=True)) as journal:
        desk = Desk(journal, NAME, lambda: NOW, rule_text(rules.encode(), "acme.yaml"), feed=feed)
        return [desk.submit(read(one)).decision for one in events]


def results(decision: Decision) -> dict[str, str]:
    return {one.rule: one.result for one in decision.findings}


def of_events(url: str) -> list[Record]:
    return [one for one in bodies(url) if one.event is not None]


# -- the cases ------------------------------------------------------------------------------------

CASES: Final = {
    # What the event states, the files, the findings, and what the contradiction shows.
    "a hidden fact": (
        {MATERIAL: False},
        ("yes", 40),
        {"engine.contradicted": "fail", "quiet": "fail"},
        (f"{MATERIAL} false", f"{MATERIAL} true"),
    ),
    "a hidden fact, and nothing stated": ({}, ("yes", 40), {"quiet": "fail"}, None),
    "an invented average": (
        {VOLUME: 999_999_999},
        ("no", 38),
        {"engine.contradicted": "fail", "volume": "fail"},
        (f"{VOLUME} 999999999", f"{VOLUME} 38"),
    ),
    "the average of the bars alone": ({}, ("no", 38), {"volume": "fail"}, None),
    "a value that would deny": (
        {VOLUME: 1},
        ("no", 40),
        {"engine.contradicted": "fail"},
        (f"{VOLUME} 1", f"{VOLUME} 40"),
    ),
    "both, contradicted": (
        {VOLUME: "40.5", MATERIAL: True},
        ("no", 40),
        {"engine.contradicted": "fail"},
        (f"{VOLUME} 40.5, {MATERIAL} true", f"{VOLUME} 40, {MATERIAL} false"),
    ),
    "both, as the files have them": ({VOLUME: "40.0", MATERIAL: False}, ("no", 40), {}, None),
    "a file that is silent": (
        {MATERIAL: False},
        ("", 40),
        {"engine.feed-only": "fail", "quiet": "indeterminate"},
        None,
    ),
    "no file of its kind": ({MATERIAL: False}, (None, 40), {}, None),
    "no file at all": ({MATERIAL: False, VOLUME: 40}, (None, None), {}, None),
}


def files(folder: Path, material: str | None, volume: int | None) -> list[Path]:
    """Return files of issuer facts and of bars, each unless it is `None`."""
    of_issuer = [] if material is None else [issuer(folder, material)]
    return of_issuer + ([] if volume is None else [bars(folder, volume)])


Case = tuple[dict[str, Any], tuple[str | None, int | None], dict[str, str], tuple[str, str] | None]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_value_of_the_feed_counts_at_the_desk(tmp_path: Path, case: Case) -> None:
    """An order that states another value is denied, both values stand there, and it verifies."""
    stated, given_files, found, sides = case
    paths, url = files(tmp_path, *given_files), str(tmp_path / "j.db")
    (decision,) = at_desk(url, read_feed(paths), an_order(**stated))
    assert results(decision) == found
    assert decision.outcome == ("denied" if {*found} - {"engine.feed-only"} else "approved")
    shown = [(one.observed, one.limit) for one in decision.findings if "contra" in one.rule]
    assert shown == ([] if sides is None else [sides])
    (record,) = of_events(url)
    assert record.event == event_object(read(an_order(**stated)))
    assert verified(url).records == 2


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_check_and_replay_decide_as_the_desk(tmp_path: Path, case: Case) -> None:
    """The same event and files come to the same findings in a log and before it is submitted."""
    stated, given_files, found, _ = case
    options = [part for path in files(tmp_path, *given_files) for part in ("--market", path)]
    (tmp_path / "acme.yaml").write_text(RULES)
    log = tmp_path / "log.jsonl"
    log.write_text(written_by([an_order(**stated)]))
    code = int(bool({*found} - {"engine.feed-only"}))
    asked = ("--rules", "acme.yaml", *options)
    checked = run("check", "--event", "log.jsonl", *asked, "--json", cwd=tmp_path)
    said = {one["rule"]: one["result"] for one in checked.json["findings"]}
    passes = {"pass", "not_applicable"}
    assert (checked.code, {rule: of for rule, of in said.items() if of not in passes}) == (
        code,
        found,
    )
    replayed = run("replay", log, *asked, "--decisions", "d.jsonl", cwd=tmp_path)
    decided = json.loads((tmp_path / "d.jsonl").read_text())
    assert (replayed.code, {one["rule"]: one["result"] for one in decided["findings"]}) == (
        code,
        found,
    )


def test_fill_counts_by_the_value_of_the_feed_and_does_not_halt_by_that_alone(
    tmp_path: Path,
) -> None:
    """What happened is never refused: a contradiction flags it, and only a rule breaks it."""
    fill: dict[str, Any] = {
        "kind": "fill",
        "id": "f-1",
        "time": "2026-03-03T10:01:00+09:00",
        "order": "o-1",
    }
    fill |= {"quantity": 5, "price": 100}
    url, feed = str(tmp_path / "j.db"), read_feed(files(tmp_path, "no", 40))
    stated = {MATERIAL: True, VOLUME: 1}
    correct: dict[str, Any] = {"kind": "correct", "id": "f-2", "time": fill["time"], "fill": "f-1"}
    correct |= {"quantity": 6, "price": 100, MATERIAL: True}
    _, filled, corrected = at_desk(url, feed, an_order(), fill | stated, correct)
    for decision, executed in ((filled, "5"), (corrected, "6")):
        (finding,) = decision.findings
        assert (finding.rule, finding.effect, decision.outcome) == (
            "engine.contradicted",
            "flag",
            "approved",
        )
        assert (decision.position.executed_shares, decision.halted_by) == (executed, ())
    assert filled.findings[0].observed == f"{VOLUME} 1, {MATERIAL} true"
    assert corrected.findings[0].observed == f"{MATERIAL} true"
    # No rule evaluates the volume of a fill, but the event states it.
    assert of_events(url)[1].outside == {MATERIAL: False, VOLUME: "40"}
    assert verified(url).records == 4


def test_fill_that_fails_a_rule_by_the_value_of_the_feed_halts(tmp_path: Path) -> None:
    """A false word of the event does not save it."""
    fill: dict[str, Any] = {
        "kind": "fill",
        "id": "f-1",
        "time": "2026-03-03T10:01:00+09:00",
        "order": "o-1",
    }
    fill |= {"quantity": 5, "price": 100, MATERIAL: False}
    url = str(tmp_path / "j.db")
    at_desk(url, read_feed(files(tmp_path, "no", 40)), an_order())
    (filled,) = at_desk(url, read_feed(files(tmp_path, "yes", 40)), fill)
    assert results(filled) == {"engine.contradicted": "fail", "quiet": "fail"}
    assert (filled.outcome, filled.halted_by) == ("denied", ("f-1",))
    assert verified(url).records == 3


def test_raising_replace_and_release_are_denied_by_a_contradiction(tmp_path: Path) -> None:
    """They are requests, as an order is."""
    rules = RULES + "  - {id: big, effect: review, at: order, require: trade.shares <= 15}\n"
    url, feed = str(tmp_path / "j.db"), read_feed(files(tmp_path, "no", 40))
    time, stated = "2026-03-03T10:01:00+09:00", {MATERIAL: True}
    replace: dict[str, Any] = {
        "kind": "replace",
        "id": "r-1",
        "time": time,
        "order": "o-2",
        "quantity": 12,
    }
    release: dict[str, Any] = {
        "kind": "release",
        "id": "r-2",
        "time": time,
        "order": "o-1",
        "by": "Bob",
    }
    release |= {"reason": "looked into"}
    decisions = at_desk(
        url,
        feed,
        an_order(by="Ann"),
        an_order(id="o-2", quantity=10),
        replace | stated,
        release | stated,
        replace | {"id": "r-3"},
        release | {"id": "r-4"},
        rules=rules,
    )
    assert [one.outcome for one in decisions] == [
        *("held", "approved", "denied", "denied", "approved", "approved")
    ]
    assert results(decisions[2]) == {"engine.contradicted": "fail"}
    # The approver waives the review, not the contradiction.
    denying = [one.rule for one in decisions[3].findings if one.effect == "deny"]
    assert denying == ["engine.contradicted"]
    assert verified(url).records == 7


def test_minutes_of_a_session_are_those_of_the_tables(tmp_path: Path) -> None:
    """The tables of sessions are a feed, too: an order cannot move the end of the day."""
    rules = HEAD + f"rules:\n  - {{id: late, require: {MINUTES} > 30}}\n"
    late = an_order(time="2026-03-03T15:10:00+09:00")
    found = [
        results(one)
        for one in at_desk(
            str(tmp_path / "j.db"),
            read_feed(()),
            late | {MINUTES: 60},
            late | {"id": "o-2", MINUTES: 20},
            rules=rules,
        )
    ]
    assert found == [{"engine.contradicted": "fail", "late": "fail"}, {"late": "fail"}]


# -- `feed_only` ----------------------------------------------------------------------------------

LISTED: Final = RULES.replace("rules:\n", f"feed_only: [{MATERIAL}, {HIGH}]\nrules:\n", 1)


def test_listed_fact_is_never_taken_from_an_event(tmp_path: Path) -> None:
    """Without any file of issuer facts, the fact is absent, and the decision says why."""
    url = str(tmp_path / "j.db")
    stated = {MATERIAL: False, VOLUME: 40}
    (decision,) = at_desk(url, read_feed(()), an_order(**stated), rules=LISTED)
    assert (decision.outcome, results(decision)) == (
        "denied",
        {"engine.feed-only": "fail", "quiet": "indeterminate"},
    )
    unused, quiet = decision.findings
    assert (unused.effect, unused.observed) == ("flag", f"{MATERIAL} false")
    assert quiet.missing == (MATERIAL,)
    (record,) = of_events(url)
    assert record.outside == {MATERIAL: None}
    assert verified(url).records == 2


def test_pack_lists_facts_for_the_file_that_includes_it(tmp_path: Path) -> None:
    """What a body of law takes from feeds alone is said once, in its pack."""
    pack = f"repurchase: 1\npack: own\ntitle: Own\nfeed_only: [{MATERIAL}]\nrules:\n"
    pack += f"  - {{id: quiet, require: not {MATERIAL}}}\n"
    (tmp_path / "own.yaml").write_text(pack)
    (tmp_path / "acme.yaml").write_text(HEAD + "include: [./own]\n")
    asked = ("check", "--event", "-", "--rules", "acme.yaml", "--json")
    event = written_by([an_order(**{MATERIAL: False})])
    found = run(*asked, cwd=tmp_path, stdin=event).json
    said = {one["rule"]: one["result"] for one in found["findings"]}
    assert said == {"engine.feed-only": "fail", "own.quiet": "indeterminate"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("issuer.undisclosed_material_facts", f"did you mean `{MATERIAL}`?"),
        ("trade.price", "choose from `market.previous_close`"),
        ("quiet", "choose from"),
    ],
)
def test_unknown_fact_is_named_with_the_nearest(name: str, hint: str) -> None:
    """Only what a feed can supply can be listed."""
    with pytest.raises(RuleFileError) as caught:
        load_text(RULES.replace("rules:\n", f"feed_only: [{name}]\nrules:\n", 1).encode(), "a.yaml")
    (problem,) = caught.value.problems
    assert problem.what == f"`{name}` is not a fact that a feed can supply"
    assert hint in (problem.hint or "")


def test_listed_facts_are_part_of_the_edition() -> None:
    """Another list is another edition; the order in which it is written is not."""
    first, other, plain = (
        load_text(text.encode(), "acme.yaml").on(NOW.date())
        for text in (
            LISTED,
            LISTED.replace(f"{MATERIAL}, {HIGH}", f"{HIGH}, {MATERIAL}, {HIGH}"),
            RULES,
        )
    )
    assert json.loads(first.content)["feed_only"] == [MATERIAL, HIGH]
    assert (first.hash == other.hash, first.hash == plain.hash) == (True, False)
    assert "feed_only" not in json.loads(plain.content)


def test_explain_says_who_may_supply_a_fact(tmp_path: Path) -> None:
    """Each fact that rules read stands there with its feed, and whether an event may state it."""
    (tmp_path / "acme.yaml").write_text(LISTED)
    said = " ".join(run("explain", "acme.yaml", cwd=tmp_path, COLUMNS="300").out.split())
    assert f"only a feed may supply: {MATERIAL}, {HIGH}" in said
    assert "(from --market issuer facts only (`feed_only`))" in said
    assert f"without such a file, from the event's {VOLUME}" in said


def test_dropping_a_listed_fact_is_looser() -> None:
    """The proof takes any value of a fact; who may say it counts beside the proof."""
    old, new = (load_text(text.encode(), "acme.yaml") for text in (LISTED, RULES))
    for before, after, verdict in (
        (old, new, "looser"),
        (new, old, "tighter"),
        (old, old, "equivalent"),
    ):
        found = diff(before, after, lambda: 0)
        assert (found.verdict, found.is_looser, found.is_no_looser) == (
            verdict,
            verdict == "looser",
            verdict != "looser",
        )
    assert [one.name for one in diff(old, new, lambda: 0).changed] == ["feed_only"]


def test_adoption_that_drops_a_listed_fact_waits_for_a_second_person(tmp_path: Path) -> None:
    """One person alone cannot let events say what only a feed could."""
    url = str(tmp_path / "j.db")
    at_desk(url, read_feed(()), an_order(), rules=LISTED)
    (tmp_path / "looser.yaml").write_text(RULES)
    (tmp_path / "tighter.yaml").write_text(LISTED.replace(HIGH, f"{HIGH}, {VOLUME}"))
    adopt = ("--journal", url, "--by", "Bob", "--reason", "asked", "--json")
    looser = run("adopt", "looser.yaml", *adopt, cwd=tmp_path).json
    assert (looser["adopted"], looser["verdict"]) == (False, "looser")
    tighter = run("adopt", "tighter.yaml", *adopt, cwd=tmp_path).json
    assert (tighter["adopted"], tighter["verdict"]) == (True, "tighter")
    shown = run("diff", url_file(tmp_path, LISTED), "looser.yaml", cwd=tmp_path)
    assert f"{MATERIAL}, {HIGH}: an event may state it, not only a feed (looser)" in shown.out


def url_file(folder: Path, rules: str) -> str:
    (folder / "old.yaml").write_text(rules)
    return "old.yaml"


# -- words ----------------------------------------------------------------------------------------


def test_decision_says_both_values_and_the_way_on(tmp_path: Path) -> None:
    """People read a sentence with the fact and both values; programs the same, and what to send."""
    (tmp_path / "acme.yaml").write_text(RULES)
    market = [part for path in files(tmp_path, "no", 40) for part in ("--market", path)]
    said = ("submit", "-", "--journal", "j.db", "--rules", "acme.yaml", *market)
    event = written_by([an_order(**{MATERIAL: True, VOLUME: 40, HIGH: 100})])
    ended = run(*said, "--json", cwd=tmp_path, stdin=event)
    (finding,) = ended.json["findings"]
    sentence = (
        f"the event states {MATERIAL} true, but the feed supplies {MATERIAL} false; the feed's"
        " value is used; leave the fact out of the event, or correct the feed"
    )
    assert (ended.code, finding["message"]) == (1, sentence)
    (again,) = ended.json["next"]["events"]
    # What the feed says too, or does not say, stays as it was sent.
    assert (MATERIAL in again, again[VOLUME], again[HIGH]) == (False, "40", "100")
    sent = run(*said, "--json", cwd=tmp_path, stdin=written_by([again]))
    assert (sent.code, sent.json["outcome"]) == (0, "approved")
    shown = run(*said, cwd=tmp_path, stdin=event.replace("o-1", "o-2")).out
    assert " ".join(shown.split()).startswith(f"DENIED order o-2: {sentence}")


def test_explain_shows_both_built_in_findings() -> None:
    """Each stands in the table of what the program itself finds."""
    for name in ("engine.contradicted", "engine.feed-only"):
        assert run("explain", name).out.startswith(name)


# -- files that records name ----------------------------------------------------------------------


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compared(url: str, paths: list[Path] | None) -> tuple[str, ...]:
    """Return the remarks of a verification that compares the files *paths*."""
    with closing(Journal(url)) as journal:
        return audited(journal, NAME, files=MarketFiles(paths)).verified().remarks


def refused(url: str, paths: list[Path]) -> str:
    with pytest.raises(Tampering) as caught:
        compared(url, paths)
    (problem,) = caught.value.problems
    return problem.what


def test_record_names_the_files_that_were_asked(store_url: str, tmp_path: Path) -> None:
    """Each by its SHA-256: those of a fact's kind, and no table of sessions."""
    of_issuer, of_bars = files(tmp_path, "no", 40)
    feed = read_feed([of_issuer, of_bars])
    time = "2026-03-03T10:01:00+09:00"
    fill = {"kind": "fill", "id": "f-1", "time": time, "order": "o-1", "quantity": 1, "price": 100}
    at_desk(store_url, feed, an_order(), fill, {"kind": "halt", "id": "h", "time": time})
    assert [one.feeds for one in of_events(store_url)] == [
        tuple(sorted(map(hash_of, (of_issuer, of_bars)))),
        (hash_of(of_issuer),),
        (),
    ]
    assert compared(store_url, [of_bars, of_issuer]) == ()
    assert compared(store_url, None) == (
        "2 records name market files that were not compared; give them with --market",
    )


def test_only_files_with_rows_of_the_instrument_are_named(tmp_path: Path) -> None:
    """A record stays small, however many instruments have files; a silent kind is named whole."""
    own = bars(tmp_path, 40)
    other = tmp_path / "other.csv"
    other.write_text(own.read_text().replace("1111", "2222"))
    rules = HEAD + f"rules:\n  - {{id: volume, require: trade.shares <= {VOLUME}}}\n"
    at_desk(str(tmp_path / "own.db"), read_feed([other, own]), an_order(), rules=rules)
    at_desk(str(tmp_path / "other.db"), read_feed([other]), an_order(**{VOLUME: 90}), rules=rules)
    for name, path, outside in (("own", own, {VOLUME: "40"}), ("other", other, {VOLUME: None})):
        (record,) = of_events(str(tmp_path / f"{name}.db"))
        assert (record.feeds, record.outside) == ((hash_of(path),), outside)
        assert compared(str(tmp_path / f"{name}.db"), [path]) == ()


def test_stated_fact_that_no_rule_reads_is_compared_and_not_remarked(tmp_path: Path) -> None:
    """That an unread value was not used concerns nobody, but another value is a contradiction."""
    of_both, url = files(tmp_path, "no", 40), str(tmp_path / "j.db")
    months, close = "averages.amv_jp_6_months", "market.previous_close"
    silent, other = at_desk(
        url,
        read_feed(of_both),
        an_order(**{months: 90}),
        an_order(id="o-2", **{close: 99}),
    )
    assert (silent.outcome, silent.findings) == ("approved", ())
    assert results(other) == {"engine.contradicted": "fail"}
    known = {MATERIAL: False, VOLUME: "40"}
    assert [one.outside for one in of_events(url)] == [
        known | {months: None},
        known | {close: "100"},
    ]
    assert compared(url, of_both) == ()


def test_file_that_is_not_given_or_not_used_is_said(tmp_path: Path) -> None:
    """Each file of a record must be there, to the byte; one that no record used is a remark."""
    of_issuer, of_bars = files(tmp_path, "no", 40)
    url = str(tmp_path / "j.db")
    at_desk(url, read_feed([of_issuer, of_bars]), an_order())
    others = files(tmp_path, "yes", 41)
    missing = "record 2: it used a market file that is not given, with the SHA-256 "
    assert refused(url, [of_bars]) == missing + hash_of(of_issuer)
    assert refused(url, [of_issuer, others[1]]) == missing + hash_of(of_bars)
    assert compared(url, [of_issuer, others[0], of_bars]) == (
        f"no record used the market file {others[0]} (SHA-256 {hash_of(others[0])})",
    )


def test_verify_takes_the_files(tmp_path: Path) -> None:
    """The command compares them, and ends with 1 if a record used another file."""
    (tmp_path / "acme.yaml").write_text(RULES)
    of_issuer, of_bars = files(tmp_path, "no", 40)
    market = ("--market", of_issuer, "--market", of_bars)
    said = ("submit", "-", "--journal", "j.db", "--rules", "acme.yaml", *market)
    assert run(*said, cwd=tmp_path, stdin=written_by([an_order()])).code == 0
    verify = ("verify", "--journal", "j.db")
    assert run(*verify, *market, "--json", cwd=tmp_path).json["remarks"] == []
    ended = run(*verify, *market[:2], cwd=tmp_path)
    assert (ended.code, "used a market file that is not given" in ended.err) == (1, True)
    assert run(*verify, "--market", "none.csv", cwd=tmp_path).code == 2
    shown = run("show", "o-1", "--journal", "j.db", cwd=tmp_path)
    assert f"From market files with the SHA-256 {min(map(hash_of, (of_issuer, of_bars)))}" in (
        " ".join(shown.out.split())
    )
    (line,) = run("show", "o-1", "--journal", "j.db", "--json", cwd=tmp_path).json
    assert line["feeds"] == sorted(map(hash_of, (of_issuer, of_bars)))


def _bent(**fields: Any) -> Any:
    return lambda record: msgspec.structs.replace(record, **fields)


FORGERIES: Final = {
    "another average": (
        _bent(outside={MATERIAL: False, VOLUME: "41"}),
        f"its market files supply another value of `{VOLUME}`",
    ),
    "no files": (
        _bent(feeds=()),
        "it holds facts of market files, but does not name the files",
    ),
    "one file fewer": (
        lambda record: msgspec.structs.replace(record, feeds=record.feeds[:1]),
        "its market files supply another value of",
    ),
    "a file twice": (
        lambda record: msgspec.structs.replace(record, feeds=record.feeds[:1] * 2),
        "its market files are not in order, or named twice",
    ),
    "a file more": (
        lambda record: msgspec.structs.replace(
            record, feeds=tuple(sorted({*record.feeds, hashlib.sha256(b"3").hexdigest()}))
        ),
        "it used a market file that is not given",
    ),
}


@pytest.mark.parametrize(("change", "said"), FORGERIES.values(), ids=FORGERIES)
def test_chain_made_anew_with_other_facts_is_found_by_the_files(
    tmp_path: Path, change: Any, said: str
) -> None:
    """Who rewrites all records cannot rewrite the files that the auditor has."""
    of_both, url = files(tmp_path, "no", 40), str(tmp_path / "j.db")
    at_desk(url, read_feed(of_both), an_order())
    forged(url, [change(one) if one.event is not None else one for one in bodies(url)])
    assert said in refused(url, of_both)


def test_use_of_a_value_that_belonged_to_the_feed_is_found(tmp_path: Path) -> None:
    """A record that hides that the feed was silent says that the event's value was used."""
    of_both, url = files(tmp_path, "", 40), str(tmp_path / "j.db")
    at_desk(url, read_feed(of_both), an_order(**{MATERIAL: False}))
    (record,) = of_events(url)
    assert record.outside == {MATERIAL: None, VOLUME: "40"}
    bent = _bent(outside={VOLUME: "40"})
    forged(url, [bent(one) if one.event is not None else one for one in bodies(url)])
    what = f"by its market files, who may supply `{MATERIAL}` differs from the record"
    assert what in refused(url, of_both)


# -- properties -----------------------------------------------------------------------------------

EVERY: Final = f"""{HEAD}
rules:
  - {{id: share-cap, require: program.shares_after <= terms.max_shares}}
  - {{id: quiet, require: not {MATERIAL}}}
  - {{id: volume, require: trade.shares <= 50% * {VOLUME}}}
  - {{id: high, effect: flag, require: trade.price <= {HIGH}}}
  - {{id: late, effect: review, require: {MINUTES} > 30}}
"""
EDITIONS: Final = load_text(EVERY.encode(), "every.yaml")
VALUES: Final[dict[str, st.SearchStrategy[Any]]] = {
    MATERIAL: st.booleans(),
    VOLUME: st.sampled_from((0, 39, 40, 41, 10**17)),
    HIGH: st.sampled_from((99, 100, 101)),
    MINUTES: st.sampled_from((-1, 30, 31)),
}
TOLD: Final = st.fixed_dictionaries({}, optional=VALUES)


class Supplied:
    """A market with given facts, some of which only it may supply."""

    def __init__(self, facts: Mapping[str, Value], owned: frozenset[str] = frozenset()) -> None:
        self._facts = facts
        self._owned = owned

    def fact(self, name: str, _: Trade) -> Value | None:
        return self._facts.get(name)

    def outside_session(self, _: Trade) -> None:
        """Return `None`: no trade is outside a session."""

    def owns(self, name: str) -> bool:
        return name in self._owned

    def files(self, _: str, __: Trade) -> frozenset[str]:
        return frozenset()


def asked(kind: str) -> Event:
    """Return an event of *kind*, one that rules evaluate, at the position below."""
    fields = {
        "order": an_order(by="Cid"),
        "replace": {"order": "o-1", "quantity": 30, "by": "Cid"},
        "release": {"order": "o-2", "by": "Bob", "reason": "looked into"},
        "fill": {"order": "o-1", "quantity": 5, "price": 100},
        "correct": {"fill": "f-1", "quantity": 4, "price": 100},
    }[kind]
    return read(fields | {"kind": kind, "id": "e-1", "time": "2026-03-03T11:00:00+09:00"})


def begun() -> Position:
    """Return a position with an open order, a fill of it, and a held order."""
    position = Position()
    fill = {"kind": "fill", "id": "f-1", "time": ORDER["time"], "order": "o-1"}
    for fields, minutes in (
        (an_order(), 60),
        (fill | {"quantity": 5, "price": 100}, 60),
        (an_order(id="o-2", by="Ann"), 5),
    ):
        good = Supplied({MATERIAL: False, VOLUME: 100, HIGH: 100, MINUTES: minutes})
        event = read(fields)
        position = step(event, position, life(EDITIONS, event, position), market=good).position
    return position


BEGUN: Final = begun()
KINDS: Final = ("order", "replace", "release", "fill", "correct")
OF_OWNERS: Final = ("engine.contradicted", "engine.feed-only")


def rest(findings: tuple[Finding, ...]) -> list[Finding]:
    return [one for one in findings if one.rule not in OF_OWNERS]


class Told(NamedTuple):
    """What a feed supplies and an event of a kind states, and what only the feed may supply."""

    kind: str
    supplied: dict[str, Value]
    stated: dict[str, Any]
    owned: frozenset[str]
    live: bool


TOLDS: Final = st.builds(
    Told,
    st.sampled_from(KINDS),
    TOLD,
    TOLD,
    st.frozensets(st.sampled_from(tuple(VALUES))),
    st.booleans(),
)


@given(TOLDS)
def test_no_event_replaces_a_fact_of_a_feed(told: Told) -> None:
    """Rules read the feed's value whatever the event states, and the record holds both."""
    check_owners(told)


def check_owners(told: Told) -> None:
    """Check the decision on an event and its record against what was told."""
    kind, supplied, stated, owned, live = told
    plain = asked(kind)
    event = msgspec.structs.replace(plain, outside=stated)
    its = life(EDITIONS, event, BEGUN)
    noted = NotedMarket(Supplied(supplied, owned))
    taken = step(event, BEGUN, its, live=live, market=noted)
    decision = taken.decision

    # The same as if the event had stated nothing, and a feed all that counts.
    counts = {name: value for name, value in stated.items() if name not in owned} | supplied
    bare = step(plain, BEGUN, its, live=live, market=Supplied(counts)).decision
    assert rest(decision.findings) == list(bare.findings)

    contradicted = sorted(one for one in stated if supplied.get(one, stated[one]) != stated[one])
    (*found,) = (one for one in decision.findings if one.rule == "engine.contradicted")
    assert bool(found) is bool(contradicted)
    for one in found:
        for side, values in ((one.observed, stated), (one.limit, supplied)):
            shown = [part.partition(" ") for part in (side or "").split(", ")]
            assert [name for name, _, _ in shown] == contradicted
            assert [value for _, _, value in shown] == [_text(values[one]) for one in contradicted]
    if kind in ("fill", "correct"):
        assert decision.outcome == bare.outcome
        assert decision.halted_by == bare.halted_by
        assert decision.position == bare.position
    else:
        assert decision.outcome == ("denied" if contradicted else bare.outcome)

    unused = sorted(name for name in stated if name in owned and name not in supplied)
    (*told_unused,) = (one.observed for one in decision.findings if one.rule == "engine.feed-only")
    assert told_unused == (
        [", ".join(f"{name} {_text(stated[name])}" for name in unused)] if unused else []
    )

    # The record holds both values, and is enough to decide the same again.
    outside = noted.outside()
    record = {name: _plain(value) for name, value in supplied.items()} | dict.fromkeys(unused)
    assert (outside or {}) == record
    kept = {name: value for name, value in event_object(event).items() if name in VALUES}
    assert kept == {name: _plain(value) for name, value in stated.items()}
    again = NotedMarket(RecordedMarket(outside))
    assert step(event, BEGUN, its, live=live, market=again) == taken
    assert again.outside() == outside


def _plain(value: Any) -> object:
    return value if isinstance(value, bool) else written(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else written(value)


@pytest.mark.slow
@settings(max_examples=30)
@given(
    material=st.sampled_from((None, "", "no", "yes")),
    volume=st.sampled_from((None, 38, 40)),
    stated=st.lists(
        st.fixed_dictionaries(
            {},
            optional={MATERIAL: st.booleans(), VOLUME: st.sampled_from((38, 40, 10**17))},
        ),
        min_size=4,
        max_size=4,
    ),
)
def test_desk_and_replay_read_the_same_facts_and_their_records_verify(
    material: str | None, volume: int | None, stated: list[dict[str, Any]]
) -> None:
    """Over real files, each record holds what the feed supplied beside what the event stated."""
    time = "2026-03-03T10:01:00+09:00"
    happened: dict[str, Any] = {"quantity": 5, "price": 100, "time": time}
    events = [
        an_order(**stated[0]),
        {"kind": "replace", "id": "r-1", "time": time, "order": "o-1", "quantity": 10} | stated[1],
        {"kind": "fill", "id": "f-1", "order": "o-1", **happened, **stated[2]},
        {"kind": "correct", "id": "f-2", "fill": "f-1", **happened, **stated[3]},
    ]
    with tempfile.TemporaryDirectory() as name:
        paths, url = files(Path(name), material, volume), str(Path(name) / "j.db")
        live = at_desk(url, read_feed(paths), *events)
        program = Program(load_text(RULES.encode(), "acme.yaml"), feed=read_feed(paths))
        for decision, event in zip(live, events, strict=True):
            replayed = program.decide(read(event)).decision
            # At a desk a breach halts the program, and then its requests have one finding more.
            ours = [one for one in decision.findings if one.rule != "engine.halted"]
            assert ours == list(replayed.findings)
        supplied: dict[str, object] = {} if volume is None else {VOLUME: str(volume)}
        supplied |= {MATERIAL: material == "yes"} if material else {}
        for record, event in zip(of_events(url), events, strict=True):
            outside = record.outside or {}
            for fact, value in outside.items():
                assert value == supplied.get(fact)
            for fact in (MATERIAL, VOLUME):
                if fact in event and fact in supplied and record.feeds:
                    assert (record.event or {})[fact] == _plain(event[fact])
                    assert outside[fact] == supplied[fact]
        assert compared(url, paths or None) == ()
