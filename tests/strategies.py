"""Random rules as a person could write them, and facts near the figures that decide them.

Every text is well typed by construction, so that most of it loads. Figures and words come from
pools of awkward ones, and facts are moved to where a comparison is just decided.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, Final

import yaml
from hypothesis import strategies as st

import oracle
from oracle import Dated, Days, Terms, Value, terms_read
from repurchase.domain.quantities import BARE, DATE, RATIO, SHARES, TIME, Dimension, money
from repurchase.evaluation.judge import Scope
from repurchase.facts.domains import Numbers
from repurchase.facts.table import TABLE
from repurchase.language.expression import (
    Comparison,
    Condition,
    Constant,
    ExpressionError,
    Name,
    Names,
    Word,
    parse,
)

CURRENCY: Final = "JPY"
INSTRUMENTS: Final = ("common", "ads", "second_class")

# --- pools of awkward values -------------------------------------------------------------------

_COUNTS: Final = ("0", "1", "2", "3", "99", "100", "4,000", "4000", "0.5", "0.001", "2147483647")
_LARGE: Final = ("2147483648", "9007199254740993", "100,000,000,000,000,000")
_CLOCKS: Final = ("9:00", "09:30", "12:30:01", "14:59:59", "15:00", "00:00", "23:59:59")
_DATES: Final = ("2008-11-13", "2008-11-14", "2008-12-31", "2009-01-30", "2009-01-31", "2008-02-29")
_PERCENTS: Final = ("0%", "0.1%", "25%", "33.333%", "100%", "1,000%")
_FACTORS: Final = ("0", "1", "2", "3", "0.5", "1.001", "400", "25%", "33.333%", "(1 + 2%)", "-1")
_DIVISORS: Final = ("1", "2", "3", "7", "0.5", "400", "25%")
_OPERATORS: Final = ("<=", "<", ">=", ">", "==", "!=")

_COMPOSED: Final = "café"
_DECOMPOSED: Final = unicodedata.normalize("NFD", _COMPOSED)
_WORDS: Final = (
    "nomura",
    "Nomura",
    "buy",
    "三菱",
    _COMPOSED,
    f'"{_DECOMPOSED}"',
    '"Å"',
    '"Nomura Securities"',
    "'say \\ \"hi\"'",
    '"not"',
    '""',
)
_STRANGE_WORDS: Final = ("", "Café", "cafe", "NOMURA", "no such word", "\u212b", "null", "1")

# How far from a limit a fact is put.
_STEPS: Final = (
    Fraction(0),
    *(sign * step for step in (Fraction(1), Fraction(1, 400), Fraction(1, 3)) for sign in (-1, 1)),
)
_AWKWARD: Final = (
    *(Fraction(number) for number in (0, 1, -1, 2, 100, 4000)),
    *(Fraction(2**power + one) for power in (31, 53, 61, 62, 63) for one in (-1, 0, 1)),
    *(Fraction(sign * 10**power) for power in (17, 30) for sign in (-1, 1)),
    *(Fraction(1, part) for part in (3, 400, 2**64)),
    Fraction(-(2**63)),
)

# --- terms -------------------------------------------------------------------------------------

_TERM_FIGURES: Final[Mapping[str, tuple[tuple[str, Fraction], ...]]] = {
    "max_shares": (("4,000 shares", Fraction(4000)), ("0.5 shares", Fraction(1, 2))),
    "max_amount": (("JPY 400,000,000", Fraction(400_000_000)), ("JPY 99.5", Fraction(199, 2))),
    "shares_outstanding": (("206,478 shares", Fraction(206_478)), ("1 share", Fraction(1))),
    "treasury_shares": (("0 shares", Fraction(0)), ("2147483648 shares", Fraction(2**31))),
    "first_day": (
        ("2008-11-13", Fraction(date(2008, 11, 13).toordinal())),
        ("2008-11-14", Fraction(date(2008, 11, 14).toordinal())),
    ),
    "last_day": (
        ("2009-01-30", Fraction(date(2009, 1, 30).toordinal())),
        ("2009-01-31", Fraction(date(2009, 1, 31).toordinal())),
    ),
    "closing": (("15:00", Fraction(54_000)), ("14:59:59", Fraction(53_999))),
    "ceiling": (("JPY 105 a share", Fraction(105)), ("JPY 99.5 a share", Fraction(199, 2))),
    "portion": (("25%", Fraction(1, 4)), ("33.3%", Fraction(333, 1000))),
    "factor": (("3", Fraction(3)), ("0.5", Fraction(1, 2)), ("400", Fraction(400))),
}
_TERM_DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "max_shares": SHARES,
    "max_amount": money(CURRENCY),
    "shares_outstanding": SHARES,
    "treasury_shares": SHARES,
    "first_day": DATE,
    "last_day": DATE,
    "closing": TIME,
    "ceiling": Dimension("price", CURRENCY),
    "portion": RATIO,
    "factor": BARE,
}
NAMES: Final = Names(
    constants={f"terms.{name}": dimension for name, dimension in _TERM_DIMENSIONS.items()},
    instruments=INSTRUMENTS,
    currency=CURRENCY,
)

# What a fact measures, for the grammar below: a price in the program's currency is not one in
# the instrument's own.
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    kind: tuple(name for name, fact in TABLE.items() if str(fact.dimension) == told)
    for kind, told in {
        "shares": "shares",
        "units": "units",
        "money": "program",
        "price": "own currency a share or unit",
        "program price": "program a share or unit",
        "date": "date",
        "time": "time",
        "count": "count",
        "word": "word",
        "flag": "flag",
    }.items()
}
_WRITTEN: Final[Mapping[str, tuple[str, ...]]] = {
    "shares": (*_COUNTS, *_LARGE, "4,000 shares", "1 share", "0.5 shares"),
    "units": (*_COUNTS, *_LARGE),
    "money": ("JPY 0", "JPY 100", "JPY 400,000,000", "JPY 0.01", "JPY 2147483648"),
    "price": (),
    "program price": ("JPY 100", "JPY 0.5", "JPY 105,000", "JPY 105 a share"),
    "date": _DATES,
    "time": _CLOCKS,
    "count": _COUNTS,
    "ratio": (*_PERCENTS, "0.5", "1"),
}
_TERMS: Final[Mapping[str, tuple[str, ...]]] = {
    "shares": ("terms.max_shares", "terms.shares_outstanding", "terms.treasury_shares"),
    "units": ("terms.factor",),
    "money": ("terms.max_amount",),
    "price": (),
    "program price": ("terms.max_amount / terms.max_shares", "terms.ceiling"),
    "date": ("terms.first_day", "terms.last_day"),
    "time": ("terms.closing",),
    "count": ("terms.factor",),
    "ratio": ("terms.portion",),
}
_ORDERED: Final = tuple(_WRITTEN)
_BARE: Final = re.compile(r"(?<!JPY )(?<![0-9,.])[0-9]+(?:,[0-9]{3})+(?![0-9,.%]| share)")


# --- expressions -------------------------------------------------------------------------------


@cache
@st.composite
def fact_quantities(draw: st.DrawFn, kind: str, depth: int = 2) -> str:
    """Draw a quantity of *kind* that reads a fact."""
    shapes = ["fact", "fact", "fact"]
    if depth:
        shapes += {"date": ["shifted"], "time": []}.get(
            kind, ["sum", "product", "quotient", "negative"]
        )
        shapes += ["extreme", "group"] if kind != "ratio" else []
        shapes += {"count": ["days"], "money": ["priced"]}.get(kind, [])
    shape = draw(_one_of(tuple(shapes)))
    if shape == "fact":
        return _fact(draw, kind)
    inner = draw(fact_quantities(kind, depth - 1))
    if shape == "sum":
        return _sum(draw, inner, draw(quantities(kind, depth - 1)))
    if shape == "product":
        return _either_way(draw, "*", _grouped(inner), draw(factors()))
    if shape == "quotient":
        return f"{_grouped(inner)} / {draw(_one_of((*_DIVISORS, 'terms.factor')))}"
    if shape == "extreme":
        return _extreme(draw, kind, inner, depth)
    return _SHAPED[shape](draw, inner)


def _fact(draw: st.DrawFn, kind: str) -> str:
    if kind == "ratio":
        whole = draw(_one_of(("terms.max_shares", "400 shares")))
        return f"{draw(_one_of(_KINDS['shares']))} / {whole}"
    return draw(_one_of(_KINDS[kind]))


def _sum(draw: st.DrawFn, one: str, other: str) -> str:
    first, second = draw(st.permutations((one, other)))
    return f"({first} {draw(_one_of('+-'))} {_grouped(second)})"


def _either_way(draw: st.DrawFn, sign: str, one: str, other: str) -> str:
    return f" {sign} ".join(draw(st.permutations((one, other))))


def _extreme(draw: st.DrawFn, kind: str, inner: str, depth: int) -> str:
    others = draw(st.lists(quantities(kind, depth - 1), min_size=1, max_size=2))
    parts = draw(st.permutations((inner, *others)))
    return f"{draw(_one_of(('min', 'max')))}({_listed(*parts)})"


def _shifted(draw: st.DrawFn, inner: str) -> str:
    # `a + 5 - b` would be a number of days.
    days = draw(_one_of(("1", "30", "0.5", "terms.factor", "30 days", "1 week")))
    return f"({inner} {draw(_one_of('+-'))} {days})"


def _days(draw: st.DrawFn, inner: str) -> str:
    del inner
    other = draw(_one_of((*_KINDS["date"], *_TERMS["date"], *_DATES)))
    return f"({draw(_one_of(_KINDS['date']))} - {other})"


def _priced(draw: st.DrawFn, inner: str) -> str:
    del inner
    if draw(st.booleans()):
        return _either_way(draw, "*", "trade.price_per_share", "terms.max_shares")
    shares = draw(_one_of(_KINDS["shares"]))
    if draw(st.booleans()):
        return _either_way(draw, "*", shares, "terms.ceiling")
    return f"{shares} * (terms.max_amount / terms.max_shares)"


_SHAPED: Final[Mapping[str, Callable[[st.DrawFn, str], str]]] = {
    "shifted": _shifted,
    "days": _days,
    "priced": _priced,
    "group": lambda _, inner: f"({inner})",
    "negative": lambda _, inner: f"-({inner})",
}


@cache
@st.composite
def constants(draw: st.DrawFn, kind: str) -> str:
    """Draw a quantity of *kind* that reads no fact, or a fact where none can be written."""
    written = (*_WRITTEN[kind], *_TERMS[kind], *_TERMS[kind])
    if not written:
        return _fact(draw, kind)
    one = draw(_one_of(written))
    shape = draw(_one_of(("plain", "plain", "plain", "portion", "sum", "extreme")))
    if kind == "date" and shape in ("portion", "sum"):
        time = draw(_one_of(("1 month", "12 months", "1 year", "30 days", "2 weeks", "3 months")))
        return f"({one} {draw(_one_of('+-'))} {time})"
    if shape == "plain" or kind in ("date", "time"):
        return one
    if shape == "portion":
        # A bare number times a ratio is a ratio, and money times a ratio no price any more.
        bare = one == "terms.factor" or set(one) <= set("0123456789,.") or kind == "program price"
        scale = _one_of(("2", "0.5", "400", "-1", "terms.factor")) if bare else factors()
        return _either_way(draw, "*", _grouped(one), draw(scale))
    other = draw(_one_of(written))
    if shape == "extreme":
        return f"{draw(_one_of(('min', 'max')))}({_listed(one, other)})"
    return f"({one} + {other})"


@cache
@st.composite
def factors(draw: st.DrawFn) -> str:
    """Draw a number that scales a quantity."""
    plain = _one_of((*_FACTORS, "terms.portion", "terms.factor"))
    shapes = ("{}", "{}", "{}", "(1 - {})", "min(2, {})", "max({}, 0.5)")
    return draw(_one_of(shapes)).format(draw(plain))


@cache
def quantities(kind: str, depth: int = 1) -> st.SearchStrategy[str]:
    """Draw a quantity of *kind*, of facts or without any."""
    return st.one_of(constants(kind), fact_quantities(kind, depth))


def _grouped(text: str) -> str:
    return f"({text})" if " " in text and not text.startswith("(") else text


def _listed(*parts: str) -> str:
    # Between commas a figure without a unit is not grouped.
    return ", ".join(_BARE.sub(lambda found: found[0].replace(",", ""), part) for part in parts)


@cache
@st.composite
def leaves(draw: st.DrawFn) -> str:
    """Draw one comparison, chain, membership or flag that reads a fact."""
    shapes = ("compared", "compared", "compared", "chained", "member", "word", "word", "flag")
    shape = draw(_one_of((*shapes, "within", "life")))
    if shape == "life":
        return draw(lives())
    if shape == "word":
        return draw(word_leaves())
    if shape == "flag":
        return draw(_one_of(_KINDS["flag"]))
    kind = draw(_one_of(_ORDERED))
    one, other = draw(fact_quantities(kind)), draw(quantities(kind))
    operator = _one_of(_OPERATORS)
    if shape == "chained":
        ends = f"{draw(constants(kind))} {draw(operator)} {one} {draw(operator)} {other}"
        return draw(st.sampled_from((ends, f"{ends} {draw(operator)} {draw(constants(kind))}")))
    if shape == "member":
        choices = draw(st.lists(constants(kind), min_size=1, max_size=3))
        return f"{one} {_membership(draw, kind)} [{_listed(*choices)}]"
    if shape == "within":
        # Each interval is two comparisons, and each of them one for each branch of an extreme.
        one = draw(fact_quantities(kind, 0))
        choices = draw(st.lists(intervals(kind), min_size=1, max_size=2))
        return f"{one} {_membership(draw, kind)} [{_listed(*choices)}]"
    first, second = draw(st.permutations((one, other)))
    return f"{first} {draw(operator)} {second}"


def _membership(draw: st.DrawFn, kind: str) -> str:
    # That a day alone is in none of some days says nothing of the days after it.
    return "in" if kind == "date" else draw(_one_of(("in", "not in")))


@cache
@st.composite
def intervals(draw: st.DrawFn, kind: str) -> str:
    """Draw an interval of *kind*; of written values, one that does not end before it begins."""
    first, last = _listed(draw(constants(kind))), _listed(draw(constants(kind)))
    text = f"{first}..{last}"
    return text if _is_taken(f"{draw(fact_quantities(kind, 0))} in {text}") else f"{last}..{first}"


@cache
@st.composite
def lives(draw: st.DrawFn) -> str:
    """Draw whether an order's days are all in some days, or whether none is."""
    days = _one_of(("trade.date..trade.last_date", "trade.venue_date..trade.venue_last_date"))
    choices = draw(st.lists(intervals("date") | constants("date"), min_size=1, max_size=2))
    return f"{draw(days)} {draw(_one_of(('in', 'not in')))} [{', '.join(choices)}]"


