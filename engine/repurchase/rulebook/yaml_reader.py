"""Strict YAML: bytes to nested text, each value with the place where it stands.

The bounds are checked event by event, and the tree is built from the same events with a stack
of its own: nothing is composed, constructed or called recursively, whatever the file nests.
A scalar stays text; what it means is settled by the field that it fills.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

import msgspec
import yaml

from repurchase.domain.errors import Problem, RuleFileError, UsageError, reason, short

BYTES_MAX: Final = 1_000_000
DEPTH_MAX: Final = 20
NODES_MAX: Final = 50_000
PROBLEMS_MAX: Final = 100
KEY_CHARACTERS_MAX: Final = 200

Path = tuple[str | int, ...]

# Control characters, line ends that editors do not count, marks that hide or reorder what a
# reviewer sees, and byte-order marks.
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
# What may stand between a key and its colon within braces.
_COLON: Final = re.compile(r"[ \t\r\n]*:")

_YAML_TEXT: Final = "tag:yaml.org,2002:str"
_RESOLVER: Final = yaml.resolver.Resolver()
# What PyYAML takes for text, and YAML 1.2 or the letter of YAML 1.1 does not.
_ELSEWHERE: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|[yYnN]"
)

_SYNTAX_HINTS: Final = (
    ("mapping values are not allowed", "quote a text that holds `: `, and check the indentation"),
    (
        "cannot start any token",
        "quote a text that begins with such a character, and indent with spaces",
    ),
    ("end of stream", "close the quote"),
    ("unknown escape", "write a backslash as `\\\\`, or use single quotes"),
    ("could not find expected ':'", "write `key: value`, with a space after the colon"),
    ("found undefined tag handle", "leave the tag out"),
    ("expected key", "check the indentation of this line and of those above"),
    ("block end", "check the indentation of this line and of those above"),
    ("block collection", "check the indentation of this line and of those above"),
    ("',' or", "close the bracket, or quote a text that holds a bracket or a comma"),
    ("expected node content", "close the bracket, or quote the text"),
)


class Plain(str):
    """A scalar that is not quoted, so that another reader of YAML may take it for no text."""

    __slots__ = ()


class Place(msgspec.Struct, frozen=True):
    """Where a value begins; *inner* is the column of its text if its columns can be counted."""

    line: int
    column: int
    inner: int | None = None

    def column_of(self, offset: int) -> int:
        """Return the column of the character *offset* of a scalar, or else where it begins."""
        return self.column if self.inner is None else self.inner + offset


class Document(msgspec.Struct, frozen=True):
    """A file as nested text; *broken* are the paths that an error of the YAML has made useless.

    *places* are where values begin, *keys* where their keys do. A document never changes once read:
    with another *value* it is the edited file, and a new value has the place of what is around it.
    """

    name: str
    text: str
    value: dict[str, object]
    places: dict[Path, Place]
    keys: dict[Path, Place]
    broken: set[Path]
    problems: list[Problem]

    def place(self, path: Path, offset: int | None = None) -> Place:
        """Return the place of the value at *path*, or of the innermost one around it.

        With *offset* it is the place of that letter of a text.
        """
        while path and path not in self.places:
            path = path[:-1]
        place = self.places[path]
        return place if offset is None else Place(place.line, place.column_of(offset))

    def key_place(self, path: Path) -> Place:
        """Return the place of the key that *path* ends in, or of what is around it."""
        return self.keys.get(path) or self.place(path)

    def problem(self, place: Place, what: str, hint: str | None = None) -> Problem:
        """Return the problem *what* at *place* of this file."""
        return Problem(what, hint, self.name, place.line, place.column)


def file_error(
    name: str, problems: Iterable[Problem], others: Iterable[Problem] = ()
) -> RuleFileError:
    """Return the error with the *problems* of the file *name* by place, and then *others*.

    Past a hundred, it says how many there are.
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
    """Return *text* in backticks, on one line, shortened, with what cannot be seen escaped."""
    return f"`{short(text)}`"


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return *problems* by their place, each once."""
    once = dict.fromkeys(problems)
    return tuple(sorted(once, key=lambda each: (each.line or 0, each.column or 0, each.what)))


def surprising(text: str) -> bool:
    """Return whether some reader of YAML takes the unquoted *text* for something else."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag != _YAML_TEXT or _ELSEWHERE.fullmatch(text) is not None


def open_document(path: str | os.PathLike[str], begins: str = "repurchase: 1") -> Document:
    """Return what the file *path* holds, as `read_document` does.

    Raise UsageError if it cannot be opened.
    """
    return read_document(read_bytes(path), os.fspath(path), begins)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return what the regular file *path* holds.

    Raise UsageError if it cannot be opened, RuleFileError if it is too long.
    """
    name = os.fspath(path)
    try:
        # Without O_NONBLOCK, opening a pipe waits for someone to write into it.
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise UsageError(Problem(_cannot_open(error), file=name)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(Problem("this is not a regular file", file=name))
    with os.fdopen(descriptor, "rb") as file:
        return _bounded(file.read(BYTES_MAX + 1), name)


def _cannot_open(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError):
        return f"the file cannot be opened: {reason(error)}"
    return "the file cannot be opened"


def read_document(data: bytes, name: str, begins: str = "repurchase: 1") -> Document:
    """Return what *data* holds, and with it every error that does not stop the reading.

    *begins* is what such a file begins with, for who gives an empty one.

    Raise RuleFileError if it is no YAML, no mapping, or past a bound.
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
        what = "a YAML directive has no meaning here"
        _refuse(name, text, directive.start(1), what, "leave the line out")
    return text


