"""The NGSI-LD core contexts, built in: nobody needs a network to read them, and nothing is fetched at start.

Written as tables of our own: what each version of the standard names, and how it coerces values.
Spec: CIM 009 4.4 (core @context), annex B (normative content of the core @context).
"""

from __future__ import annotations

from functools import cache
from typing import Final, cast

from stadtkern.jsonld.definition import DEFAULT_VOCABULARY, ContextReference, DefinitionBuilder, Definitions
from stadtkern.model.json import JSONValue

NGSI_LD: Final = "https://uri.etsi.org/ngsi-ld/"
GEOJSON: Final = "https://purl.org/geojson/vocab#"
_DCTERMS: Final = "http://purl.org/dc/terms/"

CORE_VERSION: Final = "1.9"
CORE_CONTEXT_URL: Final = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
"""The core context this server works with; older ones that clients name add nothing to it."""

_SINCE: Final = {
    "1.3": """
        Attribute AttributeList ContextSourceNotification ContextSourceRegistration Date DateTime EntityType
        EntityTypeInfo EntityTypeList Feature FeatureCollection GeoProperty GeometryCollection LineString
        MultiLineString MultiPoint MultiPolygon Notification Point Polygon Property Relationship Subscription
        TemporalProperty Time accept attributeCount attributeDetails attributeList attributeName attributeNames
        attributeTypes attributes bbox coordinates createdAt csf data datasetId description detail endAt endTimeAt
        endpoint entities entityCount entityId error errors expiresAt features format geoQ geometry geoproperty georel
        idPattern information instanceId isActive lastFailure lastNotification lastSuccess location managementInterval
        modifiedAt notification notifiedAt object objects observationInterval observationSpace observedAt
        operationSpace properties propertyNames q reason registrationName relationshipNames startAt status
        subscriptionId subscriptionName success temporalQ throttling timeAt timeInterval timeproperty timerel
        timesSent title triggerReason typeList typeName typeNames unchanged unitCode updated uri value values
        watchedAttributes
        """,
    "1.4": "avg distinctCount max min stddev sum sumsq totalCount",
    "1.5": "LanguageProperty attrs lang languageMap scope scopeQ tenant",
    "1.6": """
        cacheDuration contextSourceInfo cooldown deletedAt key languageMaps localOnly management mode
        notificationTrigger notifierInfo notUpdated operations previousLanguageMap previousObject previousValue
        receiverInfo refreshRate registrationId showChanges sysAttrs timeout timesFailed
        """,
    "1.7": "dataset previousVocab vocab vocabs",
    "1.8": """
        ContextSourceIdentity JsonProperty ListProperty ListRelationship VocabProperty containedBy contextSourceAlias
        contextSourceExtras contextSourceTimeAt contextSourceUptime entity entityList entityMap expandValues join
        joinLevel json jsonKeys jsons linkedMaps objectList objectType omit pick previousJson previousObjectList
        previousValueList valueList valueLists
        """,
    "1.9": """
        EntityMap ExecutionResultDetails Snapshot SnapshotNotification aggrMethods aggrParams aggrPeriodDuration
        collation entityMapLifetime jsonldContext langString lastN lastUsedAt ngsildConformance ngsildproof objectLists
        orderBy ordering problemDetails resultStatus snapshotId snapshotLifetime snapshotPriority snapshotQueries
        snapshotQueriesDetails snapshotStatus snapshotTemporalQueries snapshotTemporalQueriesDetails splitEntities
        valueType
        """,
}
"""Which version of the core context brought a term."""

_OTHER_NAMES: Final = {
    "containedBy": "isContainedBy",
    "dataset": "hasDataset",
    "entityMap": "hasEntityMap",
    "entityMapLifetime": "hasEntityMapLifetime",
    "joinLevel": "hasJoinLevel",
    "json": "hasJSON",
    "key": "hasKey",
    "languageMap": "hasLanguageMap",
    "languageMaps": "hasLanguageMaps",
    "object": "hasObject",
    "objectList": "hasObjectList",
    "objectLists": "hasObjectLists",
    "objects": "hasObjects",
    "objectType": "hasObjectType",
    "previousJson": "hasPreviousJson",
    "previousLanguageMap": "hasPreviousLanguageMap",
    "previousObject": "hasPreviousObject",
    "previousObjectList": "hasPreviousObjectList",
    "previousValue": "hasPreviousValue",
    "previousValueList": "hasPreviousValueList",
    "previousVocab": "hasPreviousVocab",
    "splitEntities": "hasSplitEntities",
    "value": "hasValue",
    "valueList": "hasValueList",
    "valueLists": "hasValueLists",
    "values": "hasValues",
    "valueType": "hasValueType",
    "vocab": "hasVocab",
    "vocabs": "hasVocabs",
}
"""Terms whose IRI ends in another word."""

_GEOJSON_TERMS: Final = frozenset(
    {"Feature", "FeatureCollection", "GeometryCollection", "LineString", "MultiLineString", "MultiPoint"}
    | {"MultiPolygon", "Point", "Polygon", "bbox", "coordinates", "features", "geometry", "properties"}
)

