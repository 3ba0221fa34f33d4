"""The commands by which a person halts a program or lifts a halt: each submits one event, now."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from repurchase.cli.journal_options import now, program_named
from repurchase.cli.options import Option, single_option
from repurchase.cli.output import answer, draw, wants_json
from repurchase.intake.fields import event

by_option: Option = single_option("--by", metavar="NAME", required=True, help="Who says so.")


def submitted(
    journal: str, authorization: str | None, kind: str, said: Mapping[str, object]
) -> int:
    """Submit the event *kind* with the fields *said* now, show what is decided, return the code."""
    import msgspec

    from repurchase.cli.progress import folded
    from repurchase.journal.desk import Desk
    from repurchase.journal.queries import adoption, edition_at
    from repurchase.journal.store import Journal
    from repurchase.report.programs import adoption_view
    from repurchase.report.ways import answer_object, answer_view

    fields = {"kind": kind, "id": f"{kind}-{uuid4().hex[:12]}", "time": now().isoformat(), **said}
    given = event({name: value for name, value in fields.items() if value not in (None, [])})
    with Journal(journal) as kept:
        desk = Desk(kept, program_named(kept, authorization), now, watch=folded)
        before = desk.refresh()
        decided = desk.submit(given)
        after = desk.refresh()
    stops_nothing = any(one.rule == "engine.stops-nothing" for one in decided.decision.findings)
    is_done = decided.decision.outcome in ("approved", "recorded") and not stops_nothing
    if after.rules == before.rules:
        answer(answer_object(decided), lambda: answer_view(decided))
        return 0 if is_done else 1
    # A confirmed rule file is in force now, and the caps and orders are shown under it.
    found = adoption(before, after, now())
    if not wants_json():
        draw(answer_view(decided))
        draw(adoption_view(found, edition_at(after, now()), is_done=True))
    answer({**msgspec.to_builtins(answer_object(decided)), "adopted": found})
    return 0 if found.fits else 1
