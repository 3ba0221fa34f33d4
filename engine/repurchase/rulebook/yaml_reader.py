"""Strict YAML: from bytes to nested text, with the place of each value.

The reader checks the bounds at each YAML event and builds the tree from the same events with its
own stack. Nothing is composed, constructed or called recursively, however deep the file nests.
A scalar stays text; the field that it fills decides what it means.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

import msgspec
import yaml

from repurchase.domain.errors import Problem, RuleFileError, UsageError, reason, short
from repurchase.intake.sources import NotAFile, open_file

BYTES_MAX: Final = 1_000_000
DEPTH_MAX: Final = 20
NODES_MAX: Final = 50_000
PROBLEMS_MAX: Final = 100
KEY_CHARACTERS_MAX: Final = 200

Path = tuple[str | int, ...]

# Control characters, line ends that editors do not count, byte-order marks, and marks that hide or
# reorder the text that a reviewer sees.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    "\ufffe\uffff]|\r(?!\n)"
)
_UNSAFE_VALUE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_DIRECTIVE: Final = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?\r?\n)*(%)")
_NOTHING_MORE: Final = re.compile(
    r"(?:[ \t]*(?:#[^\r\n]*)?\r?\n|\.\.\.(?=[ \t\r\n]|$))*[ \t]*(?:#[^\r\n]*)?"
)
# What may come between a key and its colon inside braces.
_COLON: Final = re.compile(r"[ \t\r\n]*:")

_YAML_TEXT: Final = "tag:yaml.org,2002:str"
_RESOLVER: Final = yaml.resolver.Resolver()
# Scalars that are text to PyYAML, but not under YAML 1.2 or the exact rules of YAML 1.1.
_ELSEWHERE: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|[yYnN]"
)

_SYNTAX_HINTS: Final = (
    (
        "mapping values are not allowed",
        "quote a text that contains `: `, and check the indentation",
    ),
    (
        "cannot start any token",
        "quote a text that begins with this character, and indent with spaces",
    ),
    ("end of stream", "close the quote"),
    ("unknown escape", "write a backslash as `\\\\`, or use single quotes"),
    ("could not find expected ':'", "write `key: value`, with a space after the colon"),
    ("found undefined tag handle", "remove the tag"),
    ("expected key", "check the indentation of this line and of those above"),
    ("block end", "check the indentation of this line and of those above"),
    ("block collection", "check the indentation of this line and of those above"),
    ("',' or", "close the bracket, or quote a text that contains a bracket or a comma"),
    ("expected node content", "close the bracket, or quote the text"),
)


class Plain(str):
    """A scalar without quotes, which another YAML reader may not take as text."""

    __slots__ = ()


class Place(msgspec.Struct, frozen=True):
    """The place where a value begins; *inner* is the column of its text, if that can be counted."""

    line: int
    column: int
    inner: int | None = None

    def column_of(self, offset: int) -> int:
        """Return the column of the character at *offset* of a scalar, else of its beginning."""
        return self.column if self.inner is None else self.inner + offset


class Document(msgspec.Struct, frozen=True):
    """A file as nested text; *broken* holds the paths of values that a YAML error made unusable.

    *places* gives the place of each value, *keys* that of each key. A document does not change once
    it is read. A copy with another *value* is the edited file; in it, a new value has the place of
    the value around it.
    """

    name: str
    text: str
    value: dict[str, object]
    places: dict[Path, Place]
    keys: dict[Path, Place]
    broken: set[Path]
    problems: list[Problem]

    def place(self, path: Path, offset: int | None = None) -> Place:
        """Return the place of the value at *path*, or of the innermost value around it.

        With *offset*, return the place of the character at that offset of the text.
        """
        while path and path not in self.places:
            path = path[:-1]
        place = self.places[path]
        return place if offset is None else Place(place.line, place.column_of(offset))

    def key_place(self, path: Path) -> Place:
        """Return the place of the key at the end of *path*, or of the value around it."""
        return self.keys.get(path) or self.place(path)

    def problem(self, place: Place, what: str, hint: str | None = None) -> Problem:
        """Return a problem at *place* of this file, with the fault *what* and the fix *hint*."""
        return Problem(what, hint, self.name, place.line, place.column)


def file_error(
    name: str, problems: Iterable[Problem], others: Iterable[Problem] = ()
) -> RuleFileError:
    """Return the error with the *problems* of the file *name* by place, and then *others*.

    It holds at most a hundred *problems*, and then says how many more there are.
    """
    ordered = in_order(problems)
    more = len(ordered) - PROBLEMS_MAX
    if more > 0:
        ordered = (
            *ordered[:PROBLEMS_MAX],
            Problem(f"{more:,} more problems are not shown", file=name),
        )
    return RuleFileError((*ordered, *others))


def ticked(text: str) -> str:
    """Return *text* in backticks, on one line, shortened, with invisible characters escaped."""
    return f"`{short(text)}`"


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return *problems* sorted by place, without repetitions."""
    once = dict.fromkeys(problems)
    return tuple(sorted(once, key=lambda each: (each.line or 0, each.column or 0, each.what)))


