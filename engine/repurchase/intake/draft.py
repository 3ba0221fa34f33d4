"""A first mapping of a file, drafted from what the file itself shows.

What the file does not settle is left as a question with its candidates: a mapping with an open
question does not load. A reading that the figures settle says how: price times quantity is the
amount, or printed totals agree.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import islice, pairwise
from typing import Any, Final

import msgspec

from repurchase.domain.errors import Wrong
from repurchase.domain.quantities import written
from repurchase.intake.dates import Printed, day_reader, has_time
from repurchase.intake.mapping import FIGURES, HEADER_WITHIN, SEPARATORS, filled, plain, single
from repurchase.intake.months import LANGUAGES
from repurchase.intake.printed import ONE, SPACE, Reader, Style, Typed, number_reader

Row = tuple[int, Sequence[str]]

ROWS_READ: Final = 100_000
CELLS_TRIED: Final = 2_000
_TITLES_TRIED: Final = 100
# A longer text is no figure, no day and no title.
_LENGTH_MAX: Final = 60
_COLUMNS_MAX: Final = 200
_EXAMPLES: Final = 3
_PLAIN_KEY: Final = re.compile("[a-z_]{2,}")
_BELONGS: Final = Fraction(9, 10)
_ENCODINGS: Final = ("utf-8-sig", "cp932", "cp1252")
_BEYOND_ASCII: Final = bytes(range(128, 256))
_EAST_ASIAN: Final = Fraction(1, 5)
_STYLES: Final = (
    Style(),
    Style(thousands=","),
    Style(thousands=SPACE),
    Style(","),
    Style(",", "."),
    Style(",", SPACE),
    Style(thousands="'"),
)
_DATED: Final = re.compile("[0-9].*[0-9]")
# A time amid the day, as some programs print it; the words of its zone stand for themselves.
_AMID: Final = "EEE dd MMM HH:mm:ss '{}' yyyy"
_ZONE_WORDS: Final = ("BST", "GMT", "UTC", "CET", "CEST", "EST", "EDT", "JST")
_DAYS: Final = (
    "yyyy-MM-dd",
    "dd/MM/yyyy",
    "MM/dd/yyyy",
    "d/M/yyyy",
    "M/d/yyyy",
    "dd.MM.yyyy",
    "d.M.yyyy",
    "dd-MM-yyyy",
    "dd-MMM-yy",
    "dd-MMM-yyyy",
    "d MMM yyyy",
    "d MMMM yyyy",
    "MMMM d, yyyy",
    "yyyyMMdd",
    "yyyy/MM/dd",
    "dd/MM/yy",
    "MM/dd/yy",
    "yyyy年M月d日",
)
_CLOCKS: Final = ("HH:mm:ss", "H:mm:ss", "HH:mm:ss.S", "H:mm:ss.S", "HH:mm", "h:mm:ss a")
_BETWEEN: Final = (" ", "-", "T", ", ")
# What may stand beside a number and change nothing: a code or a sign of money, shares.
_HARMLESS: Final = re.compile(r"[A-Z]{3}|[A-Z]{0,3}[$€£¥]|kr\.?|(?i:shares|stk\.?|st\.?|aktier)")
_OF_SHARES: Final = frozenset(("shares", "Shares", "aktier", "st", "stk"))
_NUMBER: Final = re.compile(
    r"[-(]?[^\w\s]{0,3}[A-Z]{0,3}\$?\s?[0-9][0-9.,'\u2019\s]*\)?\s?[A-Za-z%*]{0,6}"
)
# What the names of columns contain, by the event field that the column then is; the first counts.
_NAMED: Final = (
    ("id", r"^id$|\bref\b|transaction (id|ref|no)|trade id|deal|reference|execid"),
    ("price", r"price|pris\b|preis|kurs|vwap|average|durchschnitt|snittspris|単価|px\b"),
    ("amount", r"value|värde|verdi|betrag|consideration|proceeds|amount|総額"),
    ("amount", r"volumen.*(?-i:\b[A-Z]{3}\b)"),
    ("quantity", r"shares|volume|volym|quantity|qty|aktie|stück|antal|number of|株"),
    ("time", r"\btime\b(?! zone)|date and time|uhrzeit|\btid\b|transacttime"),
    ("date", r"\bdate\b|datum|\bdato\b|\btag\b|\bday\b|日"),
    ("side", r"\bside\b|buy.?/?.?sell|\bb/s\b|direction"),
    ("venue", r"venue|\bmic\b|platform|exchange|handelsplatz|lastmkt|börse|marknad"),
    ("symbol", r"symbol|ticker"),
    ("broker", r"broker"),
)
# What a name says of the unit of its figures.
_UNITS: Final = (
    ("pence", r"GBp|GBX|\bpence\b|\(p\)"),
    ("cents", r"ZAc|ILA|\bcents\b"),
    ("thousands", r"(?i:thousand|'000|000s|千)"),
    ("millions", r"(?i:million|\bmn?\b|百万)"),
)
_SIDES: Final = ("buy", "sell")
# Words and codes for the side whose meaning is the same everywhere; `1` and `2` are FIX's alone.
_SIDE_WORDS: Final = {
    **dict.fromkeys(("buy", "bought", "b", "köp", "kauf", "kjøp", "køb", "osto", "achat"), "buy"),
    **dict.fromkeys(("compra", "acquisto", "koop", "買", "買付"), "buy"),
    **dict.fromkeys(("sell", "sold", "s", "sälj", "verkauf", "salg", "myynti", "vente"), "sell"),
    **dict.fromkeys(("venta", "vendita", "verkoop", "売", "売付"), "sell"),
}
_MIC: Final = re.compile(r"[A-Z0-9]{4}")
# What the name of a column contains that is about something else than the trade itself.
_OTHERWISE: Final = re.compile(
    r"settle|cumul|remain|held|highest|lowest|outstanding|market volume|may yet|order.?date"
    r"|leaves|order.?qty|cum.?qty|avg.?px",
    re.IGNORECASE,
)
_TOTALS: Final = re.compile(
    r"(?:sub)?total|sum|gesamt|summa|yhteens|accumulated|totalt|i alt|ialt|計|合計|累計",
    re.IGNORECASE,
)
_OPENINGS: Final = re.compile(
    r"latest announcement|previous|tidligere|brought forward|before|vortrag|prior", re.IGNORECASE
)


class Question(msgspec.Struct, frozen=True):
    """What the file leaves open: the *path* of a key, and the *candidates* for it as YAML."""

    path: tuple[str, ...]
    what: str
    candidates: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return the path as an answer gives it."""
        return ".".join(self.path)

    def is_answered(self, answers: Iterable[str]) -> bool:
        """Return whether one of the keys *answers* is its own, or one around it."""
        return any(f"{self.key}.".startswith(f"{key}.") for key in answers)


