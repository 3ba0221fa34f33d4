"""What is proved of drawn rule files with several editions holds of random histories."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import date
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
import z3

import lives
from repurchase.domain.errors import RuleFileError
from repurchase.domain.events import Event
from repurchase.proof import proof as module
from repurchase.proof.claims import Claim
from repurchase.proof.obligations import Asked
from repurchase.proof.proof import Proof, proved
from repurchase.report.proofs import held
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life
from test_cli import run
from test_prove import SOUND, proof_of, text_of

AT_VENUE: Final = (
    '  - {id: days-there, require: "terms.opens <= trade.venue_date"}\n'
    '  - {id: ends-there, require: "trade.venue_last_date <= terms.closes"}\n'
)


class _Held(lives.History):
    """A history of which each approval must be what the proof says."""

    def __init__(self, file: lives.File, editions: Editions, chance: Random, proof: Proof) -> None:
        super().__init__(file, editions, chance)
        self.proof = proof
        self.claims = {one.edition: one.claims for one in proof.editions}

    def _check_request(self, event: Event) -> None:
        super()._check_request(event)
        used = dict(zip(("shares", "amount"), self._used(), strict=True))
        its = life(self.editions, event, self.position)
        for edition in (its.edition, *(one.edition for one in its.later if one.is_own)):
            for claim in self.claims[edition.hash]:
                if claim.when is None and claim.figure is not None and claim.sum is not None:
                    of = claim.sum.removeprefix("program.").removesuffix("_after")
                    assert used[of] <= Fraction(claim.figure), claim
                    self.seen["caps that are proved"] += 1
        if self.proof.holds:
            own = self.position.orders[event.order or event.id]
            for on in self._days(own):
                for of in {"shares", "amount"} - {*self.proof.unlimited}:
                    assert self.file.cap(of, on, self.now) is not None, f"nothing limits {of}"
            self.seen["approved under a file that is proved"] += 1


def histories(seed: int, files: int, of_a_file: int) -> Counter[str]:
    """Return what became of histories of drawn *files*, all of them proved as far as they are."""
    seen: Counter[str] = Counter()
    while seen["files"] < files:
        chance = Random(f"proved {seed}")
        seed += 1
        file = lives.draw_file(chance)
        try:
            editions = load_text((file.text() + AT_VENUE).encode(), "drawn.yaml")
        except RuleFileError:
            continue
        seen["files"] += 1
        found = proved(editions, time.monotonic_ns, 20_000)
        seen["files that are proved"] += found.holds
        for _ in range(of_a_file):
            history = _Held(file, editions, chance, found)
            history.run(12)
            seen += history.seen
    return seen


@pytest.mark.slow
def test_what_is_proved_holds_of_histories() -> None:
    """Dated terms, lapsing rules, falling and rising caps, changing ratios, names of any kind."""
    seen = histories(1, 16, 40)
    assert seen["files that are proved"] >= 2
    assert seen["approved under a file that is proved"] >= 100
    assert seen["caps that are proved"] >= 300


def test_proof_that_overlooks_what_nothing_limits_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The break: without its gaps, a file would be proved of which a day has no cap."""
    monkeypatch.setattr(module, "open_in", lambda *_: ())
    monkeypatch.setattr(_Held, "_check_request", _only_limits)
    with pytest.raises(AssertionError, match="nothing limits"):
        histories(1, 12, 20)


def _only_limits(self: Any, event: Event) -> None:
    own = self.position.orders[event.order or event.id]
    for on in self._days(own):
        for of in ("shares", "amount") if self.proof.holds else ():
            is_meant = of in self.proof.unlimited
            assert is_meant or self.file.cap(of, on, self.now) is not None, "nothing limits it"


# -- files that are unusual and sound -------------------------------------------------------------

