"""Two rule files compared: what is proved of both holds of every history, what is shown is so."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from desk_events import RULES, Draft, drafts
from refinement import kind_of as kind_to_prove
from repurchase.domain.errors import RuleFileError
from repurchase.domain.events import JUDGED, Event
from repurchase.evaluation.step import step
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, trade
from repurchase.proof import diff as module
from repurchase.proof import search
from repurchase.proof.apart import Difference
from repurchase.proof.diff import Compared, Comparison, Diff, Shown, Side, diff
from repurchase.proof.engine import answered
from repurchase.proof.equal import same
from repurchase.proof.fields import Kind
from repurchase.proof.solver import Time
from repurchase.rulebook.changes import changes
from repurchase.rulebook.editions import Editions, load_document, load_text
from repurchase.rulebook.library import rule_path
from repurchase.rulebook.life import Life
from repurchase.rulebook.yaml_reader import read_document
from repurchase.tester.mutants import mutants
from test_cli import Run, run
from test_prove import AMOUNT, BOUNDS, BROKEN, NOTHING, SOUND, text_of

ONE_BROKER: Final = "  - {id: one-broker, effect: flag, require: trade.broker == north}\n"
BUYS: Final = "  - {id: buys-only, require: trade.side == buy}\n"
BLOCKS: Final = "effect: review, at: order, require: trade.method == auction"

# What an edit of the tests' program makes of each kind of event: an order, a replace, a release,
# a fill of an open order and one of none. A flag is a kind of its own.
E, T, L, B, U = "equivalent", "tighter", "looser", "incomparable", "undecided"
EDITS: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    "nothing": ("", "", dict.fromkeys(module.KINDS, E)),
    "what is in force already": (
        "12-01, known: 2008-11-20}",
        """12-01, until: 2008-12-09, known: 2008-11-20}
    - {value: 60 shares, from: 2008-12-10, known: 2008-11-20}""",
        dict.fromkeys(module.KINDS, E),
    ),
    "a cap for days on which none was known": (
        "until: 2008-11-30}",
        "until: 2008-12-05}",
        {
            "order": L,
            "replace": L,
            "release": L,
            "release-replace": L,
            "fill": E,
            "fill-alone": E,
            "correct": E,
        },
    ),
    "what another rule implies": (
        BUYS,
        f"{BUYS}  - {{id: more, require: program.shares_after <= 2 * terms.max_shares}}\n",
        dict.fromkeys(module.KINDS, E),
    ),
    "a lower cap": ("value: 40 shares", "value: 39 shares", dict.fromkeys(module.KINDS, T)),
    "a review that denies": (
        BLOCKS,
        BLOCKS.replace("review", "deny"),
        {
            "order": E,
            "replace": E,
            "release": T,
            # The desk adopts the new file while an order that only the old one released is open.
            "release-replace": T,
            "fill": T,
            "fill-alone": T,
            "correct": T,
        },
    ),
    "an order that outlives the window": (
        "trade.last_date <= terms.last_day}",
        "trade.date <= terms.last_day}",
        {
            "order": L,
            "replace": L,
            "release": L,
            "release-replace": L,
            "fill": E,
            "fill-alone": E,
            "correct": E,
        },
    ),
    "another flag": (
        "trade.broker == north",
        "trade.broker == south",
        {**dict.fromkeys(module.KINDS, E), "one-broker": B},
    ),
    "no flag": (ONE_BROKER, "", {**dict.fromkeys(module.KINDS, E), "one-broker": L}),
}


@cache
def files(name: str) -> tuple[Editions, Editions]:
    """Return the tests' program before and after the edit *name*."""
    old, new, _ = EDITS[name]
    assert not old or RULES.count(old) == 1
    changed = RULES.replace(old, new) if old else RULES
    return load_text(RULES.encode(), "old.yaml"), load_text(changed.encode(), "new.yaml")


