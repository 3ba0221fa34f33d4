"""The days and times of a draft: in which columns or titles they stand, and on which clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from repurchase.domain.errors import short
from repurchase.intake.dates import (
    SERIAL,
    Printed,
    day_reader,
    has_offset,
    has_time,
    is_typed_day,
)
from repurchase.intake.draft.columns import Column, Fields, days_of
from repurchase.intake.draft.patterns import is_clock, patterns, unread
from repurchase.intake.draft.questions import Drafting, flow, quoted
from repurchase.intake.draft.rows import Row
from repurchase.intake.mapping import OPEN, joined, title_of

_TITLES_TRIED: Final = 10_000
_TITLES_SHOWN: Final = 10
_TITLE_MAX: Final = 400
_DAY_WITHIN: Final = re.compile(
    r"(?<!\d)(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}"
    r"|[0-9]{1,2}(?:st|nd|rd|th|er)?\.?[ -](?:de )?[^\W\d_]{3,}\.?[ -](?:de )?[0-9]{2,4}"
    r"|[^\W\d_]{3,}\.? [0-9]{1,2}(?:st|nd|rd|th)?,? [0-9]{4}"
    r"|(?:令和|平成)?[0-9元]{1,4}年[0-9]{1,2}月[0-9]{1,2}日)(?!\d)"
)
# What a title says if its day is that of the trades.
_OF_TRADES: Final = re.compile(
    r"purchas|bought|trade|trading|transact|buy.?back|execut|kauf|köp|køb|kjøp|osto|achat|acqui"
    r"|compra|koop|skup|handel|取得|買",
    re.IGNORECASE,
)
# The clock that a word usually stands for: offered, and never taken.
_USUAL: Final = {
    **dict.fromkeys(("CET", "CEST", "MEZ", "MESZ"), "Europe/Paris"),
    **dict.fromkeys(("GMT", "BST", "WET", "WEST"), "Europe/London"),
    **dict.fromkeys(("EST", "EDT", "ET"), "America/New_York"),
    **dict.fromkeys(("EET", "EEST"), "Europe/Helsinki"),
    "JST": "Asia/Tokyo",
    "HKT": "Asia/Hong_Kong",
}


def draft_calendar(drafting: Drafting, fields: Fields, columns: Sequence[Column]) -> None:
    """Say how days and times are printed; ask which day is the trade's, and whose clock it is."""
    given = days_of(fields)
    clocks = [one for one in fields.get("time", ()) if is_clock(one.distinct())]
    days = [one for one in given if one not in clocks]
    if not days:
        drafting.ask(("columns", "date"), _no_day(columns))
        return
    free = [one for one in columns if one not in given and not drafting.is_named(one.called)]
    every = [*days, *(one for one in free if one.is_day())]
    if len(every) > 1 and not drafting.answers.says(("columns", "date")):
        called = [one.called for one in every]
        what = f"{quoted(called)} have days: which is the day of the trade?"
        drafting.ask_which("date", what, called)
        return
    if any(has_time(one.pattern) for one in patterns(days[0].distinct())):
        clocks = []
    is_on_one_clock = drafting.answers.says(("columns", "time", "zone"))
    zones = [one for one in free if one.says_zone() and clocks and not is_on_one_clock]
    _draft_columns(drafting, [*days[:1], *clocks[:1], *zones[:1]])


def _draft_columns(drafting: Drafting, ats: Sequence[Column]) -> None:
    """Say how the days and times in the columns *ats*, read together, are printed, or ask."""
    texts = [joined(parts) for parts in zip(*(one.filled() for one in ats), strict=True)]
    where = [one.called for one in ats]
    place = {"column": where[0]} if len(where) == 1 else {"columns": where}
    _draft_place(drafting, place, [one for one in texts if one.strip()])


def _draft_place(drafting: Drafting, place: dict[str, Any], texts: Sequence[str]) -> None:
    """Say how the days and times *texts*, which stand at *place*, are printed, or ask."""
    found = patterns(texts)
    said = drafting.answers.pattern()
    name = "time" if has_time(said or (found[0].pattern if found else "")) else "date"
    drafting.columns[name], drafting.calendar = place, name
    if said is None and not found:
        _ask_pattern(drafting, place, texts)
        return
    if said is None:
        _draft_pattern(drafting, found, place, texts)
    _ask_clock(drafting, said or found[0].pattern, texts)


def _ask_pattern(drafting: Drafting, place: dict[str, Any], texts: Sequence[str]) -> None:
    """Ask how days are printed that fit no pattern, or of which year they are."""
    if (bare := _without_year(texts)) is not None:
        place |= {"pattern": bare.pattern, "language": bare.language}
        what = f"`{short(texts[0])}` has no year: in which year are all of these days?"
        drafting.ask(("columns", drafting.calendar, "year"), what)
        return
    what = _unread(texts)
    drafting.ask(("columns", drafting.calendar, "pattern"), what)


def _unread(texts: Sequence[str]) -> str:
    """Return why no pattern reads all *texts*."""
    odd = unread(texts) if texts else ""
    if odd and patterns([odd]):
        other = next((one for one in texts if not patterns([odd, one])), odd)
        return f"no known pattern reads both `{short(odd)}` and `{short(other)}`"
    return f"`{short(odd)}` does not fit a known pattern"


