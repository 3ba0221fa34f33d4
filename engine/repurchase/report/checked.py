"""What a command checked, for services that show it beside the source: GitHub, and JUnit readers.

All text is escaped: a name or a message of a file can neither begin a workflow command nor end an
element.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal
from xml.etree import ElementTree

import msgspec

from repurchase.domain.errors import Problem, plain

Level = Literal["failure", "error", "notice"]
_COMMANDS: Final[dict[Level, str]] = {"failure": "error", "error": "error", "notice": "notice"}


class Checked(msgspec.Struct, frozen=True):
    """One thing that was checked, with its *problems*; without any, it passes.

    *suite* is the file that it belongs to. *level* is `failure` if the check does not hold, `error`
    if it could not be decided, `notice` if it holds and its problems are remarks.
    """

    suite: str
    name: str
    line: int | None = None
    problems: tuple[Problem, ...] = ()
    level: Level = "failure"


def github_lines(checks: Iterable[Checked]) -> Iterator[str]:
    """Yield a workflow command for each problem of *checks*, failures first.

    GitHub shows each beside its line, and of each sort only the first ten of a step.
    """
    for one in sorted(checks, key=lambda each: each.level == "notice"):
        for problem in one.problems:
            places = (("file", problem.file), ("line", problem.line), ("col", problem.column))
            given = [(name, str(value)) for name, value in places if value]
            named = ",".join(f"{name}={_property(value)}" for name, value in given)
            command = f"{_COMMANDS[one.level]} {named}".rstrip()
            yield f"::{command}::{_data(f'{one.name}: {_sentence(problem)}')}"


def junit_text(checks: Iterable[Checked]) -> str:
    """Return *checks* as JUnit XML: a suite for each file, a case for each check."""
    top = ElementTree.Element("testsuites", name="repurchase")
    suites: dict[str, list[Checked]] = {}
    for one in checks:
        suites.setdefault(one.suite, []).append(one)
    for name, ones in suites.items():
        failing = [one.level for one in ones if one.problems]
        counts = {
            "tests": str(len(ones)),
            "failures": str(failing.count("failure")),
            "errors": str(failing.count("error")),
        }
        suite = ElementTree.SubElement(top, "testsuite", {"name": plain(name), **counts})
        for one in ones:
            _add_case(suite, one)
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(top, "unicode")


def _add_case(suite: ElementTree.Element, one: Checked) -> None:
    place = {"file": plain(one.suite)} | ({"line": str(one.line)} if one.line else {})
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": plain(one.suite), "name": plain(one.name), **place}
    )
    if not one.problems:
        return
    text = "\n".join(str(problem) for problem in one.problems)
    if one.level == "notice":
        ElementTree.SubElement(case, "system-out").text = text
        return
    message = {"message": _sentence(one.problems[0]), "type": one.level}
    ElementTree.SubElement(case, one.level, message).text = text


def _sentence(problem: Problem) -> str:
    return str(Problem(problem.what, problem.hint))


def _data(text: str) -> str:
    """Return *text* as the message of a workflow command."""
    return plain(text).replace("%", "%25")


def _property(text: str) -> str:
    """Return *text* as the value of a property, which a colon or a comma would end."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
