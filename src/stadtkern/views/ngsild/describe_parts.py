"""What the descriptions of several operations have in common: bodies, answers, the data of the examples."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from stadtkern.views._http.description import Answer, Body, Example, Operation, Parameter, Schema, Text
from stadtkern.views.ngsild.describe_parameters import PREFER, query_parameters
from stadtkern.views.ngsild.describe_schemas import ref

JSON: Final = "application/json"
LD_JSON: Final = "application/ld+json"
GEO_JSON: Final = "application/geo+json"
BODIES: Final = (JSON, LD_JSON)
PATCH_BODIES: Final = (JSON, LD_JSON, "application/merge-patch+json")

ID: Final = "urn:ngsi-ld:AirQualityObserved:aasee"
"""The entity that is there before every example."""
LOCATION: Final = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [7.61, 51.95]}}
NO2: Final = {"type": "Property", "value": 18.5, "unitCode": "GQ", "observedAt": "2026-03-01T12:00:00Z"}
NAME: Final = {"type": "Property", "value": "Aasee"}
ENTITY: Final[dict[str, Any]] = {
    "id": ID,
    "type": "AirQualityObserved",
    "name": NAME,
    "location": LOCATION,
    "no2": NO2,
}
OTHER: Final[dict[str, Any]] = {**ENTITY, "id": "urn:ngsi-ld:AirQualityObserved:harbour"}
LATER: Final = {**NO2, "value": 21.0, "observedAt": "2026-03-01T13:00:00Z"}

DONE: Final = Answer(status=204, text=Text("Done.", "Erledigt."))
CREATED: Final = Answer(
    status=201,
    text=Text("It was created.", "Sie wurde angelegt."),
    headers={"Location": Text("Its address", "Ihre Adresse")},
)
PARTLY_UPDATED: Final = Answer(
    status=207,
    text=Text("Some attributes were not written.", "Manche Attribute wurden nicht geschrieben."),
    schemas={JSON: ref("UpdateResult")},
)
PARTLY: Final = Answer(
    status=207,
    text=Text("Some were written, others failed.", "Manche wurden geschrieben, andere nicht."),
    schemas={JSON: ref("BatchOperationResult")},
)
COUNTED: Final = {
    "Link": Text("Where the @context and the pages around are", "Wo @context und Nachbarseiten sind"),
    "NGSILD-Results-Count": Text("All matches, where they were asked for", "Alle Treffer, wo danach gefragt war"),
}


def described(schema: Schema, en: str, de: str, *, geojson: Schema | None = None, status: int = 200) -> Answer:
    """Describe an answer with a body in the usual media types."""
    schemas: dict[str, Schema] = {JSON: schema, LD_JSON: schema}
    if geojson is not None:
        schemas[GEO_JSON] = geojson
    return Answer(status=status, text=Text(en, de), schemas=schemas, headers=COUNTED)


def amended(schema: Schema, *, geojson: Schema | None = None) -> Answer:
    """Describe an answer that was changed to be like one of an earlier version. Spec: CIM 009 6.3.18."""
    return described(
        schema,
        "The same as a reader of the preferred version knows it.",
        "Dasselbe, wie es die gewünschte Version kennt.",
        geojson=geojson,
        status=203,
    )


def operation(
    id: str,
    clause: str,
    title: Text,
    text: Text,
    answers: tuple[Answer, ...],
    *,
    query: Collection[str] = (),
    path: tuple[Parameter, ...] = (),
    body: Schema | None = None,
    patch: bool = False,
    example: Mapping[str, Any] | None = None,
    status: int | None = None,
    problems: tuple[int, ...] = (),
    tag: str = "entities",
) -> Operation:
    """Describe an operation of CIM 009. patch: merge patches are read, too. example: members of the Example."""
    bodies = PATCH_BODIES if patch else BODIES
    more = (409, 413, 415, 422, 429, 504) if body is not None else (504,)
    return Operation(
        id=id,
        tag=tag,
        title=title,
        text=text,
        clause=f"CIM 009 {clause}",
        parameters=(*path, *query_parameters(query), *((PREFER,) if any(one.status == 203 for one in answers) else ())),
        body=None if body is None else Body(schema=body, media_types=bodies),
        answers=answers,
        example=Example(status=status or answers[0].status, **(example or {})),
        problems=tuple(sorted({*more, *problems, 401, 403, 404})),
    )
