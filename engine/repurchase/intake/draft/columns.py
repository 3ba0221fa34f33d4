"""Which column of a table is which event field, by its name and by what stands in it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from repurchase.domain.currencies import SPELLED, currency_codes, whole
from repurchase.domain.errors import Wrong, nearest, short
from repurchase.intake.draft.patterns import patterns
from repurchase.intake.draft.rows import Row, Table, at_place, names_total
from repurchase.intake.draft.styles import NONE, is_number
from repurchase.intake.mapping import plain, single

CELLS_TRIED: Final = 2_000
_FEW: Final = 12
_WITH_WORDS: Final = re.compile(r"[$€£]?\s?[0-9][0-9.,']*\s?[A-Za-z€. ]{1,12}")
_EXAMPLES: Final = 3
# A column holds numbers if so many in ten of its texts are.
_BELONGS: Final = 8
_MONEY_CODES: Final = "EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN"
# What the names of columns contain, by the event field that the column then is; the first counts.
_NAMED: Final = tuple(
    (field, re.compile(words, re.IGNORECASE))
    for field, words in (
        (
            "id",
            r"^id$|\br[ée]f(?:[ée]rence)?\b|(?:transaction|trade|deal) (?:id|no|ref)\b|exec ?id",
        ),
        ("amount", r"総額|価額|金額|kokonaishinta|aggregate (?:price|cost)|totale? ?(?:cost|pris)"),
        ("amount", r"total (?:price|value|amount|consideration|paid|purchase)|wartość"),
        ("price", r"price|pris\b|preis|prijs|prix|prezzo|precio|preço|kurs|hinta|cena|cours\b"),
        ("price", r"vwap|average|durchschnitt|snitt|gemiddeld|moyen|medio|単価|価格|\bpx\b|lastpx"),
        ("amount", r"value|värde|v[æe]rdi|betrag|bel[øo][pb]|bedrag|consideration|proceeds|amount"),
        ("amount", r"montant|controvalore|importe|efectivo|gegenwert|umsatz|turnover|notional"),
        ("amount", rf"\bcost\b|\barvo\b|volumen?.*(?-i:\bT?(?:{_MONEY_CODES})m?\b)"),
        (
            "quantity",
            r"shares|volum|volym|quantit|cantidad|qty|aktie|stück|stk|antal|anzahl|aantal",
        ),
        (
            "quantity",
            r"number of|\bads?s?\b|actions|azioni|acciones|aç[õo]es|aandelen|akcji|titres",
        ),
        ("quantity", r"titoli|títulos|osakemäärä|\bkpl\b|\bnominal\b|filled|数量|株|aksjer"),
        ("time", r"\btime\b(?! ?zone)|timestamp|zeit(?:punkt)?\b|\btid(?:spunkt)?\b|transacttime"),
        ("time", r"heure|\bora\b|\bhora\b|klokke|tijd|時刻|_time\b"),
        ("date", r"date\b|datum|\bdato\b|tag\b|\bday\b|日|\bjour\b|\bfecha\b|\bdata\b|dag\b"),
        ("date", r"päivämäärä|\bpvm\b|giorno|\bdía\b"),
        ("side", r"\bside\b|buy.?/?.?sell|\bb/s\b|direction|売買|区分|\bsens\b|operaci[óo]n"),
        ("side", r"\btype\b|art\b|typ\b|köp/sälj|kauf/verkauf"),
        ("venue", r"venue|\bmic\b|platform|exchange|handelspla|lastmkt|börse|market|markn?ad"),
        ("venue", r"marché|mercato|mercado|centro|beurs|bolsa|borsa|plats|市場|kauppapai|markeds"),
        ("symbol", r"symbol|ticker"),
        ("broker", r"broker|makler|courtier"),
    )
)
# What the name of a column contains that is about something else than the trade itself.
_OTHERWISE: Final = re.compile(
    r"settle|value date|valuta|valeur|booking|report|publi|cumul|accumul|remain|held|holding"
    r"|highest|lowest|\bhigh\b|\blow\b|höchst|niedrigst|tiefst|högst|lägst|høyest|højest|lavest"
    r"|massimo|minimo|máximo|mínimo|plus (?:haut|bas)|\bmax|\bmin(?:imum)?\b|limit|stop\b|percent"
    r"|%|outstanding|market volume|may yet|order.?date|leaves|cum.?qty|avg.?px|in issue|treasury"
    r"|\bper 1[., ]?0+\b|\bordered\b|order.?(?:qty|quantity|size|volume|amount|value)"
    r"|commission|\bfees?\b|\btax|\blei\b|account|rate\b|最高|最低|残",
    re.IGNORECASE,
)
_PERIOD_NAMED: Final = re.compile(
    r"period|month|monat|mois|\bmes\b|week|woche|quarter|\bdate|年月", re.IGNORECASE
)
_ZONE_NAMED: Final = re.compile(r"time ?zone|\btz\b|zeitzone|fuseau|\boffset\b", re.IGNORECASE)
_STATE_NAMED: Final = re.compile(
    r"(?:\b|ord|order ?)status|\bstate\b|cancel|void|\baction\b|exec ?type|record type"
    r"|discriminator|currency|währung|\bccy\b|devise|moneda|通貨",
    re.IGNORECASE,
)
_OF_INSTRUMENT: Final = re.compile(
    r"\bisin\b|instrument|security|share class|\bclass\b|sedol|wertpapier|värdepapper|銘柄"
    r"|issuer|company|stock code|emittent|émetteur",
    re.IGNORECASE,
)
# What a name says of the unit of its figures.
_CURRENCY_NAMED: Final = re.compile(r"currency|währung|\bccy\b|devise|moneda", re.IGNORECASE)
_CODES: Final = re.compile(r"(?:US|HK|A|C)\$|[€£]|\b[A-Z]{2}[A-Zacp]\b")
_MONEY: Final = {"US$": "USD", "HK$": "HKD", "A$": "AUD", "C$": "CAD", "€": "EUR", "£": "GBP"}
_WHOLE_CURRENCY: Final = re.compile(r"\b(?:GBP|ZAR|ILS)\b|£|\b(?i:pounds?)\b")
_UNITS: Final = (
    ("pence", r"GBp|GBX|\b[Pp]ence\b|\(p\)"),
    ("cents", r"ZAc|ILA|\b[Cc]ents\b"),
    ("millions", r"(?i:million|\bmn?\b|\bmio\b|mln|百万|m(?:eur|usd|gbp|sek|nok|dkk|chf)\b)"),
    ("millions", rf"\b(?:{_MONEY_CODES})m\b"),
    ("thousands", r"(?i:thousand|'000|\b000s|\b1[., ]000\b|千|tusen|\b[tk](?:eur|usd|sek|kr)\b)"),
)
# Words and codes for the side whose meaning is the same everywhere; `1` and `2` are FIX's alone.
SIDE_WORDS: Final = {
    **dict.fromkeys(("buy", "bought", "b", "köp", "kauf", "kjøp", "køb", "osto", "achat"), "buy"),
    **dict.fromkeys(("purchase", "compra", "acquisto", "koop", "kupno", "買", "買付"), "buy"),
    **dict.fromkeys(("sell", "sold", "s", "sälj", "verkauf", "salg", "myynti", "vente"), "sell"),
    **dict.fromkeys(("sale", "venta", "vendita", "verkoop", "sprzedaż", "売", "売付"), "sell"),
}
SIDES: Final = ("buy", "sell")
MIC: Final = re.compile(r"[A-Z0-9]{4}")


class Column(msgspec.Struct, frozen=True):
    """A column: its place from 0 on, how a mapping calls it, its name, and the texts of trades.

    *head* is the name with what stands above it.
    """

    at: int
    called: str | int
    name: str
    head: str
    texts: tuple[str, ...]

    def distinct(self) -> tuple[str, ...]:
        """Return the texts that stand in it, each once."""
        return tuple(dict.fromkeys(text.strip() for text in self.texts if text.strip()))

    def filled(self) -> tuple[str, ...]:
        """Return its texts, in which an empty cell repeats the one above."""
        found: list[str] = []
        for text in self.texts:
            found.append(text if text.strip() or not found else found[-1])
        return tuple(found)

    def has_gaps(self) -> bool:
        """Return whether cells below the first are empty, as merged cells are."""
        texts = [text.strip() for text in self.texts]
        return any(texts[:1]) and not all(texts)

    def holds_numbers(self) -> bool:
        """Return whether nearly all of its texts are numbers, and not days of a workbook."""
        found = [text for text in self.texts if text.strip() and not NONE.fullmatch(text.strip())]
        numbers = sum(is_number(one) or bool(_WITH_WORDS.fullmatch(one.strip())) for one in found)
        return bool(found) and numbers * 10 >= _BELONGS * len(found)

    def unit(self) -> str | None:
        """Return the unit that its name mentions."""
        return next((unit for unit, sign in _UNITS if re.search(sign, self.head)), None)

    def names_currency(self) -> bool:
        """Return whether its name or texts say that figures are in a whole currency."""
        return bool(_WHOLE_CURRENCY.search(" ".join((self.head, *self.distinct()[:_EXAMPLES]))))

    def names_currencies(self) -> bool:
        """Return whether its texts are currencies."""
        return bool(_CURRENCY_NAMED.search(self.head))

    def currencies(self) -> set[str]:
        """Return the codes of the currencies that its name says, or its texts."""
        texts = self.distinct() if self.names_currencies() else ()
        found = _CODES.findall(" ".join((self.head, *texts)))
        codes = {whole(_MONEY.get(one, SPELLED.get(one, one))) for one in found}
        return codes & currency_codes()

    def part_of_currency(self) -> str | None:
        """Return the unit of prices in the currency that it names, if that is a part of another."""
        texts = self.distinct() if self.names_currencies() else ()
        found = (unit for unit, sign in _UNITS[:2] for one in texts if re.search(sign, one))
        return next(found, None)

    def _named(self) -> list[str]:
        """Return the event fields that its name speaks of."""
        return [field for field, words in _NAMED if words.search(self.head)]

    def field(self) -> str | None:
        """Return the event field that it holds, as far as name and texts say it."""
        if _OTHERWISE.search(self.head) or _ZONE_NAMED.search(self.head) or self.says_state():
            return None
        found = next((field for field in self._named() if self._fits(field)), None)
        if found is None and self._says_sides():
            return "side"
        has_no_name = not self.name and patterns(self.distinct()[:_EXAMPLES])
        return "date" if found is None and has_no_name else found

    def _fits(self, field: str) -> bool:
        """Return whether its texts can be those of *field*."""
        if field in ("quantity", "price", "amount"):
            is_negative = field == "amount" and any(one.startswith("-") for one in self.texts)
            return self.holds_numbers() and not is_negative
        if field == "id":
            found = [text for text in self.texts if text.strip()]
            return len({*found}) == len(self.texts)
        if field in ("date", "time"):
            return any(map(str.isdigit, "".join(self.distinct()[:_EXAMPLES])))
        if field == "side":
            return self._says_sides() or "side" in plain(self.head)
        return field != "venue" or not self.holds_numbers() or self._are_codes()

    def _are_codes(self) -> bool:
        return len(self.distinct()) <= _FEW and all(map(str.isdecimal, self.distinct()))

    def _says_sides(self) -> bool:
        """Return whether its texts are words for sides, and not the letters of something else."""
        found = {plain(text) for text in self.distinct()}
        is_word = any(len(one) > 1 for one in found) or "side" in self._named()
        return bool(found) and is_word and found <= SIDE_WORDS.keys()

    def is_day(self) -> bool:
        """Return whether it holds days, though perhaps not those of trades."""
        found = self.distinct()[:_EXAMPLES]
        return "date" in self._named() and bool(patterns(found))

    def says_zone(self) -> bool:
        """Return whether it names the clock of each time."""
        return bool(_ZONE_NAMED.search(self.head)) and 0 < len(self.distinct()) <= _FEW

    def says_state(self) -> bool:
        """Return whether it may say of a row that it was cancelled: a status with several texts."""
        return bool(_STATE_NAMED.search(self.head)) and 1 < len(self.distinct()) <= _FEW

    def has_totals(self) -> bool:
        """Return whether a text says that its row is a total, and another text does not."""
        found = self.distinct()
        return any(map(names_total, found)) and not all(map(names_total, found))

    def says_period(self) -> bool:
        """Return whether it names months or other periods instead of days."""
        return bool(_PERIOD_NAMED.search(self.head))

    def names_instruments(self) -> bool:
        """Return whether it names several instruments or classes."""
        return bool(_OF_INSTRUMENT.search(self.head)) and len(self.distinct()) > 1


# The columns that may hold each field.
Fields = Mapping[str, Sequence[Column]]


def days_of(fields: Fields) -> list[Column]:
    """Return the columns of days and of times."""
    return [one for name in ("date", "time") for one in fields.get(name, ())]


def names_field(name: str) -> str | None:
    """Return the event field that *name* speaks of, whatever it stands for."""
    if _OTHERWISE.search(name):
        return None
    return next((field for field, words in _NAMED if words.search(name)), None)


def columns_of(table: Table, trades: Sequence[Row]) -> list[Column]:
    """Return the columns of *table*, each with its texts in the first of *trades*."""
    tried = trades[:CELLS_TRIED]
    return [
        Column(at, *_called(table, at), tuple(at_place(row, at) for _, row in tried))
        for at in range(len(table.names))
    ]


def _called(table: Table, at: int) -> tuple[str | int, str, str]:
    """Return how a mapping calls the column *at*: by its name if no other has it, or its place."""
    name = single(table.names[at])
    is_own = name and sum(plain(one) == plain(name) for one in table.names) == 1
    return (name if is_own else at + 1), name, table.heads[at]


def column_called(columns: Sequence[Column], called: str | int) -> Column:
    """Return the column that an answer calls so; raise Wrong if there is none, or several."""
    if isinstance(called, int) and 1 <= called <= len(columns):
        return columns[called - 1]
    found = [one for one in columns if plain(one.name) == plain(str(called))]
    if len(found) != 1:
        what = f"has {len(found) or 'no'} columns `{short(str(called))}`"
        hint = nearest(str(called), [one.name for one in columns if one.name])
        raise Wrong(what, "name it by its place, such as 3" if found else hint)
    return found[0]


def fields_of(columns: Iterable[Column], taken: Container[str]) -> dict[str, list[Column]]:
    """Return the columns that may hold each field, but for the fields that are *taken*."""
    found: dict[str, list[Column]] = {}
    for column in columns:
        field = column.field() if column.distinct() else None
        if field is not None and field not in taken:
            found.setdefault(field, []).append(column)
    for field, every in found.items():
        found[field] = list(_telling(field, every))
    return found


def _telling(field: str, every: Sequence[Column]) -> Iterator[Column]:
    """Yield those of *every* column that hold codes, if *field* has some with and some without."""
    coded = [one for one in every if all(map(MIC.fullmatch, one.distinct()))]
    yield from coded if field == "venue" and coded else every
