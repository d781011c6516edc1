"""Entities as the broker gives them, for tests of what is made of them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.query.odata.tree import Expanded, Query, Selected

ROOT = "https://city.example/sta/v1.1"
MOST = 1_000_000


def record(type: TypeName, id: int, related: dict[str, Any] | None = None, **values: Any) -> Record:
    """An entity. values: Python values; of an Observation ``stream`` is Datastream 7."""
    stored = {name: None if value is None else Raw(msgspec.json.encode(value)) for name, value in values.items()}
    stream: tuple[TypeName, int] | None = ("Datastream", 7) if type == "Observation" else None
    return Record(type=type, id=id, values=stored, related=related or {}, stream=stream)


def query(*select: str, expand: dict[str, Query] | None = None, **options: Any) -> Query:
    """Options. select: names; none: was not given."""
    expanded = tuple(Expanded(relation=name, query=inner) for name, inner in (expand or {}).items())
    return Query(select=tuple(map(Selected, select)) if select else None, expand=expanded, **options)


def page(*records: Record, **members: Any) -> Page:
    """A page of a set."""
    return Page(records=list(records), **members)
