"""What proposed rules would change, found in a process of its own: no answer waits for it.

The process reads the journal and writes nothing. A fault in it, or its end, reaches nobody but the
one who asked.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from repurchase.audit.shadow import Shadow
from repurchase.domain.errors import Problem, RepurchaseError, UsageError
from repurchase.journal.book import RuleTexts, stored_book
from repurchase.journal.queries import AdoptedThen, adoption
from repurchase.journal.records import Rules
from repurchase.journal.rule_texts import check_adoptable, check_authorization
from repurchase.journal.store import Journal
from repurchase.market.feed import read_feed
from repurchase.report.diffs import diff_object
from repurchase.report.problems import trouble_of
from repurchase.report.proofs import proof_object
from repurchase.report.weighed import Beside, CaseLine, Proved, Watched, Weighing, case_lines
from repurchase.rulebook.cases_file import read_cases_text
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.lint import lint_findings
from repurchase.service.questions import (
    SECONDS,
    Answer,
    Draft,
    Question,
    Unanswered,
    Watch,
    Weigh,
    Weighed,
)
from repurchase.tester.cases import Tested, results

try:
    from repurchase.proof.diff import diff
    from repurchase.proof.proof import proved
except UsageError:
    _HAS_PROVER = False
else:
    _HAS_PROVER = True

# Its turn comes when nothing else wants the processor.
_NICE: Final = 10
# Between two questions, a shadow takes the records that were added, so many at a time.
_IDLE_SECONDS: Final = 1 / 4
_SLICE: Final = 500
# The shadow that was asked about longest ago ends, if there are more.
_SHADOWS_MAX: Final = 8
_MILLISECONDS: Final = 1_000


class Weigher:
    """Answers questions about proposed rules; it reads the journal, and keeps its shadows."""

    def __init__(self, url: str, market: tuple[Path, ...]) -> None:
        """Open the journal at *url*, and the *market* files."""
        self._journal = Journal(url)
        self._texts = RuleTexts(self._journal.text)
        self._feed = read_feed(market)
        # By the program and the name of the proposal.
        self._shadows: dict[tuple[str, str], Watched] = {}

    def answer(self, question: Question) -> Answer:
        """Return the answer to *question*.

        Raise RuleFileError for a draft with faults, UsageError if the program cannot adopt it, and
        JournalError if the journal cannot be read.
        """
        if isinstance(question, Weigh):
            return self._weighed(question.program, question.draft)
        if isinstance(question, Watch):
            return self._watched(question.program, question.proposal)
        return self._proved(question.rules)

    def go_on(self) -> bool:
        """Let each shadow take some of the later records; return whether there are more."""
        is_behind = False
        for (program, proposal), watched in tuple(self._shadows.items()):
            before = watched.shadow.book.head.sequence
            try:
                _follow(watched, before + _SLICE)
                is_over = proposal not in watched.shadow.book.position.proposals
            except Exception:  # noqa: BLE001 - the one who asks next begins anew, and is told
                is_over = True
            if is_over:
                del self._shadows[program, proposal]
            is_behind |= watched.shadow.book.head.sequence == before + _SLICE
        return is_behind

    def _weighed(self, program: str, draft: Draft) -> Weighed:
        rules = draft.rules(program)
        book = stored_book(self._journal, program)
        check_authorization(rules, program)
        check_adoptable(rules, book, program)
        assert book.editions is not None, "`check_adoptable` makes sure of it"
        assert book.rules is not None, "`check_adoptable` makes sure of it"
        milliseconds = draft.seconds * _MILLISECONDS
        diff, is_no_looser = _diff(book.editions, rules.editions, milliseconds)
        after = replace(book, editions=rules.editions, rules=rules.rules)
        weighing = Weighing(
            book.rules.file,
            lint_findings(rules.editions),
            _cases(draft, rules.editions),
            _proof(rules.editions, milliseconds),
            diff,
            adoption(book, after, datetime.now(UTC)),
            self._what_if(program, rules.editions, draft.seconds),
        )
        return Weighed(weighing, book.rules if is_no_looser else None)

    def _what_if(self, program: str, rules: Editions, seconds: int) -> Beside:
        """Return what *rules* would have decided on every record, as far as *seconds* allow."""
        watched = Watched(Shadow(self._journal, program, rules, self._feed))
        return self._beside(watched, program, seconds)

    def _watched(self, program: str, proposal: AdoptedThen) -> Beside:
        """Return what the shadow of *proposal* has found up to now."""
        assert proposal.pending is not None, "a proposal has a name"
        name = program, proposal.pending
        # A shadow that fails in the midst of a record does not come back.
        watched = self._shadows.pop(name, None)
        if watched is None:
            rules = self._texts.editions(Rules(proposal.rule_file, proposal.packs))
            shadow = Shadow(self._journal, program, rules, self._feed, proposal.record)
            watched = Watched(shadow)
        found = self._beside(watched, program, SECONDS)
        # The last one asked about stands last.
        self._shadows[name] = watched
        while len(self._shadows) > _SHADOWS_MAX:
            del self._shadows[next(iter(self._shadows))]
        return found

    def _beside(self, watched: Watched, program: str, seconds: int) -> Beside:
        """Return what *watched* finds up to the last record, as far as *seconds* allow."""
        last = self._journal.head(program).sequence
        end = time.monotonic() + seconds
        while (at := watched.shadow.book.head.sequence) < last and time.monotonic() < end:
            _follow(watched, min(at + _SLICE, last))
        return watched.beside(last)

    def _proved(self, rules: Rules) -> Proved:
        if not _HAS_PROVER:
            return "no prover"
        found = proved(self._texts.editions(rules), time.monotonic_ns)
        return "proved" if not found.failures and not found.gaps else "not proved"


def _follow(watched: Watched, until: int) -> None:
    for _ in watched.follow(until):
        pass


def _cases(draft: Draft, editions: Editions) -> tuple[CaseLine, ...] | None:
    if draft.cases is None:
        return None
    name = f"{editions.authorization.name}.cases.yaml"
    cases = read_cases_text(draft.cases.encode(), name)
    of = Tested(editions.authorization, cases, {None: editions})
    return case_lines(results(of, Path(name)))


def _proof(editions: Editions, milliseconds: int) -> dict[str, Any] | None:
    if not _HAS_PROVER:
        return None
    return proof_object(proved(editions, time.monotonic_ns, milliseconds), editions.authorization)


def _diff(old: Editions, new: Editions, milliseconds: int) -> tuple[dict[str, Any] | None, bool]:
    """Return how *new* differs from *old*, and whether it is proven no looser."""
    if not _HAS_PROVER:
        return None, False
    found = diff(old, new, time.monotonic_ns, milliseconds)
    return diff_object(found), found.is_no_looser


def run(questions: Connection) -> None:
    """Answer the *questions* that come, until nobody holds the other end.

    The first says where the journal and the market files are.
    """
    os.nice(_NICE)
    if sys.platform == "linux":
        # It runs only while no core is wanted for an answer.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    weigher: Weigher | None = None
    is_behind = False
    with suppress(EOFError, OSError):
        given = questions.recv()
        while True:
            if questions.poll(0 if is_behind else _IDLE_SECONDS):
                question = questions.recv()
                try:
                    weigher = weigher or Weigher(*given)
                    answer: Answer | Unanswered = weigher.answer(question)
                except Exception as error:  # noqa: BLE001 - the one who asked is told
                    answer = _unanswered(error)
                questions.send(answer)
            elif weigher is not None:
                is_behind = weigher.go_on()


def _unanswered(error: Exception) -> Unanswered:
    """Return why there is no answer; what nothing foresaw is told with its trace."""
    if isinstance(error, RepurchaseError):
        trouble = trouble_of(error, usage="conflict")
        return Unanswered(trouble.code, trouble.problems, trouble.again)
    problem = Problem("the rules could not be weighed", "the log says why")
    trace = "".join(traceback.format_exception(error))
    return Unanswered("fault", (problem,), trace=trace)


if __name__ == "__main__":
    run(Connection(int(sys.argv[1])))
