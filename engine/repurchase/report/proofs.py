"""What was proved about a rule file, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.errors import Problem, plain
from repurchase.domain.formats import unit
from repurchase.evaluation.names import fact_name
from repurchase.facts.table import TABLE
from repurchase.facts.trade import PROGRAM_MONEY
from repurchase.proof.claims import ASSUMPTIONS, Claim, Sum, is_for_all, is_lasting
from repurchase.proof.engine import History
from repurchase.proof.proof import Failure, Gap, Proof, Proved
from repurchase.report.checked import Checked, Level
from repurchase.report.histories import last_asked, log_lines, place
from repurchase.report.tables import counted, plain_table
from repurchase.rulebook.caps import CALLED, how_to_cap
from repurchase.rulebook.model import Authorization, Rule
from repurchase.rulebook.periods import Days, Period, joined

# What is wrong if a property fails of which there can be a counterexample.
_FAILING: Final = {
    "window": "no rule keeps orders within the window",
    "window-at-venue": "no rule keeps orders within the window on the venue's clock",
    "buys": "no rule keeps orders to purchases",
}
_OF: Final[dict[Sum, str]] = {
    "shares": CALLED["shares"],
    "amount": CALLED["amount"],
    "days": "the days of orders",
}
# What to do about a sum that nothing limits.
_HINTS: Final[dict[Sum, str]] = {
    "shares": how_to_cap("shares"),
    "amount": how_to_cap("amount"),
    "days": "add a rule that requires `terms.first_day <= trade.date` and"
    " `trade.last_date <= terms.last_day`",
}
_DAYS_OF_WINDOW: Final = {
    f"trade.{name}" for name in ("date", "last_date", "venue_date", "venue_last_date")
}
_KINDS: Final = ("cap", "window", "window-at-venue", "buys")


class Span(msgspec.Struct, frozen=True):
    """Days from *first* to *last* on which something is so.

    *venue_day* is the day at the venue, if it is another. *known* are the first and the last day of
    requests for which it is so, if it is not so for all. *moment* is one of the part of the day on
    which it is so, if that is not the whole day.
    """

    first: date
    last: date
    venue_day: date | None = None
    known: tuple[date, date] | None = None
    moment: datetime | None = None

    def __str__(self) -> str:
        """Return the days in words."""
        text = str(Days(self.first, self.last))
        if self.venue_day is not None:
            text += f" while it is {self.venue_day} at the venue"
        if self.moment is not None:
            text += f", in the part of the day that begins at {self.moment.isoformat()}"
        return text if self.known is None else f"{text}, for requests until {self.known[1]}"


class Held(msgspec.Struct, frozen=True):
    """A property with its place and the *days* on which it is proved.

    *without* are days within these for which the property is not one of the edition that judges.
    """

    claim: Claim
    file: str
    line: int | None
    days: tuple[Span, ...]
    without: tuple[Span, ...]


def held(proof: Proof, authorization: Authorization) -> tuple[Held, ...]:
    """Return each property that is proved, with the days on which it is."""
    found = dict.fromkeys(claim for one in proof.editions for claim in one.claims)
    return tuple(
        Held(claim, *_place(claim, authorization), *_days_of(claim, proof.editions))
        for claim in sorted(found, key=_rank)
    )


def _rank(claim: Claim) -> tuple[int, bool, str, str]:
    """Return the place of *claim* among others: first the caps on the whole program."""
    return _KINDS.index(claim.kind), not is_for_all(claim), claim.sum or "", claim.rule or ""


def _days_of(claim: Claim, editions: Sequence[Proved]) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return the days on which *claim* is proved of *editions*, joined, and exceptions to these.

    Days on which nothing is approved are not exceptions.
    """
    plain_ = [one for one in editions if _is_plain(one)]
    spans = _joined(one for one in plain_ if claim in one.claims)
    others = [(_span(one), one) for one in editions if not _is_plain(one)]
    more = tuple(span for span, one in others if claim in one.claims and not _covers(spans, span))
    without = tuple(
        span
        for span, one in others
        if claim not in one.claims and one.approves and _meets(spans, span)
    )
    return (*spans, *more), without


def _is_plain(one: Proved | Gap) -> bool:
    return (one.venue_day, one.known, one.moment) == (None, None, None)


def _span(one: Proved | Gap) -> Span:
    return Span(one.first, one.last, one.venue_day, one.known, one.moment)


def _joined(found: Iterable[Proved | Gap]) -> list[Span]:
    """Return the days of the periods *found*; adjacent ones are joined."""
    return [Span(*days) for days in joined(Period(one.first, one.last, ()) for one in found)]


def _covers(spans: Iterable[Span], span: Span) -> bool:
    return any(one.first <= span.first and span.last <= one.last for one in spans)


def _meets(spans: Iterable[Span], span: Span) -> bool:
    return any(one.first <= span.last and span.first <= one.last for one in spans)


