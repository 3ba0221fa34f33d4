"""An arbitrary event of each kind under one edition, written for z3 once and asked many questions.

Most of the time of a proof goes into writing its terms and into reading them, not into the proof.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from repurchase.proof.approval import HELD
from repurchase.proof.fields import Kind
from repurchase.proof.model import Request, any_sums, from_zero
from repurchase.proof.obligations import Asked, Obligation
from repurchase.proof.solver import Known, Term, Time, some
from repurchase.rulebook.editions import Edition


class Questions:
    """The questions about one *edition*, which share their events and what is known of these."""

    def __init__(self, edition: Edition, time: Time) -> None:
        self.edition = edition
        self.about: Asked = Asked(edition)
        self._time = time
        self._known: dict[Kind, Known] = {}

    def asked(self, kind: Kind = "order") -> Request:
        """Return an arbitrary event of *kind*, at any position."""
        return self.about.of(kind)

    def known(self, kind: Kind = "order") -> Known:
        """Return what the proof of a property assumes of each event of *kind*, at any position."""
        model = HELD.get(kind, kind)
        if model not in self._known:
            self._known[model] = self._time.knowing([*self.asked(model).assumed])
        return self._known[model]

    def kept(self) -> Known:
        """Return what is true of each order, with what the fold keeps: no sum is below zero."""
        return self.known().also(*from_zero(any_sums("s")), *self.asked().ties)

    def passes(self, kind: Kind = "order") -> Term:
        """Return the condition under which the event of *kind* is approved."""
        return self.about.passes(kind)

    def are_proved(self, obligations: Iterable[Obligation]) -> bool:
        """Return whether all *obligations*, of this edition, are proved."""
        never: defaultdict[Kind, list[Term]] = defaultdict(list)
        for one in obligations:
            never[HELD.get(one.kind, one.kind)].append(one.never)
        return all(self.known(kind).never(some(terms)) for kind, terms in never.items())
