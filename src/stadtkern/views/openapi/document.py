"""The OpenAPI 3.1 document, made from what the views say of their operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from stadtkern import errors
from stadtkern.settings import version
from stadtkern.views._http.description import Answer, Operation, Parameter
from stadtkern.views._http.problem import Dialect, problem_media_type
from stadtkern.views._http.routing import View

Mounts = Mapping[tuple[str, ...], tuple[View, ...]]
"""The views by where they are mounted; those without a mount of their own under ``()``."""

_ALWAYS: Final = (400,)
"""Problems that every operation may answer with."""
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457: what went wrong",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Names the kind of problem"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "A sentence about this very request"},
        "hint": {"type": "string", "description": "What would help"},
        "pointer": {"type": "string", "description": "Where: a JSON Pointer, or parameter:position"},
        "instance": {"type": "string", "description": "Names the request in the server's log"},
    },
    "additionalProperties": False,
}
_ERROR: Final = {
    **_PROBLEM,
    "description": "What went wrong, as clients of SensorThings know it, with the members of RFC 9457",
    "required": ["code", "type", "message", "title", "status"],
    "properties": {
        **_PROBLEM["properties"],
        "code": {"type": "integer", "description": "The status"},
        "type": {"const": "error"},
        "message": {"type": "string", "description": "A sentence about this very request"},
    },
}
_SHAPES: Final[dict[Dialect, tuple[str, str]]] = {
    "ngsi-ld": ("json", "ProblemDetails"),
    "sensorthings": ("error", "SensorThingsError"),
    "problem": ("problem", "ProblemDetails"),
}
"""By dialect: what the names of its answers begin with, and the schema of their bodies."""
_REQUEST_ID: Final = {"schema": {"type": "string"}, "description": "Names the request in the server's log"}
_SECURITY: Final = {
    "administrator": {"type": "http", "scheme": "bearer", "description": "The administrator token, or an API key"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class DescribedRoute(NamedTuple):
    """One operation with the address it is found at, such as ``/ngsi-ld/v1/entities/{entityId}``."""

    path: str
    method: str
    operation: Operation
    dialect: Dialect


def described_routes(mounts: Mounts) -> Iterator[DescribedRoute]:
    """Walk all operations of all views in the order of their descriptions."""
    for mount, views in mounts.items():
        for view in views:
            for pattern, operations in view.description.operations.items():
                for method, operation in operations.items():
                    yield DescribedRoute(path_of((*mount, *pattern), operation), method, operation, view.dialect)


def path_of(pattern: tuple[str, ...], operation: Operation) -> str:
    """Write a path pattern as a path template; ``*`` may be a part of a segment, too."""
    names = iter([parameter.name for parameter in operation.parameters if parameter.place == "path"])
    return "/" + "/".join(part.replace("*", f"{{{next(names)}}}") if "*" in part else part for part in pattern)


def make_document(mounts: Mounts, base_path: str) -> dict[str, Any]:
    """Make the document. base_path: the path of this server's addresses from outside, empty or ``/prefix``."""
    paths: dict[str, dict[str, Any]] = {}
    problems: dict[str, Any] = {}
    for route in described_routes(mounts):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, problems)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stadtkern",
            "version": version(),
            "summary": "An open urban data platform: one write, every standard view, one gate.",
            "license": {"name": "European Union Public Licence 1.2", "identifier": "EUPL-1.2"},
        },
        "servers": [
            {"url": base_path or "/", "description": "The default tenant, or that of the host name"},
            {
                "url": f"{base_path}/t/{{tenant}}",
                "description": "Another tenant",
                "variables": {"tenant": {"default": "default"}},
            },
        ],
        "tags": [
            {"name": tag.name, "description": f"{tag.title.en}. {tag.text.en}"}
            for views in mounts.values()
            for view in views
            for tag in view.description.tags
        ],
        "security": [{}, {"administrator": []}, {"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": {
                "ProblemDetails": _PROBLEM,
                "SensorThingsError": _ERROR,
                **{
                    name: schema
                    for views in mounts.values()
                    for view in views
                    for name, schema in view.description.schemas.items()
                },
            },
            "responses": dict(sorted(problems.items())),
            "securitySchemes": _SECURITY,
        },
    }


def _operation(route: DescribedRoute, problems: dict[str, Any]) -> dict[str, Any]:
    operation = route.operation
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.title.en,
        "description": " ".join(filter(None, (operation.text.en, operation.clause and f"({operation.clause})"))),
        "parameters": [_parameter(parameter, operation) for parameter in operation.parameters],
        "responses": {
            **{str(answer.status): _answer(answer) for answer in operation.answers},
            **{str(status): _problem(status, route.dialect, problems) for status in (*_ALWAYS, *operation.problems)},
            "default": _problem(None, route.dialect, problems),
        },
    }
    if operation.public:
        described["security"] = []
    if operation.body is not None:
        content: dict[str, Any] = {name: {"schema": operation.body.schema} for name in operation.body.media_types}
        if operation.example.body is not None:
            content[operation.body.media_types[0]]["example"] = operation.example.body
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameter(parameter: Parameter, operation: Operation) -> dict[str, Any]:
    described = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.text.en,
        "required": parameter.required,
        "schema": parameter.schema,
    }
    examples = {"query": operation.example.query, "path": operation.example.path, "header": operation.example.headers}
    value = examples[parameter.place].get(parameter.name)
    if value is not None and not value.startswith("$"):
        described["example"] = {"true": True, "false": False}.get(value, value)
    return described


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.text.en}
    if answer.schemas:
        described["content"] = {name: {"schema": schema} for name, schema in answer.schemas.items()}
    if answer.headers:
        described["headers"] = {
            name: {"schema": {"type": "string"}, "description": text.en} for name, text in answer.headers.items()
        }
    return described


def _problem(status: int | None, dialect: Dialect, problems: dict[str, Any]) -> dict[str, str]:
    """Point to the answer with a problem document, which is described once a status and dialect."""
    kind, schema = _SHAPES[dialect]
    name = f"{kind}-{status or 'other'}"
    problems[name] = {
        "description": "Any other problem" if status is None else titles_of(status),
        "headers": {"X-Request-ID": _REQUEST_ID},
        "content": {problem_media_type(dialect): {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    return {"$ref": f"#/components/responses/{name}"}


def titles_of(status: int) -> str:
    """Name the kinds of problem with a status code."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Problem)]
    return ", or: ".join(
        dict.fromkeys(kind.title for kind in kinds if kind.status == status and kind is not errors.Problem)
    )
