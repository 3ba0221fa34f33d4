"""The shipped JSON Schemas: current, valid, and in agreement with the reader."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from repurchase.domain.calendars import zone
from repurchase.domain.errors import RuleFileError
from repurchase.language.expression import Names
from repurchase.rulebook import library
from repurchase.rulebook.build import read_text
from repurchase.rulebook.cases_file import cases_path, read_cases_text
from repurchase.rulebook.mapping_file import read_mapping_text
from repurchase.rulebook.packs import read_pack
from repurchase.rulebook.schema import SCHEMAS, json_schema
from repurchase.rulebook.yaml_reader import read_document
from scripts import script
from test_cli import run

ROOT: Final = Path(__file__).parents[1]
STARTER: Final = library.sample_path("starter.yaml")
PROGRAMS: Final = sorted((library.pack_path("uk").parent / "programs").glob("*.yaml"))
RULES: Final = [*map(library.rule_path, library.rule_names()), STARTER, *PROGRAMS]
PACKS: Final = [library.pack_path(name) for name in library.pack_names()]
CASES: Final = [one for path in (*RULES, *PACKS) if (one := cases_path(path)).exists()]
SHIPPED: Final = [
    *(("rules", path) for path in RULES),
    *(("pack", path) for path in PACKS),
    *(("cases", path) for path in CASES),
    *(("mapping", path) for path in sorted((ROOT / "tests" / "mappings").glob("*.yaml"))),
]


class Core(yaml.SafeLoader):
    """A reader of YAML 1.2, as editors have: a date is text, and so is `no`."""


Core.yaml_implicit_resolvers = {}
for tag, form, first in (
    ("bool", r"true|false", "tf"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?[0-9]+\.[0-9]+", "-+0123456789"),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{form})$"), list(first))


def value_of(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Core)


def faults(form: str, value: Any) -> list[str]:
    """Return what the schema of *form* finds wrong in *value*."""
    return [one.message for one in Draft202012Validator(json_schema(form)).iter_errors(value)]


def pack_of(data: bytes, name: str) -> None:
    read_pack(read_document(data, name), "./a", [], Names({}, (), "JPY"), zone("UTC"))


READERS: Final[dict[str, Callable[[bytes, str], object]]] = {
    "rules": read_text,
    "pack": pack_of,
    "cases": read_cases_text,
    "mapping": read_mapping_text,
}


def refusals(form: str, value: Any) -> list[str]:
    """Return what the reader finds wrong in the file that holds *value*."""
    data = yaml.safe_dump(value, allow_unicode=True, sort_keys=False).encode()
    try:
        READERS[form](data, "a.yaml")
    except RuleFileError as error:
        return [one.what for one in error.problems]
    return []


@pytest.mark.parametrize("form", SCHEMAS)
def test_file_with_the_schema_is_current(form: str) -> None:
    """`make schemas` would change nothing, and what is installed is what `lint --schema` writes."""
    installed = files("repurchase.rulebook").joinpath("schemas", f"{form}.schema.json")
    assert installed.read_text(encoding="utf-8") == script("schemas").text(form)
    assert run("lint", "--schema", form).out == script("schemas").text(form)


def test_schema_is_that_of_rule_files_unless_another_is_named() -> None:
    """`lint --schema` alone is for the file that everybody has."""
    assert run("lint", "--schema").json == json_schema("rules")


@pytest.mark.parametrize("form", SCHEMAS)
def test_schema_is_valid_and_has_a_name(form: str) -> None:
    """Each is a schema of its dialect, with an `$id` of its own that says the format."""
    schema = json_schema(form)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:repurchase:schema:{form}:1"
    references = re.findall(r'"#/\$defs/([a-z-]+)"', json.dumps(schema))
    assert set(references) == set(schema["$defs"])


@pytest.mark.parametrize(("form", "path"), SHIPPED, ids=lambda one: getattr(one, "name", one))
def test_shipped_file_is_valid(form: str, path: Path) -> None:
    """An editor with the schema finds no fault in a file that the reader takes."""
    assert faults(form, value_of(path)) == []
    assert refusals(form, value_of(path)) == []


# -- damage ---------------------------------------------------------------------------------------

# What the reader says of faults that a schema can find: of keys and of types.
STRUCTURAL: Final = re.compile(
    r"unknown key|the key .* is missing|takes (?:text|a list|a mapping),"
)
OTHERS: Final[tuple[Any, ...]] = (
    "",
    "Some words",
    "no",
    7,
    True,
    [],
    {},
    ["one"],
    {"one": "two"},
    "2008-11-14",
    "4,000 shares",
    "x" * 3000,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value within *value*, but for the whole."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield (*path, key)
        yield from places(value[key], (*path, key))


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Any]:
    """Draw a shipped file with one value left out, renamed, or put in the place of another."""
    form, path = draw(st.sampled_from(SHIPPED))
    value = copy.deepcopy(value_of(path))
    *way, last = draw(st.sampled_from(list(places(value))))
    within = value
    for step in way:
        within = within[step]
    match draw(st.sampled_from(["remove", "rename", "replace", "add"])):
        case "remove":
            del within[last]
        case "rename" if isinstance(within, dict):
            within[f"{last}x"] = within.pop(last)
        case "add" if isinstance(within, dict):
            within["not_a_key"] = draw(st.sampled_from(OTHERS))
        case _:
            within[last] = draw(st.sampled_from(OTHERS))
    return form, value


@pytest.mark.slow
@given(damaged())
def test_schema_and_reader_agree_on_damage(found: tuple[str, Any]) -> None:
    """The schema refuses only what the reader refuses, and each fault of keys and of types."""
    form, value = found
    said, refused = faults(form, value), refusals(form, value)
    assert not said or refused, said
    assert said or not any(STRUCTURAL.search(one) for one in refused), refused
