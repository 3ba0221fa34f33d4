"""The keys of rule files, packs and cases files: what each may hold, and what it means.

From these tables a file is read, an unknown key is told the nearest, and the JSON Schema for
editors and the manual's tables of keys are written.
"""

from __future__ import annotations

from typing import Any, Final

from repurchase.domain.decisions import EFFECTS
from repurchase.domain.errors import Wrong
from repurchase.domain.terms import KNOWN_TERMS
from repurchase.rulebook.keys import (
    LOST,
    PARTS_MAX,
    Key,
    Kind,
    Reading,
    Table,
    brief,
    listed,
    named,
    needed,
)
from repurchase.rulebook.kinds import (
    CONDITION,
    CURRENCY,
    DAY,
    EVENT,
    FIGURE,
    FINDING,
    FORMAT,
    FORMAT_NUMBER,
    HASH,
    ID,
    LINE,
    MARGIN,
    PACK_ASKED,
    PACK_NAME,
    PROSE,
    VENUE,
    ZONE,
    choice,
    finding_id,
    instrument_name,
    rule_id,
    source_name,
    term_name,
)
from repurchase.rulebook.model import ATS, EXPECTED, JUDGED
from repurchase.rulebook.yaml_reader import Path

BASES: Final = ("contract", "with_fees")
# The code of ISO 4217 for no currency.
NO_CURRENCY: Final = "XXX"
# The days on which something may change are multiplied with one another: keep them few.
VERSIONS_MAX: Final = 40
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# --- keys that several mappings have -------------------------------------------------------------

FORMAT_KEY: Final = needed(
    "repurchase", FORMAT_NUMBER, "The version of this format: 1.", str(FORMAT)
)
CITE: Final = Key("cite", PROSE, "Where it stands: law, article, section.")
# What may carry words of a source.
QUOTING: Final = (
    Key("quote", PROSE, "The words of the source, to the letter; they go with every verdict."),
    Key("figure", LINE, "The part of the quote that says the figure, where it is spelt out."),
    Key("source", LINE, "Which of `sources` is quoted: where `lint --source` looks for the words."),
)  # fmt: skip
# What may hold for some days only.
DATED: Final = (
    Key("from", DAY, "The first day on which it holds."),
    Key("until", DAY, "The last day on which it holds."),
    Key("known", DAY, "The day on which it became public."),
)  # fmt: skip

# --- figures and instruments ---------------------------------------------------------------------

SOURCE: Final = Table("source",
    "A document that the file quotes; it stays with its owner, pinned by its hash.", (
    needed("title", LINE, "What the document is called."),
    Key("sha256", HASH, "The SHA-256 of the document, in hexadecimal."),
    Key("url", PROSE, "Where the document was published."),
))  # fmt: skip
VALUE: Final = needed("value", FIGURE,
    "`4,000 shares`, `JPY 400,000,000`, `25%`, `2008-11-14`, `09:30` or `400`.")  # fmt: skip
VERSION: Final = Table("version",
    "One figure, the days on which it holds, and the words that say so.", (
    *QUOTING,
    *DATED,
    VALUE,
    CITE,
))  # fmt: skip


def _versions(one: Kind) -> Kind:
    """Return the kind of a figure: a list of versions, or what *one* alone may be."""
    several = listed(VERSION.kind())

    def read(reading: Reading, path: Path, raw: object) -> object:
        if not isinstance(raw, list):
            alone = one.read(reading, path, raw)
            return alone if alone is LOST else [alone]
        if not 1 <= len(raw) <= VERSIONS_MAX:
            raise Wrong(f"the list has {len(raw)} versions", f"give 1 to {VERSIONS_MAX}")
        return several.read(reading, path, raw)

    alone = one.schema.get("anyOf", [one.schema])
    return Kind(read, {"anyOf": [*alone, several.schema]})


