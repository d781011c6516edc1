"""What the operations on entity maps do. Spec: CIM 009 5.14."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from stadtkern.views._http.description import Operation, Operations, Schema, Text
from stadtkern.views.ngsild.consumption_query import QUERY
from stadtkern.views.ngsild.describe_parameters import path_parameter
from stadtkern.views.ngsild.describe_parts import DONE, described, operation
from stadtkern.views.ngsild.describe_schemas import ref
from stadtkern.views.ngsild.entity_map_routes import POST_PARAMETERS
from stadtkern.views.ngsild.temporal_query import QUERY_HISTORY

_TAG: Final = "entityMaps"
_ID: Final = path_parameter(
    "entityMapId",
    "Id of the map",
    "Kennung der Liste",
    {"type": "string", "pattern": "^urn:ngsi-ld:EntityMap:[0-9a-f-]{36}$"},
)
_AT: Final = {"entityMapId": "$map"}
_TYPE: Final = "AirQualityObserved"
_SINCE: Final = {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}
_FIXED: Final = Text("It stays as it is while a reader pages.", "Die Liste bleibt beim Blättern, wie sie ist.")


def _make(
    id: str,
    clause: str,
    title: Text,
    *,
    query: Collection[str],
    example: Mapping[str, Any],
    body: Schema | None = None,
) -> Operation:
    return operation(
        id,
        clause,
        title,
        _FIXED,
        (described(ref("EntityMap"), "The map.", "Die Liste.", status=201),),
        query=query,
        body=body,
        example=example,
        problems=(406,),
        tag=_TAG,
    )


OPERATIONS: Final[Operations] = {
    ("entityMaps",): {
        "GET": _make(
            "makeEntityMap",
            "6.34.3.1",
            Text("List what matches", "Auflisten, was passt"),
            query=QUERY,
            example={"query": {"type": _TYPE}},
        ),
        "POST": _make(
            "makeEntityMapByBody",
            "6.34.3.2",
            Text("List what matches, by a body", "Mit einem Inhalt auflisten, was passt"),
            query=POST_PARAMETERS,
            body=ref("Query"),
            example={"body": {"type": "Query", "entities": [{"type": _TYPE}]}},
        ),
    },
    ("temporal", "entityMaps"): {
        "GET": _make(
            "makePastEntityMap",
            "6.35.3.1",
            Text("List whose history matches", "Auflisten, wessen Geschichte passt"),
            query=QUERY_HISTORY,
            example={"query": {"type": _TYPE, **_SINCE}},
        ),
        "POST": _make(
            "makePastEntityMapByBody",
            "6.35.3.2",
            Text("List whose history matches, by a body", "Mit einem Inhalt auflisten, wessen Geschichte passt"),
            query=POST_PARAMETERS,
            body=ref("TemporalQuery"),
            example={"body": {"type": "Query", "entities": [{"type": _TYPE}], "temporalQ": _SINCE}},
        ),
    },
    ("entityMaps", "*"): {
        "GET": operation(
            "retrieveEntityMap",
            "6.32.3.1",
            Text("Retrieve a map", "Eine Liste abrufen"),
            Text("The entities and where they lie: @none is here.", "Die Entitäten und wo sie liegen: @none ist hier."),
            (described(ref("EntityMap"), "The map.", "Die Liste."),),
            query=("local",),
            path=(_ID,),
            example={"path": _AT},
            problems=(406,),
            tag=_TAG,
        ),
        "PATCH": operation(
            "updateEntityMap",
            "6.32.3.2",
            Text("Let a map live longer or shorter", "Eine Liste länger oder kürzer leben lassen"),
            Text("Other members are ignored.", "Anderes wird nicht beachtet."),
            (DONE,),
            query=("local",),
            path=(_ID,),
            body=ref("EntityMapFragment"),
            patch=True,
            example={"path": _AT, "body": {"expiresAt": "2099-01-01T00:00:00Z"}},
            tag=_TAG,
        ),
        "DELETE": operation(
            "deleteEntityMap",
            "6.32.3.3",
            Text("Delete a map", "Eine Liste löschen"),
            Text("The entities stay.", "Die Entitäten bleiben."),
            (DONE,),
            query=("local",),
            path=(_ID,),
            example={"path": _AT},
            tag=_TAG,
        ),
    },
}
