"""The days and times of a draft: in which columns or titles they stand, and on which clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from repurchase.domain.errors import short
from repurchase.intake.columns import Column
from repurchase.intake.dates import SERIAL, Printed, day_reader, has_offset, has_time
from repurchase.intake.mapping import filled
from repurchase.intake.patterns import is_clock, patterns, unread
from repurchase.intake.printed import Typed
from repurchase.intake.questions import Drafting, flow
from repurchase.intake.rows import Row, label

_TITLES_TRIED: Final = 100
# The clock that a word usually stands for: offered, and never taken.
_USUAL: Final = {
    **dict.fromkeys(("CET", "CEST", "MEZ", "MESZ"), "Europe/Paris"),
    **dict.fromkeys(("GMT", "BST", "WET", "WEST"), "Europe/London"),
    **dict.fromkeys(("EST", "EDT", "ET"), "America/New_York"),
    **dict.fromkeys(("EET", "EEST"), "Europe/Helsinki"),
    "JST": "Asia/Tokyo",
    "HKT": "Asia/Hong_Kong",
}


def draft_calendar(
    drafting: Drafting, fields: Mapping[str, Sequence[Column]], columns: Sequence[Column]
) -> None:
    """Say how days and times are printed; ask which day is the trade's, and whose clock it is."""
    given = [*fields.get("date", ()), *fields.get("time", ())]
    clocks = [one for one in fields.get("time", ()) if is_clock(one.distinct())]
    days = [one for one in given if one not in clocks]
    if not days:
        drafting.ask(("columns", "date"), _no_day(columns))
        return
    free = [one for one in columns if one not in given and not drafting.is_named(one.called)]
    every = [*days, *(one for one in free if one.is_day())]
    if len(every) > 1 and not drafting.answers.says(("columns", "date")):
        shown = ", ".join(f"`{one.called}`" for one in every)
        what = f"{shown} have days: which is the day of the trade?"
        drafting.ask(("columns", "date"), what, (flow(one.called) for one in every))
        return
    is_on_one_clock = drafting.answers.says(("columns", "time", "zone"))
    zones = [one for one in free if one.says_zone() and clocks and not is_on_one_clock]
    _draft_columns(drafting, [*days[:1], *clocks[:1], *zones[:1]])


def _draft_columns(drafting: Drafting, ats: Sequence[Column]) -> None:
    """Say how the days and times in the columns *ats*, read together, are printed, or ask."""
    texts = [_joined(parts) for parts in zip(*(one.filled() for one in ats), strict=True)]
    texts = [one for one in texts if one.strip()]
    found = patterns(texts)
    said = drafting.answers.pattern()
    name = "time" if has_time(said or (found[0].pattern if found else "")) else "date"
    where = [one.called for one in ats]
    place: dict[str, Any] = {"column": where[0]} if len(where) == 1 else {"columns": where}
    drafting.columns[name], drafting.calendar = place, name
    if not found and said is None:
        what = f"`{short(unread(texts))}` is printed as no pattern that is known"
        drafting.ask(("columns", name, "pattern"), what)
        return
    if said is None:
        _draft_pattern(drafting, found, place, texts[0])
    _ask_clock(drafting, said or found[0].pattern, texts)


def _draft_pattern(
    drafting: Drafting, found: Sequence[Printed], place: dict[str, Any], text: str
) -> None:
    """Say by which pattern of those *found* days are printed; ask if there are several."""
    place["pattern"] = found[0].pattern
    if found[0].language != "en":
        place["language"] = found[0].language
    what = f"`{text}` can be read in {len(found)} ways"
    if found[0].pattern == SERIAL:
        what = f"is `{text}` a spreadsheet's number of a day, {day_reader(found[0])(text)}?"
    if len(found) > 1 and len({one.pattern for one in found}) == 1:
        what = f"`{text}` is another day in each of {len(found)} languages"
        languages = (one.language for one in found)
        drafting.ask(("columns", drafting.calendar, "language"), what, languages)
    elif len(found) > 1 or found[0].pattern == SERIAL:
        path = ("columns", drafting.calendar, "pattern")
        drafting.ask(path, what, (flow(one.pattern) for one in found))


def _ask_clock(drafting: Drafting, pattern: str, texts: Sequence[str]) -> None:
    """Ask which clock times are of, unless their *pattern* reads it."""
    if not has_time(pattern):
        return
    if not has_offset(pattern):
        zones = dict.fromkeys((*drafting.known.zones, "UTC"))
        what = f"`{texts[0]}` has no offset: which time zone is it in?"
        drafting.ask(("columns", "time", "zone"), what, zones)
        return
    words = dict.fromkeys(text.split()[-1] for text in texts) if pattern.endswith("z") else {}
    unknown = [one for one in words if "/" not in one and one not in ("UTC", "Z")]
    if unknown:
        shown = ", ".join(f"`{short(one)}`" for one in unknown)
        usual = {one: _USUAL.get(one) for one in unknown}
        candidates = [flow(dict.fromkeys(unknown, zone)) for zone in drafting.known.zones]
        candidates += [flow(usual)] if all(usual.values()) else []
        what = f"which clock is each of {shown}?"
        drafting.ask(("columns", "time", "zones"), what, dict.fromkeys(candidates))


def _no_day(columns: Sequence[Column]) -> str:
    """Return what to say of a table without days: what stands in its first column instead."""
    what = "no column has the day of a trade"
    texts = next((one.distinct() for one in columns if one.distinct()), ())
    if texts and not columns[0].holds_numbers():
        what += f": `{short(texts[0])}` is none; ask the sender for a table by day"
    return what


def _joined(parts: Sequence[str]) -> str:
    text = " ".join(parts)
    return Typed(text) if all(isinstance(one, Typed) for one in parts) else text


# --- titles above tables -------------------------------------------------------------------------


def draft_title(
    drafting: Drafting, rows: Sequence[Row], fields: Mapping[str, Sequence[Column]]
) -> str | None:
    """Say which titles have the day if no column has it; return how they begin."""
    if {"date", "time"} & fields.keys() or drafting.answers.says(("columns", "date")):
        return None
    labels = (label(cells) for _, cells in rows if filled(cells) == 1)
    lone = list(islice(dict.fromkeys(labels), _TITLES_TRIED))
    for text in lone:
        alike = [one for one in lone if one.startswith(text.split(" ")[0])]
        for prefix in _prefixes(_shared(alike)):
            found = patterns([one[len(prefix.rstrip()) :].strip() for one in alike])
            if len(found) == 1 and not has_time(found[0].pattern):
                title = {"title": f"{prefix.rstrip()} {{}}", "pattern": found[0].pattern}
                other = {} if found[0].language == "en" else {"language": found[0].language}
                drafting.columns["date"] = title | other
                return prefix
    return None


def _shared(texts: Sequence[str]) -> str:
    """Return how all of *texts* begin."""
    first, last = min(texts), max(texts)
    at = next((at for at, sign in enumerate(first) if last[at : at + 1] != sign), len(first))
    return first[:at]


def _prefixes(text: str) -> Iterator[str]:
    """Yield the beginnings of *text* that end before a blank, the longest first."""
    yield from (text[:at] for at in range(len(text), 0, -1) if text[at - 1 : at] == " ")
