"""The format of a rule file: which keys it has, what each may hold, and how errors are told.

The same models give the JSON Schema by which editors help. Each scalar field reads its own
text, so that pydantic never guesses what a scalar means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationError,
    WithJsonSchema,
    field_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import ErrorDetails, core_schema

from repurchase.domain.calendars import VENUE_ZONES, zone_names
from repurchase.domain.decisions import EFFECTS, Effect
from repurchase.domain.errors import Problem, Wrong, nearest, short
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import KNOWN_TERMS, Figure
from repurchase.rulebook.figures import read_date, read_figure, read_percentage
from repurchase.rulebook.model import ATS, EXPECTED, JUDGED, At, Expected, Judged
from repurchase.rulebook.yaml_reader import PROBLEMS_MAX, Document, Path, Plain, surprising, ticked

T = TypeVar("T")

FORMAT: Final = 1
BASES: Final = ("contract", "with_fees")
LINE_CHARACTERS_MAX: Final = 200
PROSE_CHARACTERS_MAX: Final = 2000
# The days on which something may change are multiplied with one another: keep them few.
VERSIONS_MAX: Final = 40
PARTS_MAX: Final = 1000

# What pydantic puts into a path that is no key of the file.
_AS_KEY: Final = "[key]"
_AS_MAPPING: Final = "(mapping)"
_AS_LIST: Final = "(list)"
_MARKS: Final = (_AS_KEY, _AS_MAPPING, _AS_LIST)
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_RULE_ID: Final = r"[a-z][a-z0-9-]*"
_NAME: Final = r"[a-z][a-z0-9_]*"
_SOURCE_NAME: Final = r"[a-z][a-z0-9_-]*"
_PACK: Final = r"(?:\./)?[a-z0-9][a-z0-9._-]*"
_CURRENCY: Final = r"[A-Z]{3}"
_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_HASH: Final = r"[0-9a-f]{64}"
_FAMILIES: Final = ("engine", "terms", "limits", "trade", "program", "day", "market", "issuer")
_RESERVED: Final = ("and", "or", "not", "in")
# What an unquoted scalar may look like in a field that takes a figure or a date.
_PLAIN_FIGURE: Final = re.compile(
    rf"{_DATE}|(?:0|[1-9][0-9]*|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+)"
    r"(?:\.[0-9]+)?"
)
_PLAIN_IN_EVENT: Final = re.compile(
    rf"-?(?:{_PLAIN_FIGURE.pattern})|true|false|{_DATE}[Tt ][0-9:.]+(?:[Zz]|[-+][0-9:]+)"
)


class _Misfit(ValueError):
    """A value of another kind than its field takes, told with the name of its key."""

    def __init__(self, found: object, expected: str) -> None:
        self.found = found
        self.expected = expected
        super().__init__(expected)


# --- scalars -----------------------------------------------------------------------------------


def _scalar(read: Callable[[str], T], *, empty: bool = False) -> PlainValidator:
    def validate(raw: object) -> T:
        # In quotes nothing is meant, without them it was forgotten.
        if empty and raw == "" and not isinstance(raw, Plain):
            return read("")
        if not isinstance(raw, str) or not raw.strip():
            raise _Misfit(raw, "text")
        return read(raw)

    return PlainValidator(validate)


def _as_text(raw: str) -> str:
    if isinstance(raw, Plain) and surprising(raw):
        what = f"{ticked(raw)} is not read as text by every reader of YAML"
        raise Wrong(what, f'write "{short(raw)}"')
    return str(raw).strip()


def _text(characters_max: int) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if len(raw.strip()) > characters_max:
            what = f"the text has {len(raw.strip()):,} characters"
            raise Wrong(what, f"at most {characters_max:,} are read")
        return _as_text(raw)

    return read


def _line(raw: str) -> str:
    text = _text(LINE_CHARACTERS_MAX)(raw)
    if "\n" in text or "\t" in text:
        raise Wrong("the text goes over more than one line", "write it on one line")
    return text


def _shaped(pattern: str, kind: str, hint: str) -> Callable[[str], str]:
    shape = re.compile(pattern)

    def read(raw: str) -> str:
        text = _line(raw)
        if not shape.fullmatch(text):
            raise Wrong(f"{ticked(text)} is no {kind}", hint)
        return text

    return read


def _name(kind: str, pattern: str, hint: str) -> AfterValidator:
    shape = re.compile(pattern)

    def check(name: str) -> str:
        if not shape.fullmatch(name) or name in _RESERVED:
            raise Wrong(f"{ticked(name)} is no name of {kind}", hint)
        return name

    return AfterValidator(check)


def _choice(words: tuple[str, ...]) -> Callable[[str], str]:
    listed = ", ".join(f"`{word}`" for word in words)

    def read(raw: str) -> str:
        text = _line(raw)
        if text not in words:
            hint = nearest(text, words) or f"it is one of {listed}"
            raise Wrong(f"{ticked(text)} is not a choice here", hint)
        return text

    return read


def _enumerated(words: tuple[str, ...]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(words)})


def _figure(read: Callable[[str], T]) -> Callable[[str], T]:
    def plainly(raw: str) -> T:
        # `12:30` and `010` are other numbers to other readers; `25%` is text to all of them.
        value = read(str(raw).strip())
        if isinstance(raw, Plain) and surprising(raw) and not _PLAIN_FIGURE.fullmatch(raw):
            what = f"{ticked(raw)} is not read as text by every reader of YAML"
            raise Wrong(what, f'write "{short(raw)}"')
        return value

    return plainly


def _format(raw: str) -> str:
    if raw != str(FORMAT):
        raise Wrong(f"the format {ticked(raw)} is not known", f"write `repurchase: {FORMAT}`")
    return raw


def _zone(raw: str) -> str:
    text = _line(raw)
    if text not in zone_names():
        hint = nearest(text, zone_names()) or "write it as `Asia/Tokyo`"
        raise Wrong(f"unknown time zone {ticked(text)}", hint)
    return text


def _venue(raw: str) -> str:
    text = _line(raw)
    if text not in VENUE_ZONES:
        hint = nearest(text, VENUE_ZONES) or "write its market identifier code, such as `XTKS`"
        raise Wrong(f"unknown venue {ticked(text)}", hint)
    return text


def _pack_name(raw: str) -> str:
    text = _shaped(_RULE_ID, "name", _WORDS_HINT)(raw)
    if text in _FAMILIES:
        what = f"`{text}` is the name of what the program finds and knows itself"
        raise Wrong(what, "call the pack otherwise")
    return text


_WORDS_HINT: Final = "use small letters, digits and hyphens, a letter first"
_NAME_HINT: Final = "use small letters, digits and underscores, a letter first"

Line = Annotated[
    str, _scalar(_line), WithJsonSchema({"type": "string", "maxLength": LINE_CHARACTERS_MAX})
]
Prose = Annotated[
    str,
    _scalar(_text(PROSE_CHARACTERS_MAX)),
    WithJsonSchema({"type": "string", "maxLength": PROSE_CHARACTERS_MAX}),
]
Formula = Annotated[
    str, _scalar(lambda raw: raw), WithJsonSchema({"type": "string", "maxLength": 2000})
]
Id = Annotated[
    str,
    _scalar(_shaped(_RULE_ID, "name", _WORDS_HINT)),
    WithJsonSchema({"type": "string", "pattern": f"^{_RULE_ID}$"}),
]
PackName = Annotated[
    str,
    _scalar(_pack_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_RULE_ID}$"}),
]
Currency = Annotated[
    str,
    _scalar(_shaped(_CURRENCY, "currency", "write its three capitals, such as `JPY`")),
    WithJsonSchema({"type": "string", "pattern": f"^{_CURRENCY}$"}),
]
Hash = Annotated[
    str,
    _scalar(_shaped(_HASH, "SHA-256", "write its 64 hexadecimal digits, as sha256sum does")),
    WithJsonSchema({"type": "string", "pattern": f"^{_HASH}$"}),
]
Day = Annotated[
    date,
    _scalar(_figure(read_date)),
    WithJsonSchema({"type": "string", "pattern": f"^{_DATE}$"}),
]
FigureText = Annotated[
    Figure, _scalar(_figure(read_figure)), WithJsonSchema({"type": ["string", "number"]})
]
Percentage = Annotated[
    Exact,
    _scalar(_figure(read_percentage)),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9][0-9,]*(\.[0-9]+)?%$"}),
]
Version1 = Annotated[str, _scalar(_format), WithJsonSchema({"const": FORMAT})]
Zone = Annotated[str, _scalar(_zone), WithJsonSchema({"type": "string"})]
Venue = Annotated[
    str, _scalar(_venue), WithJsonSchema({"type": "string", "enum": sorted(VENUE_ZONES)})
]
Pack = Annotated[
    str,
    _scalar(_shaped(_PACK, "name of a pack", "write it as `jp-order-59` or `./own-rules`")),
    WithJsonSchema({"type": "string", "pattern": f"^{_PACK}$"}),
]
EffectWord = Annotated[Effect, _scalar(_choice(EFFECTS)), _enumerated(EFFECTS)]
AtWord = Annotated[At, _scalar(_choice(ATS)), _enumerated(ATS)]
ExpectedWord = Annotated[Expected, _scalar(_choice(EXPECTED)), _enumerated(EXPECTED)]
JudgedWord = Annotated[Judged, _scalar(_choice(JUDGED)), _enumerated(JUDGED)]
BasisWord = Annotated[str, _scalar(_choice(BASES)), _enumerated(BASES)]
FindingId = Annotated[
    str,
    _scalar(_shaped(r"[a-z][a-z0-9.-]*", "name of a rule", _WORDS_HINT)),
    WithJsonSchema({"type": "string"}),
]
SourceName = Annotated[str, _name("a source", _SOURCE_NAME, _WORDS_HINT)]
InstrumentName = Annotated[str, _name("an instrument", _NAME, _NAME_HINT)]
TermName = Annotated[str, _name("a term", _NAME, _NAME_HINT)]


# --- mappings ----------------------------------------------------------------------------------


class _Mapping(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Quoting(_Mapping):
    """What may carry words of a source."""

    quote: Prose | None = Field(
        None, description="The words of the source, to the letter; they go with every verdict."
    )
    figure: Line | None = Field(
        None, description="The part of the quote that says the figure, where it is spelt out."
    )
    source: Line | None = Field(
        None, description="Which of `sources` is quoted: where `lint --source` looks for the words."
    )


class _Dated(_Quoting):
    """What may hold for some days only."""

    first: Day | None = Field(None, alias="from", description="The first day on which it holds.")
    last: Day | None = Field(None, alias="until", description="The last day on which it holds.")
    known: Day | None = Field(None, description="The day on which it became public.")


class SourceFields(_Mapping):
    """A document that the file quotes; it stays with its owner, pinned by its hash."""

    title: Line = Field(description="What the document is called.")
    sha256: Hash | None = Field(None, description="The SHA-256 of the document, in hexadecimal.")
    url: Prose | None = Field(None, description="Where the document was published.")


class VersionFields(_Dated):
    """One figure, the days on which it holds, and the words that say so."""

    value: FigureText = Field(
        description="`4,000 shares`, `JPY 400,000,000`, `25%`, `2008-11-14`, `09:30` or `400`."
    )
    cite: Prose | None = Field(None, description="Where it stands: law, article, section.")


def _few(raw: object) -> object:
    if isinstance(raw, list | dict) and len(raw) > PARTS_MAX:
        raise Wrong(f"{len(raw):,} entries stand here", f"at most {PARTS_MAX:,} are read")
    return raw


def _versions(raw: object) -> object:
    if isinstance(raw, list):
        if not 1 <= len(raw) <= VERSIONS_MAX:
            raise Wrong(f"the list has {len(raw)} versions", f"give 1 to {VERSIONS_MAX}")
        return raw
    return [raw]


def _ratios(raw: object) -> object:
    return [{"value": raw}] if isinstance(raw, str) else _versions(raw)


Versions = Annotated[
    list[VersionFields],
    BeforeValidator(_versions, json_schema_input_type=VersionFields | list[VersionFields]),
]
Ratios = Annotated[
    list[VersionFields],
    BeforeValidator(
        _ratios, json_schema_input_type=FigureText | VersionFields | list[VersionFields]
    ),
]


def _several(raw: object) -> object:
    if isinstance(raw, list | dict) and not raw:
        raise Wrong("nothing is listed here", "name one at least")
    return raw


Venues = Annotated[list[Venue], BeforeValidator(_several, json_schema_input_type=list[Venue])]


class InstrumentFields(_Mapping):
    """A class of security that may be bought."""

    symbol: Line = Field(description="The symbol by which events name it; quote digits.")
    venues: Venues = Field(description="The venues (MIC) on which it is bought.")
    currency: Currency | None = Field(
        None, description="The currency of its prices; the program's where none is given."
    )
    per_share: Ratios | None = Field(
        None, description="How many of it are one ordinary share; one where none is given."
    )
    shares_each: Ratios | None = Field(None, description="How many ordinary shares one of it is.")
    fx_margin: Percentage = Field(
        0,
        description="How far the rate of settlement may pass the fx of an order, such as `2%`.",
        json_schema_extra={"default": "0%"},
    )


class CheckFields(_Quoting):
    """One condition over terms alone, decided when the file is loaded."""

    id: Id = Field(description="The name of the check, such as `stated-percentage`.")
    require: Formula = Field(description="The condition that the terms must meet.")
    title: Line | None = Field(None, description="A heading for people.")
    cite: Prose | None = Field(None, description="Where it stands: law, article, section.")
    why: Prose | None = Field(None, description="The reason, in a sentence.")


class RuleFields(_Dated):
    """One condition that an event must meet."""

    id: Id = Field(description="Its name in every verdict, such as `share-cap`.")
    require: Formula = Field(description="The condition that an event must meet.")
    when: Formula | None = Field(None, description="The rule applies only where this holds.")
    effect: EffectWord = Field(
        "deny", description="What follows where it is not met: `deny`, `review` or `flag`."
    )
    at: AtWord = Field(
        "both",
        description="What it judges: `order`, `fill`, or `both`. A fill without an open order, or "
        "by another `method` than its order, is judged by all rules, as if it were asked for.",
    )
    title: Line | None = Field(None, description="A heading; `explain` shows it.")
    cite: Prose | None = Field(
        None,
        description="Where it stands: law, article, section; with every verdict in `--json` and "
        "`--decisions`.",
    )
    why: Prose | None = Field(None, description="The reason, for who reads the file.")


class PackRuleFields(RuleFields):
    """One condition of a body of law."""

    unverified: Prose | None = Field(
        None,
        description="Why it is not certain that this is the law; it is `review` or `flag` then, "
        "and never denies.",
    )
    option: Id | None = Field(None, description="It is in force only with this option.")
    without: Id | None = Field(None, description="It is in force only without this option.")


class OptionFields(_Mapping):
    """What whoever includes a pack may turn on; it is off by default."""

    title: Line = Field(description="What it changes, for people.")
    cite: Prose | None = Field(None, description="Where it stands: law, article, section.")


class PackFields(_Mapping):
    """Rules and dated limits of one body of law, which authorizations include."""

    repurchase: Version1 = Field(description="The version of this format: 1.")
    pack: PackName = Field(
        description="Its name, by which its findings are called, such as `jp-order-59`."
    )
    title: Line = Field(description="The law, for people.")
    judged: JudgedWord = Field(
        "by_trade",
        description="`by_trade`, or `by_day`: one purchase that fails taints all of its day, those "
        "before it too, which the summary of `replay` lists under `days`; no decision changes "
        "for it.",
    )
    sources: dict[SourceName, SourceFields] = Field(
        {}, description="The documents that it quotes, as in a rule file."
    )
    limits: dict[TermName, Versions] = Field(
        {}, description="The figures of the law, by name, each one or a list of versions."
    )
    options: dict[Id, OptionFields] = Field(
        {}, description="What may be turned on, by name, each with `title` and `cite`."
    )
    when: Formula | None = Field(
        None, description="Its rules apply only where this holds, beside their own `when`."
    )
    rules: list[PackRuleFields] = Field(description="The conditions that events must meet.")

    @field_validator("sources", "limits", "options", "rules", mode="before")
    @classmethod
    def _bounded(cls, raw: object) -> object:
        return _few(raw)


class IncludeFields(_Mapping):
    """A pack that is included, and the options of it that are turned on."""

    pack: Pack = Field(description="A shipped pack, or `./name` for the file beside this one.")
    options: list[Id] = Field([], description="Which of its options are on.")


def _included(raw: object) -> object:
    if not isinstance(raw, list):
        return raw
    return [{"pack": one} if isinstance(one, str) else one for one in raw]


class RuleFileFields(_Mapping):
    """A board's authorization to buy back own shares, as rules that every trade event must meet."""

    repurchase: Version1 = Field(description="The version of this format: 1.")
    authorization: Id = Field(
        description="Its name, such as `iij-2008`: small letters, digits and hyphens."
    )
    issuer: Line | None = Field(None, description="The company that buys its own shares.")
    resolved: Day | None = Field(None, description="The day of the board's resolution.")
    announced: Day | None = Field(
        None,
        description="The day on which the programme was disclosed to the public; "
        "`market.adv_eu_month_before` goes by it.",
    )
    basis: Prose | None = Field(None, description="The law and the articles that it rests on.")
    sources: dict[SourceName, SourceFields] = Field(
        {},
        description="The documents quoted, by name: `title`, and `sha256` or `url`. They stay with "
        "you; `lint FILE --source DOCUMENT` looks for quotes in one that has its `sha256`.",
    )
    timezone: Zone = Field(
        description="The clock on which the authorization counts its days, such as `Asia/Tokyo`."
    )
    currency: Currency = Field(description="The money that its cap is in, such as `JPY`.")
    amount_basis: BasisWord = Field(
        "contract", description="`contract`, or `with_fees` where fees count against the cap."
    )
    instruments: Annotated[
        dict[InstrumentName, InstrumentFields],
        BeforeValidator(_several, json_schema_input_type=dict[InstrumentName, InstrumentFields]),
    ] = Field(
        description="What may be bought, by name: `symbol`, `venues`, and where they differ "
        "`currency`, `per_share` (400 are one share) or `shares_each` (one is ten shares), "
        "`fx_margin`."
    )
    terms: dict[TermName, Versions] = Field(
        {},
        description="The board's figures, by name: "
        + ", ".join(f"`{name}`" for name in KNOWN_TERMS)
        + ", and any that a rule reads.",
    )
    checks: list[CheckFields] = Field(
        [],
        description="Conditions over terms alone, decided when the file is read, for each day on "
        "which its terms are in force.",
    )
    include: Annotated[
        list[IncludeFields],
        BeforeValidator(_included, json_schema_input_type=list[Pack | IncludeFields]),
    ] = Field([], description="Packs of law that apply beside the rules: `[jp-order-59]`.")
    rules: list[RuleFields] = Field([], description="The conditions that each event must meet.")

    @field_validator("sources", "instruments", "terms", "checks", "include", "rules", mode="before")
    @classmethod
    def _bounded(cls, raw: object) -> object:
        return _few(raw)


