"""What the operations on history do. Spec: CIM 009 5.6.11 to 5.6.16, 5.7.3, 5.7.4, 6.18 to 6.22, 6.24."""

from __future__ import annotations

from typing import Any, Final

from stadtkern.views._http.description import Operation, Operations, Text
from stadtkern.views.ngsild.describe_parameters import ATTRIBUTE, ENTITY_ID, INSTANCE_ID
from stadtkern.views.ngsild.describe_parts import CREATED, DONE, ID, LATER, OTHER, amended, described, operation
from stadtkern.views.ngsild.describe_schemas import array_of, ref
from stadtkern.views.ngsild.temporal_query import QUERY_HISTORY, RETRIEVE_HISTORY
from stadtkern.views.ngsild.temporal_routes import POST_PARAMETERS

_TAG: Final = "history"
_AT: Final = {"entityId": ID}
_AT_NO2: Final = {"entityId": ID, "attribute": "no2"}
_AT_INSTANCE: Final = {**_AT_NO2, "instanceId": "$instance"}
_PAGES: Final = array_of(ref("EntityAnswer"))
_FIXED: Final = described(
    _PAGES, "The histories, and a map was made.", "Die Geschichten, und eine Liste wurde angelegt.", status=201
)
_RANGE: Final = Text("A part of it; Content-Range says which.", "Ein Teil; Content-Range sagt, welcher.")


def _temporal(*given: Any, **named: Any) -> Operation:
    return operation(*given, tag=_TAG, **named)


_ENTITIES: Final = {
    "POST": _temporal(
        "recordHistory",
        "6.18.3.1",
        Text("Record the history of an entity", "Die Geschichte einer Entität aufzeichnen"),
        Text("Attributes are lists of instances.", "Attribute sind Listen von Instanzen."),
        (CREATED, DONE),
        query=("local",),
        body=ref("TemporalEntity"),
        example={"body": {**OTHER, "no2": [OTHER["no2"], LATER]}},
    ),
    "GET": _temporal(
        "queryHistory",
        "6.18.3.2",
        Text("Find histories", "Geschichten finden"),
        Text("Of entities that match, in a part of time.", "Von passenden Entitäten, in einem Teil der Zeit."),
        (
            described(_PAGES, "The histories.", "Die Geschichten."),
            amended(_PAGES),
            _FIXED,
            described(_PAGES, *_RANGE, status=206),
        ),
        query=QUERY_HISTORY,
        example={"query": {"type": "AirQualityObserved", "timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}},
        problems=(406,),
    ),
}
_ENTITY: Final = {
    "GET": _temporal(
        "retrieveHistory",
        "6.19.3.1",
        Text("Retrieve the history of an entity", "Die Geschichte einer Entität abrufen"),
        Text("Raw, as pairs, or aggregated.", "Roh, als Paare oder zusammengefasst."),
        (
            described(ref("EntityAnswer"), "The history.", "Die Geschichte."),
            amended(ref("EntityAnswer")),
            described(ref("EntityAnswer"), *_RANGE, status=206),
        ),
        query=RETRIEVE_HISTORY,
        path=(ENTITY_ID,),
        example={"path": _AT, "query": {"attrs": "no2", "options": "temporalValues"}},
        problems=(406,),
    ),
    "DELETE": _temporal(
        "deleteHistory",
        "6.19.3.2",
        Text("Delete an entity with its history", "Eine Entität samt Geschichte löschen"),
        Text("There is no way back.", "Das ist unwiderruflich."),
        (DONE,),
        query=("local",),
        path=(ENTITY_ID,),
        example={"path": _AT},
    ),
}
_PARTS: Final = {
    "attributes": _temporal(
        "recordAttributes",
        "6.20.3.1",
        Text("Add instances to a history", "Einer Geschichte Instanzen hinzufügen"),
        Text("Also older ones.", "Auch ältere."),
        (DONE,),
        query=("local",),
        path=(ENTITY_ID,),
        body=ref("TemporalFragment"),
        example={"path": _AT, "body": {"no2": [LATER]}},
    ),
    "attribute": _temporal(
        "deleteAttributeHistory",
        "6.21.3.1",
        Text("Delete an attribute from a history", "Ein Attribut aus einer Geschichte löschen"),
        Text("With all its instances.", "Mit allen seinen Instanzen."),
        (DONE,),
        query=("local", "datasetId", "deleteAll"),
        path=(ENTITY_ID, ATTRIBUTE),
        example={"path": _AT_NO2},
    ),
    "patch": _temporal(
        "updateInstance",
        "6.22.3.1",
        Text("Correct an instance", "Eine Instanz berichtigen"),
        Text("One value at one time.", "Einen Wert zu einer Zeit."),
        (DONE,),
        query=("local",),
        path=(ENTITY_ID, ATTRIBUTE, INSTANCE_ID),
        body=ref("AttributeFragment"),
        patch=True,
        example={"path": _AT_INSTANCE, "body": {"value": 19}},
    ),
    "delete": _temporal(
        "deleteInstance",
        "6.22.3.2",
        Text("Delete an instance", "Eine Instanz löschen"),
        Text("One value at one time.", "Einen Wert zu einer Zeit."),
        (DONE,),
        query=("local",),
        path=(ENTITY_ID, ATTRIBUTE, INSTANCE_ID),
        example={"path": _AT_INSTANCE},
    ),
}
_BY_BODY: Final = _temporal(
    "queryHistoryByBody",
    "6.24.3.1",
    Text("Find histories, by a body", "Geschichten mit einem Inhalt finden"),
    Text("What would make the address too long.", "Für das, was als Adresse zu lang wäre."),
    (
        described(_PAGES, "The histories.", "Die Geschichten."),
        amended(_PAGES),
        _FIXED,
        described(_PAGES, *_RANGE, status=206),
    ),
    query=POST_PARAMETERS,
    body=ref("TemporalQuery"),
    example={
        "body": {
            "type": "Query",
            "entities": [{"type": "AirQualityObserved"}],
            "temporalQ": {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"},
        }
    },
    problems=(406,),
)

OPERATIONS: Final[Operations] = {
    ("temporal", "entities"): _ENTITIES,
    ("temporal", "entities", "*"): _ENTITY,
    ("temporal", "entities", "*", "attrs"): {"POST": _PARTS["attributes"]},
    ("temporal", "entities", "*", "attrs", "*"): {"DELETE": _PARTS["attribute"]},
    ("temporal", "entities", "*", "attrs", "*", "*"): {"PATCH": _PARTS["patch"], "DELETE": _PARTS["delete"]},
    ("temporal", "entityOperations", "query"): {"POST": _BY_BODY},
}
