"""The parameters that choose entities, as one filter. Spec: CIM 009 5.7.2.3, 6.4.3.2, 6.4.3.3."""

from __future__ import annotations

from typing import Final

from stadtkern.errors import BadRequestData
from stadtkern.jsonld.context import Context
from stadtkern.model.ids import EntityId, Iri, parse_entity_id
from stadtkern.query.filter import And, Exists, Filter, IdIn, IdMatches, Or, Path, attribute_names
from stadtkern.query.geoquery import parse_geo_query
from stadtkern.query.pattern import compile_pattern
from stadtkern.query.projection import attribute_list
from stadtkern.query.q import parse_q
from stadtkern.query.scopeq import parse_scope_q
from stadtkern.query.typeselection import parse_type_selection
from stadtkern.views.ngsild.parameters import Parameters

SELECTORS: Final = frozenset(
    {"id", "idPattern", "type", "attrs", "q", "scopeQ", "georel", "geometry", "coordinates", "geoproperty"}
)
"""Parameters that ``parse_entity_filter`` reads."""
MAX_IDS: Final = 1_000


def parse_entity_filter(parameters: Parameters, context: Context) -> Filter | None:
    """Parse everything that chooses entities; None where nothing does, which means all of them.

    Raises: BadRequestData, TooComplexQuery.
    """
    parts = [
        *_parse_identity(parameters, context),
        *_parse_attributes(parameters, context),
        *_parse_languages(parameters, context),
        *_parse_geo(parameters, context),
    ]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def narrows(parameters: Parameters, context: Context, values: Filter | None) -> bool:
    """Tell whether parameters choose entities by more than ids, scopes and system attributes.

    values: what ``q`` says. Raises: BadRequestData. Spec: CIM 009 5.6.21.4, 5.7.2.4 (a to e).
    """
    return (
        "type" in parameters
        or "georel" in parameters
        or parameters.get("local") == "true"
        or bool(attribute_list(parameters.get("attrs"), "attrs", context.expand_term))
        or (values is not None and bool(attribute_names(values)))
    )


def _parse_identity(parameters: Parameters, context: Context) -> list[Filter]:
    parts: list[Filter] = []
    if "id" in parameters:
        parts.append(IdIn(_parse_ids(parameters["id"])))
    if "idPattern" in parameters:
        compile_pattern(parameters["idPattern"], "idPattern")
        parts.append(IdMatches(parameters["idPattern"]))
    if "type" in parameters:
        parts.append(parse_type_selection(parameters["type"], context.expand_term))
    return parts


def _parse_ids(text: str) -> tuple[EntityId, ...]:
    ids = text.split(",")
    if len(ids) > MAX_IDS:
        raise BadRequestData(f"The id parameter lists {len(ids)} ids; at most {MAX_IDS} are read", pointer="id:0")
    return tuple(parse_entity_id(id.strip()) for id in ids)


def _parse_attributes(parameters: Parameters, context: Context) -> list[Filter]:
    if "attrs" not in parameters:
        return []
    names = attribute_list(parameters["attrs"], "attrs", context.expand_term)
    found: list[Filter] = [Exists(Path((name,))) for name in names]
    return [Or(tuple(found))] if found else []


def _parse_languages(parameters: Parameters, context: Context) -> list[Filter]:
    parts: list[Filter] = []
    values = parse_values_query(parameters, context)
    if values is not None:
        parts.append(values)
    if "scopeQ" in parameters:
        parts.append(parse_scope_q(parameters["scopeQ"]))
    return parts


def parse_values_query(parameters: Parameters, context: Context) -> Filter | None:
    """Parse ``q`` with what says how it is to be read. Raises: BadRequestData, TooComplexQuery. Spec: CIM 009 4.9."""
    if "q" not in parameters:
        return None
    return parse_q(
        parameters["q"],
        context.expand_term,
        expand_values=_names(parameters, "expandValues"),
        json_keys=_names(parameters, "jsonKeys"),
    )


def _names(parameters: Parameters, name: str) -> frozenset[str]:
    return frozenset(part.strip() for part in parameters.get(name, "").split(",") if part.strip())


def _parse_geo(parameters: Parameters, context: Context) -> list[Filter]:
    given = [name for name in ("georel", "geometry", "coordinates") if name in parameters]
    if not given and "geoproperty" not in parameters:
        return []
    if len(given) != 3:
        raise BadRequestData("A geoquery needs georel, geometry and coordinates", pointer="georel:0")
    geoproperty = parameters.get("geoproperty")
    name = Iri("location") if geoproperty is None else context.expand_term(geoproperty)
    return [parse_geo_query(parameters["georel"], parameters["geometry"], parameters["coordinates"], name)]
