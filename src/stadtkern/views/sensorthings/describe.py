"""What the routes of SensorThings do. Spec: OGC 18-088 9.2, 9.3."""

from __future__ import annotations

from typing import Any, Final

from stadtkern.model.sensorthings import TYPES, EntityType
from stadtkern.views._http.description import (
    Answer,
    Description,
    Example,
    Operation,
    Parameter,
    Schema,
    Tag,
    Text,
)
from stadtkern.views.sensorthings.batch_names import BATCH
from stadtkern.views.sensorthings.describe_batch import BATCH_OPERATION, SCHEMAS
from stadtkern.views.sensorthings.describe_parts import EXAMPLES, FILTER, ID, JSON, TAG, WAY, ref
from stadtkern.views.sensorthings.describe_writing import writing_operations

_PROBLEMS: Final = (401, 403, 404, 501)


def _option(name: str, en: str, de: str, **schema: Any) -> Parameter:
    return Parameter(name=name, schema={"type": "string", **schema}, text=Text(en, de))


_SELECT: Final = _option(
    "$select", "Only these properties and links: name,properties/floor", "Nur diese Eigenschaften und Verweise"
)
_EXPAND: Final = _option(
    "$expand",
    "Related entities in place: Datastreams($select=name;$expand=Observations($top=1;$orderby=phenomenonTime desc))",
    "Zugehörige Entitäten an Ort und Stelle, mit eigenen Optionen in Klammern",
)
_FORMAT: Final = _option(
    "$resultFormat",
    "Another form: dataArray (Observations), CSV, GeoJSON (what has a place)",
    "Eine andere Form: dataArray (Observations), CSV, GeoJSON (was einen Ort hat)",
    enum=["json", "dataArray", "CSV", "GeoJSON"],
)
_METADATA: Final = _option(
    "$resultMetadata",
    "Which links there are: minimal none to related entities, none and off none at all",
    "Welche Verweise es gibt: minimal keine auf Zugehöriges, none und off gar keine",
    enum=["full", "minimal", "none", "off"],
)
_OF_SETS: Final = (
    FILTER,
    _option("$orderby", "In this order: phenomenonTime desc", "In dieser Reihenfolge"),
    Parameter(
        name="$top",
        schema={"type": "integer", "minimum": 0},
        text=Text("Entities of a page: 100 without it, at most 1,000", "Entitäten je Seite, höchstens 1.000"),
    ),
    Parameter(
        name="$skip",
        schema={"type": "integer", "minimum": 0},
        text=Text("So many entities are left out in front", "So viele Entitäten werden vorn ausgelassen"),
    ),
    _option("$skiptoken", "Where a page begins, from @iot.nextLink", "Wo eine Seite beginnt, aus @iot.nextLink"),
    Parameter(
        name="$count",
        schema={"type": "boolean"},
        text=Text("Tell how many match, as @iot.count", "Die Zahl aller Treffer nennen, als @iot.count"),
    ),
)
_PROPERTY: Final = {
    "id": {"type": "integer"},
    "text": {"type": "string"},
    "json": {"type": "object"},
    "any": {},
    "instant": {"type": "string"},
    "interval": {"type": "string"},
    "time": {"type": "string"},
    "geometry": {"type": "object"},
    "list": {"type": "array"},
}
_MISSING: Final = frozenset({"HistoricalLocation", "MultiDatastream"})
"""Of these there are none in the example's data."""


def _schema(type: EntityType) -> Schema:
    """Describe an entity; which members there are depends on ``$select`` and ``$expand``."""
    properties: dict[str, Any] = {"@iot.id": {"type": "integer"}, "@iot.selfLink": {"type": "string", "format": "uri"}}
    for one in type.properties.values():
        schema = _PROPERTY[one.type]
        properties[one.name] = {"anyOf": [schema, {"type": "null"}]} if one.nullable and schema else schema
    for one in type.relations.values():
        properties[f"{one.name}@iot.navigationLink"] = {"type": "string", "format": "uri"}
        target = ref(one.target)
        properties[one.name] = {"type": "array", "items": target} if one.many else target
    return {"type": "object", "properties": properties}


def _set(items: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["value"],
        "properties": {
            "@iot.count": {"type": "integer"},
            "value": {"type": "array", "items": items},
            "@iot.nextLink": {"type": "string", "format": "uri"},
        },
    }


def _operation(
    id: str, title: Text, text: Text, schemas: dict[str, Schema], clause: str, example: Example, *parameters: Parameter
) -> Operation:
    answer = Answer(status=200, text=Text("What was asked for.", "Das Gefragte."), schemas=schemas)
    nothing = Answer(status=204, text=Text("The property is null.", "Die Eigenschaft ist null."))
    return Operation(
        id=id,
        tag=TAG,
        title=title,
        text=text,
        clause=f"OGC 18-088 {clause}",
        parameters=parameters,
        answers=(answer, nothing) if WAY in parameters else (answer,),
        example=example,
        problems=_PROBLEMS,
    )


