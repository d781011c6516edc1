"""What the parameters of reading requests mean, remembered: clients ask the same question again and again.

Parameters, context and media type decide alone; nothing of the store, the Grant or the clock takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from stadtkern.jsonld.context import Context
from stadtkern.query.request import EntityQuery
from stadtkern.views._http.message import Request
from stadtkern.views.ngsild.consumption_query import QUERY, RETRIEVE, parse_query, parse_representation
from stadtkern.views.ngsild.parameters import Parameters, read_parameters
from stadtkern.views.ngsild.representation import Representation

MAX_REMEMBERED: Final = 2_000
MAX_LENGTH: Final = 2_000
"""Characters of parameters that are remembered; longer ones are rare and cost more to keep than to parse."""


class Prepared(NamedTuple):
    """The parameters of a request with what they mean. query: None when one entity is retrieved."""

    parameters: Parameters
    representation: Representation
    query: EntityQuery | None


_retrievals: dict[Hashable, Prepared] = {}
_queries: dict[Hashable, Prepared] = {}


def prepare_retrieval(request: Request, context: Context, *, geojson: bool) -> Prepared:
    """Read the parameters of GET /entities/{id}. Raises: InvalidRequest, BadRequestData, OperationNotSupported."""

    def parse() -> Prepared:
        parameters = read_parameters(request, RETRIEVE)
        return Prepared(parameters, parse_representation(parameters, context, geojson=geojson), None)

    return _remember(_retrievals, request, context, geojson, parse)


def prepare_query(request: Request, context: Context, *, geojson: bool) -> Prepared:
    """Read the parameters of GET /entities. Raises: InvalidRequest, BadRequestData, TooManyResults."""

    def parse() -> Prepared:
        parameters = read_parameters(request, QUERY)
        representation = parse_representation(parameters, context, geojson=geojson)
        return Prepared(parameters, representation, parse_query(parameters, context))

    return _remember(_queries, request, context, geojson, parse)


def _remember(
    known: dict[Hashable, Prepared], request: Request, context: Context, geojson: bool, parse: Callable[[], Prepared]
) -> Prepared:
    key = (tuple(request.query), context.key, geojson)
    prepared = known.get(key)
    if prepared is None:
        prepared = parse()
        if sum(len(value) for _, value in request.query) <= MAX_LENGTH:
            if len(known) >= MAX_REMEMBERED:
                known.clear()
            known[key] = prepared
    return prepared