@lru_cache(1_000)
def _is_taken(text: str) -> bool:
    try:
        parse(text, NAMES)
    except ExpressionError:
        return False
    return True


@cache
@st.composite
def word_leaves(draw: st.DrawFn) -> str:
    """Draw a comparison of a word, of a closed or an open vocabulary."""
    name = draw(_one_of(_KINDS["word"]))
    words = _one_of(_vocabulary(name) or _WORDS)
    if draw(st.booleans()):
        sides = draw(st.permutations((name, draw(words))))
        return f"{sides[0]} {draw(_one_of(('==', '!=')))} {sides[1]}"
    choices = ", ".join(draw(st.lists(words, min_size=1, max_size=4)))
    return f"{name} {draw(_one_of(('in', 'not in')))} [{choices}]"


def _vocabulary(name: str) -> tuple[str, ...]:
    venues = ("XTKS", "XNAS", "AQEU", "BATP")
    own = {
        "trade.share_class": INSTRUMENTS,
        "trade.venue": venues,
        "trade.venue_country": ("JP", "US", "FR"),
        "trade.venue_market": venues,
    }
    return own.get(name) or TABLE[name].words


@cache
@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> str:
    """Draw the text of a condition that reads a fact."""
    shapes = ("leaf", "leaf", "not", "and", "or", "group") if depth else ("leaf",)
    shape = draw(_one_of(shapes))
    if shape == "leaf":
        return draw(leaves())
    one = draw(conditions(depth - 1))
    if shape == "not":
        # A condition on the days of an order is not denied as a whole.
        return f"not ({one})" if _is_taken(f"not ({one})") else one
    if shape == "group":
        return f"(({one}))"
    other = draw(conditions(depth - 1))
    return f"({one}) {shape} ({other})"


