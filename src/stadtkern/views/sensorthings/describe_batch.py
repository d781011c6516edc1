"""What the route of batches does. Spec: OGC 18-088 11."""

from __future__ import annotations

from typing import Any, Final

from stadtkern.views._http.description import Answer, Body, Example, Operation, Parameter, Schema, Text
from stadtkern.views.sensorthings.batch_multipart import MULTIPART
from stadtkern.views.sensorthings.describe_parts import JSON, TAG, ref

_THING: Final = {"name": "Oven", "description": "The old one"}
_GROUP: Final[dict[str, Any]] = {"atomicityGroup": "oven"}
_TEXT: Final[Schema] = {"type": "string"}
_PREFER: Final = Parameter(
    name="Prefer",
    place="header",
    schema=_TEXT,
    text=Text("continue-on-error=false: end at the first failure", "continue-on-error=false: beim ersten Fehler enden"),
)
SCHEMAS: Final[dict[str, Schema]] = {
    "Batch": {
        "type": "object",
        "required": ["requests"],
        "properties": {
            "requests": {
                "type": "array",
                "maxItems": 1000,
                "items": {
                    "type": "object",
                    "required": ["id", "method", "url"],
                    "properties": {
                        "id": {"type": ["string", "integer"]},
                        "atomicityGroup": _TEXT,
                        "method": _TEXT,
                        "url": _TEXT,
                        "headers": {"type": "object", "additionalProperties": _TEXT},
                        "body": {},
                        "if": _TEXT,
                        "dependsOn": {"type": "array", "items": _TEXT},
                    },
                },
            }
        },
    },
    "BatchAnswer": {
        "type": "object",
        "required": ["responses"],
        "properties": {
            "responses": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "status"],
                    "properties": {
                        "id": _TEXT,
                        "atomicityGroup": _TEXT,
                        "status": {"type": "integer"},
                        "location": {"type": "string", "format": "uri"},
                        "headers": {"type": "object", "additionalProperties": _TEXT},
                        "body": {},
                    },
                },
            }
        },
    },
}
BATCH_OPERATION: Final = Operation(
    id="sendBatch",
    tag=TAG,
    title=Text("Send several requests in one", "Mehrere Anfragen in einer senden"),
    text=Text(
        "As JSON, or as multipart/mixed with a part for each request. They are carried out in order, and each is judged"
        " for what it does. Change sets (a multipart part of parts; requests with one atomicityGroup) are carried out"
        " as a whole or not at all. $id stands for the entity that an earlier request made or found: in addresses, and"
        " as @iot.id in bodies.",
        "Als JSON oder als multipart/mixed mit einem Teil je Anfrage. Sie werden der Reihe nach ausgeführt und einzeln"
        " auf Rechte geprüft. Change-Sets (ein Teil aus Teilen; Anfragen mit derselben atomicityGroup) werden ganz oder"
        " gar nicht ausgeführt. $id steht für die Entität, die eine frühere Anfrage angelegt oder gefunden hat: in"
        " Adressen und als @iot.id.",
    ),
    clause="OGC 18-088 11, OData JSON format 4.01 19",
    parameters=(_PREFER,),
    body=Body(schema=ref("Batch"), media_types=(JSON, MULTIPART)),
    answers=(
        Answer(
            status=200,
            text=Text("The answers, in the order of the requests.", "Die Antworten in der Reihenfolge der Anfragen."),
            schemas={JSON: ref("BatchAnswer"), MULTIPART: _TEXT},
        ),
    ),
    problems=(401, 403, 413, 415),
    example=Example(
        status=200,
        body={
            "requests": [
                {"id": "oven", "method": "get", "url": "Things?$filter=name eq 'Oven'&$select=id&$top=1", **_GROUP},
                {"id": "oven", "method": "post", "url": "Things", "body": _THING, "if": "not $oven", **_GROUP},
                {"id": "2", "method": "get", "url": "$oven/Datastreams"},
            ]
        },
    ),
)
"""A description for ``$batch``."""
