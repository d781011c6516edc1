"""The Query body of ``POST /entityOperations/query``, to the parameters that ``GET /entities`` would have had.

Spec: CIM 009 5.2.23 (Query), 5.2.13 (GeoQuery), 5.2.33 (EntitySelector), 5.2.43 (OrderingParams).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from stadtkern.errors import BadRequestData
from stadtkern.jsonld.context import Context
from stadtkern.query.filter import And, Filter, IdIn, IdMatches, any_of
from stadtkern.query.pattern import compile_pattern
from stadtkern.query.typeselection import parse_type_selection
from stadtkern.views.ngsild.consumption_query import ANY_TYPE
from stadtkern.views.ngsild.entity_filter import MAX_IDS
from stadtkern.views.ngsild.parse_node import as_array, as_object, listed, point
from stadtkern.views.ngsild.parse_terms import parse_id

MAX_SELECTORS: Final = 1_000


class QueryBody(NamedTuple):
    """parameters: as in a URL; selected: what the entity selectors say; temporal: the member temporalQ, if any."""

    parameters: dict[str, str]
    selected: Filter | None
    temporal: dict[str, Any] | None = None


def read_query_body(tree: Any, context: Context, *, temporal: bool = False) -> QueryBody:
    """Read a Query. temporal: temporalQ is allowed. Raises: BadRequestData (with a JSON Pointer)."""
    members = as_object(tree)
    if members is None or members.get("type") != "Query":
        raise BadRequestData("The body is not a Query", hint='its type must be "Query"', pointer="/type")
    parameters: dict[str, str] = {}
    for name, value in members.items():
        if name in ("type", "@context", "entities", "temporalQ"):
            continue
        if name not in _READERS:
            raise BadRequestData(f"A Query has no member {name[:80]!r}", pointer=point("", name))
        parameters.update(_READERS[name](name, value))
    selected = _read_selectors(members["entities"], context) if "entities" in members else None
    return QueryBody(parameters, selected, _read_temporal(members, temporal))


def merge_parameters(url: Mapping[str, str], body: Mapping[str, str]) -> dict[str, str]:
    """Join the parameters of the URL (paging, format) with those of the body. Raises: BadRequestData (in both)."""
    both = url.keys() & body.keys()
    if both:
        raise BadRequestData(f"{min(both)} is given in the body and in the URL", pointer=point("", min(both)))
    return {**url, **body}


def _read_text(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, str):
        raise BadRequestData(f"The member {name} of a Query is not a text", pointer=point("", name))
    return {name: value}


def _read_texts(name: str, value: Any) -> dict[str, str]:
    """Read a list of texts, or one text that may be a list itself."""
    if isinstance(value, str) and value:
        return {name: value}
    texts = as_array(value)
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise BadRequestData(f"The member {name} of a Query is not a list of texts", pointer=point("", name))
    return {name: ",".join(texts)}


def _read_number(name: str, value: Any) -> dict[str, str]:
    if type(value) is not int:
        raise BadRequestData(f"The member {name} of a Query is not a whole number", pointer=point("", name))
    return {name: str(value)}


def _read_flag(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, bool):
        raise BadRequestData(f"The member {name} of a Query is neither true nor false", pointer=point("", name))
    return {name: "true" if value else "false"}


def _read_geo_query(name: str, value: Any) -> dict[str, str]:
    members = as_object(value)
    if members is None:
        raise BadRequestData("geoQ is not a JSON object", pointer="/geoQ")
    parameters: dict[str, str] = {}
    for member, part in members.items():
        pointer = point("/geoQ", member)
        if member == "coordinates" and as_array(part) is not None:
            parameters[member] = msgspec.json.encode(part).decode()
        elif member in ("georel", "geometry", "coordinates", "geoproperty") and isinstance(part, str):
            parameters[member] = part
        elif member != "@context":
            raise BadRequestData(f"The member {member[:80]!r} of geoQ cannot be read", pointer=pointer)
    return parameters


def _read_ordering(name: str, value: Any) -> dict[str, str]:
    """Read OrderingParams. Spec: CIM 009 5.2.43."""
    members = as_object(value)
    if members is None or "orderBy" not in members:
        raise BadRequestData("ordering has no orderBy", pointer="/ordering")
    parameters: dict[str, str] = {}
    for member, part in members.items():
        if member == "orderBy":
            parameters |= _read_texts("orderBy", part)
        elif member == "coordinates" and as_array(part) is not None:
            parameters["orderFrom"] = msgspec.json.encode(part).decode()
        elif member in ("geometry", "collation") and isinstance(part, str):
            parameters["orderGeometry" if member == "geometry" else member] = part
        else:
            raise BadRequestData(
                f"The member {member[:80]!r} of ordering cannot be read", pointer=point("/ordering", member)
            )
    return parameters


def _read_aggregation(name: str, value: Any) -> dict[str, str]:
    """Read AggregationParams. Spec: CIM 009 5.2.44."""
    members = as_object(value)
    if members is None or "aggrMethods" not in members:
        raise BadRequestData("aggrParams has no aggrMethods", pointer="/aggrParams")
    parameters: dict[str, str] = {}
    for member, part in members.items():
        if member not in ("aggrMethods", "aggrPeriodDuration"):
            raise BadRequestData(f"aggrParams has no member {member[:80]!r}", pointer=point("/aggrParams", member))
        read = _read_texts if member == "aggrMethods" else _read_text
        parameters |= read(member, part)
    return parameters


_READERS: Final[dict[str, Callable[[str, Any], dict[str, str]]]] = {
    **dict.fromkeys(("q", "csf", "scopeQ", "lang", "join", "geometryProperty", "collation"), _read_text),
    **dict.fromkeys(("attrs", "pick", "omit", "datasetId", "containedBy", "expandValues", "jsonKeys"), _read_texts),
    **dict.fromkeys(("local", "splitEntities", "entityMap"), _read_flag),
    "joinLevel": _read_number,
    "geoQ": _read_geo_query,
    "ordering": _read_ordering,
    "aggrParams": _read_aggregation,
}


def _read_temporal(members: dict[str, Any], allowed: bool) -> dict[str, Any] | None:
    if "temporalQ" not in members:
        return None
    if not allowed:
        raise BadRequestData("temporalQ is for the temporal query only", pointer="/temporalQ")
    temporal = as_object(members["temporalQ"])
    if temporal is None:
        raise BadRequestData("temporalQ is not a JSON object", pointer="/temporalQ")
    return temporal


def _read_selectors(tree: Any, context: Context) -> Filter:
    selectors = as_array(tree)
    if not selectors or len(selectors) > MAX_SELECTORS:
        raise BadRequestData(f"entities is not an array of 1 to {MAX_SELECTORS} selectors", pointer="/entities")
    return any_of(*(_read_selector(one, context, f"/entities/{at}") for at, one in enumerate(selectors)))


def _read_selector(tree: Any, context: Context, pointer: str) -> Filter:
    """Read an EntitySelector: the type is mandatory, id goes before idPattern. Spec: CIM 009 5.2.33."""
    members = as_object(tree)
    if members is None or not isinstance(members.get("type"), str):
        raise BadRequestData("An entity selector has no type", pointer=point(pointer, "type"))
    parts: list[Filter] = []
    if members["type"] != ANY_TYPE:
        parts.append(parse_type_selection(members["type"], context.expand_term))
    if "id" in members:
        ids = listed(members["id"])
        if not 0 < len(ids) <= MAX_IDS:
            raise BadRequestData(f"An entity selector has 1 to {MAX_IDS} ids", pointer=point(pointer, "id"))
        parts.append(IdIn(tuple(parse_id(one, point(pointer, "id")) for one in ids)))
    elif "idPattern" in members:
        pattern = members["idPattern"]
        if not isinstance(pattern, str):
            raise BadRequestData("The idPattern is not a text", pointer=point(pointer, "idPattern"))
        compile_pattern(pattern, "idPattern")
        parts.append(IdMatches(pattern))
    unknown = members.keys() - {"type", "id", "idPattern", "@context"}
    if unknown:
        raise BadRequestData(f"An entity selector has no member {min(unknown)[:80]!r}", pointer=pointer)
    return parts[0] if len(parts) == 1 else And(tuple(parts))