@cache
def _one_of(choices: tuple[str, ...] | str) -> st.SearchStrategy[str]:
    """Draw one of *choices*: what is made once is found sound by hypothesis once."""
    return st.sampled_from(choices)


@lru_cache(1_000)
def _tree(text: str) -> Condition:
    """Return what is written as *text*, which is asked for again and again."""
    return parse(text, NAMES).root


# --- facts -------------------------------------------------------------------------------------


@st.composite
def facts(draw: st.DrawFn, trees: Sequence[Condition], terms: Terms) -> dict[str, Value | None]:
    """Draw a value for every fact that *trees* read; some are missing, some just decide."""
    names = sorted({name for tree in trees for name in oracle.facts_read(tree)})
    near = _figures(trees, terms)
    words = _words(trees)
    values: dict[str, Value | None] = {}
    for name in names:
        kind = TABLE[name].dimension.kind
        values[name] = None if not draw(st.integers(0, 6)) else draw(_values(kind, near, words))
    for _ in range(draw(st.integers(0, 2))):
        _move_to_a_boundary(draw, trees, values, terms)
    return values


def _values(kind: str, near: Sequence[Fraction], words: Sequence[str]) -> st.SearchStrategy[Value]:
    if kind == "flag":
        return st.booleans()
    if kind == "word":
        return st.sampled_from(words)
    if kind == "date":
        start = date(2008, 11, 13).toordinal()
        return st.integers(start - 300, start + 100) | st.integers(start, start + 2)
    if kind == "time":
        return st.sampled_from([Fraction(54_000) + step for step in _STEPS])
    if kind == "units":
        return st.sampled_from([int(one) for one in (*near, *_AWKWARD)])
    return st.sampled_from([one + step for one in near for step in _STEPS] + [*_AWKWARD])