TERM: Final = 'max_shares: {value: "4,000 shares"}'
SHARES: Final = "{id: share-cap, require: program.shares_after <= terms.max_shares}"
AMOUNT: Final = "{id: amount-cap, require: program.amount_after <= terms.max_amount}"
WINDOW: Final = (
    "{id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}"
)
VENUE: Final = (
    "require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day"
)
DAYS: Final = ("2008-11-14", "2008-11-17", "2008-12-01")
ENDS: Final = {
    TERM: 'max_shares: {value: "4,000 shares", until: 2009-01-30}',
    'max_amount: {value: "JPY 400,000,000"}': 'max_amount: {value: "JPY 400,000,000", '
    "until: 2009-01-30}",
}

UNUSUAL: Final[dict[str, dict[str, str]]] = {
    "amended down and up": {
        TERM: 'max_shares: [{value: "4,000 shares"}, {value: "2,000 shares", from: 2008-12-01, '
        'known: 2008-11-20}, {value: "6,000 shares", from: 2009-01-05, known: 2008-12-20}]'
    },
    "cases by or": {
        AMOUNT: "{id: amount-cap, require: trade.share_class == ads and program.amount_after <= "
        "50% * terms.max_amount or trade.share_class == common and program.amount_after <= "
        "terms.max_amount}"
    },
    "a cap by two rules of two cases": {
        SHARES: "{id: of-ads, when: trade.share_class == ads, require: program.shares_after <= "
        "3000 shares}\n  - {id: of-others, when: trade.share_class != ads, "
        "require: program.shares_after <= terms.max_shares}"
    },
    "a list of days": {
        WINDOW: "{id: window, require: "
        + " or ".join(f"trade.date == {one} and trade.last_date == {one}" for one in DAYS)
        + "}",
        VENUE: "require: terms.first_day <= trade.venue_date "
        "and trade.venue_last_date <= 2008-12-01",
    },
    "fees, margins and decimals": {
        "currency: JPY\n": "currency: JPY\namount_basis: with_fees\n",
        "per_share: 400}": "per_share: 400, fx_margin: 2.5%}",
        'max_amount: {value: "JPY 400,000,000"}': 'max_amount: {value: "JPY 400,000,000.25"}',
    },
    "terms that end while nothing passes after them": ENDS,
    "a ratio that changes": {
        "per_share: 400}": "per_share: [{value: 400, until: 2008-12-31}, "
        "{value: 200, from: 2009-01-01}]}"
    },
    "a cap in two halves of the program": {
        SHARES: "{id: share-cap, until: 2008-12-31, require: program.shares_after <= 3000 shares}\n"
        "  - {id: share-cap-2, from: 2009-01-01, require: program.shares_after <= 4000 shares}"
    },
    "shares that nobody limits on purpose": {
        SHARES: "{id: none, require: trade.units > 0}",
        "currency: JPY\n": "currency: JPY\nunlimited: [shares]\n",
    },
}


@pytest.mark.parametrize("changes", UNUSUAL.values(), ids=UNUSUAL)
def test_sound_file_is_proved_however_unusual(changes: dict[str, str]) -> None:
    """What is sound is never called unproved, and an order is approved on some of its days."""
    found = proof_of(_changed(changes))
    assert (found.failures, found.gaps) == ((), ())
    assert any(one.example is not None for one in found.editions)


def _changed(changes: dict[str, str]) -> str:
    text = SOUND
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


RATIOS: Final = {
    "per_share: 400}": "per_share: [{value: 400, until: 2008-12-31}, "
    "{value: 10, from: 2009-01-01}]}"
}


def test_request_may_count_by_the_ratio_of_a_later_day() -> None:
    """What is proved of an edition holds of orders that count more shares than by its own ratio."""
    editions = load_text(_changed(RATIOS).encode(), "acme.yaml")
    own = Fraction(1, 400)
    asked = Asked(editions.on(date(2008, 11, 14))).of("order")
    solver = z3.Solver()
    (ads,) = (
        at for at, of in enumerate(asked.listings) if of and asked.scope.pairs[at][1] == "XNAS"
    )
    solver.add(*asked.assumed, asked.listing == ads, asked.units == 400)
    found = set()
    while solver.check() == z3.sat:
        shares = solver.model().eval(asked.facts["trade.shares"].value, model_completion=True)
        found.add(shares.as_fraction())
        solver.add(asked.facts["trade.shares"].value != shares)
    # The common shares' own ratio is among them, which only widens the proof.
    assert found == {400 * own, Fraction(400, 10), Fraction(400)}


