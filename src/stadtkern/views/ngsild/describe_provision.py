"""What the operations that write entities do. Spec: CIM 009 5.6, 6.4 to 6.7, 6.14 to 6.17, 6.31."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Operation, Operations, Text
from stadtkern.views.ngsild.describe_parameters import ATTRIBUTE, ENTITY_ID
from stadtkern.views.ngsild.describe_parts import (
    CREATED,
    DONE,
    ENTITY,
    ID,
    LATER,
    NAME,
    OTHER,
    PARTLY,
    PARTLY_UPDATED,
    described,
    operation,
)
from stadtkern.views.ngsild.describe_schemas import TEXTS, URI, batch_of, ref
from stadtkern.views.ngsild.entity_filter import SELECTORS

_ONE: Final = ("type", "local")
_UPDATED: Final = (DONE, PARTLY_UPDATED)
_AT: Final = {"entityId": ID}
_AT_NO2: Final = {"entityId": ID, "attribute": "no2"}
_BATCH: Final = "batches"
_ALL_CREATED: Final = described(TEXTS, "The ids of what was created.", "Die Kennungen des Angelegten.", status=201)


def _empty_id(id: str) -> Operation:
    return operation(
        id,
        "5.6.17.4, 5.6.18.4",
        Text("An address without an id", "Eine Adresse ohne Kennung"),
        Text("Always refused: name the entity.", "Wird immer abgelehnt: die Entität fehlt."),
        (),
        status=400,
    )


_ENTITIES: Final = {
    "POST": operation(
        "createEntity",
        "6.4.3.1",
        Text("Create an entity", "Eine Entität anlegen"),
        Text("In normalized or concise form.", "In normalisierter oder knapper Form."),
        (CREATED,),
        query=("local",),
        body=ref("Entity"),
        example={"body": OTHER},
    ),
    "DELETE": operation(
        "purgeEntities",
        "6.4.3.3",
        Text("Delete all entities that match", "Alle passenden Entitäten löschen"),
        Text(
            "Or some of their attributes. Needs a selector; local=true alone means everything.",
            "Oder einige ihrer Attribute. Braucht eine Auswahl; local=true allein heißt alles.",
        ),
        (DONE, PARTLY),
        query=(*SELECTORS, "expandValues", "jsonKeys", "local", "csf", "drop", "keep"),
        example={"query": {"type": "AirQualityObserved", "q": "no2>100"}},
    ),
    "PUT": _empty_id("replaceWithoutId"),
    "PATCH": _empty_id("mergeWithoutId"),
}
_ENTITY: Final = {
    "PUT": operation(
        "replaceEntity",
        "6.5.3.3",
        Text("Replace an entity", "Eine Entität ersetzen"),
        Text("All its attributes are replaced by those of the body.", "Alle Attribute werden durch die neuen ersetzt."),
        _UPDATED,
        query=_ONE,
        path=(ENTITY_ID,),
        body=ref("EntityFragment"),
        example={"path": _AT, "body": ENTITY},
    ),
    "PATCH": operation(
        "mergeEntity",
        "6.5.3.4",
        Text("Merge into an entity", "In eine Entität einfügen"),
        Text(
            "Members of the body are merged; urn:ngsi-ld:null deletes.",
            "Angaben werden eingefügt; urn:ngsi-ld:null löscht.",
        ),
        _UPDATED,
        query=(*_ONE, "format", "options", "lang", "observedAt"),
        path=(ENTITY_ID,),
        body=ref("EntityFragment"),
        patch=True,
        example={"path": _AT, "body": {"no2": LATER}},
    ),
    "DELETE": operation(
        "deleteEntity",
        "6.5.3.2",
        Text("Delete an entity", "Eine Entität löschen"),
        Text("Its history stays.", "Ihre Geschichte bleibt."),
        (DONE,),
        query=_ONE,
        path=(ENTITY_ID,),
        example={"path": _AT},
    ),
}
_ATTRIBUTES: Final = {
    "POST": operation(
        "appendAttributes",
        "6.6.3.1",
        Text("Add attributes", "Attribute hinzufügen"),
        Text(
            "Attributes that are there are replaced, unless options=noOverwrite.",
            "Vorhandene werden ersetzt, außer mit options=noOverwrite.",
        ),
        _UPDATED,
        query=(*_ONE, "options"),
        path=(ENTITY_ID,),
        body=ref("EntityFragment"),
        example={"path": _AT, "body": {"pm10": {"type": "Property", "value": 12}}},
    ),
    "PATCH": operation(
        "updateAttributes",
        "6.6.3.2",
        Text("Update attributes", "Attribute ändern"),
        Text("Only those that are there.", "Nur vorhandene."),
        _UPDATED,
        query=_ONE,
        path=(ENTITY_ID,),
        body=ref("EntityFragment"),
        patch=True,
        example={"path": _AT, "body": {"no2": LATER}},
    ),
}
_ATTRIBUTE: Final = {
    "PATCH": operation(
        "updateAttribute",
        "6.7.3.1",
        Text("Update parts of an attribute", "Teile eines Attributs ändern"),
        Text("Members that the body does not name stay.", "Was der Inhalt nicht nennt, bleibt."),
        _UPDATED,
        query=_ONE,
        path=(ENTITY_ID, ATTRIBUTE),
        body=ref("AttributeFragment"),
        patch=True,
        example={"path": _AT_NO2, "body": {"value": 20, "observedAt": "2026-03-01T14:00:00Z"}},
    ),
    "PUT": operation(
        "replaceAttribute",
        "6.7.3.3",
        Text("Replace an attribute", "Ein Attribut ersetzen"),
        Text("With all its members.", "Mit allen seinen Angaben."),
        _UPDATED,
        query=_ONE,
        path=(ENTITY_ID, ATTRIBUTE),
        body=ref("Attribute"),
        example={"path": {"entityId": ID, "attribute": "name"}, "body": {**NAME, "value": "Lake"}},
    ),
    "DELETE": operation(
        "deleteAttribute",
        "6.7.3.2",
        Text("Delete an attribute", "Ein Attribut löschen"),
        Text("One instance, or all of them with deleteAll.", "Eine Instanz, oder mit deleteAll alle."),
        (DONE,),
        query=(*_ONE, "datasetId", "deleteAll"),
        path=(ENTITY_ID, ATTRIBUTE),
        example={"path": _AT_NO2},
    ),
}
_BATCHES: Final = {
    "create": operation(
        "createBatch",
        "6.14.3.1",
        Text("Create many entities", "Viele Entitäten anlegen"),
        Text("Each element succeeds or fails alone.", "Jedes Element gelingt oder scheitert für sich."),
        (_ALL_CREATED, DONE, PARTLY),
        query=("local",),
        body=batch_of(ref("Entity")),
        example={"body": [OTHER]},
        tag=_BATCH,
    ),
    "upsert": operation(
        "upsertBatch",
        "6.15.3.1",
        Text("Create or replace many entities", "Viele Entitäten anlegen oder ersetzen"),
        Text("With options=update their attributes are updated.", "Mit options=update werden Attribute geändert."),
        (_ALL_CREATED, DONE, PARTLY),
        query=("local", "options"),
        body=batch_of(ref("Entity")),
        example={"body": [ENTITY, OTHER], "query": {"options": "update"}},
        tag=_BATCH,
    ),
    "update": operation(
        "updateBatch",
        "6.16.3.1",
        Text("Update many entities", "Viele Entitäten ändern"),
        Text("Attributes are added, or kept with options=noOverwrite.", "Fügt Attribute hinzu oder ersetzt sie."),
        (DONE, PARTLY),
        query=("local", "options"),
        body=batch_of(ref("EntityFragment")),
        example={"body": [{"id": ID, "type": "AirQualityObserved", "no2": LATER}]},
        tag=_BATCH,
    ),
    "merge": operation(
        "mergeBatch",
        "6.31.3.1",
        Text("Merge into many entities", "In viele Entitäten einfügen"),
        Text("As merging into one.", "Wie das Einfügen in eine."),
        (DONE, PARTLY),
        query=("local", "format", "options", "lang", "observedAt"),
        body=batch_of(ref("EntityFragment")),
        example={"body": [{"id": ID, "no2": LATER}]},
        tag=_BATCH,
    ),
    "delete": operation(
        "deleteBatch",
        "6.17.3.1",
        Text("Delete many entities", "Viele Entitäten löschen"),
        Text("The body lists their ids.", "Der Inhalt nennt ihre Kennungen."),
        (DONE, PARTLY),
        query=("local",),
        body=batch_of(URI),
        example={"body": [ID]},
        tag=_BATCH,
    ),
}

OPERATIONS: Final[Operations] = {
    ("entities",): _ENTITIES,
    ("entities", "*"): _ENTITY,
    ("entities", "*", "attrs"): _ATTRIBUTES,
    ("entities", "*", "attrs", "*"): _ATTRIBUTE,
    **{("entityOperations", name): {"POST": described_one} for name, described_one in _BATCHES.items()},
}