def _figures(trees: Sequence[Condition], terms: Terms) -> list[Fraction]:
    sides = [side for tree in trees for side in oracle.sides_in(tree)]
    nodes = [node for side in sides for node in oracle.nodes_in(side)]
    written = {Fraction(node.value) for node in nodes if isinstance(node, Constant)}
    named = {terms[node.name] for node in nodes if isinstance(node, Name) and not node.is_fact}
    return sorted({Fraction(0), *written, *(figure for figure in named if figure is not None)})


def _words(trees: Sequence[Condition]) -> list[str]:
    sides = [side for tree in trees for side in oracle.sides_in(tree)]
    written = sorted({side.text for side in sides if isinstance(side, Word)})
    others = [unicodedata.normalize("NFD", word) for word in written]
    return [*written, *written, *others, *_STRANGE_WORDS]


def _move_to_a_boundary(
    draw: st.DrawFn,
    trees: Sequence[Condition],
    values: dict[str, Value | None],
    terms: Terms,
) -> None:
    """Change one fact so that one comparison is just met or just missed."""
    leaves = [
        leaf
        for tree in trees
        for leaf in oracle.leaves_in(tree)
        if isinstance(leaf, Comparison) and leaf.dimension.kind != "word"
    ]
    if not leaves:
        return
    leaf = draw(st.sampled_from(leaves))
    names = sorted({*oracle.facts_in(leaf.left), *oracle.facts_in(leaf.right)})
    if not names:
        return
    name = draw(st.sampled_from(names))
    at = [
        oracle.difference(leaf, {**values, name: Fraction(number)}, terms).point
        for number in (0, 1)
    ]
    if at[0] is None or at[1] is None or at[0] == at[1]:
        return
    root = at[0] / (at[0] - at[1]) + draw(st.sampled_from((*_STEPS[:1] * 3, *_STEPS)))
    kind = TABLE[name].dimension.kind
    if kind in ("units", "date"):
        root = Fraction(root.__floor__())
    if kind != "date" or abs(root - date(2008, 11, 14).toordinal()) < 1000:
        values[name] = root if kind not in ("units", "date") else int(root)


