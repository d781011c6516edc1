"""What the operations that read entities, types, attributes and contexts do. Spec: CIM 009 5.7, 5.13."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Answer, Operations, Text
from stadtkern.views.ngsild.consumption_query import QUERY, RETRIEVE
from stadtkern.views.ngsild.consumption_routes import POST_PARAMETERS
from stadtkern.views.ngsild.describe_parameters import ATTRIBUTE, CONTEXT_ID, ENTITY_ID, TYPE
from stadtkern.views.ngsild.describe_parts import DONE, ID, JSON, LD_JSON, amended, described, operation
from stadtkern.views.ngsild.describe_schemas import array_of, ref

_PAGE: Final = described(
    array_of(ref("EntityAnswer")), "A page of entities.", "Eine Seite Entitäten.", geojson=ref("FeatureCollection")
)
_FIXED: Final = described(
    array_of(ref("EntityAnswer")),
    "A page, and a map of all matches was made.",
    "Eine Seite, und eine Liste aller Treffer wurde angelegt.",
    geojson=ref("FeatureCollection"),
    status=201,
)
_DISCOVERY: Final = "discovery"
_CONTEXTS: Final = "contexts"
_CONTEXT: Final = {"anyOf": [ref("ContextDocument"), ref("ContextDetails")]}
_LIST: Final = ("details", "local", "count")

_READING: Final[Operations] = {
    ("entities",): {
        "GET": operation(
            "queryEntities",
            "6.4.3.2",
            Text("Find entities", "Entitäten finden"),
            Text(
                "By type, id, values, place and scope. One of type, attrs, q, georel or local=true is needed.",
                "Nach Typ, Kennung, Werten, Ort und Bereich. Eines von type, attrs, q, georel, local=true ist nötig.",
            ),
            (_PAGE, amended(array_of(ref("EntityAnswer")), geojson=ref("FeatureCollection")), _FIXED),
            query=QUERY,
            example={"query": {"type": "AirQualityObserved", "q": "no2>15", "count": "true"}},
            problems=(406, 422),
        )
    },
    ("entities", "*"): {
        "GET": operation(
            "retrieveEntity",
            "6.5.3.1",
            Text("Retrieve an entity", "Eine Entität abrufen"),
            Text("Its current state.", "Ihr jetziger Zustand."),
            (
                described(ref("EntityAnswer"), "The entity.", "Die Entität.", geojson=ref("Feature")),
                amended(ref("EntityAnswer"), geojson=ref("Feature")),
            ),
            query=RETRIEVE,
            path=(ENTITY_ID,),
            example={"path": {"entityId": ID}, "query": {"format": "simplified"}},
            problems=(406, 422),
        )
    },
    ("entityOperations", "query"): {
        "POST": operation(
            "queryByBody",
            "6.23.3.1",
            Text("Find entities, by a body", "Entitäten mit einem Inhalt finden"),
            Text("What would make the address too long.", "Für das, was als Adresse zu lang wäre."),
            (_PAGE, amended(array_of(ref("EntityAnswer")), geojson=ref("FeatureCollection")), _FIXED),
            query=POST_PARAMETERS,
            body=ref("Query"),
            example={"body": {"type": "Query", "entities": [{"type": "AirQualityObserved"}], "q": "no2>15"}},
            problems=(406,),
        )
    },
}
_TYPES: Final[Operations] = {
    ("types",): {
        "GET": operation(
            "listTypes",
            "6.25.3.1",
            Text("List the types in use", "Die verwendeten Typen auflisten"),
            Text("With details=true: with their attributes.", "Mit details=true samt Attributen."),
            (described({"anyOf": [ref("EntityTypeList"), array_of(ref("EntityType"))]}, "The types.", "Die Typen."),),
            query=_LIST,
            problems=(406,),
            tag=_DISCOVERY,
        )
    },
    ("types", "*"): {
        "GET": operation(
            "retrieveType",
            "6.26.3.1",
            Text("Describe a type", "Einen Typ beschreiben"),
            Text("How many entities and which attributes it has.", "Wie viele Entitäten und welche Attribute er hat."),
            (described(ref("EntityTypeInfo"), "The type.", "Der Typ."),),
            query=("local",),
            path=(TYPE,),
            example={"path": {"type": "AirQualityObserved"}},
            problems=(406,),
            tag=_DISCOVERY,
        )
    },
    ("attributes",): {
        "GET": operation(
            "listAttributes",
            "6.27.3.1",
            Text("List the attributes in use", "Die verwendeten Attribute auflisten"),
            Text("With details=true: with their types.", "Mit details=true samt Typen."),
            (
                described(
                    {"anyOf": [ref("AttributeList"), array_of(ref("AttributeInfo"))]},
                    "The attributes.",
                    "Die Attribute.",
                ),
            ),
            query=_LIST,
            problems=(406,),
            tag=_DISCOVERY,
        )
    },
    ("attributes", "*"): {
        "GET": operation(
            "retrieveAttribute",
            "6.28.3.1",
            Text("Describe an attribute", "Ein Attribut beschreiben"),
            Text("How often and in which types it is used.", "Wie oft und in welchen Typen es vorkommt."),
            (described(ref("AttributeInfo"), "The attribute.", "Das Attribut."),),
            query=("local",),
            path=(ATTRIBUTE,),
            example={"path": {"attribute": "no2"}},
            problems=(406,),
            tag=_DISCOVERY,
        )
    },
}
_CONTEXT_OPERATIONS: Final[Operations] = {
    ("jsonldContexts",): {
        "GET": operation(
            "listContexts",
            "6.29.3.2",
            Text("List the stored @contexts", "Die gespeicherten @contexts auflisten"),
            Text("Hosted here, or copies of others.", "Hier angelegte und Kopien anderer."),
            (
                described(
                    array_of({"anyOf": [{"type": "string"}, ref("ContextDetails")]}), "The contexts.", "Die Kontexte."
                ),
            ),
            query=("details", "kind", "local"),
            problems=(406,),
            tag=_CONTEXTS,
        ),
        "POST": operation(
            "addContext",
            "6.29.3.1",
            Text("Host an @context", "Einen @context anlegen"),
            Text("It is served under an address of this server.", "Er bekommt eine Adresse dieses Servers."),
            (
                Answer(
                    status=201,
                    text=Text("It is there.", "Er ist da."),
                    headers={"Location": Text("Its address", "Seine Adresse")},
                ),
            ),
            query=("local",),
            body=ref("ContextDocument"),
            example={"body": {"@context": {"no2": "https://example.org/no2"}}},
            tag=_CONTEXTS,
        ),
    },
    ("jsonldContexts", "*"): {
        "GET": operation(
            "serveContext",
            "6.30.3.1",
            Text("Serve an @context", "Einen @context ausliefern"),
            Text("Or what is known of it, with details=true.", "Oder mit details=true, was davon bekannt ist."),
            (
                Answer(
                    status=200,
                    text=Text("The context.", "Der Kontext."),
                    schemas={JSON: _CONTEXT, LD_JSON: _CONTEXT},
                ),
            ),
            query=("details", "local"),
            path=(CONTEXT_ID,),
            example={"path": {"contextId": "$context"}},
            problems=(406, 422),
            tag=_CONTEXTS,
        ),
        "DELETE": operation(
            "deleteContext",
            "6.30.3.2",
            Text("Delete an @context, or renew a copy", "Einen @context löschen oder erneuern"),
            Text("reload=true downloads a copy anew.", "reload=true holt eine Kopie neu."),
            (DONE,),
            query=("reload", "local"),
            path=(CONTEXT_ID,),
            example={"path": {"contextId": "$context"}},
            problems=(422,),
            tag=_CONTEXTS,
        ),
    },
}

OPERATIONS: Final[Operations] = {**_READING, **_TYPES, **_CONTEXT_OPERATIONS}