def gaps(proof: Proof) -> Iterator[tuple[Sum, Span]]:
    """Yield the days on which nothing limits a sum of the program, adjacent ones as one."""
    for of in _OF:
        found = [one for one in proof.gaps if one.of == of]
        spans = _joined(one for one in found if _is_plain(one))
        others = (_span(one) for one in found if not _is_plain(one))
        yield from ((of, span) for span in spans)
        yield from ((of, span) for span in others if not _covers(spans, span))


def proof_view(proof: Proof, authorization: Authorization) -> RenderableType:
    """Return what was proved and what was not, for a terminal."""
    parts: list[RenderableType] = []
    for line, sentence, events in _unproved(proof, authorization):
        at = plain(f"{authorization.file}:{line}" if line else authorization.file)
        parts.append(Text(f"{at}: {sentence}", style="bold red"))
        if events is not None:
            parts += [*log_lines(events), Text()]
    table = plain_table("proved for all sequences of events", "by rule", "days")
    for one in held(proof, authorization):
        days = [str(each) for each in one.days] + [f"except {each}" for each in one.without]
        rule = one.claim.rule or ""
        table.add_row(*map(Text, (sentence_of(one.claim, authorization), rule, "\n".join(days))))
    for of in proof.unlimited:
        table.add_row(f"{of}: unlimited, as the file says", "", "")
    word = ("PROVED", "bold green") if proof.holds else (_verdict(proof), "bold red")
    editions = len({one.edition for one in proof.editions})
    return Group(
        *parts,
        table,
        *(Text(f"{at}: {plain(remark)}") for at, remark in remarks(proof, authorization)),
        Text.assemble(word, f" by {proof.solver} for {counted(editions, 'edition')}"),
        Text("What the proof assumes:"),
        *(Text(f"- {plain(one)}") for one in ASSUMPTIONS),
    )


def _verdict(proof: Proof) -> str:
    return "DISPROVED" if proof_code(proof) == 1 else "NOT PROVED"