def _character(letter: str) -> tuple[str, str]:
    if letter == "\ufeff":
        return "a byte-order mark stands here", "save the file as UTF-8 without it"
    if letter == "\0":
        return "a zero byte stands here", "save the file as UTF-8"
    if letter == "\r":
        return "a carriage return stands alone", "end lines with a line feed"
    return f"the character U+{ord(letter):04X} cannot be seen", "leave it out"


def _refuse(name: str, text: str, offset: int, what: str, hint: str) -> NoReturn:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    raise RuleFileError(Problem(what, hint, name, line, column))


def _syntax(error: yaml.YAMLError) -> tuple[Place, str, str | None]:
    mark = getattr(error, "problem_mark", None)
    fault = str(getattr(error, "problem", None) or "it cannot be read")
    hint = next((hint for words, hint in _SYNTAX_HINTS if words in fault), None)
    place = Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)
    return place, f"this is not YAML: {fault}", hint


class _Open(msgspec.Struct):
    """A list or mapping that is not closed yet; without *path* it is read over, not kept."""

    held: list[object] | dict[str, object]
    path: Path | None
    expects_key: bool
    in_braces: bool = False
    key: str | None = None


class _Builder:
    """The tree as far as the events have come."""

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
        """Take one event in; return whether it was the last that matters."""
        if isinstance(event, yaml.DocumentEndEvent):
            self._look_behind(event)
            return True
        step = self._steps.get(type(event))
        if step is not None:
            step(event)
        return False

    def document(self) -> Document:
        """Return the whole tree; raise RuleFileError if there was none."""
        if () not in self._document.places:
            self.stop(Place(1, 1), "the file is empty", self._hint)
        return self._document

    def stop(self, place: Place, what: str, hint: str | None = None) -> NoReturn:
        """Raise RuleFileError with this problem and all that were found before."""
        self._note(place, what, hint)
        raise file_error(self._document.name, self._document.problems)

    def _note(self, place: Place, what: str, hint: str | None = None) -> None:
        self._document.problems.append(self._document.problem(place, what, hint))

    def _look_behind(self, event: yaml.Event) -> None:
        # What follows is not parsed: thousands of directives there would take minutes.
        rest = _marks(event)[1].index
        text = self._document.text
        more = _NOTHING_MORE.match(text, rest)
        end = rest if more is None else more.end()
        if end < len(text):
            line = text.count("\n", 0, end) + 1
            column = end - text.rfind("\n", 0, end)
            self._note(Place(line, column), "a second document begins here", "keep one a file")

    def _count(self, event: yaml.Event) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            self.stop(_start_of(event), f"the file holds more than {NODES_MAX:,} values")
        if not self._open and not isinstance(event, yaml.MappingStartEvent):
            self._refuse_top(event)

    def _refuse_top(self, event: yaml.Event) -> NoReturn:
        if isinstance(event, yaml.ScalarEvent) and not event.value:
            self.stop(Place(1, 1), "the file is empty", self._hint)
        found = "a list" if isinstance(event, yaml.SequenceStartEvent) else "text"
        what = f"the file must be a mapping of keys to values, and is {found}"
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
            what = f"the text holds the character U+{ord(unsafe[0]):04X}"
            self._note(_start_of(event), what, "leave it out")
            self._break(path)
        self._undecorated(event, path)

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._count(event)
        what = f"an alias, {ticked('*' + str(event.anchor))}, stands here"
        self._note(_start_of(event), what, "write the value out")
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
            what = f"values are nested more than {DEPTH_MAX} deep"
            self.stop(_start_of(event), what, "no rule file needs more than 6")

    def _keyless(self) -> None:
        """Expect a value that has no key, in a mapping that cannot be used."""
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
            hint = "within braces a comma begins a new key: put a text that holds one in quotes"
            return f"the key {ticked(name)} has no value", hint
        if name == "<<" and not event.style:
            self._break(frame.path)
            return "merge keys, `<<`, are not read", "write the keys out"
        if name in frame.held:
            first = self._document.keys.get((*(frame.path or ()), name))
            where = f" at {first.line}:{first.column}" if first is not None else ""
            return f"the key {ticked(name)} stands here again", f"it is given already{where}"
        if not name:
            return "a key is empty", "write a word before the colon"
        if len(name) > KEY_CHARACTERS_MAX or _UNSAFE_VALUE.search(name) or "\n" in name:
            hint = f"use at most {KEY_CHARACTERS_MAX} letters on one line"
            return f"the key {ticked(name)} is no word", hint
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
            what = f"an anchor, {ticked('&' + str(event.anchor))}, stands here"
            self._note(_start_of(event), what, "leave it out")
        if event.tag is not None:
            what = f"a tag, {ticked(_tag(event.tag))}, stands here"
            self._note(_start_of(event), what, "leave it out")
            self._break(path)

    def _break(self, path: Path | None) -> None:
        if path is not None:
            self._document.broken.add(path)


def _surprise(text: str) -> tuple[str, str]:
    return f"{ticked(text)} is not read as text by every reader of YAML", f'write "{text}"'


def _tag(tag: str) -> str:
    standard = "tag:yaml.org,2002:"
    return "!!" + tag.removeprefix(standard) if tag.startswith(standard) else tag


def _start_of(event: yaml.Event) -> Place:
    start, end = _marks(event)
    line, column = start.line + 1, start.column + 1
    if not isinstance(event, yaml.ScalarEvent) or start.line != end.line:
        return Place(line, column)
    quote = 1 if event.style in ("'", '"') else 0
    # An escape is longer than what it stands for: equal widths mean that there is none.
    straight = end.column - start.column - 2 * quote == len(event.value)
    return Place(line, column, column + quote if straight else None)


def _marks(event: yaml.Event) -> tuple[Any, Any]:
    """Return where *event* begins and ends; events of a parser always have both."""
    return event.start_mark, event.end_mark
