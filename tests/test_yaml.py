"""Strict YAML: what is refused, where, and within which bounds."""

from __future__ import annotations

import re
from typing import Final

import pytest

from repurchase.domain.errors import RuleFileError
from repurchase.rulebook.yaml_reader import Plain, read_document, surprising, ticked


def said(data: bytes) -> list[str]:
    """Return what is told of *data*, without the name of the file."""
    try:
        document = read_document(data, "f")
    except RuleFileError as error:
        return [str(problem).removeprefix("f:") for problem in error.problems]
    return [str(problem).removeprefix("f:") for problem in document.problems]


def test_scalars_stay_text() -> None:
    """Nothing is converted; only whether a scalar is quoted is remembered."""
    value = read_document(b"a: 010\nb: 'no'\nc: [~, 1.5]\n", "f").value
    assert value == {"a": "010", "b": "no", "c": ["~", "1.5"]}
    assert type(value["a"]) is Plain
    assert type(value["b"]) is str


def test_places_count_lines_and_characters_from_one() -> None:
    """Columns are characters, not bytes, and start at one."""
    document = read_document("é: 'あ'\nb:\n  - {c: d}\n".encode(), "f")
    found = {path: (place.line, place.column) for path, place in document.places.items()}
    assert found == {
        (): (1, 1),
        ("é",): (1, 4),
        ("b",): (3, 3),
        ("b", 0): (3, 5),
        ("b", 0, "c"): (3, 9),
    }


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a: one two", 8),
        ("a: 'one two'", 9),
        ('a: "one two"', 9),
        ('a: "one\\x20two"', 4),
        ("a: 'one ''two'", 4),
        ("a: one\n  two", 4),
        ("a: >\n  one\n  two", 4),
        ("a: |\n  one two", 4),
    ],
)
def test_column_inside_a_scalar_is_exact_or_its_start(text: str, column: int) -> None:
    """Where letters and columns agree the column is that of the letter, else of the scalar."""
    assert read_document(text.encode(), "f").place(("a",), 4).column == column