# --- one condition with what it is asked of ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """A condition, the terms in force, and facts that it is asked of."""

    text: str
    tree: Condition
    terms: Terms
    facts: tuple[Mapping[str, Value | None], ...]


@cache
@st.composite
def term_values(draw: st.DrawFn) -> dict[str, Fraction | None]:
    """Draw a figure for every term, or none: it is not in force."""
    return {
        f"terms.{name}": draw(st.sampled_from([*[figure for _, figure in figures] * 2, None]))
        for name, figures in _TERM_FIGURES.items()
    }


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Draw a condition and three sets of facts to ask it of."""
    text = draw(conditions())
    tree = _tree(text)
    terms = draw(term_values())
    asked = tuple(draw(facts([tree], terms)) for _ in range(3))
    return Question(text, tree, terms, asked)


# --- whole rule files --------------------------------------------------------------------------

# Around these days terms and rules begin, end or become known.
TURNS: Final = (date(2008, 11, 14), date(2008, 12, 1), date(2009, 1, 5))
DAYS: Final = tuple(turn + timedelta(days) for turn in TURNS for days in (-1, 0, 1))


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule as it is written."""

    id: str
    require: str
    when: str | None = None
    effect: str | None = None
    at: str | None = None
    days: Days = oracle.ALWAYS

    def mapping(self) -> dict[str, Any]:
        """Return the rule as YAML's mapping, without what is not given."""
        fields = {
            "id": self.id,
            "require": self.require,
            "when": self.when,
            "effect": self.effect,
            "at": self.at,
            **_days_written(self.days),
        }
        return {key: value for key, value in fields.items() if value is not None}

    def clause(self) -> oracle.Clause:
        """Return the rule as the oracle takes it."""
        return oracle.Clause(
            id=self.id,
            require=_tree(self.require),
            when=None if self.when is None else _tree(self.when),
            effect=self.effect or "deny",
            at=self.at or "both",
        )


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file: terms with their versions, and rules."""

    terms: Mapping[str, tuple[Dated, ...]]
    rules: tuple[RuleText, ...]
    basis: str = "contract"

    def trees(self) -> list[Condition]:
        """Return every condition of its rules."""
        clauses = [rule.clause() for rule in self.rules]
        both = [tree for clause in clauses for tree in (clause.require, clause.when)]
        return [tree for tree in both if tree is not None]

    def mapping(self) -> dict[str, Any]:
        """Return the file as YAML's mapping."""
        return {
            "repurchase": 1,
            "authorization": "random",
            "timezone": "Asia/Tokyo",
            "currency": CURRENCY,
            "amount_basis": self.basis,
            "instruments": {name: dict(one) for name, one in LISTED.items()},
            "terms": {name: _versions_written(versions) for name, versions in self.terms.items()},
            "rules": [rule.mapping() for rule in self.rules],
        }

    def text(self) -> bytes:
        """Return the file as it is read."""
        return written(self.mapping())

    def terms_on(self, day: date, known_at: date) -> dict[str, Fraction | None]:
        """Return the figure of each term, `None` where it has none in force."""
        return {
            f"terms.{name}": oracle.in_force(versions, day, known_at)
            for name, versions in self.terms.items()
        }

    def clauses_on(self, day: date, known_at: date) -> list[oracle.Clause]:
        """Return the rules in force."""
        return [rule.clause() for rule in self.rules if rule.days.hold(day, known_at)]


