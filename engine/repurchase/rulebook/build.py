"""From a read file to an authorization, with every error that its parts make together."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Final

from msgspec.structs import replace

from repurchase.domain.calendars import zone
from repurchase.domain.counters import Counter
from repurchase.domain.currencies import whole
from repurchase.domain.errors import Problem, RuleFileError, Wrong, nearest, short
from repurchase.domain.quantities import (
    BARE,
    DATE,
    Exact,
    date_number,
    simplest,
    value_written,
    written,
)
from repurchase.domain.sessions import sessions_at
from repurchase.domain.terms import (
    CAPS,
    DATED,
    KNOWN_TERMS,
    Figure,
    Instrument,
    Term,
    Version,
    in_force,
    known_dimensions,
)
from repurchase.domain.venues import listed_venue
from repurchase.facts.counters import counter_of
from repurchase.language.expression import (
    CLASS,
    All,
    Comparison,
    Condition,
    Member,
    Names,
    Word,
)
from repurchase.rulebook.keys import Part
from repurchase.rulebook.library import former_path
from repurchase.rulebook.model import Authorization, Check, Declared, Pack, Rule, Watched
from repurchase.rulebook.packs import (
    PackDocument,
    is_pack,
    read_pack,
    shipped_averages,
    shipped_counters,
    shipped_facts,
    shipped_or_beside,
)
from repurchase.rulebook.parts import (
    EXAMPLES,
    Parts,
    declared_twice,
    dimensions,
    read_by,
    read_in,
)
from repurchase.rulebook.schema import RULE_FILE
from repurchase.rulebook.yaml_reader import Document, open_document, read_document

# The days of the file before which an average may be taken.
_STATED: Final = ("announced", "resolved")


def read(path: str | os.PathLike[str]) -> Authorization:
    """Return the authorization in the rule file *path*.

    Raise UsageError if the file cannot be opened, RuleFileError with every fault in it.
    """
    return read_authorization(open_document(path))


def read_text(data: bytes, name: str) -> Authorization:
    """Return the authorization in *data*, the content of the file that messages call *name*.

    Raise RuleFileError with every fault in it.
    """
    return read_authorization(read_document(data, name))


def read_authorization(document: Document, packs: PackDocument | None = None) -> Authorization:
    """Return the authorization in *document*.

    *packs* returns each pack that it includes; the default finds shipped packs and packs beside the
    file. Raise RuleFileError with every fault, by place.
    """
    if is_pack(document.value):
        what = "this is a rule pack, which cannot be evaluated alone"
        asked = f"./{short(pathlib.Path(document.name).stem)}"
        hint = f"give a rule file that includes it with `include: [{asked}]`"
        raise RuleFileError(document.problem(document.key_place(("pack",)), what, hint))
    return _Builder(RULE_FILE, document).authorization(packs or shipped_or_beside(document.name))


class _Builder(Parts):
    """Builds the authorization of a rule file."""

    def authorization(self, packs: PackDocument) -> Authorization:
        """Return the authorization; raise RuleFileError with every fault."""
        file = self._file
        terms = self._terms()
        dates = tuple(self._dated())
        of_packs: list[Problem] = []
        names = self._names((*terms, *dates))
        included = tuple(self._packs(packs, names, of_packs))
        averages = self._all_averages(included)
        names = replace(names, averages=dimensions(averages))
        checks, rules = tuple(self._checks(names)), self._rules(names)
        feed_only = self._feed_only(averages)
        instruments = tuple(self._instruments())
        counters = tuple(self._own_counters())
        self._venues_lacking()
        self._ids_once((*file["checks"], *file["rules"]))
        all_rules = (*rules, *(rule for pack in included for rule in pack.rules))
        if not of_packs:
            self._terms_read(terms, checks, all_rules)
            self._prices_fit(all_rules, instruments)
        self._declared_once(counters, included)
        self._sessions_known(_used(counters, included, all_rules), instruments)
        self._window_in_order(terms)
        self._announced_once_resolved()
        self._reading.refuse_if_wrong(of_packs)
        return Authorization(
            name=file["authorization"],
            issuer=file["issuer"],
            resolved=file["resolved"],
            announced=file["announced"],
            basis=file["basis"],
            sources=self._sources(),
            timezone=file["timezone"],
            currency=file["currency"],
            with_fees=file["amount_basis"] == "with_fees",
            instruments=instruments,
            # A date that no rule reads is not a term.
            terms=(*terms, *(one for one in dates if _is_read(one, checks, all_rules))),
            checks=checks,
            rules=rules,
            packs=included,
            unlimited=tuple(dict.fromkeys(file["unlimited"])),
            late_days=file["late_days"],
            feed_only=feed_only,
            venues=dict(file["venues"]),
            counters=_used(counters, included, all_rules),
            averages=averages,
            notify=tuple(self._watched()),
            file=self._document.name,
            text=self._document.text,
        )

    def _terms(self) -> tuple[Term, ...]:
        known = known_dimensions(self._file["currency"])
        dates = self._dates()
        terms = tuple(self._figures("terms", known, dates))
        for term in (term for term in terms if term.name in CAPS):
            for part, version in zip(self._file["terms"][term.name], term.versions, strict=True):
                if version.figure.dimension == known[term.name] and version.figure.value <= 0:
                    what = f"the cap `{term.name}` is not above zero"
                    self._reading.note((*part.path, "value"), what)
        return terms

    def _dates(self) -> Mapping[str, Figure]:
        """Return the dates of the file that are terms, too, unless a term has their name."""
        return {
            name: Figure(date_number(self._file[name]), DATE)
            for name in DATED
            if self._file[name] is not None and name not in self._file["terms"]
        }

    def _dated(self) -> Iterator[Term]:
        """Yield the dates of the file as terms."""
        for name, figure in self._dates().items():
            place = self._document.key_place((name,))
            yield Term(name, DATE, (Version(figure),), place.line, place.column)

    # --- instruments

    def _instruments(self) -> Iterator[Instrument]:
        listed: dict[tuple[str, str], str] = {}
        for name, part in self._file["instruments"].items():
            symbol, venues = part["symbol"], tuple(part["venues"])
            for index, venue in enumerate(venues):
                other = listed.setdefault((symbol, venue), name)
                if other != name or venue in venues[:index]:
                    what = f"`{short(symbol)}` on `{venue}` is listed twice"
                    path = (*part.path, "venues", index)
                    self._reading.note(path, what, f"see instrument `{other}`")
                if venue not in self._added():
                    self._venue_listed(venue, (*part.path, "venues", index))
            yield Instrument(
                name=name,
                symbol=symbol,
                venues=venues,
                currency=part["currency"] or self._file["currency"],
                shares_each=self._ratio(part),
                fx_margin=part["fx_margin"],
                fx_between=self._rates(part),
                tick=self._tick(part),
            )

    def _venues_lacking(self) -> None:
        """Note each venue that the file adds although the table has its clock."""
        for code in self._file["venues"]:
            listed = listed_venue(code)
            if listed is not None and listed.zone is not None:
                what = f"ISO 10383 lists `{code}` already; its clock is {listed.zone}"
                self._reading.note_key(("venues", code), what, "remove it")

    def _ratio(self, part: Part) -> tuple[Version, ...]:
        if part["per_share"] is not None and part["shares_each"] is not None:
            path = (*part.path, "shares_each")
            self._reading.note_key(path, "`per_share` and `shares_each` are both given", "keep one")
        key = "shares_each" if part["per_share"] is None else "per_share"
        stated = part[key]
        if stated is None:
            return (Version(Figure(1, BARE)),)
        return tuple(
            replace(version, figure=self._each(key, one), stated=version.figure)
            for one, version in zip(stated, self._versions(key, stated), strict=True)
        )

    def _each(self, key: str, part: Part) -> Figure:
        """Return the ordinary shares per unit of an instrument, by the ratio that *part* states."""
        figure, path = part["value"], (*part.path, "value")
        if figure.dimension != BARE:
            found = EXAMPLES[figure.dimension.kind][0]
            self._reading.note(path, f"`{key}` takes a number, but its value is {found}")
        if figure.value <= 0:
            self._reading.note(path, f"`{key}` is not above zero")
            return Figure(1, BARE)
        each = figure.value if key == "shares_each" else simplest(1 / Fraction(figure.value))
        return Figure(each, BARE)

    def _tick(self, part: Part) -> tuple[Version, ...]:
        """Return the steps of an instrument's prices; none if *part* does not say them."""
        if part["tick"] is None:
            return ()
        versions = self._versions("tick", part["tick"])
        for one, version in zip(part["tick"], versions, strict=True):
            if version.figure.dimension != BARE or version.figure.value <= 0:
                what = "`tick` takes a number above zero"
                self._reading.note((*one.path, "value"), what, "write it as `0.5`")
        return versions

    def _rates(self, part: Part) -> tuple[Exact, Exact] | None:
        """Return the bounds that *part* sets on an instrument's rate; `None` without bounds."""
        rates, path = part["fx_between"], (*part.path, "fx_between")
        if rates is None:
            return None
        for index, figure in enumerate(rates):
            if figure.dimension != BARE:
                found = EXAMPLES[figure.dimension.kind][0]
                what = f"`fx_between` takes numbers, but this value is {found}"
                self._reading.note((*path, index), what)
            elif figure.value <= 0:
                self._reading.note((*path, index), "a rate of `fx_between` is not above zero")
        low, high = (figure.value for figure in rates)
        if low > high:
            what = f"the first rate of `fx_between`, {written(low)}, is above the second"
            self._reading.note(path, what, f"write [{written(high)}, {written(low)}]")
        own = self._file["currency"]
        stated = part["currency"]
        if ("currency",) not in self._reading.lost and (stated is None or whole(stated) == own):
            what = f"the instrument is in the program's currency, {own}, so it has no rate to bound"
            self._reading.note_key(path, what, "leave `fx_between` out")
        return low, high

    # --- counters

    def _own_counters(self) -> Iterator[Counter]:
        """Yield the counters of the file; note what they name and the file does not have."""
        for part in self._file["counters"].values():
            self._instruments_used(part)
            self._venues_used(part)
        yield from self._counters(zone(self._file["timezone"]))

    def _watched(self) -> Iterator[Watched]:
        for name, at in self._file["notify"].items():
            place = self._document.key_place(("notify", name))
            yield Watched(name, tuple(sorted(set(at))), place.line, place.column)

    def _declared_once(self, counters: Sequence[Counter], packs: Sequence[Pack]) -> None:
        """Note each counter that two of the program, the file and its packs declare differently."""
        first = {one.name: (one, former_path().name) for one in shipped_counters()}
        declared = [("this file", counters)]
        declared += [(f"the pack `{pack.name}`", pack.counters) for pack in packs]
        for who, declared_by in declared:
            for one in declared_by:
                own, where = first.setdefault(one.name, (one, who))
                if own != one:
                    what = f"{who} declares the counter `{one.name}`, too"
                    hint = f"{where} declares it otherwise; give one of them another name"
                    path = ("counters", one.name) if one.name in self._file["counters"] else ()
                    self._reading.note_key(path or ("include",), what, hint)

    def _sessions_known(
        self, counters: Sequence[Counter], instruments: Sequence[Instrument]
    ) -> None:
        """Note each counter with windows of sessions that no table has for one of its venues."""
        listed = [(one.name, venue) for one in instruments for venue in one.venues]
        for one in counters:
            if one.per is None or one.per.unit != "session" or not one.is_rolling:
                continue
            lacking = [venue for venue in sorted(one.venues_of(listed)) if not sessions_at(venue)]
            if lacking:
                what = f"no table has the sessions of `{lacking[0]}`, which `{one.name}` counts"
                path = ("counters", one.name, "per") if one.name in self._file["counters"] else ()
                self._reading.note(path or ("include",), what, "count in days")

    def _instruments_used(self, part: Part) -> None:
        """Note each instrument of a counter that the file does not have."""
        written = self._document.value.get("instruments")
        known = written if isinstance(written, dict) else {}
        for index, one in enumerate(part["instruments"] or ()):
            if one not in known:
                what = f"the file has no instrument `{one}`"
                self._reading.note((*part.path, "instruments", index), what, nearest(one, known))

    def _venues_used(self, part: Part) -> None:
        """Note each venue of a counter at which no instrument of the file can be bought."""
        used = {venue for one in self._file["instruments"].values() for venue in one["venues"]}
        for index, venue in enumerate(part["venues"] or ()):
            if venue not in used and not self._reading.is_lost(("instruments",)):
                what = f"no instrument is listed on `{venue}`"
                self._reading.note((*part.path, "venues", index), what, nearest(venue, used))

    # --- packs

    def _packs(self, packs: PackDocument, names: Names, problems: list[Problem]) -> Iterator[Pack]:
        """Yield the packs that are included; add the faults inside them to *problems*."""
        first: dict[str, Part] = {}
        clock = zone(self._file["timezone"])
        for part in self._file["include"]:
            try:
                found = packs(part["pack"])
                pack = read_pack(found, part["pack"], part["options"], names, clock)
            except Wrong as wrong:
                self._reading.note(part.path, wrong.what, wrong.hint)
                continue
            except RuleFileError as error:
                problems += error.problems
                continue
            self._options_known(part, pack)
            before = first.setdefault(pack.name, part)
            if before is part:
                yield pack
                continue
            place = self._document.place(before.path)
            hint = f"remove one: the first is at {place.line}:{place.column}"
            self._reading.note(part.path, f"the pack `{pack.name}` is included twice", hint)

    def _options_known(self, part: Part, pack: Pack) -> None:
        known = tuple(option.name for option in pack.options)
        for index, name in enumerate(part["options"]):
            if name not in known:
                what = f"the pack `{pack.name}` has no option `{short(name)}`"
                listed = ", ".join(f"`{one}`" for one in known)
                hint = nearest(name, known) or (
                    f"its options are {listed}" if known else "remove it"
                )
                self._reading.note((*part.path, "options", index), what, hint)

    # --- averages

    def _all_averages(self, included: Sequence[Pack]) -> dict[str, Declared]:
        """Return the averages of the file and of its packs, those before a day with that day."""
        found = dict(shipped_averages())
        for pack in included:
            for name, one in pack.averages.items():
                other = found.setdefault(name, one)
                if one.average != other.average:
                    index = [part["pack"] for part in self._file["include"]].index(pack.included)
                    self._reading.note(("include", index), *declared_twice(name, other))
        own = self._averages(self._added())
        for name, one in own.items():
            before = one.average.before
            if before in _STATED and self._file[before] is None:
                path = ("averages", name, "before")
                what = f"the file does not state `{before}`, so the average is never known"
                self._reading.note(path, what, f"add `{before}`, with its day")
        return {name: self._with_day(one) for name, one in self._one_namespace(own, found).items()}

    def _with_day(self, one: Declared) -> Declared:
        before = one.average.before
        if before not in _STATED:
            return one
        return replace(one, average=replace(one.average, day=self._file[before]))

    # --- conditions

    def _names(self, terms: Sequence[Term]) -> Names:
        # The name of a faulty instrument counts, so that a rule with that name is not faulty too.
        written = self._document.value.get("instruments")
        return Names(
            constants={f"terms.{term.name}": term.dimension for term in terms},
            instruments=tuple(written) if isinstance(written, dict) else (),
            currency=self._file["currency"],
            venues=self._added(),
            declared=(*self._declared(), *shipped_facts()),
            periods=self._periods,
            calendar=self._calendar(),
        )

    def _added(self) -> tuple[str, ...]:
        """Return the venues that the file adds, those with a fault included."""
        added = self._document.value.get("venues")
        return tuple(added) if isinstance(added, dict) else ()

    def _checks(self, names: Names) -> Iterator[Check]:
        for part in self._file["checks"]:
            quote, require = self._quote(part), self._condition(part, "require", names)
            if require is None:
                continue
            if require.facts:
                what = f"the check reads the fact `{min(require.facts)}`, but may read only terms"
                self._reading.note((*part.path, "require"), what, "make it a rule")
            place = self._document.place(part.path)
            yield Check(
                id=part["id"],
                require=require,
                title=part["title"],
                cite=part["cite"],
                why=part["why"],
                quote=quote,
                line=place.line,
                column=place.column,
            )

    # --- the whole

    def _terms_read(
        self, terms: Sequence[Term], checks: Sequence[Check], rules: Sequence[Rule]
    ) -> None:
        if self._reading.is_lost(("rules",), ("checks",), ("include",)):
            return
        read = {name for check in checks for name in check.require.constants}
        read |= {name for rule in rules for name in rule.constants}
        read |= {name for text in self._unread for name in read_in(text)}
        # A list of periods is read as the ends of its periods.
        read |= {name.partition(".1.")[0] for name in read}
        for parts in self._file["terms"].values():
            read |= read_by(parts)
        for name in dict.fromkeys(term.name.partition(".")[0] for term in terms):
            if name not in KNOWN_TERMS and f"terms.{name}" not in read:
                what = f"no rule and no check reads the term `{name}`"
                hint = nearest(name, KNOWN_TERMS) or "remove it"
                self._reading.note_key(("terms", name), what, hint)

    def _prices_fit(self, rules: Sequence[Rule], instruments: Sequence[Instrument]) -> None:
        """Note each rule that compares a price a share with one of an instrument that is no such.

        A price of an instrument is for one unit of it, in its own currency.
        """
        own = {part["id"]: (*part.path, "require") for part in self._file["rules"]}
        included = {part["pack"]: part.path for part in self._file["include"]}
        for rule in rules:
            pack = rule.id.partition(".")[0]
            path = (
                own.get(rule.id) or included.get(pack) or included.get(f"./{pack}") or ("include",)
            )
            bought = [one for one in instruments if _is_bought(one, rule)]
            for instrument in bought:
                if f"ticks.{instrument.name}" in rule.constants and not instrument.tick:
                    what = (
                        f"rule `{rule.id}` rounds to ticks, but `{instrument.name}` has no `tick`"
                    )
                    self._reading.note(path, what, f"add it to the instrument `{instrument.name}`")
            for instrument in bought if rule.quoted else ():
                if not _is_priced(instrument, rule.quoted):
                    what = f"rule `{rule.id}` compares a price of `{instrument.name}`, which is in"
                    what += f" {instrument.currency} for a unit, with one in"
                    what += f" {' and '.join(sorted(rule.quoted))} for a share"
                    hint = "use `trade.price_per_share`, or `when: trade.share_class == ..`"
                    self._reading.note(path, what, hint)
                    break

    def _window_in_order(self, terms: Sequence[Term]) -> None:
        by_name = {term.name: term for term in terms}
        first, last = by_name.get("first_day"), by_name.get("last_day")
        if first is None or last is None:
            return
        for opens, closes in dict.fromkeys(_together(first.versions, last.versions)):
            dates = opens.figure.dimension == closes.figure.dimension == first.dimension
            if dates and opens.figure.value > closes.figure.value:
                part = self._file["terms"]["first_day"][first.versions.index(opens)]
                begins, ends = (
                    value_written(each.figure.value, each.figure.dimension)
                    for each in (opens, closes)
                )
                what = f"`first_day` {begins} is after `last_day` {ends}"
                self._reading.note((*part.path, "value"), what)

    def _announced_once_resolved(self) -> None:
        resolved, announced = self._file["resolved"], self._file["announced"]
        if resolved is not None and announced is not None and announced < resolved:
            what = f"`announced` {announced} is before `resolved` {resolved}"
            self._reading.note(("announced",), what)


