"""The JSON of the NGSI-LD API as JSON Schema: what clients may send, and the shape of what they get.

Schemas of what is sent are the normalized and concise forms; answers are looser, since ``pick``, ``format`` and
``options`` decide about their members. Spec: CIM 009 5.2.
"""

from __future__ import annotations

from typing import Any, Final

from stadtkern.views._http.description import Schema
from stadtkern.views.ngsild.parse_node import MAX_BATCH

URI: Final[Schema] = {"type": "string", "format": "iri", "maxLength": 1000}
INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
NAME: Final[Schema] = {
    "type": "string",
    "pattern": '^([A-Za-z_][A-Za-z0-9_-]*(:[A-Za-z_][A-Za-z0-9_-]*)?|https?://[^\\s<>"{}|^`\\\\]+)$',
    "description": "A term or an IRI; prefixed names and letters of all languages are accepted, too",
}
TEXTS: Final[Schema] = {"type": "array", "items": {"type": "string"}}
_POSITION: Final[Schema] = {
    "type": "array",
    "description": "Longitude, latitude, and perhaps height",
    "prefixItems": [
        {"type": "number", "minimum": -180, "maximum": 180},
        {"type": "number", "minimum": -90, "maximum": 90},
        {"type": "number"},
    ],
    "minItems": 2,
    "maxItems": 3,
}


def ref(name: str) -> Schema:
    """Point to a schema of the description."""
    return {"$ref": f"#/components/schemas/{name}"}


def array_of(schema: Schema) -> Schema:
    """Describe an array."""
    return {"type": "array", "items": schema}


def batch_of(schema: Schema) -> Schema:
    """Describe the body of a batch operation."""
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": MAX_BATCH}


def one_or_more(schema: Schema) -> Schema:
    """Describe a value, or an array of such values."""
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


def _object(required: list[str], properties: dict[str, Any], **more: Any) -> Schema:
    return {"type": "object", "required": required, "properties": properties, **more}


def _attribute(kind: str, member: str, value: Schema) -> Schema:
    members = {"type": {"const": kind}, member: value, "datasetId": URI, "observedAt": INSTANT}
    return _object(["type", member], members)


def _positions(levels: int) -> Schema:
    schema: Schema = _POSITION
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def _geometry(kind: str, levels: int) -> Schema:
    return _object(["type", "coordinates"], {"type": {"const": kind}, "coordinates": _positions(levels)})