class Draft(msgspec.Struct, frozen=True):
    """A first mapping: its *values* by key, what is open, and what settled the rest."""

    values: dict[str, Any]
    questions: tuple[Question, ...]
    settled: tuple[str, ...]


class Known(msgspec.Struct, frozen=True):
    """What a rule file knows of the log: its symbols, and the zones of its venues.

    *in_hundredths* says that its instruments are priced in pence or cents themselves.
    """

    symbols: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    in_hundredths: bool = False


def draft(rows: Sequence[Row], values: dict[str, Any], known: Known) -> Draft:
    """Return the mapping of a file with *rows*, read as *values* says already."""
    return _Drafting(rows, values, known).draft()


def decoded(data: bytes) -> tuple[str, str]:
    """Return the encoding of *data* and its text; East Asian if many bytes are no ASCII."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", data.decode("utf-16")
    for encoding in _ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        beyond = len(data) - len(data.translate(None, _BEYOND_ASCII))
        if encoding == "cp932" and beyond < _EAST_ASIAN * len(data):
            continue
        return encoding.removesuffix("-sig"), text
    raise Wrong("is in no encoding that is known here", "give the `encoding` of the mapping")


def separated(text: str) -> tuple[str, list[Row]]:
    """Return the separator of *text* by its name, and the rows of cells that it makes."""
    best: tuple[int, str, list[Row]] = (-1, ",", [])
    for name, sign in SEPARATORS.items():
        rows = _parsed(text, sign)
        widths = Counter(len(cells) for _, cells in rows)
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        score = count if width > 1 else 0
        if score > best[0]:
            best = (score, name, rows)
    return best[1], best[2]


def _parsed(text: str, sign: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            if cells and len(rows) < ROWS_READ:
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error:
        return []
    return rows


class _Drafting:
    """One draft in progress: what is known of the mapping so far."""

    def __init__(self, rows: Sequence[Row], values: dict[str, Any], known: Known) -> None:
        self._rows = rows
        self._values = dict(values)
        self._known = known
        self._questions: list[Question] = []
        self._settled: list[str] = []
        self._columns: dict[str, Any] = {}

    def draft(self) -> Draft:
        header, body = _split(self._rows)
        if header is None or not body:
            raise Wrong("has no table that could be found", "write the mapping by hand")
        line, names = header
        if len(names) > _COLUMNS_MAX:
            what = f"has a table of {len(names):,} columns"
            raise Wrong(what, f"a mapping is drafted of at most {_COLUMNS_MAX}")
        if line > 1:
            self._values["header"] = line
        trades, totals, openings = _sorted(body)
        cells = [[_at(row, at) for _, row in trades[:CELLS_TRIED]] for at in range(len(names))]
        fields = self._fields(names, cells)
        read = {at for ats in fields.values() for at in ats}
        self._numbers(fields, cells)
        self._units(fields, names)
        self._words(fields, names, cells)
        if not self._titled(fields):
            self._calendar(fields, names, cells)
        self._marks(totals, openings, body, next(iter(fields.get("quantity", [])), None))
        self._constants(fields)
        others = [_called(names, at) for at in range(len(names)) if at not in read and names[at]]
        columns = {name: _called(names, ats[0]) for name, ats in fields.items()} | self._columns
        values = self._values | {"columns": columns}
        if others:
            values["ignore"] = others
            shown = ", ".join(f"`{one}`" for one in others)
            what = f"nothing reads {shown}: may they say that a trade was cancelled, or was a sale?"
            self._ask(("ignore",), what, [flow(others)])
        return Draft(values, tuple(self._questions), tuple(self._settled))

    def _ask(self, path: Sequence[str], what: str, candidates: Iterable[str]) -> None:
        self._questions.append(Question(tuple(path), what, tuple(candidates)))

    # --- which column is which field -------------------------------------------------------------

    def _fields(self, names: Sequence[str], cells: Sequence[Sequence[str]]) -> dict[str, list[int]]:
        """Return the places of the columns of each field; ask if several could be one."""
        found: dict[str, list[int]] = {}
        for at, name in enumerate(names):
            if _OTHERWISE.search(name):
                continue
            field = _field_named(name) or _field_of(cells[at])
            if field is not None and any(text.strip() for text in cells[at]):
                found.setdefault(field, []).append(at)
        for field in ("quantity", "price", "amount", "venue", "id", "side", "symbol"):
            ats = found.get(field, [])
            if len(ats) > 1:
                self._ask(
                    ("columns", field),
                    f"{len(ats)} columns may be the {field}",
                    (flow(_called(names, at)) for at in ats),
                )
        return found

    # --- numbers ---------------------------------------------------------------------------------

    def _numbers(self, fields: dict[str, list[int]], cells: Sequence[Sequence[str]]) -> None:
        """Find how numbers are printed: by what each style makes of all of them together."""
        ats: dict[str, int] = {name: fields[name][0] for name in FIGURES if name in fields}
        texts = [cells[at] for at in ats.values()]
        around, none = _around(texts), _none(texts)
        odd = [sign for sign in around if not _HARMLESS.fullmatch(sign)]
        if odd or len({*around} - _OF_SHARES) > 1:
            shown = ", ".join(f"`{sign}`" for sign in odd or around)
            what = f"does {shown} beside a number change what it means?"
            self._ask(("numbers", "around"), what, [flow(list(around))])
        readings: dict[tuple[Any, ...], Style] = {}
        for style in _STYLES:
            whole = msgspec.structs.replace(style, around=around, none=none)
            values = _read_all(texts, number_reader(whole))
            if values is not None and (not ats or _is_whole(values, ats)):
                readings.setdefault(tuple(map(tuple, values)), whole)
        fitting = {values: style for values, style in readings.items() if _multiplies(values, ats)}
        if len(readings) > 1 and len(fitting) == 1:
            self._settled.append("numbers: in one reading alone price times quantity is the amount")
            readings = fitting
        if len(readings) == 1:
            ((found, style),) = readings.items()
            if _style(style):
                self._values["numbers"] = _style(style)
            self._tolerance(found, ats)
            return
        example = next(
            (text for column in texts for text in column if "." in text or "," in text), ""
        )
        what = f"the numbers are printed in no style that is known: `{example}`"
        if readings:
            what = f"`{example}` can be read in {len(readings)} ways"
        self._ask(("numbers",), what, (flow(_style(style)) for style in readings.values()))

    def _tolerance(self, values: Sequence[Sequence[str | None]], ats: dict[str, int]) -> None:
        """Ask by how much price times quantity may differ from the amount, if it does."""
        apart = [one for one, _ in _apart(values, ats) if one]
        if not apart:
            return
        decimals = max(len((one or "").partition(".")[2]) for one in values[-1])
        half = f'"{written(Fraction(1, 2 * 10**decimals))}"'
        rows = "1 row" if len(apart) == 1 else f"{len(apart):,} rows"
        most = _above(max(apart))
        what = f"price times quantity differs from the amount in {rows}, by up to {most}"
        self._ask(("tolerances", "row"), what, [half])

    def _units(self, fields: dict[str, list[int]], names: Sequence[str]) -> None:
        """Ask for the unit of a column whose name mentions one."""
        for field in (name for name in FIGURES if name in fields):
            at = fields[field][0]
            unit = next((unit for unit, sign in _UNITS if re.search(sign, names[at])), None)
            if unit in ("pence", "cents") and self._known.in_hundredths:
                self._settled.append(f"{field}: the rule file has prices in {unit}, too")
            elif unit is not None:
                self._columns.setdefault(field, {"column": _called(names, at)})
                what = f"`{single(names[at])}` mentions {unit}"
                self._ask(("columns", field, "unit"), what, (unit, ONE))

    def _words(
        self, fields: dict[str, list[int]], names: Sequence[str], cells: Sequence[Sequence[str]]
    ) -> None:
        """Say what the words of sides and venues mean if that is known, and ask otherwise."""
        for field, is_value in (("side", _SIDES.__contains__), ("venue", _MIC.fullmatch)):
            if len(fields.get(field, ())) != 1:
                continue
            at = fields[field][0]
            texts = dict.fromkeys(text.strip() for text in cells[at] if text.strip())
            if all(is_value(text) for text in texts):
                continue
            self._columns[field] = {"column": _called(names, at)}
            known = {text: _SIDE_WORDS.get(plain(text)) for text in texts}
            if field == "side" and all(known.values()):
                self._columns[field]["words"] = known
                continue
            shown = ", ".join(f"`{text}`" for text in list(texts)[:_EXAMPLES])
            example = "XLON" if field == "venue" else "buy"
            form = f"{{{flow(next(iter(texts)))}: {example}}}"
            what = f"what does each of {shown} mean? Answer as {form}"
            self._ask(("columns", field, "words"), what, ())

    # --- days and times --------------------------------------------------------------------------

    def _calendar(
        self, fields: dict[str, list[int]], names: Sequence[str], cells: Sequence[Sequence[str]]
    ) -> None:
        """Find how days and times are printed, and ask which time zone the times are in."""
        ats = [*fields.pop("date", []), *fields.pop("time", [])]
        if not ats:
            self._ask(("columns", "date"), "no column has the day of a trade", ())
            return
        texts = [" ".join(parts) for parts in zip(*(cells[at] for at in ats), strict=True)]
        found = _patterns([text for text in texts if text.strip()])
        where = [_called(names, at) for at in ats]
        place: dict[str, Any] = {"column": where[0]} if len(where) == 1 else {"columns": where}
        name = "time" if found and has_time(found[0].pattern) else "date"
        if not found:
            what = f"`{texts[0] if texts else ''}` is printed as no pattern that is known"
            self._columns[name] = place
            self._ask(("columns", name, "pattern"), what, ())
            return
        pattern, language = found[0].pattern, found[0].language
        days = {
            one.pattern: day_reader(one)(texts[0]) for one in found if not has_time(one.pattern)
        }
        several = len({*days.values()}) > 1 or len({one.pattern for one in found}) > 1
        place |= {"pattern": pattern} | ({} if language == "en" else {"language": language})
        self._columns[name] = place
        if several:
            what = f"`{texts[0]}` can be read in {len(found)} ways"
            self._ask(("columns", name, "pattern"), what, (flow(one.pattern) for one in found))
        if name == "time":
            candidates = dict.fromkeys((*self._known.zones, "UTC"))
            what = f"`{texts[0]}` has no offset: which time zone is it in?"
            self._ask(("columns", "time", "zone"), what, candidates)

    def _titled(self, fields: dict[str, list[int]]) -> bool:
        """Return whether titles have the day, and no column: rows with one cell that ends in it."""
        if "date" in fields or "time" in fields:
            return False
        labels = (_label(cells) for _, cells in self._rows if filled(cells) == 1)
        lone = list(islice(dict.fromkeys(labels), _TITLES_TRIED))
        for text in lone:
            begin = text.split(" ")[0]
            alike = [one for one in lone if one.startswith(begin)]
            shared = _shared(alike)
            for prefix in _prefixes(shared):
                found = _patterns([one[len(prefix.rstrip()) :].strip() for one in alike])
                days = [one for one in found if not has_time(one.pattern)]
                if len(days) == 1:
                    title = f"{prefix.rstrip()} {{}}"
                    self._columns["date"] = {"title": title, "pattern": days[0].pattern}
                    return True
        return False

    # --- rows that are no trades -----------------------------------------------------------------

    def _marks(
        self, totals: Sequence[Row], openings: Sequence[Row], body: Sequence[Row], at: int | None
    ) -> None:
        """Name the rows that are no trades; settle by the quantities *at* what totals are of."""
        rows: dict[str, Any] = {}
        labels = dict.fromkeys(_label(cells) for _, cells in totals)
        sums = {} if at is None else self._sums(body, at)
        for label in labels:
            total = {"row": label}
            found = sums.get(label, set())
            if found == {"program"}:
                total["of"] = "program"
            rows.setdefault("totals", []).append(total)
            if len(found) != 1:
                what = f"is `{label}` a total of the rows since the last, or of the program?"
                self._ask(("rows", "totals", label, "of"), what, ("rows", "program"))
            else:
                self._settled.append(
                    f"rows: `{label}` is what the {_OF[next(iter(found))]} add up to"
                )
        if openings:
            rows["opening"] = _label(openings[0][1])
        lone = dict.fromkeys(_label(cells) for _, cells in body if filled(cells) == 1)
        if lone:
            shown = ", ".join(f"`{one}`" for one in list(lone)[:_EXAMPLES])
            what = f"are rows with one cell, such as {shown}, headings or page numbers alone?"
            self._ask(("rows", "lone"), what, ("skip",))
        if rows:
            self._values["rows"] = rows

    def _sums(self, body: Sequence[Row], at: int) -> dict[str, set[str]]:
        """Return what each total may be of, by its label: the printed quantity says it."""
        if "numbers" in {one.key for one in self._questions}:
            return {}
        read = number_reader(_style_of(self._values.get("numbers", {})))
        since = every = before = Fraction(0)
        found: dict[str, set[str]] = {}
        for _, cells in body:
            label, value = _label(cells), _value(read, _at(cells, at))
            if value is None or filled(cells) < 2:
                continue
            if _OPENINGS.search(label):
                before += value
            elif _TOTALS.search(label):
                is_of = {"rows": since == value, "program": every + before == value}
                fits = {of for of, is_one in is_of.items() if is_one}
                # Without an opening balance, a total of all rows is the total of the rows.
                fits = {"rows"} if fits == {"rows", "program"} else fits
                found[label] = found.get(label, fits) & fits
                since = Fraction(0) if fits == {"rows"} else since
            else:
                since, every = since + value, every + value
        return found

    def _constants(self, fields: dict[str, list[int]]) -> None:
        """Ask for what no column has: the side, and the symbol unless the rule file has one."""
        constants: dict[str, str] = {}
        if "side" not in fields:
            self._ask(("set", "side"), "no column has the side", ("buy", "sell"))
        if "symbol" not in fields:
            if len(self._known.symbols) == 1:
                constants["symbol"] = self._known.symbols[0]
            else:
                self._ask(("set", "symbol"), "no column has the symbol", self._known.symbols)
        if constants:
            self._values["set"] = constants


_OF: Final = {"rows": "rows above", "program": "rows and the opening balance"}


def _split(rows: Sequence[Row]) -> tuple[Row | None, list[Row]]:
    """Return the row that names the columns, and the rows below it but for its repetitions."""
    wide = [(at, row) for at, row in enumerate(rows) if filled(row[1]) > 1]
    for (at, (line, cells)), (_, (_, below)) in pairwise(wide[:HEADER_WITHIN]):
        if not any(map(_is_number, cells)) and any(map(_is_number, below)):
            head = [plain(cell) for cell in cells]
            body = [row for row in rows[at + 1 :] if [plain(one) for one in row[1]] != head]
            return (line, cells), body
    return None, []


def _sorted(body: Sequence[Row]) -> tuple[list[Row], list[Row], list[Row]]:
    """Return the rows of *body* that are trades, that print totals, and that open the table."""
    trades: list[Row] = []
    totals: list[Row] = []
    openings: list[Row] = []
    for row in body:
        label = _label(row[1])
        if filled(row[1]) < 2:
            continue
        if _OPENINGS.search(label):
            openings.append(row)
        elif _TOTALS.search(label):
            totals.append(row)
        else:
            trades.append(row)
    return trades, totals, openings


def _shared(texts: Sequence[str]) -> str:
    """Return how all of *texts* begin."""
    first, last = min(texts), max(texts)
    at = next((at for at, sign in enumerate(first) if last[at : at + 1] != sign), len(first))
    return first[:at]


def _prefixes(text: str) -> Iterator[str]:
    """Yield the beginnings of *text* that end before a blank, the longest first."""
    yield from (text[:at] for at in range(len(text), 0, -1) if text[at - 1 : at] == " ")


def _field_named(name: str) -> str | None:
    bare = single(name)
    return next((field for field, words in _NAMED if re.search(words, bare, re.IGNORECASE)), None)


def _field_of(texts: Sequence[str]) -> str | None:
    """Return the field that a column without a telling name holds, by its texts."""
    found = [text for text in texts if text.strip()]
    return "date" if found and _patterns(found[:_EXAMPLES]) else None


def _patterns(texts: Sequence[str]) -> list[Printed]:
    """Return how all of *texts* can be printed, the first of those that come to the same days."""
    tried = texts[:CELLS_TRIED]
    found: dict[tuple[str | None, ...], Printed] = {}
    if not all(_DATED.search(text) and len(text) <= _LENGTH_MAX for text in tried):
        return []
    for printed, read in _readers():
        try:
            values = tuple(read(text) for text in tried)
        except Wrong:
            continue
        if tried:
            found.setdefault(values, printed)
    return list(found.values())


@cache
def _readers() -> tuple[tuple[Printed, Reader], ...]:
    """Return each way in which days are printed, with what reads it."""
    return tuple((printed, day_reader(printed)) for printed in _candidates())


def _candidates() -> Iterator[Printed]:
    for word in _ZONE_WORDS:
        yield Printed(_AMID.format(word))
    for day in _DAYS:
        languages = LANGUAGES if "MMM" in day else ("en",)
        for language in sorted(languages, key=lambda one: one != "en"):
            yield Printed(day, language)
            for between in _BETWEEN:
                sign = "'T'" if between == "T" else between
                for clock in _CLOCKS:
                    yield Printed(f"{day}{sign}{clock}", language)


def _around(texts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the signs that stand before or after numbers."""
    found: Counter[str] = Counter()
    for column in texts:
        for text in column:
            bare = text.strip()
            if any(sign.isdigit() for sign in bare):
                before = re.match(r"[^\d\-(]*", bare)
                after = re.search(r"[^\d)]*$", bare)
                for part in (before, after):
                    if part is not None and part[0].strip(" .,"):
                        found[part[0].strip()] += 1
    return tuple(sorted(found))


