"""What was proved about a rule file, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.errors import Problem, plain
from repurchase.domain.quantities import shown
from repurchase.proof.claims import CLAIMS
from repurchase.proof.proof import Failure, Proof
from repurchase.report.checked import Checked, Level
from repurchase.report.histories import last_asked, log_lines, place
from repurchase.report.tables import counted, plain_table
from repurchase.rulebook.model import Authorization

# What is wrong if a claim fails.
_FAILING: Final = {
    "shares": "no rule limits the shares",
    "amount": "no rule limits the amount",
    "window": "no rule keeps orders within the window",
    "window-at-venue": "no rule keeps orders within the window on the venue's clock",
    "buys": "no rule keeps orders to purchases",
}


def proof_view(proof: Proof, authorization: Authorization) -> RenderableType:
    """Return what was proved and what was not, for a terminal."""
    parts: list[RenderableType] = []
    for failure in proof.failures:
        line = _term_line(failure, authorization)
        at = plain(f"{authorization.file}:{line}" if line else authorization.file)
        parts.append(Text(f"{at}: {sentence(failure, authorization)}", style="bold red"))
        if failure.history is not None:
            parts += [*log_lines(failure.history.events), Text()]
    table = plain_table(
        "from", "until", "at the venue", "edition", "proved for all sequences of events"
    )
    for one in proof.editions:
        claims = ", ".join(one.claims) or "nothing"
        there = "" if one.venue_day is None else str(one.venue_day)
        cells = (_day(one.first), _day(one.last), there, one.edition[:12], claims)
        table.add_row(*map(Text, cells))
    is_shown = bool(proof.failures) and all(one.history is not None for one in proof.failures)
    word = ("DISPROVED" if is_shown else "NOT PROVED", "bold red")
    if proof.holds:
        word = ("PROVED", "bold green")
    editions = (
        counted(len(proof.editions), "period")
        if len(proof.editions) == 1
        else (f"{len(proof.editions):,} periods")
    )
    return Group(
        *parts,
        table,
        *(Text(f"{at}: {plain(remark)}") for at, remark in remarks(proof, authorization)),
        Text.assemble(word, f" by {proof.solver} for {editions} of days"),
    )


def proof_object(proof: Proof, authorization: Authorization) -> dict[str, Any]:
    """Return the same as programs read it."""
    failures = [
        {
            "file": authorization.file,
            "line": _term_line(one, authorization) or None,
            "claim": one.claim,
            "edition": one.edition,
            "message": sentence(one, authorization),
            "history": None if one.history is None else one.history.events,
        }
        for one in proof.failures
    ]
    return {
        "authorization": proof.authorization,
        "proved": proof.holds,
        "editions": proof.editions,
        "failures": failures,
        "remarks": [f"{at}: {remark}" for at, remark in remarks(proof, authorization)],
        "solver": proof.solver,
        "version": proof.version,
    }


def proof_code(proof: Proof) -> int:
    """Return 0 if *proof* holds, 1 if every failure has a counterexample, 2 otherwise."""
    if proof.holds:
        return 0
    return 1 if all(one.history is not None for one in proof.failures) else 2


def proof_checks(proof: Proof, authorization: Authorization) -> list[Checked]:
    """Return a check for each claim: it fails with a counterexample, or is an error without."""
    file = authorization.file
    failures: dict[str, list[Failure]] = {}
    for one in proof.failures:
        failures.setdefault(one.claim, []).append(one)
    found = []
    for claim in CLAIMS:
        failed = failures.get(claim, [])
        problems = tuple(
            Problem(sentence(one, authorization), None, file, _term_line(one, authorization) or 1)
            for one in failed
        )
        is_shown = all(one.history is not None for one in failed)
        level: Level = "failure" if is_shown else "error"
        found.append(Checked(file, f"prove {claim}", None, problems, level))
    return found


def remarks(proof: Proof, authorization: Authorization) -> Iterator[tuple[str, str]]:
    """Yield each remark on a file of which nothing fails, after the place that it is about.

    Only rules of the file itself have remarks, not those of its packs.
    """
    for of, remark in (
        ("always_satisfied", "every order passes rule `{}`"),
        ("unsatisfiable", "no order can pass rule `{}`"),
        ("redundant", "rule `{}` denies nothing that the other `deny` rules permit"),
    ):
        for name in getattr(proof.editions[0], of):
            if "." not in name and all(name in getattr(one, of) for one in proof.editions):
                yield place(name, authorization), remark.format(name)
    for remark in _of_days(proof, authorization):
        yield plain(authorization.file), remark


def _of_days(proof: Proof, authorization: Authorization) -> Iterator[str]:
    """Yield the days of the window on which no order can be approved, and an approved order.

    Days that are another day at the venue are left out.
    """
    open_days = [one for one in proof.editions if one.in_window and one.venue_day is None]
    for one in open_days:
        days = _days(one.first, one.last)
        if not one.approves:
            yield f"{days} no order can be approved"
        elif proof.holds and one.example is None:
            yield f"{days} no order was found that is approved on its own"
    example = next((one.example for one in open_days if one.example is not None), None)
    if example is not None:
        yield f"for example, {last_asked(example, authorization)} is approved"


def _term_line(failure: Failure, authorization: Authorization) -> int:
    """Return the line of the term that *failure* is about, 0 if there is none."""
    about = {bound.limit for bound in CLAIMS[failure.claim]}
    lines = (term.line for term in authorization.terms if f"terms.{term.name}" in about)
    return next(lines, 0)


def sentence(failure: Failure, authorization: Authorization) -> str:
    """Return what *failure* shows, in one sentence."""
    what, history = _FAILING[failure.claim], failure.history
    if history is None:
        days = _days(failure.first, failure.last)
        what = "not proved within the time limit, and no counterexample found"
        return f"{failure.claim}, {days}: {what}"
    asked = last_asked(history.events, authorization)
    if history.cap is None:
        return f"{what}: {asked} is approved"
    is_shares = failure.claim == "shares"
    used = history.used_shares if is_shares else history.used_amount
    cap = shown(history.cap)
    if used is None:
        of = "shares" if is_shares else authorization.currency
        return f"{what}: after {asked} it is unknown how much of {of} {cap} the program may use"
    known = f"{shown(used)} of {cap} shares"
    if not is_shares:
        known = f"{authorization.currency} {shown(used)} of {cap}"
    return f"{what}: after {asked} the program may use {known}"


def _days(first: date, last: date) -> str:
    return f"on {first}" if first == last else f"from {_day(first)} until {_day(last)}"


def _day(day: date) -> str:
    return {date.min: "the beginning", date.max: "the end"}.get(day, str(day))