def proof_object(proof: Proof, authorization: Authorization) -> dict[str, Any]:
    """Return the same as programs read it."""
    failures = [
        {
            "file": authorization.file,
            "line": _line_of(one, authorization),
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
        "claims": held(proof, authorization),
        "unlimited": proof.unlimited,
        "editions": proof.editions,
        "failures": failures,
        "gaps": [_gap_object(proof, of, days, authorization) for of, days in gaps(proof)],
        "assumptions": ASSUMPTIONS,
        "remarks": [f"{at}: {remark}" for at, remark in remarks(proof, authorization)],
        "solver": proof.solver,
        "version": proof.version,
    }


def _gap_object(
    proof: Proof, of: Sum, days: Span, authorization: Authorization
) -> dict[str, object]:
    history = _history_of(proof, of, days)
    return {
        "of": of,
        "days": days,
        "message": _gap_sentence(of, days, history, authorization),
        "history": None if history is None else history.events,
    }


def proof_code(proof: Proof) -> int:
    """Return 0 if *proof* holds, 1 if there is a counterexample, 2 otherwise."""
    if proof.holds:
        return 0
    shown = [one.history for one in proof.failures] + [one.history for one in proof.gaps]
    return 2 if all(history is None for history in shown) else 1


def proof_checks(proof: Proof, authorization: Authorization) -> list[Checked]:
    """Return a check for each property: it fails with a counterexample, or is an error without.

    A sum that nothing limits is an error, too.
    """
    file = authorization.file
    failures: dict[str, list[Failure]] = {}
    for one in proof.failures:
        failures.setdefault(one.claim, []).append(one)
    proved = dict.fromkeys(claim.name for one in proof.editions for claim in one.claims)
    found = []
    for name in {**proved, **dict.fromkeys(failures)}:
        failed = failures.get(name, [])
        problems = tuple(
            Problem(sentence(one, authorization), None, file, _line_of(one, authorization) or 1)
            for one in failed
        )
        is_shown = any(one.history is not None for one in failed)
        level: Level = "failure" if is_shown or not failed else "error"
        found.append(Checked(file, f"prove {name}", None, problems, level))
    open_ = dict[Sum, list[Problem]]()
    for of, days in gaps(proof):
        history = _history_of(proof, of, days)
        what = _gap_sentence(of, days, history, authorization)
        open_.setdefault(of, []).append(Problem(what, None, file, 1))
    return found + [
        Checked(file, f"prove a limit on {_OF[of]}", None, tuple(problems), "error")
        for of, problems in open_.items()
    ]


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
    open_days = [one for one in proof.editions if one.in_window and _is_plain(one)]
    for one in open_days:
        days = Days(one.first, one.last)
        if not one.approves:
            yield f"{days} no order can be approved"
        elif proof.holds and one.example is None:
            yield f"{days} no order was found that is approved on its own"
    yield from _denied_ahead(proof)
    example = next((one.example for one in open_days if one.example is not None), None)
    if example is not None:
        yield f"for example, {last_asked(example, authorization)} is approved"


def _denied_ahead(proof: Proof) -> Iterator[str]:
    """Yield what is denied only because no cap is known yet for the days on which it can fill."""
    open_ = {(one.edition, one.of) for one in proof.gaps} | {
        (one.edition, of) for one in proof.editions for of in proof.unlimited
    }
    for one in proof.editions:
        lacking = [
            _OF[of] for of in one.unbounded if of != "days" and (one.edition, of) not in open_
        ]
        if one.known is not None and one.approves and lacking:
            days = f"{one.known[1]} that can fill {Days(one.first, one.last)}"
            why = f"nothing known then limits {' and '.join(lacking)}"
            yield f"a request until {days} is denied (engine.no-cap): {why}"


def _unproved(
    proof: Proof, authorization: Authorization
) -> Iterator[tuple[int | None, str, tuple[dict[str, Any], ...] | None]]:
    """Yield what is not proved: its line, a sentence, and the events that show it."""
    for one in proof.failures:
        events = None if one.history is None else one.history.events
        yield _line_of(one, authorization), sentence(one, authorization), events
    for of, days in gaps(proof):
        history = _history_of(proof, of, days)
        events = None if history is None else history.events
        yield None, _gap_sentence(of, days, history, authorization), events


def _history_of(proof: Proof, of: Sum, days: Span) -> History | None:
    """Return the first history that shows on one of *days* that nothing limits *of*."""
    found = (one.history for one in proof.gaps if one.of == of and _covers([days], _span(one)))
    return next((history for history in found if history is not None), None)


def _gap_sentence(
    of: Sum, days: Span, history: History | None, authorization: Authorization
) -> str:
    shown = ""
    if history is not None:
        asked = last_asked(history.events, authorization)
        shown = f": {asked} is approved beyond the widest limit that a rule names"
    return f"nothing limits {_OF[of]} {days}{shown}; {_HINTS[of]}"


def _place(claim: Claim, authorization: Authorization) -> tuple[str, int | None]:
    """Return the file and the line of the rule that *claim* is read from."""
    files = [(authorization.file, authorization.rules)]
    files += ((pack.file, pack.rules) for pack in authorization.packs)
    for file, rules in files:
        for rule in rules:
            if rule.id == claim.rule:
                return file, rule.line
    line = _window_line(authorization) if claim.kind.startswith("window") else None
    return authorization.file, line


def _window_line(authorization: Authorization) -> int | None:
    """Return the line of the first rule that can deny orders by their days."""

    def is_one(rule: Rule) -> bool:
        denies = rule.effect == "deny" and rule.at != "fill"
        return denies and not rule.require.facts.isdisjoint(_DAYS_OF_WINDOW)

    return next((rule.line for rule in authorization.rules if is_one(rule)), None)


def _line_of(failure: Failure, authorization: Authorization) -> int | None:
    """Return the line of the rule that *failure* is about, `None` if there is none."""
    if failure.claim.startswith("window"):
        return _window_line(authorization)
    rule = failure.claim.rpartition(" by ")[2]
    return next((one.line for one in authorization.rules if one.id == rule), None)


def sentence_of(claim: Claim, authorization: Authorization) -> str:
    """Return what *claim* says, as a short sentence."""
    if claim.kind == "buys":
        return "only purchases"
    if claim.sum is None:
        clock = "the authorization's clock" if claim.kind == "window" else "the venue's clock"
        return f"only {_from_until(claim.first, claim.last)}, on {clock}"
    fact = TABLE[claim.sum]
    if claim.figure is None:
        what = f"{fact_name(claim.sum)}: within the rule, at the approval"
    else:
        is_money = fact.dimension == PROGRAM_MONEY
        dimension = authorization.currency if is_money else str(fact.dimension)
        what = f"{fact_name(claim.sum)}: at most {unit(claim.figure, dimension)}"
        what = what if is_lasting(claim) else f"{what}, at the approval"
    return what if claim.when is None else f"{what}, if {' '.join(claim.when.split())}"


def sentence(failure: Failure, authorization: Authorization) -> str:
    """Return what *failure* shows, in one sentence."""
    history = failure.history
    if history is None:
        days = Days(failure.first, failure.last)
        what = "neither proved nor refuted; more time may help (--seconds)"
        return f"{failure.claim}, {days}: {what}"
    what = _FAILING.get(failure.claim, f"no rule keeps orders within `{failure.claim}`")
    return f"{what}: {last_asked(history.events, authorization)} is approved"


def _from_until(first: str | None, last: str | None) -> str:
    given = (("from", first), ("until", last))
    return " ".join(f"{word} {day}" for word, day in given if day is not None)
