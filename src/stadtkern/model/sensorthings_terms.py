"""Which types and attributes SensorThings entities have as NGSI-LD entities: one store, two vocabularies.

An entity belongs to a set by one of these types, whichever standard it was written through. Names that readers of
both standards know are those that NGSI-LD has without any @context: terms of the core one (``description``,
``properties``), else of the default vocabulary (``name``).
"""

from __future__ import annotations

from typing import Final

from stadtkern.model.ids import Iri
from stadtkern.model.sensorthings import TypeName

_SOSA: Final = "http://www.w3.org/ns/sosa/"
_DEFAULT: Final = "https://uri.etsi.org/ngsi-ld/default-context/"

TYPE_IRIS: Final[dict[TypeName, Iri]] = {
    "Thing": Iri(f"{_SOSA}Platform"),
    "Location": Iri("http://purl.org/dc/terms/Location"),
    "Sensor": Iri(f"{_SOSA}Sensor"),
    "ObservedProperty": Iri(f"{_SOSA}ObservableProperty"),
    "FeatureOfInterest": Iri(f"{_SOSA}FeatureOfInterest"),
}
"""The type by which an entity belongs to a set. An entity with an observed attribute is a Thing without it, too."""

NAME: Final = Iri(f"{_DEFAULT}name")
DESCRIPTION: Final = Iri("description")
PROPERTIES: Final = Iri("properties")
"""A core term, too. A JsonProperty: ``properties`` as SensorThings clients wrote it."""
ENCODING_TYPE: Final = Iri(f"{_DEFAULT}encodingType")
METADATA: Final = Iri(f"{_DEFAULT}metadata")
DEFINITION: Final = Iri(f"{_DEFAULT}definition")
LOCATION: Final = Iri("location")
"""The core term: the geometry of a Location, of a FeatureOfInterest, and where a Thing is now."""
RAW_LOCATION: Final = Iri(f"{_DEFAULT}rawLocation")
"""A JsonProperty: ``location`` or ``feature`` as it was written, where it is no plain GeoJSON geometry."""
LOCATIONS: Final = Iri("http://purl.org/dc/terms/spatial")
"""A Thing's observed ListRelationship to its Locations: each instance is a HistoricalLocation."""

NAMES: Final = (
    NAME,
    Iri("https://smartdatamodels.org/name"),
    Iri("https://schema.org/name"),
    Iri("http://schema.org/name"),
    Iri("title"),
)
"""Attributes that name an entity, the first that is there wins."""
DESCRIPTIONS: Final = (
    DESCRIPTION,
    Iri("https://smartdatamodels.org/description"),
    Iri("https://schema.org/description"),
    Iri("http://schema.org/description"),
)

UNKNOWN_SENSOR: Final = 2_147_483_647
"""The id of the Sensor of all series that name none: no entity ever has this number."""
IMPLIED_PROPERTY: Final = 1 << 30
"""Above this lie the ids of ObservedProperties that no entity describes: this plus the number of the attribute."""
