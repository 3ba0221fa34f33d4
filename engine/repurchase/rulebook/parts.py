"""The parts that rule files and packs share: dated figures, quotes, sources and rules."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from repurchase.domain.averages import (
    ALL,
    COUNTED,
    LAST_PRICE,
    LISTING,
    SUMMED,
    WITHOUT,
    Average,
    Span,
    Unit,
)
from repurchase.domain.counters import EACH, Counter, Per
from repurchase.domain.errors import Wrong, nearest, short
from repurchase.domain.people import is_same_person
from repurchase.domain.quantities import DATE, NO_DAY, Dimension, date_number
from repurchase.domain.terms import Figure, Quote, Source, Term, Validity, Version
from repurchase.domain.venues import listed_venue, zone_name
from repurchase.facts.averages import FAMILY as AVERAGES
from repurchase.facts.averages import average_of, dimension_of
from repurchase.facts.counters import APPLIES, FAMILY, counter_of, facts_of
from repurchase.language.expression import (
    Expression,
    ExpressionError,
    Names,
    both,
    composed,
    on_one_line,
    parse,
)
from repurchase.language.linear import COMPARISONS_MAX, Constants, comparisons
from repurchase.rulebook.figures import Formula, Periods, worked_out
from repurchase.rulebook.keys import Part, Reading, Table
from repurchase.rulebook.model import Declared, Rule
from repurchase.rulebook.schema import NO_CURRENCY
from repurchase.rulebook.yaml_reader import Document, Path, ticked

_ALL_ELSE_RESTS_ON: Final = (("terms",), ("limits",), ("currency",))
# Longer than a week-end: what is valid for longer is so on whole days.
_HOURS_MAX: Final = timedelta(days=7)
_DATES: Final = ("from", "until", "known")
_READ: Final = re.compile(r"\b(?:terms|limits|averages)\.[a-z][a-z0-9_]*")
# Each kind of figure: what messages call it, and an example.
EXAMPLES: Final[Mapping[str, tuple[str, str]]] = {
    "shares": ("a number of shares", "4,000 shares"),
    "money": ("an amount of money", "JPY 400,000,000"),
    "date": ("a date", "2008-11-14"),
    "time": ("a time of day", "09:30"),
    "price": ("a price", "JPY 1,500 a share"),
    "ratio": ("a percentage", "25%"),
    "number": ("a number without a unit", "400"),
}


_CALENDAR: Final[Mapping[str, Unit]] = {"week": "calendar week", "month": "calendar month"}
# A rule on one of these sums applies to all events.
_OF_ALL: Final = ("program.", "day.")
# A fact of the day, also one that is a counter's by now.
_OF_DAY: Final = re.compile(r"(?<![.\w])day\.")


class Parts:
    """Reads the parts of one file; it notes each problem and continues with the next part."""

    def __init__(self, table: Table, document: Document) -> None:
        """Read *document* by *table*; raise RuleFileError if no part of it can be read."""
        self._document = document
        self._reading = Reading(document)
        self._file = self._reading.file(table)
        self._unread: list[str] = []
        self._periods: dict[str, int] = {}

    def _calendar(self) -> str | None:
        """Return the venue whose sessions the file counts; a pack alone has none."""
        instruments = self._file.values.get("instruments") or {}
        return next((venue for one in instruments.values() for venue in one["venues"]), None)

    def _sources(self) -> tuple[Source, ...]:
        """Return the documents that the file quotes."""
        return tuple(
            Source(name, part["title"], part["sha256"], part["url"])
            for name, part in self._file["sources"].items()
        )

    def _versions(self, name: str, parts: Sequence[Part]) -> tuple[Version, ...]:
        versions = tuple(
            Version(
                part["value"],
                self._validity(part),
                self._quote(part),
                cite=part["cite"],
                formula=part.values.get("formula"),
                by=part.values.get("by"),
                approved_by=self._approver(part),
            )
            for part in parts
        )
        for earlier, later in _clashes(versions):
            first = self._document.place(parts[earlier].path)
            what = f"two versions of `{name}` are in effect on the same day"
            hint = f"the other is at {first.line}:{first.column}; set `until`, `from` or `known`"
            self._reading.note(parts[later].path, what, hint)
        return versions

    def _figures(
        self,
        section: str,
        expected: Mapping[str, Dimension],
        dates: Mapping[str, Figure] | None = None,
    ) -> Iterator[Term]:
        """Yield the figures in *section*; each has one dimension, the *expected* one if any.

        A list of periods is a term for the first and one for the last of each. Formulas may also
        read *dates*.
        """
        for name, parts in self._worked_out(section, dates or {}).items():
            place = self._document.key_place((section, name))
            for own, ends in self._ends(section, name, parts):
                versions = self._versions(name, ends)
                dimension = expected.get(own, versions[0].figure.dimension)
                self._has_end(own, parts, versions)
                for part, version in zip(parts, versions, strict=True):
                    if self._misfits(version.figure, dimension):
                        problem = _wrong_dimension(name, version.figure, dimension)
                        self._reading.note((*part.path, "value"), *problem)
                yield Term(own, dimension, versions, place.line, place.column)

    def _has_end(self, name: str, parts: Sequence[Part], versions: Sequence[Version]) -> None:
        """Note each of *versions* that is `none` although *name* is not the last day."""
        for part, version in zip(parts, versions, strict=True):
            if name != "last_day" and version.figure == Figure(NO_DAY, DATE):
                what = f"only `last_day` can be `none`, and not `{name}`"
                self._reading.note((*part.path, "value"), what, "write its value, or leave it out")

    def _ends(
        self, section: str, name: str, parts: Sequence[Part]
    ) -> Iterator[tuple[str, Sequence[Part]]]:
        """Yield the terms that the value of the term *name* makes: itself, or ends of periods."""
        lists = [part["value"] for part in parts if isinstance(part["value"], Periods)]
        if not lists:
            yield name, parts
            return
        for part in parts:
            if not isinstance(part["value"], Periods):
                what = f"`{name}` is a list of periods, but this version is not"
                self._reading.note((*part.path, "value"), what, "write `[2017-04-14..2017-04-20]`")
                return
        # The last period takes the place of those that a version with fewer does not have.
        count = self._periods[f"{section}.{name}"] = max(len(one.ends) for one in lists)
        for number in range(count):
            for which, end in enumerate(("first", "last")):
                ends = [_valued(part, _of(part["value"], number)[which]) for part in parts]
                yield f"{name}.{number + 1}.{end}", ends

    def _worked_out(
        self, section: str, dates: Mapping[str, Figure]
    ) -> Mapping[str, Sequence[Part]]:
        """Return the versions of the figures in *section*, in order, with each formula computed."""
        written: Mapping[str, Sequence[Part]] = self._file[section]
        waiting = {
            name: parts
            for name, parts in written.items()
            if any(isinstance(part["value"], Formula) for part in parts)
        }
        found = {name: parts for name, parts in written.items() if name not in waiting}
        while waiting:
            ready = [
                name
                for name, parts in waiting.items()
                if all(f"{section}.{other}" not in read_by(parts) for other in waiting)
            ]
            for name in ready or waiting:
                found[name] = self._computed(section, waiting[name], found, dates)
            waiting = {name: waiting[name] for name in waiting if name not in found}
        return {name: found[name] for name in written if found[name]}

    def _computed(
        self,
        section: str,
        parts: Sequence[Part],
        found: Mapping[str, Sequence[Part]],
        dates: Mapping[str, Figure],
    ) -> Sequence[Part]:
        """Return *parts* with what their formulas come to; none if one of them has no value."""
        values = {f"{section}.{name}": figure for name, figure in dates.items()}
        several = set()
        for name, others in found.items():
            figures = [part["value"] for part in others]
            is_dated = any(part[key] is not None for part in others for key in _DATES)
            if len(figures) == 1 and isinstance(figures[0], Figure) and not is_dated:
                values[f"{section}.{name}"] = figures[0]
            else:
                several.add(f"{section}.{name}")
        computed = []
        for part in parts:
            figure = part["value"]
            if isinstance(figure, Formula):
                figure = self._value_of(part, figure, values, several)
            if figure is None:
                self._reading.lost.add(part.path[:2])
                return ()
            computed.append(_valued(part, figure))
        return computed

    def _value_of(
        self, part: Part, formula: Formula, values: Mapping[str, Figure], several: Container[str]
    ) -> Figure | None:
        path = (*part.path, "value")
        if self._reads_lost(formula.text):
            return None
        for name in read_in(formula.text):
            if name in several:
                what = f"`{name}` has not one value for all days, so no value can be computed by it"
                self._reading.note(path, what, "write the value itself")
                return None
        names = Names(
            {name: figure.dimension for name, figure in values.items()},
            (),
            self._file.values.get("currency", NO_CURRENCY),
            calendar=self._calendar(),
        )
        constants = {names.whole(name): figure.value for name, figure in values.items()}
        try:
            return worked_out(formula, names, Constants(constants, {}))
        except ExpressionError as error:
            for flaw in error.flaws:
                self._reading.note(path, flaw.what, flaw.hint, flaw.offset)
        except Wrong as wrong:
            self._reading.note(path, f"the value cannot be computed: {wrong.what}", wrong.hint)
        return None

    def _misfits(self, figure: Figure, expected: Dimension) -> bool:
        # The right currency is unknown while the program's own currency is wrong.
        if figure == Figure(NO_DAY, DATE):
            # `_has_end` notes it.
            return False
        if ("currency",) in self._reading.lost and figure.dimension.kind == expected.kind:
            return False
        return figure.dimension != expected

    def _averages(self, added: Container[str] = ()) -> dict[str, Declared]:
        """Return the averages that the file declares, by their names.

        *added* are the venues that the authorization adds to those of ISO 10383.
        """
        found = {}
        for name, part in self._file["averages"].items():
            self._average_fits(part, added)
            before = part["before"]
            average = Average(
                of=part["of"],
                over=part["over"],
                per=part["per"],
                venue=part["venue"],
                without=tuple(one for one in WITHOUT if one in (part["without"] or ())),
                **({} if before is None else {"before": before[0], "day": before[1]}),
            )
            place = self._document.key_place(part.path)
            found[name] = Declared(average, self._document.name, place.line, place.column)
        return found

    def _average_fits(self, part: Part, added: Container[str]) -> None:
        """Note what of an average does not fit what else it declares."""
        of, venue = part["of"], part["venue"]
        if venue is not None and venue not in (ALL, LISTING) and venue not in added:
            self._venue_listed(venue, (*part.path, "venue"))
        if venue == ALL and of not in SUMMED:
            hint = f"name one venue, or take the average of {_one_of(SUMMED)}"
            self._reading.note((*part.path, "venue"), f"`{of}` has no sum over all venues", hint)
        if part["without"] is not None and of != "volume":
            what = f"`without` takes parts from a volume, but this is the average of `{of}`"
            self._reading.note_key((*part.path, "without"), what, "leave it out")
        if part["per"] != "session":
            self._per_fits(part)
        if (of == LAST_PRICE) != (part["over"].unit == "minute ago"):
            what = f"`{of}` is not taken over {part['over']}"
            hint = "a `last_price` is that of so many minutes ago: `over: 5 minutes ago`"
            self._reading.note((*part.path, "over"), what, hint)
        if of == LAST_PRICE and part["before"] is not None:
            what = "a `last_price` is that of some minutes before the trade, and of no other day"
            self._reading.note_key((*part.path, "before"), what, "leave `before` out")

    def _per_fits(self, part: Part) -> None:
        of, over, per = part["of"], part["over"], part["per"]
        if of not in COUNTED:
            hint = f"leave `per` out, or take the average of {_one_of(COUNTED)}"
            self._reading.note((*part.path, "per"), f"`{of}` has no sum in a {per}", hint)
        if over.unit != f"calendar {per}":
            what = f"an average of a {per} is taken over calendar {per}s, not over {over}"
            hint = f"write `over: {Span(_CALENDAR[per], over.many)}`, or leave `per` out"
            self._reading.note((*part.path, "per"), what, hint)

    def _one_namespace(
        self, own: Mapping[str, Declared], others: Mapping[str, Declared]
    ) -> dict[str, Declared]:
        """Return *own* averages and *others*; note each name that both declare differently."""
        for name, one in own.items():
            other = others.get(name)
            if other is not None and one.average != other.average:
                self._reading.note_key(("averages", name), *declared_twice(name, other))
        return {**others, **own}

    def _feed_only(self, averages: Mapping[str, Declared]) -> tuple[str, ...]:
        """Return the facts that only a feed may supply; note *averages* that are not declared."""
        names = tuple(dict.fromkeys(self._file["feed_only"]))
        for index, name in enumerate(self._file["feed_only"]):
            average = average_of(name)
            if average is not None and average not in averages:
                hint = nearest(average, averages) or "declare it under `averages`"
                what = f"the average {ticked(average)} is not declared"
                self._reading.note(("feed_only", index), what, hint)
        return names

    def _validity(self, part: Part) -> Validity:
        first, last, known = part["from"], part["until"], part["known"]
        if isinstance(first, datetime) or isinstance(last, datetime):
            return self._hours(part)
        if first is not None and last is not None and last < first:
            self._reading.note((*part.path, "until"), f"`until` {last} is before `from` {first}")
        if known is not None and last is not None and last < known:
            self._reading.note((*part.path, "known"), f"`known` {known} is after `until` {last}")
        return Validity(first, last, known)

    def _hours(self, part: Part) -> Validity:
        """Return the validity of *part*, which is valid for part of a day or of a few days."""
        first, last, known = part["from"], part["until"], part["known"]
        path = (*part.path, "from" if first is not None else "until")
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            what = "a version for part of a day needs a time in both `from` and `until`"
            self._reading.note(path, what, "write both as `2026-07-01T10:00:00+09:00`")
            moment = first if isinstance(first, datetime) else last
            return Validity(known=known, hours=(moment, moment))
        if last <= first:
            what = f"`until` {last.isoformat()} is not after `from` {first.isoformat()}"
            self._reading.note((*part.path, "until"), what)
        elif last - first > _HOURS_MAX:
            what = f"a version with times is valid for {(last - first).days} days"
            self._reading.note(path, what, f"write days, or at most {_HOURS_MAX.days} days")
        return Validity(known=known, hours=(first, last))

    def _approver(self, part: Part) -> str | None:
        """Return who approved the version *part*; note if that is who asked for it."""
        by, approver = part.values.get("by"), part.values.get("approved_by")
        if approver is not None and is_same_person(by, approver):
            what = f"`approved_by` {ticked(approver)} is not another person than `by`"
            hint = "name who asked for it as `by`, and another person who approved it"
            self._reading.note((*part.path, "approved_by"), what, hint)
        return None if approver is None else str(approver)

    def _quote(self, part: Part) -> Quote | None:
        quote, figure, source = part["quote"], part["figure"], part["source"]
        if source is not None and ("sources", source) not in self._document.places:
            hint = nearest(source, self._file["sources"])
            self._reading.note((*part.path, "source"), f"unknown source {ticked(source)}", hint)
        if quote is None:
            for key in ("figure", "source"):
                if part[key] is not None:
                    what = f"`{key}` is given without a `quote`"
                    self._reading.note_key((*part.path, key), what, "add the quote")
            return None
        place = self._document.place((*part.path, "quote"))
        return Quote(quote, figure, source, place.line, place.column)

    def _venue_listed(self, code: str, path: Path) -> None:
        try:
            zone_name(code)
        except Wrong as wrong:
            add = f"add it under `venues`: {{{code}: Asia/Tokyo}}, with its time zone"
            hint = add if listed_venue(code) is not None else f"{wrong.hint}; correct it, or {add}"
            self._reading.note(path, wrong.what, hint)

    def _counters(self, clock: ZoneInfo) -> Iterator[Counter]:
        """Yield the counters that the file declares; *clock* is that of the authorization."""
        for name, part in self._file["counters"].items():
            first, last, per = part["from"], part["until"], part["per"]
            if first is not None and last is not None and last < first:
                what = f"`until` {last} is before `from` {first}"
                self._reading.note((*part.path, "until"), what)
            yield Counter(
                name,
                instruments=tuple(part.values.get("instruments") or ()),
                venues=tuple(part["venues"] or ()),
                methods=tuple(part["methods"] or ()),
                brokers=tuple(map(composed, part["brokers"] or ())),
                first=first,
                last=last,
                per=per,
                zone=None if part["clock"] == "venue" or _is_of_sessions(per) else clock,
                each=tuple(one for one in EACH if one in (part["each"] or ())),
            )

    def _declared(self) -> tuple[str, ...]:
        """Return the facts of the counters that the file declares, faulty ones included."""
        declared = self._document.value.get("counters")
        names = declared if isinstance(declared, dict) else {}
        return tuple(fact for name in names for fact in facts_of(name))

    def _rules(self, names: Names) -> tuple[Rule, ...]:
        rules = (self._rule(part, names) for part in self._file["rules"])
        return tuple(rule for rule in rules if rule is not None)

    def _rule(self, part: Part, names: Names) -> Rule | None:
        validity, quote = self._validity(part), self._quote(part)
        require, when = (self._condition(part, key, names) for key in ("require", "when"))
        if require is None or (when is None and part["when"] is not None):
            return None
        own = _of_counters(require, has_when=when is not None)
        if own:
            counted = parse(" or ".join(own), names)
            when = counted if when is None else both(when, counted)
        place = self._document.place(part.path)
        rule = Rule(
            id=names.called(part["id"]),
            require=require,
            when=when,
            effect=part["effect"],
            at=part["at"],
            validity=validity,
            title=part["title"],
            cite=part["cite"],
            why=part["why"],
            quote=quote,
            unverified=part.values.get("unverified"),
            line=place.line,
            column=place.column,
        )
        if not rule.facts:
            what = "the rule does not read any fact"
            self._reading.note((*part.path, "require"), what, "make it a check")
        return rule

    def _condition(self, part: Part, key: str, names: Names) -> Expression | None:
        """Return the condition in *key* of *part*; `None` if there is none, or if it is wrong."""
        path, text = (*part.path, key), part[key]
        if text is None:
            return None
        if self._reads_lost(text):
            self._unread.append(text)
            return None
        # If columns can be counted, the text stays unchanged, so that an offset gives a column.
        is_straight = self._document.place(path).inner is not None
        try:
            condition = parse(text if is_straight else on_one_line(text), names)
            count = comparisons(condition)
        except ExpressionError as error:
            self._unread.append(text)
            for flaw in error.flaws:
                self._reading.note(path, flaw.what, flaw.hint, flaw.offset)
            return None
        if count > COMPARISONS_MAX:
            what = f"the expression expands to {count} comparisons"
            hint = f"write at most {COMPARISONS_MAX}: split it into several rules"
            self._reading.note(path, what, hint)
        return condition

    def _reads_lost(self, text: str) -> bool:
        """Return whether *text* reads a term that has an error of its own."""
        if not self._reading.lost.isdisjoint(_ALL_ELSE_RESTS_ON):
            return True
        return self._reading.is_lost(*(tuple(name.split(".")) for name in read_in(text)))

    def _ids_once(self, parts: Iterable[Part]) -> None:
        first: dict[str, Part] = {}
        for part in parts:
            before = first.setdefault(part["id"], part)
            if before is not part:
                place = self._document.place((*before.path, "id"))
                what = f"the id `{short(part['id'])}` is used twice"
                hint = f"choose another id: the first is at {place.line}:{place.column}"
                self._reading.note((*part.path, "id"), what, hint)


def _of(periods: Periods, number: int) -> tuple[Figure, Figure]:
    """Return the first and the last of the period *number*, or those of the last period."""
    return periods.ends[min(number, len(periods.ends) - 1)]


def _valued(part: Part, figure: Figure) -> Part:
    """Return *part*, a version, with *figure* as its value; a formula stays known."""
    value = part["value"]
    formula = value.text if isinstance(value, Formula) else None
    return Part(part.path, {**part.values, "value": figure, "formula": formula})


def read_by(parts: Sequence[Part]) -> set[str]:
    """Return the terms that the formulas of *parts* read."""
    values = [part["value"] for part in parts]
    return {name for one in values if isinstance(one, Formula) for name in read_in(one.text)}


def _wrong_dimension(name: str, figure: Figure, expected: Dimension) -> tuple[str, str | None]:
    found = EXAMPLES[figure.dimension.kind][0]
    if figure.dimension.kind == expected.kind == "money":
        what = f"`{name}` is in {figure.dimension.currency}"
        return what, f"the program's currency is {expected.currency}"
    right, example = EXAMPLES[expected.kind]
    if expected.currency is not None:
        example = example.replace("JPY", expected.currency)
    return f"`{name}` takes {right}, but its value is {found}", f"write it as `{example}`"


def dimensions(averages: Mapping[str, Declared]) -> dict[str, Dimension]:
    """Return the dimension of the fact of each of *averages*."""
    return {f"{AVERAGES}.{name}": dimension_of(one.average) for name, one in averages.items()}


def declared_twice(name: str, other: Declared) -> tuple[str, str]:
    """Return what is wrong with an average *name* beside *other*, and the fix."""
    what = f"the average `{name}` is declared otherwise at {other.file}:{other.line}:{other.column}"
    return what, "declare both alike, or give one of them another name"


def _one_of(words: Sequence[str]) -> str:
    *first, last = (f"`{word}`" for word in words)
    return f"{', '.join(first)} or {last}"


def read_in(text: str) -> list[str]:
    """Return the terms, limits and averages that *text* seems to read, even if it is wrong."""
    return _READ.findall(text)


def _clashes(versions: Sequence[Version]) -> Iterator[tuple[int, int]]:
    """Yield pairs of versions, by index, with one `known` day that are in effect on one day."""
    yield from _hours_clashes(versions)
    furthest: dict[date | None, tuple[int, int]] = {}
    of_days = [one for one in enumerate(versions) if one[1].validity.hours is None]
    for index, version in sorted(
        of_days, key=lambda each: date_number(each[1].validity.first or date.min)
    ):
        validity = version.validity
        begins = date_number(validity.first or date.min)
        ends = date_number(validity.last or date.max)
        until, holder = furthest.get(validity.known, (0, index))
        if begins <= until:
            yield min(holder, index), max(holder, index)
        if ends > until:
            furthest[validity.known] = (ends, index)


def _hours_clashes(versions: Sequence[Version]) -> Iterator[tuple[int, int]]:
    """Yield pairs of versions, by index, that are in effect for part of a day at one moment."""
    found = [
        (one.validity.hours, index)
        for index, one in enumerate(versions)
        if one.validity.hours is not None
    ]
    for (one, index), (other, after) in pairwise(sorted(found)):
        if other[0] < one[1]:
            yield min(index, after), max(index, after)


def _of_counters(require: Expression, *, has_when: bool) -> list[str]:
    """Return the facts of which one must be true for a rule to apply, if it is on counters alone.

    A tranche's limit does not deny what is bought in other months. A rule that says *when* it
    applies can ask what a counter had before an event that this does not count.
    """
    read = {name: counter for name in require.facts if (counter := counter_of(name)) is not None}
    is_of_all = any(name.startswith(_OF_ALL) for name in require.facts)
    is_of_others = has_when and all(map(_is_before, read))
    if is_of_all or is_of_others or _OF_DAY.search(require.text):
        return []
    counters = {*read.values()}
    return [f"{FAMILY}.{name}.{APPLIES}" for name in sorted(counters)]


def _is_before(fact: str) -> bool:
    """Return whether *fact*, of a counter, is a figure before the event."""
    return not fact.endswith(("_after", f".{APPLIES}"))


def _is_of_sessions(per: Per | None) -> bool:
    """Return whether periods *per* are sessions, which are days at a venue."""
    return per is not None and per.unit == "session"