BASES: Final = ("contract", "with_fees")
LISTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "common": {"symbol": "3774", "venues": ["XTKS"]},
    "ads": {
        "symbol": "IIJI",
        "venues": ["XNAS"],
        "currency": "USD",
        "per_share": "400",
        "fx_margin": "2%",
    },
    "second_class": {"symbol": "3774B", "venues": ["XTKS", "XNGO"], "shares_each": "10"},
}


def written(mapping: Mapping[str, Any]) -> bytes:
    """Return *mapping* as YAML, its keys in their own order."""
    text: str = yaml.dump(
        dict(mapping),
        Dumper=yaml.CSafeDumper,
        allow_unicode=True,
        sort_keys=False,
        width=10_000,
    )
    return text.encode()


def _days_written(days: Days) -> dict[str, str]:
    given = {"from": days.first, "until": days.last, "known": days.known}
    return {key: day.isoformat() for key, day in given.items() if day is not None}


def _versions_written(versions: Sequence[Dated]) -> Any:
    listed = [{"value": one.text, **_days_written(one.days)} for one in versions]
    return listed[0] if len(listed) == 1 else listed


@cache
@st.composite
def versions(draw: st.DrawFn, name: str) -> tuple[Dated, ...]:
    """Draw what the term *name* is: one figure, one amended, or one with gaps."""
    figures = st.sampled_from(_TERM_FIGURES[name.removeprefix("terms.")])
    one, other = (Dated(*draw(figures)) for _ in range(2))
    turn = draw(st.sampled_from(TURNS))
    before, after = Days(last=turn - timedelta(1)), Days(first=turn)
    shape = draw(
        st.sampled_from(("plain", "plain", "late", "early", "split", "amended", "amended"))
    )
    shapes: Mapping[str, tuple[tuple[Dated, Days], ...]] = {
        "plain": ((one, oracle.ALWAYS),),
        "late": ((one, after),),
        "early": ((one, before),),
        "split": ((one, before), (other, Days(first=turn + timedelta(draw(st.integers(0, 1)))))),
        "amended": ((one, oracle.ALWAYS), (other, Days(known=turn))),
    }
    listed = [replace(dated, days=days) for dated, days in shapes[shape]]
    return tuple(draw(st.permutations(listed)))


