"""The language of `require:` and `when:`: from text to a checked tree with dimensions.

In a checked tree, arithmetic over facts is linear, both sides of a comparison have the same
dimension, and each word is one that its fact can be. `linear` gives it the engine's form.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final, Literal, NoReturn

import msgspec
from lark import Lark, Token, Tree, UnexpectedInput
from lark.exceptions import UnexpectedEOF, UnexpectedToken

from repurchase.domain.calendars import read_day
from repurchase.domain.errors import nearest, short
from repurchase.domain.people import plain_name
from repurchase.domain.quantities import (
    BARE,
    COUNT,
    DATE,
    FLAG,
    PRICE,
    RATIO,
    SHARES,
    TIME,
    WORD,
    Dimension,
    Exact,
    figure,
    money,
    quotient,
)
from repurchase.domain.venues import country_codes, listed_venue
from repurchase.facts.table import TABLE, present

TEXT_MAX: Final = 2000
DEPTH_MAX: Final = 32
TREES_MAX: Final = 256

# Text in quotes, or white space that the grammar ignores. Quotes that a line leaves open stay as
# they are: the grammar refuses them.
_QUOTED_OR_SPACE: Final = re.compile(r"""("[^"]*"|'[^']*')|[ \t\r\n]+""")

_UNLISTED: Final = "ISO 10383 does not list it; correct it, or add it under `venues`"
_FAMILIES: Final[Mapping[str, str]] = {
    "terms": "term",
    "limits": "limit",
    "counters": "counter",
    "averages": "average",
}

Operator = Literal["<=", "<", ">=", ">", "==", "!="]


class Flaw(msgspec.Struct, frozen=True):
    """One fault of an expression, *offset* characters into its text."""

    offset: int
    what: str
    hint: str | None = None


class ExpressionError(ValueError):
    """An expression cannot be used; *flaws* holds every fault found, by place."""

    flaws: tuple[Flaw, ...]

    def __init__(self, *flaws: Flaw) -> None:
        self.flaws = tuple(sorted(flaws, key=lambda flaw: flaw.offset))
        super().__init__("; ".join(flaw.what for flaw in self.flaws))


class Names(msgspec.Struct, frozen=True):
    """The names that an expression may use besides facts.

    *constants* maps `terms.x` and, in a *pack*, `limits.x` to its dimension. *instruments* lists
    the words of `trade.share_class`. *currency* is the currency of the program. *venues* are those
    that the rule file adds to the table of venues, *declared* the facts of its counters. *averages*
    maps the fact of each average to its dimension. *periods* maps each constant that is a list of
    periods to their number: `terms.x.1.first` is the first day, or time, of the first one, and
    `terms.x.1.last` its last. *calendar* is the venue whose sessions are counted.
    """

    constants: Mapping[str, Dimension]
    instruments: tuple[str, ...]
    currency: str
    pack: str | None = None
    venues: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    periods: Mapping[str, int] = {}
    calendar: str | None = None
    averages: Mapping[str, Dimension] = {}

    def whole(self, name: str) -> str:
        """Return the full name of the constant *name*; a limit's begins with its pack's name."""
        return f"{self.pack}.{name}" if name.startswith("limits.") else name

    def called(self, rule: str) -> str:
        """Return the full name of *rule*, which begins with the name of its pack if it has one."""
        return rule if self.pack is None else f"{self.pack}.{rule}"


class Constant(msgspec.Struct, frozen=True):
    """A value written in the expression; *text* is how it is written."""

    value: Exact
    dimension: Dimension
    text: str


class Word(msgspec.Struct, frozen=True):
    """A word written in the expression, in Unicode's composed form."""

    text: str
    dimension: Dimension = WORD


class Name(msgspec.Struct, frozen=True):
    """The name of a fact, or of a constant of the authorization or a pack."""

    name: str
    dimension: Dimension
    is_fact: bool


class Sum(msgspec.Struct, frozen=True):
    """The sum of its parts, each with its sign."""

    parts: tuple[tuple[int, Node], ...]
    dimension: Dimension


class Product(msgspec.Struct, frozen=True):
    """The product of two parts, at least one of which is constant."""

    left: Node
    right: Node
    dimension: Dimension


class Quotient(msgspec.Struct, frozen=True):
    """The quotient of a part and a constant."""

    left: Node
    right: Node
    dimension: Dimension


class Shift(msgspec.Struct, frozen=True):
    """The date that is so many *months* and *sessions* after the constant date *of*.

    Before it, they are below zero. *text* is how many in words. The sessions are those of the
    venue *calendar*; `None` if only an authorization says whose they are.
    """

    of: Node
    months: int
    text: str
    sessions: int = 0
    calendar: str | None = None
    dimension: Dimension = DATE

    @property
    def is_later(self) -> bool:
        """Return whether the date is after *of*."""
        return self.months + self.sessions > 0


