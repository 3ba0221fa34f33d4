"""A journal and a desk broken on purpose, each in one place, to see that the tests notice.

Each break is given what sets an attribute: `setattr` in a process of its own, or pytest's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace
from rpds import Queue

from repurchase.domain.events import key_of
from repurchase.evaluation import step
from repurchase.journal import book, desk, places, seen, store
from repurchase.journal.book import Book
from repurchase.journal.desk import Desk
from repurchase.journal.group import Group
from repurchase.journal.records import BEGINNING, Sealed, event_object, read_record
from repurchase.journal.store import Journal
from repurchase.ledger import fold

Set = Callable[[Any, str, Any], None]


def never_commits(put: Set) -> None:
    """Answers leave, and what was to be recorded is rolled back."""

    @contextmanager
    def writing(self: Journal, name: str) -> Iterator[store.Writer]:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(self._place.begin)
            yield store.Writer(connection, name, self.reached, self.url)
            connection.exec_driver_sql("ROLLBACK")

    put(Journal, "writing", writing)


def answers_before_commit(put: Set) -> None:
    """What stops the commit does not stop the answers."""
    real = Journal.writing

    @contextmanager
    def writing(self: Journal, name: str) -> Iterator[store.Writer]:
        outer = real(self, name)
        try:
            yield outer.__enter__()
        except BaseException:
            outer.__exit__(*sys.exc_info())
            raise
        try:
            outer.__exit__(None, None, None)
        except BaseException as error:
            if type(error).__name__ not in ("Killed", "JournalError"):
                raise

    put(Journal, "writing", writing)


def no_lock(put: Set) -> None:
    """Nobody waits for anybody between reading the head and writing."""

    @contextmanager
    def locked(_: object) -> Iterator[None]:
        yield

    append = store.Writer.append

    def late(self: store.Writer, records: Sequence[Sealed]) -> None:
        # Long enough for another to come in between, on a busy machine too.
        time.sleep(0.005)
        append(self, records)

    put(store.Writer, "append", late)
    put(places.SqlitePlace, "locked", locked)
    put(places.SqlitePlace, "begin", "BEGIN")
    locked_head = store.LOCK_HEAD
    assert locked_head.whereclause is not None
    unlocked = sa.select(*locked_head.selected_columns).where(locked_head.whereclause)
    put(store, "LOCK_HEAD", unlocked)


def ids_not_looked_up(put: Set) -> None:
    """Each event is taken for a new one."""
    put(store.Writer, "with_keys", lambda *_: {})


def position_kept_after_failure(put: Set) -> None:
    """The position in memory moves on before what it rests on is committed."""

    def answer(self: Desk, events: Sequence[Any]) -> list[Any]:
        with self._journal.writing(self._program) as writer:
            book = self._caught_up(writer)
            group = Group(book, self._now(), writer, self._texts, self._feed)
            first = self._first_rules(group.book)
            if first is not None:
                group.adopt(first, self._by, None, one_person=False)
            keys = [key_of(event.kind, event.id) for event in events]
            known = writer.with_keys(self._program, keys)
            answers = [group.answer(event, known) for event in events]
            self._book = group.book
            group.write(self._kept)
        self._kept |= group.editions.keys()
        self._journal.reached("answered")
        return answers

    put(Desk, "answer", answer)


def others_not_read(put: Set) -> None:
    """What other processes recorded is not folded before deciding; only the head is taken."""
    real = book.caught_up

    def caught_up(before: Book, *rest: Any) -> Book:
        after = real(before, *rest)
        return replace(after, position=before.position) if before.head.sequence else after

    put(desk, "caught_up", caught_up)


def snapshot_trusted(put: Set) -> None:
    """A kept position is taken for that of the record which now has its number."""

    def trusted(journal: Journal, name: str) -> tuple[seen.Snapshot, bytes] | None:
        files = list((Path(os.environ["XDG_STATE_HOME"]) / "repurchase").glob("*.position"))
        if not files:
            return None
        head, _, body = files[0].read_bytes().partition(b"\n")
        named = msgspec.json.decode(head, type=seen.Snapshot)
        return replace(named, hash=journal.hash_of(name, named.record) or BEGINNING), body

    put(book, "snapshot", trusted)


def chain_not_checked(put: Set) -> None:
    """A record is taken for what it says, wherever it comes from."""
    put(book, "following", lambda _, stored: read_record(stored.body))


def refusal_changes(put: Set) -> None:
    """Another event under a used id is judged, under a name of its own."""
    real = Group.again

    def again(self: Any, event: Any, before: Any) -> Any:
        if before.record.event == event_object(event):
            return real(self, event, before)
        return self.answer(replace(event, id=f"{event.id}'"), {})

    put(Group, "again", again)


def retry_judged_anew(put: Set) -> None:
    """The same event again gets the position of now instead of its own answer."""
    real = Group.again

    def again(self: Any, event: Any, before: Any) -> Any:
        found = real(self, event, before)
        now = step.position_report(self.book.position, found.edition)
        return replace(found, decision=replace(found.decision, position=now))

    put(Group, "again", again)


def order_reserves_nothing(put: Set) -> None:
    """An approved order is remembered, and nothing is reserved for it."""
    real = fold.after

    def after(before: Any, trade: Any) -> Any:
        found = real(before, trade)
        if trade.event.kind != "order":
            return found
        kept = before.reserved_shares, before.reserved_amount
        return replace(found, reserved_shares=kept[0], reserved_amount=kept[1])

    put(step, "after", after)


def breach_does_not_halt(put: Set) -> None:
    """A fill that no order covers is denied, and orders go on."""
    put(step, "halting", lambda before, *_: before)


def halted_orders_pass(put: Set) -> None:
    """While the program is halted, orders are judged as ever."""
    real = step.own_findings

    def found(event: Any, proposed: Any, before: Any, edition: Any, *, live: bool) -> Any:
        return real(event, proposed, replace(before, halts=Queue()), edition, live=live)

    put(step, "own_findings", found)


def cancel_keeps_its_money(put: Set) -> None:
    """A cancel frees the shares of its order, and not the money."""
    real = fold.settled

    def settled(before: Any, event: Any, clock: Any) -> Any:
        found = real(before, event, clock)
        if event.kind != "cancel" or isinstance(found, str):
            return found
        return replace(found, reserved_amount=before.reserved_amount)

    put(step, "settled", settled)


BREAKS: Final[dict[str, Callable[[Set], None]]] = {
    one.__name__: one
    for one in (
        never_commits,
        answers_before_commit,
        no_lock,
        ids_not_looked_up,
        position_kept_after_failure,
        others_not_read,
        snapshot_trusted,
        chain_not_checked,
        refusal_changes,
        retry_judged_anew,
        order_reserves_nothing,
        breach_does_not_halt,
        halted_orders_pass,
        cancel_keeps_its_money,
    )
}
