"""The document of the service in OpenAPI 3.1, and its page, from the table of its routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final, Literal

import msgspec

from repurchase.domain.version import __version__
from repurchase.report.calls import Calls, exemplified
from repurchase.report.event_schemas import Schema, event_schemas

_REF: Final = "#/components/schemas/"
# The longest value of a parameter.
VALUE_MAX: Final = 400
_NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": VALUE_MAX}
_EVENT: Final = "Event"
# Each property of an object is a parameter of the query.
_SPREAD: Final = {"style": "form", "explode": True}


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a query: its *name*, what it *says*, and the schema of its value.

    If that is the schema of an object, each of its properties is a parameter, and the object is
    called *name* in the document alone. A parameter may stand in a header *of* the request instead.
    """

    name: str
    says: str
    schema: Mapping[str, Any] = msgspec.field(default_factory=lambda: _NAME)
    of: Literal["query", "header"] = "query"

    def names(self) -> tuple[str, ...]:
        """Return the names that a query may have."""
        if self.of == "header":
            return ()
        return tuple(self.schema.get("properties", (self.name,)))

    def described(self) -> dict[str, Any]:
        """Return the parameter as a document of OpenAPI has it."""
        found = {"name": self.name, "in": self.of, "description": self.says}
        if "properties" in self.schema:
            return {**found, "required": True, **_SPREAD, "schema": self.schema}
        return {**found, "schema": self.schema}


class Operation(msgspec.Struct, frozen=True):
    """One route: its address, who may use it, and the type and the media type of its *answer*.

    *takes* are the media types of its body, which is of the type *body*, or without one an event or
    lines of events. The answer comes with one of *statuses*.
    """

    method: str
    path: str
    name: str
    says: str
    roles: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    answer: Any = None
    media: tuple[str, ...] = ("application/json",)
    takes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200,)
    body: Any = None


def document(
    operations: Iterable[Operation], problem: type, trouble: str, calls: Calls
) -> dict[str, Any]:
    """Return the document of *operations*; each may answer *problem*, of media type *trouble*.

    Its examples are *calls*.
    """
    every = tuple(operations)
    typed = [one for one in every if one.answer is not None]
    taking = [one for one in every if one.body is not None]
    schemas, components = msgspec.json.schema_components(
        [*(one.answer for one in typed), *(one.body for one in taking), problem],
        schema_hook=_anything,
        ref_template=_REF + "{name}",
    )
    answers = {one.name: schema for one, schema in zip(typed, schemas, strict=False)}
    of_body = zip(taking, schemas[len(typed) :], strict=False)
    bodies = {one.name: schema for one, schema in of_body}
    kinds = event_schemas()
    event = {
        "oneOf": [{"$ref": f"{_REF}event.{kind}"} for kind in kinds],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {kind: f"{_REF}event.{kind}" for kind in kinds},
        },
    }
    events = calls.events()
    found = {
        f"event.{kind}": {**schema, "examples": [events[kind]]} for kind, schema in kinds.items()
    }
    refused = {"description": "No answer", "content": {trouble: {"schema": schemas[-1]}}}
    paths: dict[str, dict[str, Any]] = {}
    for one in every:
        body = bodies.get(one.name, {"$ref": _REF + _EVENT})
        said = dict(_operation(one, answers.get(one.name, {}), body, refused))
        said = exemplified(said, calls.of(one.method, one.path))
        paths.setdefault(one.path, {})[one.method.lower()] = said
    return {
        "openapi": "3.1.0",
        "info": {"title": "repurchase", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {_EVENT: event, **found, **_either(components)},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _either(found: Any) -> Any:
    """Return the schemas *found*; one that says several formats keeps none of its own.

    To each that is made from a type, msgspec adds the format of the type.
    """
    if isinstance(found, list):
        return [_either(one) for one in found]
    if not isinstance(found, dict):
        return found
    is_several = found.get("format") == "date" and "anyOf" in found
    return {
        name: _either(one) for name, one in found.items() if not (is_several and name == "format")
    }


def _anything(kind: type) -> dict[str, Any]:
    """Return the schema of a value whose form no struct says."""
    if kind is object:
        return {"description": "see `docs/formats.md`"}
    # msgspec expects this of a hook that knows no answer.
    raise NotImplementedError


def _operation(
    one: Operation, answer: Schema, body: Schema, refused: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    yield "operationId", one.name
    yield "summary", one.says
    if one.roles:
        yield "description", f"For the roles {', '.join(one.roles)}."
        yield "security", [{"key": []}]
    in_path = [name[1:-1] for name in one.path.split("/") if name.startswith("{")]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _NAME} for name in in_path
    ]
    parameters += (of.described() for of in one.parameters)
    if parameters:
        yield "parameters", parameters
    if one.takes:
        content = {media: {"schema": body} for media in one.takes}
        yield "requestBody", {"required": True, "content": content}
    content = {media: {"schema": answer} for media in one.media}
    answers = {str(of): {"description": "The answer", "content": content} for of in one.statuses}
    yield "responses", {**answers, "default": refused}


def html_page(found: Mapping[str, Any], codes: Mapping[str, tuple[int, str]]) -> str:
    """Return the page of the document *found*, which loads nothing, and of the *codes*."""
    return "\n".join((*_head(), *_operations(found), *_codes(codes), *_kinds(found), "</html>\n"))


def _head() -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
    yield "<title>repurchase: the service</title>"
    yield f"<h1>repurchase {escape(__version__)}</h1>"
    yield '<p>The same for programs: <a href="/v1/openapi.json">openapi.json</a></p>'


def _operations(found: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in found["paths"].items():
        for method, one in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield f"<p>{escape(one['summary'])} {escape(one.get('description', ''))}</p>"
            rows = [row for of in one.get("parameters", ()) for row in _rows(of)]
            yield from _table(("parameter", "meaning"), rows)


def _rows(parameter: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    fields = parameter["schema"].get("properties")
    if fields is None:
        yield parameter["name"], parameter.get("description", "")
        return
    for name, schema in fields.items():
        yield name, schema.get("description", parameter["description"])


def _codes(codes: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    yield "<h2>Problems</h2>\n<dl>"
    for code, (status, title) in codes.items():
        yield f'<dt id="{code}"><code>{code}</code> ({status})</dt><dd>{escape(title)}</dd>'
    yield "</dl>"


def _kinds(found: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in found["components"]["schemas"].items():
        if name.startswith("event."):
            yield f"<h2>{escape(schema['title'])}</h2>"
            needed = ", ".join(schema["required"])
            yield f"<p>It needs {escape(needed)}.</p>"
            rows = [
                (field, of.get("description", "")) for field, of in schema["properties"].items()
            ]
            yield from _table(("field", "values"), rows)


def _table(heads: tuple[str, str], rows: list[tuple[str, str]]) -> Iterator[str]:
    if rows:
        yield f"<table><tr><th>{heads[0]}</th><th>{heads[1]}</th></tr>"
        for name, says in rows:
            yield f"<tr><td><code>{escape(name)}</code></td><td>{escape(says)}</td></tr>"
        yield "</table>"
