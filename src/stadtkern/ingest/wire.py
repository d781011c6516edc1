"""What importing needs of the NGSI-LD representation: names, geometries and whole entities.

The functions are those of the NGSI-LD view, so that an import accepts and refuses what the API does; whoever puts an
import together hands them in, since ingest and views are strangers to one another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from stadtkern.jsonld.context import Context
from stadtkern.model.entity import EntityPatch
from stadtkern.model.ids import Iri


class ParseEntity(Protocol):
    """Reads one entity as JSON text."""

    def __call__(self, body: bytes, context: Context, form: str) -> EntityPatch:
        """form: normalized, simplified or temporal. Raises: InvalidRequest, BadRequestData."""
        ...


@dataclass(frozen=True, slots=True)
class Wire:
    """The functions of the representation; all raise BadRequestData."""

    parse_entity: ParseEntity
    expand_attribute: Callable[[str, Context], Iri]
    expand_types: Callable[[Any, Context], list[Iri]]
    check_geometry: Callable[[Any], None]
    parse_scope: Callable[[Any], list[str]]