SOURCES: Final = named(SOURCE.kind(), source_name, most=PARTS_MAX)
FIGURES: Final = named(_versions(VERSION.kind()), term_name, most=PARTS_MAX)
RATIO: Final = _versions(brief(VERSION, VALUE))
INSTRUMENT: Final = Table("instrument", "A class of security that may be bought.", (
    needed("symbol", LINE, "The symbol by which events name it; quote digits."),
    needed("venues", listed(VENUE, least=1), "The venues (MIC) on which it is bought."),
    Key("currency", CURRENCY, "The currency of its prices; the program's where none is given."),
    Key("per_share", RATIO, "How many of it are one ordinary share; one where none is given."),
    Key("shares_each", RATIO, "How many ordinary shares one of it is."),
    Key("fx_margin", MARGIN,
        "How far the rate of settlement may pass the fx of an order, such as `2%`.", 0),
))  # fmt: skip

# --- conditions ----------------------------------------------------------------------------------

CHECK: Final = Table("check", "One condition over terms alone, decided when the file is loaded.", (
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
    needed("id", ID, "Its name in every verdict, such as `share-cap`."),
    needed("require", CONDITION, "The condition that an event must meet."),
    Key("when", CONDITION, "The rule applies only where this holds."),
    Key("effect", choice(EFFECTS),
        "What follows where it is not met: `deny`, `review` or `flag`.", "deny"),
    Key("at", choice(ATS),
        "What it judges: `order`, `fill`, or `both`. A fill without an open order, or by another "
        "`method` than its order, is judged by all rules, as if it were asked for.", "both"),
    Key("title", LINE, "A heading; `explain` shows it."),
    Key("cite", PROSE,
        "Where it stands: law, article, section; with every verdict in `--json` and "
        "`--decisions`."),
    Key("why", PROSE, "The reason, for who reads the file."),
))  # fmt: skip
OF_LAW: Final = (
    Key("unverified", PROSE,
        "Why it is not certain that this is the law; it is `review` or `flag` then, and never "
        "denies."),
    Key("option", ID, "It is in force only with this option."),
    Key("without", ID, "It is in force only without this option."),
)  # fmt: skip
PACK_RULE: Final = Table("pack-rule", "One condition of a body of law.", (
    *RULE.keys,
    *OF_LAW,
))  # fmt: skip

# --- packs ---------------------------------------------------------------------------------------

OPTION: Final = Table("option", "What whoever includes a pack may turn on; it is off by default.", (
    needed("title", LINE, "What it changes, for people."),
    CITE,
))  # fmt: skip
PACK: Final = Table("pack",
    "Rules and dated limits of one body of law, which authorizations include.", (
    FORMAT_KEY,
    needed("pack", PACK_NAME,
        "Its name, by which its findings are called, such as `jp-order-59`.", "unnamed"),
    needed("title", LINE, "The law, for people.", "untitled"),
    Key("judged", choice(JUDGED),
        "`by_trade`, or `by_day`: one purchase that fails taints all of its day, those before it "
        "too, which the summary of `replay` lists under `days`; no decision changes for it.",
        "by_trade"),
    Key("sources", SOURCES, "The documents that it quotes, as in a rule file.", {}),
    Key("limits", FIGURES, "The figures of the law, by name, each one or a list of versions.", {}),
    Key("options", named(OPTION.kind(), rule_id, most=PARTS_MAX),
        "What may be turned on, by name, each with `title` and `cite`.", {}),
    Key("when", CONDITION, "Its rules apply only where this holds, beside their own `when`."),
    needed("rules", listed(PACK_RULE.kind(), most=PARTS_MAX),
        "The conditions that events must meet.", []),
))  # fmt: skip
ASKED: Final = needed(
    "pack", PACK_ASKED, "A shipped pack, or `./name` for the file beside this one."
)
INCLUDE: Final = Table("include",
    "A pack that is included, and the options of it that are turned on.", (
    ASKED,
    Key("options", listed(ID), "Which of its options are on.", []),
))  # fmt: skip

# --- rule files ----------------------------------------------------------------------------------