def _used(
    counters: Sequence[Counter], packs: Sequence[Pack], rules: Iterable[Rule]
) -> tuple[Counter, ...]:
    """Return *counters* of a file, and those of its *packs* and of every file that *rules* read."""
    names = {counter_of(fact) for rule in rules for fact in rule.facts}
    others = (*(one for pack in packs for one in pack.counters), *shipped_counters())
    read = (one for one in others if one.name in names)
    return tuple({one.name: one for one in (*counters, *read)}.values())


def _is_read(term: Term, checks: Sequence[Check], rules: Sequence[Rule]) -> bool:
    """Return whether one of *checks* or *rules* reads *term*."""
    return any(
        f"terms.{term.name}" in read
        for read in (
            *(check.require.constants for check in checks),
            *(rule.constants for rule in rules),
        )
    )


def _is_priced(instrument: Instrument, currencies: frozenset[str]) -> bool:
    """Return whether a price of *instrument* is for one share, in each of *currencies*."""
    is_share = all(version.figure.value == 1 for version in instrument.shares_each)
    return is_share and currencies == {instrument.currency}


def _is_bought(instrument: Instrument, rule: Rule) -> bool:
    """Return whether *rule* can apply to *instrument*: its `when` may name others alone."""
    return rule.when is None or all(instrument.name in words for words in _classes(rule.when.root))


