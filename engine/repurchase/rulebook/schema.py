"""The keys of rule files, packs and cases files: what each may hold, and what it means.

The reader, its hints for unknown keys, the JSON Schemas for editors and the manual's tables of keys
all come from these tables.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from repurchase.domain.averages import LAST_PRICE, OFS, PERS, WITHOUT
from repurchase.domain.counters import EACH
from repurchase.domain.decisions import EFFECTS
from repurchase.domain.errors import Wrong, short
from repurchase.domain.events import METHODS
from repurchase.domain.terms import KNOWN_TERMS, LATE_DAYS
from repurchase.rulebook.caps import LIMITED
from repurchase.rulebook.figures import NONE
from repurchase.rulebook.keys import (
    LOST,
    PARTS_MAX,
    Key,
    Kind,
    Reading,
    Table,
    brief,
    listed,
    misfit,
    named,
    needed,
)
from repurchase.rulebook.kinds import (
    BEFORE,
    CONDITION,
    COUNT_OF_DAYS,
    CURRENCY,
    DAY,
    DAY_OR_MINUTE,
    EVENT,
    FED,
    FIGURE,
    FINDING,
    FORMAT,
    FORMAT_NUMBER,
    HASH,
    ID,
    INSTRUMENT_NAME,
    LINE,
    MARGIN,
    OVER,
    PACK_ASKED,
    PACK_NAME,
    PER,
    PERCENT,
    PRICED_IN,
    PROSE,
    SOURCE_NAME,
    SUM,
    TERM_NAME,
    VALUE,
    VENUE,
    VENUE_OF_AVERAGE,
    ZONE,
    choice,
)
from repurchase.rulebook.mapping_keys import MAPPING
from repurchase.rulebook.mapping_keys import PARTS as MAPPING_PARTS
from repurchase.rulebook.model import ATS, EXPECTED, JUDGED
from repurchase.rulebook.yaml_reader import Path

CLOCKS: Final = ("authorization", "venue")
BASES: Final = ("contract", "with_fees")
# The code of ISO 4217 for no currency.
NO_CURRENCY: Final = "XXX"
# The days of change of all lists multiply: keep the lists short.
VERSIONS_MAX: Final = 40
# Each event changes each counter.
COUNTERS_MAX: Final = 100
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# --- keys that several mappings have -------------------------------------------------------------

FORMAT_KEY: Final = needed(
    "repurchase", FORMAT_NUMBER, "The version of this format: 1.", str(FORMAT)
)
CITE: Final = Key("cite", PROSE, "The place in the law or the document: article, section.")
# The keys of everything that may quote a source.
QUOTING: Final = (
    Key("quote", PROSE, "The exact words of the source; every finding of the rule shows them."),
    Key("figure", LINE,
        "The words of the quote that state the figure, if the quote spells it otherwise."),
    Key("source", LINE,
        "The name in `sources` of the quoted document, which `lint --source` searches."),
)  # fmt: skip
# The keys of everything that may be in force on some days only.
DATED: Final = (
    Key("from", DAY, "The first day of validity; included."),
    Key("until", DAY, "The last day of validity; included."),
    Key("known", DAY, "The day on which it became public."),
)  # fmt: skip

# Of a figure, also for part of a day.
HOURED: Final = (
    Key("from", DAY_OR_MINUTE,
        "The first day of validity; included. Or its first minute: "
        "`2026-07-01T10:00:00+09:00`, which needs an `until` with a time."),
    Key("until", DAY_OR_MINUTE,
        "The last day of validity; included. Or the minute from which it is no longer valid."),
    DATED[2],
    Key("by", LINE, "Who asked for this value."),
    Key("approved_by", LINE, "Who approved it: another person than `by`."),
)  # fmt: skip

# A rule file, a pack: both may say it.
FEED_ONLY: Final = Key("feed_only", listed(FED),
    "The `market.`, `issuer.` and `averages.` facts that only a feed (`--market`) may supply; the "
    "value that an event states is then never used. If a feed of its kind is given, this holds for "
    "all of `issuer.` and for every average without being listed.", [])  # fmt: skip

# --- figures and instruments ---------------------------------------------------------------------

SOURCE: Final = Table("source",
    "A document that the file quotes; the hash identifies it, and its owner keeps it.", (
    needed("title", LINE, "The title of the document."),
    Key("sha256", HASH, "The SHA-256 of the document, in hexadecimal."),
    Key("url", PROSE, "The address at which the document was published."),
))  # fmt: skip
NUMBER: Final = needed("value", FIGURE, "A number, such as `400`.")
VERSION: Final = Table("version",
    "One number, its days of validity, and the words of the source that state it.", (
    *QUOTING,
    *DATED,
    NUMBER,
    CITE,
))  # fmt: skip
FIGURE_VALUE: Final = needed("value", VALUE,
    "`4,000 shares`, `JPY 400,000,000`, `JPY 1,500 a share`, `25%`, `2008-11-14`, `09:30` or "
    "`400`; a list of periods, `[2017-04-14..2017-04-20]`; or computed from other terms, as in "
    "`terms.first_day + 1 year`. `last_day` may be `none`.")  # fmt: skip
FIGURE_VERSION: Final = Table("figure",
    "One value, its days of validity, and the words of the source that state it.", (
    *QUOTING,
    *HOURED,
    FIGURE_VALUE,
    CITE,
))  # fmt: skip


def _versions(table: Table, one: Kind) -> Kind:
    """Return the kind of a figure: a list of versions by *table*, or *one* alone."""
    several = listed(table.kind(), least=1, most=VERSIONS_MAX)

    def read(reading: Reading, path: Path, raw: object) -> object:
        if not isinstance(raw, list):
            alone = one.read(reading, path, raw)
            return alone if alone is LOST else [alone]
        if not 1 <= len(raw) <= VERSIONS_MAX:
            raise Wrong(f"the list has {len(raw)} versions", f"give 1 to {VERSIONS_MAX}")
        return several.read(reading, path, raw)

    alone = one.schema.get("anyOf", [one.schema])
    return Kind(read, {"anyOf": [*alone, several.schema]})


def _or_none(table: Table, value: Key) -> Kind:
    """Return the kind of a mapping by *table*, or of the word `none` alone as its *value*."""
    alone = brief(table, value)

    def read(reading: Reading, path: Path, raw: object) -> object:
        if not isinstance(raw, str) or not raw.strip():
            return table.read(reading, path, raw)
        if raw.strip() != NONE:
            raise Wrong(misfit(path, raw, "a mapping").what, f"write `{{value: {short(raw)}}}`")
        return alone.read(reading, path, raw)

    return Kind(read, {"anyOf": [table.kind().schema, {"const": NONE}]})


SOURCES: Final = named(SOURCE.kind(), SOURCE_NAME, most=PARTS_MAX)
FIGURES: Final = named(
    _versions(FIGURE_VERSION, _or_none(FIGURE_VERSION, FIGURE_VALUE)), TERM_NAME, most=PARTS_MAX
)
RATIO: Final = _versions(VERSION, brief(VERSION, NUMBER))
RATES: Final = listed(FIGURE, least=2, most=2)
INSTRUMENT: Final = Table("instrument", "A class of security that may be bought.", (
    needed("symbol", LINE, "The symbol by which events name it; quote digits."),
    needed("venues", listed(VENUE, least=1),
        "The venues on which it may be bought, by their codes (MIC, ISO 10383)."),
    Key("currency", PRICED_IN,
        "The currency of its prices; if absent, the program's currency. `GBX`, `ZAc` and `ILA` are "
        "a hundredth of GBP, ZAR and ILS: prices and amounts of its events are then in that unit, "
        "and `fx` is the rate of the whole currency."),
    Key("per_share", RATIO, "How many of its units are one ordinary share; if absent, one."),
    Key("shares_each", RATIO, "How many ordinary shares one of its units is."),
    Key("tick", RATIO,
        "The step of its prices, in its currency: `0.5`. Rules round a price to it with "
        "`down_to_tick(..)` and `up_to_tick(..)`."),
    Key("fx_margin", MARGIN,
        "How far the settlement rate may exceed the `fx` of an order, such as `2%`.", 0),
    Key("fx_between", RATES,
        "The lowest and the highest `fx` that an event may state, such as `[80, 120]`; included."),
))  # fmt: skip

_COUNTED: Final = (
    Key("venues", listed(VENUE, least=1), "It counts only what is bought at these venues."),
    Key("methods", listed(choice(METHODS), least=1), "It counts only what is bought so."),
    Key("brokers", listed(LINE, least=1), "It counts only what these brokers buy."),
    Key("from", DAY, "The first day that it counts; included."),
    Key("until", DAY, "The last day that it counts; included."),
    Key("per", PER,
        "`second`, `minute`, `session`, `day`, `week` (from Monday) or `month`: each has a sum of "
        "its own. `10 seconds`, `20 sessions`, `20 days` or `12 months`: the sum of so much time "
        "that ends with the event. Sessions are those of the venue. Without it, there is one sum."),
    Key("clock", choice(CLOCKS),
        "Whose days it counts: the `authorization`'s, or those of the `venue` of each trade.",
        "authorization"),
    Key("each", listed(choice(EACH), least=1),
        "What it counts apart: each `instrument`, each `venue`, or each instrument at each venue. "
        "The rules read the sum of the trade's own."),
)  # fmt: skip
COUNTER: Final = Table("counter",
    "A sum over part of the program: what was executed and is on order, with this event.", (
    Key("instruments", listed(INSTRUMENT_NAME, least=1),
        "It counts only these instruments of the file."),
    *_COUNTED,
))  # fmt: skip
PACK_COUNTER: Final = Table("pack-counter", "A sum over part of any program.", _COUNTED)

AVERAGE: Final = Table("average", "A mean of market data over some sessions before a day.", (
    needed("of", choice((*OFS, LAST_PRICE)),
        "What it is the average of: `volume`, `turnover`, `close`, `high`, `mid` (the middle of "
        "the last bid and offer), `vwap` (the turnover divided by the volume), or the `last_price` "
        "as it was so long ago."),
    needed("over", OVER,
        "The time before the day of the trade: `20 sessions`, `5 sessions with trades`, `4 "
        "calendar weeks` (from Monday), `6 calendar months`, or `month` for the calendar month "
        "before. The week or the month of that day does not count. For a `last_price`, `5 minutes "
        "ago`: trades supply it."),
    Key("per", choice(PERS),
        "Whether the volume or turnover is that of an average `session`, or, over calendar weeks "
        "or months, that of an average `week` or `month`.", "session"),
    Key("venue", VENUE_OF_AVERAGE,
        "The code of a venue; `listing`, the first venue of the instrument; or `all`, the sum over "
        "all venues of the instrument, in the sessions of the first. If absent, the venue of the "
        "event."),
    Key("without", listed(choice(WITHOUT), least=1),
        "The part of the volume that does not count: `off_auction`, what was traded off the "
        "auction; `own`, what the issuer bought. Bars supply both."),
    Key("before", BEFORE,
        "The day before which it is taken, if not that of the trade: `announced`, `resolved` or a "
        "date. Before that day, the average is unknown."),
))  # fmt: skip
AVERAGES: Final = Key("averages", named(AVERAGE.kind(), TERM_NAME, most=PARTS_MAX),
    "Means of market data by name, such as the volume of 20 sessions. Rules read `averages.NAME`, "
    "and those of a rule file also read the averages of its packs.", {})  # fmt: skip

# --- conditions ----------------------------------------------------------------------------------

CHECK: Final = Table("check",
    "One condition that reads only terms; it is evaluated when the file is loaded.", (
    *QUOTING,
    needed("id", ID, "The name of the check, such as `stated-percentage`."),
    needed("require", CONDITION, "The condition that the terms must meet."),
    Key("title", LINE, "A heading for people."),
    CITE,
    Key("why", PROSE, "The reason, in a sentence."),
))  # fmt: skip
RULE: Final = Table("rule", "One condition that an event must meet.", (
    *QUOTING,
    *DATED,
    needed("id", ID, "Its name in every finding, such as `share-cap`."),
    needed("require", CONDITION, "The condition that an event must meet."),
    Key("when", CONDITION, "The rule applies only if this condition is true."),
    Key("effect", choice(EFFECTS),
        "The effect if `require` is not met: `deny`, `review` or `flag`.", "deny"),
    Key("at", choice(ATS),
        "The events it evaluates: `order`, `fill`, or `both`. All rules, including those `at: "
        "order`, evaluate a fill that has no open order or uses another `method` than its order.",
        "both"),
    Key("title", LINE, "A heading; `explain` shows it."),
    Key("cite", PROSE,
        "The place in the law or the document: article, section. `--json` and `--decisions` show "
        "it with every finding."),
    Key("why", PROSE, "The reason, for readers of the file."),
))  # fmt: skip
OF_LAW: Final = (
    Key("unverified", PROSE,
        "Why it is uncertain that the law says this. Such a rule must be `review` or `flag`; it "
        "never denies."),
    Key("option", ID, "The rule is in force only if this option is on."),
    Key("without", ID, "The rule is in force only if this option is off."),
)  # fmt: skip
PACK_RULE: Final = Table("pack-rule", "One condition of a body of law.", (
    *RULE.keys,
    *OF_LAW,
))  # fmt: skip

# --- packs ---------------------------------------------------------------------------------------

OPTION: Final = Table("option",
    "Something that a rule file may turn on when it includes the pack; off by default.", (
    needed("title", LINE, "What the option changes, for people."),
    CITE,
))  # fmt: skip
PACK: Final = Table("pack",
    "Rules and dated limits of one body of law, which authorizations include.", (
    FORMAT_KEY,
    needed("pack", PACK_NAME,
        "Its name, with which the names of its findings begin, such as `jp-order-59`.", "unnamed"),
    needed("title", LINE, "The law, for people.", "untitled"),
    Key("judged", choice(JUDGED),
        "`by_trade`, or `by_day`: if one purchase fails a rule, all purchases of that day are "
        "outside the safe harbour, including earlier ones. No decision changes; the summary of "
        "`replay` lists the day under `days`.",
        "by_trade"),
    Key("sources", SOURCES, "The documents that the pack quotes, as in a rule file.", {}),
    Key("limits", FIGURES,
        "The figures of the law by name: each is one version or a list of versions.", {}),
    AVERAGES,
    Key("options", named(OPTION.kind(), ID, most=PARTS_MAX),
        "The options of the pack by name, each with a `title` and a `cite`.", {}),
    Key("counters", named(PACK_COUNTER.kind(), TERM_NAME, most=COUNTERS_MAX),
        "What its rules count, as in a rule file. A file and its packs have one counter of a name.",
        {}),
    FEED_ONLY,
    Key("when", CONDITION,
        "Its rules apply only if this condition is true, in addition to their own `when`."),
    needed("rules", listed(PACK_RULE.kind(), most=PARTS_MAX),
        "The conditions that events must meet.", []),
))  # fmt: skip
ASKED: Final = needed(
    "pack", PACK_ASKED, "A shipped pack, or `./name` for the file beside this one."
)
INCLUDE: Final = Table("include",
    "A pack that is included, and the options that are turned on.", (
    ASKED,
    Key("options", listed(ID), "The options of the pack that are on.", []),
))  # fmt: skip

# --- rule files ----------------------------------------------------------------------------------

RULE_FILE: Final = Table("rule-file",
    "A board's authorization of a share repurchase, as rules for every trade event.", (
    FORMAT_KEY,
    needed("authorization", ID,
        "Its name, such as `iij-2008`: lower-case letters, digits and hyphens.", "unnamed"),
    Key("issuer", LINE, "The company that buys its own shares."),
    Key("resolved", DAY, "The day of the board's resolution."),
    Key("announced", DAY,
        "The day on which the programme was disclosed to the public; averages `before: announced` "
        "depend on it."),
    Key("basis", PROSE, "The law and the articles on which the authorization is based."),
    Key("sources", SOURCES,
        "The quoted documents by name, each with `title`, and `sha256` or `url`. `lint FILE "
        "--source DOCUMENT` searches the document with that `sha256` for the quotes.", {}),
    needed("timezone", ZONE,
        "The time zone in which the authorization counts its days, such as `Asia/Tokyo`.", "UTC"),
    needed("currency", CURRENCY, "The currency of its cap on money, such as `JPY`.", NO_CURRENCY),
    Key("amount_basis", choice(BASES),
        "`contract`, or `with_fees` if fees count against the cap.", "contract"),
    needed("instruments", named(INSTRUMENT.kind(), INSTRUMENT_NAME, least=1, most=PARTS_MAX),
        "The securities that may be bought, by name: `symbol`, `venues`, and if needed `currency`, "
        "`per_share` (400 units are one share) or `shares_each` (one unit is ten shares), "
        "`tick`, `fx_margin`, `fx_between`.", {}),
    Key("terms", FIGURES,
        f"The board's figures by name: {', '.join(f'`{name}`' for name in KNOWN_TERMS)}, "
        "and any other that a rule reads.", {}),
    Key("counters", named(COUNTER.kind(), TERM_NAME, most=COUNTERS_MAX),
        "Sums over part of the program by name, such as a tranche, a class or twelve months. Rules "
        "read `counters.NAME.shares_after` and `counters.NAME.amount_after`.", {}),
    AVERAGES,
    Key("checks", listed(CHECK.kind(), most=PARTS_MAX),
        "Conditions that read only terms. They are evaluated when the file is read, for each day "
        "on which the terms are in force.", []),
    Key("unlimited", listed(choice(tuple(LIMITED))),
        "What the board does not limit: `[shares]`, `[amount]` or both. Without it, a rule must "
        "always cap each.", []),
    Key("notify", named(listed(PERCENT, least=1), SUM, most=PARTS_MAX),
        "At which percentages of its cap the use of a sum is sent by `repurchase notify`: "
        "`program.shares: [50, 80, 95]`, `program.amount`, `counters.tranche.shares`. It changes "
        "no decision.", {}),
    Key("late_days", COUNT_OF_DAYS,
        "For how many days after its last day an order that has ended is kept, since a venue may "
        "report on it late.", LATE_DAYS),
    FEED_ONLY,
    Key("venues", named(ZONE, VENUE, most=PARTS_MAX),
        "Venues that ISO 10383 does not list, or whose clock is not known, each with its time "
        "zone: `{XLIJ: Asia/Tokyo}`.", {}),
    Key("include", listed(brief(INCLUDE, ASKED), most=PARTS_MAX),
        "Rule packs that apply in addition to the rules: `[jp-order-59]`.", []),
    Key("rules", listed(RULE.kind(), most=PARTS_MAX),
        "The conditions that each event must meet.", []),
))  # fmt: skip

# --- cases ---------------------------------------------------------------------------------------

GIVEN: Final = Table("given", "What the program executed before the event of a case.", (
    Key("executed_shares", FIGURE,
        "Executed shares, in ordinary shares, as of two days before the event."),
    Key("executed_amount", FIGURE,
        "Executed money, in the program's currency, which is not written."),
))  # fmt: skip


def _either(form: type, kind: Kind, other: Kind) -> Kind:
    """Return the kind that reads a value of type *form* as *kind*, and any other as *other*."""

    def read(reading: Reading, path: Path, raw: object) -> object:
        return (kind if isinstance(raw, form) else other).read(reading, path, raw)

    return Kind(read, {"anyOf": [kind.schema, other.schema]})


CASE: Final = Table("case", "One event and its expected decision.", (
    needed("name", LINE, "What the case shows."),
    Key("given", _either(list, listed(EVENT), GIVEN.kind()),
        "What was executed before, or a list of the events before."),
    needed("event", EVENT, "The event to decide."),
    needed("expect", choice(EXPECTED), "The expected outcome."),
    # A mapping gives each rule its effect.
    Key("rules", _either(dict, named(choice(EFFECTS), FINDING), listed(FINDING)),
        "Exactly the rules that do not pass: a list, or each with its effect."),
    Key("under", PROSE,
        "For a pack: the rule file that decides this case, if not the one above `cases`."),
))  # fmt: skip
CASES_FILE: Final = Table("cases-file", "Cases beside a rule file or a pack.", (
    Key("under", PROSE, "For a pack: a rule file that includes it; the file decides the cases."),
    Key("usual", EVENT,
        "Default fields. An event takes each default that its kind allows, unless it sets the "
        "field.", {}),
    needed("cases", listed(CASE.kind(), least=1, most=PARTS_MAX),
        "Each an event with its expected outcome.", []),
))  # fmt: skip


class _Form(NamedTuple):
    """A kind of file: the title of its schema, its keys, and the tables of its parts."""

    title: str
    table: Table
    parts: tuple[Table, ...]


_FORMS: Final = {
    "rules": _Form(
        "Repurchase rule file",
        RULE_FILE,
        (SOURCE, FIGURE_VERSION, VERSION, INSTRUMENT, COUNTER, AVERAGE, CHECK, INCLUDE, RULE),
    ),
    "pack": _Form(
        "Repurchase rule pack",
        PACK,
        (SOURCE, FIGURE_VERSION, PACK_COUNTER, AVERAGE, OPTION, PACK_RULE),
    ),
    "cases": _Form("Repurchase cases file", CASES_FILE, (GIVEN, CASE)),
    "mapping": _Form("Repurchase mapping", MAPPING, MAPPING_PARTS),
}
SCHEMAS: Final = tuple(_FORMS)


def json_schema(form: str = "rules") -> dict[str, Any]:
    """Return the JSON Schema of a *form* of file, one of SCHEMAS.

    It finds unknown and missing keys, wrong types and wrong words. What an expression or a figure
    may be, only the reader knows.
    """
    title, table, parts = _FORMS[form]
    return {
        "$schema": _DIALECT,
        # A name and no address: editors are given the file.
        "$id": f"urn:repurchase:schema:{form}:{FORMAT}",
        "title": title,
        **table.json_schema(),
        "$defs": {part.name: part.json_schema() for part in parts},
    }
