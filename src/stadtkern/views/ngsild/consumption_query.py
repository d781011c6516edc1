"""The parameters of retrieving and querying entities: to a query for the broker and a representation for the answer.

A Query body (CIM 009 5.2.23) is turned into the same parameters first, see ``consumption_body``.
"""

from __future__ import annotations

from typing import Final

from stadtkern.errors import BadRequestData, InvalidRequest, TooManyResults, quoted
from stadtkern.jsonld.context import Context
from stadtkern.model.entity import NO_DATASET
from stadtkern.model.ids import Iri, is_uri
from stadtkern.query.filter import Filter, all_of, link_depth
from stadtkern.query.order import Order, parse_order_by
from stadtkern.query.projection import parse_projection
from stadtkern.query.q import parse_q
from stadtkern.query.request import DEFAULT_LIMIT, MAX_LIMIT, EntityQuery, Join
from stadtkern.views.ngsild.entity_filter import SELECTORS, narrows, parse_entity_filter, parse_values_query
from stadtkern.views.ngsild.paging import KEY, parse_place
from stadtkern.views.ngsild.parameters import Parameters, read_flag
from stadtkern.views.ngsild.parse_terms import expand_attribute
from stadtkern.views.ngsild.render_language import parse_lang
from stadtkern.views.ngsild.representation import LOCATION, Format, Representation

REPRESENTATION: Final = frozenset(
    {"attrs", "pick", "omit", "lang", "datasetId", "format", "options", "sysAttrs", "geometryProperty"}
    | {
        "join",
        "joinLevel",
        "containedBy",
        "jsonKeys",
        "expandValues",
        "local",
        "entityMap",
        "splitEntities",
        "entityMapLifetime",
    }
)
RETRIEVE: Final = REPRESENTATION | {"type"}
"""Parameters of retrieving one entity (CIM 009 6.5.3.1)."""
PAGING: Final = frozenset({"limit", "offset", "count", KEY})
ORDERING: Final = frozenset({"orderBy", "collation", "orderFrom", "orderGeometry"})
QUERY: Final = REPRESENTATION | SELECTORS | PAGING | ORDERING | {"csf"}
"""Parameters of querying entities (CIM 009 6.4.3.2)."""

MAX_JOIN_LEVEL: Final = 10
MAX_OFFSET: Final = 1_000_000_000
_OPTIONS: Final = frozenset(
    {"keyValues", "simplified", "concise", "normalized", "sysAttrs", "splitEntities", "entityMap"}
)
_FORMATS: dict[str, Format] = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}
ANY_TYPE: Final = "*"


def parse_representation(parameters: Parameters, context: Context, *, geojson: bool = False) -> Representation:
    """Parse what says how entities are shown.

    Raises: InvalidRequest (unknown format or option), BadRequestData.
    Spec: CIM 009 6.3.7, 6.3.11, 6.3.15, 5.7.1.4, 5.7.2.4.
    """
    options = parse_options(parameters, _OPTIONS)
    join, level = parse_join(parameters)
    projection = parse_projection(
        parameters.get("pick"), parameters.get("omit"), parameters.get("attrs"), context.expand_term
    )
    if projection.depth > (level if join else 0):
        raise BadRequestData(
            "The projection follows more relationships than join and joinLevel allow", pointer="pick:0"
        )
    return Representation(
        format=parse_format(parameters, options),
        sys_attrs="sysAttrs" in options or read_flag(parameters, "sysAttrs"),
        projection=projection,
        dataset_ids=parse_dataset_ids(parameters),
        lang=parse_lang(parameters["lang"]) if "lang" in parameters else None,
        geojson=geojson,
        geometry_property=_parse_geometry_property(parameters, context, geojson),
        join=join,
        join_level=level,
        contained_by=_parse_contained_by(parameters),
    )


def parse_options(parameters: Parameters, known: frozenset[str]) -> frozenset[str]:
    """Parse the list in ``options``. Raises: InvalidRequest. Spec: CIM 009 6.3.20."""
    options = frozenset(part.strip() for part in parameters.get("options", "").split(",") if part.strip())
    for option in sorted(options - known):
        raise InvalidRequest(f"The option {option[:40]!r} is not known here", pointer="options:0")
    return options


def parse_format(parameters: Parameters, options: frozenset[str]) -> Format:
    """Parse the form of attributes; ``format`` goes before the older ``options``. Raises: InvalidRequest."""
    chosen = parameters.get("format")
    if chosen is None:
        found: list[Format] = [_FORMATS[option] for option in sorted(options) if option in _FORMATS]
        return found[0] if found else "normalized"
    form = _FORMATS.get(chosen)
    if form is None:
        raise InvalidRequest(f"The format {chosen[:40]!r} is not known", pointer="format:0")
    return form


def parse_dataset_ids(parameters: Parameters) -> frozenset[str] | None:
    """Parse the list of dataset ids. Raises: BadRequestData. Spec: CIM 009 4.5.5, 6.3.23."""
    text = parameters.get("datasetId")
    if text is None:
        return None
    ids = [part.strip() for part in text.split(",")]
    for id_ in ids:
        if id_ != "@none" and not is_uri(id_):
            raise BadRequestData(f"The datasetId {quoted(id_)} is not a URI", pointer="datasetId:0")
    return frozenset(NO_DATASET if id_ == "@none" else id_ for id_ in ids)


