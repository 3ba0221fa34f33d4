"""Many processes and threads on one program: the cap ends exactly used, and nobody is left out."""

from __future__ import annotations

from typing import Any, Final

import pytest

from desk_events import PROGRAM
from repurchase.journal.book import stored_book
from repurchase.journal.store import Journal
from stores import Store, Stores
from test_desk_crashes import children

PROCESSES: Final = 8
THREADS: Final = 8
CAP: Final = 400
ATTEMPTS: Final = 8


def check(found: list[dict[str, Any]], store: Store) -> None:
    """Check that *found*, of all processes, used the cap of the program in *store* together."""
    assert [one["error"] for one in found] == [None] * PROCESSES
    assert sum(one["approved"] for one in found) == CAP
    # Every process has a decision before any has finished.
    assert max(one["first"] for one in found) < min(one["done"] for one in found)
    with Journal(store.url) as journal:
        # Raises where the chain is not whole.
        book = stored_book(journal, PROGRAM)
        assert book.head == journal.head(PROGRAM)
    assert book.position.reserved_shares == CAP
    # The adoption, what was approved, and a denial for each thread.
    assert book.head.sequence == 1 + CAP + PROCESSES * THREADS


@pytest.mark.slow
def test_processes_use_a_cap_together(store: Store) -> None:
    """Orders of one share from 8 processes with 8 threads each end just at the cap."""
    check(children("together", store.url, PROCESSES, THREADS), store)


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["no_lock", "others_not_read"])
def test_processes_that_do_not_heed_each_other_are_noticed(
    store: Store, stores: Stores, broken: str
) -> None:
    """Without its lock, or without what others recorded, a desk fails the test above.

    That two meet is a matter of chance: in so many runs they do.
    """

    def is_noticed(url: str) -> bool:
        found = children("together", url, PROCESSES, THREADS, broken=broken)
        try:
            check(found, Store(store.kind, url))
        except (AssertionError, KeyError):
            return True
        return False

    urls = (store.url if number == 0 else stores(store.kind) for number in range(ATTEMPTS))
    assert any(map(is_noticed, urls))