@cache
@st.composite
def rules(draw: st.DrawFn, number: int, requires: st.SearchStrategy[str] | None) -> RuleText:
    """Draw one rule, whose condition is one of *requires* where they are given."""
    turn = draw(st.sampled_from(TURNS))
    always = oracle.ALWAYS
    spans = (always, always, always, Days(first=turn), Days(last=turn), Days(known=turn))
    return RuleText(
        id=f"r{number}",
        require=draw(conditions() if requires is None else requires),
        when=draw(st.none() | st.none() | conditions(1)),
        effect=draw(st.sampled_from((None, None, "deny", "review", "flag"))),
        at=draw(st.sampled_from((None, None, "order", "fill", "both"))),
        days=draw(st.sampled_from(spans)),
    )


@st.composite
def rule_files(
    draw: st.DrawFn, most: int = 12, requires: st.SearchStrategy[str] | None = None
) -> RuleFile:
    """Draw a rule file of up to *most* rules, with the terms that they read."""
    count = draw(st.integers(1, most))
    drawn = tuple(draw(rules(number, requires)) for number in range(count))
    file = RuleFile({}, tuple(draw(st.permutations(drawn))), draw(st.sampled_from(BASES)))
    read = {name for tree in file.trees() for name in terms_read(tree)}
    terms = {name.removeprefix("terms."): draw(versions(name)) for name in sorted(read)}
    return replace(file, terms=terms)


@dataclass(frozen=True, slots=True)
class Case:
    """A rule file, the day on which it is asked, who is asked, and the facts."""

    file: RuleFile
    day: date
    known_at: date
    scope: Scope
    facts: tuple[Mapping[str, Value | None], ...]


@st.composite
def cases(draw: st.DrawFn, most: int = 12, requires: st.SearchStrategy[str] | None = None) -> Case:
    """Draw a rule file and two sets of facts to judge by it."""
    file = draw(rule_files(most, requires))
    day, known_at = (draw(st.sampled_from(DAYS)) for _ in range(2))
    terms = file.terms_on(day, known_at)
    asked = tuple(draw(facts(file.trees(), terms)) for _ in range(2))
    return Case(file, day, known_at, draw(st.sampled_from(("order", "fill", "all"))), asked)


# --- histories ---------------------------------------------------------------------------------

_START: Final = datetime(2008, 11, 13, tzinfo=UTC)
# Minutes from there: within a session, over a midnight at one of the venues, over some days.
_MINUTES: Final = (0, 1, 60, 400, 1000, 1440, 5000)
_SYMBOLS: Final = (("3774", "XTKS"), ("3774", None), ("IIJI", "XNAS"), ("3774B", "XNGO"))
_RATES: Final = {"IIJI": ("97.5", "100", "0.333333333333", None), "3774": (None, None, None, "1")}
_OUTSIDE: Final = tuple(name for name in TABLE if name.split(".")[0] in ("market", "issuer"))


@dataclass(frozen=True, slots=True)
class History:
    """A rule file and the rows of a log, in order of time."""

    file: RuleFile
    rows: tuple[Mapping[str, str], ...]


