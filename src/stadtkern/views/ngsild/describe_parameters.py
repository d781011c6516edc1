"""Every parameter of the NGSI-LD API, described once. Spec: CIM 009 6.3, 6.4.3.2, 6.18.3.2."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from stadtkern.query.request import DEFAULT_LIMIT, MAX_LIMIT
from stadtkern.views._http.description import Parameter, Schema, Text
from stadtkern.views.ngsild.describe_schemas import INSTANT, NAME, URI

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 100_000}

_QUERY: Final[dict[str, tuple[Schema, str, str]]] = {
    "id": (_TEXT, "Ids, separated by commas", "Kennungen, durch Kommas getrennt"),
    "idPattern": (_TEXT, "Pattern (RE2) that the id matches", "Muster (RE2), dem die Kennung entspricht"),
    "type": (_TEXT, "Types: A,B (or), A;B (and), parentheses", "Typen: A,B (oder), A;B (und), Klammern"),
    "attrs": (
        _TEXT,
        "Attributes that are shown and of which one must exist",
        "Attribute, von denen eines da sein muss",
    ),
    "pick": (_TEXT, "Members to show, such as id,name,owner{name}", "Was gezeigt wird, etwa id,name,owner{name}"),
    "omit": (_TEXT, "Members to leave out", "Was weggelassen wird"),
    "q": (_TEXT, 'Condition on values, such as no2>40;name=="Aasee"', 'Bedingung an Werte, etwa no2>40;name=="Aasee"'),
    "scopeQ": (_TEXT, "Scopes, such as /City/North/#", "Bereiche, etwa /City/North/#"),
    "csf": (_TEXT, "Condition on context sources", "Bedingung an Kontextquellen"),
    "georel": (
        _TEXT,
        "Relation to a geometry, such as near;maxDistance==2000, within, intersects",
        "Beziehung zu einer Geometrie, etwa near;maxDistance==2000, within, intersects",
    ),
    "geometry": (
        {"enum": ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]},
        "Kind of the geometry",
        "Art der Geometrie",
    ),
    "coordinates": (_TEXT, "Its GeoJSON coordinates, longitude first", "Ihre GeoJSON-Koordinaten, Länge zuerst"),
    "geoproperty": (_TEXT, "Attribute that is compared; location", "Verglichenes Attribut; sonst location"),
    "geometryProperty": (_TEXT, "Attribute that is the geometry of a Feature", "Attribut als Geometrie eines Features"),
    "datasetId": (_TEXT, "Instances by dataset, @none is the default one", "Instanzen nach Datensatz, @none: Vorgabe"),
    "deleteAll": (_FLAG, "All instances, whatever their dataset", "Alle Instanzen, gleich welcher datasetId"),
    "lang": (_TEXT, "Language in which LanguageProperties are shown", "Sprache der LanguageProperties"),
    "format": (_TEXT, "normalized, concise or simplified", "normalized, concise oder simplified"),
    "options": (_TEXT, "Options, separated by commas", "Optionen, durch Kommas getrennt"),
    "sysAttrs": (_FLAG, "Show createdAt and modifiedAt", "createdAt und modifiedAt zeigen"),
    "observedAt": (INSTANT, "Time for values that have an old one", "Zeit für Werte, die eine alte haben"),
    "join": ({"enum": ["inline", "flat", "@none"]}, "How linked entities are shown", "Wie verbundene Entitäten kommen"),
    "joinLevel": ({"type": "integer", "minimum": 1, "maximum": 10}, "Down to which level", "Bis zu welcher Tiefe"),
    "containedBy": (_TEXT, "Entities that are not shown again", "Entitäten, die nicht noch einmal kommen"),
    "expandValues": (_TEXT, "Attributes whose values in q are terms", "Attribute, deren Werte in q Begriffe sind"),
    "jsonKeys": (_TEXT, "Attributes whose paths in q lead into JSON", "Attribute, deren Pfade in q in JSON führen"),
    "entityMap": (
        _FLAG,
        "Fix the matches while paging: NGSILD-EntityMap names the map",
        "Treffer beim Blättern festhalten: NGSILD-EntityMap nennt die Liste",
    ),
    "entityMapLifetime": (
        {"type": "string", "format": "duration"},
        "How long the map is to live, such as PT10M",
        "Wie lange die Liste leben soll, etwa PT10M",
    ),
    "splitEntities": (_FLAG, "Accepted; data lie in one place here", "Wird angenommen; Daten liegen hier an einem Ort"),
    "local": (_FLAG, "Only what lies here; without further selectors: everything", "Nur hiesige Daten; allein: alles"),
    "limit": (
        {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "Entities on a page",
        "Entitäten je Seite",
    ),
    "offset": ({"type": "integer", "minimum": 0, "maximum": 1_000_000_000}, "Entities to pass over", "Zu übergehen"),
    "after": (
        _TEXT,
        "Key of a page, as it stands in a Link header",
        "Schlüssel einer Seite, wie er im Link-Header steht",
    ),
    "count": (_FLAG, "Count all matches (NGSILD-Results-Count)", "Alle Treffer zählen (NGSILD-Results-Count)"),
    "orderBy": (_TEXT, "Members, such as name;desc,location;dist-asc", "Reihenfolge, etwa name;desc,location;dist-asc"),
    "collation": (_TEXT, "Language whose order of texts is used", "Sprache, nach der Texte geordnet werden"),
    "orderFrom": (_TEXT, "Coordinates that distances are measured from", "Koordinaten, ab denen gemessen wird"),
    "orderGeometry": (_TEXT, "Kind of their geometry; Point", "Art ihrer Geometrie; sonst Point"),
    "drop": (_TEXT, "Attributes to delete, instead of whole entities", "Nur diese Attribute löschen"),
    "keep": (_TEXT, "Attributes to keep, instead of whole entities", "Alle Attribute außer diesen löschen"),
    "timerel": ({"enum": ["before", "after", "between"]}, "Which part of time", "Welcher Teil der Zeit"),
    "timeAt": (INSTANT, "The time", "Die Zeit"),
    "endTimeAt": (INSTANT, "The end, for between", "Das Ende, bei between"),
    "timeproperty": (
        {"enum": ["observedAt", "createdAt", "modifiedAt", "deletedAt"]},
        "The time that is compared",
        "Die verglichene Zeit",
    ),
    "lastN": (_COUNT, "The latest instances of each attribute", "Die letzten Instanzen je Attribut"),
    "firstN": (_COUNT, "The earliest instances of each attribute", "Die ersten Instanzen je Attribut"),
    "aggrMethods": (_TEXT, "avg, min, max, sum, stddev, sumsq, totalCount, distinctCount", "avg, min, max, sum, …"),
    "aggrPeriodDuration": (_TEXT, "Length of a period, such as PT1H", "Länge eines Zeitabschnitts, etwa PT1H"),
    "details": (_FLAG, "Everything that is known, instead of names", "Alles Bekannte statt nur der Namen"),
    "kind": ({"enum": ["Hosted", "Cached", "ImplicitlyCreated"]}, "Contexts of one kind", "Kontexte einer Art"),
    "reload": (_FLAG, "Download the copy anew instead", "Die Kopie stattdessen neu holen"),
}
QUERY_PARAMETERS: Final = {
    name: Parameter(name=name, schema=schema, text=Text(en, de)) for name, (schema, en, de) in _QUERY.items()
}
"""By name."""

LINK: Final = Parameter(
    name="Link",
    place="header",
    schema=_TEXT,
    text=Text(
        'The @context: <address>; rel="http://www.w3.org/ns/json-ld#context"',
        'Der @context: <Adresse>; rel="http://www.w3.org/ns/json-ld#context"',
    ),
)
TENANT: Final = Parameter(
    name="NGSILD-Tenant",
    place="header",
    schema={"type": "string", "pattern": "^[a-z][a-z0-9_]{0,47}$"},
    text=Text("The tenant; also by the prefix /t/{tenant}", "Der Mandant; auch mit der Vorsilbe /t/{Mandant}"),
)
ENTITY_MAP: Final = Parameter(
    name="NGSILD-EntityMap",
    place="header",
    schema=_TEXT,
    text=Text("Page through this map's entities", "Durch die Entitäten dieser Liste blättern"),
)
PREFER: Final = Parameter(
    name="Prefer",
    place="header",
    schema=_TEXT,
    text=Text(
        "ngsi-ld=1.x: as version 1.x has it; body=json: GeoJSON without @context; instances=N: so many in a history",
        "ngsi-ld=1.x: wie in Version 1.x; body=json: GeoJSON ohne @context; instances=N: so viele je Geschichte",
    ),
)


def query_parameters(names: Collection[str]) -> tuple[Parameter, ...]:
    """Give the descriptions of these parameters, in the order of this module, with the headers of every operation."""
    described = (parameter for name, parameter in QUERY_PARAMETERS.items() if name in names)
    return (*described, LINK, TENANT, *((ENTITY_MAP,) if "entityMap" in names else ()))


def path_parameter(name: str, en: str, de: str, schema: Schema = URI) -> Parameter:
    """Describe a part of the path."""
    return Parameter(name=name, place="path", required=True, schema=schema, text=Text(en, de))


ENTITY_ID: Final = path_parameter("entityId", "Id of the entity, a URI", "Kennung der Entität, eine URI")
ATTRIBUTE: Final = path_parameter("attribute", "Name of the attribute", "Name des Attributs", NAME)
INSTANCE_ID: Final = path_parameter(
    "instanceId",
    "Id of the instance",
    "Kennung der Instanz",
    {"type": "string", "pattern": "^urn:ngsi-ld:instance:[0-9]{1,15}$"},
)
TYPE: Final = path_parameter("type", "Name of the type", "Name des Typs", NAME)
CONTEXT_ID: Final = path_parameter(
    "contextId", "Local id or address", "Lokale Kennung oder Adresse", {"type": "string", "minLength": 1}
)