# --- cases -------------------------------------------------------------------------------------


def _event_text(raw: str) -> str:
    # Which fields of an event are figures, times or flags is known to the reader of logs.
    if isinstance(raw, Plain) and not _PLAIN_IN_EVENT.fullmatch(raw):
        return _text(LINE_CHARACTERS_MAX)(raw)
    return _text(LINE_CHARACTERS_MAX)(str(raw))


EventText = Annotated[str, _scalar(_event_text, empty=True), WithJsonSchema({"type": "string"})]
EventFields = dict[str, EventText]


class GivenFields(_Mapping):
    """What the program has executed before the event of a case."""

    executed_shares: FigureText | None = Field(None, description="Ordinary shares, executed.")
    executed_amount: FigureText | None = Field(None, description="Money, executed.")


Given = Annotated[
    Annotated[GivenFields, Tag(_AS_MAPPING)] | Annotated[list[EventFields], Tag(_AS_LIST)],
    Discriminator(lambda raw: _AS_LIST if isinstance(raw, list) else _AS_MAPPING),
]


# In a mapping each rule has its effect beside it.
Stopping = Annotated[
    Annotated[dict[FindingId, EffectWord], Tag(_AS_MAPPING)]
    | Annotated[list[FindingId], Tag(_AS_LIST)],
    Discriminator(lambda raw: _AS_MAPPING if isinstance(raw, dict) else _AS_LIST),
]