# -- editions that judge ahead, and days that nothing limits --------------------------------------


def test_order_is_proved_within_the_caps_of_all_its_days() -> None:
    """A cap that is known to fall is a claim of its own days, and the one before of its own."""
    found = proof_of(
        _changed(
            {
                TERM: 'max_shares: [{value: "5,000 shares", until: 2008-12-31}, '
                '{value: "4,000 shares", from: 2009-01-01, known: 2008-11-01}]'
            }
        )
    )
    assert found.holds
    assert _days_of(found, "cap", "share-cap") == {
        "5000": ["until 2008-12-31"],
        "4000": ["from 2009-01-01 on"],
    }


def _days_of(found: Proof, kind: str, rule: str | None = None) -> dict[str | None, list[str]]:
    """Return by figure, or by last day, on which days a property of *kind* is proved."""
    of = load_text(SOUND.encode(), "acme.yaml").authorization
    return {
        one.claim.figure or one.claim.last: [str(days) for days in one.days]
        for one in held(found, of)
        if (one.claim.kind, one.claim.rule) == (kind, rule)
    }


def test_window_that_is_known_to_close_earlier_is_a_claim_of_its_days() -> None:
    """Orders until December's end are proved to end by it, from the day on which that holds."""
    found = proof_of(
        _changed(
            {
                "last_day: {value: 2009-01-30}": "last_day: [{value: 2009-01-30}, "
                "{value: 2008-12-31, from: 2008-12-29, known: 2008-12-01}]"
            }
        )
    )
    assert found.holds
    assert _days_of(found, "window") == {
        "2009-01-30": ["until 2008-12-28"],
        "2008-12-31": ["from 2008-12-29 on"],
    }


LAPSES: Final = {
    SHARES: "{id: share-cap, until: 2009-01-30, require: program.shares_after <= terms.max_shares}",
    AMOUNT: "{id: amount-cap, until: 2009-01-30, require: program.amount_after <= "
    "terms.max_amount}",
    WINDOW: WINDOW.replace("require:", "until: 2009-01-30, require:"),
    VENUE: f"until: 2009-01-30\n    {VENUE}",
}


def test_terms_that_lapse_with_their_rules_leave_a_gap() -> None:
    """After the last day nothing denies anything: that is no proof, and the day is said."""
    found = proof_of(_changed({**LAPSES, **ENDS}))
    assert not found.holds
    assert {(one.of, str(one.first), str(one.last)) for one in found.gaps} >= {
        ("shares", "2009-01-31", "9999-12-31"),
        ("amount", "2009-01-31", "9999-12-31"),
    }


def test_rule_that_becomes_known_later_leaves_no_gap_but_a_remark() -> None:
    """Until then, an order that lasts beyond the old rule is denied, as no cap is known."""
    found = proof_of(
        _changed(
            {
                TERM: 'max_shares: [{value: "4,000 shares"}, '
                '{value: "5,000 shares", from: 2009-01-10, known: 2009-01-08}]',
                SHARES: "{id: share-cap, until: 2009-01-09, require: program.shares_after <= "
                "terms.max_shares}\n  - {id: share-cap-2, from: 2009-01-10, known: 2009-01-08, "
                "require: program.shares_after <= terms.max_shares}",
            }
        )
    )
    assert found.holds
    (ahead,) = (one for one in found.editions if one.known is not None and one.unbounded)
    assert (str(ahead.first), str(ahead.known[1] if ahead.known else "")) == (
        "2009-01-10",
        "2009-01-07",
    )