def _none(texts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the texts that stand for no number: a dash, or a word such as `N/A`."""
    cells = {text.strip() for column in texts for text in column}
    return tuple(sorted(one for one in cells if one and not any(map(str.isdigit, one))))


def _read_all(texts: Sequence[Sequence[str]], read: Reader) -> list[list[str | None]] | None:
    try:
        return [[read(text) for text in column] for column in texts]
    except Wrong:
        return None


def _is_whole(values: Sequence[Sequence[str | None]], ats: dict[str, int]) -> bool:
    """Return whether all quantities are whole numbers."""
    if "quantity" not in ats:
        return True
    column = values[list(ats).index("quantity")]
    return all(one is None or "." not in one for one in column)


def _multiplies(values: Sequence[Sequence[str | None]], ats: dict[str, int]) -> bool:
    """Return whether price times quantity is near the amount in nearly all rows."""
    near = [apart <= Fraction(1, 50) * amount + 1 for apart, amount in _apart(values, ats)]
    return bool(near) and sum(near) >= _BELONGS * len(near)


def _apart(
    values: Sequence[Sequence[str | None]], ats: dict[str, int]
) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield by how much price times quantity differs from the amount, and it, of each whole row."""
    if len(ats) < len(FIGURES):
        return
    for row in zip(*values, strict=True):
        if None not in row:
            found = {name: Fraction(str(text)) for name, text in zip(ats, row, strict=True)}
            amount = found["amount"]
            yield abs(found["quantity"] * found["price"] - amount), amount


def _above(value: Fraction) -> str:
    """Return *value*, rounded up to two decimals."""
    return written(Fraction(-(-value * 100 // 1), 100))


def _is_number(text: str) -> bool:
    if isinstance(text, Typed):
        return True
    bare = text.strip() if len(text) < 2 * _LENGTH_MAX else ""
    return len(bare) <= _LENGTH_MAX and _NUMBER.fullmatch(bare) is not None


def _label(cells: Sequence[str]) -> str:
    first = next((cell for cell in cells if cell.strip()), "")
    return " ".join(first[: 4 * _LENGTH_MAX].split())


def _at(cells: Sequence[str], at: int) -> str:
    text = cells[at] if at < len(cells) else ""
    # What is cut off makes no number or day of the rest: the rest is too long for one.
    return text if len(text) <= 2 * _LENGTH_MAX else text[: 2 * _LENGTH_MAX]


def _called(names: Sequence[str], at: int) -> str | int:
    """Return the column *at* by its name if it has one of its own, else by its place."""
    name = single(names[at])
    is_own = name and sum(plain(one) == plain(name) for one in names) == 1
    return name if is_own else at + 1


def _value(read: Reader, text: str) -> Fraction | None:
    try:
        value = read(text)
    except Wrong:
        return None
    return None if value is None else Fraction(value)


def _style_of(values: dict[str, Any]) -> Style:
    said = {name: tuple(of) if isinstance(of, list) else of for name, of in values.items()}
    return msgspec.structs.replace(Style(), **said)


def _style(style: Style) -> dict[str, Any]:
    """Return *style* as a mapping says it, without what it need not say."""
    found: dict[str, Any] = {} if style.decimal == "." else {"decimal": style.decimal}
    if style.thousands is not None:
        found["thousands"] = style.thousands
    for name in ("around", "none"):
        if getattr(style, name):
            found[name] = list(getattr(style, name))
    return found


class Answer(str):
    """An answer to a question, which is YAML already."""

    __slots__ = ()


def flow(value: Any) -> str:
    """Return *value*, of nested mappings and lists, as YAML on one line."""
    if isinstance(value, Answer | int):
        return str(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(name)}: {flow(one)}' for name, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else flow(name)