REFUSED: Final = [
    (b"", ["1:1: the file is empty; begin with `repurchase: 1`"]),
    (b"# nothing\n", ["1:1: the file is empty; begin with `repurchase: 1`"]),
    (b"---\n", ["1:1: the file is empty; begin with `repurchase: 1`"]),
    (
        b"- a\n",
        [("1:1: the file is a list, not a mapping of keys to values; begin with `repurchase: 1`")],
    ),
    (
        b"\n text\n",
        [("2:2: the file is text, not a mapping of keys to values; begin with `repurchase: 1`")],
    ),
    (b"a: b\nc: \xff", ["2:4: the file is not UTF-8; save it as UTF-8"]),
    (b"a: \xed\xa0\x80", ["1:4: the file is not UTF-8; save it as UTF-8"]),
    ("a: b".encode("utf-16"), ["1:1: the file is not UTF-8; save it as UTF-8"]),
    ("a: b".encode("utf-16-le"), ["1:2: a zero byte is not allowed; save the file as UTF-8"]),
    (
        b"\xef\xbb\xbfa: b",
        ["1:1: a byte-order mark is not allowed; save the file as UTF-8 without it"],
    ),
    (b"a: b\nc\x00", ["2:2: a zero byte is not allowed; save the file as UTF-8"]),
    (b"a: \x1b[31m", ["1:4: the character U+001B is invisible; remove it"]),
    ("a: b\u2028c".encode(), ["1:5: the character U+2028 is invisible; remove it"]),
    ("a: \u202eb".encode(), ["1:4: the character U+202E is invisible; remove it"]),
    ("a: \x85b".encode(), ["1:4: the character U+0085 is invisible; remove it"]),
    (
        b"a: b\rc: d",
        ["1:5: a carriage return has no line feed after it; end lines with a line feed"],
    ),
    (
        b"# x\n%YAML 1.1\n---\na: b",
        ["2:1: a YAML directive is not allowed; remove the line"],
    ),
    (b"a: b\n---\nc: d\n", ["2:1: a second document begins here; keep one document in a file"]),
    (b"a: b\n...\nc: d\n", ["3:1: a second document begins here; keep one document in a file"]),
    (b"a: b\n...\n# end\n", []),
    (b"---\na: b\n", []),
    (b"a: b\r\nc: d\r\n", []),
    (
        b"a: {b: JPY 1,500}\n",
        [
            (
                "1:14: the key `500` has no value; "
                "inside braces a comma begins a new key: put a text that contains one in quotes"
            )
        ],
    ),
    (
        b"a: {b: one, then two, c: 3}\n",
        [
            (
                "1:13: the key `then two` has no value; "
                "inside braces a comma begins a new key: put a text that contains one in quotes"
            )
        ],
    ),
    (b"a: {b: 'JPY 1,500', c : 2, 'd':3, ? e\n  : 4, f: }\n", []),
    (b"a: b\na: c\n", ["2:1: the key `a` is given twice; remove one: the first is at 1:1"]),
    (b"'a': b\n\"a\": c", ["2:1: the key `a` is given twice; remove one: the first is at 1:1"]),
    (
        b"a: {b: 1, c: {}, b: 2}",
        ["1:18: the key `b` is given twice; remove one: the first is at 1:5"],
    ),
    (
        b"a: &x b\nc: *x\n",
        [
            "1:4: the anchor `&x` is not allowed; remove it",
            "2:4: the alias `*x` is not allowed; write the value itself",
        ],
    ),
    (b"a: *nowhere\n", ["1:4: the alias `*nowhere` is not allowed; write the value itself"]),
    (b"? *x\n: y\n", ["1:3: the alias `*x` is not allowed; write the value itself"]),
    (
        b"a: &x {b: c}\nd:\n  <<: *x\n",
        [
            "1:4: the anchor `&x` is not allowed; remove it",
            "3:3: the merge key `<<` is not allowed; write the keys themselves",
            "3:7: the alias `*x` is not allowed; write the value itself",
        ],
    ),
    (
        b"a: !!python/object/apply:os.system [ls]\n",
        ["1:4: the tag `!!python/object/apply:os.system` is not allowed; remove it"],
    ),
    (b"a: ! b\n", ["1:4: the tag `!` is not allowed; remove it"]),
    (b"a: !!str b\n", ["1:4: the tag `!!str` is not allowed; remove it"]),
    (b"!!map {a: b}\n", ["1:1: the tag `!!map` is not allowed; remove it"]),
    (b"? [a, b]\n: c\n", ["1:3: a key is a list or a mapping; write a word"]),
    (b"? {a: {b: c}}\n: [d]\n", ["1:3: a key is a list or a mapping; write a word"]),
    (b"'': a\n", ["1:1: a key is empty; write a word before the colon"]),
    (b"no: a\n", ['1:1: `no` is not text to every reader of YAML; write "no"']),
    (b"'no': a\n", []),
    (b"'a\\nb': c\n", []),
    (
        b'"a\\nb": c\n',
        ["1:1: the key `a\\nb` is not a word; use at most 200 visible characters on one line"],
    ),
    (b"x" * 200 + b": a\n", []),
    (
        b"x" * 201 + b": a\n",
        [
            (
                f"1:1: the key `{'x' * 59}\u2026` is not a word; use at most 200 "
                "visible characters on one line"
            )
        ],
    ),
    (b"a: 'b\\\n", ["2:1: this is not YAML: found unexpected end of stream; close the quote"]),
    (b'a: "\\0"\n', ["1:4: the text contains the character U+0000; remove it"]),
    (b'a: "\\u202e"\n', ["1:4: the text contains the character U+202E; remove it"]),
    (
        b"a: b: c\n",
        [
            (
                "1:5: this is not YAML: mapping values are not allowed in this context; "
                "quote a text that contains `: `, and check the indentation"
            )
        ],
    ),
    (
        b"\ta: b\n",
        [
            (
                "1:1: this is not YAML: found character that cannot start any token; "
                "quote a text that begins with this character, and indent with spaces"
            )
        ],
    ),
    # What was found before the syntax gives out is told too.
    (
        b"a: b\na: c\nd: [\n",
        [
            "2:1: the key `a` is given twice; remove one: the first is at 1:1",
            (
                "4:1: this is not YAML: did not find expected node content; "
                "close the bracket, or quote the text"
            ),
        ],
    ),
]


