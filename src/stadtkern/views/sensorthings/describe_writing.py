"""What the routes that write SensorThings do. Spec: OGC 18-088 10."""

from __future__ import annotations

from typing import Any, Final

from stadtkern.model.sensorthings import TYPES, EntityType, TypeName
from stadtkern.views._http.description import Answer, Body, Example, Operation, Parameter, Schema, Text
from stadtkern.views.sensorthings.describe_parts import EXAMPLES, FILTER, ID, JSON, TAG, WAY, ref

_PATCH: Final = (JSON, "application/merge-patch+json", "application/json-patch+json")
_PROBLEMS: Final = (401, 403, 404, 405, 413, 415, 429, 501)
_PREFER: Final = Parameter(
    name="Prefer",
    place="header",
    schema={"type": "string"},
    text=Text("return=representation: answer with the entity", "return=representation: mit der Entität antworten"),
)
_LOCATION: Final = {"Location": Text("The address of the entity", "Die Adresse der Entität")}
_PLACE: Final = {"encodingType": "application/geo+json"}
_POINT: Final = {"type": "Point", "coordinates": [10.4, 51.1]}
_NAMED: Final = {"name": "Oven", "description": "The old one"}
_UNIT: Final = {"name": "degree Celsius", "symbol": "°C", "definition": "http://unitsofmeasure.org/ucum.html#Cel"}
_SENSOR: Final = {**_NAMED, "encodingType": "text/html", "metadata": "https://example.org/sensor"}
_PROPERTY: Final = {**_NAMED, "definition": "https://example.org/temperature"}
_STREAM: Final = {
    **_NAMED,
    "unitOfMeasurement": _UNIT,
    "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
    "Sensor": _SENSOR,
    "ObservedProperty": _PROPERTY,
}
_SITE: Final = {**_NAMED, **_PLACE, "location": _POINT}
_BODIES: Final[dict[TypeName, Any]] = {
    "Thing": {**_NAMED, "properties": {"floor": 2}, "Locations": [_SITE], "Datastreams": [_STREAM]},
    "Location": _SITE,
    "HistoricalLocation": {"time": "2026-01-01T00:00:00Z", "Thing": _NAMED, "Locations": [_SITE]},
    "Datastream": {**_STREAM, "Thing": {**_NAMED, "Locations": [_SITE]}},
    "MultiDatastream": {
        **_NAMED,
        "unitOfMeasurements": [_UNIT],
        "multiObservationDataTypes": ["http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"],
        "Thing": _NAMED,
        "Sensor": _SENSOR,
        "ObservedProperties": [_PROPERTY],
    },
    "Sensor": _SENSOR,
    "ObservedProperty": _PROPERTY,
    "Observation": {
        "result": 20.5,
        "phenomenonTime": "2026-01-01T00:00:00Z",
        "Datastream": {**_STREAM, "Thing": {**_NAMED, "Locations": [_SITE]}},
    },
    "FeatureOfInterest": {**_NAMED, **_PLACE, "feature": _POINT},
}
"""Bodies that need nothing that is there already."""
_CHANGED: Final = frozenset({"Thing", "Datastream", "Observation"})
"""Of these the example's data have some that can be changed as a whole and deleted."""


def _operation(
    id: str, title: Text, text: Text, clause: str, answers: tuple[Answer, ...], example: Example, **more: Any
) -> Operation:
    return Operation(
        id=id,
        tag=TAG,
        title=title,
        text=text,
        clause=f"OGC 18-088 {clause}",
        answers=answers,
        example=example,
        problems=_PROBLEMS,
        **more,
    )


def _done(schema: Schema | None, status: int = 200, **more: Any) -> Answer:
    return Answer(status=status, text=Text("Done.", "Getan."), schemas={JSON: schema} if schema else {}, **more)


def _create(type: EntityType) -> Operation:
    return _operation(
        f"create{type.name}",
        Text(f"Create a {type.name}", f"{type.name} anlegen"),
        Text(
            'With all that stands inline in it: everything or nothing. {"@iot.id": 5} links to what exists.',
            'Mit allem, was darin steht: alles oder nichts. {"@iot.id": 5} verweist auf Vorhandenes.',
        ),
        "10.2",
        (_done(ref(type.name), 201, headers=_LOCATION),),
        Example(status=201, headers={"prefer": "return=representation"}, body=_BODIES[type.name]),
        body=Body(schema=ref(type.name)),
        parameters=(_PREFER,),
    )


def _change(type: EntityType) -> Operation:
    return _operation(
        f"change{type.name}",
        Text(f"Change a {type.name}", f"{type.name} ändern"),
        Text(
            "What is given takes the place of what was, links included. Also as a JSON Patch.",
            "Was angegeben ist, tritt an die Stelle des Alten, auch Verweise. Auch als JSON Patch.",
        ),
        "10.3",
        (_done(ref(type.name)),),
        _example(type, {"name": "Stove"} if "name" in type.properties else {}),
        body=Body(schema={"type": ["object", "array"]}, media_types=_PATCH),
        parameters=(ID, _PREFER),
    )


def _replace(type: EntityType) -> Operation:
    whole = {name: value for name, value in _BODIES[type.name].items() if name in type.properties}
    return _operation(
        f"replace{type.name}",
        Text(f"Change a {type.name} as a whole", f"{type.name} im Ganzen ändern"),
        Text(
            "What is left out is reset; links that are left out stay.",
            "Was fehlt, wird zurückgesetzt; Verweise, die fehlen, bleiben.",
        ),
        "10.3.3",
        (_done(ref(type.name)),),
        _example(type, whole),
        body=Body(schema=ref(type.name)),
        parameters=(ID, _PREFER),
    )


