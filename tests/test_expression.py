"""The language of `require:` and `when:`: what is taken, and what is said of each flaw."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.quantities import BARE, DATE, RATIO, SHARES, money
from repurchase.facts.table import TABLE
from repurchase.language.expression import (
    DEPTH_MAX,
    TEXT_MAX,
    All,
    Comparison,
    Condition,
    Constant,
    Expression,
    ExpressionError,
    Extreme,
    Member,
    Name,
    Names,
    Node,
    Not,
    Product,
    Quotient,
    Rounded,
    Shift,
    Some,
    Sum,
    Truth,
    Word,
    parse,
    pieces,
)
from strategies import conditions

NAMES: Final = Names(
    {
        "terms.max_shares": SHARES,
        "terms.max_amount": money("JPY"),
        "terms.dollars": money("USD"),
        "terms.first_day": DATE,
        "terms.rate": RATIO,
        "terms.count": BARE,
    },
    ("common", "ads"),
    "JPY",
)

Told = list[tuple[int, str, str | None]]


def flaws(text: str) -> Told:
    """Return the offset, the words and the hint of each flaw of *text*; none where it is taken."""
    try:
        parse(text, NAMES)
    except ExpressionError as error:
        return [(flaw.offset, flaw.what, flaw.hint) for flaw in error.flaws]
    return []


def shown(tree: Condition | Node) -> str:  # noqa: C901 - one line for each kind of node
    """Return *tree* with every bracket that its structure has."""
    match tree:
        case Constant(text=text) | Word(text=text):
            return text
        case Name(name=name) | Truth(name=name):
            return name
        case Sum(parts=parts):
            return f"({' '.join(('+' if sign > 0 else '-') + shown(one) for sign, one in parts)})"
        case Product(left=left, right=right):
            return f"({shown(left)} * {shown(right)})"
        case Quotient(left=left, right=right):
            return f"({shown(left)} / {shown(right)})"
        case Shift(of=of, text=text):
            return f"({shown(of)} {'+' if tree.is_later else '-'} {text})"
        case Rounded(of=of, is_down=is_down):
            return f"{'down' if is_down else 'up'}_to_tick({shown(of)})"
        case Extreme(which=which, parts=extremes):
            return f"{which}({', '.join(map(shown, extremes))})"
        case Comparison(left=left, operator=operator, right=right):
            return f"({shown(left)} {operator} {shown(right)})"
        case Member(left=left, choices=choices):
            return f"({shown(left)} in [{', '.join(map(shown, choices))}])"
        case Not(of=of):
            return f"not {shown(of)}"
        case All(parts=conditions):
            return f"({' and '.join(map(shown, conditions))})"
        case Some(parts=conditions):
            return f"({' or '.join(map(shown, conditions))})"


S: Final = "trade.shares"
COMPARE: Final = "compare it with another quantity"
HERE: Final = "does not belong here"
QUOTES: Final = "close the quotes, on the same line"
EARLY: Final = "the expression ends too early"
NO_FIT: Final = "do not fit together"
ONE_OR_TWO: Final = "may be one number or several"
FIGURE: Final = "write it as `4000`, `4,000` or `0.5`"

SYNTAX: Final[list[tuple[str, Told]]] = [
    ("", [(0, EARLY, None)]),
    ("   ", [(3, EARLY, None)]),
    ("((((", [(4, EARLY, None)]),
    ("))))", [(0, f"`)` {HERE}", None)]),
    (f"{S} <=", [(15, EARLY, None)]),
    ("<= 5", [(0, f"`<=` {HERE}", None)]),
    (f"{S} = 5 shares", [(13, f"`=` {HERE}", "write `==`")]),
    (f"{S} <= 5 shares && trade.side == buy", [(25, f"`&` {HERE}", "write `and`")]),
    (f"{S} <= 5 shares || trade.side == buy", [(25, f"`|` {HERE}", "write `or`")]),
    ("!issuer.closed_period", [(0, f"`!` {HERE}", "write `not`")]),
    (f"{S} in []", [(17, f"`]` {HERE}", None)]),
    (f"{S} in [5", [(18, EARLY, None)]),
    (f"{S} in [5 shares,]", [(26, f"`]` {HERE}", None)]),
    (f"{S} <= 5 shares\n{S}", [(25, f"`{S}` {HERE}", None)]),
    (f"{S} <= 5e3 shares", [(17, f"`e3` {HERE}", None)]),
    (f"{S} <= 0x10", [(17, f"`x10` {HERE}", None)]),
    (f"{S} <= \uff15 shares", [(16, f"`\uff15` {HERE}", None)]),
    (f"{S} ≤ 5 shares", [(13, f"`≤` {HERE}", None)]),
    (f"{S} <= .5 shares", [(16, f"`.` {HERE}", None)]),
    (f"{S} <= 5. shares", [(17, f"`.` {HERE}", None)]),
    ("trade.broker == 'Nomura", [(16, f"`'` {HERE}", QUOTES)]),
    ("trade. shares <= 5", [(5, f"`.` {HERE}", None)]),
    (f"min({S}) <= 5 shares", [(16, f"`)` {HERE}", None)]),
]
FLAGGED: Final = "write `issuer.closed_period` or `not issuer.closed_period`"
PER_SHARE: Final = "to compare a price with money, use `trade.price_per_share`"
KINDS: Final[list[tuple[str, Told]]] = [
    (S, [(0, "this is a quantity, not a condition", COMPARE)]),
    ("5", [(0, "this is a quantity, not a condition", COMPARE)]),
    (f"{S} <= 5 shares and {S}", [(29, "this is a quantity, not a condition", COMPARE)]),
    ("issuer.closed_period == buy", [(24, "a yes/no fact cannot be compared", FLAGGED)]),
    ("issuer.closed_period == false", [(24, "a yes/no fact cannot be compared", FLAGGED)]),
    ("issuer.closed_period in [true]", [(25, "a yes/no fact cannot be compared", FLAGGED)]),
    ("trade.side < buy", [(13, "words have no order", "use `==`, `!=` or `in`")]),
    ("trade.side == trade.side", [(14, "a fact can be compared only with written words", None)]),
    ("trade.side == 5", [(14, "a word cannot be compared with number", None)]),
    ("min(trade.side, buy) == buy", [(16, "`min` takes only quantities", None)]),
    (
        f"{S} * trade.amount <= 5",
        [(0, "two facts cannot be multiplied", "multiply by a constant")],
    ),
    (f"5 / {S} <= 1", [(4, "the divisor reads a fact", "divide by a constant")]),
    ("trade.side + buy == buy", [(13, "word and word cannot be added", None)]),
    ("-trade.date <= trade.date", [(0, "a date cannot have a sign", None)]),
    ("-trade.side == buy", [(0, "a word cannot have a sign", None)]),
    ("trade.venue_time + 5 <= 10:00", [(19, "time and number cannot be added", None)]),
    (
        "(trade.side == buy and trade.side == buy) == buy",
        [(1, "this is a condition, not a quantity", None)],
    ),
    ("(not issuer.closed_period) == buy", [(1, "this is a condition, not a quantity", None)]),
]
DIMENSIONS: Final[list[tuple[str, Told]]] = [
    (f"{S} <= JPY 5", [(16, f"shares and JPY {NO_FIT}", None)]),
    (f"{S} <= trade.amount", [(16, f"shares and JPY {NO_FIT}", None)]),
    (f"JPY 400,000,000 >= {S}", [(19, f"JPY and shares {NO_FIT}", None)]),
    (f"{S} + trade.amount <= 5", [(15, f"shares and JPY {NO_FIT}", None)]),
    (f"min({S}, trade.amount) <= 5 shares", [(18, f"shares and JPY {NO_FIT}", None)]),
    (f"{S} in [5 shares, JPY 5]", [(27, f"shares and JPY {NO_FIT}", None)]),
    (f"{S} <= 5%", [(16, f"shares and ratio {NO_FIT}", None)]),
    ("trade.units <= 5 shares", [(15, f"units and shares {NO_FIT}", None)]),
    ("day.brokers <= 1 shares", [(15, f"count and shares {NO_FIT}", None)]),
    ("trade.amount <= USD 5", [(16, f"JPY and USD {NO_FIT}", None)]),
    ("trade.amount <= terms.dollars", [(16, f"JPY and USD {NO_FIT}", None)]),
    (
        "trade.date <= 5",
        [(14, f"date and number {NO_FIT}", "write its unit, such as `2008-11-14`")],
    ),
    (
        "trade.amount <= 5",
        [(16, f"JPY and number {NO_FIT}", "write its unit, such as `JPY 100`")],
    ),
    ("trade.price <= 5", [(15, f"price and number {NO_FIT}", PER_SHARE)]),
    ("trade.price <= JPY 5", [(15, f"price and JPY {NO_FIT}", PER_SHARE)]),
    ("trade.date <= terms.max_shares", [(14, f"date and shares {NO_FIT}", None)]),
    (
        f"trade.price * 5 shares <= trade.amount and {S} <= 5 shares",
        [(0, "price and shares cannot be multiplied", None)],
    ),
]
FIGURES: Final[list[tuple[str, Told]]] = [
    (f"{S} <= 010 shares", [(16, "`010` is not a figure", FIGURE)]),
    (
        f"{S} <= 1,00 shares",
        [(16, "`1,00` is not a figure", f"{FIGURE}; for several values write `1, 00`")],
    ),
    (
        f"{S} <= 1234567890123456789 shares",
        [(16, "`1234567890123456789` is not a figure", FIGURE)],
    ),
    ("trade.date >= 2008-02-30", [(14, "`2008-02-30` is no day that exists", None)]),
    (
        "trade.venue_time <= 25:00",
        [(20, "`25:00` is not a time of day", "the last one is `23:59:59`")],
    ),
    (
        "trade.venue_time <= 10:60",
        [(20, "`10:60` is not a time of day", "the last one is `23:59:59`")],
    ),
]
APART: Final[list[tuple[str, Told]]] = [
    (
        "trade.units not in [100,200]",
        [(20, f"`100,200` {ONE_OR_TWO}", "write `100, 200` or `100200`")],
    ),
    (
        f"{S} in [5, 1,000,000, 2 * 20,000]",
        [
            (20, f"`1,000,000` {ONE_OR_TWO}", "write `1000000`"),
            (35, f"`20,000` {ONE_OR_TWO}", "write `20000`"),
        ],
    ),
    (
        f"min({S}, 100,200.5) <= 5",
        [(18, f"`100,200.5` {ONE_OR_TWO}", "write `100, 200.5` or `100200.5`")],
    ),
    (f"max(1, min({S}, 1,200)) <= 5", [(25, f"`1,200` {ONE_OR_TWO}", "write `1, 200` or `1200`")]),
    (
        f"{S} in [1,00]",
        [(17, "`1,00` is not a figure", f"{FIGURE}; for several values write `1, 00`")],
    ),
    (f"{S} in [100, 200, 4,000 shares] and 1,000 <= {S}", []),
    (f"(1,000) <= {S} + 1,000 and trade.amount in [JPY 1,000]", []),
]
NEAREST: Final[list[tuple[str, Told]]] = [
    ("trade.share <= 5", [(0, "unknown fact `trade.share`", f"did you mean `{S}`?")]),
    (
        f"terms.max_share >= {S}",
        [(0, "unknown term `terms.max_share`", "did you mean `terms.max_shares`?")],
    ),
    ("trade.side == bye", [(14, "`trade.side` cannot be `bye`", "did you mean `buy`?")]),
    (
        "trade.share_class in [comon, ads]",
        [(22, "`trade.share_class` cannot be `comon`", "did you mean `common`?")],
    ),
    (
        "trade.share_class == bonds",
        [(21, "`trade.share_class` cannot be `bonds`", "it can be `common`, `ads`")],
    ),
    ("trade.broker == nowhere.name", [(16, "unknown fact `nowhere.name`", None)]),
]
KEYWORDS: Final[list[tuple[str, Told]]] = [
    ("trade.broker == and", [(16, "`and` is a keyword", 'to use it as a word, write `"and"`')]),
    ("or != trade.broker", [(0, "`or` is a keyword", 'to use it as a word, write `"or"`')]),
    (
        "trade.broker in [in, nomura, not]",
        [(17, "`in` is a keyword", 'to use it as a word, write `"in"`')],
    ),
    ("trade.broker == not", [(16, "`not` is a keyword", 'to use it as a word, write `"not"`')]),
    # A keyword does not end in the middle of a word.
    (f"{S} <= 5 shares andy == trade.broker", [(25, f"`andy` {HERE}", None)]),
    (f"{S} <= 5 shares ortrade.units <= 5", [(25, f"`ortrade.units` {HERE}", None)]),
    ("trade.units in [4] or4 >= trade.units", [(19, f"`or4` {HERE}", None)]),
    ("trade.broker inside [nomura]", [(13, f"`inside` {HERE}", None)]),
    ("trade.broker notin [nomura]", [(13, f"`notin` {HERE}", None)]),
]
SEVERAL: Final[list[tuple[str, Told]]] = [
    (
        "trade.side == bye or trade.share <= 5 or trade.date <= 2008-02-30",
        [
            (14, "`trade.side` cannot be `bye`", "did you mean `buy`?"),
            (21, "unknown fact `trade.share`", f"did you mean `{S}`?"),
            (55, "`2008-02-30` is no day that exists", None),
        ],
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [*SYNTAX, *KINDS, *DIMENSIONS, *FIGURES, *APART, *NEAREST, *KEYWORDS, *SEVERAL],
)
def test_flaw_is_told_with_its_place(text: str, expected: Told) -> None:
    """Each flaw is named with the character that it stands at, and what would be right."""
    assert flaws(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "trade.date + trade.date <= terms.first_day",
        "terms.first_day <= 2008-11-14 + trade.date",
    ],
)
def test_days_are_not_added_up(text: str) -> None:
    """The sum of two days is no day."""
    assert [offset for offset, _, _ in flaws(text)] == [text.index("+ ") + 2]


# A condition in brackets where a quantity belongs.
CONDITION_FOR_A_QUANTITY: Final = [
    f"({S} <= 1 shares) <= 1,000 shares",
    f"1,000 shares >= ({S} <= 1 shares)",
    f"({S} <= 1 shares) + 5 shares <= 1,000 shares",
    f"-({S} <= 1 shares) <= 1,000 shares",
    f"2 * ({S} <= 1 shares) <= 1,000 shares",
    f"({S} <= 1 shares) / 2 <= 1,000 shares",
    f"min(({S} <= 1 shares), 5 shares) <= 1,000 shares",
    f"{S} in [({S} <= 1 shares), 5 shares]",
    f"({S} <= 1 shares) in [1 shares]",
    f"(1 shares <= {S} <= 5 shares) <= 1,000 shares",
    f"({S} in [1 shares]) <= 1,000 shares",
    f"({S} not in [1 shares]) <= 1,000 shares",
    f"({S} <= 1 shares or {S} <= 2 shares) <= 1,000 shares",
    "(trade.side == buy) == buy",
    "(trade.side == buy) == (trade.side == buy)",
]


@pytest.mark.parametrize("text", CONDITION_FOR_A_QUANTITY)
def test_condition_is_no_quantity(text: str) -> None:
    """What is true or false is neither compared nor counted: it is an error, and says so."""
    assert {what for _, what, _ in flaws(text)} == {"this is a condition, not a quantity"}


PRECEDENCE: Final = [
    ("trade.units <= 1 + 2 * 3", "(trade.units <= (+1 +(2 * 3)))"),
    ("trade.units <= (1 + 2) * 3", "(trade.units <= ((+1 +2) * 3))"),
    ("trade.units <= 8 - 4 - 2", "(trade.units <= (+8 -4 -2))"),
    ("trade.units <= 8 / 4 / 2", "(trade.units <= ((8 / 4) / 2))"),
    ("trade.units <= 8 / 4 * 2", "(trade.units <= ((8 / 4) * 2))"),
    ("trade.units <= -2 * 3", "(trade.units <= ((-2) * 3))"),
    ("trade.units <= - - 2", "(trade.units <= (-(-2)))"),
    ("trade.units<=2", "(trade.units <= 2)"),
    (
        "trade.units == 1 or trade.units == 2 and trade.units == 3",
        "((trade.units == 1) or ((trade.units == 2) and (trade.units == 3)))",
    ),
    (
        "(trade.units == 1 or trade.units == 2) and trade.units == 3",
        "(((trade.units == 1) or (trade.units == 2)) and (trade.units == 3))",
    ),
    (
        "not trade.units == 1 and trade.units == 2",
        "(not (trade.units == 1) and (trade.units == 2))",
    ),
    ("not (trade.units == 1)", "not (trade.units == 1)"),
    ("not not issuer.closed_period", "not not issuer.closed_period"),
    ("1 <= trade.units <= 5", "((1 <= trade.units) and (trade.units <= 5))"),
    (
        "1 < trade.units <= 5 != 4",
        "((1 < trade.units) and (trade.units <= 5) and (5 != 4))",
    ),
    ("trade.side in [buy]", "(trade.side in [buy])"),
    ("trade.side not in [buy, sell]", "not (trade.side in [buy, sell])"),
    ("buy == trade.side", "(buy == trade.side)"),
    ('trade.broker == "Société Générale"', "(trade.broker == Société Générale)"),
    ("trade.broker == 野村", "(trade.broker == 野村)"),
    ("trade.broker == min", "(trade.broker == min)"),
    ('trade.broker == "and"', "(trade.broker == and)"),
    (
        "trade.broker == android or trade.broker in [order, inn, nothing]",
        "((trade.broker == android) or (trade.broker in [order, inn, nothing]))",
    ),
    (
        "not(trade.units in[4]or trade.units not in[5]and(trade.units==6))",
        "not ((trade.units in [4]) or (not (trade.units in [5]) and (trade.units == 6)))",
    ),
    (f"min({S}, 5) <= 5 shares", f"(min({S}, 5) <= 5 shares)"),
    (f"25% * {S} <= terms.max_shares", f"((25% * {S}) <= terms.max_shares)"),
    ("trade.amount <= JPY 400,000,000", "(trade.amount <= JPY 400,000,000)"),
    ("trade.venue_time <= 14:30", "(trade.venue_time <= 14:30)"),
    (
        "trade.date >= 2008-11-14\n and trade.date <= 2009-01-30",
        "((trade.date >= 2008-11-14) and (trade.date <= 2009-01-30))",
    ),
    ("trade.date <= terms.first_day + 5", "(trade.date <= (+terms.first_day +5))"),
    ("trade.date - terms.first_day <= 5", "((+trade.date -terms.first_day) <= 5)"),
    (
        "trade.price_per_share <= terms.max_amount / terms.max_shares",
        "(trade.price_per_share <= (terms.max_amount / terms.max_shares))",
    ),
]


@pytest.mark.parametrize(("text", "expected"), PRECEDENCE)
def test_expression_is_read_as_it_is_meant(text: str, expected: str) -> None:
    """`*` binds before `+`, comparisons before `not`, that before `and`, and that before `or`."""
    assert shown(parse(text, NAMES).root) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4,000", 4000),
        ("0.5", Fraction(1, 2)),
        ("25%", Fraction(1, 4)),
        ("0.125%", Fraction(1, 800)),
        ("999,999,999,999,999,999", 10**18 - 1),
        ("0.000000000001", Fraction(1, 10**12)),
    ],
)
def test_figure_is_exact(text: str, value: Fraction | int) -> None:
    """A figure is read digit by digit, never as a float."""
    root = parse(f"{text} * trade.units >= 0", NAMES).root
    assert isinstance(root, Comparison)
    assert isinstance(root.left, Product)
    assert isinstance(root.left.left, Constant)
    assert (root.left.left.value, type(root.left.left.value)) == (value, type(value))


def test_names_that_are_read_are_told() -> None:
    """An expression knows its facts, its terms and its words."""
    text = f"{S} <= terms.max_shares and (trade.side == buy or not issuer.closed_period)"
    found = parse(text, NAMES)
    assert (found.text, found.facts, found.constants, found.words) == (
        text,
        frozenset({S, "trade.side", "issuer.closed_period"}),
        frozenset({"terms.max_shares"}),
        frozenset({"buy"}),
    )


def test_word_is_kept_in_composed_form() -> None:
    """An accent written on its own is part of its letter."""
    assert parse('trade.broker == "Cafe\u0301"', NAMES).words == {"Caf\u00e9"}


BUY: Final = "trade.side == buy"


@pytest.mark.parametrize("depth", [DEPTH_MAX - 1, DEPTH_MAX])
def test_brackets_up_to_the_bound_are_taken(depth: int) -> None:
    """Brackets that say nothing may be 32 deep."""
    assert flaws("(" * depth + BUY + ")" * depth) == []


@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, TEXT_MAX - 20])
def test_brackets_past_the_bound_are_a_flaw(depth: int) -> None:
    """The first bracket too many is the place that is told."""
    expected = [(DEPTH_MAX, "brackets are nested too deep", f"nest at most {DEPTH_MAX}")]
    assert (flaws("(" * depth + BUY + ")"), flaws("(" * depth)) == (expected, expected)


@pytest.mark.parametrize(
    "text",
    [
        "not " * 400 + "issuer.closed_period",
        "-" * 1000 + " trade.units <= 5",
        " * ".join(["1"] * 400) + " * trade.units <= 5",
        "trade.units <= 8" + " / 2" * 400,
    ],
)
def test_depth_without_brackets_is_bounded(text: str) -> None:
    """Signs, `not`, products and quotients count as levels too."""
    assert [(what, hint) for _, what, hint in flaws(text)] == [
        ("the expression is nested too deep", f"nest at most {DEPTH_MAX} levels")
    ]


def test_length_up_to_the_bound_is_taken() -> None:
    """Two thousand characters are an expression, one more is none."""
    text = BUY + " " * (TEXT_MAX - len(BUY))
    assert flaws(text) == []
    assert flaws(f"{text} ") == [
        (TEXT_MAX, "the expression has 2,001 characters", "write at most 2,000")
    ]


@pytest.mark.parametrize("joint", [" + ", " and ", " or ", ", "])
def test_expression_of_5000_terms_is_a_flaw(joint: str) -> None:
    """Whatever joins them, so many terms are past the bound, and it is told at once."""
    term = {" + ": "1", ", ": "1"}.get(joint, BUY)
    ((offset, what, hint),) = flaws(joint.join([term] * 5000))
    assert (offset, what.startswith("the expression has "), hint) == (
        2000,
        True,
        "write at most 2,000",
    )


@pytest.mark.parametrize("text", ["\0", "\x1b[31m", f"{BUY} \u202e", "\ud800", "\ufeff" + BUY])
def test_flaw_of_unseen_characters_is_told(text: str) -> None:
    """What cannot be printed is a flaw like another."""
    assert flaws(text) != []


# --- whatever is written

PIECES: Final = st.sampled_from(
    [
        *TABLE,
        *NAMES.constants,
        *"()[],+-*/<>=!\"'.%:&|#\\ \n\t",
        *("<=", ">=", "==", "!=", "and", "or", "not", "in", "min(", "max(", "buy", "common"),
        *("5", "4,000", "5 shares", "JPY 100", "25%", "2008-11-14", "14:30", "1e5", "NaN"),
        *("terms.x", "trade.", "\uff15", "é", "e\u0301", "\0", "\x1b", "\u202e", "\ud800", "野村"),
    ]
)
VALID: Final = st.sampled_from([text for text, _ in PRECEDENCE])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Draw a valid expression with a few places cut out, doubled or overwritten."""
    text = draw(VALID)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(PIECES | st.just(f"({text[start:end]})")) + text[end:]
    return text


