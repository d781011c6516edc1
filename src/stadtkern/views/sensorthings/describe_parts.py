"""What descriptions of reading and of writing SensorThings share."""

from __future__ import annotations

from typing import Final

from stadtkern.model.sensorthings import TypeName
from stadtkern.views._http.description import Parameter, Schema, Text

TAG: Final = "sensorthings"
JSON: Final = "application/json"


def ref(name: str) -> Schema:
    """Point to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


FILTER: Final = Parameter(
    name="$filter",
    schema={"type": "string"},
    text=Text(
        "Only entities for which this is true: result gt 20 and phenomenonTime ge now() sub duration'P1D'",
        "Nur Entitäten, für die das zutrifft",
    ),
)
ID: Final = Parameter(
    name="id",
    place="path",
    required=True,
    schema={"type": "integer"},
    text=Text("@iot.id of the entity", "@iot.id der Entität"),
)
WAY: Final = Parameter(
    name="way",
    place="path",
    required=True,
    schema={"type": "string"},
    text=Text(
        "A relation or a property, and what follows it: Datastreams, Datastreams(2)/Sensor/name, properties/$value",
        "Eine Beziehung oder Eigenschaft und was darauf folgt: Datastreams, Datastreams(2)/Sensor/name",
    ),
)
EXAMPLES: Final[dict[TypeName, str]] = {
    "Thing": "$thing",
    "Location": "$thing",
    "HistoricalLocation": "1",
    "Datastream": "$datastream",
    "MultiDatastream": "1",
    "Sensor": "2147483647",
    "ObservedProperty": "$observedProperty",
    "Observation": "$observation",
    "FeatureOfInterest": "$thing",
}