def _formats(schema: Schema) -> dict[str, Schema]:
    return {JSON: schema, "text/csv": {"type": "string"}, "application/geo+json": {"type": "object"}}


def _read_set(type: EntityType) -> Operation:
    return _operation(
        f"read{type.set}",
        Text(f"Read {type.set}", f"{type.set} lesen"),
        Text("Page by page.", "Seite um Seite."),
        _formats(_set(ref(type.name))),
        "9.2.2, 9.3",
        Example(status=200, query={"$top": "2", "$count": "true"}),
        *_OF_SETS,
        _SELECT,
        _EXPAND,
        _FORMAT,
        _METADATA,
    )


def _read_references(type: EntityType) -> Operation:
    return _operation(
        f"read{type.set}References",
        Text(f"Read the addresses of {type.set}", f"Die Adressen von {type.set} lesen"),
        Text("The addresses alone.", "Nur die Adressen."),
        {JSON: _set(ref("Reference"))},
        "9.2.7",
        Example(status=200),
        *_OF_SETS,
    )


def _example(type: EntityType, **path: str) -> Example:
    return Example(status=404 if type.name in _MISSING else 200, path={"id": EXAMPLES[type.name], **path})


def _read_one(type: EntityType) -> Operation:
    return _operation(
        f"read{type.name}",
        Text(f"Read one {type.name}", f"{type.name} lesen"),
        Text("By its id.", "Nach der Kennung."),
        _formats(ref(type.name)),
        "9.2.3",
        _example(type),
        ID,
        _SELECT,
        _EXPAND,
        _FORMAT,
        _METADATA,
    )


def _read_part(type: EntityType) -> Operation:
    return _operation(
        f"read{type.name}Part",
        Text(f"Read what belongs to one {type.name}", f"Lesen, was zu {type.name} gehört"),
        Text(
            "A property ({name: value}), its bare value (name/$value), a related entity or set, or its addresses"
            " ($ref). Addresses may be as deep as one likes; sets take all options of sets.",
            "Eine Eigenschaft, ihr bloßer Wert (name/$value), Zugehöriges oder dessen Adressen ($ref). Adressen dürfen"
            " beliebig tief sein.",
        ),
        {**_formats({"type": ["object", "array"]}), "text/plain": {"type": "string"}},
        "9.2.4 to 9.2.8",
        _example(type, way=next(iter(type.relations))),
        ID,
        WAY,
        *_OF_SETS,
        _SELECT,
        _EXPAND,
        _FORMAT,
        _METADATA,
    )


_ROOT: Final = _operation(
    "readSensorThings",
    Text("Read which sets there are", "Lesen, welche Mengen es gibt"),
    Text("And which requirements of the standard are met.", "Und welche Anforderungen der Norm erfüllt sind."),
    {JSON: ref("SensorThings")},
    "9.2.1",
    Example(status=200),
)


def _operations() -> dict[tuple[str, ...], dict[str, Operation]]:
    """Give the operations of all routes."""
    operations: dict[tuple[str, ...], dict[str, Operation]] = {(): {"GET": _ROOT}}
    for one in TYPES.values():
        operations[(one.set,)] = {"GET": _read_set(one)}
        operations[(one.set, "$ref")] = {"GET": _read_references(one)}
        operations[(f"{one.set}(*)",)] = {"GET": _read_one(one)}
        operations[(f"{one.set}(*)", "*")] = {"GET": _read_part(one)}
    for pattern, methods in writing_operations().items():
        operations.setdefault(pattern, {}).update(methods)
    return operations


DESCRIPTION: Final = Description(
    tags=(
        Tag(
            name=TAG,
            title=Text("SensorThings", "SensorThings"),
            text=Text(
                "OGC SensorThings 1.1 over the same data: every observed attribute is a Datastream.",
                "OGC SensorThings 1.1 über denselben Daten: Jedes beobachtete Attribut ist ein Datastream.",
            ),
        ),
    ),
    schemas={
        "SensorThings": {
            "type": "object",
            "required": ["value", "serverSettings"],
            "properties": {
                "value": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "url"],
                        "properties": {"name": {"type": "string"}, "url": {"type": "string", "format": "uri"}},
                    },
                },
                "serverSettings": {"type": "object"},
            },
        },
        "Reference": {
            "type": "object",
            "required": ["@iot.selfLink"],
            "properties": {"@iot.selfLink": {"type": "string", "format": "uri"}},
        },
        **{one.name: _schema(one) for one in TYPES.values()},
        **SCHEMAS,
    },
    operations={**_operations(), (BATCH,): {"POST": BATCH_OPERATION}},
)