def check(text: str) -> None:
    """Parse *text*: it is an expression, or has flaws within it that can be told."""
    offsets: list[int] = []
    found: Expression | None
    try:
        found = parse(text, NAMES)
    except ExpressionError as error:
        offsets = [flaw.offset for flaw in error.flaws]
        found = None
    if found is None:
        assert offsets
        assert offsets == sorted(offsets)
        assert 0 <= offsets[0] <= offsets[-1] <= len(text)
        return
    assert isinstance(found, Expression)
    assert shown(found.root)


@given(st.text(max_size=TEXT_MAX + 5))
def test_arbitrary_text_is_an_expression_or_has_flaws(text: str) -> None:
    """No text makes the parser fail in another way."""
    check(text)


@given(st.lists(PIECES, max_size=40).map(" ".join) | st.lists(PIECES, max_size=40).map("".join))
def test_arbitrary_pieces_are_an_expression_or_have_flaws(text: str) -> None:
    """Words of the language in any order are taken or told of."""
    check(text)


@given(mutated())
def test_mutated_expression_is_an_expression_or_has_flaws(text: str) -> None:
    """What was valid once is taken or told of."""
    check(text)


@pytest.mark.parametrize("text", [text for text, _ in PRECEDENCE if '"' not in text])
def test_what_is_shown_is_read_back_alike(text: str) -> None:
    """Brackets around every part change nothing."""
    once = shown(parse(text, NAMES).root)
    assert shown(parse(once.replace("(+", "("), NAMES).root) == once


@given(conditions())
def test_pieces_are_all_that_a_condition_is_written_of(text: str) -> None:
    """In order, each where it stands, with nothing but white space between them."""
    found = pieces(text)
    assert [text[one.offset : one.end] for one in found] == [one.text for one in found]
    ends = [0, *(one.end for one in found)]
    starts = [*(one.offset for one in found), len(text)]
    between = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    assert "".join(between).strip() == ""


def test_pieces_have_the_kinds_of_the_grammar() -> None:
    """Words of the language, signs, brackets and what is compared are told apart."""
    text = "not trade.side in [buy, 'x'] and min(1, 5%) * 3 <= 2 shares or -JPY 1 < 2.5"
    kinds = (
        "_NOT NAME _IN LSQB WORD COMMA STRING RSQB _AND EXTREME LPAR NUMBER COMMA PERCENT RPAR "
        "STAR NUMBER OPERATOR SHARES _OR SIGN MONEY OPERATOR NUMBER"
    )
    assert [one.kind for one in pieces(text)] == kinds.split()
