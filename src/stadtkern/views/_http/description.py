"""How a view describes its operations: plain values, from which the OpenAPI description and its page are made.

Texts are written once in each language of the pages; the OpenAPI document takes the English ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Schema = Mapping[str, Any]
"""JSON Schema 2020-12; ``{"$ref": "#/components/schemas/Name"}`` points to a schema of the same description."""


class Text(NamedTuple):
    """A text in the languages of the pages."""

    en: str
    de: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter, a header, or the name for a ``*`` of the path."""

    name: str
    text: Text
    schema: Schema
    place: Literal["query", "header", "path"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request carries. media_types: all with the same schema."""

    schema: Schema
    media_types: tuple[str, ...] = ("application/json",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One way in which an operation ends well. schemas: by media type; empty where there is no body."""

    status: int
    text: Text
    schemas: Mapping[str, Schema] = field(default_factory=dict[str, Schema])
    headers: Mapping[str, Text] = field(default_factory=dict[str, Text])


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A request that works once the data of the first steps are there; a test sends it. status: of its answer."""

    status: int
    path: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one route does.

    id: unique over all views. clause: of the standard, such as ``CIM 009 6.4.3.1``. problems: the status codes of the
    problem documents that it may answer beside those that every operation may.
    """

    id: str
    tag: str
    title: Text
    text: Text
    answers: tuple[Answer, ...]
    example: Example
    clause: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: tuple[int, ...] = ()
    public: bool = False
    """It needs no credentials, whatever the settings."""


Operations = Mapping[tuple[str, ...], Mapping[str, Operation]]
"""Operations by path pattern (``*`` for each path parameter, in order) and method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A group of operations."""

    name: str
    title: Text
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All that one view tells of itself."""

    tags: tuple[Tag, ...]
    operations: Operations
    schemas: Mapping[str, Schema] = field(default_factory=dict[str, Schema])