_COERCED: Final = {
    "DateTime": """
        contextSourceTimeAt createdAt deletedAt endAt endTimeAt expiresAt lastFailure lastNotification lastSuccess
        lastUsedAt modifiedAt notifiedAt observedAt startAt timeAt
        """,
    "@id": "datasetId entityId instanceId object previousObject subscriptionId success tenant",
    "@vocab": """
        attributeList attributeName attributeNames attributeTypes attributes objectType previousVocab propertyNames
        relationshipNames typeList typeName typeNames valueType vocab watchedAttributes
        """,
    "@json": "contextSourceExtras json previousJson problemDetails",
}
_CONTAINERS: Final = {
    "@list": """
        avg bbox coordinates distinctCount entityList jsons languageMaps max min objectList objectLists objects orderBy
        previousObjectList previousValueList snapshotQueries snapshotQueriesDetails snapshotTemporalQueries
        snapshotTemporalQueriesDetails stddev sum sumsq totalCount valueList valueLists values vocabs
        """,
    "@index": "dataset entityMap",
    "@language": "languageMap previousLanguageMap",
    "@set": "features",
}

_DIFFERENT: Final[dict[str, dict[str, JSONValue]]] = {
    version: {"attributeCount": "attributeCount", "attributeDetails": "attributeDetails"}
    for version in ("1.3", "1.4", "1.8")
}
"""Terms that a version defines otherwise than version 1.9, or that were given up later."""
for _version in ("1.3", "1.4", "1.5"):
    _DIFFERENT.setdefault(_version, {})["objects"] = {
        "@id": "ngsi-ld:hasObjects",
        "@type": "@id",
        "@container": "@list",
    }
_DIFFERENT["1.7"] = {"VocabularyProperty": "ngsi-ld:VocabularyProperty"}
_DIFFERENT["1.8"] |= {
    "entityMap": "ngsi-ld:hasEntityMap",
    "geometryProperty": "geojson:geometryProperty",
    "objectsLists": {"@id": "ngsi-ld:hasObjectsLists", "@container": "@list"},
}

CORE_VERSIONS: Final = tuple(_SINCE)


def _address_table() -> dict[str, str]:
    """Map every address of a core context to the version it stands for; what is not here has to be downloaded."""
    suffixes = {f"-v{version}": version for version in CORE_VERSIONS}
    suffixes[""] = CORE_VERSION
    # The versions before 1.3 differ from it in terms which the present core context overrides anyway.
    suffixes |= {f"-v1.{minor}": "1.3" for minor in range(3)}
    return {
        f"{scheme}://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context{suffix}.jsonld": version
        for scheme in ("https", "http")
        for suffix, version in suffixes.items()
    }


_ADDRESSES: Final = _address_table()
CORE_ADDRESSES: Final = tuple(_ADDRESSES)
"""All addresses whose contexts are built in."""


def core_version(address: str) -> str | None:
    """Give the version of the core context at this very address; None for any other address."""
    return _ADDRESSES.get(address)


def is_core_address(address: str) -> bool:
    """Tell whether the address is that of a built-in core context."""
    return address in _ADDRESSES


@cache
def core_document(version: str = CORE_VERSION) -> dict[str, JSONValue]:
    """Write a core context as the JSON-LD document it is, without scoped contexts. version: ``1.3`` to ``1.9``."""
    terms: dict[str, JSONValue] = {"@version": 1.1, "@protected": True} if version in ("1.8", "1.9") else {}
    terms |= {"ngsi-ld": NGSI_LD, "geojson": GEOJSON, "id": "@id", "type": "@type"}
    for brought in CORE_VERSIONS[: CORE_VERSIONS.index(version) + 1]:
        terms |= {name: _render_term(name) for name in _SINCE[brought].split()}
    terms |= _DIFFERENT.get(version, {})
    terms["@vocab"] = DEFAULT_VOCABULARY
    return {"@context": terms}


def _render_term(name: str) -> JSONValue:
    iri = f"{'geojson' if name in _GEOJSON_TERMS else 'ngsi-ld'}:{_OTHER_NAMES.get(name, name)}"
    if name in ("description", "title"):
        iri = _DCTERMS + name
    elif name == "langString":
        iri = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
    extra = {"@type": _lookup(_COERCED, name), "@container": _lookup(_CONTAINERS, name)}
    present = {member: value for member, value in extra.items() if value is not None}
    return {"@id": iri, **present} if present else iri


def _lookup(table: dict[str, str], name: str) -> str | None:
    for value, names in table.items():
        if name in names.split():
            return value
    return None


@cache
def _definitions(version: str) -> Definitions:
    builder = DefinitionBuilder({}, lambda _: None, {})
    builder.add(cast("ContextReference", core_document(version)["@context"]))
    return builder.definitions


def embedded_definitions(address: str) -> Definitions | None:
    """Give the terms of the core context at this very address; None for any other address."""
    version = _ADDRESSES.get(address)
    return None if version is None else _definitions(version)


CORE_TERMS: Final = _definitions(CORE_VERSION)
"""The core terms; in every context they mean the same."""
CORE_NAMES: Final = {definition.iri: name for name, definition in CORE_TERMS.items()}
"""The short names of core IRIs (and of ``@id`` and ``@type``)."""
CORE_PREFIXES: Final = {name: definition.iri for name, definition in CORE_TERMS.items() if definition.prefix}