class Rounded(msgspec.Struct, frozen=True):
    """The constant price *of*, rounded *down* or up to a whole number of ticks.

    *tick* is the name of the constant that is the tick of an instrument.
    """

    of: Node
    tick: str
    is_down: bool
    dimension: Dimension


class Extreme(msgspec.Struct, frozen=True):
    """The smallest or the largest of its parts, as *which* says."""

    which: Literal["min", "max"]
    parts: tuple[Node, ...]
    dimension: Dimension


class Comparison(msgspec.Struct, frozen=True):
    """The comparison of two sides of one dimension."""

    left: Node
    operator: Operator
    right: Node
    dimension: Dimension


class Member(msgspec.Struct, frozen=True):
    """Whether *left* is one of *choices*."""

    left: Node
    choices: tuple[Node, ...]
    dimension: Dimension


class Truth(msgspec.Struct, frozen=True):
    """Whether the yes/no fact *name* is true."""

    name: str


class Not(msgspec.Struct, frozen=True):
    """The negation of a condition."""

    of: Condition


class All(msgspec.Struct, frozen=True):
    """Whether all parts are true."""

    parts: tuple[Condition, ...]


class Some(msgspec.Struct, frozen=True):
    """Whether at least one part is true."""

    parts: tuple[Condition, ...]


Node = Constant | Word | Name | Sum | Product | Quotient | Shift | Rounded | Extreme
Leaf = Comparison | Member | Truth
Condition = Leaf | Not | All | Some


class Expression(msgspec.Struct, frozen=True):
    """A checked condition, its text, and the facts, constants and words that it reads.

    *quoted* are the currencies of the prices a share that it compares with prices of instruments,
    which are in the currency of the instrument and for one of its units.
    """

    text: str
    root: Condition
    facts: frozenset[str]
    constants: frozenset[str]
    words: frozenset[str]
    quoted: frozenset[str] = frozenset()


class Piece(msgspec.Struct, frozen=True):
    """A token of an expression: its *text*, its *offset*, and its *kind* as in the grammar.

    Each keyword has a kind of its own, such as `_AND`.
    """

    kind: str
    text: str
    offset: int

    @property
    def end(self) -> int:
        """Return the offset just after its last character."""
        return self.offset + len(self.text)


def both(one: Expression, other: Expression) -> Expression:
    """Return the condition that both *one* and *other* are true."""
    return Expression(
        text=" and ".join(
            f"({each.text})" if isinstance(each.root, Some) else each.text for each in (one, other)
        ),
        root=All((one.root, other.root)),
        facts=one.facts | other.facts,
        constants=one.constants | other.constants,
        words=one.words | other.words,
        quoted=one.quoted | other.quoted,
    )


def parse(text: str, names: Names) -> Expression:
    """Return the condition in *text*; raise ExpressionError with every fault."""
    _bound(text)
    tree = _tree(text)
    reader = _Reader(names)
    root = reader.condition(tree.children[0])
    return Expression(
        text=text,
        root=root,
        facts=frozenset(reader.facts),
        constants=frozenset(reader.constants),
        words=frozenset(reader.words),
        quoted=frozenset(reader.quoted),
    )


def quantity(text: str, names: Names) -> Node:
    """Return the quantity in *text*, which may read constants only; raise ExpressionError."""
    _bound(text)
    tree = _tree(text, "quantity")
    reader = _Reader(names)
    node = reader.quantity(tree.children[0])
    if reader.facts:
        _fail(0, f"the value reads the fact `{min(reader.facts)}`, but may read only terms")
    return node


def pieces(text: str) -> tuple[Piece, ...]:
    """Return the tokens of the condition *text*, which must be valid, in order."""
    tokens = _parser().parse_interactive(text, start="start").iter_parse()
    return tuple(Piece(token.type, str(token), token.start_pos or 0) for token in tokens)


def on_one_line(text: str) -> str:
    """Return the expression *text* with each white space between its tokens as one space.

    Text in quotes stays unchanged: in it, one space and two spaces make different words.
    """
    return _QUOTED_OR_SPACE.sub(lambda found: found[1] or " ", text).strip(" ")


def facts_of(node: Node) -> Iterator[str]:
    """Yield the names of the facts that *node* reads, in the order in which they are written."""
    if isinstance(node, Name) and node.is_fact:
        yield node.name
    for part in parts_of(node):
        yield from facts_of(part)


def parts_of(node: Node) -> tuple[Node, ...]:
    """Return the nodes from which *node* is computed."""
    if isinstance(node, Sum):
        return tuple(part for _, part in node.parts)
    if isinstance(node, Product | Quotient):
        return node.left, node.right
    if isinstance(node, Shift | Rounded):
        return (node.of,)
    return node.parts if isinstance(node, Extreme) else ()