def parse_join(parameters: Parameters) -> tuple[Join | None, int]:
    """Parse how linked entities are shown, and down to which level. Raises: BadRequestData. Spec: CIM 009 4.5.23."""
    level = parse_number(parameters, "joinLevel", 1, least=1, most=MAX_JOIN_LEVEL)
    join = parameters.get("join", "@none")
    if join not in ("inline", "flat", "@none"):
        raise BadRequestData(f"The join {join[:40]!r} is not known", hint="inline, flat or @none", pointer="join:0")
    return (None if join == "@none" else join), level


def parse_number(parameters: Parameters, name: str, default: int, *, least: int, most: int) -> int:
    """Parse a whole number within bounds. Raises: BadRequestData."""
    text = parameters.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1
    if not least <= number <= most:
        raise BadRequestData(
            f"The {name} parameter is not a whole number from {least} to {most}: {text[:20]!r}", pointer=f"{name}:0"
        )
    return number


def parse_query(parameters: Parameters, context: Context, *, selected: Filter | None = None) -> EntityQuery:
    """Parse what says which entities are wanted, in which order, and which page of them.

    selected: what the entity selectors of a Query body say. Raises: BadRequestData, TooManyResults, TooComplexQuery.
    Spec: CIM 009 5.7.2.4.
    """
    filters = [selected, _parse_selectors(parameters, context), parse_values_query(parameters, context)]
    _check_not_too_wide(parameters, context, filters)
    found = all_of(*filters)
    join, level = parse_join(parameters)
    if found is not None and link_depth(found) > (level if join else 0):
        raise BadRequestData("The query follows more relationships than join and joinLevel allow", pointer="q:0")
    if "csf" in parameters:
        parse_q(parameters["csf"], context.expand_term, parameter="csf")
    limit, count = parse_limit(parameters)
    place = parse_place(parameters, parse_number(parameters, "offset", 0, least=0, most=MAX_OFFSET))
    return EntityQuery(
        filter=found,
        order=_parse_order(parameters, context),
        limit=limit,
        offset=place.offset,
        after=place.after,
        passed=place.passed,
        count=count,
    )


def parse_limit(parameters: Parameters) -> tuple[int, bool]:
    """Parse the size of the page, and whether all matches are to be counted.

    Raises: BadRequestData, TooManyResults (more than a page may have). Spec: CIM 009 5.5.9, 6.3.10, 6.3.13.
    """
    count = read_flag(parameters, "count")
    limit = parse_number(parameters, "limit", DEFAULT_LIMIT, least=0, most=MAX_OFFSET)
    if limit == 0 and not count:
        raise BadRequestData("The limit is 0, which makes sense with count=true only", pointer="limit:0")
    if limit > MAX_LIMIT:
        raise TooManyResults(f"The limit is {limit}", hint=f"at most {MAX_LIMIT} entities are on one page")
    return limit, count


def _parse_geometry_property(parameters: Parameters, context: Context, geojson: bool) -> Iri:
    name = parameters.get("geometryProperty")
    if name is None:
        return LOCATION
    if not geojson:
        raise BadRequestData("The geometryProperty parameter is for GeoJSON answers only", pointer="geometryProperty:0")
    return expand_attribute(name, context, "geometryProperty:0")


def _parse_contained_by(parameters: Parameters) -> tuple[str, ...]:
    text = parameters.get("containedBy")
    ids = tuple(part.strip() for part in text.split(",")) if text is not None else ()
    for id_ in ids:
        if not is_uri(id_):
            raise BadRequestData(f"The containedBy {quoted(id_)} is not a URI", pointer="containedBy:0")
    return ids


def _parse_selectors(parameters: Parameters, context: Context) -> Filter | None:
    """Parse everything but the values query; ``type=*`` selects every type (CIM 009 4.17)."""
    selectors = {name: value for name, value in parameters.items() if name != "q"}
    if selectors.get("type") == ANY_TYPE:
        del selectors["type"]
        if parameters.get("local") == "false":
            raise BadRequestData("The type * is for local queries only", pointer="local:0")
    return parse_entity_filter(selectors, context)


def _check_not_too_wide(parameters: Parameters, context: Context, filters: list[Filter | None]) -> None:
    """Refuse a query that narrows nothing. Spec: CIM 009 5.7.2.4 (a to e)."""
    selected, _, values = filters
    if selected is None and not narrows(parameters, context, values):
        raise BadRequestData(
            "The query is too wide", hint="give a type, attrs, q, a geoquery or local=true (CIM 009 5.7.2.4)"
        )


def _parse_order(parameters: Parameters, context: Context) -> Order | None:
    if "orderBy" not in parameters:
        return None
    return parse_order_by(
        parameters["orderBy"],
        context.expand_term,
        coordinates=parameters.get("orderFrom"),
        geometry=parameters.get("orderGeometry"),
        collation=parameters.get("collation"),
    )
