"""What the change feed answers."""

from __future__ import annotations

from typing import Any, Final

from stadtkern.views._http.description import Answer, Description, Example, Operation, Parameter, Tag, Text

DEFAULT_LIMIT: Final = 1000
MAX_LIMIT: Final = 10_000
_TAG: Final = "changes"
_CURSOR: Final = {"type": "string", "pattern": "^[0-9]{1,18}-[0-9]{1,19}$"}

SINCE: Final = Parameter(
    name="since",
    schema=_CURSOR,
    text=Text(
        "Only what came after this cursor; 0-0: all that is kept",
        "Nur was nach dieser Marke kam; 0-0: alles, was aufgehoben ist",
    ),
)
LAST_EVENT_ID: Final = Parameter(
    name="Last-Event-ID",
    place="header",
    schema=_CURSOR,
    text=Text("The id of the last event received; browsers send it", "Die Kennung des letzten Ereignisses"),
)
SECONDS: Final = Parameter(
    name="seconds",
    schema={"type": "integer", "minimum": 0, "maximum": 86400},
    text=Text(
        "The stream ends after so many seconds; 0: after what is there already",
        "Der Strom endet nach so vielen Sekunden; 0: nach dem, was schon da ist",
    ),
)
_ATTRIBUTE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "verb"],
    "properties": {
        "name": {"type": "string"},
        "datasetId": {"type": "string"},
        "verb": {"enum": ["created", "updated", "deleted", "recorded", "revised", "erased"]},
        "count": {"type": "integer"},
        "previous": {"type": "object"},
        "new": {"type": "object"},
    },
}

DESCRIPTION: Final = Description(
    tags=(
        Tag(
            name=_TAG,
            title=Text("Changes", "Änderungen"),
            text=Text("What was written, in the order of the commits.", "Was geschrieben wurde, der Reihe nach."),
        ),
    ),
    schemas={
        "Change": {
            "type": "object",
            "required": ["cursor", "at", "id", "types", "kind", "attributes"],
            "properties": {
                "cursor": _CURSOR,
                "at": {"type": "string", "format": "date-time"},
                "id": {"type": "string"},
                "types": {"type": "array", "items": {"type": "string"}},
                "kind": {"enum": ["created", "updated", "deleted", "erased"]},
                "version": {"type": "integer"},
                "attributes": {"type": "array", "items": _ATTRIBUTE},
            },
        }
    },
    operations={
        (): {
            "GET": Operation(
                id="readChanges",
                tag=_TAG,
                title=Text("Read the change feed", "Die Änderungen lesen"),
                text=Text(
                    "One JSON object a line and change of an entity. Ask again with the cursor of the header"
                    " Stadtkern-Cursor; when it no longer moves, you have everything. With Accept: text/event-stream"
                    " the changes follow live, without since from now on.",
                    "Ein JSON-Objekt je Zeile und Änderung. Weiter geht es mit der Marke aus dem Kopf Stadtkern-Cursor;"
                    " bewegt sie sich nicht mehr, ist alles gelesen. Mit Accept: text/event-stream folgen Änderungen"
                    " laufend, ohne since ab jetzt.",
                ),
                parameters=(
                    SINCE,
                    LAST_EVENT_ID,
                    Parameter(
                        name="limit",
                        schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
                        text=Text("Most lines of a page", "Höchstzahl der Zeilen"),
                    ),
                    Parameter(
                        name="values",
                        schema={"type": "boolean", "default": False},
                        text=Text("With previous and new values", "Mit alten und neuen Werten"),
                    ),
                    SECONDS,
                ),
                answers=(
                    Answer(
                        status=200,
                        text=Text("The changes.", "Die Änderungen."),
                        schemas={
                            "application/x-ndjson": {"$ref": "#/components/schemas/Change"},
                            "text/event-stream": {"type": "string"},
                        },
                        headers={"Stadtkern-Cursor": Text("Where to go on", "Wo es weitergeht")},
                    ),
                ),
                example=Example(status=200, query={"since": "0-0", "limit": "10"}),
                problems=(401, 403, 404, 410, 429),
            )
        }
    },
)