def test_cap_of_a_pack_alone_is_not_a_limit_of_the_file() -> None:
    """Where no rule of the file limits the money on any day, each day without a cap is a gap."""
    found = proof_of(text_of({AMOUNT: "{id: none, require: trade.units > 0}"}))
    assert [(one.of, str(one.first)) for one in found.gaps] == [("amount", "0001-01-01")]
    assert Claim("buys") in found.editions[0].claims


@pytest.mark.slow
def test_window_that_is_not_yet_known_is_asked_of_the_editions_ahead() -> None:
    """An edition that judges only ahead of its days is proved, too, and can fail alone."""
    changes = {
        WINDOW: WINDOW.replace("require:", "until: 2008-12-31, require:")
        + "\n  - "
        + WINDOW.replace("id: window,", "id: window-2, from: 2009-01-01, known: 2008-12-20,")
    }
    found = proof_of(_changed(changes))
    failing = {one.edition for one in found.failures}
    assert failing
    assert failing == {one.edition for one in found.editions if one.known is not None}


def test_answer_says_that_a_proof_does_not_cover_what_was_known_on_another_day(
    tmp_path: Path,
) -> None:
    """`--known-at` is said on standard error; without it, nothing is."""
    (tmp_path / "acme.yaml").write_text(SOUND)
    order = {"kind": "order", "id": "o", "date": "2009-01-15", "symbol": "1111", "side": "buy"}
    log = json.dumps({**order, "quantity": 1, "price": 1}) + "\n"
    for call in (("check", "--event", "-"), ("replay", "-")):
        ended = run(*call, "--rules", "acme.yaml", cwd=tmp_path, stdin=log)
        assert (ended.code, "prove" in ended.err) == (0, False)
        known = ("--known-at", "2008-12-01", "--json")
        ended = run(*call, "--rules", "acme.yaml", *known, cwd=tmp_path, stdin=log)
        assert ended.code == 0
        assert "--known-at 2008-12-01: each event is evaluated by" in ended.err
        assert "(`prove`) does not cover these decisions" in ended.err


def test_command_names_the_days_that_nothing_limits(tmp_path: Path) -> None:
    """It ends with 2, writes no certificate, and says the days to people and to programs."""
    (tmp_path / "lapses.yaml").write_text(_changed({**LAPSES, **ENDS}))
    ended = run("prove", "lapses.yaml", "--certificate", "lapses.json", cwd=tmp_path)
    assert ended.code == 2
    assert "lapses.yaml: nothing limits the shares from 2009-01-31 on; add a rule" in ended.out
    assert "nothing limits the money from 2009-01-31 on; add a rule" in ended.out
    assert "NOT PROVED" in ended.out
    assert not (tmp_path / "lapses.json").exists()
    found = run("prove", "lapses.yaml", "--json", cwd=tmp_path).json
    assert found["proved"] is False
    (shares, *_) = found["gaps"]
    assert (shares["of"], shares["days"]["first"], shares["history"]) == (
        "shares",
        "2009-01-31",
        None,
    )


def test_command_shows_what_is_approved_beyond_a_cap_of_some_cases(tmp_path: Path) -> None:
    """The history is one that the engine approves, and the command ends with 1."""
    morning = {SHARES: SHARES.replace("require:", "when: trade.venue_time < 12:00, require:")}
    (tmp_path / "morning.yaml").write_text(_changed(morning))
    ended = run("prove", "morning.yaml", cwd=tmp_path)
    assert (ended.code, "DISPROVED" in ended.out) == (1, True)
    assert "is approved beyond the widest limit that a rule names" in " ".join(ended.out.split())
    (gap,) = run("prove", "morning.yaml", "--json", cwd=tmp_path).json["gaps"]
    log = "".join(json.dumps(event) + "\n" for event in gap["history"])
    replayed = run("replay", "-", "--rules", "morning.yaml", "--json", cwd=tmp_path, stdin=log).json
    assert replayed["denied"] == 0
    assert replayed["approved"] >= 1