def _classes(when: Condition) -> Iterator[tuple[str, ...]]:
    """Yield the instruments that each part of *when* names, all of which must be true."""
    for part in when.parts if isinstance(when, All) else (when,):
        if isinstance(part, All):
            yield from _classes(part)
        elif isinstance(part, Member) and part.left == CLASS:
            yield tuple(one.text for one in part.choices if isinstance(one, Word))
        elif isinstance(part, Comparison) and part.operator == "==" and part.left == CLASS:
            yield (part.right.text,) if isinstance(part.right, Word) else ()


def _together(
    first: Sequence[Version], last: Sequence[Version]
) -> Iterator[tuple[Version, Version]]:
    """Yield each pair of versions that are in force on one day, as known at one moment.

    The versions in force change only on the first day of a version, on the day after its last day
    and on the day on which it became known.
    """
    validities = [version.validity for version in (*first, *last)]
    ends = (validity.last for validity in validities if validity.last is not None)
    nexts = {date.fromordinal(day.toordinal() + 1) for day in ends}
    days = {
        date.min,
        *(validity.first for validity in validities if validity.first is not None),
        *nexts,
    }
    moments = {date.min, *(validity.known for validity in validities if validity.known is not None)}
    for day in sorted(days):
        for moment in sorted(moments):
            opens, closes = in_force(first, day, moment), in_force(last, day, moment)
            if opens is not None and closes is not None:
                yield opens, closes