RULE_FILE: Final = Table("rule-file",
    "A board's authorization to buy back own shares, as rules that every trade event must meet.", (
    FORMAT_KEY,
    needed("authorization", ID,
        "Its name, such as `iij-2008`: small letters, digits and hyphens.", "unnamed"),
    Key("issuer", LINE, "The company that buys its own shares."),
    Key("resolved", DAY, "The day of the board's resolution."),
    Key("announced", DAY,
        "The day on which the programme was disclosed to the public; `market.adv_eu_month_before` "
        "goes by it."),
    Key("basis", PROSE, "The law and the articles that it rests on."),
    Key("sources", SOURCES,
        "The documents quoted, by name: `title`, and `sha256` or `url`. They stay with you; `lint "
        "FILE --source DOCUMENT` looks for quotes in one that has its `sha256`.", {}),
    needed("timezone", ZONE,
        "The clock on which the authorization counts its days, such as `Asia/Tokyo`.", "UTC"),
    needed("currency", CURRENCY, "The money that its cap is in, such as `JPY`.", NO_CURRENCY),
    Key("amount_basis", choice(BASES),
        "`contract`, or `with_fees` where fees count against the cap.", "contract"),
    needed("instruments", named(INSTRUMENT.kind(), instrument_name, least=1, most=PARTS_MAX),
        "What may be bought, by name: `symbol`, `venues`, and where they differ `currency`, "
        "`per_share` (400 are one share) or `shares_each` (one is ten shares), `fx_margin`.", {}),
    Key("terms", FIGURES,
        f"The board's figures, by name: {', '.join(f'`{name}`' for name in KNOWN_TERMS)}, "
        "and any that a rule reads.", {}),
    Key("checks", listed(CHECK.kind(), most=PARTS_MAX),
        "Conditions over terms alone, decided when the file is read, for each day on which its "
        "terms are in force.", []),
    Key("include", listed(brief(INCLUDE, ASKED), most=PARTS_MAX),
        "Packs of law that apply beside the rules: `[jp-order-59]`.", []),
    Key("rules", listed(RULE.kind(), most=PARTS_MAX),
        "The conditions that each event must meet.", []),
))  # fmt: skip

# --- cases ---------------------------------------------------------------------------------------

GIVEN: Final = Table("given", "What the program has executed before the event of a case.", (
    Key("executed_shares", FIGURE, "Ordinary shares, executed."),
    Key("executed_amount", FIGURE, "Money, executed."),
))  # fmt: skip


def _either(form: type, kind: Kind, other: Kind) -> Kind:
    """Return *kind* for what is written in *form*, and *other* for all else."""

    def read(reading: Reading, path: Path, raw: object) -> object:
        return (kind if isinstance(raw, form) else other).read(reading, path, raw)

    return Kind(read, {"anyOf": [kind.schema, other.schema]})


CASE: Final = Table("case", "One event and the answer that is expected of it.", (
    needed("name", LINE, "What the case shows."),
    Key("given", _either(list, listed(EVENT), GIVEN.kind()),
        "What was executed before, or the events before."),
    needed("event", EVENT, "The event that is judged."),
    needed("expect", choice(EXPECTED), "The outcome."),
    # In a mapping each rule has its effect beside it.
    Key("rules", _either(dict, named(choice(EFFECTS), finding_id), listed(FINDING)),
        "Exactly the rules that do not pass: a list, or each with its effect."),
    Key("under", PROSE, "Of a pack: another rule file than that of all cases, to judge this by."),
))  # fmt: skip
CASES_FILE: Final = Table("cases-file", "Cases beside a rule file or a pack.", (
    Key("under", PROSE, "Of a pack: the rule file that includes it, to judge the cases by."),
    Key("usual", EVENT, "What each event says that can, unless it says otherwise itself.", {}),
    needed("cases", listed(CASE.kind(), least=1, most=PARTS_MAX),
        "Each an event with its expected outcome.", []),
))  # fmt: skip


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rule file, for editors."""
    within = (SOURCE, VERSION, INSTRUMENT, CHECK, INCLUDE, RULE)
    return {
        "$schema": _DIALECT,
        "title": "Repurchase rule file",
        **RULE_FILE.json_schema(),
        "$defs": {table.name: table.json_schema() for table in within},
    }