def _without_year(texts: Sequence[str]) -> Printed | None:
    """Return how days are printed that have no year; `None` if they are not just that."""
    # A leap year has all days.
    for year, sign in (("{} 2000", " yyyy"), ("2000年{}", "yyyy年"), ("{}.2000", ".yyyy")):
        found = patterns([year.format(one.strip()) for one in texts])
        if len(found) == 1 and sign in found[0].pattern and not has_time(found[0].pattern):
            return Printed(found[0].pattern.replace(sign, ""), found[0].language)
    return None


def _draft_pattern(
    drafting: Drafting, found: Sequence[Printed], place: dict[str, Any], texts: Sequence[str]
) -> None:
    """Say by which pattern of those *found* days are printed; ask if it is not certain."""
    place["pattern"] = found[0].pattern
    if found[0].language != "en":
        place["language"] = found[0].language
    printed = [one for one in texts if not is_typed_day(one)]
    text, what = (printed or texts)[0], ""
    if len(found) > 1 and len({one.pattern for one in found}) == 1:
        what = f"`{text}` is another day in each of {len(found)} languages"
        languages = (one.language for one in found)
        drafting.ask(("columns", drafting.calendar, "language"), what, languages)
        return
    if len(found) > 1:
        what = f"`{text}` can be read in {len(found)} ways"
    elif found[0].pattern == SERIAL:
        what = f"is `{text}` a spreadsheet's number of a day, {day_reader(found[0])(text)}?"
    elif 0 < len(printed) < len(texts):
        what = f"`{short(text)}` is text beside days of the workbook: in those days,"
        what += " a spreadsheet may have swapped day and month"
    if what:
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
        usual = {one: _USUAL.get(one) for one in unknown}
        candidates = [flow(dict.fromkeys(unknown, zone)) for zone in drafting.known.zones]
        candidates += [flow(usual)] if all(usual.values()) else []
        what = f"which clock is each of {quoted(unknown)}?"
        drafting.ask(("columns", "time", "zones"), what, dict.fromkeys(candidates))


def _no_day(columns: Sequence[Column]) -> str:
    """Return what to say of a table without days: which periods stand there instead."""
    what = "no column has the day of a trade"
    texts = [text for one in columns if one.says_period() for text in one.distinct()[:1]]
    if texts:
        return f"{what}: `{short(texts[0])}` is not a day; ask the sender for a table by day"
    return f"{what}; if all are of one day, answer set.date=YYYY-MM-DD"


# --- titles above tables -------------------------------------------------------------------------


def draft_title(drafting: Drafting, rows: Sequence[Row], fields: Fields) -> str | None:
    """Say which of *rows* is the title with the day if no column has it; return how it begins.

    Ask if titles in several words have days, or if one title has one day and does not speak of
    trades: the day may be that of the announcement. Return `""` then, and `None` without a title.
    """
    clocks = fields.get("time", ())
    is_dated = not all(is_clock(one.distinct()) for one in clocks) or "date" in fields
    if is_dated or drafting.answers.says(("columns", "date")):
        return None
    found: dict[str, list[str]] = {}
    for _, cells in rows[:_TITLES_TRIED]:
        for title, day in _dated(title_of(cells)):
            found.setdefault(title, []).append(day)
    drafts = [_title(drafting, title, days, clocks[:1]) for title, days in found.items()]
    is_certain = all(len(days) > 1 or _OF_TRADES.search(title) for title, days in found.items())
    if len(drafts) > 1 or not is_certain:
        what = f"{len(drafts)} titles have a day: which is the day of the trades?"
        if len(drafts) == 1:
            what = f"is the day in `{short(*found)}` the day of the trades?"
        drafting.ask(("columns", "date"), what, map(flow, drafts[:_TITLES_SHOWN]))
        return ""
    if not drafts:
        return None
    ((title, days),) = found.items()
    drafts[0].pop("pattern")
    _draft_place(drafting, drafts[0], _with_clocks(days, clocks[:1]))
    return title.partition("{")[0]


def _dated(text: str) -> Iterator[tuple[str, str]]:
    """Yield each day within the title *text*, after the title with its place marked."""
    if len(text) > _TITLE_MAX or "{" in text:
        return
    for found in _DAY_WITHIN.finditer(text):
        if patterns([found[0]]):
            yield f"{text[: found.start()]}{{}}{text[found.end() :]}", found[0]


def _title(
    drafting: Drafting, title: str, days: Sequence[str], clocks: Sequence[Column]
) -> dict[str, Any]:
    """Return what a mapping says of the *title*, whose *days* begin the times of *clocks*."""
    printed = patterns(_with_clocks(days, clocks))
    place: dict[str, Any] = {"title": title}
    if clocks:
        place["column"] = clocks[0].called
    pattern = drafting.answers.pattern() or (printed[0].pattern if printed else OPEN)
    return place | {"pattern": pattern}


def _with_clocks(days: Sequence[str], clocks: Sequence[Column]) -> list[str]:
    times = [text for one in clocks for text in one.distinct()]
    return [f"{day} {text}" for day in days[:1] for text in times] if times else list(days)