def counted_in_sessions(tree: Condition) -> Iterator[Shift]:
    """Yield the dates of *tree* that are computed by the sessions of a venue, in order."""
    for side in sides_of(tree):
        yield from _shifts_of(side)


def sides_of(tree: Condition) -> Iterator[Node]:
    """Yield what the comparisons of *tree* compare, in order."""
    if isinstance(tree, Not):
        yield from sides_of(tree.of)
    elif isinstance(tree, All | Some):
        for part in tree.parts:
            yield from sides_of(part)
    elif not isinstance(tree, Truth):
        yield tree.left
        yield from tree.choices if isinstance(tree, Member) else (tree.right,)


def _shifts_of(node: Node) -> Iterator[Shift]:
    if isinstance(node, Shift) and node.sessions:
        yield node
    for part in parts_of(node):
        yield from _shifts_of(part)


def composed(word: str) -> str:
    """Return *word* in Unicode's composed form, in which equal spellings are equal texts."""
    return word if word.isascii() else unicodedata.normalize("NFC", word)


def _bound(text: str) -> None:
    if len(text) > TEXT_MAX:
        _fail(
            TEXT_MAX, f"the expression has {len(text):,} characters", f"write at most {TEXT_MAX:,}"
        )
    depth = 0
    for offset, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth > DEPTH_MAX:
            _fail(offset, "brackets are nested too deep", f"nest at most {DEPTH_MAX}")


def _fail(offset: int, what: str, hint: str | None = None) -> NoReturn:
    raise ExpressionError(Flaw(offset, what, hint))


@cache
def _parser() -> Lark:
    grammar = (files("repurchase.language") / "expression.lark").read_text("utf-8")
    return Lark(
        grammar,
        parser="lalr",
        start=["start", "quantity"],
        propagate_positions=True,
        maybe_placeholders=False,
    )


# The conditions of a pack recur in many rule files, and most of a file recur in all its mutants.
@lru_cache(TREES_MAX)
def _tree(text: str, start: str = "start") -> Tree[Token]:
    try:
        tree = _parser().parse(text, start=start)
    except UnexpectedInput as error:
        _fail(*_syntax(error, text))
    depths: dict[int, int] = {}
    for subtree in tree.iter_subtrees():
        inner = (depths[id(child)] for child in subtree.children if isinstance(child, Tree))
        depths[id(subtree)] = 1 + max(inner, default=0)
        if depths[id(subtree)] > DEPTH_MAX:
            _fail(
                _start(subtree),
                "the expression is nested too deep",
                f"nest at most {DEPTH_MAX} levels",
            )
    return tree


def _syntax(error: UnexpectedInput, text: str) -> tuple[int, str, str | None]:
    ended = isinstance(error, UnexpectedEOF) or (
        isinstance(error, UnexpectedToken) and error.token.type == "$END"
    )
    if ended:
        return len(text), "the expression ends too early", None
    offset = error.pos_in_stream or 0  # type: ignore[redundant-expr]  # lark's stub says None
    token = error.token if isinstance(error, UnexpectedToken) else text[offset]
    return offset, f"`{short(str(token))}` does not belong here", _instead(text[offset:])


def _instead(rest: str) -> str | None:
    if rest.startswith(('"', "'")):
        return "close the quotes, on the same line"
    for wrong, right in (("&&", "and"), ("||", "or"), ("!", "not"), ("=", "==")):
        if rest.startswith(wrong):
            return f"write `{right}`"
    return None


def _start(tree: Tree[Token]) -> int:
    return int(getattr(tree.meta, "start_pos", 0))