@st.composite
def histories(
    draw: st.DrawFn, most: int = 8, requires: st.SearchStrategy[str] | None = None
) -> History:
    """Draw a small rule file and a log of orders and fills, some with much left out."""
    mixed = st.one_of(history_leaves(), history_leaves(), conditions(1))
    file = draw(rule_files(4, mixed if requires is None else requires))
    if draw(st.booleans()):
        # Flags let everything pass, so that orders come to be filled.
        flags = tuple(replace(rule, effect="flag") for rule in file.rules)
        file = replace(file, rules=flags)
    outside = sorted({name for tree in file.trees() for name in oracle.facts_read(tree)})
    moment = _START
    listed: list[Mapping[str, str]] = []
    if not draw(st.integers(0, 5)):
        first = {"kind": "brought_forward", "id": "before", "shares": "100.5", "amount": "4000"}
        listed.append(first)
    for number in range(draw(st.integers(1, most))):
        moment += timedelta(minutes=draw(st.sampled_from(_MINUTES)))
        ids = tuple(one["id"] for one in listed if one["kind"] == "order")
        listed.append(draw(rows(number, moment, ids, [one for one in outside if one in _OUTSIDE])))
    return History(file, tuple(listed))


@cache
@st.composite
def history_leaves(draw: st.DrawFn) -> str:
    """Draw a comparison of what was used before an event with what will be after it."""
    kind = draw(st.sampled_from(("shares", "money")))
    names = st.sampled_from([name for name in _KINDS[kind] if not name.startswith("market.")])
    one, other, third = draw(names), draw(names), draw(names)
    operator = draw(st.sampled_from(_OPERATORS))
    forms = [f"{one} {operator} {other}", f"{one} {operator} {other} + {third}"]
    if kind == "shares":
        forms.append(f"{one} {operator} terms.max_shares")
    else:
        shares = draw(st.sampled_from(("0.15 shares", "1 share", "60 shares", "4,000 shares")))
        forms.append(f"{one} {operator} trade.price_per_share * {shares}")
    return draw(st.sampled_from(forms))


@st.composite
def rows(
    draw: st.DrawFn, number: int, moment: datetime, orders: tuple[str, ...], outside: list[str]
) -> Mapping[str, str]:
    """Draw an order, or a fill, of one of *orders* or of none."""
    is_fill = draw(st.booleans())
    of = draw(st.sampled_from((*orders, *orders, *orders, None, "o-none"))) if is_fill else None
    symbol, venue = draw(st.sampled_from(_SYMBOLS))
    # A fill need not say what its order says.
    brief = of is not None and draw(st.booleans())
    often = st.sampled_from
    row = {
        "kind": "fill" if is_fill else "order",
        "id": f"{'f' if is_fill else 'o'}-{number}",
        **_when(draw, moment),
        "quantity": draw(often(("1", "60", "100", "400", "4000"))),
        "symbol": None if brief else symbol,
        "venue": None if brief else venue,
        "side": None if brief else draw(often(("buy", "buy", "buy", "buy", "buy", "sell", None))),
        "price": draw(often(("100", "0.5", "99.75", "100", None))),
        "fx": None if brief else draw(often(_RATES[symbol[:4]])),
        "fees": draw(often(("0", "10", "0.5", None))),
        "order": of,
        "broker": draw(often(("nomura", "Nomura", _COMPOSED, _DECOMPOSED, None))),
        "method": draw(often(("auction", "auction", "off_auction", "block", None))),
        "order_type": draw(often(("limit", "market", None))),
        "amount": draw(often(("100", "9999.99", None, None))) if is_fill else None,
        "expires": None if is_fill else _expires(draw, moment),
        **{name: draw(_outside(name)) for name in outside},
    }
    return {name: text for name, text in row.items() if text is not None}


def _when(draw: st.DrawFn, moment: datetime) -> Mapping[str, str]:
    hours = draw(st.sampled_from((9, 9, -5, 0, None)))
    if hours is None:
        return {"date": moment.astimezone(timezone(timedelta(hours=9))).date().isoformat()}
    return {"time": moment.astimezone(timezone(timedelta(hours=hours))).isoformat()}


def _expires(draw: st.DrawFn, moment: datetime) -> str | None:
    last = moment + timedelta(days=draw(st.sampled_from((0, 1, 30))))
    texts = (None, None, last.isoformat(), (last + timedelta(1)).date().isoformat())
    return draw(st.sampled_from(texts))


def _outside(name: str) -> st.SearchStrategy[str | None]:
    if TABLE[name].dimension.kind == "flag":
        return st.sampled_from(("true", "false", None))
    domain = TABLE[name].domain
    assert isinstance(domain, Numbers)
    texts = [text for text in ("0.5", "100", "4000", "99.75") if Fraction(text) in domain]
    return st.sampled_from((*texts, None))
