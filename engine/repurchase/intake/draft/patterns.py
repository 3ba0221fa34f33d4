"""By which patterns the days and times of a file can be read: those that fit all of them.

A text is taken apart into its day, its time and its clock, so that each part is tried alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from repurchase.domain.errors import Wrong
from repurchase.intake.dates import EPOCHS, SERIAL, Printed, day_reader, is_typed_day
from repurchase.intake.draft.styles import LENGTH_MAX
from repurchase.intake.months import LANGUAGES, MONTHS, WEEKDAYS
from repurchase.intake.printed import Reader

# A day before or after these is another pattern, read wrongly.
_FIRST, _LAST = "1980", "2100"
_BY_LANGUAGE: Final = sorted(LANGUAGES, key=lambda one: one != "en")
_TRIED: Final = 2_000
_DAYS: Final = (
    *("yyyy-MM-dd", "dd/MM/yyyy", "MM/dd/yyyy", "d/M/yyyy", "M/d/yyyy", "dd.MM.yyyy", "d.M.yyyy"),
    *("dd-MM-yyyy", "MM-dd-yyyy", "yyyyMMdd", "ddMMyyyy", "MMddyyyy", "yyyy/MM/dd", "yyyy/M/d"),
    *("yyyy.MM.dd", "dd/MM/yy", "MM/dd/yy", "d/M/yy", "M/d/yy", "yy/MM/dd", "dd.MM.yy", "d.M.yy"),
    *("yy.MM.dd", "dd-MM-yy", "MM-dd-yy", "yy-MM-dd", "yyyy年M月d日", "Gy年M月d日", "Gy.M.d"),
)
_IN_WORDS: Final = (
    *("d MMM yyyy", "d. MMM yyyy", "d-MMM-yyyy", "d-MMM-yy", "d MMM yy", "ddMMMyyyy", "ddMMMyy"),
    *("MMM d, yyyy", "MMM d yyyy", "yyyy-MMM-dd", "d/MMM/yyyy", "d 'de' MMM 'de' yyyy"),
    *("d.MMM.yyyy", "d MMM, yyyy", "MMM d. yyyy", "d.MMM.yy"),
)
_CLOCK: Final = (
    r"(?P<H>[0-9]{1,2})(?P<sign>[:.hH])(?P<m>[0-9]{2})"
    r"(?:(?P=sign)(?P<s>[0-9]{2})(?:(?P<point>[.,:])(?P<S>[0-9]{1,9}))?)?(?![0-9.])(?P<half>\s*[ap]\.?m\.?)?"
    r"(?P<offset>\s*(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)(?![0-9]))?(?P<zone>\s+[A-Z][A-Za-z_/]{2,})?"
)
_AFTER: Final = re.compile(rf"(?P<day>.*\w\.?)(?P<between>\s*[T,-]\s*|\s+){_CLOCK}", re.IGNORECASE)
_ALONE: Final = re.compile(_CLOCK, re.IGNORECASE)
_BEFORE: Final = re.compile(rf"{_CLOCK}(?P<between>,?\s+)(?P<day>[0-9].*)", re.IGNORECASE)
_COMPACT: Final = re.compile(
    r"(?P<day>[0-9]{8})(?P<between>[\s-]+|T|)(?P<H>[0-9]{1,2})[0-9]{4}(?P<S>\.[0-9]{1,9})?"
)
# A time amid the day, as some programs print it.
_AMID: Final = re.compile(
    r"[A-Z][a-z]{2} (?:[0-9]{2} [A-Z]|[A-Z][a-z]{2} [0-9])\S* [0-9:]{8} (?P<zone>[A-Z]{3,4})"
    r" [0-9]{4}"
)
_WEEKDAY: Final = re.compile(r"([^\W\d_]+)(\.?,?\s+)(?=\S)")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
# Of the years from 2001 to 2033: a longer time begins with 20, as a year does.
_EPOCH: Final = re.compile(r"1[0-9]+")
_SERIALS: Final = re.compile(r"[34][0-9]{4}")
_EPOCH_SECONDS: Final = 10


class _Part(NamedTuple):
    """A text taken apart: its day, and the pattern of the rest, before it or after it."""

    day: str
    before: str
    after: str


def patterns(texts: Sequence[str]) -> list[Printed]:
    """Return how all of *texts* can be printed, the first of those that come to the same days."""
    tried = [one for one in texts[:_TRIED] if not is_typed_day(one)]
    if not texts or any(len(one) > LENGTH_MAX for one in tried):
        return []
    if not tried:
        return [_typed(texts)]
    if (counted := _counted(tried) or _amid(tried)) is not None:
        return counted
    parts = [_apart(one.strip()) for one in tried]
    around = {(one.before, one.after) for one in parts}
    if len(around) > 1:
        # Hours before ten may have one digit.
        around = {(before.replace("HH", "H"), after.replace("HH", "H")) for before, after in around}
    # A fraction may be absent.
    if len({re.sub("[.,:]S", "", f"{before}\0{after}") for before, after in around}) != 1:
        return []
    before, after = max(around, key=lambda one: len(one[0]) + len(one[1]))
    if len(around) > 1:
        before, after = (re.sub(r"([.,:]S)", r"[\1]", one) for one in (before, after))
    return [
        Printed(f"{before}{one.pattern}{after}", one.language)
        for one in _days([part.day for part in parts])
    ]


def is_clock(texts: Sequence[str]) -> bool:
    """Return whether *texts* are times without a day."""
    return bool(texts) and all(
        _ALONE.fullmatch(one.strip()) or re.fullmatch("[0-9]{5,6}", one.strip()) for one in texts
    )


def unread(texts: Sequence[str]) -> str:
    """Return the first of *texts* that is not printed as most are."""
    alone = [bool(patterns([one])) for one in texts[:_TRIED]]
    return next(
        (text for text, is_read in zip(texts, alone, strict=False) if not is_read), texts[0]
    )


def _typed(texts: Sequence[str]) -> Printed:
    has_clock = any(" " in one for one in texts)
    return Printed("yyyy-MM-dd HH:mm:ss[.S]" if has_clock else "yyyy-MM-dd")


def _counted(texts: Sequence[str]) -> list[Printed] | None:
    """Return the patterns of numbers that count days or seconds; `None` if *texts* are not such."""
    if all(map(_SERIALS.fullmatch, map(str.strip, texts))):
        return [Printed(SERIAL)]
    lengths = {len(one.strip()) if _EPOCH.fullmatch(one.strip()) else 0 for one in texts}
    names = [name for name, more in EPOCHS.items() if lengths == {_EPOCH_SECONDS + more}]
    return [Printed(name) for name in names] or None


def _amid(texts: Sequence[str]) -> list[Printed] | None:
    """Return the pattern of times that stand amid the day; the one word of a zone is a text."""
    found = [_AMID.fullmatch(one.strip()) for one in texts]
    words = {one["zone"] for one in found if one is not None}
    if None in found or not words:
        return None
    zone = f"'{min(words)}'" if len(words) == 1 else "z"
    day = "dd MMM" if texts[0].split()[1].isdigit() else "MMM dd"
    return [Printed(f"EEE {day} HH:mm:ss {zone} yyyy")]


def _apart(text: str) -> _Part:
    if found := _COMPACT.fullmatch(text):
        hours = "HH" if len(found["H"]) == 2 else "H"
        fraction = ".S" if found["S"] else ""
        return _Part(found["day"], "", f"{_sign(found['between'])}{hours}mmss{fraction}")
    if found := _AFTER.fullmatch(text):
        return _Part(found["day"], "", _sign(found["between"]) + _clock(found))
    if found := _BEFORE.fullmatch(text):
        return _Part(found["day"], _clock(found) + _sign(found["between"]), "")
    return _Part(text, "", "")


def _sign(between: str) -> str:
    """Return what stands *between* day and time as a pattern."""
    bare = between.strip()
    blank = " " if between[-1:].isspace() else ""
    return (f"'{bare}'" if bare.isalpha() else bare) + blank if bare else blank


def _clock(found: re.Match[str]) -> str:
    """Return the pattern of the time that *found* holds."""
    sign = f"'{found['sign']}'" if found["sign"] in "hH" else found["sign"]
    hour = ("h" if found["half"] else "H") * (1 if found["half"] else len(found["H"]))
    text = f"{hour}{sign}mm" + (f"{sign}ss" if found["s"] else "")
    text += f"{found['point']}S" if found["S"] else ""
    for name, letter in (("half", "a"), ("offset", "X"), ("zone", "z")):
        if found[name]:
            text += (" " if found[name][0].isspace() else "") + letter
    return text


def _days(texts: Sequence[str]) -> list[Printed]:
    """Return how the days *texts* can be printed, each with other days.

    A weekday that fits the day tells patterns and languages apart: `Di` is Tuesday in German, and
    Sunday in French.
    """
    weekday, spoken = _weekday(texts)
    bare = [_WEEKDAY.sub("", one, count=1) for one in texts] if weekday else texts
    tried = _tried(bare, spoken or _BY_LANGUAGE[:1], spoken or _BY_LANGUAGE)
    if found := _fitting(texts, weekday, tried):
        return found
    # It fits none: reading the file will say of which day it is wrong.
    found = _fitting(bare, "", tried) if weekday else []
    return [Printed(f"{weekday}{one.pattern}", one.language) for one in found]


def _fitting(texts: Sequence[str], before: str, tried: Sequence[tuple[str, str]]) -> list[Printed]:
    found: dict[tuple[str | None, ...], Printed] = {}
    for day, language in tried:
        try:
            values = tuple(map(_reader(f"{before}{day}", language), texts))
        except Wrong:
            continue
        if all(one is not None and _FIRST <= one <= _LAST for one in values):
            found.setdefault(values, Printed(f"{before}{day}", language))
    return list(found.values())


@cache
def _reader(day: str, language: str) -> Reader:
    return day_reader(Printed(day, language))


def _weekday(texts: Sequence[str]) -> tuple[str, list[str]]:
    """Return the pattern of the weekday before each of *texts*, and the languages that have it."""
    found = [one for text in texts if (one := _WEEKDAY.match(text)) is not None]
    words = {one[1].casefold() for one in found}
    spoken = [one for one in _BY_LANGUAGE if words <= WEEKDAYS[one].keys()]
    if len(found) < len(texts) or not spoken:
        return "", []
    return f"EEE{found[0][2].lstrip('.')}", spoken


def _tried(
    texts: Sequence[str], in_digits: Sequence[str], in_words: Sequence[str]
) -> list[tuple[str, str]]:
    """Return each pattern that days *texts* without weekdays may have, with its language."""
    words = {word.casefold() for one in texts for word in _WORD.findall(one)}
    if not words or not words.isdisjoint(("令和", "平成", "昭和")):
        return [(day, language) for language in in_digits for day in _DAYS]
    spoken = [language for language in in_words if words <= MONTHS[language].keys()]
    return [(day, language) for language in spoken for day in _IN_WORDS]