def surprising(text: str) -> bool:
    """Return whether some YAML reader takes the unquoted *text* for something other than text."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag != _YAML_TEXT or _ELSEWHERE.fullmatch(text) is not None


def open_document(path: str | os.PathLike[str], begins: str = "repurchase: 1") -> Document:
    """Return the document in the file *path*, as `read_document` does.

    Raise UsageError if the file cannot be opened, RuleFileError as `read_document` does.
    """
    return read_document(read_bytes(path), os.fspath(path), begins)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the content of the regular file *path*.

    Raise UsageError if it cannot be opened, RuleFileError if it is longer than 1,000,000 bytes.
    """
    name = os.fspath(path)
    try:
        with open_file(name) as file:
            return _bounded(file.read(BYTES_MAX + 1), name)
    except (OSError, ValueError) as error:
        raise UsageError(Problem(_cannot_open(error), file=name)) from error


def _cannot_open(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if isinstance(error, NotAFile | IsADirectoryError):
        return "this is not a regular file"
    if isinstance(error, OSError):
        return f"the file cannot be opened: {reason(error)}"
    return "the file cannot be opened"


def read_document(data: bytes, name: str, begins: str = "repurchase: 1") -> Document:
    """Return the document in *data*, with every problem that does not stop the reading.

    *name* is the file in messages. *begins* is how such a file begins; a message about an empty
    file shows it. Raise RuleFileError if *data* is not YAML, is not a mapping or exceeds a bound.
    """
    text = _decoded(_bounded(data, name), name)
    builder = _Builder(name, text, f"begin with `{begins}`")
    try:
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            if builder.take(event):
                break
    except yaml.YAMLError as error:
        builder.stop(*_syntax(error))
    return builder.document()


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > BYTES_MAX:
        what = f"the file is longer than {BYTES_MAX:,} bytes"
        raise RuleFileError(Problem(what, file=name))
    return data


def _decoded(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        _refuse(name, before, len(before), "the file is not UTF-8", "save it as UTF-8")
    unsafe = _UNSAFE.search(text)
    if unsafe is not None:
        what, hint = _character(unsafe[0])
        _refuse(name, text, unsafe.start(), what, hint)
    directive = _DIRECTIVE.match(text)
    if directive is not None:
        what = "a YAML directive is not allowed"
        _refuse(name, text, directive.start(1), what, "remove the line")
    return text


def _character(letter: str) -> tuple[str, str]:
    if letter == "\ufeff":
        return "a byte-order mark is not allowed", "save the file as UTF-8 without it"
    if letter == "\0":
        return "a zero byte is not allowed", "save the file as UTF-8"
    if letter == "\r":
        return "a carriage return has no line feed after it", "end lines with a line feed"
    return f"the character U+{ord(letter):04X} is invisible", "remove it"


def _refuse(name: str, text: str, offset: int, what: str, hint: str) -> NoReturn:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    raise RuleFileError(Problem(what, hint, name, line, column))


def _syntax(error: yaml.YAMLError) -> tuple[Place, str, str | None]:
    mark = getattr(error, "problem_mark", None)
    fault = str(getattr(error, "problem", None) or "unreadable text")
    hint = next((hint for words, hint in _SYNTAX_HINTS if words in fault), None)
    place = Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)
    return place, f"this is not YAML: {fault}", hint


class _Open(msgspec.Struct):
    """A list or mapping that is not closed yet; without a *path* its content is skipped."""

    held: list[object] | dict[str, object]
    path: Path | None
    expects_key: bool
    in_braces: bool = False
    key: str | None = None


class _Builder:
    """Builds the tree, event by event."""

    def __init__(self, name: str, text: str, hint: str) -> None:
        self._hint = hint
        self._document = Document(name, text, {}, {}, {}, set(), [])
        self._open: list[_Open] = []
        self._nodes = 0
        self._steps: dict[type[yaml.Event], Callable[..., None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
        }

    def take(self, event: yaml.Event) -> bool:
        """Add one event to the tree; return whether it was the last one needed."""
        if isinstance(event, yaml.DocumentEndEvent):
            self._look_behind(event)
            return True
        step = self._steps.get(type(event))
        if step is not None:
            step(event)
        return False

    def document(self) -> Document:
        """Return the whole document; raise RuleFileError if the file was empty."""
        if () not in self._document.places:
            self.stop(Place(1, 1), "the file is empty", self._hint)
        return self._document

    def stop(self, place: Place, what: str, hint: str | None = None) -> NoReturn:
        """Raise RuleFileError with this problem and all problems found before."""
        self._note(place, what, hint)
        raise file_error(self._document.name, self._document.problems)

    def _note(self, place: Place, what: str, hint: str | None = None) -> None:
        self._document.problems.append(self._document.problem(place, what, hint))

    def _look_behind(self, event: yaml.Event) -> None:
        # The rest is not parsed, because thousands of directives there would take minutes.
        rest = _marks(event)[1].index
        text = self._document.text
        more = _NOTHING_MORE.match(text, rest)
        end = rest if more is None else more.end()
        if end < len(text):
            line = text.count("\n", 0, end) + 1
            column = end - text.rfind("\n", 0, end)
            self._note(
                Place(line, column), "a second document begins here", "keep one document in a file"
            )

    def _count(self, event: yaml.Event) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            self.stop(_start_of(event), f"the file contains more than {NODES_MAX:,} values")
        if not self._open and not isinstance(event, yaml.MappingStartEvent):
            self._refuse_top(event)

    def _refuse_top(self, event: yaml.Event) -> NoReturn:
        if isinstance(event, yaml.ScalarEvent) and not event.value:
            self.stop(Place(1, 1), "the file is empty", self._hint)
        found = "a list" if isinstance(event, yaml.SequenceStartEvent) else "text"
        what = f"the file is {found}, not a mapping of keys to values"
        self.stop(_start_of(event), what, self._hint)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._count(event)
        if self._open[-1].expects_key:
            self._key(event)
            return
        value = event.value if event.style else Plain(event.value)
        path = self._attach(value, event)
        unsafe = _UNSAFE_VALUE.search(event.value)
        if unsafe is not None:
            what = f"the text contains the character U+{ord(unsafe[0]):04X}"
            self._note(_start_of(event), what, "remove it")
            self._break(path)
        self._undecorated(event, path)

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._count(event)
        what = f"the alias {ticked('*' + str(event.anchor))} is not allowed"
        self._note(_start_of(event), what, "write the value itself")
        if self._open[-1].expects_key:
            self._keyless()
        else:
            self._break(self._attach(Plain(), event))

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        self._count(event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        held: list[object] | dict[str, object] = {} if mapping else []
        path: Path | None
        if not self._open:
            held, path = self._document.value, ()
            self._document.places[()] = _start_of(event)
        elif self._open[-1].expects_key:
            self._note(_start_of(event), "a key is a list or a mapping", "write a word")
            self._keyless()
            path = None
        else:
            path = self._attach(held, event)
        self._undecorated(event, path)
        self._open.append(_Open(held, path, mapping, mapping and bool(event.flow_style)))
        if len(self._open) > DEPTH_MAX:
            what = f"values are nested more than {DEPTH_MAX} levels deep"
            self.stop(_start_of(event), what, "a rule file needs at most 6")

    def _keyless(self) -> None:
        """Expect a value without a usable key; its mapping cannot be used."""
        frame = self._open[-1]
        frame.expects_key, frame.key = False, None
        self._break(frame.path)

    def _end(self, _: yaml.Event) -> None:
        self._open.pop()

    def _key(self, event: yaml.ScalarEvent) -> None:
        frame = self._open[-1]
        assert isinstance(frame.held, dict)
        frame.expects_key, frame.key = False, None
        place = _start_of(event)
        wrong = self._key_wrong(event, frame)
        if wrong is not None:
            self._note(place, *wrong)
            return
        self._undecorated(event, None)
        frame.key = event.value
        if frame.path is not None:
            self._document.keys[(*frame.path, event.value)] = place

    def _key_wrong(self, event: yaml.ScalarEvent, frame: _Open) -> tuple[str, str] | None:
        name = event.value
        if frame.in_braces and not self._has_colon(event):
            hint = "inside braces a comma begins a new key: put a text that contains one in quotes"
            return f"the key {ticked(name)} has no value", hint
        if name == "<<" and not event.style:
            self._break(frame.path)
            return "the merge key `<<` is not allowed", "write the keys themselves"
        if name in frame.held:
            first = self._document.keys.get((*(frame.path or ()), name))
            where = f": the first is at {first.line}:{first.column}" if first is not None else ""
            return f"the key {ticked(name)} is given twice", f"remove one{where}"
        if not name:
            return "a key is empty", "write a word before the colon"
        if len(name) > KEY_CHARACTERS_MAX or _UNSAFE_VALUE.search(name) or "\n" in name:
            hint = f"use at most {KEY_CHARACTERS_MAX} visible characters on one line"
            return f"the key {ticked(name)} is not a word", hint
        if not event.style and surprising(name):
            return _surprise(name)
        return None

    def _has_colon(self, key: yaml.ScalarEvent) -> bool:
        return _COLON.match(self._document.text, _marks(key)[1].index) is not None

    def _attach(self, value: object, event: yaml.Event) -> Path | None:
        frame = self._open[-1]
        part: str | int
        if isinstance(frame.held, list):
            part = len(frame.held)
            frame.held.append(value)
        else:
            frame.expects_key = True
            if frame.key is None:
                return None
            part = frame.key
            frame.held[part] = value
        if frame.path is None:
            return None
        path = (*frame.path, part)
        self._document.places[path] = _start_of(event)
        return path

    def _undecorated(
        self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, path: Path | None
    ) -> None:
        if event.anchor is not None:
            what = f"the anchor {ticked('&' + str(event.anchor))} is not allowed"
            self._note(_start_of(event), what, "remove it")
        if event.tag is not None:
            what = f"the tag {ticked(_tag(event.tag))} is not allowed"
            self._note(_start_of(event), what, "remove it")
            self._break(path)

    def _break(self, path: Path | None) -> None:
        if path is not None:
            self._document.broken.add(path)


def _surprise(text: str) -> tuple[str, str]:
    return f"{ticked(text)} is not text to every reader of YAML", f'write "{text}"'


def _tag(tag: str) -> str:
    standard = "tag:yaml.org,2002:"
    return "!!" + tag.removeprefix(standard) if tag.startswith(standard) else tag


def _start_of(event: yaml.Event) -> Place:
    start, end = _marks(event)
    line, column = start.line + 1, start.column + 1
    if not isinstance(event, yaml.ScalarEvent) or start.line != end.line:
        return Place(line, column)
    quote = 1 if event.style in ("'", '"') else 0
    # An escape is longer than the character that it means: equal widths mean that there is none.
    straight = end.column - start.column - 2 * quote == len(event.value)
    return Place(line, column, column + quote if straight else None)


def _marks(event: yaml.Event) -> tuple[Any, Any]:
    """Return the marks where *event* begins and ends; events of a parser always have both."""
    return event.start_mark, event.end_mark
