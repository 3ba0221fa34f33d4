"""Whatever bytes come, a rule file loads or is refused with problems; nothing else happens."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from repurchase.domain.errors import Problem, RuleFileError
from repurchase.rulebook.cases_file import read_cases_text
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.lint import check_source, lint_findings
from test_rulefile import SAMPLE
from test_rulefile_cases import CASES

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PIECES = st.sampled_from(
    [
        *("[", "]", "{", "}", ":", ": ", ",", "- ", "? ", "\n", "\n  ", "#", "&a ", "*a", "!x "),
        *("!!python/object:os.system ", "<<: ", "|\n", ">\n", "'", '"', "%", "---\n", "...\n"),
        *("\t", "\r", "\0", "\ufeff", "\u202e", "é", "\U0001f600", "no", "~", "010", "1_000"),
        *(
            "12:30",
            "\uff11",
            "value",
            "from",
            "known",
            "until",
            "terms.",
            "terms.max_shares",
            "(((",
        ),
        *("and", "<=", "in [", "JPY 1", "1 shares", "100%", "2008-11-14", "9" * 19, "0", "-1"),
    ]
)


def refused(data: bytes) -> tuple[Problem, ...]:
    """Return the problems of *data* as a rule file; what loads must bear being looked at too."""
    try:
        editions = load_text(data, "f")
    except RuleFileError as error:
        return error.problems
    lint_findings(editions)
    check_source(editions.authorization, "d", data)
    return ()


@PATIENT
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_problems(data: bytes) -> None:
    """Bytes that are no rule file are told so, never by another exception."""
    assert refused(data)


@PATIENT
@given(st.text(max_size=300))
@example("? ? ?")
@example("{? [a]: b}")
@example("a: !<tag:yaml.org,2002:str> b")
@example("{[a]: b, {c: d}: e}")
def test_any_text_is_refused_with_problems(text: str) -> None:
    """Text that is no rule file is told so, never by another exception."""
    assert refused(text.encode("utf-8", "surrogatepass"))


@PATIENT
@given(st.lists(PIECES, max_size=40))
def test_any_pieces_of_yaml_are_refused_with_problems(pieces: list[str]) -> None:
    """Marks of YAML in any order are no rule file, and are told so."""
    assert refused("".join(pieces).encode())


@st.composite
def mutations(draw: st.DrawFn, text: str) -> str:
    """Return *text* with some stretches cut out and pieces put in their place."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        text = text[:start] + "".join(draw(st.lists(PIECES, max_size=3))) + text[end:]
    return text


@PATIENT
@given(mutations(SAMPLE))
def test_damaged_rule_file_loads_or_is_refused(text: str) -> None:
    """Each problem of a damaged file has its sentence, on one line, and a place in the file."""
    lines = text.count("\n") + text.count("\r") + 2
    for problem in refused(text.encode()):
        assert "\n" not in str(problem)
        assert problem.what
        assert 1 <= (problem.line or 1) <= lines


@PATIENT
@given(mutations(CASES))
def test_damaged_cases_file_loads_or_is_refused(text: str) -> None:
    """A damaged cases file gives cases or problems, and nothing else."""
    try:
        found: tuple[object, ...] = read_cases_text(text.encode(), "f")
    except RuleFileError as error:
        found = error.problems
        assert found
    assert isinstance(found, tuple)


@pytest.mark.parametrize("key", ["issuer", "authorization", "terms", "rules", "instruments"])
@pytest.mark.parametrize("value", ["", "x", "[]", "{}", "[x]", "{x: y}", "[[x]]", "{x: {}}", "~"])
def test_any_kind_of_value_is_taken_or_told(key: str, value: str) -> None:
    """No key takes a wrong kind of value in silence, and none makes another exception."""
    lines = SAMPLE.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"{key}:"))
    after = (n for n in range(start + 1, len(lines)) if lines[n][:1].isalpha())
    end = next(after, len(lines))
    text = "\n".join([*lines[:start], f"{key}: {value}", *lines[end:]])
    fine = (key, value) in {("issuer", "x"), ("authorization", "x"), ("rules", "[]")}
    assert bool(refused(text.encode())) == (not fine)