@cache
def found(name: str) -> Diff:
    return diff(*files(name), time.monotonic_ns, 600_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_edit_is_what_it_does(name: str) -> None:
    """Of each kind of event it is said what a reader of the edit would say."""
    said = {one.flag or one.kind: one.verdict for one in found(name).compared}
    assert said == EDITS[name][2]


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_what_is_shown_is_answered_so(name: str) -> None:
    """Each history, judged anew by both files, is approved by the one and not by the other."""
    files_ = files(name)
    for one in found(name).compared:
        for side, approving in ((one.looser, 1), (one.tighter, 0)):
            if side.shown is None or one.flag is not None:
                continue
            shown = side.shown
            assert shown.is_looser == (approving == 1)
            assert not shown.is_halt
            earlier = {"old": files_[0], "new": files_[1]}.get(shown.approved_by or "")
            outcomes = []
            for of in files_:
                answer = answered(shown.events, of, earlier)
                assert answer is not None
                outcomes.append(answer.decision.outcome == "approved")
            assert outcomes[approving]
            assert not outcomes[1 - approving]


def kind_of(event: Event, asked: object, position: Position) -> Kind | None:
    """Return what kind of event *asked* is in a comparison, `None` where it is of none."""
    if not isinstance(asked, Trade) or event.kind not in JUDGED or not asked.counts:
        return None
    return kind_to_prove(asked, event, position)


@pytest.mark.slow
@given(plan=st.lists(drafts(), min_size=3, max_size=25), name=st.sampled_from(sorted(EDITS)))
@example(plan=[], name="nothing")
def test_no_history_is_against_what_is_proved(plan: list[Draft], name: str) -> None:
    """Where both files answered all before alike, they differ only as the comparison says."""
    files_ = files(name)
    said: dict[str, Compared] = {one.kind: one for one in found(name).compared if one.flag is None}
    positions = [Position(), Position()]
    for count, draft in enumerate(plan):
        event = draft.event(f"e-{count}", positions[0])
        editions = [of.of(event, position) for of, position in zip(files_, positions, strict=True)]
        asked = trade(event, editions[0].counting, positions[0])
        kind = kind_of(event, asked, positions[0])
        steps = [
            step(event, position, Life(edition))
            for position, edition in zip(positions, editions, strict=True)
        ]
        outcomes = [one.decision.outcome for one in steps]
        positions = [one.position for one in steps]
        if outcomes[0] != outcomes[1]:
            _agrees(outcomes, said.get(kind or ""))
            return


def _agrees(outcomes: Sequence[str], one: Compared | None) -> None:
    old, new = (outcome == "approved" for outcome in outcomes)
    if one is not None and old != new:
        side: Side = one.looser if new else one.tighter
        assert not side.never


@cache
def mutated(number: int) -> tuple[Editions, Editions] | None:
    """Return the tests' program before and after one of its mutants, `None` where none reads."""
    before = load_text(RULES.encode(), "acme.yaml")
    made = mutants(before.authorization)
    document = made[number % len(made)].of(read_document(RULES.encode(), "acme.yaml"))
    try:
        return before, load_document(document)
    except RuleFileError:
        return None


@cache
def is_never(number: int, kind: Kind, which: int) -> bool:
    """Return whether *which* of a file and its mutant is proved to approve nothing alone."""
    before_and_after = mutated(number)
    assert before_and_after is not None
    comparison = Comparison(*before_and_after, Time(600_000, time.monotonic_ns))
    return comparison.is_comparable and all(
        comparison.is_never(group, kind, which) for group in comparison.groups(kind)
    )


@pytest.mark.slow
@given(
    number=st.integers(0, 1_000),
    plans=st.lists(st.lists(drafts(), min_size=5, max_size=20), min_size=6, max_size=6),
)
def test_no_history_is_against_what_is_proved_of_a_mutant(
    number: int, plans: list[list[Draft]]
) -> None:
    """Of any one mutant of the file: where it is proved that one file approves nothing alone, or
    that both find the same of every event, no history shows anything else.
    """
    files_ = mutated(number)
    if files_ is None:
        return
    for plan in plans:
        position = Position()
        for count, draft in enumerate(plan):
            event = draft.event(f"e-{count}", position)
            editions = [of.of(event, position) for of in files_]
            asked = trade(event, editions[0].counting, position)
            kind = kind_of(event, asked, position)
            steps = [step(event, position, Life(one)) for one in editions]
            old, new = (one.decision for one in steps)
            if kind in module.KINDS and old.outcome != new.outcome:
                which = int(new.outcome == "approved")
                if "approved" in (old.outcome, new.outcome):
                    assert not is_never(number, kind, which), (kind, which)
            if old.findings != new.findings:
                assert not is_same(number)
            if steps[0].position != steps[1].position:
                # From here on they are at two positions.
                break
            position = steps[0].position


@cache
def is_same(number: int) -> bool:
    """Return whether a mutant is proved to come to the same."""
    files_ = mutated(number)
    assert files_ is not None
    return same(*files_, time.monotonic_ns, 600_000)


# Of the defects that a prover finds, those whose comparison is quick.
DEFECTS: Final = (
    "a missing cap on money",
    "no side",
    "a cap for one class",
    "a cap that flags",
    "a cap that a person may waive",
    "money of fills alone",
    "a way around by the market",
    "one clock only, the venue's",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFECTS)
def test_defect_is_looser_than_what_is_sound(name: str) -> None:
    """What breaks a rule file lets something pass, and the sound file is no looser for it."""
    sound = load_text(SOUND.encode(), "sound.yaml")
    broken = load_text(text_of(BROKEN[name][1]).encode(), "broken.yaml")
    there = diff(sound, broken, time.monotonic_ns, 600_000)
    assert there.is_looser
    assert there.verdict == "looser"
    assert all(one.tighter.never for one in there.compared if one.flag is None)


def _order_by(old: str, new: str) -> str:
    """Return what SOUND is for orders once it says *new* instead of *old*."""
    assert SOUND.count(old) == 1
    texts = (SOUND, SOUND.replace(old, new))
    old_file, new_file = (load_text(one.encode(), "acme.yaml") for one in texts)
    return (
        Comparison(old_file, new_file, Time(600_000, time.monotonic_ns)).compared("order").verdict
    )


@pytest.mark.parametrize(
    ("old", "new", "order"),
    [
        ("per_share: 400", "per_share: 401", L),
        ("per_share: 400", "per_share: 400, fx_margin: 1%", U),
        ("currency: JPY\n", "currency: JPY\namount_basis: with_fees\n", U),
        ("venues: [XNAS]", "venues: [XNYS]", B),
        ("currency: USD, ", "", B),
        ("timezone: Asia/Tokyo", "timezone: America/New_York", B),
    ],
)
def test_what_is_reckoned_otherwise_is_compared_too(old: str, new: str, order: str) -> None:
    """A ratio, a margin, fees, a venue, a currency and a clock change what orders may be.

    Nothing is proved of them: by the same events both files come to other positions.
    """
    assert _order_by(old, new) == order


def test_nothing_is_proved_without_time() -> None:
    """What there was no time for is undecided, and neither equivalent nor shown."""
    compared = diff(*files("a lower cap"), time.monotonic_ns, 0).compared
    assert {one.verdict for one in compared} == {"undecided"}


@pytest.mark.slow
def test_what_the_engine_does_not_confirm_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model is wrong, the answer is undecided."""
    monkeypatch.setattr(Difference, "is_so", lambda *_: False)
    monkeypatch.setattr(search, "SHAPES", search.SHAPES[:2])
    monkeypatch.setattr(module, "PLAIN", ())
    files_ = files("no flag")
    undecided = diff(*files_, time.monotonic_ns, 600_000)
    assert (undecided.verdict, undecided.is_looser) == ("undecided", False)


# -- rule by rule ---------------------------------------------------------------------------------

EQUAL: Final = {
    "the same": ("", ""),
    "white space": ("trade.side == buy", "trade.side   ==  buy"),
    "no strict bound of whole units": ("trade.units > 0", "trade.units >= 1"),
    "the other way round": ("trade.units > 0", "0 < trade.units"),
    "a fact that is always so": ("trade.units > 0", "trade.units >= 0"),
    "a term that no rule reads": (
        'max_amount: {value: "JPY 400,000,000"}',
        "max_amount: {value: JPY 1}",
    ),
    "a class that a fill within its order always has": (
        "{id: share-class, require:",
        "{id: share-class, at: order, require:",
    ),
    "a cap that no rule reads": (
        'max_amount: {value: "JPY 400,000,000"}',
        "max_amount: {value: JPY 1}",
    ),
}
UNEQUAL: Final = {
    # A correct of an unknown fill can lack a quantity.
    "a rule that only a missing quantity stops": (
        NOTHING,
        "{id: something, require: trade.date <= trade.date}",
    ),
    "an effect": ("{id: nothing,", "{id: nothing, effect: flag,"),
    "a moment": ("{id: buys-only,", "{id: buys-only, at: order,"),
    "an id": ("{id: buys-only,", "{id: purchases,"),
    "a bound": ("trade.units > 0", "trade.units > 1"),
    "a ratio": ("per_share: 400", "per_share: 401"),
    "a word": ("trade.side == buy", "trade.side == sell"),
    "a fact that can be missing": ("trade.units > 0", "trade.amount > JPY 0"),
}


def _same(old: str, new: str) -> bool:
    text = text_of({AMOUNT: NOTHING})
    assert not old or text.count(old) == 1
    changed = text.replace(old, new) if old else text
    before, after = (load_text(one.encode(), "acme.yaml") for one in (text, changed))
    return same(before, after, time.monotonic_ns, 600_000)


@pytest.mark.parametrize(("old", "new"), EQUAL.values(), ids=EQUAL)
def test_same_findings_are_proved(old: str, new: str) -> None:
    """Other words that no event can tell apart are the same."""
    assert _same(old, new)


@pytest.mark.parametrize(("old", "new"), UNEQUAL.values(), ids=UNEQUAL)
def test_other_findings_are_not_the_same(old: str, new: str) -> None:
    """What any event could tell apart is not, though the same events may be approved."""
    assert not _same(old, new)


@pytest.mark.parametrize(
    ("at", "old", "new"),
    [
        (
            "fill",
            "program.shares_after <= program.shares",
            "2 * program.shares_after <= 2 * program.shares + trade.shares",
        ),
        (
            "fill",
            "program.amount_after <= program.amount",
            "2 * program.amount_after <= 2 * program.amount + trade.amount",
        ),
        ("both", "program.shares_after >= 1 share", "trade.shares >= 1 share"),
        ("both", "day.off_auction_shares >= 0 shares", "day.off_auction_shares >= 1 share"),
    ],
)
def test_what_only_rare_events_tell_apart_is_not_the_same(at: str, old: str, new: str) -> None:
    """A fill beyond its order adds less than all of it, a sale nothing, and most days have none."""
    before, after = (
        load_text((SOUND + MORE % f'at: {at}, require: "{one}"').encode(), "acme.yaml")
        for one in (old, new)
    )
    assert not same(before, after, time.monotonic_ns, 600_000)


# -- what moved -----------------------------------------------------------------------------------


def test_what_moved_is_said_in_words_with_its_line() -> None:
    """Terms, dates, limits, instruments and rules are told with what they were."""
    new = (
        RULES.replace("value: 40 shares", "value: 39 shares")
        .replace("per_share: 4,", "per_share: 5,")
        .replace("known: 2008-11-20", "known: 2008-11-21")
        .replace(ONE_BROKER, "")
        .replace("effect: review, at: order", "effect: flag")
        .replace("amount_basis: with_fees\n", "")
    )
    before, after = (load_text(text.encode(), "a.yaml").authorization for text in (RULES, new))
    found_ = changes(before, after)
    moved = {one.name: (one.before, one.after) for one in found_}
    assert moved == {
        "amount_basis": ("with_fees", "contract"),
        "instrument ads": (
            "ACME on XNAS and BATS, USD, 4 units are one share, margin 2%",
            "ACME on XNAS and BATS, USD, 5 units are one share, margin 2%",
        ),
        "terms.max_shares": (
            "40 shares until 2008-11-30; 60 shares from 2008-12-01 known 2008-11-20",
            "39 shares until 2008-11-30; 60 shares from 2008-12-01 known 2008-11-21",
        ),
        "rule no-blocks": (
            "trade.method == auction, effect review, at order",
            "trade.method == auction, effect flag",
        ),
        "rule one-broker": ("trade.broker == north, effect flag", None),
    }
    lines = {one.name: (one.old_line, one.line) for one in found_}
    assert lines["terms.max_shares"] == (11, 10)
    assert lines["rule one-broker"] == (26, 0)


def test_figure_that_looks_the_same_has_moved() -> None:
    """What people are shown is rounded; what moved is not."""
    old, new = (
        load_text(SOUND.replace("400,000,000", figure).encode(), "a.yaml").authorization
        for figure in ("400,000,000.00001", "400,000,000.00002")
    )
    (one,) = changes(old, new)
    assert (one.before, one.after) == ("JPY 400000000.00001", "JPY 400000000.00002")


def test_packs_and_options_are_among_what_moved() -> None:
    """What is included and what is turned on counts as said."""
    text = rule_path("iij-2008").read_text()
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("include:"))
    old, new = (load_text(one.encode(), "a.yaml").authorization for one in (text, bare))
    names = {one.name for one in changes(old, new)}
    assert {"pack jp-order-59", "rule jp-order-59.daily-volume"} <= names
    assert any(name.startswith("us-10b-18.limits.") for name in names)


# -- the command ----------------------------------------------------------------------------------


def _files_in(folder: Path) -> Path:
    (folder / "sound.yaml").write_text(SOUND)
    (folder / "broken.yaml").write_text(text_of(BROKEN["a missing cap on money"][1]))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _files_in(tmp_path)


@pytest.fixture(scope="module")
def looser(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """Return where a sound file and a broken one are, and what comparing them prints."""
    there = _files_in(tmp_path_factory.mktemp("looser"))
    return there, run("diff", "sound.yaml", "broken.yaml", cwd=there)


@pytest.mark.slow
def test_command_says_what_is_looser(looser: tuple[Path, Run]) -> None:
    """A sentence with file and line says what is approved now, and its events can be replayed."""
    there, ended = looser
    assert ended.code == 1
    said = " ".join(ended.out.split())
    assert (
        "LOOSER (more permissive): the new file approves an event that the old one does not" in said
    )
    assert "broken.yaml approves order o-1 (buy" in said
    assert (
        "; sound.yaml denies it: sound.yaml:15: amount-cap, money spent and on order: JPY" in said
    )
    log = "".join(line + "\n" for line in ended.out.splitlines() if line.startswith("{"))
    for file, denied in (("sound.yaml", 1), ("broken.yaml", 0)):
        replayed = run("replay", "-", "--rules", file, "--json", cwd=there, stdin=log).json
        assert replayed["denied"] == denied


@pytest.mark.slow
def test_command_says_the_same_to_programs(looser: tuple[Path, Run]) -> None:
    """One line of JSON has the verdict of each kind of event, and the history that is shown."""
    there, ended = looser
    found_ = run("diff", "sound.yaml", "broken.yaml", "--json", cwd=there)
    order = next(one for one in found_.json["compared"] if one["kind"] == "order")
    assert (found_.json["verdict"], order["verdict"], order["tighter"]) == (
        "looser",
        "looser",
        None,
    )
    log = [json.loads(line) for line in ended.out.splitlines() if line.startswith("{")]
    assert log == order["looser"]["history"]


def test_kinds_that_change_by_one_cause_are_told_together(looser: tuple[Path, Run]) -> None:
    """Whoever edits one rule reads one sentence, and what else it is about."""
    said = " ".join(looser[1].out.split())
    kinds = "order, replace, fill of an open order, fill without an order, correct of a fill"
    assert said.count(" approves order") == 1
    assert f"looser for {kinds}: broken.yaml approves order" in said
    assert "likewise replace n-" in said


@pytest.mark.slow
def test_changes_by_two_causes_are_told_apart(folder: Path) -> None:
    """What one rule lets pass and another stops is no one thing."""
    text = SOUND.replace("4,000 shares", "4,001 shares") + MORE % "require: trade.units <= 9"
    (folder / "both.yaml").write_text(text)
    said = " ".join(run("diff", "sound.yaml", "both.yaml", cwd=folder).out.split())
    assert "looser for order" in said
    assert "tighter for order" in said


@pytest.mark.slow
def test_history_says_what_facts_of_its_day_are_made_of(folder: Path) -> None:
    """Who reads the brokers of a day reads no broker of an event, and needs to be told of it."""
    daily = MORE % "require: day.brokers_after <= 1"
    for name, text in (("old", SOUND), ("new", SOUND.replace("4,000 shares", "4,001 shares"))):
        (folder / f"{name}.yaml").write_text(text + daily)
    found_ = run("diff", "old.yaml", "new.yaml", "--json", cwd=folder).json
    assert {one["verdict"] for one in found_["compared"]} == {"looser"}
    order = next(one for one in found_["compared"] if one["kind"] == "order")
    assert order["looser"]["history"][-1]["broker"] == "Other"


def test_command_ends_well_for_the_same_file(folder: Path) -> None:
    """A file is equivalent to itself."""
    ended = run("diff", "sound.yaml", "sound.yaml", cwd=folder)
    assert (ended.code, "both files have the same terms and rules" in ended.out) == (0, True)
    said = " ".join(ended.out.split())
    assert "EQUIVALENT: from every position under either file, both approve the same events" in said


@pytest.mark.slow
def test_command_ends_well_for_a_tighter_file(folder: Path) -> None:
    """A file that is only tighter is nothing to stop for."""
    back = run("diff", "broken.yaml", "sound.yaml", cwd=folder)
    assert (back.code, "TIGHTER" in back.out) == (0, True)


def test_command_without_time_decides_nothing(folder: Path) -> None:
    """It says that it does not know, and ends as what could not be decided."""
    ended = run("diff", "sound.yaml", "broken.yaml", "--seconds", "0.000001", cwd=folder)
    assert (ended.code, "UNDECIDED" in ended.out) == (2, True)


@pytest.mark.slow
def test_command_without_its_package_shows_what_moved(folder: Path) -> None:
    """Without a prover no event is compared: it says so, and what moved all the same."""
    (folder / "new.yaml").write_text(SOUND.replace("4,000 shares", "5,000 shares"))
    (folder / "z3.py").write_text("raise ImportError\n")
    call = ("diff", "sound.yaml", "new.yaml")
    ended = run(*call, cwd=folder, PYTHONPATH=str(folder))
    assert ended.code == 2
    assert ended.lines == [
        "the effect of the changes on events was not compared",
        "a proof needs the package z3-solver; install it with: pip install 'repurchase[prove]'",
    ]
    rows = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert rows[1:] == ["terms.max_shares 9 4,000 shares 5,000 shares"]
    without = run(*call, "--json", cwd=folder, PYTHONPATH=str(folder))
    assert (without.code, without.lines) == (2, ended.lines)
    (folder / "z3.py").unlink()
    compared_ = run(*call, "--json", cwd=folder).json
    assert list(without.json) == list(compared_)
    assert without.json == {
        "verdict": "undecided",
        "same_accounting": None,
        "feed_only": None,
        "changed": compared_["changed"],
        "compared": None,
    }


def test_command_without_its_package_tells_what_is_wrong_with_a_file(folder: Path) -> None:
    """A file that does not load is told as ever, and two that say the same are not compared."""
    (folder / "z3.py").write_text("raise ImportError\n")
    (folder / "wrong.yaml").write_text(SOUND.replace("max_shares:", "max_share:"))
    wrong = run("diff", "sound.yaml", "wrong.yaml", cwd=folder, PYTHONPATH=str(folder))
    assert (wrong.code, wrong.out, "wrong.yaml:9:" in wrong.err) == (2, "", True)
    same = run("diff", "sound.yaml", "sound.yaml", cwd=folder, PYTHONPATH=str(folder))
    assert (same.code, same.out) == (2, "both files have the same terms and rules\n")


# -- what is easily forgotten ---------------------------------------------------------------------

MORE: Final = "  - {id: more, %s}\n"
# A kind of event, and two rules of which the second lets such an event pass that the first stops.
FORGOTTEN: Final[dict[str, tuple[str, str, str]]] = {
    "the release of a replace": (
        "release-replace",
        (
            'effect: review, at: order, require: "trade.units < 1"}\n'
            '  - {id: cap, require: "program.shares + trade.shares <= 2,000 shares"'
        ),
        (
            'effect: review, at: order, require: "trade.units < 1"}\n'
            '  - {id: cap, require: "program.shares_after <= 2,000 shares"'
        ),
    ),
    "the release of what was held in an edition before": (
        "release",
        (
            'effect: review, at: order, until: 2008-11-30, require: "trade.units < 1"}\n'
            '  - {id: cap, from: 2008-12-01, require: "trade.units <= 10"'
        ),
        (
            'effect: review, at: order, until: 2008-11-30, require: "trade.units < 1"}\n'
            '  - {id: cap, from: 2008-12-01, require: "trade.units <= 20"'
        ),
    ),
    "a day far off": (
        "order",
        "require: trade.last_date <= 2198-06-30 or trade.last_date <= terms.last_day",
        "require: trade.last_date <= 2199-12-31 or trade.last_date <= terms.last_day",
    ),
    "a fill on the venue's day before": (
        "fill",
        "require: trade.venue_date >= 2008-12-02",
        "at: order, require: trade.venue_date >= 2008-12-02",
    ),
    "a correct that takes back": (
        "correct",
        "at: fill, require: program.shares_after >= program.shares",
        "at: fill, require: program.shares >= 0 shares",
    ),
    "a fill by another broker than its order": (
        "fill",
        "require: trade.broker == North",
        "at: order, require: trade.broker == North",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "old", "new"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_what_is_easily_forgotten_is_not_called_equivalent(kind: Kind, old: str, new: str) -> None:
    """Each was once proved never to happen, and does."""
    open_ended = SOUND.replace("{id: window, require: " + BOUNDS + "}", NOTHING).replace(
        " and trade.venue_last_date <= terms.last_day", ""
    )
    texts = (open_ended + MORE % one for one in (old, new))
    before, after = (load_text(one.encode(), "acme.yaml") for one in texts)
    comparison = Comparison(before, after, Time(600_000, time.monotonic_ns))
    assert not comparison.compared(kind).looser.never


# -- what a desk meets besides ---------------------------------------------------------------------

SPLIT: Final = "per_share: [{value: 7, until: 2008-12-10}, {value: 1, from: 2008-12-11}]"
SHARED: Final = 'common: {symbol: "1111", venues: [XTKS]}'
# What each file has besides SOUND, the kinds of events that differ, and how.
MET: Final[dict[str, tuple[tuple[str, str], str, str, dict[Kind, str]]]] = {
    "a fill that is undecided, and halts nobody": (
        ("", ""),
        "at: fill, require: trade.price_per_share <= JPY 1000",
        "at: fill, when: trade.venue_time >= 00:00, require: trade.price_per_share <= JPY 1000",
        {"order": E, "replace": E, "fill": L, "fill-alone": E, "correct": L},
    ),
    "a fill that is decided now, and halts": (
        ("", ""),
        "at: fill, require: market.day_high >= trade.price or trade.units <= 5",
        "at: fill, require: market.day_high >= trade.price and trade.units <= 5",
        {"order": E, "replace": E, "fill": T, "fill-alone": T, "correct": T},
    ),
    "a correct of a fill from before a change of ratio": (
        (SHARED, SHARED.replace("}", f", {SPLIT}}}")),
        "from: 2008-12-11, require: trade.share_class == ads or trade.units <= 100",
        "from: 2008-12-11, require: trade.share_class == ads or trade.shares <= 100 shares",
        # On the day before, a replace may ask for an earlier end than its order has.
        {"order": E, "replace": L, "fill": E, "fill-alone": E, "correct": L},
    ),
    "a fill of an order that only the old file approved": (
        ("", ""),
        "at: fill, require: trade.price_per_share <= JPY 1000",
        "at: order, require: trade.price_per_share <= JPY 900",
        {"order": T, "replace": T, "fill": B, "fill-alone": T, "correct": B},
    ),
    "a fill of an order that only the new file approved": (
        ("", ""),
        "at: order, require: trade.units <= 10",
        "at: fill, require: trade.units <= 20",
        {"order": L, "replace": L, "fill": B, "fill-alone": L, "correct": B},
    ),
    "a fill that is reported late": (
        (BUYS, BUYS + "  - {id: later, at: order, require: trade.date >= 2008-12-01}\n"),
        "at: fill, require: trade.date >= 2008-11-20",
        "at: fill, require: trade.units >= 1",
        {"order": E, "replace": E, "fill": L, "fill-alone": E, "correct": L},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("replaced", "old", "new", "expected"), MET.values(), ids=MET)
def test_what_a_desk_meets_is_compared(
    replaced: tuple[str, str], old: str, new: str, expected: dict[Kind, str]
) -> None:
    """Each was once called equivalent; the events that are shown are decided as is said."""
    text = SOUND.replace(*replaced) if replaced[0] else SOUND
    files_ = [load_text((text + MORE % one).encode(), "acme.yaml") for one in (old, new)]
    assert not same(files_[0], files_[1], time.monotonic_ns, 600_000)
    compared = diff(files_[0], files_[1], time.monotonic_ns, 600_000).compared
    assert {one.kind: one.verdict for one in compared} == expected
    for side in (side for one in compared for side in (one.looser, one.tighter)):
        if side.shown is not None:
            _is_decided_so(side.shown, files_)


def _is_decided_so(shown: Shown, files_: Sequence[Editions]) -> None:
    """Assert that a desk with the two files decides the last event as *shown*."""
    approving = {"old": files_[0], "new": files_[1]}.get(shown.approved_by or "")
    answers = [answered(shown.events, of, approving, live=shown.is_halt) for of in files_]
    decisions = [one.decision for one in answers if one is not None]
    assert decisions == [shown.old.decision, shown.new.decision]
    last = shown.events[-1]["id"]
    permitted = [
        last not in one.halted_by if shown.is_halt else one.outcome == "approved"
        for one in decisions
    ]
    assert permitted == [not shown.is_looser, shown.is_looser]


def test_rate_past_the_orders_is_within_its_margin() -> None:
    """The margin reserves money for a dearer rate, and a fill may use all of it."""
    text = SOUND.replace("per_share: 400", "per_share: 400, fx_margin: 5%")
    less = "program.amount_after + 4% * trade.amount <= program.amount"
    rules_ = (
        f"at: fill, require: {less} or trade.share_class == common",
        "require: trade.units > 0",
    )
    old, new = (load_text((text + MORE % one).encode(), "acme.yaml") for one in rules_)
    comparison = Comparison(old, new, Time(600_000, time.monotonic_ns))
    (group,) = comparison.groups("fill")
    assert not comparison.is_never(group, "fill", 1)
    assert comparison.is_never(group, "fill", 0)


def test_correct_of_a_fill_from_before_a_change_of_ratio_tells_two_rules_apart() -> None:
    """One unit was 101 shares until the split: a rule on shares fails where one on units passes."""
    split = "shares_each: [{value: 101, until: 2008-12-10}, {value: 1, from: 2008-12-11}]"
    text = SOUND.replace(SHARED, SHARED.replace("}", f", {split}}}"))
    rule = MORE % "from: 2008-12-11, require: trade.units <= 100 and trade.shares <= %d shares"
    old, new = (load_text((text + rule % most).encode(), "acme.yaml") for most in (100, 101))
    assert not same(old, new, time.monotonic_ns, 600_000)


def test_symbol_that_is_no_instrument_is_found_by_rules_too() -> None:
    """What is denied in any case is found by one rule more or less."""
    texts = (SOUND + MORE % f"require: 'trade.symbol in [{one}]'" for one in ("X", "X, Y"))
    before, after = (load_text(one.encode(), "acme.yaml") for one in texts)
    assert not same(before, after, time.monotonic_ns, 600_000)


@pytest.mark.slow
def test_event_that_says_no_venue_is_compared(folder: Path) -> None:
    """With one venue fewer, an order that names none is of that one, and was of nothing."""
    two = SOUND.replace("venues: [XTKS]", "venues: [XTKS, XSAP]")
    (folder / "two.yaml").write_text(two)
    ended = run("diff", "two.yaml", "sound.yaml", cwd=folder)
    assert (ended.code, "do not use the same accounting basis" in ended.out) == (1, True)