class CaseFields(_Mapping):
    """One event and the answer that is expected of it."""

    name: Line = Field(description="What the case shows.")
    given: Given | None = Field(None, description="What was executed before, or the events before.")
    event: EventFields = Field(description="The event that is judged.")
    expect: ExpectedWord = Field(description="The outcome.")
    rules: Stopping | None = Field(
        None, description="Exactly the rules that do not pass: a list, or each with its effect."
    )
    under: Prose | None = Field(
        None, description="Of a pack: another rule file than that of all cases, to judge this by."
    )


class CasesFileFields(_Mapping):
    """Cases beside a rule file or a pack."""

    under: Prose | None = Field(
        None, description="Of a pack: the rule file that includes it, to judge the cases by."
    )
    usual: EventFields = Field(
        {}, description="What each event says that can, unless it says otherwise itself."
    )
    cases: list[CaseFields] = Field(description="Each an event with its expected outcome.")

    @field_validator("cases", mode="before")
    @classmethod
    def _bounded(cls, raw: object) -> object:
        return _few(_several(raw))


# --- errors and JSON Schema --------------------------------------------------------------------


class _Schema(GenerateJsonSchema):
    """JSON Schema as an editor uses it: an optional key may be left out, and is never null."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return that no field has a title: it would repeat its key."""
        return schema is None

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the schema of a mapping without the name of its class."""
        described = super().model_schema(schema)
        described.pop("title", None)
        return described

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return the schema of the value that may be left out."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema without a default that says nothing."""
        if schema.get("default") in (None, 0, {}, []):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rule file, for editors."""
    described = RuleFileFields.model_json_schema(schema_generator=_Schema)
    return {"$schema": _DIALECT, **described, "title": "Repurchase rule file"}


def told(
    error: ValidationError, document: Document, top: type[BaseModel]
) -> list[tuple[Path, Problem]]:
    """Return what pydantic found by the model *top*, in our sentences, with paths."""
    found: list[tuple[Path, Problem]] = []
    for details in error.errors(include_url=False):
        path = _path(details["loc"], document.value)
        if document.is_broken(path):
            continue
        # Looking for the nearest key takes long: past a hundred, nobody reads on.
        if len(found) < PROBLEMS_MAX:
            found.append((path, _problem(details, path, document, top)))
        else:
            found.append((path, document.problem(document.place(path), "this cannot be used")))
    return found


def _path(location: tuple[str | int, ...], value: object) -> Path:
    """Return *location* as a path of the file: a version alone is a list of one to the models."""
    path: list[str | int] = []
    for part in location:
        # Which of two kinds of value it is, or that a key is meant: neither is a key itself.
        if part in _MARKS and not _has(value, part):
            continue
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            continue
        path.append(part)
    return tuple(path)


def _has(value: object, part: str | int) -> bool:
    return isinstance(value, dict) and part in value


def _problem(
    details: ErrorDetails, path: Path, document: Document, top: type[BaseModel]
) -> Problem:
    key = next((part for part in reversed(path) if isinstance(part, str)), "the file")
    kind = details["type"]
    if kind == "missing":
        place = document.place(path[:-1])
        return document.problem(place, f"the key `{key}` is missing")
    if kind == "extra_forbidden":
        known = _known_keys(path, top)
        listed = ", ".join(f"`{name}`" for name in known)
        hint = nearest(str(path[-1]), known) or f"the keys here are {listed}"
        return document.problem(document.key_place(path), f"unknown key {ticked(key)}", hint)
    if details["loc"][-1] == _AS_KEY and details["loc"][-2] == path[-1]:
        return document.problem(document.key_place(path), *_cause(details))
    return document.problem(document.place(path), *_told(details, path, ticked(key)))


def _told(details: ErrorDetails, path: Path, key: str) -> tuple[str, str | None]:
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, Wrong):
        return cause.what, cause.hint
    expected = "a list" if details["type"] == "list_type" else "a mapping"
    found = details["input"]
    if isinstance(cause, _Misfit):
        expected, found = cause.expected, cause.found
    if isinstance(found, str) and not found.strip():
        return f"{key} has no value", None
    whose = f"an entry of {key}" if path and isinstance(path[-1], int) else key
    return f"{whose} takes {expected}, and {_kind(found)} stands here", None


def _cause(details: ErrorDetails) -> tuple[str, str | None]:
    cause = details.get("ctx", {}).get("error")
    return (cause.what, cause.hint) if isinstance(cause, Wrong) else ("the key is no name", None)


def _kind(found: object) -> str:
    if isinstance(found, dict):
        return "a mapping"
    return "a list" if isinstance(found, list) else "text"


# Of each section of a file, what its parts are.
_SECTIONS: Final[Mapping[str | int, type[BaseModel]]] = {
    "sources": SourceFields,
    "instruments": InstrumentFields,
    "terms": VersionFields,
    "checks": CheckFields,
    "rules": RuleFields,
    "include": IncludeFields,
    "limits": VersionFields,
    "options": OptionFields,
    "cases": CaseFields,
}


def _known_keys(path: Path, top: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys that the mapping around the last part of *path* may have."""
    model = top if len(path) == 1 else _SECTIONS[path[0]]
    if top is PackFields and model is RuleFields:
        model = PackRuleFields
    if "per_share" in path[2:-1] or "shares_each" in path[2:-1]:
        model = VersionFields
    if "given" in path[2:-1]:
        model = GivenFields
    return tuple(field.alias or name for name, field in model.model_fields.items())