@pytest.mark.parametrize(("data", "told"), REFUSED)
def test_fault_is_told_with_its_place(data: bytes, told: list[str]) -> None:
    """Each fault of the YAML is told at its line and column, with what would be right."""
    assert said(data) == told


@pytest.mark.parametrize(
    "text",
    [
        *("no", "No", "yes", "on", "off", "true", "y", "n", "~", "null", "=", "<<"),
        *("12:30", "1:30:00", "010", "0x1F", "0b1", "0o17", "1_000", "3774", "-1", "+1"),
        *("1.5", "1e5", "1.5e3", ".5", ".inf", "-.INF", ".nan", "2008-11-14"),
        "2008-11-14 09:30:00",
    ],
)
def test_plain_scalar_that_surprises_is_known(text: str) -> None:
    """What some reader of YAML takes for a number, a truth, a date or nothing is known."""
    assert surprising(text)


@pytest.mark.parametrize(
    "text", ["none", "nope", "IIJI", "25%", "4,000", "JPY 4", "12:30 sharp", "2008-11", "a=b"]
)
def test_plain_scalar_that_is_text_everywhere_is_known(text: str) -> None:
    """What every reader of YAML takes for text needs no quotes."""
    assert not surprising(text)


@pytest.mark.parametrize(
    ("depth", "told"),
    [
        (19, []),
        (20, ["1:23: values are nested more than 20 levels deep; a rule file needs at most 6"]),
    ],
)
def test_depth_is_bounded(depth: int, told: list[str]) -> None:
    """Twenty levels are read, one more is not."""
    assert said(b"a: " + b"[" * depth + b"]" * depth) == told


@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- ", b"? ", b"[{", b"!x ["])
def test_two_hundred_thousand_brackets_are_refused_at_once(opening: bytes) -> None:
    """The reading stops at a bound, before the parser can grow slow or crash."""
    (told,) = said(b"a:\n  " + opening * 200_000)[-1:]
    # The parser of PyYAML 6.0.4 has a bound of its own, and looks ahead that far.
    assert re.search("nested more than 20 levels deep|exceeded maximum nesting depth", told)


@pytest.mark.parametrize(("count", "told"), [(49_997, 0), (49_998, 1)])
def test_number_of_values_is_bounded(count: int, told: int) -> None:
    """Fifty thousand values are read, one more is not."""
    assert len(said(b"a: [" + b"b," * count + b"]")) == told


def test_alias_bomb_comes_to_nothing() -> None:
    """Aliases are told and never followed, so they cannot multiply."""
    bomb = "k0: &k0 [x, x]\n" + "".join(
        f"k{n}: &k{n} [*k{n - 1}, *k{n - 1}]\n" for n in range(1, 21)
    )
    document = read_document(bomb.encode(), "f")
    assert (document.value["k20"], len(document.problems)) == (["", ""], 1 + 20 * 3)


def test_directives_after_the_document_are_not_parsed() -> None:
    """Eighty thousand tag handles behind the document cost nothing."""
    assert said(b"a: b\n" + b"%TAG !a! b\n" * 80_000) == [
        "2:1: a second document begins here; keep one document in a file"
    ]


def test_foreign_text_is_shown_short_and_harmless() -> None:
    """A message holds one line of at most sixty characters of what was written."""
    assert ticked("a\nb\x1b\u202e") == "`a\\nb\\x1b\\u202e`"
    assert re.fullmatch("`x{59}…`", ticked("x" * 61))
    assert ticked("x" * 60) == f"`{'x' * 60}`"