class _Reader:
    """Turns a parsed tree into nodes, and collects every name that it reads."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.facts: set[str] = set()
        self.constants: set[str] = set()
        self.words: set[str] = set()
        self.quoted: set[str] = set()
        self._is_negated = False
        self._instrument: str | None = None

    def quantity(self, tree: Any) -> Node:
        """Return the quantity of *tree*; raise ExpressionError with its faults."""
        return self._node(tree)

    def condition(self, tree: Any) -> Condition:
        """Return the condition of *tree*; raise ExpressionError with its faults."""
        kind = tree.data
        if kind in ("all_of", "any_of"):
            parts = self._parts(tree)
            return All(parts) if kind == "all_of" else Some(parts)
        if kind == "negation":
            return self._negation(tree)
        if kind in ("chain", "member", "not_member"):
            return self._by_instrument(tree) if any(tree.find_data("rounded")) else self._leaf(tree)
        node = self._node(tree)
        if isinstance(node, Name) and node.dimension == FLAG:
            return Truth(node.name)
        _refuse(tree, "this is a quantity, not a condition", "compare it with another quantity")

    def _parts(self, tree: Any) -> tuple[Condition, ...]:
        parts: list[Condition] = []
        flaws: list[Flaw] = []
        for part in tree.children:
            try:
                parts.append(self.condition(part))
            except ExpressionError as error:
                flaws += error.flaws
        if flaws:
            raise ExpressionError(*flaws)
        return tuple(parts)

    def _negation(self, tree: Any) -> Condition:
        self._is_negated = not self._is_negated
        try:
            return Not(self.condition(tree.children[0]))
        finally:
            self._is_negated = not self._is_negated

    def _leaf(self, tree: Any) -> Condition:
        return self._chain(tree) if tree.data == "chain" else self._member(tree)

    def _by_instrument(self, tree: Any) -> Condition:
        """Return the comparison *tree*, which rounds to ticks, for the instrument of the event.

        It is that each instrument is another one than the event's, or the comparison holds with its
        tick.
        """
        names = self.names.instruments
        if not names:
            rounding = next(iter(tree.find_data("rounded")))
            _refuse(rounding, "a pack has no instruments, so it has no ticks", _ROUND_THERE)
        by_name: list[Condition] = []
        for self._instrument in names:
            leaf = self._leaf(tree)
            if len(names) == 1:
                return leaf
            self.facts.add(CLASS.name)
            is_other = Comparison(CLASS, "!=", self._note_word(self._instrument), WORD)
            by_name.append(Some((is_other, leaf)))
        return All(tuple(by_name))

    def _rounded(self, tree: Any) -> Node:
        which, inner = tree.children
        of = self._node(inner)
        if of.dimension.kind != "price":
            what = f"`{which}` takes a price, but this is {_called(of.dimension)}"
            _refuse(inner, what, "write it as `JPY 1,500 a share`")
        if not _is_constant(of):
            what = f"`{which}` of a fact cannot be compared exactly"
            _refuse(inner, what, "round a term or a limit, or leave the rounding out")
        if self._instrument is None:
            _refuse(tree, f"`{which}` stands outside a comparison")
        if of.dimension.currency is not None:
            self.quoted.add(of.dimension.currency)
        tick = f"ticks.{self._instrument}"
        self.constants.add(tick)
        return Rounded(of, tick, is_down=which == "down_to_tick", dimension=of.dimension)

    def _chain(self, tree: Any) -> Condition:
        sides = self._sides(tree.children[::2])
        operators = [str(token) for token in tree.children[1::2]]
        compared: list[Condition] = []
        for index, operator in enumerate(operators):
            left, right = sides[index], sides[index + 1]
            place = tree.children[2 * index + 2]
            dimension = self._alike(place, left, right)
            left, right = self._spelled(left, right), self._spelled(right, left)
            if dimension.kind == "word" and operator not in ("==", "!="):
                _refuse(place, "words have no order", "use `==`, `!=` or `in`")
            compared.append(Comparison(left, operator, right, dimension))  # type: ignore[arg-type]
        return compared[0] if len(compared) == 1 else All(tuple(compared))

    def _sides(self, trees: list[Any]) -> list[Node]:
        """Return the sides of a chain; a number of days fits only beside a difference of dates."""
        sides = [_days_of(one) if one.data == "duration" else self._node(one) for one in trees]
        for index, one in enumerate(trees):
            beside = (*sides[max(index - 1, 0) : index], *sides[index + 1 : index + 2])
            if one.data == "duration" and not all(map(_is_difference, beside)):
                _refuse(one, *_ONLY_WITH_DATES)
        return sides

    def _member(self, tree: Any) -> Condition:
        place, *choices = tree.children
        is_in = tree.data == "member"
        ranges = [one for choice in choices for one in self._ranges(choice)]
        _refuse_grouped(choices)
        if place.data == "span":
            return self._of_whole(place, ranges, is_in=is_in)
        left = self._node(place)
        if left.dimension == DATE and is_in == self._is_negated and not _is_constant(left):
            _refuse(place, *_partly_in(left))
        if all(one.is_point for one in ranges):
            dimension = left.dimension
            for one in ranges:
                dimension = self._alike(one.place, left, one.first)
            points = tuple(self._spelled(one.first, left) for one in ranges)
            member = Member(left, points, dimension)
            return member if is_in else Not(member)
        within = _any([self._within(left, left, one) for one in ranges])
        return within if is_in else _all([Not(within), *_in_order(ranges)])

    def _of_whole(self, place: Any, ranges: list[_Range], *, is_in: bool) -> Condition:
        """Return whether all days of an order are in one of *ranges*, or whether none is in any."""
        first, last = (self._node(one) for one in place.children)
        names = tuple(one.name if isinstance(one, Name) else "" for one in (first, last))
        if names not in _LIVES:
            right = " or ".join(f"`{one}..{other}`" for one, other in _LIVES)
            _refuse(place, "these are not the first and the last day of an order", f"write {right}")
        if self._is_negated:
            other = "not in" if is_in else "in"
            what = "`not` before this condition would be true of an order that is partly in it"
            _refuse(place, what, f"write `{names[0]}..{names[1]} {other} ..`, without `not` before")
        if is_in:
            return _any([self._within(first, last, one) for one in ranges])
        apart: list[Condition] = [
            Some(
                (
                    self._compared(one.place, last, "<", one.first),
                    self._compared(one.place, first, ">", one.last),
                )
            )
            for one in ranges
        ]
        return _all([*apart, *_in_order(ranges)])

    def _within(self, first: Node, last: Node, one: _Range) -> Condition:
        """Return whether *first* is not before the range *one*, and *last* not after it."""
        return All(
            (
                self._compared(one.place, first, ">=", one.first),
                self._compared(one.place, last, "<=", one.last),
            )
        )

    def _compared(self, place: Any, left: Node, operator: Operator, right: Node) -> Comparison:
        return Comparison(left, operator, right, self._alike(place, left, right))

    def _ranges(self, choice: Any) -> Iterator[_Range]:
        """Yield the ranges of a choice: one, or all periods of a constant that lists some."""
        if choice.data == "span":
            first, last = (self._node(one) for one in choice.children)
            if WORD in (first.dimension, last.dimension):
                _refuse(choice, "words have no order", "write a list of words: `in [buy, sell]`")
            self._alike(choice.children[1], first, last)
            yield _Range(choice, first, last, is_ordered=_is_ordered(choice, first, last))
            return
        inner = choice.children[0] if choice.data == "alone" else choice
        name = str(inner.children[0]) if inner.data == "name" else ""
        if name in self.names.periods:
            for number in range(1, self.names.periods[name] + 1):
                ends = (f"{name}.{number}.{end}" for end in ("first", "last"))
                first, last = (self._constant(end, self.names.constants[end]) for end in ends)
                yield _Range(choice, first, last, is_ordered=True)
            return
        if choice.data == "alone":
            self._node(inner)
            what = "this is neither a list nor an interval"
            _refuse(choice, what, "write a list, `[a, b]`, or an interval, `a..b`")
        point = self._node(choice)
        yield _Range(choice, point, point, is_ordered=True, is_point=True)

    def _spelled(self, side: Node, other: Node) -> Node:
        """Return *side*; if *other* is a person, in the spelling in which names are compared."""
        if isinstance(side, Word) and isinstance(other, Name) and other.name == "trade.by":
            return self._note_word(plain_name(side.text))
        return side

    def _node(self, tree: Any) -> Node:
        if tree.data in _CONDITIONS:
            _refuse(tree, "this is a condition, not a quantity")
        read: Callable[[Any], Node] = getattr(self, f"_{tree.data}")
        return read(tree)

    def _name(self, tree: Any) -> Node:
        name = str(tree.children[0])
        found = self._fact(present(name))
        if found is not None:
            self.facts.add(found.name)
            return found
        dimension = self.names.constants.get(name)
        if name in self.names.periods:
            _refuse(tree, f"`{name}` is a list of periods", f"write `.. in {name}`")
        if dimension is None:
            what = _FAMILIES.get(name.partition(".")[0], "fact")
            names = self.names
            known = (*TABLE, *names.declared, *names.averages, *names.constants, *names.periods)
            _refuse(tree, f"unknown {what} `{short(name)}`", nearest(name[:100], known))
        return self._constant(name, dimension)

    def _constant(self, name: str, dimension: Dimension) -> Name:
        whole = self.names.whole(name)
        self.constants.add(whole)
        return Name(whole, dimension, is_fact=False)

    def _fact(self, name: str) -> Name | None:
        dimension = self.names.averages.get(name)
        if dimension is None and (name in TABLE or name in self.names.declared):
            dimension = TABLE[name].dimension
        return None if dimension is None else Name(name, self._own(dimension), is_fact=True)

    def _own(self, dimension: Dimension) -> Dimension:
        if dimension.currency == "program":
            return Dimension(dimension.kind, self.names.currency)
        return dimension

    def _number(self, tree: Any) -> Node:
        return self._figure(tree, str(tree.children[0]), BARE)

    def _percent(self, tree: Any) -> Node:
        text = str(tree.children[0])
        whole = self._figure(tree, text[:-1], RATIO)
        return Constant(quotient(whole.value, 100), RATIO, text)

    def _shares(self, tree: Any) -> Node:
        text = str(tree.children[0])
        return self._figure(tree, text.split(maxsplit=1)[0], SHARES, text)

    def _money(self, tree: Any) -> Node:
        text = str(tree.children[0])
        currency, amount = text.split()
        return self._figure(tree, amount, money(currency), text)

    def _price(self, tree: Any) -> Node:
        text = str(tree.children[0])
        currency, amount = text.split()[:2]
        return self._figure(tree, amount, Dimension("price", currency), text)

    def _duration(self, tree: Any) -> Node:
        _refuse(tree, *_ONLY_WITH_DATES)

    def _figure(
        self, tree: Any, digits: str, dimension: Dimension, text: str | None = None
    ) -> Constant:
        try:
            return Constant(figure(digits), dimension, text or digits)
        except ValueError:
            hint = "write it as `4000`, `4,000` or `0.5`"
            if "," in digits:
                hint += f"; for several values write `{short(digits.replace(',', ', '))}`"
            _refuse(tree, f"`{short(digits)}` is not a figure", hint)

    def _date(self, tree: Any) -> Node:
        text = str(tree.children[0])
        try:
            return Constant(read_day(text).toordinal(), DATE, text)
        except ValueError as error:
            _refuse(tree, str(error))

    def _time(self, tree: Any) -> Node:
        text = str(tree.children[0])
        hours, minutes, seconds = (*(int(part) for part in text.split(":")), 0)[:3]
        if hours > 23 or minutes > 59 or seconds > 59:
            _refuse(tree, f"`{text}` is not a time of day", "the last one is `23:59:59`")
        return Constant(hours * 3600 + minutes * 60 + seconds, TIME, text)

    def _word(self, tree: Any) -> Node:
        text = str(tree.children[0])
        if text in _KEYWORDS:
            _refuse(tree, f"`{text}` is a keyword", f'to use it as a word, write `"{text}"`')
        return self._note_word(text)

    def _string(self, tree: Any) -> Node:
        return self._note_word(str(tree.children[0])[1:-1])

    def _note_word(self, text: str) -> Word:
        word = composed(text)
        self.words.add(word)
        return Word(word)

    def _sum(self, tree: Any) -> Node:
        first = self._node(tree.children[0])
        parts: list[tuple[int, Node]] = [(1, first)]
        dimension = first.dimension
        for token, place in zip(tree.children[1::2], tree.children[2::2], strict=True):
            sign = 1 if token == "+" else -1
            if place.data == "duration":
                before = first if len(parts) == 1 else Sum(tuple(parts), dimension)
                parts = self._later(place, sign, before, parts)
                first = parts[0][1]
                continue
            part = self._node(place)
            dimension = self._added(place, sign, dimension, first, part)
            parts.append((sign, part))
        return first if len(parts) == 1 else Sum(tuple(parts), dimension)

    def _later(
        self, place: Any, sign: int, before: Node, parts: list[tuple[int, Node]]
    ) -> list[tuple[int, Node]]:
        """Return the parts of a sum, *before* so far, with a length of time added or deducted."""
        if before.dimension != DATE:
            _refuse(place, *_ONLY_WITH_DATES)
        text = str(place.children[0])
        months, sessions = sign * _months(text), sign * _sessions(text)
        if not (months or sessions):
            return [*parts, (sign, _days_of(place))]
        if not _is_constant(before):
            what = f"`{text}` after a fact is not a fixed number of days"
            _refuse(place, what, "add it to a term or a date, on the other side if need be")
        calendar = self.names.calendar if sessions else None
        return [(1, Shift(before, months, text, sessions, calendar))]

    def _added(
        self, place: Any, sign: int, before: Dimension, first: Node, part: Node
    ) -> Dimension:
        if before == DATE and part.dimension == DATE and sign < 0:
            return COUNT
        if before == DATE and part.dimension in (BARE, COUNT):
            return DATE
        kinds = {before.kind, part.dimension.kind}
        if kinds & {*_NOT_ADDED, "date"}:
            _refuse(place, f"{_called(before)} and {_called(part.dimension)} cannot be added")
        return self._like(place, before, _is_literal(first), part)

    def _signed(self, tree: Any) -> Node:
        sign = 1 if tree.children[0] == "+" else -1
        part = self._node(tree.children[1])
        if part.dimension.kind in _NOT_ADDED or part.dimension == DATE:
            _refuse(tree, f"a {_called(part.dimension)} cannot have a sign")
        return Sum(((sign, part),), part.dimension)

    def _times(self, tree: Any) -> Node:
        left, right = (self._node(part) for part in tree.children)
        if not _is_constant(left) and not _is_constant(right):
            _refuse(tree, "two facts cannot be multiplied", "multiply by a constant")
        dimension = _multiplied(left.dimension, right.dimension)
        if dimension is None:
            sides = f"{_called(left.dimension)} and {_called(right.dimension)}"
            _refuse(tree, f"{sides} cannot be multiplied")
        return Product(left, right, dimension)

    def _divided(self, tree: Any) -> Node:
        left, right = (self._node(part) for part in tree.children)
        if not _is_constant(right):
            _refuse(tree.children[1], "the divisor reads a fact", "divide by a constant")
        dimension = _divided(left.dimension, right.dimension)
        if dimension is None:
            what = f"{_called(left.dimension)} cannot be divided by {_called(right.dimension)}"
            _refuse(tree, what)
        return Quotient(left, right, dimension)

    def _extreme(self, tree: Any) -> Node:
        which = str(tree.children[0])
        parts = [self._node(part) for part in tree.children[1:]]
        _refuse_grouped(tree.children[1:])
        dimension = parts[0].dimension
        for place, part in zip(tree.children[2:], parts[1:], strict=True):
            if part.dimension.kind in ("word", "flag") or dimension.kind in ("word", "flag"):
                _refuse(place, f"`{which}` takes only quantities")
            dimension = self._like(place, dimension, _is_literal(parts[0]), part)
        return Extreme(which, tuple(parts), dimension)  # type: ignore[arg-type]

    def _alike(self, place: Any, left: Node, right: Node) -> Dimension:
        """Return the dimension in which *left* and *right* are compared."""
        for side in (left, right):
            if isinstance(side, Name) and side.dimension == FLAG:
                hint = f"write `{side.name}` or `not {side.name}`"
                _refuse(place, "a yes/no fact cannot be compared", hint)
        if left.dimension == WORD and right.dimension == WORD:
            return self._word_fits(place, left, right)
        return self._like(place, left.dimension, _is_literal(left), right)

    def _like(self, place: Any, left: Dimension, is_literal: bool, side: Node) -> Dimension:
        """Return the dimension of both sides; a literal side takes the dimension of the other."""
        right = side.dimension
        if PRICE in (left, right) and left.kind == right.kind and left != right:
            # Only with its instruments does a file say whether the currency is theirs.
            self.quoted.add(str(left.currency or right.currency))
            return PRICE
        if left == right or (is_literal and _adapts(left, right)):
            return right
        if _is_literal(side) and _adapts(right, left):
            return left
        if left == WORD or right == WORD:
            _refuse(
                place, f"a word cannot be compared with {_called(right if left == WORD else left)}"
            )
        hint = None
        if PRICE in (left, right):
            hint = "to compare a price with money, use `trade.price_per_share`"
        elif BARE in (left, right):
            hint = f"write its unit, such as `{_example(left if right == BARE else right)}`"
        _refuse(place, f"{_called(left)} and {_called(right)} do not fit together", hint)

    def _word_fits(self, place: Any, left: Node, right: Node) -> Dimension:
        names = [side for side in (left, right) if isinstance(side, Name)]
        words = [side for side in (left, right) if isinstance(side, Word)]
        if len(names) != 1 or len(words) != 1:
            _refuse(place, "a fact can be compared only with written words")
        fact, word = names[0].name, words[0].text
        if self._is_no_venue(fact, word):
            _refuse(place, f"`{fact}` cannot be `{short(word)}`", _UNLISTED)
        if fact == "trade.venue_country" and word not in country_codes():
            what = f"`{fact}` cannot be `{short(word)}`"
            _refuse(place, what, "write the code of a country with a venue, such as `JP`")
        known = self.names.instruments if fact == "trade.share_class" else TABLE[fact].words
        if known and word not in known:
            hint = (
                nearest(word[:100], known) or f"it can be {', '.join(f'`{one}`' for one in known)}"
            )
            _refuse(place, f"`{fact}` cannot be `{short(word)}`", hint)
        return WORD

    def _is_no_venue(self, fact: str, word: str) -> bool:
        """Return whether *fact* is the code of a venue, and *word* is not one."""
        is_own = fact == "trade.venue" and word in self.names.venues
        is_code = fact in ("trade.venue", "trade.venue_market")
        return is_code and not is_own and listed_venue(word) is None


class _Range(msgspec.Struct, frozen=True):
    """A choice of a list at *place*: from *first* to *last*, which are one if it *is_point*.

    *is_ordered* is whether it is sure that *first* is not after *last*.
    """

    place: Any
    first: Node
    last: Node
    is_ordered: bool
    is_point: bool = False


CLASS: Final = Name("trade.share_class", WORD, is_fact=True)
_ROUND_THERE: Final = "round the limit in the rule file that includes it"
# The grammar rules that make a condition; every other rule has a method of its name above.
_CONDITIONS: Final = ("all_of", "any_of", "chain", "member", "negation", "not_member")
_KEYWORDS: Final = ("and", "in", "not", "or")
_NOT_ADDED: Final = ("word", "flag", "time")


# The first and the last day on which an order can fill, on each clock.
_LIVES: Final = (
    ("trade.date", "trade.last_date"),
    ("trade.venue_date", "trade.venue_last_date"),
)
_ONLY_WITH_DATES: Final = (
    "a length of time can only be added to a date, or days compared with a difference of dates",
    "write it after a date, as in `terms.first_day + 1 year`",
)
_MONTHS: Final[Mapping[str, int]] = {"month": 1, "year": 12}
_DAYS: Final[Mapping[str, int]] = {"day": 1, "week": 7}


def _months(text: str) -> int:
    """Return how many months the length of time *text* is; 0 if it is a number of days."""
    count, unit = text.split()
    return int(count) * _MONTHS.get(unit.rstrip("s"), 0)


def _sessions(text: str) -> int:
    """Return how many sessions the length of time *text* is; 0 if it is another."""
    count, unit = text.split()
    return int(count) if unit.rstrip("s") == "session" else 0


def _days_of(place: Any) -> Constant:
    """Return the number of days that the length of time at *place* is."""
    text = str(place.children[0])
    count, unit = text.split()
    days = _DAYS.get(unit.rstrip("s"))
    if days is None:
        _refuse(place, f"`{text}` is not a fixed number of days", "write it in days or weeks")
    return Constant(int(count) * days, COUNT, text)


def _is_difference(node: Node) -> bool:
    """Return whether *node* is a number of days: the difference of two dates."""
    return isinstance(node, Sum) and node.dimension == COUNT and node.parts[0][1].dimension == DATE


def _partly_in(left: Node) -> tuple[str, str]:
    """Return what is wrong if the day *left* alone must not be in a period, and what is right."""
    what = "this would be true of an order that can still fill on one of these days later"
    name = next(facts_of(left))
    first, last = next((life for life in _LIVES if name in life), _LIVES[0])
    return what, f"write `{first}..{last} not in ..`: no day from the first to the last is in them"


def _is_ordered(place: Any, first: Node, last: Node) -> bool:
    """Return whether it is sure that *first* is not after *last*; refuse it if that is wrong."""
    if not isinstance(first, Constant) or not isinstance(last, Constant):
        return False
    if first.value > last.value:
        what = f"`{first.text}..{last.text}` ends before it begins"
        _refuse(place, what, f"write `{last.text}..{first.text}`")
    return True


def _in_order(ranges: list[_Range]) -> list[Condition]:
    """Return that each of *ranges* begins no later than it ends; else nothing would be in it."""
    return [
        Comparison(one.first, "<=", one.last, one.first.dimension)
        for one in ranges
        if not one.is_ordered
    ]


def _any(parts: list[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else Some(tuple(parts))


def _all(parts: list[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _refuse_grouped(listed: list[Any]) -> None:
    """Refuse `100,200` in a list separated by commas: it may be one number or two."""
    flaws = []
    for number in (number for part in listed for number in part.find_data("number")):
        digits = str(number.children[0])
        if "," in digits:
            # No figure begins with a zero, so `1,000` can only mean one number.
            several = "" if ",0" in digits else f"`{digits.replace(',', ', ')}` or "
            hint = f"write {several}`{digits.replace(',', '')}`"
            what = f"`{digits}` may be one number or several"
            flaws.append(Flaw(_start(number), what, hint))
    if flaws:
        raise ExpressionError(*flaws)


def _refuse(tree: Any, what: str, hint: str | None = None) -> NoReturn:
    _fail(_start(tree), what, hint)


def _is_constant(node: Node) -> bool:
    return next(facts_of(node), None) is None


def _is_literal(node: Node) -> bool:
    """Return whether *node* is only written values, so that it can take another's dimension."""
    if isinstance(node, Name):
        return node.dimension == BARE
    return all(_is_literal(part) for part in parts_of(node))


