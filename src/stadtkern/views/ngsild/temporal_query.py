"""The parameters of reading history: which part of it, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from stadtkern.errors import BadRequestData, InvalidRequest
from stadtkern.jsonld.context import Context
from stadtkern.model.history import EntityHistory
from stadtkern.query.projection import parse_projection
from stadtkern.query.request import EntityQuery, TemporalQuery, parse_temporal_query
from stadtkern.views.ngsild.consumption_query import ORDERING, PAGING, parse_dataset_ids, parse_options
from stadtkern.views.ngsild.entity_filter import SELECTORS
from stadtkern.views.ngsild.parameters import Parameters, read_flag
from stadtkern.views.ngsild.parse_node import point
from stadtkern.views.ngsild.render_language import parse_lang
from stadtkern.views.ngsild.representation import Representation, TemporalFormat

TIME: Final = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "firstN"})
AGGREGATION: Final = frozenset({"aggrMethods", "aggrPeriodDuration"})
_SHOWN: Final = frozenset({"attrs", "pick", "omit", "lang", "datasetId", "format", "options", "sysAttrs", "local"}) | {
    "entityMap",
    "entityMapLifetime",
}
RETRIEVE_HISTORY: Final = TIME | AGGREGATION | _SHOWN
"""Parameters of retrieving one entity's history (CIM 009 6.19.3.1)."""
QUERY_HISTORY: Final = (
    RETRIEVE_HISTORY | SELECTORS | PAGING | ORDERING | {"csf", "expandValues", "jsonKeys", "splitEntities"}
)
"""Parameters of querying histories (CIM 009 6.18.3.2)."""

_FORMATS: dict[str, TemporalFormat] = {
    "normalized": "normalized",
    "concise": "concise",
    "temporalValues": "temporalValues",
    "simplified": "temporalValues",
    "aggregatedValues": "aggregatedValues",
}
_OPTIONS: Final = frozenset({*_FORMATS, "sysAttrs", "splitEntities", "entityMap"})


def parse_time_query(parameters: Parameters, temporal: Mapping[str, Any] | None = None) -> TemporalQuery:
    """Parse which part of history is wanted: from parameters, or from the member ``temporalQ`` of a Query.

    Raises: BadRequestData. Spec: CIM 009 4.11, 5.2.21.
    """
    members = {} if temporal is None else _read_members(temporal)
    given = {**{name: parameters[name] for name in (TIME | AGGREGATION) if name in parameters}, **members}
    return parse_temporal_query(
        timerel=given.get("timerel"),
        time_at=given.get("timeAt"),
        end_time_at=given.get("endTimeAt"),
        timeproperty=given.get("timeproperty"),
        last_n=given.get("lastN"),
        first_n=given.get("firstN"),
        aggr_methods=given.get("aggrMethods"),
        aggr_period_duration=given.get("aggrPeriodDuration"),
    )


def _read_members(temporal: Mapping[str, Any]) -> dict[str, Any]:
    """Check the types of the members of a TemporalQuery. Spec: CIM 009 5.2.21."""
    members: dict[str, Any] = {}
    for name, value in temporal.items():
        pointer = point("/temporalQ", name)
        if name not in TIME | AGGREGATION | {"@context", "type"}:
            raise BadRequestData(f"temporalQ has no member {name[:80]!r}", pointer=pointer)
        if name in ("lastN", "firstN"):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise BadRequestData(f"The {name} is not a number", pointer=pointer)
        elif name == "aggrMethods" and isinstance(value, list):
            if not all(isinstance(method, str) for method in value):  # pyright: ignore[reportUnknownVariableType]
                raise BadRequestData("The aggrMethods are not texts", pointer=pointer)
        elif not isinstance(value, str) and name != "@context":
            raise BadRequestData(f"The {name} is not a text", pointer=pointer)
        members[name] = value
    return members


def parse_history_representation(
    parameters: Parameters, context: Context, query: TemporalQuery
) -> tuple[Representation, TemporalQuery]:
    """Parse how history is shown; where it is not aggregated, the query loses its aggregation.

    Raises: InvalidRequest (unknown format or option), BadRequestData. Spec: CIM 009 6.3.12, 4.5.19.
    """
    options = parse_options(parameters, _OPTIONS)
    form = _parse_form(parameters, options, query)
    if form == "aggregatedValues" and query.aggregation is None:
        raise BadRequestData("Aggregated values need aggrMethods", pointer="aggrMethods:0")
    projection = parse_projection(
        parameters.get("pick"), parameters.get("omit"), parameters.get("attrs"), context.expand_term
    )
    if projection.depth:
        raise BadRequestData("History is not read through relationships", pointer="pick:0")
    representation = Representation(
        temporal=form,
        sys_attrs="sysAttrs" in options or read_flag(parameters, "sysAttrs"),
        projection=projection,
        dataset_ids=parse_dataset_ids(parameters),
        lang=parse_lang(parameters["lang"]) if "lang" in parameters else None,
        time_property=query.time_property,
    )
    return representation, query if form == "aggregatedValues" else _without_aggregation(query)


def _parse_form(parameters: Parameters, options: frozenset[str], query: TemporalQuery) -> TemporalFormat:
    """Tell the form: ``format`` goes first, then ``options``, then whether methods of aggregation are given."""
    chosen = parameters.get("format")
    if chosen is not None:
        form = _FORMATS.get(chosen)
        if form is None:
            raise InvalidRequest(f"The format {chosen[:40]!r} is not known", pointer="format:0")
        return form
    forms: list[TemporalFormat] = [_FORMATS[option] for option in sorted(options, reverse=True) if option in _FORMATS]
    if "temporalValues" in forms and "aggregatedValues" in forms:
        raise BadRequestData("The options temporalValues and aggregatedValues exclude one another", pointer="options:0")
    if forms:
        return forms[0]
    return "normalized" if query.aggregation is None else "aggregatedValues"


def _without_aggregation(query: TemporalQuery) -> TemporalQuery:
    return TemporalQuery(
        time_relation=query.time_relation,
        time_at=query.time_at,
        end_time_at=query.end_time_at,
        time_property=query.time_property,
        last_n=query.last_n,
        first_n=query.first_n,
    )


def check_order(query: EntityQuery) -> None:
    """Check that histories are ordered by id, if at all. Raises: BadRequestData. Spec: CIM 009 5.7.4.4."""
    for term in query.order.terms if query.order is not None else ():
        if term.path.names or term.path.member != "id":
            raise BadRequestData("Histories can be ordered by id only", pointer="orderBy:0")


def sort_histories(histories: list[EntityHistory], query: EntityQuery) -> list[EntityHistory]:
    """Order the histories of a page by id, where that was asked for."""
    if query.order is None:
        return histories
    return sorted(histories, key=lambda history: history.id, reverse=query.order.terms[0].descending)