def _example(type: EntityType, body: Any = None) -> Example:
    headers = {"prefer": "return=representation"} if body is not None else {}
    if type.name in _CHANGED:
        return Example(status=200, path={"id": EXAMPLES[type.name]}, headers=headers, body=body)
    return Example(status=404, path={"id": "987654"}, headers=headers, body=body)


def _delete(type: EntityType) -> Operation:
    return _operation(
        f"delete{type.name}",
        Text(f"Delete a {type.name}", f"{type.name} löschen"),
        Text("With what cannot be without it.", "Mit dem, was ohne sie nicht sein kann."),
        "10.4",
        (_done(None),),
        _example(type),
        parameters=(ID,),
    )


def _delete_set(type: EntityType) -> Operation:
    return _operation(
        f"delete{type.set}",
        Text(f"Delete the {type.set} that a filter chooses", f"Die {type.set} löschen, die ein Filter auswählt"),
        Text(
            "Each with what cannot be without it; at most 10,000.",
            "Jede mit dem, was ohne sie nicht sein kann; höchstens 10.000.",
        ),
        "10.4",
        (_done(None),),
        Example(status=200, query={"$filter": "id eq 987654"}),
        parameters=(FILTER,),
    )


_ROWS: Final = _operation(
    "createObservations",
    Text("Write rows of Observations", "Zeilen von Observations schreiben"),
    Text(
        "By Datastream; the answer has an address or “error” for each row, in order.",
        "Je Datastream; die Antwort hat für jede Zeile eine Adresse oder „error“, in der Reihenfolge.",
    ),
    "13.3",
    (_done({"type": "array", "items": {"type": "string"}}, 201),),
    Example(
        status=201,
        body=[
            {
                "Datastream": {"@iot.id": 987654},
                "components": ["phenomenonTime", "result"],
                "dataArray": [["2026-01-01T00:00:00Z", 1]],
            }
        ],
    ),
    body=Body(
        schema={
            "type": "array",
            "items": {
                "type": "object",
                "required": ["components", "dataArray"],
                "properties": {
                    "Datastream": {"type": "object"},
                    "MultiDatastream": {"type": "object"},
                    "components": {"type": "array", "items": {"type": "string"}},
                    "dataArray": {"type": "array", "items": {"type": "array"}},
                },
            },
        }
    ),
)


def _part(type: EntityType, id: str, what: Text, text: Text, clause: str, status: int, *types: str) -> Operation:
    """Describe what is written below an entity; the example is a property, which is written with its entity."""
    nothing = Answer(status=204, text=Text("The link is set or removed.", "Der Verweis ist gesetzt oder entfernt."))
    body = Body(schema={"type": ["object", "array"]}, media_types=types) if types else None
    schema: Schema | None = {"type": "object"} if types else None
    return _operation(
        f"{id}{type.name}Part",
        Text(f"{what.en} below one {type.name}", f"Unter {type.name} {what.de}"),
        text,
        clause,
        (_done(schema, status, headers=_LOCATION if status == 201 else {}), nothing),
        Example(
            status=405,
            path={"id": EXAMPLES[type.name], "way": next(iter(type.properties))},
            body={} if types else None,
        ),
        body=body,
        parameters=(ID, WAY, _PREFER) if types else (ID, WAY),
    )


def _parts(type: EntityType) -> dict[str, Operation]:
    """Describe what is written at the relations of an entity and at entities further down."""
    return {
        "POST": _part(
            type,
            "create",
            Text("Create or link", "anlegen oder verknüpfen"),
            Text(
                "At a relation to many: a new entity that is linked to this one. At its $ref: a link to what exists.",
                "An einer Beziehung zu vielen: eine neue Entität. An deren $ref: ein Verweis auf Vorhandenes.",
            ),
            "10.2",
            201,
            JSON,
        ),
        "PATCH": _part(
            type,
            "change",
            Text("Change an entity", "eine Entität ändern"),
            Text("The one that the address leads to.", "Die, zu der die Adresse führt."),
            "10.3",
            200,
            *_PATCH,
        ),
        "PUT": _part(
            type,
            "replace",
            Text("Change an entity as a whole, or a link", "eine Entität im Ganzen oder einen Verweis ändern"),
            Text(
                "The one that the address leads to; at the $ref of a relation to one: another link.",
                "Die, zu der die Adresse führt; am $ref einer Beziehung zu einer: ein anderer Verweis.",
            ),
            "10.3.3",
            200,
            JSON,
        ),
        "DELETE": _part(
            type,
            "delete",
            Text("Delete or unlink", "löschen oder lösen"),
            Text(
                "An entity; the entities of a set that $filter chooses; with $ref, a link that may be missing.",
                "Eine Entität; aus einer Menge die, die $filter auswählt; mit $ref einen Verweis, der fehlen darf.",
            ),
            "10.4",
            200,
        ),
    }


def writing_operations() -> dict[tuple[str, ...], dict[str, Operation]]:
    """Give the operations of all routes that write, by pattern and method."""
    operations: dict[tuple[str, ...], dict[str, Operation]] = {("CreateObservations",): {"POST": _ROWS}}
    for one in TYPES.values():
        operations[(one.set,)] = {"POST": _create(one), "DELETE": _delete_set(one)}
        operations[(f"{one.set}(*)",)] = {"PATCH": _change(one), "PUT": _replace(one), "DELETE": _delete(one)}
        operations[(f"{one.set}(*)", "*")] = _parts(one)
    return operations
