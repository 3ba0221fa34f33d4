"""Counters in z3: whether one counts an event, and its sums before and after it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from repurchase.domain.counters import Counter
from repurchase.facts.counters import APPLIES, FAMILY, NAMES
from repurchase.proof.fields import Counted
from repurchase.proof.logic import Fact, Facts
from repurchase.proof.solver import Term, z3

# A figure of a counter: its name, whether it is known before an event and after it, its value
# before, and what is added.
Used = tuple[str, Term, Term, Term, Term]

# The words of an event that the scope of a counter may ask for.
_WORDS: Final = (("trade.method", "methods"), ("trade.broker", "brokers"))


def is_sure(asked: Counted, counter: Counter) -> Term:
    """Return the condition that *asked* says what the scope and the periods of *counter* ask."""
    timed = [asked.timed] if counter.is_short else []
    timed += [asked.listed] if counter.each else []
    words = [asked.words[fact].chosen >= 0 for fact, of in _WORDS if getattr(counter, of)]
    return z3.And([*timed, *words])


def is_in_scope(asked: Counted, counter: Counter) -> Term:
    """Return the condition that *asked* may be in the scope of *counter*."""
    instruments, venues = counter.instruments, counter.venues
    is_listed = asked.by_listing(
        lambda of: z3.BoolVal(
            (not instruments or of.instrument in instruments) and (not venues or of.venue in venues)
        ),
        z3.BoolVal(True),
    )
    return z3.And([is_listed, *_has_words(asked, counter)])


def _has_words(asked: Counted, counter: Counter) -> Iterator[Term]:
    for fact, of in _WORDS:
        wanted: Sequence[str] = getattr(counter, of)
        word = asked.words[fact]
        if wanted:
            known = [word.is_one(one) for one in wanted if one in word.choices]
            yield z3.Or([word.chosen < 0, *known])


def touches(counter: Counter, first: Term, last: Term) -> Term:
    """Return the condition that one of the days from *first* to *last* is one of *counter*."""
    ends = [] if counter.first is None else [last >= counter.first.toordinal()]
    ends += [] if counter.last is None else [first <= counter.last.toordinal()]
    return z3.And(ends)


def clocks(counter: Counter) -> tuple[str, str]:
    """Return which days of a trade *counter* goes by: the first and the last."""
    at = "" if counter.zone is not None else "venue_"
    return f"{at}date", f"{at}last_date"


def named(asked: Counted, name: str, counter: Counter | None = None) -> str:
    """Return how the variables of *counter*, called *name*, begin.

    Two rule files can call different sums the same, or count the same shares otherwise.
    """
    counting = asked.edition.counting
    ratios = sorted(
        (*map(str, pair), str(of.shares_each), str(of.fx_margin), of.currency)
        for pair, of in counting.listings.items()
    )
    return f"{asked.name}.{name}@{marked((counter, ratios, counting.with_fees))}"


def marked(declared: object) -> str:
    """Return a mark that two declarations have in common only if they are the same."""
    return hashlib.sha256(repr(declared).encode()).hexdigest()[:8]


def no_more(old: Counted, new: Counted, facts: tuple[Facts, Facts]) -> Iterator[Term]:
    """Yield the conditions that each counter of *old* holds no more than one that contains it.

    That is one of *new*, which has counted at least as much when it is adopted. *facts* are those
    of both.
    """
    for part in old.edition.authorization.counters:
        for whole in new.edition.authorization.counters:
            if part == whole or not part.is_part_of(whole):
                continue
            for name in NAMES:
                # What was ordered in one period can count anew in a shorter one.
                if name != APPLIES and not name.startswith("ordered"):
                    less, more = (
                        of[f"{FAMILY}.{one.name}.{name}"].value
                        for of, one in zip(facts, (part, whole), strict=True)
                    )
                    yield less <= more


def facts_of(
    asked: Counted, counter: Counter, is_counted: Term, sums: Iterable[Used]
) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of *counter*: whether it counts *asked*, and each of *sums*."""
    # Where something else excludes the event, what it does not say decides nothing.
    sure = z3.Or(is_sure(asked, counter), z3.Not(is_counted))
    yield f"{FAMILY}.{counter.name}.{APPLIES}", Fact(sure, z3.If(is_counted, 1, 0))
    for of, known, known_after, before, more in sums:
        fact = f"{FAMILY}.{counter.name}.{of}"
        yield fact, Fact(z3.And(sure, known), before)
        yield f"{fact}_after", Fact(z3.And(sure, known_after), before + more)