def _adapts(one: Dimension, other: Dimension) -> bool:
    """Return whether a value written with the dimension *one* can have the dimension *other*."""
    if one == BARE:
        return other.kind in ("shares", "units", "count", "ratio")
    return one.kind == "money" and other.kind == "price" and other.currency == one.currency


def _multiplied(left: Dimension, right: Dimension) -> Dimension | None:
    for one, other in ((left, right), (right, left)):
        if one.kind in ("number", "ratio") and other.kind not in (*_NOT_ADDED, "date"):
            # A bare number leaves the dimension as it is; a ratio of a bare number is a ratio.
            return other if other.kind != "number" else one
        if one.kind == "price" and one.currency and other == SHARES:
            return money(one.currency)
    return None


def _divided(left: Dimension, right: Dimension) -> Dimension | None:
    if left.kind in (*_NOT_ADDED, "date") or right.kind in (*_NOT_ADDED, "date"):
        return None
    if right.kind in ("number", "ratio"):
        return left
    if left == right:
        return RATIO
    if left.kind == "money" and left.currency and right == SHARES:
        return Dimension("price", left.currency)
    return None


def _called(dimension: Dimension) -> str:
    """Return what messages call *dimension*."""
    return {FLAG: "yes/no fact", PRICE: "price"}.get(dimension, str(dimension))


def _example(dimension: Dimension) -> str:
    if dimension.kind in ("money", "price"):
        return f"{dimension.currency or 'JPY'} 100"
    return {"date": "2008-11-14", "time": "14:30"}.get(dimension.kind, "100 shares")