_MULTI_STATUS: Final[dict[str, Schema]] = {
    "BatchOperationResult": _object(
        ["success", "errors"],
        {
            "success": {**TEXTS, "description": "Ids of what was written"},
            "errors": array_of(
                _object(["entityId", "error"], {"entityId": {"type": "string"}, "error": ref("ProblemDetails")})
            ),
        },
    ),
    "UpdateResult": _object(
        ["updated", "notUpdated"],
        {
            "updated": TEXTS,
            "notUpdated": array_of(
                _object(
                    ["attributeName", "reason"], {"attributeName": {"type": "string"}, "reason": {"type": "string"}}
                )
            ),
        },
    ),
}
_ATTRIBUTES: Final[dict[str, Schema]] = {
    "Property": _attribute("Property", "value", {"not": {"type": "null"}}),
    "Relationship": _attribute("Relationship", "object", one_or_more(URI)),
    "GeoProperty": _attribute("GeoProperty", "value", ref("Geometry")),
    "LanguageProperty": _attribute(
        "LanguageProperty",
        "languageMap",
        {"type": "object", "minProperties": 1, "additionalProperties": one_or_more({"type": "string"})},
    ),
    "VocabProperty": _attribute("VocabProperty", "vocab", one_or_more(NAME)),
    "JsonProperty": _attribute("JsonProperty", "json", {"type": ["object", "array"]}),
    "ListProperty": _attribute("ListProperty", "valueList", {"type": "array"}),
    "ListRelationship": _attribute("ListRelationship", "objectList", array_of(_object(["object"], {"object": URI}))),
    "Attribute": {
        "anyOf": [
            ref("Property"),
            ref("Relationship"),
            ref("GeoProperty"),
            ref("LanguageProperty"),
            ref("VocabProperty"),
            ref("JsonProperty"),
            ref("ListProperty"),
            ref("ListRelationship"),
        ]
    },
    "AttributeFragment": _object([], {"observedAt": INSTANT, "datasetId": URI}, minProperties=1),
    "Geometry": {
        "oneOf": [
            _geometry("Point", 0),
            _geometry("MultiPoint", 1),
            _geometry("LineString", 1),
            _geometry("MultiLineString", 2),
            _geometry("Polygon", 2),
            _geometry("MultiPolygon", 3),
        ]
    },
}
_TYPE: Final[Schema] = one_or_more(NAME)
_SCOPE: Final[Schema] = one_or_more({"type": "string", "pattern": "^/?[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*$"})
_CONTEXT: Final[Schema] = {"type": ["string", "object", "array"], "description": "In application/ld+json only"}
_INSTANCES: Final[Schema] = one_or_more(ref("Attribute"))
_MEMBERS: Final[dict[str, Any]] = {"id": URI, "type": _TYPE, "scope": _SCOPE, "@context": _CONTEXT}
_ENTITIES: Final[dict[str, Schema]] = {
    "Entity": _object(["id", "type"], {**_MEMBERS, "expiresAt": INSTANT}, additionalProperties=_INSTANCES),
    "EntityFragment": _object([], {**_MEMBERS, "expiresAt": INSTANT}, additionalProperties=_INSTANCES, minProperties=1),
    "TemporalEntity": _object(["id", "type"], _MEMBERS, additionalProperties=_INSTANCES),
    "TemporalFragment": _object([], _MEMBERS, additionalProperties=_INSTANCES, minProperties=1),
    "EntityAnswer": _object(
        [],
        {"id": URI, "type": one_or_more({"type": "string"})},
        description="An entity, in the form that the request asked for",
    ),
    "Feature": _object(
        ["type"],
        {"type": {"const": "Feature"}, "id": URI, "geometry": {"type": ["object", "null"]}, "properties": {}},
    ),
    "FeatureCollection": _object(
        ["type", "features"], {"type": {"const": "FeatureCollection"}, "features": array_of(ref("Feature"))}
    ),
}
_SELECTOR: Final[Schema] = _object(
    ["type"],
    {"type": {"type": "string"}, "id": one_or_more(URI), "idPattern": {"type": "string"}},
    additionalProperties=False,
)
GEO_QUERY: Final[Schema] = _object(
    ["georel", "geometry", "coordinates"],
    {
        "georel": {"type": "string"},
        "geometry": {"type": "string"},
        "coordinates": {"type": ["array", "string"]},
        "geoproperty": {"type": "string"},
    },
    additionalProperties=False,
)
_TEMPORAL_QUERY: Final[Schema] = _object(
    ["timerel", "timeAt"],
    {
        "timerel": {"enum": ["before", "after", "between"]},
        "timeAt": INSTANT,
        "endTimeAt": INSTANT,
        "timeproperty": {"enum": ["observedAt", "createdAt", "modifiedAt", "deletedAt"]},
        "lastN": {"type": "integer", "minimum": 1},
        "firstN": {"type": "integer", "minimum": 1},
        "aggrMethods": one_or_more({"type": "string"}),
        "aggrPeriodDuration": {"type": "string"},
    },
)
_QUERY: Final[dict[str, Any]] = {
    "type": {"const": "Query"},
    "entities": {"type": "array", "items": _SELECTOR, "minItems": 1, "maxItems": 1000},
    "attrs": TEXTS,
    "pick": TEXTS,
    "omit": TEXTS,
    "q": {"type": "string"},
    "scopeQ": {"type": "string"},
    "geoQ": GEO_QUERY,
    "lang": {"type": "string"},
    "ordering": _object(["orderBy"], {"orderBy": one_or_more({"type": "string"})}),
    "@context": _CONTEXT,
}
_QUERIES: Final[dict[str, Schema]] = {
    "Query": _object(["type"], _QUERY),
    "TemporalQuery": _object(["type", "temporalQ"], {**_QUERY, "temporalQ": _TEMPORAL_QUERY}),
}
_NAMED: Final[dict[str, Any]] = {"id": URI, "type": {"type": "string"}}
_DISCOVERY: Final[dict[str, Schema]] = {
    "EntityTypeList": _object(["id", "type", "typeList"], {**_NAMED, "typeList": TEXTS}),
    "EntityType": _object(
        ["id", "type", "typeName"], {**_NAMED, "typeName": {"type": "string"}, "attributeNames": TEXTS}
    ),
    "EntityTypeInfo": _object(
        ["id", "type", "typeName", "entityCount", "attributeDetails"],
        {
            **_NAMED,
            "typeName": {"type": "string"},
            "entityCount": {"type": "integer", "minimum": 0},
            "attributeDetails": array_of(ref("AttributeInfo")),
        },
    ),
    "AttributeList": _object(["id", "type", "attributeList"], {**_NAMED, "attributeList": TEXTS}),
    "AttributeInfo": _object(
        ["id", "type", "attributeName"],
        {
            **_NAMED,
            "attributeName": {"type": "string"},
            "attributeCount": {"type": "integer", "minimum": 0},
            "attributeTypes": TEXTS,
            "typeNames": TEXTS,
        },
    ),
}
_CONTEXTS: Final[dict[str, Schema]] = {
    "ContextDocument": _object(["@context"], {"@context": {"type": ["string", "object", "array"]}}),
    "ContextDetails": _object(
        ["URL", "localId", "kind", "createdAt", "numberOfHits"],
        {
            "URL": {"type": "string"},
            "localId": {"type": "string"},
            "kind": {"enum": ["Hosted", "Cached", "ImplicitlyCreated"]},
            "createdAt": INSTANT,
            "lastUsage": INSTANT,
            "numberOfHits": {"type": "integer", "minimum": 0},
        },
    ),
}

_ENTITY_MAPS: Final[dict[str, Schema]] = {
    "EntityMap": _object(
        ["id", "type", "expiresAt", "entityMap"],
        {
            "id": URI,
            "type": {"const": "EntityMap"},
            "expiresAt": INSTANT,
            "entityMap": {"type": "object", "additionalProperties": TEXTS},
        },
    ),
    "EntityMapFragment": _object(["expiresAt"], {"expiresAt": INSTANT}),
}
_INFO: Final[dict[str, Schema]] = {
    "ContextSourceIdentity": _object(
        ["id", "type", "contextSourceAlias", "contextSourceUptime", "contextSourceTimeAt"],
        {
            "id": URI,
            "type": {"const": "ContextSourceIdentity"},
            "contextSourceAlias": {"type": "string"},
            "contextSourceUptime": {"type": "string", "format": "duration"},
            "contextSourceTimeAt": INSTANT,
        },
    ),
}

SCHEMAS: Final[dict[str, Schema]] = {
    **_MULTI_STATUS,
    **_ATTRIBUTES,
    **_ENTITIES,
    **_QUERIES,
    **_DISCOVERY,
    **_CONTEXTS,
    **_ENTITY_MAPS,
    **_INFO,
}
